// SPDX-License-Identifier: MIT
/*
 * What ONNX's operators are called on the host: the table is at the end. Before it,
 * how their attributes become a step's parameters and inputs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include "host.h"

/* Inputs: what is listed, NULL for what is not there. */
static void set_inputs(struct nc_ctx *ctx, struct nc_node *node, unsigned int count, ...)
{
	va_list args;
	unsigned int i;

	node->inputs = nc_alloc(ctx->arena, count, sizeof(*node->inputs));
	node->num_inputs = count;
	va_start(args, count);
	for (i = 0; i < count; i++)
		node->inputs[i] = va_arg(args, struct nc_value *);
	va_end(args);
	while (node->num_inputs && !node->inputs[node->num_inputs - 1])
		node->num_inputs--;
}

static bool prepare_axis0(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "axis", 0);
	return true;
}

/* Concat and Flatten have axis 1 where none is given. */
static bool prepare_axis1(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "axis", 1);
	return true;
}

/* Softmax and LayerNormalization have the last one. */
static bool prepare_last_axis(struct nc_prepare *p)
{
	p->host->ints[0] = nc_attr_int(p->node, "axis", -1);
	if (p->host->op == NEURON_HOST_LAYER_NORM)
		p->host->floats[0] = nc_attr_float(p->node, "epsilon", 1e-5f);
	return true;
}

static bool prepare_pad(struct nc_prepare *p)
{
	static const char *const names[] = { "constant", "reflect", "edge", "wrap" };
	const char *mode = nc_attr_string(p->node, "mode", "constant");
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(mode, names[i]))
			continue;
		p->host->ints[0] = i;
		return true;
	}
	nc_error(p->ctx, p->node, "there is no mode '%.40s'", mode);
	return false;
}

static bool prepare_split(struct nc_prepare *p)
{
	p->host->ints[0] = nc_attr_int(p->node, "axis", 0);
	p->host->ints[1] = p->node->num_outputs;
	return true;
}

static bool prepare_trilu(struct nc_prepare *p)
{
	p->host->ints[0] = nc_attr_int(p->node, "upper", 1);
	return true;
}

static bool prepare_gemm(struct nc_prepare *p)
{
	p->host->ints[0] = nc_attr_int(p->node, "transA", 0);
	p->host->ints[1] = nc_attr_int(p->node, "transB", 0);
	p->host->floats[0] = nc_attr_float(p->node, "alpha", 1);
	p->host->floats[1] = nc_attr_float(p->node, "beta", 1);
	return true;
}

/* Pads that are to be found when the input's size is known are found then. */
static bool prepare_conv(struct nc_prepare *p)
{
	static const char *const names[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" };
	const char *how = nc_attr_string(p->node, "auto_pad", "NOTSET");
	int64_t list[6 * NC_MAX_SPATIAL] = { 0 };
	struct nc_node *node = p->node;
	const int64_t *more, *shape;
	struct nc_window w;
	int n, i, count;
	size_t given;

	/* Inference has been through it. */
	if (nc_window(node, &w))
		return false;
	for (i = 0; i < 4; i++)
		if (!strcmp(how, names[i]))
			p->host->ints[1] = i;
	p->host->ints[0] = w.groups;
	n = w.num_spatial;
	count = 4 * n;
	for (i = 0; i < n; i++) {
		list[i] = w.stride[i];
		list[n + i] = w.dilation[i];
		list[2 * n + i] = w.pad_lo[i];
		list[3 * n + i] = w.pad_hi[i];
	}
	if (node->op == NC_OP_ConvTranspose) {
		if (nc_attr_ints(node, "output_padding", &more))
			memcpy(list + 4 * n, more, (size_t)n * sizeof(*more));
		count = 5 * n;
		given = nc_attr_ints(node, "output_shape", &shape);
		if (given) {
			memcpy(list + 5 * n, shape + given - n, (size_t)n * sizeof(*shape));
			count = 6 * n;
		}
	}
	/* What the largest input needs would be wrong for others. */
	if (p->host->ints[1] || count == 6 * n)
		memset(list + 2 * n, 0, 2 * (size_t)n * sizeof(*list));
	set_inputs(p->ctx, node, 4, node->inputs[0], node->inputs[1],
		   nc_const_ints_new(p->ctx, "window", list, count), nc_in(node, 2));
	return true;
}

/* A function of a recurrence as the host knows it; -1: it does not. */
static int recurrent_function(const char *name)
{
	static const char *const names[] = { "Sigmoid", "Tanh", "Relu", "Softsign", "Softplus" };
	int i;

	for (i = 0; i < 5; i++)
		if (!strcasecmp(name, names[i]))
			return i;
	return -1;
}

static bool prepare_recurrent(struct nc_prepare *p)
{
	static const char *const directions[] = { "forward", "reverse", "bidirectional" };
	const bool lstm = p->node->op == NC_OP_LSTM, gru = p->node->op == NC_OP_GRU;
	const char *direction = nc_attr_string(p->node, "direction", "forward");
	const struct nc_attr *given = nc_attr(p->node, "activations");
	const int each = lstm ? 3 : gru ? 2 : 1;
	int dir, k, code;

	for (k = 0; k < 3; k++)
		if (!strcmp(direction, directions[k]))
			p->host->ints[0] = k;
	p->host->ints[1] = nc_attr_int(p->node, "layout", 0);
	p->host->ints[2] = nc_attr_int(p->node, lstm ? "input_forget" : "linear_before_reset", 0) &&
			   (lstm || gru);
	p->host->floats[0] = nc_attr_float(p->node, "clip", 0);
	for (dir = 0; dir < 2; dir++)
		for (k = 0; k < each; k++) {
			size_t at = (size_t)(dir * each + k);

			/* Sigmoid is the first of several. */
			code = each > 1 && !k ? 0 : 1;
			if (given && given->kind == NC_ATTR_STRINGS && at < given->count)
				code = recurrent_function(given->strings[at]);
			if (code < 0) {
				nc_error(p->ctx, p->node, "function '%.20s' is not on the host, for a sequence whose length depends on data",
					 given->strings[at]);
				return false;
			}
			p->host->ints[3] |= (int64_t)code << 4 * (3 * dir + k);
		}
	return true;
}

static bool prepare_optional_axis(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = !!nc_attr(node, "axis");
	host->ints[1] = nc_attr_int(node, "axis", 0);
	host->ints[2] = node->op == NC_OP_Unique ? nc_attr_int(node, "sorted", 1) : 0;
	return true;
}

static bool prepare_nms(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "center_point_box", 0);
	return true;
}

static bool prepare_top_k(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "axis", -1);
	host->ints[1] = nc_attr_int(node, "largest", 1);
	return true;
}

static bool prepare_shape(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "start", 0);
	host->ints[1] = nc_attr_int(node, "end", INT64_MAX);
	return true;
}

static bool prepare_reshape(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "allowzero", 0);
	return true;
}

static bool prepare_transpose(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;
	int rank = node->inputs[0]->rank, i;
	const int64_t *perm;
	size_t n = nc_attr_ints(node, "perm", &perm);

	for (i = 0; i < rank; i++)
		host->ints[i] = n ? perm[i] : rank - 1 - i;
	return true;
}

/* Without axes all that are 1 go: those that are always. */
static bool prepare_squeeze(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	const struct nc_value *x = node->inputs[0];
	int64_t axes[NC_MAX_RANK];
	int i, n = 0;

	if (nc_in(node, 1))
		return true;
	for (i = 0; i < x->rank; i++)
		if (x->dims[i] == 1 && !(x->open >> i & 1))
			axes[n++] = i;
	set_inputs(ctx, node, 2, node->inputs[0], nc_const_ints_new(ctx, "axes", axes, n));
	return true;
}

static bool prepare_gather_nd(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "batch_dims", 0);
	return true;
}

static bool prepare_scatter(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;
	static const char *const names[] = { "none", "add", "mul", "max", "min" };
	const char *reduction = nc_attr_string(node, "reduction", "none");
	unsigned int i, how = node->op == NC_OP_ScatterND ? 0 : 1;

	if (how)
		host->ints[0] = nc_attr_int(node, "axis", 0);
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(reduction, names[i]))
			continue;
		host->ints[how] = i;
		return true;
	}
	nc_error(ctx, node, "there is no reduction '%.40s'", reduction);
	return false;
}

static bool prepare_mod(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "fmod", 0);
	return true;
}

/* What the chip's function has as parameters. */
static bool prepare_function(struct nc_prepare *p)
{
	enum neuron_act act;
	float alpha, beta;

	if (!nc_unary_act(p->node, &act, &alpha, &beta))
		return false;
	p->host->floats[0] = alpha;
	p->host->floats[1] = beta;
	p->host->ints[0] = act == NEURON_ACT_GELU_TANH;
	return true;
}

static bool prepare_is_inf(struct nc_prepare *p)
{
	p->host->ints[0] = nc_attr_int(p->node, "detect_negative", 1);
	p->host->ints[1] = nc_attr_int(p->node, "detect_positive", 1);
	return true;
}

static bool prepare_reduce(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "keepdims", 1);
	host->ints[1] = nc_attr_int(node, "noop_with_empty_axes", 0);
	return true;
}

static bool prepare_arg(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "axis", 0);
	host->ints[1] = nc_attr_int(node, "keepdims", 1);
	host->ints[2] = nc_attr_int(node, "select_last_index", 0);
	return true;
}

static bool prepare_cum_sum(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	host->ints[0] = nc_attr_int(node, "exclusive", 0);
	host->ints[1] = nc_attr_int(node, "reverse", 0);
	return true;
}

static bool prepare_constant_of_shape(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	const struct nc_attr *attr = nc_attr(node, "value");
	const float zero = 0;
	struct nc_value *value;

	value = attr && attr->kind == NC_ATTR_TENSOR ? attr->tensor :
		nc_const_new(ctx, "value", NC_F32, 0, NULL, &zero);
	set_inputs(ctx, node, 2, node->inputs[0], value);
	return true;
}

static bool prepare_normalizer(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;
	const struct nc_attr *words = nc_attr(node, "stopwords");
	const char *action = nc_attr_string(node, "case_change_action", "NONE");
	struct nc_value *list = NULL;

	if (words && words->kind == NC_ATTR_STRINGS)
		list = nc_const_strings_new(ctx, "stopwords", words->strings, words->count);
	host->ints[0] = !strcmp(action, "LOWER") ? 1 : !strcmp(action, "UPPER") ? 2 : 0;
	host->ints[1] = nc_attr_int(node, "is_case_sensitive", 0);
	set_inputs(ctx, node, 2, node->inputs[0], list);
	return true;
}

static struct nc_value *ints_attr(struct nc_ctx *ctx, const struct nc_node *node,
				  const char *name)
{
	const int64_t *ints;
	size_t n = nc_attr_ints(node, name, &ints);

	return nc_const_ints_new(ctx, name, ints, (int64_t)n);
}

static bool prepare_tfidf(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;
	const char *mode = nc_attr_string(node, "mode", "TF");
	const struct nc_attr *strings = nc_attr(node, "pool_strings");
	struct nc_value *pool, *weights = NULL;
	enum nc_dtype dtype = node->inputs[0]->dtype;
	const float *floats;
	int64_t n, i;

	if (strings && strings->kind == NC_ATTR_STRINGS) {
		pool = nc_const_strings_new(ctx, "pool", strings->strings, strings->count);
	} else {
		pool = ints_attr(ctx, node, "pool_int64s");
		n = nc_numel(pool);
		if (dtype == NC_I32) {
			int32_t *narrow = nc_alloc(ctx->arena, (size_t)n, sizeof(*narrow));

			for (i = 0; i < n; i++)
				narrow[i] = (int32_t)nc_const_int(pool, i);
			pool = nc_const_new(ctx, "pool", NC_I32, 1, &n, narrow);
		}
	}
	n = (int64_t)nc_attr_floats(node, "weights", &floats);
	if (n)
		weights = nc_const_new(ctx, "weights", NC_F32, 1, &n, floats);
	host->ints[0] = !strcmp(mode, "IDF") ? 1 : !strcmp(mode, "TFIDF") ? 2 : 0;
	host->ints[1] = nc_attr_int(node, "min_gram_length", 1);
	host->ints[2] = nc_attr_int(node, "max_gram_length", 1);
	host->ints[3] = nc_attr_int(node, "max_skip_count", 0);
	set_inputs(ctx, node, 5, node->inputs[0], pool,
		   ints_attr(ctx, node, "ngram_counts"),
		   ints_attr(ctx, node, "ngram_indexes"), weights);
	return true;
}

/* keys_* and values_* of some type, or tensors. */
static struct nc_value *label_list(struct nc_ctx *ctx, const struct nc_node *node,
				   const char *what)
{
	const struct nc_attr *attr;
	char name[40];
	int64_t n;

	snprintf(name, sizeof(name), "%s_tensor", what);
	attr = nc_attr(node, name);
	if (attr && attr->kind == NC_ATTR_TENSOR)
		return attr->tensor;
	snprintf(name, sizeof(name), "%s_strings", what);
	attr = nc_attr(node, name);
	if (attr && attr->kind == NC_ATTR_STRINGS)
		return nc_const_strings_new(ctx, name, attr->strings, attr->count);
	snprintf(name, sizeof(name), "%s_int64s", what);
	attr = nc_attr(node, name);
	if (attr && attr->kind == NC_ATTR_INTS)
		return nc_const_ints_new(ctx, name, attr->ints, (int64_t)attr->count);
	snprintf(name, sizeof(name), "%s_floats", what);
	attr = nc_attr(node, name);
	n = attr ? (int64_t)attr->count : 0;
	if (attr && attr->kind == NC_ATTR_FLOATS)
		return nc_const_new(ctx, name, NC_F32, 1, &n, attr->floats);
	return NULL;
}

static bool prepare_label_encoder(struct nc_prepare *p)
{
	struct nc_ctx *ctx = p->ctx;
	struct nc_node *node = p->node;
	struct nc_value *keys = label_list(ctx, node, "keys");
	struct nc_value *values = label_list(ctx, node, "values"), *other = NULL;
	const char *text = nc_attr_string(node, "default_string", "_Unused");
	const int64_t number = nc_attr_int(node, "default_int64", -1);
	const float x = nc_attr_float(node, "default_float", -0.0f);
	const struct nc_attr *attr = nc_attr(node, "default_tensor");

	if (!keys || !values || nc_numel(keys) != nc_numel(values)) {
		nc_error(ctx, node, "its keys and values are not there, or not as many");
		return false;
	}
	if (attr && attr->kind == NC_ATTR_TENSOR)
		other = attr->tensor;
	else if (values->dtype == NC_STRING)
		other = nc_const_strings_new(ctx, "default", &text, 1);
	else if (values->dtype == NC_I64)
		other = nc_const_new(ctx, "default", NC_I64, 0, NULL, &number);
	else if (values->dtype == NC_F32)
		other = nc_const_new(ctx, "default", NC_F32, 0, NULL, &x);
	if (!other || other->dtype != values->dtype || keys->dtype != node->inputs[0]->dtype) {
		nc_error(ctx, node, "its keys, values and default are not of the types that it has");
		return false;
	}
	set_inputs(ctx, node, 4, node->inputs[0], keys, values, other);
	return nc_host_set(ctx, node, 0, values->dtype, node->inputs[0]->rank,
			   node->inputs[0]->dims, node->inputs[0]->open);
}

static void put_seed(const struct nc_node *node, struct nc_host *host)
{
	const struct nc_attr *attr = nc_attr(node, "seed");
	float seed = nc_attr_float(node, "seed", 0);
	uint32_t bits;

	memcpy(&bits, &seed, sizeof(bits));
	host->ints[0] = attr && attr->kind == NC_ATTR_FLOAT;
	host->ints[1] = host->ints[0] ? bits : 0;
	/* Dropout's is an integer. */
	if (attr && attr->kind == NC_ATTR_INT) {
		host->ints[0] = 1;
		host->ints[1] = attr->i;
	}
}

static bool prepare_random(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;
	bool normal = host->op == NEURON_HOST_RANDOM_NORMAL;

	put_seed(node, host);
	host->floats[0] = nc_attr_float(node, normal ? "mean" : "low", 0);
	host->floats[1] = nc_attr_float(node, normal ? "scale" : "high", 1);
	/* The input is of interest where its shape is not known. */
	if (node->num_inputs && node->inputs[0]->open)
		host->op = normal ? NEURON_HOST_RANDOM_NORMAL_LIKE :
				    NEURON_HOST_RANDOM_UNIFORM_LIKE;
	else
		node->num_inputs = 0;
	return true;
}

static bool prepare_seed(struct nc_prepare *p)
{
	struct nc_node *node = p->node;
	struct nc_host *host = p->host;

	put_seed(node, host);
	if (host->op == NEURON_HOST_MULTINOMIAL)
		host->ints[2] = nc_attr_int(node, "sample_size", 1);
	return true;
}

static bool prepare_one_input(struct nc_prepare *p)
{
	struct nc_node *node = p->node;

	node->num_inputs = 1;
	return true;
}

/*
 * The table
 */

#define FIRST(op, host)			{ NC_OP_##op, NEURON_HOST_##host, NC_SHAPE_FIRST, NULL, NULL }
#define FUNCTION(op, host) \
	{ NC_OP_##op, NEURON_HOST_##host, NC_SHAPE_FIRST, NULL, prepare_function }
#define CUSTOM(op, host, shape, prepare) \
	{ NC_OP_##op, NEURON_HOST_##host, NC_SHAPE_CUSTOM, nc_host_##shape, prepare }
#define SPREAD(op, host)		CUSTOM(op, host, broadcast, NULL)

static const struct nc_host_rule rules[] = {
	CUSTOM(NonZero, NONZERO, nonzero, NULL),
	CUSTOM(Compress, COMPRESS, compress, prepare_optional_axis),
	CUSTOM(Unique, UNIQUE, unique, prepare_optional_axis),
	CUSTOM(NonMaxSuppression, NON_MAX_SUPPRESSION, nms, prepare_nms),
	CUSTOM(TopK, TOPK, top_k, prepare_top_k),
	CUSTOM(Range, RANGE, range, NULL),
	CUSTOM(ConstantOfShape, CONSTANT_OF_SHAPE, constant_of_shape,
	       prepare_constant_of_shape),
	CUSTOM(Shape, SHAPE, shape_of, prepare_shape),
	CUSTOM(Size, SIZE, size_of, NULL),
	FIRST(Identity, IDENTITY),
	CUSTOM(Reshape, RESHAPE, reshape, prepare_reshape),
	CUSTOM(Squeeze, SQUEEZE, squeeze, prepare_squeeze),
	CUSTOM(Unsqueeze, UNSQUEEZE, unsqueeze, NULL),
	CUSTOM(Flatten, FLATTEN, flatten, prepare_axis1),
	CUSTOM(Transpose, TRANSPOSE, transpose, prepare_transpose),
	CUSTOM(Slice, SLICE, slice, NULL),
	CUSTOM(Concat, CONCAT, concat, prepare_axis1),
	CUSTOM(Expand, EXPAND, expand, NULL),
	CUSTOM(Tile, TILE, tile, NULL),
	CUSTOM(Gather, GATHER, gather, prepare_axis0),
	CUSTOM(GatherElements, GATHER_ELEMENTS, gather_elements, prepare_axis0),
	CUSTOM(GatherND, GATHER_ND, gather_nd, prepare_gather_nd),
	{ NC_OP_ScatterND, NEURON_HOST_SCATTER_ND, NC_SHAPE_FIRST, NULL, prepare_scatter },
	{ NC_OP_ScatterElements, NEURON_HOST_SCATTER_ELEMENTS, NC_SHAPE_FIRST, NULL,
	  prepare_scatter },
	CUSTOM(Where, WHERE, broadcast, NULL),
	CUSTOM(Cast, CAST, cast, prepare_one_input),
	CUSTOM(CastLike, CAST, cast, prepare_one_input),
	SPREAD(Add, ADD),
	SPREAD(Sub, SUB),
	SPREAD(Mul, MUL),
	SPREAD(Div, DIV),
	CUSTOM(Mod, MOD, broadcast, prepare_mod),
	SPREAD(Max, MAX),
	SPREAD(Min, MIN),
	SPREAD(And, AND),
	SPREAD(Or, OR),
	SPREAD(Xor, XOR),
	CUSTOM(Equal, EQUAL, compare, NULL),
	CUSTOM(Less, LESS, compare, NULL),
	CUSTOM(LessOrEqual, LESS_OR_EQUAL, compare, NULL),
	CUSTOM(Greater, GREATER, compare, NULL),
	CUSTOM(GreaterOrEqual, GREATER_OR_EQUAL, compare, NULL),
	FIRST(Neg, NEG),
	FIRST(Abs, ABS),
	FIRST(Sign, SIGN),
	FIRST(Not, NOT),
	FIRST(Floor, FLOOR),
	FIRST(Ceil, CEIL),
	FIRST(Round, ROUND),
	FIRST(Sqrt, SQRT),
	FIRST(Reciprocal, RECIPROCAL),
	FIRST(Relu, RELU),
	FIRST(Clip, CLIP),
	CUSTOM(ReduceSum, REDUCE_SUM, reduce, prepare_reduce),
	CUSTOM(ReduceMean, REDUCE_MEAN, reduce, prepare_reduce),
	CUSTOM(ReduceMax, REDUCE_MAX, reduce, prepare_reduce),
	CUSTOM(ReduceMin, REDUCE_MIN, reduce, prepare_reduce),
	CUSTOM(ReduceProd, REDUCE_PROD, reduce, prepare_reduce),
	CUSTOM(ArgMax, ARG_MAX, arg, prepare_arg),
	CUSTOM(ArgMin, ARG_MIN, arg, prepare_arg),
	{ NC_OP_CumSum, NEURON_HOST_CUM_SUM, NC_SHAPE_FIRST, NULL, prepare_cum_sum },
	CUSTOM(Det, DET, det, NULL),
	CUSTOM(StringNormalizer, STRING_NORMALIZER, normalizer, prepare_normalizer),
	CUSTOM(TfIdfVectorizer, TFIDF_VECTORIZER, tfidf, prepare_tfidf),
	CUSTOM(StringConcat, STRING_CONCAT, string_concat, NULL),
	CUSTOM(LabelEncoder, LABEL_ENCODER, label_encoder, prepare_label_encoder),
	CUSTOM(RandomNormal, RANDOM_NORMAL, random, prepare_random),
	CUSTOM(RandomUniform, RANDOM_UNIFORM, random, prepare_random),
	CUSTOM(RandomNormalLike, RANDOM_NORMAL, random_like, prepare_random),
	CUSTOM(RandomUniformLike, RANDOM_UNIFORM, random_like, prepare_random),
	CUSTOM(Bernoulli, BERNOULLI, bernoulli, prepare_seed),
	CUSTOM(Multinomial, MULTINOMIAL, multinomial, prepare_seed),
	CUSTOM(Dropout, DROPOUT, dropout, prepare_seed),
	FUNCTION(Exp, EXP),
	FUNCTION(Log, LOG),
	FUNCTION(Sin, SIN),
	FUNCTION(Cos, COS),
	FUNCTION(Tanh, TANH),
	FUNCTION(Sigmoid, SIGMOID),
	FUNCTION(Erf, ERF),
	FUNCTION(Softplus, SOFTPLUS),
	FUNCTION(Softsign, SOFTSIGN),
	FUNCTION(HardSwish, HARD_SWISH),
	FUNCTION(Mish, MISH),
	FUNCTION(LeakyRelu, LEAKY_RELU),
	FUNCTION(Elu, ELU),
	FUNCTION(Selu, SELU),
	FUNCTION(HardSigmoid, HARD_SIGMOID),
	FUNCTION(Gelu, GELU),
	FIRST(IsNaN, IS_NAN),
	{ NC_OP_IsInf, NEURON_HOST_IS_INF, NC_SHAPE_FIRST, NULL, prepare_is_inf },
	SPREAD(Pow, POW),
	SPREAD(PRelu, PRELU),
	{ NC_OP_Softmax, NEURON_HOST_SOFTMAX, NC_SHAPE_FIRST, NULL, prepare_last_axis },
	{ NC_OP_LogSoftmax, NEURON_HOST_LOG_SOFTMAX, NC_SHAPE_FIRST, NULL, prepare_last_axis },
	CUSTOM(ReduceSumSquare, REDUCE_SUM_SQUARE, reduce, prepare_reduce),
	CUSTOM(ReduceL1, REDUCE_L1, reduce, prepare_reduce),
	CUSTOM(ReduceL2, REDUCE_L2, reduce, prepare_reduce),
	CUSTOM(ReduceLogSum, REDUCE_LOG_SUM, reduce, prepare_reduce),
	CUSTOM(ReduceLogSumExp, REDUCE_LOG_SUM_EXP, reduce, prepare_reduce),
	CUSTOM(LayerNormalization, LAYER_NORM, layer_norm, prepare_last_axis),
	CUSTOM(Pad, PAD, pad, prepare_pad),
	CUSTOM(Split, SPLIT, split, prepare_split),
	{ NC_OP_Trilu, NEURON_HOST_TRILU, NC_SHAPE_FIRST, NULL, prepare_trilu },
	CUSTOM(MatMul, MATMUL, matmul, NULL),
	CUSTOM(Gemm, GEMM, gemm, prepare_gemm),
	CUSTOM(Conv, CONV, conv, prepare_conv),
	CUSTOM(ConvTranspose, CONV_TRANSPOSE, conv, prepare_conv),
	CUSTOM(RNN, RNN, recurrent, prepare_recurrent),
	CUSTOM(GRU, GRU, recurrent, prepare_recurrent),
	CUSTOM(LSTM, LSTM, recurrent, prepare_recurrent),
};

const struct nc_host_rule *nc_host_rule(enum nc_op op)
{
	unsigned int i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (rules[i].op == op)
			return &rules[i];
	return NULL;
}
