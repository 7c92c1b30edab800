// SPDX-License-Identifier: MIT
/* Normalisations. They are summed as doubles. */
#include <math.h>
#include "priv.h"

/* Softmax and LogSoftmax of @n elements, @step apart, from the one at @first on. */
static void softmax_of(struct hostop_call *call, uint64_t first, uint64_t n, uint64_t step)
{
	const struct hostop_tensor *x = in(call, 0);
	const bool is_log = call->op == NEURON_HOST_LOG_SOFTMAX;
	double most = -INFINITY, sum = 0, y;
	uint64_t i;

	for (i = 0; i < n; i++)
		most = fmax(most, num(x, first + i * step));
	for (i = 0; i < n; i++)
		sum += exp(num(x, first + i * step) - most);
	for (i = 0; i < n; i++) {
		y = num(x, first + i * step) - most;
		y = is_log ? y - log(sum) : exp(y) / sum;
		hostop_put_double(x->dtype, call->out[0].data, first + i * step,
				  rounded(x->dtype, y));
	}
}

enum hostop_status hostop_softmax(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t axis = call->ints[0];
	enum hostop_status status;
	uint64_t outer, inner, o;

	if (!hostop_is_float(x->dtype) || call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	if (!fix_axis(&axis, x->rank))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis is out of range");
	status = hostop_make_like(call, 0, x);
	if (status || !hostop_count(x))
		return status;
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	for (o = 0; o < outer * inner; o++)
		softmax_of(call, o / inner * x->dims[axis] * inner + o % inner, x->dims[axis],
			   inner);
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
