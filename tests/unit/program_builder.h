/* SPDX-License-Identifier: MIT */
/*
 * Programs for tests, built piece by piece.
 *
 *	struct program p;
 *
 *	pb_init(&p);
 *	a = pb_sbuf(&p, NEURON_F32, 0x0, 2, 4, 8);
 *	b = pb_slot(&p, 0, NEURON_F32, 0x0, 2, 4, 8);
 *	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, b);
 *	pb_finish(&p);
 *
 * Tensors are dense unless a test changes their strides. p.bytes and p.size are
 * the program; tests may break it as they like.
 */
#ifndef TESTS_PROGRAM_BUILDER_H
#define TESTS_PROGRAM_BUILDER_H

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>

#define PB_MAX_TENSORS	64
#define PB_MAX_INSTS	256

struct program {
	struct neuron_program_header header;
	struct neuron_tensor tensor[PB_MAX_TENSORS];
	struct neuron_inst inst[PB_MAX_INSTS];
	void *bytes;
	size_t size;
};

static inline void pb_init(struct program *p)
{
	memset(p, 0, sizeof(*p));
	p->header = (struct neuron_program_header) {
		.magic = NEURON_PROGRAM_MAGIC,
		.version = NEURON_ISA_VERSION,
		.header_size = sizeof(p->header),
		.num_slots = 4,
		.sbuf_size = 64 << 10,
		.psum_size = 16 << 10,
	};
}

static inline uint16_t pb_tensor_v(struct program *p, unsigned int space,
				   unsigned int slot, unsigned int dtype,
				   uint64_t offset, unsigned int rank, va_list dims)
{
	uint16_t index = p->header.num_tensors++;
	struct neuron_tensor *t = &p->tensor[index];
	int32_t stride = 1;

	if (index >= PB_MAX_TENSORS)
		abort();
	t->space = space;
	t->slot = slot;
	t->dtype = dtype;
	t->rank = rank;
	t->offset = offset;
	for (unsigned int i = 0; i < rank; i++)
		t->dims[i] = va_arg(dims, unsigned int);
	for (unsigned int i = rank; i-- > 0; ) {
		t->strides[i] = stride;
		stride *= t->dims[i];
	}
	return index;
}

static inline uint16_t pb_sbuf(struct program *p, unsigned int dtype, uint64_t offset,
			       unsigned int rank, ...)
{
	uint16_t index;
	va_list dims;

	va_start(dims, rank);
	index = pb_tensor_v(p, NEURON_SPACE_SBUF, 0, dtype, offset, rank, dims);
	va_end(dims);
	return index;
}

static inline uint16_t pb_psum(struct program *p, unsigned int dtype, uint64_t offset,
			       unsigned int rank, ...)
{
	uint16_t index;
	va_list dims;

	va_start(dims, rank);
	index = pb_tensor_v(p, NEURON_SPACE_PSUM, 0, dtype, offset, rank, dims);
	va_end(dims);
	return index;
}

static inline uint16_t pb_slot(struct program *p, unsigned int slot, unsigned int dtype,
			       uint64_t offset, unsigned int rank, ...)
{
	uint16_t index;
	va_list dims;

	va_start(dims, rank);
	index = pb_tensor_v(p, NEURON_SPACE_SLOT, slot, dtype, offset, rank, dims);
	va_end(dims);
	return index;
}

static inline struct neuron_inst *pb_inst_n(struct program *p, unsigned int opcode,
					    unsigned int engine, unsigned int count,
					    const uint16_t *operands)
{
	struct neuron_inst *inst = &p->inst[p->header.num_insts++];

	if (p->header.num_insts > PB_MAX_INSTS)
		abort();
	inst->opcode = opcode;
	inst->engine = engine;
	inst->version = NEURON_ISA_VERSION;
	for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++)
		inst->operand[k] = k < count ? operands[k] : NEURON_NO_TENSOR;
	return inst;
}

/* An instruction with the operands named last. */
#define pb_inst(p, opcode, engine, ...)						\
	pb_inst_n(p, opcode, engine,						\
		  sizeof((uint16_t[]){ __VA_ARGS__ }) / sizeof(uint16_t),	\
		  (uint16_t[]){ __VA_ARGS__ })

static inline struct neuron_inst *pb_nop(struct program *p, unsigned int engine)
{
	return pb_inst_n(p, NEURON_OP_NOP, engine, 0, NULL);
}

static inline void pb_wait(struct neuron_inst *inst, unsigned int sem, uint32_t value)
{
	unsigned int i = inst->wait[0].value ? 1 : 0;

	inst->wait[i].sem = sem;
	inst->wait[i].value = value;
}

static inline void pb_signal(struct neuron_inst *inst, unsigned int sem, uint32_t value)
{
	unsigned int i = inst->signal[0].value ? 1 : 0;

	inst->signal[i].sem = sem;
	inst->signal[i].value = value;
}

/* Lay the program out. May be called again after changes. */
static inline void pb_finish(struct program *p)
{
	size_t tensors = p->header.num_tensors * sizeof(p->tensor[0]);
	size_t insts = p->header.num_insts * sizeof(p->inst[0]);

	free(p->bytes);
	p->size = sizeof(p->header) + tensors + insts;
	p->header.size = p->size;
	p->header.tensors = sizeof(p->header);
	p->header.insts = sizeof(p->header) + tensors;
	p->bytes = malloc(p->size);
	if (!p->bytes)
		abort();
	memcpy(p->bytes, &p->header, sizeof(p->header));
	memcpy((char *)p->bytes + p->header.tensors, p->tensor, tensors);
	memcpy((char *)p->bytes + p->header.insts, p->inst, insts);
}

static inline void pb_free(struct program *p)
{
	free(p->bytes);
	p->bytes = NULL;
}

#endif /* TESTS_PROGRAM_BUILDER_H */
