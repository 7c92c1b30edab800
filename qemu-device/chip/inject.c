// SPDX-License-Identifier: MIT
/*
 * Fault injection: faults wait, armed, until the work that they concern comes
 * along.
 *
 * HANG_CORE, RETURN_NAN, FAIL_DMA, the interrupts' and the completions' faults
 * belong to a queue. FAIL_DMA hits a job's own accesses (slot table, page
 * lists, program, data, report); with an argument of 1 those to the rings.
 * DRAM_FLIP_* damage a line of DRAM. REFUSE_RESET with a count refuses as many
 * resets of cores, so that the reset of the chip, which follows in a driver's
 * recovery, works; for ever (~0), it refuses that, too. VANISH takes effect at
 * once. SBUF_FLIP_UE spoils reads of a byte of a core's scratchpad. FATAL takes
 * effect at once, too: the chip has failed, and the resets of the chip that its
 * count names get it out of that. A function-level reset disarms everything except
 * what is armed for ever among REFUSE_RESET, VANISH and FATAL.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"

void inject_arm_locked(struct neuron_chip *chip, unsigned int index, unsigned int injection,
		       uint32_t count, uint64_t arg)
{
	struct injection *slot = &chip->injection[index][injection];
	unsigned int armed = chip->armed - !!slot->count + !!count;

	slot->count = count;
	slot->arg = arg;
	__atomic_store_n(&chip->armed, armed, __ATOMIC_RELEASE);
}

bool inject_strikes_locked(struct neuron_chip *chip, unsigned int index,
			   enum neuron_injection kind, uint64_t *arg)
{
	struct injection *slot = &chip->injection[index][kind];

	if (!slot->count)
		return false;
	if (arg)
		*arg = slot->arg;
	if (slot->count != UINT32_MAX)
		inject_arm_locked(chip, index, kind, slot->count - 1, slot->arg);
	return true;
}

bool inject_strikes(struct neuron_chip *chip, unsigned int index,
		    enum neuron_injection kind, uint64_t *arg)
{
	bool strikes;

	if (!__atomic_load_n(&chip->armed, __ATOMIC_ACQUIRE))
		return false;
	pthread_mutex_lock(&chip->lock);
	strikes = inject_strikes_locked(chip, index, kind, arg);
	pthread_mutex_unlock(&chip->lock);
	return strikes;
}

static bool damage(struct neuron_chip *chip, uint64_t offset, bool uncorrectable,
		   uint32_t count)
{
	uint64_t line = offset / CHIP_ECC_LINE;
	unsigned int i;

	if (offset >= chip->config.dram_size)
		return false;
	for (i = 0; i < chip->num_ecc; i++)
		if (chip->ecc[i].line == line &&
		    chip->ecc[i].uncorrectable == uncorrectable)
			break;
	if (i == chip->num_ecc) {
		if (!count)
			return true;
		if (i == CHIP_MAX_ECC)
			return false;
		__atomic_store_n(&chip->num_ecc, i + 1, __ATOMIC_RELEASE);
	}
	chip->ecc[i] = (struct ecc_line) {
		.line = line,
		.uncorrectable = uncorrectable,
		.count = count,
	};
	if (!count) {
		chip->ecc[i] = chip->ecc[chip->num_ecc - 1];
		__atomic_store_n(&chip->num_ecc, chip->num_ecc - 1, __ATOMIC_RELEASE);
	}
	return true;
}

static void vanish(struct neuron_chip *chip, uint32_t count)
{
	__atomic_store_n(&chip->vanished, count != 0, __ATOMIC_RELEASE);
	if (!count)
		return;
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		chip->queue[i].enabled = false;
		queue_abandon(&chip->queue[i]);
	}
}

bool inject_failed_locked(const struct neuron_chip *chip)
{
	return chip->injection[0][NEURON_INJECT_FATAL].count;
}

static void fail(struct neuron_chip *chip)
{
	for (unsigned int i = 0; i < chip->num_queues; i++) {
		struct queue *q = &chip->queue[i];

		q->error |= q->enabled;
		q->enabled = false;
		queue_abandon(q);
	}
	chip_error_locked(&chip->queue[0], NEURON_ERROR_FATAL);
}

bool inject_possible(const struct neuron_chip *chip, unsigned int injection,
		     unsigned int index)
{
	switch (injection) {
	case NEURON_INJECT_HANG_CORE:
	case NEURON_INJECT_RETURN_NAN:
	case NEURON_INJECT_SBUF_FLIP_UE:
		return index < chip->config.cores;
	case NEURON_INJECT_DRAM_FLIP_CE:
	case NEURON_INJECT_DRAM_FLIP_UE:
		return false;
	case NEURON_INJECT_REFUSE_RESET:
	case NEURON_INJECT_VANISH:
	case NEURON_INJECT_FATAL:
		return !index;	/* the whole chip */
	default:
		return injection && injection < CHIP_NUM_INJECTIONS && index < chip->num_queues;
	}
}

bool inject_locked(struct neuron_chip *chip, unsigned int injection,
		   unsigned int index, uint32_t count, uint64_t arg)
{
	switch (injection) {
	case NEURON_INJECT_DRAM_FLIP_CE:
	case NEURON_INJECT_DRAM_FLIP_UE:
		return damage(chip, arg, injection == NEURON_INJECT_DRAM_FLIP_UE,
			      count);
	case NEURON_INJECT_REFUSE_RESET:
	case NEURON_INJECT_VANISH:
	case NEURON_INJECT_FATAL:
		index = 0;
		break;
	case NEURON_INJECT_SBUF_FLIP_UE:
		if (arg >= chip->config.sbuf_size)
			return false;
		break;
	}
	if (!inject_possible(chip, injection, index))
		return false;
	inject_arm_locked(chip, index, injection, count, arg);
	if (injection == NEURON_INJECT_VANISH)
		vanish(chip, count);
	else if (injection == NEURON_INJECT_FATAL && count)
		fail(chip);
	return true;
}

void inject_clear_locked(struct neuron_chip *chip)
{
	memset(chip->injection, 0, sizeof(chip->injection));
	__atomic_store_n(&chip->armed, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&chip->num_ecc, 0, __ATOMIC_RELEASE);
	vanish(chip, 0);
}

bool neuron_chip_inject(struct neuron_chip *chip, unsigned int injection,
			unsigned int queue, uint32_t count, uint64_t arg)
{
	bool ok;

	pthread_mutex_lock(&chip->lock);
	ok = inject_locked(chip, injection, queue, count, arg);
	pthread_mutex_unlock(&chip->lock);
	return ok;
}

enum neuron_fault_kind ecc_read(struct queue *q, uint64_t offset, uint64_t len)
{
	struct neuron_chip *chip = q->chip;
	uint64_t first = offset / CHIP_ECC_LINE;
	uint64_t last = (offset + len - 1) / CHIP_ECC_LINE;
	enum neuron_fault_kind kind = NEURON_FAULT_NONE;

	if (!len || !__atomic_load_n(&chip->num_ecc, __ATOMIC_ACQUIRE))
		return NEURON_FAULT_NONE;

	pthread_mutex_lock(&chip->lock);
	for (unsigned int i = chip->num_ecc; i-- > 0; ) {
		struct ecc_line *ecc = &chip->ecc[i];

		if (ecc->line < first || ecc->line > last)
			continue;
		if (ecc->uncorrectable) {
			kind = NEURON_FAULT_DRAM_ECC;
			chip->ecc_uncorrected++;
			chip_error_locked(q, NEURON_ERROR_ECC_UNCORRECTED);
			continue;
		}
		chip->ecc_corrected++;
		chip_error_locked(q, NEURON_ERROR_ECC_CORRECTED);
		if (ecc->count != UINT32_MAX && !--ecc->count) {
			*ecc = chip->ecc[chip->num_ecc - 1];
			__atomic_store_n(&chip->num_ecc, chip->num_ecc - 1,
					 __ATOMIC_RELEASE);
		}
	}
	pthread_mutex_unlock(&chip->lock);
	return kind;
}

bool ecc_strikes_sbuf(struct queue *q, uint64_t offset, uint64_t length, uint64_t *damaged)
{
	struct neuron_chip *chip = q->chip;
	const struct injection *flip = &chip->injection[q->index][NEURON_INJECT_SBUF_FLIP_UE];
	bool strikes;

	pthread_mutex_lock(&chip->lock);
	strikes = flip->arg >= offset && flip->arg - offset < length &&
		  inject_strikes_locked(chip, q->index, NEURON_INJECT_SBUF_FLIP_UE, damaged);
	if (strikes) {
		chip->ecc_uncorrected++;
		chip_error_locked(q, NEURON_ERROR_ECC_UNCORRECTED);
	}
	pthread_mutex_unlock(&chip->lock);
	return strikes;
}

void ecc_write(struct neuron_chip *chip, uint64_t offset, uint64_t len)
{
	uint64_t end = offset + len;

	if (!__atomic_load_n(&chip->num_ecc, __ATOMIC_ACQUIRE))
		return;

	pthread_mutex_lock(&chip->lock);
	for (unsigned int i = chip->num_ecc; i-- > 0; ) {
		uint64_t start = chip->ecc[i].line * CHIP_ECC_LINE;

		if (start < offset || start + CHIP_ECC_LINE > end)
			continue;
		chip->ecc[i] = chip->ecc[chip->num_ecc - 1];
		__atomic_store_n(&chip->num_ecc, chip->num_ecc - 1,
				 __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&chip->lock);
}
