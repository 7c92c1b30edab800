// SPDX-License-Identifier: MIT
/*
 * The rules of each opcode: which types, shapes and parameters go together.
 *
 * They come on top of the operand lists in <neuron/isa.h> and of what check.c
 * wants from every instruction. "Float" is fp32, bf16 or fp16, "byte" is int8 or
 * uint8. Where a float output is allowed, it may be of any float type.
 */
#include <math.h>
#include "qemu-device/isa/check.h"

#define INST(name)	offsetof(struct neuron_inst, name)
#define TENSOR(name)	offsetof(struct neuron_tensor, name)
#define PARAM(op, name)	\
	(INST(params) + offsetof(struct neuron_params_##op, name))

#define MAX_SPATIAL	3

static bool is_float(const struct neuron_tensor *t)
{
	return (NEURON_D_FLOAT >> t->dtype) & 1;
}

static bool is_byte(const struct neuron_tensor *t)
{
	return (NEURON_D_BYTE >> t->dtype) & 1;
}

static bool same_dims(const struct neuron_tensor *a,
		      const struct neuron_tensor *b)
{
	if (a->rank != b->rank)
		return false;
	for (unsigned int i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i])
			return false;
	return true;
}

/* Equal dims of out and all inputs; broadcasting is done by strides of zero. */
static bool rule_equal_dims(struct isa_check *c)
{
	for (unsigned int k = 1; k < NEURON_MAX_OPERANDS; k++)
		if (c->op[k] && !same_dims(c->op[0], c->op[k]))
			return isa_bad_operand(c, k, TENSOR(dims),
					       "dims differ from the output's");
	return true;
}

/* All operands from @first on have out's type. */
static bool rule_same_dtype(struct isa_check *c, unsigned int first)
{
	for (unsigned int k = first; k < NEURON_MAX_OPERANDS; k++)
		if (c->op[k] && c->op[k]->dtype != c->op[0]->dtype)
			return isa_bad_operand(c, k, TENSOR(dtype),
					       "type differs from the output's");
	return true;
}

static bool rule_act(struct isa_check *c, uint32_t act, size_t act_field,
		     float alpha, float beta)
{
	if (act >= NEURON_NUM_ACTS)
		return isa_bad_inst(c, act_field, "unknown function");
	if (isnan(alpha))
		return isa_bad_inst(c, act_field + 4, "alpha is not a number");
	if (isnan(beta))
		return isa_bad_inst(c, act_field + 8, "beta is not a number");
	return true;
}

static bool rule_axes(struct isa_check *c, uint32_t axes, size_t field)
{
	if (!axes)
		return isa_bad_inst(c, field, "no axis is named");
	if (axes >> c->op[1]->rank)
		return isa_bad_inst(c, field, "an axis is not below the rank");
	return true;
}

/* NOP: no operands, no parameters. */
static bool rule_NOP(struct isa_check *c)
{
	(void)c;
	return true;
}

/* LOAD: equal dims; in of out's type, or of one that becomes it. */
static bool rule_LOAD(struct isa_check *c)
{
	if (neuron_dtype_on_chip(c->op[1]->dtype) != c->op[0]->dtype)
		return isa_bad_operand(c, 1, TENSOR(dtype),
				       "LOAD converts only types that the chip lacks");
	return rule_equal_dims(c);
}

/* STORE: equal dims; in of out's type, or of the one that stands for it. */
static bool rule_STORE(struct isa_check *c)
{
	if (neuron_dtype_on_chip(c->op[0]->dtype) != c->op[1]->dtype)
		return isa_bad_operand(c, 0, TENSOR(dtype),
				       "STORE converts only to types that the chip lacks");
	return rule_equal_dims(c);
}

/*
 * MATMUL, CONV, CONV_TRANSPOSE, types: operands out, x, w, bias, scale, offset.
 *
 * - x and w are of the same float type, or both bytes (int8 and uint8 may be
 *   mixed; each one's zero_point is subtracted before the multiplication).
 * - Float x and w: out is float, bias fp32.
 * - Bytes without scale: out is int32, bias int32, act is identity.
 * - Bytes with scale: out is float or byte, bias is int32 (added to the sum
 *   before it is scaled) or fp32 (added after).
 * - An offset (added to the sum before it is scaled) goes with bytes and a scale; then
 *   bias is fp32.
 * - ACCUMULATE: out lies in PSUM, act is identity.
 */
static bool rule_matrix_types(struct isa_check *c, uint32_t act, size_t act_field)
{
	const struct neuron_tensor *out = c->op[0], *x = c->op[1], *w = c->op[2];
	const struct neuron_tensor *bias = c->op[3], *scale = c->op[4];

	if (is_float(x) ? w->dtype != x->dtype : !is_byte(w))
		return isa_bad_operand(c, 2, TENSOR(dtype),
				       "factors must be of one float type or both bytes");
	if (is_float(x)) {
		if (!is_float(out))
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "float factors give a float output");
		if (bias && bias->dtype != NEURON_F32)
			return isa_bad_operand(c, 3, TENSOR(dtype),
					       "bias must be fp32 with float factors");
	} else if (!scale) {
		if (out->dtype != NEURON_I32)
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "byte factors without scale give int32");
		if (bias && bias->dtype != NEURON_I32)
			return isa_bad_operand(c, 3, TENSOR(dtype),
					       "bias must be int32 with an int32 output");
		if (act != NEURON_ACT_IDENTITY)
			return isa_bad_inst(c, act_field,
					    "an int32 output has no function");
	} else if (out->dtype == NEURON_I32) {
		return isa_bad_operand(c, 0, TENSOR(dtype),
				       "a scaled output is float or a byte");
	}
	if (c->op[5] && (is_float(x) || !scale))
		return isa_bad_operand(c, 5, TENSOR(dtype),
				       "an offset goes with byte factors and a scale");
	if (c->op[5] && bias && bias->dtype != NEURON_F32)
		return isa_bad_operand(c, 3, TENSOR(dtype),
				       "bias must be fp32 where there is an offset");

	if (c->inst->flags & NEURON_INST_ACCUMULATE) {
		if (out->space != NEURON_SPACE_PSUM)
			return isa_bad_operand(c, 0, TENSOR(space),
					       "ACCUMULATE needs its output in PSUM");
		if (act != NEURON_ACT_IDENTITY)
			return isa_bad_inst(c, act_field,
					    "ACCUMULATE does not go with a function");
	}
	return true;
}

/* bias, offset: [channels]; scale: [channels] or [1]. */
static bool rule_channels(struct isa_check *c, uint32_t channels)
{
	const struct neuron_tensor *bias = c->op[3], *scale = c->op[4], *offset = c->op[5];

	if (bias && (bias->rank != 1 || bias->dims[0] != channels))
		return isa_bad_operand(c, 3, TENSOR(dims),
				       "bias must have one element a channel");
	if (scale && (scale->rank != 1 ||
		      (scale->dims[0] != channels && scale->dims[0] != 1)))
		return isa_bad_operand(c, 4, TENSOR(dims),
				       "scale must have one element, or one a channel");
	if (offset && (offset->rank != 1 || offset->dims[0] != channels))
		return isa_bad_operand(c, 5, TENSOR(dims),
				       "offset must have one element a channel");
	return true;
}

static bool rule_macs(struct isa_check *c, uint64_t elements, uint64_t each)
{
	uint64_t macs;

	if (__builtin_mul_overflow(elements, each, &macs) ||
	    macs > NEURON_MAX_MACS)
		return isa_over_limit(c, NEURON_MAX_MACS,
				      "more than 2^40 multiply-accumulates");
	return true;
}

/*
 * MATMUL: out [..., M, N], a [..., M, K], b [..., K, N], of equal rank, 2 or
 * more, and equal leading dims (broadcast by strides of zero); bias and offset [N],
 * scale [N] or [1]. At most 2^40 multiply-accumulates.
 */
static bool rule_MATMUL(struct isa_check *c)
{
	const struct neuron_params_MATMUL *p = NEURON_CPARAMS(MATMUL, c->inst);
	const struct neuron_tensor *out = c->op[0], *a = c->op[1], *b = c->op[2];
	unsigned int m = out->rank - 2, n = out->rank - 1;

	if (!rule_act(c, p->act, PARAM(MATMUL, act), p->alpha, p->beta) ||
	    !rule_matrix_types(c, p->act, PARAM(MATMUL, act)))
		return false;
	if (out->rank < 2)
		return isa_bad_operand(c, 0, TENSOR(rank), "MATMUL needs rank 2");
	if (a->rank != out->rank)
		return isa_bad_operand(c, 1, TENSOR(rank),
				       "rank differs from the output's");
	if (b->rank != out->rank)
		return isa_bad_operand(c, 2, TENSOR(rank),
				       "rank differs from the output's");
	for (unsigned int i = 0; i < m; i++) {
		if (a->dims[i] != out->dims[i])
			return isa_bad_operand(c, 1, TENSOR(dims),
					       "leading dims differ from the output's");
		if (b->dims[i] != out->dims[i])
			return isa_bad_operand(c, 2, TENSOR(dims),
					       "leading dims differ from the output's");
	}
	if (a->dims[m] != out->dims[m])
		return isa_bad_operand(c, 1, TENSOR(dims),
				       "rows differ from the output's");
	if (b->dims[n] != out->dims[n])
		return isa_bad_operand(c, 2, TENSOR(dims),
				       "columns differ from the output's");
	if (a->dims[n] != b->dims[m])
		return isa_bad_operand(c, 2, TENSOR(dims),
				       "rows differ from the columns of a");
	return rule_channels(c, out->dims[n]) &&
	       rule_macs(c, isa_elements(out), a->dims[n]);
}

/* A window's size in elements, gaps of the dilation included. */
static int64_t window_span(uint32_t kernel, uint16_t dilation)
{
	return (int64_t)dilation * (kernel - 1) + 1;
}

static const char *const not_used = "a parameter of an unused dimension is not zero";

/*
 * CONV and CONV_TRANSPOSE, shapes: in [N, C, ...], out [N, M, ...], both of the
 * same rank, 3 to 5; weight of that rank, [M, C / groups, kernel...], for
 * CONV_TRANSPOSE [C, M / groups, kernel...]; groups divides C and M; stride and
 * dilation at least 1; stride, dilation and pad zero for unused dimensions;
 * bias [M], scale [M] or [1]. At most 2^40 multiply-accumulates.
 *
 * CONV: element o of out sees in at o * stride - pad + k * dilation. What lies
 * outside in is zero (for bytes: the zero point), before and after it; at most
 * 32767 zeros after the last element.
 *
 * CONV_TRANSPOSE: element i of in adds to out at i * stride - pad + k *
 * dilation; what falls outside out is dropped, and elements of out that nothing
 * reaches have a sum of zero.
 */
static bool rule_conv(struct isa_check *c, bool transpose)
{
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, c->inst);
	const struct neuron_tensor *out = c->op[0], *in = c->op[1], *w = c->op[2];
	unsigned int spatial = in->rank - 2;
	uint64_t taps = 1;

	if (!rule_act(c, p->act, PARAM(CONV, act), p->alpha, p->beta) ||
	    !rule_matrix_types(c, p->act, PARAM(CONV, act)))
		return false;
	if (p->reserved)
		return isa_bad_inst(c, PARAM(CONV, reserved),
				    "a reserved field is not zero");
	if (in->rank < 3 || in->rank > 2 + MAX_SPATIAL)
		return isa_bad_operand(c, 1, TENSOR(rank),
				       "a convolution has 1 to 3 spatial dimensions");
	if (out->rank != in->rank)
		return isa_bad_operand(c, 0, TENSOR(rank),
				       "rank differs from the input's");
	if (w->rank != in->rank)
		return isa_bad_operand(c, 2, TENSOR(rank),
				       "rank differs from the input's");
	if (out->dims[0] != in->dims[0])
		return isa_bad_operand(c, 0, TENSOR(dims),
				       "batch differs from the input's");
	if (!p->groups || in->dims[1] % p->groups || out->dims[1] % p->groups)
		return isa_bad_inst(c, PARAM(CONV, groups),
				    "groups does not divide the channels");
	if (w->dims[0] != (transpose ? in : out)->dims[1] ||
	    w->dims[1] != (transpose ? out : in)->dims[1] / p->groups)
		return isa_bad_operand(c, 2, TENSOR(dims),
				       "channels differ from those of in and out");

	for (unsigned int i = 0; i < MAX_SPATIAL; i++) {
		int64_t needed;

		if (i >= spatial) {
			if (p->stride[i] || p->dilation[i] || p->pad[i])
				return isa_bad_inst(c, PARAM(CONV, stride), not_used);
			continue;
		}
		if (!p->stride[i])
			return isa_bad_inst(c, PARAM(CONV, stride) + 2 * i,
					    "stride is zero");
		if (!p->dilation[i])
			return isa_bad_inst(c, PARAM(CONV, dilation) + 2 * i,
					    "dilation is zero");
		taps *= w->dims[2 + i];	/* elements are at most 2^32 */
		if (transpose)
			continue;
		needed = ((int64_t)out->dims[2 + i] - 1) * p->stride[i] +
			 window_span(w->dims[2 + i], p->dilation[i]);
		if (needed > (int64_t)in->dims[2 + i] + p->pad[i] + INT16_MAX)
			return isa_bad_operand(c, 0, TENSOR(dims),
					       "the output needs too much padding");
	}
	return rule_channels(c, out->dims[1]) &&
	       rule_macs(c, isa_elements(transpose ? in : out), taps * w->dims[1]);
}

static bool rule_CONV(struct isa_check *c)
{
	return rule_conv(c, false);
}

static bool rule_CONV_TRANSPOSE(struct isa_check *c)
{
	return rule_conv(c, true);
}

/* ACT: equal dims; every type in and out. */
static bool rule_ACT(struct isa_check *c)
{
	const struct neuron_params_ACT *p = NEURON_CPARAMS(ACT, c->inst);

	return rule_act(c, p->func, PARAM(ACT, func), p->alpha, p->beta) &&
	       rule_equal_dims(c);
}

static bool rule_zero_point(struct isa_check *c, const struct neuron_tensor *stored)
{
	const struct neuron_tensor *zero_point = c->op[3];

	if (zero_point && zero_point->dtype != NEURON_I32 &&
	    zero_point->dtype != stored->dtype)
		return isa_bad_operand(c, 3, TENSOR(dtype),
				       "zero_point must be int32 or of the quantised type");
	return rule_equal_dims(c);
}

/*
 * QUANTIZE: equal dims; scale and zero_point broadcast by stride; zero_point is
 * int32 or of out's type. The scale and zero_point fields of out's tensor play no
 * part.
 */
static bool rule_QUANTIZE(struct isa_check *c)
{
	return rule_zero_point(c, c->op[0]);
}

/* DEQUANTIZE: the same, with zero_point int32 or of in's type. */
static bool rule_DEQUANTIZE(struct isa_check *c)
{
	return rule_zero_point(c, c->op[1]);
}

/*
 * ELTWISE: equal dims; a and b both float (of any float types), or of one integer
 * type.
 *
 * - Comparisons (eq to ge) of them give uint8.
 * - and, or, xor take uint8 and give uint8.
 * - The others give a float from floats, and the same type from integers.
 * - act is identity unless out is float.
 */
static bool rule_ELTWISE(struct isa_check *c)
{
	const struct neuron_params_ELTWISE *p = NEURON_CPARAMS(ELTWISE, c->inst);
	const struct neuron_tensor *out = c->op[0], *a = c->op[1], *b = c->op[2];

	if (p->func >= NEURON_NUM_BINARIES)
		return isa_bad_inst(c, PARAM(ELTWISE, func), "unknown function");
	if (!rule_act(c, p->act, PARAM(ELTWISE, act), p->alpha, p->beta))
		return false;
	if (is_float(a) ? !is_float(b) : b->dtype != a->dtype)
		return isa_bad_operand(c, 2, TENSOR(dtype),
				       "b must be of a's type, or float if a is");

	switch (p->func) {
	case NEURON_BINARY_AND:
	case NEURON_BINARY_OR:
	case NEURON_BINARY_XOR:
		if (a->dtype != NEURON_U8)
			return isa_bad_operand(c, 1, TENSOR(dtype),
					       "logic works on uint8");
		/* fall through */
	case NEURON_BINARY_EQ:
	case NEURON_BINARY_LT:
	case NEURON_BINARY_LE:
	case NEURON_BINARY_GT:
	case NEURON_BINARY_GE:
		if (out->dtype != NEURON_U8)
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "comparisons and logic give uint8");
		break;
	case NEURON_BINARY_BIT_AND:
	case NEURON_BINARY_BIT_OR:
	case NEURON_BINARY_BIT_XOR:
	case NEURON_BINARY_SHL:
	case NEURON_BINARY_SHR:
		if (is_float(a))
			return isa_bad_operand(c, 1, TENSOR(dtype),
					       "bits are those of integers");
		/* fall through */
	default:
		if (is_float(a) ? !is_float(out) : out->dtype != a->dtype)
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "out must be of a's type, or float if a is");
	}
	if (!is_float(out) && p->act != NEURON_ACT_IDENTITY)
		return isa_bad_inst(c, PARAM(ELTWISE, act),
				    "an integer output has no function");
	return rule_equal_dims(c);
}

/* SELECT: equal dims; a and b of out's type. */
static bool rule_SELECT(struct isa_check *c)
{
	return rule_same_dtype(c, 2) && rule_equal_dims(c);
}

/* COPY: equal dims and types. */
static bool rule_COPY(struct isa_check *c)
{
	return rule_same_dtype(c, 1) && rule_equal_dims(c);
}

/* FILL: value has no bits beyond the element. */
static bool rule_FILL(struct isa_check *c)
{
	const struct neuron_params_FILL *p = NEURON_CPARAMS(FILL, c->inst);
	unsigned int bits = 8 * neuron_dtype_size(c->op[0]->dtype);

	if (bits < 32 && p->value >> bits)
		return isa_bad_inst(c, PARAM(FILL, value),
				    "value has more bits than an element");
	return true;
}

/*
 * REDUCE: out has in's dims, with 1 for each axis; at least one axis, exactly
 * one for argmax and argmin; LAST with these two only.
 *
 * - argmax, argmin: out is int32.
 * - Floats give floats.
 * - int32 gives int32; bytes give their own type for max and min, else int32.
 *   l2, logsum and logsumexp take floats only.
 */
static bool rule_REDUCE(struct isa_check *c)
{
	const struct neuron_params_REDUCE *p = NEURON_CPARAMS(REDUCE, c->inst);
	const struct neuron_tensor *out = c->op[0], *in = c->op[1];
	bool arg = p->func == NEURON_REDUCE_ARGMAX || p->func == NEURON_REDUCE_ARGMIN;
	bool select = p->func == NEURON_REDUCE_MAX || p->func == NEURON_REDUCE_MIN;

	if (p->func >= NEURON_NUM_REDUCTIONS)
		return isa_bad_inst(c, PARAM(REDUCE, func), "unknown function");
	if (!rule_axes(c, p->axes, PARAM(REDUCE, axes)))
		return false;
	if (arg && (p->axes & (p->axes - 1)))
		return isa_bad_inst(c, PARAM(REDUCE, axes),
				    "argmax and argmin have one axis");
	if (!arg && c->inst->flags & NEURON_INST_LAST)
		return isa_bad_inst(c, INST(flags),
				    "LAST goes with argmax and argmin only");

	if (arg) {
		if (out->dtype != NEURON_I32)
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "indices are int32");
	} else if (is_float(in)) {
		if (!is_float(out))
			return isa_bad_operand(c, 0, TENSOR(dtype),
					       "floats give a float output");
	} else {
		if (p->func == NEURON_REDUCE_L2 ||
		    p->func == NEURON_REDUCE_LOGSUM ||
		    p->func == NEURON_REDUCE_LOGSUMEXP)
			return isa_bad_operand(c, 1, TENSOR(dtype),
					       "this function takes floats only");
		if (out->dtype != (select ? in->dtype : NEURON_I32))
			return isa_bad_operand(c, 0, TENSOR(dtype), select ?
					       "type differs from the input's" :
					       "integers give an int32 output");
	}

	if (out->rank != in->rank)
		return isa_bad_operand(c, 0, TENSOR(rank),
				       "rank differs from the input's");
	for (unsigned int i = 0; i < in->rank; i++)
		if (out->dims[i] != ((p->axes >> i) & 1 ? 1 : in->dims[i]))
			return isa_bad_operand(c, 0, TENSOR(dims),
					       "dims differ from the reduced input's");
	return true;
}

/*
 * POOL: in [N, C, ...], out [N, C, ...], of the same rank, 3 to 5; kernel,
 * stride and dilation at least 1, all parameters zero for unused dimensions.
 * Windows begin at o * stride - pad_lo; pad_lo and pad_hi are smaller than a
 * window with its gaps, and the last window begins inside in or its leading
 * padding.
 *
 * - max: every type, out of the same type or any float from a float.
 * - avg, lp: floats. p is at least 1 for lp, else zero. PAD_COUNTS with avg only.
 */
static bool rule_POOL(struct isa_check *c)
{
	const struct neuron_params_POOL *p = NEURON_CPARAMS(POOL, c->inst);
	const struct neuron_tensor *out = c->op[0], *in = c->op[1];
	uint64_t taps = 1;

	if (p->func >= NEURON_NUM_POOLS)
		return isa_bad_inst(c, PARAM(POOL, func), "unknown function");
	if ((p->func == NEURON_POOL_LP) != (p->p != 0))
		return isa_bad_inst(c, PARAM(POOL, p),
				    "p is at least 1 for lp, and else zero");
	if (p->func != NEURON_POOL_AVG && c->inst->flags & NEURON_INST_PAD_COUNTS)
		return isa_bad_inst(c, INST(flags), "PAD_COUNTS goes with avg only");
	if (p->reserved)
		return isa_bad_inst(c, PARAM(POOL, reserved),
				    "a reserved field is not zero");
	if (p->func != NEURON_POOL_MAX && !is_float(in))
		return isa_bad_operand(c, 1, TENSOR(dtype),
				       "this function takes floats only");
	if (is_float(in) ? !is_float(out) : out->dtype != in->dtype)
		return isa_bad_operand(c, 0, TENSOR(dtype),
				       "out must be of the input's type, or both float");
	if (in->rank < 3 || in->rank > 2 + MAX_SPATIAL)
		return isa_bad_operand(c, 1, TENSOR(rank),
				       "windows have 1 to 3 dimensions");
	if (out->rank != in->rank)
		return isa_bad_operand(c, 0, TENSOR(rank),
				       "rank differs from the input's");
	if (out->dims[0] != in->dims[0] || out->dims[1] != in->dims[1])
		return isa_bad_operand(c, 0, TENSOR(dims),
				       "batch or channels differ from the input's");

	for (unsigned int i = 0; i < MAX_SPATIAL; i++) {
		int64_t span;

		if (i >= in->rank - 2u) {
			if (p->kernel[i] || p->stride[i] || p->dilation[i] ||
			    p->pad_lo[i] || p->pad_hi[i])
				return isa_bad_inst(c, PARAM(POOL, kernel), not_used);
			continue;
		}
		if (!p->kernel[i] || !p->stride[i] || !p->dilation[i])
			return isa_bad_inst(c, PARAM(POOL, kernel) + 2 * i,
					    "kernel, stride or dilation is zero");
		span = window_span(p->kernel[i], p->dilation[i]);
		if (p->pad_lo[i] >= span)
			return isa_bad_inst(c, PARAM(POOL, pad_lo) + 2 * i,
					    "padding is not smaller than the window");
		if (p->pad_hi[i] >= span)
			return isa_bad_inst(c, PARAM(POOL, pad_hi) + 2 * i,
					    "padding is not smaller than the window");
		if (((int64_t)out->dims[2 + i] - 1) * p->stride[i] >=
		    (int64_t)in->dims[2 + i] + p->pad_lo[i])
			return isa_bad_operand(c, 0, TENSOR(dims),
					       "the last window begins behind the input");
		taps *= p->kernel[i];	/* 16 bits each */
	}
	return rule_macs(c, isa_elements(out), taps);
}

/* SOFTMAX: equal dims; axis below the rank. */
static bool rule_SOFTMAX(struct isa_check *c)
{
	if (NEURON_CPARAMS(SOFTMAX, c->inst)->axis >= c->op[1]->rank)
		return isa_bad_inst(c, PARAM(SOFTMAX, axis),
				    "axis is not below the rank");
	return rule_equal_dims(c);
}

/* NORM: equal dims, at least one axis, epsilon finite and not negative, rms 0 or 1. */
static bool rule_NORM(struct isa_check *c)
{
	const struct neuron_params_NORM *p = NEURON_CPARAMS(NORM, c->inst);

	if (!rule_axes(c, p->axes, PARAM(NORM, axes)))
		return false;
	if (!isfinite(p->epsilon) || p->epsilon < 0)
		return isa_bad_inst(c, PARAM(NORM, epsilon),
				    "epsilon must be finite and not negative");
	if (p->rms > 1)
		return isa_bad_inst(c, PARAM(NORM, rms), "rms must be 0 or 1");
	return rule_equal_dims(c);
}

/*
 * GATHER: axis 1; in [O, A, I], index [J], out [O, J, I] of in's type. Indices
 * are checked when the instruction runs: -A to A - 1.
 */
static bool rule_GATHER(struct isa_check *c)
{
	const struct neuron_tensor *out = c->op[0], *in = c->op[1], *index = c->op[2];

	if (NEURON_CPARAMS(GATHER, c->inst)->axis != 1)
		return isa_bad_inst(c, PARAM(GATHER, axis), "axis must be 1");
	if (in->rank != 3)
		return isa_bad_operand(c, 1, TENSOR(rank), "rank must be 3");
	if (index->rank != 1)
		return isa_bad_operand(c, 2, TENSOR(rank), "rank must be 1");
	if (out->rank != 3)
		return isa_bad_operand(c, 0, TENSOR(rank), "rank must be 3");
	if (in->dtype != out->dtype)
		return isa_bad_operand(c, 1, TENSOR(dtype),
				       "type differs from the output's");
	if (out->dims[0] != in->dims[0] || out->dims[2] != in->dims[2] ||
	    out->dims[1] != index->dims[0])
		return isa_bad_operand(c, 0, TENSOR(dims),
				       "dims do not follow from in and index");
	return true;
}

/*
 * SCATTER: axis 1; in and out [O, A, I], index [J], updates [O, J, I], all of
 * one type. Indices are checked when the instruction runs: -A to A - 1.
 */
static bool rule_SCATTER(struct isa_check *c)
{
	const struct neuron_params_SCATTER *p = NEURON_CPARAMS(SCATTER, c->inst);
	const struct neuron_tensor *out = c->op[0], *in = c->op[1];
	const struct neuron_tensor *index = c->op[2], *updates = c->op[3];

	if (p->axis != 1)
		return isa_bad_inst(c, PARAM(SCATTER, axis), "axis must be 1");
	if (p->func >= NEURON_NUM_SCATTERS)
		return isa_bad_inst(c, PARAM(SCATTER, func), "unknown function");
	if (out->rank != 3)
		return isa_bad_operand(c, 0, TENSOR(rank), "rank must be 3");
	if (index->rank != 1)
		return isa_bad_operand(c, 2, TENSOR(rank), "rank must be 1");
	if (updates->rank != 3)
		return isa_bad_operand(c, 3, TENSOR(rank), "rank must be 3");
	if (in->dtype != out->dtype)
		return isa_bad_operand(c, 1, TENSOR(dtype),
				       "type differs from the output's");
	if (updates->dtype != out->dtype)
		return isa_bad_operand(c, 3, TENSOR(dtype),
				       "type differs from the output's");
	if (!same_dims(out, in))
		return isa_bad_operand(c, 1, TENSOR(dims),
				       "dims differ from the output's");
	if (updates->dims[0] != out->dims[0] || updates->dims[2] != out->dims[2] ||
	    updates->dims[1] != index->dims[0])
		return isa_bad_operand(c, 3, TENSOR(dims),
				       "dims do not follow from in and index");
	return true;
}

bool isa_check_rules(struct isa_check *c)
{
	switch (c->inst->opcode) {
#define X(name, value, engines, meaning) case value: return rule_##name(c);
	NEURON_OPCODES(X)
#undef X
	default:
		return isa_bad_inst(c, INST(opcode), "unknown opcode");
	}
}
