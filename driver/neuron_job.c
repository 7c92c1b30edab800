// SPDX-License-Identifier: GPL-2.0-only

#include <kunit/visibility.h>
#include <linux/moduleparam.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_exec.h>
#include <drm/drm_gem.h>

#include "compat.h"
#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_entity.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_sync.h"
#include "neuron_trace.h"

/**
 * DOC: Jobs
 *
 * The life of a job, in the order of this file: an ioctl allocates it, gives it
 * buffers and submission entries, and submits it: the buffers' reservations are
 * locked, the buffers made reachable for the device, dependencies collected,
 * and then, with nothing left that can fail, the scheduler's fence is armed and
 * the job pushed. When its dependencies are signalled and the queue has room,
 * the scheduler runs it; the interrupt finishes it; the scheduler frees it. A job
 * that an idle core can take at once does not go through the scheduler.
 * With @ctx NULL in neuron_job_alloc() a job is the driver's own: it zeroes
 * device DRAM, its fence never leaves the driver, and the allocator of device
 * DRAM waits for it to be freed.
 *
 * What a job holds (buffers, its context and with it the device) is released on
 * a workqueue of the module's own: to drop an imported buffer takes the
 * exporter's reservation lock, which may be held by someone who waits for our
 * fences; and the last reference to the device tears the scheduler down, which
 * the scheduler's own worker can't do.
 */

static unsigned int default_timeout_ms = 10000;
module_param(default_timeout_ms, uint, 0444);
MODULE_PARM_DESC(default_timeout_ms, "Time that a job may execute if it names none (ms)");

static unsigned int max_timeout_ms = 600000;
module_param(max_timeout_ms, uint, 0444);
MODULE_PARM_DESC(max_timeout_ms, "Longest time that a job may ask for (ms)");

/**
 * neuron_default_timeout_ms() - what jobs get that name no time-out
 *
 * Return: milliseconds.
 */
u32 neuron_default_timeout_ms(void)
{
	return min(default_timeout_ms, max_timeout_ms);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_default_timeout_ms);

/**
 * neuron_job_timeout() - the time-out of a job
 * @requested: by the user; 0 for the default
 *
 * Return: milliseconds, or 0 if it is too long.
 */
u32 neuron_job_timeout(u32 requested)
{
	if (!requested)
		return neuron_default_timeout_ms();

	return requested <= max_timeout_ms ? requested : 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_job_timeout);

static const char *neuron_fence_driver_name(struct dma_fence *fence)
{
	return "neuron";
}

static const char *neuron_fence_timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct neuron_fence, base)->queue->name;
}

static void neuron_fence_free_rcu(struct rcu_head *rcu)
{
	struct dma_fence *base = container_of(rcu, struct dma_fence, rcu);
	struct neuron_fence *fence = container_of(base, struct neuron_fence, base);

	neuron_queue_put(fence->queue);
	kfree(fence);
}

/*
 * Anybody may drop the last reference at any time, so a user's fence pins the
 * module. The callback needs no pin, neuron_jobs_exit() waits for it.
 */
static void neuron_fence_release(struct dma_fence *base)
{
	bool pinned = container_of(base, struct neuron_fence, base)->pinned;

	call_rcu(&base->rcu, neuron_fence_free_rcu);
	if (pinned)
		module_put(THIS_MODULE);
}

/* A fence that never got onto a timeline has no references to count. */
static void neuron_fence_discard(struct neuron_fence *fence)
{
	if (fence->pinned)
		module_put(THIS_MODULE);
	kfree(fence);
}

static const struct dma_fence_ops neuron_fence_ops = {
	.get_driver_name = neuron_fence_driver_name,
	.get_timeline_name = neuron_fence_timeline_name,
	.release = neuron_fence_release,
};

static struct neuron_fence *neuron_fence_alloc(bool pinned)
{
	struct neuron_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL_ACCOUNT);

	if (!fence)
		return NULL;

	fence->pinned = pinned;
	if (pinned)
		__module_get(THIS_MODULE);

	return fence;
}

/**
 * neuron_job_init_fence_locked() - put a job's fence onto a queue's timeline
 * @job: job
 * @q: queue, locked
 *
 * Doesn't allocate.
 */
void neuron_job_init_fence_locked(struct neuron_job *job, struct neuron_queue *q)
{
	struct neuron_fence *fence = job->fence;

	lockdep_assert_held(&q->lock);

	kref_get(&q->ref);
	fence->queue = q;
	dma_fence_init(&fence->base, &neuron_fence_ops, &q->fence_lock, q->fence_context,
		       ++q->fence_seqno);
}

/* Jobs whose last reference is gone. */
static LLIST_HEAD(neuron_released_jobs);

static void neuron_job_free(struct neuron_job *job)
{
	unsigned int i;

	if (job->entity) {
		mutex_lock(&job->ctx->submit_lock);
		neuron_entity_put_locked(job);
		mutex_unlock(&job->ctx->submit_lock);
	}

	for (i = 0; i < job->num_bos; i++)
		drm_gem_object_put(job->bos[i].obj);

	if (job->fence->queue)
		dma_fence_put(&job->fence->base);
	else
		neuron_fence_discard(job->fence);

	kvfree(job->ops);

	if (job->ended && atomic_dec_and_test(&job->ndev->num_ended))
		wake_up_all(&job->ndev->jobs_freed);
	if (job->ctx)
		neuron_context_put_job(job->ctx);
	else
		neuron_dram_job_freed(job->ndev);
	kfree(job);
}

static void neuron_release_jobs(struct work_struct *work)
{
	struct llist_node *list = llist_del_all(&neuron_released_jobs);
	struct neuron_job *job, *next;

	llist_for_each_entry_safe(job, next, list, released)
		neuron_job_free(job);
}

static DECLARE_DELAYED_WORK(neuron_release_work, neuron_release_jobs);

struct workqueue_struct *neuron_release_wq;

/**
 * neuron_jobs_init() - prepare what all devices share
 *
 * Return: 0, or -ENOMEM.
 */
int neuron_jobs_init(void)
{
	neuron_release_wq = alloc_workqueue("neuron-release", WQ_MEM_RECLAIM, 0);

	return neuron_release_wq ? 0 : -ENOMEM;
}

/**
 * neuron_jobs_flush() - free the jobs whose last reference is gone
 *
 * Sleeps.
 */
void neuron_jobs_flush(void)
{
	flush_delayed_work(&neuron_release_work);
}

/**
 * neuron_jobs_wait_freed() - wait for what jobs hold that have ended
 * @ndev: device
 *
 * For a while: other clients' jobs may end all the time.
 */
void neuron_jobs_wait_freed(struct neuron_device *ndev)
{
	wait_event_timeout(ndev->jobs_freed, !atomic_read(&ndev->num_ended), HZ / 10);
}

/**
 * neuron_jobs_exit() - wait for everything that still executes the module's code
 */
void neuron_jobs_exit(void)
{
	neuron_jobs_flush();
	destroy_workqueue(neuron_release_wq);
	rcu_barrier();
}

static void neuron_job_release(struct kref *ref)
{
	struct neuron_job *job = container_of(ref, struct neuron_job, ref);
	bool own = !job->ctx;

	/*
	 * Some together, and not while somebody waits for the job's result. Who needs
	 * what they hold flushes; for the driver's own there are waiters.
	 */
	if (llist_add(&job->released, &neuron_released_jobs) && !own)
		queue_delayed_work(neuron_release_wq, &neuron_release_work, 1);
	else if (own)
		mod_delayed_work(neuron_release_wq, &neuron_release_work, 0);
}

/**
 * neuron_job_get() - take a reference
 * @job: job
 *
 * Return: @job.
 */
struct neuron_job *neuron_job_get(struct neuron_job *job)
{
	kref_get(&job->ref);

	return job;
}

/**
 * neuron_job_put() - drop a reference
 * @job: job
 *
 * Callable from any context.
 */
void neuron_job_put(struct neuron_job *job)
{
	kref_put(&job->ref, neuron_job_release);
}

/**
 * neuron_job_alloc() - make a job with room for what it will carry
 * @ndev: device
 * @ctx: context, or NULL for a job of the driver's own, which gives way to
 *	 neuron_dram_job_freed() in the end
 * @num_ops: submission entries
 * @slots_per_op: slots of each
 * @max_bos: most buffers that it will use
 *
 * Return: the job, zeroed where it is not linked up, or an error pointer.
 */
struct neuron_job *neuron_job_alloc(struct neuron_device *ndev, struct neuron_context *ctx,
				    unsigned int num_ops, unsigned int slots_per_op,
				    unsigned int max_bos)
{
	size_t slots = array3_size(num_ops, slots_per_op, sizeof(struct neuron_slot));
	size_t bos = array_size(max_bos, sizeof(struct neuron_job_bo));
	size_t ops = array_size(num_ops, sizeof(struct neuron_op));
	struct neuron_job *job;
	unsigned int i;

	job = kzalloc(sizeof(*job), GFP_KERNEL_ACCOUNT);
	if (!job)
		return ERR_PTR(-ENOMEM);

	job->fence = neuron_fence_alloc(ctx);
	if (!job->fence)
		goto free_job;

	job->ops = kvzalloc(size_add(size_add(ops, slots), bos), GFP_KERNEL_ACCOUNT);
	if (!job->ops)
		goto discard_fence;
	job->slots = (void *)job->ops + ops;
	job->bos = (void *)job->slots + slots;

	kref_init(&job->ref);
	INIT_LIST_HEAD(&job->link);
	job->ndev = ndev;
	job->ctx = ctx;
	if (ctx)
		neuron_context_get_job(ctx);
	job->timeout_ms = neuron_default_timeout_ms();
	job->num_ops = num_ops;
	for (i = 0; i < num_ops; i++) {
		job->ops[i].slots = &job->slots[i * slots_per_op];
		job->ops[i].sqe.num_slots = cpu_to_le32(slots_per_op);
		job->ops[i].sqe.context = cpu_to_le64(ctx ? ctx->cookie : 0);
	}

	return job;

discard_fence:
	neuron_fence_discard(job->fence);
free_job:
	kfree(job);

	return ERR_PTR(-ENOMEM);
}

/**
 * neuron_job_add_bo() - let a job use a buffer
 * @job: job
 * @file: whose handles
 * @handle: of the buffer
 * @write: the job may write to it
 *
 * Return: index into @job->bos, or -ENOENT.
 */
int neuron_job_add_bo(struct neuron_job *job, struct drm_file *file, u32 handle, bool write)
{
	struct drm_gem_object *obj = drm_gem_object_lookup(file, handle);
	unsigned int i;

	if (!obj)
		return -ENOENT;

	for (i = 0; i < job->num_bos; i++) {
		if (job->bos[i].obj != obj)
			continue;
		drm_gem_object_put(obj);
		job->bos[i].write |= write;
		return i;
	}

	job->bos[i].obj = obj;
	job->bos[i].write = write;
	job->num_bos++;

	return i;
}

static int neuron_job_lock_bos(struct neuron_job *job, struct drm_exec *exec)
{
	unsigned int i;
	int ret;

	drm_exec_until_all_locked(exec) {
		for (i = 0; i < job->num_bos; i++) {
			ret = drm_exec_prepare_obj(exec, job->bos[i].obj, 1);
			drm_exec_retry_on_contention(exec);
			if (ret)
				return ret;
		}
	}

	return 0;
}

/* Objects of other drivers may share a reservation: it gets one kind of fence. */
static bool neuron_job_writes(struct neuron_job *job, struct dma_resv *resv)
{
	unsigned int i;

	for (i = 0; i < job->num_bos; i++)
		if (job->bos[i].write && job->bos[i].obj->resv == resv)
			return true;

	return false;
}

/**
 * neuron_job_depend() - let a job wait for a fence
 * @job: job that is not submitted yet
 * @fence: fence; the caller's reference is not consumed
 *
 * Most have long signalled, and the scheduler would allocate for them. Those of
 * the very queue that the job is for belong to jobs that are in its ring, and
 * what follows in a ring comes later.
 *
 * Return: 0, or -ENOMEM.
 */
int neuron_job_depend(struct neuron_job *job, struct dma_fence *fence)
{
	if (dma_fence_is_signaled(fence) ||
	    (job->core && fence->context == neuron_job_queue(job)->fence_context))
		return 0;

	job->depends = true;
	/* The reference is given away, in any case. */
	return drm_sched_job_add_dependency(&job->base, dma_fence_get(fence));
}

/* Start after the users of a buffer that is locked. */
static int neuron_job_follow(struct neuron_job *job, struct dma_resv *resv,
			     enum dma_resv_usage usage)
{
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	int ret;

	dma_resv_for_each_fence(&cursor, resv, usage, fence) {
		ret = neuron_job_depend(job, fence);
		if (ret)
			return ret;
	}

	return 0;
}

static int neuron_job_prepare_bos(struct neuron_job *job)
{
	unsigned int i;
	long ret = 0;
	int idx;

	/* What an exporter moves has to be in place; not to be waited for below. */
	for (i = 0; i < job->num_bos && ret >= 0; i++)
		if (job->bos[i].obj->import_attach)
			ret = dma_resv_wait_timeout(job->bos[i].obj->resv, DMA_RESV_USAGE_KERNEL,
						    true, MAX_SCHEDULE_TIMEOUT);
	if (ret < 0)
		return ret;

	if (!drm_dev_enter(&job->ndev->drm, &idx))
		return -ENODEV;
	ret = 0;

	for (i = 0; i < job->num_bos && !ret; i++)
		ret = neuron_bo_map(to_neuron_bo(job->bos[i].obj));

	drm_dev_exit(idx);

	for (i = 0; i < job->num_bos && !ret; i++)
		ret = neuron_job_follow(job, job->bos[i].obj->resv, job->unordered ?
					DMA_RESV_USAGE_KERNEL :
					dma_resv_usage_rw(job->bos[i].write));

	return ret;
}

/* Hand a job to the device now if nothing has to be scheduled for that. */
static bool neuron_job_start(struct neuron_job *job, struct neuron_queue *q)
{
	bool started;
	int idx;

	if (job->depends || !drm_dev_enter(&job->ndev->drm, &idx))
		return false;

	/* Who did not sleep until the last one was complete will most likely do so again. */
	job->late = test_and_clear_bit(q->index, &job->ctx->polled) && neuron_queue_is_quick(q) &&
		    NEURON_VERSION_MINOR(job->ndev->hw_version) >= 1;
	started = neuron_queue_push_idle(q, job);
	drm_dev_exit(idx);

	return started;
}

/* Return: what signals when the job has ended, a reference. */
static struct dma_fence *neuron_job_push(struct neuron_job *job)
{
	struct neuron_queue *q = job->core ? neuron_job_queue(job) : NULL;
	struct dma_fence *finished;

	if (q) {
		trace_neuron_job_submit(job, q->name);
		if (neuron_job_start(job, q)) {
			drm_sched_job_cleanup(&job->base);
			neuron_entity_put_locked(job);
			return dma_fence_get(&job->fence->base);
		}
		neuron_queue_expect(q, job);
	}

	job->entity->queued = true;
	drm_sched_job_arm(&job->base);
	if (!q)
		trace_neuron_job_submit(job, to_neuron_queue(job->base.sched)->name);
	finished = dma_fence_get(&job->base.s_fence->finished);
	neuron_job_get(job);
	drm_sched_entity_push_job(&job->base);

	return finished;
}

/**
 * neuron_job_submit() - give a job to the scheduler, or to the device
 * @job: job; the reference of the caller is not consumed
 * @file: who submits
 * @syncs: what to wait for and what to signal
 * @fill: writes the slot tables, once the buffers have addresses
 * @data: for @fill
 *
 * Return: 0; -EINTR and the like when interrupted, with nothing done; or
 * another negative error code.
 */
int neuron_job_submit(struct neuron_job *job, struct drm_file *file, struct neuron_syncs *syncs,
		      int (*fill)(struct neuron_job *job, void *data), void *data)
{
	struct neuron_context *ctx = job->ctx;
	struct dma_fence *finished;
	struct drm_exec exec;
	unsigned int i;
	int ret;

	mutex_lock(&ctx->submit_lock);
	ret = neuron_entity_get_locked(job);
	mutex_unlock(&ctx->submit_lock);
	if (ret)
		return ret;

	ret = neuron_sched_job_init(&job->base, &job->entity->base, job->num_ops,
				    file->client_id);
	if (ret)
		return ret;

	drm_exec_init(&exec, DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		      job->num_bos);
	ret = neuron_job_lock_bos(job, &exec);
	if (ret)
		goto unlock_bos;

	ret = neuron_job_prepare_bos(job);
	if (ret)
		goto unlock_bos;

	ret = neuron_syncs_add_dependencies(syncs, job);
	if (ret)
		goto unlock_bos;

	ret = fill(job, data);
	if (ret)
		goto unlock_bos;

	mutex_lock(&ctx->submit_lock);
	ret = neuron_context_begin_job(ctx, job);
	if (ret)
		goto unlock_submit;

	/* Nothing fails from here on. */
	finished = neuron_job_push(job);
	mutex_unlock(&ctx->submit_lock);

	for (i = 0; i < job->num_bos; i++) {
		struct dma_resv *resv = job->bos[i].obj->resv;

		dma_resv_add_fence(resv, finished, neuron_job_writes(job, resv) ?
				   DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
	}
	drm_exec_fini(&exec);

	neuron_syncs_signal(syncs, finished);
	dma_fence_put(finished);

	return 0;

unlock_submit:
	mutex_unlock(&ctx->submit_lock);
unlock_bos:
	drm_exec_fini(&exec);
	drm_sched_job_cleanup(&job->base);

	return ret;
}

/**
 * neuron_job_submit_own() - give a job of the driver's own to the scheduler
 * @job: job without context and buffers; the caller's reference is consumed
 * @entity: only one caller at a time
 *
 * Return: the fence that signals when it is done, or an error pointer.
 */
struct dma_fence *neuron_job_submit_own(struct neuron_job *job, struct drm_sched_entity *entity)
{
	struct dma_fence *finished;
	int ret;

	ret = neuron_sched_job_init(&job->base, entity, job->num_ops, 0);
	if (ret) {
		neuron_job_put(job);
		return ERR_PTR(ret);
	}

	drm_sched_job_arm(&job->base);
	finished = dma_fence_get(&job->base.s_fence->finished);
	drm_sched_entity_push_job(&job->base);

	return finished;
}

static struct dma_fence *neuron_sched_prepare_job(struct drm_sched_job *sched_job,
						  struct drm_sched_entity *entity)
{
	return neuron_queue_wait_turn(to_neuron_queue(sched_job->sched),
				      to_neuron_job(sched_job));
}

static struct dma_fence *neuron_sched_run_job(struct drm_sched_job *sched_job)
{
	struct neuron_job *job = to_neuron_job(sched_job);
	struct neuron_queue *q = to_neuron_queue(sched_job->sched);
	struct dma_fence *fence;
	unsigned long flags;
	bool cookie;
	int idx;

	cookie = dma_fence_begin_signalling();

	/*
	 * A fence is returned in any case, because as the parent of the
	 * scheduler's fence it keeps the scheduler's name.
	 */
	spin_lock_irqsave(&q->lock, flags);
	neuron_job_init_fence_locked(job, q);
	spin_unlock_irqrestore(&q->lock, flags);
	fence = dma_fence_get(&job->fence->base);

	if (drm_dev_enter(&job->ndev->drm, &idx)) {
		neuron_queue_push(q, job);
		drm_dev_exit(idx);
	} else {
		neuron_queue_forget(q, job);
		neuron_job_finish(job, DRM_NEURON_JOB_LOST, NULL, 0);
	}

	dma_fence_end_signalling(cookie);

	return fence;
}

static int neuron_result_error(const struct neuron_result *result)
{
	switch (result->state) {
	case DRM_NEURON_JOB_DONE:
		return 0;
	case DRM_NEURON_JOB_FAULT:
		return -EINVAL;
	case DRM_NEURON_JOB_TIMEOUT:
		return -ETIMEDOUT;
	case DRM_NEURON_JOB_CANCELLED:
		return -ECANCELED;
	default:
		return -ENODEV;
	}
}

/*
 * The result is known: say so, first to the context, then to whoever waits. The
 * job can be gone when this returns.
 */
static void neuron_job_complete(struct neuron_job *job)
{
	struct neuron_result *result = &job->result;
	bool direct = job->direct;
	int error;

	/* What the device says is shown to people and tools: keep it in range. */
	if (le16_to_cpu(result->fault.kind) >= NEURON_FAULT_COUNT) {
		result->fault.info = cpu_to_le64(le16_to_cpu(result->fault.kind));
		result->fault.kind = cpu_to_le16(NEURON_FAULT_INTERNAL);
		result->fault.engine = NEURON_NO_ENGINE;
		result->fault.operand = NEURON_NO_OPERAND;
		result->fault.inst = cpu_to_le32(NEURON_NO_INST);
	}

	job->ended = true;
	atomic_inc(&job->ndev->num_ended);
	trace_neuron_job_done(job);
	neuron_stats_job(job);
	if (result->state == DRM_NEURON_JOB_FAULT)
		neuron_coredump(job);
	if (job->ctx)
		neuron_context_end_job(job->ctx, job);

	error = neuron_result_error(result);
	if (error)
		dma_fence_set_error(&job->fence->base, error);
	dma_fence_signal(&job->fence->base);
	/* From here on the scheduler may free it, if it has it. */
	if (direct)
		neuron_job_put(job);
}

/**
 * neuron_job_finish() - end a job that is in no list
 * @job: job; can be gone when this returns
 * @state: DRM_NEURON_JOB_*
 * @fault: record, or NULL
 * @cycles: modelled time
 *
 * Callable from any context.
 */
void neuron_job_finish(struct neuron_job *job, u32 state, const struct neuron_fault *fault,
		       u64 cycles)
{
	job->result.state = state;
	job->result.cycles = cycles;
	if (fault)
		job->result.fault = *fault;
	else
		memset(&job->result.fault, 0, sizeof(job->result.fault));

	neuron_job_complete(job);
}

/**
 * neuron_jobs_complete() - end jobs that came off a queue
 * @done: list of them; empty when this returns
 *
 * Callable from any context.
 */
void neuron_jobs_complete(struct list_head *done)
{
	struct neuron_job *job, *next;

	list_for_each_entry_safe(job, next, done, link) {
		list_del_init(&job->link);
		neuron_job_complete(job);
	}
}

static void neuron_sched_free_job(struct drm_sched_job *sched_job)
{
	struct neuron_job *job = to_neuron_job(sched_job);

	/* Killed with its entity, before it could run: nobody else says so. */
	if (job->ctx && !job->result.state) {
		if (job->core)
			neuron_queue_forget(neuron_job_queue(job), job);
		neuron_context_cancel_job(job->ctx, job);
	}

	drm_sched_job_cleanup(sched_job);
	neuron_job_put(job);
}

static enum drm_gpu_sched_stat neuron_sched_timedout_job(struct drm_sched_job *sched_job)
{
	/* The time-out is infinite: see "Watchdog and recovery". */
	WARN_ON_ONCE(1);

	return DRM_GPU_SCHED_STAT_ENODEV;
}

const struct drm_sched_backend_ops neuron_sched_ops = {
	.prepare_job = neuron_sched_prepare_job,
	.run_job = neuron_sched_run_job,
	.timedout_job = neuron_sched_timedout_job,
	.free_job = neuron_sched_free_job,
};
