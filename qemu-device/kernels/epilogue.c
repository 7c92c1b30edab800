// SPDX-License-Identifier: MIT
/*
 * What happens to the sums of MATMUL, CONV and CONV_TRANSPOSE before they are
 * stored.
 *
 *	floats:		v = sum (+ previous)
 *	integers:	v = float(sum + bias) (+ previous)
 *	both:		v = act(v * scale[channel] + bias[channel])
 *
 * Scale and bias are two roundings. A bias of int32 belongs to the integer sum
 * and is added before the scale, a bias of fp32 after it. Stored as fp32, bf16
 * or fp16, v is rounded to nearest; as 8 bits or int32 it is rounded to the
 * nearest integer, ties to even, the zero point is added, and the result
 * saturates. Integers that go to int32 without scale, fp32 bias or act stay
 * integers throughout, and wrap around.
 */
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

void nk_epilogue_init(struct nk_epilogue *ep, const struct neuron_inst *inst,
		      const struct nk_view *op, size_t channels, bool integer,
		      float *arrays)
{
	const struct neuron_params_MATMUL *p = NEURON_CPARAMS(MATMUL, inst);
	size_t room = NK_ROUND_UP(channels);

	/* CONV's parameters begin with the same fields. */
	*ep = (struct nk_epilogue){
		.act = p->act,
		.alpha = p->alpha,
		.beta = p->beta,
		.dtype = op[0].desc->dtype,
		.zero_point = op[0].desc->zero_point,
		.accumulate = inst->flags & NEURON_INST_ACCUMULATE,
	};
	if (op[3].desc && integer && op[3].desc->dtype == NEURON_I32) {
		ep->bias_i32 = (int32_t *)(arrays + room);
		gather(arrays + room, &op[3], channels, false);
	} else if (op[3].desc) {
		ep->bias_f32 = arrays + room;
		gather(arrays + room, &op[3], channels, true);
	}
	if (op[4].desc) {
		ep->scale = arrays;
		gather(arrays, &op[4], channels, true);
	}
	ep->exact = integer && ep->dtype == NEURON_I32 && !ep->scale && !ep->bias_f32 &&
		    ep->act == NEURON_ACT_IDENTITY;
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

NK_CLONES static void bias_row_i32(uint32_t *v, const int32_t *bias, size_t channel,
				   bool advance, size_t n)
{
	EACH(bias, v[i] += (uint32_t)c);
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

void nk_epilogue_row(const struct nk_epilogue *ep, void *sums, bool integer,
		     size_t channel, bool advance, void *dst, ptrdiff_t step, size_t n,
		     struct nk_stats *stats)
{
	float previous[NK_CHUNK] NK_ALIGNED;
	float *v = sums;

	if (ep->bias_i32)
		bias_row_i32(sums, ep->bias_i32, channel, advance, n);
	if (ep->exact) {
		if (ep->accumulate)
			add_row_i32(sums, nk_load_i32(ep->dtype, dst, step, n,
						      (int32_t *)previous), n);
		nk_store_i32(ep->dtype, dst, step, n, sums, stats);
		return;
	}

	if (integer)
		nk_copy_f32(NEURON_I32, sums, sizeof(int32_t), n, v);
	if (ep->accumulate)
		add_row(v, nk_load_f32(ep->dtype, dst, step, n, previous), n);
	if (ep->scale)
		scale_row(v, ep->scale, channel, advance, n);
	if (ep->bias_f32)
		bias_row(v, ep->bias_f32, channel, advance, n);
	if (ep->act != NEURON_ACT_IDENTITY)
		nk_act_f32(ep->act, ep->alpha, ep->beta, v, v, n);
	nk_store_rounded(ep->dtype, dst, step, n, v, ep->zero_point, stats);
}
