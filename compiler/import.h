/* SPDX-License-Identifier: MIT */
/* What the parts of the importer share. */
#ifndef COMPILER_IMPORT_H
#define COMPILER_IMPORT_H

#include "names.h"
#include "onnx_proto.h"
#include "pass.h"

/**
 * struct onnx_model - the parsed model, and the file beside it read last
 * @message: the model
 * @is_open: @file is open
 * @file: descriptor of the file
 * @file_name: as the model names it; NULL: none
 * @file_size: bytes of it
 */
struct onnx_model {
	struct onnx_message message;
	bool is_open;
	int file;
	const char *file_name;
	uint64_t file_size;
};

/**
 * struct nc_blob - a large constant that can be freed
 * @data: its elements
 * @size: bytes of it
 * @raw: where the parsed model has them; NULL: they are a block of the arena
 * @used: nc_blob_sweep()'s own
 */
struct nc_blob {
	const void *data;
	size_t size;
	ProtobufCBinaryData *raw;
	bool used;
};

/* Remember a constant of @size bytes; small ones are left alone. */
void nc_blob_add(struct nc_ctx *ctx, const void *data, size_t size,
		 ProtobufCBinaryData *raw);

/**
 * nc_external_data() - read a tensor's data from a file beside the model
 * @ctx: the compilation
 * @proto: the tensor
 * @value: its type and shape are known; receives the data
 *
 * Return: NULL, or what is wrong, as a static text.
 */
const char *nc_external_data(struct nc_ctx *ctx, const Onnx__TensorProto *proto,
			     struct nc_value *value);
void nc_external_close(struct onnx_model *model);

/**
 * struct nc_import - a graph being imported
 * @scope: its names
 * @outer: the graph around it, or NULL
 * @caller: node whose function it belongs to: its attributes can be referred to
 * @depth: functions around it
 * @uses: values of graphs around it that its nodes use
 * @num_uses: entries of @uses
 * @uses_room: allocated entries of @uses
 */
struct nc_import {
	struct nc_scope scope;
	struct nc_import *outer;
	const struct nc_node *caller;
	unsigned int depth;
	struct nc_value **uses;
	unsigned int num_uses;
	unsigned int uses_room;
};

/* A name that a node or an output list uses; NULL when nothing has it. */
struct nc_value *nc_import_use(struct nc_ctx *ctx, struct nc_import *import,
			       const char *name);

/* A node depends on what graphs in its attributes use from around it. */
void nc_add_captures(struct nc_ctx *ctx, struct nc_node *node,
		     struct nc_value **uses, unsigned int num_uses);

/* A graph; @outer is NULL for the model's own. */
struct nc_graph *nc_import_graph(struct nc_ctx *ctx,
				 const Onnx__GraphProto *proto,
				 struct nc_import *outer,
				 struct nc_import *import);

/* import_attr.c: a node's attributes, with the graphs in them. */
void nc_import_attrs(struct nc_ctx *ctx, const Onnx__NodeProto *proto,
		     struct nc_node *node, struct nc_import *import);

/* import_input.c: the graph's inputs, their open dimensions filled in. */
void nc_import_inputs(struct nc_ctx *ctx, const Onnx__GraphProto *proto,
		      struct nc_graph *graph, struct nc_import *import);

/* A constant from a TensorProto; NULL after nc_error(). */
struct nc_value *nc_import_tensor(struct nc_ctx *ctx, const struct nc_node *node,
				  const char *name,
				  const Onnx__TensorProto *proto);

/* sort.c: topological order; names the nodes of a cycle. */
void nc_sort(struct nc_ctx *ctx, struct nc_graph *graph);

static inline const char *nc_text(const char *s)
{
	return s ? s : "";
}

#endif /* COMPILER_IMPORT_H */
