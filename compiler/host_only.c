// SPDX-License-Identifier: MIT
/* Shapes of what only the host ever has: strings and random numbers. */
#include <string.h>
#include "host.h"

/*
 * Strings
 */

bool nc_host_normalizer(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *words = nc_attr(node, "stopwords");
	const struct nc_value *x;
	int64_t dims[2];
	int last;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->dtype != NC_STRING || (x->rank != 1 && x->rank != 2) ||
	    (x->rank == 2 && x->dims[0] != 1))
		return nc_host_misfit(ctx, node);
	memcpy(dims, x->dims, sizeof(dims));
	last = x->rank - 1;
	/* Where nothing is left there is one empty string. */
	if (!dims[last])
		dims[last] = 1;
	return nc_host_set(ctx, node, 0, NC_STRING, x->rank, dims,
			   x->open | (words && words->count ? 1u << last : 0));
}

bool nc_host_tfidf(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	const int64_t *indexes;
	int64_t dims[2], most = 0;
	size_t n, i;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->rank != 1 && x->rank != 2)
		return nc_host_misfit(ctx, node);
	n = nc_attr_ints(node, "ngram_indexes", &indexes);
	for (i = 0; i < n; i++)
		if (indexes[i] >= most)
			most = indexes[i] + 1;
	dims[0] = x->dims[0];
	dims[x->rank - 1] = most;
	return nc_host_set(ctx, node, 0, NC_F32, x->rank, dims,
			   x->open & ((1u << (x->rank - 1)) - 1));
}

bool nc_host_string_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	unsigned int i, open = 0;
	int rank, k;

	if (!nc_need(ctx, node, 2, 2) ||
	    !nc_broadcast(ctx, node, node->inputs[0], node->inputs[1], &rank, dims))
		return false;
	for (i = 0; i < 2; i++)
		for (k = 0; k < node->inputs[i]->rank; k++)
			open |= (node->inputs[i]->open >> k & 1) <<
				(rank - node->inputs[i]->rank + k);
	return nc_host_set(ctx, node, 0, NC_STRING, rank, dims, open);
}

/* The type is that of its values, which nc_host_rule.prepare finds. */
bool nc_host_label_encoder(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 1, 1);
}

/*
 * Random numbers
 */

static bool random_type(struct nc_ctx *ctx, const struct nc_node *node,
			enum nc_dtype otherwise, enum nc_dtype *dtype)
{
	*dtype = nc_attr(node, "dtype") ?
		 nc_dtype_from_onnx((int)nc_attr_int(node, "dtype", 0)) : otherwise;
	if (*dtype != NC_NONE)
		return true;
	nc_error(ctx, node, "its type is not supported");
	return false;
}

bool nc_host_random(struct nc_ctx *ctx, struct nc_node *node)
{
	const int64_t *shape;
	size_t n = nc_attr_ints(node, "shape", &shape);
	enum nc_dtype dtype;

	return nc_need(ctx, node, 0, 0) && random_type(ctx, node, NC_F32, &dtype) &&
	       nc_host_set(ctx, node, 0, dtype, n > NC_MAX_RANK ? NC_MAX_RANK + 1 : (int)n,
			   shape, 0);
}

bool nc_host_random_like(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	enum nc_dtype dtype;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	return random_type(ctx, node, x->dtype, &dtype) &&
	       nc_host_set(ctx, node, 0, dtype, x->rank, x->dims, x->open);
}

bool nc_host_bernoulli(struct nc_ctx *ctx, struct nc_node *node)
{
	enum nc_dtype dtype;

	return nc_need(ctx, node, 1, 1) &&
	       random_type(ctx, node, node->inputs[0]->dtype, &dtype) &&
	       nc_host_set(ctx, node, 0, dtype, node->inputs[0]->rank,
			   node->inputs[0]->dims, node->inputs[0]->open);
}

bool nc_host_multinomial(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	enum nc_dtype dtype;
	int64_t dims[2];

	if (!nc_need(ctx, node, 1, 1) || !random_type(ctx, node, NC_I32, &dtype))
		return false;
	x = node->inputs[0];
	if (x->rank != 2)
		return nc_host_misfit(ctx, node);
	dims[0] = x->dims[0];
	dims[1] = nc_attr_int(node, "sample_size", 1);
	return nc_host_set(ctx, node, 0, dtype, 2, dims, x->open & 1);
}

bool nc_host_dropout(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;

	if (!nc_need(ctx, node, 1, 3))
		return false;
	x = node->inputs[0];
	return nc_host_set(ctx, node, 0, x->dtype, x->rank, x->dims, x->open) &&
	       nc_host_set(ctx, node, 1, NC_BOOL, x->rank, x->dims, x->open);
}
