// SPDX-License-Identifier: MIT
/*
 * The graph that makes a part of the model's outputs.
 *
 * Backwards through the nodes: what is wanted of each value is the least range that
 * holds what its readers want. Then forwards: copies of the nodes, with values in
 * the size of their ranges, and Slices where a reader wants less than there is.
 * What overlaps between cores, such as the rows around a convolution's, is computed
 * by each of them.
 */
#include <string.h>
#include "cores.h"

/* A part of a value, cut out for somebody. */
struct cut {
	struct nc_range range;
	struct nc_value *value;
	struct cut *next;
};

/**
 * struct track - what is known of a value of the model
 * @range: what is wanted of it, then what there is
 * @copy: in the new graph
 * @cuts: parts of @copy
 */
struct track {
	struct nc_range range;
	struct nc_value *copy;
	struct cut *cuts;
};

struct builder {
	struct nc_ctx *ctx;
	const struct nc_graph *model;
	struct track *tracks;
	struct nc_range *made;		/* by node: part of its outputs */
	struct nc_node_list list;
};

/* Values carry their numbers where the back end will put its own. */
static struct track *track_of(const struct builder *b, const struct nc_value *value)
{
	return &b->tracks[(uintptr_t)value->lir];
}

static bool same(const struct nc_range *a, const struct nc_range *b)
{
	return a->axis == b->axis &&
	       (a->axis < 0 || (a->lo == b->lo && a->hi == b->hi));
}

static struct nc_range join(struct nc_range a, struct nc_range b)
{
	if (a.axis == NC_NOTHING)
		return b;
	if (b.axis == NC_NOTHING)
		return a;
	if (a.axis == NC_WHOLE || a.axis != b.axis)
		return (struct nc_range) { .axis = NC_WHOLE };
	a.lo = a.lo < b.lo ? a.lo : b.lo;
	a.hi = a.hi > b.hi ? a.hi : b.hi;
	return a;
}

/* A range that covers its dimension is none. */
static struct nc_range tidy(const struct nc_value *value, struct nc_range range)
{
	if (range.axis >= 0 && !range.lo && range.hi == value->dims[range.axis])
		range.axis = NC_WHOLE;
	return range;
}

/*
 * Backwards
 */

/* What a node makes, and needs for that; needs has room for its inputs. */
static struct nc_range settle(const struct builder *b, const struct nc_node *node,
			      struct nc_range made, struct nc_range *needs)
{
	const struct nc_value *first = NULL;
	unsigned int i;

	for (i = 0; i < node->num_outputs && !first; i++)
		first = node->outputs[i];
	made = tidy(first, made);
	/* It may grow, and so become the whole. */
	if (made.axis >= 0 && first == node->outputs[0] &&
	    nc_part_needs(b->ctx, node, &made, needs) &&
	    tidy(first, made).axis >= 0) {
		for (i = 0; i < node->num_inputs; i++)
			if (node->inputs[i])
				needs[i] = tidy(node->inputs[i], needs[i]);
		return made;
	}
	for (i = 0; i < node->num_inputs; i++)
		needs[i] = (struct nc_range) { .axis = NC_WHOLE };
	return (struct nc_range) { .axis = NC_WHOLE };
}

static void want(const struct builder *b, unsigned int n)
{
	const struct nc_node *node = b->model->nodes[n];
	struct nc_range made = { .axis = NC_NOTHING };
	struct nc_range *needs;
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			made = join(made, track_of(b, node->outputs[i])->range);
	b->made[n] = made;
	if (made.axis == NC_NOTHING)
		return;
	needs = nc_alloc(b->ctx->arena, node->num_inputs + 1, sizeof(*needs));
	made = settle(b, node, made, needs);
	for (i = 0; i < node->num_outputs; i++) {
		const struct nc_value *value = node->outputs[i];

		if (value)
			track_of(b, value)->range = made;
	}
	b->made[n] = made;
	for (i = 0; i < node->num_inputs; i++) {
		struct track *track;

		if (!node->inputs[i])
			continue;
		track = track_of(b, node->inputs[i]);
		track->range = join(track->range, needs[i]);
	}
}

/*
 * Forwards
 */

static struct nc_value *copy_value(const struct builder *b, const struct nc_value *value,
				   const struct nc_range *range)
{
	struct nc_value *copy = nc_value_like(b->ctx, value->name, value->dtype,
					      value->rank, value->dims);

	if (range->axis >= 0)
		copy->dims[range->axis] = range->hi - range->lo;
	copy->folded = value->folded;
	return copy;
}

static struct nc_value *cut_const(const struct builder *b, const struct nc_value *value,
				  const struct nc_range *r)
{
	struct nc_value *copy = copy_value(b, value, r);
	size_t row = nc_dtype_size(value->dtype), rows = 1, part;
	char *data;
	size_t i;
	int d;

	for (d = r->axis + 1; d < value->rank; d++)
		row *= (size_t)value->dims[d];
	for (d = 0; d < r->axis; d++)
		rows *= (size_t)value->dims[d];
	copy->size = nc_bytes(copy);
	data = nc_alloc(b->ctx->arena, 1, copy->size + 1);
	part = (size_t)(r->hi - r->lo) * row;
	for (i = 0; i < rows; i++)
		memcpy(data + i * part,
		       (const char *)value->data +
		       (i * (size_t)value->dims[r->axis] + (size_t)r->lo) * row, part);
	copy->data = data;
	return copy;
}

static struct nc_value *add_slice(struct builder *b, const struct nc_node *like,
				  const struct nc_value *value, int64_t from,
				  const struct nc_range *r)
{
	struct nc_ctx *ctx = b->ctx;
	struct nc_value *part = copy_value(b, value, r);
	int64_t axis = r->axis, lo = r->lo - from, hi = r->hi - from;

	nc_node_list_add(ctx, &b->list,
			 nc_node_new(ctx, like, NC_OP_Slice, part, 4,
				     track_of(b, value)->copy,
				     nc_const_ints_new(ctx, "starts", &lo, 1),
				     nc_const_ints_new(ctx, "ends", &hi, 1),
				     nc_const_ints_new(ctx, "axes", &axis, 1)));
	return part;
}

/* A value of the model in the new graph, or the part of it that is needed. */
static struct nc_value *get(struct builder *b, const struct nc_node *reader,
			    const struct nc_value *value, const struct nc_range *need)
{
	struct track *track = track_of(b, value);
	struct cut *cut;

	if (need->axis == NC_NOTHING)
		return NULL;
	if (!track->copy) {	/* a constant, or an input of the model */
		track->range.axis = NC_WHOLE;
		track->copy = copy_value(b, value, &track->range);
		track->copy->data = value->data;
		track->copy->size = value->size;
	}
	if (same(&track->range, need))
		return track->copy;
	for (cut = track->cuts; cut; cut = cut->next)
		if (same(&cut->range, need))
			return cut->value;
	cut = nc_alloc(b->ctx->arena, 1, sizeof(*cut));
	cut->range = *need;
	cut->value = value->data ? cut_const(b, value, need) :
		     add_slice(b, reader, value,
			       track->range.axis >= 0 ? track->range.lo : 0, need);
	cut->next = track->cuts;
	track->cuts = cut;
	return cut->value;
}

static void copy_node(struct builder *b, unsigned int n)
{
	const struct nc_node *node = b->model->nodes[n];
	struct nc_arena *arena = b->ctx->arena;
	struct nc_range made = b->made[n], *needs;
	struct nc_node *copy;
	unsigned int i;

	if (made.axis == NC_NOTHING)
		return;
	needs = nc_alloc(arena, node->num_inputs + 1, sizeof(*needs));
	settle(b, node, made, needs);
	copy = nc_memdup(arena, node, sizeof(*node));
	copy->attrs = nc_alloc(arena, node->num_attrs + 1, sizeof(*copy->attrs));
	for (i = 0; i < node->num_attrs; i++)
		copy->attrs[i] = node->attrs[i];
	copy->inputs = nc_alloc(arena, node->num_inputs + 1, sizeof(*copy->inputs));
	copy->outputs = nc_alloc(arena, node->num_outputs + 1, sizeof(*copy->outputs));
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i])
			copy->inputs[i] = get(b, node, node->inputs[i], &needs[i]);
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];

		if (!value)
			continue;
		copy->outputs[i] = copy_value(b, value, &made);
		copy->outputs[i]->producer = copy;
		track_of(b, value)->copy = copy->outputs[i];
	}
	if (made.axis >= 0)
		nc_part_adjust(b->ctx, node, copy, &made);
	nc_node_list_add(b->ctx, &b->list, copy);
}

static void copy_inputs(struct builder *b, struct nc_graph *graph)
{
	const struct nc_graph *model = b->model;
	unsigned int i;

	graph->inputs = nc_alloc(b->ctx->arena, model->num_inputs + 1,
				 sizeof(*graph->inputs));
	graph->num_inputs = model->num_inputs;
	for (i = 0; i < model->num_inputs; i++) {
		struct track *track = track_of(b, model->inputs[i]);

		track->range.axis = NC_WHOLE;
		track->copy = copy_value(b, model->inputs[i], &track->range);
		track->copy->is_input = true;
		graph->inputs[i] = track->copy;
	}
}

static void copy_outputs(struct builder *b, struct nc_graph *graph,
			 const struct nc_range *wanted)
{
	const struct nc_graph *model = b->model;
	unsigned int i;

	graph->outputs = nc_alloc(b->ctx->arena, model->num_outputs + 1,
				  sizeof(*graph->outputs));
	for (i = 0; i < model->num_outputs; i++) {
		const struct nc_value *value = model->outputs[i];
		struct nc_range range = tidy(value, wanted[i]);
		struct nc_value *copy;

		if (range.axis == NC_NOTHING)
			continue;
		copy = get(b, value->producer, value, &range);
		copy->is_output = true;
		graph->outputs[graph->num_outputs++] = copy;
	}
}

struct nc_graph *nc_part_graph(struct nc_ctx *ctx, const struct nc_range *wanted)
{
	struct nc_graph *model = ctx->graph, *graph;
	struct builder b = { .ctx = ctx, .model = model };
	unsigned int i;

	b.tracks = nc_alloc(ctx->arena, model->num_values + 1, sizeof(*b.tracks));
	b.made = nc_alloc(ctx->arena, model->num_nodes + 1, sizeof(*b.made));
	for (i = 0; i < model->num_values; i++) {
		model->values[i]->lir = (void *)(uintptr_t)i;
		b.tracks[i].range.axis = NC_NOTHING;
	}
	for (i = 0; i < model->num_outputs; i++) {
		struct track *track = track_of(&b, model->outputs[i]);

		track->range = join(track->range, tidy(model->outputs[i], wanted[i]));
	}
	for (i = model->num_nodes; i-- > 0; )
		want(&b, i);

	graph = nc_memdup(ctx->arena, model, sizeof(*model));
	graph->values = NULL;
	graph->num_values = 0;
	graph->values_room = 0;
	graph->num_outputs = 0;
	ctx->graph = graph;
	copy_inputs(&b, graph);
	for (i = 0; i < model->num_nodes; i++)
		copy_node(&b, i);
	copy_outputs(&b, graph, wanted);
	graph->nodes = b.list.nodes;
	graph->num_nodes = b.list.count;
	nc_graph_update(ctx);
	return graph;
}
