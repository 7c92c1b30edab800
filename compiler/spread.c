// SPDX-License-Identifier: MIT
/*
 * How a model is spread over cores.
 *
 * Candidates are made from what the program for one core says about its layers, and
 * compiled; the timing model on the compiled programs decides. For the fastest
 * execution they are parts of the outputs; parts of what lies in the middle of the
 * model, and one more core for the rest; and stages of one core each, where weights
 * that do not fit one scratchpad fit several. For the most executions a second they
 * are stages that take about the same time.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/regs.h>
#include <qemu-device/chip/chip.h>
#include <qemu-device/timing/timing.h>

#include "cores.h"

/* Several cores must save at least one cycle in this many. */
#define WORTH		20

/* Places to cut at that are looked at; in a longer model, those that hand on least. */
#define MAX_CUTS	256

/* Stages are cut anew by what they turned out to take, so many times. */
#define ROUNDS		3

#define MAX_TRIES	24

/**
 * struct profile - what is known of the model's nodes from its program for one core
 * @n: nodes
 * @cycles: of those before each: the PE, ACT or POOL's, whichever takes longer
 * @weights: bytes of constants of those before each
 * @handed: bytes that are made before each and read from there on
 * @cuts: nodes that a stage may begin with, the first and the end among them
 * @num_cuts: entries of @cuts
 * @sbuf: scratchpad of a core
 * @rate: bytes of DRAM a cycle
 */
struct profile {
	unsigned int n;
	double *cycles;
	double *weights;
	uint64_t *handed;
	unsigned int *cuts;
	unsigned int num_cuts;
	double sbuf;
	double rate;
};

/* Engines that compute: loads and stores are others in other stages. */
static bool computes(unsigned int engine)
{
	return engine != NEURON_ENGINE_DMA_IN && engine != NEURON_ENGINE_DMA_OUT;
}

static bool layer_cycles(struct nc_ctx *ctx, double *cycles)
{
	const struct nc_program *prog = ctx->program;
	const struct neuron_program_header *header = prog->image;
	const struct neuron_inst *insts = neuron_program_insts(header);
	const struct neuron_timing_config chip = {
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
	};
	unsigned int num_layers = ctx->graph->num_layers, k;
	struct neuron_inst_time *times = nc_alloc(ctx->arena, header->num_insts,
						  sizeof(*times));
	double (*busy)[NEURON_NUM_ENGINES] = nc_alloc(ctx->arena, num_layers + 1,
						      sizeof(*busy));
	bool *dram = nc_alloc(ctx->arena, header->num_slots, sizeof(*dram));
	struct neuron_report report;
	uint32_t i;

	memset(dram, true, header->num_slots);
	if (neuron_timing_schedule(&chip, header, dram, header->num_slots, true, times,
				   &report))
		return false;
	for (i = 0; i < header->num_insts; i++)
		if (computes(insts[i].engine) && insts[i].layer < num_layers)
			busy[insts[i].layer][insts[i].engine] +=
				(double)(times[i].end - times[i].start);
	for (i = 0; i < num_layers; i++)
		for (k = 0; k < NEURON_NUM_ENGINES; k++)
			if (busy[i][k] > cycles[i])
				cycles[i] = busy[i][k];
	return true;
}

/* Bytes of a constant on the chip, counted with the first node that reads it. */
static double weight_bytes(const struct nc_node *node, unsigned int input, bool *seen)
{
	const struct nc_value *value = node->inputs[input];
	size_t size;

	if (!value || !nc_is_const(value) || seen[(uintptr_t)value->lir])
		return 0;
	seen[(uintptr_t)value->lir] = true;
	size = nc_dtype_size(value->dtype);
	if (input == 1 && (node->compute == NC_BF16 || node->compute == NC_F16))
		size = 2;
	return (double)nc_numel(value) * (double)size;
}

static void node_costs(struct nc_ctx *ctx, struct profile *profile, const double *layers)
{
	const struct nc_graph *graph = ctx->graph;
	unsigned int *nodes = nc_alloc(ctx->arena, graph->num_layers + 1, sizeof(*nodes));
	bool *seen = nc_alloc(ctx->arena, graph->num_values + 1, sizeof(*seen));
	unsigned int i, k;

	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->lir = (void *)(uintptr_t)i;
	for (i = 0; i < graph->num_nodes; i++)
		nodes[graph->nodes[i]->layer]++;
	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];

		/* Nodes that were one in the model share its time. */
		profile->cycles[i + 1] = profile->cycles[i] +
					 layers[node->layer] / nodes[node->layer];
		profile->weights[i + 1] = profile->weights[i];
		for (k = 0; k < node->num_inputs; k++)
			profile->weights[i + 1] += weight_bytes(node, k, seen);
	}
}

/* In a long model, the position that hands on least of each stretch of the work. */
static void choose_cuts(struct nc_ctx *ctx, struct profile *profile)
{
	double all = profile->cycles[profile->n] + profile->n;
	unsigned int i, best = 0, stretch = 0;

	profile->cuts = nc_alloc(ctx->arena, MAX_CUTS + 2, sizeof(*profile->cuts));
	profile->cuts[profile->num_cuts++] = 0;
	for (i = 1; i < profile->n; i++) {
		/* By work, and a little by number: it may be nothing. */
		unsigned int now = (unsigned int)((profile->cycles[i] + i) / all *
						  (MAX_CUTS - 1));

		if (profile->n <= MAX_CUTS)
			now = i;
		if (best && now == stretch && profile->handed[i] >= profile->handed[best])
			continue;
		if (best && now != stretch)
			profile->cuts[profile->num_cuts++] = best;
		best = i;
		stretch = now;
	}
	if (best)
		profile->cuts[profile->num_cuts++] = best;
	profile->cuts[profile->num_cuts++] = profile->n;
}

static struct profile *make_profile(struct nc_ctx *ctx)
{
	const struct nc_program *prog = ctx->program;
	const struct nc_graph *graph = ctx->graph;
	struct profile *profile = nc_alloc(ctx->arena, 1, sizeof(*profile));
	double *layers = nc_alloc(ctx->arena, graph->num_layers + 1, sizeof(*layers));
	unsigned int n = graph->num_nodes;

	if (!n || !layer_cycles(ctx, layers))
		return NULL;
	profile->n = n;
	profile->cycles = nc_alloc(ctx->arena, n + 1, sizeof(*profile->cycles));
	profile->weights = nc_alloc(ctx->arena, n + 1, sizeof(*profile->weights));
	profile->handed = nc_handed_bytes(ctx);
	profile->sbuf = (double)prog->sbuf_size;
	profile->rate = NEURON_CHIP_DRAM_MIBPS * 1048576.0 / (NEURON_CHIP_CLOCK_KHZ * 1e3);
	node_costs(ctx, profile, layers);
	choose_cuts(ctx, profile);
	return profile;
}

/*
 * Pipelines
 */

/* What a stage takes, about; the other stages use the memory at the same time. */
static double stage_cycles(const struct profile *p, unsigned int i, unsigned int j,
			   unsigned int stages)
{
	double compute = p->cycles[j] - p->cycles[i];
	double weights = p->weights[j] - p->weights[i];
	double stay = p->sbuf * 3 / 4;
	double moved = (double)(p->handed[i] + p->handed[j]) + (weights > stay ? weights - stay : 0);
	unsigned int sharing = stages < NEURON_MAX_CORES ? stages : NEURON_MAX_CORES;
	double dram = moved * sharing / p->rate;

	return compute > dram ? compute : dram;
}

/*
 * The cuts with which the slowest of @count stages is fastest, by dynamic
 * programming over positions. False: the model is too short.
 */
static bool cut_evenly(struct nc_ctx *ctx, const struct profile *p, unsigned int count,
		       struct nc_spread *spread)
{
	unsigned int n = p->num_cuts, i, j, k;
	double *slowest = nc_alloc(ctx->arena, (size_t)count * n, sizeof(*slowest));
	unsigned int *from = nc_alloc(ctx->arena, (size_t)count * n, sizeof(*from));

	if (n <= count)
		return false;
	for (j = 1; j < n; j++)
		slowest[j] = stage_cycles(p, 0, p->cuts[j], count);
	for (k = 1; k < count; k++) {
		for (j = k + 1; j < n; j++) {
			double least = -1;

			for (i = k; i < j; i++) {
				double last = stage_cycles(p, p->cuts[i], p->cuts[j], count);
				double before = slowest[(k - 1) * n + i];
				double both = last > before ? last : before;

				if (least >= 0 && both >= least)
					continue;
				least = both;
				from[k * n + j] = i;
			}
			slowest[k * n + j] = least;
		}
	}
	memset(spread, 0, sizeof(*spread));
	spread->num_stages = count;
	for (k = count, j = n - 1; k-- > 0; j = i) {
		i = k ? from[k * n + j] : 0;
		spread->stages[k] = (struct nc_stage) {
			.first = p->cuts[i], .end = p->cuts[j], .cores = 1,
		};
	}
	return true;
}

/* Correct the cycles of nodes by what their stage turned out to take. */
static void correct(struct profile *p, const struct nc_spread *spread,
		    const struct nc_parts *parts)
{
	double at = p->cycles[0], before, thought, factor, evenly;
	unsigned int k, i;

	for (k = 0; k < spread->num_stages; k++) {
		const struct nc_stage *stage = &spread->stages[k];

		before = at;
		at = p->cycles[stage->end];
		thought = at - before;
		factor = thought > 0 ? (double)parts->part[k].crowded / thought : 0;
		evenly = thought > 0 ? 0 : (double)parts->part[k].crowded /
					   (stage->end - stage->first);
		for (i = stage->first; i < stage->end; i++) {
			double own = p->cycles[i + 1] - before;

			before = p->cycles[i + 1];
			p->cycles[i + 1] = p->cycles[i] + own * factor + evenly;
		}
	}
}

/*
 * The search
 */

/**
 * struct search - what has been looked at
 * @alone: cycles on one core
 * @profile: for cuts; NULL until it is needed
 * @best: the best spread so far; no stages: one core
 * @cycles: of one execution of it
 * @interval: cycles between executions
 * @chosen: the try that it was; 0: one core
 * @tries: for the summary; the first is one core
 * @why: the first reason for which something could not be compiled, or NULL
 */
struct search {
	uint64_t alone;
	struct profile *profile;
	struct nc_spread best;
	uint64_t cycles;
	uint64_t interval;
	unsigned int chosen;
	struct nc_try tries[MAX_TRIES];
	unsigned int num_tries;
	const char *why;
};

static const char *describe(struct nc_ctx *ctx, const struct nc_spread *spread)
{
	const struct nc_stage *first = spread->stages;

	if (spread->num_stages == 1)
		return nc_sprintf(ctx->arena, "%u parts of the outputs", first->cores);
	if (first->cores > 1)
		return nc_sprintf(ctx->arena, "%u parts%s up to '%s', then one core",
				  first->cores,
				  first->way == NC_WAY_SPATIAL ? " of the image" : "",
				  ctx->graph->layers[ctx->graph->nodes[first->end - 1]->layer]);
	return nc_sprintf(ctx->arena, "%u stages", spread->num_stages);
}

/* Whether it is better by enough; for stages the time between executions counts. */
static bool is_better(const struct nc_ctx *ctx, const struct search *search,
		      const struct nc_parts *parts)
{
	if (ctx->options->spread == NC_SPREAD_STAGES)
		return !search->best.num_stages || parts->interval < search->interval;
	return parts->cycles < search->cycles - search->cycles / WORTH;
}

/* Compile it, note what it takes, and keep it if it is the best. Its programs are gone. */
static const struct nc_try *consider(struct nc_ctx *ctx, struct search *search,
				     struct nc_spread *spread, struct profile *learns)
{
	struct nc_try *try = &search->tries[search->num_tries];
	const char *what = describe(ctx, spread), *error;
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	struct nc_diag before = ctx->diag;
	struct nc_parts *parts;

	if (search->num_tries == MAX_TRIES)
		return NULL;
	memset(&ctx->diag, 0, sizeof(ctx->diag));
	parts = nc_compile_spread(ctx, spread);
	if (parts) {
		*try = (struct nc_try) {
			.what = what, .cores = parts->count, .cycles = parts->cycles,
			.interval = parts->interval,
		};
		search->num_tries++;
		if (is_better(ctx, search, parts)) {
			search->best = *spread;
			search->chosen = search->num_tries - 1;
			search->cycles = parts->cycles;
			search->interval = parts->interval;
		}
		if (learns)
			correct(learns, spread, parts);
	}
	nc_arena_release(ctx->arena, mark);
	error = nc_end_attempt(ctx, before);
	if (!search->why)
		search->why = error;
	return parts ? try : NULL;
}

/*
 * Ways to go
 */

/* At least one output can be cut into so many parts. */
static bool can_share(const struct nc_graph *model, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < model->num_outputs; i++)
		if (nc_part_share(model->outputs[i], 0, count, NC_WAY_FIRST).axis >= 0)
			return true;
	return false;
}

static void try_parts(struct nc_ctx *ctx, struct search *search)
{
	unsigned int n = ctx->options->cores;

	if (n > NEURON_MAX_CORES)
		n = NEURON_MAX_CORES;
	for (; n > 1; n /= 2) {
		struct nc_spread spread = {
			.num_stages = 1,
			.stages = { { .end = ctx->graph->num_nodes, .cores = n } },
		};

		if (can_share(ctx->graph, n))
			consider(ctx, search, &spread, NULL);
	}
}

static bool same_cuts(const struct nc_spread *a, const struct nc_spread *b)
{
	unsigned int i;

	for (i = 0; i < a->num_stages; i++)
		if (a->stages[i].end != b->stages[i].end)
			return false;
	return a->num_stages == b->num_stages;
}

/* Stages of one core each, cut anew as long as that changes them. */
static void try_stages(struct nc_ctx *ctx, struct search *search, unsigned int count)
{
	struct nc_spread spread = { 0 }, before;
	unsigned int i;

	while (count > 1 && !cut_evenly(ctx, search->profile, count, &spread))
		count--;
	if (count < 2)
		return;
	for (i = 0; i < ROUNDS; i++) {
		if (!consider(ctx, search, &spread, search->profile))
			return;
		before = spread;
		if (!cut_evenly(ctx, search->profile, count, &spread) ||
		    same_cuts(&before, &spread))
			return;
	}
}

/* Everything that is handed on at a cut, and the outputs before it, can be cut. */
static bool can_cut(struct nc_ctx *ctx, struct nc_spread *spread, enum nc_way way)
{
	struct nc_stage *stage = &spread->stages[0];
	unsigned int i;

	stage->way = way;
	nc_stages_connect(ctx, spread->stages, spread->num_stages);
	for (i = 0; i < stage->num_outputs; i++)
		if (nc_part_share(stage->outputs[i].value, 0, stage->cores, way).axis < 0)
			return false;
	return stage->num_outputs > 0;
}

/* The best place after about this part of the work, or 0. */
static unsigned int place_after(const struct profile *p, double part)
{
	double all = p->cycles[p->n];
	unsigned int i, best = 0;
	uint64_t least = 0;

	for (i = 1; i + 1 < p->num_cuts; i++) {
		unsigned int at = p->cuts[i];
		double off = (p->cycles[at] - all * part) / all;

		if (off < -0.06 || off > 0.06 || (best && p->handed[at] >= least))
			continue;
		least = p->handed[at];
		best = at;
	}
	return best;
}

/*
 * All cores but one make parts of what is in the middle of the model, and the last one
 * the rest. Where the middle is best, one part shows.
 */
static void try_middle(struct nc_ctx *ctx, struct search *search, unsigned int cores)
{
	static const double parts[] = { 0.3, 0.45, 0.6, 0.7, 0.8, 0.9 };
	const struct profile *p = search->profile;
	struct nc_spread best = { 0 };
	double least = (double)search->alone, all = p->cycles[p->n];
	unsigned int i, way, at, last = 0;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		at = place_after(p, parts[i]);
		for (way = 0; way < NC_NUM_WAYS && at && at != last; way++) {
			struct nc_spread spread = {
				.num_stages = 2,
				.stages = {
					{ .end = at, .cores = cores - 1 },
					{ .first = at, .end = p->n, .cores = 1 },
				},
			};
			struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
			struct nc_diag before = ctx->diag;
			uint64_t one = 0;
			double whole;

			memset(&ctx->diag, 0, sizeof(ctx->diag));
			if (can_cut(ctx, &spread, way))
				one = nc_part_cycles(ctx, &spread, 0, (cores - 1) / 2);
			nc_arena_release(ctx->arena, mark);
			nc_end_attempt(ctx, before);
			whole = (double)one + (double)neuron_timing_handover() +
				(double)search->alone * (1 - p->cycles[at] / all);
			if (!one || whole >= least)
				continue;
			least = whole;
			best = spread;
		}
		last = at;
	}
	if (best.num_stages)
		consider(ctx, search, &best, NULL);
}

/* Whether all constants stay on one core. */
static bool all_stay(const struct nc_program *prog)
{
	return prog->pinned_size == prog->weights_size;
}

static const char *explain(struct nc_ctx *ctx, const struct search *search,
			   unsigned int used)
{
	static const char hint[] = "copies of the model on each core raise throughput";
	unsigned int asked = ctx->options->cores, i;
	struct nc_arena *arena = ctx->arena;
	uint64_t several = 0;

	for (i = 1; i < search->num_tries; i++)
		if (!several || search->tries[i].cycles < several)
			several = search->tries[i].cycles;
	if (used == NEURON_MAX_CORES && asked > used)
		return nc_sprintf(arena, "%u cores are used, not %u: a chip has no more",
				  used, asked);
	if (used > 1)
		return nc_sprintf(arena,
				  "%u cores are used, not %u: more would not make it faster",
				  used, asked);
	if (several)
		return nc_sprintf(arena,
				  "one core is used, not %u: an execution takes %llu cycles on it and %llu on several; a pipeline of stages (--spread stages), or %s",
				  asked, (unsigned long long)search->alone,
				  (unsigned long long)several, hint);
	return nc_sprintf(arena, "one core is used, not %u: %s; %s", asked,
			  search->why ? search->why :
			  "no output can be cut into so many parts", hint);
}

/* What has been looked at, for the summary. */
static void list_tries(struct nc_ctx *ctx, struct search *search)
{
	struct nc_summary *summary = &ctx->result->summary;

	search->tries[search->chosen].chosen = true;
	summary->tries = search->tries;
	summary->num_tries = search->num_tries;
}

void nc_cores(struct nc_ctx *ctx)
{
	const enum nc_spread_goal goal = ctx->options->spread;
	unsigned int chips = ctx->options->chips ? ctx->options->chips : 1;
	unsigned int asked = ctx->options->cores, chip, used = 1;
	struct search *search = nc_alloc(ctx->arena, 1, sizeof(*search));

	if (asked > chips * NEURON_MAX_CORES)
		asked = chips * NEURON_MAX_CORES;
	if (asked > NC_MAX_CORES)
		asked = NC_MAX_CORES;
	chip = asked < NEURON_MAX_CORES ? asked : NEURON_MAX_CORES;
	search->alone = nc_program_cycles(ctx, ctx->program, 1);
	search->cycles = search->alone;
	search->interval = search->alone;
	search->tries[search->num_tries++] = (struct nc_try) {
		.what = "one core", .cores = 1, .cycles = search->alone,
		.interval = search->alone,
	};
	if (goal != NC_SPREAD_STAGES)
		try_parts(ctx, search);
	if (goal != NC_SPREAD_PARTS)
		search->profile = make_profile(ctx);
	if (search->profile && goal == NC_SPREAD_STAGES) {
		try_stages(ctx, search, asked);
	} else if (search->profile) {
		if (!all_stay(ctx->program))
			try_stages(ctx, search, chip);
		if (chip > 1)
			try_middle(ctx, search, chip);
	}
	if (search->best.num_stages) {
		struct nc_parts *parts = nc_compile_spread(ctx, &search->best);

		if (!parts)
			return;
		used = parts->count;
		ctx->parts = parts;
	}
	list_tries(ctx, search);
	if (used != ctx->options->cores)
		ctx->result->note = explain(ctx, search, used);
}
