/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The host interface of the chip: registers, rings, slot tables.
 *
 * qemu-device/SPEC.md is the manual. Registers are 32 bits wide, naturally
 * aligned and little-endian; 64-bit quantities are a low and a high register,
 * the low one first. Structures in host memory are little-endian.
 */
#ifndef NEURON_REGS_H
#define NEURON_REGS_H

#include <linux/types.h>
#include "report.h"

/* PCI identity: 1af4:10f0-10ff is QEMU's range for laboratories. */
#define NEURON_PCI_VENDOR_ID		0x1af4
#define NEURON_PCI_DEVICE_ID		0x10f0
#define NEURON_PCI_CLASS		0x1200	/* processing accelerator */

#define NEURON_BAR_REGS			0
#define NEURON_BAR_DRAM			2	/* 64-bit, prefetchable: device DRAM */
#define NEURON_BAR_MSIX			4

#define NEURON_REGS_SIZE		0x10000

/* MSI-X: vector 0 reports device errors, vector 1 + q belongs to queue q. */
#define NEURON_VECTOR_ERROR		0
#define NEURON_VECTOR_QUEUE(q)		(1 + (q))

#define NEURON_MAX_CORES		4
#define NEURON_MAX_DMA_QUEUES		12
#define NEURON_MAX_QUEUES		(NEURON_MAX_CORES + NEURON_MAX_DMA_QUEUES)
#define NEURON_NUM_SEMAPHORES		32

/* Identity and size, all read-only. */
#define NEURON_REG_ID			0x000
#define   NEURON_ID			0x4e43304eu	/* "N0CN" */
#define NEURON_REG_VERSION		0x004	/* major << 16 | minor */
#define   NEURON_VERSION_MAJOR(v)	((v) >> 16)
#define   NEURON_VERSION_MINOR(v)	((v) & 0xffff)
#define   NEURON_VERSION		0x00010001u
#define NEURON_REG_UNITS		0x008
#define   NEURON_UNITS_CORES(v)		((v) & 0xff)
#define   NEURON_UNITS_DMA_QUEUES(v)	(((v) >> 8) & 0xff)
#define   NEURON_UNITS_SEMAPHORES(v)	(((v) >> 16) & 0xff)
#define   NEURON_UNITS_ENGINES(v)	(((v) >> 24) & 0xff)
#define NEURON_REG_LIMITS		0x00c
#define   NEURON_LIMITS_QUEUE_SHIFT(v)	((v) & 0xff)	/* log2 of the most entries */
#define   NEURON_LIMITS_SLOTS(v)	(((v) >> 8) & 0xffff)
#define NEURON_REG_SBUF_SIZE		0x010	/* bytes a core */
#define NEURON_REG_PSUM_SIZE		0x014	/* bytes a core */
#define NEURON_REG_DRAM_SIZE_LO		0x018	/* bytes */
#define NEURON_REG_DRAM_SIZE_HI		0x01c
#define NEURON_REG_CLOCK_KHZ		0x020
#define NEURON_REG_DRAM_MIBPS		0x024	/* DRAM bandwidth, MiB/s */
#define NEURON_REG_LINK_MIBPS		0x028	/* host link bandwidth, MiB/s */
#define NEURON_REG_ISA_VERSION		0x02c

/* Control of the chip. */
#define NEURON_REG_CONTROL		0x040
#define   NEURON_CONTROL_RESET		0x1	/* write 1; reads 0 once reset is over */
#define NEURON_REG_STATUS		0x044	/* read-only */
#define   NEURON_STATUS_READY		0x1
#define   NEURON_STATUS_RESETTING	0x2
#define   NEURON_STATUS_FATAL		0x4	/* only a chip reset helps */
/*
 * Bit n: reset core n. Its queue is disabled, its running job is abandoned
 * without a completion, its scratchpad is cleared. Reads 1 while that lasts.
 */
#define NEURON_REG_CORE_RESET		0x048
/* Sticky, write 1 to clear; a new bit raises NEURON_VECTOR_ERROR. */
#define NEURON_REG_ERROR		0x050
#define   NEURON_ERROR_DOORBELL		0x01	/* tail or head out of range */
#define   NEURON_ERROR_RING_DMA		0x02	/* a ring could not be accessed */
#define   NEURON_ERROR_CONFIG		0x04	/* queue enabled with bad set-up */
#define   NEURON_ERROR_ECC_CORRECTED	0x08
#define   NEURON_ERROR_ECC_UNCORRECTED	0x10
#define   NEURON_ERROR_CQ_OVERFLOW	0x20	/* no room for a completion */
#define   NEURON_ERROR_FATAL		0x40	/* the chip has failed: see STATUS */
#define NEURON_REG_ERROR_QUEUE		0x054	/* queue of the latest error */
#define NEURON_REG_ECC_CORRECTED	0x058	/* counts since power-on */
#define NEURON_REG_ECC_UNCORRECTED	0x05c
#define NEURON_REG_POOL_THREADS		0x060	/* host threads of the fast kernels */
/* What the fast kernels are: ASCII, four characters a register, then zeros. */
#define NEURON_REG_POOL_NAME(i)		(0x080 + 4 * (i))
#define   NEURON_POOL_NAME_SIZE		64

/*
 * Fault injection window. Present (DEBUG_ID reads NEURON_DEBUG_ID) only when
 * the device was created with its "debug" property set; else reads as zero
 * and ignores writes. A write to DEBUG_INJECT arms the fault of that number
 * with the arguments written before.
 */
#define NEURON_REG_DEBUG_ID		0x800
#define   NEURON_DEBUG_ID		0x47424544u	/* "DEBG" */
#define NEURON_REG_DEBUG_QUEUE		0x804	/* queue (or core) concerned */
#define NEURON_REG_DEBUG_COUNT		0x808	/* how many times; ~0 for ever */
#define NEURON_REG_DEBUG_ARG_LO		0x80c
#define NEURON_REG_DEBUG_ARG_HI		0x810
#define NEURON_REG_DEBUG_INJECT		0x814
#define NEURON_REG_DEBUG_CLEAR		0x818	/* write: disarm everything */

/* Injectable faults: X(NAME, value, qom name, meaning of the argument) */
#define NEURON_INJECTIONS(X)                                                   \
	X(HANG_CORE,       1, "hang-core", "none")                             \
	X(DROP_IRQ,        2, "drop-irq", "none")                              \
	X(DELAY_IRQ,       3, "delay-irq", "delay in microseconds")            \
	X(FAIL_DMA,        4, "fail-dma", "0: accesses of jobs, 1: of rings")   \
	X(DRAM_FLIP_CE,    5, "dram-flip-ce", "byte offset in DRAM")           \
	X(DRAM_FLIP_UE,    6, "dram-flip-ue", "byte offset in DRAM")           \
	X(RETURN_NAN,      7, "return-nan", "none")                            \
	X(CQE_BAD_ID,      8, "cqe-bad-id", "id to report")                    \
	X(CQE_BAD_PHASE,   9, "cqe-bad-phase", "none")                         \
	X(CQE_DUPLICATE,  10, "cqe-duplicate", "none")                         \
	X(CQE_BAD_STATUS, 11, "cqe-bad-status", "status to report")            \
	X(REFUSE_RESET,   12, "refuse-reset", "none")                          \
	X(VANISH,         13, "vanish", "none")                                \
	X(SBUF_FLIP_UE,   14, "sbuf-flip-ue", "byte offset in the scratchpad")  \
	X(FATAL,          15, "fatal", "none")

enum neuron_injection {
#define X(name, value, qom, arg) NEURON_INJECT_##name = value,
	NEURON_INJECTIONS(X)
#undef X
};

/*
 * Queues. Queue q < cores executes on core q; the DMA queues follow. Each is
 * a submission ring and a completion ring with the same number of entries.
 */
#define NEURON_REG_QUEUE(q)		(0x1000 + 0x40 * (q))
#define NEURON_QUEUE_SQ_BASE_LO		0x00	/* 64-byte aligned */
#define NEURON_QUEUE_SQ_BASE_HI		0x04
#define NEURON_QUEUE_CQ_BASE_LO		0x08	/* 64-byte aligned */
#define NEURON_QUEUE_CQ_BASE_HI		0x0c
#define NEURON_QUEUE_SHIFT		0x10	/* log2 of the number of entries, 1..LIMITS */
/*
 * Writing 1 enables the queue: indices and phase start afresh. Writing 0
 * stops it: entries not yet started are dropped, the running one is abandoned
 * without a completion. ACTIVE in STATUS reads 0 once nothing of the queue
 * runs or will touch memory any more.
 */
#define NEURON_QUEUE_CONTROL		0x14
#define   NEURON_QUEUE_ENABLE		0x1
#define NEURON_QUEUE_STATUS		0x18	/* read-only */
#define   NEURON_QUEUE_ENABLED		0x1
#define   NEURON_QUEUE_ACTIVE		0x2
#define   NEURON_QUEUE_ERROR		0x4	/* stopped by a ring error */
#define NEURON_QUEUE_SQ_TAIL		0x1c	/* doorbell: index of the next free entry */
#define NEURON_QUEUE_CQ_HEAD		0x20	/* doorbell: index of the next unread entry */
#define NEURON_QUEUE_SQ_HEAD		0x24	/* read-only: entries fetched, modulo size */

#define NEURON_MIN_QUEUE_SHIFT		1
#define NEURON_MAX_QUEUE_SHIFT		12
#define NEURON_MAX_SLOTS		256

/* Submission entries. EXEC runs on compute queues; COPY and FILL on DMA queues. */
enum neuron_sqe_opcode {
	NEURON_SQE_NOP  = 0,
	NEURON_SQE_EXEC = 1,
	NEURON_SQE_COPY = 2,
	NEURON_SQE_FILL = 3,
};

#define NEURON_SQE_NO_SLOT	0xffffffffu

/* EXEC: a struct neuron_inst_record for each instruction follows the report. */
#define NEURON_SQE_PROFILE	0x1
/* EXEC: only make ready for jobs of this program: check it, do its resident loads. */
#define NEURON_SQE_PREPARE	0x2
/*
 * Any entry, since version 1.1: the interrupt may come this much later, and need not
 * come if CQ_HEAD has passed the completion by then.
 */
#define NEURON_SQE_LATE_IRQ	0x4
#define   NEURON_LATE_IRQ_US	200

/**
 * struct neuron_sqe - submission entry, 64 bytes
 * @opcode: enum neuron_sqe_opcode
 * @flags: NEURON_SQE_LATE_IRQ; for EXEC also NEURON_SQE_PROFILE or NEURON_SQE_PREPARE
 * @reserved: must be zero
 * @num_slots: entries of the slot table, at most NEURON_MAX_SLOTS
 * @id: returned in the completion
 * @context: owner of the job. When it differs from the owner of the core's
 *	     previous job the core clears its scratchpad first. Never reused.
 * @slots: bus address of the slot table: struct neuron_slot[num_slots]
 * @exec: EXEC: the program, and where to write a struct neuron_report. @resident,
 *	  when not zero, names what the job leaves in the scratchpad: a following
 *	  job of the same context, program and @resident skips the LOADs flagged
 *	  NEURON_INST_RESIDENT, if no other job has run on the core in between
 * @copy: COPY: source, destination and length
 * @fill: FILL: destination, length and the byte that @value repeats
 */
struct neuron_sqe {
	__u8 opcode;
	__u8 flags;
	__le16 reserved;
	__le32 num_slots;
	__le64 id;
	__le64 context;
	__le64 slots;
	union {
		struct {
			__le32 program_slot;
			__le32 program_size;
			__le64 program_offset;
			__le32 report_slot;	/* or NEURON_SQE_NO_SLOT */
			__le32 resident;
			__le64 report_offset;
		} exec;
		struct {
			__le32 src_slot;
			__le32 dst_slot;
			__le64 src_offset;
			__le64 dst_offset;
			__le64 length;
		} copy;
		struct {
			__le32 value;		/* low 8 bits, the rest zero */
			__le32 dst_slot;
			__le64 reserved;
			__le64 dst_offset;
			__le64 length;
		} fill;
	};
};

/**
 * struct neuron_slot - one buffer of a job, as the host grants it, 32 bytes
 * @addr: DRAM: byte offset in device DRAM. PAGES: bus address of an array of
 *	  __le64 bus addresses, one for each 4 KiB page of the buffer
 * @length: bytes that the job may access, starting at @offset
 * @offset: PAGES: byte offset in the first page. DRAM: must be zero
 * @flags: NEURON_SLOT_*; a zero entry grants nothing
 * @reserved: must be zero
 */
struct neuron_slot {
	__le64 addr;
	__le64 length;
	__le32 offset;
	__le32 flags;
	__le64 reserved;
};

#define NEURON_SLOT_READ	0x1
#define NEURON_SLOT_WRITE	0x2
#define NEURON_SLOT_PAGES	0x10	/* host memory */
#define NEURON_SLOT_DRAM	0x20	/* device memory */

#define NEURON_PAGE_SHIFT	12
#define NEURON_PAGE_SIZE	(1u << NEURON_PAGE_SHIFT)

/**
 * struct neuron_cqe - completion entry, 64 bytes
 * @id: of the submission entry
 * @cycles: modelled time of the job in core clock cycles
 * @fault: fault.kind is the job's status
 * @busy: EXEC: cycles in which each engine was busy are in the report; this
 *	  is the largest of them. COPY, FILL: bytes moved
 * @queue: index of the queue
 * @sq_head: submission entries fetched so far, modulo the ring's size
 * @reserved: zero
 * @phase: bit 0 toggles with each pass over the ring, starting with 1; the
 *	   other bits are zero. Written last.
 */
struct neuron_cqe {
	__le64 id;
	__le64 cycles;
	struct neuron_fault fault;
	__le64 busy;
	__le16 queue;
	__le16 sq_head;
	__u8 reserved[16];
	__le32 phase;
};

_Static_assert(sizeof(struct neuron_sqe) == 64, "layout");
_Static_assert(sizeof(struct neuron_slot) == 32, "layout");
_Static_assert(sizeof(struct neuron_cqe) == 64, "layout");

#endif /* NEURON_REGS_H */
