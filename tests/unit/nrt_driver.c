// SPDX-License-Identifier: MIT
/*
 * A driver that refuses: what each of its errors becomes, and that the next call works.
 * libdrm's calls are answered here; the node is one whose memory can be mapped.
 */
#include <drm/neuron_accel.h>
#include <errno.h>
#include <neuron.h>
#include <nrt/nrt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <glob.h>
#include <neuron/isa.h>
#include <xf86drm.h>
#include "tests/unit/nrt_test.h"

#define NODE	"/dev/zero"
#define SIZE	(1u << 20)	/* a copy of so much is one by DMA */
/* Calls that are no ioctl() of the driver's. */
#define SYNCOBJ	1ul
#define EXPORT	2ul

/* The call that is refused, with what. */
static unsigned long refused;
static int refusal;
/* How jobs end. */
static uint32_t state = DRM_NEURON_JOB_DONE, fault;
static unsigned int domain = 0xffff, bus, slot, function;

drmVersionPtr drmGetVersion(int fd)
{
	static char name[] = "neuron";
	static struct _drmVersion version = {
		.version_major = DRM_NEURON_MAJOR, .version_minor = DRM_NEURON_MINOR,
		.name = name,
	};

	(void)fd;
	return &version;
}

void drmFreeVersion(drmVersionPtr version)
{
	(void)version;
}

static bool refuses(unsigned long request)
{
	errno = refusal;
	return request == refused;
}

static void answer_query(struct drm_neuron_query *q)
{
	void *data = (void *)(uintptr_t)q->data;

	memset(data, 0, q->size);
	if (q->type == DRM_NEURON_QUERY_DEVICE)
		*(struct drm_neuron_device_info *)data = (struct drm_neuron_device_info) {
			.num_cores = 4, .num_dma_queues = 2, .max_slots = 64,
			.isa_version = NEURON_ISA_VERSION, .max_bo_size = 1ull << 32,
			.pci_domain = domain, .pci_bus = bus, .pci_device = slot,
			.pci_function = function,
		};
}

int drmIoctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (refuses(request))
		return -1;
	switch (request) {
	case DRM_IOCTL_NEURON_QUERY:
		answer_query(arg);
		break;
	case DRM_IOCTL_NEURON_BO_CREATE:
		((struct drm_neuron_bo_create *)arg)->handle = 1;
		break;
	case DRM_IOCTL_NEURON_JOB_STATUS:
		((struct drm_neuron_job_status *)arg)->state = state;
		((struct drm_neuron_job_status *)arg)->fault_kind = fault;
		break;
	}
	return 0;
}

int drmSyncobjCreate(int fd, uint32_t flags, uint32_t *handle)
{
	(void)fd;
	(void)flags;
	*handle = 1;
	return refuses(SYNCOBJ) ? -1 : 0;
}

int drmSyncobjDestroy(int fd, uint32_t handle)
{
	(void)fd;
	(void)handle;
	return 0;
}

int drmPrimeHandleToFD(int fd, uint32_t handle, uint32_t flags, int *prime)
{
	(void)handle;
	(void)flags;
	if (refuses(EXPORT))
		return -1;
	*prime = dup(fd);
	return 0;
}

/*
 * Calls
 */

static struct neuron_device *device;
static struct neuron_buffer *buffer;

static int create(void)
{
	struct neuron_buffer *made;
	int ret = neuron_buffer_create(device, NEURON_MEMORY_DRAM, SIZE, &made);

	if (!ret)
		neuron_buffer_free(made);
	return ret;
}

static int map(void)
{
	struct neuron_buffer *made;
	void *address;
	int ret;

	CHECK_EQ(neuron_buffer_create(device, NEURON_MEMORY_HOST, SIZE, &made), 0);
	ret = neuron_buffer_map(made, &address);
	neuron_buffer_free(made);
	return ret;
}

static int copy(void)
{
	return neuron_buffer_copy(buffer, 0, buffer, SIZE / 2, SIZE / 2);
}

static int give_fd(void)
{
	int fd, ret = neuron_buffer_export(buffer, &fd);

	if (!ret)
		close(fd);
	return ret;
}

static int submit(void)
{
	struct neuron_binding binding = { .buffer = buffer, .size = SIZE };
	struct neuron_submission s = {
		.num_bindings = 1, .bindings = &binding, .report_slot = NEURON_NO_BINDING,
	};
	struct neuron_job_result result;
	struct neuron_job *job;
	int ret = neuron_submit(device, &s, &job);

	if (ret)
		return ret;
	ret = neuron_job_wait(job, -1, &result);
	neuron_job_free(job);
	return ret;
}

static int ask_core(void)
{
	struct neuron_core_info info;

	return neuron_core_get_info(device, 0, &info, sizeof(info));
}

static int ask_memory(void)
{
	struct neuron_memory_info info;

	return neuron_memory_get_info(device, &info, sizeof(info));
}

static int acquire(void)
{
	return neuron_cores_acquire(device, 1);
}

static int release(void)
{
	return neuron_cores_release(device, 1);
}

static int open_again(void)
{
	struct neuron_device *another;
	int ret = neuron_device_open(NODE, 0, &another);

	neuron_device_close(ret ? NULL : another);
	return ret;
}

/*
 * Tests
 */

static void refusals(void)
{
	static const struct {
		int (*call)(void);
		unsigned long request;
		int error;
		const char *remedy;
	} rows[] = {
		{ create, DRM_IOCTL_NEURON_BO_CREATE, ENOSPC, "free tensors or unload models" },
		{ create, DRM_IOCTL_NEURON_BO_CREATE, ENOMEM, "end other programs" },
		{ create, DRM_IOCTL_NEURON_BO_CREATE, ENODEV, "rescan the bus" },
		{ create, DRM_IOCTL_NEURON_BO_CREATE, EIO, "rescan the bus" },
		{ create, DRM_IOCTL_NEURON_BO_CREATE, EINVAL, "dmesg" },
		{ map, DRM_IOCTL_NEURON_BO_INFO, EINVAL, "dmesg" },
		{ give_fd, EXPORT, EMFILE, "ulimit -n" },
		{ copy, DRM_IOCTL_NEURON_COPY, ENOMEM, "end other programs" },
		{ copy, DRM_IOCTL_NEURON_JOB_STATUS, EINVAL, "waiting for a job" },
		{ copy, DRM_IOCTL_NEURON_JOB_STATUS, ENODEV, "rescan the bus" },
		{ submit, SYNCOBJ, ENOMEM, "end other programs" },
		{ submit, DRM_IOCTL_NEURON_SUBMIT, EBUSY, "neuron-ls" },
		{ submit, DRM_IOCTL_NEURON_SUBMIT, EIO, "rescan the bus" },
		{ ask_core, DRM_IOCTL_NEURON_QUERY, ENODEV, "rescan the bus" },
		{ ask_memory, DRM_IOCTL_NEURON_QUERY, EIO, "rescan the bus" },
		{ acquire, DRM_IOCTL_NEURON_CORE_ACQUIRE, EBUSY, "neuron-ls" },
		{ acquire, DRM_IOCTL_NEURON_CORE_ACQUIRE, ENODEV, "rescan the bus" },
		{ release, DRM_IOCTL_NEURON_CORE_RELEASE, EINVAL, "dmesg" },
		{ open_again, DRM_IOCTL_NEURON_QUERY, EIO, "rescan the bus" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		refused = rows[i].request;
		refusal = rows[i].error;
		CHECK_FAILS(rows[i].call(), -rows[i].error, rows[i].remedy);
		refused = 0;
		CHECK_OK(rows[i].call());
	}
}

/* How a copy's job ends is what the copy returns. */
static void ends_of_copies(void)
{
	static const struct {
		uint32_t state;
		uint32_t fault;
		int error;
		const char *remedy;
	} rows[] = {
		{ DRM_NEURON_JOB_TIMEOUT, 0, -ETIMEDOUT, "neuron-reset" },
		{ DRM_NEURON_JOB_CANCELLED, 0, -ECANCELED, "do it again" },
		{ DRM_NEURON_JOB_LOST, 0, -ENODEV, "rescan the bus" },
		{ DRM_NEURON_JOB_FAULT, NEURON_FAULT_DMA_ABORT, -EFAULT, "IOMMU" },
		{ DRM_NEURON_JOB_FAULT, NEURON_FAULT_DRAM_ECC, -EBADMSG, "write the tensors again" },
		{ DRM_NEURON_JOB_FAULT, NEURON_FAULT_INTERNAL, -EREMOTEIO, "report it" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		state = rows[i].state;
		fault = rows[i].fault;
		CHECK_FAILS(copy(), rows[i].error, rows[i].remedy);
		state = DRM_NEURON_JOB_DONE;
		fault = 0;
		CHECK_OK(copy());
	}
	state = DRM_NEURON_JOB_PENDING;
	CHECK_EQ(submit(), -ETIME);
	state = DRM_NEURON_JOB_DONE;
}

/* What has been unplugged is not what a reset may bring back. */
static void losses(void)
{
	glob_t found;

	refused = DRM_IOCTL_NEURON_BO_CREATE;
	refusal = ENODEV;
	CHECK_FAILS(create(), -ENODEV, NODE " is not on the bus any more (ffff:00:00.0)");
	if (!glob("/sys/bus/pci/devices/*", 0, NULL, &found) &&
	    sscanf(strrchr(found.gl_pathv[0], '/') + 1, "%x:%x:%x.%x", &domain, &bus, &slot,
		   &function) == 4) {
		struct neuron_device *kept = device;

		CHECK_EQ(neuron_device_open(NODE, 0, &device), 0);
		CHECK_FAILS(create(), -ENODEV, "try neuron-reset; else remove it");
		CHECK(strstr(t_message, found.gl_pathv[0]));
		neuron_device_close(device);
		device = kept;
	}
	globfree(&found);
	domain = 0xffff;
	refused = 0;
}

static void nodes(void)
{
	struct neuron_device *none;
	char path[] = "/tmp/neuron.XXXXXX";
	int fd;

	CHECK_FAILS(neuron_device_open(NODE, 1, &none), -ENODEV, "is one device");
	CHECK_FAILS(neuron_device_open("/dev/no-such-node", 0, &none), -ENODEV, "modprobe neuron");
	if (mkdtemp(path) && !rmdir(path) && !symlink(path, path)) {
		CHECK_FAILS(neuron_device_open(path, 0, &none), -ELOOP, "dmesg");
		unlink(path);
	}
	/* Nobody may open it but root, who is somebody else meanwhile. */
	strcpy(path, "/tmp/neuron.XXXXXX");
	fd = geteuid() ? -1 : mkstemp(path);
	if (fd >= 0) {
		CHECK_EQ(seteuid(65534), 0);
		CHECK_FAILS(neuron_device_open(path, 0, &none), -EACCES, "device's group");
		CHECK_EQ(seteuid(0), 0);
		close(fd);
		unlink(path);
	}
	CHECK_FAILS(neuron_inject(device, 1, 0, 1, 0), -EOPNOTSUPP, "debug window");
}

/* The same as statuses of the runtime. */
static void statuses(void)
{
	static const struct {
		unsigned long request;
		int error;
		NRT_STATUS status;
	} rows[] = {
		{ DRM_IOCTL_NEURON_QUERY, ENODEV, NRT_FAILURE },
		{ DRM_IOCTL_NEURON_QUERY, EIO, NRT_EXEC_UNIT_UNRECOVERABLE },
		{ DRM_IOCTL_NEURON_CORE_ACQUIRE, EBUSY, NRT_RESOURCE },
		{ DRM_IOCTL_NEURON_CORE_ACQUIRE, ENOMEM, NRT_FAIL_HOST_MEM_ALLOC },
	}, allocations[] = {
		{ DRM_IOCTL_NEURON_BO_CREATE, ENOSPC, NRT_RESOURCE },
		{ DRM_IOCTL_NEURON_BO_CREATE, ENOMEM, NRT_FAIL_HOST_MEM_ALLOC },
		{ DRM_IOCTL_NEURON_BO_CREATE, ENODEV, NRT_EXEC_UNIT_UNRECOVERABLE },
		{ DRM_IOCTL_NEURON_BO_CREATE, EPERM, NRT_FAILURE },
	};
	nrt_tensor_t *tensor;

	setenv("NEURON_RT_DEVICE", NODE, 1);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		refused = rows[i].request;
		refusal = rows[i].error;
		CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), rows[i].status, "");
		refused = 0;
		t_init();
		nrt_close();
	}
	t_init();
	for (size_t i = 0; i < sizeof(allocations) / sizeof(allocations[0]); i++) {
		refused = allocations[i].request;
		refusal = allocations[i].error;
		CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, SIZE, "t",
						&tensor), allocations[i].status, "");
		refused = 0;
		tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, SIZE);
		nrt_tensor_free(&tensor);
	}
	nrt_close();
}

int main(void)
{
	t_setup();
	CHECK_EQ(neuron_device_open(NODE, 0, &device), 0);
	CHECK_EQ(neuron_buffer_create(device, NEURON_MEMORY_DRAM, SIZE, &buffer), 0);
	ktap_run("what the driver refuses", refusals);
	ktap_run("how copies end", ends_of_copies);
	ktap_run("devices that are lost", losses);
	ktap_run("nodes that are none", nodes);
	neuron_buffer_free(buffer);
	neuron_device_close(device);
	ktap_run("statuses of what is refused", statuses);
	return ktap_done();
}
