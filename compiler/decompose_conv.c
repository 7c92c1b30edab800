// SPDX-License-Identifier: MIT
/* ConvTranspose whose windows lie side by side. */
#include "decompose.h"
#include "window.h"

/* Each input position makes a square of its own; nothing is added up or cut off. */
static bool lies_apart(const struct nc_node *node, const struct nc_window *w)
{
	int64_t side = w->kernel[0];
	int d;

	if (w->num_spatial != 2 || w->groups != 1 || side < 2)
		return false;
	for (d = 0; d < 2; d++)
		if (w->kernel[d] != side || w->stride[d] != side || w->dilation[d] != 1 ||
		    w->pad_lo[d] ||
		    node->outputs[0]->dims[2 + d] != node->inputs[0]->dims[2 + d] * side)
			return false;
	return true;
}

/*
 * The library's fast code is for windows that overlap. Here a kernel of one makes all
 * elements of a square, [side, side, filters], as channels, and they are moved to where
 * they belong.
 */
void nc_decompose_conv_transpose(struct nc_builder *b)
{
	static const int64_t perm[] = { 2, 3, 1, 0 };
	struct nc_node *node = b->like, *conv, *move;
	struct nc_value *w = node->inputs[1], *bias = nc_in(node, 2), *parts[64];
	struct nc_window window;
	int64_t dims[4] = { 0, 0, 1, 1 }, side;
	int i;

	if (nc_window(node, &window) || !lies_apart(node, &window) || !nc_is_const(w) ||
	    window.kernel[0] > 8) {
		nc_keep(b);
		return;
	}
	side = window.kernel[0];
	dims[0] = side * side * w->dims[1];
	dims[1] = w->dims[0];
	w = nc_build_reshape(b, NULL, nc_build_transpose(b, NULL, w, perm), 4, dims);
	for (i = 0; bias && i < side * side; i++)
		parts[i] = bias;
	if (bias)
		bias = nc_build_concat(b, NULL, parts, (int)(side * side), 0);
	conv = nc_node_new(b->ctx, node, NC_OP_Conv, NULL, bias ? 3 : 2, node->inputs[0], w, bias);
	move = nc_node_new(b->ctx, node, NC_OP_DepthToSpace, node->outputs[0], 1,
			   nc_build(b, conv));
	nc_set_attr_int(b->ctx, move, "blocksize", side);
	nc_build(b, move);
}
