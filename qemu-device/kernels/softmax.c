// SPDX-License-Identifier: MIT
/*
 * SOFTMAX: out = exp(in - max) / sum over axis, or its logarithm.
 *
 * Exponentials are fp32, their sum is kept in double, in 16 lanes: element i
 * is added to lane i % 16, and the lanes are added in order at the end.
 */
#include <math.h>

#include "nk.h"
#include "sum.h"

/* Of a tile: some microseconds. */
#define TILE_ELEMENTS	4096

struct softmax {
	const struct nk_call *call;
	struct nk_nest nest;	/* all dimensions but the axis */
	unsigned int out, in;
	ptrdiff_t out_step, in_step;
	size_t n;		/* elements of the axis */
	uint64_t rows, tile_rows;
	float *row;		/* by thread, NK_ROUND_UP(n) * 2 */
	bool log;
};

NK_CLONES static float greatest(const float *x, size_t n)
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

NK_CLONES static void subtract(float *dst, const float *src, float value, size_t n)
{
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = src[i] - value;
}

NK_CLONES static void divide(float *x, float value, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] /= value;
}

static void softmax_row(const struct softmax *s, float *x, float *e)
{
	size_t room = NK_ROUND_UP(s->n);
	float max;

	/* -inf changes neither the maximum nor the sum. NaN shows in the sum. */
	for (size_t i = s->n; i < room; i++)
		x[i] = -INFINITY;
	max = greatest(x, room);
	/* A row of nothing but -inf has no softmax. */
	subtract(x, x, max, room);
	nk_expf(e, x, room);
	for (size_t i = s->n; i < room; i++)
		e[i] = 0;
	if (s->log)
		subtract(x, x, (float)log(nk_sum(e, s->n)), s->n);
	else
		divide(e, (float)nk_sum(e, s->n), s->n);
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct softmax *s = arg;
	uint64_t row = tile * s->tile_rows, end = row + s->tile_rows;
	float *x = s->row + thread * 2 * NK_ROUND_UP(s->n);
	float *e = x + NK_ROUND_UP(s->n);

	for (; row < end && row < s->rows; row++) {
		char *ptr[NK_NEST_VIEWS];

		nk_nest_row(&s->nest, row / s->nest.n, ptr);
		for (unsigned int v = 0; v < 2; v++)
			ptr[v] += (ptrdiff_t)(row % s->nest.n) * s->nest.step[v];
		nk_copy_f32(s->in, ptr[1], s->in_step, s->n, x);
		softmax_row(s, x, e);
		nk_store_f32(s->out, ptr[0], s->out_step, s->n, s->log ? x : e, stats);
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
	s.row = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) * 2 *
			   NK_ROUND_UP(s.n) * sizeof(float));
	if (!s.row)
		return NK_NO_MEMORY;
	return nk_parallel(call, (s.rows + s.tile_rows - 1) / s.tile_rows, tile, &s);
}
