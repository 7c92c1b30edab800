// SPDX-License-Identifier: MIT
/* The backend that uses the kernel driver, through /dev/accel/accel*. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>
#include <drm/neuron_accel.h>
#include "backend.h"
#include "log.h"
#include "status.h"

#define NODES		"/dev/accel"
#define DRIVER		"neuron"
#define MAX_NODES	64
#define FREE_SYNCS	64
/*
 * A transfer by DMA costs a job and, on the way, a copy into a host buffer; one
 * through the aperture costs page faults the first time. In a VM without KVM they
 * break even at about this size.
 */
#define DIRECT_LIMIT	(256u << 10)
#define NO_SUCH_DEVICE	"no neuron device: load the driver (modprobe neuron), run inside tools/neuron-vm, or set NEURON_RT_DEVICE=sim to use the simulator"

/* The layout that the driver copies is the one that neuron.h promises. */
_Static_assert(sizeof(struct neuron_core_info) ==
	       sizeof(struct drm_neuron_core_info), "layout");
_Static_assert(sizeof(struct neuron_memory_info) ==
	       sizeof(struct drm_neuron_memory_info), "layout");

/**
 * struct drm_device - an open node
 * @base: what all backends know
 * @fd: the node
 * @lock: guards @syncs
 * @syncs: sync objects that no job uses
 * @num_syncs: number of them
 * @jobs: ended ones, for the next
 */
struct drm_device {
	struct neuron_device base;
	int fd;
	pthread_mutex_t lock;
	uint32_t syncs[FREE_SYNCS];
	unsigned int num_syncs;
	struct drm_job *jobs;
};

struct drm_buffer {
	struct neuron_buffer base;
	uint32_t handle;
	uint64_t mapped;
};

/**
 * struct drm_job - a job in the driver's hands
 * @base: what all backends know
 * @next: in the list of those that can be used again
 * @number: in the driver's context
 * @sync: signalled at the job's end
 * @ended: somebody has waited for that
 */
struct drm_job {
	struct neuron_job base;
	struct drm_job *next;
	uint64_t number;
	uint32_t sync;
	atomic_bool ended;
};

static struct drm_device *to_drm(struct neuron_device *device)
{
	return (struct drm_device *)device;
}

/*
 * What helps depends on what the kernel still has of it: one that has been taken away
 * has no folder in sysfs any more, and no reset reaches it.
 */
static void describe_loss(const struct drm_device *device, char *text, size_t size)
{
	const struct neuron_device_info *info = &device->base.info;
	char path[sizeof("/sys/bus/pci/devices/") + sizeof(info->address)];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", info->address);
	if (info->address[0] && access(path, F_OK))
		snprintf(text, size, "%s is not on the bus any more (%s): plug it in, rescan the bus (echo 1 >/sys/bus/pci/rescan) or reboot, and start this program again",
			 info->name, info->address);
	else
		snprintf(text, size, "%s or its core is lost, no reset helped: try neuron-reset; else remove it (echo 1 >%s/remove) and rescan the bus (echo 1 >/sys/bus/pci/rescan), or reboot; then start this program again",
			 info->name, path);
}

static void drm_lost(struct neuron_device *device, char *text, size_t size)
{
	describe_loss(to_drm(device), text, size);
}

/* Log why a call to the driver failed, and what to do. */
static int refused(const struct drm_device *device, const char *what, int error)
{
	const char *name = device->base.info.name;
	char text[JOB_TEXT_SIZE];

	switch (error) {
	case ENODEV:
	case EIO:
		describe_loss(device, text, sizeof(text));
		return fail(-error, "%s: %s", what, text);
	case EMFILE:
	case ENFILE:
		return fail(-error, "%s: %s: %s: close what is not needed any more, or raise the limit of open files (ulimit -n)",
			    name, what, strerror(error));
	case ENOSPC:
		return fail(-error, "%s: %s: no room in device DRAM: free tensors or unload models",
			    name, what);
	case ENOMEM:
		return fail(-error, "%s: %s: " NO_MEMORY, name, what);
	default:
		return fail(-error, "%s: %s: %s: the kernel's log (dmesg) may say why", name, what,
			    strerror(error));
	}
}

/* drmIoctl() repeats what a signal interrupted. */
static int call(const struct drm_device *device, unsigned long request, void *arg,
		const char *what)
{
	if (!drmIoctl(device->fd, request, arg))
		return 0;
	return refused(device, what, errno);
}

/*
 * Finding nodes
 */

/*
 * Does the driver speak the interface that we were built for? One that is older
 * would refuse some calls with EINVAL, long after it could be told why.
 */
static int check_version(const char *path, int major, int minor)
{
	if (major == DRM_NEURON_MAJOR && minor >= DRM_NEURON_MINOR)
		return 0;
	if (major > DRM_NEURON_MAJOR)
		return fail(-EPROTO, "%s: the neuron driver has interface %d.%d, this libneuron needs %d.%d: it is older than the driver, update libneuron",
			    path, major, minor, DRM_NEURON_MAJOR, DRM_NEURON_MINOR);
	return fail(-EPROTO, "%s: the neuron driver has interface %d.%d, this libneuron needs %d.%d: build the module of this release (make module) and load it anew (rmmod neuron; modprobe neuron)",
		    path, major, minor, DRM_NEURON_MAJOR, DRM_NEURON_MINOR);
}

/*
 * Open a node if the neuron driver is behind it. -ENOTTY: it is not. -EPROTO: it
 * is, in a version that we can't use, which has been logged.
 */
static int open_node(const char *path)
{
	int fd, ret = -ENOTTY;
	drmVersionPtr version;

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	version = drmGetVersion(fd);
	if (version && !strcmp(version->name, DRIVER))
		ret = check_version(path, version->version_major, version->version_minor);
	drmFreeVersion(version);
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static int cannot_open(const char *path, int error)
{
	if (error == -EACCES || error == -EPERM)
		return fail(-EACCES, "%.64s: %s: ask for access to the device's group, or set NEURON_RT_DEVICE=sim to use the simulator",
			    path, strerror(-error));
	return fail(error, "%.64s: %s: the kernel's log (dmesg) may say why", path,
		    strerror(-error));
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Numbers of the accelN nodes, ascending, whoever's they are. */
static unsigned int list_nodes(int numbers[MAX_NODES])
{
	unsigned int n = 0;
	struct dirent *entry;
	DIR *dir = opendir(NODES);
	char rest;

	if (!dir)
		return 0;
	while (n < MAX_NODES && (entry = readdir(dir))) {
		if (sscanf(entry->d_name, "accel%d%c", &numbers[n], &rest) == 1)
			n++;
	}
	closedir(dir);
	qsort(numbers, n, sizeof(*numbers), by_number);
	return n;
}

/*
 * Count our nodes; with @fd, stop at number @index and leave it open. The
 * error is that of a node of ours which could not be opened, if there is one.
 */
static int scan(unsigned int index, int *fd, char *name, size_t name_size,
		unsigned int *count)
{
	int numbers[MAX_NODES];
	unsigned int n = list_nodes(numbers), i;
	char path[64], denied[64] = "";
	int found, error = 0;

	*count = 0;
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), NODES "/accel%d", numbers[i]);
		found = open_node(path);
		/* One module drives them all. */
		if (found == -EPROTO)
			return found;
		if (found < 0) {
			if (found != -ENOTTY && !error) {
				error = found;
				memcpy(denied, path, sizeof(denied));
			}
			continue;
		}
		if (fd && *count == index) {
			*fd = found;
			snprintf(name, name_size, "%s", path);
			return 0;
		}
		close(found);
		++*count;
	}
	if (fd && *count)
		return fail(-ENODEV, "there is no device %u, only %u of them", index,
			    *count);
	if (*count)
		return 0;
	if (error)
		return cannot_open(denied, error);
	return fail(-ENODEV, NO_SUCH_DEVICE);
}

/* A node that was named. */
static int open_named(const char *path, int *fd)
{
	*fd = open_node(path);
	if (*fd == -EPROTO)
		return *fd;
	if (*fd == -ENOTTY)
		return fail(-ENODEV, "%.64s is not a node of the neuron driver: neuron-ls lists those that are", path);
	if (*fd == -ENOENT)
		return fail(-ENODEV, "%.64s: there is no such node; " NO_SUCH_DEVICE,
			    path);
	if (*fd < 0)
		return cannot_open(path, *fd);
	return 0;
}

static int drm_count(const char *path, unsigned int *count)
{
	int fd, ret;

	if (!path)
		return scan(0, NULL, NULL, 0, count);
	ret = open_named(path, &fd);
	if (ret)
		return ret;
	close(fd);
	*count = 1;
	return 0;
}

/*
 * Devices
 */

static int query(struct drm_device *device, uint32_t type, uint32_t index,
		 void *data, uint32_t size, const char *what)
{
	struct drm_neuron_query q = {
		.type = type, .index = index, .size = size, .data = (uintptr_t)data,
	};

	return call(device, DRM_IOCTL_NEURON_QUERY, &q, what);
}

static int query_device(struct drm_device *device)
{
	struct neuron_device_info *info = &device->base.info;
	struct drm_neuron_device_info d = { 0 };
	int ret = query(device, DRM_NEURON_QUERY_DEVICE, 0, &d, sizeof(d),
			"asking for the device");

	if (ret)
		return ret;
	snprintf(info->backend, sizeof(info->backend), "drm");
	snprintf(info->address, sizeof(info->address), "%04x:%02x:%02x.%x",
		 d.pci_domain & 0xffff, d.pci_bus & 0xff, d.pci_device,
		 d.pci_function & 7);
	info->cores = d.num_cores;
	info->dma_queues = d.num_dma_queues;
	info->isa_version = d.isa_version;
	info->hw_version = d.hw_version;
	info->sbuf_size = d.sbuf_size;
	info->psum_size = d.psum_size;
	info->dram_size = d.dram_size;
	info->max_buffer_size = d.max_bo_size;
	info->clock_khz = d.clock_khz;
	info->dram_mibps = d.dram_mibps;
	info->max_bindings = d.max_slots;
	info->host_threads = d.pool_threads;
	snprintf(info->host_kernels, sizeof(info->host_kernels), "%.63s", d.pool_name);
	return 0;
}

static int drm_open(const char *path, unsigned int index,
		    struct neuron_device **result)
{
	struct drm_device *device = calloc(1, sizeof(*device));
	struct neuron_device_info *info;
	unsigned int count;
	int ret;

	if (!device)
		return fail(-ENOMEM, NO_MEMORY);
	info = &device->base.info;
	if (path) {
		snprintf(info->name, sizeof(info->name), "%s", path);
		ret = index ? fail(-ENODEV, "%.64s is one device, there is no number %u",
				   path, index)
			    : open_named(path, &device->fd);
	} else {
		ret = scan(index, &device->fd, info->name, sizeof(info->name),
			   &count);
	}
	if (ret) {
		free(device);
		return ret;
	}
	pthread_mutex_init(&device->lock, NULL);
	ret = query_device(device);
	if (ret) {
		close(device->fd);
		free(device);
		return ret;
	}
	device->base.direct_limit = DIRECT_LIMIT;
	*result = &device->base;
	return 0;
}

static void drm_close(struct neuron_device *base)
{
	struct drm_device *device = to_drm(base);

	/* The kernel frees the sync objects, and releases the cores. */
	close(device->fd);
	while (device->jobs) {
		struct drm_job *job = device->jobs;

		device->jobs = job->next;
		free(job);
	}
	pthread_mutex_destroy(&device->lock);
	free(device);
}

/* Else the cores would be the parent's for as long as the child lives. */
static void drm_forked(struct neuron_device *base)
{
	close(to_drm(base)->fd);
}

static int drm_core_info(struct neuron_device *base, unsigned int core,
			 struct neuron_core_info *info)
{
	return query(to_drm(base), DRM_NEURON_QUERY_CORE, core, info, sizeof(*info),
		     "asking for a core");
}

static int drm_memory_info(struct neuron_device *base,
			   struct neuron_memory_info *info)
{
	return query(to_drm(base), DRM_NEURON_QUERY_MEMORY, 0, info, sizeof(*info),
		     "asking for the memory");
}

static int drm_cores_acquire(struct neuron_device *base, uint32_t mask)
{
	struct drm_device *device = to_drm(base);
	struct drm_neuron_cores c = { .mask = mask };

	if (!drmIoctl(device->fd, DRM_IOCTL_NEURON_CORE_ACQUIRE, &c))
		return 0;
	return errno == EBUSY ? -EBUSY : refused(device, "acquiring cores", errno);
}

static int drm_cores_release(struct neuron_device *base, uint32_t mask)
{
	struct drm_neuron_cores c = { .mask = mask };

	return call(to_drm(base), DRM_IOCTL_NEURON_CORE_RELEASE, &c, "releasing cores");
}

/*
 * Buffers
 */

static void close_handle(struct drm_device *device, uint32_t handle)
{
	struct drm_gem_close c = { .handle = handle };

	drmIoctl(device->fd, DRM_IOCTL_GEM_CLOSE, &c);
}

static int drm_buffer_create(struct neuron_device *base, enum neuron_memory memory,
			     uint64_t size, struct neuron_buffer **result)
{
	struct drm_device *device = to_drm(base);
	struct drm_neuron_bo_create c = {
		.size = size,
		.flags = memory == NEURON_MEMORY_DRAM ? DRM_NEURON_BO_DRAM :
							DRM_NEURON_BO_HOST,
	};
	struct drm_buffer *buffer;
	char what[64];
	int ret;

	buffer = calloc(1, sizeof(*buffer));
	if (!buffer)
		return fail(-ENOMEM, NO_MEMORY);
	snprintf(what, sizeof(what), "a buffer of %llu bytes", (unsigned long long)size);
	ret = call(device, DRM_IOCTL_NEURON_BO_CREATE, &c, what);
	if (ret) {
		free(buffer);
		return ret;
	}
	buffer->handle = c.handle;
	buffer->mapped = c.size;
	*result = &buffer->base;
	return 0;
}

static void drm_buffer_free(struct neuron_buffer *base)
{
	struct drm_buffer *buffer = (struct drm_buffer *)base;

	if (base->address)
		munmap((void *)base->address, buffer->mapped);
	close_handle(to_drm(base->device), buffer->handle);
	free(buffer);
}

static int drm_buffer_map(struct neuron_buffer *base, void **address)
{
	struct drm_device *device = to_drm(base->device);
	struct drm_buffer *buffer = (struct drm_buffer *)base;
	struct drm_neuron_bo_info i = { .handle = buffer->handle };
	void *mapping;
	int ret = call(device, DRM_IOCTL_NEURON_BO_INFO, &i, "asking for a buffer");

	if (ret)
		return ret;
	mapping = mmap(NULL, buffer->mapped, PROT_READ | PROT_WRITE, MAP_SHARED,
		       device->fd, i.mmap_offset);
	if (mapping == MAP_FAILED)
		return refused(device, "mapping a buffer", errno);
	/* A mapping in a child would keep the file, and with it the cores. */
	madvise(mapping, buffer->mapped, MADV_DONTFORK);
	*address = mapping;
	return 0;
}

static int drm_buffer_export(struct neuron_buffer *base, int *fd)
{
	struct drm_device *device = to_drm(base->device);
	struct drm_buffer *buffer = (struct drm_buffer *)base;

	if (drmPrimeHandleToFD(device->fd, buffer->handle, DRM_CLOEXEC | DRM_RDWR, fd))
		return refused(device, "exporting a buffer", errno);
	return 0;
}

/*
 * Jobs. Each has a sync object for as long as it lives; they are kept for the
 * next jobs, of which there are as many at once as there are threads.
 */

static int get_sync(struct drm_device *device, uint32_t *sync)
{
	*sync = 0;
	pthread_mutex_lock(&device->lock);
	if (device->num_syncs)
		*sync = device->syncs[--device->num_syncs];
	pthread_mutex_unlock(&device->lock);
	if (*sync)
		return 0;
	if (drmSyncobjCreate(device->fd, 0, sync))
		return refused(device, "creating a sync object", errno);
	return 0;
}

static void put_sync(struct drm_device *device, uint32_t sync)
{
	/* The next job's fence replaces the one in it. */
	pthread_mutex_lock(&device->lock);
	if (device->num_syncs < FREE_SYNCS) {
		device->syncs[device->num_syncs++] = sync;
		sync = 0;
	}
	pthread_mutex_unlock(&device->lock);
	if (sync)
		drmSyncobjDestroy(device->fd, sync);
}

static struct drm_job *get_job(struct drm_device *device)
{
	struct drm_job *job;

	pthread_mutex_lock(&device->lock);
	job = device->jobs;
	if (job)
		device->jobs = job->next;
	pthread_mutex_unlock(&device->lock);
	if (!job)
		job = malloc(sizeof(*job));
	if (job)
		memset(job, 0, sizeof(*job));
	return job;
}

static void put_job(struct drm_device *device, struct drm_job *job)
{
	pthread_mutex_lock(&device->lock);
	job->next = device->jobs;
	device->jobs = job;
	pthread_mutex_unlock(&device->lock);
}

/* Wait until it has ended, and ask how. 0, -ETIME, or another error, which has been logged. */
static int wait_job(struct drm_device *device, uint64_t number, int64_t deadline_ns,
		    struct neuron_job_result *result)
{
	struct drm_neuron_job_status s = { .job = number, .timeout_ns = deadline_ns };

	if (drmIoctl(device->fd, DRM_IOCTL_NEURON_JOB_STATUS, &s)) {
		if (errno == ETIME)
			return -ETIME;
		if (errno != ENODEV)
			return refused(device, "waiting for a job", errno);
		s.state = DRM_NEURON_JOB_LOST;
	}
	if (s.state == DRM_NEURON_JOB_PENDING)
		return -ETIME;
	result->state = s.state;
	result->fault_kind = s.fault_kind;
	result->fault_engine = s.fault_engine;
	result->fault_operand = s.fault_operand;
	result->fault_inst = s.fault_inst;
	result->fault_info = s.fault_info;
	result->cycles = s.cycles;
	return 0;
}

static struct drm_neuron_array array(const void *first, uint32_t count,
				     uint32_t stride)
{
	return (struct drm_neuron_array) {
		.ptr = (uintptr_t)first, .count = count, .stride = stride,
	};
}

static int drm_transfer(struct neuron_device *base, const struct transfer *t,
			struct neuron_job_result *result)
{
	struct drm_device *device = to_drm(base);
	struct drm_neuron_copy_op op = {
		.src_handle = t->src ? ((struct drm_buffer *)t->src)->handle : 0,
		.dst_handle = ((struct drm_buffer *)t->dst)->handle,
		.src_offset = t->src_offset,
		.dst_offset = t->dst_offset,
		.size = t->size,
		.value = t->src ? 0 : t->value,
	};
	struct drm_neuron_copy c = { .ops = array(&op, 1, sizeof(op)) };
	int ret = call(device, DRM_IOCTL_NEURON_COPY, &c, "copying");

	return ret ? ret : wait_job(device, c.job, INT64_MAX, result);
}

static int drm_submit(struct neuron_device *base, const struct neuron_submission *s,
		      struct neuron_job **result)
{
	struct drm_device *device = to_drm(base);
	struct drm_neuron_slot slots[s->num_bindings ? s->num_bindings : 1];
	struct drm_neuron_sync after[s->num_after ? s->num_after : 1];
	struct drm_neuron_sync sync = { 0 };
	struct drm_neuron_submit submit = {
		.core = s->core,
		.slots = array(slots, s->num_bindings, sizeof(*slots)),
		.in_syncs = array(after, s->num_after, sizeof(*after)),
		.out_syncs = array(&sync, 1, sizeof(sync)),
		.program_slot = s->program_slot,
		.program_size = s->program_size,
		.program_offset = s->program_offset,
		.report_slot = s->report_slot,
		.timeout_ms = s->timeout_ms,
		.report_offset = s->report_offset,
		.resident = s->resident,
	};
	struct drm_job *job;
	unsigned int i;
	int ret;

	if (s->flags & NEURON_SUBMIT_PROFILE)
		submit.flags |= DRM_NEURON_SUBMIT_PROFILE;
	if (s->flags & NEURON_SUBMIT_UNORDERED)
		submit.flags |= DRM_NEURON_SUBMIT_UNORDERED;
	if (s->flags & NEURON_SUBMIT_PREPARE)
		submit.flags |= DRM_NEURON_SUBMIT_PREPARE;
	for (i = 0; i < s->num_bindings; i++) {
		const struct neuron_binding *b = &s->bindings[i];
		struct drm_buffer *buffer = (struct drm_buffer *)b->buffer;

		slots[i] = (struct drm_neuron_slot) { 0 };
		if (!buffer)
			continue;
		slots[i].handle = buffer->handle;
		slots[i].offset = b->offset;
		slots[i].size = b->size;
		if (b->flags & NEURON_BIND_READ)
			slots[i].flags |= DRM_NEURON_SLOT_READ;
		if (b->flags & NEURON_BIND_WRITE)
			slots[i].flags |= DRM_NEURON_SLOT_WRITE;
	}
	for (i = 0; i < s->num_after; i++)
		after[i] = (struct drm_neuron_sync) {
			.handle = ((struct drm_job *)s->after[i])->sync,
		};
	job = get_job(device);
	if (!job)
		return fail(-ENOMEM, NO_MEMORY);
	ret = get_sync(device, &sync.handle);
	if (ret)
		goto free_job;
	if (drmIoctl(device->fd, DRM_IOCTL_NEURON_SUBMIT, &submit)) {
		if (errno == EBUSY)
			ret = fail(-EBUSY, "%s: core %u belongs to another process: use another core, or end that process (neuron-ls shows it)",
				   base->info.name, s->core);
		else
			ret = refused(device, "submitting a job", errno);
		goto free_sync;
	}
	job->number = submit.job;
	job->sync = sync.handle;
	*result = &job->base;
	return 0;

free_sync:
	put_sync(device, sync.handle);
free_job:
	put_job(device, job);
	return ret;
}

static int drm_wait(struct neuron_job *base, int64_t deadline_ns,
		    struct neuron_job_result *result)
{
	struct drm_device *device = to_drm(base->device);
	struct drm_job *job = (struct drm_job *)base;
	/* The driver ends every job, if need be by its own time-out. */
	int ret = wait_job(device, job->number, deadline_ns, result);

	if (!ret)
		job->ended = true;
	return ret;
}

static void drm_job_free(struct neuron_job *base)
{
	struct drm_device *device = to_drm(base->device);
	struct drm_job *job = (struct drm_job *)base;

	struct neuron_job_result unused;

	if (!job->ended)
		wait_job(device, job->number, INT64_MAX, &unused);
	put_sync(device, job->sync);
	put_job(device, job);
}

static int drm_inject(struct neuron_device *base, unsigned int injection,
		      unsigned int queue, uint32_t count, uint64_t arg)
{
	(void)injection;
	(void)queue;
	(void)count;
	(void)arg;
	return fail(-EOPNOTSUPP, "%s: faults are injected through the emulator's device properties or its debug window",
		    base->info.name);
}

const struct backend drm_backend = {
	.name = "drm",
	.count = drm_count,
	.open = drm_open,
	.close = drm_close,
	.forked = drm_forked,
	.core_info = drm_core_info,
	.memory_info = drm_memory_info,
	.cores_acquire = drm_cores_acquire,
	.cores_release = drm_cores_release,
	.buffer_create = drm_buffer_create,
	.buffer_free = drm_buffer_free,
	.buffer_map = drm_buffer_map,
	.buffer_export = drm_buffer_export,
	.transfer = drm_transfer,
	.lost = drm_lost,
	.submit = drm_submit,
	.wait = drm_wait,
	.job_free = drm_job_free,
	.inject = drm_inject,
};
