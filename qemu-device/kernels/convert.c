// SPDX-License-Identifier: MIT
/*
 * Rows of elements to and from float and int32.
 *
 * A row has a type and a distance between neighbours. Contiguous rows, which
 * are nearly all, go through loops that the compiler vectorises; repeated
 * elements (distance 0) are converted once.
 */
#include <math.h>

#include "nk.h"

/*
 * IEEE half precision, without branches so that it vectorises. Scaling by
 * 2^112 moves the exponent from half's bias to float's, and normalises
 * subnormal numbers on the way.
 */
static inline float f16_to_f32(uint16_t h)
{
	uint32_t sign = (uint32_t)(h & 0x8000) << 16;
	uint32_t shifted = (uint32_t)(h & 0x7fff) << 13;
	uint32_t special = shifted | 0x7f800000 | (h & 0x3ff ? 0x00400000 : 0);
	uint32_t finite = nk_bits(nk_float(shifted) * 0x1p112f);

	return nk_float(sign | ((h & 0x7c00) == 0x7c00 ? special : finite));
}

/*
 * Nearest, ties to even. Below 2^-14 the result is subnormal: adding 0.5 makes
 * the adder round at 2^-24, half's smallest step. NaN stays NaN, quiet, with
 * the top of its payload.
 */
static inline uint16_t f32_to_f16(float f)
{
	uint32_t u = nk_bits(f);
	uint32_t sign = u >> 16 & 0x8000;
	uint32_t a = u & 0x7fffffff;
	uint32_t subnormal = nk_bits(nk_float(a) + 0.5f) - 0x3f000000;
	uint32_t normal = ((a + 0xfff + (a >> 13 & 1)) >> 13) - 0x1c000;
	uint32_t nan = 0x7e00 | (a >> 13 & 0x3ff);
	uint32_t h = a < 0x38800000 ? subnormal : normal;

	h = a >= 0x477ff000 ? 0x7c00 : h;
	h = a > 0x7f800000 ? nan : h;
	return sign | h;
}

static inline float bf16_to_f32(uint16_t h)
{
	return nk_float((uint32_t)h << 16);
}

float nk_bf16_to_f32(uint16_t h)
{
	return bf16_to_f32(h);
}

uint16_t nk_f32_to_bf16(float f)
{
	return nk_round_bf16(f);
}

float nk_f16_to_f32(uint16_t h)
{
	return f16_to_f32(h);
}

uint16_t nk_f32_to_f16(float f)
{
	return f32_to_f16(f);
}

/* Toward zero, saturating; 0 for NaN. 2147483520 is the greatest float below 2^31. */
static inline int32_t f32_to_i32(float f)
{
	float clamped = f < -0x1p31f ? -0x1p31f : f;

	clamped = clamped > 2147483520.0f ? 2147483520.0f : clamped;
	clamped = f == f ? clamped : 0;
	return f >= 0x1p31f ? INT32_MAX : (int32_t)clamped;
}

static inline int32_t i64_to_i32(int64_t v)
{
	v = v < INT32_MIN ? INT32_MIN : v;
	return v > INT32_MAX ? INT32_MAX : v;
}

static inline int32_t clamp(int32_t v, int32_t low, int32_t high)
{
	v = v < low ? low : v;
	return v > high ? high : v;
}

/*
 * A loop for a contiguous row and one for any other. Unaligned elements do not
 * exist: the validator refuses such offsets.
 */
#define DEFINE_LOAD(name, stored, computed, convert)				\
NK_CLONES static void load_row_##name(computed *restrict dst,			\
				      const stored *restrict src, size_t n)	\
{										\
	for (size_t i = 0; i < n; i++)						\
		dst[i] = convert(src[i]);					\
}										\
										\
static void load_##name(computed *dst, const char *src, ptrdiff_t step,	\
			size_t n)						\
{										\
	if (step == sizeof(stored)) {						\
		load_row_##name(dst, (const stored *)src, n);			\
	} else if (!step) {							\
		computed v = convert(*(const stored *)src);			\
										\
		for (size_t i = 0; i < n; i++)					\
			dst[i] = v;						\
	} else {								\
		for (size_t i = 0; i < n; i++, src += step)			\
			dst[i] = convert(*(const stored *)src);			\
	}									\
}

#define SAME(x)		(x)
#define I64_TO_F32(x)	((float)i64_to_i32(x))

DEFINE_LOAD(f32_f32, float, float, SAME)
DEFINE_LOAD(bf16_f32, uint16_t, float, bf16_to_f32)
DEFINE_LOAD(f16_f32, uint16_t, float, f16_to_f32)
DEFINE_LOAD(i8_f32, int8_t, float, SAME)
DEFINE_LOAD(u8_f32, uint8_t, float, SAME)
DEFINE_LOAD(i32_f32, int32_t, float, SAME)
DEFINE_LOAD(i64_f32, int64_t, float, I64_TO_F32)
DEFINE_LOAD(i8_i32, int8_t, int32_t, SAME)
DEFINE_LOAD(u8_i32, uint8_t, int32_t, SAME)
DEFINE_LOAD(i32_i32, int32_t, int32_t, SAME)
DEFINE_LOAD(i64_i32, int64_t, int32_t, i64_to_i32)

void nk_copy_f32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n, float *buf)
{
	switch (dtype) {
	case NEURON_F32:
		load_f32_f32(buf, src, step, n);
		break;
	case NEURON_BF16:
		load_bf16_f32(buf, src, step, n);
		break;
	case NEURON_F16:
		load_f16_f32(buf, src, step, n);
		break;
	case NEURON_I8:
		load_i8_f32(buf, src, step, n);
		break;
	case NEURON_U8:
		load_u8_f32(buf, src, step, n);
		break;
	case NEURON_I32:
		load_i32_f32(buf, src, step, n);
		break;
	case NEURON_I64:
		load_i64_f32(buf, src, step, n);
		break;
	}
}

void nk_copy_i32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n, int32_t *buf)
{
	switch (dtype) {
	case NEURON_I8:
		load_i8_i32(buf, src, step, n);
		break;
	case NEURON_U8:
		load_u8_i32(buf, src, step, n);
		break;
	case NEURON_I32:
		load_i32_i32(buf, src, step, n);
		break;
	case NEURON_I64:
		load_i64_i32(buf, src, step, n);
		break;
	}
}

const float *nk_load_f32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n,
			 float *buf)
{
	if (dtype == NEURON_F32 && step == sizeof(float))
		return src;
	nk_copy_f32(dtype, src, step, n, buf);
	return buf;
}

const int32_t *nk_load_i32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n,
			   int32_t *buf)
{
	if (dtype == NEURON_I32 && step == sizeof(int32_t))
		return src;
	nk_copy_i32(dtype, src, step, n, buf);
	return buf;
}

/* Elements whose bits without the sign are @least or more: NaN, and infinities if so. */
NK_CLONES static uint64_t count_from_32(const uint32_t *src, size_t n, uint32_t least)
{
	uint64_t found = 0;

	/* Counted in 32 bits, which twice as many lanes can do. */
	for (size_t done = 0; done < n; done += 1u << 20) {
		size_t end = n - done < 1u << 20 ? n : done + (1u << 20);
		uint32_t part = 0;

		for (size_t i = done; i < end; i++)
			part += (src[i] & 0x7fffffff) >= least;
		found += part;
	}
	return found;
}

NK_CLONES static uint64_t count_from_16(const uint16_t *src, size_t n, uint16_t least)
{
	uint64_t found = 0;

	for (size_t done = 0; done < n; done += 1u << 15) {
		size_t end = n - done < 1u << 15 ? n : done + (1u << 15);
		uint16_t part = 0;

		for (size_t i = done; i < end; i++)
			part += (src[i] & 0x7fff) >= least;
		found += part;
	}
	return found;
}

/* @behind: 0 for the infinities, too; 1 for what lies behind them. */
static uint64_t count_from(unsigned int dtype, const void *src, size_t n, unsigned int behind)
{
	switch (dtype) {
	case NEURON_F32:
		return count_from_32(src, n, 0x7f800000 + behind);
	case NEURON_BF16:
		return count_from_16(src, n, 0x7f80 + behind);
	case NEURON_F16:
		return count_from_16(src, n, 0x7c00 + behind);
	}
	return 0;
}

uint64_t nk_count_nans(unsigned int dtype, const void *src, size_t n)
{
	return count_from(dtype, src, n, 1);
}

uint64_t nk_count_infs(unsigned int dtype, const void *src, size_t n, uint64_t *nans)
{
	uint64_t odd = count_from(dtype, src, n, 0);

	/* Hardly ever is there any. */
	*nans = odd ? count_from(dtype, src, n, 1) : 0;
	return odd - *nans;
}

NK_CLONES static void row_bf16(uint16_t *restrict dst, const float *restrict src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = nk_round_bf16(src[i]);
}

NK_CLONES static void row_f16(uint16_t *restrict dst, const float *restrict src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = f32_to_f16(src[i]);
}

/* Integers that do not fit saturate; the count of them is returned. */
NK_CLONES static uint32_t row_i32(int32_t *restrict dst, const float *restrict src, size_t n)
{
	uint32_t saturated = 0;

	for (size_t i = 0; i < n; i++) {
		dst[i] = f32_to_i32(src[i]);
		saturated += src[i] >= 0x1p31f || src[i] < -0x1p31f;
	}
	return saturated;
}

NK_CLONES static uint32_t row_rounded_i32(int32_t *restrict dst, const float *restrict src,
					  int32_t zero_point, size_t n)
{
	uint32_t saturated = 0;

	for (size_t i = 0; i < n; i++) {
		double v = rint((double)src[i]) + zero_point;

		v = src[i] == src[i] ? v : zero_point;
		saturated += v > INT32_MAX || v < INT32_MIN;
		v = v > INT32_MAX ? INT32_MAX : v;
		v = v < INT32_MIN ? INT32_MIN : v;
		dst[i] = (int32_t)v;
	}
	return saturated;
}

#define DEFINE_NARROW(name, type, low, high)					\
NK_CLONES static uint32_t row_##name(type *restrict dst,			\
				     const int32_t *restrict src, size_t n)	\
{										\
	uint32_t saturated = 0;							\
										\
	for (size_t i = 0; i < n; i++) {					\
		saturated += src[i] < (low) || src[i] > (high);			\
		dst[i] = clamp(src[i], low, high);				\
	}									\
	return saturated;							\
}

DEFINE_NARROW(i8, int8_t, INT8_MIN, INT8_MAX)
DEFINE_NARROW(u8, uint8_t, 0, UINT8_MAX)

/* A zero point is at most 2^20, so that rounding saturates far enough out. */
#define DEFINE_ROUNDED(name, type, low, high)					\
NK_CLONES static uint32_t row_rounded_##name(type *restrict dst,		\
					     const float *restrict src,		\
					     int32_t zero_point, size_t n)	\
{										\
	uint32_t saturated = 0;							\
										\
	for (size_t i = 0; i < n; i++) {					\
		int32_t v = nk_round_i32(src[i]) + zero_point;			\
										\
		saturated += v < (low) || v > (high);				\
		dst[i] = clamp(v, low, high);					\
	}									\
	return saturated;							\
}

DEFINE_ROUNDED(i8, int8_t, INT8_MIN, INT8_MAX)
DEFINE_ROUNDED(u8, uint8_t, 0, UINT8_MAX)

/* Widening to int64 is exact. */
static void row_i64(int64_t *dst, const int32_t *src, size_t n)
{
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i];
}

/* Elements of a finished row to where they belong. */
static void scatter(void *dst, ptrdiff_t step, size_t n, const void *src, size_t size)
{
	char *to = dst;

	switch (size) {
	case 1:
		for (size_t i = 0; i < n; i++, to += step)
			*(uint8_t *)to = ((const uint8_t *)src)[i];
		break;
	case 2:
		for (size_t i = 0; i < n; i++, to += step)
			*(uint16_t *)to = ((const uint16_t *)src)[i];
		break;
	case 4:
		for (size_t i = 0; i < n; i++, to += step)
			*(uint32_t *)to = ((const uint32_t *)src)[i];
		break;
	case 8:
		for (size_t i = 0; i < n; i++, to += step)
			*(uint64_t *)to = ((const uint64_t *)src)[i];
		break;
	}
}

/* Stores go through a piece of the stack when the row is not contiguous. */
#define PIECE	256

void nk_store_f32(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		  const float *src, struct nk_stats *stats)
{
	size_t size = nk_size(dtype);
	uint64_t piece[PIECE] NK_ALIGNED;
	int32_t whole[PIECE] NK_ALIGNED;

	for (size_t done = 0; done < n;) {
		bool direct = step == (ptrdiff_t)size;
		bool pieces = !direct || !(nk_is_float(dtype) || dtype == NEURON_I32);
		size_t count = pieces && n - done > PIECE ? PIECE : n - done;
		char *at = (char *)dst + (ptrdiff_t)done * step;
		void *to = direct ? at : (char *)piece;
		const float *from = src + done;

		switch (dtype) {
		case NEURON_F32:
			if (to == piece)
				to = (void *)from;
			else if (to != from)
				memcpy(to, from, count * sizeof(float));
			break;
		case NEURON_BF16:
			row_bf16(to, from, count);
			break;
		case NEURON_F16:
			row_f16(to, from, count);
			break;
		case NEURON_I32:
			stats->saturations += row_i32(to, from, count);
			break;
		case NEURON_I8:
			row_i32(whole, from, count);
			stats->saturations += row_i8(to, whole, count);
			break;
		case NEURON_U8:
			row_i32(whole, from, count);
			stats->saturations += row_u8(to, whole, count);
			break;
		case NEURON_I64:
			stats->saturations += row_i32(whole, from, count);
			row_i64(to, whole, count);
			break;
		}
		if (nk_is_float(dtype))
			stats->nans += nk_count_nans(NEURON_F32, from, count);
		if (!direct)
			scatter(at, step, count, to, size);
		done += count;
	}
}

void nk_store_i32(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		  const int32_t *src, struct nk_stats *stats)
{
	size_t size = nk_size(dtype);
	uint64_t piece[PIECE] NK_ALIGNED;

	for (size_t done = 0; done < n;) {
		size_t count = n - done > PIECE ? PIECE : n - done;
		bool direct = step == (ptrdiff_t)size;
		char *at = (char *)dst + (ptrdiff_t)done * step;
		void *to = direct ? at : (char *)piece;
		const int32_t *from = src + done;

		switch (dtype) {
		case NEURON_F32:
		case NEURON_BF16:
		case NEURON_F16: {
			float f[PIECE] NK_ALIGNED;

			load_i32_f32(f, (const char *)from, sizeof(int32_t), count);
			nk_store_f32(dtype, at, step, count, f, stats);
			direct = true;
			break;
		}
		case NEURON_I8:
			stats->saturations += row_i8(to, from, count);
			break;
		case NEURON_U8:
			stats->saturations += row_u8(to, from, count);
			break;
		case NEURON_I32:
			if (direct)
				memmove(to, from, count * sizeof(int32_t));
			else
				to = (void *)from;
			break;
		case NEURON_I64:
			row_i64(to, from, count);
			break;
		}
		if (!direct)
			scatter(at, step, count, to, size);
		done += count;
	}
}

void nk_store_rounded(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		      const float *src, int32_t zero_point, struct nk_stats *stats)
{
	size_t size = nk_size(dtype);
	uint32_t piece[PIECE] NK_ALIGNED;

	if (!nk_is_byte(dtype) && dtype != NEURON_I32) {
		nk_store_f32(dtype, dst, step, n, src, stats);
		return;
	}
	if (dtype != NEURON_I32)
		zero_point = clamp(zero_point, -(1 << 20), 1 << 20);

	for (size_t done = 0; done < n;) {
		size_t count = n - done > PIECE ? PIECE : n - done;
		bool direct = step == (ptrdiff_t)size;
		char *at = (char *)dst + (ptrdiff_t)done * step;
		void *to = direct ? at : (char *)piece;
		const float *from = src + done;

		if (dtype == NEURON_I8)
			stats->saturations += row_rounded_i8(to, from, zero_point, count);
		else if (dtype == NEURON_U8)
			stats->saturations += row_rounded_u8(to, from, zero_point, count);
		else
			stats->saturations += row_rounded_i32(to, from, zero_point, count);
		if (!direct)
			scatter(at, step, count, to, size);
		done += count;
	}
}
