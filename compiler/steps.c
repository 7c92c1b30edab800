// SPDX-License-Identifier: MIT
/*
 * A graph that the chip cannot compute as a whole: parts of it become chip programs,
 * each compiled like a model of its own, with host steps between them.
 *
 * Nodes are put into phases, of a kind each: the chip's, the host's, and one for each group
 * of what the chip does piece by piece (chunk.c), in turn: as early as what they need
 * allows. All of a chip phase is one program, so that there are as few as can be.
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

/**
 * struct plan - the steps so far
 * @ctx: the compilation
 * @steps: them
 * @count: entries of @steps
 * @room: allocated entries of @steps
 * @programs: of them, what runs on the chip
 * @first: first phase of the nodes that are added next
 */
struct plan {
	struct nc_ctx *ctx;
	struct nc_step *steps;
	unsigned int count;
	unsigned int room;
	unsigned int programs;
	int first;
};

static struct nc_step *add_step(struct plan *plan, unsigned int kind)
{
	struct nc_step *steps = plan->steps;

	if (plan->count == plan->room) {
		plan->room = plan->room * 2 + 64;
		steps = nc_alloc(plan->ctx->arena, plan->room, sizeof(*steps));
		if (plan->count)
			memcpy(steps, plan->steps, plan->count * sizeof(*steps));
		plan->steps = steps;
	}
	steps[plan->count].kind = kind;
	return &steps[plan->count++];
}

/* Kinds of phases; behind them, those of the groups. */
enum { ON_CHIP, ON_HOST, IN_PIECES };

static unsigned int kind_of(const struct nc_node *node)
{
	return node->chunk ? IN_PIECES + node->chunk - 1 : node->host ? ON_HOST : ON_CHIP;
}

/*
 * nc_node.mark becomes the phase, whose kind is what remains of it from @first on, divided
 * by @kinds. Nodes around a branch have been marked with smaller ones. Return: the phase
 * behind the last.
 */
static int set_phases(const struct nc_graph *graph, int first, unsigned int kinds)
{
	int last = first;
	unsigned int i, k;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];
		int kind = (int)kind_of(node);

		node->mark = first + kind;
		for (k = 0; k < node->num_inputs; k++) {
			const struct nc_value *x = nc_resolve(node->inputs[k]);
			int phase, behind;

			if (!x || !x->producer || x->producer->mark < first)
				continue;
			/* The first one of its kind that is not before. */
			phase = x->producer->mark;
			behind = (phase - first) % (int)kinds;
			phase += (kind - behind + (int)kinds) % (int)kinds;
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
 * @model: the graph whose nodes it takes: the model's, or a branch
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
		copy->inputs[i] = use(part, nc_resolve(node->inputs[i]));
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			copy->outputs[i] = copy_value(part, node->outputs[i], copy);
	nc_node_list_add(part->ctx, &part->nodes, copy);
}

/* Values are marked that another phase, or the caller, uses. */
static void mark_outside(const struct nc_graph *graph)
{
	unsigned int i, k;

	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];

		for (k = 0; k < node->num_inputs; k++) {
			struct nc_value *x = nc_resolve(node->inputs[k]);

			if (x && x->producer && x->producer->mark != node->mark)
				x->outside = true;
		}
	}
	for (i = 0; i < graph->num_outputs; i++)
		graph->outputs[i]->outside = true;
}

/* The nodes of a phase as a graph; NULL: there are none. */
static struct nc_graph *take_part(struct part *part)
{
	const struct nc_graph *model = part->model;
	struct nc_arena *arena = part->ctx->arena;
	struct nc_graph *graph = nc_memdup(arena, part->ctx->graph, sizeof(*graph));
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

			if (!value || !value->outside)
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

static void add_summary(struct nc_summary *sum, const struct nc_summary *part,
			const struct nc_node *product)
{
	unsigned int i;

	memcpy(sum->layers + sum->num_layers, part->layers,
	       part->num_layers * sizeof(*sum->layers));
	/* Its program may have been made for another one. */
	for (i = 0; product && i < part->num_layers; i++)
		sum->layers[sum->num_layers + i].name = product->name;
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
	layer->op = node->op_type;
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

/* What a step runs on the chip; NULL: nothing. */
static const struct nc_result *program_of(const struct plan *plan, unsigned int i)
{
	const struct nc_step *step = &plan->steps[i];

	return plan->steps[step->kind == NEURON_NEFF_STEP_PRODUCT ? step->target : i].result;
}

/* Which of two ways to go is no line of its own but at its beginning. */
static void summarize(const struct plan *plan)
{
	struct nc_summary *sum = &plan->ctx->result->summary;
	unsigned int i, layers = 0;

	for (i = 0; i < plan->count; i++)
		layers += program_of(plan, i) ? program_of(plan, i)->summary.num_layers : 1;
	sum->layers = nc_alloc(plan->ctx->arena, layers, sizeof(*sum->layers));
	sum->cores = 1;
	sum->stages = 1;
	sum->num_programs = plan->programs;
	for (i = 0; i < plan->count; i++) {
		const struct nc_step *step = &plan->steps[i];
		const bool product = step->kind == NEURON_NEFF_STEP_PRODUCT;

		sum->num_piecewise += step->table || (product && step->graph);
		if (program_of(plan, i))
			add_summary(sum, &program_of(plan, i)->summary,
				    product ? step->node : NULL);
		else if (step->node)
			add_host_step(plan->ctx->graph, sum, step->node);
	}
}

/* Nothing falls to the host without a word. */
static void say(struct nc_ctx *ctx)
{
	const struct nc_summary *sum = &ctx->result->summary;
	const char *other = ctx->result->note, *choice = "", *pieces = "";

	if (sum->num_piecewise)
		pieces = nc_sprintf(ctx->arena, ", %u of which %s piece by piece",
				    sum->num_piecewise, sum->num_piecewise == 1 ? "works" : "work");
	if (ctx->result->num_needed)
		choice = nc_sprintf(ctx->arena, "\ninput '%.60s' chooses between chip programs while the model runs; with --const '%.60s=VALUE' there is less to do",
				    ctx->result->needed[0], ctx->result->needed[0]);
	ctx->result->note = nc_sprintf(ctx->arena, "%u %s on the host, beside %u chip %s%s: neuron-compile --summary lists them%s%s%s",
				       sum->num_host_steps,
				       sum->num_host_steps == 1 ? "step runs" : "steps run",
				       sum->num_programs,
				       sum->num_programs == 1 ? "program" : "programs", pieces,
				       choice, other ? "\n" : "", other ? other : "");
}

static void add_graph(struct plan *plan, const struct nc_graph *graph);

/* A value of a branch becomes an output of the If, as it is or by a copy. */
static void give(struct plan *plan, const struct nc_node *node, struct nc_value *from,
		 struct nc_value *to)
{
	struct nc_arena *arena = plan->ctx->arena;
	struct nc_node *copy;
	struct nc_host *host;
	unsigned int i;

	from = nc_resolve(from);
	/* What comes from around the branch is one of the node's inputs. */
	for (i = 0; i < node->num_inputs && node->inputs[i] != from; i++)
		;
	if (i == node->num_inputs && from->producer && from != to && !from->open &&
	    !to->open && nc_same_shape(from, to)) {
		for (i = 0; i < node->num_outputs && node->outputs[i] != from; i++)
			;
		if (i == node->num_outputs) {
			from->alias = to;
			return;
		}
	}
	host = nc_alloc(arena, 1, sizeof(*host));
	host->op = NEURON_HOST_IDENTITY;
	host->reason = NEURON_HOST_REASON_CONDITION;
	copy = nc_memdup(arena, node, sizeof(*node));
	copy->op_type = nc_op_name(NC_OP_Identity);
	copy->host = host;
	copy->inputs = nc_memdup(arena, &from, sizeof(from));
	copy->num_inputs = 1;
	copy->outputs = nc_memdup(arena, &to, sizeof(to));
	copy->num_outputs = 1;
	add_step(plan, NEURON_NEFF_STEP_HOST)->node = copy;
}

static void add_branch(struct plan *plan, const struct nc_node *node, unsigned int which)
{
	struct nc_graph *branch = node->host->branches[which];
	unsigned int i;

	branch->num_outputs = node->num_outputs;
	add_graph(plan, branch);
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			give(plan, node, branch->outputs[i], node->outputs[i]);
}

/* Unless the condition is true go to what is else; behind what is then go to the end. */
static void add_if(struct plan *plan, struct nc_node *node)
{
	unsigned int unless = plan->count, go;

	add_step(plan, NEURON_NEFF_STEP_UNLESS)->node = node;
	add_branch(plan, node, 1);
	go = plan->count;
	add_step(plan, NEURON_NEFF_STEP_GO);
	plan->steps[unless].target = plan->count;
	add_branch(plan, node, 0);
	plan->steps[go].target = plan->count;
}

static void add_program(struct plan *plan, const struct nc_graph *graph, int phase)
{
	struct nc_ctx *sub = nc_memdup(plan->ctx->arena, plan->ctx, sizeof(*sub));
	struct part part = { .ctx = sub, .model = graph, .phase = phase };
	struct nc_step *step;

	part.id = ++sub->num_copies;
	plan->ctx->num_copies = sub->num_copies;
	if (!take_part(&part))
		return;
	step = add_step(plan, NEURON_NEFF_STEP_CHIP);
	step->graph = part.graph;
	step->values = part.values;
	step->result = compile_part(plan->ctx, sub);
	plan->programs++;
}

/* A node that is for the chip alone, and in no program. */
static void refuse_pieces(struct nc_ctx *ctx, const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		if (!node->inputs[i] || !node->inputs[i]->open)
			continue;
		nc_need_const(ctx, node, node->inputs[i], "input's shape");
		return;
	}
}

/* So many sizes of tiles have a program; products of others are the host's. */
#define PRODUCT_PROGRAMS	8

static bool same_program(const struct nc_step *step, const struct nc_node *node,
			 const int64_t tile[3])
{
	return step->kind == NEURON_NEFF_STEP_PRODUCT && step->graph &&
	       step->node->exact == node->exact &&
	       !memcmp(step->tile, tile, sizeof(step->tile));
}

/* Give the chip what the host would multiply. Return: false: it is the host's. */
static bool add_product(struct plan *plan, struct nc_node *node)
{
	struct nc_ctx *ctx = plan->ctx, *sub;
	struct nc_step step = { .kind = NEURON_NEFF_STEP_PRODUCT, .node = node };
	const struct nc_diag diag = ctx->diag;
	unsigned int i, programs = 0;

	if (!nc_product_tile(node, step.tile))
		return false;
	for (i = 0; i < plan->count && !same_program(&plan->steps[i], node, step.tile); i++)
		programs += plan->steps[i].kind == NEURON_NEFF_STEP_PRODUCT &&
			    plan->steps[i].graph;
	step.target = i;
	if (i == plan->count) {
		if (programs == PRODUCT_PROGRAMS)
			return false;
		sub = nc_memdup(ctx->arena, ctx, sizeof(*sub));
		step.graph = nc_product_graph(sub, node, step.tile);
		step.result = compile_part(ctx, sub);
		if (ctx->diag.count) {
			ctx->diag = diag;
			return false;
		}
		plan->programs++;
	}
	*add_step(plan, NEURON_NEFF_STEP_PRODUCT) = step;
	return true;
}

static void add_host_nodes(struct plan *plan, const struct nc_graph *graph, int phase)
{
	unsigned int i;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		if (node->mark != phase)
			continue;
		if (node->host->op == NC_HOST_IF)
			add_if(plan, node);
		else if (node->host->op == NC_HOST_PIECES)
			refuse_pieces(plan->ctx, node);
		else if (!add_product(plan, node))
			add_step(plan, NEURON_NEFF_STEP_HOST)->node = node;
	}
}

/* A program for pieces; if there is none for these nodes, the host has them. */
static void add_chunks(struct plan *plan, const struct nc_graph *graph, int phase)
{
	struct nc_ctx *ctx = plan->ctx, *sub = nc_memdup(ctx->arena, ctx, sizeof(*sub));
	struct nc_step step = { .kind = NEURON_NEFF_STEP_CHUNKS };
	const struct nc_diag diag = ctx->diag;
	unsigned int i;

	for (i = 0; i < graph->num_nodes && graph->nodes[i]->mark != phase; i++)
		;
	if (i == graph->num_nodes)
		return;
	if (nc_chunk_graph(sub, graph, phase, &step))
		step.result = compile_part(ctx, sub);
	ctx->num_copies = sub->num_copies;
	if (!step.result || ctx->diag.count) {
		ctx->diag = diag;
		add_host_nodes(plan, graph, phase);
		return;
	}
	*add_step(plan, NEURON_NEFF_STEP_CHUNKS) = step;
	plan->programs++;
}

/* More programs than that are left to the parts that the host's steps make. */
#define CHUNK_PROGRAMS	(NEURON_NEFF_MAX_MODELS / 2)

static unsigned int count_chunks(const struct nc_graph *graph, int first, int end,
				 unsigned int kinds)
{
	bool *has = calloc((size_t)(end - first), sizeof(*has));
	unsigned int i, count = 0;

	for (i = 0; has && i < graph->num_nodes; i++)
		has[graph->nodes[i]->mark - first] = true;
	for (i = 0; has && (int)i < end - first; i++)
		count += has[i] && i % kinds >= IN_PIECES;
	free(has);
	return count;
}

/* The steps of a graph: the model's, or a branch. */
static void add_graph(struct plan *plan, const struct nc_graph *graph)
{
	unsigned int groups = nc_chunk_groups(plan->ctx, graph), kinds = IN_PIECES + groups;
	int first = plan->first, end = set_phases(graph, first, kinds), phase;
	unsigned int i;

	if (count_chunks(graph, first, end, kinds) > CHUNK_PROGRAMS) {
		nc_chunk_needed(graph, groups);
		end = set_phases(graph, first, kinds);
	}
	plan->first = end + 1;
	mark_outside(graph);
	for (phase = first; phase < end && !plan->ctx->diag.count; phase++) {
		switch ((unsigned int)(phase - first) % kinds) {
		case ON_CHIP:
			add_program(plan, graph, phase);
			break;
		case ON_HOST:
			add_host_nodes(plan, graph, phase);
			break;
		default:
			add_chunks(plan, graph, phase);
			break;
		}
	}
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
}

/* There are too many programs: what the host can do, it does. */
static void drop_products(struct plan *plan)
{
	unsigned int i;

	for (i = 0; i < plan->count; i++) {
		struct nc_step *step = &plan->steps[i];

		if (step->kind != NEURON_NEFF_STEP_PRODUCT)
			continue;
		plan->programs -= !!step->graph;
		*step = (struct nc_step){ .kind = NEURON_NEFF_STEP_HOST, .node = step->node };
	}
}

void nc_steps(struct nc_ctx *ctx)
{
	/* Nodes that have no phase have 0. */
	struct plan plan = { .ctx = ctx, .first = 2 };

	nc_exact_lengths(ctx, ctx->graph);
	add_graph(&plan, ctx->graph);
	if (plan.programs > NEURON_NEFF_MAX_MODELS)
		drop_products(&plan);
	if (!ctx->diag.count && plan.programs > NEURON_NEFF_MAX_MODELS)
		nc_error(ctx, NULL, "its host steps part it into %u chip programs; %d are possible",
			 plan.programs, NEURON_NEFF_MAX_MODELS);
	if (!ctx->diag.count)
		nc_steps_write(ctx, plan.steps, plan.count);
	if (ctx->diag.count)
		return;
	summarize(&plan);
	say(ctx);
}
