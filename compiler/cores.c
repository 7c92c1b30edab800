// SPDX-License-Identifier: MIT
/*
 * One model on several cores.
 *
 * Cores have no way to wait for each other within an execution, so each makes its
 * part of the outputs from the inputs alone: entries of a batch, rows of an image,
 * stretches of a sound. What parts have in common, such as the rows around a
 * convolution's, each computes for itself; so the more a model looks at its input
 * as a whole, the less is gained. Whether it is enough the timing model says, on
 * the compiled programs.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/neff.h>
#include <neuron/regs.h>
#include <qemu-device/chip/chip.h>
#include <qemu-device/timing/timing.h>

#include "cores.h"

/* Several cores must save at least one cycle in this many. */
#define WORTH	20

#define ALIGN_UP(x)	(((x) + NEURON_NEFF_ALIGN - 1) / NEURON_NEFF_ALIGN * NEURON_NEFF_ALIGN)

/* The dimension in front of which there are only ones: cut there, a part is in one piece. */
static int leading_axis(const struct nc_value *value)
{
	int i;

	for (i = 0; i < value->rank; i++)
		if (value->dims[i] != 1)
			return i;
	return -1;
}

/* What core number @core of @count makes of an output. */
struct nc_range nc_part_share(const struct nc_value *output, unsigned int core,
			      unsigned int count)
{
	int axis = leading_axis(output);
	struct nc_range range = { .axis = core ? NC_NOTHING : NC_WHOLE };

	if (axis >= 0 && output->dims[axis] >= count)
		range = (struct nc_range) {
			axis, output->dims[axis] * core / count,
			output->dims[axis] * (core + 1) / count,
		};
	return range;
}

/*
 * Cycles of a warm execution while so many cores do the like; 0: they can't be
 * known.
 */
uint64_t nc_program_cycles(struct nc_ctx *ctx, const struct nc_program *prog,
			   unsigned int cores)
{
	const struct neuron_timing_config chip = {
		.cores = cores,
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
	};
	const struct neuron_program_header *header = prog->image;
	bool *dram = nc_alloc(ctx->arena, header->num_slots, sizeof(*dram));
	struct neuron_report report;
	uint32_t i;

	for (i = 0; i < header->num_slots; i++)
		dram[i] = true;
	if (neuron_timing_schedule(&chip, header, dram, header->num_slots, true, NULL,
				   &report))
		return 0;
	return report.cycles;
}

/*
 * From the part's own slots to the model's: weights and scratch memory begin
 * further behind, and an output is a range of the model's.
 */
static void relocate(const struct nc_graph *model, struct neuron_program_header *header,
		     uint64_t weights, uint64_t scratch, const struct nc_range *wanted)
{
	struct neuron_tensor *tensors = (void *)((char *)header + header->tensors);
	uint32_t first = NC_SLOT_FIRST_IO + model->num_inputs;
	uint32_t slot[NEURON_MAX_SLOTS];
	uint64_t offset[NEURON_MAX_SLOTS] = { 0 };
	uint32_t i, k = first;

	for (i = 0; i < first; i++)
		slot[i] = i;
	offset[NC_SLOT_WEIGHTS] = weights;
	offset[NC_SLOT_SCRATCH] = scratch;
	for (i = 0; i < model->num_outputs; i++) {
		const struct nc_value *output = model->outputs[i];
		const struct nc_range *r = &wanted[i];

		if (r->axis == NC_NOTHING)
			continue;
		slot[k] = first + i;
		if (r->axis >= 0)
			offset[k] = nc_bytes(output) / (uint64_t)output->dims[r->axis] *
				    (uint64_t)r->lo;
		k++;
	}
	for (i = 0; i < header->num_tensors; i++) {
		struct neuron_tensor *t = &tensors[i];

		if (t->space != NEURON_SPACE_SLOT)
			continue;
		t->offset += offset[t->slot];
		t->slot = slot[t->slot];
	}
	header->num_slots = first + model->num_outputs;
}

static bool still_good(struct nc_ctx *ctx, const struct nc_program *prog)
{
	struct neuron_fault fault;
	const char *why = NULL;

	if (neuron_program_check(prog->image, prog->image_size, &fault, &why))
		return true;
	nc_error(ctx, NULL,
		 "the compiler made a bad program for a core, please report it: %s", why);
	return false;
}

/* Where the part's weights are, in a section that the parts share. */
static void place_weights(struct nc_ctx *ctx, struct nc_arena *keep,
			  struct nc_parts *parts, struct nc_part *part)
{
	const struct nc_program *prog = ctx->program;
	uint8_t *constants = nc_alloc(ctx->arena, 1, prog->weights_size + 1);
	const struct nc_part *other;

	nc_put_weights(prog, constants);
	for (other = parts->part; other < part; other++) {
		if (!other->constants || other->constants_size != prog->weights_size ||
		    memcmp(other->constants, constants, prog->weights_size))
			continue;
		part->weights = other->weights;
		return;
	}
	part->weights = ALIGN_UP(parts->weights_size);
	part->constants = nc_memdup(keep, constants, prog->weights_size);
	part->constants_size = prog->weights_size;
	parts->weights_size = part->weights + prog->weights_size;
}

static void summarize_part(struct nc_ctx *ctx, struct nc_arena *keep, struct nc_part *part)
{
	struct nc_summary *summary = &ctx->result->summary;

	memset(summary, 0, sizeof(*summary));
	nc_summarize(ctx);
	part->summary = *summary;
	part->summary.layers = nc_memdup(keep, summary->layers,
					 summary->num_layers * sizeof(*summary->layers));
	memset(summary, 0, sizeof(*summary));
}

/* One more part. All that outlives its compilation goes to @keep. */
static void compile_part(struct nc_ctx *ctx, struct nc_arena *keep,
			 struct nc_parts *parts, struct nc_part *part,
			 const struct nc_range *wanted)
{
	const struct nc_graph *model = ctx->graph;
	struct nc_program *prog;

	nc_part_graph(ctx, wanted);
	nc_verify(ctx, "cores");
	if (!ctx->diag.count)
		nc_back_end(ctx);
	if (ctx->diag.count)
		return;
	prog = ctx->program;
	part->cycles = nc_program_cycles(ctx, prog, parts->count);
	ctx->sharing = parts->count;
	summarize_part(ctx, keep, part);
	ctx->sharing = 0;
	place_weights(ctx, keep, parts, part);
	parts->scratch_size = ALIGN_UP(parts->scratch_size);
	relocate(model, prog->image, part->weights, parts->scratch_size, wanted);
	if (!still_good(ctx, prog))
		return;
	part->image = nc_memdup(keep, prog->image, prog->image_size);
	part->image_size = prog->image_size;
	part->sbuf_used = prog->sbuf_used;
	part->psum_used = prog->psum_used;
	parts->scratch_size += prog->scratch_size;
	if (part->image_size > parts->image_size)
		parts->image_size = part->image_size;
	if (part->cycles > parts->part[parts->slowest].cycles)
		parts->slowest = part - parts->part;
}

/*
 * The same with memory of its own, which is freed again: a model on four cores
 * takes little more than on one, and a part that takes too much is no error.
 */
static bool try_part(struct nc_ctx *ctx, struct nc_parts *parts, struct nc_part *part,
		     const struct nc_range *wanted)
{
	struct nc_arena *keep = ctx->arena;
	struct nc_graph *model = ctx->graph;
	jmp_buf oom;

	ctx->part_arena = nc_arena_new(ctx->memory_limit, &oom);
	if (!ctx->part_arena)
		return false;
	ctx->arena = ctx->part_arena;
	if (setjmp(oom))
		nc_error(ctx, NULL, "a part of it needs more memory than there is");
	else
		compile_part(ctx, keep, parts, part, wanted);
	ctx->arena = keep;
	ctx->graph = model;
	nc_arena_free(ctx->part_arena);
	ctx->part_arena = NULL;
	return !ctx->diag.count;
}

struct nc_parts *nc_compile_parts(struct nc_ctx *ctx, unsigned int count)
{
	const struct nc_graph *model = ctx->graph;
	struct nc_parts *parts = nc_alloc(ctx->arena, 1, sizeof(*parts));
	struct nc_range *wanted = nc_alloc(ctx->arena, model->num_outputs + 1,
					   sizeof(*wanted));
	unsigned int i, k;

	parts->part = nc_alloc(ctx->arena, count, sizeof(*parts->part));
	parts->count = count;
	for (i = 0; i < count; i++) {
		for (k = 0; k < model->num_outputs; k++)
			wanted[k] = nc_part_share(model->outputs[k], i, count);
		if (!try_part(ctx, parts, &parts->part[i], wanted))
			return NULL;
	}
	return parts;
}

/* At least one output can be cut into so many parts. */
static bool can_share(const struct nc_graph *model, unsigned int count)
{
	unsigned int i;

	for (i = 0; i < model->num_outputs; i++)
		if (nc_part_share(model->outputs[i], 0, count).axis >= 0)
			return true;
	return false;
}

/* Errors of an attempt are not the model's. Returns the first of them, or NULL. */
const char *nc_end_attempt(struct nc_ctx *ctx, struct nc_diag before)
{
	const char *why = NULL;

	if (ctx->diag.count)
		why = nc_sprintf(ctx->arena, "%.*s", (int)strcspn(ctx->diag.text, "\n"),
				 ctx->diag.text);
	free(ctx->diag.text);
	ctx->diag = before;
	return why;
}

/* Why it is not as many cores as were asked for. */
static const char *explain(struct nc_ctx *ctx, unsigned int used, uint64_t one,
			   uint64_t several, const char *why)
{
	static const char hint[] = "copies of the model on each core raise throughput";
	unsigned int asked = ctx->options->cores;
	struct nc_arena *arena = ctx->arena;

	if (used == NEURON_MAX_CORES)
		return nc_sprintf(arena, "%u cores are used, not %u: a chip has no more",
				  used, asked);
	if (used > 1)
		return nc_sprintf(arena,
				  "%u cores are used, not %u: more would not make it faster",
				  used, asked);
	if (several)
		return nc_sprintf(arena,
				  "one core is used, not %u: an execution takes %llu cycles on it and %llu on several, as nearly all of the model goes into each part of its outputs; %s",
				  asked, (unsigned long long)one,
				  (unsigned long long)several, hint);
	return nc_sprintf(arena, "one core is used, not %u: %s; %s", asked,
			  why ? why : "no output can be cut into so many parts", hint);
}

void nc_cores(struct nc_ctx *ctx)
{
	struct nc_program *alone = ctx->program;
	uint64_t best = nc_program_cycles(ctx, alone, 1), one = best, tried = 0;
	unsigned int asked = ctx->options->cores, n, used = 1;
	const char *why = NULL;

	if (asked > NEURON_MAX_CORES)
		asked = NEURON_MAX_CORES;
	for (n = asked; n > 1; n /= 2) {
		struct nc_diag before = ctx->diag;
		const char *error = NULL;
		struct nc_parts *parts = NULL;
		uint64_t cycles;

		if (!can_share(ctx->graph, n))
			continue;
		memset(&ctx->diag, 0, sizeof(ctx->diag));
		parts = nc_compile_parts(ctx, n);
		ctx->program = alone;
		error = nc_end_attempt(ctx, before);
		if (!parts) {
			why = error;
			continue;
		}
		cycles = parts->part[parts->slowest].cycles;
		if (!tried || cycles < tried)
			tried = cycles;
		if (cycles && cycles < best - best / WORTH) {
			best = cycles;
			used = n;
			ctx->parts = parts;
		}
	}
	if (used != ctx->options->cores)
		ctx->result->note = explain(ctx, used, one, tried, why);
}

void nc_summarize_parts(struct nc_ctx *ctx)
{
	const struct nc_parts *parts = ctx->parts;
	uint64_t *cycles = nc_alloc(ctx->arena, parts->count, sizeof(*cycles));
	struct nc_summary *summary = &ctx->result->summary;
	uint64_t params;
	unsigned int i;

	nc_summarize(ctx);
	params = summary->num_params;
	*summary = parts->part[parts->slowest].summary;
	for (i = 0; i < parts->count; i++)
		cycles[i] = parts->part[i].cycles;
	summary->core_cycles = cycles;
	summary->num_params = params;
	summary->weight_bytes = parts->weights_size;
	summary->scratch_bytes = parts->scratch_size;
}
