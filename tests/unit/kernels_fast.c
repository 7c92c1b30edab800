// SPDX-License-Identifier: MIT
/*
 * The fast paths against the reference kernels: pseudo-random shapes, layouts
 * and types. Integers must agree to the bit, floats to the order of additions.
 * One and several threads must agree to the bit always.
 */
#include <stdio.h>

#include "kernels.h"

#define CASES	400

/* Memory behind an output that nothing may write. */
#define BEHIND	65536

static struct nk_ctx *reference, *fast, *threaded;

/* Types of the output, and of both inputs; how exact the output is. */
struct types {
	unsigned int out, a, b;
};

static const struct types all_types[] = {
	{ NEURON_F32, NEURON_F32, NEURON_F32 },
	{ NEURON_F32, NEURON_BF16, NEURON_BF16 },
	{ NEURON_BF16, NEURON_BF16, NEURON_BF16 },
	{ NEURON_F16, NEURON_F16, NEURON_F16 },
	{ NEURON_F32, NEURON_F32, NEURON_I8 },
	{ NEURON_BF16, NEURON_F32, NEURON_F32 },
	{ NEURON_I32, NEURON_U8, NEURON_I8 },
	{ NEURON_U8, NEURON_U8, NEURON_I8 },
	{ NEURON_I8, NEURON_I8, NEURON_I8 },
	{ NEURON_F32, NEURON_U8, NEURON_U8 },
	{ NEURON_U8, NEURON_I8, NEURON_U8 },
};

static bool is_byte(unsigned int dtype)
{
	return dtype == NEURON_I8 || dtype == NEURON_U8;
}

static void random_types(struct types *t)
{
	*t = all_types[test_below(sizeof(all_types) / sizeof(all_types[0]))];
}

/* Mostly none or one that the type can hold; nobody checks that it does. */
static int32_t random_zero_point(unsigned int dtype)
{
	switch (test_below(8)) {
	case 0:
		return (int32_t)test_below(600) - 300;
	case 1:
	case 2:
		return 0;
	}
	return (int32_t)test_below(256) - (dtype == NEURON_I8 ? 128 : 0);
}

/* Bias, scale, function, zero points and accumulation, as the types allow. */
static void random_epilogue(struct test_instance *x, const struct types *t, uint32_t channels,
			    uint32_t k)
{
	struct neuron_params_MATMUL *p = NEURON_PARAMS(MATMUL, &x->inst);
	static const uint32_t acts[] = {
		NEURON_ACT_IDENTITY, NEURON_ACT_RELU, NEURON_ACT_CLIP, NEURON_ACT_GELU,
		NEURON_ACT_IDENTITY, NEURON_ACT_RELU, NEURON_ACT_LEAKY_RELU,
	};
	bool integer = is_byte(t->a) && is_byte(t->b);
	const uint32_t one = 1;

	if (test_below(2))
		test_add(x, 3, integer && test_below(4) ? NEURON_I32 : NEURON_F32, 1, &channels,
			 test_below(2) ? TEST_DENSE : TEST_PADDED);
	if (t->out != NEURON_I32 && (integer || !test_below(4))) {
		test_add(x, 4, NEURON_F32, 1, test_below(2) ? &one : &channels, TEST_DENSE);
		/* Small enough that 8-bit outputs do not all saturate. */
		for (uint32_t i = 0; i < x->t[4].desc.dims[0]; i++)
			((float *)x->t[4].data)[i] = fabsf(test_float()) * 1e-2f / sqrtf(k);
	}
	if (x->op[4] && integer && (!x->op[3] || x->t[3].desc.dtype == NEURON_F32) && test_below(2))
		test_add(x, 5, NEURON_I32, 1, &channels, test_below(2) ? TEST_DENSE : TEST_PADDED);
	if (t->out != NEURON_I32) {
		p->act = acts[test_below(sizeof(acts) / sizeof(acts[0]))];
		p->alpha = p->act == NEURON_ACT_CLIP ? -0.5f : 0.1f;
		p->beta = 0.75f;
	} else if (x->op[3] && x->t[3].desc.dtype == NEURON_F32) {
		/* An fp32 bias would make the sums floats. */
		test_free(&x->t[3]);
		x->op[3] = NULL;
	}
	if (t->out == NEURON_F32 || t->out == NEURON_I32)
		x->inst.flags = test_below(4) ? 0 : NEURON_INST_ACCUMULATE;
	for (unsigned int i = 0; i < 3; i++)
		if (is_byte(x->t[i].desc.dtype))
			x->t[i].desc.zero_point = random_zero_point(x->t[i].desc.dtype);
	/* Weights are mostly symmetric. */
	if (test_below(4) && is_byte(t->b))
		x->t[2].desc.zero_point = t->b == NEURON_U8 ? 128 : 0;
	x->tolerance = integer && t->out != NEURON_F32 && p->act != NEURON_ACT_GELU ? 0 :
		       integer ? 1e-6 : 2e-7 * k + 2e-6;
	if (is_byte(t->a) != is_byte(t->b))
		x->tolerance *= 256;
}

static void random_matmul(struct test_instance *x)
{
	static const uint32_t sizes[] = { 1, 2, 3, 8, 15, 16, 17, 31, 64, 65, 100, 130, 256 };
	unsigned int batch = test_below(3), rank = 2 + batch;
	uint32_t m = sizes[test_below(13)], n = sizes[test_below(13)], k = sizes[test_below(13)];
	uint32_t out[4], a[4], b[4];
	struct types t;

	if (!test_below(10)) {		/* several tiles */
		m = 300 + test_below(100);
		n = 200;
		k = 250;
		rank = 2;
		batch = 0;
	} else if (!test_below(10)) {	/* several tiles of columns */
		m = 1 + test_below(5);
		n = 700 + test_below(200);
		k = 250 + test_below(100);
		rank = 2;
		batch = 0;
	}
	memset(x, 0, sizeof(*x));
	x->inst = test_inst(NEURON_OP_MATMUL);
	random_types(&t);
	for (unsigned int d = 0; d < batch; d++)
		out[d] = a[d] = b[d] = 1 + test_below(4);
	out[batch] = a[batch] = m;
	out[batch + 1] = b[batch + 1] = n;
	a[batch + 1] = b[batch] = k;
	test_add(x, 0, t.out, rank, out, test_below(TEST_LAYOUTS));
	test_add(x, 1, t.a, rank, a, test_below(TEST_LAYOUTS));
	test_add(x, 2, t.b, rank, b, test_below(TEST_LAYOUTS));
	/* One matrix for the whole batch, as weights are. */
	if (test_below(2))
		for (unsigned int d = 0; d < batch; d++)
			x->t[2].desc.strides[d] = 0;
	random_epilogue(x, &t, n, k);
	snprintf(x->text, sizeof(x->text), "matmul %ux%ux%u rank %u types %u,%u,%u act %u flags %u",
		 m, n, k, rank, t.out, t.a, t.b, NEURON_PARAMS(MATMUL, &x->inst)->act,
		 x->inst.flags);
}

static void random_conv(struct test_instance *x, bool transpose)
{
	unsigned int spatial = 1 + test_below(3), rank = 2 + spatial;
	struct neuron_params_CONV *p = NEURON_PARAMS(CONV, &x->inst);
	static const uint32_t counts[] = { 1, 2, 3, 8, 16, 20, 32 };
	uint32_t channels, filters, groups = 1;
	uint32_t out[5], in[5], w[5], k;
	struct types t;

	memset(x, 0, sizeof(*x));
	x->inst = test_inst(transpose ? NEURON_OP_CONV_TRANSPOSE : NEURON_OP_CONV);
	random_types(&t);
	channels = counts[test_below(7)];
	filters = counts[test_below(7)];
	if (!test_below(3)) {
		groups = channels;
		filters = channels * (1 + test_below(2));
	} else if (!test_below(4)) {
		groups = 2;
		channels *= 2;
		filters *= 2;
	}
	in[0] = out[0] = 1 + test_below(3);
	in[1] = channels;
	out[1] = filters;
	w[0] = transpose ? channels : filters;
	w[1] = (transpose ? filters : channels) / groups;
	k = transpose ? channels / groups : w[1];
	p->groups = groups;
	for (unsigned int d = 0; d < spatial; d++) {
		int64_t extent, length;

		p->stride[d] = 1 + test_below(2);
		p->dilation[d] = 1 + !test_below(4);
		w[2 + d] = 1 + test_below(4);
		k *= w[2 + d];
		extent = (int64_t)(w[2 + d] - 1) * p->dilation[d] + 1;
		in[2 + d] = extent + test_below(spatial == 3 ? 6 : 20);
		p->pad[d] = test_below(w[2 + d]);
		length = transpose ? ((int64_t)in[2 + d] - 1) * p->stride[d] + extent :
				     (int64_t)in[2 + d];
		length += transpose ? -p->pad[d] - (int64_t)test_below(w[2 + d]) +
				      (int64_t)test_below(p->stride[d]) :
				      p->pad[d] + (int64_t)test_below(w[2 + d]);
		if (length < 1)
			length = 1;
		out[2 + d] = transpose ? length : length < extent ? 1 :
			     (length - extent) / p->stride[d] + 1;
	}
	if (!test_below(8) && spatial == 2) {	/* several tiles */
		in[2] = 130;
		in[3] = 64;
		out[2] = transpose ? (in[2] - 1) * p->stride[0] + (w[2] - 1) * p->dilation[0] + 1 -
				     2 * p->pad[0] :
			 (in[2] + 2 * p->pad[0] - (w[2] - 1) * p->dilation[0] - 1) / p->stride[0] + 1;
		out[3] = transpose ? (in[3] - 1) * p->stride[1] + (w[3] - 1) * p->dilation[1] + 1 -
				     2 * p->pad[1] :
			 (in[3] + 2 * p->pad[1] - (w[3] - 1) * p->dilation[1] - 1) / p->stride[1] + 1;
	}
	test_add(x, 0, t.out, rank, out, test_below(4) ? TEST_CHANNELS_LAST : test_below(TEST_LAYOUTS));
	test_add(x, 1, t.a, rank, in, test_below(4) ? TEST_CHANNELS_LAST : test_below(TEST_LAYOUTS));
	test_add(x, 2, t.b, rank, w, test_below(4) ? TEST_DENSE : test_below(TEST_LAYOUTS));
	random_epilogue(x, &t, filters, k);
	snprintf(x->text, sizeof(x->text),
		 "conv%s %ud n%u c%u m%u g%u in %ux%u out %ux%u k %ux%u s %u,%u d %u,%u p %d,%d types %u,%u,%u act %u flags %u",
		 transpose ? "-transpose" : "", spatial, in[0], channels, filters, groups, in[2],
		 spatial > 1 ? in[3] : 1, out[2], spatial > 1 ? out[3] : 1, w[2],
		 spatial > 1 ? w[3] : 1, p->stride[0], p->stride[1], p->dilation[0],
		 p->dilation[1], p->pad[0], p->pad[1], t.out, t.a, t.b, p->act, x->inst.flags);
}

/* How far two outputs may be apart: one step of the type, and sums' order. */
static double allowed(unsigned int dtype, double tolerance, double value)
{
	double step = dtype == NEURON_BF16 ? 0x1p-7 : dtype == NEURON_F16 ? 0x1p-10 :
		      dtype == NEURON_F32 ? 2e-6 : 0;

	if (!tolerance)
		return 0;
	/* A last bit before rounding to 8 bits can turn a tie. */
	if (is_byte(dtype))
		return 1;
	return tolerance + step * fabs(value);
}

static void compare(const struct test_instance *x, const struct test_tensor *seen,
		    const struct test_tensor *expected)
{
	uint64_t n = test_elements(&expected->desc);

	for (uint64_t i = 0; i < n; i++) {
		double s = test_get(seen, i), e = test_get(expected, i);

		if (fabs(s - e) <= allowed(expected->desc.dtype, x->tolerance, e) || s == e)
			continue;
		printf("# %s: element %llu: expected %g, saw %g\n", x->text,
		       (unsigned long long)i, e, s);
		ktap_failed = true;
		return;
	}
}

/* Run it on another context, into a copy of the output. */
static enum nk_status run_copy(struct test_instance *x, struct nk_ctx *ctx, struct test_tensor *out,
			       bool constant, struct nk_stats *stats)
{
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	enum nk_status status;
	unsigned char *behind;
	uint64_t info = 0;

	*out = x->t[0];
	out->memory = malloc(out->bytes + BEHIND);
	out->data = out->memory;
	memcpy(out->memory, x->t[0].memory, out->bytes);
	behind = (unsigned char *)out->memory + out->bytes;
	memset(behind, 0xa5, BEHIND);
	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (x->op[i])
			op[i] = test_view(x->op[i]);
	op[0].data = out->data;
	op[2].constant = constant;
	status = nk_execute(ctx, &x->inst, op, &x->inst, NULL, stats, &info);
	for (unsigned int i = 0; i < BEHIND; i++) {
		if (behind[i] == 0xa5)
			continue;
		printf("# %s: writes byte %u behind its output\n", x->text, i);
		ktap_failed = true;
		break;
	}
	return status;
}

/* Weights that are said to be constant change nothing, also once they are not any more. */
static void check_constant(struct test_instance *x, const struct test_tensor *expected)
{
	static const bool constant[] = { true, true, false, true };

	for (unsigned int i = 0; i < 4; i++) {
		struct nk_stats stats = { 0 };
		struct test_tensor again;

		CHECK_EQ(run_copy(x, fast, &again, constant[i], &stats), NK_OK);
		if (memcmp(again.memory, expected->memory, expected->bytes)) {
			printf("# %s: run %u differs, weights constant: %d\n", x->text, i,
			       constant[i]);
			ktap_failed = true;
		}
		test_free(&again);
	}
}

/* What was made of other weights is forgotten when the instruction is prepared. */
static void check_prepared(struct test_instance *x, const struct test_tensor *expected)
{
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct test_tensor *weights = x->op[2], again;
	void *kept = malloc(weights->bytes);
	struct nk_stats stats = { 0 };

	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (x->op[i])
			op[i] = test_view(x->op[i]);
	op[2].constant = true;
	memcpy(kept, weights->memory, weights->bytes);
	memset(weights->memory, 0, weights->bytes);
	CHECK_EQ(nk_prepare(fast, &x->inst, op, &x->inst), NK_OK);
	memcpy(weights->memory, kept, weights->bytes);
	CHECK_EQ(nk_prepare(fast, &x->inst, op, &x->inst), NK_OK);
	CHECK_EQ(run_copy(x, fast, &again, true, &stats), NK_OK);
	if (memcmp(again.memory, expected->memory, expected->bytes)) {
		printf("# %s: differs once it is prepared\n", x->text);
		ktap_failed = true;
	}
	test_free(&again);
	free(kept);
}

static void check(struct test_instance *x)
{
	struct nk_stats stats[3] = { 0 };
	struct test_tensor seen[3];

	CHECK_EQ(run_copy(x, reference, &seen[0], false, &stats[0]), NK_OK);
	CHECK_EQ(run_copy(x, fast, &seen[1], false, &stats[1]), NK_OK);
	CHECK_EQ(run_copy(x, threaded, &seen[2], false, &stats[2]), NK_OK);
	compare(x, &seen[1], &seen[0]);
	if (memcmp(seen[1].memory, seen[2].memory, seen[1].bytes)) {
		printf("# %s: depends on the number of threads\n", x->text);
		ktap_failed = true;
	}
	check_constant(x, &seen[1]);
	check_prepared(x, &seen[1]);
	CHECK_EQ(stats[1].macs, stats[0].macs);
	if (!x->tolerance)
		CHECK_EQ(stats[1].saturations, stats[0].saturations);
	CHECK_EQ(stats[2].saturations, stats[1].saturations);
	CHECK_EQ(stats[2].nans, stats[1].nans);
	for (unsigned int i = 0; i < 3; i++)
		test_free(&seen[i]);
}

static void matmuls(void)
{
	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x;

		random_matmul(&x);
		check(&x);
		test_drop(&x);
	}
}

static void convolutions(void)
{
	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x;

		random_conv(&x, false);
		check(&x);
		test_drop(&x);
	}
}

static void transposed_convolutions(void)
{
	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x;

		random_conv(&x, true);
		check(&x);
		test_drop(&x);
	}
}

/*
 * What oneDNN 2.6.3 gets wrong in int8 with AVX-512 VNNI: outputs of a transposed
 * convolution that no input reaches are left as they were, its zero points at
 * borders are off, and so are those of depthwise convolutions in three
 * dimensions. These have to take another way.
 */
static const struct known {
	bool transpose;
	unsigned int spatial;
	uint32_t images, channels, filters, groups;
	uint32_t in[3], out[3], kernel[3];
	uint16_t stride[3], dilation[3];
	int16_t pad[3];
	int32_t zero_point;
} known_cases[] = {
	{ true, 2, 3, 20, 16, 1, { 20, 10 }, { 39, 10 }, { 1, 1 }, { 2, 1 }, { 1, 1 }, { 0, 0 }, 0 },
	{ true, 1, 1, 32, 20, 1, { 4 }, { 9 }, { 2 }, { 2 }, { 1 }, { 0 }, 73 },
	{ true, 2, 1, 32, 32, 32, { 6, 3 }, { 7, 6 }, { 3, 2 }, { 1, 2 }, { 1, 1 }, { 0, 1 }, 245 },
	{ true, 3, 3, 20, 3, 1, { 5, 2, 2 }, { 5, 2, 2 }, { 1, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 },
	  { 0 }, 0 },
	{ false, 3, 1, 8, 8, 8, { 6, 10, 8 }, { 3, 4, 4 }, { 2, 4, 2 }, { 2, 2, 2 }, { 1, 2, 1 },
	  { 0, 1, 0 }, 35 },
	{ false, 3, 2, 8, 8, 8, { 4, 2, 3 }, { 5, 2, 3 }, { 4, 1, 1 }, { 1, 1, 1 }, { 1, 1, 1 },
	  { 2, 0, 0 }, 161 },
};

static void known_library_faults(void)
{
	for (size_t i = 0; i < sizeof(known_cases) / sizeof(known_cases[0]); i++) {
		const struct known *c = &known_cases[i];
		uint32_t out[5] = { c->images, c->filters }, in[5] = { c->images, c->channels };
		uint32_t w[5] = {
			c->transpose ? c->channels : c->filters,
			(c->transpose ? c->filters : c->channels) / c->groups,
		};
		struct neuron_params_CONV *p;
		struct test_instance x;

		memset(&x, 0, sizeof(x));
		x.inst = test_inst(c->transpose ? NEURON_OP_CONV_TRANSPOSE : NEURON_OP_CONV);
		p = NEURON_PARAMS(CONV, &x.inst);
		p->groups = c->groups;
		memcpy(p->stride, c->stride, sizeof(p->stride));
		memcpy(p->dilation, c->dilation, sizeof(p->dilation));
		memcpy(p->pad, c->pad, sizeof(p->pad));
		memcpy(out + 2, c->out, sizeof(c->out));
		memcpy(in + 2, c->in, sizeof(c->in));
		memcpy(w + 2, c->kernel, sizeof(c->kernel));
		test_add(&x, 0, NEURON_I32, 2 + c->spatial, out, TEST_CHANNELS_LAST);
		test_add(&x, 1, NEURON_U8, 2 + c->spatial, in, TEST_CHANNELS_LAST);
		test_add(&x, 2, NEURON_I8, 2 + c->spatial, w, TEST_DENSE);
		x.t[1].desc.zero_point = c->zero_point;
		snprintf(x.text, sizeof(x.text), "known case %zu", i);
		check(&x);
		test_drop(&x);
	}
}

/* A few rows, or positions, of floats: what a step of a recurrent network multiplies. */
static void few_rows(void)
{
	static const uint32_t columns[] = { 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 64, 96, 127, 128,
					    129, 159, 160, 161, 191, 256, 288, 300 };
	static const struct types types[] = {
		{ NEURON_F32, NEURON_F32, NEURON_F32 },
		{ NEURON_F32, NEURON_BF16, NEURON_BF16 },
		{ NEURON_BF16, NEURON_BF16, NEURON_BF16 },
		{ NEURON_BF16, NEURON_F32, NEURON_F32 },
		{ NEURON_F16, NEURON_F16, NEURON_F16 },
	};

	for (unsigned int i = 0; i < CASES; i++) {
		const struct types *t = &types[test_below(5)];
		uint32_t m = 1 + test_below(5), k = 1 + test_below(300);
		uint32_t n = columns[test_below(sizeof(columns) / sizeof(columns[0]))];
		bool large = !test_below(10), conv = test_below(2);
		unsigned int batch = !conv && test_below(2), rank = 2 + (conv || batch);
		uint32_t out[3], a[3], b[3];
		struct test_instance x;

		if (large) {		/* several tiles */
			k = 700 + test_below(50);
			n = test_below(2) ? 384 : 300 + test_below(100);
		}
		memset(&x, 0, sizeof(x));
		x.inst = test_inst(conv ? NEURON_OP_CONV : NEURON_OP_MATMUL);
		if (conv) {
			NEURON_PARAMS(CONV, &x.inst)->groups = 1;
			NEURON_PARAMS(CONV, &x.inst)->stride[0] = 1;
			NEURON_PARAMS(CONV, &x.inst)->dilation[0] = 1;
			out[0] = a[0] = 1;
			out[1] = b[0] = n;
			a[1] = b[1] = k;
			out[2] = a[2] = m;
			b[2] = 1;
		} else {
			out[0] = a[0] = b[0] = 1 + test_below(3);
			out[batch] = a[batch] = m;
			out[batch + 1] = b[batch + 1] = n;
			a[batch + 1] = b[batch] = k;
		}
		test_add(&x, 0, t->out, rank, out, test_below(TEST_LAYOUTS));
		test_add(&x, 1, t->a, rank, a, test_below(TEST_LAYOUTS));
		test_add(&x, 2, t->b, rank, b, test_below(TEST_LAYOUTS));
		random_epilogue(&x, t, n, k);
		snprintf(x.text, sizeof(x.text), "%s %ux%ux%u rank %u types %u,%u,%u",
			 conv ? "conv" : "matmul", m, n, k, rank, t->out, t->a, t->b);
		check(&x);
		test_drop(&x);
	}
}

/*
 * oneDNN 2.6.3 with AMX writes rows behind the output of some convolutions of int8 whose
 * kernel is one and whose input has a zero point (what happens to be there: other sums).
 */
static void pointwise_convolutions(void)
{
	static const uint32_t known[][4] = {
		{ 64, 384, 3, 14 }, { 160, 512, 3, 16 }, { 96, 16, 16, 3 }, { 128, 100, 16, 3 },
	};
	static const uint32_t channels[] = { 8, 16, 24, 64, 96, 100, 192 };
	size_t fixed = sizeof(known) / sizeof(known[0]);

	for (size_t i = 0; i < fixed + CASES / 8; i++) {
		uint32_t in[4] = { 1 }, out[4] = { 1 }, w[4] = { 1, 1, 1, 1 };
		struct neuron_params_CONV *p;
		struct test_instance x;

		memset(&x, 0, sizeof(x));
		if (i < fixed) {
			w[1] = known[i][0];
			w[0] = known[i][1];
			in[2] = known[i][2];
			in[3] = known[i][3];
		} else {
			w[1] = channels[test_below(7)];
			w[0] = channels[test_below(7)];
			in[2] = 1 + test_below(16);
			in[3] = 1 + test_below(20);
		}
		in[1] = w[1];
		memcpy(out, in, sizeof(out));
		out[1] = w[0];
		x.inst = test_inst(NEURON_OP_CONV);
		p = NEURON_PARAMS(CONV, &x.inst);
		p->groups = 1;
		for (unsigned int d = 0; d < 2; d++)
			p->stride[d] = p->dilation[d] = 1;
		test_add(&x, 0, NEURON_I32, 4, out, TEST_CHANNELS_LAST);
		test_add(&x, 1, test_below(2) ? NEURON_U8 : NEURON_I8, 4, in, TEST_CHANNELS_LAST);
		test_add(&x, 2, NEURON_I8, 4, w, TEST_DENSE);
		x.t[1].desc.zero_point = test_below(100);
		snprintf(x.text, sizeof(x.text), "%u to %u channels, %u x %u", w[1], w[0], in[2],
			 in[3]);
		check(&x);
		test_drop(&x);
	}
}

/*
 * Convolutions of as many channels as fill a step of a panel, and with enough work for that:
 * their pictures are copied together with their padding.
 */
static void padded_convolutions(void)
{
	static const struct types types[] = {
		{ NEURON_F32, NEURON_BF16, NEURON_BF16 },
		{ NEURON_BF16, NEURON_BF16, NEURON_BF16 },
		{ NEURON_I32, NEURON_U8, NEURON_I8 },
		{ NEURON_I8, NEURON_I8, NEURON_I8 },
	};
	static const uint32_t filters[] = { 64, 100, 160 };

	for (unsigned int i = 0; i < CASES / 2; i++) {
		const struct types *t = &types[test_below(4)];
		/* Few positions of much, or many of less: who computes them differs. */
		bool small = test_below(2);
		uint32_t images = 1 + test_below(small ? 2 : 3);
		uint32_t channels = (small ? 128 : 64) << test_below(2);
		uint32_t in[4] = { images, channels }, out[4] = { images, filters[test_below(3)] };
		uint32_t w[4] = { out[1], channels };
		unsigned int spatial = 1 + test_below(2);
		struct neuron_params_CONV *p;
		struct test_instance x;

		memset(&x, 0, sizeof(x));
		x.inst = test_inst(NEURON_OP_CONV);
		p = NEURON_PARAMS(CONV, &x.inst);
		p->groups = 1;
		for (unsigned int d = 0; d < spatial; d++) {
			uint32_t behind, extent;

			w[2 + d] = 2 + test_below(3);
			p->stride[d] = test_below(3) ? 1 : 1 + test_below(3);
			p->dilation[d] = 1 + test_below(2);
			extent = (w[2 + d] - 1) * p->dilation[d] + 1;
			p->pad[d] = test_below(extent);
			behind = test_below(extent);
			in[2 + d] = spatial == 1 ? (small ? 20 : 100) + test_below(small ? 70 : 300) :
				    small ? 6 + test_below(6) : 10 + test_below(15);
			if (in[2 + d] < extent)	/* there has to be a window */
				in[2 + d] = extent;
			out[2 + d] = (in[2 + d] + p->pad[d] + behind - extent) / p->stride[d] + 1;
		}
		test_add(&x, 0, t->out, 2 + spatial, out, test_below(4) ? TEST_CHANNELS_LAST :
			 TEST_DENSE);
		test_add(&x, 1, t->a, 2 + spatial, in, test_below(4) ? TEST_CHANNELS_LAST : TEST_DENSE);
		test_add(&x, 2, t->b, 2 + spatial, w, TEST_DENSE);
		random_epilogue(&x, t, out[1], channels * w[2] * (spatial == 2 ? w[3] : 1));
		snprintf(x.text, sizeof(x.text), "types %u %u, %u images of %u channels, %u x %u, "
			 "%u filters of %u x %u, pad %d %d, stride %u %u, dilation %u %u", t->out, t->a,
			 images, channels, in[2], in[3], out[1], w[2], w[3], p->pad[0], p->pad[1],
			 p->stride[0], p->stride[1], p->dilation[0], p->dilation[1]);
		check(&x);
		test_drop(&x);
	}
}

/*
 * Sums so long that they are computed in parts, from weights that are packed as a whole or
 * part by part.
 */
static void long_sums(void)
{
	static const struct types types[] = {
		{ NEURON_F32, NEURON_F32, NEURON_F32 },
		{ NEURON_F32, NEURON_BF16, NEURON_BF16 },
		{ NEURON_I32, NEURON_U8, NEURON_I8 },
		{ NEURON_I8, NEURON_I8, NEURON_I8 },
	};

	for (unsigned int i = 0; i < CASES / 4; i++) {
		const struct types *t = &types[test_below(4)];
		uint32_t rows = 17 + test_below(100), columns = 1 + test_below(220);
		uint32_t k = 200 + test_below(1600);
		uint32_t out[3] = { 1, columns, rows }, a[3] = { 1, k, rows }, w[3] = { columns, k, 1 };
		struct neuron_params_CONV *p;
		struct test_instance x;

		memset(&x, 0, sizeof(x));
		if (test_below(2)) {
			const uint32_t product[3][2] = { { rows, columns }, { rows, k }, { k, columns } };

			x.inst = test_inst(NEURON_OP_MATMUL);
			test_add(&x, 0, t->out, 2, product[0], test_below(2) ? TEST_DENSE : TEST_PADDED);
			test_add(&x, 1, t->a, 2, product[1], test_below(2) ? TEST_DENSE : TEST_PADDED);
			test_add(&x, 2, t->b, 2, product[2], test_below(3) ? TEST_DENSE : TEST_PADDED);
		} else {
			if (test_below(2)) {	/* windows that overlap */
				w[2] = 3;
				a[2] += 2;
				a[1] = w[1] = k = 64 * (2 + test_below(8));
			}
			x.inst = test_inst(NEURON_OP_CONV);
			p = NEURON_PARAMS(CONV, &x.inst);
			p->groups = 1;
			p->stride[0] = p->dilation[0] = 1;
			test_add(&x, 0, t->out, 3, out, TEST_CHANNELS_LAST);
			test_add(&x, 1, t->a, 3, a, TEST_CHANNELS_LAST);
			/* Filters innermost, as the compiler lays them out. */
			test_add(&x, 2, t->b, 3, w, test_below(4) ? TEST_REVERSED : TEST_DENSE);
		}
		random_epilogue(&x, t, columns, k * w[2]);
		snprintf(x.text, sizeof(x.text), "types %u %u, %u rows and %u columns, sums of %u x %u",
			 t->out, t->a, rows, columns, k, w[2]);
		check(&x);
		test_drop(&x);
	}
}

/*
 * NaN around the input: what lies there must not matter. One tile, whose padding
 * behind is everything from none to nearly the whole kernel.
 */
static void nothing_beyond_the_input(void)
{
	enum { AROUND = 32768, CHANNELS = 64, KERNEL = 11 };

	for (uint32_t length = 1; length < 20; length++) {
		for (uint32_t padding = 0; padding < KERNEL && length + KERNEL - 1 > padding; padding++) {
			uint32_t out[3] = { 1, CHANNELS, length };
			uint32_t in[3] = { 1, CHANNELS, length + KERNEL - 1 - padding };
			uint32_t w[3] = { CHANNELS, CHANNELS, KERNEL };
			struct test_instance x;
			char *around;

			memset(&x, 0, sizeof(x));
			x.inst = test_inst(NEURON_OP_CONV);
			NEURON_PARAMS(CONV, &x.inst)->groups = 1;
			NEURON_PARAMS(CONV, &x.inst)->stride[0] = 1;
			NEURON_PARAMS(CONV, &x.inst)->dilation[0] = 1;
			test_add(&x, 0, NEURON_F32, 3, out, TEST_CHANNELS_LAST);
			test_add(&x, 1, NEURON_F32, 3, in, TEST_CHANNELS_LAST);
			test_add(&x, 2, NEURON_F32, 3, w, TEST_DENSE);
			around = malloc(x.t[1].bytes + 2 * AROUND);
			memset(around, 0xff, x.t[1].bytes + 2 * AROUND);
			memcpy(around + AROUND, x.t[1].data, x.t[1].bytes);
			free(x.t[1].memory);
			x.t[1].memory = around;
			x.t[1].data = around + AROUND;
			x.tolerance = 2e-7 * CHANNELS * KERNEL + 2e-6;
			snprintf(x.text, sizeof(x.text), "%u outputs, %u padding", length, padding);
			check(&x);
			test_drop(&x);
		}
	}
}

int main(void)
{
	reference = nk_ctx_create(1, true);
	fast = nk_ctx_create(1, false);
	threaded = nk_ctx_create(3, false);

	printf("# %s\n", nk_backend());
	ktap_run("matrix products agree with the reference", matmuls);
	ktap_run("convolutions agree with the reference", convolutions);
	ktap_run("transposed convolutions agree with the reference", transposed_convolutions);

	ktap_run("products of a few rows agree with the reference", few_rows);
	ktap_run("cases that the library gets wrong", known_library_faults);
	ktap_run("convolutions with a kernel of one stay in their output", pointwise_convolutions);
	ktap_run("convolutions in a picture with its padding", padded_convolutions);
	ktap_run("sums that are computed in parts agree with the reference", long_sums);
	ktap_run("what lies behind an input does not matter", nothing_beyond_the_input);

	nk_ctx_destroy(reference);
	nk_ctx_destroy(fast);
	nk_ctx_destroy(threaded);
	return ktap_done();
}
