/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between kernel versions. Written against 6.12; all conditions on
 * LINUX_VERSION_CODE of the driver are in this file.
 */
#ifndef _NEURON_COMPAT_H_
#define _NEURON_COMPAT_H_

#include <linux/module.h>
#include <linux/version.h>

#include <drm/gpu_scheduler.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#error "neuron needs Linux 6.12 or later"
#endif

/* 6.13: the namespace is a string literal. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define NEURON_IMPORT_NS_DMA_BUF	MODULE_IMPORT_NS(DMA_BUF)
#define NEURON_IMPORT_NS_KUNIT		MODULE_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING)
#else
#define NEURON_IMPORT_NS_DMA_BUF	MODULE_IMPORT_NS("DMA_BUF")
#define NEURON_IMPORT_NS_KUNIT		MODULE_IMPORT_NS("EXPORTED_FOR_KUNIT_TESTING")
#endif

/* 6.14: struct drm_driver has no date. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define NEURON_DRIVER_DATE		.date = "20251101",
#else
#define NEURON_DRIVER_DATE
#endif

/* 6.15: the arguments come in a structure. */
static inline int neuron_sched_init(struct drm_gpu_scheduler *sched,
				    const struct drm_sched_backend_ops *ops,
				    struct workqueue_struct *wq, u32 credit_limit,
				    const char *name, struct device *dev)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 15, 0)
	return drm_sched_init(sched, ops, wq, DRM_SCHED_PRIORITY_COUNT,
			      credit_limit, 0, MAX_SCHEDULE_TIMEOUT, NULL, NULL,
			      name, dev);
#else
	const struct drm_sched_init_args args = {
		.ops = ops,
		.submit_wq = wq,
		.num_rqs = DRM_SCHED_PRIORITY_COUNT,
		.credit_limit = credit_limit,
		.timeout = MAX_SCHEDULE_TIMEOUT,
		.name = name,
		.dev = dev,
	};

	return drm_sched_init(sched, &args);
#endif
}

/* 6.17: the client's id goes into the trace. */
static inline int neuron_sched_job_init(struct drm_sched_job *job,
					struct drm_sched_entity *entity,
					u32 credits, u64 client_id)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
	return drm_sched_job_init(job, entity, credits, NULL);
#else
	return drm_sched_job_init(job, entity, credits, NULL, client_id);
#endif
}

#endif /* _NEURON_COMPAT_H_ */
