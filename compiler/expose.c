// SPDX-License-Identifier: MIT
/*
 * What every layer makes becomes an output of the model, behind its own, so that
 * two ways to compile a model can be compared layer by layer. It comes after
 * fusion and casting: nothing is computed otherwise than in the model itself.
 */
#include "pass.h"

/* Slots of a program are few: then layers are left out evenly. */
#define MAX_EXPOSED	200

/* Whether the node makes what its layer is for: floats, and not an output yet. */
static bool shows(const struct nc_node *node)
{
	const struct nc_value *value = nc_out(node, 0);

	return value && !value->is_output && nc_dtype_is_float(value->dtype) &&
	       nc_numel(value) > 0 && nc_dtype_size(value->dtype) <= 4;
}

void nc_expose(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i, n = 0, every, taken = 0;
	struct nc_node **last;
	struct nc_value **outputs;

	last = nc_alloc(ctx->arena, graph->num_layers + 1, sizeof(struct nc_node *));
	for (i = 0; i < graph->num_nodes; i++)
		last[graph->nodes[i]->layer] = graph->nodes[i];
	for (i = 0; i < graph->num_layers; i++)
		n += last[i] && shows(last[i]);
	every = n / MAX_EXPOSED + 1;
	outputs = nc_alloc(ctx->arena, graph->num_outputs + n + 1, sizeof(struct nc_value *));
	for (i = 0; i < graph->num_outputs; i++)
		outputs[i] = graph->outputs[i];
	for (i = 0, n = 0; i < graph->num_layers; i++) {
		if (!last[i] || !shows(last[i]) || n++ % every)
			continue;
		last[i]->outputs[0]->is_output = true;
		/* No ONNX name: the layer's number finds it. */
		last[i]->outputs[0]->name = nc_sprintf(ctx->arena, "layer %u", i);
		outputs[graph->num_outputs + taken++] = last[i]->outputs[0];
	}
	graph->outputs = outputs;
	graph->num_outputs += taken;
	nc_graph_update(ctx);
}
