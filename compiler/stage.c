// SPDX-License-Identifier: MIT
/*
 * Stages: the model cut into runs of consecutive nodes, each with a graph of its
 * own. What one makes and a later one reads lies in the HANDOVER slot between them,
 * or in an output of the model.
 */
#include <string.h>
#include <neuron/neff.h>
#include "cores.h"

#define NOWHERE	UINT32_MAX

#define ALIGN_UP(x)	(((x) + NEURON_NEFF_ALIGN - 1) / NEURON_NEFF_ALIGN * NEURON_NEFF_ALIGN)

/**
 * struct track - what is known of a value of the model
 * @made: stage that makes it; NOWHERE: it is an input or a constant
 * @input: number as an input of the model, or NOWHERE
 * @output: number as an output of the model, or NOWHERE
 * @handed: a later stage reads it
 * @reader: the last stage that has it among its inputs, plus one
 * @offset: in the HANDOVER slot
 */
struct track {
	uint32_t made;
	uint32_t input;
	uint32_t output;
	bool handed;
	uint32_t reader;
	uint64_t offset;
};

/* Values carry their numbers where the back end will put its own. */
static uint32_t number_of(const struct nc_value *value)
{
	return (uintptr_t)value->lir;
}

static struct track *number_values(struct nc_ctx *ctx)
{
	const struct nc_graph *model = ctx->graph;
	struct track *tracks = nc_alloc(ctx->arena, model->num_values + 1, sizeof(*tracks));
	unsigned int i;

	for (i = 0; i < model->num_values; i++) {
		model->values[i]->lir = (void *)(uintptr_t)i;
		tracks[i].made = NOWHERE;
		tracks[i].input = NOWHERE;
		tracks[i].output = NOWHERE;
	}
	for (i = 0; i < model->num_inputs; i++)
		tracks[number_of(model->inputs[i])].input = i;
	for (i = 0; i < model->num_outputs; i++)
		tracks[number_of(model->outputs[i])].output = i;
	return tracks;
}

static struct nc_port *add_port(struct nc_ctx *ctx, struct nc_port **ports,
				unsigned int *count, unsigned int *room)
{
	struct nc_port *grown;

	if (*count == *room) {
		*room = *room ? 2 * *room : 8;
		grown = nc_alloc(ctx->arena, *room, sizeof(*grown));
		if (*count)
			memcpy(grown, *ports, *count * sizeof(*grown));
		*ports = grown;
	}
	return &(*ports)[(*count)++];
}

/* What the stage reads of the model's inputs and of earlier stages. */
static void find_inputs(struct nc_ctx *ctx, struct track *tracks, struct nc_stage *stage,
			uint32_t number)
{
	const struct nc_graph *model = ctx->graph;
	unsigned int i, k, room = 0;

	for (i = stage->first; i < stage->end; i++) {
		const struct nc_node *node = model->nodes[i];

		for (k = 0; k < node->num_inputs; k++) {
			struct nc_value *value = node->inputs[k];
			struct track *track;

			if (!value || nc_is_const(value))
				continue;
			track = &tracks[number_of(value)];
			if (track->made == number || track->reader == number + 1)
				continue;
			track->reader = number + 1;
			track->handed |= track->input == NOWHERE;
			add_port(ctx, &stage->inputs, &stage->num_inputs,
				 &room)->value = value;
		}
		for (k = 0; k < node->num_outputs; k++)
			if (node->outputs[k])
				tracks[number_of(node->outputs[k])].made = number;
	}
}

static void place_port(const struct nc_ctx *ctx, const struct track *tracks,
		       struct nc_port *port)
{
	const struct nc_graph *model = ctx->graph;
	const struct track *track = &tracks[number_of(port->value)];

	if (track->input != NOWHERE) {
		port->slot = NC_SLOT_FIRST_IO + track->input;
	} else if (track->output != NOWHERE) {
		port->slot = NC_SLOT_FIRST_IO + model->num_inputs + track->output;
	} else {
		port->slot = NC_SLOT_FIRST_IO + model->num_inputs + model->num_outputs;
		port->offset = track->offset;
	}
}

static void find_outputs(struct nc_ctx *ctx, struct track *tracks, struct nc_stage *stage,
			 uint64_t *handover)
{
	const struct nc_graph *model = ctx->graph;
	unsigned int i, k, room = 0;

	for (i = stage->first; i < stage->end; i++) {
		const struct nc_node *node = model->nodes[i];

		for (k = 0; k < node->num_outputs; k++) {
			struct nc_value *value = node->outputs[k];
			struct track *track;

			if (!value)
				continue;
			track = &tracks[number_of(value)];
			if (!track->handed && track->output == NOWHERE)
				continue;
			if (track->output == NOWHERE) {
				track->offset = *handover;
				*handover = ALIGN_UP(*handover + nc_bytes(value));
			}
			add_port(ctx, &stage->outputs, &stage->num_outputs,
				 &room)->value = value;
		}
	}
}

uint64_t nc_stages_connect(struct nc_ctx *ctx, struct nc_stage *stages, unsigned int count)
{
	struct track *tracks = number_values(ctx);
	uint64_t handover = 0;
	unsigned int i, k;

	for (i = 0; i < count; i++) {
		stages[i].num_inputs = 0;
		stages[i].num_outputs = 0;
		find_inputs(ctx, tracks, &stages[i], i);
	}
	for (i = 0; i < count; i++)
		find_outputs(ctx, tracks, &stages[i], &handover);
	for (i = 0; i < count; i++) {
		for (k = 0; k < stages[i].num_inputs; k++)
			place_port(ctx, tracks, &stages[i].inputs[k]);
		for (k = 0; k < stages[i].num_outputs; k++)
			place_port(ctx, tracks, &stages[i].outputs[k]);
	}
	return handover;
}

uint64_t *nc_handed_bytes(struct nc_ctx *ctx)
{
	const struct nc_graph *graph = ctx->graph;
	unsigned int n = graph->num_nodes, i, k;
	unsigned int *last = nc_alloc(ctx->arena, graph->num_values + 1, sizeof(*last));
	uint64_t *bytes = nc_alloc(ctx->arena, n + 1, sizeof(*bytes));
	uint64_t *ends = nc_alloc(ctx->arena, n + 1, sizeof(*ends));

	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->lir = (void *)(uintptr_t)i;
	for (i = 0; i < n; i++)
		for (k = 0; k < graph->nodes[i]->num_inputs; k++)
			if (graph->nodes[i]->inputs[k])
				last[(uintptr_t)graph->nodes[i]->inputs[k]->lir] = i;
	for (i = 0; i < n; i++) {
		bytes[i + 1] = bytes[i] - ends[i];
		for (k = 0; k < graph->nodes[i]->num_outputs; k++) {
			const struct nc_value *value = graph->nodes[i]->outputs[k];

			if (!value || last[(uintptr_t)value->lir] <= i)
				continue;
			bytes[i + 1] += nc_bytes(value);
			ends[last[(uintptr_t)value->lir]] += nc_bytes(value);
		}
	}
	return bytes;
}

/*
 * The graph of a stage
 */

static struct nc_value *copy_of(struct nc_ctx *ctx, struct nc_value **copies,
				const struct nc_value *value)
{
	struct nc_value **copy = &copies[number_of(value)];

	if (*copy)
		return *copy;
	*copy = nc_value_like(ctx, value->name, value->dtype, value->rank, value->dims);
	(*copy)->data = value->data;
	(*copy)->size = value->size;
	(*copy)->folded = value->folded;
	return *copy;
}

static struct nc_value **copy_ports(struct nc_ctx *ctx, struct nc_value **copies,
				    const struct nc_port *ports, unsigned int count)
{
	struct nc_value **values = nc_alloc(ctx->arena, count, sizeof(*values));
	unsigned int i;

	for (i = 0; i < count; i++)
		values[i] = copy_of(ctx, copies, ports[i].value);
	return values;
}

static void copy_node(struct nc_ctx *ctx, struct nc_value **copies,
		      const struct nc_node *node, struct nc_node_list *list)
{
	struct nc_node *copy = nc_memdup(ctx->arena, node, sizeof(*node));
	unsigned int i;

	copy->inputs = nc_alloc(ctx->arena, node->num_inputs + 1, sizeof(*copy->inputs));
	copy->outputs = nc_alloc(ctx->arena, node->num_outputs + 1, sizeof(*copy->outputs));
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i])
			copy->inputs[i] = copy_of(ctx, copies, node->inputs[i]);
	for (i = 0; i < node->num_outputs; i++) {
		if (!node->outputs[i])
			continue;
		copy->outputs[i] = copy_of(ctx, copies, node->outputs[i]);
		copy->outputs[i]->producer = copy;
	}
	nc_node_list_add(ctx, list, copy);
}

struct nc_graph *nc_stage_graph(struct nc_ctx *ctx, const struct nc_stage *stage)
{
	const struct nc_graph *model = ctx->graph;
	struct nc_graph *graph = nc_memdup(ctx->arena, model, sizeof(*model));
	struct nc_value **copies = nc_alloc(ctx->arena, model->num_values + 1,
					    sizeof(*copies));
	struct nc_node_list list = { 0 };
	unsigned int i;

	graph->values = NULL;
	graph->num_values = 0;
	graph->values_room = 0;
	ctx->graph = graph;
	graph->num_inputs = stage->num_inputs;
	graph->inputs = copy_ports(ctx, copies, stage->inputs, stage->num_inputs);
	for (i = 0; i < graph->num_inputs; i++)
		graph->inputs[i]->is_input = true;
	for (i = stage->first; i < stage->end; i++)
		copy_node(ctx, copies, model->nodes[i], &list);
	graph->num_outputs = stage->num_outputs;
	graph->outputs = copy_ports(ctx, copies, stage->outputs, stage->num_outputs);
	for (i = 0; i < graph->num_outputs; i++)
		graph->outputs[i]->is_output = true;
	graph->nodes = list.nodes;
	graph->num_nodes = list.count;
	nc_graph_update(ctx);
	return graph;
}
