// SPDX-License-Identifier: MIT
/* Sets of named tensors. A set does not keep its tensors alive. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "export.h"
#include "log.h"
#include "runtime.h"
#include "tensor.h"

struct entry {
	char *name;
	nrt_tensor_t *tensor;
	uint64_t serial;
};

/**
 * struct tensor_set - what nrt_tensor_set_t really is
 * @object: what has a handle
 * @lock: guards the rest
 * @entries: sorted by name
 * @count: number of them
 * @max: room for them
 */
struct tensor_set {
	struct object object;
	pthread_mutex_t lock;
	struct entry *entries;
	size_t count;
	size_t max;
};

static void destroy(struct object *object)
{
	struct tensor_set *set = (struct tensor_set *)object;
	size_t i;

	for (i = 0; i < set->count; i++)
		free(set->entries[i].name);
	free(set->entries);
	pthread_mutex_destroy(&set->lock);
	free(set);
}

struct tensor_set *tensor_set_new(void)
{
	struct tensor_set *set = calloc(1, sizeof(*set));

	if (set)
		pthread_mutex_init(&set->lock, NULL);
	return set;
}

void tensor_set_free(struct tensor_set *set)
{
	if (set)
		destroy(&set->object);
}

EXPORT NRT_STATUS nrt_allocate_tensor_set(nrt_tensor_set_t **result)
{
	struct runtime *runtime;
	struct tensor_set *set;
	NRT_STATUS status;

	if (!result)
		return fail(NRT_INVALID, "result is NULL");
	*result = NULL;
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	set = tensor_set_new();
	if (set && object_add(&set->object, OBJECT_TENSOR_SET, destroy)) {
		*result = set;
	} else {
		free(set);
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	runtime_leave();
	return status;
}

EXPORT void nrt_destroy_tensor_set(nrt_tensor_set_t **tensor_set)
{
	if (!tensor_set || !*tensor_set)
		return;
	if (!object_remove(*tensor_set, OBJECT_TENSOR_SET))
		complain("this is no tensor set, or it has been destroyed before");
	*tensor_set = NULL;
}

/* Position of the first entry whose name is not less. With the lock held. */
static size_t position(const struct tensor_set *set, const char *name, bool *same)
{
	size_t low = 0, high = set->count;

	*same = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(set->entries[middle].name, name);

		if (!order)
			*same = true;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

enum found tensor_set_find(struct tensor_set *set, const char *name,
			   struct nrt_tensor **tensor)
{
	struct entry entry = { 0 };
	size_t at;
	bool same;

	pthread_mutex_lock(&set->lock);
	at = position(set, name, &same);
	if (same)
		entry = set->entries[at];
	pthread_mutex_unlock(&set->lock);
	if (!same)
		return FOUND_NOTHING;
	*tensor = object_get_serial(entry.tensor, OBJECT_TENSOR, entry.serial);
	return *tensor ? FOUND : FOUND_FREED;
}

NRT_STATUS tensor_set_add(struct tensor_set *set, const char *name,
			  struct nrt_tensor *tensor)
{
	NRT_STATUS status = NRT_SUCCESS;
	struct entry *more;
	size_t at;
	bool same;
	char *copy;

	pthread_mutex_lock(&set->lock);
	at = position(set, name, &same);
	if (same) {
		set->entries[at].tensor = tensor;
		set->entries[at].serial = tensor->object.serial;
		goto unlock;
	}
	copy = strdup(name);
	if (copy && set->count == set->max) {
		size_t max = set->max ? 2 * set->max : 8;

		more = realloc(set->entries, max * sizeof(*more));
		if (more) {
			set->entries = more;
			set->max = max;
		}
	}
	if (!copy || set->count == set->max) {
		free(copy);
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto unlock;
	}
	memmove(&set->entries[at + 1], &set->entries[at],
		(set->count - at) * sizeof(*set->entries));
	set->entries[at] = (struct entry) {
		.name = copy, .tensor = tensor, .serial = tensor->object.serial,
	};
	set->count++;
unlock:
	pthread_mutex_unlock(&set->lock);
	return status;
}

EXPORT NRT_STATUS nrt_add_tensor_to_tensor_set(nrt_tensor_set_t *tensor_set,
					       const char *tensor_name,
					       nrt_tensor_t *tensor)
{
	struct runtime *runtime;
	struct nrt_tensor *t;
	struct tensor_set *set;
	NRT_STATUS status;

	if (!tensor_name)
		return fail(NRT_INVALID, "tensor_name is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	set = object_get(tensor_set, OBJECT_TENSOR_SET);
	t = object_get(tensor, OBJECT_TENSOR);
	if (!set)
		status = fail(NRT_INVALID_HANDLE, "tensor_set is no tensor set, or it has been destroyed");
	else if (!t)
		status = fail(NRT_INVALID_HANDLE, "tensor (for %.64s) is no tensor, or it has been freed",
			      tensor_name);
	else
		status = tensor_set_add(set, tensor_name, t);
	object_put(t);
	object_put(set);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_get_tensor_from_tensor_set(nrt_tensor_set_t *tensor_set,
						 const char *tensor_name,
						 nrt_tensor_t **tensor)
{
	struct tensor_set *set;
	struct runtime *runtime;
	struct nrt_tensor *t;
	NRT_STATUS status;

	if (!tensor_name || !tensor)
		return fail(NRT_INVALID, "tensor_name or tensor is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	set = object_get(tensor_set, OBJECT_TENSOR_SET);
	if (!set) {
		status = fail(NRT_INVALID_HANDLE, "tensor_set is no tensor set, or it has been destroyed");
		goto leave;
	}
	switch (tensor_set_find(set, tensor_name, &t)) {
	case FOUND:
		*tensor = t;
		object_put(t);
		break;
	case FOUND_NOTHING:
		status = fail(NRT_FAILURE, "the set has no tensor %.64s", tensor_name);
		break;
	case FOUND_FREED:
		status = fail(NRT_INVALID_HANDLE, "tensor %.64s of the set has been freed",
			      tensor_name);
		break;
	}
	object_put(set);
leave:
	runtime_leave();
	return status;
}
