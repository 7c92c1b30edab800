// SPDX-License-Identifier: MIT
/*
 * Constants that stay on the chip from one execution to the next.
 *
 * They get the low end of the scratchpad, which nothing else uses, in the same
 * order and with the same gaps as in the WEIGHTS section: one load fetches many
 * that lie side by side. Its flag lets the chip skip it when the core still
 * holds them.
 */
#include <stdlib.h>
#include <string.h>

#include "backend.h"

/*
 * A load is complete when it has this many bytes. Work waits for the first ones,
 * so they are small.
 */
#define FIRST_CHUNK	(4 << 10)
#define CHUNK		(64 << 10)

/* What a transfer costs beside its bytes, in bytes at DRAM's rate. */
#define TRANSFER	4096

/* A constant that the program reads, and what keeping it saves. */
struct candidate {
	struct nc_buf *buf;
	uint64_t traffic;
};

static uint64_t room_for(const struct nc_buf *buf)
{
	return (buf->size + NC_BUF_ALIGN - 1) & -(uint64_t)NC_BUF_ALIGN;
}

/* Greatest saving a byte first; equal ones in the order of the model. */
static int by_benefit(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	double gain_x = (double)x->traffic / room_for(x->buf);
	double gain_y = (double)y->traffic / room_for(y->buf);

	if (gain_x != gain_y)
		return gain_x < gain_y ? 1 : -1;
	return x->buf->id < y->buf->id ? -1 : 1;
}

uint64_t nc_pin_total(const struct nc_program *prog)
{
	uint64_t total = 0;
	uint32_t i;

	for (i = 0; i < prog->num_bufs; i++)
		if (prog->bufs[i]->kind == NC_BUF_CONST)
			total += room_for(prog->bufs[i]);
	return total;
}

/* The WEIGHTS section: what is pinned first, in the order of the program. */
static void place_weights(struct nc_program *prog)
{
	uint64_t at = 0;
	uint32_t i;
	int pinned;

	for (pinned = 1; pinned >= 0; pinned--) {
		for (i = 0; i < prog->num_bufs; i++) {
			struct nc_buf *buf = prog->bufs[i];

			if (buf->kind != NC_BUF_CONST || buf->pinned != pinned)
				continue;
			buf->slot = NC_SLOT_WEIGHTS;
			buf->slot_offset = at;
			at += room_for(buf);
		}
		if (pinned)
			prog->pinned_size = at;
	}
	prog->weights_size = at;
}

static void make_chunks(struct nc_ctx *ctx, struct nc_program *prog)
{
	uint64_t enough = FIRST_CHUNK;
	uint32_t i, n = 0;

	prog->chunks = nc_alloc(ctx->arena,
				prog->pinned_size / CHUNK + CHUNK / FIRST_CHUNK,
				sizeof(*prog->chunks));
	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		if (!buf->pinned)
			continue;
		if (!n || prog->chunks[n - 1].size >= enough) {
			enough = n && enough < CHUNK ? 2 * enough : enough;
			prog->chunks[n++].first = buf;
		}
		prog->chunks[n - 1].size += room_for(buf);
		buf->chunk = n - 1;
	}
}

void nc_pin(struct nc_ctx *ctx, const uint64_t *traffic, uint64_t limit)
{
	struct nc_program *prog = ctx->program;
	struct candidate *all = nc_alloc(ctx->arena, prog->num_bufs,
					 sizeof(*all));
	uint64_t used = 0;
	uint32_t i, n = 0;

	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		buf->pinned = false;
		if (buf->kind != NC_BUF_CONST || !buf->size)
			continue;
		all[n].buf = buf;
		all[n++].traffic = traffic ? traffic[i] : buf->size;
	}
	qsort(all, n, sizeof(*all), by_benefit);
	for (i = 0; i < n; i++) {
		if (!all[i].traffic || used + room_for(all[i].buf) > limit)
			continue;
		all[i].buf->pinned = true;
		used += room_for(all[i].buf);
	}
	place_weights(prog);
	make_chunks(ctx, prog);
	prog->pinned = nc_buf_new(ctx, NC_BUF_STAGE, prog->pinned_size);
	prog->pinned->pinned = true;
}

double nc_traffic(const struct nc_program *prog, uint64_t *by_const)
{
	double cost = 0;
	uint32_t i;

	for (i = 0; i < prog->list.count; i++) {
		const struct nc_inst *inst = &prog->list.insts[i];
		const struct nc_view *slot;
		uint64_t bytes;

		if (inst->opcode != NEURON_OP_LOAD &&
		    inst->opcode != NEURON_OP_STORE)
			continue;
		slot = inst->operands[inst->opcode == NEURON_OP_LOAD ? 1 : 0];
		bytes = nc_view_numel(slot) * neuron_dtype_size(slot->dtype) +
			TRANSFER;
		if (slot->buf->kind == NC_BUF_CONST && by_const)
			by_const[slot->buf->id] += bytes;
		/* What stays counts, too: another model may come in between. */
		cost += inst->flags & NEURON_INST_RESIDENT ? bytes / 8.0 : bytes;
	}
	return cost;
}
