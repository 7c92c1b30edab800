/* SPDX-License-Identifier: MIT */
/* Whole files, read at once and written so that nobody sees half of one. */
#ifndef TOOLS_COMMON_FILE_H
#define TOOLS_COMMON_FILE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * file_read() - read a file
 * @path: the file
 * @size: receives its size
 *
 * Return: the contents, from malloc(), aligned for any element type; NULL after
 * a line on standard error.
 */
void *file_read(const char *path, size_t *size);

/**
 * file_write() - write a file
 * @path: the file; an existing one is replaced when all is written
 * @data: contents
 * @size: bytes
 *
 * Return: false after a line on standard error.
 */
bool file_write(const char *path, const void *data, size_t size);

/* Makes a directory and those above it. Return: false after a line. */
bool make_dirs(const char *path);

/* Whether @path ends in @suffix, such as ".npy". */
bool has_suffix(const char *path, const char *suffix);

#endif /* TOOLS_COMMON_FILE_H */
