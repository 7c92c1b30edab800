// SPDX-License-Identifier: MIT
/*
 * Quantisation by blocks, and to or from types that the chip's instructions for
 * it do not have, as arithmetic.
 */
#include "decompose.h"

static bool is_byte(enum nc_dtype dtype)
{
	return dtype == NC_I8 || dtype == NC_U8;
}

/* A scale or zero point in a shape that broadcasts with the node's input. */
static struct nc_value *spread(struct nc_builder *b, struct nc_value *param)
{
	struct nc_node *node = b->like;
	const struct nc_value *x = node->inputs[0];
	int64_t dims[2 * NC_MAX_RANK], size = nc_attr_int(node, "block_size", 0);
	int64_t outer = 1, inner = 1;
	int axis, i;

	if (nc_numel(param) == 1)
		return nc_build_reshape(b, NULL, param, 0, NULL);
	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", 1), x->rank, &axis))
		return param;
	if (param->rank <= 1) {
		for (i = 0; i < x->rank; i++)
			dims[i] = i == axis ? x->dims[i] : 1;
		return nc_build_reshape(b, NULL, param, x->rank, dims);
	}
	/* Each one as often as its block is long. */
	for (i = 0; i < x->rank; i++)
		*(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
	dims[0] = outer * param->dims[axis];
	dims[1] = 1;
	dims[2] = inner;
	param = nc_build_reshape(b, NULL, param, 3, dims);
	dims[1] = size;
	param = nc_build2(b, NC_OP_Expand, NULL, param,
			  nc_const_ints_new(b->ctx, node->name, dims, 3));
	/* The last block may be cut off. */
	dims[1] = dims[0] / outer * size;
	dims[0] = outer;
	param = nc_build_reshape(b, NULL, param, 3, dims);
	if (dims[1] != x->dims[axis])
		param = nc_build_slice(b, NULL, param, 1, 0, x->dims[axis]);
	return nc_build_reshape(b, NULL, param, x->rank, x->dims);
}

void nc_decompose_dequantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *scale = node->inputs[1], *zero;
	struct nc_value *out = node->outputs[0];
	enum nc_dtype dtype = out->dtype;

	if (scale->rank <= 1 && (is_byte(x->dtype) || x->dtype == NC_I32)) {
		nc_keep(b);
		return;
	}
	x = nc_build_cast(b, NULL, x, NC_F32);
	zero = nc_in(node, 2);
	if (zero)
		x = nc_build2(b, NC_OP_Sub, NULL, x,
			      spread(b, nc_build_cast(b, NULL, zero, NC_F32)));
	scale = spread(b, nc_build_cast(b, NULL, scale, NC_F32));
	x = nc_build2(b, NC_OP_Mul, dtype == NC_F32 ? out : NULL, x, scale);
	if (dtype != NC_F32)
		nc_build_cast(b, out, x, dtype);
}

void nc_decompose_quantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *scale = node->inputs[1], *zero;
	struct nc_value *out = node->outputs[0];
	double lo = 0, hi = 255;

	if (scale->rank <= 1 && is_byte(out->dtype) && x->dtype == NC_F32) {
		nc_keep(b);
		return;
	}
	if (x->dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	scale = spread(b, nc_build_cast(b, NULL, scale, NC_F32));
	x = nc_build2(b, NC_OP_Div, NULL, x, scale);
	x = nc_build1(b, NC_OP_Round, NULL, x);
	zero = nc_in(node, 2);
	if (zero)
		x = nc_build2(b, NC_OP_Add, NULL, x,
			      spread(b, nc_build_cast(b, NULL, zero, NC_F32)));
	if (out->dtype == NC_U16 || out->dtype == NC_I16)
		hi = 65535;
	if (out->dtype == NC_I8 || out->dtype == NC_I16) {
		lo = -(hi + 1) / 2;
		hi = (hi - 1) / 2;
	}
	x = nc_build3(b, NC_OP_Clip, NULL, x, nc_build_scalar(b, NC_F32, lo),
		      nc_build_scalar(b, NC_F32, hi));
	nc_build_cast(b, out, x, out->dtype);
}
