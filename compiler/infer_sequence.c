// SPDX-License-Identifier: MIT
/*
 * Sequences and optional values: lists that exist while compiling. What comes
 * out of them are the tensors that went in.
 */
#include <string.h>
#include "decompose.h"

bool nc_takes_sequences(enum nc_op op)
{
	switch (op) {
	case NC_OP_SequenceInsert:
	case NC_OP_SequenceErase:
	case NC_OP_SequenceAt:
	case NC_OP_SequenceLength:
	case NC_OP_SequenceMap:
	case NC_OP_ConcatFromSequence:
	case NC_OP_FunctionCall:
	case NC_OP_Loop:
	case NC_OP_If:
	case NC_OP_Identity:
	case NC_OP_Optional:
	case NC_OP_OptionalHasElement:
	case NC_OP_OptionalGetElement:
		return true;
	default:
		return false;
	}
}

static bool need_sequence(struct nc_ctx *ctx, const struct nc_node *node,
			  unsigned int input)
{
	const struct nc_value *value = nc_in(node, input);

	if (value && value->is_sequence)
		return true;
	nc_error(ctx, node, "its input %u is no sequence", input);
	return false;
}

/* The node's output is a sequence of @n values. */
static struct nc_value **make(struct nc_ctx *ctx, struct nc_node *node,
			      unsigned int output, unsigned int n)
{
	struct nc_value **values = nc_alloc(ctx->arena, n, sizeof(*values));
	struct nc_value *out = nc_out(node, output);

	if (out) {
		out->is_sequence = true;
		out->sequence = values;
		out->sequence_length = n;
		out->producer = NULL;
	}
	return values;
}

/* A position, which has to be known; the default is one of @n. */
static bool position(struct nc_ctx *ctx, const struct nc_node *node,
		     unsigned int input, unsigned int n, int64_t def, int64_t *at)
{
	*at = def;
	if (nc_in(node, input) &&
	    nc_ints(ctx, node, input, "position", at, 1) != 1)
		return false;
	if (*at < 0)
		*at += n;
	if (*at >= 0 && *at <= (int64_t)n)
		return true;
	nc_error(ctx, node, "its position lies outside of the sequence");
	return false;
}

bool nc_infer_sequence_construct(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value **values = make(ctx, node, 0, node->num_inputs);

	memcpy(values, node->inputs, node->num_inputs * sizeof(*values));
	return true;
}

bool nc_infer_sequence_empty(struct nc_ctx *ctx, struct nc_node *node)
{
	make(ctx, node, 0, 0);
	return true;
}

bool nc_infer_sequence_insert(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *list;
	struct nc_value **values;
	unsigned int n;
	int64_t at;

	if (!nc_need(ctx, node, 2, 3) || !need_sequence(ctx, node, 0))
		return false;
	list = node->inputs[0];
	n = list->sequence_length;
	if (!position(ctx, node, 2, n, n, &at))
		return false;
	values = make(ctx, node, 0, n + 1);
	memcpy(values, list->sequence, (size_t)at * sizeof(*values));
	values[at] = node->inputs[1];
	memcpy(values + at + 1, list->sequence + at, (n - (size_t)at) * sizeof(*values));
	return true;
}

bool nc_infer_sequence_erase(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *list;
	struct nc_value **values;
	unsigned int n;
	int64_t at;

	if (!nc_need(ctx, node, 1, 2) || !need_sequence(ctx, node, 0))
		return false;
	list = node->inputs[0];
	n = list->sequence_length;
	if (!position(ctx, node, 1, n, (int64_t)n - 1, &at))
		return false;
	if (at == n) {
		nc_error(ctx, node, "its position lies outside of the sequence");
		return false;
	}
	values = make(ctx, node, 0, n - 1);
	memcpy(values, list->sequence, (size_t)at * sizeof(*values));
	memcpy(values + at, list->sequence + at + 1,
	       (n - 1 - (size_t)at) * sizeof(*values));
	return true;
}

bool nc_infer_sequence_at(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *list;
	int64_t at;

	if (!nc_need(ctx, node, 2, 2) || !need_sequence(ctx, node, 0))
		return false;
	list = node->inputs[0];
	if (!position(ctx, node, 1, list->sequence_length, 0, &at))
		return false;
	if (at == list->sequence_length) {
		nc_error(ctx, node, "its position lies outside of the sequence");
		return false;
	}
	nc_become(node, 0, list->sequence[at]);
	return true;
}

bool nc_infer_sequence_length(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t n;

	if (!nc_need(ctx, node, 1, 1) || !need_sequence(ctx, node, 0))
		return false;
	n = node->inputs[0]->sequence_length;
	nc_become(node, 0, nc_const_new(ctx, node->name, NC_I64, 0, NULL, &n));
	return true;
}

static struct nc_value *without_axis(struct nc_builder *b, struct nc_value *x, int axis)
{
	int64_t dims[NC_MAX_RANK];
	int d, n = 0;

	for (d = 0; d < x->rank; d++)
		if (d != axis)
			dims[n++] = x->dims[d];
	return nc_build_reshape(b, NULL, x, n, dims);
}

bool nc_infer_split_to_sequence(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	const struct nc_value *split = nc_in(node, 1);
	bool keep = nc_attr_int(node, "keepdims", 1) || split;
	int64_t size = 1, from = 0, n, i;
	struct nc_value **values;
	struct nc_value *x;
	int axis;

	if (!nc_need(ctx, node, 1, 2) ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), node->inputs[0]->rank,
		     &axis))
		return false;
	x = node->inputs[0];
	if (split && !nc_is_const(split)) {
		nc_need_const(ctx, node, node->inputs[1], "list of sizes");
		return false;
	}
	if (split && !split->rank)
		size = nc_const_int(split, 0);
	if (size < 1) {
		nc_error(ctx, node, "its sizes are out of range");
		return false;
	}
	if (size > x->dims[axis])
		size = x->dims[axis] ? x->dims[axis] : 1;
	n = split && split->rank ? nc_numel(split) : (x->dims[axis] + size - 1) / size;
	values = make(ctx, node, 0, (unsigned int)n);
	for (i = 0; i < n; i++) {
		int64_t end;

		if (split && split->rank)
			size = nc_const_int(split, i);
		end = size < x->dims[axis] - from ? from + size : x->dims[axis];
		if (size < 0 || from > end) {
			nc_error(ctx, node, "its sizes are out of range");
			return false;
		}
		values[i] = nc_build_slice(&b, NULL, x, axis, from, end);
		if (!keep)
			values[i] = without_axis(&b, values[i], axis);
		from = end;
	}
	return true;
}

bool nc_infer_concat_from_sequence(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	bool new_axis = nc_attr_int(node, "new_axis", 0);
	struct nc_value **values;
	const struct nc_value *list;
	unsigned int i;
	int axis = 0, d, rank;

	if (!nc_need(ctx, node, 1, 1) || !need_sequence(ctx, node, 0))
		return false;
	list = node->inputs[0];
	if (!list->sequence_length) {
		nc_error(ctx, node, "its sequence is empty");
		return false;
	}
	values = nc_memdup(ctx->arena, list->sequence,
			   list->sequence_length * sizeof(*values));
	for (i = 0; i < list->sequence_length; i++) {
		int64_t dims[NC_MAX_RANK];

		values[i] = nc_resolve(values[i]);
		rank = values[i]->rank + new_axis;
		if (values[i]->rank < 0 || rank > NC_MAX_RANK ||
		    !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), rank, &axis))
			return false;
		if (!new_axis)
			continue;
		for (d = 0; d < rank; d++)
			dims[d] = d == axis ? 1 : values[i]->dims[d - (d > axis)];
		values[i] = nc_build_reshape(&b, NULL, values[i], rank, dims);
	}
	nc_become(node, 0, nc_build_concat(&b, NULL, values, list->sequence_length, axis));
	return true;
}

/* The body for each element; further inputs are sequences alike, or tensors. */
bool nc_infer_sequence_map(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "body");
	unsigned int n, i, k, errors = ctx->diag.count;
	struct nc_value ***lists;

	if (!attr || attr->kind != NC_ATTR_GRAPH || !nc_need(ctx, node, 1, UINT32_MAX) ||
	    !need_sequence(ctx, node, 0))
		return false;
	n = node->inputs[0]->sequence_length;
	if (attr->graph->num_inputs != node->num_inputs ||
	    attr->graph->num_outputs < node->num_outputs) {
		nc_error(ctx, node, "its body has other inputs or outputs than the node");
		return false;
	}
	lists = nc_alloc(ctx->arena, node->num_outputs, sizeof(*lists));
	for (i = 0; i < node->num_outputs; i++)
		lists[i] = make(ctx, node, i, n);
	for (k = 0; k < n; k++) {
		struct nc_graph *body = nc_graph_copy(ctx, attr->graph);

		for (i = 0; i < node->num_inputs; i++) {
			struct nc_value *x = node->inputs[i];

			if (!x || (x->is_sequence && x->sequence_length != n)) {
				nc_error(ctx, node, "its sequences are of different lengths");
				return false;
			}
			nc_alias(body->inputs[i], x->is_sequence ? x->sequence[k] : x);
		}
		nc_infer_nodes(ctx, body);
		if (ctx->diag.count != errors)
			return false;
		for (i = 0; i < node->num_outputs; i++)
			lists[i][k] = nc_resolve(body->outputs[i]);
	}
	return true;
}

/* Optional, OptionalGetElement, and Identity of a sequence: the value itself. */
bool nc_infer_optional(struct nc_ctx *ctx, struct nc_node *node)
{
	(void)ctx;
	nc_become(node, 0, nc_in(node, 0));
	return true;
}

bool nc_infer_optional_has_element(struct nc_ctx *ctx, struct nc_node *node)
{
	uint8_t has = !!nc_in(node, 0);

	nc_become(node, 0, nc_const_new(ctx, node->name, NC_BOOL, 0, NULL, &has));
	return true;
}

bool nc_infer_identity(struct nc_ctx *ctx, struct nc_node *node)
{
	if (nc_in(node, 0) && node->inputs[0]->is_sequence)
		return nc_infer_optional(ctx, node);
	return nc_infer_unary(ctx, node);
}
