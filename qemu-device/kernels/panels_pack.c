// SPDX-License-Identifier: MIT
/*
 * Panels of bf16 and of bytes, as AMX tiles and AVX-512's dot products take them: pairs
 * of rows, or fours, side by side in each column's 32 bits.
 */
#include "panels.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define TARGET	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq")))

#define TILE_BYTES	1024

/* Where pairs of two rows come from: those of the first sixteen columns, then the others. */
static const uint16_t pair_order[2][32] NK_ALIGNED = {
	{ 0, 32, 1, 33, 2, 34, 3, 35, 4, 36, 5, 37, 6, 38, 7, 39,
	  8, 40, 9, 41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47 },
	{ 16, 48, 17, 49, 18, 50, 19, 51, 20, 52, 21, 53, 22, 54, 23, 55,
	  24, 56, 25, 57, 26, 58, 27, 59, 28, 60, 29, 61, 30, 62, 31, 63 },
};

/* Two rows of up to 32 columns of bf16, as pairs. */
TARGET static void pack_pairs(const uint16_t *even, const uint16_t *odd, __mmask32 columns,
			      char *to)
{
	__m512i x = _mm512_maskz_loadu_epi16(columns, even);
	__m512i y = odd ? _mm512_maskz_loadu_epi16(columns, odd) : _mm512_setzero_si512();

	_mm512_store_si512(to, _mm512_permutex2var_epi16(x, _mm512_load_si512(pair_order[0]), y));
	_mm512_store_si512(to + TILE_BYTES,
			   _mm512_permutex2var_epi16(x, _mm512_load_si512(pair_order[1]), y));
}

/*
 * Four rows of up to 32 columns of bytes; a NULL row is zeros. @flip: added to all others.
 */
TARGET static void pack_fours(const uint8_t *const *row, __mmask32 columns, __m256i flip, char *to)
{
	__m256i r[4], ab, cd, low[2], high[2];
	__m512i first, second;

	for (unsigned int i = 0; i < 4; i++)
		r[i] = row[i] ? _mm256_xor_si256(_mm256_maskz_loadu_epi8(columns, row[i]), flip) :
				_mm256_setzero_si256();
	/* In each half: the first sixteen columns in one lane, the others in the other. */
	ab = _mm256_unpacklo_epi8(r[0], r[1]);
	cd = _mm256_unpacklo_epi8(r[2], r[3]);
	low[0] = _mm256_unpacklo_epi16(ab, cd);
	low[1] = _mm256_unpackhi_epi16(ab, cd);
	ab = _mm256_unpackhi_epi8(r[0], r[1]);
	cd = _mm256_unpackhi_epi8(r[2], r[3]);
	high[0] = _mm256_unpacklo_epi16(ab, cd);
	high[1] = _mm256_unpackhi_epi16(ab, cd);
	first = _mm512_inserti64x4(_mm512_castsi256_si512(low[0]), low[1], 1);
	second = _mm512_inserti64x4(_mm512_castsi256_si512(high[0]), high[1], 1);
	_mm512_store_si512(to, _mm512_shuffle_i64x2(first, second, 0x88));
	_mm512_store_si512(to + TILE_BYTES, _mm512_shuffle_i64x2(first, second, 0xdd));
}

/* A row of a tile holds four bytes of each of sixteen columns, which are rows of ours. */
TARGET static void turn(__m512i *x)
{
	__m512i t[16];

	for (unsigned int i = 0; i < 16; i += 2) {
		t[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
		t[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
	}
	for (unsigned int i = 0; i < 16; i += 4) {
		x[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
		x[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
		x[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
		x[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
	}
	for (unsigned int i = 0; i < 4; i++) {
		t[i] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0x88);
		t[i + 4] = _mm512_shuffle_i32x4(x[i], x[i + 4], 0xdd);
		t[i + 8] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0x88);
		t[i + 12] = _mm512_shuffle_i32x4(x[i + 8], x[i + 12], 0xdd);
	}
	for (unsigned int i = 0; i < 4; i++) {
		x[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
		x[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
		x[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
		x[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
	}
}

/* Columns that are contiguous: @bytes of each of @columns of them to the rows of a tile. */
TARGET static void pack_turned(const char *b, ptrdiff_t column_bytes, uint32_t columns,
			       uint32_t bytes, char *to)
{
	__mmask64 mask = bytes < PANEL_STEP ? ((__mmask64)1 << bytes) - 1 : ~(__mmask64)0;
	__m512i x[16];

	for (unsigned int i = 0; i < 16; i++)
		x[i] = i < columns ? _mm512_maskz_loadu_epi8(mask, b + i * column_bytes) :
				     _mm512_setzero_si512();
	turn(x);
	for (unsigned int i = 0; i < 16; i++)
		_mm512_store_si512(to + i * PANEL_STEP, x[i]);
}

/* A step of a panel whose columns' elements lie one after the other. */
TARGET static void pack_columns(size_t size, const char *b, ptrdiff_t column, uint32_t columns,
				uint32_t rows, char *to)
{
	for (unsigned int half = 0; half < 2; half++) {
		uint32_t first = half * 16;

		pack_turned(b + (ptrdiff_t)first * column * (ptrdiff_t)size, column * (ptrdiff_t)size,
			    columns > first ? columns - first : 0, rows * size,
			    to + half * TILE_BYTES);
	}
}

/*
 * Rows that are contiguous: all columns of a row before the next row, because memory
 * is read fastest so.
 */
TARGET static void pack_rows(size_t size, uint32_t k, uint32_t n, const char *b, ptrdiff_t row,
			     bool flip, char *to, size_t panel)
{
	__m256i top = flip ? _mm256_set1_epi8(-128) : _mm256_setzero_si256();
	uint32_t group = 4 / size, whole = (uint32_t)(panel / (2 * TILE_BYTES) * PANEL_STEP / size);

	row *= (ptrdiff_t)size;
	for (uint32_t i = 0; i < whole; i += group, b += (ptrdiff_t)group * row) {
		size_t bytes = i * size;	/* of a column, before these */
		char *at = to + bytes / PANEL_STEP * 2 * TILE_BYTES + bytes % PANEL_STEP / 4 * PANEL_STEP;

		for (uint32_t j = 0; j < n; j += PANEL_COLUMNS, at += panel) {
			__mmask32 mask = n - j < 32 ? ((__mmask32)1 << (n - j)) - 1 :
					 ~(__mmask32)0;
			const void *from[4] = { NULL };

			for (uint32_t g = 0; g < group && i + g < k; g++)
				from[g] = b + (ptrdiff_t)g * row + (ptrdiff_t)(j * size);
			if (!from[0]) {
				_mm512_store_si512(at, _mm512_setzero_si512());
				_mm512_store_si512(at + TILE_BYTES, _mm512_setzero_si512());
			} else if (size == 2) {
				pack_pairs(from[0], from[1], mask, at);
			} else {
				pack_fours((const uint8_t *const *)from, mask, top, at);
			}
		}
	}
}

/* Of unsigned bytes make signed ones: those minus 128. */
TARGET static void flip_panels(uint32_t k, uint32_t n, void *packed)
{
	uint32_t panels = (n + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
	uint32_t steps = (k + PANEL_STEP - 1) / PANEL_STEP;
	char *at = packed;

	for (uint32_t i = 0; i < panels * steps; i++, at += 2 * TILE_BYTES) {
		uint32_t left = k - i % steps * PANEL_STEP;

		for (uint32_t g = 0; g < 16 && g * 4 < left; g++) {
			/* What fills a four up remains zero. */
			uint32_t bytes = left - g * 4 < 4 ? left - g * 4 : 4;
			__m512i top = _mm512_set1_epi32((int)(0x80808080u >> (4 - bytes) * 8));
			char *row = at + g * PANEL_STEP;

			for (unsigned int half = 0; half < 2; half++, row += TILE_BYTES)
				_mm512_store_si512(row, _mm512_xor_si512(_mm512_load_si512(row), top));
		}
	}
}

void steps_pack(unsigned int dtype, uint32_t k, uint32_t n, const void *b, ptrdiff_t row,
		ptrdiff_t column, bool flip, void *packed)
{
	size_t size = nk_size(dtype), step = PANEL_STEP / size;
	char *to = packed;

	if (column == 1) {
		pack_rows(size, k, n, b, row, flip, to, panel_bytes(dtype, k));
		return;
	}
	for (uint32_t first = 0; first < n; first += PANEL_COLUMNS) {
		uint32_t columns = n - first < PANEL_COLUMNS ? n - first : PANEL_COLUMNS;

		for (uint32_t i = 0; i < k; i += step, to += 2 * TILE_BYTES) {
			const char *from = (const char *)b + ((ptrdiff_t)i +
					   (ptrdiff_t)first * column) * (ptrdiff_t)size;

			pack_columns(size, from, column, columns, k - i < step ? k - i : step, to);
		}
	}
	if (flip)
		flip_panels(k, n, packed);
}

#else

void steps_pack(unsigned int dtype, uint32_t k, uint32_t n, const void *b, ptrdiff_t row,
		ptrdiff_t column, bool flip, void *packed)
{
	(void)dtype, (void)k, (void)n, (void)b, (void)row, (void)column, (void)flip, (void)packed;
}
#endif
