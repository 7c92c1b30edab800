/* SPDX-License-Identifier: MIT */
/*
 * What a loaded model looks like: its inputs, outputs and place.
 *
 * Names, types and values are those of AWS's libnrt; the rules at the top of
 * nrt.h hold here, too.
 */
#ifndef NRT_NRT_EXPERIMENTAL_H
#define NRT_NRT_EXPERIMENTAL_H

#include <stddef.h>
#include <stdint.h>
#include "nrt.h"
#include "nrt_status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum nrt_tensor_usage {
	NRT_TENSOR_USAGE_INPUT = 0,
	NRT_TENSOR_USAGE_OUTPUT
} nrt_tensor_usage_t;

#define NRT_TENSOR_NAME_MAX	256

/**
 * struct nrt_tensor_info - an input or output of a model
 * @name: NUL-terminated
 * @usage: which of the two
 * @size: bytes
 * @dtype: of its elements
 * @shape: @ndim dimensions, outermost first; NULL when @ndim is 0
 * @ndim: number of dimensions; 0: one element
 */
typedef struct nrt_tensor_info {
	char name[NRT_TENSOR_NAME_MAX];
	nrt_tensor_usage_t usage;
	size_t size;
	nrt_dtype_t dtype;
	uint32_t *shape;
	uint32_t ndim;
} nrt_tensor_info_t;

/**
 * struct nrt_tensor_info_array - all inputs and outputs of a model
 * @tensor_count: number of them
 * @tensor_array: the inputs, then the outputs, in the model's order
 */
#if defined(__cplusplus) && defined(__clang__)
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Wc99-extensions"
#endif
typedef struct nrt_tensor_info_array {
	uint64_t tensor_count;
#ifdef __cplusplus
	__extension__
#endif
	nrt_tensor_info_t tensor_array[];
} nrt_tensor_info_array_t;
#if defined(__cplusplus) && defined(__clang__)
#pragma clang diagnostic pop
#endif

/**
 * nrt_get_model_tensor_info() - the inputs and outputs of a model
 * @model: from nrt_load()
 * @tensor_info: receives an array to be freed with nrt_free_model_tensor_info();
 *		 it outlives the model
 */
NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *model,
				     nrt_tensor_info_array_t **tensor_info);

/**
 * nrt_free_model_tensor_info() - free what nrt_get_model_tensor_info() gave
 * @tensor_info: may be NULL
 *
 * Callable after nrt_close(), too.
 *
 * Return: NRT_SUCCESS.
 */
NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info);

/**
 * nrt_get_model_instance_count() - instances of a loaded model
 * @model: from nrt_load()
 * @instance_count: receives the number: as many threads can usefully execute
 *		    the model at once, and one more each to hide the copies
 */
NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model,
					uint32_t *instance_count);

/**
 * struct nrt_model_info - where a model is
 * @vnc: its first core
 */
typedef struct nrt_model_info {
	uint32_t vnc;
} nrt_model_info_t;

/**
 * nrt_get_model_info() - where a model is
 * @model: from nrt_load()
 * @info: filled in
 * @info_size_in: sizeof(*info) of the caller
 * @info_size_out: receives the bytes written; may be NULL
 */
NRT_STATUS nrt_get_model_info(const nrt_model_t *model, nrt_model_info_t *info,
			      size_t info_size_in, size_t *info_size_out);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_EXPERIMENTAL_H */
