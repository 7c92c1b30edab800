// SPDX-License-Identifier: MIT
/*
 * Types, shapes and constants, in one sweep over the nodes.
 *
 * Shapes often depend on constants that other nodes compute from shapes; node
 * by node, each is known by the time that it is needed. Nodes whose outputs are
 * all constant leave the graph; what an If with a constant condition would run
 * takes its place.
 */
#include <string.h>
#include "decompose.h"
#include "host.h"
#include "import.h"

/* What values without elements point to: there is nothing to compute. */
static const uint64_t nothing;

/* Constants that folding may make, besides a multiple of those of the model. */
#define FOLD_BUDGET	((size_t)256 << 20)

bool nc_set_shape(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		  enum nc_dtype dtype, int rank, const int64_t *dims)
{
	struct nc_value *value = nc_out(node, output);

	if (rank > NC_MAX_RANK) {
		nc_error(ctx, node, "its output has rank %d, more than %d", rank,
			 NC_MAX_RANK);
		return false;
	}
	if (!nc_shape_fits(rank, dims)) {
		nc_error(ctx, node, "its output is too large");
		return false;
	}
	if (!value)
		return true;
	value->dtype = dtype;
	value->rank = rank;
	if (rank)
		memcpy(value->dims, dims, (size_t)rank * sizeof(*dims));
	return true;
}

bool nc_set_like(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		 const struct nc_value *value)
{
	return nc_set_shape(ctx, node, output, value->dtype, value->rank,
			    value->dims);
}

bool nc_need(struct nc_ctx *ctx, const struct nc_node *node, unsigned int least,
	     unsigned int most)
{
	unsigned int i;

	if (node->num_inputs > most) {
		nc_error(ctx, node, "it has %u inputs, at most %u are allowed",
			 node->num_inputs, most);
		return false;
	}
	for (i = 0; i < least; i++) {
		if (!nc_in(node, i)) {
			nc_error(ctx, node, "its input %u is missing", i);
			return false;
		}
	}
	if (!node->num_outputs) {
		nc_error(ctx, node, "it has no outputs");
		return false;
	}
	return true;
}

const char *nc_mark_needed(struct nc_ctx *ctx, struct nc_value *value)
{
	struct nc_value **stack;
	unsigned int depth = 0, i;
	const char *input = NULL;

	/* Each value is pushed once at most. */
	stack = nc_alloc(ctx->arena, ctx->graph->num_values + 1, sizeof(*stack));
	if (!value->needed)
		stack[depth++] = value;
	value->needed = true;
	if (value->is_input)
		input = value->name;
	while (depth) {
		const struct nc_value *top = stack[--depth];

		for (i = 0; top->producer && i < top->producer->num_inputs; i++) {
			struct nc_value *next = nc_resolve(top->producer->inputs[i]);

			if (!next || next->needed || next->data)
				continue;
			next->needed = true;
			if (next->is_input)
				input = next->name;
			stack[depth++] = next;
		}
	}
	return input;
}

void nc_need_const(struct nc_ctx *ctx, const struct nc_node *node,
		   struct nc_value *value, const char *what)
{
	const char *input = nc_mark_needed(ctx, value);
	bool bound = nc_host_takes_bound(node->op) && !nc_host_max_dim(ctx, value);

	if (input)
		nc_error(ctx, node,
			 "its %s depends on input '%.60s' and must be known when compiling; give the input with --const '%.60s=VALUE'%s",
			 what, input, input,
			 bound ? ", or the most that such a dimension can be with --max-dim N" : "");
	else
		nc_error(ctx, node,
			 "its %s ('%.60s') is computed while the model runs; %s",
			 what, value->name, bound ?
			 "give the most that such a dimension can be with --max-dim N" :
			 "only constant ones are supported");
}

bool nc_axis(struct nc_ctx *ctx, const struct nc_node *node, int64_t axis,
	     int rank, int *result)
{
	if (axis < -rank || axis >= rank) {
		nc_error(ctx, node, "axis %lld is out of range for rank %d",
			 (long long)axis, rank);
		return false;
	}
	*result = (int)(axis < 0 ? axis + rank : axis);
	return true;
}

int nc_ints(struct nc_ctx *ctx, const struct nc_node *node, unsigned int input,
	    const char *what, int64_t *ints, int max)
{
	struct nc_value *value = nc_in(node, input);
	int64_t n, i;

	if (!value) {
		nc_error(ctx, node, "its %s is missing", what);
		return -1;
	}
	if (!nc_is_const(value)) {
		nc_need_const(ctx, node, value, what);
		return -1;
	}
	if (value->dtype != NC_I64 && value->dtype != NC_I32) {
		nc_error(ctx, node, "its %s is %s, not int64", what,
			 nc_dtype_name(value->dtype));
		return -1;
	}
	n = nc_numel(value);
	if (value->rank > 1 || n > max) {
		nc_error(ctx, node, "its %s has more than %d elements", what,
			 max);
		return -1;
	}
	for (i = 0; i < n; i++)
		ints[i] = nc_const_int(value, i);
	return (int)n;
}

bool nc_axes(struct nc_ctx *ctx, const struct nc_node *node, unsigned int input,
	     int rank, unsigned int *mask)
{
	int64_t axes[NC_MAX_RANK];
	int i, n, axis;

	*mask = 0;
	if (!nc_in(node, input))
		return true;
	n = nc_ints(ctx, node, input, "list of axes", axes, NC_MAX_RANK);
	if (n < 0)
		return false;
	for (i = 0; i < n; i++) {
		if (!nc_axis(ctx, node, axes[i], rank, &axis))
			return false;
		if (*mask >> axis & 1) {
			nc_error(ctx, node, "axis %d is named twice", axis);
			return false;
		}
		*mask |= 1u << axis;
	}
	return true;
}

unsigned int nc_broadcast_open(const struct nc_value *a, const struct nc_value *b)
{
	int common = a->rank > b->rank ? a->rank : b->rank, i;
	unsigned int open = 0;

	for (i = 0; i < common; i++) {
		int ia = i - (common - a->rank), ib = i - (common - b->rank);
		bool open_a = ia >= 0 && a->open >> ia & 1, open_b = ib >= 0 && b->open >> ib & 1;
		bool known_a = ia >= 0 && !open_a && a->dims[ia] != 1;
		bool known_b = ib >= 0 && !open_b && b->dims[ib] != 1;

		if ((open_a && !known_b) || (open_b && !known_a))
			open |= 1u << i;
	}
	return open;
}

bool nc_broadcast(struct nc_ctx *ctx, const struct nc_node *node,
		  const struct nc_value *a, const struct nc_value *b, int *rank,
		  int64_t dims[NC_MAX_RANK])
{
	char at[NC_SHAPE_TEXT], bt[NC_SHAPE_TEXT];
	int common = a->rank > b->rank ? a->rank : b->rank;
	int64_t result[NC_MAX_RANK];
	int i, ia, ib, is_open;

	for (i = 0; i < common; i++) {
		int64_t da, db;

		ia = i - (common - a->rank);
		ib = i - (common - b->rank);
		da = ia < 0 ? 1 : a->dims[ia];
		db = ib < 0 ? 1 : b->dims[ib];
		is_open = (ia >= 0 && a->open >> ia & 1) | (ib >= 0 && b->open >> ib & 1) << 1;
		if (da != db && da != 1 && db != 1 && is_open) {
			/* They will be equal, or one of them 1. */
			result[i] = is_open == 1 ? db : is_open == 2 ? da : da > db ? da : db;
			continue;
		}
		if (da != db && da != 1 && db != 1) {
			nc_error(ctx, node,
				 "shapes %s and %s cannot be broadcast together",
				 nc_shape_text(a, at), nc_shape_text(b, bt));
			return false;
		}
		result[i] = da == 1 ? db : da;
	}
	/* The result may be one of the values. */
	*rank = common;
	memcpy(dims, result, (size_t)common * sizeof(*dims));
	return true;
}

bool nc_dim_fits(const struct nc_value *a, int i, const struct nc_value *b, int k)
{
	return a->dims[i] == b->dims[k] || ((a->open >> i | b->open >> k) & 1);
}

void *nc_fold_alloc(struct nc_ctx *ctx, struct nc_value *value)
{
	size_t size = nc_bytes(value);
	void *data;

	if (size > ctx->fold_budget)
		return NULL;
	ctx->fold_budget -= size;
	data = nc_alloc(ctx->arena, size, 1);
	value->data = data;
	value->size = size;
	nc_blob_add(ctx, data, size, NULL);
	return data;
}

void nc_become(struct nc_node *node, unsigned int output, struct nc_value *value)
{
	struct nc_value *out = nc_out(node, output);

	if (!out)
		return;
	out->producer = NULL;
	if (value)
		nc_alias(out, value);
	else
		out->absent = true;
}

static bool all_const(struct nc_value *const *values, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (values[i] && !nc_is_const(values[i]))
			return false;
	return true;
}

/* Outputs without elements need no computing. */
static void settle_empty(struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];

		if (value && value->rank >= 0 && !value->open && !nc_numel(value))
			value->data = &nothing;
	}
}

/* Whether a node may be looked at: all that it needs is known. */
static bool settle_inputs(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		struct nc_value *value = nc_resolve(node->inputs[i]);

		if (value && value->absent)
			value = NULL;
		node->inputs[i] = value;
		if (!value)
			continue;
		if (value->is_sequence) {
			if (nc_takes_sequences(node->op))
				continue;
			nc_error(ctx, node, "its input %u is a sequence, not a tensor", i);
			return false;
		}
		/* Follows from a problem that was named already. */
		if (value->rank < 0)
			return false;
	}
	while (node->num_inputs && !node->inputs[node->num_inputs - 1])
		node->num_inputs--;
	return true;
}

/* Outputs that have become other values are none of the node's. */
static void drop_outputs(struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i] &&
		    (node->outputs[i]->alias || node->outputs[i]->absent ||
		     node->outputs[i]->is_sequence))
			node->outputs[i] = NULL;
}

/*
 * Sets before 7: the second input's first dimension belongs to an axis of the first's;
 * today it would get dimensions of one behind its own.
 */
static void legacy_broadcast(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *x = nc_in(node, 0), *y = nc_in(node, 1);
	int64_t dims[NC_MAX_RANK];
	int axis, i;

	if (!nc_attr_int(node, "broadcast", 0) || !nc_attr(node, "axis") || !x || !y)
		return;
	if (y->rank < 1 || y->rank > x->rank ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis) ||
	    axis + y->rank >= x->rank)
		return;
	for (i = 0; i < x->rank - axis; i++)
		dims[i] = i < y->rank ? y->dims[i] : 1;
	node->inputs[1] = nc_build_reshape(&b, NULL, y, x->rank - axis, dims);
}

static void infer_node(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_op_info *info = &nc_ops[node->op];
	unsigned int errors = ctx->diag.count;
	unsigned int i;
	bool stays;

	if (!settle_inputs(ctx, node))
		goto unknown;
	legacy_broadcast(ctx, node);
	nc_host_rewrite(ctx, node);
	if (nc_host_must(ctx, node) ? !nc_infer_on_host(ctx, node) :
	    !info->infer || !info->infer(ctx, node))
		goto unknown;
	drop_outputs(node);
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];

		if (value && value->rank < 0) {
			nc_error(ctx, node, "its output %u is not supported", i);
			goto unknown;
		}
	}
	settle_empty(node);
	if (!all_const(node->outputs, node->num_outputs) && info->fold &&
	    all_const(node->inputs, node->num_inputs))
		info->fold(ctx, node);
	stays = !all_const(node->outputs, node->num_outputs);
	for (i = 0; i < node->num_outputs; i++) {
		if (nc_is_const(node->outputs[i])) {
			node->outputs[i]->producer = NULL;
			node->outputs[i]->folded = node;
			node->outputs[i] = NULL;
		}
	}
	if (stays)
		nc_node_list_add(ctx, ctx->list, node);
	return;

unknown:
	if (errors == ctx->diag.count && node->op != NC_OP_UNKNOWN && !errors)
		nc_error(ctx, node, "this operator is not supported");
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			node->outputs[i]->rank = -1;
}

void nc_infer_nodes(struct nc_ctx *ctx, struct nc_graph *graph)
{
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++)
		infer_node(ctx, graph->nodes[i]);
}

/* Sequences are lists of the compiler's; nothing can give them out. */
static void check_outputs(struct nc_ctx *ctx)
{
	const struct nc_graph *graph = ctx->graph;
	unsigned int i;

	for (i = 0; i < graph->num_outputs; i++) {
		const struct nc_value *value = nc_resolve(graph->outputs[i]);

		if (value->is_sequence || value->absent)
			nc_error(ctx, NULL,
				 "output '%.100s' is a sequence or optional; only tensors are supported",
				 graph->outputs[i]->name);
	}
}

void nc_infer(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	size_t size = FOLD_BUDGET;
	unsigned int i;

	for (i = 0; i < graph->num_values; i++) {
		struct nc_value *value = graph->values[i];

		if (value->is_input && value->rank >= 0 && !nc_numel(value))
			value->data = &nothing;
		size += value->size * 4;
	}
	ctx->fold_budget = size;
	ctx->list = &list;
	nc_infer_nodes(ctx, graph);
	check_outputs(ctx);
	ctx->list = NULL;
	if (ctx->diag.count)
		return;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
