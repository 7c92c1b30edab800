// SPDX-License-Identifier: MIT
/*
 * Operators that name, cut, permute or repeat elements: views where strides can
 * express it, and copies otherwise.
 */
#include "lower.h"

/* Copy @in into the output, which has the same elements in row-major order. */
static void copy_reshaped(struct nc_ctx *ctx, struct nc_node *node,
			  const struct nc_view *in)
{
	struct nc_view out = nc_result(ctx, node, 0, NULL);
	struct nc_view as_in = nc_view_as(&out, in->rank, in->dims);

	nc_add_copy(ctx, node, &as_in, in);
}

/* Reshape and Identity: the shape is the output's. */
void nc_lower_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *value = node->outputs[0];
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_view view;

	if (nc_view_reshape(in, value->rank, value->dims, &view))
		nc_bind(ctx, node, 0, &view);
	else
		copy_reshaped(ctx, node, in);
}

void nc_lower_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	int perm[NC_MAX_RANK];
	struct nc_view view;

	if (!nc_transpose_perm(ctx, node, perm))
		return;
	view = nc_view_permute(in, perm);
	nc_bind(ctx, node, 0, &view);
}

void nc_lower_expand(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *value = node->outputs[0];
	struct nc_view view = nc_view_broadcast(nc_operand(ctx, node->inputs[0]),
						value->rank, value->dims);

	nc_bind(ctx, node, 0, &view);
}

void nc_lower_slice(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t starts[NC_MAX_RANK], steps[NC_MAX_RANK], counts[NC_MAX_RANK];
	struct nc_view view = *nc_operand(ctx, node->inputs[0]);
	int i;

	if (!nc_slice_range(ctx, node, starts, steps, counts))
		return;
	for (i = 0; i < view.rank; i++)
		view = nc_view_slice(&view, i, starts[i], counts[i], steps[i]);
	nc_bind(ctx, node, 0, &view);
}

void nc_lower_split(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	int dim = nc_dim(nc_attr_int(node, "axis", 0), in->rank);
	const struct nc_value *sizes = nc_in(node, 1);
	int64_t at = 0, size;
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++) {
		struct nc_view view;

		/* Without sizes all are equal but for the last. */
		size = sizes ? nc_const_int(sizes, i) :
		       (in->dims[dim] + node->num_outputs - 1) /
		       node->num_outputs;
		if (at + size > in->dims[dim])
			size = in->dims[dim] - at;
		if (node->outputs[i]) {
			view = nc_view_slice(in, dim, at, size, 1);
			nc_bind(ctx, node, i, &view);
		}
		at += size;
	}
}

void nc_lower_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	int dim = nc_dim(nc_attr_int(node, "axis", 0),
			  node->outputs[0]->rank);
	const struct nc_view *like = NULL;
	struct nc_view out, part;
	int64_t at = 0;
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_view *in = nc_operand(ctx, node->inputs[i]);

		if (!like || nc_view_numel(in) > nc_view_numel(like))
			like = in;
	}
	out = nc_result_like(ctx, node, 0, like);
	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_view *in = nc_operand(ctx, node->inputs[i]);

		part = nc_view_slice(&out, dim, at, in->dims[dim], 1);
		at += in->dims[dim];
		/* It may have been made there. */
		if (!nc_view_equal(&part, in))
			nc_add_copy(ctx, node, &part, in);
	}
}

/*
 * Pad. The middle is copied, then one dimension after the other gets its two
 * edges over the full extent of those before it. Reflected and repeated edges
 * are copies of what is in the result already.
 */
enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP };

struct pad {
	enum pad_mode mode;
	const struct nc_view *value;	/* runtime value for CONSTANT, or NULL */
	double number;
};

static void pad_edge(struct nc_ctx *ctx, struct nc_node *node,
		     const struct pad *pad, const struct nc_view *area,
		     int dim, int64_t lo, int64_t n, int64_t from,
		     int64_t step)
{
	struct nc_view edge = nc_view_slice(area, dim, lo, n, 1), source;

	if (n <= 0)
		return;
	if (pad->mode == PAD_CONSTANT) {
		if (!pad->value) {
			nc_add_fill(ctx, node, &edge, pad->number);
			return;
		}
		source = nc_view_broadcast(pad->value, area->rank, edge.dims);
	} else {
		source = nc_view_slice(area, dim, from, n, step);
	}
	nc_add_copy(ctx, node, &edge, &source);
}

static void pad_dim(struct nc_ctx *ctx, struct nc_node *node,
		    const struct pad *pad, const struct nc_view *area,
		    int dim, int64_t lo, int64_t size, int64_t hi)
{
	int64_t end = lo + size;

	switch (pad->mode) {
	case PAD_REFLECT:
		pad_edge(ctx, node, pad, area, dim, 0, lo, 2 * lo, -1);
		pad_edge(ctx, node, pad, area, dim, end, hi, end - 2, -1);
		break;
	case PAD_WRAP:
		pad_edge(ctx, node, pad, area, dim, 0, lo, size, 1);
		pad_edge(ctx, node, pad, area, dim, end, hi, lo, 1);
		break;
	default:
		pad_edge(ctx, node, pad, area, dim, 0, lo, lo, 0);
		pad_edge(ctx, node, pad, area, dim, end, hi, end - 1, 0);
		break;
	}
}

void nc_lower_pad(struct nc_ctx *ctx, struct nc_node *node)
{
	const char *mode = nc_attr_string(node, "mode", "constant");
	struct nc_value *value = nc_in(node, 2);
	int64_t lo[NC_MAX_RANK], hi[NC_MAX_RANK];
	struct nc_view in = *nc_operand(ctx, node->inputs[0]);
	struct nc_view out, work, area;
	struct pad pad = { 0 };
	int i, order[NC_MAX_RANK];

	switch (mode[0]) {
	case 'e':
		pad.mode = PAD_EDGE;
		break;
	case 'r':
		pad.mode = PAD_REFLECT;
		break;
	case 'w':
		pad.mode = PAD_WRAP;
		break;
	default:
		pad.mode = PAD_CONSTANT;
		break;
	}
	if (!nc_pad_amounts(ctx, node, lo, hi))
		return;
	if (nc_is_const(value))
		pad.number = nc_const_double(value, 0);
	else if (value)
		pad.value = nc_operand(ctx, value);

	/* Negative padding crops. */
	for (i = 0; i < in.rank; i++) {
		int64_t cut_lo = lo[i] < 0 ? -lo[i] : 0;
		int64_t cut_hi = hi[i] < 0 ? -hi[i] : 0;

		in = nc_view_slice(&in, i, cut_lo,
				   in.dims[i] - cut_lo - cut_hi, 1);
		lo[i] = lo[i] < 0 ? 0 : lo[i];
		hi[i] = hi[i] < 0 ? 0 : hi[i];
		if ((pad.mode == PAD_REFLECT &&
		     (lo[i] >= in.dims[i] || hi[i] >= in.dims[i]) &&
		     (lo[i] || hi[i])) ||
		    (pad.mode == PAD_WRAP &&
		     (lo[i] > in.dims[i] || hi[i] > in.dims[i])) ||
		    in.dims[i] < 1) {
			nc_error(ctx, node,
				 "the padding is larger than the input");
			return;
		}
	}

	out = nc_result_like(ctx, node, 0, &in);
	work = out;
	/* Edges made from the result need one that can be read. */
	if (out.buf->kind == NC_BUF_OUTPUT && pad.mode != PAD_CONSTANT) {
		nc_view_order(&in, order);
		work = nc_temp(ctx, out.dtype, out.rank, out.dims, order);
	}
	area = work;
	for (i = 0; i < in.rank; i++)
		area = nc_view_slice(&area, i, lo[i], in.dims[i], 1);
	nc_add_copy(ctx, node, &area, &in);
	for (i = 0; i < in.rank; i++) {
		/* This dimension whole; those before it, too; not the others. */
		area = nc_view_slice(&area, i, -lo[i],
				     lo[i] + in.dims[i] + hi[i], 1);
		pad_dim(ctx, node, &pad, &area, i, lo[i], in.dims[i], hi[i]);
	}
	if (work.buf != out.buf)
		nc_add_copy(ctx, node, &out, &work);
}

/*
 * Tile: each dimension as (repeat, size), the input repeated by strides of
 * zero. Dimensions with repeats that do not fit the rank go one at a time.
 */
void nc_lower_tile(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	const struct nc_value *repeats = nc_in(node, 1);
	const struct nc_value *value = node->outputs[0];
	struct nc_view out, from = *in, to;
	int64_t dims[NC_MAX_RANK];
	int i, last = -1;

	if (!nc_is_const(repeats)) {
		nc_error(ctx, node, "repeats must be constant");
		return;
	}
	for (i = 0; i < in->rank; i++)
		if (value->dims[i] != in->dims[i])
			last = i;
	if (last < 0) {
		nc_bind(ctx, node, 0, in);
		return;
	}
	if (nc_numel(value) == 0) {
		nc_result(ctx, node, 0, NULL);
		return;
	}
	for (i = 0; i < in->rank; i++)
		dims[i] = in->dims[i];
	for (i = 0; i <= last; i++) {
		int64_t n = in->dims[i], r = value->dims[i] / n;
		int64_t before = 1, behind = 1;
		struct nc_view wide;
		int j;

		if (r == 1)
			continue;
		dims[i] = value->dims[i];
		out = i == last ? nc_result(ctx, node, 0, NULL) :
				  nc_temp(ctx, in->dtype, in->rank, dims, NULL);
		/* Merge what lies before and behind into one dimension each. */
		for (j = 0; j < in->rank; j++) {
			if (j < i)
				before *= dims[j];
			else if (j > i)
				behind *= dims[j];
		}
		to = nc_view_as(&out, 4,
				(int64_t[]){ before, r, n, behind });
		wide = nc_reshaped(ctx, node, &from, 4,
				   (int64_t[]){ before, 1, n, behind });
		wide = nc_view_broadcast(&wide, 4, to.dims);
		nc_add_copy(ctx, node, &to, &wide);
		from = out;
	}
}

/* DepthToSpace and SpaceToDepth: one copy between two views of rank 6. */
void nc_lower_depth_space(struct nc_ctx *ctx, struct nc_node *node)
{
	static const int dcr[] = { 0, 3, 4, 1, 5, 2 };
	static const int crd[] = { 0, 1, 4, 2, 5, 3 };
	static const int deep[] = { 0, 3, 5, 1, 2, 4 };
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	int64_t b = nc_attr_int(node, "blocksize", 1);
	int64_t c = in->dims[1], h = in->dims[2], w = in->dims[3];
	int order[NC_MAX_RANK];
	struct nc_view wide, out, to;
	const int *perm;

	if (node->op == NC_OP_SpaceToDepth) {
		wide = nc_reshaped(ctx, node, in, 6,
				   (int64_t[]){ in->dims[0], c, h / b, b,
						w / b, b });
		perm = deep;
	} else if (nc_attr_string(node, "mode", "DCR")[0] == 'C') {
		wide = nc_reshaped(ctx, node, in, 6,
				   (int64_t[]){ in->dims[0], c / (b * b), b, b,
						h, w });
		perm = crd;
	} else {
		wide = nc_reshaped(ctx, node, in, 6,
				   (int64_t[]){ in->dims[0], b, b, c / (b * b),
						h, w });
		perm = dcr;
	}
	wide = nc_view_permute(&wide, perm);
	/* Where a convolution has put the channels last they stay there. */
	if (in->strides[1] != 1) {
		copy_reshaped(ctx, node, &wide);
		return;
	}
	nc_channels_last(4, order);
	out = nc_result(ctx, node, 0, order);
	/* Dimensions are only split, which goes with any strides. */
	if (nc_view_reshape(&out, wide.rank, wide.dims, &to))
		nc_add_copy(ctx, node, &to, &wide);
}
