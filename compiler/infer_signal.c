// SPDX-License-Identifier: MIT
/* Windows and mel filters: known when their sizes are. DFT and STFT: shapes. */
#include <math.h>
#include <string.h>
#include "front.h"

static bool const_number(struct nc_ctx *ctx, struct nc_node *node,
			 unsigned int input, const char *what, double *x)
{
	struct nc_value *value = nc_in(node, input);

	if (!value) {
		nc_error(ctx, node, "its %s is missing", what);
		return false;
	}
	if (!nc_is_const(value)) {
		nc_need_const(ctx, node, value, what);
		return false;
	}
	if (nc_numel(value) != 1) {
		nc_error(ctx, node, "its %s is not a single number", what);
		return false;
	}
	*x = nc_const_double(value, 0);
	return true;
}

static bool output_type(struct nc_ctx *ctx, const struct nc_node *node,
			enum nc_dtype *dtype)
{
	*dtype = nc_dtype_from_onnx((int)nc_attr_int(node, "output_datatype", 1));
	if (*dtype != NC_NONE && *dtype != NC_BOOL)
		return true;
	nc_error(ctx, node, "element type %lld is not supported",
		 (long long)nc_attr_int(node, "output_datatype", 1));
	return false;
}

/* HannWindow, HammingWindow, BlackmanWindow: sums of cosines. */
bool nc_infer_cosine_window(struct nc_ctx *ctx, struct nc_node *node)
{
	double a0 = 0.5, a1 = 0.5, a2 = 0, size, span;
	struct nc_value *out = nc_out(node, 0);
	enum nc_dtype dtype;
	int64_t n, i;
	void *data;

	if (!nc_need(ctx, node, 1, 1) || !output_type(ctx, node, &dtype) ||
	    !const_number(ctx, node, 0, "size", &size))
		return false;
	if (node->op == NC_OP_HammingWindow) {
		a0 = 25.0 / 46;
		a1 = 1 - a0;
	} else if (node->op == NC_OP_BlackmanWindow) {
		a0 = 0.42;
		a2 = 0.08;
	}
	n = size > 0 && size < 0x1p40 ? (int64_t)size : size > 0 ? -1 : 0;
	if (!nc_set_shape(ctx, node, 0, dtype, 1, &n) || !out)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data) {
		nc_error(ctx, node, "its output is too large for a constant");
		return false;
	}
	span = nc_attr_int(node, "periodic", 1) ? (double)n : (double)n - 1;
	for (i = 0; i < n; i++) {
		double t = span > 0 ? 2 * M_PI * (double)i / span : 0;

		nc_put_double(dtype, data, i, a0 - a1 * cos(t) + a2 * cos(2 * t));
	}
	return true;
}

static double hz_to_mel(double hz)
{
	return 2595 * log10(1 + hz / 700);
}

/*
 * Triangles between neighbours of equal distance on the mel scale, as columns
 * over the bins of a spectrum. Formula: ONNX's text on MelWeightMatrix.
 */
bool nc_infer_mel_weight_matrix(struct nc_ctx *ctx, struct nc_node *node)
{
	static const char *const names[] = {
		"number of bins", "DFT length", "sample rate", "lower edge", "upper edge",
	};
	struct nc_value *out = nc_out(node, 0);
	int64_t bins, spectrum, dims[2], i, j;
	enum nc_dtype dtype;
	double in[5], low, step;
	unsigned int k;
	int64_t *edge;
	void *data;

	if (!nc_need(ctx, node, 5, 5) || !output_type(ctx, node, &dtype))
		return false;
	for (k = 0; k < 5; k++)
		if (!const_number(ctx, node, k, names[k], &in[k]))
			return false;
	if (!(in[0] >= 0 && in[0] < 0x1p20 && in[1] >= 0 && in[1] < 0x1p30 && in[2] > 0)) {
		nc_error(ctx, node, "its parameters are out of range");
		return false;
	}
	bins = (int64_t)in[0];
	spectrum = (int64_t)in[1] / 2 + 1;
	dims[0] = spectrum;
	dims[1] = bins;
	if (!nc_set_shape(ctx, node, 0, dtype, 2, dims) || !out)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data) {
		nc_error(ctx, node, "its output is too large for a constant");
		return false;
	}
	edge = nc_alloc(ctx->arena, (size_t)bins + 2, sizeof(*edge));
	low = hz_to_mel(in[3]);
	step = (hz_to_mel(in[4]) - low) / (double)(bins + 2);
	for (i = 0; i < bins + 2; i++) {
		double hz = 700 * (pow(10, (low + step * (double)i) / 2595) - 1);

		hz = floor((in[1] + 1) * hz / in[2]);
		edge[i] = hz >= 0 && hz < 0x1p40 ? (int64_t)hz : 0;
	}
	for (j = 0; j < bins; j++) {
		int64_t from = edge[j], mid = edge[j + 1], to = edge[j + 2];

		if (mid == from && mid < spectrum)
			nc_put_double(dtype, data, mid * bins + j, 1);
		for (i = from; mid > from && i <= mid && i < spectrum; i++)
			nc_put_double(dtype, data, i * bins + j,
				      (double)(i - from) / (double)(mid - from));
		for (i = mid; to > mid && i < to && i < spectrum; i++)
			nc_put_double(dtype, data, i * bins + j,
				      (double)(to - i) / (double)(to - mid));
	}
	return true;
}

bool nc_dft_params(struct nc_ctx *ctx, struct nc_node *node, struct nc_dft *dft)
{
	const struct nc_value *x = node->inputs[0];
	int64_t axis = nc_attr_int(node, "axis", 1), length;

	if (x->rank < 2 || (x->dims[x->rank - 1] != 1 && x->dims[x->rank - 1] != 2)) {
		nc_error(ctx, node, "its last dimension must be 1 (real) or 2 (complex)");
		return false;
	}
	/* Since set 20 the axis is an input, with another default. */
	if (nc_in(node, 2) && nc_ints(ctx, node, 2, "axis", &axis, 1) != 1)
		return false;
	if (!nc_axis(ctx, node, axis, x->rank, &dft->axis))
		return false;
	if (dft->axis == x->rank - 1) {
		nc_error(ctx, node, "it cannot transform the dimension of real and imaginary parts");
		return false;
	}
	length = x->dims[dft->axis];
	if (nc_in(node, 1) && nc_ints(ctx, node, 1, "length", &length, 1) != 1)
		return false;
	if (length < 1 || length > 1 << 20) {
		nc_error(ctx, node, "length %lld is out of range", (long long)length);
		return false;
	}
	dft->length = length;
	dft->inverse = nc_attr_int(node, "inverse", 0);
	dft->bins = nc_attr_int(node, "onesided", 0) ? length / 2 + 1 : length;
	return true;
}

bool nc_infer_dft(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	struct nc_dft dft;

	if (!nc_need(ctx, node, 1, 3))
		return false;
	x = node->inputs[0];
	if (!nc_dtype_is_float(x->dtype)) {
		nc_error(ctx, node, "it is not defined for %s", nc_dtype_name(x->dtype));
		return false;
	}
	if (!nc_dft_params(ctx, node, &dft))
		return false;
	memcpy(dims, x->dims, sizeof(dims));
	dims[dft.axis] = dft.bins;
	dims[x->rank - 1] = 2;
	return nc_set_shape(ctx, node, 0, x->dtype, x->rank, dims);
}

/* [batch, samples, 1 or 2] or [batch, samples] to [batch, frames, bins, 2] */
bool nc_stft_params(struct nc_ctx *ctx, struct nc_node *node, struct nc_stft *stft)
{
	const struct nc_value *x = node->inputs[0], *window = nc_in(node, 2);
	int64_t length = 0;

	if ((x->rank != 3 || (x->dims[2] != 1 && x->dims[2] != 2)) && x->rank != 2) {
		nc_error(ctx, node, "its signal must be [batch, samples, 1 or 2]");
		return false;
	}
	if (nc_ints(ctx, node, 1, "frame step", &stft->step, 1) != 1)
		return false;
	if (window)
		length = window->rank == 1 ? window->dims[0] : -1;
	if (nc_in(node, 3) && nc_ints(ctx, node, 3, "frame length", &length, 1) != 1)
		return false;
	if (length < 1 || length > x->dims[1] || length > 1 << 20 || stft->step < 1 ||
	    stft->step > UINT16_MAX ||
	    (window && (window->rank != 1 || window->dims[0] != length ||
			window->dtype != x->dtype))) {
		nc_error(ctx, node, "its window, frame length and step do not fit its signal");
		return false;
	}
	stft->length = length;
	stft->frames = (x->dims[1] - length) / stft->step + 1;
	stft->bins = nc_attr_int(node, "onesided", 1) ? length / 2 + 1 : length;
	return true;
}

bool nc_infer_stft(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_stft stft;
	int64_t dims[4];

	if (!nc_need(ctx, node, 2, 4) || !nc_stft_params(ctx, node, &stft))
		return false;
	dims[0] = node->inputs[0]->dims[0];
	dims[1] = stft.frames;
	dims[2] = stft.bins;
	dims[3] = 2;
	return nc_set_shape(ctx, node, 0, node->inputs[0]->dtype, 4, dims);
}
