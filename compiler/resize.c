// SPDX-License-Identifier: MIT
/*
 * Resize is separable: along each axis it is a Gather (nearest) or a product
 * with a constant matrix (linear, cubic). Formulas: ONNX's text on Resize.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

enum mode { NEAREST, LINEAR, CUBIC };

/* Elements of an axis's matrix. */
#define MAX_MATRIX	((int64_t)1 << 24)

/*
 * What a Resize does along each axis.
 * @in, @out: elements
 * @scale: of the coordinates
 * @start, @end: region of interest, for tf_crop_and_resize
 */
struct axis {
	int64_t in;
	int64_t out;
	double scale;
	double start;
	double end;
};

static bool find_mode(struct nc_ctx *ctx, const struct nc_node *node,
		      enum mode *mode)
{
	const char *name = nc_attr_string(node, "mode", "nearest");

	if (!strcmp(name, "nearest"))
		*mode = NEAREST;
	else if (!strcmp(name, "linear") || !strcmp(name, "bilinear"))
		*mode = LINEAR;
	else if (!strcmp(name, "cubic"))
		*mode = CUBIC;
	else
		goto unsupported;
	return true;

unsupported:
	nc_error(ctx, node, "mode '%.40s' is not supported", name);
	return false;
}

/* The given numbers, one per axis that the node resizes; NULL when there are none. */
static const struct nc_value *numbers(const struct nc_node *node,
				      unsigned int input)
{
	const struct nc_value *value = nc_in(node, input);

	return value && nc_numel(value) ? value : NULL;
}

static bool find_axes(struct nc_ctx *ctx, const struct nc_node *node, int rank,
		      int *axes, int *count)
{
	const int64_t *ints;
	size_t n = nc_attr_ints(node, "axes", &ints);
	int i;

	if (n > (size_t)rank) {
		nc_error(ctx, node, "it names more axes than its input has");
		return false;
	}
	*count = n ? (int)n : rank;
	for (i = 0; i < *count; i++) {
		axes[i] = i;
		if (n && !nc_axis(ctx, node, ints[i], rank, &axes[i]))
			return false;
	}
	return true;
}

/* keep_aspect_ratio_policy: all axes get the least or greatest of the scales. */
static void keep_ratio(const char *policy, const struct nc_value *sizes,
		       struct axis *axis, const int *axes, int count)
{
	double best = 0;
	int i;

	for (i = 0; i < count; i++) {
		double scale = nc_const_double(sizes, i) / (double)axis[axes[i]].in;

		if (!i || (!strcmp(policy, "not_larger") ? scale < best : scale > best))
			best = scale;
	}
	for (i = 0; i < count; i++) {
		axis[axes[i]].scale = best;
		axis[axes[i]].out = (int64_t)round(best * (double)axis[axes[i]].in);
	}
}

static bool find_axis(struct nc_ctx *ctx, struct nc_node *node,
		      struct axis axis[NC_MAX_RANK])
{
	const char *policy = nc_attr_string(node, "keep_aspect_ratio_policy",
					    "stretch");
	const struct nc_value *roi, *scales, *sizes, *x = node->inputs[0];
	int axes[NC_MAX_RANK], count, i;
	unsigned int k;

	for (k = 1; k < node->num_inputs; k++) {
		if (node->inputs[k] && !nc_is_const(node->inputs[k])) {
			nc_need_const(ctx, node, node->inputs[k],
				      "list of scales or sizes");
			return false;
		}
	}
	if (!find_axes(ctx, node, x->rank, axes, &count))
		return false;
	for (i = 0; i < x->rank; i++)
		axis[i] = (struct axis) { x->dims[i], x->dims[i], 1, 0, 1 };
	roi = numbers(node, 1);
	scales = numbers(node, 2);
	sizes = numbers(node, 3);
	if (!scales == !sizes || (scales && nc_numel(scales) != count) ||
	    (sizes && nc_numel(sizes) != count) ||
	    (roi && nc_numel(roi) != 2 * count)) {
		nc_error(ctx, node, "it needs scales or sizes, one per axis");
		return false;
	}
	for (i = 0; i < count; i++) {
		struct axis *a = &axis[axes[i]];
		double out;

		if (roi) {
			a->start = nc_const_double(roi, i);
			a->end = nc_const_double(roi, count + i);
		}
		a->scale = scales ? nc_const_double(scales, i) :
			   nc_const_double(sizes, i) / (double)a->in;
		/* ONNX Runtime leaves the region out of it. */
		out = scales ? floor((double)a->in * a->scale) :
			       nc_const_double(sizes, i);
		if (!(a->scale > 0) || !(out >= 0 && out <= INT32_MAX)) {
			nc_error(ctx, node, "its scales or sizes are out of range");
			return false;
		}
		a->out = (int64_t)out;
	}
	if (sizes && strcmp(policy, "stretch"))
		keep_ratio(policy, sizes, axis, axes, count);
	return true;
}

bool nc_infer_resize(struct nc_ctx *ctx, struct nc_node *node)
{
	struct axis axis[NC_MAX_RANK];
	int64_t dims[NC_MAX_RANK];
	enum mode mode;
	int i;

	if (!nc_need(ctx, node, 1, 4) || !find_mode(ctx, node, &mode) ||
	    !find_axis(ctx, node, axis))
		return false;
	if (mode != NEAREST && !nc_dtype_is_float(node->inputs[0]->dtype)) {
		nc_error(ctx, node, "for %s only mode nearest is supported",
			 nc_dtype_name(node->inputs[0]->dtype));
		return false;
	}
	for (i = 0; i < node->inputs[0]->rank; i++)
		dims[i] = axis[i].out;
	return nc_set_shape(ctx, node, 0, node->inputs[0]->dtype,
			    node->inputs[0]->rank, dims);
}

/*
 * Where in the input the output's element @i lies. In single precision, as ONNX
 * Runtime computes it: which element is the nearest depends on it.
 */
static double coordinate(const char *how, const struct axis *a, int64_t i)
{
	float x = (float)i, in = (float)a->in, out = (float)a->out;
	float scale = (float)a->scale, start = (float)a->start, end = (float)a->end;

	if (!strcmp(how, "asymmetric"))
		return x / scale;
	if (!strcmp(how, "align_corners"))
		return a->out > 1 ? x * (in - 1) / (out - 1) : 0;
	if (!strcmp(how, "pytorch_half_pixel"))
		return a->out > 1 ? (x + 0.5f) / scale - 0.5f : 0;
	if (!strcmp(how, "tf_half_pixel_for_nn"))
		return (x + 0.5f) / scale;
	if (!strcmp(how, "half_pixel_symmetric")) {
		float offset = in / 2 * (1 - out / (scale * in));

		return offset + (x + 0.5f) / scale - 0.5f;
	}
	if (!strcmp(how, "tf_crop_and_resize"))
		return a->out > 1 ?
		       start * (in - 1) + x * (end - start) * (in - 1) / (out - 1) :
		       0.5f * (start + end) * (in - 1);
	return (x + 0.5f) / scale - 0.5f;
}

static int64_t clamp(int64_t i, int64_t count)
{
	return i < 0 ? 0 : i >= count ? count - 1 : i;
}

static int64_t nearest(const char *how, double x, double scale)
{
	/* Sets before 11. */
	if (!strcmp(how, "simple"))
		how = scale < 1 ? "ceil" : "floor";
	if (!strcmp(how, "floor"))
		return (int64_t)floor(x);
	if (!strcmp(how, "ceil"))
		return (int64_t)ceil(x);
	if (!strcmp(how, "round_prefer_ceil"))
		return (int64_t)floor(x + 0.5);
	return (int64_t)ceil(x - 0.5);
}

/* What an element counts at a distance: triangle, or piecewise cubic. */
static double filter(enum mode mode, double A, double t)
{
	t = fabs(t);
	if (mode == LINEAR)
		return t < 1 ? 1 - t : 0;
	if (t < 1)
		return ((A + 2) * t - (A + 3)) * t * t + 1;
	return t < 2 ? ((A * t - 5 * A) * t + 8 * A) * t - 4 * A : 0;
}

/*
 * antialias: to become smaller, the filter is stretched so that it sees all
 * elements. What it sees outside counts for the edge, or not at all.
 */
static void weigh_smooth(const struct nc_node *node, enum mode mode,
			 const struct axis *a, double x, double *row)
{
	double A = nc_attr_float(node, "cubic_coeff_a", -0.75f), sum = 0;
	bool exclude = nc_attr_int(node, "exclude_outside", 0);
	double shrink = a->scale < 1 ? a->scale : 1;
	double reach = (mode == LINEAR ? 1 : 2) / shrink;
	int64_t from = (int64_t)floor(x + 1 - reach), to = (int64_t)floor(x + 1 + reach), i;

	for (i = from; i < to; i++) {
		double w = filter(mode, A, ((double)i - x) * shrink);

		if (exclude && (i < 0 || i >= a->in))
			continue;
		row[i < 0 ? 0 : i >= a->in ? a->in - 1 : i] += w;
		sum += w;
	}
	for (i = 0; sum != 0 && i < a->in; i++)
		row[i] /= sum;
}

/* A row of the matrix: how much each input element counts at @x. */
static void weigh(const struct nc_node *node, enum mode mode,
		  const struct axis *a, double x, double *row)
{
	bool exclude = nc_attr_int(node, "exclude_outside", 0);
	double A = nc_attr_float(node, "cubic_coeff_a", -0.75f);
	int64_t first = (int64_t)floor(x), i;
	double t = x - (double)first, sum = 0, w[4] = { 0 };

	if (mode == LINEAR) {
		w[1] = 1 - t;
		w[2] = t;
	} else {
		w[0] = ((A * (t + 1) - 5 * A) * (t + 1) + 8 * A) * (t + 1) - 4 * A;
		w[1] = ((A + 2) * t - (A + 3)) * t * t + 1;
		w[2] = ((A + 2) * (1 - t) - (A + 3)) * (1 - t) * (1 - t) + 1;
		w[3] = ((A * (2 - t) - 5 * A) * (2 - t) + 8 * A) * (2 - t) - 4 * A;
	}
	for (i = 0; i < 4; i++) {
		int64_t at = first - 1 + i;

		if (exclude && (at < 0 || at >= a->in))
			continue;
		row[clamp(at, a->in)] += w[i];
		sum += w[i];
	}
	for (i = 0; exclude && sum != 0 && i < a->in; i++)
		row[i] /= sum;
}

/* One axis: x is [outer, in, inner] in effect. */
static struct nc_value *resize_axis(struct nc_builder *b, enum mode mode,
				    struct nc_value *x, int axis,
				    const struct axis *a)
{
	struct nc_node *node = b->like, *product;
	const char *how = nc_attr_string(node, "coordinate_transformation_mode",
					 "half_pixel");
	const char *round = nc_attr_string(node, "nearest_mode",
					   "round_prefer_floor");
	int64_t dims[NC_MAX_RANK], cube[3] = { 1, a->in, 1 }, size[2], i;
	struct nc_value *matrix;
	int64_t *index;
	double *row;
	float *data;
	int d;

	memcpy(dims, x->dims, sizeof(dims));
	dims[axis] = a->out;
	if (mode == NEAREST) {
		index = nc_alloc(b->ctx->arena, (size_t)a->out, sizeof(*index));
		for (i = 0; i < a->out; i++)
			index[i] = clamp(nearest(round, coordinate(how, a, i), a->scale),
					 a->in);
		return nc_build_axis(b, NC_OP_Gather, NULL, x,
				    nc_const_ints_new(b->ctx, node->name, index,
						      a->out), axis);
	}

	size[0] = a->out;
	size[1] = a->in;
	matrix = nc_value_like(b->ctx, node->name, NC_F32, 2, size);
	data = size[0] > MAX_MATRIX / (size[1] ? size[1] : 1) ? NULL : nc_fold_alloc(b->ctx, matrix);
	if (!data) {
		nc_error(b->ctx, node, "it is too large");
		return x;
	}
	row = nc_alloc(b->ctx->arena, (size_t)a->in, sizeof(*row));
	for (i = 0; i < a->out; i++) {
		memset(row, 0, (size_t)a->in * sizeof(*row));
		if (nc_attr_int(node, "antialias", 0))
			weigh_smooth(node, mode, a, coordinate(how, a, i), row);
		else
			weigh(node, mode, a, coordinate(how, a, i), row);
		for (d = 0; d < a->in; d++)
			data[i * a->in + d] = (float)row[d];
	}
	for (d = 0; d < x->rank; d++) {
		if (d != axis)
			cube[d < axis ? 0 : 2] *= x->dims[d];
	}
	if (cube[2] == 1) {
		/* The last dimension: rows of one product. */
		static const int64_t swap[] = { 1, 0 };

		x = nc_build_reshape(b, NULL, x, 2, cube);
		matrix = nc_build_transpose(b, NULL, matrix, swap);
		product = nc_node_new(b->ctx, node, NC_OP_MatMul, NULL, 2, x, matrix);
	} else {
		x = nc_build_reshape(b, NULL, x, 3, cube);
		product = nc_node_new(b->ctx, node, NC_OP_MatMul, NULL, 2, matrix, x);
	}
	/* Coordinates are no weights: they are not rounded to 16 bits. */
	product->compute = NC_F32;
	x = nc_build(b, product);
	return nc_build_reshape(b, NULL, x, node->inputs[0]->rank, dims);
}

/* tf_crop_and_resize: what lies outside of the input is extrapolation_value. */
static struct nc_value *extrapolate(struct nc_builder *b, struct nc_value *x,
				    const struct axis *axis)
{
	struct nc_node *node = b->like;
	struct nc_value *inside, *value;
	int64_t dims[NC_MAX_RANK], i;
	uint8_t *mask;
	int d, k;

	value = nc_build_scalar(b, x->dtype,
				nc_attr_float(node, "extrapolation_value", 0));
	for (d = 0; d < x->rank; d++) {
		for (k = 0; k < x->rank; k++)
			dims[k] = k == d ? axis[d].out : 1;
		inside = nc_value_like(b->ctx, node->name, NC_BOOL, x->rank, dims);
		mask = nc_alloc(b->ctx->arena, (size_t)axis[d].out, 1);
		inside->data = mask;
		inside->size = (size_t)axis[d].out;
		for (i = 0; i < axis[d].out; i++) {
			double at = coordinate("tf_crop_and_resize", &axis[d], i);

			mask[i] = at >= 0 && at <= (double)(axis[d].in - 1);
		}
		if (memchr(mask, 0, inside->size))
			x = nc_build3(b, NC_OP_Where, NULL, inside, x, value);
	}
	return x;
}

void nc_decompose_resize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	const char *how = nc_attr_string(node, "coordinate_transformation_mode",
					 "half_pixel");
	bool crop = !strcmp(how, "tf_crop_and_resize");
	struct nc_value *x = node->inputs[0];
	struct axis axis[NC_MAX_RANK];
	enum nc_dtype dtype = x->dtype;
	enum mode mode;
	int d;

	if (!find_mode(b->ctx, node, &mode) || !find_axis(b->ctx, node, axis))
		return;
	if (mode != NEAREST && dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	for (d = 0; d < node->inputs[0]->rank; d++) {
		if (axis[d].in == axis[d].out && axis[d].scale == 1 && !crop)
			continue;
		x = resize_axis(b, mode, x, d, &axis[d]);
	}
	if (crop)
		x = extrapolate(b, x, axis);
	nc_build_cast(b, node->outputs[0], x, dtype);
}
