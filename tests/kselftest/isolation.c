// SPDX-License-Identifier: GPL-2.0-only
/* Nothing of one file can be reached from another. */

#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

#define SBUF_BYTES	(1 << 20)

FIXTURE(isolation) {
	int a;
	int b;
};

FIXTURE_SETUP(isolation)
{
	self->a = dev_open();
	self->b = dev_open();
	ASSERT_LE(0, self->a);
	ASSERT_LE(0, self->b);
}

FIXTURE_TEARDOWN(isolation)
{
	close(self->a);
	close(self->b);
}

TEST_F(isolation, handles)
{
	struct bo bo = bo_new(self->a, DRM_NEURON_BO_HOST, 4096);
	struct program p = program_new(self->b);
	struct drm_neuron_bo_info info;
	struct submission s;

	/* A handle that b has not given out. */
	while (bo.handle && bo.handle <= p.bo.handle)
		bo = bo_new(self->a, DRM_NEURON_BO_HOST, 4096);

	info = (struct drm_neuron_bo_info) { .handle = bo.handle };
	EXPECT_EQ(-ENOENT, dev_ioctl(self->b, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(-ENOENT, bo_wait(self->b, bo.handle, 0, 0));
	EXPECT_EQ(-ENOENT, copy_async(self->b, &(struct drm_neuron_copy_op) {
		.dst_handle = bo.handle, .size = 1 }, 1, 0, 0));
	submission_init(&s, &p, 0);
	submission_slot(&s, bo.handle, DRM_NEURON_SLOT_READ);
	EXPECT_EQ(-ENOENT, submit(self->b, &s));
	EXPECT_EQ(-EINVAL, bo_close(self->b, bo.handle));
}

TEST_F(isolation, job_numbers)
{
	struct drm_neuron_job_status status;

	ASSERT_EQ(0, core_works(self->a, 0));
	EXPECT_EQ(0, job_status(self->a, 1, &status));
	EXPECT_EQ(-ENOENT, job_status(self->b, 1, &status));
}

/* Global names are for the administrator alone. */
TEST_F(isolation, no_flink)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];
	struct drm_gem_flink flink = {};
	struct drm_gem_open open = { .name = 1 };
	int fd;

	ASSERT_EQ(0, syscall(SYS_capget, &header, caps));
	caps[0].effective &= ~(1u << CAP_SYS_ADMIN);
	ASSERT_EQ(0, syscall(SYS_capset, &header, caps));
	fd = dev_open();
	ASSERT_LE(0, fd);
	flink.handle = bo_new(fd, DRM_NEURON_BO_HOST, 4096).handle;
	EXPECT_EQ(-EACCES, dev_ioctl(fd, DRM_IOCTL_GEM_FLINK, &flink));
	EXPECT_EQ(-EACCES, dev_ioctl(fd, DRM_IOCTL_GEM_OPEN, &open));
	close(fd);
}

/* What one file's job leaves in the scratchpad is not there for the next. */
TEST_F(isolation, scratchpad)
{
	struct bo secret = bo_new(self->a, DRM_NEURON_BO_HOST, SBUF_BYTES);
	struct bo again = bo_new(self->a, DRM_NEURON_BO_HOST, SBUF_BYTES);
	struct bo found = bo_new(self->b, DRM_NEURON_BO_HOST, SBUF_BYTES);
	struct program write = program_new(self->a), read_a = program_new(self->a);
	struct program read_b = program_new(self->b);
	struct submission s;
	int64_t job;

	memset(secret.map, 0x5e, SBUF_BYTES);
	memset(found.map, 0xcc, SBUF_BYTES);
	program_load(&write, 1, 0, 0, SBUF_BYTES);
	program_store(&read_a, 0, 1, 0, SBUF_BYTES);
	program_store(&read_b, 0, 1, 0, SBUF_BYTES);

	submission_init(&s, &write, 0);
	submission_slot(&s, secret.handle, DRM_NEURON_SLOT_READ);
	job = submit(self->a, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->a, job, 10 * SECOND_NS));

	submission_init(&s, &read_a, 0);
	submission_slot(&s, again.handle, DRM_NEURON_SLOT_WRITE);
	job = submit(self->a, &s);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->a, job, 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(again.map, SBUF_BYTES, 0x5e));

	submission_init(&s, &read_b, 0);
	submission_slot(&s, found.handle, DRM_NEURON_SLOT_WRITE);
	job = submit(self->b, &s);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->b, job, 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(found.map, SBUF_BYTES, 0));

	/* And it is gone for the first, too: others' jobs leave nothing. */
	submission_init(&s, &read_a, 0);
	submission_slot(&s, again.handle, DRM_NEURON_SLOT_WRITE);
	job = submit(self->a, &s);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->a, job, 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(again.map, SBUF_BYTES, 0));
}

/* Device DRAM of a process that was killed while it used it comes back empty. */
TEST_F(isolation, dram_of_the_killed)
{
	struct drm_neuron_memory_info before = memory_info(self->a), info;
	uint64_t size = 32 << 20;
	int i, status;
	pid_t pid;

	for (i = 0; i < 5; i++) {
		struct bo bo;

		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			int fd = dev_open();
			struct drm_neuron_copy_op op = { .size = size, .value = 0x99 };

			bo = bo_new(fd, DRM_NEURON_BO_DRAM, size);
			op.dst_handle = bo.handle;
			for (;;)
				copy_async(fd, &op, 1, 0, 0);
		}
		usleep(50000);
		kill(pid, SIGKILL);
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		bo = bo_new(self->a, DRM_NEURON_BO_DRAM, size);
		ASSERT_TRUE(bo.map);
		EXPECT_TRUE(is_filled(bo.map, size / 16, 0));
		EXPECT_TRUE(is_filled(bo.map + size - size / 16, size / 16, 0));
		munmap(bo.map, size);
		bo_close(self->a, bo.handle);
	}

	for (i = 0; i < 100; i++) {
		info = memory_info(self->a);
		if (info.dram_free == before.dram_free)
			break;
		usleep(20000);
	}
	EXPECT_EQ(before.dram_free, info.dram_free);
}

TEST_HARNESS_MAIN
