/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a process that uses libneuron tells of itself: a page of counters.
 *
 * nrt_init() makes it, as a sealed memfd of this name that stays open until
 * nrt_close() or the process's end. Tools find it among the process's files in
 * /proc, where root and the same user may read it. Nothing is ever left behind,
 * and nobody else can put anything in its place; what a process writes there is
 * about itself alone, and a reader takes a copy and checks it.
 *
 * The process writes with atomic operations, each number for itself.
 */
#ifndef NEURON_STATS_H
#define NEURON_STATS_H

#include <linux/types.h>

#define NEURON_STATS_FILE	"neuron-stats"
#define NEURON_STATS_MAGIC	0x5354534e	/* "NSTS" */
#define NEURON_STATS_VERSION	1

#define NEURON_STATS_CORES	64
#define NEURON_STATS_MODELS	32
#define NEURON_STATS_LATENCIES	1024

/* How executions end: X(NAME, name that neuron-monitor gives it) */
#define NEURON_STATS_OUTCOMES(X)						\
	X(COMPLETED,		"completed")					\
	X(WITH_ERR,		"completed_with_err")				\
	X(WITH_NUM_ERR,		"completed_with_num_err")			\
	X(TIMED_OUT,		"timed_out")					\
	X(INCORRECT_INPUT,	"incorrect_input")				\
	X(FAILED_TO_QUEUE,	"failed_to_queue")

/* Whose fault it is when they don't succeed. */
#define NEURON_STATS_ERRORS(X)							\
	X(GENERIC,	"generic")						\
	X(NUMERICAL,	"numerical")						\
	X(TRANSIENT,	"transient")						\
	X(MODEL,	"model")						\
	X(RUNTIME,	"runtime")						\
	X(HARDWARE,	"hardware")

/* What buffers in device DRAM are for. */
#define NEURON_STATS_USES(X)							\
	X(CONSTANTS,	"constants")						\
	X(CODE,		"model_code")						\
	X(SCRATCHPAD,	"model_shared_scratchpad")				\
	X(RUNTIME,	"runtime_memory")					\
	X(TENSORS,	"tensors")

enum neuron_stats_outcome {
#define X(id, name) NEURON_OUTCOME_##id,
	NEURON_STATS_OUTCOMES(X)
#undef X
	NEURON_NUM_OUTCOMES
};

enum neuron_stats_error {
#define X(id, name) NEURON_ERROR_IS_##id,
	NEURON_STATS_ERRORS(X)
#undef X
	NEURON_NUM_ERRORS
};

enum neuron_stats_use {
#define X(id, name) NEURON_USE_##id,
	NEURON_STATS_USES(X)
#undef X
	NEURON_NUM_USES
};

/**
 * struct neuron_stats_core - a core of the process
 * @number: among all cores of the machine
 * @reserved: zero
 * @busy_ns: time from the submission of programs to their end
 * @flops: of the programs that ended: two for each multiply-accumulate
 * @executions: programs that ended well
 * @memory: bytes of device DRAM, by what they are for; of memory that several cores
 *	    share at the first of them
 */
struct neuron_stats_core {
	__u32 number;
	__u32 reserved;
	__u64 busy_ns;
	__u64 flops;
	__u64 executions;
	__u64 memory[NEURON_NUM_USES];
};

/**
 * struct neuron_stats_model - a loaded model
 * @id: not 0: the entry is used; unlike that of any other model of the process
 * @core: the first of its cores, as the process counts them
 * @num_cores: how many it has
 * @reserved: zero
 * @constants: bytes of weights
 * @code: bytes of programs
 * @name: of the model
 */
struct neuron_stats_model {
	__u32 id;
	__u32 core;
	__u32 num_cores;
	__u32 reserved;
	__u64 constants;
	__u64 code;
	char name[64];
};

/**
 * struct neuron_stats_latency - how long an execution took
 * @total: nanoseconds, all of the call
 * @device: nanoseconds from the submission of its programs to their end
 */
struct neuron_stats_latency {
	__u64 total;
	__u64 device;
};

/**
 * struct neuron_stats - the file
 * @magic: NEURON_STATS_MAGIC, once the rest is there
 * @version: NEURON_STATS_VERSION
 * @pid: the process, as it sees itself
 * @num_cores: used entries of @core
 * @tag: NEURON_PROCESS_TAG, or the process's number
 * @device: its first device: a node's path, or "sim0"
 * @host_tensors: bytes of tensors in host memory
 * @host_buffers: bytes of other host memory that the chip reaches
 * @model_loads: models that were loaded
 * @outcome: executions by how they ended
 * @error: those that failed, by whose fault it is
 * @core: cores of the process, in its own order
 * @model: loaded models, as far as there is room
 * @num_latencies: entries of @latency that were ever written: a ring
 * @latency: executions that ended well, newest at (num_latencies - 1) modulo its size
 */
struct neuron_stats {
	__u32 magic;
	__u32 version;
	__u32 pid;
	__u32 num_cores;
	char tag[64];
	char device[64];
	__u64 host_tensors;
	__u64 host_buffers;
	__u64 model_loads;
	__u64 outcome[NEURON_NUM_OUTCOMES];
	__u64 error[NEURON_NUM_ERRORS];
	struct neuron_stats_core core[NEURON_STATS_CORES];
	struct neuron_stats_model model[NEURON_STATS_MODELS];
	__u64 num_latencies;
	struct neuron_stats_latency latency[NEURON_STATS_LATENCIES];
};

#endif /* NEURON_STATS_H */
