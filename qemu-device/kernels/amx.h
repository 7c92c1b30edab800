/* SPDX-License-Identifier: MIT */
/*
 * Products of bf16 or of bytes on a processor with AMX, from weights in an order
 * of our own, which is made from plain rows at little more than the cost of a copy.
 *
 * The second operand is packed in panels of AMX_PANEL columns, one after the other;
 * a panel is a sequence of steps of 64 bytes of a column, the last one filled up
 * with zeros: bf16 in pairs of rows, bytes in fours.
 */
#ifndef NEURON_NK_AMX_H
#define NEURON_NK_AMX_H

#include "nk.h"

#define AMX_PANEL	32
#define AMX_ROWS	32	/* that are computed together */
#define AMX_STEP	64	/* bytes of a row or column */

/* What the processor has, and the system lets us use. */
bool amx_available(void);

/* Whether products of these types are here: bf16 with bf16, bytes with bytes. */
bool amx_has(unsigned int a_dtype, unsigned int b_dtype);

static inline size_t amx_panel_bytes(unsigned int dtype, uint32_t k)
{
	return (k * nk_size(dtype) + AMX_STEP - 1) / AMX_STEP * AMX_STEP * AMX_PANEL;
}

static inline size_t amx_packed_bytes(unsigned int dtype, uint32_t k, uint32_t n)
{
	return (n + AMX_PANEL - 1) / AMX_PANEL * amx_panel_bytes(dtype, k);
}

/**
 * amx_pack() - bring a matrix into panels
 * @dtype: of its elements
 * @k: rows
 * @n: columns
 * @b: the matrix
 * @row: distance of its rows, in elements
 * @column: distance of its columns, in elements; this or @row is 1
 * @packed: amx_packed_bytes() of memory aligned to 64
 */
void amx_pack(unsigned int dtype, uint32_t k, uint32_t n, const void *b, ptrdiff_t row,
	      ptrdiff_t column, void *packed);

/**
 * amx_multiply() - sums of products
 * @a_dtype: of the first operand
 * @b_dtype: of the second
 * @m: rows
 * @n: columns
 * @k: length of the sums
 * @a: the first operand, whose rows are contiguous
 * @a_row: distance of its rows, in elements
 * @packed: the second operand, from amx_pack()
 * @sums: receives fp32 or int32; @n rounded up to AMX_PANEL columns and @m to AMX_ROWS
 *	  rows are written
 * @sums_row: distance of its rows, in elements
 *
 * bf16 as the processor does it: subnormal numbers count as zero, and pairs of
 * products are added to a sum over ascending k. Integers wrap around. A sum does not
 * depend on where in the matrix it stands.
 */
void amx_multiply(unsigned int a_dtype, unsigned int b_dtype, uint32_t m, uint32_t n, uint32_t k,
		  const void *a, ptrdiff_t a_row, const void *packed, void *sums,
		  ptrdiff_t sums_row);

/* Sums of @k bytes of each of @m rows. */
void amx_row_sums(unsigned int dtype, uint32_t m, uint32_t k, const void *a, ptrdiff_t a_row,
		  uint32_t *sums);
/* Sums of @k bytes of each of @n packed columns. */
void amx_column_sums(unsigned int dtype, uint32_t n, uint32_t k, const void *packed,
		     uint32_t *sums);

/* amx_weights.c: weights that several tiles share. */

/**
 * struct amx_weights - a second operand
 * @dtype: of its elements
 * @k: rows
 * @n: columns
 * @row: distance of its rows, in elements
 * @column: distance of its columns, in elements; this or @row is 1
 * @zero_point: of its elements
 * @a_zero_point: of those that it is multiplied with
 */
struct amx_weights {
	unsigned int dtype;
	uint32_t k, n;
	ptrdiff_t row, column;
	int32_t zero_point, a_zero_point;
};

/* Bytes of the panels, and behind them the sums of integers' columns. */
size_t amx_weights_bytes(const struct amx_weights *w);

/**
 * amx_weights_pack() - bring them into panels, all threads together
 * @call: the instruction
 * @w: what they look like
 * @data: where they are
 * @columns: that a thread packs at once, a multiple of AMX_PANEL
 * @packed: amx_weights_bytes() of memory
 *
 * Return: as nk_parallel().
 */
enum nk_status amx_weights_pack(const struct nk_call *call, const struct amx_weights *w,
				const void *data, uint32_t columns, void *packed);

/* The same by the calling thread alone. */
void amx_weights_pack_own(const struct amx_weights *w, const void *data, void *packed);

/**
 * amx_tile() - some rows and columns of a product, without zero points
 * @w: the weights
 * @a_dtype: of the first operand
 * @rows: of it
 * @a: where they are
 * @a_row: their distance, in elements
 * @first: column
 * @columns: how many
 * @packed: from amx_weights_pack()
 * @out: sums, in rows of @columns rounded up to AMX_PANEL; room for a multiple of AMX_ROWS
 * @out_row: distance of the rows of @out
 *
 * (a - az) * (b - bz) adds up to the sum of a * b - az * b - bz * a + k * az * bz.
 */
void amx_tile(const struct amx_weights *w, unsigned int a_dtype, uint32_t rows, const void *a,
	      ptrdiff_t a_row, uint32_t first, uint32_t columns, const void *packed, void *out,
	      ptrdiff_t out_row);

/* A tile's sums without the gaps behind its rows, as an epilogue expects them. */
void amx_close_gaps(void *sums, uint32_t rows, uint32_t columns);

static inline size_t amx_sums_bytes(uint32_t rows, uint32_t columns)
{
	return (size_t)((rows + AMX_ROWS - 1) / AMX_ROWS * AMX_ROWS) *
	       ((columns + AMX_PANEL - 1) / AMX_PANEL * AMX_PANEL) * sizeof(float);
}

#endif /* NEURON_NK_AMX_H */
