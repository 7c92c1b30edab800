// SPDX-License-Identifier: MIT
/*
 * Attention and RotaryEmbedding of ONNX's own domain (operator sets 23 and 24),
 * spelled out; RotaryEmbedding of domain com.microsoft, which has the same inputs
 * in another order.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* [batch, length, heads * size] as [batch, heads, length, size]; rank 4 is that already. */
static struct nc_value *as_heads(struct nc_builder *b, struct nc_value *x, int64_t heads)
{
	static const int64_t perm[] = { 0, 2, 1, 3 };
	int64_t dims[4];

	if (x->rank == 4)
		return x;
	if (x->rank != 3 || heads < 1 || x->dims[2] % heads) {
		nc_error(b->ctx, b->like, "%lld heads do not divide its input",
			 (long long)heads);
		return NULL;
	}
	dims[0] = x->dims[0];
	dims[1] = x->dims[1];
	dims[2] = heads;
	dims[3] = x->dims[2] / heads;
	return nc_build_transpose(b, NULL, nc_build_reshape(b, NULL, x, 4, dims), perm);
}

/* Each head as often as there are heads of queries for it. */
static struct nc_value *repeat_heads(struct nc_builder *b, struct nc_value *x,
				     int64_t heads)
{
	int64_t dims[5] = { x->dims[0], x->dims[1], 1, x->dims[2], x->dims[3] };

	if (x->dims[1] == heads)
		return x;
	if (!x->dims[1] || heads % x->dims[1]) {
		nc_error(b->ctx, b->like, "%lld heads of keys do not divide %lld of queries",
			 (long long)x->dims[1], (long long)heads);
		return NULL;
	}
	x = nc_build_reshape(b, NULL, x, 5, dims);
	dims[2] = heads / dims[1];
	x = nc_build2(b, NC_OP_Expand, NULL, x,
		      nc_const_ints_new(b->ctx, b->like->name, dims, 5));
	dims[1] = heads;
	dims[2] = dims[3];
	dims[3] = dims[4];
	return nc_build_reshape(b, NULL, x, 4, dims);
}

/* Where a condition holds nothing, elsewhere minus infinity. */
static struct nc_value *allow(struct nc_builder *b, struct nc_value *cond,
			      enum nc_dtype dtype)
{
	return nc_build3(b, NC_OP_Where, NULL, cond, nc_build_scalar(b, dtype, 0),
			 nc_build_scalar(b, dtype, -INFINITY));
}

static struct nc_value *plus(struct nc_builder *b, struct nc_value *x,
			     struct nc_value *y)
{
	return x && y ? nc_build2(b, NC_OP_Add, NULL, x, y) : x ? x : y;
}

/* The model's mask, of the products' type; keys that it does not reach are hidden. */
static struct nc_value *given_mask(struct nc_builder *b, struct nc_value *mask,
				   int64_t keys, enum nc_dtype dtype)
{
	bool is_bool = mask->dtype == NC_BOOL;
	int64_t pads[2 * NC_MAX_RANK] = { 0 };
	struct nc_value *fill;
	int rank = mask->rank;

	if (rank < 1)
		return mask;
	if (is_bool)
		mask = allow(b, mask, dtype);
	else if (mask->dtype != dtype)
		mask = nc_build_cast(b, NULL, mask, dtype);
	if (mask->rank < 0 || mask->dims[rank - 1] >= keys)
		return mask;
	pads[2 * rank - 1] = keys - mask->dims[rank - 1];
	fill = nc_build_scalar(b, dtype, -INFINITY);
	return nc_build3(b, NC_OP_Pad, NULL, mask,
			 nc_const_ints_new(b->ctx, b->like->name, pads, 2 * rank), fill);
}

/* No query sees keys behind it; those of the past are before all. */
static struct nc_value *causal_mask(struct nc_builder *b, int64_t queries, int64_t keys,
				    int64_t past, enum nc_dtype dtype)
{
	int64_t dims[2] = { queries, keys }, i, j;
	struct nc_value *mask = nc_value_like(b->ctx, b->like->name, dtype, 2, dims);
	void *data = nc_fold_alloc(b->ctx, mask);

	if (!data) {
		nc_error(b->ctx, b->like, "its mask is too large for a constant");
		return NULL;
	}
	for (i = 0; i < queries; i++)
		for (j = past + i + 1; j < keys; j++)
			nc_put_double(dtype, data, i * keys + j, -INFINITY);
	return mask;
}

/* All that is added to the products, or NULL; false after nc_error(). */
static bool all_masks(struct nc_builder *b, const struct nc_value *q,
		      const struct nc_value *k, int64_t past, struct nc_value **mask)
{
	struct nc_node *node = b->like;
	struct nc_value *lengths = nc_in(node, 6), *x;
	int64_t dims[4] = { q->dims[0], 1, 1, 1 }, keys = k->dims[2];

	*mask = nc_in(node, 3) ? given_mask(b, node->inputs[3], keys, q->dtype) : NULL;
	if (nc_attr_int(node, "is_causal", 0)) {
		x = causal_mask(b, q->dims[2], keys, past, q->dtype);
		if (!x)
			return false;
		*mask = plus(b, *mask, x);
	}
	if (lengths) {
		if (lengths->rank != 1 || lengths->dims[0] != q->dims[0]) {
			nc_error(b->ctx, node, "its lengths of keys must be one for each batch");
			return false;
		}
		lengths = nc_build_cast(b, NULL, lengths, NC_I64);
		x = nc_build2(b, NC_OP_Less, NULL, nc_build_range(b, NC_I64, 4, 3, keys),
			      nc_build_reshape(b, NULL, lengths, 4, dims));
		*mask = plus(b, *mask, allow(b, x, q->dtype));
	}
	return true;
}

/* softcap * tanh(x / softcap) */
static struct nc_value *soft_cap(struct nc_builder *b, struct nc_value *x)
{
	float cap = nc_attr_float(b->like, "softcap", 0);

	if (!(cap > 0))
		return x;
	x = nc_build_with(b, NC_OP_Mul, NULL, x, 1 / (double)cap);
	x = nc_build1(b, NC_OP_Tanh, NULL, x);
	return nc_build_with(b, NC_OP_Mul, NULL, x, cap);
}

/* The cache in front of what is new; output @output shows both. */
static struct nc_value *with_past(struct nc_builder *b, unsigned int input,
				  unsigned int output, struct nc_value *x)
{
	struct nc_value *both[2] = { nc_in(b->like, input), x };

	if (both[0])
		x = nc_build_concat(b, NULL, both, 2, 2);
	nc_become(b->like, output, x);
	return x;
}

/* q, k, v, mask, past key, past value, lengths of keys */
bool nc_infer_onnx_attention(struct nc_ctx *ctx, struct nc_node *node)
{
	static const int64_t swap[] = { 0, 1, 3, 2 }, back[] = { 0, 2, 1, 3 };
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	int64_t mode = nc_attr_int(node, "qk_matmul_output_mode", 0), past, dims[3];
	int64_t heads = nc_attr_int(node, "kv_num_heads", 0);
	struct nc_value *q, *k, *v, *x, *mask;
	double scale;

	if (!nc_need(ctx, node, 3, 7))
		return false;
	q = as_heads(&b, node->inputs[0], nc_attr_int(node, "q_num_heads", 0));
	k = as_heads(&b, node->inputs[1], heads);
	v = as_heads(&b, node->inputs[2], heads);
	if (!q || !k || !v || q->rank < 0 || k->rank < 0 || v->rank < 0)
		return false;
	past = nc_in(node, 4) && nc_in(node, 4)->rank == 4 ? nc_in(node, 4)->dims[2] : 0;
	k = with_past(&b, 4, 1, k);
	v = with_past(&b, 5, 2, v);
	if (k->rank < 0 || v->rank < 0)
		return false;
	k = repeat_heads(&b, k, q->dims[1]);
	v = repeat_heads(&b, v, q->dims[1]);
	if (!k || !v || !all_masks(&b, q, k, past, &mask))
		return false;
	scale = nc_attr(node, "scale") ? nc_attr_float(node, "scale", 1) :
		1 / sqrt((double)q->dims[3]);
	x = nc_build_transpose(&b, NULL, k, swap);
	x = nc_build2(&b, NC_OP_MatMul, NULL, q, x);
	x = nc_build_with(&b, NC_OP_Mul, NULL, x, scale);
	if (mode == 0)
		nc_become(node, 3, x);
	x = plus(&b, x, mask);
	if (mode == 1)
		nc_become(node, 3, x);
	x = soft_cap(&b, x);
	if (mode == 2)
		nc_become(node, 3, x);
	x = nc_build_axis(&b, NC_OP_Softmax, NULL, x, NULL, 3);
	if (mode == 3)
		nc_become(node, 3, x);
	x = nc_build2(&b, NC_OP_MatMul, NULL, x, v);
	if (x->rank != 4)
		return false;
	if (node->inputs[0]->rank == 3) {
		x = nc_build_transpose(&b, NULL, x, back);
		dims[0] = x->dims[0];
		dims[1] = x->dims[1];
		dims[2] = x->dims[2] * x->dims[3];
		x = nc_build_reshape(&b, NULL, x, 3, dims);
	}
	nc_become(node, 0, x);
	return true;
}

/* Rows of a cache of cosines or sines: [batch or 1, 1, length, half]. */
static struct nc_value *cache_rows(struct nc_builder *b, struct nc_value *cache,
				   struct nc_value *ids, int64_t batch, int64_t length)
{
	int64_t dims[4] = { batch, 1, length, cache->dims[cache->rank - 1] };

	if (!ids)
		return nc_build_reshape(b, NULL, cache, 4, dims);
	if (nc_numel(ids) == 1 && batch * length != 1) {
		/* com.microsoft: where the first of the positions is. */
		ids = nc_build2(b, NC_OP_Add, NULL,
				nc_build_cast(b, NULL, nc_build_reshape(b, NULL, ids, 0, NULL),
					      NC_I64),
				nc_build_range(b, NC_I64, 1, 0, length));
		dims[0] = 1;
	}
	cache = nc_build_axis(b, NC_OP_Gather, NULL, cache, ids, 0);
	return nc_build_reshape(b, NULL, cache, 4, dims);
}

/* x's pairs, half of each: every second element, or the first or last half. */
static struct nc_value *half_of(struct nc_builder *b, struct nc_value *x, bool paired,
				int which)
{
	int64_t half = x->dims[3] / 2;
	int64_t dims[5] = { x->dims[0], x->dims[1], x->dims[2], half, 2 };

	if (!paired)
		return nc_build_slice(b, NULL, x, 3, which * half, (which + 1) * half);
	x = nc_build_reshape(b, NULL, x, 5, dims);
	x = nc_build_slice(b, NULL, x, 4, which, which + 1);
	return nc_build_reshape(b, NULL, x, 4, dims);
}

static struct nc_value *joined(struct nc_builder *b, struct nc_value *x,
			       struct nc_value *y, bool paired)
{
	struct nc_value *both[2] = { x, y };
	int64_t dims[5];

	if (!paired)
		return nc_build_concat(b, NULL, both, 2, 3);
	memcpy(dims, x->dims, 4 * sizeof(*dims));
	dims[4] = 1;
	both[0] = nc_build_reshape(b, NULL, x, 5, dims);
	both[1] = nc_build_reshape(b, NULL, y, 5, dims);
	x = nc_build_concat(b, NULL, both, 2, 4);
	dims[3] *= 2;
	return nc_build_reshape(b, NULL, x, 4, dims);
}

struct nc_value *nc_build_rotary(struct nc_builder *b, struct nc_value *x,
				 struct nc_value *cos, struct nc_value *sin,
				 struct nc_value *ids, int64_t size, bool paired)
{
	int64_t all = x->dims[3];
	struct nc_value *x1, *x2, *real, *imaginary, *both[2];

	size = size ? size : all;
	if (size < 0 || size > all || size % 2 || cos->rank < 2 || sin->rank < 2 ||
	    cos->dims[cos->rank - 1] != size / 2 || sin->dims[sin->rank - 1] != size / 2) {
		nc_error(b->ctx, b->like, "its caches do not have half of %lld columns",
			 (long long)size);
		return NULL;
	}
	both[0] = size == all ? x : nc_build_slice(b, NULL, x, 3, 0, size);
	cos = cache_rows(b, cos, ids, x->dims[0], x->dims[2]);
	sin = cache_rows(b, sin, ids, x->dims[0], x->dims[2]);
	x1 = half_of(b, both[0], paired, 0);
	x2 = half_of(b, both[0], paired, 1);
	real = nc_build2(b, NC_OP_Sub, NULL, nc_build2(b, NC_OP_Mul, NULL, cos, x1),
			 nc_build2(b, NC_OP_Mul, NULL, sin, x2));
	imaginary = nc_build2(b, NC_OP_Add, NULL, nc_build2(b, NC_OP_Mul, NULL, sin, x1),
			      nc_build2(b, NC_OP_Mul, NULL, cos, x2));
	if (real->rank != 4 || imaginary->rank != 4)
		return NULL;
	both[0] = joined(b, real, imaginary, paired);
	if (size == all)
		return both[0];
	both[1] = nc_build_slice(b, NULL, x, 3, size, all);
	return nc_build_concat(b, NULL, both, 2, 3);
}

/* x, cosines, sines, positions; com.microsoft: x, positions, cosines, sines */
bool nc_infer_rotary_embedding(struct nc_ctx *ctx, struct nc_node *node)
{
	static const int64_t back[] = { 0, 2, 1, 3 };
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	bool is_ort = !strcmp(node->domain, "com.microsoft");
	int64_t heads = nc_attr_int(node, "num_heads", 0), size;
	struct nc_value *x, *cos, *sin, *ids;

	if (!nc_need(ctx, node, is_ort ? 4 : 3, 4))
		return false;
	x = node->inputs[0];
	ids = nc_in(node, is_ort ? 1 : 3);
	cos = node->inputs[is_ort ? 2 : 1];
	sin = node->inputs[is_ort ? 3 : 2];
	size = nc_attr_int(node, "rotary_embedding_dim", 0);
	/* A head is as wide as both halves of the caches, where nothing says more. */
	if (x->rank == 3 && !heads && is_ort && cos->rank == 2 && cos->dims[1])
		heads = x->dims[2] / (size ? size : 2 * cos->dims[1]);
	x = as_heads(&b, x, heads);
	if (!x || x->rank < 0)
		return false;
	x = nc_build_rotary(&b, x, cos, sin, ids, size, nc_attr_int(node, "interleaved", 0));
	if (!x || x->rank < 0)
		return false;
	if (node->inputs[0]->rank == 3) {
		x = nc_build_transpose(&b, NULL, x, back);
		x = nc_build_reshape(&b, NULL, x, 3, node->inputs[0]->dims);
	}
	nc_become(node, 0, x);
	return true;
}
