// SPDX-License-Identifier: MIT
/*
 * Element by element, on constants. Floats are computed in double and rounded
 * once, which for + - * / and sqrt gives what float arithmetic gives; integers
 * are computed in 64 bits and wrap.
 */
#include <math.h>
#include <string.h>
#include "front.h"

void nc_strides(const struct nc_value *value, int64_t strides[NC_MAX_RANK])
{
	int64_t stride = 1;
	int i;

	for (i = value->rank - 1; i >= 0; i--) {
		strides[i] = stride;
		stride *= value->dims[i];
	}
}

void nc_nest_init(struct nc_nest *nest, const struct nc_value *out)
{
	memset(nest, 0, sizeof(*nest));
	nest->rank = out->rank;
	memcpy(nest->dims, out->dims, sizeof(out->dims));
}

void nc_nest_broadcast(struct nc_nest *nest, int i, const struct nc_value *value)
{
	int64_t strides[NC_MAX_RANK];
	int d, at;

	nc_strides(value, strides);
	for (d = 0; d < value->rank; d++) {
		at = nest->rank - value->rank + d;
		nest->strides[i][at] = value->dims[d] == 1 ? 0 : strides[d];
	}
}

void nc_nest_next(struct nc_nest *nest)
{
	int d, i;

	for (d = nest->rank - 1; d >= 0; d--) {
		for (i = 0; i < NC_NEST; i++)
			nest->offset[i] += nest->strides[i][d];
		if (++nest->index[d] < nest->dims[d])
			return;
		for (i = 0; i < NC_NEST; i++)
			nest->offset[i] -= nest->strides[i][d] * nest->dims[d];
		nest->index[d] = 0;
	}
}

static double binary_double(enum nc_op op, double a, double b, bool fmod_rule)
{
	switch (op) {
	case NC_OP_Add:
	case NC_OP_Sum:
	case NC_OP_Mean:
		return a + b;
	case NC_OP_Sub:
		return a - b;
	case NC_OP_Mul:
		return a * b;
	case NC_OP_Div:
		return a / b;
	case NC_OP_Mod:
		return fmod_rule ? fmod(a, b) : a - b * floor(a / b);
	case NC_OP_Pow:
		return pow(a, b);
	case NC_OP_PRelu:
		return a < 0 ? a * b : a;
	case NC_OP_Max:
		return isnan(a) || isnan(b) ? NAN : a < b ? b : a;
	case NC_OP_Min:
		return isnan(a) || isnan(b) ? NAN : a > b ? b : a;
	case NC_OP_Equal:
		return a == b;
	case NC_OP_Less:
		return a < b;
	case NC_OP_LessOrEqual:
		return a <= b;
	case NC_OP_Greater:
		return a > b;
	case NC_OP_GreaterOrEqual:
		return a >= b;
	case NC_OP_And:
		return a && b;
	case NC_OP_Or:
		return a || b;
	case NC_OP_Xor:
		return !a != !b;
	default:
		return NAN;
	}
}

static int64_t power(int64_t a, int64_t b)
{
	uint64_t result = 1, base = (uint64_t)a;

	if (b < 0)
		return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
	for (; b; b >>= 1, base *= base)
		if (b & 1)
			result *= base;
	return (int64_t)result;
}

static int64_t modulo(int64_t a, int64_t b, bool fmod_rule)
{
	int64_t rest;

	if (!b || b == -1)
		return 0;
	rest = a % b;
	return rest && !fmod_rule && (rest < 0) != (b < 0) ? rest + b : rest;
}

static int64_t shift(int64_t a, int64_t b, bool left)
{
	if (b < 0 || b > 63)
		return 0;
	return (int64_t)(left ? (uint64_t)a << b : (uint64_t)a >> b);
}

static int64_t binary_int(enum nc_op op, int64_t a, int64_t b, bool fmod_rule,
			  bool left)
{
	switch (op) {
	case NC_OP_BitwiseAnd:
		return a & b;
	case NC_OP_BitwiseOr:
		return a | b;
	case NC_OP_BitwiseXor:
		return a ^ b;
	case NC_OP_BitShift:
		return shift(a, b, left);
	case NC_OP_Add:
	case NC_OP_Sum:
		return (int64_t)((uint64_t)a + (uint64_t)b);
	case NC_OP_Sub:
		return (int64_t)((uint64_t)a - (uint64_t)b);
	case NC_OP_Mul:
		return (int64_t)((uint64_t)a * (uint64_t)b);
	case NC_OP_Div:
		/* As the chip does: no trap. */
		if (!b)
			return 0;
		return b == -1 ? (int64_t)-(uint64_t)a : a / b;
	case NC_OP_Mod:
		return modulo(a, b, fmod_rule);
	case NC_OP_Pow:
		return power(a, b);
	case NC_OP_PRelu:
		return a < 0 ? (int64_t)((uint64_t)a * (uint64_t)b) : a;
	case NC_OP_Max:
		return a < b ? b : a;
	case NC_OP_Min:
		return a > b ? b : a;
	case NC_OP_Equal:
		return a == b;
	case NC_OP_Less:
		return a < b;
	case NC_OP_LessOrEqual:
		return a <= b;
	case NC_OP_Greater:
		return a > b;
	case NC_OP_GreaterOrEqual:
		return a >= b;
	case NC_OP_And:
		return a && b;
	case NC_OP_Or:
		return a || b;
	case NC_OP_Xor:
		return !a != !b;
	default:
		return 0;
	}
}

/* 64-bit unsigned numbers beyond the signed range are left to be unsupported. */
static bool is_u64(const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && node->inputs[i]->dtype == NC_U64)
			return true;
	return false;
}

static void binary(const struct nc_node *node, const struct nc_value *a,
		   const struct nc_value *b, const struct nc_value *out,
		   void *data)
{
	bool use_double = nc_dtype_is_float(a->dtype) ||
			  nc_dtype_is_float(b->dtype);
	bool fmod_rule = nc_attr_int(node, "fmod", 0);
	bool left = !strcmp(nc_attr_string(node, "direction", "LEFT"), "LEFT");
	int64_t n = nc_numel(out), i;
	struct nc_nest nest;

	nc_nest_init(&nest, out);
	nc_nest_broadcast(&nest, 0, a);
	nc_nest_broadcast(&nest, 1, b);
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		if (use_double)
			nc_put_double(out->dtype, data, i,
				      binary_double(node->op,
						    nc_const_double(a, nest.offset[0]),
						    nc_const_double(b, nest.offset[1]),
						    fmod_rule));
		else
			nc_put_int(out->dtype, data, i,
				   binary_int(node->op,
					      nc_const_int(a, nest.offset[0]),
					      nc_const_int(b, nest.offset[1]),
					      fmod_rule, left));
	}
}

bool nc_fold_binary(struct nc_ctx *ctx, struct nc_node *node)
{
	void *data;

	if (is_u64(node))
		return false;
	data = nc_fold_alloc(ctx, node->outputs[0]);
	if (!data)
		return false;
	binary(node, node->inputs[0], node->inputs[1], node->outputs[0], data);
	return true;
}

bool nc_fold_nary(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = node->outputs[0], sum;
	int64_t n = nc_numel(out), i;
	struct nc_nest nest;
	unsigned int k;
	void *data;

	if (is_u64(node))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	nc_nest_init(&nest, out);
	nc_nest_broadcast(&nest, 0, node->inputs[0]);
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		if (nc_dtype_is_float(out->dtype))
			nc_put_double(out->dtype, data, i,
				      nc_const_double(node->inputs[0],
						      nest.offset[0]));
		else
			nc_put_int(out->dtype, data, i,
				   nc_const_int(node->inputs[0], nest.offset[0]));
	}
	/* In place: each element is read before it is written. */
	sum = *out;
	for (k = 1; k < node->num_inputs; k++)
		binary(node, &sum, node->inputs[k], out, data);
	for (i = 0; i < n && node->op == NC_OP_Mean; i++)
		nc_put_double(out->dtype, data, i,
			      nc_const_double(out, i) / node->num_inputs);
	return true;
}

static double clamp(double x, double lo, double hi)
{
	x = x < lo ? lo : x;
	return x > hi ? hi : x;
}

double nc_apply_act(enum neuron_act act, double alpha, double beta, double x)
{
	switch (act) {
	case NEURON_ACT_RELU:
		return x < 0 ? 0 : x;
	case NEURON_ACT_CLIP:
		return clamp(x, alpha, beta);
	case NEURON_ACT_LEAKY_RELU:
		return x < 0 ? alpha * x : x;
	case NEURON_ACT_SIGMOID:
		return 1 / (1 + exp(-x));
	case NEURON_ACT_TANH:
		return tanh(x);
	case NEURON_ACT_EXP:
		return exp(x);
	case NEURON_ACT_LOG:
		return log(x);
	case NEURON_ACT_SQRT:
		return sqrt(x);
	case NEURON_ACT_RSQRT:
		return 1 / sqrt(x);
	case NEURON_ACT_RECIPROCAL:
		return 1 / x;
	case NEURON_ACT_ERF:
		return erf(x);
	case NEURON_ACT_GELU:
		return x * (1 + erf(x / M_SQRT2)) / 2;
	case NEURON_ACT_GELU_TANH:
		return x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2;
	case NEURON_ACT_SILU:
		return x / (1 + exp(-alpha * x));
	case NEURON_ACT_ELU:
		return x < 0 ? alpha * expm1(x) : x;
	case NEURON_ACT_SELU:
		return beta * (x <= 0 ? alpha * expm1(x) : x);
	case NEURON_ACT_SOFTPLUS:
		return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
	case NEURON_ACT_SOFTSIGN:
		return x / (1 + fabs(x));
	case NEURON_ACT_HARDSIGMOID:
		return clamp(alpha * x + beta, 0, 1);
	case NEURON_ACT_HARDSWISH:
		return x * clamp(x / 6 + 0.5, 0, 1);
	case NEURON_ACT_MISH:
		return x * tanh(x > 0 ? x + log1p(exp(-x)) : log1p(exp(x)));
	case NEURON_ACT_ABS:
		return fabs(x);
	case NEURON_ACT_NEG:
		return -x;
	case NEURON_ACT_SIGN:
		return (x > 0) - (x < 0);
	case NEURON_ACT_FLOOR:
		return floor(x);
	case NEURON_ACT_CEIL:
		return ceil(x);
	case NEURON_ACT_ROUND:
		return rint(x);
	case NEURON_ACT_SIN:
		return sin(x);
	case NEURON_ACT_COS:
		return cos(x);
	case NEURON_ACT_NOT:
		return x == 0;
	case NEURON_ACT_SQUARE:
		return x * x;
	case NEURON_ACT_POWC:
		return pow(x, alpha);
	case NEURON_ACT_AFFINE:
		return alpha * x + beta;
	case NEURON_ACT_ATAN:
		return atan(x);
	case NEURON_ACT_THRESHOLD:
		return x > alpha ? x : 0;
	default:
		return x;
	}
}

/* Integers beyond 2^53 keep their low bits. */
static int64_t apply_int(const struct nc_node *node, int64_t x)
{
	const struct nc_value *min = nc_in(node, 1), *max = nc_in(node, 2);

	switch (node->op) {
	case NC_OP_Abs:
		return x < 0 ? (int64_t)-(uint64_t)x : x;
	case NC_OP_Neg:
		return (int64_t)-(uint64_t)x;
	case NC_OP_Sign:
		return (x > 0) - (x < 0);
	case NC_OP_Not:
		return !x;
	case NC_OP_Relu:
		return x < 0 ? 0 : x;
	case NC_OP_Clip:
		if (min && x < nc_const_int(min, 0))
			x = nc_const_int(min, 0);
		if (max && x > nc_const_int(max, 0))
			x = nc_const_int(max, 0);
		return x;
	default:
		return x;
	}
}

bool nc_fold_unary(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(x), i;
	enum neuron_act act;
	float alpha, beta;
	void *data;

	if (is_u64(node) || !nc_unary_act(node, &act, &alpha, &beta))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	for (i = 0; i < n; i++) {
		if (nc_dtype_is_float(x->dtype))
			nc_put_double(out->dtype, data, i,
				      nc_apply_act(act, alpha, beta,
						   nc_const_double(x, i)));
		else
			nc_put_int(out->dtype, data, i,
				   apply_int(node, nc_const_int(x, i)));
	}
	return true;
}

bool nc_fold_cast(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(x), i;
	void *data;

	/* Small types: decompose knows how. */
	if (out->small)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	for (i = 0; i < n; i++) {
		if (nc_dtype_is_float(x->dtype) || x->dtype == NC_U64)
			nc_put_double(out->dtype, data, i, nc_const_double(x, i));
		else
			nc_put_int(out->dtype, data, i, nc_const_int(x, i));
	}
	return true;
}

bool nc_fold_where(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = node->outputs[0];
	size_t size = nc_dtype_size(out->dtype);
	int64_t n = nc_numel(out), i;
	const uint8_t *cond = node->inputs[0]->data;
	const char *a = node->inputs[1]->data, *b = node->inputs[2]->data;
	char *data = nc_fold_alloc(ctx, out);
	struct nc_nest nest;

	if (!data)
		return false;
	nc_nest_init(&nest, out);
	nc_nest_broadcast(&nest, 0, node->inputs[0]);
	nc_nest_broadcast(&nest, 1, node->inputs[1]);
	nc_nest_broadcast(&nest, 2, node->inputs[2]);
	for (i = 0; i < n; i++, nc_nest_next(&nest))
		memcpy(data + (size_t)i * size,
		       cond[nest.offset[0]] ?
		       a + (size_t)nest.offset[1] * size :
		       b + (size_t)nest.offset[2] * size, size);
	return true;
}

/* Elements from one index of the scale's axis to the next, and their number. */
static void quant_axis(const struct nc_node *node, int64_t *inner, int64_t *count)
{
	const struct nc_value *x = node->inputs[0];
	int64_t axis = nc_attr_int(node, "axis", 1);
	int i;

	*inner = 1;
	*count = nc_numel(node->inputs[1]);
	axis += axis < 0 ? x->rank : 0;
	for (i = (int)axis + 1; *count > 1 && i < x->rank; i++)
		*inner *= x->dims[i];
}

bool nc_fold_dequantize(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *scale = node->inputs[1];
	const struct nc_value *zero = nc_in(node, 2);
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(x), i, inner, count;
	void *data;

	/* Blocks and small floats: decompose knows how. */
	if (scale->rank > 1 || nc_dtype_is_float(x->dtype))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	quant_axis(node, &inner, &count);
	for (i = 0; i < n; i++) {
		int64_t at = i / inner % count;
		int64_t z = zero ? nc_const_int(zero, at) : 0;

		nc_put_double(out->dtype, data, i,
			      (double)(nc_const_int(x, i) - z) *
			      nc_const_double(scale, at));
	}
	return true;
}

bool nc_fold_quantize(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *scale = node->inputs[1];
	const struct nc_value *zero = nc_in(node, 2);
	struct nc_value *out = node->outputs[0];
	double lo = out->dtype == NC_I8 ? -128 : 0;
	double hi = out->dtype == NC_I8 ? 127 : 255;
	int64_t n = nc_numel(x), i, inner, count;
	void *data;

	if (scale->rank > 1 || out->small || (out->dtype != NC_I8 && out->dtype != NC_U8))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	quant_axis(node, &inner, &count);
	for (i = 0; i < n; i++) {
		int64_t at = i / inner % count;
		double q;

		/* The quotient is a float's, as on the chip. */
		q = rint((float)nc_const_double(x, i) /
			 (float)nc_const_double(scale, at));
		q += zero ? (double)nc_const_int(zero, at) : 0;
		nc_put_int(out->dtype, data, i, (int64_t)clamp(q, lo, hi));
	}
	return true;
}
