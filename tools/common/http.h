/* SPDX-License-Identifier: MIT */
/* A server of one text, for Prometheus. */
#ifndef TOOLS_COMMON_HTTP_H
#define TOOLS_COMMON_HTTP_H

#include <stdbool.h>

/**
 * http_start() - serve from a thread of its own, until the program ends
 * @where: "PORT", which is one of 127.0.0.1, or "ADDRESS:PORT"
 *
 * Return: false after a line on standard error.
 */
bool http_start(const char *where);

/* What GET /metrics answers from now on: from malloc(), given away. */
void http_publish(char *text);

#endif /* TOOLS_COMMON_HTTP_H */
