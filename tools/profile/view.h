/* SPDX-License-Identifier: MIT */
/* A profile together with the model that was executed, and what can be said of both. */
#ifndef TOOLS_PROFILE_VIEW_H
#define TOOLS_PROFILE_VIEW_H

#include <stdio.h>
#include <libneuron/neff.h>
#include <neuron/isa.h>
#include <tools/common/profile.h>

/**
 * struct view_job - a job of the model
 * @job: from the profile
 * @records: of its instructions
 * @neff: the chip program's file: the model, or a part of it
 * @program: the core's program
 * @insts: its instructions: as many as @job->num_records
 * @warm: it found resident weights in the scratchpad, and did not load them
 * @start: on the one clock, in nanoseconds from the profile's begin
 * @end: the same
 */
struct view_job {
	const struct neuron_profile_job *job;
	const struct neuron_inst_record *records;
	const struct neff *neff;
	const void *program;
	const struct neuron_inst *insts;
	bool warm;
	double start;
	double end;
};

/* A stretch of the host's time in which a chip was at work, and what became of it. */
struct view_period {
	uint64_t host_begin;
	uint64_t host_end;
	double begin;
	double end;
};

/**
 * struct view - all of it
 * @profile: the session
 * @neff: the model
 * @parts: its chip programs, when it has steps
 * @model: number of the model in the profile
 * @num_jobs: entries of @jobs
 * @jobs: of the model, by submission; those that the chip has said nothing of are left
 *	  out
 * @others: jobs that were left out
 * @num_periods: entries of @periods
 * @periods: ascending
 */
struct view {
	struct profile profile;
	struct neff neff;
	struct neff parts[NEURON_NEFF_MAX_MODELS];
	uint32_t model;
	uint32_t num_jobs;
	struct view_job *jobs;
	uint32_t others;
	uint32_t num_periods;
	struct view_period *periods;
};

/**
 * view_open() - bring a profile and a model together
 * @view: filled in; release with view_close()
 * @session: bytes of the profile, which outlive @view
 * @session_size: number of them
 * @neff: bytes of the model's file, the same
 * @neff_size: number of them
 * @session_path: for messages
 * @neff_path: the same
 *
 * Return: false after a line on standard error.
 */
bool view_open(struct view *view, const void *session, size_t session_size, const void *neff,
	       size_t neff_size, const char *session_path, const char *neff_path);
void view_close(struct view *view);

/* Bytes that an instruction has moved. */
uint64_t view_bytes(const struct view_job *vj, uint32_t inst);
/* Nanoseconds that cycles take. */
double view_ns(const struct view *view, uint64_t cycles);

/*
 * timeline.c: find the one clock, and place the jobs on it.
 *
 * It is the host's, but for the time in which a core was at work: what computes the
 * chip may be slower than the chip, or faster. Each such period is stretched by the
 * least factor with which every job fits, for its modelled time, between its submission
 * and the moment at which the host saw its end, no core doing two things at once and no
 * stage beginning before those that it follows have ended.
 */
void view_find_clock(struct view *view);
/* Where a moment of the host is on it, in nanoseconds from the profile's begin. */
double view_host_time(const struct view *view, uint64_t ns);

/* summary.c: of each core's last job. */
void view_print_summary(FILE *file, const struct view *view);
void view_print_summary_json(FILE *file, const struct view *view);

/* trace.c: in the trace event format that ui.perfetto.dev opens. */
void view_print_trace(FILE *file, const struct view *view, bool flows);

#endif /* TOOLS_PROFILE_VIEW_H */
