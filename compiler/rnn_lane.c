// SPDX-License-Identifier: MIT
/*
 * A recurrence, step by step: weights and states of the directions that run
 * together, gates and activations. Formulas: ONNX's text on RNN, GRU and LSTM.
 */
#include <math.h>
#include <string.h>
#include <strings.h>
#include "rnn.h"

/* Which of the activations attribute's names; NULL for the default. */
const char *nc_rnn_act_name(const struct rnn *rnn, int which)
{
	const struct nc_attr *attr = nc_attr(rnn->node, "activations");

	if (!attr || attr->kind != NC_ATTR_STRINGS || (size_t)which >= attr->count)
		return NULL;
	return attr->strings[which];
}

int nc_rnn_acts(enum nc_op op)
{
	return op == NC_OP_LSTM ? 3 : op == NC_OP_GRU ? 2 : 1;
}

/* Activations with parameters, and what these are by default. */
static const struct param {
	const char *name;
	bool has_beta;
	float alpha, beta;
} params[] = {
	{ "LeakyRelu", false, 0.01f, 0 }, { "ThresholdedRelu", false, 1, 0 },
	{ "Elu", false, 1, 0 }, { "HardSigmoid", true, 0.2f, 0.5f },
	{ "Affine", true, 1, 0 }, { "ScaledTanh", true, 1, 1 },
};

static const struct param *find_param(const char *name)
{
	unsigned int i;

	for (i = 0; name && i < sizeof(params) / sizeof(params[0]); i++)
		if (!strcasecmp(params[i].name, name))
			return &params[i];
	return NULL;
}

/*
 * Each activation that has a parameter takes the next number of the list, in
 * the order of the activations; where the list has ended, defaults hold.
 */
static float parameter(const struct rnn *rnn, int position, const char *name,
		       bool beta)
{
	const struct param *param = find_param(name), *before;
	const float *floats;
	size_t n, taken = 0;
	int i;

	if (!param || (beta && !param->has_beta))
		return 0;
	n = nc_attr_floats(rnn->node, beta ? "activation_beta" : "activation_alpha",
			   &floats);
	/* ONNX Runtime's RNN, unlike its others, goes by position. */
	if (n && rnn->node->op == NC_OP_RNN)
		return (size_t)position < n ? floats[position] : 0;
	for (i = 0; i < position; i++) {
		before = find_param(nc_rnn_act_name(rnn, i));
		taken += before && (!beta || before->has_beta);
	}
	if (taken < n)
		return floats[taken];
	return beta ? param->beta : param->alpha;
}

/* An activation on its own node; alpha and beta as ONNX's defaults or given. */
static struct nc_value *activate(const struct rnn *rnn, int dir, int which,
				 const char *def, struct nc_value *x)
{
	static const struct {
		const char *name;
		enum nc_op op;
	} acts[] = {
		{ "Sigmoid", NC_OP_Sigmoid }, { "Tanh", NC_OP_Tanh },
		{ "Relu", NC_OP_Relu }, { "LeakyRelu", NC_OP_LeakyRelu },
		{ "ThresholdedRelu", NC_OP_ThresholdedRelu },
		{ "HardSigmoid", NC_OP_HardSigmoid }, { "Elu", NC_OP_Elu },
		{ "Softsign", NC_OP_Softsign }, { "Softplus", NC_OP_Softplus },
	};
	int count = nc_rnn_acts(rnn->node->op);
	int position = dir * count + which;
	const char *name = nc_rnn_act_name(rnn, position);
	struct nc_ctx *ctx = rnn->b->ctx;
	struct nc_node *node;
	float alpha, beta;
	unsigned int i;

	if (!name)
		name = def;
	alpha = parameter(rnn, position, name, false);
	beta = parameter(rnn, position, name, true);
	/* ONNX Runtime leaves the cell, where it becomes the output, as it is. */
	if (rnn->clip > 0 && !(rnn->node->op == NC_OP_LSTM && which == 2))
		x = nc_build3(rnn->b, NC_OP_Clip, NULL, x,
			      nc_build_scalar(rnn->b, x->dtype, -rnn->clip),
			      nc_build_scalar(rnn->b, x->dtype, rnn->clip));
	if (!strcasecmp(name, "Affine")) {
		x = nc_build_with(rnn->b, NC_OP_Mul, NULL, x, alpha);
		return nc_build_with(rnn->b, NC_OP_Add, NULL, x, beta);
	}
	if (!strcasecmp(name, "ScaledTanh")) {
		x = nc_build_with(rnn->b, NC_OP_Mul, NULL, x, beta);
		x = nc_build1(rnn->b, NC_OP_Tanh, NULL, x);
		return nc_build_with(rnn->b, NC_OP_Mul, NULL, x, alpha);
	}
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcasecmp(acts[i].name, name))
			break;
	if (i == sizeof(acts) / sizeof(acts[0])) {
		nc_error(ctx, rnn->node, "activation '%.20s' is not supported",
			 name);
		return x;
	}
	node = nc_node_new(ctx, rnn->node, acts[i].op, NULL, 1, x);
	if (find_param(name)) {
		nc_set_attr_float(ctx, node, "alpha", alpha);
		nc_set_attr_float(ctx, node, "beta", beta);
	}
	return nc_build(rnn->b, node);
}

static struct nc_value *add(const struct rnn *rnn, struct nc_value *x,
			    struct nc_value *y)
{
	return y ? nc_build2(rnn->b, NC_OP_Add, NULL, x, y) : x;
}

static struct nc_value *mul(const struct rnn *rnn, struct nc_value *x,
			    struct nc_value *y)
{
	return nc_build2(rnn->b, NC_OP_Mul, NULL, x, y);
}

static struct nc_value *product(const struct rnn *rnn, struct nc_value *x,
				struct nc_value *y)
{
	return nc_build2(rnn->b, NC_OP_MatMul, NULL, x, y);
}

/* Columns [first * width, (first + count) * width) of the last dimension. */
struct nc_value *nc_rnn_columns(const struct rnn *rnn, struct nc_value *x,
				int64_t width, int first, int count)
{
	if (first == 0 && count * width == x->dims[x->rank - 1])
		return x;
	return nc_build_slice(rnn->b, NULL, x, x->rank - 1, first * width,
			      (first + count) * width);
}

static struct nc_value *gate(const struct rnn *rnn, const struct lane *lane,
			     struct nc_value *x, int first, int count)
{
	return nc_rnn_columns(rnn, x, lane->hidden, first, count);
}

/* Backwards in time, the first dimension. */
struct nc_value *nc_rnn_reversed(const struct rnn *rnn, struct nc_value *x)
{
	struct nc_ctx *ctx = rnn->b->ctx;
	const char *name = rnn->node->name;
	int64_t start = -1, end = INT64_MIN, axis = 0, step = -1;

	if (x->dims[0] < 2)
		return x;
	return nc_build(rnn->b,
			nc_node_new(ctx, rnn->node, NC_OP_Slice, NULL, 5, x,
				    nc_const_ints_new(ctx, name, &start, 1),
				    nc_const_ints_new(ctx, name, &end, 1),
				    nc_const_ints_new(ctx, name, &axis, 1),
				    nc_const_ints_new(ctx, name, &step, 1)));
}

/* What a direction has of an input: [dirs, ...] without the first dimension. */
static struct nc_value *of_direction(const struct rnn *rnn, struct nc_value *x,
				     int dir)
{
	if (!x)
		return NULL;
	if (rnn->dirs > 1)
		x = nc_build_slice(rnn->b, NULL, x, 0, dir, dir + 1);
	return nc_build_reshape(rnn->b, NULL, x, x->rank - 1, x->dims + 1);
}

/* The same, with a dimension of 1 in front, for values to be joined there. */
static struct nc_value *with_front(const struct rnn *rnn, struct nc_value *x)
{
	int64_t dims[NC_MAX_RANK] = { 1 };

	memcpy(dims + 1, x->dims, x->rank * sizeof(*dims));
	return nc_build_reshape(rnn->b, NULL, x, x->rank + 1, dims);
}

/* Gates of the last dimension, in the order in which steps want them. */
static struct nc_value *ordered(const struct rnn *rnn, struct nc_value *x)
{
	struct nc_value *parts[4];
	bool same = true;
	int i;

	for (i = 0; i < rnn->gates; i++)
		same &= rnn->order[i] == i;
	if (same || !x)
		return x;
	for (i = 0; i < rnn->gates; i++)
		parts[i] = nc_rnn_columns(rnn, x, rnn->hidden, rnn->order[i], 1);
	return nc_build_concat(rnn->b, NULL, parts, rnn->gates, x->rank - 1);
}

/* A direction's weights, transposed to [in, gates * hidden], as bytes are already. */
static struct nc_value *weights(const struct rnn *rnn, struct nc_value *x,
				int dir)
{
	static const int64_t swap[] = { 1, 0 };

	x = of_direction(rnn, x, dir);
	if (!rnn->bytes)
		x = nc_build_transpose(rnn->b, NULL, x, swap);
	return ordered(rnn, x);
}

/* Scale or zero point of a direction's bytes: one, or one of each column. */
static struct nc_value *scale_of(const struct rnn *rnn, unsigned int input, int dir)
{
	struct nc_value *x = nc_in(rnn->node, input);
	int64_t dims[2] = { rnn->dirs };

	if (!x)
		return NULL;
	dims[1] = nc_numel(x) / rnn->dirs;
	x = of_direction(rnn, nc_build_reshape(rnn->b, NULL, x, 2, dims), dir);
	return dims[1] == 1 ? nc_build_reshape(rnn->b, NULL, x, 0, NULL) : ordered(rnn, x);
}

/* What a step has of its state. */
static struct nc_value *recurrence(const struct rnn *rnn, const struct lane *lane)
{
	if (!rnn->bytes)
		return product(rnn, lane->h, lane->r);
	return nc_build_dynamic_product(rnn->b, lane->h, lane->r, lane->r_scale, lane->r_zero,
					NULL);
}

/*
 * One value of each direction's, joined: [..., gates * hidden] to [..., gates *
 * count * hidden], each gate's directions side by side; or in front, batched.
 * @groups: gates that the last dimension has.
 */
static struct nc_value *joined(const struct rnn *rnn, const struct lane *lane,
			       struct nc_value **x, int groups)
{
	struct nc_value *parts[2];
	int64_t dims[NC_MAX_RANK];
	int i, rank = x[0]->rank;

	if (lane->count == 1)
		return x[0];
	if (lane->batched) {
		for (i = 0; i < lane->count; i++)
			parts[i] = with_front(rnn, x[i]);
		return nc_build_concat(rnn->b, NULL, parts, lane->count, 0);
	}
	memcpy(dims, x[0]->dims, sizeof(dims));
	dims[rank - 1] = groups;
	dims[rank] = 1;
	dims[rank + 1] = rnn->hidden;
	for (i = 0; i < lane->count; i++)
		parts[i] = nc_build_reshape(rnn->b, NULL, x[i], rank + 2, dims);
	x[0] = nc_build_concat(rnn->b, NULL, parts, lane->count, rank);
	dims[rank - 1] = groups * lane->count * rnn->hidden;
	return nc_build_reshape(rnn->b, NULL, x[0], rank, dims);
}

/* Weights of joined directions: those of each in its block, zeros elsewhere. */
static struct nc_value *diagonal(const struct rnn *rnn, const struct lane *lane,
				 struct nc_value *const *r)
{
	int64_t rows = lane->hidden, width = rnn->gates * lane->hidden;
	int64_t dims[2] = { rows, width }, i, j, d;
	struct nc_ctx *ctx = rnn->b->ctx;
	struct nc_value *out;
	void *data;

	data = nc_alloc(ctx->arena, (size_t)(rows * width),
			nc_dtype_size(r[0]->dtype));
	for (d = 0; d < lane->count; d++) {
		for (i = 0; i < rnn->hidden; i++) {
			for (j = 0; j < rnn->gates * rnn->hidden; j++) {
				int64_t group = j / rnn->hidden;
				int64_t to = (group * lane->count + d) *
					     rnn->hidden + j % rnn->hidden;

				nc_put_double(r[0]->dtype, data,
					      (d * rnn->hidden + i) * width + to,
					      nc_const_double(r[d], i * rnn->gates *
							      rnn->hidden + j));
			}
		}
	}
	out = nc_value_like(ctx, rnn->node->name, r[0]->dtype, 2, dims);
	out->data = data;
	out->size = nc_bytes(out);
	return out;
}

/* A state at the start: [batch, hidden], given or zero. */
static struct nc_value *initial(const struct rnn *rnn, unsigned int input,
				int dir)
{
	static const int64_t perm[] = { 1, 0, 2 };
	int64_t dims[2] = { rnn->batch, rnn->hidden };
	struct nc_value *x = nc_in(rnn->node, input);
	struct nc_ctx *ctx = rnn->b->ctx;

	if (x && rnn->layout)
		x = nc_build_transpose(rnn->b, NULL, x, perm);
	if (x)
		return of_direction(rnn, x, dir);
	x = nc_value_like(ctx, rnn->node->name, rnn->node->inputs[0]->dtype, 2,
			  dims);
	x->size = nc_bytes(x);
	x->data = nc_alloc(ctx->arena, x->size, 1);
	return x;
}

/* The place that a gate has in the columns. */
static int place(const struct rnn *rnn, int which)
{
	int i = 0;

	while (rnn->order[i] != which)
		i++;
	return i;
}

/* act(h * r + x), columns [first, first + count); @part: of lane->parts. */
static struct nc_value *gates_of_step(const struct rnn *rnn,
				      const struct lane *lane,
				      struct nc_value *sum, struct nc_value *x,
				      int part, int first, int count)
{
	/* One row: what is added is like a bias, and part of the product. */
	if (!sum)
		sum = product(rnn, lane->h, lane->parts[part]);
	else
		sum = gate(rnn, lane, sum, first, count);
	return add(rnn, sum, gate(rnn, lane, x, first, count));
}

static void step_lstm(const struct rnn *rnn, struct lane *lane,
		      struct nc_value *x)
{
	bool couple = nc_attr_int(rnn->node, "input_forget", 0);
	struct nc_value *i, *o, *f, *c, *sum = NULL;
	int dir = lane->dir;

	if (!lane->parts[0])
		sum = recurrence(rnn, lane);
	c = gates_of_step(rnn, lane, sum, x, 1, 3, 1);
	if (!lane->p && !couple) {
		/* Three gates of one function: i, f, o or as the model has them. */
		o = activate(rnn, dir, 0, "Sigmoid",
			     gates_of_step(rnn, lane, sum, x, 0, 0, 3));
		i = gate(rnn, lane, o, place(rnn, GATE_I), 1);
		f = gate(rnn, lane, o, place(rnn, GATE_F), 1);
		o = gate(rnn, lane, o, place(rnn, GATE_O), 1);
	} else {
		sum = add(rnn, sum, x);
		i = gate(rnn, lane, sum, place(rnn, GATE_I), 1);
		f = gate(rnn, lane, sum, place(rnn, GATE_F), 1);
		o = gate(rnn, lane, sum, place(rnn, GATE_O), 1);
		if (lane->p) {
			i = add(rnn, i, mul(rnn, lane->c,
					    gate(rnn, lane, lane->p, 0, 1)));
			f = add(rnn, f, mul(rnn, lane->c,
					    gate(rnn, lane, lane->p, 2, 1)));
		}
		i = activate(rnn, dir, 0, "Sigmoid", i);
		if (couple)
			f = nc_build2(rnn->b, NC_OP_Sub, NULL,
				      nc_build_scalar(rnn->b, i->dtype, 1), i);
		else
			f = activate(rnn, dir, 0, "Sigmoid", f);
	}
	c = activate(rnn, dir, 1, "Tanh", c);
	lane->c = add(rnn, mul(rnn, f, lane->c), mul(rnn, i, c));
	if (lane->p || couple) {
		if (lane->p)
			o = add(rnn, o, mul(rnn, lane->c,
					    gate(rnn, lane, lane->p, 1, 1)));
		o = activate(rnn, dir, 0, "Sigmoid", o);
	}
	lane->h = mul(rnn, o, activate(rnn, dir, 2, "Tanh", lane->c));
}

/* Gates in the order z, r, h. */
static void step_gru(const struct rnn *rnn, struct lane *lane,
		     struct nc_value *x)
{
	struct nc_value *z, *r, *n, *part;
	int dir = lane->dir;

	if (rnn->linear_before_reset) {
		/* One product for all gates; the reset gate scales its part. */
		part = add(rnn, product(rnn, lane->h, lane->r), lane->rb);
		z = add(rnn, gate(rnn, lane, x, 0, 2),
			gate(rnn, lane, part, 0, 2));
		z = activate(rnn, dir, 0, "Sigmoid", z);
		r = gate(rnn, lane, z, 1, 1);
		n = mul(rnn, r, gate(rnn, lane, part, 2, 1));
	} else {
		part = product(rnn, lane->h, lane->parts[0]);
		z = add(rnn, part, gate(rnn, lane, x, 0, 2));
		z = activate(rnn, dir, 0, "Sigmoid", z);
		r = gate(rnn, lane, z, 1, 1);
		n = product(rnn, mul(rnn, r, lane->h), lane->parts[1]);
	}
	z = gate(rnn, lane, z, 0, 1);
	n = activate(rnn, dir, 1, "Tanh",
		     add(rnn, n, gate(rnn, lane, x, 2, 1)));
	/* (1 - z) * n + z * h */
	part = nc_build2(rnn->b, NC_OP_Sub, NULL, lane->h, n);
	lane->h = add(rnn, n, mul(rnn, z, part));
}

static void step_rnn(const struct rnn *rnn, struct lane *lane,
		     struct nc_value *x)
{
	x = add(rnn, product(rnn, lane->h, lane->r), x);
	lane->h = activate(rnn, lane->dir, 0, "Tanh", x);
}

bool nc_rnn_backwards(const struct rnn *rnn, int dir)
{
	const char *direction = nc_attr_string(rnn->node, "direction", "forward");

	return dir || !strcmp(direction, "reverse");
}

/*
 * The products of all steps with a direction's input weights, and the biases
 * that do not need the state: [seq, batch, gates * hidden]. @rb: receives the
 * bias that does, or NULL.
 */
static struct nc_value *input_part(const struct rnn *rnn, int dir,
				   struct nc_value **rb)
{
	static const int64_t perm[] = { 1, 0, 2 };
	int64_t flat[2] = { rnn->seq * rnn->batch, rnn->in };
	int64_t full[3] = { rnn->seq, rnn->batch, rnn->gates * rnn->hidden };
	struct nc_value *x = rnn->node->inputs[0], *bias, *w;

	if (rnn->layout)
		x = nc_build_transpose(rnn->b, NULL, x, perm);
	x = nc_build_reshape(rnn->b, NULL, x, 2, flat);
	w = weights(rnn, rnn->node->inputs[1], dir);
	if (rnn->bytes)
		x = nc_build_dynamic_product(rnn->b, x, w, scale_of(rnn, RNN_W_SCALE, dir),
					     scale_of(rnn, RNN_W_ZERO, dir), NULL);
	else
		x = product(rnn, x, w);
	*rb = NULL;
	bias = of_direction(rnn, nc_in(rnn->node, 3), dir);
	if (bias) {
		*rb = nc_rnn_columns(rnn, bias, rnn->hidden, rnn->gates, rnn->gates);
		bias = nc_rnn_columns(rnn, bias, rnn->hidden, 0, rnn->gates);
		if (!rnn->linear_before_reset || rnn->node->op != NC_OP_GRU) {
			bias = add(rnn, bias, *rb);
			*rb = NULL;
		}
		x = add(rnn, x, ordered(rnn, bias));
	}
	x = nc_build_reshape(rnn->b, NULL, x, 3, full);
	return nc_rnn_backwards(rnn, dir) ? nc_rnn_reversed(rnn, x) : x;
}

/* Which sequences are still running at a step: [batch, 1]; NULL: all. */
struct nc_value *nc_rnn_running(const struct rnn *rnn, int64_t step)
{
	struct nc_value *lens = nc_in(rnn->node, 4);
	int64_t dims[2] = { rnn->batch, 1 }, i;
	bool all = nc_is_const(lens);

	if (!lens)
		return NULL;
	for (i = 0; all && i < rnn->batch; i++)
		all = nc_const_int(lens, i) >= rnn->seq;
	if (all)
		return NULL;
	lens = nc_build_reshape(rnn->b, NULL, lens, 2, dims);
	return nc_build2(rnn->b, NC_OP_Greater, NULL, lens,
			 nc_build_scalar(rnn->b, lens->dtype, (double)step));
}

/* What all steps of a lane need, of all its directions. */
static void prepare(const struct rnn *rnn, struct lane *lane)
{
	struct nc_value *x[2], *r[2], *rb[2], *p[2], *h[2], *c[2];
	bool lstm = rnn->node->op == NC_OP_LSTM;
	int d;

	for (d = 0; d < lane->count; d++) {
		int dir = lane->dir + d;

		x[d] = input_part(rnn, dir, &rb[d]);
		r[d] = weights(rnn, rnn->node->inputs[2], dir);
		p[d] = of_direction(rnn, nc_in(rnn->node, 7), dir);
		h[d] = initial(rnn, 5, dir);
		c[d] = lstm ? initial(rnn, 6, dir) : NULL;
		if (lane->batched) {
			/* One row for all of the batch, in front of it. */
			rb[d] = rb[d] ? with_front(rnn, rb[d]) : NULL;
			p[d] = p[d] ? with_front(rnn, p[d]) : NULL;
		}
	}
	if (lane->batched || lane->count == 1)
		lane->r = joined(rnn, lane, r, rnn->gates);
	else
		lane->r = diagonal(rnn, lane, r);
	if (rnn->bytes) {
		lane->r_scale = scale_of(rnn, RNN_R_SCALE, lane->dir);
		lane->r_zero = scale_of(rnn, RNN_R_ZERO, lane->dir);
	}
	lane->h = joined(rnn, lane, h, 1);
	lane->c = lstm ? joined(rnn, lane, c, 1) : NULL;
	lane->rb = rb[0] ? joined(rnn, lane, rb, rnn->gates) : NULL;
	lane->p = p[0] ? joined(rnn, lane, p, 3) : NULL;
	lane->x = joined(rnn, lane, x, rnn->gates);

	if (rnn->node->op == NC_OP_GRU && !rnn->linear_before_reset) {
		lane->parts[0] = gate(rnn, lane, lane->r, 0, 2);
		lane->parts[1] = gate(rnn, lane, lane->r, 2, 1);
	} else if (lstm && rnn->batch == 1 && !lane->batched && !lane->p && !rnn->bytes &&
		   !nc_attr_int(rnn->node, "input_forget", 0)) {
		lane->parts[0] = gate(rnn, lane, lane->r, 0, 3);
		lane->parts[1] = gate(rnn, lane, lane->r, 3, 1);
	}
}

void nc_rnn_unroll(const struct rnn *rnn, struct lane *lane)
{
	int64_t row[3], step[4], i, rank;
	struct nc_value *x, *h, *c, *on;

	prepare(rnn, lane);
	/* [batch, hidden], or a direction a row of these. */
	rank = lane->h->rank;
	memcpy(row, lane->h->dims, sizeof(row));
	row[rank - 1] *= rnn->gates;
	step[0] = 1;
	memcpy(step + 1, lane->h->dims, rank * sizeof(*step));
	for (i = 0; i < rnn->seq; i++) {
		/* x is in the order of the steps, batched or not. */
		x = nc_build_slice(rnn->b, NULL, lane->x, lane->batched, i, i + 1);
		x = nc_build_reshape(rnn->b, NULL, x, rank, row);
		h = lane->h;
		c = lane->c;
		if (rnn->node->op == NC_OP_LSTM)
			step_lstm(rnn, lane, x);
		else if (rnn->node->op == NC_OP_GRU)
			step_gru(rnn, lane, x);
		else
			step_rnn(rnn, lane, x);
		/* A sequence that has ended keeps its state and puts out zeros. */
		on = nc_rnn_running(rnn, nc_rnn_backwards(rnn, lane->dir) ?
				  rnn->seq - 1 - i : i);
		x = lane->h;
		if (on) {
			x = nc_build3(rnn->b, NC_OP_Where, NULL, on, x,
				      nc_build_scalar(rnn->b, x->dtype, 0));
			lane->h = nc_build3(rnn->b, NC_OP_Where, NULL, on,
					    lane->h, h);
			if (c)
				lane->c = nc_build3(rnn->b, NC_OP_Where, NULL,
						    on, lane->c, c);
		}
		lane->steps[i] = nc_build_reshape(rnn->b, NULL, x, rank + 1, step);
	}
}
