/* SPDX-License-Identifier: MIT */
/*
 * The timing model: what a program costs, in virtual cycles.
 *
 * A pure function of the program and of where its slots lie; no data and no
 * host clock come into it, and results never depend on it. The formulas and
 * their sources are in qemu-device/SPEC.md, "Timing".
 */
#ifndef NEURON_TIMING_H
#define NEURON_TIMING_H

#include <neuron/isa.h>

/**
 * struct neuron_timing_config - speeds of a chip
 * @clock_khz: core clock, all engines
 * @dram_mibps: bandwidth of device DRAM, MiB/s
 * @link_mibps: bandwidth of the host link, MiB/s
 * @cores: cores that work at the same time and share both, this one included;
 *	   0 is 1
 */
struct neuron_timing_config {
	uint32_t clock_khz;
	uint32_t dram_mibps;
	uint32_t link_mibps;
	uint32_t cores;
};

/**
 * struct neuron_inst_time - when an instruction ran, in cycles from the start
 * @start: its engine began with it, its semaphores satisfied
 * @end: its signals took effect
 * @stall_sem: cycles that its engine, free, waited for the semaphores
 */
struct neuron_inst_time {
	uint64_t start;
	uint64_t end;
	uint64_t stall_sem;
};

/**
 * neuron_timing_inst() - cost of one instruction on an otherwise idle core
 * @config: the chip
 * @program: a program that neuron_program_check() accepted
 * @index: of the instruction
 * @slot_is_dram: for each slot of the program, whether it lies in device DRAM
 * @num_slots: entries of @slot_is_dram; slots beyond lie in host memory
 *
 * Return: cycles, at least 1.
 */
uint64_t neuron_timing_inst(const struct neuron_timing_config *config,
			    const void *program, uint32_t index,
			    const bool *slot_is_dram, uint32_t num_slots);

/**
 * neuron_timing_schedule() - when each instruction of a program runs
 * @config: the chip
 * @program: a program that neuron_program_check() accepted and that does not
 *	     deadlock
 * @slot_is_dram: for each slot of the program, whether it lies in device DRAM
 * @num_slots: entries of @slot_is_dram
 * @warm: the core is as a job with the same program and resident id left it:
 *	  LOADs flagged NEURON_INST_RESIDENT move nothing and cost what a NOP costs
 * @times: NULL, or one entry for each instruction; left as it was where a program
 *	   that can't run to its end does not get to
 * @report: cycles, macs, bytes_*, sbuf_high, psum_high and the engines' busy,
 *	    stall_* and insts are filled in
 *
 * Discrete-event simulation over the five engines: an instruction starts when
 * its engine is free and its semaphores have grown to the values it waits for.
 * With several cores it is repeated up to a dozen times, see schedule.c. Time
 * O(n) in the number of instructions. Thread-safe.
 *
 * Return: 0, -ENOMEM, or -EDEADLK when the program can't run to its end.
 */
int neuron_timing_schedule(const struct neuron_timing_config *config,
			   const void *program, const bool *slot_is_dram,
			   uint32_t num_slots, bool warm,
			   struct neuron_inst_time *times,
			   struct neuron_report *report);

/**
 * neuron_timing_work() - what an instruction does, whatever time it takes
 * @program: a program that neuron_program_check() accepted
 * @index: of the instruction
 * @bytes: receives the bytes that it moves between slots and the scratchpad
 *
 * Return: multiply-accumulates of the PE array.
 */
uint64_t neuron_timing_work(const void *program, uint32_t index, uint64_t *bytes);

/**
 * neuron_timing_copy() - cost of a DMA between two buffers
 * @config: the chip
 * @bytes: length
 * @src_dram: the source lies in device DRAM
 * @dst_dram: the destination lies in device DRAM
 *
 * Return: cycles, at least 1.
 */
uint64_t neuron_timing_copy(const struct neuron_timing_config *config,
			    uint64_t bytes, bool src_dram, bool dst_dram);

/* Cycles from the end of a job to the start of one on another core that waits for it. */
uint64_t neuron_timing_handover(void);

#endif /* NEURON_TIMING_H */
