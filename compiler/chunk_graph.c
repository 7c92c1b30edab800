// SPDX-License-Identifier: MIT
/* The graph of nodes that the chip executes piece by piece: see chunk.h. */
#include <string.h>
#include "chunk.h"

/* Frames of a piece that are kept: for each that overlaps, and at least, and at most. */
#define KEPT_EACH	4
#define KEPT_LEAST	64
#define KEPT_MOST	512
/* Pieces that overlap by more are not worth it. */
#define OVERLAP_MOST	2048

/**
 * struct edge - how far a value of a piece is not what it is in the whole
 * @before: elements at its beginning
 * @behind: elements at its end
 * @clean: it is zero where there is no frame
 * @wild: it may be infinite or NaN there
 */
struct edge {
	int64_t before;
	int64_t behind;
	bool clean;
	bool wild;
};

/**
 * struct making - a graph that is being made
 * @ctx: its compilation
 * @graph: the graph
 * @mark: of the nodes that are in it
 * @id: of the copies, see nc_value.copy
 * @nodes: its nodes so far
 * @values: what its inputs, then its outputs are; NULL for a mask
 * @chunks: the same, for the file
 * @num_values: entries of both
 * @edges: by number of a copy, see number_of()
 * @masks: by rate: the input that is one where there is a frame
 * @num_masks: entries of @masks
 * @before: frames at the beginning that are not what they are in the whole
 * @behind: the same at the end
 * @most: frames that there can be
 * @length: of a piece
 */
struct making {
	struct nc_ctx *ctx;
	struct nc_graph *graph;
	int mark;
	unsigned int id;
	struct nc_node_list nodes;
	struct nc_value **values;
	struct neuron_neff_chunk *chunks;
	unsigned int num_values;
	struct edge *edges;
	struct mask {
		int64_t rate;
		struct nc_value *value;
	} *masks;
	unsigned int num_masks;
	int64_t before;
	int64_t behind;
	int64_t most;
	int64_t length;
};

static bool is_inside(const struct making *m, const struct nc_value *value)
{
	return value->producer && value->producer->mark == m->mark;
}

/*
 * Edges: how large pieces have to be shows before there is a graph of pieces
 */

static int64_t most_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t round_up(int64_t x, int64_t step)
{
	return (x + step - 1) / step;
}

/* Of what nobody has made it may make what is not finite. */
static bool makes_wild(const struct nc_node *node)
{
	switch (node->op) {
	case NC_OP_Div:
		return node->inputs[1]->open;
	case NC_OP_Acosh:
	case NC_OP_LpNormalization:
	case NC_OP_Pow:
	case NC_OP_Exp:
	case NC_OP_Log:
	case NC_OP_Sqrt:
	case NC_OP_Reciprocal:
		return true;
	default:
		return false;
	}
}

/* Of nothing it makes nothing, if what of its inputs is open is nothing. */
static bool keeps_clean(const struct nc_node *node, unsigned int clean, unsigned int open)
{
	switch (node->op) {
	case NC_OP_Mul:
		return clean;
	case NC_OP_Add:
	case NC_OP_Sub:
	case NC_OP_Max:
	case NC_OP_Min:
	case NC_OP_Concat:
		return clean == node->num_inputs;
	case NC_OP_Div:
	case NC_OP_PRelu:
	case NC_OP_Relu:
	case NC_OP_LeakyRelu:
	case NC_OP_Tanh:
	case NC_OP_Neg:
	case NC_OP_Abs:
	case NC_OP_Identity:
	case NC_OP_Transpose:
	case NC_OP_Slice:
	case NC_OP_Split:
	case NC_OP_Unsqueeze:
	case NC_OP_Squeeze:
	case NC_OP_Reshape:
	case NC_OP_Gather:
	case NC_OP_Resize:
	case NC_OP_Upsample:
	case NC_OP_ReduceSum:
	case NC_OP_ReduceMean:
		return clean == open;
	default:
		return false;
	}
}

/* What goes in is zero where there is nothing. @edges: by nc_value.number, from 1 on. */
static struct edge edge_of(const struct making *m, const struct nc_value *value)
{
	return is_inside(m, value) ? m->edges[value->number] : (struct edge) { .clean = true };
}

/* Whether what the node looks at has to be made zero first. */
static bool wants_mask(const struct making *m, const struct nc_node *node)
{
	struct nc_reach reach;

	nc_chunk_reach(node, &reach);
	return reach.moves && !edge_of(m, node->inputs[0]).clean;
}

static void find_edge(struct making *m, const struct nc_node *node)
{
	unsigned int i, clean = 0, open = 0;
	struct edge edge = { 0 };
	struct nc_reach reach;
	int64_t rate;

	nc_chunk_reach(node, &reach);
	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_value *x = node->inputs[i];
		struct edge in;

		if (!x || !x->open)
			continue;
		in = edge_of(m, x);
		edge.before = most_of(edge.before, in.before);
		edge.behind = most_of(edge.behind, in.behind);
		edge.wild |= in.wild;
		clean += in.clean;
		open++;
		if (!is_inside(m, x) && x->dims[x->chunked->axis] / nc_chunk_rate(x->chunked) < m->most)
			m->most = x->dims[x->chunked->axis] / nc_chunk_rate(x->chunked);
	}
	edge.before = edge.before * reach.up + reach.before;
	edge.behind = edge.behind * reach.up + reach.behind;
	edge.wild |= makes_wild(node);
	edge.clean = !edge.wild && keeps_clean(node, clean, open);
	rate = nc_chunk_rate(node->outputs[0]->chunked);
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *out = node->outputs[i];

		m->edges[out->number] = edge;
		if (!out->outside)
			continue;
		m->before = most_of(m->before, round_up(edge.before, rate));
		m->behind = most_of(m->behind, round_up(edge.behind, rate));
	}
}

/* Return: false: they overlap by too much. */
static bool find_length(struct making *m, const struct nc_graph *graph)
{
	unsigned int i, k, numbers = 0;
	int64_t kept;

	for (i = 0; i < graph->num_nodes; i++)
		for (k = 0; graph->nodes[i]->mark == m->mark && k < graph->nodes[i]->num_outputs; k++)
			graph->nodes[i]->outputs[k]->number = ++numbers;
	m->edges = nc_alloc(m->ctx->arena, numbers + 1, sizeof(*m->edges));
	m->most = INT64_MAX;
	for (i = 0; i < graph->num_nodes; i++)
		if (graph->nodes[i]->mark == m->mark)
			find_edge(m, graph->nodes[i]);
	if (m->before + m->behind > OVERLAP_MOST)
		return false;
	kept = KEPT_EACH * (m->before + m->behind);
	kept = kept < KEPT_LEAST ? KEPT_LEAST : kept > KEPT_MOST ? KEPT_MOST : kept;
	if (kept > m->most)
		kept = most_of(m->most, 1);
	m->length = m->before + kept + m->behind;
	return true;
}

/*
 * The graph
 */

static struct nc_value *add_input(struct making *m, const char *name, struct nc_value *copy,
				  struct nc_value *value, struct neuron_neff_chunk chunk)
{
	copy->is_input = true;
	copy->name = nc_sprintf(m->ctx->arena, "%u:%s", m->num_values, name);
	m->chunks[m->num_values] = chunk;
	m->values[m->num_values++] = value;
	m->graph->inputs[m->graph->num_inputs++] = copy;
	return copy;
}

static struct neuron_neff_chunk chunk_of(const struct nc_value *value)
{
	return (struct neuron_neff_chunk) { value->chunked->axis, nc_chunk_rate(value->chunked) };
}

/* A value from outside: a constant, all of what is closed, a piece of what is open. */
static struct nc_value *use(struct making *m, struct nc_value *value)
{
	struct neuron_neff_chunk chunk = { -1, 0 };
	struct nc_value *copy;

	if (!value)
		return NULL;
	if (value->copy_id == m->id)
		return value->copy;
	copy = nc_value_like(m->ctx, value->name, value->dtype, value->rank, value->dims);
	value->copy = copy;
	value->copy_id = m->id;
	copy->data = value->data;
	copy->size = value->size;
	copy->folded = value->folded;
	if (nc_is_const(value))
		return copy;
	if (value->open) {
		chunk = chunk_of(value);
		copy->dims[chunk.axis] = chunk.rate * m->length;
	}
	return add_input(m, value->name, copy, value, chunk);
}

/* The input that is one where there is a frame, of the rank of @value. */
static struct nc_value *mask_for(struct making *m, const struct nc_value *value)
{
	struct neuron_neff_chunk chunk = chunk_of(value);
	int64_t dims[NC_MAX_RANK];
	struct mask *mask;
	unsigned int i;

	for (i = 0; i < m->num_masks; i++) {
		const struct nc_value *has = m->masks[i].value;

		if (m->masks[i].rate == chunk.rate && has->rank == value->rank &&
		    has->dims[chunk.axis] != 1)
			return m->masks[i].value;
	}
	for (i = 0; (int)i < value->rank; i++)
		dims[i] = (int)i == chunk.axis ? chunk.rate * m->length : 1;
	mask = &m->masks[m->num_masks++];
	mask->rate = chunk.rate;
	mask->value = add_input(m, "mask", nc_value_like(m->ctx, "mask", NC_F32, value->rank, dims),
				NULL, chunk);
	return mask->value;
}

/* The inputs that the chip's operator has: the host's may be others. */
static void set_inputs(struct making *m, struct nc_node *copy, const struct nc_node *node)
{
	const bool conv = node->op == NC_OP_Conv || node->op == NC_OP_ConvTranspose;
	unsigned int i;

	copy->inputs = nc_alloc(m->ctx->arena, node->num_inputs + 1, sizeof(*copy->inputs));
	for (i = 0; i < node->num_inputs; i++)
		copy->inputs[i] = use(m, node->inputs[i]);
	/* The window is in the attributes: see prepare_conv(). */
	if (!conv)
		return;
	copy->inputs[2] = nc_in(node, 3) ? copy->inputs[3] : NULL;
	copy->num_inputs = copy->inputs[2] ? 3 : 2;
}

/* As long as another one, and all the same: see nc_host_rewrite(). Return: it is that. */
static bool copy_constant(struct making *m, const struct nc_node *node)
{
	struct nc_value *out = node->outputs[0], *copy, *element = nc_in(node, 2);
	struct neuron_neff_chunk chunk = chunk_of(out);
	size_t size, i, n;
	double x;
	char *data;

	if (node->op != NC_OP_Where || out->outside || !nc_const_splat(node->inputs[0], &x) ||
	    x != 0 || !nc_is_const(element) || nc_numel(element) != 1)
		return false;
	copy = nc_value_like(m->ctx, out->name, out->dtype, out->rank, out->dims);
	copy->dims[chunk.axis] = chunk.rate * m->length;
	size = nc_dtype_size(out->dtype);
	n = (size_t)nc_numel(copy);
	data = nc_alloc(m->ctx->arena, n + 1, size);
	for (i = 0; i < n; i++)
		memcpy(data + i * size, element->data, size);
	copy->data = data;
	copy->size = n * size;
	out->copy = copy;
	out->copy_id = m->id;
	return true;
}

/* The input of a node, zero where there is no frame. Zero times what is wild is wild. */
static struct nc_value *mask(struct making *m, const struct nc_node *node, struct nc_value *x)
{
	struct nc_value *by = mask_for(m, node->inputs[0]);
	struct nc_node *is, *masked;
	const float zero = 0;

	if (edge_of(m, node->inputs[0]).wild) {
		is = nc_node_new(m->ctx, node, NC_OP_Cast, NULL, 1, by);
		nc_set_attr_int(m->ctx, is, "to", nc_dtype_to_onnx(NC_BOOL));
		nc_node_list_add(m->ctx, &m->nodes, is);
		masked = nc_node_new(m->ctx, node, NC_OP_Where, NULL, 3, is->outputs[0], x,
				     nc_const_new(m->ctx, "zero", NC_F32, 0, NULL, &zero));
	} else {
		masked = nc_node_new(m->ctx, node, NC_OP_Mul, NULL, 2, x, by);
	}
	nc_node_list_add(m->ctx, &m->nodes, masked);
	return masked->outputs[0];
}

static void copy_node(struct making *m, const struct nc_node *node)
{
	struct nc_arena *arena = m->ctx->arena;
	struct nc_node *copy = nc_memdup(arena, node, sizeof(*node));
	unsigned int i;

	if (copy_constant(m, node))
		return;

	set_inputs(m, copy, node);
	copy->host = NULL;
	copy->chunk = 0;
	copy->mark = 0;
	if (wants_mask(m, node))
		copy->inputs[0] = mask(m, node, copy->inputs[0]);
	copy->outputs = nc_alloc(arena, node->num_outputs + 1, sizeof(*copy->outputs));
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];

		copy->outputs[i] = nc_value_new(m->ctx, value->name);
		copy->outputs[i]->producer = copy;
		value->copy = copy->outputs[i];
		value->copy_id = m->id;
	}
	nc_node_list_add(m->ctx, &m->nodes, copy);
}

static void add_outputs(struct making *m, const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];

		if (!value->outside)
			continue;
		value->copy->is_output = true;
		value->copy->name = nc_sprintf(m->ctx->arena, "%u:%s", m->num_values, value->name);
		m->chunks[m->num_values] = chunk_of(value);
		m->values[m->num_values++] = value;
		m->graph->outputs[m->graph->num_outputs++] = value->copy;
	}
}

/* What the chip makes of the nodes has the shapes that were expected. */
static bool infer(struct making *m)
{
	struct nc_ctx *ctx = m->ctx;
	struct nc_graph *graph = m->graph;
	struct nc_node_list list = { 0 };
	unsigned int i;

	ctx->list = &list;
	nc_infer_nodes(ctx, graph);
	ctx->list = NULL;
	if (ctx->diag.count)
		return false;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	for (i = 0; i < graph->num_outputs; i++) {
		const struct neuron_neff_chunk *chunk = &m->chunks[graph->num_inputs + i];
		const struct nc_value *out = nc_resolve(graph->outputs[i]);

		if (out->open || out->dims[chunk->axis] != chunk->rate * m->length)
			return false;
	}
	nc_graph_update(ctx);
	return !nc_has_host_nodes(graph);
}

/* Room for all that the nodes have, a mask for each. */
static struct nc_graph *new_graph(struct making *m, const struct nc_graph *graph)
{
	struct nc_arena *arena = m->ctx->arena;
	struct nc_graph *made = nc_memdup(arena, m->ctx->graph, sizeof(*made));
	unsigned int i, room = 0;

	for (i = 0; i < graph->num_nodes; i++)
		if (graph->nodes[i]->mark == m->mark)
			room += graph->nodes[i]->num_inputs + graph->nodes[i]->num_outputs + 1;
	made->values = NULL;
	made->num_values = 0;
	made->values_room = 0;
	made->inputs = nc_alloc(arena, room + 1, sizeof(*made->inputs));
	made->num_inputs = 0;
	made->outputs = nc_alloc(arena, room + 1, sizeof(*made->outputs));
	made->num_outputs = 0;
	m->values = nc_alloc(arena, room + 1, sizeof(*m->values));
	m->chunks = nc_alloc(arena, room + 1, sizeof(*m->chunks));
	m->masks = nc_alloc(arena, room + 1, sizeof(*m->masks));
	return made;
}

bool nc_chunk_graph(struct nc_ctx *sub, const struct nc_graph *graph, int mark,
		    struct nc_step *step)
{
	struct making m = { .ctx = sub, .mark = mark, .id = ++sub->num_copies };
	int64_t dims[2] = { 0, 2 };
	bool ok;
	unsigned int i;

	m.graph = new_graph(&m, graph);
	ok = find_length(&m, graph);
	sub->graph = m.graph;
	for (i = 0; ok && i < graph->num_nodes; i++)
		if (graph->nodes[i]->mark == mark)
			copy_node(&m, graph->nodes[i]);
	for (i = 0; ok && i < graph->num_nodes; i++)
		if (graph->nodes[i]->mark == mark)
			add_outputs(&m, graph->nodes[i]);
	m.graph->nodes = m.nodes.nodes;
	m.graph->num_nodes = m.nodes.count;
	ok = ok && infer(&m);
	/* The file's numbers are given later. */
	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];
		unsigned int k;

		for (k = 0; node->mark == mark && k < node->num_outputs; k++)
			node->outputs[k]->number = 0;
	}
	dims[0] = m.num_values;
	step->graph = m.graph;
	step->values = m.values;
	step->table = nc_const_new(sub, "pieces", NC_I64, 2, dims, m.chunks);
	step->frames[NEURON_NEFF_CHUNK_LENGTH] = m.length;
	step->frames[NEURON_NEFF_CHUNK_BEFORE] = m.before;
	step->frames[NEURON_NEFF_CHUNK_BEHIND] = m.behind;
	return ok;
}
