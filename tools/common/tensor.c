// SPDX-License-Identifier: MIT
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <compiler/graph.h>
#include "file.h"
#include "say.h"
#include "tensor.h"

int64_t tensor_count(const struct tensor *tensor)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < tensor->rank; i++)
		n *= tensor->dims[i];
	return n;
}

double tensor_get(const struct tensor *tensor, int64_t index)
{
	const struct nc_value value = {
		.dtype = tensor->dtype, .data = tensor->data,
	};

	return nc_const_double(&value, index);
}

bool tensor_load(struct tensor *tensor, const char *path)
{
	char why[TENSOR_WHY];
	const char *error;
	size_t size;
	void *data;

	*tensor = (struct tensor) { 0 };
	if (!has_suffix(path, ".pb") && !has_suffix(path, ".npy") &&
	    !has_suffix(path, ".bin")) {
		say_error("%s: not a tensor; .pb, .npy and .bin files are", path);
		return false;
	}
	data = file_read(path, &size);
	if (!data)
		return false;
	if (has_suffix(path, ".bin")) {
		tensor->data = data;
		tensor->size = size;
		tensor->rank = 1;
		tensor->dims[0] = (int64_t)size;
		tensor->name = strdup("");
		if (!tensor->name)
			die_oom();
		return true;
	}
	error = has_suffix(path, ".pb") ?
		tensor_parse_pb(tensor, data, size, why) :
		tensor_parse_npy(tensor, data, size);
	free(data);
	if (!error)
		return true;
	say_error("%s: cannot be read: %s", path, error);
	tensor_free(tensor);
	return false;
}

bool tensor_save(const struct tensor *tensor, const char *path)
{
	size_t size = tensor->size;
	void *data = tensor->data;
	bool is_bin = has_suffix(path, ".bin"), ok;

	if (has_suffix(path, ".npy")) {
		data = tensor_format_npy(tensor, &size);
		if (!data && errno == EINVAL) {
			say_error("%s: numpy has no %s; write a .pb file instead",
				  path, nc_dtype_name(tensor->dtype));
			return false;
		}
	} else if (!is_bin) {
		data = tensor_format_pb(tensor, &size);
	}
	if (!data)
		die_oom();
	ok = file_write(path, data, size);
	if (!is_bin)
		free(data);
	return ok;
}

bool tensor_from_text(struct tensor *tensor, const char *text)
{
	size_t count = 1, i;
	const char *p;
	int64_t *data;
	char *end;

	*tensor = (struct tensor) { 0 };
	for (p = text; *p; p++)
		count += *p == ',';
	data = calloc(count, sizeof(*data));
	tensor->data = data;
	tensor->name = strdup("");
	if (!data || !tensor->name)
		die_oom();
	for (i = 0, p = text; i < count; i++, p = end + 1) {
		errno = 0;
		data[i] = strtoll(p, &end, 10);
		if (end == p || errno || (*end && *end != ',')) {
			tensor_free(tensor);
			return false;
		}
	}
	tensor->dtype = NC_I64;
	tensor->rank = count > 1;
	tensor->dims[0] = (int64_t)count;
	tensor->size = count * sizeof(*data);
	return true;
}

void tensor_free(struct tensor *tensor)
{
	free(tensor->name);
	free(tensor->data);
	*tensor = (struct tensor) { 0 };
}
