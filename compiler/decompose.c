// SPDX-License-Identifier: MIT
/*
 * Operators that are others put together, taken apart, so that the passes
 * behind and the back end know fewer.
 */
#include <string.h>
#include "decompose.h"

/* Squeeze, Unsqueeze, Flatten: a Reshape to the shape that is known by now. */
void nc_decompose_reshape(struct nc_builder *b)
{
	struct nc_value *out = b->like->outputs[0];

	nc_build_reshape(b, out, b->like->inputs[0], out->rank, out->dims);
}

/* Max, Min, Sum, Mean: pairs, from the left. */
void nc_decompose_pairs(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	enum nc_op op = node->op == NC_OP_Max || node->op == NC_OP_Min ?
			node->op : NC_OP_Add;
	struct nc_value *sum = node->inputs[0], *out = node->outputs[0];
	bool mean = node->op == NC_OP_Mean;
	unsigned int i, n = node->num_inputs;

	if (op == NC_OP_Add && nc_decompose_wide(b))
		return;

	if (n == 2 && (node->op == NC_OP_Max || node->op == NC_OP_Min)) {
		nc_keep(b);
		return;
	}
	if (n == 1) {
		nc_build1(b, NC_OP_Identity, out, sum);
		return;
	}
	for (i = 1; i < n; i++)
		sum = nc_build2(b, op, i + 1 == n && !mean ? out : NULL, sum,
				node->inputs[i]);
	if (mean)
		nc_build2(b, NC_OP_Div, out, sum, nc_build_scalar(b, out->dtype, n));
}

/* GlobalAveragePool, GlobalMaxPool: reductions over the spatial dimensions. */
void nc_decompose_global_pool(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *out = b->like->outputs[0];
	bool max = b->like->op == NC_OP_GlobalMaxPool;

	if (x->rank == 2)
		nc_build1(b, NC_OP_Identity, out, x);
	else
		nc_build_reduce(b, max ? NC_OP_ReduceMax : NC_OP_ReduceMean, out,
				x, ((1u << x->rank) - 1) & ~3u);
}

/* Gemm: alpha * X' * Y' + beta * C; what is one or absent makes no node. */
void nc_decompose_gemm(struct nc_builder *b)
{
	static const int64_t swap[] = { 1, 0 };
	const struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *y = node->inputs[1];
	struct nc_value *c = nc_in(node, 2), *out = node->outputs[0];
	float alpha = nc_attr_float(node, "alpha", 1);
	float beta = nc_attr_float(node, "beta", 1);
	struct nc_value **side = nc_is_const(x) ? &x : &y;

	/* More than a product and a sum is rounded once. */
	if ((alpha != 1 || (c && beta != 1)) && nc_decompose_wide(b))
		return;
	if (nc_attr_int(node, "transA", 0))
		x = nc_build_transpose(b, NULL, x, swap);
	if (nc_attr_int(node, "transB", 0))
		y = nc_build_transpose(b, NULL, y, swap);
	/* The factor goes where it folds into a constant, if there is one. */
	if (alpha != 1)
		*side = nc_build2(b, NC_OP_Mul, NULL, *side,
				  nc_build_scalar(b, (*side)->dtype, alpha));
	if (c && beta != 1)
		c = nc_build2(b, NC_OP_Mul, NULL, c,
			      nc_build_scalar(b, c->dtype, beta));
	x = nc_build2(b, NC_OP_MatMul, c ? NULL : out, x, y);
	if (c)
		nc_build2(b, NC_OP_Add, out, x, c);
}

/* Every block of depth is a square of space: split the axes and reorder them. */
void nc_decompose_blocks(struct nc_builder *b)
{
	static const int64_t dcr[] = { 0, 3, 4, 1, 5, 2 };
	static const int64_t crd[] = { 0, 1, 4, 2, 5, 3 };
	static const int64_t back[] = { 0, 3, 5, 1, 2, 4 };
	const struct nc_node *node = b->like;
	const char *mode = nc_attr_string(node, "mode", "DCR");
	int64_t n = nc_attr_int(node, "blocksize", 1);
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	const int64_t *d = x->dims;
	int64_t c = d[1] / (n * n);
	const int64_t split_dcr[] = { d[0], n, n, c, d[2], d[3] };
	const int64_t split_crd[] = { d[0], c, n, n, d[2], d[3] };
	const int64_t split_space[] = { d[0], d[1], d[2] / n, n, d[3] / n, n };
	bool is_crd = !strcmp(mode, "CRD");

	if (node->op == NC_OP_SpaceToDepth) {
		x = nc_build_reshape(b, NULL, x, 6, split_space);
		x = nc_build_transpose(b, NULL, x, back);
	} else {
		x = nc_build_reshape(b, NULL, x, 6,
				     is_crd ? split_crd : split_dcr);
		x = nc_build_transpose(b, NULL, x, is_crd ? crd : dcr);
	}
	nc_build_reshape(b, out, x, out->rank, out->dims);
}

/* Repeats one dimension: as [outer, 1, inner], where it is more than one. */
static struct nc_value *repeated(struct nc_builder *b, struct nc_value *x, int axis,
				 int64_t by)
{
	int64_t dims[NC_MAX_RANK], cube[3] = { 1, 1, 1 };
	int i;

	memcpy(dims, x->dims, sizeof(dims));
	for (i = 0; i < x->rank; i++)
		cube[i < axis ? 0 : 2] *= x->dims[i];
	dims[axis] *= by;
	x = nc_build_reshape(b, NULL, x, 3, cube);
	cube[1] = by;
	x = nc_build2(b, NC_OP_Expand, NULL, x,
		      nc_const_ints_new(b->ctx, b->like->name, cube, 3));
	i = b->like->inputs[0]->rank;
	return nc_build_reshape(b, NULL, x, i, dims);
}

/* Tile: dimensions of one are expanded at once, the others one by one. */
void nc_decompose_tile(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	int64_t wide[NC_MAX_RANK];
	int i;

	memcpy(wide, x->dims, sizeof(wide));
	for (i = 0; i < x->rank; i++) {
		if (x->dims[i] == 1)
			wide[i] = out->dims[i];
		else if (x->dims[i] && out->dims[i] != x->dims[i])
			x = repeated(b, x, i, out->dims[i] / x->dims[i]);
	}
	for (i = 0; i < x->rank; i++)
		if (node->inputs[0]->dims[i] != 1)
			wide[i] = x->dims[i];
	nc_build2(b, NC_OP_Expand, out, x,
		  nc_const_ints_new(b->ctx, node->name, wide, x->rank));
}

/* Trilu: what is outside the triangle is replaced by zeros, with a constant mask. */
void nc_decompose_trilu(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *ones, *mask, *zero;
	const int64_t *dims = x->dims + x->rank - 2;
	struct nc_node *trilu;
	void *data;

	ones = nc_value_like(b->ctx, node->name, NC_BOOL, 2, dims);
	data = nc_fold_alloc(b->ctx, ones);
	if (!data) {
		nc_error(b->ctx, node, "its mask is too large for a constant");
		return;
	}
	memset(data, 1, ones->size);
	trilu = nc_node_new(b->ctx, node, NC_OP_Trilu, NULL, node->num_inputs,
			    ones, nc_in(node, 1));
	nc_set_attr_int(b->ctx, trilu, "upper", nc_attr_int(node, "upper", 1));
	mask = nc_build(b, trilu);
	zero = nc_build_scalar(b, x->dtype, 0);
	nc_build3(b, NC_OP_Where, node->outputs[0], mask, x, zero);
}

void nc_decompose(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	struct nc_builder b = { .ctx = ctx, .list = &list, .deep = true };
	unsigned int i, j;

	for (i = 0; i < graph->num_nodes; i++) {
		b.like = graph->nodes[i];
		/* What was before it may have become a constant. */
		for (j = 0; j < b.like->num_inputs; j++)
			b.like->inputs[j] = nc_resolve(b.like->inputs[j]);
		if (nc_ops[b.like->op].decompose)
			nc_ops[b.like->op].decompose(&b);
		else
			nc_keep(&b);
	}
	if (ctx->diag.count)
		return;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
