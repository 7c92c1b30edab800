// SPDX-License-Identifier: MIT
/*
 * Brings nodes of older operator sets into the form of the newest, so that the
 * rest of the compiler knows one form of each operator. Mostly what was an
 * attribute has become an input.
 */
#include <float.h>
#include <string.h>
#include "pass.h"

/* Appends a constant to the inputs, at position @at at least. */
static void add_input(struct nc_ctx *ctx, struct nc_node *node, unsigned int at,
		      struct nc_value *value)
{
	struct nc_value **inputs = nc_alloc(ctx->arena, at + 1, sizeof(*inputs));

	if (node->num_inputs > at)
		return;
	if (node->num_inputs)
		memcpy(inputs, node->inputs, node->num_inputs * sizeof(*inputs));
	inputs[at] = value;
	node->inputs = inputs;
	node->num_inputs = at + 1;
}

static void ints_to_input(struct nc_ctx *ctx, struct nc_node *node,
			  const char *attr, unsigned int at)
{
	const struct nc_attr *a = nc_attr(node, attr);

	if (!a || a->kind != NC_ATTR_INTS)
		return;
	add_input(ctx, node, at, nc_const_ints_new(ctx, attr, a->ints,
						   (int64_t)a->count));
}

/* An attribute is fp32; the input is of the type of the node's first one. */
static void float_to_input(struct nc_ctx *ctx, struct nc_node *node,
			   const char *attr, float def, unsigned int at,
			   struct nc_node_list *list)
{
	float x = nc_attr_float(node, attr, def);
	struct nc_node *cast;

	if (!nc_in(node, 0))
		return;
	cast = nc_node_new(ctx, node, NC_OP_CastLike, NULL, 2,
			   nc_const_new(ctx, attr, NC_F32, 0, NULL, &x), node->inputs[0]);
	nc_node_list_add(ctx, list, cast);
	add_input(ctx, node, at, cast->outputs[0]);
}

/*
 * Softmax once took its input as a matrix, split at the axis:
 * Reshape(Softmax(Flatten(x)), Shape(x)).
 */
static void flatten_softmax(struct nc_ctx *ctx, struct nc_node *node,
			    struct nc_node_list *list)
{
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	struct nc_node *flatten, *shape, *reshape;

	shape = nc_node_new(ctx, node, NC_OP_Shape, NULL, 1, x);
	flatten = nc_node_new(ctx, node, NC_OP_Flatten, NULL, 1, x);
	nc_set_attr_int(ctx, flatten, "axis", nc_attr_int(node, "axis", 1));
	node->inputs[0] = flatten->outputs[0];
	nc_set_attr_int(ctx, node, "axis", 1);
	node->outputs[0] = nc_value_new(ctx, out->name);
	node->outputs[0]->producer = node;
	reshape = nc_node_new(ctx, node, NC_OP_Reshape, out, 2,
			      node->outputs[0], shape->outputs[0]);
	nc_node_list_add(ctx, list, shape);
	nc_node_list_add(ctx, list, flatten);
	nc_node_list_add(ctx, list, node);
	nc_node_list_add(ctx, list, reshape);
}

static void upgrade_graph(struct nc_ctx *ctx, struct nc_graph *graph, int opset);

/*
 * Attributes of sets before 7 that changed what an operator does. An axis for
 * broadcasting is for inference, which knows the shapes.
 */
static void upgrade_oldest(struct nc_ctx *ctx, struct nc_node *node, int opset)
{
	if (!nc_attr_int(node, "spatial", 1))
		nc_error(ctx, node,
			 "attribute 'spatial' of operator set %d is not supported; convert the model with onnx.version_converter",
			 opset);
	/* One slope for each channel. */
	if (node->op == NC_OP_PRelu) {
		nc_set_attr_int(ctx, node, "broadcast", 1);
		nc_set_attr_int(ctx, node, "axis", 1);
	}
}

/* Upsample and the first Resize: inputs x and scales. */
static void upgrade_upsample(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *x = nc_in(node, 0), *scales = nc_in(node, 1);
	const float *floats;
	int64_t n;

	if (!scales) {
		n = (int64_t)nc_attr_floats(node, "scales", &floats);
		if (n)
			scales = nc_const_new(ctx, "scales", NC_F32, 1, &n, floats);
	}
	node->op = NC_OP_Resize;
	node->num_inputs = 0;
	add_input(ctx, node, 2, scales);
	node->inputs[0] = x;
	nc_set_attr_string(ctx, node, "coordinate_transformation_mode",
			   "asymmetric");
	nc_set_attr_string(ctx, node, "nearest_mode", "simple");
}

static void upgrade_node(struct nc_ctx *ctx, struct nc_node *node, int opset,
			 struct nc_node_list *list)
{
	unsigned int i;

	for (i = 0; i < node->num_attrs; i++)
		if (node->attrs[i].kind == NC_ATTR_GRAPH)
			upgrade_graph(ctx, node->attrs[i].graph, opset);
	/* Other domains count for themselves. */
	if (*node->domain) {
		nc_node_list_add(ctx, list, node);
		return;
	}
	if (opset < 7)
		upgrade_oldest(ctx, node, opset);
	switch (node->op) {
	case NC_OP_GroupNormalization:
		if (opset < 21)
			nc_set_attr_int(ctx, node, "by_group", 1);
		break;
	case NC_OP_AveragePool:
		/* As ONNX Runtime has it: what ceil_mode adds counted as padding. */
		if (opset < 19)
			nc_set_attr_int(ctx, node, "over_counts", 1);
		break;
	case NC_OP_RoiAlign:
		if (opset < 16)
			nc_set_attr_string(ctx, node, "coordinate_transformation_mode",
					   "output_half_pixel");
		break;
	case NC_OP_Scan:
		if (opset < 9)
			nc_set_attr_int(ctx, node, "batched", 1);
		break;
	case NC_OP_Reshape:
		if (opset < 5)
			ints_to_input(ctx, node, "shape", 1);
		break;
	case NC_OP_TopK:
		if (opset < 10) {
			int64_t k = nc_attr_int(node, "k", 0);

			add_input(ctx, node, 1, nc_const_ints_new(ctx, "k", &k, 1));
		}
		break;
	case NC_OP_Upsample:
		upgrade_upsample(ctx, node);
		break;
	case NC_OP_Resize:
		if (opset < 11)
			upgrade_upsample(ctx, node);
		break;
	case NC_OP_Squeeze:
	case NC_OP_Unsqueeze:
	case NC_OP_ReduceSum:
		if (opset < 13)
			ints_to_input(ctx, node, "axes", 1);
		break;
	case NC_OP_ReduceMean:
	case NC_OP_ReduceMax:
	case NC_OP_ReduceMin:
	case NC_OP_ReduceProd:
	case NC_OP_ReduceSumSquare:
	case NC_OP_ReduceL1:
	case NC_OP_ReduceL2:
	case NC_OP_ReduceLogSum:
	case NC_OP_ReduceLogSumExp:
		if (opset < 18)
			ints_to_input(ctx, node, "axes", 1);
		break;
	case NC_OP_Split:
		if (opset < 13)
			ints_to_input(ctx, node, "split", 1);
		break;
	case NC_OP_Slice:
		if (opset < 10) {
			ints_to_input(ctx, node, "starts", 1);
			ints_to_input(ctx, node, "ends", 2);
			ints_to_input(ctx, node, "axes", 3);
		}
		break;
	case NC_OP_Pad:
		if (opset < 11) {
			ints_to_input(ctx, node, "pads", 1);
			float_to_input(ctx, node, "value", 0, 2, list);
		}
		break;
	case NC_OP_Clip:
		if (opset < 11) {
			float_to_input(ctx, node, "min", -FLT_MAX, 1, list);
			float_to_input(ctx, node, "max", FLT_MAX, 2, list);
		}
		break;
	case NC_OP_Hardmax:
	case NC_OP_Softmax:
	case NC_OP_LogSoftmax:
		if (opset < 13 && nc_in(node, 0) && nc_out(node, 0)) {
			flatten_softmax(ctx, node, list);
			return;
		}
		break;
	default:
		break;
	}
	nc_node_list_add(ctx, list, node);
}

/* Functions have operator sets of their own. */
static void upgrade_graph(struct nc_ctx *ctx, struct nc_graph *graph, int opset)
{
	struct nc_node_list list = { 0 };
	unsigned int i;

	if (graph->opset)
		opset = graph->opset;
	for (i = 0; i < graph->num_nodes; i++)
		upgrade_node(ctx, graph->nodes[i], opset, &list);
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
}

void nc_upgrade(struct nc_ctx *ctx)
{
	upgrade_graph(ctx, ctx->graph, ctx->graph->opset);
}
