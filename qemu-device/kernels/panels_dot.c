// SPDX-License-Identifier: MIT
/*
 * Products of bf16 and of bytes with AVX-512's dot products: as for fp32, up to twelve rows
 * times two vectors of columns stay in registers over the whole sum. A lane holds the sum
 * of a column, and takes a pair of bf16 or four bytes of it at a time. Where dot products of
 * bf16 are slow, the pairs are made fp32 on the way, for fused multiply-adds.
 */
#include "panels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))
#define INLINE	static inline __attribute__((always_inline, \
			target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni,avx512bf16")))

#define LANES		16
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
};

/* Registers of the one type: what is in them is what the instructions take it for. */
INLINE __m512i dot(__m512i sum, __m512i a, __m512i b, const enum kind kind)
{
	if (kind == OF_BF16)
		return _mm512_castps_si512(_mm512_dpbf16_ps(_mm512_castsi512_ps(sum), (__m512bh)a,
							    (__m512bh)b));
	return _mm512_dpbusd_epi32(sum, a, b);
}

INLINE __m512i four(const void *from)
{
	int bits;

	__builtin_memcpy(&bits, from, sizeof(bits));
	return _mm512_set1_epi32(bits);
}

INLINE void multiply_rows(const struct panel_part *part, const unsigned int rows,
			  const enum kind kind, const bool fetches)
{
	const char *b = part->b, *a = part->a, *ahead = part->ahead, *end;
	ptrdiff_t a_row = part->a_row, c_row = part->c_row;
	__m512i sum[PANEL_TOGETHER][2], x, y, all;
	size_t left = part->bytes;
	float *c = part->c;
	uint32_t s = 0;

	x = part->start ? _mm512_loadu_si512(part->start) : _mm512_setzero_si512();
	y = part->start ? _mm512_loadu_si512(part->start + LANES) : _mm512_setzero_si512();
	for (unsigned int r = 0; r < rows; r++) {
		sum[r][0] = part->adds ? _mm512_loadu_si512(c + r * c_row) : x;
		sum[r][1] = part->adds ? _mm512_loadu_si512(c + r * c_row + LANES) : y;
	}
	while (left >= 4) {
		size_t bytes = left < PANEL_STEP ? left / 4 * 4 : PANEL_STEP;

		a = part->a + (part->shift ? part->shift[s] : (ptrdiff_t)s * PANEL_STEP);
		b = part->b + (size_t)s * 2 * TILE_BYTES;
		left -= bytes;
		s++;
		for (end = a + bytes; a < end; a += 4, b += PANEL_STEP) {
			x = _mm512_load_si512(b);
			y = _mm512_load_si512(b + TILE_BYTES);
			if (fetches) {	/* of a pair of rows */
				_mm_prefetch(ahead, _MM_HINT_T1);
				_mm_prefetch(ahead + part->ahead_row, _MM_HINT_T1);
				ahead += 2 * part->ahead_row;
			}
			for (unsigned int r = 0; r < rows; r++) {
				all = four(a + r * a_row);
				sum[r][0] = dot(sum[r][0], all, x, kind);
				sum[r][1] = dot(sum[r][1], all, y, kind);
			}
		}
	}
	if (left) {
		/* These begin a step, if the others have filled theirs. */
		if (part->bytes % PANEL_STEP == left) {
			a = part->a + (ptrdiff_t)s * PANEL_STEP;
			b = part->b + (size_t)s * 2 * TILE_BYTES;
		}
		x = _mm512_load_si512(b);
		y = _mm512_load_si512(b + TILE_BYTES);
		for (unsigned int r = 0; r < rows; r++) {
			uint32_t last = 0;

			__builtin_memcpy(&last, a + r * a_row, left);
			all = four(&last);
			sum[r][0] = dot(sum[r][0], all, x, kind);
			sum[r][1] = dot(sum[r][1], all, y, kind);
		}
	}
	for (unsigned int r = 0; r < rows; r++) {
		_mm512_storeu_si512(c + r * c_row, sum[r][0]);
		_mm512_storeu_si512(c + r * c_row + LANES, sum[r][1]);
	}
}

/* The first and the second of sixteen pairs of bf16 as fp32. */
INLINE __m512 first_of(__m512i pairs)
{
	return _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
}

INLINE __m512 second_of(__m512i pairs)
{
	return _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536)));
}

/* @bytes of a row, up to PANEL_STEP of them: first all that are the first of a pair. */
INLINE void widen(float *to, const char *a, size_t bytes)
{
	__mmask32 there = bytes < PANEL_STEP ? (1u << bytes / 2) - 1 : ~0u;
	__m512i pairs = _mm512_maskz_loadu_epi16(there, a);

	_mm512_store_ps(to, first_of(pairs));
	_mm512_store_ps(to + LANES, second_of(pairs));
}

/* The same of bf16, whose rows become fp32 a step at a time, and columns a pair at a time. */
INLINE void multiply_wide(const struct panel_part *part, const unsigned int rows,
			  const bool fetches)
{
	float wide[PANEL_TOGETHER][2 * LANES] NK_ALIGNED;
	__m512 sum[PANEL_TOGETHER][2];
	const char *ahead = part->ahead, *b = part->b;
	ptrdiff_t c_row = part->c_row;
	size_t left = part->bytes;
	float *c = part->c;

	for (unsigned int r = 0; r < rows; r++) {
		sum[r][0] = part->adds ? _mm512_loadu_ps(c + r * c_row) : _mm512_setzero_ps();
		sum[r][1] = part->adds ? _mm512_loadu_ps(c + r * c_row + LANES) :
					 _mm512_setzero_ps();
	}
	for (uint32_t s = 0; left; s++, b += TILE_BYTES) {
		size_t bytes = left < PANEL_STEP ? left : PANEL_STEP;
		const char *a = part->a + (part->shift ? part->shift[s] :
							 (ptrdiff_t)s * PANEL_STEP);

		left -= bytes;
		for (unsigned int r = 0; r < rows; r++)
			widen(wide[r], a + r * part->a_row, bytes);
		for (size_t p = 0; p < (bytes + 3) / 4; p++, b += PANEL_STEP) {
			const __m512i x = _mm512_load_si512(b);
			const __m512i y = _mm512_load_si512(b + TILE_BYTES);

			if (fetches) {	/* of a pair of rows */
				_mm_prefetch(ahead, _MM_HINT_T1);
				_mm_prefetch(ahead + part->ahead_row, _MM_HINT_T1);
				ahead += 2 * part->ahead_row;
			}
			for (unsigned int r = 0; r < rows; r++) {
				__m512 all = _mm512_set1_ps(wide[r][p]);

				sum[r][0] = _mm512_fmadd_ps(all, first_of(x), sum[r][0]);
				sum[r][1] = _mm512_fmadd_ps(all, first_of(y), sum[r][1]);
			}
			for (unsigned int r = 0; r < rows; r++) {
				__m512 all = _mm512_set1_ps(wide[r][LANES + p]);

				sum[r][0] = _mm512_fmadd_ps(all, second_of(x), sum[r][0]);
				sum[r][1] = _mm512_fmadd_ps(all, second_of(y), sum[r][1]);
			}
		}
	}
	for (unsigned int r = 0; r < rows; r++) {
		_mm512_storeu_ps(c + r * c_row, sum[r][0]);
		_mm512_storeu_ps(c + r * c_row + LANES, sum[r][1]);
	}
}

/* One copy of the loop for each number of rows, so that the sums are registers. */
#define CASE(n, how, ...)				\
	case n:						\
		how(part, n, __VA_ARGS__);		\
		break

#define MULTIPLY(name, ...)								\
TARGET static void multiply_##name(const struct panel_part *part, unsigned int rows)	\
{											\
	switch (rows) {									\
	CASE(1, __VA_ARGS__);								\
	CASE(2, __VA_ARGS__);								\
	CASE(3, __VA_ARGS__);								\
	CASE(4, __VA_ARGS__);								\
	CASE(5, __VA_ARGS__);								\
	CASE(6, __VA_ARGS__);								\
	CASE(7, __VA_ARGS__);								\
	CASE(8, __VA_ARGS__);								\
	CASE(9, __VA_ARGS__);								\
	CASE(10, __VA_ARGS__);								\
	CASE(11, __VA_ARGS__);								\
	CASE(12, __VA_ARGS__);								\
	}										\
}

MULTIPLY(bf16, multiply_rows, OF_BF16, false)
MULTIPLY(fetching, multiply_rows, OF_BF16, true)
MULTIPLY(bytes, multiply_rows, OF_BYTES, false)
MULTIPLY(wide_bf16, multiply_wide, false)
MULTIPLY(wide_fetching, multiply_wide, true)

/* Apart from the products: Intel's processors have the same two ports for both. */
TARGET void dot_flip(const struct panel_part *part, unsigned int rows, char *to, ptrdiff_t to_row)
{
	for (size_t at = 0; at < part->bytes; at += PANEL_STEP) {
		size_t left = part->bytes - at;
		__mmask64 there = left < PANEL_STEP ? (1ull << left) - 1 : ~0ull;
		const char *a = part->a + (part->shift ? part->shift[at / PANEL_STEP] :
							 (ptrdiff_t)at);

		for (unsigned int r = 0; r < rows; r++) {
			__m512i step = _mm512_maskz_loadu_epi8(there, a + r * part->a_row);

			step = _mm512_xor_si512(step, _mm512_set1_epi8(-128));
			_mm512_store_si512(to + r * to_row + at, step);
		}
	}
}

/*
 * Intel's processors multiply and add fp32 on two ports, and pairs of bf16 on one, at half
 * the pace: 73 GFLOPS against 117 on an Emerald Rapids that hides its AMX.
 */
bool dot_widens(void)
{
	return __builtin_cpu_is("intel");
}

void dot_multiply(unsigned int a_dtype, bool wide, const struct panel_part *part,
		  unsigned int rows)
{
	if (a_dtype == NEURON_U8)
		multiply_bytes(part, rows);
	else if (part->ahead)
		(wide ? multiply_wide_fetching : multiply_fetching)(part, rows);
	else
		(wide ? multiply_wide_bf16 : multiply_bf16)(part, rows);
}

TARGET void dot_column_sums(uint32_t n, uint32_t k, const void *packed, uint32_t *sums)
{
	const __m512i ones = _mm512_set1_epi8(1);
	size_t panel = panel_bytes(NEURON_I8, k);
	const char *from = packed;

	for (uint32_t j = 0; j < n; j += PANEL_COLUMNS, from += panel) {
		__m512i x = _mm512_setzero_si512(), y = x;

		for (size_t at = 0; at < panel; at += 2 * TILE_BYTES)
			for (size_t g = at; g < at + TILE_BYTES; g += PANEL_STEP) {
				x = _mm512_dpbusd_epi32(x, ones, _mm512_load_si512(from + g));
				y = _mm512_dpbusd_epi32(y, ones, _mm512_load_si512(from + g +
										    TILE_BYTES));
			}
		_mm512_storeu_si512(sums + j, x);
		_mm512_storeu_si512(sums + j + LANES, y);
	}
}

#else

bool dot_available(unsigned int dtype)
{
	(void)dtype;
	return false;
}

bool dot_widens(void)
{
	return false;
}

void dot_multiply(unsigned int a_dtype, bool wide, const struct panel_part *part,
		  unsigned int rows)
{
	(void)a_dtype, (void)wide, (void)part, (void)rows;
}

void dot_flip(const struct panel_part *part, unsigned int rows, char *to, ptrdiff_t to_row)
{
	(void)part, (void)rows, (void)to, (void)to_row;
}

void dot_column_sums(uint32_t n, uint32_t k, const void *packed, uint32_t *sums)
{
	(void)n, (void)k, (void)packed, (void)sums;
}
#endif
