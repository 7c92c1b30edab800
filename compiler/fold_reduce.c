// SPDX-License-Identifier: MIT
/* Reductions and matrix products of constants. */
#include <math.h>
#include <string.h>
#include "front.h"

/* Beyond this many steps the chip is the better place. */
#define MAX_WORK	((int64_t)1 << 28)

static double reduce_start(enum nc_op op)
{
	switch (op) {
	case NC_OP_ReduceMax:
		return -INFINITY;
	case NC_OP_ReduceMin:
		return INFINITY;
	case NC_OP_ReduceProd:
		return 1;
	default:
		return 0;
	}
}

static double reduce_step(enum nc_op op, double sum, double x)
{
	switch (op) {
	case NC_OP_ReduceMax:
		return isnan(x) || isnan(sum) ? NAN : x > sum ? x : sum;
	case NC_OP_ReduceMin:
		return isnan(x) || isnan(sum) ? NAN : x < sum ? x : sum;
	case NC_OP_ReduceProd:
		return sum * x;
	case NC_OP_ReduceSumSquare:
	case NC_OP_ReduceL2:
		return sum + x * x;
	case NC_OP_ReduceL1:
		return sum + fabs(x);
	case NC_OP_ReduceLogSumExp:
		return sum + exp(x);
	default:
		return sum + x;
	}
}

static double reduce_end(enum nc_op op, double sum, int64_t count)
{
	switch (op) {
	case NC_OP_ReduceMean:
		return sum / (double)count;
	case NC_OP_ReduceL2:
		return sqrt(sum);
	case NC_OP_ReduceLogSum:
	case NC_OP_ReduceLogSumExp:
		return log(sum);
	default:
		return sum;
	}
}

/* Strides of the output over the input's dimensions; 0 where it is reduced. */
static void reduced_strides(const struct nc_value *x, unsigned int mask,
			    int64_t strides[NC_MAX_RANK])
{
	int64_t stride = 1;
	int i;

	for (i = x->rank - 1; i >= 0; i--) {
		strides[i] = mask >> i & 1 ? 0 : stride;
		if (!(mask >> i & 1))
			stride *= x->dims[i];
	}
}

bool nc_fold_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(x), count = nc_numel(out), i;
	struct nc_nest nest;
	unsigned int mask;
	double *sums;
	void *data;

	if (!nc_reduce_axes(ctx, node, &mask) || (size_t)count > ctx->fold_budget / 8)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	sums = nc_alloc(ctx->arena, (size_t)count, sizeof(*sums));
	for (i = 0; i < count; i++)
		sums[i] = reduce_start(node->op);
	nc_nest_init(&nest, x);
	reduced_strides(x, mask, nest.strides[0]);
	for (i = 0; i < n; i++, nc_nest_next(&nest))
		sums[nest.offset[0]] = reduce_step(node->op, sums[nest.offset[0]],
						   nc_const_double(x, i));
	for (i = 0; i < count; i++)
		nc_put_double(out->dtype, data, i,
			      reduce_end(node->op, sums[i], count ? n / count : 1));
	return true;
}

bool nc_fold_arg_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	bool last = nc_attr_int(node, "select_last_index", 0);
	bool min = node->op == NC_OP_ArgMin;
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(x), i, *data;
	struct nc_nest nest;
	int64_t strides[NC_MAX_RANK];
	int axis;

	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	nc_strides(x, strides);
	nc_nest_init(&nest, x);
	reduced_strides(x, 1u << axis, nest.strides[0]);
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		int64_t *best = &data[nest.offset[0]];
		double a = nc_const_double(x, i);
		double b = nc_const_double(x, i + (*best - nest.index[axis]) *
					      strides[axis]);

		if ((min ? a < b : a > b) || (last && a == b))
			*best = nest.index[axis];
	}
	return true;
}

bool nc_fold_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *a = node->inputs[0], *b = node->inputs[1];
	struct nc_value *out = node->outputs[0];
	int64_t as[NC_MAX_RANK], bs[NC_MAX_RANK], k, depth, n, i, work;
	int64_t a_step, b_step;
	struct nc_nest nest;
	int d, batch, at;
	void *data;

	depth = a->dims[a->rank - 1];
	n = nc_numel(out);
	if (node->num_inputs > 2 || !nc_dtype_is_float(out->dtype) ||
	    __builtin_mul_overflow(n, depth, &work) || work > MAX_WORK)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;

	nc_strides(a, as);
	nc_strides(b, bs);
	a_step = 1;
	b_step = b->rank > 1 ? bs[b->rank - 2] : 1;
	nc_nest_init(&nest, out);
	batch = out->rank - (a->rank > 1) - (b->rank > 1);
	for (d = 0; d < batch; d++) {
		at = d - (batch - (a->rank - 2));
		if (at >= 0 && a->dims[at] > 1)
			nest.strides[0][d] = as[at];
		at = d - (batch - (b->rank - 2));
		if (at >= 0 && b->dims[at] > 1)
			nest.strides[1][d] = bs[at];
	}
	if (a->rank > 1)
		nest.strides[0][batch] = as[a->rank - 2];
	if (b->rank > 1)
		nest.strides[1][out->rank - 1] = 1;
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		double sum = 0;

		for (k = 0; k < depth; k++)
			sum += nc_const_double(a, nest.offset[0] + k * a_step) *
			       nc_const_double(b, nest.offset[1] + k * b_step);
		nc_put_double(out->dtype, data, i, sum);
	}
	return true;
}
