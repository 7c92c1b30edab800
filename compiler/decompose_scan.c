// SPDX-License-Identifier: MIT
/* CumSum. */
#include "decompose.h"

/* x moved along an axis by @by elements, zeros following; the shape stays. */
static struct nc_value *shifted(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, int axis, int64_t by)
{
	int64_t pads[2 * NC_MAX_RANK] = { 0 };
	struct nc_value *amounts;

	pads[axis] = by;
	pads[x->rank + axis] = -by;
	amounts = nc_const_ints_new(b->ctx, b->like->name, pads, 2 * x->rank);
	return nc_build2(b, NC_OP_Pad, out, x, amounts);
}

/*
 * Sums over spans that double: after step i each element is the sum of the 2^i
 * up to it. That takes log2(n) steps, all of them wide, and adds in a tree.
 */
void nc_decompose_cum_sum(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	int64_t by, n, sign = nc_attr_int(node, "reverse", 0) ? -1 : 1;
	int64_t at;
	int axis;

	if (nc_ints(b->ctx, node, 1, "axis", &at, 1) != 1 ||
	    !nc_axis(b->ctx, node, at, x->rank, &axis))
		return;
	n = x->dims[axis];
	if (nc_attr_int(node, "exclusive", 0))
		x = shifted(b, NULL, x, axis, sign);
	for (by = 1; by < n; by *= 2)
		x = nc_build2(b, NC_OP_Add, NULL, x,
			      shifted(b, NULL, x, axis, sign * by));
	nc_build1(b, NC_OP_Identity, out, x);
}
