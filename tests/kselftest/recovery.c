// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device misbehaves: hangs, lost interrupts, bad completions, refused
 * resets. Each time somebody is told, the others notice nothing, and it goes on.
 */

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	65536

FIXTURE(recovery) {
	int fd;
	int other;
	struct program nop;
	struct program nop_other;
	struct submission s;
	struct submission t;
	uint32_t num_cores;
};

FIXTURE_SETUP(recovery)
{
	struct drm_neuron_device_info info = {};

	self->fd = dev_open();
	self->other = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	self->num_cores = info.num_cores;
	self->nop = program_new(self->fd);
	self->nop_other = program_new(self->other);
	ASSERT_TRUE(self->nop.bo.map && self->nop_other.bo.map);
	program_inst(&self->nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	program_inst(&self->nop_other, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&self->s, &self->nop, 0);
	submission_init(&self->t, &self->nop_other, 0);
	stalls_watch();
}

FIXTURE_TEARDOWN(recovery)
{
	uint32_t i;

	inject("clear");

	/* Whatever happened, every core works for everybody. */
	for (i = 0; i < self->num_cores; i++) {
		EXPECT_EQ(0, core_works(self->fd, i));
		EXPECT_EQ(0, core_works(self->other, i));
	}
	close(self->fd);
	close(self->other);
}

static struct drm_neuron_core_info core_info(int fd, uint32_t core)
{
	struct drm_neuron_core_info info = {};

	query(fd, DRM_NEURON_QUERY_CORE, core, &info, sizeof(info));

	return info;
}

TEST_F(recovery, hang_times_out)
{
	struct drm_neuron_core_info before = core_info(self->fd, 0), after;
	struct drm_neuron_job_status status;
	int64_t start, job;

	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 800;
	start = now_ns();
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(-ETIME, job_wait(self->fd, job, 200 * MS_NS));
	EXPECT_EQ(DRM_NEURON_CORE_BUSY, core_info(self->fd, 0).state);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_WITHIN(1800 * MS_NS, start);
	EXPECT_LE(800 * MS_NS, now_ns() - start);
	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_EQ(0, status.fault_kind);
	EXPECT_EQ(0, core_works(self->fd, 0));
	after = core_info(self->fd, 0);
	EXPECT_EQ(before.resets + 1, after.resets);
}

/* The time-out counts from when the core starts with the job. */
TEST_F(recovery, queued_jobs_have_time)
{
	int64_t jobs[4];
	int i;

	ASSERT_EQ(0, inject("hang-core 0 3 0"));
	for (i = 0; i < 4; i++) {
		self->s.args.timeout_ms = i < 3 ? 100 : 5000;
		jobs[i] = submit(self->fd, &self->s);
		ASSERT_LT(0, jobs[i]);
	}
	for (i = 0; i < 3; i++)
		EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, jobs[i], 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, jobs[3], 5 * SECOND_NS));
}

/* Jobs in the same ring, behind the hung one, are executed, once. */
TEST_F(recovery, only_the_guilty)
{
	struct bo counter = bo_new(self->other, DRM_NEURON_BO_HOST, SIZE);
	struct program copy = program_new(self->other);
	int64_t guilty, jobs[40];
	struct submission s;
	int i;

	/* Each job makes the run of marks longer by one: a lost or repeated one shows. */
	ASSERT_TRUE(counter.map);
	counter.map[0] = 0xab;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 400;
	guilty = submit(self->fd, &self->s);
	ASSERT_LT(0, guilty);

	program_copy(&copy, 1, 0, 1, 1, 255);
	submission_init(&s, &copy, 0);
	submission_slot(&s, counter.handle, DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE);
	for (i = 0; i < 40; i++) {
		jobs[i] = submit(self->other, &s);
		ASSERT_LT(0, jobs[i]);
	}
	for (i = 0; i < 40; i++)
		EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, jobs[i], 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, guilty, 0));
	EXPECT_TRUE(is_filled(counter.map, 41, 0xab));
	EXPECT_TRUE(is_filled(counter.map + 41, 200, 0));
}

#define ROUNDS	10
#define MARKS	30

/*
 * Each core hangs by turns, while another client has jobs on all of them: none of those is
 * lost, repeated or late, and no other core is reset.
 */
TEST_F_TIMEOUT(recovery, hangs_hurt_nobody_else, 120)
{
	uint32_t core, hung, resets[NEURON_MAX_CORES];
	int64_t jobs[NEURON_MAX_CORES][MARKS], guilty, late;
	struct program copy = program_new(self->other);
	struct submission s[NEURON_MAX_CORES];
	struct bo marks[NEURON_MAX_CORES];
	int round, i;

	/* Each job makes its core's run of marks longer by one. */
	program_copy(&copy, 1, 0, 1, 1, 255);
	for (core = 0; core < self->num_cores; core++) {
		marks[core] = bo_new(self->other, DRM_NEURON_BO_HOST, SIZE);
		ASSERT_TRUE(marks[core].map);
		submission_init(&s[core], &copy, core);
		submission_slot(&s[core], marks[core].handle,
				DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE);
		resets[core] = core_info(self->fd, core).resets;
	}
	self->s.args.timeout_ms = 100;

	for (round = 0; round < ROUNDS; round++) {
		hung = round % self->num_cores;
		for (core = 0; core < self->num_cores; core++) {
			memset(marks[core].map, 0, 256);
			marks[core].map[0] = 0xab;
		}
		ASSERT_EQ(0, inject("hang-core %u 1 0", hung));
		self->s.args.core = hung;
		late = now_ns() + 100 * MS_NS;
		guilty = submit(self->fd, &self->s);
		ASSERT_LT(0, guilty);
		for (i = 0; i < MARKS; i++) {
			for (core = 0; core < self->num_cores; core++) {
				jobs[core][i] = submit(self->other, &s[core]);
				ASSERT_LT(0, jobs[core][i]);
			}
		}

		/* Reset within a second, as far as we have had time to ask. */
		if (late < now_ns())
			late = now_ns();
		ASSERT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, guilty, 5 * SECOND_NS));
		EXPECT_WITHIN(SECOND_NS, late);
		resets[hung]++;
		for (core = 0; core < self->num_cores; core++) {
			for (i = 0; i < MARKS; i++)
				ASSERT_EQ(DRM_NEURON_JOB_DONE,
					  job_wait(self->other, jobs[core][i], 5 * SECOND_NS));
			ASSERT_TRUE(is_filled(marks[core].map, MARKS + 1, 0xab));
			ASSERT_TRUE(is_filled(marks[core].map + MARKS + 1, 200, 0));
			ASSERT_EQ(resets[core], core_info(self->fd, core).resets);
		}
	}
}

TEST_F(recovery, other_cores_go_on)
{
	uint32_t core, resets[NEURON_MAX_CORES];
	int64_t hung, job, end;
	int n = 0;

	for (core = 1; core < self->num_cores; core++)
		resets[core] = core_info(self->fd, core).resets;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 600;
	hung = submit(self->fd, &self->s);
	ASSERT_LT(0, hung);
	end = now_ns() + 900 * MS_NS;
	while (now_ns() < end) {
		core = 1 + n++ % (self->num_cores - 1);
		self->t.args.core = core;
		job = submit(self->other, &self->t);
		ASSERT_LT(0, job);
		ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, job, 500 * MS_NS));
	}
	EXPECT_LT(20, n);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 2 * SECOND_NS));
	for (core = 1; core < self->num_cores; core++)
		EXPECT_EQ(resets[core], core_info(self->fd, core).resets);
}

TEST_F(recovery, all_cores_hang)
{
	int64_t jobs[NEURON_MAX_CORES];
	uint32_t i;

	self->s.args.timeout_ms = 300;
	for (i = 0; i < self->num_cores; i++) {
		ASSERT_EQ(0, inject("hang-core %u 1 0", i));
		self->s.args.core = i;
		jobs[i] = submit(self->fd, &self->s);
		ASSERT_LT(0, jobs[i]);
	}
	for (i = 0; i < self->num_cores; i++)
		EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, jobs[i], 5 * SECOND_NS));
}

/* The fence tells, too, and dependent jobs run. */
TEST_F(recovery, hang_signals_syncobj)
{
	uint32_t sync = syncobj_new(self->fd);
	int64_t hung, next;

	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->s.args.timeout_ms = 300;
	submission_out(&self->s, sync, 0);
	hung = submit(self->fd, &self->s);
	ASSERT_LT(0, hung);
	submission_init(&self->s, &self->nop, 1);
	submission_in(&self->s, sync, 0);
	next = submit(self->fd, &self->s);
	ASSERT_LT(0, next);
	EXPECT_EQ(-ETIME, syncobj_wait(self->fd, sync, 0, 100 * MS_NS));
	EXPECT_EQ(0, syncobj_wait(self->fd, sync, 0, 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 0));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, next, 5 * SECOND_NS));
}

/* A lost interrupt costs a second at the most, and no reset. */
TEST_F(recovery, lost_interrupt)
{
	struct drm_neuron_core_info before = core_info(self->fd, 0);
	int64_t start = now_ns(), job;

	ASSERT_EQ(0, inject("drop-irq 0 1 0"));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_WITHIN(2 * SECOND_NS, start);
	EXPECT_EQ(before.resets, core_info(self->fd, 0).resets);
}

TEST_F(recovery, late_interrupt)
{
	int64_t job;

	ASSERT_EQ(0, inject("delay-irq 0 1 100000"));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
}

/* The queue is reset at once, not when the job would be late. */
TEST_F(recovery, completion_of_unknown_id)
{
	struct drm_neuron_core_info before = core_info(self->fd, 0);
	int64_t start = now_ns(), job;
	struct drm_neuron_job_status status;

	ASSERT_EQ(0, inject("cqe-bad-id 0 1 987654321"));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_WITHIN(2 * SECOND_NS, start);
	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_EQ(NEURON_FAULT_INTERNAL, status.fault_kind);
	EXPECT_EQ(before.resets + 1, core_info(self->fd, 0).resets);
}

/* An id of the past is nobody's: dropped, and the job ends by its time-out. */
TEST_F(recovery, completion_of_old_id)
{
	int64_t job;

	ASSERT_EQ(0, core_works(self->fd, 0));
	ASSERT_EQ(0, inject("cqe-bad-id 0 1 1"));
	self->s.args.timeout_ms = 300;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 5 * SECOND_NS));
}

TEST_F(recovery, completion_twice)
{
	struct drm_neuron_core_info before = core_info(self->fd, 0);
	int64_t job;
	int i;

	ASSERT_EQ(0, inject("cqe-duplicate 0 5 0"));
	for (i = 0; i < 100; i++) {
		job = submit(self->fd, &self->s);
		ASSERT_LT(0, job);
		EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
	}
	EXPECT_EQ(before.resets, core_info(self->fd, 0).resets);
}

TEST_F(recovery, completion_with_bad_phase)
{
	int64_t job;

	ASSERT_EQ(0, inject("cqe-bad-phase 0 1 0"));
	self->s.args.timeout_ms = 300;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 5 * SECOND_NS));
}

TEST_F(recovery, completion_with_bad_status)
{
	struct drm_neuron_job_status status;
	int64_t job;

	ASSERT_EQ(0, inject("cqe-bad-status 0 1 60000"));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, job, 5 * SECOND_NS));
	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_EQ(NEURON_FAULT_INTERNAL, status.fault_kind);
	EXPECT_EQ(60000, status.fault_info);
}

TEST_F(recovery, dma_fails)
{
	struct drm_neuron_job_status status;
	int64_t job;
	int state;

	ASSERT_EQ(0, inject("fail-dma 0 1 0"));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	state = job_wait(self->fd, job, 5 * SECOND_NS);
	EXPECT_EQ(DRM_NEURON_JOB_FAULT, state);
	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_TRUE(status.fault_kind == NEURON_FAULT_DMA_ABORT ||
		    status.fault_kind == NEURON_FAULT_INTERNAL);
}

/* The scratchpad loses a bit: the job is told, nothing is reset, the next one works. */
TEST_F(recovery, scratchpad_error)
{
	struct drm_neuron_core_info before = core_info(self->fd, 0);
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct program copy = program_new(self->fd);
	struct drm_neuron_job_status status;
	int64_t job;
	int i;

	ASSERT_TRUE(bo.map);
	program_copy(&copy, 1, 0, 1, 4096, 64);
	submission_init(&self->s, &copy, 0);
	submission_slot(&self->s, bo.handle, DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE);
	bo.map[0] = 0x77;
	ASSERT_EQ(0, inject("sbuf-flip-ue 0 2 0"));
	for (i = 0; i < 3; i++) {
		job = submit(self->fd, &self->s);
		ASSERT_LT(0, job);
		EXPECT_EQ(i < 2 ? DRM_NEURON_JOB_FAULT : DRM_NEURON_JOB_DONE,
			  job_wait(self->fd, job, 5 * SECOND_NS));
		ASSERT_EQ(0, job_status(self->fd, job, &status));
		EXPECT_EQ(i < 2 ? NEURON_FAULT_SBUF_ECC : NEURON_FAULT_NONE, status.fault_kind);
		EXPECT_EQ(i < 2 ? 0 : 0x77, bo.map[4096]);
	}
	EXPECT_EQ(before.resets, core_info(self->fd, 0).resets);
}

/*
 * The chip says that it has failed: it is reset at once, whatever executes on any core
 * is lost and told so, what waits behind it is executed.
 */
TEST_F(recovery, chip_fails)
{
	int64_t jobs[2], queued, start;
	struct drm_neuron_job_status status;
	uint32_t i;

	for (i = 0; i < 2; i++) {
		ASSERT_EQ(0, inject("hang-core %u 1 0", i));
		self->s.args.core = i;
		self->s.args.timeout_ms = 20000;
		jobs[i] = submit(self->fd, &self->s);
		ASSERT_LT(0, jobs[i]);
	}
	queued = submit(self->other, &self->t);
	ASSERT_LT(0, queued);
	EXPECT_EQ(-ETIME, job_wait(self->fd, jobs[1], 100 * MS_NS));
	start = now_ns();
	ASSERT_EQ(0, inject("fatal 0 1 0"));
	for (i = 0; i < 2; i++) {
		EXPECT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, jobs[i], 10 * SECOND_NS));
		ASSERT_EQ(0, job_status(self->fd, jobs[i], &status));
		EXPECT_EQ(NEURON_FAULT_INTERNAL, status.fault_kind);
	}
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, queued, 10 * SECOND_NS));
	EXPECT_WITHIN(10 * SECOND_NS, start);
}

/* A core that does not reset takes the chip with it: others' running jobs are cancelled. */
TEST_F(recovery, refused_reset)
{
	int64_t hung, bystander, queued;

	ASSERT_EQ(0, inject("refuse-reset 0 1 0"));
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	ASSERT_EQ(0, inject("hang-core 1 1 0"));
	self->s.args.timeout_ms = 300;
	hung = submit(self->fd, &self->s);
	ASSERT_LT(0, hung);
	self->t.args.core = 1;
	self->t.args.timeout_ms = 20000;
	bystander = submit(self->other, &self->t);
	ASSERT_LT(0, bystander);
	queued = submit(self->other, &self->t);
	ASSERT_LT(0, queued);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 10 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_CANCELLED, job_wait(self->other, bystander, 10 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, queued, 10 * SECOND_NS));
}

/* A hung copy on a DMA queue: its queue is stopped and started again. */
TEST_F(recovery, dma_queue_gets_lost_completion)
{
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	struct drm_neuron_copy_op op = { .dst_handle = bo.handle, .size = SIZE, .value = 5 };
	uint32_t q;
	int64_t job;

	ASSERT_TRUE(bo.map);
	for (q = 0; q < 4; q++)
		ASSERT_EQ(0, inject("cqe-bad-id %u 1 55555555", self->num_cores + q));
	job = copy_async(self->fd, &op, 1, 0, 0);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, job, 5 * SECOND_NS));
	inject("clear");
	EXPECT_EQ(0, copy_sync(self->fd, &op));
	EXPECT_TRUE(is_filled(bo.map, SIZE, 5));
}

/* The owner of a hung job is killed: the core is free again soon. */
TEST_F(recovery, owner_of_hung_job_killed)
{
	int64_t start, job;
	int status;
	pid_t pid;

	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		int fd = dev_open(), i;
		struct program p = program_new(fd);
		struct submission s;

		program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
		submission_init(&s, &p, 0);
		for (i = 0; i < 100; i++)
			submit(fd, &s);
		pause();
	}
	usleep(200000);
	kill(pid, SIGKILL);
	start = now_ns();
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_WITHIN(2 * SECOND_NS, start);
}

TEST_F(recovery, close_with_jobs_under_way)
{
	int i, j;

	for (i = 0; i < 20; i++) {
		int fd = dev_open();
		struct program p = program_new(fd);
		struct bo bo = bo_new(fd, DRM_NEURON_BO_DRAM, 4 << 20);
		struct drm_neuron_copy_op op = { .dst_handle = bo.handle, .size = 4 << 20 };
		struct submission s;

		program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
		submission_init(&s, &p, i % self->num_cores);
		for (j = 0; j < 50; j++) {
			ASSERT_LT(0, submit(fd, &s));
			ASSERT_LT(0, copy_async(fd, &op, 1, 0, 0));
		}
		munmap(bo.map, 4 << 20);
		close(fd);
	}
}

/* Hang after hang, with another client at work on the same core. */
TEST_F_TIMEOUT(recovery, again_and_again, 120)
{
	int64_t hung, job;
	int i;

	/*
	 * Long enough for a loaded host to start the job: else it times out before
	 * the core has fetched it, and the fault strikes the job behind.
	 */
	self->s.args.timeout_ms = 250;
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, core_works(self->other, 0));
		ASSERT_EQ(0, inject("hang-core 0 1 0"));
		hung = submit(self->fd, &self->s);
		ASSERT_LT(0, hung);
		job = submit(self->other, &self->t);
		ASSERT_LT(0, job);
		ASSERT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, hung, 5 * SECOND_NS));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, job, 5 * SECOND_NS));
	}
}

TEST_HARNESS_MAIN
