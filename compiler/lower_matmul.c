// SPDX-License-Identifier: MIT
/* MatMul (with an optional bias, as fuse.c makes it) and Gemm. */
#include <string.h>

#include "lower.h"

/* ONNX's rules for vectors: a row on the left, a column on the right. */
static struct nc_view as_matrix(const struct nc_view *view, bool left)
{
	struct nc_view out = *view;

	if (view->rank != 1)
		return out;
	out.rank = 2;
	if (left) {
		out.dims[1] = view->dims[0];
		out.strides[1] = view->strides[0];
		out.dims[0] = 1;
		out.strides[0] = view->dims[0];
	} else {
		out.dims[1] = 1;
		out.strides[1] = 1;
	}
	return out;
}

/* A vector operand's missing dimension, put back into the result. */
static struct nc_view insert_dim(const struct nc_view *view, int at)
{
	struct nc_view out = *view;
	int i;

	for (i = view->rank; i > at; i--) {
		out.dims[i] = view->dims[i - 1];
		out.strides[i] = view->strides[i - 1];
	}
	out.dims[at] = 1;
	out.strides[at] = at < view->rank ? out.dims[at + 1] *
					    out.strides[at + 1] : 1;
	out.rank++;
	return out;
}

/*
 * One matrix on the right for all of the left: the leading dimensions of the
 * left are rows of one product, if its strides allow.
 */
static void merge_rows(struct nc_view *out, struct nc_view *a,
		       struct nc_view *b)
{
	struct nc_view flat_out, flat_a;
	int64_t dims[2];
	int i, rank = out->rank;

	for (i = 0; i < b->rank - 2; i++)
		if (b->dims[i] != 1)
			return;
	dims[0] = 1;
	for (i = 0; i < rank - 1; i++)
		dims[0] *= out->dims[i];
	dims[1] = a->dims[a->rank - 1];
	/* The left may repeat, too: then its rows are not those of the result. */
	if (nc_view_numel(a) != dims[0] * dims[1] ||
	    !nc_view_reshape(a, 2, dims, &flat_a))
		return;
	dims[1] = out->dims[rank - 1];
	if (!nc_view_reshape(out, 2, dims, &flat_out))
		return;
	*out = flat_out;
	*a = flat_a;
	if (b->rank > 2) {
		b->dims[0] = b->dims[b->rank - 2];
		b->dims[1] = b->dims[b->rank - 1];
		b->strides[0] = b->strides[b->rank - 2];
		b->strides[1] = b->strides[b->rank - 1];
		b->rank = 2;
	}
}

void nc_matmul_shapes(struct nc_view *out, struct nc_view *a, struct nc_view *b)
{
	bool row = a->rank == 1, column = b->rank == 1;
	int64_t dims[NC_MAX_RANK];
	struct nc_view wide;

	/* The result of two vectors has rank 0, so the left one's goes first. */
	if (row)
		*out = insert_dim(out, out->rank - !column);
	if (column)
		*out = insert_dim(out, out->rank);
	wide = as_matrix(a, true);
	*a = wide;
	wide = as_matrix(b, false);
	*b = wide;
	merge_rows(out, a, b);

	memcpy(dims, out->dims, sizeof(dims));
	dims[out->rank - 2] = a->dims[a->rank - 2];
	dims[out->rank - 1] = a->dims[a->rank - 1];
	wide = nc_view_broadcast(a, out->rank, dims);
	*a = wide;
	dims[out->rank - 2] = b->dims[b->rank - 2];
	dims[out->rank - 1] = b->dims[b->rank - 1];
	wide = nc_view_broadcast(b, out->rank, dims);
	*b = wide;
}

void nc_lower_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int dtype = nc_matrix_dtype(node);
	const struct nc_view *bias = NULL;
	struct nc_view a, b, out;
	int64_t dims[NC_MAX_RANK];
	struct nc_inst *inst;
	int i, order[NC_MAX_RANK];

	if (!nc_dtype_is_float(node->outputs[0]->dtype)) {
		nc_error(ctx, node,
			 "the chip multiplies matrices of floats; cast them in the model");
		return;
	}
	a = *nc_operand_as(ctx, node, node->inputs[0], dtype);
	b = *nc_operand_as(ctx, node, node->inputs[1], dtype);
	if (nc_in(node, 2))
		bias = nc_operand_as(ctx, node, node->inputs[2], NEURON_F32);
	/* Heads that are put side by side again are written so. */
	out = nc_result(ctx, node, 0,
			nc_user_order(ctx, node->outputs[0], order) ? order :
								      NULL);
	if (nc_view_numel(&a) == 0) {
		nc_error(ctx, node, "a product over no elements");
		return;
	}

	nc_matmul_shapes(&out, &a, &b);
	inst = nc_add(ctx, node, NEURON_OP_MATMUL, &out, &a, &b);
	NC_EPILOGUE(NC_PARAMS(MATMUL, inst), node);
	if (bias) {
		/* [N], whatever leading ones the model wrote; a scalar repeats. */
		struct nc_view flat = nc_view_expand_rank(bias, bias->rank ?: 1);

		i = flat.rank - 1;
		flat.dims[0] = flat.dims[i];
		flat.strides[0] = flat.strides[i];
		flat.rank = 1;
		dims[0] = out.dims[out.rank - 1];
		flat = nc_view_broadcast(&flat, 1, dims);
		nc_add_operand(ctx, inst, 3, &flat);
	}
}

/*
 * alpha * A' * B' + beta * C. fuse.c leaves only what is no MatMul: a C that
 * is not one element a column, or factors that are not constant.
 */
void nc_lower_gemm(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int dtype = nc_matrix_dtype(node);
	float alpha = nc_attr_float(node, "alpha", 1);
	float beta = nc_attr_float(node, "beta", 1);
	static const int swap[] = { 1, 0 };
	const struct nc_view *c = NULL;
	struct nc_view a, b, out, sum;
	struct nc_inst *inst;

	a = *nc_operand_as(ctx, node, node->inputs[0], dtype);
	b = *nc_operand_as(ctx, node, node->inputs[1], dtype);
	if (nc_attr_int(node, "transA", 0))
		a = nc_view_permute(&a, swap);
	if (nc_attr_int(node, "transB", 0))
		b = nc_view_permute(&b, swap);
	if (nc_in(node, 2) && beta != 0)
		c = nc_operand(ctx, node->inputs[2]);
	out = nc_result(ctx, node, 0, NULL);
	sum = c ? nc_temp(ctx, NEURON_F32, 2, out.dims, NULL) : out;
	inst = nc_add(ctx, node, NEURON_OP_MATMUL, &sum, &a, &b);
	if (alpha != 1) {
		struct nc_view scale = nc_const_float(ctx, alpha);

		scale = nc_view_expand_rank(&scale, 1);
		nc_add_operand(ctx, inst, 4, &scale);
	}
	if (!c)
		return;
	if (beta != 1) {
		struct nc_view scaled = nc_temp(ctx, NEURON_F32, c->rank,
						c->dims, NULL);

		nc_add_act(ctx, node, &scaled, c, NEURON_ACT_AFFINE, beta, 0);
		nc_add_binary(ctx, node, &out, &sum, &scaled,
			      NEURON_BINARY_ADD);
	} else {
		nc_add_binary(ctx, node, &out, &sum, c, NEURON_BINARY_ADD);
	}
}
