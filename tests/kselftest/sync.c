// SPDX-License-Identifier: GPL-2.0-only
/* Explicit and implicit order: sync objects, timelines, fences of buffers. */

#include <poll.h>
#include <signal.h>
#include <sys/time.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	65536

static void nothing(int sig)
{
	(void)sig;
}

FIXTURE(sync) {
	int fd;
	struct program nop;
	struct submission s;
	uint32_t sync;
};

FIXTURE_SETUP(sync)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->nop = program_new(self->fd);
	ASSERT_TRUE(self->nop.bo.map);
	program_inst(&self->nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&self->s, &self->nop, 0);
	self->sync = syncobj_new(self->fd);
	ASSERT_NE(0, self->sync);
}

FIXTURE_TEARDOWN(sync)
{
	close(self->fd);
	inject("clear");
}

TEST_F(sync, out)
{
	submission_out(&self->s, self->sync, 0);
	ASSERT_LT(0, submit(self->fd, &self->s));
	EXPECT_EQ(0, syncobj_wait(self->fd, self->sync, 0, 10 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, 1, 0));
}

/* When a fence has signalled the result is there. */
TEST_F(sync, status_after_fence)
{
	struct drm_neuron_job_status status;
	int i;

	submission_out(&self->s, self->sync, 0);
	for (i = 1; i <= 200; i++) {
		ASSERT_EQ(i, submit(self->fd, &self->s));
		ASSERT_EQ(0, syncobj_wait(self->fd, self->sync, 0, 10 * SECOND_NS));
		ASSERT_EQ(0, job_status(self->fd, i, &status));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, status.state);
		ASSERT_NE(0, status.cycles);
	}
}

/* Waiting and asking in one, for the newest job and for one that has long ended. */
TEST_F(sync, status_waits)
{
	struct drm_neuron_job_status status;
	int i;

	for (i = 1; i <= 300; i++) {
		ASSERT_EQ(i, submit(self->fd, &self->s));
		ASSERT_EQ(0, job_status_wait(self->fd, i, now_ns() + 10 * SECOND_NS, &status));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, status.state);
		ASSERT_NE(0, status.cycles);
	}
	EXPECT_EQ(0, job_status_wait(self->fd, 1, 1, &status));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, status.state);
	EXPECT_EQ(-ENOENT, job_status_wait(self->fd, i, INT64_MAX, &status));
	for (i = 0; i < 100; i++)
		ASSERT_EQ(301 + i, submit(self->fd, &self->s));
	EXPECT_EQ(0, job_status_wait(self->fd, 400, INT64_MAX, &status));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, status.state);
}

/*
 * Who waited for the last job awake waits otherwise for the next one: it gets its interrupt
 * all the same, long before the watchdog looks for what is lost.
 */
TEST_F(sync, fence_after_status)
{
	struct drm_neuron_job_status status;
	int64_t job;
	int i;

	for (i = 0; i < 200; i++) {
		self->s.args.out_syncs.count = 0;
		job = submit(self->fd, &self->s);
		ASSERT_LT(0, job);
		ASSERT_EQ(0, job_status_wait(self->fd, job, INT64_MAX, &status));
		submission_out(&self->s, self->sync, 0);
		ASSERT_LT(0, submit(self->fd, &self->s));
		ASSERT_EQ(0, syncobj_wait(self->fd, self->sync, 0, SECOND_NS / 2));
	}
}

/* The time passes, a signal comes, the job is stopped. */
TEST_F(sync, status_wait_ends)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval timer = { { 0, 0 }, { 0, 50000 } };
	struct drm_neuron_job_status status;
	int64_t start = now_ns(), job;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 1500;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(-ETIME, job_status_wait(self->fd, job, 1, &status));
	EXPECT_EQ(-ETIME, job_status_wait(self->fd, job, start + 100 * MS_NS, &status));
	EXPECT_LE(100 * MS_NS, now_ns() - start);
	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	EXPECT_EQ(-EINTR, job_status_wait(self->fd, job, INT64_MAX, &status));
	EXPECT_EQ(0, job_status_wait(self->fd, job, INT64_MAX, &status));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, status.state);
	EXPECT_LE(1500 * MS_NS, now_ns() - start);
}

/* Ticks come every few milliseconds: wherever between two of them a wait begins and ends. */
TEST_F(sync, waits_are_not_short)
{
	struct drm_neuron_job_status status;
	int waited = 0, ret, i;
	int64_t job, until;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 2000;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	for (i = 0; i < 80; i++) {
		/* The one before ended with a tick. */
		for (until = now_ns() + i * MS_NS / 10; now_ns() < until;)
			;
		until = now_ns() + 5 * MS_NS;
		if (i % 2) {
			EXPECT_EQ(-ETIME, job_status_wait(self->fd, job, until, &status));
		} else {
			ret = bo_wait(self->fd, self->nop.bo.handle, 0, until);
			/* On a busy host it may have come too late to wait at all. */
			EXPECT_TRUE(ret == -ETIME || ret == -EBUSY);
			waited += ret == -ETIME;
		}
		EXPECT_LE(until, now_ns());
	}
	EXPECT_LT(0, waited);
	EXPECT_EQ(0, job_status_wait(self->fd, job, INT64_MAX, &status));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, status.state);
}

TEST_F(sync, timeline)
{
	uint64_t point;

	for (point = 1; point <= 10; point++) {
		submission_init(&self->s, &self->nop, 0);
		if (point > 1)
			submission_in(&self->s, self->sync, point - 1);
		submission_out(&self->s, self->sync, point);
		ASSERT_EQ((int64_t)point, submit(self->fd, &self->s));
	}
	ASSERT_EQ(0, syncobj_wait(self->fd, self->sync, 10, 10 * SECOND_NS));
	EXPECT_EQ(0, syncobj_wait(self->fd, self->sync, 3, 0));
	EXPECT_EQ(-EINVAL, syncobj_wait(self->fd, self->sync, 11, 0));
}

/* Points need 64 bits. */
TEST_F(sync, timeline_large_points)
{
	uint64_t point = 1ull << 40;

	submission_out(&self->s, self->sync, point);
	ASSERT_LT(0, submit(self->fd, &self->s));
	submission_init(&self->s, &self->nop, 0);
	submission_in(&self->s, self->sync, point);
	submission_out(&self->s, self->sync, point + 1);
	ASSERT_LT(0, submit(self->fd, &self->s));
	EXPECT_EQ(0, syncobj_wait(self->fd, self->sync, point + 1, 10 * SECOND_NS));

	/* Truncated to 32 bits this would be point 1, which exists by then. */
	submission_init(&self->s, &self->nop, 0);
	submission_in(&self->s, self->sync, point + 2);
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

TEST_F(sync, several)
{
	uint32_t syncs[4];
	int i;

	for (i = 0; i < 4; i++) {
		syncs[i] = syncobj_new(self->fd);
		ASSERT_NE(0, syncs[i]);
		submission_out(&self->s, syncs[i], i & 1 ? 5 : 0);
	}
	ASSERT_LT(0, submit(self->fd, &self->s));
	submission_init(&self->s, &self->nop, 0);
	for (i = 0; i < 4; i++)
		submission_in(&self->s, syncs[i], i & 1 ? 5 : 0);
	submission_out(&self->s, self->sync, 0);
	ASSERT_LT(0, submit(self->fd, &self->s));
	EXPECT_EQ(0, syncobj_wait(self->fd, self->sync, 0, 10 * SECOND_NS));
}

TEST_F(sync, errors)
{
	struct drm_neuron_sync many[65] = {};
	int other = dev_open();
	uint32_t foreign = syncobj_new(other);

	/* Not known; known to another file only; nothing to wait for yet. */
	submission_in(&self->s, 99, 0);
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
	self->s.in[0].handle = 0;
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
	while (foreign && foreign <= self->sync)
		foreign = syncobj_new(other);
	self->s.in[0].handle = foreign;
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
	self->s.in[0].handle = self->sync;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.in[0].flags = 1;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));

	submission_init(&self->s, &self->nop, 0);
	submission_out(&self->s, 99, 0);
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
	self->s.out[0].handle = self->sync;
	self->s.out[0].flags = 1;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));

	submission_init(&self->s, &self->nop, 0);
	self->s.args.slots.ptr = (uintptr_t)self->s.slots;
	self->s.args.slots.stride = sizeof(self->s.slots[0]);
	self->s.args.in_syncs = (struct drm_neuron_array) ARRAY(many, 65);
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &self->s.args));
	self->s.args.in_syncs.count = UINT32_MAX;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &self->s.args));
	self->s.args.in_syncs = (struct drm_neuron_array) { 8, 1, sizeof(many[0]) };
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &self->s.args));
	self->s.args.in_syncs = (struct drm_neuron_array) {};
	self->s.args.out_syncs = (struct drm_neuron_array) ARRAY(many, 65);
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &self->s.args));
	close(other);
}

/* A failed submission leaves the sync objects that it names alone. */
TEST_F(sync, failure_signals_nothing)
{
	submission_out(&self->s, self->sync, 0);
	submission_out(&self->s, 99, 0);
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
	EXPECT_EQ(-EINVAL, syncobj_wait(self->fd, self->sync, 0, 0));
}

TEST_F(sync, sync_file)
{
	struct pollfd p = { .events = POLLIN };

	submission_out(&self->s, self->sync, 0);
	ASSERT_LT(0, submit(self->fd, &self->s));
	p.fd = syncobj_export(self->fd, self->sync, true);
	ASSERT_LE(0, p.fd);
	EXPECT_EQ(1, poll(&p, 1, 10000));
}

/* A job waits for its in_syncs even though its core is free. */
TEST_F(sync, in_waits)
{
	int64_t first, second;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	submission_out(&self->s, self->sync, 0);
	self->s.args.timeout_ms = 600;
	first = submit(self->fd, &self->s);
	ASSERT_LT(0, first);

	submission_init(&self->s, &self->nop, 1);
	submission_in(&self->s, self->sync, 0);
	second = submit(self->fd, &self->s);
	ASSERT_LT(0, second);
	EXPECT_EQ(-ETIME, job_wait(self->fd, second, 200 * MS_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, second, 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, first, 0));
}

/* Jobs on other cores are ordered by what they write, and by nothing else. */
TEST_F(sync, implicit)
{
	struct bo src = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct bo dst = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct program copy = program_new(self->fd);
	struct submission reader, writer;
	int64_t hung, after;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	program_copy(&copy, 1, 0, 2, 0, SIZE);

	/* A hung reader of src does not keep another reader waiting, but a writer. */
	submission_slot(&self->s, src.handle, DRM_NEURON_SLOT_READ);
	self->s.args.timeout_ms = 800;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	hung = submit(self->fd, &self->s);
	ASSERT_LT(0, hung);

	submission_init(&reader, &copy, 1);
	submission_slot(&reader, src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&reader, dst.handle, DRM_NEURON_SLOT_WRITE);
	after = submit(self->fd, &reader);
	ASSERT_LT(0, after);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, after, 400 * MS_NS));

	EXPECT_EQ(0, bo_wait(self->fd, src.handle, DRM_NEURON_BO_WAIT_READ, 0));
	EXPECT_EQ(-EBUSY, bo_wait(self->fd, src.handle, 0, 0));
	EXPECT_EQ(-ETIME, bo_wait(self->fd, src.handle, 0, now_ns() + 10 * MS_NS));

	submission_init(&writer, &copy, 2);
	submission_slot(&writer, dst.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&writer, src.handle, DRM_NEURON_SLOT_WRITE);
	after = submit(self->fd, &writer);
	ASSERT_LT(0, after);
	EXPECT_EQ(-ETIME, job_wait(self->fd, after, 100 * MS_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, after, 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 0));
}

/* Unless it says that it need not wait; others then wait for both. */
TEST_F(sync, unordered)
{
	struct bo src = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct bo dst = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct program copy = program_new(self->fd);
	struct submission writer;
	int64_t hung, after;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	program_copy(&copy, 1, 0, 2, 0, SIZE);
	fill_pattern(src.map, SIZE, 9);

	submission_slot(&self->s, dst.handle, DRM_NEURON_SLOT_WRITE);
	self->s.args.timeout_ms = 800;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	hung = submit(self->fd, &self->s);
	ASSERT_LT(0, hung);

	submission_init(&writer, &copy, 1);
	submission_slot(&writer, src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&writer, dst.handle, DRM_NEURON_SLOT_WRITE);
	writer.args.flags = DRM_NEURON_SUBMIT_UNORDERED;
	after = submit(self->fd, &writer);
	ASSERT_LT(0, after);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, after, 400 * MS_NS));
	EXPECT_TRUE(check_pattern(dst.map, SIZE, 9));

	writer.args.flags = 0;
	after = submit(self->fd, &writer);
	ASSERT_LT(0, after);
	EXPECT_EQ(-ETIME, job_wait(self->fd, after, 100 * MS_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, after, 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 0));
}

/*
 * A storm of signals while jobs are submitted and waited for: calls either work
 * or say EINTR, and can then be repeated as they are.
 */
TEST_F(sync, signal_storm)
{
	struct sigaction action = { .sa_handler = nothing };
	struct itimerval timer = { { 0, 300 }, { 0, 300 } };
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, 1 << 20);
	struct drm_neuron_copy_op op = { .dst_handle = bo.handle, .size = 1 << 20, .value = 1 };
	struct drm_neuron_bo_create create;
	int64_t job = 0, end;
	int i, ret;

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &timer, NULL));
	for (i = 1; i <= 300; i++) {
		do
			job = copy_async(self->fd, &op, 1, 0, 0);
		while (job == -EINTR);
		ASSERT_EQ(i * 2 - 1, job);
		do
			job = submit(self->fd, &self->s);
		while (job == -EINTR);
		ASSERT_EQ(i * 2, job);
		end = now_ns() + 10 * SECOND_NS;
		do
			ret = bo_wait(self->fd, bo.handle, 0, end);
		while (ret == -EINTR);
		ASSERT_EQ(0, ret);
		create = (struct drm_neuron_bo_create) { .size = 4096, .flags = DRM_NEURON_BO_DRAM };
		do
			ret = dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create);
		while (ret == -EINTR);
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, bo_close(self->fd, create.handle));
	}
	timer = (struct itimerval) {};
	setitimer(ITIMER_REAL, &timer, NULL);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
}

TEST_HARNESS_MAIN
