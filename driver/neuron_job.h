/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_JOB_H_
#define _NEURON_JOB_H_

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/llist.h>

#include <drm/gpu_scheduler.h>

#include <neuron/regs.h>
#include <drm/neuron_accel.h>

#include "neuron_queue.h"

struct drm_gem_object;
struct neuron_context;
struct neuron_entity;
struct neuron_syncs;

/**
 * struct neuron_fence - the hardware's side of a job
 * @base: fence
 * @queue: whose timeline it is on, a reference; NULL before it is on one
 * @pinned: it pins the module
 *
 * Allocated with its job, so that nothing that signals fences has to allocate.
 */
struct neuron_fence {
	struct dma_fence base;
	struct neuron_queue *queue;
	bool pinned;
};

/**
 * struct neuron_result - how a job ended, or that it has not
 * @job: number of the job
 * @state: DRM_NEURON_JOB_*
 * @fault: record of the chip, checked
 * @cycles: modelled time
 */
struct neuron_result {
	u64 job;
	u32 state;
	struct neuron_fault fault;
	u64 cycles;
};

/**
 * struct neuron_job_bo - a buffer that a job uses
 * @obj: reference
 * @write: the job may write to it
 */
struct neuron_job_bo {
	struct drm_gem_object *obj;
	bool write;
};

/**
 * struct neuron_op - a submission entry of a job
 * @sqe: all but id and slots, which depend on the place in the ring
 * @slots: slot table, in the form that the device reads
 */
struct neuron_op {
	struct neuron_sqe sqe;
	struct neuron_slot *slots;
};

/**
 * struct neuron_job - a unit of work on one queue
 * @base: the scheduler's part
 * @ref: held by the scheduler, or by the queue if @direct, and by who looks at the job
 *	 from elsewhere
 * @ndev: device
 * @ctx: context, a reference; NULL for jobs of the driver's own
 * @fence: signalled when the device has done with the job
 * @link: in &neuron_queue.jobs, then in a list of completed jobs
 * @released: in the list of jobs whose last reference is gone
 * @pending: in &neuron_context.pending
 * @core: that it is for, plus one; 0: it is for a DMA queue
 * @entity: through which the scheduler gets it, or NULL
 * @timeout_ms: time it may execute
 * @unordered: it does not wait for other users of its buffers
 * @depends: the scheduler knows of something that it waits for
 * @waiting: counted in &neuron_queue.waiting
 * @direct: it was handed to the device past the scheduler
 * @late: if it is, its interrupt may come late, since its completion is looked for
 * @result: filled in on completion
 * @ops: submission entries; @slots and @bos are in the same memory
 * @num_ops: how many
 * @ops_done: how many the device has completed
 * @first_id: id of the first in the ring, once @queued
 * @queued: the entries are in the ring
 * @ended: counted in &neuron_device.num_ended
 * @slots: memory of the slot tables
 * @num_bos: buffers
 * @bos: buffers, each once
 */
struct neuron_job {
	struct drm_sched_job base;
	struct kref ref;
	struct neuron_device *ndev;
	struct neuron_context *ctx;
	struct neuron_fence *fence;
	struct list_head link;
	struct llist_node released;
	struct hlist_node pending;
	unsigned int core;
	struct neuron_entity *entity;
	u32 timeout_ms;
	bool unordered;
	bool depends;
	bool waiting;
	bool direct;
	bool late;
	struct neuron_result result;
	struct neuron_op *ops;
	unsigned int num_ops;
	unsigned int ops_done;
	u64 first_id;
	bool queued;
	bool ended;
	struct neuron_slot *slots;
	unsigned int num_bos;
	struct neuron_job_bo *bos;
};

static inline struct neuron_job *to_neuron_job(struct drm_sched_job *job)
{
	return container_of(job, struct neuron_job, base);
}

/* The queue of a job that is for a core. */
static inline struct neuron_queue *neuron_job_queue(const struct neuron_job *job)
{
	return job->ndev->queue[job->core - 1];
}

extern const struct drm_sched_backend_ops neuron_sched_ops;

int neuron_jobs_init(void);
void neuron_jobs_flush(void);
void neuron_jobs_wait_freed(struct neuron_device *ndev);
void neuron_jobs_exit(void);

struct neuron_job *neuron_job_alloc(struct neuron_device *ndev, struct neuron_context *ctx,
				    unsigned int num_ops, unsigned int slots_per_op,
				    unsigned int max_bos);
struct neuron_job *neuron_job_get(struct neuron_job *job);
void neuron_job_put(struct neuron_job *job);
int neuron_job_add_bo(struct neuron_job *job, struct drm_file *file, u32 handle, bool write);
int neuron_job_submit(struct neuron_job *job, struct drm_file *file, struct neuron_syncs *syncs,
		      int (*fill)(struct neuron_job *job, void *data), void *data);
struct dma_fence *neuron_job_submit_own(struct neuron_job *job,
					struct drm_sched_entity *entity);
void neuron_job_init_fence_locked(struct neuron_job *job, struct neuron_queue *q);
int neuron_job_depend(struct neuron_job *job, struct dma_fence *fence);
void neuron_job_finish(struct neuron_job *job, u32 state, const struct neuron_fault *fault,
		       u64 cycles);
void neuron_jobs_complete(struct list_head *done);

u32 neuron_job_timeout(u32 requested);
u32 neuron_default_timeout_ms(void);

/* neuron_submit.c, neuron_copy.c */
int neuron_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_copy(struct drm_device *drm, void *data, struct drm_file *file);
void neuron_op_fill(struct neuron_op *op, u64 dram_offset, u64 length);

#endif /* _NEURON_JOB_H_ */
