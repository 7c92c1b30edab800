// SPDX-License-Identifier: MIT
/*
 * Rows that are dense: NORM, QUANTIZE and ELTWISE in one loop, against the reference context,
 * which computes them step by step; SOFTMAX of several at a time, against rows one by one. All to
 * the bit, with one thread and several.
 */
#include <math.h>
#include <stdio.h>

#include "kernels.h"

#define CASES	600

static struct nk_ctx *reference, *fast, *threaded;

/* As the compiler writes it: the result's dims, and strides of zero in all but the last. */
static void repeat(struct test_tensor *t, const uint32_t *dims)
{
	t->desc.rank = 3;
	t->desc.strides[2] = t->desc.strides[0];
	t->desc.strides[0] = t->desc.strides[1] = 0;
	memcpy(t->desc.dims, dims, 3 * sizeof(*dims));
}

static void check(struct test_instance *x)
{
	struct nk_ctx *const ctx[] = { reference, fast, threaded };
	struct nk_stats stats[3] = { 0 };
	void *seen[3];

	for (unsigned int i = 0; i < 3; i++) {
		memset(x->t[0].memory, 0x55, x->t[0].bytes);
		CHECK_EQ(test_run(ctx[i], &x->inst, x->op, &stats[i]), NK_OK);
		seen[i] = malloc(x->t[0].bytes);
		memcpy(seen[i], x->t[0].memory, x->t[0].bytes);
	}
	for (unsigned int i = 1; i < 3; i++) {
		if (memcmp(seen[0], seen[i], x->t[0].bytes)) {
			printf("# %s: differs, %u\n", x->text, i);
			ktap_failed = true;
		}
		CHECK_EQ(stats[i].saturations, stats[0].saturations);
		CHECK_EQ(stats[i].nans, stats[0].nans);
	}
	for (unsigned int i = 0; i < 3; i++)
		free(seen[i]);
}

static void norm(void)
{
	static const uint32_t lengths[] = { 1, 3, 8, 15, 16, 17, 31, 64, 100, 768, 1500 };
	static const unsigned int outputs[] = { NEURON_F32, NEURON_F32, NEURON_BF16, NEURON_F16 };

	for (unsigned int i = 0; i < CASES; i++) {
		uint32_t n = lengths[test_below(11)];
		uint32_t dims[3] = { 1 + test_below(3), 1 + test_below(120), n };
		unsigned int out = outputs[test_below(4)], in = test_below(4) ? NEURON_F32 : NEURON_BF16;
		bool gamma = test_below(4), beta = test_below(4), rms = !test_below(4);
		struct test_instance x = { .inst = test_inst(NEURON_OP_NORM) };
		struct neuron_params_NORM *p = NEURON_PARAMS(NORM, &x.inst);
		float *data;

		p->axes = test_below(8) ? 4 : 6;
		p->epsilon = test_below(8) ? 1e-5f : 0;
		p->rms = rms;
		test_add(&x, 0, out, 3, dims, test_below(3) ? TEST_DENSE : test_below(TEST_LAYOUTS));
		test_add(&x, 1, in, 3, dims, test_below(3) ? TEST_DENSE : test_below(TEST_LAYOUTS));
		if (gamma)
			test_add(&x, 2, NEURON_F32, 1, &n, TEST_DENSE);
		if (beta)
			test_add(&x, 3, test_below(8) ? NEURON_F32 : NEURON_BF16, 1, &n, TEST_DENSE);
		for (unsigned int k = 2; k < 4; k++)
			if (x.op[k])
				repeat(&x.t[k], dims);
		data = x.t[1].data;
		if (in == NEURON_F32 && !test_below(4))
			data[0] = test_below(2) ? NAN : INFINITY;
		snprintf(x.text, sizeof(x.text), "%ux%ux%u axes %u types %u %u gamma %d beta %d rms %d",
			 dims[0], dims[1], n, p->axes, out, in, gamma, beta, rms);
		check(&x);
		test_drop(&x);
	}
}

static void quantize(void)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY, 1e30f, -1e30f, -0.0f };
	static const unsigned int zeros[] = { NEURON_I8, NEURON_U8, NEURON_I32 };

	for (unsigned int i = 0; i < CASES; i++) {
		uint32_t dims[3] = { 1 + test_below(3), 1 + test_below(20), 1 + test_below(300) };
		unsigned int out = test_below(2) ? NEURON_I8 : NEURON_U8;
		struct test_instance x = { .inst = test_inst(NEURON_OP_QUANTIZE) };
		bool each = !test_below(4), zero = test_below(4);
		const uint32_t one = 1;

		test_add(&x, 0, out, 3, dims, test_below(3) ? TEST_DENSE : test_below(TEST_LAYOUTS));
		test_add(&x, 1, test_below(6) ? NEURON_F32 : NEURON_BF16, 3, dims,
			 test_below(3) ? TEST_DENSE : test_below(TEST_LAYOUTS));
		test_add(&x, 2, NEURON_F32, 1, each ? &dims[2] : &one, TEST_DENSE);
		for (uint32_t k = 0; k < x.t[2].desc.dims[0]; k++)
			((float *)x.t[2].data)[k] = (1 + test_below(100)) * 1e-4f;
		if (!test_below(20))
			((float *)x.t[2].data)[0] = 0;
		if (zero)
			test_add(&x, 3, zeros[test_below(3)], 1, &one, TEST_DENSE);
		for (unsigned int k = 2; k < 4; k++) {
			if (!x.op[k])
				continue;
			if (x.t[k].desc.dims[0] == 1)
				x.t[k].desc.strides[0] = 0;
			repeat(&x.t[k], dims);
		}
		if (x.t[1].desc.dtype == NEURON_F32 && test_below(2))
			((float *)x.t[1].data)[0] = odd[test_below(6)];
		snprintf(x.text, sizeof(x.text), "%ux%ux%u to %u", dims[0], dims[1], dims[2], out);
		check(&x);
		test_drop(&x);
	}
}

static void eltwise(void)
{
	static const uint32_t funcs[] = {
		NEURON_BINARY_ADD, NEURON_BINARY_SUB, NEURON_BINARY_MUL, NEURON_BINARY_DIV,
		NEURON_BINARY_MAX,
	};
	static const uint32_t acts[] = {
		NEURON_ACT_IDENTITY, NEURON_ACT_IDENTITY, NEURON_ACT_RELU, NEURON_ACT_CLIP,
		NEURON_ACT_LEAKY_RELU,
	};
	static const float odd[] = { NAN, INFINITY, -INFINITY, 0.0f, -0.0f };

	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x = { .inst = test_inst(NEURON_OP_ELTWISE) };
		struct neuron_params_ELTWISE *p = NEURON_PARAMS(ELTWISE, &x.inst);
		uint32_t dims[3] = { 1 + test_below(3), 1 + test_below(100), 1 + test_below(70) };

		p->func = funcs[test_below(5)];
		p->act = acts[test_below(5)];
		p->alpha = p->act == NEURON_ACT_CLIP ? -0.5f : 0.1f;
		p->beta = test_below(8) ? 0.25f : -1;	/* the limits may be in the wrong order */
		for (unsigned int k = 0; k < 3; k++) {
			test_add(&x, k, test_below(10) ? NEURON_F32 : NEURON_BF16, 3, dims,
				 test_below(4) ? TEST_DENSE : TEST_PADDED);
			for (unsigned int n = test_below(6);
			     k && n > 0 && x.t[k].desc.dtype == NEURON_F32; n--)
				((float *)x.t[k].data)[test_below(dims[2])] = odd[test_below(5)];
		}
		snprintf(x.text, sizeof(x.text), "%ux%ux%u func %u act %u", dims[0], dims[1], dims[2],
			 p->func, p->act);
		check(&x);
		test_drop(&x);
	}
}

/* @row of a matrix, by itself and not dense. */
static void softmax_row(const struct test_instance *x, struct nk_ctx *ctx, uint32_t row, uint32_t n,
			struct nk_stats *stats)
{
	const struct neuron_tensor *out = &x->t[0].desc, *in = &x->t[1].desc;
	struct test_tensor seen, apart;

	test_alloc(&seen, NEURON_F32, 2, (uint32_t[]){ 1, n }, TEST_REVERSED);
	test_alloc(&apart, NEURON_F32, 2, (uint32_t[]){ 2, n }, TEST_REVERSED);
	apart.desc.dims[0] = 1;
	for (uint32_t i = 0; i < n; i++)
		test_put(&apart, i, ((float *)x->t[1].data)[row * in->strides[0] + i * in->strides[1]]);
	CHECK_EQ(test_run(ctx, &x->inst, (struct test_tensor *[TEST_OPERANDS]){ &seen, &apart },
			  stats), NK_OK);
	for (uint32_t i = 0; i < n; i++) {
		float expected = test_get(&seen, i);
		float is = ((float *)x->t[0].data)[row * out->strides[0] + i * out->strides[1]];

		if (memcmp(&expected, &is, sizeof(is)) && (!isnan(is) || !isnan(expected))) {
			printf("# %s: row %u, element %u: expected %g, saw %g\n", x->text, row, i,
			       expected, is);
			ktap_failed = true;
			break;
		}
	}
	test_free(&seen);
	test_free(&apart);
}

static void softmax(void)
{
	static const float odd[] = { NAN, INFINITY, -INFINITY, 100, -1e30f };

	for (unsigned int i = 0; i < CASES / 4; i++) {
		uint32_t dims[2] = { 1 + test_below(200), 1 + test_below(test_below(2) ? 20 : 300) };
		struct test_instance x = { .inst = test_inst(NEURON_OP_SOFTMAX) };
		struct nk_stats all = { 0 }, each = { 0 };

		NEURON_PARAMS(SOFTMAX, &x.inst)->axis = 1;
		x.inst.flags = test_below(4) ? 0 : NEURON_INST_LOG;
		test_add(&x, 0, NEURON_F32, 2, dims, test_below(2) ? TEST_DENSE : TEST_PADDED);
		test_add(&x, 1, NEURON_F32, 2, dims, test_below(2) ? TEST_DENSE : TEST_PADDED);
		if (test_below(2))
			for (unsigned int k = test_below(6); k > 0; k--)
				((float *)x.t[1].data)[test_below(dims[1])] = odd[test_below(5)];
		if (!test_below(8))
			for (uint32_t k = 0; k < dims[1]; k++)
				((float *)x.t[1].data)[k] = -INFINITY;
		snprintf(x.text, sizeof(x.text), "softmax %ux%u flags %u", dims[0], dims[1],
			 x.inst.flags);
		CHECK_EQ(test_run(test_below(2) ? fast : threaded, &x.inst, x.op, &all), NK_OK);
		for (uint32_t row = 0; row < dims[0]; row++)
			softmax_row(&x, fast, row, dims[1], &each);
		CHECK_EQ(all.nans, each.nans);
		test_drop(&x);
	}
}

int main(void)
{
	reference = nk_ctx_create(1, true);
	fast = nk_ctx_create(1, false);
	threaded = nk_ctx_create(3, false);

	ktap_run("NORM", norm);
	ktap_run("QUANTIZE", quantize);
	ktap_run("ELTWISE", eltwise);
	ktap_run("SOFTMAX", softmax);

	nk_ctx_destroy(reference);
	nk_ctx_destroy(fast);
	nk_ctx_destroy(threaded);
	return ktap_done();
}
