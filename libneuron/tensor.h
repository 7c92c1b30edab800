/* SPDX-License-Identifier: MIT */
/* Tensors, their storage, and sets of them. */
#ifndef LIBNEURON_TENSOR_H
#define LIBNEURON_TENSOR_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/neff.h>
#include "include/neuron.h"
#include "object.h"

/**
 * struct storage - memory that tensors share
 * @refs: tensors that use it; guarded by the lock in tensor.c
 * @buffer: memory on a device; NULL: see @user, or the device was closed
 * @user: memory of the application's
 * @size: bytes; when 0 there is neither
 * @revoked: nrt_close() took the buffer
 * @prev: all storage, for nrt_close()
 * @next: see @prev
 */
struct storage {
	unsigned int refs;
	struct neuron_buffer *buffer;
	void *user;
	uint64_t size;
	bool revoked;
	struct storage *prev;
	struct storage *next;
};

/**
 * struct nrt_tensor - a range of storage
 * @object: what has a handle
 * @storage: NULL for an empty tensor
 * @offset: first byte in @storage
 * @size: bytes from there
 * @slice: made by nrt_tensor_allocate_slice()
 * @vnc: core that it was allocated for
 * @completions: executions that have completed it, see completion.c
 * @name: for messages, not NULL
 * @has_shape: a model with steps has put something into it
 * @rank: of what it has put there
 * @dims: the same
 */
struct nrt_tensor {
	struct object object;
	struct storage *storage;
	uint64_t offset;
	uint64_t size;
	bool slice;
	unsigned int vnc;
	atomic_ullong completions;
	char *name;
	bool has_shape;
	uint32_t rank;
	uint32_t dims[NEURON_NEFF_MAX_RANK];
};

/* A tensor of the library's own, in host memory that the device reaches. */
NRT_STATUS tensor_create(struct neuron_device *device, size_t size, const char *name,
			 struct nrt_tensor **tensor);
void tensor_destroy(struct nrt_tensor *tensor);

/* Copy into or out of a tensor; the range has been checked. */
NRT_STATUS tensor_write(const struct nrt_tensor *tensor, uint64_t offset,
			const void *data, size_t size);
NRT_STATUS tensor_read(const struct nrt_tensor *tensor, uint64_t offset, void *data,
		       size_t size);

/* The memory is there, and the range is inside; logged for @function if not. */
NRT_STATUS tensor_check_range(const char *function, const struct nrt_tensor *tensor,
			      uint64_t offset, uint64_t size);

/* Both ranges are fine, and do not overlap. */
NRT_STATUS tensor_check_copy(const char *function, const struct nrt_tensor *src,
			     uint64_t src_offset, const struct nrt_tensor *dst,
			     uint64_t dst_offset, uint64_t size);

/* Copy between tensors; tensor_check_copy() has succeeded. */
NRT_STATUS tensor_copy(const struct nrt_tensor *src, uint64_t src_offset,
		       const struct nrt_tensor *dst, uint64_t dst_offset, uint64_t size);

/* completion.c: an execution has completed the tensor. */
void tensor_complete(struct nrt_tensor *tensor);

/* Zero all from @offset on. */
NRT_STATUS tensor_clear(const struct nrt_tensor *tensor, uint64_t offset);

struct tensor_set;

/* What tensor_set_find() found. */
enum found { FOUND, FOUND_NOTHING, FOUND_FREED };

/* A set of the library's own, which has no handle; NULL without memory. */
struct tensor_set *tensor_set_new(void);
void tensor_set_free(struct tensor_set *set);
NRT_STATUS tensor_set_add(struct tensor_set *set, const char *name,
			  struct nrt_tensor *tensor);

/* Look a tensor up by name; with a reference, for object_put(). */
enum found tensor_set_find(struct tensor_set *set, const char *name,
			   struct nrt_tensor **tensor);

#endif /* LIBNEURON_TENSOR_H */
