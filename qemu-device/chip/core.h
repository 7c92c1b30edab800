/* SPDX-License-Identifier: MIT */
/*
 * A core: its memories, its cache of programs, and a job that runs on it.
 * Shared by core.c, program.c, resident.c, prepare.c, report.c and profile.c.
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
 * enum core_warmth - how a job finds its core
 * @CORE_COLD: as some other job left it, or cleared
 * @CORE_WARM: as a job with the same context, program and resident id left it, so
 *	       that LOADs flagged RESIDENT can be skipped
 * @CORE_SETTLED: that job was warm, too, or has made the core ready. Now every byte
 *		  that only skipped LOADs could write is what each instruction saw
 *		  when it was last executed or prepared, in whatever order the
 *		  program's loads and reads are
 */
enum core_warmth {
	CORE_COLD,
	CORE_WARM,
	CORE_SETTLED,
};

/**
 * struct core_timing - a program's schedule, for one placement of its slots
 * @valid: the rest is
 * @dram: for each slot, whether it is in DRAM
 * @report: neuron_timing_schedule()'s
 */
struct core_timing {
	bool valid;
	bool dram[NEURON_MAX_SLOTS];
	struct neuron_report report;
};

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
 * @resident: it has LOADs flagged NEURON_INST_RESIDENT
 * @constant: if so, for each instruction the operands, by bit, that nothing but
 *	      such LOADs writes
 * @timing: on a cold core and on a warm one
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
	bool resident;
	uint8_t *constant;
	struct core_timing timing[2];
};

/**
 * struct core_left - what the previous job left in the scratchpad
 * @program: that ran to its end; NULL: nothing is known
 * @resident: the id that the job gave it
 * @generation: of the queue: nothing is left after a reset or a stop
 * @warmth: of that job
 */
struct core_left {
	const struct core_program *program;
	uint32_t resident;
	uint64_t generation;
	enum core_warmth warmth;
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
 * @left: by the previous job
 * @cancel: polled by the kernels, written atomically
 * @nk: kernels' context; created with the first job that computes
 * @program: cache
 * @previous: of @program: what the previous job ran, or NULL
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
	struct core_left left;
	bool cancel;
	struct nk_ctx *nk;
	struct core_program program[CORE_PROGRAMS];
	struct core_program *previous;
	uint64_t clock;
	void *fetched;
	size_t fetched_size;
};

/**
 * struct job - an EXEC entry under way
 * @core: where it runs
 * @program: what it runs
 * @insts: its instructions
 * @tensors: its tensor table
 * @warmth: how it found the core
 * @next: for each engine, position of its next instruction
 * @sem: semaphores
 * @stats: what kernels counted
 * @report: what is counted here
 * @fault: where the job stopped
 * @records: for each instruction, of a job that is profiled; else NULL
 */
struct job {
	struct core *core;
	const struct core_program *program;
	const struct neuron_inst *insts;
	const struct neuron_tensor *tensors;
	enum core_warmth warmth;
	uint32_t next[NEURON_NUM_ENGINES];
	uint32_t sem[NEURON_NUM_SEMAPHORES];
	struct nk_stats stats;
	struct neuron_report report;
	struct neuron_fault fault;
	struct neuron_inst_record *records;
};

/* Where a tensor of SBUF or PSUM begins. */
static inline void *core_memory(const struct core *core, const struct neuron_tensor *t)
{
	return (t->space == NEURON_SPACE_PSUM ? core->psum : core->sbuf) + t->offset;
}

/* core.c */

/* A LOAD or STORE. */
enum neuron_fault_kind job_move(struct job *job, const struct neuron_inst *inst);
/* An instruction's operands, as kernels see them. */
void job_views(const struct job *job, const struct neuron_inst *inst,
	       struct nk_view views[NEURON_MAX_OPERANDS]);

/* prepare.c */

/* Do for a program what need not be done in each job; a job with the flag PREPARE. */
enum neuron_fault_kind job_prepare(struct job *job, const struct neuron_sqe *sqe);

/* program.c */

/*
 * Fetch and check the program of an EXEC entry. On failure the fault record says
 * why, and CANCELLED that the entry was abandoned.
 */
enum neuron_fault_kind program_get(struct core *core, const struct neuron_sqe *sqe,
				   struct neuron_fault *fault,
				   struct core_program **program);
/* The schedule's report for the slots of the present job. NULL: no memory. */
const struct neuron_report *program_time(struct core *core, struct core_program *program,
					 bool warm);
/*
 * The same with each instruction's times, which the caller frees; also for jobs
 * that did not come to their end.
 */
struct neuron_inst_time *program_times(struct core *core,
				       const struct core_program *program, bool warm,
				       struct neuron_report *report);
void programs_free(struct core *core);

/* report.c */

/* Merge what was modelled into what was counted. Returns how the job ended then. */
enum neuron_fault_kind report_finish(struct job *job, struct core_program *program,
				     enum neuron_fault_kind kind);
/* Write the report where the job wants it; a failure is the job's. */
enum neuron_fault_kind report_write(struct job *job, const struct neuron_sqe *sqe,
				    enum neuron_fault_kind kind);

/* profile.c */

/* Make the records, if there is room for them behind the report. */
enum neuron_fault_kind profile_begin(struct job *job, const struct core_program *program,
				     const struct neuron_sqe *sqe, __le64 *info);
/* An instruction was executed: look at what it wrote. */
void profile_inst(struct job *job, uint32_t index, uint64_t saturations);
/* When each one that was executed would have run. */
void profile_end(struct job *job, const struct neuron_inst_time *times);

/* resident.c */

/* Whether an instruction is skipped on a warm core. */
bool resident_skips(const struct neuron_inst *inst);
/* Fill in @resident and @constant of a program. False: no memory. */
bool resident_find(struct core_program *program);
/*
 * A job begins: how does it find the core? Nothing is left for the next one, unless
 * resident_end() is called. @program is NULL when the job has none that is valid.
 */
enum core_warmth resident_begin(struct core *core, const struct core_program *program,
				const struct neuron_sqe *sqe);
/* The job has completed without a fault. */
void resident_end(struct core *core, const struct core_program *program,
		  const struct neuron_sqe *sqe, enum core_warmth warmth);

#endif /* CHIP_CORE_H */
