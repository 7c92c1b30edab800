// SPDX-License-Identifier: MIT
/*
 * Large networks as folders for tests/bench/onnxruntime.
 *
 *	networks DIR
 *
 * Writes DIR/NAME/model.onnx and DIR/NAME/test_data_set_0/input_N.pb for MobileNetV2,
 * ResNet-50 and BERT base, the latter in fp32 and quantized as it is executed, with
 * weights and inputs drawn by lot.
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/bench/calibrate/graphs.h"

#define TOKENS	128

static void write_file(const char *path, const void *data, size_t size)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(data, 1, size, f) != size || fclose(f))
		err(1, "%s", path);
}

static void make_folder(const char *path)
{
	if (mkdir(path, 0777) && errno != EEXIST)
		err(1, "%s", path);
}

/* A tensor of numbers between @low and @low + @range. */
static void write_input(const char *folder, unsigned int number, float low, float range, int rank,
			const int64_t *dims)
{
	char path[4096];
	size_t size;
	void *bytes = graph_input(low, range, rank, dims, &size);

	snprintf(path, sizeof(path), "%s/input_%u.pb", folder, number);
	write_file(path, bytes, size);
	free(bytes);
}

/* Writes the model; @folder: receives where its inputs go. */
static void write_model(const char *dir, const char *name, void *model, size_t size, char *folder,
			size_t room)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	make_folder(path);
	snprintf(path, sizeof(path), "%s/%s/model.onnx", dir, name);
	write_file(path, model, size);
	free(model);
	snprintf(folder, room, "%s/%s/test_data_set_0", dir, name);
	make_folder(folder);
}

int main(int argc, char **argv)
{
	static const int64_t image[] = { 1, 3, 224, 224 }, tokens[] = { 1, TOKENS, 768 };
	static const int64_t mask[] = { 1, 1, 1, TOKENS };
	char folder[4096];
	size_t size;
	void *model;

	if (argc != 2) {
		fprintf(stderr, "usage: networks DIR\n");
		return 2;
	}
	make_folder(argv[1]);
	model = graph_mobilenet_v2(&size);
	write_model(argv[1], "mobilenet_v2", model, size, folder, sizeof(folder));
	write_input(folder, 0, -1, 2, 4, image);
	model = graph_resnet50(1, false, &size);
	write_model(argv[1], "resnet50", model, size, folder, sizeof(folder));
	write_input(folder, 0, -1, 2, 4, image);
	for (int bytes = 0; bytes < 2; bytes++) {
		model = graph_bert(12, 768, 1, TOKENS, bytes, &size);
		write_model(argv[1], bytes ? "bert_base_int8" : "bert_base", model, size, folder,
			    sizeof(folder));
		write_input(folder, 0, -1, 2, 3, tokens);
		write_input(folder, 1, 0, 0, 4, mask);	/* no token is masked */
	}
	return 0;
}
