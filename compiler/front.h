/* SPDX-License-Identifier: MIT */
/*
 * The front end's side of the operator table: inference and folding.
 */
#ifndef COMPILER_FRONT_H
#define COMPILER_FRONT_H

#include "pass.h"
#include "window.h"

/**
 * typedef nc_infer_fn - give a node's outputs their types and shapes
 * @ctx: the compilation
 * @node: its inputs have known types and shapes
 *
 * Operators whose result depends on shapes alone, such as Shape, make their
 * outputs constants.
 *
 * Return: false after nc_error().
 */
typedef bool nc_infer_fn(struct nc_ctx *ctx, struct nc_node *node);

/**
 * typedef nc_fold_fn - compute a node all of whose inputs are constant
 * @ctx: the compilation
 * @node: its outputs have types and shapes
 *
 * Return: false when the node has to be left to the chip.
 */
typedef bool nc_fold_fn(struct nc_ctx *ctx, struct nc_node *node);

/**
 * typedef nc_decompose_fn - put simpler operators in a node's place
 * @b: where they go; @b->like is the node
 *
 * The node's own outputs are made by what takes its place. One that is better
 * left as it is goes into the list with nc_keep().
 */
struct nc_builder;
typedef void nc_decompose_fn(struct nc_builder *b);

struct nc_op_info {
	const char *name;
	nc_infer_fn *infer;
	nc_fold_fn *fold;
	nc_decompose_fn *decompose;
};

extern const struct nc_op_info nc_ops[NC_NUM_OPS];

/* "none" is no function: ops.c defines it as NULL. */
#define X(name, infer, fold, decompose, lower) \
	nc_infer_fn nc_infer_##infer; \
	nc_fold_fn nc_fold_##fold;
NC_OPS(X)
#undef X

/**
 * nc_set_shape() - set an output's type and shape
 * @ctx: the compilation
 * @node: that makes the output
 * @output: position of the output; one that is absent is left alone
 * @dtype: its type
 * @rank: its rank
 * @dims: its dimensions
 *
 * Return: false after nc_error(), when the shape is too large.
 */
bool nc_set_shape(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		  enum nc_dtype dtype, int rank, const int64_t *dims);

/* The same type and shape as a value's. */
bool nc_set_like(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		 const struct nc_value *value);

/**
 * nc_need() - check that a node has its inputs
 * @ctx: the compilation
 * @node: the node
 * @least: inputs that must be there
 * @most: inputs that may be there
 *
 * Return: false after nc_error().
 */
bool nc_need(struct nc_ctx *ctx, const struct nc_node *node, unsigned int least,
	     unsigned int most);

/* The part of its input's shape that a Shape node gives: dimensions from *start on. */
int64_t nc_shape_part(const struct nc_node *node, int64_t *start);

/**
 * nc_need_const() - report that a value would have to be known already
 * @ctx: the compilation
 * @node: that needs it
 * @value: what it needs; not constant
 * @what: what it says, for the message
 *
 * Marks the graph inputs that it depends on as needed.
 */
void nc_need_const(struct nc_ctx *ctx, const struct nc_node *node,
		   struct nc_value *value, const char *what);

/* Mark the graph inputs that a value depends on. Return: the name of one, or NULL. */
const char *nc_mark_needed(struct nc_ctx *ctx, struct nc_value *value);

/* A negative axis counts from the end. Return: false after nc_error(). */
bool nc_axis(struct nc_ctx *ctx, const struct nc_node *node, int64_t axis,
	     int rank, int *result);

/**
 * nc_ints() - a constant input as integers
 * @ctx: the compilation
 * @node: the node
 * @input: position; must be there
 * @what: what it says, for the message
 * @ints: receives them
 * @max: room in @ints
 *
 * Return: their number, or -1 after nc_error().
 */
int nc_ints(struct nc_ctx *ctx, const struct nc_node *node, unsigned int input,
	    const char *what, int64_t *ints, int max);

/**
 * nc_axes() - a set of axes, from a constant input
 * @ctx: the compilation
 * @node: the node
 * @input: position
 * @rank: that they refer to
 * @mask: receives a bit per axis; 0 when the input is absent
 *
 * Return: false after nc_error(): out of range or named twice.
 */
bool nc_axes(struct nc_ctx *ctx, const struct nc_node *node, unsigned int input,
	     int rank, unsigned int *mask);

/*
 * Dimensions of two values broadcast that depend on data: not where one of them is known,
 * and not 1. To be asked before nc_broadcast(), whose result may be one of the values.
 */
unsigned int nc_broadcast_open(const struct nc_value *a, const struct nc_value *b);

/* Shape of two values broadcast. Return: false after nc_error(). */
bool nc_broadcast(struct nc_ctx *ctx, const struct nc_node *node,
		  const struct nc_value *a, const struct nc_value *b, int *rank,
		  int64_t dims[NC_MAX_RANK]);

/*
 * Dimension @i of @a is as long as dimension @k of @b; or it depends on data, and then the
 * host looks.
 */
bool nc_dim_fits(const struct nc_value *a, int i, const struct nc_value *b, int k);

/* Operators whose inputs may be sequences. */
bool nc_takes_sequences(enum nc_op op);

/* Attention of ONNX's own domain. */
nc_infer_fn nc_infer_onnx_attention;

/* infer.c: gives the nodes of a graph their shapes; what stays goes to ctx->list. */
void nc_infer_nodes(struct nc_ctx *ctx, struct nc_graph *graph);

/**
 * nc_graph_copy() - copy a graph in an attribute before it is inferred
 * @ctx: the compilation
 * @graph: the graph; graphs in its nodes are copied, too
 *
 * Return: a graph with values and nodes of its own.
 */
struct nc_graph *nc_graph_copy(struct nc_ctx *ctx, struct nc_graph *graph);

/*
 * Inference has found another value for the node's output, from nodes that it
 * has put into ctx->list. Both may be NULL.
 */
void nc_become(struct nc_node *node, unsigned int output, struct nc_value *value);

/**
 * nc_fold_alloc() - memory for a constant output
 * @ctx: the compilation
 * @value: output whose shape is known
 *
 * Return: zeroed memory, which is the value's data from now on, or NULL when
 * the budget for folded constants is used up.
 */
void *nc_fold_alloc(struct nc_ctx *ctx, struct nc_value *value);

/**
 * struct nc_nest - walks over a dense output with up to NC_NEST strided inputs
 * @rank: dimensions
 * @dims: their sizes
 * @strides: per input, in elements
 * @index: where it stands
 * @offset: per input, element that belongs to @index
 *
 * for (nc_nest_init(...); ; i++, nc_nest_next()) visits elements in row-major
 * order.
 */
#define NC_NEST	3
struct nc_nest {
	int rank;
	int64_t dims[NC_MAX_RANK];
	int64_t strides[NC_NEST][NC_MAX_RANK];
	int64_t index[NC_MAX_RANK];
	int64_t offset[NC_NEST];
};

void nc_nest_init(struct nc_nest *nest, const struct nc_value *out);
/* Input number @i is @value, broadcast to the output's shape. */
void nc_nest_broadcast(struct nc_nest *nest, int i, const struct nc_value *value);
void nc_nest_next(struct nc_nest *nest);

/* Row-major strides in elements. */
void nc_strides(const struct nc_value *value, int64_t strides[NC_MAX_RANK]);

/*
 * Parameters of single operators, for inference, folding and lowering. All
 * return false after nc_error().
 */
/* Transpose: the order of the axes. */
bool nc_transpose_perm(struct nc_ctx *ctx, const struct nc_node *node, int *perm);
/* Slice, by axis: first element, step, number of elements. */
bool nc_slice_range(struct nc_ctx *ctx, const struct nc_node *node,
		    int64_t starts[NC_MAX_RANK], int64_t steps[NC_MAX_RANK],
		    int64_t counts[NC_MAX_RANK]);
/* Pad, by axis: elements before and after; negative ones crop. */
bool nc_pad_amounts(struct nc_ctx *ctx, const struct nc_node *node,
		    int64_t before[NC_MAX_RANK], int64_t after[NC_MAX_RANK]);
/* Reduce*: a bit for each axis that is reduced. */
bool nc_reduce_axes(struct nc_ctx *ctx, const struct nc_node *node,
		    unsigned int *mask);

/* DFT: the dimension, its length, the bins that come out. */
struct nc_dft {
	int axis;
	int64_t length;
	int64_t bins;
	bool inverse;
};

bool nc_dft_params(struct nc_ctx *ctx, struct nc_node *node, struct nc_dft *dft);

/* STFT: samples between frames and in one, frames, the bins that come out. */
struct nc_stft {
	int64_t step;
	int64_t length;
	int64_t frames;
	int64_t bins;
};

bool nc_stft_params(struct nc_ctx *ctx, struct nc_node *node, struct nc_stft *stft);

/* Output of a convolution; @bias may be NULL. */
bool nc_conv_shape(struct nc_ctx *ctx, struct nc_node *node,
		   const struct nc_value *w, const struct nc_value *bias,
		   enum nc_dtype dtype);
/* Output of a matrix product. */
bool nc_matmul_shape(struct nc_ctx *ctx, struct nc_node *node,
		     const struct nc_value *left, const struct nc_value *right,
		     enum nc_dtype dtype);

/* The number that a node's unary function gives; see fold_eltwise.c. */
double nc_apply_act(enum neuron_act act, double alpha, double beta, double x);

/**
 * nc_unary_act() - the chip's function for a unary operator
 * @node: Relu, Clip, Sigmoid and so on
 * @act: receives the function
 * @alpha: receives its parameter
 * @beta: receives its parameter
 *
 * Return: false when there is none, as for Clip with bounds that the model
 * computes.
 */
bool nc_unary_act(const struct nc_node *node, enum neuron_act *act,
		  float *alpha, float *beta);

/**
 * nc_fuse_pad() - a Pad before a convolution is the convolution's own padding
 * @ctx: the compilation
 * @node: Conv or QLinearConv
 * @zero: what it pads with: zero, or the zero point
 *
 * Uses must be counted. Nothing happens where it can't be.
 */
void nc_fuse_pad(struct nc_ctx *ctx, struct nc_node *node, double zero);

#endif /* COMPILER_FRONT_H */
