// SPDX-License-Identifier: MIT
/*
 * An If whose condition is known only while the model runs. Each branch becomes steps of
 * its own, of which the host passes over those of the other; see steps.c.
 */
#include <string.h>
#include "host.h"

/* An output is what both branches make of it, of the larger shape. */
static bool set_output(struct nc_ctx *ctx, struct nc_node *node, unsigned int i,
		       struct nc_graph *const *branches)
{
	const struct nc_value *no = branches[0]->outputs[i], *yes = branches[1]->outputs[i];
	int64_t dims[NC_MAX_RANK];
	unsigned int open;
	int d;

	if (no->is_sequence || yes->is_sequence || no->absent || yes->absent ||
	    no->dtype != yes->dtype || no->rank != yes->rank || no->rank < 0) {
		nc_need_const(ctx, node, node->inputs[0],
			      "condition, which decides the shape of the output,");
		return false;
	}
	open = no->open | yes->open;
	for (d = 0; d < no->rank; d++) {
		dims[d] = no->dims[d] > yes->dims[d] ? no->dims[d] : yes->dims[d];
		if (no->dims[d] != yes->dims[d])
			open |= 1u << d;
	}
	return nc_host_set(ctx, node, i, no->dtype, no->rank, dims, open);
}

static void add_input(struct nc_ctx *ctx, struct nc_node *node, struct nc_value *value)
{
	struct nc_value **inputs;
	unsigned int i;

	if (!value || nc_is_const(value) || (value->producer && value->producer->mark))
		return;
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] == value)
			return;
	inputs = nc_alloc(ctx->arena, node->num_inputs + 1, sizeof(*inputs));
	memcpy(inputs, node->inputs, node->num_inputs * sizeof(*inputs));
	inputs[node->num_inputs++] = value;
	node->inputs = inputs;
}

/* What a branch uses from around it, the node needs. */
static void add_inputs(struct nc_ctx *ctx, struct nc_node *node, const struct nc_graph *branch)
{
	unsigned int i, k;

	for (i = 0; i < branch->num_nodes; i++)
		branch->nodes[i]->mark = 1;
	for (i = 0; i < branch->num_nodes; i++)
		for (k = 0; k < branch->nodes[i]->num_inputs; k++)
			add_input(ctx, node, nc_resolve(branch->nodes[i]->inputs[k]));
	for (i = 0; i < node->num_outputs; i++)
		add_input(ctx, node, branch->outputs[i]);
	for (i = 0; i < branch->num_nodes; i++)
		branch->nodes[i]->mark = 0;
}

bool nc_infer_host_if(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_graph *const branches[2])
{
	struct nc_host *host = nc_alloc(ctx->arena, 1, sizeof(*host));
	unsigned int i, k, errors = ctx->diag.count;

	host->op = NC_HOST_IF;
	host->reason = NEURON_HOST_REASON_CONDITION;
	for (k = 0; k < 2; k++) {
		host->branches[k] = branches[k];
		for (i = 0; i < node->num_outputs; i++)
			branches[k]->outputs[i] = nc_resolve(branches[k]->outputs[i]);
	}
	for (i = 0; i < node->num_outputs; i++)
		if (!set_output(ctx, node, i, branches))
			return false;
	nc_host_take(ctx, node->inputs[0], NEURON_HOST_REASON_CONDITION);
	for (k = 0; k < 2; k++)
		add_inputs(ctx, node, branches[k]);
	node->host = host;
	return ctx->diag.count == errors;
}
