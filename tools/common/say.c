// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "say.h"

static bool progress_shown;

void progress(const char *format, ...)
{
	va_list args;

	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
	if (!format || !isatty(STDERR_FILENO))
		return;
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
	progress_shown = true;
}

static void line(const char *format, va_list args)
{
	progress(NULL);
	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void say_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(format, args);
	va_end(args);
}

void say_lines(const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		say_error("%.*s", (int)len, text);
		text += len;
		text += *text == '\n';
	}
}

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	line(format, args);
	va_end(args);
	fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
	exit(EXIT_USAGE);
}

void die_oom(void)
{
	say_error("out of memory");
	exit(EXIT_FAILED);
}
