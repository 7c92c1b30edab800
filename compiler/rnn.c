// SPDX-License-Identifier: MIT
/*
 * RNN, GRU and LSTM, unrolled: a step is a handful of matrix products and
 * element-wise operators. The products with the inputs do not depend on the
 * state, so all steps share one. Formulas: ONNX's text on these operators.
 *
 * A step has few numbers and many operators, so what counts is their number. The
 * two directions take their steps together, the second one from the end: either
 * as one recurrence of twice the width, whose weights have a block for each on
 * the diagonal, or, where these would get large, as a batch of two products.
 * Gates that have the same function are next to each other.
 *
 * Inputs: X [seq, batch, in], W [dirs, gates * hidden, in], R [dirs, gates *
 * hidden, hidden], B [dirs, 2 * gates * hidden], sequence_lens [batch],
 * initial_h [dirs, batch, hidden], and for LSTM initial_c and P [dirs, 3 *
 * hidden]. Outputs: Y [seq, dirs, batch, hidden], Y_h, Y_c. With layout 1 the
 * batch comes first.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* Beyond this an unrolled program gets too long. */
#define MAX_STEPS	4096

/* Bytes of recurrence weights up to which directions share one product. */
#define MAX_JOINED	(64 << 10)

/* Gates by name: their places in a step's columns are in struct rnn. */
enum { GATE_I, GATE_O, GATE_F, GATE_C };

struct rnn {
	struct nc_builder *b;
	struct nc_node *node;
	int64_t seq, batch, in, hidden, dirs;
	int gates;
	int order[4];		/* gate of the model that is at each place */
	bool layout;
	bool linear_before_reset;
	float clip;
};

static int gates_of(enum nc_op op)
{
	return op == NC_OP_LSTM ? 4 : op == NC_OP_GRU ? 3 : 1;
}

static bool has_shape(const struct nc_value *value, int rank, int64_t d0,
		      int64_t d1, int64_t d2)
{
	return !value || (value->rank == rank && value->dims[0] == d0 &&
			  (rank < 2 || value->dims[1] == d1) &&
			  (rank < 3 || value->dims[2] == d2));
}

static bool get_rnn(struct nc_ctx *ctx, struct nc_node *node, struct rnn *rnn)
{
	const char *direction = nc_attr_string(node, "direction", "forward");
	const struct nc_value *x, *w, *r;
	int64_t states;

	if (!nc_need(ctx, node, 3, node->op == NC_OP_LSTM ? 8 : 6))
		return false;
	x = node->inputs[0];
	w = node->inputs[1];
	r = node->inputs[2];
	if (x->rank != 3 || w->rank != 3 || r->rank != 3) {
		nc_error(ctx, node, "its input, weights and recurrence weights must have rank 3");
		return false;
	}
	*rnn = (struct rnn) {
		.node = node, .gates = gates_of(node->op),
		.layout = nc_attr_int(node, "layout", 0),
		.linear_before_reset = nc_attr_int(node, "linear_before_reset", 0),
		.clip = nc_attr_float(node, "clip", 0),
		.hidden = r->dims[2], .in = x->dims[2],
		.dirs = strcmp(direction, "bidirectional") ? 1 : 2,
	};
	for (int i = 0; i < 4; i++)
		rnn->order[i] = i;
	rnn->seq = x->dims[rnn->layout];
	rnn->batch = x->dims[!rnn->layout];
	states = rnn->gates * rnn->hidden;
	if (!has_shape(w, 3, rnn->dirs, states, rnn->in) ||
	    !has_shape(r, 3, rnn->dirs, states, rnn->hidden) ||
	    !has_shape(nc_in(node, 3), 2, rnn->dirs, 2 * states, 0) ||
	    !has_shape(nc_in(node, 4), 1, rnn->batch, 0, 0) ||
	    !has_shape(nc_in(node, 5), 3,
		       rnn->layout ? rnn->batch : rnn->dirs,
		       rnn->layout ? rnn->dirs : rnn->batch, rnn->hidden) ||
	    !has_shape(nc_in(node, 6), 3,
		       rnn->layout ? rnn->batch : rnn->dirs,
		       rnn->layout ? rnn->dirs : rnn->batch, rnn->hidden) ||
	    !has_shape(nc_in(node, 7), 2, rnn->dirs, 3 * rnn->hidden, 0)) {
		nc_error(ctx, node, "the shapes of its inputs do not fit together");
		return false;
	}
	for (unsigned int i = 0; i < node->num_inputs; i++) {
		/* The lengths have a type of their own. */
		if (!node->inputs[i] || i == 4)
			continue;
		if (node->inputs[i]->dtype != x->dtype || !nc_dtype_is_float(x->dtype)) {
			nc_error(ctx, node, "its inputs must be floats of one type");
			return false;
		}
	}
	if (nc_in(node, 4) && node->inputs[4]->dtype != NC_I32) {
		nc_error(ctx, node, "the lengths of its sequences must be int32");
		return false;
	}
	if (rnn->seq > MAX_STEPS) {
		nc_error(ctx, node, "its sequence has %lld steps; at most %d are supported",
			 (long long)rnn->seq, MAX_STEPS);
		return false;
	}
	return true;
}

/* LSTM, GRU and RNN */
bool nc_infer_rnn(struct nc_ctx *ctx, struct nc_node *node)
{
	struct rnn rnn;
	int64_t y[4], h[3];

	if (!get_rnn(ctx, node, &rnn))
		return false;
	y[0] = rnn.layout ? rnn.batch : rnn.seq;
	y[1] = rnn.layout ? rnn.seq : rnn.dirs;
	y[2] = rnn.layout ? rnn.dirs : rnn.batch;
	y[3] = rnn.hidden;
	h[0] = rnn.layout ? rnn.batch : rnn.dirs;
	h[1] = rnn.layout ? rnn.dirs : rnn.batch;
	h[2] = rnn.hidden;
	return nc_set_shape(ctx, node, 0, node->inputs[0]->dtype, 4, y) &&
	       nc_set_shape(ctx, node, 1, node->inputs[0]->dtype, 3, h) &&
	       nc_set_shape(ctx, node, 2, node->inputs[0]->dtype, 3, h);
}

/* Which of the activations attribute's names; NULL for the default. */
static const char *act_name(const struct rnn *rnn, int which)
{
	const struct nc_attr *attr = nc_attr(rnn->node, "activations");

	if (!attr || attr->kind != NC_ATTR_STRINGS || (size_t)which >= attr->count)
		return NULL;
	return attr->strings[which];
}

static int acts_of(enum nc_op op)
{
	return op == NC_OP_LSTM ? 3 : op == NC_OP_GRU ? 2 : 1;
}

/**
 * struct lane - a recurrence: a direction, or two side by side
 * @dir: the first direction
 * @count: how many directions
 * @batched: they are a leading dimension of the values below
 * @hidden: columns of a gate
 * @x: [seq, batch, gates * hidden], or [count, seq, batch, gates * hidden]: what
 *     the steps get from the inputs, in the order in which they run
 * @r: weights of the recurrence [hidden, gates * hidden]
 * @parts: @r cut where the functions of its columns change, for products that
 *	   are apart; else NULL
 * @rb: GRU: bias of the recurrence, where it is apart
 * @p: LSTM: peepholes [3 * hidden]
 * @h: state [batch, hidden]
 * @c: LSTM: the cell's state
 * @steps: states after each step
 */
struct lane {
	int dir;
	int count;
	bool batched;
	int64_t hidden;
	struct nc_value *x;
	struct nc_value *r;
	struct nc_value *parts[2];
	struct nc_value *rb;
	struct nc_value *p;
	struct nc_value *h;
	struct nc_value *c;
	struct nc_value **steps;
};

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
		before = find_param(act_name(rnn, i));
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
	int count = acts_of(rnn->node->op);
	int position = dir * count + which;
	const char *name = act_name(rnn, position);
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
static struct nc_value *columns(const struct rnn *rnn, struct nc_value *x,
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
	return columns(rnn, x, lane->hidden, first, count);
}

/* Backwards in time, the first dimension. */
static struct nc_value *reversed(const struct rnn *rnn, struct nc_value *x)
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
		parts[i] = columns(rnn, x, rnn->hidden, rnn->order[i], 1);
	return nc_build_concat(rnn->b, NULL, parts, rnn->gates, x->rank - 1);
}

/* A direction's weights, transposed to [in, gates * hidden]. */
static struct nc_value *weights(const struct rnn *rnn, struct nc_value *x,
				int dir)
{
	static const int64_t swap[] = { 1, 0 };

	x = nc_build_transpose(rnn->b, NULL, of_direction(rnn, x, dir), swap);
	return ordered(rnn, x);
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
		sum = product(rnn, lane->h, lane->r);
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

static bool runs_backwards(const struct rnn *rnn, int dir)
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
	x = product(rnn, x, w);
	*rb = NULL;
	bias = of_direction(rnn, nc_in(rnn->node, 3), dir);
	if (bias) {
		*rb = columns(rnn, bias, rnn->hidden, rnn->gates, rnn->gates);
		bias = columns(rnn, bias, rnn->hidden, 0, rnn->gates);
		if (!rnn->linear_before_reset || rnn->node->op != NC_OP_GRU) {
			bias = add(rnn, bias, *rb);
			*rb = NULL;
		}
		x = add(rnn, x, ordered(rnn, bias));
	}
	x = nc_build_reshape(rnn->b, NULL, x, 3, full);
	return runs_backwards(rnn, dir) ? reversed(rnn, x) : x;
}

/* Which sequences are still running at a step: [batch, 1]; NULL: all. */
static struct nc_value *running(const struct rnn *rnn, int64_t step)
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
	lane->h = joined(rnn, lane, h, 1);
	lane->c = lstm ? joined(rnn, lane, c, 1) : NULL;
	lane->rb = rb[0] ? joined(rnn, lane, rb, rnn->gates) : NULL;
	lane->p = p[0] ? joined(rnn, lane, p, 3) : NULL;
	lane->x = joined(rnn, lane, x, rnn->gates);

	if (rnn->node->op == NC_OP_GRU && !rnn->linear_before_reset) {
		lane->parts[0] = gate(rnn, lane, lane->r, 0, 2);
		lane->parts[1] = gate(rnn, lane, lane->r, 2, 1);
	} else if (lstm && rnn->batch == 1 && !lane->batched && !lane->p &&
		   !nc_attr_int(rnn->node, "input_forget", 0)) {
		lane->parts[0] = gate(rnn, lane, lane->r, 0, 3);
		lane->parts[1] = gate(rnn, lane, lane->r, 3, 1);
	}
}

static void unroll(const struct rnn *rnn, struct lane *lane)
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
		on = running(rnn, runs_backwards(rnn, lane->dir) ?
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

/* A direction's part of a lane's state: [batch, hidden]. */
static struct nc_value *state_of(const struct rnn *rnn, const struct lane *lane,
				 struct nc_value *state, int d)
{
	int64_t dims[2] = { rnn->batch, rnn->hidden };

	if (lane->count == 1)
		return state;
	state = lane->batched ?
		nc_build_slice(rnn->b, NULL, state, 0, d, d + 1) :
		columns(rnn, state, rnn->hidden, d, 1);
	return nc_build_reshape(rnn->b, NULL, state, 2, dims);
}

/* Y: [seq, dirs, batch, hidden], or with the batch in front. */
static void put_steps(const struct rnn *rnn, struct nc_value *out,
		      struct lane *lanes)
{
	static const int64_t batch_first[] = { 2, 0, 1, 3 };
	int64_t dims[4] = { rnn->seq, 1, rnn->batch, rnn->hidden };
	struct nc_value *y[2], *all = NULL;
	int dir;

	for (dir = 0; dir < rnn->dirs; dir++) {
		struct lane *lane = lanes[0].count == rnn->dirs ? &lanes[0] :
								  &lanes[dir];
		int d = dir - lane->dir;

		if (!d)
			all = nc_build_concat(rnn->b, NULL, lane->steps,
					      (unsigned int)rnn->seq, 0);
		y[dir] = all;
		if (lane->count > 1)
			y[dir] = lane->batched ?
				 nc_build_slice(rnn->b, NULL, all, 1, d, d + 1) :
				 columns(rnn, all, rnn->hidden, d, 1);
		y[dir] = nc_build_reshape(rnn->b, NULL, y[dir], 4, dims);
		if (runs_backwards(rnn, dir))
			y[dir] = reversed(rnn, y[dir]);
	}
	if (!rnn->layout) {
		nc_build_concat(rnn->b, out, y, (unsigned int)rnn->dirs, 1);
		return;
	}
	y[0] = nc_build_concat(rnn->b, NULL, y, (unsigned int)rnn->dirs, 1);
	nc_build_transpose(rnn->b, out, y[0], batch_first);
}

/* Last states of the directions: [dirs, batch, hidden], or batch first. */
static void put_state(const struct rnn *rnn, struct nc_value *out,
		      struct nc_value *const *states)
{
	static const int64_t perm[] = { 1, 0, 2 };
	int64_t dims[3] = { 1, rnn->batch, rnn->hidden };
	struct nc_value *parts[2];
	int i;

	if (!out)
		return;
	for (i = 0; i < rnn->dirs; i++)
		parts[i] = nc_build_reshape(rnn->b, NULL, states[i], 3, dims);
	if (!rnn->layout) {
		nc_build_concat(rnn->b, out, parts, (unsigned int)rnn->dirs, 0);
		return;
	}
	parts[0] = nc_build_concat(rnn->b, NULL, parts, (unsigned int)rnn->dirs, 0);
	nc_build_transpose(rnn->b, out, parts[0], perm);
}

/* Both directions have the same functions, and no sequence ends early. */
static bool directions_alike(const struct rnn *rnn)
{
	int count = acts_of(rnn->node->op), i;
	const float *floats;

	for (i = 0; i < count; i++) {
		const char *a = act_name(rnn, i), *b = act_name(rnn, count + i);

		if (!a != !b || (a && strcasecmp(a, b)))
			return false;
	}
	return !nc_attr_floats(rnn->node, "activation_alpha", &floats) &&
	       !nc_attr_floats(rnn->node, "activation_beta", &floats) &&
	       !running(rnn, 0);
}

/* How the directions run: joined, batched or one after the other. */
static void choose_lanes(const struct rnn *rnn, struct lane *lanes)
{
	int64_t bytes = 4 * rnn->gates * rnn->hidden * rnn->hidden * rnn->dirs *
			rnn->dirs;
	int i;

	for (i = 0; i < rnn->dirs; i++)
		lanes[i] = (struct lane) {
			.dir = i, .count = 1, .hidden = rnn->hidden,
		};
	if (rnn->dirs == 1 || !directions_alike(rnn))
		return;
	lanes[0].count = (int)rnn->dirs;
	if (bytes <= MAX_JOINED && nc_is_const(rnn->node->inputs[2]))
		lanes[0].hidden *= rnn->dirs;
	else
		lanes[0].batched = true;
}

void nc_decompose_rnn(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *h[2], *c[2];
	struct lane lanes[2];
	struct rnn rnn;
	int i, d;

	if (!get_rnn(b->ctx, node, &rnn))
		return;
	rnn.b = b;
	if (node->op == NC_OP_LSTM && nc_is_const(node->inputs[1]) &&
	    nc_is_const(node->inputs[2])) {
		/* i, f, o, c: those of one function, and what is multiplied. */
		rnn.order[1] = GATE_F;
		rnn.order[2] = GATE_O;
	}
	choose_lanes(&rnn, lanes);
	for (i = 0; i < rnn.dirs; i += lanes[i].count) {
		lanes[i].steps = nc_alloc(b->ctx->arena, (size_t)rnn.seq,
					  sizeof(*lanes[i].steps));
		unroll(&rnn, &lanes[i]);
		for (d = 0; d < lanes[i].count; d++) {
			h[i + d] = state_of(&rnn, &lanes[i], lanes[i].h, d);
			if (node->op == NC_OP_LSTM)
				c[i + d] = state_of(&rnn, &lanes[i],
						    lanes[i].c, d);
		}
	}
	if (nc_out(node, 0))
		put_steps(&rnn, node->outputs[0], lanes);
	put_state(&rnn, nc_out(node, 1), h);
	if (node->op == NC_OP_LSTM)
		put_state(&rnn, nc_out(node, 2), c);
}
