// SPDX-License-Identifier: MIT
/*
 * Products of bf16 and of bytes with AVX-512's dot products: as for fp32, up to twelve rows
 * times two vectors of columns stay in registers over the whole sum. A lane holds the sum
 * of a column, and takes a pair of bf16 or four bytes of it at a time.
 */
#include "panels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))
#define INLINE	static inline __attribute__((always_inline, \
			target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))

#define LANES		16
#define ROWS		12
#define TILE_BYTES	(LANES * PANEL_STEP)

bool dot_available(unsigned int dtype)
{
	if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
	    !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vnni"))
		return false;
	return dtype != NEURON_BF16 || __builtin_cpu_supports("avx512bf16");
}

enum kind {
	OF_BF16,
	OF_BYTES,	/* unsigned times signed ones */
	OF_FLIPPED,	/* signed ones, plus 128, times signed ones */
};

/* Registers of the one type: what is in them is what the instructions take it for. */
INLINE __m512i dot(__m512i sum, __m512i a, __m512i b, const enum kind kind)
{
	if (kind == OF_BF16)
		return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)a,
							    (__m512bh)b));
	return _mm512_dpbusd_epi32(sum, a, b);
}

INLINE __m512i four(const void *from, const enum kind kind)
{
	int bits;
	__m512i all;

	__builtin_memcpy(&bits, from, sizeof(bits));
	all = _mm512_set1_epi32(bits);
	return kind == OF_FLIPPED ? _mm512_xor_si512(all, _mm512_set1_epi8(-128)) : all;
}

struct rows {
	const char *a;
	ptrdiff_t a_row;		/* in bytes */
	const ptrdiff_t *shift;
	size_t bytes;			/* of a row */
	const char *b;
	float *c;
	ptrdiff_t c_row;		/* in elements */
};

INLINE void multiply_rows(const struct rows *w, const unsigned int rows, const enum kind kind)
{
	const char *b = w->b, *a = w->a, *end;
	__m512i sum[ROWS][2], x, y, all;
	ptrdiff_t a_row = w->a_row;
	size_t left = w->bytes;
	uint32_t s = 0;

	for (unsigned int r = 0; r < rows; r++)
		sum[r][0] = sum[r][1] = _mm512_setzero_si512();
	while (left >= 4) {
		size_t bytes = left < PANEL_STEP ? left / 4 * 4 : PANEL_STEP;

		a = w->a + (w->shift ? w->shift[s] : (ptrdiff_t)s * PANEL_STEP);
		b = w->b + (size_t)s * 2 * TILE_BYTES;
		left -= bytes;
		s++;
		for (end = a + bytes; a < end; a += 4, b += PANEL_STEP) {
			x = _mm512_load_si512(b);
			y = _mm512_load_si512(b + TILE_BYTES);
			for (unsigned int r = 0; r < rows; r++) {
				all = four(a + r * a_row, kind);
				sum[r][0] = dot(sum[r][0], all, x, kind);
				sum[r][1] = dot(sum[r][1], all, y, kind);
			}
		}
	}
	if (left) {
		/* These begin a step, if the others have filled theirs. */
		if (w->bytes % PANEL_STEP == left) {
			a = w->a + (ptrdiff_t)s * PANEL_STEP;
			b = w->b + (size_t)s * 2 * TILE_BYTES;
		}
		x = _mm512_load_si512(b);
		y = _mm512_load_si512(b + TILE_BYTES);
		for (unsigned int r = 0; r < rows; r++) {
			uint32_t last = 0;

			__builtin_memcpy(&last, a + r * a_row, left);
			all = four(&last, kind);
			sum[r][0] = dot(sum[r][0], all, x, kind);
			sum[r][1] = dot(sum[r][1], all, y, kind);
		}
	}
	for (unsigned int r = 0; r < rows; r++) {
		_mm512_storeu_si512(w->c + r * w->c_row, sum[r][0]);
		_mm512_storeu_si512(w->c + r * w->c_row + LANES, sum[r][1]);
	}
}

/* One copy of the loop for each number of rows, so that the sums are registers. */
#define CASE(n, kind)					\
	case n:						\
		multiply_rows(w, n, kind);		\
		break

#define MULTIPLY(name, kind)							\
TARGET static void multiply_##name(const struct rows *w, unsigned int rows)	\
{										\
	switch (rows) {								\
	CASE(1, kind);								\
	CASE(2, kind);								\
	CASE(3, kind);								\
	CASE(4, kind);								\
	CASE(5, kind);								\
	CASE(6, kind);								\
	CASE(7, kind);								\
	CASE(8, kind);								\
	CASE(9, kind);								\
	CASE(10, kind);								\
	CASE(11, kind);								\
	CASE(12, kind);								\
	}									\
}

MULTIPLY(bf16, OF_BF16)
MULTIPLY(bytes, OF_BYTES)
MULTIPLY(flipped, OF_FLIPPED)

void dot_multiply(unsigned int a_dtype, uint32_t m, uint32_t n, uint32_t k, const void *a,
		  ptrdiff_t a_row, const ptrdiff_t *shift, const void *packed, void *sums,
		  ptrdiff_t sums_row)
{
	size_t size = nk_size(a_dtype), panel = panel_bytes(a_dtype, k);
	uint32_t blocks = (m + ROWS - 1) / ROWS;
	struct rows w = {
		.a_row = a_row * (ptrdiff_t)size,
		.shift = shift,
		.bytes = k * size,
		.b = packed,
		.c_row = sums_row,
	};

	for (uint32_t j = 0; j < n; j += PANEL_COLUMNS, w.b += panel) {
		uint32_t first = 0;

		/* Blocks of about the same size: few rows don't keep the processor busy. */
		for (uint32_t i = 0; i < blocks; i++) {
			uint32_t end = (uint32_t)((uint64_t)m * (i + 1) / blocks);

			w.a = (const char *)a + (ptrdiff_t)first * w.a_row;
			w.c = (float *)sums + (ptrdiff_t)first * sums_row + j;
			if (a_dtype == NEURON_BF16)
				multiply_bf16(&w, end - first);
			else if (a_dtype == NEURON_U8)
				multiply_bytes(&w, end - first);
			else
				multiply_flipped(&w, end - first);
			first = end;
		}
	}
}

TARGET void dot_column_sums(uint32_t n, uint32_t k, const void *packed, uint32_t *sums)
{
	const __m512i ones = _mm512_set1_epi8(1);
	size_t panel = panel_bytes(NEURON_I8, k);
	const char *from = packed;

	for (uint32_t j = 0; j < n; j += LANES, from += j % PANEL_COLUMNS ? 0 : panel) {
		const char *at = from + j / LANES % 2 * TILE_BYTES;
		__mmask16 columns = n - j < LANES ? (1u << (n - j)) - 1 : 0xffff;
		__m512i sum = _mm512_setzero_si512();

		for (size_t i = 0; i < panel / (2 * TILE_BYTES); i++, at += 2 * TILE_BYTES)
			for (size_t g = 0; g < TILE_BYTES; g += PANEL_STEP)
				sum = _mm512_dpbusd_epi32(sum, ones, _mm512_load_si512(at + g));
		_mm512_mask_storeu_epi32(sums + j, columns, sum);
	}
}

#else

bool dot_available(unsigned int dtype)
{
	(void)dtype;
	return false;
}

void dot_multiply(unsigned int a_dtype, uint32_t m, uint32_t n, uint32_t k, const void *a,
		  ptrdiff_t a_row, const ptrdiff_t *shift, const void *packed, void *sums,
		  ptrdiff_t sums_row)
{
	(void)a_dtype, (void)m, (void)n, (void)k, (void)a, (void)a_row, (void)shift;
	(void)packed, (void)sums, (void)sums_row;
}

void dot_column_sums(uint32_t n, uint32_t k, const void *packed, uint32_t *sums)
{
	(void)n, (void)k, (void)packed, (void)sums;
}
#endif
