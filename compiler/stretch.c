// SPDX-License-Identifier: MIT
/*
 * A model whose intermediates do not fit the scratchpad, stretch by stretch.
 *
 * Layer by layer, each intermediate that is too large goes to DRAM and comes back.
 * Made in parts instead, entries of a batch, rows of an image, stretches of a sound
 * from the inputs to the outputs, the intermediates of one part fit. What parts have
 * in common is computed for each of them, and constants that do not stay on the chip
 * are loaded for each: whether it pays, and with how many parts, the timing model
 * says.
 *
 * Where images are large in front, and everything looks at everything behind, the
 * front is made in parts, and the rest of what they leave in the scratchpad, as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "cores.h"

/*
 * A larger number of parts must save one cycle in this many, or half of the bytes
 * moved: the other cores need the memory, too. It may cost as much for that.
 */
#define WORTH	32

/* Most parts, and most instructions of the whole, before tiling. */
#define MAX_PARTS	64
#define MAX_INSTS	(1u << 16)

static bool can_cut(const struct nc_graph *model, unsigned int count,
		    unsigned int way)
{
	bool differs = way == NC_WAY_FIRST;
	unsigned int i;

	for (i = 0; i < model->num_outputs; i++) {
		struct nc_range range = nc_part_share(model->outputs[i], 0, count, way);

		if (range.axis < 0)
			return false;
		differs |= range.axis !=
			   nc_part_share(model->outputs[i], 0, count, NC_WAY_FIRST).axis;
	}
	return model->num_outputs > 0 && differs;
}

static bool make_part(struct nc_ctx *ctx, struct nc_lower_part *part,
		      unsigned int number, unsigned int count, unsigned int way)
{
	struct nc_graph *model = ctx->graph;
	struct nc_range *wanted = nc_alloc(ctx->arena, model->num_outputs,
					   sizeof(*wanted));
	unsigned int i;

	for (i = 0; i < model->num_outputs; i++)
		wanted[i] = nc_part_share(model->outputs[i], number, count, way);
	part->graph = nc_part_graph(ctx, wanted);
	part->ranges = wanted;
	nc_verify(ctx, "stretch");
	ctx->graph = model;
	return !ctx->diag.count;
}

/* ctx->program makes the parts; its cycles, or 0 after nc_error(). */
static uint64_t build(struct nc_ctx *ctx, const struct nc_lower_part *parts, unsigned int count,
		      const struct nc_program *whole)
{
	struct nc_graph *model = ctx->graph;

	nc_lower_parts(ctx, parts, count, whole);
	if (!ctx->diag.count)
		nc_plan(ctx);
	if (!ctx->diag.count) {
		nc_schedule(ctx);
		nc_emit(ctx);
	}
	ctx->graph = model;
	return ctx->diag.count ? 0 : nc_program_cycles(ctx, ctx->program, 1);
}

/* The model in so many parts; its cycles, or 0. ctx->program is the program. */
static uint64_t try_parts(struct nc_ctx *ctx, unsigned int count,
			  unsigned int way)
{
	const struct nc_program *whole = ctx->program;
	struct nc_lower_part *parts = nc_alloc(ctx->arena, count, sizeof(*parts));
	unsigned int i;

	for (i = 0; i < count; i++)
		if (!make_part(ctx, &parts[i], i, count, way))
			return 0;
	return build(ctx, parts, count, whole);
}

/**
 * struct best - what has been found
 * @count: parts; 0: the whole
 * @way: how it is cut
 * @cut: node behind those that are cut; 0: all are
 * @cycles: of an execution
 * @traffic: bytes that it moves
 */
struct best {
	unsigned int count;
	unsigned int way;
	unsigned int cut;
	uint64_t cycles;
	double traffic;
};

static bool is_better(const struct best *a, const struct best *than)
{
	if (!a->cycles)
		return false;
	return a->cycles + a->cycles / WORTH < than->cycles ||
	       (a->cycles < than->cycles + than->cycles / WORTH &&
		a->traffic < than->traffic / 2);
}

/* More and more parts, until all fits or nothing is gained. */
static void search(struct nc_ctx *ctx, unsigned int way, struct best *best)
{
	struct nc_program *whole = ctx->program;
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	struct best now = { .way = way };
	unsigned int worse = 0;
	bool fits = false;

	for (now.count = 2; now.count <= MAX_PARTS && worse < 2 && !fits;
	     now.count *= 2) {
		struct nc_diag before = ctx->diag;

		if (!can_cut(ctx->graph, now.count, way) ||
		    (uint64_t)whole->whole_insts * now.count > MAX_INSTS)
			break;
		memset(&ctx->diag, 0, sizeof(ctx->diag));
		now.cycles = try_parts(ctx, now.count, way);
		if (now.cycles) {
			/* Smaller parts have more in common, and gain nothing. */
			fits = !((struct nc_program *)ctx->program)->scratch_size;
			now.traffic = nc_traffic(ctx->program, NULL);
		}
		ctx->program = whole;
		nc_end_attempt(ctx, before);
		nc_arena_release(ctx->arena, mark);
		worse++;
		if (is_better(&now, best)) {
			*best = now;
			worse = 0;
		}
	}
}

/* Of the scratchpad, what is handed on may take: one part in so many. */
static const unsigned int handed[] = { 2, 8 };

/* The first node behind the largest values with so little handed on, or 0. */
static unsigned int place_to_cut(const struct nc_graph *graph, const uint64_t *bytes,
				 uint64_t limit)
{
	unsigned int i, cut = 0;

	for (i = graph->num_nodes; i-- > 1; ) {
		if (bytes[i] > limit)
			break;
		cut = i;
	}
	return cut;
}

uint64_t nc_stretch_front(struct nc_ctx *ctx, unsigned int cut, unsigned int count)
{
	const struct nc_program *whole = ctx->program;
	struct nc_lower_part *parts = nc_alloc(ctx->arena, count + 1, sizeof(*parts));
	struct nc_graph *model = ctx->graph, *front;
	struct nc_stage stages[] = {
		{ .end = cut }, { .first = cut, .end = model->num_nodes },
	};
	unsigned int i;

	nc_stages_connect(ctx, stages, 2);
	for (i = 0; i < stages[0].num_outputs; i++)
		if (nc_part_share(stages[0].outputs[i].value, 0, count,
				  NC_WAY_SPATIAL).axis < 0)
			return 0;
	parts[count].graph = nc_stage_graph(ctx, &stages[1]);
	parts[count].inputs = stages[1].inputs;
	parts[count].outputs = stages[1].outputs;
	ctx->graph = model;
	front = nc_stage_graph(ctx, &stages[0]);
	for (i = 0; i < count; i++) {
		ctx->graph = front;
		if (!make_part(ctx, &parts[i], i, count, NC_WAY_SPATIAL))
			return 0;
		parts[i].inputs = stages[0].inputs;
		parts[i].outputs = stages[0].outputs;
	}
	ctx->graph = model;
	return build(ctx, parts, count + 1, whole);
}

static void search_front(struct nc_ctx *ctx, unsigned int cut, struct best *best)
{
	struct nc_program *whole = ctx->program;
	struct nc_graph *model = ctx->graph;
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	struct best now = { .cut = cut };
	bool worse = false;

	for (now.count = 4; now.count <= MAX_PARTS && !worse; now.count *= 2) {
		struct nc_diag before = ctx->diag;

		if ((uint64_t)whole->whole_insts * now.count > MAX_INSTS)
			break;
		memset(&ctx->diag, 0, sizeof(ctx->diag));
		now.cycles = nc_stretch_front(ctx, cut, now.count);
		if (now.cycles)
			now.traffic = nc_traffic(ctx->program, NULL);
		ctx->program = whole;
		ctx->graph = model;
		nc_end_attempt(ctx, before);
		nc_arena_release(ctx->arena, mark);
		worse = !is_better(&now, best);
		if (!worse)
			*best = now;
	}
}

/* Cut where what is handed on fits the scratchpad, and the work in front does not. */
static void search_fronts(struct nc_ctx *ctx, struct best *best)
{
	const struct nc_program *whole = ctx->program;
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	unsigned int cuts[sizeof(handed) / sizeof(handed[0])], i;
	uint64_t *bytes = nc_handed_bytes(ctx);

	for (i = 0; i < sizeof(handed) / sizeof(handed[0]); i++)
		cuts[i] = place_to_cut(ctx->graph, bytes, whole->sbuf_size / handed[i]);
	nc_arena_release(ctx->arena, mark);
	for (i = 0; i < sizeof(handed) / sizeof(handed[0]); i++)
		if (cuts[i] && (!i || cuts[i] != cuts[i - 1]))
			search_front(ctx, cuts[i], best);
}

void nc_stretch(struct nc_ctx *ctx)
{
	const struct nc_program *whole = ctx->program;
	struct best best = { 0 };
	unsigned int way;

	if (ctx->options->no_scratchpad || !whole->scratch_size)
		return;
	nc_schedule(ctx);
	nc_emit(ctx);
	if (ctx->diag.count)
		return;
	best.cycles = nc_program_cycles(ctx, whole, 1);
	best.traffic = nc_traffic(whole, NULL);
	for (way = 0; way < NC_NUM_WAYS && best.cycles; way++)
		search(ctx, way, &best);
	if (!best.count && best.cycles)
		search_fronts(ctx, &best);
	if (best.cut)
		nc_stretch_front(ctx, best.cut, best.count);
	else if (best.count)
		try_parts(ctx, best.count, best.way);
}
