/* SPDX-License-Identifier: MIT */
/*
 * Status codes of the runtime.
 *
 * Names and values are those of AWS's libnrt, so that programs written for it
 * compile and behave as they do there. What each one means here is said below;
 * the line that the library logs with a failure says what to do about it.
 */
#ifndef NRT_NRT_STATUS_H
#define NRT_NRT_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
	NRT_SUCCESS = 0,
	NRT_FAILURE = 1,		/* no other status fits */
	NRT_INVALID = 2,		/* an argument, or a damaged or ill-formed model */
	NRT_INVALID_HANDLE = 3,		/* not a live handle of the kind asked for */
	NRT_RESOURCE = 4,		/* device memory, cores or a limit of the chip */
	NRT_TIMEOUT = 5,		/* the execution ran too long; its core was reset */
	NRT_HW_ERROR = 6,		/* the chip failed */
	NRT_QUEUE_FULL = 7,		/* too many executions are queued */
	NRT_LOAD_NOT_ENOUGH_NC = 9,	/* the model needs more cores than there are */
	NRT_UNSUPPORTED_NEFF_VERSION = 10,
	NRT_FAIL_HOST_MEM_ALLOC = 11,
	NRT_UNINITIALIZED = 13,		/* nrt_init() has not been called */
	NRT_CLOSED = 14,		/* nrt_close() has been called */
	NRT_QUEUE_EMPTY = 15,

	NRT_EXEC_UNIT_UNRECOVERABLE = 101,	/* the core or the device is lost */

	NRT_EXEC_BAD_INPUT = 1002,	/* a tensor is missing or has the wrong size */
	NRT_EXEC_COMPLETED_WITH_NUM_ERR = 1003,	/* completed, and produced NaN */
	NRT_EXEC_COMPLETED_WITH_ERR = 1004,	/* the program went wrong on the core */
	NRT_EXEC_NC_BUSY = 1005,	/* another process holds the core */
	NRT_EXEC_OOB = 1006,		/* the program left the bounds of a buffer */

	NRT_COLL_PENDING = 1100,

	NRT_EXEC_HW_ERR_COLLECTIVES = 1200,
	NRT_EXEC_HW_ERR_HBM_UE = 1201,	/* uncorrectable error in device DRAM */
	NRT_EXEC_HW_ERR_NC_UE = 1202,	/* uncorrectable error in a scratchpad */
	NRT_EXEC_HW_ERR_DMA_ABORT = 1203,
	NRT_EXEC_SW_NQ_OVERFLOW = 1204,
	NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE = 1205,
	NRT_NETWORK_PROXY_FAILURE = 1206
} NRT_STATUS;

/**
 * nrt_get_status_as_str() - the name of a status
 * @status: any value
 *
 * Callable at any time, from any thread.
 *
 * Return: the enumerator's name, or "NRT_UNKNOWN_STATUS"; a static string.
 */
const char *nrt_get_status_as_str(NRT_STATUS status);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_STATUS_H */
