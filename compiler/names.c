// SPDX-License-Identifier: MIT
#include <xxhash.h>
#include "names.h"
#include "pass.h"

/* Tables live in the arena; what growing leaves behind is freed with it. */
#define uthash_malloc(size)		nc_alloc_uninit(ctx->arena, size)
#define uthash_free(pointer, size)	((void)(pointer))
#define HASH_FUNCTION(key, len, hash)	((hash) = (unsigned int)XXH3_64bits(key, len))
#include <uthash.h>

struct nc_name {
	UT_hash_handle hh;
	struct nc_value *value;
};

struct nc_value *nc_scope_get(const struct nc_scope *scope, const char *name)
{
	struct nc_name *entry;

	HASH_FIND_STR(scope->names, name, entry);
	return entry ? entry->value : NULL;
}

bool nc_scope_add(struct nc_ctx *ctx, struct nc_scope *scope, const char *name,
		  struct nc_value *value)
{
	struct nc_name *entry;

	if (nc_scope_get(scope, name))
		return false;
	entry = nc_alloc(ctx->arena, 1, sizeof(*entry));
	entry->value = value;
	HASH_ADD_KEYPTR(hh, scope->names, name, strlen(name), entry);
	return true;
}

struct nc_value *nc_scope_find(struct nc_scope *scope, const char *name,
			       struct nc_scope **where)
{
	struct nc_value *value;

	for (; scope; scope = scope->parent) {
		value = nc_scope_get(scope, name);
		if (value) {
			*where = scope;
			return value;
		}
	}
	return NULL;
}
