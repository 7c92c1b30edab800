/* SPDX-License-Identifier: MIT */
/*
 * Products of few rows or small matrices, without a library: what a step of a
 * recurrent network or a head of an attention multiplies is done before a
 * library has looked at its arguments, and weights that are used for one row are
 * best read where they are.
 */
#ifndef NEURON_NK_FEW_H
#define NEURON_NK_FEW_H

#include "nk.h"

/* Most rows of a product that streams its second operand. */
#define FEW_ROWS	4

enum few_kind {
	FEW_NONE,		/* not for us */
	FEW_SMALL,		/* the second operand is small */
	FEW_STREAM,		/* its rows are contiguous */
	FEW_DOT,		/* its columns are */
};

/**
 * struct few - a product of an m x k matrix of floats and a k x n matrix
 * @kind: from few_kind_of()
 * @m: rows; at most FEW_ROWS unless @kind is FEW_SMALL
 * @n: columns
 * @k: length of the sums
 * @a_dtype: fp32, bf16 or fp16
 * @a_row: distance of rows, in elements
 * @a_column: distance of columns, in elements
 * @b_dtype: likewise; fp32 or bf16 unless @kind is FEW_SMALL
 * @b_row: distance of rows, in elements
 * @b_column: distance of columns, in elements
 * @blocks: the second operand comes from few_pack()
 */
struct few {
	enum few_kind kind;
	uint32_t m, n, k;
	unsigned int a_dtype;
	ptrdiff_t a_row, a_column;
	unsigned int b_dtype;
	ptrdiff_t b_row, b_column;
	bool blocks;
};

/* How to compute it; FEW_NONE where a library is as good. */
enum few_kind few_kind_of(const struct few *few);

/* Columns that are worth a tile of their own; the last tile has at least a few, too. */
uint32_t few_tile_columns(const struct few *few);

/* Whether a second operand of @n columns that stays the same is worth to be packed. */
bool few_packs(const struct few *few, uint32_t n);

/**
 * few_pack() - the second operand in the order in which it is read: twice as fast
 * @few: a tile, the product of @few->n columns at most
 * @n: columns of all tiles
 * @b: second operand
 * @packed: receives @few->k * @n elements
 */
void few_pack(const struct few *few, uint32_t n, const void *b, void *packed);

/* Where the tile that begins with a column finds its part of the second operand, in bytes. */
static inline ptrdiff_t few_offset(const struct few *few, uint32_t column)
{
	return (few->blocks ? (ptrdiff_t)few->k : few->b_column) * (ptrdiff_t)column *
	       (ptrdiff_t)nk_size(few->b_dtype);
}

/* Bytes of temporary memory that few_run() needs. */
size_t few_bytes(const struct few *few);

/**
 * few_run() - compute sums
 * @few: the product
 * @a: first operand
 * @b: second operand
 * @sums: the result
 * @sums_row: distance of its rows, in floats
 * @temp: few_bytes() of aligned memory
 *
 * Every sum runs over ascending k with fused multiply-adds where the processor
 * has them (FEW_DOT: in lanes by k modulo 16 or 32, added pairwise), so that it
 * does not depend on where in the matrix it stands.
 */
void few_run(const struct few *few, const void *a, const void *b, float *sums,
	     ptrdiff_t sums_row, void *temp);

#endif /* NEURON_NK_FEW_H */
