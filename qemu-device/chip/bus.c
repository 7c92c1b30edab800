// SPDX-License-Identifier: MIT
/*
 * Memory outside a core: the bus, and device DRAM.
 *
 * Every access passes the queue's gate, so that none happens for work that was
 * abandoned. DRAM is shared with the host, which may change it at any time:
 * whatever is read from it for a decision is copied first.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"

static bool enter(struct queue *q)
{
	pthread_mutex_lock(&q->gate);
	if (!queue_stale(q) &&
	    !__atomic_load_n(&q->chip->vanished, __ATOMIC_ACQUIRE))
		return true;
	pthread_mutex_unlock(&q->gate);
	return false;
}

static void leave(struct queue *q)
{
	pthread_mutex_unlock(&q->gate);
}

static bool fails(struct queue *q, bool ring)
{
	struct neuron_chip *chip = q->chip;
	bool strikes = false;

	if (!__atomic_load_n(&chip->armed, __ATOMIC_ACQUIRE))
		return false;
	pthread_mutex_lock(&chip->lock);
	if ((chip->injection[q->index][NEURON_INJECT_FAIL_DMA].arg & 1) == ring)
		strikes = inject_strikes_locked(chip, q->index,
						NEURON_INJECT_FAIL_DMA, NULL);
	pthread_mutex_unlock(&chip->lock);
	return strikes;
}

static void *dram(const struct queue *q, uint64_t offset)
{
	return (char *)q->chip->config.dram + offset;
}

/* DRAM was written; so early that a chip that nothing runs on has told all. */
static void written(struct queue *q, uint64_t offset, uint64_t len)
{
	if (q->chip->ops->dram_written)
		q->chip->ops->dram_written(q->chip->opaque, offset, len);
}

/* Elements of a type, dense at @from, to DRAM. */
#define WRITE_APART(type)							\
	for (size_t i = 0; i < n; i++, from += sizeof(type), offset += step) {	\
		type value;							\
										\
		memcpy(&value, from, sizeof(value));				\
		memcpy(dram(q, offset), &value, sizeof(value));			\
	}

static enum neuron_fault_kind read_bus(struct queue *q, uint64_t addr, void *buf,
				       size_t len, bool ring)
{
	int err;

	if (fails(q, ring))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	err = q->chip->ops->dma_read(q->chip->opaque, addr, buf, len);
	leave(q);
	return err ? NEURON_FAULT_DMA_ABORT : NEURON_FAULT_NONE;
}

static enum neuron_fault_kind write_bus(struct queue *q, uint64_t addr,
					const void *buf, size_t len, bool ring)
{
	int err;

	if (fails(q, ring))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	err = q->chip->ops->dma_write(q->chip->opaque, addr, buf, len);
	leave(q);
	return err ? NEURON_FAULT_DMA_ABORT : NEURON_FAULT_NONE;
}

enum neuron_fault_kind bus_read(struct queue *q, uint64_t addr, void *buf, size_t len)
{
	return read_bus(q, addr, buf, len, false);
}

enum neuron_fault_kind bus_write(struct queue *q, uint64_t addr, const void *buf,
				 size_t len)
{
	return write_bus(q, addr, buf, len, false);
}

enum neuron_fault_kind bus_read_ring(struct queue *q, uint64_t addr, void *buf,
				     size_t len)
{
	return read_bus(q, addr, buf, len, true);
}

enum neuron_fault_kind bus_write_ring(struct queue *q, uint64_t addr, const void *buf,
				      size_t len)
{
	return write_bus(q, addr, buf, len, true);
}

enum neuron_fault_kind dram_read(struct queue *q, uint64_t offset, void *buf, size_t len)
{
	enum neuron_fault_kind kind = ecc_read(q, offset, len);

	if (kind != NEURON_FAULT_NONE)
		return kind;
	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	memcpy(buf, dram(q, offset), len);
	leave(q);
	return NEURON_FAULT_NONE;
}

void *dram_borrow(struct queue *q, uint64_t offset)
{
	if (__atomic_load_n(&q->chip->armed, __ATOMIC_ACQUIRE) ||
	    __atomic_load_n(&q->chip->num_ecc, __ATOMIC_ACQUIRE) || !enter(q))
		return NULL;
	return dram(q, offset);
}

void dram_return(struct queue *q)
{
	leave(q);
}

enum neuron_fault_kind dram_write(struct queue *q, uint64_t offset, const void *buf,
				  size_t len)
{
	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	memcpy(dram(q, offset), buf, len);
	written(q, offset, len);
	leave(q);
	ecc_write(q->chip, offset, len);
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind dram_write_apart(struct queue *q, uint64_t offset, uint64_t step,
					const void *buf, size_t size, size_t n)
{
	const char *from = buf;
	uint64_t first = offset;

	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	switch (size) {
	case 1:
		WRITE_APART(uint8_t)
		break;
	case 2:
		WRITE_APART(uint16_t)
		break;
	case 4:
		WRITE_APART(uint32_t)
		break;
	default:
		WRITE_APART(uint64_t)
		break;
	}
	written(q, first, (n - 1) * step + size);
	leave(q);
	/* None covers a line: they heal nothing. */
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind dram_copy(struct queue *q, uint64_t dst, uint64_t src, size_t len)
{
	enum neuron_fault_kind kind = ecc_read(q, src, len);

	if (kind != NEURON_FAULT_NONE)
		return kind;
	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	memmove(dram(q, dst), dram(q, src), len);
	written(q, dst, len);
	leave(q);
	ecc_write(q->chip, dst, len);
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind dram_fill(struct queue *q, uint64_t offset, int value, size_t len)
{
	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	memset(dram(q, offset), value, len);
	written(q, offset, len);
	leave(q);
	ecc_write(q->chip, offset, len);
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind dram_discard(struct queue *q, uint64_t offset, size_t len)
{
	if (fails(q, false))
		return NEURON_FAULT_DMA_ABORT;
	if (!enter(q))
		return NEURON_FAULT_CANCELLED;
	q->chip->ops->dram_discard(q->chip->opaque, offset, len);
	leave(q);
	ecc_write(q->chip, offset, len);
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind bus_to_dram(struct queue *q, uint64_t dst, uint64_t addr,
				   size_t len)
{
	enum neuron_fault_kind kind = bus_read(q, addr, dram(q, dst), len);

	written(q, dst, len);	/* a part of it, maybe, if it failed */
	if (kind == NEURON_FAULT_NONE)
		ecc_write(q->chip, dst, len);
	return kind;
}

enum neuron_fault_kind dram_to_bus(struct queue *q, uint64_t addr, uint64_t src,
				   size_t len)
{
	enum neuron_fault_kind kind = ecc_read(q, src, len);

	if (kind != NEURON_FAULT_NONE)
		return kind;
	return bus_write(q, addr, dram(q, src), len);
}

bool bus_raise(struct queue *q, unsigned int vector)
{
	if (!enter(q))
		return false;
	q->chip->ops->raise_irq(q->chip->opaque, vector);
	leave(q);
	return true;
}
