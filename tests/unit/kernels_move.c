// SPDX-License-Identifier: MIT
/* Kernels that move elements and compute nothing: layouts, fills, gathers, scatters. */
#include <stdio.h>

#include "kernels.h"
#include "qemu-device/kernels/nk.h"

static struct nk_ctx *ctx;

#define COUNT(array)	(sizeof(array) / sizeof((array)[0]))

/* out = in from every layout to every other, with negative strides, too. */
static void layouts_of(const uint32_t dims[4])
{
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_U8 };

	for (unsigned int i = 0; i < 3 * TEST_LAYOUTS * TEST_LAYOUTS * 2; i++) {
		unsigned int type = types[i % 3], from = i / 3 % TEST_LAYOUTS;
		unsigned int to = i / 3 / TEST_LAYOUTS % TEST_LAYOUTS;
		struct neuron_inst inst = test_inst(NEURON_OP_COPY);
		struct test_tensor a, b;
		bool same = true;

		test_alloc(&a, type, 4, dims, from);
		test_alloc(&b, type, 4, dims, to);
		test_fill_random(&a);
		if (i / 3 / TEST_LAYOUTS / TEST_LAYOUTS) {
			for (unsigned int d = 1; d < 4; d += 2) {
				a.data = (char *)a.data + (int64_t)(dims[d] - 1) *
					 a.desc.strides[d] * (int64_t)test_size(type);
				a.desc.strides[d] = -a.desc.strides[d];
			}
		}
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &b, &a }, NULL), NK_OK);
		for (uint64_t e = 0; e < test_elements(&a.desc); e++)
			same &= test_get(&a, e) == test_get(&b, e);
		CHECK(same);
		test_free(&a);
		test_free(&b);
	}
}

static void layouts(void)
{
	static const uint32_t dims[][4] = {
		{ 2, 37, 5, 70 }, { 2, 3, 16, 70 }, { 1, 2, 9, 64 },
	};

	for (unsigned int i = 0; i < sizeof(dims) / sizeof(*dims); i++)
		layouts_of(dims[i]);
}

/* The dense strides of dims that lie in memory in some order, the last one innermost. */
static size_t set_strides(struct neuron_tensor *t, const unsigned int *order)
{
	size_t n = 1;

	for (unsigned int i = t->rank; i-- > 0;) {
		t->strides[order[i]] = (int32_t)n;
		n *= t->dims[order[i]];
	}
	return n;
}

static void shuffle(unsigned int *order, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		order[i] = i;
	for (unsigned int i = n; i > 1; i--) {
		unsigned int j = test_below(i), swap = order[j];

		order[j] = order[i - 1];
		order[i - 1] = swap;
	}
}

/* Up to six dimensions in any order on both sides: what is turned, joined or neither. */
static void orders(void)
{
	static const uint32_t sizes[] = { 1, 2, 2, 3, 4, 5, 8, 9, 16, 17, 24, 33 };
	static const unsigned int types[] = { NEURON_F32, NEURON_BF16, NEURON_U8 };

	for (unsigned int i = 0; i < 1500; i++) {
		struct neuron_tensor to = { .dtype = types[i % 3], .rank = 1 + test_below(6) };
		struct neuron_inst inst = test_inst(NEURON_OP_COPY);
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
		size_t size = test_size(to.dtype), n = 1, bytes;
		struct nk_stats stats = { 0 };
		struct neuron_tensor from;
		unsigned int order[6];
		uint8_t *a, *b;
		uint64_t info;
		bool same = true;

		for (unsigned int d = 0; d < to.rank; d++) {
			to.dims[d] = sizes[test_below(COUNT(sizes))];
			if (n * to.dims[d] > 60000)
				to.dims[d] = 1;
			n *= to.dims[d];
		}
		if (!test_below(20)) {	/* more than a square's worth on a side */
			to.rank = 2;
			to.dims[0] = 30 + test_below(10);
			to.dims[1] = 1000 + test_below(200);
		}
		from = to;
		shuffle(order, to.rank);
		bytes = set_strides(&to, order) * size;
		shuffle(order, from.rank);
		set_strides(&from, order);
		a = malloc(bytes);
		b = malloc(bytes);
		for (size_t k = 0; k < bytes; k++) {
			a[k] = test_below(256);
			b[k] = 0;
		}
		op[0] = (struct nk_view){ .desc = &to, .data = b };
		op[1] = (struct nk_view){ .desc = &from, .data = a };
		CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info), NK_OK);
		for (size_t k = 0; k < bytes / size && same; k++) {
			size_t rest = k, at[2] = { 0 };

			for (unsigned int d = to.rank; d-- > 0; rest /= to.dims[d]) {
				at[0] += rest % to.dims[d] * to.strides[d];
				at[1] += rest % to.dims[d] * from.strides[d];
			}
			same = !memcmp(b + at[0] * size, a + at[1] * size, size);
		}
		CHECK(same);
		free(a);
		free(b);
	}
}

static void fills(void)
{
	static const struct {
		unsigned int dtype;
		uint32_t value;
		double number;
	} cases[] = {
		{ NEURON_F32, 0x3fc00000, 1.5 }, { NEURON_BF16, 0x3fc0, 1.5 },
		{ NEURON_I8, 0xfd, -3 }, { NEURON_U8, 7, 7 }, { NEURON_I32, 0xffffffff, -1 },
	};
	const uint32_t dims[3] = { 3, 4, 5 };

	for (size_t i = 0; i < COUNT(cases) * 2; i++) {
		struct neuron_inst inst = test_inst(NEURON_OP_FILL);
		struct test_tensor t;

		test_alloc(&t, cases[i / 2].dtype, 3, dims, i % 2 ? TEST_PADDED : TEST_DENSE);
		NEURON_PARAMS(FILL, &inst)->value = cases[i / 2].value;
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &t }, NULL), NK_OK);
		for (uint64_t e = 0; e < 60; e++)
			CHECK(test_get(&t, e) == cases[i / 2].number);
		/* What lies between the rows stays. */
		if (i % 2)
			CHECK_EQ(((char *)t.memory)[5 * test_size(cases[i / 2].dtype)], 0);
		test_free(&t);
	}
}

static void gathers(void)
{
	const uint32_t in_dims[3] = { 2, 4, 3 }, out_dims[3] = { 2, 3, 3 }, n = 3;
	static const double good[] = { -1, 0, 2 }, bad[] = { 0, 4, -5 };
	struct neuron_inst inst = test_inst(NEURON_OP_GATHER);
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats stats = { 0 };
	struct test_tensor in, out, index;
	uint64_t info = 0;

	NEURON_PARAMS(GATHER, &inst)->axis = 1;
	test_alloc(&in, NEURON_BF16, 3, in_dims, TEST_DENSE);
	test_alloc(&out, NEURON_BF16, 3, out_dims, TEST_DENSE);
	test_fill_random(&in);
	test_vector(&index, NEURON_I32, n, good);
	CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &out, &in, &index }, NULL), NK_OK);
	for (unsigned int o = 0; o < 2; o++)
		for (unsigned int j = 0; j < 3; j++)
			for (unsigned int i = 0; i < 3; i++) {
				unsigned int from = good[j] < 0 ? good[j] + 4 : good[j];

				CHECK(test_get(&out, (o * 3 + j) * 3 + i) ==
				      test_get(&in, (o * 4 + from) * 3 + i));
			}

	/* Single elements, and rows with gaps. */
	for (unsigned int k = 0; k < 2; k++) {
		const uint32_t from[3] = { 2, 4, 1 + 2 * k }, to[3] = { 2, 3, 1 + 2 * k };
		struct test_tensor apart, picked;

		test_alloc(&apart, NEURON_F32, 3, from, TEST_TRANSPOSED);
		test_alloc(&picked, NEURON_F32, 3, to, TEST_PADDED);
		test_fill_random(&apart);
		CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){ &picked, &apart, &index },
				  NULL), NK_OK);
		for (unsigned int i = 0; i < 2 * 3 * to[2]; i++) {
			unsigned int j = i / to[2] % 3;
			unsigned int at = good[j] < 0 ? good[j] + 4 : good[j];

			CHECK(test_get(&picked, i) ==
			      test_get(&apart, (i / to[2] / 3 * 4 + at) * to[2] + i % to[2]));
		}
		test_free(&apart);
		test_free(&picked);
	}

	for (unsigned int i = 1; i < 3; i++) {
		test_put(&index, 1, bad[i]);
		memset(out.memory, 0, out.bytes);
		op[0] = test_view(&out);
		op[1] = test_view(&in);
		op[2] = test_view(&index);
		CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info), NK_BAD_INDEX);
		CHECK_EQ(info, 1);
		CHECK(test_get(&out, 0) == 0);
	}
	test_free(&in);
	test_free(&out);
	test_free(&index);
}

/* Types of slots: what they become on the chip, and back. */
static void slot_types(void)
{
	const double f64[] = { 0, -1.5, 1e300, -1e300, 16777217, 3 };
	const double f32[] = { 0, -1.5, INFINITY, -INFINITY, 16777216, 3 };
	const int16_t i16[] = { 0, -1, 32767, -32768, 300, 7 };
	const uint16_t u16[] = { 0, 65535, 32768, 1, 300, 7 };
	const uint32_t u32[] = { 0, UINT32_MAX, 1u << 31, 1, 300, 7 };
	const uint64_t u64[] = { 0, UINT64_MAX, 1ull << 31, 1, 300, 7 };
	uint64_t saturations = 0;
	int32_t narrow[6];
	char wide[64];
	float floats[6];

	nk_narrow(NEURON_F64, floats, 4, f64, 8, 6, &saturations);
	CHECK_EQ(saturations, 2);
	for (unsigned int i = 0; i < 6; i++)
		CHECK(floats[i] == f32[i]);
	nk_widen(NEURON_F64, wide, 8, floats, 4, 6);
	CHECK(!memcmp(wide, f32, sizeof(f32)));

	nk_narrow(NEURON_I16, narrow, 4, i16, 2, 6, &saturations);
	CHECK(narrow[1] == -1 && narrow[2] == 32767 && narrow[3] == -32768);
	nk_widen(NEURON_I16, wide, 2, narrow, 4, 6);
	CHECK(!memcmp(wide, i16, sizeof(i16)));
	nk_narrow(NEURON_U16, narrow, 4, u16, 2, 6, &saturations);
	CHECK(narrow[1] == 65535 && narrow[2] == 32768);
	nk_widen(NEURON_U16, wide, 2, narrow, 4, 6);
	CHECK(!memcmp(wide, u16, sizeof(u16)));
	CHECK_EQ(saturations, 2);

	nk_narrow(NEURON_U32, narrow, 4, u32, 4, 6, &saturations);
	CHECK_EQ(saturations, 4);
	nk_widen(NEURON_U32, wide, 4, narrow, 4, 6);
	CHECK(!memcmp(wide, u32, sizeof(u32)));
	nk_narrow(NEURON_U64, narrow, 4, u64, 8, 6, &saturations);
	CHECK_EQ(saturations, 6);
	CHECK(narrow[1] == INT32_MAX && narrow[2] == INT32_MAX && narrow[5] == 7);
}

static void scatters(void)
{
	static const double expected[NEURON_NUM_SCATTERS][4] = {
		[NEURON_SCATTER_SET] = { 9, 2, 3, 5 },
		[NEURON_SCATTER_ADD] = { 10, 2, 3, 15 },
		[NEURON_SCATTER_MUL] = { 9, 2, 3, 120 },
		[NEURON_SCATTER_MAX] = { 9, 2, 3, 6 },
		[NEURON_SCATTER_MIN] = { 1, 2, 3, 4 },
	};
	static const unsigned int dtypes[] = { NEURON_F32, NEURON_BF16, NEURON_I32, NEURON_U8 };
	static const double at[] = { -1, 0, 3 }, bad[] = { 0, 4, -5 };
	const uint32_t dims[3] = { 2, 4, 2 }, updates_dims[3] = { 2, 3, 2 };
	struct neuron_inst inst = test_inst(NEURON_OP_SCATTER);
	struct test_tensor in, out, index, updates;
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats stats = { 0 };
	uint64_t info = 0;

	NEURON_PARAMS(SCATTER, &inst)->axis = 1;
	for (unsigned int d = 0; d < COUNT(dtypes); d++) {
		test_alloc(&in, dtypes[d], 3, dims, TEST_DENSE);
		test_alloc(&out, dtypes[d], 3, dims, TEST_DENSE);
		test_alloc(&updates, dtypes[d], 3, updates_dims, TEST_DENSE);
		test_vector(&index, NEURON_I32, 3, at);
		for (unsigned int i = 0; i < 16; i++)
			test_put(&in, i, i / 2 % 4 + 1);
		/* Row by row 6, 9, 5: the last row gets two. */
		for (unsigned int i = 0; i < 12; i++)
			test_put(&updates, i, (const double[]){ 6, 9, 5 }[i / 2 % 3]);
		for (unsigned int f = 0; f < NEURON_NUM_SCATTERS; f++) {
			NEURON_PARAMS(SCATTER, &inst)->func = f;
			CHECK_EQ(test_run(ctx, &inst, (struct test_tensor *[TEST_OPERANDS]){
					  &out, &in, &index, &updates }, NULL), NK_OK);
			for (unsigned int i = 0; i < 16; i++)
				CHECK(test_get(&out, i) == expected[f][i / 2 % 4]);
		}
		/* In place; then a bad index, which leaves all as it is. */
		op[0] = test_view(&in);
		op[1] = test_view(&in);
		op[2] = test_view(&index);
		op[3] = test_view(&updates);
		CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info), NK_OK);
		CHECK(test_get(&in, 6) == 4 && test_get(&in, 0) == 1);
		for (unsigned int i = 1; i < 3; i++) {
			test_put(&index, 1, bad[i]);
			NEURON_PARAMS(SCATTER, &inst)->func = NEURON_SCATTER_ADD;
			CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info),
				 NK_BAD_INDEX);
			CHECK_EQ(info, 1);
			CHECK(test_get(&in, 6) == 4);
		}
		test_free(&in);
		test_free(&out);
		test_free(&index);
		test_free(&updates);
	}
}

int main(void)
{
	ctx = nk_ctx_create(1, true);

	ktap_run("copies between layouts", layouts);
	ktap_run("copies between any two orders of dimensions", orders);
	ktap_run("fills", fills);
	ktap_run("gathers, and refuses bad indices", gathers);
	ktap_run("scatters, and refuses bad indices", scatters);
	ktap_run("types of slots only", slot_types);

	nk_ctx_destroy(ctx);
	return ktap_done();
}
