// SPDX-License-Identifier: MIT
/*
 * Queues: fetch an entry, have it executed, complete it, interrupt.
 *
 * An entry is fetched only when there is room for its completion, so none is
 * ever lost; a driver that leaves the completion ring full makes the queue wait
 * and gets ERROR_CQ_OVERFLOW once.
 */
#include <fenv.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "qemu-device/chip/chip_priv.h"

/* Kernels run on these threads, and generate code there. */
#define STACK_SIZE	(2u << 20)

static void *queue_main(void *arg);

bool queue_start_thread(struct queue *q)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int err;

	if (q->started)
		return true;
	if (!q->work)
		q->work = calloc(1, sizeof(*q->work));
	if (!q->work || pthread_attr_init(&attr))
		return false;

	/* Signals are the business of the threads around the chip. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (!err)
		err = pthread_create(&q->thread, &attr, queue_main, q);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	q->started = !err;
	return q->started;
}

void queue_abandon(struct queue *q)
{
	__atomic_store_n(&q->generation, q->generation + 1, __ATOMIC_RELEASE);
	q->stuck = false;
	q->raise_late = false;
	q->late_at = 0;
	if (q->core)
		core_cancel(q->core, true);
	if (q->started)
		pthread_cond_signal(&q->wake);
}

static void set_waits(struct queue *q, enum neuron_queue_waits waits)
{
	q->waits = waits;
	pthread_cond_broadcast(&q->chip->idle);
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec) { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

/* queue_park() with the lock held, which is given up only once it is known what we wait for. */
static void park_locked(struct queue *q, uint32_t microseconds)
{
	struct neuron_chip *chip = q->chip;
	struct timespec until = timespec_of(now_ns() + microseconds * 1000ull);
	bool over = false;

	set_waits(q, microseconds ? NEURON_WAITS_DELAY : NEURON_WAITS_RESET);
	while (!queue_stale(q) && (!over || chip->paused)) {
		if (!microseconds || over)
			pthread_cond_wait(&q->wake, &chip->lock);
		else
			over = pthread_cond_timedwait(&q->wake, &chip->lock, &until);
	}
	set_waits(q, NEURON_WAITS_NOT);
}

void queue_park(struct queue *q, uint32_t microseconds)
{
	pthread_mutex_lock(&q->chip->lock);
	park_locked(q, microseconds);
	pthread_mutex_unlock(&q->chip->lock);
}

static uint32_t ring_mask(const struct queue *q)
{
	return (1u << q->shift) - 1;
}

/* Whether there is an entry, and room for its completion. Lock held. */
static bool runnable(struct queue *q)
{
	if (!q->enabled || q->error || q->chip->paused || q->sq_head == q->sq_tail)
		return false;
	if (((q->cq_tail + 1) & ring_mask(q)) != q->cq_head)
		return true;
	if (!q->full) {
		q->full = true;
		chip_error_locked(q, NEURON_ERROR_CQ_OVERFLOW);
	}
	return false;
}

/* A ring could not be accessed: nothing more can be done for this queue. */
static void ring_error(struct queue *q)
{
	struct neuron_chip *chip = q->chip;

	pthread_mutex_lock(&chip->lock);
	if (!queue_stale(q)) {
		q->error = true;
		chip_error_locked(q, NEURON_ERROR_RING_DMA);
	}
	pthread_mutex_unlock(&chip->lock);
	chip_guest_error(chip, "queue %u: a ring could not be accessed", q->index);
}

static enum neuron_fault_kind bad_entry(struct neuron_cqe *cqe, uint64_t field)
{
	cqe->fault.info = field;
	return NEURON_FAULT_BAD_DESCRIPTOR;
}

static enum neuron_fault_kind execute(struct queue *q, const struct neuron_sqe *sqe,
				      struct neuron_cqe *cqe)
{
	uint8_t flags = sqe->flags & ~NEURON_SQE_LATE_IRQ;
	enum neuron_fault_kind kind;

	if (flags && (sqe->opcode != NEURON_SQE_EXEC ||
		      (flags != NEURON_SQE_PROFILE && flags != NEURON_SQE_PREPARE)))
		return bad_entry(cqe, offsetof(struct neuron_sqe, flags));
	if (sqe->reserved)
		return bad_entry(cqe, offsetof(struct neuron_sqe, reserved));
	if (sqe->opcode == NEURON_SQE_NOP)
		return NEURON_FAULT_NONE;
	if (sqe->opcode > NEURON_SQE_FILL ||
	    (sqe->opcode == NEURON_SQE_EXEC) != !!q->core)
		return bad_entry(cqe, offsetof(struct neuron_sqe, opcode));
	if (sqe->num_slots > NEURON_MAX_SLOTS)
		return bad_entry(cqe, offsetof(struct neuron_sqe, num_slots));

	kind = slots_fetch(q, sqe->slots, sqe->num_slots, &cqe->fault.info);
	if (kind != NEURON_FAULT_NONE)
		return kind;
	switch (sqe->opcode) {
	case NEURON_SQE_EXEC:
		return core_exec(q->core, sqe, cqe);
	case NEURON_SQE_COPY:
		return dma_copy(q, sqe, cqe);
	default:
		return dma_fill(q, sqe, cqe);
	}
}

/* Take the next place in the completion ring. False: the work is stale. */
static bool next_completion(struct queue *q, struct neuron_cqe *cqe, uint32_t *index)
{
	struct neuron_chip *chip = q->chip;
	bool ok;

	pthread_mutex_lock(&chip->lock);
	ok = !queue_stale(q);
	if (ok) {
		*index = q->cq_tail;
		cqe->sq_head = q->sq_head;
		cqe->phase = q->phase;
		q->cq_tail = (q->cq_tail + 1) & ring_mask(q);
		if (!q->cq_tail)
			q->phase = !q->phase;
	}
	pthread_mutex_unlock(&chip->lock);
	return ok;
}

/* False: the ring could not be written, or the work is stale. */
static bool post(struct queue *q, const struct ring_position *ring,
		 struct neuron_cqe *cqe)
{
	enum neuron_fault_kind kind;
	uint64_t addr;
	uint32_t index;

	if (!next_completion(q, cqe, &index))
		return false;
	if (inject_strikes(q->chip, q->index, NEURON_INJECT_CQE_BAD_PHASE, NULL))
		cqe->phase ^= 1;
	addr = ring->cq_base + (uint64_t)index * sizeof(*cqe);
	kind = bus_write_ring(q, addr, cqe, offsetof(struct neuron_cqe, phase));
	/* The phase comes last: leaving and entering the gate orders the two. */
	if (kind == NEURON_FAULT_NONE)
		kind = bus_write_ring(q, addr + offsetof(struct neuron_cqe, phase),
				      &cqe->phase, sizeof(cqe->phase));
	if (kind == NEURON_FAULT_DMA_ABORT)
		ring_error(q);
	return kind == NEURON_FAULT_NONE;
}

/* An interrupt that need not come, if the driver looks for the completion itself. */
static void interrupt_late(struct queue *q)
{
	pthread_mutex_lock(&q->chip->lock);
	if (!queue_stale(q) && q->cq_head != q->cq_tail && !q->late_at) {
		q->late_at = now_ns() + NEURON_LATE_IRQ_US * 1000ull;
		/* neuron_chip_work() is not the thread that keeps the time. */
		pthread_cond_signal(&q->wake);
	}
	pthread_mutex_unlock(&q->chip->lock);
}

static void interrupt(struct queue *q, bool late)
{
	uint64_t delay;

	if (inject_strikes(q->chip, q->index, NEURON_INJECT_DROP_IRQ, NULL))
		return;
	if (inject_strikes(q->chip, q->index, NEURON_INJECT_DELAY_IRQ, &delay) && delay) {
		queue_park(q, delay < CHIP_MAX_DELAY ? delay : CHIP_MAX_DELAY);
	} else if (late) {
		interrupt_late(q);
		return;
	}
	bus_raise(q, NEURON_VECTOR_QUEUE(q->index));
}

static bool room_for_two(struct queue *q)
{
	bool room;

	pthread_mutex_lock(&q->chip->lock);
	room = ((q->cq_tail + 2) & ring_mask(q)) != q->cq_head;
	pthread_mutex_unlock(&q->chip->lock);
	return room;
}

static void complete(struct queue *q, const struct ring_position *ring,
		     struct neuron_cqe *cqe, bool late)
{
	struct neuron_chip *chip = q->chip;
	bool twice = false;
	uint64_t arg;

	if (inject_strikes(chip, q->index, NEURON_INJECT_CQE_BAD_ID, &arg))
		cqe->id = arg;
	if (inject_strikes(chip, q->index, NEURON_INJECT_CQE_BAD_STATUS, &arg))
		cqe->fault.kind = arg;
	if (room_for_two(q))
		twice = inject_strikes(chip, q->index, NEURON_INJECT_CQE_DUPLICATE,
				       NULL);
	if (post(q, ring, cqe) && (!twice || post(q, ring, cqe)))
		interrupt(q, late);
}

static void process(struct queue *q, const struct ring_position *ring)
{
	struct neuron_cqe cqe = {
		.fault.engine = NEURON_NO_ENGINE,
		.fault.operand = NEURON_NO_OPERAND,
		.fault.inst = NEURON_NO_INST,
		.queue = q->index,
	};
	enum neuron_fault_kind kind;
	struct neuron_sqe sqe;

	kind = bus_read_ring(q, ring->sq_base + ring->sq_index * sizeof(sqe), &sqe,
			     sizeof(sqe));
	if (kind != NEURON_FAULT_NONE) {
		if (kind == NEURON_FAULT_DMA_ABORT)
			ring_error(q);
		return;
	}
	cqe.id = sqe.id;
	kind = execute(q, &sqe, &cqe);
	if (kind == NEURON_FAULT_CANCELLED)
		return;
	cqe.fault.kind = kind;
	complete(q, ring, &cqe, sqe.flags & NEURON_SQE_LATE_IRQ);
}

/* Start on the next entry. Lock held. */
static struct ring_position take(struct queue *q)
{
	struct ring_position ring = {
		.sq_base = q->sq_base,
		.cq_base = q->cq_base,
		.mask = ring_mask(q),
		.sq_index = q->sq_head,
	};

	q->sq_head = (q->sq_head + 1) & ring.mask;
	if (q->core)
		core_cancel(q->core, false);
	return ring;
}

static void end_reset(struct queue *q)
{
	struct neuron_chip *chip = q->chip;

	q->resetting = false;
	for (unsigned int i = 0; i < chip->num_queues; i++)
		if (chip->queue[i].resetting)
			return;
	chip->resetting = false;
}

/* Raise a vector for something other than an entry. The lock is held before and after. */
static void raise_apart(struct queue *q, unsigned int vector)
{
	q->raising = true;
	pthread_mutex_unlock(&q->chip->lock);
	bus_raise(q, vector);
	pthread_mutex_lock(&q->chip->lock);
	q->raising = false;
}

/* Whether a late interrupt has to come: it does not wait for another entry. Lock held. */
static bool late_is_due(const struct queue *q)
{
	return q->late_at && (q->sq_head != q->sq_tail || now_ns() >= q->late_at);
}

/* Whether there is anything to do but entries. Lock held. */
static bool called(const struct queue *q)
{
	return q->resetting || q->stuck ||
	       ((q->raise_error || q->raise_late || late_is_due(q)) && !q->chip->paused);
}

/* Do the most urgent thing. The lock is held before and after. */
static void work(struct queue *q)
{
	struct neuron_chip *chip = q->chip;
	struct ring_position ring;

	q->current = q->generation;
	if (q->resetting) {
		q->busy = true;
		pthread_mutex_unlock(&chip->lock);
		if (q->core)
			core_clear(q->core);
		pthread_mutex_lock(&chip->lock);
		end_reset(q);
	} else if (q->stuck) {
		/* Whoever saves the chip finds a queue that is stuck, or one that waits. */
		q->stuck = false;
		q->busy = true;
		park_locked(q, 0);
	} else if (q->raise_error && !chip->paused) {
		q->raise_error = false;
		raise_apart(q, NEURON_VECTOR_ERROR);
	} else if ((q->raise_late || q->late_at) && !chip->paused) {
		q->raise_late = false;
		q->late_at = 0;
		raise_apart(q, NEURON_VECTOR_QUEUE(q->index));
	} else {
		q->busy = true;
		ring = take(q);
		pthread_mutex_unlock(&chip->lock);
		process(q, &ring);
		pthread_mutex_lock(&chip->lock);
	}
	q->busy = false;
	pthread_cond_broadcast(&chip->idle);
}

/* Do something if there is anything. The lock is held before and after. */
static bool step(struct queue *q)
{
	bool ready = runnable(q);	/* may want to raise an error */

	/* Busy: neuron_chip_work() does it, and wakes us for what it leaves. */
	if (q->busy || !(ready || called(q)))
		return false;
	work(q);
	return true;
}

bool queue_step(struct queue *q)
{
	bool something;

	pthread_mutex_lock(&q->chip->lock);
	something = step(q);
	pthread_mutex_unlock(&q->chip->lock);
	return something;
}

/* Until there may be something to do. The lock is held before and after. */
static void wait_for_work(struct queue *q)
{
	struct timespec until = timespec_of(q->late_at);

	if (q->late_at && !q->chip->paused)
		pthread_cond_timedwait(&q->wake, &q->chip->lock, &until);
	else
		pthread_cond_wait(&q->wake, &q->chip->lock);
}

static void *queue_main(void *arg)
{
	struct queue *q = arg;
	struct neuron_chip *chip = q->chip;

	/* Rounding and denormals as they are by default, whoever started us. */
	fesetenv(FE_DFL_ENV);

	pthread_mutex_lock(&chip->lock);
	while (!chip->exit)
		if (!step(q))
			wait_for_work(q);
	pthread_mutex_unlock(&chip->lock);
	return NULL;
}

void neuron_chip_work(struct neuron_chip *chip, unsigned int queue)
{
	struct queue *q = &chip->queue[queue];
	fenv_t env;

	if (queue >= chip->num_queues)
		return;
	fegetenv(&env);
	fesetenv(FE_DFL_ENV);
	pthread_mutex_lock(&chip->lock);
	if (q->started && !q->busy && !called(q) && !chip->exit && !chip->armed && runnable(q))
		work(q);
	if (q->started && !q->busy && (called(q) || runnable(q)))
		pthread_cond_signal(&q->wake);
	pthread_mutex_unlock(&chip->lock);
	fesetenv(&env);
}
