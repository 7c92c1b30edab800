// SPDX-License-Identifier: MIT
/*
 * Collectives. Workers cannot be connected on this chip, but programs that are made for
 * several work for one, too: an only worker need not be connected to anybody.
 */
#include <string.h>
#include "export.h"
#include "include/nrt/nrt_async.h"
#include "include/nrt/nrt_experimental.h"
#include "log.h"
#include "runtime.h"

#define NONE	"this chip has no collectives: start a single worker"

static NRT_STATUS check_worker(const char *function, uint32_t worker, uint32_t count)
{
	if (worker >= count) {
		neuron_log(NEURON_LOG_ERROR, function, "there is no worker %u of %u",
			   worker, count);
		return NRT_INVALID;
	}
	if (count > 1) {
		neuron_log(NEURON_LOG_ERROR, function, "worker %u of %u: %s", worker, count,
			   NONE);
		return NRT_FAILURE;
	}
	return NRT_SUCCESS;
}

static NRT_STATUS check(const char *function, int64_t vnc, uint32_t worker,
			uint32_t count)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(function, &runtime);

	if (status)
		return status;
	if (vnc < 0 || vnc >= runtime->num_cores) {
		neuron_log(NEURON_LOG_ERROR, function,
			   "there is no core %lld: give one from 0 to %u", (long long)vnc,
			   runtime->num_cores - 1);
		status = NRT_INVALID;
	}
	runtime_leave();
	return status ? status : check_worker(function, worker, count);
}

EXPORT NRT_STATUS nrt_load_collectives(const void *neff_bytes, size_t size, int32_t vnc,
				       int32_t vnc_count, uint32_t ctx_device_id,
				       uint32_t ctx_device_count, nrt_model_t **model)
{
	NRT_STATUS status = check_worker(__func__, ctx_device_id, ctx_device_count);

	return status ? status : nrt_load(neff_bytes, size, vnc, vnc_count, model);
}

EXPORT NRT_STATUS nrt_build_global_comm(int32_t vnc, uint32_t g_device_id,
					uint32_t g_device_count)
{
	return check(__func__, vnc, g_device_id, g_device_count);
}

EXPORT NRT_STATUS nrt_cc_global_comm_init(uint32_t vnc, uint32_t g_device_id,
					  uint32_t g_device_count)
{
	return check(__func__, vnc, g_device_id, g_device_count);
}

EXPORT NRT_STATUS nrt_barrier(int32_t vnc, uint32_t g_device_id, uint32_t g_device_count)
{
	return check(__func__, vnc, g_device_id, g_device_count);
}

EXPORT NRT_STATUS nrt_all_gather(int32_t vnc, uint32_t g_device_id,
				 uint32_t g_device_count, uint32_t rank_input_size,
				 void *input, void *output)
{
	NRT_STATUS status;

	if (!input || !output)
		return fail(NRT_INVALID, "input or output is NULL");
	status = check(__func__, vnc, g_device_id, g_device_count);
	if (!status)
		memmove(output, input, rank_input_size);
	return status;
}

EXPORT NRT_STATUS nrta_cc_prepare(nrt_cc_comm_t *comm, nrt_tensor_list_t *input,
				  nrt_tensor_list_t *output, nrt_dtype_t dtype,
				  nrt_op_type_t op, nrt_cc_op_type_t cc_op,
				  nrt_cc_context_t **cc_ctx)
{
	(void)input;
	(void)output;
	(void)dtype;
	(void)op;
	(void)cc_op;
	if (cc_ctx)
		*cc_ctx = NULL;
	if (!comm || !cc_ctx)
		return fail(NRT_INVALID, "comm or cc_ctx is NULL");
	return fail(NRT_FAILURE, NONE);
}

EXPORT NRT_STATUS nrta_cc_schedule(nrt_cc_context_t **cc_ctx, int queue,
				   nrta_error_tracker_t *err, nrta_seq_t *req_sequence)
{
	(void)cc_ctx;
	(void)queue;
	(void)err;
	(void)req_sequence;
	return fail(NRT_FAILURE, NONE);
}
