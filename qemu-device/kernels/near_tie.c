// SPDX-License-Identifier: MIT
/*
 * Convolutions of bytes whose tensors have scales: quantised layers that were
 * floats in the model.
 *
 * Their meaning is a convolution of real numbers whose result is quantised. The
 * exact integer sum gives the same step, except where the real result lies so
 * close to the middle between two steps that the rounding of the fp32 sum decides.
 * Networks amplify that: one step in an early layer changes most results. So the
 * few sums that are this close are computed as the floats would have been:
 *
 *	x = (in - in.zero_point) * in.scale
 *	w = (weight - weight.zero_point) * scale[channel]
 *	v = sum of x * w + bias[channel] * (in.scale * scale[channel])
 *	result = act(v) / out.scale
 *
 * in the order in which the CPU provider of ONNX Runtime adds (measured on its
 * release 1.21): input channels, then the kernel in row-major order; each product
 * and its sum is one rounding; 128 at a time, whose sums are added. With one filter
 * of one channel a group, products are rounded and added in fours.
 */
#include <math.h>

#include "nk.h"

/* Terms of a sum that are added up before they join the others. */
#define PANEL	128

bool nk_has_real_scales(const struct neuron_inst *inst, const struct nk_view *op)
{
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, inst);

	return inst->opcode == NEURON_OP_CONV && nk_is_byte(op[0].desc->dtype) &&
	       nk_is_byte(op[1].desc->dtype) && op[0].desc->scale > 0 &&
	       op[1].desc->scale > 0 && op[4].desc && !op[5].desc &&
	       (!op[3].desc || op[3].desc->dtype == NEURON_I32) &&
	       (p->act == NEURON_ACT_IDENTITY || p->act == NEURON_ACT_RELU ||
		p->act == NEURON_ACT_CLIP);
}

/* Which element of @t lies at @at; false: none that strides nest around. */
static bool find_element(const struct nk_view *view, const void *at, int64_t *index)
{
	const struct neuron_tensor *t = view->desc;
	ptrdiff_t left = (const char *)at - (const char *)view->data;
	bool done[NEURON_MAX_RANK] = { false };

	for (unsigned int i = 0; i < t->rank; i++) {
		ptrdiff_t stride = 0;
		unsigned int dim = 0;

		for (unsigned int d = 0; d < t->rank; d++) {
			ptrdiff_t s = nk_stride(t, d);

			if (!done[d] && labs(s) >= labs(stride)) {
				stride = s;
				dim = d;
			}
		}
		done[dim] = true;
		index[dim] = 0;
		if (t->dims[dim] == 1 || !stride)
			continue;
		index[dim] = left / stride;
		if (index[dim] < 0 || index[dim] >= t->dims[dim])
			return false;
		left -= index[dim] * stride;
	}
	return !left;
}

static int32_t byte_at(const struct nk_view *view, ptrdiff_t offset)
{
	const char *at = (const char *)view->data + offset;

	return (view->desc->dtype == NEURON_I8 ? *(const int8_t *)at :
						 *(const uint8_t *)at) -
	       view->desc->zero_point;
}

static float channel_value(const struct nk_view *view, int64_t channel, bool as_float)
{
	ptrdiff_t at = view->desc->dims[0] > 1 ? channel * nk_stride(view->desc, 0) : 0;
	const char *from = (const char *)view->data + at;

	return as_float ? *(const float *)from : (float)*(const int32_t *)from;
}

/**
 * struct adder - a sum in the order of the floats
 * @fours: products are rounded, and added in fours
 * @part: of the panel or the four that is being added up
 * @total: of those before
 * @count: terms so far
 */
struct adder {
	bool fours;
	float part;
	float total;
	unsigned int count;
};

static void add_term(struct adder *sum, float x, float w)
{
	unsigned int panel = sum->fours ? 4 : PANEL;

	if (sum->count && sum->count % panel == 0) {
		sum->total = sum->count == panel ? sum->part : sum->total + sum->part;
		sum->part = 0;
	}
	if (!sum->fours)
		sum->part = fmaf(x, w, sum->part);
	else if (sum->count % panel == 0)
		sum->part = x * w;
	else
		sum->part += x * w;
	sum->count++;
}

static float sum_of(const struct adder *sum)
{
	unsigned int panel = sum->fours ? 4 : PANEL;

	return sum->count > panel ? sum->total + sum->part : sum->part;
}

/* Adds up the kernel over one input channel; @in_at, @w_at: its first bytes. */
static void add_channel(const struct neuron_inst *inst, const struct nk_view *op,
			const int64_t *index, ptrdiff_t in_at, ptrdiff_t w_at,
			float w_scale, struct adder *sum)
{
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, inst);
	const struct neuron_tensor *in = op[1].desc, *w = op[2].desc;
	unsigned int spatial = w->rank - 2u;
	uint32_t k[3] = { 0 };

	for (;;) {
		ptrdiff_t x_at = in_at, k_at = w_at;
		bool inside = true;
		float x = 0;
		unsigned int d;

		for (d = 0; d < spatial; d++) {
			int64_t pos = index[2 + d] * p->stride[d] - p->pad[d] +
				      (int64_t)k[d] * p->dilation[d];

			inside &= pos >= 0 && pos < in->dims[2 + d];
			x_at += pos * nk_stride(in, 2 + d);
			k_at += k[d] * nk_stride(w, 2 + d);
		}
		if (inside)
			x = (float)byte_at(&op[1], x_at) * in->scale;
		add_term(sum, x, (float)byte_at(&op[2], k_at) * w_scale);
		for (d = spatial; d > 0; d--) {
			if (++k[d - 1] < w->dims[1 + d])
				break;
			k[d - 1] = 0;
		}
		if (!d)
			return;
	}
}

bool nk_settle_tie(const struct nk_epilogue *ep, const void *dst, float *steps)
{
	const struct nk_view *op = ep->real;
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, ep->inst);
	const struct neuron_tensor *in = op[1].desc, *w = op[2].desc;
	struct adder sum = { 0 };
	int64_t index[NEURON_MAX_RANK];
	uint32_t filters, c;
	float w_scale, v;
	int64_t group;

	if (!find_element(&op[0], dst, index))
		return false;
	filters = w->dims[0] / p->groups;
	group = index[1] / filters;
	sum.fours = filters == 1 && w->dims[1] == 1;
	w_scale = channel_value(&op[4], index[1], true);
	for (c = 0; c < w->dims[1]; c++)
		add_channel(ep->inst, op, index,
			    index[0] * nk_stride(in, 0) +
			    (group * w->dims[1] + c) * nk_stride(in, 1),
			    index[1] * nk_stride(w, 0) + c * nk_stride(w, 1), w_scale,
			    &sum);
	v = sum_of(&sum);
	if (op[3].desc)
		v += channel_value(&op[3], index[1], false) * (in->scale * w_scale);
	if (p->act == NEURON_ACT_RELU) {
		v = v < 0 ? 0 : v;
	} else if (p->act == NEURON_ACT_CLIP) {
		v = v < p->alpha ? p->alpha : v;
		v = v > p->beta ? p->beta : v;
	}
	*steps = v / op[0].desc->scale;
	return true;
}
