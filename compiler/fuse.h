/* SPDX-License-Identifier: MIT */
/*
 * What the files that merge nodes into matrix operations share: fuse.c, fuse_integer.c.
 */
#ifndef COMPILER_FUSE_H
#define COMPILER_FUSE_H

#include "pass.h"

/* @node is a part of @into, which makes its result from now on. */
void nc_fuse_merge(struct nc_ctx *ctx, struct nc_node *into, struct nc_node *node);

/**
 * nc_fuse_behind() - move a node behind what it is to read, too
 * @nodes: those kept so far, @n of them
 * @into: whose only user is the node that is looked at now
 *
 * Return: false when it isn't among the last ones: it has to stay where it is.
 */
bool nc_fuse_behind(struct nc_node **nodes, unsigned int n, struct nc_node *into);

/* Whether @row, broadcast to @y, has one element for each along @axis, or one altogether. */
bool nc_fuse_is_row(const struct nc_value *row, const struct nc_value *y, int axis);

/* fuse_integer.c */

/**
 * nc_fuse_integer() - merge a node into the product of integers that feeds it
 * @nodes: those kept so far, @n of them
 *
 * Return: true when that was done.
 */
bool nc_fuse_integer(struct nc_ctx *ctx, struct nc_node *node, struct nc_node **nodes,
		     unsigned int n);
/* A product of integers whose result is real by now. */
bool nc_is_real_integer_product(const struct nc_node *node);

#endif /* COMPILER_FUSE_H */
