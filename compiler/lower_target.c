// SPDX-License-Identifier: MIT
/*
 * Results that are made where a Concat wants them, instead of being copied there.
 *
 * Before lowering, from the last Concat to the first: it gets its storage, and each
 * input whose operator can write anywhere gets its part of that as a target, also
 * through Reshapes in between. An input that is there already is not copied. One
 * Concat can be the input of another.
 */
#include <string.h>

#include "lower_state.h"

/* Operators between a Concat and what tells how its inputs are laid out, at most. */
#define MAX_LOOK	8

/* Operators whose lowering takes any strides for its only result. */
static bool writes_anywhere(const struct nc_node *node)
{
	if (node->num_outputs != 1)
		return false;
	switch (node->op) {
	case NC_OP_Add:
	case NC_OP_Sub:
	case NC_OP_Mul:
	case NC_OP_Div:
	case NC_OP_Relu:
	case NC_OP_LeakyRelu:
	case NC_OP_PRelu:
	case NC_OP_Sigmoid:
	case NC_OP_Tanh:
	case NC_OP_Where:
	case NC_OP_Conv:
	case NC_OP_ConvTranspose:
	case NC_OP_ConvInteger:
	case NC_OP_MatMul:
	case NC_OP_MatMulInteger:
	case NC_OP_QLinearConv:
	case NC_OP_MaxPool:
	case NC_OP_AveragePool:
	case NC_OP_Concat:
		return true;
	default:
		return false;
	}
}

/* Whether the value comes from a convolution, whose results have channels last. */
static bool is_channels_last(const struct nc_value *value)
{
	int i;

	for (i = 0; i < MAX_LOOK && value && value->producer; i++) {
		const struct nc_node *node = value->producer;

		switch (node->op) {
		case NC_OP_Conv:
		case NC_OP_ConvTranspose:
		case NC_OP_ConvInteger:
		case NC_OP_QLinearConv:
		case NC_OP_MaxPool:
		case NC_OP_AveragePool:
			return value->rank > 2;
		case NC_OP_Reshape:
		case NC_OP_Transpose:
		case NC_OP_MatMul:
			return false;
		default:
			value = nc_in(node, 0);
			break;
		}
	}
	return false;
}

/* Give the value's operator the target, or what a Reshape of it is made from. */
static void set_target(struct nc_ctx *ctx, struct nc_value *value,
		       struct nc_view target)
{
	struct nc_node *node = value->producer;

	while (node && node->op == NC_OP_Reshape &&
	       node->act == NEURON_ACT_IDENTITY) {
		struct nc_storage *storage = value->lir;
		struct nc_view view;

		if (value->is_output || storage->dtype != (int)target.dtype ||
		    !nc_view_reshape(&target, node->inputs[0]->rank,
				     node->inputs[0]->dims, &view))
			return;
		target = view;
		value = node->inputs[0];
		node = value->producer;
	}
	if (node && writes_anywhere(node) && !value->is_output) {
		struct nc_storage *storage = value->lir;

		if (!storage->target && storage->dtype == (int)target.dtype)
			storage->target = nc_memdup(ctx->arena, &target,
						    sizeof(target));
	}
}

static void place_inputs(struct nc_ctx *ctx, const struct nc_node *node)
{
	struct nc_value *out = node->outputs[0];
	struct nc_storage *storage = out->lir;
	int dim = nc_dim(nc_attr_int(node, "axis", 0), out->rank);
	int order[NC_MAX_RANK];
	struct nc_view all;
	unsigned int i;
	int64_t at = 0;

	if (out->is_output || !nc_numel(out) ||
	    node->act != NEURON_ACT_IDENTITY)
		return;
	if (!storage->target) {
		bool last = is_channels_last(node->inputs[0]);

		if (last)
			nc_channels_last(out->rank, order);
		all = nc_temp(ctx, storage->dtype, out->rank, out->dims,
			      last ? order : NULL);
		storage->target = nc_memdup(ctx->arena, &all, sizeof(all));
	}
	all = *storage->target;
	for (i = 0; i < node->num_inputs; i++) {
		struct nc_value *in = node->inputs[i];

		if (!nc_is_const(in) && in->producer)
			set_target(ctx, in,
				   nc_view_slice(&all, dim, at, in->dims[dim], 1));
		at += in->dims[dim];
	}
}

void nc_choose_targets(struct nc_ctx *ctx)
{
	const struct nc_graph *graph = ctx->graph;
	unsigned int i;

	for (i = graph->num_nodes; i-- > 0; )
		if (graph->nodes[i]->op == NC_OP_Concat)
			place_inputs(ctx, graph->nodes[i]);
}
