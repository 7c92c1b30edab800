/* SPDX-License-Identifier: MIT */
/*
 * The graph that the passes work on: ONNX's own, with every shape known.
 *
 * All memory belongs to the graph's arena and is freed with it. Nodes are kept
 * in topological order. compile.c lists the passes; each pass leaves a graph
 * that nc_verify() accepts.
 */
#ifndef COMPILER_IR_H
#define COMPILER_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>

#define NC_MAX_RANK	8

/* Element types: X(NAME, bytes, ONNX's number, text). BOOL is a byte, 0 or 1. */
#define NC_DTYPES(X)                                                           \
	X(F32,  4,  1, "float32")                                              \
	X(BF16, 2, 16, "bfloat16")                                             \
	X(F16,  2, 10, "float16")                                              \
	X(I8,   1,  3, "int8")                                                 \
	X(U8,   1,  2, "uint8")                                                \
	X(I32,  4,  6, "int32")                                                \
	X(I64,  8,  7, "int64")                                                \
	X(BOOL, 1,  9, "bool")                                                 \
	X(F64,  8, 11, "float64")                                              \
	X(I16,  2,  5, "int16")                                                \
	X(U16,  2,  4, "uint16")                                               \
	X(U32,  4, 12, "uint32")                                               \
	X(U64,  8, 13, "uint64")                                               \
	/* on the host alone, filled up with NUL: NEURON_NEFF_STRING */        \
	X(STRING, 256, 8, "string")

enum nc_dtype {
	NC_NONE = 0,
#define X(name, bytes, onnx, text) NC_##name,
	NC_DTYPES(X)
#undef X
	NC_NUM_DTYPES
};

/* The operators; the rows are in ops.h, the only place that lists them. */
#include "ops.h"

enum nc_op {
	NC_OP_UNKNOWN = 0,
#define X(name, infer, fold, decompose, lower) NC_OP_##name,
	NC_OPS(X)
#undef X
	NC_NUM_OPS
};

struct nc_node;
struct nc_graph;
struct nc_small;
struct nc_arena;
struct nc_host;

/**
 * struct nc_value - a tensor that nodes make or use
 * @name: from the model, or made unique
 * @dtype: element type; NC_NONE until inferred
 * @rank: number of dimensions; -1 until inferred
 * @dims: elements in each dimension
 * @data: constants: the elements, dense, row-major, aligned to 8; else NULL
 * @size: constants: bytes at @data
 * @producer: node that makes it; NULL for constants and graph inputs
 * @num_uses: inputs of nodes that name it, plus one for a graph output
 * @is_input: is an input of the graph
 * @is_output: is an output of the graph
 * @needed: its contents are needed at compile time; of interest for graph inputs
 * @alias: value that stands for this one since a pass replaced it, or NULL;
 *	   nc_graph_update() redirects the uses
 * @folded: constants: the node that computed it when compiling, or NULL
 * @narrow: what stands for a float64 value inside the graph; see narrow.c
 * @sequence: for a sequence: its values; see infer_sequence.c
 * @sequence_length: entries of @sequence
 * @is_sequence: is a sequence of tensors and no tensor; none outlives inference
 * @small: the type of fewer bits that the model gives it, kept in @dtype, or NULL; see
 *	   small_type.h
 * @open: a bit for each dimension that depends on data: it is @dims at most. Such
 *	  values are the host's; see host.h
 * @chunked: open values: what is known of their length, see chunk.h, or NULL
 * @bounds: host nodes' outputs: between which numbers the elements are, or NULL
 * @absent: stands for an optional input that is not there
 * @copy: what stands for it in the copy of a graph; see clone.c
 * @copy_id: which copy @copy is in
 * @outside: steps.c's own: another part of the model uses it
 * @number: steps.c's own: its number in the file, plus one
 * @lir: the back end's own
 */
struct nc_value {
	const char *name;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	const void *data;
	size_t size;
	struct nc_node *producer;
	unsigned int num_uses;
	bool is_input;
	bool is_output;
	bool needed;
	struct nc_value *alias;
	const struct nc_node *folded;
	struct nc_value *narrow;
	struct nc_value **sequence;
	unsigned int sequence_length;
	bool is_sequence;
	const struct nc_small *small;
	unsigned int open;
	struct nc_chunked *chunked;
	const struct nc_bounds *bounds;
	bool absent;
	struct nc_value *copy;
	unsigned int copy_id;
	bool outside;
	uint32_t number;
	void *lir;
};

enum nc_attr_kind {
	NC_ATTR_INT,
	NC_ATTR_FLOAT,
	NC_ATTR_STRING,
	NC_ATTR_TENSOR,
	NC_ATTR_INTS,
	NC_ATTR_FLOATS,
	NC_ATTR_STRINGS,
	NC_ATTR_GRAPH,
};

struct nc_attr {
	const char *name;
	enum nc_attr_kind kind;
	size_t count;			/* INTS, FLOATS, STRINGS; else 1 */
	union {
		int64_t i;
		float f;
		const char *s;		/* NUL-terminated */
		const int64_t *ints;
		const float *floats;
		const char *const *strings;
		struct nc_value *tensor;	/* a constant */
		struct nc_graph *graph;
	};
};

/**
 * struct nc_node - an operator
 * @op: enum nc_op
 * @op_type: ONNX's name of it
 * @domain: ONNX's domain, "" for the default
 * @name: from the model, or made from the operator and the node's number
 * @inputs: values; NULL where an optional one is absent
 * @num_inputs: entries of @inputs
 * @outputs: values; NULL where an optional one is absent
 * @num_outputs: entries of @outputs
 * @attrs: attributes as the model gives them
 * @num_attrs: entries of @attrs
 * @layer: number for neuron_inst.layer; nodes fused together keep the first's
 * @act: unary function fused onto the result; NEURON_ACT_IDENTITY for none
 * @act_alpha: its parameter
 * @act_beta: its parameter
 * @captures: values of graphs around it that graphs in its attributes use
 * @num_captures: entries of @captures
 * @host: how the host executes it; NULL: the chip does
 * @exact: products that it is, or becomes, are fp32: see nc_exact_lengths()
 * @chunk: group of host nodes that it belongs to, see nc_chunk_groups()
 * @mark: for passes; no meaning between them
 * @compute: type that the matrix operands are cast to on the chip: NC_F32,
 *	     NC_BF16, NC_F16, NC_I8 (8-bit integer work); NC_NONE where it does
 *	     not apply. Set by the cast pass
 */
struct nc_node {
	enum nc_op op;
	const char *op_type;
	const char *domain;
	const char *name;
	struct nc_value **inputs;
	unsigned int num_inputs;
	struct nc_value **outputs;
	unsigned int num_outputs;
	struct nc_attr *attrs;
	unsigned int num_attrs;
	unsigned int layer;
	enum neuron_act act;
	float act_alpha;
	float act_beta;
	enum nc_dtype compute;
	struct nc_value **captures;
	unsigned int num_captures;
	const struct nc_host *host;
	bool exact;
	unsigned int chunk;
	int mark;
};

/**
 * struct nc_graph - a model
 * @arena: owns everything in here
 * @name: of the model
 * @opset: version of the default operator set; 0: that of the graph around it
 * @nodes: in topological order
 * @num_nodes: entries of @nodes
 * @values: all values
 * @num_values: entries of @values
 * @values_room: allocated entries of @values
 * @inputs: in the model's order, without those that initialisers provide
 * @num_inputs: entries of @inputs
 * @outputs: in the model's order
 * @num_outputs: entries of @outputs
 * @layers: for each number in nc_node.layer: the ONNX node's name
 * @layer_ops: for each number: the ONNX operator
 * @num_layers: entries of both
 * @parent: for a subgraph: the graph whose names it may use
 */
struct nc_graph {
	struct nc_arena *arena;
	const char *name;
	int opset;
	struct nc_node **nodes;
	unsigned int num_nodes;
	struct nc_value **values;
	unsigned int num_values;
	unsigned int values_room;
	struct nc_value **inputs;
	unsigned int num_inputs;
	struct nc_value **outputs;
	unsigned int num_outputs;
	const char **layers;
	const char **layer_ops;
	unsigned int num_layers;
	struct nc_graph *parent;
};

/* How matrix operands are cast. */
enum nc_auto_cast {
	NC_CAST_BF16 = 0,	/* default, as the real compiler does */
	NC_CAST_NONE,
	NC_CAST_F16,
};

#endif /* COMPILER_IR_H */
