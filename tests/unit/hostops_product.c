// SPDX-License-Identifier: MIT
/* The host's products of matrices and convolutions, also with windows of any numbers. */
#include "hostops.h"

/* A tensor of small integers, which products in fp32 have no errors with. */
static void add_small(uint32_t rank, const uint32_t *dims, unsigned int seed)
{
	struct hostop_tensor *t = &in[call.num_in];
	uint64_t i;

	*t = (struct hostop_tensor) { .dtype = F32, .rank = rank };
	memcpy(t->dims, dims, rank * sizeof(*dims));
	t->data = malloc(hostop_count(t) * sizeof(float) + 1);
	for (i = 0; i < hostop_count(t); i++)
		((float *)t->data)[i] = (float)((i * 7 + i / 5 + seed) % 11) - 5;
	ins[call.num_in++] = t;
}

/* Beyond all that is computed at once, in each direction; and one as a double. */
static void large_product(uint32_t rows, uint32_t depth, uint32_t columns)
{
	const float *a, *b, *y;
	uint32_t r, c, k;
	double sum;

	forget();
	add_small(2, (uint32_t[]) { rows, depth }, 1);
	add_small(2, (uint32_t[]) { depth, columns }, 2);
	CHECK_EQ(run(NEURON_HOST_MATMUL, F32), HOSTOP_OK);
	a = in[0].data;
	b = in[1].data;
	y = out[0].data;
	for (r = 0; r < rows && y; r++) {
		for (c = 0; c < columns; c++) {
			for (k = 0, sum = 0; k < depth; k++)
				sum += a[r * depth + k] * b[k * columns + c];
			if (y[r * columns + c] == sum)
				continue;
			printf("# %u x %u x %u: (%u, %u) is %g, not %g\n", rows, depth, columns,
			       r, c, y[r * columns + c], sum);
			ktap_failed = true;
			return;
		}
	}
}

static void products(void)
{
	static const uint32_t sizes[] = { 1, 5, 6, 7, 16, 17, 256, 257, 530 };
	unsigned int i;

	for (i = 0; i < 9; i++) {
		large_product(sizes[i], 3, 5);
		large_product(3, sizes[i], 5);
		large_product(3, 5, sizes[i]);
		large_product(sizes[i], sizes[8 - i], sizes[i]);
	}
	forget();
	IN(F32, 1, D(2), 1, 2);
	IN(F32, 1, D(2), 3, 4);
	GIVES(MATMUL, F32, 0, D(0), 11);
	IN(F16, 3, D(2, 1, 2), 1, 2, 3, 4);
	IN(F16, 1, D(2), 1, 10);
	GIVES(MATMUL, F16, 2, D(2, 1), 21, 43);
	/* One matrix with two others, on both sides. */
	IN(F32, 2, D(1, 2), 1, 2);
	IN(F32, 3, D(2, 2, 1), 1, 2, 3, 4);
	GIVES(MATMUL, F32, 3, D(2, 1, 1), 5, 11);
	IN(F32, 3, D(2, 1, 1), 2, 3);
	IN(F32, 4, D(2, 1, 1, 1), 5, 7);
	GIVES(MATMUL, F32, 4, D(2, 2, 1, 1), 10, 15, 14, 21);
	IN(F32, 2, D(2, 0), 0);
	IN(F32, 2, D(0, 2), 0);
	GIVES(MATMUL, F32, 2, D(2, 2), 0, 0, 0, 0);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(F32, 2, D(3, 1), 1, 2, 3);
	FAILS(MATMUL, F32, HOSTOP_BAD_INPUT);
	IN(F32, 3, D(2, 1, 1), 2, 3);
	IN(F32, 3, D(3, 1, 1), 5, 7, 9);
	FAILS(MATMUL, F32, HOSTOP_BAD_INPUT);
	IN(F32, 0, D(0), 2);
	IN(F32, 1, D(1), 5);
	FAILS(MATMUL, F32, HOSTOP_BAD_INPUT);
	IN(I64, 1, D(1), 2);
	IN(I64, 1, D(1), 5);
	FAILS(MATMUL, I64, HOSTOP_INVALID);

	IN(F32, 2, D(2, 1), 1, 2);
	IN(F32, 2, D(3, 2), 1, 2, 3, 4, 5, 6);
	IN(F32, 1, D(3), 10, 20, 30);
	ints[0] = 1;
	ints[1] = 1;
	floats[0] = 2;
	floats[1] = 0.5;
	GIVES(GEMM, F32, 2, D(1, 3), 15, 32, 49);
	IN(F32, 2, D(1, 1), 1);
	IN(F32, 2, D(1, 1), 1);
	IN(F32, 2, D(2, 1), 1, 2);
	FAILS(GEMM, F32, HOSTOP_BAD_INPUT);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(F32, 2, D(1, 2), 1, 2);
	FAILS(GEMM, F32, HOSTOP_BAD_INPUT);
}

/* A convolution as it is defined, of three dimensions; the window is in @list. */
static double conv_at(const struct hostop_tensor *x, const struct hostop_tensor *w,
		      const int64_t *list, int64_t groups, uint32_t image, uint32_t channel,
		      const uint32_t *o)
{
	uint32_t per_group = w->dims[0] / groups, c, k[3], d;
	double sum = 0;

	for (c = 0; c < w->dims[1]; c++)
		for (k[0] = 0; k[0] < w->dims[2]; k[0]++)
			for (k[1] = 0; k[1] < w->dims[3]; k[1]++)
				for (k[2] = 0; k[2] < w->dims[4]; k[2]++) {
					uint64_t at = image * x->dims[1] +
						      channel / per_group * w->dims[1] + c;
					uint64_t by = (uint64_t)channel * w->dims[1] + c;
					bool is_there = true;

					for (d = 0; d < 3; d++) {
						int64_t i = o[d] * list[d] - list[6 + d] +
							    k[d] * list[3 + d];

						is_there &= i >= 0 && i < x->dims[2 + d];
						at = at * x->dims[2 + d] + (uint64_t)i;
						by = by * w->dims[2 + d] + k[d];
					}
					if (is_there)
						sum += ((float *)x->data)[at] *
						       ((float *)w->data)[by];
				}
	return sum;
}

static void random_convs(void)
{
	unsigned int turn, i, d;
	uint32_t dims[5], o[3];
	int64_t list[12];

	for (turn = 0; turn < 300; turn++) {
		uint32_t groups = 1 + draw(3), n, c;

		forget();
		dims[0] = 1 + draw(2);
		dims[1] = groups * (1 + draw(4));
		for (d = 0; d < 3; d++) {
			dims[2 + d] = 1 + draw(d == 2 ? 40 : 6);
			list[d] = 1 + draw(3);
			list[3 + d] = 1 + draw(2);
			list[6 + d] = draw(3);
			list[9 + d] = draw(3);
		}
		add_small(5, dims, turn);
		dims[1] /= groups;
		dims[0] = groups * (1 + draw(9));
		for (d = 0; d < 3; d++)
			dims[2 + d] = 1 + draw(3);
		add_small(5, dims, turn + 1);
		IN(I64, 1, D(12), list[0], list[1], list[2], list[3], list[4], list[5], list[6],
		   list[7], list[8], list[9], list[10], list[11]);
		ints[0] = groups;
		if (run(NEURON_HOST_CONV, F32)) {
			CHECK(strstr(call.why, "too few"));
			continue;
		}
		n = out[0].dims[2] * out[0].dims[3] * out[0].dims[4];
		for (i = 0; i < hostop_count(&out[0]); i++) {
			c = i / n;
			o[0] = i % n / (out[0].dims[3] * out[0].dims[4]);
			o[1] = i / out[0].dims[4] % out[0].dims[3];
			o[2] = i % out[0].dims[4];
			CHECK_EQ((int)((float *)out[0].data)[i],
				 (int)conv_at(&in[0], &in[1], list, groups,
					      c / out[0].dims[1], c % out[0].dims[1], o));
			if (ktap_failed)
				return;
		}
	}
}

static void convolutions(void)
{
	static const double bad[][4] = {
		{ 0, 1, 0, 0 }, { 1, 0, 0, 0 }, { -1, 1, 0, 0 }, { 0x1p31, 1, 0, 0 },
		{ 1, 0x1p40, 0, 0 }, { 1, 1, -0x1p31, 0 }, { 1, 1, 0, 0x1p62 },
	};
	unsigned int i;

	random_convs();
	forget();
	/* [1, 2, 3] with a window of 2: SAME pads behind, or before. */
	for (i = 0; i < 2; i++) {
		IN(F32, 3, D(1, 1, 3), 1, 2, 3);
		IN(F32, 3, D(1, 1, 2), 1, 10);
		IN(I64, 1, D(4), 1, 1, 0, 0);
		IN(F32, 1, D(1), 0.5);
		ints[0] = 1;
		ints[1] = 1 + i;
		if (i)
			GIVES(CONV, F32, 3, D(1, 1, 3), 10.5, 21.5, 32.5);
		else
			GIVES(CONV, F32, 3, D(1, 1, 3), 21.5, 32.5, 3.5);
	}
	/* What is cut off by negative pads; two groups. */
	IN(F32, 3, D(1, 2, 3), 1, 2, 3, 4, 5, 6);
	IN(F32, 3, D(2, 1, 1), 1, 10);
	IN(I64, 1, D(4), 1, 1, -1, 0);
	ints[0] = 2;
	GIVES(CONV, F32, 3, D(1, 2, 2), 2, 3, 50, 60);
	/* Stride 2, one more behind; then the size that is asked for. */
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 3), 1, 10, 100);
	IN(I64, 1, D(5), 2, 1, 0, 0, 1);
	IN(F32, 1, D(1), 0.5);
	ints[0] = 1;
	GIVES(CONV_TRANSPOSE, F32, 3, D(1, 1, 6), 1.5, 10.5, 102.5, 20.5, 200.5, 0.5);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 3), 1, 10, 100);
	IN(I64, 1, D(6), 2, 1, 0, 0, 0, 4);
	ints[0] = 1;
	GIVES(CONV_TRANSPOSE, F32, 3, D(1, 1, 4), 10, 102, 20, 200);
	/* A window that nothing fits under, groups that do not divide, hostile numbers. */
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 3), 1, 10, 100);
	IN(I64, 1, D(4), 1, 1, 0, 0);
	ints[0] = 1;
	FAILS(CONV, F32, HOSTOP_BAD_INPUT);
	IN(F32, 3, D(1, 1, 0), 0);
	IN(F32, 3, D(1, 1, 1), 1);
	IN(I64, 1, D(4), 1, 1, 0, 0);
	ints[0] = 1;
	FAILS(CONV, F32, HOSTOP_BAD_INPUT);
	for (i = 0; i < 3; i++) {
		IN(F32, 3, D(1, 3, 1), 1, 2, 3);
		IN(F32, 3, D(3, 1, 1), 1, 10, 100);
		IN(I64, 1, D(4), 1, 1, 0, 0);
		ints[0] = i == 0 ? 0 : i == 1 ? 2 : INT64_MIN;
		FAILS(CONV, F32, HOSTOP_BAD_INPUT);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		IN(F32, 3, D(1, 1, 1), 1);
		IN(F32, 3, D(1, 1, 1), 1);
		IN(I64, 1, D(4), bad[i][0], bad[i][1], bad[i][2], bad[i][3]);
		ints[0] = 1;
		FAILS(CONV, F32, HOSTOP_INVALID);
	}
	/* As large as the numbers can be: no memory is asked for that the bound forbids. */
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(I64, 1, D(5), 0x1p31 - 1, 0x1p31 - 1, 0, 0, 0x1p31 - 1);
	ints[0] = 1;
	call.bounded = true;
	most[0].rank = 3;
	FAILS(CONV_TRANSPOSE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(I64, 1, D(4), 1, 1, 0x1p31 - 1, 0);
	ints[0] = 1;
	call.bounded = true;
	most[0].rank = 3;
	FAILS(CONV, F32, HOSTOP_TOO_LARGE);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(F32, 3, D(1, 1, 2), 1, 2);
	IN(I64, 1, D(3), 1, 1, 0);
	ints[0] = 1;
	FAILS(CONV, F32, HOSTOP_INVALID);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(I64, 1, D(0), 1);
	ints[0] = 1;
	FAILS(CONV, F32, HOSTOP_BAD_INPUT);
}

/* Windows and pads of any numbers: nothing is read or written beside what there is. */
static void any_window(void)
{
	static const uint32_t ops[] = { NEURON_HOST_CONV, NEURON_HOST_CONV_TRANSPOSE,
					NEURON_HOST_PAD, NEURON_HOST_GEMM, NEURON_HOST_MATMUL };
	static const double numbers[] = { 0, 1, 1, 1, 1, 2, 3, -1, -2, 0x1p31 - 1, -0x1p31, 0x1p62 };
	unsigned int turn, i, good[5] = { 0 };

	for (turn = 0; turn < 100000; turn++) {
		uint32_t op = draw(5), n = 1 + draw(3), d;
		double list[18];
		bool window = op < 2;

		forget();
		/* Ranks and channels fit mostly, sizes do not. */
		for (i = 0; i < 2 + draw(2); i++) {
			uint32_t dims[8], sizes = draw(4) ? (op ? 5 : 4) : 4 + draw(3);

			for (d = 0; d < 2 + n; d++)
				dims[d] = d < 2 ? 1 + draw(2) : draw(4);
			if (i == 2 || (op == 2 && i == 1)) {
				for (d = 0; d < 18; d++)
					list[d] = numbers[draw(draw(3) ? 7 : 12)];
				add(I64, 1, (uint32_t[]) { window ? n * sizes : 2 * (2 + n) },
				    list);
			} else {
				add_small(window || op == 2 ? 2 + n : 1 + draw(3), dims, turn);
			}
		}
		if (window && draw(2))
			add_small(1, (uint32_t[]) { 1 + draw(2) }, turn);
		ints[0] = 1 + draw(2);
		ints[1] = draw(4);
		if (op == 2)
			ints[1] = 0;
		call.bounded = true;
		most[0].rank = op == 4 ? draw(5) : window || op == 2 ? 2 + n : 2;
		for (d = 0; d < 8; d++)
			most[0].dims[d] = 40;
		good[op] += run(ops[op], F32) == HOSTOP_OK;
	}
	forget();
	for (i = 0; i < 5; i++)
		CHECK(good[i] > 100);
}

/* Where products are made elsewhere: how many, and which one of them fails. */
struct elsewhere {
	unsigned int calls;
	unsigned int fails;
	size_t rows;
};

static bool multiply_elsewhere(void *context, const float *a, const float *b, float *to,
			       size_t rows, size_t depth, size_t columns)
{
	struct elsewhere *e = context;
	size_t r, c, k;

	e->rows = rows;
	if (++e->calls == e->fails)
		return false;
	for (r = 0; r < rows; r++)
		for (c = 0; c < columns; c++)
			for (to[r * columns + c] = 1000, k = 0; k < depth; k++)
				to[r * columns + c] += a[r * depth + k] * b[k * columns + c];
	return true;
}

/* What @e makes is told from what the host makes by 1000. */
static void elsewhere(void)
{
	struct elsewhere e = { 0 };

#define HERE()	(e = (struct elsewhere) { 0 }, call.product = multiply_elsewhere, call.context = &e)
	forget();
	IN(F16, 3, D(2, 1, 2), 1, 2, 3, 4);
	IN(F16, 1, D(2), 1, 10);
	HERE();
	GIVES(MATMUL, F16, 2, D(2, 1), 1021, 1043);
	CHECK_EQ(e.calls, 1);
	CHECK_EQ(e.rows, 2);
	IN(F32, 3, D(2, 1, 1), 2, 3);
	IN(F32, 4, D(2, 1, 1, 1), 5, 7);
	HERE();
	GIVES(MATMUL, F32, 4, D(2, 2, 1, 1), 1010, 1015, 1014, 1021);
	CHECK_EQ(e.calls, 4);
	/* There is nothing to multiply. */
	IN(F32, 2, D(2, 0), 0);
	IN(F32, 2, D(0, 2), 0);
	HERE();
	GIVES(MATMUL, F32, 2, D(2, 2), 0, 0, 0, 0);
	IN(F32, 2, D(0, 2), 0);
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	HERE();
	GIVES(MATMUL, F32, 2, D(0, 3), 0);
	CHECK_EQ(e.calls, 0);
	IN(F32, 3, D(2, 1, 1), 2, 3);
	IN(F32, 3, D(2, 1, 1), 5, 7);
	HERE();
	e.fails = 2;
	CHECK_EQ(run(NEURON_HOST_MATMUL, F32), HOSTOP_PRODUCT);
	CHECK_EQ(e.calls, 2);
#undef HERE
}

int main(void)
{
	ktap_run("products", products);
	ktap_run("products that are made elsewhere", elsewhere);
	ktap_run("convolutions", convolutions);
	ktap_run("any window at all", any_window);
	return ktap_done();
}
