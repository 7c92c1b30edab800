/* SPDX-License-Identifier: MIT */
/*
 * Sums of many floats: in double, so that the order of additions stays far
 * below fp32's rounding, and in a fixed order, so that it never shows at all.
 */
#ifndef NEURON_NK_SUM_H
#define NEURON_NK_SUM_H

#include "nk.h"

/**
 * nk_sum() - the sum of a row
 * @x: the row
 * @n: its elements
 *
 * Element i is added to lane i % NK_LANES; the lanes are added in order.
 */
double nk_sum(const float *x, size_t n);

/**
 * nk_sum_squares() - the sum of (x[i] - mean)^2, in the order of nk_sum()
 * @x: the row
 * @mean: subtracted in double
 * @n: elements
 */
double nk_sum_squares(const float *x, double mean, size_t n);

#endif /* NEURON_NK_SUM_H */
