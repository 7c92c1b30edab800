// SPDX-License-Identifier: MIT
/*
 * If, Loop, Scan and calls of functions: what they would run takes their place.
 *
 * Where the number of turns is known a loop is unrolled. A condition that is
 * only known while the model runs selects: both branches of an If are computed,
 * and the turns of a Loop up to its greatest number.
 */
#include <string.h>
#include "decompose.h"
#include "host.h"

/* Beyond this many turns an unrolled program gets too long. */
#define MAX_TURNS	4096

static struct nc_builder builder(struct nc_ctx *ctx, struct nc_node *node)
{
	return (struct nc_builder) { .ctx = ctx, .list = ctx->list, .like = node };
}

static struct nc_graph *graph_of(struct nc_ctx *ctx, const struct nc_node *node,
				 const char *name)
{
	const struct nc_attr *attr = nc_attr(node, name);

	if (attr && attr->kind == NC_ATTR_GRAPH)
		return attr->graph;
	nc_error(ctx, node, "it has no graph '%s'", name);
	return NULL;
}

/* An input of a body is a value from outside; NULL: it is not there. */
static void bind(struct nc_graph *body, unsigned int input, struct nc_value *value)
{
	if (value)
		nc_alias(body->inputs[input], value);
	else
		body->inputs[input]->absent = true;
}

static struct nc_value *output_of(const struct nc_graph *body, unsigned int i)
{
	struct nc_value *value = nc_resolve(body->outputs[i]);

	return value->absent ? NULL : value;
}

/* A call of one of the model's own functions; its body is the attribute. */
bool nc_infer_function_call(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_graph *body = graph_of(ctx, node, "body");
	unsigned int i;

	if (!body)
		return false;
	if (node->num_inputs > body->num_inputs ||
	    node->num_outputs > body->num_outputs) {
		nc_error(ctx, node, "its function has %u inputs and %u outputs",
			 body->num_inputs, body->num_outputs);
		return false;
	}
	for (i = 0; i < body->num_inputs; i++)
		bind(body, i, nc_in(node, i));
	nc_infer_nodes(ctx, body);
	for (i = 0; i < node->num_outputs; i++)
		nc_become(node, i, output_of(body, i));
	return true;
}

/* A condition as one boolean of rank 0. */
static struct nc_value *scalar(struct nc_builder *b, struct nc_value *cond)
{
	if (cond->dtype != NC_BOOL)
		cond = nc_build_cast(b, NULL, cond, NC_BOOL);
	return nc_build_reshape(b, NULL, cond, 0, NULL);
}

static bool alike(const struct nc_value *a, const struct nc_value *b)
{
	return a && b && !a->is_sequence && !b->is_sequence && a->dtype == b->dtype &&
	       nc_same_shape(a, b) && !a->open && !b->open;
}

/*
 * Whether a value follows from inputs that are single integers: settings, such as
 * a sampling rate, rather than data.
 */
static bool is_setting(const struct nc_value *value, int depth)
{
	unsigned int i;

	if (nc_is_const(value))
		return true;
	if (value->is_input)
		return (value->dtype == NC_I64 || value->dtype == NC_I32) &&
		       value->rank >= 0 && nc_numel(value) == 1;
	if (!value->producer || !depth)
		return false;
	for (i = 0; i < value->producer->num_inputs; i++) {
		const struct nc_value *x = nc_resolve(value->producer->inputs[i]);

		if (x && !is_setting(x, depth - 1))
			return false;
	}
	return true;
}

/* A branch by itself: its nodes become the graph's. */
static void infer_branch(struct nc_ctx *ctx, struct nc_graph *graph)
{
	struct nc_node_list *around = ctx->list, list = { 0 };

	ctx->list = &list;
	nc_infer_nodes(ctx, graph);
	ctx->list = around;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
}

/* The branch is what the model does, or is done in any case. */
static void join_branch(struct nc_ctx *ctx, struct nc_graph *graph)
{
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++)
		nc_node_list_add(ctx, ctx->list, graph->nodes[i]);
}

static bool all_alike(const struct nc_node *node, struct nc_graph *const *graphs)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++)
		if (!alike(output_of(graphs[0], i), output_of(graphs[1], i)))
			return false;
	return true;
}

bool nc_infer_if(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i, k, first = 0, last = 1, errors = ctx->diag.count;
	struct nc_builder b = builder(ctx, node);
	struct nc_graph *graphs[2];
	struct nc_value *cond;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	cond = node->inputs[0];
	if (nc_numel(cond) != 1) {
		nc_error(ctx, node, "its condition is not a single value");
		return false;
	}
	if (nc_is_const(cond)) {
		first = nc_const_int(cond, 0) ? 1 : 0;
		last = first;
	}
	for (k = first; k <= last; k++) {
		graphs[k] = graph_of(ctx, node, k ? "then_branch" : "else_branch");
		if (!graphs[k])
			return false;
		if (graphs[k]->num_inputs ||
		    graphs[k]->num_outputs < node->num_outputs) {
			nc_error(ctx, node, "its branch has other outputs than the node");
			return false;
		}
	}
	for (k = first; k <= last; k++)
		infer_branch(ctx, graphs[k]);
	if (first == last) {
		join_branch(ctx, graphs[first]);
		for (i = 0; i < node->num_outputs; i++)
			nc_become(node, i, output_of(graphs[first], i));
		return true;
	}
	if (ctx->diag.count != errors) {
		/* One branch alone may be good. */
		if (is_setting(cond, 8))
			nc_need_const(ctx, node, cond, "condition");
		else
			nc_mark_needed(ctx, cond);
		return false;
	}
	/* Computing both branches for what is set once would be a waste. */
	if (is_setting(cond, 8)) {
		nc_mark_needed(ctx, cond);
		return nc_infer_host_if(ctx, node, graphs);
	}
	if (!all_alike(node, graphs))
		return nc_infer_host_if(ctx, node, graphs);
	for (k = first; k <= last; k++)
		join_branch(ctx, graphs[k]);
	for (i = 0; i < node->num_outputs; i++)
		nc_become(node, i, nc_build3(&b, NC_OP_Where, NULL, scalar(&b, cond),
					     output_of(graphs[1], i), output_of(graphs[0], i)));
	return true;
}

/* Values of all turns, one behind the other along a new axis. */
static struct nc_value *stacked(struct nc_builder *b, struct nc_value **values,
				unsigned int n, int64_t at, bool reverse)
{
	struct nc_value **parts = nc_alloc(b->ctx->arena, n, sizeof(*parts));
	int64_t dims[NC_MAX_RANK];
	int axis, rank, d;
	unsigned int i;

	rank = values[0]->rank;
	if (rank + 1 > NC_MAX_RANK || !nc_axis(b->ctx, b->like, at, rank + 1, &axis))
		return NULL;
	for (i = 0; i < n; i++) {
		if (values[i]->rank != rank)
			return NULL;
		for (d = 0; d <= rank; d++)
			dims[d] = d == axis ? 1 : values[i]->dims[d - (d > axis)];
		parts[reverse ? n - 1 - i : i] =
			nc_build_reshape(b, NULL, values[i], rank + 1, dims);
	}
	return nc_build_concat(b, NULL, parts, n, axis);
}

/* What a body without turns would have put out: nothing, of a known shape. */
static void no_turns(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		     const struct nc_value *like)
{
	int64_t dims[NC_MAX_RANK] = { 0 };

	if (!nc_out(node, output) || !like || like->rank < 0 ||
	    like->rank >= NC_MAX_RANK)
		return;
	memcpy(dims + 1, like->dims, (size_t)like->rank * sizeof(*dims));
	nc_set_shape(ctx, node, output, like->dtype, like->rank + 1, dims);
}

/**
 * struct loop - a Loop being unrolled
 * @body: its body, not inferred itself
 * @turns: at most so many
 * @bounded: @turns is what the model says, not this file
 * @carried: states, as they are
 * @num_carried: entries of @carried
 * @scans: by turn: values to stack
 * @num_scans: of each turn
 * @cond: the condition; NULL: true
 * @running: known only while the model runs: whether it still goes on
 */
struct loop {
	struct nc_graph *body;
	int64_t turns;
	bool bounded;
	struct nc_value **carried;
	unsigned int num_carried;
	struct nc_value **scans;
	unsigned int num_scans;
	struct nc_value *cond;
	struct nc_value *running;
};

static bool get_loop(struct nc_ctx *ctx, struct nc_node *node, struct loop *loop)
{
	struct nc_value *count = nc_in(node, 0);
	unsigned int i;

	memset(loop, 0, sizeof(*loop));
	loop->body = graph_of(ctx, node, "body");
	if (!loop->body)
		return false;
	if (loop->body->num_inputs < 2 ||
	    loop->body->num_outputs < loop->body->num_inputs - 1 ||
	    node->num_inputs > loop->body->num_inputs ||
	    node->num_outputs > loop->body->num_outputs - 1) {
		nc_error(ctx, node, "its body has other inputs or outputs than the node");
		return false;
	}
	loop->num_carried = loop->body->num_inputs - 2;
	loop->num_scans = loop->body->num_outputs - 1 - loop->num_carried;
	loop->carried = nc_alloc(ctx->arena, loop->num_carried, sizeof(*loop->carried));
	for (i = 0; i < loop->num_carried; i++)
		loop->carried[i] = nc_in(node, 2 + i);
	loop->turns = MAX_TURNS + 1;
	if (count && !nc_is_const(count)) {
		nc_need_const(ctx, node, count, "number of turns");
		return false;
	}
	if (count && nc_numel(count) == 1) {
		loop->turns = nc_const_int(count, 0);
		loop->bounded = true;
	}
	loop->cond = nc_in(node, 1);
	if (loop->turns > MAX_TURNS && loop->bounded && loop->turns < INT32_MAX) {
		nc_error(ctx, node, "it has %lld turns; at most %d are supported",
			 (long long)loop->turns, MAX_TURNS);
		return false;
	}
	return true;
}

/* Looks at the condition. Return: 1: another turn, 0: none, -1 after nc_error(). */
static int goes_on(struct nc_builder *b, struct loop *loop)
{
	if (!loop->cond)
		return 1;
	if (loop->cond->rank < 0)
		return -1;
	if (nc_is_const(loop->cond))
		return nc_numel(loop->cond) == 1 && nc_const_int(loop->cond, 0);
	if (!loop->bounded || loop->turns > MAX_TURNS || loop->num_scans) {
		nc_need_const(b->ctx, b->like, loop->cond,
			      "condition, which decides how often it turns,");
		return -1;
	}
	loop->cond = scalar(b, loop->cond);
	if (loop->running)
		loop->running = nc_build2(b, NC_OP_And, NULL, loop->running,
					  loop->cond);
	else
		loop->running = loop->cond;
	return 1;
}

/* One turn. Return: false after nc_error(). */
static bool turn(struct nc_builder *b, struct loop *loop, int64_t number)
{
	struct nc_graph *body = nc_graph_copy(b->ctx, loop->body);
	unsigned int errors = b->ctx->diag.count, i;

	bind(body, 0, nc_build_scalar(b, NC_I64, (double)number));
	bind(body, 1, loop->cond ? loop->cond : nc_build_scalar(b, NC_BOOL, 1));
	for (i = 0; i < loop->num_carried; i++)
		bind(body, 2 + i, loop->carried[i]);
	nc_infer_nodes(b->ctx, body);
	if (b->ctx->diag.count != errors)
		return false;
	for (i = 0; i < loop->num_carried; i++) {
		struct nc_value *value = output_of(body, 1 + i);

		if (loop->running) {
			if (!alike(value, loop->carried[i])) {
				nc_need_const(b->ctx, b->like, loop->cond,
					      "condition, which decides the shape of what it carries,");
				return false;
			}
			value = nc_build3(b, NC_OP_Where, NULL, loop->running, value,
					  loop->carried[i]);
		}
		loop->carried[i] = value;
	}
	for (i = 0; i < loop->num_scans; i++) {
		struct nc_value *value = output_of(body, 1 + loop->num_carried + i);

		if (!value || value->is_sequence || value->rank < 0) {
			nc_error(b->ctx, b->like, "what it collects is no tensor");
			return false;
		}
		loop->scans[number * loop->num_scans + i] = value;
	}
	loop->cond = output_of(body, 0);
	return true;
}

/* Shapes of what is collected, when there was no turn to collect it in. */
static void collect_nothing(struct nc_builder *b, struct loop *loop)
{
	struct nc_node_list nowhere = { 0 }, *list = b->ctx->list;
	unsigned int i;

	b->ctx->list = &nowhere;
	b->list = &nowhere;
	loop->scans = nc_alloc(b->ctx->arena, loop->num_scans, sizeof(*loop->scans));
	loop->running = NULL;
	if (turn(b, loop, 0))
		for (i = 0; i < loop->num_scans; i++)
			no_turns(b->ctx, b->like, loop->num_carried + i, loop->scans[i]);
	b->ctx->list = list;
	b->list = list;
}

bool nc_infer_loop(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_value **column;
	struct loop loop;
	unsigned int i;
	int64_t n, k;
	int go = 1;

	if (!get_loop(ctx, node, &loop))
		return false;
	loop.scans = nc_alloc(ctx->arena, (size_t)(loop.bounded && loop.turns < MAX_TURNS ?
						   (loop.turns > 0 ? loop.turns : 0) :
						   MAX_TURNS) * loop.num_scans,
			      sizeof(*loop.scans));
	for (n = 0; n < loop.turns; n++) {
		go = goes_on(&b, &loop);
		if (go <= 0)
			break;
		if (n == MAX_TURNS) {
			nc_error(ctx, node, "it does not end within %d turns", MAX_TURNS);
			return false;
		}
		if (!turn(&b, &loop, n))
			return false;
	}
	if (go < 0)
		return false;
	for (i = 0; i < loop.num_carried; i++)
		nc_become(node, i, loop.carried[i]);
	if (!n && loop.num_scans) {
		collect_nothing(&b, &loop);
		return true;
	}
	column = nc_alloc(ctx->arena, (size_t)n, sizeof(*column));
	for (i = 0; i < loop.num_scans; i++) {
		for (k = 0; k < n; k++)
			column[k] = loop.scans[k * loop.num_scans + i];
		if (!nc_out(node, loop.num_carried + i))
			continue;
		column[0] = stacked(&b, column, (unsigned int)n, 0, false);
		if (!column[0]) {
			nc_error(ctx, node, "what it collects is of different shapes");
			return false;
		}
		nc_become(node, loop.num_carried + i, column[0]);
	}
	return true;
}

/* Element @i of @x along an axis, without that axis. */
static struct nc_value *element(struct nc_builder *b, struct nc_value *x, int axis,
				int64_t i)
{
	int64_t dims[NC_MAX_RANK];
	int d, n = 0;

	for (d = 0; d < x->rank; d++)
		if (d != axis)
			dims[n++] = x->dims[d];
	if (x->dims[axis] != 1)
		x = nc_build_slice(b, NULL, x, axis, i, i + 1);
	return nc_build_reshape(b, NULL, x, n, dims);
}

static int64_t int_at(const struct nc_node *node, const char *name, unsigned int i)
{
	const int64_t *ints;

	return nc_attr_ints(node, name, &ints) > i ? ints[i] : 0;
}

/**
 * struct scan - a Scan being unrolled
 * @body: its body, not inferred itself
 * @states: as they are
 * @num_states: entries of @states
 * @inputs: what it walks along
 * @num_inputs: entries of @inputs
 * @outputs: what it has put together
 * @num_outputs: entries of @outputs
 * @in_directions, @out_directions: names of attributes
 */
struct scan {
	struct nc_graph *body;
	struct nc_value **states;
	unsigned int num_states;
	struct nc_value **inputs;
	unsigned int num_inputs;
	struct nc_value **outputs;
	unsigned int num_outputs;
	const char *in_directions;
	const char *out_directions;
};

static bool run_scan(struct nc_builder *b, struct scan *scan)
{
	struct nc_node *node = b->like;
	struct nc_value **values, **column;
	unsigned int i, errors = b->ctx->diag.count;
	int64_t turns = -1, n;
	int *axes;

	axes = nc_alloc(b->ctx->arena, scan->num_inputs, sizeof(*axes));
	for (i = 0; i < scan->num_inputs; i++) {
		struct nc_value *x = scan->inputs[i];

		if (!nc_axis(b->ctx, node, int_at(node, "scan_input_axes", i), x->rank,
			     &axes[i]))
			return false;
		if (turns >= 0 && turns != x->dims[axes[i]]) {
			nc_error(b->ctx, node, "its inputs are of different lengths");
			return false;
		}
		turns = x->dims[axes[i]];
	}
	if (turns < 1 || turns > MAX_TURNS) {
		nc_error(b->ctx, node, "it has %lld turns; 1 to %d are supported",
			 (long long)turns, MAX_TURNS);
		return false;
	}
	values = nc_alloc(b->ctx->arena, (size_t)turns * scan->num_outputs,
			  sizeof(*values));
	for (n = 0; n < turns; n++) {
		struct nc_graph *body = nc_graph_copy(b->ctx, scan->body);

		for (i = 0; i < scan->num_states; i++)
			bind(body, i, scan->states[i]);
		for (i = 0; i < scan->num_inputs; i++) {
			bool back = int_at(node, scan->in_directions, i);

			bind(body, scan->num_states + i,
			     element(b, scan->inputs[i], axes[i],
				     back ? turns - 1 - n : n));
		}
		nc_infer_nodes(b->ctx, body);
		if (b->ctx->diag.count != errors)
			return false;
		for (i = 0; i < scan->num_states; i++)
			scan->states[i] = output_of(body, i);
		for (i = 0; i < scan->num_outputs; i++)
			values[n * scan->num_outputs + i] =
				output_of(body, scan->num_states + i);
	}
	column = nc_alloc(b->ctx->arena, (size_t)turns, sizeof(*column));
	for (i = 0; i < scan->num_outputs; i++) {
		for (n = 0; n < turns; n++) {
			column[n] = values[n * scan->num_outputs + i];
			if (!column[n] || column[n]->is_sequence || column[n]->rank < 0) {
				nc_error(b->ctx, node, "what it puts out is no tensor");
				return false;
			}
		}
		scan->outputs[i] = stacked(b, column, (unsigned int)turns,
					   int_at(node, "scan_output_axes", i),
					   int_at(node, scan->out_directions, i));
		if (!scan->outputs[i]) {
			nc_error(b->ctx, node, "what it puts out is of different shapes");
			return false;
		}
	}
	return true;
}

/* Set 8: all inputs have a batch in front, each of its members is one Scan. */
static bool run_batch(struct nc_builder *b, struct scan *scan)
{
	struct nc_ctx *ctx = b->ctx;
	unsigned int total = scan->num_states + scan->num_outputs, i;
	int64_t count = scan->inputs[0]->dims[0], k;
	struct nc_value **rows, **column;
	struct scan one = *scan;

	if (count < 1 || count > MAX_TURNS)
		return false;
	rows = nc_alloc(ctx->arena, (size_t)count * total, sizeof(*rows));
	one.states = nc_alloc(ctx->arena, scan->num_states, sizeof(*one.states));
	one.inputs = nc_alloc(ctx->arena, scan->num_inputs, sizeof(*one.inputs));
	for (k = 0; k < count; k++) {
		for (i = 0; i < scan->num_states; i++)
			one.states[i] = element(b, scan->states[i], 0, k);
		for (i = 0; i < scan->num_inputs; i++)
			one.inputs[i] = element(b, scan->inputs[i], 0, k);
		if (!run_scan(b, &one))
			return false;
		for (i = 0; i < total; i++)
			rows[k * total + i] = i < scan->num_states ? one.states[i] :
					      one.outputs[i - scan->num_states];
	}
	column = nc_alloc(ctx->arena, (size_t)count, sizeof(*column));
	for (i = 0; i < total; i++) {
		for (k = 0; k < count; k++)
			column[k] = rows[k * total + i];
		column[0] = stacked(b, column, (unsigned int)count, 0, false);
		if (!column[0])
			return false;
		if (i < scan->num_states)
			scan->states[i] = column[0];
		else
			scan->outputs[i - scan->num_states] = column[0];
	}
	return true;
}

bool nc_infer_scan(struct nc_ctx *ctx, struct nc_node *node)
{
	bool batched = nc_attr_int(node, "batched", 0);
	struct nc_builder b = builder(ctx, node);
	unsigned int first = batched ? 1 : 0, i;
	int64_t count = nc_attr_int(node, "num_scan_inputs", 0);
	struct scan scan = { .body = graph_of(ctx, node, "body") };

	if (!scan.body)
		return false;
	if (batched && nc_in(node, 0)) {
		nc_error(ctx, node, "sequence_lens is not supported");
		return false;
	}
	if (count < 1 || node->num_inputs < first + (uint64_t)count ||
	    node->num_inputs - first != scan.body->num_inputs ||
	    node->num_outputs > scan.body->num_outputs) {
		nc_error(ctx, node, "its body has other inputs or outputs than the node");
		return false;
	}
	for (i = first; i < node->num_inputs; i++) {
		if (!node->inputs[i] || (batched && !node->inputs[i]->rank)) {
			nc_error(ctx, node, "its input %u is missing", i);
			return false;
		}
	}
	scan.num_inputs = (unsigned int)count;
	scan.num_states = scan.body->num_inputs - scan.num_inputs;
	if (scan.body->num_outputs < scan.num_states) {
		nc_error(ctx, node, "its body has other inputs or outputs than the node");
		return false;
	}
	scan.num_outputs = scan.body->num_outputs - scan.num_states;
	scan.states = nc_memdup(ctx->arena, node->inputs + first,
				scan.num_states * sizeof(*scan.states));
	scan.inputs = nc_memdup(ctx->arena, node->inputs + first + scan.num_states,
				scan.num_inputs * sizeof(*scan.inputs));
	scan.outputs = nc_alloc(ctx->arena, scan.num_outputs, sizeof(*scan.outputs));
	scan.in_directions = batched ? "directions" : "scan_input_directions";
	scan.out_directions = "scan_output_directions";
	if (batched ? !run_batch(&b, &scan) : !run_scan(&b, &scan))
		return false;
	for (i = 0; i < node->num_outputs; i++)
		nc_become(node, i, i < scan.num_states ? scan.states[i] :
			  scan.outputs[i - scan.num_states]);
	return true;
}
