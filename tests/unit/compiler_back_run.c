// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>
#include <neuron/neff.h>
#include <qemu-device/kernels/kernels.h>

#include "compiler_back_run.h"

struct machine {
	const struct neuron_tensor *tensors;
	const struct neuron_inst *insts;
	uint32_t num_insts;
	void *const *slots;
	const uint64_t *sizes;
	uint8_t *sbuf;
	uint8_t *psum;
	bool again;
	struct nk_ctx *ctx;
	uint64_t sems[NEURON_ISA_SEMAPHORES];
	uint32_t pc[NEURON_NUM_ENGINES];
};

static const char *execute(struct machine *m, const struct neuron_inst *inst)
{
	struct nk_view views[NEURON_MAX_OPERANDS] = { 0 };
	struct nk_stats stats = { 0 };
	uint64_t start, end, info;
	unsigned int i;

	/* It is still there. */
	if (m->again && inst->flags & NEURON_INST_RESIDENT)
		return NULL;
	for (i = 0; i < NEURON_MAX_OPERANDS; i++) {
		const struct neuron_tensor *tensor;
		uint8_t *base;

		if (inst->operand[i] == NEURON_NO_TENSOR)
			continue;
		tensor = &m->tensors[inst->operand[i]];
		views[i].desc = tensor;
		switch (tensor->space) {
		case NEURON_SPACE_SBUF:
			base = m->sbuf;
			break;
		case NEURON_SPACE_PSUM:
			base = m->psum;
			break;
		default:
			base = m->slots[tensor->slot];
			neuron_tensor_extent(tensor, &start, &end);
			if (end > m->sizes[tensor->slot])
				return "an access lies outside its slot";
			break;
		}
		views[i].data = base + tensor->offset;
	}
	if (inst->opcode == NEURON_OP_NOP)
		return NULL;
	switch (nk_execute(m->ctx, inst, views, NULL, NULL, &stats, &info)) {
	case NK_OK:
		return NULL;
	case NK_NO_MEMORY:
		return "a kernel has no memory";
	case NK_BAD_INDEX:
		return "an index lies outside";
	case NK_UNSUPPORTED:
		return "a kernel does not know its instruction";
	default:
		return "a kernel failed";
	}
}

/* The engine's next instruction; advances over those of others. */
static const struct neuron_inst *next_of(struct machine *m, unsigned int engine)
{
	while (m->pc[engine] < m->num_insts &&
	       m->insts[m->pc[engine]].engine != engine)
		m->pc[engine]++;
	return m->pc[engine] < m->num_insts ? &m->insts[m->pc[engine]] : NULL;
}

static bool ready(const struct machine *m, const struct neuron_inst *inst)
{
	unsigned int i;

	for (i = 0; i < NEURON_MAX_WAITS; i++)
		if (m->sems[inst->wait[i].sem] < inst->wait[i].value)
			return false;
	return true;
}

static const char *execute_by_lot(struct machine *m, uint64_t seed)
{
	for (;;) {
		const struct neuron_inst *inst;
		unsigned int i, at, tries, waiting = 0;
		const char *why;

		seed = seed * 6364136223846793005ull + 1442695040888963407ull;
		at = (seed >> 33) % NEURON_NUM_ENGINES;
		for (tries = 0; tries < NEURON_NUM_ENGINES; tries++) {
			inst = next_of(m, (at + tries) % NEURON_NUM_ENGINES);
			waiting += !!inst;
			if (inst && ready(m, inst))
				break;
			inst = NULL;
		}
		if (!inst)
			return waiting ? "every engine waits" : NULL;
		why = execute(m, inst);
		if (why)
			return why;
		for (i = 0; i < NEURON_MAX_SIGNALS; i++)
			m->sems[inst->signal[i].sem] += inst->signal[i].value;
		m->pc[inst->engine]++;
	}
}

static const char *execute_once(struct machine *m, uint64_t seed)
{
	const char *why = NULL;
	uint32_t i;

	memset(m->sems, 0, sizeof(m->sems));
	memset(m->pc, 0, sizeof(m->pc));
	if (seed)
		return execute_by_lot(m, seed);
	for (i = 0; !why && i < m->num_insts; i++)
		why = execute(m, &m->insts[i]);
	return why;
}

/* Its elements, and not what lies between them: that is others'. */
static void spoil_tensor(char *slot, const struct neuron_tensor *t, unsigned int dim,
			 int64_t at)
{
	const size_t size = neuron_dtype_size(t->dtype);
	uint32_t i;

	if (dim == t->rank) {
		memset(slot + t->offset + at * (int64_t)size, 0xee, size);
		return;
	}
	for (i = 0; i < t->dims[dim]; i++)
		spoil_tensor(slot, t, dim + 1, at + (int64_t)i * t->strides[dim]);
}

/* Whatever the program stored: it has to do so again. */
static void spoil_results(const struct machine *m)
{
	uint32_t i;

	for (i = 0; i < m->num_insts; i++) {
		const struct neuron_tensor *to;

		if (m->insts[i].opcode != NEURON_OP_STORE)
			continue;
		to = &m->tensors[m->insts[i].operand[0]];
		spoil_tensor(m->slots[to->slot], to, 0, 0);
	}
}

const char *run_program(const void *program, void *const *slots,
			const uint64_t *sizes, uint64_t seed, bool reference)
{
	const struct neuron_program_header *header = program;
	struct machine m = {
		.tensors = neuron_program_tensors(program),
		.insts = neuron_program_insts(program),
		.num_insts = header->num_insts,
		.slots = slots,
		.sizes = sizes,
	};
	const char *why = "no memory";

	m.sbuf = aligned_alloc(64, (header->sbuf_size + 64) & ~63u);
	m.psum = aligned_alloc(64, (header->psum_size + 64) & ~63u);
	m.ctx = nk_ctx_create(1, reference);
	if (m.sbuf && m.psum && m.ctx) {
		memset(m.sbuf, 0xff, header->sbuf_size);
		memset(m.psum, 0xff, header->psum_size);
		why = execute_once(&m, seed);
		if (!why) {
			spoil_results(&m);
			m.again = true;
			why = execute_once(&m, seed);
		}
	}
	free(m.sbuf);
	free(m.psum);
	nk_ctx_destroy(m.ctx);
	return why;
}

static const struct neuron_neff_section *
find_section(const struct neuron_neff_header *header, uint32_t type)
{
	const struct neuron_neff_section *sections = (const void *)(header + 1);
	uint32_t i;

	for (i = 0; i < header->num_sections; i++)
		if (sections[i].type == type)
			return &sections[i];
	return NULL;
}

const char *run_neff(const void *neff, const void *const *inputs,
		     void *const *outputs, uint64_t seed, bool reference)
{
	const struct neuron_neff_header *header = neff;
	const struct neuron_neff_section *sections = (const void *)(header + 1);
	const struct neuron_neff_section *slots_at, *weights_at;
	const struct neuron_neff_slot *slots;
	uint32_t i, n;
	void **memory;
	uint64_t *sizes;
	void *scratch = NULL, *handover = NULL;
	const char *why = NULL;

	slots_at = find_section(header, NEURON_NEFF_SLOTS);
	weights_at = find_section(header, NEURON_NEFF_WEIGHTS);
	slots = (const void *)((const char *)neff + slots_at->offset);
	n = slots_at->size / sizeof(*slots);
	memory = calloc(n, sizeof(*memory));
	sizes = calloc(n, sizeof(*sizes));
	if (!memory || !sizes)
		return "no memory";
	for (i = 0; i < n; i++) {
		sizes[i] = slots[i].size;
		switch (slots[i].kind) {
		case NEURON_NEFF_SLOT_WEIGHTS:
			memory[i] = (char *)neff + weights_at->offset;
			break;
		case NEURON_NEFF_SLOT_SCRATCH:
			scratch = malloc(sizes[i] + 1);
			memory[i] = scratch;
			if (scratch)
				memset(scratch, 0xff, sizes[i]);
			break;
		case NEURON_NEFF_SLOT_HANDOVER:
			handover = malloc(sizes[i] + 1);
			memory[i] = handover;
			if (handover)
				memset(handover, 0xff, sizes[i]);
			break;
		case NEURON_NEFF_SLOT_INPUT:
			memory[i] = (void *)inputs[slots[i].index];
			break;
		case NEURON_NEFF_SLOT_OUTPUT:
			memory[i] = outputs[slots[i].index -
					    header->num_inputs];
			break;
		default:
			break;
		}
	}
	for (i = 0; i < header->num_sections && !why; i++)
		if (sections[i].type == NEURON_NEFF_PROGRAM)
			why = run_program((const char *)neff + sections[i].offset,
					  memory, sizes, seed, reference);
	free(scratch);
	free(handover);
	free(memory);
	free(sizes);
	return why;
}
