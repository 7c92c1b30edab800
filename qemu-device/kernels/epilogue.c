// SPDX-License-Identifier: MIT
/*
 * What happens to the sums of MATMUL, CONV and CONV_TRANSPOSE before they are
 * stored.
 *
 *	floats:		v = sum (+ previous)
 *	integers:	v = float(sum + offset[channel]) (+ previous)
 *	both:		v = act(v * scale[channel] + bias[channel])
 *
 * Scale and bias are two roundings. A bias of int32 is an offset: it belongs to the
 * integer sum and is added before the scale, a bias of fp32 after it. Stored as fp32, bf16
 * or fp16, v is rounded to nearest; as 8 bits or int32 it is rounded to the
 * nearest integer, ties to even, the zero point is added, and the result
 * saturates. Integers that go to int32 without scale, fp32 bias or act stay
 * integers throughout, and wrap around.
 */
#include <math.h>

#include "nk.h"

/* The channels' parameters as an array; a single one stands for all. */
static void gather(void *dst, const struct nk_view *view, size_t channels, bool as_float)
{
	const struct neuron_tensor *desc = view->desc;
	ptrdiff_t step = desc->rank && desc->dims[0] > 1 ? nk_stride(desc, 0) : 0;

	if (as_float)
		nk_copy_f32(desc->dtype, view->data, step, channels, dst);
	else
		nk_copy_i32(desc->dtype, view->data, step, channels, dst);
}

NK_CLONES static bool all_finite(const float *x, size_t n)
{
	uint32_t others = 0;

	for (size_t i = 0; i < n; i++)
		others += (nk_bits(x[i]) & 0x7f800000) == 0x7f800000;
	return !others;
}

/* Repeat a channel array, so that several rows can be finished as one. */
static void repeat(void *array, size_t channels, size_t times)
{
	size_t have = channels, all = channels * times;

	while (have < all) {
		size_t n = have < all - have ? have : all - have;

		memcpy((float *)array + have, array, n * sizeof(float));
		have += n;
	}
}

static bool has_integer_bias(const struct nk_view *op, bool integer)
{
	return op[3].desc && integer && op[3].desc->dtype == NEURON_I32;
}

/* Integers throughout: nothing is scaled, and int32 is stored. */
static bool is_exact(const struct neuron_inst *inst, const struct nk_view *op, bool integer)
{
	return integer && op[0].desc->dtype == NEURON_I32 && !op[4].desc &&
	       (!op[3].desc || has_integer_bias(op, integer)) &&
	       NEURON_CPARAMS(MATMUL, inst)->act == NEURON_ACT_IDENTITY;
}

void nk_epilogue_init(struct nk_epilogue *ep, const struct neuron_inst *inst,
		      const struct nk_view *op, size_t channels, bool integer,
		      float *arrays)
{
	const struct neuron_params_MATMUL *p = NEURON_CPARAMS(MATMUL, inst);
	size_t times = nk_epilogue_times(channels), room = NK_ROUND_UP(channels * times);
	uint64_t rows = nk_elements(op[0].desc) / channels;

	if (times > rows)
		times = rows;

	/* CONV's parameters begin with the same fields. */
	*ep = (struct nk_epilogue){
		.act = p->act,
		.alpha = p->alpha,
		.beta = p->beta,
		.dtype = op[0].desc->dtype,
		.zero_point = op[0].desc->zero_point,
		.accumulate = inst->flags & NEURON_INST_ACCUMULATE,
		.channels = channels,
		.times = times,
		.exact = is_exact(inst, op, integer),
	};
	if (op[5].desc || has_integer_bias(op, integer)) {
		ep->offset = (int32_t *)(arrays + 2 * room);
		gather(arrays + 2 * room, &op[op[5].desc ? 5 : 3], channels, false);
		repeat(arrays + 2 * room, channels, times);
	}
	if (op[3].desc && !has_integer_bias(op, integer)) {
		ep->bias_f32 = arrays + room;
		gather(arrays + room, &op[3], channels, true);
		repeat(arrays + room, channels, times);
	}
	if (integer && nk_has_real_scales(inst, op)) {
		ep->real = op;
		ep->inst = inst;
		ep->alpha /= op[0].desc->scale;
		ep->beta /= op[0].desc->scale;
	}
	if (op[4].desc) {
		ep->scale = arrays;
		gather(arrays, &op[4], channels, true);
		for (size_t i = 0; ep->real && i < channels; i++)
			arrays[i] = op[1].desc->scale * arrays[i] / op[0].desc->scale;
		ep->finite = all_finite(arrays, channels);
		repeat(arrays, channels, times);
	}
}

/* The parameters of a row's elements: one for all, or one for each. */
#define EACH(array, expression)						\
	do {								\
		if (advance) {						\
			for (size_t i = 0; i < n; i++) {		\
				__typeof__(*(array)) c = (array)[channel + i]; \
				expression;				\
			}						\
		} else {						\
			__typeof__(*(array)) c = (array)[channel];	\
									\
			for (size_t i = 0; i < n; i++)			\
				expression;				\
		}							\
	} while (0)

NK_CLONES static void scale_row(float *v, const float *scale, size_t channel, bool advance,
				size_t n)
{
	EACH(scale, v[i] *= c);
}

NK_CLONES static void bias_row(float *v, const float *bias, size_t channel, bool advance,
			       size_t n)
{
	EACH(bias, v[i] += c);
}

NK_CLONES static void offset_row(uint32_t *v, const int32_t *offset, size_t channel,
				 bool advance, size_t n)
{
	EACH(offset, v[i] += (uint32_t)c);
}

/* In place: each element becomes the float next to it. */
NK_CLONES static void i32_to_f32(float *f, const int32_t *v, size_t n)
{
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		f[i] = (float)v[i];
}

NK_CLONES static void add_row(float *restrict v, const float *restrict previous, size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] += previous[i];
}

NK_CLONES static void add_row_i32(uint32_t *restrict v, const int32_t *restrict previous,
				  size_t n)
{
	for (size_t i = 0; i < n; i++)
		v[i] += (uint32_t)previous[i];
}

/*
 * The common end of a quantised layer in one loop: the same operations in the
 * same order as below.
 */
#define DEFINE_REQUANTIZE(name, type, low, high, rounded)			\
NK_CLONES static uint32_t requantize_##name(type *restrict dst,			\
		const int32_t *restrict sums, const int32_t *restrict offset,	\
		const float *restrict scale, float least, float greatest,	\
		int32_t zero_point, size_t n)					\
{										\
	uint32_t saturated = 0;							\
										\
	for (size_t i = 0; i < n; i++) {					\
		uint32_t sum = (uint32_t)sums[i] + (offset ? (uint32_t)offset[i] : 0); \
		float f = (float)(int32_t)sum * scale[i];			\
		float g = f < least ? least : f;				\
		int32_t v;							\
										\
		g = g > greatest ? greatest : g;				\
		v = rounded(g) + zero_point;					\
		saturated += v < (low) || v > (high);				\
		dst[i] = v < (low) ? (low) : v > (high) ? (high) : v;		\
	}									\
	return saturated;							\
}

DEFINE_REQUANTIZE(i8, int8_t, INT8_MIN, INT8_MAX, nk_round_i32)
DEFINE_REQUANTIZE(u8, uint8_t, 0, UINT8_MAX, nk_round_i32)
/* Without NaN, and within limits that can be rounded: half as many instructions. */
DEFINE_REQUANTIZE(finite_i8, int8_t, INT8_MIN, INT8_MAX, nk_round_small)
DEFINE_REQUANTIZE(finite_u8, uint8_t, 0, UINT8_MAX, nk_round_small)

/*
 * The common ends of a layer whose result is real, likewise: what is above, in the same order,
 * and the NaNs that are stored. @value: what sum i is, as a float and scaled.
 */
#define DEFINE_FINISH(name, sum_type, value, type, convert)			\
NK_CLONES static uint32_t finish_##name(type *restrict dst, const sum_type *restrict sums, \
		const int32_t *restrict offset, const float *restrict scale,	\
		const float *restrict bias, float least, float greatest, size_t n)	\
{										\
	uint32_t nans = 0;							\
										\
	(void)offset;								\
	for (size_t i = 0; i < n; i++) {					\
		float f = (value);						\
										\
		f = bias ? f + bias[i] : f;					\
		f = f < least ? least : f;					\
		f = f > greatest ? greatest : f;				\
		nans += f != f;							\
		dst[i] = convert(f);						\
	}									\
	return nans;								\
}

#define OF_FLOATS	scale ? sums[i] * scale[i] : sums[i]
#define OF_INTEGERS	(float)(int32_t)((uint32_t)sums[i] +			\
					 (offset ? (uint32_t)offset[i] : 0)) * scale[i]

DEFINE_FINISH(f32, float, OF_FLOATS, float, )
DEFINE_FINISH(bf16, float, OF_FLOATS, uint16_t, nk_round_bf16)
DEFINE_FINISH(integers_f32, int32_t, OF_INTEGERS, float, )
DEFINE_FINISH(integers_bf16, int32_t, OF_INTEGERS, uint16_t, nk_round_bf16)

/* Store anew an element that lies too close to the middle between two steps. */
static void settle(const struct nk_epilogue *ep, void *at)
{
	float settled[NK_LANES] NK_ALIGNED = { 0 };
	struct nk_stats unused = { 0 };

	if (nk_settle_tie(ep, at, settled))
		nk_store_rounded(ep->dtype, at, 1, 1, settled, ep->zero_point, &unused);
}

static void settle_ties(const struct nk_epilogue *ep, const float *steps, void *dst,
			ptrdiff_t step, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fabsf(steps[i] - rintf(steps[i])) > 0.5f - NK_NEAR_TIE)
			settle(ep, (char *)dst + (ptrdiff_t)i * step);
}

/* For sums that requantize() has stored: 1 where they are near a tie, else 0. */
NK_CLONES static void find_ties(uint8_t *restrict near, const int32_t *restrict sums,
				const int32_t *restrict offset,
				const float *restrict scale, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t sum = (uint32_t)sums[i] + (offset ? (uint32_t)offset[i] : 0);
		float f = (float)(int32_t)sum * scale[i];

		near[i] = fabsf(f - rintf(f)) > 0.5f - NK_NEAR_TIE;
	}
}

static void settle_sums(const struct nk_epilogue *ep, const int32_t *sums, size_t channel,
			void *dst, size_t n)
{
	uint8_t near[NK_CHUNK] NK_ALIGNED;
	const uint8_t *at = near;

	find_ties(near, sums, ep->offset ? ep->offset + channel : NULL,
		  ep->scale + channel, n);
	while ((at = memchr(at, 1, n - (size_t)(at - near)))) {
		settle(ep, (char *)dst + (at - near));
		at++;
	}
}

static bool can_requantize(const struct nk_epilogue *ep, bool integer, bool advance,
			   ptrdiff_t step)
{
	return integer && advance && step == 1 && nk_is_byte(ep->dtype) && ep->scale &&
	       !ep->bias_f32 && !ep->accumulate &&
	       (ep->act == NEURON_ACT_IDENTITY || ep->act == NEURON_ACT_RELU ||
		ep->act == NEURON_ACT_CLIP) &&
	       ep->zero_point >= -(1 << 20) && ep->zero_point <= 1 << 20;
}

/* What the function leaves as it is. */
static void find_limits(const struct nk_epilogue *ep, float *least, float *greatest)
{
	*least = -INFINITY;
	*greatest = INFINITY;
	if (ep->act == NEURON_ACT_RELU) {
		*least = 0;
	} else if (ep->act == NEURON_ACT_CLIP) {
		*least = ep->alpha;
		*greatest = ep->beta;
	}
}

/* A CLIP whose limits are NaN or in the wrong order is left to the function itself. */
static bool can_finish(const struct nk_epilogue *ep, bool integer, bool advance, ptrdiff_t step)
{
	return (!integer || ep->scale) && advance && step == (ptrdiff_t)nk_size(ep->dtype) &&
	       !ep->accumulate &&
	       (ep->dtype == NEURON_F32 || ep->dtype == NEURON_BF16) &&
	       (ep->act == NEURON_ACT_IDENTITY || ep->act == NEURON_ACT_RELU ||
		(ep->act == NEURON_ACT_CLIP && ep->alpha <= ep->beta));
}

static void finish(const struct nk_epilogue *ep, const void *sums, bool integer, size_t channel,
		   void *dst, size_t n, struct nk_stats *stats)
{
	const int32_t *offset = ep->offset ? ep->offset + channel : NULL;
	const float *scale = ep->scale ? ep->scale + channel : NULL;
	const float *bias = ep->bias_f32 ? ep->bias_f32 + channel : NULL;
	float least, greatest;

	find_limits(ep, &least, &greatest);
	if (integer && ep->dtype == NEURON_F32)
		stats->nans += finish_integers_f32(dst, sums, offset, scale, bias, least,
						   greatest, n);
	else if (integer)
		stats->nans += finish_integers_bf16(dst, sums, offset, scale, bias, least,
						    greatest, n);
	else if (ep->dtype == NEURON_F32)
		stats->nans += finish_f32(dst, sums, NULL, scale, bias, least, greatest, n);
	else
		stats->nans += finish_bf16(dst, sums, NULL, scale, bias, least, greatest, n);
}

/* A limit of numbers that can be rounded; @otherwise: what NaN, which limits nothing, means. */
static float within_most(float limit, float otherwise)
{
	if (isnan(limit))
		return otherwise;
	return limit < -NK_ROUND_MOST ? -NK_ROUND_MOST :
	       limit > NK_ROUND_MOST ? NK_ROUND_MOST : limit;
}

static void requantize(const struct nk_epilogue *ep, const int32_t *sums, size_t channel,
		       void *dst, size_t n, struct nk_stats *stats)
{
	const int32_t *offset = ep->offset ? ep->offset + channel : NULL;
	const float *scale = ep->scale + channel;
	float least, greatest;

	find_limits(ep, &least, &greatest);
	if (ep->finite) {
		least = within_most(least, -NK_ROUND_MOST);
		greatest = within_most(greatest, NK_ROUND_MOST);
		if (ep->dtype == NEURON_I8)
			stats->saturations += requantize_finite_i8(dst, sums, offset, scale, least,
								   greatest, ep->zero_point, n);
		else
			stats->saturations += requantize_finite_u8(dst, sums, offset, scale, least,
								   greatest, ep->zero_point, n);
	} else if (ep->dtype == NEURON_I8) {
		stats->saturations += requantize_i8(dst, sums, offset, scale, least, greatest,
						    ep->zero_point, n);
	} else {
		stats->saturations += requantize_u8(dst, sums, offset, scale, least, greatest,
						    ep->zero_point, n);
	}
}

void nk_epilogue_row(const struct nk_epilogue *ep, const void *sums, bool integer,
		     size_t channel, bool advance, void *dst, ptrdiff_t step, size_t n,
		     struct nk_stats *stats)
{
	union {
		float f[NK_CHUNK];
		int32_t i[NK_CHUNK];
		uint32_t u[NK_CHUNK];
	} v NK_ALIGNED, previous NK_ALIGNED;

	if (can_requantize(ep, integer, advance, step)) {
		requantize(ep, sums, channel, dst, n, stats);
		if (ep->real)
			settle_sums(ep, sums, channel, dst, n);
		return;
	}

	if (can_finish(ep, integer, advance, step)) {
		finish(ep, sums, integer, channel, dst, n, stats);
		return;
	}
	if (ep->exact && !ep->offset && !ep->accumulate && step == sizeof(int32_t)) {
		memcpy(dst, sums, n * sizeof(int32_t));
		return;
	}
	memcpy(v.f, sums, n * sizeof(v.f[0]));
	if (ep->offset)
		offset_row(v.u, ep->offset, channel, advance, n);
	if (ep->exact) {
		if (ep->accumulate)
			add_row_i32(v.u, nk_load_i32(ep->dtype, dst, step, n, previous.i), n);
		nk_store_i32(ep->dtype, dst, step, n, v.i, stats);
		return;
	}

	if (integer)
		i32_to_f32(v.f, v.i, n);
	if (ep->accumulate)
		add_row(v.f, nk_load_f32(ep->dtype, dst, step, n, previous.f), n);
	if (ep->scale)
		scale_row(v.f, ep->scale, channel, advance, n);
	if (ep->bias_f32)
		bias_row(v.f, ep->bias_f32, channel, advance, n);
	if (ep->real)
		memcpy(previous.f, v.f, n * sizeof(v.f[0]));
	if (ep->act != NEURON_ACT_IDENTITY) {
		for (size_t i = n; i % NK_LANES; i++)
			v.f[i] = 0;
		nk_act_f32(ep->act, ep->alpha, ep->beta, v.f, v.f, n);
	}
	nk_store_rounded(ep->dtype, dst, step, n, v.f, ep->zero_point, stats);
	if (ep->real)
		settle_ties(ep, previous.f, dst, step, n);
}

void nk_epilogue_rows(const struct nk_epilogue *ep, const void *sums, bool integer,
		      size_t channel, size_t channels, void *dst, ptrdiff_t step,
		      ptrdiff_t row_step, size_t rows, struct nk_stats *stats)
{
	size_t times = ep->times;
	const float *from = sums;
	char *to = dst;

	/* Whole rows that follow each other are one long row of repeated channels. */
	if (channels != ep->channels || row_step != (ptrdiff_t)channels * step)
		times = 1;
	while (rows) {
		size_t together = rows < times ? rows : times;
		size_t n = together * channels;

		for (size_t i = 0; i < n; i += NK_CHUNK)
			nk_epilogue_row(ep, from + i, integer, channel + i, true,
					to + (ptrdiff_t)i * step, step,
					n - i < NK_CHUNK ? n - i : NK_CHUNK, stats);
		from += n;
		to += (ptrdiff_t)together * row_step;
		rows -= together;
	}
}

bool nk_epilogue_direct(const struct neuron_inst *inst, const struct nk_view *op, bool integer,
			unsigned int dtype)
{
	uint32_t act = NEURON_CPARAMS(MATMUL, inst)->act;

	if (op[0].desc->dtype != dtype || op[4].desc || inst->flags & NEURON_INST_ACCUMULATE ||
	    has_integer_bias(op, integer))
		return false;
	if (is_exact(inst, op, integer))
		return true;
	/* Functions come before rounding to bf16, where that makes a difference. */
	return dtype == NEURON_F32 || (dtype == NEURON_BF16 &&
	       (act == NEURON_ACT_IDENTITY || act == NEURON_ACT_RELU));
}

/* x < 0 ? 0 : x; NaN and -0 stay */
NK_CLONES static void relu_bf16(uint16_t *x, size_t n)
{
	for (size_t i = 0; i < n; i++)
		x[i] = x[i] > 0x8000 && x[i] <= 0xff80 ? 0 : x[i];
}

static void act_in_place(const struct nk_epilogue *ep, float *x, size_t n)
{
	float rest[NK_LANES] NK_ALIGNED = { 0 };
	size_t whole = n & ~(size_t)(NK_LANES - 1);

	nk_act_f32(ep->act, ep->alpha, ep->beta, x, x, whole);
	if (n > whole) {
		memcpy(rest, x + whole, (n - whole) * sizeof(*x));
		nk_act_f32(ep->act, ep->alpha, ep->beta, rest, rest, NK_LANES);
		memcpy(x + whole, rest, (n - whole) * sizeof(*x));
	}
}

void nk_epilogue_finish(const struct nk_epilogue *ep, void *dst, size_t n,
			struct nk_stats *stats)
{
	size_t size = nk_size(ep->dtype);

	if (ep->exact)
		return;
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		void *at = (char *)dst + i * size;

		if (ep->act != NEURON_ACT_IDENTITY) {
			if (ep->dtype == NEURON_F32)
				act_in_place(ep, at, count);
			else
				relu_bf16(at, count);
		}
		stats->nans += nk_count_nans(ep->dtype, at, count);
	}
}
