// SPDX-License-Identifier: MIT
/*
 * The graph's inputs. Dimensions that the model leaves open come from the
 * user's --input NAME:DIMS, or from another input's dimension of the same name.
 */
#include <stdio.h>
#include <string.h>
#include "import.h"
#include "small_type.h"

/* Names of dimensions are names in a scope of their own. */
static struct nc_value *symbol(struct nc_ctx *ctx, struct nc_scope *symbols,
			       const char *name)
{
	struct nc_value *value = nc_scope_get(symbols, name);

	if (!value) {
		value = nc_alloc(ctx->arena, 1, sizeof(*value));
		value->dims[0] = -1;
		nc_scope_add(ctx, symbols, name, value);
	}
	return value;
}

static const Onnx__TensorShapeProto *shape_of(const Onnx__ValueInfoProto *proto)
{
	if (!proto->type ||
	    proto->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
		return NULL;
	return proto->type->tensor_type->shape;
}

static const char *dim_name(const Onnx__TensorShapeProto__Dimension *dim)
{
	if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM)
		return nc_text(dim->dim_param);
	return "";
}

/* -1 for an open dimension. Some exporters write 0 or -1 for these, too. */
static int64_t dim_value(const Onnx__TensorShapeProto__Dimension *dim)
{
	if (dim->value_case != ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
		return -1;
	return dim->dim_value < 0 ? -1 : dim->dim_value;
}

static const struct nc_shape_arg *find_arg(const struct nc_ctx *ctx,
					   const char *name)
{
	unsigned int i;

	for (i = 0; i < ctx->options->num_shapes; i++)
		if (!strcmp(ctx->options->shapes[i].name, name))
			return &ctx->options->shapes[i];
	return NULL;
}

static const struct nc_const_arg *find_const(const struct nc_ctx *ctx,
					     const char *name)
{
	unsigned int i;

	for (i = 0; i < ctx->options->num_consts; i++)
		if (!strcmp(ctx->options->consts[i].name, name))
			return &ctx->options->consts[i];
	return NULL;
}

/* The shape as the model has it, open dimensions by name or '?'. */
static const char *model_shape(const Onnx__TensorShapeProto *shape,
			       char *buf, size_t size)
{
	size_t len = 0, i;

	for (i = 0; i < shape->n_dim && len < size; i++) {
		const char *name = dim_name(shape->dim[i]);
		const char *sep = i ? "," : "";

		if (dim_value(shape->dim[i]) >= 0)
			len += (size_t)snprintf(buf + len, size - len, "%s%lld", sep,
					(long long)dim_value(shape->dim[i]));
		else
			len += (size_t)snprintf(buf + len, size - len, "%s%.20s", sep,
					*name ? name : "?");
	}
	if (!shape->n_dim)
		*buf = '\0';
	return buf;
}

static void apply_arg(struct nc_ctx *ctx, struct nc_value *value,
		      const Onnx__TensorShapeProto *shape,
		      const struct nc_shape_arg *arg, struct nc_scope *symbols)
{
	char text[200], given[NC_SHAPE_TEXT];
	struct nc_value *known;
	bool fits = true;
	int i;

	if (!nc_shape_fits(arg->rank, arg->dims)) {
		nc_error(ctx, NULL, "input '%.100s': the shape given is too large",
			 value->name);
		return;
	}
	if (shape && (size_t)arg->rank != shape->n_dim)
		fits = false;
	for (i = 0; shape && fits && i < arg->rank; i++) {
		int64_t dim = dim_value(shape->dim[i]);
		const char *name = dim_name(shape->dim[i]);

		if (dim > 0 && dim != arg->dims[i])
			fits = false;
		if (dim >= 0 || !*name)
			continue;
		known = symbol(ctx, symbols, name);
		if (known->dims[0] >= 0 && known->dims[0] != arg->dims[i])
			nc_error(ctx, NULL,
				 "input '%.100s': dimension '%.40s' is given as %lld here and as %lld for another input",
				 value->name, name, (long long)arg->dims[i],
				 (long long)known->dims[0]);
		known->dims[0] = arg->dims[i];
	}
	value->rank = arg->rank;
	memcpy(value->dims, arg->dims, sizeof(value->dims));
	if (!fits)
		nc_error(ctx, NULL,
			 "input '%.100s': the shape given, %s, does not fit the model's [%s]",
			 value->name, nc_shape_text(value, given),
			 model_shape(shape, text, sizeof(text)));
}

/* The input's contents are given: it becomes a constant. */
static void apply_const(struct nc_ctx *ctx, struct nc_value *value,
			const Onnx__TensorShapeProto *shape,
			const struct nc_const_arg *arg, struct nc_scope *symbols)
{
	struct nc_shape_arg as_shape = { .name = arg->name, .rank = arg->rank };

	memcpy(as_shape.dims, arg->dims, sizeof(as_shape.dims));
	if (value->dtype != arg->dtype) {
		nc_error(ctx, NULL, "input '%.100s' is %s, the value given is %s",
			 value->name, nc_dtype_name(value->dtype),
			 nc_dtype_name(arg->dtype));
		return;
	}
	apply_arg(ctx, value, shape, &as_shape, symbols);
	if (value->rank < 0)
		return;
	value->is_input = false;
	value->data = arg->data;
	value->size = nc_bytes(value);
}

/* Without a shape from the user: all dimensions have to be known by now. */
static void apply_model(struct nc_ctx *ctx, struct nc_value *value,
			const Onnx__TensorShapeProto *shape,
			struct nc_scope *symbols)
{
	struct nc_value *known;
	char text[200];
	size_t i;

	if (!shape) {
		nc_error(ctx, NULL,
			 "input '%.100s' has no shape in the model; give it with --input '%.100s:DIMS'",
			 value->name, value->name);
		return;
	}
	if (shape->n_dim > NC_MAX_RANK) {
		nc_error(ctx, NULL, "input '%.100s': rank %zu is more than %d",
			 value->name, shape->n_dim, NC_MAX_RANK);
		return;
	}
	for (i = 0; i < shape->n_dim; i++) {
		value->dims[i] = dim_value(shape->dim[i]);
		if (value->dims[i] < 0 && *dim_name(shape->dim[i])) {
			known = symbol(ctx, symbols, dim_name(shape->dim[i]));
			value->dims[i] = known->dims[0];
		}
		if (value->dims[i] < 0) {
			model_shape(shape, text, sizeof(text));
			nc_error(ctx, NULL,
				 "input '%.100s' has open dimensions; give them with --input '%.100s:%s'",
				 value->name, value->name, text);
			return;
		}
	}
	if (!nc_shape_fits((int)shape->n_dim, value->dims)) {
		nc_error(ctx, NULL, "input '%.100s': its shape is too large",
			 value->name);
		return;
	}
	value->rank = (int)shape->n_dim;
}

static enum nc_dtype input_type(struct nc_ctx *ctx, const Onnx__ValueInfoProto *proto,
				const struct nc_small **small)
{
	const char *name = nc_text(proto->name);
	enum nc_dtype dtype;

	if (!proto->type || proto->type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET) {
		nc_error(ctx, NULL, "input '%.100s' has no type in the model", name);
		return NC_NONE;
	}
	if (proto->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE) {
		nc_error(ctx, NULL,
			 "input '%.100s' is no tensor; sequences, maps and optional values are not supported",
			 name);
		return NC_NONE;
	}
	dtype = nc_dtype_from_onnx(proto->type->tensor_type->elem_type);
	*small = nc_small_find(proto->type->tensor_type->elem_type);
	if (dtype == NC_NONE)
		nc_error(ctx, NULL,
			 "input '%.100s': element type %d is not supported",
			 name, proto->type->tensor_type->elem_type);
	return dtype;
}

/* Constants are no inputs any more. */
static void drop_consts(struct nc_graph *graph)
{
	unsigned int i, n = 0;

	for (i = 0; i < graph->num_inputs; i++)
		if (graph->inputs[i]->is_input)
			graph->inputs[n++] = graph->inputs[i];
	graph->num_inputs = n;
}

/* --input for something that is no input: a slip of the user's. */
static void check_args(struct nc_ctx *ctx, const struct nc_graph *graph)
{
	char text[300] = "";
	size_t len = 0;
	unsigned int i, j;

	for (i = 0; i < graph->num_inputs && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"%s'%.60s'", i ? ", " : "",
					graph->inputs[i]->name);
	for (i = 0; i < ctx->options->num_shapes + ctx->options->num_consts; i++) {
		const char *name;

		name = i < ctx->options->num_shapes ?
		       ctx->options->shapes[i].name :
		       ctx->options->consts[i - ctx->options->num_shapes].name;
		for (j = 0; j < graph->num_inputs; j++)
			if (!strcmp(graph->inputs[j]->name, name))
				break;
		if (j == graph->num_inputs)
			nc_error(ctx, NULL,
				 "the model has no input '%.100s'; its inputs are: %s",
				 name, len ? text : "none");
	}
}

void nc_import_inputs(struct nc_ctx *ctx, const Onnx__GraphProto *proto,
		      struct nc_graph *graph, struct nc_import *import)
{
	const Onnx__ValueInfoProto **protos;
	struct nc_scope symbols = { 0 };
	unsigned int i;
	size_t j;

	graph->inputs = nc_alloc(ctx->arena, proto->n_input,
				 sizeof(*graph->inputs));
	protos = nc_alloc(ctx->arena, proto->n_input, sizeof(*protos));
	for (j = 0; j < proto->n_input; j++) {
		const char *name = nc_text(proto->input[j]->name);
		struct nc_value *value;

		/* Old files list the weights among the inputs. */
		value = nc_scope_get(&import->scope, name);
		if (value && !value->is_input)
			continue;
		if (value) {
			nc_error(ctx, NULL, "input '%.100s' is defined twice",
				 name);
			continue;
		}
		value = nc_value_new(ctx, name);
		nc_scope_add(ctx, &import->scope, name, value);
		value->is_input = true;
		protos[graph->num_inputs] = proto->input[j];
		graph->inputs[graph->num_inputs++] = value;
	}
	/* The arguments of a subgraph get their shapes from its node. */
	if (import->outer)
		return;

	for (i = 0; i < graph->num_inputs; i++) {
		struct nc_value *value = graph->inputs[i];
		const struct nc_const_arg *fixed = find_const(ctx, value->name);
		const struct nc_shape_arg *arg = find_arg(ctx, value->name);

		value->dtype = input_type(ctx, protos[i], &value->small);
		if (!value->dtype)
			continue;
		if (fixed)
			apply_const(ctx, value, shape_of(protos[i]), fixed,
				    &symbols);
		else if (arg)
			apply_arg(ctx, value, shape_of(protos[i]), arg, &symbols);
	}
	for (i = 0; i < graph->num_inputs; i++)
		if (graph->inputs[i]->rank < 0 && graph->inputs[i]->dtype &&
		    !find_arg(ctx, graph->inputs[i]->name) &&
		    !find_const(ctx, graph->inputs[i]->name))
			apply_model(ctx, graph->inputs[i], shape_of(protos[i]),
				    &symbols);
	check_args(ctx, graph);
	drop_consts(graph);
}
