/* SPDX-License-Identifier: MIT */
/*
 * Small models made by hand, so that tests of the runtime need no compiler.
 *
 *	struct nb b;
 *
 *	nb_begin(&b, "add");
 *	...
 *	file = nb_end(&b, &size);
 *
 * and, ready made, nb_add() and others.
 */
#ifndef TESTS_NEFF_BUILDER_H
#define TESTS_NEFF_BUILDER_H

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>
#include <neuron/neff.h>
#include "libneuron/neff.h"

#define NB_MAX_TENSORS	32
#define NB_MAX_INSTS	32
#define NB_MAX_CORES	4

struct nb_program {
	struct neuron_tensor tensors[NB_MAX_TENSORS];
	unsigned int num_tensors;
	struct neuron_inst insts[NB_MAX_INSTS];
	unsigned int num_insts;
	uint32_t sbuf_size;
};

/* A model in the making. Slot 0 is the program. */
struct nb {
	struct neuron_neff_header header;
	struct neuron_neff_tensor io[NB_MAX_TENSORS];
	struct neuron_neff_slot slots[NB_MAX_TENSORS];
	unsigned int num_slots;
	struct neuron_neff_layer layer;
	const void *weights;
	uint64_t weights_size;
	struct nb_program programs[NB_MAX_CORES];
	struct nb_program *program;	/* the one that is being written */
	uint32_t stages[NB_MAX_CORES];
};

static inline void nb_begin(struct nb *b, const char *name)
{
	memset(b, 0, sizeof(*b));
	memcpy(b->header.magic, NEURON_NEFF_MAGIC, sizeof(b->header.magic));
	b->header.version = NEURON_NEFF_VERSION;
	b->header.header_size = sizeof(b->header);
	b->header.isa_version = NEURON_ISA_VERSION;
	snprintf(b->header.name, sizeof(b->header.name), "%s", name);
	snprintf(b->header.compiler, sizeof(b->header.compiler), "neff_builder");
	b->num_slots = 1;
	b->header.num_cores = 1;
	b->program = &b->programs[0];
	snprintf(b->layer.name, sizeof(b->layer.name), "%s", name);
	snprintf(b->layer.op, sizeof(b->layer.op), "Test");
}

/* A further core, whose program is written next. */
static inline void nb_next_core(struct nb *b)
{
	b->stages[b->header.num_cores] = b->stages[b->header.num_cores - 1];
	b->program = &b->programs[b->header.num_cores++];
}

/* The same, for a stage that follows those before. */
static inline void nb_next_stage(struct nb *b)
{
	uint32_t stage = b->stages[b->header.num_cores - 1] + 1;

	nb_next_core(b);
	b->stages[b->header.num_cores - 1] = stage;
}

/* Inputs first, then outputs. The slot is returned. */
static inline unsigned int nb_io(struct nb *b, bool output, const char *name,
				 uint32_t dtype, unsigned int rank,
				 const uint32_t *dims)
{
	unsigned int n = b->header.num_inputs + b->header.num_outputs, i;
	struct neuron_neff_tensor *t = &b->io[n];

	assert(output || !b->header.num_outputs);
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->dtype = dtype;
	t->rank = rank;
	t->size = neff_dtype_size(dtype);
	for (i = 0; i < rank; i++) {
		t->dims[i] = dims[i];
		t->size *= dims[i];
	}
	t->slot = b->num_slots;
	b->slots[b->num_slots] = (struct neuron_neff_slot) {
		.kind = output ? NEURON_NEFF_SLOT_OUTPUT : NEURON_NEFF_SLOT_INPUT,
		.index = n, .size = t->size,
	};
	if (output)
		b->header.num_outputs++;
	else
		b->header.num_inputs++;
	return b->num_slots++;
}

static inline unsigned int nb_slot(struct nb *b, uint32_t kind, uint64_t size)
{
	b->slots[b->num_slots] = (struct neuron_neff_slot) {
		.kind = kind, .size = size,
	};
	return b->num_slots++;
}

/* A dense vector of @n elements; its index in the program is returned. */
static inline unsigned int nb_tensor(struct nb *b, uint32_t space, uint32_t slot,
				     uint32_t dtype, uint64_t offset, uint32_t n)
{
	struct nb_program *p = b->program;

	assert(p->num_tensors < NB_MAX_TENSORS);
	p->tensors[p->num_tensors] = (struct neuron_tensor) {
		.space = space, .dtype = dtype, .rank = 1, .slot = slot,
		.offset = offset, .dims = { n }, .strides = { 1 },
	};
	if (space == NEURON_SPACE_SBUF) {
		uint64_t end = offset + (uint64_t)n * neuron_dtype_size(dtype);

		if (end > p->sbuf_size)
			p->sbuf_size = end;
	}
	return p->num_tensors++;
}

/* An instruction without operands; the caller fills it in. */
static inline struct neuron_inst *nb_inst(struct nb *b, uint16_t opcode,
					  uint8_t engine)
{
	struct nb_program *p = b->program;
	struct neuron_inst *inst = &p->insts[p->num_insts++];
	unsigned int i;

	assert(p->num_insts <= NB_MAX_INSTS);
	inst->opcode = opcode;
	inst->engine = engine;
	inst->version = NEURON_ISA_VERSION;
	for (i = 0; i < NEURON_MAX_OPERANDS; i++)
		inst->operand[i] = NEURON_NO_TENSOR;
	return inst;
}

/* Wait for @wait to be @at_least (unless that is 0), and add 1 to @signal. */
static inline void nb_sync(struct neuron_inst *inst, int wait, unsigned int at_least,
			   int signal)
{
	if (at_least) {
		inst->wait[0].sem = wait;
		inst->wait[0].value = at_least;
	}
	if (signal >= 0) {
		inst->signal[0].sem = signal;
		inst->signal[0].value = 1;
	}
}

static inline struct neuron_inst *nb_load(struct nb *b, unsigned int out,
					  unsigned int in)
{
	struct neuron_inst *inst = nb_inst(b, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN);

	inst->operand[0] = out;
	inst->operand[1] = in;
	return inst;
}

static inline struct neuron_inst *nb_store(struct nb *b, unsigned int out,
					   unsigned int in)
{
	struct neuron_inst *inst = nb_inst(b, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT);

	inst->operand[0] = out;
	inst->operand[1] = in;
	return inst;
}

static inline struct neuron_inst *nb_eltwise(struct nb *b, uint32_t func,
					     unsigned int out, unsigned int a,
					     unsigned int c)
{
	struct neuron_inst *inst = nb_inst(b, NEURON_OP_ELTWISE, NEURON_ENGINE_POOL);

	inst->operand[0] = out;
	inst->operand[1] = a;
	inst->operand[2] = c;
	NEURON_PARAMS(ELTWISE, inst)->func = func;
	return inst;
}

static inline size_t nb_align(size_t size)
{
	return (size + NEURON_NEFF_ALIGN - 1) / NEURON_NEFF_ALIGN * NEURON_NEFF_ALIGN;
}

static inline size_t nb_program_size(const struct nb_program *p)
{
	return sizeof(struct neuron_program_header) +
	       p->num_tensors * sizeof(p->tensors[0]) +
	       p->num_insts * sizeof(p->insts[0]);
}

static inline void nb_put_program(const struct nb *b, const struct nb_program *p,
				  char *to)
{
	struct neuron_program_header h = {
		.magic = NEURON_PROGRAM_MAGIC, .version = NEURON_ISA_VERSION,
		.header_size = sizeof(h), .size = nb_program_size(p),
		.num_tensors = p->num_tensors, .num_insts = p->num_insts,
		.tensors = sizeof(h),
		.insts = sizeof(h) + p->num_tensors * sizeof(p->tensors[0]),
		.num_slots = b->num_slots,
		.sbuf_size = p->sbuf_size,
	};

	memcpy(to, &h, sizeof(h));
	memcpy(to + h.tensors, p->tensors, p->num_tensors * sizeof(p->tensors[0]));
	memcpy(to + h.insts, p->insts, p->num_insts * sizeof(p->insts[0]));
}

/* Enter the checksum, after whatever was changed. */
static inline void nb_seal(void *file, size_t size)
{
	neff_hash(file, size, ((struct neuron_neff_header *)file)->hash);
}

static inline void nb_section(char *file, unsigned int *n, uint32_t type,
			      uint32_t index, size_t *at, const void *data,
			      size_t size)
{
	struct neuron_neff_section *s =
		(void *)(file + sizeof(struct neuron_neff_header));

	s[(*n)++] = (struct neuron_neff_section) {
		.type = type, .index = index, .offset = *at, .size = size,
	};
	if (data)
		memcpy(file + *at, data, size);
	*at = nb_align(*at + size);
}

/* The file, to be freed with free(). */
static inline void *nb_end(struct nb *b, size_t *size)
{
	unsigned int num_io = b->header.num_inputs + b->header.num_outputs;
	bool staged = b->stages[b->header.num_cores - 1];
	unsigned int num_sections = 3 + b->header.num_cores + !!b->weights_size + staged;
	size_t at = nb_align(sizeof(b->header) +
			     num_sections * sizeof(struct neuron_neff_section));
	size_t total = at, start;
	unsigned int i, n = 0;
	char *file;

	total += nb_align(num_io * sizeof(b->io[0]));
	total += nb_align(b->num_slots * sizeof(b->slots[0]));
	total += nb_align(sizeof(b->layer));
	total += nb_align(b->weights_size);
	if (staged)
		total += nb_align(b->header.num_cores * sizeof(b->stages[0]));
	for (i = 0; i < b->header.num_cores; i++)
		total += nb_align(nb_program_size(&b->programs[i]));
	for (i = 0; i < b->header.num_cores; i++) {
		if (b->slots[0].size < nb_program_size(&b->programs[i]))
			b->slots[0].size = nb_program_size(&b->programs[i]);
		if (b->header.sbuf_size < b->programs[i].sbuf_size)
			b->header.sbuf_size = b->programs[i].sbuf_size;
	}
	file = calloc(1, total);
	assert(file);
	nb_section(file, &n, NEURON_NEFF_TENSORS, 0, &at, b->io,
		   num_io * sizeof(b->io[0]));
	nb_section(file, &n, NEURON_NEFF_SLOTS, 0, &at, b->slots,
		   b->num_slots * sizeof(b->slots[0]));
	for (i = 0; i < b->header.num_cores; i++) {
		start = at;
		nb_section(file, &n, NEURON_NEFF_PROGRAM, i, &at, NULL,
			   nb_program_size(&b->programs[i]));
		nb_put_program(b, &b->programs[i], file + start);
	}
	if (b->weights_size)
		nb_section(file, &n, NEURON_NEFF_WEIGHTS, 0, &at, b->weights,
			   b->weights_size);
	nb_section(file, &n, NEURON_NEFF_LAYERS, 0, &at, &b->layer, sizeof(b->layer));
	if (staged)
		nb_section(file, &n, NEURON_NEFF_STAGES, 0, &at, b->stages,
			   b->header.num_cores * sizeof(b->stages[0]));
	assert(at == total);
	b->header.num_sections = n;
	b->header.file_size = total;
	memcpy(file, &b->header, sizeof(b->header));
	nb_seal(file, total);
	*size = total;
	return file;
}

/*
 * Ready made
 */

/* c = func(a, b), fp32 vectors of n elements */
static inline void *nb_binary(uint32_t func, const char *name, uint32_t n,
			      size_t *size)
{
	unsigned int a, c, out, sa, sb, sc;
	struct nb *b = malloc(sizeof(*b));
	void *file;

	nb_begin(b, name);
	a = nb_io(b, false, "a", NEURON_NEFF_F32, 1, &n);
	c = nb_io(b, false, "b", NEURON_NEFF_F32, 1, &n);
	out = nb_io(b, true, "c", NEURON_NEFF_F32, 1, &n);
	sa = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, n);
	sb = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, nb_align(4 * n), n);
	sc = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 2 * nb_align(4 * n), n);
	nb_sync(nb_load(b, sa, nb_tensor(b, NEURON_SPACE_SLOT, a, NEURON_F32, 0, n)),
		0, 0, 0);
	nb_sync(nb_load(b, sb, nb_tensor(b, NEURON_SPACE_SLOT, c, NEURON_F32, 0, n)),
		0, 0, 0);
	nb_sync(nb_eltwise(b, func, sc, sa, sb), 0, 2, 1);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, out, NEURON_F32, 0, n), sc),
		1, 1, -1);
	file = nb_end(b, size);
	free(b);
	return file;
}

static inline void *nb_add(uint32_t n, size_t *size)
{
	return nb_binary(NEURON_BINARY_ADD, "add", n, size);
}

/* A tensor of the program becomes a dense matrix. */
static inline void nb_matrix(struct nb *b, unsigned int tensor, const uint32_t dims[2])
{
	struct neuron_tensor *t = &b->program->tensors[tensor];

	t->rank = 2;
	t->dims[0] = dims[0];
	t->dims[1] = dims[1];
	t->strides[0] = dims[1];
	t->strides[1] = 1;
}

/* c = a * b: [m, k], [k, n] and [m, n]; @size is m, k and n. */
static inline void *nb_product(const uint32_t size[3], size_t *file_size)
{
	const uint32_t dims[3][2] = {
		{ size[0], size[1] }, { size[1], size[2] }, { size[0], size[2] },
	};
	static const char *const names[] = { "a", "b", "c" };
	struct nb *b = malloc(sizeof(*b));
	unsigned int slot[3], in[3], i;
	struct neuron_inst *inst;
	size_t at = 0;
	void *file;

	nb_begin(b, "product");
	for (i = 0; i < 3; i++) {
		uint32_t n = dims[i][0] * dims[i][1];

		slot[i] = nb_tensor(b, NEURON_SPACE_SLOT,
				    nb_io(b, i == 2, names[i], NEURON_NEFF_F32, 2, dims[i]),
				    NEURON_F32, 0, n);
		in[i] = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, at, n);
		nb_matrix(b, slot[i], dims[i]);
		nb_matrix(b, in[i], dims[i]);
		at += nb_align(4 * n);
	}
	nb_sync(nb_load(b, in[0], slot[0]), 0, 0, 0);
	nb_sync(nb_load(b, in[1], slot[1]), 0, 0, 0);
	inst = nb_inst(b, NEURON_OP_MATMUL, NEURON_ENGINE_PE);
	inst->operand[0] = in[2];
	inst->operand[1] = in[0];
	inst->operand[2] = in[1];
	nb_sync(inst, 0, 2, 1);
	nb_sync(nb_store(b, slot[2], in[2]), 1, 1, -1);
	file = nb_end(b, file_size);
	free(b);
	return file;
}

/*
 * y = x + w by way of a scratch buffer in device DRAM, fp32; w stays on the core. Elements before @first
 * never leave that buffer
 */
static inline void *nb_weights_from(const float *w, uint32_t n, uint32_t first,
				    size_t *size)
{
	unsigned int x, y, slot_w, slot_s, sx, sw, sy, sz, t;
	struct nb *b = malloc(sizeof(*b));
	struct neuron_inst *inst;
	void *file;

	nb_begin(b, "weights");
	b->weights = w;
	b->weights_size = 4 * n;
	x = nb_io(b, false, "x", NEURON_NEFF_F32, 1, &n);
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	slot_w = nb_slot(b, NEURON_NEFF_SLOT_WEIGHTS, 4 * n);
	slot_s = nb_slot(b, NEURON_NEFF_SLOT_SCRATCH, 4 * n);
	sx = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, n);
	sw = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, nb_align(4 * n), n);
	sy = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 2 * nb_align(4 * n), n);
	sz = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 3 * nb_align(4 * n),
		       n - first);
	t = nb_tensor(b, NEURON_SPACE_SLOT, slot_s, NEURON_F32, 0, n);
	nb_sync(nb_load(b, sx, nb_tensor(b, NEURON_SPACE_SLOT, x, NEURON_F32, 0, n)),
		0, 0, 0);
	inst = nb_load(b, sw, nb_tensor(b, NEURON_SPACE_SLOT, slot_w, NEURON_F32, 0, n));
	inst->flags = NEURON_INST_RESIDENT;
	nb_sync(inst, 0, 0, 0);
	nb_sync(nb_eltwise(b, NEURON_BINARY_ADD, sy, sx, sw), 0, 2, 1);
	nb_sync(nb_store(b, t, sy), 1, 1, 2);
	nb_sync(nb_load(b, sz, nb_tensor(b, NEURON_SPACE_SLOT, slot_s, NEURON_F32,
					 4 * first, n - first)), 2, 1, 3);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, y, NEURON_F32, 4 * first,
				      n - first), sz), 3, 1, -1);
	file = nb_end(b, size);
	free(b);
	return file;
}

static inline void *nb_weights(const float *w, uint32_t n, size_t *size)
{
	return nb_weights_from(w, n, 0, size);
}

/* y = x of another type: @io in the file, @slot_type in memory, @chip inside */
static inline void *nb_copy(uint32_t io, uint32_t slot_type, uint32_t chip,
			    uint32_t n, size_t *size)
{
	struct nb *b = malloc(sizeof(*b));
	unsigned int x, y, s;
	void *file;

	nb_begin(b, "copy");
	x = nb_io(b, false, "x", io, 1, &n);
	y = nb_io(b, true, "y", io, 1, &n);
	s = nb_tensor(b, NEURON_SPACE_SBUF, 0, chip, 0, n);
	nb_sync(nb_load(b, s, nb_tensor(b, NEURON_SPACE_SLOT, x, slot_type, 0, n)),
		0, 0, 0);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, y, slot_type, 0, n), s),
		0, 1, -1);
	file = nb_end(b, size);
	free(b);
	return file;
}

/* y = x on two cores, each of which copies a half; n is even */
static inline void *nb_two_cores(uint32_t n, size_t *size)
{
	struct nb *b = malloc(sizeof(*b));
	unsigned int x, y, s, core;
	void *file;

	nb_begin(b, "two_cores");
	x = nb_io(b, false, "x", NEURON_NEFF_F32, 1, &n);
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	for (core = 0; core < 2; core++) {
		uint64_t at = core * n / 2 * 4;

		if (core)
			nb_next_core(b);
		s = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, n / 2);
		nb_sync(nb_load(b, s, nb_tensor(b, NEURON_SPACE_SLOT, x, NEURON_F32, at,
						n / 2)), 0, 0, 0);
		nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, y, NEURON_F32, at,
					      n / 2), s), 0, 1, -1);
	}
	file = nb_end(b, size);
	free(b);
	return file;
}

/* @n elements of slot @to, from @at on, are those of slot @from twice */
static inline void nb_double(struct nb *b, unsigned int to, unsigned int from, uint64_t at,
			     uint32_t n)
{
	unsigned int s = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, n);
	unsigned int t = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, nb_align(4 * n), n);

	nb_sync(nb_load(b, s, nb_tensor(b, NEURON_SPACE_SLOT, from, NEURON_F32, at, n)),
		0, 0, 0);
	nb_sync(nb_eltwise(b, NEURON_BINARY_ADD, t, s, s), 0, 1, 1);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, to, NEURON_F32, at, n), t),
		1, 1, -1);
}

/* y = 8 x: two cores hand on a half of 2 x each, a third 4 x, and a fourth makes y */
static inline void *nb_stages(uint32_t n, size_t *size)
{
	struct nb *b = malloc(sizeof(*b));
	unsigned int x, y, h2, h4;
	void *file;

	nb_begin(b, "stages");
	x = nb_io(b, false, "x", NEURON_NEFF_F32, 1, &n);
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	h2 = nb_slot(b, NEURON_NEFF_SLOT_HANDOVER, 4 * n);
	h4 = nb_slot(b, NEURON_NEFF_SLOT_HANDOVER, 4 * n);
	nb_double(b, h2, x, 0, n / 2);
	nb_next_core(b);
	nb_double(b, h2, x, 4 * (n / 2), n - n / 2);
	nb_next_stage(b);
	nb_double(b, h4, h2, 0, n);
	nb_next_stage(b);
	nb_double(b, y, h4, 0, n);
	file = nb_end(b, size);
	free(b);
	return file;
}

/* What goes wrong in nb_faulty(). */
enum nb_fault {
	NB_OUT_OF_BOUNDS,	/* reads beyond its input */
	NB_ACCESS_DENIED,	/* writes to its input */
	NB_DEADLOCK,		/* waits for what nobody signals */
};

/* y = x, n fp32 elements, but for the fault */
static inline void *nb_faulty(enum nb_fault fault, uint32_t n, size_t *size)
{
	struct nb *b = malloc(sizeof(*b));
	unsigned int x, y, s, from, to;
	void *file;

	nb_begin(b, "faulty");
	x = nb_io(b, false, "x", NEURON_NEFF_F32, 1, &n);
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	s = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, n);
	from = nb_tensor(b, NEURON_SPACE_SLOT, x, NEURON_F32,
			 fault == NB_OUT_OF_BOUNDS ? 4 : 0, n);
	to = nb_tensor(b, NEURON_SPACE_SLOT, fault == NB_ACCESS_DENIED ? x : y,
		       NEURON_F32, 0, n);
	nb_sync(nb_load(b, s, from), 0, 0, 0);
	nb_sync(nb_store(b, to, s), 0, fault == NB_DEADLOCK ? 2 : 1, -1);
	file = nb_end(b, size);
	free(b);
	return file;
}

#endif /* TESTS_NEFF_BUILDER_H */
