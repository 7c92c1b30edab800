// SPDX-License-Identifier: MIT
/*
 * When each instruction of a program runs: a discrete-event simulation.
 *
 * Each engine takes its own instructions in program order; one starts when the
 * engine is free and its semaphores have grown. The two DMA engines share the
 * bandwidth of a memory in halves while both transfer from or to it. Time is
 * kept in half cycles of work, so that halves are exact.
 *
 * Other cores share the memories, too. What they do is not simulated: they are
 * taken to be as this one. If a core uses a memory for the part d of its time,
 * then of n - 1 others (n - 1) * d are met there on the average, and a transfer
 * takes 1 + (n - 1) * d times as long. As that lengthens d, the schedule is
 * repeated until both agree. Memory that is always in use ends up divided by n.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "qemu-device/isa/isa_tables.h"
#include "qemu-device/timing/cost.h"

/**
 * struct engine - one engine's progress
 * @insts: indices of its instructions, in program order
 * @count: entries of @insts
 * @next: position in @insts of the one that runs or comes next
 * @running: whether it runs
 * @start: when it began
 * @waited: how long it had waited before
 * @free_since: when the engine became free
 * @alone: cycles it would take on an idle core
 * @fixed: half cycles left before the transfer
 * @transfer: half cycles left of the transfer, at full bandwidth
 * @memory: of the transfer
 */
struct engine {
	uint32_t *insts;
	uint32_t count;
	uint32_t next;
	bool running;
	uint64_t start;
	uint64_t waited;
	uint64_t free_since;
	uint64_t alone;
	uint64_t fixed;
	uint64_t transfer;
	enum timing_memory memory;
};

#define SLOW_ONE	1024u
/* Repetitions at the most; a change below one in 64 ends them before. */
#define MAX_ROUNDS	12

/**
 * struct schedule - a simulation
 * @slow: by how much other cores slow down each memory, in units of 1 / SLOW_ONE
 * @used: cycles in which this core transferred from or to each memory
 */
struct schedule {
	const struct neuron_timing_config *config;
	const void *program;
	const struct neuron_inst *insts;
	const bool *slot_is_dram;
	uint32_t num_slots;
	bool warm;
	struct neuron_inst_time *times;
	struct neuron_report *report;
	struct engine engine[NEURON_NUM_ENGINES];
	uint32_t sem[NEURON_ISA_SEMAPHORES];
	uint64_t now;
	uint64_t slow[TIMING_NUM_MEMORIES];
	uint64_t used[TIMING_NUM_MEMORIES];
};

/* Give each engine its part of one array. */
static uint32_t *distribute(struct schedule *s, uint32_t n)
{
	uint32_t *array = malloc((n + 1) * sizeof(*array)), *at = array;

	if (!array)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		s->engine[s->insts[i].engine].count++;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		s->engine[e].insts = at;
		at += s->engine[e].count;
		s->engine[e].count = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		struct engine *engine = &s->engine[s->insts[i].engine];

		engine->insts[engine->count++] = i;
	}
	return array;
}

static bool satisfied(const struct schedule *s, const struct neuron_inst *inst)
{
	for (unsigned int i = 0; i < NEURON_MAX_WAITS; i++)
		if (s->sem[inst->wait[i].sem] < inst->wait[i].value)
			return false;
	return true;
}

static void count_bytes(struct schedule *s, unsigned int engine,
			const struct timing_cost *cost)
{
	if (engine == NEURON_ENGINE_DMA_IN) {
		if (cost->memory == TIMING_DRAM)
			s->report->bytes_dram_in += cost->bytes;
		else
			s->report->bytes_host_in += cost->bytes;
	} else if (engine == NEURON_ENGINE_DMA_OUT) {
		if (cost->memory == TIMING_DRAM)
			s->report->bytes_dram_out += cost->bytes;
		else
			s->report->bytes_host_out += cost->bytes;
	}
}

static void start(struct schedule *s, unsigned int e)
{
	struct engine *engine = &s->engine[e];
	const struct neuron_inst *inst = &s->insts[engine->insts[engine->next]];
	struct neuron_inst skipped;
	struct timing_cost cost;

	if (s->warm && inst->flags & NEURON_INST_RESIDENT &&
	    inst->opcode == NEURON_OP_LOAD) {
		skipped = *inst;
		skipped.opcode = NEURON_OP_NOP;
		inst = &skipped;
	}
	timing_cost(s->config, s->program, inst, s->slot_is_dram, s->num_slots,
		    &cost);
	engine->running = true;
	engine->start = s->now;
	engine->waited = s->now - engine->free_since;
	engine->alone = cost.fixed + cost.transfer;
	engine->fixed = 2 * cost.fixed;
	engine->transfer = 2 * cost.transfer;
	if (s->slow[cost.memory] != SLOW_ONE)
		engine->transfer = (unsigned __int128)engine->transfer *
				   s->slow[cost.memory] / SLOW_ONE;
	engine->memory = cost.memory;

	s->report->macs += cost.macs;
	s->report->engine[e].stall_sem += engine->waited;
	count_bytes(s, e, &cost);
}

static void finish(struct schedule *s, unsigned int e)
{
	struct engine *engine = &s->engine[e];
	uint32_t index = engine->insts[engine->next];
	const struct neuron_inst *inst = &s->insts[index];
	struct neuron_engine_report *report = &s->report->engine[e];

	for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++)
		s->sem[inst->signal[i].sem] += inst->signal[i].value;
	if (s->times) {
		s->times[index].start = engine->start;
		s->times[index].end = s->now;
		s->times[index].stall_sem = engine->waited;
	}
	report->busy += engine->alone;
	report->stall_mem += s->now - engine->start - engine->alone;
	report->insts++;
	engine->running = false;
	engine->free_since = s->now;
	engine->next++;
}

static bool transfers(const struct engine *engine)
{
	return engine->running && !engine->fixed && engine->transfer;
}

/* Half cycles of work done per cycle. */
static unsigned int pace(const struct schedule *s, unsigned int e)
{
	const struct engine *engine = &s->engine[e];

	if (!transfers(engine))
		return 2;
	for (unsigned int i = 0; i < NEURON_NUM_ENGINES; i++)
		if (i != e && transfers(&s->engine[i]) &&
		    s->engine[i].memory == engine->memory)
			return 1;
	return 2;
}

/* Go on to the next end of a phase. False when nothing runs. */
static bool advance(struct schedule *s)
{
	unsigned int rate[NEURON_NUM_ENGINES];
	bool uses[TIMING_NUM_MEMORIES] = { false };
	uint64_t step = UINT64_MAX;

	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		const struct engine *engine = &s->engine[e];
		uint64_t left = engine->fixed ? engine->fixed : engine->transfer;

		if (!engine->running)
			continue;
		rate[e] = pace(s, e);
		uses[transfers(engine) ? engine->memory : TIMING_NO_MEMORY] = true;
		left = left / rate[e] + left % rate[e];
		if (left < step)
			step = left;
	}
	if (step == UINT64_MAX)
		return false;

	s->now += step;
	for (unsigned int m = 0; m < TIMING_NUM_MEMORIES; m++)
		if (uses[m])
			s->used[m] += step;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		struct engine *engine = &s->engine[e];
		uint64_t done = step * rate[e];
		uint64_t *left;

		if (!engine->running)
			continue;
		left = engine->fixed ? &engine->fixed : &engine->transfer;
		*left = *left > done ? *left - done : 0;
		if (!engine->fixed && !engine->transfer)
			finish(s, e);
	}
	return true;
}

static int simulate(struct schedule *s)
{
	*s->report = (struct neuron_report) { 0 };
	isa_high_water(s->program, &s->report->sbuf_high, &s->report->psum_high);
	memset(s->sem, 0, sizeof(s->sem));
	memset(s->used, 0, sizeof(s->used));
	s->now = 0;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		s->engine[e].next = 0;
		s->engine[e].free_since = 0;
	}

	do {
		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
			struct engine *engine = &s->engine[e];

			if (!engine->running && engine->next < engine->count &&
			    satisfied(s, &s->insts[engine->insts[engine->next]]))
				start(s, e);
		}
	} while (advance(s));

	s->report->cycles = s->now;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++)
		if (s->engine[e].next < s->engine[e].count)
			return -EDEADLK;
	return 0;
}

/* Whether other cores slow memories down by more than was simulated. */
static bool crowded(struct schedule *s)
{
	bool changed = false;

	if (s->config->cores < 2 || !s->now)
		return false;
	for (unsigned int m = TIMING_DRAM; m < TIMING_NUM_MEMORIES; m++) {
		uint64_t slow = SLOW_ONE + (unsigned __int128)(s->config->cores - 1) *
				SLOW_ONE * s->used[m] / s->now;

		changed |= slow > s->slow[m] + s->slow[m] / 64;
		s->slow[m] = slow;
	}
	return changed;
}

int neuron_timing_schedule(const struct neuron_timing_config *config,
			   const void *program, const bool *slot_is_dram,
			   uint32_t num_slots, bool warm,
			   struct neuron_inst_time *times,
			   struct neuron_report *report)
{
	uint32_t n = neuron_program_header(program)->num_insts;
	struct schedule s = {
		.config = config,
		.program = program,
		.insts = neuron_program_insts(program),
		.slot_is_dram = slot_is_dram,
		.num_slots = num_slots,
		.warm = warm,
		.times = times,
		.report = report,
	};
	uint32_t *array = distribute(&s, n);
	unsigned int round = 0;
	int err;

	if (!array)
		return -ENOMEM;
	for (unsigned int m = 0; m < TIMING_NUM_MEMORIES; m++)
		s.slow[m] = SLOW_ONE;
	do {
		err = simulate(&s);
	} while (!err && ++round < MAX_ROUNDS && crowded(&s));
	free(array);
	return err;
}
