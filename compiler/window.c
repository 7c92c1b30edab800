// SPDX-License-Identifier: MIT
#include <string.h>
#include "window.h"

static bool is_auto_pad(const struct nc_node *node, const char *how)
{
	return !strcmp(nc_attr_string(node, "auto_pad", "NOTSET"), how);
}

/* An attribute with a number per spatial dimension. */
static bool spatial(const struct nc_node *node, const char *name, size_t count,
		    int64_t least, int64_t *result)
{
	const int64_t *ints;
	size_t n = nc_attr_ints(node, name, &ints);
	size_t i;

	if (!n)
		return true;
	if (n != count)
		return false;
	for (i = 0; i < n; i++) {
		if (ints[i] < least || ints[i] > INT32_MAX)
			return false;
		result[i] = ints[i];
	}
	return true;
}

/* Output size of a convolution or pool along one dimension; < 1 when none fits. */
static int64_t conv_out(const struct nc_window *w, int i, int64_t in, bool ceil)
{
	int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
	int64_t room = in + w->pad_lo[i] + w->pad_hi[i] - extent;
	int64_t out;

	if (room < 0)
		return 0;
	out = (room + (ceil ? w->stride[i] - 1 : 0)) / w->stride[i] + 1;
	/* A window that starts in the padding at the end does not count. */
	if (ceil && (out - 1) * w->stride[i] >= in + w->pad_lo[i])
		out--;
	return out;
}

static void pad_same(struct nc_window *w, int i, int64_t total, bool upper)
{
	if (total < 0)
		total = 0;
	w->pad_lo[i] = upper ? total / 2 : total - total / 2;
	w->pad_hi[i] = total - w->pad_lo[i];
}

static void conv_window(const struct nc_node *node, struct nc_window *w,
			const struct nc_value *x)
{
	bool ceil = nc_attr_int(node, "ceil_mode", 0);
	bool upper = is_auto_pad(node, "SAME_UPPER");
	bool lower = is_auto_pad(node, "SAME_LOWER");
	int i;

	for (i = 0; i < w->num_spatial; i++) {
		int64_t in = x->dims[2 + i];
		int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
		int64_t last;

		if (is_auto_pad(node, "VALID")) {
			w->pad_lo[i] = 0;
			w->pad_hi[i] = 0;
		}
		if (upper || lower) {
			w->out[i] = (in + w->stride[i] - 1) / w->stride[i];
			pad_same(w, i, (w->out[i] - 1) * w->stride[i] + extent - in,
				 upper);
			continue;
		}
		w->out[i] = conv_out(w, i, in, ceil);
		/* What rounding up lets the last window reach beyond. */
		last = (w->out[i] - 1) * w->stride[i] + extent;
		if (last > in + w->pad_lo[i] + w->pad_hi[i])
			w->over[i] = last - in - w->pad_lo[i] - w->pad_hi[i];
		w->pad_hi[i] += w->over[i];
	}
}

/*
 * ConvTranspose: pads crop the result; output_shape or auto_pad ask for a size,
 * and the cropping follows from it.
 */
static const char *transpose_window(const struct nc_node *node,
				    struct nc_window *w,
				    const struct nc_value *x)
{
	int64_t output_padding[NC_MAX_SPATIAL] = { 0 };
	bool upper = is_auto_pad(node, "SAME_UPPER");
	bool same = upper || is_auto_pad(node, "SAME_LOWER");
	const int64_t *shape;
	size_t n = nc_attr_ints(node, "output_shape", &shape);
	int i;

	if (!spatial(node, "output_padding", (size_t)w->num_spatial, 0,
		     output_padding))
		return "its output_padding does not fit its input";
	/* Some exporters count the batch and the channels, too. */
	if (n == (size_t)w->num_spatial + 2)
		shape += 2;
	else if (n && n != (size_t)w->num_spatial)
		return "its output_shape does not fit its input";

	for (i = 0; i < w->num_spatial; i++) {
		int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1;
		int64_t full, total;

		full = (x->dims[2 + i] - 1) * w->stride[i] + output_padding[i] +
		       extent;
		if (is_auto_pad(node, "VALID")) {
			w->pad_lo[i] = 0;
			w->pad_hi[i] = 0;
		}
		if (n || same) {
			w->out[i] = n ? shape[i] : x->dims[2 + i] * w->stride[i];
			if (w->out[i] < 1 || w->out[i] > INT32_MAX)
				return "its output_shape is out of range";
			total = full - w->out[i];
			w->pad_lo[i] = upper ? total / 2 : total - total / 2;
			/*
			 * More than there is: zeros go behind. Nobody asked for
			 * them by SAME_*, though: ONNX Runtime adds none then.
			 */
			if (total < 0 && !n)
				total = 0;
			if (total <= 0)
				w->pad_lo[i] = 0;
			w->pad_hi[i] = total - w->pad_lo[i];
		}
		w->out[i] = full - w->pad_lo[i] - w->pad_hi[i];
	}
	return NULL;
}

const char *nc_window(const struct nc_node *node, struct nc_window *w)
{
	bool is_qlinear = node->op == NC_OP_QLinearConv;
	const struct nc_value *x = nc_in(node, 0);
	const struct nc_value *weights = nc_in(node, is_qlinear ? 3 : 1);
	int64_t pads[2 * NC_MAX_SPATIAL] = { 0 };
	bool is_conv = is_qlinear || node->op == NC_OP_Conv ||
		       node->op == NC_OP_ConvTranspose ||
		       node->op == NC_OP_ConvInteger;
	const char *error = NULL;
	const int64_t *ints;
	size_t n;
	int i;

	memset(w, 0, sizeof(*w));
	w->num_spatial = x->rank - 2;
	if (w->num_spatial < 1 || w->num_spatial > NC_MAX_SPATIAL)
		return "its input must have one to three dimensions after batch and channels";
	n = (size_t)w->num_spatial;
	w->groups = is_conv ? nc_attr_int(node, "group", 1) : 1;
	for (i = 0; i < w->num_spatial; i++) {
		w->stride[i] = 1;
		w->dilation[i] = 1;
		w->kernel[i] = is_conv ? weights->dims[2 + i] : 0;
		if (x->dims[2 + i] > INT32_MAX)
			return "its input is too large";
	}
	if (!is_conv && nc_attr_ints(node, "kernel_shape", &ints) != n)
		return "its kernel_shape does not fit its input";
	if (!spatial(node, "kernel_shape", n, 1, w->kernel))
		return "its kernel_shape does not fit its input";
	if (!spatial(node, "strides", n, 1, w->stride))
		return "its strides do not fit its input";
	if (!spatial(node, "dilations", n, 1, w->dilation))
		return "its dilations do not fit its input";
	if (!spatial(node, "pads", 2 * n, INT32_MIN, pads))
		return "its pads do not fit its input";
	for (i = 0; i < w->num_spatial; i++) {
		w->pad_lo[i] = pads[i];
		w->pad_hi[i] = pads[w->num_spatial + i];
		if (w->kernel[i] < 1 || w->kernel[i] > INT32_MAX)
			return "its window is empty or too large";
		if (is_conv && w->kernel[i] != weights->dims[2 + i])
			return "its kernel_shape differs from its weights";
	}
	if (node->op == NC_OP_ConvTranspose)
		error = transpose_window(node, w, x);
	else
		conv_window(node, w, x);
	if (error)
		return error;
	for (i = 0; i < w->num_spatial; i++)
		if (w->out[i] < 1)
			return "its window is larger than its padded input";
	return NULL;
}
