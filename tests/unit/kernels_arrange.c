// SPDX-License-Identifier: MIT
/*
 * Element by element, in any layout: operands that are arranged before the loop, and rows
 * that are joined, against the reference context, which does neither. All to the bit,
 * with one thread and several.
 */
#include <stdio.h>

#include "kernels.h"

#define CASES	400

static struct nk_ctx *reference, *fast, *threaded;

static uint32_t pick(const uint32_t *from, unsigned int n)
{
	return from[test_below(n)];
}

#define PICK(...)	pick((const uint32_t[]){ __VA_ARGS__ },			\
			     sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t))

/* Pictures of a few to many channels, some large enough to be worth arranging. */
static void random_dims(uint32_t dims[4])
{
	dims[0] = 1 + test_below(2);
	dims[1] = PICK(1, 2, 3, 8, 16, 24, 32, 96, 130);
	dims[2] = 1 + test_below(60);
	dims[3] = PICK(1, 7, 16, 25, 64, 97);
}

static void random_operand(struct test_instance *x, unsigned int i, unsigned int dtype,
			   const uint32_t *dims)
{
	uint32_t own[4];

	memcpy(own, dims, sizeof(own));
	/* Broadcast: nothing, a channel's number, a line, or anything. */
	switch (i ? test_below(5) : 0) {
	case 1:
		own[0] = own[2] = own[3] = 1;
		break;
	case 2:
		own[1] = own[2] = 1;
		break;
	case 3:
		for (unsigned int d = 0; d < 4; d++)
			own[d] = test_below(2) ? own[d] : 1;
		break;
	}
	test_alloc(&x->t[i], dtype, 4, own, test_below(TEST_LAYOUTS));
	test_fill_random(&x->t[i]);
	/* As the compiler writes it: the result's dims, and strides of zero. */
	for (unsigned int d = 0; d < 4; d++) {
		if (own[d] != 1 || dims[d] == 1)
			continue;
		x->t[i].desc.dims[d] = dims[d];
		x->t[i].desc.strides[d] = 0;
	}
	x->op[i] = &x->t[i];
}

static void check(struct test_instance *x, const char *what)
{
	struct nk_ctx *const contexts[] = { reference, fast, threaded };
	size_t bytes = x->t[0].bytes;
	char *expected = malloc(bytes);

	for (unsigned int c = 0; c < 3; c++) {
		memset(x->t[0].memory, 0x5a, bytes);
		CHECK_EQ(test_run(contexts[c], &x->inst, x->op, NULL), NK_OK);
		if (!c) {
			memcpy(expected, x->t[0].memory, bytes);
		} else if (memcmp(expected, x->t[0].memory, bytes)) {
			printf("# %s, context %u: %u x %u x %u x %u of type %u\n", what, c,
			       x->t[0].desc.dims[0], x->t[0].desc.dims[1], x->t[0].desc.dims[2],
			       x->t[0].desc.dims[3], x->t[0].desc.dtype);
			ktap_failed = true;
		}
	}
	free(expected);
	test_drop(x);
}

static void binaries(void)
{
	static const uint32_t types[][3] = {
		{ NEURON_F32, NEURON_F32, NEURON_F32 }, { NEURON_BF16, NEURON_F32, NEURON_BF16 },
		{ NEURON_I32, NEURON_I32, NEURON_I32 }, { NEURON_F32, NEURON_I32, NEURON_F32 },
		{ NEURON_U8, NEURON_F32, NEURON_F32 },
	};

	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x = { .inst = test_inst(NEURON_OP_ELTWISE) };
		const uint32_t *type = types[test_below(5)];
		uint32_t dims[4];

		random_dims(dims);
		NEURON_PARAMS(ELTWISE, &x.inst)->func =
			type[0] == NEURON_U8 ? NEURON_BINARY_LT :
			PICK(NEURON_BINARY_ADD, NEURON_BINARY_SUB, NEURON_BINARY_MUL);
		for (unsigned int k = 0; k < 3; k++)
			random_operand(&x, k, type[k], dims);
		check(&x, "ELTWISE");
	}
}

static void selects(void)
{
	static const uint32_t types[] = {
		NEURON_F32, NEURON_BF16, NEURON_I32, NEURON_U8, NEURON_I8,
	};

	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x = { .inst = test_inst(NEURON_OP_SELECT) };
		uint32_t type = types[test_below(5)], dims[4];

		random_dims(dims);
		random_operand(&x, 0, type, dims);
		random_operand(&x, 1, NEURON_U8, dims);
		for (size_t b = 0; b < x.t[1].bytes; b++)
			((uint8_t *)x.t[1].memory)[b] &= 1;
		random_operand(&x, 2, type, dims);
		/* Of another type now and then. */
		random_operand(&x, 3, type == NEURON_U8 && !test_below(4) ? NEURON_I8 : type, dims);
		check(&x, "SELECT");
	}
}

static void gathers(void)
{
	static const uint32_t types[] = { NEURON_F32, NEURON_BF16, NEURON_U8 };

	for (unsigned int i = 0; i < CASES; i++) {
		struct test_instance x = { .inst = test_inst(NEURON_OP_GATHER) };
		uint32_t in[3] = { PICK(1, 3, 40, 1000), PICK(1, 5, 40), PICK(1, 2, 40) };
		uint32_t out[3] = { in[0], PICK(1, 10, 80), in[2] };
		uint32_t type = types[test_below(3)];
		bool same = true;

		NEURON_PARAMS(GATHER, &x.inst)->axis = 1;
		test_alloc(&x.t[0], type, 3, out, test_below(TEST_LAYOUTS));
		test_alloc(&x.t[1], type, 3, in, test_below(TEST_LAYOUTS));
		test_fill_random(&x.t[1]);
		test_vector(&x.t[2], NEURON_I32, out[1], NULL);
		for (uint32_t j = 0; j < out[1]; j++)
			test_put(&x.t[2], j, (double)test_below(2 * in[1]) - in[1]);
		for (unsigned int k = 0; k < 3; k++)
			x.op[k] = &x.t[k];
		CHECK_EQ(test_run(i % 2 ? fast : threaded, &x.inst, x.op, NULL), NK_OK);
		for (uint64_t e = 0; e < test_elements(&x.t[0].desc); e++) {
			uint64_t o = e / out[2] / out[1], j = e / out[2] % out[1];
			int64_t at = (int64_t)test_get(&x.t[2], j);

			at += at < 0 ? in[1] : 0;
			same &= test_get(&x.t[0], e) ==
				test_get(&x.t[1], (o * in[1] + at) * in[2] + e % out[2]);
		}
		CHECK(same);
		for (unsigned int k = 0; k < 3; k++)
			test_free(&x.t[k]);
	}
}

int main(void)
{
	reference = nk_ctx_create(1, true);
	fast = nk_ctx_create(1, false);
	threaded = nk_ctx_create(3, false);

	ktap_run("binary functions of operands in any layout", binaries);
	ktap_run("selections of operands in any layout", selects);
	ktap_run("gathers of any number of rows", gathers);

	nk_ctx_destroy(reference);
	nk_ctx_destroy(fast);
	nk_ctx_destroy(threaded);
	return ktap_done();
}
