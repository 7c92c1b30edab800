// SPDX-License-Identifier: MIT
/*
 * Buffer slots: the memory that the host grants to a job.
 *
 * The table is fetched once for each entry, into memory of the queue's own, and
 * checked there. Page addresses are fetched when they are needed, a window at a
 * time. Every access is checked against the slot's length and rights.
 */
#include "qemu-device/chip/chip_priv.h"

#define SLOT_FLAGS	(NEURON_SLOT_READ | NEURON_SLOT_WRITE | \
			 NEURON_SLOT_PAGES | NEURON_SLOT_DRAM)

/* The offset of a wrong field in the slot, or -1. */
static int check_slot(const struct neuron_chip *chip, const struct neuron_slot *slot)
{
	uint64_t pages, unused;

	if (slot->flags & ~SLOT_FLAGS)
		return offsetof(struct neuron_slot, flags);
	if (slot->reserved)
		return offsetof(struct neuron_slot, reserved);

	switch (slot->flags & (NEURON_SLOT_PAGES | NEURON_SLOT_DRAM)) {
	case NEURON_SLOT_PAGES:
		if (slot->offset >= NEURON_PAGE_SIZE)
			return offsetof(struct neuron_slot, offset);
		if (slot->length > CHIP_MAX_SLOT_LENGTH)
			return offsetof(struct neuron_slot, length);
		pages = (slot->offset + slot->length + NEURON_PAGE_SIZE - 1) >>
			NEURON_PAGE_SHIFT;
		if (slot->addr % 8 ||
		    __builtin_add_overflow(slot->addr, pages * 8, &unused))
			return offsetof(struct neuron_slot, addr);
		return -1;
	case NEURON_SLOT_DRAM:
		if (slot->offset)
			return offsetof(struct neuron_slot, offset);
		if (slot->addr > chip->config.dram_size)
			return offsetof(struct neuron_slot, addr);
		if (slot->length > chip->config.dram_size - slot->addr)
			return offsetof(struct neuron_slot, length);
		return -1;
	case 0:
		/* An empty slot grants nothing, and says nothing either. */
		if (slot->flags)
			return offsetof(struct neuron_slot, flags);
		if (slot->length)
			return offsetof(struct neuron_slot, length);
		return slot->addr ? (int)offsetof(struct neuron_slot, addr) :
		       slot->offset ? (int)offsetof(struct neuron_slot, offset) : -1;
	default:
		return offsetof(struct neuron_slot, flags);
	}
}

enum neuron_fault_kind slots_fetch(struct queue *q, uint64_t addr, uint32_t count,
				   __le64 *info)
{
	struct queue_work *work = q->work;
	enum neuron_fault_kind kind;

	work->num_slots = 0;
	*info = 0;
	if (!count)
		return NEURON_FAULT_NONE;
	kind = bus_read(q, addr, work->slot, count * sizeof(work->slot[0]));
	if (kind != NEURON_FAULT_NONE)
		return kind;
	for (uint32_t i = 0; i < count; i++) {
		int field = check_slot(q->chip, &work->slot[i]);

		if (field >= 0) {
			*info = i * sizeof(work->slot[0]) + field;
			return NEURON_FAULT_BAD_DESCRIPTOR;
		}
		work->window[i].count = 0;
	}
	work->num_slots = count;
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind slot_check(struct queue *q, uint32_t slot, uint64_t offset,
				  uint64_t length, uint32_t rights, __le64 *info)
{
	const struct neuron_slot *s;

	if (slot >= q->work->num_slots ||
	    (q->work->slot[slot].flags & rights) != rights) {
		*info = offset;
		return NEURON_FAULT_ACCESS_DENIED;
	}
	s = &q->work->slot[slot];
	if (offset > s->length || length > s->length - offset) {
		*info = offset > s->length ? offset : s->length;
		return NEURON_FAULT_OUT_OF_BOUNDS;
	}
	return NEURON_FAULT_NONE;
}

/* The bus address of page number @page, through the slot's window. */
static enum neuron_fault_kind page_addr(struct queue *q, uint32_t slot, uint64_t page,
					uint64_t *addr)
{
	const struct neuron_slot *s = &q->work->slot[slot];
	struct page_window *w = &q->work->window[slot];
	enum neuron_fault_kind kind;
	uint64_t pages;

	if (page < w->first || page >= w->first + w->count) {
		pages = (s->offset + s->length + NEURON_PAGE_SIZE - 1) >>
			NEURON_PAGE_SHIFT;
		w->first = page;
		w->count = 0;
		pages -= page;
		if (pages > CHIP_PAGE_WINDOW)
			pages = CHIP_PAGE_WINDOW;
		kind = bus_read(q, s->addr + page * 8, w->addr, pages * 8);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		w->count = pages;
	}
	*addr = w->addr[page - w->first];
	/* Not a page: as wrong as an address that the bus refuses. */
	return *addr % NEURON_PAGE_SIZE ? NEURON_FAULT_DMA_ABORT : NEURON_FAULT_NONE;
}

enum neuron_fault_kind slot_piece(struct queue *q, uint32_t slot, uint64_t offset,
				  uint64_t length, struct slot_piece *piece)
{
	const struct neuron_slot *s = &q->work->slot[slot];
	enum neuron_fault_kind kind;
	uint64_t page, next;

	piece->dram = s->flags & NEURON_SLOT_DRAM;
	if (piece->dram) {
		piece->addr = s->addr + offset;
		piece->length = length;
		return NEURON_FAULT_NONE;
	}

	offset += s->offset;
	page = offset >> NEURON_PAGE_SHIFT;
	offset %= NEURON_PAGE_SIZE;
	kind = page_addr(q, slot, page, &piece->addr);
	if (kind != NEURON_FAULT_NONE)
		return kind;
	piece->addr += offset;
	piece->length = NEURON_PAGE_SIZE - offset;
	if (length > CHIP_CHUNK)
		length = CHIP_CHUNK;

	/* Neighbours on the bus go along. */
	while (piece->length < length) {
		kind = page_addr(q, slot, ++page, &next);
		if (kind != NEURON_FAULT_NONE || next != piece->addr + piece->length)
			break;
		piece->length += NEURON_PAGE_SIZE;
	}
	if (piece->length > length)
		piece->length = length;
	return kind;
}

enum neuron_fault_kind slot_read(struct queue *q, uint32_t slot, uint64_t offset,
				 void *buf, uint64_t length, __le64 *info)
{
	enum neuron_fault_kind kind;

	kind = slot_check(q, slot, offset, length, NEURON_SLOT_READ, info);
	while (kind == NEURON_FAULT_NONE && length) {
		struct slot_piece piece;

		*info = offset;
		kind = slot_piece(q, slot, offset,
				  length < CHIP_CHUNK ? length : CHIP_CHUNK, &piece);
		if (kind != NEURON_FAULT_NONE)
			break;
		if (piece.dram)
			kind = dram_read(q, piece.addr, buf, piece.length);
		else
			kind = bus_read(q, piece.addr, buf, piece.length);
		offset += piece.length;
		length -= piece.length;
		buf = (char *)buf + piece.length;
	}
	return kind;
}

enum neuron_fault_kind slot_write(struct queue *q, uint32_t slot, uint64_t offset,
				  const void *buf, uint64_t length, __le64 *info)
{
	enum neuron_fault_kind kind;

	kind = slot_check(q, slot, offset, length, NEURON_SLOT_WRITE, info);
	while (kind == NEURON_FAULT_NONE && length) {
		struct slot_piece piece;

		*info = offset;
		kind = slot_piece(q, slot, offset,
				  length < CHIP_CHUNK ? length : CHIP_CHUNK, &piece);
		if (kind != NEURON_FAULT_NONE)
			break;
		if (piece.dram)
			kind = dram_write(q, piece.addr, buf, piece.length);
		else
			kind = bus_write(q, piece.addr, buf, piece.length);
		offset += piece.length;
		length -= piece.length;
		buf = (const char *)buf + piece.length;
	}
	return kind;
}

enum neuron_fault_kind slot_write_apart(struct queue *q, uint32_t slot, uint64_t offset,
					uint64_t step, const void *buf, uint64_t size,
					uint64_t n, __le64 *info)
{
	enum neuron_fault_kind kind = NEURON_FAULT_NONE;

	/* DRAM is one piece; pages take their elements one by one. */
	if (n && slot_is_dram(q, slot)) {
		kind = slot_check(q, slot, offset, (n - 1) * step + size, NEURON_SLOT_WRITE,
				  info);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		*info = offset;
		return dram_write_apart(q, q->work->slot[slot].addr + offset, step, buf, size, n);
	}
	for (uint64_t i = 0; i < n && kind == NEURON_FAULT_NONE; i++)
		kind = slot_write(q, slot, offset + i * step, (const char *)buf + i * size, size,
				  info);
	return kind;
}
