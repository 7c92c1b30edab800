// SPDX-License-Identifier: MIT
/*
 * REDUCE: functions of all elements along some axes.
 *
 * A sum of floats is kept in double, and rounded once at the end; products too.
 * Where an output's elements are contiguous, element i belongs to lane i % 16
 * as in sum.h; where neighbouring outputs are, each adds its elements in order.
 * Integers are kept in 64 bits, which wrap around, and saturate when stored.
 */
#include <math.h>

#include "nk.h"
#include "sum.h"

struct reduce {
	const struct nk_call *call;
	unsigned int out, in;
	uint32_t func;
	bool integer;
	bool last;
	struct nk_nest kept;	/* out and in, over the dimensions that stay */
	struct nk_nest gone;	/* in alone, over axes */
	uint64_t count;		/* elements behind each output */
	size_t block;		/* outputs of a row that are computed together */
	uint64_t row_blocks;
};

/* Outputs that are computed together, and elements taken at a time. */
#define BLOCK	256

/* Steps between looks at the cancel flag: broadcast inputs have no bound. */
#define POLL	1024

/* A running result for each output of a block. */
struct state {
	double sum[BLOCK];
	double max[BLOCK];		/* LOGSUMEXP: of the exponents so far */
	float best[BLOCK];
	int32_t at[BLOCK];
	int64_t whole[BLOCK];
};

static bool is_arg(uint32_t func)
{
	return func == NEURON_REDUCE_ARGMAX || func == NEURON_REDUCE_ARGMIN;
}

/* The first NaN stays; otherwise the greatest, or the least. */
static inline bool better(float x, float best, bool least, bool or_equal)
{
	if (best != best)
		return false;
	if (x != x)
		return true;
	if (or_equal && x == best)
		return true;
	return least ? x < best : x > best;
}

static inline bool better_i32(int32_t x, int64_t best, bool least, bool or_equal)
{
	if (or_equal && x == best)
		return true;
	return least ? x < best : x > best;
}

static void start(const struct reduce *r, struct state *s, size_t n)
{
	bool least = r->func == NEURON_REDUCE_MIN || r->func == NEURON_REDUCE_ARGMIN;

	for (size_t i = 0; i < n; i++) {
		s->sum[i] = r->func == NEURON_REDUCE_PROD;
		s->max[i] = -INFINITY;
		s->best[i] = least ? INFINITY : -INFINITY;
		s->at[i] = 0;
		s->whole[i] = r->func == NEURON_REDUCE_PROD ? 1 : least ? INT32_MAX : INT32_MIN;
		if (r->func == NEURON_REDUCE_SUM || r->func == NEURON_REDUCE_MEAN ||
		    r->func == NEURON_REDUCE_SUMSQ || r->func == NEURON_REDUCE_L1)
			s->whole[i] = 0;
	}
}

/* One element for each output. @index: its position along the axes. */
NK_CLONES static void step_f32(const struct reduce *r, struct state *s, const float *x,
			       size_t n, uint64_t index)
{
	bool least = r->func == NEURON_REDUCE_MIN || r->func == NEURON_REDUCE_ARGMIN;

	switch (r->func) {
	case NEURON_REDUCE_SUM:
	case NEURON_REDUCE_MEAN:
	case NEURON_REDUCE_LOGSUM:
		for (size_t i = 0; i < n; i++)
			s->sum[i] += x[i];
		break;
	case NEURON_REDUCE_PROD:
		for (size_t i = 0; i < n; i++)
			s->sum[i] *= x[i];
		break;
	case NEURON_REDUCE_SUMSQ:
	case NEURON_REDUCE_L2:
		for (size_t i = 0; i < n; i++)
			s->sum[i] += (double)x[i] * x[i];
		break;
	case NEURON_REDUCE_L1:
		for (size_t i = 0; i < n; i++)
			s->sum[i] += fabsf(x[i]);
		break;
	case NEURON_REDUCE_MAX:
		for (size_t i = 0; i < n; i++)
			s->best[i] = s->best[i] >= x[i] || s->best[i] != s->best[i] ?
				     s->best[i] : x[i];
		break;
	case NEURON_REDUCE_MIN:
		for (size_t i = 0; i < n; i++)
			s->best[i] = s->best[i] <= x[i] || s->best[i] != s->best[i] ?
				     s->best[i] : x[i];
		break;
	case NEURON_REDUCE_ARGMAX:
	case NEURON_REDUCE_ARGMIN:
		for (size_t i = 0; i < n; i++) {
			if (!index || better(x[i], s->best[i], least, r->last)) {
				s->best[i] = x[i];
				s->at[i] = index;
			}
		}
		break;
	case NEURON_REDUCE_LOGSUMEXP:
		/* The sum is relative to the greatest element so far. */
		for (size_t i = 0; i < n; i++) {
			if (x[i] > s->max[i]) {
				s->sum[i] = s->sum[i] * exp(s->max[i] - x[i]) + 1;
				s->max[i] = x[i];
			} else if (x[i] != -INFINITY) {
				s->sum[i] += x[i] == s->max[i] ? 1 : exp(x[i] - s->max[i]);
			}
		}
		break;
	}
}

NK_CLONES static void step_i32(const struct reduce *r, struct state *s, const int32_t *x,
			       size_t n, uint64_t index)
{
	bool least = r->func == NEURON_REDUCE_ARGMIN;

	switch (r->func) {
	case NEURON_REDUCE_SUM:
	case NEURON_REDUCE_MEAN:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = (uint64_t)s->whole[i] + (uint64_t)x[i];
		break;
	case NEURON_REDUCE_PROD:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = (uint64_t)s->whole[i] * (uint64_t)x[i];
		break;
	case NEURON_REDUCE_SUMSQ:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = (uint64_t)s->whole[i] + (uint64_t)((int64_t)x[i] * x[i]);
		break;
	case NEURON_REDUCE_L1:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = (uint64_t)s->whole[i] + (uint64_t)llabs((int64_t)x[i]);
		break;
	case NEURON_REDUCE_MAX:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = s->whole[i] > x[i] ? s->whole[i] : x[i];
		break;
	case NEURON_REDUCE_MIN:
		for (size_t i = 0; i < n; i++)
			s->whole[i] = s->whole[i] < x[i] ? s->whole[i] : x[i];
		break;
	case NEURON_REDUCE_ARGMAX:
	case NEURON_REDUCE_ARGMIN:
		for (size_t i = 0; i < n; i++) {
			if (!index || better_i32(x[i], s->whole[i], least, r->last)) {
				s->whole[i] = x[i];
				s->at[i] = index;
			}
		}
		break;
	}
}

static int32_t saturate(int64_t v, struct nk_stats *stats)
{
	if (v >= INT32_MIN && v <= INT32_MAX)
		return v;
	stats->saturations++;
	return v < 0 ? INT32_MIN : INT32_MAX;
}

static float finish_f32(const struct reduce *r, const struct state *s, size_t i)
{
	switch (r->func) {
	case NEURON_REDUCE_MEAN:
		return s->sum[i] / r->count;
	case NEURON_REDUCE_L2:
		return sqrt(s->sum[i]);
	case NEURON_REDUCE_LOGSUM:
		return log(s->sum[i]);
	case NEURON_REDUCE_LOGSUMEXP:
		return isinf(s->max[i]) && s->sum[i] == s->sum[i] ? s->max[i] :
		       s->max[i] + log(s->sum[i]);
	case NEURON_REDUCE_MAX:
	case NEURON_REDUCE_MIN:
		return s->best[i];
	}
	return s->sum[i];
}

static void finish(const struct reduce *r, const struct state *s, char *out, size_t n,
		   struct nk_stats *stats)
{
	union {
		float f[BLOCK];
		int32_t i[BLOCK];
	} v;

	if (is_arg(r->func)) {
		nk_store_i32(r->out, out, r->kept.step[0], n, s->at, stats);
		return;
	}
	if (r->integer) {
		for (size_t i = 0; i < n; i++)
			v.i[i] = saturate(r->func == NEURON_REDUCE_MEAN ?
					  s->whole[i] / (int64_t)r->count : s->whole[i], stats);
		nk_store_i32(r->out, out, r->kept.step[0], n, v.i, stats);
		return;
	}
	for (size_t i = 0; i < n; i++)
		v.f[i] = finish_f32(r, s, i);
	nk_store_f32(r->out, out, r->kept.step[0], n, v.f, stats);
}

/* Neighbouring outputs together, element by element in the order of axes. */
static void reduce_across(const struct reduce *r, char *out, const char *in, size_t n,
			  struct nk_stats *stats)
{
	uint64_t rows = nk_nest_rows(&r->gone);
	struct state s;
	uint64_t index = 0;

	start(r, &s, n);
	for (uint64_t row = 0; row < rows; row++) {
		char *ptr[NK_NEST_VIEWS];
		const char *at;

		if (nk_cancelled(r->call))
			return;
		nk_nest_row(&r->gone, row, ptr);
		at = in + (ptr[0] - r->gone.base[0]);
		for (uint64_t i = 0; i < r->gone.n; i++, index++, at += r->gone.step[0]) {
			union {
				float f[BLOCK];
				int32_t i[BLOCK];
			} x;

			if (i % POLL == POLL - 1 && nk_cancelled(r->call))
				return;
			if (r->integer)
				step_i32(r, &s, nk_load_i32(r->in, at, r->kept.step[1], n, x.i),
					 n, index);
			else
				step_f32(r, &s, nk_load_f32(r->in, at, r->kept.step[1], n, x.f),
					 n, index);
		}
	}
	finish(r, &s, out, n, stats);
}

/* The lanes of one output, in order, into its first. */
static void merge_lanes(const struct reduce *r, struct state *s)
{
	for (size_t l = 1; l < NK_LANES; l++) {
		if (r->func == NEURON_REDUCE_PROD)
			s->sum[0] *= s->sum[l];
		else
			s->sum[0] += s->sum[l];
		if (better(s->best[l], s->best[0], r->func == NEURON_REDUCE_MIN, false))
			s->best[0] = s->best[l];
	}
}

/* One output from contiguous elements: sixteen lanes of it at a time. */
static void reduce_along(const struct reduce *r, char *out, const char *in,
			 struct nk_stats *stats)
{
	uint64_t rows = nk_nest_rows(&r->gone);
	struct state s;

	start(r, &s, NK_LANES);
	for (uint64_t row = 0; row < rows; row++) {
		char *ptr[NK_NEST_VIEWS];

		nk_nest_row(&r->gone, row, ptr);
		for (uint64_t i = 0; i < r->gone.n; i += NK_CHUNK) {
			if (nk_cancelled(r->call))
				return;
			size_t n = r->gone.n - i < NK_CHUNK ? r->gone.n - i : NK_CHUNK;
			float buf[NK_CHUNK] NK_ALIGNED;
			const float *x = nk_load_f32(r->in, in + (ptr[0] - r->gone.base[0]) +
						     (ptrdiff_t)i * r->gone.step[0],
						     r->gone.step[0], n, buf);

			for (size_t j = 0; j < n; j += NK_LANES)
				step_f32(r, &s, x + j, n - j < NK_LANES ? n - j : NK_LANES, 0);
		}
	}
	merge_lanes(r, &s);
	finish(r, &s, out, 1, stats);
}

static bool has_lanes(const struct reduce *r)
{
	return !r->integer && !is_arg(r->func) && r->func != NEURON_REDUCE_LOGSUMEXP &&
	       labs(r->gone.step[0]) <= labs(r->kept.step[1]) + !r->kept.step[1] * 64;
}

/*
 * The greatest or least of a whole tensor whose elements are contiguous, as a scale is
 * found that depends on data: more lanes, so that no comparison waits for the one before,
 * and parts for all threads.
 */
#define WIDE_LANES	64
#define PART		16384	/* elements */
#define LEAST_PARTS	2

struct extreme {
	const struct reduce *r;
	float *best;		/* of each part */
};

#define DEFINE_SWEEP(name, comparison)						\
NK_CLONES static void sweep_##name(float *restrict best, const float *restrict x, size_t n) \
{										\
	for (; n >= WIDE_LANES; n -= WIDE_LANES, x += WIDE_LANES) {		\
		NK_INDEPENDENT							\
		for (size_t l = 0; l < WIDE_LANES; l++)				\
			best[l] = best[l] comparison x[l] || best[l] != best[l] ? \
				  best[l] : x[l];				\
	}									\
	for (size_t l = 0; l < n; l++)						\
		best[l] = best[l] comparison x[l] || best[l] != best[l] ?	\
			  best[l] : x[l];					\
}

DEFINE_SWEEP(max, >=)
DEFINE_SWEEP(min, <=)

static enum nk_status extreme_part(void *arg, size_t part, unsigned int thread,
				   struct nk_stats *stats)
{
	const struct extreme *e = arg;
	const struct reduce *r = e->r;
	bool least = r->func == NEURON_REDUCE_MIN;
	uint64_t at = part * PART, end = r->gone.n - at < PART ? r->gone.n : at + PART;
	float best[WIDE_LANES] NK_ALIGNED, buf[NK_CHUNK] NK_ALIGNED;

	(void)thread;
	(void)stats;
	for (size_t l = 0; l < WIDE_LANES; l++)
		best[l] = least ? INFINITY : -INFINITY;
	for (; at < end; at += NK_CHUNK) {
		size_t n = end - at < NK_CHUNK ? end - at : NK_CHUNK;

		(least ? sweep_min : sweep_max)
			(best, nk_load_f32(r->in, r->gone.base[0] + (ptrdiff_t)at * r->gone.step[0],
					   r->gone.step[0], n, buf), n);
	}
	for (size_t l = 1; l < WIDE_LANES; l++)
		if (better(best[l], best[0], least, false))
			best[0] = best[l];
	e->best[part] = best[0];
	return NK_OK;
}

static bool is_extreme(const struct reduce *r)
{
	return (r->func == NEURON_REDUCE_MAX || r->func == NEURON_REDUCE_MIN) && !r->integer &&
	       r->kept.n == 1 && !r->kept.rank && !r->gone.rank &&
	       r->gone.step[0] == (ptrdiff_t)nk_size(r->in) && r->gone.n >= LEAST_PARTS * PART;
}

static enum nk_status extreme(const struct reduce *r)
{
	size_t parts = (r->gone.n + PART - 1) / PART;
	struct extreme e = {
		.r = r,
		.best = nk_scratch(r->call->ctx, NK_SCRATCH_SUMS, (parts + NK_LANES) * sizeof(*e.best)),
	};
	enum nk_status status;

	if (!e.best)
		return NK_NO_MEMORY;
	status = nk_parallel(r->call, parts, extreme_part, &e);
	if (status)
		return status;
	for (size_t i = 1; i < parts; i++)
		if (better(e.best[i], e.best[0], r->func == NEURON_REDUCE_MIN, false))
			e.best[0] = e.best[i];
	nk_store_f32(r->out, r->kept.base[0], 0, 1, e.best, r->call->stats);
	return NK_OK;
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct reduce *r = arg;
	uint64_t first = tile % r->row_blocks * r->block;
	size_t n = r->kept.n - first < r->block ? r->kept.n - first : r->block;
	char *ptr[NK_NEST_VIEWS];
	char *out;
	const char *in;

	(void)thread;
	nk_nest_row(&r->kept, tile / r->row_blocks, ptr);
	out = ptr[0] + (ptrdiff_t)first * r->kept.step[0];
	in = ptr[1] + (ptrdiff_t)first * r->kept.step[1];
	if (has_lanes(r))
		for (size_t i = 0; i < n; i++)
			reduce_along(r, out + (ptrdiff_t)i * r->kept.step[0],
				     in + (ptrdiff_t)i * r->kept.step[1], stats);
	else
		reduce_across(r, out, in, n, stats);
	return nk_cancelled(r->call) ? NK_CANCELLED : NK_OK;
}

/* Functions of integers whose results are integers. */
static bool stays_integer(uint32_t func)
{
	return func != NEURON_REDUCE_L2 && func != NEURON_REDUCE_LOGSUM &&
	       func != NEURON_REDUCE_LOGSUMEXP;
}

enum nk_status nk_reduce(const struct nk_call *call)
{
	const struct neuron_params_REDUCE *p = NEURON_CPARAMS(REDUCE, call->inst);
	unsigned int in = call->op[1].desc->dtype;
	struct reduce r = {
		.call = call,
		.out = call->op[0].desc->dtype,
		.in = in,
		.func = p->func,
		.integer = !nk_is_float(in) && stays_integer(p->func),
		.last = call->inst->flags & NEURON_INST_LAST,
	};

	nk_nest_init(&r.kept, 2, call->op, ~p->axes);
	nk_nest_init(&r.gone, 1, &call->op[1], p->axes);
	if (is_extreme(&r))
		return extreme(&r);
	r.count = nk_times(nk_nest_rows(&r.gone), r.gone.n);
	r.block = BLOCK;
	if (has_lanes(&r) && r.count * BLOCK > 65536)
		r.block = r.count > 65536 ? 1 : 65536 / r.count;
	r.row_blocks = (r.kept.n + r.block - 1) / r.block;
	return nk_parallel(call, nk_times(nk_nest_rows(&r.kept), r.row_blocks), tile, &r);
}
