// SPDX-License-Identifier: MIT
/*
 * From instructions on whole tensors to instructions with places in memory.
 *
 * What is on the chip gets an offset in the scratchpad by a walk through the
 * program: each buffer is given a place before its first use, and its place is
 * free again some time after its last. "Some time", because a place that is
 * used anew at once makes the new writer wait for the last reader; leaving it
 * alone for a while is what lets tiles alternate between two places.
 *
 * Buffers that live long are put at the low end, tiles at the high end. Where
 * the walk finds no place, all is done again with less scratchpad to count on.
 */
#include <inttypes.h>
#include <string.h>

#include "backend.h"

/* Instructions for which a place is left alone when there are others. */
#define REST	8

struct resting {
	struct nc_buf *buf;
	uint32_t since;
};

/**
 * struct planner - state of the walk
 * @space: by memory: scratchpad, accumulators, scratch DRAM
 * @used: the highest byte that was given away, plus one
 * @brief: lives of at most that many instructions are at the high end
 * @taken: bytes of scratchpad that are not free
 * @peak: the most that @taken has been
 * @queue: buffers whose life is over but whose place is not free yet, by age
 * @head: first entry of @queue
 * @tail: end of @queue
 */
struct planner {
	struct nc_ctx *ctx;
	struct nc_space *space[3];
	uint64_t used[3];
	uint32_t brief;
	uint64_t taken;
	uint64_t peak;
	struct resting *queue;
	uint32_t head;
	uint32_t tail;
};

enum { SBUF, PSUM, SCRATCH, NOWHERE };

static uint64_t room_for(const struct nc_buf *buf)
{
	return (buf->size + NC_BUF_ALIGN - 1) & -(uint64_t)NC_BUF_ALIGN;
}

static unsigned int memory_of(const struct nc_buf *buf)
{
	switch (buf->kind) {
	case NC_BUF_PSUM:
		return PSUM;
	case NC_BUF_STAGE:
		/* Its place is the start, from the beginning to the end. */
		return buf->pinned ? NOWHERE : SBUF;
	case NC_BUF_TEMP:
		return buf->resident ? SBUF : SCRATCH;
	default:
		return NOWHERE;
	}
}

static void release_oldest(struct planner *planner)
{
	struct nc_buf *buf = planner->queue[planner->head++].buf;
	unsigned int memory = memory_of(buf);

	if (memory == SBUF)
		planner->taken -= room_for(buf);
	nc_space_give(planner->space[memory], memory == SCRATCH ?
		      buf->slot_offset : buf->offset, buf->size);
}

static bool take(struct planner *planner, struct nc_buf *buf)
{
	unsigned int memory = memory_of(buf);
	bool high = memory == SBUF && buf->last - buf->first <= planner->brief;
	uint64_t offset;

	while (!nc_space_take(planner->space[memory], buf->size, high,
			      &offset)) {
		if (planner->head == planner->tail)
			return false;
		release_oldest(planner);
	}
	if (memory == SCRATCH) {
		buf->slot = NC_SLOT_SCRATCH;
		buf->slot_offset = offset;
	} else {
		buf->offset = offset;
	}
	if (memory == SBUF) {
		planner->taken += room_for(buf);
		if (planner->taken > planner->peak)
			planner->peak = planner->taken;
	}
	if (offset + buf->size > planner->used[memory])
		planner->used[memory] = offset + buf->size;
	return true;
}

/*
 * @size: scratchpad to use; @brief: see struct planner; @peak: receives how
 * much of the scratchpad was taken at once.
 */
static bool try_places(struct nc_ctx *ctx, uint64_t size, uint32_t brief,
		       uint64_t *peak)
{
	struct nc_program *prog = ctx->program;
	struct planner planner = { .ctx = ctx, .brief = brief };
	uint64_t scratch = 0, num_scratch = 0, start;
	uint32_t pos, i;

	nc_liveness(ctx, &prog->list);
	for (i = 0; i < prog->num_bufs; i++)
		if (memory_of(prog->bufs[i]) == SCRATCH) {
			scratch += prog->bufs[i]->size;
			num_scratch++;
		}
	planner.space[SBUF] = nc_space_new(ctx->arena, size);
	if (prog->pinned_size) {
		if (!nc_space_take(planner.space[SBUF], prog->pinned_size,
				   false, &start))
			return false;
		planner.taken = prog->pinned_size;
		planner.peak = prog->pinned_size;
		planner.used[SBUF] = prog->pinned_size;
	}
	planner.space[PSUM] = nc_space_new(ctx->arena, prog->psum_size);
	/* Room for all at once, the last grain of each included. */
	scratch += num_scratch * (NC_BUF_ALIGN + scratch / 8192);
	planner.space[SCRATCH] = nc_space_new(ctx->arena, scratch);
	planner.queue = nc_alloc(ctx->arena, prog->num_bufs,
				 sizeof(*planner.queue));

	for (pos = 0; pos < prog->list.count; pos++) {
		const struct nc_inst *inst = &prog->list.insts[pos];

		while (planner.head < planner.tail &&
		       planner.queue[planner.head].since + REST < pos)
			release_oldest(&planner);
		for (i = 0; i < NC_MAX_OPERANDS; i++) {
			struct nc_buf *buf = inst->operands[i] ?
					     inst->operands[i]->buf : NULL;

			if (!buf || buf->first != pos ||
			    memory_of(buf) == NOWHERE || buf->next_use)
				continue;
			buf->next_use = 1;
			if (!take(&planner, buf))
				return false;
		}
		for (i = 0; i < NC_MAX_OPERANDS; i++) {
			struct nc_buf *buf = inst->operands[i] ?
					     inst->operands[i]->buf : NULL;

			if (!buf || buf->last != pos ||
			    memory_of(buf) == NOWHERE || buf->next_use != 1)
				continue;
			buf->next_use = 2;
			planner.queue[planner.tail++] =
				(struct resting){ buf, pos };
		}
	}
	prog->sbuf_used = planner.used[SBUF];
	prog->psum_used = planner.used[PSUM];
	prog->scratch_size = planner.used[SCRATCH];
	*peak = planner.peak;
	return true;
}

static bool place_all(struct nc_ctx *ctx, uint64_t size, uint32_t brief,
		      uint64_t *peak)
{
	struct nc_arena_mark mark = nc_arena_mark(ctx->arena);
	bool placed = try_places(ctx, size, brief, peak);

	/* The places themselves are in the buffers. */
	nc_arena_release(ctx->arena, mark);
	return placed;
}

/*
 * Places for all buffers in no more scratchpad than they need, resting ones
 * included: tiles at its high end then do not make a small program large.
 */
static bool place_tightly(struct nc_ctx *ctx)
{
	/* Which lives are brief makes other fragments: try some. */
	static const uint32_t briefs[] = { 32, 8, 128, 0 };
	const unsigned int n = sizeof(briefs) / sizeof(briefs[0]);
	struct nc_program *prog = ctx->program;
	uint64_t peak, tight, unused;
	unsigned int i;

	for (i = 0; i < n; i++)
		if (place_all(ctx, prog->sbuf_size, briefs[i], &peak))
			break;
	if (i == n)
		return false;
	for (tight = peak; tight < prog->sbuf_size; tight += tight / 4 + 4096)
		if (place_all(ctx, tight, briefs[i], &unused))
			return true;
	return place_all(ctx, prog->sbuf_size, briefs[i], &peak);
}

/**
 * struct point - a state of planning that can be gone back to
 * @mark: memory
 * @bufs: nc_program's
 * @num_bufs: nc_program's
 * @bufs_room: nc_program's
 */
struct point {
	struct nc_arena_mark mark;
	struct nc_buf **bufs;
	uint32_t num_bufs;
	uint32_t bufs_room;
};

static struct point note_point(const struct nc_ctx *ctx)
{
	const struct nc_program *prog = ctx->program;

	return (struct point){
		nc_arena_mark(ctx->arena), prog->bufs, prog->num_bufs,
		prog->bufs_room,
	};
}

static void go_back(struct nc_ctx *ctx, const struct point *point)
{
	struct nc_program *prog = ctx->program;

	nc_arena_release(ctx->arena, point->mark);
	prog->bufs = point->bufs;
	prog->num_bufs = point->num_bufs;
	prog->bufs_room = point->bufs_room;
}

/*
 * Place and tile. Instructions that turn out to need more room than was left
 * for them are given it, at the cost of what was resident around them.
 */
static const struct nc_inst *place_and_tile(struct nc_ctx *ctx,
					    const struct nc_inst_list *whole,
					    uint64_t limit)
{
	struct nc_program *prog = ctx->program;
	uint64_t *live = nc_alloc(ctx->arena, whole->count + 1, sizeof(*live));
	uint64_t *need = nc_alloc(ctx->arena, whole->count + 1, sizeof(*need));
	struct point start = note_point(ctx);
	const struct nc_inst *misfit = NULL;
	unsigned int tries;

	for (tries = 0; tries < 4; tries++) {
		prog->list = *whole;
		go_back(ctx, &start);
		nc_place(ctx, limit, need, live);
		misfit = nc_tile(ctx, whole, limit, live, need);
		if (!misfit || need[misfit - whole->insts] > limit)
			break;
	}
	return misfit;
}

/**
 * struct attempt - what is known before a plan
 * @whole: the program as lowering left it
 * @start: where each plan begins
 * @misfit: receives an instruction that does not fit
 */
struct attempt {
	struct nc_inst_list whole;
	struct point start;
	const struct nc_inst *misfit;
};

/* A plan with up to @pinned bytes of constants that stay on the chip. */
static bool plan(struct nc_ctx *ctx, struct attempt *attempt,
		 const uint64_t *traffic, uint64_t pinned)
{
	/*
	 * Sixteenths of the scratchpad to count on, since fragments take the
	 * rest; and of that, how much loads ahead of time may fill.
	 */
	static const uint8_t sixteenths[] = { 16, 15, 14, 13, 12, 10, 8, 6, 4 };
	static const uint8_t ahead[] = { 16, 12, 0 };
	enum { AHEAD = sizeof(ahead) };
	struct nc_program *prog = ctx->program;
	uint64_t size, limit;
	struct point start;
	unsigned int i;

	attempt->misfit = NULL;
	prog->list = attempt->whole;
	go_back(ctx, &attempt->start);
	nc_pin(ctx, traffic, pinned);
	start = note_point(ctx);
	if (prog->pinned_size > prog->sbuf_size)
		return false;
	size = prog->sbuf_size - prog->pinned_size;
	for (i = 0; i < AHEAD * sizeof(sixteenths); i++) {
		limit = size / 16 * sixteenths[i / AHEAD];
		go_back(ctx, &start);
		attempt->misfit = place_and_tile(ctx, &attempt->whole, limit);
		if (attempt->misfit)
			return false;	/* with less it would not fit either */
		if (ahead[i % AHEAD])
			nc_prefetch(ctx, limit / 16 * ahead[i % AHEAD]);
		if (place_tightly(ctx))
			return true;
	}
	return false;
}

/* What staying constants must save at least: this part of the traffic. */
#define MIN_SAVING	32

/*
 * Constants that stay leave less room for everything else: where not all fits,
 * the best of some shares is what moves the fewest bytes.
 */
static bool plan_shares(struct nc_ctx *ctx, struct attempt *attempt)
{
	/* Of the scratchpad, in sixteenths; nothing comes first. */
	static const uint8_t shares[] = { 0, 12, 8, 4, 2 };
	struct nc_program *prog = ctx->program;
	unsigned int i, best = 0, last = 0;
	double least, cost;
	uint64_t *traffic;

	go_back(ctx, &attempt->start);
	traffic = nc_alloc(ctx->arena, prog->num_bufs + 1, sizeof(*traffic));
	attempt->start = note_point(ctx);
	if (!plan(ctx, attempt, NULL, 0))
		return false;
	least = nc_traffic(prog, traffic);
	if (ctx->options->no_scratchpad)
		return true;
	for (i = 1; i < sizeof(shares); i++) {
		/* Not worth the time where even the largest share is little. */
		if (prog->sbuf_size / 16 * shares[i] < least / MIN_SAVING)
			break;
		if (!plan(ctx, attempt, traffic,
			  prog->sbuf_size / 16 * shares[i]))
			continue;
		last = i;
		cost = nc_traffic(prog, NULL);
		if (cost < least) {
			least = cost;
			best = i;
		}
	}
	/* The last plan is the one that the program has. */
	return best == last ||
	       plan(ctx, attempt, traffic, prog->sbuf_size / 16 * shares[best]);
}

void nc_plan(struct nc_ctx *ctx)
{
	struct nc_program *prog = ctx->program;
	struct attempt attempt = { prog->list, note_point(ctx) };
	uint64_t all = nc_pin_total(prog);

	prog->whole_insts = prog->list.count;
	/* Everything fits, and nothing has to give way for it. */
	if (!ctx->options->no_scratchpad && all <= prog->sbuf_size &&
	    plan(ctx, &attempt, NULL, all) && !prog->scratch_size)
		return;
	if (plan_shares(ctx, &attempt))
		return;

	prog->list = attempt.whole;
	go_back(ctx, &attempt.start);
	if (attempt.misfit)
		nc_error(ctx, NULL,
			 "layer '%s' (%s): its pieces do not fit the scratchpad of %" PRIu64 " bytes, or are too many",
			 ctx->graph->layers[attempt.misfit->layer],
			 ctx->graph->layer_ops[attempt.misfit->layer],
			 prog->sbuf_size);
	else
		nc_error(ctx, NULL,
			 "the model does not fit the scratchpad of %" PRIu64 " bytes",
			 prog->sbuf_size);
}
