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
	if (pieces > 1 && few->kind != FEW_SMALL)
		columns = (few->n / pieces + 63) / 64 * 64;
	/* What is left for the last one must be worth a vector. */
	return columns > few->n || few->n % columns < 64 ? few->n : columns;
}

/* Columns of a row of sums, so that vectors of pairs fit. */
static size_t sums_width(const struct few *few)
{
	return (few->n + PAIRS - 1) / PAIRS * PAIRS;
}

size_t few_bytes(const struct few *few)
{
	size_t floats = (size_t)few->m * ((few->k + PAIRS - 1) / PAIRS * PAIRS);	/* a */

	if (few->kind == FEW_SMALL)
		floats += few->k * panel_width(few) + FEW_ROWS * LANES;
	else if (few->kind == FEW_STREAM)
		floats += few->m * sums_width(few);
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
	vec acc[FEW_ROWS][4];

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

static void run_small(const struct few *few, const void *a_data, const void *b_data, float *sums,
		      ptrdiff_t sums_row, float *temp)
{
	size_t width = panel_width(few);
	float *narrow = temp, *panel = narrow + FEW_ROWS * LANES;
	const float *b = b_data, *a;
	ptrdiff_t b_row = few->b_row, a_row;

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
 * Streams: some rows of the second operand at a time are read from end to end,
 * which the processor sees coming, and added to sums in the cache.
 */

INLINE void add_rows_f32(const float *a, ptrdiff_t a_row, const float *b, ptrdiff_t b_row,
			 uint32_t n, float *sums, ptrdiff_t sums_row, const unsigned int m,
			 const unsigned int depth)
{
	for (uint32_t j = 0; j < n; j += LANES) {
		vec x[8];

		for (unsigned int i = 0; i < depth; i++)
			x[i] = *(const vec *)(b + (ptrdiff_t)i * b_row + j);
		for (unsigned int r = 0; r < m; r++) {
			vec acc = *(vec *)(sums + r * sums_row + j);

			for (unsigned int i = 0; i < depth; i++)
				acc += a[r * a_row + i] * x[i];
			*(vec *)(sums + r * sums_row + j) = acc;
		}
	}
}

/* A vector of pairs: the even ones are the low halves, the odd ones the high halves. */
INLINE void add_rows_bf16(const float *a, ptrdiff_t a_row, const uint16_t *b, ptrdiff_t b_row,
			  uint32_t n, float *sums, ptrdiff_t sums_row, const unsigned int m,
			  const unsigned int depth)
{
	for (uint32_t j = 0; j < n; j += PAIRS) {
		bits x[8];

		for (unsigned int i = 0; i < depth; i++)
			x[i] = *(const bits *)(b + (ptrdiff_t)i * b_row + j);
		for (unsigned int r = 0; r < m; r++) {
			vec even = *(vec *)(sums + r * sums_row + j);
			vec odd = *(vec *)(sums + r * sums_row + j + LANES);

			for (unsigned int i = 0; i < depth; i++) {
				even += a[r * a_row + i] * (vec)(x[i] << 16);
				odd += a[r * a_row + i] * (vec)(x[i] & 0xffff0000);
			}
			*(vec *)(sums + r * sums_row + j) = even;
			*(vec *)(sums + r * sums_row + j + LANES) = odd;
		}
	}
}

#define DEFINE_STREAM(name, type, step)							\
INLINE void stream_##name(const float *a, ptrdiff_t a_row, const type *b, ptrdiff_t b_row,	\
			  uint32_t k, uint32_t n, float *sums, ptrdiff_t sums_row,	\
			  const unsigned int m)						\
{											\
	uint32_t i = 0;									\
											\
	for (; i + 8 <= k; i += 8)							\
		add_rows_##name(a + i, a_row, b + (ptrdiff_t)i * b_row, b_row, n, sums,	\
				sums_row, m, 8);					\
	for (; i < k; i++)								\
		add_rows_##name(a + i, a_row, b + (ptrdiff_t)i * b_row, b_row, n, sums,	\
				sums_row, m, 1);					\
}											\
											\
NK_CLONES static void streams_##name(const float *a, ptrdiff_t a_row, const type *b,	\
				     ptrdiff_t b_row, uint32_t m, uint32_t k, uint32_t n,	\
				     float *sums, ptrdiff_t sums_row)			\
{											\
	switch (m) {									\
	case 1:										\
		stream_##name(a, a_row, b, b_row, k, n, sums, sums_row, 1);		\
		break;									\
	case 2:										\
		stream_##name(a, a_row, b, b_row, k, n, sums, sums_row, 2);		\
		break;									\
	case 3:										\
		stream_##name(a, a_row, b, b_row, k, n, sums, sums_row, 3);		\
		break;									\
	case 4:										\
		stream_##name(a, a_row, b, b_row, k, n, sums, sums_row, 4);		\
		break;									\
	}										\
}

DEFINE_STREAM(f32, float, LANES)
DEFINE_STREAM(bf16, uint16_t, PAIRS)

/* Evens and odds of a block of sums back to their places. */
NK_CLONES static void interleave(const float *from, float *to, uint32_t blocks)
{
	for (uint32_t i = 0; i < blocks; i++, from += PAIRS, to += PAIRS) {
		for (unsigned int l = 0; l < LANES; l++) {
			to[2 * l] = from[l];
			to[2 * l + 1] = from[LANES + l];
		}
	}
}

static void run_stream(const struct few *few, const void *a_data, const void *b, float *sums,
		       ptrdiff_t sums_row, float *temp)
{
	bool narrow = few->b_dtype == NEURON_BF16;
	uint32_t step = narrow ? PAIRS : LANES, whole = few->n / step * step;
	size_t width = sums_width(few);
	float *work = temp;
	ptrdiff_t a_row;
	const float *a = rows_of(few, a_data, &a_row, work + few->m * width);

	memset(work, 0, few->m * width * sizeof(*work));
	if (narrow)
		streams_bf16(a, a_row, b, few->b_row, few->m, few->k, whole, work, width);
	else
		streams_f32(a, a_row, b, few->b_row, few->m, few->k, whole, work, width);
	for (uint32_t r = 0; r < few->m; r++) {
		if (narrow)
			interleave(work + r * width, sums + r * sums_row, whole / step);
		else
			memcpy(sums + r * sums_row, work + r * width, whole * sizeof(*sums));
	}
	if (whole == few->n)
		return;

	/* The last vector again, as far to the right as it goes. */
	memset(work, 0, few->m * width * sizeof(*work));
	whole = few->n - step;
	if (narrow)
		streams_bf16(a, a_row, (const uint16_t *)b + whole, few->b_row, few->m, few->k,
			     step, work, width);
	else
		streams_f32(a, a_row, (const float *)b + whole, few->b_row, few->m, few->k, step,
			    work, width);
	for (uint32_t r = 0; r < few->m; r++) {
		if (narrow)
			interleave(work + r * width, sums + r * sums_row + whole, 1);
		else
			memcpy(sums + r * sums_row + whole, work + r * width,
			       step * sizeof(*sums));
	}
}

/* Dot products: columns of the second operand are contiguous. */

INLINE float add_lanes(const float *lane)
{
	float sum[LANES];

	for (unsigned int l = 0; l < LANES; l++)
		sum[l] = lane[l];
	for (unsigned int half = LANES / 2; half; half /= 2)
		for (unsigned int l = 0; l < half; l++)
			sum[l] += sum[l + half];
	return sum[0];
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
		for (unsigned int c = 0; c < columns; c++) {
			float sum = add_lanes((const float *)&acc[r][c]);

			for (uint32_t i = whole; i < k; i++)
				sum += a[r * a_row + i] * b[c * b_column + i];
			sums[r * sums_row + c] = sum;
		}
	}
}

/* @a has the even elements of each 32 first, then the odd ones. */
INLINE void dot_bf16(const float *a, ptrdiff_t a_row, const uint16_t *b, ptrdiff_t b_column,
		     uint32_t k, float *sums, ptrdiff_t sums_row, const unsigned int m,
		     const unsigned int columns)
{
	uint32_t whole = k / PAIRS * PAIRS;
	vec acc[FEW_ROWS][4];

	for (unsigned int r = 0; r < m; r++)
		for (unsigned int c = 0; c < columns; c++)
			acc[r][c] = (vec){ 0 };
	for (uint32_t i = 0; i < whole; i += PAIRS) {
		for (unsigned int c = 0; c < columns; c++) {
			bits x = *(const bits *)(b + c * b_column + i);

			for (unsigned int r = 0; r < m; r++) {
				acc[r][c] += *(const vec *)(a + r * a_row + i) * (vec)(x << 16);
				acc[r][c] += *(const vec *)(a + r * a_row + i + LANES) *
					     (vec)(x & 0xffff0000);
			}
		}
	}
	for (unsigned int r = 0; r < m; r++) {
		for (unsigned int c = 0; c < columns; c++) {
			float sum = add_lanes((const float *)&acc[r][c]);

			for (uint32_t i = whole; i < k; i++)
				sum += a[r * a_row + i] *
				       nk_float((uint32_t)b[c * b_column + i] << 16);
			sums[r * sums_row + c] = sum;
		}
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
