// SPDX-License-Identifier: GPL-2.0-only

#include <kunit/visibility.h>
#include <linux/overflow.h>
#include <linux/sizes.h>
#include <linux/slab.h>

#include "neuron_device.h"
#include "neuron_dram.h"
#include "neuron_job.h"
#include "neuron_pm.h"

/**
 * DOC: Device DRAM
 *
 * Ranges of device DRAM come from a &drm_mm in which everything that is not
 * taken is known to be zero. A range that is given back stays taken until the
 * DMA queues have filled it with zeros: so no client sees another's data,
 * buffers don't have to be cleared when they are made, and memory that backs
 * the DRAM of a virtual device is given back early. When the driver is bound,
 * what DRAM holds is unknown, and all of it takes this way once.
 *
 * A range that could not be zeroed is not used. It gets another chance after a
 * reset.
 */

#define NEURON_SCRUB_CHUNK	SZ_1G

static int neuron_scrub_chunk(struct neuron_device *ndev, u64 offset, u64 length)
{
	struct dma_fence *fence;
	struct neuron_job *job;
	int ret;

	job = neuron_job_alloc(ndev, NULL, 1, 1, 1);
	if (IS_ERR(job))
		return PTR_ERR(job);
	atomic_inc(&ndev->dram.jobs);
	neuron_op_fill(&job->ops[0], offset, length);

	fence = neuron_job_submit_own(job, &ndev->dram.entity);
	if (IS_ERR(fence))
		return PTR_ERR(fence);

	dma_fence_wait(fence, false);
	ret = fence->error;
	dma_fence_put(fence);

	return ret;
}

static int neuron_scrub_block(struct neuron_device *ndev, const struct neuron_dram_block *block)
{
	u64 offset = block->node.start, end = offset + block->node.size, length;
	int ret;

	for (; offset < end; offset += length) {
		length = min_t(u64, end - offset, NEURON_SCRUB_CHUNK);
		ret = neuron_scrub_chunk(ndev, offset, length);
		if (ret)
			return ret;
	}

	return 0;
}

static void neuron_dram_release_locked(struct neuron_dram *dram, struct neuron_dram_block *block)
{
	lockdep_assert_held(&dram->lock);

	drm_mm_remove_node(&block->node);
	kfree(block);
}

static void neuron_scrub(struct work_struct *work)
{
	struct neuron_dram *dram = container_of(work, struct neuron_dram, work);
	struct neuron_device *ndev = container_of(dram, struct neuron_device, dram);
	struct neuron_dram_block *block;
	int ret;

	/* Asleep: neuron_dram_start() follows when the device wakes up. */
	if (neuron_pm_get(ndev))
		return;

	mutex_lock(&dram->lock);
	while (!dram->stopped) {
		block = list_first_entry_or_null(&dram->dirty, struct neuron_dram_block, link);
		if (!block)
			break;
		list_del_init(&block->link);
		mutex_unlock(&dram->lock);

		ret = neuron_scrub_block(ndev, block);

		mutex_lock(&dram->lock);
		if (ret) {
			drm_warn_once(&ndev->drm, "device DRAM could not be zeroed: %d\n", ret);
			list_add_tail(&block->link, &dram->failed);
		} else {
			neuron_dram_release_locked(dram, block);
		}
		WRITE_ONCE(dram->scrubbed, dram->scrubbed + 1);
		wake_up_all(&dram->progress);
	}
	mutex_unlock(&dram->lock);
	neuron_pm_put(ndev);
}

/* A condition to wait for must not sleep, so it looks without the lock. */
static bool neuron_dram_settled(struct neuron_dram *dram, unsigned long queued)
{
	return READ_ONCE(dram->stopped) ||
	       (long)(READ_ONCE(dram->scrubbed) - queued) >= 0;
}

/* Wait for what has been given back until now, not for what others give back. */
static int neuron_dram_settle(struct neuron_dram *dram)
{
	unsigned long queued;

	mutex_lock(&dram->lock);
	queued = dram->queued;
	mutex_unlock(&dram->lock);

	return wait_event_interruptible(dram->progress, neuron_dram_settled(dram, queued));
}

static void neuron_dram_queue_locked(struct neuron_dram *dram, struct neuron_dram_block *block)
{
	lockdep_assert_held(&dram->lock);

	list_move_tail(&block->link, &dram->dirty);
	dram->queued++;
	queue_work(system_unbound_wq, &dram->work);
}

static int neuron_dram_insert(struct neuron_dram *dram, struct neuron_dram_block *block, u64 size)
{
	int ret;

	mutex_lock(&dram->lock);
	ret = -ENODEV;
	if (!dram->stopped)
		ret = drm_mm_insert_node_generic(&dram->mm, &block->node, size, PAGE_SIZE, 0,
						 DRM_MM_INSERT_BEST);
	if (!ret) {
		block->owned = true;
		dram->used += size;
	}
	mutex_unlock(&dram->lock);

	return ret;
}

/**
 * neuron_dram_alloc() - take a range of device DRAM
 * @ndev: device that somebody keeps awake; the range does from now on
 * @size: bytes, whole pages
 *
 * When there is no room, waits for what is about to be given back.
 *
 * Return: the range, all zero, or an error pointer: -ENOSPC, -ENOMEM, -ENODEV,
 * -EIO when the device is dead, or -ERESTARTSYS.
 */
struct neuron_dram_block *neuron_dram_alloc(struct neuron_device *ndev, u64 size)
{
	struct neuron_dram *dram = &ndev->dram;
	struct neuron_dram_block *block;
	int ret;

	if (READ_ONCE(ndev->dead))
		return ERR_PTR(-EIO);

	block = kzalloc(sizeof(*block), GFP_KERNEL_ACCOUNT);
	if (!block)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&block->link);

	ret = neuron_dram_insert(dram, block, size);
	if (ret == -ENOSPC) {
		neuron_jobs_wait_freed(ndev);
		ret = neuron_dram_settle(dram);
		if (!ret)
			ret = neuron_dram_insert(dram, block, size);
	}
	if (ret) {
		kfree(block);
		return ERR_PTR(ret);
	}
	neuron_pm_get_noresume(ndev);

	return block;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_dram_alloc);

/**
 * neuron_dram_free() - give a range back
 * @ndev: device, may be unplugged
 * @block: from neuron_dram_alloc(); no job uses it any more
 */
void neuron_dram_free(struct neuron_device *ndev, struct neuron_dram_block *block)
{
	struct neuron_dram *dram = &ndev->dram;

	mutex_lock(&dram->lock);
	dram->used -= block->node.size;
	block->owned = false;
	if (dram->stopped)
		neuron_dram_release_locked(dram, block);
	else
		neuron_dram_queue_locked(dram, block);
	mutex_unlock(&dram->lock);
	neuron_pm_put(ndev);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_dram_free);

/**
 * neuron_dram_usage() - how much device DRAM there is
 * @ndev: device
 * @free: result: bytes that no buffer has
 * @largest: result: bytes of the largest buffer that could be made now
 *
 * Return: 0, or -ERESTARTSYS.
 */
int neuron_dram_usage(struct neuron_device *ndev, u64 *free, u64 *largest)
{
	struct neuron_dram *dram = &ndev->dram;
	u64 start, end, longest = 0;
	struct drm_mm_node *node;
	int ret;

	ret = neuron_dram_settle(dram);
	if (ret)
		return ret;

	mutex_lock(&dram->lock);
	*free = ndev->dram_size - dram->used;
	drm_mm_for_each_hole(node, &dram->mm, start, end)
		longest = max(longest, end - start);
	mutex_unlock(&dram->lock);
	*largest = min_t(u64, longest, NEURON_MAX_BO_SIZE);

	return 0;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_dram_usage);

/**
 * neuron_dram_retry() - try again to zero what could not be zeroed
 * @ndev: device that has just been reset
 *
 * Callable where fences are signalled.
 */
void neuron_dram_retry(struct neuron_device *ndev)
{
	queue_work(system_unbound_wq, &ndev->dram.retry);
}

static void neuron_dram_retry_work(struct work_struct *work)
{
	struct neuron_dram *dram = container_of(work, struct neuron_dram, retry);

	struct neuron_dram_block *block, *next;

	mutex_lock(&dram->lock);
	list_for_each_entry_safe(block, next, &dram->failed, link)
		if (!dram->stopped)
			neuron_dram_queue_locked(dram, block);
	mutex_unlock(&dram->lock);
}

/**
 * neuron_dram_distrust_locked() - what is free is not known to be zero any more
 * @dram: allocator
 *
 * All of it is to be zeroed; neuron_dram_start() begins with that.
 */
void neuron_dram_distrust_locked(struct neuron_dram *dram)
{
	struct neuron_dram_block *block;
	struct drm_mm_node *node;
	u64 start, end;
	bool found;

	lockdep_assert_held(&dram->lock);

	do {
		found = false;
		drm_mm_for_each_hole(node, &dram->mm, start, end) {
			/* Nobody waits for memory here, and there is no way back. */
			block = kzalloc(sizeof(*block), GFP_KERNEL | __GFP_NOFAIL);
			block->node.start = start;
			block->node.size = end - start;
			WARN_ON(drm_mm_reserve_node(&dram->mm, &block->node));
			list_add_tail(&block->link, &dram->dirty);
			dram->queued++;
			found = true;
			break;
		}
	} while (found);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_dram_distrust_locked);

/**
 * neuron_dram_job_freed() - a job of the allocator is freed
 * @ndev: device
 */
void neuron_dram_job_freed(struct neuron_device *ndev)
{
	if (atomic_dec_and_test(&ndev->dram.jobs))
		wake_up_all(&ndev->dram.jobs_freed);
}

static void neuron_dram_release_list_locked(struct neuron_dram *dram, struct list_head *list)
{
	struct neuron_dram_block *block, *next;

	list_for_each_entry_safe(block, next, list, link) {
		list_del(&block->link);
		neuron_dram_release_locked(dram, block);
	}
}

static void neuron_dram_takedown(struct drm_device *drm, void *data)
{
	struct neuron_dram *dram = data;

	mutex_lock(&dram->lock);
	neuron_dram_release_list_locked(dram, &dram->dirty);
	neuron_dram_release_list_locked(dram, &dram->failed);
	mutex_unlock(&dram->lock);

	drm_sched_entity_fini(&dram->entity);
	drm_mm_takedown(&dram->mm);
	mutex_destroy(&dram->lock);
}

/**
 * neuron_dram_init() - set the allocator up
 * @ndev: device with its schedulers
 *
 * Return: 0, or a negative error code.
 */
int neuron_dram_init(struct neuron_device *ndev)
{
	struct neuron_dram *dram = &ndev->dram;
	struct neuron_dram_block *block;
	int ret;

	mutex_init(&dram->lock);
	INIT_LIST_HEAD(&dram->dirty);
	INIT_LIST_HEAD(&dram->failed);
	INIT_WORK(&dram->work, neuron_scrub);
	INIT_WORK(&dram->retry, neuron_dram_retry_work);
	init_waitqueue_head(&dram->progress);
	init_waitqueue_head(&dram->jobs_freed);
	drm_mm_init(&dram->mm, 0, ndev->dram_size);
	xa_init(&dram->saved);

	ret = drm_sched_entity_init(&dram->entity, DRM_SCHED_PRIORITY_KERNEL, ndev->dma_sched,
				    ndev->num_dma_queues, NULL);
	if (ret)
		return ret;

	ret = drmm_add_action_or_reset(&ndev->drm, neuron_dram_takedown, dram);
	if (ret)
		return ret;

	block = kzalloc(sizeof(*block), GFP_KERNEL);
	if (!block)
		return -ENOMEM;

	ret = drm_mm_insert_node(&dram->mm, &block->node, ndev->dram_size);
	if (ret) {
		kfree(block);
		return ret;
	}
	list_add_tail(&block->link, &dram->dirty);
	dram->queued = 1;

	return 0;
}

/**
 * neuron_dram_start() - start to zero what is dirty
 * @ndev: device whose queues work
 */
void neuron_dram_start(struct neuron_device *ndev)
{
	queue_work(system_unbound_wq, &ndev->dram.work);
}
EXPORT_SYMBOL_IF_KUNIT(neuron_dram_start);

/**
 * neuron_dram_stop() - use the device no more
 * @ndev: device that is unplugged and whose jobs have ended
 */
void neuron_dram_stop(struct neuron_device *ndev)
{
	struct neuron_dram *dram = &ndev->dram;

	mutex_lock(&dram->lock);
	WRITE_ONCE(dram->stopped, true);
	mutex_unlock(&dram->lock);
	wake_up_all(&dram->progress);

	cancel_work_sync(&dram->retry);
	cancel_work_sync(&dram->work);
	wait_event(dram->jobs_freed, !atomic_read(&dram->jobs));
}
