// SPDX-License-Identifier: MIT
/*
 * QUANTIZE and DEQUANTIZE: scale and zero point are operands, by stride.
 */
#include "nk.h"

struct quant {
	unsigned int out, in, zero_point;
	bool has_zero_point;
	bool reference;		/* step by step */
};

NK_CLONES static void divide(float *restrict q, const float *restrict x,
			     const float *restrict scale, size_t n)
{
	for (size_t i = 0; i < n; i++)
		q[i] = x[i] / scale[i];
}

/*
 * One scale and zero point for a row of floats, in one loop: the same operations in the same
 * order as below.
 */
#define DEFINE_QUANTIZE(name, type, low, high)					\
NK_CLONES static uint32_t quantize_##name(type *restrict q, const float *restrict x,	\
					  float scale, int32_t zero, size_t n)	\
{										\
	uint32_t saturated = 0;							\
										\
	for (size_t i = 0; i < n; i++) {					\
		int32_t v = nk_round_i32(x[i] / scale) + zero;			\
										\
		saturated += v < (low) || v > (high);				\
		q[i] = v < (low) ? (low) : v > (high) ? (high) : v;		\
	}									\
	return saturated;							\
}

DEFINE_QUANTIZE(i8, int8_t, INT8_MIN, INT8_MAX)
DEFINE_QUANTIZE(u8, uint8_t, 0, UINT8_MAX)

/* Of such a row; zero points as nk_store_rounded() takes them. */
static void quantize_floats(const struct quant *quant, char *const *ptr, size_t n,
			    struct nk_stats *stats)
{
	const int32_t most = 1 << 20;
	float scale = *(const float *)ptr[2];
	int32_t zeros[NK_LANES] NK_ALIGNED = { 0 }, zero;

	if (quant->has_zero_point)
		nk_copy_i32(quant->zero_point, ptr[3], 0, 1, zeros);
	zero = zeros[0];
	zero = zero < -most ? -most : zero > most ? most : zero;
	if (quant->out == NEURON_I8)
		stats->saturations += quantize_i8((int8_t *)ptr[0], (const float *)ptr[1], scale,
						  zero, n);
	else
		stats->saturations += quantize_u8((uint8_t *)ptr[0], (const float *)ptr[1], scale,
						  zero, n);
}

/* Rounding, zero point and saturation; a zero point of its own for each element is rare. */
static void quantize_piece(const struct quant *quant, char *out, ptrdiff_t out_step,
			   const float *q, const int32_t *zero, bool one_zero, size_t n,
			   struct nk_stats *stats)
{
	if (one_zero) {
		nk_store_rounded(quant->out, out, out_step, n, q, zero[0], stats);
		return;
	}
	for (size_t i = 0; i < n; i++, out += out_step)
		nk_store_rounded(quant->out, out, out_step, 1, q + i, zero[i], stats);
}

static void quantize_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			 struct nk_stats *stats)
{
	const struct quant *quant = arg;

	if (!quant->reference && quant->in == NEURON_F32 && step[0] == 1 && step[1] == sizeof(float) && !step[2] &&
	    (!quant->has_zero_point || !step[3])) {
		quantize_floats(quant, ptr, n, stats);
		return;
	}
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		float x[NK_CHUNK] NK_ALIGNED, scale[NK_CHUNK] NK_ALIGNED, q[NK_CHUNK] NK_ALIGNED;
		int32_t zero[NK_CHUNK] NK_ALIGNED;
		bool one_zero = !quant->has_zero_point || !step[3];

		divide(q, nk_load_f32(quant->in, ptr[1] + (ptrdiff_t)i * step[1], step[1], count,
				      x),
		       nk_load_f32(NEURON_F32, ptr[2] + (ptrdiff_t)i * step[2], step[2], count,
				   scale), count);
		zero[0] = 0;
		if (quant->has_zero_point)
			nk_copy_i32(quant->zero_point, ptr[3] + (ptrdiff_t)i * step[3], step[3],
				    one_zero ? 1 : count, zero);
		quantize_piece(quant, ptr[0] + (ptrdiff_t)i * step[0], step[0], q, zero, one_zero,
			       count, stats);
	}
}

enum nk_status nk_quantize(const struct nk_call *call)
{
	struct quant quant = {
		.out = call->op[0].desc->dtype,
		.in = call->op[1].desc->dtype,
		.has_zero_point = call->op[3].desc,
		.reference = nk_reference_only(call->ctx),
	};
	struct nk_nest nest;

	if (quant.has_zero_point)
		quant.zero_point = call->op[3].desc->dtype;
	nk_nest_init(&nest, quant.has_zero_point ? 4 : 3, call->op, ~0u);
	return nk_nest_run(call, &nest, quantize_row, &quant);
}

NK_CLONES static void dequantize(float *restrict y, const int32_t *restrict x,
				 const int32_t *restrict zero, const float *restrict scale,
				 size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = (float)(x[i] - zero[i]) * scale[i];
}

/* The difference of two int32 needs 33 bits. */
static void dequantize_wide(float *y, const int32_t *x, const int32_t *zero,
			    const float *scale, size_t n)
{
	for (size_t i = 0; i < n; i++)
		y[i] = (float)((int64_t)x[i] - zero[i]) * scale[i];
}

static void dequantize_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			   struct nk_stats *stats)
{
	const struct quant *quant = arg;

	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		int32_t x[NK_CHUNK] NK_ALIGNED, zero[NK_CHUNK] NK_ALIGNED;
		float scale[NK_CHUNK] NK_ALIGNED, y[NK_CHUNK] NK_ALIGNED;
		bool wide = quant->in == NEURON_I32 ||
			    (quant->has_zero_point && quant->zero_point == NEURON_I32);

		if (quant->has_zero_point)
			nk_copy_i32(quant->zero_point, ptr[3] + (ptrdiff_t)i * step[3], step[3],
				    count, zero);
		else
			memset(zero, 0, count * sizeof(zero[0]));
		(wide ? dequantize_wide : dequantize)
			(y, nk_load_i32(quant->in, ptr[1] + (ptrdiff_t)i * step[1], step[1],
					count, x),
			 zero,
			 nk_load_f32(NEURON_F32, ptr[2] + (ptrdiff_t)i * step[2], step[2], count,
				     scale), count);
		nk_store_f32(quant->out, ptr[0] + (ptrdiff_t)i * step[0], step[0], count, y,
			     stats);
	}
}

enum nk_status nk_dequantize(const struct nk_call *call)
{
	struct quant quant = {
		.out = call->op[0].desc->dtype,
		.in = call->op[1].desc->dtype,
		.has_zero_point = call->op[3].desc,
	};
	struct nk_nest nest;

	if (quant.has_zero_point)
		quant.zero_point = call->op[3].desc->dtype;
	nk_nest_init(&nest, quant.has_zero_point ? 4 : 3, call->op, ~0u);
	return nk_nest_run(call, &nest, dequantize_row, &quant);
}
