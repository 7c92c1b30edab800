// SPDX-License-Identifier: MIT
/*
 * Types that are in slots only: how they become fp32 or int32 and back.
 *
 * Integers of 64 bits that do not fit saturate. uint32 keeps its bits, so that
 * what only moves it, adds or masks it is right for all of them. Both kinds are
 * counted. On the way back integers keep their low bits.
 */
#include "nk.h"

static int32_t narrow_i64(int64_t x, uint64_t *saturations)
{
	if (x >= INT32_MIN && x <= INT32_MAX)
		return (int32_t)x;
	++*saturations;
	return x < 0 ? INT32_MIN : INT32_MAX;
}

static int32_t narrow_u64(uint64_t x, uint64_t *saturations)
{
	if (x <= INT32_MAX)
		return (int32_t)x;
	++*saturations;
	return INT32_MAX;
}

static int32_t narrow_u32(uint32_t x, uint64_t *saturations)
{
	*saturations += x > INT32_MAX;
	return (int32_t)x;
}

/* Infinities are no surprise; what becomes one is. */
static float narrow_f64(double x, uint64_t *saturations)
{
	float narrow = (float)x;

	*saturations += (narrow - narrow != 0) && (x - x == 0);
	return narrow;
}

static int32_t narrow_16(int32_t x, uint64_t *saturations)
{
	(void)saturations;
	return x;
}

#define LOOP(from_type, to_type, expression)					\
	for (size_t i = 0; i < n; i++, dst += dst_step, src += src_step) {	\
		from_type x;							\
		to_type y;							\
										\
		memcpy(&x, src, sizeof(x));					\
		y = expression;							\
		memcpy(dst, &y, sizeof(y));					\
	}									\
	break;

void nk_narrow(unsigned int dtype, void *to, ptrdiff_t dst_step, const void *from,
	       ptrdiff_t src_step, size_t n, uint64_t *saturations)
{
	const char *src = from;
	char *dst = to;

	switch (dtype) {
	case NEURON_F64:
		LOOP(double, float, narrow_f64(x, saturations))
	case NEURON_I64:
		LOOP(int64_t, int32_t, narrow_i64(x, saturations))
	case NEURON_U64:
		LOOP(uint64_t, int32_t, narrow_u64(x, saturations))
	case NEURON_U32:
		LOOP(uint32_t, int32_t, narrow_u32(x, saturations))
	case NEURON_I16:
		LOOP(int16_t, int32_t, narrow_16(x, saturations))
	case NEURON_U16:
		LOOP(uint16_t, int32_t, narrow_16(x, saturations))
	}
}

void nk_widen(unsigned int dtype, void *to, ptrdiff_t dst_step, const void *from,
	      ptrdiff_t src_step, size_t n)
{
	const char *src = from;
	char *dst = to;

	switch (dtype) {
	case NEURON_F64:
		LOOP(float, double, x)
	case NEURON_I64:
	case NEURON_U64:
		LOOP(int32_t, int64_t, x)
	case NEURON_U32:
		LOOP(int32_t, int32_t, x)
	case NEURON_I16:
	case NEURON_U16:
		LOOP(int32_t, uint16_t, (uint16_t)x)
	}
}
