// SPDX-License-Identifier: MIT
/*
 * The register file. Everything here is bookkeeping under the chip's lock;
 * what takes time is left to the queues' threads.
 *
 * A write that no driver should do is ignored and reported: the functions
 * return its description, or NULL.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"
#include "qemu-device/kernels/kernels.h"

#define QUEUE_WINDOW	(NEURON_REG_QUEUE(1) - NEURON_REG_QUEUE(0))

static const char *const read_only = "the register is read-only";
static const char *const unknown = "there is no such register";

static uint64_t set_low(uint64_t old, uint32_t value)
{
	return (old & ~0xffffffffull) | value;
}

static uint64_t set_high(uint64_t old, uint32_t value)
{
	return (old & 0xffffffffull) | (uint64_t)value << 32;
}

/* The queue whose window holds @offset, and the register's place in it. */
static struct queue *find_queue(struct neuron_chip *chip, uint32_t offset,
				uint32_t *reg)
{
	uint32_t index;

	if (offset < NEURON_REG_QUEUE(0))
		return NULL;
	index = (offset - NEURON_REG_QUEUE(0)) / QUEUE_WINDOW;
	if (index >= chip->num_queues)
		return NULL;
	*reg = (offset - NEURON_REG_QUEUE(0)) % QUEUE_WINDOW;
	return &chip->queue[index];
}

static uint32_t read_queue(const struct queue *q, uint32_t reg)
{
	switch (reg) {
	case NEURON_QUEUE_SQ_BASE_LO:
		return q->sq_base;
	case NEURON_QUEUE_SQ_BASE_HI:
		return q->sq_base >> 32;
	case NEURON_QUEUE_CQ_BASE_LO:
		return q->cq_base;
	case NEURON_QUEUE_CQ_BASE_HI:
		return q->cq_base >> 32;
	case NEURON_QUEUE_SHIFT:
		return q->shift;
	case NEURON_QUEUE_CONTROL:
		return q->enabled ? NEURON_QUEUE_ENABLE : 0;
	case NEURON_QUEUE_STATUS:
		return (q->enabled ? NEURON_QUEUE_ENABLED : 0) |
		       (q->busy || q->stuck || q->resetting ? NEURON_QUEUE_ACTIVE : 0) |
		       (q->error ? NEURON_QUEUE_ERROR : 0);
	case NEURON_QUEUE_SQ_TAIL:
		return q->sq_tail;
	case NEURON_QUEUE_CQ_HEAD:
		return q->cq_head;
	case NEURON_QUEUE_SQ_HEAD:
		return q->sq_head;
	default:
		return 0;
	}
}

static uint32_t core_resets(const struct neuron_chip *chip)
{
	uint32_t mask = chip->refused_cores;

	for (unsigned int i = 0; i < chip->config.cores; i++)
		if (chip->queue[i].resetting)
			mask |= 1u << i;
	return mask;
}

static bool chip_resetting(const struct neuron_chip *chip)
{
	return chip->resetting || chip->refused_reset;
}

static uint32_t pool_name(const struct neuron_chip_config *config, uint32_t at)
{
	const char *name = config->reference ? "reference" : nk_backend();
	char text[NEURON_POOL_NAME_SIZE] = "";
	uint32_t value;

	memcpy(text, name, strnlen(name, sizeof(text) - 1));
	memcpy(&value, text + at, sizeof(value));
	return value;
}

static uint32_t read_chip(const struct neuron_chip *chip, uint32_t offset)
{
	const struct neuron_chip_config *config = &chip->config;

	switch (offset) {
	case NEURON_REG_ID:
		return NEURON_ID;
	case NEURON_REG_VERSION:
		return NEURON_VERSION;
	case NEURON_REG_UNITS:
		return config->cores | config->dma_queues << 8 |
		       NEURON_NUM_SEMAPHORES << 16 | NEURON_NUM_ENGINES << 24;
	case NEURON_REG_LIMITS:
		return NEURON_MAX_QUEUE_SHIFT | NEURON_MAX_SLOTS << 8;
	case NEURON_REG_SBUF_SIZE:
		return config->sbuf_size;
	case NEURON_REG_PSUM_SIZE:
		return config->psum_size;
	case NEURON_REG_DRAM_SIZE_LO:
		return config->dram_size;
	case NEURON_REG_DRAM_SIZE_HI:
		return config->dram_size >> 32;
	case NEURON_REG_CLOCK_KHZ:
		return config->clock_khz;
	case NEURON_REG_DRAM_MIBPS:
		return config->dram_mibps;
	case NEURON_REG_LINK_MIBPS:
		return config->link_mibps;
	case NEURON_REG_ISA_VERSION:
		return NEURON_ISA_VERSION;
	case NEURON_REG_CONTROL:
		return chip_resetting(chip) ? NEURON_CONTROL_RESET : 0;
	case NEURON_REG_STATUS:
		if (chip_resetting(chip))
			return NEURON_STATUS_RESETTING;
		return inject_failed_locked(chip) ? NEURON_STATUS_FATAL : NEURON_STATUS_READY;
	case NEURON_REG_CORE_RESET:
		return core_resets(chip);
	case NEURON_REG_ERROR:
		return chip->error;
	case NEURON_REG_ERROR_QUEUE:
		return chip->error_queue;
	case NEURON_REG_ECC_CORRECTED:
		return chip->ecc_corrected;
	case NEURON_REG_ECC_UNCORRECTED:
		return chip->ecc_uncorrected;
	case NEURON_REG_POOL_THREADS:
		return config->threads;
	}
	if (offset >= NEURON_REG_POOL_NAME(0) &&
	    offset < NEURON_REG_POOL_NAME(0) + NEURON_POOL_NAME_SIZE)
		return pool_name(config, offset - NEURON_REG_POOL_NAME(0));

	if (!config->debug)
		return 0;
	switch (offset) {
	case NEURON_REG_DEBUG_ID:
		return NEURON_DEBUG_ID;
	case NEURON_REG_DEBUG_QUEUE:
		return chip->debug_queue;
	case NEURON_REG_DEBUG_COUNT:
		return chip->debug_count;
	case NEURON_REG_DEBUG_ARG_LO:
		return chip->debug_arg;
	case NEURON_REG_DEBUG_ARG_HI:
		return chip->debug_arg >> 32;
	default:
		return 0;
	}
}

uint32_t neuron_chip_read(struct neuron_chip *chip, uint32_t offset)
{
	struct queue *q;
	uint32_t value, reg;

	if (offset % 4 || offset >= NEURON_REGS_SIZE ||
	    __atomic_load_n(&chip->vanished, __ATOMIC_ACQUIRE))
		return 0xffffffff;

	pthread_mutex_lock(&chip->lock);
	q = find_queue(chip, offset, &reg);
	value = q ? read_queue(q, reg) : read_chip(chip, offset);
	pthread_mutex_unlock(&chip->lock);
	return value;
}

static const char *bad_setup(struct queue *q, const char *what)
{
	chip_error_locked(q, NEURON_ERROR_CONFIG);
	return what;
}

const char *queue_check_setup(uint64_t sq_base, uint64_t cq_base, uint32_t shift)
{
	uint64_t bytes, unused;

	if (shift < NEURON_MIN_QUEUE_SHIFT || shift > NEURON_MAX_QUEUE_SHIFT)
		return "the queue was enabled with a bad size";
	bytes = sizeof(struct neuron_sqe) << shift;
	if (sq_base % 64 || cq_base % 64 ||
	    __builtin_add_overflow(sq_base, bytes - 1, &unused) ||
	    __builtin_add_overflow(cq_base, bytes - 1, &unused))
		return "the queue was enabled with a bad ring address";
	return NULL;
}

static const char *enable_queue(struct queue *q)
{
	const char *wrong = queue_check_setup(q->sq_base, q->cq_base, q->shift);

	if (q->resetting || q->busy || chip_resetting(q->chip))
		wrong = "the queue was enabled while still active";
	if (inject_failed_locked(q->chip))
		wrong = "the queue was enabled while STATUS says FATAL";
	if (wrong)
		return bad_setup(q, wrong);
	if (!queue_start_thread(q))
		return bad_setup(q, "the host has no thread for the queue");

	q->sq_tail = 0;
	q->sq_head = 0;
	q->cq_head = 0;
	q->cq_tail = 0;
	q->phase = true;
	q->full = false;
	q->error = false;
	q->enabled = true;
	return NULL;
}

static const char *write_control(struct queue *q, uint32_t value)
{
	if (value & ~NEURON_QUEUE_ENABLE)
		return "unknown bits of the queue's CONTROL are set";
	if (value)
		return q->enabled ? NULL : enable_queue(q);
	if (q->enabled) {
		q->enabled = false;
		queue_abandon(q);
	}
	return NULL;
}

static const char *bad_doorbell(struct queue *q, const char *what)
{
	chip_error_locked(q, NEURON_ERROR_DOORBELL);
	return what;
}

/* Tail and head may only move on, and not past what is there. */
static const char *set_sq_tail(struct queue *q, uint32_t value)
{
	uint32_t mask = (1u << q->shift) - 1;

	if (!q->enabled)
		return bad_doorbell(q, "the doorbell of a disabled queue was rung");
	if (value > mask)
		return bad_doorbell(q, "SQ_TAIL lies outside the ring");
	if (((value - q->sq_head) & mask) < ((q->sq_tail - q->sq_head) & mask))
		return bad_doorbell(q, "SQ_TAIL went backwards");
	q->sq_tail = value;
	return NULL;
}

static const char *write_sq_tail(struct queue *q, uint32_t value)
{
	const char *wrong = set_sq_tail(q, value);

	if (!wrong)
		pthread_cond_signal(&q->wake);
	return wrong;
}

static const char *write_cq_head(struct queue *q, uint32_t value)
{
	uint32_t mask = (1u << q->shift) - 1;

	if (!q->enabled)
		return bad_doorbell(q, "the doorbell of a disabled queue was rung");
	if (value > mask)
		return bad_doorbell(q, "CQ_HEAD lies outside the ring");
	if (((value - q->cq_head) & mask) > ((q->cq_tail - q->cq_head) & mask))
		return bad_doorbell(q, "CQ_HEAD went past the completions");
	q->cq_head = value;
	q->full = false;
	if (q->cq_head == q->cq_tail)
		q->late_at = 0;
	/* It can have waited for room only with an entry at hand. */
	if (q->sq_head != q->sq_tail)
		pthread_cond_signal(&q->wake);
	return NULL;
}

static const char *write_queue(struct queue *q, uint32_t reg, uint32_t value)
{
	if (reg <= NEURON_QUEUE_SHIFT && q->enabled)
		return "a ring was changed while its queue was enabled";

	switch (reg) {
	case NEURON_QUEUE_SQ_BASE_LO:
		q->sq_base = set_low(q->sq_base, value);
		return NULL;
	case NEURON_QUEUE_SQ_BASE_HI:
		q->sq_base = set_high(q->sq_base, value);
		return NULL;
	case NEURON_QUEUE_CQ_BASE_LO:
		q->cq_base = set_low(q->cq_base, value);
		return NULL;
	case NEURON_QUEUE_CQ_BASE_HI:
		q->cq_base = set_high(q->cq_base, value);
		return NULL;
	case NEURON_QUEUE_SHIFT:
		q->shift = value;
		return NULL;
	case NEURON_QUEUE_CONTROL:
		return write_control(q, value);
	case NEURON_QUEUE_SQ_TAIL:
		return write_sq_tail(q, value);
	case NEURON_QUEUE_CQ_HEAD:
		return write_cq_head(q, value);
	case NEURON_QUEUE_STATUS:
	case NEURON_QUEUE_SQ_HEAD:
		return read_only;
	default:
		return unknown;
	}
}

static const char *reset_cores(struct neuron_chip *chip, uint32_t mask)
{
	for (unsigned int i = 0; i < chip->config.cores; i++) {
		if (!(mask & 1u << i))
			continue;
		if (inject_strikes_locked(chip, 0, NEURON_INJECT_REFUSE_RESET, NULL))
			chip->refused_cores |= 1u << i;
		else
			chip_reset_queue(&chip->queue[i]);
	}
	return mask >> chip->config.cores ? "there is no such core to reset" : NULL;
}

static const char *reset_chip(struct neuron_chip *chip, uint32_t value)
{
	if (value & ~NEURON_CONTROL_RESET)
		return "unknown bits of CONTROL are set";
	if (!value)
		return NULL;
	if (chip->injection[0][NEURON_INJECT_REFUSE_RESET].count == UINT32_MAX)
		chip->refused_reset = true;
	else
		chip_reset_locked(chip, false);
	return NULL;
}

static const char *write_debug(struct neuron_chip *chip, uint32_t offset,
			       uint32_t value)
{
	switch (offset) {
	case NEURON_REG_DEBUG_QUEUE:
		chip->debug_queue = value;
		return NULL;
	case NEURON_REG_DEBUG_COUNT:
		chip->debug_count = value;
		return NULL;
	case NEURON_REG_DEBUG_ARG_LO:
		chip->debug_arg = set_low(chip->debug_arg, value);
		return NULL;
	case NEURON_REG_DEBUG_ARG_HI:
		chip->debug_arg = set_high(chip->debug_arg, value);
		return NULL;
	case NEURON_REG_DEBUG_INJECT:
		return inject_locked(chip, value, chip->debug_queue,
				     chip->debug_count, chip->debug_arg) ?
			NULL : "the fault can't be injected there";
	case NEURON_REG_DEBUG_CLEAR:
		inject_clear_locked(chip);
		return NULL;
	case NEURON_REG_DEBUG_ID:
		return read_only;
	default:
		return unknown;
	}
}

static const char *write_chip(struct neuron_chip *chip, uint32_t offset,
			      uint32_t value)
{
	switch (offset) {
	case NEURON_REG_CONTROL:
		return reset_chip(chip, value);
	case NEURON_REG_CORE_RESET:
		return reset_cores(chip, value);
	case NEURON_REG_ERROR:
		chip->error &= ~value;
		return NULL;
	}
	if (offset <= NEURON_REG_POOL_THREADS ||
	    (offset >= NEURON_REG_POOL_NAME(0) &&
	     offset < NEURON_REG_POOL_NAME(0) + NEURON_POOL_NAME_SIZE))
		return read_only;
	if (offset >= NEURON_REG_DEBUG_ID && offset <= NEURON_REG_DEBUG_CLEAR)
		return chip->config.debug ? write_debug(chip, offset, value) : NULL;
	return unknown;
}

void neuron_chip_post(struct neuron_chip *chip, unsigned int queue, uint32_t tail)
{
	const char *wrong;

	if (__atomic_load_n(&chip->vanished, __ATOMIC_ACQUIRE) || queue >= chip->num_queues)
		return;
	pthread_mutex_lock(&chip->lock);
	wrong = set_sq_tail(&chip->queue[queue], tail);
	pthread_mutex_unlock(&chip->lock);
	if (wrong)
		chip_guest_error(chip, "SQ_TAIL %u of queue %u: %s", tail, queue, wrong);
}

void neuron_chip_write(struct neuron_chip *chip, uint32_t offset, uint32_t value)
{
	const char *wrong = unknown;
	struct queue *q;
	uint32_t reg;

	if (__atomic_load_n(&chip->vanished, __ATOMIC_ACQUIRE))
		return;
	if (offset % 4) {
		wrong = "the access is not aligned";
	} else if (offset < NEURON_REGS_SIZE) {
		pthread_mutex_lock(&chip->lock);
		q = find_queue(chip, offset, &reg);
		wrong = q ? write_queue(q, reg, value) :
			    write_chip(chip, offset, value);
		pthread_mutex_unlock(&chip->lock);
	}
	if (wrong)
		chip_guest_error(chip, "write of 0x%x to register 0x%x: %s", value,
				 offset, wrong);
}
