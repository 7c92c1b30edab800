/* SPDX-License-Identifier: MIT */
/*
 * Problems of a model, collected so that the user sees all of them at once.
 */
#ifndef COMPILER_DIAG_H
#define COMPILER_DIAG_H

#include <stdarg.h>
#include <stddef.h>

struct nc_ctx;
struct nc_node;

/* Lines kept; further ones are only counted. */
#define NC_MAX_ERRORS	1000

/**
 * struct nc_diag - the lines so far
 * @text: lines, each ended by a newline; from malloc()
 * @size: bytes of @text without the NUL
 * @room: bytes allocated
 * @count: problems found
 */
struct nc_diag {
	char *text;
	size_t size;
	size_t room;
	unsigned int count;
};

/**
 * nc_error() - note a problem
 * @ctx: the compilation
 * @node: what it is about: its operator and name start the line; may be NULL
 * @format: printf() format of one line: the reason and, where there is one, the
 *	    way out
 *
 * Control characters of hostile names become '?'; long lines are cut.
 */
void nc_error(struct nc_ctx *ctx, const struct nc_node *node,
	      const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif /* COMPILER_DIAG_H */
