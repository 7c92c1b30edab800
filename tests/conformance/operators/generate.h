/* SPDX-License-Identifier: MIT */
/* Random operator cases; what they put out is not known yet: see reference.c. */
#ifndef TESTS_CONFORMANCE_OPERATORS_GENERATE_H
#define TESTS_CONFORMANCE_OPERATORS_GENERATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define MAX_DIMS	6

struct shape {
	int rank;
	int64_t dims[MAX_DIMS];
};

/* What the elements of an input are like; many operators restrict them. */
struct range {
	double lo;
	double hi;
};

/* A number from @lo to @hi; true once in @n times; one of several. */
int64_t number(int64_t lo, int64_t hi);
bool once_in(int n);
const char *one_of(int count, const char *const *names);
#define ONE_OF(...)							\
	one_of(sizeof((const char *[]) { __VA_ARGS__ }) / sizeof(char *), \
	       (const char *[]) { __VA_ARGS__ })

/* Shapes of the given rank; dimensions from @lo to @hi. */
struct shape shape_of(int rank, int64_t lo, int64_t hi);
/* Of any rank up to 4, sometimes without elements. */
struct shape any_shape(void);
/* That broadcasts with @shape, to that or to something larger. */
struct shape broadcast_with(struct shape shape);
struct shape list_of(int64_t count);
int64_t elements(struct shape shape);

/* The lines of a case. An attribute follows the node; inputs follow these. */
void node(const char *op, int opset);
void attr_int(const char *name, int64_t value);
void attr_float(const char *name, double value);
void attr_text(const char *name, const char *value);
void attr_ints(const char *name, int count, const int64_t *values);
void attr_texts(const char *name, int count, const char *const *values);
void input(const char *type, struct shape shape, struct range range);
/* One that the model holds. */
void constant(const char *type, struct shape shape, struct range range);
void constant_ints(const char *type, int count, const int64_t *values);
void constant_floats(struct shape shape, const double *values);
void absent(void);
void output(void);
void skipped(void);

/* A set from @lo on to the newest that the reference knows. */
int opset_from(int lo);

struct generator {
	const char *name;
	void (*make)(const char *op);
};

extern const struct generator elementwise_generators[], moving_generators[],
	matrix_generators[], window_generators[];

#define USUAL	((struct range) { -3, 3 })

#endif /* TESTS_CONFORMANCE_OPERATORS_GENERATE_H */
