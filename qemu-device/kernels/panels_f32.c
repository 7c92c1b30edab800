// SPDX-License-Identifier: MIT
/*
 * Products of fp32 with AVX-512: up to twelve rows times two vectors of columns stay in
 * registers over the whole sum.
 */
#include "panels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET	__attribute__((target("avx512f")))
#define INLINE	static inline __attribute__((always_inline, target("avx512f")))

#define LANES	16

bool f32_available(void)
{
	return __builtin_cpu_supports("avx512f");
}

/* Rows that are contiguous: all columns of a row before the next row. */
TARGET static void pack_rows(uint32_t k, uint32_t n, const float *b, ptrdiff_t row, char *packed,
			     size_t panel)
{
	for (uint32_t i = 0; i < k; i++, b += row) {
		float *to = (float *)packed + (size_t)i * PANEL_COLUMNS;

		for (uint32_t j = 0; j < n; j += PANEL_COLUMNS, to += panel / sizeof(*to)) {
			uint32_t left = n - j < PANEL_COLUMNS ? n - j : PANEL_COLUMNS;
			__mmask16 low = left < LANES ? (1u << left) - 1 : 0xffff;
			__mmask16 high = left < LANES ? 0 : left < PANEL_COLUMNS ?
					 (1u << (left - LANES)) - 1 : 0xffff;

			_mm512_store_ps(to, _mm512_maskz_loadu_ps(low, b + j));
			_mm512_store_ps(to + LANES, _mm512_maskz_loadu_ps(high, b + j + LANES));
		}
	}
}

void f32_pack(uint32_t k, uint32_t n, const float *b, ptrdiff_t row, ptrdiff_t column,
	      float *packed)
{
	size_t panel = panel_bytes(NEURON_F32, k);

	if (column == 1) {
		pack_rows(k, n, b, row, (char *)packed, panel);
		return;
	}
	for (uint32_t j = 0; j < (n + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS; j++) {
		const float *from = b + (ptrdiff_t)j * column;
		float *to = (float *)((char *)packed + j / PANEL_COLUMNS * panel) +
			    j % PANEL_COLUMNS;

		for (uint32_t i = 0; i < k; i++)
			to[(size_t)i * PANEL_COLUMNS] = j < n ? from[(ptrdiff_t)i * row] : 0;
	}
}

INLINE void multiply_rows(const struct panel_part *part, const unsigned int rows,
			  const bool fetches)
{
	ptrdiff_t a_row = part->a_row / (ptrdiff_t)sizeof(float), c_row = part->c_row;
	const float *a = (const float *)part->a, *b = (const float *)part->b;
	size_t k = part->bytes / sizeof(float);
	const char *ahead = part->ahead;
	float *c = part->c;
	__m512 sum[PANEL_TOGETHER][2];

	for (unsigned int r = 0; r < rows; r++) {
		sum[r][0] = part->adds ? _mm512_loadu_ps(c + r * c_row) : _mm512_setzero_ps();
		sum[r][1] = part->adds ? _mm512_loadu_ps(c + r * c_row + LANES) :
					 _mm512_setzero_ps();
	}
	for (size_t i = 0; i < k; i++, b += PANEL_COLUMNS) {
		__m512 x = _mm512_load_ps(b), y = _mm512_load_ps(b + LANES);

		if (fetches) {
			_mm_prefetch(ahead, _MM_HINT_T1);
			_mm_prefetch(ahead + LANES * sizeof(float), _MM_HINT_T1);
			ahead += part->ahead_row;
		}
		for (unsigned int r = 0; r < rows; r++) {
			__m512 all = _mm512_set1_ps(a[r * a_row + (ptrdiff_t)i]);

			sum[r][0] = _mm512_fmadd_ps(all, x, sum[r][0]);
			sum[r][1] = _mm512_fmadd_ps(all, y, sum[r][1]);
		}
	}
	for (unsigned int r = 0; r < rows; r++) {
		_mm512_storeu_ps(c + r * c_row, sum[r][0]);
		_mm512_storeu_ps(c + r * c_row + LANES, sum[r][1]);
	}
}

/* One copy of the loop for each number of rows, so that the sums are registers. */
#define CASE(n, fetches)				\
	case n:						\
		multiply_rows(part, n, fetches);		\
		break

#define MULTIPLY(name, fetches)							\
TARGET static void name(const struct panel_part *part, unsigned int rows)	\
{										\
	switch (rows) {								\
	CASE(1, fetches);							\
	CASE(2, fetches);							\
	CASE(3, fetches);							\
	CASE(4, fetches);							\
	CASE(5, fetches);							\
	CASE(6, fetches);							\
	CASE(7, fetches);							\
	CASE(8, fetches);							\
	CASE(9, fetches);							\
	CASE(10, fetches);							\
	CASE(11, fetches);							\
	CASE(12, fetches);							\
	}									\
}

MULTIPLY(multiply, false)
MULTIPLY(multiply_fetching, true)

void f32_multiply(const struct panel_part *part, unsigned int rows)
{
	if (part->ahead)
		multiply_fetching(part, rows);
	else
		multiply(part, rows);
}

#else

bool f32_available(void)
{
	return false;
}

void f32_pack(uint32_t k, uint32_t n, const float *b, ptrdiff_t row, ptrdiff_t column,
	      float *packed)
{
	(void)k, (void)n, (void)b, (void)row, (void)column, (void)packed;
}

void f32_multiply(const struct panel_part *part, unsigned int rows)
{
	(void)part;
	(void)rows;
}
#endif
