// SPDX-License-Identifier: MIT
/* Statuses: their names, and which one stands for what the chip reports. */
#include <stddef.h>
#include <neuron/report.h>
#include "export.h"
#include "include/neuron.h"

static const struct {
	NRT_STATUS status;
	const char *name;
} names[] = {
#define N(x)	{ x, #x }
	N(NRT_SUCCESS),
	N(NRT_FAILURE),
	N(NRT_INVALID),
	N(NRT_INVALID_HANDLE),
	N(NRT_RESOURCE),
	N(NRT_TIMEOUT),
	N(NRT_HW_ERROR),
	N(NRT_QUEUE_FULL),
	N(NRT_LOAD_NOT_ENOUGH_NC),
	N(NRT_UNSUPPORTED_NEFF_VERSION),
	N(NRT_FAIL_HOST_MEM_ALLOC),
	N(NRT_UNINITIALIZED),
	N(NRT_CLOSED),
	N(NRT_QUEUE_EMPTY),
	N(NRT_EXEC_UNIT_UNRECOVERABLE),
	N(NRT_EXEC_BAD_INPUT),
	N(NRT_EXEC_COMPLETED_WITH_NUM_ERR),
	N(NRT_EXEC_COMPLETED_WITH_ERR),
	N(NRT_EXEC_NC_BUSY),
	N(NRT_EXEC_OOB),
	N(NRT_COLL_PENDING),
	N(NRT_EXEC_HW_ERR_COLLECTIVES),
	N(NRT_EXEC_HW_ERR_HBM_UE),
	N(NRT_EXEC_HW_ERR_NC_UE),
	N(NRT_EXEC_HW_ERR_DMA_ABORT),
	N(NRT_EXEC_SW_NQ_OVERFLOW),
	N(NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE),
	N(NRT_NETWORK_PROXY_FAILURE),
#undef N
};

EXPORT const char *nrt_get_status_as_str(NRT_STATUS status)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].status == status)
			return names[i].name;
	}
	return "NRT_UNKNOWN_STATUS";
}

/*
 * Each kind of fault has one status. A program that the chip finds malformed is
 * an invalid model; one that goes wrong while it runs completed with an error;
 * what the hardware did has the hardware's statuses.
 */
static const NRT_STATUS of_fault[NEURON_FAULT_COUNT] = {
	[NEURON_FAULT_NONE] = NRT_SUCCESS,
	[NEURON_FAULT_BAD_DESCRIPTOR] = NRT_INVALID,
	[NEURON_FAULT_BAD_PROGRAM] = NRT_INVALID,
	[NEURON_FAULT_BAD_INST] = NRT_INVALID,
	[NEURON_FAULT_BAD_OPERAND] = NRT_INVALID,
	[NEURON_FAULT_OUT_OF_BOUNDS] = NRT_EXEC_OOB,
	[NEURON_FAULT_ACCESS_DENIED] = NRT_EXEC_COMPLETED_WITH_ERR,
	[NEURON_FAULT_DMA_ABORT] = NRT_EXEC_HW_ERR_DMA_ABORT,
	[NEURON_FAULT_DEADLOCK] = NRT_EXEC_COMPLETED_WITH_ERR,
	[NEURON_FAULT_LIMIT] = NRT_RESOURCE,
	[NEURON_FAULT_DRAM_ECC] = NRT_EXEC_HW_ERR_HBM_UE,
	[NEURON_FAULT_SBUF_ECC] = NRT_EXEC_HW_ERR_NC_UE,
	[NEURON_FAULT_CANCELLED] = NRT_FAILURE,
	[NEURON_FAULT_INTERNAL] = NRT_HW_ERROR,
};

EXPORT NRT_STATUS neuron_job_status(const struct neuron_job_result *result)
{
	if (!result)
		return NRT_INVALID;
	switch (result->state) {
	case NEURON_JOB_DONE:
		return NRT_SUCCESS;
	case NEURON_JOB_FAULT:
		return result->fault_kind && result->fault_kind < NEURON_FAULT_COUNT ?
		       of_fault[result->fault_kind] : NRT_HW_ERROR;
	case NEURON_JOB_TIMEOUT:
		return NRT_TIMEOUT;
	case NEURON_JOB_CANCELLED:
		return of_fault[NEURON_FAULT_CANCELLED];
	case NEURON_JOB_LOST:
		return NRT_EXEC_UNIT_UNRECOVERABLE;
	default:
		return NRT_FAILURE;
	}
}
