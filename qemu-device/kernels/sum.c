// SPDX-License-Identifier: MIT
#include "sum.h"

NK_CLONES double nk_sum(const float *x, size_t n)
{
	return sum_row(x, n);
}

NK_CLONES double nk_sum_squares(const float *x, double mean, size_t n)
{
	return sum_squares_row(x, mean, n);
}
