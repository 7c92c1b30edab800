// SPDX-License-Identifier: MIT
/*
 * Work that is done twice, done once: operators that compute the same, and
 * products of one matrix with several.
 */
#include <string.h>
#include <xxhash.h>
#include "front.h"

/* Constants up to this size are compared, larger ones are the same or not. */
#define COMPARED	256

/* A merged product whose result is larger would be in the way. */
#define MAX_MERGED	(1 << 20)

static bool same_value(const struct nc_value *a, const struct nc_value *b)
{
	if (a == b)
		return true;
	return nc_is_const(a) && nc_is_const(b) && a->dtype == b->dtype &&
	       nc_same_shape(a, b) && a->size == b->size &&
	       a->size <= COMPARED && !memcmp(a->data, b->data, a->size);
}

static uint64_t hash_value(const struct nc_value *value)
{
	if (nc_is_const(value) && value->size <= COMPARED)
		return XXH3_64bits(value->data, value->size);
	/* The number would do, too; equal models must hash alike only within. */
	return (uintptr_t)value;
}

static bool same_attr(const struct nc_attr *a, const struct nc_attr *b)
{
	if (a->kind != b->kind || a->count != b->count || strcmp(a->name, b->name))
		return false;
	switch (a->kind) {
	case NC_ATTR_INT:
		return a->i == b->i;
	case NC_ATTR_FLOAT:
		return !memcmp(&a->f, &b->f, sizeof(a->f));
	case NC_ATTR_STRING:
		return !strcmp(a->s, b->s);
	case NC_ATTR_INTS:
		return !memcmp(a->ints, b->ints, a->count * sizeof(*a->ints));
	case NC_ATTR_FLOATS:
		return !memcmp(a->floats, b->floats,
			       a->count * sizeof(*a->floats));
	default:
		return false;
	}
}

static bool same_node(const struct nc_node *a, const struct nc_node *b)
{
	unsigned int i;

	if (a->op != b->op || a->num_inputs != b->num_inputs ||
	    a->num_outputs != b->num_outputs || a->num_attrs != b->num_attrs ||
	    a->act != b->act || a->act_alpha != b->act_alpha ||
	    a->act_beta != b->act_beta || a->compute != b->compute)
		return false;
	for (i = 0; i < a->num_inputs; i++)
		if (!a->inputs[i] != !b->inputs[i] ||
		    (a->inputs[i] && !same_value(a->inputs[i], b->inputs[i])))
			return false;
	for (i = 0; i < a->num_attrs; i++)
		if (!same_attr(&a->attrs[i], &b->attrs[i]))
			return false;
	for (i = 0; i < a->num_outputs; i++)
		if (!a->outputs[i] != !b->outputs[i] ||
		    (a->outputs[i] &&
		     (a->outputs[i]->dtype != b->outputs[i]->dtype ||
		      !nc_same_shape(a->outputs[i], b->outputs[i]))))
			return false;
	return true;
}

static bool can_share(const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i] && node->outputs[i]->is_output)
			return false;
	return node->num_inputs > 0;
}

void nc_share(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node **table;
	uint32_t room = 64, at;
	unsigned int i, j, n = 0;

	while (room < 2 * graph->num_nodes)
		room *= 2;
	table = nc_alloc(ctx->arena, room, sizeof(*table));
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];
		uint64_t hash = node->op;

		for (j = 0; j < node->num_inputs; j++) {
			node->inputs[j] = nc_resolve(node->inputs[j]);
			if (node->inputs[j])
				hash = hash * 0x9e3779b97f4a7c15u ^
				       hash_value(node->inputs[j]);
		}
		if (!can_share(node)) {
			graph->nodes[n++] = node;
			continue;
		}
		hash ^= hash >> 32;
		at = hash & (room - 1);
		while (table[at] && !same_node(table[at], node))
			at = (at + 1) & (room - 1);
		if (!table[at]) {
			table[at] = node;
			graph->nodes[n++] = node;
			continue;
		}
		for (j = 0; j < node->num_outputs; j++)
			if (node->outputs[j])
				nc_alias(node->outputs[j], table[at]->outputs[j]);
	}
	nc_give_back(ctx->arena, table, room * sizeof(*table));
	graph->num_nodes = n;
	nc_graph_update(ctx);
}

/* Columns of all products of one matrix, and who they belong to. */
struct merged {
	struct nc_node *nodes[NC_MAX_RANK];
	unsigned int count;
	int64_t columns;
};

static bool can_merge(const struct nc_node *node)
{
	const struct nc_value *b;

	if (node->op != NC_OP_MatMul || node->compute != NC_NONE)
		return false;
	b = node->inputs[1];
	return nc_is_const(b) && b->rank == 2 && b->dtype == NC_F32 &&
	       node->inputs[0]->rank >= 2 && !nc_is_const(node->inputs[0]) &&
	       !node->outputs[0]->is_output &&
	       (!nc_in(node, 2) || (nc_is_const(node->inputs[2]) &&
				    node->inputs[2]->rank == 1 &&
				    nc_numel(node->inputs[2]) == b->dims[1]));
}

static bool fits_in(const struct merged *merged, const struct nc_node *node)
{
	const struct nc_node *first = merged->nodes[0];
	int64_t rows = nc_numel(node->inputs[0]) /
		       node->inputs[1]->dims[0];

	return merged->count < NC_MAX_RANK &&
	       first->inputs[1]->dims[0] == node->inputs[1]->dims[0] &&
	       first->act == node->act && first->act_alpha == node->act_alpha &&
	       first->act_beta == node->act_beta &&
	       rows * (merged->columns + node->inputs[1]->dims[1]) * 4 <=
	       MAX_MERGED;
}

/* The columns of all weights, and their biases, side by side. */
static bool join_columns(struct nc_ctx *ctx, const struct merged *merged,
			 struct nc_value **weights, struct nc_value **bias)
{
	int64_t rows = merged->nodes[0]->inputs[1]->dims[0], at = 0, r;
	int64_t dims[2] = { rows, merged->columns };
	float *w, *b = NULL;
	unsigned int i;

	*weights = nc_value_like(ctx, merged->nodes[0]->inputs[1]->name, NC_F32,
				 2, dims);
	w = nc_fold_alloc(ctx, *weights);
	if (!w)
		return false;
	*bias = NULL;
	for (i = 0; i < merged->count; i++)
		if (nc_in(merged->nodes[i], 2) && !*bias)
			*bias = nc_value_like(ctx, merged->nodes[i]->name,
					      NC_F32, 1, dims + 1);
	if (*bias)
		b = nc_fold_alloc(ctx, *bias);
	if (*bias && !b)
		return false;
	for (i = 0; i < merged->count; i++) {
		const struct nc_node *node = merged->nodes[i];
		const float *from = node->inputs[1]->data;
		int64_t n = node->inputs[1]->dims[1];

		for (r = 0; r < rows; r++)
			memcpy(w + r * merged->columns + at, from + r * n,
			       n * sizeof(*w));
		if (nc_in(node, 2))
			memcpy(b + at, node->inputs[2]->data, n * sizeof(*b));
		at += n;
	}
	return true;
}

/* One product, and a Split that gives each node's output its columns. */
static bool merge(struct nc_ctx *ctx, const struct merged *merged,
		  struct nc_node **product, struct nc_node **split)
{
	struct nc_node *first = merged->nodes[0];
	struct nc_value *weights, *bias, *out;
	int64_t dims[NC_MAX_RANK], sizes[NC_MAX_RANK];
	unsigned int i;

	if (!join_columns(ctx, merged, &weights, &bias))
		return false;
	memcpy(dims, first->outputs[0]->dims, sizeof(dims));
	dims[first->outputs[0]->rank - 1] = merged->columns;
	out = nc_value_like(ctx, first->outputs[0]->name, NC_F32,
			    first->outputs[0]->rank, dims);
	*product = nc_node_new(ctx, first, NC_OP_MatMul, out, bias ? 3 : 2,
			       first->inputs[0], weights, bias);
	(*product)->act = first->act;
	(*product)->act_alpha = first->act_alpha;
	(*product)->act_beta = first->act_beta;
	for (i = 0; i < merged->count; i++)
		sizes[i] = merged->nodes[i]->inputs[1]->dims[1];
	*split = nc_node_new(ctx, first, NC_OP_Split, first->outputs[0], 2, out,
			     nc_const_ints_new(ctx, first->name, sizes,
					       merged->count));
	nc_set_attr_int(ctx, *split, "axis", out->rank - 1);
	(*split)->outputs = nc_alloc(ctx->arena, merged->count,
				     sizeof(*(*split)->outputs));
	(*split)->num_outputs = merged->count;
	for (i = 0; i < merged->count; i++) {
		(*split)->outputs[i] = merged->nodes[i]->outputs[0];
		(*split)->outputs[i]->producer = *split;
	}
	return true;
}

/*
 * Products of one matrix with several constant ones, as queries, keys and values
 * of attention are: one with all their columns.
 */
void nc_merge_products(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	struct merged *groups = nc_alloc(ctx->arena, graph->num_nodes + 1,
					 sizeof(*groups));
	unsigned int i, num_groups = 0;

	/* A node's group, plus one, is its mark; its matrix's is in lir. */
	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->lir = NULL;
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];
		struct merged *group;

		node->mark = 0;
		if (!can_merge(node))
			continue;
		group = node->inputs[0]->lir;
		if (!group || !fits_in(group, node)) {
			group = &groups[num_groups++];
			node->inputs[0]->lir = group;
		}
		group->nodes[group->count++] = node;
		group->columns += node->inputs[1]->dims[1];
		node->mark = (int)(group - groups) + 1;
	}
	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->lir = NULL;
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i], *product, *split;
		struct merged *group = node->mark ? &groups[node->mark - 1] : NULL;

		node->mark = 0;
		if (!group || group->count < 2) {
			nc_node_list_add(ctx, &list, node);
			continue;
		}
		if (node != group->nodes[0])
			continue;
		if (!merge(ctx, group, &product, &split)) {
			/* No room: each stays where it was. */
			group->count = 1;
			nc_node_list_add(ctx, &list, node);
			continue;
		}
		nc_node_list_add(ctx, &list, product);
		nc_node_list_add(ctx, &list, split);
	}
	nc_give_back(ctx->arena, groups, (graph->num_nodes + 1) * sizeof(*groups));
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
}
