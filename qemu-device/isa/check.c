// SPDX-License-Identifier: MIT
/*
 * neuron_program_check(): the validator's walk over a program.
 *
 * What holds for every program is here; what holds for one opcode is in
 * rules.c. In this order:
 *
 * 1. The header: magic, version, sizes, reserved words zero. The tensor table
 *    and the instruction array lie behind the header, aligned to 8 bytes,
 *    inside the program, and do not overlap. sbuf_size and psum_size are at
 *    most 256 MiB, num_slots at most NEURON_MAX_SLOTS, sharing at most
 *    NEURON_MAX_SHARING.
 * 2. Each tensor, used or not: known space and type; rank at most 8; dims from 1
 *    up within the rank, dims and strides zero beyond it; at most 2^32
 *    elements, in SBUF and PSUM 2^28; reserved fields zero; offset a multiple of the element size;
 *    int64 in slots only; PSUM holds fp32 and int32 only; the slot below
 *    num_slots, or zero for SBUF and PSUM; scale finite and not negative, zero
 *    for fp32, bf16 and fp16; zero_point zero for all but int8 and uint8 and
 *    in the type's range for int8 and uint8; its extent within sbuf_size or
 *    psum_size, and for slots without overflow.
 * 3. Each instruction: known opcode, on an engine that executes it; version;
 *    flags that the opcode has; semaphores below 32, reserved fields zero;
 *    operands present where the operand list wants them and NEURON_NO_TENSOR
 *    beyond it, in the spaces and of the types that the list grants; parameter
 *    bytes beyond the parameters zero.
 * 4. out does not overlap itself, and shares no byte with an input. The
 *    exception is an elementwise opcode (ACT, QUANTIZE, DEQUANTIZE, ELTWISE,
 *    SELECT, COPY), where an input may be exactly the same view as out.
 * 5. The rules of the opcode.
 * 6. All that is signalled to a semaphore adds up to less than 2^32.
 */
#include <math.h>
#include <string.h>
#include "qemu-device/isa/check.h"
#include <neuron/regs.h>

static void set_fault(struct neuron_fault *fault, enum neuron_fault_kind kind,
		      uint32_t inst, unsigned int operand, uint64_t info)
{
	*fault = (struct neuron_fault) {
		.kind = kind,
		.engine = NEURON_NO_ENGINE,
		.operand = operand,
		.inst = inst,
		.info = info,
	};
}

static bool refuse(struct isa_check *c, enum neuron_fault_kind kind,
		   unsigned int operand, uint64_t info, const char *why)
{
	set_fault(c->fault, kind, c->index, operand, info);
	if (c->inst->engine < NEURON_NUM_ENGINES)
		c->fault->engine = c->inst->engine;
	c->why = why;
	return false;
}

bool isa_bad_inst(struct isa_check *c, size_t field, const char *why)
{
	return refuse(c, NEURON_FAULT_BAD_INST, NEURON_NO_OPERAND, field, why);
}

bool isa_bad_operand(struct isa_check *c, unsigned int operand, size_t field,
		     const char *why)
{
	return refuse(c, NEURON_FAULT_BAD_OPERAND, operand, field, why);
}

bool isa_over_limit(struct isa_check *c, uint64_t limit, const char *why)
{
	return refuse(c, NEURON_FAULT_LIMIT, NEURON_NO_OPERAND, limit, why);
}

static const char *check_table(const struct neuron_program_header *h,
			       uint32_t offset, uint32_t count, size_t entry)
{
	if (offset % 8)
		return "a table is not aligned to 8 bytes";
	if (offset < sizeof(*h) || offset > h->size ||
	    count > (h->size - offset) / entry)
		return "a table lies outside the program";
	return NULL;
}

static const char *check_header(const struct neuron_program_header *h,
				size_t size, size_t *field)
{
	const char *why;

#define AT(name) (*field = offsetof(struct neuron_program_header, name))
	AT(magic);
	if (h->magic != NEURON_PROGRAM_MAGIC)
		return "this is not a program: wrong magic number";
	AT(version);
	if (h->version != NEURON_ISA_VERSION)
		return "the program is for another version of the instruction set";
	AT(header_size);
	if (h->header_size != sizeof(*h))
		return "header_size is not that of this version";
	AT(size);
	if (h->size != size)
		return "size differs from the program's length";
	AT(num_tensors);
	if (h->num_tensors > NEURON_MAX_TENSORS)
		return "too many tensors";
	AT(num_insts);
	if (h->num_insts > NEURON_MAX_INSTS)
		return "too many instructions";
	AT(tensors);
	why = check_table(h, h->tensors, h->num_tensors,
			  sizeof(struct neuron_tensor));
	if (why)
		return why;
	AT(insts);
	why = check_table(h, h->insts, h->num_insts, sizeof(struct neuron_inst));
	if (why)
		return why;
	/* Both products fit: check_table() has compared them with the size. */
	if (h->insts < h->tensors + h->num_tensors * sizeof(struct neuron_tensor) &&
	    h->tensors < h->insts + h->num_insts * sizeof(struct neuron_inst))
		return "the tables overlap";
	AT(num_slots);
	if (h->num_slots > NEURON_MAX_SLOTS)
		return "too many slots";
	AT(sbuf_size);
	if (h->sbuf_size > NEURON_MAX_CHIP_SPACE)
		return "sbuf_size is greater than any scratchpad";
	AT(psum_size);
	if (h->psum_size > NEURON_MAX_CHIP_SPACE)
		return "psum_size is greater than any accumulator memory";
	AT(sharing);
	if (h->sharing > NEURON_MAX_SHARING)
		return "more cores share the memories than any chip has";
	AT(reserved);
	for (unsigned int i = 0; i < 5; i++)
		if (h->reserved[i])
			return "reserved words of the header are not zero";
#undef AT
	return NULL;
}

static const char *check_quantisation(const struct neuron_tensor *t,
				      size_t *field)
{
	*field = offsetof(struct neuron_tensor, scale);
	if (!isfinite(t->scale) || t->scale < 0)
		return "scale must be finite and not negative";
	if (((1u << t->dtype) & NEURON_D_FLOAT) && t->scale != 0)
		return "a tensor of floats has no scale";

	*field = offsetof(struct neuron_tensor, zero_point);
	switch (t->dtype) {
	case NEURON_I8:
		if (t->zero_point < INT8_MIN || t->zero_point > INT8_MAX)
			return "zero_point is not an int8";
		break;
	case NEURON_U8:
		if (t->zero_point < 0 || t->zero_point > UINT8_MAX)
			return "zero_point is not a uint8";
		break;
	default:
		if (t->zero_point)
			return "zero_point is for int8 and uint8 only";
	}
	return NULL;
}

/*
 * One tensor by itself. Returns why it is refused; *kind, *field and *info
 * say more.
 */
static const char *check_tensor(const struct neuron_program_header *h,
				const struct neuron_tensor *t,
				enum neuron_fault_kind *kind, size_t *field,
				uint64_t *limit)
{
	uint64_t start, end, most;
	unsigned int i;

	*kind = NEURON_FAULT_BAD_OPERAND;

#define AT(name) (*field = offsetof(struct neuron_tensor, name))
	AT(space);
	if (t->space >= NEURON_NUM_SPACES)
		return "unknown space";
	AT(dtype);
	if (t->dtype >= NEURON_NUM_DTYPES)
		return "unknown element type";
	if (neuron_dtype_on_chip(t->dtype) != t->dtype &&
	    t->space != NEURON_SPACE_SLOT)
		return "this type exists in slots only";
	if (t->space == NEURON_SPACE_PSUM && t->dtype != NEURON_F32 &&
	    t->dtype != NEURON_I32)
		return "PSUM holds fp32 and int32 only";
	AT(rank);
	if (t->rank > NEURON_MAX_RANK)
		return "rank is greater than 8";
	AT(reserved0);
	if (t->reserved0)
		return "a reserved field is not zero";
	AT(slot);
	if (t->space == NEURON_SPACE_SLOT ? t->slot >= h->num_slots : t->slot)
		return t->slot && t->space != NEURON_SPACE_SLOT ?
			"slot must be zero outside slots" :
			"slot is not below the header's num_slots";
	AT(reserved1);
	if (t->reserved1)
		return "a reserved field is not zero";
	AT(reserved2);
	if (t->reserved2)
		return "a reserved field is not zero";
	AT(dims);
	for (i = 0; i < t->rank; i++)
		if (!t->dims[i])
			return "a dimension is zero";
	for (; i < NEURON_MAX_RANK; i++)
		if (t->dims[i])
			return "dims beyond the rank are not zero";
	AT(strides);
	for (i = t->rank; i < NEURON_MAX_RANK; i++)
		if (t->strides[i])
			return "strides beyond the rank are not zero";
	AT(offset);
	if (t->offset % neuron_dtype_size(t->dtype))
		return "offset is not a multiple of the element size";

	AT(dims);
	most = t->space == NEURON_SPACE_SLOT ? NEURON_MAX_ELEMENTS :
					       NEURON_MAX_CHIP_ELEMENTS;
	if (isa_elements(t) > most) {
		*kind = NEURON_FAULT_LIMIT;
		*limit = most;
		return "the tensor has too many elements";
	}

	*field = offsetof(struct neuron_tensor, offset);
	if (!neuron_tensor_extent(t, &start, &end)) {
		*kind = NEURON_FAULT_OUT_OF_BOUNDS;
		*limit = t->offset;
		return "the tensor reaches below 0 or beyond 2^64";
	}
	if (t->space != NEURON_SPACE_SLOT &&
	    end > (t->space == NEURON_SPACE_SBUF ? h->sbuf_size : h->psum_size)) {
		*kind = NEURON_FAULT_OUT_OF_BOUNDS;
		*limit = end - 1;
		return "the tensor reaches beyond the header's sbuf_size or psum_size";
	}
#undef AT
	return check_quantisation(t, field);
}

/* Which instruction names tensor @tensor first, for a useful message. */
static void find_user(const struct isa_check *c, uint32_t tensor)
{
	for (uint32_t i = 0; i < c->header->num_insts; i++) {
		const struct neuron_inst *inst = &c->inst[i];

		for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++) {
			if (inst->operand[k] != tensor)
				continue;
			c->fault->inst = i;
			c->fault->operand = k;
			if (inst->engine < NEURON_NUM_ENGINES)
				c->fault->engine = inst->engine;
			return;
		}
	}
}

static bool check_tensors(struct isa_check *c)
{
	for (uint32_t i = 0; i < c->header->num_tensors; i++) {
		enum neuron_fault_kind kind;
		uint64_t limit = 0;
		size_t field = 0;

		c->why = check_tensor(c->header, &c->tensors[i], &kind, &field,
				      &limit);
		if (!c->why)
			continue;
		set_fault(c->fault, kind, NEURON_NO_INST, NEURON_NO_OPERAND,
			  kind == NEURON_FAULT_BAD_OPERAND ? field : limit);
		find_user(c, i);
		return false;
	}
	return true;
}

static bool check_sem_ops(struct isa_check *c, const struct neuron_sem_op *ops,
			  unsigned int count, size_t field)
{
	for (unsigned int i = 0; i < count; i++, field += sizeof(*ops)) {
		if (ops[i].sem >= NEURON_ISA_SEMAPHORES)
			return isa_bad_inst(c, field, "there are 32 semaphores");
		if (ops[i].reserved)
			return isa_bad_inst(c, field + 2,
					    "a reserved field is not zero");
	}
	return true;
}

/* The flags that an opcode has at all; rules.c knows when. */
static uint16_t opcode_flags(unsigned int opcode)
{
	switch (opcode) {
	case NEURON_OP_LOAD:
		return NEURON_INST_RESIDENT;
	case NEURON_OP_MATMUL:
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		return NEURON_INST_ACCUMULATE;
	case NEURON_OP_REDUCE:
		return NEURON_INST_LAST;
	case NEURON_OP_SOFTMAX:
		return NEURON_INST_LOG;
	case NEURON_OP_POOL:
		return NEURON_INST_PAD_COUNTS;
	default:
		return 0;
	}
}

static bool check_inst_fields(struct isa_check *c)
{
	const struct neuron_inst *inst = c->inst;
	const struct isa_opcode *opcode;

#define AT(name) offsetof(struct neuron_inst, name)
	if (inst->opcode >= NEURON_NUM_OPCODES)
		return isa_bad_inst(c, AT(opcode), "unknown opcode");
	opcode = &isa_opcodes[inst->opcode];
	if (inst->engine >= NEURON_NUM_ENGINES ||
	    !(opcode->engines & (1u << inst->engine)))
		return isa_bad_inst(c, AT(engine),
				    "the engine does not execute this opcode");
	if (inst->version != NEURON_ISA_VERSION)
		return isa_bad_inst(c, AT(version),
				    "unknown version of the instruction");
	if (inst->flags & ~opcode_flags(inst->opcode))
		return isa_bad_inst(c, AT(flags),
				    "a flag that the opcode does not have");
	for (size_t i = opcode->params_size; i < NEURON_PARAM_BYTES; i++)
		if (inst->params[i])
			return isa_bad_inst(c, AT(params) + i,
					    "bytes beyond the parameters are not zero");
	return check_sem_ops(c, inst->wait, NEURON_MAX_WAITS, AT(wait)) &&
	       check_sem_ops(c, inst->signal, NEURON_MAX_SIGNALS, AT(signal));
}

static bool check_operand(struct isa_check *c, unsigned int k,
			  const struct isa_operand *rule)
{
	uint16_t index = c->inst->operand[k];
	const struct neuron_tensor *t;

	c->op[k] = NULL;
	if (index == NEURON_NO_TENSOR) {
		if (rule && rule->direction != ISA_OPT)
			return isa_bad_inst(c, AT(operand) + 2 * k,
					    "an operand is missing");
		return true;
	}
	if (!rule)
		return isa_bad_inst(c, AT(operand) + 2 * k,
				    "the opcode has fewer operands");
	if (index >= c->header->num_tensors)
		return isa_bad_inst(c, AT(operand) + 2 * k,
				    "an operand is not in the tensor table");
	t = &c->tensors[index];
	c->op[k] = t;
	if (!(rule->spaces & (1u << t->space)))
		return isa_bad_operand(c, k, offsetof(struct neuron_tensor, space),
				       "the operand may not lie in this space");
	if (!(rule->dtypes & (1u << t->dtype)))
		return isa_bad_operand(c, k, offsetof(struct neuron_tensor, dtype),
				       "the operand may not have this type");
	return true;
}

static bool elementwise(unsigned int opcode)
{
	switch (opcode) {
	case NEURON_OP_ACT:
	case NEURON_OP_QUANTIZE:
	case NEURON_OP_DEQUANTIZE:
	case NEURON_OP_ELTWISE:
	case NEURON_OP_SELECT:
	case NEURON_OP_COPY:
		return true;
	default:
		return false;
	}
}

static bool check_overlaps(struct isa_check *c)
{
	const struct neuron_tensor *out = c->op[0];

	if (!out)
		return true;
	if (isa_self_overlaps(out))
		return isa_bad_operand(c, 0, offsetof(struct neuron_tensor, strides),
				       "the output overlaps itself");
	for (unsigned int k = 1; k < NEURON_MAX_OPERANDS; k++) {
		const struct neuron_tensor *in = c->op[k];

		if (!in || !isa_overlap(out, in) ||
		    ((elementwise(c->inst->opcode) ||
		      (c->inst->opcode == NEURON_OP_SCATTER && k == 1)) &&
		     isa_same_view(out, in)))
			continue;
		return isa_bad_operand(c, k, offsetof(struct neuron_tensor, offset),
				       "the input overlaps the output");
	}
	return true;
}

static bool check_inst(struct isa_check *c)
{
	const struct isa_opcode *opcode;

	if (!check_inst_fields(c))
		return false;
	opcode = &isa_opcodes[c->inst->opcode];
	for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++)
		if (!check_operand(c, k, k < opcode->num_operands ?
				   &opcode->operands[k] : NULL))
			return false;
	return check_overlaps(c) && isa_check_rules(c);
}

static bool check_insts(struct isa_check *c)
{
	uint64_t total[NEURON_ISA_SEMAPHORES] = { 0 };

	for (; c->index < c->header->num_insts; c->index++, c->inst++) {
		if (!check_inst(c))
			return false;
		for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++) {
			const struct neuron_sem_op *signal = &c->inst->signal[i];

			total[signal->sem] += signal->value;
			if (total[signal->sem] > UINT32_MAX)
				return isa_bad_inst(c, AT(signal) + i * sizeof(*signal),
						    "the semaphore would overflow");
		}
	}
	return true;
}

#undef AT

bool neuron_program_check(const void *program, size_t size,
			  struct neuron_fault *fault, const char **why)
{
	const struct neuron_program_header *h = program;
	const char *unused;
	size_t field = 0;
	struct isa_check c = { .header = h, .fault = fault };

	if (!why)
		why = &unused;
	set_fault(fault, NEURON_FAULT_NONE, NEURON_NO_INST, NEURON_NO_OPERAND, 0);
	*why = NULL;

	if (size < sizeof(*h) || size > NEURON_MAX_PROGRAM_SIZE)
		*why = size < sizeof(*h) ? "the program is shorter than its header" :
					   "the program is longer than 64 MiB";
	else
		*why = check_header(h, size, &field);
	if (*why) {
		set_fault(fault, NEURON_FAULT_BAD_PROGRAM, NEURON_NO_INST,
			  NEURON_NO_OPERAND, field);
		return false;
	}

	c.tensors = neuron_program_tensors(program);
	c.inst = neuron_program_insts(program);
	if (check_tensors(&c) && check_insts(&c))
		return true;
	*why = c.why;
	return false;
}
