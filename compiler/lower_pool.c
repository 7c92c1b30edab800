// SPDX-License-Identifier: MIT
/* MaxPool, AveragePool, LpPool, and the global ones. */
#include "lower.h"
#include "window.h"

static bool set_window(struct nc_ctx *ctx, struct nc_node *node,
		       const struct nc_window *win,
		       struct neuron_params_POOL *params)
{
	int i;

	for (i = 0; i < win->num_spatial; i++) {
		int64_t span = win->dilation[i] * (win->kernel[i] - 1) + 1;
		int64_t counted;

		if (win->kernel[i] > UINT16_MAX || win->stride[i] > UINT16_MAX ||
		    win->dilation[i] > UINT16_MAX || win->pad_lo[i] < 0 ||
		    win->pad_hi[i] < 0 || win->pad_lo[i] >= span ||
		    win->pad_lo[i] > UINT16_MAX) {
			nc_error(ctx, node,
				 "windows, strides and dilations end at %d, and padding is smaller than the window",
				 UINT16_MAX);
			return false;
		}
		params->kernel[i] = win->kernel[i];
		params->stride[i] = win->stride[i];
		params->dilation[i] = win->dilation[i];
		params->pad_lo[i] = win->pad_lo[i];
		/* The chip only wants to know what counts in an average. */
		counted = win->pad_hi[i];
		if (!nc_attr_int(node, "over_counts", 0))
			counted -= win->over[i];
		params->pad_hi[i] = counted < span ? counted : span - 1;
	}
	return true;
}

void nc_lower_pool(struct nc_ctx *ctx, struct nc_node *node)
{
	struct neuron_params_POOL params = { 0 };
	const struct nc_view *in;
	struct nc_window win;
	struct nc_view out;
	struct nc_inst *inst;
	int order[NC_MAX_RANK];
	const char *why = nc_window(node, &win);

	if (!why && nc_out(node, 1))
		why = "the chip does not give the Indices of a MaxPool";
	if (why) {
		nc_error(ctx, node, "%s", why);
		return;
	}
	if (!set_window(ctx, node, &win, &params))
		return;
	switch (node->op) {
	case NC_OP_MaxPool:
		params.func = NEURON_POOL_MAX;
		break;
	case NC_OP_AveragePool:
		params.func = NEURON_POOL_AVG;
		break;
	default:
		params.func = NEURON_POOL_LP;
		params.p = nc_attr_int(node, "p", 2);
		break;
	}
	in = nc_operand(ctx, node->inputs[0]);
	nc_channels_last(in->rank, order);
	out = nc_result(ctx, node, 0, order);
	inst = nc_add(ctx, node, NEURON_OP_POOL, &out, in, NULL);
	*NC_PARAMS(POOL, inst) = params;
	if (node->op == NC_OP_AveragePool &&
	    nc_attr_int(node, "count_include_pad", 0))
		inst->flags |= NEURON_INST_PAD_COUNTS;
}

void nc_lower_global_pool(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_view out = nc_result(ctx, node, 0, NULL);
	uint32_t axes = ((1u << in->rank) - 1) & ~3u;

	if (!axes) {
		nc_error(ctx, node, "the input has no spatial dimension");
		return;
	}
	nc_add_reduce(ctx, node, &out, in, node->op == NC_OP_GlobalMaxPool ?
		      NEURON_REDUCE_MAX : NEURON_REDUCE_MEAN, axes);
}
