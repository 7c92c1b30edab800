// SPDX-License-Identifier: MIT
/*
 * Save and load. What is loaded may come from anyone: it is checked as if the guest
 * had written it, register by register, and nothing of it is kept if it is wrong.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"

#define KNOWN_ERRORS	(NEURON_ERROR_DOORBELL | NEURON_ERROR_RING_DMA | NEURON_ERROR_CONFIG | \
			 NEURON_ERROR_ECC_CORRECTED | NEURON_ERROR_ECC_UNCORRECTED | \
			 NEURON_ERROR_CQ_OVERFLOW | NEURON_ERROR_FATAL)

_Static_assert(CHIP_NUM_INJECTIONS <= NEURON_STATE_INJECTIONS, "a place for each injection");
_Static_assert(CHIP_MAX_ECC == NEURON_STATE_ECC_LINES, "a place for each damaged line");

static void save_queue(const struct queue *q, struct neuron_queue_state *state)
{
	*state = (struct neuron_queue_state) {
		.sq_base = q->sq_base,
		.cq_base = q->cq_base,
		.shift = q->shift,
		.sq_tail = q->sq_tail,
		.sq_head = q->sq_head,
		.cq_head = q->cq_head,
		.cq_tail = q->cq_tail,
		.enabled = q->enabled,
		.error = q->error,
		.phase = q->phase,
		.full = q->full,
		.raise_error = q->raise_error,
		.waits = q->stuck ? NEURON_WAITS_RESET :
			 q->raise_late || q->late_at ? NEURON_WAITS_DELAY : q->waits,
	};
	/* Its entry was abandoned, and the thread is about to notice. */
	if (queue_stale(q) && !q->stuck && !q->raise_late && !q->late_at)
		state->waits = NEURON_WAITS_NOT;
}

void neuron_chip_save(struct neuron_chip *chip, struct neuron_chip_state *state)
{
	memset(state, 0, sizeof(*state));
	pthread_mutex_lock(&chip->lock);
	state->error = chip->error;
	state->error_queue = chip->error_queue;
	state->ecc_corrected = chip->ecc_corrected;
	state->ecc_uncorrected = chip->ecc_uncorrected;
	state->debug_queue = chip->debug_queue;
	state->debug_count = chip->debug_count;
	state->debug_arg = chip->debug_arg;
	state->refused_cores = chip->refused_cores;
	state->refused_reset = chip->refused_reset;
	state->vanished = chip->vanished;
	state->num_ecc = chip->num_ecc;
	for (unsigned int i = 0; i < chip->num_ecc; i++)
		state->ecc[i] = (struct neuron_ecc_state) {
			.line = chip->ecc[i].line,
			.count = chip->ecc[i].count,
			.uncorrectable = chip->ecc[i].uncorrectable,
		};
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		save_queue(&chip->queue[i], &state->queue[i]);
		for (unsigned int k = 0; k < CHIP_NUM_INJECTIONS; k++)
			state->injection[i * NEURON_STATE_INJECTIONS + k] =
				(struct neuron_injection_state) {
					.count = chip->injection[i][k].count,
					.arg = chip->injection[i][k].arg,
				};
	}
	pthread_mutex_unlock(&chip->lock);
}

static const char *check_queue(const struct queue *q, const struct neuron_queue_state *state)
{
	uint32_t mask;

	if (state->waits > NEURON_WAITS_DELAY)
		return "a queue waits for something unknown";
	if (state->waits == NEURON_WAITS_RESET && !q->core)
		return "a queue without a core has a hung one";
	if (state->waits != NEURON_WAITS_NOT && !state->enabled)
		return "a queue that is disabled has an entry under way";
	if (!state->enabled)
		return NULL;
	if (queue_check_setup(state->sq_base, state->cq_base, state->shift))
		return "an enabled queue has rings that can't be enabled";
	mask = (1u << state->shift) - 1;
	if (state->sq_tail > mask || state->sq_head > mask || state->cq_head > mask ||
	    state->cq_tail > mask)
		return "a position lies outside its ring";
	return NULL;
}

static const char *check(const struct neuron_chip *chip, const struct neuron_chip_state *state)
{
	static const struct neuron_queue_state no_queue;
	const char *wrong = NULL;

	if (state->error & ~KNOWN_ERRORS || state->error_queue >= chip->num_queues)
		return "the error registers hold what they can't";
	if (state->refused_cores >> chip->config.cores)
		return "a core that is not there refused a reset";
	if (state->num_ecc > CHIP_MAX_ECC)
		return "there are too many damaged lines of DRAM";
	for (unsigned int i = 0; i < state->num_ecc; i++)
		if (state->ecc[i].line >= chip->config.dram_size / CHIP_ECC_LINE ||
		    !state->ecc[i].count)
			return "a damaged line of DRAM is not one";
	for (unsigned int i = 0; i < NEURON_MAX_QUEUES && !wrong; i++) {
		if (state->queue[i].enabled && state->injection[NEURON_INJECT_FATAL].count)
			return "a chip that has failed has an enabled queue";
		if (i < chip->num_queues)
			wrong = check_queue(&chip->queue[i], &state->queue[i]);
		else if (memcmp(&state->queue[i], &no_queue, sizeof(no_queue)))
			wrong = "there is a queue too many";
		for (unsigned int k = 0; k < NEURON_STATE_INJECTIONS; k++)
			if (state->injection[i * NEURON_STATE_INJECTIONS + k].count &&
			    !inject_possible(chip, k, i))
				wrong = "a fault is armed where it can't be";
	}
	return wrong;
}

static bool load_queue(struct queue *q, const struct neuron_queue_state *state)
{
	q->sq_base = state->sq_base;
	q->cq_base = state->cq_base;
	q->shift = state->shift;
	q->sq_tail = state->sq_tail;
	q->sq_head = state->sq_head;
	q->cq_head = state->cq_head;
	q->cq_tail = state->cq_tail;
	q->enabled = state->enabled;
	q->error = state->error;
	q->phase = state->phase;
	q->full = state->full;
	q->raise_error = state->raise_error;
	q->stuck = state->waits == NEURON_WAITS_RESET;
	q->raise_late = state->waits == NEURON_WAITS_DELAY;
	if (!q->enabled && !q->raise_error)
		return true;
	if (!queue_start_thread(q))
		return false;
	pthread_cond_signal(&q->wake);
	return true;
}

static bool load(struct neuron_chip *chip, const struct neuron_chip_state *state)
{
	bool ok = true;

	chip->error = state->error;
	chip->error_queue = state->error_queue;
	chip->ecc_corrected = state->ecc_corrected;
	chip->ecc_uncorrected = state->ecc_uncorrected;
	chip->debug_queue = state->debug_queue;
	chip->debug_count = state->debug_count;
	chip->debug_arg = state->debug_arg;
	chip->refused_cores = state->refused_cores;
	chip->refused_reset = state->refused_reset;
	for (unsigned int i = 0; i < state->num_ecc; i++)
		chip->ecc[i] = (struct ecc_line) {
			.line = state->ecc[i].line,
			.count = state->ecc[i].count,
			.uncorrectable = state->ecc[i].uncorrectable,
		};
	__atomic_store_n(&chip->num_ecc, state->num_ecc, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < chip->num_queues; i++)
		for (unsigned int k = 0; k < CHIP_NUM_INJECTIONS; k++) {
			const struct neuron_injection_state *in =
				&state->injection[i * NEURON_STATE_INJECTIONS + k];

			inject_arm_locked(chip, i, k, in->count, in->arg);
		}
	for (unsigned int i = 0; i < chip->num_queues; i++)
		ok &= load_queue(&chip->queue[i], &state->queue[i]);
	__atomic_store_n(&chip->vanished, state->vanished, __ATOMIC_RELEASE);
	return ok;
}

const char *neuron_chip_load(struct neuron_chip *chip, const struct neuron_chip_state *state)
{
	const char *wrong;

	pthread_mutex_lock(&chip->lock);
	chip->paused = true;
	chip_reset_locked(chip, true);
	inject_clear_locked(chip);
	chip_wait_idle_locked(chip);
	wrong = check(chip, state);
	if (!wrong && !load(chip, state)) {
		wrong = "the host has no thread for a queue";
		chip_reset_locked(chip, true);
		inject_clear_locked(chip);
		chip_wait_idle_locked(chip);
	}
	pthread_mutex_unlock(&chip->lock);
	return wrong;
}
