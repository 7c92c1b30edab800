// SPDX-License-Identifier: MIT
/* Functions of one input, element by element, and conversions. */
#include <math.h>

#include "lower.h"

/* Clip with limits that the model computes, or of integers. */
static void lower_clip(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *lo = nc_in(node, 1), *hi = nc_in(node, 2);
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_view out, mid;

	if (!lo && !hi) {
		nc_bind(ctx, node, 0, in);
		return;
	}
	out = nc_result_like(ctx, node, 0, in);
	mid = lo && hi ? nc_temp(ctx, out.dtype, out.rank, out.dims, NULL) : out;
	if (lo)
		nc_add_binary(ctx, node, &mid, in, nc_operand(ctx, lo),
			      NEURON_BINARY_MAX);
	if (hi)
		nc_add_binary(ctx, node, &out, lo ? &mid : in,
			      nc_operand(ctx, hi), NEURON_BINARY_MIN);
}

void nc_lower_act(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in;
	enum neuron_act func;
	struct nc_view out;
	float alpha, beta;

	if (!nc_unary_act(node, &func, &alpha, &beta) ||
	    (func == NEURON_ACT_CLIP &&
	     !nc_dtype_is_float(node->inputs[0]->dtype))) {
		lower_clip(ctx, node);
		return;
	}
	if (isnan(alpha) || isnan(beta)) {
		nc_error(ctx, node, "a parameter is not a number");
		return;
	}
	in = nc_operand(ctx, node->inputs[0]);
	out = nc_result_like(ctx, node, 0, in);
	nc_add_act(ctx, node, &out, in, func, alpha, beta);
}

/*
 * ACT converts as ONNX does: floats to integers toward zero. To bool it is
 * whether x is not zero.
 */
void nc_lower_cast(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	enum nc_dtype from = node->inputs[0]->dtype;
	enum nc_dtype to = node->outputs[0]->dtype;
	struct nc_view out, no;

	if (to == NC_BOOL && from != NC_BOOL) {
		no = nc_temp(ctx, NEURON_U8, in->rank, in->dims, NULL);
		out = nc_result_like(ctx, node, 0, in);
		nc_add_act(ctx, node, &no, in, NEURON_ACT_NOT, 0, 0);
		nc_add_act(ctx, node, &out, &no, NEURON_ACT_NOT, 0, 0);
	} else if (nc_storage_dtype(to) == in->dtype) {
		nc_bind(ctx, node, 0, in);
	} else {
		out = nc_result_like(ctx, node, 0, in);
		nc_add_act(ctx, node, &out, in, NEURON_ACT_IDENTITY, 0, 0);
	}
}
