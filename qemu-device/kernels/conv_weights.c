// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE: weights in the library's own order.
 *
 * Floats are packed anew, unless the caller says that they are what they were
 * (nk_view.constant): then they are kept, which costs no more than the scratchpad
 * has, since only there they can stay. The library's order of integers takes far
 * longer to make than to compare what it was made from.
 */
#include "conv_plan.h"

/* Integers whose sums stay below it are exact in fp32, in any order. */
#define EXACT_F32	(1 << 24)

bool conv_make_weights(struct conv_plan *plan, const struct nk_call *call)
{
	plan->packed_bytes = dnnl_memory_desc_get_size(&plan->packed_desc);
	plan->raw_bytes = nk_elements(call->op[2].desc) * nk_size(call->op[2].desc->dtype);
	plan->reorder = lib_reorder(&plan->plain_desc, &plan->packed_desc);
	if (!plan->reorder)
		return false;
	if (!plan->integer)
		return true;
	plan->raw = malloc(plan->raw_bytes);
	plan->packed = nk_packed_alloc(nk_plans_packed(nk_ctx_plans(call->ctx)),
				       plan->packed_bytes);
	plan->head.bytes += plan->raw_bytes;
	return plan->raw && plan->packed;
}

void conv_destroy_weights(struct conv_plan *plan)
{
	lib_reorder_destroy(plan->reorder);
	free(plan->raw);
	nk_packed_put(plan->packed);
}

/* Sums of a filter's weights stay exact together with the greatest input. */
static bool exact_in_f32(const struct conv_plan *plan, const struct nk_call *call,
			 const float *weight)
{
	const struct neuron_tensor *in = call->op[1].desc, *w = call->op[2].desc;
	int64_t low = in->dtype == NEURON_I8 ? INT8_MIN : 0, high = low + 255;
	int64_t zero = in->zero_point;
	int64_t most = llabs(low - zero) > llabs(high - zero) ? llabs(low - zero) :
		       llabs(high - zero);
	size_t kernel = plan->kernel[0] * plan->kernel[1] * plan->kernel[2];
	size_t channels = plan->channels / plan->groups, filters = plan->filters / plan->groups;

	if (most > 511 || llabs((int64_t)w->zero_point) > 255)
		return false;
	for (size_t m = 0; m < plan->filters; m++) {
		double sum = 0;

		for (size_t c = 0; c < channels; c++) {
			size_t at = plan->transpose ?
				    (m / filters * channels + c) * filters + m % filters :
				    m * channels + c;

			for (size_t i = 0; i < kernel; i++)
				sum += weight[at * kernel + i] < 0 ? -weight[at * kernel + i] :
				       weight[at * kernel + i];
		}
		if (sum * most >= EXACT_F32)
			return false;
	}
	return true;
}

static enum nk_status reorder(const struct conv_plan *plan, void *plain, void *packed)
{
	int threads = lib_enter();
	enum nk_status status = lib_reorder_run(plan->reorder, &plan->plain_desc, plain,
						&plan->packed_desc, packed);

	lib_leave(threads);
	return status;
}

/* Integers: from the dense weights as given to the library's order. */
static enum nk_status pack_integers(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *w = call->op[2].desc;
	size_t n = nk_elements(w);
	struct neuron_tensor desc = *w;
	struct nk_view raw = { &desc, plan->raw };
	void *plain = plan->raw;
	enum nk_status status = NK_OK;
	int64_t stride = 1;

	for (unsigned int d = w->rank; d-- > 0;) {
		desc.strides[d] = stride;
		stride *= desc.dims[d];
	}
	if (plan->weight_type != w->dtype || plan->as_f32) {
		plain = nk_scratch(call->ctx, NK_SCRATCH_OUT, n * nk_size(plan->weight_type));
		if (!plain)
			return NK_NO_MEMORY;
		if (plan->weight_type == NEURON_F32) {
			status = nk_pack_f32(call, &raw, plain);
		} else {	/* unsigned bytes, with a zero point of 128 */
			for (size_t i = 0; i < n; i++)
				((uint8_t *)plain)[i] = ((uint8_t *)plan->raw)[i] ^ 0x80;
		}
	}
	if (status)
		return status;
	plan->exact = plan->as_f32 && exact_in_f32(plan, call, plain);
	if (!plan->packed || !nk_packed_own(plan->packed)) {	/* others need what is there */
		nk_packed_put(plan->packed);
		plan->packed = nk_packed_alloc(nk_plans_packed(nk_ctx_plans(call->ctx)),
					       plan->packed_bytes);
	}
	if (!plan->packed)
		return NK_NO_MEMORY;
	return reorder(plan, plain, plan->packed);
}

/* They are compared: that is many times faster than to reorder them. */
static enum nk_status update_integers(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *w = call->op[2].desc;
	void *data = call->op[2].data;
	enum nk_status status = NK_OK;

	if (plan->have_weights && call->op[2].constant)
		return NK_OK;
	if (!conv_is_dense(w)) {
		data = nk_scratch(call->ctx, NK_SCRATCH_WEIGHT, plan->raw_bytes);
		if (!data)
			return NK_NO_MEMORY;
		status = nk_pack(call, &call->op[2], data, w->dtype);
	}
	if (status || (plan->have_weights && !memcmp(plan->raw, data, plan->raw_bytes)))
		return status;
	memcpy(plan->raw, data, plan->raw_bytes);
	plan->have_weights = false;
	status = pack_integers(plan, call);
	plan->have_weights = !status;
	return status;
}

void *conv_packed_place(struct conv_plan *plan, const struct nk_call *call)
{
	plan->have_weights = false;
	return nk_plan_place(call, &plan->head, &plan->packed, plan->packed_bytes,
			     NK_SCRATCH_WEIGHT);
}

enum nk_status conv_keep(struct conv_plan *plan, enum nk_status status, void **packed)
{
	if (status || *packed != plan->packed)
		return status;
	plan->packed = nk_packed_share(plan->packed);
	*packed = plan->packed;
	plan->have_weights = true;
	return NK_OK;
}

enum nk_status conv_update_weights(struct conv_plan *plan, const struct nk_call *call,
				   void **packed)
{
	const struct nk_view *w = &call->op[2];
	void *plain = w->data;
	enum nk_status status = NK_OK;

	if (plan->panels.used)
		return conv_panels_update(plan, call, packed);
	if (plan->integer) {
		status = update_integers(plan, call);
		if (!status && w->constant)
			plan->packed = nk_packed_share(plan->packed);
		*packed = plan->packed;
		return status;
	}
	*packed = plan->packed;
	if (w->constant && plan->have_weights)
		return NK_OK;

	*packed = conv_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	if (plan->copied) {
		plain = nk_scratch(call->ctx, NK_SCRATCH_OUT, nk_elements(w->desc) *
				   nk_size(plan->weight_type));
		if (!plain)
			return NK_NO_MEMORY;
		status = plan->weight_type == NEURON_F32 ? nk_pack_f32(call, w, plain) :
			 nk_pack(call, w, plain, plan->weight_type);
	}
	if (!status)		/* with groups there is a dimension more, and other orders */
		status = plan->groups > 1 ? NK_UNSUPPORTED :
			 lib_pack(call, &plan->plain_desc, plain, &plan->packed_desc, *packed, 0);
	if (status == NK_UNSUPPORTED)
		status = reorder(plan, plain, *packed);
	return conv_keep(plan, status, packed);
}
