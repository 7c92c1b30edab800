// SPDX-License-Identifier: MIT
/*
 * Instructions that the chip can execute: operands on the chip, in pieces where
 * they do not fit.
 */
#include <string.h>

#include "backend.h"

/**
 * struct tiler - state of the walk
 * @list: the new program
 * @staged: by operand of the current instruction: the part of the whole that is
 *	    on the chip already (buf NULL: none), and where
 */
struct tiler {
	struct nc_ctx *ctx;
	struct nc_inst_list list;
	struct {
		struct nc_view part;
		struct nc_view view;
	} staged[NC_MAX_OPERANDS];
};

static const struct nc_view *keep(struct tiler *tiler,
				  const struct nc_view *view)
{
	return nc_memdup(tiler->ctx->arena, view, sizeof(*view));
}

/* A view of the piece: of what is whole and on the chip already it is the same. */
static const struct nc_view *keep_like(struct tiler *tiler, const struct nc_view *view,
				       const struct nc_view *whole)
{
	bool same = whole && view->scale == whole->scale &&
		    view->zero_point == whole->zero_point && nc_view_equal(view, whole);

	return same ? whole : keep(tiler, view);
}

static struct nc_inst *add(struct tiler *tiler, const struct nc_inst *like,
			   unsigned int opcode, unsigned int engine)
{
	struct nc_inst inst = {
		.opcode = opcode,
		.engine = engine,
		.layer = like->layer,
	};

	return nc_inst_add(tiler->ctx, &tiler->list, &inst);
}

/* DMA moves bytes: scale and zero point play no part. */
static const struct nc_view *dma_view(struct tiler *tiler,
				      const struct nc_view *view)
{
	struct nc_view plain = *view;

	plain.scale = 0;
	plain.zero_point = 0;
	return keep(tiler, &plain);
}

static struct nc_inst *add_load(struct tiler *tiler,
				const struct nc_inst *like,
				const struct nc_view *to,
				const struct nc_view *from)
{
	struct nc_inst *inst = add(tiler, like, NEURON_OP_LOAD,
				   NEURON_ENGINE_DMA_IN);

	inst->operands[0] = dma_view(tiler, to);
	inst->operands[1] = dma_view(tiler, from);
	return inst;
}

static void add_store(struct tiler *tiler, const struct nc_inst *like,
		      const struct nc_view *to, const struct nc_view *from)
{
	struct nc_inst *inst = add(tiler, like, NEURON_OP_STORE,
				   NEURON_ENGINE_DMA_OUT);

	inst->operands[0] = dma_view(tiler, to);
	inst->operands[1] = dma_view(tiler, from);
}

/* The first use of a pinned constant loads it, and those beside it. */
static void load_pinned(struct tiler *tiler, const struct nc_inst *like,
			struct nc_buf *buf)
{
	struct nc_program *prog = tiler->ctx->program;
	struct nc_chunk *chunk = &prog->chunks[buf->chunk];
	int64_t n = chunk->size;
	struct nc_view from, to;

	if (chunk->loaded)
		return;
	chunk->loaded = true;
	from = nc_view_dense(chunk->first, NEURON_U8, 1, &n);
	to = nc_view_dense(prog->pinned, NEURON_U8, 1, &n);
	to.offset = chunk->first->slot_offset;
	add_load(tiler, like, &to, &from)->flags = NEURON_INST_RESIDENT;
}

/* The resident copy of a constant or an input, loaded when first asked for. */
static struct nc_buf *resident_copy(struct tiler *tiler,
				    const struct nc_inst *like,
				    struct nc_buf *buf)
{
	unsigned int dtype = buf->slot_dtype ? neuron_dtype_on_chip(buf->slot_dtype) : NEURON_U8;
	int64_t n = buf->size / neuron_dtype_size(dtype);
	struct nc_view from, to;

	if (buf->kind != NC_BUF_CONST && buf->kind != NC_BUF_INPUT)
		return buf;
	if (!buf->chip) {
		buf->chip = nc_buf_new(tiler->ctx, NC_BUF_STAGE, buf->size);
		from = nc_view_dense(buf, dtype, 1, &n);
		to = nc_view_dense(buf->chip, dtype, 1, &n);
		add_load(tiler, like, &to, &from);
	}
	return buf->chip;
}

/* A view whose buffer is resident, where the chip finds it. */
static struct nc_view on_chip(struct tiler *tiler, const struct nc_inst *like,
			      const struct nc_view *view)
{
	struct nc_program *prog = tiler->ctx->program;
	struct nc_view chip = *view;

	if (view->buf->pinned) {
		load_pinned(tiler, like, view->buf);
		chip.buf = prog->pinned;
		chip.offset += view->buf->slot_offset;
	} else {
		chip.buf = resident_copy(tiler, like, view->buf);
	}
	return chip;
}

static struct nc_view new_stage(struct tiler *tiler,
				const struct nc_inst *inst,
				unsigned int operand,
				const struct nc_view *part)
{
	struct nc_view stage = nc_stage_view(inst, operand, part);
	uint64_t bytes = neuron_dtype_size(part->dtype);
	int i;

	for (i = 0; i < part->rank; i++)
		if (part->strides[i])
			bytes *= part->dims[i];
	stage.buf = nc_buf_new(tiler->ctx, NC_BUF_STAGE, bytes);
	return stage;
}

/* Without what strides of zero repeat. */
static struct nc_view once(const struct nc_view *view)
{
	struct nc_view out = *view;
	int i;

	for (i = 0; i < out.rank; i++)
		if (!out.strides[i])
			out.dims[i] = 1;
	return out;
}

/* An input's part on the chip: where it is, still there, or loaded. */
static struct nc_view stage_input(struct tiler *tiler,
				  const struct nc_inst *inst,
				  unsigned int operand,
				  const struct nc_view *part)
{
	struct nc_view stage, from, to;
	unsigned int i;

	if (nc_operand_in_place(part))
		return on_chip(tiler, inst, part);
	for (i = 1; i < NC_MAX_OPERANDS; i++) {
		if (tiler->staged[i].part.buf &&
		    nc_view_equal(&tiler->staged[i].part, part)) {
			stage = tiler->staged[i].view;
			stage.scale = part->scale;
			stage.zero_point = part->zero_point;
			return stage;
		}
	}
	stage = new_stage(tiler, inst, operand, part);
	from = once(part);
	to = once(&stage);
	add_load(tiler, inst, &to, &from);
	tiler->staged[operand].part = *part;
	tiler->staged[operand].view = stage;
	return stage;
}

/* COPY to or from DRAM is a transfer. */
static void tile_copy_piece(struct tiler *tiler, const struct nc_inst *inst,
			    const struct nc_view *out, const struct nc_view *in)
{
	bool out_here = nc_operand_in_place(out);
	bool in_here = nc_operand_in_place(in);
	struct nc_view to, from;

	if (in_here && out_here) {
		struct nc_inst *copy;

		from = on_chip(tiler, inst, in);
		to = on_chip(tiler, inst, out);
		copy = add(tiler, inst, NEURON_OP_COPY, inst->engine);
		copy->operands[0] = keep(tiler, &to);
		copy->operands[1] = keep(tiler, &from);
	} else if (out_here) {
		to = on_chip(tiler, inst, out);
		add_load(tiler, inst, &to, in);
	} else {
		from = stage_input(tiler, inst, 1, in);
		add_store(tiler, inst, out, &from);
	}
}

/*
 * One piece. @psum: the accumulators of a sum in parts, else NULL; @first and
 * @last: this is the first or the last part.
 */
static void tile_piece(struct tiler *tiler, const struct nc_inst *whole,
		       const int64_t *lo, const int64_t *n,
		       const struct nc_view *psum, bool first, bool last)
{
	struct nc_view views[NC_MAX_OPERANDS], out;
	struct nc_inst piece, *added;
	unsigned int i;
	bool here;

	nc_tile_piece(whole, lo, n, &piece, views);
	here = nc_operand_in_place(&views[0]);
	if (piece.opcode == NEURON_OP_COPY) {
		tile_copy_piece(tiler, whole, &views[0], &views[1]);
		return;
	}
	for (i = 1; i < NC_MAX_OPERANDS; i++) {
		/* The bias counts once. */
		if (!piece.operands[i] || (i == 3 && psum && !first)) {
			piece.operands[i] = NULL;
			continue;
		}
		views[i] = stage_input(tiler, whole, i, &views[i]);
		piece.operands[i] = keep_like(tiler, &views[i], whole->operands[i]);
	}
	if (here)
		out = on_chip(tiler, whole, &views[0]);
	else if (!psum || last)
		out = new_stage(tiler, whole, 0, &views[0]);

	if (!psum) {
		piece.operands[0] = keep_like(tiler, &out, whole->operands[0]);
		nc_inst_add(tiler->ctx, &tiler->list, &piece);
	} else {
		struct neuron_params_MATMUL *params = NC_PARAMS(MATMUL, &piece);
		struct neuron_params_MATMUL epilogue = *params;

		memset(params, 0, sizeof(*params));
		piece.flags |= first ? 0 : NEURON_INST_ACCUMULATE;
		piece.operands[0] = psum;
		nc_inst_add(tiler->ctx, &tiler->list, &piece);
		if (!last)
			return;
		added = add(tiler, whole, NEURON_OP_ACT, NEURON_ENGINE_ACT);
		added->operands[0] = keep(tiler, &out);
		added->operands[1] = psum;
		NC_PARAMS(ACT, added)->func = epilogue.act;
		NC_PARAMS(ACT, added)->alpha = epilogue.alpha;
		NC_PARAMS(ACT, added)->beta = epilogue.beta;
	}
	if (!here)
		add_store(tiler, whole, &views[0], &out);
}

static const struct nc_view *new_psum(struct tiler *tiler,
				      const struct nc_inst *inst,
				      const struct nc_tile_space *space,
				      const int64_t *n)
{
	bool integer = inst->operands[0]->dtype == NEURON_I32;
	struct nc_view view = nc_view_dense(NULL, integer ? NEURON_I32 :
							    NEURON_F32,
					    space->rank - 1, n);

	view.buf = nc_buf_new(tiler->ctx, NC_BUF_PSUM, nc_view_numel(&view) * 4);
	return keep(tiler, &view);
}

/* @need: receives what would have been enough. */
static bool tile_inst(struct tiler *tiler, const struct nc_inst *inst,
		      uint64_t budget, uint64_t *need)
{
	struct nc_program *prog = tiler->ctx->program;
	int64_t lo[NC_TILE_DIMS] = { 0 }, n[NC_TILE_DIMS];
	const struct nc_view *psum = NULL;
	struct nc_tile_space space;
	struct nc_tiling tiling;
	int64_t pieces = 1;
	int i, sum;

	/* A transfer between DRAM and a resident buffer needs no room. */
	if (inst->opcode == NEURON_OP_COPY &&
	    (nc_operand_in_place(inst->operands[0]) ||
	     nc_operand_in_place(inst->operands[1])))
		budget = UINT64_MAX;
	memset(tiler->staged, 0, sizeof(tiler->staged));
	nc_tile_space(inst, &space);
	if (!nc_tiling_choose(inst, &space, budget, prog->psum_size, &tiling)) {
		*need = tiling.bytes;
		return false;
	}

	for (i = 0; i < space.rank; i++) {
		pieces *= (space.dims[i] + tiling.n[i] - 1) / tiling.n[i];
		/* Each takes a transfer, too, or it would be no piece. */
		if (tiler->list.count + 2 * pieces > NEURON_MAX_INSTS)
			return false;
	}
	sum = space.sum && tiling.n[space.rank - 1] < space.dims[space.rank - 1] ?
	      space.rank - 1 : -1;
	for (;;) {
		bool first = true, last = true;

		for (i = 0; i < space.rank; i++)
			n[i] = lo[i] + tiling.n[i] > space.dims[i] ?
			       space.dims[i] - lo[i] : tiling.n[i];
		if (sum >= 0) {
			first = lo[sum] == 0;
			last = lo[sum] + n[sum] == space.dims[sum];
			if (first)
				psum = new_psum(tiler, inst, &space, n);
		}
		tile_piece(tiler, inst, lo, n, psum, first, last);
		for (i = tiling.cuts - 1; i >= 0; i--) {
			int dim = tiling.order[i];

			lo[dim] += tiling.n[dim];
			if (lo[dim] < space.dims[dim])
				break;
			lo[dim] = 0;
		}
		if (i < 0)
			return true;
	}
}

const struct nc_inst *nc_tile(struct nc_ctx *ctx,
			      const struct nc_inst_list *whole, uint64_t limit,
			      const uint64_t *live, uint64_t *need)
{
	struct nc_program *prog = ctx->program;
	struct tiler tiler = { .ctx = ctx };
	const struct nc_inst *misfit = NULL;
	uint32_t i;

	for (i = 0; i < prog->num_bufs; i++) {
		prog->bufs[i]->chip = NULL;
		if (prog->bufs[i]->kind == NC_BUF_CONST &&
		    prog->bufs[i]->pinned)
			prog->chunks[prog->bufs[i]->chunk].loaded = false;
	}
	for (i = 0; i < whole->count; i++) {
		uint64_t budget = live[i] < limit ? limit - live[i] : 0;

		/* Go on, to learn what the others need. */
		if (!tile_inst(&tiler, &whole->insts[i], budget, &need[i]) &&
		    !misfit)
			misfit = &whole->insts[i];
	}
	prog->list = tiler.list;
	return misfit;
}
