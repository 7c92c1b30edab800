// SPDX-License-Identifier: MIT
/*
 * The classic program of libnrt: load a model, make tensors, execute, print.
 *
 *	execute MODEL.neff [INPUT-NAME=FILE]...
 *
 * Nothing in it is of this library alone. Files hold bare elements; inputs
 * without a file count up from 0. For each output it prints name, type, shape
 * and the first elements, and writes NAME.out when OUT_DIR is set.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

static void check(NRT_STATUS status, const char *what)
{
	if (status == NRT_SUCCESS)
		return;
	fprintf(stderr, "%s: %s (%d)\n", what, nrt_get_status_as_str(status), status);
	exit(1);
}

static void *map_file(const char *path, size_t *size)
{
	struct stat st;
	void *data;
	int fd = open(path, O_RDONLY);

	if (fd < 0 || fstat(fd, &st) || !st.st_size) {
		fprintf(stderr, "%s: %s\n", path, errno ? strerror(errno) : "empty");
		exit(1);
	}
	data = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (data == MAP_FAILED) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	*size = st.st_size;
	return data;
}

static void make_tensors(const nrt_tensor_info_array_t *infos,
			 nrt_tensor_usage_t usage, nrt_tensor_set_t **set)
{
	nrt_tensor_t *tensor;
	uint64_t i;

	check(nrt_allocate_tensor_set(set), "nrt_allocate_tensor_set");
	for (i = 0; i < infos->tensor_count; i++) {
		const nrt_tensor_info_t *info = &infos->tensor_array[i];

		if (info->usage != usage)
			continue;
		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, info->size,
					  info->name, &tensor), info->name);
		check(nrt_add_tensor_to_tensor_set(*set, info->name, tensor),
		      info->name);
	}
}

static void free_tensors(const nrt_tensor_info_array_t *infos,
			 nrt_tensor_usage_t usage, nrt_tensor_set_t **set)
{
	nrt_tensor_t *tensor;
	uint64_t i;

	for (i = 0; i < infos->tensor_count; i++) {
		if (infos->tensor_array[i].usage != usage)
			continue;
		check(nrt_get_tensor_from_tensor_set(*set,
						     infos->tensor_array[i].name,
						     &tensor), "a tensor");
		nrt_tensor_free(&tensor);
	}
	nrt_destroy_tensor_set(set);
}

static void count_up(const nrt_tensor_info_t *info, void *data)
{
	size_t i;

	switch (info->dtype) {
	case NRT_DTYPE_FLOAT32:
		for (i = 0; i < info->size / 4; i++)
			((float *)data)[i] = i;
		break;
	case NRT_DTYPE_INT64:
		for (i = 0; i < info->size / 8; i++)
			((int64_t *)data)[i] = i;
		break;
	case NRT_DTYPE_INT32:
		for (i = 0; i < info->size / 4; i++)
			((int32_t *)data)[i] = i;
		break;
	default:
		for (i = 0; i < info->size; i++)
			((uint8_t *)data)[i] = i;
	}
}

static void fill_input(nrt_tensor_set_t *set, const nrt_tensor_info_t *info,
		       char **files)
{
	size_t name = strlen(info->name), size;
	nrt_tensor_t *tensor;
	void *data;

	check(nrt_get_tensor_from_tensor_set(set, info->name, &tensor), info->name);
	for (; *files; files++) {
		if (strncmp(*files, info->name, name) || (*files)[name] != '=')
			continue;
		data = map_file(*files + name + 1, &size);
		check(nrt_tensor_write(tensor, data, 0, size), *files);
		munmap(data, size);
		return;
	}
	data = malloc(info->size + 1);
	if (!data)
		exit(1);
	count_up(info, data);
	check(nrt_tensor_write(tensor, data, 0, info->size), info->name);
	free(data);
}

static void print_elements(const nrt_tensor_info_t *info, const void *data)
{
	size_t i;

	for (i = 0; i < 8; i++) {
		if (info->dtype == NRT_DTYPE_FLOAT32 && i < info->size / 4)
			printf(" %g", ((const float *)data)[i]);
		else if (info->dtype == NRT_DTYPE_INT64 && i < info->size / 8)
			printf(" %lld", (long long)((const int64_t *)data)[i]);
		else if (info->dtype == NRT_DTYPE_INT32 && i < info->size / 4)
			printf(" %d", ((const int32_t *)data)[i]);
	}
	printf("\n");
}

static void write_output(const nrt_tensor_info_t *info, const void *data)
{
	const char *dir = getenv("OUT_DIR");
	char path[4096];
	FILE *f;

	if (!dir)
		return;
	snprintf(path, sizeof(path), "%s/%s.out", dir, info->name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, info->size, f) != info->size || fclose(f)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
}

static void show_output(nrt_tensor_set_t *set, const nrt_tensor_info_t *info)
{
	nrt_tensor_t *tensor;
	void *data = malloc(info->size + 1);
	uint32_t i;

	check(nrt_get_tensor_from_tensor_set(set, info->name, &tensor), info->name);
	check(nrt_tensor_read(tensor, data, 0, info->size), info->name);
	printf("output %s type %d shape", info->name, info->dtype);
	for (i = 0; i < info->ndim; i++)
		printf(" %u", info->shape[i]);
	printf(":");
	print_elements(info, data);
	write_output(info, data);
	free(data);
}

int main(int argc, char **argv)
{
	nrt_tensor_set_t *inputs = NULL, *outputs = NULL;
	nrt_tensor_info_array_t *infos = NULL;
	nrt_model_t *model = NULL;
	uint32_t cores;
	void *neff;
	size_t size;
	uint64_t i;

	if (argc < 2) {
		fprintf(stderr, "usage: execute MODEL.neff [INPUT-NAME=FILE]...\n");
		return 2;
	}
	neff = map_file(argv[1], &size);
	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	check(nrt_load(neff, size, -1, -1, &model), "nrt_load");
	munmap(neff, size);
	check(nrt_get_model_vnc_count(model, &cores), "nrt_get_model_vnc_count");
	check(nrt_get_model_tensor_info(model, &infos), "nrt_get_model_tensor_info");
	make_tensors(infos, NRT_TENSOR_USAGE_INPUT, &inputs);
	make_tensors(infos, NRT_TENSOR_USAGE_OUTPUT, &outputs);
	for (i = 0; i < infos->tensor_count; i++) {
		if (infos->tensor_array[i].usage == NRT_TENSOR_USAGE_INPUT)
			fill_input(inputs, &infos->tensor_array[i], argv + 2);
	}
	check(nrt_execute(model, inputs, outputs), "nrt_execute");
	for (i = 0; i < infos->tensor_count; i++) {
		if (infos->tensor_array[i].usage == NRT_TENSOR_USAGE_OUTPUT)
			show_output(outputs, &infos->tensor_array[i]);
	}
	check(nrt_unload(model), "nrt_unload");
	/* Tensors and their description outlive the model. */
	free_tensors(infos, NRT_TENSOR_USAGE_INPUT, &inputs);
	free_tensors(infos, NRT_TENSOR_USAGE_OUTPUT, &outputs);
	check(nrt_free_model_tensor_info(infos), "nrt_free_model_tensor_info");
	nrt_close();
	printf("done on %u core%s\n", cores, cores == 1 ? "" : "s");
	return 0;
}
