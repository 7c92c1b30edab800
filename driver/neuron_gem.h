/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_GEM_H_
#define _NEURON_GEM_H_

#include <drm/drm_gem_shmem_helper.h>

#include <neuron/regs.h>

struct drm_printer;
struct neuron_device;
struct neuron_dram_block;
struct neuron_user;

/**
 * struct neuron_bo - a buffer object
 * @base: must be first. Only the &drm_gem_object in it is used for device DRAM
 * @flags: DRM_NEURON_BO_*, 0 for one imported from elsewhere
 * @block: device DRAM
 * @user: whom @block is charged to
 * @dummy: page that stands in for @block in mappings once the device is gone
 * @link: in &neuron_device.bos while mapped for the device
 * @sgt: the mapping for the device, or NULL; under the reservation lock
 * @pages: page list: bus address of each 4 KiB
 * @pages_dma: bus address of @pages
 */
struct neuron_bo {
	struct drm_gem_shmem_object base;
	u32 flags;
	struct neuron_dram_block *block;
	struct neuron_user *user;
	struct page *dummy;

	struct list_head link;
	struct sg_table *sgt;
	__le64 *pages;
	dma_addr_t pages_dma;
};

static inline struct neuron_bo *to_neuron_bo(struct drm_gem_object *obj)
{
	return container_of(to_drm_gem_shmem_obj(obj), struct neuron_bo, base);
}

/**
 * struct neuron_memory - what a file holds, of one kind
 * @shared: bytes in buffers that other files hold, too
 * @private: bytes in buffers that none does
 * @resident: bytes that are backed by memory now
 * @active: bytes in buffers that jobs use now
 */
struct neuron_memory {
	u64 shared;
	u64 private;
	u64 resident;
	u64 active;
};

struct drm_gem_object *neuron_gem_create_object(struct drm_device *drm, size_t size);
struct drm_gem_object *neuron_gem_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);
void neuron_gem_memory(struct drm_file *file, struct neuron_memory *host,
		       struct neuron_memory *dram);

int neuron_ioctl_bo_create(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_bo_info(struct drm_device *drm, void *data, struct drm_file *file);
int neuron_ioctl_bo_wait(struct drm_device *drm, void *data, struct drm_file *file);

/* neuron_bo_map.c */
int neuron_bo_map(struct neuron_bo *bo);
void neuron_bo_unmap(struct neuron_bo *bo);
void neuron_bos_unmap_all(struct neuron_device *ndev);
void neuron_bo_slot(struct neuron_bo *bo, struct neuron_slot *slot, u64 offset, u64 size,
		    u32 rights);

#endif /* _NEURON_GEM_H_ */
