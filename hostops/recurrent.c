// SPDX-License-Identifier: MIT
/*
 * RNN, GRU and LSTM, in fp32. What all steps get of the inputs is one product; then a
 * step is a product with the state, and what its gates make of it. Formulas: ONNX's text on
 * these operators.
 */
#include <math.h>
#include "product.h"

/* Numbers that all steps' gates have at most. */
#define MOST	((size_t)1 << 36)

/* Places of the inputs. */
enum { X, W, R, B, LENGTHS, INITIAL_H, INITIAL_C, PEEPHOLES };

/* Functions of gates, as the step names them: see <neuron/hostop.h>. */
enum { SIGMOID, TANH, RELU, SOFTSIGN, SOFTPLUS, NUM_FUNCTIONS };

/* The function of an LSTM's cell, which is not clipped. */
#define OF_CELL	2

/**
 * struct recurrence - what the operator is, and its tensors in fp32
 * @call: the call
 * @gates: parts of the columns
 * @steps: of the sequence
 * @batch: sequences
 * @in: elements of a step of one
 * @hidden: elements of its state
 * @dirs: directions
 * @layout: the batch comes first
 * @clip: bound of what functions get; 0: there is none
 * @data: inputs, NULL where there is none
 * @own: their memory, where they are converted
 * @y: results
 * @own_y: their memory
 */
struct recurrence {
	struct hostop_call *call;
	size_t gates;
	size_t steps;
	size_t batch;
	size_t in;
	size_t hidden;
	size_t dirs;
	bool layout;
	float clip;
	const float *data[PEEPHOLES + 1];
	float *own[PEEPHOLES + 1];
	float *y[3];
	float *own_y[3];
};

/* A direction on its way. */
struct lane {
	size_t dir;
	bool reverse;
	float *given;		/* [steps * batch][gates * hidden], of the inputs and biases */
	float *turned;		/* recurrence weights [hidden][gates * hidden] */
	float *sums;		/* [gates * hidden] of a step */
	float *h;		/* [batch][hidden] */
	float *c;		/* the same, LSTM */
};

/*
 * Shapes
 */

static bool has_dims(const struct hostop_tensor *t, uint32_t rank, size_t a, size_t b, size_t c)
{
	return !t || (t->rank == rank && t->dims[0] == a && (rank < 2 || t->dims[1] == b) &&
		      (rank < 3 || t->dims[2] == c));
}

static bool has_state(const struct recurrence *r, uint32_t input)
{
	return has_dims(in(r->call, input), 3, r->layout ? r->batch : r->dirs,
			r->layout ? r->dirs : r->batch, r->hidden);
}

static enum hostop_status find_shapes(struct hostop_call *call, struct recurrence *r)
{
	const struct hostop_tensor *x = in(call, X), *w = in(call, W), *again = in(call, R);
	const struct hostop_tensor *lengths = in(call, LENGTHS);
	size_t columns;
	uint32_t i;

	*r = (struct recurrence) {
		.call = call, .layout = call->ints[1], .clip = (float)call->floats[0],
		.gates = call->op == NEURON_HOST_LSTM ? 4 : call->op == NEURON_HOST_GRU ? 3 : 1,
		.dirs = call->ints[0] == 2 ? 2 : 1,
	};
	if (x->rank != 3 || w->rank != 3 || again->rank != 3 || call->ints[0] < 0 ||
	    call->ints[0] > 2)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its inputs have ranks %u, %u and %u",
				   x->rank, w->rank, again->rank);
	r->steps = x->dims[r->layout];
	r->batch = x->dims[!r->layout];
	r->in = x->dims[2];
	r->hidden = again->dims[2];
	columns = r->gates * r->hidden;
	if (columns && r->steps * r->batch > MOST / columns)
		return hostop_fail(call, HOSTOP_TOO_LARGE, "its gates are too large");
	if (!has_dims(w, 3, r->dirs, columns, r->in) ||
	    !has_dims(again, 3, r->dirs, columns, r->hidden) ||
	    !has_dims(in(call, B), 2, r->dirs, 2 * columns, 0) ||
	    !has_dims(lengths, 1, r->batch, 0, 0) || !has_state(r, INITIAL_H) ||
	    !has_state(r, INITIAL_C) ||
	    !has_dims(in(call, PEEPHOLES), 2, r->dirs, 3 * r->hidden, 0))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "the shapes of its inputs do not fit together");
	if (lengths && lengths->dtype != NEURON_NEFF_I32)
		return hostop_bad_type(call);
	for (i = 0; i <= PEEPHOLES; i++)
		if (i != LENGTHS && in(call, i) &&
		    (in(call, i)->dtype != x->dtype || !hostop_is_float(x->dtype)))
			return hostop_bad_type(call);
	for (i = 0; i < call->num_out; i++)
		if (call->most[i] && call->most[i]->dtype != x->dtype)
			return hostop_bad_type(call);
	return HOSTOP_OK;
}

static enum hostop_status make_results(struct recurrence *r)
{
	uint32_t state[3] = { r->layout ? r->batch : r->dirs, r->layout ? r->dirs : r->batch,
			      r->hidden };
	uint32_t all[4] = { r->layout ? r->batch : r->steps, r->layout ? r->steps : r->dirs,
			    r->layout ? r->dirs : r->batch, r->hidden };
	enum hostop_status status = hostop_make(r->call, 0, 4, all);

	if (!status)
		status = hostop_make(r->call, 1, 3, state);
	return status ? status : hostop_make(r->call, 2, 3, state);
}

/* Where a state of the initial ones or the last ones is. */
static size_t state_at(const struct recurrence *r, size_t dir, size_t batch)
{
	return (r->layout ? batch * r->dirs + dir : dir * r->batch + batch) * r->hidden;
}

/*
 * Steps
 */

static float apply(const struct recurrence *r, size_t dir, unsigned int which, float x)
{
	unsigned int code = r->call->ints[3] >> 4 * (3 * dir + which) & 15;

	if (r->clip > 0 && which != OF_CELL)
		x = x > r->clip ? r->clip : x < -r->clip ? -r->clip : x;
	switch (code) {
	case SIGMOID:
		return (float)(1 / (1 + exp(-(double)x)));
	case TANH:
		return (float)tanh(x);
	case SOFTSIGN:
		return x / (1 + fabsf(x));
	case SOFTPLUS:
		return (float)(x > 0 ? x + log1p(exp(-(double)x)) : log1p(exp((double)x)));
	default:
		return x > 0 ? x : 0;
	}
}

/* sums += the state times the recurrence weights, of columns [from, to). */
static void add_state(const struct recurrence *r, const struct lane *lane, const float *h,
		      size_t from, size_t to, float *restrict sums)
{
	const size_t columns = r->gates * r->hidden;
	size_t k, j;

	for (k = 0; k < r->hidden; k++) {
		const float *restrict row = lane->turned + k * columns;
		const float x = h[k];

		for (j = from; j < to; j++)
			sums[j] += x * row[j];
	}
}

static void step_rnn(const struct recurrence *r, const struct lane *lane, float *h)
{
	size_t i;

	add_state(r, lane, h, 0, r->hidden, lane->sums);
	for (i = 0; i < r->hidden; i++)
		h[i] = apply(r, lane->dir, 0, lane->sums[i]);
}

/* Gates z, r and h. */
static void step_gru(const struct recurrence *r, const struct lane *lane, float *h)
{
	const size_t n = r->hidden;
	const float *bias = r->data[B] ? r->data[B] + (lane->dir * 6 + 5) * n : NULL;
	const bool linear_before_reset = r->call->ints[2];
	float *sums = lane->sums, *part = sums + 3 * n;
	size_t i;

	add_state(r, lane, h, 0, 2 * n, sums);
	for (i = 0; i < 2 * n; i++)
		sums[i] = apply(r, lane->dir, 0, sums[i]);
	memset(part, 0, 3 * n * sizeof(*part));
	if (linear_before_reset) {
		add_state(r, lane, h, 2 * n, 3 * n, part);
		for (i = 0; i < n; i++)
			sums[2 * n + i] += sums[n + i] * (part[2 * n + i] + (bias ? bias[i] : 0));
	} else {
		for (i = 0; i < n; i++)
			part[i] = sums[n + i] * h[i];
		add_state(r, lane, part, 2 * n, 3 * n, sums);
		for (i = 0; i < n; i++)
			sums[2 * n + i] += bias ? bias[i] : 0;
	}
	for (i = 0; i < n; i++)
		h[i] = (1 - sums[i]) * apply(r, lane->dir, 1, sums[2 * n + i]) + sums[i] * h[i];
}

/* Gates i, o, f and c; the peepholes are of the first three. */
static void step_lstm(const struct recurrence *r, const struct lane *lane, float *h, float *c)
{
	const size_t n = r->hidden;
	const float *p = r->data[PEEPHOLES] ? r->data[PEEPHOLES] + lane->dir * 3 * n : NULL;
	const bool input_forget = r->call->ints[2];
	float *sums = lane->sums;
	size_t k;

	add_state(r, lane, h, 0, 4 * n, sums);
	for (k = 0; k < n; k++) {
		float i, o, f;

		i = apply(r, lane->dir, 0, sums[k] + (p ? p[k] * c[k] : 0));
		f = input_forget ? 1 - i :
		    apply(r, lane->dir, 0, sums[2 * n + k] + (p ? p[2 * n + k] * c[k] : 0));
		c[k] = f * c[k] + i * apply(r, lane->dir, 1, sums[3 * n + k]);
		o = apply(r, lane->dir, 0, sums[n + k] + (p ? p[n + k] * c[k] : 0));
		h[k] = o * apply(r, lane->dir, OF_CELL, c[k]);
	}
}

static void run_sequence(const struct recurrence *r, const struct lane *lane, size_t batch)
{
	const struct hostop_tensor *lengths = in(r->call, LENGTHS);
	const size_t columns = r->gates * r->hidden;
	float *h = lane->h + batch * r->hidden, *c = lane->c + batch * r->hidden;
	size_t steps = r->steps, i, t;

	if (lengths) {
		int64_t n = hostop_int(lengths->dtype, lengths->data, (int64_t)batch);

		steps = n < 0 ? 0 : (uint64_t)n < steps ? (size_t)n : steps;
	}
	for (i = 0; i < steps; i++) {
		t = lane->reverse ? steps - 1 - i : i;
		memcpy(lane->sums,
		       lane->given + (r->layout ? batch * r->steps + t : t * r->batch + batch) * columns,
		       columns * sizeof(*lane->sums));
		switch (r->gates) {
		case 1:
			step_rnn(r, lane, h);
			break;
		case 3:
			step_gru(r, lane, h);
			break;
		default:
			step_lstm(r, lane, h, c);
			break;
		}
		if (r->y[0])
			memcpy(r->y[0] + (r->layout ? (batch * r->steps + t) * r->dirs + lane->dir :
						      (t * r->dirs + lane->dir) * r->batch + batch) *
			       r->hidden, h, r->hidden * sizeof(*h));
	}
}

/*
 * Directions
 */

/* W, one after the other in the other order. */
static void get_weights(const void *from, size_t row, size_t column, size_t count, float *to)
{
	const struct recurrence *r = ((const struct recurrence *const *)from)[0];
	const size_t dir = *((const size_t *const *)from)[1];
	const float *w = r->data[W] + dir * r->gates * r->hidden * r->in;
	size_t i;

	for (i = 0; i < count; i++)
		to[i] = w[(column + i) * r->in + row];
}

/* What steps get of the inputs: x * W + Wb + Rb, but for GRU's last gate, whose Rb waits. */
static bool give(const struct recurrence *r, const struct lane *lane)
{
	const void *from[2] = { r, &lane->dir };
	const size_t columns = r->gates * r->hidden, rows = r->steps * r->batch;
	const float *bias = r->data[B] ? r->data[B] + lane->dir * 2 * columns : NULL;
	const size_t early = r->gates == 3 ? 2 * r->hidden : columns;
	struct product product;
	size_t i, j;
	bool ok;

	ok = product_begin(&product, r->data[X], rows, r->in, r->in, 1);
	if (ok)
		product_run(&product, get_weights, from, 0, columns, lane->given, columns);
	product_end(&product);
	for (i = 0; i < rows && ok && bias; i++)
		for (j = 0; j < columns; j++)
			lane->given[i * columns + j] += bias[j] +
							(j < early ? bias[columns + j] : 0);
	return ok;
}

static void begin_states(const struct recurrence *r, const struct lane *lane)
{
	size_t size = r->hidden * sizeof(float), batch;

	for (batch = 0; batch < r->batch; batch++) {
		size_t at = state_at(r, lane->dir, batch);

		if (r->data[INITIAL_H])
			memcpy(lane->h + batch * r->hidden, r->data[INITIAL_H] + at, size);
		if (r->data[INITIAL_C])
			memcpy(lane->c + batch * r->hidden, r->data[INITIAL_C] + at, size);
	}
}

static void end_states(const struct recurrence *r, const struct lane *lane)
{
	size_t size = r->hidden * sizeof(float), batch;

	for (batch = 0; batch < r->batch; batch++) {
		size_t at = state_at(r, lane->dir, batch);

		if (r->y[1])
			memcpy(r->y[1] + at, lane->h + batch * r->hidden, size);
		if (r->y[2])
			memcpy(r->y[2] + at, lane->c + batch * r->hidden, size);
	}
}

static bool run_lane(const struct recurrence *r, size_t dir)
{
	const size_t columns = r->gates * r->hidden;
	const float *again = r->data[R] + dir * columns * r->hidden;
	struct lane lane = { .dir = dir, .reverse = dir || r->call->ints[0] == 1 };
	size_t i, k;
	bool ok;

	lane.given = calloc(r->steps * r->batch * columns + 1, sizeof(float));
	lane.turned = malloc((columns * r->hidden + 1) * sizeof(float));
	lane.sums = calloc(2 * columns + 1, sizeof(float));
	lane.h = calloc(r->batch * r->hidden + 1, sizeof(float));
	lane.c = calloc(r->batch * r->hidden + 1, sizeof(float));
	ok = lane.given && lane.turned && lane.sums && lane.h && lane.c && give(r, &lane);
	if (ok) {
		for (i = 0; i < columns; i++)
			for (k = 0; k < r->hidden; k++)
				lane.turned[k * columns + i] = again[i * r->hidden + k];
		begin_states(r, &lane);
		for (i = 0; i < r->batch; i++)
			run_sequence(r, &lane, i);
		end_states(r, &lane);
	}
	free(lane.given);
	free(lane.turned);
	free(lane.sums);
	free(lane.h);
	free(lane.c);
	return ok;
}

static bool run(struct recurrence *r)
{
	bool ok = true;
	size_t i;

	for (i = 0; i <= PEEPHOLES; i++) {
		if (i == LENGTHS || !in(r->call, i))
			continue;
		r->data[i] = product_floats(in(r->call, i), &r->own[i]);
		ok &= !!r->data[i];
	}
	for (i = 0; i < 3; i++) {
		if (!wanted(r->call, i))
			continue;
		r->y[i] = product_result(&r->call->out[i], &r->own_y[i]);
		ok &= !!r->y[i];
	}
	for (i = 0; i < r->dirs && ok; i++)
		ok = run_lane(r, i);
	for (i = 0; i < 3 && ok; i++)
		if (r->y[i])
			product_put(&r->call->out[i], r->own_y[i]);
	for (i = 0; i <= PEEPHOLES; i++)
		free(r->own[i]);
	for (i = 0; i < 3; i++)
		free(r->own_y[i]);
	return ok;
}

enum hostop_status hostop_recurrent(struct hostop_call *call)
{
	struct recurrence r;
	enum hostop_status status;
	unsigned int i;

	for (i = 0; i < 6; i++)
		if ((call->ints[3] >> 4 * i & 15) >= NUM_FUNCTIONS)
			return hostop_fail(call, HOSTOP_INVALID, "it has a function that there is not");
	status = find_shapes(call, &r);
	if (!status)
		status = make_results(&r);
	if (status)
		return status;
	return run(&r) ? HOSTOP_OK : HOSTOP_NO_MEMORY;
}
