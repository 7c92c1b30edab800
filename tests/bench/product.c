// SPDX-License-Identifier: MIT
/* The products and convolutions that are measured, and programs that make them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/product.h"

#define F32	NEURON_F32, NEURON_F32, NEURON_F32
#define BF16	NEURON_BF16, NEURON_BF16, NEURON_BF16
#define I8	NEURON_I8, NEURON_I8, NEURON_I32
#define U8	NEURON_U8, NEURON_I8, NEURON_I32

const struct bench_product bench_products[BENCH_PRODUCTS] = {
	{ "GEMM fp32 128x768x768", F32, 128, 768, 768, 0 },
	{ "GEMM fp32 512x512x512", F32, 512, 512, 512, 0 },
	{ "GEMM bf16 128x768x768", NEURON_BF16, NEURON_BF16, NEURON_F32, 128, 768, 768, 0 },
	{ "GEMM bf16 512x512x512", NEURON_BF16, NEURON_BF16, NEURON_F32, 512, 512, 512, 0 },
	{ "GEMM int8 128x768x768", I8, 128, 768, 768, 0 },
	{ "GEMM int8 512x512x512", I8, 512, 512, 512, 0 },
	{ "conv fp32 resnet8 3x3, 64 of 8x8", F32, 8, 64, 64, 3 },
	{ "conv fp32 ResNet-50 3x3, 64 of 56x56", F32, 56, 64, 64, 3 },
	{ "conv fp32 ResNet-50 1x1, 2048 to 512 of 7x7", F32, 7, 512, 2048, 1 },
	{ "conv bf16 resnet8 3x3, 64 of 8x8", BF16, 8, 64, 64, 3 },
	{ "conv bf16 ResNet-50 3x3, 256 of 14x14", BF16, 14, 256, 256, 3 },
	{ "conv bf16 ResNet-50 1x1, 64 to 256 of 56x56", BF16, 56, 256, 64, 1 },
	{ "conv bf16 MobileNet 1x1, 96 to 24 of 56x56", BF16, 56, 24, 96, 1 },
	{ "conv bf16 keyword spotting 1x1, 64 of 11x11", BF16, 11, 64, 64, 1 },
	{ "conv int8 resnet8 3x3, 64 of 8x8", U8, 8, 64, 64, 3 },
	{ "conv int8 ResNet-50 3x3, 512 of 7x7", U8, 7, 512, 512, 3 },
	{ "conv int8 MobileNet 1x1, 96 to 24 of 56x56", U8, 56, 24, 96, 1 },
};

int bench_products_asked(void (*measure)(void *arg, const struct bench_product *p), void *arg)
{
	char *line = NULL;
	size_t room = 0;
	int status = 0;

	while (getline(&line, &room, stdin) > 0) {
		unsigned int i = 0;

		line[strcspn(line, "\n")] = '\0';
		while (i < BENCH_PRODUCTS && strcmp(bench_products[i].name, line))
			i++;
		if (i == BENCH_PRODUCTS) {
			fprintf(stderr, "%s: no such product\n", line);
			status = 2;
			break;
		}
		measure(arg, &bench_products[i]);
		fflush(stdout);
	}
	free(line);
	return status;
}

static size_t element(enum neuron_dtype dtype)
{
	return dtype == NEURON_F32 || dtype == NEURON_I32 ? 4 : dtype == NEURON_BF16 ? 2 : 1;
}

/* Rows, or positions of the picture. */
static size_t rows(const struct bench_product *p)
{
	return p->kernel ? (size_t)p->m * p->m : p->m;
}

static size_t taps(const struct bench_product *p)
{
	return p->kernel ? (size_t)p->kernel * p->kernel : 1;
}

double bench_product_macs(const struct bench_product *p)
{
	return (double)rows(p) * p->n * p->k * taps(p);
}

unsigned int bench_product_times(const struct bench_product *p)
{
	/* Some milliseconds with the instructions that are fastest for the type, on two cores. */
	double enough = element(p->in) == 1 ? 6e9 : element(p->in) == 2 ? 3e9 : 5e8;
	double times = 8 + enough / bench_product_macs(p);

	/* A context keeps the plans of some thousand instructions, as many as real models have. */
	return times < 1000 ? (unsigned int)times : 1000;
}

size_t bench_product_in_bytes(const struct bench_product *p)
{
	return element(p->in) * rows(p) * p->k;
}

size_t bench_product_bytes(const struct bench_product *p)
{
	return bench_product_in_bytes(p) + element(p->weight) * p->k * p->n * taps(p);
}

size_t bench_product_out_bytes(const struct bench_product *p)
{
	return element(p->out) * rows(p) * p->n;
}

static void fill(enum neuron_dtype dtype, void *data, size_t bytes)
{
	for (size_t i = 0; i < bytes / element(dtype); i++) {
		int value = (int)(i * 31 % 17) - 8;
		float real = value / 8.0f;
		uint32_t bits;

		memcpy(&bits, &real, 4);
		if (dtype == NEURON_F32)
			((float *)data)[i] = real;
		else if (dtype == NEURON_BF16)
			((uint16_t *)data)[i] = bits >> 16;	/* exact for these */
		else
			((int8_t *)data)[i] = dtype == NEURON_U8 ? value + 8 : value;
	}
}

void bench_product_fill(const struct bench_product *p, void *data)
{
	size_t in = bench_product_in_bytes(p);

	fill(p->in, data, in);
	fill(p->weight, (char *)data + in, bench_product_bytes(p) - in);
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

/* Elements one after the other, in the order of dims. */
static struct neuron_tensor dense(enum neuron_space space, enum neuron_dtype dtype,
				  unsigned int rank, const uint32_t *dims, uint64_t offset)
{
	struct neuron_tensor t = {
		.space = space,
		.dtype = dtype,
		.rank = rank,
		.slot = space == NEURON_SPACE_SLOT,
		.offset = offset,
	};
	int32_t stride = 1;

	for (unsigned int d = rank; d-- > 0;) {
		t.dims[d] = dims[d];
		t.strides[d] = stride;
		stride *= (int32_t)dims[d];
	}
	return t;
}

static struct neuron_tensor picture(enum neuron_space space, enum neuron_dtype dtype,
				    uint32_t channels, uint32_t side, uint64_t offset)
{
	struct neuron_tensor t = dense(space, dtype, 4, (uint32_t[]){ 1, channels, side, side },
				       offset);

	t.strides[1] = 1;
	t.strides[2] = (int32_t)(channels * side);
	t.strides[3] = (int32_t)channels;
	return t;
}

/* The first operand or the result, which has @columns. */
static struct neuron_tensor table(enum neuron_space space, enum neuron_dtype dtype,
				  const struct bench_product *p, uint32_t columns, uint64_t offset)
{
	return p->kernel ? picture(space, dtype, columns, p->m, offset) :
	       dense(space, dtype, 2, (uint32_t[]){ p->m, columns }, offset);
}

static struct neuron_tensor weights(enum neuron_space space, const struct bench_product *p,
				    uint64_t offset)
{
	return p->kernel ? dense(space, p->weight, 4,
				 (uint32_t[]){ p->n, p->k, p->kernel, p->kernel }, offset) :
	       dense(space, p->weight, 2, (uint32_t[]){ p->k, p->n }, offset);
}

size_t bench_program_size(unsigned int times)
{
	return sizeof(struct neuron_program_header) + 5 * sizeof(struct neuron_tensor) +
	       (2 + times) * sizeof(struct neuron_inst);
}

static void multiply(struct neuron_inst *inst, const struct bench_product *p)
{
	inst->opcode = p->kernel ? NEURON_OP_CONV : NEURON_OP_MATMUL;
	inst->engine = NEURON_ENGINE_PE;
	inst->wait[0].value = 2;
	inst->operand[0] = 4;
	inst->operand[1] = 2;
	inst->operand[2] = 3;
	if (p->kernel) {
		struct neuron_params_CONV *conv = NEURON_PARAMS(CONV, inst);

		conv->groups = 1;
		for (unsigned int d = 0; d < 2; d++) {
			conv->stride[d] = conv->dilation[d] = 1;
			conv->pad[d] = (int32_t)(p->kernel / 2);
		}
	}
}

size_t bench_program_product(void *buf, const struct bench_product *p, unsigned int times)
{
	struct neuron_program_header *hdr = buf;
	struct neuron_tensor *t = (void *)(hdr + 1);
	uint64_t b_at = (bench_product_in_bytes(p) + 63) / 64 * 64;
	uint64_t out_at = b_at + (bench_product_bytes(p) - bench_product_in_bytes(p) + 63) / 64 * 64;
	struct neuron_inst *inst;

	memset(buf, 0, bench_program_size(times));
	inst = start(hdr, 5, 2 + times);
	hdr->num_slots = 2;
	hdr->sbuf_size = out_at + bench_product_out_bytes(p);
	t[0] = table(NEURON_SPACE_SLOT, p->in, p, p->k, 0);
	t[1] = weights(NEURON_SPACE_SLOT, p, bench_product_in_bytes(p));
	t[2] = table(NEURON_SPACE_SBUF, p->in, p, p->k, 0);
	t[3] = weights(NEURON_SPACE_SBUF, p, b_at);
	t[4] = table(NEURON_SPACE_SBUF, p->out, p, p->n, out_at);
	for (int i = 0; i < 2; i++) {
		inst[i].opcode = NEURON_OP_LOAD;
		inst[i].flags = NEURON_INST_RESIDENT;
		inst[i].engine = NEURON_ENGINE_DMA_IN;
		inst[i].operand[0] = 2 + i;
		inst[i].operand[1] = i;
		inst[i].signal[0].value = 1;
	}
	for (unsigned int i = 2; i < 2 + times; i++)
		multiply(&inst[i], p);
	return hdr->size;
}
