// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <neuron/neff.h>
#include "file.h"
#include "model.h"
#include "say.h"

static void say_unreadable(const char *path, const char *error)
{
	say_error("%s: the model cannot be read: %s", path, error);
}

/* The suffix alone may lie: a .neff begins with its magic number. */
static bool is_neff(const void *bytes, size_t size)
{
	return size >= 8 && !memcmp(bytes, NEURON_NEFF_MAGIC, 8);
}

bool model_open(struct model *model, const char *path)
{
	const char *error;

	*model = (struct model) { .path = path };
	model->bytes = file_read(path, &model->size);
	if (!model->bytes)
		return false;
	model->is_onnx = !has_suffix(path, ".neff") &&
			 !is_neff(model->bytes, model->size);
	if (!model->is_onnx)
		return true;
	error = nc_probe(model->bytes, model->size, &model->probe);
	if (!error)
		return true;
	say_unreadable(path, error);
	model_close(model);
	return false;
}

bool model_says_unreadable(const char *path, const void *onnx, size_t size)
{
	struct nc_probe probe;
	const char *error;

	if (is_neff(onnx, size)) {
		say_error("%s: it is compiled already: neuron-run runs it", path);
		return true;
	}
	error = nc_probe(onnx, size, &probe);
	if (error)
		say_unreadable(path, error);
	nc_probe_free(&probe);
	return error;
}

void model_close(struct model *model)
{
	nc_probe_free(&model->probe);
	free(model->bytes);
	*model = (struct model) { 0 };
}

char *model_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = strndup(path, slash ? (size_t)(slash - path) + 1 : 0);

	if (!folder)
		die_oom();
	return folder;
}

char *model_name(const char *path)
{
	const char *base = strrchr(path, '/');
	char *name, *dot;

	name = strdup(base ? base + 1 : path);
	if (!name)
		die_oom();
	dot = strrchr(name, '.');
	if (dot && dot != name)
		*dot = '\0';
	return name;
}

static bool is_needed(const struct nc_result *result, const char *name)
{
	unsigned int i;

	for (i = 0; i < result->num_needed; i++)
		if (!strcmp(result->needed[i], name))
			return true;
	return false;
}

bool model_compile(const struct model *model, const struct nc_options *options,
		   const struct tensor *inputs, struct nc_result *result)
{
	unsigned int n = model->probe.num_inputs, i, added;
	struct nc_options all = *options;
	struct nc_const_arg *consts;
	struct nc_shape_arg *shapes;
	char *name = model_name(model->path);
	char *folder = model_folder(model->path);
	bool ok, *is_const;

	shapes = calloc((size_t)n + 1, sizeof(*shapes));
	consts = calloc((size_t)n + options->num_consts + 1, sizeof(*consts));
	is_const = calloc((size_t)n + 1, sizeof(*is_const));
	if (!shapes || !consts || !is_const)
		die_oom();
	if (options->num_consts)
		memcpy(consts, options->consts,
		       options->num_consts * sizeof(*consts));
	all.folder = folder;
	all.shapes = shapes;
	all.consts = consts;
	do {
		all.num_shapes = 0;
		for (i = 0; i < n; i++) {
			struct nc_shape_arg *shape = &shapes[all.num_shapes];

			/* Bare elements have no shape to tell. */
			if (!inputs[i].data || !inputs[i].dtype || is_const[i])
				continue;
			shape->name = model->probe.inputs[i].name;
			shape->rank = inputs[i].rank;
			memcpy(shape->dims, inputs[i].dims, sizeof(shape->dims));
			all.num_shapes++;
		}
		ok = nc_compile(model->bytes, model->size, name, &all, result);
		if (ok && !result->num_needed)
			break;
		for (added = 0, i = 0; i < n; i++) {
			struct nc_const_arg *arg = &consts[all.num_consts];

			if (is_const[i] || !inputs[i].data || !inputs[i].dtype ||
			    !is_needed(result, model->probe.inputs[i].name))
				continue;
			arg->name = model->probe.inputs[i].name;
			arg->dtype = inputs[i].dtype;
			arg->rank = inputs[i].rank;
			memcpy(arg->dims, inputs[i].dims, sizeof(arg->dims));
			arg->data = inputs[i].data;
			all.num_consts++;
			is_const[i] = true;
			added++;
			if (model->says_consts)
				say_error("input '%.100s' is a constant of this run: shapes or conditions depend on it",
					  arg->name);
		}
		if (added)
			nc_result_free(result);
	} while (added);
	free(shapes);
	free(consts);
	free(is_const);
	free(name);
	free(folder);
	return ok;
}
