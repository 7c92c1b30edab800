/* SPDX-License-Identifier: MIT */
/*
 * Counts allocations, of all threads, between count_begin() and count_end(): those that
 * the program itself makes, with what is linked into it, and those of shared libraries.
 * Include it in one file of a program that links the code in question statically.
 */
#ifndef TESTS_COUNT_ALLOC_H
#define TESTS_COUNT_ALLOC_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

static atomic_uint count_ours;
static atomic_uint count_others;
static atomic_int count_live;		/* allocated and not freed, of others' */
static atomic_bool count_on;

static inline bool count_works(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	return false;
#else
	return true;
#endif
}

static inline void count_begin(void)
{
	count_ours = 0;
	count_others = 0;
	count_live = 0;
	count_on = true;
}

static inline void count_end(void)
{
	count_on = false;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

/* From the linker: where the program's own code is. */
extern const char __executable_start[], etext[];

/* The libraries are to find these, too. */
#define COUNTED	__attribute__((visibility("default")))

static void count_call(const void *from)
{
	if (!count_on)
		return;
	if ((const char *)from >= __executable_start && (const char *)from < etext) {
		count_ours++;
		return;
	}
	count_others++;
	count_live++;
}

COUNTED void *malloc(size_t size)
{
	count_call(__builtin_return_address(0));
	return __libc_malloc(size);
}

COUNTED void *calloc(size_t n, size_t size)
{
	count_call(__builtin_return_address(0));
	return __libc_calloc(n, size);
}

COUNTED void *realloc(void *p, size_t size)
{
	count_call(__builtin_return_address(0));
	return __libc_realloc(p, size);
}

COUNTED void *aligned_alloc(size_t align, size_t size)
{
	count_call(__builtin_return_address(0));
	return __libc_memalign(align, size);
}

COUNTED int posix_memalign(void **p, size_t align, size_t size)
{
	count_call(__builtin_return_address(0));
	*p = __libc_memalign(align, size);
	return *p ? 0 : ENOMEM;
}

COUNTED void free(void *p)
{
	if (p && count_on)
		count_live--;
	__libc_free(p);
}
#endif

#endif /* TESTS_COUNT_ALLOC_H */
