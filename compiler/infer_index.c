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
		if (i != axis && index->dims[i] > x->dims[i])
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
		if (i < batch && index->dims[i] != x->dims[i])
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
	if (index->rank != x->rank || !nc_same_shape(index, updates) ||
	    updates->dtype != x->dtype)
		return misfit(ctx, node);
	for (d = 0; d < x->rank; d++)
		if (d != axis && index->dims[d] > x->dims[d])
			return misfit(ctx, node);
	if (!nc_is_const(index)) {
		nc_need_const(ctx, node, node->inputs[1], "list of indices");
		return false;
	}
	n = nc_numel(index);
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
		if (updates->dims[d] != (d < index->rank - 1 ? index->dims[d] :
					 x->dims[k + d - (index->rank - 1)]))
			return misfit(ctx, node);
	if (!nc_is_const(index)) {
		nc_need_const(ctx, node, node->inputs[1], "list of indices");
		return false;
	}
	n = nc_numel(index);
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
