// SPDX-License-Identifier: MIT
/*
 * LOAD, STORE, COPY, FILL: elements to other places and types.
 */
#include "nk.h"
#include "transpose.h"

struct move {
	unsigned int out, in;
	size_t size;		/* of what is moved as one, where they are the same */
};

/* Several elements that are moved as one begin anywhere. */
#define DEFINE_COPY(type)							\
typedef type any_##type __attribute__((aligned(1), may_alias));			\
										\
static void copy_##type(char *out, ptrdiff_t out_step, const char *in,		\
			ptrdiff_t in_step, size_t n)				\
{										\
	for (size_t i = 0; i < n; i++, out += out_step, in += in_step)		\
		*(any_##type *)out = *(const any_##type *)in;			\
}

DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)
DEFINE_COPY(uint64_t)

static void copy_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		     struct nk_stats *stats)
{
	const struct move *move = arg;
	size_t size = move->size;

	(void)stats;
	if (step[0] == (ptrdiff_t)size && step[1] == (ptrdiff_t)size) {
		memmove(ptr[0], ptr[1], n * size);
		return;
	}
	switch (size) {
	case 1:
		copy_uint8_t(ptr[0], step[0], ptr[1], step[1], n);
		break;
	case 2:
		copy_uint16_t(ptr[0], step[0], ptr[1], step[1], n);
		break;
	case 4:
		copy_uint32_t(ptr[0], step[0], ptr[1], step[1], n);
		break;
	case 8:
		copy_uint64_t(ptr[0], step[0], ptr[1], step[1], n);
		break;
	}
}

static void convert_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			struct nk_stats *stats)
{
	const struct move *move = arg;

	if (NEURON_D_SLOT >> move->in & 1) {
		nk_narrow(move->in, ptr[0], step[0], ptr[1], step[1], n,
			  &stats->saturations);
		return;
	}
	if (NEURON_D_SLOT >> move->out & 1) {
		nk_widen(move->out, ptr[0], step[0], ptr[1], step[1], n);
		return;
	}
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		const char *in = ptr[1] + (ptrdiff_t)i * step[1];

		if (nk_is_float(move->in)) {
			float buf[NK_CHUNK] NK_ALIGNED;

			nk_store_f32(move->out, out, step[0], count,
				     nk_load_f32(move->in, in, step[1], count, buf), stats);
		} else {
			int32_t buf[NK_CHUNK] NK_ALIGNED;

			nk_store_i32(move->out, out, step[0], count,
				     nk_load_i32(move->in, in, step[1], count, buf), stats);
		}
	}
}

/* A few elements that lie side by side on both sides are one larger element. */
static void join_neighbours(struct move *move, struct nk_nest *nest)
{
	ptrdiff_t size = move->size;
	uint64_t bytes = nest->n * size;

	if (nest->step[0] != size || nest->step[1] != size || nest->n < 2 || !nest->rank ||
	    (bytes != 2 && bytes != 4 && bytes != 8))
		return;
	nest->weight *= nest->n;
	move->size = bytes;
	nest->rank--;
	nest->n = nest->dims[nest->rank];
	memcpy(nest->step, nest->strides[nest->rank], sizeof(nest->step));
}

enum nk_status nk_move(const struct nk_call *call, const struct nk_view *out,
		       const struct nk_view *in)
{
	const struct nk_view view[2] = { *out, *in };
	struct move move = {
		.out = out->desc->dtype,
		.in = in->desc->dtype,
		.size = nk_size(out->desc->dtype),
	};
	struct nk_transpose transpose;
	struct nk_nest nest;

	nk_nest_init(&nest, 2, view, ~0u);
	if (move.out != move.in)
		return nk_nest_run(call, &nest, convert_row, &move);
	join_neighbours(&move, &nest);
	if (nk_find_transposition(&transpose, &nest, move.size))
		return nk_nest_run(call, &nest, nk_transpose_row, &transpose);
	return nk_nest_run(call, &nest, copy_row, &move);
}

enum nk_status nk_move_op(const struct nk_call *call)
{
	return nk_move(call, &call->op[0], &call->op[1]);
}

/* A dense tensor of @view's dims at @data. */
static void dense(struct neuron_tensor *desc, const struct nk_view *view, unsigned int dtype)
{
	int64_t stride = 1;

	*desc = *view->desc;
	desc->dtype = dtype;
	for (unsigned int d = desc->rank; d-- > 0;) {
		desc->strides[d] = stride;
		stride *= desc->dims[d];
	}
}

struct pack {
	unsigned int in;
	int32_t zero_point;
};

static void pack_f32_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			 struct nk_stats *stats)
{
	const struct pack *pack = arg;

	(void)stats;
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		float buf[NK_CHUNK] NK_ALIGNED;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		float *dst = step[0] == sizeof(float) ? (float *)out : buf;

		nk_copy_f32(pack->in, ptr[1] + (ptrdiff_t)i * step[1], step[1], count, dst);
		if (pack->zero_point)
			for (size_t j = 0; j < count; j++)
				dst[j] -= (float)pack->zero_point;
		if (dst == buf)
			for (size_t j = 0; j < count; j++, out += step[0])
				*(float *)out = buf[j];
	}
}

static void pack_i32_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			 struct nk_stats *stats)
{
	const struct pack *pack = arg;

	(void)stats;
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		int32_t buf[NK_CHUNK] NK_ALIGNED;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		int32_t *dst = step[0] == sizeof(int32_t) ? (int32_t *)out : buf;

		nk_copy_i32(pack->in, ptr[1] + (ptrdiff_t)i * step[1], step[1], count, dst);
		if (pack->zero_point)
			for (size_t j = 0; j < count; j++)
				dst[j] = (uint32_t)dst[j] - (uint32_t)pack->zero_point;
		if (dst == buf)
			for (size_t j = 0; j < count; j++, out += step[0])
				*(int32_t *)out = buf[j];
	}
}

static enum nk_status pack_rows(const struct nk_call *call, const struct nk_view *out,
				const struct nk_view *in, nk_row_fn *row)
{
	struct nk_view view[2] = { *out, *in };
	struct pack p = {
		.in = in->desc->dtype,
		.zero_point = nk_is_float(in->desc->dtype) ? 0 : in->desc->zero_point,
	};
	struct nk_nest nest;

	/* Nothing but places changes: whole blocks can be moved. */
	if (in->desc->dtype == out->desc->dtype && !p.zero_point)
		return nk_move(call, out, in);
	nk_nest_init(&nest, 2, view, ~0u);
	return nk_nest_run(call, &nest, row, &p);
}

enum nk_status nk_convert_f32(const struct nk_call *call, const struct nk_view *out,
			      const struct nk_view *in)
{
	return pack_rows(call, out, in, pack_f32_row);
}

enum nk_status nk_pack_f32(const struct nk_call *call, const struct nk_view *view, float *dst)
{
	struct neuron_tensor desc;
	struct nk_view out = { &desc, dst };

	dense(&desc, view, NEURON_F32);
	return nk_convert_f32(call, &out, view);
}

enum nk_status nk_pack_i32(const struct nk_call *call, const struct nk_view *view,
			   int32_t *dst)
{
	struct neuron_tensor desc;
	struct nk_view out = { &desc, dst };

	dense(&desc, view, NEURON_I32);
	return pack_rows(call, &out, view, pack_i32_row);
}

enum nk_status nk_pack(const struct nk_call *call, const struct nk_view *view, void *dst,
		       unsigned int dtype)
{
	struct neuron_tensor desc;
	struct nk_view out = { &desc, dst };

	dense(&desc, view, dtype);
	return nk_move(call, &out, view);
}

struct fill {
	unsigned int dtype;
	uint32_t value;
};

static void fill_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		     struct nk_stats *stats)
{
	const struct fill *fill = arg;
	char *out = ptr[0];

	(void)stats;
	switch (nk_size(fill->dtype)) {
	case 1:
		if (step[0] == 1)
			memset(out, (uint8_t)fill->value, n);
		else
			for (size_t i = 0; i < n; i++, out += step[0])
				*(uint8_t *)out = fill->value;
		break;
	case 2:
		for (size_t i = 0; i < n; i++, out += step[0])
			*(uint16_t *)out = fill->value;
		break;
	case 4:
		if (step[0] == 4)
			for (size_t i = 0; i < n; i++)
				((uint32_t *)out)[i] = fill->value;
		else
			for (size_t i = 0; i < n; i++, out += step[0])
				*(uint32_t *)out = fill->value;
		break;
	}
}

enum nk_status nk_fill(const struct nk_call *call)
{
	struct fill fill = {
		.dtype = call->op[0].desc->dtype,
		.value = NEURON_CPARAMS(FILL, call->inst)->value,
	};
	struct nk_nest nest;

	nk_nest_init(&nest, 1, call->op, ~0u);
	return nk_nest_run(call, &nest, fill_row, &fill);
}
