/* SPDX-License-Identifier: MIT */
/*
 * Building the nodes that take another's place. Each is inferred at once, and
 * folded where all it needs is constant; what remains goes into the list.
 */
#ifndef COMPILER_DECOMPOSE_H
#define COMPILER_DECOMPOSE_H

#include "front.h"

/**
 * struct nc_builder - where new nodes go
 * @ctx: the compilation
 * @list: nodes of the graph so far
 * @like: node that is being taken apart: gives names and layer
 * @deep: what is built is taken apart itself where it can be
 */
struct nc_builder {
	struct nc_ctx *ctx;
	struct nc_node_list *list;
	struct nc_node *like;
	bool deep;
};

/*
 * All return the node's output; @out is the value to make, or NULL for a new
 * one.
 */
struct nc_value *nc_build(struct nc_builder *b, struct nc_node *node);
struct nc_value *nc_build1(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x);
struct nc_value *nc_build2(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x,
			  struct nc_value *y);
struct nc_value *nc_build3(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x,
			  struct nc_value *y, struct nc_value *z);
struct nc_value *nc_build_reshape(struct nc_builder *b, struct nc_value *out,
				  struct nc_value *x, int rank,
				 const int64_t *dims);
struct nc_value *nc_build_transpose(struct nc_builder *b, struct nc_value *out,
				    struct nc_value *x, const int64_t *perm);
struct nc_value *nc_build_cast(struct nc_builder *b, struct nc_value *out,
			       struct nc_value *x, enum nc_dtype dtype);
/* ReduceSum, ReduceMean ... over the axes of a mask, dimensions kept. */
struct nc_value *nc_build_reduce(struct nc_builder *b, enum nc_op op,
				 struct nc_value *out, struct nc_value *x,
				unsigned int mask);
/* ArgMax, Concat and others with an axis; dimensions are kept. */
struct nc_value *nc_build_axis(struct nc_builder *b, enum nc_op op,
			       struct nc_value *out, struct nc_value *x,
			      struct nc_value *y, int axis);
/* x[..., start to end, ...] along an axis. */
struct nc_value *nc_build_slice(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, int axis, int64_t start,
			       int64_t end);
/* Any number of values joined. */
struct nc_value *nc_build_concat(struct nc_builder *b, struct nc_value *out,
				 struct nc_value **values, unsigned int count,
				int axis);
/* A constant number. */
struct nc_value *nc_build_scalar(struct nc_builder *b, enum nc_dtype dtype,
				 double x);
/* 0, 1, 2 ... along one axis of @rank. */
struct nc_value *nc_build_range(struct nc_builder *b, enum nc_dtype dtype,
				int rank, int axis, int64_t count);

/*
 * The numbers in x, as one row, of the elements that GatherElements names, and
 * of the rows that GatherND names. NULL after nc_error().
 */
struct nc_value *nc_build_element_index(struct nc_builder *b, const struct nc_value *x,
					struct nc_value *index, int axis);
struct nc_value *nc_build_row_index(struct nc_builder *b, const struct nc_value *x,
				    struct nc_value *index, int batch);
/*
 * x, [batch, heads, length, size], with the first @size of each head (0: all) turned by
 * rows @ids of the caches of cosines and sines. NULL after nc_error().
 */
struct nc_value *nc_build_rotary(struct nc_builder *b, struct nc_value *x,
				 struct nc_value *cos, struct nc_value *sin,
				 struct nc_value *ids, int64_t size, bool paired);
/* a * b as int32, with a's and b's scales and a bias or NULL, in floats. */
struct nc_value *nc_build_integer_product(struct nc_builder *b, struct nc_value *x,
					  struct nc_value *x_scale,
					  struct nc_value *x_zero, struct nc_value *y,
					  struct nc_value *y_scale,
					  struct nc_value *y_zero, struct nc_value *bias);
/* The same of floats, which are quantized first; NULL after nc_error(). */
struct nc_value *nc_build_dynamic_product(struct nc_builder *b, struct nc_value *x,
					  struct nc_value *y, struct nc_value *y_scale,
					  struct nc_value *y_zero, struct nc_value *bias);
/* nc_become() with what was built for it. Return: whether all went well. */
bool nc_become_built(struct nc_node *node, unsigned int output, struct nc_value *value);
/* x rounded to a small type. */
struct nc_value *nc_build_small(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, const struct nc_small *small);
/* x and a number of x's type */
struct nc_value *nc_build_with(struct nc_builder *b, enum nc_op op,
			       struct nc_value *out, struct nc_value *x, double y);
/*
 * A node of 16-bit floats that is several steps: computed in fp32 and rounded
 * once. Return: whether that was done.
 */
bool nc_decompose_wide(struct nc_builder *b);
/* The node stays as it is. */
void nc_keep(struct nc_builder *b);

#define X(name, infer, fold, decompose, lower) \
	nc_decompose_fn nc_decompose_##decompose;
NC_OPS(X)
#undef X

#endif /* COMPILER_DECOMPOSE_H */
