/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_QUEUE_H_
#define _NEURON_QUEUE_H_

#include <linux/dma-fence.h>
#include <linux/kref.h>
#include <linux/ktime.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/gpu_scheduler.h>

#include "neuron_device.h"

struct neuron_job;

/* log2 of the largest ring in use. */
#define NEURON_QUEUE_SHIFT_NEEDED	8

/* Jobs that take less are waited for without sleep. */
#define NEURON_QUICK_NS	100000

/**
 * enum neuron_queue_state - who may touch the rings
 * @NEURON_QUEUE_STOPPED: recovery only; jobs are collected
 * @NEURON_QUEUE_LIVE: whoever holds &neuron_queue.lock
 * @NEURON_QUEUE_DEAD: nobody, and jobs fail at once; never left
 */
enum neuron_queue_state {
	NEURON_QUEUE_STOPPED,
	NEURON_QUEUE_LIVE,
	NEURON_QUEUE_DEAD,
};

/**
 * enum neuron_verdict - what the watchdog thinks of a queue, or why it is reset
 * @NEURON_VERDICT_FINE: nothing to do
 * @NEURON_VERDICT_TIMEOUT: its oldest job ran for too long
 * @NEURON_VERDICT_BROKEN: the device broke the protocol or stopped the queue
 * @NEURON_VERDICT_FATAL: the chip has failed, no queue works any more
 * @NEURON_VERDICT_ASKED: the administrator wants a reset
 * @NEURON_VERDICT_GONE: registers read all ones
 */
enum neuron_verdict {
	NEURON_VERDICT_FINE,
	NEURON_VERDICT_TIMEOUT,
	NEURON_VERDICT_BROKEN,
	NEURON_VERDICT_FATAL,
	NEURON_VERDICT_ASKED,
	NEURON_VERDICT_GONE,
};

/**
 * struct neuron_queue - a submission ring and its completion ring
 * @ref: held by the device and by each fence of @fence_context: a fence's
 *	 timeline is asked for its name as long as anybody has the fence
 * @ndev: only valid while the device is
 * @index: as the chip counts
 * @name: for people
 * @sched: feeds the queue
 * @shift: log2 of the entries of a ring
 * @credits: submission entries that may be under way
 * @table_slots: entries of the slot table that goes with a submission entry
 * @sq: submission ring
 * @cq: completion ring
 * @tables: slot tables, one for each submission entry
 * @sq_dma: bus address of @sq
 * @cq_dma: bus address of @cq
 * @tables_dma: bus address of @tables
 * @lock: protects all that follows; taken in the hard interrupt handler
 * @state: who may touch the rings
 * @broken: the device broke the protocol
 * @next_id: id of the next submission entry; never reused
 * @done_id: id of the oldest entry that is not completed
 * @base_id: id that index 0 of the ring had when the queue was enabled
 * @cq_head: completions taken since the queue was enabled
 * @cq_acked: of them, told to the device
 * @owed: the device may owe an interrupt for completions that have been taken
 * @jobs: jobs of the queue, oldest first; the first is executing
 * @waiting: jobs that the scheduler has and has not handed over yet
 * @started: when the first of @jobs came to be the first
 * @watchdog_at: jiffies at which @watchdog is due; meaningless if not pending
 * @watchdog: finds lost interrupts and late jobs
 * @fence_lock: of the fences
 * @fence_context: of the fences
 * @fence_seqno: of the latest fence
 * @jobs_done: jobs completed
 * @busy_ns: time spent on completed jobs
 * @typical_ns: of the latest ones: a moving average
 * @resets: times the queue was reset
 * @bad_completions: completions that were refused
 * @polled: completions that were found by the watchdog
 */
struct neuron_queue {
	struct kref ref;
	struct neuron_device *ndev;
	unsigned int index;
	char name[16];
	struct drm_gpu_scheduler sched;

	unsigned int shift;
	unsigned int credits;
	unsigned int table_slots;
	struct neuron_sqe *sq;
	struct neuron_cqe *cq;
	struct neuron_slot *tables;
	dma_addr_t sq_dma;
	dma_addr_t cq_dma;
	dma_addr_t tables_dma;

	spinlock_t lock; /* rings and jobs */
	enum neuron_queue_state state;
	bool broken;
	u64 next_id;
	u64 done_id;
	u64 base_id;
	u32 cq_head;
	u32 cq_acked;
	bool owed;
	struct list_head jobs;
	unsigned int waiting;
	ktime_t started;
	unsigned long watchdog_at;
	struct delayed_work watchdog;

	spinlock_t fence_lock; /* fences of @fence_context */
	u64 fence_context;
	u64 fence_seqno;

	u64 jobs_done;
	u64 busy_ns;
	u64 typical_ns;
	u64 resets;
	u64 bad_completions;
	u64 polled;
};

static inline struct neuron_queue *to_neuron_queue(struct drm_gpu_scheduler *sched)
{
	return container_of(sched, struct neuron_queue, sched);
}

static inline bool neuron_queue_is_core(const struct neuron_queue *q)
{
	return q->index < q->ndev->num_cores;
}

/* Whether a job that is there now can be expected to end soon. */
static inline bool neuron_queue_is_quick(const struct neuron_queue *q)
{
	return READ_ONCE(q->typical_ns) < NEURON_QUICK_NS;
}

static inline u32 neuron_queue_read(struct neuron_queue *q, u32 reg)
{
	return neuron_read(q->ndev, NEURON_REG_QUEUE(q->index) + reg);
}

static inline void neuron_queue_write(struct neuron_queue *q, u32 reg, u32 value)
{
	neuron_write(q->ndev, NEURON_REG_QUEUE(q->index) + reg, value);
}

int neuron_queues_init(struct neuron_device *ndev);
void neuron_queues_pause(struct neuron_device *ndev);
void neuron_queues_continue(struct neuron_device *ndev);
void neuron_queue_put(struct neuron_queue *q);
struct dma_fence *neuron_queue_wait_turn(struct neuron_queue *q, struct neuron_job *job);
void neuron_queue_push(struct neuron_queue *q, struct neuron_job *job);
bool neuron_queue_push_idle(struct neuron_queue *q, struct neuron_job *job);
void neuron_queue_expect(struct neuron_queue *q, struct neuron_job *job);
void neuron_queue_forget(struct neuron_queue *q, struct neuron_job *job);
bool neuron_queue_has_completion(const struct neuron_queue *q);
void neuron_queue_interrupt(struct neuron_queue *q);
void neuron_queue_kick(struct neuron_queue *q);
void neuron_queue_resume(struct neuron_queue *q);
void neuron_queue_poll_locked(struct neuron_queue *q, struct list_head *done);
void neuron_queue_drop_locked(struct neuron_queue *q, struct neuron_job *job,
			      struct list_head *done);
void neuron_queue_watch_locked(struct neuron_queue *q);
unsigned long neuron_queue_deadline_locked(struct neuron_queue *q);
int neuron_queue_enable(struct neuron_queue *q);

/* neuron_reset.c */
void neuron_watchdog(struct work_struct *work);
int neuron_reset_request(struct neuron_device *ndev, int core);
void neuron_chip_freeze(struct neuron_device *ndev);
void neuron_chip_lose(struct neuron_device *ndev);
void neuron_chip_quiet(struct neuron_device *ndev);
void neuron_chip_thaw(struct neuron_device *ndev);
int neuron_chip_start(struct neuron_device *ndev);
void neuron_chip_stop(struct neuron_device *ndev);

#endif /* _NEURON_QUEUE_H_ */
