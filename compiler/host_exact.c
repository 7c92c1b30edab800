// SPDX-License-Identifier: MIT
/*
 * Numbers that say how long something is are rounded to integers: where operands of 16 bits
 * make one of them another, so is all that follows. What they are computed of stays fp32.
 */
#include "host.h"

/* The operators whose result is as long as an input says, and that input. */
static unsigned int lengths_from(const struct nc_node *node)
{
	switch (node->op) {
	case NC_OP_Range:
	case NC_OP_ConstantOfShape:
		return 0;
	case NC_OP_Reshape:
	case NC_OP_Expand:
	case NC_OP_Slice:
	case NC_OP_Tile:
		return 1;
	default:
		return node->num_inputs;
	}
}

/* Shapes themselves have nothing to do with what is in a tensor. */
static bool looks_inside(const struct nc_node *node)
{
	return node->op != NC_OP_Shape && node->op != NC_OP_Size;
}

/**
 * struct walk - from lengths to what they are computed of
 * @stack: nodes whose inputs have not been looked at
 * @depth: entries of @stack
 */
struct walk {
	struct nc_node **stack;
	unsigned int depth;
};

static void reach(struct walk *walk, struct nc_value *value)
{
	struct nc_node *node = value ? nc_resolve(value)->producer : NULL;

	if (!node || node->exact || !looks_inside(node))
		return;
	node->exact = true;
	walk->stack[walk->depth++] = node;
}

void nc_exact_lengths(struct nc_ctx *ctx, const struct nc_graph *graph)
{
	struct walk walk = { .depth = 0 };
	unsigned int i, k;

	walk.stack = nc_alloc(ctx->arena, graph->num_nodes + 1, sizeof(*walk.stack));
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		for (k = lengths_from(node); node->host && k < node->num_inputs; k++)
			reach(&walk, node->inputs[k]);
	}
	while (walk.depth) {
		struct nc_node *node = walk.stack[--walk.depth];

		for (k = 0; k < node->num_inputs; k++)
			reach(&walk, node->inputs[k]);
	}
}
