// SPDX-License-Identifier: GPL-2.0-only
/* /proc/PID/fdinfo/FD: what tools like nvtop read. */

#include "harness.h"
#include "neuron_test.h"

FIXTURE(fdinfo) {
	int fd;
	char text[4096];
};

FIXTURE_SETUP(fdinfo)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fdinfo)
{
	inject("clear");
	close(self->fd);
}

/* The value behind a key, in bytes or ns as it says; -1 if it isn't there. */
static int64_t value(int fd, char *text, size_t size, const char *key)
{
	unsigned long long n;
	char path[64], unit[16] = "", *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	if (read_file(path, text, size) < 0)
		return -1;
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		if (strncmp(line, key, strlen(key)) || line[strlen(key)] != ':')
			continue;
		if (sscanf(line + strlen(key) + 1, "%llu %15s", &n, unit) < 1)
			return -1;
		return !strcmp(unit, "KiB") ? n << 10 : !strcmp(unit, "MiB") ? n << 20 : n;
	}

	return -1;
}

#define VALUE(key)	value(self->fd, self->text, sizeof(self->text), key)

TEST_F(fdinfo, identity)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", self->fd);
	ASSERT_LT(0, read_file(path, self->text, sizeof(self->text)));
	EXPECT_TRUE(strstr(self->text, "drm-driver:\tneuron\n"));
	EXPECT_TRUE(strstr(self->text, "drm-client-id:"));
	EXPECT_TRUE(strstr(self->text, pci_address()));
}

TEST_F(fdinfo, memory)
{
	uint32_t handle;
	struct bo bo;

	EXPECT_EQ(0, VALUE("drm-total-dram"));
	EXPECT_EQ(0, VALUE("drm-total-host"));
	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 3 << 20, &handle));
	EXPECT_EQ(3 << 20, VALUE("drm-total-dram"));
	EXPECT_EQ(3 << 20, VALUE("drm-resident-dram"));
	EXPECT_EQ(0, VALUE("drm-shared-dram"));

	/* Host memory is resident once it is used. */
	bo = bo_new(self->fd, DRM_NEURON_BO_HOST, 5 << 20);
	ASSERT_TRUE(bo.map);
	EXPECT_EQ(5 << 20, VALUE("drm-total-host"));
	bo.map[0] = 1;
	EXPECT_EQ(5 << 20, VALUE("drm-resident-host"));
	ASSERT_EQ(0, bo_close(self->fd, handle));
	EXPECT_EQ(0, VALUE("drm-total-dram"));
}

TEST_F(fdinfo, shared_memory)
{
	int other = dev_open(), dmabuf;
	uint32_t handle, imported;

	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 1 << 20, &handle));
	dmabuf = prime_export(self->fd, handle);
	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, prime_import(other, dmabuf, &imported));
	EXPECT_EQ(1 << 20, VALUE("drm-shared-dram"));
	EXPECT_EQ(1 << 20, value(other, self->text, sizeof(self->text), "drm-shared-dram"));
	close(other);
}

/* The client's jobs take time; on a kernel whose clock ticks, most seem to take none. */
static bool takes_time(int fd, char *text, size_t size)
{
	int i;

	for (i = 0; i < 5000; i++) {
		if (core_works(fd, 0))
			return false;
		if (value(fd, text, size, "drm-engine-compute") > 0)
			return true;
	}

	return false;
}

TEST_F(fdinfo, engines)
{
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, 64 << 20);
	struct drm_neuron_copy_op fill = {
		.dst_handle = bo.handle, .size = 64 << 20, .value = 1,
	};
	struct drm_neuron_device_info info;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	EXPECT_EQ(info.num_cores, VALUE("drm-engine-capacity-compute"));
	EXPECT_EQ(info.num_dma_queues, VALUE("drm-engine-capacity-copy"));
	EXPECT_EQ(0, VALUE("drm-engine-compute"));
	EXPECT_EQ(0, VALUE("drm-engine-copy"));

	EXPECT_TRUE(takes_time(self->fd, self->text, sizeof(self->text)));
	EXPECT_EQ(0, VALUE("drm-engine-copy"));
	ASSERT_EQ(0, copy_sync(self->fd, &fill));
	EXPECT_LT(0, VALUE("drm-engine-copy"));
}

/* Time counts while a job executes, not only when it has ended. */
TEST_F(fdinfo, running_job)
{
	struct program p = program_new(self->fd);
	struct submission s;
	int64_t job, before, during;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	s.args.timeout_ms = 600;
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	usleep(100000);
	before = VALUE("drm-engine-compute");
	usleep(200000);
	during = VALUE("drm-engine-compute");
	EXPECT_LE(150 * MS_NS, during - before);
	EXPECT_EQ(4096 * 2, VALUE("drm-active-host"));
	EXPECT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_LE(600 * MS_NS, VALUE("drm-engine-compute"));
	EXPECT_EQ(0, VALUE("drm-active-host"));
}

/* Others' work is not one's own. */
TEST_F(fdinfo, per_file)
{
	int other = dev_open();

	EXPECT_TRUE(takes_time(other, self->text, sizeof(self->text)));
	EXPECT_EQ(0, VALUE("drm-engine-compute"));
	close(other);
}

TEST_HARNESS_MAIN
