/* SPDX-License-Identifier: MIT */
/*
 * What a loaded model looks like: its inputs, outputs and place. Traces, implicit
 * asynchronous execution, and collectives of the host.
 *
 * Names, types and values are those of AWS's libnrt; the rules at the top of
 * nrt.h hold here, too.
 */
#ifndef NRT_NRT_EXPERIMENTAL_H
#define NRT_NRT_EXPERIMENTAL_H

#include <stdbool.h>
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

/**
 * nrt_trace_start() - record what the process does on all its cores
 * @trace_mem: allocations of tensors, too
 *
 * Return: NRT_SUCCESS; NRT_INVALID: a trace is being recorded already.
 */
NRT_STATUS nrt_trace_start(bool trace_mem);

/**
 * nrt_trace_stop() - end the trace, and write its file
 * @filename: the file, for neuron-profile(1)
 *
 * Where it can't be written the call can be repeated.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: no trace is being recorded; NRT_FAILURE: the file
 * can't be written.
 */
NRT_STATUS nrt_trace_stop(const char *filename);

/**
 * nrt_memcpy_to_device() - copy into a tensor through its address
 * @dest: inside the memory of a tensor, see nrt_tensor_get_va()
 * @src: @size bytes
 * @size: bytes
 *
 * Return: NRT_SUCCESS; NRT_INVALID: the range is not inside a tensor's memory.
 */
NRT_STATUS nrt_memcpy_to_device(void *dest, const void *src, size_t size);

/* Told of each execution when NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS is set. */
typedef void (*NRT_ASYNC_EXEC_STATUS_CALLBACK)(void *params, uint32_t model_id,
					       uint32_t vnc, uint64_t job_id,
					       NRT_STATUS status);

/**
 * nrt_register_async_exec_callback() - be told of executions
 * @callback: called with each execution's status; NULL: not any more
 * @params: handed to it
 *
 * Where NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS is above 0 when nrt_init() is
 * called, the status of an execution that could begin is told to @callback, and
 * nrt_execute() returns NRT_SUCCESS. Executions are complete when nrt_execute() returns
 * all the same, and @callback is called by the thread that called it, just before; it
 * may make calls of its own. nrt_async.h has calls that return at once. May be called
 * before nrt_init().
 */
NRT_STATUS nrt_register_async_exec_callback(NRT_ASYNC_EXEC_STATUS_CALLBACK callback,
					    void *params);

/**
 * nrt_async_drain_queued_execs() - wait for what is queued on a core
 * @vnc: the core
 *
 * For executions by nrt_execute() and nrta_execute_schedule() alike.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: there is no such core.
 */
NRT_STATUS nrt_async_drain_queued_execs(int32_t vnc);

/**
 * nrt_barrier() - wait for all workers
 * @vnc: core
 * @g_device_id: number of this worker
 * @g_device_count: number of workers
 *
 * Return: as nrt_build_global_comm().
 */
NRT_STATUS nrt_barrier(int32_t vnc, uint32_t g_device_id, uint32_t g_device_count);

/**
 * nrt_all_gather() - give each worker the data of all
 * @vnc: core
 * @g_device_id: number of this worker
 * @g_device_count: number of workers
 * @rank_input_size: bytes of each
 * @input: this worker's
 * @output: receives all of them by worker
 *
 * Return: as nrt_build_global_comm().
 */
NRT_STATUS nrt_all_gather(int32_t vnc, uint32_t g_device_id, uint32_t g_device_count,
			  uint32_t rank_input_size, void *input, void *output);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_EXPERIMENTAL_H */
