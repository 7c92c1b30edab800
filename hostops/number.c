// SPDX-License-Identifier: MIT
/*
 * Arithmetic. Floats of 16 and 32 bits are computed with more bits and rounded to
 * fp32 first, which gives what fp32 arithmetic gives. Integers wrap.
 */
#include <math.h>
#include "priv.h"

static bool all_of(const struct hostop_call *call, uint32_t dtype)
{
	uint32_t i;

	for (i = 0; i < call->num_in; i++)
		if (!call->in[i] || call->in[i]->dtype != dtype)
			return false;
	return true;
}

static double compute_float(uint32_t op, double a, double b, bool fmod_like)
{
	double r;

	switch (op) {
	case NEURON_HOST_ADD:
		return a + b;
	case NEURON_HOST_SUB:
		return a - b;
	case NEURON_HOST_MUL:
		return a * b;
	case NEURON_HOST_DIV:
		return a / b;
	default:
		r = fmod(a, b);
		/* Without fmod the result has the sign of b. */
		return !fmod_like && r != 0 && (r < 0) != (b < 0) ? r + b : r;
	}
}

/* Unsigned arithmetic wraps; dividing by 0 gives 0. */
static int64_t compute_int(uint32_t op, int64_t a, int64_t b, bool is_unsigned,
			   bool fmod_like)
{
	uint64_t ua = a, ub = b;
	int64_t r;

	switch (op) {
	case NEURON_HOST_ADD:
		return (int64_t)(ua + ub);
	case NEURON_HOST_SUB:
		return (int64_t)(ua - ub);
	case NEURON_HOST_MUL:
		return (int64_t)(ua * ub);
	case NEURON_HOST_DIV:
		if (!b)
			return 0;
		if (is_unsigned)
			return (int64_t)(ua / ub);
		return b == -1 ? (int64_t)-ua : a / b;
	default:
		if (!b || b == -1)
			return is_unsigned && b ? (int64_t)(ua % ub) : 0;
		if (is_unsigned)
			return (int64_t)(ua % ub);
		r = a % b;
		return !fmod_like && r && (r < 0) != (b < 0) ? r + b : r;
	}
}

#define EACH(expression)							\
	do {									\
		for (i = 0; i < n; i++)						\
			to[i] = expression;					\
	} while (0)

/* Each of a run with each, or with one, so that there are loops for the processor's vectors. */
#define BINARY(name, operator)							\
	static void name(float *to, const float *a, uint64_t a_step, const float *b,	\
			 uint64_t b_step, uint64_t n)				\
	{									\
		const float one_a = *a, one_b = *b;				\
		uint64_t i;							\
										\
		if (a_step == 1 && b_step == 1)					\
			EACH(a[i] operator b[i]);				\
		else if (a_step == 1 && !b_step)				\
			EACH(a[i] operator one_b);				\
		else if (!a_step && b_step == 1)				\
			EACH(one_a operator b[i]);				\
		else								\
			EACH(a[i * a_step] operator b[i * b_step]);		\
	}

BINARY(add, +)
BINARY(subtract, -)
BINARY(multiply, *)
BINARY(divide, /)

/*
 * Most of all: fp32. Rounding once or, by way of fp64, twice gives the same for these
 * operators. Return: false: it is another one, or another type.
 */
static bool binary_f32(struct hostop_call *call, struct walk *walk, uint64_t n)
{
	const float *a = in(call, 0)->data, *b = in(call, 1)->data;
	const uint64_t run = walk_run(walk);
	float *to = call->out[0].data;
	uint64_t i;

	if (in(call, 0)->dtype != NEURON_NEFF_F32 || call->op == NEURON_HOST_MOD)
		return false;
	for (i = 0; i < n; i += run, walk_next_run(walk)) {
		const float *x = a + walk->at[0], *y = b + walk->at[1];
		const uint64_t x_step = walk_step(walk, 0), y_step = walk_step(walk, 1);

		if (call->op == NEURON_HOST_ADD)
			add(to + i, x, x_step, y, y_step, run);
		else if (call->op == NEURON_HOST_SUB)
			subtract(to + i, x, x_step, y, y_step, run);
		else if (call->op == NEURON_HOST_MUL)
			multiply(to + i, x, x_step, y, y_step, run);
		else
			divide(to + i, x, x_step, y, y_step, run);
	}
	return true;
}

enum hostop_status hostop_binary(struct hostop_call *call)
{
	const struct hostop_tensor *a = in(call, 0), *b = in(call, 1);
	bool fmod_like = call->op == NEURON_HOST_MOD && call->ints[0];
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	void *to;

	if (!is_number(a->dtype) || !all_of(call, call->most[0]->dtype))
		return hostop_bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status || !n || binary_f32(call, &walk, n))
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		if (hostop_is_float(a->dtype))
			hostop_put_double(a->dtype, to, i,
					  rounded(a->dtype,
						  compute_float(call->op, num(a, walk.at[0]),
								num(b, walk.at[1]), fmod_like)));
		else
			hostop_put_int(a->dtype, to, i,
				       compute_int(call->op, integer(a, walk.at[0]),
						   integer(b, walk.at[1]),
						   a->dtype == NEURON_NEFF_U64, fmod_like));
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_compare(struct hostop_call *call)
{
	const struct hostop_tensor *a = in(call, 0), *b = in(call, 1);
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	uint8_t *to;

	if (!all_of(call, a->dtype) || call->most[0]->dtype != NEURON_NEFF_BOOL)
		return hostop_bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		int order = hostop_order(a, walk.at[0], b, walk.at[1]);

		/* NaN is neither less nor equal nor greater. */
		if (hostop_is_float(a->dtype) && (isnan(num(a, walk.at[0])) ||
						  isnan(num(b, walk.at[1]))))
			continue;
		switch (call->op) {
		case NEURON_HOST_EQUAL:
			to[i] = !order;
			break;
		case NEURON_HOST_LESS:
			to[i] = order < 0;
			break;
		case NEURON_HOST_LESS_OR_EQUAL:
			to[i] = order <= 0;
			break;
		case NEURON_HOST_GREATER:
			to[i] = order > 0;
			break;
		default:
			to[i] = order >= 0;
			break;
		}
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_logic(struct hostop_call *call)
{
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	uint8_t *to;

	if (!all_of(call, NEURON_NEFF_BOOL) || call->most[0]->dtype != NEURON_NEFF_BOOL)
		return hostop_bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	to = call->out[0].data;
	for (i = 0; i < n; i++, walk_next(&walk)) {
		bool a = integer(in(call, 0), walk.at[0]), b = integer(in(call, 1), walk.at[1]);

		to[i] = call->op == NEURON_HOST_AND ? a && b :
			call->op == NEURON_HOST_OR ? a || b : a != b;
	}
	return HOSTOP_OK;
}

/* Max and Min; NaN wins, as in numpy. */
enum hostop_status hostop_nary(struct hostop_call *call)
{
	const uint32_t dtype = call->most[0]->dtype;
	struct hostop_tensor shape;
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n;
	uint32_t k;

	if (!is_number(dtype) || !all_of(call, dtype))
		return hostop_bad_type(call);
	status = hostop_broadcast(call, &shape);
	if (!status)
		status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	n = hostop_count(&shape);
	for (k = 0; k < call->num_in; k++) {
		const struct hostop_tensor *x = call->in[k];

		walk_begin(&walk, &shape, &x, 1);
		for (i = 0; i < n; i++, walk_next(&walk)) {
			int order = hostop_order(x, walk.at[0], &call->out[0], i);
			bool nan = hostop_is_float(dtype) && isnan(num(x, walk.at[0]));

			if (!k || nan || (call->op == NEURON_HOST_MAX ? order > 0 : order < 0))
				memcpy(put_at(&call->out[0], i), at(x, walk.at[0]),
				       hostop_size(dtype));
		}
	}
	return HOSTOP_OK;
}

static double unary_float(uint32_t op, double x)
{
	switch (op) {
	case NEURON_HOST_NEG:
		return -x;
	case NEURON_HOST_ABS:
		return fabs(x);
	case NEURON_HOST_SIGN:
		return x > 0 ? 1 : x < 0 ? -1 : x;
	case NEURON_HOST_FLOOR:
		return floor(x);
	case NEURON_HOST_CEIL:
		return ceil(x);
	case NEURON_HOST_ROUND:
		return nearbyint(x);
	case NEURON_HOST_SQRT:
		return sqrt(x);
	case NEURON_HOST_RECIPROCAL:
		return 1 / x;
	default:
		return x > 0 || x != x ? x : 0;
	}
}

static int64_t unary_int(uint32_t op, int64_t x, bool is_unsigned)
{
	bool negative = x < 0 && !is_unsigned;

	switch (op) {
	case NEURON_HOST_NEG:
		return (int64_t)-(uint64_t)x;
	case NEURON_HOST_ABS:
		return negative ? (int64_t)-(uint64_t)x : x;
	case NEURON_HOST_SIGN:
		return negative ? -1 : x != 0;
	default:
		return negative ? 0 : x;
	}
}

enum hostop_status hostop_unary(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	const uint32_t op = call->op, dtype = x->dtype;
	enum hostop_status status;
	uint64_t i, n = hostop_count(x);
	bool floats_only = op >= NEURON_HOST_FLOOR && op <= NEURON_HOST_RECIPROCAL;

	if (call->most[0]->dtype != dtype || (dtype == NEURON_NEFF_BOOL) != (op == NEURON_HOST_NOT) ||
	    dtype == NEURON_NEFF_STRING || (floats_only && !hostop_is_float(dtype)))
		return hostop_bad_type(call);
	status = hostop_make_like(call, 0, x);
	if (status)
		return status;
	for (i = 0; i < n; i++) {
		if (op == NEURON_HOST_NOT)
			hostop_put_int(dtype, call->out[0].data, i, !integer(x, i));
		else if (hostop_is_float(dtype))
			hostop_put_double(dtype, call->out[0].data, i,
					  rounded(dtype, unary_float(op, num(x, i))));
		else
			hostop_put_int(dtype, call->out[0].data, i,
				       unary_int(op, integer(x, i), dtype == NEURON_NEFF_U64));
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_clip(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *limits[2] = { in(call, 1), in(call, 2) };
	enum hostop_status status;
	uint64_t i, n = hostop_count(x);
	int k;

	if (!is_number(x->dtype) || call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	for (k = 0; k < 2; k++)
		if (limits[k] && (limits[k]->dtype != x->dtype || hostop_count(limits[k]) != 1))
			return hostop_bad_type(call);
	status = hostop_make_like(call, 0, x);
	for (i = 0; i < n && !status; i++) {
		const struct hostop_tensor *from = x;
		uint64_t at_i = i;

		if (limits[0] && hostop_order(from, at_i, limits[0], 0) < 0) {
			from = limits[0];
			at_i = 0;
		}
		if (limits[1] && hostop_order(from, at_i, limits[1], 0) > 0 &&
		    !(hostop_is_float(x->dtype) && isnan(num(from, at_i)))) {
			from = limits[1];
			at_i = 0;
		}
		memcpy(put_at(&call->out[0], i), at(from, at_i), hostop_size(x->dtype));
	}
	return status;
}

enum hostop_status hostop_cast(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	const uint32_t to = call->most[0]->dtype;
	enum hostop_status status = hostop_make_like(call, 0, x);
	uint64_t i, n = hostop_count(x);
	double value;

	for (i = 0; i < n && !status; i++) {
		void *data = call->out[0].data;

		if (x->dtype == to) {
			memcpy(put_at(&call->out[0], i), at(x, i), hostop_size(to));
		} else if (x->dtype == NEURON_NEFF_STRING) {
			status = hostop_parse(call, at(x, i), &value);
			hostop_put_double(to, data, i, value);
		} else if (to == NEURON_NEFF_STRING) {
			hostop_format_element(x, i, put_at(&call->out[0], i));
		} else if (hostop_is_float(x->dtype)) {
			hostop_put_double(to, data, i, num(x, i));
		} else if (hostop_is_float(to) && x->dtype == NEURON_NEFF_U64) {
			hostop_put_double(to, data, i, num(x, i));
		} else {
			hostop_put_int(to, data, i, integer(x, i));
		}
	}
	return status;
}

/*
 * Reductions
 */

/* What is summed up of an element; @most: of all that are summed together. */
static double summand(uint32_t op, double x, double most)
{
	switch (op) {
	case NEURON_HOST_REDUCE_SUM_SQUARE:
	case NEURON_HOST_REDUCE_L2:
		return x * x;
	case NEURON_HOST_REDUCE_L1:
		return fabs(x);
	case NEURON_HOST_REDUCE_LOG_SUM_EXP:
		return exp(x - most);
	default:
		return x;
	}
}

/* What a sum becomes; @share: of it that is one element's. */
static double reduced(uint32_t op, double sum, double share, double most)
{
	switch (op) {
	case NEURON_HOST_REDUCE_MEAN:
		return sum / share;
	case NEURON_HOST_REDUCE_L2:
		return sqrt(sum);
	case NEURON_HOST_REDUCE_LOG_SUM:
		return log(sum);
	case NEURON_HOST_REDUCE_LOG_SUM_EXP:
		return log(sum) + most;
	default:
		return sum;
	}
}

static void accumulate(uint32_t op, struct hostop_tensor *sums, double *wide, uint64_t to,
		       const struct hostop_tensor *x, uint64_t i, bool first, double most)
{
	bool is_float = hostop_is_float(x->dtype);
	uint64_t a, b;
	int order;

	if (op == NEURON_HOST_REDUCE_MAX || op == NEURON_HOST_REDUCE_MIN) {
		order = hostop_order(x, i, sums, to);
		if (first || (is_float && isnan(num(x, i))) ||
		    (op == NEURON_HOST_REDUCE_MAX ? order > 0 : order < 0))
			memcpy(put_at(sums, to), at(x, i), hostop_size(x->dtype));
		return;
	}
	if (is_float) {
		wide[to] = op == NEURON_HOST_REDUCE_PROD ? wide[to] * num(x, i) :
							   wide[to] + summand(op, num(x, i), most);
		return;
	}
	a = integer(sums, to);
	b = integer(x, i);
	if (op == NEURON_HOST_REDUCE_SUM_SQUARE)
		b *= b;
	else if (op == NEURON_HOST_REDUCE_L1 && (int64_t)b < 0 && x->dtype != NEURON_NEFF_U64)
		b = -b;
	hostop_put_int(x->dtype, sums->data, to,
		       (int64_t)(op == NEURON_HOST_REDUCE_PROD ? a * b : a + b));
}

/* The result's shape, and the distance of its elements for each dimension of @x. */
static void reduced_shape(const struct hostop_tensor *x, unsigned int mask, bool keep,
			  struct hostop_tensor *shape, uint64_t *strides)
{
	uint64_t step = 1;
	uint32_t d;

	memset(shape, 0, sizeof(*shape));
	for (d = 0; d < x->rank; d++) {
		if (!(mask >> d & 1))
			shape->dims[shape->rank++] = x->dims[d];
		else if (keep)
			shape->dims[shape->rank++] = 1;
	}
	for (d = x->rank; d-- > 0;) {
		strides[d] = mask >> d & 1 ? 0 : step;
		step *= mask >> d & 1 ? 1 : x->dims[d];
	}
}

/* Add each element to its sum in @wide; without that, find the largest of each sum. */
static void each_element(struct hostop_call *call, unsigned int mask, const uint64_t *strides,
			 double *wide, double *most)
{
	const struct hostop_tensor *x = in(call, 0);
	uint64_t n = hostop_count(x), i, to;
	uint32_t index[RANK] = { 0 }, d;

	for (i = 0; i < n; i++) {
		bool first = true;

		for (d = 0, to = 0; d < x->rank; d++) {
			to += index[d] * strides[d];
			first &= !(mask >> d & 1) || !index[d];
		}
		if (wide)
			accumulate(call->op, &call->out[0], wide, to, x, i, first, most[to]);
		else if (num(x, i) > most[to])
			most[to] = num(x, i);
		for (d = x->rank; d-- > 0 && ++index[d] == x->dims[d];)
			index[d] = 0;
	}
}

enum hostop_status hostop_reduce(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	const uint32_t op = call->op, dtype = x->dtype;
	/* Exponentials are of what is left of the largest element: none overflows. */
	const bool by_most = op == NEURON_HOST_REDUCE_LOG_SUM_EXP;
	uint64_t n = hostop_count(x), i, count, strides[RANK];
	struct hostop_tensor shape;
	enum hostop_status status;
	double *wide, *most;
	unsigned int mask;

	status = hostop_axes(call, 1, x->rank, &mask);
	if (status)
		return status;
	if (!is_number(dtype) || call->most[0]->dtype != dtype ||
	    (op >= NEURON_HOST_REDUCE_L2 && !hostop_is_float(dtype)))
		return hostop_bad_type(call);
	if (!mask && !call->ints[1])
		mask = (1u << x->rank) - 1;
	reduced_shape(x, mask, call->ints[0], &shape, strides);
	status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	count = hostop_count(&shape);
	if (!n && count && (op == NEURON_HOST_REDUCE_MAX || op == NEURON_HOST_REDUCE_MIN))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "there are no elements to choose from");
	wide = calloc((by_most ? 2 : 1) * count + 1, sizeof(*wide));
	if (!wide)
		return HOSTOP_NO_MEMORY;
	most = wide + (by_most ? count : 0);
	for (i = 0; i < count && by_most; i++)
		most[i] = -INFINITY;
	for (i = 0; i < count && op == NEURON_HOST_REDUCE_PROD; i++) {
		wide[i] = 1;
		hostop_put_int(dtype, call->out[0].data, i, 1);
	}
	if (by_most) {
		each_element(call, mask, strides, NULL, most);
		for (i = 0; i < count; i++)
			if (!isfinite(most[i]))
				most[i] = 0;
	}
	each_element(call, mask, strides, wide, most);
	for (i = 0; i < count && op != NEURON_HOST_REDUCE_MAX && op != NEURON_HOST_REDUCE_MIN; i++) {
		if (hostop_is_float(dtype))
			hostop_put_double(dtype, call->out[0].data, i,
					  rounded(dtype, reduced(op, wide[i], (double)n / count,
								 most[i])));
		else if (op == NEURON_HOST_REDUCE_MEAN && n)
			hostop_put_int(dtype, call->out[0].data, i,
				       integer(&call->out[0], i) / (int64_t)(n / count));
	}
	free(wide);
	return HOSTOP_OK;
}

enum hostop_status hostop_arg(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t axis = call->ints[0];
	struct hostop_tensor shape;
	uint64_t strides[RANK], outer, inner, n, o, k, best;
	enum hostop_status status;

	if (!fix_axis(&axis, x->rank) || !is_number(x->dtype) ||
	    call->most[0]->dtype != NEURON_NEFF_I64)
		return hostop_bad_type(call);
	reduced_shape(x, 1u << axis, call->ints[1], &shape, strides);
	status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	n = x->dims[axis];
	if (!n && hostop_count(&shape))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "there are no elements to choose from");
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	for (o = 0; o < outer * inner; o++) {
		uint64_t first = o / inner * n * inner + o % inner;

		for (k = 1, best = 0; k < n; k++) {
			int order = hostop_order(x, first + k * inner, x, first + best * inner);

			if (call->op == NEURON_HOST_ARG_MIN)
				order = -order;
			if (order > 0 || (!order && call->ints[2]))
				best = k;
		}
		((int64_t *)call->out[0].data)[o] = best;
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_cum_sum(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	uint64_t outer, inner, n, o, k, p;
	enum hostop_status status;
	int64_t axis;

	if (!is_number(x->dtype) || call->most[0]->dtype != x->dtype ||
	    hostop_count(in(call, 1)) != 1)
		return hostop_bad_type(call);
	axis = integer(in(call, 1), 0);
	if (!fix_axis(&axis, x->rank))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis is out of range");
	status = hostop_make_like(call, 0, x);
	if (status)
		return status;
	n = x->dims[axis];
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	for (o = 0; o < outer * inner && n; o++) {
		uint64_t first = o / inner * n * inner + o % inner;
		uint64_t whole = 0;
		double sum = 0;

		for (k = 0; k < n; k++) {
			p = first + (call->ints[1] ? n - 1 - k : k) * inner;
			if (!call->ints[0]) {
				sum = rounded(x->dtype, sum + num(x, p));
				whole += (uint64_t)integer(x, p);
			}
			if (hostop_is_float(x->dtype))
				hostop_put_double(x->dtype, call->out[0].data, p, sum);
			else
				hostop_put_int(x->dtype, call->out[0].data, p, (int64_t)whole);
			if (call->ints[0]) {
				sum = rounded(x->dtype, sum + num(x, p));
				whole += (uint64_t)integer(x, p);
			}
		}
	}
	return HOSTOP_OK;
}

/* Elimination with the largest pivot of each column; @m is destroyed. */
static double determinant(double *m, uint32_t n)
{
	double det = 1, t;
	uint32_t i, j, k, p;

	for (i = 0; i < n; i++) {
		for (p = i, k = i + 1; k < n; k++)
			if (fabs(m[k * n + i]) > fabs(m[p * n + i]))
				p = k;
		if (m[p * n + i] == 0)
			return 0;
		for (j = i; j < n && p != i; j++) {
			t = m[i * n + j];
			m[i * n + j] = m[p * n + j];
			m[p * n + j] = t;
		}
		det *= p != i ? -m[i * n + i] : m[i * n + i];
		for (k = i + 1; k < n; k++) {
			t = m[k * n + i] / m[i * n + i];
			for (j = i; j < n; j++)
				m[k * n + j] -= t * m[i * n + j];
		}
	}
	return det;
}

enum hostop_status hostop_det(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	enum hostop_status status;
	uint64_t count, i, k;
	uint32_t n;
	double *m;

	if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2] ||
	    !hostop_is_float(x->dtype) || call->most[0]->dtype != x->dtype)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its input is no square matrix");
	n = x->dims[x->rank - 1];
	status = hostop_make(call, 0, x->rank - 2, x->dims);
	if (status)
		return status;
	count = span(x, 0, x->rank - 2);
	m = calloc((uint64_t)n * n + 1, sizeof(*m));
	if (!m)
		return HOSTOP_NO_MEMORY;
	for (i = 0; i < count; i++) {
		for (k = 0; k < (uint64_t)n * n; k++)
			m[k] = num(x, i * n * n + k);
		hostop_put_double(x->dtype, call->out[0].data, i, determinant(m, n));
	}
	free(m);
	return HOSTOP_OK;
}
