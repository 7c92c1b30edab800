/* SPDX-License-Identifier: MIT */
/*
 * What the lowering functions share. A lowering function reads its node, asks
 * for the views of its inputs, makes or binds its outputs, and adds
 * instructions on whole tensors; it never thinks of memory.
 */
#ifndef COMPILER_LOWER_H
#define COMPILER_LOWER_H

#include "front.h"
#include "lir.h"
#include "pass.h"

/* The functions that ops.h names: lower column NAME is nc_lower_NAME(). */
typedef void nc_lower_fn(struct nc_ctx *ctx, struct nc_node *node);

nc_lower_fn nc_lower_conv, nc_lower_conv_transpose, nc_lower_matmul,
	nc_lower_gemm, nc_lower_eltwise, nc_lower_variadic, nc_lower_act,
	nc_lower_cast, nc_lower_select, nc_lower_pool, nc_lower_global_pool,
	nc_lower_softmax, nc_lower_reduce, nc_lower_layer_norm,
	nc_lower_instance_norm, nc_lower_batch_norm, nc_lower_gather,
	nc_lower_scatter_rows,
	nc_lower_reshape, nc_lower_transpose, nc_lower_expand, nc_lower_slice,
	nc_lower_split, nc_lower_concat, nc_lower_pad, nc_lower_tile,
	nc_lower_depth_space, nc_lower_quantize, nc_lower_dequantize,
	nc_lower_qlinear, nc_lower_integer;
#define nc_lower_none	NULL

/**
 * nc_storage_dtype() - the chip's type for a type of ONNX
 * @dtype: ONNX's; int64 is int32 on the chip, bool is uint8
 *
 * Return: enum neuron_dtype, or -1 for a type that the chip does not have.
 */
int nc_storage_dtype(enum nc_dtype dtype);

/**
 * nc_operand() - where a value lies
 * @ctx: the compilation
 * @value: a constant, or a value that is bound already
 *
 * Return: its view, in the type that it is kept in; the shape is the value's.
 */
const struct nc_view *nc_operand(struct nc_ctx *ctx, struct nc_value *value);

/**
 * nc_operand_as() - a value in a given type
 * @ctx: the compilation
 * @node: the node that needs it
 * @value: a constant, or a value that is bound already
 * @dtype: enum neuron_dtype
 *
 * Constants are converted here; others by an instruction, once for all users.
 */
const struct nc_view *nc_operand_as(struct nc_ctx *ctx, struct nc_node *node,
				    struct nc_value *value, unsigned int dtype);

/**
 * nc_packed_weights() - constant weights of a convolution without groups
 * @ctx: the compilation
 * @value: [filters, channels, kernel...]
 * @dtype: enum neuron_dtype
 *
 * In memory the kernel is outermost and the filters are innermost: so the chip
 * packs them for its array, in each execution where they do not stay there.
 */
const struct nc_view *nc_packed_weights(struct nc_ctx *ctx,
					struct nc_value *value,
					unsigned int dtype);

/**
 * nc_result() - storage for an output of a node
 * @ctx: the compilation
 * @node: the node
 * @i: which output
 * @order: how the dimensions nest, outermost first; NULL: row-major
 *
 * The output is bound to it. It is only written when it is the graph's output
 * and nobody else's input, so a lowering function must not read it.
 */
struct nc_view nc_result(struct nc_ctx *ctx, struct nc_node *node,
			 unsigned int i, const int *order);
/* The same, nested as a view of the same rank is. */
struct nc_view nc_result_like(struct nc_ctx *ctx, struct nc_node *node,
			      unsigned int i, const struct nc_view *like);

/*
 * The order in which a value's dimensions should nest for the only operator that
 * uses it, a Transpose. Return: false where there is no such wish.
 */
bool nc_user_order(struct nc_ctx *ctx, const struct nc_value *value, int *order);

/* Storage of a node's own, for what lies between its instructions. */
struct nc_view nc_temp(struct nc_ctx *ctx, unsigned int dtype, int rank,
		       const int64_t *dims, const int *order);

/**
 * nc_bind() - let an output be a view of what exists already
 * @ctx: the compilation
 * @node: the node
 * @i: which output
 * @view: its elements, in the output's shape
 */
void nc_bind(struct nc_ctx *ctx, struct nc_node *node, unsigned int i,
	     const struct nc_view *view);

/**
 * nc_add() - add an instruction
 * @ctx: the compilation
 * @node: whose work it does
 * @opcode: enum neuron_opcode
 * @out: result
 * @a: first input, or NULL
 * @b: second input, or NULL
 *
 * Nothing is added when the result has no elements; the caller can still fill
 * in parameters of what is returned. Views are copied.
 *
 * Return: the instruction, good until the next one is added.
 */
struct nc_inst *nc_add(struct nc_ctx *ctx, const struct nc_node *node,
		       unsigned int opcode, const struct nc_view *out,
		       const struct nc_view *a, const struct nc_view *b);
/* A further operand of an instruction; NULL leaves it absent. */
void nc_add_operand(struct nc_ctx *ctx, struct nc_inst *inst, unsigned int i,
		    const struct nc_view *view);
/* ACT: out = func(in). */
void nc_add_act(struct nc_ctx *ctx, const struct nc_node *node,
		const struct nc_view *out, const struct nc_view *in,
		enum neuron_act func, float alpha, float beta);
/* ELTWISE: out = func(a, b), operands broadcast to out's shape. */
struct nc_inst *nc_add_binary(struct nc_ctx *ctx, const struct nc_node *node,
			      const struct nc_view *out,
			      const struct nc_view *a, const struct nc_view *b,
			      enum neuron_binary func);
/* out = in, converted to out's type. */
void nc_add_copy(struct nc_ctx *ctx, const struct nc_node *node,
		 const struct nc_view *out, const struct nc_view *in);
void nc_add_fill(struct nc_ctx *ctx, const struct nc_node *node,
		 const struct nc_view *out, double value);
void nc_add_reduce(struct nc_ctx *ctx, const struct nc_node *node,
		   const struct nc_view *out, const struct nc_view *in,
		   enum neuron_reduction func, uint32_t axes);

/**
 * nc_const_bytes() - a constant of the compiler's own
 * @ctx: the compilation
 * @dtype: enum neuron_dtype
 * @rank: number of dimensions
 * @dims: dimensions
 * @data: elements, dense, row-major; must live as long as the compilation
 *
 * Equal constants share their bytes, small ones share a buffer.
 */
struct nc_view nc_const_bytes(struct nc_ctx *ctx, unsigned int dtype, int rank,
			      const int64_t *dims, const void *data);
struct nc_view nc_const_float(struct nc_ctx *ctx, float x);

/**
 * nc_reshaped() - a view in another shape, copied if strides cannot express it
 * @ctx: the compilation
 * @node: the node that needs it
 * @view: elements
 * @rank: wanted
 * @dims: wanted
 */
struct nc_view nc_reshaped(struct nc_ctx *ctx, const struct nc_node *node,
			   const struct nc_view *view, int rank,
			   const int64_t *dims);

/**
 * nc_matmul_shapes() - from ONNX's matrix product to MATMUL's
 * @out: the result as ONNX has it; receives the shape for the instruction
 * @a: left factor, the same
 * @b: right factor, the same
 *
 * Vectors become matrices, leading dimensions are broadcast or, where they are
 * only more rows of one product, merged.
 */
void nc_matmul_shapes(struct nc_view *out, struct nc_view *a, struct nc_view *b);

/* An axis that inference has checked: negative ones count from the end. */
static inline int nc_dim(int64_t axis, int rank)
{
	return axis < 0 ? axis + rank : axis;
}

/* Bit pattern of a number in a type of the chip. */
uint32_t nc_bits(unsigned int dtype, double value);

/* The type that a node's matrix operands have on the chip. */
unsigned int nc_matrix_dtype(const struct nc_node *node);

/**
 * nc_conv_params() - the window of a convolution into an instruction's fields
 * @ctx: the compilation
 * @node: any kind of Conv
 * @params: groups, stride, dilation and pad are set
 *
 * Return: false after nc_error(), when a number is too large for its field.
 */
bool nc_conv_params(struct nc_ctx *ctx, struct nc_node *node,
		    struct neuron_params_CONV *params);

/* The act fused onto a node, into the fields that epilogues share. */
#define NC_EPILOGUE(params, node)					\
	do {								\
		(params)->act = (node)->act;				\
		(params)->alpha = (node)->act_alpha;			\
		(params)->beta = (node)->act_beta;			\
	} while (0)

#endif /* COMPILER_LOWER_H */
