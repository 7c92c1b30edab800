// SPDX-License-Identifier: MIT
/*
 * The validator, one refusal per rule, and the disassembler.
 *
 * A test builds a good program with one instruction, checks that it is accepted,
 * and then breaks one thing at a time:
 *
 *	NO(kind, operand, field, change)
 *
 * where field is an offset in the tensor of the operand, or in the instruction.
 */
#include <math.h>
#include "tests/ktap.h"
#include "tests/unit/program_builder.h"
#include "qemu-device/isa/isa_tables.h"

static struct program p;
static struct neuron_inst *i;
static struct neuron_tensor *t[NEURON_MAX_OPERANDS];	/* of the operands */
static void (*build)(void);

static void start(unsigned int opcode, unsigned int engine)
{
	pb_init(&p);
	i = pb_inst_n(&p, opcode, engine, 0, NULL);
}

/* Add an operand and remember its tensor. */
static void operand(unsigned int k, uint16_t index)
{
	i->operand[k] = index;
	t[k] = &p.tensor[index];
}

static bool check(struct neuron_fault *fault, const char **why)
{
	bool ok;

	pb_finish(&p);
	ok = neuron_program_check(p.bytes, p.size, fault, why);
	return ok;
}

static void rebuild(void)
{
	pb_free(&p);
	memset(t, 0, sizeof(t));
	build();
}

static void yes(int line)
{
	struct neuron_fault fault;
	const char *why = NULL;

	if (check(&fault, &why))
		return;
	printf("# line %d: refused: %s (operand %u, info %llu)\n", line, why,
	       fault.operand, (unsigned long long)fault.info);
	ktap_failed = true;
}

static void no(int line, unsigned int kind, unsigned int operand, uint64_t info)
{
	struct neuron_fault fault;
	const char *why = NULL;

	if (check(&fault, &why)) {
		printf("# line %d: accepted\n", line);
		ktap_failed = true;
		return;
	}
	if (fault.kind == kind && fault.operand == operand && fault.info == info && why)
		return;
	printf("# line %d: expected kind %u, operand %u, info %llu; saw %u, %u, %llu: %s\n",
	       line, kind, operand, (unsigned long long)info, fault.kind,
	       fault.operand, (unsigned long long)fault.info, why);
	ktap_failed = true;
}

#define YES(...)								\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		yes(__LINE__);							\
	} while (0)

#define NO_INST(field, ...)							\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		no(__LINE__, NEURON_FAULT_BAD_INST, NEURON_NO_OPERAND,		\
		   offsetof(struct neuron_inst, field));			\
	} while (0)

#define NO_PARAM(op, field, ...)						\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		no(__LINE__, NEURON_FAULT_BAD_INST, NEURON_NO_OPERAND,		\
		   offsetof(struct neuron_inst, params) +			\
		   offsetof(struct neuron_params_##op, field));			\
	} while (0)

#define NO_OPERAND(k, field, ...)						\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		no(__LINE__, NEURON_FAULT_BAD_OPERAND, k,			\
		   offsetof(struct neuron_tensor, field));			\
	} while (0)

#define NO_FAULT(kind, k, info, ...)						\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		no(__LINE__, NEURON_FAULT_##kind, k, info);			\
	} while (0)

#define P(op)	NEURON_PARAMS(op, i)

static void shape(struct neuron_tensor *tensor, unsigned int rank, ...)
{
	int32_t stride = 1;
	va_list dims;

	memset(tensor->dims, 0, sizeof(tensor->dims));
	memset(tensor->strides, 0, sizeof(tensor->strides));
	tensor->rank = rank;
	va_start(dims, rank);
	for (unsigned int k = 0; k < rank; k++)
		tensor->dims[k] = va_arg(dims, unsigned int);
	va_end(dims);
	for (unsigned int k = rank; k-- > 0; ) {
		tensor->strides[k] = stride;
		stride *= tensor->dims[k];
	}
}

static void build_nop(void)
{
	start(NEURON_OP_NOP, NEURON_ENGINE_PE);
}

static void refused_header(int line, size_t field)
{
	no(line, NEURON_FAULT_BAD_PROGRAM, NEURON_NO_OPERAND, field);
}

#define NO_HEADER(field, ...)							\
	do {									\
		rebuild();							\
		__VA_ARGS__;							\
		refused_header(__LINE__,					\
			       offsetof(struct neuron_program_header, field));	\
	} while (0)

/* Change the header after the layout, which pb_finish() makes right. */
static void broken_header(size_t field, uint32_t value, size_t size)
{
	struct neuron_fault fault;
	const char *why = NULL;

	rebuild();
	pb_finish(&p);
	memcpy((char *)p.bytes + field, &value, size);
	CHECK(!neuron_program_check(p.bytes, p.size, &fault, &why));
	CHECK_EQ(fault.kind, NEURON_FAULT_BAD_PROGRAM);
	CHECK_EQ(fault.info, field);
	CHECK_EQ(fault.inst, NEURON_NO_INST);
	CHECK(why);
}

#define BROKEN(field, value)							\
	broken_header(offsetof(struct neuron_program_header, field), value,	\
		      sizeof(((struct neuron_program_header *)0)->field))

static void header(void)
{
	struct neuron_fault fault;
	const char *why;

	build = build_nop;
	YES();
	NO_HEADER(magic, p.header.magic++);
	NO_HEADER(version, p.header.version++);
	NO_HEADER(header_size, p.header.header_size++);
	NO_HEADER(num_slots, p.header.num_slots = 257);
	NO_HEADER(sbuf_size, p.header.sbuf_size = (256u << 20) + 1);
	NO_HEADER(psum_size, p.header.psum_size = (256u << 20) + 1);
	NO_HEADER(sharing, p.header.sharing = NEURON_MAX_SHARING + 1);
	NO_HEADER(reserved, p.header.reserved[4] = 1);
	BROKEN(size, 191);
	BROKEN(size, ~0u);
	BROKEN(num_tensors, 0xffff);
	BROKEN(tensors, 0);
	BROKEN(tensors, 68);
	BROKEN(tensors, 0xfffffff8);
	BROKEN(insts, 56);
	BROKEN(insts, 72);
	BROKEN(insts, 0xfffffff8);
	broken_header(offsetof(struct neuron_program_header, num_insts),
		      (1u << 20) + 1, 4);
	rebuild();
	pb_finish(&p);
	((struct neuron_program_header *)p.bytes)->num_insts = 2;
	CHECK(!neuron_program_check(p.bytes, p.size, &fault, &why));
	CHECK_EQ(fault.info, offsetof(struct neuron_program_header, insts));
	((struct neuron_program_header *)p.bytes)->num_insts = 1;
	((struct neuron_program_header *)p.bytes)->num_tensors = 1;
	CHECK(!neuron_program_check(p.bytes, p.size, &fault, &why));
	CHECK_STR(why, "the tables overlap");
	for (size_t size = 0; size < p.size; size++)
		CHECK(!neuron_program_check(p.bytes, size, &fault, NULL));
	pb_free(&p);
}

static void instruction(void)
{
	build = build_nop;
	YES();
	YES(i->engine = NEURON_ENGINE_DMA_IN);
	YES(i->layer = 7);
	NO_INST(opcode, i->opcode = NEURON_NUM_OPCODES);
	NO_INST(engine, i->engine = NEURON_NUM_ENGINES);
	NO_INST(engine, i->engine = 255);
	NO_INST(version, i->version++);
	NO_INST(flags, i->flags = NEURON_INST_LAST);
	NO_INST(flags, i->flags = 0x8000);
	NO_INST(params, i->params[0] = 1);
	NO_INST(params[71], i->params[71] = 1);
	NO_INST(operand[0], i->operand[0] = 0);
	NO_INST(operand[7], i->operand[7] = 0);
	NO_INST(wait[0].sem, i->wait[0].sem = 32);
	NO_INST(wait[1].reserved, i->wait[1].reserved = 1);
	NO_INST(signal[1].sem, i->signal[1].sem = 32);
	NO_INST(signal[0].reserved, i->signal[0].reserved = 1);
	YES(i->wait[1].sem = 31, i->wait[1].value = ~0u);
	YES(i->signal[0].value = ~0u);
	NO_INST(signal[1], i->signal[0].value = ~0u, i->signal[1].value = 1);
	YES(i->signal[0].value = ~0u, i->signal[1].value = 1, i->signal[1].sem = 1);
}

static void build_copy(void)
{
	start(NEURON_OP_COPY, NEURON_ENGINE_ACT);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_F32, 1024, 2, 4, 8));
}

static void tensors(void)
{
	build = build_copy;
	YES();
	NO_INST(operand[1], i->operand[1] = NEURON_NO_TENSOR);
	NO_INST(operand[1], i->operand[1] = 2);
	NO_INST(operand[2], i->operand[2] = 0);
	NO_OPERAND(1, space, t[1]->space = 3);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_NUM_DTYPES);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_I64);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_F64);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_U16);
	NO_OPERAND(1, rank, t[1]->rank = 9);
	NO_OPERAND(1, reserved0, t[1]->reserved0 = 1);
	NO_OPERAND(1, reserved1, t[1]->reserved1 = 1);
	NO_OPERAND(1, reserved2, t[1]->reserved2 = 1);
	NO_OPERAND(1, slot, t[1]->slot = 1);
	NO_OPERAND(1, dims, t[1]->dims[0] = 0);
	NO_OPERAND(1, dims, t[1]->dims[2] = 1);
	NO_OPERAND(1, strides, t[1]->strides[7] = 1);
	NO_OPERAND(1, offset, t[1]->offset = 1026);
	NO_OPERAND(1, scale, t[1]->scale = 1);
	NO_OPERAND(1, zero_point, t[1]->zero_point = 1);
	NO_OPERAND(1, dtype, t[1]->space = NEURON_SPACE_PSUM, t[1]->dtype = NEURON_F16);
	YES(t[1]->space = NEURON_SPACE_PSUM);
	/* Unused tensors are checked, too. */
	YES(pb_sbuf(&p, NEURON_F32, 0, 1, 1));
	NO_OPERAND(NEURON_NO_OPERAND, dims, pb_sbuf(&p, NEURON_F32, 0, 1, 0));

	/* Extents. */
	YES(t[1]->offset = 65536 - 128);
	NO_FAULT(OUT_OF_BOUNDS, 1, 65536 + 3, t[1]->offset = 65536 - 124);
	NO_FAULT(OUT_OF_BOUNDS, 1, 0, t[1]->offset = 0, t[1]->strides[0] = -8);
	YES(t[1]->offset = 1024, t[1]->strides[0] = -8);
	NO_FAULT(OUT_OF_BOUNDS, 1, 16384 + 3, t[1]->space = NEURON_SPACE_PSUM,
		 t[1]->offset = 16384 - 124);
	NO_FAULT(OUT_OF_BOUNDS, 1, ~0ull - 3, t[1]->offset = ~0ull - 3);
	NO_FAULT(OUT_OF_BOUNDS, 1, 1024 + 3 * 0x7fffffffull * 4 + 31,
		 t[1]->strides[0] = 0x7fffffff);
	NO_FAULT(LIMIT, 1, 1 << 28, t[1]->dims[0] = 1 << 26, t[1]->strides[0] = 0);
	NO_FAULT(LIMIT, 1, 1 << 28, shape(t[1], 8, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u, ~0u));

	/* Overlaps. */
	YES(t[1]->offset = 128);
	YES(t[1]->offset = 0);
	NO_OPERAND(1, offset, t[1]->offset = 124);
	NO_OPERAND(1, offset, t[1]->offset = 4);
	NO_OPERAND(1, offset, t[1]->offset = 0, t[1]->strides[0] = 16);
	NO_OPERAND(0, strides, t[0]->strides[0] = 0);
	NO_OPERAND(0, strides, t[0]->strides[0] = 7);
	YES(t[0]->strides[0] = 1, t[0]->strides[1] = 4);
	NO_OPERAND(0, strides, t[0]->strides[0] = 1, t[0]->strides[1] = 3);
	YES(t[0]->strides[1] = -1, t[0]->offset = 28);
	/* Slices of one tensor, side by side: [4, 16] cut into two [4, 8]. */
	YES(t[0]->strides[0] = 16, t[1]->strides[0] = 16, t[1]->offset = 32);
	NO_OPERAND(1, offset, t[0]->strides[0] = 16, t[1]->strides[0] = 16,
		   t[1]->offset = 28);
	/* The same view by other strides where a dimension is 1. */
	YES(shape(t[0], 2, 1, 8), shape(t[1], 2, 1, 8), t[1]->offset = 0,
	    t[1]->strides[0] = 999);
}

static void build_load(void)
{
	start(NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN);
	operand(0, pb_sbuf(&p, NEURON_I32, 0, 2, 4, 8));
	operand(1, pb_slot(&p, 3, NEURON_I32, 0, 2, 4, 8));
}

static void build_store(void)
{
	start(NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT);
	operand(0, pb_slot(&p, 3, NEURON_I32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_I32, 0, 2, 4, 8));
}

static void load_store(void)
{
	build = build_load;
	YES();
	YES(t[1]->dtype = NEURON_I64);
	YES(t[1]->strides[0] = 0);
	YES(t[1]->offset = 1ull << 50);
	YES(t[0]->space = NEURON_SPACE_PSUM);
	NO_INST(engine, i->engine = NEURON_ENGINE_DMA_OUT);
	NO_OPERAND(1, slot, t[1]->slot = 4);
	NO_OPERAND(1, space, t[1]->space = NEURON_SPACE_SBUF, t[1]->slot = 0,
		   t[1]->offset = 4096);
	NO_OPERAND(0, space, t[0]->space = NEURON_SPACE_SLOT);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_F32);
	NO_OPERAND(1, dtype, t[0]->dtype = NEURON_F32, t[1]->dtype = NEURON_I64);
	YES(t[1]->dtype = NEURON_I16);
	YES(t[1]->dtype = NEURON_U32);
	YES(t[0]->dtype = NEURON_F32, t[1]->dtype = NEURON_F64);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_F64);
	NO_OPERAND(1, dims, t[1]->dims[0] = 3);
	NO_OPERAND(1, dims, shape(t[1], 1, 32));
	NO_FAULT(LIMIT, 1, 1ull << 32, shape(t[1], 2, 65536, 65537));
	NO_FAULT(OUT_OF_BOUNDS, 1, ~0ull - 7, t[1]->dtype = NEURON_I64,
		 t[1]->offset = ~0ull - 7, t[1]->strides[0] = 1000);

	build = build_store;
	YES();
	YES(t[0]->dtype = NEURON_I64);
	YES(t[0]->dtype = NEURON_U64);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_F64);
	YES(t[1]->strides[0] = 0);
	NO_INST(engine, i->engine = NEURON_ENGINE_DMA_IN);
	NO_OPERAND(0, strides, t[0]->strides[0] = 0);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_U8);
	NO_OPERAND(1, dims, t[1]->dims[1] = 7);
}

static void build_matmul(void)
{
	start(NEURON_OP_MATMUL, NEURON_ENGINE_PE);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 3, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_BF16, 1024, 3, 2, 4, 16));
	operand(2, pb_sbuf(&p, NEURON_BF16, 2048, 3, 2, 16, 8));
	operand(3, pb_sbuf(&p, NEURON_F32, 4096, 1, 8));
}

static void build_matmul_int(void)
{
	start(NEURON_OP_MATMUL, NEURON_ENGINE_PE);
	operand(0, pb_psum(&p, NEURON_I32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_U8, 1024, 2, 4, 16));
	operand(2, pb_sbuf(&p, NEURON_I8, 2048, 2, 16, 8));
	operand(3, pb_sbuf(&p, NEURON_I32, 4096, 1, 8));
	t[1]->zero_point = 128;
	t[1]->scale = 0.5;
}

static void add_scale(uint32_t count)
{
	operand(4, pb_sbuf(&p, NEURON_F32, 8192, 1, count));
}

static void add_offset(uint32_t count)
{
	operand(5, pb_sbuf(&p, NEURON_I32, 12288, 1, count));
}

/* 2^26 * @k MACs; a and b repeat one element. */
static void big_matmul(uint32_t k)
{
	p.header.psum_size = 256 << 20;
	t[0]->space = NEURON_SPACE_PSUM;
	shape(t[0], 3, 1, 8192, 8192);
	shape(t[1], 3, 1, 8192, k);
	shape(t[2], 3, 1, k, 8192);
	memset(t[1]->strides, 0, sizeof(t[1]->strides));
	memset(t[2]->strides, 0, sizeof(t[2]->strides));
	shape(t[3], 1, 8192);
}

static void matmul(void)
{
	build = build_matmul;
	YES();
	YES(t[0]->dtype = NEURON_BF16);
	YES(t[2]->strides[0] = 0);
	YES(P(MATMUL)->act = NEURON_ACT_GELU);
	YES(P(MATMUL)->beta = INFINITY);
	YES(add_scale(8));
	YES(i->operand[3] = NEURON_NO_TENSOR);
	YES(t[0]->space = NEURON_SPACE_PSUM, i->flags = NEURON_INST_ACCUMULATE);
	NO_INST(engine, i->engine = NEURON_ENGINE_POOL);
	NO_OPERAND(0, space, i->flags = NEURON_INST_ACCUMULATE);
	NO_PARAM(MATMUL, act, t[0]->space = NEURON_SPACE_PSUM,
		 i->flags = NEURON_INST_ACCUMULATE, P(MATMUL)->act = NEURON_ACT_RELU);
	NO_PARAM(MATMUL, act, P(MATMUL)->act = NEURON_NUM_ACTS);
	NO_PARAM(MATMUL, alpha, P(MATMUL)->alpha = NAN);
	NO_PARAM(MATMUL, beta, P(MATMUL)->beta = NAN);
	NO_OPERAND(1, space, t[1]->space = NEURON_SPACE_PSUM, t[1]->dtype = NEURON_F32);
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_F16);
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_I8);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_I32);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_I32);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_U8);
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_I32);
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_BF16);
	NO_OPERAND(0, rank, shape(t[0], 1, 8));
	NO_OPERAND(1, rank, shape(t[1], 2, 4, 16));
	NO_OPERAND(2, rank, shape(t[2], 2, 16, 8));
	NO_OPERAND(1, dims, shape(t[1], 3, 1, 4, 16));
	NO_OPERAND(2, dims, shape(t[2], 3, 1, 16, 8));
	NO_OPERAND(1, dims, shape(t[1], 3, 2, 5, 16));
	NO_OPERAND(2, dims, shape(t[2], 3, 2, 16, 9));
	NO_OPERAND(2, dims, shape(t[2], 3, 2, 15, 8));
	NO_OPERAND(3, dims, shape(t[3], 1, 1));
	NO_OPERAND(3, dims, shape(t[3], 2, 1, 8));
	NO_OPERAND(4, dims, add_scale(4));
	NO_OPERAND(5, dtype, add_scale(8), add_offset(8));
	NO_OPERAND(1, offset, t[1]->offset = 192);
	NO_FAULT(LIMIT, NEURON_NO_OPERAND, 1ull << 40, big_matmul(32768));
	YES(big_matmul(16384));

	build = build_matmul_int;
	YES();
	YES(t[1]->dtype = NEURON_I8, t[1]->zero_point = -3);
	YES(i->flags = NEURON_INST_ACCUMULATE);
	YES(add_scale(1), t[0]->space = NEURON_SPACE_SBUF, t[0]->dtype = NEURON_I8);
	YES(add_scale(8), t[0]->space = NEURON_SPACE_SBUF, t[0]->dtype = NEURON_F16,
	    P(MATMUL)->act = NEURON_ACT_RELU);
	YES(add_scale(8), t[0]->dtype = NEURON_F32, t[3]->dtype = NEURON_F32);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_F32);
	NO_OPERAND(0, dtype, add_scale(8));
	NO_OPERAND(0, dtype, t[0]->space = NEURON_SPACE_SBUF, t[0]->dtype = NEURON_U8);
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_F32);
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_F16);
	NO_PARAM(MATMUL, act, P(MATMUL)->act = NEURON_ACT_RELU);
	NO_OPERAND(1, zero_point, t[1]->zero_point = -1);
	NO_OPERAND(1, zero_point, t[1]->zero_point = 256);
	NO_OPERAND(2, zero_point, t[2]->zero_point = 128);
	NO_OPERAND(1, scale, t[1]->scale = -1);
	NO_OPERAND(1, scale, t[1]->scale = INFINITY);
	NO_OPERAND(4, dtype, add_scale(8), t[4]->dtype = NEURON_I32);
	YES(add_scale(1), add_offset(8), t[0]->dtype = NEURON_F32, t[3]->dtype = NEURON_F32);
	YES(add_scale(8), add_offset(8), t[0]->dtype = NEURON_F32,
	    i->operand[3] = NEURON_NO_TENSOR);
	NO_OPERAND(5, dtype, add_offset(8));
	NO_OPERAND(5, dtype, add_scale(8), add_offset(8), t[0]->dtype = NEURON_F32,
		   t[5]->dtype = NEURON_F32);
	NO_OPERAND(5, dims, add_scale(8), add_offset(1), t[0]->dtype = NEURON_F32,
		   t[3]->dtype = NEURON_F32);
	NO_OPERAND(3, dtype, add_scale(8), add_offset(8), t[0]->dtype = NEURON_F32);
}

static void build_conv(void)
{
	start(NEURON_OP_CONV, NEURON_ENGINE_PE);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 4, 2, 6, 5, 7));
	operand(1, pb_sbuf(&p, NEURON_F32, 4096, 4, 2, 4, 9, 7));
	operand(2, pb_sbuf(&p, NEURON_F32, 8192, 4, 6, 2, 3, 3));
	operand(3, pb_sbuf(&p, NEURON_F32, 16384, 1, 6));
	P(CONV)->groups = 2;
	P(CONV)->stride[0] = 2;
	P(CONV)->stride[1] = 1;
	P(CONV)->dilation[0] = 1;
	P(CONV)->dilation[1] = 1;
	P(CONV)->pad[0] = 1;
	P(CONV)->pad[1] = 1;
}

static void build_conv_transpose(void)
{
	build_conv();
	i->opcode = NEURON_OP_CONV_TRANSPOSE;
	shape(t[0], 4, 2, 6, 18, 8);
	shape(t[2], 4, 4, 3, 3, 3);
	t[0]->offset = 32768;
}

static void conv(void)
{
	build = build_conv;
	YES();
	YES(P(CONV)->pad[0] = -1);
	YES(shape(t[0], 4, 2, 6, 1, 1));
	YES(P(CONV)->act = NEURON_ACT_CLIP, P(CONV)->beta = 6);
	NO_PARAM(CONV, reserved, P(CONV)->reserved = 1);
	NO_PARAM(CONV, act, P(CONV)->act = 99);
	NO_PARAM(CONV, groups, P(CONV)->groups = 0);
	NO_PARAM(CONV, groups, P(CONV)->groups = 4);
	NO_PARAM(CONV, groups, P(CONV)->groups = 3);
	NO_OPERAND(2, dims, P(CONV)->groups = 1);
	NO_PARAM(CONV, stride[1], P(CONV)->stride[1] = 0);
	NO_PARAM(CONV, dilation[0], P(CONV)->dilation[0] = 0);
	NO_PARAM(CONV, stride, P(CONV)->stride[2] = 1);
	NO_PARAM(CONV, stride, P(CONV)->pad[2] = 1);
	NO_OPERAND(1, rank, shape(t[1], 2, 2, 4));
	NO_OPERAND(1, rank, shape(t[1], 6, 2, 4, 1, 1, 1, 1));
	NO_OPERAND(0, rank, shape(t[0], 3, 2, 6, 5));
	NO_OPERAND(2, rank, shape(t[2], 3, 6, 2, 3));
	NO_OPERAND(0, dims, t[0]->dims[0] = 1);
	NO_OPERAND(2, dims, shape(t[2], 4, 6, 4, 3, 3));
	NO_OPERAND(2, dims, shape(t[2], 4, 4, 2, 3, 3));
	NO_OPERAND(3, dims, t[3]->dims[0] = 5);
	NO_OPERAND(0, dims, P(CONV)->stride[0] = 65535);
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_BF16);
	NO_OPERAND(1, offset, t[1]->offset = 100);
	YES(shape(t[0], 3, 2, 6, 4), shape(t[1], 3, 2, 4, 9), shape(t[2], 3, 6, 2, 3),
	    P(CONV)->stride[1] = 0, P(CONV)->dilation[1] = 0, P(CONV)->pad[1] = 0);

	build = build_conv_transpose;
	YES();
	YES(shape(t[0], 4, 2, 6, 3, 3));
	NO_OPERAND(2, dims, shape(t[2], 4, 6, 2, 3, 3));
	NO_PARAM(CONV, groups, P(CONV)->groups = 4);
	NO_FAULT(LIMIT, NEURON_NO_OPERAND, 1ull << 40,
		 shape(t[1], 4, 1, 1, 16384, 16384), shape(t[0], 4, 1, 1, 9, 9),
		 shape(t[2], 4, 1, 1, 100, 100), shape(t[3], 1, 1),
		 memset(t[1]->strides, 0, 16), P(CONV)->groups = 1,
		 t[2]->offset = 65536 - 40000, t[0]->offset = 0, t[3]->offset = 8000);
}

static void build_act(void)
{
	start(NEURON_OP_ACT, NEURON_ENGINE_ACT);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 2, 4, 8));
	operand(1, pb_psum(&p, NEURON_F32, 0, 2, 4, 8));
}

static void act(void)
{
	build = build_act;
	YES();
	YES(i->engine = NEURON_ENGINE_POOL);
	YES(t[0]->dtype = NEURON_I8);
	YES(t[1]->dtype = NEURON_I32);
	YES(t[1]->strides[0] = 0);
	NO_INST(engine, i->engine = NEURON_ENGINE_PE);
	NO_PARAM(ACT, func, P(ACT)->func = NEURON_NUM_ACTS);
	NO_PARAM(ACT, alpha, P(ACT)->alpha = NAN);
	NO_OPERAND(1, dims, shape(t[1], 2, 8, 4));
	NO_OPERAND(1, dims, shape(t[1], 1, 32));
}

static void build_quantize(void)
{
	start(NEURON_OP_QUANTIZE, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_U8, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_F32, 1024, 2, 4, 8));
	operand(2, pb_sbuf(&p, NEURON_F32, 2048, 2, 4, 8));
	operand(3, pb_sbuf(&p, NEURON_U8, 4096, 2, 4, 8));
	t[2]->strides[1] = 0;
	t[3]->strides[1] = 0;
}

static void quantize(void)
{
	build = build_quantize;
	YES();
	YES(i->operand[3] = NEURON_NO_TENSOR);
	YES(t[3]->dtype = NEURON_I32);
	NO_INST(operand[2], i->operand[2] = NEURON_NO_TENSOR);
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_I8);
	NO_OPERAND(2, dims, shape(t[2], 1, 1));
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_BF16);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_I32);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_U8);
	/* In place only where the elements are of equal size. */
	NO_OPERAND(1, offset, t[1]->offset = 0);

	i->opcode = NEURON_OP_DEQUANTIZE;
	YES(i->opcode = NEURON_OP_DEQUANTIZE, t[0]->dtype = NEURON_F32,
	    t[1]->dtype = NEURON_U8);
	YES(i->opcode = NEURON_OP_DEQUANTIZE, t[0]->dtype = NEURON_F32,
	    t[1]->dtype = NEURON_I32, t[1]->offset = 0, t[3]->dtype = NEURON_I32);
	NO_OPERAND(3, dtype, i->opcode = NEURON_OP_DEQUANTIZE, t[0]->dtype = NEURON_F32,
		   t[1]->dtype = NEURON_I8);
}

static void build_eltwise(void)
{
	start(NEURON_OP_ELTWISE, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_F32, 1024, 2, 4, 8));
	operand(2, pb_sbuf(&p, NEURON_F32, 2048, 2, 4, 8));
}

static void types(unsigned int out, unsigned int a, unsigned int b)
{
	t[0]->dtype = out;
	t[1]->dtype = a;
	t[2]->dtype = b;
}

static void eltwise(void)
{
	build = build_eltwise;
	YES();
	YES(types(NEURON_BF16, NEURON_F32, NEURON_F16));
	YES(types(NEURON_I32, NEURON_I32, NEURON_I32));
	YES(types(NEURON_U8, NEURON_U8, NEURON_U8));
	YES(types(NEURON_U8, NEURON_F32, NEURON_F32), P(ELTWISE)->func = NEURON_BINARY_LE);
	YES(types(NEURON_U8, NEURON_U8, NEURON_U8), P(ELTWISE)->func = NEURON_BINARY_XOR);
	YES(types(NEURON_U8, NEURON_U8, NEURON_U8), P(ELTWISE)->func = NEURON_BINARY_BIT_AND);
	YES(types(NEURON_I32, NEURON_I32, NEURON_I32), P(ELTWISE)->func = NEURON_BINARY_SHR);
	NO_OPERAND(1, dtype, P(ELTWISE)->func = NEURON_BINARY_BIT_XOR);
	YES(P(ELTWISE)->act = NEURON_ACT_RELU);
	YES(t[1]->offset = 0, t[2]->offset = 0);
	NO_PARAM(ELTWISE, func, P(ELTWISE)->func = NEURON_NUM_BINARIES);
	NO_PARAM(ELTWISE, act, P(ELTWISE)->act = NEURON_NUM_ACTS);
	NO_PARAM(ELTWISE, act, types(NEURON_I32, NEURON_I32, NEURON_I32),
		 P(ELTWISE)->act = NEURON_ACT_RELU);
	NO_OPERAND(2, dtype, types(NEURON_F32, NEURON_F32, NEURON_I32));
	NO_OPERAND(2, dtype, types(NEURON_I32, NEURON_I32, NEURON_F32));
	NO_OPERAND(2, dtype, types(NEURON_I32, NEURON_I32, NEURON_U8));
	NO_OPERAND(0, dtype, types(NEURON_I32, NEURON_F32, NEURON_F32));
	NO_OPERAND(0, dtype, types(NEURON_F32, NEURON_I32, NEURON_I32));
	NO_OPERAND(0, dtype, P(ELTWISE)->func = NEURON_BINARY_EQ);
	NO_OPERAND(1, dtype, P(ELTWISE)->func = NEURON_BINARY_AND);
	NO_OPERAND(2, dims, shape(t[2], 2, 1, 8));
}

static void build_select(void)
{
	start(NEURON_OP_SELECT, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_I32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_U8, 1024, 2, 4, 8));
	operand(2, pb_sbuf(&p, NEURON_I32, 2048, 2, 4, 8));
	operand(3, pb_sbuf(&p, NEURON_I32, 4096, 2, 4, 8));
}

static void build_fill(void)
{
	start(NEURON_OP_FILL, NEURON_ENGINE_ACT);
	operand(0, pb_sbuf(&p, NEURON_BF16, 0, 2, 4, 8));
	P(FILL)->value = 0xffff;
}

static void select_copy_fill(void)
{
	build = build_select;
	YES();
	YES(t[3]->offset = 0);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_I8);
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_F32);
	NO_OPERAND(2, dims, t[2]->dims[1] = 7);

	build = build_copy;
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_I32);
	NO_OPERAND(1, dims, t[1]->dims[1] = 7);

	build = build_fill;
	YES();
	YES(t[0]->dtype = NEURON_F32, P(FILL)->value = ~0u);
	NO_PARAM(FILL, value, P(FILL)->value = 0x10000);
	NO_PARAM(FILL, value, t[0]->dtype = NEURON_U8);
	NO_OPERAND(0, strides, t[0]->strides[1] = 0);
}

static void build_reduce(void)
{
	start(NEURON_OP_REDUCE, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 3, 4, 1, 6));
	operand(1, pb_sbuf(&p, NEURON_F32, 1024, 3, 4, 5, 6));
	P(REDUCE)->axes = 2;
}

static void reduce(void)
{
	build = build_reduce;
	YES();
	YES(t[0]->dtype = NEURON_BF16);
	YES(t[0]->dtype = NEURON_I32, t[1]->dtype = NEURON_I32);
	YES(t[0]->dtype = NEURON_I32, P(REDUCE)->func = NEURON_REDUCE_ARGMAX);
	YES(t[0]->dtype = NEURON_I32, P(REDUCE)->func = NEURON_REDUCE_ARGMIN,
	    i->flags = NEURON_INST_LAST);
	YES(t[0]->dtype = NEURON_I32, t[1]->dtype = NEURON_U8);
	YES(t[0]->dtype = NEURON_I8, t[1]->dtype = NEURON_I8,
	    P(REDUCE)->func = NEURON_REDUCE_MAX);
	YES(shape(t[0], 3, 1, 1, 6), P(REDUCE)->axes = 3);
	NO_INST(flags, i->flags = NEURON_INST_LAST);
	NO_PARAM(REDUCE, func, P(REDUCE)->func = NEURON_NUM_REDUCTIONS);
	NO_PARAM(REDUCE, axes, P(REDUCE)->axes = 0);
	NO_PARAM(REDUCE, axes, P(REDUCE)->axes = 8);
	NO_PARAM(REDUCE, axes, P(REDUCE)->axes = 1u << 31);
	NO_PARAM(REDUCE, axes, P(REDUCE)->axes = 3, t[0]->dtype = NEURON_I32,
		 P(REDUCE)->func = NEURON_REDUCE_ARGMAX);
	NO_OPERAND(0, dtype, P(REDUCE)->func = NEURON_REDUCE_ARGMAX);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_I32);
	NO_OPERAND(0, dtype, t[1]->dtype = NEURON_I32);
	NO_OPERAND(0, dtype, t[1]->dtype = NEURON_I8, t[0]->dtype = NEURON_I8);
	NO_OPERAND(0, dtype, t[1]->dtype = NEURON_I8, t[0]->dtype = NEURON_I32,
		   P(REDUCE)->func = NEURON_REDUCE_MIN);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_I32, t[0]->dtype = NEURON_I32,
		   P(REDUCE)->func = NEURON_REDUCE_L2);
	NO_OPERAND(0, rank, shape(t[0], 2, 4, 6));
	NO_OPERAND(0, dims, shape(t[0], 3, 4, 5, 6));
	NO_OPERAND(0, dims, shape(t[0], 3, 4, 1, 7));
}

static void build_pool(void)
{
	start(NEURON_OP_POOL, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 4, 1, 3, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_F32, 4096, 4, 1, 3, 8, 8));
	for (int k = 0; k < 2; k++) {
		P(POOL)->kernel[k] = 3;
		P(POOL)->stride[k] = 2 - k;
		P(POOL)->dilation[k] = 1;
		P(POOL)->pad_lo[k] = 1;
		P(POOL)->pad_hi[k] = 1;
	}
}

static void pool(void)
{
	build = build_pool;
	YES();
	YES(P(POOL)->func = NEURON_POOL_AVG, i->flags = NEURON_INST_PAD_COUNTS);
	YES(P(POOL)->func = NEURON_POOL_LP, P(POOL)->p = 2);
	YES(t[0]->dtype = NEURON_U8, t[1]->dtype = NEURON_U8);
	YES(t[0]->dtype = NEURON_F16);
	YES(P(POOL)->pad_lo[0] = 2, P(POOL)->pad_hi[0] = 2);
	NO_PARAM(POOL, func, P(POOL)->func = NEURON_NUM_POOLS);
	NO_PARAM(POOL, p, P(POOL)->p = 2);
	NO_PARAM(POOL, p, P(POOL)->func = NEURON_POOL_LP);
	NO_INST(flags, i->flags = NEURON_INST_PAD_COUNTS);
	NO_PARAM(POOL, reserved, P(POOL)->reserved = 1);
	NO_OPERAND(1, dtype, P(POOL)->func = NEURON_POOL_AVG, t[0]->dtype = NEURON_U8,
		   t[1]->dtype = NEURON_U8);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_U8);
	NO_OPERAND(0, dtype, t[1]->dtype = NEURON_U8);
	NO_OPERAND(1, rank, shape(t[1], 2, 1, 3));
	NO_OPERAND(0, rank, shape(t[0], 3, 1, 3, 4));
	NO_OPERAND(0, dims, t[0]->dims[1] = 2);
	NO_PARAM(POOL, kernel, P(POOL)->kernel[2] = 1);
	NO_PARAM(POOL, kernel, P(POOL)->pad_hi[2] = 1);
	NO_PARAM(POOL, kernel[1], P(POOL)->kernel[1] = 0);
	NO_PARAM(POOL, kernel[0], P(POOL)->stride[0] = 0);
	NO_PARAM(POOL, kernel[0], P(POOL)->dilation[0] = 0);
	NO_PARAM(POOL, pad_lo[1], P(POOL)->pad_lo[1] = 3);
	NO_PARAM(POOL, pad_hi[0], P(POOL)->pad_hi[0] = 3);
	YES(shape(t[0], 4, 1, 3, 5, 8));
	NO_OPERAND(0, dims, shape(t[0], 4, 1, 3, 6, 8));
	NO_FAULT(LIMIT, NEURON_NO_OPERAND, 1ull << 40, P(POOL)->kernel[0] = 65535,
		 P(POOL)->kernel[1] = 65535, shape(t[0], 4, 1, 3, 8, 16),
		 shape(t[1], 4, 1, 3, 16, 16), t[1]->offset = 8192);
}

static void build_softmax(void)
{
	start(NEURON_OP_SOFTMAX, NEURON_ENGINE_ACT);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_BF16, 1024, 2, 4, 8));
	P(SOFTMAX)->axis = 1;
}

static void build_norm(void)
{
	start(NEURON_OP_NORM, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_F32, 0, 2, 4, 8));
	operand(1, pb_sbuf(&p, NEURON_BF16, 1024, 2, 4, 8));
	operand(2, pb_sbuf(&p, NEURON_F32, 2048, 2, 4, 8));
	operand(3, pb_sbuf(&p, NEURON_F16, 4096, 2, 4, 8));
	t[2]->strides[0] = 0;
	P(NORM)->axes = 2;
	P(NORM)->epsilon = 1e-5;
}

static void build_gather(void)
{
	start(NEURON_OP_GATHER, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_I8, 0, 3, 4, 5, 8));
	operand(1, pb_sbuf(&p, NEURON_I8, 1024, 3, 4, 20, 8));
	operand(2, pb_sbuf(&p, NEURON_I32, 2048, 1, 5));
	P(GATHER)->axis = 1;
}

static void build_scatter(void)
{
	start(NEURON_OP_SCATTER, NEURON_ENGINE_POOL);
	operand(0, pb_sbuf(&p, NEURON_I8, 0, 3, 4, 20, 8));
	operand(1, pb_sbuf(&p, NEURON_I8, 1024, 3, 4, 20, 8));
	operand(2, pb_sbuf(&p, NEURON_I32, 2048, 1, 5));
	operand(3, pb_sbuf(&p, NEURON_I8, 3072, 3, 4, 5, 8));
	P(SCATTER)->axis = 1;
}

static void scatter(void)
{
	build = build_scatter;
	YES();
	YES(P(SCATTER)->func = NEURON_SCATTER_MIN);
	YES(t[1]->offset = 0);
	NO_OPERAND(1, offset, t[1]->offset = 8);
	NO_OPERAND(3, offset, t[3]->offset = 0);
	NO_PARAM(SCATTER, axis, P(SCATTER)->axis = 0);
	NO_PARAM(SCATTER, func, P(SCATTER)->func = NEURON_NUM_SCATTERS);
	NO_OPERAND(0, rank, shape(t[0], 2, 4, 5));
	NO_OPERAND(1, dims, t[1]->dims[1] = 19);
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_U8);
	NO_OPERAND(2, rank, shape(t[2], 2, 5, 1));
	NO_OPERAND(3, rank, shape(t[3], 2, 4, 5));
	NO_OPERAND(3, dtype, t[3]->dtype = NEURON_U8);
	NO_OPERAND(3, dims, t[3]->dims[1] = 6);
	NO_OPERAND(3, dims, t[3]->dims[2] = 7);
}

static void softmax_norm_gather(void)
{
	build = build_softmax;
	YES();
	YES(i->flags = NEURON_INST_LOG);
	NO_PARAM(SOFTMAX, axis, P(SOFTMAX)->axis = 2);
	NO_OPERAND(1, dims, t[1]->dims[0] = 3);
	NO_OPERAND(0, dtype, t[0]->dtype = NEURON_I32);
	/* Not elementwise: not in place. */
	NO_OPERAND(1, offset, t[1]->dtype = NEURON_F32, t[1]->offset = 0);

	build = build_norm;
	YES();
	YES(P(NORM)->rms = 1, i->operand[2] = NEURON_NO_TENSOR);
	NO_PARAM(NORM, axes, P(NORM)->axes = 0);
	NO_PARAM(NORM, axes, P(NORM)->axes = 4);
	NO_PARAM(NORM, epsilon, P(NORM)->epsilon = NAN);
	NO_PARAM(NORM, epsilon, P(NORM)->epsilon = -1);
	NO_PARAM(NORM, rms, P(NORM)->rms = 2);
	NO_OPERAND(2, dims, shape(t[2], 1, 8));

	build = build_gather;
	YES();
	NO_PARAM(GATHER, axis, P(GATHER)->axis = 0);
	NO_OPERAND(1, rank, shape(t[1], 2, 4, 20));
	NO_OPERAND(2, rank, shape(t[2], 2, 5, 1));
	NO_OPERAND(0, rank, shape(t[0], 2, 4, 5));
	NO_OPERAND(1, dtype, t[1]->dtype = NEURON_U8);
	NO_OPERAND(2, dtype, t[2]->dtype = NEURON_F32);
	NO_OPERAND(0, dims, shape(t[0], 3, 4, 6, 8));
	NO_OPERAND(0, dims, t[0]->dims[0] = 3);
}

static void layouts(void)
{
	/* The fields of each structure, walked as the disassembler does. */
	for (unsigned int op = 0; op < NEURON_NUM_OPCODES; op++) {
		const struct isa_opcode *o = &isa_opcodes[op];
		size_t size = 0;

		CHECK_STR(neuron_opcode_name(op), o->name);
		for (unsigned int f = 0; f < o->num_fields; f++) {
			CHECK_EQ(size % o->fields[f].size, 0);
			size += o->fields[f].size *
				(o->fields[f].count ? o->fields[f].count : 1);
		}
		CHECK_EQ(size, o->params_size);
	}
	CHECK(!neuron_opcode_name(NEURON_NUM_OPCODES));
	CHECK_EQ(neuron_dtype_size(NEURON_I64), 8);
	CHECK_EQ(neuron_dtype_size(99), 0);
	CHECK_STR(neuron_dtype_name(NEURON_BF16), "bf16");
	CHECK_STR(neuron_engine_name(NEURON_ENGINE_DMA_OUT), "dma-out");
	CHECK(!neuron_engine_name(NEURON_NO_ENGINE));
	CHECK_STR(neuron_fault_text(NEURON_FAULT_NONE), "completed");
	CHECK(!neuron_fault_text(NEURON_FAULT_COUNT));
}

static void disasm_is(const char *want)
{
	char line[512], cut[10];
	int n;

	pb_finish(&p);
	n = neuron_disasm_inst(p.bytes, 0, line, sizeof(line));
	CHECK_STR(line, want);
	CHECK_EQ(n, strlen(want));
	CHECK_EQ(neuron_disasm_inst(p.bytes, 0, cut, sizeof(cut)), n);
	CHECK_EQ(strlen(cut), 9);
	CHECK_EQ(neuron_disasm_inst(p.bytes, 0, NULL, 0), n);
}

static void disassembler(void)
{
	build = build_matmul;
	rebuild();
	t[1]->strides[0] = 0;
	P(MATMUL)->act = NEURON_ACT_LEAKY_RELU;
	P(MATMUL)->alpha = 0.25;
	pb_wait(i, 3, 2);
	pb_signal(i, 4, 1);
	i->layer = 9;
	disasm_is("pe matmul out=sbuf:fp32[2,4,8]@0x0 a=sbuf:bf16[2,4,16]/[0,16,1]@0x400 "
		  "b=sbuf:bf16[2,16,8]@0x800 bias=sbuf:fp32[8]@0x1000 "
		  "act=leaky-relu alpha=0.25 beta=0 wait=s3>=2 signal=s4+1 layer=9");
	build = build_conv;
	rebuild();
	P(CONV)->pad[0] = -1;
	i->operand[3] = NEURON_NO_TENSOR;
	disasm_is("pe conv out=sbuf:fp32[2,6,5,7]@0x0 in=sbuf:fp32[2,4,9,7]@0x1000 "
		  "weight=sbuf:fp32[6,2,3,3]@0x2000 act=identity alpha=0 beta=0 "
		  "groups=2 stride=[2,1,0] dilation=[1,1,0] pad=[-1,1,0]");
	build = build_load;
	rebuild();
	disasm_is("dma-in load out=sbuf:int32[4,8]@0x0 in=slot3:int32[4,8]@0x0");
	build = build_reduce;
	rebuild();
	disasm_is("pool reduce out=sbuf:fp32[4,1,6]@0x0 in=sbuf:fp32[4,5,6]@0x400 "
		  "func=sum axes=2");
	pb_free(&p);
}

static void extents(void)
{
	struct neuron_tensor tensor = { .dtype = NEURON_I64, .rank = 8 };
	uint64_t start, end;

	for (int k = 0; k < 8; k++) {
		tensor.dims[k] = ~0u;
		tensor.strides[k] = INT32_MAX;
	}
	CHECK(!neuron_tensor_extent(&tensor, &start, &end));
	for (int k = 0; k < 8; k++)
		tensor.strides[k] = INT32_MIN;
	tensor.offset = ~0ull;
	CHECK(!neuron_tensor_extent(&tensor, &start, &end));
	tensor.rank = 9;
	CHECK(!neuron_tensor_extent(&tensor, &start, &end));
	tensor.rank = 2;
	tensor.dims[0] = 3;
	tensor.dims[1] = 4;
	tensor.strides[0] = -10;
	tensor.strides[1] = 2;
	tensor.offset = 160;
	CHECK(neuron_tensor_extent(&tensor, &start, &end));
	CHECK_EQ(start, 0);
	CHECK_EQ(end, 160 + 6 * 8 + 8);
	tensor.offset = 152;
	CHECK(!neuron_tensor_extent(&tensor, &start, &end));
	tensor.dims[1] = 0;
	CHECK(!neuron_tensor_extent(&tensor, &start, &end));
}

/* isa_overlap() and isa_self_overlaps() against all addresses, one by one. */
static void overlaps_are_sound(void)
{
	uint32_t seed = 1;
	unsigned int apart = 0;

	for (int round = 0; round < 200000; round++) {
		struct neuron_tensor v[2] = { 0 };
		uint8_t bytes[2][1024] = { 0 };
		bool self[2] = { false }, shared = false;

		for (int k = 0; k < 2; k++) {
#define RANDOM(n)	((seed = seed * 1664525 + 1013904223) >> 16) % (n)
			int64_t low = 0;

			v[k].space = NEURON_SPACE_SBUF;
			v[k].dtype = RANDOM(2) ? NEURON_U8 : NEURON_BF16;
			v[k].rank = RANDOM(4);
			for (int d = 0; d < v[k].rank; d++) {
				v[k].dims[d] = 1 + RANDOM(4);
				v[k].strides[d] = (int)(RANDOM(33)) - 16;
				if (v[k].strides[d] < 0)
					low += (int64_t)(v[k].dims[d] - 1) *
					       v[k].strides[d];
			}
			v[k].offset = (RANDOM(16)) * 2 -
				      low * neuron_dtype_size(v[k].dtype);
			for (uint64_t n = 0; n < isa_elements(&v[k]); n++) {
				uint64_t rest = n, at = v[k].offset;

				for (int d = 0; d < v[k].rank; d++) {
					at += (int64_t)(rest % v[k].dims[d]) *
					      v[k].strides[d] *
					      (int)neuron_dtype_size(v[k].dtype);
					rest /= v[k].dims[d];
				}
				self[k] |= bytes[k][at]++;
				if (v[k].dtype == NEURON_BF16)
					bytes[k][at + 1]++;
			}
#undef RANDOM
			if (self[k])
				CHECK(isa_self_overlaps(&v[k]));
		}
		for (size_t b = 0; b < sizeof(bytes[0]); b++)
			shared |= bytes[0][b] && bytes[1][b];
		if (shared)
			CHECK(isa_overlap(&v[0], &v[1]));
		apart += !isa_overlap(&v[0], &v[1]);
	}
	CHECK(apart > 10000);
}

int main(void)
{
	ktap_run("names, sizes, layouts", layouts);
	ktap_run("extents", extents);
	ktap_run("overlap tests miss nothing", overlaps_are_sound);
	ktap_run("header", header);
	ktap_run("instruction fields", instruction);
	ktap_run("tensors, extents, overlaps", tensors);
	ktap_run("LOAD and STORE", load_store);
	ktap_run("MATMUL", matmul);
	ktap_run("CONV and CONV_TRANSPOSE", conv);
	ktap_run("ACT", act);
	ktap_run("QUANTIZE and DEQUANTIZE", quantize);
	ktap_run("ELTWISE", eltwise);
	ktap_run("SELECT, COPY, FILL", select_copy_fill);
	ktap_run("REDUCE", reduce);
	ktap_run("POOL", pool);
	ktap_run("SOFTMAX, NORM, GATHER", softmax_norm_gather);
	ktap_run("SCATTER", scatter);
	ktap_run("disassembler", disassembler);
	pb_free(&p);
	return ktap_done();
}
