// SPDX-License-Identifier: MIT
/* Rings of the chip in this process: submitting, completing, and recovery. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "log.h"
#include "sim.h"

#define RESET_POLL_NS		100000
#define RESET_TIMEOUT_NS	10000000000ll

/* What is read from a device that is no more. */
#define VANISHED		0xffffffffu

/* The rings and slot tables of a queue, one mapping, touched where used. */
struct ring_memory {
	struct neuron_sqe sq[SIM_RING_SIZE];
	struct neuron_cqe cq[SIM_RING_SIZE];
	struct neuron_slot slots[SIM_RING_SIZE][NEURON_MAX_SLOTS];
};

static uint32_t read_reg(struct sim_queue *queue, uint32_t offset)
{
	return neuron_chip_read(queue->chip->chip, offset);
}

static void write_reg(struct sim_queue *queue, uint32_t offset, uint32_t value)
{
	neuron_chip_write(queue->chip->chip, offset, value);
}

static bool is_compute(const struct sim_queue *queue)
{
	return queue->index < NEURON_CHIP_CORES;
}

/* Set the rings up afresh and let the chip use them. */
static int enable(struct sim_queue *queue)
{
	uint32_t regs = NEURON_REG_QUEUE(queue->index);
	uint64_t sq = (uintptr_t)queue->sq, cq = (uintptr_t)queue->cq;
	uint32_t status;

	memset(queue->cq, 0, SIM_RING_SIZE * sizeof(*queue->cq));
	queue->tail = 0;
	queue->head = 0;
	queue->phase = 1;
	write_reg(queue, regs + NEURON_QUEUE_SQ_BASE_LO, sq);
	write_reg(queue, regs + NEURON_QUEUE_SQ_BASE_HI, sq >> 32);
	write_reg(queue, regs + NEURON_QUEUE_CQ_BASE_LO, cq);
	write_reg(queue, regs + NEURON_QUEUE_CQ_BASE_HI, cq >> 32);
	write_reg(queue, regs + NEURON_QUEUE_SHIFT, SIM_RING_SHIFT);
	write_reg(queue, regs + NEURON_QUEUE_CONTROL, NEURON_QUEUE_ENABLE);
	status = read_reg(queue, regs + NEURON_QUEUE_STATUS);
	return status == VANISHED || !(status & NEURON_QUEUE_ENABLED) ? -EIO : 0;
}

int sim_queue_create(struct sim_queue *queue, struct sim_chip *chip,
		     unsigned int index)
{
	struct ring_memory *memory;
	pthread_condattr_t attr;
	int ret;

	memory = mmap(NULL, sizeof(*memory), PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return fail(-ENOMEM, "sim:%u: " NO_MEMORY, chip->index);
	queue->chip = chip;
	queue->index = index;
	pthread_mutex_init(&queue->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&queue->changed, &attr);
	pthread_condattr_destroy(&attr);
	queue->sq = memory->sq;
	queue->cq = memory->cq;
	queue->slots = memory->slots;
	/* From here on sim_queue_destroy() is called for it. */
	chip->num_queues = index + 1;
	ret = sim_bus_add(chip, memory, sizeof(*memory), &queue->lock);
	if (ret)
		return fail(ret, NO_MEMORY);
	pthread_mutex_lock(&queue->lock);
	ret = enable(queue);
	pthread_mutex_unlock(&queue->lock);
	/* A chip that is new refuses for that reason only. */
	return ret ? fail(-ENOMEM, "sim:%u: a thread for queue %u: " NO_MEMORY, chip->index,
			  index) : 0;
}

void sim_queue_destroy(struct sim_queue *queue)
{
	munmap(queue->sq, sizeof(struct ring_memory));
	pthread_cond_destroy(&queue->changed);
	pthread_mutex_destroy(&queue->lock);
}

/*
 * Completion. All with the lock held.
 */

static struct sim_job **slot_of(struct sim_queue *queue, uint64_t id)
{
	return &queue->jobs[id % SIM_RING_SIZE];
}

/*
 * Enter how a job ended. Whoever waits for it may free it then; the caller wakes
 * them.
 */
static void end_job(struct sim_queue *queue, struct sim_job *job,
		    const struct neuron_job_result *result)
{
	int64_t now = now_ns();

	queue->busy_ns += now - queue->started_ns;
	queue->started_ns = now;
	queue->done++;
	*slot_of(queue, job->id) = NULL;
	while (queue->first_id < queue->next_id &&
	       !*slot_of(queue, queue->first_id))
		queue->first_id++;
	job->result = *result;
}

static void take_completion(struct sim_queue *queue, const struct neuron_cqe *cqe)
{
	struct sim_job *job = *slot_of(queue, cqe->id);
	struct neuron_job_result result = {
		.state = cqe->fault.kind ? NEURON_JOB_FAULT : NEURON_JOB_DONE,
		.fault_kind = cqe->fault.kind,
		.fault_engine = cqe->fault.engine,
		.fault_operand = cqe->fault.operand,
		.fault_inst = cqe->fault.inst,
		.fault_info = cqe->fault.info,
		.cycles = cqe->cycles,
	};

	if (!job || job->id != cqe->id) {
		warn("sim:%u: queue %u completed a job that it does not have",
		     queue->chip->index, queue->index);
		return;
	}
	if (result.fault_kind >= NEURON_FAULT_COUNT)
		result.fault_kind = NEURON_FAULT_INTERNAL;
	end_job(queue, job, &result);
}

static void take_completions(struct sim_queue *queue)
{
	const struct neuron_cqe *cqe = &queue->cq[queue->head];
	bool any = false;

	while (cqe->phase == queue->phase) {
		take_completion(queue, cqe);
		if (++queue->head == SIM_RING_SIZE) {
			queue->head = 0;
			queue->phase ^= 1;
		}
		cqe = &queue->cq[queue->head];
		any = true;
	}
	if (any)
		write_reg(queue, NEURON_REG_QUEUE(queue->index) +
			  NEURON_QUEUE_CQ_HEAD, queue->head);
}

void sim_queue_irq(struct sim_queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	take_completions(queue);
	pthread_mutex_unlock(&queue->lock);
	/* Now, or who wakes up would have to wait for the lock at once. */
	pthread_cond_broadcast(&queue->changed);
}

/*
 * Recovery of a queue whose head takes too long
 */

static bool poll_clear(struct sim_queue *queue, uint32_t offset, uint32_t bits)
{
	const struct timespec pause = { .tv_nsec = RESET_POLL_NS };
	int64_t deadline = now_ns() + RESET_TIMEOUT_NS;
	uint32_t value;

	while ((value = read_reg(queue, offset)) & bits) {
		if (value == VANISHED || now_ns() > deadline)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

/* Stop a queue; a core with a reset. Without the lock: the chip needs it. */
static bool stop(struct sim_queue *queue)
{
	uint32_t regs = NEURON_REG_QUEUE(queue->index);

	if (is_compute(queue)) {
		write_reg(queue, NEURON_REG_CORE_RESET, 1u << queue->index);
		if (!poll_clear(queue, NEURON_REG_CORE_RESET, 1u << queue->index))
			return false;
	} else {
		write_reg(queue, regs + NEURON_QUEUE_CONTROL, 0);
	}
	return poll_clear(queue, regs + NEURON_QUEUE_STATUS, NEURON_QUEUE_ACTIVE);
}

static void enter(struct sim_queue *queue, const struct sim_job *job)
{
	queue->sq[queue->tail] = job->sqe;
	queue->tail = (queue->tail + 1) % SIM_RING_SIZE;
}

static void push(struct sim_queue *queue, const struct sim_job *job)
{
	enter(queue, job);
	write_reg(queue, NEURON_REG_QUEUE(queue->index) + NEURON_QUEUE_SQ_TAIL,
		  queue->tail);
}

/*
 * The job at the head has been there for too long: end it, reset the queue and
 * submit the others once more.
 */
static void recover(struct sim_queue *queue)
{
	struct neuron_job_result result = { .state = NEURON_JOB_TIMEOUT };
	uint64_t id = queue->first_id;
	struct sim_job *job;
	bool stopped;

	/* An interrupt may have been lost. */
	take_completions(queue);
	if (queue->first_id != id) {
		pthread_cond_broadcast(&queue->changed);
		return;
	}
	queue->recovering = true;
	pthread_mutex_unlock(&queue->lock);
	stopped = stop(queue);
	pthread_mutex_lock(&queue->lock);
	queue->resets++;
	take_completions(queue);
	job = *slot_of(queue, id);
	if (job && job->id == id)
		end_job(queue, job, &result);
	if (!stopped || enable(queue)) {
		queue->dead = true;
		result.state = NEURON_JOB_LOST;
	}
	for (id = queue->first_id; id < queue->next_id; id++) {
		job = *slot_of(queue, id);
		if (job && queue->dead)
			end_job(queue, job, &result);
		else if (job)
			push(queue, job);
	}
	queue->started_ns = now_ns();
	queue->recovering = false;
	pthread_cond_broadcast(&queue->changed);
}

/*
 * Wait until something changes or the deadline is over: then false. Looks after
 * the job at the head meanwhile: there is no other thread that would.
 */
static bool wait_change(struct sim_queue *queue, int64_t deadline_ns)
{
	const struct sim_job *first = NULL;
	int64_t until = deadline_ns, timeout;
	struct timespec ts;

	if (now_ns() >= deadline_ns)
		return false;
	if (queue->first_id < queue->next_id && !queue->recovering)
		first = *slot_of(queue, queue->first_id);
	if (first && !__builtin_add_overflow(queue->started_ns, first->timeout_ns,
					     &timeout)) {
		if (now_ns() >= timeout) {
			recover(queue);
			return true;
		}
		if (timeout < until)
			until = timeout;
	}
	if (until == INT64_MAX) {
		pthread_cond_wait(&queue->changed, &queue->lock);
	} else {
		ts.tv_sec = until / 1000000000;
		ts.tv_nsec = until % 1000000000;
		pthread_cond_timedwait(&queue->changed, &queue->lock, &ts);
	}
	return true;
}

/*
 * Jobs
 */

/* One entry of a ring stays free: a full one looks like an empty one. */
static bool has_room(const struct sim_queue *queue)
{
	return !queue->recovering &&
	       queue->next_id - queue->first_id < SIM_RING_SIZE - 1;
}

int sim_queue_submit(struct sim_queue *queue, struct sim_job *job,
		     const struct neuron_slot *slots, unsigned int num_slots, bool now)
{
	struct neuron_slot *table;
	bool alone;
	int ret = 0;

	pthread_mutex_lock(&queue->lock);
	while (!queue->dead && !has_room(queue))
		wait_change(queue, INT64_MAX);
	if (queue->dead) {
		ret = -EIO;
		goto unlock;
	}
	alone = queue->first_id == queue->next_id;
	if (alone)
		queue->started_ns = now_ns();
	job->queue = queue;
	job->id = queue->next_id++;
	table = queue->slots[job->id % SIM_RING_SIZE];
	memcpy(table, slots, num_slots * sizeof(*slots));
	job->sqe.id = job->id;
	job->sqe.num_slots = num_slots;
	job->sqe.slots = (uintptr_t)table;
	*slot_of(queue, job->id) = job;
	if (now && alone) {
		enter(queue, job);
		neuron_chip_post(queue->chip->chip, queue->index, queue->tail);
		pthread_mutex_unlock(&queue->lock);
		neuron_chip_work(queue->chip->chip, queue->index);
		return 0;
	}
	push(queue, job);
unlock:
	pthread_mutex_unlock(&queue->lock);
	return ret;
}

int sim_job_wait(struct sim_job *job, int64_t deadline_ns,
		 struct neuron_job_result *result)
{
	struct sim_queue *queue = job->queue;
	int ret = 0;

	pthread_mutex_lock(&queue->lock);
	while (job->result.state == NEURON_JOB_PENDING && !ret) {
		if (!wait_change(queue, deadline_ns))
			ret = -ETIME;
	}
	*result = job->result;
	pthread_mutex_unlock(&queue->lock);
	return ret;
}
