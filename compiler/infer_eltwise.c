// SPDX-License-Identifier: MIT
/* Operators that work element by element. */
#include "front.h"
#include "small_type.h"

static bool same_type(struct nc_ctx *ctx, const struct nc_node *node,
		      const struct nc_value *a, const struct nc_value *b)
{
	if (a->dtype == b->dtype)
		return true;
	nc_error(ctx, node, "its inputs are of different types, %s and %s",
		 nc_dtype_name(a->dtype), nc_dtype_name(b->dtype));
	return false;
}

static bool is_type(struct nc_ctx *ctx, const struct nc_node *node,
		    const struct nc_value *value, bool ok)
{
	if (!ok)
		nc_error(ctx, node, "it is not defined for %s",
			 nc_dtype_name(value->dtype));
	return ok;
}

static bool binary(struct nc_ctx *ctx, struct nc_node *node, enum nc_dtype dtype)
{
	int64_t dims[NC_MAX_RANK];
	int rank;

	return nc_broadcast(ctx, node, node->inputs[0], node->inputs[1], &rank,
			    dims) &&
	       nc_set_shape(ctx, node, 0, dtype, rank, dims);
}

/* Add, Sub, Mul, Div, Mod, PRelu */
bool nc_infer_arith(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 2) &&
	       same_type(ctx, node, node->inputs[0], node->inputs[1]) &&
	       is_type(ctx, node, node->inputs[0],
		       node->inputs[0]->dtype != NC_BOOL) &&
	       binary(ctx, node, node->inputs[0]->dtype);
}

/* The exponent may be of another type; the result is of the base's. */
bool nc_infer_pow(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 2) &&
	       is_type(ctx, node, node->inputs[0],
		       node->inputs[0]->dtype != NC_BOOL) &&
	       binary(ctx, node, node->inputs[0]->dtype);
}

bool nc_infer_compare(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 2) &&
	       same_type(ctx, node, node->inputs[0], node->inputs[1]) &&
	       binary(ctx, node, NC_BOOL);
}

bool nc_infer_logic(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 2) &&
	       is_type(ctx, node, node->inputs[0],
		       node->inputs[0]->dtype == NC_BOOL) &&
	       same_type(ctx, node, node->inputs[0], node->inputs[1]) &&
	       binary(ctx, node, NC_BOOL);
}

static bool is_integer(const struct nc_value *value)
{
	return !nc_dtype_is_float(value->dtype) && value->dtype != NC_BOOL;
}

/* BitwiseAnd, BitwiseOr, BitwiseXor, BitShift */
bool nc_infer_bitwise(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 2) &&
	       is_type(ctx, node, node->inputs[0], is_integer(node->inputs[0])) &&
	       same_type(ctx, node, node->inputs[0], node->inputs[1]) &&
	       binary(ctx, node, node->inputs[0]->dtype);
}

bool nc_infer_bitwise_not(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 1, 1) &&
	       is_type(ctx, node, node->inputs[0], is_integer(node->inputs[0])) &&
	       nc_set_like(ctx, node, 0, node->inputs[0]);
}

/* @all becomes what it and a value are broadcast to. */
static bool broadcast_to(struct nc_ctx *ctx, struct nc_node *node, struct nc_value *all,
			 const struct nc_value *value)
{
	unsigned int open = nc_broadcast_open(all, value);

	if (!nc_broadcast(ctx, node, all, value, &all->rank, all->dims))
		return false;
	all->open = open;
	return true;
}

/* Max, Min, Sum, Mean of any number of inputs */
bool nc_infer_nary(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value all = { 0 };
	unsigned int i;

	if (!nc_need(ctx, node, node->num_inputs ? node->num_inputs : 1,
		     UINT32_MAX))
		return false;
	all.dtype = node->inputs[0]->dtype;
	for (i = 0; i < node->num_inputs; i++) {
		if (!same_type(ctx, node, node->inputs[0], node->inputs[i]) ||
		    !broadcast_to(ctx, node, &all, node->inputs[i]))
			return false;
	}
	return nc_set_like(ctx, node, 0, &all);
}

bool nc_infer_where(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value all = { 0 };
	unsigned int i;

	if (!nc_need(ctx, node, 3, 3) ||
	    !is_type(ctx, node, node->inputs[0],
		     node->inputs[0]->dtype == NC_BOOL) ||
	    !same_type(ctx, node, node->inputs[1], node->inputs[2]))
		return false;
	all.dtype = node->inputs[1]->dtype;
	for (i = 0; i < 3; i++)
		if (!broadcast_to(ctx, node, &all, node->inputs[i]))
			return false;
	return nc_set_like(ctx, node, 0, &all);
}

bool nc_infer_unary(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 1, 1) &&
	       nc_set_like(ctx, node, 0, node->inputs[0]);
}

bool nc_infer_unary_float(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 1, 1) &&
	       is_type(ctx, node, node->inputs[0],
		       nc_dtype_is_float(node->inputs[0]->dtype)) &&
	       nc_set_like(ctx, node, 0, node->inputs[0]);
}

/* IsNaN, IsInf */
bool nc_infer_is_float(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_infer_unary_float(ctx, node) &&
	       nc_set_shape(ctx, node, 0, NC_BOOL, node->inputs[0]->rank,
			    node->inputs[0]->dims);
}

bool nc_infer_not(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 1, 1) &&
	       is_type(ctx, node, node->inputs[0],
		       node->inputs[0]->dtype == NC_BOOL) &&
	       nc_set_like(ctx, node, 0, node->inputs[0]);
}

bool nc_infer_clip(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;

	if (!nc_need(ctx, node, 1, 3))
		return false;
	for (i = 1; i < 3; i++) {
		const struct nc_value *bound = nc_in(node, i);

		if (bound && nc_numel(bound) != 1) {
			nc_error(ctx, node, "its bounds must be single numbers");
			return false;
		}
		if (bound && !same_type(ctx, node, node->inputs[0], bound))
			return false;
	}
	return nc_set_like(ctx, node, 0, node->inputs[0]);
}

bool nc_infer_cast(struct nc_ctx *ctx, struct nc_node *node)
{
	int onnx = (int)nc_attr_int(node, "to", 0);
	enum nc_dtype to = nc_dtype_from_onnx(onnx);

	if (!nc_need(ctx, node, 1, 1))
		return false;
	if (nc_out(node, 0))
		node->outputs[0]->small = nc_small_find(onnx);
	if (to == NC_NONE) {
		nc_error(ctx, node, "element type %lld is not supported",
			 (long long)nc_attr_int(node, "to", 0));
		return false;
	}
	return nc_set_shape(ctx, node, 0, to, node->inputs[0]->rank,
			    node->inputs[0]->dims);
}

/* Becomes a Cast: only the second input's type matters. */
bool nc_infer_cast_like(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *like;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	like = node->inputs[1];
	nc_set_attr_int(ctx, node, "to", like->small ? like->small->onnx :
			nc_dtype_to_onnx(like->dtype));
	node->op = NC_OP_Cast;
	node->num_inputs = 1;
	return nc_infer_cast(ctx, node);
}

/* One scale for each block along an axis. */
static bool quant_blocks(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *scale = node->inputs[1];
	const struct nc_value *zero = nc_in(node, 2);
	int64_t size = nc_attr_int(node, "block_size", 0);
	int axis, i;

	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 1), x->rank, &axis))
		return false;
	for (i = 0; scale->rank == x->rank && i < x->rank; i++)
		if (i == axis ? size < 1 || (x->dims[i] + size - 1) / size != scale->dims[i] :
				x->dims[i] != scale->dims[i])
			break;
	if (i == x->rank && scale->rank == x->rank &&
	    (!zero || nc_same_shape(scale, zero)))
		return true;
	nc_error(ctx, node, "its scale and zero point do not fit blocks of %lld along axis %d",
		 (long long)size, axis);
	return false;
}

static bool quant_params(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *scale = node->inputs[1];
	const struct nc_value *zero = nc_in(node, 2);
	int axis;

	if (scale->rank > 1)
		return quant_blocks(ctx, node);
	/* [] and [1] are both one number. */
	if (zero && !nc_same_shape(scale, zero) &&
	    (nc_numel(scale) != 1 || nc_numel(zero) != 1)) {
		nc_error(ctx, node,
			 "its scale and zero point must be single numbers or one per element of an axis");
		return false;
	}
	if (scale->rank == 1 && scale->dims[0] != 1) {
		if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 1), x->rank,
			     &axis))
			return false;
		if (x->dims[axis] != scale->dims[0]) {
			nc_error(ctx, node,
				 "it has %lld scales for %lld elements of axis %d",
				 (long long)scale->dims[0],
				 (long long)x->dims[axis], axis);
			return false;
		}
	}
	return true;
}

bool nc_infer_quantize(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *zero = nc_in(node, 2);
	int onnx = (int)nc_attr_int(node, "output_dtype", 0);
	const struct nc_small *small = zero ? zero->small : nc_small_find(onnx);
	enum nc_dtype dtype = zero ? zero->dtype : NC_U8;

	if (!zero && onnx)
		dtype = nc_dtype_from_onnx(onnx);
	if (!nc_need(ctx, node, 2, 3))
		return false;
	if (!small && dtype != NC_U8 && dtype != NC_I8 && dtype != NC_U16 && dtype != NC_I16) {
		nc_error(ctx, node, "quantising to %s is not supported, only to 16 bits and less",
			 nc_dtype_name(dtype));
		return false;
	}
	if (nc_out(node, 0))
		node->outputs[0]->small = small;
	return quant_params(ctx, node) &&
	       nc_set_shape(ctx, node, 0, dtype, node->inputs[0]->rank,
			    node->inputs[0]->dims);
}

bool nc_infer_dequantize(struct nc_ctx *ctx, struct nc_node *node)
{
	if (!nc_need(ctx, node, 2, 3) || !quant_params(ctx, node))
		return false;
	if (nc_in(node, 2) &&
	    !same_type(ctx, node, node->inputs[0], node->inputs[2]))
		return false;
	return nc_set_shape(ctx, node, 0, node->inputs[1]->dtype,
			    node->inputs[0]->rank, node->inputs[0]->dims);
}
