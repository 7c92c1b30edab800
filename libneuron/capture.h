/* SPDX-License-Identifier: MIT */
/*
 * What goes on, recorded for profiles: capture.c collects it, capture_file.c writes it,
 * profile.c is the API. There may be several captures at once; each gets all that it
 * asks for. Where there is none it costs a load of a variable.
 */
#ifndef LIBNEURON_CAPTURE_H
#define LIBNEURON_CAPTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <neuron/profile.h>
#include "include/nrt/nrt_status.h"

struct nrt_model;
struct run;

/* Whose executions' instructions a capture keeps. */
enum capture_jobs {
	CAPTURE_NO_JOBS,
	CAPTURE_ALL_JOBS,
	CAPTURE_FIRST_JOBS,	/* of each model: its first execution */
	CAPTURE_LAST_JOBS,	/* of each core: what it executed last */
};

#define CAPTURE_ALL_CORES	UINT64_MAX

/**
 * struct capture_config - what to record
 * @jobs: see enum capture_jobs
 * @model: &nrt_model.id of the model whose jobs are kept; 0: those of all
 * @events: mask of enum neuron_profile_event_type
 * @max_events: so many of each core, and of what concerns no core
 * @skip: cores whose events are left out
 * @on_fail: executions that fail get a file of their own
 * @dir: folder of those files; the caller's for as long as the capture lives
 * @session: number in their names
 */
struct capture_config {
	enum capture_jobs jobs;
	uint64_t model;
	uint32_t events;
	uint64_t max_events;
	bool skip[256];
	bool on_fail;
	const char *dir;
	int session;
};

#define CAPTURE_ALL_EVENTS	((1u << NEURON_PROFILE_NUM_EVENTS) - 1)
#define CAPTURE_MAX_EVENTS	1000000

struct capture;

/* NULL without memory. */
struct capture *capture_begin(const struct capture_config *config);
/* Nothing is added any more; it can be written. */
void capture_end(struct capture *capture);
void capture_free(struct capture *capture);

/**
 * capture_write() - write all that there is
 * @path: the file; one that exists is replaced when all is written
 */
NRT_STATUS capture_write(struct capture *capture, const char *path);

/* Write the last execution on a core to a new file of that folder. */
NRT_STATUS capture_write_last(struct capture *capture, uint32_t vnc, const char *dir);

/**
 * struct capture_data - what a file is made of
 * @header: complete but for the sizes
 * @models: header.num_models of them
 * @events: header.num_events of them
 * @jobs: header.num_jobs of them
 * @records: by job: its records
 */
struct capture_data {
	struct neuron_profile_header header;
	const struct neuron_profile_model *models;
	const struct neuron_profile_event *events;
	struct neuron_profile_job *jobs;
	struct neuron_inst_record *const *records;
};

/* capture_file.c: 0 or an errno value; the folder exists. */
int capture_file_write(const char *path, struct capture_data *data);
/* The same to DIR/PREFIX_N.ntff, with the first N from 0 on that there is no file of. */
int capture_file_write_new(const char *dir, const char *prefix, struct capture_data *data);

extern atomic_uint capture_count;

/* Is anything recorded at all? */
static inline bool capturing(void)
{
	return atomic_load_explicit(&capture_count, memory_order_relaxed);
}

/* Does anybody want to know about this model's instructions? */
bool capture_wants_jobs(const struct nrt_model *model);

/**
 * capture_event() - something has ended
 * @type: what
 * @begin_ns: when it began
 * @model: that it concerns, or NULL
 * @vnc: core that it concerns, or NEURON_PROFILE_NONE
 * @bytes: that were moved
 * @status: how it ended
 */
void capture_event(enum neuron_profile_event_type type, int64_t begin_ns,
		   const struct nrt_model *model, uint32_t vnc, uint64_t bytes,
		   NRT_STATUS status);
/* The same for what ended at @end_ns, and moved nothing. */
void capture_event_until(enum neuron_profile_event_type type, int64_t begin_ns,
			 int64_t end_ns, const struct nrt_model *model, uint32_t vnc,
			 NRT_STATUS status);
/* The same for host step number @step. */
void capture_host_step(int64_t begin_ns, const struct nrt_model *model, uint32_t step,
		       NRT_STATUS status);

/* An execution of a chip program has ended; its reports and records are in @run. */
void capture_run(const struct nrt_model *model, const struct run *run, NRT_STATUS status);

/* profile.c: nrt_init() and nrt_close(). */
NRT_STATUS profile_init(void);
void profile_close(void);

/* In a child of fork(). */
void capture_forget(void);
void profile_forget(void);

#endif /* LIBNEURON_CAPTURE_H */
