// SPDX-License-Identifier: GPL-2.0-only

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sizes.h>

#include "neuron_device.h"
#include "neuron_dram.h"

/* What is mapped at a time. */
#define NEURON_SAVE_CHUNK	SZ_4M

/*
 * Call @page for each page of the buffers in DRAM, with the page's number in
 * DRAM and its place in BAR 2.
 */
static int neuron_dram_walk_block(struct neuron_device *ndev,
				  const struct neuron_dram_block *block,
				  int (*page)(struct neuron_dram *dram, unsigned long index,
					      void __iomem *io))
{
	u64 offset = block->node.start, end = offset + block->node.size, length, at;
	void __iomem *io;
	int ret = 0;

	for (; offset < end && !ret; offset += length) {
		length = min_t(u64, end - offset, NEURON_SAVE_CHUNK);
		io = ioremap_wc(ndev->dram_base + offset, length);
		if (!io)
			return -ENOMEM;
		for (at = 0; at < length && !ret; at += PAGE_SIZE)
			ret = page(&ndev->dram, (offset + at) >> PAGE_SHIFT, io + at);
		iounmap(io);
		cond_resched();
	}

	return ret;
}

static int neuron_dram_walk_locked(struct neuron_device *ndev,
				   int (*page)(struct neuron_dram *dram, unsigned long index,
					       void __iomem *io))
{
	struct neuron_dram_block *block;
	struct drm_mm_node *node;
	int ret;

	lockdep_assert_held(&ndev->dram.lock);

	drm_mm_for_each_node(node, &ndev->dram.mm) {
		block = container_of(node, struct neuron_dram_block, node);
		if (!block->owned)
			continue;
		ret = neuron_dram_walk_block(ndev, block, page);
		if (ret)
			return ret;
	}

	return 0;
}

static int neuron_dram_save_page(struct neuron_dram *dram, unsigned long index, void __iomem *io)
{
	struct page *page = dram->spare ?: alloc_page(GFP_KERNEL);
	int ret;

	dram->spare = NULL;
	if (!page)
		return -ENOMEM;

	memcpy_fromio(page_address(page), io, PAGE_SIZE);
	if (!memchr_inv(page_address(page), 0, PAGE_SIZE)) {
		dram->spare = page;
		return 0;
	}

	ret = xa_err(xa_store(&dram->saved, index, page, GFP_KERNEL));
	if (ret)
		__free_page(page);

	return ret;
}

/* DRAM that holds zeros already is left alone: it may not be backed by memory. */
static void neuron_dram_zero_page(void __iomem *io)
{
	unsigned int i;

	for (i = 0; i < PAGE_SIZE; i += sizeof(u64))
		if (readq(io + i)) {
			memset_io(io, 0, PAGE_SIZE);
			return;
		}
}

static int neuron_dram_restore_page(struct neuron_dram *dram, unsigned long index,
				    void __iomem *io)
{
	struct page *page = xa_erase(&dram->saved, index);

	if (!page) {
		neuron_dram_zero_page(io);
		return 0;
	}

	memcpy_toio(io, page_address(page), PAGE_SIZE);
	__free_page(page);

	return 0;
}

static void neuron_dram_forget_saved(struct neuron_dram *dram)
{
	unsigned long index;
	struct page *page;

	xa_for_each(&dram->saved, index, page)
		__free_page(page);
	xa_destroy(&dram->saved);
	if (dram->spare)
		__free_page(dram->spare);
	dram->spare = NULL;
}

/**
 * neuron_dram_save() - copy what buffers hold to host memory
 * @ndev: device whose queues are idle, and from which nobody takes memory
 *
 * Zero pages cost nothing.
 *
 * Return: 0, or -ENOMEM, with nothing changed.
 */
int neuron_dram_save(struct neuron_device *ndev)
{
	struct neuron_dram *dram = &ndev->dram;
	int ret;

	if (READ_ONCE(ndev->dead))
		return 0;

	mutex_lock(&dram->lock);
	ret = neuron_dram_walk_locked(ndev, neuron_dram_save_page);
	if (ret)
		neuron_dram_forget_saved(dram);
	mutex_unlock(&dram->lock);

	return ret;
}

/**
 * neuron_dram_restore() - make DRAM what it was, after it may have lost all
 * @ndev: device that is powered, its queues stopped
 *
 * What buffers held comes back from neuron_dram_save(); without that there were
 * none. What is free waits to be zeroed; see neuron_dram_start().
 */
void neuron_dram_restore(struct neuron_device *ndev)
{
	struct neuron_dram *dram = &ndev->dram;

	mutex_lock(&dram->lock);
	if (!READ_ONCE(ndev->dead) &&
	    neuron_dram_walk_locked(ndev, neuron_dram_restore_page))
		dev_err(ndev->drm.dev, "what device DRAM held is lost\n");
	/* Write-combined: to be there before a job that reads it. */
	wmb();
	neuron_dram_forget_saved(dram);
	neuron_dram_distrust_locked(dram);
	mutex_unlock(&dram->lock);
}
