/* SPDX-License-Identifier: MIT */
/*
 * Handles that the application holds. Each is looked up before it is used, so
 * that one that is wrong or was freed is an error and not a crash.
 */
#ifndef LIBNEURON_OBJECT_H
#define LIBNEURON_OBJECT_H

#include <stdbool.h>
#include <stdint.h>

enum object_kind { OBJECT_MODEL, OBJECT_TENSOR, OBJECT_TENSOR_SET, OBJECT_ERROR_TRACKER };

/**
 * struct object - start of everything that has a handle
 * @kind: what it is
 * @refs: one for the registry, one for each user; guarded by the registry
 * @serial: never reused, unlike the address
 * @destroy: frees it when the last reference goes
 * @next: in the registry
 */
struct object {
	enum object_kind kind;
	unsigned int refs;
	uint64_t serial;
	void (*destroy)(struct object *object);
	struct object *next;
};

/* Register an object, with one reference. */
bool object_add(struct object *object, enum object_kind kind,
		void (*destroy)(struct object *object));

/* Take a reference to the object that @handle is, or NULL. */
void *object_get(const void *handle, enum object_kind kind);
/* The same, but not if the address has been used anew since. */
void *object_get_serial(const void *handle, enum object_kind kind, uint64_t serial);
/* Drop a reference. */
void object_put(void *object);

/* Take a handle back; the object goes with its last user. False: it was none. */
bool object_remove(void *handle, enum object_kind kind);
/* The same, but returns when that has happened. */
bool object_remove_sync(void *handle, enum object_kind kind);

/*
 * Run @change while nobody but the caller uses @object, and nobody can begin to.
 * False: somebody does, and it was not run.
 */
bool object_exclusive(void *object, void (*change)(void *object, void *arg),
		      void *arg);

/* Any registered object of a kind, with a reference, or NULL. */
void *object_any(enum object_kind kind);

/* In a child of fork(): there are no objects. */
void object_forget(void);

#endif /* LIBNEURON_OBJECT_H */
