// SPDX-License-Identifier: MIT
/*
 * Loops over operands of equal dims: finds the fewest and fastest ones.
 */
#include "nk.h"

/* Elements of a tile: some tens of microseconds even for slow functions. */
#define TILE_ELEMENTS	32768

static uint64_t magnitude(ptrdiff_t stride)
{
	return stride < 0 ? -(uint64_t)stride : (uint64_t)stride;
}

/* Does loop @a belong inside loop @b? Strides of the first view decide. */
static bool inside(const ptrdiff_t *a, const ptrdiff_t *b, unsigned int views)
{
	for (unsigned int v = 0; v < views; v++)
		if (magnitude(a[v]) != magnitude(b[v]))
			return magnitude(a[v]) < magnitude(b[v]);
	return false;
}

void nk_nest_init(struct nk_nest *nest, unsigned int views, const struct nk_view *view,
		  unsigned int mask)
{
	const struct neuron_tensor *first = view[0].desc;
	unsigned int rank = 0;

	nest->views = views;
	nest->weight = 1;
	for (unsigned int v = 0; v < views; v++)
		nest->base[v] = view[v].data;

	/* Insertion sort of the loops that really loop, the innermost last. */
	for (unsigned int d = 0; d < first->rank; d++) {
		ptrdiff_t strides[NK_NEST_VIEWS] = { 0 };
		unsigned int at;

		if (!(mask >> d & 1) || first->dims[d] == 1)
			continue;
		for (unsigned int v = 0; v < views; v++)
			strides[v] = view[v].desc->dims[d] == 1 ? 0 :
				     nk_stride(view[v].desc, d);
		for (at = rank; at > 0 && inside(nest->strides[at - 1], strides, views); at--) {
			nest->dims[at] = nest->dims[at - 1];
			memcpy(nest->strides[at], nest->strides[at - 1], sizeof(strides));
		}
		nest->dims[at] = first->dims[d];
		memcpy(nest->strides[at], strides, sizeof(strides));
		rank++;
	}

	/* Merge each loop into the one around it where all views allow. */
	unsigned int to = 0;

	for (unsigned int from = 1; from < rank; from++) {
		bool merge = true;

		for (unsigned int v = 0; v < views; v++)
			merge &= nest->strides[to][v] ==
				 nest->strides[from][v] * (ptrdiff_t)nest->dims[from];
		if (merge)
			nest->dims[to] = nk_times(nest->dims[to], nest->dims[from]);
		else
			nest->dims[++to] = nest->dims[from];
		memmove(nest->strides[to], nest->strides[from], sizeof(nest->strides[0]));
	}

	if (rank) {
		nest->n = nest->dims[to];
		memcpy(nest->step, nest->strides[to], sizeof(nest->step));
		nest->rank = to;
	} else {
		nest->n = 1;
		memset(nest->step, 0, sizeof(nest->step));
		nest->rank = 0;
	}
}

void nk_nest_row(const struct nk_nest *nest, uint64_t row, char **ptr)
{
	for (unsigned int v = 0; v < nest->views; v++)
		ptr[v] = nest->base[v];
	for (unsigned int d = nest->rank; d-- > 0;) {
		ptrdiff_t i = row % nest->dims[d];

		row /= nest->dims[d];
		for (unsigned int v = 0; v < nest->views; v++)
			ptr[v] += i * nest->strides[d][v];
	}
}

struct run {
	const struct nk_nest *nest;
	nk_row_fn *fn;
	void *arg;
	uint64_t rows;		/* of the whole nest */
	uint64_t tile_rows;	/* rows of a tile, when a row is short */
	uint64_t row_tiles;	/* tiles of a row, when a row is long */
	uint64_t tile_n;	/* elements of such a tile */
};

static enum nk_status run_tile(void *arg, size_t tile, unsigned int thread,
			       struct nk_stats *stats)
{
	const struct run *run = arg;
	const struct nk_nest *nest = run->nest;
	uint64_t row = tile / run->row_tiles * run->tile_rows;
	uint64_t end = row + run->tile_rows;
	uint64_t start = tile % run->row_tiles * run->tile_n;
	uint64_t n = nest->n - start;
	char *ptr[NK_NEST_VIEWS];
	uint64_t at[NEURON_MAX_RANK];
	uint64_t rest = row;

	(void)thread;
	if (n > run->tile_n)
		n = run->tile_n;
	if (end > run->rows)
		end = run->rows;

	nk_nest_row(nest, row, ptr);
	for (unsigned int v = 0; v < nest->views; v++)
		ptr[v] += (ptrdiff_t)start * nest->step[v];
	for (unsigned int d = nest->rank; d-- > 0;) {
		at[d] = rest % nest->dims[d];
		rest /= nest->dims[d];
	}

	for (;;) {
		unsigned int d = nest->rank;

		run->fn(run->arg, ptr, nest->step, n, stats);
		if (++row == end)
			return NK_OK;
		/* An odometer: rows are too short to divide for each. */
		while (d-- > 0) {
			for (unsigned int v = 0; v < nest->views; v++)
				ptr[v] += nest->strides[d][v];
			if (++at[d] < nest->dims[d])
				break;
			for (unsigned int v = 0; v < nest->views; v++)
				ptr[v] -= nest->strides[d][v] * (ptrdiff_t)at[d];
			at[d] = 0;
		}
	}
}

enum nk_status nk_nest_run(const struct nk_call *call, const struct nk_nest *nest,
			   nk_row_fn *fn, void *arg)
{
	struct run run = {
		.nest = nest,
		.fn = fn,
		.arg = arg,
		.rows = nk_nest_rows(nest),
	};

	uint64_t tile = TILE_ELEMENTS / nest->weight;

	if (nest->n > tile) {
		run.tile_rows = 1;
		run.tile_n = tile;
		run.row_tiles = (nest->n + tile - 1) / tile;
	} else {
		run.tile_rows = tile / nest->n;
		run.tile_n = nest->n;
		run.row_tiles = 1;
	}

	return nk_parallel(call, (run.rows + run.tile_rows - 1) / run.tile_rows *
			   run.row_tiles, run_tile, &run);
}
