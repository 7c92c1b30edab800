// SPDX-License-Identifier: MIT
/* Functions, element by element, that are formulas of simpler ones. */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* max(x, 0) + alpha * (exp(min(x, 0) / alpha) - 1) */
void nc_decompose_celu(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *low;
	double alpha = nc_attr_float(b->like, "alpha", 1);

	if (nc_decompose_wide(b))
		return;

	low = nc_build_with(b, NC_OP_Min, NULL, x, 0);
	low = nc_build_with(b, NC_OP_Div, NULL, low, alpha);
	low = nc_build1(b, NC_OP_Elu, NULL, low);
	low = nc_build_with(b, NC_OP_Mul, NULL, low, alpha);
	x = nc_build1(b, NC_OP_Relu, NULL, x);
	nc_build2(b, NC_OP_Add, b->like->outputs[0], x, low);
}

/* x < -lambd: x + bias; x > lambd: x - bias; else 0 */
void nc_decompose_shrink(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	double lambd = nc_attr_float(b->like, "lambd", 0.5f);
	double bias = nc_attr_float(b->like, "bias", 0);
	struct nc_value *wide, *high, *low, *y;

	if (nc_decompose_wide(b))
		return;
	/* Integers are compared and moved as numbers. */
	wide = nc_dtype_is_float(x->dtype) ? x : nc_build_cast(b, NULL, x, NC_F32);
	high = nc_build_with(b, NC_OP_Greater, NULL, wide, lambd);
	low = nc_build_with(b, NC_OP_Less, NULL, wide, -lambd);
	y = nc_build3(b, NC_OP_Where, NULL, high,
		      nc_build_with(b, NC_OP_Sub, NULL, wide, bias),
		      nc_build_scalar(b, wide->dtype, 0));
	if (wide == x) {
		nc_build3(b, NC_OP_Where, out, low,
			  nc_build_with(b, NC_OP_Add, NULL, wide, bias), y);
		return;
	}
	y = nc_build3(b, NC_OP_Where, NULL, low,
		      nc_build_with(b, NC_OP_Add, NULL, wide, bias), y);
	nc_build_cast(b, out, y, out->dtype);
}

/* Tan = sin / cos */
void nc_decompose_tan(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0];

	if (nc_decompose_wide(b))
		return;

	nc_build2(b, NC_OP_Div, b->like->outputs[0],
		  nc_build1(b, NC_OP_Sin, NULL, x), nc_build1(b, NC_OP_Cos, NULL, x));
}

/* Asin = atan(x / sqrt((1 - x) * (1 + x))); Acos is what it lacks to pi / 2 */
void nc_decompose_asin(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	bool is_acos = b->like->op == NC_OP_Acos;
	struct nc_value *more, *less, *y;

	if (nc_decompose_wide(b))
		return;

	more = nc_build_with(b, NC_OP_Add, NULL, x, 1);
	less = nc_build2(b, NC_OP_Sub, NULL, nc_build_scalar(b, x->dtype, 1), x);
	y = nc_build2(b, NC_OP_Mul, NULL, more, less);
	y = nc_build1(b, NC_OP_Sqrt, NULL, y);
	y = nc_build2(b, NC_OP_Div, NULL, x, y);
	y = nc_build1(b, NC_OP_Atan, is_acos ? NULL : out, y);
	if (is_acos)
		nc_build2(b, NC_OP_Sub, out, nc_build_scalar(b, x->dtype, M_PI_2), y);
}

/* Sinh, Cosh = (exp(x) -+ exp(-x)) / 2 */
void nc_decompose_sinh(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *up, *down;

	if (nc_decompose_wide(b))
		return;

	up = nc_build1(b, NC_OP_Exp, NULL, x);
	down = nc_build1(b, NC_OP_Exp, NULL, nc_build1(b, NC_OP_Neg, NULL, x));
	x = nc_build2(b, b->like->op == NC_OP_Sinh ? NC_OP_Sub : NC_OP_Add, NULL,
		      up, down);
	nc_build_with(b, NC_OP_Mul, b->like->outputs[0], x, 0.5);
}

/* Asinh = sign(x) * log(|x| + sqrt(x^2 + 1)); Acosh = log(x + sqrt(x^2 - 1)) */
void nc_decompose_asinh(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0], *y;
	bool is_acosh = b->like->op == NC_OP_Acosh;
	struct nc_value *size = is_acosh ? x : nc_build1(b, NC_OP_Abs, NULL, x);

	if (nc_decompose_wide(b))
		return;

	y = nc_build2(b, NC_OP_Mul, NULL, x, x);
	y = nc_build_with(b, NC_OP_Add, NULL, y, is_acosh ? -1 : 1);
	y = nc_build1(b, NC_OP_Sqrt, NULL, y);
	y = nc_build2(b, NC_OP_Add, NULL, size, y);
	y = nc_build1(b, NC_OP_Log, is_acosh ? out : NULL, y);
	if (!is_acosh)
		nc_build2(b, NC_OP_Mul, out, y, nc_build1(b, NC_OP_Sign, NULL, x));
}

/* log((1 + x) / (1 - x)) / 2 */
void nc_decompose_atanh(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *more, *less;

	if (nc_decompose_wide(b))
		return;

	more = nc_build_with(b, NC_OP_Add, NULL, x, 1);
	less = nc_build2(b, NC_OP_Sub, NULL, nc_build_scalar(b, x->dtype, 1), x);
	x = nc_build2(b, NC_OP_Div, NULL, more, less);
	x = nc_build1(b, NC_OP_Log, NULL, x);
	nc_build_with(b, NC_OP_Mul, b->like->outputs[0], x, 0.5);
}

/* Only NaN differs from itself. */
void nc_decompose_is_nan(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0];

	nc_build1(b, NC_OP_Not, b->like->outputs[0],
		  nc_build2(b, NC_OP_Equal, NULL, x, x));
}

void nc_decompose_is_inf(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	bool above = nc_attr_int(b->like, "detect_positive", 1);
	bool below = nc_attr_int(b->like, "detect_negative", 1);

	if (above && below)
		x = nc_build1(b, NC_OP_Abs, NULL, x);
	if (above || below)
		nc_build_with(b, NC_OP_Equal, out, x, above ? INFINITY : -INFINITY);
	else
		nc_build_with(b, NC_OP_Greater, out, x, INFINITY);
}

/* The bits of a type that is kept in a wider one on the chip; 0: all. */
static int64_t mask_of(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_I8:
	case NC_U8:
		return 0xff;
	case NC_I16:
	case NC_U16:
		return 0xffff;
	default:
		return 0;
	}
}

/* All bits flipped: those of the type alone. */
void nc_decompose_bitwise_not(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	bool is_wide = x->dtype == NC_U32 || x->dtype == NC_U64;

	if (is_wide)
		x = nc_build_cast(b, NULL, x, NC_I64);
	x = nc_build_with(b, NC_OP_BitwiseXor, is_wide ? NULL : out, x,
			  x->dtype == NC_U8 || x->dtype == NC_U16 ?
			  (double)mask_of(x->dtype) : -1);
	if (is_wide)
		nc_build_cast(b, out, x, out->dtype);
}

/* What leaves a type of 8 or 16 bits at its upper end is lost. */
void nc_decompose_bit_shift(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *y = b->like->inputs[1];
	const char *direction = nc_attr_string(b->like, "direction", "LEFT");
	int64_t mask = mask_of(x->dtype);
	struct nc_node *shift;

	if (!mask || strcmp(direction, "LEFT") || x->dtype == NC_I32) {
		nc_keep(b);
		return;
	}
	x = nc_build_cast(b, NULL, x, NC_I32);
	y = nc_build_cast(b, NULL, y, NC_I32);
	shift = nc_node_new(b->ctx, b->like, NC_OP_BitShift, NULL, 2, x, y);
	nc_set_attr_string(b->ctx, shift, "direction", direction);
	x = nc_build(b, shift);
	nc_build_cast(b, b->like->outputs[0], x, b->like->outputs[0]->dtype);
}

/*
 * Integers that do not fit a narrower type lose their high bits, as in C; the
 * chip itself saturates, or keeps the type in 32 bits.
 */
void nc_decompose_cast(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	int64_t mask = mask_of(out->dtype);
	bool is_signed = out->dtype == NC_I8 || out->dtype == NC_I16;
	enum nc_dtype from = x->dtype;
	double half = (double)(mask + 1) / 2;

	if (out->small) {
		nc_build_small(b, out, x, out->small);
		return;
	}
	if (!mask || nc_dtype_is_float(from) || from == NC_BOOL ||
	    from == out->dtype || (from == NC_U8 && out->dtype != NC_I8) ||
	    (from == NC_I8 && out->dtype == NC_I16)) {
		nc_keep(b);
		return;
	}
	if (nc_dtype_size(from) < 4)
		x = nc_build_cast(b, NULL, x, NC_I32);
	if (is_signed)
		x = nc_build_with(b, NC_OP_Add, NULL, x, half);
	x = nc_build_with(b, NC_OP_BitwiseAnd, NULL, x, (double)mask);
	if (is_signed)
		x = nc_build_with(b, NC_OP_Sub, NULL, x, half);
	/* Now it fits. */
	b->like->inputs[0] = x;
	nc_keep(b);
}

/*
 * Products of integers that are no bytes: every row with every column, summed.
 * Floats stay as they are.
 */
void nc_decompose_matmul(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *y = b->like->inputs[1];
	struct nc_value *out = b->like->outputs[0];
	int64_t dims[NC_MAX_RANK];
	int i, rank;

	if (nc_dtype_is_float(x->dtype)) {
		nc_keep(b);
		return;
	}
	/* [..., m, k, 1] and [..., 1, k, n] */
	rank = x->rank;
	memcpy(dims, x->dims, sizeof(x->dims));
	if (rank < NC_MAX_RANK)
		dims[rank++] = 1;
	x = nc_build_reshape(b, NULL, x, rank, dims);
	if (y->rank == 1) {
		dims[0] = y->dims[0];
		dims[1] = 1;
		rank = 2;
	} else {
		for (rank = 0, i = 0; i < y->rank && rank < NC_MAX_RANK; i++) {
			if (i == y->rank - 2)
				dims[rank++] = 1;
			dims[rank++] = y->dims[i];
		}
	}
	y = nc_build_reshape(b, NULL, y, rank, dims);
	x = nc_build2(b, NC_OP_Mul, NULL, x, y);
	x = nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, 1u << (x->rank - 2));
	nc_build_reshape(b, out, x, out->rank, out->dims);
}

/*
 * Sums and products of integers of 8 and 16 bits wrap around, as C's do: the
 * chip's own saturate, or keep the type in 32 bits.
 */
void nc_decompose_arith(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0];

	if (!mask_of(x->dtype)) {
		nc_keep(b);
		return;
	}
	x = nc_build2(b, node->op, NULL, nc_build_cast(b, NULL, x, NC_I32),
		      nc_build_cast(b, NULL, node->inputs[1], NC_I32));
	nc_build_cast(b, node->outputs[0], x, node->outputs[0]->dtype);
}

/* The chip's powers are of two integers or two floats. */
void nc_decompose_pow(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *y = node->inputs[1];

	if (nc_dtype_is_float(x->dtype) || !nc_dtype_is_float(y->dtype)) {
		nc_keep(b);
		return;
	}
	x = nc_build2(b, NC_OP_Pow, NULL, nc_build_cast(b, NULL, x, NC_F32),
		      nc_build_cast(b, NULL, y, NC_F32));
	nc_build_cast(b, node->outputs[0], x, node->outputs[0]->dtype);
}
