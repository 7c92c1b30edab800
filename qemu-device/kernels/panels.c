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

/* Whether rows are signed bytes for an instruction that has unsigned ones. */
static bool flips_rows(const struct panels *w)
{
	return w->by == PANELS_DOT && w->a_dtype == NEURON_I8;
}

static int32_t column_zero_point(const struct panels *w)
{
	return w->zero_point - (flips_columns(w) ? 128 : 0);
}

static int32_t row_zero_point(const struct panels *w)
{
	return w->a_zero_point + (flips_rows(w) ? 128 : 0);
}

static void pack(const struct panels *w, uint32_t n, const void *b, void *packed)
{
	if (w->dtype == NEURON_F32)
		f32_pack(w->k, n, b, w->row, w->column, packed);
	else
		steps_pack(w->dtype, w->k, n, b, w->row, w->column, flips_columns(w), packed);
}

/* What the rows' zero point makes of each column's sum. */
static void sum_columns(const struct panels *w, uint32_t n, const void *packed, uint32_t *sums)
{
	uint32_t az = row_zero_point(w);

	if (w->by == PANELS_DOT)
		dot_column_sums(n, w->k, packed, sums);
	else
		amx_column_sums(w->dtype, n, w->k, packed, sums);
	for (uint32_t j = 0; j < n; j++)
		sums[j] = 0 - az * sums[j];
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
	size_t columns = (w->n + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS;

	return panels_bytes(w->dtype, w->k, w->n) + columns * sizeof(uint32_t);
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

static uint32_t sum_bytes(const struct panels *w, const void *row)
{
	return nk_sum_bytes(w->a_dtype, row, w->k) + (flips_rows(w) ? 128 * w->k : 0);
}

NK_CLONES static void add(uint32_t *restrict sums, const uint32_t *restrict columns,
			  uint32_t rest, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sums[i] += columns[i] + rest;
}

/* So many bytes of rows stay in L2 from panel to panel: such rows are multiplied as a whole. */
#define NEAR_BYTES	((size_t)1 << 20)

#define PLAIN_COLUMNS	64	/* that are packed together */

static void multiply_part(const struct panels *w, const struct panel_part *part, uint32_t rows)
{
	uint32_t blocks = (rows + PANEL_TOGETHER - 1) / PANEL_TOGETHER;

	/* Of about the same size: few rows don't keep the processor busy. */
	for (uint32_t i = 0, r = 0, end; i < blocks; i++, r = end) {
		struct panel_part some = *part;

		end = (uint32_t)((uint64_t)rows * (i + 1) / blocks);
		some.a += (ptrdiff_t)r * some.a_row;
		some.c += (ptrdiff_t)r * some.c_row;
		if (i)
			some.ahead = NULL;	/* the first ones have fetched it */
		if (w->by == PANELS_F32)
			f32_multiply(&some, end - r);
		else
			dot_multiply(w->a_dtype, dot_widens(), &some, end - r);
	}
}

/* A tile's rows, and at most @most bytes of its columns, which begin @done bytes down. */
static struct panel_part part_of(const struct panels *w, const void *a, ptrdiff_t a_row,
				 const ptrdiff_t *shift, size_t done, size_t most, void *out,
				 ptrdiff_t out_row)
{
	size_t size = nk_size(w->dtype), left = w->k * size - done;

	return (struct panel_part) {
		.a = (const char *)a + (shift ? 0 : done),
		.a_row = a_row * (ptrdiff_t)size,
		.shift = shift ? shift + done / PANEL_STEP : NULL,
		.bytes = left < most ? left : most,
		.c = out,
		.c_row = out_row,
		.adds = done,
	};
}

/* A part of all panels, which are @panel bytes each. */
static void multiply_panels(const struct panels *w, const struct panel_part *part, uint32_t rows,
			    uint32_t columns, size_t panel)
{
	struct panel_part some = *part;

	for (uint32_t j = 0; j < columns; j += PANEL_COLUMNS) {
		multiply_part(w, &some, rows);
		some.b += panel;
		some.c += PANEL_COLUMNS;
		if (some.start)
			some.start += PANEL_COLUMNS;
	}
}

/* The same with rows of signed bytes, which are flipped once for all. */
static void multiply_flipped(const struct panels *w, const struct panel_part *part, uint32_t rows,
			     uint32_t columns, size_t panel)
{
	uint32_t blocks = (rows + PANEL_TOGETHER - 1) / PANEL_TOGETHER;
	char flipped[PANEL_TOGETHER][PANEL_PART] NK_ALIGNED;
	struct panels own = *w;

	own.a_dtype = NEURON_U8;
	for (uint32_t i = 0, r = 0, end; i < blocks; i++, r = end) {
		struct panel_part some = *part;

		end = (uint32_t)((uint64_t)rows * (i + 1) / blocks);
		some.a += (ptrdiff_t)r * some.a_row;
		some.c += (ptrdiff_t)r * some.c_row;
		dot_flip(&some, end - r, flipped[0], PANEL_PART);
		some.a = flipped[0];
		some.a_row = PANEL_PART;
		some.shift = NULL;
		multiply_panels(&own, &some, end - r, columns, panel);
	}
}

static void multiply(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		     const ptrdiff_t *shift, uint32_t columns, const char *packed,
		     const uint32_t *start, void *out, ptrdiff_t out_row)
{
	size_t panel = panel_bytes(w->dtype, w->k), all = w->k * nk_size(w->dtype), done = 0;
	size_t most = rows * all <= NEAR_BYTES && !flips_rows(w) ? all : PANEL_PART;

	do {
		struct panel_part part = part_of(w, a, a_row, shift, done, most, out, out_row);

		part.b = packed + done * PANEL_COLUMNS;
		part.start = start;
		if (flips_rows(w))
			multiply_flipped(w, &part, rows, columns, panel);
		else
			multiply_panels(w, &part, rows, columns, panel);
		done += part.bytes;
	} while (done < all);
}

void panels_tile(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		 const ptrdiff_t *shift, uint32_t first, uint32_t columns, const void *packed,
		 void *out, ptrdiff_t out_row)
{
	const uint32_t *of_columns = column_sums(w, packed) + first;
	uint32_t az = row_zero_point(w), bz = column_zero_point(w), k = w->k;
	bool starts = w->by == PANELS_DOT && has_zero_points(w) && !bz;

	packed = (const char *)packed + panels_bytes(w->dtype, k, first);
	if (w->by == PANELS_AMX)
		amx_multiply(w->a_dtype, w->dtype, rows, columns, k, a, a_row, shift, packed, out,
			     out_row);
	else
		multiply(w, rows, a, a_row, shift, columns, packed, starts ? of_columns : NULL, out,
			 out_row);
	if (!has_zero_points(w) || starts)
		return;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t of_row = bz ? sum_bytes(w, (const char *)a + i * a_row) : 0;

		add((uint32_t *)out + i * out_row, of_columns, k * az * bz - bz * of_row, columns);
	}
}

bool panels_plain(const struct panels *w)
{
	return (w->by == PANELS_F32 || (w->by == PANELS_DOT && w->dtype == NEURON_BF16)) &&
	       w->column == 1 && w->k;
}

size_t panels_temp_bytes(const struct panels *w, uint32_t columns)
{
	struct panels own = *w;

	own.n = columns;
	return panels_plain(w) ? PLAIN_COLUMNS * PANEL_PART : panels_size(&own);
}

/* @columns, at most PLAIN_COLUMNS; @next: those that follow. */
static void multiply_plain(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
			   const ptrdiff_t *shift, uint32_t columns, const char *from,
			   const char *next, char *temp, void *out, ptrdiff_t out_row)
{
	size_t size = nk_size(w->dtype), all = w->k * size, done = 0;
	ptrdiff_t row = w->row * (ptrdiff_t)size;
	struct panels own = *w;

	while (done < all) {
		struct panel_part part = part_of(w, a, a_row, shift, done, PANEL_PART, out,
						  out_row);

		own.k = part.bytes / size;
		pack(&own, columns, from, temp);
		done += part.bytes;
		from += (ptrdiff_t)own.k * row;
		part.b = temp;
		/* What lies behind the last ones does no harm. */
		part.ahead = done < all ? from : next;
		part.ahead_row = row;
		for (uint32_t j = 0; j < columns; j += PANEL_COLUMNS) {
			multiply_part(w, &part, rows);
			part.b += panel_bytes(w->dtype, own.k);
			part.c += PANEL_COLUMNS;
			part.ahead += PANEL_COLUMNS * size;
		}
	}
}

void panels_tile_plain(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		       const ptrdiff_t *shift, uint32_t columns, const void *data, void *temp,
		       void *out, ptrdiff_t out_row)
{
	size_t size = nk_size(w->dtype);
	struct panels own = *w;
	const char *from = data;

	if (!panels_plain(w)) {
		own.n = columns;	/* the tile's columns are all that there are */
		pack(&own, columns, data, temp);
		if (has_zero_points(&own))
			sum_columns(&own, columns, temp, column_sums(&own, temp));
		panels_tile(&own, rows, a, a_row, shift, 0, columns, temp, out, out_row);
		return;
	}
	for (uint32_t j = 0; j < columns; j += PLAIN_COLUMNS) {
		uint32_t some = columns - j < PLAIN_COLUMNS ? columns - j : PLAIN_COLUMNS;
		const char *next = from + PLAIN_COLUMNS * size;

		multiply_plain(w, rows, a, a_row, shift, some, from, next, temp, (float *)out + j,
			       out_row);
		from = next;
	}
}

void panels_close_gaps(void *sums, uint32_t rows, uint32_t columns)
{
	size_t width = (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS;

	for (uint32_t i = 1; width > columns && i < rows; i++)
		memmove((float *)sums + (size_t)i * columns, (float *)sums + i * width,
			columns * sizeof(float));
}
