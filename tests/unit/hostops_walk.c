// SPDX-License-Identifier: MIT
/*
 * Operators of the host that go through elements by runs, on shapes made up by chance: each
 * element is looked up by its index.
 */
#include "tests/unit/hostops.h"

#define RANK	5

/* Elements that tell where they are from. */
static void add_ramp(uint32_t dtype, uint32_t rank, const uint32_t *dims, uint32_t from)
{
	struct hostop_tensor *t = &in[call.num_in];
	uint64_t n, i;

	t->dtype = dtype;
	t->rank = rank;
	memcpy(t->dims, dims, rank * sizeof(*dims));
	n = hostop_count(t);
	t->data = calloc(n + 1, hostop_size(dtype));
	for (i = 0; i < n; i++) {
		if (dtype == STR)
			sprintf((char *)t->data + i * NEURON_NEFF_STRING_SIZE, "%llu",
				(unsigned long long)(from + i));
		else
			hostop_put_double(dtype, t->data, (int64_t)i, (double)(from + i % 100));
	}
	ins[call.num_in++] = t;
}

/* Element @i of input @k at the same place of the result, to which it is broadcast. */
static uint64_t source(uint32_t k, uint64_t i)
{
	const struct hostop_tensor *t = &in[k];
	uint64_t stride = 1, at = 0;
	uint32_t d;

	for (d = 0; d < out[0].rank; d++) {
		uint32_t own = out[0].rank - 1 - d;
		uint64_t index = i % out[0].dims[own];

		i /= out[0].dims[own];
		if (d >= t->rank)
			continue;
		own = t->rank - 1 - d;
		at += t->dims[own] == 1 ? 0 : index * stride;
		stride *= t->dims[own];
	}
	return at;
}

static bool same(uint64_t i, uint32_t k, uint64_t from)
{
	const size_t size = hostop_size(in[k].dtype);

	return !memcmp((char *)out[0].data + i * size, (char *)in[k].data + from * size, size);
}

/* Some of the dimensions, and some of these once. */
static void draw_part(uint32_t rank, const uint32_t *dims, uint32_t *part_rank, uint32_t *part)
{
	uint32_t d;

	*part_rank = draw(2) ? rank : draw(rank + 1);
	for (d = 0; d < *part_rank; d++)
		part[d] = draw(3) ? dims[rank - *part_rank + d] : 1;
}

static void draw_dims(uint32_t *rank, uint32_t *dims)
{
	uint32_t d;

	*rank = draw(RANK + 1);
	for (d = 0; d < *rank; d++)
		dims[d] = draw(20) ? 1 + draw(5) : 0;
}

static float expected(uint32_t op, float a, float b)
{
	return op == NEURON_HOST_ADD ? a + b : op == NEURON_HOST_SUB ? a - b :
	       op == NEURON_HOST_MUL ? a * b : a / b;
}

static void arithmetic(void)
{
	static const uint32_t ops[] = {
		NEURON_HOST_ADD, NEURON_HOST_SUB, NEURON_HOST_MUL, NEURON_HOST_DIV,
	};
	uint32_t rank, dims[RANK], part_rank, part[RANK], round, wrong = 0;
	uint64_t i;

	for (round = 0; round < 2000; round++) {
		forget();
		draw_dims(&rank, dims);
		for (i = 0; i < 2; i++) {
			draw_part(rank, dims, &part_rank, part);
			add_ramp(F32, part_rank, part, 1 + (uint32_t)i * 50);
		}
		CHECK_EQ(run(ops[round % 4], F32), HOSTOP_OK);
		for (i = 0; i < hostop_count(&out[0]); i++)
			wrong += ((float *)out[0].data)[i] !=
				 expected(ops[round % 4], ((float *)in[0].data)[source(0, i)],
					  ((float *)in[1].data)[source(1, i)]);
	}
	CHECK_EQ(wrong, 0);
	forget();
}

static void choices(void)
{
	static const uint32_t types[] = { F32, I32, U8, I64, F16, STR };
	uint32_t rank, dims[RANK], part_rank, part[RANK], round, wrong = 0;
	uint64_t i, n;

	for (round = 0; round < 2000; round++) {
		const uint32_t dtype = types[round % 6];

		forget();
		draw_dims(&rank, dims);
		draw_part(rank, dims, &part_rank, part);
		add_ramp(BOOL, part_rank, part, 0);
		n = hostop_count(&in[0]);
		for (i = 0; i < n; i++)
			((uint8_t *)in[0].data)[i] = (uint8_t)draw(2);
		for (i = 0; i < 2; i++) {
			draw_part(rank, dims, &part_rank, part);
			add_ramp(dtype, part_rank, part, 1 + (uint32_t)i * 100);
		}
		CHECK_EQ(run(NEURON_HOST_WHERE, dtype), HOSTOP_OK);
		for (i = 0; i < hostop_count(&out[0]); i++) {
			uint32_t k = ((uint8_t *)in[0].data)[source(0, i)] ? 1 : 2;

			wrong += !same(i, k, source(k, i));
		}
	}
	CHECK_EQ(wrong, 0);
	forget();
}

/* Where element @i of the result comes from; @from and @step: by dimension of the input. */
static uint64_t moved(uint64_t i, const int64_t *permutation, const int64_t *from,
		      const int64_t *step)
{
	uint64_t index[RANK] = { 0 }, at = 0;
	uint32_t d;

	for (d = out[0].rank; d-- > 0; i /= out[0].dims[d])
		index[permutation[d]] = i % out[0].dims[d];
	for (d = 0; d < in[0].rank; d++)
		at = at * in[0].dims[d] + (uint64_t)(from[d] + (int64_t)index[d] * step[d]);
	return at;
}

static void transposes(void)
{
	static const uint32_t types[] = { F32, U8, I64, F16, STR };
	static const int64_t none[RANK], ones[RANK] = { 1, 1, 1, 1, 1 };
	uint32_t rank, dims[RANK], round, d, k, wrong = 0;
	uint64_t i;

	for (round = 0; round < 2000; round++) {
		const uint32_t dtype = types[round % 5];

		forget();
		draw_dims(&rank, dims);
		add_ramp(dtype, rank, dims, 0);
		for (d = 0; d < rank; d++) {
			k = draw(d + 1);
			ints[d] = ints[k];
			ints[k] = d;
		}
		CHECK_EQ(run(NEURON_HOST_TRANSPOSE, dtype), HOSTOP_OK);
		for (i = 0; i < hostop_count(&out[0]); i++)
			wrong += !same(i, 0, moved(i, ints, none, ones));
	}
	CHECK_EQ(wrong, 0);
	forget();
}

static void slices(void)
{
	static const uint32_t types[] = { F32, U8, I64, F16, STR };
	static const int64_t identity[RANK] = { 0, 1, 2, 3, 4 };
	uint32_t rank, dims[RANK], round, d, wrong = 0;
	uint64_t i;

	for (round = 0; round < 2000; round++) {
		const uint32_t dtype = types[round % 5];
		double starts[RANK], ends[RANK], axes[RANK], steps[RANK];
		int64_t from[RANK] = { 0 }, step[RANK] = { 0 };

		forget();
		draw_dims(&rank, dims);
		add_ramp(dtype, rank, dims, 0);
		for (d = 0; d < rank; d++) {
			const int64_t n = dims[d];

			axes[d] = d;
			step[d] = (draw(2) ? 1 : -1) * (1 + (int64_t)draw(3));
			from[d] = n ? draw((uint32_t)n) : 0;
			starts[d] = (double)from[d];
			steps[d] = (double)step[d];
			ends[d] = step[d] > 0 ? (double)n : -(double)n - 1;
			if (draw(2))
				ends[d] = (double)from[d] + (step[d] > 0 ? 1 : n ? -1 - (double)n : -1);
		}
		add(I64, 1, &rank, starts);
		add(I64, 1, &rank, ends);
		add(I64, 1, &rank, axes);
		add(I64, 1, &rank, steps);
		CHECK_EQ(run(NEURON_HOST_SLICE, dtype), HOSTOP_OK);
		for (i = 0; i < hostop_count(&out[0]); i++)
			wrong += !same(i, 0, moved(i, identity, from, step));
	}
	CHECK_EQ(wrong, 0);
	forget();
}

/* As near as fp32 is, for differences of any size; and what is not a number. */
static void softmax(void)
{
	const uint32_t dims[2] = { 3, 40 };
	double worst = 0;
	float *x, *y;
	int i, k;

	for (i = 0; i < 3000; i++) {
		double data[120], sum[3] = { 0 };

		forget();
		for (k = 0; k < 120; k++)
			data[k] = -(double)draw(1u << 20) * 0x1p-20 * (i % 100) - i;
		add(F32, 2, dims, data);
		x = in[0].data;
		ints[0] = i % 2 ? -1 : 0;
		CHECK_EQ(run(NEURON_HOST_SOFTMAX, F32), HOSTOP_OK);
		y = out[0].data;
		for (k = 0; k < 40 && i % 2; k++)
			sum[0] += exp((double)x[k] + i);
		for (k = 0; k < 40 && i % 2; k++) {
			double want = exp((double)x[k] + i) / sum[0];

			worst = fmax(worst, want < 0x1p-126 ? y[k] * 0x1p126 - 1 :
				     fabs(y[k] - want) / want);
		}
		for (k = 0; k < 3 && !(i % 2); k++)
			sum[k] = exp((double)x[40 * k] + i);
		for (k = 0; k < 3 && !(i % 2); k++) {
			double want = sum[k] / (sum[0] + sum[1] + sum[2]);

			worst = fmax(worst, want < 0x1p-126 ? y[40 * k] * 0x1p126 - 1 :
				     fabs(y[40 * k] - want) / want);
		}
	}
	if (worst > 0x1.01p-24)
		printf("# %g off\n", worst);
	CHECK(worst <= 0x1.01p-24);
	forget();
	IN(F32, 2, D(5, 2), 0, -INFINITY, 1, NAN, INFINITY, 1, -INFINITY, -INFINITY, -1e30f, 1e30f);
	ints[0] = 1;
	GIVES(SOFTMAX, F32, 2, D(5, 2), 1, 0, NAN, NAN, NAN, NAN, NAN, NAN, 0, 1);
	IN(F32, 1, D(2), 0, -INFINITY);
	ints[0] = 0;
	GIVES(LOG_SOFTMAX, F32, 1, D(2), 0, -INFINITY);
}

int main(void)
{
	ktap_run("arithmetic", arithmetic);
	ktap_run("choices", choices);
	ktap_run("transposes", transposes);
	ktap_run("slices", slices);
	ktap_run("softmax", softmax);
	return ktap_done();
}
