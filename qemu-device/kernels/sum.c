// SPDX-License-Identifier: MIT
#include "sum.h"

static double add_lanes(const double *lane)
{
	double sum = 0;

	for (size_t l = 0; l < NK_LANES; l++)
		sum += lane[l];
	return sum;
}

NK_CLONES double nk_sum(const float *x, size_t n)
{
	double lane[NK_LANES] = { 0 };
	size_t i;

	for (i = 0; i + NK_LANES <= n; i += NK_LANES)
		for (size_t l = 0; l < NK_LANES; l++)
			lane[l] += x[i + l];
	for (; i < n; i++)
		lane[i % NK_LANES] += x[i];
	return add_lanes(lane);
}

NK_CLONES double nk_sum_squares(const float *x, double mean, size_t n)
{
	double lane[NK_LANES] = { 0 };
	size_t i;

	for (i = 0; i + NK_LANES <= n; i += NK_LANES)
		for (size_t l = 0; l < NK_LANES; l++)
			lane[l] += (x[i + l] - mean) * (x[i + l] - mean);
	for (; i < n; i++)
		lane[i % NK_LANES] += (x[i] - mean) * (x[i] - mean);
	return add_lanes(lane);
}
