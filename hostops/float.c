// SPDX-License-Identifier: MIT
/*
 * Functions of floats, element by element. They are computed as doubles and rounded to
 * fp32 once: libm's float functions differ in their last bit between processors, this
 * does in one of 2^29 cases.
 */
#include <math.h>
#include "priv.h"

static double clamp(double x, double lo, double hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

static double softplus(double x)
{
	return x > 0 ? x + log1p(exp(-x)) : log1p(exp(x));
}

/* Parameters as in <neuron/hostop.h>. */
static double apply(uint32_t op, double alpha, double beta, bool flag, double x)
{
	switch (op) {
	case NEURON_HOST_EXP:
		return exp(x);
	case NEURON_HOST_LOG:
		return log(x);
	case NEURON_HOST_SIN:
		return sin(x);
	case NEURON_HOST_COS:
		return cos(x);
	case NEURON_HOST_TANH:
		return tanh(x);
	case NEURON_HOST_SIGMOID:
		return 1 / (1 + exp(-x));
	case NEURON_HOST_ERF:
		return erf(x);
	case NEURON_HOST_SOFTPLUS:
		return softplus(x);
	case NEURON_HOST_SOFTSIGN:
		return x / (1 + fabs(x));
	case NEURON_HOST_HARD_SWISH:
		return x * clamp(x / 6 + 0.5, 0, 1);
	case NEURON_HOST_MISH:
		return x * tanh(softplus(x));
	case NEURON_HOST_LEAKY_RELU:
		return x < 0 ? alpha * x : x;
	case NEURON_HOST_ELU:
		return x < 0 ? alpha * expm1(x) : x;
	case NEURON_HOST_SELU:
		return beta * (x <= 0 ? alpha * expm1(x) : x);
	case NEURON_HOST_HARD_SIGMOID:
		return clamp(alpha * x + beta, 0, 1);
	default:
		/* Gelu */
		return flag ? x * (1 + tanh(sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))) / 2 :
			      x * (1 + erf(x / M_SQRT2)) / 2;
	}
}

enum hostop_status hostop_function(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	const uint32_t op = call->op, dtype = x->dtype;
	const double alpha = call->floats[0], beta = call->floats[1];
	const bool flag = call->ints[0];
	enum hostop_status status;
	uint64_t i, n = hostop_count(x);

	if (!hostop_is_float(dtype) || call->most[0]->dtype != dtype)
		return hostop_bad_type(call);
	status = hostop_make_like(call, 0, x);
	if (status)
		return status;
	if (dtype == NEURON_NEFF_F32) {
		const float *from = x->data;
		float *to = call->out[0].data;

		/* What sound passes through most often is worth a loop without a choice. */
		if (op == NEURON_HOST_LEAKY_RELU)
			for (i = 0; i < n; i++)
				to[i] = (float)(from[i] < 0 ? alpha * from[i] : from[i]);
		else
			for (i = 0; i < n; i++)
				to[i] = (float)apply(op, alpha, beta, flag, from[i]);
		return HOSTOP_OK;
	}
	for (i = 0; i < n; i++) {
		double y = apply(op, alpha, beta, flag, num(x, i));

		hostop_put_double(dtype, call->out[0].data, i, rounded(dtype, y));
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_classify(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	enum hostop_status status;
	uint64_t i, n = hostop_count(x);
	uint8_t *to;

	if (!hostop_is_float(x->dtype) || call->most[0]->dtype != NEURON_NEFF_BOOL)
		return hostop_bad_type(call);
	status = hostop_make_like(call, 0, x);
	if (status)
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++) {
		double v = num(x, i);

		to[i] = call->op == NEURON_HOST_IS_NAN ? isnan(v) :
			isinf(v) && (v < 0 ? call->ints[0] : call->ints[1]);
	}
	return HOSTOP_OK;
}

/* Wraps. A fraction is 0, and so is what divides by 0. */
static int64_t power_int(int64_t base, int64_t exponent)
{
	uint64_t x = base, y = 1;

	if (exponent < 0)
		return base == 1 ? 1 : base == -1 ? (exponent & 1 ? -1 : 1) : 0;
	for (; exponent; exponent >>= 1, x *= x)
		if (exponent & 1)
			y *= x;
	return (int64_t)y;
}

enum hostop_status hostop_pow(struct hostop_call *call)
{
	const struct hostop_tensor *a = in(call, 0), *b = in(call, 1);
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	void *to;

	/* The result is of the base's type, whatever the exponent's. */
	if (!is_number(a->dtype) || !is_number(b->dtype) ||
	    call->most[0]->dtype != a->dtype)
		return hostop_bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		if (hostop_is_float(a->dtype) || hostop_is_float(b->dtype)) {
			double y = pow(num(a, walk.at[0]), num(b, walk.at[1]));

			hostop_put_double(a->dtype, to, i, rounded(a->dtype, y));
		} else {
			int64_t y = power_int(integer(a, walk.at[0]), integer(b, walk.at[1]));

			hostop_put_int(a->dtype, to, i, y);
		}
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_prelu(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *slope = in(call, 1);
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;

	if (!hostop_is_float(x->dtype) || slope->dtype != x->dtype ||
	    call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		double v = num(x, walk.at[0]);

		hostop_put_double(x->dtype, call->out[0].data, i,
				  rounded(x->dtype, v < 0 ? v * num(slope, walk.at[1]) : v));
	}
	return HOSTOP_OK;
}
