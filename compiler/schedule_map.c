// SPDX-License-Identifier: MIT
/*
 * Who touched which bytes last. A memory is cut into segments with equal
 * history; a segment starts at a grain whose bit is set, and its record is kept
 * at that grain.
 */
#include <string.h>

#include "backend.h"

#define MAX_GRAINS	(1u << 17)
#define WORD		64

/**
 * struct nc_access_map - see backend.h
 * @grain: bytes that are told apart
 * @grains: how many there are
 * @starts: bit n: a segment starts at grain n
 * @summary: bit n: word n of @starts is not zero
 * @records: history of the segment that starts at a grain
 */
struct nc_access_map {
	uint64_t grain;
	uint32_t grains;
	uint64_t *starts;
	uint64_t *summary;
	struct nc_access *records;
};

struct nc_access_map *nc_access_map_new(struct nc_arena *arena, uint64_t size)
{
	struct nc_access_map *map = nc_alloc(arena, 1, sizeof(*map));
	uint32_t words;

	map->grain = NC_BUF_ALIGN;
	while (size / map->grain >= MAX_GRAINS)
		map->grain *= 2;
	map->grains = size / map->grain + 1;
	words = map->grains / WORD + 1;
	map->starts = nc_alloc(arena, words, sizeof(*map->starts));
	map->summary = nc_alloc(arena, words / WORD + 1, sizeof(*map->summary));
	/* Only those of starts count. */
	map->records = nc_alloc_uninit(arena, ((size_t)map->grains + 1) *
					      sizeof(*map->records));
	memset(map->records, 0, sizeof(*map->records));
	map->starts[0] = 1;
	map->summary[0] = 1;
	return map;
}

static bool is_start(const struct nc_access_map *map, uint32_t at)
{
	return map->starts[at / WORD] >> (at % WORD) & 1;
}

static void set_start(struct nc_access_map *map, uint32_t at)
{
	uint32_t word = at / WORD;

	map->starts[word] |= 1ull << (at % WORD);
	map->summary[word / WORD] |= 1ull << (word % WORD);
}

static void clear_start(struct nc_access_map *map, uint32_t at)
{
	uint32_t word = at / WORD;

	map->starts[word] &= ~(1ull << (at % WORD));
	if (!map->starts[word])
		map->summary[word / WORD] &= ~(1ull << (word % WORD));
}

/* The bits of a word below (or above) one of its positions. */
static uint64_t below(uint32_t bit)
{
	return (1ull << bit) - 1;
}

static uint64_t above(uint32_t bit)
{
	return bit == WORD - 1 ? 0 : ~0ull << (bit + 1);
}

/* The start of the segment that a grain is in. */
static uint32_t start_of(const struct nc_access_map *map, uint32_t at)
{
	uint32_t word = at / WORD, group;
	uint64_t bits;

	if (is_start(map, at))
		return at;
	bits = map->starts[word] & below(at % WORD);
	if (!bits) {
		/* Grain 0 is always a start, so there is one. */
		group = word / WORD;
		bits = map->summary[group] & below(word % WORD);
		while (!bits)
			bits = map->summary[--group];
		word = group * WORD + WORD - 1 - __builtin_clzll(bits);
		bits = map->starts[word];
	}
	return word * WORD + WORD - 1 - __builtin_clzll(bits);
}

/* The start of the next segment, or the number of grains. */
static uint32_t next_start(const struct nc_access_map *map, uint32_t at)
{
	uint32_t words = map->grains / WORD + 1;
	uint32_t groups = words / WORD + 1;
	uint32_t word = at / WORD, group;
	uint64_t bits = map->starts[word] & above(at % WORD);

	if (!bits) {
		group = word / WORD;
		bits = map->summary[group] & above(word % WORD);
		while (!bits && ++group < groups)
			bits = map->summary[group];
		if (!bits)
			return map->grains;
		word = group * WORD + __builtin_ctzll(bits);
		bits = map->starts[word];
	}
	return word * WORD + __builtin_ctzll(bits);
}

static void split(struct nc_access_map *map, uint32_t at)
{
	if (at >= map->grains || is_start(map, at))
		return;
	map->records[at] = map->records[start_of(map, at)];
	set_start(map, at);
}

/* Grains [*from, *to) that bytes [lo, hi) are in. */
static void grains_of(const struct nc_access_map *map, uint64_t lo,
		      uint64_t hi, uint32_t *from, uint32_t *to)
{
	*from = lo / map->grain;
	*to = (hi + map->grain - 1) / map->grain;
	if (*to > map->grains)
		*to = map->grains;
}

void nc_access_each(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		    void (*fn)(void *arg, const struct nc_access *access),
		    void *arg)
{
	uint32_t at, from, to;

	grains_of(map, lo, hi, &from, &to);
	if (from >= to)
		return;
	for (at = start_of(map, from); at < to; at = next_start(map, at))
		fn(arg, &map->records[at]);
}

void nc_access_read(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		    unsigned int engine, uint32_t pos)
{
	uint32_t at, from, to;

	grains_of(map, lo, hi, &from, &to);
	if (from >= to)
		return;
	split(map, from);
	split(map, to);
	for (at = from; at < to; at = next_start(map, at))
		map->records[at].readers[engine] = pos + 1;
}

void nc_access_write(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		     uint32_t pos)
{
	uint32_t at, from, to;

	grains_of(map, lo, hi, &from, &to);
	if (from >= to)
		return;
	split(map, from);
	split(map, to);
	for (at = next_start(map, from); at < to; at = next_start(map, at))
		clear_start(map, at);
	memset(&map->records[from], 0, sizeof(map->records[from]));
	map->records[from].writer = pos + 1;
}
