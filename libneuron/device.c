// SPDX-License-Identifier: MIT
/* neuron.h on top of the backends: which one, arguments, what both share. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "backend.h"
#include "export.h"
#include "log.h"
#include "stats.h"
#include "status.h"

#define STAGING_SIZE	(4u << 20)
#define BIND_ALIGN	64

int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ll + now.tv_nsec;
}

/* Find the backend that @where names; *path: the node it names, if it does. */
static int choose(const char *where, const struct backend **backend,
		  const char **path)
{
	if (!where)
		where = getenv("NEURON_RT_DEVICE");
	*path = NULL;
	if (!where || !*where || !strcmp(where, "drm")) {
		*backend = &drm_backend;
	} else if (sim_chips(where)) {
		*backend = &sim_backend;
		*path = where;
	} else if (where[0] == '/') {
		*backend = &drm_backend;
		*path = where;
	} else {
		return fail(-EINVAL, "NEURON_RT_DEVICE=%.64s is none of sim, sim:N (N from 1 to 16), drm and the path of a node like /dev/accel/accel0",
			    where);
	}
	return 0;
}

EXPORT int neuron_device_count(const char *where, unsigned int *count)
{
	const struct backend *backend;
	const char *path;
	int ret;

	if (!count)
		return fail(-EINVAL, "count is NULL");
	*count = 0;
	ret = choose(where, &backend, &path);
	if (ret)
		return ret;
	return backend->count(path, count);
}

EXPORT int neuron_device_open(const char *where, unsigned int index,
			      struct neuron_device **device)
{
	const struct backend *backend;
	const char *path;
	int ret;

	if (!device)
		return fail(-EINVAL, "device is NULL");
	*device = NULL;
	ret = choose(where, &backend, &path);
	if (ret)
		return ret;
	ret = backend->open(path, index, device);
	if (ret)
		return ret;
	(*device)->backend = backend;
	pthread_mutex_init(&(*device)->lock, NULL);
	return 0;
}

EXPORT void neuron_device_close(struct neuron_device *device)
{
	if (!device)
		return;
	neuron_buffer_free(device->staging);
	pthread_mutex_destroy(&device->lock);
	device->backend->close(device);
}

/* Answer a query of a caller who may know a shorter or a longer structure. */
static int give(void *to, size_t to_size, const void *from, size_t from_size)
{
	memcpy(to, from, to_size < from_size ? to_size : from_size);
	return 0;
}

EXPORT int neuron_device_get_info(struct neuron_device *device,
				  struct neuron_device_info *info, size_t size)
{
	if (!device || !info)
		return fail(-EINVAL, "device or info is NULL");
	return give(info, size, &device->info, sizeof(device->info));
}

EXPORT int neuron_core_get_info(struct neuron_device *device, unsigned int core,
				struct neuron_core_info *info, size_t size)
{
	struct neuron_core_info found = { 0 };
	int ret;

	if (!device || !info)
		return fail(-EINVAL, "device or info is NULL");
	if (core >= device->info.cores)
		return fail(-EINVAL, "%s has no core %u, only %u of them",
			    device->info.name, core, device->info.cores);
	ret = device->backend->core_info(device, core, &found);
	return ret ? ret : give(info, size, &found, sizeof(found));
}

EXPORT int neuron_memory_get_info(struct neuron_device *device,
				  struct neuron_memory_info *info, size_t size)
{
	struct neuron_memory_info found = { 0 };
	int ret;

	if (!device || !info)
		return fail(-EINVAL, "device or info is NULL");
	ret = device->backend->memory_info(device, &found);
	return ret ? ret : give(info, size, &found, sizeof(found));
}

static int check_mask(struct neuron_device *device, uint32_t mask)
{
	if (!device)
		return fail(-EINVAL, "device is NULL");
	if (!mask || (device->info.cores < 32 && mask >> device->info.cores))
		return fail(-EINVAL, "core mask %#x: %s has %u cores", mask,
			    device->info.name, device->info.cores);
	return 0;
}

EXPORT int neuron_cores_acquire(struct neuron_device *device, uint32_t mask)
{
	int ret = check_mask(device, mask);

	if (!ret)
		ret = device->backend->cores_acquire(device, mask);
	if (ret == -EBUSY)
		return fail(ret, "%s: another context holds one of the cores %#x: take others, or end the process that has them (neuron-ls shows it)",
			    device->info.name, mask);
	return ret;
}

EXPORT int neuron_cores_release(struct neuron_device *device, uint32_t mask)
{
	int ret = check_mask(device, mask);

	return ret ? ret : device->backend->cores_release(device, mask);
}

EXPORT int neuron_buffer_create(struct neuron_device *device,
				enum neuron_memory memory, uint64_t size,
				struct neuron_buffer **buffer)
{
	int ret;

	if (!device || !buffer)
		return fail(-EINVAL, "device or buffer is NULL");
	*buffer = NULL;
	if (memory != NEURON_MEMORY_HOST && memory != NEURON_MEMORY_DRAM)
		return fail(-EINVAL, "there is no memory of kind %d: give NEURON_MEMORY_HOST or NEURON_MEMORY_DRAM",
			    (int)memory);
	if (!size)
		return fail(-EINVAL, "a buffer of 0 bytes");
	if (size > device->info.max_buffer_size)
		return fail(memory == NEURON_MEMORY_DRAM ? -ENOSPC : -ENOMEM,
			    "a buffer of %llu bytes: the largest possible has %llu: use several",
			    (unsigned long long)size,
			    (unsigned long long)device->info.max_buffer_size);
	ret = device->backend->buffer_create(device, memory, size, buffer);
	if (ret)
		return ret;
	(*buffer)->device = device;
	(*buffer)->memory = memory;
	(*buffer)->size = size;
	pthread_mutex_init(&(*buffer)->lock, NULL);
	return 0;
}

EXPORT void neuron_buffer_free(struct neuron_buffer *buffer)
{
	if (!buffer)
		return;
	stats_buffer_free(buffer);
	pthread_mutex_destroy(&buffer->lock);
	buffer->device->backend->buffer_free(buffer);
}

EXPORT uint64_t neuron_buffer_size(const struct neuron_buffer *buffer)
{
	return buffer ? buffer->size : 0;
}

EXPORT int neuron_buffer_map(struct neuron_buffer *buffer, void **address)
{
	void *mapping;
	int ret = 0;

	if (!buffer || !address)
		return fail(-EINVAL, "buffer or address is NULL");
	mapping = (void *)buffer->address;
	if (!mapping) {
		pthread_mutex_lock(&buffer->lock);
		mapping = (void *)buffer->address;
		if (!mapping) {
			ret = buffer->device->backend->buffer_map(buffer, &mapping);
			if (!ret)
				buffer->address = (uintptr_t)mapping;
		}
		pthread_mutex_unlock(&buffer->lock);
	}
	*address = ret ? NULL : mapping;
	return ret;
}

EXPORT int neuron_buffer_export(struct neuron_buffer *buffer, int *fd)
{
	if (!buffer || !fd)
		return fail(-EINVAL, "buffer or fd is NULL");
	return buffer->device->backend->buffer_export(buffer, fd);
}

static int check_range(const struct neuron_buffer *buffer, uint64_t offset,
		       uint64_t size)
{
	if (!buffer)
		return fail(-EINVAL, "buffer is NULL");
	if (offset > buffer->size || size > buffer->size - offset)
		return fail(-ERANGE, "%llu bytes at %llu are not inside a buffer of %llu",
			    (unsigned long long)size, (unsigned long long)offset,
			    (unsigned long long)buffer->size);
	return 0;
}

static int transfer(struct neuron_device *device, const struct transfer *t)
{
	struct neuron_job_result result = { 0 };
	char text[JOB_TEXT_SIZE];
	int ret = device->backend->transfer(device, t, &result);

	if (ret || result.state == NEURON_JOB_DONE)
		return ret;
	job_explain(device, &result, text);
	return fail(job_error(&result), "%s: %s of %llu bytes failed: %s", device->info.name,
		    t->src ? "a copy" : "filling", (unsigned long long)t->size, text);
}

/*
 * Large transfers to and from device DRAM go through a host buffer, which DMA
 * fills or empties: the aperture is slow for the processor to read.
 */
static int transfer_staged(struct neuron_buffer *buffer, uint64_t offset,
			   void *data, size_t size, bool write)
{
	struct neuron_device *device = buffer->device;
	void *staging;
	int ret = 0;

	pthread_mutex_lock(&device->lock);
	if (!device->staging)
		ret = neuron_buffer_create(device, NEURON_MEMORY_HOST, STAGING_SIZE,
					   &device->staging);
	if (!ret)
		ret = neuron_buffer_map(device->staging, &staging);
	while (!ret && size) {
		size_t part = size < STAGING_SIZE ? size : STAGING_SIZE;
		struct transfer t = { .size = part };

		if (write) {
			memcpy(staging, data, part);
			t.src = device->staging;
			t.dst = buffer;
			t.dst_offset = offset;
		} else {
			t.src = buffer;
			t.src_offset = offset;
			t.dst = device->staging;
		}
		ret = transfer(device, &t);
		if (!ret && !write)
			memcpy(data, staging, part);
		data = (char *)data + part;
		offset += part;
		size -= part;
	}
	pthread_mutex_unlock(&device->lock);
	return ret;
}

static bool direct(const struct neuron_buffer *buffer, uint64_t size)
{
	return buffer->memory == NEURON_MEMORY_HOST ||
	       size <= buffer->device->direct_limit;
}

EXPORT int neuron_buffer_write(struct neuron_buffer *buffer, uint64_t offset,
			       const void *data, size_t size)
{
	void *address;
	int ret = check_range(buffer, offset, size);

	if (ret || !size)
		return ret;
	if (!data)
		return fail(-EINVAL, "data is NULL");
	if (!direct(buffer, size))
		return transfer_staged(buffer, offset, (void *)data, size, true);
	ret = neuron_buffer_map(buffer, &address);
	if (!ret)
		memcpy((char *)address + offset, data, size);
	return ret;
}

EXPORT int neuron_buffer_read(struct neuron_buffer *buffer, uint64_t offset,
			      void *data, size_t size)
{
	void *address;
	int ret = check_range(buffer, offset, size);

	if (ret || !size)
		return ret;
	if (!data)
		return fail(-EINVAL, "data is NULL");
	if (!direct(buffer, size))
		return transfer_staged(buffer, offset, data, size, false);
	ret = neuron_buffer_map(buffer, &address);
	if (!ret)
		memcpy(data, (const char *)address + offset, size);
	return ret;
}

EXPORT int neuron_buffer_fill(struct neuron_buffer *buffer, uint64_t offset,
			      uint8_t value, uint64_t size)
{
	struct transfer t = {
		.dst = buffer, .dst_offset = offset, .size = size, .value = value,
	};
	void *address;
	int ret = check_range(buffer, offset, size);

	if (ret || !size)
		return ret;
	if (!direct(buffer, size))
		return transfer(buffer->device, &t);
	ret = neuron_buffer_map(buffer, &address);
	if (!ret)
		memset((char *)address + offset, value, size);
	return ret;
}

EXPORT int neuron_buffer_copy(struct neuron_buffer *dst, uint64_t dst_offset,
			      struct neuron_buffer *src, uint64_t src_offset,
			      uint64_t size)
{
	struct transfer t = {
		.dst = dst, .dst_offset = dst_offset,
		.src = src, .src_offset = src_offset, .size = size,
	};
	int ret = check_range(dst, dst_offset, size);

	if (!ret)
		ret = check_range(src, src_offset, size);
	if (ret || !size)
		return ret;
	if (dst->device != src->device)
		return fail(-EINVAL, "the buffers belong to different devices: read and write instead");
	if (dst == src && dst_offset < src_offset + size &&
	    src_offset < dst_offset + size)
		return fail(-EINVAL, "source and destination overlap: copy to another buffer first");
	return transfer(dst->device, &t);
}

static int check_binding(struct neuron_device *device,
			 const struct neuron_binding *b, unsigned int i)
{
	if (b->reserved || (b->flags & ~(NEURON_BIND_READ | NEURON_BIND_WRITE)))
		return fail(-EINVAL, "binding %u has unknown flags", i);
	if (!b->buffer)
		return 0;
	if (b->buffer->device != device)
		return fail(-EINVAL, "binding %u is a buffer of another device", i);
	if (b->offset % BIND_ALIGN)
		return fail(-EINVAL, "binding %u starts at %llu, which is no multiple of %u",
			    i, (unsigned long long)b->offset, BIND_ALIGN);
	if (!b->size)
		return fail(-EINVAL, "binding %u has 0 bytes: leave it empty", i);
	return check_range(b->buffer, b->offset, b->size);
}

EXPORT int neuron_submit(struct neuron_device *device,
			 const struct neuron_submission *s,
			 struct neuron_job **job)
{
	unsigned int i;
	int ret;

	if (!device || !s || !job || (s->num_bindings && !s->bindings))
		return fail(-EINVAL, "device, submission, bindings or job is NULL");
	*job = NULL;
	if (s->core >= device->info.cores)
		return fail(-EINVAL, "%s has no core %u, only %u of them",
			    device->info.name, s->core, device->info.cores);
	if (s->flags & ~(NEURON_SUBMIT_PROFILE | NEURON_SUBMIT_UNORDERED | NEURON_SUBMIT_SHORT |
			 NEURON_SUBMIT_PREPARE))
		return fail(-EINVAL, "the submission has unknown flags %#x", s->flags);
	if (s->num_bindings > device->info.max_bindings)
		return fail(-EINVAL, "%u bindings, at most %u are possible",
			    s->num_bindings, device->info.max_bindings);
	for (i = 0; i < s->num_bindings; i++) {
		ret = check_binding(device, &s->bindings[i], i);
		if (ret)
			return ret;
	}
	for (i = 0; i < s->num_after; i++) {
		if (!s->after || !s->after[i] || s->after[i]->device != device)
			return fail(-EINVAL, "job %u to come after is none of %s", i,
				    device->info.name);
	}
	if (s->program_slot >= s->num_bindings ||
	    (s->report_slot != NEURON_NO_BINDING &&
	     s->report_slot >= s->num_bindings))
		return fail(-EINVAL, "the program or the report is in a slot beyond the bindings: bind a buffer there");
	if (s->flags & NEURON_SUBMIT_PROFILE && s->report_slot == NEURON_NO_BINDING)
		return fail(-EINVAL, "a profiled job needs a binding for its report");
	if (s->flags & NEURON_SUBMIT_PREPARE && s->report_slot != NEURON_NO_BINDING)
		return fail(-EINVAL, "a job that only prepares has no report");
	ret = device->backend->submit(device, s, job);
	if (ret)
		return ret;
	(*job)->device = device;
	return 0;
}

EXPORT int neuron_job_wait(struct neuron_job *job, int64_t timeout_ns,
			   struct neuron_job_result *result)
{
	int64_t deadline = 0;

	if (!job || !result)
		return fail(-EINVAL, "job or result is NULL");
	memset(result, 0, sizeof(*result));
	if (timeout_ns < 0 ||
	    (timeout_ns && __builtin_add_overflow(now_ns(), timeout_ns, &deadline)))
		deadline = INT64_MAX;
	return job->device->backend->wait(job, deadline, result);
}

EXPORT void neuron_job_free(struct neuron_job *job)
{
	if (job)
		job->device->backend->job_free(job);
}

EXPORT int neuron_inject(struct neuron_device *device, unsigned int injection,
			 unsigned int queue, uint32_t count, uint64_t arg)
{
	if (!device)
		return fail(-EINVAL, "device is NULL");
	return device->backend->inject(device, injection, queue, count, arg);
}
