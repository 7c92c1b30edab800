// SPDX-License-Identifier: MIT
/*
 * How each opcode can be cut: which elements of its operands a piece of its
 * result needs, and what that piece's parameters are.
 */
#include <string.h>

#include "backend.h"

static const struct nc_view *out_of(const struct nc_inst *inst)
{
	return inst->operands[0];
}

/* The dimension can only be taken whole. */
static void whole(struct nc_tile_space *space, int dim)
{
	space->grain[dim] = space->dims[dim];
}

void nc_tile_space(const struct nc_inst *inst, struct nc_tile_space *space)
{
	const struct nc_view *out = out_of(inst);
	int i;

	memset(space, 0, sizeof(*space));
	space->rank = out->rank;
	for (i = 0; i < out->rank; i++) {
		space->dims[i] = out->dims[i];
		space->grain[i] = 1;
	}
	switch (inst->opcode) {
	case NEURON_OP_MATMUL:
		i = space->rank++;
		space->sum = true;
		space->dims[i] = inst->operands[1]->dims[out->rank - 1];
		/* Scaled sums of bytes are rounded: they can't be split. */
		space->grain[i] = inst->operands[4] ? space->dims[i] : 1;
		break;
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE: {
		uint32_t groups = NC_PARAMS(CONV, inst)->groups;

		/* Whole groups, or channels of the only one. */
		if (groups > 1)
			space->grain[1] = out->dims[1] / groups;
		break;
	}
	case NEURON_OP_REDUCE:
		/* Reduced dimensions are 1 in the result already. */
		break;
	case NEURON_OP_SOFTMAX:
		whole(space, NC_PARAMS(SOFTMAX, inst)->axis);
		break;
	case NEURON_OP_SCATTER:
		whole(space, 1);
		break;
	case NEURON_OP_NORM:
		for (i = 0; i < out->rank; i++)
			if (NC_PARAMS(NORM, inst)->axes >> i & 1)
				whole(space, i);
		break;
	default:
		break;
	}
}

static void window_rows(int64_t size, int64_t lo, int64_t n, int64_t kernel,
			int64_t stride, int64_t dilation, int64_t pad,
			int64_t *from, int64_t *count, int64_t *new_pad,
			int64_t *behind)
{
	int64_t start = lo * stride - pad;
	int64_t end = start + (n - 1) * stride + dilation * (kernel - 1) + 1;

	*from = start < 0 ? 0 : start;
	if (*from > size - 1)
		*from = size - 1;
	*new_pad = *from - start;
	*behind = end > size ? end - size : 0;
	if (end > size)
		end = size;
	/* A piece that sees only padding still names an element. */
	*count = end > *from ? end - *from : 1;
}

static void conv_piece(const struct nc_inst *inst, const int64_t *lo,
		       const int64_t *n, struct nc_inst *piece,
		       struct nc_view *views)
{
	const struct nc_view *in = inst->operands[1], *w = inst->operands[2];
	struct neuron_params_CONV *params = NC_PARAMS(CONV, piece);
	int64_t zero[NC_MAX_RANK] = { 0 };
	int64_t in_lo[NC_MAX_RANK], in_n[NC_MAX_RANK];
	int64_t w_lo[NC_MAX_RANK], w_n[NC_MAX_RANK];
	bool transpose = inst->opcode == NEURON_OP_CONV_TRANSPOSE;
	int64_t per_group = out_of(inst)->dims[1] / params->groups;
	int64_t behind;
	int i;

	memcpy(w_lo, zero, sizeof(w_lo));
	memcpy(w_n, w->dims, sizeof(w_n));
	in_lo[0] = lo[0];
	in_n[0] = n[0];
	in_lo[1] = 0;
	in_n[1] = in->dims[1];
	if (params->groups > 1) {
		int64_t in_group = in->dims[1] / params->groups;

		in_lo[1] = lo[1] / per_group * in_group;
		in_n[1] = n[1] / per_group * in_group;
		w_lo[0] = transpose ? in_lo[1] : lo[1];
		w_n[0] = transpose ? in_n[1] : n[1];
		params->groups = n[1] / per_group;
	} else {
		w_lo[transpose ? 1 : 0] = lo[1];
		w_n[transpose ? 1 : 0] = n[1];
	}
	for (i = 2; i < in->rank; i++) {
		int64_t kernel = w->dims[i], stride = params->stride[i - 2];
		int64_t dilation = params->dilation[i - 2];
		int64_t pad = params->pad[i - 2], new_pad, last;

		if (!transpose) {
			window_rows(in->dims[i], lo[i], n[i], kernel, stride,
				    dilation, pad, &in_lo[i], &in_n[i],
				    &new_pad, &behind);
		} else {
			/* out = in * stride - pad + k * dilation */
			int64_t reach = dilation * (kernel - 1);
			int64_t first = lo[i] + pad - reach;

			first = first <= 0 ? 0 : (first + stride - 1) / stride;
			last = (lo[i] + n[i] - 1 + pad) / stride;
			if (first > in->dims[i] - 1)
				first = in->dims[i] - 1;
			if (last > in->dims[i] - 1)
				last = in->dims[i] - 1;
			if (last < first)
				last = first;
			in_lo[i] = first;
			in_n[i] = last - first + 1;
			new_pad = lo[i] + pad - first * stride;
		}
		params->pad[i - 2] = new_pad;
	}
	views[1] = nc_view_box(in, in_lo, in_n);
	views[2] = nc_view_box(w, w_lo, w_n);
	for (i = 3; i < NC_MAX_OPERANDS; i++) {
		const struct nc_view *param = inst->operands[i];

		if (param)
			views[i] = param->dims[0] == 1 ? *param :
				   nc_view_slice(param, 0, lo[1], n[1], 1);
	}
}

static void matmul_piece(const struct nc_inst *inst, const int64_t *lo,
			 const int64_t *n, struct nc_view *views)
{
	const struct nc_view *a = inst->operands[1], *b = inst->operands[2];
	int64_t box_lo[NC_MAX_RANK], box_n[NC_MAX_RANK];
	int rank = out_of(inst)->rank, i;

	memcpy(box_lo, lo, rank * sizeof(*lo));
	memcpy(box_n, n, rank * sizeof(*n));
	box_lo[rank - 1] = lo[rank];
	box_n[rank - 1] = n[rank];
	views[1] = nc_view_box(a, box_lo, box_n);
	box_lo[rank - 2] = lo[rank];
	box_n[rank - 2] = n[rank];
	box_lo[rank - 1] = lo[rank - 1];
	box_n[rank - 1] = n[rank - 1];
	views[2] = nc_view_box(b, box_lo, box_n);
	for (i = 3; i < NC_MAX_OPERANDS; i++) {
		const struct nc_view *param = inst->operands[i];

		if (param)
			views[i] = param->dims[0] == 1 ? *param :
				   nc_view_slice(param, 0, lo[rank - 1],
						 n[rank - 1], 1);
	}
}

static void pool_piece(const struct nc_inst *inst, const int64_t *lo,
		       const int64_t *n, struct nc_inst *piece,
		       struct nc_view *views)
{
	const struct nc_view *in = inst->operands[1];
	struct neuron_params_POOL *params = NC_PARAMS(POOL, piece);
	int64_t in_lo[NC_MAX_RANK], in_n[NC_MAX_RANK];
	int64_t pad, behind;
	int i;

	memcpy(in_lo, lo, in->rank * sizeof(*lo));
	memcpy(in_n, n, in->rank * sizeof(*n));
	for (i = 2; i < in->rank; i++) {
		int j = i - 2;

		window_rows(in->dims[i], lo[i], n[i], params->kernel[j],
			    params->stride[j], params->dilation[j],
			    params->pad_lo[j], &in_lo[i], &in_n[i], &pad,
			    &behind);
		params->pad_lo[j] = pad;
		/* Beyond the whole's padding nothing counts, here neither. */
		if (behind < params->pad_hi[j])
			params->pad_hi[j] = behind;
	}
	views[1] = nc_view_box(in, in_lo, in_n);
}

static void reduce_piece(const struct nc_inst *inst, const int64_t *lo,
			 const int64_t *n, struct nc_view *views)
{
	const struct nc_view *in = inst->operands[1];
	int64_t in_lo[NC_MAX_RANK], in_n[NC_MAX_RANK];
	int i;

	for (i = 0; i < in->rank; i++) {
		bool reduced = NC_PARAMS(REDUCE, inst)->axes >> i & 1;

		in_lo[i] = reduced ? 0 : lo[i];
		in_n[i] = reduced ? in->dims[i] : n[i];
	}
	views[1] = nc_view_box(in, in_lo, in_n);
}

static void gather_piece(const struct nc_inst *inst, const int64_t *lo,
			 const int64_t *n, struct nc_view *views)
{
	const struct nc_view *in = inst->operands[1];
	int64_t in_lo[3] = { lo[0], 0, lo[2] };
	int64_t in_n[3] = { n[0], in->dims[1], n[2] };

	views[1] = nc_view_box(in, in_lo, in_n);
	views[2] = nc_view_slice(inst->operands[2], 0, lo[1], n[1], 1);
}

static void scatter_piece(const struct nc_inst *inst, const int64_t *lo,
			  const int64_t *n, struct nc_view *views)
{
	const struct nc_view *updates = inst->operands[3];
	int64_t from_lo[3] = { lo[0], 0, lo[2] };
	int64_t from_n[3] = { n[0], updates->dims[1], n[2] };

	views[1] = nc_view_box(inst->operands[1], lo, n);
	views[2] = *inst->operands[2];
	views[3] = nc_view_box(updates, from_lo, from_n);
}

void nc_tile_piece(const struct nc_inst *inst, const int64_t *lo,
		   const int64_t *n, struct nc_inst *piece,
		   struct nc_view views[NC_MAX_OPERANDS])
{
	unsigned int i;

	*piece = *inst;
	for (i = 0; i < NC_MAX_OPERANDS; i++)
		piece->operands[i] = inst->operands[i] ? &views[i] : NULL;
	views[0] = nc_view_box(out_of(inst), lo, n);

	switch (inst->opcode) {
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		conv_piece(inst, lo, n, piece, views);
		break;
	case NEURON_OP_MATMUL:
		matmul_piece(inst, lo, n, views);
		break;
	case NEURON_OP_POOL:
		pool_piece(inst, lo, n, piece, views);
		break;
	case NEURON_OP_REDUCE:
		reduce_piece(inst, lo, n, views);
		break;
	case NEURON_OP_GATHER:
		gather_piece(inst, lo, n, views);
		break;
	case NEURON_OP_SCATTER:
		scatter_piece(inst, lo, n, views);
		break;
	default:
		/* Element by element, along an axis, or a normalisation. */
		for (i = 1; i < NC_MAX_OPERANDS; i++)
			if (inst->operands[i])
				views[i] = nc_view_box(inst->operands[i], lo, n);
		break;
	}
}
