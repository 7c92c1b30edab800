// SPDX-License-Identifier: MIT
/*
 * A graph that the chip cannot compute as a whole: parts of it become chip programs,
 * each compiled like a model of its own, with host steps between them.
 *
 * Nodes are put into phases, the chip's and the host's in turn: as early as what they
 * need allows. All of a chip phase is one program, so that there are as few as can be.
 */
#include <stdlib.h>
#include <string.h>
#include "host.h"
#include "neff_file.h"

bool nc_has_host_nodes(const struct nc_graph *graph)
{
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++)
		if (graph->nodes[i]->host)
			return true;
	return false;
}

/* nc_node.mark becomes the phase: even ones are the chip's. Return: how many. */
static int set_phases(struct nc_graph *graph)
{
	int last = 0;
	unsigned int i, k;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		node->mark = node->host ? 1 : 0;
		for (k = 0; k < node->num_inputs; k++) {
			const struct nc_value *x = node->inputs[k];
			int phase;

			if (!x || !x->producer)
				continue;
			phase = x->producer->mark + (!x->producer->host != !node->host);
			if (phase > node->mark)
				node->mark = phase;
		}
		if (node->mark > last)
			last = node->mark;
	}
	return last + 1;
}

/**
 * struct part - a chip phase on its way into a graph of its own
 * @ctx: the compilation of the part
 * @model: the whole graph
 * @graph: the part
 * @phase: which nodes
 * @id: of the copies, see nc_value.copy
 * @nodes: copied so far
 * @values: of the model: its inputs, then its outputs
 * @num_values: entries of @values
 */
struct part {
	struct nc_ctx *ctx;
	const struct nc_graph *model;
	struct nc_graph *graph;
	int phase;
	unsigned int id;
	struct nc_node_list nodes;
	struct nc_value **values;
	unsigned int num_values;
};

static struct nc_value *copy_value(struct part *part, struct nc_value *value,
				   struct nc_node *producer)
{
	struct nc_value *copy = nc_value_like(part->ctx, value->name, value->dtype,
					      value->rank, value->dims);

	copy->data = value->data;
	copy->size = value->size;
	copy->folded = value->folded;
	copy->producer = producer;
	value->copy = copy;
	value->copy_id = part->id;
	return copy;
}

/* Values that go in or out have names that no two share. */
static void name_value(struct part *part, struct nc_value *copy, const struct nc_value *value)
{
	copy->name = nc_sprintf(part->ctx->arena, "%u:%s", part->num_values, value->name);
	part->values[part->num_values++] = (struct nc_value *)value;
}

static struct nc_value *use(struct part *part, struct nc_value *value)
{
	struct nc_value *copy;

	if (!value)
		return NULL;
	if (value->copy_id == part->id)
		return value->copy;
	copy = copy_value(part, value, NULL);
	if (nc_is_const(value))
		return copy;
	copy->is_input = true;
	name_value(part, copy, value);
	part->graph->inputs[part->graph->num_inputs++] = copy;
	return copy;
}

static void copy_node(struct part *part, const struct nc_node *node)
{
	struct nc_arena *arena = part->ctx->arena;
	struct nc_node *copy = nc_memdup(arena, node, sizeof(*node));
	unsigned int i;

	copy->inputs = nc_alloc(arena, node->num_inputs + 1, sizeof(*copy->inputs));
	copy->outputs = nc_alloc(arena, node->num_outputs + 1, sizeof(*copy->outputs));
	copy->mark = 0;
	for (i = 0; i < node->num_inputs; i++)
		copy->inputs[i] = use(part, node->inputs[i]);
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			copy->outputs[i] = copy_value(part, node->outputs[i], copy);
	nc_node_list_add(part->ctx, &part->nodes, copy);
}

/* Values are marked (by nc_value.lir) that another phase, or the caller, uses. */
static void mark_outside(struct nc_graph *graph)
{
	unsigned int i, k;

	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];

		for (k = 0; k < node->num_inputs; k++) {
			struct nc_value *x = node->inputs[k];

			if (x && x->producer && x->producer->mark != node->mark)
				x->lir = x;
		}
	}
	for (i = 0; i < graph->num_outputs; i++)
		graph->outputs[i]->lir = graph->outputs[i];
}

/* The nodes of a phase as a graph; NULL: there are none. */
static struct nc_graph *take_part(struct part *part)
{
	const struct nc_graph *model = part->model;
	struct nc_arena *arena = part->ctx->arena;
	struct nc_graph *graph = nc_memdup(arena, model, sizeof(*model));
	unsigned int i, k, room = 0;

	for (i = 0; i < model->num_nodes; i++)
		if (model->nodes[i]->mark == part->phase)
			room += model->nodes[i]->num_inputs + model->nodes[i]->num_outputs;
	if (!room)
		return NULL;
	part->graph = graph;
	part->ctx->graph = graph;
	part->values = nc_alloc(arena, room, sizeof(*part->values));
	graph->values = NULL;
	graph->num_values = 0;
	graph->values_room = 0;
	graph->inputs = nc_alloc(arena, room, sizeof(*graph->inputs));
	graph->num_inputs = 0;
	graph->outputs = nc_alloc(arena, room, sizeof(*graph->outputs));
	graph->num_outputs = 0;
	for (i = 0; i < model->num_nodes; i++)
		if (model->nodes[i]->mark == part->phase)
			copy_node(part, model->nodes[i]);
	for (i = 0; i < model->num_nodes; i++) {
		const struct nc_node *node = model->nodes[i];

		for (k = 0; node->mark == part->phase && k < node->num_outputs; k++) {
			struct nc_value *value = node->outputs[k];

			if (!value || !value->lir)
				continue;
			value->copy->is_output = true;
			name_value(part, value->copy, value);
			graph->outputs[graph->num_outputs++] = value->copy;
		}
	}
	graph->nodes = part->nodes.nodes;
	graph->num_nodes = part->nodes.count;
	nc_graph_update(part->ctx);
	return graph;
}

/*
 * Compile a part as a model. It uses the whole's result meanwhile, so that nothing is
 * lost when memory ends.
 */
static struct nc_result *compile_part(struct nc_ctx *ctx, struct nc_ctx *sub)
{
	struct nc_result *whole = ctx->result, *result;

	/* Constants that this part does not have, others may. */
	sub->blobs = NULL;
	sub->num_blobs = 0;
	sub->blobs_room = 0;
	nc_compile_graph(sub);
	ctx->diag = sub->diag;
	ctx->dumped |= sub->dumped;
	ctx->num_copies = sub->num_copies;
	ctx->fold_budget = sub->fold_budget;
	result = nc_alloc(ctx->arena, 1, sizeof(*result));
	if (ctx->diag.count)
		return result;
	result->summary = whole->summary;
	result->neff = nc_memdup(ctx->arena, whole->neff, whole->neff_size);
	result->neff_size = whole->neff_size;
	free(whole->neff);
	whole->neff = NULL;
	whole->neff_size = 0;
	memset(&whole->summary, 0, sizeof(whole->summary));
	return result;
}

static void add_report(struct neuron_report *sum, const struct neuron_report *r)
{
	unsigned int i;

	sum->version = r->version;
	sum->size = r->size;
	sum->cycles += r->cycles;
	sum->macs += r->macs;
	sum->bytes_host_in += r->bytes_host_in;
	sum->bytes_host_out += r->bytes_host_out;
	sum->bytes_dram_in += r->bytes_dram_in;
	sum->bytes_dram_out += r->bytes_dram_out;
	sum->saturations += r->saturations;
	sum->nans += r->nans;
	if (sum->sbuf_high < r->sbuf_high)
		sum->sbuf_high = r->sbuf_high;
	if (sum->psum_high < r->psum_high)
		sum->psum_high = r->psum_high;
	for (i = 0; i < NEURON_NUM_ENGINES; i++) {
		sum->engine[i].busy += r->engine[i].busy;
		sum->engine[i].stall_sem += r->engine[i].stall_sem;
		sum->engine[i].stall_mem += r->engine[i].stall_mem;
		sum->engine[i].insts += r->engine[i].insts;
	}
}

static void add_summary(struct nc_summary *sum, const struct nc_summary *part)
{
	memcpy(sum->layers + sum->num_layers, part->layers,
	       part->num_layers * sizeof(*sum->layers));
	sum->num_layers += part->num_layers;
	sum->num_nodes += part->num_nodes;
	sum->num_params += part->num_params;
	sum->weight_bytes += part->weight_bytes;
	sum->kept_bytes += part->kept_bytes;
	sum->scratch_bytes += part->scratch_bytes;
	sum->num_insts += part->num_insts;
	add_report(&sum->report, &part->report);
	add_report(&sum->warm, &part->warm);
	sum->interval += part->interval;
	sum->handover_bytes += part->handover_bytes;
	if (sum->cores < part->cores)
		sum->cores = part->cores;
}

static void add_host_step(const struct nc_graph *graph, struct nc_summary *sum,
			  const struct nc_node *node)
{
	struct nc_layer_summary *layer = &sum->layers[sum->num_layers++];
	const struct nc_value *in = NULL, *out = NULL;
	unsigned int i;

	for (i = 0; i < node->num_outputs && !out; i++)
		out = node->outputs[i];
	for (i = 0; i < node->num_inputs && !in; i++)
		in = nc_is_const(node->inputs[i]) ? NULL : node->inputs[i];
	layer->name = node->name;
	layer->op = hostop_info(node->host->op)->name;
	if (node->layer < graph->num_layers && graph->layer_ops[node->layer])
		layer->op = graph->layer_ops[node->layer];
	layer->host = hostop_reason(node->host->reason);
	layer->in_rank = -1;
	if (in) {
		layer->in_rank = in->rank;
		layer->in_open = in->open;
		memcpy(layer->in_dims, in->dims, sizeof(layer->in_dims));
	}
	if (out) {
		layer->rank = out->rank;
		layer->open = out->open;
		memcpy(layer->dims, out->dims, sizeof(layer->dims));
	}
	sum->num_nodes++;
	sum->num_host_steps++;
}

static void summarize(struct nc_ctx *ctx, const struct nc_step *steps, unsigned int count)
{
	struct nc_summary *sum = &ctx->result->summary;
	unsigned int i, layers = 0;

	for (i = 0; i < count; i++)
		layers += steps[i].graph ? steps[i].result->summary.num_layers : 1;
	sum->layers = nc_alloc(ctx->arena, layers, sizeof(*sum->layers));
	sum->cores = 1;
	sum->stages = 1;
	for (i = 0; i < count; i++) {
		if (steps[i].graph) {
			add_summary(sum, &steps[i].result->summary);
			sum->num_programs++;
		} else {
			add_host_step(ctx->graph, sum, steps[i].node);
		}
	}
}

/* Nothing falls to the host without a word. */
static void say(struct nc_ctx *ctx)
{
	const struct nc_summary *sum = &ctx->result->summary;
	const char *other = ctx->result->note;

	ctx->result->note = nc_sprintf(ctx->arena, "%u %s on the host, beside %u chip %s: neuron-compile --summary lists them%s%s",
				       sum->num_host_steps,
				       sum->num_host_steps == 1 ? "step runs" : "steps run",
				       sum->num_programs,
				       sum->num_programs == 1 ? "program" : "programs",
				       other ? "\n" : "", other ? other : "");
}

void nc_steps(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_step *steps = nc_alloc(ctx->arena, graph->num_nodes + 1, sizeof(*steps));
	int phases = set_phases(graph), phase;
	unsigned int i, count = 0, programs = 0;

	mark_outside(graph);
	for (phase = 0; phase < phases && !ctx->diag.count; phase++) {
		struct nc_ctx *sub = nc_memdup(ctx->arena, ctx, sizeof(*ctx));
		struct part part = { .ctx = sub, .model = graph, .phase = phase };

		for (i = 0; phase % 2 && i < graph->num_nodes; i++)
			if (graph->nodes[i]->mark == phase)
				steps[count++].node = graph->nodes[i];
		if (phase % 2)
			continue;
		part.id = ++sub->num_copies;
		if (!take_part(&part)) {
			ctx->num_copies = sub->num_copies;
			continue;
		}
		steps[count].graph = part.graph;
		steps[count].values = part.values;
		steps[count++].result = compile_part(ctx, sub);
		programs++;
	}
	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->lir = NULL;
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
	if (!ctx->diag.count && programs > NEURON_NEFF_MAX_MODELS)
		nc_error(ctx, NULL, "its host steps part it into %u chip programs; %d are possible",
			 programs, NEURON_NEFF_MAX_MODELS);
	if (!ctx->diag.count)
		nc_steps_write(ctx, steps, count);
	if (ctx->diag.count)
		return;
	summarize(ctx, steps, count);
	say(ctx);
}
