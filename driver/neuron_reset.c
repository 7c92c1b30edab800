// SPDX-License-Identifier: GPL-2.0-only

#include <linux/iopoll.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_queue.h"
#include "neuron_trace.h"

/**
 * DOC: Watchdog and recovery
 *
 * Each queue has a watchdog that runs while the queue has jobs. It takes
 * completions whose interrupt got lost, and then judges: is the executing job
 * late, has the device broken the protocol or stopped the queue, is it gone?
 *
 * The time-out handler of &drm_gpu_scheduler is not used, for two reasons. Its
 * clock is one for all jobs and starts when a job enters the ring, while here
 * each job has its own limit, and it counts from when the core starts with it.
 * And drm_sched_stop() with drm_sched_start() cancels everything that is in the
 * ring, while here only the executing job is lost: the entries behind it have
 * not been started, and are put into the ring again after the reset.
 *
 * Recovery goes up in steps: reset of the core (or stop of the DMA queue),
 * which nobody else notices; reset of the chip, which costs the jobs that
 * execute on other queues (CANCELLED, or FAULT when the chip said itself that it
 * had failed); and in the end the device is declared
 * dead: it loses the bus, all jobs are LOST, and submissions get EIO.
 *
 * Watchdogs and recovery share an ordered workqueue, so there is one at a time.
 * They signal fences, so they don't allocate memory and take no lock that is
 * held where memory is allocated.
 */

#define NEURON_CORE_RESET_US	1000000
#define NEURON_CHIP_RESET_US	5000000

static const struct neuron_fault neuron_fault_internal = {
	.kind = cpu_to_le16(NEURON_FAULT_INTERNAL),
	.engine = NEURON_NO_ENGINE,
	.operand = NEURON_NO_OPERAND,
	.inst = cpu_to_le32(NEURON_NO_INST),
};

/*
 * Return: the executing job. As only recovery takes jobs off a stopped queue it
 * stays valid without a reference.
 */
static struct neuron_job *neuron_queue_stop(struct neuron_queue *q)
{
	struct neuron_job *job;

	spin_lock_irq(&q->lock);
	if (q->state == NEURON_QUEUE_LIVE)
		q->state = NEURON_QUEUE_STOPPED;
	job = list_first_entry_or_null(&q->jobs, struct neuron_job, link);
	spin_unlock_irq(&q->lock);

	return job;
}

/* Make the chip let go of a queue. -EIO when it doesn't. */
static int neuron_queue_halt(struct neuron_queue *q)
{
	struct neuron_device *ndev = q->ndev;
	u32 value;
	int ret;

	if (neuron_queue_is_core(q)) {
		neuron_write(ndev, NEURON_REG_CORE_RESET, BIT(q->index));
		ret = read_poll_timeout(neuron_read, value,
					!(value & BIT(q->index)) || value == NEURON_GONE, 50,
					NEURON_CORE_RESET_US, false, ndev, NEURON_REG_CORE_RESET);
		if (value == NEURON_GONE)
			return -ENODEV;
	} else {
		neuron_queue_write(q, NEURON_QUEUE_CONTROL, 0);
		ret = 0;
	}

	return ret ?: read_poll_timeout(neuron_queue_read, value,
					!(value & (NEURON_QUEUE_ACTIVE | NEURON_QUEUE_ENABLED)),
					50, NEURON_CORE_RESET_US, false, q, NEURON_QUEUE_STATUS);
}

static int neuron_chip_reset(struct neuron_device *ndev)
{
	u32 value;

	neuron_write(ndev, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	if (read_poll_timeout(neuron_read, value,
			      !(value & NEURON_CONTROL_RESET) || value == NEURON_GONE, 100,
			      NEURON_CHIP_RESET_US, false, ndev, NEURON_REG_CONTROL) ||
	    value == NEURON_GONE)
		return -EIO;

	if (read_poll_timeout(neuron_read, value,
			      value & (NEURON_STATUS_READY | NEURON_STATUS_FATAL) &&
			      !(value & NEURON_STATUS_RESETTING),
			      100, NEURON_CHIP_RESET_US, false, ndev, NEURON_REG_STATUS) ||
	    value == NEURON_GONE || value & NEURON_STATUS_FATAL)
		return -EIO;

	return 0;
}

static void neuron_job_set_result(struct neuron_job *job, u32 state,
				  const struct neuron_fault *fault)
{
	job->result.state = state;
	job->result.cycles = 0;
	if (fault)
		job->result.fault = *fault;
	else
		memset(&job->result.fault, 0, sizeof(job->result.fault));
}

/*
 * The chip has let go of the queue: decide what becomes of its jobs.
 *
 * @guilty: the job that was executing when the verdict fell. It may have
 * completed in the last moment; then the one that followed has been started and
 * abandoned, and must not be executed a second time.
 */
static void neuron_queue_settle(struct neuron_queue *q, enum neuron_verdict verdict,
				struct neuron_job *guilty)
{
	struct neuron_job *job, *next;
	unsigned long flags;
	LIST_HEAD(done);

	spin_lock_irqsave(&q->lock, flags);
	neuron_queue_poll_locked(q, &done);

	job = list_first_entry_or_null(&q->jobs, struct neuron_job, link);
	if (job && job->queued) {
		if (verdict == NEURON_VERDICT_FATAL)
			neuron_job_set_result(job, DRM_NEURON_JOB_FAULT, &neuron_fault_internal);
		else if (job != guilty)
			neuron_job_set_result(job, DRM_NEURON_JOB_CANCELLED, NULL);
		else if (verdict == NEURON_VERDICT_TIMEOUT)
			neuron_job_set_result(job, DRM_NEURON_JOB_TIMEOUT, NULL);
		else
			neuron_job_set_result(job, DRM_NEURON_JOB_FAULT, &neuron_fault_internal);
		neuron_queue_drop_locked(q, job, &done);
	}

	list_for_each_entry_safe(job, next, &q->jobs, link) {
		job->queued = false;
		if (job->ctx && READ_ONCE(job->ctx->closed)) {
			neuron_job_set_result(job, DRM_NEURON_JOB_CANCELLED, NULL);
			neuron_queue_drop_locked(q, job, &done);
		}
	}
	q->resets++;
	spin_unlock_irqrestore(&q->lock, flags);

	neuron_jobs_complete(&done);
}

/* No way back: nothing of the device is used any more, and all jobs are lost. */
static void neuron_device_kill(struct neuron_device *ndev)
{
	struct neuron_job *job, *next;
	unsigned int i;

	WRITE_ONCE(ndev->dead, true);
	pci_clear_master(ndev->pdev);

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];
		LIST_HEAD(done);

		spin_lock_irq(&q->lock);
		q->state = NEURON_QUEUE_DEAD;
		list_for_each_entry_safe(job, next, &q->jobs, link) {
			neuron_job_set_result(job, DRM_NEURON_JOB_LOST, NULL);
			neuron_queue_drop_locked(q, job, &done);
		}
		spin_unlock_irq(&q->lock);

		neuron_jobs_complete(&done);
	}
}

/* The chip is reset and all queues are stopped: decide about jobs, and go on. */
static int neuron_chip_restart(struct neuron_device *ndev, struct neuron_queue *origin,
			       enum neuron_verdict verdict, struct neuron_job *guilty)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];

		neuron_queue_settle(q, verdict, q == origin ? guilty : NULL);
	}

	for (i = 0; i < ndev->num_queues; i++) {
		ret = neuron_queue_enable(ndev->queue[i]);
		if (ret)
			return ret;
	}

	for (i = 0; i < ndev->num_queues; i++)
		neuron_queue_resume(ndev->queue[i]);

	return 0;
}

/* Reset the chip and go on; or else give it up. */
static int neuron_chip_recover(struct neuron_device *ndev, struct neuron_queue *origin,
			       enum neuron_verdict verdict, struct neuron_job *guilty)
{
	struct neuron_core_stats *stats = ndev->stats.core;
	unsigned int i;
	int ret;

	dev_warn(&ndev->pdev->dev, "resetting the chip\n");

	for (i = 0; i < ndev->num_queues; i++)
		neuron_queue_stop(ndev->queue[i]);
	for (i = 0; i < ndev->num_cores; i++)
		neuron_counter_event(&stats[i].reset_requests);

	ret = neuron_chip_reset(ndev);
	if (!ret) {
		atomic_inc(&ndev->chip_resets);
		ret = neuron_chip_restart(ndev, origin, verdict, guilty);
	}
	if (ret) {
		for (i = 0; i < ndev->num_cores; i++)
			neuron_counter_event(&stats[i].reset_failures);
		dev_err(&ndev->pdev->dev, "no reset helps, giving the device up\n");
		neuron_device_kill(ndev);
		return ret;
	}
	neuron_dram_retry(ndev);

	return 0;
}

/* Reset a stopped queue alone and go on. Jobs stay where they are if that fails. */
static int neuron_queue_reset(struct neuron_queue *q, enum neuron_verdict verdict,
			      struct neuron_job **guilty)
{
	struct neuron_core_stats *stats;
	int ret;

	stats = neuron_queue_is_core(q) ? &q->ndev->stats.core[q->index] : NULL;
	if (stats)
		neuron_counter_event(&stats->reset_requests);

	ret = neuron_queue_halt(q);
	if (!ret) {
		neuron_queue_settle(q, verdict, *guilty);
		*guilty = NULL;
		ret = neuron_queue_enable(q);
	}
	if (ret) {
		if (stats)
			neuron_counter_event(&stats->reset_failures);
		return ret;
	}
	neuron_queue_resume(q);
	neuron_dram_retry(q->ndev);

	return 0;
}

static void neuron_queue_recover(struct neuron_queue *q, enum neuron_verdict verdict)
{
	struct neuron_device *ndev = q->ndev;
	bool late = verdict == NEURON_VERDICT_TIMEOUT;
	struct device *dev = &ndev->pdev->dev;
	struct neuron_job *guilty;

	trace_neuron_queue_reset(q, verdict);
	if (verdict == NEURON_VERDICT_GONE) {
		dev_err(dev, "the device does not answer any more\n");
		neuron_device_kill(ndev);
		return;
	}

	guilty = neuron_queue_stop(q);
	if (guilty) {
		dev_warn_ratelimited(dev, "%s: %s, resetting it (context %llu, job %llu)\n",
				     q->name, late ? "job takes too long" : "out of order",
				     guilty->ctx ? guilty->ctx->cookie : 0, guilty->result.job);
		guilty->result.state = late ? DRM_NEURON_JOB_TIMEOUT : DRM_NEURON_JOB_FAULT;
		neuron_coredump(guilty);
	}

	/* When the chip itself has failed there is no core to reset. */
	if (verdict != NEURON_VERDICT_FATAL && !neuron_queue_reset(q, verdict, &guilty))
		return;

	neuron_chip_recover(ndev, q, verdict, guilty);
}

static enum neuron_verdict neuron_queue_judge_locked(struct neuron_queue *q)
{
	bool stopped;
	u32 status;

	lockdep_assert_held(&q->lock);

	if (q->state != NEURON_QUEUE_LIVE)
		return NEURON_VERDICT_FINE;

	status = neuron_queue_read(q, NEURON_QUEUE_STATUS);
	if (status == NEURON_GONE) {
		/* An error of the link: the PCI core recovers it, or tells us. */
		return pci_channel_offline(q->ndev->pdev) ? NEURON_VERDICT_FINE :
							    NEURON_VERDICT_GONE;
	}
	stopped = status & NEURON_QUEUE_ERROR || !(status & NEURON_QUEUE_ENABLED);
	if (stopped && neuron_read(q->ndev, NEURON_REG_STATUS) & NEURON_STATUS_FATAL)
		return NEURON_VERDICT_FATAL;
	if (q->broken || stopped)
		return NEURON_VERDICT_BROKEN;
	if (!list_empty(&q->jobs) && time_after_eq(jiffies, neuron_queue_deadline_locked(q)))
		return NEURON_VERDICT_TIMEOUT;

	return NEURON_VERDICT_FINE;
}

/**
 * neuron_watchdog() - look after a queue
 * @work: &neuron_queue.watchdog
 */
void neuron_watchdog(struct work_struct *work)
{
	struct neuron_queue *q = container_of(to_delayed_work(work), struct neuron_queue, watchdog);
	enum neuron_verdict verdict;
	LIST_HEAD(done);
	bool cookie;
	int idx;

	if (!drm_dev_enter(&q->ndev->drm, &idx))
		return;

	cookie = dma_fence_begin_signalling();

	spin_lock_irq(&q->lock);
	if (q->state == NEURON_QUEUE_LIVE)
		neuron_queue_poll_locked(q, &done);
	if (!list_empty(&done))
		q->polled++;
	verdict = neuron_queue_judge_locked(q);
	if (verdict == NEURON_VERDICT_FINE)
		neuron_queue_watch_locked(q);
	spin_unlock_irq(&q->lock);

	neuron_jobs_complete(&done);
	if (verdict != NEURON_VERDICT_FINE)
		neuron_queue_recover(q, verdict);

	dma_fence_end_signalling(cookie);
	drm_dev_exit(idx);
}

/**
 * struct neuron_reset_work - a reset that somebody waits for
 * @work: on the workqueue of watchdogs and recovery
 * @ndev: device
 * @core: number of a core, or -1 for the chip
 * @ret: result
 */
struct neuron_reset_work {
	struct work_struct work;
	struct neuron_device *ndev;
	int core;
	int ret;
};

static int neuron_reset_core(struct neuron_device *ndev, struct neuron_queue *q)
{
	struct neuron_job *innocent = NULL;

	trace_neuron_queue_reset(q, NEURON_VERDICT_ASKED);
	dev_info(&ndev->pdev->dev, "%s: resetting it, as asked for\n", q->name);
	neuron_queue_stop(q);

	return neuron_queue_reset(q, NEURON_VERDICT_ASKED, &innocent);
}

static void neuron_reset_do(struct work_struct *work)
{
	struct neuron_reset_work *reset = container_of(work, struct neuron_reset_work, work);
	struct neuron_device *ndev = reset->ndev;
	bool cookie;

	if (READ_ONCE(ndev->dead)) {
		reset->ret = -EIO;
		return;
	}
	if (READ_ONCE(ndev->frozen)) {
		reset->ret = -EBUSY;
		return;
	}

	cookie = dma_fence_begin_signalling();
	reset->ret = -EIO;
	if (reset->core >= 0)
		reset->ret = neuron_reset_core(ndev, ndev->queue[reset->core]);
	if (reset->ret)
		reset->ret = neuron_chip_recover(ndev, NULL, NEURON_VERDICT_ASKED, NULL);
	dma_fence_end_signalling(cookie);
}

/**
 * neuron_reset_request() - reset a core or the chip because somebody asks for it
 * @ndev: device that is awake, within drm_dev_enter()
 * @core: number of a core, or -1 for the chip
 *
 * What executes there is CANCELLED, what waits goes on. If the core alone can't
 * be reset the chip is. Sleeps until it is done.
 *
 * Return: 0, -EIO when the device is dead, or did not survive it, -EBUSY when
 * somebody else resets the PCI function.
 */
int neuron_reset_request(struct neuron_device *ndev, int core)
{
	struct neuron_reset_work reset = { .ndev = ndev, .core = core };

	INIT_WORK_ONSTACK(&reset.work, neuron_reset_do);
	queue_work(ndev->reset_wq, &reset.work);
	flush_work(&reset.work);
	destroy_work_on_stack(&reset.work);

	return reset.ret;
}

/**
 * neuron_chip_freeze() - get out of the way of a reset of the PCI function
 * @ndev: device
 *
 * When this returns no queue is used, and jobs only line up.
 */
void neuron_chip_freeze(struct neuron_device *ndev)
{
	unsigned int i;

	WRITE_ONCE(ndev->frozen, true);
	for (i = 0; i < ndev->num_queues; i++)
		neuron_queue_stop(ndev->queue[i]);

	/* A recovery that was under way ends; it does not start queues any more. */
	flush_workqueue(ndev->reset_wq);
}

/**
 * neuron_chip_lose() - give up a device that does not come back
 * @ndev: frozen device
 */
void neuron_chip_lose(struct neuron_device *ndev)
{
	neuron_device_kill(ndev);
}

/**
 * neuron_chip_quiet() - see to it that the device does not touch memory
 * @ndev: frozen device, idle
 */
void neuron_chip_quiet(struct neuron_device *ndev)
{
	if (!READ_ONCE(ndev->dead) && neuron_chip_reset(ndev))
		dev_warn(&ndev->pdev->dev, "the chip does not reset\n");
}

/**
 * neuron_chip_thaw() - go on after a reset of the PCI function, or a sleep
 * @ndev: frozen device
 *
 * Jobs that were executing are CANCELLED, the others start.
 */
void neuron_chip_thaw(struct neuron_device *ndev)
{
	WRITE_ONCE(ndev->frozen, false);
	if (READ_ONCE(ndev->dead))
		return;

	if (neuron_chip_reset(ndev) ||
	    neuron_chip_restart(ndev, NULL, NEURON_VERDICT_BROKEN, NULL)) {
		dev_err(&ndev->pdev->dev, "the device does not come back, giving it up\n");
		neuron_device_kill(ndev);
		return;
	}
	neuron_dram_retry(ndev);
}

/**
 * neuron_chip_start() - bring the chip into a known state and start its queues
 * @ndev: device
 *
 * Return: 0, or a negative error code.
 */
int neuron_chip_start(struct neuron_device *ndev)
{
	unsigned int i;
	int ret;

	ret = neuron_chip_reset(ndev);
	if (ret)
		return dev_err_probe(&ndev->pdev->dev, ret, "the chip does not get ready\n");

	for (i = 0; i < ndev->num_queues; i++) {
		ret = neuron_queue_enable(ndev->queue[i]);
		if (ret)
			return dev_err_probe(&ndev->pdev->dev, ret, "%s does not start\n",
					     ndev->queue[i]->name);
	}

	for (i = 0; i < ndev->num_queues; i++)
		neuron_queue_resume(ndev->queue[i]);

	return 0;
}

/**
 * neuron_chip_stop() - stop the chip for good
 * @ndev: device that is unplugged
 *
 * When this returns the device does not touch memory any more, because it is
 * reset or has lost the bus; all jobs that it had are LOST, and no watchdog
 * runs.
 */
void neuron_chip_stop(struct neuron_device *ndev)
{
	unsigned int i;

	if (neuron_chip_reset(ndev))
		dev_warn(&ndev->pdev->dev, "the chip does not reset; it is taken off the bus\n");

	neuron_device_kill(ndev);

	for (i = 0; i < ndev->num_queues; i++)
		cancel_delayed_work_sync(&ndev->queue[i]->watchdog);
}
