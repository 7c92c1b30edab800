/* SPDX-License-Identifier: MIT */
/* What the tools print: for people, and as JSON for programs. */
#ifndef TOOLS_COMMON_PRINT_H
#define TOOLS_COMMON_PRINT_H

#include <stdio.h>
#include <cjson/cJSON.h>
#include <compiler/neffc.h>
#include <neuron/report.h>

/**
 * struct run_times - how long a run took
 * @compile: seconds spent compiling; negative when there was nothing to compile
 * @load: seconds spent loading
 * @execute: seconds of each execution, sorted by run_times_sort()
 * @count: entries of @execute
 */
struct run_times {
	double compile;
	double load;
	double *execute;
	unsigned int count;
};

void run_times_sort(struct run_times *times);
double run_times_median(const struct run_times *times);

/* A duration as "1.23 ms"; @buf has room for 32 characters. */
const char *duration_text(double seconds, char buf[32]);
/* A number of bytes as "1.2 MiB". */
const char *bytes_text(uint64_t bytes, char buf[32]);

/* print_text.c */
void print_summary(FILE *file, const struct nc_summary *summary);
void print_report(FILE *file, const struct neuron_report *report);
void print_times(FILE *file, const struct run_times *times);

/* print_json.c: the same, as objects that the caller owns */
cJSON *json_summary(const struct nc_summary *summary);
cJSON *json_report(const struct neuron_report *report);
cJSON *json_times(const struct run_times *times);
/* Prints an object and deletes it. */
void json_print(FILE *file, cJSON *json);

#endif /* TOOLS_COMMON_PRINT_H */
