// SPDX-License-Identifier: MIT
/*
 * What follows a product of integers in a model that quantises as it runs: the zero point's
 * share, a cast, the scale and the bias are the epilogue of the product.
 *
 *	MatMulInteger or ConvInteger [+ offset] -> Cast -> [* scale] -> [+ bias]
 *
 * becomes one node whose result is real, with inputs that ONNX has not:
 *
 *	x w - w_zero offset scale bias
 *
 * All of them are rows: one element a channel, or a single one.
 */
#include <string.h>
#include "front.h"
#include "fuse.h"

/* Inputs of such a node. */
enum { OFFSET = 4, SCALE, BIAS, NUM_INPUTS };

static bool is_integer_product(const struct nc_node *node)
{
	return node->op == NC_OP_ConvInteger ||
	       (node->op == NC_OP_MatMulInteger && node->inputs[0]->rank >= 2 &&
		node->inputs[1]->rank >= 2);
}

bool nc_is_real_integer_product(const struct nc_node *node)
{
	return is_integer_product(node) && node->outputs[0]->dtype == NC_F32;
}

/* The product that makes a value for one user alone, if nothing follows it yet. */
static struct nc_node *open_product(const struct nc_value *value, enum nc_dtype dtype)
{
	struct nc_node *node = value->producer;

	if (!node || value->num_uses != 1 || value->is_output || value->dtype != dtype ||
	    node->act != NEURON_ACT_IDENTITY || !is_integer_product(node))
		return NULL;
	return node;
}

/* One element a channel of the product, or one. */
static bool is_row(const struct nc_node *product, const struct nc_value *row)
{
	const struct nc_value *y = product->outputs[0];

	return nc_fuse_is_row(row, y, product->op == NC_OP_ConvInteger ? 1 : y->rank - 1);
}

static void set_input(struct nc_ctx *ctx, struct nc_node *node, unsigned int i,
		      struct nc_value *value)
{
	struct nc_value **inputs = nc_alloc(ctx->arena, NUM_INPUTS, sizeof(*inputs));

	memcpy(inputs, node->inputs, node->num_inputs * sizeof(*inputs));
	inputs[i] = value;
	node->inputs = inputs;
	node->num_inputs = NUM_INPUTS;
}

/* Add or Mul of a product and a row: the row becomes the product's input @as. */
static bool take_row(struct nc_ctx *ctx, struct nc_node *node, struct nc_node **nodes,
		     unsigned int n, enum nc_dtype dtype, unsigned int as)
{
	unsigned int i;

	for (i = 0; i < 2; i++) {
		struct nc_node *into = open_product(node->inputs[i], dtype);
		struct nc_value *row = node->inputs[!i];

		/* What came later is applied later. */
		if (!into || nc_in(into, as) || (as < BIAS && nc_in(into, BIAS)) ||
		    row->dtype != dtype || !is_row(into, row) ||
		    !nc_same_shape(node->outputs[0], into->outputs[0]))
			continue;
		if (!nc_is_const(row) && !nc_fuse_behind(nodes, n, into))
			continue;
		set_input(ctx, into, as, row);
		nc_fuse_merge(ctx, into, node);
		return true;
	}
	return false;
}

bool nc_fuse_integer(struct nc_ctx *ctx, struct nc_node *node, struct nc_node **nodes,
		     unsigned int n)
{
	struct nc_node *into;

	if (node->act != NEURON_ACT_IDENTITY)
		return false;
	switch (node->op) {
	case NC_OP_Add:
		return take_row(ctx, node, nodes, n, NC_I32, OFFSET) ||
		       take_row(ctx, node, nodes, n, NC_F32, BIAS);
	case NC_OP_Mul:
		return take_row(ctx, node, nodes, n, NC_F32, SCALE);
	case NC_OP_Cast:
		into = open_product(node->inputs[0], NC_I32);
		if (!into || node->outputs[0]->dtype != NC_F32)
			return false;
		nc_fuse_merge(ctx, into, node);
		return true;
	default:
		return false;
	}
}
