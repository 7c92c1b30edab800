/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the kernels share: operands in any layout, pseudo-random
 * contents, and comparison.
 */
#ifndef TESTS_UNIT_KERNELS_H
#define TESTS_UNIT_KERNELS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "qemu-device/kernels/kernels.h"
#include "tests/ktap.h"

/* xorshift64*: the same numbers on every machine */
static uint64_t test_seed = 0x9e3779b97f4a7c15ull;

static inline uint32_t test_random(void)
{
	test_seed ^= test_seed >> 12;
	test_seed ^= test_seed << 25;
	test_seed ^= test_seed >> 27;
	return (test_seed * 0x2545f4914f6cdd1dull) >> 32;
}

static inline uint32_t test_below(uint32_t n)
{
	return test_random() % n;
}

/* Mostly small numbers, uniform in [-1, 1). */
static inline float test_float(void)
{
	return (int32_t)test_random() * 0x1p-31f;
}

static inline size_t test_size(unsigned int dtype)
{
	static const uint8_t size[] = {
#define X(name, value, bytes, text) bytes,
		NEURON_DTYPES(X)
#undef X
	};

	return size[dtype];
}

static inline float test_bf16(uint16_t h)
{
	uint32_t u = (uint32_t)h << 16;
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* By definition, digit by digit: nothing in common with the kernels' way. */
static inline double test_f16(uint16_t h)
{
	int exponent = h >> 10 & 31, mantissa = h & 0x3ff;
	double v = exponent == 31 ? (mantissa ? NAN : INFINITY) :
		   exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);

	return h & 0x8000 ? -v : v;
}

/* Layouts of an operand in memory. */
enum test_layout {
	TEST_DENSE,		/* row-major */
	TEST_CHANNELS_LAST,	/* dimension 1 innermost */
	TEST_TRANSPOSED,	/* the last two dimensions exchanged */
	TEST_PADDED,		/* row-major with gaps */
	TEST_REVERSED,		/* dimension 0 innermost */
	TEST_LAYOUTS
};

struct test_tensor {
	struct neuron_tensor desc;
	void *memory;
	size_t bytes;
	void *data;		/* element [0, ..., 0] */
};

static inline uint64_t test_elements(const struct neuron_tensor *t)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < t->rank; i++)
		n *= t->dims[i];
	return n;
}

/* Innermost first: the order in which dimensions get their strides. */
static inline void test_order(unsigned int *order, unsigned int rank, enum test_layout layout)
{
	for (unsigned int i = 0; i < rank; i++)
		order[i] = layout == TEST_REVERSED ? i : rank - 1 - i;
	if (layout == TEST_CHANNELS_LAST && rank > 2) {
		order[0] = 1;
		for (unsigned int i = 1; i + 1 < rank; i++)
			order[i] = rank - i;
	}
	if (layout == TEST_TRANSPOSED && rank > 1) {
		order[0] = rank - 2;
		order[1] = rank - 1;
	}
}

static inline void test_alloc(struct test_tensor *t, unsigned int dtype, unsigned int rank,
			      const uint32_t *dims, enum test_layout layout)
{
	unsigned int order[NEURON_MAX_RANK];
	uint64_t stride = 1;

	memset(t, 0, sizeof(*t));
	t->desc.dtype = dtype;
	t->desc.rank = rank;
	test_order(order, rank, layout);
	for (unsigned int i = 0; i < rank; i++) {
		t->desc.dims[order[i]] = dims[order[i]];
		t->desc.strides[order[i]] = stride;
		stride *= dims[order[i]];
		if (layout == TEST_PADDED)
			stride += i == 0 ? 3 : 1;
	}
	t->bytes = stride * test_size(dtype);
	/* No slack: a sanitizer sees a byte too far. */
	t->memory = calloc(1, t->bytes);
	t->data = t->memory;
}

static inline void test_free(struct test_tensor *t)
{
	free(t->memory);
}

static inline struct nk_view test_view(struct test_tensor *t)
{
	return (struct nk_view){ &t->desc, t->data };
}

/* Address of an element by its number in row-major order. */
static inline void *test_at(const struct test_tensor *t, uint64_t index)
{
	int64_t offset = 0;

	for (unsigned int d = t->desc.rank; d-- > 0;) {
		offset += (int64_t)(index % t->desc.dims[d]) * t->desc.strides[d];
		index /= t->desc.dims[d];
	}
	return (char *)t->data + offset * (int64_t)test_size(t->desc.dtype);
}

static inline double test_get(const struct test_tensor *t, uint64_t index)
{
	void *p = test_at(t, index);

	switch (t->desc.dtype) {
	case NEURON_F32:
		return *(float *)p;
	case NEURON_BF16:
		return test_bf16(*(uint16_t *)p);
	case NEURON_F16:
		return test_f16(*(uint16_t *)p);
	case NEURON_I8:
		return *(int8_t *)p;
	case NEURON_U8:
		return *(uint8_t *)p;
	case NEURON_I32:
		return *(int32_t *)p;
	case NEURON_I64:
		return *(int64_t *)p;
	}
	return NAN;
}

/* For numbers that the type can hold exactly. */
static inline void test_put(const struct test_tensor *t, uint64_t index, double v)
{
	void *p = test_at(t, index);
	float f = v;
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	switch (t->desc.dtype) {
	case NEURON_F32:
		*(float *)p = f;
		break;
	case NEURON_BF16:
		*(uint16_t *)p = u >> 16;
		break;
	case NEURON_F16:
		for (uint32_t h = 0; h < 0x10000; h++) {
			if (test_f16(h) == v) {
				*(uint16_t *)p = h;
				break;
			}
		}
		break;
	case NEURON_I8:
		*(int8_t *)p = v;
		break;
	case NEURON_U8:
		*(uint8_t *)p = v;
		break;
	case NEURON_I32:
		*(int32_t *)p = v;
		break;
	case NEURON_I64:
		*(int64_t *)p = v;
		break;
	}
}

/* All of the memory, gaps included, with numbers of the type. */
static inline void test_fill_random(struct test_tensor *t)
{
	size_t n = t->bytes / test_size(t->desc.dtype);

	for (size_t i = 0; i < n; i++) {
		float f = test_float();
		uint32_t u;

		memcpy(&u, &f, sizeof(u));
		switch (t->desc.dtype) {
		case NEURON_F32:
			((float *)t->memory)[i] = f;
			break;
		case NEURON_BF16:
			((uint16_t *)t->memory)[i] = u >> 16;
			break;
		case NEURON_F16:
			((uint16_t *)t->memory)[i] = test_random() & 0xbbff;
			break;
		case NEURON_I32:
			((int32_t *)t->memory)[i] = (int32_t)test_random() >> 16;
			break;
		case NEURON_I64:
			((int64_t *)t->memory)[i] = (int32_t)test_random();
			break;
		default:
			((uint8_t *)t->memory)[i] = test_random();
			break;
		}
	}
}

/* A tensor of rank 1, with numbers that the type holds exactly. */
static inline void test_vector(struct test_tensor *t, unsigned int dtype, uint32_t n,
			       const double *values)
{
	test_alloc(t, dtype, 1, &n, TEST_DENSE);
	for (uint32_t i = 0; values && i < n; i++)
		test_put(t, i, values[i]);
}

static inline struct neuron_inst test_inst(unsigned int opcode)
{
	struct neuron_inst inst;

	memset(&inst, 0, sizeof(inst));
	inst.opcode = opcode;
	inst.version = NEURON_ISA_VERSION;
	return inst;
}

#define TEST_OPERANDS	6

/* Run an instruction on TEST_OPERANDS operands; NULL for those that it lacks. */
static inline enum nk_status test_run(struct nk_ctx *ctx, const struct neuron_inst *inst,
				      struct test_tensor *const *t, struct nk_stats *stats)
{
	struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats none = { 0 };
	uint64_t info = 0;

	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (t[i])
			op[i] = test_view(t[i]);
	return nk_execute(ctx, inst, op, inst, NULL, stats ? stats : &none, &info);
}

/* An instruction with operands of its own. */
struct test_instance {
	struct neuron_inst inst;
	struct test_tensor t[TEST_OPERANDS];
	struct test_tensor *op[TEST_OPERANDS];	/* NULL for those that it lacks */
	double tolerance;
	char text[200];
};

/* Operand @i, of random numbers. */
static inline void test_add(struct test_instance *x, unsigned int i, unsigned int dtype,
			    unsigned int rank, const uint32_t *dims, unsigned int layout)
{
	test_alloc(&x->t[i], dtype, rank, dims, layout);
	test_fill_random(&x->t[i]);
	x->op[i] = &x->t[i];
}

static inline void test_drop(struct test_instance *x)
{
	for (unsigned int i = 0; i < TEST_OPERANDS; i++)
		if (x->op[i])
			test_free(x->op[i]);
}

#endif /* TESTS_UNIT_KERNELS_H */
