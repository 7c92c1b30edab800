// SPDX-License-Identifier: GPL-2.0-only

#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/neuron_accel.h>

#include "neuron_device.h"
#include "neuron_gem.h"

/**
 * DOC: How the device reaches a buffer
 *
 * A slot for host memory points to a page list, which holds the bus address of
 * each 4 KiB of the buffer. It is made with the mapping, when the first job
 * uses the buffer, and both stay until the buffer is freed or the driver is
 * unbound; mappings must not outlive that, though the buffers may.
 */

static int neuron_bo_fill_pages(struct neuron_bo *bo, u64 count)
{
	struct scatterlist *sg;
	u64 n = 0;
	int i;

	for_each_sgtable_dma_sg(bo->sgt, sg, i) {
		dma_addr_t addr = sg_dma_address(sg);
		u64 len = sg_dma_len(sg);

		/* Other exporters need not think in pages. */
		if (!IS_ALIGNED(addr | len, NEURON_PAGE_SIZE))
			return -EINVAL;

		for (; len && n < count; len -= NEURON_PAGE_SIZE) {
			bo->pages[n++] = cpu_to_le64(addr);
			addr += NEURON_PAGE_SIZE;
		}
	}

	return n == count ? 0 : -EINVAL;
}

static struct sg_table *neuron_bo_map_host(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct sg_table *sgt;
	int ret;

	ret = drm_gem_shmem_pin_locked(&bo->base);
	if (ret)
		return ERR_PTR(ret);

	sgt = drm_prime_pages_to_sg(obj->dev, bo->base.pages, obj->size >> PAGE_SHIFT);
	if (IS_ERR(sgt)) {
		ret = PTR_ERR(sgt);
		goto unpin;
	}

	ret = dma_map_sgtable(obj->dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		goto free;

	return sgt;

free:
	sg_free_table(sgt);
	kfree(sgt);
unpin:
	drm_gem_shmem_unpin_locked(&bo->base);

	return ERR_PTR(ret);
}

static void neuron_bo_unmap_sgt(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct sg_table *sgt = bo->sgt;

	bo->sgt = NULL;
	if (obj->import_attach) {
		dma_buf_unmap_attachment(obj->import_attach, sgt, DMA_BIDIRECTIONAL);
		return;
	}

	dma_unmap_sgtable(obj->dev->dev, sgt, DMA_BIDIRECTIONAL, 0);
	sg_free_table(sgt);
	kfree(sgt);
	drm_gem_shmem_unpin_locked(&bo->base);
}

/**
 * neuron_bo_map() - make a buffer reachable for the device
 * @bo: buffer, its reservation locked; the caller is in drm_dev_enter()
 *
 * Return: 0, or a negative error code.
 */
int neuron_bo_map(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct neuron_device *ndev = to_neuron_device(obj->dev);
	u64 count = obj->size >> NEURON_PAGE_SHIFT;
	struct sg_table *sgt;
	int ret;

	dma_resv_assert_held(obj->resv);

	if (bo->flags == DRM_NEURON_BO_DRAM || bo->sgt)
		return 0;

	if (obj->import_attach)
		sgt = dma_buf_map_attachment(obj->import_attach, DMA_BIDIRECTIONAL);
	else
		sgt = neuron_bo_map_host(bo);
	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	bo->sgt = sgt;

	bo->pages = dma_alloc_coherent(obj->dev->dev, count * sizeof(*bo->pages), &bo->pages_dma,
				       GFP_KERNEL | __GFP_NOWARN);
	if (!bo->pages) {
		ret = -ENOMEM;
		goto unmap;
	}

	ret = neuron_bo_fill_pages(bo, count);
	if (ret)
		goto free_pages;

	spin_lock(&ndev->bo_lock);
	list_add_tail(&bo->link, &ndev->bos);
	spin_unlock(&ndev->bo_lock);

	return 0;

free_pages:
	dma_free_coherent(obj->dev->dev, count * sizeof(*bo->pages), bo->pages, bo->pages_dma);
	bo->pages = NULL;
unmap:
	neuron_bo_unmap_sgt(bo);

	return ret;
}

/**
 * neuron_bo_unmap() - take a buffer out of the device's reach
 * @bo: buffer that no job uses; mapped or not
 */
void neuron_bo_unmap(struct neuron_bo *bo)
{
	struct drm_gem_object *obj = &bo->base.base;
	struct neuron_device *ndev = to_neuron_device(obj->dev);

	/* Nobody maps a buffer that is on its way out, or after unplug. */
	if (!READ_ONCE(bo->sgt))
		return;

	dma_resv_lock(obj->resv, NULL);
	if (bo->sgt) {
		neuron_bo_unmap_sgt(bo);
		dma_free_coherent(obj->dev->dev,
				  (obj->size >> NEURON_PAGE_SHIFT) * sizeof(*bo->pages),
				  bo->pages, bo->pages_dma);
		bo->pages = NULL;

		spin_lock(&ndev->bo_lock);
		list_del_init(&bo->link);
		if (list_empty(&ndev->bos))
			wake_up_all(&ndev->bos_empty);
		spin_unlock(&ndev->bo_lock);
	}
	dma_resv_unlock(obj->resv);
}

/* A mapped buffer, with a reference; NULL when all are gone or being freed. */
static struct neuron_bo *neuron_bos_first(struct neuron_device *ndev)
{
	struct neuron_bo *bo;

	spin_lock(&ndev->bo_lock);
	list_for_each_entry(bo, &ndev->bos, link) {
		if (kref_get_unless_zero(&bo->base.base.refcount)) {
			spin_unlock(&ndev->bo_lock);
			return bo;
		}
	}
	spin_unlock(&ndev->bo_lock);

	return NULL;
}

static bool neuron_bos_gone(struct neuron_device *ndev)
{
	bool gone;

	spin_lock(&ndev->bo_lock);
	gone = list_empty(&ndev->bos);
	spin_unlock(&ndev->bo_lock);

	return gone;
}

/**
 * neuron_bos_unmap_all() - take everything out of the device's reach
 * @ndev: device that is unplugged and stopped
 */
void neuron_bos_unmap_all(struct neuron_device *ndev)
{
	struct neuron_bo *bo;

	while ((bo = neuron_bos_first(ndev))) {
		neuron_bo_unmap(bo);
		drm_gem_object_put(&bo->base.base);
	}

	/* Those that are being freed do it themselves. */
	wait_event(ndev->bos_empty, neuron_bos_gone(ndev));
}

/**
 * neuron_bo_slot() - grant a part of a buffer
 * @bo: buffer that is mapped
 * @slot: slot to fill in
 * @offset: first byte
 * @size: bytes; the range lies inside the buffer
 * @rights: NEURON_SLOT_READ and NEURON_SLOT_WRITE
 */
void neuron_bo_slot(struct neuron_bo *bo, struct neuron_slot *slot, u64 offset, u64 size,
		    u32 rights)
{
	memset(slot, 0, sizeof(*slot));
	slot->length = cpu_to_le64(size);

	if (bo->flags == DRM_NEURON_BO_DRAM) {
		slot->addr = cpu_to_le64(bo->block->node.start + offset);
		slot->flags = cpu_to_le32(rights | NEURON_SLOT_DRAM);
	} else {
		slot->addr = cpu_to_le64(bo->pages_dma +
					 (offset >> NEURON_PAGE_SHIFT) * sizeof(*bo->pages));
		slot->offset = cpu_to_le32(offset & (NEURON_PAGE_SIZE - 1));
		slot->flags = cpu_to_le32(rights | NEURON_SLOT_PAGES);
	}
}
