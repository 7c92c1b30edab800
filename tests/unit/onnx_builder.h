/* SPDX-License-Identifier: MIT */
/*
 * Small ONNX models as bytes, for tests:
 *
 *	struct builder b = builder(13);
 *
 *	add_input(&b, "x", FLOAT, 2, (int64_t[]) { 2, 3 });
 *	attr_int(add_node(&b, "Softmax", "x", "y"), "axis", 1);
 *	add_output(&b, "y");
 *	bytes = builder_bytes(&b, &size);
 *
 * Names of inputs and outputs are separated by blanks; "-" is an absent one.
 * Everything leaks on purpose: tests are short.
 */
#ifndef TESTS_UNIT_ONNX_BUILDER_H
#define TESTS_UNIT_ONNX_BUILDER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "onnx.pb-c.h"

#define FLOAT	ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT
#define INT64	ONNX__TENSOR_PROTO__DATA_TYPE__INT64
#define INT32	ONNX__TENSOR_PROTO__DATA_TYPE__INT32
#define INT8	ONNX__TENSOR_PROTO__DATA_TYPE__INT8
#define UINT8	ONNX__TENSOR_PROTO__DATA_TYPE__UINT8
#define BOOL	ONNX__TENSOR_PROTO__DATA_TYPE__BOOL

#define DIMS(...)	(int)(sizeof((int64_t[]) { __VA_ARGS__ }) / 8), \
			(int64_t[]) { __VA_ARGS__ }

/* LeakSanitizer asks for this: what leaks on purpose is not what is looked for. */
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:onnx_builder.h\n"
	       "leak:operator_case.h\n"
	       "leak:add_function\n";
}

/* For parts of a model that a test makes itself. */
static inline char *own_text(const char *text)
{
	return strdup(text);
}

static inline void *own_memory(size_t size)
{
	return malloc(size);
}

struct builder {
	Onnx__ModelProto model;
	Onnx__GraphProto *graph;
};

static inline void *keep(const void *data, size_t size)
{
	void *copy = malloc(size + 1);

	if (size)
		memcpy(copy, data, size);
	((char *)copy)[size] = '\0';
	return copy;
}

/* Appends a pointer to a protobuf-c array. */
#define APPEND(array, count, item)                                             \
	do {                                                                   \
		(array) = realloc((array), ((count) + 1) * sizeof(*(array)));  \
		(array)[(count)++] = (item);                                   \
	} while (0)

static inline Onnx__GraphProto *new_graph(void)
{
	Onnx__GraphProto *graph = malloc(sizeof(*graph));

	onnx__graph_proto__init(graph);
	graph->name = strdup("test");
	return graph;
}

static inline struct builder builder(int64_t opset)
{
	Onnx__OperatorSetIdProto *import = malloc(sizeof(*import));
	struct builder b;

	onnx__operator_set_id_proto__init(import);
	import->domain = strdup("");
	import->has_version = 1;
	import->version = opset;
	onnx__model_proto__init(&b.model);
	b.model.has_ir_version = 1;
	b.model.ir_version = 8;
	APPEND(b.model.opset_import, b.model.n_opset_import, import);
	b.graph = new_graph();
	b.model.graph = b.graph;
	return b;
}

static inline Onnx__ValueInfoProto *new_value(const char *name, int type, int rank,
					      const int64_t *dims)
{
	Onnx__ValueInfoProto *value = malloc(sizeof(*value));
	Onnx__TypeProto *proto = malloc(sizeof(*proto));
	Onnx__TypeProto__Tensor *tensor = malloc(sizeof(*tensor));
	Onnx__TensorShapeProto *shape = malloc(sizeof(*shape));
	int i;

	onnx__value_info_proto__init(value);
	onnx__type_proto__init(proto);
	onnx__type_proto__tensor__init(tensor);
	onnx__tensor_shape_proto__init(shape);
	value->name = strdup(name);
	value->type = proto;
	proto->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	proto->tensor_type = tensor;
	tensor->has_elem_type = 1;
	tensor->elem_type = type;
	if (rank < 0)
		return value;
	tensor->shape = shape;
	for (i = 0; i < rank; i++) {
		Onnx__TensorShapeProto__Dimension *dim = malloc(sizeof(*dim));

		onnx__tensor_shape_proto__dimension__init(dim);
		/* -1 and below: open dimensions d1, d2 ... */
		if (dims[i] >= 0) {
			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
			dim->dim_value = dims[i];
		} else {
			char text[8] = { 'd', (char)('0' - dims[i]), 0 };

			dim->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
			dim->dim_param = strdup(text);
		}
		APPEND(shape->dim, shape->n_dim, dim);
	}
	return value;
}

static inline void add_input(struct builder *b, const char *name, int type,
			     int rank, const int64_t *dims)
{
	APPEND(b->graph->input, b->graph->n_input,
	       new_value(name, type, rank, dims));
}

static inline void add_output(struct builder *b, const char *name)
{
	APPEND(b->graph->output, b->graph->n_output,
	       new_value(name, FLOAT, -1, NULL));
}

static inline Onnx__TensorProto *new_tensor(const char *name, int type, int rank,
					    const int64_t *dims, const void *data,
					    size_t size)
{
	Onnx__TensorProto *tensor = malloc(sizeof(*tensor));

	onnx__tensor_proto__init(tensor);
	tensor->name = strdup(name);
	tensor->n_dims = (size_t)rank;
	tensor->dims = keep(dims, (size_t)rank * 8);
	tensor->has_data_type = 1;
	tensor->data_type = type;
	tensor->has_raw_data = 1;
	tensor->raw_data.len = size;
	tensor->raw_data.data = keep(data, size);
	return tensor;
}

static inline void add_const(struct builder *b, const char *name, int type,
			     int rank, const int64_t *dims, const void *data,
			     size_t size)
{
	APPEND(b->graph->initializer, b->graph->n_initializer,
	       new_tensor(name, type, rank, dims, data, size));
}

/* A vector of int64. */
static inline void add_ints(struct builder *b, const char *name, int n,
			    const int64_t *ints)
{
	const int64_t dims = n;

	add_const(b, name, INT64, 1, &dims, ints, (size_t)n * 8);
}

/* Floats start, start + step ... */
static inline void add_ramp(struct builder *b, const char *name, float start,
			    float step, int rank, const int64_t *dims)
{
	int64_t n = 1, i;
	float *data;

	for (i = 0; i < rank; i++)
		n *= dims[i];
	data = malloc((size_t)n * 4 + 1);
	for (i = 0; i < n; i++)
		data[i] = start + (float)i * step;
	add_const(b, name, FLOAT, rank, dims, data, (size_t)n * 4);
}

static inline void split_names(const char *names, char ***list, size_t *count)
{
	char *copy = strdup(names), *save, *name;

	for (name = strtok_r(copy, " ", &save); name;
	     name = strtok_r(NULL, " ", &save))
		APPEND(*list, *count, strdup(strcmp(name, "-") ? name : ""));
}

static inline Onnx__NodeProto *add_node_to(Onnx__GraphProto *graph,
					   const char *op, const char *inputs,
					   const char *outputs)
{
	Onnx__NodeProto *node = malloc(sizeof(*node));
	char name[64];

	onnx__node_proto__init(node);
	snprintf(name, sizeof(name), "n%zu", graph->n_node);
	node->name = strdup(name);
	node->op_type = strdup(op);
	split_names(inputs, &node->input, &node->n_input);
	split_names(outputs, &node->output, &node->n_output);
	APPEND(graph->node, graph->n_node, node);
	return node;
}

static inline Onnx__NodeProto *add_node(struct builder *b, const char *op,
					const char *inputs, const char *outputs)
{
	return add_node_to(b->graph, op, inputs, outputs);
}

static inline Onnx__AttributeProto *add_attr(Onnx__NodeProto *node,
					     const char *name, int type)
{
	Onnx__AttributeProto *attr = malloc(sizeof(*attr));

	onnx__attribute_proto__init(attr);
	attr->name = strdup(name);
	attr->has_type = 1;
	attr->type = type;
	APPEND(node->attribute, node->n_attribute, attr);
	return attr;
}

static inline void attr_int(Onnx__NodeProto *node, const char *name, int64_t i)
{
	Onnx__AttributeProto *attr;

	attr = add_attr(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
	attr->has_i = 1;
	attr->i = i;
}

static inline void attr_float(Onnx__NodeProto *node, const char *name, float f)
{
	Onnx__AttributeProto *attr;

	attr = add_attr(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
	attr->has_f = 1;
	attr->f = f;
}

static inline void attr_ints(Onnx__NodeProto *node, const char *name, int n,
			     const int64_t *ints)
{
	Onnx__AttributeProto *attr;

	attr = add_attr(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
	attr->n_ints = (size_t)n;
	attr->ints = keep(ints, (size_t)n * 8);
}

static inline void attr_string(Onnx__NodeProto *node, const char *name,
			       const char *s)
{
	Onnx__AttributeProto *attr;

	attr = add_attr(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
	attr->has_s = 1;
	attr->s.len = strlen(s);
	attr->s.data = (uint8_t *)strdup(s);
}

static inline void attr_graph(Onnx__NodeProto *node, const char *name,
			      Onnx__GraphProto *graph)
{
	Onnx__AttributeProto *attr;

	attr = add_attr(node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH);
	attr->g = graph;
}

static inline void *builder_bytes(const struct builder *b, size_t *size)
{
	void *bytes;

	*size = onnx__model_proto__get_packed_size(&b->model);
	bytes = malloc(*size + 1);
	onnx__model_proto__pack(&b->model, bytes);
	return bytes;
}

#endif /* TESTS_UNIT_ONNX_BUILDER_H */
