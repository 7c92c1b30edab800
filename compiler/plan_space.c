// SPDX-License-Identifier: MIT
/*
 * Free room in a memory: a tree whose leaves are grains, each node with the
 * free grains at its start, at its end, and the longest run in between.
 */
#include "backend.h"

/* Leaves: 8 MiB in grains of 64 bytes. Larger memories have larger grains. */
#define MAX_GRAINS	(1u << 17)

struct node {
	uint32_t front;
	uint32_t back;
	uint32_t best;
};

/**
 * struct nc_space - see backend.h
 * @grain: bytes of a leaf
 * @leaves: a power of two
 * @depth: its logarithm
 * @nodes: the tree, root at 1, children of i at 2i and 2i + 1. A node whose
 *	   range is all used or all free has children that may be out of date
 */
struct nc_space {
	uint64_t grain;
	uint32_t leaves;
	unsigned int depth;
	struct node *nodes;
};

static void pull(struct nc_space *space, uint32_t i, uint32_t half)
{
	const struct node *l = &space->nodes[2 * i];
	const struct node *r = &space->nodes[2 * i + 1];
	struct node *node = &space->nodes[i];

	node->front = l->front == half ? half + r->front : l->front;
	node->back = r->back == half ? half + l->back : r->back;
	node->best = l->back + r->front;
	if (l->best > node->best)
		node->best = l->best;
	if (r->best > node->best)
		node->best = r->best;
}

/* A node that is all free or all used passes that on before it is split. */
static void push(struct nc_space *space, uint32_t i, uint32_t size)
{
	struct node *node = &space->nodes[i];
	uint32_t half = size / 2;

	if (node->best == size)
		space->nodes[2 * i] = space->nodes[2 * i + 1] =
			(struct node){ half, half, half };
	else if (node->best == 0)
		space->nodes[2 * i] = space->nodes[2 * i + 1] =
			(struct node){ 0, 0, 0 };
}

/* Mark [lo, hi) below node i, which covers @size grains from @start on. */
static void mark(struct nc_space *space, uint32_t i, uint32_t start,
		 uint32_t size, uint32_t lo, uint32_t hi, bool is_free)
{
	/* Depth is at most that of the tree, 17. */
	if (lo >= start + size || hi <= start)
		return;
	if (lo <= start && hi >= start + size) {
		uint32_t n = is_free ? size : 0;

		space->nodes[i] = (struct node){ n, n, n };
		return;
	}
	push(space, i, size);
	mark(space, 2 * i, start, size / 2, lo, hi, is_free);
	mark(space, 2 * i + 1, start + size / 2, size / 2, lo, hi, is_free);
	pull(space, i, size / 2);
}

struct nc_space *nc_space_new(struct nc_arena *arena, uint64_t size)
{
	struct nc_space *space = nc_alloc(arena, 1, sizeof(*space));
	uint64_t grains;

	space->grain = NC_BUF_ALIGN;
	while (size / space->grain > MAX_GRAINS)
		space->grain *= 2;
	grains = size / space->grain;
	space->leaves = 1;
	while (space->leaves < grains)
		space->leaves *= 2;
	/* What is below a node that is all used or all free is not looked at. */
	space->nodes = nc_alloc_uninit(arena, 2 * (size_t)space->leaves *
					      sizeof(*space->nodes));
	space->nodes[1] = (struct node){ 0, 0, 0 };
	if (grains)
		mark(space, 1, 0, space->leaves, 0, grains, true);
	return space;
}

static uint32_t find(struct nc_space *space, uint32_t need, bool high)
{
	uint32_t i = 1, start = 0, size = space->leaves;

	while (size > 1) {
		const struct node *l, *r;
		uint32_t half = size / 2;

		if (space->nodes[i].best == size)
			break;
		push(space, i, size);
		l = &space->nodes[2 * i];
		r = &space->nodes[2 * i + 1];
		if (!high && l->best >= need) {
			i = 2 * i;
		} else if (high && r->best >= need) {
			i = 2 * i + 1;
			start += half;
		} else if (l->back + r->front >= need) {
			return high ? start + half + r->front - need :
				      start + half - l->back;
		} else if (high) {
			i = 2 * i;
		} else {
			i = 2 * i + 1;
			start += half;
		}
		size = half;
	}
	return high ? start + size - need : start;
}

bool nc_space_take(struct nc_space *space, uint64_t size, bool high,
		   uint64_t *offset)
{
	uint64_t grains = (size + space->grain - 1) / space->grain;
	uint32_t at;

	if (!grains)
		grains = 1;
	if (grains > space->nodes[1].best)
		return false;
	at = find(space, grains, high);
	mark(space, 1, 0, space->leaves, at, at + grains, false);
	*offset = at * space->grain;
	return true;
}

void nc_space_give(struct nc_space *space, uint64_t offset, uint64_t size)
{
	uint64_t grains = (size + space->grain - 1) / space->grain;
	uint32_t at = offset / space->grain;

	mark(space, 1, 0, space->leaves, at, at + (grains ?: 1), true);
}
