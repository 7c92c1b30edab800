// SPDX-License-Identifier: MIT
/*
 * Times a model in ONNX Runtime's CPU provider.
 *
 *	onnxruntime MODEL THREADS SECONDS [TYPE:DIMS:FILE]...
 *
 * TYPE is ONNX's number of the element type, DIMS the sizes with commas between them (none
 * for a scalar), FILE holds the elements; one for each input, in the graph's order. Prints
 * a JSON object: median and least time of an execution in milliseconds.
 *
 * tests/bench/onnxruntime builds it against the headers that scripts/fetch-onnxruntime has
 * fetched.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/onnxruntime.h"

#define MAX_TENSORS	256
#define MAX_DIMS	16
#define MAX_RUNS	2000
#define LEAST_RUNS	5

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	long end = -1;
	void *data;

	if (f && !fseek(f, 0, SEEK_END))
		end = ftell(f);
	if (end < 0)
		err(1, "%s", path);
	rewind(f);
	data = aligned_alloc(64, (end + 64) / 64 * 64);
	if (!data || fread(data, 1, end, f) != (size_t)end)
		err(1, "%s", path);
	fclose(f);
	*size = end;
	return data;
}

static OrtValue *make_input(OrtMemoryInfo *memory, char *spec)
{
	int64_t dims[MAX_DIMS];
	size_t rank = 0, size;
	OrtValue *value;
	char *p = spec;
	long type = strtol(p, &p, 10);
	void *data;

	if (*p++ != ':')
		errx(2, "%s: not TYPE:DIMS:FILE", spec);
	while (*p != ':' && rank < MAX_DIMS) {
		dims[rank++] = strtoll(p, &p, 10);
		if (*p == ',')
			p++;
		else if (*p != ':')
			errx(2, "%s: not TYPE:DIMS:FILE", spec);
	}
	data = read_file(p + 1, &size);
	must(ort->CreateTensorWithDataAsOrtValue(memory, data, size, dims, rank, type, &value));
	return value;
}

static OrtSession *open_session(OrtEnv *env, const char *model, int threads)
{
	OrtSessionOptions *options;
	OrtSession *session;

	must(ort->CreateSessionOptions(&options));
	must(ort->SetIntraOpNumThreads(options, threads));
	must(ort->SetInterOpNumThreads(options, 1));
	must(ort->SetSessionGraphOptimizationLevel(options, ORT_ENABLE_ALL));
	must(ort->CreateSession(env, model, options, &session));
	ort->ReleaseSessionOptions(options);
	return session;
}

int main(int argc, char **argv)
{
	const char *in_names[MAX_TENSORS], *out_names[MAX_TENSORS];
	OrtValue *in[MAX_TENSORS], *out[MAX_TENSORS];
	size_t inputs, outputs, runs = 0;
	static double ms[MAX_RUNS];
	OrtAllocator *allocator;
	OrtMemoryInfo *memory;
	OrtSession *session;
	double limit, start;
	OrtEnv *env;

	if (argc < 4) {
		fprintf(stderr, "usage: onnxruntime MODEL THREADS SECONDS [TYPE:DIMS:FILE]...\n");
		return 2;
	}
	open_onnxruntime();
	must(ort->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "bench", &env));
	session = open_session(env, argv[1], atoi(argv[2]));
	must(ort->GetAllocatorWithDefaultOptions(&allocator));
	must(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
	must(ort->SessionGetInputCount(session, &inputs));
	must(ort->SessionGetOutputCount(session, &outputs));
	if (inputs > MAX_TENSORS || outputs > MAX_TENSORS || inputs != (size_t)argc - 4)
		errx(1, "the model has %zu inputs and %zu outputs", inputs, outputs);
	for (size_t i = 0; i < inputs; i++) {
		must(ort->SessionGetInputName(session, i, allocator, (char **)&in_names[i]));
		in[i] = make_input(memory, argv[4 + i]);
	}
	for (size_t i = 0; i < outputs; i++)
		must(ort->SessionGetOutputName(session, i, allocator, (char **)&out_names[i]));

	limit = atof(argv[3]) * 1e3;
	for (start = now_ms(); runs < MAX_RUNS && (runs < LEAST_RUNS + 2 || now_ms() - start < limit);
	     runs++) {
		double begin = now_ms();

		memset(out, 0, sizeof(out));
		must(ort->Run(session, NULL, in_names, (const OrtValue *const *)in, inputs,
			      out_names, outputs, out));
		ms[runs] = now_ms() - begin;
		for (size_t i = 0; i < outputs; i++)
			ort->ReleaseValue(out[i]);
	}
	/* The first two allocate. */
	qsort(ms + 2, runs - 2, sizeof(*ms), by_value);
	printf("{\"median\": %.5g, \"min\": %.5g}\n", ms[2 + (runs - 2) / 2], ms[2]);
	return 0;
}
