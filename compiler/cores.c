// SPDX-License-Identifier: MIT
/*
 * One model on several cores: the programs.
 *
 * Cores have no way to wait for each other within an execution. So each of those that
 * work side by side makes its part of what the stage puts out from what the stage
 * reads alone: entries of a batch, rows of an image, stretches of a sound. What parts
 * have in common, such as the rows around a convolution's, each computes for itself.
 * Between stages there is a hand-over: the next one begins when all parts of the one
 * before have ended, and finds in memory what it needs.
 */
#include <stdlib.h>
#include <string.h>
#include <neuron/neff.h>
#include <neuron/regs.h>
#include <qemu-device/chip/chip.h>
#include <qemu-device/timing/timing.h>

#include "cores.h"

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

struct nc_range nc_part_share(const struct nc_value *output, unsigned int part,
			      unsigned int count, enum nc_way way)
{
	int axis = way == NC_WAY_FIRST ? leading_axis(output) :
		   output->rank > 2 ? 2 : -1;
	struct nc_range range = { .axis = part ? NC_NOTHING : NC_WHOLE };

	if (axis >= 0 && output->dims[axis] >= count)
		range = (struct nc_range) {
			axis, output->dims[axis] * part / count,
			output->dims[axis] * (part + 1) / count,
		};
	return range;
}

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
 * further behind, and what it reads and writes is where the stage's ports say.
 * @wanted: what it makes of each output in one piece; NULL: the whole
 */
static void relocate(const struct nc_graph *model, const struct nc_parts *parts,
		     const struct nc_stage *stage, struct neuron_program_header *header,
		     uint64_t weights, const struct nc_range *wanted)
{
	struct neuron_tensor *tensors = (void *)((char *)header + header->tensors);
	uint32_t k = NC_SLOT_FIRST_IO + stage->num_inputs, i;
	uint32_t slot[NEURON_MAX_SLOTS];
	uint64_t offset[NEURON_MAX_SLOTS] = { 0 };

	for (i = 0; i < NC_SLOT_FIRST_IO; i++)
		slot[i] = i;
	offset[NC_SLOT_WEIGHTS] = weights;
	offset[NC_SLOT_SCRATCH] = parts->scratch_size;
	for (i = 0; i < stage->num_inputs; i++) {
		slot[NC_SLOT_FIRST_IO + i] = stage->inputs[i].slot;
		offset[NC_SLOT_FIRST_IO + i] = stage->inputs[i].offset;
	}
	for (i = 0; i < stage->num_outputs; i++) {
		const struct nc_port *port = &stage->outputs[i];
		const struct nc_range *r = wanted ? &wanted[i] : NULL;

		if (r && r->axis == NC_NOTHING)
			continue;
		slot[k] = port->slot;
		offset[k] = port->offset;
		if (r && r->axis >= 0)
			offset[k] += nc_bytes(port->value) /
				     (uint64_t)port->value->dims[r->axis] *
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
	header->num_slots = NC_SLOT_FIRST_IO + model->num_inputs + model->num_outputs +
			    (parts->num_stages > 1);
	header->sharing = stage->cores;
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

/* The part's program, in ctx->program. @wanted has room for the stage's outputs. */
static bool make_program(struct nc_ctx *ctx, const struct nc_stage *stage,
			 unsigned int number, struct nc_range *wanted)
{
	struct nc_lower_part part = { .ranges = wanted };
	struct nc_graph *graph = nc_stage_graph(ctx, stage);
	unsigned int i;

	if (stage->cores > 1) {
		for (i = 0; i < graph->num_outputs; i++) {
			wanted[i] = nc_part_share(graph->outputs[i], number, stage->cores,
						  stage->way);
			if (stage->way != NC_WAY_FIRST && wanted[i].axis < 0)
				nc_error(ctx, NULL, "an output of a stage can't be cut");
		}
		if (ctx->diag.count)
			return false;
		part.graph = nc_part_graph(ctx, wanted);
	}
	nc_verify(ctx, "cores");
	if (ctx->diag.count)
		return false;
	if (stage->cores == 1 || stage->way == NC_WAY_FIRST) {
		nc_back_end(ctx);
	} else {
		/* Rows of an image are not in one piece: they go into the whole. */
		ctx->graph = graph;
		nc_back_end_part(ctx, &part);
	}
	return !ctx->diag.count;
}

/* One more part. All that outlives its compilation goes to @keep. */
static void compile_part(struct nc_ctx *ctx, struct nc_arena *keep,
			 struct nc_parts *parts, struct nc_part *part,
			 const struct nc_stage *stage, unsigned int number)
{
	const unsigned int chip = parts->count < NEURON_MAX_CORES ? parts->count :
							       NEURON_MAX_CORES;
	const struct nc_graph *model = ctx->graph;
	struct nc_range *wanted = nc_alloc(ctx->arena, stage->num_outputs + 1,
					   sizeof(*wanted));
	bool pieces = stage->cores > 1 && stage->way == NC_WAY_FIRST;
	struct nc_program *prog;

	if (!make_program(ctx, stage, number, wanted))
		return;
	prog = ctx->program;
	part->cycles = nc_program_cycles(ctx, prog, stage->cores);
	part->crowded = nc_program_cycles(ctx, prog, chip);
	ctx->sharing = stage->cores;
	summarize_part(ctx, keep, part);
	ctx->sharing = 0;
	place_weights(ctx, keep, parts, part);
	parts->scratch_size = ALIGN_UP(parts->scratch_size);
	relocate(model, parts, stage, prog->image, part->weights, pieces ? wanted : NULL);
	if (!still_good(ctx, prog))
		return;
	part->image = nc_memdup(keep, prog->image, prog->image_size);
	part->image_size = prog->image_size;
	part->sbuf_used = prog->sbuf_used;
	part->psum_used = prog->psum_used;
	parts->scratch_size += prog->scratch_size;
	if (part->image_size > parts->image_size)
		parts->image_size = part->image_size;
}

/* A part's compilation: in memory of its own, which is freed again. */
struct attempt {
	struct nc_parts *parts;
	struct nc_part *part;
	const struct nc_stage *stage;
	unsigned int number;
	uint64_t cycles;
};

static void only_cycles(struct nc_ctx *ctx, struct attempt *attempt)
{
	struct nc_range *wanted = nc_alloc(ctx->arena, attempt->stage->num_outputs + 1,
					   sizeof(*wanted));

	if (make_program(ctx, attempt->stage, attempt->number, wanted))
		attempt->cycles = nc_program_cycles(ctx, ctx->program,
						    attempt->stage->cores);
}

/*
 * A model on four cores so takes little more memory than on one, and a part that takes
 * too much is no error.
 */
static bool attempt_part(struct nc_ctx *ctx, struct attempt *attempt)
{
	struct nc_program *alone = ctx->program;
	struct nc_arena *keep = ctx->arena;
	struct nc_graph *model = ctx->graph;
	jmp_buf oom;

	ctx->part_arena = nc_arena_new(ctx->memory_limit, &oom);
	if (!ctx->part_arena)
		return false;
	ctx->arena = ctx->part_arena;
	if (setjmp(oom))
		nc_error(ctx, NULL, "a part of it needs more memory than there is");
	else if (attempt->part)
		compile_part(ctx, keep, attempt->parts, attempt->part, attempt->stage,
			     attempt->number);
	else
		only_cycles(ctx, attempt);
	ctx->arena = keep;
	ctx->graph = model;
	ctx->program = alone;
	nc_arena_free(ctx->part_arena);
	ctx->part_arena = NULL;
	return !ctx->diag.count;
}

uint64_t nc_part_cycles(struct nc_ctx *ctx, const struct nc_spread *spread,
			unsigned int stage, unsigned int number)
{
	struct attempt attempt = { .stage = &spread->stages[stage], .number = number };

	return attempt_part(ctx, &attempt) ? attempt.cycles : 0;
}

/* The stages one after the other, and the time between two executions. */
static void add_up(struct nc_parts *parts)
{
	uint64_t slowest = 0;
	unsigned int i;

	parts->cycles = (parts->num_stages - 1) * neuron_timing_handover();
	for (i = 0; i < parts->count; i++) {
		const struct nc_part *part = &parts->part[i];

		if (part->cycles > slowest)
			slowest = part->cycles;
		if (part->crowded > parts->interval)
			parts->interval = part->crowded;
		if (i + 1 == parts->count || parts->part[i + 1].stage != part->stage) {
			parts->cycles += slowest;
			slowest = 0;
		}
	}
}

struct nc_parts *nc_compile_spread(struct nc_ctx *ctx, struct nc_spread *spread)
{
	struct nc_parts *parts = nc_alloc(ctx->arena, 1, sizeof(*parts));
	unsigned int i, k, core = 0;

	parts->num_stages = spread->num_stages;
	for (i = 0; i < spread->num_stages; i++)
		parts->count += spread->stages[i].cores;
	parts->part = nc_alloc(ctx->arena, parts->count, sizeof(*parts->part));
	parts->handover_size = nc_stages_connect(ctx, spread->stages, spread->num_stages);
	for (i = 0; i < spread->num_stages; i++) {
		for (k = 0; k < spread->stages[i].cores; k++) {
			struct attempt attempt = {
				.parts = parts, .part = &parts->part[core],
				.stage = &spread->stages[i], .number = k,
			};

			parts->part[core++].stage = i;
			if (!attempt_part(ctx, &attempt))
				return NULL;
		}
	}
	add_up(parts);
	return parts;
}

struct nc_parts *nc_compile_parts(struct nc_ctx *ctx, unsigned int count)
{
	struct nc_spread spread = {
		.num_stages = 1,
		.stages = { { .end = ctx->graph->num_nodes, .cores = count } },
	};

	return nc_compile_spread(ctx, &spread);
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

/* What all cores do together. */
static void add_report(struct neuron_report *to, const struct neuron_report *from)
{
	unsigned int i;

	to->macs += from->macs;
	to->bytes_host_in += from->bytes_host_in;
	to->bytes_host_out += from->bytes_host_out;
	to->bytes_dram_in += from->bytes_dram_in;
	to->bytes_dram_out += from->bytes_dram_out;
	if (from->sbuf_high > to->sbuf_high)
		to->sbuf_high = from->sbuf_high;
	if (from->psum_high > to->psum_high)
		to->psum_high = from->psum_high;
	for (i = 0; i < NEURON_NUM_ENGINES; i++) {
		to->engine[i].busy += from->engine[i].busy;
		to->engine[i].stall_sem += from->engine[i].stall_sem;
		to->engine[i].stall_mem += from->engine[i].stall_mem;
		to->engine[i].insts += from->engine[i].insts;
	}
}

/* A stage takes as long as its slowest part, whose layers are shown. */
static void add_stage(struct nc_summary *summary, const struct nc_part *slowest)
{
	unsigned int i;

	summary->report.cycles += slowest->summary.report.cycles;
	summary->warm.cycles += slowest->summary.warm.cycles;
	for (i = 0; i < slowest->summary.num_layers; i++) {
		summary->layers[summary->num_layers] = slowest->summary.layers[i];
		summary->layers[summary->num_layers++].stage = slowest->stage;
	}
}

void nc_summarize_parts(struct nc_ctx *ctx)
{
	const struct nc_parts *parts = ctx->parts;
	struct nc_summary *summary = &ctx->result->summary;
	struct nc_core_summary *cores = nc_alloc(ctx->arena, parts->count, sizeof(*cores));
	const struct nc_part *slowest = parts->part;
	unsigned int i, layers = 0;

	/* What is the same on any number of cores. */
	nc_summarize(ctx);
	memset(&summary->report, 0, sizeof(summary->report));
	memset(&summary->warm, 0, sizeof(summary->warm));
	summary->kept_bytes = 0;
	summary->num_insts = 0;
	summary->num_layers = 0;
	for (i = 0; i < parts->count; i++)
		layers += parts->part[i].summary.num_layers;
	summary->layers = nc_alloc(ctx->arena, layers, sizeof(*summary->layers));
	for (i = 0; i < parts->count; i++) {
		const struct nc_part *part = &parts->part[i];

		cores[i] = (struct nc_core_summary) {
			.stage = part->stage, .cycles = part->cycles,
			.kept_bytes = part->summary.kept_bytes,
		};
		add_report(&summary->report, &part->summary.report);
		add_report(&summary->warm, &part->summary.warm);
		summary->kept_bytes += part->summary.kept_bytes;
		summary->num_insts += part->summary.num_insts;
		if (part->cycles > slowest->cycles || part->stage != slowest->stage)
			slowest = part;
		if (i + 1 == parts->count || parts->part[i + 1].stage != part->stage)
			add_stage(summary, slowest);
	}
	summary->report.cycles += (parts->num_stages - 1) * neuron_timing_handover();
	summary->warm.cycles += (parts->num_stages - 1) * neuron_timing_handover();
	summary->core = cores;
	summary->cores = parts->count;
	summary->stages = parts->num_stages;
	summary->interval = parts->interval;
	summary->weight_bytes = parts->weights_size;
	summary->scratch_bytes = parts->scratch_size;
	summary->handover_bytes = parts->handover_size;
}
