// SPDX-License-Identifier: MIT
/*
 * Products of matrices of fp32. Both are packed so that the inner loop reads them one
 * after the other: the left one in groups of ROWS rows, the right one in groups of WIDTH
 * columns. DEPTH rows and COLUMNS columns of the right one stay in the cache while all of
 * the left passes.
 */
#include "product.h"

#define ROWS	6
#define WIDTH	16
#define DEPTH	256
#define COLUMNS	256

const float *product_floats(const struct hostop_tensor *tensor, float **own)
{
	uint64_t n = hostop_count(tensor), i;

	*own = NULL;
	if (tensor->dtype == NEURON_NEFF_F32)
		return tensor->data;
	*own = malloc((n + 1) * sizeof(**own));
	for (i = 0; i < n && *own; i++)
		(*own)[i] = (float)num(tensor, i);
	return *own;
}

float *product_result(struct hostop_tensor *out, float **own)
{
	*own = NULL;
	if (out->dtype == NEURON_NEFF_F32)
		return out->data;
	*own = calloc(hostop_count(out) + 1, sizeof(**own));
	return *own;
}

void product_put(struct hostop_tensor *out, const float *own)
{
	uint64_t n = hostop_count(out), i;

	for (i = 0; i < n && own; i++)
		hostop_put_double(out->dtype, out->data, (int64_t)i, own[i]);
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool product_begin(struct product *product, const float *data, size_t rows, size_t depth,
		   size_t row_step, size_t column_step)
{
	size_t groups = (rows + ROWS - 1) / ROWS, g, k, r;
	float *to;

	*product = (struct product) { .rows = rows, .depth = depth };
	/* Rows that there are not are 0. */
	product->left = calloc(groups * depth + 1, ROWS * sizeof(*product->left));
	product->right = malloc(DEPTH * COLUMNS * sizeof(*product->right));
	if (!product->left || !product->right)
		return false;
	for (g = 0, to = product->left; g < groups; g++) {
		size_t n = least(ROWS, rows - g * ROWS);

		for (k = 0; k < depth; k++, to += ROWS)
			for (r = 0; r < n; r++)
				to[r] = data[(g * ROWS + r) * row_step + k * column_step];
	}
	return true;
}

void product_end(struct product *product)
{
	free(product->left);
	free(product->right);
}

#define UNROLL	_Pragma("GCC unroll 8")

/*
 * ROWS x WIDTH sums, of @depth products each, on top of what is in @out. The same sums in
 * the same order, as many at once as there are in a register of @bytes.
 */
#define TILE(name, bytes)								\
static void name(const float *left, const float *right, size_t depth, float *out)	\
{											\
	typedef float vector __attribute__((vector_size(bytes)));			\
	typedef vector anywhere __attribute__((aligned(sizeof(float))));		\
	enum { LANES = (bytes) / sizeof(float), PARTS = WIDTH / LANES };		\
	vector sum[ROWS][PARTS], line[PARTS];						\
	size_t k;									\
	int r, p;									\
											\
	for (r = 0; r < ROWS; r++)							\
		for (p = 0; p < PARTS; p++)						\
			sum[r][p] = *(const anywhere *)(out + r * WIDTH + p * LANES);	\
	for (k = 0; k < depth; k++, left += ROWS, right += WIDTH) {			\
		UNROLL									\
		for (p = 0; p < PARTS; p++)						\
			line[p] = *(const anywhere *)(right + p * LANES);		\
		UNROLL									\
		for (r = 0; r < ROWS; r++)						\
			UNROLL								\
			for (p = 0; p < PARTS; p++)					\
				sum[r][p] += left[r] * line[p];				\
	}										\
	for (r = 0; r < ROWS; r++)							\
		for (p = 0; p < PARTS; p++)						\
			*(anywhere *)(out + r * WIDTH + p * LANES) = sum[r][p];		\
}

typedef void tile_fn(const float *left, const float *right, size_t depth, float *out);

TILE(tile_plain, 16)
#ifdef __x86_64__
__attribute__((target("avx2")))
TILE(tile_avx2, 32)
__attribute__((target("avx512f")))
TILE(tile_avx512, 64)
#endif

static tile_fn *best_tile(void)
{
#ifdef __x86_64__
	if (__builtin_cpu_supports("avx512f"))
		return tile_avx512;
	if (__builtin_cpu_supports("avx2"))
		return tile_avx2;
#endif
	return tile_plain;
}

/* Rows of the right matrix from @row on, @depth of them, in groups of columns. */
static void pack_right(struct product *product, product_row_fn *get, const void *from,
		       size_t row, size_t depth, size_t column, size_t count)
{
	float line[COLUMNS] = { 0 };
	size_t k, i;

	for (k = 0; k < depth; k++) {
		get(from, row + k, column, count, line);
		for (i = 0; i < count; i += WIDTH)
			memcpy(product->right + i * depth + k * WIDTH, line + i,
			       WIDTH * sizeof(*line));
	}
}

/* One tile of the result, of which some rows and columns may be beyond its end. */
static void put_tile(tile_fn *run, const float *left, const float *right, size_t depth,
		     bool first, float *out, size_t row_step, size_t rows, size_t columns)
{
	float sum[ROWS][WIDTH] = { 0 };
	size_t r;

	for (r = 0; r < rows && !first; r++)
		memcpy(sum[r], out + r * row_step, columns * sizeof(*out));
	run(left, right, depth, sum[0]);
	for (r = 0; r < rows; r++)
		memcpy(out + r * row_step, sum[r], columns * sizeof(*out));
}

void product_run(struct product *product, product_row_fn *get, const void *from, size_t first,
		 size_t count, float *out, size_t row_step)
{
	tile_fn *run = best_tile();
	size_t at, k, row, i;

	for (at = 0; at < count; at += COLUMNS) {
		size_t columns = least(COLUMNS, count - at);

		/* Also without depth: then all of it is 0. */
		for (k = 0; !k || k < product->depth; k += DEPTH) {
			size_t depth = least(DEPTH, product->depth - k);

			pack_right(product, get, from, k, depth, first + at, columns);
			for (row = 0; row < product->rows; row += ROWS)
				for (i = 0; i < columns; i += WIDTH)
					put_tile(run, product->left + row * product->depth + k * ROWS,
						 product->right + i * depth, depth, !k,
						 out + row * row_step + at + i, row_step,
						 least(ROWS, product->rows - row),
						 least(WIDTH, columns - i));
		}
	}
}
