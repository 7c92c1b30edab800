// SPDX-License-Identifier: MIT
/*
 * COPY and FILL entries of the DMA queues.
 *
 * Memory moves in pieces of at most CHIP_CHUNK, between which the work can be
 * abandoned. Source and destination may lie in the same memory; where they
 * overlap, the destination's contents are undefined.
 */
#include <string.h>
#include "qemu-device/chip/chip_priv.h"

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static enum neuron_fault_kind refuse(struct neuron_cqe *cqe, size_t field)
{
	cqe->fault.info = field;
	return NEURON_FAULT_BAD_DESCRIPTOR;
}

static enum neuron_fault_kind copy_piece(struct queue *q, const struct slot_piece *dst,
					 const struct slot_piece *src, size_t len)
{
	enum neuron_fault_kind kind;

	if (src->dram && dst->dram)
		return dram_copy(q, dst->addr, src->addr, len);
	if (dst->dram)
		return bus_to_dram(q, dst->addr, src->addr, len);
	if (src->dram)
		return dram_to_bus(q, dst->addr, src->addr, len);
	kind = bus_read(q, src->addr, q->work->staging, len);
	if (kind == NEURON_FAULT_NONE)
		kind = bus_write(q, dst->addr, q->work->staging, len);
	return kind;
}

enum neuron_fault_kind dma_copy(struct queue *q, const struct neuron_sqe *sqe,
				struct neuron_cqe *cqe)
{
	uint64_t src = sqe->copy.src_offset, dst = sqe->copy.dst_offset;
	uint64_t length = sqe->copy.length;
	enum neuron_fault_kind kind;

	cqe->fault.operand = 1;
	kind = slot_check(q, sqe->copy.src_slot, src, length, NEURON_SLOT_READ,
			  &cqe->fault.info);
	if (kind != NEURON_FAULT_NONE)
		return kind;
	cqe->fault.operand = 0;
	kind = slot_check(q, sqe->copy.dst_slot, dst, length, NEURON_SLOT_WRITE,
			  &cqe->fault.info);
	if (kind != NEURON_FAULT_NONE)
		return kind;

	cqe->fault.operand = NEURON_NO_OPERAND;
	while (length) {
		struct slot_piece from, to;
		uint64_t n = least(length, CHIP_CHUNK);

		cqe->fault.info = src;
		kind = slot_piece(q, sqe->copy.src_slot, src, n, &from);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		cqe->fault.info = dst;
		kind = slot_piece(q, sqe->copy.dst_slot, dst, from.length, &to);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		n = to.length;
		cqe->fault.info = src;
		kind = copy_piece(q, &to, &from, n);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		src += n;
		dst += n;
		length -= n;
		cqe->busy += n;
	}
	cqe->fault.info = 0;
	cqe->cycles = neuron_timing_copy(&q->chip->timing, cqe->busy,
					 slot_is_dram(q, sqe->copy.src_slot),
					 slot_is_dram(q, sqe->copy.dst_slot));
	return NEURON_FAULT_NONE;
}

/* Fill the beginning of a piece of DRAM; *done: how much of it. */
static enum neuron_fault_kind fill_dram(struct queue *q, uint64_t addr, uint64_t len,
					uint8_t value, uint64_t *done)
{
	uint64_t head = -addr % NEURON_PAGE_SIZE;

	if (!value && q->chip->ops->dram_discard && !head && len >= CHIP_DISCARD_MIN) {
		*done = least(len - len % NEURON_PAGE_SIZE, CHIP_DISCARD_CHUNK);
		return dram_discard(q, addr, *done);
	}
	*done = least(len, CHIP_CHUNK);
	if (head && head < *done)
		*done = head;	/* so that pages follow */
	return dram_fill(q, addr, value, *done);
}

enum neuron_fault_kind dma_fill(struct queue *q, const struct neuron_sqe *sqe,
				struct neuron_cqe *cqe)
{
	uint64_t offset = sqe->fill.dst_offset, length = sqe->fill.length;
	uint8_t value = sqe->fill.value;
	enum neuron_fault_kind kind;
	bool staged = false, dram;

	if (sqe->fill.value > 0xff)
		return refuse(cqe, offsetof(struct neuron_sqe, fill.value));
	if (sqe->fill.reserved)
		return refuse(cqe, offsetof(struct neuron_sqe, fill.reserved));
	cqe->fault.operand = 0;
	kind = slot_check(q, sqe->fill.dst_slot, offset, length, NEURON_SLOT_WRITE,
			  &cqe->fault.info);
	if (kind != NEURON_FAULT_NONE)
		return kind;

	cqe->fault.operand = NEURON_NO_OPERAND;
	while (length) {
		struct slot_piece to;
		uint64_t n;

		cqe->fault.info = offset;
		kind = slot_piece(q, sqe->fill.dst_slot, offset, length, &to);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		if (to.dram) {
			kind = fill_dram(q, to.addr, to.length, value, &n);
		} else {
			n = to.length;
			if (!staged)
				memset(q->work->staging, value, CHIP_CHUNK);
			staged = true;
			kind = bus_write(q, to.addr, q->work->staging, n);
		}
		if (kind != NEURON_FAULT_NONE)
			return kind;
		offset += n;
		length -= n;
		cqe->busy += n;
	}
	cqe->fault.info = 0;
	/* It crosses its memory once, a copy within the memory twice. */
	dram = slot_is_dram(q, sqe->fill.dst_slot);
	cqe->cycles = neuron_timing_copy(&q->chip->timing, (cqe->busy + 1) / 2,
					 dram, dram);
	return NEURON_FAULT_NONE;
}
