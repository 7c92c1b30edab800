/* SPDX-License-Identifier: MIT */
/* What the tools say on standard error, and how they end. */
#ifndef TOOLS_COMMON_SAY_H
#define TOOLS_COMMON_SAY_H

/* Exit codes of all tools. */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,	/* it went wrong while running, or a test failed */
	EXIT_USAGE = 2,		/* the command line is wrong */
};

/* "TOOL: LINE": something went wrong. */
void say_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Each line of @text, with the tool's name before it. */
void say_lines(const char *text);

/* The command line is wrong: say so, point to --help, exit. */
void usage_error(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));

/* Memory ran out: say so, exit. */
void die_oom(void) __attribute__((noreturn));

/**
 * progress() - show what goes on, when standard error is a terminal
 * @format: printf() format without newline; NULL takes the line away
 *
 * The next call, and what say_error() prints, replaces the line.
 */
void progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* TOOLS_COMMON_SAY_H */
