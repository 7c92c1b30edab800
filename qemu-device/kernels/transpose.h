/* SPDX-License-Identifier: MIT */
/*
 * Elements that change their order: the output is contiguous along the innermost loops of a
 * nest, the input along another one.
 */
#ifndef NEURON_NK_TRANSPOSE_H
#define NEURON_NK_TRANSPOSE_H

#include "nk.h"

#define NK_TRANSPOSE_INNER	512

/**
 * struct nk_transpose - what is done for each step of the loops around
 * @size: bytes of an element, which may begin anywhere
 * @inner: steps that are contiguous in the output
 * @outer: steps that are contiguous in the input
 * @out_outer: distance of the latter in the output
 * @in_inner: where each of the former is in the input
 */
struct nk_transpose {
	ptrdiff_t size;
	uint64_t inner, outer;
	ptrdiff_t out_outer;
	ptrdiff_t in_inner[NK_TRANSPOSE_INNER];
};

/**
 * nk_find_transposition() - take the loops of a transposition out of a nest
 * @t: filled in
 * @nest: of two views, the output first; left are the loops around
 * @size: bytes of an element
 *
 * Those are the innermost loops, as far as the output is contiguous, and the one along which
 * the input is. nk_transpose_row() is to be run over what is left.
 *
 * Return: false where there is nothing to turn; then @nest is as it was.
 */
bool nk_find_transposition(struct nk_transpose *t, struct nk_nest *nest, ptrdiff_t size);

/* An nk_row_fn; @arg: the struct nk_transpose. */
void nk_transpose_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		      struct nk_stats *stats);

#endif /* NEURON_NK_TRANSPOSE_H */
