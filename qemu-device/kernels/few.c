// SPDX-License-Identifier: MIT
/*
 * Products of few rows or small matrices of floats.
 *
 * Vectors of sixteen floats become whatever registers the processor has. What is
 * left over when a width is no multiple of a vector is covered by a vector that
 * overlaps its neighbour: these sums are computed twice, with the same result.
 */
#include "few.h"

/* Fused where that exists: sums of products are the library's business, too. */
#ifdef __clang__
#pragma clang fp contract(fast)
#else
#pragma GCC optimize("fp-contract=fast")
#endif

/* Bytes of the second operand that a tile reads, and most tiles. */
#define TILE_BYTES	((uint64_t)256 << 10)
#define MAX_PIECES	16

#define LANES		16
#define PAIRS		32

/* Elements of a second operand that stays in the L1 cache, and a little more. */
#define SMALL_ELEMENTS	16384

/* Multiplications that a library starts in the meantime. */
#define SMALL_MACS_F32	((uint64_t)128 << 10)
#define SMALL_MACS_BF16	((uint64_t)32 << 10)

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef uint32_t bits __attribute__((vector_size(4 * LANES), aligned(2), may_alias));
typedef int32_t order __attribute__((vector_size(4 * LANES)));

#define INLINE	static inline __attribute__((always_inline))

static size_t panel_width(const struct few *few)
{
	return few->n < LANES ? LANES : few->n;
}

enum few_kind few_kind_of(const struct few *few)
{
	uint64_t macs = (uint64_t)few->m * few->n * few->k;
	bool typed = few->b_dtype == NEURON_F32 || few->b_dtype == NEURON_BF16;
	bool narrow = few->a_dtype == NEURON_BF16 && few->b_dtype == NEURON_BF16;

	if (few->m <= 2 && typed && few->b_column == 1 && few->n >= PAIRS)
		return FEW_STREAM;
	/* A few columns that are contiguous: not worth a panel. */
	if (few->m <= FEW_ROWS && typed && few->n < LANES && few->b_row == 1 && few->k >= PAIRS)
		return FEW_DOT;
	if (macs <= (narrow ? SMALL_MACS_BF16 : SMALL_MACS_F32) &&
	    (uint64_t)few->k * panel_width(few) <= SMALL_ELEMENTS)
		return FEW_SMALL;
	if (few->m > FEW_ROWS || !typed)
		return FEW_NONE;
	if (few->b_column == 1 && few->n >= PAIRS)
		return FEW_STREAM;
	if (few->b_row == 1 && few->k >= PAIRS)
		return FEW_DOT;
	return FEW_NONE;
}

uint32_t few_tile_columns(const struct few *few)
{
	uint64_t pieces = nk_size(few->b_dtype) * few->k * (uint64_t)few->n / TILE_BYTES;
	uint32_t columns = few->n;

	if (pieces > MAX_PIECES)
		pieces = MAX_PIECES;
	if (pieces <= 1 || few->kind == FEW_SMALL)
		return few->n;
	/* Equal pieces, of which two or four processors get as many, if that can be. */
	for (unsigned int equal = MAX_PIECES; equal > 1; equal /= 2)
		if (equal <= pieces && few->n % (equal * PAIRS) == 0)
			return few->n / equal;
	columns = (few->n / pieces + 63) / 64 * 64;
	/* What is left for the last one must be worth a vector. */
	return columns > few->n || few->n % columns < 64 ? few->n : columns;
}

size_t few_bytes(const struct few *few)
{
	size_t floats = (size_t)few->m * ((few->k + PAIRS - 1) / PAIRS * PAIRS);	/* a */

	if (few->kind == FEW_SMALL)
		floats += few->k * panel_width(few) + LANES + FEW_ROWS * LANES;
	return (floats + LANES) * sizeof(float);
}

/* The first operand as dense rows of floats; where it is when it is so already. */
static const float *rows_of(const struct few *few, const void *a, ptrdiff_t *step, float *temp)
{
	size_t size = nk_size(few->a_dtype);

	if (few->a_dtype == NEURON_F32 && few->a_column == 1) {
		*step = few->a_row;
		return a;
	}
	*step = few->k;
	if (few->a_row == (ptrdiff_t)few->k && few->a_column == 1) {
		nk_copy_f32(few->a_dtype, a, size, (size_t)few->m * few->k, temp);
		return temp;
	}
	for (uint32_t i = 0; i < few->m; i++)
		nk_copy_f32(few->a_dtype, (const char *)a + i * few->a_row * (ptrdiff_t)size,
			    few->a_column * (ptrdiff_t)size, few->k, temp + (size_t)i * few->k);
	return temp;
}

/* Small: a few rows and vectors stay in registers for the whole sum. */

INLINE void block(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row, uint32_t k,
		  float *sums, ptrdiff_t sums_row, const unsigned int rows,
		  const unsigned int vecs)
{
	vec acc[FEW_ROWS][8];

	for (unsigned int r = 0; r < rows; r++)
		for (unsigned int v = 0; v < vecs; v++)
			acc[r][v] = (vec){ 0 };
	for (uint32_t i = 0; i < k; i++, b += b_row) {
		for (unsigned int r = 0; r < rows; r++) {
			float x = a[(ptrdiff_t)r * a_row + i];

			for (unsigned int v = 0; v < vecs; v++)
				acc[r][v] += x * *(const vec *)(b + v * LANES);
		}
	}
	for (unsigned int r = 0; r < rows; r++)
		for (unsigned int v = 0; v < vecs; v++)
			*(vec *)(sums + (ptrdiff_t)r * sums_row + v * LANES) = acc[r][v];
}

/* All columns of some rows; at least LANES of them. */
INLINE void stripe(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row, uint32_t k,
		   uint32_t n, float *sums, ptrdiff_t sums_row, const unsigned int rows)
{
	uint32_t j = 0;

	for (; j + 4 * LANES <= n; j += 4 * LANES)
		block(a, a_row, b + j, b_row, k, sums + j, sums_row, rows, 4);
	for (; j + LANES <= n; j += LANES)
		block(a, a_row, b + j, b_row, k, sums + j, sums_row, rows, 1);
	if (j < n)
		block(a, a_row, b + n - LANES, b_row, k, sums + n - LANES, sums_row, rows, 1);
}

NK_CLONES static void stripes(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row,
			      uint32_t m, uint32_t k, uint32_t n, float *sums,
			      ptrdiff_t sums_row)
{
	for (; m >= 4; m -= 4, a += 4 * a_row, sums += 4 * sums_row)
		stripe(a, a_row, b, b_row, k, n, sums, sums_row, 4);
	switch (m) {
	case 3:
		stripe(a, a_row, b, b_row, k, n, sums, sums_row, 3);
		break;
	case 2:
		stripe(a, a_row, b, b_row, k, n, sums, sums_row, 2);
		break;
	case 1:
		stripe(a, a_row, b, b_row, k, n, sums, sums_row, 1);
		break;
	}
}

/* The second operand as fp32 in rows of @width, at least LANES. */
static void make_panel(const struct few *few, const char *b, float *panel, size_t width)
{
	ptrdiff_t size = nk_size(few->b_dtype);

	if (few->b_column == 1 || few->b_row != 1) {
		for (uint32_t i = 0; i < few->k; i++) {
			nk_copy_f32(few->b_dtype, b + i * few->b_row * size, few->b_column * size,
				    few->n, panel + i * width);
			for (size_t j = few->n; j < width; j++)
				panel[i * width + j] = 0;
		}
		return;
	}
	/* Columns are contiguous: transpose them. */
	for (uint32_t j = 0; j < width; j++) {
		const char *column = b + j * few->b_column * size;

		for (uint32_t i = 0; i < few->k; i++, column += size)
			panel[i * width + j] = j >= few->n ? 0 :
				few->b_dtype == NEURON_F32 ? *(const float *)column :
				few->b_dtype == NEURON_BF16 ?
				nk_float((uint32_t)*(const uint16_t *)column << 16) :
				nk_f16_to_f32(*(const uint16_t *)column);
	}
}

/*
 * Fewer columns than a vector has: what is read beyond them comes to nothing. That are
 * the next rows' elements, but for the last ones, of which @last has copies.
 */
INLINE void narrow_rows(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row,
			uint32_t k, const float *last, uint32_t last_rows, float *sums,
			const unsigned int rows)
{
	vec acc[FEW_ROWS];

	for (unsigned int r = 0; r < rows; r++)
		acc[r] = (vec){ 0 };
	for (uint32_t i = 0; i < k - last_rows; i++, b += b_row)
		for (unsigned int r = 0; r < rows; r++)
			acc[r] += a[(ptrdiff_t)r * a_row + i] * *(const vec *)b;
	for (uint32_t i = k - last_rows; i < k; i++, last += LANES)
		for (unsigned int r = 0; r < rows; r++)
			acc[r] += a[(ptrdiff_t)r * a_row + i] * *(const vec *)last;
	for (unsigned int r = 0; r < rows; r++)
		*(vec *)(sums + r * LANES) = acc[r];
}

NK_CLONES static void narrow_some(const float *a, ptrdiff_t a_row, const float *b,
				  ptrdiff_t b_row, uint32_t k, const float *last,
				  uint32_t last_rows, float *sums, unsigned int rows)
{
	switch (rows) {
	case 1:
		narrow_rows(a, a_row, b, b_row, k, last, last_rows, sums, 1);
		break;
	case 2:
		narrow_rows(a, a_row, b, b_row, k, last, last_rows, sums, 2);
		break;
	case 3:
		narrow_rows(a, a_row, b, b_row, k, last, last_rows, sums, 3);
		break;
	case 4:
		narrow_rows(a, a_row, b, b_row, k, last, last_rows, sums, 4);
		break;
	}
}

/* Rows, read where they are or from a dense copy; then how many need copies of their own. */
static uint32_t narrow_last(const struct few *few, ptrdiff_t b_row, const float *b, float *last)
{
	uint32_t rows = (LANES - few->n + b_row - 1) / b_row;

	if (rows > few->k)
		rows = few->k;
	memset(last, 0, (size_t)rows * LANES * sizeof(*last));
	for (uint32_t i = 0; i < rows; i++)
		memcpy(last + (size_t)i * LANES, b + (ptrdiff_t)(few->k - rows + i) * b_row,
		       few->n * sizeof(*last));
	return rows;
}

static void run_narrow(const struct few *few, const void *a_data, const void *b_data,
		       float *sums, ptrdiff_t sums_row, float *temp)
{
	float last[LANES * LANES] NK_ALIGNED, narrow[FEW_ROWS * LANES] NK_ALIGNED;
	const float *b = b_data, *a;
	uint32_t last_rows;
	ptrdiff_t a_row;

	if (few->b_dtype != NEURON_F32) {
		nk_copy_f32(few->b_dtype, b_data, nk_size(few->b_dtype),
			    (size_t)few->k * few->n, temp);
		b = temp;
		temp += few->k * (size_t)LANES + LANES;
	}
	last_rows = narrow_last(few, few->b_row, b, last);
	a = rows_of(few, a_data, &a_row, temp);
	for (uint32_t i = 0; i < few->m; i += FEW_ROWS) {
		uint32_t rows = few->m - i < FEW_ROWS ? few->m - i : FEW_ROWS;

		narrow_some(a + i * a_row, a_row, b, few->b_row, few->k, last, last_rows, narrow,
			    rows);
		for (uint32_t r = 0; r < rows; r++)
			memcpy(sums + (i + r) * sums_row, narrow + r * LANES,
			       few->n * sizeof(*sums));
	}
}

static bool is_narrow(const struct few *few)
{
	return few->n < LANES && few->b_column == 1 &&
	       (few->b_row == (ptrdiff_t)few->n ||
		(few->b_dtype == NEURON_F32 && few->b_row > (ptrdiff_t)few->n));
}

static void run_small(const struct few *few, const void *a_data, const void *b_data, float *sums,
		      ptrdiff_t sums_row, float *temp)
{
	size_t width = panel_width(few);
	float *narrow = temp, *panel = narrow + FEW_ROWS * LANES;
	const float *b = b_data, *a;
	ptrdiff_t b_row = few->b_row, a_row;

	if (is_narrow(few)) {
		run_narrow(few, a_data, b_data, sums, sums_row, temp);
		return;
	}
	if (few->b_dtype != NEURON_F32 || few->b_column != 1 || few->n < LANES) {
		make_panel(few, b_data, panel, width);
		b = panel;
		b_row = width;
	}
	a = rows_of(few, a_data, &a_row, panel + few->k * width);
	if (few->n >= LANES) {
		stripes(a, a_row, b, b_row, few->m, few->k, few->n, sums, sums_row);
		return;
	}
	for (uint32_t i = 0; i < few->m; i += FEW_ROWS) {
		uint32_t rows = few->m - i < FEW_ROWS ? few->m - i : FEW_ROWS;

		stripes(a + i * a_row, a_row, b, b_row, rows, few->k, LANES, narrow, LANES);
		for (uint32_t r = 0; r < rows; r++)
			memcpy(sums + (i + r) * sums_row, narrow + r * LANES,
			       few->n * sizeof(float));
	}
}

/*
 * Streams: a block of columns at a time, whose sums stay in registers while all of its
 * rows are read, one after the other.
 */

/* Columns of a block. What is left over is done with the last one. */
#define BLOCK		128

static uint32_t block_columns(uint32_t left)
{
	return left >= BLOCK + PAIRS ? BLOCK : left;
}

/* @vecs vectors of columns of a block. */
INLINE void stream_f32(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row,
		       uint32_t k, float *sums, ptrdiff_t sums_row, const unsigned int m,
		       const unsigned int vecs)
{
	block(a, a_row, b, b_row, k, sums, sums_row, m, 2 * vecs);
}

/* A vector of pairs: the even ones are the low halves, the odd ones the high halves. */
INLINE void stream_bf16(const float *a, ptrdiff_t a_row, const uint16_t *b, ptrdiff_t b_row,
			uint32_t k, float *sums, ptrdiff_t sums_row, const unsigned int m,
			const unsigned int vecs)
{
	vec acc[FEW_ROWS][4][2];

	for (unsigned int r = 0; r < m; r++)
		for (unsigned int v = 0; v < vecs; v++)
			acc[r][v][0] = acc[r][v][1] = (vec){ 0 };
	for (uint32_t i = 0; i < k; i++, b += b_row) {
		bits x[4];

		for (unsigned int v = 0; v < vecs; v++)
			x[v] = *(const bits *)(b + v * PAIRS);
		for (unsigned int r = 0; r < m; r++) {
			float y = a[(ptrdiff_t)r * a_row + i];

			for (unsigned int v = 0; v < vecs; v++) {
				acc[r][v][0] += y * (vec)(x[v] << 16);
				acc[r][v][1] += y * (vec)(x[v] & 0xffff0000);
			}
		}
	}
	for (unsigned int r = 0; r < m; r++) {
		for (unsigned int v = 0; v < vecs; v++) {
			float *to = sums + (ptrdiff_t)r * sums_row + v * PAIRS;

			for (unsigned int l = 0; l < LANES; l++) {
				to[2 * l] = acc[r][v][0][l];
				to[2 * l + 1] = acc[r][v][1][l];
			}
		}
	}
}

/* Whether there are twice as many registers, which are twice as wide. */
static bool has_wide_registers(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f");
#else
	return false;
#endif
}

/* All columns of a block, at least PAIRS; @most vectors of them fit into registers. */
#define DEFINE_STREAM(name, type)							\
INLINE void columns_##name(const float *a, ptrdiff_t a_row, const type *b, ptrdiff_t b_row,	\
			   uint32_t k, uint32_t n, float *sums, ptrdiff_t sums_row,	\
			   const unsigned int m, const unsigned int most)		\
{											\
	uint32_t j = 0;									\
											\
	for (; j + most * PAIRS <= n; j += most * PAIRS)				\
		stream_##name(a, a_row, b + j, b_row, k, sums + j, sums_row, m, most);	\
	if (most > 3 && n - j >= 3 * PAIRS) {						\
		stream_##name(a, a_row, b + j, b_row, k, sums + j, sums_row, m, 3);	\
		j += 3 * PAIRS;								\
	}										\
	if (most > 2 && n - j >= 2 * PAIRS) {						\
		stream_##name(a, a_row, b + j, b_row, k, sums + j, sums_row, m, 2);	\
		j += 2 * PAIRS;								\
	}										\
	for (; j + PAIRS <= n; j += PAIRS)						\
		stream_##name(a, a_row, b + j, b_row, k, sums + j, sums_row, m, 1);	\
	if (j < n)									\
		stream_##name(a, a_row, b + n - PAIRS, b_row, k, sums + n - PAIRS,	\
			      sums_row, m, 1);						\
}											\
											\
NK_CLONES static void streams_##name(const float *a, ptrdiff_t a_row, const type *b,	\
				     ptrdiff_t b_row, uint32_t m, uint32_t k, uint32_t n,	\
				     float *sums, ptrdiff_t sums_row, bool wide)	\
{											\
	switch (2 * m + wide) {								\
	case 2:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 1, 2);		\
		break;									\
	case 3:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 1, 4);		\
		break;									\
	case 4:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 2, 1);		\
		break;									\
	case 5:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 2, 4);		\
		break;									\
	case 6:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 3, 1);		\
		break;									\
	case 7:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 3, 2);		\
		break;									\
	case 8:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 4, 1);		\
		break;									\
	case 9:										\
		columns_##name(a, a_row, b, b_row, k, n, sums, sums_row, 4, 2);		\
		break;									\
	}										\
}

DEFINE_STREAM(f32, float)
DEFINE_STREAM(bf16, uint16_t)

static void run_stream(const struct few *few, const void *a_data, const void *b, float *sums,
		       ptrdiff_t sums_row, float *temp)
{
	ptrdiff_t a_row, size = nk_size(few->b_dtype);
	const float *a = rows_of(few, a_data, &a_row, temp);
	bool wide = has_wide_registers();
	uint32_t n;

	for (uint32_t j = 0; j < few->n; j += n) {
		ptrdiff_t row = few->b_row;
		const char *from = b;

		n = block_columns(few->n - j);
		if (few->blocks)
			row = n;
		from += (few->blocks ? (ptrdiff_t)j * few->k : (ptrdiff_t)j) * size;
		if (few->b_dtype == NEURON_BF16)
			streams_bf16(a, a_row, (const uint16_t *)from, row, few->m, few->k, n,
				     sums + j, sums_row, wide);
		else
			streams_f32(a, a_row, (const float *)from, row, few->m, few->k, n,
				    sums + j, sums_row, wide);
	}
}

bool few_packs(const struct few *few, uint32_t n)
{
	return few->kind == FEW_STREAM && n > BLOCK;
}

void few_pack(const struct few *few, uint32_t n, const void *b, void *packed)
{
	ptrdiff_t size = nk_size(few->b_dtype);
	char *to = packed;
	uint32_t columns;

	for (uint32_t j = 0; j < n; j += columns) {
		uint32_t tile = few->n - j % few->n;	/* to its end */
		const char *from = (const char *)b + j * size;

		columns = block_columns(tile < n - j ? tile : n - j);
		for (uint32_t i = 0; i < few->k; i++, to += columns * size)
			memcpy(to, from + (ptrdiff_t)i * few->b_row * size, columns * size);
	}
}

/* Dot products: columns of the second operand are contiguous. */

/* Pairwise: lanes that are eight apart, then four, two and one. */
INLINE float add_lanes(const vec *x)
{
	float sum[LANES];

	*(vec *)sum = *x;
	for (unsigned int half = LANES / 2; half; half /= 2)
		for (unsigned int l = 0; l < half; l++)
			sum[l] += sum[l + half];
	return sum[0];
}

/* The same for four vectors at once. */
INLINE void add_lanes_of_4(const vec *x, float *sums)
{
	vec ab = __builtin_shufflevector(x[0], x[1], 0, 1, 2, 3, 4, 5, 6, 7,
					 16, 17, 18, 19, 20, 21, 22, 23) +
		 __builtin_shufflevector(x[0], x[1], 8, 9, 10, 11, 12, 13, 14, 15,
					 24, 25, 26, 27, 28, 29, 30, 31);
	vec cd = __builtin_shufflevector(x[2], x[3], 0, 1, 2, 3, 4, 5, 6, 7,
					 16, 17, 18, 19, 20, 21, 22, 23) +
		 __builtin_shufflevector(x[2], x[3], 8, 9, 10, 11, 12, 13, 14, 15,
					 24, 25, 26, 27, 28, 29, 30, 31);
	vec all = __builtin_shufflevector(ab, cd, 0, 1, 2, 3, 8, 9, 10, 11,
					  16, 17, 18, 19, 24, 25, 26, 27) +
		  __builtin_shufflevector(ab, cd, 4, 5, 6, 7, 12, 13, 14, 15,
					  20, 21, 22, 23, 28, 29, 30, 31);

	for (unsigned int i = 0; i < 4; i++)
		sums[i] = (all[4 * i] + all[4 * i + 2]) + (all[4 * i + 1] + all[4 * i + 3]);
}

/* @columns neighbours together, which share the loads of a. */
INLINE void dot_f32(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_column,
		    uint32_t k, float *sums, ptrdiff_t sums_row, const unsigned int m,
		    const unsigned int columns)
{
	uint32_t whole = k / LANES * LANES;
	vec acc[FEW_ROWS][4];

	for (unsigned int r = 0; r < m; r++)
		for (unsigned int c = 0; c < columns; c++)
			acc[r][c] = (vec){ 0 };
	for (uint32_t i = 0; i < whole; i += LANES)
		for (unsigned int c = 0; c < columns; c++)
			for (unsigned int r = 0; r < m; r++)
				acc[r][c] += *(const vec *)(a + r * a_row + i) *
					     *(const vec *)(b + c * b_column + i);
	for (unsigned int r = 0; r < m; r++) {
		float *to = sums + r * sums_row;

		if (columns == 4)
			add_lanes_of_4(acc[r], to);
		else
			*to = add_lanes(&acc[r][0]);
		for (uint32_t i = whole; i < k; i++)
			for (unsigned int c = 0; c < columns; c++)
				to[c] += a[r * a_row + i] * b[c * b_column + i];
	}
}

/* @a has the even elements of each 32 first, then the odd ones. */
INLINE void dot_bf16(const float *a, ptrdiff_t a_row, const uint16_t *b, ptrdiff_t b_column,
		     uint32_t k, float *sums, ptrdiff_t sums_row, const unsigned int m,
		     const unsigned int columns)
{
	uint32_t whole = k / PAIRS * PAIRS;
	vec acc[FEW_ROWS][4], odd[FEW_ROWS][4];

	for (unsigned int r = 0; r < m; r++)
		for (unsigned int c = 0; c < columns; c++)
			acc[r][c] = odd[r][c] = (vec){ 0 };
	for (uint32_t i = 0; i < whole; i += PAIRS) {
		for (unsigned int c = 0; c < columns; c++) {
			bits x = *(const bits *)(b + c * b_column + i);

			for (unsigned int r = 0; r < m; r++) {
				acc[r][c] += *(const vec *)(a + r * a_row + i) * (vec)(x << 16);
				odd[r][c] += *(const vec *)(a + r * a_row + i + LANES) *
					     (vec)(x & 0xffff0000);
			}
		}
	}
	for (unsigned int r = 0; r < m; r++) {
		float *to = sums + r * sums_row;

		for (unsigned int c = 0; c < columns; c++)
			acc[r][c] += odd[r][c];
		if (columns == 4)
			add_lanes_of_4(acc[r], to);
		else
			*to = add_lanes(&acc[r][0]);
		for (uint32_t i = whole; i < k; i++)
			for (unsigned int c = 0; c < columns; c++)
				to[c] += a[r * a_row + i] *
					 nk_float((uint32_t)b[c * b_column + i] << 16);
	}
}

#define DEFINE_DOTS(name, type)								\
INLINE void some_dots_##name(const float *a, ptrdiff_t a_row, const type *b,		\
			     ptrdiff_t b_column, uint32_t k, uint32_t n, float *sums,	\
			     ptrdiff_t sums_row, const unsigned int m)			\
{											\
	uint32_t j = 0;									\
											\
	for (; j + 4 <= n; j += 4)							\
		dot_##name(a, a_row, b + (ptrdiff_t)j * b_column, b_column, k, sums + j,	\
			   sums_row, m, 4);						\
	for (; j < n; j++)								\
		dot_##name(a, a_row, b + (ptrdiff_t)j * b_column, b_column, k, sums + j,	\
			   sums_row, m, 1);						\
}											\
											\
NK_CLONES static void dots_##name(const float *a, ptrdiff_t a_row, const type *b,	\
				  ptrdiff_t b_column, uint32_t m, uint32_t k, uint32_t n,	\
				  float *sums, ptrdiff_t sums_row)			\
{											\
	switch (m) {									\
	case 1:										\
		some_dots_##name(a, a_row, b, b_column, k, n, sums, sums_row, 1);	\
		break;									\
	case 2:										\
		some_dots_##name(a, a_row, b, b_column, k, n, sums, sums_row, 2);	\
		break;									\
	case 3:										\
		some_dots_##name(a, a_row, b, b_column, k, n, sums, sums_row, 3);	\
		break;									\
	case 4:										\
		some_dots_##name(a, a_row, b, b_column, k, n, sums, sums_row, 4);	\
		break;									\
	}										\
}

DEFINE_DOTS(f32, float)
DEFINE_DOTS(bf16, uint16_t)

static void run_dot(const struct few *few, const void *a_data, const void *b, float *sums,
		    ptrdiff_t sums_row, float *temp)
{
	ptrdiff_t a_row;
	const float *a;

	if (few->b_dtype == NEURON_F32) {
		a = rows_of(few, a_data, &a_row, temp);
		dots_f32(a, a_row, b, few->b_column, few->m, few->k, few->n, sums, sums_row);
		return;
	}
	/* Evens and odds apart, as the vectors of b fall. */
	for (uint32_t r = 0; r < few->m; r++) {
		ptrdiff_t size = nk_size(few->a_dtype), step = few->a_column * size;
		uint32_t whole = few->k / PAIRS * PAIRS;
		float *to = temp + (size_t)r * few->k;
		const char *from = (const char *)a_data + r * few->a_row * size;

		for (uint32_t i = 0; i < whole; i += PAIRS) {
			nk_copy_f32(few->a_dtype, from + i * step, 2 * step, LANES, to + i);
			nk_copy_f32(few->a_dtype, from + (i + 1) * step, 2 * step, LANES,
				    to + i + LANES);
		}
		nk_copy_f32(few->a_dtype, from + whole * step, step, few->k - whole, to + whole);
	}
	dots_bf16(temp, few->k, b, few->b_column, few->m, few->k, few->n, sums, sums_row);
}

void few_run(const struct few *few, const void *a, const void *b, float *sums,
	     ptrdiff_t sums_row, void *temp)
{
	switch (few->kind) {
	case FEW_SMALL:
		run_small(few, a, b, sums, sums_row, temp);
		break;
	case FEW_STREAM:
		run_stream(few, a, b, sums, sums_row, temp);
		break;
	case FEW_DOT:
		run_dot(few, a, b, sums, sums_row, temp);
		break;
	case FEW_NONE:
		break;
	}
}
