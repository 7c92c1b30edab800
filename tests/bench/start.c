// SPDX-License-Identifier: MIT
/*
 * How long a program that has just begun takes until it can execute a model, in a JSON
 * line: start MODEL.neff
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "loaded.h"

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec * 1e-6;
}

int main(int argc, char **argv)
{
	double start, ready;
	nrt_model_t *model;
	size_t size;
	void *file;

	if (argc != 2) {
		fprintf(stderr, "usage: start MODEL.neff\n");
		return 2;
	}
	file = bench_read_file(argv[1], &size);
	start = now();
	loaded_init();
	if (nrt_load(file, size, -1, -1, &model) != NRT_SUCCESS)
		return 1;
	ready = now();
	printf("{\"name\": \"start\", \"median\": %.3f}\n", ready - start);
	nrt_close();
	free(file);
	return 0;
}
