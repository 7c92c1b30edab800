// SPDX-License-Identifier: MIT
/*
 * Attention, QAttention and MultiHeadAttention of domain com.microsoft, spelled out as
 * exporters do: products, a softmax, transpositions.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/**
 * struct attention - one attention
 * @b: where nodes go
 * @heads: heads
 * @scale: factor of the products; 0: one by the root of a head's size
 * @causal: no position sees those behind it
 * @mask: added to the products, or NULL
 * @bias: relative position bias, added as well, or NULL
 */
struct attention {
	struct nc_builder *b;
	int64_t heads;
	float scale;
	bool causal;
	struct nc_value *mask;
	struct nc_value *bias;
};

/* [batch, length, heads * size] as [batch, heads, length, size] */
static struct nc_value *split_heads(const struct attention *a, struct nc_value *x)
{
	static const int64_t perm[] = { 0, 2, 1, 3 };
	int64_t dims[4];

	if (x->rank != 3 || x->dims[2] % a->heads) {
		nc_error(a->b->ctx, a->b->like, "%lld heads do not divide its input",
			 (long long)a->heads);
		return NULL;
	}
	dims[0] = x->dims[0];
	dims[1] = x->dims[1];
	dims[2] = a->heads;
	dims[3] = x->dims[2] / a->heads;
	x = nc_build_reshape(a->b, NULL, x, 4, dims);
	return nc_build_transpose(a->b, NULL, x, perm);
}

/* Zeros, and what is as good as minus infinity above the diagonal. */
static struct nc_value *causal_mask(const struct attention *a, int64_t rows,
				    int64_t columns, float filter)
{
	struct nc_builder *b = a->b;
	int64_t dims[2] = { rows, columns }, i, j;
	struct nc_value *mask = nc_value_like(b->ctx, b->like->name, NC_F32, 2, dims);
	float *data = nc_fold_alloc(b->ctx, mask);

	if (!data) {
		nc_error(b->ctx, b->like, "its mask is too large for a constant");
		return NULL;
	}
	for (i = 0; i < rows; i++)
		for (j = 0; j < columns; j++)
			data[i * columns + j] = j > i + columns - rows ? filter : 0;
	return mask;
}

/* Heads of q, k and v, each [batch, heads, length, size], to [batch, length, all]. */
static struct nc_value *attend(const struct attention *a, struct nc_value *q,
			       struct nc_value *k, struct nc_value *v)
{
	static const int64_t swap[] = { 0, 1, 3, 2 }, back[] = { 0, 2, 1, 3 };
	float filter = nc_attr_float(a->b->like, "mask_filter_value", -10000);
	struct nc_builder *b = a->b;
	struct nc_value *x, *mask;
	int64_t dims[3];
	double scale;

	scale = a->scale != 0 ? a->scale : 1 / sqrt((double)q->dims[3]);
	x = nc_build_transpose(b, NULL, k, swap);
	x = nc_build2(b, NC_OP_MatMul, NULL, q, x);
	x = nc_build_with(b, NC_OP_Mul, NULL, x, scale);
	if (a->causal) {
		mask = causal_mask(a, q->dims[2], k->dims[2], filter);
		if (!mask)
			return NULL;
		x = nc_build2(b, NC_OP_Add, NULL, x,
			      nc_build_cast(b, NULL, mask, x->dtype));
	}
	if (a->mask)
		x = nc_build2(b, NC_OP_Add, NULL, x,
			      nc_build_cast(b, NULL, a->mask, x->dtype));
	if (a->bias)
		x = nc_build2(b, NC_OP_Add, NULL, x, a->bias);
	x = nc_build_axis(b, NC_OP_Softmax, NULL, x, NULL, x->rank - 1);
	x = nc_build2(b, NC_OP_MatMul, NULL, x, v);
	if (x->rank != 4)
		return NULL;
	x = nc_build_transpose(b, NULL, x, back);
	dims[0] = x->dims[0];
	dims[1] = x->dims[1];
	dims[2] = x->dims[2] * x->dims[3];
	return nc_build_reshape(b, NULL, x, 3, dims);
}

/*
 * A mask of 0 and 1 by key, [batch, keys], or by query and key, as terms of the
 * products; lengths, [batch], become one first, or ends and then beginnings, twice as
 * many.
 */
static bool set_mask(struct attention *a, struct nc_value *mask, int64_t batch,
		     int64_t keys)
{
	float filter = nc_attr_float(a->b->like, "mask_filter_value", -10000);
	struct nc_builder *b = a->b;
	int64_t dims[4] = { batch, 1, 1, keys };
	struct nc_value *x;

	if (!mask)
		return true;
	if (mask->rank == 1 && (mask->dims[0] == batch || mask->dims[0] == 2 * batch)) {
		struct nc_value *at = nc_build_range(b, mask->dtype, 4, 3, keys), *before;

		dims[3] = 1;
		x = nc_build_slice(b, NULL, mask, 0, 0, batch);
		x = nc_build_reshape(b, NULL, x, 4, dims);
		x = nc_build2(b, NC_OP_GreaterOrEqual, NULL, at, x);
		if (mask->dims[0] == 2 * batch) {
			before = nc_build_slice(b, NULL, mask, 0, batch, 2 * batch);
			before = nc_build_reshape(b, NULL, before, 4, dims);
			before = nc_build2(b, NC_OP_Less, NULL, at, before);
			x = nc_build2(b, NC_OP_Or, NULL, x, before);
		}
		x = nc_build_cast(b, NULL, x, NC_F32);
		a->mask = nc_build_with(b, NC_OP_Mul, NULL, x, filter);
		return true;
	}
	if (mask->rank == 2 && mask->dims[0] == batch && mask->dims[1] == keys) {
		x = nc_build_reshape(b, NULL, mask, 4, dims);
	} else if (mask->rank == 3 && mask->dims[0] == batch && mask->dims[2] == keys) {
		dims[2] = mask->dims[1];
		x = nc_build_reshape(b, NULL, mask, 4, dims);
	} else {
		nc_error(b->ctx, b->like, "a mask of rank %d is not supported here",
			 mask->rank);
		return false;
	}
	x = nc_build_cast(b, NULL, x, NC_F32);
	x = nc_build2(b, NC_OP_Sub, NULL, nc_build_scalar(b, NC_F32, 1), x);
	a->mask = nc_build_with(b, NC_OP_Mul, NULL, x, filter);
	return true;
}

/* One of the model's pair of caches, [batch, heads, length, size], put in front. */
static struct nc_value *behind(struct nc_builder *b, struct nc_value *past,
			       struct nc_value *x)
{
	struct nc_value *both[2] = { past, x };

	return past && x ? nc_build_concat(b, NULL, both, 2, 2) : x;
}

static bool get_attention(struct nc_ctx *ctx, struct nc_builder *b, struct attention *a)
{
	*a = (struct attention) {
		.b = b, .heads = nc_attr_int(b->like, "num_heads", 0),
		.scale = nc_attr_float(b->like, "scale", 0),
		.causal = nc_attr_int(b->like, "unidirectional", 0),
	};
	if (a->heads >= 1 && a->heads <= INT32_MAX)
		return true;
	nc_error(ctx, b->like, "it has no num_heads");
	return false;
}

/* Attention and QAttention behind their projection: @x is q, k and v side by side. */
static bool attend_projected(struct nc_builder *b, struct nc_value *x, struct nc_value *mask,
			     struct nc_value *past, struct nc_value *bias)
{
	struct nc_value *parts[3], *both[2];
	struct nc_ctx *ctx = b->ctx;
	struct nc_node *node = b->like;
	const int64_t *sizes;
	struct attention a;
	int64_t from = 0;
	size_t n;
	int i;

	if (!get_attention(ctx, b, &a))
		return false;
	if (x->rank != 3) {
		nc_error(ctx, node, "its input must be [batch, length, size]");
		return false;
	}
	n = nc_attr_ints(node, "qkv_hidden_sizes", &sizes);
	for (i = 0; i < 3; i++) {
		int64_t size = n == 3 ? sizes[i] : x->dims[2] / 3;

		parts[i] = nc_build_slice(b, NULL, x, 2, from, from + size);
		parts[i] = split_heads(&a, parts[i]);
		if (!parts[i])
			return false;
		from += size;
	}
	if (past && (past->rank != 5 || past->dims[0] != 2)) {
		nc_error(ctx, node, "its past must be [2, batch, heads, length, size]");
		return false;
	}
	for (i = 1; i < 3 && past; i++) {
		both[0] = nc_build_slice(b, NULL, past, 0, i - 1, i);
		both[0] = nc_build_reshape(b, NULL, both[0], 4, past->dims + 1);
		parts[i] = behind(b, both[0], parts[i]);
	}
	if (nc_out(node, 1)) {
		for (i = 0; i < 2; i++) {
			int64_t dims[5] = { 1 };

			memcpy(dims + 1, parts[1 + i]->dims, 4 * sizeof(*dims));
			both[i] = nc_build_reshape(b, NULL, parts[1 + i], 5, dims);
		}
		nc_become(node, 1, nc_build_concat(b, NULL, both, 2, 0));
	}
	a.bias = bias;
	if (!set_mask(&a, mask, parts[1]->dims[0], parts[1]->dims[2]))
		return false;
	x = attend(&a, parts[0], parts[1], parts[2]);
	nc_become(node, 0, x);
	return x;
}

/* input, weights of q, k and v side by side, bias, mask, past, relative bias */
bool nc_infer_attention(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *x;

	if (!*node->domain)
		return nc_infer_onnx_attention(ctx, node);
	if (!nc_need(ctx, node, 2, 7))
		return false;
	x = nc_build2(&b, NC_OP_MatMul, NULL, node->inputs[0], node->inputs[1]);
	if (nc_in(node, 2))
		x = nc_build2(&b, NC_OP_Add, NULL, x, node->inputs[2]);
	return attend_projected(&b, x, nc_in(node, 3), nc_in(node, 4), nc_in(node, 5));
}

/* input, weights, bias, input_scale, weight_scale, mask, input_zero, weight_zero, past */
bool nc_infer_qattention(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *x;

	if (!nc_need(ctx, node, 5, 9))
		return false;
	x = nc_build_integer_product(&b, node->inputs[0], node->inputs[3], nc_in(node, 6),
				     node->inputs[1], node->inputs[4], nc_in(node, 7),
				     node->inputs[2]);
	return attend_projected(&b, x, nc_in(node, 5), nc_in(node, 8), NULL);
}

/* query, key, value, bias, mask, relative bias, past key, past value */
bool nc_infer_multi_head_attention(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *parts[3], *bias = nc_in(node, 3), *x;
	struct attention a;
	int64_t from = 0;
	int i;

	if (!nc_need(ctx, node, 3, 8) || !get_attention(ctx, &b, &a))
		return false;
	for (i = 0; i < 3; i++) {
		parts[i] = node->inputs[i];
		if (parts[i]->rank == 4 && i)
			continue;
		if (parts[i]->rank != 3) {
			nc_error(ctx, node, "packed inputs are not supported");
			return false;
		}
		if (bias) {
			int64_t size = parts[i]->dims[2];

			x = nc_build_slice(&b, NULL, bias, 0, from, from + size);
			parts[i] = nc_build2(&b, NC_OP_Add, NULL, parts[i], x);
			from += size;
		}
		parts[i] = split_heads(&a, parts[i]);
		if (!parts[i])
			return false;
	}
	for (i = 1; i < 3; i++) {
		parts[i] = behind(&b, nc_in(node, 5 + (unsigned int)i), parts[i]);
		nc_become(node, (unsigned int)i, parts[i]);
	}
	a.bias = nc_in(node, 5);
	if (!set_mask(&a, nc_in(node, 4), parts[1]->dims[0], parts[1]->dims[2]))
		return false;
	x = attend(&a, parts[0], parts[1], parts[2]);
	nc_become(node, 0, x);
	return x;
}
