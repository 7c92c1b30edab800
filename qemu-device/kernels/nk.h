/* SPDX-License-Identifier: MIT */
/*
 * What the kernels share among themselves. The rules of arithmetic that the
 * comments refer to are in NUMERICS.md.
 */
#ifndef NEURON_NK_H
#define NEURON_NK_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"

/* Elements that are converted at a time: a few rows of them stay in L1. */
#define NK_CHUNK	1024

/*
 * Loops over float buffers run in whole groups of this many elements, so that
 * an element's result never depends on whether it fell into a vector or into
 * the scalar remainder of a loop. Buffers are rounded up to it.
 */
#define NK_LANES	16
#define NK_ROUND_UP(n)	(((n) + NK_LANES - 1) & ~(size_t)(NK_LANES - 1))

/*
 * Compile a hot loop for the common levels of the instruction set, chosen at
 * load time. Contraction is off for all of the kernels, so that each version
 * gives the same bits. Sanitizers do not go with indirect functions.
 */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && \
	!defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
	!defined(NK_NO_CLONES)
#define NK_CLONES	__attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", \
						     "default")))
#else
#define NK_CLONES
#endif

/* The next loop's iterations do not depend on each other, though dst may be src. */
#ifdef __clang__
#define NK_INDEPENDENT	/* its pragma warns of loops that it cannot vectorise anyway */
#else
#define NK_INDEPENDENT	_Pragma("GCC ivdep")
#endif

#define NK_ALIGNED	__attribute__((aligned(64)))

/* Work of one instruction: what every kernel needs besides its operands. */
struct nk_call {
	struct nk_ctx *ctx;
	const struct neuron_inst *inst;
	const struct nk_view *op;
	const void *key;
	const bool *cancel;
	struct nk_stats *stats;
	uint64_t *info;
};

static inline bool nk_cancelled(const struct nk_call *call)
{
	return call->cancel && __atomic_load_n(call->cancel, __ATOMIC_RELAXED);
}

static inline bool nk_is_float(unsigned int dtype)
{
	return (NEURON_D_FLOAT >> dtype) & 1;
}

static inline bool nk_is_byte(unsigned int dtype)
{
	return (NEURON_D_BYTE >> dtype) & 1;
}

static inline size_t nk_size(unsigned int dtype)
{
	static const uint8_t size[NEURON_NUM_DTYPES] = {
#define X(name, value, bytes, text) [value] = bytes,
		NEURON_DTYPES(X)
#undef X
	};

	return size[dtype];
}

/*
 * Products of dims. Broadcast inputs can have any dims, so these saturate, far
 * below where a multiplication by an element's size would overflow.
 */
#define NK_MANY		((uint64_t)1 << 60)

static inline uint64_t nk_times(uint64_t n, uint64_t by)
{
	return by && n > NK_MANY / by ? NK_MANY : n * by;
}

static inline uint64_t nk_elements(const struct neuron_tensor *t)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < t->rank; i++)
		n = nk_times(n, t->dims[i]);
	return n;
}

/* The distance of neighbours in dimension @dim, in bytes. */
static inline ptrdiff_t nk_stride(const struct neuron_tensor *t, unsigned int dim)
{
	return (ptrdiff_t)t->strides[dim] * (ptrdiff_t)nk_size(t->dtype);
}

static inline uint32_t nk_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static inline float nk_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* Nearest, ties to even; NaN stays NaN. */
static inline uint16_t nk_round_bf16(float f)
{
	uint32_t u = nk_bits(f);
	uint32_t rounded = (u + 0x7fff + (u >> 16 & 1)) >> 16;

	return (u & 0x7fffffff) > 0x7f800000 ? u >> 16 | 0x40 : rounded;
}

/* What is rounded to integers of few bits stays within it. */
#define NK_ROUND_MOST	0x1p21f

/*
 * Nearest, ties to even, of no more than NK_ROUND_MOST. In [2^23, 2^24) floats are the
 * integers, so adding 1.5 * 2^23 leaves the nearest one in the low bits.
 */
static inline int32_t nk_round_small(float f)
{
	return (int32_t)(nk_bits(f + 12582912.0f) - 0x4b400000u);
}

/* The same for any number, only for results that saturate to far fewer bits; 0 for NaN. */
static inline int32_t nk_round_i32(float f)
{
	float near = f > -NK_ROUND_MOST ? f : -NK_ROUND_MOST;

	near = near < NK_ROUND_MOST ? near : NK_ROUND_MOST;
	near = f == f ? near : 0;
	return nk_round_small(near);
}

/* ctx.c: memory that lives as long as the context and only grows */
enum nk_scratch {
	NK_SCRATCH_IN,
	NK_SCRATCH_WEIGHT,
	NK_SCRATCH_OUT,
	NK_SCRATCH_SUMS,
	NK_SCRATCH_THREAD,
	NK_NUM_SCRATCH
};

void *nk_scratch(struct nk_ctx *ctx, enum nk_scratch which, size_t bytes);
bool nk_reference_only(const struct nk_ctx *ctx);

/* parallel.c */

/* Most threads that an instruction is spread over. */
#define NK_MAX_THREADS	64

/**
 * typedef nk_tile_fn - one of the equal parts that an instruction is cut into
 * @arg: as given to nk_parallel()
 * @tile: which part
 * @thread: number of the thread that runs it, below nk_threads()
 * @stats: the thread's own counters
 *
 * Return: NK_OK, or the status with which the instruction ends.
 */
typedef enum nk_status nk_tile_fn(void *arg, size_t tile, unsigned int thread,
				  struct nk_stats *stats);

/**
 * nk_parallel() - run all tiles, on up to nk_threads() threads
 * @call: the instruction
 * @tiles: how many there are. It must follow from the shapes alone, so that
 *	   results do not depend on the number of threads
 * @fn: computes one tile
 * @arg: for @fn
 *
 * Polls the cancel flag before each tile.
 *
 * Return: NK_OK, NK_CANCELLED, or what a tile returned.
 */
enum nk_status nk_parallel(const struct nk_call *call, size_t tiles, nk_tile_fn *fn,
			   void *arg);
unsigned int nk_threads(const struct nk_ctx *ctx);

struct nk_team;
struct nk_team *nk_team_create(unsigned int threads);
void nk_team_destroy(struct nk_team *team);
/* ctx.c: started when it is first needed; NULL: the caller works alone. */
struct nk_team *nk_ctx_team(struct nk_ctx *ctx);

/* nest.c: loops over operands of equal dims */
#define NK_NEST_VIEWS	4

/**
 * struct nk_nest - a loop nest over up to NK_NEST_VIEWS views
 * @views: how many
 * @rank: loops around the innermost one
 * @dims: their counts
 * @strides: by loop and view, in bytes
 * @n: count of the innermost loop
 * @step: its strides by view, in bytes
 * @base: addresses of the first elements
 * @weight: elements that one step of the innermost loop stands for, or takes the time of
 */
struct nk_nest {
	unsigned int views;
	unsigned int weight;
	unsigned int rank;
	uint64_t dims[NEURON_MAX_RANK];
	ptrdiff_t strides[NEURON_MAX_RANK][NK_NEST_VIEWS];
	uint64_t n;
	ptrdiff_t step[NK_NEST_VIEWS];
	char *base[NK_NEST_VIEWS];
};

/**
 * nk_nest_init() - find the fewest and fastest loops over some dimensions
 * @nest: filled in
 * @views: how many views
 * @view: the views; all have the dims of the first, or 1 with a stride that is
 *	  not used
 * @mask: bit n: the nest runs over dimension n
 *
 * Loops are ordered by the strides of the first view, the smallest innermost,
 * and neighbours that all views walk as one are merged.
 */
void nk_nest_init(struct nk_nest *nest, unsigned int views, const struct nk_view *view,
		  unsigned int mask);

/**
 * typedef nk_row_fn - the innermost loop of a nest
 * @arg: as given to nk_nest_run()
 * @ptr: addresses of the row's first elements
 * @step: distances of neighbours, in bytes
 * @n: elements
 * @stats: the thread's own counters
 */
typedef void nk_row_fn(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		       struct nk_stats *stats);

/**
 * nk_nest_run() - run a nest whose elements do not depend on each other
 * @call: the instruction
 * @nest: the loops
 * @fn: the innermost loop; rows may be cut into several calls
 * @arg: for @fn
 *
 * Return: NK_OK or NK_CANCELLED.
 */
enum nk_status nk_nest_run(const struct nk_call *call, const struct nk_nest *nest,
			   nk_row_fn *fn, void *arg);

/* arrange.c */

/**
 * nk_run_arranged() - run a function of elements over an instruction's first operands
 * @call: the instruction
 * @views: how many operands, the result first
 * @weight: of an element, as struct nk_nest has it
 * @fn: the innermost loop, as for nk_nest_run()
 * @arg: for @fn
 *
 * Operands whose elements lie across the result's are copied into its order, and rows
 * of a few elements joined. Takes all of the scratch but NK_SCRATCH_THREAD.
 *
 * Return: as nk_nest_run(), or NK_NO_MEMORY.
 */
enum nk_status nk_run_arranged(const struct nk_call *call, unsigned int views,
			       unsigned int weight, nk_row_fn *fn, void *arg);

/* The addresses of row @row of a nest, 0 to the product of @dims minus one. */
void nk_nest_row(const struct nk_nest *nest, uint64_t row, char **ptr);

static inline uint64_t nk_nest_rows(const struct nk_nest *nest)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < nest->rank; i++)
		n = nk_times(n, nest->dims[i]);
	return n;
}

/*
 * convert.c: rows of elements to and from the types that kernels compute in
 *
 * Loads return their buffer, or the source itself where that is a row of the
 * wanted type already. A buffer has room for NK_ROUND_UP(n) elements; a row
 * that is used in place may be read beyond n only by those who know its end.
 */
const float *nk_load_f32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n,
			 float *buf);
const int32_t *nk_load_i32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n,
			   int32_t *buf);
/* As above, but always into the buffer. */
void nk_copy_f32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n, float *buf);
void nk_copy_i32(unsigned int dtype, const void *src, ptrdiff_t step, size_t n,
		 int32_t *buf);
/* Floats to integers: toward zero, saturating, NaN to 0. */
void nk_store_f32(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		  const float *src, struct nk_stats *stats);
void nk_store_i32(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		  const int32_t *src, struct nk_stats *stats);

/**
 * nk_narrow() - a row of a type that the chip lacks
 * @dtype: that type, one of NEURON_D_SLOT
 * @to: receives fp32 or int32, see neuron_dtype_on_chip()
 * @dst_step: bytes between neighbours at @to
 * @from: elements
 * @src_step: bytes between neighbours at @from
 * @n: number of elements
 * @saturations: the elements that do not fit are added
 */
void nk_narrow(unsigned int dtype, void *to, ptrdiff_t dst_step, const void *from,
	       ptrdiff_t src_step, size_t n, uint64_t *saturations);
/* The other way: from fp32 or int32 to @dtype; integers keep their low bits. */
void nk_widen(unsigned int dtype, void *to, ptrdiff_t dst_step, const void *from,
	      ptrdiff_t src_step, size_t n);

/* Floats to integers: nearest, ties to even, plus zero point, saturating. */
void nk_store_rounded(unsigned int dtype, void *dst, ptrdiff_t step, size_t n,
		      const float *src, int32_t zero_point, struct nk_stats *stats);
uint64_t nk_count_nans(unsigned int dtype, const void *src, size_t n);
/* The infinite ones; @nans receives how many are NaN. */
uint64_t nk_count_infs(unsigned int dtype, const void *src, size_t n, uint64_t *nans);

float nk_bf16_to_f32(uint16_t h);
uint16_t nk_f32_to_bf16(float f);
float nk_f16_to_f32(uint16_t h);
uint16_t nk_f32_to_f16(float f);

/* A whole view, densely packed in the order of its dims. */
enum nk_status nk_pack_f32(const struct nk_call *call, const struct nk_view *view,
			   float *dst);
/* The same for bytes and int32, minus the view's zero point. */
enum nk_status nk_pack_i32(const struct nk_call *call, const struct nk_view *view,
			   int32_t *dst);
/* One view to another of fp32, minus the zero point of bytes. */
enum nk_status nk_convert_f32(const struct nk_call *call, const struct nk_view *out,
			      const struct nk_view *in);
/* The same for any type, converted as LOAD does. */
enum nk_status nk_pack(const struct nk_call *call, const struct nk_view *view, void *dst,
		       unsigned int dtype);
/* One view to another of the same dims. */
enum nk_status nk_move(const struct nk_call *call, const struct nk_view *out,
		       const struct nk_view *in);

/* act.c: in place or not; both buffers have NK_ROUND_UP(n) elements */
void nk_act_f32(uint32_t func, float alpha, float beta, float *dst, const float *src,
		size_t n);
/* How many elements' time it takes where it is another function's: a nest's weight. */
unsigned int nk_act_weight(uint32_t func);
/* True for the functions that integers go through without becoming floats. */
bool nk_act_is_integer(uint32_t func);
void nk_act_i32(uint32_t func, float alpha, float beta, int32_t *dst, const int32_t *src,
		size_t n);

/* The same way: x to e^x. */
void nk_expf(float *dst, const float *src, size_t n);

/* pow.c, the same way: a and b to a^b. */
void nk_powf(float *dst, const float *a, const float *b, size_t n);
void nk_powf_to(float *dst, const float *a, float b, size_t n);

/**
 * struct nk_epilogue - what MATMUL and CONV do to a sum before it is stored
 * @channels: how many
 * @times: that the arrays are repeated
 * @scale: by channel, or NULL
 * @bias_f32: by channel, or NULL
 * @offset: by channel, or NULL
 * @act: enum neuron_act, with @alpha and @beta
 * @dtype: of the output, with @zero_point
 * @accumulate: add to the output's previous contents
 * @exact: sums are integers, and so is what is stored
 * @real: the operands of a convolution whose tensors have scales, or NULL
 * @inst: that convolution
 */
struct nk_epilogue {
	size_t channels;
	size_t times;
	const float *scale;
	const float *bias_f32;
	const int32_t *offset;
	uint32_t act;
	float alpha;
	float beta;
	unsigned int dtype;
	int32_t zero_point;
	bool accumulate;
	bool exact;
	bool finite;		/* @scale is: no product with an integer is NaN */
	const struct nk_view *real;
	const struct neuron_inst *inst;
};

/* Rows of few channels are finished together: at most so many. */
static inline size_t nk_epilogue_times(size_t channels)
{
	return channels <= NK_CHUNK / 2 ? NK_CHUNK / channels : 1;
}

/* Bytes for the channels' parameters: scale, bias and offset. */
static inline size_t nk_epilogue_bytes(size_t channels)
{
	return 3 * NK_ROUND_UP(channels * nk_epilogue_times(channels)) * sizeof(float);
}

/**
 * nk_epilogue_init() - gather the channels' parameters
 * @ep: filled in
 * @inst: MATMUL, CONV or CONV_TRANSPOSE
 * @op: its operands
 * @channels: elements of scale and bias
 * @integer: sums are int32
 * @arrays: room for nk_epilogue_bytes()
 */
void nk_epilogue_init(struct nk_epilogue *ep, const struct neuron_inst *inst,
		      const struct nk_view *op, size_t channels, bool integer,
		      float *arrays);

/**
 * nk_epilogue_row() - finish and store a row of sums
 * @ep: what to do
 * @sums: float, or int32 when @integer
 * @integer: see @sums
 * @channel: of the first sum
 * @advance: true: each sum is of the next channel; false: all are of one
 * @dst: where the row goes
 * @step: distance of neighbours there, in bytes
 * @n: at most NK_CHUNK sums
 * @stats: added to
 */
void nk_epilogue_row(const struct nk_epilogue *ep, const void *sums, bool integer,
		     size_t channel, bool advance, void *dst, ptrdiff_t step, size_t n,
		     struct nk_stats *stats);

/**
 * nk_epilogue_rows() - finish and store dense rows, each of the same channels
 * @ep: what to do
 * @sums: @rows * @channels of them, float or int32
 * @integer: see @sums
 * @channel: the first channel
 * @channels: of a row
 * @dst: where the first row goes
 * @step: distance of neighbours there, in bytes
 * @row_step: distance of rows there, in bytes
 * @rows: how many
 * @stats: added to
 */
void nk_epilogue_rows(const struct nk_epilogue *ep, const void *sums, bool integer,
		      size_t channel, size_t channels, void *dst, ptrdiff_t step,
		      ptrdiff_t row_step, size_t rows, struct nk_stats *stats);

/**
 * nk_epilogue_direct() - can a library write the output itself?
 * @inst: MATMUL, CONV or CONV_TRANSPOSE
 * @op: its operands, of which no data is read
 * @integer: sums are int32
 * @dtype: type that the library would write
 *
 * It may add a bias of fp32; nk_epilogue_finish() does the rest.
 */
bool nk_epilogue_direct(const struct neuron_inst *inst, const struct nk_view *op, bool integer,
			unsigned int dtype);

/**
 * nk_epilogue_finish() - the function and the counters, where the output is
 * @ep: what to do
 * @dst: contiguous elements
 * @n: how many
 * @stats: added to
 */
void nk_epilogue_finish(const struct nk_epilogue *ep, void *dst, size_t n,
			struct nk_stats *stats);

/* near_tie.c: sums this close to the middle between two steps are settled there. */
#define NK_NEAR_TIE	0x1p-15f

/* Whether a convolution of bytes means one of real numbers. */
bool nk_has_real_scales(const struct neuron_inst *inst, const struct nk_view *op);

/**
 * nk_settle_tie() - compute an element as the convolution of real numbers has it
 * @ep: with real operands
 * @dst: the element's place in the output
 * @steps: receives the result, in steps of the output and before rounding
 *
 * Return: false when @dst is not where the output's strides lead.
 */
bool nk_settle_tie(const struct nk_epilogue *ep, const void *dst, float *steps);

/* matmul.c: elements between the matrices of batch entry @entry and the first. */
ptrdiff_t nk_batch_offset(const struct neuron_tensor *t, const struct neuron_tensor *out,
			  uint64_t entry, bool dense);

/* The kernels, one for each opcode. */
enum nk_status nk_move_op(const struct nk_call *call);
enum nk_status nk_fill(const struct nk_call *call);
enum nk_status nk_gather(const struct nk_call *call);
enum nk_status nk_scatter(const struct nk_call *call);
enum nk_status nk_matmul(const struct nk_call *call);
enum nk_status nk_matmul_prepare(const struct nk_call *call);
enum nk_status nk_conv(const struct nk_call *call);
enum nk_status nk_conv_prepare(const struct nk_call *call);
enum nk_status nk_act(const struct nk_call *call);
enum nk_status nk_quantize(const struct nk_call *call);
enum nk_status nk_dequantize(const struct nk_call *call);
enum nk_status nk_eltwise(const struct nk_call *call);
enum nk_status nk_select(const struct nk_call *call);
enum nk_status nk_reduce(const struct nk_call *call);
enum nk_status nk_pool(const struct nk_call *call);
enum nk_status nk_softmax(const struct nk_call *call);
enum nk_status nk_norm(const struct nk_call *call);

#endif /* NEURON_NK_H */
