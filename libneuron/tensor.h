/* SPDX-License-Identifier: MIT */
/* Tensors, their storage, and sets of them. */
#ifndef LIBNEURON_TENSOR_H
#define LIBNEURON_TENSOR_H

#include <stddef.h>
#include <stdint.h>
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
 * @name: for messages, not NULL
 */
struct nrt_tensor {
	struct object object;
	struct storage *storage;
	uint64_t offset;
	uint64_t size;
	bool slice;
	char *name;
};

/* Copy into or out of a tensor; the range has been checked. */
NRT_STATUS tensor_write(const struct nrt_tensor *tensor, uint64_t offset,
			const void *data, size_t size);
NRT_STATUS tensor_read(const struct nrt_tensor *tensor, uint64_t offset, void *data,
		       size_t size);

struct tensor_set;

/* What tensor_set_find() found. */
enum found { FOUND, FOUND_NOTHING, FOUND_FREED };

/* Look a tensor up by name; with a reference, for object_put(). */
enum found tensor_set_find(struct tensor_set *set, const char *name,
			   struct nrt_tensor **tensor);

#endif /* LIBNEURON_TENSOR_H */
