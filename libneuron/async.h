/* SPDX-License-Identifier: MIT */
/* Asynchronous requests: what the rest of the library knows of async.c. */
#ifndef LIBNEURON_ASYNC_H
#define LIBNEURON_ASYNC_H

#include <stdint.h>
#include "include/nrt/nrt_status.h"

/* nrt_close(): complete what is queued, and end the threads. No call is in progress. */
void async_stop(void);

/* In a child of fork(), which has none of the threads. */
void async_forget(void);

/*
 * Tell the callback of nrt_register_async_exec_callback() about an execution. Return:
 * what nrt_execute() does then.
 */
NRT_STATUS async_announce(uint64_t model, unsigned int vnc, NRT_STATUS status);

#endif /* LIBNEURON_ASYNC_H */
