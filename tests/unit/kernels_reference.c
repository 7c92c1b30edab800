// SPDX-License-Identifier: MIT
/*
 * The rules of qemu-device/kernels/NUMERICS.md, one by one: conversions,
 * rounding, saturation, NaN, integer edges, accuracy of functions. What moves elements and
 * computes nothing is in kernels_move.c.
 */
#include <stdio.h>

#include "kernels.h"
#include "qemu-device/kernels/nk.h"

static struct nk_ctx *ctx;

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* One input, one output; the output's elements as numbers. */
static struct nk_stats run1(struct neuron_inst *inst, unsigned int out_type, unsigned int in_type,
			    const double *in, uint32_t n, double *out)
{
	struct nk_stats stats = { 0 };
	struct test_tensor o, x;

	test_vector(&o, out_type, n, NULL);
	test_vector(&x, in_type, n, in);
	CHECK_EQ(test_run(ctx, inst, (struct test_tensor *[TEST_OPERANDS]){ &o, &x }, &stats), NK_OK);
	for (uint32_t i = 0; i < n; i++)
		out[i] = test_get(&o, i);
	test_free(&o);
	test_free(&x);
	return stats;
}

static void check_close(const char *what, const double *seen, const double *expected, uint32_t n,
			double relative)
{
	for (uint32_t i = 0; i < n; i++) {
		if (seen[i] == expected[i] || (seen[i] != seen[i] && expected[i] != expected[i]) ||
		    fabs(seen[i] - expected[i]) <= relative * fabs(expected[i]))
			continue;
		printf("# %s, element %u: expected %.9g, saw %.9g\n", what, i, expected[i], seen[i]);
		ktap_failed = true;
	}
}

static void check_numbers(const char *what, const double *seen, const double *expected, uint32_t n)
{
	check_close(what, seen, expected, n, 0);
}

static void convert(unsigned int out_type, unsigned int in_type, const double *in,
		    const double *expected, uint32_t n, uint64_t saturations)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	struct nk_stats stats;
	double out[32];
	char what[40];

	snprintf(what, sizeof(what), "type %u to %u", in_type, out_type);
	stats = run1(&inst, out_type, in_type, in, n, out);
	check_numbers(what, out, expected, n);
	CHECK_EQ(stats.saturations, saturations);
}

static void floats_to_integers(void)
{
	static const double in[] = {
		0.5, 1.5, -0.5, -1.9, 127.9, 128, -128.9, -129, 255.5, 256, NAN, INFINITY, -INFINITY,
		2147483520.0, 2147483648.0, -2147483648.0, -2147483904.0,
	};
	static const double to_i32[] = {
		0, 1, 0, -1, 127, 128, -128, -129, 255, 256, 0, INT32_MAX, INT32_MIN,
		2147483520.0, INT32_MAX, INT32_MIN, INT32_MIN,
	};
	static const double to_i8[] = {
		0, 1, 0, -1, 127, 127, -128, -128, 127, 127, 0, 127, -128, 127, 127, -128, -128,
	};
	static const double to_u8[] = {
		0, 1, 0, 0, 127, 128, 0, 0, 255, 255, 0, 255, 0, 255, 255, 0, 0,
	};

	convert(NEURON_I32, NEURON_F32, in, to_i32, COUNT(in), 4);
	convert(NEURON_I8, NEURON_F32, in, to_i8, COUNT(in), 10);
	convert(NEURON_U8, NEURON_F32, in, to_u8, COUNT(in), 10);
}

static void integers_to_others(void)
{
	static const double i32[] = { 0, -1, 300, -300, INT32_MAX, INT32_MIN, 16777217 };
	static const double i8[] = { 0, -1, 127, -128, 127, -128, 127 };
	static const double u8[] = { 0, 0, 255, 0, 255, 0, 255 };
	static const double f32[] = { 0, -1, 300, -300, 2147483648.0, -2147483648.0, 16777216 };
	static const double i64[] = { 0, -1, 4294967296.0, -4294967296.0, 2147483647, -5, 7 };
	static const double narrowed[] = { 0, -1, INT32_MAX, INT32_MIN, INT32_MAX, -5, 7 };
	struct neuron_inst load = test_inst(NEURON_OP_LOAD), store = test_inst(NEURON_OP_STORE);
	double out[COUNT(i32)];

	convert(NEURON_I8, NEURON_I32, i32, i8, COUNT(i32), 5);
	convert(NEURON_U8, NEURON_I32, i32, u8, COUNT(i32), 6);
	convert(NEURON_F32, NEURON_I32, i32, f32, COUNT(i32), 0);
	run1(&load, NEURON_I32, NEURON_I64, i64, COUNT(i64), out);
	check_numbers("load", out, narrowed, COUNT(i64));
	run1(&store, NEURON_I64, NEURON_I32, i32, COUNT(i32), out);
	check_numbers("store", out, i32, COUNT(i32));
}

/* All halves to float and back. */
static void every_half(void)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	const uint32_t n = 0x10000;
	struct test_tensor h, f, back;

	test_alloc(&h, NEURON_F16, 1, &n, TEST_DENSE);
	test_alloc(&f, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&back, NEURON_F16, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; i < n; i++)
		((uint16_t *)h.data)[i] = i;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &f, &h }, NULL), NK_OK);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &back, &f }, NULL), NK_OK);
	for (uint32_t i = 0; i < n && !ktap_failed; i++) {
		double want = test_f16(i);
		uint16_t again = ((uint16_t *)back.data)[i];

		if (want != want) {
			CHECK(isnan(((float *)f.data)[i]));
			CHECK_EQ(again, i | 0x200);
		} else {
			CHECK(((float *)f.data)[i] == want);
			CHECK_EQ(again, i);
		}
	}
	test_free(&h);
	test_free(&f);
	test_free(&back);
}

/* Between two neighbouring halves: below, at and above the middle. */
static void half_rounding(void)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	uint32_t n = 0x7c00 * 3;
	struct test_tensor f, h;

	test_alloc(&f, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&h, NEURON_F16, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; i < 0x7c00; i++) {
		/* Beyond the greatest half the next step would be 65536. */
		double low = test_f16(i), high = i == 0x7bff ? 65536 : test_f16(i + 1);
		float middle = (low + high) / 2;

		((float *)f.data)[3 * i] = nextafterf(middle, 0);
		((float *)f.data)[3 * i + 1] = middle;
		((float *)f.data)[3 * i + 2] = -nextafterf(middle, INFINITY);
	}
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &h, &f }, NULL), NK_OK);
	for (uint32_t i = 0; i < 0x7c00 && !ktap_failed; i++) {
		const uint16_t *seen = (uint16_t *)h.data + 3 * i;

		CHECK_EQ(seen[0], i);
		CHECK_EQ(seen[1], i + (i & 1));
		CHECK_EQ(seen[2], 0x8000 | (i + 1));
	}
	test_free(&f);
	test_free(&h);
}

static void bf16_rounding(void)
{
	static const struct {
		uint32_t f32;
		uint16_t bf16;
	} cases[] = {
		{ 0x3f800000, 0x3f80 }, { 0x3f808000, 0x3f80 }, { 0x3f818000, 0x3f82 },
		{ 0x3f808001, 0x3f81 }, { 0x3f807fff, 0x3f80 }, { 0x7f7fffff, 0x7f80 },
		{ 0x7f800000, 0x7f80 }, { 0x7f800001, 0x7fc0 }, { 0xffc12345, 0xffc1 },
		{ 0x00008001, 0x0001 }, { 0x80000000, 0x8000 },
	};
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	uint32_t n = COUNT(cases);
	struct nk_stats stats = { 0 };
	struct test_tensor f, b;

	test_alloc(&f, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&b, NEURON_BF16, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; i < n; i++)
		((uint32_t *)f.data)[i] = cases[i].f32;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &b, &f }, &stats), NK_OK);
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(((uint16_t *)b.data)[i], cases[i].bf16);
	CHECK_EQ(stats.nans, 2);
	test_free(&f);
	test_free(&b);
}

static double gelu(double x, double a, double b)
{
	(void)a;
	(void)b;
	return x * (1 + erf(x / sqrt(2))) / 2;
}

static double gelu_tanh(double x, double a, double b)
{
	(void)a;
	(void)b;
	return x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2;
}

static double silu(double x, double a, double b)
{
	(void)b;
	return x / (1 + exp(-a * x));
}

static double sigmoid(double x, double a, double b)
{
	(void)a;
	(void)b;
	return 1 / (1 + exp(-x));
}

static double mish(double x, double a, double b)
{
	(void)a;
	(void)b;
	return x * tanh(log1p(exp(x)));
}

static double softplus(double x, double a, double b)
{
	(void)a;
	(void)b;
	return log1p(exp(x));
}

static double rsqrt(double x, double a, double b)
{
	(void)a;
	(void)b;
	return 1 / sqrt(x);
}

static double power(double x, double a, double b)
{
	(void)b;
	return pow(x, a);
}

#define PLAIN(function)							\
static double plain_##function(double x, double a, double b)		\
{									\
	(void)a;							\
	(void)b;							\
	return function(x);						\
}

PLAIN(exp)
PLAIN(expm1)
PLAIN(log)
PLAIN(tanh)
PLAIN(erf)
PLAIN(sin)
PLAIN(cos)
PLAIN(atan)
PLAIN(sqrt)

/*
 * Functions against double precision. @ulps: of the result, or of one where the
 * formula cancels.
 */
static const struct function {
	const char *name;
	uint32_t func;
	double (*exact)(double x, double a, double b);
	float alpha, low, high;
	double ulps;
	bool cancels;
} functions[] = {
	{ "exp", NEURON_ACT_EXP, plain_exp, 0, -87, 88, 3 },
	{ "log", NEURON_ACT_LOG, plain_log, 0, 1e-30f, 1e30f, 4 },
	{ "tanh", NEURON_ACT_TANH, plain_tanh, 0, -10, 10, 3 },
	{ "erf", NEURON_ACT_ERF, plain_erf, 0, -4, 4, 4.1 },
	{ "sin", NEURON_ACT_SIN, plain_sin, 0, -100, 100, 3, true },
	{ "cos", NEURON_ACT_COS, plain_cos, 0, -100, 100, 3, true },
	{ "atan", NEURON_ACT_ATAN, plain_atan, 0, -100, 100, 3 },
	{ "sqrt", NEURON_ACT_SQRT, plain_sqrt, 0, 0, 1e30f, 0.5 },
	{ "rsqrt", NEURON_ACT_RSQRT, rsqrt, 0, 1e-30f, 1e30f, 1.5 },
	{ "sigmoid", NEURON_ACT_SIGMOID, sigmoid, 0, -80, 80, 4 },
	{ "silu", NEURON_ACT_SILU, silu, 1.702f, -20, 20, 40 },
	{ "elu", NEURON_ACT_ELU, plain_expm1, 1, -20, -1e-6f, 3 },
	{ "gelu", NEURON_ACT_GELU, gelu, 0, -10, 10, 12, true },
	{ "gelu-tanh", NEURON_ACT_GELU_TANH, gelu_tanh, 0, -10, 10, 12, true },
	{ "softplus", NEURON_ACT_SOFTPLUS, softplus, 0, -80, 80, 5 },
	{ "mish", NEURON_ACT_MISH, mish, 0, -20, 20, 8 },
	{ "powc", NEURON_ACT_POWC, power, 1.7f, 1e-10f, 1e10f, 0.51 },
	{ "powc -1.3", NEURON_ACT_POWC, power, -1.3f, 1e-20f, 1e20f, 0.51 },
	{ "powc 3", NEURON_ACT_POWC, power, 3, -10, 10, 0.51 },
	{ "powc -2", NEURON_ACT_POWC, power, -2, -10, 10, 0.51 },
	{ "powc 9", NEURON_ACT_POWC, power, 9, -10, 10, 0.51 },
};

static void check_function(const struct function *f)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	struct neuron_params_ACT *p = NEURON_PARAMS(ACT, &inst);
	const uint32_t n = 20011;
	double worst = 0, at = 0;
	struct test_tensor x, y;

	test_alloc(&x, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&y, NEURON_F32, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; i < n; i++) {
		double part = (double)i / (n - 1);

		/* Positive ranges of many decades are walked by decades. */
		((float *)x.data)[i] = f->low > 0 ? f->low * pow((double)f->high / f->low, part) :
				       f->low + (f->high - f->low) * part;
	}
	p->func = f->func;
	p->alpha = f->alpha;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &y, &x }, NULL), NK_OK);
	for (uint32_t i = 0; i < n; i++) {
		double in = ((float *)x.data)[i], want = f->exact(in, f->alpha, 0);
		float near = fabs(want) > 1 || !f->cancels ? fabs(want) : 1;
		double ulp = nextafterf(near, INFINITY) - near;
		double error = fabs(((float *)y.data)[i] - want) / ulp;

		if (!(error <= worst)) {
			worst = error;
			at = in;
		}
	}
	if (!(worst <= f->ulps)) {
		printf("# %s: %.2f ulp at %g, at most %g wanted\n", f->name, worst, at, f->ulps);
		ktap_failed = true;
	}
	test_free(&x);
	test_free(&y);
}

static void accuracy(void)
{
	for (size_t i = 0; i < COUNT(functions); i++)
		check_function(&functions[i]);
}

/* Every pair of unusual numbers, as C's pow() has it. */
static void powers(void)
{
	static const float x[] = {
		0, -0.0f, 1, -1, 2, -2, 0.5f, -0.5f, 1.0000001f, -0.99999994f, 0x1p-149f, -0x1p-149f,
		3e38f, -3e38f, 2.5f, -2.5f, 8388607.5f, -8388609, 16777216, 16777218, 1e9f, -1e9f,
		INFINITY, -INFINITY, NAN,
	};
	const uint32_t n = COUNT(x) * COUNT(x);
	struct neuron_inst inst = test_inst(NEURON_OP_ELTWISE);
	struct test_tensor out, a, b;

	test_alloc(&out, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 1, &n, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; i < n; i++) {
		((float *)a.data)[i] = x[i / COUNT(x)];
		((float *)b.data)[i] = x[i % COUNT(x)];
	}
	NEURON_PARAMS(ELTWISE, &inst)->func = NEURON_BINARY_POW;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b }, NULL), NK_OK);
	for (uint32_t i = 0; i < n; i++) {
		float got = ((float *)out.data)[i];
		double want = pow(x[i / COUNT(x)], x[i % COUNT(x)]);
		float near = (float)want;

		if (isnan(want) ? isnan(got) : got == near && signbit(got) == signbit(near))
			continue;
		if (fabs(got - want) <= 0.51 * (nextafterf(fabsf(near), INFINITY) - fabsf(near)))
			continue;
		printf("# %g ^ %g: %g, expected %g\n", x[i / COUNT(x)], x[i % COUNT(x)], got, want);
		ktap_failed = true;
	}
	test_free(&out);
	test_free(&a);
	test_free(&b);
}

/* The same element gives the same bits wherever in a row it stands. */
static void position_does_not_matter(void)
{
	for (size_t i = 0; i < COUNT(functions); i++) {
		struct neuron_inst inst = test_inst(NEURON_OP_ACT);
		struct neuron_params_ACT *p = NEURON_PARAMS(ACT, &inst);
		float low = functions[i].low > 0 ? 0.001f : functions[i].low;
		float high = functions[i].high < 0 ? functions[i].high : 5;
		uint32_t n = 67;
		struct test_tensor x, y;

		test_alloc(&x, NEURON_F32, 1, &n, TEST_DENSE);
		test_alloc(&y, NEURON_F32, 1, &n, TEST_PADDED);
		p->func = functions[i].func;
		p->alpha = functions[i].alpha;
		for (unsigned int k = 0; k < 20; k++) {
			float v = low + (high - low) * k / 20;

			for (uint32_t j = 0; j < n; j++)
				((float *)x.data)[j] = v;
			CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &y, &x }, NULL),
				 NK_OK);
			for (uint32_t j = 1; j < n; j++)
				CHECK(!memcmp(test_at(&y, j), test_at(&y, 0), 4));
		}
		test_free(&x);
		test_free(&y);
	}
}

static void act_case(uint32_t func, float alpha, float beta, unsigned int dtype, const double *in,
		     const double *expected, uint32_t n)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ACT);
	struct neuron_params_ACT *p = NEURON_PARAMS(ACT, &inst);
	double out[32];
	char what[20];

	snprintf(what, sizeof(what), "act %u", func);
	p->func = func;
	p->alpha = alpha;
	p->beta = beta;
	run1(&inst, dtype, dtype, in, n, out);
	/* Their accuracy is tested above; here it is special values that count. */
	check_close(what, out, expected, n, func == NEURON_ACT_EXP || func == NEURON_ACT_SOFTPLUS ||
		    func == NEURON_ACT_TANH ? 3e-7 : 0);
}

static void special_values(void)
{
	static const double x[] = { NAN, INFINITY, -INFINITY, 0, 2.5, -2.5, 3.5 };
	static const double i[] = { INT32_MIN, INT32_MAX, -3, 0, 5 };

#define CASE(func, alpha, beta, ...)						\
	act_case(NEURON_ACT_##func, alpha, beta, NEURON_F32, x,			\
		 (const double[]){ __VA_ARGS__ }, COUNT(x))
	CASE(RELU, 0, 0, NAN, INFINITY, 0, 0, 2.5, 0, 3.5);
	CASE(CLIP, -1, 3, NAN, 3, -1, 0, 2.5, -1, 3);
	CASE(ROUND, 0, 0, NAN, INFINITY, -INFINITY, 0, 2, -2, 4);
	CASE(SIGN, 0, 0, NAN, 1, -1, 0, 1, -1, 1);
	CASE(NOT, 0, 0, 0, 0, 0, 1, 0, 0, 0);
	CASE(EXP, 0, 0, NAN, INFINITY, 0, 1, expf(2.5f), expf(-2.5f), expf(3.5f));
	CASE(SQRT, 0, 0, NAN, INFINITY, NAN, 0, sqrtf(2.5f), NAN, sqrtf(3.5f));
	CASE(RECIPROCAL, 0, 0, NAN, 0, 0, INFINITY, 0.4f, -0.4f, 1 / 3.5f);
	CASE(TANH, 0, 0, NAN, 1, -1, 0, tanhf(2.5f), -tanhf(2.5f), tanhf(3.5f));
	CASE(SOFTPLUS, 0, 0, NAN, INFINITY, 0, logf(2), 2.57888985f, 0.0788897350f, 3.52975035f);
	CASE(THRESHOLD, 2.5f, 0, 0, INFINITY, 0, 0, 0, 0, 3.5);
	CASE(AFFINE, 2, 1, NAN, INFINITY, -INFINITY, 1, 6, -4, 8);
#undef CASE
#define CASE(func, alpha, beta, ...)						\
	act_case(NEURON_ACT_##func, alpha, beta, NEURON_I32, i,			\
		 (const double[]){ __VA_ARGS__ }, COUNT(i))
	CASE(ABS, 0, 0, INT32_MIN, INT32_MAX, 3, 0, 5);
	CASE(NEG, 0, 0, INT32_MIN, -INT32_MAX, 3, 0, -5);
	CASE(SQUARE, 0, 0, 0, 1, 9, 0, 25);
	CASE(CLIP, -2.5f, 4.5f, -2, 4, -2, 0, 4);
	CASE(CLIP, -INFINITY, INFINITY, INT32_MIN, INT32_MAX, -3, 0, 5);
	CASE(NOT, 0, 0, 0, 0, 0, 1, 0);
#undef CASE
}

static void binary_case(uint32_t func, unsigned int out, unsigned int type, const double *a,
			const double *b, const double *expected, uint32_t n)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ELTWISE);
	struct test_tensor o, x, y;
	double seen[16];
	char what[20];

	snprintf(what, sizeof(what), "binary %u", func);
	NEURON_PARAMS(ELTWISE, &inst)->func = func;
	test_vector(&o, out, n, NULL);
	test_vector(&x, type, n, a);
	test_vector(&y, type, n, b);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &o, &x, &y }, NULL), NK_OK);
	for (uint32_t i = 0; i < n; i++)
		seen[i] = test_get(&o, i);
	check_close(what, seen, expected, n, func == NEURON_BINARY_POW && type == NEURON_F32 ?
		    3e-7 : 0);
	test_free(&o);
	test_free(&x);
	test_free(&y);
}

static void bits_case(uint32_t func, double a0, double b0, double a1, double b1, double y0,
		      double y1)
{
	binary_case(func, NEURON_I32, NEURON_I32, (const double[]){ a0, a1 },
		    (const double[]){ b0, b1 }, (const double[]){ y0, y1 }, 2);
}

static void binary_functions(void)
{
	static const double fa[] = { 1, NAN, 2, -5.5, 5.5, 7, -0.5 };
	static const double fb[] = { 2, 1, NAN, 3, -3, 0, 2 };
	static const double ia[] = { INT32_MIN, 7, -7, 7, -7, 0, 3 };
	static const double ib[] = { -1, 0, 2, -2, -2, 5, -1 };

#define CASE(func, ...)								\
	binary_case(NEURON_BINARY_##func, NEURON_F32, NEURON_F32, fa, fb,	\
		    (const double[]){ __VA_ARGS__ }, COUNT(fa))
	CASE(ADD, 3, NAN, NAN, -2.5, 2.5, 7, 1.5);
	CASE(MAX, 2, NAN, NAN, 3, 5.5, 7, 2);
	CASE(MIN, 1, NAN, NAN, -5.5, -3, 0, -0.5);
	CASE(MOD, 1, NAN, NAN, 0.5, -0.5, NAN, 1.5);
	CASE(FMOD, 1, NAN, NAN, -2.5, 2.5, NAN, -0.5);
	CASE(PRELU, 1, NAN, 2, -16.5, 5.5, 7, -1);
	CASE(LT, 1, 0, 0, 1, 0, 0, 1);
	CASE(EQ, 0, 0, 0, 0, 0, 0, 0);
	CASE(AND, 1, 1, 1, 1, 1, 0, 1);
	CASE(POW, 1, NAN, NAN, -166.375, powf(5.5f, -3), 1, 0.25);
#undef CASE
#define CASE(func, ...)								\
	binary_case(NEURON_BINARY_##func, NEURON_I32, NEURON_I32, ia, ib,	\
		    (const double[]){ __VA_ARGS__ }, COUNT(ia))
	CASE(ADD, INT32_MAX, 7, -5, 5, -9, 5, 2);
	CASE(MUL, INT32_MIN, 0, -14, -14, 14, 0, -3);
	CASE(DIV, INT32_MIN, 0, -3, -3, 3, 0, -3);
	CASE(MOD, 0, 0, 1, -1, -1, 0, 0);
	CASE(FMOD, 0, 0, -1, 1, -1, 0, 0);
	CASE(POW, 0, 1, 49, 0, 0, 0, 0);
	CASE(GT, 0, 1, 0, 1, 0, 0, 1);
#undef CASE
	bits_case(NEURON_BINARY_BIT_AND, 12, 8, -1, 5, 8, 5);
	bits_case(NEURON_BINARY_BIT_OR, 12, 3, -8, 1, 15, -7);
	bits_case(NEURON_BINARY_BIT_XOR, 12, 10, -1, 1, 6, -2);
	bits_case(NEURON_BINARY_SHL, 3, 4, 1, 31, 48, INT32_MIN);
	bits_case(NEURON_BINARY_SHL, 3, 32, 1, -1, 0, 0);
	bits_case(NEURON_BINARY_SHR, 48, 4, -1, 31, 3, 1);
	bits_case(NEURON_BINARY_SHR, 48, 32, -1, -1, 0, 0);
	/* Comparisons as uint8, and sums that saturate on their way into 8 bits. */
	binary_case(NEURON_BINARY_LT, NEURON_U8, NEURON_F32, fa, fb,
		    (const double[]){ 1, 0, 0, 1, 0, 0, 1 }, COUNT(fa));
	binary_case(NEURON_BINARY_ADD, NEURON_U8, NEURON_U8, (const double[]){ 200, 3 },
		    (const double[]){ 100, 4 }, (const double[]){ 255, 7 }, 2);
	binary_case(NEURON_BINARY_SUB, NEURON_U8, NEURON_U8, (const double[]){ 2, 9 },
		    (const double[]){ 3, 4 }, (const double[]){ 0, 5 }, 2);
}

/* [19 22; 43 50], scaled and clipped, to int8 with the zero point -3. */
static void requantized(struct test_tensor *out, struct test_tensor *a, struct test_tensor *b,
			struct test_tensor *scale)
{
	static const struct {
		double scale[2];
		float alpha, beta;
		double want[4];
		uint32_t saturations;
	} cases[] = {
		{ { 1, 1 }, 20, 45, { 17, 19, 40, 42 }, 0 },
		{ { 1, 1 }, -INFINITY, INFINITY, { 16, 19, 40, 47 }, 0 },
		/* The upper limit is the last word, also of two that are in the wrong order. */
		{ { 1, 1 }, 30, 10, { 7, 7, 7, 7 }, 0 },
		{ { 1, 1 }, 1e30f, 2e30f, { 127, 127, 127, 127 }, 4 },
		{ { 1, 1 }, -2e30f, -1e30f, { -128, -128, -128, -128 }, 4 },
		/* NaN limits nothing. */
		{ { 1, 1 }, NAN, 40, { 16, 19, 37, 37 }, 0 },
		{ { 1, 1 }, 20, NAN, { 17, 19, 40, 47 }, 0 },
		/* Larger than what is rounded, infinite, and no number: that is 0. */
		{ { 3e38, -3e38 }, -INFINITY, INFINITY, { 127, -128, 127, -128 }, 4 },
		{ { INFINITY, 1 }, -5, 20, { 17, 17, 17, 17 }, 0 },
		{ { NAN, 1 }, -5, 20, { -3, 17, -3, 17 }, 0 },
	};
	struct neuron_inst inst = test_inst(NEURON_OP_MATMUL);
	struct neuron_params_MATMUL *p = NEURON_PARAMS(MATMUL, &inst);

	p->act = NEURON_ACT_CLIP;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct nk_stats stats = { 0 };
		double seen[4];
		char name[32];

		p->alpha = cases[i].alpha;
		p->beta = cases[i].beta;
		for (unsigned int k = 0; k < 2; k++)
			test_put(scale, k, cases[i].scale[k]);
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ out, a, b, NULL, scale },
				  &stats), NK_OK);
		for (unsigned int k = 0; k < 4; k++)
			seen[k] = test_get(out, k);
		snprintf(name, sizeof(name), "clipped int8, case %zu", i);
		check_numbers(name, seen, cases[i].want, 4);
		CHECK_EQ(stats.saturations, cases[i].saturations);
	}
}

/* By hand: [1 2; 3 4] * [5 6; 7 8] = [19 22; 43 50], then scale, bias and act. */
static void epilogues(void)
{
	const uint32_t two[2] = { 2, 2 };
	struct neuron_inst inst = test_inst(NEURON_OP_MATMUL);
	struct neuron_params_MATMUL *p = NEURON_PARAMS(MATMUL, &inst);
	struct nk_stats stats = { 0 };
	struct test_tensor out, a, b, bias, scale, bias32;
	double seen[4];

	test_alloc(&out, NEURON_F32, 2, two, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 2, two, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 2, two, TEST_DENSE);
	for (unsigned int i = 0; i < 4; i++) {
		test_put(&a, i, i + 1);
		test_put(&b, i, i + 5);
		test_put(&out, i, 1000);
	}
	test_vector(&bias, NEURON_F32, 2, (const double[]){ 1, -30 });
	test_vector(&scale, NEURON_F32, 2, (const double[]){ 2, 0.5 });
	test_vector(&bias32, NEURON_I32, 2, (const double[]){ 1000, 2000 });
	p->act = NEURON_ACT_RELU;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b, &bias, &scale },
			  &stats), NK_OK);
	CHECK_EQ(stats.macs, 8);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("scale, bias, relu", seen, (const double[]){ 39, 0, 87, 0 }, 4);

	inst.flags = NEURON_INST_ACCUMULATE;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b, &bias, &scale },
			  &stats), NK_OK);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("accumulate", seen, (const double[]){ 117, 0, 261, 0 }, 4);
	test_free(&out);
	test_free(&a);
	test_free(&b);

	/* The same product of bytes with zero points 10 and -1, to int32 and to int8. */
	test_alloc(&a, NEURON_U8, 2, two, TEST_DENSE);
	test_alloc(&b, NEURON_I8, 2, two, TEST_DENSE);
	a.desc.zero_point = 10;
	b.desc.zero_point = -1;
	for (unsigned int i = 0; i < 4; i++) {
		test_put(&a, i, i + 11);
		test_put(&b, i, i + 4);
	}
	inst.flags = 0;
	p->act = NEURON_ACT_IDENTITY;
	test_alloc(&out, NEURON_I32, 2, two, TEST_DENSE);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b, &bias32 }, &stats),
		 NK_OK);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("int32", seen, (const double[]){ 1019, 2022, 1043, 2050 }, 4);
	for (unsigned int i = 0; i < 4; i++)
		test_put(&out, i, INT32_MAX);
	inst.flags = NEURON_INST_ACCUMULATE;
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b }, &stats), NK_OK);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("wraps", seen,
		      (const double[]){ INT32_MIN + 18.0, INT32_MIN + 21.0, INT32_MIN + 42.0,
					INT32_MIN + 49.0 }, 4);
	test_free(&out);

	/* 19 * 2.5 = 47.5 and 43 * 2.5 = 107.5: ties to even, then the zero point -3. */
	inst.flags = 0;
	test_alloc(&out, NEURON_I8, 2, two, TEST_DENSE);
	out.desc.zero_point = -3;
	test_put(&scale, 0, 2.5);
	test_put(&scale, 1, -10);
	memset(&stats, 0, sizeof(stats));
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b, NULL, &scale },
			  &stats), NK_OK);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("int8", seen, (const double[]){ 45, -128, 105, -128 }, 4);
	CHECK_EQ(stats.saturations, 2);
	requantized(&out, &a, &b, &scale);
	test_free(&out);

	/* An offset before the scale, and a bias behind it. */
	test_alloc(&out, NEURON_F32, 2, two, TEST_DENSE);
	test_put(&scale, 0, 2.5);
	test_put(&scale, 1, -10);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){
				&out, &a, &b, &bias, &scale, &bias32 }, &stats), NK_OK);
	for (unsigned int i = 0; i < 4; i++)
		seen[i] = test_get(&out, i);
	check_numbers("offset, scale, bias", seen,
		      (const double[]){ 2548.5, -20250, 2608.5, -20530 }, 4);
	test_free(&out);
	test_free(&a);
	test_free(&b);
	test_free(&bias);
	test_free(&scale);
	test_free(&bias32);
}

static double reduce_one(uint32_t func, unsigned int out, unsigned int type, const double *x,
			 uint32_t n)
{
	struct neuron_inst inst = test_inst(NEURON_OP_REDUCE);
	const uint32_t one = 1;
	struct test_tensor in, o;
	double seen;

	NEURON_PARAMS(REDUCE, &inst)->func = func;
	NEURON_PARAMS(REDUCE, &inst)->axes = 1;
	test_vector(&in, type, n, x);
	test_alloc(&o, out, 1, &one, TEST_DENSE);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &o, &in }, NULL), NK_OK);
	seen = test_get(&o, 0);
	test_free(&in);
	test_free(&o);
	return seen;
}

static void reductions(void)
{
	static const double nan[] = { 1, NAN, 7, NAN }, big[] = { 1000, 1000 };
	static const double ints[] = { INT32_MAX, INT32_MAX, 1 }, odd[] = { -7, 2 };
	double cancel[50];

	/* 1e8 and forty-eight ones and -1e8: fp32 sums would lose all the ones. */
	for (unsigned int i = 0; i < 50; i++)
		cancel[i] = 1;
	cancel[0] = 1e8;
	cancel[49] = -1e8;
	CHECK(reduce_one(NEURON_REDUCE_SUM, NEURON_F32, NEURON_F32, cancel, 50) == 48);
	CHECK(isnan(reduce_one(NEURON_REDUCE_MAX, NEURON_F32, NEURON_F32, nan, 4)));
	CHECK(isnan(reduce_one(NEURON_REDUCE_MIN, NEURON_F32, NEURON_F32, nan, 4)));
	CHECK(reduce_one(NEURON_REDUCE_ARGMAX, NEURON_I32, NEURON_F32, nan, 4) == 1);
	CHECK(fabs(reduce_one(NEURON_REDUCE_LOGSUMEXP, NEURON_F32, NEURON_F32, big, 2) -
		   (1000 + log(2))) < 1e-4);
	CHECK(reduce_one(NEURON_REDUCE_SUM, NEURON_I32, NEURON_I32, ints, 3) == INT32_MAX);
	CHECK(reduce_one(NEURON_REDUCE_MEAN, NEURON_I32, NEURON_I32, odd, 2) == -2);
	CHECK(reduce_one(NEURON_REDUCE_PROD, NEURON_I32, NEURON_I32, odd, 2) == -14);
	CHECK(reduce_one(NEURON_REDUCE_L1, NEURON_I32, NEURON_I32, odd, 2) == 9);
	CHECK(reduce_one(NEURON_REDUCE_MIN, NEURON_I8, NEURON_I8, odd, 2) == -7);
}

/* Every function over every set of axes, in two layouts, against plain sums. */
static void reduction_axes(void)
{
	const uint32_t dims[4] = { 3, 20, 4, 37 };

	for (unsigned int i = 0; i < 16 * 3 * 2; i++) {
		static const uint32_t funcs[] = { NEURON_REDUCE_SUM, NEURON_REDUCE_MAX,
						  NEURON_REDUCE_L2 };
		struct neuron_inst inst = test_inst(NEURON_OP_REDUCE);
		struct neuron_params_REDUCE *p = NEURON_PARAMS(REDUCE, &inst);
		uint32_t out_dims[4];
		double want[3 * 20 * 4 * 37];
		struct test_tensor in, out;

		p->axes = i % 16;
		p->func = funcs[i / 16 % 3];
		for (unsigned int d = 0; d < 4; d++)
			out_dims[d] = p->axes >> d & 1 ? 1 : dims[d];
		test_alloc(&in, NEURON_F32, 4, dims, i / 48 ? TEST_CHANNELS_LAST : TEST_DENSE);
		test_alloc(&out, NEURON_F32, 4, out_dims, i / 48 ? TEST_CHANNELS_LAST : TEST_DENSE);
		test_fill_random(&in);
		for (uint64_t e = 0; e < test_elements(&out.desc); e++)
			want[e] = p->func == NEURON_REDUCE_MAX ? -INFINITY : 0;
		for (uint64_t e = 0; e < test_elements(&in.desc); e++) {
			uint64_t rest = e, at = 0, stride = 1;
			double x = test_get(&in, e);

			for (unsigned int d = 4; d-- > 0;) {
				if (out_dims[d] > 1)
					at += rest % dims[d] * stride;
				stride *= out_dims[d];
				rest /= dims[d];
			}
			if (p->func == NEURON_REDUCE_MAX)
				want[at] = fmax(want[at], x);
			else
				want[at] += p->func == NEURON_REDUCE_SUM ? x : x * x;
		}
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &in }, NULL), NK_OK);
		for (uint64_t e = 0; e < test_elements(&out.desc); e++) {
			double expected = p->func == NEURON_REDUCE_L2 ? sqrt(want[e]) : want[e];

			CHECK(fabs(test_get(&out, e) - expected) <= 1e-7 * fabs(expected) + 1e-12);
		}
		test_free(&in);
		test_free(&out);
	}
}

/* out may be an input; sizes around the lanes and chunks of the loops. */
static void in_place(void)
{
	static const uint32_t sizes[] = { 1, 15, 16, 17, 1023, 1024, 1025, 40000 };
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_I8, NEURON_I32 };

	for (unsigned int i = 0; i < COUNT(sizes) * COUNT(types) * 2; i++) {
		unsigned int type = types[i / 2 % 4];
		uint32_t n = sizes[i / 8];
		struct neuron_inst add = test_inst(NEURON_OP_ELTWISE);
		struct neuron_inst act = test_inst(NEURON_OP_ACT);
		struct test_tensor x, y, out;

		NEURON_PARAMS(ACT, &act)->func = NEURON_ACT_SILU;
		NEURON_PARAMS(ACT, &act)->alpha = 1;
		test_alloc(&x, type, 1, &n, i % 2 ? TEST_PADDED : TEST_DENSE);
		test_alloc(&y, type, 1, &n, TEST_DENSE);
		test_alloc(&out, type, 1, &n, TEST_DENSE);
		test_fill_random(&x);
		test_fill_random(&y);
		CHECK_EQ(test_run(ctx, &add, (struct test_tensor *[TEST_OPERANDS]){ &out, &x, &y }, NULL),
			 NK_OK);
		CHECK_EQ(test_run(ctx, &act, (struct test_tensor *[TEST_OPERANDS]){ &out, &out }, NULL), NK_OK);
		CHECK_EQ(test_run(ctx, &add, (struct test_tensor *[TEST_OPERANDS]){ &y, &x, &y }, NULL), NK_OK);
		CHECK_EQ(test_run(ctx, &act, (struct test_tensor *[TEST_OPERANDS]){ &y, &y }, NULL), NK_OK);
		CHECK(!memcmp(out.memory, y.memory, out.bytes));
		test_free(&x);
		test_free(&y);
		test_free(&out);
	}
}

static void scalars(void)
{
	struct neuron_inst inst = test_inst(NEURON_OP_ELTWISE);
	struct test_tensor a, b, out;

	test_alloc(&a, NEURON_F32, 0, NULL, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 0, NULL, TEST_DENSE);
	test_alloc(&out, NEURON_F32, 0, NULL, TEST_DENSE);
	test_put(&a, 0, 2);
	test_put(&b, 0, 3);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b }, NULL), NK_OK);
	CHECK(test_get(&out, 0) == 5);
	test_free(&a);
	test_free(&b);
	test_free(&out);
}

/* Of a tensor that is cut into parts; what is sought may lie in any, and so may a NaN. */
static void extremes(void)
{
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_F16 };
	const uint32_t one = 1;

	for (unsigned int i = 0; i < 120; i++) {
		struct neuron_inst inst = test_inst(NEURON_OP_REDUCE);
		const uint32_t n = 30000 + test_below(100000);
		bool least = i % 2, nan = i % 5 == 0 && types[i % 3] != NEURON_F16;
		struct test_tensor in, out;
		double expected;

		test_alloc(&in, types[i % 3], 1, &n, TEST_DENSE);
		test_alloc(&out, types[i % 3], 1, &one, TEST_DENSE);
		test_fill_random(&in);
		test_put(&in, test_below(n), least ? -100 : 100);
		if (nan)
			test_put(&in, test_below(n), NAN);
		expected = test_get(&in, 0);
		for (uint32_t k = 1; k < n && !nan; k++) {
			double x = test_get(&in, k);

			expected = least ? fmin(expected, x) : fmax(expected, x);
		}
		NEURON_PARAMS(REDUCE, &inst)->func = least ? NEURON_REDUCE_MIN : NEURON_REDUCE_MAX;
		NEURON_PARAMS(REDUCE, &inst)->axes = 1;
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &in }, NULL), NK_OK);
		CHECK(nan ? isnan(test_get(&out, 0)) : test_get(&out, 0) == expected);
		test_free(&in);
		test_free(&out);
	}
}

int main(void)
{
	ctx = nk_ctx_create(1, true);

	ktap_run("floats to integers truncate and saturate", floats_to_integers);
	ktap_run("integers to other types", integers_to_others);
	ktap_run("every fp16 survives fp32", every_half);
	ktap_run("fp32 to fp16 rounds to nearest even", half_rounding);
	ktap_run("fp32 to bf16 rounds to nearest even", bf16_rounding);
	ktap_run("functions are accurate", accuracy);
	ktap_run("powers of unusual numbers", powers);
	ktap_run("results do not depend on the position", position_does_not_matter);
	ktap_run("functions of special values", special_values);
	ktap_run("binary functions", binary_functions);
	ktap_run("epilogues of matrix products", epilogues);
	ktap_run("reductions at the edges", reductions);
	ktap_run("reductions over all axes", reduction_axes);
	ktap_run("in place", in_place);
	ktap_run("scalars", scalars);
	ktap_run("the greatest and the least of large tensors", extremes);

	nk_ctx_destroy(ctx);
	return ktap_done();
}
