/* SPDX-License-Identifier: MIT */
/*
 * A core: its memories, its cache of programs, and a job that runs on it.
 * Shared by core.c and program.c.
 */
#ifndef CHIP_CORE_H
#define CHIP_CORE_H

#include <neuron/isa.h>
#include "qemu-device/chip/chip_priv.h"
#include "qemu-device/kernels/kernels.h"

/* Programs that a core remembers, and what they may take together. */
#define CORE_PROGRAMS		8
#define CORE_PROGRAM_BYTES	((size_t)NEURON_MAX_PROGRAM_SIZE * 2)

/**
 * struct core_program - a program that was checked, in memory of our own
 * @bytes: the program; NULL: a free entry
 * @size: bytes of it
 * @used: when it was used last
 * @insts: indices of each engine's instructions, in program order
 * @first: where each engine's part of @insts begins
 * @count: entries of it
 * @sbuf_high: highest byte of SBUF that it can touch, plus one
 * @psum_high: the same for PSUM
 * @timed: @timing is valid
 * @dram: for each slot, whether it was in DRAM when @timing was computed
 * @timing: neuron_timing_schedule()'s report
 *
 * A program that comes again, byte for byte, is not checked again, its schedule
 * is known, and the kernels' plans, whose keys are the instructions' addresses,
 * stay valid.
 */
struct core_program {
	void *bytes;
	size_t size;
	uint64_t used;
	uint32_t *insts;
	uint32_t *first[NEURON_NUM_ENGINES];
	uint32_t count[NEURON_NUM_ENGINES];
	uint32_t sbuf_high;
	uint32_t psum_high;
	bool timed;
	bool dram[NEURON_MAX_SLOTS];
	struct neuron_report timing;
};

/**
 * struct core - one NeuronCore
 * @chip: owner
 * @q: its queue
 * @sbuf: scratchpad, lazily backed
 * @psum: accumulators
 * @mapped: bytes of the mapping that holds both
 * @owned: @owner is valid
 * @owner: context of the previous job
 * @sbuf_high: bytes from the start of SBUF that may be other than zero; written
 *	       by the thread, with the chip's lock held
 * @psum_high: the same for PSUM
 * @cancel: polled by the kernels, written atomically
 * @nk: kernels' context; created with the first job that computes
 * @program: cache
 * @clock: for @program's used
 * @fetched: buffer for a program as it comes
 * @fetched_size: bytes of it
 */
struct core {
	struct neuron_chip *chip;
	struct queue *q;
	char *sbuf;
	char *psum;
	size_t mapped;
	bool owned;
	uint64_t owner;
	uint32_t sbuf_high;
	uint32_t psum_high;
	bool cancel;
	struct nk_ctx *nk;
	struct core_program program[CORE_PROGRAMS];
	uint64_t clock;
	void *fetched;
	size_t fetched_size;
};

/* program.c */

/*
 * Fetch and check the program of an EXEC entry. On failure the fault record says
 * why, and CANCELLED that the entry was abandoned.
 */
enum neuron_fault_kind program_get(struct core *core, const struct neuron_sqe *sqe,
				   struct neuron_fault *fault,
				   struct core_program **program);
/* The schedule's report for the slots of the present job. False: no memory. */
bool program_time(struct core *core, struct core_program *program);
void programs_free(struct core *core);

#endif /* CHIP_CORE_H */
