// SPDX-License-Identifier: MIT
/* The small types' formats: ONNX's pages on float8, float4 and int4 formats. */
#include <math.h>
#include <stddef.h>
#include "small_type.h"

/* Powers of two alone, and no sign. */
#define IS_SCALE(small)	((small)->bits == 8 && !(small)->mantissa)

static const struct nc_small types[] = {
	{ 17, "float8e4m3fn", NC_F32, 8, 3, 7, 448, NAN },
	{ 18, "float8e4m3fnuz", NC_F32, 8, 3, 8, 240, NAN },
	{ 19, "float8e5m2", NC_F32, 8, 2, 15, 57344, INFINITY },
	{ 20, "float8e5m2fnuz", NC_F32, 8, 2, 16, 57344, NAN },
	{ 21, "uint4", NC_U8, 4, .max = 15 },
	{ 22, "int4", NC_I8, 4, .max = 7 },
	{ 23, "float4e2m1", NC_F32, 4, 1, 1, 6, 6 },
	{ 24, "float8e8m0", NC_F32, 8, 0, 127, 0x1p127, NAN },
	{ 25, "uint2", NC_U8, 2, .max = 3 },
	{ 26, "int2", NC_I8, 2, .max = 1 },
};

const struct nc_small *nc_small_find(int onnx)
{
	size_t i;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (types[i].onnx == onnx)
			return &types[i];
	return NULL;
}

int nc_small_least_exponent(const struct nc_small *small)
{
	return IS_SCALE(small) ? -small->bias : 1 - small->bias;
}

double nc_small_decode(const struct nc_small *small, unsigned int code)
{
	unsigned int sign = 1u << (small->bits - 1), exponent, mantissa;
	double x;

	if (small->dtype == NC_U8)
		return code;
	if (small->dtype == NC_I8)
		return code & sign ? (int)code - (int)(2 * sign) : (int)code;
	if (IS_SCALE(small))
		return code == 0xff ? (double)NAN : ldexp(1, (int)code - small->bias);
	/* The types named "uz" have no negative zero; its code stands for NaN. */
	if (code == sign && (small->onnx == 18 || small->onnx == 20))
		return NAN;
	mantissa = code & ((1u << small->mantissa) - 1);
	exponent = (code & (sign - 1)) >> small->mantissa;
	x = ldexp(mantissa, -small->mantissa);
	x = exponent ? ldexp(1 + x, (int)exponent - small->bias) :
		       ldexp(x, 1 - small->bias);
	/* Codes above the greatest number: the first may be infinity. */
	if (x > small->max)
		x = isinf(small->overflow) && !mantissa ? INFINITY : NAN;
	return code & sign ? -x : x;
}
