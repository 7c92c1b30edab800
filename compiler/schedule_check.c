// SPDX-License-Identifier: MIT
/* A proof for each program that its engines are in order: see nc_find_race(). */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* How far each engine is known to have come: positions plus one. */
struct clock {
	uint32_t at[NEURON_NUM_ENGINES];
};

/* The signals of one semaphore so far. */
struct sem_log {
	uint32_t engine;	/* the only one that signals it */
	uint32_t total;
	uint32_t *totals;	/* after each signal */
	uint32_t *insts;	/* that gave it */
	uint32_t count;
	uint32_t room;
};

struct checker {
	struct nc_arena *arena;
	const struct neuron_tensor *tensors;
	const struct neuron_inst *insts;
	struct nc_access_map **maps;
	struct sem_log sems[NEURON_ISA_SEMAPHORES];
	struct clock engines[NEURON_NUM_ENGINES];
	struct clock *clocks;
	const struct clock *known;
	bool race;
};

static unsigned int map_of(const struct neuron_tensor *tensor)
{
	switch (tensor->space) {
	case NEURON_SPACE_SBUF:
		return NC_MEMORY_SBUF;
	case NEURON_SPACE_PSUM:
		return NC_MEMORY_PSUM;
	default:
		return NC_MEMORY_SLOT + tensor->slot;
	}
}

static void log_signal(struct checker *check, const struct neuron_sem_op *op,
		       uint32_t pos)
{
	struct sem_log *log = &check->sems[op->sem];

	if (log->count == log->room) {
		uint32_t room = log->room ? 2 * log->room : 64;
		uint32_t *totals = nc_alloc(check->arena, room, sizeof(*totals));
		uint32_t *insts = nc_alloc(check->arena, room, sizeof(*insts));

		if (log->count) {
			memcpy(totals, log->totals,
			       log->count * sizeof(*totals));
			memcpy(insts, log->insts, log->count * sizeof(*insts));
		}
		log->totals = totals;
		log->insts = insts;
		log->room = room;
	}
	log->total += op->value;
	log->totals[log->count] = log->total;
	log->insts[log->count++] = pos;
}

/* The first instruction without which the semaphore would not be that high. */
static const char *find_signal(const struct checker *check,
			       const struct neuron_sem_op *op, uint32_t *pos)
{
	const struct sem_log *log = &check->sems[op->sem];
	uint32_t lo = 0, hi = log->count;

	if (op->value > log->total)
		return "it waits for what no earlier instruction signals";
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (log->totals[mid] >= op->value)
			hi = mid;
		else
			lo = mid + 1;
	}
	*pos = log->insts[lo];
	return NULL;
}

static void see(struct checker *check, uint32_t pos_plus_one)
{
	unsigned int engine;

	if (!pos_plus_one)
		return;
	engine = check->insts[pos_plus_one - 1].engine;
	if (pos_plus_one > check->known->at[engine])
		check->race = true;
}

static void see_writer(void *arg, const struct nc_access *access)
{
	see(arg, access->writer);
}

static void see_all(void *arg, const struct nc_access *access)
{
	unsigned int i;

	see(arg, access->writer);
	for (i = 0; i < NEURON_NUM_ENGINES; i++)
		see(arg, access->readers[i]);
}

static const char *visit(struct checker *check, uint32_t pos)
{
	const struct neuron_inst *inst = &check->insts[pos];
	struct clock *known = &check->engines[inst->engine];
	unsigned int i, j, n = nc_opcode_operands(inst->opcode);
	uint64_t lo, hi;

	known->at[inst->engine] = pos;
	for (i = 0; i < NEURON_MAX_WAITS; i++) {
		uint32_t signal;
		const char *why;

		if (!inst->wait[i].value)
			continue;
		why = find_signal(check, &inst->wait[i], &signal);
		if (why)
			return why;
		for (j = 0; j < NEURON_NUM_ENGINES; j++)
			if (check->clocks[signal].at[j] > known->at[j])
				known->at[j] = check->clocks[signal].at[j];
	}

	check->known = known;
	for (i = 0; i < n; i++) {
		const struct neuron_tensor *tensor;

		if (inst->operand[i] == NEURON_NO_TENSOR)
			continue;
		tensor = &check->tensors[inst->operand[i]];
		neuron_tensor_extent(tensor, &lo, &hi);
		nc_access_each(check->maps[map_of(tensor)], lo, hi,
			       nc_operand_is_out(inst->opcode, i) ?
			       see_all : see_writer, check);
		if (check->race)
			return "it is not in order with an earlier access to the same bytes";
	}
	for (i = n; i-- > 0; ) {
		const struct neuron_tensor *tensor;

		if (inst->operand[i] == NEURON_NO_TENSOR)
			continue;
		tensor = &check->tensors[inst->operand[i]];
		neuron_tensor_extent(tensor, &lo, &hi);
		if (nc_operand_is_out(inst->opcode, i))
			nc_access_write(check->maps[map_of(tensor)], lo, hi,
					pos);
		else
			nc_access_read(check->maps[map_of(tensor)], lo, hi,
				       inst->engine, pos);
	}

	known->at[inst->engine] = pos + 1;
	check->clocks[pos] = *known;
	for (i = 0; i < NEURON_MAX_SIGNALS; i++) {
		struct sem_log *log = &check->sems[inst->signal[i].sem];

		if (!inst->signal[i].value)
			continue;
		if (log->count && log->engine != inst->engine)
			return "two engines signal one semaphore";
		log->engine = inst->engine;
		log_signal(check, &inst->signal[i], pos);
	}
	return NULL;
}

/* Memory that nothing writes needs no history: one record for all of it. */
static struct nc_access_map **make_maps(struct nc_arena *arena,
					const struct neuron_program_header *header,
					const struct neuron_tensor *tensors,
					const struct neuron_inst *insts)
{
	uint32_t i, n = NC_MEMORY_SLOT + header->num_slots;
	uint64_t *sizes = nc_alloc(arena, n, sizeof(*sizes));
	struct nc_access_map **maps = nc_alloc(arena, n, sizeof(*maps));

	sizes[NC_MEMORY_SBUF] = header->sbuf_size;
	sizes[NC_MEMORY_PSUM] = header->psum_size;
	for (i = 0; i < header->num_insts; i++) {
		const struct neuron_tensor *out;
		uint64_t lo, hi;

		if (insts[i].opcode != NEURON_OP_STORE)
			continue;
		out = &tensors[insts[i].operand[0]];
		neuron_tensor_extent(out, &lo, &hi);
		if (hi > sizes[map_of(out)])
			sizes[map_of(out)] = hi;
	}
	for (i = 0; i < n; i++)
		maps[i] = nc_access_map_new(arena, sizes[i]);
	return maps;
}

/* Bytes of the scratchpad. */
struct range {
	uint64_t lo;
	uint64_t hi;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Whether one of the ranges, which are sorted and apart, shares a byte with it. */
static bool overlaps(const struct range *ranges, uint32_t n, uint64_t lo,
		     uint64_t hi)
{
	uint32_t from = 0, to = n;

	while (from < to) {
		uint32_t mid = from + (to - from) / 2;

		if (ranges[mid].hi > lo)
			to = mid;
		else
			from = mid + 1;
	}
	return from < n && ranges[from].lo < hi;
}

static bool is_resident(const struct neuron_inst *inst)
{
	return inst->flags & NEURON_INST_RESIDENT;
}

const char *nc_find_overwrite(struct nc_arena *arena, const void *program,
			      uint32_t *inst)
{
	const struct neuron_program_header *header = program;
	const struct neuron_tensor *tensors = neuron_program_tensors(program);
	const struct neuron_inst *insts = neuron_program_insts(program);
	struct range *ranges = nc_alloc(arena, header->num_insts + 1,
					sizeof(*ranges));
	const struct neuron_tensor *out;
	uint32_t i, n = 0;
	uint64_t lo, hi;

	for (*inst = 0; *inst < header->num_insts; ++*inst) {
		if (!is_resident(&insts[*inst]))
			continue;
		if (insts[*inst].opcode != NEURON_OP_LOAD ||
		    tensors[insts[*inst].operand[1]].slot != NC_SLOT_WEIGHTS)
			return "what it leaves on the chip is no constant";
		out = &tensors[insts[*inst].operand[0]];
		if (out->space != NEURON_SPACE_SBUF)
			return "what it leaves on the chip is not in the scratchpad";
		neuron_tensor_extent(out, &lo, &hi);
		ranges[n++] = (struct range){ lo, hi };
	}
	qsort(ranges, n, sizeof(*ranges), by_start);
	for (i = 1; i < n; i++) {
		*inst = 0;
		if (ranges[i].lo < ranges[i - 1].hi)
			return "two loads leave the same bytes on the chip";
	}
	for (*inst = 0; *inst < header->num_insts; ++*inst) {
		for (i = 0; i < nc_opcode_operands(insts[*inst].opcode); i++) {
			if (!nc_operand_is_out(insts[*inst].opcode, i) ||
			    is_resident(&insts[*inst]))
				continue;
			out = &tensors[insts[*inst].operand[i]];
			neuron_tensor_extent(out, &lo, &hi);
			if (out->space == NEURON_SPACE_SBUF &&
			    overlaps(ranges, n, lo, hi))
				return "it overwrites what stays on the chip";
			if (out->space == NEURON_SPACE_SLOT &&
			    out->slot == NC_SLOT_WEIGHTS)
				return "it overwrites a constant";
		}
	}
	return NULL;
}

const char *nc_find_race(struct nc_arena *arena, const void *program,
			 uint32_t *inst)
{
	const struct neuron_program_header *header = program;
	struct checker check = {
		.arena = arena,
		.tensors = neuron_program_tensors(program),
		.insts = neuron_program_insts(program),
	};
	const char *why;

	check.maps = make_maps(arena, header, check.tensors, check.insts);
	check.clocks = nc_alloc(arena, header->num_insts,
				sizeof(*check.clocks));
	for (*inst = 0; *inst < header->num_insts; ++*inst) {
		why = visit(&check, *inst);
		if (why)
			return why;
	}
	return NULL;
}

void nc_check_races(struct nc_ctx *ctx)
{
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	struct nc_program *prog = ctx->program;
	uint32_t inst;
	const char *why = nc_find_race(ctx->arena, prog->image, &inst);

	if (!why)
		why = nc_find_overwrite(ctx->arena, prog->image, &inst);
	nc_arena_release(ctx->arena, mark);
	if (!why)
		return;
	nc_error(ctx, NULL,
		 "the compiler made a bad schedule, please report it: instruction %u: %s",
		 inst, why);
	ctx->result->num_faults++;
}
