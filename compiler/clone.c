// SPDX-License-Identifier: MIT
/*
 * Copies of the graphs in attributes, for bodies that run more than once. Values
 * of graphs around them are shared.
 */
#include <string.h>
#include "front.h"

static struct nc_value *map(struct nc_value *value, unsigned int id)
{
	return value && value->copy_id == id ? value->copy : value;
}

static struct nc_value *copy_value(struct nc_ctx *ctx, struct nc_value *value,
				   unsigned int id)
{
	struct nc_value *copy;

	if (!value)
		return NULL;
	copy = nc_value_new(ctx, value->name);
	copy->num_uses = value->num_uses;
	value->copy = copy;
	value->copy_id = id;
	return copy;
}

static struct nc_graph *copy_graph(struct nc_ctx *ctx, struct nc_graph *graph,
				   unsigned int id);

static struct nc_node *copy_node(struct nc_ctx *ctx, const struct nc_node *node,
				 unsigned int id)
{
	struct nc_node *copy = nc_memdup(ctx->arena, node, sizeof(*node));
	struct nc_attr *attrs;
	unsigned int i;

	copy->inputs = nc_alloc(ctx->arena, node->num_inputs, sizeof(*copy->inputs));
	for (i = 0; i < node->num_inputs; i++)
		copy->inputs[i] = map(node->inputs[i], id);
	copy->outputs = nc_alloc(ctx->arena, node->num_outputs,
				 sizeof(*copy->outputs));
	for (i = 0; i < node->num_outputs; i++) {
		copy->outputs[i] = copy_value(ctx, node->outputs[i], id);
		if (copy->outputs[i])
			copy->outputs[i]->producer = copy;
	}
	/* Attributes are changed in place at times: each copy has its own. */
	attrs = nc_memdup(ctx->arena, node->attrs, node->num_attrs * sizeof(*attrs));
	for (i = 0; i < node->num_attrs; i++)
		if (attrs[i].kind == NC_ATTR_GRAPH)
			attrs[i].graph = copy_graph(ctx, attrs[i].graph, id);
	copy->attrs = attrs;
	return copy;
}

static struct nc_graph *copy_graph(struct nc_ctx *ctx, struct nc_graph *graph,
				   unsigned int id)
{
	struct nc_graph *copy = nc_memdup(ctx->arena, graph, sizeof(*graph));
	unsigned int i;

	copy->inputs = nc_alloc(ctx->arena, graph->num_inputs, sizeof(*copy->inputs));
	for (i = 0; i < graph->num_inputs; i++)
		copy->inputs[i] = copy_value(ctx, graph->inputs[i], id);
	copy->nodes = nc_alloc(ctx->arena, graph->num_nodes, sizeof(*copy->nodes));
	for (i = 0; i < graph->num_nodes; i++)
		copy->nodes[i] = copy_node(ctx, graph->nodes[i], id);
	copy->outputs = nc_alloc(ctx->arena, graph->num_outputs,
				 sizeof(*copy->outputs));
	for (i = 0; i < graph->num_outputs; i++)
		copy->outputs[i] = map(graph->outputs[i], id);
	return copy;
}

struct nc_graph *nc_graph_copy(struct nc_ctx *ctx, struct nc_graph *graph)
{
	return copy_graph(ctx, graph, ++ctx->num_copies);
}
