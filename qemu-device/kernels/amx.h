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

/* For zero points: sums of @k bytes of each of @m rows. */
void amx_row_sums(unsigned int dtype, uint32_t m, uint32_t k, const void *a, ptrdiff_t a_row,
		  uint32_t *sums);
/**
 * amx_column_sums() - the same of @n packed columns
 * @dtype: of the elements
 * @n: columns
 * @k: bytes of each
 * @packed: from amx_pack()
 * @sums: receives them AMX_ROWS times, in rows of @n rounded up to AMX_PANEL
 * @sums_row: distance of these rows, in elements
 */
void amx_column_sums(unsigned int dtype, uint32_t n, uint32_t k, const void *packed,
		     uint32_t *sums, ptrdiff_t sums_row);

#endif /* NEURON_NK_AMX_H */
