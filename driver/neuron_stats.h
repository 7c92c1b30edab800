/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_STATS_H_
#define _NEURON_STATS_H_

#include <linux/atomic.h>

#include <neuron/regs.h>

struct neuron_device;
struct neuron_job;

/**
 * enum neuron_status - how jobs of a core end, as the runtime's statuses say it
 * @NEURON_STATUS_SUCCESS: all is well
 * @NEURON_STATUS_FAILURE: cancelled by a reset
 * @NEURON_STATUS_TIMEOUT: it took too long
 * @NEURON_STATUS_INVALID: the program is malformed
 * @NEURON_STATUS_RESOURCE: it exceeds a limit of the chip
 * @NEURON_STATUS_HW_ERROR: the chip failed, or is gone
 * @NEURON_STATUS_COMPLETED_WITH_ERROR: another fault of the program
 * @NEURON_STATUS_FAILED_TO_QUEUE: not started, too many have not ended
 * @NEURON_STATUS_OOB: an access out of bounds
 * @NEURON_STATUS_HBM_UE: an error in device DRAM
 * @NEURON_STATUS_NC_UE: an error in the scratchpad
 * @NEURON_STATUS_DMA_ABORT: the bus refused an access
 * @NEURON_NUM_STATUSES: how many there are
 */
enum neuron_status {
	NEURON_STATUS_SUCCESS,
	NEURON_STATUS_FAILURE,
	NEURON_STATUS_TIMEOUT,
	NEURON_STATUS_INVALID,
	NEURON_STATUS_RESOURCE,
	NEURON_STATUS_HW_ERROR,
	NEURON_STATUS_COMPLETED_WITH_ERROR,
	NEURON_STATUS_FAILED_TO_QUEUE,
	NEURON_STATUS_OOB,
	NEURON_STATUS_HBM_UE,
	NEURON_STATUS_NC_UE,
	NEURON_STATUS_DMA_ABORT,
	NEURON_NUM_STATUSES
};

/**
 * struct neuron_counter - events, or bytes in use
 * @total: events since the driver was bound, or bytes in use now
 * @present: events: how many the latest change added
 * @peak: bytes: the most that were in use
 */
struct neuron_counter {
	atomic64_t total;
	atomic64_t present;
	atomic64_t peak;
};

/**
 * struct neuron_core_stats - of one core
 * @status: jobs by how they ended
 * @inferences: programs that executed to their end
 * @reset_requests: times that the core was to be reset, alone or with the chip
 * @reset_failures: times that this did not work
 */
struct neuron_core_stats {
	struct neuron_counter status[NEURON_NUM_STATUSES];
	struct neuron_counter inferences;
	struct neuron_counter reset_requests;
	struct neuron_counter reset_failures;
};

/**
 * struct neuron_stats - of a chip; without a lock, callable from any context
 * @core: by core
 * @host_mem: buffers in host memory that the driver made
 * @device_mem: buffers in device DRAM
 * @mem_ecc_corrected: interrupts that told of corrected errors
 * @mem_ecc_uncorrected: jobs that an error in device DRAM ended
 * @sram_ecc_uncorrected: jobs that an error in a scratchpad ended
 */
struct neuron_stats {
	struct neuron_core_stats core[NEURON_MAX_CORES];
	struct neuron_counter host_mem;
	struct neuron_counter device_mem;
	struct neuron_counter mem_ecc_corrected;
	struct neuron_counter mem_ecc_uncorrected;
	struct neuron_counter sram_ecc_uncorrected;
};

static inline void neuron_counter_event(struct neuron_counter *counter)
{
	atomic64_inc(&counter->total);
	atomic64_set(&counter->present, 1);
}

static inline void neuron_counter_use(struct neuron_counter *counter, s64 bytes)
{
	s64 now = atomic64_add_return(bytes, &counter->total);
	s64 peak = atomic64_read(&counter->peak);

	while (now > peak && !atomic64_try_cmpxchg(&counter->peak, &peak, now))
		;
}

void neuron_stats_job(struct neuron_job *job);

#endif /* _NEURON_STATS_H_ */
