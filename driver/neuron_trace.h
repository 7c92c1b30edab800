/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM neuron

#if !defined(_NEURON_TRACE_H_) || defined(TRACE_HEADER_MULTI_READ)
#define _NEURON_TRACE_H_

#include <linux/tracepoint.h>

#include "neuron_context.h"
#include "neuron_job.h"
#include "neuron_queue.h"

/**
 * DOC: Tracepoints
 *
 * The life of a job is neuron:neuron_job_submit (an ioctl has given it to the
 * scheduler), neuron_job_push (it is handed to the device; entries, if any, go
 * into the ring), neuron_job_start (it came to be the oldest of its queue, so
 * about now the device executes it) and neuron_job_done. Context and number
 * name the job throughout; the driver's own jobs are of context 0.
 * neuron_queue_reset tells of each recovery.
 */

DECLARE_EVENT_CLASS(neuron_job,
	TP_PROTO(const struct neuron_job *job, const char *queue),
	TP_ARGS(job, queue),
	TP_STRUCT__entry(
		__string(device, dev_name(job->ndev->drm.dev))
		__string(queue, queue)
		__field(u64, context)
		__field(u64, job)
		__field(unsigned int, ops)
	),
	TP_fast_assign(
		__assign_str(device);
		__assign_str(queue);
		__entry->context = job->ctx ? job->ctx->cookie : 0;
		__entry->job = job->result.job;
		__entry->ops = job->num_ops;
	),
	TP_printk("%s %s context=%llu job=%llu ops=%u", __get_str(device), __get_str(queue),
		  __entry->context, __entry->job, __entry->ops)
);

DEFINE_EVENT(neuron_job, neuron_job_submit,
	TP_PROTO(const struct neuron_job *job, const char *queue),
	TP_ARGS(job, queue)
);

DEFINE_EVENT(neuron_job, neuron_job_push,
	TP_PROTO(const struct neuron_job *job, const char *queue),
	TP_ARGS(job, queue)
);

DEFINE_EVENT(neuron_job, neuron_job_start,
	TP_PROTO(const struct neuron_job *job, const char *queue),
	TP_ARGS(job, queue)
);

TRACE_EVENT(neuron_job_done,
	TP_PROTO(const struct neuron_job *job),
	TP_ARGS(job),
	TP_STRUCT__entry(
		__string(device, dev_name(job->ndev->drm.dev))
		__field(u64, context)
		__field(u64, job)
		__field(u64, cycles)
		__field(u32, state)
		__field(u16, fault)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->context = job->ctx ? job->ctx->cookie : 0;
		__entry->job = job->result.job;
		__entry->cycles = job->result.cycles;
		__entry->state = job->result.state;
		__entry->fault = le16_to_cpu(job->result.fault.kind);
	),
	TP_printk("%s context=%llu job=%llu state=%s fault=%u cycles=%llu", __get_str(device),
		  __entry->context, __entry->job,
		  __print_symbolic(__entry->state,
				   { DRM_NEURON_JOB_DONE, "done" },
				   { DRM_NEURON_JOB_FAULT, "fault" },
				   { DRM_NEURON_JOB_TIMEOUT, "timeout" },
				   { DRM_NEURON_JOB_CANCELLED, "cancelled" },
				   { DRM_NEURON_JOB_LOST, "lost" }),
		  __entry->fault, __entry->cycles)
);

TRACE_EVENT(neuron_queue_reset,
	TP_PROTO(const struct neuron_queue *q, int verdict),
	TP_ARGS(q, verdict),
	TP_STRUCT__entry(
		__string(device, dev_name(q->ndev->drm.dev))
		__string(queue, q->name)
		__field(int, verdict)
	),
	TP_fast_assign(
		__assign_str(device);
		__assign_str(queue);
		__entry->verdict = verdict;
	),
	TP_printk("%s %s because=%s", __get_str(device), __get_str(queue),
		  __print_symbolic(__entry->verdict,
				   { NEURON_VERDICT_TIMEOUT, "timeout" },
				   { NEURON_VERDICT_BROKEN, "broken" },
				   { NEURON_VERDICT_FATAL, "fatal" },
				   { NEURON_VERDICT_ASKED, "asked" },
				   { NEURON_VERDICT_GONE, "gone" }))
);

#endif /* _NEURON_TRACE_H_ */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE neuron_trace
#include <trace/define_trace.h>
