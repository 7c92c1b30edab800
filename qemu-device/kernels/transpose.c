// SPDX-License-Identifier: MIT
/*
 * Transpositions: squares of the output's contiguous loops and of the input's are turned in
 * registers.
 */
#include "transpose.h"

/* Of a step of the loops around: it stays in the cache. */
#define MOST_ELEMENTS	32768
/* So few are no loop's worth. */
#define FEW		4

/* Halves of two vectors, their elements by turns. */
#define LOW_16		0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define HIGH_16		8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#define LOW_8		0, 8, 1, 9, 2, 10, 3, 11
#define HIGH_8		4, 12, 5, 13, 6, 14, 7, 15

/*
 * Rows of the input to rows of the output: after as many rounds of taking elements by turns
 * as it takes to double one to a row, each is in its place.
 */
#define DEFINE_TRANSPOSE(type, side)							\
typedef type loose_##type __attribute__((aligned(1), may_alias));			\
typedef type square_##type __attribute__((vector_size(side * sizeof(type)),		\
					  aligned(1), may_alias));			\
											\
static inline __attribute__((always_inline)) void					\
turn_##type(const struct nk_transpose *t, char *out, const char *in, uint64_t i)		\
{											\
	square_##type x[side], y[side];							\
											\
	for (unsigned int r = 0; r < side; r++)						\
		x[r] = *(const square_##type *)(in + t->in_inner[i + r]);		\
	for (unsigned int round = 1; round < side; round *= 2) {			\
		for (unsigned int r = 0; r < side / 2; r++) {				\
			y[2 * r] = __builtin_shufflevector(x[r], x[r + side / 2],	\
							   LOW_##side);			\
			y[2 * r + 1] = __builtin_shufflevector(x[r], x[r + side / 2],	\
							       HIGH_##side);		\
		}									\
		for (unsigned int r = 0; r < side; r++)					\
			x[r] = y[r];							\
	}										\
	for (unsigned int r = 0; r < side; r++)						\
		*(square_##type *)(out + (ptrdiff_t)r * t->out_outer +			\
				   (ptrdiff_t)(i * sizeof(type))) = x[r];		\
}											\
											\
NK_CLONES static void transpose_##type(const struct nk_transpose *t, char *out, const char *in)	\
{											\
	uint64_t i, j;									\
											\
	for (i = 0; i < t->inner; i += side) {						\
		uint64_t n = t->inner - i < side ? t->inner - i : side;			\
											\
		for (j = 0; n == side && j + side <= t->outer; j += side)		\
			turn_##type(t, out + (ptrdiff_t)j * t->out_outer,		\
				    in + j * sizeof(type), i);				\
		for (uint64_t k = i; k < i + n; k++) {					\
			const loose_##type *from = (const loose_##type *)(in + t->in_inner[k]); \
			char *to = out + k * sizeof(type);				\
											\
			for (j = n == side ? t->outer / side * side : 0; j < t->outer; j++)	\
				*(loose_##type *)(to + (ptrdiff_t)j * t->out_outer) = from[j]; \
		}									\
	}										\
}

DEFINE_TRANSPOSE(uint8_t, 16)
DEFINE_TRANSPOSE(uint16_t, 8)
DEFINE_TRANSPOSE(uint32_t, 8)

void nk_transpose_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		      struct nk_stats *stats)
{
	const struct nk_transpose *t = arg;

	(void)step;
	(void)n;
	(void)stats;
	switch (t->size) {
	case 1:
		transpose_uint8_t(t, ptr[0], ptr[1]);
		break;
	case 2:
		transpose_uint16_t(t, ptr[0], ptr[1]);
		break;
	case 4:
		transpose_uint32_t(t, ptr[0], ptr[1]);
		break;
	}
}

/* The greatest divisor that is at most @most, so that parts are equal. */
static uint64_t divisor(uint64_t n, uint64_t most)
{
	uint64_t d = n < most ? n : most;

	while (n % d)
		d--;
	return d;
}

static void remove_loop(struct nk_nest *nest, unsigned int d)
{
	nest->rank--;
	memmove(&nest->dims[d], &nest->dims[d + 1], (nest->rank - d) * sizeof(nest->dims[0]));
	memmove(&nest->strides[d], &nest->strides[d + 1],
		(nest->rank - d) * sizeof(nest->strides[0]));
}

bool nk_find_transposition(struct nk_transpose *t, struct nk_nest *nest, ptrdiff_t size)
{
	unsigned int d, first = nest->rank;
	uint64_t parts;

	if (size > 4 || nest->step[0] != size || nest->step[1] == size)
		return false;
	for (d = 0; d < nest->rank; d++)
		if (nest->strides[d][1] == size && nest->dims[d] >= FEW)
			break;
	if (d == nest->rank || nest->rank == NEURON_MAX_RANK)
		return false;

	t->size = size;
	t->inner = divisor(nest->n, NK_TRANSPOSE_INNER);
	parts = nest->n / t->inner;
	for (uint64_t i = 0; i < t->inner; i++)
		t->in_inner[i] = (ptrdiff_t)i * nest->step[1];
	while (parts == 1 && first > d + 1 &&
	       nest->strides[first - 1][0] == (ptrdiff_t)t->inner * size &&
	       t->inner * nest->dims[first - 1] <= NK_TRANSPOSE_INNER) {
		first--;
		for (uint64_t k = 1; k < nest->dims[first]; k++)
			for (uint64_t i = 0; i < t->inner; i++)
				t->in_inner[k * t->inner + i] = t->in_inner[i] +
					(ptrdiff_t)k * nest->strides[first][1];
		t->inner *= nest->dims[first];
	}
	t->outer = divisor(nest->dims[d], MOST_ELEMENTS / (t->inner * nest->weight));
	if (t->inner < 2 || t->outer < FEW)
		return false;

	nest->rank = first;
	t->out_outer = nest->strides[d][0];
	nest->dims[d] /= t->outer;
	for (unsigned int v = 0; v < 2; v++)
		nest->strides[d][v] *= (ptrdiff_t)t->outer;
	if (nest->dims[d] == 1)
		remove_loop(nest, d);
	if (parts > 1) {
		nest->dims[nest->rank] = parts;
		for (unsigned int v = 0; v < 2; v++)
			nest->strides[nest->rank][v] = (ptrdiff_t)t->inner * nest->step[v];
		nest->rank++;
	}
	nest->n = 1;
	nest->weight *= t->inner * t->outer;
	return true;
}
