// SPDX-License-Identifier: MIT
/*
 * Operators that are others put together, taken apart, so that the passes
 * behind and the back end know fewer.
 */
#include <string.h>
#include "decompose.h"

/* Squeeze, Unsqueeze, Flatten: a Reshape to the shape that is known by now. */
static void to_reshape(struct nc_builder *b)
{
	struct nc_value *out = b->like->outputs[0];

	nc_build_reshape(b, out, b->like->inputs[0], out->rank, out->dims);
}

/* Max, Min, Sum, Mean: pairs, from the left. */
static void to_pairs(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	enum nc_op op = node->op == NC_OP_Max || node->op == NC_OP_Min ?
			node->op : NC_OP_Add;
	struct nc_value *sum = node->inputs[0], *out = node->outputs[0];
	bool mean = node->op == NC_OP_Mean;
	unsigned int i, n = node->num_inputs;

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
static void to_reduce(struct nc_builder *b)
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
static void to_matmul(struct nc_builder *b)
{
	static const int64_t swap[] = { 1, 0 };
	const struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *y = node->inputs[1];
	struct nc_value *c = nc_in(node, 2), *out = node->outputs[0];
	float alpha = nc_attr_float(node, "alpha", 1);
	float beta = nc_attr_float(node, "beta", 1);
	struct nc_value **side = nc_is_const(x) ? &x : &y;

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
static void to_blocks(struct nc_builder *b)
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

/* Tile: a dimension of one is expanded; others get a dimension to repeat. */
static void to_expand(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	int64_t split[2 * NC_MAX_RANK], wide[2 * NC_MAX_RANK];
	int i, rank = 0;

	for (i = 0; i < x->rank; i++) {
		if (x->dims[i] != 1 && out->dims[i] != x->dims[i]) {
			split[rank] = 1;
			wide[rank++] = out->dims[i] / x->dims[i];
			split[rank] = x->dims[i];
			wide[rank++] = x->dims[i];
		} else {
			split[rank] = x->dims[i];
			wide[rank++] = out->dims[i];
		}
	}
	x = nc_build_reshape(b, NULL, x, rank, split);
	x = nc_build2(b, NC_OP_Expand, NULL, x,
		      nc_const_ints_new(b->ctx, node->name, wide, rank));
	nc_build_reshape(b, out, x, out->rank, out->dims);
}

/* Trilu: what is outside the triangle is replaced by zeros, with a constant mask. */
static void to_where(struct nc_builder *b)
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

static void keep(struct nc_builder *b)
{
	nc_node_list_add(b->ctx, b->list, b->like);
}

static void decompose(struct nc_builder *b)
{
	switch (b->like->op) {
	case NC_OP_Squeeze:
	case NC_OP_Unsqueeze:
	case NC_OP_Flatten:
		to_reshape(b);
		break;
	case NC_OP_Sum:
	case NC_OP_Mean:
		to_pairs(b);
		break;
	case NC_OP_Max:
	case NC_OP_Min:
		if (b->like->num_inputs == 2)
			keep(b);
		else
			to_pairs(b);
		break;
	case NC_OP_GlobalAveragePool:
	case NC_OP_GlobalMaxPool:
		to_reduce(b);
		break;
	case NC_OP_Gemm:
		to_matmul(b);
		break;
	case NC_OP_DepthToSpace:
	case NC_OP_SpaceToDepth:
		to_blocks(b);
		break;
	case NC_OP_Tile:
		to_expand(b);
		break;
	case NC_OP_Trilu:
		to_where(b);
		break;
	case NC_OP_BatchNormalization:
		nc_decompose_batch_norm(b);
		break;
	case NC_OP_RNN:
	case NC_OP_GRU:
	case NC_OP_LSTM:
		nc_decompose_rnn(b);
		break;
	case NC_OP_LRN:
		nc_decompose_lrn(b);
		break;
	case NC_OP_DynamicQuantizeLinear:
		nc_decompose_dynamic_quantize(b);
		break;
	case NC_OP_Hardmax:
		nc_decompose_hardmax(b);
		break;
	case NC_OP_OneHot:
		nc_decompose_one_hot(b);
		break;
	case NC_OP_TopK:
		nc_decompose_top_k(b);
		break;
	case NC_OP_GatherElements:
		nc_decompose_gather_elements(b);
		break;
	case NC_OP_GatherND:
		nc_decompose_gather_nd(b);
		break;
	case NC_OP_Scatter:
	case NC_OP_ScatterElements:
		nc_decompose_scatter_elements(b);
		break;
	case NC_OP_ScatterND:
		nc_decompose_scatter_nd(b);
		break;
	case NC_OP_Resize:
		nc_decompose_resize(b);
		break;
	default:
		keep(b);
		break;
	}
}

void nc_decompose(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	struct nc_builder b = { .ctx = ctx, .list = &list };
	unsigned int i, j;

	for (i = 0; i < graph->num_nodes; i++) {
		b.like = graph->nodes[i];
		/* What was before it may have become a constant. */
		for (j = 0; j < b.like->num_inputs; j++)
			b.like->inputs[j] = nc_resolve(b.like->inputs[j]);
		decompose(&b);
	}
	if (ctx->diag.count)
		return;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
