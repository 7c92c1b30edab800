/* SPDX-License-Identifier: MIT */
/*
 * The chip in this process, and the little driver that it needs: sim_chip.c has
 * the bus and the chips, sim_queue.c the rings, sim.c the contexts and buffers
 * that make it a backend.
 */
#ifndef LIBNEURON_SIM_H
#define LIBNEURON_SIM_H

#include <pthread.h>
#include <neuron/regs.h>
#include <qemu-device/chip/chip.h>
#include "backend.h"

#define SIM_MAX_CHIPS	16
#define SIM_RING_SHIFT	6
#define SIM_RING_SIZE	(1u << SIM_RING_SHIFT)
#define SIM_PAGE_SIZE	NEURON_PAGE_SIZE

struct sim_chip;

/**
 * struct sim_job - a job, from submission until it is freed
 * @base: what all backends know
 * @next: in the list of those that can be used again
 * @queue: where it runs
 * @id: its number in the queue
 * @timeout_ns: how long it may be at the head of the queue
 * @sqe: what was submitted
 * @result: how it ended; state is NEURON_JOB_PENDING until then
 */
struct sim_job {
	struct neuron_job base;
	struct sim_job *next;
	struct sim_queue *queue;
	uint64_t id;
	int64_t timeout_ns;
	struct neuron_sqe sqe;
	struct neuron_job_result result;
};

/**
 * struct sim_queue - a pair of rings, and the jobs in them
 * @chip: its chip
 * @index: its number there
 * @lock: guards everything here, the rings included: the bus takes it when the
 *	  chip accesses them
 * @changed: a job ended, or the queue was set up again
 * @sq: submission ring
 * @cq: completion ring
 * @slots: a slot table for each job in the rings, by id
 * @tail: next free entry of @sq
 * @head: next unread entry of @cq
 * @phase: what the phase bit of that entry will be
 * @first_id: the oldest job that has not ended; ids count from 0
 * @next_id: what the next job will get
 * @jobs: the jobs between these two, by id modulo SIM_RING_SIZE; NULL for one
 *	  that ended before older ones
 * @started_ns: when the job at the head got there
 * @recovering: a thread is resetting the queue
 * @dead: resetting it failed
 * @resets: times that it was reset
 * @done: jobs that ended
 * @busy_ns: time during which there was a job
 */
struct sim_queue {
	struct sim_chip *chip;
	unsigned int index;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct neuron_sqe *sq;
	struct neuron_cqe *cq;
	struct neuron_slot (*slots)[NEURON_MAX_SLOTS];
	uint32_t tail;
	uint32_t head;
	uint32_t phase;
	uint64_t first_id;
	uint64_t next_id;
	struct sim_job *jobs[SIM_RING_SIZE];
	int64_t started_ns;
	bool recovering;
	bool dead;
	uint32_t resets;
	uint64_t done;
	uint64_t busy_ns;
};

/* A block of device DRAM that is in use; a list in ascending order. */
struct sim_block {
	uint64_t offset;
	uint64_t size;
	struct sim_block *next;
};

/* Memory of the process that the chip may access, and its lock if it has one. */
struct sim_region {
	uint64_t start;
	uint64_t end;
	pthread_mutex_t *lock;
};

/**
 * struct sim_chip - a chip, shared by all contexts of the process
 * @chip: the model
 * @index: its number
 * @users: open contexts; guarded by the lock in sim_chip.c
 * @dram: device DRAM
 * @lock: guards @owners and @blocks
 * @owners: context that acquired a core
 * @blocks: device DRAM in use
 * @bus: guards @regions and, held shared, what they point to during an access
 * @regions: what the chip may access, ascending
 * @num_regions: number of them
 * @max_regions: room for them
 * @num_queues: compute queues, then DMA queues
 * @queues: the queues
 */
struct sim_chip {
	struct neuron_chip *chip;
	unsigned int index;
	unsigned int users;
	char *dram;
	pthread_mutex_t lock;
	const void *owners[NEURON_MAX_CORES];
	struct sim_block *blocks;
	pthread_rwlock_t bus;
	struct sim_region *regions;
	size_t num_regions;
	size_t max_regions;
	unsigned int num_queues;
	struct sim_queue queues[NEURON_MAX_QUEUES];
};

/* sim_chip.c */

/* The chip of that number, powered on with its first user. */
int sim_chip_get(unsigned int index, struct sim_chip **chip);
void sim_chip_put(struct sim_chip *chip);
/* Let the chip access memory, or forbid it; what is under way then has ended. */
int sim_bus_add(struct sim_chip *chip, const void *memory, uint64_t size,
		pthread_mutex_t *lock);
void sim_bus_remove(struct sim_chip *chip, const void *memory);
/* Whole pages of device DRAM, zeroed. -ENOSPC: there is no room, not logged. */
int sim_dram_alloc(struct sim_chip *chip, uint64_t size, uint64_t *offset);
void sim_dram_free(struct sim_chip *chip, uint64_t offset);
void sim_dram_usage(struct sim_chip *chip, uint64_t *free, uint64_t *largest);

/* sim_queue.c */

int sim_queue_create(struct sim_queue *queue, struct sim_chip *chip,
		     unsigned int index);
void sim_queue_destroy(struct sim_queue *queue);
/* The chip says that there are completions. */
void sim_queue_irq(struct sim_queue *queue);
/*
 * Submit a job whose base, timeout and entry (but for id and slots) are filled
 * in. It is the queue's until it ends. @now: the caller has nothing else to do, and
 * the job is short: when it is alone it is executed before this returns.
 */
int sim_queue_submit(struct sim_queue *queue, struct sim_job *job,
		     const struct neuron_slot *slots, unsigned int num_slots, bool now);
/* -ETIME: it has not ended by the deadline. */
int sim_job_wait(struct sim_job *job, int64_t deadline_ns,
		 struct neuron_job_result *result);

#endif /* LIBNEURON_SIM_H */
