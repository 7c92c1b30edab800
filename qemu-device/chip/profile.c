// SPDX-License-Identifier: MIT
/*
 * Records of a profiled job's instructions: when each ran, and what is odd in what
 * it wrote. Looking at every result costs time on the host, so that only jobs which
 * ask for it pay.
 */
#include <stdlib.h>
#include <string.h>
#include "qemu-device/chip/core.h"

enum neuron_fault_kind profile_begin(struct job *job, const struct core_program *program,
				     const struct neuron_sqe *sqe, __le64 *info)
{
	uint64_t n = neuron_program_header(program->bytes)->num_insts;
	enum neuron_fault_kind kind;

	/* Better now than after all the work. */
	kind = slot_check(job->core->q, sqe->exec.report_slot, sqe->exec.report_offset,
			  sizeof(struct neuron_report) + n * sizeof(*job->records),
			  NEURON_SLOT_WRITE, info);
	if (kind != NEURON_FAULT_NONE)
		return kind;
	job->records = calloc(n + 1, sizeof(*job->records));
	return job->records ? NEURON_FAULT_NONE : NEURON_FAULT_INTERNAL;
}

/* An element without its sign is infinite when it equals this, above it is NaN. */
static uint32_t infinity_of(unsigned int dtype)
{
	switch (dtype) {
	case NEURON_F32:
		return 0x7f800000;
	case NEURON_BF16:
		return 0x7f80;
	case NEURON_F16:
		return 0x7c00;
	}
	return 0;
}

static void count_row(struct neuron_inst_record *record, const char *data, bool wide,
		      uint32_t infinity, uint64_t n, int64_t step)
{
	for (uint64_t i = 0; i < n; i++, data += step) {
		uint16_t half;
		uint32_t bits;

		if (wide) {
			memcpy(&bits, data, sizeof(bits));
			bits &= 0x7fffffff;
		} else {
			memcpy(&half, data, sizeof(half));
			bits = half & 0x7fff;
		}
		record->nans += bits > infinity;
		record->infs += bits == infinity;
	}
}

static void count(const struct job *job, struct neuron_inst_record *record,
		  const struct neuron_tensor *t)
{
	int64_t size = neuron_dtype_size(t->dtype);
	uint32_t infinity = infinity_of(t->dtype);
	const char *data = core_memory(job->core, t);
	unsigned int outer = t->rank ? t->rank - 1 : 0;
	uint32_t index[NEURON_MAX_RANK] = { 0 };
	unsigned int i;

	if (!infinity)
		return;
	while (!queue_stale(job->core->q)) {
		count_row(record, data, size == sizeof(float), infinity,
			  t->rank ? t->dims[outer] : 1,
			  t->rank ? t->strides[outer] * size : 0);
		for (i = outer; i-- > 0; ) {
			data += t->strides[i] * size;
			if (++index[i] < t->dims[i])
				break;
			data -= t->dims[i] * (t->strides[i] * size);
			index[i] = 0;
		}
		if (i >= outer)	/* all have wrapped around */
			return;
	}
}

void profile_inst(struct job *job, uint32_t index, uint64_t saturations)
{
	struct neuron_inst_record *record = &job->records[index];
	const struct neuron_inst *inst = &job->insts[index];
	uint64_t nans = record->nans;

	record->saturations = saturations;
	record->end = 1;	/* it has run */
	if (inst->opcode == NEURON_OP_NOP)
		return;
	if (inst->opcode != NEURON_OP_STORE) {
		count(job, record, &job->tensors[inst->operand[0]]);
		return;
	}
	/* What left the chip has been counted; its NaNs may be injected ones. */
	count(job, record, &job->tensors[inst->operand[1]]);
	record->nans = nans;
}

void profile_end(struct job *job, const struct neuron_inst_time *times)
{
	uint32_t n = neuron_program_header(job->program->bytes)->num_insts;

	for (uint32_t i = 0; i < n; i++) {
		struct neuron_inst_record *record = &job->records[i];

		if (!record->end)
			continue;
		record->start = times[i].start;
		record->end = times[i].end;
		record->stall_sem = times[i].stall_sem;
	}
}
