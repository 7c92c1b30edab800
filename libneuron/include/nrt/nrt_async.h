/* SPDX-License-Identifier: MIT */
/*
 * Requests that are queued, and completed later.
 *
 * Names, types and values are those of AWS's libnrt in the form with error trackers;
 * the rules at the top of nrt.h hold here, too. Each core has queues of several kinds,
 * called execution units. Requests of one queue are completed in their order, those of
 * different queues in any: whoever needs one's results first waits for it.
 */
#ifndef NRT_NRT_ASYNC_H
#define NRT_NRT_ASYNC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Execution units. */
typedef enum {
	NRTA_XU_TENSOR_READ = 0,
	NRTA_XU_TENSOR_WRITE,
	NRTA_XU_TENSOR_OP,	/* copies between tensors */
	NRTA_XU_COMPUTE,
	NRTA_XU_COLLECTIVES,	/* nothing is ever queued there */
	NRTA_XU_TYPE_NUM
} nrta_xu_t;

/*
 * A request: 16 bits for its queue, and 48 that count that queue's requests from 1 on.
 * Of one queue, later requests have greater values.
 */
typedef uint64_t nrta_seq_t;
typedef uint16_t nrta_xu_id_t;

#define NRTA_SEQ_NUM_MAX	((UINT64_C(1) << 48) - 1)
#define NRTA_SEQ_NUM_MASK	NRTA_SEQ_NUM_MAX
#define NRTA_SEQ_GET_SEQ_NUM(seq_id)	((seq_id) & NRTA_SEQ_NUM_MASK)
#define NRTA_SEQ_GET_XU_ID(seq_id)	((seq_id) >> 48)

/**
 * struct nrta_error - a request that failed
 * @seq_id: the request
 * @error_code: an NRT_STATUS
 */
typedef struct nrta_error {
	nrta_seq_t seq_id;
	uint64_t error_code;
} nrta_error_t;

typedef struct nrta_error_tracker nrta_error_tracker_t;

/**
 * nrta_tensor_write() - queue a copy into a tensor
 * @tensor: the tensor; freeing it before the request is completed is fine
 * @buf: @size bytes, which stay as they are until then
 * @offset: first byte in the tensor
 * @size: bytes
 * @queue: 0 to 3
 * @err: is told when the request fails; may be NULL
 * @req_sequence: receives the request
 *
 * The unit is NRTA_XU_TENSOR_WRITE of the core that the tensor was allocated for.
 *
 * Return: NRT_SUCCESS: it is queued; NRT_QUEUE_FULL: 64 requests are, wait for one
 * (logged as information only); NRT_INVALID; NRT_RESOURCE: no thread can be made.
 */
NRT_STATUS nrta_tensor_write(nrt_tensor_t *tensor, const void *buf, uint64_t offset,
			     uint64_t size, int queue, nrta_error_tracker_t *err,
			     nrta_seq_t *req_sequence);

/**
 * nrta_tensor_read() - queue a copy out of a tensor
 * @buf: receives @size bytes
 * @tensor: the tensor
 * @offset: first byte in the tensor
 * @size: bytes
 * @queue: see nrta_tensor_write()
 * @err: see nrta_tensor_write()
 * @req_sequence: see nrta_tensor_write()
 *
 * The unit is NRTA_XU_TENSOR_READ of the core that the tensor was allocated for.
 *
 * Return: as nrta_tensor_write().
 */
NRT_STATUS nrta_tensor_read(void *buf, nrt_tensor_t *tensor, uint64_t offset,
			    uint64_t size, int queue, nrta_error_tracker_t *err,
			    nrta_seq_t *req_sequence);

/**
 * nrta_tensor_copy() - queue a copy between tensors
 * @src: see nrt_tensor_copy()
 * @src_offset: see nrt_tensor_copy()
 * @dst: see nrt_tensor_copy(); may be on another core
 * @dst_offset: see nrt_tensor_copy()
 * @size: bytes
 * @queue: see nrta_tensor_write()
 * @err: see nrta_tensor_write()
 * @req_sequence: see nrta_tensor_write()
 *
 * The unit is NRTA_XU_TENSOR_OP of the core that @dst was allocated for.
 *
 * Return: as nrta_tensor_write().
 */
NRT_STATUS nrta_tensor_copy(nrt_tensor_t *src, uint64_t src_offset, nrt_tensor_t *dst,
			    uint64_t dst_offset, uint64_t size, int queue,
			    nrta_error_tracker_t *err, nrta_seq_t *req_sequence);

/**
 * nrta_execute_schedule() - queue an execution
 * @model: from nrt_load(); nrt_unload() waits for it
 * @input: see nrt_execute(). The set may be changed or destroyed afterwards; its
 *	   tensors are needed until the request is completed
 * @output: the same
 * @queue: 0
 * @err: see nrta_tensor_write()
 * @req_sequence: see nrta_tensor_write()
 *
 * The unit is NRTA_XU_COMPUTE of the first core that the model is on.
 *
 * Return: as nrta_tensor_write(); NRT_EXEC_BAD_INPUT: a tensor is missing, freed or of
 * the wrong size.
 */
NRT_STATUS nrta_execute_schedule(nrt_model_t *model, const nrt_tensor_set_t *input,
				 nrt_tensor_set_t *output, int queue,
				 nrta_error_tracker_t *err, nrta_seq_t *req_sequence);

/**
 * nrta_cc_prepare() - prepare a collective
 * @comm: the workers
 * @input: input tensors
 * @output: output tensors
 * @dtype: type of elements
 * @op: how elements are reduced
 * @cc_op: which collective
 * @cc_ctx: becomes NULL
 *
 * Return: NRT_FAILURE: this chip has no collectives; NRT_INVALID.
 */
NRT_STATUS nrta_cc_prepare(nrt_cc_comm_t *comm, nrt_tensor_list_t *input,
			   nrt_tensor_list_t *output, nrt_dtype_t dtype,
			   nrt_op_type_t op, nrt_cc_op_type_t cc_op,
			   nrt_cc_context_t **cc_ctx);

/**
 * nrta_cc_schedule() - queue a collective
 * @cc_ctx: from nrta_cc_prepare()
 * @queue: queue
 * @err: error tracker
 * @req_sequence: would receive the request
 *
 * Return: NRT_FAILURE: this chip has no collectives.
 */
NRT_STATUS nrta_cc_schedule(nrt_cc_context_t **cc_ctx, int queue,
			    nrta_error_tracker_t *err, nrta_seq_t *req_sequence);

/**
 * nrta_is_completed() - has a request been completed?
 * @seq: the request
 * @is_completed: receives the answer; a request that failed is completed, too
 *
 * Return: NRT_SUCCESS, whatever the answer is; NRT_INVALID: there is no such request.
 */
NRT_STATUS nrta_is_completed(nrta_seq_t seq, bool *is_completed);

/**
 * nrta_get_sequence() - the request of a queue that was completed last
 * @lnc: core
 * @xu: unit
 * @queue: queue
 * @seq: receives it; with number 0 if there was none
 */
NRT_STATUS nrta_get_sequence(uint32_t lnc, nrta_xu_t xu, int queue, nrta_seq_t *seq);

/**
 * nrta_get_completion_handle() - something to poll for a request
 * @seq: the request
 * @fd: receives a file descriptor that is readable once the request is completed, and
 *	that the caller closes; nothing but poll() and the like is for it
 *
 * Return: NRT_SUCCESS; NRT_INVALID: there is no such request; NRT_RESOURCE: the
 * process has too many open files.
 */
NRT_STATUS nrta_get_completion_handle(nrta_seq_t seq, int *fd);

/**
 * nrta_error_tracker_create() - make a list for requests that fail
 * @lnc_idx: core that it is for; requests of other cores may use it, too
 * @error_tracker: receives the handle, to be freed with nrta_error_tracker_destroy()
 */
NRT_STATUS nrta_error_tracker_create(uint32_t lnc_idx,
				     nrta_error_tracker_t **error_tracker);

/**
 * nrta_error_tracker_destroy() - free such a list
 * @error_tracker: may be NULL. Requests that are queued with it need it no more
 *
 * Callable after nrt_close(), too.
 */
void nrta_error_tracker_destroy(nrta_error_tracker_t *error_tracker);

/**
 * nrta_error_tracker_get_list() - take the errors out of a list
 * @error_tracker: the list, which is empty afterwards
 * @list: receives the errors since the last call, in the order in which they happened;
 *	  good until the next call with this tracker, or its end. NULL if there are none
 * @error_count: receives their number
 *
 * A failed request is in the list once it is completed. Callable after nrt_close(),
 * too.
 */
NRT_STATUS nrta_error_tracker_get_list(nrta_error_tracker_t *error_tracker,
				       const nrta_error_t **list, size_t *error_count);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_ASYNC_H */
