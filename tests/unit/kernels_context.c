// SPDX-License-Identifier: MIT
/*
 * What a kernel context promises: plans that follow their instruction, no
 * allocation in steady state, threads, cancellation.
 */
#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "kernels.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED	true
#else
#define SANITIZED	false
#endif

struct convolution {
	struct neuron_inst inst;
	struct test_tensor out, in, weight;
};

static void make_conv(struct convolution *c, uint32_t channels, uint32_t side, unsigned int type)
{
	const uint32_t out[4] = { 1, channels, side, side }, w[4] = { channels, channels, 3, 3 };
	struct neuron_params_CONV *p;

	c->inst = test_inst(NEURON_OP_CONV);
	p = NEURON_PARAMS(CONV, &c->inst);
	p->groups = 1;
	for (unsigned int d = 0; d < 2; d++)
		p->stride[d] = p->dilation[d] = p->pad[d] = 1;
	test_alloc(&c->out, type, 4, out, TEST_CHANNELS_LAST);
	test_alloc(&c->in, type, 4, out, TEST_CHANNELS_LAST);
	test_alloc(&c->weight, type, 4, w, TEST_DENSE);
	test_fill_random(&c->in);
	test_fill_random(&c->weight);
}

static void free_conv(struct convolution *c)
{
	test_free(&c->out);
	test_free(&c->in);
	test_free(&c->weight);
}

static enum nk_status run_conv(struct nk_ctx *ctx, struct convolution *c)
{
	return test_run(ctx, &c->inst, (struct test_tensor *[TEST_OPERANDS]){ &c->out, &c->in, &c->weight },
			NULL);
}

static uint64_t sum_bytes(const struct test_tensor *t)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < t->bytes; i++)
		sum = sum * 31 + ((const uint8_t *)t->memory)[i];
	return sum;
}

/* The same key, other weights: what was packed before must not be used. */
static void weights_change(void)
{
	struct nk_ctx *ctx = nk_ctx_create(1, false), *fresh = nk_ctx_create(1, false);
	struct convolution c;
	uint64_t first, second;

	make_conv(&c, 16, 12, NEURON_F32);
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	first = sum_bytes(&c.out);
	((float *)c.weight.data)[16 * 16 * 9 - 1] += 1;
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	second = sum_bytes(&c.out);
	CHECK(first != second);
	CHECK_EQ(run_conv(fresh, &c), NK_OK);
	CHECK_EQ(sum_bytes(&c.out), second);
	nk_forget(ctx);
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	CHECK_EQ(sum_bytes(&c.out), second);
	free_conv(&c);
	nk_ctx_destroy(ctx);
	nk_ctx_destroy(fresh);
}

/* The same key, another shape: a plan is not only found by its key. */
static void shapes_change(void)
{
	struct nk_ctx *ctx = nk_ctx_create(1, false), *fresh = nk_ctx_create(1, false);
	struct convolution c;

	for (unsigned int i = 0; i < 6; i++) {
		uint64_t seen;

		make_conv(&c, 4 + 4 * (i % 3), 5 + i % 2, i % 2 ? NEURON_BF16 : NEURON_F32);
		CHECK_EQ(run_conv(ctx, &c), NK_OK);
		seen = sum_bytes(&c.out);
		nk_forget(fresh);
		CHECK_EQ(run_conv(fresh, &c), NK_OK);
		CHECK_EQ(sum_bytes(&c.out), seen);
		free_conv(&c);
	}
	nk_ctx_destroy(ctx);
	nk_ctx_destroy(fresh);
}

/* Run an instruction twice, so that its weights are kept; the second time they are constant. */
static void run_constant(struct nk_ctx *ctx, const struct neuron_inst *inst,
			 struct test_tensor *const *t, const void *key)
{
	struct nk_stats stats = { 0 };
	uint64_t info;

	for (unsigned int i = 0; i < 2; i++) {
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };

		for (unsigned int k = 0; k < 3; k++)
			op[k] = test_view(t[k]);
		op[2].constant = i;
		CHECK_EQ(nk_execute(ctx, inst, op, key, NULL, &stats, &info), NK_OK);
	}
}

/*
 * Instructions with equal constant weights keep one copy of what is made of them. When
 * those of one change, the others keep theirs.
 */
static void weights_are_shared(unsigned int opcode, unsigned int type)
{
	enum { KEYS = 8 };
	struct nk_ctx *ctx = nk_ctx_create(1, false), *fresh = nk_ctx_create(1, false);
	struct test_tensor *t[3];
	struct neuron_inst inst;
	struct convolution c;
	char key[KEYS];
	size_t before, one, all;
	uint64_t first, second;
	uint8_t *top;

	if (opcode == NEURON_OP_MATMUL) {
		const uint32_t dims[2] = { 512, 512 }, rows[2] = { 64, 512 };

		test_alloc(&c.out, type == NEURON_I8 ? NEURON_I32 : NEURON_F32, 2, rows, TEST_DENSE);
		test_alloc(&c.in, type, 2, rows, TEST_DENSE);
		test_alloc(&c.weight, type, 2, dims, TEST_DENSE);
		test_fill_random(&c.in);
		test_fill_random(&c.weight);
		inst = test_inst(NEURON_OP_MATMUL);
	} else {
		const uint32_t dims[4] = { 1, 256, 8, 8 };

		make_conv(&c, 256, 8, type);
		if (type == NEURON_I8) {	/* whose sums saturate */
			test_free(&c.out);
			test_alloc(&c.out, NEURON_I32, 4, dims, TEST_CHANNELS_LAST);
		}
		inst = c.inst;
	}
	t[0] = &c.out;
	t[1] = &c.in;
	t[2] = &c.weight;
	/* The sign of its first element. */
	top = (uint8_t *)c.weight.data + (type == NEURON_F32 ? 3 : type == NEURON_BF16);
	/* Temporaries have their size then. */
	run_constant(fresh, &inst, t, &key[0]);
	first = sum_bytes(&c.out);

	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	run_constant(ctx, &inst, t, &key[0]);
	one = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	for (unsigned int i = 1; i < KEYS; i++) {
		run_constant(ctx, &inst, t, &key[i]);
		CHECK_EQ(sum_bytes(&c.out), first);
	}
	all = mallinfo2().uordblks + mallinfo2().hblkhd - before;
	if (!SANITIZED && opcode == NEURON_OP_MATMUL)
		CHECK(all - one < (KEYS - 1) * c.weight.bytes / 4);

	/* In a later job the first instruction has other weights; then those of before. */
	*top ^= 0x80;
	run_constant(ctx, &inst, t, &key[0]);
	second = sum_bytes(&c.out);
	run_constant(fresh, &inst, t, &key[1]);
	CHECK_EQ(sum_bytes(&c.out), second);
	CHECK(first != second);
	*top ^= 0x80;
	for (unsigned int i = KEYS; i-- > 0;) {
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
		struct nk_stats stats = { 0 };
		uint64_t info;

		for (unsigned int k = 0; k < 3; k++)
			op[k] = test_view(t[k]);
		op[2].constant = i > 0;		/* they have what they had */
		CHECK_EQ(nk_execute(ctx, &inst, op, &key[i], NULL, &stats, &info), NK_OK);
		CHECK_EQ(sum_bytes(&c.out), first);
	}
	free_conv(&c);
	nk_ctx_destroy(ctx);
	nk_ctx_destroy(fresh);
}

static void shared_weights(void)
{
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_I8 };

	for (unsigned int i = 0; i < 3; i++) {
		weights_are_shared(NEURON_OP_MATMUL, types[i]);
		weights_are_shared(NEURON_OP_CONV, types[i]);
	}
}

/* More instructions than plans are kept for. */
static void plans_are_bounded(void)
{
	struct nk_ctx *ctx = nk_ctx_create(1, false);
	const uint32_t dims[2] = { 2, 2 };
	struct test_tensor out, a, b;
	static struct neuron_inst inst[6000];

	test_alloc(&out, NEURON_F32, 2, dims, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 2, dims, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 2, dims, TEST_DENSE);
	test_put(&a, 0, 2);
	test_put(&b, 0, 3);
	for (unsigned int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < 6000; i++) {
			inst[i] = test_inst(NEURON_OP_MATMUL);
			if (test_run(ctx, &inst[i], (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b },
				     NULL) || test_get(&out, 0) != 6)
				ktap_failed = true;
		}
	}
	test_free(&out);
	test_free(&a);
	test_free(&b);
	nk_ctx_destroy(ctx);
}

static void no_allocation(void)
{
	struct nk_ctx *ctx = nk_ctx_create(2, false);
	struct convolution c[3];
	unsigned int turn = 0;
	size_t before;

	if (SANITIZED) {
		ktap_skip("a sanitizer's allocator does not count");
		nk_ctx_destroy(ctx);
		return;
	}
	make_conv(&c[0], 16, 40, NEURON_F32);
	make_conv(&c[1], 64, 30, NEURON_BF16);
	make_conv(&c[2], 16, 20, NEURON_U8);
	/*
	 * oneDNN allocates and frees within a call, and the allocator keeps what a thread has
	 * freed at hand for it. It depends on luck when each thread has had its first piece
	 * of work: then nothing more may come.
	 */
	do {
		before = mallinfo2().uordblks;
		for (unsigned int i = 0; i < 60; i++)
			CHECK_EQ(run_conv(ctx, &c[i % 3]), NK_OK);
	} while (mallinfo2().uordblks != before && ++turn < 8);
	CHECK(turn < 8);
	for (unsigned int i = 0; i < 3; i++)
		free_conv(&c[i]);
	nk_ctx_destroy(ctx);
}

/* An instruction that was prepared finds all it needs; its data came later. */
static void prepared(void)
{
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_U8 };
	struct nk_ctx *ctx = nk_ctx_create(1, false);
	struct neuron_inst matmul = test_inst(NEURON_OP_MATMUL), act = test_inst(NEURON_OP_ACT);
	const uint32_t dims[2] = { 64, 64 };

	if (SANITIZED) {
		ktap_skip("a sanitizer's allocator does not count");
		nk_ctx_destroy(ctx);
		return;
	}
	for (unsigned int i = 0; i < 3; i++) {
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
		struct neuron_inst first;
		struct convolution c;
		struct test_tensor t;
		uint64_t sum;
		size_t before;

		make_conv(&c, 32, 20, types[i]);
		first = c.inst;
		CHECK_EQ(test_run(ctx, &first, (struct test_tensor *[TEST_OPERANDS]){ &c.out, &c.in, &c.weight },
				  NULL), NK_OK);
		sum = sum_bytes(&c.out);
		memset(c.out.memory, 0, c.out.bytes);

		op[0].desc = &c.out.desc;
		op[1].desc = &c.in.desc;
		op[2].desc = &c.weight.desc;
		CHECK_EQ(nk_prepare(ctx, &c.inst, op, &c.inst), NK_OK);
		before = mallinfo2().uordblks;
		CHECK_EQ(nk_prepare(ctx, &c.inst, op, &c.inst), NK_OK);
		CHECK_EQ(run_conv(ctx, &c), NK_OK);
		/* What the allocator keeps at hand is none of ours, and far below a plan. */
		CHECK(mallinfo2().uordblks < before + 1024);
		CHECK_EQ(sum_bytes(&c.out), sum);
		free_conv(&c);

		test_alloc(&t, types[i], 2, dims, TEST_DENSE);
		op[0].desc = op[1].desc = op[2].desc = &t.desc;
		CHECK_EQ(nk_prepare(ctx, &matmul, op, &matmul), NK_OK);
		test_free(&t);
	}
	CHECK_EQ(nk_prepare(ctx, &act, (struct nk_view[NEURON_MAX_OPERANDS]){ 0 }, &act), NK_OK);
	nk_ctx_destroy(ctx);
}

static void *run_often(void *arg)
{
	struct nk_ctx *ctx = nk_ctx_create(2, false);
	struct convolution *c = arg;

	for (unsigned int i = 0; i < 20; i++)
		if (run_conv(ctx, c))
			ktap_failed = true;
	nk_ctx_destroy(ctx);
	return NULL;
}

/* As the chip's cores do: a context and a thread each, several threads inside. */
static void several_contexts(void)
{
	struct convolution c[4];
	pthread_t thread[4];

	for (unsigned int i = 0; i < 4; i++) {
		test_seed = 12345;
		make_conv(&c[i], 32, 60, NEURON_F32);
	}
	for (unsigned int i = 0; i < 4; i++)
		pthread_create(&thread[i], NULL, run_often, &c[i]);
	for (unsigned int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	for (unsigned int i = 1; i < 4; i++)
		CHECK(!memcmp(c[i].out.memory, c[0].out.memory, c[0].out.bytes));
	for (unsigned int i = 0; i < 4; i++)
		free_conv(&c[i]);
}

static void thread_counts(void)
{
	struct nk_ctx *ctx = nk_ctx_create(1, false);
	uint64_t sum = 0;
	struct convolution c;

	make_conv(&c, 32, 90, NEURON_F32);
	for (unsigned int threads = 1; threads < 6; threads++) {
		nk_ctx_threads(ctx, threads);
		memset(c.out.memory, 0, c.out.bytes);
		CHECK_EQ(run_conv(ctx, &c), NK_OK);
		if (threads > 1)
			CHECK_EQ(sum_bytes(&c.out), sum);
		sum = sum_bytes(&c.out);
	}
	free_conv(&c);
	nk_ctx_destroy(ctx);
}

static unsigned int count_threads(void)
{
	unsigned int n = 0;
	char line[128];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Threads: %u", &n) == 1)
			break;
	if (file)
		fclose(file);
	return n;
}

/* No library may leave threads behind that spin between instructions. */
static void no_foreign_threads(void)
{
	struct nk_ctx *ctx = nk_ctx_create(3, false);
	unsigned int before = count_threads();
	struct convolution c;

	make_conv(&c, 32, 90, NEURON_F32);
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	CHECK_EQ(count_threads(), before + 2);
	free_conv(&c);
	nk_ctx_destroy(ctx);
	CHECK_EQ(count_threads(), before);
}

static bool cancel;

static void *raise_cancel(void *arg)
{
	struct timespec wait = { .tv_nsec = 20000000 };

	(void)arg;
	nanosleep(&wait, NULL);
	__atomic_store_n(&cancel, true, __ATOMIC_RELAXED);
	return NULL;
}

/* The reference takes seconds for this; it must stop soon after the flag. */
static void cancellation(bool reference)
{
	struct nk_ctx *ctx = nk_ctx_create(2, reference);
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats stats = { 0 };
	struct timespec start, end;
	enum nk_status status = NK_OK;
	struct convolution c;
	pthread_t thread;
	uint64_t info;
	double seconds;

	make_conv(&c, 128, 200, NEURON_F32);
	op[0] = test_view(&c.out);
	op[1] = test_view(&c.in);
	op[2] = test_view(&c.weight);
	cancel = false;
	pthread_create(&thread, NULL, raise_cancel, NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (status == NK_OK)
		status = nk_execute(ctx, &c.inst, op, &c.inst, &cancel, &stats, &info);
	clock_gettime(CLOCK_MONOTONIC, &end);
	pthread_join(thread, NULL);
	CHECK_EQ(status, NK_CANCELLED);
	seconds = end.tv_sec - start.tv_sec + 1e-9 * (end.tv_nsec - start.tv_nsec);
	/* Generous: other work on the machine, and sanitizers. */
	CHECK(seconds < 1.0);
	/* The context is as good as before. */
	free_conv(&c);
	make_conv(&c, 16, 10, NEURON_F32);
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	free_conv(&c);
	nk_ctx_destroy(ctx);
}

static void cancel_reference(void)
{
	cancellation(true);
}

static void cancel_fast(void)
{
	cancellation(false);
}

/*
 * Broadcast inputs cost no memory, so their dims have no bound: work without an
 * end must stop at the flag, and temporaries without an end must be refused.
 */
static void hostile(struct neuron_inst *inst, struct test_tensor *const *t)
{
	for (unsigned int reference = 0; reference < 2; reference++) {
		struct nk_ctx *ctx = nk_ctx_create(1, reference);
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
		struct nk_stats stats = { 0 };
		enum nk_status status;
		pthread_t thread;
		uint64_t info;

		for (unsigned int i = 0; i < TEST_OPERANDS; i++)
			if (t[i])
				op[i] = test_view(t[i]);
		cancel = false;
		pthread_create(&thread, NULL, raise_cancel, NULL);
		status = nk_execute(ctx, inst, op, inst, &cancel, &stats, &info);
		CHECK(status == NK_CANCELLED || status == NK_NO_MEMORY);
		pthread_join(thread, NULL);
		nk_ctx_destroy(ctx);
	}
}

static void widen(struct test_tensor *t, unsigned int dim, uint32_t n)
{
	t->desc.dims[dim] = n;
	t->desc.strides[dim] = 0;
}

static void hostile_programs(void)
{
	const uint32_t ones[NEURON_MAX_RANK] = { 1, 1, 1, 1, 1, 1, 1, 1 };
	struct neuron_inst reduce = test_inst(NEURON_OP_REDUCE), pool = test_inst(NEURON_OP_POOL);
	struct neuron_inst matmul = test_inst(NEURON_OP_MATMUL), conv = test_inst(NEURON_OP_CONV);
	struct neuron_params_POOL *pp = NEURON_PARAMS(POOL, &pool);
	struct neuron_params_CONV *cp = NEURON_PARAMS(CONV, &conv);
	struct test_tensor out, a, b;

	/* Dims whose product is 2^256, or 0 modulo 2^64. */
	test_alloc(&out, NEURON_F32, 8, ones, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 8, ones, TEST_DENSE);
	for (unsigned int d = 0; d < 8; d++)
		widen(&a, d, 1u << 31);
	for (uint32_t func = 0; func < NEURON_NUM_REDUCTIONS; func += 3) {
		NEURON_PARAMS(REDUCE, &reduce)->func = func;
		NEURON_PARAMS(REDUCE, &reduce)->axes = 0xff;
		hostile(&reduce, (struct test_tensor *[TEST_OPERANDS]){ &out, &a });
	}
	test_free(&out);
	test_free(&a);

	test_alloc(&out, NEURON_F32, 5, ones, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 5, ones, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 5, ones, TEST_DENSE);
	for (unsigned int d = 0; d < 3; d++) {
		widen(&a, 2 + d, 0xffff);
		widen(&b, 2 + d, 0xffff);
		pp->kernel[d] = 0xffff;
		pp->stride[d] = pp->dilation[d] = cp->stride[d] = cp->dilation[d] = 1;
	}
	cp->groups = 1;
	pp->func = NEURON_POOL_AVG;
	hostile(&pool, (struct test_tensor *[TEST_OPERANDS]){ &out, &a });
	hostile(&conv, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b });
	test_free(&out);
	test_free(&a);
	test_free(&b);

	test_alloc(&out, NEURON_F32, 2, ones, TEST_DENSE);
	test_alloc(&a, NEURON_F32, 2, ones, TEST_DENSE);
	test_alloc(&b, NEURON_F32, 2, ones, TEST_DENSE);
	widen(&a, 1, UINT32_MAX);
	widen(&b, 0, UINT32_MAX);
	hostile(&matmul, (struct test_tensor *[TEST_OPERANDS]){ &out, &a, &b });
	test_free(&out);
	test_free(&a);
	test_free(&b);
}

static void unknown_opcode(void)
{
	struct nk_ctx *ctx = nk_ctx_create(1, false);
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct neuron_inst inst = test_inst(NEURON_NUM_OPCODES);
	struct nk_stats stats = { 0 };
	uint64_t info;

	CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info), NK_UNSUPPORTED);
	nk_ctx_destroy(ctx);
	nk_ctx_destroy(NULL);
}

/* How many other threads of this process may run on a processor. */
static unsigned int others_on(int cpu)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *task;
	unsigned int n = 0;

	while (tasks && (task = readdir(tasks))) {
		pid_t tid = atoi(task->d_name);
		cpu_set_t allowed;

		if (tid > 0 && tid != gettid() &&
		    !sched_getaffinity(tid, sizeof(allowed), &allowed))
			n += CPU_ISSET(cpu, &allowed);
	}
	if (tasks)
		closedir(tasks);
	return n;
}

static int nth_cpu(const cpu_set_t *set, unsigned int n)
{
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, set) && !n--)
			return cpu;
	return -1;
}

/* A thread that has slept leaves the caller its processor, wherever that has gone meanwhile. */
static void threads_keep_apart(void)
{
	struct nk_ctx *ctx = nk_ctx_create(2, false);
	struct convolution c;
	cpu_set_t all, one;
	unsigned int before;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2) {
		nk_ctx_destroy(ctx);
		ktap_skip("it takes two processors");
		return;
	}
	before = others_on(nth_cpu(&all, 0));
	make_conv(&c, 64, 16, NEURON_F32);
	CHECK_EQ(run_conv(ctx, &c), NK_OK);
	for (unsigned int i = 0; i < 4; i++) {
		int cpu = nth_cpu(&all, i % 2);

		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
		/* It falls asleep soon after, when it comes to that. */
		for (unsigned int tries = 0; tries < 1000 && others_on(cpu) != before; tries++) {
			usleep(1000);
			CHECK_EQ(run_conv(ctx, &c), NK_OK);
		}
		CHECK_EQ(others_on(cpu), before);
		CHECK(others_on(nth_cpu(&all, !(i % 2))) > before);
	}
	CHECK_EQ(sched_setaffinity(0, sizeof(all), &all), 0);
	nk_ctx_destroy(ctx);
	free_conv(&c);
}

int main(void)
{
	ktap_run("weights that change under a key", weights_change);
	ktap_run("shapes that change under a key", shapes_change);
	ktap_run("equal constant weights are kept once", shared_weights);
	ktap_run("plans are bounded", plans_are_bounded);
	ktap_run("repeated execution allocates nothing", no_allocation);
	ktap_run("a prepared instruction needs nothing more", prepared);
	ktap_run("several contexts at once", several_contexts);
	ktap_run("results do not depend on the number of threads", thread_counts);
	ktap_run("only the context's own threads exist", no_foreign_threads);
	ktap_run("a thread keeps off the caller's processor", threads_keep_apart);
	ktap_run("cancelling the reference kernels", cancel_reference);
	ktap_run("cancelling the fast path", cancel_fast);
	ktap_run("programs without an end", hostile_programs);
	ktap_run("unknown opcodes", unknown_opcode);
	return ktap_done();
}
