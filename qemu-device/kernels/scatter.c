// SPDX-License-Identifier: MIT
/*
 * SCATTER: updates go where an index says, one after the other.
 */
#include "nk.h"

struct scatter {
	unsigned int dtype;
	unsigned int func;
};

static float combine_f32(unsigned int func, float a, float b)
{
	switch (func) {
	case NEURON_SCATTER_ADD:
		return a + b;
	case NEURON_SCATTER_MUL:
		return a * b;
	case NEURON_SCATTER_MAX:
		return b != b || a < b ? b : a;
	case NEURON_SCATTER_MIN:
		return b != b || a > b ? b : a;
	default:
		return b;
	}
}

static int32_t combine_i32(unsigned int func, int32_t a, int32_t b)
{
	switch (func) {
	case NEURON_SCATTER_ADD:
		return (int32_t)((uint32_t)a + (uint32_t)b);
	case NEURON_SCATTER_MUL:
		return (int32_t)((uint32_t)a * (uint32_t)b);
	case NEURON_SCATTER_MAX:
		return a < b ? b : a;
	case NEURON_SCATTER_MIN:
		return a > b ? b : a;
	default:
		return b;
	}
}

static void combine_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			struct nk_stats *stats)
{
	const struct scatter *s = arg;

	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		const char *in = ptr[1] + (ptrdiff_t)i * step[1];

		if (nk_is_float(s->dtype)) {
			float a[NK_CHUNK] NK_ALIGNED, b[NK_CHUNK] NK_ALIGNED;

			nk_copy_f32(s->dtype, out, step[0], count, a);
			nk_copy_f32(s->dtype, in, step[1], count, b);
			for (size_t k = 0; k < count; k++)
				a[k] = combine_f32(s->func, a[k], b[k]);
			nk_store_f32(s->dtype, out, step[0], count, a, stats);
		} else {
			int32_t a[NK_CHUNK] NK_ALIGNED, b[NK_CHUNK] NK_ALIGNED;

			nk_copy_i32(s->dtype, out, step[0], count, a);
			nk_copy_i32(s->dtype, in, step[1], count, b);
			for (size_t k = 0; k < count; k++)
				a[k] = combine_i32(s->func, a[k], b[k]);
			nk_store_i32(s->dtype, out, step[0], count, a, stats);
		}
	}
}

static enum nk_status combine(const struct nk_call *call, struct scatter *s,
			      const struct nk_view *to, const struct nk_view *from)
{
	const struct nk_view view[2] = { *to, *from };
	struct nk_nest nest;

	nk_nest_init(&nest, 2, view, ~0u);
	return nk_nest_run(call, &nest, combine_row, s);
}

/*
 * out[o, index[j], i] = func(out[o, index[j], i], updates[o, j, i]), after out =
 * in. All indices are checked before anything is written. In and out may be the
 * same tensor.
 */
enum nk_status nk_scatter(const struct nk_call *call)
{
	const struct neuron_params_SCATTER *p = NEURON_CPARAMS(SCATTER, call->inst);
	const struct neuron_tensor *out = call->op[0].desc, *index = call->op[2].desc;
	const struct neuron_tensor *updates = call->op[3].desc;
	struct neuron_tensor out_row = *out, updates_row = *updates;
	struct scatter s = { .dtype = out->dtype, .func = p->func };
	uint32_t axis = p->axis;
	int64_t limit = out->dims[axis];
	enum nk_status status = NK_OK;

	for (uint32_t j = 0; j < updates->dims[axis]; j++) {
		int32_t at = *(const int32_t *)((const char *)call->op[2].data +
						(ptrdiff_t)j * nk_stride(index, 0));

		if (at < -limit || at >= limit) {
			*call->info = j;
			return NK_BAD_INDEX;
		}
	}
	if (call->op[0].data != call->op[1].data)
		status = nk_move(call, &call->op[0], &call->op[1]);

	out_row.dims[axis] = 1;
	updates_row.dims[axis] = 1;
	for (uint32_t j = 0; !status && j < updates->dims[axis]; j++) {
		int64_t at = *(const int32_t *)((const char *)call->op[2].data +
						(ptrdiff_t)j * nk_stride(index, 0));
		struct nk_view to = {
			&out_row, (char *)call->op[0].data +
				  (ptrdiff_t)(at < 0 ? at + limit : at) * nk_stride(out, axis),
		};
		struct nk_view from = {
			&updates_row, (char *)call->op[3].data +
				      (ptrdiff_t)j * nk_stride(updates, axis),
		};

		status = p->func == NEURON_SCATTER_SET ? nk_move(call, &to, &from) :
							 combine(call, &s, &to, &from);
	}
	return status;
}
