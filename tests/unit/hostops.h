/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the host's operators share: one call, its operands, what it has to
 * give, and numbers by chance.
 */
#ifndef TESTS_UNIT_HOSTOPS_H
#define TESTS_UNIT_HOSTOPS_H

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <hostops/hostop.h>
#include "tests/ktap.h"

#define F32	NEURON_NEFF_F32
#define F64	NEURON_NEFF_F64
#define F16	NEURON_NEFF_F16
#define I64	NEURON_NEFF_I64
#define I32	NEURON_NEFF_I32
#define U8	NEURON_NEFF_U8
#define BOOL	NEURON_NEFF_BOOL
#define STR	NEURON_NEFF_STRING

#define MAX	8

#define MAX_OUT	4

/* What is run, and what came out. */
static struct hostop_tensor in[MAX], most[MAX_OUT], out[MAX_OUT];
static const struct hostop_tensor *ins[MAX], *mosts[MAX_OUT];
static int64_t ints[NEURON_NEFF_STEP_INTS];
static double floats[NEURON_NEFF_STEP_FLOATS];
static struct hostop_random chance;
static struct hostop_call call;

static inline void forget(void)
{
	unsigned int i;

	for (i = 0; i < MAX; i++)
		free(in[i].data);
	for (i = 0; i < MAX_OUT; i++)
		free(out[i].data);
	memset(in, 0, sizeof(in));
	memset(most, 0, sizeof(most));
	memset(out, 0, sizeof(out));
	memset(ins, 0, sizeof(ins));
	memset(mosts, 0, sizeof(mosts));
	memset(ints, 0, sizeof(ints));
	memset(floats, 0, sizeof(floats));
	chance.state = 1;
	call = (struct hostop_call) {
		.ints = ints, .floats = floats, .in = ins, .most = mosts, .out = out,
		.random = &chance, .num_out = 1,
	};
}

/* Append an input; its numbers follow. */
#define IN(dtype, rank, dims, ...) \
	add(dtype, rank, (const uint32_t[8])dims, (const double[]) { __VA_ARGS__ })
#define D(...)	{ __VA_ARGS__ }

static inline void add(uint32_t dtype, uint32_t rank, const uint32_t *dims, const double *data)
{
	struct hostop_tensor *t = &in[call.num_in];
	uint64_t i;

	t->dtype = dtype;
	t->rank = rank;
	memcpy(t->dims, dims, rank * sizeof(*dims));
	t->data = calloc(hostop_count(t) + 1, hostop_size(dtype));
	for (i = 0; i < hostop_count(t); i++)
		hostop_put_double(dtype, t->data, (int64_t)i, data[i]);
	ins[call.num_in++] = t;
}

static inline void add_strings(const char *text, uint32_t n)
{
	struct hostop_tensor *t = &in[call.num_in];
	uint32_t i;

	t->dtype = STR;
	t->rank = 1;
	t->dims[0] = n;
	t->data = calloc(n + 1, NEURON_NEFF_STRING_SIZE);
	for (i = 0; i < n; i++, text += strlen(text) + 1)
		strcpy((char *)t->data + i * NEURON_NEFF_STRING_SIZE, text);
	ins[call.num_in++] = t;
}

static inline void add_none(void)
{
	ins[call.num_in++] = NULL;
}

static inline enum hostop_status run(uint32_t op, uint32_t dtype)
{
	call.op = op;
	most[0].dtype = dtype;
	mosts[0] = &most[0];
	return hostop_run(&call);
}

#define GIVES(op, dtype, rank, dims, ...) \
	gives(__LINE__, NEURON_HOST_##op, dtype, rank, (const uint32_t[8])dims, \
	      (const double[]) { __VA_ARGS__ })

static inline void gives(int line, uint32_t op, uint32_t dtype, uint32_t rank,
			 const uint32_t *dims, const double *expected)
{
	enum hostop_status status = run(op, dtype);
	uint64_t i;

	if (status || out[0].rank != rank ||
	    (rank && memcmp(out[0].dims, dims, rank * sizeof(*dims)))) {
		printf("# line %d: status %d (%s), rank %u [%u, %u, %u]\n", line, status,
		       call.why, out[0].rank, out[0].dims[0], out[0].dims[1], out[0].dims[2]);
		ktap_failed = true;
		forget();
		return;
	}
	for (i = 0; i < hostop_count(&out[0]); i++) {
		double x = hostop_double(dtype, out[0].data, (int64_t)i);

		if (x == expected[i] || (isnan(x) && isnan(expected[i])))
			continue;
		printf("# line %d: element %llu is %.17g, not %.17g\n", line,
		       (unsigned long long)i, x, expected[i]);
		ktap_failed = true;
	}
	forget();
}

#define FAILS(op, dtype, status)						\
	do {									\
		CHECK_EQ(run(NEURON_HOST_##op, dtype), status);			\
		CHECK(call.why[0]);						\
		forget();							\
	} while (0)

static inline const char *string(uint64_t i)
{
	return (const char *)out[0].data + i * NEURON_NEFF_STRING_SIZE;
}

static uint64_t state = 1;

static inline uint32_t draw(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

#endif /* TESTS_UNIT_HOSTOPS_H */
