// SPDX-License-Identifier: MIT
/*
 * Programs: fetched into memory of the core's own, where no one can change them
 * any more, then compared with those that were checked before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "qemu-device/chip/core.h"
#include "qemu-device/isa/isa_tables.h"

/* What is compared at a time: it stays in the processor's cache. */
#define PIECE	(16u << 10)

static void forget(struct core *core, struct core_program *program)
{
	/* Its addresses will be used anew. */
	if (core->nk)
		nk_forget(core->nk);
	free(program->bytes);
	free(program->insts);
	free(program->constant);
	if (core->previous == program)
		core->previous = NULL;
	if (core->left.program == program)
		core->left = (struct core_left) { 0 };
	*program = (struct core_program) { 0 };
}

void programs_free(struct core *core)
{
	for (unsigned int i = 0; i < CORE_PROGRAMS; i++)
		if (core->program[i].bytes)
			forget(core, &core->program[i]);
	free(core->fetched);
	core->fetched = NULL;
	core->fetched_size = 0;
}

static enum neuron_fault_kind fetch(struct core *core, const struct neuron_sqe *sqe,
				    __le64 *info)
{
	uint32_t size = sqe->exec.program_size;

	if (core->fetched_size < size) {
		free(core->fetched);
		core->fetched = malloc(size);
		core->fetched_size = core->fetched ? size : 0;
		if (!core->fetched)
			return NEURON_FAULT_INTERNAL;
	}
	return slot_read(core->q, sqe->exec.program_slot, sqe->exec.program_offset,
			 core->fetched, size, info);
}

/* Whether a piece of the slot is what we have at @bytes: compared where it is, if possible. */
static bool is_same(struct queue *q, uint32_t slot, uint64_t offset, const void *bytes,
		    uint32_t size, __le64 *info, enum neuron_fault_kind *kind)
{
	const void *dram = NULL;
	bool same;

	if (slot_is_dram(q, slot))
		dram = dram_borrow(q, q->work->slot[slot].addr + offset);
	if (dram) {
		same = !memcmp(bytes, dram, size);
		dram_return(q);
		return same;
	}
	*kind = slot_read(q, slot, offset, q->work->staging, size, info);
	return *kind == NEURON_FAULT_NONE && !memcmp(bytes, q->work->staging, size);
}

/*
 * Whether the core has just run this very program: compared in pieces, as fetching all
 * of a large program takes longer than many a job.
 */
static bool is_previous(struct core *core, const struct neuron_sqe *sqe, __le64 *info,
			struct core_program **found, enum neuron_fault_kind *kind)
{
	struct core_program *program = core->previous;
	uint32_t slot = sqe->exec.program_slot, size = sqe->exec.program_size;
	uint64_t offset = sqe->exec.program_offset, done = 0;

	*kind = slot_check(core->q, slot, offset, size, NEURON_SLOT_READ, info);
	if (*kind != NEURON_FAULT_NONE || !program || program->size != size)
		return false;
	while (done < size) {
		uint32_t n = size - done < PIECE ? size - done : PIECE;

		if (!is_same(core->q, slot, offset + done, (char *)program->bytes + done, n, info,
			     kind))
			return false;
		done += n;
	}
	*found = program;
	return true;
}

static struct core_program *find(struct core *core, size_t size)
{
	for (unsigned int i = 0; i < CORE_PROGRAMS; i++) {
		struct core_program *program = &core->program[i];

		if (program->size == size &&
		    !memcmp(program->bytes, core->fetched, size))
			return program;
	}
	return NULL;
}

/* A free entry; programs that were not used for long go until @size fits. */
static struct core_program *make_room(struct core *core, size_t size)
{
	for (;;) {
		struct core_program *oldest = NULL, *empty = NULL;
		size_t total = size;

		for (unsigned int i = 0; i < CORE_PROGRAMS; i++) {
			struct core_program *program = &core->program[i];

			if (!program->bytes)
				empty = program;
			else if (!oldest || program->used < oldest->used)
				oldest = program;
			total += program->size;
		}
		if (empty && total <= CORE_PROGRAM_BYTES)
			return empty;
		forget(core, oldest);
	}
}

/* Each engine's instructions, in program order. */
static bool distribute(struct core_program *program)
{
	const struct neuron_inst *insts = neuron_program_insts(program->bytes);
	uint32_t n = neuron_program_header(program->bytes)->num_insts;
	uint32_t *at;

	at = malloc((n + 1) * sizeof(*at));
	program->insts = at;
	if (!at)
		return false;
	for (uint32_t i = 0; i < n; i++)
		program->count[insts[i].engine]++;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		program->first[e] = at;
		at += program->count[e];
		program->count[e] = 0;
	}
	for (uint32_t i = 0; i < n; i++) {
		unsigned int e = insts[i].engine;

		program->first[e][program->count[e]++] = i;
	}
	return true;
}

static enum neuron_fault_kind adopt(struct core *core, size_t size,
				    struct neuron_fault *fault,
				    struct core_program **found)
{
	struct core_program *program;

	if (!neuron_program_check(core->fetched, size, fault, NULL))
		return fault->kind;

	program = make_room(core, size);
	program->bytes = core->fetched;
	program->size = size;
	core->fetched = NULL;
	core->fetched_size = 0;
	if (!distribute(program) || !resident_find(program)) {
		forget(core, program);
		return NEURON_FAULT_INTERNAL;
	}
	isa_high_water(program->bytes, &program->sbuf_high, &program->psum_high);
	*found = program;
	return NEURON_FAULT_NONE;
}

static enum neuron_fault_kind fits(const struct core *core,
				   const struct core_program *program,
				   struct neuron_fault *fault)
{
	const struct neuron_program_header *h = neuron_program_header(program->bytes);
	const struct neuron_chip_config *config = &core->chip->config;

	if (h->sbuf_size > config->sbuf_size) {
		fault->info = config->sbuf_size;
		return NEURON_FAULT_LIMIT;
	}
	if (h->psum_size > config->psum_size) {
		fault->info = config->psum_size;
		return NEURON_FAULT_LIMIT;
	}
	if (h->num_slots > core->q->work->num_slots) {
		fault->info = offsetof(struct neuron_program_header, num_slots);
		return NEURON_FAULT_BAD_PROGRAM;
	}
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind program_get(struct core *core, const struct neuron_sqe *sqe,
				   struct neuron_fault *fault,
				   struct core_program **found)
{
	enum neuron_fault_kind kind;

	if (!is_previous(core, sqe, &fault->info, found, &kind)) {
		if (kind == NEURON_FAULT_NONE)
			kind = fetch(core, sqe, &fault->info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		fault->info = 0;
		*found = find(core, sqe->exec.program_size);
		if (!*found)
			kind = adopt(core, sqe->exec.program_size, fault, found);
		if (kind != NEURON_FAULT_NONE)
			return kind;
	}
	fault->info = 0;
	core->previous = *found;
	(*found)->used = ++core->clock;
	return fits(core, *found, fault);
}

/*
 * The memories are shared with as many cores as the program says, and not with those
 * that happen to run: what a job takes is to be the same each time.
 */
static struct neuron_timing_config speeds(const struct core *core,
					  const struct core_program *program)
{
	struct neuron_timing_config config = core->chip->timing;

	config.cores = neuron_program_header(program->bytes)->sharing;
	if (config.cores > core->chip->config.cores)
		config.cores = core->chip->config.cores;
	return config;
}

static uint32_t placed(const struct core *core, const struct core_program *program,
		       bool dram[NEURON_MAX_SLOTS])
{
	uint32_t slots = neuron_program_header(program->bytes)->num_slots;

	memset(dram, 0, NEURON_MAX_SLOTS * sizeof(*dram));
	for (uint32_t i = 0; i < slots; i++)
		dram[i] = slot_is_dram(core->q, i);
	return slots;
}

const struct neuron_report *program_time(struct core *core, struct core_program *program,
					 bool warm)
{
	struct core_timing *timing = &program->timing[warm];
	const struct neuron_timing_config config = speeds(core, program);
	bool dram[NEURON_MAX_SLOTS];
	uint32_t slots = placed(core, program, dram);

	if (timing->valid && !memcmp(dram, timing->dram, sizeof(dram)))
		return &timing->report;
	/* Only programs that ran to their end are timed: no deadlock. */
	timing->valid = !neuron_timing_schedule(&config, program->bytes,
						dram, slots, warm, NULL, &timing->report);
	memcpy(timing->dram, dram, sizeof(dram));
	return timing->valid ? &timing->report : NULL;
}

struct neuron_inst_time *program_times(struct core *core,
				       const struct core_program *program, bool warm,
				       struct neuron_report *report)
{
	uint32_t n = neuron_program_header(program->bytes)->num_insts;
	struct neuron_inst_time *times = calloc(n + 1, sizeof(*times));
	const struct neuron_timing_config config = speeds(core, program);
	bool dram[NEURON_MAX_SLOTS];
	uint32_t slots = placed(core, program, dram);

	if (times && neuron_timing_schedule(&config, program->bytes, dram, slots, warm, times,
					    report) == -ENOMEM) {
		free(times);
		times = NULL;
	}
	return times;
}
