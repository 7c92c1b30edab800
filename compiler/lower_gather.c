// SPDX-License-Identifier: MIT
/* Gather, and rows scattered. */
#include <string.h>

#include "lower_state.h"

/*
 * Constant indices at even distances are a slice. True: the output is bound.
 */
static bool lower_as_slice(struct nc_ctx *ctx, struct nc_node *node, int axis)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	const struct nc_value *index = node->inputs[1];
	struct nc_view view = *in;
	int64_t i, n, first = 0, step = 1;
	int j;

	if (!nc_is_const(index) || index->rank > 1)
		return false;
	n = nc_numel(index);
	if (!n)
		return false;
	for (i = 0; i < n; i++) {
		int64_t at = nc_const_int(index, i);

		if (at < -in->dims[axis] || at >= in->dims[axis]) {
			nc_error(ctx, node, "index %lld lies outside",
				 (long long)at);
			return true;
		}
		if (at < 0)
			at += in->dims[axis];
		if (i == 0)
			first = at;
		else if (i == 1)
			step = at - first;
		if (at != first + i * step)
			return false;
	}
	view = nc_view_slice(in, axis, first, n, step);
	if (index->rank == 0) {
		for (j = axis; j + 1 < in->rank; j++) {
			view.dims[j] = view.dims[j + 1];
			view.strides[j] = view.strides[j + 1];
		}
		view.rank--;
	}
	nc_bind(ctx, node, 0, &view);
	return true;
}

void nc_lower_gather(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	int axis = nc_dim(nc_attr_int(node, "axis", 0), in->rank);
	const struct nc_storage *storage = node->outputs[0]->lir;
	int64_t dims[3] = { 1, in->dims[axis], 1 }, out_dims[3];
	struct nc_view index, table, out;
	struct nc_inst *inst;
	int64_t count;
	int i;

	if (lower_as_slice(ctx, node, axis))
		return;
	for (i = 0; i < in->rank; i++) {
		if (i < axis)
			dims[0] *= in->dims[i];
		else if (i > axis)
			dims[2] *= in->dims[i];
	}
	/* What reads the result may want it rounded: so is the table, then. */
	in = nc_operand_as(ctx, node, node->inputs[0], storage->dtype);
	index = *nc_operand_as(ctx, node, node->inputs[1], NEURON_I32);
	count = nc_view_numel(&index);
	if (nc_numel(node->outputs[0]) == 0) {
		nc_result(ctx, node, 0, NULL);
		return;
	}
	index = nc_reshaped(ctx, node, &index, 1, &count);
	table = nc_reshaped(ctx, node, in, 3, dims);
	out = nc_result(ctx, node, 0, NULL);
	memcpy(out_dims, dims, sizeof(out_dims));
	out_dims[1] = count;
	out = nc_view_as(&out, 3, out_dims);
	inst = nc_add(ctx, node, NEURON_OP_GATHER, &out, &table, &index);
	NC_PARAMS(GATHER, inst)->axis = 1;
}

static enum neuron_scatter scatter_func(const struct nc_node *node)
{
	static const char *const names[NEURON_NUM_SCATTERS] = {
		[NEURON_SCATTER_SET] = "none", [NEURON_SCATTER_ADD] = "add",
		[NEURON_SCATTER_MUL] = "mul", [NEURON_SCATTER_MAX] = "max",
		[NEURON_SCATTER_MIN] = "min",
	};
	const char *name = nc_attr_string(node, "reduction", "none");
	enum neuron_scatter func;

	for (func = 0; func < NEURON_NUM_SCATTERS; func++)
		if (!strcmp(names[func], name))
			return func;
	return NEURON_SCATTER_SET;
}

/* [rows, width], [count], [count, width] */
void nc_lower_scatter_rows(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_storage *storage = node->outputs[0]->lir;
	struct nc_view view[4];
	struct nc_inst *inst;
	unsigned int i;

	view[1] = *nc_operand_as(ctx, node, node->inputs[0], storage->dtype);
	view[2] = *nc_operand_as(ctx, node, node->inputs[1], NEURON_I32);
	view[3] = *nc_operand_as(ctx, node, node->inputs[2], storage->dtype);
	view[0] = nc_result(ctx, node, 0, NULL);
	for (i = 0; i < 4; i++)
		if (i != 2)
			view[i] = nc_view_expand_rank(&view[i], 3);
	inst = nc_add(ctx, node, NEURON_OP_SCATTER, &view[0], &view[1], &view[2]);
	nc_add_operand(ctx, inst, 3, &view[3]);
	NC_PARAMS(SCATTER, inst)->axis = 1;
	NC_PARAMS(SCATTER, inst)->func = scatter_func(node);
}
