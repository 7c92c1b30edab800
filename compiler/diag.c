// SPDX-License-Identifier: MIT
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pass.h"

/* A line longer than this says nothing that a shorter one does not. */
#define MAX_LINE	512
#define MAX_NAME	160

static void append(struct nc_diag *diag, const char *line)
{
	size_t len = strlen(line);
	char *text;
	size_t room;

	if (len + 2 > diag->room - diag->size) {
		room = (diag->room + len + 2) * 2;
		text = realloc(diag->text, room);
		/* Out of memory: the line is lost, its count is not. */
		if (!text)
			return;
		diag->text = text;
		diag->room = room;
	}
	memcpy(diag->text + diag->size, line, len);
	diag->size += len;
	diag->text[diag->size++] = '\n';
	diag->text[diag->size] = '\0';
}

void nc_error(struct nc_ctx *ctx, const struct nc_node *node,
	      const char *format, ...)
{
	char line[MAX_LINE];
	size_t len = 0;
	va_list args;
	size_t i;

	ctx->diag.count++;
	if (ctx->diag.count > NC_MAX_ERRORS)
		return;
	if (ctx->diag.count == NC_MAX_ERRORS) {
		append(&ctx->diag, "too many problems; the rest is not listed");
		return;
	}

	if (node) {
		snprintf(line, sizeof(line), "%.64s node '%.*s': ",
			 node->op_type, MAX_NAME, node->name);
		len = strlen(line);
	}
	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);

	for (i = 0; line[i]; i++)
		if (iscntrl((unsigned char)line[i]))
			line[i] = '?';
	append(&ctx->diag, line);
}
