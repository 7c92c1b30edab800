// SPDX-License-Identifier: GPL-2.0-only

#include <linux/dma-buf.h>
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include <drm/drm_gem.h>
#include <drm/drm_prime.h>
#include <drm/drm_utils.h>
#include <drm/neuron_accel.h>

#include "compat.h"
#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_gem.h"

/**
 * DOC: Buffer objects
 *
 * Host buffers are shmem objects, whose pages are taken and made reachable for
 * the device when they are first used by a job. Buffers in device DRAM are
 * ranges of it; user space reaches them through BAR 2, write-combined. Both are
 * zero when they are created.
 *
 * PRIME: host buffers can be exported to anyone, and buffers of others can be
 * imported and then used as host buffers are. A dma-buf of device DRAM is a
 * name for the buffer that can be given to another file of the same device:
 * other devices can't attach to it, as there is no peer-to-peer path that would
 * be safe to assume, and it can't be mapped itself, as mappings have to vanish
 * with the device. Whoever imports it maps it through the device file.
 */

NEURON_IMPORT_NS_DMA_BUF;

/* Pages that a fault maps at a time, if they are there. */
#define NEURON_FAULT_PAGES	64

static void neuron_gem_host_free(struct drm_gem_object *obj)
{
	struct neuron_bo *bo = to_neuron_bo(obj);

	neuron_bo_unmap(bo);
	if (bo->flags == DRM_NEURON_BO_HOST)
		neuron_counter_use(&to_neuron_device(obj->dev)->stats.host_mem, -(s64)obj->size);
	drm_gem_shmem_free(&bo->base);
}

static void neuron_gem_dram_free(struct drm_gem_object *obj)
{
	struct neuron_device *ndev = to_neuron_device(obj->dev);
	struct neuron_bo *bo = to_neuron_bo(obj);

	drm_gem_object_release(obj);
	if (bo->block) {
		neuron_counter_use(&ndev->stats.device_mem, -(s64)obj->size);
		neuron_user_uncharge(bo->user, obj->size);
		neuron_dram_free(ndev, bo->block);
	}
	if (bo->dummy)
		__free_page(bo->dummy);
	kfree(bo);
}

/* The part of a mapping that one fault fills: an aligned window, cut to it. */
static void neuron_fault_window(struct vm_fault *vmf, unsigned long *start, unsigned long *end)
{
	unsigned long window = NEURON_FAULT_PAGES << PAGE_SHIFT;

	*start = max(vmf->vma->vm_start, ALIGN_DOWN(vmf->address, window));
	*end = min(vmf->vma->vm_end, ALIGN_DOWN(vmf->address, window) + window);
}

/* Page of the object at an address; a mapping can start anywhere after munmap(). */
static unsigned long neuron_fault_page(struct vm_area_struct *vma, struct drm_gem_object *obj,
				       unsigned long address)
{
	return ((address - vma->vm_start) >> PAGE_SHIFT) + vma->vm_pgoff -
	       drm_vma_node_start(&obj->vma_node);
}

static vm_fault_t neuron_gem_host_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct drm_gem_shmem_object *shmem = to_drm_gem_shmem_obj(obj);
	unsigned long address = ALIGN_DOWN(vmf->address, PAGE_SIZE), start, end, page;
	vm_fault_t ret;

	page = neuron_fault_page(vma, obj, address);
	neuron_fault_window(vmf, &start, &end);

	dma_resv_lock(obj->resv, NULL);
	if (page >= obj->size >> PAGE_SHIFT || drm_WARN_ON_ONCE(obj->dev, !shmem->pages)) {
		ret = VM_FAULT_SIGBUS;
		goto unlock;
	}

	ret = vmf_insert_pfn(vma, address, page_to_pfn(shmem->pages[page]));
	for (; start < end && ret == VM_FAULT_NOPAGE; start += PAGE_SIZE) {
		page = neuron_fault_page(vma, obj, start);
		if (page >= obj->size >> PAGE_SHIFT)
			break;
		ret = vmf_insert_pfn(vma, start, page_to_pfn(shmem->pages[page]));
	}

unlock:
	dma_resv_unlock(obj->resv);

	return ret;
}

static void neuron_gem_host_vm_open(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.open(vma);
}

static void neuron_gem_host_vm_close(struct vm_area_struct *vma)
{
	drm_gem_shmem_vm_ops.close(vma);
}

static const struct vm_operations_struct neuron_gem_host_vm_ops = {
	.fault = neuron_gem_host_fault,
	.open = neuron_gem_host_vm_open,
	.close = neuron_gem_host_vm_close,
};

/*
 * The device is gone: let the process go on with a page that is the buffer's
 * own. What it writes there is lost, as is everything on the device.
 */
static vm_fault_t neuron_gem_dram_fault_gone(struct vm_fault *vmf, struct neuron_bo *bo)
{
	struct page *page = READ_ONCE(bo->dummy);

	if (!page) {
		page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!page)
			return VM_FAULT_OOM;
		if (cmpxchg(&bo->dummy, NULL, page)) {
			__free_page(page);
			page = bo->dummy;
		}
	}

	return vmf_insert_pfn_prot(vmf->vma, ALIGN_DOWN(vmf->address, PAGE_SIZE),
				   page_to_pfn(page), vm_get_page_prot(vmf->vma->vm_flags));
}

static vm_fault_t neuron_gem_dram_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct drm_gem_object *obj = vma->vm_private_data;
	struct neuron_device *ndev = to_neuron_device(obj->dev);
	struct neuron_bo *bo = to_neuron_bo(obj);
	unsigned long address = ALIGN_DOWN(vmf->address, PAGE_SIZE), start, end, page, pfn;
	vm_fault_t ret;
	int idx;

	page = neuron_fault_page(vma, obj, address);
	if (page >= obj->size >> PAGE_SHIFT)
		return VM_FAULT_SIGBUS;

	if (!drm_dev_enter(obj->dev, &idx))
		return neuron_gem_dram_fault_gone(vmf, bo);

	pfn = PHYS_PFN(ndev->dram_base + bo->block->node.start);
	neuron_fault_window(vmf, &start, &end);
	ret = vmf_insert_pfn(vma, address, pfn + page);
	for (; start < end && ret == VM_FAULT_NOPAGE; start += PAGE_SIZE) {
		page = neuron_fault_page(vma, obj, start);
		if (page >= obj->size >> PAGE_SHIFT)
			break;
		ret = vmf_insert_pfn(vma, start, pfn + page);
	}
	drm_dev_exit(idx);

	return ret;
}

static const struct vm_operations_struct neuron_gem_dram_vm_ops = {
	.fault = neuron_gem_dram_fault,
	.open = drm_gem_vm_open,
	.close = drm_gem_vm_close,
};

static int neuron_gem_dram_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	/* Private and writable: pages of its own can't take the place of a device's. */
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == VM_MAYWRITE)
		return -EINVAL;

	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	vma->vm_page_prot = pgprot_writecombine(vm_get_page_prot(vma->vm_flags));

	return 0;
}

static int neuron_dmabuf_attach(struct dma_buf *dma_buf, struct dma_buf_attachment *attach)
{
	return -EOPNOTSUPP;
}

static struct sg_table *neuron_dmabuf_map(struct dma_buf_attachment *attach,
					  enum dma_data_direction dir)
{
	return ERR_PTR(-EOPNOTSUPP);
}

static void neuron_dmabuf_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt,
				enum dma_data_direction dir)
{
}

static const struct dma_buf_ops neuron_dram_dmabuf_ops = {
	.attach = neuron_dmabuf_attach,
	.map_dma_buf = neuron_dmabuf_map,
	.unmap_dma_buf = neuron_dmabuf_unmap,
	.release = drm_gem_dmabuf_release,
};

/* The PRIME helpers' own, which can't be told apart from other drivers'. */
static const struct dma_buf_ops neuron_host_dmabuf_ops = {
	.attach = drm_gem_map_attach,
	.detach = drm_gem_map_detach,
	.map_dma_buf = drm_gem_map_dma_buf,
	.unmap_dma_buf = drm_gem_unmap_dma_buf,
	.release = drm_gem_dmabuf_release,
	.mmap = drm_gem_dmabuf_mmap,
	.vmap = drm_gem_dmabuf_vmap,
	.vunmap = drm_gem_dmabuf_vunmap,
};

static struct dma_buf *neuron_gem_export(struct drm_gem_object *obj, int flags)
{
	bool in_dram = to_neuron_bo(obj)->flags == DRM_NEURON_BO_DRAM;
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = in_dram ? &neuron_dram_dmabuf_ops : &neuron_host_dmabuf_ops,
		.size = obj->size,
		.flags = flags,
		.priv = obj,
		.resv = obj->resv,
	};

	return drm_gem_dmabuf_export(obj->dev, &info);
}

/**
 * neuron_gem_prime_import() - make a buffer object of a dma-buf
 * @drm: device
 * @dma_buf: of any exporter
 *
 * An attachment is made at once, the mapping when a job first needs it.
 *
 * Return: the object, or an error pointer.
 */
struct drm_gem_object *neuron_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct dma_buf_attachment *attach;
	struct drm_gem_object *obj;

	/* One of our own comes back. */
	if (dma_buf->ops == &neuron_dram_dmabuf_ops || dma_buf->ops == &neuron_host_dmabuf_ops) {
		obj = dma_buf->priv;
		if (obj->dev == drm) {
			drm_gem_object_get(obj);
			return obj;
		}
	}

	if (!dma_buf->size || dma_buf->size > NEURON_MAX_BO_SIZE)
		return ERR_PTR(-EINVAL);

	attach = dma_buf_attach(dma_buf, drm->dev);
	if (IS_ERR(attach))
		return ERR_CAST(attach);
	get_dma_buf(dma_buf);

	obj = drm_gem_shmem_prime_import_sg_table(drm, attach, NULL);
	if (IS_ERR(obj)) {
		dma_buf_detach(dma_buf, attach);
		dma_buf_put(dma_buf);
		return obj;
	}
	obj->import_attach = attach;
	obj->resv = dma_buf->resv;

	return obj;
}

static const struct drm_gem_object_funcs neuron_gem_host_funcs = {
	.free = neuron_gem_host_free,
	.print_info = drm_gem_shmem_object_print_info,
	.export = neuron_gem_export,
	.pin = drm_gem_shmem_object_pin,
	.unpin = drm_gem_shmem_object_unpin,
	.get_sg_table = drm_gem_shmem_object_get_sg_table,
	.vmap = drm_gem_shmem_object_vmap,
	.vunmap = drm_gem_shmem_object_vunmap,
	.mmap = drm_gem_shmem_object_mmap,
	.vm_ops = &neuron_gem_host_vm_ops,
};

static const struct drm_gem_object_funcs neuron_gem_dram_funcs = {
	.free = neuron_gem_dram_free,
	.export = neuron_gem_export,
	.mmap = neuron_gem_dram_mmap,
	.vm_ops = &neuron_gem_dram_vm_ops,
};

static struct neuron_bo *neuron_bo_alloc(const struct drm_gem_object_funcs *funcs)
{
	struct neuron_bo *bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);

	if (!bo)
		return NULL;
	INIT_LIST_HEAD(&bo->link);
	bo->base.base.funcs = funcs;

	return bo;
}

/**
 * neuron_gem_create_object() - &drm_driver.gem_create_object
 * @drm: device
 * @size: bytes
 *
 * Called by the shmem helpers, for host buffers and imports.
 *
 * Return: the object, zeroed but for its functions, or an error pointer.
 */
struct drm_gem_object *neuron_gem_create_object(struct drm_device *drm, size_t size)
{
	struct neuron_bo *bo = neuron_bo_alloc(&neuron_gem_host_funcs);

	return bo ? &bo->base.base : ERR_PTR(-ENOMEM);
}

static struct drm_gem_object *neuron_gem_create_host(struct neuron_device *ndev, u64 size)
{
	struct drm_gem_shmem_object *shmem = drm_gem_shmem_create(&ndev->drm, size);

	if (IS_ERR(shmem))
		return ERR_CAST(shmem);
	to_neuron_bo(&shmem->base)->flags = DRM_NEURON_BO_HOST;
	neuron_counter_use(&ndev->stats.host_mem, shmem->base.size);

	return &shmem->base;
}

static struct drm_gem_object *neuron_gem_create_dram(struct neuron_device *ndev,
						     struct neuron_user *user, u64 size)
{
	struct neuron_dram_block *block;
	struct drm_gem_object *obj;
	struct neuron_bo *bo;
	int ret;

	bo = neuron_bo_alloc(&neuron_gem_dram_funcs);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	bo->flags = DRM_NEURON_BO_DRAM;
	obj = &bo->base.base;
	drm_gem_private_object_init(&ndev->drm, obj, size);

	ret = neuron_user_charge(user, size);
	if (ret)
		goto put;

	block = neuron_dram_alloc(ndev, size);
	if (IS_ERR(block)) {
		neuron_user_uncharge(user, size);
		ret = PTR_ERR(block);
		goto put;
	}
	bo->block = block;
	bo->user = user;
	neuron_counter_use(&ndev->stats.device_mem, size);

	ret = drm_gem_create_mmap_offset(obj);
	if (ret)
		goto put;

	return obj;

put:
	drm_gem_object_put(obj);

	return ERR_PTR(ret);
}

/**
 * neuron_ioctl_bo_create() - DRM_IOCTL_NEURON_BO_CREATE
 * @drm: device
 * @data: &struct drm_neuron_bo_create
 * @file: gets the handle
 *
 * Return: 0, -EINVAL, -ENOSPC, -EDQUOT, -ENOMEM, -ENODEV, -EIO when the device is
 * dead.
 */
int neuron_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx = file->driver_priv;
	struct drm_neuron_bo_create *args = data;
	struct drm_gem_object *obj;
	u32 handle;
	u64 size;
	int ret;

	if (!args->size || args->size > NEURON_MAX_BO_SIZE)
		return -EINVAL;
	size = PAGE_ALIGN(args->size);

	switch (args->flags) {
	case DRM_NEURON_BO_HOST:
		obj = neuron_gem_create_host(ndev, size);
		break;
	case DRM_NEURON_BO_DRAM:
		obj = neuron_gem_create_dram(ndev, ctx->user, size);
		break;
	default:
		return -EINVAL;
	}
	if (IS_ERR(obj))
		return PTR_ERR(obj);

	/* Others see the object from here on. */
	ret = drm_gem_handle_create(file, obj, &handle);
	drm_gem_object_put(obj);
	if (ret)
		return ret;

	args->size = size;
	args->handle = handle;

	return 0;
}

/**
 * neuron_ioctl_bo_info() - DRM_IOCTL_NEURON_BO_INFO
 * @drm: device
 * @data: &struct drm_neuron_bo_info
 * @file: whose handle
 *
 * Return: 0, -ENOENT.
 */
int neuron_ioctl_bo_info(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_neuron_bo_info *args = data;
	struct drm_gem_object *obj;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	args->flags = to_neuron_bo(obj)->flags;
	args->size = obj->size;
	args->mmap_offset = drm_vma_node_offset_addr(&obj->vma_node);
	drm_gem_object_put(obj);

	return 0;
}

/**
 * neuron_ioctl_bo_wait() - DRM_IOCTL_NEURON_BO_WAIT
 * @drm: device
 * @data: &struct drm_neuron_bo_wait
 * @file: whose handle
 *
 * Return: 0, -EINVAL, -ENOENT, -ETIME, -EBUSY, -ERESTARTSYS.
 */
int neuron_ioctl_bo_wait(struct drm_device *drm, void *data, struct drm_file *file)
{
	const struct drm_neuron_bo_wait *args = data;
	unsigned long timeout = drm_timeout_abs_to_jiffies(args->timeout_ns);
	enum dma_resv_usage usage;
	struct drm_gem_object *obj;
	bool looks = !timeout;
	long ret;

	if (args->flags & ~DRM_NEURON_BO_WAIT_READ)
		return -EINVAL;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;

	/* To read one waits for writers, to write for everybody. */
	usage = dma_resv_usage_rw(!(args->flags & DRM_NEURON_BO_WAIT_READ));
	/* Jiffies that were behind, because a tick was late, would end it too soon. */
	do {
		ret = dma_resv_wait_timeout(obj->resv, usage, true, timeout);
		timeout = drm_timeout_abs_to_jiffies(args->timeout_ns);
	} while (!ret && timeout);
	drm_gem_object_put(obj);

	if (!ret)
		return looks ? -EBUSY : -ETIME;

	return ret < 0 ? ret : 0;
}

/**
 * neuron_gem_memory() - sum up what a file holds
 * @file: file
 * @host: result for host memory, imported buffers included
 * @dram: result for device DRAM
 */
void neuron_gem_memory(struct drm_file *file, struct neuron_memory *host,
		       struct neuron_memory *dram)
{
	struct drm_gem_object *obj;
	int id;

	memset(host, 0, sizeof(*host));
	memset(dram, 0, sizeof(*dram));

	spin_lock(&file->table_lock);
	idr_for_each_entry(&file->object_idr, obj, id) {
		struct neuron_bo *bo = to_neuron_bo(obj);
		bool in_dram = bo->flags == DRM_NEURON_BO_DRAM;
		struct neuron_memory *memory = in_dram ? dram : host;

		if (drm_gem_object_is_shared_for_memory_stats(obj))
			memory->shared += obj->size;
		else
			memory->private += obj->size;
		if (in_dram || READ_ONCE(bo->base.pages) || READ_ONCE(bo->sgt))
			memory->resident += obj->size;
		if (!dma_resv_test_signaled(obj->resv, dma_resv_usage_rw(true)))
			memory->active += obj->size;
	}
	spin_unlock(&file->table_lock);
}
