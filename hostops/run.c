// SPDX-License-Identifier: MIT
/* The table of operators, and what they share. */
#include <stdarg.h>
#include <stdio.h>
#include "priv.h"

/*
 * No tensor is larger, whatever its bound says. Dimensions of 0 count as 1: then no
 * part of a shape overflows either.
 */
#define MAX_BYTES	((uint64_t)1 << 40)

static const struct hostop_info infos[NEURON_HOST_NUM_OPS] = {
#define X(name, number, text, min_in, max_in, max_out, ints, floats) \
	[number] = { text, min_in, max_in, max_out, ints, floats },
	NEURON_HOST_OPS(X)
#undef X
};

static hostop_fn *const functions[NEURON_HOST_NUM_OPS] = {
	[NEURON_HOST_NONZERO] = hostop_nonzero,
	[NEURON_HOST_COMPRESS] = hostop_compress,
	[NEURON_HOST_UNIQUE] = hostop_unique,
	[NEURON_HOST_NON_MAX_SUPPRESSION] = hostop_nms,
	[NEURON_HOST_TOPK] = hostop_topk,
	[NEURON_HOST_RANGE] = hostop_range,
	[NEURON_HOST_CONSTANT_OF_SHAPE] = hostop_constant_of_shape,
	[NEURON_HOST_SHAPE] = hostop_shape,
	[NEURON_HOST_SIZE] = hostop_size_of,
	[NEURON_HOST_IDENTITY] = hostop_identity,
	[NEURON_HOST_RESHAPE] = hostop_reshape,
	[NEURON_HOST_SQUEEZE] = hostop_squeeze,
	[NEURON_HOST_UNSQUEEZE] = hostop_unsqueeze,
	[NEURON_HOST_FLATTEN] = hostop_flatten,
	[NEURON_HOST_TRANSPOSE] = hostop_transpose,
	[NEURON_HOST_SLICE] = hostop_slice,
	[NEURON_HOST_CONCAT] = hostop_concat,
	[NEURON_HOST_EXPAND] = hostop_expand,
	[NEURON_HOST_TILE] = hostop_tile,
	[NEURON_HOST_GATHER] = hostop_gather,
	[NEURON_HOST_GATHER_ELEMENTS] = hostop_gather_elements,
	[NEURON_HOST_GATHER_ND] = hostop_gather_nd,
	[NEURON_HOST_SCATTER_ND] = hostop_scatter_nd,
	[NEURON_HOST_SCATTER_ELEMENTS] = hostop_scatter_elements,
	[NEURON_HOST_WHERE] = hostop_where,
	[NEURON_HOST_CAST] = hostop_cast,
	[NEURON_HOST_ADD] = hostop_binary,
	[NEURON_HOST_SUB] = hostop_binary,
	[NEURON_HOST_MUL] = hostop_binary,
	[NEURON_HOST_DIV] = hostop_binary,
	[NEURON_HOST_MOD] = hostop_binary,
	[NEURON_HOST_MAX] = hostop_nary,
	[NEURON_HOST_MIN] = hostop_nary,
	[NEURON_HOST_AND] = hostop_logic,
	[NEURON_HOST_OR] = hostop_logic,
	[NEURON_HOST_XOR] = hostop_logic,
	[NEURON_HOST_EQUAL] = hostop_compare,
	[NEURON_HOST_LESS] = hostop_compare,
	[NEURON_HOST_LESS_OR_EQUAL] = hostop_compare,
	[NEURON_HOST_GREATER] = hostop_compare,
	[NEURON_HOST_GREATER_OR_EQUAL] = hostop_compare,
	[NEURON_HOST_NEG] = hostop_unary,
	[NEURON_HOST_ABS] = hostop_unary,
	[NEURON_HOST_SIGN] = hostop_unary,
	[NEURON_HOST_NOT] = hostop_unary,
	[NEURON_HOST_FLOOR] = hostop_unary,
	[NEURON_HOST_CEIL] = hostop_unary,
	[NEURON_HOST_ROUND] = hostop_unary,
	[NEURON_HOST_SQRT] = hostop_unary,
	[NEURON_HOST_RECIPROCAL] = hostop_unary,
	[NEURON_HOST_RELU] = hostop_unary,
	[NEURON_HOST_CLIP] = hostop_clip,
	[NEURON_HOST_REDUCE_SUM] = hostop_reduce,
	[NEURON_HOST_REDUCE_MEAN] = hostop_reduce,
	[NEURON_HOST_REDUCE_MAX] = hostop_reduce,
	[NEURON_HOST_REDUCE_MIN] = hostop_reduce,
	[NEURON_HOST_REDUCE_PROD] = hostop_reduce,
	[NEURON_HOST_ARG_MAX] = hostop_arg,
	[NEURON_HOST_ARG_MIN] = hostop_arg,
	[NEURON_HOST_CUM_SUM] = hostop_cum_sum,
	[NEURON_HOST_DET] = hostop_det,
	[NEURON_HOST_STRING_NORMALIZER] = hostop_normalize_strings,
	[NEURON_HOST_TFIDF_VECTORIZER] = hostop_tfidf,
	[NEURON_HOST_STRING_CONCAT] = hostop_string_concat,
	[NEURON_HOST_LABEL_ENCODER] = hostop_label_encoder,
	[NEURON_HOST_RANDOM_NORMAL] = hostop_random_fill,
	[NEURON_HOST_RANDOM_UNIFORM] = hostop_random_fill,
	[NEURON_HOST_BERNOULLI] = hostop_bernoulli,
	[NEURON_HOST_MULTINOMIAL] = hostop_multinomial,
	[NEURON_HOST_DROPOUT] = hostop_dropout,
	[NEURON_HOST_EXP] = hostop_function,
	[NEURON_HOST_LOG] = hostop_function,
	[NEURON_HOST_SIN] = hostop_function,
	[NEURON_HOST_COS] = hostop_function,
	[NEURON_HOST_TANH] = hostop_function,
	[NEURON_HOST_SIGMOID] = hostop_function,
	[NEURON_HOST_ERF] = hostop_function,
	[NEURON_HOST_SOFTPLUS] = hostop_function,
	[NEURON_HOST_SOFTSIGN] = hostop_function,
	[NEURON_HOST_HARD_SWISH] = hostop_function,
	[NEURON_HOST_MISH] = hostop_function,
	[NEURON_HOST_LEAKY_RELU] = hostop_function,
	[NEURON_HOST_ELU] = hostop_function,
	[NEURON_HOST_SELU] = hostop_function,
	[NEURON_HOST_HARD_SIGMOID] = hostop_function,
	[NEURON_HOST_GELU] = hostop_function,
	[NEURON_HOST_IS_NAN] = hostop_classify,
	[NEURON_HOST_IS_INF] = hostop_classify,
	[NEURON_HOST_POW] = hostop_pow,
	[NEURON_HOST_PRELU] = hostop_prelu,
	[NEURON_HOST_SOFTMAX] = hostop_softmax,
	[NEURON_HOST_LOG_SOFTMAX] = hostop_softmax,
	[NEURON_HOST_REDUCE_SUM_SQUARE] = hostop_reduce,
	[NEURON_HOST_REDUCE_L1] = hostop_reduce,
	[NEURON_HOST_REDUCE_L2] = hostop_reduce,
	[NEURON_HOST_REDUCE_LOG_SUM] = hostop_reduce,
	[NEURON_HOST_REDUCE_LOG_SUM_EXP] = hostop_reduce,
	[NEURON_HOST_LAYER_NORM] = hostop_layer_norm,
	[NEURON_HOST_PAD] = hostop_pad,
	[NEURON_HOST_SPLIT] = hostop_split,
	[NEURON_HOST_TRILU] = hostop_trilu,
	[NEURON_HOST_MATMUL] = hostop_matmul,
	[NEURON_HOST_GEMM] = hostop_gemm,
	[NEURON_HOST_CONV] = hostop_conv,
	[NEURON_HOST_CONV_TRANSPOSE] = hostop_conv,
	[NEURON_HOST_RANDOM_NORMAL_LIKE] = hostop_random_fill,
	[NEURON_HOST_RANDOM_UNIFORM_LIKE] = hostop_random_fill,
	[NEURON_HOST_RNN] = hostop_recurrent,
	[NEURON_HOST_GRU] = hostop_recurrent,
	[NEURON_HOST_LSTM] = hostop_recurrent,
};

const struct hostop_info *hostop_info(uint32_t op)
{
	return op < NEURON_HOST_NUM_OPS ? &infos[op] : NULL;
}

const char *hostop_reason(uint32_t reason)
{
	static const char *const texts[NEURON_HOST_NUM_REASONS] = {
#define X(name, number, text) [number] = text,
		NEURON_HOST_REASONS(X)
#undef X
	};

	return reason < NEURON_HOST_NUM_REASONS ? texts[reason] : NULL;
}

bool hostop_is_random(uint32_t op)
{
	return (op >= NEURON_HOST_RANDOM_NORMAL && op <= NEURON_HOST_DROPOUT) ||
	       op == NEURON_HOST_RANDOM_NORMAL_LIKE || op == NEURON_HOST_RANDOM_UNIFORM_LIKE;
}

enum hostop_status hostop_fail(struct hostop_call *call, enum hostop_status status,
			       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(call->why, sizeof(call->why), format, args);
	va_end(args);
	return status;
}

enum hostop_status hostop_bad_type(struct hostop_call *call)
{
	return hostop_fail(call, HOSTOP_INVALID, "it is not defined for these types");
}

uint64_t hostop_count(const struct hostop_tensor *tensor)
{
	uint64_t n = 1;
	uint32_t i;

	/* A dimension of 0 makes it 0, however large the others are. */
	for (i = 0; i < tensor->rank; i++)
		if (!tensor->dims[i])
			return 0;
	for (i = 0; i < tensor->rank; i++)
		if (__builtin_mul_overflow(n, tensor->dims[i], &n))
			return UINT64_MAX;
	return n;
}

bool hostop_shape_fits(const struct hostop_tensor *tensor)
{
	uint64_t n = hostop_size(tensor->dtype);
	uint32_t i;

	if (tensor->rank > RANK || !n)
		return false;
	for (i = 0; i < tensor->rank; i++)
		if (tensor->dims[i] && (__builtin_mul_overflow(n, tensor->dims[i], &n) ||
					n > MAX_BYTES))
			return false;
	return true;
}

static const char *shape_text(uint32_t rank, const uint32_t *dims, char *text)
{
	char *p = text;
	uint32_t i;

	*p++ = '[';
	for (i = 0; i < rank; i++)
		p += sprintf(p, "%s%u", i ? ", " : "", dims[i]);
	strcpy(p, "]");
	return text;
}

/* Of a shape: RANK numbers of ten digits, and what is between. */
#define SHAPE_TEXT	(RANK * 12 + 3)

enum hostop_status hostop_make(struct hostop_call *call, uint32_t i, uint32_t rank,
			       const uint32_t *dims)
{
	char have[SHAPE_TEXT], can[SHAPE_TEXT];
	const struct hostop_tensor *most;
	struct hostop_tensor *out;
	bool fits = true;
	uint64_t n;
	uint32_t d;

	if (!wanted(call, i))
		return HOSTOP_OK;
	if (rank > RANK)
		return hostop_fail(call, HOSTOP_INVALID, "its result has more than %d dimensions",
				   RANK);
	most = call->most[i];
	out = &call->out[i];
	if (call->bounded) {
		fits = rank == most->rank;
		for (d = 0; d < rank && fits; d++)
			fits = dims[d] <= most->dims[d];
	}
	out->dtype = most->dtype;
	out->rank = rank;
	memset(out->dims, 0, sizeof(out->dims));
	if (rank)
		memcpy(out->dims, dims, rank * sizeof(*dims));
	n = hostop_count(out);
	if (fits && !hostop_shape_fits(out))
		return hostop_fail(call, HOSTOP_TOO_LARGE, "its result, %s, is too large",
				   shape_text(rank, dims, have));
	if (!fits)
		return hostop_fail(call, HOSTOP_TOO_LARGE, "its result is %s, the model was compiled for %s at most: give --max-dim when compiling",
				   shape_text(rank, dims, have),
				   shape_text(most->rank, most->dims, can));
	out->data = calloc(n + !n, hostop_size(out->dtype));
	return out->data ? HOSTOP_OK :
	       hostop_fail(call, HOSTOP_NO_MEMORY, "there is no memory for its result, %s",
			   shape_text(rank, dims, have));
}

enum hostop_status hostop_make_like(struct hostop_call *call, uint32_t out,
				    const struct hostop_tensor *like)
{
	return hostop_make(call, out, like->rank, like->dims);
}

int hostop_ints(struct hostop_call *call, uint32_t input, int64_t *ints, int max)
{
	const struct hostop_tensor *t = in(call, input);
	uint64_t n, i;

	if (!t || t->rank > 1 || hostop_is_float(t->dtype) ||
	    t->dtype == NEURON_NEFF_STRING || hostop_count(t) > (uint64_t)max) {
		hostop_fail(call, HOSTOP_BAD_INPUT, "its input %u is no list of %d integers at most",
			    input, max);
		return -1;
	}
	n = hostop_count(t);
	for (i = 0; i < n; i++)
		ints[i] = integer(t, i);
	return (int)n;
}

enum hostop_status hostop_axes(struct hostop_call *call, uint32_t input, uint32_t rank,
			       unsigned int *mask)
{
	int64_t axes[RANK];
	int n, i;

	*mask = 0;
	if (!in(call, input))
		return HOSTOP_OK;
	n = hostop_ints(call, input, axes, RANK);
	if (n < 0)
		return HOSTOP_BAD_INPUT;
	for (i = 0; i < n; i++) {
		if (!fix_axis(&axes[i], rank) || *mask >> axes[i] & 1)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "an axis is out of range, or there twice");
		*mask |= 1u << axes[i];
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_broadcast(struct hostop_call *call, struct hostop_tensor *shape)
{
	uint32_t i, d;

	memset(shape, 0, sizeof(*shape));
	for (i = 0; i < call->num_in; i++)
		if (call->in[i] && call->in[i]->rank > shape->rank)
			shape->rank = call->in[i]->rank;
	for (d = 0; d < shape->rank; d++)
		shape->dims[d] = 1;
	for (i = 0; i < call->num_in; i++) {
		const struct hostop_tensor *t = call->in[i];

		for (d = 0; t && d < t->rank; d++) {
			uint32_t *to = &shape->dims[shape->rank - t->rank + d];

			if (*to != t->dims[d] && *to != 1 && t->dims[d] != 1)
				return hostop_fail(call, HOSTOP_BAD_INPUT, "its inputs have %u and %u elements in a dimension",
						   *to, t->dims[d]);
			if (*to == 1)
				*to = t->dims[d];
		}
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_make_broadcast(struct hostop_call *call, struct walk *walk,
					 uint64_t *count)
{
	struct hostop_tensor shape;
	enum hostop_status status;

	status = hostop_broadcast(call, &shape);
	if (!status)
		status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	*count = hostop_count(&shape);
	walk_begin(walk, &shape, call->in, call->num_in < WALK_MAX ? call->num_in : WALK_MAX);
	return HOSTOP_OK;
}

int hostop_order(const struct hostop_tensor *x, uint64_t i,
		 const struct hostop_tensor *y, uint64_t k)
{
	if (x->dtype == NEURON_NEFF_STRING) {
		int order = strncmp(at(x, i), at(y, k), STRING);

		return order < 0 ? -1 : order > 0;
	}
	if (hostop_is_float(x->dtype)) {
		double a = num(x, i), b = num(y, k);

		if (a != a || b != b)
			return (a != a) - (b != b);
		return a < b ? -1 : a > b;
	}
	if (x->dtype == NEURON_NEFF_U64) {
		uint64_t a = (uint64_t)integer(x, i), b = (uint64_t)integer(y, k);

		return a < b ? -1 : a > b;
	}
	return integer(x, i) < integer(y, k) ? -1 : integer(x, i) > integer(y, k);
}

enum hostop_status hostop_run(struct hostop_call *call)
{
	const struct hostop_info *info = hostop_info(call->op);
	enum hostop_status status;
	uint32_t i;

	memset(call->out, 0, call->num_out * sizeof(*call->out));
	call->why[0] = '\0';
	if (!info || call->num_in < info->min_in || call->num_in > info->max_in ||
	    !call->num_out || call->num_out > info->max_out)
		return hostop_fail(call, HOSTOP_INVALID, "there is no such operator");
	for (i = 0; i < call->num_in; i++)
		if (call->in[i] ? !hostop_shape_fits(call->in[i]) : i < info->min_in)
			return hostop_fail(call, HOSTOP_INVALID, "its input %u is missing, or no tensor", i);
	for (i = 0; i < call->num_out; i++)
		if (call->most[i] && (!hostop_size(call->most[i]->dtype) ||
				      call->most[i]->rank > RANK))
			return hostop_fail(call, HOSTOP_INVALID, "its output %u is no tensor", i);
	if (hostop_is_random(call->op) && !call->random)
		return hostop_fail(call, HOSTOP_INVALID, "there are no random numbers");
	/* Its only output is not wanted: no operator has to ask. */
	if (info->max_out == 1 && !call->most[0])
		return HOSTOP_OK;
	status = functions[call->op](call);
	for (i = 0; i < call->num_out && !status; i++)
		if (call->most[i] && !call->out[i].data)
			status = hostop_fail(call, HOSTOP_INVALID, "it has no output %u", i);
	return status;
}
