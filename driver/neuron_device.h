/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_DEVICE_H_
#define _NEURON_DEVICE_H_

#include <linux/io.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/drm_print.h>

#include <neuron/regs.h>

#include "neuron_dram.h"
#include "neuron_stats.h"

struct drm_file;
struct neuron_context;
struct neuron_job;
struct neuron_queue;

/*
 * The page list of a host buffer is one array of bus addresses that the device
 * reads, 8 bytes for each 4 KiB, and so has to be contiguous: 2 GiB of buffer
 * need 4 MiB, the most that the page allocator gives on x86.
 */
#define NEURON_MAX_BO_SIZE	SZ_2G

/* Bounds of what one call may ask for. */
#define NEURON_MAX_SYNCS	64
#define NEURON_MAX_COPY_OPS	64
#define NEURON_MAX_STRIDE	4096

/* Jobs that a context may have under way. */
#define NEURON_MAX_PENDING	32768

/**
 * struct neuron_core - what the driver keeps about a core
 * @owner: context that has acquired it, or NULL; under &neuron_device.core_lock
 * @owner_pid: thread group that did
 */
struct neuron_core {
	struct neuron_context *owner;
	struct pid *owner_pid;
};

/**
 * struct neuron_device - one chip
 * @drm: base
 * @pdev: the PCI function
 * @regs: BAR 0
 * @dram_base: physical address of BAR 2
 * @hw_version: NEURON_REG_VERSION
 * @isa_version: NEURON_REG_ISA_VERSION
 * @num_cores: compute queues: those of index 0 to num_cores - 1
 * @num_dma_queues: DMA queues: the following
 * @num_queues: both
 * @max_slots: entries of a slot table
 * @sbuf_size: scratchpad bytes a core
 * @psum_size: accumulator bytes a core
 * @dram_size: bytes of device DRAM
 * @clock_khz: of the cores
 * @dram_mibps: bandwidth of device DRAM
 * @pool_threads: host threads that the device computes with
 * @pool_name: library and instruction set that it computes with
 * @queue: the queues; released with the last fence that they gave out
 * @dma_sched: schedulers of the DMA queues, for entities
 * @num_ended: jobs that have ended and are not freed
 * @jobs_freed: woken when @num_ended gets to zero
 * @submit_wq: the schedulers of all queues
 * @reset_wq: ordered: watchdogs and recovery of all queues, one at a time
 * @pause_lock: protects @paused
 * @paused: neuron_queues_pause() calls that have not been ended
 * @dead: no reset helped; submissions get EIO
 * @frozen: somebody else resets the function; queues stay stopped
 * @fault_armed: a fault was armed and not cleared, so the device is kept awake
 * @error_timeout: goes on after an error of the link if nobody else does
 * @chip_resets: resets of the whole chip since the driver was bound
 * @next_context: cookie of the next context; never reused
 * @core_lock: protects @core
 * @core: ownership
 * @user_lock: protects @users
 * @users: who has files open or holds buffers
 * @dram: allocator of device DRAM
 * @bo_lock: protects @bos
 * @bos: buffers that the device can reach in host memory
 * @bos_empty: woken when @bos gets empty
 * @stats: counters that sysfs shows
 * @dump_job: job that waits to be dumped, or NULL
 * @dump_work: dumps it
 */
struct neuron_device {
	struct drm_device drm;
	struct pci_dev *pdev;
	void __iomem *regs;
	resource_size_t dram_base;

	u32 hw_version;
	u32 isa_version;
	unsigned int num_cores;
	unsigned int num_dma_queues;
	unsigned int num_queues;
	unsigned int max_slots;
	u32 sbuf_size;
	u32 psum_size;
	u64 dram_size;
	u32 clock_khz;
	u32 dram_mibps;
	u32 pool_threads;
	char pool_name[NEURON_POOL_NAME_SIZE];

	struct neuron_queue *queue[NEURON_MAX_QUEUES];
	struct drm_gpu_scheduler *dma_sched[NEURON_MAX_DMA_QUEUES];
	atomic_t num_ended;
	wait_queue_head_t jobs_freed;
	struct workqueue_struct *submit_wq;
	struct workqueue_struct *reset_wq;
	struct mutex pause_lock; /* @paused */
	unsigned int paused;
	bool dead;
	bool frozen;
	bool fault_armed;
	struct delayed_work error_timeout;
	atomic_t chip_resets;

	atomic64_t next_context;
	spinlock_t core_lock; /* @core */
	struct neuron_core core[NEURON_MAX_CORES];

	struct mutex user_lock; /* @users */
	struct list_head users;

	struct neuron_dram dram;

	spinlock_t bo_lock; /* @bos */
	struct list_head bos;
	wait_queue_head_t bos_empty;

	struct neuron_stats stats;

	struct neuron_job *dump_job;
	struct work_struct dump_work;
};

static inline struct neuron_device *to_neuron_device(struct drm_device *drm)
{
	return container_of(drm, struct neuron_device, drm);
}

/* What a register reads when nothing answers any more. */
#define NEURON_GONE	U32_MAX

static inline u32 neuron_read(struct neuron_device *ndev, u32 reg)
{
	return readl(ndev->regs + reg);
}

static inline void neuron_write(struct neuron_device *ndev, u32 reg, u32 value)
{
	writel(value, ndev->regs + reg);
}

/* Work that must outlive a device: last references, put one after the other. */
extern struct workqueue_struct *neuron_release_wq;

/* neuron_irq.c */
int neuron_irq_init(struct neuron_device *ndev);

/* neuron_error.c */
extern const struct pci_error_handlers neuron_pci_error_handlers;
void neuron_error_init(struct neuron_device *ndev);

/* neuron_query.c */
int neuron_ioctl_query(struct drm_device *drm, void *data, struct drm_file *file);

/* neuron_debugfs.c */
#ifdef CONFIG_DEBUG_FS
void neuron_debugfs_init(struct neuron_device *ndev);
void neuron_debugfs_fini(struct neuron_device *ndev);
#else
static inline void neuron_debugfs_init(struct neuron_device *ndev)
{
}

static inline void neuron_debugfs_fini(struct neuron_device *ndev)
{
}
#endif

/* neuron_coredump.c */
void neuron_coredump_init(struct neuron_device *ndev);
void neuron_coredump_fini(struct neuron_device *ndev);
void neuron_coredump(struct neuron_job *job);

#endif /* _NEURON_DEVICE_H_ */
