/* SPDX-License-Identifier: MIT */
/*
 * The values that names stand for, scope by scope: a subgraph sees the names
 * of the graphs around it.
 */
#ifndef COMPILER_NAMES_H
#define COMPILER_NAMES_H

#include "graph.h"

struct nc_name;

/**
 * struct nc_scope - names of one graph
 * @parent: scope around it, or NULL
 * @names: hash table
 */
struct nc_scope {
	struct nc_scope *parent;
	struct nc_name *names;
};

/**
 * nc_scope_add() - define a name
 * @ctx: the compilation
 * @scope: where
 * @name: the name; must outlive the scope
 * @value: what it stands for
 *
 * Return: false when the scope has that name already.
 */
bool nc_scope_add(struct nc_ctx *ctx, struct nc_scope *scope, const char *name,
		  struct nc_value *value);

/* The value in this scope alone, or NULL. */
struct nc_value *nc_scope_get(const struct nc_scope *scope, const char *name);

/* The value in this scope or one around it, or NULL; @where receives which. */
struct nc_value *nc_scope_find(struct nc_scope *scope, const char *name,
			       struct nc_scope **where);

#endif /* COMPILER_NAMES_H */
