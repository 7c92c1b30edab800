// SPDX-License-Identifier: MIT
/*
 * LOAD, STORE, COPY, FILL: elements to other places and types.
 */
#include "nk.h"

struct move {
	unsigned int out, in;
};

#define DEFINE_COPY(type)							\
static void copy_##type(char *out, ptrdiff_t out_step, const char *in,		\
			ptrdiff_t in_step, size_t n)				\
{										\
	for (size_t i = 0; i < n; i++, out += out_step, in += in_step)		\
		*(type *)out = *(const type *)in;				\
}

DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)
DEFINE_COPY(uint64_t)

static void copy_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		     struct nk_stats *stats)
{
	const struct move *move = arg;
	size_t size = nk_size(move->out);

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

/*
 * A transposition: the output is contiguous along the innermost loop, the input
 * along the one around it. Strips of it make full use of each cache line. Where the
 * innermost loop has few steps (an image's colours, to be side by side), they are
 * taken one by one, each with all of the loop around: so few are no loop's worth.
 */
#define STRIP	32
#define FEW	4

struct transpose {
	struct move move;
	uint64_t outer;		/* steps of the loop around, for each row */
	ptrdiff_t out_outer, in_outer;
};

static void transpose_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			  struct nk_stats *stats)
{
	const struct transpose *t = arg;
	const ptrdiff_t around[2] = { t->out_outer, t->in_outer };

	for (size_t i = 0; i < n && n < FEW; i++) {
		char *at[2] = {
			ptr[0] + (ptrdiff_t)i * step[0], ptr[1] + (ptrdiff_t)i * step[1],
		};

		copy_row((void *)&t->move, at, around, t->outer, stats);
	}
	for (size_t i = 0; i < n && n >= FEW; i += STRIP) {
		size_t strip = n - i < STRIP ? n - i : STRIP;

		for (uint64_t j = 0; j < t->outer; j++) {
			char *at[2] = {
				ptr[0] + (ptrdiff_t)i * step[0] + (ptrdiff_t)j * t->out_outer,
				ptr[1] + (ptrdiff_t)i * step[1] + (ptrdiff_t)j * t->in_outer,
			};

			copy_row((void *)&t->move, at, step, strip, stats);
		}
	}
}

/*
 * Give rows a block of the loop around them, of at most 512 steps and a divisor
 * of its count, so that rows are equal.
 */
static bool block_transposition(struct transpose *t, struct nk_nest *nest)
{
	size_t size = nk_size(t->move.out);
	unsigned int last = nest->rank - 1;
	uint64_t block = 512;

	if (!nest->rank || (size_t)labs(nest->step[0]) != size ||
	    (size_t)labs(nest->strides[last][1]) != size)
		return false;
	while (nest->dims[last] % block)
		block--;
	if (block < 8)
		return false;

	t->outer = block;
	t->out_outer = nest->strides[last][0];
	t->in_outer = nest->strides[last][1];
	nest->dims[last] /= block;
	nest->strides[last][0] *= block;
	nest->strides[last][1] *= block;
	nest->weight = block;
	return true;
}

enum nk_status nk_move(const struct nk_call *call, const struct nk_view *out,
		       const struct nk_view *in)
{
	const struct nk_view view[2] = { *out, *in };
	struct transpose t = {
		.move = { .out = out->desc->dtype, .in = in->desc->dtype },
	};
	struct nk_nest nest;

	nk_nest_init(&nest, 2, view, ~0u);
	if (t.move.out != t.move.in)
		return nk_nest_run(call, &nest, convert_row, &t.move);
	if (block_transposition(&t, &nest))
		return nk_nest_run(call, &nest, transpose_row, &t);
	return nk_nest_run(call, &nest, copy_row, &t.move);
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
