// SPDX-License-Identifier: MIT
/* Conv and ConvTranspose. */
#include "lower.h"
#include "window.h"

bool nc_conv_params(struct nc_ctx *ctx, struct nc_node *node,
		    struct neuron_params_CONV *params)
{
	struct nc_window win;
	const char *why = nc_window(node, &win);
	int i;

	if (why) {
		nc_error(ctx, node, "%s", why);
		return false;
	}
	params->groups = win.groups;
	for (i = 0; i < win.num_spatial; i++) {
		if (win.stride[i] > UINT16_MAX ||
		    win.dilation[i] > UINT16_MAX ||
		    win.pad_lo[i] > INT16_MAX || win.pad_lo[i] < INT16_MIN ||
		    win.pad_hi[i] > INT16_MAX) {
			nc_error(ctx, node,
				 "strides and dilations end at %d, pads at %d",
				 UINT16_MAX, INT16_MAX);
			return false;
		}
		params->stride[i] = win.stride[i];
		params->dilation[i] = win.dilation[i];
		params->pad[i] = win.pad_lo[i];
	}
	return true;
}

static void lower_conv(struct nc_ctx *ctx, struct nc_node *node,
		       unsigned int opcode)
{
	unsigned int dtype = nc_matrix_dtype(node);
	struct neuron_params_CONV params = { 0 };
	const struct nc_view *in, *weight;
	struct nc_view out;
	struct nc_inst *inst;
	int order[NC_MAX_RANK];

	if (!nc_conv_params(ctx, node, &params))
		return;
	NC_EPILOGUE(&params, node);

	in = nc_operand_as(ctx, node, node->inputs[0], dtype);
	weight = opcode == NEURON_OP_CONV && params.groups == 1 &&
		 nc_is_const(node->inputs[1]) ?
		 nc_packed_weights(ctx, node->inputs[1], dtype) :
		 nc_operand_as(ctx, node, node->inputs[1], dtype);
	nc_channels_last(in->rank, order);
	out = nc_result(ctx, node, 0, order);
	if (nc_in(node, 2)) {
		const struct nc_view *bias =
			nc_operand_as(ctx, node, node->inputs[2], NEURON_F32);

		inst = nc_add(ctx, node, opcode, &out, in, weight);
		nc_add_operand(ctx, inst, 3, bias);
	} else {
		inst = nc_add(ctx, node, opcode, &out, in, weight);
	}
	*NC_PARAMS(CONV, inst) = params;
}

void nc_lower_conv(struct nc_ctx *ctx, struct nc_node *node)
{
	lower_conv(ctx, node, NEURON_OP_CONV);
}

void nc_lower_conv_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	lower_conv(ctx, node, NEURON_OP_CONV_TRANSPOSE);
}
