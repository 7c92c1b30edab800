/* SPDX-License-Identifier: MIT */
/*
 * Values whose length depends on data, and what chunk.c, chunk_axis.c and chunk_graph.c know
 * of them.
 */
#ifndef COMPILER_CHUNK_H
#define COMPILER_CHUNK_H

#include "host.h"

/**
 * struct nc_span - some number of frames that depends on data
 * @same: another span that is as long; NULL: there is none
 * @scale: this one's frames for each of @same's
 * @most: the greatest rate of a value that is known to be as long
 * @group: nc_node.chunk of its nodes before what makes it longer; 0: it has none yet
 */
struct nc_span {
	struct nc_span *same;
	int64_t scale;
	int64_t most;
	unsigned int group;
};

/**
 * struct nc_chunked - along which dimension a value is open, and how long it is
 * @axis: the dimension
 * @span: as many frames as this has
 * @rate: elements for each of its frames
 * @longer: something before it has made it longer
 */
struct nc_chunked {
	int axis;
	struct nc_span *span;
	int64_t rate;
	bool longer;
};

/**
 * struct nc_reach - how far a node looks along the open dimension
 * @moves: it gives more than one element, or another one than it takes
 * @up: elements that it makes of one; 1 but for ConvTranspose
 * @before: elements before its own, of its output's, that depend on what is not there
 * @behind: the same behind
 */
struct nc_reach {
	bool moves;
	int64_t up;
	int64_t before;
	int64_t behind;
};

/**
 * nc_chunk_reach() - the reach of a node that nc_chunk_groups() has put into a group
 * @node: the node
 * @reach: receives it
 *
 * Return: false: it does not keep the number of frames.
 */
bool nc_chunk_reach(const struct nc_node *node, struct nc_reach *reach);

/* The dimension in which a value is open, if it is one; else -1. */
int nc_chunk_open_axis(const struct nc_value *value);

/*
 * The dimension in which a node's outputs are open, by what it does to its inputs'; -1: it
 * is no node for pieces.
 */
int nc_chunk_axis(const struct nc_node *node);

/* Types that are on the chip what they are in the model. */
bool nc_chunk_takes(enum nc_dtype dtype);

/* No value has more elements for each frame along the dimension. */
#define NC_CHUNK_MAX_RATE	((int64_t)1 << 16)

/* The rate at which a value is, of the frames of the span that all others go by. */
int64_t nc_chunk_rate(struct nc_chunked *chunked);

#endif /* COMPILER_CHUNK_H */
