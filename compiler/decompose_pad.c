// SPDX-License-Identifier: MIT
/* Pads that the chip has no copies for: a Gather along each axis. */
#include <string.h>
#include "decompose.h"

static int64_t wrapped(int64_t i, int64_t n)
{
	i %= n;
	return i < 0 ? i + n : i;
}

/* Wrapping around more than once. */
static void wrap(struct nc_builder *b, const int64_t *before)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	int64_t *index, i;
	int d;

	for (d = 0; d < out->rank; d++) {
		if (!before[d] && out->dims[d] == x->dims[d])
			continue;
		index = nc_alloc(b->ctx->arena, (size_t)out->dims[d], sizeof(*index));
		for (i = 0; i < out->dims[d]; i++)
			index[i] = wrapped(i - before[d], x->dims[d]);
		x = nc_build_axis(b, NC_OP_Gather, NULL, x,
				  nc_const_ints_new(b->ctx, node->name, index,
						    out->dims[d]), d);
	}
	nc_build1(b, NC_OP_Identity, out, x);
}

void nc_decompose_pad(struct nc_builder *b)
{
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK];
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	const char *mode = nc_attr_string(node, "mode", "constant");
	struct nc_value *value = nc_in(node, 2);
	bool is_empty = !nc_numel(x), is_long = false;
	int d;

	if (!nc_pad_amounts(b->ctx, node, before, after))
		return;
	for (d = 0; d < x->rank; d++) {
		is_empty |= x->dims[d] + (before[d] < 0 ? before[d] : 0) +
			    (after[d] < 0 ? after[d] : 0) <= 0;
		is_long |= before[d] > x->dims[d] || after[d] > x->dims[d];
	}
	if (!strcmp(mode, "constant") && is_empty) {
		/* Nothing of the input is left. */
		if (!value)
			value = nc_build_scalar(b, x->dtype, 0);
		value = nc_build_reshape(b, NULL, value, 0, NULL);
		nc_build2(b, NC_OP_Expand, out, value,
			  nc_const_ints_new(b->ctx, node->name, out->dims, out->rank));
	} else if (!strcmp(mode, "wrap") && is_long && nc_numel(x)) {
		wrap(b, before);
	} else {
		nc_keep(b);
	}
}
