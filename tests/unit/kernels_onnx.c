// SPDX-License-Identifier: MIT
/*
 * The kernels against ONNX's own operator vectors, where one instruction is the
 * whole operator. Both the reference kernels and the fast paths run each case.
 */
#include <stdio.h>
#include <unistd.h>

#include "kernels.h"
#include "onnx_tensor.h"

#define VECTORS	"/usr/share/libonnx-testdata/data/node"

static struct nk_ctx *contexts[2];

/* Vectors of a case; out is what is expected. */
struct vectors {
	struct test_tensor in[5], out;
	unsigned int inputs;
};

static bool load(struct vectors *v, const char *name)
{
	char path[256];

	memset(v, 0, sizeof(*v));
	snprintf(path, sizeof(path), VECTORS "/test_%s/test_data_set_0/output_0.pb", name);
	if (!onnx_load(&v->out, path))
		return false;
	while (v->inputs < 5) {
		snprintf(path, sizeof(path), VECTORS "/test_%s/test_data_set_0/input_%u.pb", name,
			 v->inputs);
		if (!onnx_load(&v->in[v->inputs], path))
			break;
		v->inputs++;
	}
	return true;
}

static void unload(struct vectors *v)
{
	test_free(&v->out);
	for (unsigned int i = 0; i < v->inputs; i++)
		test_free(&v->in[i]);
}

/* Leading ones, and zero strides where a dimension repeats. */
static void broadcast(struct test_tensor *t, const struct neuron_tensor *to)
{
	struct neuron_tensor from = t->desc;
	unsigned int lead = to->rank - from.rank;

	t->desc.rank = to->rank;
	for (unsigned int d = 0; d < to->rank; d++) {
		bool real = d >= lead && from.dims[d - lead] == to->dims[d];

		t->desc.dims[d] = to->dims[d];
		t->desc.strides[d] = real ? from.strides[d - lead] : 0;
	}
}

/* Run on both contexts into a fresh output, and compare with what is expected. */
static bool run(const char *name, struct neuron_inst *inst, struct vectors *v,
		struct test_tensor *const *operands, const struct neuron_tensor *shape)
{
	bool ok = true;

	for (unsigned int c = 0; c < 2; c++) {
		struct test_tensor *op[TEST_OPERANDS] = { 0 };
		struct test_tensor out;
		enum nk_status status;

		test_alloc(&out, v->out.desc.dtype == NEURON_I64 ? NEURON_I32 : v->out.desc.dtype,
			   shape->rank, shape->dims, TEST_DENSE);
		out.desc.zero_point = v->out.desc.zero_point;
		memcpy(op, operands, sizeof(op));
		op[0] = &out;
		status = test_run(contexts[c], inst, op, NULL);
		if (status) {
			printf("# %s: status %d\n", name, status);
			ok = false;
		}
		for (uint64_t i = 0; ok && i < test_elements(shape); i++) {
			double seen = test_get(&out, i), expected = test_get(&v->out, i);
			double close = out.desc.dtype == NEURON_F16 ? 1e-3 :
				       out.desc.dtype == NEURON_F32 ? 1e-5 : 0;

			if (seen == expected || (seen != seen && expected != expected) ||
			    fabs(seen - expected) <= close * (0.1 + fabs(expected)))
				continue;
			printf("# %s, %s kernels: element %llu: expected %.9g, saw %.9g\n", name,
			       c ? "fast" : "reference", (unsigned long long)i, expected, seen);
			ok = false;
		}
		test_free(&out);
	}
	return ok;
}

/* Every function below makes one instruction of a case's vectors. */

struct unary {
	const char *name;
	uint32_t func;
	float alpha, beta;
};

static const struct unary unaries[] = {
	{ "abs", NEURON_ACT_ABS },
	{ "ceil", NEURON_ACT_CEIL },
	{ "cos", NEURON_ACT_COS },
	{ "elu", NEURON_ACT_ELU, 2 },
	{ "elu_default", NEURON_ACT_ELU, 1 },
	{ "erf", NEURON_ACT_ERF },
	{ "exp", NEURON_ACT_EXP },
	{ "floor", NEURON_ACT_FLOOR },
	{ "hardsigmoid", NEURON_ACT_HARDSIGMOID, 0.5, 0.6 },
	{ "hardsigmoid_default", NEURON_ACT_HARDSIGMOID, 0.2, 0.5 },
	{ "hardswish", NEURON_ACT_HARDSWISH },
	{ "leakyrelu", NEURON_ACT_LEAKY_RELU, 0.1 },
	{ "log", NEURON_ACT_LOG },
	{ "neg", NEURON_ACT_NEG },
	{ "not_4d", NEURON_ACT_NOT },
	{ "reciprocal", NEURON_ACT_RECIPROCAL },
	{ "relu", NEURON_ACT_RELU },
	{ "round", NEURON_ACT_ROUND },
	{ "selu", NEURON_ACT_SELU, 2, 3 },
	{ "selu_default", NEURON_ACT_SELU, 1.67326319217681884765625f, 1.0507010221481323f },
	{ "sigmoid", NEURON_ACT_SIGMOID },
	{ "sign", NEURON_ACT_SIGN },
	{ "sin", NEURON_ACT_SIN },
	{ "softplus", NEURON_ACT_SOFTPLUS },
	{ "softsign", NEURON_ACT_SOFTSIGN },
	{ "sqrt", NEURON_ACT_SQRT },
	{ "tanh", NEURON_ACT_TANH },
	{ "thresholdedrelu", NEURON_ACT_THRESHOLD, 2 },
	{ "thresholdedrelu_default", NEURON_ACT_THRESHOLD, 1 },
	{ "cast_FLOAT_to_FLOAT16", NEURON_ACT_IDENTITY },
	{ "cast_FLOAT16_to_FLOAT", NEURON_ACT_IDENTITY },
};

static bool run_unary(const struct unary *u)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	struct neuron_params_ACT *p = NEURON_PARAMS(ACT, &inst);
	struct vectors v;
	bool ok;

	if (!load(&v, u->name))
		return false;
	p->func = u->func;
	p->alpha = u->alpha;
	p->beta = u->beta;
	ok = run(u->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0] }, &v.out.desc);
	unload(&v);
	return ok;
}

struct binary {
	const char *name;
	uint32_t func;
};

static const struct binary binaries[] = {
	{ "add", NEURON_BINARY_ADD },
	{ "add_bcast", NEURON_BINARY_ADD },
	{ "sub", NEURON_BINARY_SUB },
	{ "sub_bcast", NEURON_BINARY_SUB },
	{ "sub_uint8", NEURON_BINARY_SUB },
	{ "mul", NEURON_BINARY_MUL },
	{ "mul_bcast", NEURON_BINARY_MUL },
	{ "div", NEURON_BINARY_DIV },
	{ "div_bcast", NEURON_BINARY_DIV },
	{ "div_uint8", NEURON_BINARY_DIV },
	{ "max_float32", NEURON_BINARY_MAX },
	{ "max_float16", NEURON_BINARY_MAX },
	{ "max_int8", NEURON_BINARY_MAX },
	{ "max_int32", NEURON_BINARY_MAX },
	{ "min_float32", NEURON_BINARY_MIN },
	{ "min_uint8", NEURON_BINARY_MIN },
	{ "min_int32", NEURON_BINARY_MIN },
	{ "pow", NEURON_BINARY_POW },
	{ "pow_bcast_array", NEURON_BINARY_POW },
	{ "pow_types_float32_int32", NEURON_BINARY_POW },
	{ "pow_types_int32_int32", NEURON_BINARY_POW },
	{ "mod_mixed_sign_float32", NEURON_BINARY_FMOD },
	{ "mod_mixed_sign_float16", NEURON_BINARY_FMOD },
	{ "mod_mixed_sign_int8", NEURON_BINARY_MOD },
	{ "mod_mixed_sign_int32", NEURON_BINARY_MOD },
	{ "mod_broadcast", NEURON_BINARY_MOD },
	{ "prelu_example", NEURON_BINARY_PRELU },
	{ "prelu_broadcast", NEURON_BINARY_PRELU },
	{ "equal", NEURON_BINARY_EQ },
	{ "equal_bcast", NEURON_BINARY_EQ },
	{ "less", NEURON_BINARY_LT },
	{ "less_equal", NEURON_BINARY_LE },
	{ "greater", NEURON_BINARY_GT },
	{ "greater_equal_bcast", NEURON_BINARY_GE },
	{ "and4d", NEURON_BINARY_AND },
	{ "and_bcast4v3d", NEURON_BINARY_AND },
	{ "or3d", NEURON_BINARY_OR },
	{ "or_bcast3v1d", NEURON_BINARY_OR },
	{ "xor2d", NEURON_BINARY_XOR },
	{ "xor_bcast4v4d", NEURON_BINARY_XOR },
};

static bool run_binary(const struct binary *b)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ELTWISE);
	struct vectors v;
	bool ok;

	if (!load(&v, b->name))
		return false;
	NEURON_PARAMS(ELTWISE, &inst)->func = b->func;
	broadcast(&v.in[0], &v.out.desc);
	broadcast(&v.in[1], &v.out.desc);
	ok = run(b->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1] },
		 &v.out.desc);
	unload(&v);
	return ok;
}

struct conv {
	const char *name;
	uint16_t opcode;
	uint16_t stride[3], dilation[3];
	int16_t pad[3];
};

static const struct conv convs[] = {
	{ "basic_conv_with_padding", NEURON_OP_CONV, { 1, 1 }, { 1, 1 }, { 1, 1 } },
	{ "basic_conv_without_padding", NEURON_OP_CONV, { 1, 1 }, { 1, 1 } },
	{ "conv_with_strides_no_padding", NEURON_OP_CONV, { 2, 2 }, { 1, 1 } },
	{ "conv_with_strides_padding", NEURON_OP_CONV, { 2, 2 }, { 1, 1 }, { 1, 1 } },
	{ "conv_with_strides_and_asymmetric_padding", NEURON_OP_CONV, { 2, 2 }, { 1, 1 }, { 1, 0 } },
	{ "convtranspose", NEURON_OP_CONV_TRANSPOSE, { 1, 1 }, { 1, 1 } },
	{ "convtranspose_1d", NEURON_OP_CONV_TRANSPOSE, { 1 }, { 1 } },
	{ "convtranspose_3d", NEURON_OP_CONV_TRANSPOSE, { 1, 1, 1 }, { 1, 1, 1 } },
	{ "convtranspose_pad", NEURON_OP_CONV_TRANSPOSE, { 3, 2 }, { 1, 1 } },
	{ "convtranspose_pads", NEURON_OP_CONV_TRANSPOSE, { 3, 2 }, { 1, 1 }, { 1, 2 } },
	{ "convtranspose_dilations", NEURON_OP_CONV_TRANSPOSE, { 1, 1 }, { 2, 2 } },
	{ "convinteger_with_padding", NEURON_OP_CONV, { 1, 1 }, { 1, 1 }, { 1, 1 } },
	{ "basic_convinteger", NEURON_OP_CONV, { 1, 1 }, { 1, 1 } },
};

static bool run_conv(const struct conv *c)
{
	struct neuron_inst inst = test_inst(c->opcode);
	struct neuron_params_CONV *p = NEURON_PARAMS(CONV, &inst);
	struct vectors v;
	bool ok;

	if (!load(&v, c->name))
		return false;
	p->groups = 1;
	memcpy(p->stride, c->stride, sizeof(p->stride));
	memcpy(p->dilation, c->dilation, sizeof(p->dilation));
	memcpy(p->pad, c->pad, sizeof(p->pad));
	if (v.in[0].desc.dtype == NEURON_U8)
		v.in[0].desc.zero_point = test_get(&v.in[2], 0);
	ok = run(c->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1] },
		 &v.out.desc);
	unload(&v);
	return ok;
}

static const char *const matmuls[] = { "matmul_2d", "matmul_3d", "matmul_4d", "matmulinteger" };

static bool run_matmul(const char *const *name)
{
	struct neuron_inst inst = test_inst(NEURON_OP_MATMUL);
	struct vectors v;
	bool ok;

	if (!load(&v, *name))
		return false;
	if (v.inputs == 4) {
		v.in[0].desc.zero_point = test_get(&v.in[2], 0);
		v.in[1].desc.zero_point = test_get(&v.in[3], 0);
	}
	ok = run(*name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1] },
		 &v.out.desc);
	unload(&v);
	return ok;
}

/* y = saturate(round(x * (a_scale * b_scale / y_scale)) + y_zero_point) */
static const char *const qmatmuls[] = { "qlinearmatmul_2D", "qlinearmatmul_3D" };

static bool load_qlinear(struct test_tensor *t, const char *name)
{
	for (unsigned int i = 0; i < 8; i++) {
		char path[256];

		snprintf(path, sizeof(path), VECTORS "/test_%s/test_data_set_0/input_%u.pb", name, i);
		if (!onnx_load(&t[i], path))
			return false;
	}
	return true;
}

static bool run_qmatmul(const char *const *name)
{
	struct neuron_inst inst = test_inst(NEURON_OP_MATMUL);
	struct test_tensor t[8], scale;
	const uint32_t one = 1;
	struct vectors v;
	bool ok;

	if (!load(&v, *name) || !load_qlinear(t, *name))
		return false;
	t[0].desc.zero_point = test_get(&t[2], 0);
	t[3].desc.zero_point = test_get(&t[5], 0);
	v.out.desc.zero_point = test_get(&t[7], 0);
	test_alloc(&scale, NEURON_F32, 1, &one, TEST_DENSE);
	test_put(&scale, 0, test_get(&t[1], 0) * test_get(&t[4], 0) / test_get(&t[6], 0));
	ok = run(*name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &t[0], &t[3], NULL, &scale },
		 &v.out.desc);
	test_free(&scale);
	for (unsigned int i = 0; i < 8; i++)
		test_free(&t[i]);
	unload(&v);
	return ok;
}

static const char *const qconvs[] = { "qlinearconv" };

static bool run_qconv(const char *const *name)
{
	struct neuron_inst inst = test_inst(NEURON_OP_CONV);
	struct neuron_params_CONV *p = NEURON_PARAMS(CONV, &inst);
	struct test_tensor t[8], scale;
	const uint32_t one = 1;
	struct vectors v;
	bool ok;

	if (!load(&v, *name) || !load_qlinear(t, *name))
		return false;
	p->groups = 1;
	p->stride[0] = p->stride[1] = p->dilation[0] = p->dilation[1] = 1;
	t[0].desc.zero_point = test_get(&t[2], 0);
	t[3].desc.zero_point = test_get(&t[5], 0);
	v.out.desc.zero_point = test_get(&t[7], 0);
	test_alloc(&scale, NEURON_F32, 1, &one, TEST_DENSE);
	test_put(&scale, 0, test_get(&t[1], 0) * test_get(&t[4], 0) / test_get(&t[6], 0));
	ok = run(*name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &t[0], &t[3], NULL, &scale },
		 &v.out.desc);
	test_free(&scale);
	for (unsigned int i = 0; i < 8; i++)
		test_free(&t[i]);
	unload(&v);
	return ok;
}

struct pool {
	const char *name;
	uint32_t func;
	uint16_t flags;
	uint16_t kernel[3], stride[3], dilation[3], pad_lo[3], pad_hi[3];
};

#define MAX	NEURON_POOL_MAX
#define AVG	NEURON_POOL_AVG
#define COUNTS	NEURON_INST_PAD_COUNTS

static const struct pool pools[] = {
	{ "averagepool_1d_default", AVG, 0, { 2 }, { 1 }, { 1 } },
	{ "averagepool_2d_default", AVG, 0, { 2, 2 }, { 1, 1 }, { 1, 1 } },
	{ "averagepool_2d_ceil", AVG, 0, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 0 }, { 1, 1 } },
	{ "averagepool_2d_pads", AVG, 0, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 2, 2 }, { 2, 2 } },
	{ "averagepool_2d_pads_count_include_pad", AVG, COUNTS, { 3, 3 }, { 1, 1 }, { 1, 1 },
	  { 2, 2 }, { 2, 2 } },
	{ "averagepool_2d_precomputed_pads_count_include_pad", AVG, COUNTS, { 5, 5 }, { 1, 1 },
	  { 1, 1 }, { 2, 2 }, { 2, 2 } },
	{ "averagepool_2d_precomputed_same_upper", AVG, 0, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 1, 1 },
	  { 1, 1 } },
	{ "averagepool_2d_same_lower", AVG, 0, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 1, 1 } },
	{ "averagepool_2d_strides", AVG, 0, { 5, 5 }, { 3, 3 }, { 1, 1 } },
	{ "averagepool_3d_default", AVG, 0, { 2, 2, 2 }, { 1, 1, 1 }, { 1, 1, 1 } },
	{ "maxpool_1d_default", MAX, 0, { 2 }, { 1 }, { 1 } },
	{ "maxpool_2d_ceil", MAX, 0, { 3, 3 }, { 2, 2 }, { 1, 1 }, { 0 }, { 1, 1 } },
	{ "maxpool_2d_dilations", MAX, 0, { 2, 2 }, { 1, 1 }, { 2, 2 } },
	{ "maxpool_2d_pads", MAX, 0, { 3, 3 }, { 1, 1 }, { 1, 1 }, { 2, 2 }, { 2, 2 } },
	{ "maxpool_2d_same_upper", MAX, 0, { 2, 2 }, { 1, 1 }, { 1, 1 }, { 0 }, { 1, 1 } },
	{ "maxpool_2d_uint8", MAX, 0, { 5, 5 }, { 1, 1 }, { 1, 1 }, { 2, 2 }, { 2, 2 } },
	{ "maxpool_2d_precomputed_strides", MAX, 0, { 2, 2 }, { 2, 2 }, { 1, 1 } },
	{ "maxpool_3d_default", MAX, 0, { 2, 2, 2 }, { 1, 1, 1 }, { 1, 1, 1 } },
	{ "globalmaxpool", MAX, 0, { 5, 5 }, { 1, 1 }, { 1, 1 } },
	{ "globalaveragepool", AVG, 0, { 5, 5 }, { 1, 1 }, { 1, 1 } },
};

/* Also with channels innermost, which takes another way through the kernel. */
static bool run_pool(const struct pool *q)
{
	struct neuron_inst inst = test_inst(NEURON_OP_POOL);
	struct neuron_params_POOL *p = NEURON_PARAMS(POOL, &inst);
	struct test_tensor last;
	struct vectors v;
	bool ok;

	if (!load(&v, q->name))
		return false;
	inst.flags = q->flags;
	p->func = q->func;
	memcpy(p->kernel, q->kernel, sizeof(p->kernel));
	memcpy(p->stride, q->stride, sizeof(p->stride));
	memcpy(p->dilation, q->dilation, sizeof(p->dilation));
	memcpy(p->pad_lo, q->pad_lo, sizeof(p->pad_lo));
	memcpy(p->pad_hi, q->pad_hi, sizeof(p->pad_hi));
	ok = run(q->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0] }, &v.out.desc);

	test_alloc(&last, v.in[0].desc.dtype, v.in[0].desc.rank, v.in[0].desc.dims,
		   TEST_CHANNELS_LAST);
	for (uint64_t i = 0; i < test_elements(&last.desc); i++)
		test_put(&last, i, test_get(&v.in[0], i));
	ok &= run(q->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &last }, &v.out.desc);
	test_free(&last);
	unload(&v);
	return ok;
}

struct reduce {
	const char *name;
	uint32_t func;
	uint32_t axes;
	uint16_t flags;
};

static const struct reduce reductions[] = {
	{ "reduce_sum_keepdims_random", NEURON_REDUCE_SUM, 2 },
	{ "reduce_sum_default_axes_keepdims_random", NEURON_REDUCE_SUM, 7 },
	{ "reduce_mean_keepdims_random", NEURON_REDUCE_MEAN, 2 },
	{ "reduce_mean_negative_axes_keepdims_random", NEURON_REDUCE_MEAN, 2 },
	{ "reduce_mean_default_axes_keepdims_random", NEURON_REDUCE_MEAN, 7 },
	{ "reduce_max_keepdims_random", NEURON_REDUCE_MAX, 2 },
	{ "reduce_max_default_axes_keepdims_random", NEURON_REDUCE_MAX, 7 },
	{ "reduce_min_keepdims_random", NEURON_REDUCE_MIN, 2 },
	{ "reduce_min_default_axes_keepdims_random", NEURON_REDUCE_MIN, 7 },
	{ "reduce_prod_keepdims_random", NEURON_REDUCE_PROD, 2 },
	{ "reduce_prod_default_axes_keepdims_random", NEURON_REDUCE_PROD, 7 },
	{ "reduce_sum_square_keepdims_random", NEURON_REDUCE_SUMSQ, 2 },
	{ "reduce_l1_keep_dims_random", NEURON_REDUCE_L1, 4 },
	{ "reduce_l1_default_axes_keepdims_random", NEURON_REDUCE_L1, 7 },
	{ "reduce_l2_keep_dims_random", NEURON_REDUCE_L2, 4 },
	{ "reduce_log_sum_default", NEURON_REDUCE_LOGSUM, 7 },
	{ "reduce_log_sum_negative_axes", NEURON_REDUCE_LOGSUM, 2 },
	{ "argmax_keepdims_random", NEURON_REDUCE_ARGMAX, 2 },
	{ "argmax_negative_axis_keepdims_random", NEURON_REDUCE_ARGMAX, 4 },
	{ "argmax_keepdims_example_select_last_index", NEURON_REDUCE_ARGMAX, 2,
	  NEURON_INST_LAST },
	{ "argmax_keepdims_example", NEURON_REDUCE_ARGMAX, 2 },
	{ "argmin_keepdims_random", NEURON_REDUCE_ARGMIN, 2 },
	{ "argmin_keepdims_example_select_last_index", NEURON_REDUCE_ARGMIN, 2,
	  NEURON_INST_LAST },
};

static bool run_reduce(const struct reduce *r)
{
	struct neuron_inst inst = test_inst(NEURON_OP_REDUCE);
	struct neuron_params_REDUCE *p = NEURON_PARAMS(REDUCE, &inst);
	struct neuron_tensor shape;
	struct vectors v;
	bool ok;

	if (!load(&v, r->name))
		return false;
	p->func = r->func;
	p->axes = r->axes & ((1u << v.in[0].desc.rank) - 1);
	inst.flags = r->flags;
	shape = v.in[0].desc;
	for (unsigned int d = 0; d < shape.rank; d++)
		if (p->axes >> d & 1)
			shape.dims[d] = 1;
	ok = run(r->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0] }, &shape);
	unload(&v);
	return ok;
}

struct softmax {
	const char *name;
	uint32_t axis;
	uint16_t flags;
};

static const struct softmax softmaxes[] = {
	{ "softmax_axis_0", 0 },
	{ "softmax_axis_1", 1 },
	{ "softmax_axis_2", 2 },
	{ "softmax_large_number", 1 },
	{ "logsoftmax_axis_0", 0, NEURON_INST_LOG },
	{ "logsoftmax_axis_1", 1, NEURON_INST_LOG },
	{ "logsoftmax_axis_2", 2, NEURON_INST_LOG },
	{ "logsoftmax_large_number", 1, NEURON_INST_LOG },
};

static bool run_softmax(const struct softmax *s)
{
	struct neuron_inst inst = test_inst(NEURON_OP_SOFTMAX);
	struct vectors v;
	bool ok;

	if (!load(&v, s->name))
		return false;
	NEURON_PARAMS(SOFTMAX, &inst)->axis = s->axis;
	inst.flags = s->flags;
	ok = run(s->name, &inst, &v, (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0] }, &v.out.desc);
	unload(&v);
	return ok;
}

struct norm {
	const char *name;
	uint32_t axes;
	float epsilon;
	bool by_channel;	/* gamma and beta lie along dimension 1 */
};

static const struct norm norms[] = {
	{ "layer_normalization_2d_axis0", 3, 1e-5f },
	{ "layer_normalization_2d_axis1", 2, 1e-5f },
	{ "layer_normalization_3d_axis1_epsilon", 6, 0.1f },
	{ "layer_normalization_3d_axis2_epsilon", 4, 0.1f },
	{ "layer_normalization_4d_axis1", 14, 1e-5f },
	{ "layer_normalization_4d_axis3", 8, 1e-5f },
	{ "layer_normalization_default_axis", 8, 1e-5f },
	{ "instancenorm_example", 12, 1e-5f, true },
	{ "instancenorm_epsilon", 12, 1e-2f, true },
};

static bool run_norm(const struct norm *n)
{
	struct neuron_inst inst = test_inst(NEURON_OP_NORM);
	struct neuron_params_NORM *p = NEURON_PARAMS(NORM, &inst);
	struct vectors v;
	bool ok;

	if (!load(&v, n->name))
		return false;
	p->axes = n->axes;
	p->epsilon = n->epsilon;
	for (unsigned int i = 1; i < 3; i++) {
		broadcast(&v.in[i], &v.out.desc);
		if (n->by_channel) {
			memset(v.in[i].desc.strides, 0, sizeof(v.in[i].desc.strides));
			v.in[i].desc.strides[1] = 1;
		}
	}
	ok = run(n->name, &inst, &v,
		 (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1], &v.in[2] }, &v.out.desc);
	unload(&v);
	return ok;
}

/* Scale and zero point as one number, or along dimension 1. */
static const char *const quants[] = {
	"quantizelinear", "quantizelinear_axis", "dequantizelinear", "dequantizelinear_axis",
};

static bool run_quant(const char *const *name)
{
	struct neuron_inst inst = test_inst(**name == 'q' ? NEURON_OP_QUANTIZE :
					    NEURON_OP_DEQUANTIZE);
	struct vectors v;
	bool ok;

	if (!load(&v, *name))
		return false;
	for (unsigned int i = 1; i < 3; i++) {
		bool axis = v.in[i].desc.rank == 1;

		v.in[i].desc.rank = v.out.desc.rank;
		memcpy(v.in[i].desc.dims, v.out.desc.dims, sizeof(v.out.desc.dims));
		memset(v.in[i].desc.strides, 0, sizeof(v.in[i].desc.strides));
		if (axis)
			v.in[i].desc.strides[1] = 1;
	}
	ok = run(*name, &inst, &v,
		 (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1], &v.in[2] }, &v.out.desc);
	unload(&v);
	return ok;
}

static const char *const selects[] = { "where_example", "where_long_example" };

static bool run_select(const char *const *name)
{
	struct neuron_inst inst = test_inst(NEURON_OP_SELECT);
	struct vectors v;
	bool ok;

	if (!load(&v, *name))
		return false;
	ok = run(*name, &inst, &v,
		 (struct test_tensor *[TEST_OPERANDS]){ NULL, &v.in[0], &v.in[1], &v.in[2] }, &v.out.desc);
	unload(&v);
	return ok;
}

#define RUN_TABLE(table, function)						\
static void all_##table(void)							\
{										\
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)		\
		if (!function(&table[i])) {					\
			printf("# %s\n", *(const char *const *)&table[i]);	\
			ktap_failed = true;					\
		}								\
}

RUN_TABLE(unaries, run_unary)
RUN_TABLE(binaries, run_binary)
RUN_TABLE(convs, run_conv)
RUN_TABLE(qconvs, run_qconv)
RUN_TABLE(matmuls, run_matmul)
RUN_TABLE(qmatmuls, run_qmatmul)
RUN_TABLE(pools, run_pool)
RUN_TABLE(reductions, run_reduce)
RUN_TABLE(softmaxes, run_softmax)
RUN_TABLE(norms, run_norm)
RUN_TABLE(quants, run_quant)
RUN_TABLE(selects, run_select)

int main(void)
{
	if (access(VECTORS, R_OK)) {
		ktap_result("ONNX operator vectors", true, "install libonnx-testdata");
		return ktap_done();
	}
	contexts[0] = nk_ctx_create(1, true);
	contexts[1] = nk_ctx_create(2, false);

	ktap_run("ACT", all_unaries);
	ktap_run("ELTWISE", all_binaries);
	ktap_run("CONV, CONV_TRANSPOSE", all_convs);
	ktap_run("CONV of quantised operands", all_qconvs);
	ktap_run("MATMUL", all_matmuls);
	ktap_run("MATMUL of quantised operands", all_qmatmuls);
	ktap_run("POOL", all_pools);
	ktap_run("REDUCE", all_reductions);
	ktap_run("SOFTMAX", all_softmaxes);
	ktap_run("NORM", all_norms);
	ktap_run("QUANTIZE, DEQUANTIZE", all_quants);
	ktap_run("SELECT", all_selects);

	nk_ctx_destroy(contexts[0]);
	nk_ctx_destroy(contexts[1]);
	return ktap_done();
}
