// SPDX-License-Identifier: MIT
/*
 * Random numbers. Where the model gives a seed, each execution begins with it and
 * makes the same numbers; else the caller's state goes on.
 */
#include <math.h>
#include "priv.h"

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators". */
static uint64_t next(struct hostop_random *random)
{
	uint64_t z = random->state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* In [0, 1), with 53 bits. */
static double uniform(struct hostop_random *random)
{
	return (double)(next(random) >> 11) * 0x1p-53;
}

/*
 * Marsaglia's polar method. sqrt() is exact, log() may differ between processors by
 * the last bit of a double, which a float does not show but in one of 2^29 cases.
 */
static double normal(struct hostop_random *random)
{
	double u, v, s;

	do {
		u = 2 * uniform(random) - 1;
		v = 2 * uniform(random) - 1;
		s = u * u + v * v;
	} while (s >= 1 || s == 0);
	return u * sqrt(-2 * log(s) / s);
}

static struct hostop_random *source(struct hostop_call *call, struct hostop_random *own)
{
	if (!call->ints[0])
		return call->random;
	own->state = (uint64_t)call->ints[1];
	return own;
}

enum hostop_status hostop_random_fill(struct hostop_call *call)
{
	const struct hostop_tensor *like = in(call, 0) ? in(call, 0) : call->most[0];
	enum hostop_status status = hostop_make_like(call, 0, like);
	const bool is_normal = call->op == NEURON_HOST_RANDOM_NORMAL ||
			       call->op == NEURON_HOST_RANDOM_NORMAL_LIKE;
	const uint32_t dtype = call->most[0]->dtype;
	struct hostop_random own, *random = source(call, &own);
	double a = call->floats[0], b = call->floats[1];
	uint64_t n, i;

	if (!hostop_is_float(dtype))
		return hostop_fail(call, HOSTOP_INVALID, "it gives floats");
	if (status)
		return status;
	n = hostop_count(&call->out[0]);
	for (i = 0; i < n; i++)
		hostop_put_double(dtype, call->out[0].data, i,
				  is_normal ? a + b * normal(random) : a + (b - a) * uniform(random));
	return HOSTOP_OK;
}

enum hostop_status hostop_bernoulli(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	enum hostop_status status = hostop_make_like(call, 0, x);
	struct hostop_random own, *random = source(call, &own);
	uint64_t n = hostop_count(x), i;

	if (!hostop_is_float(x->dtype) || call->most[0]->dtype == NEURON_NEFF_STRING)
		return hostop_fail(call, HOSTOP_INVALID, "it takes floats");
	for (i = 0; i < n && !status; i++)
		hostop_put_int(call->out[0].dtype, call->out[0].data, i,
			       uniform(random) < num(x, i));
	return status;
}

/* [batch, classes] of unnormalised log-probabilities to [batch, sample_size]. */
enum hostop_status hostop_multinomial(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_random own, *random = source(call, &own);
	int64_t samples = call->ints[2];
	enum hostop_status status;
	uint64_t row, i, k, classes;
	uint32_t dims[2];

	if (x->rank != 2 || !hostop_is_float(x->dtype) || samples < 0 || samples > UINT32_MAX ||
	    call->most[0]->dtype == NEURON_NEFF_STRING || hostop_is_float(call->most[0]->dtype))
		return hostop_fail(call, HOSTOP_INVALID, "it takes a matrix of floats");
	classes = x->dims[1];
	dims[0] = x->dims[0];
	dims[1] = samples;
	status = hostop_make(call, 0, 2, dims);
	if (!status && !classes && hostop_count(&call->out[0]))
		status = hostop_fail(call, HOSTOP_BAD_INPUT, "there are no classes to choose from");
	for (row = 0; row < dims[0] && !status; row++) {
		double most = -INFINITY, sum = 0, left;

		for (k = 0; k < classes; k++)
			most = fmax(most, num(x, row * classes + k));
		for (k = 0; k < classes; k++)
			sum += exp(num(x, row * classes + k) - most);
		for (i = 0; i < (uint64_t)samples; i++) {
			left = uniform(random) * sum;
			for (k = 0; k + 1 < classes; k++) {
				left -= exp(num(x, row * classes + k) - most);
				if (left < 0)
					break;
			}
			hostop_put_int(call->out[0].dtype, call->out[0].data, row * samples + i,
				       (int64_t)k);
		}
	}
	return status;
}

/* In training: what stays is scaled up. Else: as it is, and all of it stays. */
enum hostop_status hostop_dropout(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *r = in(call, 1), *t = in(call, 2);
	struct hostop_random own, *random = source(call, &own);
	uint64_t n = hostop_count(x), i;
	enum hostop_status status;
	double ratio = 0.5;
	bool training;

	if (!hostop_is_float(x->dtype) || (wanted(call, 0) && call->most[0]->dtype != x->dtype) ||
	    (wanted(call, 1) && call->most[1]->dtype != NEURON_NEFF_BOOL))
		return hostop_fail(call, HOSTOP_INVALID, "it takes floats");
	if (r && hostop_count(r))
		ratio = num(r, 0);
	if (!(ratio >= 0 && ratio < 1))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its ratio is not in [0, 1)");
	training = t && hostop_count(t) && integer(t, 0);
	status = hostop_make_like(call, 0, x);
	if (!status)
		status = hostop_make_like(call, 1, x);
	for (i = 0; i < n && !status; i++) {
		bool stays = !training || ratio == 0 || uniform(random) >= ratio;

		if (wanted(call, 0))
			hostop_put_double(x->dtype, call->out[0].data, i,
					  !stays ? 0 : training ?
					  (float)(num(x, i) / (1 - ratio)) : num(x, i));
		if (wanted(call, 1))
			hostop_put_int(NEURON_NEFF_BOOL, call->out[1].data, i, stays);
	}
	return status;
}
