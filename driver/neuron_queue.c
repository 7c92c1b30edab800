// SPDX-License-Identifier: GPL-2.0-only

#include <kunit/visibility.h>
#include <linux/dma-mapping.h>
#include <linux/iopoll.h>

#include "compat.h"
#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

/**
 * DOC: Queues
 *
 * Each core and each DMA queue of the chip is a submission ring and a
 * completion ring, fed by a &drm_gpu_scheduler of its own. All memory that the
 * device reads of a submission, slot tables included, belongs to the ring and
 * is allocated when the device is probed. So running a job is a copy and a
 * doorbell: it can't fail and doesn't allocate.
 *
 * A core that is idle needs no scheduling: with nothing in its ring, and no job
 * in its scheduler that could be first, a job that depends on nothing is handed
 * over by who submits it, see neuron_queue_push_idle(). That saves the way
 * through the scheduler's workqueue, twice a job, which takes longer than a small
 * job itself. As soon as one job has to wait all that follow do as well.
 *
 * The scheduler's credits are submission entries. Their limit keeps less than
 * half a ring under way, so neither ring can overflow, and the head of the
 * completion ring needs to be written back only now and then.
 *
 * Of the credits one context gets a quarter at a time, so that it can't keep
 * others out by a long backlog: see neuron_queue_wait_turn().
 *
 * Who waits for a short job looks for its completion instead of going to sleep. The
 * interrupt would only take the processor from others, and costs more than such a job, so
 * the device is asked to hold it back, and then told that it was not needed:
 * NEURON_SQE_LATE_IRQ, CQ_HEAD.
 *
 * The device is not trusted. Completions are copied once and then checked: a
 * queue executes in order, so there is exactly one id that can be next. Ids
 * are never used twice, thus an old completion (from before a reset, or a
 * duplicate) is recognised and dropped. Anything else that can't be makes the
 * queue "broken", and the watchdog resets it at once.
 */

#define NEURON_CORE_SHIFT	6
#define NEURON_DMA_SHIFT	NEURON_QUEUE_SHIFT_NEEDED

/* Deep enough to keep a core busy, shallow for the sake of other clients. */
#define NEURON_CORE_CREDITS	28
#define NEURON_DMA_CREDITS	96

/* One more, which found the ring empty. */
static_assert(NEURON_CORE_CREDITS + 1 < (1 << NEURON_CORE_SHIFT) / 2);
static_assert(NEURON_DMA_CREDITS < (1 << NEURON_DMA_SHIFT) / 2);
static_assert(NEURON_DMA_CREDITS >= NEURON_MAX_COPY_OPS);

#define NEURON_ENABLE_US	100000

static u32 neuron_queue_mask(const struct neuron_queue *q)
{
	return (1u << q->shift) - 1;
}

static u32 neuron_queue_position(const struct neuron_queue *q, u64 id)
{
	return (id - q->base_id) & neuron_queue_mask(q);
}

static struct neuron_job *neuron_queue_head_locked(struct neuron_queue *q)
{
	lockdep_assert_held(&q->lock);

	return list_first_entry_or_null(&q->jobs, struct neuron_job, link);
}

/**
 * neuron_queue_deadline_locked() - when the executing job is late
 * @q: queue with at least one job
 *
 * Return: jiffies.
 */
unsigned long neuron_queue_deadline_locked(struct neuron_queue *q)
{
	struct neuron_job *job = neuron_queue_head_locked(q);
	s64 elapsed = ktime_ms_delta(ktime_get(), q->started);
	s64 timeout = job->timeout_ms;

	return jiffies + msecs_to_jiffies(max_t(s64, timeout - elapsed, 0));
}

/**
 * neuron_queue_watch_locked() - see to it that the watchdog comes in time
 * @q: queue
 *
 * At the latest when the executing job is late, and in any case within a
 * second, so that a lost interrupt costs no more than that.
 */
void neuron_queue_watch_locked(struct neuron_queue *q)
{
	unsigned long at, limit = jiffies + HZ;

	lockdep_assert_held(&q->lock);

	if (q->state != NEURON_QUEUE_LIVE || list_empty(&q->jobs))
		return;

	at = neuron_queue_deadline_locked(q);
	if (time_after(at, limit))
		at = limit;

	/* The timer is left alone unless it would come too late. */
	if (delayed_work_pending(&q->watchdog) && !time_before(at, q->watchdog_at))
		return;

	q->watchdog_at = at;
	mod_delayed_work(q->ndev->reset_wq, &q->watchdog, at - jiffies);
}

/**
 * neuron_queue_kick() - let the watchdog look at a queue now
 * @q: queue
 *
 * Callable from any context.
 */
void neuron_queue_kick(struct neuron_queue *q)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (q->state == NEURON_QUEUE_LIVE) {
		q->watchdog_at = jiffies;
		mod_delayed_work(q->ndev->reset_wq, &q->watchdog, 0);
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

static void neuron_queue_emit_locked(struct neuron_queue *q, struct neuron_job *job)
{
	unsigned int i;

	lockdep_assert_held(&q->lock);

	job->first_id = q->next_id;
	job->queued = true;

	for (i = 0; i < job->num_ops; i++) {
		const struct neuron_op *op = &job->ops[i];
		u32 pos = neuron_queue_position(q, q->next_id);
		size_t table = (size_t)pos * q->table_slots;
		struct neuron_sqe sqe = op->sqe;

		memcpy(&q->tables[table], op->slots,
		       le32_to_cpu(sqe.num_slots) * sizeof(*op->slots));
		sqe.id = cpu_to_le64(q->next_id++);
		sqe.slots = cpu_to_le64(q->tables_dma + table * sizeof(*op->slots));
		q->sq[pos] = sqe;
	}
}

static void neuron_queue_ack_locked(struct neuron_queue *q)
{
	q->cq_acked = q->cq_head;
	neuron_queue_write(q, NEURON_QUEUE_CQ_HEAD, q->cq_head & neuron_queue_mask(q));
}

static void neuron_queue_ring_locked(struct neuron_queue *q)
{
	/* writel() orders the entries before the doorbell. */
	neuron_queue_write(q, NEURON_QUEUE_SQ_TAIL, neuron_queue_position(q, q->next_id));
}

/* The job at the head of the list starts to execute about now. */
static void neuron_queue_head_changed_locked(struct neuron_queue *q, ktime_t now)
{
	struct neuron_job *job = neuron_queue_head_locked(q);

	if (!job)
		return;

	q->started = now;
	trace_neuron_job_start(job, q->name);
	if (job->ctx && READ_ONCE(job->ctx->closed))
		job->timeout_ms = min(job->timeout_ms, NEURON_CLOSED_TIMEOUT_MS);
	neuron_queue_watch_locked(q);
}

static void neuron_queue_push_locked(struct neuron_queue *q, struct neuron_job *job)
{
	lockdep_assert_held(&q->lock);

	trace_neuron_job_push(job, q->name);
	list_add_tail(&job->link, &q->jobs);
	if (q->state == NEURON_QUEUE_LIVE) {
		neuron_queue_emit_locked(q, job);
		neuron_queue_ring_locked(q);
	}
	if (list_is_first(&job->link, &q->jobs))
		neuron_queue_head_changed_locked(q, ktime_get());
}

static void neuron_queue_forget_locked(struct neuron_queue *q, struct neuron_job *job)
{
	lockdep_assert_held(&q->lock);

	if (job->waiting)
		q->waiting--;
	job->waiting = false;
}

/**
 * neuron_queue_push() - hand a job to the device
 * @q: queue; the scheduler sees to it that there is room
 * @job: job; its fence signals when the device has done with it
 *
 * While the queue is being recovered the job only lines up.
 */
void neuron_queue_push(struct neuron_queue *q, struct neuron_job *job)
{
	unsigned long flags;
	bool dead;

	spin_lock_irqsave(&q->lock, flags);
	dead = q->state == NEURON_QUEUE_DEAD;
	neuron_queue_forget_locked(q, job);
	if (!dead)
		neuron_queue_push_locked(q, job);
	spin_unlock_irqrestore(&q->lock, flags);

	if (dead)
		neuron_job_finish(job, DRM_NEURON_JOB_LOST, NULL, 0);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_push);

/**
 * neuron_queue_push_idle() - hand a job to the device past the scheduler
 * @q: queue of a core
 * @job: job of one entry that depends on no other; nothing of its context is submitted
 *	 meanwhile
 *
 * Only if the queue is live and idle, and its scheduler too: then the job is the
 * next one by any rule. Its fence is on the queue's timeline, where the order is
 * that of the ring, and the queue has a reference to the job until that is
 * complete.
 *
 * Return: whether it was done. If not, nothing has happened.
 */
bool neuron_queue_push_idle(struct neuron_queue *q, struct neuron_job *job)
{
	unsigned long flags;
	bool idle;

	spin_lock_irqsave(&q->lock, flags);
	idle = q->state == NEURON_QUEUE_LIVE && !q->waiting && list_empty(&q->jobs);
	if (idle) {
		job->direct = true;
		neuron_job_get(job);
		neuron_job_init_fence_locked(job, q);
		/* All that was complete has been taken. */
		if (q->owed)
			neuron_queue_ack_locked(q);
		q->owed = job->late;
		if (job->late)
			job->ops[0].sqe.flags |= NEURON_SQE_LATE_IRQ;
		neuron_queue_push_locked(q, job);
	}
	spin_unlock_irqrestore(&q->lock, flags);

	return idle;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_push_idle);

/**
 * neuron_queue_expect() - the scheduler is about to get a job
 * @q: queue that it will go to
 * @job: job
 *
 * No other overtakes it from here on, until neuron_queue_push() or
 * neuron_queue_forget().
 */
void neuron_queue_expect(struct neuron_queue *q, struct neuron_job *job)
{
	spin_lock_irq(&q->lock);
	job->waiting = true;
	q->waiting++;
	spin_unlock_irq(&q->lock);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_expect);

/**
 * neuron_queue_forget() - the scheduler is through with a job
 * @q: queue
 * @job: job, which may have been pushed or not
 */
void neuron_queue_forget(struct neuron_queue *q, struct neuron_job *job)
{
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	neuron_queue_forget_locked(q, job);
	spin_unlock_irqrestore(&q->lock, flags);
}

/**
 * neuron_queue_wait_turn() - whether a context has its share of the queue
 * @q: queue
 * @job: job that the scheduler wants to run next
 *
 * The scheduler takes jobs by age, so a client with a long backlog would keep
 * the queue full until it is through. Here a context gets a quarter of the
 * queue at a time, or one job if that is larger.
 *
 * Return: the fence of a job to wait for first, a reference, or NULL.
 */
struct dma_fence *neuron_queue_wait_turn(struct neuron_queue *q, struct neuron_job *job)
{
	struct dma_fence *first = NULL;
	unsigned int ops = job->num_ops;
	struct neuron_job *other;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	list_for_each_entry(other, &q->jobs, link) {
		if (other->ctx != job->ctx)
			continue;
		ops += other->num_ops;
		if (!first)
			first = &other->fence->base;
	}
	if (ops <= q->credits / 4)
		first = NULL;
	else if (first)
		dma_fence_get(first);
	spin_unlock_irqrestore(&q->lock, flags);

	return first;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_wait_turn);

/* Take a job off the queue; the caller completes what is in @done. */
static void neuron_queue_retire_locked(struct neuron_queue *q, struct neuron_job *job,
				       struct list_head *done)
{
	ktime_t now = ktime_get();
	u64 ns = ktime_to_ns(ktime_sub(now, q->started));

	lockdep_assert_held(&q->lock);

	list_move_tail(&job->link, done);
	q->jobs_done++;
	q->busy_ns += ns;
	WRITE_ONCE(q->typical_ns, (3 * q->typical_ns + ns) / 4);
	if (job->ctx)
		atomic64_add(ns, neuron_queue_is_core(q) ? &job->ctx->compute_ns :
							   &job->ctx->copy_ns);
	neuron_queue_head_changed_locked(q, now);
}

/**
 * neuron_queue_drop_locked() - take a job off a stopped queue
 * @q: queue
 * @job: one of its jobs, with its result filled in
 * @done: list to complete after the lock is released
 */
void neuron_queue_drop_locked(struct neuron_queue *q, struct neuron_job *job,
			      struct list_head *done)
{
	if (list_is_first(&job->link, &q->jobs))
		neuron_queue_retire_locked(q, job, done);
	else
		list_move_tail(&job->link, done);
}

static const char *neuron_cqe_problem(const struct neuron_queue *q, const struct neuron_cqe *cqe)
{
	u32 ahead, outstanding = q->next_id - q->done_id;

	if (le32_to_cpu(cqe->phase) & ~1u || memchr_inv(cqe->reserved, 0, sizeof(cqe->reserved)))
		return "reserved bits are set";
	if (le16_to_cpu(cqe->queue) != q->index)
		return "wrong queue";
	if (!outstanding || le64_to_cpu(cqe->id) != q->done_id)
		return "unexpected id";

	/* The entry itself has been fetched, and none beyond the tail. */
	ahead = (le16_to_cpu(cqe->sq_head) - neuron_queue_position(q, q->done_id + 1)) &
		neuron_queue_mask(q);
	if (le16_to_cpu(cqe->sq_head) > neuron_queue_mask(q) || ahead >= outstanding)
		return "wrong submission head";

	return NULL;
}

static void neuron_queue_complete_locked(struct neuron_queue *q, const struct neuron_cqe *cqe,
					 struct list_head *done)
{
	struct neuron_job *job = neuron_queue_head_locked(q);
	struct neuron_result *result;
	const char *problem;

	if (le64_to_cpu(cqe->id) < q->done_id) {
		q->bad_completions++;
		dev_warn_ratelimited(&q->ndev->pdev->dev,
				     "%s: completion of id %llu again, ignored\n",
				     q->name, le64_to_cpu(cqe->id));
		return;
	}

	problem = neuron_cqe_problem(q, cqe);
	if (problem || !job || q->broken) {
		q->bad_completions++;
		q->broken = true;
		dev_err_ratelimited(&q->ndev->pdev->dev,
				    "%s: bad completion (%s): id %llu, expected %llu\n",
				    q->name, problem ?: "after another one",
				    le64_to_cpu(cqe->id), q->done_id);
		return;
	}

	q->done_id++;
	result = &job->result;
	result->cycles += le64_to_cpu(cqe->cycles);
	if (!result->fault.kind)
		result->fault = cqe->fault;
	if (++job->ops_done < job->num_ops)
		return;

	if (!result->fault.kind)
		result->state = DRM_NEURON_JOB_DONE;
	else if (le16_to_cpu(result->fault.kind) == NEURON_FAULT_CANCELLED)
		result->state = DRM_NEURON_JOB_CANCELLED;
	else
		result->state = DRM_NEURON_JOB_FAULT;

	neuron_queue_retire_locked(q, job, done);
}

/* The phase bit changes with each turn of the ring. */
static bool neuron_queue_is_new(const struct neuron_queue *q, u32 head)
{
	const struct neuron_cqe *entry = &q->cq[head & neuron_queue_mask(q)];

	return (le32_to_cpu(READ_ONCE(entry->phase)) & 1) == !(head >> q->shift & 1);
}

/**
 * neuron_queue_has_completion() - look whether an interrupt will come, or has
 * @q: queue
 *
 * A hint, since it takes no lock. Only while the device is there.
 *
 * Return: whether neuron_queue_interrupt() would find something.
 */
bool neuron_queue_has_completion(const struct neuron_queue *q)
{
	return neuron_queue_is_new(q, READ_ONCE(q->cq_head));
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_has_completion);

/**
 * neuron_queue_poll_locked() - take completions
 * @q: queue
 * @done: list that completed jobs are added to; neuron_jobs_complete() it after
 *	  the lock is released
 *
 * Takes at most a ring's worth, whatever the device writes meanwhile.
 */
void neuron_queue_poll_locked(struct neuron_queue *q, struct list_head *done)
{
	u32 mask = neuron_queue_mask(q), budget;

	lockdep_assert_held(&q->lock);

	for (budget = mask + 1; budget; budget--) {
		const struct neuron_cqe *entry = &q->cq[q->cq_head & mask];
		struct neuron_cqe cqe;

		if (!neuron_queue_is_new(q, q->cq_head))
			break;

		/* The phase is written last: read the rest after it, once. */
		dma_rmb();
		memcpy(&cqe, entry, sizeof(cqe));
		WRITE_ONCE(q->cq_head, q->cq_head + 1);
		neuron_queue_complete_locked(q, &cqe, done);
	}

	if (q->state == NEURON_QUEUE_LIVE && q->cq_head - q->cq_acked > mask / 4)
		neuron_queue_ack_locked(q);

	if (q->broken && q->state == NEURON_QUEUE_LIVE) {
		q->watchdog_at = jiffies;
		mod_delayed_work(q->ndev->reset_wq, &q->watchdog, 0);
	}
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_poll_locked);

/**
 * neuron_queue_interrupt() - the queue's interrupt has come
 * @q: queue
 *
 * Signals fences right here: it is the shortest way to whoever waits.
 */
void neuron_queue_interrupt(struct neuron_queue *q)
{
	unsigned long flags;
	LIST_HEAD(done);

	spin_lock_irqsave(&q->lock, flags);
	if (q->state == NEURON_QUEUE_LIVE)
		neuron_queue_poll_locked(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);

	neuron_jobs_complete(&done);
}

/**
 * neuron_queue_enable() - set a stopped queue up, with empty rings
 * @q: queue that is stopped in software and in the chip
 *
 * Return: 0, or -EIO when the chip refuses.
 */
int neuron_queue_enable(struct neuron_queue *q)
{
	u32 status;

	memset(q->sq, 0, sizeof(*q->sq) << q->shift);
	memset(q->cq, 0, sizeof(*q->cq) << q->shift);

	spin_lock_irq(&q->lock);
	q->cq_head = 0;
	q->cq_acked = 0;
	q->owed = false;
	q->base_id = q->next_id;
	q->done_id = q->next_id;
	q->broken = false;
	spin_unlock_irq(&q->lock);

	neuron_queue_write(q, NEURON_QUEUE_SQ_BASE_LO, lower_32_bits(q->sq_dma));
	neuron_queue_write(q, NEURON_QUEUE_SQ_BASE_HI, upper_32_bits(q->sq_dma));
	neuron_queue_write(q, NEURON_QUEUE_CQ_BASE_LO, lower_32_bits(q->cq_dma));
	neuron_queue_write(q, NEURON_QUEUE_CQ_BASE_HI, upper_32_bits(q->cq_dma));
	neuron_queue_write(q, NEURON_QUEUE_SHIFT, q->shift);
	neuron_queue_write(q, NEURON_QUEUE_CONTROL, NEURON_QUEUE_ENABLE);

	if (read_poll_timeout(neuron_queue_read, status, status & NEURON_QUEUE_ENABLED, 10,
			      NEURON_ENABLE_US, false, q, NEURON_QUEUE_STATUS) ||
	    status == NEURON_GONE)
		return -EIO;

	return 0;
}

/**
 * neuron_queue_resume() - let a queue go that has just been enabled
 * @q: queue
 *
 * The jobs that lined up, or that did not get to execute before a reset, start.
 * Not while the device is frozen: neuron_chip_thaw() does it then.
 */
void neuron_queue_resume(struct neuron_queue *q)
{
	struct neuron_job *job;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	if (q->state == NEURON_QUEUE_STOPPED && !READ_ONCE(q->ndev->frozen)) {
		q->state = NEURON_QUEUE_LIVE;
		list_for_each_entry(job, &q->jobs, link)
			neuron_queue_emit_locked(q, job);
		if (!list_empty(&q->jobs))
			neuron_queue_ring_locked(q);
		neuron_queue_head_changed_locked(q, ktime_get());
	}
	spin_unlock_irqrestore(&q->lock, flags);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_queue_resume);

static void neuron_queue_free(struct kref *ref)
{
	kfree(container_of(ref, struct neuron_queue, ref));
}

/**
 * neuron_queue_put() - drop a reference
 * @q: queue
 *
 * Callable from any context.
 */
void neuron_queue_put(struct neuron_queue *q)
{
	kref_put(&q->ref, neuron_queue_free);
}

static void neuron_queue_fini(struct drm_device *drm, void *data)
{
	struct neuron_queue *q = data;

	drm_sched_fini(&q->sched);
	neuron_queue_put(q);
}

static int neuron_queue_init(struct neuron_device *ndev, unsigned int index)
{
	bool core = index < ndev->num_cores;
	struct device *dev = &ndev->pdev->dev;
	struct neuron_queue *q;
	size_t entries;
	int ret;

	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return -ENOMEM;

	kref_init(&q->ref);
	q->ndev = ndev;
	q->index = index;
	if (core)
		snprintf(q->name, sizeof(q->name), "neuron-core%u", index);
	else
		snprintf(q->name, sizeof(q->name), "neuron-dma%u", index - ndev->num_cores);
	q->shift = core ? NEURON_CORE_SHIFT : NEURON_DMA_SHIFT;
	q->table_slots = core ? ndev->max_slots : 2;
	q->credits = core ? NEURON_CORE_CREDITS : NEURON_DMA_CREDITS;
	spin_lock_init(&q->lock);
	spin_lock_init(&q->fence_lock);
	INIT_LIST_HEAD(&q->jobs);
	INIT_DELAYED_WORK(&q->watchdog, neuron_watchdog);
	q->state = NEURON_QUEUE_STOPPED;
	q->next_id = 1;
	q->done_id = 1;
	q->fence_context = dma_fence_context_alloc(1);

	ret = neuron_sched_init(&q->sched, &neuron_sched_ops, ndev->submit_wq, q->credits, q->name,
				dev);
	if (ret) {
		neuron_queue_put(q);
		return ret;
	}

	/*
	 * Open files have entities in the scheduler, so it lives as long as the
	 * DRM device does, not only as long as the hardware.
	 */
	ret = drmm_add_action_or_reset(&ndev->drm, neuron_queue_fini, q);
	if (ret)
		return ret;

	entries = (size_t)1 << q->shift;
	q->sq = dmam_alloc_coherent(dev, entries * sizeof(*q->sq), &q->sq_dma, GFP_KERNEL);
	q->cq = dmam_alloc_coherent(dev, entries * sizeof(*q->cq), &q->cq_dma, GFP_KERNEL);
	q->tables = dmam_alloc_coherent(dev, entries * q->table_slots * sizeof(*q->tables),
					&q->tables_dma, GFP_KERNEL);
	if (!q->sq || !q->cq || !q->tables)
		return -ENOMEM;

	ndev->queue[index] = q;
	if (!core)
		ndev->dma_sched[index - ndev->num_cores] = &q->sched;

	return 0;
}

/**
 * neuron_queues_pause() - keep the schedulers from starting and freeing jobs
 * @ndev: device
 *
 * When this returns none of them is in the middle of it. Calls nest.
 */
void neuron_queues_pause(struct neuron_device *ndev)
{
	unsigned int i;

	mutex_lock(&ndev->pause_lock);
	if (!ndev->paused++)
		for (i = 0; i < ndev->num_queues; i++)
			drm_sched_wqueue_stop(&ndev->queue[i]->sched);
	mutex_unlock(&ndev->pause_lock);
}

/**
 * neuron_queues_continue() - end what neuron_queues_pause() began
 * @ndev: device
 */
void neuron_queues_continue(struct neuron_device *ndev)
{
	unsigned int i;

	mutex_lock(&ndev->pause_lock);
	if (!--ndev->paused)
		for (i = 0; i < ndev->num_queues; i++)
			drm_sched_wqueue_start(&ndev->queue[i]->sched);
	mutex_unlock(&ndev->pause_lock);
}

static void neuron_wq_fini(struct drm_device *drm, void *data)
{
	destroy_workqueue(data);
}

/**
 * neuron_queues_init() - set the queues up in software
 * @ndev: device whose properties are known
 *
 * Return: 0, or a negative error code.
 */
int neuron_queues_init(struct neuron_device *ndev)
{
	unsigned int i;
	int ret;

	ret = drmm_mutex_init(&ndev->drm, &ndev->pause_lock);
	if (ret)
		return ret;

	init_waitqueue_head(&ndev->jobs_freed);
	ndev->reset_wq = alloc_ordered_workqueue("neuron-reset", WQ_MEM_RECLAIM);
	if (!ndev->reset_wq)
		return -ENOMEM;

	ret = drmm_add_action_or_reset(&ndev->drm, neuron_wq_fini, ndev->reset_wq);
	if (ret)
		return ret;

	/*
	 * Bound to processors, so that a job is handed to the device by the one that
	 * submits it, as soon as that leaves the kernel: to wake another takes longer.
	 */
	ndev->submit_wq = alloc_workqueue("neuron-submit", WQ_HIGHPRI | WQ_MEM_RECLAIM, 0);
	if (!ndev->submit_wq)
		return -ENOMEM;

	ret = drmm_add_action_or_reset(&ndev->drm, neuron_wq_fini, ndev->submit_wq);
	if (ret)
		return ret;

	for (i = 0; i < ndev->num_queues; i++) {
		ret = neuron_queue_init(ndev, i);
		if (ret)
			return ret;
	}

	return 0;
}
