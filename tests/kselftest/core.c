// SPDX-License-Identifier: GPL-2.0-only
/* Cores that a file acquires for itself. */

#include <sched.h>
#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

FIXTURE(core) {
	int fd;
	int other;
	uint32_t all;
	uint32_t num_cores;
};

FIXTURE_SETUP(core)
{
	struct drm_neuron_device_info info = {};

	self->fd = dev_open();
	self->other = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	self->num_cores = info.num_cores;
	self->all = (1u << info.num_cores) - 1;
	if (info.num_cores < 4)
		SKIP(return, "four cores are needed");
}

FIXTURE_TEARDOWN(core)
{
	close(self->fd);
	close(self->other);
}

static int acquire(int fd, uint32_t mask, uint32_t count, uint32_t *got)
{
	struct drm_neuron_cores args = { .mask = mask, .count = count };
	int ret = dev_ioctl(fd, DRM_IOCTL_NEURON_CORE_ACQUIRE, &args);

	if (got)
		*got = args.mask;

	return ret;
}

static int release(int fd, uint32_t mask)
{
	struct drm_neuron_cores args = { .mask = mask };

	return dev_ioctl(fd, DRM_IOCTL_NEURON_CORE_RELEASE, &args);
}

TEST_F(core, others_get_ebusy)
{
	struct drm_neuron_core_info info;

	ASSERT_EQ(0, acquire(self->fd, 1 << 1, 0, NULL));
	EXPECT_EQ(0, core_works(self->fd, 1));
	EXPECT_EQ(-EBUSY, core_works(self->other, 1));
	EXPECT_EQ(0, core_works(self->other, 0));
	EXPECT_EQ(-EBUSY, acquire(self->other, 1 << 1, 0, NULL));

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_CORE, 1, &info, sizeof(info)));
	EXPECT_EQ(1, info.owned);
	EXPECT_EQ(getpid(), info.owner_pid);
	ASSERT_EQ(0, query(self->other, DRM_NEURON_QUERY_CORE, 1, &info, sizeof(info)));
	EXPECT_EQ(2, info.owned);
	EXPECT_EQ(getpid(), info.owner_pid);
	ASSERT_EQ(0, query(self->other, DRM_NEURON_QUERY_CORE, 0, &info, sizeof(info)));
	EXPECT_EQ(0, info.owned);

	ASSERT_EQ(0, release(self->fd, 1 << 1));
	EXPECT_EQ(0, core_works(self->other, 1));
	EXPECT_EQ(0, acquire(self->other, 1 << 1, 0, NULL));
}

TEST_F(core, all_or_none)
{
	ASSERT_EQ(0, acquire(self->fd, 1 << 2, 0, NULL));
	EXPECT_EQ(-EBUSY, acquire(self->other, self->all, 0, NULL));
	EXPECT_EQ(0, core_works(self->fd, 0));
	EXPECT_EQ(0, acquire(self->other, self->all & ~(1 << 2), 0, NULL));
}

TEST_F(core, acquire_again)
{
	uint32_t got;

	ASSERT_EQ(0, acquire(self->fd, 1, 0, &got));
	EXPECT_EQ(1, got);
	ASSERT_EQ(0, acquire(self->fd, 3, 0, &got));
	EXPECT_EQ(3, got);
	EXPECT_EQ(-EBUSY, acquire(self->other, 2, 0, NULL));
}

TEST_F(core, count)
{
	uint32_t got;

	ASSERT_EQ(0, acquire(self->fd, self->all, 1, &got));
	EXPECT_EQ(1, got);
	ASSERT_EQ(0, acquire(self->other, self->all, 2, &got));
	EXPECT_EQ(6, got);
	ASSERT_EQ(0, release(self->fd, 1));

	/* 0 and 3 are free, but not next to each other. */
	EXPECT_EQ(-EBUSY, acquire(self->fd, self->all, 2, NULL));
	EXPECT_EQ(-EBUSY, acquire(self->fd, 8 | 2, 2, NULL));
	ASSERT_EQ(0, acquire(self->fd, 8, 1, &got));
	EXPECT_EQ(8, got);

	/* What is one's own already is not free. */
	EXPECT_EQ(-EBUSY, acquire(self->fd, 8, 1, NULL));
}

TEST_F(core, errors)
{
	EXPECT_EQ(-EINVAL, acquire(self->fd, 0, 0, NULL));
	EXPECT_EQ(-EINVAL, acquire(self->fd, 1u << self->num_cores, 0, NULL));
	EXPECT_EQ(-EINVAL, acquire(self->fd, UINT32_MAX, 0, NULL));
	EXPECT_EQ(-EINVAL, acquire(self->fd, 3, 3, NULL));
	EXPECT_EQ(-EINVAL, acquire(self->fd, self->all, UINT32_MAX, NULL));
	EXPECT_EQ(-EINVAL, release(self->fd, 1));
	EXPECT_EQ(-EINVAL, release(self->fd, 0));
	ASSERT_EQ(0, acquire(self->fd, 1, 0, NULL));
	EXPECT_EQ(-EINVAL, release(self->fd, 3));
	EXPECT_EQ(-EINVAL, release(self->other, 1));
	EXPECT_EQ(0, release(self->fd, 1));
	EXPECT_EQ(-EINVAL, release(self->fd, 1));
}

TEST_F(core, close_releases)
{
	ASSERT_EQ(0, acquire(self->fd, self->all, 0, NULL));
	close(self->fd);
	EXPECT_EQ(0, acquire(self->other, self->all, 0, NULL));
	self->fd = dev_open();
}

TEST_F(core, kill_releases)
{
	int status, i;
	char byte;
	int pipes[2];
	pid_t pid;

	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, pipe(pipes));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int fd = dev_open();

			if (acquire(fd, self->all, 0, NULL) || write(pipes[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				core_works(fd, 2);
		}
		close(pipes[1]);
		ASSERT_EQ(1, read(pipes[0], &byte, 1));
		EXPECT_EQ(-EBUSY, acquire(self->fd, 1, 0, NULL));
		EXPECT_EQ(-EBUSY, core_works(self->fd, 2));
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, acquire(self->fd, self->all, 0, NULL));
		ASSERT_EQ(0, core_works(self->fd, 2));
		ASSERT_EQ(0, release(self->fd, self->all));
		close(pipes[0]);
	}
}

/* Many want the same cores; each that gets them is alone. */
TEST_F(core, race)
{
	struct shared { int holders, most, got; } *shared;
	pid_t pids[8];
	int i, j, status;

	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, (void *)shared);
	for (i = 0; i < 8; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (pids[i])
			continue;
		close(self->fd);
		self->fd = dev_open();
		for (j = 0; j < 300; j++) {
			uint32_t mask;
			int now;

			if (acquire(self->fd, 3, 2, &mask)) {
				sched_yield();
				continue;
			}
			now = __atomic_add_fetch(&shared->holders, 1, __ATOMIC_SEQ_CST);
			if (now > shared->most)
				shared->most = now;
			shared->got++;
			sched_yield();
			__atomic_sub_fetch(&shared->holders, 1, __ATOMIC_SEQ_CST);
			if (release(self->fd, mask))
				_exit(1);
		}
		_exit(0);
	}
	for (i = 0; i < 8; i++) {
		ASSERT_EQ(pids[i], waitpid(pids[i], &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_EQ(1, shared->most);
	EXPECT_LT(0, shared->got);
}

TEST_HARNESS_MAIN
