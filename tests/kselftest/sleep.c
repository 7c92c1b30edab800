// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sleep of the system, by /sys/power/pm_test: all that its drivers do, without
 * the firmware's part. It takes a VM of its own and a statically linked program
 * in the VM's memory, because the VM's root, virtio-9p, does not survive sleep.
 */

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	(3 << 20)

/* Put the devices to sleep and wake them up again. */
static int sleep_once(const char *state)
{
	write_file("/sys/module/suspend/parameters/pm_test_delay", "0");
	if (write_file("/sys/power/pm_test", "platform"))
		return -EOPNOTSUPP;
	/* The kernel need not make itself small, which takes KASAN's one for ever. */
	write_file("/sys/power/image_size", "17179869184");

	return write_file("/sys/power/state", state);
}

FIXTURE(sleep) {
	int fd;
	struct bo bo;
	struct bo host;
};

FIXTURE_VARIANT(sleep) {
	const char *state;
};

FIXTURE_VARIANT_ADD(sleep, to_idle) { .state = "freeze" };
FIXTURE_VARIANT_ADD(sleep, to_ram) { .state = "mem" };
FIXTURE_VARIANT_ADD(sleep, to_disk) { .state = "disk" };

FIXTURE_SETUP(sleep)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	self->host = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	ASSERT_TRUE(self->bo.map && self->host.map);
}

FIXTURE_TEARDOWN(sleep)
{
	inject("clear");
	write_file("/sys/power/pm_test", "none");
	munmap(self->bo.map, SIZE);
	munmap(self->host.map, SIZE);
	close(self->fd);
}

TEST_F(sleep, buffers_and_mappings_stay)
{
	struct bo empty = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	int ret;

	fill_pattern(self->bo.map, SIZE / 2, 3);
	fill_pattern(self->host.map, SIZE, 4);
	ret = sleep_once(variant->state);
	if (ret == -EOPNOTSUPP)
		SKIP(return, "the kernel has no /sys/power/pm_test");
	ASSERT_EQ(0, ret);
	EXPECT_TRUE(check_pattern(self->bo.map, SIZE / 2, 3));
	EXPECT_TRUE(is_filled(self->bo.map + SIZE / 2, SIZE / 2, 0));
	EXPECT_TRUE(check_pattern(self->host.map, SIZE, 4));
	EXPECT_TRUE(is_filled(empty.map, SIZE, 0));
	EXPECT_EQ(0, core_works(self->fd, 0));
	munmap(empty.map, SIZE);
}

/*
 * Jobs that wait for their turn go on afterwards, in order, each once; whoever has a
 * sync file or a syncobj of the last one is told, and a dma-buf shows what they did.
 */
TEST_F(sleep, jobs_go_on)
{
	struct drm_neuron_copy_op there = {
		.src_handle = self->host.handle, .dst_handle = self->bo.handle, .size = SIZE,
	};
	struct drm_neuron_copy_op back = {
		.src_handle = self->bo.handle, .dst_handle = self->host.handle, .size = SIZE,
	};
	uint32_t sync = syncobj_new(self->fd);
	int shared = prime_export(self->fd, self->host.handle);
	struct pollfd p = { .events = POLLIN };
	int64_t job = 0;
	void *map;
	int i;

	ASSERT_LE(0, shared);
	map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, shared, 0);
	ASSERT_NE(MAP_FAILED, map);
	fill_pattern(self->host.map, SIZE, 5);
	for (i = 0; i < 40; i++) {
		job = copy_async(self->fd, i % 2 ? &back : &there, 1, 0, i == 39 ? sync : 0);
		ASSERT_LT(0, job);
	}
	p.fd = syncobj_export(self->fd, sync, true);
	ASSERT_LE(0, p.fd);
	ASSERT_EQ(0, sleep_once(variant->state));
	EXPECT_EQ(0, syncobj_wait(self->fd, sync, 0, 20 * SECOND_NS));
	EXPECT_EQ(1, poll(&p, 1, 20000));
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 20 * SECOND_NS));
	for (i = 1; i <= job; i++)
		EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, i, SECOND_NS));
	EXPECT_TRUE(check_pattern(self->host.map, SIZE, 5));
	EXPECT_TRUE(check_pattern(self->bo.map, SIZE, 5));
	EXPECT_TRUE(check_pattern(map, SIZE, 5));
	munmap(map, SIZE);
	close(shared);
	close(p.fd);
}

/* A job that never ends does not hang the system: the sleep is refused. */
TEST_F_TIMEOUT(sleep, hung_job_refuses, 60)
{
	struct program p = program_new(self->fd);
	struct submission s;
	int64_t job;

	if (!can_inject())
		SKIP(return, "the device does not offer fault injection");
	if (strcmp(variant->state, "mem"))
		SKIP(return, "once is enough");
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 2);
	s.args.timeout_ms = 14000;
	ASSERT_EQ(0, inject("hang-core 2 1"));
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	EXPECT_EQ(-EBUSY, sleep_once(variant->state));
	EXPECT_EQ(0, core_works(self->fd, 1));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 20 * SECOND_NS));
	EXPECT_EQ(0, core_works(self->fd, 2));
}

TEST_HARNESS_MAIN
