/* SPDX-License-Identifier: MIT */
/*
 * Reading and changing the graph: what all passes share.
 */
#ifndef COMPILER_GRAPH_H
#define COMPILER_GRAPH_H

#include "ir.h"

struct nc_ctx;

/* Element types; 0 or "unknown" for a value that is none. */
size_t nc_dtype_size(enum nc_dtype dtype);
const char *nc_dtype_name(enum nc_dtype dtype);
enum nc_dtype nc_dtype_from_onnx(int onnx);
int nc_dtype_to_onnx(enum nc_dtype dtype);
bool nc_dtype_is_float(enum nc_dtype dtype);

/* The operator's name; NC_OP_UNKNOWN for a name that is none. */
const char *nc_op_name(enum nc_op op);
enum nc_op nc_op_find(const char *name);

/**
 * nc_numel() - elements of a value whose shape is known
 * @value: the value
 *
 * Inference refuses shapes whose element count exceeds NC_MAX_ELEMENTS, so this
 * never overflows, nor does the size in bytes.
 */
int64_t nc_numel(const struct nc_value *value);
size_t nc_bytes(const struct nc_value *value);

#define NC_MAX_ELEMENTS	((int64_t)1 << 40)

/* The rank and the element count are within the limits, no dimension is negative. */
bool nc_shape_fits(int rank, const int64_t *dims);
bool nc_same_shape(const struct nc_value *a, const struct nc_value *b);

/**
 * nc_shape_text() - a shape as "[1, 3, <=224]"; the last one depends on data
 * @value: the value
 * @buf: receives the text
 *
 * Return: @buf.
 */
#define NC_SHAPE_TEXT	(NC_MAX_RANK * 24 + 4)
const char *nc_shape_text(const struct nc_value *value, char buf[NC_SHAPE_TEXT]);

static inline bool nc_is_const(const struct nc_value *value)
{
	return value && value->data;
}

/* An input or output by position; NULL where it is absent. */
static inline struct nc_value *nc_in(const struct nc_node *node, unsigned int i)
{
	return i < node->num_inputs ? node->inputs[i] : NULL;
}

static inline struct nc_value *nc_out(const struct nc_node *node, unsigned int i)
{
	return i < node->num_outputs ? node->outputs[i] : NULL;
}

/*
 * Attributes by name, with the value that holds when the node has none. One of
 * another kind than asked for counts as absent: import has checked the kinds.
 */
const struct nc_attr *nc_attr(const struct nc_node *node, const char *name);
int64_t nc_attr_int(const struct nc_node *node, const char *name, int64_t def);
float nc_attr_float(const struct nc_node *node, const char *name, float def);
const char *nc_attr_string(const struct nc_node *node, const char *name,
			   const char *def);
/* Return: the number of elements; @ints is NULL and the number 0 without it. */
size_t nc_attr_ints(const struct nc_node *node, const char *name,
		    const int64_t **ints);
size_t nc_attr_floats(const struct nc_node *node, const char *name,
		      const float **floats);
void nc_set_attr_int(struct nc_ctx *ctx, struct nc_node *node,
		     const char *name, int64_t value);
void nc_set_attr_float(struct nc_ctx *ctx, struct nc_node *node,
		       const char *name, float value);
void nc_set_attr_string(struct nc_ctx *ctx, struct nc_node *node,
			const char *name, const char *value);
void nc_set_attr_graph(struct nc_ctx *ctx, struct nc_node *node,
		       const char *name, struct nc_graph *graph);
void nc_set_attr_ints(struct nc_ctx *ctx, struct nc_node *node,
		      const char *name, const int64_t *ints, size_t count);

/* Constant elements as numbers; the index must be within the value. */
double nc_const_double(const struct nc_value *value, int64_t index);
int64_t nc_const_int(const struct nc_value *value, int64_t index);
/* Element @index of @data, converted with saturation and rounding to even. */
void nc_put_double(enum nc_dtype dtype, void *data, int64_t index, double x);
void nc_put_int(enum nc_dtype dtype, void *data, int64_t index, int64_t x);

/* All elements are equal to a number: true, and the number. */
bool nc_const_splat(const struct nc_value *value, double *x);

/* New values; @name need not be unique. */
struct nc_value *nc_value_new(struct nc_ctx *ctx, const char *name);
struct nc_value *nc_value_like(struct nc_ctx *ctx, const char *name,
			       enum nc_dtype dtype, int rank,
			       const int64_t *dims);
struct nc_value *nc_const_new(struct nc_ctx *ctx, const char *name,
			      enum nc_dtype dtype, int rank,
			      const int64_t *dims, const void *data);
struct nc_value *nc_const_ints_new(struct nc_ctx *ctx, const char *name,
				   const int64_t *ints, int64_t count);

/**
 * nc_node_new() - make a node with one output; it is in no list yet
 * @ctx: the compilation
 * @like: node whose name and layer it takes
 * @op: operator
 * @output: its output, or NULL for a new value
 * @num_inputs: inputs that follow, each a struct nc_value *
 */
struct nc_node *nc_node_new(struct nc_ctx *ctx, const struct nc_node *like,
			    enum nc_op op, struct nc_value *output,
			    unsigned int num_inputs, ...);

/**
 * struct nc_node_list - nodes in order, as a pass makes them
 * @nodes: the nodes
 * @count: used entries of @nodes
 * @room: allocated entries of @nodes
 */
struct nc_node_list {
	struct nc_node **nodes;
	unsigned int count;
	unsigned int room;
};

void nc_node_list_add(struct nc_ctx *ctx, struct nc_node_list *list,
		      struct nc_node *node);

/**
 * nc_alias() - let a value stand for another from now on
 * @value: value that is replaced
 * @by: value that is used instead
 *
 * Uses are redirected by nc_graph_update() or, one by one, with nc_resolve().
 */
void nc_alias(struct nc_value *value, struct nc_value *by);
struct nc_value *nc_resolve(struct nc_value *value);

/**
 * nc_graph_update() - tidy up at the end of a pass
 * @ctx: the compilation
 *
 * Redirects uses of aliases, gives graph outputs nodes of their own where they
 * would be constants or inputs, drops nodes and values that nothing needs, and
 * counts uses. Linear in the size of the graph.
 */
void nc_graph_update(struct nc_ctx *ctx);

#endif /* COMPILER_GRAPH_H */
