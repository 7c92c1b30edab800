// SPDX-License-Identifier: MIT
/* MatMul and Gemm, in fp32, as on the chip. */
#include "product.h"

/* A right matrix as it is in memory. */
struct matrix {
	const float *data;
	size_t row_step;
	size_t column_step;
};

static void get_row(const void *from, size_t row, size_t column, size_t count, float *to)
{
	const struct matrix *m = from;
	const float *data = m->data + row * m->row_step + column * m->column_step;
	size_t i;

	if (m->column_step == 1)
		memcpy(to, data, count * sizeof(*to));
	else
		for (i = 0; i < count; i++)
			to[i] = data[i * m->column_step];
}

static bool are_floats(const struct hostop_call *call)
{
	uint32_t i;

	for (i = 0; i < call->num_in; i++)
		if (call->in[i] && call->in[i]->dtype != call->most[0]->dtype)
			return false;
	return hostop_is_float(call->most[0]->dtype);
}

static enum hostop_status misfit(struct hostop_call *call, uint64_t a, uint64_t b)
{
	return hostop_fail(call, HOSTOP_BAD_INPUT, "%llu columns cannot be multiplied with %llu rows",
			   (unsigned long long)a, (unsigned long long)b);
}

/*
 * What numpy's rule makes of the shapes: a vector is a row on the left and a column on the
 * right, and the dimension that is added for that is not in the result.
 */
struct shapes {
	size_t rows;
	size_t depth;
	size_t columns;
	struct hostop_tensor batches[2];
	struct hostop_tensor batch;
	struct hostop_tensor result;
};

static enum hostop_status find_shapes(struct hostop_call *call, struct shapes *s)
{
	const struct hostop_tensor *x[2] = { in(call, 0), in(call, 1) };
	const struct hostop_tensor *batches[2];
	struct hostop_call only_batches = { .in = batches, .num_in = 2 };
	enum hostop_status status;
	uint32_t i, rank;

	*s = (struct shapes) { .rows = 1, .columns = 1 };
	for (i = 0; i < 2; i++) {
		if (!x[i]->rank)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its input %u is a single number", i);
		s->batches[i] = *x[i];
		s->batches[i].rank = x[i]->rank > 2 ? x[i]->rank - 2 : 0;
		batches[i] = &s->batches[i];
	}
	s->depth = x[0]->dims[x[0]->rank - 1];
	if (x[1]->dims[x[1]->rank > 1 ? x[1]->rank - 2 : 0] != s->depth)
		return misfit(call, s->depth, x[1]->dims[x[1]->rank > 1 ? x[1]->rank - 2 : 0]);
	status = hostop_broadcast(&only_batches, &s->batch);
	if (status) {
		memcpy(call->why, only_batches.why, sizeof(call->why));
		return status;
	}
	s->result = s->batch;
	rank = s->batch.rank;
	if (x[0]->rank > 1)
		s->result.dims[rank++] = s->rows = x[0]->dims[x[0]->rank - 2];
	if (x[1]->rank > 1)
		s->result.dims[rank++] = s->columns = x[1]->dims[x[1]->rank - 1];
	s->result.rank = rank;
	return HOSTOP_OK;
}

static enum hostop_status multiply_here(const float *a, const float *b, float *out,
					size_t rows, size_t depth, size_t columns)
{
	struct matrix right = { b, columns, 1 };
	struct product product;
	bool ok;

	ok = product_begin(&product, a, rows, depth, depth, 1);
	if (ok)
		product_run(&product, get_row, &right, 0, columns, out, columns);
	product_end(&product);
	return ok ? HOSTOP_OK : HOSTOP_NO_MEMORY;
}

static enum hostop_status multiply(const struct hostop_call *call, const struct shapes *s,
				   const float *a, const float *b, float *out)
{
	const struct hostop_tensor *batches[2] = { &s->batches[0], &s->batches[1] };
	uint64_t n = hostop_count(&s->batch), i;
	enum hostop_status status = HOSTOP_OK;
	size_t rows = s->rows;
	struct walk walk;

	walk_begin(&walk, &s->batch, batches, 2);
	/* All matrices with the same one on the right are one. */
	if (hostop_count(&s->batches[1]) == 1 && n) {
		rows *= n;
		n = 1;
	}
	for (i = 0; i < n && !status; i++, walk_next(&walk)) {
		const float *left = a + walk.at[0] * s->rows * s->depth;
		const float *right = b + walk.at[1] * s->depth * s->columns;
		float *to = out + i * s->rows * s->columns;

		if (!call->product || !s->depth)
			status = multiply_here(left, right, to, rows, s->depth, s->columns);
		else if (!call->product(call->context, left, right, to, rows, s->depth,
					s->columns))
			status = HOSTOP_PRODUCT;
	}
	return status;
}

enum hostop_status hostop_matmul(struct hostop_call *call)
{
	float *own[3], *out;
	enum hostop_status status;
	const float *a, *b;
	struct shapes s;

	if (!are_floats(call))
		return hostop_bad_type(call);
	status = find_shapes(call, &s);
	if (!status)
		status = hostop_make_like(call, 0, &s.result);
	if (status || !hostop_count(&s.result))
		return status;
	a = product_floats(in(call, 0), &own[0]);
	b = product_floats(in(call, 1), &own[1]);
	out = product_result(&call->out[0], &own[2]);
	status = a && b && out ? multiply(call, &s, a, b, out) : HOSTOP_NO_MEMORY;
	if (!status)
		product_put(&call->out[0], own[2]);
	free(own[0]);
	free(own[1]);
	free(own[2]);
	return status;
}

/* out = alpha * out + beta * c */
static void add_bias(struct hostop_call *call, float *out, const float *c)
{
	const struct hostop_tensor *bias = in(call, 2);
	uint64_t n = hostop_count(&call->out[0]), i;
	struct walk walk;

	if (bias)
		walk_begin(&walk, &call->out[0], &bias, 1);
	for (i = 0; i < n; i++) {
		double y = call->floats[0] * out[i];

		if (bias) {
			y += call->floats[1] * c[walk.at[0]];
			walk_next(&walk);
		}
		out[i] = (float)y;
	}
}

/* The bias is broadcast to a result of that shape. */
static bool bias_fits(const struct hostop_tensor *bias, const uint32_t *dims)
{
	uint32_t i;

	for (i = 0; bias && i < bias->rank; i++)
		if (bias->rank > 2 ||
		    (bias->dims[i] != 1 && bias->dims[i] != dims[2 - bias->rank + i]))
			return false;
	return true;
}

enum hostop_status hostop_gemm(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *y = in(call, 1), *bias = in(call, 2);
	const bool ta = call->ints[0], tb = call->ints[1];
	float *own[4] = { NULL }, *out;
	const float *a, *b, *c = NULL;
	struct product product = { 0 };
	struct matrix right;
	enum hostop_status status;
	uint32_t dims[2];
	bool ok;

	if (!are_floats(call))
		return hostop_bad_type(call);
	if (x->rank != 2 || y->rank != 2)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "it takes matrices");
	if (x->dims[!ta] != y->dims[tb])
		return misfit(call, x->dims[!ta], y->dims[tb]);
	dims[0] = x->dims[ta];
	dims[1] = y->dims[!tb];
	if (!bias_fits(bias, dims))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its bias does not fit its result");
	status = hostop_make(call, 0, 2, dims);
	if (status || !hostop_count(&call->out[0]))
		return status;
	a = product_floats(x, &own[0]);
	b = product_floats(y, &own[1]);
	if (bias)
		c = product_floats(bias, &own[2]);
	out = product_result(&call->out[0], &own[3]);
	right = (struct matrix) { b, tb ? 1 : y->dims[1], tb ? y->dims[1] : 1 };
	ok = a && b && out && (c || !bias) &&
	     product_begin(&product, a, dims[0], x->dims[!ta], ta ? 1 : x->dims[1],
			   ta ? x->dims[1] : 1);
	if (ok) {
		product_run(&product, get_row, &right, 0, dims[1], out, dims[1]);
		add_bias(call, out, c);
		product_put(&call->out[0], own[3]);
	}
	product_end(&product);
	free(own[0]);
	free(own[1]);
	free(own[2]);
	free(own[3]);
	return ok ? HOSTOP_OK : HOSTOP_NO_MEMORY;
}
