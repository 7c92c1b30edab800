/* SPDX-License-Identifier: MIT */
/*
 * Sums of rows. Floats in double, so that the order of additions stays far
 * below fp32's rounding, and in a fixed order, so that it never shows at all.
 */
#ifndef NEURON_NK_SUM_H
#define NEURON_NK_SUM_H

#include "nk.h"

/* Half of NK_LANES sums side by side. */
#define SUM_WIDTH	8

typedef double sum_half __attribute__((vector_size(SUM_WIDTH * sizeof(double))));
typedef float sum_floats __attribute__((vector_size(SUM_WIDTH * sizeof(float)), aligned(4),
					may_alias));

#define SUM_INLINE	static inline __attribute__((always_inline))

/* Lanes that are eight apart, then four, two and one. */
SUM_INLINE double sum_add_lanes(const sum_half *lanes)
{
	typedef double four __attribute__((vector_size(4 * sizeof(double))));
	sum_half eight = lanes[0] + lanes[1];
	four sum = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) +
		   __builtin_shufflevector(eight, eight, 4, 5, 6, 7);

	return (sum[0] + sum[2]) + (sum[1] + sum[3]);
}

SUM_INLINE void sum_add(sum_half *sum, const float *x, double mean, const bool squares)
{
	sum_half d = __builtin_convertvector(*(const sum_floats *)x, sum_half) - mean;

	*sum += squares ? d * d : d;
}

SUM_INLINE double sum_of(const float *x, double mean, size_t n, const bool squares)
{
	sum_half sum[2] = { { 0 } };
	size_t i;

	for (i = 0; i + NK_LANES <= n; i += NK_LANES) {
		sum_add(&sum[0], x + i, mean, squares);
		sum_add(&sum[1], x + i + SUM_WIDTH, mean, squares);
	}
	if (i < n) {
		double lane[NK_LANES] NK_ALIGNED = { 0 };

		for (size_t l = 0; i + l < n; l++)
			lane[l] = x[i + l] - mean;
		for (size_t l = 0; squares && l < NK_LANES; l++)
			lane[l] *= lane[l];
		sum[0] += *(const sum_half *)lane;
		sum[1] += *(const sum_half *)(lane + SUM_WIDTH);
	}
	return sum_add_lanes(sum);
}

/* nk_sum() and nk_sum_squares(), for loops that are compiled for several processors. */
SUM_INLINE double sum_row(const float *x, size_t n)
{
	return sum_of(x, 0, n, false);
}

SUM_INLINE double sum_squares_row(const float *x, double mean, size_t n)
{
	return sum_of(x, mean, n, true);
}

/**
 * nk_sum() - the sum of a row
 * @x: the row
 * @n: its elements
 *
 * Element i is added to lane i % NK_LANES; then lanes are added that are eight, four, two
 * and one apart.
 */
double nk_sum(const float *x, size_t n);

/**
 * nk_sum_squares() - the sum of (x[i] - mean)^2, in the order of nk_sum()
 * @x: the row
 * @mean: subtracted in double
 * @n: elements
 */
double nk_sum_squares(const float *x, double mean, size_t n);

/* The sum of a row of int8 or uint8, modulo 2^32. */
uint32_t nk_sum_bytes(unsigned int dtype, const void *x, size_t n);

#endif /* NEURON_NK_SUM_H */
