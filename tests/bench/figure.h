/* SPDX-License-Identifier: MIT */
/* What measurements of the device share: the clock, and how a figure is printed. */
#ifndef TESTS_BENCH_FIGURE_H
#define TESTS_BENCH_FIGURE_H

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static inline double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static inline int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* A JSON object: the name, the unit, the median of @n values and the extremes. Sorts them. */
static inline void print_figure(const char *name, const char *unit, double *values, int n)
{
	qsort(values, n, sizeof(*values), by_value);
	printf("{\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.4g, \"min\": %.4g, \"max\": %.4g}\n",
	       name, unit, values[n / 2], values[0], values[n - 1]);
	fflush(stdout);
}

/* End with a message unless a call of <neuron.h> has succeeded. */
static inline void must(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, strerror(-ret));
}

#endif /* TESTS_BENCH_FIGURE_H */
