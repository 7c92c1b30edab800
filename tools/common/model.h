/* SPDX-License-Identifier: MIT */
/* Models in files, and the data that goes into them. */
#ifndef TOOLS_COMMON_MODEL_H
#define TOOLS_COMMON_MODEL_H

#include <compiler/neffc.h>
#include "tensor.h"

/**
 * struct model - a model on its way to the chip
 * @path: where it is from
 * @bytes: contents of the file
 * @size: bytes of them
 * @is_onnx: it has to be compiled
 * @probe: inputs and outputs, for an ONNX model
 * @says_consts: model_compile() says which inputs it has made constants
 */
struct model {
	const char *path;
	void *bytes;
	size_t size;
	bool is_onnx;
	struct nc_probe probe;
	bool says_consts;
};

/* Return: false after a line on standard error. */
bool model_open(struct model *model, const char *path);
void model_close(struct model *model);

/* After a compilation that failed: was it the file? Return: true after a line that says so. */
bool model_says_unreadable(const char *path, const void *onnx, size_t size);

/**
 * model_compile() - compile a model for given inputs
 * @model: an ONNX model
 * @options: how; shapes and constants come from @inputs
 * @inputs: by the probe's order; those whose data is NULL leave their shape to
 *	    the model
 * @result: receives the outcome; release with nc_result_free(), before @inputs
 *
 * Inputs whose contents are needed at compile time become constants, so that
 * models which take shapes as inputs can be run.
 *
 * Return: whether there is a .neff; else the lines are in @result.
 */
bool model_compile(const struct model *model, const struct nc_options *options,
		   const struct tensor *inputs, struct nc_result *result);

/* The folder that a file is in, from malloc(). */
char *model_folder(const char *path);

/* File name without folders and suffix, from malloc(). */
char *model_name(const char *path);

#endif /* TOOLS_COMMON_MODEL_H */
