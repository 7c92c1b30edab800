// SPDX-License-Identifier: MIT
/*
 * Keep the tables of SPEC.md equal to the headers.
 *
 *	spec-tables [--check] SPEC.md
 *
 * Text between "<!-- table NAME -->" and "<!-- end -->" is replaced by the table
 * of that name, made from the lists in include/neuron. With --check nothing is
 * written and the exit status says whether the file is up to date.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <neuron/isa.h>
#include <neuron/regs.h>

static void names(FILE *out, const char *const *name, unsigned int bits)
{
	const char *comma = "";

	for (unsigned int i = 0; name[i]; i++)
		if (bits & 1u << i) {
			fprintf(out, "%s%s", comma, name[i]);
			comma = " ";
		}
}

static const char *const space_names[] = {
#define X(name, value, text) [value] = text,
	NEURON_SPACES(X)
#undef X
	NULL
};

static const char *const dtype_names[] = {
#define X(name, value, bytes, text) [value] = text,
	NEURON_DTYPES(X)
#undef X
	NULL
};

static const char *const engine_names[] = {
#define X(name, value, text) [value] = text,
	NEURON_ENGINES(X)
#undef X
	NULL
};

/* A bar would end a table's cell, so it becomes its HTML entity. */
static const char *cell(const char *text)
{
	static char buf[512];
	size_t n = 0;

	for (; *text && n < sizeof(buf) - 8; text++) {
		if (*text == '|')
			n += sprintf(buf + n, "&#124;");
		else
			buf[n++] = *text;
	}
	buf[n] = 0;
	return buf;
}

static void table_dtypes(FILE *out)
{
	fprintf(out, "| value | type | bytes |\n| --- | --- | --- |\n");
#define X(name, value, bytes, text) \
	fprintf(out, "| %d | %s | %d |\n", value, text, bytes);
	NEURON_DTYPES(X)
#undef X
}

static void table_engines(FILE *out)
{
	fprintf(out, "| number | engine |\n| --- | --- |\n");
#define X(name, value, text) fprintf(out, "| %d | %s |\n", value, text);
	NEURON_ENGINES(X)
#undef X
}

static void table_faults(FILE *out)
{
	fprintf(out, "| kind | name | meaning |\n| --- | --- | --- |\n");
#define X(name, value, text) fprintf(out, "| %d | %s | %s |\n", value, #name, text);
	NEURON_FAULTS(X)
#undef X
}

static void table_injections(FILE *out)
{
	fprintf(out, "| number | name | argument |\n| --- | --- | --- |\n");
#define X(name, value, qom, arg) fprintf(out, "| %d | `%s` | %s |\n", value, qom, arg);
	NEURON_INJECTIONS(X)
#undef X
}

static void table_opcodes(FILE *out)
{
	fprintf(out, "| opcode | name | engines | meaning |\n| --- | --- | --- | --- |\n");
#define X(name, value, engines, meaning)			\
	do {							\
		fprintf(out, "| %d | %s | ", value, #name);	\
		names(out, engine_names, engines);		\
		fprintf(out, " | %s |\n", cell(meaning));		\
	} while (0);
	NEURON_OPCODES(X)
#undef X
}

static void table_operands(FILE *out)
{
	unsigned int position;

	fprintf(out, "| instruction | position | operand | direction | spaces | types |\n"
		"| --- | --- | --- | --- | --- | --- |\n");
#define O(role, direction, spaces, dtypes)					\
	do {									\
		fprintf(out, "| %s | %u | %s | %s | ", inst, position++, #role,	\
			#direction);						\
		names(out, space_names, spaces);				\
		fprintf(out, " | ");						\
		names(out, dtype_names, dtypes);				\
		fprintf(out, " |\n");						\
	} while (0);
#define X(name, value, engines, meaning)	\
	do {					\
		const char *inst = #name;	\
						\
		(void)inst;			\
		position = 0;			\
		NEURON_OPERANDS_##name(O)	\
	} while (0);
	NEURON_OPCODES(X)
#undef X
#undef O
	(void)position;
}

static void table_parameters(FILE *out)
{
	fprintf(out, "| instruction | byte | parameter | type | meaning |\n"
		"| --- | --- | --- | --- | --- |\n");
#define PARAM(type, field, suffix, meaning)					\
	fprintf(out, "| %s | %zu | %s | %s%s | %s |\n", inst,			\
		offsetof(params, field), #field, #type, suffix, meaning);
#define S(type, field, meaning)		PARAM(type, field, "", meaning)
#define A(type, field, count, meaning)	PARAM(type, field, "[" #count "]", meaning)
#define X(name, value, engines, meaning)		\
	do {						\
		typedef struct neuron_params_##name params;	\
		const char *inst = #name;		\
							\
		(void)inst;				\
		(void)sizeof(params);			\
		NEURON_FIELDS_##name(S, A)		\
	} while (0);
	NEURON_OPCODES(X)
#undef X
#undef A
#undef S
#undef PARAM
}

static void table_acts(FILE *out)
{
	fprintf(out, "| value | function | formula |\n| --- | --- | --- |\n");
#define X(name, value, text, formula) \
	fprintf(out, "| %d | %s | %s |\n", value, text, cell(formula));
	NEURON_ACTS(X)
#undef X
}

static void table_binaries(FILE *out)
{
	fprintf(out, "| value | function | meaning |\n| --- | --- | --- |\n");
#define X(name, value, text, formula) \
	fprintf(out, "| %d | %s | %s |\n", value, text, cell(formula));
	NEURON_BINARIES(X)
#undef X
}

static void table_reductions(FILE *out)
{
	fprintf(out, "| value | function | meaning |\n| --- | --- | --- |\n");
#define X(name, value, text, formula) \
	fprintf(out, "| %d | %s | %s |\n", value, text, cell(formula));
	NEURON_REDUCTIONS(X)
#undef X
}

static void table_pools(FILE *out)
{
	fprintf(out, "| value | window |\n| --- | --- |\n");
#define X(name, value, text) fprintf(out, "| %d | %s |\n", value, text);
	NEURON_POOLS(X)
#undef X
}

static const struct {
	const char *name;
	void (*print)(FILE *out);
} tables[] = {
	{ "dtypes", table_dtypes },
	{ "engines", table_engines },
	{ "faults", table_faults },
	{ "injections", table_injections },
	{ "opcodes", table_opcodes },
	{ "operands", table_operands },
	{ "parameters", table_parameters },
	{ "acts", table_acts },
	{ "binaries", table_binaries },
	{ "reductions", table_reductions },
	{ "pools", table_pools },
};

/* Print the table that a marker line asks for; a name that is none ends it all. */
static void print_table(const char *marker, FILE *out)
{
	char name[32];

	if (sscanf(marker, "<!-- table %31s -->", name) == 1)
		for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
			if (!strcmp(tables[i].name, name)) {
				tables[i].print(out);
				return;
			}
	errx(2, "no table for: %s", marker);
}

static char *read_all(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		err(2, "%s", path);
	if (getdelim(&text, &size, '\0', f) < 0)
		errx(2, "%s is empty", path);
	fclose(f);
	return text;
}

int main(int argc, char **argv)
{
	int check = argc > 1 && !strcmp(argv[1], "--check");
	const char *path = argc == 2 + check ? argv[1 + check] : NULL;
	char *text, *line, *end, *result;
	int inside = 0;
	size_t size;
	FILE *out;

	if (!path) {
		fprintf(stderr, "usage: spec-tables [--check] SPEC.md\n");
		return 2;
	}
	text = read_all(path);
	out = open_memstream(&result, &size);
	if (!out)
		err(2, "open_memstream");
	for (line = text; *line; line = end) {
		end = line + strcspn(line, "\n");
		end += *end == '\n';
		if (!strncmp(line, "<!-- end -->", 12))
			inside = 0;
		if (!inside)
			fwrite(line, 1, end - line, out);
		if (!strncmp(line, "<!-- table ", 11)) {
			print_table(line, out);
			inside = 1;
		}
	}
	if (inside)
		errx(2, "%s: a table without an end", path);
	fclose(out);
	if (strcmp(text, result)) {
		FILE *f;

		if (check) {
			fprintf(stderr, "%s: its tables are not those of include/neuron; "
				"run `make spec`\n", path);
			return 1;
		}
		f = fopen(path, "w");
		if (!f || fwrite(result, 1, size, f) != size || fclose(f))
			err(2, "%s", path);
	}
	free(result);
	free(text);
	return 0;
}
