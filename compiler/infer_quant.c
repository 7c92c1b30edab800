// SPDX-License-Identifier: MIT
/* Matrix work on 8-bit integers. */
#include "front.h"

static bool is_byte(const struct nc_value *value)
{
	return value->dtype == NC_I8 || value->dtype == NC_U8;
}

static bool need_bytes(struct nc_ctx *ctx, const struct nc_node *node,
		       unsigned int a, unsigned int b)
{
	if (is_byte(node->inputs[a]) && is_byte(node->inputs[b]))
		return true;
	nc_error(ctx, node, "its operands must be int8 or uint8");
	return false;
}

bool nc_infer_conv_integer(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 4) && need_bytes(ctx, node, 0, 1) &&
	       nc_conv_shape(ctx, node, node->inputs[1], NULL, NC_I32);
}

bool nc_infer_matmul_integer(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 2, 4) && need_bytes(ctx, node, 0, 1) &&
	       nc_matmul_shape(ctx, node, node->inputs[0], node->inputs[1],
			       NC_I32);
}

/* x x_scale x_zero w w_scale w_zero y_scale y_zero [bias] */
bool nc_infer_qlinear_conv(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *bias = nc_in(node, 8);

	if (!nc_need(ctx, node, 8, 9) || !need_bytes(ctx, node, 0, 3))
		return false;
	if (bias && bias->dtype != NC_I32) {
		nc_error(ctx, node, "its bias is %s, not int32",
			 nc_dtype_name(bias->dtype));
		return false;
	}
	return nc_conv_shape(ctx, node, node->inputs[3], bias,
			     node->inputs[7]->dtype);
}

/* a a_scale a_zero b b_scale b_zero y_scale y_zero */
bool nc_infer_qlinear_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_need(ctx, node, 8, 8) && need_bytes(ctx, node, 0, 3) &&
	       nc_matmul_shape(ctx, node, node->inputs[0], node->inputs[3],
			       node->inputs[7]->dtype);
}

bool nc_infer_dynamic_quantize(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->dtype != NC_F32) {
		nc_error(ctx, node, "it is not defined for %s",
			 nc_dtype_name(x->dtype));
		return false;
	}
	return nc_set_shape(ctx, node, 0, NC_U8, x->rank, x->dims) &&
	       nc_set_shape(ctx, node, 1, NC_F32, 0, NULL) &&
	       nc_set_shape(ctx, node, 2, NC_U8, 0, NULL);
}
