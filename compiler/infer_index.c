// SPDX-License-Identifier: MIT
/* Operators that choose elements by index. */
#include <string.h>
#include "front.h"

static bool is_index(struct nc_ctx *ctx, const struct nc_node *node,
		     const struct nc_value *index)
{
	if (index->dtype == NC_I64 || index->dtype == NC_I32)
		return true;
	nc_error(ctx, node, "its indices are %s, not int64 or int32",
		 nc_dtype_name(index->dtype));
	return false;
}

static bool misfit(struct nc_ctx *ctx, const struct nc_node *node)
{
	nc_error(ctx, node, "the shapes of its inputs do not fit together");
	return false;
}

bool nc_infer_one_hot(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *index;
	int64_t dims[NC_MAX_RANK], depth;
	int axis, i;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	index = node->inputs[0];
	if (!nc_is_const(node->inputs[1])) {
		nc_need_const(ctx, node, node->inputs[1], "depth");
		return false;
	}
	if (nc_numel(node->inputs[1]) != 1 || nc_numel(node->inputs[2]) != 2) {
		nc_error(ctx, node, "it needs one depth and two values");
		return false;
	}
	depth = nc_const_int(node->inputs[1], 0);
	if (index->rank == NC_MAX_RANK || depth < 0 ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", -1), index->rank + 1,
		     &axis))
		return misfit(ctx, node);
	for (i = 0; i <= index->rank; i++)
		dims[i] = i < axis ? index->dims[i] :
			  i == axis ? depth : index->dims[i - 1];
	return nc_set_shape(ctx, node, 0, node->inputs[2]->dtype,
			    index->rank + 1, dims);
}

bool nc_infer_top_k(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK], k;
	const struct nc_value *x;
	int axis;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	if (nc_ints(ctx, node, 1, "k", &k, 1) != 1 ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return false;
	if (k < 0 || k > x->dims[axis]) {
		nc_error(ctx, node, "k is %lld, its axis has %lld elements",
			 (long long)k, (long long)x->dims[axis]);
		return false;
	}
	memcpy(dims, x->dims, sizeof(dims));
	dims[axis] = k;
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims) &&
	       nc_set_shape(ctx, node, 1, NC_I64, x->rank, dims);
}

bool nc_infer_gather_elements(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index;
	int axis, i;

	if (!nc_need(ctx, node, 2, 2) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	if (index->rank != x->rank)
		return misfit(ctx, node);
	for (i = 0; i < x->rank; i++)
		if (i != axis && index->dims[i] > x->dims[i] && !nc_dim_fits(index, i, x, i))
			return misfit(ctx, node);
	return nc_set_shape(ctx, node, 0, x->dtype, index->rank, index->dims);
}

bool nc_infer_gather_nd(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index;
	int64_t dims[NC_MAX_RANK], batch, k;
	int i, rank = 0;

	if (!nc_need(ctx, node, 2, 2) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	batch = nc_attr_int(node, "batch_dims", 0);
	if (index->rank < 1 || batch < 0 || batch >= index->rank ||
	    batch >= x->rank)
		return misfit(ctx, node);
	k = index->dims[index->rank - 1];
	if (k < 1 || batch + k > x->rank ||
	    index->rank - 1 + x->rank - batch - k > NC_MAX_RANK)
		return misfit(ctx, node);
	for (i = 0; i < index->rank - 1; i++) {
		if (i < batch && !nc_dim_fits(index, i, x, i))
			return misfit(ctx, node);
		dims[rank++] = index->dims[i];
	}
	for (i = (int)(batch + k); i < x->rank; i++)
		dims[rank++] = x->dims[i];
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
}

bool nc_infer_scatter_elements(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index, *updates;
	int64_t i, n, at;
	int axis, d;

	if (!nc_need(ctx, node, 3, 3) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	updates = node->inputs[2];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	if (index->rank != x->rank || index->rank != updates->rank || updates->dtype != x->dtype)
		return misfit(ctx, node);
	for (d = 0; d < x->rank; d++)
		if (!nc_dim_fits(index, d, updates, d) ||
		    (d != axis && index->dims[d] > x->dims[d] && !nc_dim_fits(index, d, x, d)))
			return misfit(ctx, node);
	n = nc_is_const(index) ? nc_numel(index) : 0;
	for (i = 0; i < n; i++) {
		at = nc_const_int(index, i);
		if (at < -x->dims[axis] || at >= x->dims[axis]) {
			nc_error(ctx, node, "index %lld is out of range for axis %d",
				 (long long)at, axis);
			return false;
		}
	}
	return nc_set_like(ctx, node, 0, x);
}

bool nc_infer_scatter_nd(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index, *updates;
	int64_t k, i, n, at;
	int d;

	if (!nc_need(ctx, node, 3, 3) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	updates = node->inputs[2];
	if (index->rank < 1 || updates->dtype != x->dtype)
		return misfit(ctx, node);
	k = index->dims[index->rank - 1];
	if (k < 1 || k > x->rank ||
	    updates->rank != index->rank - 1 + x->rank - k)
		return misfit(ctx, node);
	for (d = 0; d < updates->rank; d++)
		if (d < index->rank - 1 ? !nc_dim_fits(updates, d, index, d) :
		    !nc_dim_fits(updates, d, x, (int)k + d - (index->rank - 1)))
			return misfit(ctx, node);
	n = nc_is_const(index) ? nc_numel(index) : 0;
	for (i = 0; i < n; i++) {
		at = nc_const_int(index, i);
		if (at < -x->dims[i % k] || at >= x->dims[i % k]) {
			nc_error(ctx, node, "index %lld is out of range",
				 (long long)at);
			return false;
		}
	}
	return nc_set_like(ctx, node, 0, x);
}

bool nc_infer_reverse_sequence(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t time = nc_attr_int(node, "time_axis", 0);
	int64_t batch = nc_attr_int(node, "batch_axis", 1);
	const struct nc_value *x;

	if (!nc_need(ctx, node, 2, 2) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	if (time + batch != 1 || (time && batch) || x->rank < 2 ||
	    node->inputs[1]->rank != 1 ||
	    node->inputs[1]->dims[0] != x->dims[batch])
		return misfit(ctx, node);
	return nc_set_like(ctx, node, 0, x);
}

/* Rows or elements where a constant condition holds: a Gather. */
bool nc_infer_compress(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "axis");
	int64_t dims[NC_MAX_RANK], *index, n, i, count = 0;
	const struct nc_value *x, *cond;
	struct nc_value *list;
	int axis = 0, rank;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	cond = node->inputs[1];
	if (!nc_is_const(cond)) {
		nc_need_const(ctx, node, node->inputs[1],
			      "condition, which decides the shape of the output,");
		return false;
	}
	if (attr && !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	n = attr ? x->dims[axis] : nc_numel(x);
	if (cond->rank != 1 || cond->dims[0] > n)
		return misfit(ctx, node);
	index = nc_alloc(ctx->arena, (size_t)cond->dims[0], sizeof(*index));
	for (i = 0; i < cond->dims[0]; i++)
		if (nc_const_int(cond, i))
			index[count++] = i;
	list = nc_const_ints_new(ctx, node->name, index, count);
	node->inputs[1] = list;
	rank = attr ? x->rank : 1;
	memcpy(dims, x->dims, sizeof(dims));
	dims[axis] = count;
	return nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
}

/* MaxUnpool: by the shape that is given, or what MaxPool's input was. */
bool nc_infer_max_unpool(struct nc_ctx *ctx, struct nc_node *node)
{
	const int64_t *kernel, *strides, *pads;
	size_t n, num_strides, num_pads;
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	int i, rank;

	if (!nc_need(ctx, node, 2, 3) || !is_index(ctx, node, node->inputs[1]))
		return false;
	x = node->inputs[0];
	if (!nc_same_shape(x, node->inputs[1]))
		return misfit(ctx, node);
	if (nc_in(node, 2)) {
		rank = nc_ints(ctx, node, 2, "output_shape", dims, NC_MAX_RANK);
		return rank >= 0 &&
		       nc_set_shape(ctx, node, 0, x->dtype, rank, dims);
	}
	n = nc_attr_ints(node, "kernel_shape", &kernel);
	num_strides = nc_attr_ints(node, "strides", &strides);
	num_pads = nc_attr_ints(node, "pads", &pads);
	if (x->rank < 3 || n != (size_t)x->rank - 2 || (num_strides && num_strides != n) ||
	    (num_pads && num_pads != 2 * n))
		return misfit(ctx, node);
	memcpy(dims, x->dims, sizeof(dims));
	for (i = 0; i < (int)n; i++) {
		dims[2 + i] = (x->dims[2 + i] - 1) * (num_strides ? strides[i] : 1) +
			      kernel[i];
		if (num_pads)
			dims[2 + i] -= pads[i] + pads[(int)n + i];
	}
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims);
}
