/* SPDX-License-Identifier: MIT */
/*
 * Memory of one compilation: everything is allocated from an arena and freed
 * with it. Allocation never fails from the caller's view: when memory runs out,
 * or a hostile model asks for more than the arena's limit, the compilation ends
 * through longjmp() in nc_compile().
 */
#ifndef COMPILER_ARENA_H
#define COMPILER_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

struct nc_arena;

/**
 * nc_arena_new() - make an arena
 * @limit: bytes that it may hand out altogether
 * @oom: where to jump to when memory runs out; must outlive all allocations
 *
 * Return: the arena, or NULL when there is no memory.
 */
struct nc_arena *nc_arena_new(size_t limit, jmp_buf *oom);

/**
 * nc_arena_free() - free an arena and all that was allocated from it
 * @arena: the arena, or NULL
 */
void nc_arena_free(struct nc_arena *arena);

/**
 * nc_alloc() - allocate zeroed memory for an array
 * @arena: where from
 * @n: number of elements; 0 gives a valid pointer, too
 * @size: bytes of one element
 *
 * Return: memory aligned to 16 bytes; never NULL.
 */
void *nc_alloc(struct nc_arena *arena, size_t n, size_t size)
	__attribute__((returns_nonnull));

/**
 * nc_alloc_uninit() - allocate memory that the caller fills
 * @arena: where from
 * @size: bytes
 *
 * Return: memory aligned to 16 bytes; never NULL.
 */
void *nc_alloc_uninit(struct nc_arena *arena, size_t size)
	__attribute__((returns_nonnull));

/**
 * nc_arena_drop() - free one block before the others
 * @arena: where it is from
 * @mem: a block of at least NC_ARENA_LARGE bytes, older than every mark
 */
#define NC_ARENA_LARGE	((size_t)64 << 10)
void nc_arena_drop(struct nc_arena *arena, void *mem);

/**
 * nc_grow() - a larger array in place of another
 * @arena: where both are from
 * @old: the array; its memory is given back where that can be
 * @count: elements of it that are kept
 * @room: elements of the new one; those behind @count are zero
 * @size: bytes of one element
 */
void *nc_grow(struct nc_arena *arena, void *old, size_t count, size_t room, size_t size)
	__attribute__((returns_nonnull));

/**
 * nc_give_back() - free an array before its arena, where that can be
 * @arena: where it is from
 * @mem: the array; nobody uses it any more
 * @size: bytes that it was allocated with
 *
 * A small one stays, and one that an earlier mark may need.
 */
void nc_give_back(struct nc_arena *arena, void *mem, size_t size);

/* A point in an arena's life; the fields are the arena's own. */
struct nc_arena_mark {
	void *chunks;
	char *next;
	size_t room;
	size_t used;
};

/**
 * nc_arena_mark() - note what has been allocated so far
 * @arena: the arena
 */
struct nc_arena_mark nc_arena_mark(struct nc_arena *arena);

/**
 * nc_arena_release() - free all that was allocated since a mark
 * @arena: the arena
 * @mark: from nc_arena_mark(); marks taken since are void
 */
void nc_arena_release(struct nc_arena *arena, struct nc_arena_mark mark);

/* Copies and formatted strings in the arena. */
void *nc_memdup(struct nc_arena *arena, const void *mem, size_t size);
char *nc_strdup(struct nc_arena *arena, const char *s);
char *nc_sprintf(struct nc_arena *arena, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif /* COMPILER_ARENA_H */
