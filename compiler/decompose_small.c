// SPDX-License-Identifier: MIT
/* Rounding to the small types, on the chip: see small_type.h. */
#include <math.h>
#include <string.h>
#include "decompose.h"
#include "small_type.h"

/*
 * The greatest power of two that is not greater than x's size, found bit by bit of its
 * exponent; the least exponent's where x is less than that.
 */
static struct nc_value *power_of_two(struct nc_builder *b, struct nc_value *x,
				     const struct nc_small *small)
{
	int least = nc_small_least_exponent(small), bit = 1;
	struct nc_value *size, *step, *more;

	while (bit * 2 <= ilogb(small->max) - least)
		bit *= 2;
	size = nc_build1(b, NC_OP_Abs, NULL, x);
	step = nc_build_scalar(b, NC_F32, ldexp(1, least));
	for (; bit; bit /= 2) {
		/* In two factors, for fp32 does not have the greatest. */
		more = nc_build_with(b, NC_OP_Mul, NULL, step, ldexp(1, bit - bit / 2));
		more = nc_build_with(b, NC_OP_Mul, NULL, more, ldexp(1, bit / 2));
		step = nc_build3(b, NC_OP_Where, NULL,
				 nc_build2(b, NC_OP_GreaterOrEqual, NULL, size, more),
				 more, step);
	}
	return step;
}

/* Powers of two: attribute round_mode says which. */
static struct nc_value *round_scale(struct nc_builder *b, struct nc_value *x,
				    struct nc_value *step)
{
	const char *mode = nc_attr_string(b->like, "round_mode", "up");
	struct nc_value *more = nc_build2(b, NC_OP_Div, NULL, x, step);

	if (!strcmp(mode, "down"))
		return step;
	if (!strcmp(mode, "nearest"))
		more = nc_build_with(b, NC_OP_GreaterOrEqual, NULL, more, 1.5);
	else
		more = nc_build_with(b, NC_OP_Greater, NULL, more, 1);
	return nc_build3(b, NC_OP_Where, NULL, more, nc_build_with(b, NC_OP_Mul, NULL, step, 2),
			 step);
}

static struct nc_value *round_float(struct nc_builder *b, struct nc_value *x,
				    const struct nc_small *small)
{
	double past = nc_attr_int(b->like, "saturate", 1) ? small->max : small->overflow;
	struct nc_value *step, *y, *size;

	if (x->dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	step = power_of_two(b, x, small);
	if (!small->mantissa) {
		y = round_scale(b, x, step);
	} else {
		/* What the last bit of the mantissa counts. */
		step = nc_build_with(b, NC_OP_Mul, NULL, step, ldexp(1, -small->mantissa));
		y = nc_build2(b, NC_OP_Div, NULL, x, step);
		y = nc_build1(b, NC_OP_Round, NULL, y);
		y = nc_build2(b, NC_OP_Mul, NULL, y, step);
	}
	/* NaN is not greater than anything, and stays. */
	size = nc_build1(b, NC_OP_Abs, NULL, y);
	size = nc_build_with(b, NC_OP_Greater, NULL, size, small->max);
	step = nc_build1(b, NC_OP_Sign, NULL, y);
	step = nc_build_with(b, NC_OP_Mul, NULL, step, past);
	y = nc_build3(b, NC_OP_Where, NULL, size, step, y);
	if (small->bits < 8)
		/* It has no NaN either. */
		y = nc_build3(b, NC_OP_Where, NULL, nc_build2(b, NC_OP_Equal, NULL, y, y), y,
			      nc_build_scalar(b, NC_F32, 0));
	return y;
}

struct nc_value *nc_build_small(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, const struct nc_small *small)
{
	double half = small->dtype == NC_I8 ? small->max + 1 : 0;

	if (small->dtype == NC_F32)
		return nc_build1(b, NC_OP_Identity, out, round_float(b, x, small));
	/* The low bits, as when casting to other integers. */
	if (x->dtype != NC_I32)
		x = nc_build_cast(b, NULL, x, NC_I32);
	if (half != 0)
		x = nc_build_with(b, NC_OP_Add, NULL, x, half);
	x = nc_build_with(b, NC_OP_BitwiseAnd, NULL, x, (1 << small->bits) - 1);
	if (half != 0)
		x = nc_build_with(b, NC_OP_Sub, NULL, x, half);
	return nc_build_cast(b, out, x, small->dtype);
}
