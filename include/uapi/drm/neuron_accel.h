/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
#ifndef _UAPI_NEURON_ACCEL_H_
#define _UAPI_NEURON_ACCEL_H_

#ifdef __KERNEL__
#include <drm/drm.h>
#else
#include <drm.h>	/* libdrm's, found through pkg-config */
#endif

#if defined(__cplusplus)
extern "C" {
#endif

/**
 * DOC: Interface of the neuron driver
 *
 * Each open file is a context: buffer handles, submissions and their results
 * belong to it and are out of reach of every other. A job names memory only by
 * slot, an index into the list of buffers that its submission carries.
 *
 * Rules of all calls: reserved fields, padding and unknown flags must be zero;
 * arrays carry the size of their elements, so that elements can grow; fields
 * that the kernel does not know must be zero; time-outs are absolute and on
 * CLOCK_MONOTONIC; a call interrupted by a signal can be repeated as it is.
 *
 * Errors common to all: %EINVAL for arguments that can never work, %ENOENT for
 * an unknown handle, %EFAULT, %ENOMEM, %ENODEV once the device is gone.
 */

/*
 * Version of this interface, which DRM_IOCTL_VERSION tells: with another major
 * number it is another interface, each addition raises the minor one. A program
 * works with drivers of its major number and of its minor one or a higher one.
 */
#define DRM_NEURON_MAJOR		1
#define DRM_NEURON_MINOR		1

#define DRM_NEURON_QUERY		0x00
#define DRM_NEURON_BO_CREATE		0x01
#define DRM_NEURON_BO_INFO		0x02
#define DRM_NEURON_BO_WAIT		0x03
#define DRM_NEURON_CORE_ACQUIRE		0x04
#define DRM_NEURON_CORE_RELEASE		0x05
#define DRM_NEURON_SUBMIT		0x06
#define DRM_NEURON_COPY			0x07
#define DRM_NEURON_JOB_STATUS		0x08
#define DRM_NEURON_PRIORITY		0x09

/* Values of &drm_neuron_query.type. */
#define DRM_NEURON_QUERY_DEVICE		0	/* struct drm_neuron_device_info */
#define DRM_NEURON_QUERY_CORE		1	/* struct drm_neuron_core_info, by index */
#define DRM_NEURON_QUERY_MEMORY		2	/* struct drm_neuron_memory_info */

/**
 * struct drm_neuron_query - ask about the device
 * @type: DRM_NEURON_QUERY_*
 * @index: CORE: number of the core; else zero
 * @size: in: bytes at @data; out: bytes that the kernel has to say. The kernel
 *	  writes at most the smaller of the two; with zero it only sets @size.
 * @pad: zero
 * @data: user address
 */
struct drm_neuron_query {
	__u32 type;
	__u32 index;
	__u32 size;
	__u32 pad;
	__u64 data;
};

/**
 * struct drm_neuron_device_info - DRM_NEURON_QUERY_DEVICE
 * @hw_version: NEURON_REG_VERSION
 * @isa_version: NEURON_REG_ISA_VERSION
 * @num_cores: NeuronCores
 * @num_dma_queues: DMA queues
 * @sbuf_size: scratchpad bytes a core
 * @psum_size: accumulator bytes a core
 * @dram_size: bytes of device DRAM
 * @clock_khz: of the cores; scales cycles to time
 * @dram_mibps: bandwidth of device DRAM
 * @max_slots: buffers in one submission
 * @default_timeout_ms: of a job that names none
 * @max_bo_size: largest buffer object
 * @pci_domain: of the PCI address
 * @pci_bus: of the PCI address
 * @pci_device: of the PCI address
 * @pci_function: of the PCI address
 * @pool_threads: host threads that the device computes with, 0 if unknown
 * @pad: zero
 * @pool_name: library and instruction set that the device computes with, as the
 *	       device tells; NUL-terminated
 */
struct drm_neuron_device_info {
	__u32 hw_version;
	__u32 isa_version;
	__u32 num_cores;
	__u32 num_dma_queues;
	__u32 sbuf_size;
	__u32 psum_size;
	__u64 dram_size;
	__u32 clock_khz;
	__u32 dram_mibps;
	__u32 max_slots;
	__u32 default_timeout_ms;
	__u64 max_bo_size;
	__u32 pci_domain;
	__u16 pci_bus;
	__u8 pci_device;
	__u8 pci_function;
	__u32 pool_threads;
	__u32 pad;
	char pool_name[64];
};

/* &drm_neuron_core_info.state */
#define DRM_NEURON_CORE_IDLE		0
#define DRM_NEURON_CORE_BUSY		1
#define DRM_NEURON_CORE_DEAD		2	/* a reset failed; submissions get EIO */

/**
 * struct drm_neuron_core_info - DRM_NEURON_QUERY_CORE
 * @state: DRM_NEURON_CORE_*
 * @owned: 0: free, 1: acquired by this file, 2: acquired by another
 * @owner_pid: thread group of the owner, in the caller's namespace; 0 if none
 *	       or not visible
 * @resets: times that the core was reset since the driver was bound
 * @jobs: jobs completed
 * @busy_ns: time that the core spent on jobs
 */
struct drm_neuron_core_info {
	__u32 state;
	__u32 owned;
	__u32 owner_pid;
	__u32 resets;
	__u64 jobs;
	__u64 busy_ns;
};

/**
 * struct drm_neuron_memory_info - DRM_NEURON_QUERY_MEMORY
 * @dram_total: bytes of device DRAM
 * @dram_free: bytes not allocated
 * @dram_largest: largest buffer that could be allocated now
 * @context_dram: bytes of device DRAM that this file holds
 * @context_host: bytes of host memory that this file holds
 */
struct drm_neuron_memory_info {
	__u64 dram_total;
	__u64 dram_free;
	__u64 dram_largest;
	__u64 context_dram;
	__u64 context_host;
};

/* &drm_neuron_bo_create.flags: exactly one */
#define DRM_NEURON_BO_HOST		(1 << 0)	/* pages of host memory */
#define DRM_NEURON_BO_DRAM		(1 << 1)	/* device DRAM */

/**
 * struct drm_neuron_bo_create - create a buffer object, filled with zeros
 * @size: in: bytes, rounded up to whole pages; out: the rounded size
 * @flags: DRM_NEURON_BO_*
 * @handle: out: handle, to be closed with DRM_IOCTL_GEM_CLOSE
 *
 * ENOSPC when device DRAM has no room, EDQUOT when the user holds the share of
 * it that the driver's parameter dram_percent allows.
 */
struct drm_neuron_bo_create {
	__u64 size;
	__u32 flags;
	__u32 handle;
};

/**
 * struct drm_neuron_bo_info - ask about a buffer object
 * @handle: in
 * @flags: out: DRM_NEURON_BO_*; neither for one imported from elsewhere
 * @size: out: bytes
 * @mmap_offset: out: for mmap() on the device file
 */
struct drm_neuron_bo_info {
	__u32 handle;
	__u32 flags;
	__u64 size;
	__u64 mmap_offset;
};

/* &drm_neuron_bo_wait.flags */
#define DRM_NEURON_BO_WAIT_READ		(1 << 0)	/* for writers only, not for readers */

/**
 * struct drm_neuron_bo_wait - wait until jobs have done with a buffer
 * @handle: buffer
 * @flags: DRM_NEURON_BO_WAIT_*
 * @timeout_ns: absolute, CLOCK_MONOTONIC; in the past: only look
 *
 * ETIME (or EBUSY with a timeout in the past) when it is still in use.
 */
struct drm_neuron_bo_wait {
	__u32 handle;
	__u32 flags;
	__s64 timeout_ns;
};

/**
 * struct drm_neuron_cores - acquire cores for this file alone, or give them back
 * @mask: in: cores, by bit; ACQUIRE out: the cores acquired
 * @count: ACQUIRE: when not zero, take this many free cores out of @mask,
 *	   the lowest first and next to each other; all or none
 *
 * Acquired cores take jobs from this file only, until they are released or the
 * file is closed. EBUSY when a core that is needed belongs to another file.
 */
struct drm_neuron_cores {
	__u32 mask;
	__u32 count;
};

/* &drm_neuron_slot.flags */
#define DRM_NEURON_SLOT_READ		(1 << 0)
#define DRM_NEURON_SLOT_WRITE		(1 << 1)

/**
 * struct drm_neuron_slot - a buffer that a job may use
 * @handle: buffer object; 0 leaves the slot empty
 * @flags: DRM_NEURON_SLOT_*: what the job may do with it
 * @offset: first byte that the job may access; DRAM and host: any alignment of 64
 * @size: bytes from there; 0: up to the end
 */
struct drm_neuron_slot {
	__u32 handle;
	__u32 flags;
	__u64 offset;
	__u64 size;
};

/**
 * struct drm_neuron_sync - a point on a sync object
 * @handle: sync object
 * @flags: zero
 * @point: on a timeline sync object; 0: a binary one
 */
struct drm_neuron_sync {
	__u32 handle;
	__u32 flags;
	__u64 point;
};

/**
 * struct drm_neuron_array - an array in user memory
 * @ptr: user address
 * @count: elements
 * @stride: bytes from one element to the next
 */
struct drm_neuron_array {
	__u64 ptr;
	__u32 count;
	__u32 stride;
};

#define DRM_NEURON_NO_SLOT		0xffffffff

/* &drm_neuron_submit.flags */
#define DRM_NEURON_SUBMIT_PROFILE	(1 << 0)
#define DRM_NEURON_SUBMIT_UNORDERED	(1 << 1)
#define DRM_NEURON_SUBMIT_PREPARE	(1 << 2)

/**
 * struct drm_neuron_submit - execute a program on a core
 * @core: number of the core
 * @flags: DRM_NEURON_SUBMIT_PROFILE: behind the report, in the same slot, the
 *	   chip writes a struct neuron_inst_record for each instruction.
 *	   DRM_NEURON_SUBMIT_UNORDERED: don't wait for others that use its buffers,
 *	   but for @in_syncs alone: jobs on several cores that write to different
 *	   parts of a buffer run at once.
 *	   DRM_NEURON_SUBMIT_PREPARE: don't execute the program, but do what the
 *	   first job of it would have to do in addition, its resident loads among
 *	   it; slots that these don't use may be empty, and there is no report
 * @slots: struct drm_neuron_slot: the job's slot table
 * @in_syncs: struct drm_neuron_sync: the job starts after these
 * @out_syncs: struct drm_neuron_sync: get the job's fence
 * @program_slot: slot that holds the program; needs READ
 * @program_size: bytes of the program
 * @program_offset: of the program in the slot
 * @report_slot: slot for a struct neuron_report, needs WRITE, or DRM_NEURON_NO_SLOT
 * @timeout_ms: after that the core is reset; 0: the device's default
 * @report_offset: of the report in the slot
 * @job: out: number of the job in this context, from 1 on
 * @resident: not 0: names what the job keeps on the core. A following job of
 *	      this file with the same program and the same number finds it there,
 *	      if no other job ran on the core in between, and skips the program's
 *	      resident loads. The caller gives the number anew when it changes
 *	      the buffers that these loads read
 * @pad: zero
 *
 * Also ordered, implicitly, after writers of its buffers and, where it writes,
 * after their readers, unless it is unordered. EBUSY when another file has
 * acquired the core, EIO when the core is dead, EDQUOT when the file has 32768
 * jobs that have not ended.
 */
struct drm_neuron_submit {
	__u32 core;
	__u32 flags;
	struct drm_neuron_array slots;
	struct drm_neuron_array in_syncs;
	struct drm_neuron_array out_syncs;
	__u32 program_slot;
	__u32 program_size;
	__u64 program_offset;
	__u32 report_slot;
	__u32 timeout_ms;
	__u64 report_offset;
	__u64 job;
	__u32 resident;
	__u32 pad;
};

/**
 * struct drm_neuron_copy_op - copy bytes, or fill
 * @src_handle: source; 0: fill with @value
 * @dst_handle: destination
 * @src_offset: byte offset in the source; 0 for a fill
 * @dst_offset: byte offset in the destination
 * @size: bytes, any alignment
 * @value: fill: byte to repeat; else zero
 * @pad: zero
 */
struct drm_neuron_copy_op {
	__u32 src_handle;
	__u32 dst_handle;
	__u64 src_offset;
	__u64 dst_offset;
	__u64 size;
	__u32 value;
	__u32 pad;
};

/**
 * struct drm_neuron_copy - copy between buffers by the DMA queues
 * @ops: struct drm_neuron_copy_op; executed in any order, at most 64
 * @in_syncs: struct drm_neuron_sync
 * @out_syncs: struct drm_neuron_sync
 * @flags: zero
 * @pad: zero
 * @job: out: number of the job in this context
 */
struct drm_neuron_copy {
	struct drm_neuron_array ops;
	struct drm_neuron_array in_syncs;
	struct drm_neuron_array out_syncs;
	__u32 flags;
	__u32 pad;
	__u64 job;
};

/* &drm_neuron_job_status.state */
#define DRM_NEURON_JOB_PENDING		0	/* not finished */
#define DRM_NEURON_JOB_DONE		1
#define DRM_NEURON_JOB_FAULT		2	/* the chip stopped it; see the fault fields */
#define DRM_NEURON_JOB_TIMEOUT		3	/* it ran too long and its core was reset */
#define DRM_NEURON_JOB_CANCELLED	4	/* lost in a reset that another job caused */
#define DRM_NEURON_JOB_LOST		5	/* the device is gone or dead */

/**
 * struct drm_neuron_job_status - how a job of this context ended
 * @job: in: number of the job
 * @state: out: DRM_NEURON_JOB_*
 * @fault_kind: out: enum neuron_fault_kind
 * @fault_engine: out: of struct neuron_fault
 * @fault_operand: out: of struct neuron_fault
 * @fault_inst: out: of struct neuron_fault
 * @pad: zero
 * @fault_info: out: of struct neuron_fault
 * @cycles: out: modelled time, in core clock cycles
 * @timeout_ns: in: wait for the job until this time of CLOCK_MONOTONIC; 0: don't
 *
 * ETIME when the job has not ended by then. The kernel remembers the last 64
 * failures of a context; an older job that is not among them counts as done and
 * has no cycles. ENOENT for a number that was never given out.
 */
struct drm_neuron_job_status {
	__u64 job;
	__u32 state;
	__u16 fault_kind;
	__u8 fault_engine;
	__u8 fault_operand;
	__u32 fault_inst;
	__u32 pad;
	__u64 fault_info;
	__u64 cycles;
	__s64 timeout_ns;
};

/* &drm_neuron_priority.priority */
#define DRM_NEURON_PRIORITY_NORMAL	0
#define DRM_NEURON_PRIORITY_LOW		1
#define DRM_NEURON_PRIORITY_HIGH	2	/* needs CAP_SYS_NICE */

/**
 * struct drm_neuron_priority - which of several files' jobs come first
 * @priority: DRM_NEURON_PRIORITY_*, for the jobs that this file submits from now
 *	      on
 * @pad: zero
 *
 * Of jobs that could start, one of a higher priority does. Jobs that have been
 * handed to the device are not overtaken. EPERM without the right to HIGH.
 */
struct drm_neuron_priority {
	__u32 priority;
	__u32 pad;
};

#define DRM_IOCTL_NEURON_QUERY		\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_QUERY, struct drm_neuron_query)
#define DRM_IOCTL_NEURON_BO_CREATE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_BO_CREATE, struct drm_neuron_bo_create)
#define DRM_IOCTL_NEURON_BO_INFO	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_BO_INFO, struct drm_neuron_bo_info)
#define DRM_IOCTL_NEURON_BO_WAIT	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_NEURON_BO_WAIT, struct drm_neuron_bo_wait)
#define DRM_IOCTL_NEURON_CORE_ACQUIRE	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_CORE_ACQUIRE, struct drm_neuron_cores)
#define DRM_IOCTL_NEURON_CORE_RELEASE	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_NEURON_CORE_RELEASE, struct drm_neuron_cores)
#define DRM_IOCTL_NEURON_SUBMIT		\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_SUBMIT, struct drm_neuron_submit)
#define DRM_IOCTL_NEURON_COPY		\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_COPY, struct drm_neuron_copy)
#define DRM_IOCTL_NEURON_JOB_STATUS	\
	DRM_IOWR(DRM_COMMAND_BASE + DRM_NEURON_JOB_STATUS, struct drm_neuron_job_status)
#define DRM_IOCTL_NEURON_PRIORITY	\
	DRM_IOW(DRM_COMMAND_BASE + DRM_NEURON_PRIORITY, struct drm_neuron_priority)

#if defined(__cplusplus)
}
#endif

#endif /* _UAPI_NEURON_ACCEL_H_ */
