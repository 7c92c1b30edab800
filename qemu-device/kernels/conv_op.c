// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE: the library's primitives, one for each kind of tile.
 */
#include "conv_plan.h"

void conv_destroy_ops(struct conv_plan *plan)
{
	for (unsigned int i = 0; i < plan->kinds; i++)
		lib_op_destroy(&plan->kind[i].op);
	plan->kinds = 0;
}

/* The library's descriptor of a picture; two spatial dimensions, or three. */
static bool picture(dnnl_memory_desc_t *desc, uint32_t images, uint32_t channels,
		    const int64_t *dims, bool deep, dnnl_data_type_t type)
{
	dnnl_dims_t d = { images, channels };

	memcpy(d + 2, dims + !deep, (2 + deep) * sizeof(*dims));
	return !dnnl_memory_desc_init_by_tag(desc, 4 + deep, d, type,
					     deep ? dnnl_ndhwc : dnnl_nhwc);
}

/* Weights: [groups,] filters, channels, kernel. */
static int weight_dims(const struct conv_plan *plan, bool deep, dnnl_dims_t dims)
{
	int n = 0;

	if (plan->groups > 1)
		dims[n++] = plan->groups;
	dims[n++] = plan->filters / plan->groups;
	dims[n++] = plan->channels / plan->groups;
	for (unsigned int i = !deep; i < 3; i++)
		dims[n++] = plan->kernel[i];
	return n;
}

/* Where the library finds them before they are packed. */
static bool plain_weights(struct conv_plan *plan, const struct neuron_tensor *w, bool deep,
			  dnnl_data_type_t type)
{
	int64_t filters = plan->filters / plan->groups, channels = plan->channels / plan->groups;
	struct neuron_tensor dense = *w;
	const int32_t *from;
	dnnl_dims_t dims, strides;
	int64_t stride = 1;
	int n = 0;

	for (unsigned int d = w->rank; d-- > 0;) {
		dense.strides[d] = stride;
		stride *= w->dims[d];
	}
	from = plan->copied ? dense.strides : w->strides;
	if (plan->groups > 1)
		strides[n++] = (plan->transpose ? channels : filters) * from[0];
	strides[n++] = from[plan->transpose ? 1 : 0];
	strides[n++] = from[plan->transpose ? 0 : 1];
	for (unsigned int i = !deep; i < 3; i++)
		strides[n++] = i + w->rank >= 5 ? from[i + w->rank - 3] : 1;
	weight_dims(plan, deep, dims);
	/* A dimension of one has no stride that matters; the library wants one all the same. */
	for (int i = 0; i < n; i++)
		if (dims[i] == 1)
			strides[i] = stride;
	return !dnnl_memory_desc_init_by_strides(&plan->plain_desc, n, dims, type, strides);
}

static bool make_op(struct conv_plan *plan, struct conv_kind *kind, const struct nk_call *call)
{
	dnnl_data_type_t out_type = plan->integer && !plan->as_f32 ? dnnl_s32 : dnnl_f32;
	int32_t zero = call->op[1].desc->zero_point;
	bool deep = plan->in_dims[0] > 1 || plan->out_dims[0] > 1 || plan->kernel[0] > 1 ||
		    plan->pad_lo[0] || plan->pad_hi[0];
	unsigned int from = !deep;
	int64_t in_dims[3], out_dims[3];
	dnnl_dims_t stride, dilation, pad_lo, pad_hi, bias_dims = { plan->filters };
	dnnl_dims_t w_dims;
	int w_rank = weight_dims(plan, deep, w_dims);
	dnnl_memory_desc_t in, weight, bias, out;
	bool has_bias = plan->direct && call->op[3].desc;
	dnnl_primitive_attr_t attr;
	union {
		dnnl_convolution_desc_t conv;
		dnnl_deconvolution_desc_t deconv;
	} desc;
	bool ok;

	memcpy(in_dims, plan->in_dims, sizeof(in_dims));
	memcpy(out_dims, plan->out_dims, sizeof(out_dims));
	in_dims[plan->split] = kind->in_rows;
	out_dims[plan->split] = kind->out_rows;
	for (unsigned int i = from; i < 3; i++) {
		stride[i - from] = plan->stride[i];
		dilation[i - from] = plan->dilation[i] - 1;
		pad_lo[i - from] = i == plan->split ? kind->pad_lo : plan->pad_lo[i];
		pad_hi[i - from] = i == plan->split ? kind->pad_hi : plan->pad_hi[i];
	}
	if (kind->extra) {
		in_dims[2] += kind->extra;
		pad_hi[2 - from] = 0;
	}
	if (plan->direct)
		out_type = lib_type(call->op[0].desc->dtype);
	if (!picture(&in, kind->images, plan->channels, in_dims, deep, lib_type(plan->in_type)) ||
	    !picture(&out, kind->images, plan->filters, out_dims, deep, out_type) ||
	    dnnl_memory_desc_init_by_tag(&weight, w_rank, w_dims, lib_type(plan->weight_type),
					 dnnl_format_tag_any) ||
	    !plain_weights(plan, call->op[2].desc, deep, lib_type(plan->weight_type)) ||
	    dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a))
		return false;
	/* All kinds share one copy of the weights. */
	if (plan->kinds)
		weight = plan->packed_desc;

	if (plan->transpose)
		ok = !dnnl_dilated_deconvolution_forward_desc_init(&desc.deconv,
				dnnl_forward_inference, dnnl_deconvolution_direct, &in, &weight,
				has_bias ? &bias : NULL, &out, stride, dilation, pad_lo, pad_hi);
	else
		ok = !dnnl_dilated_convolution_forward_desc_init(&desc.conv,
				dnnl_forward_inference, dnnl_convolution_direct, &in, &weight,
				has_bias ? &bias : NULL, &out, stride, dilation, pad_lo, pad_hi);
	if (!ok || dnnl_primitive_attr_create(&attr))
		return false;
	if (plan->integer && !plan->as_f32 && zero)
		ok = !dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &zero);
	ok = ok && lib_op_init(&kind->op, &desc, attr) &&
	     lib_op_threads(&kind->op, nk_threads(call->ctx));
	dnnl_primitive_attr_destroy(attr);
	if (!ok)
		return false;
	if (!plan->kinds)
		plan->packed_desc = kind->op.desc[LIB_WEIGHTS];
	if (kind->extra) {
		int64_t length;
		size_t copy = conv_lines(plan, kind, &length) * plan->channels *
			      nk_size(plan->in_type);

		copy *= length + kind->extra;
		if (copy > plan->copy_bytes)
			plan->copy_bytes = copy;
	}
	if (kind->op.temp_bytes > plan->temp_bytes)
		plan->temp_bytes = kind->op.temp_bytes;
	return true;
}

bool conv_make_ops(struct conv_plan *plan, const struct nk_call *call)
{
	uint32_t all = call->op[0].desc->dims[0];
	uint32_t last = all % plan->images;

	for (unsigned int rest = 0; rest < 2; rest++) {
		uint32_t images = rest ? last : plan->images;

		if (!images)
			continue;
		for (int64_t tile = 0; tile < plan->row_tiles; tile++) {
			struct conv_kind *kind = &plan->kind[plan->kinds];
			struct conv_kind want;

			conv_find_kind(plan, images, tile * plan->rows, &want);
			if (conv_lookup(plan, &want))
				continue;
			if (plan->kinds == CONV_MAX_KINDS || want.in_rows < 1)
				return false;
			*kind = want;
			if (!make_op(plan, kind, call)) {
				lib_op_destroy(&kind->op);
				return false;
			}
			plan->kinds++;
		}
	}
	return true;
}
