/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_DRAM_H_
#define _NEURON_DRAM_H_

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_mm.h>
#include <drm/gpu_scheduler.h>

struct neuron_device;

/**
 * struct neuron_dram_block - a range of device DRAM
 * @node: where
 * @link: in &neuron_dram.dirty while it waits to be zeroed
 * @owned: a buffer has it
 */
struct neuron_dram_block {
	struct drm_mm_node node;
	struct list_head link;
	bool owned;
};

/**
 * struct neuron_dram - allocator of device DRAM
 * @lock: protects everything here
 * @mm: ranges; those not in it are zero
 * @dirty: blocks that nobody owns any more and that may hold data
 * @failed: blocks that could not be zeroed; retried after a reset
 * @used: bytes owned by buffers
 * @queued: blocks that were ever put on @dirty
 * @scrubbed: of them, dealt with, in the same order
 * @work: zeroes what is dirty
 * @retry: does so with what @failed
 * @progress: woken when @scrubbed grows
 * @entity: for the jobs of @work
 * @jobs: of them, not freed
 * @jobs_freed: woken when @jobs gets to zero
 * @stopped: the device is gone, blocks are only forgotten
 * @saved: while the system sleeps: pages of buffers that are not zero, by their
 *	   number in DRAM
 * @spare: page that neuron_dram_save() uses next, or NULL
 */
struct neuron_dram {
	struct mutex lock; /* all of it */
	struct drm_mm mm;
	struct list_head dirty;
	struct list_head failed;
	u64 used;
	unsigned long queued;
	unsigned long scrubbed;
	struct work_struct work;
	struct work_struct retry;
	wait_queue_head_t progress;
	struct drm_sched_entity entity;
	atomic_t jobs;
	wait_queue_head_t jobs_freed;
	bool stopped;
	struct xarray saved;
	struct page *spare;
};

int neuron_dram_init(struct neuron_device *ndev);
void neuron_dram_start(struct neuron_device *ndev);
void neuron_dram_stop(struct neuron_device *ndev);
void neuron_dram_job_freed(struct neuron_device *ndev);
void neuron_dram_retry(struct neuron_device *ndev);
struct neuron_dram_block *neuron_dram_alloc(struct neuron_device *ndev, u64 size);
void neuron_dram_free(struct neuron_device *ndev, struct neuron_dram_block *block);
int neuron_dram_usage(struct neuron_device *ndev, u64 *free, u64 *largest);
void neuron_dram_distrust_locked(struct neuron_dram *dram);

/* neuron_dram_save.c */
int neuron_dram_save(struct neuron_device *ndev);
void neuron_dram_restore(struct neuron_device *ndev);

#endif /* _NEURON_DRAM_H_ */
