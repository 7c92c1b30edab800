// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "object.h"

#define FIRST_BUCKETS	256

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t dropped = PTHREAD_COND_INITIALIZER;
static struct object **buckets;
static size_t num_buckets;	/* a power of two */
static size_t num_objects;
static uint64_t last_serial;

static struct object **bucket_of(const void *handle)
{
	uint64_t hash = (uintptr_t)handle * 0x9e3779b97f4a7c15ull;

	return &buckets[hash >> 32 & (num_buckets - 1)];
}

/* Where the object is linked, or NULL. With the lock held. */
static struct object **find(const void *handle, enum object_kind kind)
{
	struct object **link;

	if (!num_buckets)
		return NULL;
	for (link = bucket_of(handle); *link; link = &(*link)->next) {
		if (*link == handle)
			return (*link)->kind == kind ? link : NULL;
	}
	return NULL;
}

static bool grow(void)
{
	size_t old_count = num_buckets, i;
	struct object **old = buckets, **more;

	if (num_objects < num_buckets)
		return true;
	more = calloc(old_count ? 2 * old_count : FIRST_BUCKETS, sizeof(*more));
	if (!more)
		return old_count;	/* chains just become longer */
	buckets = more;
	num_buckets = old_count ? 2 * old_count : FIRST_BUCKETS;
	for (i = 0; i < old_count; i++) {
		while (old[i]) {
			struct object *object = old[i], **bucket = bucket_of(object);

			old[i] = object->next;
			object->next = *bucket;
			*bucket = object;
		}
	}
	free(old);
	return true;
}

bool object_add(struct object *object, enum object_kind kind,
		void (*destroy)(struct object *object))
{
	struct object **bucket;
	bool room;

	pthread_mutex_lock(&lock);
	room = grow();
	if (room) {
		object->kind = kind;
		object->refs = 1;
		object->serial = ++last_serial;
		object->destroy = destroy;
		bucket = bucket_of(object);
		object->next = *bucket;
		*bucket = object;
		num_objects++;
	}
	pthread_mutex_unlock(&lock);
	return room;
}

void *object_get_serial(const void *handle, enum object_kind kind, uint64_t serial)
{
	struct object *object = NULL, **link;

	pthread_mutex_lock(&lock);
	link = find(handle, kind);
	if (link && (!serial || (*link)->serial == serial)) {
		object = *link;
		object->refs++;
	}
	pthread_mutex_unlock(&lock);
	return object;
}

void *object_get(const void *handle, enum object_kind kind)
{
	return object_get_serial(handle, kind, 0);
}

void object_put(void *handle)
{
	struct object *object = handle;
	bool last;

	if (!object)
		return;
	pthread_mutex_lock(&lock);
	last = !--object->refs;
	if (object->refs == 1)
		pthread_cond_broadcast(&dropped);
	pthread_mutex_unlock(&lock);
	if (last)
		object->destroy(object);
}

static bool take(void *handle, enum object_kind kind, bool sync)
{
	struct object *object, **link;

	pthread_mutex_lock(&lock);
	link = find(handle, kind);
	if (!link) {
		pthread_mutex_unlock(&lock);
		return false;
	}
	object = *link;
	*link = object->next;
	num_objects--;
	while (sync && object->refs > 1)
		pthread_cond_wait(&dropped, &lock);
	pthread_mutex_unlock(&lock);
	object_put(object);
	return true;
}

bool object_remove(void *handle, enum object_kind kind)
{
	return take(handle, kind, false);
}

bool object_remove_sync(void *handle, enum object_kind kind)
{
	return take(handle, kind, true);
}

bool object_exclusive(void *handle, void (*change)(void *object, void *arg),
		      void *arg)
{
	struct object *object = handle;
	bool alone;

	pthread_mutex_lock(&lock);
	alone = object->refs == 2;	/* the registry's and the caller's */
	if (alone)
		change(object, arg);
	pthread_mutex_unlock(&lock);
	return alone;
}

void *object_any(enum object_kind kind)
{
	struct object *object = NULL;
	size_t i;

	pthread_mutex_lock(&lock);
	for (i = 0; i < num_buckets && !object; i++) {
		for (object = buckets[i]; object; object = object->next) {
			if (object->kind == kind)
				break;
		}
	}
	if (object)
		object->refs++;
	pthread_mutex_unlock(&lock);
	return object;
}

void object_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&dropped, NULL);
	buckets = NULL;
	num_buckets = 0;
	num_objects = 0;
}
