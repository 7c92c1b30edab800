/* SPDX-License-Identifier: MIT */
/* Counters of this process, for neuron-monitor and neuron-top: see neuron/stats.h. */
#ifndef LIBNEURON_STATS_H
#define LIBNEURON_STATS_H

#include <stdint.h>
#include <neuron/stats.h>
#include "include/neuron.h"

struct neuron_report;
struct nrt_model;
struct runtime;

/* Begin and end to count: in nrt_init() and nrt_close(). Without a page nothing counts. */
void stats_open(const struct runtime *runtime, unsigned int first_core);
void stats_close(void);
/* In a child of fork(): the page is the parent's. */
void stats_forget(void);

/* stats_model_add(): @model is loaded; remove: it is not any more. */
void stats_model_add(const struct nrt_model *model);
void stats_model_remove(const struct nrt_model *model);

/**
 * stats_buffer() - say what a buffer is for
 * @buffer: new buffer, or NULL; it stops to count when it is freed
 * @use: purpose; of host memory only TENSORS is told from the rest
 * @vnc: core that it counts for
 */
void stats_buffer(struct neuron_buffer *buffer, enum neuron_stats_use use, unsigned int vnc);
void stats_buffer_free(const struct neuron_buffer *buffer);

/**
 * stats_program() - a core's part of an execution has ended
 * @vnc: the core
 * @ns: time from its submission on
 * @report: what the chip says of it
 * @success: it ended well
 */
void stats_program(unsigned int vnc, uint64_t ns, const struct neuron_report *report,
		   bool success);

/* Time until the programs had ended of the execution that this thread is at. */
void stats_device_time(uint64_t ns);

/* All of @count executions in a row went well, or one failed, which counts alone. */
void stats_executions(NRT_STATUS status, unsigned int count, uint64_t total_ns);

#endif /* LIBNEURON_STATS_H */
