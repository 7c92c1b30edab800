// SPDX-License-Identifier: GPL-2.0-only
/* Runtime power management: asleep when nobody needs it, and nothing lost. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	(3 << 20)

FIXTURE(power) {
	int fd;
	char path[128];
};

FIXTURE_SETUP(power)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	snprintf(self->path, sizeof(self->path), "/sys/bus/pci/devices/%s/power/runtime_status",
		 pci_address());
}

FIXTURE_TEARDOWN(power)
{
	inject("clear");
	if (self->fd >= 0)
		close(self->fd);
}

static bool status_is(const char *path, const char *wanted)
{
	char status[32] = "";

	return read_file(path, status, sizeof(status)) > 0 &&
	       !strncmp(status, wanted, strlen(wanted));
}

/* Within five seconds. */
static bool status_gets(const char *path, const char *wanted)
{
	int i;

	for (i = 0; i < 500 && !status_is(path, wanted); i++)
		usleep(10000);

	return status_is(path, wanted);
}

TEST_F(power, sleeps_when_nobody_needs_it)
{
	char path[128];
	int i;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/runtime_status",
		 pci_address());
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(status_is(path, "active"));
		EXPECT_EQ(0, core_works(self->fd, 0));
		close(self->fd);
		EXPECT_TRUE(status_gets(path, "suspended"));
		self->fd = dev_open();
		ASSERT_LE(0, self->fd);
	}
	EXPECT_EQ(0, core_works(self->fd, 1));
}

/* A buffer that outlives its file, through a dma-buf, keeps the device awake. */
TEST_F(power, a_buffer_keeps_it_awake)
{
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	uint32_t handle;
	uint8_t *map;
	int dmabuf;

	fill_pattern(bo.map, SIZE, 1);
	munmap(bo.map, SIZE);
	dmabuf = prime_export(self->fd, bo.handle);
	ASSERT_LE(0, dmabuf);
	close(self->fd);
	self->fd = -1;

	usleep(2500000);
	EXPECT_TRUE(status_is(self->path, "active"));

	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, prime_import(self->fd, dmabuf, &handle));
	map = bo_map(self->fd, handle, SIZE);
	ASSERT_TRUE(map);
	EXPECT_TRUE(check_pattern(map, SIZE, 1));
	munmap(map, SIZE);
	close(dmabuf);
}

/* What one client left is not there for the next, though the device slept. */
TEST_F(power, memory_is_zero_after_sleep)
{
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);

	fill_pattern(bo.map, SIZE, 2);
	munmap(bo.map, SIZE);
	close(self->fd);
	EXPECT_TRUE(status_gets(self->path, "suspended"));
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, 64 << 20);
	ASSERT_TRUE(bo.map);
	EXPECT_TRUE(is_filled(bo.map, 64 << 20, 0));
	munmap(bo.map, 64 << 20);
}

/* What was armed while nobody had the device open is still armed for who comes. */
TEST_F(power, armed_faults_stay_armed)
{
	struct submission s;
	struct program p;
	int64_t job;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	close(self->fd);
	self->fd = -1;
	EXPECT_TRUE(status_gets(self->path, "suspended"));
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	usleep(2500000);
	EXPECT_TRUE(status_is(self->path, "active"));

	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	p = program_new(self->fd);
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	s.args.timeout_ms = 200;
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_EQ(0, core_works(self->fd, 0));

	/* And then it sleeps again. */
	ASSERT_EQ(0, inject("clear"));
	munmap(p.bo.map, p.bo.size);
	close(self->fd);
	EXPECT_TRUE(status_gets(self->path, "suspended"));
	self->fd = dev_open();
}

TEST_HARNESS_MAIN
