// SPDX-License-Identifier: MIT
/* Loads move ahead of the work that they can overlap with. */
#include <string.h>

#include "backend.h"

/* How many instructions a load may pass. */
#define WINDOW	16

static uint64_t room_for(const struct nc_buf *buf)
{
	return (buf->size + NC_BUF_ALIGN - 1) & -(uint64_t)NC_BUF_ALIGN;
}

/* Whether the load may not pass the instruction: it writes what is loaded. */
static bool blocks(const struct nc_inst *inst, const struct nc_inst *load)
{
	const struct nc_view *to = load->operands[0];
	const struct nc_view *from = load->operands[1];
	unsigned int i;

	for (i = 0; i < nc_opcode_operands(inst->opcode); i++) {
		const struct nc_view *view = inst->operands[i];

		if (!view)
			continue;
		/* Parts of the pinned buffer are written once, before all use. */
		if (view->buf == to->buf &&
		    !(load->flags & NEURON_INST_RESIDENT))
			return true;
		if (view->buf == from->buf &&
		    nc_operand_is_out(inst->opcode, i))
			return true;
	}
	return false;
}

void nc_prefetch(struct nc_ctx *ctx, uint64_t limit)
{
	struct nc_program *prog = ctx->program;
	struct nc_inst_list *list = &prog->list;
	uint64_t *live, bytes = 0;
	uint32_t i, q, barrier = 0;

	nc_liveness(ctx, list);
	live = nc_alloc(ctx->arena, list->count + 1, sizeof(*live));
	for (i = 0; i < prog->num_bufs; i++) {
		const struct nc_buf *buf = prog->bufs[i];

		if (!buf->num_uses || !nc_buf_on_chip(buf) ||
		    buf->kind == NC_BUF_PSUM || buf == prog->pinned)
			continue;
		live[buf->first] += room_for(buf);
		live[buf->last + 1] -= room_for(buf);
	}
	for (i = 0; i < list->count; i++) {
		bytes += live[i];
		live[i] = bytes;
	}

	for (i = 0; i < list->count; i++) {
		struct nc_inst load = list->insts[i];
		bool pinned = load.flags & NEURON_INST_RESIDENT;
		uint64_t size;

		if (load.opcode != NEURON_OP_LOAD)
			continue;
		/* The buffer's life begins here; a later part moves nowhere. */
		size = load.operands[0]->buf->first == i && !pinned ?
		       room_for(load.operands[0]->buf) : 0;
		q = i;
		while (q > barrier && i - q < WINDOW && (size || pinned) &&
		       (pinned || live[q - 1] + size <= limit) &&
		       !blocks(&list->insts[q - 1], &load)) {
			q--;
			live[q] += size;
		}
		/*
		 * live[] belongs to positions: those between move down by one,
		 * and so do their sums, which all have the new buffer in them.
		 */
		if (q < i) {
			memmove(&list->insts[q + 1], &list->insts[q],
				(i - q) * sizeof(load));
			list->insts[q] = load;
			memmove(&live[q + 1], &live[q],
				(i - q) * sizeof(*live));
		}
		barrier = q + 1;
	}
}
