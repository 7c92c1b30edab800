// SPDX-License-Identifier: MIT
/*
 * Operands that do not lie as the result does, brought into its order first: elements of
 * a picture that are far apart where the result's are neighbours, and rows of a handful of
 * elements that only one operand keeps from being long ones.
 */
#include "nk.h"

/* Elements from which a copy pays, and most of one: strides can name one byte many times. */
#define LEAST_ELEMENTS	16384
#define MOST_ELEMENTS	(8u << 20)
/* Distance of neighbours, in bytes, from which each is in a line of the cache of its own. */
#define LINE		64

/* Rows shorter than this cost more to begin than to compute. */
#define SHORT_ROW	128
/* Elements of a row that several short ones become; it stays in the first cache. */
#define LONG_ROW	2048
/* Most elements of a whole block that is repeated. */
#define MOST_REPEATED	65536

static int unit_dim(const struct neuron_tensor *t)
{
	for (unsigned int d = 0; d < t->rank; d++)
		if (t->dims[d] > 1 && t->strides[d] == 1)
			return (int)d;
	return -1;
}

static bool lies_across(const struct neuron_tensor *out, const struct neuron_tensor *in)
{
	int near = unit_dim(out);
	ptrdiff_t step;

	if (near < 0 || nk_elements(in) < LEAST_ELEMENTS || in->dims[near] == 1)
		return false;
	step = nk_stride(in, near);
	return (step >= LINE || step <= -LINE) && unit_dim(in) >= 0;
}

/* As @like, without gaps, in its order of dimensions; of @in's dims. */
static void order_like(struct neuron_tensor *desc, const struct neuron_tensor *in,
		       const struct neuron_tensor *like)
{
	bool done[NEURON_MAX_RANK] = { false };
	int64_t stride = 1;

	*desc = *in;
	for (unsigned int i = 0; i < in->rank; i++) {
		unsigned int least = NEURON_MAX_RANK;

		for (unsigned int d = in->rank; d-- > 0;)
			if (!done[d] && (least == NEURON_MAX_RANK ||
					 llabs(like->strides[d]) < llabs(like->strides[least])))
				least = d;
		done[least] = true;
		/* Repeated elements are moved once. */
		desc->strides[least] = in->strides[least] ? stride : 0;
		if (in->strides[least])
			stride *= in->dims[least];
	}
}

/* Replaces views by copies; @desc: what their descriptors lie in. */
static enum nk_status arrange(const struct nk_call *call, unsigned int views,
			      struct nk_view *view, struct neuron_tensor *desc)
{
	static const enum nk_scratch place[NK_NEST_VIEWS] = {
		[1] = NK_SCRATCH_IN, [2] = NK_SCRATCH_WEIGHT, [3] = NK_SCRATCH_OUT,
	};

	for (unsigned int v = 1; v < views; v++) {
		struct neuron_tensor from, to;
		struct nk_view out = { .desc = &to }, in = { .desc = &from, .data = view[v].data };
		enum nk_status status;

		if (!lies_across(view[0].desc, view[v].desc))
			continue;
		from = *view[v].desc;
		for (unsigned int d = 0; d < from.rank; d++)
			if (!from.strides[d])
				from.dims[d] = 1;
		if (nk_elements(&from) < LEAST_ELEMENTS || nk_elements(&from) > MOST_ELEMENTS)
			continue;
		order_like(&desc[v], view[v].desc, view[0].desc);
		to = desc[v];
		memcpy(to.dims, from.dims, sizeof(to.dims));
		out.data = nk_scratch(call->ctx, place[v],
				      nk_elements(&from) * nk_size(from.dtype));
		if (!out.data)
			return NK_NO_MEMORY;
		status = nk_move(call, &out, &in);
		if (status)
			return status;
		view[v].desc = &desc[v];
		view[v].data = out.data;
	}
	return NK_OK;
}

static bool merges(const struct nk_nest *nest, unsigned int v)
{
	return nest->strides[nest->rank - 1][v] == nest->step[v] * (ptrdiff_t)nest->n;
}

/* In the loops around the last one and the row the operand stays where it is. */
static bool repeats(const struct nk_nest *nest, unsigned int v)
{
	for (unsigned int d = 0; d + 1 < nest->rank; d++)
		if (nest->strides[d][v])
			return false;
	return true;
}

/* How many rows become one: a divisor of @rows, or 1. */
static uint64_t together(uint64_t rows, uint64_t n)
{
	uint64_t most = LONG_ROW / n;

	for (uint64_t r = most < rows ? most : rows; r > 1; r--)
		if (rows % r == 0)
			return r;
	return 1;
}

/* @rows rows of an operand, one after the other. */
static void copy_rows(const struct nk_nest *nest, unsigned int v, uint64_t rows, size_t size,
		      char *to)
{
	const char *row = nest->base[v];

	for (uint64_t r = 0; r < rows; r++, row += nest->strides[nest->rank - 1][v]) {
		const char *from = row;

		for (uint64_t i = 0; i < nest->n; i++, from += nest->step[v], to += size) {
			switch (size) {
			case 1:
				*to = *from;
				break;
			case 2:
				memcpy(to, from, 2);
				break;
			default:
				memcpy(to, from, 4);
				break;
			}
		}
	}
}

/* Several short rows become one; what is repeated for each is written out side by side. */
static enum nk_status widen(const struct nk_call *call, struct nk_nest *nest,
			    const struct nk_view *view)
{
	unsigned int last = nest->rank - 1;
	uint64_t rows, block, all;
	bool apart = false;	/* in the last loop an operand moves */
	size_t bytes = 0;
	char *to;

	if (!nest->rank || nest->n > SHORT_ROW || !merges(nest, 0))
		return NK_OK;
	all = nk_times(nk_nest_rows(nest), nest->n);
	if (all < LEAST_ELEMENTS)
		return NK_OK;
	for (unsigned int v = 1; v < nest->views; v++) {
		if (merges(nest, v))
			continue;
		if (!repeats(nest, v))
			return NK_OK;
		apart |= nest->strides[last][v] != 0;
	}
	rows = nest->dims[last];
	block = nk_times(rows, nest->n);
	if (block > MOST_REPEATED || block > all / 4)
		rows = apart ? 1 : together(rows, nest->n);
	if (rows < 4)
		return NK_OK;

	block = rows * nest->n;
	for (unsigned int v = 1; v < nest->views; v++)
		if (!merges(nest, v))
			bytes += (block * nk_size(view[v].desc->dtype) + LINE - 1) / LINE * LINE;
	to = nk_scratch(call->ctx, NK_SCRATCH_SUMS, bytes);
	if (!to)
		return NK_NO_MEMORY;
	for (unsigned int v = 0; v < nest->views; v++) {
		size_t size = nk_size(view[v].desc->dtype);

		if (merges(nest, v)) {
			nest->strides[last][v] *= (ptrdiff_t)rows;
			continue;
		}
		copy_rows(nest, v, rows, size, to);
		nest->base[v] = to;
		nest->step[v] = (ptrdiff_t)size;
		nest->strides[last][v] = 0;
		to += (block * size + LINE - 1) / LINE * LINE;
	}
	nest->dims[last] /= rows;
	nest->n = block;
	if (nest->dims[last] == 1)
		nest->rank--;
	return NK_OK;
}

enum nk_status nk_run_arranged(const struct nk_call *call, unsigned int views,
			       unsigned int weight, nk_row_fn *fn, void *arg)
{
	struct nk_view view[NK_NEST_VIEWS];
	struct neuron_tensor desc[NK_NEST_VIEWS];
	enum nk_status status = NK_OK;
	struct nk_nest nest;

	memcpy(view, call->op, views * sizeof(*view));
	if (!nk_reference_only(call->ctx))
		status = arrange(call, views, view, desc);
	if (status)
		return status;
	nk_nest_init(&nest, views, view, ~0u);
	if (!nk_reference_only(call->ctx))
		status = widen(call, &nest, view);
	nest.weight *= weight;
	return status ? status : nk_nest_run(call, &nest, fn, arg);
}
