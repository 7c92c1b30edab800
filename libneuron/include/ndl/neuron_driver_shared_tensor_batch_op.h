/* SPDX-License-Identifier: MIT */
/* One transfer of a batch; see nrt_tensor_read_batch(). */
#ifndef NDL_NEURON_DRIVER_SHARED_TENSOR_BATCH_OP_H
#define NDL_NEURON_DRIVER_SHARED_TENSOR_BATCH_OP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef uint64_t nrt_tensor_batch_offset_t;
typedef uint64_t nrt_tensor_batch_size_t;

/**
 * struct nrt_tensor_batch_op - bytes to move between a tensor and memory
 * @offset: first byte in the tensor
 * @size: bytes
 * @buffer: the caller's memory, @size bytes of it
 */
typedef struct nrt_tensor_batch_op {
	nrt_tensor_batch_offset_t offset;
	nrt_tensor_batch_size_t size;
	void *buffer;
} nrt_tensor_batch_op_t;

#ifdef __cplusplus
}
#endif

#endif /* NDL_NEURON_DRIVER_SHARED_TENSOR_BATCH_OP_H */
