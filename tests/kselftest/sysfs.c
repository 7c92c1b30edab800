// SPDX-License-Identifier: GPL-2.0-only
/* /sys/class/neuron_device: the tree, its counters, resets, and its end. */

#include <dirent.h>
#include <libgen.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

#define CLASS	"/sys/class/neuron_device"
#define SIZE	(3 << 20)

FIXTURE(sysfs) {
	int fd;
	char tree[64];
	char address[32];
	struct program nop;
	struct submission s;
};

/* Tree of the chip that a file is open of. */
static bool find_tree(int fd, char *tree, size_t size)
{
	char link[64], node[64] = "";
	struct stat st;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (readlink(link, node, sizeof(node) - 1) < 0 || !strstr(node, "/accel"))
		return false;
	snprintf(tree, size, CLASS "/neuron%d", atoi(basename(node) + 5));

	return !stat(tree, &st);
}

FIXTURE_SETUP(sysfs)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_TRUE(find_tree(self->fd, self->tree, sizeof(self->tree)));
	snprintf(self->address, sizeof(self->address), "%s", pci_address());
	self->nop = program_new(self->fd);
	ASSERT_TRUE(self->nop.bo.map);
	program_inst(&self->nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&self->s, &self->nop, 0);
}

FIXTURE_TEARDOWN(sysfs)
{
	inject("clear");
	if (self->fd >= 0)
		close(self->fd);
}

static const char *path_of(const char *tree, const char *format, va_list args)
{
	static char path[256];
	int n = snprintf(path, sizeof(path), "%s/", tree);

	vsnprintf(path + n, sizeof(path) - n, format, args);

	return path;
}

/* What a file says, without the newline; "(none)" if it can't be read. */
__attribute__((format(printf, 2, 3)))
static const char *text(const char *tree, const char *format, ...)
{
	static char value[256];
	va_list args;

	va_start(args, format);
	if (read_file(path_of(tree, format, args), value, sizeof(value)) <= 0)
		strcpy(value, "(none)");
	va_end(args);
	value[strcspn(value, "\n")] = '\0';

	return value;
}

/* The same as a number, or -1. */
#define NUMBER(...)	(strspn(text(self->tree, __VA_ARGS__), "0123456789") ? \
			 atoll(text(self->tree, __VA_ARGS__)) : -1ll)

__attribute__((format(printf, 3, 4)))
static int put(const char *tree, const char *value, const char *format, ...)
{
	va_list args;
	int ret;

	va_start(args, format);
	ret = write_file(path_of(tree, format, args), value);
	va_end(args);

	return ret;
}

#define STATUS	"neuron_core0/stats/status/"
#define INFO	"neuron_core0/stats/other_info/"

TEST_F(sysfs, identity)
{
	struct drm_neuron_device_info info;
	char real[256], *found;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	EXPECT_EQ(info.num_cores, NUMBER("core_count"));
	EXPECT_STREQ("", text(self->tree, "connected_devices"));
	EXPECT_STREQ("v1", text(self->tree, "info/architecture/arch_type"));
	EXPECT_STREQ("Inf1", text(self->tree, "info/architecture/instance_type"));
	EXPECT_STREQ("Inferentia", text(self->tree, "info/architecture/device_name"));
	EXPECT_STREQ("NCv1", text(self->tree, "neuron_core%u/info/architecture/arch_type",
				  info.num_cores - 1));
	EXPECT_STREQ("(none)", text(self->tree, "neuron_core%u/info/architecture/arch_type",
				    info.num_cores));

	/* Where schedulers look, and where the chip is plugged in. */
	found = realpath(self->tree, real);
	ASSERT_TRUE(found);
	EXPECT_EQ(0, strncmp(found, "/sys/devices/virtual/neuron_device/neuron", 41));
	snprintf(real, sizeof(real), "%s/device", self->tree);
	found = realpath(real, NULL);
	ASSERT_TRUE(found);
	EXPECT_STREQ(self->address, basename(found));
	free(found);
}

TEST_F(sysfs, jobs_by_status)
{
	long long done = NUMBER(STATUS "success/total"), time;
	long long runs = NUMBER(INFO "inference_count/total");
	long long invalid = NUMBER(STATUS "invalid_error/total");
	long long others = NUMBER("neuron_core1/stats/status/success/total");
	int i;

	ASSERT_LE(0, done);
	time = NUMBER(INFO "nc_time_in_use/total");
	for (i = 0; i < 5; i++)
		ASSERT_EQ(0, core_works(self->fd, 0));
	EXPECT_EQ(done + 5, NUMBER(STATUS "success/total"));
	EXPECT_EQ(1, NUMBER(STATUS "success/present"));
	EXPECT_EQ(runs + 5, NUMBER(INFO "inference_count/total"));
	EXPECT_LT(time, NUMBER(INFO "nc_time_in_use/total"));
	EXPECT_EQ(others, NUMBER("neuron_core1/stats/status/success/total"));

	/* Not a program any more. */
	program_header(&self->nop)->magic = 0;
	EXPECT_EQ(DRM_NEURON_JOB_FAULT,
		  job_wait(self->fd, submit(self->fd, &self->s), 10 * SECOND_NS));
	EXPECT_EQ(invalid + 1, NUMBER(STATUS "invalid_error/total"));
	EXPECT_EQ(done + 5, NUMBER(STATUS "success/total"));
	EXPECT_EQ(runs + 5, NUMBER(INFO "inference_count/total"));
}

TEST_F(sysfs, errors_of_memory)
{
	long long errors = NUMBER("stats/hardware/sram_ecc_uncorrected");
	long long status = NUMBER(STATUS "hw_nc_ue_error/total");
	struct bo bo = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct program copy = program_new(self->fd);

	if (!can_inject())
		SKIP(return, "the device can't inject faults");
	ASSERT_LE(0, errors);
	ASSERT_TRUE(bo.map);
	program_copy(&copy, 1, 0, 1, 4096, 64);
	submission_init(&self->s, &copy, 0);
	submission_slot(&self->s, bo.handle, DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE);
	ASSERT_EQ(0, inject("sbuf-flip-ue 0 1 0"));
	EXPECT_EQ(DRM_NEURON_JOB_FAULT,
		  job_wait(self->fd, submit(self->fd, &self->s), 10 * SECOND_NS));
	EXPECT_EQ(errors + 1, NUMBER("stats/hardware/sram_ecc_uncorrected"));
	EXPECT_EQ(status + 1, NUMBER(STATUS "hw_nc_ue_error/total"));
}

TEST_F(sysfs, memory)
{
	long long host = NUMBER("stats/memory_usage/host_mem/total");
	long long dram = NUMBER("stats/memory_usage/device_mem/total");
	uint32_t a, b;

	ASSERT_LE(0, host);
	ASSERT_LE(0, dram);
	ASSERT_EQ(0, put(self->tree, "0", "stats/memory_usage/device_mem/peak"));
	EXPECT_EQ(dram, NUMBER("stats/memory_usage/device_mem/peak"));
	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_HOST, SIZE, &a));
	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, SIZE, &b));
	EXPECT_EQ(host + SIZE, NUMBER("stats/memory_usage/host_mem/total"));
	EXPECT_EQ(dram + SIZE, NUMBER("stats/memory_usage/device_mem/total"));
	EXPECT_EQ(dram + SIZE, NUMBER("stats/memory_usage/device_mem/present"));
	ASSERT_EQ(0, bo_close(self->fd, a));
	ASSERT_EQ(0, bo_close(self->fd, b));
	EXPECT_EQ(host, NUMBER("stats/memory_usage/host_mem/total"));
	EXPECT_EQ(dram, NUMBER("stats/memory_usage/device_mem/total"));
	EXPECT_EQ(dram + SIZE, NUMBER("stats/memory_usage/device_mem/peak"));

	/* What failed does not count. */
	EXPECT_GT(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 1ull << 40, &a));
	EXPECT_EQ(dram, NUMBER("stats/memory_usage/device_mem/total"));
}

TEST_F(sysfs, writing_clears)
{
	ASSERT_EQ(0, core_works(self->fd, 0));
	EXPECT_LT(0, NUMBER(STATUS "success/total"));
	EXPECT_EQ(0, put(self->tree, "1", STATUS "success/total"));
	EXPECT_EQ(0, NUMBER(STATUS "success/total"));
	EXPECT_EQ(0, NUMBER(STATUS "success/present"));
	ASSERT_EQ(0, core_works(self->fd, 0));
	EXPECT_EQ(1, NUMBER(STATUS "success/total"));
}

/* What executes is cancelled, what waits behind it goes on. */
TEST_F(sysfs, reset)
{
	static const char *const files[] = { "neuron_core0/reset", "reset" };
	int64_t hung, behind;
	unsigned int i;

	if (!can_inject())
		SKIP(return, "the device can't inject faults");

	for (i = 0; i < ARRAY_LEN(files); i++) {
		long long requests = NUMBER(INFO "reset_req_count/total");
		long long others = NUMBER("neuron_core1/stats/other_info/reset_req_count/total");
		long long failures = NUMBER(STATUS "failure/total");
		long long refused = NUMBER(INFO "reset_fail_count/total");

		ASSERT_EQ(0, inject("hang-core 0 1"));
		hung = submit(self->fd, &self->s);
		behind = submit(self->fd, &self->s);
		ASSERT_LT(0, behind);
		EXPECT_EQ(-ETIME, job_wait(self->fd, hung, 200 * MS_NS));
		ASSERT_EQ(0, put(self->tree, "1", "%s", files[i]));
		EXPECT_EQ(DRM_NEURON_JOB_CANCELLED, job_wait(self->fd, hung, SECOND_NS));
		EXPECT_EQ(DRM_NEURON_JOB_DONE,
			  job_wait(self->fd, behind, 10 * SECOND_NS));
		EXPECT_EQ(requests + 1, NUMBER(INFO "reset_req_count/total"));
		EXPECT_EQ(others + i, NUMBER("neuron_core1/stats/other_info/reset_req_count/total"));
		EXPECT_EQ(refused, NUMBER(INFO "reset_fail_count/total"));
		EXPECT_EQ(failures + 1, NUMBER(STATUS "failure/total"));
	}

	EXPECT_EQ(-EINVAL, put(self->tree, "0", "reset"));
	EXPECT_EQ(-EINVAL, put(self->tree, "now", "reset"));
}

struct storm {
	const char *tree;
	volatile bool stop;
	unsigned long good;
	bool odd;
};

/* Reads and resets until the tree is gone, and on. */
static void *storm(void *data)
{
	struct storm *storm = data;

	while (!storm->stop) {
		char value[64], path[128];
		int ret;

		snprintf(path, sizeof(path), "%s/" INFO "nc_time_in_use/total", storm->tree);
		ret = read_file(path, value, sizeof(value));
		storm->good += ret > 0;
		snprintf(path, sizeof(path), "%s/reset", storm->tree);
		ret = write_file(path, "1");
		storm->odd |= ret && ret != -ENODEV && ret != -ENOENT && ret != -EIO &&
			      ret != -EBUSY && ret != -EACCES;
	}

	return NULL;
}

/* Files that are open, read and written while the driver goes. */
TEST_F(sysfs, unbind)
{
	struct storm args = { .tree = self->tree };
	char path[128], value[32];
	struct stat st;
	pthread_t thread;
	int total, reset, i;

	snprintf(path, sizeof(path), "%s/" STATUS "success/total", self->tree);
	total = open(path, O_RDONLY);
	snprintf(path, sizeof(path), "%s/reset", self->tree);
	reset = open(path, O_WRONLY);
	ASSERT_LE(0, total);
	ASSERT_LE(0, reset);
	ASSERT_LT(0, pread(total, value, sizeof(value), 0));
	close(self->fd);
	self->fd = -1;

	for (i = 0; i < 3; i++) {
		args.stop = false;
		ASSERT_EQ(0, pthread_create(&thread, NULL, storm, &args));
		usleep(200000);
		EXPECT_EQ(0, write_file("/sys/bus/pci/drivers/neuron/unbind", self->address));
		EXPECT_NE(0, stat(self->tree, &st));
		args.stop = true;
		pthread_join(thread, NULL);
		EXPECT_FALSE(args.odd);
		EXPECT_LT(0, args.good);

		EXPECT_EQ(-1, pread(total, value, sizeof(value), 0));
		EXPECT_EQ(ENODEV, errno);
		EXPECT_EQ(-1, pwrite(reset, "1", 1, 0));
		EXPECT_EQ(ENODEV, errno);

		/* The mapping keeps the old device's number, so the new one has another. */
		EXPECT_EQ(0, bind_driver(self->address));
		self->fd = dev_open();
		ASSERT_TRUE(find_tree(self->fd, self->tree, sizeof(self->tree)));
		EXPECT_EQ(0, NUMBER(STATUS "success/total"));
		close(self->fd);
		self->fd = -1;
	}
	close(total);
	close(reset);
}

struct user {
	char path[128];
	bool write;
	int started;
	int error;
};

/* As fast as it goes, in a file that is open, until that is gone. */
static void *use(void *data)
{
	struct user *user = data;
	int fd = open(user->path, user->write ? O_WRONLY : O_RDONLY);
	char value[32];
	ssize_t done;

	do {
		done = user->write ? pwrite(fd, "0", 1, 0) : pread(fd, value, sizeof(value), 0);
		__atomic_store_n(&user->started, 1, __ATOMIC_RELEASE);
	} while (done > 0 || errno == EINVAL);
	user->error = errno;
	close(fd);

	return NULL;
}

/* A file's memory outlives whoever uses the file, whatever order the tree goes in. */
TEST_F_TIMEOUT(sysfs, used_until_unbind, 120)
{
	static const struct {
		const char *name;
		bool write;
	} files[] = {
		{ "neuron_core0/reset", true },
		{ INFO "nc_time_in_use/total", false },
		{ "stats/hardware/mem_ecc_corrected", false },
	};
	struct user users[3];
	pthread_t threads[3];
	int i, k;

	for (i = 0; i < 10; i++) {
		close(self->fd);
		self->fd = -1;
		for (k = 0; k < 3; k++) {
			users[k] = (struct user) { .write = files[k].write };
			snprintf(users[k].path, sizeof(users[k].path), "%s/%s", self->tree,
				 files[k].name);
			ASSERT_EQ(0, pthread_create(&threads[k], NULL, use, &users[k]));
		}
		for (k = 0; k < 3; k++)
			while (!__atomic_load_n(&users[k].started, __ATOMIC_ACQUIRE))
				usleep(1000);
		EXPECT_EQ(0, write_file("/sys/bus/pci/drivers/neuron/unbind", self->address));
		for (k = 0; k < 3; k++) {
			pthread_join(threads[k], NULL);
			EXPECT_EQ(ENODEV, users[k].error);
		}
		EXPECT_EQ(0, bind_driver(self->address));
		self->fd = dev_open();
		ASSERT_TRUE(find_tree(self->fd, self->tree, sizeof(self->tree)));
	}
}

TEST_HARNESS_MAIN
