/* SPDX-License-Identifier: MIT */
/*
 * What chip_fuzz.c's inputs look like, for the fuzzer and its seeds.
 *
 * A list of steps, FUZZ_STEP bytes each, up to the first FUZZ_END; then bytes
 * that are laid into DRAM from offset 0 on. A step is an enum fuzz_step, a byte
 * and a few words that it interprets. Host memory appears on the bus at 0, so
 * that small numbers are good addresses. The first step's first unused byte
 * chooses the reference kernels when it is even.
 */
#ifndef TESTS_CHIP_FUZZ_H
#define TESTS_CHIP_FUZZ_H

#include <stdint.h>

#define FUZZ_STEP	72
#define FUZZ_RAM	(256u << 10)
#define FUZZ_DRAM	(256u << 10)
#define FUZZ_CORES	2
#define FUZZ_QUEUES	3	/* the last is a DMA queue */
/* Rings of queue q at FUZZ_RINGS + q * 0x2000: submissions, then completions. */
#define FUZZ_RINGS	0x10000
#define FUZZ_SHIFT	3
/* Slot table; its slots' page lists follow, at multiples of 0x1000. */
#define FUZZ_SLOTS	0x1000
#define FUZZ_PAGES	0x2000

enum fuzz_step {
	FUZZ_END,
	FUZZ_WRITE,	/* word 0: offset, word 1: value */
	FUZZ_READ,	/* word 0: offset */
	FUZZ_SUBMIT,	/* byte: queue; then a struct neuron_sqe */
	FUZZ_POKE,	/* word 0: address; then 56 bytes for host memory */
	FUZZ_INJECT,	/* byte: fault, word 0: queue, word 1: count, word 2, 3: arg */
	FUZZ_WAIT,	/* until the queues are idle, or for long enough */
	FUZZ_RESET,	/* function-level */
	FUZZ_ENABLE,	/* byte: queue */
	FUZZ_QUIESCE,	/* byte: pause or go on */
	FUZZ_NUM_STEPS
};

struct fuzz_step_bytes {
	uint8_t step;
	uint8_t byte;
	uint8_t unused[6];
	union {
		uint32_t word[16];
		uint8_t bytes[64];
	};
};

_Static_assert(sizeof(struct fuzz_step_bytes) == FUZZ_STEP, "layout");

#endif /* TESTS_CHIP_FUZZ_H */
