// SPDX-License-Identifier: MIT
/*
 * Operators of domain com.microsoft, which ONNX Runtime puts into models that it
 * has optimised or quantised, in terms of ONNX's own. Formulas: its list of
 * contrib operators.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

static struct nc_builder builder(struct nc_ctx *ctx, struct nc_node *node)
{
	return (struct nc_builder) { .ctx = ctx, .list = ctx->list, .like = node };
}

static struct nc_value *gelu(struct nc_builder *b, struct nc_value *x, bool tanh)
{
	struct nc_node *node = nc_node_new(b->ctx, b->like, NC_OP_Gelu, NULL, 1, x);

	if (tanh)
		nc_set_attr_string(b->ctx, node, "approximate", "tanh");
	return nc_build(b, node);
}

static struct nc_value *plus(struct nc_builder *b, struct nc_value *x,
			     struct nc_value *y)
{
	return y ? nc_build2(b, NC_OP_Add, NULL, x, y) : x;
}

/* FastGelu(x, bias), BiasGelu(x, bias) */
bool nc_infer_bias_gelu(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);

	return nc_need(ctx, node, 1, 2) &&
	       nc_become_built(node, 0, gelu(&b, plus(&b, node->inputs[0], nc_in(node, 1)),
					     node->op == NC_OP_FastGelu));
}

/* QuickGelu, and ONNX's own Swish: x * sigmoid(alpha * x) */
bool nc_infer_quick_gelu(struct nc_ctx *ctx, struct nc_node *node)
{
	float alpha = node->op == NC_OP_Swish ? 1 : 1.702f;
	struct nc_builder b = builder(ctx, node);
	struct nc_value *x;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = nc_build_with(&b, NC_OP_Mul, NULL, node->inputs[0],
			  nc_attr_float(node, "alpha", alpha));
	x = nc_build1(&b, NC_OP_Sigmoid, NULL, x);
	return nc_become_built(node, 0, nc_build2(&b, NC_OP_Mul, NULL, node->inputs[0], x));
}

/* A matrix, or the batch in front of one, the other way round. */
static struct nc_value *swapped(struct nc_builder *b, struct nc_value *x, bool matrix,
				bool batch)
{
	int64_t perm[NC_MAX_RANK];
	int i, n = x->rank;

	if (n < 2 || (!matrix && !batch))
		return x;
	for (i = 0; i < n; i++)
		perm[i] = i;
	/* The batch's first dimension moves to behind the others. */
	for (i = 0; batch && i < n - 2; i++)
		perm[i] = i + 1;
	if (batch)
		perm[n - 2] = 0;
	if (matrix) {
		int64_t last = perm[n - 1];

		perm[n - 1] = perm[n - 2];
		perm[n - 2] = last;
	}
	return nc_build_transpose(b, NULL, x, perm);
}

bool nc_infer_fused_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	float alpha = nc_attr_float(node, "alpha", 1);
	struct nc_value *x, *y;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = swapped(&b, node->inputs[0], nc_attr_int(node, "transA", 0),
		    nc_attr_int(node, "transBatchA", 0));
	y = swapped(&b, node->inputs[1], nc_attr_int(node, "transB", 0),
		    nc_attr_int(node, "transBatchB", 0));
	x = nc_build2(&b, NC_OP_MatMul, NULL, x, y);
	if (alpha != 1)
		x = nc_build_with(&b, NC_OP_Mul, NULL, x, alpha);
	return nc_become_built(node, 0, x);
}

/* The function that a fused node ends with. */
static struct nc_value *activation(struct nc_builder *b, struct nc_value *x)
{
	const char *name = nc_attr_string(b->like, "activation", "");
	struct nc_node *node;
	const float *params;
	enum nc_op op;
	size_t n;

	if (!*name)
		return x;
	op = nc_op_find(name);
	n = nc_attr_floats(b->like, "activation_params", &params);
	switch (op) {
	case NC_OP_Clip:
		return nc_build3(b, op, NULL, x,
				 nc_build_scalar(b, x->dtype, n > 0 ? params[0] : -INFINITY),
				 nc_build_scalar(b, x->dtype, n > 1 ? params[1] : INFINITY));
	case NC_OP_LeakyRelu:
	case NC_OP_HardSigmoid:
		node = nc_node_new(b->ctx, b->like, op, NULL, 1, x);
		if (n > 0)
			nc_set_attr_float(b->ctx, node, "alpha", params[0]);
		if (n > 1)
			nc_set_attr_float(b->ctx, node, "beta", params[1]);
		return nc_build(b, node);
	case NC_OP_Relu:
	case NC_OP_Tanh:
	case NC_OP_Sigmoid:
		return nc_build1(b, op, NULL, x);
	default:
		nc_error(b->ctx, b->like, "activation '%.20s' is not supported", name);
		return NULL;
	}
}

/* FusedConv(x, w, bias, z): z is added before the activation. FusedGemm. */
bool nc_infer_fused_conv(struct nc_ctx *ctx, struct nc_node *node)
{
	bool is_conv = node->op == NC_OP_FusedConv;
	struct nc_builder b = builder(ctx, node);
	struct nc_node *inner;
	struct nc_value *x;

	if (!nc_need(ctx, node, 2, is_conv ? 4 : 3))
		return false;
	inner = nc_node_new(ctx, node, is_conv ? NC_OP_Conv : NC_OP_Gemm, NULL,
			    nc_in(node, 2) ? 3 : 2, node->inputs[0], node->inputs[1],
			    nc_in(node, 2));
	inner->attrs = node->attrs;
	inner->num_attrs = node->num_attrs;
	x = plus(&b, nc_build(&b, inner), nc_in(node, 3));
	return nc_become_built(node, 0, activation(&b, x));
}

/* x / rms(x) * scale */
static struct nc_value *rms_norm(struct nc_builder *b, struct nc_value *x,
				 struct nc_value *scale, int axis)
{
	float epsilon = nc_attr_float(b->like, "epsilon", 1e-5f);
	enum nc_dtype dtype = x->dtype;
	struct nc_value *y;

	x = dtype == NC_F32 ? x : nc_build_cast(b, NULL, x, NC_F32);
	y = nc_build2(b, NC_OP_Mul, NULL, x, x);
	y = nc_build_reduce(b, NC_OP_ReduceMean, NULL, y,
			    ((1u << x->rank) - 1) & ~((1u << axis) - 1));
	y = nc_build_with(b, NC_OP_Add, NULL, y, epsilon);
	y = nc_build1(b, NC_OP_Sqrt, NULL, y);
	y = nc_build2(b, NC_OP_Div, NULL, x, y);
	y = dtype == NC_F32 ? y : nc_build_cast(b, NULL, y, dtype);
	return scale ? nc_build2(b, NC_OP_Mul, NULL, y, scale) : y;
}

/* RMSNormalization, SimplifiedLayerNormalization: x, scale */
bool nc_infer_rms_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	int axis;

	return nc_need(ctx, node, 2, 2) &&
	       nc_axis(ctx, node, nc_attr_int(node, "axis", -1), node->inputs[0]->rank,
		       &axis) &&
	       nc_become_built(node, 0, rms_norm(&b, node->inputs[0], node->inputs[1], axis));
}

static struct nc_value *layer_norm(struct nc_builder *b, struct nc_value *x,
				   struct nc_value *gamma, struct nc_value *beta)
{
	struct nc_node *norm;

	norm = nc_node_new(b->ctx, b->like, NC_OP_LayerNormalization, NULL,
			   beta ? 3 : 2, x, gamma, beta);
	nc_set_attr_float(b->ctx, norm, "epsilon",
			  nc_attr_float(b->like, "epsilon", 1e-12f));
	return nc_build(b, norm);
}

/* input, skip, gamma, [beta,] bias; the sum is output 3. */
bool nc_infer_skip_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	bool simple = node->op == NC_OP_SkipSimplifiedLayerNormalization;
	struct nc_builder b = builder(ctx, node);
	struct nc_value *x;

	if (!nc_need(ctx, node, 3, simple ? 4 : 5))
		return false;
	if (nc_out(node, 1) || nc_out(node, 2)) {
		unsigned int i;

		for (i = 1; i < 3; i++) {
			if (nc_out(node, i) && node->outputs[i]->num_uses) {
				nc_error(ctx, node, "its mean and deviation as outputs are not supported");
				return false;
			}
			node->outputs[i] = NULL;
		}
	}
	x = plus(&b, node->inputs[0], node->inputs[1]);
	x = plus(&b, x, nc_in(node, simple ? 3 : 4));
	nc_become(node, 3, x);
	if (simple)
		return nc_become_built(node, 0, rms_norm(&b, x, node->inputs[2], x->rank - 1));
	return nc_become_built(node, 0, layer_norm(&b, x, node->inputs[2], nc_in(node, 3)));
}

/*
 * input_ids, segment_ids, word, position and segment embeddings, gamma, beta,
 * mask, position_ids
 */
bool nc_infer_embed_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_value *ids, *x, *y, *mask;
	unsigned int i;

	if (!nc_need(ctx, node, 1, 9))
		return false;
	for (i = 2; i < 7; i++) {
		if (i != 4 && !nc_in(node, i)) {
			nc_error(ctx, node, "its input %u is missing", i);
			return false;
		}
	}
	ids = node->inputs[0];
	if (ids->rank != 2 || node->inputs[3]->rank != 2) {
		nc_error(ctx, node, "its ids must be [batch, length]");
		return false;
	}
	x = nc_build_axis(&b, NC_OP_Gather, NULL, node->inputs[2], ids, 0);
	if (nc_in(node, 8))
		y = nc_build_axis(&b, NC_OP_Gather, NULL, node->inputs[3],
				  node->inputs[8], 0);
	else
		y = nc_build_slice(&b, NULL, node->inputs[3], 0, 0, ids->dims[1]);
	x = plus(&b, x, y);
	if (nc_in(node, 4) && nc_in(node, 1))
		x = plus(&b, x, nc_build_axis(&b, NC_OP_Gather, NULL, node->inputs[4],
					      node->inputs[1], 0));
	nc_become(node, 2, x);
	/* How many of each row are not masked. */
	mask = nc_in(node, 7);
	if (nc_out(node, 1)) {
		int64_t n = ids->dims[0];

		if (mask) {
			mask = nc_build_cast(&b, NULL, mask, NC_I32);
			mask = nc_build_reduce(&b, NC_OP_ReduceSum, NULL, mask, 2);
			mask = nc_build_reshape(&b, NULL, mask, 1, &n);
		} else {
			mask = nc_build2(&b, NC_OP_Expand, NULL,
					 nc_build_scalar(&b, NC_I32, 0),
					 nc_const_ints_new(ctx, node->name, &n, 1));
		}
		nc_become(node, 1, mask);
	}
	return nc_become_built(node, 0, layer_norm(&b, x, node->inputs[5], node->inputs[6]));
}
