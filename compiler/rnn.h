/* SPDX-License-Identifier: MIT */
/*
 * RNN, GRU and LSTM: rnn.c says what they are and puts their outputs together,
 * rnn_lane.c unrolls them.
 *
 * An LSTM can have four inputs more, the scale and the zero point of its weights and of
 * those of the recurrence. These are bytes then, [dirs, in, 4 * hidden], and what they are
 * multiplied with is quantized for each product.
 */
#ifndef COMPILER_RNN_H
#define COMPILER_RNN_H

#include "decompose.h"

/* Inputs of an LSTM of bytes. */
enum { RNN_W_SCALE = 8, RNN_W_ZERO, RNN_R_SCALE, RNN_R_ZERO };

/* Gates by name: their places in a step's columns are in struct rnn. */
enum { GATE_I, GATE_O, GATE_F, GATE_C };

struct rnn {
	struct nc_builder *b;
	struct nc_node *node;
	int64_t seq, batch, in, hidden, dirs;
	int gates;
	int order[4];		/* gate of the model that is at each place */
	bool bytes;
	bool layout;
	bool linear_before_reset;
	float clip;
};

/**
 * struct lane - a recurrence: a direction, or two side by side
 * @dir: the first direction
 * @count: how many directions
 * @batched: they are a leading dimension of the values below
 * @hidden: columns of a gate
 * @x: [seq, batch, gates * hidden], or [count, seq, batch, gates * hidden]: what
 *     the steps get from the inputs, in the order in which they run
 * @r: weights of the recurrence [hidden, gates * hidden]
 * @r_scale: of bytes
 * @r_zero: the same, or NULL
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
	struct nc_value *r_scale;
	struct nc_value *r_zero;
	struct nc_value *parts[2];
	struct nc_value *rb;
	struct nc_value *p;
	struct nc_value *h;
	struct nc_value *c;
	struct nc_value **steps;
};

/* Which of the activations attribute's names; NULL for the default. */
const char *nc_rnn_act_name(const struct rnn *rnn, int which);
/* Activations of a direction. */
int nc_rnn_acts(enum nc_op op);
/* Whether a direction starts at the end. */
bool nc_rnn_backwards(const struct rnn *rnn, int dir);
/* Which sequences are still running at a step: [batch, 1]; NULL: all. */
struct nc_value *nc_rnn_running(const struct rnn *rnn, int64_t step);
/* Columns [first * width, (first + count) * width) of the last dimension. */
struct nc_value *nc_rnn_columns(const struct rnn *rnn, struct nc_value *x,
				int64_t width, int first, int count);
/* Backwards in time, the first dimension. */
struct nc_value *nc_rnn_reversed(const struct rnn *rnn, struct nc_value *x);
/* All steps of a lane; its dir, count, batched, hidden and room for steps are set. */
void nc_rnn_unroll(const struct rnn *rnn, struct lane *lane);

#endif /* COMPILER_RNN_H */
