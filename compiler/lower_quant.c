// SPDX-License-Identifier: MIT
/* QuantizeLinear and DequantizeLinear. */
#include "lower.h"

/* A scale or zero point, repeated over what it holds for. */
static struct nc_view along_axis(const struct nc_view *param,
				 const struct nc_view *like, int axis)
{
	struct nc_view wide = *like;
	bool one = nc_view_numel(param) == 1;
	int i;

	wide.buf = param->buf;
	wide.dtype = param->dtype;
	wide.offset = param->offset;
	for (i = 0; i < like->rank; i++)
		wide.strides[i] = !one && i == axis ? param->strides[0] : 0;
	return wide;
}

static void lower_linear(struct nc_ctx *ctx, struct nc_node *node,
			 unsigned int opcode)
{
	bool quantize = opcode == NEURON_OP_QUANTIZE;
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_value *zero_point = nc_in(node, 2);
	int axis = nc_dim(nc_attr_int(node, "axis", 1), in->rank ?: 1);
	const struct nc_view *scale;
	struct nc_view out, wide_scale, wide_zero;
	struct nc_inst *inst;
	int stored;

	if (node->inputs[1]->rank > 1) {
		nc_error(ctx, node, "scales by block are not supported");
		return;
	}
	stored = quantize ? nc_storage_dtype(node->outputs[0]->dtype) : in->dtype;
	if (stored != NEURON_I8 && stored != NEURON_U8 &&
	    (quantize || stored != NEURON_I32)) {
		nc_error(ctx, node, "the quantised type must be int8 or uint8");
		return;
	}
	scale = nc_operand_as(ctx, node, node->inputs[1], NEURON_F32);
	wide_scale = along_axis(scale, in, axis);
	if (zero_point)
		wide_zero = along_axis(nc_operand(ctx, zero_point), in, axis);
	out = nc_result_like(ctx, node, 0, in);
	inst = nc_add(ctx, node, opcode, &out, in, &wide_scale);
	nc_add_operand(ctx, inst, 3, zero_point ? &wide_zero : NULL);
}

void nc_lower_quantize(struct nc_ctx *ctx, struct nc_node *node)
{
	lower_linear(ctx, node, NEURON_OP_QUANTIZE);
}

void nc_lower_dequantize(struct nc_ctx *ctx, struct nc_node *node)
{
	lower_linear(ctx, node, NEURON_OP_DEQUANTIZE);
}
