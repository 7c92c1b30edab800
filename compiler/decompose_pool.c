// SPDX-License-Identifier: MIT
/*
 * MaxPool with its second output: which elements were the greatest.
 *
 * The elements of each window lie side by side after a Gather, and ArgMax finds
 * the place in the window; a constant table knows which element that is.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* What the tables are made from. */
struct windows {
	struct nc_window w;
	int64_t in[NC_MAX_SPATIAL];
	int64_t area;		/* elements of a channel */
	int64_t count;		/* windows of a channel */
	int64_t size;		/* elements of a window */
};

/*
 * Element @k of window @i: its number within the channel, or -1 for padding.
 * With @columns the numbers run down the columns: storage_order 1.
 */
static int64_t element(const struct windows *p, int64_t i, int64_t k, bool columns)
{
	int64_t at[NC_MAX_SPATIAL], number = 0;
	int d;

	for (d = p->w.num_spatial - 1; d >= 0; d--) {
		at[d] = i % p->w.out[d] * p->w.stride[d] - p->w.pad_lo[d] +
			k % p->w.kernel[d] * p->w.dilation[d];
		i /= p->w.out[d];
		k /= p->w.kernel[d];
		if (at[d] < 0 || at[d] >= p->in[d])
			return -1;
	}
	if (columns)
		for (d = p->w.num_spatial - 1; d >= 0; d--)
			number = number * p->in[d] + at[d];
	else
		for (d = 0; d < p->w.num_spatial; d++)
			number = number * p->in[d] + at[d];
	return number;
}

static struct nc_value *table(struct nc_builder *b, const struct windows *p,
			      bool columns)
{
	int64_t n = p->count * p->size, i;
	struct nc_value *value = nc_value_like(b->ctx, b->like->name, NC_I64, 1, &n);
	int64_t *data = nc_fold_alloc(b->ctx, value);

	if (!data) {
		nc_error(b->ctx, b->like, "its indices are too large");
		return NULL;
	}
	for (i = 0; i < n; i++) {
		data[i] = element(p, i / p->size, i % p->size, columns);
		/* Padding is an element behind the others. */
		if (data[i] < 0)
			data[i] = p->area;
	}
	return value;
}

void nc_decompose_max_pool(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = nc_out(node, 1);
	bool columns = nc_attr_int(node, "storage_order", 0);
	int64_t channels, dims[3], pads[4] = { 0 };
	struct nc_value *from, *to, *y;
	struct windows p;
	int i;

	if (!index || !index->num_uses) {
		node->num_outputs = 1;
		nc_keep(b);
		return;
	}
	if (nc_window(node, &p.w))
		return;
	p.area = 1;
	p.count = 1;
	p.size = 1;
	for (i = 0; i < p.w.num_spatial; i++) {
		p.in[i] = x->dims[2 + i];
		p.area *= p.in[i];
		p.count *= p.w.out[i];
		p.size *= p.w.kernel[i];
	}
	channels = x->dims[0] * x->dims[1];
	from = table(b, &p, false);
	to = columns ? table(b, &p, true) : from;
	if (!from || !to)
		return;

	/* The window's elements in the last dimension; padding is never greatest. */
	dims[0] = channels;
	dims[1] = p.area;
	y = nc_build_reshape(b, NULL, x, 2, dims);
	pads[3] = 1;
	y = nc_build3(b, NC_OP_Pad, NULL, y,
		      nc_const_ints_new(b->ctx, node->name, pads, 4),
		      nc_build_scalar(b, x->dtype,
				      nc_dtype_is_float(x->dtype) ? -INFINITY :
				      x->dtype == NC_I8 ? -128 : 0));
	y = nc_build_axis(b, NC_OP_Gather, NULL, y, from, 1);
	dims[1] = p.count;
	dims[2] = p.size;
	y = nc_build_reshape(b, NULL, y, 3, dims);
	if (nc_out(node, 0)) {
		struct nc_value *max = nc_build_reduce(b, NC_OP_ReduceMax, NULL, y, 4);

		nc_build_reshape(b, node->outputs[0], max, node->outputs[0]->rank,
				 node->outputs[0]->dims);
	}

	/* Place in the window, in the table, in the channel, in the tensor. */
	y = nc_build_axis(b, NC_OP_ArgMax, NULL, y, NULL, 2);
	from = nc_build_range(b, NC_I64, 3, 1, p.count);
	from = nc_build_with(b, NC_OP_Mul, NULL, from, (double)p.size);
	y = nc_build2(b, NC_OP_Add, NULL, y, from);
	y = nc_build_axis(b, NC_OP_Gather, NULL, to, y, 0);
	from = nc_build_range(b, NC_I64, 3, 0, channels);
	from = nc_build_with(b, NC_OP_Mul, NULL, from, (double)p.area);
	y = nc_build2(b, NC_OP_Add, NULL, y, from);
	nc_build_reshape(b, index, y, index->rank, index->dims);
}
