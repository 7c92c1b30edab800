// SPDX-License-Identifier: MIT
/*
 * NORM: out = (in - mean) / sqrt(variance + epsilon) * gamma + beta, over any
 * set of dimensions: layer, instance and group normalisation, and RMS.
 *
 * Mean and variance are kept in double (sum.h), the variance around the mean in
 * a second pass. An element is normalised in double and rounded to fp32; gamma
 * and beta are applied in fp32.
 */
#include <math.h>

#include "nk.h"
#include "sum.h"

struct norm {
	const struct nk_call *call;
	const struct neuron_params_NORM *p;
	struct nk_nest groups;	/* the dimensions outside axes */
	struct nk_nest inside;	/* those of axes */
	unsigned int dtype[4];
	bool gamma, beta;
	uint64_t count, rows, tile_rows;
	float *group;		/* by thread, count elements */
};

NK_CLONES static void normalise(float *restrict x, double mean, double factor, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = (float)((x[i] - mean) * factor);
}

NK_CLONES static void multiply(float *restrict x, const float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] *= y[i];
}

NK_CLONES static void add(float *restrict x, const float *restrict y, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] += y[i];
}

static void store_row(const struct norm *norm, char *const *ptr, float *x,
		      struct nk_stats *stats)
{
	const struct nk_nest *nest = &norm->inside;

	for (uint64_t i = 0; i < nest->n; i += NK_CHUNK) {
		size_t n = nest->n - i < NK_CHUNK ? nest->n - i : NK_CHUNK;
		float buf[NK_CHUNK] NK_ALIGNED;
		const char *at[4];

		for (unsigned int v = 0; v < 4; v++)
			at[v] = ptr[v] + (ptrdiff_t)i * nest->step[v];
		if (norm->gamma)
			multiply(x + i, nk_load_f32(norm->dtype[2], at[2], nest->step[2], n, buf),
				 n);
		if (norm->beta)
			add(x + i, nk_load_f32(norm->dtype[3], at[3], nest->step[3], n, buf), n);
		nk_store_f32(norm->dtype[0], (char *)at[0], nest->step[0], n, x + i, stats);
	}
}

static void one_group(const struct norm *norm, char *const *base, float *x,
		      struct nk_stats *stats)
{
	const struct nk_nest *nest = &norm->inside;
	uint64_t rows = nk_nest_rows(nest);
	double mean = 0, variance;

	for (uint64_t row = 0; row < rows; row++) {
		char *ptr[NK_NEST_VIEWS];

		nk_nest_row(nest, row, ptr);
		nk_copy_f32(norm->dtype[1], base[1] + (ptr[1] - nest->base[1]), nest->step[1],
			    nest->n, x + row * nest->n);
	}
	if (!norm->p->rms)
		mean = nk_sum(x, norm->count) / norm->count;
	variance = nk_sum_squares(x, mean, norm->count) / norm->count;
	normalise(x, mean, 1 / sqrt(variance + norm->p->epsilon), norm->count);
	for (uint64_t row = 0; row < rows; row++) {
		char *ptr[NK_NEST_VIEWS];

		nk_nest_row(nest, row, ptr);
		for (unsigned int v = 0; v < 4; v++)
			ptr[v] = base[v] + (ptr[v] - nest->base[v]);
		store_row(norm, ptr, x + row * nest->n, stats);
	}
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct norm *norm = arg;
	uint64_t row = tile * norm->tile_rows, end = row + norm->tile_rows;

	for (; row < end && row < norm->rows; row++) {
		char *ptr[NK_NEST_VIEWS];

		nk_nest_row(&norm->groups, row / norm->groups.n, ptr);
		for (unsigned int v = 0; v < 4; v++)
			ptr[v] += (ptrdiff_t)(row % norm->groups.n) * norm->groups.step[v];
		one_group(norm, ptr, norm->group + thread * NK_ROUND_UP(norm->count), stats);
	}
	return NK_OK;
}

enum nk_status nk_norm(const struct nk_call *call)
{
	struct norm norm = {
		.call = call,
		.p = NEURON_CPARAMS(NORM, call->inst),
		.gamma = call->op[2].desc,
		.beta = call->op[3].desc,
	};
	/* An absent gamma or beta walks along with in and is not read. */
	struct nk_view view[4] = {
		call->op[0], call->op[1],
		call->op[norm.gamma ? 2 : 1], call->op[norm.beta ? 3 : 1],
	};

	for (unsigned int v = 0; v < 4; v++)
		norm.dtype[v] = view[v].desc->dtype;
	nk_nest_init(&norm.groups, 4, view, ~norm.p->axes);
	nk_nest_init(&norm.inside, 4, view, norm.p->axes);
	norm.count = nk_nest_rows(&norm.inside) * norm.inside.n;
	norm.rows = nk_nest_rows(&norm.groups) * norm.groups.n;
	norm.tile_rows = 16384 / norm.count ? 16384 / norm.count : 1;
	norm.group = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) *
				NK_ROUND_UP(norm.count) * sizeof(float));
	if (!norm.group)
		return NK_NO_MEMORY;
	return nk_parallel(call, (norm.rows + norm.tile_rows - 1) / norm.tile_rows, tile, &norm);
}
