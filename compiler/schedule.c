// SPDX-License-Identifier: MIT
/*
 * Order between the engines.
 *
 * Each engine runs its instructions in program order, so only dependences
 * between engines need a semaphore. Every engine owns one: its instructions
 * that others wait for add one to it when they end, so its value says how far
 * the engine has come. The value that an instruction waits for is the number of
 * signals up to the one that it depends on.
 *
 * An instruction depends on the last writer of what it reads (read after
 * write), and on the last writer and the readers since of what it writes; that
 * covers the reuse of places in the scratchpad and in scratch DRAM, because
 * bytes count here, not buffers. A dependence that another one implies is
 * dropped: for each engine we keep how far it knows every other engine to have
 * come, and waiting for an instruction hands down all that it knew.
 */
#include <string.h>

#include "backend.h"

/* How far each engine is known to have come: positions plus one. */
struct clock {
	uint32_t at[NEURON_NUM_ENGINES];
};

/**
 * struct scheduler - state of the walk
 * @maps: by memory: the history of its bytes
 * @engines: what each engine knows before its next instruction
 * @clocks: by instruction: what its end tells
 * @wants: the current instruction's dependences: by engine, the last position
 *	   plus one
 */
struct scheduler {
	struct nc_program *prog;
	struct nc_access_map **maps;
	struct clock engines[NEURON_NUM_ENGINES];
	struct clock *clocks;
	struct clock wants;
};

static void want(struct scheduler *sched, uint32_t pos_plus_one)
{
	unsigned int engine;

	if (!pos_plus_one)
		return;
	engine = sched->prog->list.insts[pos_plus_one - 1].engine;
	if (pos_plus_one > sched->wants.at[engine])
		sched->wants.at[engine] = pos_plus_one;
}

static void want_writer(void *arg, const struct nc_access *access)
{
	want(arg, access->writer);
}

static void want_all(void *arg, const struct nc_access *access)
{
	unsigned int i;

	want(arg, access->writer);
	for (i = 0; i < NEURON_NUM_ENGINES; i++)
		want(arg, access->readers[i]);
}

static void join(struct clock *clock, const struct clock *other)
{
	unsigned int i;

	for (i = 0; i < NEURON_NUM_ENGINES; i++)
		if (other->at[i] > clock->at[i])
			clock->at[i] = other->at[i];
}

/* The waits that are needed, the latest instruction first. */
static void choose_deps(struct scheduler *sched, uint32_t pos)
{
	struct nc_inst *inst = &sched->prog->list.insts[pos];
	struct clock *known = &sched->engines[inst->engine];
	uint32_t dep;
	unsigned int i;

	inst->num_deps = 0;
	for (;;) {
		dep = 0;
		for (i = 0; i < NEURON_NUM_ENGINES; i++)
			if (i != inst->engine &&
			    sched->wants.at[i] > known->at[i] &&
			    sched->wants.at[i] > dep)
				dep = sched->wants.at[i];
		if (!dep)
			break;
		inst->deps[inst->num_deps++] = dep - 1;
		sched->prog->list.insts[dep - 1].signals = true;
		join(known, &sched->clocks[dep - 1]);
	}
	known->at[inst->engine] = pos + 1;
	sched->clocks[pos] = *known;
}

static void visit(struct scheduler *sched, uint32_t pos)
{
	const struct nc_inst *inst = &sched->prog->list.insts[pos];
	uint64_t lo, hi;
	unsigned int i;

	memset(&sched->wants, 0, sizeof(sched->wants));
	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		const struct nc_view *view = inst->operands[i];

		if (!view)
			continue;
		nc_memory_range(view, &lo, &hi);
		nc_access_each(sched->maps[nc_memory_of(view->buf)], lo, hi,
			       nc_operand_is_out(inst->opcode, i) ?
			       want_all : want_writer, sched);
	}
	choose_deps(sched, pos);
	/* Reads first: an instruction may write what it reads. */
	for (i = NC_MAX_OPERANDS; i-- > 0; ) {
		const struct nc_view *view = inst->operands[i];

		if (!view)
			continue;
		nc_memory_range(view, &lo, &hi);
		if (nc_operand_is_out(inst->opcode, i))
			nc_access_write(sched->maps[nc_memory_of(view->buf)],
					lo, hi, pos);
		else
			nc_access_read(sched->maps[nc_memory_of(view->buf)],
				       lo, hi, inst->engine, pos);
	}
}

struct nc_access_map **nc_memory_maps(struct nc_ctx *ctx)
{
	struct nc_program *prog = ctx->program;
	struct nc_graph *graph = ctx->graph;
	unsigned int i, slots = NC_SLOT_FIRST_IO + graph->num_inputs +
				graph->num_outputs;
	struct nc_access_map **maps = nc_alloc(ctx->arena,
					       NC_MEMORY_SLOT + slots,
					       sizeof(*maps));

	maps[NC_MEMORY_SBUF] = nc_access_map_new(ctx->arena, prog->sbuf_used);
	maps[NC_MEMORY_PSUM] = nc_access_map_new(ctx->arena, prog->psum_used);
	for (i = 0; i < slots; i++) {
		uint64_t size = 0;

		/* Nobody writes weights and inputs: one record does for them. */
		if (i == NC_SLOT_SCRATCH)
			size = prog->scratch_size;
		else if (i >= NC_SLOT_FIRST_IO + graph->num_inputs)
			size = prog->outputs[i - NC_SLOT_FIRST_IO -
					     graph->num_inputs]->size * 2;
		maps[NC_MEMORY_SLOT + i] = nc_access_map_new(ctx->arena, size);
	}
	return maps;
}

void nc_schedule(struct nc_ctx *ctx)
{
	struct nc_program *prog = ctx->program;
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	struct scheduler sched = { .prog = prog };
	uint32_t i;

	sched.maps = nc_memory_maps(ctx);
	sched.clocks = nc_alloc(ctx->arena, prog->list.count,
				sizeof(*sched.clocks));
	for (i = 0; i < prog->list.count; i++)
		prog->list.insts[i].signals = false;
	for (i = 0; i < prog->list.count; i++)
		visit(&sched, i);
	/* The order is in the instructions. */
	nc_arena_release(ctx->arena, mark);
}
