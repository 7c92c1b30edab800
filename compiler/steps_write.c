// SPDX-License-Identifier: MIT
/* The .neff of a model with steps: see <neuron/neff.h>. */
#include <string.h>
#include "host.h"
#include "neff_file.h"

/**
 * struct writer - what the file will hold
 * @ctx: the compilation
 * @values: entries of the VALUES section
 * @sources: what they are
 * @num_values: entries of both
 * @room: allocated entries of both
 * @operands: entries of the OPERANDS section
 * @num_operands: entries of @operands
 * @weights: bytes of the WEIGHTS section
 */
struct writer {
	struct nc_ctx *ctx;
	struct neuron_neff_value *values;
	const struct nc_value **sources;
	unsigned int num_values;
	unsigned int room;
	uint32_t *operands;
	unsigned int num_operands;
	uint64_t weights;
};

/* The value's number, which it gets when it is first asked for. */
static uint32_t number_of(struct writer *w, struct nc_value *value)
{
	struct neuron_neff_value *to;
	const struct nc_graph *graph = w->ctx->graph;
	int i;

	if (!value)
		return NEURON_NEFF_NONE;
	value = nc_resolve(value);
	if (value->number)
		return value->number - 1;
	w->sources[w->num_values] = value;
	to = &w->values[w->num_values++];
	value->number = w->num_values;
	to->kind = NEURON_NEFF_VALUE_TEMP;
	to->dtype = nc_dtype_to_neff(value->dtype);
	to->rank = (uint32_t)value->rank;
	for (i = 0; i < value->rank; i++)
		to->dims[i] = (uint32_t)value->dims[i];
	to->flags = value->open ? NEURON_NEFF_VALUE_OPEN : 0;
	if (nc_is_const(value)) {
		to->kind = NEURON_NEFF_VALUE_CONST;
		to->offset = w->weights;
		w->weights += (nc_bytes(value) + NEURON_NEFF_ALIGN - 1) &
			      -(uint64_t)NEURON_NEFF_ALIGN;
		return w->num_values - 1;
	}
	for (i = 0; i < (int)graph->num_inputs; i++)
		if (graph->inputs[i] == value) {
			to->kind = NEURON_NEFF_VALUE_INPUT;
			to->index = (uint32_t)i;
		}
	for (i = 0; i < (int)graph->num_outputs; i++)
		if (graph->outputs[i] == value) {
			to->kind = NEURON_NEFF_VALUE_OUTPUT;
			to->index = graph->num_inputs + (uint32_t)i;
		}
	return w->num_values - 1;
}

static void put_operands(struct writer *w, struct nc_value *const *values, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < count; i++)
		w->operands[w->num_operands++] = number_of(w, values[i]);
}

/* @first: all steps; those before this one are done. */
static void put_step(struct writer *w, const struct nc_step *step,
		     struct neuron_neff_step *first, struct neuron_neff_step *to,
		     unsigned int *models)
{
	const struct nc_node *node = step->node;

	to->first_operand = w->num_operands;
	to->layer = NEURON_NEFF_NONE;
	to->kind = step->kind;
	if (step->kind == NEURON_NEFF_STEP_UNLESS || step->kind == NEURON_NEFF_STEP_GO) {
		to->op = step->target;
		to->num_inputs = step->kind == NEURON_NEFF_STEP_UNLESS;
		if (to->num_inputs)
			put_operands(w, node->inputs, 1);
		return;
	}
	if (step->values) {
		to->op = (*models)++;
		to->num_inputs = step->graph->num_inputs;
		to->num_outputs = step->graph->num_outputs;
		put_operands(w, step->values, to->num_inputs);
		if (step->table) {
			put_operands(w, &step->table, 1);
			memcpy(to->ints, step->frames, sizeof(step->frames));
		}
		put_operands(w, step->values + to->num_inputs, to->num_outputs);
		to->num_inputs += !!step->table;
		return;
	}
	if (step->kind == NEURON_NEFF_STEP_PRODUCT) {
		to->op = step->graph ? (*models)++ : first[step->target].op;
	} else {
		to->op = node->host->op;
		to->reason = node->host->reason;
		memcpy(to->ints, node->host->ints, sizeof(to->ints));
		memcpy(to->floats, node->host->floats, sizeof(to->floats));
	}
	if (node->layer < w->ctx->graph->num_layers)
		to->layer = node->layer;
	to->num_inputs = node->num_inputs;
	to->num_outputs = node->num_outputs;
	put_operands(w, node->inputs, node->num_inputs);
	put_operands(w, node->outputs, node->num_outputs);
}

static unsigned int count_operands(const struct nc_step *steps, unsigned int count)
{
	unsigned int i, n = 0;

	for (i = 0; i < count; i++) {
		if (steps[i].values)
			n += steps[i].graph->num_inputs + steps[i].graph->num_outputs +
			     !!steps[i].table;
		else if (steps[i].node)
			n += steps[i].node->num_inputs + steps[i].node->num_outputs;
	}
	return n;
}

/* The cores and memory that the hungriest of its programs needs. */
static void need_most(struct neuron_neff_header *header, const struct neuron_neff_header *part)
{
	if (header->num_cores < part->num_cores)
		header->num_cores = part->num_cores;
	if (header->sbuf_size < part->sbuf_size)
		header->sbuf_size = part->sbuf_size;
	if (header->psum_size < part->psum_size)
		header->psum_size = part->psum_size;
}

enum { TENSORS, STEPS, OPERANDS, VALUES, WEIGHTS, LAYERS, MODELS };

void nc_steps_write(struct nc_ctx *ctx, const struct nc_step *steps, unsigned int count)
{
	struct neuron_neff_section sections[MODELS + NEURON_NEFF_MAX_MODELS] = { 0 };
	const struct nc_graph *graph = ctx->graph;
	unsigned int io = graph->num_inputs + graph->num_outputs, i, n = MODELS, models = 0;
	unsigned int operands = count_operands(steps, count);
	struct neuron_neff_step *to = nc_alloc(ctx->arena, count + 1, sizeof(*to));
	struct neuron_neff_header *header;
	struct writer w = { .ctx = ctx };
	uint8_t *file;

	/* Every value is an operand, or an input or output that nothing uses. */
	w.room = operands + io;
	w.values = nc_alloc(ctx->arena, w.room + 1, sizeof(*w.values));
	w.sources = nc_alloc(ctx->arena, w.room + 1, sizeof(*w.sources));
	w.operands = nc_alloc(ctx->arena, operands + 1, sizeof(*w.operands));
	for (i = 0; i < count; i++)
		put_step(&w, &steps[i], to, &to[i], &models);

	sections[TENSORS].type = NEURON_NEFF_TENSORS;
	sections[TENSORS].size = io * sizeof(struct neuron_neff_tensor);
	sections[STEPS].type = NEURON_NEFF_STEPS;
	sections[STEPS].size = count * sizeof(*to);
	sections[OPERANDS].type = NEURON_NEFF_OPERANDS;
	sections[OPERANDS].size = w.num_operands * sizeof(*w.operands);
	sections[VALUES].type = NEURON_NEFF_VALUES;
	sections[VALUES].size = w.num_values * sizeof(*w.values);
	sections[WEIGHTS].type = NEURON_NEFF_WEIGHTS;
	sections[WEIGHTS].size = w.weights;
	sections[LAYERS].type = NEURON_NEFF_LAYERS;
	sections[LAYERS].size = graph->num_layers * sizeof(struct neuron_neff_layer);
	for (i = 0; i < count; i++) {
		if (!steps[i].graph)
			continue;
		sections[n].type = NEURON_NEFF_MODEL;
		sections[n].index = n - MODELS;
		sections[n++].size = steps[i].result->neff_size;
	}
	file = nc_neff_new(ctx, sections, n);
	if (!file)
		return;
	header = (void *)file;
	header->flags = NEURON_NEFF_HAS_STEPS;
	header->num_cores = 1;
	nc_put_tensors(graph, false, (void *)(file + sections[TENSORS].offset));
	memcpy(file + sections[STEPS].offset, to, sections[STEPS].size);
	memcpy(file + sections[OPERANDS].offset, w.operands, sections[OPERANDS].size);
	memcpy(file + sections[VALUES].offset, w.values, sections[VALUES].size);
	for (i = 0; i < w.num_values; i++)
		if (w.values[i].kind == NEURON_NEFF_VALUE_CONST && nc_bytes(w.sources[i]))
			memcpy(file + sections[WEIGHTS].offset + w.values[i].offset,
			       w.sources[i]->data, nc_bytes(w.sources[i]));
	nc_put_layers(graph, (void *)(file + sections[LAYERS].offset));
	for (i = 0, n = MODELS; i < count; i++) {
		if (!steps[i].graph)
			continue;
		memcpy(file + sections[n].offset, steps[i].result->neff, sections[n].size);
		need_most(header, steps[i].result->neff);
		n++;
	}
	nc_neff_seal(file);
}
