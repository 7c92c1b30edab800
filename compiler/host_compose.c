// SPDX-License-Identifier: MIT
/*
 * Operators over all of a dimension that depends on data, made of those that the host has:
 * what it reduces is closed, and the rest is the chip's, piece by piece, or the host's.
 */
#include <string.h>
#include "decompose.h"
#include "host.h"

/* The shape of @like with what is open left to be found. Return: false: that is too much. */
static bool known_dims(const struct nc_value *like, int64_t *dims)
{
	int i;

	for (i = 0; i < like->rank; i++)
		dims[i] = like->open >> i & 1 ? -1 : like->dims[i];
	return !(like->open & (like->open - 1));
}

/* (x - mean) / sqrt(variance + epsilon) over some axes */
static struct nc_value *normalized(struct nc_builder *b, struct nc_value *x, unsigned int axes,
				   float epsilon)
{
	struct nc_value *mean, *variance;

	mean = nc_build_reduce(b, NC_OP_ReduceMean, NULL, x, axes);
	x = nc_build2(b, NC_OP_Sub, NULL, x, mean);
	variance = nc_build2(b, NC_OP_Mul, NULL, x, x);
	variance = nc_build_reduce(b, NC_OP_ReduceMean, NULL, variance, axes);
	variance = nc_build2(b, NC_OP_Add, NULL, variance, nc_build_scalar(b, x->dtype, epsilon));
	variance = nc_build1(b, NC_OP_Sqrt, NULL, variance);
	return nc_build2(b, NC_OP_Div, NULL, x, variance);
}

/* x * scale + bias, which are vectors along the channels. */
static bool scaled(struct nc_builder *b, struct nc_value *x, int rank)
{
	struct nc_value *params[2];
	int64_t dims[NC_MAX_RANK];
	int i;

	for (i = 0; i < rank; i++)
		dims[i] = 1;
	for (i = 0; i < 2; i++) {
		dims[1] = b->like->inputs[1 + i]->dims[0];
		params[i] = nc_build_reshape(b, NULL, b->like->inputs[1 + i], rank, dims);
	}
	x = nc_build2(b, NC_OP_Mul, NULL, x, params[0]);
	nc_build2(b, NC_OP_Add, b->like->outputs[0], x, params[1]);
	return true;
}

/* All axes behind the channels. */
static unsigned int spatial(const struct nc_value *x)
{
	return ((1u << x->rank) - 1) & ~3u;
}

static bool group_norm(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *y;
	int64_t groups = nc_attr_int(b->like, "num_groups", 1), cube[3], dims[NC_MAX_RANK];
	int rank = x->rank;

	/* Scale and bias by group: as before set 21. */
	if (x->open & 3 || !known_dims(x, dims) || b->like->inputs[1]->dims[0] != x->dims[1])
		return false;
	cube[0] = x->dims[0];
	cube[1] = groups;
	cube[2] = -1;
	y = nc_build_reshape(b, NULL, x, 3, cube);
	y = normalized(b, y, 4, nc_attr_float(b->like, "epsilon", 1e-5f));
	y = nc_build_reshape(b, NULL, y, rank, dims);
	return scaled(b, y, rank);
}

static bool mean_variance(struct nc_builder *b)
{
	static const int64_t usual[] = { 0, 2, 3 };
	struct nc_value *x = b->like->inputs[0];
	unsigned int mask = 0;
	const int64_t *axes;
	size_t n = nc_attr_ints(b->like, "axes", &axes), i;

	if (!n) {
		axes = usual;
		n = 3;
	}
	for (i = 0; i < n; i++) {
		int axis;

		if (!nc_axis(b->ctx, b->like, axes[i], x->rank, &axis))
			return false;
		mask |= 1u << axis;
	}
	/* The reference adds this to the deviation. */
	x = normalized(b, x, mask, 1e-9f);
	nc_build1(b, NC_OP_Identity, b->like->outputs[0], x);
	return true;
}

static bool compose(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0];

	switch (node->op) {
	case NC_OP_InstanceNormalization:
		if (x->open & 2)
			return false;
		return scaled(b, normalized(b, x, spatial(x),
					    nc_attr_float(node, "epsilon", 1e-5f)), x->rank);
	case NC_OP_GroupNormalization:
		return group_norm(b);
	case NC_OP_MeanVarianceNormalization:
		return mean_variance(b);
	case NC_OP_GlobalAveragePool:
		nc_build_reduce(b, NC_OP_ReduceMean, node->outputs[0], x, spatial(x));
		return true;
	case NC_OP_GlobalMaxPool:
		nc_build_reduce(b, NC_OP_ReduceMax, node->outputs[0], x, spatial(x));
		return true;
	case NC_OP_DynamicQuantizeLinear:
		nc_decompose_dynamic_quantize(b);
		return true;
	default:
		return false;
	}
}

static bool is_composed(enum nc_op op)
{
	return op == NC_OP_InstanceNormalization || op == NC_OP_GroupNormalization ||
	       op == NC_OP_MeanVarianceNormalization || op == NC_OP_GlobalAveragePool ||
	       op == NC_OP_GlobalMaxPool || op == NC_OP_DynamicQuantizeLinear;
}

bool nc_host_compose(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_node *like = nc_memdup(ctx->arena, node, sizeof(*node));
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = like };
	unsigned int errors = ctx->diag.count, i;

	if (!is_composed(node->op))
		return false;
	like->outputs = nc_alloc(ctx->arena, node->num_outputs + 1, sizeof(*like->outputs));
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			like->outputs[i] = nc_value_new(ctx, node->outputs[i]->name);
	/* What is wrong with it is said here; the shapes are found again. */
	if (!nc_ops[node->op].infer(ctx, like))
		return false;
	for (i = 0; i < node->num_outputs; i++)
		if (like->outputs[i])
			like->outputs[i] = nc_value_new(ctx, node->outputs[i]->name);
	if (!compose(&b) || errors != ctx->diag.count)
		return false;
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			nc_become(node, i, like->outputs[i]);
	return true;
}
