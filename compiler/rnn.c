// SPDX-License-Identifier: MIT
/*
 * RNN, GRU and LSTM, unrolled: a step is a handful of matrix products and
 * element-wise operators. The products with the inputs do not depend on the
 * state, so all steps share one. Formulas: ONNX's text on these operators.
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

struct rnn {
	struct nc_builder *b;
	struct nc_node *node;
	int64_t seq, batch, in, hidden, dirs;
	int gates;
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
	if (x->dtype != w->dtype || x->dtype != r->dtype ||
	    !nc_dtype_is_float(x->dtype)) {
		nc_error(ctx, node, "its inputs must be floats of one type");
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
	int count = rnn->node->op == NC_OP_LSTM ? 3 :
		    rnn->node->op == NC_OP_GRU ? 2 : 1;
	const char *name = act_name(rnn, dir * count + which);
	struct nc_ctx *ctx = rnn->b->ctx;
	struct nc_node *node;
	const float *floats;
	unsigned int i;

	if (!name)
		name = def;
	if (rnn->clip > 0)
		x = nc_build3(rnn->b, NC_OP_Clip, NULL, x,
			      nc_build_scalar(rnn->b, x->dtype, -rnn->clip),
			      nc_build_scalar(rnn->b, x->dtype, rnn->clip));
	for (i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (!strcasecmp(acts[i].name, name))
			break;
	if (i == sizeof(acts) / sizeof(acts[0])) {
		nc_error(ctx, rnn->node, "activation '%.20s' is not supported",
			 name);
		return x;
	}
	node = nc_node_new(ctx, rnn->node, acts[i].op, NULL, 1, x);
	/* One number per activation that takes one; models give all or none. */
	if (nc_attr_floats(rnn->node, "activation_alpha", &floats) >
	    (size_t)(dir * count + which))
		nc_set_attr_float(ctx, node, "alpha", floats[dir * count + which]);
	if (nc_attr_floats(rnn->node, "activation_beta", &floats) >
	    (size_t)(dir * count + which))
		nc_set_attr_float(ctx, node, "beta", floats[dir * count + which]);
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

/* Columns [gate * hidden, (gate + count) * hidden) of a matrix or vector. */
static struct nc_value *gate(const struct rnn *rnn, struct nc_value *x,
			     int first, int count)
{
	return nc_build_slice(rnn->b, NULL, x, x->rank - 1, first * rnn->hidden,
			      (first + count) * rnn->hidden);
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

/* A direction's weights, transposed to [in, gates * hidden]. */
static struct nc_value *weights(const struct rnn *rnn, struct nc_value *x,
				int dir)
{
	static const int64_t swap[] = { 1, 0 };

	return nc_build_transpose(rnn->b, NULL, of_direction(rnn, x, dir), swap);
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

/* What one direction needs in each step. */
struct direction {
	int dir;
	struct nc_value *r;		/* [hidden, gates * hidden] */
	struct nc_value *rb;		/* bias of the recurrence, where it is apart */
	struct nc_value *p;		/* peepholes [3 * hidden] */
	struct nc_value *h;
	struct nc_value *c;
};

/* Gates in the order i, o, f, c. */
static void step_lstm(const struct rnn *rnn, struct direction *d,
		      struct nc_value *x)
{
	bool couple = nc_attr_int(rnn->node, "input_forget", 0);
	struct nc_value *i, *o, *f, *c;

	x = add(rnn, nc_build2(rnn->b, NC_OP_MatMul, NULL, d->h, d->r), x);
	i = gate(rnn, x, 0, 1);
	f = gate(rnn, x, 2, 1);
	if (d->p) {
		i = add(rnn, i, mul(rnn, d->c, gate(rnn, d->p, 0, 1)));
		f = add(rnn, f, mul(rnn, d->c, gate(rnn, d->p, 2, 1)));
	}
	i = activate(rnn, d->dir, 0, "Sigmoid", i);
	if (couple)
		f = nc_build2(rnn->b, NC_OP_Sub, NULL,
			      nc_build_scalar(rnn->b, i->dtype, 1), i);
	else
		f = activate(rnn, d->dir, 0, "Sigmoid", f);
	c = activate(rnn, d->dir, 1, "Tanh", gate(rnn, x, 3, 1));
	d->c = add(rnn, mul(rnn, f, d->c), mul(rnn, i, c));
	o = gate(rnn, x, 1, 1);
	if (d->p)
		o = add(rnn, o, mul(rnn, d->c, gate(rnn, d->p, 1, 1)));
	o = activate(rnn, d->dir, 0, "Sigmoid", o);
	d->h = mul(rnn, o, activate(rnn, d->dir, 2, "Tanh", d->c));
}

/* Gates in the order z, r, h. */
static void step_gru(const struct rnn *rnn, struct direction *d,
		     struct nc_value *x)
{
	struct nc_value *z, *r, *n, *part;

	if (rnn->linear_before_reset) {
		/* One product for all gates; the reset gate scales its part. */
		part = nc_build2(rnn->b, NC_OP_MatMul, NULL, d->h, d->r);
		part = add(rnn, part, d->rb);
		z = add(rnn, gate(rnn, x, 0, 2), gate(rnn, part, 0, 2));
		z = activate(rnn, d->dir, 0, "Sigmoid", z);
		r = gate(rnn, z, 1, 1);
		n = mul(rnn, r, gate(rnn, part, 2, 1));
	} else {
		part = nc_build2(rnn->b, NC_OP_MatMul, NULL, d->h,
				 gate(rnn, d->r, 0, 2));
		z = add(rnn, gate(rnn, x, 0, 2), part);
		z = activate(rnn, d->dir, 0, "Sigmoid", z);
		r = gate(rnn, z, 1, 1);
		n = nc_build2(rnn->b, NC_OP_MatMul, NULL, mul(rnn, r, d->h),
			      gate(rnn, d->r, 2, 1));
	}
	z = gate(rnn, z, 0, 1);
	n = activate(rnn, d->dir, 1, "Tanh", add(rnn, gate(rnn, x, 2, 1), n));
	/* (1 - z) * n + z * h */
	part = nc_build2(rnn->b, NC_OP_Sub, NULL, d->h, n);
	d->h = add(rnn, n, mul(rnn, z, part));
}

static void step_rnn(const struct rnn *rnn, struct direction *d,
		     struct nc_value *x)
{
	x = add(rnn, nc_build2(rnn->b, NC_OP_MatMul, NULL, d->h, d->r), x);
	d->h = activate(rnn, d->dir, 0, "Tanh", x);
}

/*
 * The products of all steps with the input weights, and the biases that do not
 * need the state: [seq, batch, gates * hidden].
 */
static struct nc_value *input_part(const struct rnn *rnn, struct direction *d)
{
	static const int64_t perm[] = { 1, 0, 2 };
	int64_t flat[2] = { rnn->seq * rnn->batch, rnn->in };
	int64_t full[3] = { rnn->seq, rnn->batch, rnn->gates * rnn->hidden };
	struct nc_value *x = rnn->node->inputs[0], *bias, *w;

	if (rnn->layout)
		x = nc_build_transpose(rnn->b, NULL, x, perm);
	x = nc_build_reshape(rnn->b, NULL, x, 2, flat);
	w = weights(rnn, rnn->node->inputs[1], d->dir);
	x = nc_build2(rnn->b, NC_OP_MatMul, NULL, x, w);
	bias = of_direction(rnn, nc_in(rnn->node, 3), d->dir);
	if (bias) {
		d->rb = gate(rnn, bias, rnn->gates, rnn->gates);
		bias = gate(rnn, bias, 0, rnn->gates);
		if (!rnn->linear_before_reset || rnn->node->op != NC_OP_GRU) {
			bias = add(rnn, bias, d->rb);
			d->rb = NULL;
		}
		x = add(rnn, x, bias);
	}
	return nc_build_reshape(rnn->b, NULL, x, 3, full);
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

/* One direction: fills the outputs of all steps, [1, 1, batch, hidden] each. */
static void unroll(const struct rnn *rnn, struct direction *d,
		   struct nc_value **steps)
{
	const char *direction = nc_attr_string(rnn->node, "direction", "forward");
	bool reverse = d->dir || !strcmp(direction, "reverse");
	int64_t row[2] = { rnn->batch, rnn->gates * rnn->hidden };
	int64_t y[4] = { 1, 1, rnn->batch, rnn->hidden }, i;
	struct nc_value *all = input_part(rnn, d), *x, *h, *c, *on;

	d->r = weights(rnn, rnn->node->inputs[2], d->dir);
	d->p = of_direction(rnn, nc_in(rnn->node, 7), d->dir);
	d->h = initial(rnn, 5, d->dir);
	d->c = rnn->node->op == NC_OP_LSTM ? initial(rnn, 6, d->dir) : NULL;
	for (i = 0; i < rnn->seq; i++) {
		int64_t at = reverse ? rnn->seq - 1 - i : i;

		x = nc_build_slice(rnn->b, NULL, all, 0, at, at + 1);
		x = nc_build_reshape(rnn->b, NULL, x, 2, row);
		h = d->h;
		c = d->c;
		if (rnn->node->op == NC_OP_LSTM)
			step_lstm(rnn, d, x);
		else if (rnn->node->op == NC_OP_GRU)
			step_gru(rnn, d, x);
		else
			step_rnn(rnn, d, x);
		/* A sequence that has ended keeps its state and puts out zeros. */
		on = running(rnn, at);
		steps[at] = d->h;
		if (on) {
			steps[at] = nc_build3(rnn->b, NC_OP_Where, NULL, on, d->h,
					      nc_build_scalar(rnn->b, d->h->dtype, 0));
			d->h = nc_build3(rnn->b, NC_OP_Where, NULL, on, d->h, h);
			if (c)
				d->c = nc_build3(rnn->b, NC_OP_Where, NULL, on,
						 d->c, c);
		}
		steps[at] = nc_build_reshape(rnn->b, NULL, steps[at], 4, y);
	}
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

void nc_decompose_rnn(struct nc_builder *b)
{
	static const int64_t batch_first[] = { 2, 0, 1, 3 };
	struct direction directions[2] = { { .dir = 0 }, { .dir = 1 } };
	struct nc_node *node = b->like;
	struct nc_value *h[2], *c[2], *y[2], **steps;
	struct rnn rnn;
	int i;

	if (!get_rnn(b->ctx, node, &rnn))
		return;
	rnn.b = b;
	steps = nc_alloc(b->ctx->arena, (size_t)rnn.seq, sizeof(*steps));
	for (i = 0; i < rnn.dirs; i++) {
		unroll(&rnn, &directions[i], steps);
		h[i] = directions[i].h;
		c[i] = directions[i].c;
		if (nc_out(node, 0))
			y[i] = nc_build_concat(b, NULL, steps,
					       (unsigned int)rnn.seq, 0);
	}
	if (nc_out(node, 0) && rnn.layout) {
		y[0] = nc_build_concat(b, NULL, y, (unsigned int)rnn.dirs, 1);
		nc_build_transpose(b, node->outputs[0], y[0], batch_first);
	} else if (nc_out(node, 0)) {
		nc_build_concat(b, node->outputs[0], y, (unsigned int)rnn.dirs, 1);
	}
	put_state(&rnn, nc_out(node, 1), h);
	if (node->op == NC_OP_LSTM)
		put_state(&rnn, nc_out(node, 2), c);
}
