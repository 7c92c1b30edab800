/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The instruction set of a NeuronCore: tensors, instructions, programs.
 *
 * This file is the only definition. The structures, the validator
 * (neuron_program_check()), the disassembler (neuron_disasm_inst()) and the
 * tables in qemu-device/SPEC.md all come from the lists below. A new opcode is
 * a row in NEURON_OPCODES with its operand and field lists, a shape rule in
 * qemu-device/isa, a kernel, a cost and a test.
 *
 * A program is relocatable and stateless: an instruction is one operation on
 * whole tensors that sit in the core's scratchpad; only the two DMA engines
 * reach memory outside, and they name it by buffer slot and offset. Each engine
 * executes its own instructions in program order. Engines wait for each other
 * through counting semaphores, which start at zero with each job and only grow.
 *
 * Structures are little-endian and naturally aligned; hosts are, too.
 */
#ifndef NEURON_ISA_H
#define NEURON_ISA_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include "report.h"

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "programs are executed in place: a little-endian host is needed"
#endif

#define NEURON_ISA_VERSION	1

#define NEURON_MAX_RANK		8
#define NEURON_MAX_OPERANDS	8
#define NEURON_MAX_WAITS	2
#define NEURON_MAX_SIGNALS	2
#define NEURON_ISA_SEMAPHORES	32
#define NEURON_NO_TENSOR	0xffff

/* Limits of a program that the chip accepts. */
#define NEURON_MAX_PROGRAM_SIZE	(64u << 20)
#define NEURON_MAX_TENSORS	0xfffe
#define NEURON_MAX_INSTS	(1u << 20)
/*
 * Limits on the work of one instruction. Without broadcasts the size of the
 * scratchpad bounds it well below them; with broadcasts nothing else would.
 */
#define NEURON_MAX_ELEMENTS	(1ull << 32)	/* of a tensor in a slot */
#define NEURON_MAX_CHIP_ELEMENTS (1ull << 28)	/* of one in SBUF or PSUM */
#define NEURON_MAX_MACS		(1ull << 40)	/* of one instruction */
#define NEURON_MAX_CHIP_SPACE	(256u << 20)	/* bytes of SBUF or of PSUM */
/* What a core has unless the device says otherwise, and programs are made for. */
#define NEURON_DEFAULT_SBUF_SIZE	(24u << 20)
#define NEURON_DEFAULT_PSUM_SIZE	(2u << 20)

/* Element types: X(NAME, value, bytes, text) */
#define NEURON_DTYPES(X)                                                       \
	X(F32,  0, 4, "fp32")                                                  \
	X(BF16, 1, 2, "bf16")                                                  \
	X(F16,  2, 2, "fp16")                                                  \
	X(I8,   3, 1, "int8")                                                  \
	X(U8,   4, 1, "uint8")                                                 \
	X(I32,  5, 4, "int32")                                                 \
	X(I64,  6, 8, "int64")	/* from here on in slots only: see NEURON_D_SLOT */ \
	X(F64,  7, 8, "fp64")                                                  \
	X(I16,  8, 2, "int16")                                                 \
	X(U16,  9, 2, "uint16")                                                \
	X(U32, 10, 4, "uint32")                                                \
	X(U64, 11, 8, "uint64")

enum neuron_dtype {
#define X(name, value, bytes, text) NEURON_##name = value,
	NEURON_DTYPES(X)
#undef X
	NEURON_NUM_DTYPES
};

/* Where a tensor lives: X(NAME, value, text) */
#define NEURON_SPACES(X)                                                       \
	X(SLOT, 0, "slot")	/* a buffer of the job, in host memory or DRAM */ \
	X(SBUF, 1, "sbuf")	/* the core's scratchpad */                    \
	X(PSUM, 2, "psum")	/* the core's accumulators: fp32 and int32 only */

enum neuron_space {
#define X(name, value, text) NEURON_SPACE_##name = value,
	NEURON_SPACES(X)
#undef X
	NEURON_NUM_SPACES
};

/**
 * struct neuron_tensor - a strided view of memory, 96 bytes
 * @space: enum neuron_space
 * @dtype: enum neuron_dtype
 * @rank: 0 to NEURON_MAX_RANK; a tensor of rank 0 has one element
 * @reserved0: must be zero
 * @slot: SLOT: index into the job's slot table; else zero
 * @reserved1: must be zero
 * @offset: bytes from the start of the space to element [0, ..., 0]; a multiple
 *	    of the element size
 * @dims: elements in each dimension, at least 1; zero beyond the rank
 * @strides: distance of neighbours in each dimension, in elements. Zero in an
 *	     input repeats (broadcasts) it; outputs must not overlap themselves.
 *	     Negative strides walk backwards. Zero beyond the rank.
 * @scale: quantised tensors: real = scale * (stored - zero_point); else zero
 * @zero_point: see @scale
 *
 * The chip checks the least and the greatest address reachable through dims and
 * strides against the space (or slot) before each access.
 */
struct neuron_tensor {
	uint8_t space;
	uint8_t dtype;
	uint8_t rank;
	uint8_t reserved0;
	uint16_t slot;
	uint16_t reserved1;
	uint64_t offset;
	uint32_t dims[NEURON_MAX_RANK];
	int32_t strides[NEURON_MAX_RANK];
	float scale;
	int32_t zero_point;
	uint64_t reserved2;
};

/* Unary functions, of ACT and of the epilogues: X(NAME, value, text, formula) */
#define NEURON_ACTS(X)                                                         \
	X(IDENTITY,     0, "identity",     "x")                                \
	X(RELU,         1, "relu",         "max(x, 0)")                        \
	X(CLIP,         2, "clip",         "min(max(x, alpha), beta)")         \
	X(LEAKY_RELU,   3, "leaky-relu",   "x < 0 ? alpha * x : x")            \
	X(SIGMOID,      4, "sigmoid",      "1 / (1 + exp(-x))")                \
	X(TANH,         5, "tanh",         "tanh(x)")                          \
	X(EXP,          6, "exp",          "exp(x)")                           \
	X(LOG,          7, "log",          "log(x)")                           \
	X(SQRT,         8, "sqrt",         "sqrt(x)")                          \
	X(RSQRT,        9, "rsqrt",        "1 / sqrt(x)")                      \
	X(RECIPROCAL,  10, "reciprocal",   "1 / x")                            \
	X(ERF,         11, "erf",          "erf(x)")                           \
	X(GELU,        12, "gelu",         "x * (1 + erf(x / sqrt(2))) / 2")   \
	X(GELU_TANH,   13, "gelu-tanh",    "x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3))) / 2") \
	X(SILU,        14, "silu",         "x / (1 + exp(-alpha * x))")        \
	X(ELU,         15, "elu",          "x < 0 ? alpha * (exp(x) - 1) : x") \
	X(SELU,        16, "selu",         "beta * (x <= 0 ? alpha * (exp(x) - 1) : x)") \
	X(SOFTPLUS,    17, "softplus",     "log(1 + exp(x))")                  \
	X(SOFTSIGN,    18, "softsign",     "x / (1 + |x|)")                    \
	X(HARDSIGMOID, 19, "hard-sigmoid", "min(max(alpha * x + beta, 0), 1)") \
	X(HARDSWISH,   20, "hard-swish",   "x * min(max(x / 6 + 0.5, 0), 1)")  \
	X(MISH,        21, "mish",         "x * tanh(log(1 + exp(x)))")        \
	X(ABS,         22, "abs",          "|x|")                              \
	X(NEG,         23, "neg",          "-x")                               \
	X(SIGN,        24, "sign",         "(x > 0) - (x < 0)")                \
	X(FLOOR,       25, "floor",        "greatest integer <= x")            \
	X(CEIL,        26, "ceil",         "least integer >= x")               \
	X(ROUND,       27, "round",        "nearest integer, ties to even")    \
	X(SIN,         28, "sin",          "sin(x)")                           \
	X(COS,         29, "cos",          "cos(x)")                           \
	X(NOT,         30, "not",          "x == 0")                           \
	X(SQUARE,      31, "square",       "x * x")                            \
	X(POWC,        32, "powc",         "x ^ alpha")                        \
	X(AFFINE,      33, "affine",       "alpha * x + beta")                 \
	X(THRESHOLD,   34, "threshold",    "x > alpha ? x : 0")                \
	X(ATAN,        35, "atan",         "atan(x)")

enum neuron_act {
#define X(name, value, text, formula) NEURON_ACT_##name = value,
	NEURON_ACTS(X)
#undef X
	NEURON_NUM_ACTS
};

/* Binary functions of ELTWISE: X(NAME, value, text, formula) */
#define NEURON_BINARIES(X)                                                     \
	X(ADD,    0, "add",   "a + b")                                         \
	X(SUB,    1, "sub",   "a - b")                                         \
	X(MUL,    2, "mul",   "a * b")                                         \
	X(DIV,    3, "div",   "a / b; integers truncate, x / 0 is 0")          \
	X(MAX,    4, "max",   "a < b ? b : a; NaN if either is")               \
	X(MIN,    5, "min",   "a > b ? b : a; NaN if either is")               \
	X(POW,    6, "pow",   "a ^ b")                                         \
	X(MOD,    7, "mod",   "a - b * floor(a / b)")                          \
	X(FMOD,   8, "fmod",  "a - b * trunc(a / b)")                          \
	X(PRELU,  9, "prelu", "a < 0 ? a * b : a")                             \
	X(EQ,    10, "eq",    "a == b, as uint8")                              \
	X(LT,    11, "lt",    "a < b, as uint8")                               \
	X(LE,    12, "le",    "a <= b, as uint8")                              \
	X(GT,    13, "gt",    "a > b, as uint8")                               \
	X(GE,    14, "ge",    "a >= b, as uint8")                              \
	X(AND,   15, "and",   "a && b, as uint8")                              \
	X(OR,    16, "or",    "a || b, as uint8")                              \
	X(XOR,   17, "xor",   "!a != !b, as uint8")                            \
	X(BIT_AND, 18, "bit-and", "a & b, integers only")                      \
	X(BIT_OR,  19, "bit-or",  "a | b, integers only")                      \
	X(BIT_XOR, 20, "bit-xor", "a ^ b, integers only")                      \
	X(SHL,   21, "shl",   "a * 2^b modulo 2^32, integers only")            \
	X(SHR,   22, "shr",   "a as 32 bits without a sign / 2^b, integers only")

enum neuron_binary {
#define X(name, value, text, formula) NEURON_BINARY_##name = value,
	NEURON_BINARIES(X)
#undef X
	NEURON_NUM_BINARIES
};

/* Reductions: X(NAME, value, text, formula) */
#define NEURON_REDUCTIONS(X)                                                   \
	X(SUM,     0, "sum",    "sum of x")                                    \
	X(MEAN,    1, "mean",   "sum of x / n")                                \
	X(MAX,     2, "max",    "greatest x")                                  \
	X(MIN,     3, "min",    "least x")                                     \
	X(PROD,    4, "prod",   "product of x")                                \
	X(SUMSQ,   5, "sumsq",  "sum of x * x")                                \
	X(L1,      6, "l1",     "sum of |x|")                                  \
	X(L2,      7, "l2",     "sqrt(sum of x * x)")                          \
	X(LOGSUM,  8, "logsum", "log(sum of x)")                               \
	X(LOGSUMEXP, 9, "logsumexp", "log(sum of exp(x)), scaled by the greatest x") \
	X(ARGMAX, 10, "argmax", "index of the greatest x, as int32; one axis") \
	X(ARGMIN, 11, "argmin", "index of the least x, as int32; one axis")

enum neuron_reduction {
#define X(name, value, text, formula) NEURON_REDUCE_##name = value,
	NEURON_REDUCTIONS(X)
#undef X
	NEURON_NUM_REDUCTIONS
};

/* How SCATTER combines an update with what is there: X(NAME, value, text, formula) */
#define NEURON_SCATTERS(X)                                                     \
	X(SET, 0, "set", "the update")                                         \
	X(ADD, 1, "add", "a + update")                                         \
	X(MUL, 2, "mul", "a * update")                                         \
	X(MAX, 3, "max", "a < update ? update : a; NaN if either is")          \
	X(MIN, 4, "min", "a > update ? update : a; NaN if either is")

enum neuron_scatter {
#define X(name, value, text, formula) NEURON_SCATTER_##name = value,
	NEURON_SCATTERS(X)
#undef X
	NEURON_NUM_SCATTERS
};

/* Windows of POOL: X(NAME, value, text) */
#define NEURON_POOLS(X)                                                        \
	X(MAX, 0, "max")                                                       \
	X(AVG, 1, "avg")                                                       \
	X(LP,  2, "lp")

enum neuron_pool {
#define X(name, value, text) NEURON_POOL_##name = value,
	NEURON_POOLS(X)
#undef X
	NEURON_NUM_POOLS
};

/* Bits of an instruction's flags field. */
#define NEURON_INST_ACCUMULATE	0x0001	/* MATMUL, CONV, CONV_TRANSPOSE: out += , PSUM only */
#define NEURON_INST_LAST	0x0002	/* REDUCE ARG*: of equal elements take the last */
#define NEURON_INST_LOG		0x0004	/* SOFTMAX: its logarithm */
#define NEURON_INST_PAD_COUNTS	0x0008	/* POOL AVG: padding counts in the divisor */
/*
 * LOAD: skipped in a job that finds the core as a job with the same resident id
 * (struct neuron_sqe) and the same program left it: the destination then still
 * holds what was loaded. Its waits and signals count all the same. The program
 * must not write to the destination by anything else.
 */
#define NEURON_INST_RESIDENT	0x0010
#define NEURON_INST_FLAGS	0x001f

/*
 * Operand lists: O(role, direction, spaces, dtypes)
 *
 * direction is OUT, IN or OPT (an input that may be NEURON_NO_TENSOR). The
 * position in the list is the position in neuron_inst.operand.
 */
#define NEURON_S_SLOT	(1u << NEURON_SPACE_SLOT)
#define NEURON_S_SBUF	(1u << NEURON_SPACE_SBUF)
#define NEURON_S_PSUM	(1u << NEURON_SPACE_PSUM)
#define NEURON_S_CHIP	(NEURON_S_SBUF | NEURON_S_PSUM)

#define NEURON_D(x)	(1u << NEURON_##x)
#define NEURON_D_FLOAT	(NEURON_D(F32) | NEURON_D(BF16) | NEURON_D(F16))
#define NEURON_D_BYTE	(NEURON_D(I8) | NEURON_D(U8))
#define NEURON_D_CHIP	(NEURON_D_FLOAT | NEURON_D_BYTE | NEURON_D(I32))
/*
 * Types that are in slots only. DMA converts: fp64 is fp32 on the chip, all
 * integers are int32. neuron_dtype_on_chip() says so.
 */
#define NEURON_D_SLOT	(NEURON_D(I64) | NEURON_D(F64) | NEURON_D(I16) |       \
			 NEURON_D(U16) | NEURON_D(U32) | NEURON_D(U64))
#define NEURON_D_ALL	(NEURON_D_CHIP | NEURON_D_SLOT)

#define NEURON_OPERANDS_NOP(O)

#define NEURON_OPERANDS_LOAD(O)                                                \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(in,  IN,  NEURON_S_SLOT, NEURON_D_ALL)

#define NEURON_OPERANDS_STORE(O)                                               \
	O(out, OUT, NEURON_S_SLOT, NEURON_D_ALL)                               \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_MATMUL(O)                                              \
	O(out,   OUT, NEURON_S_CHIP, NEURON_D_CHIP)                            \
	O(a,     IN,  NEURON_S_SBUF, NEURON_D_FLOAT | NEURON_D_BYTE)           \
	O(b,     IN,  NEURON_S_SBUF, NEURON_D_FLOAT | NEURON_D_BYTE)           \
	O(bias,  OPT, NEURON_S_SBUF, NEURON_D(F32) | NEURON_D(I32))            \
	O(scale, OPT, NEURON_S_SBUF, NEURON_D(F32))                            \
	O(offset, OPT, NEURON_S_SBUF, NEURON_D(I32))

#define NEURON_OPERANDS_CONV(O)                                                \
	O(out,    OUT, NEURON_S_CHIP, NEURON_D_CHIP)                           \
	O(in,     IN,  NEURON_S_SBUF, NEURON_D_FLOAT | NEURON_D_BYTE)          \
	O(weight, IN,  NEURON_S_SBUF, NEURON_D_FLOAT | NEURON_D_BYTE)          \
	O(bias,   OPT, NEURON_S_SBUF, NEURON_D(F32) | NEURON_D(I32))           \
	O(scale,  OPT, NEURON_S_SBUF, NEURON_D(F32))                           \
	O(offset, OPT, NEURON_S_SBUF, NEURON_D(I32))

#define NEURON_OPERANDS_CONV_TRANSPOSE(O) NEURON_OPERANDS_CONV(O)

#define NEURON_OPERANDS_ACT(O)                                                 \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_QUANTIZE(O)                                            \
	O(out,        OUT, NEURON_S_SBUF, NEURON_D_BYTE)                       \
	O(in,         IN,  NEURON_S_CHIP, NEURON_D_FLOAT | NEURON_D(I32))      \
	O(scale,      IN,  NEURON_S_SBUF, NEURON_D(F32))                       \
	O(zero_point, OPT, NEURON_S_SBUF, NEURON_D_BYTE | NEURON_D(I32))

#define NEURON_OPERANDS_DEQUANTIZE(O)                                          \
	O(out,        OUT, NEURON_S_CHIP, NEURON_D_FLOAT)                      \
	O(in,         IN,  NEURON_S_CHIP, NEURON_D_BYTE | NEURON_D(I32))       \
	O(scale,      IN,  NEURON_S_SBUF, NEURON_D(F32))                       \
	O(zero_point, OPT, NEURON_S_SBUF, NEURON_D_BYTE | NEURON_D(I32))

#define NEURON_OPERANDS_ELTWISE(O)                                             \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(a,   IN,  NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(b,   IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_SELECT(O)                                              \
	O(out,  OUT, NEURON_S_CHIP, NEURON_D_CHIP)                             \
	O(cond, IN,  NEURON_S_CHIP, NEURON_D(U8))                              \
	O(a,    IN,  NEURON_S_CHIP, NEURON_D_CHIP)                             \
	O(b,    IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_COPY(O)                                                \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_FILL(O)                                                \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_REDUCE(O)                                              \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_POOL(O)                                                \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_CHIP)                              \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_CHIP)

#define NEURON_OPERANDS_SOFTMAX(O)                                             \
	O(out, OUT, NEURON_S_CHIP, NEURON_D_FLOAT)                             \
	O(in,  IN,  NEURON_S_CHIP, NEURON_D_FLOAT)

#define NEURON_OPERANDS_NORM(O)                                                \
	O(out,   OUT, NEURON_S_CHIP, NEURON_D_FLOAT)                           \
	O(in,    IN,  NEURON_S_CHIP, NEURON_D_FLOAT)                           \
	O(gamma, OPT, NEURON_S_SBUF, NEURON_D_FLOAT)                           \
	O(beta,  OPT, NEURON_S_SBUF, NEURON_D_FLOAT)

#define NEURON_OPERANDS_GATHER(O)                                              \
	O(out,   OUT, NEURON_S_SBUF, NEURON_D_CHIP)                            \
	O(in,    IN,  NEURON_S_SBUF, NEURON_D_CHIP)                            \
	O(index, IN,  NEURON_S_SBUF, NEURON_D(I32))

#define NEURON_OPERANDS_SCATTER(O)                                             \
	O(out,     OUT, NEURON_S_SBUF, NEURON_D_CHIP)                          \
	O(in,      IN,  NEURON_S_SBUF, NEURON_D_CHIP)                          \
	O(index,   IN,  NEURON_S_SBUF, NEURON_D(I32))                          \
	O(updates, IN,  NEURON_S_SBUF, NEURON_D_CHIP)

/*
 * Parameter lists: S(type, name, meaning) for a scalar, A(type, name, count,
 * meaning) for an array
 *
 * They make the parameter structures; bytes beyond the last field must be zero.
 */
#define NEURON_FIELDS_NOP(S, A)
#define NEURON_FIELDS_LOAD(S, A)
#define NEURON_FIELDS_STORE(S, A)

#define NEURON_FIELDS_EPILOGUE(S, A)                                              \
	S(uint32_t, act,   "enum neuron_act applied before the result is stored") \
	S(float,    alpha, "parameter of act")                              \
	S(float,    beta,  "parameter of act")

#define NEURON_FIELDS_MATMUL(S, A)	NEURON_FIELDS_EPILOGUE(S, A)

#define NEURON_FIELDS_CONV(S, A)                                                  \
	NEURON_FIELDS_EPILOGUE(S, A)                                              \
	S(uint32_t, groups,   "groups of channels")                         \
	A(uint16_t, stride,   3, "by spatial dimension, unused ones zero")     \
	A(uint16_t, dilation, 3, "by spatial dimension, unused ones zero")     \
	A(int16_t,  pad,      3, "zeros before the first element, by spatial dimension; " \
				 "those after the last follow from out's dims") \
	S(uint16_t, reserved, "zero")

#define NEURON_FIELDS_CONV_TRANSPOSE(S, A)	NEURON_FIELDS_CONV(S, A)

#define NEURON_FIELDS_ACT(S, A)                                                   \
	S(uint32_t, func,  "enum neuron_act")                               \
	S(float,    alpha, "parameter of func")                             \
	S(float,    beta,  "parameter of func")

#define NEURON_FIELDS_QUANTIZE(S, A)
#define NEURON_FIELDS_DEQUANTIZE(S, A)

#define NEURON_FIELDS_ELTWISE(S, A)                                               \
	S(uint32_t, func,  "enum neuron_binary")                            \
	NEURON_FIELDS_EPILOGUE(S, A)

#define NEURON_FIELDS_SELECT(S, A)
#define NEURON_FIELDS_COPY(S, A)

#define NEURON_FIELDS_FILL(S, A)                                                  \
	S(uint32_t, value, "bit pattern of the element, zero-extended")

#define NEURON_FIELDS_REDUCE(S, A)                                                \
	S(uint32_t, func,  "enum neuron_reduction")                         \
	S(uint32_t, axes,  "bit n: reduce dimension n, which out has as 1")

#define NEURON_FIELDS_POOL(S, A)                                                  \
	S(uint32_t, func,     "enum neuron_pool")                           \
	S(uint32_t, p,        "LP: the norm's exponent")                    \
	A(uint16_t, kernel,   3, "by spatial dimension, unused ones zero")     \
	A(uint16_t, stride,   3, "by spatial dimension, unused ones zero")     \
	A(uint16_t, dilation, 3, "by spatial dimension, unused ones zero")     \
	A(uint16_t, pad_lo,   3, "padding before, by spatial dimension")       \
	A(uint16_t, pad_hi,   3, "padding after, by spatial dimension")        \
	S(uint16_t, reserved, "zero")

#define NEURON_FIELDS_SOFTMAX(S, A)                                               \
	S(uint32_t, axis, "dimension over which the result sums to one")

#define NEURON_FIELDS_NORM(S, A)                                                  \
	S(uint32_t, axes,    "bit n: dimension n belongs to the mean and variance") \
	S(float,    epsilon, "added to the variance")                       \
	S(uint32_t, rms,     "1: divide by the root mean square, no mean is taken")

#define NEURON_FIELDS_GATHER(S, A)                                                \
	S(uint32_t, axis, "dimension of in that index selects from")

#define NEURON_E(x)	(1u << NEURON_ENGINE_##x)

#define NEURON_FIELDS_SCATTER(S, A)                                               \
	S(uint32_t, axis, "dimension of in that index selects from")        \
	S(uint32_t, func, "enum neuron_scatter")

/*
 * The opcodes: X(NAME, value, engines, meaning)
 *
 * Shapes, besides "equal dims": conv, pool: [N, C, spatial...], one to three
 * spatial dimensions; weights [M, C / groups, kernel...], for CONV_TRANSPOSE
 * [C, M / groups, kernel...]; bias, scale and offset: [M] (scale may be [1]).
 */
#define NEURON_OPCODES(X)                                                      \
	X(NOP,         0, NEURON_E(DMA_IN) | NEURON_E(DMA_OUT) | NEURON_E(PE) | \
			  NEURON_E(ACT) | NEURON_E(POOL), "waits and signals only") \
	X(LOAD,        1, NEURON_E(DMA_IN), "out = in; equal dims; types that the chip lacks become fp32 or int32") \
	X(STORE,       2, NEURON_E(DMA_OUT), "out = in; equal dims; fp32 or int32 become types that the chip lacks") \
	X(MATMUL,      3, NEURON_E(PE), "out[..., m, n] = act(scale[n] * (sum over k of a[..., m, k] * b[..., k, n] + offset[n]) + bias[n])") \
	X(CONV,        4, NEURON_E(PE), "out = act(scale[m] * (conv(in, weight) + offset[m]) + bias[m])") \
	X(CONV_TRANSPOSE, 5, NEURON_E(PE), "out = act(scale[m] * (conv_transpose(in, weight) + offset[m]) + bias[m])") \
	X(ACT,         6, NEURON_E(ACT) | NEURON_E(POOL), "out = func(in), converted to out's type; equal dims") \
	X(QUANTIZE,    7, NEURON_E(ACT) | NEURON_E(POOL), "out = saturate(round_even(in / scale) + zero_point); equal dims, scale and zero_point by stride") \
	X(DEQUANTIZE,  8, NEURON_E(ACT) | NEURON_E(POOL), "out = (in - zero_point) * scale; equal dims, scale and zero_point by stride") \
	X(ELTWISE,     9, NEURON_E(POOL), "out = act(func(a, b)); equal dims, broadcast by stride") \
	X(SELECT,     10, NEURON_E(POOL), "out = cond ? a : b; equal dims, broadcast by stride") \
	X(COPY,       11, NEURON_E(ACT) | NEURON_E(POOL), "out = in, of the same type; equal dims") \
	X(FILL,       12, NEURON_E(ACT) | NEURON_E(POOL), "out = value")       \
	X(REDUCE,     13, NEURON_E(POOL), "out = func of in over axes")        \
	X(POOL,       14, NEURON_E(POOL), "out = func over windows of in")     \
	X(SOFTMAX,    15, NEURON_E(ACT) | NEURON_E(POOL), "out = exp(in - max) / sum over axis; equal dims") \
	X(NORM,       16, NEURON_E(POOL), "out = (in - mean) / sqrt(variance + epsilon) * gamma + beta; equal dims, gamma and beta by stride") \
	X(GATHER,     17, NEURON_E(POOL), "out[o, j, i] = in[o, index[j], i]; in and out of rank 3 around axis 1, index of rank 1, negative indices count from the end") \
	X(SCATTER,    18, NEURON_E(POOL), "out = in, then for each j in order out[o, index[j], i] = func(out[o, index[j], i], updates[o, j, i]); operands of rank 3 around axis 1, index of rank 1, negative indices count from the end")

enum neuron_opcode {
#define X(name, value, engines, meaning) NEURON_OP_##name = value,
	NEURON_OPCODES(X)
#undef X
	NEURON_NUM_OPCODES
};

/* struct neuron_params_NAME, from the parameter lists */
#define NEURON_PARAM_SCALAR(type, name, meaning)	type name;
#define NEURON_PARAM_ARRAY(type, name, count, meaning)	type name[count];
#define NEURON_PARAM_BYTES	72

#define X(name, value, engines, meaning)                                       \
	struct neuron_params_##name {                                          \
		NEURON_FIELDS_##name(NEURON_PARAM_SCALAR,     \
				     NEURON_PARAM_ARRAY)                                     \
	};
NEURON_OPCODES(X)
#undef X

/* A semaphore and a value: wait until it is at least that, or add that. */
struct neuron_sem_op {
	uint16_t sem;
	uint16_t reserved;
	uint32_t value;
};

/**
 * struct neuron_inst - an instruction, 128 bytes
 * @opcode: enum neuron_opcode
 * @engine: enum neuron_engine that executes it
 * @version: NEURON_ISA_VERSION
 * @flags: NEURON_INST_*
 * @layer: of the model, for profiles and messages; the chip ignores it
 * @wait: wait until semaphore >= value; a value of zero waits for nothing
 * @signal: add value to the semaphore at the end; zero adds nothing
 * @operand: indices into the program's tensor table, or NEURON_NO_TENSOR, in
 *	     the order of the opcode's operand list
 * @params: struct neuron_params_NAME of the opcode, then zeros
 */
struct neuron_inst {
	uint16_t opcode;
	uint8_t engine;
	uint8_t version;
	uint16_t flags;
	uint16_t layer;
	struct neuron_sem_op wait[NEURON_MAX_WAITS];
	struct neuron_sem_op signal[NEURON_MAX_SIGNALS];
	uint16_t operand[NEURON_MAX_OPERANDS];
	uint8_t params[NEURON_PARAM_BYTES] __attribute__((aligned(8)));
};

/* The parameters of an instruction whose opcode is known: NEURON_PARAMS(CONV, inst)->groups */
#define NEURON_PARAMS(name, inst)	((struct neuron_params_##name *)(inst)->params)
#define NEURON_CPARAMS(name, inst)	((const struct neuron_params_##name *)(inst)->params)

#define NEURON_PROGRAM_MAGIC	0x47525050u	/* "PPRG" */

/**
 * struct neuron_program_header - start of a program, 64 bytes
 * @magic: NEURON_PROGRAM_MAGIC
 * @version: NEURON_ISA_VERSION
 * @header_size: sizeof(struct neuron_program_header)
 * @size: bytes of the whole program, header included
 * @num_tensors: entries of the tensor table
 * @num_insts: entries of the instruction array
 * @tensors: byte offset of the tensor table, a multiple of 8
 * @insts: byte offset of the instruction array, a multiple of 8
 * @num_slots: slots that the program names: all are below this number
 * @sbuf_size: scratchpad bytes that the program uses
 * @psum_size: accumulator bytes that the program uses
 * @sharing: for the timing model alone: cores that do the like at the same time and
 *	     share the memories, this one included; 0 and 1: it has them to itself. At
 *	     most NEURON_MAX_SHARING
 * @reserved: must be zero
 */
#define NEURON_MAX_SHARING	64

struct neuron_program_header {
	uint32_t magic;
	uint16_t version;
	uint16_t header_size;
	uint32_t size;
	uint32_t num_tensors;
	uint32_t num_insts;
	uint32_t tensors;
	uint32_t insts;
	uint32_t num_slots;
	uint32_t sbuf_size;
	uint32_t psum_size;
	uint32_t sharing;
	uint32_t reserved[5];
};

_Static_assert(sizeof(struct neuron_tensor) == 96, "layout");
_Static_assert(sizeof(struct neuron_inst) == 128, "layout");
_Static_assert(sizeof(struct neuron_program_header) == 64, "layout");
#define X(name, value, engines, meaning)                                       \
	_Static_assert(sizeof(struct neuron_params_##name) <=                  \
		       sizeof(((struct neuron_inst *)0)->params), "params of " #name);
NEURON_OPCODES(X)
#undef X

/**
 * neuron_program_check() - validate a program
 * @program: the whole program; may be hostile
 * @size: bytes of it
 * @fault: filled in when the program is refused: kind, engine, operand,
 *	   instruction index, and the byte offset in @info
 * @why: when not NULL, receives a static text that says what is wrong
 *
 * Checks everything that does not depend on the slot table: header, bounds of
 * the tables, opcodes, engines, reserved bytes, operand spaces and types, shape
 * rules, and that every scratchpad access stays within sbuf_size and psum_size.
 * Pure and thread-safe; time is linear in @size.
 *
 * Return: true when the program is sound.
 */
bool neuron_program_check(const void *program, size_t size,
			  struct neuron_fault *fault, const char **why);

/**
 * neuron_tensor_extent() - the bytes that a tensor can reach
 * @tensor: the tensor; may be hostile
 * @start: lowest byte offset
 * @end: highest byte offset plus one
 *
 * Return: false when the extent is negative or does not fit 64 bits.
 */
bool neuron_tensor_extent(const struct neuron_tensor *tensor, uint64_t *start,
			  uint64_t *end);

/**
 * neuron_disasm_inst() - write one instruction as text
 * @program: a program that passed neuron_program_check()
 * @index: of the instruction
 * @buf: receives a NUL-terminated line without a newline, cut to @size
 * @size: bytes of @buf
 *
 * Return: the length that the whole line needs, as snprintf() does.
 */
int neuron_disasm_inst(const void *program, uint32_t index, char *buf,
		       size_t size);

/* Sizes and names from the lists above; NULL or 0 for a value that is none. */
unsigned int neuron_dtype_size(unsigned int dtype);
const char *neuron_dtype_name(unsigned int dtype);
/* The type that LOAD makes of it: its own, or fp32 or int32 for NEURON_D_SLOT. */
unsigned int neuron_dtype_on_chip(unsigned int dtype);
const char *neuron_opcode_name(unsigned int opcode);
const char *neuron_engine_name(unsigned int engine);
const char *neuron_fault_text(unsigned int kind);

static inline const struct neuron_program_header *
neuron_program_header(const void *program)
{
	return program;
}

/* Tables of a program that passed neuron_program_check(). */
static inline const struct neuron_tensor *
neuron_program_tensors(const void *program)
{
	return (const void *)((const char *)program +
			      neuron_program_header(program)->tensors);
}

static inline const struct neuron_inst *
neuron_program_insts(const void *program)
{
	return (const void *)((const char *)program +
			      neuron_program_header(program)->insts);
}

#endif /* NEURON_ISA_H */
