/* SPDX-License-Identifier: MIT */
/*
 * The state of a chip between two jobs: what a snapshot or a migration carries.
 *
 * A chip is saved while it is paused, so no job is half done. What is not here:
 * the configuration, which has to be the same on both sides; device DRAM, which
 * belongs to the world around the chip; and the cores' memories. These hold nothing
 * that a later job may rely on: a core that was loaded is cold, and LOADs flagged
 * RESIDENT run again.
 */
#ifndef NEURON_CHIP_STATE_H
#define NEURON_CHIP_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include "qemu-device/chip/chip.h"

#define NEURON_STATE_INJECTIONS	16
#define NEURON_STATE_ECC_LINES	16

/**
 * enum neuron_queue_waits - what a queue's entry under way waits for
 * @NEURON_WAITS_NOT: there is none
 * @NEURON_WAITS_RESET: an injected fault hangs the core
 * @NEURON_WAITS_DELAY: an injected fault delays the interrupt; a chip that is loaded
 *			raises it at once
 */
enum neuron_queue_waits {
	NEURON_WAITS_NOT,
	NEURON_WAITS_RESET,
	NEURON_WAITS_DELAY,
};

/**
 * struct neuron_queue_state - a queue's registers, and what is behind them
 * @sq_base: register
 * @cq_base: register
 * @shift: register
 * @sq_tail: doorbell
 * @sq_head: next entry to fetch
 * @cq_head: doorbell
 * @cq_tail: next completion to write
 * @enabled: register
 * @error: stopped by a ring error
 * @phase: of the next completion
 * @full: a full completion ring was reported already
 * @raise_error: the error vector has yet to be raised
 * @waits: enum neuron_queue_waits
 */
struct neuron_queue_state {
	uint64_t sq_base;
	uint64_t cq_base;
	uint32_t shift;
	uint32_t sq_tail;
	uint32_t sq_head;
	uint32_t cq_head;
	uint32_t cq_tail;
	bool enabled;
	bool error;
	bool phase;
	bool full;
	bool raise_error;
	uint8_t waits;
};

/* A fault that waits to be met; @count is zero where none does. */
struct neuron_injection_state {
	uint32_t count;
	uint64_t arg;
};

/* A damaged line of DRAM: its number, and how many reads are corrected. */
struct neuron_ecc_state {
	uint64_t line;
	uint32_t count;
	bool uncorrectable;
};

/**
 * struct neuron_chip_state - all of it
 * @error: register
 * @error_queue: register
 * @ecc_corrected: register
 * @ecc_uncorrected: register
 * @debug_queue: register
 * @debug_count: register
 * @debug_arg: register
 * @refused_cores: cores whose reset was refused, by bit
 * @refused_reset: the chip's reset was refused
 * @vanished: reads give all ones
 * @num_ecc: entries of @ecc
 * @ecc: damaged lines of DRAM
 * @injection: of each queue, by enum neuron_injection
 * @queue: those that the chip has; the others are zero
 */
struct neuron_chip_state {
	uint32_t error;
	uint32_t error_queue;
	uint32_t ecc_corrected;
	uint32_t ecc_uncorrected;
	uint32_t debug_queue;
	uint32_t debug_count;
	uint64_t debug_arg;
	uint32_t refused_cores;
	bool refused_reset;
	bool vanished;
	uint32_t num_ecc;
	struct neuron_ecc_state ecc[NEURON_STATE_ECC_LINES];
	struct neuron_injection_state injection[NEURON_MAX_QUEUES * NEURON_STATE_INJECTIONS];
	struct neuron_queue_state queue[NEURON_MAX_QUEUES];
};

/**
 * neuron_chip_save() - the state of a paused chip
 * @chip: paused with neuron_chip_pause() or neuron_chip_quiesce()
 * @state: filled in
 */
void neuron_chip_save(struct neuron_chip *chip, struct neuron_chip_state *state);

/**
 * neuron_chip_load() - give a chip the state that another one had
 * @chip: of the same configuration; what it did is abandoned
 * @state: from neuron_chip_save(), or from anyone: all of it is checked
 *
 * The chip is paused afterwards; neuron_chip_quiesce() lets it go on. Waits for at
 * most one instruction per core. No interrupt is raised before the chip goes on.
 *
 * Return: NULL, or why the state was refused, a static text; the chip is in its
 * power-on state then, and paused.
 */
const char *neuron_chip_load(struct neuron_chip *chip, const struct neuron_chip_state *state);

#endif /* NEURON_CHIP_STATE_H */
