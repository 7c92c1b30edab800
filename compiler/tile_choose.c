// SPDX-License-Identifier: MIT
/* The sizes of an instruction's pieces, and the order in which they run. */
#include <string.h>
#include <qemu-device/timing/constants.h>

#include "backend.h"

/*
 * What a transfer costs beyond its bytes, in bytes: each run of neighbours in
 * DRAM fills whole bursts.
 */
#define BURST	64

/*
 * Transfers in parts overlap with the work on the other parts, and with that of
 * the layers before and after. Parts of this size hide their latency.
 */
#define PART	(64 << 10)

/* More parts overlap no better, and each takes an instruction or three. */
#define MAX_PARTS	32

bool nc_operand_in_place(const struct nc_view *view)
{
	return view->buf->resident || nc_buf_on_chip(view->buf);
}

struct nc_view nc_stage_view(const struct nc_inst *inst, unsigned int operand,
			     const struct nc_view *view)
{
	struct nc_view stage = *view;
	int64_t dims[NC_MAX_RANK];
	int i, order[NC_MAX_RANK];

	stage.buf = NULL;
	stage.offset = 0;
	/* What strides of zero repeat is there once. */
	for (i = 0; i < view->rank; i++)
		dims[i] = view->strides[i] ? view->dims[i] : 1;
	switch (inst->opcode) {
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
	case NEURON_OP_POOL:
		if (operand < 2)
			nc_channels_last(view->rank, order);
		else
			nc_view_order(view, order);
		break;
	default:
		nc_view_order(view, order);
		break;
	}
	nc_pack(view->rank, dims, order, stage.strides);
	for (i = 0; i < view->rank; i++)
		if (!view->strides[i] && view->dims[i] > 1)
			stage.strides[i] = 0;
	return stage;
}

static uint64_t stage_bytes(const struct nc_view *view)
{
	uint64_t bytes = neuron_dtype_size(view->dtype);
	int i;

	for (i = 0; i < view->rank; i++)
		if (view->strides[i])
			bytes *= view->dims[i];
	return (bytes + NC_BUF_ALIGN - 1) & -(uint64_t)NC_BUF_ALIGN;
}

/* What moving the view between DRAM and scratchpad costs, in bytes. */
static double transfer_cost(const struct nc_view *view)
{
	double size = neuron_dtype_size(view->dtype), runs = 1, bytes = size;
	int64_t run = 1;
	int i, order[NC_MAX_RANK];

	nc_view_order(view, order);
	for (i = view->rank - 1; i >= 0; i--) {
		int dim = order[i];

		if (!view->strides[dim] || view->dims[dim] == 1)
			continue;
		bytes *= view->dims[dim];
		if (runs == 1 && view->strides[dim] == run)
			run *= view->dims[dim];
		else
			runs *= view->dims[dim];
	}
	return bytes > runs * BURST ? bytes : runs * BURST;
}

/* What DRAM moves in a cycle: 50 GiB/s at 1 GHz. */
#define BYTES_A_CYCLE	53.7

static double positions(const struct nc_view *view)
{
	double n = view->dims[0];
	int i;

	for (i = 2; i < view->rank; i++)
		n *= view->dims[i];
	return n;
}

static double div_up(double a, int64_t b)
{
	int64_t n = (int64_t)a;

	return n / b + !!(n % b);
}

/*
 * Cycles of a piece's work: on the PE array weights stay for at least as long as
 * it takes to bring in the next, and each pass costs beside its rows, so pieces of
 * few rows are dear.
 */
static double work_cycles(const struct nc_inst *piece,
			  const struct nc_view *views)
{
	const struct nc_view *out = &views[0], *x = &views[1], *w = &views[2];
	double groups = 1, rows, columns, k, taps = 1, once, passes;
	int i;

	switch (piece->opcode) {
	case NEURON_OP_MATMUL:
		rows = out->dims[out->rank - 2];
		columns = out->dims[out->rank - 1];
		k = x->dims[x->rank - 1];
		/* A batch with the same weights is more rows of one product. */
		for (i = 0; i + 2 < out->rank; i++)
			*(w->strides[i] ? &groups : &rows) *= out->dims[i];
		break;
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		for (i = 2; i < w->rank; i++)
			taps *= w->dims[i];
		groups = ((const struct neuron_params_CONV *)piece->params)->groups;
		if (piece->opcode == NEURON_OP_CONV) {
			rows = positions(out);
			k = w->dims[1] * taps;
			columns = out->dims[1] / groups;
		} else {
			rows = positions(x);
			k = x->dims[1] / groups;
			columns = w->dims[1] * taps;
		}
		break;
	default:
		return TIMING_ISSUE + TIMING_SIGNAL + TIMING_VECTOR_FILL +
		       (double)nc_view_numel(out) / TIMING_POOL_FLOPS;
	}
	passes = div_up(rows, TIMING_PE_PASS);
	switch (neuron_dtype_size(x->dtype)) {
	case 1:
		rows *= TIMING_PE_HALVES_8;
		break;
	case 2:
		rows *= TIMING_PE_HALVES_16;
		break;
	default:
		rows *= TIMING_PE_HALVES_32;
		break;
	}
	once = rows / 2 > TIMING_PE_LOAD ? rows / 2 : TIMING_PE_LOAD;
	return TIMING_ISSUE + TIMING_SIGNAL + TIMING_PE_FILL +
	       groups * div_up(k, TIMING_PE_ROWS) *
	       div_up(columns, TIMING_PE_COLUMNS) *
	       (once + passes * TIMING_PE_PASS_OVERHEAD);
}

/**
 * struct candidate - one way to cut, and what it costs
 * @trips: how often the loop over each dimension runs
 * @bytes: scratchpad for the pieces
 * @once: of one piece and its accumulators, without double buffering
 * @psum: accumulators for them
 * @cost: bytes moved, as transfer_cost() counts them, or what could be moved
 *	  during the work if that is more
 */
struct candidate {
	struct nc_tiling tiling;
	int64_t trips[NC_TILE_DIMS];
	uint64_t once;
	uint64_t psum;
	double cost;
};

/* @single: without double buffering, where there is no room for it */
struct chooser {
	const struct nc_inst *inst;
	const struct nc_tile_space *space;
	uint64_t budget;
	uint64_t psum;
	bool single;
};

/* A piece from the middle: as large as any. Return: cycles of its work. */
static double middle_piece(const struct chooser *chooser, const int64_t *n,
			   int shift, struct nc_view *views)
{
	const struct nc_tile_space *space = chooser->space;
	int64_t lo[NC_TILE_DIMS], len[NC_TILE_DIMS];
	struct nc_inst piece;
	int i;

	for (i = 0; i < space->rank; i++) {
		int64_t trips = (space->dims[i] + n[i] - 1) / n[i];
		int64_t at = (trips - 1) / 2;

		/* A neighbour, to see which operands differ between them. */
		if (i == shift && trips > 1)
			at = at + 1 < trips ? at + 1 : at - 1;
		lo[i] = at * n[i];
		len[i] = lo[i] + n[i] > space->dims[i] ?
			 space->dims[i] - lo[i] : n[i];
	}
	nc_tile_piece(chooser->inst, lo, len, &piece, views);
	return work_cycles(&piece, views);
}

static double traffic_in_order(const struct candidate *c, const int *order,
			       int count, const uint32_t *depends,
			       const double *cost, int operands)
{
	double traffic = 0;
	int i, j;

	for (i = 0; i < operands; i++) {
		double trips = 1, all = 1;

		/* Loaded anew whenever an outer loop or its own moves on. */
		for (j = 0; j < count; j++) {
			all *= c->trips[order[j]];
			if (depends[i] >> order[j] & 1)
				trips = all;
		}
		traffic += trips * cost[i];
	}
	return traffic;
}

static bool next_permutation(int *a, int n)
{
	int i = n - 2, j = n - 1, k;

	while (i >= 0 && a[i] > a[i + 1])
		i--;
	if (i < 0)
		return false;
	while (a[j] < a[i])
		j--;
	k = a[i], a[i] = a[j], a[j] = k;
	for (i++, j = n - 1; i < j; i++, j--)
		k = a[i], a[i] = a[j], a[j] = k;
	return true;
}

static void evaluate(const struct chooser *chooser, struct candidate *c)
{
	const struct nc_tile_space *space = chooser->space;
	const struct nc_inst *inst = chooser->inst;
	struct nc_view views[NC_MAX_OPERANDS], shifted[NC_MAX_OPERANDS];
	uint32_t depends[NC_MAX_OPERANDS] = { 0 };
	double cost[NC_MAX_OPERANDS] = { 0 };
	int order[NC_TILE_DIMS], best[NC_TILE_DIMS];
	int sum = space->sum ? space->rank - 1 : -1;
	double traffic, work, least;
	int i, d, cuts = 0, loops;
	bool split_sum;

	for (d = 0; d < space->rank; d++)
		c->trips[d] = (space->dims[d] + c->tiling.n[d] - 1) /
			      c->tiling.n[d];
	split_sum = sum >= 0 && c->trips[sum] > 1;
	for (d = 0; d < space->rank; d++)
		if (c->trips[d] > 1 && d != sum)
			order[cuts++] = d;
	loops = cuts + split_sum;

	work = middle_piece(chooser, c->tiling.n, -1, views) * BYTES_A_CYCLE;
	for (d = 0; d < space->rank; d++)
		work *= c->trips[d];
	for (d = 0; d < space->rank; d++) {
		if (c->trips[d] == 1)
			continue;
		middle_piece(chooser, c->tiling.n, d, shifted);
		for (i = 0; i < NC_MAX_OPERANDS; i++)
			if (inst->operands[i] &&
			    !nc_view_equal(&views[i], &shifted[i]))
				depends[i] |= 1u << d;
	}

	c->tiling.bytes = 0;
	c->once = nc_view_numel(&views[0]) * split_sum;
	c->psum = split_sum ? 2 * (uint64_t)nc_view_numel(&views[0]) * 4 : 0;
	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		if (!inst->operands[i] ||
		    nc_operand_in_place(inst->operands[i]))
			continue;
		cost[i] = transfer_cost(&views[i]);
		c->once += stage_bytes(&views[i]);
		c->tiling.bytes += stage_bytes(&views[i]) *
				   (depends[i] ? 2 : 1);
	}

	/* The sum's loop is the innermost; the others in the cheapest order. */
	if (split_sum)
		order[cuts] = sum;
	memcpy(best, order, sizeof(best));
	least = traffic_in_order(c, order, loops, depends, cost,
				 NC_MAX_OPERANDS);
	while (cuts <= 4 && next_permutation(order, cuts)) {
		traffic = traffic_in_order(c, order, loops, depends, cost,
					   NC_MAX_OPERANDS);
		if (traffic < least) {
			least = traffic;
			memcpy(best, order, sizeof(best));
		}
	}
	/* Partial sums are rounded, and pass through the accumulators. */
	if (split_sum)
		least *= 1.25;
	/* They overlap; but of equals the one with less of the other is better. */
	c->cost = (least > work ? least : work) + (least + work) / 16;
	memcpy(c->tiling.order, best, sizeof(best));
	c->tiling.cuts = loops;
}

static bool fits(const struct chooser *chooser, const struct candidate *c)
{
	return (chooser->single ? c->once : c->tiling.bytes) <=
	       chooser->budget && c->psum <= chooser->psum;
}

/* The dimension in one more piece, or in pieces half as large. */
static bool cut(const struct nc_tile_space *space, int dim,
		struct candidate *c)
{
	int64_t grain = space->grain[dim], n = c->tiling.n[dim];

	if (n <= grain)
		return false;
	n = (n / 2 + grain - 1) / grain * grain;
	if (n >= c->tiling.n[dim])
		n -= grain;
	c->tiling.n[dim] = n;
	return true;
}

/* Pieces of about equal size instead of a small one at the end. */
static void balance(const struct nc_tile_space *space, struct candidate *c)
{
	int d;

	for (d = 0; d < space->rank; d++) {
		int64_t grain = space->grain[d];
		int64_t trips = (space->dims[d] + c->tiling.n[d] - 1) /
				c->tiling.n[d];
		int64_t n = (space->dims[d] + trips - 1) / trips;

		c->tiling.n[d] = (n + grain - 1) / grain * grain;
	}
}

/* Cut until it fits; @dims: how many of the dimensions may be cut. */
static bool cut_to_fit(const struct chooser *chooser, int dims,
		       struct candidate *now)
{
	struct candidate best = { 0 }, c;
	bool found;
	int d;

	while (!fits(chooser, now)) {
		found = false;
		for (d = 0; d < dims; d++) {
			c = *now;
			if (!cut(chooser->space, d, &c))
				continue;
			evaluate(chooser, &c);
			/* The least cost; of equals the least memory. */
			if (c.once >= now->once &&
			    !(chooser->space->sum &&
			      d == chooser->space->rank - 1))
				continue;
			if (!found || c.cost < best.cost ||
			    (c.cost == best.cost &&
			     c.tiling.bytes < best.tiling.bytes)) {
				best = c;
				found = true;
			}
		}
		if (!found)
			return false;
		*now = best;
	}
	return true;
}

static double num_parts(const struct nc_tile_space *space,
			const struct candidate *c)
{
	double parts = 1;
	int d;

	for (d = 0; d < space->rank; d++)
		parts *= c->trips[d];
	return parts;
}

/* Cut what fits into several parts, as long as that costs no traffic. */
static void cut_to_overlap(const struct chooser *chooser, struct candidate *now)
{
	struct candidate best = { 0 }, c;
	int d, dims = chooser->space->rank - chooser->space->sum;
	bool found = true;

	while (found && now->once > 2 * PART &&
	       num_parts(chooser->space, now) < MAX_PARTS) {
		found = false;
		for (d = 0; d < dims; d++) {
			c = *now;
			if (!cut(chooser->space, d, &c))
				continue;
			evaluate(chooser, &c);
			if (!fits(chooser, &c) || c.once > now->once / 4 * 3 ||
			    c.cost > now->cost * 1.02 ||
			    (found && c.cost >= best.cost))
				continue;
			best = c;
			found = true;
		}
		if (found)
			*now = best;
	}
}

bool nc_tiling_choose(const struct nc_inst *inst,
		      const struct nc_tile_space *space, uint64_t budget,
		      uint64_t psum, struct nc_tiling *tiling)
{
	struct chooser chooser = { inst, space, budget, psum, false };
	struct candidate whole = { 0 }, c;
	unsigned int resort;

	memcpy(whole.tiling.n, space->dims, sizeof(whole.tiling.n));
	evaluate(&chooser, &whole);
	/*
	 * A sum in parts is rounded otherwise, and one buffer alone makes the
	 * engines wait for each other: both are for want of something better.
	 */
	for (resort = 0; resort < 4; resort++) {
		bool cut_sum = resort & 1;

		if (cut_sum && !space->sum)
			continue;
		chooser.single = resort >= 2;
		c = whole;
		if (cut_to_fit(&chooser, space->rank - (space->sum && !cut_sum),
			       &c))
			break;
	}
	if (resort == 4) {
		tiling->bytes = c.once;
		return false;
	}
	cut_to_overlap(&chooser, &c);
	balance(space, &c);
	evaluate(&chooser, &c);
	*tiling = c.tiling;
	return true;
}
