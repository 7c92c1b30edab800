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
 * scale = (max(x, 0) - min(x, 0)) / 255
 * zero_point = saturate(round(-min(x, 0) / scale))
 */
void nc_decompose_dynamic_quantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *max, *min, *scale, *point;
	struct nc_value *zero = nc_build_scalar(b, NC_F32, 0);
	unsigned int all = (1u << x->rank) - 1;

	max = nc_build_reduce(b, NC_OP_ReduceMax, NULL, x, all);
	max = nc_build_reshape(b, NULL, max, 0, NULL);
	max = nc_build2(b, NC_OP_Max, NULL, max, zero);
	min = nc_build_reduce(b, NC_OP_ReduceMin, NULL, x, all);
	min = nc_build_reshape(b, NULL, min, 0, NULL);
	min = nc_build2(b, NC_OP_Min, NULL, min, zero);
	scale = nc_build2(b, NC_OP_Sub, NULL, max, min);
	scale = nc_build2(b, NC_OP_Div, nc_out(node, 1), scale,
			  nc_build_scalar(b, NC_F32, 255));
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
