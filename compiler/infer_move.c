// SPDX-License-Identifier: MIT
/* Operators that move or rename data. */
#include <string.h>
#include "front.h"

bool nc_infer_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	bool allow_zero = nc_attr_int(node, "allowzero", 0);
	int64_t dims[NC_MAX_RANK], count, known = 1;
	char from[NC_SHAPE_TEXT], to[NC_SHAPE_TEXT];
	struct nc_value shape = { 0 };
	const struct nc_value *x;
	int i, rank, open = -1;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	rank = nc_ints(ctx, node, 1, "shape", dims, NC_MAX_RANK);
	if (rank < 0)
		return false;
	shape.rank = rank;
	memcpy(shape.dims, dims, sizeof(dims));
	count = nc_numel(x);
	for (i = 0; i < rank; i++) {
		if (dims[i] == -1 && open < 0) {
			open = i;
			continue;
		}
		if (!dims[i] && !allow_zero) {
			if (i >= x->rank)
				goto misfit;
			dims[i] = x->dims[i];
		}
		if (dims[i] < 0 || __builtin_mul_overflow(known, dims[i], &known))
			goto misfit;
	}
	if (open >= 0) {
		if (!known || count % known)
			goto misfit;
		dims[open] = count / known;
	} else if (known != count) {
		goto misfit;
	}
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);

misfit:
	nc_error(ctx, node, "%s cannot be reshaped to %s", nc_shape_text(x, from),
		 nc_shape_text(&shape, to));
	return false;
}

bool nc_infer_flatten(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t axis = nc_attr_int(node, "axis", 1);
	int64_t dims[2] = { 1, 1 };
	const struct nc_value *x;
	int i;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (axis < -x->rank || axis > x->rank) {
		nc_error(ctx, node, "axis %lld is out of range for rank %d",
			 (long long)axis, x->rank);
		return false;
	}
	if (axis < 0)
		axis += x->rank;
	for (i = 0; i < x->rank; i++)
		dims[i >= axis] *= x->dims[i];
	return nc_set_shape(ctx, node, 0, x->dtype, 2, dims);
}

bool nc_infer_squeeze(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	unsigned int mask;
	int i, rank = 0;

	if (!nc_need(ctx, node, 1, 2) ||
	    !nc_axes(ctx, node, 1, node->inputs[0]->rank, &mask))
		return false;
	x = node->inputs[0];
	for (i = 0; i < x->rank; i++) {
		if (!nc_in(node, 1) && x->dims[i] == 1)
			continue;
		if (!(mask >> i & 1)) {
			dims[rank++] = x->dims[i];
			continue;
		}
		if (x->dims[i] != 1) {
			nc_error(ctx, node, "axis %d has %lld elements, not 1",
				 i, (long long)x->dims[i]);
			return false;
		}
	}
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
}

bool nc_infer_unsqueeze(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t axes[NC_MAX_RANK], dims[NC_MAX_RANK];
	const struct nc_value *x;
	unsigned int mask;
	int i, n, rank;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	n = nc_ints(ctx, node, 1, "list of axes", axes, NC_MAX_RANK);
	if (n < 0)
		return false;
	if (x->rank + n > NC_MAX_RANK) {
		nc_error(ctx, node, "its output has rank %d, more than %d",
			 x->rank + n, NC_MAX_RANK);
		return false;
	}
	if (!nc_axes(ctx, node, 1, x->rank + n, &mask))
		return false;
	for (rank = 0, i = 0; rank < x->rank + n; rank++)
		dims[rank] = mask >> rank & 1 ? 1 : x->dims[i++];
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
}

bool nc_transpose_perm(struct nc_ctx *ctx, const struct nc_node *node, int *perm)
{
	int rank = node->inputs[0]->rank;
	const int64_t *ints;
	unsigned int seen = 0;
	size_t n;
	int i;

	n = nc_attr_ints(node, "perm", &ints);
	for (i = 0; i < rank && !n; i++)
		perm[i] = rank - 1 - i;
	if (!n)
		return true;
	for (i = 0; n == (size_t)rank && i < rank; i++) {
		if (ints[i] < 0 || ints[i] >= rank)
			break;
		perm[i] = (int)ints[i];
		seen |= 1u << perm[i];
	}
	if (n == (size_t)rank && seen == (1u << rank) - 1)
		return true;
	nc_error(ctx, node, "its perm does not order the %d axes of its input",
		 rank);
	return false;
}

bool nc_infer_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	int perm[NC_MAX_RANK];
	const struct nc_value *x;
	int i;

	if (!nc_need(ctx, node, 1, 1) || !nc_transpose_perm(ctx, node, perm))
		return false;
	x = node->inputs[0];
	for (i = 0; i < x->rank; i++)
		dims[i] = x->dims[perm[i]];
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims);
}

bool nc_infer_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	char at[NC_SHAPE_TEXT], bt[NC_SHAPE_TEXT];
	const struct nc_value *first;
	int64_t dims[NC_MAX_RANK];
	unsigned int i;
	int axis, d;

	if (!nc_need(ctx, node, node->num_inputs ? node->num_inputs : 1,
		     UINT32_MAX))
		return false;
	first = node->inputs[0];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 1), first->rank, &axis))
		return false;
	memcpy(dims, first->dims, sizeof(dims));
	for (i = 1; i < node->num_inputs; i++) {
		const struct nc_value *x = node->inputs[i];

		/* What depends on data will be equal, and then no larger than either. */
		for (d = 0; x->rank == first->rank && d < x->rank; d++) {
			if (d == axis)
				continue;
			if (!nc_dim_fits(first, d, x, d))
				break;
			if (x->dims[d] < dims[d])
				dims[d] = x->dims[d];
		}
		if (d != first->rank || x->dtype != first->dtype) {
			nc_error(ctx, node,
				 "%s %s and %s %s cannot be joined along axis %d",
				 nc_dtype_name(first->dtype),
				 nc_shape_text(first, at),
				 nc_dtype_name(x->dtype), nc_shape_text(x, bt),
				 axis);
			return false;
		}
		dims[axis] += x->dims[axis];
	}
	return nc_set_shape(ctx, node, 0, first->dtype, first->rank, dims);
}

bool nc_infer_split(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t *sizes, dims[NC_MAX_RANK], rest, part;
	unsigned int n = node->num_outputs, i;
	const struct nc_value *x;
	int axis;

	if (!nc_need(ctx, node, 1, 2))
		return false;
	x = node->inputs[0];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	sizes = nc_alloc(ctx->arena, n, sizeof(*sizes));
	if (nc_in(node, 1)) {
		if (nc_numel(node->inputs[1]) != n) {
			nc_error(ctx, node, "it has %u outputs, but %lld sizes",
				 n, (long long)nc_numel(node->inputs[1]));
			return false;
		}
		if (nc_ints(ctx, node, 1, "list of sizes", sizes, (int)n) < 0)
			return false;
	} else {
		/* Equal parts; the last one may be smaller. */
		part = (x->dims[axis] + n - 1) / n;
		for (rest = x->dims[axis], i = 0; i < n; i++) {
			sizes[i] = part < rest ? part : rest;
			rest -= sizes[i];
		}
	}
	for (rest = x->dims[axis], i = 0; i < n; i++) {
		if (sizes[i] < 0 || sizes[i] > rest)
			rest = -1;
		else
			rest -= sizes[i];
		if (rest < 0)
			break;
	}
	if (rest) {
		nc_error(ctx, node, "its sizes do not add up to the %lld elements of axis %d",
			 (long long)x->dims[axis], axis);
		return false;
	}
	memcpy(dims, x->dims, sizeof(dims));
	for (i = 0; i < n; i++) {
		dims[axis] = sizes[i];
		if (!nc_set_shape(ctx, node, i, x->dtype, x->rank, dims))
			return false;
	}
	return true;
}

bool nc_slice_range(struct nc_ctx *ctx, const struct nc_node *node,
		    int64_t starts[NC_MAX_RANK], int64_t steps[NC_MAX_RANK],
		    int64_t counts[NC_MAX_RANK])
{
	int64_t start[NC_MAX_RANK], end[NC_MAX_RANK], axes[NC_MAX_RANK];
	int64_t step[NC_MAX_RANK];
	const struct nc_value *x = node->inputs[0];
	unsigned int seen = 0;
	int n, i, axis;

	n = nc_ints(ctx, node, 1, "list of starts", start, NC_MAX_RANK);
	if (n < 0)
		return false;
	for (i = 0; i < NC_MAX_RANK; i++) {
		axes[i] = i;
		step[i] = 1;
	}
	if (nc_ints(ctx, node, 2, "list of ends", end, NC_MAX_RANK) != n ||
	    (nc_in(node, 3) &&
	     nc_ints(ctx, node, 3, "list of axes", axes, NC_MAX_RANK) != n) ||
	    (nc_in(node, 4) &&
	     nc_ints(ctx, node, 4, "list of steps", step, NC_MAX_RANK) != n)) {
		nc_error(ctx, node, "its starts, ends, axes and steps differ in number");
		return false;
	}
	for (i = 0; i < x->rank; i++) {
		starts[i] = 0;
		steps[i] = 1;
		counts[i] = x->dims[i];
	}
	for (i = 0; i < n; i++) {
		int64_t dim, lo, hi;

		if (!nc_axis(ctx, node, axes[i], x->rank, &axis))
			return false;
		if (!step[i] || step[i] == INT64_MIN || seen >> axis & 1) {
			nc_error(ctx, node, "axis %d is sliced twice, or with step 0",
				 axis);
			return false;
		}
		seen |= 1u << axis;
		dim = x->dims[axis];
		/* Positions beyond the ends mean the ends. */
		lo = step[i] > 0 ? 0 : -1;
		hi = step[i] > 0 ? dim : dim - 1;
		/* "To the end", as ONNX Runtime takes it in both directions. */
		if (step[i] < 0 && (end[i] == INT64_MAX || end[i] == INT32_MAX))
			end[i] = INT64_MIN / 2;
		start[i] += start[i] < 0 ? dim : 0;
		end[i] += end[i] < 0 ? dim : 0;
		/* Unlike in Python a start before the first element means it. */
		start[i] = start[i] > hi ? hi : start[i] < 0 ? 0 : start[i];
		end[i] = end[i] < lo ? lo : end[i] > hi ? hi : end[i];
		starts[axis] = start[i];
		steps[axis] = step[i];
		if (step[i] > 0)
			counts[axis] = end[i] > start[i] ?
				       (end[i] - start[i] - 1) / step[i] + 1 : 0;
		else
			counts[axis] = start[i] > end[i] ?
				       (start[i] - end[i] - 1) / -step[i] + 1 : 0;
	}
	return true;
}

bool nc_infer_slice(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t starts[NC_MAX_RANK], steps[NC_MAX_RANK], counts[NC_MAX_RANK];

	return nc_need(ctx, node, 3, 5) &&
	       nc_slice_range(ctx, node, starts, steps, counts) &&
	       nc_set_shape(ctx, node, 0, node->inputs[0]->dtype,
			    node->inputs[0]->rank, counts);
}

bool nc_pad_amounts(struct nc_ctx *ctx, const struct nc_node *node,
		    int64_t before[NC_MAX_RANK], int64_t after[NC_MAX_RANK])
{
	int64_t pads[2 * NC_MAX_RANK], axes[NC_MAX_RANK];
	const struct nc_value *x = node->inputs[0];
	int rank = x->rank, n = rank, i, axis;

	for (i = 0; i < NC_MAX_RANK; i++) {
		axes[i] = i;
		before[i] = 0;
		after[i] = 0;
	}
	if (nc_in(node, 3)) {
		n = nc_ints(ctx, node, 3, "list of axes", axes, NC_MAX_RANK);
		if (n < 0)
			return false;
	}
	i = nc_ints(ctx, node, 1, "list of pads", pads, 2 * NC_MAX_RANK);
	if (i < 0)
		return false;
	if (i != 2 * n) {
		nc_error(ctx, node, "it has %d pads, %d are needed", i, 2 * n);
		return false;
	}
	for (i = 0; i < n; i++) {
		if (!nc_axis(ctx, node, axes[i], rank, &axis))
			return false;
		if (pads[i] < -x->dims[axis] || pads[i] > INT32_MAX ||
		    pads[n + i] < -x->dims[axis] || pads[n + i] > INT32_MAX) {
			nc_error(ctx, node, "its pads are out of range");
			return false;
		}
		before[axis] = pads[i];
		after[axis] = pads[n + i];
	}
	return true;
}

bool nc_infer_pad(struct nc_ctx *ctx, struct nc_node *node)
{
	const char *mode = nc_attr_string(node, "mode", "constant");
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK], dims[NC_MAX_RANK];
	const struct nc_value *x;
	int i;

	if (!nc_need(ctx, node, 2, 4) || !nc_pad_amounts(ctx, node, before, after))
		return false;
	x = node->inputs[0];
	if (nc_in(node, 2) && (nc_numel(node->inputs[2]) != 1 ||
			       node->inputs[2]->dtype != x->dtype)) {
		nc_error(ctx, node, "its value must be one %s",
			 nc_dtype_name(x->dtype));
		return false;
	}
	for (i = 0; i < x->rank; i++) {
		dims[i] = x->dims[i] + before[i] + after[i];
		if (!strcmp(mode, "reflect") &&
		    (before[i] >= x->dims[i] || after[i] >= x->dims[i]) &&
		    (before[i] > 0 || after[i] > 0)) {
			nc_error(ctx, node,
				 "it reflects more than axis %d has elements", i);
			return false;
		}
	}
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims);
}

bool nc_infer_expand(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value shape = { 0 };
	int64_t dims[NC_MAX_RANK];
	int i, rank;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	shape.rank = nc_ints(ctx, node, 1, "shape", shape.dims, NC_MAX_RANK);
	if (shape.rank < 0)
		return false;
	for (i = 0; i < shape.rank; i++) {
		if (shape.dims[i] < 0) {
			nc_error(ctx, node, "its shape has negative dimensions");
			return false;
		}
	}
	return nc_broadcast(ctx, node, node->inputs[0], &shape, &rank, dims) &&
	       nc_set_shape(ctx, node, 0, node->inputs[0]->dtype, rank, dims);
}

bool nc_infer_tile(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t repeats[NC_MAX_RANK], dims[NC_MAX_RANK];
	const struct nc_value *x;
	int i, n;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	n = nc_ints(ctx, node, 1, "list of repeats", repeats, NC_MAX_RANK);
	if (n < 0)
		return false;
	if (n != x->rank) {
		nc_error(ctx, node, "it has %d repeats for rank %d", n, x->rank);
		return false;
	}
	for (i = 0; i < n; i++) {
		if (repeats[i] < 0 ||
		    __builtin_mul_overflow(x->dims[i], repeats[i], &dims[i])) {
			nc_error(ctx, node, "its repeats are out of range");
			return false;
		}
	}
	return nc_set_shape(ctx, node, 0, x->dtype, n, dims);
}

bool nc_infer_gather(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index;
	int64_t dims[NC_MAX_RANK];
	int axis, i, rank = 0;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	if (index->dtype != NC_I64 && index->dtype != NC_I32) {
		nc_error(ctx, node, "its indices are %s, not int64 or int32",
			 nc_dtype_name(index->dtype));
		return false;
	}
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	if (x->rank - 1 + index->rank > NC_MAX_RANK) {
		nc_error(ctx, node, "its output has rank %d, more than %d",
			 x->rank - 1 + index->rank, NC_MAX_RANK);
		return false;
	}
	for (i = 0; i < axis; i++)
		dims[rank++] = x->dims[i];
	for (i = 0; i < index->rank; i++)
		dims[rank++] = index->dims[i];
	for (i = axis + 1; i < x->rank; i++)
		dims[rank++] = x->dims[i];
	if (nc_is_const(index)) {
		int64_t k, n = nc_numel(index), dim = x->dims[axis];

		for (k = 0; k < n; k++) {
			int64_t at = nc_const_int(index, k);

			if (at < -dim || at >= dim) {
				nc_error(ctx, node,
					 "index %lld is out of range for the %lld elements of axis %d",
					 (long long)at, (long long)dim, axis);
				return false;
			}
		}
	}
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
}

/* DepthToSpace and SpaceToDepth */
bool nc_infer_depth_to_space(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t block = nc_attr_int(node, "blocksize", 0);
	bool to_space = node->op == NC_OP_DepthToSpace;
	const struct nc_value *x;
	int64_t dims[4];

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->rank != 4 || block < 1 || block > INT16_MAX ||
	    (to_space ? x->dims[1] % (block * block) :
			x->dims[2] % block || x->dims[3] % block)) {
		nc_error(ctx, node, "its blocksize %lld does not fit its input",
			 (long long)block);
		return false;
	}
	dims[0] = x->dims[0];
	dims[1] = to_space ? x->dims[1] / (block * block) :
			     x->dims[1] * block * block;
	dims[2] = to_space ? x->dims[2] * block : x->dims[2] / block;
	dims[3] = to_space ? x->dims[3] * block : x->dims[3] / block;
	return nc_set_shape(ctx, node, 0, x->dtype, 4, dims);
}

bool nc_infer_trilu(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t k;

	if (!nc_need(ctx, node, 1, 2))
		return false;
	if (node->inputs[0]->rank < 2) {
		nc_error(ctx, node, "its input has rank %d, at least 2 is needed",
			 node->inputs[0]->rank);
		return false;
	}
	if (nc_in(node, 1) && nc_ints(ctx, node, 1, "diagonal", &k, 1) != 1)
		return false;
	return nc_set_like(ctx, node, 0, node->inputs[0]);
}

/* For inference nothing is dropped; the mask, if wanted, is all ones. */
bool nc_infer_dropout(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *ratio = nc_in(node, 1), *training = nc_in(node, 2);
	struct nc_value *mask = nc_out(node, 1);
	void *data;

	if (!nc_need(ctx, node, 1, 3))
		return false;
	if (training && !nc_is_const(training)) {
		nc_need_const(ctx, node, training, "training_mode");
		return false;
	}
	if (training && nc_const_int(training, 0) && ratio &&
	    !nc_is_const(ratio)) {
		nc_need_const(ctx, node, ratio, "ratio");
		return false;
	}
	if (training && nc_const_int(training, 0) &&
	    (!ratio || nc_const_double(ratio, 0) != 0)) {
		nc_error(ctx, node,
			 "training mode is not supported; export the model for inference");
		return false;
	}
	if (!nc_set_like(ctx, node, 0, node->inputs[0]))
		return false;
	if (!mask)
		return true;
	if (!nc_set_shape(ctx, node, 1, NC_BOOL, node->inputs[0]->rank,
			  node->inputs[0]->dims))
		return false;
	data = nc_fold_alloc(ctx, mask);
	if (!data) {
		nc_error(ctx, node, "its mask is too large");
		return false;
	}
	memset(data, 1, mask->size);
	return true;
}
