// SPDX-License-Identifier: MIT
/* Operators of two or more inputs, element by element, broadcast. */
#include <math.h>
#include <string.h>

#include "lower.h"

static const uint8_t binaries[NC_NUM_OPS] = {
#define ROW(op, name) [NC_OP_##op] = NEURON_BINARY_##name
	ROW(Add, ADD), ROW(Sub, SUB), ROW(Mul, MUL), ROW(Div, DIV),
	ROW(Pow, POW), ROW(PRelu, PRELU), ROW(Max, MAX), ROW(Min, MIN),
	ROW(Mod, MOD), ROW(Sum, ADD), ROW(Mean, ADD),
	ROW(Equal, EQ), ROW(Less, LT), ROW(LessOrEqual, LE),
	ROW(Greater, GT), ROW(GreaterOrEqual, GE),
	ROW(And, AND), ROW(Or, OR), ROW(Xor, XOR),
	ROW(BitwiseAnd, BIT_AND), ROW(BitwiseOr, BIT_OR),
	ROW(BitwiseXor, BIT_XOR), ROW(BitShift, SHL),
#undef ROW
};

/* The input that the result is laid out like: one with all its elements. */
static const struct nc_view *model_of(struct nc_ctx *ctx,
				      struct nc_node *node)
{
	const struct nc_value *out = node->outputs[0];
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		struct nc_value *value = node->inputs[i];

		if (!value || nc_is_const(value) || value->rank != out->rank ||
		    nc_numel(value) != nc_numel(out))
			continue;
		return nc_operand(ctx, value);
	}
	return NULL;
}

static struct nc_view result(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *like = model_of(ctx, node);

	return like ? nc_result_like(ctx, node, 0, like) :
		      nc_result(ctx, node, 0, NULL);
}

/*
 * A constant that is one number, beside fp32: a function of one input does the
 * same without a buffer for the number. Only where the bits agree: 1 * x + c
 * and c * x + 0 are x + c and c * x but for the sign of a zero.
 */
static bool lower_with_number(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *a = node->inputs[0], *b = node->inputs[1];
	bool right = nc_is_const(b);
	struct nc_value *x = right ? a : b;
	float alpha = 1, beta = 0, c;
	enum neuron_act func = NEURON_ACT_AFFINE;
	const struct nc_view *in;
	struct nc_view out;
	double number;

	if (node->num_inputs != 2 || node->act != NEURON_ACT_IDENTITY ||
	    nc_is_const(x) || x->dtype != NC_F32 ||
	    !nc_const_splat(right ? b : a, &number) ||
	    nc_numel(x) != nc_numel(node->outputs[0]) ||
	    x->rank != node->outputs[0]->rank)
		return false;
	c = number;
	if (!isfinite(c))
		return false;

	switch (node->op) {
	case NC_OP_Add:
		beta = c;
		break;
	case NC_OP_Sub:
		alpha = right ? 1 : -1;
		beta = right ? -c : c;
		break;
	case NC_OP_Mul:
		alpha = c;
		break;
	case NC_OP_Div:
		/* Exact for powers of two. */
		if (!right || frexpf(fabsf(c), &(int){ 0 }) != 0.5f ||
		    !isnormal(1 / c))
			return false;
		alpha = 1 / c;
		break;
	case NC_OP_Pow:
		if (!right)
			return false;
		func = c == 2 ? NEURON_ACT_SQUARE : NEURON_ACT_POWC;
		alpha = c == 2 ? 0 : c;
		break;
	case NC_OP_Max:
		func = NEURON_ACT_CLIP;
		alpha = c;
		beta = INFINITY;
		break;
	case NC_OP_Min:
		func = NEURON_ACT_CLIP;
		alpha = -INFINITY;
		beta = c;
		break;
	case NC_OP_PRelu:
		if (!right)
			return false;
		func = NEURON_ACT_LEAKY_RELU;
		alpha = c;
		break;
	default:
		return false;
	}
	in = nc_operand(ctx, x);
	out = nc_result_like(ctx, node, 0, in);
	nc_add_act(ctx, node, &out, in, func, alpha, beta);
	return true;
}

void nc_lower_eltwise(struct nc_ctx *ctx, struct nc_node *node)
{
	enum neuron_binary func = binaries[node->op];
	bool is_float = nc_dtype_is_float(node->inputs[0]->dtype);
	const struct nc_view *a, *b;
	struct nc_inst *inst;
	struct nc_view out;
	unsigned int dtype;

	if (node->num_inputs != 2) {
		nc_lower_variadic(ctx, node);
		return;
	}
	if (is_float && lower_with_number(ctx, node))
		return;
	if (node->op == NC_OP_Mod && nc_attr_int(node, "fmod", 0))
		func = NEURON_BINARY_FMOD;
	if (node->op == NC_OP_BitShift &&
	    strcmp(nc_attr_string(node, "direction", "LEFT"), "LEFT"))
		func = NEURON_BINARY_SHR;

	/* Pow allows different types, which the chip does not for integers. */
	dtype = nc_storage_dtype(node->inputs[0]->dtype);
	a = nc_operand(ctx, node->inputs[0]);
	b = is_float && nc_dtype_is_float(node->inputs[1]->dtype) ?
		nc_operand(ctx, node->inputs[1]) :
		nc_operand_as(ctx, node, node->inputs[1], dtype);
	out = result(ctx, node);
	inst = nc_add_binary(ctx, node, &out, a, b, func);
	if (is_float && nc_dtype_is_float(node->outputs[0]->dtype)) {
		struct neuron_params_ELTWISE *params = NC_PARAMS(ELTWISE, inst);

		NC_EPILOGUE(params, node);
	}
}

/* One input: a copy, as a view. More than two: one after the other. */
void nc_lower_variadic(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *value = node->outputs[0];
	enum neuron_binary func = binaries[node->op];
	struct nc_inst *inst = NULL;
	struct nc_view acc, out, next;
	unsigned int i;

	acc = *nc_operand(ctx, node->inputs[0]);
	if (node->num_inputs == 1) {
		if (node->act == NEURON_ACT_IDENTITY) {
			nc_bind(ctx, node, 0, &acc);
		} else {
			out = nc_result_like(ctx, node, 0, &acc);
			nc_add_act(ctx, node, &out, &acc, node->act,
				   node->act_alpha, node->act_beta);
		}
		return;
	}
	out = result(ctx, node);
	for (i = 1; i < node->num_inputs; i++) {
		bool last = i == node->num_inputs - 1 &&
			    node->op != NC_OP_Mean;

		next = last ? out : nc_temp(ctx, out.dtype, value->rank,
					    value->dims, NULL);
		inst = nc_add_binary(ctx, node, &next, &acc,
				     nc_operand(ctx, node->inputs[i]), func);
		acc = next;
	}
	if (node->op == NC_OP_Mean) {
		inst = NULL;
		nc_add_act(ctx, node, &out, &acc, NEURON_ACT_AFFINE,
			   1.0f / node->num_inputs, 0);
	}
	if (inst && node->act != NEURON_ACT_IDENTITY) {
		struct neuron_params_ELTWISE *params = NC_PARAMS(ELTWISE, inst);

		NC_EPILOGUE(params, node);
	}
}

void nc_lower_select(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *cond = nc_operand(ctx, node->inputs[0]);
	struct nc_view out = result(ctx, node);
	/* What only matrix instructions read is narrow before it is selected. */
	const struct nc_view *a = nc_operand_as(ctx, node, node->inputs[1], out.dtype);
	const struct nc_view *b = nc_operand_as(ctx, node, node->inputs[2], out.dtype);
	struct nc_view wide_cond = nc_view_broadcast(cond, out.rank, out.dims);
	struct nc_view wide_a = nc_view_broadcast(a, out.rank, out.dims);
	struct nc_view wide_b = nc_view_broadcast(b, out.rank, out.dims);
	struct nc_inst *inst;

	inst = nc_add(ctx, node, NEURON_OP_SELECT, &out, &wide_cond, &wide_a);
	nc_add_operand(ctx, inst, 3, &wide_b);
}
