// SPDX-License-Identifier: MIT
/*
 * What a job leaves on its core for the next one: which LOADs need not run again,
 * and which operands the kernels find as they were.
 */
#include <stdlib.h>
#include "qemu-device/chip/core.h"
#include "qemu-device/isa/isa_tables.h"

/* Bytes of SBUF or PSUM that something writes. */
struct range {
	uint64_t start;
	uint64_t end;
};

/* Ranges of a space, ascending and apart from each other once merged. */
struct ranges {
	struct range *range;
	size_t count;
};

bool resident_skips(const struct neuron_inst *inst)
{
	return inst->opcode == NEURON_OP_LOAD && inst->flags & NEURON_INST_RESIDENT;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void merge(struct ranges *ranges)
{
	size_t n = 0;

	qsort(ranges->range, ranges->count, sizeof(*ranges->range), by_start);
	for (size_t i = 0; i < ranges->count; i++) {
		const struct range next = ranges->range[i];
		struct range *last = n ? &ranges->range[n - 1] : NULL;

		if (!last || next.start > last->end)
			ranges->range[n++] = next;
		else if (next.end > last->end)
			last->end = next.end;
	}
	ranges->count = n;
}

static bool touches(const struct ranges *ranges, uint64_t start, uint64_t end)
{
	size_t low = 0, high = ranges->count;

	while (low < high) {	/* the first that ends behind @start */
		size_t middle = low + (high - low) / 2;

		if (ranges->range[middle].end <= start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < ranges->count && ranges->range[low].start < end;
}

/* The tensor of an operand that lies in the core's memories, or NULL. */
static const struct neuron_tensor *on_chip(const void *program,
					   const struct neuron_inst *inst, unsigned int k)
{
	const struct neuron_tensor *t;

	if (inst->operand[k] == NEURON_NO_TENSOR)
		return NULL;
	t = &neuron_program_tensors(program)[inst->operand[k]];
	return t->space == NEURON_SPACE_SLOT ? NULL : t;
}

/* What the program writes in each job that finds its resident tensors there. */
static void collect(const void *program, struct ranges *sbuf, struct ranges *psum)
{
	const struct neuron_inst *insts = neuron_program_insts(program);
	uint32_t n = neuron_program_header(program)->num_insts;

	for (uint32_t i = 0; i < n; i++) {
		const struct isa_opcode *opcode = &isa_opcodes[insts[i].opcode];

		if (resident_skips(&insts[i]))
			continue;
		for (unsigned int k = 0; k < opcode->num_operands; k++) {
			const struct neuron_tensor *t = on_chip(program, &insts[i], k);
			struct ranges *to;
			struct range *r;

			if (opcode->operands[k].direction != ISA_OUT || !t)
				continue;
			to = t->space == NEURON_SPACE_PSUM ? psum : sbuf;
			r = &to->range[to->count++];
			neuron_tensor_extent(t, &r->start, &r->end);
		}
	}
	merge(sbuf);
	merge(psum);
}

static uint8_t find_constant(const void *program, const struct neuron_inst *inst,
			     const struct ranges *sbuf, const struct ranges *psum)
{
	const struct isa_opcode *opcode = &isa_opcodes[inst->opcode];
	uint8_t constant = 0;

	for (unsigned int k = 0; k < opcode->num_operands; k++) {
		const struct neuron_tensor *t = on_chip(program, inst, k);
		uint64_t start, end;

		if (opcode->operands[k].direction == ISA_OUT || !t)
			continue;
		neuron_tensor_extent(t, &start, &end);
		if (!touches(t->space == NEURON_SPACE_PSUM ? psum : sbuf, start, end))
			constant |= 1u << k;
	}
	return constant;
}

bool resident_find(struct core_program *program)
{
	const struct neuron_inst *insts = neuron_program_insts(program->bytes);
	uint32_t n = neuron_program_header(program->bytes)->num_insts;
	struct ranges sbuf = { 0 }, psum = { 0 };

	for (uint32_t i = 0; i < n && !program->resident; i++)
		program->resident = resident_skips(&insts[i]);
	if (!program->resident)
		return true;

	/* An instruction writes one tensor. */
	sbuf.range = malloc(n * sizeof(*sbuf.range));
	psum.range = malloc(n * sizeof(*psum.range));
	program->constant = malloc(n);
	if (sbuf.range && psum.range && program->constant) {
		collect(program->bytes, &sbuf, &psum);
		for (uint32_t i = 0; i < n; i++)
			program->constant[i] = find_constant(program->bytes, &insts[i],
							     &sbuf, &psum);
	}
	free(sbuf.range);
	free(psum.range);
	return sbuf.range && psum.range && program->constant;
}

enum core_warmth resident_begin(struct core *core, const struct core_program *program,
				const struct neuron_sqe *sqe)
{
	const struct core_left left = core->left;

	core->left = (struct core_left) { 0 };
	if (!program || !program->resident || !sqe->exec.resident ||
	    left.program != program || left.resident != sqe->exec.resident ||
	    left.generation != core->q->current || !core->owned ||
	    core->owner != sqe->context)
		return CORE_COLD;
	return left.warmth == CORE_COLD ? CORE_WARM : CORE_SETTLED;
}

void resident_end(struct core *core, const struct core_program *program,
		  const struct neuron_sqe *sqe, enum core_warmth warmth)
{
	core->left = (struct core_left) {
		.program = program,
		.resident = sqe->exec.resident,
		.generation = core->q->current,
		.warmth = warmth,
	};
}
