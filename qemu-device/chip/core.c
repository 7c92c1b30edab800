// SPDX-License-Identifier: MIT
/*
 * A core runs a job: EXEC.
 *
 * The engines are run one after the other, in a fixed order, each as far as its
 * semaphores let it, until all have ended or none can go on. Which results a
 * program gives therefore never depends on time, threads or load; how long the
 * chip would have taken is computed apart, by the timing model.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "qemu-device/chip/core.h"
#include "qemu-device/isa/isa_tables.h"

/* Vector kernels may read a little past the end of an operand. */
#define SLACK	NEURON_PAGE_SIZE

/* Bytes from which on a copy is worth several threads. */
#define LARGE_LOAD	(64u << 10)

struct core *core_create(struct neuron_chip *chip, struct queue *q)
{
	struct core *core = calloc(1, sizeof(*core));
	void *memory;

	if (!core)
		return NULL;
	core->chip = chip;
	core->q = q;
	core->mapped = (size_t)chip->config.sbuf_size + chip->config.psum_size + SLACK;
	memory = mmap(NULL, core->mapped, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED) {
		free(core);
		return NULL;
	}
	core->sbuf = memory;
	core->psum = core->sbuf + chip->config.sbuf_size;
	return core;
}

void core_destroy(struct core *core)
{
	if (!core)
		return;
	programs_free(core);
	if (core->nk)
		nk_ctx_destroy(core->nk);
	munmap(core->sbuf, core->mapped);
	free(core);
}

void core_cancel(struct core *core, bool cancel)
{
	__atomic_store_n(&core->cancel, cancel, __ATOMIC_RELAXED);
}

bool core_dirty(const struct core *core)
{
	return core->sbuf_high || core->psum_high;
}

static void set_high(struct core *core, uint32_t sbuf, uint32_t psum)
{
	pthread_mutex_lock(&core->chip->lock);
	core->sbuf_high = sbuf;
	core->psum_high = psum;
	pthread_mutex_unlock(&core->chip->lock);
}

void core_clear(struct core *core)
{
	memset(core->sbuf, 0, core->sbuf_high);
	memset(core->psum, 0, core->psum_high);
	set_high(core, 0, 0);
	core->owned = false;
	core->left = (struct core_left) { 0 };
}

/* The scratchpad belongs to @context now; a stranger's data goes first. */
static void own(struct core *core, uint64_t context,
		const struct core_program *program)
{
	uint32_t sbuf = program->sbuf_high, psum = program->psum_high;

	if (!core->owned || core->owner != context)
		core_clear(core);
	core->owned = true;
	core->owner = context;
	if (sbuf > core->sbuf_high || psum > core->psum_high)
		set_high(core, sbuf > core->sbuf_high ? sbuf : core->sbuf_high,
			 psum > core->psum_high ? psum : core->psum_high);
}

static uint64_t slot_bytes(const struct neuron_tensor *t)
{
	uint64_t n = neuron_dtype_size(t->dtype);

	for (unsigned int i = 0; i < t->rank; i++)
		n *= t->dims[i];
	return n;
}

/*
 * A large LOAD that only copies, out of DRAM: the kernels share it out among the host's
 * threads. False: move_load() has to do it, or to say what is wrong.
 */
static bool load_together(struct job *job, const struct neuron_inst *inst)
{
	const struct neuron_tensor *out = &job->tensors[inst->operand[0]];
	const struct neuron_tensor *in = &job->tensors[inst->operand[1]];
	struct nk_view views[NEURON_MAX_OPERANDS] = { { .desc = out }, { .desc = in } };
	struct core *core = job->core;
	struct nk_stats unused = { 0 };
	enum nk_status status;
	uint64_t start, end;
	__le64 info;
	char *dram;

	if (!core->nk || out->dtype != in->dtype || slot_bytes(in) < LARGE_LOAD ||
	    !neuron_tensor_extent(in, &start, &end) ||
	    slot_check(core->q, in->slot, start, end - start, NEURON_SLOT_READ, &info) !=
	    NEURON_FAULT_NONE || !slot_is_dram(core->q, in->slot))
		return false;
	dram = dram_borrow(core->q, core->q->work->slot[in->slot].addr);
	if (!dram)
		return false;
	views[0].data = core_memory(core, out);
	views[1].data = dram + in->offset;
	status = nk_execute(core->nk, inst, views, inst, &core->cancel, &unused, &start);
	dram_return(core->q);
	return status == NK_OK;
}

enum neuron_fault_kind job_move(struct job *job, const struct neuron_inst *inst)
{
	const struct neuron_tensor *out = &job->tensors[inst->operand[0]];
	const struct neuron_tensor *in = &job->tensors[inst->operand[1]];
	struct core *core = job->core;
	struct move_result result = { 0 };
	enum neuron_fault_kind kind = NEURON_FAULT_NONE;
	bool dram;

	if (inst->opcode == NEURON_OP_LOAD) {
		if (job->warmth != CORE_COLD && resident_skips(inst))
			return NEURON_FAULT_NONE;
		if (!load_together(job, inst))
			kind = move_load(core->q, out, core_memory(core, out), in, &result);
		dram = slot_is_dram(core->q, in->slot);
		*(dram ? &job->report.bytes_dram_in : &job->report.bytes_host_in) +=
			kind == NEURON_FAULT_NONE ? slot_bytes(in) : 0;
	} else {
		bool nan = ((NEURON_D_FLOAT >> out->dtype) & 1) &&
			   inject_strikes(core->chip, core->q->index,
					  NEURON_INJECT_RETURN_NAN, NULL);

		kind = move_store(core->q, out, in, core_memory(core, in), nan,
				  &result);
		dram = slot_is_dram(core->q, out->slot);
		*(dram ? &job->report.bytes_dram_out : &job->report.bytes_host_out) +=
			kind == NEURON_FAULT_NONE ? slot_bytes(out) : 0;
	}
	job->stats.saturations += result.saturations;
	job->report.nans += result.nans;	/* not those that kernels saw */
	job->report.infs += result.infs;
	if (job->records)
		job->records[inst - job->insts].nans = result.nans;
	if (kind != NEURON_FAULT_NONE) {
		job->fault.operand = result.operand;
		job->fault.info = result.info;
	}
	return kind;
}

void job_views(const struct job *job, const struct neuron_inst *inst,
	       struct nk_view views[NEURON_MAX_OPERANDS])
{
	uint8_t constant = 0;

	if (job->warmth == CORE_SETTLED)
		constant = job->program->constant[inst - job->insts];
	for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++) {
		views[k] = (struct nk_view) { 0 };
		if (inst->operand[k] == NEURON_NO_TENSOR)
			continue;
		views[k].desc = &job->tensors[inst->operand[k]];
		views[k].data = core_memory(job->core, views[k].desc);
		views[k].constant = constant >> k & 1;
	}
}

static enum neuron_fault_kind run_kernel(struct job *job, const struct neuron_inst *inst)
{
	struct nk_view operands[NEURON_MAX_OPERANDS];
	struct core *core = job->core;
	uint64_t info = 0;

	job_views(job, inst, operands);
	switch (nk_execute(core->nk, inst, operands, inst, &core->cancel, &job->stats,
			   &info)) {
	case NK_OK:
		return NEURON_FAULT_NONE;
	case NK_CANCELLED:
		return NEURON_FAULT_CANCELLED;
	case NK_BAD_INDEX:
		job->fault.operand = 2;
		job->fault.info = info * sizeof(int32_t);
		return NEURON_FAULT_OUT_OF_BOUNDS;
	case NK_UNSUPPORTED:
		return NEURON_FAULT_BAD_INST;
	default:
		return NEURON_FAULT_INTERNAL;
	}
}

/* The first semaphore that keeps an instruction from starting, or NULL. */
static const struct neuron_sem_op *blocked(const struct job *job,
					   const struct neuron_inst *inst)
{
	for (unsigned int i = 0; i < NEURON_MAX_WAITS; i++)
		if (job->sem[inst->wait[i].sem] < inst->wait[i].value)
			return &inst->wait[i];
	return NULL;
}

/* An injected fault may have damaged what the instruction is about to read. */
static enum neuron_fault_kind check_scratchpad(struct job *job, const struct neuron_inst *inst)
{
	const struct isa_opcode *opcode = &isa_opcodes[inst->opcode];

	if (!__atomic_load_n(&job->core->chip->armed, __ATOMIC_ACQUIRE))
		return NEURON_FAULT_NONE;
	for (unsigned int k = 0; k < opcode->num_operands; k++) {
		const struct neuron_tensor *t;
		uint64_t start, end, damaged;

		if (opcode->operands[k].direction == ISA_OUT ||
		    inst->operand[k] == NEURON_NO_TENSOR)
			continue;
		t = &job->tensors[inst->operand[k]];
		if (t->space != NEURON_SPACE_SBUF || !neuron_tensor_extent(t, &start, &end) ||
		    !ecc_strikes_sbuf(job->core->q, start, end - start, &damaged))
			continue;
		job->fault.operand = k;
		job->fault.info = damaged;
		return NEURON_FAULT_SBUF_ECC;
	}
	return NEURON_FAULT_NONE;
}

static enum neuron_fault_kind run_inst(struct job *job, unsigned int engine,
				       uint32_t index)
{
	const struct neuron_inst *inst = &job->insts[index];
	enum neuron_fault_kind kind = check_scratchpad(job, inst);
	uint64_t saturations = job->stats.saturations;

	if (queue_stale(job->core->q))
		return NEURON_FAULT_CANCELLED;
	if (kind == NEURON_FAULT_NONE && inst->opcode != NEURON_OP_NOP)
		kind = inst->opcode == NEURON_OP_LOAD || inst->opcode == NEURON_OP_STORE ?
		       job_move(job, inst) : run_kernel(job, inst);
	if (kind != NEURON_FAULT_NONE) {
		job->fault.engine = engine;
		job->fault.inst = index;
		return kind;
	}
	if (job->records)
		profile_inst(job, index, job->stats.saturations - saturations);
	for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++)
		job->sem[inst->signal[i].sem] += inst->signal[i].value;
	job->report.engine[engine].insts++;
	return NEURON_FAULT_NONE;
}

/* Run an engine until it ends, waits or fails; *progress: it did something. */
static enum neuron_fault_kind run_engine(struct job *job, unsigned int engine,
					 bool *progress)
{
	const uint32_t *indices = job->program->first[engine];
	uint32_t count = job->program->count[engine];

	for (; job->next[engine] < count; job->next[engine]++) {
		uint32_t index = indices[job->next[engine]];
		enum neuron_fault_kind kind;

		if (blocked(job, &job->insts[index]))
			break;
		kind = run_inst(job, engine, index);
		if (kind != NEURON_FAULT_NONE)
			return kind;
		*progress = true;
	}
	return NEURON_FAULT_NONE;
}

/* Where each engine stands, and for a deadlock what it waits for. */
static uint32_t note_positions(struct job *job)
{
	uint32_t waiting = 0;

	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
		struct neuron_engine_report *report = &job->report.engine[e];
		const struct neuron_sem_op *wait;

		if (job->next[e] == job->program->count[e]) {
			report->pc = neuron_program_header(job->program->bytes)->num_insts;
			continue;
		}
		report->pc = job->program->first[e][job->next[e]];
		wait = blocked(job, &job->insts[report->pc]);
		if (!wait)
			continue;
		waiting |= 1u << e;
		report->wait_sem = wait->sem;
		report->wait_value = wait->value;
		report->sem_value = job->sem[wait->sem];
	}
	return waiting;
}

static enum neuron_fault_kind run_job(struct job *job)
{
	bool progress;

	do {
		progress = false;
		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
			enum neuron_fault_kind kind;

			kind = run_engine(job, e, &progress);
			if (kind != NEURON_FAULT_NONE) {
				note_positions(job);
				return kind;
			}
		}
	} while (progress);

	job->fault.info = note_positions(job);
	return job->fault.info ? NEURON_FAULT_DEADLOCK : NEURON_FAULT_NONE;
}

/* Kernels of all cores share the host threads. */
static bool enter_kernels(struct core *core)
{
	struct neuron_chip *chip = core->chip;
	unsigned int threads;

	pthread_mutex_lock(&chip->lock);
	threads = chip->config.threads / ++chip->running_cores;
	pthread_mutex_unlock(&chip->lock);
	if (!threads)
		threads = 1;
	if (core->nk)
		nk_ctx_threads(core->nk, threads);
	else
		core->nk = nk_ctx_create(threads, chip->config.reference);
	return core->nk;
}

static void leave_kernels(struct core *core)
{
	pthread_mutex_lock(&core->chip->lock);
	core->chip->running_cores--;
	pthread_mutex_unlock(&core->chip->lock);
}

static enum neuron_fault_kind check_entry(const struct neuron_sqe *sqe, __le64 *info)
{
	if (sqe->exec.program_slot >= sqe->num_slots) {
		*info = offsetof(struct neuron_sqe, exec.program_slot);
		return NEURON_FAULT_BAD_DESCRIPTOR;
	}
	if (sqe->exec.program_size < sizeof(struct neuron_program_header) ||
	    sqe->exec.program_size > NEURON_MAX_PROGRAM_SIZE) {
		*info = offsetof(struct neuron_sqe, exec.program_size);
		return NEURON_FAULT_BAD_DESCRIPTOR;
	}
	if (sqe->flags & NEURON_SQE_PREPARE ? sqe->exec.report_slot != NEURON_SQE_NO_SLOT :
	    sqe->exec.report_slot >= sqe->num_slots &&
	    (sqe->exec.report_slot != NEURON_SQE_NO_SLOT ||
	     sqe->flags & NEURON_SQE_PROFILE)) {
		*info = offsetof(struct neuron_sqe, exec.report_slot);
		return NEURON_FAULT_BAD_DESCRIPTOR;
	}
	return NEURON_FAULT_NONE;
}

enum neuron_fault_kind core_exec(struct core *core, const struct neuron_sqe *sqe,
				 struct neuron_cqe *cqe)
{
	struct core_program *program = NULL;
	struct job job = { .core = core, .fault = cqe->fault };
	bool prepare = sqe->flags & NEURON_SQE_PREPARE;
	enum neuron_fault_kind kind;

	kind = check_entry(sqe, &cqe->fault.info);
	if (kind == NEURON_FAULT_NONE)
		kind = program_get(core, sqe, &cqe->fault, &program);
	if (kind == NEURON_FAULT_NONE && sqe->flags & NEURON_SQE_PROFILE)
		kind = profile_begin(&job, program, sqe, &cqe->fault.info);
	job.warmth = resident_begin(core, kind == NEURON_FAULT_NONE ? program : NULL, sqe);
	if (kind != NEURON_FAULT_NONE)
		return kind;
	if (inject_strikes(core->chip, core->q->index, NEURON_INJECT_HANG_CORE, NULL)) {
		queue_park(core->q, 0);
		free(job.records);
		return NEURON_FAULT_CANCELLED;
	}

	own(core, sqe->context, program);
	job.program = program;
	job.insts = neuron_program_insts(program->bytes);
	job.tensors = neuron_program_tensors(program->bytes);
	job.fault.info = 0;
	kind = NEURON_FAULT_INTERNAL;
	if (enter_kernels(core))
		kind = prepare ? job_prepare(&job, sqe) : run_job(&job);
	leave_kernels(core);
	if (kind != NEURON_FAULT_CANCELLED && !prepare)
		kind = report_finish(&job, program, kind);
	if (kind != NEURON_FAULT_CANCELLED)
		kind = report_write(&job, sqe, kind);
	if (kind == NEURON_FAULT_NONE)
		resident_end(core, program, sqe, job.warmth);
	free(job.records);
	/* What was damaged is written anew, as everything that is cleared is. */
	if (kind == NEURON_FAULT_SBUF_ECC)
		core_clear(core);

	cqe->fault = job.fault;
	cqe->cycles = job.report.cycles;
	for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++)
		if (job.report.engine[e].busy > cqe->busy)
			cqe->busy = job.report.engine[e].busy;
	return kind;
}
