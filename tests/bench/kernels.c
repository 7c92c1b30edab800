// SPDX-License-Identifier: MIT
/*
 * The kernels against the library called directly, and what an instruction
 * costs besides its arithmetic. All ratios are of times within one run.
 *
 * "direct" is oneDNN with weights in the order that it likes best, made once and
 * not counted: what somebody would write who wanted only this. A ratio of 1
 * says that nk_execute() is as fast, epilogue and tiles included.
 */
#include <omp.h>
#include <stdio.h>
#include <time.h>
#include <oneapi/dnnl/dnnl.h>

#include "tests/unit/kernels.h"

/* One thread's own time, so that others on the machine do not count. */
static clockid_t which_clock = CLOCK_THREAD_CPUTIME_ID;

static double now(void)
{
	struct timespec t;

	clock_gettime(which_clock, &t);
	return t.tv_sec + 1e-9 * t.tv_nsec;
}

/* The best of several rounds: what the machine can do when nobody disturbs it. */
static double best_time(void (*run)(void *arg), void *arg)
{
	double best = INFINITY, start = now();
	unsigned int times = 1;

	run(arg);
	for (unsigned int round = 0; round < 7 || now() - start < 0.15; round++) {
		double begin = now(), each;

		for (unsigned int i = 0; i < times; i++)
			run(arg);
		each = (now() - begin) / times;
		if (each < best)
			best = each;
		if (each * times < 1e-3)
			times *= 2;
	}
	return best;
}

struct job {
	struct nk_ctx *ctx;
	struct neuron_inst inst;
	struct test_tensor t[TEST_OPERANDS];
	struct test_tensor *op[TEST_OPERANDS];
	dnnl_primitive_t primitive;
	dnnl_stream_t stream;
	dnnl_exec_arg_t arg[4];
	int args;
	bool warm;
};

static dnnl_engine_t engine;

static void run_kernel(void *arg)
{
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats stats = { 0 };
	struct job *j = arg;
	uint64_t info;

	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (j->op[i])
			op[i] = test_view(j->op[i]);
	/* Weights stay in the scratchpad, as they do between the runs of a model. */
	op[2].constant = j->warm;
	if (nk_execute(j->ctx, &j->inst, op, &j->inst, NULL, &stats, &info))
		abort();
	j->warm = true;
}

static void run_direct(void *arg)
{
	struct job *j = arg;

	dnnl_primitive_execute(j->primitive, j->stream, j->args, j->arg);
}

static void need(dnnl_status_t status)
{
	if (status) {
		fprintf(stderr, "oneDNN refuses: %d\n", status);
		exit(1);
	}
}

static dnnl_data_type_t type_of(unsigned int dtype)
{
	return dtype == NEURON_F32 ? dnnl_f32 : dtype == NEURON_BF16 ? dnnl_bf16 :
	       dtype == NEURON_U8 ? dnnl_u8 : dtype == NEURON_I8 ? dnnl_s8 : dnnl_s32;
}

static void add_arg(struct job *j, int name, const dnnl_memory_desc_t *desc, void *data)
{
	j->arg[j->args].arg = name;
	need(dnnl_memory_create(&j->arg[j->args].memory, desc, engine, data));
	j->args++;
}

/* A primitive on our operands, with its weights reordered beforehand. */
static void make_direct(struct job *j, const_dnnl_op_desc_t desc, const dnnl_memory_desc_t *in,
			const dnnl_memory_desc_t *weight, const dnnl_memory_desc_t *out)
{
	const dnnl_memory_desc_t *best;
	dnnl_primitive_desc_t pd, rd;
	dnnl_primitive_t reorder;
	dnnl_exec_arg_t arg[2];

	need(dnnl_primitive_desc_create(&pd, desc, NULL, engine, NULL));
	best = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	add_arg(j, DNNL_ARG_SRC, in, j->t[1].data);
	add_arg(j, DNNL_ARG_WEIGHTS, best, DNNL_MEMORY_ALLOCATE);
	add_arg(j, DNNL_ARG_DST, out, j->t[0].data);
	need(dnnl_reorder_primitive_desc_create(&rd, weight, engine, best, engine, NULL));
	need(dnnl_primitive_create(&reorder, rd));
	arg[0].arg = DNNL_ARG_FROM;
	need(dnnl_memory_create(&arg[0].memory, weight, engine, j->t[2].data));
	arg[1].arg = DNNL_ARG_TO;
	arg[1].memory = j->arg[1].memory;
	need(dnnl_primitive_execute(reorder, j->stream, 2, arg));
	need(dnnl_primitive_create(&j->primitive, pd));
	dnnl_memory_destroy(arg[0].memory);
	dnnl_primitive_destroy(reorder);
	dnnl_primitive_desc_destroy(rd);
	dnnl_primitive_desc_destroy(pd);
}

static void operand(struct job *j, unsigned int i, unsigned int dtype, unsigned int rank,
		    const uint32_t *dims, enum test_layout layout)
{
	test_alloc(&j->t[i], dtype, rank, dims, layout);
	free(j->t[i].memory);
	j->t[i].memory = aligned_alloc(64, (j->t[i].bytes + 63) & ~63ul);
	j->t[i].data = j->t[i].memory;
	test_fill_random(&j->t[i]);
	j->op[i] = &j->t[i];
}

struct shape {
	const char *name;
	unsigned int out, a, b;
	/*
	 * MATMUL: m, n, k. CONV: channels, rows, columns, filters, kernel, groups, stride, and
	 * the kernel's width if it has one row.
	 */
	uint32_t dims[8];
};

static const struct shape matmuls[] = {
	{ "kwt1 projection", NEURON_F32, NEURON_F32, NEURON_F32, { 98, 64, 64 } },
	{ "hidden 256", NEURON_F32, NEURON_F32, NEURON_F32, { 128, 256, 256 } },
	{ "BERT feed-forward", NEURON_F32, NEURON_F32, NEURON_F32, { 128, 3072, 768 } },
	{ "square", NEURON_F32, NEURON_F32, NEURON_F32, { 1024, 1024, 1024 } },
	{ "decoder step", NEURON_F32, NEURON_F32, NEURON_F32, { 1, 512, 512 } },
	{ "hidden 256", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 128, 256, 256 } },
	{ "BERT feed-forward", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 128, 3072, 768 } },
	{ "square", NEURON_F32, NEURON_BF16, NEURON_BF16, { 1024, 1024, 1024 } },
	{ "decoder step", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 1, 512, 512 } },
	{ "hidden 256", NEURON_I32, NEURON_U8, NEURON_I8, { 128, 256, 256 } },
	{ "BERT feed-forward", NEURON_I32, NEURON_U8, NEURON_I8, { 128, 3072, 768 } },
};

static const struct shape convs[] = {
	{ "resnet8 first", NEURON_F32, NEURON_F32, NEURON_F32, { 3, 32, 32, 16, 3, 1, 1 } },
	{ "resnet8 last", NEURON_F32, NEURON_F32, NEURON_F32, { 64, 8, 8, 64, 3, 1, 1 } },
	{ "dscnn pointwise", NEURON_F32, NEURON_F32, NEURON_F32, { 64, 25, 5, 64, 1, 1, 1 } },
	{ "mobilenet depthwise", NEURON_F32, NEURON_F32, NEURON_F32, { 144, 28, 28, 144, 3, 144, 1 } },
	{ "super-resolution", NEURON_F32, NEURON_F32, NEURON_F32, { 64, 224, 224, 64, 3, 1, 1 } },
	{ "resnet8 last", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 64, 8, 8, 64, 3, 1, 1 } },
	{ "mobilenet pointwise", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 96, 56, 56, 24, 1, 1, 1 } },
	{ "mobilenet depthwise", NEURON_BF16, NEURON_BF16, NEURON_BF16,
	  { 144, 28, 28, 144, 3, 144, 1 } },
	{ "super-resolution", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 64, 224, 224, 64, 3, 1, 1 } },
	{ "resnet8 last", NEURON_I32, NEURON_U8, NEURON_I8, { 64, 8, 8, 64, 3, 1, 1 } },
	{ "mobilenet pointwise", NEURON_I32, NEURON_U8, NEURON_I8, { 96, 56, 56, 24, 1, 1, 1 } },
	{ "super-resolution", NEURON_I32, NEURON_U8, NEURON_I8, { 64, 224, 224, 64, 3, 1, 1 } },
	{ "resnet50 3x3, 56", NEURON_F32, NEURON_F32, NEURON_F32, { 64, 56, 56, 64, 3, 1, 1 } },
	{ "resnet50 3x3, 7", NEURON_F32, NEURON_F32, NEURON_F32, { 512, 7, 7, 512, 3, 1, 1 } },
	{ "resnet50 1x1, 7", NEURON_F32, NEURON_F32, NEURON_F32, { 2048, 7, 7, 512, 1, 1, 1 } },
	{ "hifigan, 1 x 11", NEURON_F32, NEURON_F32, NEURON_F32, { 32, 1, 4096, 32, 1, 1, 1, 11 } },
	{ "resnet50 3x3, 56", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 64, 56, 56, 64, 3, 1, 1 } },
	{ "resnet50 3x3, 14", NEURON_BF16, NEURON_BF16, NEURON_BF16,
	  { 256, 14, 14, 256, 3, 1, 1 } },
	{ "resnet50 3x3, 7", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 512, 7, 7, 512, 3, 1, 1 } },
	{ "resnet50 1x1, 56", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 64, 56, 56, 256, 1, 1, 1 } },
	{ "resnet50 1x1, 7", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 2048, 7, 7, 512, 1, 1, 1 } },
	{ "hifigan, 1 x 11", NEURON_BF16, NEURON_BF16, NEURON_BF16,
	  { 32, 1, 4096, 32, 1, 1, 1, 11 } },
	{ "dscnn depthwise", NEURON_BF16, NEURON_BF16, NEURON_BF16, { 64, 25, 5, 64, 3, 64, 1 } },
	{ "resnet50 3x3, 7", NEURON_I32, NEURON_U8, NEURON_I8, { 512, 7, 7, 512, 3, 1, 1 } },
	{ "quantised resnet8", NEURON_I8, NEURON_I8, NEURON_I8, { 64, 8, 8, 64, 3, 1, 1 } },
	{ "quantised mobilenet", NEURON_I8, NEURON_I8, NEURON_I8, { 96, 56, 56, 24, 1, 1, 1 } },
};

static double make_matmul(struct job *j, const struct shape *s)
{
	const uint32_t m = s->dims[0], n = s->dims[1], k = s->dims[2];
	dnnl_dims_t a_dims = { m, k }, b_dims = { k, n }, out_dims = { m, n };
	dnnl_memory_desc_t a, b, any, out;
	dnnl_matmul_desc_t desc;

	j->inst = test_inst(NEURON_OP_MATMUL);
	operand(j, 0, s->out, 2, (uint32_t[]){ m, n }, TEST_DENSE);
	operand(j, 1, s->a, 2, (uint32_t[]){ m, k }, TEST_DENSE);
	operand(j, 2, s->b, 2, (uint32_t[]){ k, n }, TEST_DENSE);
	need(dnnl_memory_desc_init_by_tag(&a, 2, a_dims, type_of(s->a), dnnl_ab));
	need(dnnl_memory_desc_init_by_tag(&b, 2, b_dims, type_of(s->b), dnnl_ab));
	need(dnnl_memory_desc_init_by_tag(&any, 2, b_dims, type_of(s->b), dnnl_format_tag_any));
	need(dnnl_memory_desc_init_by_tag(&out, 2, out_dims, type_of(s->out), dnnl_ab));
	need(dnnl_matmul_desc_init(&desc, &a, &any, NULL, &out));
	make_direct(j, &desc, &a, &b, &out);
	return (double)m * n * k;
}

static double make_conv(struct job *j, const struct shape *s)
{
	const uint32_t c = s->dims[0], h = s->dims[1], w = s->dims[2], m = s->dims[3];
	const uint32_t kernel = s->dims[4], groups = s->dims[5], stride = s->dims[6];
	const uint32_t width = s->dims[7] ? s->dims[7] : kernel;
	const uint32_t pad = kernel / 2, oh = (h + 2 * pad - kernel) / stride + 1;
	const uint32_t pad_x = width / 2, ow = (w + 2 * pad_x - width) / stride + 1;
	struct neuron_params_CONV *p = NEURON_PARAMS(CONV, &j->inst);
	dnnl_dims_t in_dims = { 1, c, h, w }, out_dims = { 1, m, oh, ow };
	dnnl_dims_t dense = { m, c, kernel, width };
	dnnl_dims_t grouped = { groups, m / groups, c / groups, kernel, width };
	dnnl_dims_t strides = { stride, stride }, pads = { pad, pad_x };
	dnnl_memory_desc_t in, weight, any, out;
	dnnl_convolution_desc_t desc;
	bool split = groups > 1;

	j->inst = test_inst(NEURON_OP_CONV);
	p->groups = groups;
	for (unsigned int d = 0; d < 2; d++) {
		p->stride[d] = stride;
		p->dilation[d] = 1;
		p->pad[d] = d ? pad_x : pad;
	}
	operand(j, 0, s->out, 4, (uint32_t[]){ 1, m, oh, ow }, TEST_CHANNELS_LAST);
	operand(j, 1, s->a, 4, (uint32_t[]){ 1, c, h, w }, TEST_CHANNELS_LAST);
	operand(j, 2, s->b, 4, (uint32_t[]){ m, c / groups, kernel, width }, TEST_DENSE);
	need(dnnl_memory_desc_init_by_tag(&in, 4, in_dims, type_of(s->a), dnnl_nhwc));
	need(dnnl_memory_desc_init_by_tag(&out, 4, out_dims, type_of(s->out), dnnl_nhwc));
	if (s->out == NEURON_I8) {	/* the library's own way to it is not ours: s / 256 */
		operand(j, 4, NEURON_F32, 1, &m, TEST_DENSE);
		for (uint32_t i = 0; i < m; i++)
			((float *)j->t[4].data)[i] = 0x1p-8f;
		p->act = NEURON_ACT_RELU;
	}
	need(dnnl_memory_desc_init_by_tag(&weight, 4 + split, split ? grouped : dense,
					  type_of(s->b), split ? dnnl_goihw : dnnl_oihw));
	need(dnnl_memory_desc_init_by_tag(&any, 4 + split, split ? grouped : dense,
					  type_of(s->b), dnnl_format_tag_any));
	need(dnnl_convolution_forward_desc_init(&desc, dnnl_forward_inference,
						dnnl_convolution_direct, &in, &any, NULL, &out,
						strides, pads, pads));
	make_direct(j, &desc, &in, &weight, &out);
	return (double)m * oh * ow * (c / groups) * kernel * width;
}

static void free_job(struct job *j)
{
	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (j->op[i])
			test_free(&j->t[i]);
	for (int i = 0; i < j->args; i++)
		dnnl_memory_destroy(j->arg[i].memory);
	if (j->primitive)
		dnnl_primitive_destroy(j->primitive);
	if (j->stream)
		dnnl_stream_destroy(j->stream);
	nk_ctx_destroy(j->ctx);
}

static double compare(const struct shape *s, unsigned int threads,
		      double (*make)(struct job *j, const struct shape *s))
{
	static const char *const names[] = { "fp32", "bf16", "fp16", "int8", "int8" };
	struct job j = { .ctx = nk_ctx_create(threads, false) };
	double macs, direct, kernel;

	omp_set_num_threads(threads);
	need(dnnl_stream_create(&j.stream, engine, dnnl_stream_default_flags));
	macs = make(&j, s);
	kernel = best_time(run_kernel, &j);
	direct = best_time(run_direct, &j);
	printf("%-22s %-5s %7u %10.1f %10.1f %8.1f %7.2f\n", s->name, names[s->a], threads,
	       kernel * 1e6, direct * 1e6, 2e-9 * macs / kernel, direct / kernel);
	fflush(stdout);
	free_job(&j);
	return direct / kernel;
}

/* Those whose name begins with @name, or all. */
static void compare_all(unsigned int threads, const char *name)
{
	const size_t num_matmuls = sizeof(matmuls) / sizeof(matmuls[0]);
	double log_sum = 0, least = INFINITY;
	unsigned int n = 0;

	printf("\n%-22s %-5s %7s %10s %10s %8s %7s\n", "", "type", "threads", "kernel us",
	       "direct us", "GFLOPS", "ratio");
	for (size_t i = 0; i < num_matmuls + sizeof(convs) / sizeof(convs[0]); i++) {
		bool product = i < num_matmuls;
		const struct shape *s = product ? &matmuls[i] : &convs[i - num_matmuls];
		double ratio;

		if (strncmp(s->name, name, strlen(name)))
			continue;
		ratio = compare(s, threads, product ? make_matmul : make_conv);
		log_sum += log(ratio);
		least = fmin(least, ratio);
		n++;
	}
	printf("geometric mean %.2f, least %.2f\n", exp(log_sum / n), least);
}

/* Everything else, against a copy of the same bytes. */
static void elementwise(const char *name, unsigned int opcode, uint32_t func, unsigned int out,
			unsigned int in, uint32_t n, double copy)
{
	struct job j = { .ctx = nk_ctx_create(1, false), .inst = test_inst(opcode) };
	const uint32_t rows = 64, dims[2] = { rows, n / rows }, reduced[2] = { rows, 1 };
	double t;

	operand(&j, 0, out, 2, opcode == NEURON_OP_REDUCE ? reduced : dims, TEST_DENSE);
	operand(&j, 1, in, 2, dims, TEST_DENSE);
	if (opcode == NEURON_OP_ELTWISE)
		operand(&j, 2, in, 2, dims, TEST_DENSE);
	if (opcode == NEURON_OP_REDUCE) {
		NEURON_PARAMS(REDUCE, &j.inst)->func = func;
		NEURON_PARAMS(REDUCE, &j.inst)->axes = 2;
	} else if (opcode == NEURON_OP_SOFTMAX) {
		NEURON_PARAMS(SOFTMAX, &j.inst)->axis = 1;
	} else if (opcode == NEURON_OP_NORM) {
		NEURON_PARAMS(NORM, &j.inst)->axes = 2;
	} else if (opcode == NEURON_OP_QUANTIZE) {
		operand(&j, 2, NEURON_F32, 2, dims, TEST_DENSE);
		memset(j.t[2].desc.strides, 0, sizeof(j.t[2].desc.strides));
	} else {
		NEURON_PARAMS(ACT, &j.inst)->func = func;
	}
	t = best_time(run_kernel, &j);
	printf("%-22s %10.2f ns an element, %6.1f times a copy\n", name, t * 1e9 / n, t / copy);
	free_job(&j);
}

static void all_elementwise(void)
{
	const uint32_t n = 65536;
	struct job copy = { .ctx = nk_ctx_create(1, false), .inst = test_inst(NEURON_OP_COPY) };
	double t;

	operand(&copy, 0, NEURON_F32, 1, &n, TEST_DENSE);
	operand(&copy, 1, NEURON_F32, 1, &n, TEST_DENSE);
	t = best_time(run_kernel, &copy);
	free_job(&copy);

	printf("\nOne thread, %u elements; a copy of them as fp32 takes %.1f us\n", n, t * 1e6);
#define CASE(name, op, func, out, in) \
	elementwise(name, NEURON_OP_##op, func, NEURON_##out, NEURON_##in, n, t)
	CASE("fp32 to bf16", ACT, NEURON_ACT_IDENTITY, BF16, F32);
	CASE("fp16 to fp32", ACT, NEURON_ACT_IDENTITY, F32, F16);
	CASE("fp32 to fp16", ACT, NEURON_ACT_IDENTITY, F16, F32);
	CASE("relu fp32", ACT, NEURON_ACT_RELU, F32, F32);
	CASE("relu bf16", ACT, NEURON_ACT_RELU, BF16, BF16);
	CASE("sigmoid", ACT, NEURON_ACT_SIGMOID, F32, F32);
	CASE("tanh", ACT, NEURON_ACT_TANH, F32, F32);
	CASE("gelu", ACT, NEURON_ACT_GELU, F32, F32);
	CASE("exp", ACT, NEURON_ACT_EXP, F32, F32);
	CASE("add fp32", ELTWISE, NEURON_BINARY_ADD, F32, F32);
	CASE("add bf16", ELTWISE, NEURON_BINARY_ADD, BF16, BF16);
	CASE("add int8", ELTWISE, NEURON_BINARY_ADD, I8, I8);
	CASE("quantize", QUANTIZE, 0, I8, F32);
	CASE("sum", REDUCE, NEURON_REDUCE_SUM, F32, F32);
	CASE("max", REDUCE, NEURON_REDUCE_MAX, F32, F32);
	CASE("softmax", SOFTMAX, 0, F32, F32);
	CASE("norm", NORM, 0, F32, F32);
#undef CASE
}

static void overhead(void)
{
	const uint32_t n = 16, two[2] = { 4, 4 };
	struct job act = { .ctx = nk_ctx_create(1, false), .inst = test_inst(NEURON_OP_ACT) };
	struct job mm = { .ctx = nk_ctx_create(1, false), .inst = test_inst(NEURON_OP_MATMUL) };

	operand(&act, 0, NEURON_F32, 1, &n, TEST_DENSE);
	operand(&act, 1, NEURON_F32, 1, &n, TEST_DENSE);
	for (unsigned int i = 0; i < 3; i++)
		operand(&mm, i, NEURON_F32, 2, two, TEST_DENSE);
	printf("\nACT of 16 elements: %.0f ns; MATMUL of 4 x 4 x 4: %.0f ns\n",
	       best_time(run_kernel, &act) * 1e9, best_time(run_kernel, &mm) * 1e9);
	free_job(&act);
	free_job(&mm);
}

/* kernels [THREADS [NAME]]: with a name, only the products and convolutions that begin so. */
int main(int argc, char **argv)
{
	unsigned int threads = argc > 1 ? atoi(argv[1]) : 1;
	const char *name = argc > 2 ? argv[2] : "";

	need(dnnl_engine_create(&engine, dnnl_cpu, 0));
	printf("%s\n", nk_backend());
	if (!*name) {
		overhead();
		all_elementwise();
	}
	compare_all(1, name);
	if (threads > 1) {
		which_clock = CLOCK_MONOTONIC;
		compare_all(threads, name);
	}
	dnnl_engine_destroy(engine);
	return 0;
}
