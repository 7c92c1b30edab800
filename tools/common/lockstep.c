// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <compiler/graph.h>
#include <neuron/regs.h>
#include <qemu-device/kernels/kernels.h>
#include "lockstep.h"
#include "say.h"

/* Vector kernels may read a little past the end of an operand. */
#define SLACK	4096

/**
 * struct memory - a piece of memory that tensors lie in
 * @bytes: NULL: none
 * @size: bytes of it
 * @writable: instructions may store into it
 */
struct memory {
	char *bytes;
	uint64_t size;
	bool writable;
};

/**
 * struct lockstep - a run
 * @slots: by number
 * @chip: SBUF and PSUM, by space
 * @fast: the chip's kernels
 * @reference: the readable ones
 * @shadow: room for what the reference kernels write
 * @shadow_size: bytes of it
 */
struct lockstep {
	const char *name;
	const struct neff *neff;
	const struct neuron_inst *insts;
	const struct neuron_tensor *tensors;
	uint32_t num_insts;
	struct memory slots[NEURON_MAX_SLOTS];
	struct memory chip[NEURON_SPACE_PSUM + 1];
	struct nk_ctx *fast;
	struct nk_ctx *reference;
	char *shadow;
	uint64_t shadow_size;
	struct layer_difference *layers;
};

static char *map(uint64_t size)
{
	void *bytes = mmap(NULL, size + SLACK, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return bytes == MAP_FAILED ? NULL : bytes;
}

static void unmap(struct memory *memory)
{
	if (memory->bytes)
		munmap(memory->bytes, memory->size + SLACK);
	memory->bytes = NULL;
}

/* Elements [0, ..., 0] of a tensor, or NULL when it is not all within its memory. */
static char *locate(const struct lockstep *l, const struct neuron_tensor *t, bool write)
{
	const struct memory *memory;
	uint64_t start, end;

	memory = t->space == NEURON_SPACE_SLOT ?
		 t->slot < NEURON_MAX_SLOTS ? &l->slots[t->slot] : NULL :
		 &l->chip[t->space];
	if (!memory || !memory->bytes || (write && !memory->writable) ||
	    !neuron_tensor_extent(t, &start, &end) || end > memory->size)
		return NULL;
	return memory->bytes + t->offset;
}

/* An element as a number, and its bits. */
static double element(unsigned int dtype, const char *at, uint64_t *bits)
{
	static const enum nc_dtype types[] = {
		[NEURON_F32] = NC_F32, [NEURON_BF16] = NC_BF16, [NEURON_F16] = NC_F16,
		[NEURON_I8] = NC_I8, [NEURON_U8] = NC_U8, [NEURON_I32] = NC_I32,
	};
	const struct nc_value value = {
		.dtype = dtype < sizeof(types) / sizeof(types[0]) ? types[dtype] : NC_NONE,
		.data = (void *)at,
	};

	*bits = 0;
	memcpy(bits, at, neuron_dtype_size(dtype));
	return nc_const_double(&value, 0);
}

static void compare_element(struct layer_difference *d, uint32_t inst, unsigned int dtype,
			    const char *seen, const char *expected)
{
	uint64_t seen_bits, expected_bits;
	double a = element(dtype, seen, &seen_bits), b, difference;

	b = element(dtype, expected, &expected_bits);
	d->elements++;
	if (seen_bits == expected_bits || (isnan(a) && isnan(b)))
		return;
	d->different++;
	difference = isnan(a) || isnan(b) ? INFINITY : fabs(a - b);
	if (isnan(difference))	/* of infinities */
		difference = a == b ? 0 : INFINITY;
	if (difference > d->max_abs) {
		d->max_abs = difference;
		d->inst = inst;
	}
	if (b && difference / fabs(b) > d->max_rel)
		d->max_rel = difference / fabs(b);
}

static void compare_tensors(struct layer_difference *d, uint32_t inst,
			    const struct neuron_tensor *t, const char *seen,
			    const char *expected)
{
	const unsigned int size = neuron_dtype_size(t->dtype);
	uint32_t at[NEURON_MAX_RANK] = { 0 };
	int64_t offset = 0;
	unsigned int i;

	for (;;) {
		compare_element(d, inst, t->dtype, seen + offset, expected + offset);
		for (i = t->rank; i-- > 0;) {
			offset += (int64_t)t->strides[i] * size;
			if (++at[i] < t->dims[i])
				break;
			offset -= (int64_t)t->strides[i] * size * t->dims[i];
			at[i] = 0;
		}
		if (i == UINT32_MAX)
			return;
	}
}

static bool fail(const struct lockstep *l, uint32_t index, const char *why)
{
	say_error("%s: instruction %u (%s): %s", l->name, index,
		  neuron_opcode_name(l->insts[index].opcode), why);
	return false;
}

static const char *run_kernel(struct nk_ctx *ctx, const struct neuron_inst *inst,
			      const struct nk_view *views, const void *key)
{
	struct nk_stats stats = { 0 };
	uint64_t info;

	switch (nk_execute(ctx, inst, views, key, NULL, &stats, &info)) {
	case NK_OK:
		return NULL;
	case NK_BAD_INDEX:
		return "an index lies outside";
	case NK_NO_MEMORY:
		return "out of memory";
	default:
		return "the kernels do not know it";
	}
}

/* The reference kernels, writing beside the memory; then the others; compare. */
static const char *run_both(struct lockstep *l, uint32_t index, struct nk_view *views)
{
	const struct neuron_inst *inst = &l->insts[index];
	struct layer_difference *layer = &l->layers[inst->layer < l->neff->num_layers ?
						    inst->layer : l->neff->num_layers];
	const struct neuron_tensor *out = views[0].desc;
	char *real = views[0].data, *first;
	uint64_t start, end;
	const char *why;

	if (!neuron_tensor_extent(out, &start, &end))
		return "its output has no extent";
	if (end - start > l->shadow_size) {
		free(l->shadow);
		l->shadow_size = end - start;
		l->shadow = malloc(l->shadow_size + SLACK);
		if (!l->shadow)
			die_oom();
	}
	first = real - out->offset + start;
	/* Sums go on from what is there. */
	memcpy(l->shadow, first, end - start);
	views[0].data = l->shadow + (real - first);
	why = run_kernel(l->reference, inst, views, NULL);
	if (why)
		return why;
	views[0].data = real;
	why = run_kernel(l->fast, inst, views, inst);
	if (why)
		return why;
	layer->insts++;
	compare_tensors(layer, index, out, real, l->shadow + (real - first));
	return NULL;
}

static bool run_inst(struct lockstep *l, uint32_t index)
{
	struct nk_view views[NEURON_MAX_OPERANDS] = { 0 };
	const struct neuron_inst *inst = &l->insts[index];
	const char *why;

	if (inst->opcode == NEURON_OP_NOP)
		return true;
	for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++) {
		if (inst->operand[k] == NEURON_NO_TENSOR)
			continue;
		views[k].desc = &l->tensors[inst->operand[k]];
		views[k].data = locate(l, views[k].desc, !k);
		if (!views[k].data)
			return fail(l, index, "an operand lies outside its memory");
	}
	if (inst->opcode == NEURON_OP_LOAD || inst->opcode == NEURON_OP_STORE)
		why = run_kernel(l->fast, inst, views, inst);
	else
		why = run_both(l, index, views);
	return !why || fail(l, index, why);
}

/* As the chip does it: engine by engine, each as far as its semaphores let it. */
static bool run_program(struct lockstep *l)
{
	uint32_t next[NEURON_NUM_ENGINES] = { 0 }, sem[NEURON_ISA_SEMAPHORES] = { 0 };
	uint32_t done = 0;
	bool progress;

	do {
		progress = false;
		for (unsigned int e = 0; e < NEURON_NUM_ENGINES; e++) {
			for (; next[e] < l->num_insts; next[e]++) {
				const struct neuron_inst *inst = &l->insts[next[e]];

				if (inst->engine != e)
					continue;
				if (sem[inst->wait[0].sem] < inst->wait[0].value ||
				    sem[inst->wait[1].sem] < inst->wait[1].value)
					break;
				if (!run_inst(l, next[e]))
					return false;
				for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++)
					sem[inst->signal[i].sem] += inst->signal[i].value;
				progress = true;
				done++;
			}
		}
	} while (progress);
	if (done == l->num_insts)
		return true;
	say_error("%s: its program waits for ever: compile the model again, and report it if that does not help", l->name);
	return false;
}

static bool make_slots(struct lockstep *l, const struct tensor *inputs)
{
	const struct neff *neff = l->neff;

	for (uint32_t i = 0; i < neff->num_slots && i < NEURON_MAX_SLOTS; i++) {
		const struct neuron_neff_slot *slot = &neff->slots[i];
		struct memory *memory = &l->slots[i];
		const void *from = NULL;

		*memory = (struct memory) { .size = slot->size };
		if (slot->kind == NEURON_NEFF_SLOT_PROGRAM)
			continue;
		memory->writable = slot->kind != NEURON_NEFF_SLOT_WEIGHTS &&
				   slot->kind != NEURON_NEFF_SLOT_INPUT;
		memory->bytes = map(slot->size);
		if (!memory->bytes)
			return false;
		if (slot->kind == NEURON_NEFF_SLOT_WEIGHTS &&
		    neff->weights.size <= slot->size)
			memcpy(memory->bytes, neff->weights.data, neff->weights.size);
		if (slot->kind == NEURON_NEFF_SLOT_INPUT && slot->index < neff->num_tensors)
			from = inputs[slot->index].data;
		if (from && inputs[slot->index].size <= slot->size)
			memcpy(memory->bytes, from, inputs[slot->index].size);
	}
	return true;
}

static void read_outputs(const struct lockstep *l, struct tensor *outputs)
{
	const struct neff *neff = l->neff;

	for (uint32_t i = 0; i < neff->num_slots && i < NEURON_MAX_SLOTS; i++) {
		const struct neuron_neff_slot *slot = &neff->slots[i];
		struct tensor *tensor;

		if (slot->kind != NEURON_NEFF_SLOT_OUTPUT ||
		    slot->index < neff->header->num_inputs)
			continue;
		tensor = &outputs[slot->index - neff->header->num_inputs];
		tensor->size = neff->tensors[slot->index].size;
		if (tensor->size > slot->size)
			tensor->size = slot->size;
		tensor->data = malloc(tensor->size + 1);
		if (!tensor->data)
			die_oom();
		memcpy(tensor->data, l->slots[i].bytes, tensor->size);
	}
}

static bool run_core(struct lockstep *l, const struct neff_bytes *program)
{
	const struct neuron_program_header *header = program->data;
	struct neuron_fault fault;
	const char *why = "";
	bool ok;

	if (!neuron_program_check(program->data, program->size, &fault, &why)) {
		say_error("%s: its program is not sound: %s: compile the model again", l->name, why);
		return false;
	}
	l->insts = neuron_program_insts(header);
	l->tensors = neuron_program_tensors(header);
	l->num_insts = header->num_insts;
	l->chip[NEURON_SPACE_SBUF] = (struct memory) {
		map(header->sbuf_size), header->sbuf_size, true
	};
	l->chip[NEURON_SPACE_PSUM] = (struct memory) {
		map(header->psum_size), header->psum_size, true
	};
	l->fast = nk_ctx_create(0, false);
	l->reference = nk_ctx_create(0, true);
	ok = l->chip[NEURON_SPACE_SBUF].bytes && l->chip[NEURON_SPACE_PSUM].bytes &&
	     l->fast && l->reference;
	if (!ok)
		say_error("out of memory");
	ok = ok && run_program(l);
	nk_ctx_destroy(l->fast);
	nk_ctx_destroy(l->reference);
	unmap(&l->chip[NEURON_SPACE_SBUF]);
	unmap(&l->chip[NEURON_SPACE_PSUM]);
	return ok;
}

bool lockstep_run(const char *name, const struct neff *neff, const struct tensor *inputs,
		  struct tensor *outputs, struct layer_difference *layers)
{
	struct lockstep *l = calloc(1, sizeof(*l));
	bool ok;

	if (!l)
		die_oom();
	l->name = name;
	l->neff = neff;
	l->layers = layers;
	ok = make_slots(l, inputs);
	if (!ok)
		say_error("%s: no memory for its buffers", name);
	for (uint32_t core = 0; ok && core < neff->header->num_cores; core++)
		ok = run_core(l, &neff->programs[core]);
	if (ok && outputs)
		read_outputs(l, outputs);
	for (unsigned int i = 0; i < NEURON_MAX_SLOTS; i++)
		unmap(&l->slots[i]);
	free(l->shadow);
	free(l);
	return ok;
}
