// SPDX-License-Identifier: MIT
/*
 * What a job says when it has ended: what was counted, and what the timing model
 * says that it would have cost.
 */
#include <stdlib.h>
#include "qemu-device/chip/core.h"

/* A job that completed costs what its schedule says, which is known by now. */
static bool take_schedule(struct job *job, struct core_program *program)
{
	const struct neuron_report *timing;
	struct neuron_report *report = &job->report;

	timing = program_time(job->core, program, job->warmth != CORE_COLD);
	if (!timing)
		return false;
	report->cycles = timing->cycles;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		report->engine[e].busy = timing->engine[e].busy;
		report->engine[e].stall_sem = timing->engine[e].stall_sem;
		report->engine[e].stall_mem = timing->engine[e].stall_mem;
	}
	return true;
}

/* One that did not: what the engines had done by the time of the fault. */
static void take_until(struct job *job, const struct neuron_inst_time *times,
		       uint64_t cycles)
{
	job->report.cycles = cycles;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		struct neuron_engine_report *report = &job->report.engine[e];
		const uint32_t *indices = job->program->first[e];

		for (uint32_t i = 0; i < job->program->count[e]; i++) {
			const struct neuron_inst_time *t = &times[indices[i]];

			if (!t->end || t->start >= cycles)
				break;
			report->busy += (t->end < cycles ? t->end : cycles) - t->start;
			report->stall_sem += t->stall_sem;
		}
	}
}

enum neuron_fault_kind report_finish(struct job *job, struct core_program *program,
				     enum neuron_fault_kind kind)
{
	struct neuron_inst_time *times = NULL;
	struct neuron_report schedule;

	if (kind == NEURON_FAULT_NONE && !take_schedule(job, program))
		return NEURON_FAULT_INTERNAL;
	if (kind == NEURON_FAULT_NONE && !job->records)
		return kind;

	times = program_times(job->core, program, job->warmth != CORE_COLD, &schedule);
	if (!times)
		return kind == NEURON_FAULT_NONE ? NEURON_FAULT_INTERNAL : kind;
	/* An instruction that fails does so when it begins. */
	if (kind != NEURON_FAULT_NONE)
		take_until(job, times, job->fault.inst == NEURON_NO_INST ?
			   schedule.cycles : times[job->fault.inst].start);
	if (job->records)
		profile_end(job, times);
	free(times);
	return kind;
}

enum neuron_fault_kind report_write(struct job *job, const struct neuron_sqe *sqe,
				    enum neuron_fault_kind kind)
{
	uint32_t n = neuron_program_header(job->program->bytes)->num_insts;
	struct neuron_report *report = &job->report;
	uint64_t offset = sqe->exec.report_offset;
	struct queue *q = job->core->q;
	enum neuron_fault_kind failed;
	__le64 info;

	if (sqe->exec.report_slot == NEURON_SQE_NO_SLOT)
		return kind;
	report->version = NEURON_REPORT_VERSION;
	report->size = sizeof(*report);
	report->fault = job->fault;
	report->fault.kind = kind;
	report->macs = job->stats.macs;
	report->saturations = job->stats.saturations;
	report->sbuf_high = job->program->sbuf_high;
	report->psum_high = job->program->psum_high;
	failed = slot_write(q, sqe->exec.report_slot, offset, report, sizeof(*report),
			    &info);
	if (failed == NEURON_FAULT_NONE && job->records)
		failed = slot_write(q, sqe->exec.report_slot, offset + sizeof(*report),
				    job->records, n * sizeof(*job->records), &info);
	if (failed == NEURON_FAULT_NONE || kind != NEURON_FAULT_NONE)
		return failed == NEURON_FAULT_CANCELLED ? failed : kind;
	job->fault = (struct neuron_fault) {
		.engine = NEURON_NO_ENGINE,
		.operand = NEURON_NO_OPERAND,
		.inst = NEURON_NO_INST,
		.info = info,
	};
	return failed;
}
