// SPDX-License-Identifier: GPL-2.0-only
/*
 * The device goes away, the module goes away, and come back: with files,
 * mappings, dma-bufs, sync files and jobs that still exist.
 */

#include <linux/sync_file.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/utsname.h>
#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	(1 << 20)

FIXTURE(lifetime) {
	int fd;
	char address[32];
	struct bo host;
	struct bo dram;
	struct program nop;
	struct submission s;
};

static int driver(const char *action, const char *address)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/neuron/%s", action);

	return write_file(path, address);
}

FIXTURE_SETUP(lifetime)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	snprintf(self->address, sizeof(self->address), "%s", pci_address());
	self->host = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	self->dram = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	self->nop = program_new(self->fd);
	ASSERT_TRUE(self->host.map && self->dram.map && self->nop.bo.map);
	fill_pattern(self->host.map, SIZE, 1);
	fill_pattern(self->dram.map, SIZE, 2);
	program_inst(&self->nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&self->s, &self->nop, 0);
}

FIXTURE_TEARDOWN(lifetime)
{
	int fd;

	close(self->fd);

	/* Each test leaves a device that works. */
	fd = dev_open();
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, core_works(fd, 0));
	close(fd);
}

/* All calls say that the device is gone, and nothing else happens. */
TEST_F(lifetime, calls_after_unbind)
{
	struct drm_neuron_query query = {};
	struct drm_neuron_copy_op op = { .dst_handle = self->dram.handle, .size = 1 };
	uint32_t handle;

	ASSERT_EQ(0, driver("unbind", self->address));
	EXPECT_EQ(-ENODEV, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &query));
	EXPECT_EQ(-ENODEV, submit(self->fd, &self->s));
	EXPECT_EQ(-ENODEV, copy_async(self->fd, &op, 1, 0, 0));
	EXPECT_EQ(-ENODEV, bo_create(self->fd, DRM_NEURON_BO_DRAM, 4096, &handle));
	EXPECT_EQ(-ENODEV, bo_wait(self->fd, self->dram.handle, 0, 0));
	EXPECT_EQ(-ENODEV, bo_close(self->fd, self->dram.handle));
	EXPECT_EQ(0, bind_driver(self->address));

	/* The file belongs to the device that was. */
	EXPECT_EQ(-ENODEV, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &query));
}

/* Mappings stay usable; those of device DRAM lose their contents. */
TEST_F(lifetime, mappings_after_unbind)
{
	ASSERT_EQ(0, driver("unbind", self->address));
	EXPECT_TRUE(check_pattern(self->host.map, SIZE, 1));
	EXPECT_EQ(0, self->dram.map[12345]);
	self->dram.map[12345] = 7;
	memset(self->dram.map, 1, SIZE);
	ASSERT_EQ(0, bind_driver(self->address));
	EXPECT_TRUE(check_pattern(self->host.map, SIZE, 1));

	/* What is written there does not reach the device that is back. */
	{
		int fd = dev_open();
		struct bo bo = bo_new(fd, DRM_NEURON_BO_DRAM, SIZE);

		memset(self->dram.map, 2, SIZE);
		ASSERT_TRUE(bo.map);
		EXPECT_TRUE(is_filled(bo.map, SIZE, 0));
		close(fd);
	}
}

TEST_F(lifetime, dmabufs_after_unbind)
{
	int host = prime_export(self->fd, self->host.handle);
	int dram = prime_export(self->fd, self->dram.handle);
	uint32_t handle;
	void *map;
	int fd;

	ASSERT_LE(0, host);
	ASSERT_LE(0, dram);
	ASSERT_EQ(0, driver("unbind", self->address));
	close(self->fd);
	map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, host, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(check_pattern(map, SIZE, 1));
	ASSERT_EQ(0, bind_driver(self->address));

	/* For the device that is back they are somebody else's. */
	fd = dev_open();
	EXPECT_EQ(0, prime_import(fd, host, &handle));
	EXPECT_EQ(0, copy_sync(fd, &(struct drm_neuron_copy_op) {
		.dst_handle = handle, .size = SIZE, .value = 0x33 }));
	EXPECT_TRUE(is_filled(map, SIZE, 0x33));
	EXPECT_EQ(-EOPNOTSUPP, prime_import(fd, dram, &handle));
	close(fd);
	close(host);
	close(dram);
	self->fd = dev_open();
}

/* Jobs of all kinds of progress, and who waits for them. */
TEST_F(lifetime, jobs_at_unbind)
{
	struct sync_fence_info fence = {};
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };
	struct drm_neuron_copy_op op = { .dst_handle = self->dram.handle, .size = SIZE };
	uint32_t sync = syncobj_new(self->fd);
	struct pollfd p = { .events = POLLIN };
	int i;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	for (i = 0; i < 100; i++) {
		ASSERT_LT(0, submit(self->fd, &self->s));
		ASSERT_LT(0, copy_async(self->fd, &op, 1, 0, 0));
	}
	submission_out(&self->s, sync, 0);
	ASSERT_LT(0, submit(self->fd, &self->s));
	p.fd = syncobj_export(self->fd, sync, true);
	ASSERT_LE(0, p.fd);
	EXPECT_EQ(0, poll(&p, 1, 50));

	ASSERT_EQ(0, driver("unbind", self->address));
	EXPECT_EQ(1, poll(&p, 1, 5000));
	ASSERT_EQ(0, ioctl(p.fd, SYNC_IOC_FILE_INFO, &info));
	EXPECT_EQ(-ENODEV, fence.status);
	close(self->fd);
	ASSERT_EQ(0, bind_driver(self->address));

	/* Its name is still there when the device it belonged to is not. */
	ASSERT_EQ(0, ioctl(p.fd, SYNC_IOC_FILE_INFO, &info));
	EXPECT_STREQ("neuron-core0", fence.obj_name);
	close(p.fd);
	self->fd = dev_open();
}

/* Submit as fast as it goes until it goes no more; says when it has begun. */
static int load_until_gone(int ready, uint32_t core)
{
	int fd = dev_open(), ret;
	struct bo bo = bo_new(fd, DRM_NEURON_BO_DRAM, SIZE);
	struct drm_neuron_copy_op op = { .dst_handle = bo.handle, .size = SIZE, .value = 1 };

	ret = core_works(fd, core);
	if (ret || write(ready, "x", 1) != 1)
		return -EINVAL;
	while (ret >= 0 || ret == -EDQUOT || ret == -EINTR) {
		ret = core_works(fd, core);
		if (ret >= 0)
			ret = copy_async(fd, &op, 1, 0, 0);
	}

	return ret;
}

TEST_F_TIMEOUT(lifetime, unbind_under_load, 120)
{
	int i, j, status, ready[2];
	pid_t pids[3];
	char byte;

	close(self->fd);
	ASSERT_EQ(0, pipe(ready));
	for (i = 0; i < 10; i++) {
		for (j = 0; j < 3; j++) {
			pids[j] = fork();
			ASSERT_LE(0, pids[j]);
			if (!pids[j]) {
				int ret = load_until_gone(ready[1], j);

				if (ret != -ENODEV && ret != -EIO)
					TH_LOG("ended with %d", ret);
				fflush(stdout);
				_exit(ret != -ENODEV && ret != -EIO);
			}
		}
		for (j = 0; j < 3; j++)
			ASSERT_EQ(1, read(ready[0], &byte, 1));
		usleep(i * 10000);
		ASSERT_EQ(0, driver("unbind", self->address));
		for (j = 0; j < 3; j++) {
			ASSERT_EQ(pids[j], waitpid(pids[j], &status, 0));
			EXPECT_EQ(0, status);
		}
		ASSERT_EQ(0, bind_driver(self->address));
	}
	self->fd = dev_open();
}

/* Device DRAM keeps its contents over a reset: what was there is not shown. */
TEST_F(lifetime, dram_is_empty_after_rebind)
{
	struct drm_neuron_memory_info info;
	struct bo bo;

	fill_pattern(self->dram.map, SIZE, 3);
	ASSERT_EQ(0, driver("unbind", self->address));
	close(self->fd);
	ASSERT_EQ(0, bind_driver(self->address));
	self->fd = dev_open();
	info = memory_info(self->fd);
	EXPECT_EQ(info.dram_total, info.dram_free);
	bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	ASSERT_TRUE(bo.map);
	EXPECT_TRUE(is_filled(bo.map, SIZE, 0));
}

/* The device is lost by a fault that a reset of the function repairs. */
static void lost_and_found(struct __test_metadata *const _metadata,
			   FIXTURE_DATA(lifetime) *self, const char *fault)
{
	struct drm_neuron_core_info core = {};
	int64_t job;
	char path[80];
	uint32_t handle;

	ASSERT_EQ(0, inject("%s", fault));
	job = submit(self->fd, &self->s);
	if (job > 0) {
		EXPECT_EQ(DRM_NEURON_JOB_LOST, job_wait(self->fd, job, 5 * SECOND_NS));
	} else {
		EXPECT_EQ(-EIO, job);
	}
	EXPECT_EQ(-EIO, submit(self->fd, &self->s));
	EXPECT_EQ(-EIO, bo_create(self->fd, DRM_NEURON_BO_DRAM, 4096, &handle));
	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_CORE, 0, &core, sizeof(core)));
	EXPECT_EQ(DRM_NEURON_CORE_DEAD, core.state);

	ASSERT_EQ(0, driver("unbind", self->address));
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->address);
	ASSERT_EQ(0, write_file(path, "1"));
	ASSERT_EQ(0, bind_driver(self->address));
	close(self->fd);
	self->fd = dev_open();
	EXPECT_EQ(0, core_works(self->fd, 0));
}

/* All registers read as ones. */
TEST_F(lifetime, vanished)
{
	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	lost_and_found(_metadata, self, "vanish 0 1 0");
}

/* The chip says that it has failed, and goes on saying so after its reset. */
TEST_F(lifetime, fails_for_good)
{
	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	lost_and_found(_metadata, self, "fatal 0 9 0");
}

/*
 * The function is reset under the driver, ten times: what executes is cancelled, the
 * rest done.
 */
TEST_F_TIMEOUT(lifetime, function_reset, 60)
{
	int64_t hung, jobs[30], copies[30];
	struct drm_neuron_copy_op op = {
		.dst_handle = self->dram.handle, .size = SIZE,
	};
	char path[80];
	int i, round, state;

	if (!can_inject())
		SKIP(return, "the device has no fault injection");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/reset", self->address);
	for (round = 1; round <= 10; round++) {
		op.value = 0x20 + round;
		ASSERT_EQ(0, inject("hang-core 0 1 0"));
		hung = submit(self->fd, &self->s);
		ASSERT_LT(0, hung);
		for (i = 0; i < 30; i++) {
			jobs[i] = submit(self->fd, &self->s);
			copies[i] = copy_async(self->fd, &op, 1, 0, 0);
			ASSERT_LT(0, jobs[i]);
			ASSERT_LT(0, copies[i]);
		}
		EXPECT_EQ(-ETIME, job_wait(self->fd, hung, 20 * MS_NS));
		ASSERT_EQ(0, write_file(path, "1"));
		EXPECT_EQ(DRM_NEURON_JOB_CANCELLED, job_wait(self->fd, hung, 5 * SECOND_NS));
		for (i = 0; i < 30; i++) {
			EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, jobs[i], 5 * SECOND_NS));
			state = job_wait(self->fd, copies[i], 5 * SECOND_NS);
			EXPECT_TRUE(state == DRM_NEURON_JOB_DONE ||
				    state == DRM_NEURON_JOB_CANCELLED);
		}
		EXPECT_EQ(0, copy_sync(self->fd, &op));
		EXPECT_TRUE(is_filled(self->dram.map, SIZE, op.value));
	}
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, write_file(path, "1"));
	EXPECT_EQ(0, core_works(self->fd, 0));
}

/* Orderly hot-unplug and rediscovery, with the file open. */
TEST_F(lifetime, pci_remove_and_rescan)
{
	char path[80];
	int i, fd = -1;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", self->address);
	ASSERT_LT(0, submit(self->fd, &self->s));
	ASSERT_EQ(0, write_file(path, "1"));
	EXPECT_EQ(-ENODEV, submit(self->fd, &self->s));
	EXPECT_TRUE(check_pattern(self->host.map, SIZE, 1));
	self->dram.map[0] = 1;
	close(self->fd);
	ASSERT_EQ(0, write_file("/sys/bus/pci/rescan", "1"));
	for (i = 0; i < 250 && fd < 0; i++) {
		usleep(20000);
		fd = dev_open();
	}
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, core_works(fd, 0));
	self->fd = fd;
}

FIXTURE(module) {
	int fd;
};

FIXTURE_SETUP(module)
{
	self->fd = -1;
	if (system("modprobe -n -q neuron"))
		SKIP(return, "modprobe does not know neuron");
}

FIXTURE_TEARDOWN(module)
{
	close(self->fd);
}

static int reload(void)
{
	int i, fd = -1;

	if (system("rmmod neuron") || system("modprobe neuron"))
		return -1;
	for (i = 0; i < 250 && fd < 0; i++) {
		fd = dev_open();
		if (fd < 0)
			usleep(20000);
	}

	return fd;
}

static long meminfo(const char *key)
{
	static char text[8192];
	char *at;

	if (read_file("/proc/meminfo", text, sizeof(text)) < 0)
		return -1;
	at = strstr(text, key);

	return at ? atol(at + strlen(key) + 1) : -1;
}

TEST_F(module, in_use)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	EXPECT_NE(0, system("rmmod neuron 2>/dev/null"));
	ASSERT_EQ(0, core_works(self->fd, 0));
	close(self->fd);
	self->fd = reload();
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(0, core_works(self->fd, 0));
}

/* A fence that somebody still has keeps the module, whose code it needs. */
TEST_F(module, in_use_by_fence)
{
	struct submission s;
	struct program p;
	uint32_t sync;
	int file;

	self->fd = dev_open();
	p = program_new(self->fd);
	sync = syncobj_new(self->fd);
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	submission_out(&s, sync, 0);
	ASSERT_LT(0, submit(self->fd, &s));
	file = syncobj_export(self->fd, sync, true);
	ASSERT_LE(0, file);
	ASSERT_EQ(0, syncobj_wait(self->fd, sync, 0, 5 * SECOND_NS));
	munmap(p.bo.map, p.bo.size);
	close(self->fd);
	EXPECT_NE(0, system("rmmod neuron 2>/dev/null"));
	close(file);
	self->fd = reload();
	ASSERT_LE(0, self->fd);
}

/* Unloading and loading, with work in between, leaves no memory behind. */
TEST_F_TIMEOUT(module, again_and_again, 240)
{
	long before = 0, after;
	uint32_t handle;
	int i;

	for (i = 0; i < 30; i++) {
		/* The first rounds fill caches. */
		if (i == 10)
			before = meminfo("Slab") + meminfo("VmallocUsed") + meminfo("Percpu");
		self->fd = reload();
		ASSERT_LE(0, self->fd);
		ASSERT_EQ(0, core_works(self->fd, i % 4));
		ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 1 << 24, &handle));
		ASSERT_EQ(0, copy_sync(self->fd, &(struct drm_neuron_copy_op) {
			.dst_handle = handle, .size = 1 << 24, .value = 1 }));
		close(self->fd);
	}
	after = meminfo("Slab") + meminfo("VmallocUsed") + meminfo("Percpu");
	TH_LOG("Slab + VmallocUsed + Percpu: %ld KiB, 20 rounds later %ld KiB", before, after);
	EXPECT_GT(before + 2048, after);
	self->fd = -1;
}

TEST_HARNESS_MAIN
