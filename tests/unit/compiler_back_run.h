/* SPDX-License-Identifier: MIT */
/*
 * Execute a program on host memory, one instruction at a time, without the chip:
 * in program order, or in any order that its semaphores allow.
 */
#ifndef COMPILER_BACK_RUN_H
#define COMPILER_BACK_RUN_H

#include <stdbool.h>
#include <stdint.h>

/**
 * run_program() - execute a program
 * @program: one that neuron_program_check() accepted
 * @slots: memory of each slot
 * @sizes: bytes of each slot
 * @seed: 0: program order, semaphores are ignored; else: which engine goes next
 *	  is drawn by lot among those that need not wait
 *
 * The scratchpad holds garbage at the start, as the chip's may. The program runs
 * twice: the second time it finds what it left, and resident loads are skipped.
 *
 * Return: NULL, or what went wrong.
 */
const char *run_program(const void *program, void *const *slots,
			const uint64_t *sizes, uint64_t seed, bool reference);

/**
 * run_neff() - execute the programs of a model file, one after the other
 * @neff: the file, from nc_compile()
 * @inputs: data of each input, dense
 * @outputs: receives each output
 * @seed: as above
 * @reference: as above
 */
const char *run_neff(const void *neff, const void *const *inputs,
		     void *const *outputs, uint64_t seed, bool reference);

#endif /* COMPILER_BACK_RUN_H */
