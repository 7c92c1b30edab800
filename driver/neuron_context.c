// SPDX-License-Identifier: GPL-2.0-only

#include <linux/pid.h>
#include <linux/slab.h>

#include <drm/drm_ioctl.h>
#include <drm/drm_utils.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_entity.h"
#include "neuron_job.h"
#include "neuron_pm.h"
#include "neuron_queue.h"

/**
 * DOC: Contexts
 *
 * An open file is a context. The chip knows it by a number that is never used
 * again while the device is bound: a core that gets a job of another context
 * than before clears its scratchpad.
 *
 * Cores can be acquired, and then take jobs of their owner only. What others
 * have queued before is still executed.
 *
 * When the file is closed, jobs that have not reached the device are dropped;
 * those that have get half a second each.
 */

static void neuron_context_free(struct kref *ref)
{
	struct neuron_context *ctx = container_of(ref, struct neuron_context, ref);
	struct neuron_device *ndev = ctx->ndev;

	mutex_destroy(&ctx->submit_lock);
	neuron_user_put(ctx->user);
	kfree(ctx);
	neuron_pm_put(ndev);
	drm_dev_put(&ndev->drm);
}

/**
 * neuron_context_get_job() - a job of the context comes into being
 * @ctx: context
 */
void neuron_context_get_job(struct neuron_context *ctx)
{
	kref_get(&ctx->ref);
	atomic_inc(&ctx->num_jobs);
}

/**
 * neuron_context_put_job() - a job of the context is freed
 * @ctx: context; may be gone after that, and the device with it
 */
void neuron_context_put_job(struct neuron_context *ctx)
{
	if (atomic_dec_and_test(&ctx->num_jobs))
		wake_up_all(&ctx->freed);
	kref_put(&ctx->ref, neuron_context_free);
}

/**
 * neuron_context_open() - a file is opened
 * @drm: device
 * @file: file
 *
 * Return: 0, or a negative error code.
 */
int neuron_context_open(struct drm_device *drm, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx;
	int ret;

	ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	if (!ctx)
		return -ENOMEM;

	/* Until the last of its jobs has ended. */
	ret = neuron_pm_get(ndev);
	if (ret)
		goto free_ctx;

	ret = -ENOMEM;
	ctx->user = neuron_user_get(ndev);
	if (!ctx->user)
		goto put_pm;

	kref_init(&ctx->ref);
	init_waitqueue_head(&ctx->freed);
	init_waitqueue_head(&ctx->ended);
	drm_dev_get(drm);
	ctx->ndev = ndev;
	ctx->priority = DRM_SCHED_PRIORITY_NORMAL;
	ctx->polled = ~0ul;
	ctx->cookie = atomic64_inc_return(&ndev->next_context);
	mutex_init(&ctx->submit_lock);
	hash_init(ctx->pending);
	spin_lock_init(&ctx->result_lock);
	file->driver_priv = ctx;

	return 0;

put_pm:
	neuron_pm_put(ndev);
free_ctx:
	kfree(ctx);

	return ret;
}

/* What executes now for the closed file gets its grace from now on. */
static void neuron_context_hurry(struct neuron_context *ctx)
{
	struct neuron_device *ndev = ctx->ndev;
	unsigned int i;

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];
		struct neuron_job *job;

		spin_lock_irq(&q->lock);
		job = list_first_entry_or_null(&q->jobs, struct neuron_job, link);
		if (job && job->ctx == ctx) {
			s64 limit = ktime_ms_delta(ktime_get(), q->started) +
				    NEURON_CLOSED_TIMEOUT_MS;

			job->timeout_ms = min_t(s64, job->timeout_ms, limit);
			neuron_queue_watch_locked(q);
		}
		spin_unlock_irq(&q->lock);
	}
}

static void neuron_context_disown(struct neuron_context *ctx, u32 mask)
{
	struct neuron_device *ndev = ctx->ndev;
	struct pid *pids[NEURON_MAX_CORES] = {};
	unsigned int i;

	spin_lock(&ndev->core_lock);
	for (i = 0; i < ndev->num_cores; i++) {
		if (!(mask & BIT(i)) || ndev->core[i].owner != ctx)
			continue;
		pids[i] = ndev->core[i].owner_pid;
		ndev->core[i].owner_pid = NULL;
		ndev->core[i].owner = NULL;
	}
	spin_unlock(&ndev->core_lock);

	for (i = 0; i < ndev->num_cores; i++)
		put_pid(pids[i]);
}

/**
 * neuron_context_postclose() - a file is closed
 * @drm: device
 * @file: file
 */
void neuron_context_postclose(struct drm_device *drm, struct drm_file *file)
{
	struct neuron_context *ctx = file->driver_priv;

	neuron_context_disown(ctx, ~0u);
	WRITE_ONCE(ctx->closed, true);

	neuron_entities_close(ctx);
	neuron_context_hurry(ctx);

	/*
	 * Jobs that have ended are about to be freed, with the memory that they
	 * hold: after close() one expects it to be free.
	 */
	neuron_jobs_flush();
	if (!atomic_read(&ctx->num_pending))
		wait_event_timeout(ctx->freed, !atomic_read(&ctx->num_jobs), HZ);

	kref_put(&ctx->ref, neuron_context_free);
}

/**
 * neuron_context_begin_job() - give a job its number
 * @ctx: context, &neuron_context.submit_lock held
 * @job: job that is submitted without fail when this succeeds
 *
 * Return: 0, or -EDQUOT when too many are under way.
 */
int neuron_context_begin_job(struct neuron_context *ctx, struct neuron_job *job)
{
	u64 number = ctx->last_job + 1;

	lockdep_assert_held(&ctx->submit_lock);

	if (atomic_read(&ctx->num_pending) >= NEURON_MAX_PENDING)
		return -EDQUOT;

	atomic_inc(&ctx->num_pending);
	job->result.job = number;
	spin_lock_irq(&ctx->result_lock);
	hash_add(ctx->pending, &job->pending, number);
	spin_unlock_irq(&ctx->result_lock);
	WRITE_ONCE(ctx->last_job, number);

	return 0;
}

/* The job with this number, while it has not ended. */
static struct neuron_job *neuron_context_pending_locked(struct neuron_context *ctx, u64 number)
{
	struct neuron_job *job;

	lockdep_assert_held(&ctx->result_lock);

	hash_for_each_possible(ctx->pending, job, pending, number)
		if (job->result.job == number)
			return job;

	return NULL;
}

/**
 * neuron_context_cancel_job() - a job was dropped with its file
 * @ctx: context, closed
 * @job: job
 */
void neuron_context_cancel_job(struct neuron_context *ctx, struct neuron_job *job)
{
	unsigned long flags;

	spin_lock_irqsave(&ctx->result_lock, flags);
	hash_del(&job->pending);
	spin_unlock_irqrestore(&ctx->result_lock, flags);
	atomic_dec(&ctx->num_pending);
}

/**
 * neuron_context_end_job() - remember how a job ended
 * @ctx: context
 * @job: one of its jobs
 *
 * Callable from any context.
 */
void neuron_context_end_job(struct neuron_context *ctx, struct neuron_job *job)
{
	const struct neuron_result *result = &job->result;
	struct neuron_results *results;
	unsigned long flags;

	spin_lock_irqsave(&ctx->result_lock, flags);
	results = result->state == DRM_NEURON_JOB_DONE ? &ctx->successes : &ctx->failures;
	results->ring[results->next] = *result;
	results->next = (results->next + 1) % NEURON_RESULTS;
	hash_del(&job->pending);
	spin_unlock_irqrestore(&ctx->result_lock, flags);

	atomic_dec(&ctx->num_pending);
	if (wq_has_sleeper(&ctx->ended))
		wake_up_all(&ctx->ended);
}

/* Whether a job has not ended, and the queue of the core that it is for, or NULL. */
static bool neuron_context_is_pending(struct neuron_context *ctx, u64 number,
				      struct neuron_queue **queue)
{
	struct neuron_job *job;

	spin_lock_irq(&ctx->result_lock);
	job = neuron_context_pending_locked(ctx, number);
	if (job && queue)
		*queue = job->core ? ctx->ndev->queue[job->core - 1] : NULL;
	spin_unlock_irq(&ctx->result_lock);

	return job;
}

/*
 * Look for the completion of a job that takes no longer than it would take to be
 * woken: by the interrupt, and by the processor that gets it.
 */
static void neuron_context_poll(struct neuron_context *ctx, u64 number)
{
	struct neuron_queue *q;
	ktime_t limit;
	int idx;

	if (!neuron_context_is_pending(ctx, number, &q)) {
		WRITE_ONCE(ctx->polled, ~0ul);
		return;
	}
	if (!q || !neuron_queue_is_quick(q) || !drm_dev_enter(&ctx->ndev->drm, &idx))
		return;

	limit = ktime_add_ns(ktime_get(), NEURON_QUICK_NS);
	do {
		cpu_relax();
		if (neuron_queue_has_completion(q))
			neuron_queue_interrupt(q);
	} while (neuron_context_is_pending(ctx, number, NULL) && !need_resched() &&
		 !signal_pending(current) && ktime_before(ktime_get(), limit));
	drm_dev_exit(idx);

	if (!neuron_context_is_pending(ctx, number, NULL))
		set_bit(q->index, &ctx->polled);
}

static long neuron_context_wait_jiffies(struct neuron_context *ctx, u64 number, long timeout)
{
	return wait_event_interruptible_timeout(ctx->ended,
						!neuron_context_is_pending(ctx, number, NULL),
						timeout);
}

static int neuron_context_wait(struct neuron_context *ctx, u64 number, s64 timeout_ns)
{
	long timeout, ret;

	neuron_context_poll(ctx, number);
	timeout = drm_timeout_abs_to_jiffies(timeout_ns);
	/* Jiffies that were behind, because a tick was late, would end it too soon. */
	do {
		ret = neuron_context_wait_jiffies(ctx, number, timeout);
		timeout = drm_timeout_abs_to_jiffies(timeout_ns);
	} while (!ret && timeout);

	return ret < 0 ? ret : ret ? 0 : -ETIME;
}

/* The newest first: mostly it is that one, and there is none before the first. */
static bool neuron_results_find(const struct neuron_results *results, u64 number,
				struct neuron_result *result)
{
	unsigned int i;

	for (i = 1; i <= NEURON_RESULTS; i++) {
		const struct neuron_result *found =
			&results->ring[(results->next + NEURON_RESULTS - i) % NEURON_RESULTS];

		if (!found->job)
			break;
		if (found->job == number) {
			*result = *found;
			return true;
		}
	}

	return false;
}

/**
 * neuron_ioctl_job_status() - DRM_IOCTL_NEURON_JOB_STATUS
 * @drm: device
 * @data: &struct drm_neuron_job_status
 * @file: whose job
 *
 * Return: 0, -EINVAL, -ENOENT for a number that was never given out, -ETIME,
 * -ERESTARTSYS.
 */
int neuron_ioctl_job_status(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_context *ctx = file->driver_priv;
	struct drm_neuron_job_status *args = data;
	struct neuron_result result = {};
	u64 number = args->job;
	bool pending;
	int ret;

	if (args->pad)
		return -EINVAL;
	if (!number || number > READ_ONCE(ctx->last_job))
		return -ENOENT;
	if (args->timeout_ns) {
		ret = neuron_context_wait(ctx, number, args->timeout_ns);
		if (ret)
			return ret;
	}

	spin_lock_irq(&ctx->result_lock);
	pending = neuron_context_pending_locked(ctx, number);
	if (!neuron_results_find(&ctx->successes, number, &result) &&
	    !neuron_results_find(&ctx->failures, number, &result))
		result.state = pending ? DRM_NEURON_JOB_PENDING : DRM_NEURON_JOB_DONE;
	spin_unlock_irq(&ctx->result_lock);

	*args = (struct drm_neuron_job_status) {
		.job = number,
		.state = result.state,
		.fault_kind = le16_to_cpu(result.fault.kind),
		.fault_engine = result.fault.engine,
		.fault_operand = result.fault.operand,
		.fault_inst = le32_to_cpu(result.fault.inst),
		.fault_info = le64_to_cpu(result.fault.info),
		.cycles = result.cycles,
		.timeout_ns = args->timeout_ns,
	};

	return 0;
}

/**
 * neuron_context_may_use() - check whether a core takes a context's jobs
 * @ctx: context
 * @core: number of the core
 *
 * Return: 0, -EINVAL for a core that doesn't exist, -EIO when it is dead,
 * -EBUSY when it belongs to another file.
 */
int neuron_context_may_use(struct neuron_context *ctx, unsigned int core)
{
	struct neuron_device *ndev = ctx->ndev;
	struct neuron_context *owner;

	if (core >= ndev->num_cores)
		return -EINVAL;
	if (READ_ONCE(ndev->dead))
		return -EIO;

	owner = READ_ONCE(ndev->core[core].owner);

	return owner && owner != ctx ? -EBUSY : 0;
}

/* The lowest run of free cores inside the mask, or 0. */
static u32 neuron_find_cores_locked(struct neuron_device *ndev, u32 mask, u32 count)
{
	unsigned int first, i;

	for (first = 0; first + count <= ndev->num_cores; first++) {
		u32 run = GENMASK(first + count - 1, first);

		if ((run & mask) != run)
			continue;
		for (i = first; i < first + count; i++)
			if (ndev->core[i].owner)
				break;
		if (i == first + count)
			return run;
	}

	return 0;
}

/**
 * neuron_ioctl_core_acquire() - DRM_IOCTL_NEURON_CORE_ACQUIRE
 * @drm: device
 * @data: &struct drm_neuron_cores
 * @file: future owner
 *
 * Return: 0, -EINVAL, -EIO, or -EBUSY.
 */
int neuron_ioctl_core_acquire(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx = file->driver_priv;
	struct drm_neuron_cores *args = data;
	u32 all = GENMASK(ndev->num_cores - 1, 0);
	u32 mask = args->mask;
	unsigned int i;

	if (!mask || mask & ~all || args->count > hweight32(mask))
		return -EINVAL;
	if (READ_ONCE(ndev->dead))
		return -EIO;

	spin_lock(&ndev->core_lock);
	if (args->count) {
		mask = neuron_find_cores_locked(ndev, mask, args->count);
	} else {
		for (i = 0; i < ndev->num_cores; i++)
			if (mask & BIT(i) && ndev->core[i].owner && ndev->core[i].owner != ctx)
				mask = 0;
	}

	for (i = 0; i < ndev->num_cores; i++) {
		if (!(mask & BIT(i)) || ndev->core[i].owner)
			continue;
		ndev->core[i].owner_pid = get_pid(task_tgid(current));
		WRITE_ONCE(ndev->core[i].owner, ctx);
	}
	spin_unlock(&ndev->core_lock);

	if (!mask)
		return -EBUSY;
	args->mask = mask;

	return 0;
}

/**
 * neuron_ioctl_core_release() - DRM_IOCTL_NEURON_CORE_RELEASE
 * @drm: device
 * @data: &struct drm_neuron_cores
 * @file: owner
 *
 * Return: 0, or -EINVAL, with nothing released, when not all of the cores are
 * the file's.
 */
int neuron_ioctl_core_release(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx = file->driver_priv;
	const struct drm_neuron_cores *args = data;
	u32 owned = 0;
	unsigned int i;

	spin_lock(&ndev->core_lock);
	for (i = 0; i < ndev->num_cores; i++)
		if (ndev->core[i].owner == ctx)
			owned |= BIT(i);
	spin_unlock(&ndev->core_lock);

	if (!args->mask || args->count || args->mask & ~owned)
		return -EINVAL;

	neuron_context_disown(ctx, args->mask);

	return 0;
}

/**
 * neuron_ioctl_priority() - DRM_IOCTL_NEURON_PRIORITY
 * @drm: device
 * @data: &struct drm_neuron_priority
 * @file: whose jobs
 *
 * Return: 0, -EINVAL, -EPERM.
 */
int neuron_ioctl_priority(struct drm_device *drm, void *data, struct drm_file *file)
{
	static const enum drm_sched_priority levels[] = {
		[DRM_NEURON_PRIORITY_NORMAL] = DRM_SCHED_PRIORITY_NORMAL,
		[DRM_NEURON_PRIORITY_LOW] = DRM_SCHED_PRIORITY_LOW,
		[DRM_NEURON_PRIORITY_HIGH] = DRM_SCHED_PRIORITY_HIGH,
	};
	struct neuron_context *ctx = file->driver_priv;
	const struct drm_neuron_priority *args = data;

	if (args->pad || args->priority >= ARRAY_SIZE(levels))
		return -EINVAL;
	if (args->priority == DRM_NEURON_PRIORITY_HIGH && !capable(CAP_SYS_NICE))
		return -EPERM;

	neuron_entities_set_priority(ctx, levels[args->priority]);

	return 0;
}
