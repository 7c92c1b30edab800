// SPDX-License-Identifier: MIT
/*
 * The chip as a whole: power on, reset, pause, power off.
 *
 * A reset happens in two steps. At once, queues are disabled and their
 * generations changed, so that nothing of the old work can be seen from outside
 * any more. Then each queue's thread, when it comes out of the instruction
 * that it was in, clears its core's scratchpad; the last one ends the reset.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "qemu-device/chip/chip_priv.h"

#define MAX_SPACE	(256u << 20)

void chip_guest_error(struct neuron_chip *chip, const char *format, ...)
{
	char message[160];
	va_list args;

	if (!chip->ops->guest_error)
		return;
	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	chip->ops->guest_error(chip->opaque, message);
}

void chip_error_locked(struct queue *q, uint32_t bits)
{
	struct neuron_chip *chip = q->chip;
	uint32_t new = bits & ~chip->error;

	chip->error |= bits;
	chip->error_queue = q->index;
	if (!new)
		return;
	/* Without a thread there is no one to raise the vector. */
	if (queue_start_thread(q)) {
		q->raise_error = true;
		pthread_cond_signal(&q->wake);
	}
}

void chip_error(struct queue *q, uint32_t bits)
{
	pthread_mutex_lock(&q->chip->lock);
	chip_error_locked(q, bits);
	pthread_mutex_unlock(&q->chip->lock);
}

void chip_reset_queue(struct queue *q)
{
	q->enabled = false;
	q->error = false;
	q->sq_tail = 0;
	q->sq_head = 0;
	q->cq_head = 0;
	q->cq_tail = 0;
	q->full = false;
	q->raise_error = false;
	queue_abandon(q);
	if (q->busy || (q->core && core_dirty(q->core))) {
		q->resetting = true;
		pthread_cond_signal(&q->wake);
	}
}

void chip_reset_locked(struct neuron_chip *chip, bool power_on)
{
	struct injection refuse = chip->injection[0][NEURON_INJECT_REFUSE_RESET];
	struct injection gone = chip->injection[0][NEURON_INJECT_VANISH];
	struct injection failed = chip->injection[0][NEURON_INJECT_FATAL];

	for (unsigned int i = 0; i < chip->num_queues; i++) {
		struct queue *q = &chip->queue[i];

		chip_reset_queue(q);
		q->sq_base = 0;
		q->cq_base = 0;
		q->shift = 0;
		chip->resetting |= q->resetting;
	}
	chip->error = 0;
	chip->error_queue = 0;
	chip->refused_reset = false;
	chip->refused_cores = 0;
	__atomic_store_n(&chip->num_ecc, 0, __ATOMIC_RELEASE);
	if (!power_on) {
		if (failed.count && failed.count != UINT32_MAX)
			failed.count--;
		inject_arm_locked(chip, 0, NEURON_INJECT_FATAL, failed.count, 0);
		return;
	}

	chip->ecc_corrected = 0;
	chip->ecc_uncorrected = 0;
	chip->debug_queue = 0;
	chip->debug_count = 0;
	chip->debug_arg = 0;
	inject_clear_locked(chip);
	if (refuse.count == UINT32_MAX)
		inject_locked(chip, NEURON_INJECT_REFUSE_RESET, 0, UINT32_MAX, 0);
	if (gone.count == UINT32_MAX)
		inject_locked(chip, NEURON_INJECT_VANISH, 0, UINT32_MAX, 0);
	if (failed.count == UINT32_MAX)
		inject_arm_locked(chip, 0, NEURON_INJECT_FATAL, UINT32_MAX, 0);
}

void neuron_chip_reset(struct neuron_chip *chip)
{
	pthread_mutex_lock(&chip->lock);
	chip_reset_locked(chip, true);
	pthread_mutex_unlock(&chip->lock);

	/* Whoever was inside a gate leaves it; whoever comes finds it closed. */
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		pthread_mutex_lock(&chip->queue[i].gate);
		pthread_mutex_unlock(&chip->queue[i].gate);
	}
}

static bool idle(const struct neuron_chip *chip)
{
	for (unsigned int i = 0; i < chip->num_queues; i++)
		if ((chip->queue[i].busy && !chip->queue[i].waits) ||
		    chip->queue[i].raising || chip->queue[i].resetting)
			return false;
	return true;
}

void chip_wait_idle_locked(struct neuron_chip *chip)
{
	while (!idle(chip))
		pthread_cond_wait(&chip->idle, &chip->lock);
}

bool neuron_chip_pause(struct neuron_chip *chip)
{
	bool nothing_runs;

	pthread_mutex_lock(&chip->lock);
	chip->paused = true;
	nothing_runs = idle(chip);
	pthread_mutex_unlock(&chip->lock);
	return nothing_runs;
}

void neuron_chip_quiesce(struct neuron_chip *chip, bool pause)
{
	pthread_mutex_lock(&chip->lock);
	chip->paused = pause;
	if (pause) {
		chip_wait_idle_locked(chip);
	} else {
		for (unsigned int i = 0; i < chip->num_queues; i++)
			pthread_cond_signal(&chip->queue[i].wake);
	}
	pthread_mutex_unlock(&chip->lock);
}

static const char *check_config(const struct neuron_chip_config *config,
				const struct neuron_chip_ops *ops)
{
	if (!config->cores || config->cores > NEURON_MAX_CORES)
		return "a chip has 1 to 4 cores";
	if (!config->dma_queues || config->dma_queues > NEURON_MAX_DMA_QUEUES)
		return "a chip has 1 to 12 DMA queues";
	if (!config->sbuf_size || config->sbuf_size % NEURON_PAGE_SIZE ||
	    config->sbuf_size > MAX_SPACE)
		return "the scratchpad must be 4 KiB to 256 MiB, in units of 4 KiB";
	if (!config->psum_size || config->psum_size % NEURON_PAGE_SIZE ||
	    config->psum_size > MAX_SPACE)
		return "the accumulators must be 4 KiB to 256 MiB, in units of 4 KiB";
	if (config->dram_size % NEURON_PAGE_SIZE)
		return "device DRAM must be a multiple of 4 KiB";
	if (config->dram_size && !config->dram)
		return "device DRAM has a size but no memory";
	if (!config->clock_khz || !config->dram_mibps || !config->link_mibps)
		return "clock and bandwidths must not be zero";
	if (!ops->dma_read || !ops->dma_write || !ops->raise_irq)
		return "dma_read, dma_write and raise_irq are needed";
	return NULL;
}

static bool init_queue(struct neuron_chip *chip, unsigned int index)
{
	struct queue *q = &chip->queue[index];
	pthread_condattr_t attr;

	q->chip = chip;
	q->index = index;
	pthread_mutex_init(&q->gate, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&q->wake, &attr);
	pthread_condattr_destroy(&attr);
	if (index >= chip->config.cores)
		return true;
	q->core = core_create(chip, q);
	return q->core;
}

static void free_chip(struct neuron_chip *chip)
{
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		struct queue *q = &chip->queue[i];

		core_destroy(q->core);
		free(q->work);
		pthread_cond_destroy(&q->wake);
		pthread_mutex_destroy(&q->gate);
	}
	pthread_cond_destroy(&chip->idle);
	pthread_mutex_destroy(&chip->lock);
	free(chip);
}

struct neuron_chip *neuron_chip_create(const struct neuron_chip_config *config,
				       const struct neuron_chip_ops *ops,
				       void *opaque, const char **error)
{
	struct neuron_chip *chip;
	const char *unused;
	bool ok = true;

	if (!error)
		error = &unused;
	*error = check_config(config, ops);
	if (*error)
		return NULL;

	chip = calloc(1, sizeof(*chip));
	if (!chip) {
		*error = "out of memory";
		return NULL;
	}
	chip->config = *config;
	if (!chip->config.threads) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		chip->config.threads = n > 0 ? n : 1;
	}
	chip->timing = (struct neuron_timing_config) {
		.clock_khz = config->clock_khz,
		.dram_mibps = config->dram_mibps,
		.link_mibps = config->link_mibps,
	};
	chip->ops = ops;
	chip->opaque = opaque;
	chip->num_queues = config->cores + config->dma_queues;
	pthread_mutex_init(&chip->lock, NULL);
	pthread_cond_init(&chip->idle, NULL);
	for (unsigned int i = 0; i < chip->num_queues; i++)
		ok &= init_queue(chip, i);
	if (!ok) {
		*error = "out of memory for the scratchpads";
		free_chip(chip);
		return NULL;
	}
	return chip;
}

void neuron_chip_destroy(struct neuron_chip *chip)
{
	if (!chip)
		return;

	pthread_mutex_lock(&chip->lock);
	chip->exit = true;
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		queue_abandon(&chip->queue[i]);
		pthread_cond_signal(&chip->queue[i].wake);
	}
	pthread_mutex_unlock(&chip->lock);

	for (unsigned int i = 0; i < chip->num_queues; i++)
		if (chip->queue[i].started)
			pthread_join(chip->queue[i].thread, NULL);
	free_chip(chip);
}
