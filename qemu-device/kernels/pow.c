// SPDX-License-Identifier: MIT
/*
 * Powers of fp32: x^y = 2^(y * log2|x|), in double.
 *
 * The C library's vector function falls back to the scalar one for each group of
 * elements in which one is negative, which activations are half of the time. Here
 * all cases take the same way, without branches. log2 and 2^x are Taylor series,
 * cut where the rest is below 2^-31 of the result, so that rounding to fp32 is
 * nearly all that is left of the error: 0.51 units in the last place.
 */
#include <math.h>

#include "nk.h"

static inline uint64_t bits64(double d)
{
	uint64_t u;

	memcpy(&u, &d, sizeof(u));
	return u;
}

static inline double double64(uint64_t u)
{
	double d;

	memcpy(&d, &u, sizeof(d));
	return d;
}

/*
 * log2 of a float that is not negative. x = 2^e * m with m in [sqrt(1/2), sqrt(2));
 * ln(m) = 2 atanh(s) with s = (m - 1) / (m + 1), at most 0.1716.
 */
static inline double log2_of(double x)
{
	/* The exponent of x / sqrt(1/2), which as a double is never subnormal. */
	uint64_t shifted = bits64(x) - 0x3fe6a09e667f3bcdull + (1023ull << 52);
	/* Into the mantissa of 2^52, and out again: a conversion that every level has. */
	double e = double64((shifted >> 52) | 0x4330000000000000ull) - (0x1p52 + 1023);
	double m = double64(bits64(x) - ((shifted >> 52) - 1023) * (1ull << 52));
	double s = (m - 1) / (m + 1), q = s * s;
	/* Pairs first: the chain of dependent operations is what costs. */
	double sum = (1 + q * (1 / 3.0)) + q * q * ((1 / 5.0 + q * (1 / 7.0)) + q * q *
		     ((1 / 9.0 + q * (1 / 11.0)) + q * q * (1 / 13.0)));
	double log = e + s * sum * 2.885390081777926815;	/* 2 / ln(2) */

	log = x == 0 ? -(double)INFINITY : log;
	return x < (double)INFINITY ? log : x;	/* NaN stays */
}

/* 2^t; beyond what a float can hold it is 2^1000 or 2^-1000. NaN stays. */
static inline double exp2_of(double t)
{
	double c = t < -1000 ? -1000 : t, n, f, q, sum;

	c = c > 1000 ? 1000 : c;
	n = c + 0x1.8p52;	/* the nearest integer, in the low bits */
	f = (c - (n - 0x1.8p52)) * 0.693147180559945309;
	q = f * f;
	sum = (1 + f) + q * ((1 / 2.0 + f * (1 / 6.0)) + q * ((1 / 24.0 + f * (1 / 120.0)) + q *
	      ((1 / 720.0 + f * (1 / 5040.0)) + q * (1 / 40320.0))));
	return double64(bits64(sum) + (bits64(n) << 52));
}

/* The cases of C's pow(), Annex F. */
static inline float pow_of(float x, float y)
{
	double a = fabs((double)x), b = y;
	double power = exp2_of(b * log2_of(a));
	/* |y| >= 2^24 is even; below, adding and subtracting 1.5 * 2^52 rounds. */
	bool small = fabs(b) < 0x1p24;
	bool integer = !small || (b + 0x1.8p52) - 0x1.8p52 == b;
	bool odd = small && integer && ((b * 0.5 + 0x1.8p52) - 0x1.8p52) * 2 != b;
	bool negative = nk_bits(x) >> 31;
	double v = (negative & odd) ? -power : power;

	v = ((x < 0) & !integer & (a < (double)INFINITY)) ? (double)NAN : v;
	v = ((a == 1) & (fabs(b) == (double)INFINITY)) ? 1 : v;	/* not 0 * infinity */
	v = ((x != x) | (y != y)) ? (double)x + b : v;
	return ((x == 1) | (y == 0)) ? 1 : (float)v;
}

NK_CLONES void nk_powf(float *dst, const float *a, const float *b, size_t n)
{
	n = NK_ROUND_UP(n);
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = pow_of(a[i], b[i]);
}

/* x^n by multiplication, which doubles do nearly exactly. */
static inline float whole_power_of(float a, unsigned int power, bool inverse)
{
	double x = a, x2 = x * x, x4 = x2 * x2;
	double v = power & 1 ? x : 1;

	v = power & 2 ? v * x2 : v;
	v = power & 4 ? v * x4 : v;
	return inverse ? 1 / v : v;
}

NK_CLONES static void whole_power(float *dst, const float *src, unsigned int power,
				  bool inverse, size_t n)
{
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = whole_power_of(src[i], power, inverse);
}

NK_CLONES static void any_power(float *dst, const float *a, float b, size_t n)
{
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = pow_of(a[i], b);
}

void nk_powf_to(float *dst, const float *a, float b, size_t n)
{
	float power = fabsf(b);

	n = NK_ROUND_UP(n);
	if (power >= 1 && power < 8 && power == rintf(power))
		whole_power(dst, a, power, b < 0, n);
	else
		any_power(dst, a, b, n);
}
