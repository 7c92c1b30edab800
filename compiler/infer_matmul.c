// SPDX-License-Identifier: MIT
/* Matrix products. */
#include "front.h"

static bool misfit(struct nc_ctx *ctx, const struct nc_node *node,
		   const struct nc_value *left, const struct nc_value *right)
{
	char a[NC_SHAPE_TEXT], b[NC_SHAPE_TEXT];

	nc_error(ctx, node, "matrices %s and %s cannot be multiplied",
		 nc_shape_text(left, a), nc_shape_text(right, b));
	return false;
}

/*
 * numpy's rule: a vector is a row on the left and a column on the right, the
 * dimension added for that is not in the result; what precedes the matrices is
 * broadcast.
 */
bool nc_matmul_shape(struct nc_ctx *ctx, struct nc_node *node,
		     const struct nc_value *left, const struct nc_value *right,
		     enum nc_dtype dtype)
{
	struct nc_value a = *left, b = *right;
	int64_t dims[NC_MAX_RANK];
	int64_t m, n;
	int rank;

	if (!a.rank || !b.rank)
		return misfit(ctx, node, left, right);
	m = a.rank > 1 ? a.dims[a.rank - 2] : -1;
	n = b.rank > 1 ? b.dims[b.rank - 1] : -1;
	if (!nc_dim_fits(&a, a.rank - 1, &b, b.rank > 1 ? b.rank - 2 : 0))
		return misfit(ctx, node, left, right);
	a.rank = a.rank > 2 ? a.rank - 2 : 0;
	b.rank = b.rank > 2 ? b.rank - 2 : 0;
	if (!nc_broadcast(ctx, node, &a, &b, &rank, dims))
		return false;
	if (m >= 0)
		dims[rank++] = m;
	if (n >= 0)
		dims[rank++] = n;
	return nc_set_shape(ctx, node, 0, dtype, rank, dims);
}

static bool is_defined(struct nc_ctx *ctx, const struct nc_node *node, enum nc_dtype dtype)
{
	if (dtype != NC_BOOL)
		return true;
	nc_error(ctx, node, "it is not defined for %s", nc_dtype_name(dtype));
	return false;
}

bool nc_infer_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *a, *b;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	a = node->inputs[0];
	b = node->inputs[1];
	if (a->dtype != b->dtype) {
		nc_error(ctx, node, "its inputs are of different types, %s and %s",
			 nc_dtype_name(a->dtype), nc_dtype_name(b->dtype));
		return false;
	}
	return is_defined(ctx, node, a->dtype) && nc_matmul_shape(ctx, node, a, b, a->dtype);
}

bool nc_infer_gemm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *a, *b, *c = nc_in(node, 2);
	bool ta = nc_attr_int(node, "transA", 0);
	bool tb = nc_attr_int(node, "transB", 0);
	int64_t dims[NC_MAX_RANK];
	struct nc_value out = { .rank = 2 };
	int rank;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	a = node->inputs[0];
	b = node->inputs[1];
	if (a->rank != 2 || b->rank != 2 || !nc_dim_fits(a, !ta, b, tb))
		return misfit(ctx, node, a, b);
	if (a->dtype != b->dtype || (c && c->dtype != a->dtype)) {
		nc_error(ctx, node, "its inputs are of different types");
		return false;
	}
	if (!is_defined(ctx, node, a->dtype))
		return false;
	out.dims[0] = a->dims[ta];
	out.dims[1] = b->dims[!tb];
	out.open = (a->open >> ta & 1) | (b->open >> !tb & 1) << 1;
	if (c) {
		if (!nc_broadcast(ctx, node, &out, c, &rank, dims))
			return false;
		/* Where something is open, the host looks. */
		if (rank != 2 || (!out.open && !c->open &&
				  (dims[0] != out.dims[0] || dims[1] != out.dims[1]))) {
			nc_error(ctx, node, "its bias does not fit its result");
			return false;
		}
	}
	return nc_set_shape(ctx, node, 0, a->dtype, 2, out.dims);
}
