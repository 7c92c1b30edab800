// SPDX-License-Identifier: MIT
/* Normalisations and dynamic quantisation. */
#include "decompose.h"

/* A vector along the channels of x: [C] as [C, 1, ...]. */
static struct nc_value *per_channel(struct nc_builder *b, struct nc_value *value,
				    const struct nc_value *x)
{
	int64_t dims[NC_MAX_RANK];
	int i;

	for (i = 0; i < x->rank - 1; i++)
		dims[i] = 1;
	dims[0] = x->rank > 1 ? x->dims[1] : 1;
	return nc_build_reshape(b, NULL, value, x->rank > 1 ? x->rank - 1 : 1, dims);
}

/* running * momentum + now * (1 - momentum) */
static void running(struct nc_builder *b, struct nc_value *out,
		    struct nc_value *before, struct nc_value *now)
{
	float momentum = nc_attr_float(b->like, "momentum", 0.9f);

	if (!out)
		return;
	before = nc_build2(b, NC_OP_Mul, NULL, before,
			   nc_build_scalar(b, before->dtype, momentum));
	now = nc_build_reshape(b, NULL, now, 1, before->dims);
	now = nc_build2(b, NC_OP_Mul, NULL, now,
			nc_build_scalar(b, now->dtype, 1 - momentum));
	nc_build2(b, NC_OP_Add, out, before, now);
}

/*
 * y = (x - mean) * scale / sqrt(var + epsilon) + bias, as one factor and one
 * term per channel; with constants they fold to x * factor + term.
 */
static void affine(struct nc_builder *b, struct nc_value *mean,
		   struct nc_value *var)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *factor, *term;
	float epsilon = nc_attr_float(node, "epsilon", 1e-5f);

	factor = nc_build2(b, NC_OP_Add, NULL, var,
			   nc_build_scalar(b, var->dtype, epsilon));
	factor = nc_build1(b, NC_OP_Sqrt, NULL, factor);
	factor = nc_build2(b, NC_OP_Div, NULL, node->inputs[1], factor);
	term = nc_build2(b, NC_OP_Mul, NULL, mean, factor);
	term = nc_build2(b, NC_OP_Sub, NULL, node->inputs[2], term);
	factor = per_channel(b, factor, x);
	term = per_channel(b, term, x);
	x = nc_build2(b, NC_OP_Mul, NULL, x, factor);
	nc_build2(b, NC_OP_Add, node->outputs[0], x, term);
}

void nc_decompose_batch_norm(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *mean, *var;
	unsigned int others;

	if (!nc_attr_int(node, "training_mode", 0)) {
		affine(b, node->inputs[3], node->inputs[4]);
		return;
	}
	/* Mean and variance of this batch; biased, as ONNX says. */
	others = ((1u << x->rank) - 1) & ~2u;
	mean = nc_build_reduce(b, NC_OP_ReduceMean, NULL, x, others);
	var = nc_build2(b, NC_OP_Sub, NULL, x, mean);
	var = nc_build2(b, NC_OP_Mul, NULL, var, var);
	var = nc_build_reduce(b, NC_OP_ReduceMean, NULL, var, others);
	running(b, nc_out(node, 1), node->inputs[3], mean);
	running(b, nc_out(node, 2), node->inputs[4], var);
	mean = nc_build_reshape(b, NULL, mean, 1, &x->dims[1]);
	var = nc_build_reshape(b, NULL, var, 1, &x->dims[1]);
	affine(b, mean, var);
}

/* An attribute as a constant of the input's type. */
static struct nc_value *number(struct nc_builder *b, const char *name, float def)
{
	return nc_build_scalar(b, b->like->inputs[0]->dtype,
			       nc_attr_float(b->like, name, def));
}

/*
 * LRN: y = x / (bias + alpha / size * (sum of squares of size channels))^beta.
 * The sum is an average over a window of channels that counts its padding.
 */
void nc_decompose_lrn(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *sum;
	int64_t size = nc_attr_int(node, "size", 0);
	int64_t dims[4] = { 0, 1, 0, 1 }, kernel[2] = { 1, 1 }, pads[4] = { 0 };
	struct nc_node *pool;
	int i;

	if (size < 1 || size > INT16_MAX || x->rank < 2) {
		nc_error(b->ctx, node, "its size %lld does not fit its input",
			 (long long)size);
		return;
	}
	dims[0] = x->dims[0];
	dims[2] = x->dims[1];
	for (i = 2; i < x->rank; i++)
		dims[3] *= x->dims[i];
	kernel[0] = size;
	pads[0] = (size - 1) / 2;
	pads[2] = size - 1 - pads[0];
	sum = nc_build2(b, NC_OP_Mul, NULL, x, x);
	sum = nc_build_reshape(b, NULL, sum, 4, dims);
	pool = nc_node_new(b->ctx, node, NC_OP_AveragePool, NULL, 1, sum);
	nc_set_attr_ints(b->ctx, pool, "kernel_shape", kernel, 2);
	nc_set_attr_ints(b->ctx, pool, "pads", pads, 4);
	nc_set_attr_int(b->ctx, pool, "count_include_pad", 1);
	sum = nc_build(b, pool);
	sum = nc_build_reshape(b, NULL, sum, x->rank, x->dims);
	sum = nc_build2(b, NC_OP_Mul, NULL, sum, number(b, "alpha", 1e-4f));
	sum = nc_build2(b, NC_OP_Add, NULL, sum, number(b, "bias", 1));
	sum = nc_build2(b, NC_OP_Pow, NULL, sum, number(b, "beta", 0.75f));
	nc_build2(b, NC_OP_Div, node->outputs[0], x, sum);
}

/*
 * scale = (max(x, 0) - min(x, 0)) / 255, or 1 where all of x is zero, as silence is
 * zero_point = saturate(round(-min(x, 0) / scale))
 */
void nc_decompose_dynamic_quantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *max, *min, *range, *scale, *point;
	struct nc_value *zero = nc_build_scalar(b, NC_F32, 0);
	unsigned int all = (1u << x->rank) - 1;

	max = nc_build_reduce(b, NC_OP_ReduceMax, NULL, x, all);
	max = nc_build_reshape(b, NULL, max, 0, NULL);
	max = nc_build2(b, NC_OP_Max, NULL, max, zero);
	min = nc_build_reduce(b, NC_OP_ReduceMin, NULL, x, all);
	min = nc_build_reshape(b, NULL, min, 0, NULL);
	min = nc_build2(b, NC_OP_Min, NULL, min, zero);
	range = nc_build2(b, NC_OP_Sub, NULL, max, min);
	scale = nc_build2(b, NC_OP_Div, NULL, range, nc_build_scalar(b, NC_F32, 255));
	scale = nc_build3(b, NC_OP_Where, nc_out(node, 1),
			  nc_build2(b, NC_OP_Greater, NULL, range, zero), scale,
			  nc_build_scalar(b, NC_F32, 1));
	point = nc_build2(b, NC_OP_Div, NULL, min, scale);
	point = nc_build1(b, NC_OP_Neg, NULL, point);
	point = nc_build1(b, NC_OP_Round, NULL, point);
	point = nc_build3(b, NC_OP_Clip, NULL, point, zero,
			  nc_build_scalar(b, NC_F32, 255));
	point = nc_build_cast(b, nc_out(node, 2), point, NC_U8);
	if (nc_out(node, 0))
		nc_build3(b, NC_OP_QuantizeLinear, node->outputs[0], x, scale,
			  point);
}

/* A constant vector of one number. */
static struct nc_value *filled(struct nc_builder *b, enum nc_dtype dtype, int64_t n,
			       double x)
{
	struct nc_value *value = nc_value_like(b->ctx, b->like->name, dtype, 1, &n);
	int64_t i;
	void *data = nc_alloc(b->ctx->arena, (size_t)n, nc_dtype_size(dtype));

	for (i = 0; i < n; i++)
		nc_put_double(dtype, data, i, x);
	value->data = data;
	value->size = nc_bytes(value);
	return value;
}

/*
 * GroupNormalization: an InstanceNormalization whose channels are the groups,
 * then scale and bias by channel; before set 21 they were by group.
 */
void nc_decompose_group_norm(struct nc_builder *b)
{
	struct nc_node *node = b->like, *norm;
	struct nc_value *x = node->inputs[0], *y, *params[2];
	int64_t groups = nc_attr_int(node, "num_groups", 1);
	int64_t channels = x->dims[1], cube[3], wide[2];
	int i;

	cube[0] = x->dims[0];
	cube[1] = groups;
	cube[2] = nc_numel(x) / (cube[0] * groups);
	y = nc_build_reshape(b, NULL, x, 3, cube);
	norm = nc_node_new(b->ctx, node, NC_OP_InstanceNormalization, NULL, 3, y,
			   filled(b, x->dtype, groups, 1),
			   filled(b, x->dtype, groups, 0));
	nc_set_attr_float(b->ctx, norm, "epsilon",
			  nc_attr_float(node, "epsilon", 1e-5f));
	y = nc_build(b, norm);
	y = nc_build_reshape(b, NULL, y, x->rank, x->dims);
	for (i = 0; i < 2; i++) {
		struct nc_value *p = node->inputs[1 + i];

		if (p->dims[0] != channels) {
			wide[0] = groups;
			wide[1] = 1;
			p = nc_build_reshape(b, NULL, p, 2, wide);
			wide[1] = channels / groups;
			p = nc_build2(b, NC_OP_Expand, NULL, p,
				      nc_const_ints_new(b->ctx, node->name, wide, 2));
			p = nc_build_reshape(b, NULL, p, 1, &channels);
		}
		params[i] = per_channel(b, p, x);
	}
	y = nc_build2(b, NC_OP_Mul, NULL, y, params[0]);
	nc_build2(b, NC_OP_Add, node->outputs[0], y, params[1]);
}

/* (sum of |x|^p)^(1/p) over some axes, dimensions kept */
static struct nc_value *lp_norm(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, int64_t p, unsigned int axes)
{
	if (p <= 2)
		return nc_build_reduce(b, p == 1 ? NC_OP_ReduceL1 : NC_OP_ReduceL2,
				       out, x, axes);
	x = nc_build1(b, NC_OP_Abs, NULL, x);
	x = nc_build_with(b, NC_OP_Pow, NULL, x, (double)p);
	x = nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, axes);
	return nc_build_with(b, NC_OP_Pow, out, x, 1.0 / (double)p);
}

void nc_decompose_global_lp_pool(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0];

	lp_norm(b, b->like->outputs[0], x, nc_attr_int(b->like, "p", 2),
		((1u << x->rank) - 1) & ~3u);
}

/* x by its norm; zeros stay zeros, as ONNX Runtime has it. */
void nc_decompose_lp_normalization(struct nc_builder *b)
{
	struct nc_value *x = b->like->inputs[0], *norm, *zero;
	int axis;

	if (!nc_axis(b->ctx, b->like, nc_attr_int(b->like, "axis", -1), x->rank,
		     &axis))
		return;
	norm = lp_norm(b, NULL, x, nc_attr_int(b->like, "p", 2), 1u << axis);
	zero = nc_build_with(b, NC_OP_Equal, NULL, norm, 0);
	norm = nc_build3(b, NC_OP_Where, NULL, zero,
			 nc_build_scalar(b, x->dtype, 1), norm);
	nc_build2(b, NC_OP_Div, b->like->outputs[0], x, norm);
}
