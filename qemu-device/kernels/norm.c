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

/*
 * Groups that are dense rows of fp32, to fp32 or bf16, one after the other: the same operations in the
 * same order, in one function, because short rows take longer to call for than to compute.
 */
struct dense {
	const float *in, *gamma, *beta;
	char *out;
	ptrdiff_t in_step, out_step;	/* from row to row, in bytes */
	bool narrow;			/* to bf16 */
	size_t n;
	double epsilon;
	bool rms;
};

#define INLINE	static inline __attribute__((always_inline))

struct norm {
	const struct nk_call *call;
	const struct neuron_params_NORM *p;
	struct nk_nest groups;	/* the dimensions outside axes */
	struct nk_nest inside;	/* those of axes */
	unsigned int dtype[4];
	bool gamma, beta;
	uint64_t count, rows, tile_rows;
	float *group;		/* by thread, count elements */
	struct dense dense;
};

/* Of a tile: some microseconds. */
#define TILE_ELEMENTS	4096

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

/* Return: whether it is NaN. */
INLINE bool finish(float v, const float *gamma, const float *beta, void *y, size_t i, bool narrow)
{
	v = gamma ? v * gamma[i] : v;
	v = beta ? v + beta[i] : v;
	if (narrow)
		((uint16_t *)y)[i] = nk_round_bf16(v);
	else
		((float *)y)[i] = v;
	return v != v;
}

INLINE uint32_t finish_row(const float *x, void *y, bool narrow, double mean, double factor,
			   const float *gamma, const float *beta, size_t n)
{
	uint32_t nans = 0;

	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		nans += finish((float)((x[i] - mean) * factor), gamma, beta, y, i, narrow);
	return nans;
}

NK_CLONES static uint64_t dense_rows(const struct dense *d, size_t rows)
{
	const float *gamma = d->gamma, *beta = d->beta;
	const char *in = (const char *)d->in;
	size_t n = d->n;
	char *y = d->out;
	uint64_t nans = 0;

	for (; rows; rows--, in += d->in_step, y += d->out_step) {
		const float *x = (const float *)in;
		double mean = d->rms ? 0 : sum_row(x, n) / n;
		double factor = 1 / sqrt(sum_squares_row(x, mean, n) / n + d->epsilon);

		if (gamma && beta && d->narrow)
			nans += finish_row(x, y, true, mean, factor, gamma, beta, n);
		else if (gamma && beta)
			nans += finish_row(x, y, false, mean, factor, gamma, beta, n);
		else if (gamma)
			nans += finish_row(x, y, d->narrow, mean, factor, gamma, NULL, n);
		else if (beta)
			nans += finish_row(x, y, d->narrow, mean, factor, NULL, beta, n);
		else
			nans += finish_row(x, y, d->narrow, mean, factor, NULL, NULL, n);
	}
	return nans;
}

static bool find_dense(const struct norm *norm, struct dense *d)
{
	const struct nk_nest *inside = &norm->inside, *groups = &norm->groups;

	for (unsigned int v = 0; v < 4; v++) {
		bool used = v < 2 || (v == 2 ? norm->gamma : norm->beta);

		if (used && (inside->step[v] != (ptrdiff_t)nk_size(norm->dtype[v]) ||
			     (norm->dtype[v] != NEURON_F32 &&
			      (v || norm->dtype[v] != NEURON_BF16))))
			return false;
		/* The same parameters for all of them. */
		if (used && v >= 2 && groups->step[v])
			return false;
	}
	*d = (struct dense){
		.in_step = groups->step[1],
		.out_step = groups->step[0],
		.narrow = norm->dtype[0] == NEURON_BF16,
		.n = inside->n,
		.epsilon = norm->p->epsilon,
		.rms = norm->p->rms,
	};
	return !inside->rank && !groups->rank;
}

static enum nk_status dense_tile(void *arg, size_t tile, unsigned int thread,
				 struct nk_stats *stats)
{
	const struct norm *norm = arg;
	uint64_t row = tile * norm->tile_rows, rows = norm->rows - row;
	struct dense d = norm->dense;
	char *ptr[NK_NEST_VIEWS];

	(void)thread;
	nk_nest_row(&norm->groups, 0, ptr);
	d.out = ptr[0] + (ptrdiff_t)row * norm->groups.step[0];
	d.in = (const float *)(ptr[1] + (ptrdiff_t)row * norm->groups.step[1]);
	d.gamma = norm->gamma ? (const float *)ptr[2] : NULL;
	d.beta = norm->beta ? (const float *)ptr[3] : NULL;
	stats->nans += dense_rows(&d, rows < norm->tile_rows ? rows : norm->tile_rows);
	return NK_OK;
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

	uint64_t tiles;

	for (unsigned int v = 0; v < 4; v++)
		norm.dtype[v] = view[v].desc->dtype;
	nk_nest_init(&norm.groups, 4, view, ~norm.p->axes);
	nk_nest_init(&norm.inside, 4, view, norm.p->axes);
	norm.count = nk_nest_rows(&norm.inside) * norm.inside.n;
	norm.rows = nk_nest_rows(&norm.groups) * norm.groups.n;
	norm.tile_rows = TILE_ELEMENTS / norm.count ? TILE_ELEMENTS / norm.count : 1;
	tiles = (norm.rows + norm.tile_rows - 1) / norm.tile_rows;
	if (!nk_reference_only(call->ctx) && find_dense(&norm, &norm.dense))
		return nk_parallel(call, tiles, dense_tile, &norm);
	norm.group = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) *
				NK_ROUND_UP(norm.count) * sizeof(float));
	if (!norm.group)
		return NK_NO_MEMORY;
	return nk_parallel(call, tiles, tile, &norm);
}
