// SPDX-License-Identifier: MIT
/*
 * Products from weights in panels: who computes them, weights that are packed by all
 * threads, and the zero points of bytes.
 */
#include "panels.h"
#include "sum.h"

enum panels_by panels_by(const struct lib_features *lib, unsigned int a_dtype,
			 unsigned int b_dtype)
{
	bool bf16 = a_dtype == NEURON_BF16 && b_dtype == NEURON_BF16;

	if (a_dtype == NEURON_F32 && b_dtype == NEURON_F32)
		return lib->avx512 && f32_available() ? PANELS_F32 : PANELS_NONE;
	if (!bf16 && !(nk_is_byte(a_dtype) && nk_is_byte(b_dtype)))
		return PANELS_NONE;
	if (lib->amx && amx_available())
		return PANELS_AMX;
	return (bf16 ? lib->bf16 : lib->int8) && dot_available(a_dtype) ? PANELS_DOT : PANELS_NONE;
}

/* Dot products take unsigned bytes of rows and signed ones of columns: others are flipped. */
static bool flips_columns(const struct panels *w)
{
	return w->by == PANELS_DOT && w->dtype == NEURON_U8;
}

static int32_t column_zero_point(const struct panels *w)
{
	return w->zero_point - (flips_columns(w) ? 128 : 0);
}

static int32_t row_zero_point(const struct panels *w)
{
	return w->a_zero_point + (w->by == PANELS_DOT && w->a_dtype == NEURON_I8 ? 128 : 0);
}

static void pack(const struct panels *w, uint32_t n, const void *b, void *packed)
{
	if (w->dtype == NEURON_F32)
		f32_pack(w->k, n, b, w->row, w->column, packed);
	else
		steps_pack(w->dtype, w->k, n, b, w->row, w->column, flips_columns(w), packed);
}

static void sum_columns(const struct panels *w, uint32_t n, const void *packed, uint32_t *sums)
{
	if (w->by == PANELS_DOT)
		dot_column_sums(n, w->k, packed, sums);
	else
		amx_column_sums(w->dtype, n, w->k, packed, sums);
}

struct pack {
	const struct panels *w;
	const char *data;
	char *packed;
	uint32_t columns;
};

static bool has_zero_points(const struct panels *w)
{
	return nk_is_byte(w->dtype) && (column_zero_point(w) || row_zero_point(w));
}

static uint32_t *column_sums(const struct panels *w, const void *packed)
{
	return (uint32_t *)((char *)packed + panels_bytes(w->dtype, w->k, w->n));
}

size_t panels_size(const struct panels *w)
{
	return panels_bytes(w->dtype, w->k, w->n) + (size_t)w->n * sizeof(uint32_t);
}

static enum nk_status pack_tile(void *arg, size_t tile, unsigned int thread,
				struct nk_stats *stats)
{
	const struct pack *p = arg;
	const struct panels *w = p->w;
	uint32_t first = tile * p->columns;
	uint32_t columns = w->n - first < p->columns ? w->n - first : p->columns;
	char *to = p->packed + panels_bytes(w->dtype, w->k, first);

	(void)thread;
	(void)stats;
	pack(w, columns, p->data + (ptrdiff_t)first * w->column * (ptrdiff_t)nk_size(w->dtype), to);
	if (has_zero_points(w))
		sum_columns(w, columns, to, column_sums(w, p->packed) + first);
	return NK_OK;
}

enum nk_status panels_fill(const struct nk_call *call, const struct panels *w,
			   const void *data, uint32_t columns, void *packed)
{
	struct pack p = { .w = w, .data = data, .packed = packed, .columns = columns };

	return nk_parallel(call, (w->n + columns - 1) / columns, pack_tile, &p);
}

void panels_fill_own(const struct panels *w, const void *data, void *packed)
{
	pack(w, w->n, data, packed);
	if (has_zero_points(w))
		sum_columns(w, w->n, packed, column_sums(w, packed));
}

static uint32_t sum_bytes(const struct panels *w, const void *row)
{
	bool flipped = w->by == PANELS_DOT && w->a_dtype == NEURON_I8;

	return nk_sum_bytes(w->a_dtype, row, w->k) + (flipped ? 128 * w->k : 0);
}

NK_CLONES static void subtract(uint32_t *restrict sums, const uint32_t *restrict columns,
			       uint32_t by_column, uint32_t rest, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sums[i] -= by_column * columns[i] + rest;
}

void panels_tile(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		 const ptrdiff_t *shift, uint32_t first, uint32_t columns, const void *packed,
		 void *out, ptrdiff_t out_row)
{
	const uint32_t *of_columns = column_sums(w, packed) + first;
	uint32_t az = row_zero_point(w), bz = column_zero_point(w), k = w->k;

	packed = (const char *)packed + panels_bytes(w->dtype, k, first);
	if (w->by == PANELS_F32)
		f32_multiply(rows, columns, k, a, a_row, packed, out, out_row);
	else if (w->by == PANELS_DOT)
		dot_multiply(w->a_dtype, rows, columns, k, a, a_row, shift, packed, out, out_row);
	else
		amx_multiply(w->a_dtype, w->dtype, rows, columns, k, a, a_row, shift, packed, out,
			     out_row);
	if (!has_zero_points(w))
		return;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t of_row = bz ? sum_bytes(w, (const char *)a + i * a_row) : 0;

		subtract((uint32_t *)out + i * out_row, of_columns, az,
			 bz * of_row - k * az * bz, columns);
	}
}

void panels_close_gaps(void *sums, uint32_t rows, uint32_t columns)
{
	size_t width = (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS;

	for (uint32_t i = 1; width > columns && i < rows; i++)
		memmove((float *)sums + (size_t)i * columns, (float *)sums + i * width,
			columns * sizeof(float));
}
