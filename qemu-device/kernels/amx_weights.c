// SPDX-License-Identifier: MIT
/*
 * Weights of products on AMX tiles: packed by all threads, and the zero points of bytes.
 */
#include "amx.h"

struct pack {
	const struct amx_weights *w;
	const char *data;
	char *packed;
	uint32_t columns;
};

static bool has_zero_points(const struct amx_weights *w)
{
	return nk_is_byte(w->dtype) && (w->zero_point || w->a_zero_point);
}

static uint32_t *column_sums(const struct amx_weights *w, const void *packed)
{
	return (uint32_t *)((char *)packed + amx_packed_bytes(w->dtype, w->k, w->n));
}

size_t amx_weights_bytes(const struct amx_weights *w)
{
	return amx_packed_bytes(w->dtype, w->k, w->n) + (size_t)w->n * sizeof(uint32_t);
}

static enum nk_status pack_tile(void *arg, size_t tile, unsigned int thread,
				struct nk_stats *stats)
{
	const struct pack *p = arg;
	const struct amx_weights *w = p->w;
	uint32_t first = tile * p->columns;
	uint32_t columns = w->n - first < p->columns ? w->n - first : p->columns;
	char *to = p->packed + amx_packed_bytes(w->dtype, w->k, first);

	(void)thread;
	(void)stats;
	amx_pack(w->dtype, w->k, columns, p->data + (ptrdiff_t)first * w->column *
		 (ptrdiff_t)nk_size(w->dtype), w->row, w->column, to);
	if (has_zero_points(w))
		amx_column_sums(w->dtype, columns, w->k, to, column_sums(w, p->packed) + first);
	return NK_OK;
}

enum nk_status amx_weights_pack(const struct nk_call *call, const struct amx_weights *w,
				const void *data, uint32_t columns, void *packed)
{
	struct pack p = { .w = w, .data = data, .packed = packed, .columns = columns };

	return nk_parallel(call, (w->n + columns - 1) / columns, pack_tile, &p);
}

void amx_weights_pack_own(const struct amx_weights *w, const void *data, void *packed)
{
	amx_pack(w->dtype, w->k, w->n, data, w->row, w->column, packed);
	if (has_zero_points(w))
		amx_column_sums(w->dtype, w->n, w->k, packed, column_sums(w, packed));
}

NK_CLONES static void subtract(uint32_t *restrict sums, const uint32_t *restrict columns,
			       uint32_t by_column, uint32_t rest, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sums[i] -= by_column * columns[i] + rest;
}

void amx_tile(const struct amx_weights *w, unsigned int a_dtype, uint32_t rows, const void *a,
	      ptrdiff_t a_row, uint32_t first, uint32_t columns, const void *packed, void *out,
	      ptrdiff_t out_row)
{
	uint32_t az = w->a_zero_point, bz = w->zero_point, k = w->k;

	amx_multiply(a_dtype, w->dtype, rows, columns, k, a, a_row, (const char *)packed +
		     amx_packed_bytes(w->dtype, k, first), out, out_row);
	if (!has_zero_points(w))
		return;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t of_row = 0;

		if (bz)
			amx_row_sums(a_dtype, 1, k, (const char *)a + i * a_row, a_row, &of_row);
		subtract((uint32_t *)out + i * out_row, column_sums(w, packed) + first, az,
			 bz * of_row - k * az * bz, columns);
	}
}

void amx_close_gaps(void *sums, uint32_t rows, uint32_t columns)
{
	size_t width = (columns + AMX_PANEL - 1) / AMX_PANEL * AMX_PANEL;

	for (uint32_t i = 1; width > columns && i < rows; i++)
		memmove((float *)sums + (size_t)i * columns, (float *)sums + i * width,
			columns * sizeof(float));
}
