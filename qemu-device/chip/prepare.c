// SPDX-License-Identifier: MIT
/*
 * Making a core ready for a program: what the first jobs would have to do in addition
 * to their work. The program has been checked by then. Here its resident tensors are
 * loaded, and the kernels plan its instructions and arrange their constant operands.
 */
#include <sys/mman.h>
#include "qemu-device/chip/core.h"

/* The host gives pages where they are first touched: not within a job. */
static void touch(struct core *core, const struct core_program *program)
{
#ifdef MADV_POPULATE_WRITE
	/* An old kernel refuses. The accumulators begin where the scratchpad ends. */
	madvise(core->sbuf, program->sbuf_high, MADV_POPULATE_WRITE);
	madvise(core->psum, program->psum_high, MADV_POPULATE_WRITE);
#endif
}

static enum neuron_fault_kind load_resident(struct job *job)
{
	uint32_t n = neuron_program_header(job->program->bytes)->num_insts;

	for (uint32_t i = 0; i < n; i++) {
		enum neuron_fault_kind kind;

		if (!resident_skips(&job->insts[i]))
			continue;
		if (queue_stale(job->core->q))
			return NEURON_FAULT_CANCELLED;
		kind = job_move(job, &job->insts[i]);
		if (kind == NEURON_FAULT_NONE)
			continue;
		job->fault.engine = job->insts[i].engine;
		job->fault.inst = i;
		return kind;
	}
	return NEURON_FAULT_NONE;
}

static enum neuron_fault_kind plan(struct job *job)
{
	uint32_t n = neuron_program_header(job->program->bytes)->num_insts;

	for (uint32_t i = 0; i < n; i++) {
		struct nk_view operands[NEURON_MAX_OPERANDS];
		const struct neuron_inst *inst = &job->insts[i];

		if (inst->opcode == NEURON_OP_NOP || inst->opcode == NEURON_OP_LOAD ||
		    inst->opcode == NEURON_OP_STORE)
			continue;
		if (queue_stale(job->core->q))
			return NEURON_FAULT_CANCELLED;
		job_views(job, inst, operands);
		/* What it does not manage, the instruction does when it is executed. */
		nk_prepare(job->core->nk, inst, operands, inst);
	}
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind job_prepare(struct job *job, const struct neuron_sqe *sqe)
{
	bool keeps = sqe->exec.resident && job->program->resident;
	enum neuron_fault_kind kind = NEURON_FAULT_NONE;

	touch(job->core, job->program);
	/* Whatever the core holds: a client may have changed its mind about it. */
	job->warmth = CORE_COLD;
	if (keeps)
		kind = load_resident(job);
	if (kind != NEURON_FAULT_NONE)
		return kind;

	/*
	 * Now every byte that only these loads write is what each job to come will
	 * see. For the next one the core is as a warm job has left it.
	 */
	job->warmth = keeps ? CORE_SETTLED : CORE_COLD;
	kind = plan(job);
	job->warmth = keeps ? CORE_WARM : CORE_COLD;
	return kind;
}
