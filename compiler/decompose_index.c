// SPDX-License-Identifier: MIT
/*
 * Choosing by index: everything becomes comparisons with a range, or a Gather
 * of rows from a matrix.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* TopK is unrolled; beyond this it is refused. */
#define MAX_ROUNDS	1024

/* The row of @x along the axis: 0, 1, 2 ... shaped to broadcast with it. */
static struct nc_value *range_like(struct nc_builder *b,
				   const struct nc_value *x, int axis)
{
	return nc_build_range(b, NC_I64, x->rank, axis, x->dims[axis]);
}

void nc_decompose_hardmax(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *y;
	int axis;

	if (!nc_axis(b->ctx, b->like, nc_attr_int(b->like, "axis", -1), x->rank,
		     &axis))
		return;
	y = nc_build_axis(b, NC_OP_ArgMax, NULL, x, NULL, axis);
	y = nc_build2(b, NC_OP_Equal, NULL, y, range_like(b, x, axis));
	nc_build_cast(b, b->like->outputs[0], y, x->dtype);
}

/* Negative indices count from the end. */
static struct nc_value *positive(struct nc_builder *b, struct nc_value *index,
				 struct nc_value *dim)
{
	struct nc_value *zero = nc_build_scalar(b, index->dtype, 0);
	struct nc_value *moved = nc_build2(b, NC_OP_Add, NULL, index, dim);

	zero = nc_build2(b, NC_OP_Less, NULL, index, zero);
	return nc_build3(b, NC_OP_Where, NULL, zero, moved, index);
}

void nc_decompose_one_hot(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *index = node->inputs[0], *values = node->inputs[2];
	struct nc_value *out = node->outputs[0], *on, *off;
	int64_t dims[NC_MAX_RANK], depth = nc_const_int(node->inputs[1], 0);
	int axis;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", -1), out->rank, &axis))
		return;
	memcpy(dims, out->dims, sizeof(dims));
	dims[axis] = 1;
	if (index->dtype != NC_I64)
		index = nc_build_cast(b, NULL, index, NC_I64);
	index = nc_build_reshape(b, NULL, index, out->rank, dims);
	index = positive(b, index, nc_build_scalar(b, NC_I64, (double)depth));
	index = nc_build2(b, NC_OP_Equal, NULL, index, range_like(b, out, axis));
	off = nc_build_slice(b, NULL, values, 0, 0, 1);
	on = nc_build_slice(b, NULL, values, 0, 1, 2);
	nc_build3(b, NC_OP_Where, out, index, on, off);
}

/*
 * The greatest (least) element again and again. What was taken is marked, so
 * that elements as small as what stands for it in the search keep their turn.
 */
void nc_decompose_top_k(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	bool largest = nc_attr_int(node, "largest", 1);
	int64_t k = nc_const_int(node->inputs[1], 0), i;
	struct nc_value *x = node->inputs[0], *gone, *left, *at, *taken = NULL;
	struct nc_value **values, **indices;
	int axis;

	if (k > MAX_ROUNDS) {
		nc_error(b->ctx, node, "k is %lld; at most %d is supported",
			 (long long)k, MAX_ROUNDS);
		return;
	}
	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return;
	values = nc_alloc(b->ctx->arena, (size_t)k, sizeof(*values));
	indices = nc_alloc(b->ctx->arena, (size_t)k, sizeof(*indices));
	gone = nc_build_scalar(b, x->dtype, largest ? -INFINITY : INFINITY);
	for (i = 0; i < k; i++) {
		left = taken ? nc_build3(b, NC_OP_Where, NULL, taken, gone, x) : x;
		values[i] = nc_build_reduce(b, largest ? NC_OP_ReduceMax :
					   NC_OP_ReduceMin, NULL, left, 1u << axis);
		at = nc_build2(b, NC_OP_Equal, NULL, left, values[i]);
		if (taken)
			at = nc_build2(b, NC_OP_And, NULL, at,
				       nc_build1(b, NC_OP_Not, NULL, taken));
		at = nc_build_cast(b, NULL, at, NC_U8);
		indices[i] = nc_build_axis(b, NC_OP_ArgMax, NULL, at, NULL, axis);
		at = nc_build2(b, NC_OP_Equal, NULL, indices[i],
			       range_like(b, x, axis));
		taken = taken ? nc_build2(b, NC_OP_Or, NULL, taken, at) : at;
	}
	if (nc_out(node, 0))
		nc_build_concat(b, node->outputs[0], values, (unsigned int)k, axis);
	if (nc_out(node, 1))
		nc_build_concat(b, node->outputs[1], indices, (unsigned int)k, axis);
}

/* Rows of a matrix by a list of row numbers, in the shape of @out. */
static void gather_rows(struct nc_builder *b, struct nc_value *out,
			struct nc_value *data, struct nc_value *index,
			int64_t rows, int64_t width)
{
	int64_t matrix[2] = { rows, width }, count = nc_numel(index);

	data = nc_build_reshape(b, NULL, data, 2, matrix);
	index = nc_build_reshape(b, NULL, index, 1, &count);
	data = nc_build_axis(b, NC_OP_Gather, NULL, data, index, 0);
	nc_build_reshape(b, out, data, out->rank, out->dims);
}

/*
 * What the coordinates other than @axis of each element of @shape contribute to
 * its number in @x; for the first @count dimensions.
 */
static struct nc_value *other_offsets(struct nc_builder *b,
				      const struct nc_value *shape, int count,
				      const int64_t *strides, int axis)
{
	struct nc_value *value;
	int64_t *data, n, i;
	struct nc_nest nest;
	int d;

	value = nc_value_like(b->ctx, b->like->name, NC_I64, count, shape->dims);
	data = nc_fold_alloc(b->ctx, value);
	if (!data) {
		nc_error(b->ctx, b->like, "its indices are too large for constants");
		return NULL;
	}
	nc_nest_init(&nest, value);
	for (d = 0; d < count; d++)
		nest.strides[0][d] = d == axis ? 0 : strides[d];
	n = nc_numel(value);
	for (i = 0; i < n; i++, nc_nest_next(&nest))
		data[i] = nest.offset[0];
	return value;
}

struct nc_value *nc_build_element_index(struct nc_builder *b, const struct nc_value *x,
					struct nc_value *index, int axis)
{
	int64_t strides[NC_MAX_RANK];
	struct nc_value *offsets;

	nc_strides(x, strides);
	offsets = other_offsets(b, index, index->rank, strides, axis);
	if (!offsets)
		return NULL;
	if (index->dtype != NC_I64)
		index = nc_build_cast(b, NULL, index, NC_I64);
	index = positive(b, index, nc_build_scalar(b, NC_I64, (double)x->dims[axis]));
	index = nc_build_with(b, NC_OP_Mul, NULL, index, (double)strides[axis]);
	return nc_build2(b, NC_OP_Add, NULL, index, offsets);
}

void nc_decompose_gather_elements(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	int axis;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return;
	index = nc_build_element_index(b, x, index, axis);
	if (index)
		gather_rows(b, node->outputs[0], x, index, nc_numel(x), 1);
}

struct nc_value *nc_build_row_index(struct nc_builder *b, const struct nc_value *x,
				    struct nc_value *index, int batch)
{
	int k = (int)index->dims[index->rank - 1], i;
	int64_t strides[NC_MAX_RANK], width = 1;
	struct nc_value *offsets;

	for (i = batch + k; i < x->rank; i++)
		width *= x->dims[i];
	nc_strides(x, strides);
	for (i = 0; i < batch + k; i++)
		strides[i] /= width;
	if (index->dtype != NC_I64)
		index = nc_build_cast(b, NULL, index, NC_I64);
	index = positive(b, index, nc_const_ints_new(b->ctx, b->like->name,
						     x->dims + batch, k));
	index = nc_build2(b, NC_OP_Mul, NULL, index,
			  nc_const_ints_new(b->ctx, b->like->name,
					    strides + batch, k));
	index = nc_build_reduce(b, NC_OP_ReduceSum, NULL, index,
				1u << (index->rank - 1));
	index = nc_build_reshape(b, NULL, index, index->rank - 1, index->dims);
	if (!batch)
		return index;
	for (i = batch; i < NC_MAX_RANK; i++)
		strides[i] = 0;
	offsets = other_offsets(b, index, index->rank, strides, -1);
	return offsets ? nc_build2(b, NC_OP_Add, NULL, index, offsets) : NULL;
}

void nc_decompose_gather_nd(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	int batch = (int)nc_attr_int(node, "batch_dims", 0);
	int k = (int)index->dims[index->rank - 1], i;
	int64_t width = 1;

	for (i = batch + k; i < x->rank; i++)
		width *= x->dims[i];
	index = nc_build_row_index(b, x, index, batch);
	if (index)
		gather_rows(b, node->outputs[0], x, index, nc_numel(x) / width, width);
}

/* Inference has put the positions in the condition's place. */
void nc_decompose_compress(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0];
	const struct nc_attr *attr = nc_attr(node, "axis");
	int64_t count = nc_numel(x);
	int axis = 0;

	if (!attr)
		x = nc_build_reshape(b, NULL, x, 1, &count);
	else if (!nc_axis(b->ctx, node, attr->i, x->rank, &axis))
		return;
	nc_build_axis(b, NC_OP_Gather, node->outputs[0], x, node->inputs[1], axis);
}
