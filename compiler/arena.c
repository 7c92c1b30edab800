// SPDX-License-Identifier: MIT
/*
 * A bump allocator. Blocks of at least LARGE bytes get a chunk of their own, so
 * that they do not leave the rest of a chunk unused.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arena.h"

#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
#define CHUNK	((size_t)256 << 10)
#define LARGE	((size_t)64 << 10)
#else	/* steps too far are seen at the end of blocks, and small ones cost less */
#define CHUNK	((size_t)4 << 10)
#define LARGE	((size_t)1 << 10)
#endif
#define ALIGN	((size_t)16)

struct chunk {
	struct chunk *next;
	struct chunk *prev;
	size_t size;
	size_t serial;
};

_Static_assert(sizeof(struct chunk) % 16 == 0, "memory behind it is aligned");

/**
 * struct nc_arena - an arena
 * @chunks: its memory, the newest first
 * @next: free part of the newest small chunk
 * @room: bytes of it
 * @used: bytes of all chunks
 * @limit: of @used
 * @serial: of the newest chunk
 * @marked: that of the newest chunk when a mark was last made: releasing needs it
 * @oom: where to go without memory
 */
struct nc_arena {
	struct chunk *chunks;
	char *next;
	size_t room;
	size_t used;
	size_t limit;
	size_t serial;
	size_t marked;
	jmp_buf *oom;
};

struct nc_arena *nc_arena_new(size_t limit, jmp_buf *oom)
{
	struct nc_arena *arena = calloc(1, sizeof(*arena));

	if (!arena)
		return NULL;
	arena->limit = limit;
	arena->oom = oom;
	return arena;
}

void nc_arena_free(struct nc_arena *arena)
{
	struct chunk *chunk, *next;

	if (!arena)
		return;
	for (chunk = arena->chunks; chunk; chunk = next) {
		next = chunk->next;
		free(chunk);
	}
	free(arena);
}

/* @size is a multiple of ALIGN. */
static void *chunk_new(struct nc_arena *arena, size_t size)
{
	struct chunk *chunk = NULL;

	if (size <= arena->limit - arena->used)
		chunk = malloc(sizeof(*chunk) + size);
	if (!chunk)
		longjmp(*arena->oom, 1);

	arena->used += size;
	chunk->size = size;
	chunk->serial = ++arena->serial;
	chunk->next = arena->chunks;
	chunk->prev = NULL;
	if (chunk->next)
		chunk->next->prev = chunk;
	arena->chunks = chunk;
	return chunk + 1;
}

void nc_arena_drop(struct nc_arena *arena, void *mem)
{
	struct chunk *chunk = (struct chunk *)mem - 1;

	if (chunk->prev)
		chunk->prev->next = chunk->next;
	else
		arena->chunks = chunk->next;
	if (chunk->next)
		chunk->next->prev = chunk->prev;
	arena->used -= chunk->size;
	free(chunk);
}

struct nc_arena_mark nc_arena_mark(struct nc_arena *arena)
{
	arena->marked = arena->serial;
	return (struct nc_arena_mark){
		arena->chunks, arena->next, arena->room, arena->used,
	};
}

void nc_arena_release(struct nc_arena *arena, struct nc_arena_mark mark)
{
	while (arena->chunks != mark.chunks) {
		struct chunk *chunk = arena->chunks;

		arena->chunks = chunk->next;
		free(chunk);
	}
	if (arena->chunks)
		((struct chunk *)arena->chunks)->prev = NULL;
	arena->next = mark.next;
	arena->room = mark.room;
	arena->used = mark.used;
}

void *nc_alloc_uninit(struct nc_arena *arena, size_t size)
{
	void *mem;

	if (size > SIZE_MAX / 2)
		longjmp(*arena->oom, 1);
	size = size ? (size + ALIGN - 1) & ~(ALIGN - 1) : ALIGN;
	if (size >= LARGE)
		return chunk_new(arena, size);
	if (size > arena->room) {
		arena->next = chunk_new(arena, CHUNK);
		arena->room = CHUNK;
	}
	mem = arena->next;
	arena->next += size;
	arena->room -= size;
	return mem;
}

void *nc_alloc(struct nc_arena *arena, size_t n, size_t size)
{
	void *mem;

	if (__builtin_mul_overflow(n, size, &size))
		longjmp(*arena->oom, 1);
	mem = nc_alloc_uninit(arena, size);
	memset(mem, 0, size);
	return mem;
}

void *nc_grow(struct nc_arena *arena, void *old, size_t count, size_t room, size_t size)
{
	void *mem = nc_alloc(arena, room, size);

	if (!count)
		return mem;
	memcpy(mem, old, count * size);
	nc_give_back(arena, old, count * size);
	return mem;
}

void nc_give_back(struct nc_arena *arena, void *mem, size_t size)
{
	/* A large block has a chunk of its own. */
	if (size >= LARGE && ((struct chunk *)mem - 1)->serial > arena->marked)
		nc_arena_drop(arena, mem);
}

void *nc_memdup(struct nc_arena *arena, const void *mem, size_t size)
{
	void *copy = nc_alloc_uninit(arena, size);

	if (size)
		memcpy(copy, mem, size);
	return copy;
}

char *nc_strdup(struct nc_arena *arena, const char *s)
{
	return nc_memdup(arena, s, strlen(s) + 1);
}

char *nc_sprintf(struct nc_arena *arena, const char *format, ...)
{
	va_list args;
	char *text;
	int len;

	va_start(args, format);
	len = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (len < 0)
		longjmp(*arena->oom, 1);
	text = nc_alloc_uninit(arena, (size_t)len + 1);
	va_start(args, format);
	vsnprintf(text, (size_t)len + 1, format, args);
	va_end(args);
	return text;
}
