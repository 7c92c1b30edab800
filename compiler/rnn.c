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
#include <string.h>
#include <strings.h>
#include "rnn.h"

/* Beyond this an unrolled program gets too long. */
#define MAX_STEPS	4096

/* Bytes of recurrence weights up to which directions share one product. */
#define MAX_JOINED	(64 << 10)

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

/* Bytes have a scale, and may have a zero point: one of a direction, or one of a column. */
static bool has_scale(const struct rnn *rnn, unsigned int weights, unsigned int input,
		      int64_t states)
{
	const struct nc_value *w = rnn->node->inputs[weights];
	const struct nc_value *scale = nc_in(rnn->node, input);
	const struct nc_value *zero = nc_in(rnn->node, input + 1);

	return (w->dtype == NC_U8 || w->dtype == NC_I8) && scale && scale->dtype == NC_F32 &&
	       (nc_numel(scale) == rnn->dirs || nc_numel(scale) == rnn->dirs * states) &&
	       (!zero || (zero->dtype == w->dtype && nc_numel(zero) == nc_numel(scale)));
}

static bool get_rnn(struct nc_ctx *ctx, struct nc_node *node, struct rnn *rnn)
{
	const char *direction = nc_attr_string(node, "direction", "forward");
	const struct nc_value *x, *w, *r;
	int64_t states;
	bool bytes;

	if (!nc_need(ctx, node, 3, node->op == NC_OP_LSTM ? 12 : 6))
		return false;
	bytes = nc_in(node, RNN_W_SCALE);
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
		.hidden = r->dims[bytes ? 1 : 2], .in = x->dims[2], .bytes = bytes,
		.dirs = strcmp(direction, "bidirectional") ? 1 : 2,
	};
	for (int i = 0; i < 4; i++)
		rnn->order[i] = i;
	rnn->seq = x->dims[rnn->layout];
	rnn->batch = x->dims[!rnn->layout];
	states = rnn->gates * rnn->hidden;
	if (!has_shape(w, 3, rnn->dirs, bytes ? rnn->in : states, bytes ? states : rnn->in) ||
	    !has_shape(r, 3, rnn->dirs, bytes ? rnn->hidden : states,
		       bytes ? states : rnn->hidden) ||
	    (bytes && !(has_scale(rnn, 1, RNN_W_SCALE, states) &&
			has_scale(rnn, 2, RNN_R_SCALE, states))) ||
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
		/* The lengths have a type of their own, and bytes. */
		if (!node->inputs[i] || i == 4 || (bytes && (i == 1 || i == 2 || i > 7)))
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
	/* What depends on data is not unrolled. */
	if (rnn->seq > MAX_STEPS && !x->open) {
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

/* A direction's part of a lane's state: [batch, hidden]. */
static struct nc_value *state_of(const struct rnn *rnn, const struct lane *lane,
				 struct nc_value *state, int d)
{
	int64_t dims[2] = { rnn->batch, rnn->hidden };

	if (lane->count == 1)
		return state;
	state = lane->batched ?
		nc_build_slice(rnn->b, NULL, state, 0, d, d + 1) :
		nc_rnn_columns(rnn, state, rnn->hidden, d, 1);
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
				 nc_rnn_columns(rnn, all, rnn->hidden, d, 1);
		y[dir] = nc_build_reshape(rnn->b, NULL, y[dir], 4, dims);
		if (nc_rnn_backwards(rnn, dir))
			y[dir] = nc_rnn_reversed(rnn, y[dir]);
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
	int count = nc_rnn_acts(rnn->node->op), i;
	const float *floats;

	for (i = 0; i < count; i++) {
		const char *a = nc_rnn_act_name(rnn, i), *b = nc_rnn_act_name(rnn, count + i);

		if (!a != !b || (a && strcasecmp(a, b)))
			return false;
	}
	return !nc_attr_floats(rnn->node, "activation_alpha", &floats) &&
	       !nc_attr_floats(rnn->node, "activation_beta", &floats) &&
	       !nc_rnn_running(rnn, 0);
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
	if (rnn->dirs == 1 || rnn->bytes || !directions_alike(rnn))
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
		nc_rnn_unroll(&rnn, &lanes[i]);
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
