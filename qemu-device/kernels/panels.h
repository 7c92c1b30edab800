/* SPDX-License-Identifier: MIT */
/*
 * Products from weights in an order of our own, which is made from plain rows or columns
 * at little more than the cost of a copy: on AMX tiles or with AVX-512's dot products for
 * bf16 and bytes, with AVX-512 for fp32.
 *
 * The second operand is packed in panels of PANEL_COLUMNS columns, one after the other;
 * a panel is a sequence of steps of 64 bytes of a column, the last one filled up: bf16
 * in pairs of rows, bytes in fours.
 */
#ifndef NEURON_NK_PANELS_H
#define NEURON_NK_PANELS_H

#include "lib.h"

#define PANEL_COLUMNS	32
#define PANEL_ROWS	32	/* that are computed together */
#define PANEL_STEP	64	/* bytes of a row or column */

/* Who computes them. */
enum panels_by {
	PANELS_NONE,
	PANELS_F32,	/* AVX-512's fused multiply-adds */
	PANELS_DOT,	/* its dot products */
	PANELS_AMX,
};

/* Products of fp32, bf16 with bf16, bytes with bytes: who has them on this processor. */
enum panels_by panels_by(const struct lib_features *lib, unsigned int a_dtype,
			 unsigned int b_dtype);

static inline size_t panel_bytes(unsigned int dtype, uint32_t k)
{
	return (k * nk_size(dtype) + PANEL_STEP - 1) / PANEL_STEP * PANEL_STEP * PANEL_COLUMNS;
}

static inline size_t panels_bytes(unsigned int dtype, uint32_t k, uint32_t n)
{
	return (n + PANEL_COLUMNS - 1) / PANEL_COLUMNS * panel_bytes(dtype, k);
}

/**
 * struct panels - a second operand
 * @by: who multiplies with it
 * @dtype: of its elements
 * @a_dtype: of those that it is multiplied with
 * @k: rows
 * @n: columns
 * @row: distance of its rows, in elements
 * @column: distance of its columns, in elements; this or @row is 1
 * @zero_point: of its elements
 * @a_zero_point: of those that it is multiplied with
 */
struct panels {
	enum panels_by by;
	unsigned int dtype, a_dtype;
	uint32_t k, n;
	ptrdiff_t row, column;
	int32_t zero_point, a_zero_point;
};

/*
 * Bytes of the panels, and behind them what the rows' zero point makes of the sums of
 * bytes' columns.
 */
size_t panels_size(const struct panels *w);

/**
 * panels_fill() - bring them into panels, all threads together
 * @call: the instruction
 * @w: what they look like
 * @data: where they are
 * @columns: that a thread packs at once, a multiple of PANEL_COLUMNS
 * @packed: panels_size() of memory
 *
 * Return: as nk_parallel().
 */
enum nk_status panels_fill(const struct nk_call *call, const struct panels *w,
			   const void *data, uint32_t columns, void *packed);

/**
 * panels_tile() - some rows and columns of a product, without zero points
 * @w: the weights
 * @rows: of the first operand
 * @a: where they are
 * @a_row: their distance, in elements
 * @shift: as for amx_multiply(); then @w->zero_point is 0, and it isn't fp32
 * @first: column
 * @columns: how many
 * @packed: from panels_fill()
 * @out: sums, in rows of @columns rounded up to PANEL_COLUMNS; room for a multiple of PANEL_ROWS
 * @out_row: distance of the rows of @out
 *
 * (a - az) * (b - bz) adds up to the sum of a * b - az * b - bz * a + k * az * bz.
 */
void panels_tile(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		 const ptrdiff_t *shift, uint32_t first, uint32_t columns, const void *packed,
		 void *out, ptrdiff_t out_row);

/* Whether panels_tile_plain() packs what stays near while it fetches what comes next. */
bool panels_plain(const struct panels *w);

/* Memory that it needs, aligned to 64 bytes, for tiles of @columns. */
size_t panels_temp_bytes(const struct panels *w, uint32_t columns);

/**
 * panels_tile_plain() - the same from weights that are not packed yet
 * @w: the weights; @w->n is not used
 * @data: the tile's columns of them
 * @temp: panels_temp_bytes()
 *
 * The sums are the same to the bit.
 */
void panels_tile_plain(const struct panels *w, uint32_t rows, const void *a, ptrdiff_t a_row,
		       const ptrdiff_t *shift, uint32_t columns, const void *data, void *temp,
		       void *out, ptrdiff_t out_row);

/* A tile's sums without the gaps behind its rows, as an epilogue expects them. */
void panels_close_gaps(void *sums, uint32_t rows, uint32_t columns);

static inline size_t panels_sums_bytes(uint32_t rows, uint32_t columns)
{
	return (size_t)((rows + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS) *
	       ((columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS) * sizeof(float);
}

/* panels_pack.c */

/**
 * steps_pack() - bring a matrix of bf16 or bytes into panels
 * @dtype: of its elements
 * @k: rows
 * @n: columns
 * @b: the matrix
 * @row: distance of its rows, in elements
 * @column: distance of its columns, in elements; this or @row is 1
 * @flip: of unsigned bytes make signed ones: those minus 128
 * @packed: panels_bytes() of memory aligned to 64
 */
void steps_pack(unsigned int dtype, uint32_t k, uint32_t n, const void *b, ptrdiff_t row,
		ptrdiff_t column, bool flip, void *packed);

/* panels_amx.c */

bool amx_available(void);

/**
 * amx_multiply() - sums of products
 * @a_dtype: of the first operand
 * @b_dtype: of the second
 * @m: rows
 * @n: columns
 * @k: length of the sums
 * @a: the first operand, whose rows are contiguous
 * @a_row: distance of its rows, in elements
 * @shift: where each PANEL_STEP of a row lies from its beginning, in bytes: @k fills the
 *	   steps, and whatever follows the last row may be read as further rows. NULL: one
 *	   after the other
 * @packed: the second operand, from steps_pack()
 * @sums: receives fp32 or int32; @n rounded up to PANEL_COLUMNS columns and @m to PANEL_ROWS
 *	  rows are written
 * @sums_row: distance of its rows, in elements
 *
 * bf16 as the processor does it: subnormal numbers count as zero, and pairs of
 * products are added to a sum over ascending k. Integers wrap around. A sum does not
 * depend on where in the matrix it stands.
 */
void amx_multiply(unsigned int a_dtype, unsigned int b_dtype, uint32_t m, uint32_t n, uint32_t k,
		  const void *a, ptrdiff_t a_row, const ptrdiff_t *shift, const void *packed,
		  void *sums, ptrdiff_t sums_row);

/* Sums of @k bytes of each of @n packed columns. */
void amx_column_sums(unsigned int dtype, uint32_t n, uint32_t k, const void *packed,
		     uint32_t *sums);

/* Most rows that are multiplied together: their sums fill the registers. */
#define PANEL_TOGETHER	12

/* Bytes of a column that are multiplied with all rows before those below it. */
#define PANEL_PART	1024

/**
 * struct panel_part - rows of the first operand, and a part of a panel
 * @a: the rows' elements that the part is multiplied with
 * @a_row: their distance, in bytes
 * @shift: as for amx_multiply(); NULL for fp32
 * @b: the part, of whole steps unless it is the last
 * @bytes: of a column of it, without what fills it up
 * @c: sums, of which as many columns are written as a panel has
 * @c_row: distance of their rows, in elements
 * @adds: to the sums that are there
 * @start: what the sums of bytes begin with otherwise, for each column; NULL: zero
 * @ahead: columns that are needed soon, where their rows are contiguous: as much of them as
 *	   the part has is fetched into the cache. Not of bytes; NULL: none
 * @ahead_row: distance of their rows, in bytes
 */
struct panel_part {
	const char *a;
	ptrdiff_t a_row;
	const ptrdiff_t *shift;
	const char *b;
	size_t bytes;
	float *c;
	ptrdiff_t c_row;
	bool adds;
	const uint32_t *start;
	const char *ahead;
	ptrdiff_t ahead_row;
};

/*
 * panels_dot.c: sums of bf16 and of bytes as amx_multiply() has them, of up to PANEL_TOGETHER
 * rows, with columns of bf16 or of signed bytes. Bytes of rows are unsigned ones. @wide: bf16
 * are multiplied as fp32, with sums in another order.
 */
bool dot_available(unsigned int dtype);
/* Where bf16 are faster as fp32: one answer for all that is multiplied on this processor. */
bool dot_widens(void);
void dot_multiply(unsigned int a_dtype, bool wide, const struct panel_part *part,
		  unsigned int rows);
/*
 * Make signed bytes of rows unsigned ones, which count 128 more. @part: its rows, whose
 * steps come one after the other in @to, also where they are shifted; @to_row: distance of
 * the rows there, a multiple of PANEL_STEP.
 */
void dot_flip(const struct panel_part *part, unsigned int rows, char *to, ptrdiff_t to_row);
/* @sums: of whole panels */
void dot_column_sums(uint32_t n, uint32_t k, const void *packed, uint32_t *sums);

/* panels_f32.c: the same of fp32, which is added with fused multiply-adds over ascending k. */
bool f32_available(void);
void f32_pack(uint32_t k, uint32_t n, const float *b, ptrdiff_t row, ptrdiff_t column,
	      float *packed);
void f32_multiply(const struct panel_part *part, unsigned int rows);

#endif /* NEURON_NK_PANELS_H */
