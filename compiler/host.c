// SPDX-License-Identifier: MIT
/* Which nodes are the host's, and what they make. */
#include <stdlib.h>
#include <string.h>
#include "host.h"

struct nc_value *nc_const_strings_new(struct nc_ctx *ctx, const char *name,
				      const char *const *strings, size_t count)
{
	const size_t size = NEURON_NEFF_STRING_SIZE;
	char *data = nc_alloc(ctx->arena, count + 1, size);
	int64_t dims = (int64_t)count;
	size_t i;

	for (i = 0; i < count; i++)
		memcpy(data + i * size, strings[i], strnlen(strings[i], size - 1));
	return nc_const_new(ctx, name, NC_STRING, 1, &dims, data);
}

bool nc_host_set(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		 enum nc_dtype dtype, int rank, const int64_t *dims, unsigned int open)
{
	struct nc_value *value = nc_out(node, output);

	if (!nc_set_shape(ctx, node, output, dtype, rank, dims))
		return false;
	if (value)
		value->open = open;
	return true;
}

bool nc_host_misfit(struct nc_ctx *ctx, const struct nc_node *node)
{
	nc_error(ctx, node, "its inputs do not fit each other");
	return false;
}

/*
 * Which nodes
 */

static bool any_input(const struct nc_node *node, bool (*is)(const struct nc_value *value))
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && is(node->inputs[i]))
			return true;
	return false;
}

static bool is_open(const struct nc_value *value)
{
	return value->open;
}

static bool is_string(const struct nc_value *value)
{
	return value->dtype == NC_STRING;
}

static bool is_unknown(const struct nc_value *value)
{
	return !nc_is_const(value);
}

/* A shape, an index, a condition: a few integers that the host has made. */
static bool is_few(const struct nc_value *value)
{
	return nc_is_const(value) ||
	       (value->producer && value->producer->host && nc_numel(value) <= NC_HOST_FEW &&
		!nc_dtype_is_float(value->dtype));
}

static bool all_few(const struct nc_node *node)
{
	unsigned int i, made = 0;

	for (i = 0; i < node->num_inputs; i++) {
		if (!node->inputs[i])
			continue;
		if (!is_few(node->inputs[i]))
			return false;
		made += is_unknown(node->inputs[i]);
	}
	return made;
}

/* Casting to strings shows in the attribute alone. */
static bool makes_strings(const struct nc_node *node)
{
	return (node->op == NC_OP_Cast && nc_attr_int(node, "to", 0) ==
		nc_dtype_to_onnx(NC_STRING)) || node->op == NC_OP_StringNormalizer ||
	       node->op == NC_OP_StringConcat;
}

/* Dropout that drops something. */
static bool drops(const struct nc_node *node)
{
	const struct nc_value *ratio = nc_in(node, 1), *training = nc_in(node, 2);

	if (!training || !nc_is_const(training) || !nc_const_int(training, 0))
		return false;
	return !ratio || !nc_is_const(ratio) || nc_const_double(ratio, 0) != 0;
}

/* Reasons of a node's own; 0: there is none. */
static unsigned int own_reason(const struct nc_node *node)
{
	switch (node->op) {
	case NC_OP_NonZero:
	case NC_OP_Unique:
	case NC_OP_NonMaxSuppression:
		return NEURON_HOST_REASON_SHAPE;
	case NC_OP_Compress:
		return nc_in(node, 1) && is_unknown(node->inputs[1]) ?
		       NEURON_HOST_REASON_SHAPE : 0;
	case NC_OP_TopK:
		return nc_in(node, 1) && is_unknown(node->inputs[1]) ?
		       NEURON_HOST_REASON_SHAPE : 0;
	case NC_OP_RandomNormal:
	case NC_OP_RandomUniform:
	case NC_OP_RandomNormalLike:
	case NC_OP_RandomUniformLike:
	case NC_OP_Bernoulli:
	case NC_OP_Multinomial:
		return NEURON_HOST_REASON_RANDOM;
	case NC_OP_Dropout:
		return drops(node) ? NEURON_HOST_REASON_RANDOM : 0;
	case NC_OP_LabelEncoder:
	case NC_OP_TfIdfVectorizer:
		return NEURON_HOST_REASON_NO_CHIP;
	default:
		return 0;
	}
}

bool nc_host_takes_bound(enum nc_op op)
{
	return op == NC_OP_ConstantOfShape || op == NC_OP_Range || op == NC_OP_Reshape ||
	       op == NC_OP_Expand || op == NC_OP_Slice || op == NC_OP_Tile || op == NC_OP_Pad;
}

/* How many values are looked at: behind more there is more than a few numbers. */
#define LOOK	1024

/*
 * Some tensor that is more than a few numbers, and computed, decides about the value: a
 * shape, and what it is computed of, has integers, and at times a single float.
 */
static bool is_of_data(struct nc_ctx *ctx, const struct nc_value *value)
{
	const struct nc_value **seen = nc_alloc(ctx->arena, LOOK, sizeof(*seen));
	unsigned int count = 0, next = 0, i, k;

	seen[count++] = value;
	while (next < count) {
		const struct nc_value *v = seen[next++];

		if (v->open || v->rank < 0 || nc_numel(v) > NC_HOST_FEW ||
		    (nc_dtype_is_float(v->dtype) && nc_numel(v) > 1))
			return true;
		for (i = 0; v->producer && i < v->producer->num_inputs; i++) {
			const struct nc_value *x = nc_resolve(v->producer->inputs[i]);

			if (!x || nc_is_const(x))
				continue;
			for (k = 0; k < count && seen[k] != x; k++)
				;
			if (k == LOOK)
				return true;
			if (k == count)
				seen[count++] = x;
		}
	}
	return false;
}

int64_t nc_host_max_dim(struct nc_ctx *ctx, const struct nc_value *value)
{
	if (ctx->options->max_dim)
		return ctx->options->max_dim;
	return is_of_data(ctx, value) ? NC_MAX_DIM : 0;
}

/* Its shape is what a computed input says, which has a bound. */
static bool is_bounded_shape(struct nc_ctx *ctx, const struct nc_node *node)
{
	unsigned int i, first = node->op != NC_OP_ConstantOfShape && node->op != NC_OP_Range;
	bool is = false;

	if (!nc_host_takes_bound(node->op))
		return false;
	for (i = first; i < node->num_inputs; i++) {
		/* What Pad puts there says nothing about its shape. */
		if (!node->inputs[i] || !is_unknown(node->inputs[i]) ||
		    (node->op == NC_OP_Pad && i > 1))
			continue;
		if (!nc_host_is_bounded(node->inputs[i]))
			nc_host_take(ctx, node->inputs[i], NEURON_HOST_REASON_SIZE);
		is |= nc_host_max_dim(ctx, node->inputs[i]) || nc_host_is_bounded(node->inputs[i]);
	}
	return is;
}

static unsigned int reason_for(struct nc_ctx *ctx, const struct nc_node *node)
{
	unsigned int reason;

	/* They hand values on, whatever those are. */
	if (node->op == NC_OP_FunctionCall || node->op == NC_OP_Constant)
		return 0;
	if (any_input(node, is_string) || makes_strings(node))
		return NEURON_HOST_REASON_STRING;
	reason = own_reason(node);
	if (reason)
		return reason;
	if (any_input(node, is_open))
		return NEURON_HOST_REASON_OPEN;
	if (is_bounded_shape(ctx, node))
		return NEURON_HOST_REASON_SHAPE;
	if (nc_host_rule(node->op) && all_few(node))
		return NEURON_HOST_REASON_BETWEEN;
	return 0;
}

bool nc_host_must(struct nc_ctx *ctx, const struct nc_node *node)
{
	return reason_for(ctx, node);
}

const struct nc_host *nc_host_copy(struct nc_ctx *ctx, const struct nc_value *value)
{
	struct nc_host *host;

	if (!is_open(value) && !is_string(value))
		return NULL;
	host = nc_alloc(ctx->arena, 1, sizeof(*host));
	host->op = NEURON_HOST_IDENTITY;
	host->reason = is_string(value) ? NEURON_HOST_REASON_STRING : NEURON_HOST_REASON_OPEN;
	return host;
}

/* The value whose shape another one is, all of it; NULL: it is none. */
static struct nc_value *shape_of(const struct nc_value *value)
{
	const struct nc_node *node = value ? value->producer : NULL;
	struct nc_value *x;

	if (!node || node->op != NC_OP_Shape)
		return NULL;
	x = nc_resolve(node->inputs[0]);
	return nc_numel(value) == x->rank ? x : NULL;
}

/*
 * ConstantOfShape(Shape(x)) is Where(false, x, constant): then it is as long as x is, which
 * a number of a shape does not show.
 */
void nc_host_rewrite(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "value");
	const bool no = false;
	struct nc_value *x, *value;
	const float zero = 0;

	if (node->op != NC_OP_ConstantOfShape)
		return;
	x = shape_of(nc_in(node, 0));
	if (!x || !is_open(x))
		return;
	value = attr && attr->kind == NC_ATTR_TENSOR ? attr->tensor :
		nc_const_new(ctx, "value", NC_F32, 0, NULL, &zero);
	if (value->dtype != x->dtype || nc_numel(value) != 1 || !nc_is_const(value))
		return;
	node->op = NC_OP_Where;
	node->num_inputs = 3;
	node->inputs = nc_alloc(ctx->arena, 3, sizeof(*node->inputs));
	node->inputs[0] = nc_const_new(ctx, "false", NC_BOOL, 0, NULL, &no);
	node->inputs[1] = x;
	node->inputs[2] = nc_const_new(ctx, "value", value->dtype, 0, NULL, value->data);
}

/*
 * Inference
 */

static bool set_shape(struct nc_ctx *ctx, struct nc_node *node,
		      const struct nc_host_rule *rule)
{
	struct nc_value *out;

	if (rule->how == NC_SHAPE_CUSTOM)
		return rule->shape(ctx, node);
	if (!nc_ops[node->op].infer(ctx, node))
		return false;
	out = nc_out(node, 0);
	if (!out)
		return true;
	out->open = node->inputs[0]->open;
	return true;
}

/* A tensor as the host's operators know it. */
static struct hostop_tensor *host_tensor(struct nc_ctx *ctx, const struct nc_value *value)
{
	struct hostop_tensor *t = nc_alloc(ctx->arena, 1, sizeof(*t));
	int i;

	t->dtype = nc_dtype_to_neff(value->dtype);
	t->rank = (uint32_t)value->rank;
	for (i = 0; i < value->rank; i++)
		t->dims[i] = (uint32_t)value->dims[i];
	t->data = (void *)value->data;
	return t;
}

const char *nc_host_run(struct nc_ctx *ctx, const struct nc_node *node,
			const struct nc_host *host, struct nc_value *const *inputs,
			struct nc_value *const *outputs, struct hostop_tensor *results)
{
	const struct hostop_tensor **in = nc_alloc(ctx->arena, node->num_inputs + 1, sizeof(*in));
	const struct hostop_tensor **most = nc_alloc(ctx->arena, node->num_outputs + 1,
						     sizeof(*most));
	struct hostop_call *call = nc_alloc(ctx->arena, 1, sizeof(*call));
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		in[i] = inputs[i] ? host_tensor(ctx, inputs[i]) : NULL;
	for (i = 0; i < node->num_outputs; i++)
		most[i] = outputs[i] ? host_tensor(ctx, outputs[i]) : NULL;
	*call = (struct hostop_call) {
		.op = host->op, .ints = host->ints, .floats = host->floats, .in = in,
		.num_in = node->num_inputs, .most = most, .num_out = node->num_outputs,
		.bounded = true, .out = results,
	};
	return hostop_run(call) ? call->why : NULL;
}

/* All that it needs is known: so is what it makes. */
static bool compute(struct nc_ctx *ctx, struct nc_node *node, const struct nc_host *host)
{
	struct hostop_tensor *results = nc_alloc(ctx->arena, node->num_outputs + 1,
						 sizeof(*results));
	int64_t dims[NC_MAX_RANK];
	const char *why = NULL;
	unsigned int i, d;
	void *data;

	/* Before there is memory for it. */
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i] && nc_bytes(node->outputs[i]) > ctx->fold_budget)
			why = "its output is too large for a constant";
	if (!why)
		why = nc_host_run(ctx, node, host, node->inputs, node->outputs, results);

	for (i = 0; i < node->num_outputs && !why; i++) {
		struct nc_value *out = node->outputs[i];

		if (!out)
			continue;
		for (d = 0; d < results[i].rank; d++)
			dims[d] = results[i].dims[d];
		out->open = 0;
		if (!nc_set_shape(ctx, node, i, out->dtype, (int)results[i].rank, dims))
			break;
		data = nc_fold_alloc(ctx, out);
		if (data)
			memcpy(data, results[i].data, nc_bytes(out));
		else
			why = "its output is too large for a constant";
	}
	for (i = 0; i < node->num_outputs; i++)
		free(results[i].data);
	if (why)
		nc_error(ctx, node, "it cannot be computed: %s", why);
	return !why && !ctx->diag.count;
}

static void refuse(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		if (node->inputs[i] && node->inputs[i]->open) {
			nc_need_const(ctx, node, node->inputs[i], "input's shape");
			return;
		}
	}
	nc_error(ctx, node, "it is not supported for strings; do that before the model");
}

/* Every type is one that the host knows, of a size that a file can have. */
static bool fits_file(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;
	int d;

	for (i = 0; i < node->num_inputs + node->num_outputs; i++) {
		const struct nc_value *v = i < node->num_inputs ? node->inputs[i] :
					   node->outputs[i - node->num_inputs];

		if (!v)
			continue;
		for (d = 0; d < v->rank; d++) {
			if (v->dims[d] <= UINT32_MAX)
				continue;
			nc_error(ctx, node, "a dimension of %lld elements is more than the host takes",
				 (long long)v->dims[d]);
			return false;
		}
	}
	return true;
}

/* @otherwise: the reason of a node that has none of its own. */
static bool infer_for(struct nc_ctx *ctx, struct nc_node *node, unsigned int otherwise)
{
	const struct nc_host_rule *rule = nc_host_rule(node->op);
	struct nc_prepare prepare = { .ctx = ctx, .node = node };
	const struct hostop_info *info;
	struct nc_host *host;
	unsigned int i;

	if (!rule) {
		unsigned int errors = ctx->diag.count;

		if (any_input(node, is_open) &&
		    (nc_host_compose(ctx, node) || nc_chunk_infer(ctx, node)))
			return true;
		if (errors == ctx->diag.count)
			refuse(ctx, node);
		return false;
	}
	host = nc_alloc(ctx->arena, 1, sizeof(*host));
	prepare.host = host;
	host->op = rule->host;
	host->reason = reason_for(ctx, node);
	if (!host->reason)
		host->reason = otherwise;
	if (!set_shape(ctx, node, rule))
		return false;
	/* The result is another value: there is nothing to do. */
	if (node->num_outputs == 1 && node->outputs[0] && node->outputs[0]->alias)
		return true;
	if (rule->prepare && !rule->prepare(&prepare))
		return false;
	info = hostop_info(host->op);
	if (node->num_inputs < info->min_in || node->num_inputs > info->max_in) {
		nc_error(ctx, node, "it has %u inputs", node->num_inputs);
		return false;
	}
	while (node->num_outputs > info->max_out)
		node->outputs[--node->num_outputs] = NULL;
	if (!fits_file(ctx, node))
		return false;
	if (!hostop_is_random(host->op) && !any_input(node, is_unknown))
		return compute(ctx, node, host);
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i] && node->outputs[i]->rank < 0) {
			nc_error(ctx, node, "its output %u is not supported", i);
			return false;
		}
	nc_host_bound(ctx, node, host);
	if (!nc_host_settle(ctx, node))
		node->host = host;
	return true;
}

bool nc_infer_on_host(struct nc_ctx *ctx, struct nc_node *node)
{
	return infer_for(ctx, node, NEURON_HOST_REASON_CONDITION);
}

/* How many operators are followed back: farther away there is more than a few numbers. */
#define FAR	8

static void take(struct nc_ctx *ctx, struct nc_value *value, unsigned int reason, int depth)
{
	struct nc_node *node = value->producer;
	unsigned int i;

	if (!node || node->host || !depth || !nc_host_rule(node->op) || node->num_outputs != 1 ||
	    nc_numel(value) > NC_HOST_FEW ||
	    (reason == NEURON_HOST_REASON_SIZE && nc_dtype_is_float(value->dtype)))
		return;
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && nc_numel(node->inputs[i]) > NC_HOST_FEW)
			return;
	for (i = 0; i < node->num_inputs; i++) {
		node->inputs[i] = nc_resolve(node->inputs[i]);
		if (node->inputs[i])
			take(ctx, node->inputs[i], reason, depth - 1);
	}
	infer_for(ctx, node, reason);
}

void nc_host_take(struct nc_ctx *ctx, struct nc_value *value, unsigned int reason)
{
	take(ctx, value, reason, FAR);
}
