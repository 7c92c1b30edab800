// SPDX-License-Identifier: MIT
/* A copy of 64 MiB by memcpy(), on this machine: what DMA is measured against. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SIZE	(64u << 20)
#define TIMES	15

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	char *from = malloc(SIZE), *to = malloc(SIZE);
	double rate[TIMES];

	if (!from || !to)
		err(1, "malloc");
	memset(from, 1, SIZE);
	memset(to, 2, SIZE);
	for (int i = 0; i < TIMES; i++) {
		struct timespec a, b;

		from[i] = i;
		clock_gettime(CLOCK_MONOTONIC, &a);
		memcpy(to, from, SIZE);
		clock_gettime(CLOCK_MONOTONIC, &b);
		if (to[i] != (char)i)
			errx(1, "the copy is wrong");
		rate[i] = SIZE / ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec));
	}
	qsort(rate, TIMES, sizeof(*rate), by_value);
	printf("{\"name\": \"memcpy\", \"unit\": \"GB/s\", \"median\": %.4g, \"min\": %.4g, \"max\": %.4g}\n",
	       rate[TIMES / 2], rate[0], rate[TIMES - 1]);
	free(from);
	free(to);
	return 0;
}
