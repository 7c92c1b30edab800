/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_CONTEXT_H_
#define _NEURON_CONTEXT_H_

#include <linux/hashtable.h>
#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>

#include <drm/drm_file.h>
#include <drm/gpu_scheduler.h>

#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_user.h"

/* Grace that the jobs of a closed file get, each once it executes. */
#define NEURON_CLOSED_TIMEOUT_MS	500u

#define NEURON_RESULTS	64
#define NEURON_PENDING_BITS	7

/**
 * struct neuron_results - the latest results of some kind
 * @ring: results, those of job 0 are empty
 * @next: index of the next to overwrite
 */
struct neuron_results {
	struct neuron_result ring[NEURON_RESULTS];
	unsigned int next;
};

/**
 * struct neuron_context - an open file
 * @ref: held by the file and by its jobs; the last one puts @ndev
 * @num_jobs: jobs that are not freed
 * @freed: woken when @num_jobs gets to zero
 * @ndev: device, a reference
 * @user: who opened the file, a reference
 * @cookie: the chip's name for it; never reused
 * @closed: the file is closed: what is left of its jobs has no purpose
 * @entity: by &neuron_job.core, each NULL while it is not needed
 * @priority: of its jobs; both under @submit_lock
 * @polled: bits of the cores whose next job's end is expected to be looked for
 * @submit_lock: keeps numbers of jobs, and jobs in an entity, in order; not taken
 *		 where fences signal
 * @last_job: number of the latest job; written under @submit_lock
 * @num_pending: jobs that have not ended
 * @ended: woken when a job has ended
 * @result_lock: protects what follows
 * @pending: jobs that have not ended, by number
 * @failures: latest jobs that failed
 * @successes: latest jobs that did not
 * @compute_ns: time on cores of ended jobs
 * @copy_ns: time on DMA queues of ended jobs
 */
struct neuron_context {
	struct kref ref;
	atomic_t num_jobs;
	wait_queue_head_t freed;
	struct neuron_device *ndev;
	struct neuron_user *user;
	u64 cookie;
	bool closed;
	struct neuron_entity *entity[NEURON_MAX_CORES + 1];
	enum drm_sched_priority priority;
	unsigned long polled;

	struct mutex submit_lock; /* numbers and order of jobs */
	u64 last_job;
	atomic_t num_pending;
	wait_queue_head_t ended;

	spinlock_t result_lock; /* which jobs are pending, how others ended */
	DECLARE_HASHTABLE(pending, NEURON_PENDING_BITS);
	struct neuron_results failures;
	struct neuron_results successes;
	atomic64_t compute_ns;
	atomic64_t copy_ns;
};

int neuron_context_open(struct drm_device *drm, struct drm_file *file);
void neuron_context_postclose(struct drm_device *drm, struct drm_file *file);
void neuron_context_get_job(struct neuron_context *ctx);
void neuron_context_put_job(struct neuron_context *ctx);

int neuron_context_begin_job(struct neuron_context *ctx, struct neuron_job *job);
void neuron_context_cancel_job(struct neuron_context *ctx, struct neuron_job *job);
void neuron_context_end_job(struct neuron_context *ctx, struct neuron_job *job);
int neuron_context_may_use(struct neuron_context *ctx, unsigned int core);

int neuron_ioctl_core_acquire(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_core_release(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_priority(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_job_status(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* _NEURON_CONTEXT_H_ */
