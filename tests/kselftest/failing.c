// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every allocation and every copy from or to user memory fails once, in each call
 * and in probing: the call says so, works when it is repeated, and nothing leaks.
 *
 * Needs a kernel with CONFIG_FAULT_INJECTION, FAILSLAB, FAIL_PAGE_ALLOC and
 * FAULT_INJECTION_USERCOPY: the debug kernel has them.
 */

#include <sys/ioctl.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE		(64 << 10)
#define NONE		1000000		/* more than any call has */
#define NEAR		7		/* frames, of which three are the allocator's */

FIXTURE(failing) {
	int fd;
	int nth;
	char address[32];
	char path[64];
	struct bo host;
	struct bo dram;
	struct program nop;
	uint32_t sync;
	int64_t job;
};

/* From now on this task's @nth allocation or copy fails. */
static int arm(int file, unsigned int nth)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", nth);

	return pwrite(file, text, len, 0) == len ? 0 : -errno;
}

/* How many more than those seen it would have taken; 0: it has failed. */
static unsigned int disarm(int file)
{
	char text[16] = "";
	/* This read copies as well, and fails if it is what the counter hits. */
	ssize_t len = pread(file, text, sizeof(text) - 1, 0);
	unsigned int left = len > 0 ? strtoul(text, NULL, 10) : 1;

	while (arm(file, 0) == -EFAULT)
		;

	return left;
}

static bool set_up_faults(void)
{
	static const char * const off[] = {
		"failslab/ignore-gfp-wait", "fail_page_alloc/ignore-gfp-wait",
		"fail_page_alloc/ignore-gfp-highmem",
	};
	static const char * const quiet[] = {
		"failslab/verbose", "fail_page_alloc/verbose", "fail_usercopy/verbose",
	};
	char path[80];
	unsigned int i;
	int ret = 0;

	for (i = 0; i < ARRAY_LEN(off); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", off[i]);
		ret |= write_file(path, "N");
	}
	for (i = 0; i < ARRAY_LEN(quiet); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", quiet[i]);
		ret |= write_file(path, "0");
	}
	ret |= write_file("/sys/kernel/debug/fail_page_alloc/min-order", "0");

	return !ret;
}

static bool set_filter(const char *file, unsigned long value)
{
	static const char * const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };
	char path[80], text[24];
	unsigned int i;
	int ret = 0;

	snprintf(text, sizeof(text), "%#lx", value);
	for (i = 0; i < ARRAY_LEN(kinds); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", kinds[i], file);
		ret |= write_file(path, text);
	}

	return !ret;
}

/*
 * Only what the driver allocates itself or through a few functions. Further away
 * 6.12 has parts which don't clean up well after a failure: files in /proc/irq that
 * were not made are removed, DRM puts a device for its minor that was not made.
 */
static bool only_near(unsigned int frames)
{
	unsigned long start, size;
	char line[128] = "";
	FILE *modules = fopen("/proc/modules", "r");
	bool found = false;

	while (modules && !found && fgets(line, sizeof(line), modules))
		found = sscanf(line, "neuron %lu %*u %*s %*s %lx", &size, &start) == 2;
	if (modules)
		fclose(modules);

	return found && set_filter("require-start", start) &&
	       set_filter("require-end", start + size) && set_filter("stacktrace-depth", frames);
}

/* Nor in a function of the kernel that has a bug of this kind. */
static bool not_in(const char *name)
{
	unsigned long at, start = 0, next = 0;
	FILE *symbols = fopen("/proc/kallsyms", "r");
	char line[256], type, symbol[128];

	while (symbols && !next && fgets(line, sizeof(line), symbols)) {
		if (sscanf(line, "%lx %c %127s", &at, &type, symbol) != 3)
			continue;
		if (start && at > start)
			next = at;
		if (!strcmp(symbol, name))
			start = at;
	}
	if (symbols)
		fclose(symbols);

	return next && set_filter("reject-start", start) && set_filter("reject-end", next);
}

static bool everywhere(void)
{
	return set_filter("require-start", 0) && set_filter("require-end", ~0ul) &&
	       set_filter("reject-start", 0) && set_filter("reject-end", 0) &&
	       set_filter("stacktrace-depth", 32);
}

/* A file with all that the calls use. */
static bool begin(FIXTURE_DATA(failing) *f)
{
	struct submission s;

	f->fd = dev_open();
	if (f->fd < 0)
		return false;
	f->host = bo_new(f->fd, DRM_NEURON_BO_HOST, SIZE);
	f->dram = bo_new(f->fd, DRM_NEURON_BO_DRAM, SIZE);
	f->nop = program_new(f->fd);
	f->sync = syncobj_new(f->fd);
	if (!f->host.map || !f->dram.map || !f->nop.bo.map)
		return false;
	program_inst(&f->nop, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &f->nop, 0);
	f->job = submit(f->fd, &s);

	return f->job > 0;
}

/* With the dma-bufs whose descriptors exist, but could not be told. */
static void end(FIXTURE_DATA(failing) *f)
{
	close_range(f->fd + 1, ~0u, 0);
	munmap(f->host.map, SIZE);
	munmap(f->dram.map, SIZE);
	munmap(f->nop.bo.map, f->nop.bo.size);
	close(f->fd);
}

FIXTURE_SETUP(failing)
{
	char link[32];

	self->nth = open("/proc/thread-self/fail-nth", O_RDWR);
	if (self->nth < 0 || !set_up_faults())
		SKIP(return, "the kernel has no fault injection");
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	snprintf(link, sizeof(link), "/proc/self/fd/%d", self->fd);
	ASSERT_LT(0, readlink(link, self->path, sizeof(self->path) - 1));
	snprintf(self->address, sizeof(self->address), "%s", pci_address());
}

FIXTURE_TEARDOWN(failing)
{
	int fd;

	if (self->nth < 0)
		return;
	everywhere();
	close(self->fd);
	fd = dev_open();
	if (fd >= 0) {
		EXPECT_EQ(0, core_works(fd, 0));
		close(fd);
	}
	close(self->nth);
}

static int call_open(FIXTURE_DATA(failing) *f)
{
	int fd = open(f->path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close(fd);

	return 0;
}

static int create(FIXTURE_DATA(failing) *f, uint32_t flags)
{
	uint32_t handle;
	int ret = bo_create(f->fd, flags, SIZE, &handle);

	if (!ret)
		bo_close(f->fd, handle);

	return ret;
}

static int call_create_host(FIXTURE_DATA(failing) *f)
{
	return create(f, DRM_NEURON_BO_HOST);
}

static int call_create_dram(FIXTURE_DATA(failing) *f)
{
	return create(f, DRM_NEURON_BO_DRAM);
}

static int call_info(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_bo_info info = { .handle = f->host.handle };

	return dev_ioctl(f->fd, DRM_IOCTL_NEURON_BO_INFO, &info);
}

static int call_wait(FIXTURE_DATA(failing) *f)
{
	return bo_wait(f->fd, f->host.handle, 0, now_ns() + SECOND_NS);
}

static int call_submit(FIXTURE_DATA(failing) *f)
{
	struct submission s;
	int64_t ret;

	submission_init(&s, &f->nop, 0);
	submission_slot(&s, f->host.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&s, f->dram.handle, DRM_NEURON_SLOT_WRITE);
	submission_out(&s, f->sync, 0);
	ret = submit(f->fd, &s);

	return ret < 0 ? ret : 0;
}

static int call_copy(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_copy_op op = {
		.src_handle = f->host.handle, .dst_handle = f->dram.handle, .size = SIZE,
	};
	int64_t ret = copy_async(f->fd, &op, 1, 0, f->sync);

	return ret < 0 ? ret : 0;
}

static int call_status(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_job_status status;

	return job_status_wait(f->fd, f->job, now_ns() + SECOND_NS, &status);
}

static int call_query(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_device_info info;

	return query(f->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info));
}

static int call_cores(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_cores cores = { .mask = 2 };
	int ret = dev_ioctl(f->fd, DRM_IOCTL_NEURON_CORE_ACQUIRE, &cores);

	if (ret)
		return ret;
	cores = (struct drm_neuron_cores){ .mask = 2 };

	return dev_ioctl(f->fd, DRM_IOCTL_NEURON_CORE_RELEASE, &cores);
}

static int call_priority(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_priority priority = { .priority = DRM_NEURON_PRIORITY_NORMAL };

	return dev_ioctl(f->fd, DRM_IOCTL_NEURON_PRIORITY, &priority);
}

/* Exported, and imported by another file. */
static int call_prime(FIXTURE_DATA(failing) *f)
{
	int file = prime_export(f->fd, f->dram.handle);
	int other, ret;
	uint32_t handle;

	if (file < 0)
		return file;
	other = open(f->path, O_RDWR | O_CLOEXEC);
	ret = other < 0 ? -errno : prime_import(other, file, &handle);
	if (other >= 0)
		close(other);
	close(file);

	return ret;
}

static int call_map(FIXTURE_DATA(failing) *f)
{
	struct drm_neuron_bo_info info = { .handle = f->host.handle };
	void *map;
	int ret = dev_ioctl(f->fd, DRM_IOCTL_NEURON_BO_INFO, &info);

	if (ret)
		return ret;
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, f->fd, info.mmap_offset);
	if (map == MAP_FAILED)
		return -errno;
	munmap(map, SIZE);

	return 0;
}

static const struct {
	const char *name;
	int (*run)(FIXTURE_DATA(failing) *f);
} calls[] = {
	{ "open", call_open },
	{ "create in host memory", call_create_host },
	{ "create in DRAM", call_create_dram },
	{ "info", call_info },
	{ "wait", call_wait },
	{ "submit", call_submit },
	{ "copy", call_copy },
	{ "job status", call_status },
	{ "query", call_query },
	{ "cores", call_cores },
	{ "priority", call_priority },
	{ "export and import", call_prime },
	{ "mmap", call_map },
};

/*
 * When the result of a call can't be copied to the user any more, DRM leaves what was
 * made: it goes with the file. So the balance is drawn when that is closed.
 */
TEST_F_TIMEOUT(failing, calls, 600)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), after;
	FIXTURE_DATA(failing) file = *self;
	unsigned int i, nth, failed, left;
	int ret;

	for (i = 0; i < ARRAY_LEN(calls); i++) {
		ASSERT_TRUE(begin(&file));
		/* What is allocated once only is not to be found missing later. */
		ASSERT_EQ(0, calls[i].run(&file));
		failed = 0;
		for (nth = 1;; nth++) {
			ASSERT_EQ(0, arm(self->nth, nth));
			ret = calls[i].run(&file);
			left = disarm(self->nth);
			if (left)
				break;
			failed += ret < 0;
			/* ENOSPC: of shmem, when it gets no inode. */
			if (ret && ret != -ENOMEM && ret != -EFAULT && ret != -ENOSPC) {
				TH_LOG("%s: error %d with failure %u", calls[i].name, ret, nth);
				EXPECT_EQ(0, ret);
			}
			ret = calls[i].run(&file);
			if (ret)
				TH_LOG("%s: error %d after failure %u", calls[i].name, ret, nth);
			ASSERT_EQ(0, ret);
		}
		TH_LOG("%s: %u failures, %u errors", calls[i].name, nth - 1, failed);
		EXPECT_EQ(0, bo_wait(file.fd, file.host.handle, 0, now_ns() + 10 * SECOND_NS));
		end(&file);
		for (nth = 0; nth < 500; nth++) {
			after = memory_info(self->fd);
			if (after.dram_free == before.dram_free)
				break;
			usleep(10000);
		}
		EXPECT_EQ(before.dram_free, after.dram_free);
	}
}

/* In an order that is spread over all of it, for as long as there is time. */
TEST_F_TIMEOUT(failing, probe, 600)
{
	static const char bind[] = "/sys/bus/pci/drivers/neuron/bind";
	static const char unbind[] = "/sys/bus/pci/drivers/neuron/unbind";
	int64_t end = now_ns() + 200 * SECOND_NS;
	unsigned int total, i, stride, errors = 0;
	int ret;

	ASSERT_TRUE(only_near(NEAR));
	/* It unmaps a table of MSI-X that was not mapped. */
	ASSERT_TRUE(not_in("pci_alloc_irq_vectors_affinity"));
	ASSERT_EQ(0, write_file(unbind, self->address));
	ASSERT_EQ(0, arm(self->nth, NONE));
	ret = write_file(bind, self->address);
	total = NONE - disarm(self->nth);
	ASSERT_EQ(0, ret);

	/* Has no factor in common with it, and is far from one. */
	for (stride = total * 5 / 8 | 1; stride < total; stride += 2) {
		unsigned int a = total, b = stride;

		while (b) {
			unsigned int rest = a % b;

			a = b;
			b = rest;
		}
		if (a == 1)
			break;
	}

	for (i = 0; i < total && now_ns() < end; i++) {
		if (!ret)
			ASSERT_EQ(0, write_file(unbind, self->address));
		ASSERT_EQ(0, arm(self->nth, (uint64_t)i * stride % total + 1));
		ret = write_file(bind, self->address);
		disarm(self->nth);
		errors += ret < 0;
	}
	TH_LOG("probe: %u of %u failures, %u errors", i, total, errors);
	EXPECT_LT(0, errors);
	if (ret)
		ASSERT_EQ(0, write_file(bind, self->address));
	for (i = 0; i < 250 && dev_open() < 0; i++)
		usleep(20000);
}

TEST_HARNESS_MAIN
