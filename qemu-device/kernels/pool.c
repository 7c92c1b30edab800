// SPDX-License-Identifier: MIT
/*
 * POOL: the greatest, the mean or the p-norm of windows of a picture.
 *
 * Padding takes no part, except that with PAD_COUNTS the mean's divisor counts
 * it (but never what lies beyond it). Windows are walked in row-major order;
 * sums are kept in double for floats and in int64 for integers. Integer means
 * are rounded to nearest, ties to even.
 */
#include <math.h>

#include "nk.h"

/* Outputs that are computed together, along the dimension with the least stride. */
#define BLOCK	256

/* Elements that a tile reads: some tens of microseconds. */
#define TILE_ELEMENTS	65536

struct row_state;

struct pool {
	const struct nk_call *call;
	const struct neuron_params_POOL *p;
	const struct neuron_tensor *out, *in;
	bool integer;
	bool along_channels;
	/* Dimensions are padded to three in front, with ones. */
	int64_t in_dims[3], out_dims[3];
	int64_t kernel[3], stride[3], dilation[3], pad_lo[3], pad_hi[3];
	ptrdiff_t in_stride[3], out_stride[3];
	uint64_t blocks;	/* of channels, or of the last dimension */
	uint64_t rows, tile_rows;
	void (*sweep)(struct row_state *s, size_t first, const char *x, ptrdiff_t step,
		      size_t positions, size_t channels);
};

struct state {
	union {
		float f[BLOCK];
		int32_t i[BLOCK];
	} best;
	union {
		double f[BLOCK];
		int64_t i[BLOCK];
	} sum;
	uint32_t count[BLOCK];	/* AVG: the divisor */
};

NK_CLONES static void max_f32(float *restrict best, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		best[i] = best[i] >= x[i] || best[i] != best[i] ? best[i] : x[i];
}

NK_CLONES static void max_i32(int32_t *restrict best, const int32_t *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		best[i] = best[i] > x[i] ? best[i] : x[i];
}

NK_CLONES static void sum_f32(double *restrict sum, const float *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

NK_CLONES static void sum_i32(int64_t *restrict sum, const int32_t *restrict x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += x[i];
}

/* |x|^p by multiplication for the exponents that are used. */
static void sum_powers(double *sum, const float *x, uint32_t p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		double a = fabs((double)x[i]);

		sum[i] += p == 1 ? a : p == 2 ? a * a : pow(a, p);
	}
}

/* Elements of one window position, for outputs first to first + n of the block. */
static void add_elements(const struct pool *pool, struct state *s, size_t first, size_t n,
			 const char *in, ptrdiff_t step)
{
	unsigned int dtype = pool->in->dtype;
	union {
		float f[BLOCK];
		int32_t i[BLOCK];
	} x;

	if (pool->integer) {
		const int32_t *v = nk_load_i32(dtype, in, step, n, x.i);

		if (pool->p->func == NEURON_POOL_MAX)
			max_i32(s->best.i + first, v, n);
		else
			sum_i32(s->sum.i + first, v, n);
	} else {
		const float *v = nk_load_f32(dtype, in, step, n, x.f);

		if (pool->p->func == NEURON_POOL_MAX)
			max_f32(s->best.f + first, v, n);
		else if (pool->p->func == NEURON_POOL_AVG)
			sum_f32(s->sum.f + first, v, n);
		else
			sum_powers(s->sum.f + first, v, pool->p->p, n);
	}
}

static int64_t div_up(int64_t a, int64_t b)
{
	return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

static bool within(int64_t at, int64_t low, int64_t high)
{
	return at >= low && at < high;
}

/*
 * The outputs of the block (along the last dimension, starting at @start) whose
 * element for kernel position @k lies in [low, high).
 */
static size_t clip_block(const struct pool *pool, int64_t start, size_t n, int64_t k,
			 int64_t low, int64_t high, size_t *first)
{
	int64_t shift = k * pool->dilation[2] - pool->pad_lo[2];
	int64_t from = div_up(low - shift, pool->stride[2]) - start;
	int64_t to = div_up(high - shift, pool->stride[2]) - start;

	if (from < 0)
		from = 0;
	if (to > (int64_t)n)
		to = n;
	*first = from;
	return to > from ? to - from : 0;
}

/* One position of the window: elements, and what they count. */
static void add_position(const struct pool *pool, struct state *s, const int64_t *out,
			 const int64_t *k, const char *plane, size_t n)
{
	int64_t at[3];
	bool counts = pool->call->inst->flags & NEURON_INST_PAD_COUNTS;
	bool inside = true, padded = true;
	size_t first = 0, elements = n;

	for (unsigned int d = 0; d < 3; d++) {
		at[d] = out[d] * pool->stride[d] - pool->pad_lo[d] + k[d] * pool->dilation[d];
		if (d == 2 && !pool->along_channels)
			break;
		inside &= within(at[d], 0, pool->in_dims[d]);
		padded &= within(at[d], -pool->pad_lo[d], pool->in_dims[d] + pool->pad_hi[d]);
	}

	if (counts && padded) {
		size_t from = 0, count = n;

		if (!pool->along_channels)
			count = clip_block(pool, out[2], n, k[2], -pool->pad_lo[2],
					   pool->in_dims[2] + pool->pad_hi[2], &from);
		for (size_t i = from; i < from + count; i++)
			s->count[i]++;
	}
	if (!inside)
		return;
	if (!pool->along_channels)
		elements = clip_block(pool, out[2], n, k[2], 0, pool->in_dims[2], &first);
	if (!elements)
		return;
	if (!counts)
		for (size_t i = first; i < first + elements; i++)
			s->count[i]++;

	at[2] += first * pool->stride[2];
	for (unsigned int d = 0; d < 3; d++)
		plane += at[d] * pool->in_stride[d];
	add_elements(pool, s, first, elements, plane, pool->along_channels ?
		     nk_stride(pool->in, 1) : pool->in_stride[2] * pool->stride[2]);
}

/*
 * Channels last: a row of outputs together, as positions times channels. Each
 * position of the window is one sweep over the row.
 */
#define ROW_ELEMENTS	1024

/* What is worth a loop over vectors of its own. */
#define FEW_CHANNELS	32

struct row_state {
	union {
		float f[ROW_ELEMENTS];
		int32_t i[ROW_ELEMENTS];
	} best;
	union {
		double f[ROW_ELEMENTS];
		int64_t i[ROW_ELEMENTS];
	} sum;
};

typedef void sweep_fn(struct row_state *s, size_t first, const char *x, ptrdiff_t step,
		      size_t positions, size_t channels);

#define DEFINE_SWEEP(name, type, load, accumulate)					\
NK_CLONES static void sweep_##name(struct row_state *s, size_t first, const char *x,	\
				   ptrdiff_t step, size_t positions, size_t channels)	\
{											\
	for (size_t p = 0; p < positions; p++, x += step) {				\
		size_t at = (first + p) * channels, i = 0;				\
		const type *in = (const type *)x;					\
											\
		/* Where the widest registers would not be filled. */			\
		for (; channels < FEW_CHANNELS && i + 8 <= channels; i += 8)		\
			for (size_t j = i; j < i + 8; j++)				\
				accumulate(at + j, load(in[j]));			\
		NK_INDEPENDENT								\
		for (; i < channels; i++)						\
			accumulate(at + i, load(in[i]));				\
	}										\
}

#define SAME(x)		(x)
#define FROM_BF16(x)	nk_float((uint32_t)(x) << 16)
#define MAX_F32(at, v)	(s->best.f[at] = s->best.f[at] >= (v) || s->best.f[at] != s->best.f[at] ? \
					 s->best.f[at] : (v))
#define MAX_I32(at, v)	(s->best.i[at] = s->best.i[at] > (v) ? s->best.i[at] : (v))
#define ADD_F32(at, v)	(s->sum.f[at] += (v))
#define ADD_I32(at, v)	(s->sum.i[at] += (v))

DEFINE_SWEEP(max_f32, float, SAME, MAX_F32)
DEFINE_SWEEP(max_bf16, uint16_t, FROM_BF16, MAX_F32)
DEFINE_SWEEP(max_i8, int8_t, SAME, MAX_I32)
DEFINE_SWEEP(max_u8, uint8_t, SAME, MAX_I32)
DEFINE_SWEEP(add_f32, float, SAME, ADD_F32)
DEFINE_SWEEP(add_bf16, uint16_t, FROM_BF16, ADD_F32)
DEFINE_SWEEP(add_i8, int8_t, SAME, ADD_I32)
DEFINE_SWEEP(add_u8, uint8_t, SAME, ADD_I32)

static sweep_fn *find_sweep(const struct pool *pool)
{
	static sweep_fn *const max[NEURON_NUM_DTYPES] = {
		[NEURON_F32] = sweep_max_f32, [NEURON_BF16] = sweep_max_bf16,
		[NEURON_I8] = sweep_max_i8, [NEURON_U8] = sweep_max_u8,
	}, *const add[NEURON_NUM_DTYPES] = {
		[NEURON_F32] = sweep_add_f32, [NEURON_BF16] = sweep_add_bf16,
		[NEURON_I8] = sweep_add_i8, [NEURON_U8] = sweep_add_u8,
	};

	if (!pool->along_channels || pool->out->dims[1] > ROW_ELEMENTS ||
	    nk_stride(pool->in, 1) != (ptrdiff_t)nk_size(pool->in->dtype))
		return NULL;
	return pool->p->func == NEURON_POOL_MAX ? max[pool->in->dtype] :
	       pool->p->func == NEURON_POOL_AVG ? add[pool->in->dtype] : NULL;
}

static int32_t rounded_mean(int64_t sum, uint32_t count)
{
	return count ? (int32_t)rint((double)sum / count) : 0;
}

static void store(const struct pool *pool, struct state *s, char *out, ptrdiff_t step, size_t n,
		  struct nk_stats *stats)
{
	if (pool->p->func != NEURON_POOL_MAX)
		for (size_t i = 0; i < n; i++) {
			if (pool->integer)
				s->best.i[i] = rounded_mean(s->sum.i[i], s->count[i]);
			else if (pool->p->func == NEURON_POOL_AVG)
				s->best.f[i] = s->sum.f[i] / s->count[i];
			else if (pool->p->p == 2)
				s->best.f[i] = sqrt(s->sum.f[i]);
			else
				s->best.f[i] = pow(s->sum.f[i], 1.0 / pool->p->p);
		}
	if (pool->integer)
		nk_store_i32(pool->out->dtype, out, step, n, s->best.i, stats);
	else
		nk_store_f32(pool->out->dtype, out, step, n, s->best.f, stats);
}

/* One row of the last spatial dimension, for one channel or for all. */
static void one_row(const struct pool *pool, uint64_t row, struct nk_stats *stats)
{
	uint64_t all = pool->along_channels ? 1 : pool->out->dims[1];
	int64_t out[3], positions = pool->along_channels ? pool->out_dims[2] : 1;
	uint32_t channel = row % all;
	uint64_t rest = row / all;
	uint64_t image;

	out[1] = rest % pool->out_dims[1];
	rest /= pool->out_dims[1];
	out[0] = rest % pool->out_dims[0];
	image = rest / pool->out_dims[0];

	for (uint64_t block = 0; block < pool->blocks; block++)
	for (int64_t position = 0; position < positions; position++) {
		uint64_t start = block * BLOCK;
		uint64_t end = pool->along_channels ? pool->out->dims[1] : pool->out_dims[2];
		size_t n = end - start < BLOCK ? end - start : BLOCK;
		uint64_t c = pool->along_channels ? start : channel;
		const char *plane = (const char *)pool->call->op[1].data +
				    (ptrdiff_t)image * nk_stride(pool->in, 0) +
				    (ptrdiff_t)c * nk_stride(pool->in, 1);
		char *to = (char *)pool->call->op[0].data +
			   (ptrdiff_t)image * nk_stride(pool->out, 0) +
			   (ptrdiff_t)c * nk_stride(pool->out, 1);
		struct state s;
		int64_t k[3];

		out[2] = pool->along_channels ? position : (int64_t)start;
		for (size_t i = 0; i < n; i++) {
			if (pool->integer)
				s.best.i[i] = INT32_MIN;
			else
				s.best.f[i] = -INFINITY;
			s.sum.i[i] = 0;		/* 0.0, too */
			s.count[i] = 0;
		}
		for (k[0] = 0; k[0] < pool->kernel[0]; k[0]++)
		for (k[1] = 0; k[1] < pool->kernel[1]; k[1]++) {
			/* Windows have no bound but the fields' 16 bits. */
			if (nk_cancelled(pool->call))
				return;
			for (k[2] = 0; k[2] < pool->kernel[2]; k[2]++)
				add_position(pool, &s, out, k, plane, n);
		}

		for (unsigned int d = 0; d < 3; d++)
			to += out[d] * pool->out_stride[d];
		store(pool, &s, to, pool->along_channels ? nk_stride(pool->out, 1) :
		      pool->out_stride[2], n, stats);
	}
}

/* Steps of the window along dimension @d that fall into [low, high), from @first on. */
static int64_t window_steps(const struct pool *pool, unsigned int d, int64_t out, int64_t low,
			    int64_t high, int64_t *first)
{
	int64_t start = out * pool->stride[d] - pool->pad_lo[d];
	int64_t from = div_up(low - start, pool->dilation[d]);
	int64_t to = div_up(high - start, pool->dilation[d]);

	if (from < 0)
		from = 0;
	if (to > pool->kernel[d])
		to = pool->kernel[d];
	*first = from;
	return to > from ? to - from : 0;
}

/* What a window counts along dimension @d: elements inside the input, or padding, too. */
static int64_t counted_steps(const struct pool *pool, unsigned int d, int64_t out)
{
	bool counts = pool->call->inst->flags & NEURON_INST_PAD_COUNTS;
	int64_t first;

	return window_steps(pool, d, out, counts ? -pool->pad_lo[d] : 0,
			    pool->in_dims[d] + (counts ? pool->pad_hi[d] : 0), &first);
}

static void store_channels(const struct pool *pool, struct row_state *s, const int64_t *out,
			   size_t positions, char *to, struct nk_stats *stats)
{
	size_t channels = pool->out->dims[1], n = positions * channels;
	ptrdiff_t step = nk_stride(pool->out, 1);
	bool dense = pool->out_stride[2] == step * (ptrdiff_t)channels;

	for (size_t p = 0; p < positions && pool->p->func == NEURON_POOL_AVG; p++) {
		int64_t count = counted_steps(pool, 0, out[0]) * counted_steps(pool, 1, out[1]) *
				counted_steps(pool, 2, out[2] + p);

		for (size_t i = p * channels; i < (p + 1) * channels; i++) {
			if (pool->integer)
				s->best.i[i] = rounded_mean(s->sum.i[i], count);
			else
				s->best.f[i] = s->sum.f[i] / (uint32_t)count;
		}
	}
	for (size_t i = 0; i < n; i += dense ? n : channels, to += pool->out_stride[2]) {
		if (pool->integer)
			nk_store_i32(pool->out->dtype, to, step, dense ? n : channels,
				     s->best.i + i, stats);
		else
			nk_store_f32(pool->out->dtype, to, step, dense ? n : channels,
				     s->best.f + i, stats);
	}
}

/* Some positions of one row of the last dimension, for all channels. */
static void some_positions(const struct pool *pool, uint64_t image, const int64_t *out,
			   size_t positions, struct nk_stats *stats)
{
	size_t channels = pool->out->dims[1];
	const char *plane = (const char *)pool->call->op[1].data +
			    (ptrdiff_t)image * nk_stride(pool->in, 0);
	char *to = (char *)pool->call->op[0].data + (ptrdiff_t)image * nk_stride(pool->out, 0);
	int64_t first[2], steps[2];
	struct row_state s;

	for (size_t i = 0; i < positions * channels; i++) {
		if (pool->integer)
			s.best.i[i] = INT32_MIN;
		else
			s.best.f[i] = -INFINITY;
		s.sum.i[i] = 0;		/* 0.0, too */
	}
	for (unsigned int d = 0; d < 2; d++)
		steps[d] = window_steps(pool, d, out[d], 0, pool->in_dims[d], &first[d]);
	for (int64_t k0 = first[0]; k0 < first[0] + steps[0]; k0++)
	for (int64_t k1 = first[1]; k1 < first[1] + steps[1]; k1++) {
		const char *row = plane +
			(out[0] * pool->stride[0] - pool->pad_lo[0] + k0 * pool->dilation[0]) *
			pool->in_stride[0] +
			(out[1] * pool->stride[1] - pool->pad_lo[1] + k1 * pool->dilation[1]) *
			pool->in_stride[1];

		/* Windows have no bound but the fields' 16 bits. */
		if (nk_cancelled(pool->call))
			return;
		for (int64_t k2 = 0; k2 < pool->kernel[2]; k2++) {
			size_t from, n = clip_block(pool, out[2], positions, k2, 0,
						    pool->in_dims[2], &from);
			int64_t at = (out[2] + (int64_t)from) * pool->stride[2] -
				     pool->pad_lo[2] + k2 * pool->dilation[2];

			if (n)
				pool->sweep(&s, from, row + at * pool->in_stride[2],
					    pool->in_stride[2] * pool->stride[2], n, channels);
		}
	}
	for (unsigned int d = 0; d < 3; d++)
		to += out[d] * pool->out_stride[d];
	store_channels(pool, &s, out, positions, to, stats);
}

static void channels_row(const struct pool *pool, uint64_t row, struct nk_stats *stats)
{
	int64_t most = ROW_ELEMENTS / pool->out->dims[1], out[3];
	uint64_t image;

	out[1] = row % pool->out_dims[1];
	row /= pool->out_dims[1];
	out[0] = row % pool->out_dims[0];
	image = row / pool->out_dims[0];
	for (out[2] = 0; out[2] < pool->out_dims[2]; out[2] += most) {
		int64_t rest = pool->out_dims[2] - out[2];

		some_positions(pool, image, out, rest < most ? rest : most, stats);
	}
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct pool *pool = arg;
	uint64_t row = tile * pool->tile_rows, end = row + pool->tile_rows;

	(void)thread;
	for (; row < end && row < pool->rows; row++) {
		if (pool->sweep)
			channels_row(pool, row, stats);
		else
			one_row(pool, row, stats);
	}
	return nk_cancelled(pool->call) ? NK_CANCELLED : NK_OK;
}

enum nk_status nk_pool(const struct nk_call *call)
{
	const struct neuron_params_POOL *p = NEURON_CPARAMS(POOL, call->inst);
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	unsigned int spatial = out->rank - 2, last = out->rank - 1;
	double work;	/* elements read for a row */
	struct pool pool = {
		.call = call,
		.p = p,
		.out = out,
		.in = in,
		.integer = !nk_is_float(in->dtype) && p->func != NEURON_POOL_LP,
		.along_channels = labs(nk_stride(in, 1)) <= labs(nk_stride(in, last)) ||
				  out->dims[last] == 1,
	};

	if (out->dims[1] == 1)
		pool.along_channels = false;
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int d = i + spatial - 3;	/* of the parameters; wraps */
		bool used = i + spatial >= 3;

		pool.in_dims[i] = used ? in->dims[2 + d] : 1;
		pool.out_dims[i] = used ? out->dims[2 + d] : 1;
		pool.in_stride[i] = used ? nk_stride(in, 2 + d) : 0;
		pool.out_stride[i] = used ? nk_stride(out, 2 + d) : 0;
		pool.kernel[i] = used ? p->kernel[d] : 1;
		pool.stride[i] = used ? p->stride[d] : 1;
		pool.dilation[i] = used ? p->dilation[d] : 1;
		pool.pad_lo[i] = used ? p->pad_lo[d] : 0;
		pool.pad_hi[i] = used ? p->pad_hi[d] : 0;
	}
	pool.sweep = find_sweep(&pool);
	pool.blocks = ((pool.along_channels ? (uint64_t)out->dims[1] : (uint64_t)pool.out_dims[2]) +
		       BLOCK - 1) / BLOCK;
	pool.rows = (uint64_t)out->dims[0] * pool.out_dims[0] * pool.out_dims[1] *
		    (pool.along_channels ? 1 : out->dims[1]);
	work = (double)pool.out_dims[2] * pool.kernel[0] * pool.kernel[1] * pool.kernel[2] *
	       (pool.along_channels ? out->dims[1] : 1);
	pool.tile_rows = work < TILE_ELEMENTS ? TILE_ELEMENTS / work : 1;
	return nk_parallel(call, (pool.rows + pool.tile_rows - 1) / pool.tile_rows, tile, &pool);
}
