// SPDX-License-Identifier: GPL-2.0-only
/* Clients share: turns at a core, priorities, limits of a user. */

#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

#define PARAMETER	"/sys/module/neuron/parameters/dram_percent"
#define CHUNK		(4 << 20)
#define BACKLOG		120

FIXTURE(fair) {
	int fd;
	int other;
	struct bo source;
};

FIXTURE_SETUP(fair)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->other = dev_open();
	ASSERT_LE(0, self->other);
	self->source = bo_new(self->fd, DRM_NEURON_BO_DRAM, CHUNK);
	ASSERT_TRUE(self->source.map);
}

FIXTURE_TEARDOWN(fair)
{
	inject("clear");
	munmap(self->source.map, CHUNK);
	close(self->fd);
	close(self->other);
}

static int priority(int fd, uint32_t level)
{
	struct drm_neuron_priority args = { .priority = level };

	return dev_ioctl(fd, DRM_IOCTL_NEURON_PRIORITY, &args);
}

/* A program that keeps a core busy for some milliseconds. */
static void slow_program(struct program *p, struct submission *s, int fd, struct bo *source)
{
	int i;

	*p = program_new(fd);
	program_header(p)->sbuf_size = CHUNK;
	for (i = 0; i < 12; i++)
		program_load(p, 1, 0, 0, CHUNK);
	submission_init(s, p, 0);
	submission_slot(s, source->handle, DRM_NEURON_SLOT_READ);
}

/*
 * A job that hangs on another core for a while: what waits for it piles up, however
 * slowly the machine submits.
 */
static int64_t close_gate(int fd, uint32_t gate)
{
	struct program p = program_new(fd);
	struct submission s;

	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 1);
	submission_out(&s, gate, 0);
	s.args.timeout_ms = 5000;
	if (inject("hang-core 1 1"))
		return -EOPNOTSUPP;

	return submit(fd, &s);
}

/* A sync object under a handle of another file; 0 if that fails. */
static uint32_t share(int fd, uint32_t gate, int other)
{
	struct drm_syncobj_handle args = { .fd = syncobj_export(fd, gate, false) };
	int ret;

	if (args.fd < 0)
		return 0;
	ret = dev_ioctl(other, DRM_IOCTL_SYNCOBJ_FD_TO_HANDLE, &args);
	close(args.fd);

	return ret ? 0 : args.handle;
}

static int count_pending(int fd, int64_t last)
{
	struct drm_neuron_job_status status;
	int64_t job;
	int n = 0;

	for (job = 1; job <= last; job++)
		n += !job_status(fd, job, &status) && status.state == DRM_NEURON_JOB_PENDING;

	return n;
}

/* Behind a backlog of one client, a job of another gets its turn soon. */
TEST_F_TIMEOUT(fair, no_backlog_keeps_others_out, 120)
{
	uint32_t gate = syncobj_new(self->fd);
	struct submission s, quick;
	int64_t closed, job, last = 0;
	struct program p, nop;
	int i;

	if (!can_inject())
		SKIP(return, "the device does not offer fault injection");
	slow_program(&p, &s, self->fd, &self->source);
	nop = program_new(self->other);
	program_inst(&nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&quick, &nop, 0);
	closed = close_gate(self->fd, gate);
	ASSERT_LT(0, closed);
	submission_in(&s, gate, 0);

	for (i = 0; i < BACKLOG; i++) {
		last = submit(self->fd, &s);
		ASSERT_LT(0, last);
	}
	ASSERT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, closed, 30 * SECOND_NS));
	job = submit(self->other, &quick);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, job, 30 * SECOND_NS));
	EXPECT_LT(BACKLOG / 2, count_pending(self->fd, last));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, last, 60 * SECOND_NS));
}

/* Of two backlogs the one of the higher priority is worked off first. */
TEST_F_TIMEOUT(fair, priorities, 120)
{
	uint32_t gate = syncobj_new(self->fd), theirs;
	int64_t closed, last = 0, job = 0;
	struct submission s, t;
	struct program p, q;
	struct bo source;
	int i;

	if (!can_inject())
		SKIP(return, "the device does not offer fault injection");
	source = bo_new(self->other, DRM_NEURON_BO_DRAM, CHUNK);
	ASSERT_TRUE(source.map);
	slow_program(&p, &s, self->fd, &self->source);
	slow_program(&q, &t, self->other, &source);
	ASSERT_EQ(0, priority(self->fd, DRM_NEURON_PRIORITY_LOW));
	closed = close_gate(self->fd, gate);
	ASSERT_LT(0, closed);
	submission_in(&s, gate, 0);
	theirs = share(self->fd, gate, self->other);
	ASSERT_NE(0, theirs);
	submission_in(&t, theirs, 0);

	for (i = 0; i < BACKLOG / 4; i++) {
		last = submit(self->fd, &s);
		ASSERT_LT(0, last);
	}
	for (i = 0; i < BACKLOG / 16; i++) {
		job = submit(self->other, &t);
		ASSERT_LT(0, job);
	}
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->other, job, 30 * SECOND_NS));
	EXPECT_LT(BACKLOG / 12, count_pending(self->fd, last));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, last, 60 * SECOND_NS));
	munmap(source.map, CHUNK);
}

TEST_F(fair, priority_errors)
{
	struct drm_neuron_priority args = { .pad = 1 };

	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_PRIORITY, &args));
	EXPECT_EQ(-EINVAL, priority(self->fd, DRM_NEURON_PRIORITY_HIGH + 1));
	EXPECT_EQ(-EINVAL, priority(self->fd, ~0u));
	EXPECT_EQ(0, priority(self->fd, DRM_NEURON_PRIORITY_HIGH));
	EXPECT_EQ(0, core_works(self->fd, 0));
	EXPECT_EQ(0, priority(self->fd, DRM_NEURON_PRIORITY_NORMAL));
	EXPECT_EQ(0, core_works(self->fd, 0));
}

/* As somebody without rights: the result of @call, from a process of its own. */
static int as_nobody(int fd, int (*call)(int fd))
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (setgid(65534) || setuid(65534))
			_exit(255);
		_exit(-call(fd));
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -ECHILD;

	return -WEXITSTATUS(status);
}

static int ask_for_high(int fd)
{
	return priority(fd, DRM_NEURON_PRIORITY_HIGH);
}

TEST_F(fair, high_is_a_privilege)
{
	EXPECT_EQ(-EPERM, as_nobody(self->fd, ask_for_high));
}

/* A tenth of 8 GiB; the file belongs to whoever opened it. */
static int take_a_gigabyte(int fd)
{
	uint32_t handle;
	int ret = 0, i;

	(void)fd;
	fd = dev_open();
	if (fd < 0)
		return fd;
	for (i = 0; i < 16 && !ret; i++)
		ret = bo_create(fd, DRM_NEURON_BO_DRAM, 64 << 20, &handle);
	close(fd);

	return ret;
}

TEST_F(fair, a_user_s_share_of_memory)
{
	struct drm_neuron_memory_info info = memory_info(self->fd);
	int i;

	if (info.dram_total != 8ull << 30 || write_file(PARAMETER, "10"))
		SKIP(return, "needs a chip of 8 GiB and the right to write the parameter");
	fchmod(self->fd, 0666);
	/* What a process held is free again when it has ended. */
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EDQUOT, as_nobody(self->fd, take_a_gigabyte));
	EXPECT_EQ(0, take_a_gigabyte(-1));	/* root may */
	write_file(PARAMETER, "20");
	EXPECT_EQ(0, as_nobody(self->fd, take_a_gigabyte));
	write_file(PARAMETER, "100");
	fchmod(self->fd, 0660);
}

TEST_HARNESS_MAIN
