/* SPDX-License-Identifier: MIT */
/*
 * The runtime: models, tensors, execution.
 *
 * Names, types and values are those of AWS's libnrt. The library behind them
 * drives the virtual chip, through the kernel driver or, with
 * NEURON_RT_DEVICE=sim, inside the process; neuron.h has what is below.
 *
 * Common to all calls:
 *
 * - All may be called from any thread at any time. Calls that use one tensor,
 *   one of them changing its contents, are for the application to order.
 * - A handle that is NULL, was freed, or is of another kind is answered with
 *   NRT_INVALID_HANDLE.
 * - Every failure logs one line (see NEURON_RT_LOG_LEVEL) that says what to do.
 * - Except where noted, calls before nrt_init() return NRT_UNINITIALIZED, and
 *   calls after nrt_close() return NRT_CLOSED.
 * - "vnc" is a core's index within the process, from 0 on.
 *
 * Calls for what this chip has not (collectives over several workers, network
 * adapters, memory of later chips) are there, fail, and log why.
 */
#ifndef NRT_NRT_H
#define NRT_NRT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nrt_status.h"
#include "../ndl/neuron_driver_shared_tensor_batch_op.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NRT_MAJOR_VERSION	2
#define NRT_MINOR_VERSION	0

typedef struct nrt_model nrt_model_t;
typedef struct nrt_tensor nrt_tensor_t;
typedef struct nrt_cc_context nrt_cc_context_t;
typedef void nrt_tensor_set_t;

typedef enum {
	NRT_TENSOR_PLACEMENT_DEVICE,	/* device DRAM */
	NRT_TENSOR_PLACEMENT_HOST,	/* host memory that the chip reaches by DMA */
	NRT_TENSOR_PLACEMENT_VIRTUAL	/* here the same as HOST */
} nrt_tensor_placement_t;

/* Who calls; recorded in the log, without other effect. */
typedef enum {
	NRT_FRAMEWORK_TYPE_INVALID = 0,
	NRT_FRAMEWORK_TYPE_NO_FW = 1,
	NRT_FRAMEWORK_TYPE_TENSORFLOW,
	NRT_FRAMEWORK_TYPE_PYTORCH,
	NRT_FRAMEWORK_TYPE_MXNET,
	NRT_FRAMEWORK_TYPE_PRECHECK
} nrt_framework_type_t;

/* &nrt_instance_info.family: kinds of instances */
enum {
	NRT_INSTANCE_UNKNOWN = 0,
	NRT_INSTANCE_INF1 = 1,
	NRT_INSTANCE_TRN1 = 2,
	NRT_INSTANCE_TRN1N = 3,
	NRT_INSTANCE_INF2 = 4,
	NRT_INSTANCE_TRN2 = 5,
	NRT_INSTANCE_TRN2N = 6,
	NRT_INSTANCE_INF2E = 7,
	NRT_INSTANCE_TRN2P = 8,
	NRT_INSTANCE_TRN2U = 9,
	NRT_INSTANCE_TRN2E = 10,
	NRT_INSTANCE_TRN2EU = 11,
	NRT_INSTANCE_TRN2AC = 12,
	NRT_INSTANCE_TRN2UAC = 13,
	NRT_INSTANCE_TRN3 = 14,
	NRT_INSTANCE_TRN3PDS98 = 15
};

/* &nrt_instance_info.size */
enum {
	NRT_INSTANCE_SIZE_1XL,
	NRT_INSTANCE_SIZE_2XL,
	NRT_INSTANCE_SIZE_4XL,
	NRT_INSTANCE_SIZE_6XL,
	NRT_INSTANCE_SIZE_8XL,
	NRT_INSTANCE_SIZE_24XL,
	NRT_INSTANCE_SIZE_32XL,
	NRT_INSTANCE_SIZE_48XL,
	NRT_INSTANCE_SIZE_3XL,
	NRT_INSTANCE_SIZE_UNKNOWN,
	NRT_INSTANCE_SIZE_NUM = NRT_INSTANCE_SIZE_UNKNOWN
};

/* Of collectives. */
typedef enum nrt_op_type {
	NRT_OP_ADD = 0x0,
	NRT_OP_FMA = 0x1,
	NRT_OP_MAX = 0x2,
	NRT_OP_MIN = 0x3,
	NRT_OP_INVALID = 0xF
} nrt_op_type_t;

typedef enum nrt_cc_op_type {
	NRT_CC_ALLGATHER,
	NRT_CC_ALLREDUCE,
	NRT_CC_REDUCESCATTER
} nrt_cc_op_type_t;

/* Element types. Booleans are NRT_DTYPE_UINT8, a byte of 0 or 1. */
typedef enum nrt_dtype {
	NRT_DTYPE_UNKNOWN = 0x0,
	NRT_DTYPE_INVALID = 0x0,
	NRT_DTYPE_FP8_E3 = 0xD,
	NRT_DTYPE_FP8_E4 = 0xE,
	NRT_DTYPE_FP8_E5 = 0xF,
	NRT_DTYPE_FLOAT16 = 0x7,
	NRT_DTYPE_BFLOAT16 = 0x6,
	NRT_DTYPE_FLOAT32 = 0xA,
	NRT_DTYPE_FP32R = 0xB,
	NRT_DTYPE_UINT8 = 0x3,
	NRT_DTYPE_UINT16 = 0x5,
	NRT_DTYPE_UINT32 = 0x9,
	NRT_DTYPE_UINT64 = 0x1,
	NRT_DTYPE_INT8 = 0x2,
	NRT_DTYPE_INT16 = 0x4,
	NRT_DTYPE_INT32 = 0x8,
	NRT_DTYPE_INT64 = 0xC
} nrt_dtype_t;

/**
 * struct nrt_instance_info - what machine this is
 * @family: NRT_INSTANCE_INF1
 * @size: the NRT_INSTANCE_SIZE_* that has as many chips: 1, 4 or 16; else
 *	  NRT_INSTANCE_SIZE_UNKNOWN
 * @arch_name: "inf1", NUL-terminated
 * @device_revision: of the chip's interface, NUL-terminated
 */
typedef struct nrt_instance_info {
	uint32_t family;
	uint32_t size;
	char arch_name[16];
	char device_revision[8];
} nrt_instance_info_t;

/**
 * nrt_get_instance_info() - what machine this is
 * @info: filled in
 * @instance_info_len: sizeof(*info) of the caller; no more is written
 *
 * Callable before nrt_init().
 *
 * Return: NRT_SUCCESS; NRT_INVALID; NRT_FAILURE: there is no device.
 */
NRT_STATUS nrt_get_instance_info(nrt_instance_info_t *info, size_t instance_info_len);

/**
 * nrt_init() - take the cores and get ready
 * @framework: who calls
 * @fw_version: version of the framework; may be "" or NULL
 * @fal_version: version of its adapter; may be "" or NULL
 *
 * The cores named by NEURON_RT_VISIBLE_CORES, else NEURON_RT_NUM_CORES free
 * ones, else all, belong to this process alone until nrt_close() or its end.
 * May be called again: before nrt_close(), which closes for all callers, it
 * changes nothing.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: @framework or an environment variable is
 * not valid; NRT_FAILURE: there is no device; NRT_RESOURCE: another process
 * holds a core that is needed.
 */
NRT_STATUS nrt_init(nrt_framework_type_t framework, const char *fw_version,
		    const char *fal_version);

/**
 * nrt_close() - give everything back
 *
 * Waits for calls in progress, then unloads all models and frees the memory of
 * all tensors. Tensor and tensor set handles stay good for nrt_tensor_free()
 * and nrt_destroy_tensor_set().
 */
void nrt_close(void);

/**
 * nrt_load() - load a model
 * @neff_bytes: contents of a .neff file; not needed any more afterwards
 * @size: bytes of it
 * @vnc: first core to use, or -1 to have the least loaded ones chosen
 * @vnc_count: -1: one instance of the model. A multiple of the model's cores:
 *	       that many instances next to each other, among which executions
 *	       are distributed
 * @model: receives the handle
 *
 * Return: NRT_SUCCESS; NRT_INVALID: an argument, or the file is damaged;
 * NRT_UNSUPPORTED_NEFF_VERSION: another version, or a file of AWS's compiler;
 * NRT_LOAD_NOT_ENOUGH_NC: the model does not fit the process's cores;
 * NRT_RESOURCE: no room in device DRAM, or a core is too small for the model;
 * NRT_FAIL_HOST_MEM_ALLOC.
 */
NRT_STATUS nrt_load(const void *neff_bytes, size_t size, int32_t vnc,
		    int32_t vnc_count, nrt_model_t **model);

/**
 * nrt_load_collectives() - load a model as one of several workers
 * @neff_bytes: see nrt_load()
 * @size: see nrt_load()
 * @vnc: see nrt_load()
 * @vnc_count: see nrt_load()
 * @ctx_device_id: number of this worker
 * @ctx_device_count: number of workers
 * @model: see nrt_load()
 *
 * An only worker, number 0 of 1, loads like nrt_load().
 *
 * Return: as nrt_load(); NRT_INVALID: there is no such worker; NRT_FAILURE: there
 * is more than one, and this chip has no collectives.
 */
NRT_STATUS nrt_load_collectives(const void *neff_bytes, size_t size, int32_t vnc,
				int32_t vnc_count, uint32_t ctx_device_id,
				uint32_t ctx_device_count, nrt_model_t **model);

/**
 * nrt_unload() - unload a model and free what it holds
 * @model: from nrt_load(); not valid any more afterwards
 *
 * Executions in progress are waited for. Tensors and tensor information that
 * were made for the model live on.
 */
NRT_STATUS nrt_unload(nrt_model_t *model);

/**
 * nrt_get_model_vnc_count() - cores that a loaded model uses
 * @model: from nrt_load()
 * @vnc_count: receives the number, over all instances
 */
NRT_STATUS nrt_get_model_vnc_count(const nrt_model_t *model, uint32_t *vnc_count);
/* nrt_get_model_nc_count() - older name of nrt_get_model_vnc_count() */
NRT_STATUS nrt_get_model_nc_count(const nrt_model_t *model, uint32_t *vnc_count);

/**
 * nrt_get_total_vnc_count() - cores of all devices of this machine
 * @vnc_count: receives the number
 *
 * Callable before nrt_init().
 *
 * Return: NRT_SUCCESS; NRT_INVALID; NRT_FAILURE: there is no device.
 */
NRT_STATUS nrt_get_total_vnc_count(uint32_t *vnc_count);
/* nrt_get_total_nc_count() - older name of nrt_get_total_vnc_count() */
NRT_STATUS nrt_get_total_nc_count(uint32_t *vnc_count);

/**
 * nrt_get_visible_vnc_count() - cores that this process has or would get
 * @vnc_count: receives the number
 *
 * Callable before nrt_init(): then it says what the environment asks for.
 *
 * Return: NRT_SUCCESS; NRT_INVALID; NRT_FAILURE: there is no device.
 */
NRT_STATUS nrt_get_visible_vnc_count(uint32_t *vnc_count);
/* nrt_get_visible_nc_count() - older name of nrt_get_visible_vnc_count() */
NRT_STATUS nrt_get_visible_nc_count(uint32_t *vnc_count);

/**
 * nrt_allocate_tensor_set() - make an empty set of named tensors
 * @result: receives the handle, to be freed with nrt_destroy_tensor_set()
 */
NRT_STATUS nrt_allocate_tensor_set(nrt_tensor_set_t **result);

/**
 * nrt_destroy_tensor_set() - free a set, but not the tensors in it
 * @tensor_set: address of the handle, which becomes NULL
 *
 * Callable after nrt_close(), too. NULL and the address of NULL are ignored.
 */
void nrt_destroy_tensor_set(nrt_tensor_set_t **tensor_set);

/**
 * nrt_add_tensor_to_tensor_set() - put a tensor into a set
 * @tensor_set: the set
 * @tensor_name: the name that a model knows the tensor by; replaces an earlier
 *		 tensor of that name
 * @tensor: the tensor. It stays the caller's; executing with a set whose
 *	    tensors have been freed is answered with NRT_EXEC_BAD_INPUT
 */
NRT_STATUS nrt_add_tensor_to_tensor_set(nrt_tensor_set_t *tensor_set,
					const char *tensor_name,
					nrt_tensor_t *tensor);

/**
 * nrt_get_tensor_from_tensor_set() - look a tensor up
 * @tensor_set: the set
 * @tensor_name: name given when it was added
 * @tensor: receives the tensor; unchanged on failure
 *
 * Return: NRT_SUCCESS; NRT_FAILURE: the set has no tensor of that name;
 * NRT_INVALID_HANDLE: it has been freed since.
 */
NRT_STATUS nrt_get_tensor_from_tensor_set(nrt_tensor_set_t *tensor_set,
					  const char *tensor_name,
					  nrt_tensor_t **tensor);

/**
 * nrt_execute() - run a model once
 * @model: from nrt_load()
 * @input_set: has a tensor of the right size for each input of the model
 * @output_set: the same for its outputs. Tensors that the model does not know
 *		are ignored in both
 *
 * Returns when the outputs are complete. Tensors may be placed anywhere; those
 * that the model's chip cannot reach directly (buffers of the caller, slices
 * that do not start at a multiple of 64 bytes, tensors on another chip) are
 * copied. Several threads may execute one model at once.
 *
 * Return: NRT_SUCCESS; NRT_EXEC_BAD_INPUT: a tensor is missing, freed or of
 * the wrong size; NRT_EXEC_COMPLETED_WITH_NUM_ERR: the outputs are complete,
 * but the model made NaN out of finite inputs (libneuron(7) says how to ask for
 * NRT_SUCCESS instead, or for an error whatever the inputs are); NRT_TIMEOUT: NEURON_RT_EXEC_TIMEOUT is over;
 * NRT_EXEC_OOB, NRT_EXEC_COMPLETED_WITH_ERR, NRT_INVALID, NRT_RESOURCE: the
 * program is faulty; NRT_EXEC_HW_ERR_*, NRT_HW_ERROR: the chip is;
 * NRT_EXEC_UNIT_UNRECOVERABLE: the core or the device is lost.
 */
NRT_STATUS nrt_execute(nrt_model_t *model, const nrt_tensor_set_t *input_set,
		       nrt_tensor_set_t *output_set);

/**
 * nrt_execute_repeat() - run a model several times with the same tensors
 * @model: see nrt_execute()
 * @input_set: see nrt_execute()
 * @output_set: see nrt_execute(); holds the last execution's results
 * @repeat_count: times, at least 1
 *
 * AWS's compiler can make models whose outputs become the inputs of the next
 * round; models of this project have no such mark, so each round has the same
 * inputs. Stops at the first failure and returns it.
 */
NRT_STATUS nrt_execute_repeat(nrt_model_t *model, const nrt_tensor_set_t *input_set,
			      nrt_tensor_set_t *output_set, int repeat_count);

/**
 * nrt_build_global_comm() - connect workers
 * @vnc: core
 * @g_device_id: number of this worker
 * @g_device_count: number of workers
 *
 * Return: NRT_SUCCESS: this is the only one; NRT_INVALID: there is no such core or
 * worker; NRT_FAILURE: there are more, and this chip has no collectives.
 */
NRT_STATUS nrt_build_global_comm(int32_t vnc, uint32_t g_device_id,
				 uint32_t g_device_count);

/**
 * nrt_tensor_allocate() - make a tensor, filled with zeros
 * @tensor_placement: where
 * @vnc: core that will use it; -1 for host memory that any core may use
 * @size: bytes; 0 gives a tensor without contents
 * @name: for messages; may be NULL
 * @tensor: receives the handle, to be freed with nrt_tensor_free()
 *
 * The tensor outlives the models that it is used with.
 *
 * Return: NRT_SUCCESS; NRT_INVALID; NRT_RESOURCE: no room in device DRAM;
 * NRT_FAIL_HOST_MEM_ALLOC.
 */
NRT_STATUS nrt_tensor_allocate(nrt_tensor_placement_t tensor_placement, int vnc,
			       size_t size, const char *name,
			       nrt_tensor_t **tensor);

/**
 * nrt_tensor_free() - free a tensor
 * @tensor: address of the handle, which becomes NULL
 *
 * Its memory is freed with the last slice of it. Callable after nrt_close(),
 * too. NULL and the address of NULL are ignored.
 */
void nrt_tensor_free(nrt_tensor_t **tensor);

/**
 * nrt_tensor_read() - copy bytes out of a tensor
 * @tensor: the tensor
 * @buf: receives @size bytes
 * @offset: first byte in the tensor
 * @size: bytes
 *
 * Return: NRT_SUCCESS; NRT_INVALID: the range is not inside the tensor.
 */
NRT_STATUS nrt_tensor_read(const nrt_tensor_t *tensor, void *buf, size_t offset,
			   size_t size);

/**
 * nrt_tensor_write() - copy bytes into a tensor
 * @tensor: the tensor
 * @buf: @size bytes
 * @offset: first byte in the tensor
 * @size: bytes
 *
 * Return: NRT_SUCCESS; NRT_INVALID: the range is not inside the tensor.
 */
NRT_STATUS nrt_tensor_write(nrt_tensor_t *tensor, const void *buf, size_t offset,
			    size_t size);

/**
 * struct nrt_tensor_batch - transfers of one tensor
 * @tensor: the tensor
 * @ops: the transfers
 * @num_ops: number of them
 */
typedef struct nrt_tensor_batch {
	const nrt_tensor_t *tensor;
	const nrt_tensor_batch_op_t *ops;
	uint32_t num_ops;
} nrt_tensor_batch_t;

/**
 * nrt_tensor_read_batch() - copy out of several tensors
 * @batches: what to copy
 * @num_batches: number of them
 * @unsafe: accepted; nothing is skipped
 *
 * All ranges are checked before anything is copied.
 */
NRT_STATUS nrt_tensor_read_batch(const nrt_tensor_batch_t *batches,
				 uint64_t num_batches, bool unsafe);

/**
 * nrt_tensor_write_batch() - copy into several tensors
 * @batches: what to copy
 * @num_batches: number of them
 * @unsafe: accepted; nothing is skipped
 *
 * All ranges are checked before anything is copied.
 */
NRT_STATUS nrt_tensor_write_batch(const nrt_tensor_batch_t *batches,
				  uint64_t num_batches, bool unsafe);

/**
 * nrt_tensor_copy() - copy from one tensor to another
 * @src: source
 * @src_offset: first byte in @src
 * @dst: destination; may be on another core or chip. When both share their
 *	 storage the ranges must not overlap
 * @dst_offset: first byte in @dst
 * @size: bytes
 *
 * Return: NRT_SUCCESS; NRT_INVALID: a range is not inside its tensor, or the
 * ranges overlap.
 */
NRT_STATUS nrt_tensor_copy(const nrt_tensor_t *src, size_t src_offset,
			   nrt_tensor_t *dst, size_t dst_offset, size_t size);

/**
 * nrt_tensor_get_size() - bytes of a tensor
 * @tensor: the tensor
 *
 * Return: the size; 0 for a bad handle, too.
 */
size_t nrt_tensor_get_size(const nrt_tensor_t *tensor);

/**
 * nrt_tensor_memset() - fill a range of a tensor with a byte
 * @tensor: the tensor
 * @offset: first byte
 * @value: converted to unsigned char
 * @size: bytes
 */
NRT_STATUS nrt_tensor_memset(nrt_tensor_t *tensor, uint64_t offset, int value,
			     size_t size);

/**
 * nrt_tensor_allocate_empty() - make a tensor without storage
 * @name: for messages; may be NULL
 * @tensor: receives the handle; nrt_tensor_attach_buffer() gives it storage
 */
NRT_STATUS nrt_tensor_allocate_empty(const char *name, nrt_tensor_t **tensor);

/**
 * nrt_tensor_attach_buffer() - make the caller's memory a tensor's storage
 * @tensor: any tensor that is no slice; storage that it owns is freed
 * @buffer: the memory, which stays the caller's and must outlive the tensor
 * @size: bytes
 */
NRT_STATUS nrt_tensor_attach_buffer(nrt_tensor_t *tensor, void *buffer,
				    size_t size);

/**
 * nrt_tensor_allocate_slice() - make a tensor that is a part of another
 * @tensor_source: a tensor with storage
 * @offset: first byte; with a multiple of 64 executions need no copy
 * @size: bytes
 * @name: for messages; may be NULL
 * @tensor_slice: receives the handle
 *
 * The storage is shared, and lives until the last tensor that uses it is freed.
 */
NRT_STATUS nrt_tensor_allocate_slice(const nrt_tensor_t *tensor_source,
				     size_t offset, size_t size, const char *name,
				     nrt_tensor_t **tensor_slice);

/**
 * nrt_tensor_get_va() - the address of a tensor's contents
 * @tensor: the tensor
 *
 * Host memory and, through the device's aperture, device DRAM: the processor may
 * read and write it until the tensor is freed, while no execution uses it.
 *
 * Return: the address, or NULL.
 */
void *nrt_tensor_get_va(const nrt_tensor_t *tensor);

/**
 * struct nrt_tensor_device_allocation_info - where in device DRAM a tensor is
 * @physical_address: address on the chip
 * @size: bytes that were allocated for it
 * @hbm_index: which memory of the chip
 */
typedef struct nrt_tensor_device_allocation_info {
	uint64_t physical_address;
	size_t size;
	int hbm_index;
} nrt_tensor_device_allocation_info_t;

/**
 * nrt_tensor_get_device_allocation_info() - where in device DRAM a tensor is
 * @tensor: the tensor
 * @alloc_info: would be filled in
 *
 * This chip's driver tells nobody addresses: programs name memory by buffer and
 * offset. nrt_get_dmabuf_fd() is the way to share a tensor with another device.
 *
 * Return: NRT_INVALID, for good arguments, too; NRT_INVALID_HANDLE.
 */
NRT_STATUS
nrt_tensor_get_device_allocation_info(const nrt_tensor_t *tensor,
				      nrt_tensor_device_allocation_info_t *alloc_info);

/**
 * nrt_tensor_check_output_completion() - wait until a tensor was written so often
 * @output_tensor: the tensor
 * @timeout: microseconds; 0: look only; negative: for ever, with a warning after
 *	     30 seconds
 * @expected_completion_count: executions that had it as an output, or more
 *
 * A tensor counts the executions that it was an output of and that completed it, NaN
 * included, from its allocation or nrt_tensor_reset_output_completion() on.
 *
 * Return: NRT_SUCCESS; NRT_TIMEOUT; NRT_INVALID: the tensor is NULL; NRT_CLOSED:
 * nrt_close() was called meanwhile.
 */
NRT_STATUS nrt_tensor_check_output_completion(const nrt_tensor_t *output_tensor,
					      int64_t timeout,
					      uint64_t expected_completion_count);

/**
 * nrt_tensor_reset_output_completion() - count executions from 0 again
 * @output_tensor: the tensor
 *
 * Return: NRT_SUCCESS; NRT_INVALID: the tensor is NULL.
 */
NRT_STATUS nrt_tensor_reset_output_completion(nrt_tensor_t *output_tensor);

/**
 * nrt_get_dmabuf_fd() - a dma-buf of a tensor's memory
 * @va: from nrt_tensor_get_va(), of a tensor that is no slice
 * @size: bytes from there that are needed
 * @fd: receives the file descriptor, which the caller closes
 *
 * It can be imported into the driver by other processes. Of a tensor in device memory
 * that is all: other devices cannot reach it, and mmap() of the descriptor itself is for
 * host memory.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: no tensor begins there, or it is smaller;
 * NRT_FAILURE: the chip is simulated, and has nothing to share.
 */
NRT_STATUS nrt_get_dmabuf_fd(uint64_t va, uint64_t size, int *fd);

/**
 * nrt_host_device_id_get() - a device's number on this machine
 * @neuron_dev: its number as this process sees it
 * @host_device_id: receives the number: the same
 *
 * Return: NRT_SUCCESS; NRT_INVALID: there is no such device.
 */
NRT_STATUS nrt_host_device_id_get(int neuron_dev, uint32_t *host_device_id);

/**
 * nrt_host_device_id_rid_map_get() - the devices' routing numbers
 * @count: entries that there is room for; receives the number written
 * @host_did_to_rid_map: receives them by device number. Chips are not linked here,
 *			 and have their own numbers
 *
 * Return: NRT_SUCCESS; NRT_INVALID.
 */
NRT_STATUS nrt_host_device_id_rid_map_get(uint32_t *count,
					  uint32_t *host_did_to_rid_map);

/**
 * nrt_get_hbm_mmap_va() - for memory of later chips
 * @device_id: device
 * @hbm_idx: memory
 * @addr: would receive its address
 * @size: would receive its size
 *
 * Return: NRT_INVALID, the status for chips without it.
 */
NRT_STATUS nrt_get_hbm_mmap_va(int device_id, int hbm_idx, void **addr, size_t *size);

/**
 * nrt_get_attached_efa_bdf() - for network adapters of later chips
 * @va: address in device memory
 * @efa_bdf: would receive the adapter's PCI address
 * @len: room there
 *
 * Return: NRT_FAILURE: there is none.
 */
NRT_STATUS nrt_get_attached_efa_bdf(const void *va, char *efa_bdf, size_t *len);

/**
 * struct nrt_cc_comm - workers of a collective
 * @replica_group: their numbers
 * @rank: position of this one there
 * @rank_n: entries there
 * @ctx_device_id: number of this worker
 * @ctx_device_count: number of workers
 * @vnc: its core
 */
typedef struct nrt_cc_comm {
	uint32_t *replica_group;
	uint32_t rank;
	uint32_t rank_n;
	uint32_t ctx_device_id;
	uint32_t ctx_device_count;
	uint32_t vnc;
} nrt_cc_comm_t;

/**
 * struct nrt_tensor_list - tensors of a collective
 * @tensors: the tensors
 * @num_tensors: number of them
 */
typedef struct nrt_tensor_list {
	nrt_tensor_t **tensors;
	size_t num_tensors;
} nrt_tensor_list_t;

/**
 * nrt_cc_global_comm_init() - connect workers for collectives outside of models
 * @vnc: core
 * @g_device_id: number of this worker
 * @g_device_count: number of workers
 *
 * Return: as nrt_build_global_comm().
 */
NRT_STATUS nrt_cc_global_comm_init(uint32_t vnc, uint32_t g_device_id,
				   uint32_t g_device_count);

/**
 * struct nrt_vnc_memory_stats - device memory of the chip that a core is on
 * @bytes_used: allocated, by whomever
 * @bytes_limit: there are
 */
typedef struct nrt_vnc_memory_stats {
	size_t bytes_used;
	size_t bytes_limit;
} nrt_vnc_memory_stats_t;

/**
 * nrt_get_vnc_memory_stats() - how much device memory is in use
 * @vnc: core
 * @stats: filled in
 * @stats_size_in: sizeof(*stats) of the caller
 * @stats_size_out: receives the bytes written; may be NULL
 */
NRT_STATUS nrt_get_vnc_memory_stats(uint32_t vnc, nrt_vnc_memory_stats_t *stats,
				    size_t stats_size_in, size_t *stats_size_out);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_H */
