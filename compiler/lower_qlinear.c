// SPDX-License-Identifier: MIT
/*
 * Matrix work on eight-bit integers. In QLinearConv and QLinearMatMul the chip
 * scales the int32 sums by x_scale * w_scale / y_scale and rounds to y; in
 * ConvInteger and MatMulInteger the sums are the result. Where the model has a
 * Conv of real numbers between DequantizeLinear and QuantizeLinear, the chip is
 * told the scales and rounds as that would.
 */
#include "lower.h"

/* A quantised operand with its zero point, which the chip subtracts. */
static bool quantised(struct nc_ctx *ctx, struct nc_node *node, unsigned int i,
		      const struct nc_value *zero_point, struct nc_view *view)
{
	double zero = 0;

	*view = *nc_operand(ctx, node->inputs[i]);
	if (zero_point && (!nc_is_const(zero_point) ||
			   !nc_const_splat(zero_point, &zero))) {
		nc_error(ctx, node,
			 "zero points must be constant, and one for the whole tensor");
		return false;
	}
	view->zero_point = zero;
	return true;
}

/*
 * From sums to steps of y: x_scale * w_scale / y_scale, for each channel or
 * all. In fp32 from left to right, as ONNX Runtime has it: results are rounded,
 * so that every bit can make a difference of a step. @real: the chip does that,
 * from the weights' scales. @x_step: receives x_scale.
 */
static bool sum_scale(struct nc_ctx *ctx, struct nc_node *node, double y,
		      bool real, struct nc_view *view, float *x_step)
{
	const struct nc_value *x_scale = nc_in(node, 1), *w_scale = nc_in(node, 4);
	int64_t i, n;
	double x;
	float *scale;

	if (!nc_is_const(x_scale) || !nc_is_const(w_scale) ||
	    !nc_const_splat(x_scale, &x)) {
		nc_error(ctx, node, "scales must be constant");
		return false;
	}
	n = nc_numel(w_scale);
	scale = nc_alloc(ctx->arena, n, sizeof(*scale));
	*x_step = x;
	for (i = 0; i < n; i++)
		scale[i] = real ? (float)nc_const_double(w_scale, i) :
			   (float)x * (float)nc_const_double(w_scale, i) /
			   (float)y;
	*view = nc_const_bytes(ctx, NEURON_F32, 1, &n, scale);
	return true;
}

/*
 * QLinearConv:   x x_scale x_zero w w_scale w_zero y_scale y_zero [bias]
 * QLinearMatMul: a a_scale a_zero b b_scale b_zero y_scale y_zero [bias]
 *
 * The bias of QLinearMatMul is an extension: nc_quantize() makes such nodes.
 */
void nc_lower_qlinear(struct nc_ctx *ctx, struct nc_node *node)
{
	bool conv = node->op == NC_OP_QLinearConv;
	const struct nc_value *y_scale = nc_in(node, 6), *y_zero = nc_in(node, 7);
	struct neuron_params_CONV params = { 0 };
	const struct nc_view *bias = NULL;
	struct nc_view x, w, scale, out, sum;
	struct nc_inst *inst;
	bool real = nc_attr_int(node, "real", 0);
	double step, zero = 0;
	int order[NC_MAX_RANK];
	float x_step;

	if (!quantised(ctx, node, 0, nc_in(node, 2), &x) ||
	    !quantised(ctx, node, 3, nc_in(node, 5), &w) ||
	    (conv && !nc_conv_params(ctx, node, &params)))
		return;
	if (!nc_is_const(y_scale) || !nc_const_splat(y_scale, &step) ||
	    (y_zero && (!nc_is_const(y_zero) ||
			!nc_const_splat(y_zero, &zero)))) {
		nc_error(ctx, node,
			 "the output's scale and zero point must be constant numbers");
		return;
	}
	if (!sum_scale(ctx, node, step, real, &scale, &x_step))
		return;
	if (nc_in(node, 8))
		bias = nc_operand_as(ctx, node, node->inputs[8], NEURON_I32);
	nc_channels_last(x.rank, order);
	out = nc_result(ctx, node, 0, conv ? order : NULL);
	sum = out;
	sum.zero_point = zero;
	if (real) {
		x.scale = x_step;
		sum.scale = step;
	}
	if (!conv)
		nc_matmul_shapes(&sum, &x, &w);
	inst = nc_add(ctx, node, conv ? NEURON_OP_CONV : NEURON_OP_MATMUL, &sum,
		      &x, &w);
	nc_add_operand(ctx, inst, 3, bias);
	nc_add_operand(ctx, inst, 4, &scale);
	NC_EPILOGUE(&params, node);
	if (node->act == NEURON_ACT_CLIP && !real) {
		/* The function works on steps of y, too. */
		params.alpha /= step;
		params.beta /= step;
	}
	if (conv) {
		*NC_PARAMS(CONV, inst) = params;
	} else {
		NC_PARAMS(MATMUL, inst)->act = params.act;
		NC_PARAMS(MATMUL, inst)->alpha = params.alpha;
		NC_PARAMS(MATMUL, inst)->beta = params.beta;
	}
}

/* A value with one element a channel, or one, whatever its rank. */
static struct nc_view row(struct nc_ctx *ctx, struct nc_node *node, struct nc_value *value,
			  unsigned int dtype)
{
	struct nc_view view = *nc_operand_as(ctx, node, value, dtype), flat = view;
	int i;

	flat.rank = 1;
	flat.dims[0] = 1;
	flat.strides[0] = 1;
	for (i = 0; i < view.rank; i++) {
		if (view.dims[i] == 1)
			continue;
		flat.dims[0] = view.dims[i];
		flat.strides[0] = view.strides[i];
	}
	return flat;
}

/* What nc_fuse_integer() has found behind a product of integers. */
struct epilogue {
	struct nc_view bias, scale, offset;
	bool has_bias, has_scale, has_offset;
};

static void find_epilogue(struct nc_ctx *ctx, struct nc_node *node, int64_t channels,
			  struct epilogue *ep)
{
	/* Real results are scaled ones. */
	ep->has_scale = node->outputs[0]->dtype == NC_F32;
	if (nc_in(node, 5)) {
		ep->scale = row(ctx, node, node->inputs[5], NEURON_F32);
	} else {
		ep->scale = nc_const_float(ctx, 1);
		ep->scale = nc_view_expand_rank(&ep->scale, 1);
	}
	ep->has_offset = nc_in(node, 4);
	if (ep->has_offset) {
		ep->offset = row(ctx, node, node->inputs[4], NEURON_I32);
		ep->offset = nc_view_broadcast(&ep->offset, 1, &channels);
	}
	ep->has_bias = nc_in(node, 6);
	if (ep->has_bias) {
		ep->bias = row(ctx, node, node->inputs[6], NEURON_F32);
		ep->bias = nc_view_broadcast(&ep->bias, 1, &channels);
	}
	/* Integers are not scaled; all that is added to them is their bias. */
	if (!ep->has_scale && ep->has_offset) {
		ep->bias = ep->offset;
		ep->has_bias = true;
		ep->has_offset = false;
	}
}

/*
 * ConvInteger:   x w [x_zero] [w_zero]
 * MatMulInteger: a b [a_zero] [b_zero]
 *
 * and after fuse_integer.c [offset] [scale] [bias].
 */
void nc_lower_integer(struct nc_ctx *ctx, struct nc_node *node)
{
	bool conv = node->op == NC_OP_ConvInteger;
	struct neuron_params_CONV params = { 0 };
	struct nc_view x, w, out;
	struct epilogue ep;
	struct nc_inst *inst;
	int order[NC_MAX_RANK];

	if (!quantised(ctx, node, 0, nc_in(node, 2), &x) ||
	    !quantised(ctx, node, 1, nc_in(node, 3), &w) ||
	    (conv && !nc_conv_params(ctx, node, &params)))
		return;
	nc_channels_last(x.rank, order);
	out = nc_result(ctx, node, 0, conv ? order : NULL);
	find_epilogue(ctx, node, out.rank ? out.dims[conv ? 1 : out.rank - 1] : 1, &ep);
	if (!conv)
		nc_matmul_shapes(&out, &x, &w);
	inst = nc_add(ctx, node, conv ? NEURON_OP_CONV : NEURON_OP_MATMUL, &out,
		      &x, &w);
	nc_add_operand(ctx, inst, 3, ep.has_bias ? &ep.bias : NULL);
	nc_add_operand(ctx, inst, 4, ep.has_scale ? &ep.scale : NULL);
	nc_add_operand(ctx, inst, 5, ep.has_offset ? &ep.offset : NULL);
	NC_EPILOGUE(&params, node);
	if (conv) {
		*NC_PARAMS(CONV, inst) = params;
	} else {
		NC_PARAMS(MATMUL, inst)->act = params.act;
		NC_PARAMS(MATMUL, inst)->alpha = params.alpha;
		NC_PARAMS(MATMUL, inst)->beta = params.beta;
	}
}
