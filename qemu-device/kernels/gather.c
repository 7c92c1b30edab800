// SPDX-License-Identifier: MIT
/*
 * GATHER: out[o, j, i] = in[o, index[j], i]
 *
 * Rows (i) may be anything from a single element, where an index permutes or
 * pads a picture, to what an embedding looks up. All indices are checked before
 * anything is written.
 */
#include "nk.h"

/* Elements of a tile: some tens of microseconds. */
#define TILE_ELEMENTS	32768

struct gather {
	const struct nk_call *call;
	const char *index;
	ptrdiff_t index_step;
	ptrdiff_t out_step[3], in_step[3];
	int64_t limit;		/* of an index */
	size_t size;		/* of an element */
	uint64_t n;		/* elements of a row */
	uint64_t count;		/* indices */
	uint64_t tile_count;	/* of a tile */
	uint64_t tiles;		/* for each o, or for some */
	uint64_t outer;		/* how many o there are */
	uint64_t together;	/* of them in a tile */
};

static int64_t index_at(const struct gather *g, uint64_t j)
{
	int64_t at = *(const int32_t *)(g->index + (ptrdiff_t)j * g->index_step);

	return at < 0 ? at + g->limit : at;
}

/* One element for each index. */
#define DEFINE_PICK(type)							\
static void pick_##type(const struct gather *g, char *out, const char *in, uint64_t j,	\
			uint64_t end)						\
{										\
	for (; j < end; j++, out += g->out_step[1])				\
		*(type *)out = *(const type *)(in + index_at(g, j) * g->in_step[1]); \
}

DEFINE_PICK(uint8_t)
DEFINE_PICK(uint16_t)
DEFINE_PICK(uint32_t)

static void pick(const struct gather *g, char *out, const char *in, uint64_t j, uint64_t end)
{
	switch (g->size) {
	case 1:
		pick_uint8_t(g, out, in, j, end);
		break;
	case 2:
		pick_uint16_t(g, out, in, j, end);
		break;
	case 4:
		pick_uint32_t(g, out, in, j, end);
		break;
	}
}

#define DEFINE_COPY(type)							\
static void copy_##type(const struct gather *g, char *out, const char *in)	\
{										\
	for (uint64_t i = 0; i < g->n; i++, out += g->out_step[2], in += g->in_step[2]) \
		*(type *)out = *(const type *)in;				\
}

DEFINE_COPY(uint8_t)
DEFINE_COPY(uint16_t)
DEFINE_COPY(uint32_t)

static void copy_apart(const struct gather *g, char *out, const char *in)
{
	switch (g->size) {
	case 1:
		copy_uint8_t(g, out, in);
		break;
	case 2:
		copy_uint16_t(g, out, in);
		break;
	case 4:
		copy_uint32_t(g, out, in);
		break;
	}
}

/* Some indices of one o. */
static void run(const struct gather *g, ptrdiff_t o, uint64_t j, uint64_t end)
{
	char *out = (char *)g->call->op[0].data + o * g->out_step[0] +
		    (ptrdiff_t)j * g->out_step[1];
	const char *in = (const char *)g->call->op[1].data + o * g->in_step[0];
	bool contiguous = g->out_step[2] == (ptrdiff_t)g->size &&
			  g->in_step[2] == (ptrdiff_t)g->size;

	if (g->n == 1) {
		pick(g, out, in, j, end);
		return;
	}
	for (; j < end; j++, out += g->out_step[1]) {
		const char *row = in + index_at(g, j) * g->in_step[1];

		if (contiguous)
			memcpy(out, row, g->n * g->size);
		else
			copy_apart(g, out, row);
	}
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct gather *g = arg;
	uint64_t j = tile % g->tiles * g->tile_count;
	uint64_t end = g->count - j < g->tile_count ? g->count : j + g->tile_count;
	uint64_t o = tile / g->tiles * g->together;
	uint64_t last = g->outer - o < g->together ? g->outer : o + g->together;

	(void)thread;
	(void)stats;
	for (; o < last; o++)
		run(g, (ptrdiff_t)o, j, end);
	return NK_OK;
}

enum nk_status nk_gather(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	struct gather g = {
		.call = call,
		.index = call->op[2].data,
		.index_step = nk_stride(call->op[2].desc, 0),
		.limit = in->dims[1],
		.size = nk_size(out->dtype),
		.n = out->dims[2],
		.count = out->dims[1],
		.outer = out->dims[0],
		.together = 1,
	};

	for (uint64_t j = 0; j < g.count; j++) {
		int64_t at = *(const int32_t *)(g.index + (ptrdiff_t)j * g.index_step);

		if (at < -g.limit || at >= g.limit) {
			*call->info = j;
			return NK_BAD_INDEX;
		}
	}
	for (unsigned int d = 0; d < 3; d++) {
		g.out_step[d] = nk_stride(out, d);
		g.in_step[d] = nk_stride(in, d);
	}
	g.tile_count = g.n < TILE_ELEMENTS ? TILE_ELEMENTS / g.n : 1;
	g.tiles = (g.count + g.tile_count - 1) / g.tile_count;
	if (g.tiles == 1 && g.n * g.count < TILE_ELEMENTS)
		g.together = TILE_ELEMENTS / (g.n * g.count);
	return nk_parallel(call, g.tiles * ((g.outer + g.together - 1) / g.together), tile, &g);
}
