// SPDX-License-Identifier: MIT
/*
 * Executes a model again and again and compares each output with the first one, bit by
 * bit. Prints "output HASH" once, then "N executions" some ten times a second, and
 * "DIFFERENT" when an output is.
 *
 *	loop FILE.neff [COUNT]		for ever, or COUNT times
 */
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

struct side {
	nrt_tensor_set_t *set;
	nrt_tensor_t *tensor[64];
	size_t size[64];
	unsigned int count;
};

static void ok(NRT_STATUS status, const char *what)
{
	if (status)
		errx(1, "%s: %s", what, nrt_get_status_as_str(status));
}

static void make_side(struct side *side, const nrt_tensor_info_array_t *info,
		      nrt_tensor_usage_t usage)
{
	ok(nrt_allocate_tensor_set(&side->set), "nrt_allocate_tensor_set");
	for (uint64_t i = 0; i < info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &info->tensor_array[i];
		unsigned int n = side->count;

		if (t->usage != usage)
			continue;
		if (n == 64)
			errx(1, "too many tensors");
		ok(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, t->size, t->name,
				       &side->tensor[n]), "nrt_tensor_allocate");
		ok(nrt_add_tensor_to_tensor_set(side->set, t->name, side->tensor[n]),
		   "nrt_add_tensor_to_tensor_set");
		side->size[n] = t->size;
		side->count++;
	}
}

/* Numbers between 0 and 1, in fp32: what a model takes as well as anything. */
static void fill(struct side *in)
{
	uint32_t seed = 1;

	for (unsigned int i = 0; i < in->count; i++) {
		float *data = calloc(1, in->size[i] + sizeof(float));

		if (!data)
			err(1, "input");
		for (size_t k = 0; k < in->size[i] / sizeof(float); k++) {
			seed = seed * 1103515245 + 12345;
			data[k] = (seed >> 8) * 0x1p-24f;
		}
		ok(nrt_tensor_write(in->tensor[i], data, 0, in->size[i]), "nrt_tensor_write");
		free(data);
	}
}

/* FNV-1a over all outputs. */
static uint64_t hash(const struct side *out)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (unsigned int i = 0; i < out->count; i++) {
		unsigned char *data = malloc(out->size[i]);

		if (!data)
			err(1, "output");
		ok(nrt_tensor_read(out->tensor[i], data, 0, out->size[i]), "nrt_tensor_read");
		for (size_t k = 0; k < out->size[i]; k++)
			h = (h ^ data[k]) * 0x100000001b3ull;
		free(data);
	}
	return h;
}

static void *read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	void *data;
	long n;

	if (!f || fseek(f, 0, SEEK_END))
		err(1, "%s", path);
	n = ftell(f);
	rewind(f);
	data = n > 0 ? malloc(n) : NULL;
	if (!data || fread(data, 1, n, f) != (size_t)n)
		err(1, "%s", path);
	fclose(f);
	*size = n;
	return data;
}

int main(int argc, char **argv)
{
	unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : 0;
	nrt_tensor_info_array_t *info;
	struct side in = { 0 }, out = { 0 };
	struct timespec now, said = { 0 };
	nrt_model_t *model;
	uint64_t expected;
	size_t size;
	void *file;

	if (argc < 2)
		errx(2, "usage: loop FILE.neff [COUNT]");
	setvbuf(stdout, NULL, _IOLBF, 0);
	file = read_file(argv[1], &size);
	ok(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	ok(nrt_load(file, size, -1, -1, &model), "nrt_load");
	free(file);
	ok(nrt_get_model_tensor_info(model, &info), "nrt_get_model_tensor_info");
	make_side(&in, info, NRT_TENSOR_USAGE_INPUT);
	make_side(&out, info, NRT_TENSOR_USAGE_OUTPUT);
	fill(&in);
	for (unsigned long i = 0; !count || i < count; i++) {
		ok(nrt_execute(model, in.set, out.set), "nrt_execute");
		if (!i) {
			expected = hash(&out);
			printf("output %016llx\n", (unsigned long long)expected);
		} else if (hash(&out) != expected) {
			printf("DIFFERENT after %lu executions\n", i);
			return 1;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
		if ((now.tv_sec - said.tv_sec) * 10 + (now.tv_nsec - said.tv_nsec) / 100000000 < 1)
			continue;
		printf("%lu executions\n", i + 1);
		said = now;
	}
	return 0;
}
