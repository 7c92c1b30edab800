// SPDX-License-Identifier: MIT
/*
 * The chip has no float64: models that use it are computed in fp32. Only the
 * graph's inputs and outputs keep the type that the model declares; casts at
 * the border cost nothing, for DMA converts on the way.
 */
#include <string.h>
#include "front.h"

static void narrow_const(struct nc_ctx *ctx, struct nc_value *value)
{
	int64_t n = nc_numel(value), i;
	const double *from = value->data;
	float *to;

	if (!n)
		return;
	to = nc_alloc_uninit(ctx->arena, (size_t)n * sizeof(*to));
	for (i = 0; i < n; i++)
		to[i] = (float)from[i];
	value->data = to;
	value->size = (size_t)n * sizeof(*to);
}

static struct nc_node *cast(struct nc_ctx *ctx, const struct nc_node *like,
			    struct nc_value *out, struct nc_value *x,
			    enum nc_dtype dtype)
{
	struct nc_node *node = nc_node_new(ctx, like, NC_OP_Cast, out, 1, x);

	nc_set_attr_int(ctx, node, "to", nc_dtype_to_onnx(dtype));
	if (!out) {
		out = node->outputs[0];
		out->dtype = dtype;
		out->rank = x->rank;
		memcpy(out->dims, x->dims, sizeof(x->dims));
	}
	return node;
}

/* The graph's input as fp32, made when first asked for. */
static struct nc_value *narrow_input(struct nc_ctx *ctx, struct nc_node *node,
				     struct nc_value *value,
				     struct nc_node_list *list)
{
	struct nc_node *made;

	if (!value->narrow) {
		made = cast(ctx, node, NULL, value, NC_F32);
		nc_node_list_add(ctx, list, made);
		value->narrow = made->outputs[0];
	}
	return value->narrow;
}

static void narrow_node(struct nc_ctx *ctx, struct nc_node *node,
			struct nc_node_list *list)
{
	struct nc_node_list after = { 0 };
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		struct nc_value *x = node->inputs[i];

		if (!x || x->dtype != NC_F64)
			continue;
		/* An output of the graph that is used inside as well, too. */
		node->inputs[i] = x->narrow ? x->narrow :
				  narrow_input(ctx, node, x, list);
	}
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *out = node->outputs[i], *narrow;

		if (!out || out->dtype != NC_F64)
			continue;
		narrow = nc_value_like(ctx, out->name, NC_F32, out->rank, out->dims);
		narrow->producer = node;
		node->outputs[i] = narrow;
		out->narrow = narrow;
		nc_node_list_add(ctx, &after,
				 cast(ctx, node, out, narrow, NC_F64));
	}
	if (node->op == NC_OP_Cast && node->outputs[0]->dtype == NC_F32)
		nc_set_attr_int(ctx, node, "to", nc_dtype_to_onnx(NC_F32));
	nc_node_list_add(ctx, list, node);
	for (i = 0; i < after.count; i++)
		nc_node_list_add(ctx, list, after.nodes[i]);
}

void nc_narrow(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	unsigned int i, found = 0;

	for (i = 0; i < graph->num_values; i++) {
		struct nc_value *value = graph->values[i];

		if (value->dtype != NC_F64)
			continue;
		found++;
		if (nc_is_const(value) && !value->is_input && nc_numel(value)) {
			narrow_const(ctx, value);
			value->dtype = NC_F32;
		}
	}
	if (!found)
		return;
	/* What is made here for an output that nothing else uses goes again. */
	for (i = 0; i < graph->num_nodes; i++)
		narrow_node(ctx, graph->nodes[i], &list);
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
