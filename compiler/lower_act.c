// SPDX-License-Identifier: MIT
/* Functions of one input, element by element, and conversions. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "lower.h"

/* @alpha and @beta: attributes that fill the function's parameters, or NULL */
struct unary {
	bool valid;
	uint8_t func;
	const char *alpha;
	float alpha_default;
	const char *beta;
	float beta_default;
};

#define SELU_ALPHA	1.67326319217681884765625f
#define SELU_GAMMA	1.05070102214813232421875f

static const struct unary unaries[NC_NUM_OPS] = {
#define ROW(op, name, ...) [NC_OP_##op] = { true, NEURON_ACT_##name, ##__VA_ARGS__ }
	ROW(Relu, RELU),
	ROW(LeakyRelu, LEAKY_RELU, "alpha", 0.01f),
	ROW(Sigmoid, SIGMOID),
	ROW(Tanh, TANH),
	ROW(Exp, EXP),
	ROW(Log, LOG),
	ROW(Sqrt, SQRT),
	ROW(Reciprocal, RECIPROCAL),
	ROW(Erf, ERF),
	ROW(Gelu, GELU),
	ROW(Elu, ELU, "alpha", 1),
	ROW(Selu, SELU, "alpha", SELU_ALPHA, "gamma", SELU_GAMMA),
	ROW(Softplus, SOFTPLUS),
	ROW(Softsign, SOFTSIGN),
	ROW(HardSigmoid, HARDSIGMOID, "alpha", 0.2f, "beta", 0.5f),
	ROW(HardSwish, HARDSWISH),
	ROW(Mish, MISH),
	ROW(ThresholdedRelu, THRESHOLD, "alpha", 1),
	ROW(Abs, ABS),
	ROW(Neg, NEG),
	ROW(Sign, SIGN),
	ROW(Floor, FLOOR),
	ROW(Ceil, CEIL),
	ROW(Round, ROUND),
	ROW(Sin, SIN),
	ROW(Cos, COS),
	ROW(Not, NOT),
#undef ROW
};

/* Clip's limits: constants go into ACT, others through ELTWISE. */
static void lower_clip(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *lo = nc_in(node, 1), *hi = nc_in(node, 2);
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	bool constant = (!lo || nc_is_const(lo)) && (!hi || nc_is_const(hi));
	struct nc_view out = nc_result_like(ctx, node, 0, in);
	struct nc_view mid;

	if (constant && nc_dtype_is_float(node->inputs[0]->dtype)) {
		nc_add_act(ctx, node, &out, in, NEURON_ACT_CLIP,
			   lo ? nc_const_double(lo, 0) : -INFINITY,
			   hi ? nc_const_double(hi, 0) : INFINITY);
		return;
	}
	if (!lo && !hi) {
		nc_add_copy(ctx, node, &out, in);
		return;
	}
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
	const struct unary *unary = &unaries[node->op];
	const struct nc_view *in;
	struct nc_view out;
	enum neuron_act func = unary->func;
	float alpha = 0, beta = 0;

	if (node->op == NC_OP_Clip) {
		lower_clip(ctx, node);
		return;
	}
	if (!unary->valid) {
		nc_error(ctx, node, "the chip has no function for this operator");
		return;
	}
	if (node->op == NC_OP_Gelu &&
	    !strcmp(nc_attr_string(node, "approximate", "none"), "tanh"))
		func = NEURON_ACT_GELU_TANH;
	if (unary->alpha)
		alpha = nc_attr_float(node, unary->alpha, unary->alpha_default);
	if (unary->beta)
		beta = nc_attr_float(node, unary->beta, unary->beta_default);
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
