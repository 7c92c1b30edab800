// SPDX-License-Identifier: MIT
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "backend.h"
#include "capture.h"
#include "export.h"
#include "log.h"
#include "runtime.h"
#include "stats.h"
#include "tensor.h"

static pthread_mutex_t storage_lock = PTHREAD_MUTEX_INITIALIZER;
static struct storage *all_storage;

/*
 * Storage
 */

static void link_storage(struct storage *storage)
{
	storage->refs = 1;
	pthread_mutex_lock(&storage_lock);
	storage->next = all_storage;
	if (all_storage)
		all_storage->prev = storage;
	all_storage = storage;
	pthread_mutex_unlock(&storage_lock);
}

static struct storage *get_storage(struct storage *storage)
{
	pthread_mutex_lock(&storage_lock);
	storage->refs++;
	pthread_mutex_unlock(&storage_lock);
	return storage;
}

static void put_storage(struct storage *storage)
{
	bool last;

	if (!storage)
		return;
	pthread_mutex_lock(&storage_lock);
	last = !--storage->refs;
	if (last) {
		if (storage->prev)
			storage->prev->next = storage->next;
		else
			all_storage = storage->next;
		if (storage->next)
			storage->next->prev = storage->prev;
	}
	pthread_mutex_unlock(&storage_lock);
	if (last) {
		neuron_buffer_free(storage->buffer);
		free(storage);
	}
}

/* nrt_close(): no call is in progress, and none begins before the devices close. */
void tensor_revoke_all(void)
{
	struct storage *storage;

	pthread_mutex_lock(&storage_lock);
	for (storage = all_storage; storage; storage = storage->next) {
		if (!storage->buffer)
			continue;
		neuron_buffer_free(storage->buffer);
		storage->buffer = NULL;
		storage->revoked = true;
	}
	pthread_mutex_unlock(&storage_lock);
}

void tensor_forget(void)
{
	pthread_mutex_init(&storage_lock, NULL);
	all_storage = NULL;
}

static NRT_STATUS create_storage(struct neuron_device *device,
				 nrt_tensor_placement_t placement, size_t size,
				 unsigned int vnc, struct storage **result)
{
	enum neuron_memory memory = placement == NRT_TENSOR_PLACEMENT_DEVICE ?
				    NEURON_MEMORY_DRAM : NEURON_MEMORY_HOST;
	struct storage *storage;
	int ret = 0;

	storage = calloc(1, sizeof(*storage));
	if (!storage)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	storage->size = size;
	if (size)
		ret = neuron_buffer_create(device, memory, size, &storage->buffer);
	if (ret) {
		free(storage);
		return runtime_status(ret);
	}
	stats_buffer(storage->buffer, NEURON_USE_TENSORS, vnc);
	link_storage(storage);
	*result = storage;
	return NRT_SUCCESS;
}

/*
 * Tensors
 */

static void destroy_tensor(struct object *object)
{
	struct nrt_tensor *tensor = (struct nrt_tensor *)object;

	put_storage(tensor->storage);
	free(tensor->name);
	free(tensor);
}

/* Takes over the reference to @storage, also when it fails. */
static NRT_STATUS create_tensor(struct storage *storage, uint64_t offset,
				uint64_t size, bool slice, unsigned int vnc,
				const char *name, nrt_tensor_t **result)
{
	struct nrt_tensor *tensor = calloc(1, sizeof(*tensor));

	if (tensor) {
		tensor->storage = storage;
		tensor->offset = offset;
		tensor->size = size;
		tensor->slice = slice;
		tensor->vnc = vnc;
		tensor->name = strdup(name ? name : "(unnamed)");
		if (tensor->name &&
		    object_add(&tensor->object, OBJECT_TENSOR, destroy_tensor)) {
			*result = tensor;
			return NRT_SUCCESS;
		}
		free(tensor->name);
		free(tensor);
	}
	put_storage(storage);
	return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
}

NRT_STATUS tensor_create(struct neuron_device *device, size_t size, const char *name,
			 struct nrt_tensor **tensor)
{
	struct storage *storage;
	NRT_STATUS status;

	status = create_storage(device, NRT_TENSOR_PLACEMENT_HOST, size, 0, &storage);
	return status ? status : create_tensor(storage, 0, size, false, 0, name, tensor);
}

void tensor_destroy(struct nrt_tensor *tensor)
{
	if (tensor)
		object_remove(tensor, OBJECT_TENSOR);
}

EXPORT NRT_STATUS nrt_tensor_allocate(nrt_tensor_placement_t tensor_placement,
				      int vnc, size_t size, const char *name,
				      nrt_tensor_t **tensor)
{
	struct storage *storage = NULL;
	const int64_t begin = now_ns();
	struct runtime *runtime;
	NRT_STATUS status;

	if (!tensor)
		return fail(NRT_INVALID, "tensor is NULL");
	*tensor = NULL;
	if (tensor_placement != NRT_TENSOR_PLACEMENT_DEVICE &&
	    tensor_placement != NRT_TENSOR_PLACEMENT_HOST &&
	    tensor_placement != NRT_TENSOR_PLACEMENT_VIRTUAL)
		return fail(NRT_INVALID, "there is no placement %d: give one of nrt_tensor_placement_t",
			    (int)tensor_placement);
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	if (vnc == -1 && tensor_placement != NRT_TENSOR_PLACEMENT_DEVICE)
		vnc = 0;
	if (vnc < 0 || (unsigned int)vnc >= runtime->num_cores)
		status = fail(NRT_INVALID, "there is no core %d: give one from 0 to %u",
			      vnc, runtime->num_cores - 1);
	else
		status = create_storage(runtime->cores[vnc].device, tensor_placement, size,
					vnc, &storage);
	if (!status)
		status = create_tensor(storage, 0, size, false, vnc, name, tensor);
	capture_event(NEURON_PROFILE_TENSOR_ALLOCATE, begin, NULL, vnc, size, status);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_tensor_allocate_empty(const char *name, nrt_tensor_t **tensor)
{
	struct runtime *runtime;
	NRT_STATUS status;

	if (!tensor)
		return fail(NRT_INVALID, "tensor is NULL");
	*tensor = NULL;
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	status = create_tensor(NULL, 0, 0, false, 0, name, tensor);
	runtime_leave();
	return status;
}

EXPORT void nrt_tensor_free(nrt_tensor_t **tensor)
{
	nrt_tensor_t *handle;

	if (!tensor || !*tensor)
		return;
	handle = *tensor;
	*tensor = NULL;
	/* Keeps nrt_close() from closing the device meanwhile. */
	runtime_enter_any();
	if (!object_remove(handle, OBJECT_TENSOR))
		complain("this is no tensor, or it has been freed before");
	runtime_leave();
}

/* Begin a call on a tensor: enter the runtime, and take a reference. */
static NRT_STATUS enter(const char *function, const nrt_tensor_t *handle,
			struct nrt_tensor **tensor)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(function, &runtime);

	if (status)
		return status;
	*tensor = object_get(handle, OBJECT_TENSOR);
	if (*tensor)
		return NRT_SUCCESS;
	neuron_log(NEURON_LOG_ERROR, function, "%s",
		   handle ? "this is no tensor, or it has been freed" :
			    "the tensor is NULL");
	runtime_leave();
	return NRT_INVALID_HANDLE;
}

static void leave(struct nrt_tensor *tensor)
{
	object_put(tensor);
	runtime_leave();
}

NRT_STATUS tensor_check_range(const char *function, const struct nrt_tensor *tensor,
			      uint64_t offset, uint64_t size)
{
	if (!tensor->storage) {
		neuron_log(NEURON_LOG_ERROR, function,
			   "tensor %.64s is empty: attach a buffer first", tensor->name);
		return NRT_INVALID;
	}
	if (tensor->storage->revoked) {
		neuron_log(NEURON_LOG_ERROR, function,
			   "tensor %.64s lost its memory in nrt_close(): allocate a new one",
			   tensor->name);
		return NRT_INVALID;
	}
	if (offset > tensor->size || size > tensor->size - offset) {
		neuron_log(NEURON_LOG_ERROR, function,
			   "%llu bytes at %llu are not inside tensor %.64s of %llu bytes",
			   (unsigned long long)size, (unsigned long long)offset,
			   tensor->name, (unsigned long long)tensor->size);
		return NRT_INVALID;
	}
	return NRT_SUCCESS;
}

NRT_STATUS tensor_write(const struct nrt_tensor *tensor, uint64_t offset,
			const void *data, size_t size)
{
	const struct storage *storage = tensor->storage;
	const int64_t begin = now_ns();
	NRT_STATUS status = NRT_SUCCESS;

	offset += tensor->offset;
	if (!size)
		return NRT_SUCCESS;
	if (storage->buffer)
		status = runtime_status(neuron_buffer_write(storage->buffer, offset, data,
							    size));
	else
		memmove((char *)storage->user + offset, data, size);
	capture_event(NEURON_PROFILE_TENSOR_WRITE, begin, NULL, tensor->vnc, size, status);
	return status;
}

NRT_STATUS tensor_read(const struct nrt_tensor *tensor, uint64_t offset, void *data,
		       size_t size)
{
	const struct storage *storage = tensor->storage;
	const int64_t begin = now_ns();
	NRT_STATUS status = NRT_SUCCESS;

	offset += tensor->offset;
	if (!size)
		return NRT_SUCCESS;
	if (storage->buffer)
		status = runtime_status(neuron_buffer_read(storage->buffer, offset, data,
							   size));
	else
		memmove(data, (const char *)storage->user + offset, size);
	capture_event(NEURON_PROFILE_TENSOR_READ, begin, NULL, tensor->vnc, size, status);
	return status;
}

static NRT_STATUS fill(const struct nrt_tensor *tensor, uint64_t offset, int value,
		       size_t size)
{
	const struct storage *storage = tensor->storage;

	offset += tensor->offset;
	if (!size)
		return NRT_SUCCESS;
	if (storage->buffer)
		return runtime_status(neuron_buffer_fill(storage->buffer, offset, value,
							 size));
	memset((char *)storage->user + offset, value, size);
	return NRT_SUCCESS;
}

NRT_STATUS tensor_clear(const struct nrt_tensor *tensor, uint64_t offset)
{
	return fill(tensor, offset, 0, tensor->size - offset);
}

EXPORT NRT_STATUS nrt_tensor_read(const nrt_tensor_t *tensor, void *buf,
				  size_t offset, size_t size)
{
	struct nrt_tensor *t;
	NRT_STATUS status = enter(__func__, tensor, &t);

	if (status)
		return status;
	status = tensor_check_range(__func__, t, offset, size);
	if (!status && !buf && size)
		status = fail(NRT_INVALID, "buf is NULL");
	if (!status)
		status = tensor_read(t, offset, buf, size);
	leave(t);
	return status;
}

EXPORT NRT_STATUS nrt_tensor_write(nrt_tensor_t *tensor, const void *buf,
				   size_t offset, size_t size)
{
	struct nrt_tensor *t;
	NRT_STATUS status = enter(__func__, tensor, &t);

	if (status)
		return status;
	status = tensor_check_range(__func__, t, offset, size);
	if (!status && !buf && size)
		status = fail(NRT_INVALID, "buf is NULL");
	if (!status)
		status = tensor_write(t, offset, buf, size);
	leave(t);
	return status;
}

/*
 * Batches
 */

static NRT_STATUS batch_one(const char *function, const nrt_tensor_batch_t *batch,
			    bool write, bool check_only)
{
	struct nrt_tensor *t;
	NRT_STATUS status = enter(function, batch->tensor, &t);
	uint32_t i;

	if (status)
		return status;
	for (i = 0; i < batch->num_ops && !status; i++) {
		const nrt_tensor_batch_op_t *op = &batch->ops[i];

		if (check_only) {
			status = tensor_check_range(function, t, op->offset, op->size);
			if (!status && !op->buffer && op->size) {
				neuron_log(NEURON_LOG_ERROR, function,
					   "the buffer of operation %u is NULL", i);
				status = NRT_INVALID;
			}
		} else if (write) {
			status = tensor_write(t, op->offset, op->buffer, op->size);
		} else {
			status = tensor_read(t, op->offset, op->buffer, op->size);
		}
	}
	leave(t);
	return status;
}

static NRT_STATUS batch_all(const char *function, const nrt_tensor_batch_t *batches,
			    uint64_t num_batches, bool write)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint64_t i;
	int pass;

	for (i = 0; i < num_batches; i++) {
		if (batches && (batches[i].ops || !batches[i].num_ops))
			continue;
		neuron_log(NEURON_LOG_ERROR, function, "batches or their ops are NULL");
		return NRT_INVALID;
	}
	for (pass = 0; pass < 2 && !status; pass++) {
		for (i = 0; i < num_batches && !status; i++)
			status = batch_one(function, &batches[i], write, !pass);
	}
	return status;
}

EXPORT NRT_STATUS nrt_tensor_read_batch(const nrt_tensor_batch_t *batches,
					uint64_t num_batches, bool unsafe)
{
	(void)unsafe;
	return batch_all(__func__, batches, num_batches, false);
}

EXPORT NRT_STATUS nrt_tensor_write_batch(const nrt_tensor_batch_t *batches,
					 uint64_t num_batches, bool unsafe)
{
	(void)unsafe;
	return batch_all(__func__, batches, num_batches, true);
}

/*
 * Copies
 */

/* Between devices there is no DMA: go through memory of ours, bit by bit. */
static NRT_STATUS copy_bounced(const struct nrt_tensor *src, uint64_t src_offset,
			       const struct nrt_tensor *dst, uint64_t dst_offset,
			       uint64_t size)
{
	uint64_t max = 1 << 20, part, done;
	NRT_STATUS status = NRT_SUCCESS;
	void *bounce;

	bounce = malloc(max);
	if (!bounce)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	for (done = 0; done < size && !status; done += part) {
		part = size - done < max ? size - done : max;
		status = tensor_read(src, src_offset + done, bounce, part);
		if (!status)
			status = tensor_write(dst, dst_offset + done, bounce, part);
	}
	free(bounce);
	return status;
}

NRT_STATUS tensor_check_copy(const char *function, const struct nrt_tensor *src,
			     uint64_t src_offset, const struct nrt_tensor *dst,
			     uint64_t dst_offset, uint64_t size)
{
	uint64_t a = src->offset + src_offset, b = dst->offset + dst_offset;
	NRT_STATUS status = tensor_check_range(function, src, src_offset, size);

	if (!status)
		status = tensor_check_range(function, dst, dst_offset, size);
	if (!status && size && src->storage == dst->storage && a < b + size &&
	    b < a + size) {
		neuron_log(NEURON_LOG_ERROR, function, "source and destination overlap: copy by way of another tensor");
		status = NRT_INVALID;
	}
	return status;
}

NRT_STATUS tensor_copy(const struct nrt_tensor *src, uint64_t src_offset,
		       const struct nrt_tensor *dst, uint64_t dst_offset, uint64_t size)
{
	const struct storage *from = src->storage, *to = dst->storage;
	uint64_t a = src->offset + src_offset, b = dst->offset + dst_offset;
	const int64_t begin = now_ns();
	NRT_STATUS status;

	if (!size)
		return NRT_SUCCESS;
	if (from->user)
		return tensor_write(dst, dst_offset, (char *)from->user + a, size);
	if (to->user)
		return tensor_read(src, src_offset, (char *)to->user + b, size);
	if (from->buffer->device != to->buffer->device)
		return copy_bounced(src, src_offset, dst, dst_offset, size);
	status = runtime_status(neuron_buffer_copy(to->buffer, b, from->buffer, a, size));
	capture_event(NEURON_PROFILE_TENSOR_COPY, begin, NULL, dst->vnc, size, status);
	return status;
}

EXPORT NRT_STATUS nrt_tensor_copy(const nrt_tensor_t *src, size_t src_offset,
				  nrt_tensor_t *dst, size_t dst_offset, size_t size)
{
	struct nrt_tensor *s, *d;
	NRT_STATUS status;

	status = enter(__func__, src, &s);
	if (status)
		return status;
	d = object_get(dst, OBJECT_TENSOR);
	if (!d)
		status = fail(NRT_INVALID_HANDLE, "the destination is no tensor, or it has been freed");
	if (!status)
		status = tensor_check_copy(__func__, s, src_offset, d, dst_offset, size);
	if (!status)
		status = tensor_copy(s, src_offset, d, dst_offset, size);
	object_put(d);
	leave(s);
	return status;
}

EXPORT NRT_STATUS nrt_tensor_memset(nrt_tensor_t *tensor, uint64_t offset, int value,
				    size_t size)
{
	struct nrt_tensor *t;
	const int64_t begin = now_ns();
	NRT_STATUS status = enter(__func__, tensor, &t);

	if (status)
		return status;
	status = tensor_check_range(__func__, t, offset, size);
	if (!status)
		status = fill(t, offset, value, size);
	capture_event(NEURON_PROFILE_TENSOR_MEMSET, begin, NULL, t->vnc, size, status);
	leave(t);
	return status;
}

/*
 * The rest
 */

EXPORT size_t nrt_tensor_get_size(const nrt_tensor_t *tensor)
{
	struct nrt_tensor *t = object_get(tensor, OBJECT_TENSOR);
	size_t size;

	if (!t)
		return fail(0, "%s", tensor ? "this is no tensor, or it has been freed" :
				     "the tensor is NULL");
	size = t->size;
	object_put(t);
	return size;
}

EXPORT int neuron_tensor_get_shape(const nrt_tensor_t *tensor, uint32_t *ndim,
				   uint32_t *shape)
{
	struct nrt_tensor *t;
	int ret = 0;

	_Static_assert(NEURON_MAX_DIMS == NEURON_NEFF_MAX_RANK, "as in the file");
	if (!ndim || !shape)
		return fail(-EINVAL, "ndim or shape is NULL");
	t = object_get(tensor, OBJECT_TENSOR);
	if (!t)
		return fail(-EINVAL, "%s", tensor ? "this is no tensor, or it has been freed" :
						    "the tensor is NULL");
	if (t->has_shape) {
		*ndim = t->rank;
		memcpy(shape, t->dims, sizeof(t->dims));
	} else {
		ret = -ENODATA;
	}
	object_put(t);
	return ret;
}

EXPORT void *nrt_tensor_get_va(const nrt_tensor_t *tensor)
{
	struct nrt_tensor *t;
	void *address = NULL;

	if (enter(__func__, tensor, &t))
		return NULL;
	if (!tensor_check_range(__func__, t, 0, 0) && t->size) {
		address = t->storage->user;
		if (t->storage->buffer)
			neuron_buffer_map(t->storage->buffer, &address);
		if (address)
			address = (char *)address + t->offset;
	}
	leave(t);
	return address;
}

struct attachment {
	struct storage *storage;
	uint64_t size;
};

/* Exchange a tensor's storage for the one to attach. */
static void attach(void *object, void *arg)
{
	struct nrt_tensor *tensor = object;
	struct attachment *attachment = arg;
	struct storage *old = tensor->storage;

	tensor->storage = attachment->storage;
	tensor->offset = 0;
	tensor->size = attachment->size;
	attachment->storage = old;
}

EXPORT NRT_STATUS nrt_tensor_attach_buffer(nrt_tensor_t *tensor, void *buffer,
					   size_t size)
{
	struct attachment attachment = { .size = size };
	struct nrt_tensor *t;
	NRT_STATUS status = enter(__func__, tensor, &t);

	if (status)
		return status;
	if (!buffer || !size) {
		status = fail(NRT_INVALID, "the buffer is NULL or has 0 bytes");
		goto leave;
	}
	if (t->slice) {
		status = fail(NRT_INVALID, "tensor %.64s is a slice of another: attach to one of nrt_tensor_allocate_empty()", t->name);
		goto leave;
	}
	attachment.storage = calloc(1, sizeof(*attachment.storage));
	if (!attachment.storage) {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto leave;
	}
	attachment.storage->user = buffer;
	attachment.storage->size = size;
	link_storage(attachment.storage);
	if (!object_exclusive(t, attach, &attachment))
		status = fail(NRT_FAILURE, "tensor %.64s is in use by another thread or a request: wait for that",
			      t->name);
	put_storage(attachment.storage);
leave:
	leave(t);
	return status;
}

EXPORT NRT_STATUS nrt_tensor_allocate_slice(const nrt_tensor_t *tensor_source,
					    size_t offset, size_t size,
					    const char *name,
					    nrt_tensor_t **tensor_slice)
{
	struct nrt_tensor *t;
	NRT_STATUS status;

	if (!tensor_slice)
		return fail(NRT_INVALID, "tensor_slice is NULL");
	*tensor_slice = NULL;
	status = enter(__func__, tensor_source, &t);
	if (status)
		return status;
	status = tensor_check_range(__func__, t, offset, size);
	if (!status)
		status = create_tensor(get_storage(t->storage), t->offset + offset, size,
				       true, t->vnc, name, tensor_slice);
	leave(t);
	return status;
}

/*
 * Addresses
 */

/* The storage that [va, va + size) is in, with a reference, or NULL. */
static struct storage *find_storage(uint64_t va, uint64_t size, uint64_t *offset)
{
	struct storage *storage;

	pthread_mutex_lock(&storage_lock);
	for (storage = all_storage; storage; storage = storage->next) {
		uint64_t start = (uintptr_t)storage->user;

		if (storage->buffer)
			start = atomic_load(&storage->buffer->address);
		if (start && va >= start && va - start < storage->size &&
		    size <= storage->size - (va - start))
			break;
	}
	if (storage) {
		storage->refs++;
		*offset = va - (storage->buffer ? atomic_load(&storage->buffer->address) :
						  (uintptr_t)storage->user);
	}
	pthread_mutex_unlock(&storage_lock);
	return storage;
}

EXPORT NRT_STATUS nrt_memcpy_to_device(void *dest, const void *src, size_t size)
{
	struct storage *storage;
	struct runtime *runtime;
	NRT_STATUS status;
	uint64_t offset;

	if (!dest || !src)
		return fail(NRT_INVALID, "dest or src is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	storage = find_storage((uintptr_t)dest, size, &offset);
	if (storage)
		memcpy(dest, src, size);
	else
		status = fail(NRT_INVALID, "%zu bytes at %p are not inside a tensor's memory: take an address from nrt_tensor_get_va()",
			      size, dest);
	put_storage(storage);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_get_dmabuf_fd(uint64_t va, uint64_t size, int *fd)
{
	struct storage *storage;
	struct runtime *runtime;
	NRT_STATUS status;
	uint64_t offset;

	if (!fd)
		return fail(NRT_INVALID, "fd is NULL");
	*fd = -1;
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	storage = find_storage(va, size, &offset);
	if (!storage || !storage->buffer || offset)
		status = fail(NRT_INVALID, "at %#llx there are no %llu bytes with which a tensor of the device or the host begins: take an address from nrt_tensor_get_va()",
			      (unsigned long long)va, (unsigned long long)size);
	else
		status = runtime_status(neuron_buffer_export(storage->buffer, fd));
	put_storage(storage);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS
nrt_tensor_get_device_allocation_info(const nrt_tensor_t *tensor,
				      nrt_tensor_device_allocation_info_t *alloc_info)
{
	struct nrt_tensor *t;
	NRT_STATUS status;

	if (!alloc_info)
		return fail(NRT_INVALID, "alloc_info is NULL");
	status = enter(__func__, tensor, &t);
	if (status)
		return status;
	status = fail(NRT_INVALID, "tensor %.64s: this chip's memory has no addresses that the driver tells: share it with nrt_get_dmabuf_fd()",
		      t->name);
	leave(t);
	return status;
}
