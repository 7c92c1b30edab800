// SPDX-License-Identifier: MIT
#include "tests/bench/loaded.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <neuron.h>
#include <nrt/nrt_experimental.h>

/* Vector kernels may read a little past the end. */
#define SLACK	4096

void *bench_read_file(const char *path, size_t *size)
{
	FILE *f = fopen(path, "rb");
	void *data;
	long end = -1;

	if (f && !fseek(f, 0, SEEK_END))
		end = ftell(f);
	if (end < 0)
		err(1, "%s", path);
	rewind(f);
	*size = (size_t)end;
	data = aligned_alloc(4096, (*size + SLACK + 4095) & ~(size_t)4095);
	if (!data || fread(data, 1, *size, f) != *size)
		err(1, "%s", path);
	fclose(f);
	return data;
}

static void check(NRT_STATUS status, const char *what)
{
	if (status != NRT_SUCCESS && status != NRT_EXEC_COMPLETED_WITH_NUM_ERR)
		errx(1, "%s: %s", what, neuron_error());
}

void loaded_init(void)
{
	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
}

void loaded_open(struct loaded *loaded, int core, nrt_model_t *shared, const void *file,
		 size_t size)
{
	nrt_tensor_info_array_t *info;

	loaded->model = shared;
	if (!shared)
		check(nrt_load(file, size, core, -1, &loaded->model), "loading");
	check(nrt_allocate_tensor_set(&loaded->in), "a set");
	check(nrt_allocate_tensor_set(&loaded->out), "a set");
	check(nrt_get_model_tensor_info(loaded->model, &info), "asking for tensors");
	for (uint64_t i = 0; i < info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &info->tensor_array[i];
		nrt_tensor_t *tensor;

		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, core,
					  t->size ? t->size : 1, t->name, &tensor),
		      "a tensor");
		check(nrt_add_tensor_to_tensor_set(t->usage == NRT_TENSOR_USAGE_INPUT ?
						   loaded->in : loaded->out, t->name, tensor),
		      "adding a tensor");
	}
	nrt_free_model_tensor_info(info);
}

void loaded_execute(const struct loaded *loaded)
{
	check(nrt_execute(loaded->model, loaded->in, loaded->out), "executing");
}
