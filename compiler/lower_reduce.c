// SPDX-License-Identifier: MIT
/* Reductions, softmax and normalisations. */
#include <math.h>

#include "lower.h"

static const struct {
	bool valid;
	uint8_t func;
} reductions[NC_NUM_OPS] = {
#define ROW(op, name) [NC_OP_##op] = { true, NEURON_REDUCE_##name }
	ROW(ReduceSum, SUM), ROW(ReduceMean, MEAN), ROW(ReduceMax, MAX),
	ROW(ReduceMin, MIN), ROW(ReduceProd, PROD), ROW(ReduceSumSquare, SUMSQ),
	ROW(ReduceL1, L1), ROW(ReduceL2, L2), ROW(ReduceLogSum, LOGSUM),
	ROW(ReduceLogSumExp, LOGSUMEXP), ROW(ArgMax, ARGMAX),
	ROW(ArgMin, ARGMIN),
#undef ROW
};

/* The result with the reduced dimensions, as 1, where keepdims dropped them. */
static struct nc_view keep_dims(const struct nc_view *out,
				const struct nc_view *in, uint32_t axes)
{
	struct nc_view wide = *out;
	int i, from = 0;

	if (out->rank == in->rank)
		return wide;
	wide.rank = in->rank;
	for (i = 0; i < in->rank; i++) {
		if (axes >> i & 1) {
			wide.dims[i] = 1;
			wide.strides[i] = 1;
		} else {
			wide.dims[i] = out->dims[from];
			wide.strides[i] = out->strides[from++];
		}
	}
	return wide;
}

void nc_lower_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	bool arg = node->op == NC_OP_ArgMax || node->op == NC_OP_ArgMin;
	struct nc_view in = *nc_operand(ctx, node->inputs[0]);
	struct nc_view out, wide;
	struct nc_inst *inst;
	unsigned int axes;

	if (!reductions[node->op].valid) {
		nc_error(ctx, node, "the chip has no such reduction");
		return;
	}
	if (arg)
		axes = 1u << nc_dim(nc_attr_int(node, "axis", 0), in.rank ?: 1);
	else if (!nc_reduce_axes(ctx, node, &axes))
		return;
	if (!axes) {
		if (in.rank) {
			nc_bind(ctx, node, 0, &in);
			return;
		}
		/* A scalar: one axis of one element. */
		axes = 1;
	}
	out = nc_result(ctx, node, 0, NULL);
	if (!in.rank) {
		in = nc_view_expand_rank(&in, 1);
		out = nc_view_expand_rank(&out, 1);
		axes = 1;
	}
	wide = keep_dims(&out, &in, axes);
	if (nc_view_numel(&in) == 0) {
		nc_error(ctx, node, "a reduction over no elements");
		return;
	}
	inst = nc_add(ctx, node, NEURON_OP_REDUCE, &wide, &in, NULL);
	NC_PARAMS(REDUCE, inst)->func = reductions[node->op].func;
	NC_PARAMS(REDUCE, inst)->axes = axes;
	if (arg && nc_attr_int(node, "select_last_index", 0))
		inst->flags |= NEURON_INST_LAST;
}

void nc_lower_softmax(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_view in = *nc_operand(ctx, node->inputs[0]);
	int axis = nc_dim(nc_attr_int(node, "axis", -1), in.rank ?: 1);
	struct nc_view out = nc_result_like(ctx, node, 0, &in);
	struct nc_inst *inst;

	in = nc_view_expand_rank(&in, in.rank ?: 1);
	out = nc_view_expand_rank(&out, out.rank ?: 1);
	inst = nc_add(ctx, node, NEURON_OP_SOFTMAX, &out, &in, NULL);
	NC_PARAMS(SOFTMAX, inst)->axis = axis;
	if (node->op == NC_OP_LogSoftmax)
		inst->flags |= NEURON_INST_LOG;
}

static void add_norm(struct nc_ctx *ctx, struct nc_node *node,
		     const struct nc_view *out, const struct nc_view *in,
		     const struct nc_view *gamma, const struct nc_view *beta,
		     uint32_t axes, float epsilon)
{
	struct nc_inst *inst;

	if (!isfinite(epsilon) || epsilon < 0) {
		nc_error(ctx, node, "epsilon must be finite and not negative");
		return;
	}
	inst = nc_add(ctx, node, NEURON_OP_NORM, out, in, gamma);
	nc_add_operand(ctx, inst, 3, beta);
	NC_PARAMS(NORM, inst)->axes = axes;
	NC_PARAMS(NORM, inst)->epsilon = epsilon;
}

/* The mean, and one by the standard deviation, for those who ask for them. */
static void add_moments(struct nc_ctx *ctx, struct nc_node *node,
			const struct nc_view *in, uint32_t axes, float epsilon)
{
	int64_t dims[NC_MAX_RANK], n = 1;
	struct nc_view mean, off, sum, out;
	int i;

	for (i = 0; i < in->rank; i++) {
		dims[i] = axes >> i & 1 ? 1 : in->dims[i];
		n *= axes >> i & 1 ? in->dims[i] : 1;
	}
	mean = nc_temp(ctx, NEURON_F32, in->rank, dims, NULL);
	nc_add_reduce(ctx, node, &mean, in, NEURON_REDUCE_MEAN, axes);
	if (nc_out(node, 1)) {
		out = nc_result(ctx, node, 1, NULL);
		nc_add_copy(ctx, node, &out, &mean);
	}
	if (!nc_out(node, 2))
		return;
	off = nc_temp(ctx, NEURON_F32, in->rank, in->dims, NULL);
	sum = nc_temp(ctx, NEURON_F32, in->rank, dims, NULL);
	nc_add_binary(ctx, node, &off, in, &mean, NEURON_BINARY_SUB);
	nc_add_reduce(ctx, node, &sum, &off, NEURON_REDUCE_SUMSQ, axes);
	nc_add_act(ctx, node, &sum, &sum, NEURON_ACT_AFFINE, 1.0f / n, epsilon);
	out = nc_result(ctx, node, 2, NULL);
	nc_add_act(ctx, node, &out, &sum, NEURON_ACT_RSQRT, 0, 0);
}

/* LayerNormalization; with all axes named, MeanVarianceNormalization. */
void nc_lower_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_view gamma, beta, out;
	bool has_gamma, has_beta;
	uint32_t axes = 0;
	float epsilon;

	if (node->op == NC_OP_MeanVarianceNormalization) {
		static const int64_t usual[] = { 0, 2, 3 };
		const int64_t *attr;
		size_t i, n = nc_attr_ints(node, "axes", &attr);

		if (!n) {
			attr = usual;
			n = 3;
		}
		for (i = 0; i < n; i++)
			axes |= 1u << nc_dim(attr[i], in->rank);
		/* ONNX defines it so: (x - mean) / (sqrt(variance) + 1e-9). */
		epsilon = 1e-9f;
	} else {
		int axis = nc_dim(nc_attr_int(node, "axis", -1), in->rank);

		axes = ((1u << in->rank) - 1) & ~((1u << axis) - 1);
		epsilon = nc_attr_float(node, "epsilon", 1e-5f);
	}
	has_gamma = node->op == NC_OP_LayerNormalization && nc_in(node, 1);
	has_beta = node->op == NC_OP_LayerNormalization && nc_in(node, 2);
	if (has_gamma)
		gamma = nc_view_broadcast(nc_operand(ctx, node->inputs[1]),
					  in->rank, in->dims);
	if (has_beta)
		beta = nc_view_broadcast(nc_operand(ctx, node->inputs[2]),
					 in->rank, in->dims);
	if (nc_out(node, 0)) {
		out = nc_result_like(ctx, node, 0, in);
		add_norm(ctx, node, &out, in, has_gamma ? &gamma : NULL,
			 has_beta ? &beta : NULL, axes, epsilon);
	}
	if (nc_out(node, 1) || nc_out(node, 2))
		add_moments(ctx, node, in, axes, epsilon);
}

/* A vector with one element a channel, repeated over the other dimensions. */
static struct nc_view by_channel(const struct nc_view *vector,
				 const struct nc_view *like)
{
	struct nc_view wide = *like;
	int i;

	wide.buf = vector->buf;
	wide.dtype = vector->dtype;
	wide.offset = vector->offset;
	for (i = 0; i < like->rank; i++)
		wide.strides[i] = i == 1 ? vector->strides[0] : 0;
	return wide;
}

void nc_lower_instance_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	struct nc_view gamma = by_channel(nc_operand(ctx, node->inputs[1]), in);
	struct nc_view beta = by_channel(nc_operand(ctx, node->inputs[2]), in);
	struct nc_view out = nc_result_like(ctx, node, 0, in);

	add_norm(ctx, node, &out, in, &gamma, &beta,
		 ((1u << in->rank) - 1) & ~3u,
		 nc_attr_float(node, "epsilon", 1e-5f));
}

/*
 * x * s + t with s = scale / sqrt(var + epsilon), t = bias - mean * s. fuse.c
 * has put those with constant parameters elsewhere.
 */
void nc_lower_batch_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_view *in = nc_operand(ctx, node->inputs[0]);
	const struct nc_view *var = nc_operand(ctx, node->inputs[4]);
	struct nc_view s, t, root, shift, wide_s, wide_t, mid, out;

	root = nc_temp(ctx, NEURON_F32, 1, var->dims, NULL);
	s = nc_temp(ctx, NEURON_F32, 1, var->dims, NULL);
	t = nc_temp(ctx, NEURON_F32, 1, var->dims, NULL);
	shift = nc_temp(ctx, NEURON_F32, 1, var->dims, NULL);
	mid = nc_temp(ctx, NEURON_F32, in->rank, in->dims, NULL);
	nc_add_act(ctx, node, &root, var, NEURON_ACT_AFFINE, 1,
		   nc_attr_float(node, "epsilon", 1e-5f));
	nc_add_act(ctx, node, &s, &root, NEURON_ACT_RSQRT, 0, 0);
	nc_add_binary(ctx, node, &t, &s, nc_operand(ctx, node->inputs[1]),
		      NEURON_BINARY_MUL);
	nc_add_binary(ctx, node, &root, nc_operand(ctx, node->inputs[3]), &t,
		      NEURON_BINARY_MUL);
	nc_add_binary(ctx, node, &shift, nc_operand(ctx, node->inputs[2]),
		      &root, NEURON_BINARY_SUB);
	wide_s = by_channel(&t, in);
	wide_t = by_channel(&shift, in);
	out = nc_result_like(ctx, node, 0, in);
	nc_add_binary(ctx, node, &mid, in, &wide_s, NEURON_BINARY_MUL);
	nc_add_binary(ctx, node, &out, &mid, &wide_t, NEURON_BINARY_ADD);
}
