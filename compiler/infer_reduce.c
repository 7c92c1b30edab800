// SPDX-License-Identifier: MIT
/* Reductions and normalisations. */
#include <string.h>
#include "front.h"

static bool reduced_shape(struct nc_ctx *ctx, struct nc_node *node,
			  enum nc_dtype dtype, unsigned int mask)
{
	bool keep = nc_attr_int(node, "keepdims", 1);
	const struct nc_value *x = node->inputs[0];
	int64_t dims[NC_MAX_RANK];
	int i, rank = 0;

	for (i = 0; i < x->rank; i++) {
		if (!(mask >> i & 1))
			dims[rank++] = x->dims[i];
		else if (keep)
			dims[rank++] = 1;
	}
	return nc_set_shape(ctx, node, 0, dtype, rank, dims);
}

bool nc_reduce_axes(struct nc_ctx *ctx, const struct nc_node *node,
		    unsigned int *mask)
{
	int rank = node->inputs[0]->rank;

	if (!nc_axes(ctx, node, 1, rank, mask))
		return false;
	if (!*mask && !nc_attr_int(node, "noop_with_empty_axes", 0))
		*mask = (1u << rank) - 1;
	return true;
}

bool nc_infer_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int mask;

	if (!nc_need(ctx, node, 1, 2) || !nc_reduce_axes(ctx, node, &mask))
		return false;
	/* Nothing is reduced: the input itself, whatever the function. */
	if (!mask && nc_attr_int(node, "noop_with_empty_axes", 0) && ctx->list &&
	    (node->inputs[0]->rank || nc_in(node, 1))) {
		nc_become(node, 0, node->inputs[0]);
		return true;
	}
	return reduced_shape(ctx, node, node->inputs[0]->dtype, mask);
}

/* ArgMax, ArgMin */
bool nc_infer_arg_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	int axis;

	if (!nc_need(ctx, node, 1, 1) ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", 0),
		     node->inputs[0]->rank, &axis))
		return false;
	if (!node->inputs[0]->dims[axis]) {
		nc_error(ctx, node, "its axis has no elements");
		return false;
	}
	return reduced_shape(ctx, node, NC_I64, 1u << axis);
}

bool nc_infer_softmax(struct nc_ctx *ctx, struct nc_node *node)
{
	int axis;

	return nc_infer_unary_float(ctx, node) &&
	       nc_axis(ctx, node, nc_attr_int(node, "axis", -1),
		       node->inputs[0]->rank, &axis);
}

/* Whether an input has one element per channel. */
static bool per_channel(struct nc_ctx *ctx, const struct nc_node *node,
			unsigned int input, int64_t channels)
{
	const struct nc_value *value = nc_in(node, input);

	if (!value || (value->rank == 1 && value->dims[0] == channels))
		return true;
	nc_error(ctx, node, "its input %u needs %lld elements, it has %lld",
		 input, (long long)channels, (long long)nc_numel(value));
	return false;
}

bool nc_infer_batch_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	unsigned int i;
	bool training;

	if (!nc_need(ctx, node, 5, 5))
		return false;
	x = node->inputs[0];
	training = nc_attr_int(node, "training_mode", 0);
	for (i = 1; i < node->num_outputs; i++) {
		if (!node->outputs[i])
			continue;
		if (node->outputs[i]->num_uses && !(training && i < 3)) {
			nc_error(ctx, node,
				 "outputs for training are not supported; export the model for inference");
			return false;
		}
		if (!training)
			node->outputs[i] = NULL;
	}
	for (i = 1; i < 5; i++)
		if (!per_channel(ctx, node, i, x->rank > 1 ? x->dims[1] : 1))
			return false;
	return nc_set_like(ctx, node, 0, x) &&
	       nc_set_like(ctx, node, 1, node->inputs[3]) &&
	       nc_set_like(ctx, node, 2, node->inputs[4]);
}

bool nc_infer_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	int axis, i, rank;
	unsigned int k;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	x = node->inputs[0];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return false;
	/* Scale and bias broadcast to the normalised dimensions. */
	for (k = 1; k < node->num_inputs; k++) {
		if (!node->inputs[k])
			continue;
		if (!nc_broadcast(ctx, node, x, node->inputs[k], &rank, dims))
			return false;
		for (i = 0; rank == x->rank && i < rank; i++)
			if (dims[i] != x->dims[i] && !(x->open >> i & 1) &&
			    !node->inputs[k]->open)
				break;
		if (i < rank || rank != x->rank) {
			nc_error(ctx, node, "its scale or bias does not fit its input");
			return false;
		}
	}
	/* Mean and inverse standard deviation, in fp32. */
	for (i = 0; i < x->rank; i++)
		dims[i] = i < axis ? x->dims[i] : 1;
	return nc_set_like(ctx, node, 0, x) &&
	       nc_set_shape(ctx, node, 1, NC_F32, x->rank, dims) &&
	       nc_set_shape(ctx, node, 2, NC_F32, x->rank, dims);
}

bool nc_infer_instance_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	x = node->inputs[0];
	if (x->rank < 3) {
		nc_error(ctx, node, "its input has rank %d, at least 3 is needed",
			 x->rank);
		return false;
	}
	return per_channel(ctx, node, 1, x->dims[1]) &&
	       per_channel(ctx, node, 2, x->dims[1]) &&
	       nc_set_like(ctx, node, 0, x);
}

bool nc_infer_cum_sum(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t at;
	int axis;

	return nc_need(ctx, node, 2, 2) && nc_ints(ctx, node, 1, "axis", &at, 1) == 1 &&
	       nc_axis(ctx, node, at, node->inputs[0]->rank, &axis) &&
	       nc_set_like(ctx, node, 0, node->inputs[0]);
}

/* Scale and bias by channel or, before set 21, by group. */
bool nc_infer_group_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t groups = nc_attr_int(node, "num_groups", 0);
	const struct nc_value *x;
	unsigned int i;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	x = node->inputs[0];
	if (x->rank < 2 || groups < 1 || x->dims[1] % groups) {
		nc_error(ctx, node, "%lld groups do not divide its channels",
			 (long long)groups);
		return false;
	}
	for (i = 1; i < 3; i++)
		if (!per_channel(ctx, node, i, nc_attr_int(node, "by_group", 0) ? groups :
									       x->dims[1]))
			return false;
	return nc_set_like(ctx, node, 0, x);
}
