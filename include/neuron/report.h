/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the chip says about a job: the fault record and the report.
 *
 * Shared by the chip, the driver (the fault record is part of a completion)
 * and libneuron (the report is written to memory of the job's own). All
 * fields are little-endian.
 */
#ifndef NEURON_REPORT_H
#define NEURON_REPORT_H

#include <linux/types.h>

/*
 * Fault kinds: the status of a completion. X(NAME, value, text)
 *
 * The text is what logs and devcoredumps print. Each kind maps to exactly one
 * NRT status, in libneuron's status table.
 */
#define NEURON_FAULTS(X)                                                       \
	X(NONE,           0, "completed")                                      \
	X(BAD_DESCRIPTOR, 1, "the submission entry is malformed")              \
	X(BAD_PROGRAM,    2, "the program header is malformed")                \
	X(BAD_INST,       3, "an instruction is malformed")                    \
	X(BAD_OPERAND,    4, "an operand is not legal for its instruction")    \
	X(OUT_OF_BOUNDS,  5, "an access lies outside its buffer")              \
	X(ACCESS_DENIED,  6, "the slot does not grant this access")            \
	X(DMA_ABORT,      7, "the bus refused a DMA access")                   \
	X(DEADLOCK,       8, "every engine waits for a semaphore")             \
	X(LIMIT,          9, "the job exceeds a limit of the chip")            \
	X(DRAM_ECC,      10, "an uncorrectable error in device DRAM")          \
	X(SBUF_ECC,      11, "an uncorrectable error in the scratchpad")       \
	X(CANCELLED,     12, "the job was cancelled by a reset")               \
	X(INTERNAL,      13, "the chip failed inside")

enum neuron_fault_kind {
#define X(name, value, text) NEURON_FAULT_##name = value,
	NEURON_FAULTS(X)
#undef X
	NEURON_FAULT_COUNT
};

/* Engines of a core, in the order in which they are numbered everywhere. */
#define NEURON_ENGINES(X)                                                      \
	X(DMA_IN,  0, "dma-in")                                                \
	X(DMA_OUT, 1, "dma-out")                                               \
	X(PE,      2, "pe")                                                    \
	X(ACT,     3, "act")                                                   \
	X(POOL,    4, "pool")

enum neuron_engine {
#define X(name, value, text) NEURON_ENGINE_##name = value,
	NEURON_ENGINES(X)
#undef X
	NEURON_NUM_ENGINES
};

#define NEURON_NO_ENGINE	0xff
#define NEURON_NO_OPERAND	0xff
#define NEURON_NO_INST		0xffffffffu

/**
 * struct neuron_fault - where and why a job stopped
 * @kind: enum neuron_fault_kind; 0 when the job completed
 * @engine: enum neuron_engine, or NEURON_NO_ENGINE
 * @operand: position in the instruction's operand list, or NEURON_NO_OPERAND
 * @inst: index into the program's instruction array, or NEURON_NO_INST
 * @info: by kind: OUT_OF_BOUNDS, ACCESS_DENIED, DMA_ABORT, DRAM_ECC: the byte
 *	  offset of the access inside its buffer; SBUF_ECC: the damaged byte's offset
 *	  in the scratchpad; BAD_*: the byte offset of the
 *	  offending field inside its structure; DEADLOCK: a bit mask of the
 *	  engines that wait; LIMIT: the limit
 */
struct neuron_fault {
	__le16 kind;
	__u8 engine;
	__u8 operand;
	__le32 inst;
	__le64 info;
};

/**
 * struct neuron_engine_report - one engine's share of a job
 * @busy: cycles in which the engine executed
 * @stall_sem: cycles in which it waited for a semaphore
 * @stall_mem: cycles by which contention for memory prolonged it
 * @insts: instructions completed
 * @pc: index of the next instruction (for a deadlock: the one that waits)
 * @wait_sem: DEADLOCK: the semaphore waited for, else 0
 * @wait_value: DEADLOCK: the value waited for, else 0
 * @sem_value: DEADLOCK: the value that the semaphore has, else 0
 */
struct neuron_engine_report {
	__le64 busy;
	__le64 stall_sem;
	__le64 stall_mem;
	__le64 insts;
	__le32 pc;
	__le32 wait_sem;
	__le32 wait_value;
	__le32 sem_value;
};

#define NEURON_REPORT_VERSION	1

/**
 * struct neuron_report - written by the chip when a job ends, 512 bytes
 * @version: NEURON_REPORT_VERSION; zero until the chip has written the report
 * @size: bytes that the chip wrote
 * @fault: why the job stopped
 * @cycles: modelled time from the job's start to its end
 * @macs: multiply-accumulates done by the PE array
 * @bytes_host_in: bytes DMA-in moved from host memory
 * @bytes_host_out: bytes DMA-out moved to host memory
 * @bytes_dram_in: bytes DMA-in moved from device DRAM
 * @bytes_dram_out: bytes DMA-out moved to device DRAM
 * @saturations: elements that quantisation clamped
 * @nans: NaN elements that DMA-out stored
 * @sbuf_high: highest scratchpad byte used, plus one
 * @psum_high: the same for the accumulators
 * @engine: per engine, indexed by enum neuron_engine
 * @infs: infinite elements that DMA-out stored
 */
struct neuron_report {
	__le32 version;
	__le32 size;
	struct neuron_fault fault;
	__le64 cycles;
	__le64 macs;
	__le64 bytes_host_in;
	__le64 bytes_host_out;
	__le64 bytes_dram_in;
	__le64 bytes_dram_out;
	__le64 saturations;
	__le64 nans;
	__le32 sbuf_high;
	__le32 psum_high;
	struct neuron_engine_report engine[NEURON_NUM_ENGINES];
	__le64 infs;
	__u8 reserved[168];
};

/**
 * struct neuron_inst_record - one instruction of a profiled job, 48 bytes
 * @start: cycle in which it started, from the job's start
 * @end: cycle in which it ended; 0: it did not run
 * @stall_sem: cycles that its engine waited for semaphores before
 * @saturations: elements that it clamped
 * @nans: NaN elements that it wrote
 * @infs: infinite elements that it wrote
 */
struct neuron_inst_record {
	__le64 start;
	__le64 end;
	__le64 stall_sem;
	__le64 saturations;
	__le64 nans;
	__le64 infs;
};

_Static_assert(sizeof(struct neuron_inst_record) == 48, "layout");
_Static_assert(sizeof(struct neuron_fault) == 16, "layout");
_Static_assert(sizeof(struct neuron_engine_report) == 48, "layout");
_Static_assert(sizeof(struct neuron_report) == 512, "layout");

#endif /* NEURON_REPORT_H */
