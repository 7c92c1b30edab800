// SPDX-License-Identifier: MIT
/* The matrix products that are measured, and programs that make them. */
#include <string.h>

#include "tests/bench/gemm.h"

const struct bench_gemm bench_gemms[BENCH_GEMMS] = {
	{ "GEMM fp32 128x768x768", NEURON_F32, 128, 768, 768 },
	{ "GEMM fp32 512x512x512", NEURON_F32, 512, 512, 512 },
	{ "GEMM bf16 128x768x768", NEURON_BF16, 128, 768, 768 },
	{ "GEMM bf16 512x512x512", NEURON_BF16, 512, 512, 512 },
	{ "GEMM int8 128x768x768", NEURON_I8, 128, 768, 768 },
	{ "GEMM int8 512x512x512", NEURON_I8, 512, 512, 512 },
};

static size_t element(const struct bench_gemm *gemm)
{
	return gemm->dtype == NEURON_F32 ? 4 : gemm->dtype == NEURON_BF16 ? 2 : 1;
}

size_t bench_gemm_bytes(const struct bench_gemm *gemm)
{
	return element(gemm) * gemm->k * ((size_t)gemm->m + gemm->n);
}

void bench_gemm_fill(const struct bench_gemm *gemm, void *data)
{
	size_t count = (size_t)gemm->k * ((size_t)gemm->m + gemm->n);

	for (size_t i = 0; i < count; i++) {
		int value = (int)(i * 31 % 17) - 8;
		float real = value / 8.0f;
		uint32_t bits;

		memcpy(&bits, &real, 4);
		if (gemm->dtype == NEURON_F32)
			((float *)data)[i] = real;
		else if (gemm->dtype == NEURON_BF16)
			((uint16_t *)data)[i] = bits >> 16;	/* exact for these */
		else
			((int8_t *)data)[i] = value;
	}
}

static struct neuron_inst *start(struct neuron_program_header *hdr, uint32_t num_tensors,
				 uint32_t num_insts)
{
	struct neuron_inst *inst;

	hdr->magic = NEURON_PROGRAM_MAGIC;
	hdr->version = NEURON_ISA_VERSION;
	hdr->header_size = sizeof(*hdr);
	hdr->num_tensors = num_tensors;
	hdr->num_insts = num_insts;
	hdr->tensors = sizeof(*hdr);
	hdr->insts = sizeof(*hdr) + num_tensors * sizeof(struct neuron_tensor);
	hdr->size = hdr->insts + num_insts * sizeof(*inst);
	inst = (void *)((char *)hdr + hdr->insts);
	for (uint32_t i = 0; i < num_insts; i++) {
		inst[i].version = NEURON_ISA_VERSION;
		memset(inst[i].operand, 0xff, sizeof(inst[i].operand));
	}
	return inst;
}

size_t bench_program_nop(void *buf)
{
	struct neuron_program_header *hdr = buf;

	memset(buf, 0, 4096);
	start(hdr, 0, 1)->engine = NEURON_ENGINE_POOL;
	hdr->num_slots = 1;
	return hdr->size;
}

static struct neuron_tensor matrix(enum neuron_space space, enum neuron_dtype dtype,
				   uint32_t rows, uint32_t columns, uint64_t offset)
{
	return (struct neuron_tensor) {
		.space = space,
		.dtype = dtype,
		.rank = 2,
		.slot = space == NEURON_SPACE_SLOT,
		.offset = offset,
		.dims = { rows, columns },
		.strides = { columns, 1 },
	};
}

size_t bench_program_gemm(void *buf, const struct bench_gemm *gemm, unsigned int times)
{
	struct neuron_program_header *hdr = buf;
	struct neuron_tensor *t = (void *)(hdr + 1);
	uint64_t b_at = element(gemm) * gemm->m * gemm->k;
	uint64_t out_at = (bench_gemm_bytes(gemm) + 63) / 64 * 64;
	struct neuron_inst *inst;

	memset(buf, 0, 16384);
	inst = start(hdr, 5, 2 + times);
	hdr->num_slots = 2;
	hdr->sbuf_size = out_at + 4ull * gemm->m * gemm->n;
	t[0] = matrix(NEURON_SPACE_SLOT, gemm->dtype, gemm->m, gemm->k, 0);
	t[1] = matrix(NEURON_SPACE_SLOT, gemm->dtype, gemm->k, gemm->n, b_at);
	t[2] = matrix(NEURON_SPACE_SBUF, gemm->dtype, gemm->m, gemm->k, 0);
	t[3] = matrix(NEURON_SPACE_SBUF, gemm->dtype, gemm->k, gemm->n, b_at);
	t[4] = matrix(NEURON_SPACE_SBUF, gemm->dtype == NEURON_I8 ? NEURON_I32 : NEURON_F32,
		      gemm->m, gemm->n, out_at);
	for (int i = 0; i < 2; i++) {
		inst[i].opcode = NEURON_OP_LOAD;
		inst[i].flags = NEURON_INST_RESIDENT;
		inst[i].engine = NEURON_ENGINE_DMA_IN;
		inst[i].operand[0] = 2 + i;
		inst[i].operand[1] = i;
		inst[i].signal[0].value = 1;
	}
	for (unsigned int i = 2; i < 2 + times; i++) {
		inst[i].opcode = NEURON_OP_MATMUL;
		inst[i].engine = NEURON_ENGINE_PE;
		inst[i].wait[0].value = 2;
		inst[i].operand[0] = 4;
		inst[i].operand[1] = 2;
		inst[i].operand[2] = 3;
	}
	return hdr->size;
}
