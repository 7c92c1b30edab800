// SPDX-License-Identifier: MIT
/*
 * Operators that are others put together, taken apart, so that the passes
 * behind and the back end know fewer. New nodes are inferred at once, and
 * folded where all they need is constant.
 */
#include <math.h>
#include <stdarg.h>
#include <string.h>
#include "front.h"

/* Infers and folds a new node, and puts it into the list unless folded. */
static struct nc_value *emit(struct nc_ctx *ctx, struct nc_node_list *list,
			     struct nc_node *node)
{
	const struct nc_op_info *info = &nc_ops[node->op];
	struct nc_value *out = node->outputs[0];
	unsigned int i;

	if (!info->infer(ctx, node))
		return out;
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && !nc_is_const(node->inputs[i]))
			break;
	if (i == node->num_inputs && !out->is_output && info->fold &&
	    info->fold(ctx, node)) {
		out->producer = NULL;
		return out;
	}
	nc_node_list_add(ctx, list, node);
	return out;
}

static struct nc_value *emit_new(struct nc_ctx *ctx, struct nc_node_list *list,
				 const struct nc_node *like, enum nc_op op,
				 struct nc_value *out, struct nc_value *a,
				 struct nc_value *b)
{
	return emit(ctx, list, nc_node_new(ctx, like, op, out, b ? 2 : 1, a, b));
}

static struct nc_value *emit_reshape(struct nc_ctx *ctx,
				     struct nc_node_list *list,
				     const struct nc_node *like,
				     struct nc_value *out, struct nc_value *x,
				     int rank, const int64_t *dims)
{
	struct nc_value *shape = nc_const_ints_new(ctx, like->name, dims, rank);
	struct nc_node *node;

	node = nc_node_new(ctx, like, NC_OP_Reshape, out, 2, x, shape);
	/* The shape is meant as it is. */
	nc_set_attr_int(ctx, node, "allowzero", 1);
	return emit(ctx, list, node);
}

static struct nc_value *emit_transpose(struct nc_ctx *ctx,
				       struct nc_node_list *list,
				       const struct nc_node *like,
				       struct nc_value *out, struct nc_value *x,
				       const int64_t *perm)
{
	struct nc_node *node = nc_node_new(ctx, like, NC_OP_Transpose, out, 1, x);

	nc_set_attr_ints(ctx, node, "perm", perm, (size_t)x->rank);
	return emit(ctx, list, node);
}

static struct nc_value *scalar(struct nc_ctx *ctx, const struct nc_node *like,
			       enum nc_dtype dtype, double x)
{
	uint64_t data = 0;

	nc_put_double(dtype, &data, 0, x);
	return nc_const_new(ctx, like->name, dtype, 0, NULL, &data);
}

/* Squeeze, Unsqueeze, Flatten: a Reshape to the shape that is known by now. */
static void to_reshape(struct nc_ctx *ctx, struct nc_node *node,
		       struct nc_node_list *list)
{
	struct nc_value *out = node->outputs[0];

	emit_reshape(ctx, list, node, out, node->inputs[0], out->rank, out->dims);
}

/* Max, Min, Sum, Mean: pairs, from the left. */
static void to_pairs(struct nc_ctx *ctx, struct nc_node *node,
		     struct nc_node_list *list)
{
	enum nc_op op = node->op == NC_OP_Max || node->op == NC_OP_Min ?
			node->op : NC_OP_Add;
	struct nc_value *sum = node->inputs[0], *out = node->outputs[0];
	bool mean = node->op == NC_OP_Mean;
	unsigned int i, n = node->num_inputs;

	if (n == 1) {
		emit_new(ctx, list, node, NC_OP_Identity, out, sum, NULL);
		return;
	}
	for (i = 1; i < n; i++)
		sum = emit_new(ctx, list, node, op,
			       i + 1 == n && !mean ? out : NULL, sum,
			       node->inputs[i]);
	if (mean)
		emit_new(ctx, list, node, NC_OP_Div, out, sum,
			 scalar(ctx, node, out->dtype, n));
}

/* GlobalAveragePool, GlobalMaxPool: reductions over the spatial dimensions. */
static void to_reduce(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
	struct nc_value *x = node->inputs[0], *axes;
	int64_t ints[NC_MAX_RANK];
	int i;

	for (i = 2; i < x->rank; i++)
		ints[i - 2] = i;
	if (x->rank == 2) {
		emit_new(ctx, list, node, NC_OP_Identity, node->outputs[0], x,
			 NULL);
		return;
	}
	axes = nc_const_ints_new(ctx, node->name, ints, x->rank - 2);
	emit_new(ctx, list, node,
		 node->op == NC_OP_GlobalMaxPool ? NC_OP_ReduceMax :
		 NC_OP_ReduceMean, node->outputs[0], x, axes);
}

/*
 * y = (x - mean) * scale / sqrt(var + epsilon) + b, as one factor and one term
 * per channel; with constants they fold to x * factor + term.
 */
static void to_affine(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
	struct nc_value *x = node->inputs[0], *factor, *term;
	int64_t dims[NC_MAX_RANK];
	int i;

	for (i = 0; i < x->rank - 1; i++)
		dims[i] = 1;
	dims[0] = x->rank > 1 ? x->dims[1] : 1;
	term = emit_new(ctx, list, node, NC_OP_Add, NULL, node->inputs[4],
			scalar(ctx, node, node->inputs[4]->dtype,
			       nc_attr_float(node, "epsilon", 1e-5f)));
	term = emit_new(ctx, list, node, NC_OP_Sqrt, NULL, term, NULL);
	factor = emit_new(ctx, list, node, NC_OP_Div, NULL, node->inputs[1], term);
	term = emit_new(ctx, list, node, NC_OP_Mul, NULL, node->inputs[3], factor);
	term = emit_new(ctx, list, node, NC_OP_Sub, NULL, node->inputs[2], term);
	factor = emit_reshape(ctx, list, node, NULL, factor, x->rank - 1, dims);
	term = emit_reshape(ctx, list, node, NULL, term, x->rank - 1, dims);
	x = emit_new(ctx, list, node, NC_OP_Mul, NULL, x, factor);
	emit_new(ctx, list, node, NC_OP_Add, node->outputs[0], x, term);
}

/* Gemm: alpha * A' * B' + beta * C; what is one or absent makes no node. */
static void to_matmul(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
	static const int64_t swap[] = { 1, 0 };
	struct nc_value *a = node->inputs[0], *b = node->inputs[1];
	struct nc_value *c = nc_in(node, 2), *out = node->outputs[0], *y;
	float alpha = nc_attr_float(node, "alpha", 1);
	float beta = nc_attr_float(node, "beta", 1);
	struct nc_value **side = nc_is_const(a) ? &a : &b;

	if (nc_attr_int(node, "transA", 0))
		a = emit_transpose(ctx, list, node, NULL, a, swap);
	if (nc_attr_int(node, "transB", 0))
		b = emit_transpose(ctx, list, node, NULL, b, swap);
	/* The factor goes where it folds into a constant, if there is one. */
	if (alpha != 1)
		*side = emit_new(ctx, list, node, NC_OP_Mul, NULL, *side,
				 scalar(ctx, node, (*side)->dtype, alpha));
	if (c && beta != 1)
		c = emit_new(ctx, list, node, NC_OP_Mul, NULL, c,
			     scalar(ctx, node, c->dtype, beta));
	y = emit_new(ctx, list, node, NC_OP_MatMul, c ? NULL : out, a, b);
	if (c)
		emit_new(ctx, list, node, NC_OP_Add, out, y, c);
}

/* Every block of depth is a square of space: split the axes and reorder them. */
static void to_blocks(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
	static const int64_t dcr[] = { 0, 3, 4, 1, 5, 2 };
	static const int64_t crd[] = { 0, 1, 4, 2, 5, 3 };
	static const int64_t back[] = { 0, 3, 5, 1, 2, 4 };
	const char *mode = nc_attr_string(node, "mode", "DCR");
	int64_t b = nc_attr_int(node, "blocksize", 1);
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	const int64_t *d = x->dims;
	int64_t c = d[1] / (b * b);
	const int64_t split_dcr[] = { d[0], b, b, c, d[2], d[3] };
	const int64_t split_crd[] = { d[0], c, b, b, d[2], d[3] };
	const int64_t split_space[] = { d[0], d[1], d[2] / b, b, d[3] / b, b };
	bool is_crd = !strcmp(mode, "CRD");

	if (node->op == NC_OP_SpaceToDepth) {
		x = emit_reshape(ctx, list, node, NULL, x, 6, split_space);
		x = emit_transpose(ctx, list, node, NULL, x, back);
	} else {
		x = emit_reshape(ctx, list, node, NULL, x, 6,
				 is_crd ? split_crd : split_dcr);
		x = emit_transpose(ctx, list, node, NULL, x, is_crd ? crd : dcr);
	}
	emit_reshape(ctx, list, node, out, x, out->rank, out->dims);
}

/* Tile: a dimension of one is expanded; others get a dimension to repeat. */
static void to_expand(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
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
	x = emit_reshape(ctx, list, node, NULL, x, rank, split);
	x = emit_new(ctx, list, node, NC_OP_Expand, NULL, x,
		     nc_const_ints_new(ctx, node->name, wide, rank));
	emit_reshape(ctx, list, node, out, x, out->rank, out->dims);
}

/* Trilu: what is outside the triangle is replaced by zeros, with a constant mask. */
static void to_where(struct nc_ctx *ctx, struct nc_node *node,
		     struct nc_node_list *list)
{
	struct nc_value *x = node->inputs[0], *ones, *mask, *zero;
	const int64_t *dims = x->dims + x->rank - 2;
	struct nc_node *trilu;
	void *data;

	ones = nc_value_like(ctx, node->name, NC_BOOL, 2, dims);
	data = nc_fold_alloc(ctx, ones);
	if (!data) {
		nc_error(ctx, node, "its mask is too large for a constant");
		return;
	}
	memset(data, 1, ones->size);
	trilu = nc_node_new(ctx, node, NC_OP_Trilu, NULL, node->num_inputs, ones,
			    nc_in(node, 1));
	nc_set_attr_int(ctx, trilu, "upper", nc_attr_int(node, "upper", 1));
	mask = emit(ctx, list, trilu);
	zero = scalar(ctx, node, x->dtype, 0);
	emit(ctx, list, nc_node_new(ctx, node, NC_OP_Where, node->outputs[0], 3,
				    mask, x, zero));
}

static void decompose(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_node_list *list)
{
	switch (node->op) {
	case NC_OP_Squeeze:
	case NC_OP_Unsqueeze:
	case NC_OP_Flatten:
		to_reshape(ctx, node, list);
		break;
	case NC_OP_Sum:
	case NC_OP_Mean:
		to_pairs(ctx, node, list);
		break;
	case NC_OP_Max:
	case NC_OP_Min:
		if (node->num_inputs == 2)
			nc_node_list_add(ctx, list, node);
		else
			to_pairs(ctx, node, list);
		break;
	case NC_OP_GlobalAveragePool:
	case NC_OP_GlobalMaxPool:
		to_reduce(ctx, node, list);
		break;
	case NC_OP_BatchNormalization:
		to_affine(ctx, node, list);
		break;
	case NC_OP_Gemm:
		to_matmul(ctx, node, list);
		break;
	case NC_OP_DepthToSpace:
	case NC_OP_SpaceToDepth:
		to_blocks(ctx, node, list);
		break;
	case NC_OP_Tile:
		to_expand(ctx, node, list);
		break;
	case NC_OP_Trilu:
		to_where(ctx, node, list);
		break;
	default:
		nc_node_list_add(ctx, list, node);
		break;
	}
}

void nc_decompose(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++)
		decompose(ctx, graph->nodes[i], &list);
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
