// SPDX-License-Identifier: GPL-2.0-only

#include <linux/pid.h>
#include <linux/uaccess.h>

#include <drm/drm_ioctl.h>
#include <drm/neuron_accel.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_queue.h"

static int neuron_query_reply(struct drm_neuron_query *args, const void *reply, u32 size)
{
	u32 room = args->size;

	args->size = size;
	if (copy_to_user(u64_to_user_ptr(args->data), reply, min(room, size)))
		return -EFAULT;

	return 0;
}

static int neuron_query_device(struct neuron_device *ndev, struct drm_neuron_query *args)
{
	struct drm_neuron_device_info info = {
		.hw_version = ndev->hw_version,
		.isa_version = ndev->isa_version,
		.num_cores = ndev->num_cores,
		.num_dma_queues = ndev->num_dma_queues,
		.sbuf_size = ndev->sbuf_size,
		.psum_size = ndev->psum_size,
		.dram_size = ndev->dram_size,
		.clock_khz = ndev->clock_khz,
		.dram_mibps = ndev->dram_mibps,
		.max_slots = ndev->max_slots,
		.default_timeout_ms = neuron_default_timeout_ms(),
		.max_bo_size = NEURON_MAX_BO_SIZE,
		.pci_domain = pci_domain_nr(ndev->pdev->bus),
		.pci_bus = ndev->pdev->bus->number,
		.pci_device = PCI_SLOT(ndev->pdev->devfn),
		.pci_function = PCI_FUNC(ndev->pdev->devfn),
		.pool_threads = ndev->pool_threads,
	};

	static_assert(sizeof(info.pool_name) == sizeof(ndev->pool_name));
	strscpy(info.pool_name, ndev->pool_name);

	return neuron_query_reply(args, &info, sizeof(info));
}

static int neuron_query_core(struct neuron_device *ndev, struct neuron_context *ctx,
			     struct drm_neuron_query *args)
{
	struct drm_neuron_core_info info = {};
	struct neuron_core *core;
	struct neuron_queue *q;

	if (args->index >= ndev->num_cores)
		return -EINVAL;
	core = &ndev->core[args->index];
	q = ndev->queue[args->index];

	spin_lock(&ndev->core_lock);
	if (core->owner) {
		info.owned = core->owner == ctx ? 1 : 2;
		info.owner_pid = pid_vnr(core->owner_pid);
	}
	spin_unlock(&ndev->core_lock);

	spin_lock_irq(&q->lock);
	if (q->state == NEURON_QUEUE_DEAD)
		info.state = DRM_NEURON_CORE_DEAD;
	else if (!list_empty(&q->jobs))
		info.state = DRM_NEURON_CORE_BUSY;
	info.resets = q->resets;
	info.jobs = q->jobs_done;
	info.busy_ns = q->busy_ns;
	if (info.state == DRM_NEURON_CORE_BUSY)
		info.busy_ns += ktime_to_ns(ktime_sub(ktime_get(), q->started));
	spin_unlock_irq(&q->lock);

	return neuron_query_reply(args, &info, sizeof(info));
}

static int neuron_query_memory(struct neuron_device *ndev, struct drm_file *file,
			       struct drm_neuron_query *args)
{
	struct drm_neuron_memory_info info = {};
	struct neuron_memory host, dram;
	u64 free, largest;
	int ret;

	ret = neuron_dram_usage(ndev, &free, &largest);
	if (ret)
		return ret;
	neuron_gem_memory(file, &host, &dram);

	info.dram_total = ndev->dram_size;
	info.dram_free = free;
	info.dram_largest = largest;
	info.context_dram = dram.shared + dram.private;
	info.context_host = host.shared + host.private;

	return neuron_query_reply(args, &info, sizeof(info));
}

/**
 * neuron_ioctl_query() - DRM_IOCTL_NEURON_QUERY
 * @drm: device
 * @data: &struct drm_neuron_query
 * @file: who asks
 *
 * Return: 0, -EINVAL, -EFAULT, -ERESTARTSYS.
 */
int neuron_ioctl_query(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct drm_neuron_query *args = data;

	if (args->pad || (args->index && args->type != DRM_NEURON_QUERY_CORE))
		return -EINVAL;

	switch (args->type) {
	case DRM_NEURON_QUERY_DEVICE:
		return neuron_query_device(ndev, args);
	case DRM_NEURON_QUERY_CORE:
		return neuron_query_core(ndev, file->driver_priv, args);
	case DRM_NEURON_QUERY_MEMORY:
		return neuron_query_memory(ndev, file, args);
	default:
		return -EINVAL;
	}
}
