// SPDX-License-Identifier: MIT
/*
 * Seeds for isa_fuzz and chip_fuzz: a small good program of each opcode, by
 * itself and as a job with all that belongs to it.
 *
 * Usage: seeds ISA_DIR CHIP_DIR
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/regs.h>
#include "tests/fuzz/chip_fuzz.h"
#include "tests/unit/program_builder.h"

static struct program p;

static void write_file(const char *dir, const char *name, const void *data, size_t size)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f)) {
		perror(path);
		exit(1);
	}
}

/* Load the inputs and store the output of the instruction to come. */
static uint16_t load(unsigned int dtype, uint64_t offset, unsigned int rank, uint32_t a,
		     uint32_t b, uint32_t c, uint32_t d)
{
	uint16_t to = pb_sbuf(&p, dtype, offset, rank, a, b, c, d);
	uint16_t from = pb_slot(&p, 1, dtype, offset, rank, a, b, c, d);
	struct neuron_inst *inst;

	inst = pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, to, from);
	pb_signal(inst, 0, 1);
	if (offset)	/* the second operand of those that have one */
		inst->flags = NEURON_INST_RESIDENT;
	return to;
}

static void store(uint16_t from, struct neuron_inst *inst)
{
	struct neuron_tensor *t = &p.tensor[from];
	uint16_t to = pb_slot(&p, 2, t->dtype, 0, t->rank, t->dims[0], t->dims[1],
			      t->dims[2], t->dims[3]);

	pb_wait(inst, 0, p.header.num_insts - 1);
	pb_signal(inst, 1, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, to, from), 1, 1);
}

static void build_matrix(unsigned int opcode)
{
	struct neuron_params_CONV *conv;
	struct neuron_inst *inst;
	uint16_t x, w, bias, out;

	if (opcode == NEURON_OP_MATMUL) {
		x = load(NEURON_BF16, 0, 2, 4, 16, 0, 0);
		w = load(NEURON_BF16, 4096, 2, 16, 8, 0, 0);
		bias = load(NEURON_F32, 8192, 1, 8, 0, 0, 0);
		out = pb_sbuf(&p, NEURON_F32, 16384, 2, 4, 8);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_PE, out, x, w, bias);
	} else {
		x = load(NEURON_I8, 0, 4, 1, 4, 6, 6);
		w = load(NEURON_I8, 4096, 4, 4, 2, 3, 3);
		out = pb_psum(&p, NEURON_I32, 0, 4, 1, 4, 6, 6);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_PE, out, x, w);
		conv = NEURON_PARAMS(CONV, inst);
		conv->groups = 2;
		for (int i = 0; i < 2; i++) {
			conv->stride[i] = 1;
			conv->dilation[i] = 1;
			conv->pad[i] = 1;
		}
	}
	store(out, inst);
}

static void build_vector(unsigned int opcode)
{
	static const struct {
		unsigned int opcode, engine, out, a, b, c;
	} types[] = {
		{ NEURON_OP_ACT, NEURON_ENGINE_ACT, NEURON_F32, NEURON_BF16 },
		{ NEURON_OP_COPY, NEURON_ENGINE_POOL, NEURON_I32, NEURON_I32 },
		{ NEURON_OP_QUANTIZE, NEURON_ENGINE_ACT, NEURON_U8, NEURON_F32,
		  NEURON_F32, NEURON_U8 },
		{ NEURON_OP_DEQUANTIZE, NEURON_ENGINE_ACT, NEURON_F32, NEURON_I8,
		  NEURON_F32, NEURON_I8 },
		{ NEURON_OP_ELTWISE, NEURON_ENGINE_POOL, NEURON_F32, NEURON_F32,
		  NEURON_F16 },
		{ NEURON_OP_SELECT, NEURON_ENGINE_POOL, NEURON_F32, NEURON_U8,
		  NEURON_F32, NEURON_F32 },
		{ NEURON_OP_SOFTMAX, NEURON_ENGINE_ACT, NEURON_F32, NEURON_F32 },
		{ NEURON_OP_NORM, NEURON_ENGINE_POOL, NEURON_F32, NEURON_F32,
		  NEURON_F32, NEURON_F32 },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		unsigned int n = opcode == NEURON_OP_ACT || opcode == NEURON_OP_COPY ||
				 opcode == NEURON_OP_SOFTMAX ? 1 :
				 opcode == NEURON_OP_ELTWISE ? 2 : 3;
		uint16_t op[4];
		struct neuron_inst *inst;

		if (types[i].opcode != opcode)
			continue;
		op[1] = load(types[i].a, 0, 2, 4, 8, 0, 0);
		op[2] = n > 1 ? load(types[i].b, 4096, 2, 4, 8, 0, 0) : 0;
		op[3] = n > 2 ? load(types[i].c, 8192, 2, 4, 8, 0, 0) : 0;
		op[0] = pb_sbuf(&p, types[i].out, 16384, 2, 4, 8);
		inst = pb_inst_n(&p, opcode, types[i].engine, n + 1, op);
		if (opcode == NEURON_OP_NORM)
			NEURON_PARAMS(NORM, inst)->axes = 2;
		store(op[0], inst);
	}
}

static void build_shaped(unsigned int opcode)
{
	struct neuron_params_POOL *pool;
	struct neuron_inst *inst;
	uint16_t in, index, out;

	switch (opcode) {
	case NEURON_OP_FILL:
		out = pb_sbuf(&p, NEURON_I8, 16384, 2, 4, 8);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_ACT, out);
		break;
	case NEURON_OP_REDUCE:
		in = load(NEURON_F32, 0, 2, 4, 8, 0, 0);
		out = pb_sbuf(&p, NEURON_F32, 16384, 2, 4, 1);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_POOL, out, in);
		NEURON_PARAMS(REDUCE, inst)->axes = 2;
		break;
	case NEURON_OP_GATHER:
		in = load(NEURON_F16, 0, 3, 2, 5, 4, 0);
		index = load(NEURON_I32, 4096, 1, 3, 0, 0, 0);
		out = pb_sbuf(&p, NEURON_F16, 16384, 3, 2, 3, 4);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_POOL, out, in, index);
		NEURON_PARAMS(GATHER, inst)->axis = 1;
		break;
	case NEURON_OP_SCATTER:
		in = load(NEURON_F16, 0, 3, 2, 5, 4, 0);
		index = load(NEURON_I32, 4096, 1, 3, 0, 0, 0);
		out = load(NEURON_F16, 8192, 3, 2, 3, 4, 0);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_POOL, in, in, index);
		inst->operand[3] = out;
		NEURON_PARAMS(SCATTER, inst)->axis = 1;
		NEURON_PARAMS(SCATTER, inst)->func = NEURON_SCATTER_ADD;
		out = in;
		break;
	default:
		in = load(NEURON_F32, 0, 4, 1, 2, 8, 8);
		out = pb_sbuf(&p, NEURON_F32, 16384, 4, 1, 2, 4, 8);
		inst = pb_inst(&p, opcode, NEURON_ENGINE_POOL, out, in);
		pool = NEURON_PARAMS(POOL, inst);
		for (int i = 0; i < 2; i++) {
			pool->kernel[i] = 3;
			pool->stride[i] = 2 - i;
			pool->dilation[i] = 1;
			pool->pad_lo[i] = 1;
			pool->pad_hi[i] = 1;
		}
		break;
	}
	store(out, inst);
}

static void build(unsigned int opcode)
{
	pb_init(&p);
	switch (opcode) {
	case NEURON_OP_NOP:
	case NEURON_OP_LOAD:
	case NEURON_OP_STORE:
		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++)
			pb_signal(pb_nop(&p, e), 0, 1);
		store(load(NEURON_I32, 64, 2, 8, 8, 0, 0), pb_nop(&p, 3));
		break;
	case NEURON_OP_MATMUL:
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		build_matrix(opcode);
		break;
	case NEURON_OP_FILL:
	case NEURON_OP_REDUCE:
	case NEURON_OP_POOL:
	case NEURON_OP_GATHER:
	case NEURON_OP_SCATTER:
		build_shaped(opcode);
		break;
	default:
		build_vector(opcode);
	}
	p.header.num_slots = 3;
	pb_finish(&p);
}

/* A job: slot table and page lists, EXEC, then COPY and FILL, then a reset. */
static void write_job(const char *dir, const char *name)
{
	static struct {
		struct fuzz_step_bytes step[40];
		uint8_t dram[65536];
	} file;
	struct neuron_slot slots[3] = {
		{ .addr = 0, .length = 65536, .flags = NEURON_SLOT_DRAM |
		  NEURON_SLOT_READ },
		{ .addr = 65536, .length = 65536, .flags = NEURON_SLOT_DRAM |
		  NEURON_SLOT_READ | NEURON_SLOT_WRITE },
		{ .addr = FUZZ_PAGES, .length = 16384, .offset = 4,
		  .flags = NEURON_SLOT_PAGES | NEURON_SLOT_READ | NEURON_SLOT_WRITE },
	};
	const uint64_t pages[5] = { 0x20000, 0x21000, 0x23000, 0x22000, 0x24000 };
	struct neuron_sqe sqe = {
		.opcode = NEURON_SQE_EXEC,
		.num_slots = 3,
		.slots = FUZZ_SLOTS,
		.context = 1,
		.exec = { .program_size = p.size, .report_slot = 2, .report_offset = 8192 },
	};
	struct fuzz_step_bytes *s = file.step;

	memset(&file, 0, sizeof(file));
	for (int i = 0; i < 3; i++, s++) {
		s->step = FUZZ_POKE;
		s->word[0] = FUZZ_SLOTS + 32 * i;
		memcpy(s->bytes + 8, &slots[i], 32);
	}
	s->step = FUZZ_POKE;
	s->word[0] = FUZZ_PAGES;
	memcpy(s->bytes + 8, pages, sizeof(pages));
	s++;
	for (int i = 0; i < 2; i++, s++) {
		s->step = FUZZ_SUBMIT;
		s->byte = i;
		memcpy(s->bytes, &sqe, sizeof(sqe));
	}
	s++->step = FUZZ_WAIT;
	/* Three that find what the one before has left, and say what they did. */
	sqe.flags = NEURON_SQE_PROFILE;
	sqe.exec.resident = 9;
	for (int i = 0; i < 3; i++, s++) {
		s->step = FUZZ_SUBMIT;
		s->byte = 0;
		memcpy(s->bytes, &sqe, sizeof(sqe));
	}
	s++->step = FUZZ_WAIT;
	sqe.flags = 0;
	sqe.opcode = NEURON_SQE_COPY;
	memset(&sqe.copy, 0, sizeof(sqe.copy));
	sqe.copy.src_slot = 1;
	sqe.copy.dst_slot = 2;
	sqe.copy.length = 10000;
	s->step = FUZZ_SUBMIT;
	s->byte = 2;
	memcpy(s++->bytes, &sqe, sizeof(sqe));
	sqe.opcode = NEURON_SQE_FILL;
	sqe.flags = NEURON_SQE_LATE_IRQ;
	memset(&sqe.fill, 0, sizeof(sqe.fill));
	sqe.fill.dst_slot = 1;
	sqe.fill.length = 65536;
	s->step = FUZZ_SUBMIT;
	s->byte = 2;
	memcpy(s++->bytes, &sqe, sizeof(sqe));
	s->step = FUZZ_WRITE;
	s->word[0] = NEURON_REG_CORE_RESET;
	s++->word[1] = 1;
	s++->step = FUZZ_WAIT;
	s++->step = FUZZ_RESET;
	s++->step = FUZZ_ENABLE;
	s++;	/* FUZZ_END */
	memcpy(s, p.bytes, p.size);
	write_file(dir, name, &file, (char *)s - (char *)&file + p.size);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: seeds ISA_DIR CHIP_DIR\n");
		return 2;
	}
	for (unsigned int op = 0; op < NEURON_NUM_OPCODES; op++) {
		struct neuron_fault fault;
		const char *why;

		build(op);
		if (!neuron_program_check(p.bytes, p.size, &fault, &why)) {
			fprintf(stderr, "seed of %s: %s\n", neuron_opcode_name(op), why);
			return 1;
		}
		write_file(argv[1], neuron_opcode_name(op), p.bytes, p.size);
		write_job(argv[2], neuron_opcode_name(op));
		pb_free(&p);
	}
	return 0;
}
