// SPDX-License-Identifier: GPL-2.0-only

#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_stats.h"

/* As the runtime maps faults to statuses, so that its counts and these agree. */
static const enum neuron_status neuron_status_of_fault[NEURON_FAULT_COUNT] = {
	[NEURON_FAULT_NONE] = NEURON_STATUS_HW_ERROR,
	[NEURON_FAULT_BAD_DESCRIPTOR] = NEURON_STATUS_INVALID,
	[NEURON_FAULT_BAD_PROGRAM] = NEURON_STATUS_INVALID,
	[NEURON_FAULT_BAD_INST] = NEURON_STATUS_INVALID,
	[NEURON_FAULT_BAD_OPERAND] = NEURON_STATUS_INVALID,
	[NEURON_FAULT_OUT_OF_BOUNDS] = NEURON_STATUS_OOB,
	[NEURON_FAULT_ACCESS_DENIED] = NEURON_STATUS_COMPLETED_WITH_ERROR,
	[NEURON_FAULT_DMA_ABORT] = NEURON_STATUS_DMA_ABORT,
	[NEURON_FAULT_DEADLOCK] = NEURON_STATUS_COMPLETED_WITH_ERROR,
	[NEURON_FAULT_LIMIT] = NEURON_STATUS_RESOURCE,
	[NEURON_FAULT_DRAM_ECC] = NEURON_STATUS_HBM_UE,
	[NEURON_FAULT_SBUF_ECC] = NEURON_STATUS_NC_UE,
	[NEURON_FAULT_CANCELLED] = NEURON_STATUS_FAILURE,
	[NEURON_FAULT_INTERNAL] = NEURON_STATUS_HW_ERROR,
};

static enum neuron_status neuron_status_of(const struct neuron_result *result)
{
	switch (result->state) {
	case DRM_NEURON_JOB_DONE:
		return NEURON_STATUS_SUCCESS;
	case DRM_NEURON_JOB_FAULT:
		return neuron_status_of_fault[le16_to_cpu(result->fault.kind)];
	case DRM_NEURON_JOB_TIMEOUT:
		return NEURON_STATUS_TIMEOUT;
	case DRM_NEURON_JOB_CANCELLED:
		return NEURON_STATUS_FAILURE;
	default:
		return NEURON_STATUS_HW_ERROR;
	}
}

/**
 * neuron_stats_job() - count a job that has ended
 * @job: job whose result is filled in, its fault kind within range
 *
 * Errors of memory count whoever met them, the rest for jobs of cores only.
 */
void neuron_stats_job(struct neuron_job *job)
{
	struct neuron_stats *stats = &job->ndev->stats;
	u16 fault = le16_to_cpu(job->result.fault.kind);
	struct neuron_core_stats *core;

	if (fault == NEURON_FAULT_DRAM_ECC)
		neuron_counter_event(&stats->mem_ecc_uncorrected);
	else if (fault == NEURON_FAULT_SBUF_ECC)
		neuron_counter_event(&stats->sram_ecc_uncorrected);

	if (!job->core)
		return;

	core = &stats->core[job->core - 1];
	neuron_counter_event(&core->status[neuron_status_of(&job->result)]);
	if (job->result.state == DRM_NEURON_JOB_DONE &&
	    !(job->ops[0].sqe.flags & NEURON_SQE_PREPARE))
		neuron_counter_event(&core->inferences);
}
