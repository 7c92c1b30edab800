// SPDX-License-Identifier: MIT
/*
 * Choosing by index: everything becomes comparisons with a range, or a Gather
 * of rows from a matrix.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* TopK and Scatter are unrolled; beyond this they are refused. */
#define MAX_ROUNDS	64

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

/* The greatest (least) element again and again, each time without the last. */
void nc_decompose_top_k(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	bool largest = nc_attr_int(node, "largest", 1);
	int64_t k = nc_const_int(node->inputs[1], 0), i;
	struct nc_value *x = node->inputs[0], *gone, *at;
	struct nc_value *values[MAX_ROUNDS], *indices[MAX_ROUNDS];
	int axis;

	if (k > MAX_ROUNDS) {
		nc_error(b->ctx, node, "k is %lld; at most %d is supported",
			 (long long)k, MAX_ROUNDS);
		return;
	}
	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return;
	if (!nc_dtype_is_float(x->dtype)) {
		nc_error(b->ctx, node, "it is supported for floats alone");
		return;
	}
	gone = nc_build_scalar(b, x->dtype, largest ? -INFINITY : INFINITY);
	for (i = 0; i < k; i++) {
		values[i] = nc_build_reduce(b, largest ? NC_OP_ReduceMax :
					   NC_OP_ReduceMin, NULL, x, 1u << axis);
		indices[i] = nc_build_axis(b, largest ? NC_OP_ArgMax :
					  NC_OP_ArgMin, NULL, x, NULL, axis);
		at = nc_build2(b, NC_OP_Equal, NULL, indices[i],
			       range_like(b, x, axis));
		x = nc_build3(b, NC_OP_Where, NULL, at, gone, x);
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

void nc_decompose_gather_elements(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1], *offsets;
	int64_t strides[NC_MAX_RANK];
	int axis;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return;
	nc_strides(x, strides);
	offsets = other_offsets(b, index, index->rank, strides, axis);
	if (!offsets)
		return;
	if (index->dtype != NC_I64)
		index = nc_build_cast(b, NULL, index, NC_I64);
	index = positive(b, index, nc_build_scalar(b, NC_I64, (double)x->dims[axis]));
	index = nc_build2(b, NC_OP_Mul, NULL, index,
			  nc_build_scalar(b, NC_I64, (double)strides[axis]));
	index = nc_build2(b, NC_OP_Add, NULL, index, offsets);
	gather_rows(b, node->outputs[0], x, index, nc_numel(x), 1);
}

void nc_decompose_gather_nd(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1], *offsets;
	int batch = (int)nc_attr_int(node, "batch_dims", 0);
	int k = (int)index->dims[index->rank - 1], i;
	int64_t strides[NC_MAX_RANK], width = 1;

	for (i = batch + k; i < x->rank; i++)
		width *= x->dims[i];
	nc_strides(x, strides);
	for (i = 0; i < batch + k; i++)
		strides[i] /= width;
	if (index->dtype != NC_I64)
		index = nc_build_cast(b, NULL, index, NC_I64);
	index = positive(b, index, nc_const_ints_new(b->ctx, node->name,
						     x->dims + batch, k));
	index = nc_build2(b, NC_OP_Mul, NULL, index,
			  nc_const_ints_new(b->ctx, node->name,
					    strides + batch, k));
	index = nc_build_reduce(b, NC_OP_ReduceSum, NULL, index,
				1u << (index->rank - 1));
	index = nc_build_reshape(b, NULL, index, index->rank - 1, index->dims);
	if (batch) {
		for (i = batch; i < NC_MAX_RANK; i++)
			strides[i] = 0;
		offsets = other_offsets(b, index, index->rank, strides, -1);
		if (!offsets)
			return;
		index = nc_build2(b, NC_OP_Add, NULL, index, offsets);
	}
	gather_rows(b, node->outputs[0], x, index, nc_numel(x) / width, width);
}

/* How Scatter* combines an update with what is there. */
static bool reduction_op(struct nc_builder *b, enum nc_op *op)
{
	static const struct {
		const char *name;
		enum nc_op op;
	} ops[] = {
		{ "none", NC_OP_UNKNOWN }, { "add", NC_OP_Add },
		{ "mul", NC_OP_Mul }, { "max", NC_OP_Max }, { "min", NC_OP_Min },
	};
	const char *name = nc_attr_string(b->like, "reduction", "none");
	unsigned int i;

	for (i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (!strcmp(ops[i].name, name)) {
			*op = ops[i].op;
			return true;
		}
	}
	nc_error(b->ctx, b->like, "reduction '%.20s' is not supported", name);
	return false;
}

/*
 * The scattered matrix as a Gather: its rows come from the data's and the
 * updates' rows, one below the other. With a reduction, each round combines at
 * most one update with each row; the rest keeps its row of the round before.
 */
static void scatter_rows(struct nc_builder *b, int64_t rows, int64_t width,
			 const int64_t *targets, int64_t count)
{
	struct nc_node *node = b->like;
	int64_t from[2] = { rows, width }, to[2] = { count, width };
	struct nc_value *out = node->outputs[0], *data, *updates, *both, *map;
	int64_t *sources, *round_of, i, round, rounds = 1;
	struct nc_value *values[2];
	enum nc_op op;

	if (!reduction_op(b, &op))
		return;
	round_of = nc_alloc(b->ctx->arena, (size_t)count, sizeof(*round_of));
	sources = nc_alloc(b->ctx->arena, (size_t)rows, sizeof(*sources));
	for (i = 0; i < count && op != NC_OP_UNKNOWN; i++) {
		round_of[i] = sources[targets[i]]++;
		if (round_of[i] >= rounds)
			rounds = round_of[i] + 1;
	}
	if (rounds > MAX_ROUNDS) {
		nc_error(b->ctx, node, "more than %d updates of one element are not supported",
			 MAX_ROUNDS);
		return;
	}
	data = nc_build_reshape(b, NULL, node->inputs[0], 2, from);
	updates = nc_build_reshape(b, NULL, node->inputs[2], 2, to);
	for (round = 0; round < rounds; round++) {
		both = updates;
		if (op != NC_OP_UNKNOWN) {
			map = nc_const_ints_new(b->ctx, node->name, targets, count);
			both = nc_build_axis(b, NC_OP_Gather, NULL, data, map, 0);
			both = nc_build2(b, op, NULL, updates, both);
		}
		for (i = 0; i < rows; i++)
			sources[i] = i;
		for (i = 0; i < count; i++)
			if (round_of[i] == round)
				sources[targets[i]] = rows + i;
		values[0] = data;
		values[1] = both;
		both = nc_build_concat(b, NULL, values, 2, 0);
		map = nc_const_ints_new(b->ctx, node->name, sources, rows);
		data = nc_build_axis(b, NC_OP_Gather, NULL, both, map, 0);
	}
	nc_build_reshape(b, out, data, out->rank, out->dims);
}

void nc_decompose_scatter_elements(struct nc_builder *b)
{
	const struct nc_value *x = b->like->inputs[0], *index = b->like->inputs[1];
	int64_t n = nc_numel(index), *targets, strides[NC_MAX_RANK], i;
	struct nc_nest nest;
	int axis;

	if (!nc_axis(b->ctx, b->like, nc_attr_int(b->like, "axis", 0), x->rank,
		     &axis))
		return;
	nc_strides(x, strides);
	nc_nest_init(&nest, index);
	memcpy(nest.strides[0], strides, (size_t)x->rank * sizeof(strides[0]));
	nest.strides[0][axis] = 0;
	targets = nc_alloc(b->ctx->arena, (size_t)n, sizeof(*targets));
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		int64_t at = nc_const_int(index, i);

		at += at < 0 ? x->dims[axis] : 0;
		targets[i] = nest.offset[0] + at * strides[axis];
	}
	scatter_rows(b, nc_numel(x), 1, targets, n);
}

void nc_decompose_scatter_nd(struct nc_builder *b)
{
	const struct nc_value *x = b->like->inputs[0], *index = b->like->inputs[1];
	int64_t k = index->dims[index->rank - 1], width = 1, i, j;
	int64_t count = nc_numel(index) / k, *targets, strides[NC_MAX_RANK];

	nc_strides(x, strides);
	for (i = k; i < x->rank; i++)
		width *= x->dims[i];
	targets = nc_alloc(b->ctx->arena, (size_t)count, sizeof(*targets));
	for (i = 0; i < count; i++) {
		for (j = 0; j < k; j++) {
			int64_t at = nc_const_int(index, i * k + j);

			at += at < 0 ? x->dims[j] : 0;
			targets[i] += at * (strides[j] / width);
		}
	}
	scatter_rows(b, nc_numel(x) / width, width, targets, count);
}
