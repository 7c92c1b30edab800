// SPDX-License-Identifier: MIT
/*
 * nrt_models DIR: write the hand-made models into files, for tests that start
 * programs of their own.
 */
#include "tests/unit/steps_builder.h"

static void put(const char *dir, const char *name, void *data, size_t size)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.neff", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
	free(data);
}

int main(int argc, char **argv)
{
	const char *dir = argv[1];
	float w[1000];
	size_t size, i;
	char *file;

	if (argc != 2) {
		fprintf(stderr, "usage: nrt_models DIR\n");
		return 2;
	}
	for (i = 0; i < 1000; i++)
		w[i] = 100;
	file = nb_add(1000, &size);
	put(dir, "add", file, size);
	file = nb_weights(w, 1000, &size);
	put(dir, "weights", file, size);
	file = nb_copy(NEURON_NEFF_I64, NEURON_I64, NEURON_I32, 1000, &size);
	put(dir, "copy_i64", file, size);
	file = nb_two_cores(1000, &size);
	put(dir, "two_cores", file, size);
	file = nb_stages(1000, &size);
	put(dir, "stages", file, size);
	file = nb_faulty(NB_DEADLOCK, 1000, &size);
	put(dir, "deadlock", file, size);
	file = nb_faulty(NB_OUT_OF_BOUNDS, 1000, &size);
	put(dir, "out_of_bounds", file, size);
	file = nb_add(1000, &size);
	put(dir, "truncated", file, size - 100);
	file = nb_add(1000, &size);
	file[size - 200] ^= 4;
	put(dir, "flipped", file, size);
	file = sb_found(1000, &size);
	put(dir, "found", file, size);
	file = sb_either(100, &size);
	put(dir, "either", file, size);
	file = sb_strings(4, &size);
	put(dir, "strings", file, size);
	file = sb_pieces(100, SB_ONE, &size);
	put(dir, "pieces", file, size);
	file = sb_pieces(100, SB_OTHERS, &size);
	put(dir, "pieces_of_two", file, size);
	file = sb_products(100, w, &size);
	put(dir, "products", file, size);
	size = 8192;
	file = calloc(1, size);
	memcpy(file, (uint64_t []) { 2, 1024, 7168, 1, 0 }, 40);
	put(dir, "aws", file, size);
	return 0;
}
