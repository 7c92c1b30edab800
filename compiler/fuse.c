// SPDX-License-Identifier: MIT
/*
 * Puts into matrix operations what their epilogue does for free: factors and
 * terms per channel (batch normalisation, bias), padding, and the activation.
 * Element-wise operators take an activation, too.
 *
 * A node is merged into the one that feeds it, which keeps its place unless it
 * then needs what is made later; so one sweep sees whole chains.
 */
#include <math.h>
#include <string.h>
#include "front.h"
#include "fuse.h"

static bool is_matrix_op(const struct nc_node *node)
{
	return node->op == NC_OP_Conv || node->op == NC_OP_ConvTranspose ||
	       node->op == NC_OP_MatMul;
}

static bool has_epilogue(const struct nc_node *node)
{
	switch (node->op) {
	case NC_OP_Add:
	case NC_OP_Sub:
	case NC_OP_Mul:
	case NC_OP_Div:
	case NC_OP_Max:
	case NC_OP_Min:
		return true;
	default:
		return is_matrix_op(node) || nc_is_real_integer_product(node);
	}
}

/* The node that makes a value for one user alone, if nothing follows it yet. */
static struct nc_node *open_maker(const struct nc_value *value)
{
	struct nc_node *node = value->producer;

	if (!node || value->num_uses != 1 || value->is_output ||
	    node->act != NEURON_ACT_IDENTITY || value->dtype != NC_F32)
		return NULL;
	return node;
}

/* Which dimension of a matrix operation's result is the channel. */
static int channel_axis(const struct nc_node *node)
{
	return node->op == NC_OP_MatMul ? node->outputs[0]->rank - 1 : 1;
}

bool nc_fuse_is_row(const struct nc_value *row, const struct nc_value *y, int axis)
{
	int i;

	if (row->rank > y->rank || axis < 0)
		return false;
	for (i = 0; i < row->rank; i++) {
		int at = y->rank - row->rank + i;

		if (row->dims[i] != 1 && (at != axis || row->dims[i] != y->dims[at]))
			return false;
	}
	return true;
}

/*
 * Whether a constant has one element per channel when broadcast to the result
 * (or one altogether), and does not make the result larger.
 */
static bool is_per_channel(const struct nc_value *c, const struct nc_node *node)
{
	return nc_is_const(c) && c->dtype == NC_F32 &&
	       nc_fuse_is_row(c, node->outputs[0], channel_axis(node));
}

/* Channel that element @i of the weights belongs to. */
static int64_t weight_channel(const struct nc_node *node, int64_t i)
{
	const struct nc_value *w = node->inputs[1];
	int64_t inner = 1;
	int d;

	if (node->op == NC_OP_MatMul)
		return i % w->dims[w->rank - 1];
	for (d = node->op == NC_OP_Conv ? 1 : 2; d < w->rank; d++)
		inner *= w->dims[d];
	i /= inner;
	return node->op == NC_OP_Conv ? i : i % w->dims[1];
}

static bool can_scale(const struct nc_node *node)
{
	const struct nc_value *w = node->inputs[1], *bias = nc_in(node, 2);

	if (!nc_is_const(w) || (bias && !nc_is_const(bias)))
		return false;
	/* Grouped ConvTranspose counts channels from anew in each group. */
	if (node->op == NC_OP_ConvTranspose)
		return nc_attr_int(node, "group", 1) == 1;
	return node->op != NC_OP_MatMul || w->rank > 1;
}

/* A copy of a constant, multiplied by a factor per channel. */
static struct nc_value *scaled(struct nc_ctx *ctx, const struct nc_node *node,
			       const struct nc_value *x,
			       const struct nc_value *factor, bool divide,
			       bool is_weight)
{
	struct nc_value *y = nc_value_like(ctx, x->name, x->dtype, x->rank, x->dims);
	int64_t n = nc_numel(x), count = nc_numel(factor), i;
	void *data = nc_fold_alloc(ctx, y);

	if (!data)
		return NULL;
	for (i = 0; i < n; i++) {
		int64_t channel = is_weight ? weight_channel(node, i) : i;
		double f = nc_const_double(factor, count == 1 ? 0 : channel);
		double v = nc_const_double(x, i);

		nc_put_double(y->dtype, data, i, divide ? v / f : v * f);
	}
	return y;
}

static bool fuse_factor(struct nc_ctx *ctx, struct nc_node *node,
			const struct nc_value *factor, bool divide)
{
	struct nc_value *w, *bias = NULL;

	if (!can_scale(node) || !is_per_channel(factor, node))
		return false;
	w = scaled(ctx, node, node->inputs[1], factor, divide, true);
	if (w && nc_in(node, 2))
		bias = scaled(ctx, node, node->inputs[2], factor, divide, false);
	if (!w || (nc_in(node, 2) && !bias))
		return false;
	node->inputs[1] = w;
	if (bias)
		node->inputs[2] = bias;
	return true;
}

static bool fuse_term(struct nc_ctx *ctx, struct nc_node *node,
		      const struct nc_value *term, bool subtract)
{
	const struct nc_value *old = nc_in(node, 2), *y = node->outputs[0];
	struct nc_value *bias, **inputs;
	int64_t n, i, count;
	void *data;

	if (!is_per_channel(term, node) || (old && !nc_is_const(old)))
		return false;
	/* Without a channel dimension of its own there is no bias. */
	if (node->op == NC_OP_MatMul && node->inputs[1]->rank < 2)
		return false;
	n = y->dims[channel_axis(node)];
	count = nc_numel(term);
	bias = nc_value_like(ctx, term->name, NC_F32, 1, &n);
	data = nc_fold_alloc(ctx, bias);
	if (!data)
		return false;
	for (i = 0; i < n; i++) {
		double x = nc_const_double(term, count == 1 ? 0 : i);

		x = subtract ? -x : x;
		nc_put_double(NC_F32, data, i,
			      x + (old ? nc_const_double(old, i) : 0));
	}
	inputs = nc_alloc(ctx->arena, 3, sizeof(*inputs));
	inputs[0] = node->inputs[0];
	inputs[1] = node->inputs[1];
	inputs[2] = bias;
	node->inputs = inputs;
	node->num_inputs = 3;
	return true;
}

/* The name of the layer tells all that is in it. */
static void join_layers(struct nc_ctx *ctx, struct nc_node *into,
			const struct nc_node *node)
{
	struct nc_graph *graph = ctx->graph;

	/* Parts of one operator of the model are one. */
	if (node->layer == into->layer || into->mark == (int)node->layer + 1)
		return;
	into->mark = (int)node->layer + 1;
	graph->layer_ops[into->layer] =
		nc_sprintf(ctx->arena, "%s+%s", graph->layer_ops[into->layer],
			   graph->layer_ops[node->layer]);
}

void nc_fuse_merge(struct nc_ctx *ctx, struct nc_node *into, struct nc_node *node)
{
	into->outputs[0] = node->outputs[0];
	into->outputs[0]->producer = into;
	join_layers(ctx, into, node);
}

/* Add, Sub, Mul, Div of a matrix operation's result and a constant. */
static bool fuse_binary(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int operand;

	for (operand = 0; operand < 2; operand++) {
		struct nc_value *other = node->inputs[!operand];
		struct nc_node *into = open_maker(node->inputs[operand]);
		bool done;

		if (!into || !is_matrix_op(into) || !nc_is_const(other))
			continue;
		if (!nc_same_shape(node->outputs[0], into->outputs[0]))
			continue;
		if (operand && node->op != NC_OP_Add && node->op != NC_OP_Mul)
			continue;
		if (node->op == NC_OP_Add || node->op == NC_OP_Sub)
			done = fuse_term(ctx, into, other, node->op == NC_OP_Sub);
		else
			done = fuse_factor(ctx, into, other, node->op == NC_OP_Div);
		if (!done)
			continue;
		nc_fuse_merge(ctx, into, node);
		return true;
	}
	return false;
}

/* How far back the product is looked for whose row something is added to. */
#define ROW_WINDOW	32

bool nc_fuse_behind(struct nc_node **nodes, unsigned int n, struct nc_node *into)
{
	unsigned int i;

	for (i = n; i > 0 && n - i < ROW_WINDOW; i--)
		if (nodes[i - 1] == into)
			break;
	if (!i || nodes[i - 1] != into)
		return false;
	memmove(&nodes[i - 1], &nodes[i], (n - i) * sizeof(*nodes));
	nodes[n - 1] = into;
	return true;
}

/*
 * A product with one row takes any row of numbers as its bias, as in the steps
 * of a recurrence. It moves behind what makes that row: @nodes are those kept so
 * far, @n of them.
 */
static bool fuse_row(struct nc_ctx *ctx, struct nc_node *node,
		     struct nc_node **nodes, unsigned int n)
{
	unsigned int operand;

	for (operand = 0; operand < 2; operand++) {
		struct nc_value *row = node->inputs[!operand];
		struct nc_node *into = open_maker(node->inputs[operand]);
		struct nc_value **inputs, *y = node->outputs[0];

		if (!into || into->op != NC_OP_MatMul || nc_in(into, 2) ||
		    row->dtype != NC_F32 || row->rank < 1 ||
		    into->inputs[1]->rank < 2 ||
		    !nc_same_shape(y, into->outputs[0]) ||
		    nc_numel(y) != y->dims[y->rank - 1] ||
		    nc_numel(row) != nc_numel(y) ||
		    row->dims[row->rank - 1] != nc_numel(y))
			continue;
		if (!nc_fuse_behind(nodes, n, into))
			continue;
		inputs = nc_alloc(ctx->arena, 3, sizeof(*inputs));
		inputs[0] = into->inputs[0];
		inputs[1] = into->inputs[1];
		inputs[2] = row;
		into->inputs = inputs;
		into->num_inputs = 3;
		nc_fuse_merge(ctx, into, node);
		return true;
	}
	return false;
}

/*
 * A number times a product of two intermediates is part of its function: the
 * scale of attention scores.
 */
static bool fuse_scale(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int operand;
	double number;

	for (operand = 0; operand < 2; operand++) {
		struct nc_value *factor = node->inputs[!operand];
		struct nc_node *into = open_maker(node->inputs[operand]);

		if (!into || into->op != NC_OP_MatMul || !nc_is_const(factor) ||
		    factor->dtype != NC_F32 || !nc_const_splat(factor, &number) ||
		    !isfinite(number) ||
		    !nc_same_shape(node->outputs[0], into->outputs[0]))
			continue;
		if (node->op == NC_OP_Div) {
			/* As a factor it is exact for powers of two. */
			if (operand || frexp(fabs(number), &(int){ 0 }) != 0.5)
				continue;
			number = 1 / number;
		}
		into->act = NEURON_ACT_AFFINE;
		into->act_alpha = number;
		into->act_beta = 0;
		nc_fuse_merge(ctx, into, node);
		return true;
	}
	return false;
}

/* A function of one input: its own, one fused onto a copy, PRelu of a number. */
static bool function_of(const struct nc_node *node, enum neuron_act *act,
			float *alpha, float *beta)
{
	double slope;

	switch (node->op) {
	case NC_OP_Identity:
		*act = node->act;
		*alpha = node->act_alpha;
		*beta = node->act_beta;
		break;
	case NC_OP_PRelu:
		if (!nc_const_splat(node->inputs[1], &slope) ||
		    !nc_same_shape(node->inputs[0], node->outputs[0]))
			return false;
		*act = NEURON_ACT_LEAKY_RELU;
		*alpha = slope;
		*beta = 0;
		break;
	default:
		return nc_unary_act(node, act, alpha, beta);
	}
	return *act != NEURON_ACT_IDENTITY && !isnan(*alpha) && !isnan(*beta);
}

/* Past operators that only move elements, each for one user alone. */
static struct nc_value *before_moves(struct nc_value *value)
{
	while (value->producer && value->num_uses == 1 && !value->is_output &&
	       (value->producer->op == NC_OP_Reshape ||
		value->producer->op == NC_OP_Transpose) &&
	       value->producer->act == NEURON_ACT_IDENTITY)
		value = value->producer->inputs[0];
	return value;
}

static bool fuse_act(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *x = before_moves(node->inputs[0]);
	struct nc_node *into;
	enum neuron_act act;
	float alpha, beta;

	if (!function_of(node, &act, &alpha, &beta))
		return false;
	/* What is moved before the function need not be moved for it. */
	if (x != node->inputs[0] && node->outputs[0]->is_output)
		return false;
	into = open_maker(x);
	if (!into || !has_epilogue(into))
		return false;
	into->act = act;
	into->act_alpha = alpha;
	into->act_beta = beta;
	if (x == node->inputs[0]) {
		nc_fuse_merge(ctx, into, node);
	} else {
		join_layers(ctx, into, node);
		nc_alias(node->outputs[0], node->inputs[0]);
	}
	return true;
}

/*
 * A factor of a product of two intermediates is part of its function, wherever
 * it was applied: the scale of attention's queries, or half of it to the keys.
 */
static void fuse_factors(struct nc_ctx *ctx, struct nc_node *node)
{
	double scale = 1;
	int i, found = 0;

	if (node->act != NEURON_ACT_IDENTITY || nc_in(node, 2) ||
	    node->outputs[0]->dtype != NC_F32)
		return;
	for (i = 0; i < 2; i++)
		if (nc_is_const(node->inputs[i]))
			return;
	for (i = 0; i < 2; i++) {
		struct nc_value *value = before_moves(node->inputs[i]);
		struct nc_node *mul = value->producer;
		double number;
		int j;

		if (!mul || mul->op != NC_OP_Mul || value->num_uses != 1 ||
		    value->is_output || mul->act != NEURON_ACT_IDENTITY)
			continue;
		for (j = 0; j < 2; j++) {
			if (!nc_is_const(mul->inputs[j]) ||
			    !nc_const_splat(mul->inputs[j], &number) ||
			    !isfinite(number) ||
			    !nc_same_shape(mul->inputs[!j], value))
				continue;
			scale *= number;
			join_layers(ctx, node, mul);
			nc_alias(value, mul->inputs[!j]);
			found++;
			break;
		}
	}
	if (!found)
		return;
	node->act = NEURON_ACT_AFFINE;
	node->act_alpha = scale;
	node->act_beta = 0;
}

/*
 * A Pad in front of a convolution, or in front of a Transpose there. @perm: receives
 * the Transpose's order, or none. Return: the Pad, nobody else's, or NULL.
 */
static struct nc_node *pad_before(struct nc_ctx *ctx, const struct nc_node *node,
				  struct nc_node **transpose, int *perm)
{
	struct nc_node *pad = node->inputs[0]->producer;
	int i;

	*transpose = NULL;
	for (i = 0; i < node->inputs[0]->rank; i++)
		perm[i] = i;
	if (pad && pad->op == NC_OP_Transpose && pad->outputs[0]->num_uses == 1 &&
	    !pad->outputs[0]->is_output && pad->act == NEURON_ACT_IDENTITY) {
		*transpose = pad;
		if (!nc_transpose_perm(ctx, pad, perm))
			return NULL;
		pad = pad->inputs[0]->producer;
	}
	if (!pad || pad->op != NC_OP_Pad || pad->outputs[0]->num_uses != 1 ||
	    pad->outputs[0]->is_output || pad->act != NEURON_ACT_IDENTITY ||
	    strcmp(nc_attr_string(pad, "mode", "constant"), "constant"))
		return NULL;
	return pad;
}

void nc_fuse_pad(struct nc_ctx *ctx, struct nc_node *node, double zero)
{
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK], pads[2 * NC_MAX_RANK];
	struct nc_node *transpose, *pad;
	struct nc_window window;
	int i, n, perm[NC_MAX_RANK];
	double value = 0;

	pad = pad_before(ctx, node, &transpose, perm);
	if (!pad)
		return;
	if (nc_in(pad, 2) && !nc_const_splat(pad->inputs[2], &value))
		return;
	if (value != zero || !nc_pad_amounts(ctx, pad, before, after) ||
	    nc_window(node, &window))
		return;
	if (before[perm[0]] || after[perm[0]] || before[perm[1]] ||
	    after[perm[1]])
		return;
	n = window.num_spatial;
	for (i = 0; i < n; i++) {
		int from = perm[2 + i];

		pads[i] = window.pad_lo[i] + before[from];
		pads[n + i] = window.pad_hi[i] + after[from];
		if (before[from] < 0 || after[from] < 0 ||
		    pads[i] > INT16_MAX || pads[n + i] > INT16_MAX)
			return;
	}
	if (transpose) {
		struct nc_value *out = transpose->outputs[0];

		transpose->inputs[0] = pad->inputs[0];
		for (i = 0; i < out->rank; i++)
			out->dims[i] = pad->inputs[0]->dims[perm[i]];
	} else {
		node->inputs[0] = pad->inputs[0];
	}
	nc_set_attr_ints(ctx, node, "pads", pads, (size_t)n * 2);
	nc_set_attr_string(ctx, node, "auto_pad", "NOTSET");
	join_layers(ctx, node, pad);
}

/*
 * @nodes: those kept so far, @n of them. Return: true when the node went into
 * another.
 */
static bool fuse(struct nc_ctx *ctx, struct nc_node *node,
		 struct nc_node **nodes, unsigned int n)
{
	switch (node->op) {
	case NC_OP_Conv:
		nc_fuse_pad(ctx, node, 0);
		return false;
	case NC_OP_MatMul:
		fuse_factors(ctx, node);
		return false;
	case NC_OP_Add:
		return fuse_binary(ctx, node) || fuse_row(ctx, node, nodes, n) ||
		       nc_fuse_integer(ctx, node, nodes, n);
	case NC_OP_Mul:
		return fuse_binary(ctx, node) || fuse_scale(ctx, node) ||
		       nc_fuse_integer(ctx, node, nodes, n);
	case NC_OP_Div:
		return fuse_binary(ctx, node) || fuse_scale(ctx, node);
	case NC_OP_Cast:
		return nc_fuse_integer(ctx, node, nodes, n);
	case NC_OP_Sub:
		return fuse_binary(ctx, node);
	default:
		return fuse_act(ctx, node);
	}
}

void nc_fuse(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i, n = 0;

	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
	for (i = 0; i < graph->num_nodes; i++)
		if (!fuse(ctx, graph->nodes[i], graph->nodes, n))
			graph->nodes[n++] = graph->nodes[i];
	graph->num_nodes = n;
	nc_graph_update(ctx);
}
