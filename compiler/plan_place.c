// SPDX-License-Identifier: MIT
/* Which buffers live in the scratchpad, and which go through DRAM. */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/* Sizes are sorted into classes by their logarithm, each with its own heap. */
#define NUM_CLASSES	40

struct entry {
	uint32_t next_use;
	uint32_t buf;
};

struct heap {
	struct entry *entries;
	uint32_t count;
	uint32_t room;
};

/**
 * struct placer - state of the walk
 * @heaps: by size class: buffers alive, the one that is used latest on top.
 *	   Entries go stale when a buffer is used, dies or is evicted
 * @alive: by buffer: resident and between first and last use
 * @bytes: of all that is alive
 */
struct placer {
	struct nc_ctx *ctx;
	struct nc_program *prog;
	struct heap heaps[NUM_CLASSES];
	bool *alive;
	uint64_t bytes;
};

static uint64_t room_for(const struct nc_buf *buf)
{
	return (buf->size + NC_BUF_ALIGN - 1) & -(uint64_t)NC_BUF_ALIGN;
}

static unsigned int size_class(const struct nc_buf *buf)
{
	return 63 - __builtin_clzll(buf->size | 1);
}

/* Farthest use first; equal ones by number, so that the order is one. */
static bool above(struct entry a, struct entry b)
{
	if (a.next_use != b.next_use)
		return a.next_use > b.next_use;
	return a.buf < b.buf;
}

static void heap_push(struct placer *placer, struct heap *heap,
		      struct entry entry)
{
	uint32_t i;

	if (heap->count == heap->room) {
		uint32_t room = heap->room ? 2 * heap->room : 16;
		struct entry *entries = nc_alloc(placer->ctx->arena, room,
						 sizeof(*entries));

		if (heap->count)
			memcpy(entries, heap->entries,
			       heap->count * sizeof(*entries));
		heap->entries = entries;
		heap->room = room;
	}
	for (i = heap->count++; i && above(entry, heap->entries[(i - 1) / 2]);
	     i = (i - 1) / 2)
		heap->entries[i] = heap->entries[(i - 1) / 2];
	heap->entries[i] = entry;
}

static void heap_pop(struct heap *heap)
{
	struct entry last = heap->entries[--heap->count];
	uint32_t i = 0, child;

	for (;;) {
		child = 2 * i + 1;
		if (child >= heap->count)
			break;
		if (child + 1 < heap->count &&
		    above(heap->entries[child + 1], heap->entries[child]))
			child++;
		if (!above(heap->entries[child], last))
			break;
		heap->entries[i] = heap->entries[child];
		i = child;
	}
	heap->entries[i] = last;
}

static uint32_t use_at(const struct nc_buf *buf)
{
	return buf->next_use < buf->num_uses ? buf->uses[buf->next_use] :
					       NC_NO_POS;
}

static void note_use(struct placer *placer, struct nc_buf *buf)
{
	struct entry entry = { use_at(buf), buf->id };

	heap_push(placer, &placer->heaps[size_class(buf) % NUM_CLASSES],
		  entry);
}

/* The buffer whose absence costs least: large, and not needed for long. */
static struct nc_buf *find_victim(struct placer *placer, uint32_t pos)
{
	struct nc_buf *best = NULL;
	double best_score = 0;
	unsigned int i;

	for (i = 0; i < NUM_CLASSES; i++) {
		struct heap *heap = &placer->heaps[i];
		struct nc_buf *buf = NULL;
		double score;

		while (heap->count) {
			buf = placer->prog->bufs[heap->entries[0].buf];
			if (placer->alive[buf->id] &&
			    use_at(buf) == heap->entries[0].next_use)
				break;
			heap_pop(heap);
			buf = NULL;
		}
		if (!buf)
			continue;
		score = ((double)use_at(buf) - pos + 1) * buf->size;
		/* Constants and inputs are in DRAM already. */
		if (buf->kind != NC_BUF_TEMP)
			score *= 2;
		if (!best || score > best_score) {
			best = buf;
			best_score = score;
		}
	}
	return best;
}

/* Scratchpad for pieces of what the instruction does not find on the chip. */
static uint64_t workspace(const struct nc_inst *inst, uint64_t limit)
{
	uint64_t bytes = 0;
	int64_t lo, hi;
	unsigned int i;

	if (inst->opcode == NEURON_OP_COPY &&
	    (inst->operands[0]->buf->resident ||
	     inst->operands[1]->buf->resident))
		return 0;
	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		const struct nc_view *view = inst->operands[i];

		if (!view || view->buf->resident)
			continue;
		nc_view_extent(view, &lo, &hi);
		bytes += hi - lo + NC_BUF_ALIGN;
	}
	return bytes < limit / 4 ? bytes : limit / 4;
}

static void evict(struct placer *placer, struct nc_buf *buf)
{
	buf->resident = false;
	placer->alive[buf->id] = false;
	placer->bytes -= room_for(buf);
}

static void visit(struct placer *placer, uint32_t pos, uint64_t limit,
		  uint64_t need)
{
	const struct nc_inst *inst = &placer->prog->list.insts[pos];
	struct nc_buf *victim;
	unsigned int i;

	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		struct nc_buf *buf = inst->operands[i] ?
				     inst->operands[i]->buf : NULL;

		if (!buf || !buf->resident || buf->pinned ||
		    buf->first != pos || placer->alive[buf->id])
			continue;
		placer->alive[buf->id] = true;
		placer->bytes += room_for(buf);
		note_use(placer, buf);
	}
	for (;;) {
		uint64_t space = workspace(inst, limit);

		if (placer->bytes + (space > need ? space : need) <= limit)
			break;
		victim = find_victim(placer, pos);
		if (!victim)
			break;
		evict(placer, victim);
	}
	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		struct nc_buf *buf = inst->operands[i] ?
				     inst->operands[i]->buf : NULL;

		if (!buf || !placer->alive[buf->id] || use_at(buf) != pos)
			continue;
		buf->next_use++;
		if (buf->last == pos) {
			placer->alive[buf->id] = false;
			placer->bytes -= room_for(buf);
		} else {
			note_use(placer, buf);
		}
	}
}

void nc_liveness(struct nc_ctx *ctx, const struct nc_inst_list *list)
{
	struct nc_program *prog = ctx->program;
	uint64_t total = 0;
	uint32_t *uses;
	uint32_t i, j;
	int pass;

	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		buf->first = NC_NO_POS;
		buf->last = NC_NO_POS;
		buf->num_uses = 0;
		buf->next_use = 0;
	}
	/* Count, then fill in. */
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < list->count; i++) {
			const struct nc_inst *inst = &list->insts[i];

			for (j = 0; j < NC_MAX_OPERANDS; j++) {
				struct nc_buf *buf = inst->operands[j] ?
						     inst->operands[j]->buf :
						     NULL;

				if (!buf || (buf->num_uses && buf->last == i))
					continue;
				if (!buf->num_uses)
					buf->first = i;
				buf->last = i;
				if (pass)
					buf->uses[buf->num_uses] = i;
				buf->num_uses++;
				total++;
			}
		}
		if (pass)
			break;
		uses = nc_alloc(ctx->arena, total, sizeof(*uses));
		for (i = 0; i < prog->num_bufs; i++) {
			struct nc_buf *buf = prog->bufs[i];

			buf->uses = uses;
			uses += buf->num_uses;
			buf->num_uses = 0;
		}
	}
}

void nc_place(struct nc_ctx *ctx, uint64_t limit, const uint64_t *need,
	      uint64_t *live)
{
	struct nc_program *prog = ctx->program;
	struct placer placer = { .ctx = ctx, .prog = prog };
	uint64_t bytes = 0;
	uint32_t i;

	nc_liveness(ctx, &prog->list);
	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		buf->resident = buf->kind != NC_BUF_OUTPUT &&
				buf->num_uses && buf->size <= limit;
		if (ctx->options->no_scratchpad)
			buf->resident = false;
		if (buf->pinned)
			buf->resident = true;
	}
	placer.alive = nc_alloc(ctx->arena, prog->num_bufs,
				sizeof(*placer.alive));
	for (i = 0; i < prog->list.count; i++)
		visit(&placer, i, limit, need[i]);

	/* What is alive now that all victims are known: starts and ends. */
	memset(live, 0, (prog->list.count + 1) * sizeof(*live));
	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		if (!buf->resident || buf->pinned)
			continue;
		live[buf->first] += room_for(buf);
		live[buf->last + 1] -= room_for(buf);
	}
	for (i = 0; i < prog->list.count; i++) {
		bytes += live[i];
		live[i] = bytes;
	}
}
