// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "host.h"
#include "small_type.h"

static const struct {
	size_t size;
	int onnx;
	const char *name;
} dtypes[NC_NUM_DTYPES] = {
#define X(name, bytes, onnx, text) [NC_##name] = { bytes, onnx, text },
	NC_DTYPES(X)
#undef X
};

size_t nc_dtype_size(enum nc_dtype dtype)
{
	return dtype < NC_NUM_DTYPES ? dtypes[dtype].size : 0;
}

const char *nc_dtype_name(enum nc_dtype dtype)
{
	if (dtype <= NC_NONE || dtype >= NC_NUM_DTYPES)
		return "unknown";
	return dtypes[dtype].name;
}

enum nc_dtype nc_dtype_from_onnx(int onnx)
{
	const struct nc_small *small;
	enum nc_dtype dtype;

	for (dtype = 1; dtype < NC_NUM_DTYPES; dtype++)
		if (dtypes[dtype].onnx == onnx)
			return dtype;
	small = nc_small_find(onnx);
	return small ? small->dtype : NC_NONE;
}

int nc_dtype_to_onnx(enum nc_dtype dtype)
{
	return dtype < NC_NUM_DTYPES ? dtypes[dtype].onnx : 0;
}

bool nc_dtype_is_float(enum nc_dtype dtype)
{
	return dtype == NC_F32 || dtype == NC_BF16 || dtype == NC_F16 ||
	       dtype == NC_F64;
}

int64_t nc_numel(const struct nc_value *value)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < value->rank; i++)
		n *= value->dims[i];
	return n;
}

size_t nc_bytes(const struct nc_value *value)
{
	return (size_t)nc_numel(value) * nc_dtype_size(value->dtype);
}

bool nc_shape_fits(int rank, const int64_t *dims)
{
	int64_t n = 1;
	bool zero = false;
	int i;

	if (rank < 0 || rank > NC_MAX_RANK)
		return false;
	for (i = 0; i < rank; i++) {
		if (dims[i] < 0 || dims[i] > NC_MAX_ELEMENTS)
			return false;
		zero |= !dims[i];
		if (dims[i] && __builtin_mul_overflow(n, dims[i], &n))
			return false;
		if (n > NC_MAX_ELEMENTS)
			return false;
	}
	return n <= NC_MAX_ELEMENTS || zero;
}

bool nc_same_shape(const struct nc_value *a, const struct nc_value *b)
{
	return a->rank == b->rank && a->rank >= 0 &&
	       !memcmp(a->dims, b->dims, (size_t)a->rank * sizeof(a->dims[0]));
}

const char *nc_shape_text(const struct nc_value *value, char buf[NC_SHAPE_TEXT])
{
	char *p = buf;
	int i;

	if (value->rank < 0)
		return "of unknown shape";
	*p++ = '[';
	for (i = 0; i < value->rank; i++)
		p += sprintf(p, "%s%s%lld", i ? ", " : "",
			     value->open >> i & 1 ? "<=" : "",
			     (long long)value->dims[i]);
	*p++ = ']';
	*p = '\0';
	return buf;
}

const struct nc_attr *nc_attr(const struct nc_node *node, const char *name)
{
	unsigned int i;

	for (i = 0; i < node->num_attrs; i++)
		if (!strcmp(node->attrs[i].name, name))
			return &node->attrs[i];
	return NULL;
}

static const struct nc_attr *attr_of(const struct nc_node *node,
				     const char *name, enum nc_attr_kind kind)
{
	const struct nc_attr *attr = nc_attr(node, name);

	return attr && attr->kind == kind ? attr : NULL;
}

int64_t nc_attr_int(const struct nc_node *node, const char *name, int64_t def)
{
	const struct nc_attr *attr = attr_of(node, name, NC_ATTR_INT);

	return attr ? attr->i : def;
}

float nc_attr_float(const struct nc_node *node, const char *name, float def)
{
	const struct nc_attr *attr = attr_of(node, name, NC_ATTR_FLOAT);

	return attr ? attr->f : def;
}

const char *nc_attr_string(const struct nc_node *node, const char *name,
			   const char *def)
{
	const struct nc_attr *attr = attr_of(node, name, NC_ATTR_STRING);

	return attr ? attr->s : def;
}

size_t nc_attr_ints(const struct nc_node *node, const char *name,
		    const int64_t **ints)
{
	const struct nc_attr *attr = attr_of(node, name, NC_ATTR_INTS);

	*ints = attr ? attr->ints : NULL;
	return attr ? attr->count : 0;
}

size_t nc_attr_floats(const struct nc_node *node, const char *name,
		      const float **floats)
{
	const struct nc_attr *attr = attr_of(node, name, NC_ATTR_FLOATS);

	*floats = attr ? attr->floats : NULL;
	return attr ? attr->count : 0;
}

/* The attribute to write: the one that is there, or a new one. */
static struct nc_attr *attr_set(struct nc_ctx *ctx, struct nc_node *node,
				const char *name)
{
	struct nc_attr *attrs;
	unsigned int i;

	for (i = 0; i < node->num_attrs; i++)
		if (!strcmp(node->attrs[i].name, name))
			return &node->attrs[i];
	attrs = nc_alloc(ctx->arena, node->num_attrs + 1, sizeof(*attrs));
	if (node->num_attrs)
		memcpy(attrs, node->attrs, node->num_attrs * sizeof(*attrs));
	attrs[i].name = name;
	node->attrs = attrs;
	node->num_attrs++;
	return &attrs[i];
}

void nc_set_attr_int(struct nc_ctx *ctx, struct nc_node *node,
		     const char *name, int64_t value)
{
	struct nc_attr *attr = attr_set(ctx, node, name);

	attr->kind = NC_ATTR_INT;
	attr->count = 1;
	attr->i = value;
}

void nc_set_attr_float(struct nc_ctx *ctx, struct nc_node *node,
		       const char *name, float value)
{
	struct nc_attr *attr = attr_set(ctx, node, name);

	attr->kind = NC_ATTR_FLOAT;
	attr->count = 1;
	attr->f = value;
}

void nc_set_attr_string(struct nc_ctx *ctx, struct nc_node *node,
			const char *name, const char *value)
{
	struct nc_attr *attr = attr_set(ctx, node, name);

	attr->kind = NC_ATTR_STRING;
	attr->count = 1;
	attr->s = value;
}

void nc_set_attr_graph(struct nc_ctx *ctx, struct nc_node *node,
		       const char *name, struct nc_graph *graph)
{
	struct nc_attr *attr = attr_set(ctx, node, name);

	attr->kind = NC_ATTR_GRAPH;
	attr->count = 1;
	attr->graph = graph;
}

void nc_set_attr_ints(struct nc_ctx *ctx, struct nc_node *node,
		      const char *name, const int64_t *ints, size_t count)
{
	struct nc_attr *attr = attr_set(ctx, node, name);

	attr->kind = NC_ATTR_INTS;
	attr->count = count;
	attr->ints = nc_memdup(ctx->arena, ints, count * sizeof(*ints));
}

struct nc_value *nc_value_new(struct nc_ctx *ctx, const char *name)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_value *value = nc_alloc(ctx->arena, 1, sizeof(*value));

	value->name = name;
	value->rank = -1;
	if (graph->num_values == graph->values_room) {
		unsigned int room = graph->values_room * 2 + 64;

		graph->values = nc_grow(ctx->arena, graph->values, graph->num_values, room,
					sizeof(*graph->values));
		graph->values_room = room;
	}
	graph->values[graph->num_values++] = value;
	return value;
}

struct nc_value *nc_value_like(struct nc_ctx *ctx, const char *name,
			       enum nc_dtype dtype, int rank,
			       const int64_t *dims)
{
	struct nc_value *value = nc_value_new(ctx, name);

	value->dtype = dtype;
	value->rank = rank;
	if (rank > 0)
		memcpy(value->dims, dims, (size_t)rank * sizeof(*dims));
	return value;
}

struct nc_value *nc_const_new(struct nc_ctx *ctx, const char *name,
			      enum nc_dtype dtype, int rank,
			      const int64_t *dims, const void *data)
{
	struct nc_value *value = nc_value_like(ctx, name, dtype, rank, dims);

	value->size = nc_bytes(value);
	value->data = nc_memdup(ctx->arena, data, value->size);
	return value;
}

struct nc_value *nc_const_ints_new(struct nc_ctx *ctx, const char *name,
				   const int64_t *ints, int64_t count)
{
	return nc_const_new(ctx, name, NC_I64, 1, &count, ints);
}

struct nc_node *nc_node_new(struct nc_ctx *ctx, const struct nc_node *like,
			    enum nc_op op, struct nc_value *output,
			    unsigned int num_inputs, ...)
{
	struct nc_node *node = nc_alloc(ctx->arena, 1, sizeof(*node));
	unsigned int i;
	va_list args;

	node->op = op;
	node->op_type = nc_op_name(op);
	node->domain = "";
	node->name = like->name;
	node->layer = like->layer;
	node->exact = like->exact;
	node->inputs = nc_alloc(ctx->arena, num_inputs, sizeof(*node->inputs));
	node->num_inputs = num_inputs;
	va_start(args, num_inputs);
	for (i = 0; i < num_inputs; i++)
		node->inputs[i] = va_arg(args, struct nc_value *);
	va_end(args);
	node->outputs = nc_alloc(ctx->arena, 1, sizeof(*node->outputs));
	node->num_outputs = 1;
	node->outputs[0] = output ? output : nc_value_new(ctx, like->name);
	node->outputs[0]->producer = node;
	return node;
}

void nc_node_list_add(struct nc_ctx *ctx, struct nc_node_list *list,
		      struct nc_node *node)
{
	if (list->count == list->room) {
		unsigned int room = list->room * 2 + 64;

		list->nodes = nc_grow(ctx->arena, list->nodes, list->count, room,
				      sizeof(*list->nodes));
		list->room = room;
	}
	list->nodes[list->count++] = node;
}

struct nc_value *nc_resolve(struct nc_value *value)
{
	struct nc_value *end = value, *next;

	if (!value)
		return NULL;
	while (end->alias)
		end = end->alias;
	/* Shorten the path, so that chains stay linear altogether. */
	for (; value->alias; value = next) {
		next = value->alias;
		value->alias = end;
		if (next == end)
			break;
	}
	return end;
}

void nc_alias(struct nc_value *value, struct nc_value *by)
{
	by = nc_resolve(by);
	if (by != value)
		value->alias = by;
}

/*
 * An output whose value became another's name: that one takes the output's
 * place, unless it has one already, or no node makes it. Then a copy is needed.
 */
static void settle_output(struct nc_ctx *ctx, struct nc_node_list *list,
			  unsigned int i)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_value *output = graph->outputs[i];
	struct nc_value *value = nc_resolve(output);
	struct nc_node like = { .name = output->name };
	struct nc_node *copy;

	if (value == output && output->producer)
		return;
	if (value->producer && !value->is_output && !value->is_input) {
		value->is_output = true;
		value->name = output->name;
		graph->outputs[i] = value;
		return;
	}
	if (value == output) {
		/* A constant or an input: another value takes the name. */
		output = nc_value_like(ctx, value->name, value->dtype,
				       value->rank, value->dims);
		graph->outputs[i] = output;
		value->is_output = false;
	} else {
		output->dtype = value->dtype;
		output->rank = value->rank;
		memcpy(output->dims, value->dims, sizeof(value->dims));
	}
	output->open = value->open;
	output->alias = NULL;
	output->data = NULL;
	output->is_output = true;
	copy = nc_node_new(ctx, &like, NC_OP_Identity, output, 1, value);
	copy->layer = graph->num_layers ? graph->num_layers - 1 : 0;
	copy->host = nc_host_copy(ctx, value);
	nc_node_list_add(ctx, list, copy);
}

/* Whether the node has to stay: it makes something that is used. */
static bool is_used(const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i] && node->outputs[i]->num_uses)
			return true;
	return false;
}

void nc_graph_update(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_node_list list = { 0 };
	unsigned int i, j, n;

	/* In place: hardly ever are there more of them afterwards. */
	list.nodes = graph->nodes;
	list.count = graph->num_nodes;
	list.room = graph->num_nodes;
	for (i = 0; i < graph->num_outputs; i++)
		settle_output(ctx, &list, i);

	for (i = 0; i < graph->num_values; i++)
		graph->values[i]->num_uses = 0;
	for (i = 0; i < graph->num_outputs; i++)
		graph->outputs[i]->num_uses = 1;

	/* Backwards: a node is needed when a later one uses what it makes. */
	for (i = list.count; i-- > 0;) {
		struct nc_node *node = list.nodes[i];

		if (!is_used(node)) {
			list.nodes[i] = NULL;
			continue;
		}
		for (j = 0; j < node->num_inputs; j++) {
			node->inputs[j] = nc_resolve(node->inputs[j]);
			if (node->inputs[j])
				node->inputs[j]->num_uses++;
		}
	}

	for (i = 0, n = 0; i < list.count; i++)
		if (list.nodes[i])
			list.nodes[n++] = list.nodes[i];
	graph->nodes = list.nodes;
	graph->num_nodes = n;

	for (i = 0, n = 0; i < graph->num_values; i++) {
		struct nc_value *value = graph->values[i];

		if (value->num_uses || value->is_input)
			graph->values[n++] = value;
	}
	graph->num_values = n;
	/* Outputs that nothing uses leave their nodes. */
	for (i = 0; i < graph->num_nodes; i++)
		for (j = 0; j < graph->nodes[i]->num_outputs; j++)
			if (graph->nodes[i]->outputs[j] &&
			    !graph->nodes[i]->outputs[j]->num_uses)
				graph->nodes[i]->outputs[j] = NULL;
}
