// SPDX-License-Identifier: MIT
/*
 * The program as the chip reads it: views become entries of the tensor table,
 * each once; dependences become waits and signals.
 */
#include <string.h>
#include <xxhash.h>
#include <neuron/regs.h>

#include "backend.h"

unsigned int nc_memory_of(const struct nc_buf *buf)
{
	if (buf->kind == NC_BUF_PSUM)
		return NC_MEMORY_PSUM;
	return nc_buf_on_chip(buf) ? NC_MEMORY_SBUF : NC_MEMORY_SLOT + buf->slot;
}

/* Bytes in the slot for bytes of the type that is on the chip. */
static uint64_t slot_bytes(const struct nc_buf *buf, uint64_t bytes)
{
	unsigned int size = neuron_dtype_size(buf->slot_dtype);
	unsigned int on_chip = neuron_dtype_size(neuron_dtype_on_chip(buf->slot_dtype));

	return buf->slot_dtype ? bytes / on_chip * size : bytes;
}

/* Bytes from the start of the memory to the view's first element. */
static uint64_t place_of(const struct nc_view *view)
{
	const struct nc_buf *buf = view->buf;

	if (nc_buf_on_chip(buf))
		return buf->offset + view->offset;
	return buf->slot_offset + slot_bytes(buf, view->offset);
}

void nc_memory_range(const struct nc_view *view, uint64_t *lo, uint64_t *hi)
{
	const struct nc_buf *buf = view->buf;
	int64_t from, to;

	nc_view_extent(view, &from, &to);
	if (nc_buf_on_chip(buf)) {
		*lo = buf->offset + from;
		*hi = buf->offset + to;
	} else {
		*lo = buf->slot_offset + slot_bytes(buf, from);
		*hi = buf->slot_offset + slot_bytes(buf, to);
	}
}

/**
 * struct emitter - what has been written so far
 * @tensors: the table
 * @index: hash table over it: positions plus one
 * @room: entries of @index, a power of two; @tensors has half as many
 * @too_large: a layer with a tensor whose dimensions or strides do not fit
 */
struct emitter {
	struct nc_ctx *ctx;
	struct neuron_tensor *tensors;
	uint32_t num_tensors;
	uint32_t *index;
	uint32_t room;
	struct neuron_inst *insts;
	uint32_t num_insts;
	const struct nc_inst *too_large;
};

static void grow(struct emitter *emitter)
{
	uint32_t i, j, room = emitter->room ? 2 * emitter->room : 256;
	struct nc_arena *arena = emitter->ctx->arena;
	struct neuron_tensor *tensors = nc_grow(arena, emitter->tensors,
						emitter->num_tensors, room / 2,
						sizeof(*tensors));

	emitter->tensors = tensors;
	if (emitter->room)
		nc_give_back(arena, emitter->index, emitter->room * sizeof(*emitter->index));
	emitter->index = nc_alloc(emitter->ctx->arena, room,
				  sizeof(*emitter->index));
	emitter->room = room;
	for (i = 0; i < emitter->num_tensors; i++) {
		j = XXH3_64bits(&tensors[i], sizeof(*tensors)) & (room - 1);
		while (emitter->index[j])
			j = (j + 1) & (room - 1);
		emitter->index[j] = i + 1;
	}
}

static uint32_t add_tensor(struct emitter *emitter,
			   const struct neuron_tensor *tensor)
{
	uint32_t i;

	if (2 * emitter->num_tensors >= emitter->room)
		grow(emitter);
	i = XXH3_64bits(tensor, sizeof(*tensor)) & (emitter->room - 1);
	while (emitter->index[i]) {
		uint32_t at = emitter->index[i] - 1;

		if (!memcmp(&emitter->tensors[at], tensor, sizeof(*tensor)))
			return at;
		i = (i + 1) & (emitter->room - 1);
	}
	emitter->tensors[emitter->num_tensors++] = *tensor;
	emitter->index[i] = emitter->num_tensors;
	return emitter->num_tensors - 1;
}

static uint32_t add_view(struct emitter *emitter, const struct nc_inst *inst,
			 const struct nc_view *view)
{
	const struct nc_buf *buf = view->buf;
	unsigned int memory = nc_memory_of(buf);
	struct neuron_tensor tensor;
	int i;

	memset(&tensor, 0, sizeof(tensor));
	tensor.space = memory == NC_MEMORY_SBUF ? NEURON_SPACE_SBUF :
		       memory == NC_MEMORY_PSUM ? NEURON_SPACE_PSUM :
						  NEURON_SPACE_SLOT;
	tensor.dtype = view->dtype;
	if (tensor.space == NEURON_SPACE_SLOT) {
		tensor.slot = buf->slot;
		if (buf->slot_dtype)
			tensor.dtype = buf->slot_dtype;
	}
	tensor.rank = view->rank;
	tensor.offset = place_of(view);
	for (i = 0; i < view->rank; i++) {
		if (view->dims[i] > UINT32_MAX ||
		    view->strides[i] > INT32_MAX ||
		    view->strides[i] < INT32_MIN)
			emitter->too_large = inst;
		tensor.dims[i] = view->dims[i];
		/* Equal views shall look equal, whatever a 1's stride is. */
		tensor.strides[i] = view->dims[i] == 1 ? 0 : view->strides[i];
	}
	tensor.scale = view->scale;
	tensor.zero_point = view->zero_point;
	return add_tensor(emitter, &tensor);
}

static struct neuron_inst *next_inst(struct emitter *emitter,
				     const struct nc_inst *inst,
				     unsigned int opcode)
{
	struct neuron_inst *out = &emitter->insts[emitter->num_insts++];

	memset(out, 0, sizeof(*out));
	out->opcode = opcode;
	out->engine = inst->engine;
	out->version = NEURON_ISA_VERSION;
	out->layer = inst->layer > UINT16_MAX ? UINT16_MAX : inst->layer;
	memset(out->operand, 0xff, sizeof(out->operand));
	return out;
}

/* More waits than an instruction has places for go to NOPs before it. */
static struct neuron_inst *emit_waits(struct emitter *emitter,
				      const struct nc_inst *inst,
				      const uint32_t *rank)
{
	const struct nc_program *prog = emitter->ctx->program;
	unsigned int i, used = 0, left = inst->num_deps;
	struct neuron_inst *out;

	out = next_inst(emitter, inst, left > NEURON_MAX_WAITS ?
			NEURON_OP_NOP : inst->opcode);
	for (i = 0; i < inst->num_deps; i++) {
		uint32_t dep = inst->deps[i];

		if (used == NEURON_MAX_WAITS) {
			left -= used;
			used = 0;
			out = next_inst(emitter, inst,
					left > NEURON_MAX_WAITS ?
					NEURON_OP_NOP : inst->opcode);
		}
		out->wait[used].sem = prog->list.insts[dep].engine;
		out->wait[used++].value = rank[dep];
	}
	return out;
}

static void emit_inst(struct emitter *emitter, const struct nc_inst *inst,
		      const uint32_t *rank)
{
	struct neuron_inst *out = emit_waits(emitter, inst, rank);
	unsigned int i;

	out->flags = inst->flags;
	for (i = 0; i < NC_MAX_OPERANDS; i++) {
		uint32_t tensor;

		if (!inst->operands[i])
			continue;
		tensor = add_view(emitter, inst, inst->operands[i]);
		out->operand[i] = tensor > NEURON_MAX_TENSORS ? 0 : tensor;
	}
	memcpy(out->params, inst->params, sizeof(out->params));
	if (inst->signals) {
		out->signal[0].sem = inst->engine;
		out->signal[0].value = 1;
	}
}

void nc_emit(struct nc_ctx *ctx)
{
	struct nc_program *prog = ctx->program;
	struct emitter emitter = { .ctx = ctx };
	uint32_t signalled[NEURON_NUM_ENGINES] = { 0 };
	uint32_t *rank = nc_alloc(ctx->arena, prog->list.count, sizeof(*rank));
	struct neuron_program_header *header;
	const char *why = NULL;
	struct neuron_fault fault;
	uint32_t num_slots = NC_SLOT_FIRST_IO + ctx->graph->num_inputs +
			     ctx->graph->num_outputs;
	uint64_t nops = 0, size;
	uint32_t i;

	for (i = 0; i < prog->list.count; i++) {
		const struct nc_inst *inst = &prog->list.insts[i];

		if (inst->signals)
			rank[i] = ++signalled[inst->engine];
		if (inst->num_deps > NEURON_MAX_WAITS)
			nops += (inst->num_deps - 1) / NEURON_MAX_WAITS;
	}
	if (num_slots > NEURON_MAX_SLOTS) {
		nc_error(ctx, NULL,
			 "the model has %u inputs and outputs, and the chip takes %u",
			 num_slots - NC_SLOT_FIRST_IO,
			 NEURON_MAX_SLOTS - NC_SLOT_FIRST_IO);
		return;
	}
	if (prog->list.count + nops > NEURON_MAX_INSTS) {
		nc_error(ctx, NULL,
			 "the program has %llu instructions, and the chip takes %u",
			 (unsigned long long)(prog->list.count + nops),
			 NEURON_MAX_INSTS);
		return;
	}
	emitter.insts = nc_alloc(ctx->arena, prog->list.count + nops,
				 sizeof(*emitter.insts));
	for (i = 0; i < prog->list.count; i++)
		emit_inst(&emitter, &prog->list.insts[i], rank);

	if (emitter.too_large) {
		nc_error(ctx, NULL,
			 "layer '%s' (%s): a tensor is larger than the chip can describe",
			 ctx->graph->layers[emitter.too_large->layer],
			 ctx->graph->layer_ops[emitter.too_large->layer]);
		return;
	}
	size = sizeof(*header) +
	       (uint64_t)emitter.num_tensors * sizeof(*emitter.tensors) +
	       (uint64_t)emitter.num_insts * sizeof(*emitter.insts);
	if (emitter.num_tensors > NEURON_MAX_TENSORS ||
	    size > NEURON_MAX_PROGRAM_SIZE) {
		nc_error(ctx, NULL,
			 "the program has %u tensors and %llu bytes, and the chip takes %u and %u",
			 emitter.num_tensors, (unsigned long long)size,
			 NEURON_MAX_TENSORS, NEURON_MAX_PROGRAM_SIZE);
		return;
	}

	header = nc_alloc(ctx->arena, 1, size);
	header->magic = NEURON_PROGRAM_MAGIC;
	header->version = NEURON_ISA_VERSION;
	header->header_size = sizeof(*header);
	header->size = size;
	header->num_tensors = emitter.num_tensors;
	header->num_insts = emitter.num_insts;
	header->tensors = sizeof(*header);
	header->insts = header->tensors +
			emitter.num_tensors * sizeof(*emitter.tensors);
	header->num_slots = num_slots;
	header->sbuf_size = prog->sbuf_used;
	header->psum_size = prog->psum_used;
	if (emitter.num_tensors)
		memcpy((char *)header + header->tensors, emitter.tensors,
		       emitter.num_tensors * sizeof(*emitter.tensors));
	if (emitter.num_insts)
		memcpy((char *)header + header->insts, emitter.insts,
		       emitter.num_insts * sizeof(*emitter.insts));

	if (!neuron_program_check(header, size, &fault, &why)) {
		const struct neuron_inst *inst = fault.inst < header->num_insts ?
						 &emitter.insts[fault.inst] :
						 NULL;

		nc_error(ctx, NULL,
			 "the compiler made a bad program, please report it: %s (instruction %u, %s, operand %u, layer '%s')",
			 why, fault.inst,
			 inst ? neuron_opcode_name(inst->opcode) : "none",
			 fault.operand,
			 inst && inst->layer < ctx->graph->num_layers ?
			 ctx->graph->layers[inst->layer] : "");
		return;
	}
	prog->image = header;
	prog->image_size = size;
}
