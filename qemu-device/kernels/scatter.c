// SPDX-License-Identifier: MIT
/*
 * SCATTER: updates go where an index says, one after the other.
 */
#include "nk.h"

struct scatter {
	const struct nk_call *call;
	unsigned int dtype;
	unsigned int func;
	size_t size;		/* of an element */
	uint64_t n;		/* elements of a row */
	uint64_t count;		/* indices */
	int64_t limit;		/* of an index */
	const char *index;
	ptrdiff_t index_step;
	ptrdiff_t out_step[3], from_step[3];
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

static int64_t index_at(const struct scatter *s, uint64_t j)
{
	int64_t at = *(const int32_t *)(s->index + (ptrdiff_t)j * s->index_step);

	return at < 0 ? at + s->limit : at;
}

/* One element for each index. */
#define DEFINE_PUT(type)							\
static void put_##type(const struct scatter *s, char *out, const char *from)	\
{										\
	for (uint64_t j = 0; j < s->count; j++, from += s->from_step[1])	\
		*(type *)(out + index_at(s, j) * s->out_step[1]) = *(const type *)from; \
}

DEFINE_PUT(uint8_t)
DEFINE_PUT(uint16_t)
DEFINE_PUT(uint32_t)

static void put_row(const struct scatter *s, char *out, const char *from)
{
	if (s->out_step[2] == (ptrdiff_t)s->size && s->from_step[2] == (ptrdiff_t)s->size) {
		memmove(out, from, s->n * s->size);
		return;
	}
	for (uint64_t i = 0; i < s->n; i++, out += s->out_step[2], from += s->from_step[2])
		memmove(out, from, s->size);
}

/* All updates of one o, in order: a later one may meet an earlier one. */
static enum nk_status tile(void *arg, size_t o, unsigned int thread, struct nk_stats *stats)
{
	const struct scatter *s = arg;
	char *out = (char *)s->call->op[0].data + (ptrdiff_t)o * s->out_step[0];
	const char *from = (const char *)s->call->op[3].data + (ptrdiff_t)o * s->from_step[0];
	const ptrdiff_t step[2] = { s->out_step[2], s->from_step[2] };

	(void)thread;
	if (s->func == NEURON_SCATTER_SET && s->n == 1) {
		if (s->size == 4)
			put_uint32_t(s, out, from);
		else if (s->size == 2)
			put_uint16_t(s, out, from);
		else
			put_uint8_t(s, out, from);
		return NK_OK;
	}
	for (uint64_t j = 0; j < s->count; j++, from += s->from_step[1]) {
		char *ptr[2] = { out + index_at(s, j) * s->out_step[1], (char *)from };

		if (s->func == NEURON_SCATTER_SET)
			put_row(s, ptr[0], ptr[1]);
		else
			combine_row((void *)s, ptr, step, s->n, stats);
	}
	return NK_OK;
}

/*
 * out[o, index[j], i] = func(out[o, index[j], i], updates[o, j, i]), after out =
 * in. All indices are checked before anything is written. In and out may be the
 * same tensor.
 */
enum nk_status nk_scatter(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc, *updates = call->op[3].desc;
	struct scatter s = {
		.call = call,
		.dtype = out->dtype,
		.func = NEURON_CPARAMS(SCATTER, call->inst)->func,
		.size = nk_size(out->dtype),
		.n = out->dims[2],
		.count = updates->dims[1],
		.limit = out->dims[1],
		.index = call->op[2].data,
		.index_step = nk_stride(call->op[2].desc, 0),
	};
	enum nk_status status = NK_OK;

	for (uint64_t j = 0; j < s.count; j++) {
		int64_t at = *(const int32_t *)(s.index + (ptrdiff_t)j * s.index_step);

		if (at < -s.limit || at >= s.limit) {
			*call->info = j;
			return NK_BAD_INDEX;
		}
	}
	for (unsigned int d = 0; d < 3; d++) {
		s.out_step[d] = nk_stride(out, d);
		s.from_step[d] = updates->dims[d] == 1 ? 0 : nk_stride(updates, d);
	}
	if (call->op[0].data != call->op[1].data)
		status = nk_move(call, &call->op[0], &call->op[1]);
	return status ? status : nk_parallel(call, out->dims[0], tile, &s);
}
