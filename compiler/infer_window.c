// SPDX-License-Identifier: MIT
/* Convolutions and pools. */
#include <string.h>
#include "front.h"

static bool window_shape(struct nc_ctx *ctx, struct nc_node *node,
			 enum nc_dtype dtype, int64_t channels)
{
	const struct nc_value *x = node->inputs[0];
	int64_t dims[NC_MAX_RANK];
	struct nc_window window;
	const char *error;
	int i;

	error = nc_window(node, &window);
	if (error) {
		nc_error(ctx, node, "%s", error);
		return false;
	}
	dims[0] = x->dims[0];
	dims[1] = channels;
	for (i = 0; i < window.num_spatial; i++)
		dims[2 + i] = window.out[i];
	return nc_set_shape(ctx, node, 0, dtype, x->rank, dims);
}

bool nc_conv_shape(struct nc_ctx *ctx, struct nc_node *node,
		   const struct nc_value *w, const struct nc_value *bias,
		   enum nc_dtype dtype)
{
	bool transpose = node->op == NC_OP_ConvTranspose;
	const struct nc_value *x = node->inputs[0];
	int64_t groups = nc_attr_int(node, "group", 1);
	int64_t expected, channels;

	if (x->rank < 3 || w->rank != x->rank) {
		nc_error(ctx, node,
			 "input of rank %d and weights of rank %d do not fit",
			 x->rank, w->rank);
		return false;
	}
	if (groups < 1 || groups > INT32_MAX || w->dims[0] % groups) {
		nc_error(ctx, node, "%lld groups do not divide its %lld channels",
			 (long long)groups, (long long)w->dims[0]);
		return false;
	}
	if (__builtin_mul_overflow(w->dims[1], groups, &channels)) {
		nc_error(ctx, node, "its weights are too large");
		return false;
	}
	expected = transpose ? w->dims[0] : channels;
	if (!transpose)
		channels = w->dims[0];
	if (x->dims[1] != expected) {
		nc_error(ctx, node,
			 "input '%.60s' has %lld channels, weights '%.60s' expect %lld",
			 x->name, (long long)x->dims[1], w->name,
			 (long long)expected);
		return false;
	}
	if (bias && (bias->rank != 1 || bias->dims[0] != channels)) {
		nc_error(ctx, node, "its bias needs %lld elements, it has %lld",
			 (long long)channels, (long long)nc_numel(bias));
		return false;
	}
	return window_shape(ctx, node, dtype, channels);
}

bool nc_infer_conv(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *w, *bias = nc_in(node, 2);

	if (!nc_need(ctx, node, 2, 3))
		return false;
	x = node->inputs[0];
	w = node->inputs[1];
	if (!nc_dtype_is_float(x->dtype) || x->dtype != w->dtype ||
	    (bias && bias->dtype != x->dtype)) {
		nc_error(ctx, node,
			 "its input, weights and bias must be floats of one type");
		return false;
	}
	return nc_conv_shape(ctx, node, w, bias, x->dtype);
}

bool nc_infer_conv_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_infer_conv(ctx, node);
}

bool nc_infer_pool(struct nc_ctx *ctx, struct nc_node *node)
{
	if (!nc_need(ctx, node, 1, 1))
		return false;
	if (node->inputs[0]->rank < 3) {
		nc_error(ctx, node, "its input has rank %d, at least 3 is needed",
			 node->inputs[0]->rank);
		return false;
	}
	if (!window_shape(ctx, node, node->inputs[0]->dtype,
			  node->inputs[0]->dims[1]))
		return false;
	/* MaxPool's indices. */
	if (node->num_outputs > 1 && node->outputs[1] && nc_out(node, 0))
		return nc_set_shape(ctx, node, 1, NC_I64, node->outputs[0]->rank,
				    node->outputs[0]->dims);
	return true;
}

bool nc_infer_global_pool(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	int i;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->rank < 2) {
		nc_error(ctx, node, "its input has rank %d, at least 2 is needed",
			 x->rank);
		return false;
	}
	for (i = 0; i < x->rank; i++)
		dims[i] = i < 2 ? x->dims[i] : 1;
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims);
}
