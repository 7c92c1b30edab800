/* SPDX-License-Identifier: MIT */
/*
 * What one instruction costs by itself. Private to qemu-device/timing.
 */
#ifndef TIMING_COST_H
#define TIMING_COST_H

#include "qemu-device/timing/timing.h"

/* Memories that the two DMA engines of a core share. */
enum timing_memory {
	TIMING_NO_MEMORY,
	TIMING_DRAM,
	TIMING_LINK,
	TIMING_NUM_MEMORIES
};

/**
 * struct timing_cost - one instruction's demands
 * @fixed: cycles that nothing prolongs
 * @transfer: cycles at the full bandwidth of @memory, after @fixed
 * @memory: what @transfer uses
 * @macs: multiply-accumulates
 * @bytes: moved by DMA, from or to @memory
 */
struct timing_cost {
	uint64_t fixed;
	uint64_t transfer;
	enum timing_memory memory;
	uint64_t macs;
	uint64_t bytes;
};

/* The cost of an instruction of a checked program; a slot beyond is no DRAM. */
void timing_cost(const struct neuron_timing_config *config, const void *program,
		 const struct neuron_inst *inst, const bool *slot_is_dram,
		 uint32_t num_slots, struct timing_cost *cost);

#endif /* TIMING_COST_H */
