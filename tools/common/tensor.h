/* SPDX-License-Identifier: MIT */
/*
 * Tensors in files: TensorProto (.pb), numpy (.npy), bare elements (.bin).
 */
#ifndef TOOLS_COMMON_TENSOR_H
#define TOOLS_COMMON_TENSOR_H

#include <compiler/ir.h>

/**
 * struct tensor - a dense, row-major tensor in memory
 * @name: from the file, or ""; from malloc()
 * @dtype: element type; NC_NONE for bare elements
 * @rank: number of dimensions
 * @dims: dimensions
 * @data: the elements, from malloc()
 * @size: bytes of @data
 */
struct tensor {
	char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	void *data;
	size_t size;
};

/**
 * tensor_load() - read a tensor from a file
 * @tensor: filled in; release with tensor_free()
 * @path: the file; its suffix says what it is
 *
 * Return: false after a line on standard error.
 */
bool tensor_load(struct tensor *tensor, const char *path);

/**
 * tensor_save() - write a tensor to a file
 * @tensor: the tensor
 * @path: the file; its suffix says what it becomes
 *
 * Return: false after a line on standard error.
 */
bool tensor_save(const struct tensor *tensor, const char *path);

/* Parses "1,2,3" as an int64 tensor: a scalar when there is one number alone. */
bool tensor_from_text(struct tensor *tensor, const char *text);

void tensor_free(struct tensor *tensor);

int64_t tensor_count(const struct tensor *tensor);

/* An element as a number. */
double tensor_get(const struct tensor *tensor, int64_t index);

/*
 * The formats, on memory. The parsers return NULL or what is wrong, a static
 * text or @why; the writers a block from malloc(), or NULL when memory ran out.
 */
#define TENSOR_WHY	256
const char *tensor_parse_pb(struct tensor *tensor, const void *data, size_t size,
			    char why[TENSOR_WHY]);
const char *tensor_parse_npy(struct tensor *tensor, const void *data, size_t size);
void *tensor_format_pb(const struct tensor *tensor, size_t *size);
void *tensor_format_npy(const struct tensor *tensor, size_t *size);

#endif /* TOOLS_COMMON_TENSOR_H */
