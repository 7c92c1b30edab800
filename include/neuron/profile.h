/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The profile file (.ntff) that libneuron writes and neuron-profile reads.
 *
 * A header, and behind it four arrays without gaps: models, events of the host, jobs
 * of the cores, and the records of the jobs' instructions. Little-endian. Version 1.
 * It shares only its suffix with the file of AWS's runtime.
 *
 * Times of the host are nanoseconds of CLOCK_MONOTONIC. Those of a job's instructions
 * are cycles of the chip's timing model, from the job's start: they are the same
 * whatever computes the chip, and however fast. What an instruction is, and to which
 * layer it belongs, is in the model's .neff.
 */
#ifndef NEURON_PROFILE_H
#define NEURON_PROFILE_H

#include <stdint.h>
#include "report.h"

#define NEURON_PROFILE_MAGIC	"N0CNTFF\n"
#define NEURON_PROFILE_VERSION	1
#define NEURON_PROFILE_NONE	0xffffffffu	/* no model, no core */

/**
 * struct neuron_profile_header - start of the file, 128 bytes
 * @magic: NEURON_PROFILE_MAGIC, not terminated
 * @version: NEURON_PROFILE_VERSION
 * @header_size: bytes of this structure
 * @file_size: bytes of the whole file
 * @num_models: entries of the models' array
 * @num_jobs: entries of the jobs' array
 * @num_events: entries of the events' array
 * @num_records: entries of the records' array
 * @dropped_events: events for which there was no room
 * @dropped_jobs: the same of jobs
 * @begin_ns: when recording began
 * @end_ns: when it ended
 * @begin_unix_ns: CLOCK_REALTIME at @begin_ns
 * @clock_khz: of the cores: how long a cycle is
 * @pid: of the process
 * @backend: "drm" or "sim", NUL-terminated
 */
struct neuron_profile_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t header_size;
	uint64_t file_size;
	uint32_t num_models;
	uint32_t num_jobs;
	uint64_t num_events;
	uint64_t num_records;
	uint64_t dropped_events;
	uint64_t dropped_jobs;
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t begin_unix_ns;
	uint32_t clock_khz;
	uint32_t pid;
	char backend[8];
	uint8_t reserved[24];
};

/**
 * struct neuron_profile_model - a model that was executed
 * @uuid: of its .neff
 * @name: the same, NUL-terminated
 */
struct neuron_profile_model {
	uint8_t uuid[16];
	char name[256];
};

/*
 * What the host did. X(NAME, value, text)
 *
 * The text is what nrt_inspect_config_set_capture_enabled_for_event_type_string()
 * takes. Those from PREPARE on are parts of an EXECUTE of the same thread.
 */
#define NEURON_PROFILE_EVENTS(X)                                               \
	X(LOAD,            0, "nrt_load")                                      \
	X(UNLOAD,          1, "nrt_unload")                                    \
	X(EXECUTE,         2, "nrt_execute")                                   \
	X(TENSOR_READ,     3, "nrt_tensor_read")                               \
	X(TENSOR_WRITE,    4, "nrt_tensor_write")                              \
	X(TENSOR_COPY,     5, "nrt_tensor_copy")                               \
	X(TENSOR_MEMSET,   6, "nrt_tensor_memset")                             \
	X(TENSOR_ALLOCATE, 7, "nrt_tensor_allocate")                           \
	X(PREPARE,         8, "prepare")                                       \
	X(SUBMIT,          9, "submit")                                        \
	X(WAIT,           10, "wait_for_chip")                                 \
	X(FINISH,         11, "finish")                                        \
	X(HOST_STEP,      12, "host_step")

enum neuron_profile_event_type {
#define X(name, value, text) NEURON_PROFILE_##name = value,
	NEURON_PROFILE_EVENTS(X)
#undef X
	NEURON_PROFILE_NUM_EVENTS
};

/**
 * struct neuron_profile_event - something that the host did
 * @begin_ns: when it began
 * @end_ns: when it ended
 * @bytes: moved or allocated, 0 where nothing is
 * @type: enum neuron_profile_event_type
 * @thread: number of the thread
 * @vnc: the process's core that it concerns, or NEURON_PROFILE_NONE
 * @model: index of the model, or NEURON_PROFILE_NONE
 * @status: NRT_STATUS
 * @step: HOST_STEP: of the model's steps
 */
struct neuron_profile_event {
	uint64_t begin_ns;
	uint64_t end_ns;
	uint64_t bytes;
	uint32_t type;
	uint32_t thread;
	uint32_t vnc;
	uint32_t model;
	uint32_t status;
	uint32_t step;
};

/**
 * struct neuron_profile_job - a program that a core was given
 * @submit_ns: when the host submitted it
 * @done_ns: when the host saw that it had ended
 * @execution: jobs of one execution of one chip program have the same number
 * @first_record: of its instructions, one each; those with an end of 0 did not run
 * @num_records: number of them; 0: the chip could not say anything
 * @model: index of the model
 * @program: of a model with steps: its chip program; else 0
 * @core: core of that program
 * @stage: of that core
 * @vnc: the process's core that it ran on
 * @device: number of that core's device
 * @device_core: the core's number there
 * @status: NRT_STATUS of the execution
 * @reserved: zero
 * @report: what the chip said at its end
 */
struct neuron_profile_job {
	uint64_t submit_ns;
	uint64_t done_ns;
	uint64_t execution;
	uint64_t first_record;
	uint32_t num_records;
	uint32_t model;
	uint32_t program;
	uint32_t core;
	uint32_t stage;
	uint32_t vnc;
	uint32_t device;
	uint32_t device_core;
	uint32_t status;
	uint32_t reserved;
	struct neuron_report report;
};

_Static_assert(sizeof(struct neuron_profile_header) == 128, "layout");
_Static_assert(sizeof(struct neuron_profile_model) == 272, "layout");
_Static_assert(sizeof(struct neuron_profile_event) == 48, "layout");
_Static_assert(sizeof(struct neuron_profile_job) == 584, "layout");

#endif /* NEURON_PROFILE_H */
