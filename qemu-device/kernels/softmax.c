// SPDX-License-Identifier: MIT
/*
 * SOFTMAX: out = exp(in - max) / sum over axis, or its logarithm.
 *
 * Exponentials are fp32, their sum is kept in double, in 16 lanes (sum.h).
 */
#include <math.h>

#include "nk.h"
#include "sum.h"

/* Of a tile: some microseconds. */
#define TILE_ELEMENTS	4096
/* Of rows that are computed together: they stay in L1. */
#define BATCH_ELEMENTS	2048

struct softmax {
	const struct nk_call *call;
	struct nk_nest nest;	/* all dimensions but the axis */
	unsigned int out, in;
	ptrdiff_t out_step, in_step;
	size_t n;		/* elements of the axis */
	uint64_t rows, tile_rows;
	size_t batch;		/* rows that are computed together */
	float *row;		/* by thread, NK_ROUND_UP(n) * 2 of a batch */
	bool log;
};

static inline __attribute__((always_inline)) float greatest(const float *x, size_t n)
{
	float lane[NK_LANES];
	float max;

	for (size_t l = 0; l < NK_LANES; l++)
		lane[l] = -INFINITY;
	for (size_t i = 0; i < n; i += NK_LANES)
		for (size_t l = 0; l < NK_LANES; l++)
			lane[l] = lane[l] < x[i + l] ? x[i + l] : lane[l];
	max = lane[0];
	for (size_t l = 1; l < NK_LANES; l++)
		max = max < lane[l] ? lane[l] : max;
	return max;
}

/*
 * Some rows at a time, so that short ones cost no calls of their own: each begins at a
 * multiple of NK_LANES. What fills it up is -inf, which changes neither the greatest nor the
 * sum; NaN shows in the sum.
 */
NK_CLONES static void less_greatest(float *x, size_t n, size_t width, size_t rows)
{
	for (; rows; rows--, x += width) {
		float max;

		for (size_t i = n; i < width; i++)
			x[i] = -INFINITY;
		max = greatest(x, width);
		/* A row of nothing but -inf has no softmax. */
		for (size_t i = 0; i < width; i++)
			x[i] -= max;
	}
}

/*
 * The exponentials of what fills a row up are zeros. A row has NaN where its sum is NaN, and
 * then everywhere. Return: how many have.
 */
NK_CLONES static size_t less_log(float *x, const float *e, size_t width, size_t rows)
{
	size_t odd = 0;

	for (; rows; rows--, x += width, e += width) {
		float sum = (float)log(sum_row(e, width));

		for (size_t i = 0; i < width; i++)
			x[i] -= sum;
		odd += sum != sum;
	}
	return odd;
}

NK_CLONES static size_t by_sum(float *e, size_t width, size_t rows)
{
	size_t odd = 0;

	for (; rows; rows--, e += width) {
		float sum = (float)sum_row(e, width);

		for (size_t i = 0; i < width; i++)
			e[i] /= sum;
		odd += sum != sum;
	}
	return odd;
}

static void load_row(const struct softmax *s, const void *from, float *x)
{
	if (s->in == NEURON_F32 && s->in_step == sizeof(float))
		memcpy(x, from, s->n * sizeof(*x));
	else
		nk_copy_f32(s->in, from, s->in_step, s->n, x);
}

/* The addresses of a row's first elements. */
static void find_row(const struct softmax *s, uint64_t row, char **ptr)
{
	nk_nest_row(&s->nest, row / s->nest.n, ptr);
	for (unsigned int v = 0; v < 2; v++)
		ptr[v] += (ptrdiff_t)(row % s->nest.n) * s->nest.step[v];
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct softmax *s = arg;
	uint64_t row = tile * s->tile_rows, end = row + s->tile_rows;
	bool dense = s->out == NEURON_F32 && s->out_step == sizeof(float);
	size_t width = NK_ROUND_UP(s->n), rows, odd;
	float *x = s->row + thread * 2 * width * s->batch;
	float *e = x + width * s->batch;
	char *ptr[NK_NEST_VIEWS];

	if (end > s->rows)
		end = s->rows;
	for (; row < end; row += rows) {
		rows = end - row < s->batch ? end - row : s->batch;
		for (size_t i = 0; i < rows; i++) {
			find_row(s, row + i, ptr);
			load_row(s, ptr[1], x + i * width);
		}
		less_greatest(x, s->n, width, rows);
		nk_expf(e, x, width * rows);
		odd = s->log ? less_log(x, e, width, rows) : by_sum(e, width, rows);
		if (dense)
			stats->nans += odd * s->n;
		for (size_t i = 0; i < rows; i++) {
			const float *from = (s->log ? x : e) + i * width;

			find_row(s, row + i, ptr);
			if (dense)
				memcpy(ptr[0], from, s->n * sizeof(*from));
			else
				nk_store_f32(s->out, ptr[0], s->out_step, s->n, from, stats);
		}
	}
	return NK_OK;
}

enum nk_status nk_softmax(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	uint32_t axis = NEURON_CPARAMS(SOFTMAX, call->inst)->axis;
	struct softmax s = {
		.call = call,
		.out = out->dtype,
		.in = in->dtype,
		.out_step = out->rank ? nk_stride(out, axis) : 0,
		.in_step = out->rank ? nk_stride(in, axis) : 0,
		.n = out->rank ? out->dims[axis] : 1,
		.log = call->inst->flags & NEURON_INST_LOG,
	};

	nk_nest_init(&s.nest, 2, call->op, ~(1u << axis));
	s.rows = nk_nest_rows(&s.nest) * s.nest.n;
	s.tile_rows = TILE_ELEMENTS / s.n ? TILE_ELEMENTS / s.n : 1;
	s.batch = BATCH_ELEMENTS / NK_ROUND_UP(s.n) ? BATCH_ELEMENTS / NK_ROUND_UP(s.n) : 1;
	s.row = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) * 2 *
			   NK_ROUND_UP(s.n) * s.batch * sizeof(float));
	if (!s.row)
		return NK_NO_MEMORY;
	return nk_parallel(call, (s.rows + s.tile_rows - 1) / s.tile_rows, tile, &s);
}
