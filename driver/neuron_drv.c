// SPDX-License-Identifier: GPL-2.0-only
/*
 * Driver of the neuron accelerator: PCI, DRM and module glue.
 */

#include <linux/ctype.h>
#include <linux/module.h>
#include <linux/pci.h>

#include <drm/drm_accel.h>
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_ioctl.h>
#include <drm/neuron_accel.h>

#include "compat.h"
#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_pm.h"
#include "neuron_queue.h"
#include "neuron_sysfs.h"

/**
 * DOC: Usage statistics
 *
 * /proc/PID/fdinfo/FD of an open device file shows, besides what DRM shows of
 * every client (see Documentation/gpu/drm-usage-stats.rst):
 *
 * - drm-engine-compute: time that the client's programs executed, summed over
 *   the cores; drm-engine-capacity-compute says how many cores there are
 * - drm-engine-copy and drm-engine-capacity-copy: the same for the DMA queues
 * - ``drm-*-host``: memory of the client in host memory
 * - ``drm-*-dram``: memory of the client in device DRAM
 */

/* A text that ends up in user space: whatever is not printable is left out. */
static void neuron_read_pool_name(struct neuron_device *ndev)
{
	unsigned int i, n = 0;

	for (i = 0; i < NEURON_POOL_NAME_SIZE; i++) {
		u32 word = neuron_read(ndev, NEURON_REG_POOL_NAME(i / 4));
		char c = word >> 8 * (i % 4);

		if (!c)
			break;
		if (isascii(c) && isprint(c) && n < NEURON_POOL_NAME_SIZE - 1)
			ndev->pool_name[n++] = c;
	}
	ndev->pool_name[n] = '\0';
}

/* What the chip tells of itself is checked once, here. */
static int neuron_identify(struct neuron_device *ndev)
{
	struct device *dev = &ndev->pdev->dev;
	u32 id, units, limits;

	id = neuron_read(ndev, NEURON_REG_ID);
	if (id != NEURON_ID)
		return dev_err_probe(dev, -ENODEV, "these are not a neuron's registers: %#x\n", id);

	ndev->hw_version = neuron_read(ndev, NEURON_REG_VERSION);
	if (NEURON_VERSION_MAJOR(ndev->hw_version) != NEURON_VERSION_MAJOR(NEURON_VERSION))
		return dev_err_probe(dev, -ENODEV,
				     "version %u.%u of the registers, this driver needs %u.x: update whichever of QEMU and neuron.ko is older\n",
				     NEURON_VERSION_MAJOR(ndev->hw_version),
				     NEURON_VERSION_MINOR(ndev->hw_version),
				     NEURON_VERSION_MAJOR(NEURON_VERSION));

	units = neuron_read(ndev, NEURON_REG_UNITS);
	limits = neuron_read(ndev, NEURON_REG_LIMITS);
	ndev->num_cores = NEURON_UNITS_CORES(units);
	ndev->num_dma_queues = NEURON_UNITS_DMA_QUEUES(units);
	ndev->num_queues = ndev->num_cores + ndev->num_dma_queues;
	ndev->max_slots = min(NEURON_LIMITS_SLOTS(limits), NEURON_MAX_SLOTS);
	if (!ndev->num_cores || ndev->num_cores > NEURON_MAX_CORES || !ndev->num_dma_queues ||
	    ndev->num_dma_queues > NEURON_MAX_DMA_QUEUES || ndev->max_slots < 2 ||
	    NEURON_LIMITS_QUEUE_SHIFT(limits) < NEURON_QUEUE_SHIFT_NEEDED)
		return dev_err_probe(dev, -ENODEV, "odd properties: units %#x, limits %#x\n",
				     units, limits);

	ndev->dram_size = neuron_read(ndev, NEURON_REG_DRAM_SIZE_LO) |
			  (u64)neuron_read(ndev, NEURON_REG_DRAM_SIZE_HI) << 32;
	if (!ndev->dram_size || !IS_ALIGNED(ndev->dram_size, PAGE_SIZE) ||
	    ndev->dram_size > pci_resource_len(ndev->pdev, NEURON_BAR_DRAM))
		return dev_err_probe(dev, -ENODEV, "%llu bytes of DRAM, behind a BAR of %llu\n",
				     ndev->dram_size,
				     (u64)pci_resource_len(ndev->pdev, NEURON_BAR_DRAM));

	ndev->isa_version = neuron_read(ndev, NEURON_REG_ISA_VERSION);
	ndev->sbuf_size = neuron_read(ndev, NEURON_REG_SBUF_SIZE);
	ndev->psum_size = neuron_read(ndev, NEURON_REG_PSUM_SIZE);
	ndev->clock_khz = neuron_read(ndev, NEURON_REG_CLOCK_KHZ);
	ndev->dram_mibps = neuron_read(ndev, NEURON_REG_DRAM_MIBPS);
	ndev->pool_threads = neuron_read(ndev, NEURON_REG_POOL_THREADS);
	neuron_read_pool_name(ndev);

	return 0;
}

static int neuron_pci_init(struct neuron_device *ndev)
{
	struct pci_dev *pdev = ndev->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;

	if (pci_resource_len(pdev, NEURON_BAR_REGS) < NEURON_REGS_SIZE)
		return dev_err_probe(dev, -ENODEV, "BAR %d is too small\n", NEURON_BAR_REGS);

	ndev->regs = pcim_iomap_region(pdev, NEURON_BAR_REGS, "neuron");
	if (IS_ERR(ndev->regs))
		return PTR_ERR(ndev->regs);

	ret = pcim_request_region(pdev, NEURON_BAR_DRAM, "neuron");
	if (ret)
		return ret;
	ndev->dram_base = pci_resource_start(pdev, NEURON_BAR_DRAM);

	ret = devm_arch_io_reserve_memtype_wc(dev, ndev->dram_base,
					      pci_resource_len(pdev, NEURON_BAR_DRAM));
	if (ret)
		return ret;

	ret = dma_set_mask_and_coherent(dev, DMA_BIT_MASK(64));
	if (ret)
		return ret;
	dma_set_max_seg_size(dev, UINT_MAX);

	pci_set_master(pdev);

	return 0;
}

static const struct drm_driver neuron_drm_driver;

static int neuron_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct neuron_device *ndev;
	int ret;

	ndev = devm_drm_dev_alloc(&pdev->dev, &neuron_drm_driver, struct neuron_device, drm);
	if (IS_ERR(ndev))
		return PTR_ERR(ndev);

	ret = drmm_mutex_init(&ndev->drm, &ndev->user_lock);
	if (ret)
		return ret;

	ndev->pdev = pdev;
	spin_lock_init(&ndev->core_lock);
	spin_lock_init(&ndev->bo_lock);
	INIT_LIST_HEAD(&ndev->bos);
	INIT_LIST_HEAD(&ndev->users);
	init_waitqueue_head(&ndev->bos_empty);
	neuron_error_init(ndev);
	neuron_coredump_init(ndev);
	pci_set_drvdata(pdev, ndev);

	ret = neuron_pci_init(ndev);
	if (ret)
		return ret;

	ret = neuron_identify(ndev);
	if (ret)
		return ret;

	ret = neuron_queues_init(ndev);
	if (ret)
		return ret;

	ret = neuron_dram_init(ndev);
	if (ret)
		return ret;

	ret = neuron_irq_init(ndev);
	if (ret)
		return ret;

	ret = neuron_chip_start(ndev);
	if (ret)
		goto stop_chip;

	ret = neuron_sysfs_add(ndev);
	if (ret)
		goto stop_chip;

	neuron_debugfs_init(ndev);

	ret = drm_dev_register(&ndev->drm, 0);
	if (ret)
		goto stop_chip;

	/* What neuron_error_slot_reset() restores. */
	pci_save_state(pdev);

	neuron_dram_start(ndev);
	neuron_pm_start(ndev);

	return 0;

stop_chip:
	neuron_chip_stop(ndev);

	return ret;
}

static void neuron_remove(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_pm_stop(ndev);

	cancel_delayed_work_sync(&ndev->error_timeout);

	/* From here on nobody starts anything; then what was started ends. */
	drm_dev_unplug(&ndev->drm);
	neuron_debugfs_fini(ndev);
	neuron_chip_stop(ndev);
	neuron_dram_stop(ndev);
	neuron_bos_unmap_all(ndev);
	neuron_coredump_fini(ndev);
}

static void neuron_shutdown(struct pci_dev *pdev)
{
	neuron_remove(pdev);
}

static const struct pci_device_id neuron_pci_ids[] = {
	{ PCI_DEVICE(NEURON_PCI_VENDOR_ID, NEURON_PCI_DEVICE_ID) },
	{ }
};
MODULE_DEVICE_TABLE(pci, neuron_pci_ids);

static struct pci_driver neuron_pci_driver = {
	.name = "neuron",
	.id_table = neuron_pci_ids,
	.probe = neuron_probe,
	.remove = neuron_remove,
	.shutdown = neuron_shutdown,
	.err_handler = &neuron_pci_error_handlers,
	.driver.pm = pm_ptr(&neuron_pm_ops),
};

static void neuron_show_memory(struct drm_printer *p, const char *region,
			       const struct neuron_memory *memory)
{
	const struct drm_memory_stats stats = {
		.shared = memory->shared,
		.private = memory->private,
		.resident = memory->resident,
		.active = memory->active,
	};

	drm_print_memory_stats(p, &stats, DRM_GEM_OBJECT_RESIDENT, region);
}

/* Time that the client's jobs have been executing that have not ended. */
static u64 neuron_running_ns(struct neuron_context *ctx, bool cores)
{
	struct neuron_device *ndev = ctx->ndev;
	unsigned int i;
	u64 ns = 0;

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];
		struct neuron_job *job;

		if (neuron_queue_is_core(q) != cores)
			continue;

		spin_lock_irq(&q->lock);
		job = list_first_entry_or_null(&q->jobs, struct neuron_job, link);
		if (job && job->ctx == ctx)
			ns += ktime_to_ns(ktime_sub(ktime_get(), q->started));
		spin_unlock_irq(&q->lock);
	}

	return ns;
}

static void neuron_show_fdinfo(struct drm_printer *p, struct drm_file *file)
{
	struct neuron_context *ctx = file->driver_priv;
	struct neuron_device *ndev = ctx->ndev;
	struct neuron_memory host, dram;

	drm_printf(p, "drm-engine-compute:\t%llu ns\n",
		   atomic64_read(&ctx->compute_ns) + neuron_running_ns(ctx, true));
	drm_printf(p, "drm-engine-capacity-compute:\t%u\n", ndev->num_cores);
	drm_printf(p, "drm-engine-copy:\t%llu ns\n",
		   atomic64_read(&ctx->copy_ns) + neuron_running_ns(ctx, false));
	drm_printf(p, "drm-engine-capacity-copy:\t%u\n", ndev->num_dma_queues);

	neuron_gem_memory(file, &host, &dram);
	neuron_show_memory(p, "host", &host);
	neuron_show_memory(p, "dram", &dram);
}

static const struct drm_ioctl_desc neuron_ioctls[] = {
	DRM_IOCTL_DEF_DRV(NEURON_QUERY, neuron_ioctl_query, 0),
	DRM_IOCTL_DEF_DRV(NEURON_BO_CREATE, neuron_ioctl_bo_create, 0),
	DRM_IOCTL_DEF_DRV(NEURON_BO_INFO, neuron_ioctl_bo_info, 0),
	DRM_IOCTL_DEF_DRV(NEURON_BO_WAIT, neuron_ioctl_bo_wait, 0),
	DRM_IOCTL_DEF_DRV(NEURON_CORE_ACQUIRE, neuron_ioctl_core_acquire, 0),
	DRM_IOCTL_DEF_DRV(NEURON_CORE_RELEASE, neuron_ioctl_core_release, 0),
	DRM_IOCTL_DEF_DRV(NEURON_SUBMIT, neuron_ioctl_submit, 0),
	DRM_IOCTL_DEF_DRV(NEURON_COPY, neuron_ioctl_copy, 0),
	DRM_IOCTL_DEF_DRV(NEURON_JOB_STATUS, neuron_ioctl_job_status, 0),
	DRM_IOCTL_DEF_DRV(NEURON_PRIORITY, neuron_ioctl_priority, 0),
};

/* DEFINE_DRM_ACCEL_FOPS() has no place for show_fdinfo. */
static const struct file_operations neuron_fops = {
	.owner = THIS_MODULE,
	DRM_ACCEL_FOPS,
	.show_fdinfo = drm_show_fdinfo,
};

static const struct drm_driver neuron_drm_driver = {
	.driver_features = DRIVER_COMPUTE_ACCEL | DRIVER_GEM | DRIVER_SYNCOBJ |
			   DRIVER_SYNCOBJ_TIMELINE,
	.name = "neuron",
	.desc = "neuron accelerator",
	NEURON_DRIVER_DATE
	.major = DRM_NEURON_MAJOR,
	.minor = DRM_NEURON_MINOR,
	.fops = &neuron_fops,
	.ioctls = neuron_ioctls,
	.num_ioctls = ARRAY_SIZE(neuron_ioctls),
	.open = neuron_context_open,
	.postclose = neuron_context_postclose,
	.gem_create_object = neuron_gem_create_object,
	.gem_prime_import = neuron_gem_prime_import,
	.show_fdinfo = neuron_show_fdinfo,
};

static int __init neuron_init(void)
{
	int ret;

	ret = neuron_jobs_init();
	if (ret)
		return ret;

	ret = neuron_sysfs_init();
	if (ret)
		goto exit_jobs;

	ret = pci_register_driver(&neuron_pci_driver);
	if (ret)
		goto exit_sysfs;

	return 0;

exit_sysfs:
	neuron_sysfs_exit();
exit_jobs:
	neuron_jobs_exit();

	return ret;
}
module_init(neuron_init);

static void __exit neuron_exit(void)
{
	pci_unregister_driver(&neuron_pci_driver);
	neuron_sysfs_exit();
	neuron_jobs_exit();
}
module_exit(neuron_exit);

MODULE_DESCRIPTION("Driver of the neuron accelerator");
MODULE_LICENSE("GPL");
