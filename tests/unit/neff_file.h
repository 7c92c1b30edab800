/* SPDX-License-Identifier: MIT */
/*
 * A .neff file in memory that a test breaks: its parts, and what the reader says of it.
 */
#ifndef TESTS_NEFF_FILE_H
#define TESTS_NEFF_FILE_H

#include "tests/ktap.h"
#include "tests/unit/neff_builder.h"

static char *file;		/* from malloc() */
static size_t size;
static struct neff neff;
static char error[NEFF_ERROR_SIZE];

static struct neuron_neff_header *header(void)
{
	return (void *)file;
}

static struct neuron_neff_section *section(unsigned int type)
{
	struct neuron_neff_section *s = (void *)(file + sizeof(*header()));

	while (s->type != type)
		s++;
	return s;
}

static void *table(unsigned int type)
{
	return file + section(type)->offset;
}

/* The file, with a checksum that matches, gives this status and one line with this word. */
static void expect(enum neff_status status, const char *word)
{
	enum neff_status seen;

	nb_seal(file, size);
	seen = neff_parse(file, size, true, &neff, error);
	CHECK_EQ(seen, status);
	if (!word)
		CHECK_STR(error, "");
	else if (!strstr(error, word))
		CHECK_STR(error, word);
	CHECK(!strchr(error, '\n'));
}

#endif /* TESTS_NEFF_FILE_H */
