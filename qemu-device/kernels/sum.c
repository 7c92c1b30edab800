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

NK_CLONES static uint32_t sum_signed(const int8_t *x, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += (uint32_t)x[i];
	return sum;
}

NK_CLONES static uint32_t sum_unsigned(const uint8_t *x, size_t n)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += x[i];
	return sum;
}

uint32_t nk_sum_bytes(unsigned int dtype, const void *x, size_t n)
{
	return dtype == NEURON_U8 ? sum_unsigned(x, n) : sum_signed(x, n);
}
