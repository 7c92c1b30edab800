// SPDX-License-Identifier: MIT
/* Normalisations. They are summed as doubles. */
#include <math.h>
#include "priv.h"

/*
 * e^x of 0 and less, or NaN, some 2^-31 off: the same on every processor, and in loops that
 * become its vectors. Powers of two, times Taylor's polynomial of what remains.
 */
static inline double exp_narrow(double x)
{
	/* Behind a sum with it the whole number is in the lowest bits. */
	const double whole = 0x1.8p52;
	double k = x * M_LOG2E + whole, r = x - (k - whole) * M_LN2, y, power;
	uint64_t bits;

	y = 1.0 / 40320;
	y = y * r + 1.0 / 5040;
	y = y * r + 1.0 / 720;
	y = y * r + 1.0 / 120;
	y = y * r + 1.0 / 24;
	y = y * r + 1.0 / 6;
	y = y * r + 1.0 / 2;
	y = y * r + 1;
	y = y * r + 1;
	memcpy(&bits, &k, sizeof(bits));
	bits = (bits + 1023) << 52;
	memcpy(&power, &bits, sizeof(power));
	/* Less than any number of fp32. */
	return x < -700 ? 0 : y * power;
}

static double greatest(const double *x, uint64_t n)
{
	double most = -INFINITY;
	uint64_t i;

	for (i = 0; i < n; i++)
		most = x[i] > most ? x[i] : most;
	return most;
}

/* @n elements in @x become their Softmax or LogSoftmax. */
static void softmax_of(const struct hostop_call *call, double *x, uint64_t n)
{
	const bool is_log = call->op == NEURON_HOST_LOG_SOFTMAX;
	const bool wide = call->most[0]->dtype == NEURON_NEFF_F64;
	double most = greatest(x, n), sum = 0;
	uint64_t i;

	for (i = 0; i < n; i++)
		x[i] -= most;
	if (is_log) {
		for (i = 0; i < n; i++)
			sum += wide ? exp(x[i]) : exp_narrow(x[i]);
		sum = log(sum);
		for (i = 0; i < n; i++)
			x[i] -= sum;
		return;
	}
	for (i = 0; i < n && wide; i++)
		x[i] = exp(x[i]);
	for (i = 0; i < n && !wide; i++)
		x[i] = exp_narrow(x[i]);
	for (i = 0; i < n; i++)
		sum += x[i];
	for (i = 0; i < n; i++)
		x[i] /= sum;
}

/* Elements of a row into @to: @n of them, @step apart, from the one at @first on. */
static void get_row(const struct hostop_tensor *x, double *to, uint64_t first, uint64_t n,
		    uint64_t step)
{
	const float *from = (const float *)x->data + first;
	uint64_t i;

	if (x->dtype == NEURON_NEFF_F32 && step == 1) {
		for (i = 0; i < n; i++)
			to[i] = from[i];
		return;
	}
	for (i = 0; i < n; i++)
		to[i] = num(x, first + i * step);
}

static void put_row(struct hostop_tensor *y, const double *from, uint64_t first, uint64_t n,
		    uint64_t step)
{
	float *to = (float *)y->data + first;
	uint64_t i;

	if (y->dtype == NEURON_NEFF_F32 && step == 1) {
		for (i = 0; i < n; i++)
			to[i] = (float)from[i];
		return;
	}
	for (i = 0; i < n; i++)
		hostop_put_double(y->dtype, y->data, (int64_t)(first + i * step),
				  rounded(y->dtype, from[i]));
}

enum hostop_status hostop_softmax(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t axis = call->ints[0];
	enum hostop_status status;
	uint64_t outer, inner, o, n;
	double *row;

	if (!hostop_is_float(x->dtype) || call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	if (!fix_axis(&axis, x->rank))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis is out of range");
	status = hostop_make_like(call, 0, x);
	if (status || !hostop_count(x))
		return status;
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	n = x->dims[axis];
	row = calloc(n, sizeof(*row));
	if (!row)
		return HOSTOP_NO_MEMORY;
	for (o = 0; o < outer * inner; o++) {
		const uint64_t first = o / inner * n * inner + o % inner;

		get_row(x, row, first, n, inner);
		softmax_of(call, row, n);
		put_row(&call->out[0], row, first, n, inner);
	}
	free(row);
	return HOSTOP_OK;
}

/* The mean, and one by the standard deviation, of @n elements from @first on. */
static void moments(const struct hostop_tensor *x, uint64_t first, uint64_t n, double epsilon,
		    double *mean, double *scale)
{
	double sum = 0, squares = 0, d;
	uint64_t i;

	for (i = 0; i < n; i++)
		sum += num(x, first + i);
	*mean = sum / n;
	for (i = 0; i < n; i++) {
		d = num(x, first + i) - *mean;
		squares += d * d;
	}
	*scale = 1 / sqrt(squares / n + epsilon);
}

/* It and what it is scaled by have the shape of the input, broadcast. */
static bool fits_input(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor shape;

	return !hostop_broadcast(call, &shape) && shape.rank == x->rank &&
	       !memcmp(shape.dims, x->dims, sizeof(x->dims));
}

enum hostop_status hostop_layer_norm(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	/* Without a bias the scale stands in for it, and counts for nothing. */
	const struct hostop_tensor *all[2] = { in(call, 1), in(call, 2) ? in(call, 2) : in(call, 1) };
	struct hostop_tensor rows = { .rank = x->rank };
	double mean = 0, scale = 0, y;
	int64_t axis = call->ints[0];
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	uint32_t d, k;

	if (!hostop_is_float(x->dtype))
		return hostop_bad_type(call);
	for (k = 0; k < call->num_out; k++)
		if (wanted(call, k) && call->most[k]->dtype != (k ? NEURON_NEFF_F32 : x->dtype))
			return hostop_bad_type(call);
	for (k = 0; k < 2; k++)
		if (all[k]->dtype != x->dtype)
			return hostop_bad_type(call);
	if (!fix_axis(&axis, x->rank) || !fits_input(call))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis, scale or bias does not fit its input");
	for (d = 0; d < x->rank; d++)
		rows.dims[d] = d < axis ? x->dims[d] : 1;
	status = hostop_make_like(call, 0, x);
	for (k = 1; k < 3 && !status; k++)
		status = hostop_make_like(call, k, &rows);
	if (status)
		return status;
	n = span(x, axis, x->rank);
	walk_begin(&walk, x, all, 2);
	for (i = 0; i < hostop_count(x); i++, walk_next(&walk)) {
		if (i % n == 0) {
			moments(x, i, n, call->floats[0], &mean, &scale);
			if (wanted(call, 1))
				hostop_put_double(NEURON_NEFF_F32, call->out[1].data, i / n, mean);
			if (wanted(call, 2))
				hostop_put_double(NEURON_NEFF_F32, call->out[2].data, i / n, scale);
		}
		y = (num(x, i) - mean) * scale * num(all[0], walk.at[0]);
		if (in(call, 2))
			y += num(all[1], walk.at[1]);
		if (wanted(call, 0))
			hostop_put_double(x->dtype, call->out[0].data, i, rounded(x->dtype, y));
	}
	return HOSTOP_OK;
}
