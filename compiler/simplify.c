// SPDX-License-Identifier: MIT
/*
 * Removes nodes that do nothing, and merges chains of Reshapes and Transposes.
 * One sweep is enough: a node is looked at after those that feed it.
 */
#include <string.h>
#include "front.h"

/* The node passes its first input on. */
static void forward(struct nc_node *node)
{
	nc_alias(node->outputs[0], node->inputs[0]);
}

/* What makes the value, if it is an operator of this kind. */
static struct nc_node *maker(const struct nc_value *value, enum nc_op op)
{
	return value && value->producer && value->producer->op == op ?
	       value->producer : NULL;
}

/* A Transpose that only moves dimensions of one element is a Reshape. */
static bool moves_nothing(const struct nc_value *x, const int *perm)
{
	int i, last = -1;

	for (i = 0; i < x->rank; i++) {
		if (x->dims[perm[i]] == 1)
			continue;
		if (perm[i] < last)
			return false;
		last = perm[i];
	}
	return true;
}

static void become_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *out = node->outputs[0];
	struct nc_value **inputs = nc_alloc(ctx->arena, 2, sizeof(*inputs));

	inputs[0] = node->inputs[0];
	inputs[1] = nc_const_ints_new(ctx, node->name, out->dims, out->rank);
	node->op = NC_OP_Reshape;
	node->op_type = nc_op_name(node->op);
	node->inputs = inputs;
	node->num_inputs = 2;
	node->num_attrs = 0;
	nc_set_attr_int(ctx, node, "allowzero", 1);
}

/* Return: true when the node is not needed any more. */
static bool simplify_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_node *before = maker(node->inputs[0], NC_OP_Reshape);

	if (before) {
		/* The shape in between does not matter. */
		node->inputs[0] = before->inputs[0];
		become_reshape(ctx, node);
	}
	if (!nc_same_shape(node->inputs[0], node->outputs[0]))
		return false;
	forward(node);
	return true;
}

static bool simplify_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_node *before = maker(node->inputs[0], NC_OP_Transpose);
	int perm[NC_MAX_RANK], first[NC_MAX_RANK], i, rank;
	int64_t ints[NC_MAX_RANK];

	if (!nc_transpose_perm(ctx, node, perm))
		return false;
	rank = node->inputs[0]->rank;
	if (before && nc_transpose_perm(ctx, before, first)) {
		for (i = 0; i < rank; i++) {
			perm[i] = first[perm[i]];
			ints[i] = perm[i];
		}
		node->inputs[0] = before->inputs[0];
		nc_set_attr_ints(ctx, node, "perm", ints, (size_t)rank);
	}
	if (!moves_nothing(node->inputs[0], perm))
		return false;
	become_reshape(ctx, node);
	return simplify_reshape(ctx, node);
}

/* x + 0, x - 0, x * 1, x / 1 and the like, where the shape stays */
static bool is_neutral(const struct nc_node *node, unsigned int operand,
		       double neutral)
{
	const struct nc_value *value = node->inputs[operand];
	const struct nc_value *other = node->inputs[!operand];
	double x;

	return nc_is_const(value) && nc_const_splat(value, &x) && x == neutral &&
	       nc_same_shape(other, node->outputs[0]);
}

static bool simplify_binary(struct nc_node *node)
{
	double neutral = node->op == NC_OP_Add || node->op == NC_OP_Sub ? 0 : 1;
	bool commutes = node->op == NC_OP_Add || node->op == NC_OP_Mul;

	if (is_neutral(node, 1, neutral)) {
		forward(node);
		return true;
	}
	if (commutes && is_neutral(node, 0, neutral)) {
		nc_alias(node->outputs[0], node->inputs[1]);
		return true;
	}
	return false;
}

/* Inputs without elements add nothing. */
static bool simplify_concat(struct nc_node *node)
{
	unsigned int i, n = 0;

	for (i = 0; i < node->num_inputs; i++)
		if (nc_numel(node->inputs[i]))
			node->inputs[n++] = node->inputs[i];
	node->num_inputs = n;
	if (n != 1)
		return false;
	forward(node);
	return true;
}

static bool is_noop_pad(struct nc_ctx *ctx, const struct nc_node *node)
{
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK];
	int i;

	if (!nc_pad_amounts(ctx, node, before, after))
		return false;
	for (i = 0; i < node->inputs[0]->rank; i++)
		if (before[i] || after[i])
			return false;
	return true;
}

/* Return: true when the node is not needed any more. */
static bool simplify(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = nc_in(node, 0);
	const struct nc_value *out = nc_out(node, 0);
	bool same = x && out && nc_same_shape(x, out);

	switch (node->op) {
	case NC_OP_Identity:
	case NC_OP_Dropout:
		forward(node);
		return true;
	case NC_OP_Cast:
		if (x->dtype != out->dtype)
			return false;
		forward(node);
		return true;
	case NC_OP_Reshape:
		return simplify_reshape(ctx, node);
	case NC_OP_Transpose:
		return simplify_transpose(ctx, node);
	case NC_OP_Add:
	case NC_OP_Sub:
	case NC_OP_Mul:
	case NC_OP_Div:
		return simplify_binary(node);
	case NC_OP_Concat:
		return simplify_concat(node);
	case NC_OP_Expand:
	case NC_OP_Tile:
		if (!same)
			return false;
		forward(node);
		return true;
	case NC_OP_Slice:
		/* The same number of elements, each once; only a step of -1 moves them. */
		if (!same || nc_in(node, 4))
			return false;
		forward(node);
		return true;
	case NC_OP_Pad:
		if (!is_noop_pad(ctx, node))
			return false;
		forward(node);
		return true;
	case NC_OP_Split:
		if (node->num_outputs != 1 || !same)
			return false;
		forward(node);
		return true;
	default:
		return false;
	}
}

void nc_simplify(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i, j, n = 0;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		for (j = 0; j < node->num_inputs; j++)
			node->inputs[j] = nc_resolve(node->inputs[j]);
		if (!simplify(ctx, node))
			graph->nodes[n++] = node;
	}
	graph->num_nodes = n;
	nc_graph_update(ctx);
}
