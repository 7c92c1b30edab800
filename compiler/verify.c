// SPDX-License-Identifier: MIT
/*
 * What every pass must leave behind. A violation is a bug of the compiler, not
 * of the model, and is reported as one.
 */
#include <stdlib.h>
#include "front.h"

static void broken(struct nc_ctx *ctx, const char *pass,
		   const struct nc_node *node, const char *what)
{
	nc_error(ctx, node, "the compiler is at fault: after pass %s, %s", pass,
		 what);
	if (ctx->result)
		ctx->result->num_faults++;
}

static void verify_value(struct nc_ctx *ctx, const char *pass,
			 const struct nc_node *node, const struct nc_value *value)
{
	if (value->rank < 0 || value->dtype == NC_NONE)
		broken(ctx, pass, node, "a shape or type is unknown");
	else if (!nc_shape_fits(value->rank, value->dims))
		broken(ctx, pass, node, "a shape is out of range");
	else if (value->data && value->size != nc_bytes(value))
		broken(ctx, pass, node, "a constant does not fit its shape");
	if (value->alias)
		broken(ctx, pass, node, "a replaced value is still used");
}

/* Nodes are marked as they come: a value's maker must be marked before its use. */
static void verify_node(struct nc_ctx *ctx, const char *pass,
			struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_value *value = node->inputs[i];

		if (!value)
			continue;
		verify_value(ctx, pass, node, value);
		if (value->producer && !value->producer->mark)
			broken(ctx, pass, node, "it runs before what it needs");
		if (!value->producer && !value->data && !value->is_input)
			broken(ctx, pass, node, "nothing makes its input");
	}
	node->mark = 1;
	for (i = 0; i < node->num_outputs; i++) {
		const struct nc_value *value = node->outputs[i];

		if (!value)
			continue;
		verify_value(ctx, pass, node, value);
		if (value->producer != node)
			broken(ctx, pass, node, "its output says that another node makes it");
		if (value->data && nc_numel(value))
			broken(ctx, pass, node, "it makes a constant");
	}
}

void nc_verify(struct nc_ctx *ctx, const char *pass)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
	for (i = 0; i < graph->num_nodes; i++)
		verify_node(ctx, pass, graph->nodes[i]);
	for (i = 0; i < graph->num_outputs; i++) {
		const struct nc_value *value = graph->outputs[i];

		if (!value->is_output || !value->producer ||
		    !value->producer->mark)
			broken(ctx, pass, NULL, "a graph output has no node");
	}
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
}
