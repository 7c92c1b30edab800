// SPDX-License-Identifier: MIT
/*
 * Random operator cases.
 *
 *	generate SEED COUNT [OPERATOR]...
 *
 * Prints COUNT cases of each operator, or of those that are named. The same seed gives the
 * same cases.
 */
#include <err.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "generate.h"

#define NEWEST_OPSET	21

static uint64_t state;
static bool in_attrs;

/* splitmix64 */
static uint64_t next(void)
{
	uint64_t x = state += 0x9e3779b97f4a7c15;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return x ^ x >> 31;
}

int64_t number(int64_t lo, int64_t hi)
{
	return lo + (int64_t)(next() % (uint64_t)(hi - lo + 1));
}

bool once_in(int n)
{
	return !number(0, n - 1);
}

const char *one_of(int count, const char *const *names)
{
	return names[number(0, count - 1)];
}

int opset_from(int lo)
{
	return (int)number(lo, NEWEST_OPSET);
}

struct shape shape_of(int rank, int64_t lo, int64_t hi)
{
	struct shape shape = { .rank = rank };
	int i;

	for (i = 0; i < rank; i++)
		shape.dims[i] = number(lo, hi);
	return shape;
}

struct shape any_shape(void)
{
	return shape_of((int)number(0, 4), once_in(30) ? 0 : 1, 4);
}

struct shape list_of(int64_t count)
{
	return (struct shape) { 1, { count } };
}

struct shape broadcast_with(struct shape shape)
{
	int cut = (int)number(0, shape.rank), i;
	struct shape other = { .rank = shape.rank - cut };

	for (i = 0; i < other.rank; i++)
		other.dims[i] = once_in(3) ? 1 : shape.dims[i + cut];
	if (once_in(6) && other.rank == shape.rank && other.rank < 4) {
		memmove(other.dims + 1, other.dims, sizeof(other.dims) - sizeof(*other.dims));
		other.dims[0] = number(1, 3);
		other.rank++;
	}
	return other;
}

int64_t elements(struct shape shape)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < shape.rank; i++)
		n *= shape.dims[i];
	return n;
}

static void end_attrs(void)
{
	if (in_attrs)
		printf("\n");
	in_attrs = false;
}

void node(const char *op, int opset)
{
	printf("node %s %d", op, opset);
	in_attrs = true;
}

void attr_int(const char *name, int64_t value)
{
	printf(" %s=%lld", name, (long long)value);
}

/* A number that nobody takes for an integer. */
static void print_float(double x)
{
	char text[40];

	snprintf(text, sizeof(text), "%.7g", x);
	printf("%s%s", text, strpbrk(text, ".en") ? "" : ".0");
}

void attr_float(const char *name, double value)
{
	printf(" %s=", name);
	print_float(value);
}

void attr_text(const char *name, const char *value)
{
	printf(" %s=\"%s\"", name, value);
}

void attr_ints(const char *name, int count, const int64_t *values)
{
	int i;

	printf(" %s=[", name);
	for (i = 0; i < count; i++)
		printf("%s%lld", i ? "," : "", (long long)values[i]);
	printf("]");
}

void attr_texts(const char *name, int count, const char *const *values)
{
	int i;

	printf(" %s=[", name);
	for (i = 0; i < count; i++)
		printf("%s\"%s\"", i ? "," : "", values[i]);
	printf("]");
}

static void print_type(const char *how, const char *type, struct shape shape)
{
	int i;

	end_attrs();
	printf("%s %s[", how, type);
	for (i = 0; i < shape.rank; i++)
		printf("%s%lld", i ? "," : "", (long long)shape.dims[i]);
	printf("]");
}

static void print_tensor(const char *how, const char *type, struct shape shape,
			 struct range range)
{
	int64_t n = elements(shape), i;
	/* Halves and integers now and then: ties, equal elements and zeros. */
	bool coarse = range.hi - range.lo >= 2 && once_in(4);

	print_type(how, type, shape);
	for (i = 0; i < n; i++) {
		double x = range.lo + (double)(next() >> 11) * 0x1p-53 * (range.hi - range.lo);

		printf(" ");
		if (*type == 'f' || *type == 'b') {
			if (coarse)
				x = round(2 * x) / 2;
			if (!strcmp(type, "bool"))
				printf("%d", (int)number(0, 1));
			else
				print_float(x);
		} else {
			x = floor(x);
			if (*type == 'u' && x < 0)
				x = -x;
			printf("%lld", (long long)x);
		}
	}
	printf("\n");
}

void input(const char *type, struct shape shape, struct range range)
{
	print_tensor("in", type, shape, range);
}

void constant(const char *type, struct shape shape, struct range range)
{
	print_tensor("const", type, shape, range);
}

void constant_ints(const char *type, int count, const int64_t *values)
{
	int i;

	print_type("const", type, list_of(count));
	for (i = 0; i < count; i++)
		printf(" %lld", (long long)values[i]);
	printf("\n");
}

void constant_floats(struct shape shape, const double *values)
{
	int64_t n = elements(shape), i;

	print_type("const", "f32", shape);
	for (i = 0; i < n; i++) {
		printf(" ");
		print_float(values[i]);
	}
	printf("\n");
}

void absent(void)
{
	end_attrs();
	printf("none\n");
}

void output(void)
{
	end_attrs();
	printf("out\n");
}

void skipped(void)
{
	end_attrs();
	printf("skip\n");
}

static const struct generator *const lists[] = {
	elementwise_generators, moving_generators, matrix_generators, window_generators,
};

static bool is_named(const char *name, char *const *names)
{
	if (!*names)
		return true;
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	long count = argc > 2 ? strtol(argv[2], NULL, 10) : 0, k;
	const struct generator *g;
	bool found = false;
	size_t i;

	if (count < 1)
		errx(2, "usage: generate SEED COUNT [OPERATOR]...");
	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		for (g = lists[i]; g->name; g++) {
			if (!is_named(g->name, argv + 3))
				continue;
			found = true;
			/* Each operator's cases are the same whatever others there are. */
			state = strtoull(argv[1], NULL, 10);
			for (const char *p = g->name; *p; p++)
				state = state * 31 + (unsigned char)*p;
			for (k = 0; k < count; k++) {
				g->make(g->name);
				printf("\n");
			}
		}
	}
	if (!found)
		errx(2, "there is no such operator");
	return 0;
}
