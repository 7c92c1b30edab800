// SPDX-License-Identifier: MIT
/*
 * Images read at positions that are computed: AffineGrid, GridSample and RoiAlign, as
 * arithmetic on coordinates and Gathers of rows, one row for all channels of a pixel.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

#define MAX_AXES	3
#define MAX_TAPS	4

enum mode { NEAREST, LINEAR, CUBIC };
enum padding { ZEROS, BORDER, REFLECTION };

static struct nc_value *with(struct nc_builder *b, enum nc_op op, struct nc_value *x,
			     double y)
{
	return nc_build_with(b, op, NULL, x, y);
}

static struct nc_value *clamped(struct nc_builder *b, struct nc_value *x, double lo,
				double hi)
{
	return with(b, NC_OP_Min, with(b, NC_OP_Max, x, lo), hi);
}

/* [batch, channels, ...] as rows of channels, one for each pixel of each image */
static struct nc_value *pixels(struct nc_builder *b, struct nc_value *x)
{
	int64_t perm[NC_MAX_RANK], rows[2] = { 1, x->dims[1] };
	int i;

	for (i = 0; i < x->rank; i++) {
		perm[i] = i ? i + 1 : 0;
		rows[0] *= i == 1 ? 1 : x->dims[i];
	}
	perm[x->rank - 1] = 1;
	return nc_build_reshape(b, NULL, nc_build_transpose(b, NULL, x, perm), 2, rows);
}

/* Back and forth between two borders, like a ray between mirrors. */
static struct nc_value *reflected(struct nc_builder *b, struct nc_value *x, double lo,
				  double hi)
{
	struct nc_value *times, *rest, *odd;
	double range = hi - lo;

	if (!(range > 0))
		return with(b, NC_OP_Mul, x, 0);
	x = nc_build1(b, NC_OP_Abs, NULL, with(b, NC_OP_Sub, x, lo));
	times = nc_build1(b, NC_OP_Floor, NULL, with(b, NC_OP_Div, x, range));
	rest = nc_build2(b, NC_OP_Sub, NULL, x, with(b, NC_OP_Mul, times, range));
	odd = nc_build1(b, NC_OP_Floor, NULL, with(b, NC_OP_Mul, times, 0.5));
	odd = nc_build2(b, NC_OP_Sub, NULL, times, with(b, NC_OP_Mul, odd, 2));
	odd = with(b, NC_OP_Greater, odd, 0.5);
	x = nc_build2(b, NC_OP_Sub, NULL, nc_build_scalar(b, NC_F32, range), rest);
	x = nc_build3(b, NC_OP_Where, NULL, odd, x, rest);
	return with(b, NC_OP_Add, x, lo);
}

/**
 * struct axis - what an output needs of an axis of the image
 * @length: pixels
 * @lo: where the image begins, as a coordinate
 * @hi: where it ends
 * @taps: pixels that count
 * @index: their numbers, int64
 * @weight: how much each counts, or NULL for one
 */
struct axis {
	int64_t length;
	double lo;
	double hi;
	int taps;
	struct nc_value *index[MAX_TAPS];
	struct nc_value *weight[MAX_TAPS];
};

/* A pixel's number, which may lie outside, where zeros count nothing. */
static void set_tap(struct nc_builder *b, struct axis *axis, int i, struct nc_value *at,
		    struct nc_value *weight, enum padding padding)
{
	double last = (double)axis->length - 1;
	struct nc_value *inside;

	if (padding == ZEROS) {
		inside = nc_build2(b, NC_OP_And, NULL, with(b, NC_OP_GreaterOrEqual, at, 0),
				   with(b, NC_OP_LessOrEqual, at, last));
		inside = nc_build_cast(b, NULL, inside, NC_F32);
		weight = weight ? nc_build2(b, NC_OP_Mul, NULL, weight, inside) : inside;
	} else if (padding == REFLECTION) {
		at = reflected(b, at, axis->lo, axis->hi);
	}
	axis->index[i] = nc_build_cast(b, NULL, clamped(b, at, 0, last), NC_I64);
	axis->weight[i] = weight;
}

/* ((A * t + B) * t + C) * t + D */
static struct nc_value *cubic(struct nc_builder *b, struct nc_value *t, double A, double B,
			      double C, double D)
{
	struct nc_value *y = with(b, NC_OP_Add, with(b, NC_OP_Mul, t, A), B);

	y = with(b, NC_OP_Add, nc_build2(b, NC_OP_Mul, NULL, y, t), C);
	return with(b, NC_OP_Add, nc_build2(b, NC_OP_Mul, NULL, y, t), D);
}

/* From coordinates, where pixel i is at i, to the taps. */
static void set_taps(struct nc_builder *b, struct axis *axis, struct nc_value *x,
		     enum mode mode, enum padding padding)
{
	struct nc_value *first, *t, *s, *w[MAX_TAPS];
	const double a = -0.75;
	int i;

	if (mode == NEAREST)
		x = nc_build1(b, NC_OP_Round, NULL, x);
	if (padding == BORDER)
		x = clamped(b, x, 0, (double)axis->length - 1);
	else if (padding == REFLECTION)
		x = reflected(b, x, axis->lo, axis->hi);
	if (mode == NEAREST) {
		axis->taps = 1;
		set_tap(b, axis, 0, x, NULL, padding);
		return;
	}
	first = nc_build1(b, NC_OP_Floor, NULL, x);
	t = nc_build2(b, NC_OP_Sub, NULL, x, first);
	s = nc_build2(b, NC_OP_Sub, NULL, nc_build_scalar(b, NC_F32, 1), t);
	if (mode == LINEAR) {
		axis->taps = 2;
		w[0] = s;
		w[1] = t;
	} else {
		axis->taps = 4;
		first = with(b, NC_OP_Sub, first, 1);
		/* Keys' kernel at 1 + t, t, s and 1 + s. */
		w[0] = cubic(b, t, a, -2 * a, a, 0);
		w[1] = cubic(b, t, a + 2, -(a + 3), 0, 1);
		w[2] = cubic(b, s, a + 2, -(a + 3), 0, 1);
		w[3] = cubic(b, s, a, -2 * a, a, 0);
	}
	for (i = 0; i < axis->taps; i++)
		set_tap(b, axis, i, with(b, NC_OP_Add, first, i), w[i], padding);
}

/*
 * One combination of the axes' taps, number @which: pixels [outputs, channels] and
 * what they count, [outputs, 1], or NULL for one. @base: number of the image's first pixel.
 */
static struct nc_value *fetch(struct nc_builder *b, struct nc_value *rows,
			      const struct axis *axes, int num_axes, struct nc_value *base,
			      int which, struct nc_value **weight)
{
	struct nc_value *index = base, *w = NULL;
	int64_t stride = 1, column[2], list;
	int i;

	for (i = num_axes - 1; i >= 0; i--) {
		const struct axis *a = &axes[i];
		int tap = which % a->taps;

		which /= a->taps;
		index = nc_build2(b, NC_OP_Add, NULL, index,
				  with(b, NC_OP_Mul, a->index[tap], (double)stride));
		if (a->weight[tap])
			w = w ? nc_build2(b, NC_OP_Mul, NULL, w, a->weight[tap]) :
				a->weight[tap];
		stride *= a->length;
	}
	if (index->rank < 0)
		return index;
	list = nc_numel(index);
	index = nc_build_reshape(b, NULL, index, 1, &list);
	*weight = NULL;
	if (w) {
		column[0] = list;
		column[1] = 1;
		/* An axis may have no weights, and then a dimension of one. */
		if (w->rank >= 0 && nc_numel(w) != list)
			w = nc_build2(b, NC_OP_Expand, NULL, w,
				      nc_const_ints_new(b->ctx, b->like->name, index->dims, 1));
		*weight = nc_build_reshape(b, NULL, w, 2, column);
	}
	return nc_build_axis(b, NC_OP_Gather, NULL, rows, index, 0);
}

static bool find_name(struct nc_builder *b, const char *attr, const char *def,
		      const char *const *names, int count, int *which)
{
	const char *name = nc_attr_string(b->like, attr, def);
	int i;

	for (i = 0; i < count; i++) {
		if (!strcmp(name, names[i])) {
			/* Names of sets 16 and 20. */
			*which = i % 3;
			return true;
		}
	}
	nc_error(b->ctx, b->like, "%s '%.40s' is not supported", attr, name);
	return false;
}

/* Coordinates along axis @d, [batch, outputs], where pixel i is at i. */
static struct nc_value *grid_axis(struct nc_builder *b, struct nc_value *grid, int d,
				  int num_axes, struct axis *axis, int64_t count)
{
	int64_t dims[2] = { grid->dims[0], count }, n = axis->length;
	bool corners = nc_attr_int(b->like, "align_corners", 0);
	struct nc_value *x;

	x = nc_build_slice(b, NULL, grid, grid->rank - 1, num_axes - 1 - d, num_axes - d);
	x = nc_build_reshape(b, NULL, x, 2, dims);
	axis->lo = corners ? 0 : -0.5;
	axis->hi = corners ? (double)n - 1 : (double)n - 0.5;
	x = with(b, NC_OP_Add, x, 1);
	if (corners)
		return with(b, NC_OP_Mul, x, ((double)n - 1) / 2);
	x = with(b, NC_OP_Sub, with(b, NC_OP_Mul, x, (double)n), 1);
	return with(b, NC_OP_Mul, x, 0.5);
}

/* x, grid */
bool nc_infer_grid_sample(struct nc_ctx *ctx, struct nc_node *node)
{
	static const char *const modes[] = {
		"nearest", "linear", "cubic", "nearest", "bilinear", "bicubic",
	};
	static const char *const paddings[] = { "zeros", "border", "reflection" };
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	int mode, padding, num_axes, combinations = 1, i;
	int64_t count = 1, image = 1, dims[NC_MAX_RANK], perm[NC_MAX_RANK];
	struct nc_value *x, *grid, *rows, *base, *w, *y = NULL, *part;
	struct axis axes[MAX_AXES];
	enum nc_dtype dtype;

	if (!nc_need(ctx, node, 2, 2) ||
	    !find_name(&b, "mode", "linear", modes, 6, &mode) ||
	    !find_name(&b, "padding_mode", "zeros", paddings, 3, &padding))
		return false;
	x = node->inputs[0];
	grid = node->inputs[1];
	num_axes = x->rank - 2;
	dtype = x->dtype;
	if (num_axes < 1 || num_axes > MAX_AXES || grid->rank != x->rank ||
	    grid->dims[grid->rank - 1] != num_axes || grid->dims[0] != x->dims[0] ||
	    !nc_dtype_is_float(dtype) || !nc_numel(x) || !nc_numel(grid)) {
		nc_error(ctx, node, "its image and grid do not fit together, or are not floats");
		return false;
	}
	for (i = 0; i < num_axes; i++) {
		axes[i].length = x->dims[2 + i];
		image *= x->dims[2 + i];
		count *= grid->dims[1 + i];
	}
	grid = nc_build_cast(&b, NULL, grid, NC_F32);
	rows = pixels(&b, nc_build_cast(&b, NULL, x, NC_F32));
	base = with(&b, NC_OP_Mul, nc_build_range(&b, NC_I64, 2, 0, x->dims[0]),
		    (double)image);
	for (i = 0; i < num_axes; i++) {
		part = grid_axis(&b, grid, i, num_axes, &axes[i], count);
		set_taps(&b, &axes[i], part, mode, padding);
		combinations *= axes[i].taps;
	}
	for (i = 0; i < combinations; i++) {
		part = fetch(&b, rows, axes, num_axes, base, i, &w);
		if (w)
			part = nc_build2(&b, NC_OP_Mul, NULL, part, w);
		y = y ? nc_build2(&b, NC_OP_Add, NULL, y, part) : part;
	}
	/* [batch, ..., channels] to [batch, channels, ...] */
	for (i = 0; i < x->rank; i++) {
		dims[i] = i < x->rank - 1 ? grid->dims[i] : x->dims[1];
		perm[i] = i < 2 ? (x->rank - 1) * i : i - 1;
	}
	y = nc_build_reshape(&b, NULL, y, x->rank, dims);
	y = nc_build_transpose(&b, NULL, y, perm);
	nc_become(node, 0, nc_build_cast(&b, NULL, y, dtype));
	return true;
}

/* Number @i of @n positions from -1 to 1, the outermost at the ends or half a step off. */
static double spread(int64_t i, int64_t n, bool corners)
{
	if (!corners)
		return (2 * (double)i + 1) / (double)n - 1;
	return n > 1 ? 2 * (double)i / (double)(n - 1) - 1 : 0;
}

/* theta, [batch, axes, axes + 1], and the size of the image */
bool nc_infer_affine_grid(struct nc_ctx *ctx, struct nc_node *node)
{
	bool corners = nc_attr_int(node, "align_corners", 0);
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	static const int64_t swap[] = { 0, 2, 1 };
	int64_t size[NC_MAX_RANK], shape[2], i, k, count = 1;
	struct nc_value *theta, *base, *y;
	struct nc_node *product;
	int rank, d, axes;
	float *data;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	theta = node->inputs[0];
	rank = nc_ints(ctx, node, 1, "size", size, NC_MAX_RANK);
	if (rank < 0)
		return false;
	axes = rank - 2;
	if ((axes != 2 && axes != 3) || theta->rank != 3 || theta->dims[0] != size[0] ||
	    theta->dims[1] != axes || theta->dims[2] != axes + 1 ||
	    !nc_shape_fits(axes, size + 2)) {
		nc_error(ctx, node, "its matrices and size do not fit together");
		return false;
	}
	for (d = 0; d < axes; d++)
		count *= size[2 + d];
	/* x, y, z and one of each output */
	shape[0] = count;
	shape[1] = axes + 1;
	base = nc_value_like(ctx, node->name, NC_F32, 2, shape);
	data = nc_fold_alloc(ctx, base);
	if (!data) {
		nc_error(ctx, node, "its grid is too large for a constant");
		return false;
	}
	for (i = 0; i < count; i++) {
		for (k = i, d = axes - 1; d >= 0; k /= size[2 + d], d--)
			data[i * (axes + 1) + axes - 1 - d] =
				(float)spread(k % size[2 + d], size[2 + d], corners);
		data[i * (axes + 1) + axes] = 1;
	}
	y = nc_build_cast(&b, NULL, theta, NC_F32);
	y = nc_build_transpose(&b, NULL, y, swap);
	product = nc_node_new(ctx, node, NC_OP_MatMul, NULL, 2, base, y);
	/* Coordinates are not rounded to 16 bits. */
	product->compute = NC_F32;
	y = nc_build(&b, product);
	size[1] = size[0];
	size[rank] = axes;
	y = nc_build_reshape(&b, NULL, y, rank, size + 1);
	nc_become(node, 0, nc_build_cast(&b, NULL, y, theta->dtype));
	return true;
}

/**
 * struct roi_axis - one axis of the regions
 * @length: pixels of the image
 * @pooled: outputs along it
 * @ratio: samples for each
 * @first: column of the regions that says where they begin
 */
struct roi_axis {
	int64_t length;
	int64_t pooled;
	int64_t ratio;
	int first;
};

/* Samples of each region along an axis, [regions, samples], as taps. */
static void roi_taps(struct nc_builder *b, struct nc_value *rois, const struct roi_axis *r,
		     struct axis *axis)
{
	bool half = strcmp(nc_attr_string(b->like, "coordinate_transformation_mode",
					  "half_pixel"), "output_half_pixel");
	double scale = nc_attr_float(b->like, "spatial_scale", 1), last = (double)r->length - 1;
	int64_t samples = r->pooled * r->ratio, i, dims[2] = { 1, samples };
	struct nc_value *from, *size, *x, *where, *low, *t, *inside;
	float *data = nc_alloc(b->ctx->arena, (size_t)samples, sizeof(*data));

	from = nc_build_slice(b, NULL, rois, 1, r->first, r->first + 1);
	size = nc_build_slice(b, NULL, rois, 1, r->first + 2, r->first + 3);
	size = with(b, NC_OP_Mul, nc_build2(b, NC_OP_Sub, NULL, size, from), scale);
	from = with(b, NC_OP_Mul, from, scale);
	if (half)
		from = with(b, NC_OP_Sub, from, 0.5);
	else
		size = with(b, NC_OP_Max, size, 1);
	for (i = 0; i < samples; i++)
		data[i] = (float)(((double)(i / r->ratio) +
				   ((double)(i % r->ratio) + 0.5) / (double)r->ratio) /
				  (double)r->pooled);
	where = nc_const_new(b->ctx, b->like->name, NC_F32, 2, dims, data);
	x = nc_build2(b, NC_OP_Add, NULL, from, nc_build2(b, NC_OP_Mul, NULL, size, where));
	inside = nc_build2(b, NC_OP_And, NULL, with(b, NC_OP_GreaterOrEqual, x, -1),
			   with(b, NC_OP_LessOrEqual, x, (double)r->length));
	inside = nc_build_cast(b, NULL, inside, NC_F32);
	x = clamped(b, x, 0, last);
	low = nc_build1(b, NC_OP_Floor, NULL, x);
	t = nc_build2(b, NC_OP_Sub, NULL, x, low);
	axis->length = r->length;
	axis->taps = 2;
	axis->index[0] = nc_build_cast(b, NULL, low, NC_I64);
	axis->index[1] = nc_build_cast(b, NULL, clamped(b, with(b, NC_OP_Add, low, 1), 0, last),
				       NC_I64);
	axis->weight[1] = nc_build2(b, NC_OP_Mul, NULL, t, inside);
	axis->weight[0] = nc_build2(b, NC_OP_Sub, NULL, inside, axis->weight[1]);
}

/* What belongs to an axis in the shape [regions, rows, columns]. */
static void roi_shape(struct nc_builder *b, struct axis *axis, int which)
{
	int64_t dims[3] = { 0, 1, 1 };
	int i;

	for (i = 0; i < axis->taps && axis->index[i]->rank == 2; i++) {
		dims[0] = axis->index[i]->dims[0];
		dims[1 + which] = axis->index[i]->dims[1];
		axis->index[i] = nc_build_reshape(b, NULL, axis->index[i], 3, dims);
		axis->weight[i] = nc_build_reshape(b, NULL, axis->weight[i], 3, dims);
	}
}

static bool roi_fits(struct nc_ctx *ctx, struct nc_node *node, int64_t ratio)
{
	const struct nc_value *x = node->inputs[0], *rois = node->inputs[1];

	if (ratio < 1) {
		nc_error(ctx, node,
			 "without a sampling_ratio the number of samples depends on data; export the model with one, such as 2");
		return false;
	}
	if (x->rank == 4 && rois->rank == 2 && rois->dims[1] == 4 && nc_numel(x) &&
	    nc_numel(rois) && node->inputs[2]->rank == 1 &&
	    node->inputs[2]->dims[0] == rois->dims[0])
		return true;
	nc_error(ctx, node, "the shapes of its inputs do not fit together");
	return false;
}

/* x, regions, the image of each */
bool nc_infer_roi_align(struct nc_ctx *ctx, struct nc_node *node)
{
	static const int64_t back[] = { 0, 3, 1, 2 };
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	int64_t ratio = nc_attr_int(node, "sampling_ratio", 0), dims[6];
	bool max = !strcmp(nc_attr_string(node, "mode", "avg"), "max");
	struct roi_axis rows_of, columns_of;
	struct nc_value *x, *rois, *rows, *base, *w, *part, *y = NULL;
	struct axis axes[2];
	int i;

	if (!nc_need(ctx, node, 3, 3) || !roi_fits(ctx, node, ratio))
		return false;
	x = node->inputs[0];
	rows_of = (struct roi_axis) { x->dims[2], nc_attr_int(node, "output_height", 1),
				      ratio, 1 };
	columns_of = (struct roi_axis) { x->dims[3], nc_attr_int(node, "output_width", 1),
					 ratio, 0 };
	dims[0] = rows_of.pooled;
	dims[1] = columns_of.pooled;
	dims[2] = dims[3] = ratio;
	if (!nc_shape_fits(4, dims) || dims[0] < 1 || dims[1] < 1) {
		nc_error(ctx, node, "its output_height or output_width is out of range");
		return false;
	}
	rois = nc_build_cast(&b, NULL, node->inputs[1], NC_F32);
	rows = pixels(&b, nc_build_cast(&b, NULL, x, NC_F32));
	roi_taps(&b, rois, &rows_of, &axes[0]);
	roi_taps(&b, rois, &columns_of, &axes[1]);
	roi_shape(&b, &axes[0], 0);
	roi_shape(&b, &axes[1], 1);
	dims[0] = rois->dims[0];
	dims[1] = dims[2] = 1;
	base = nc_build_cast(&b, NULL, node->inputs[2], NC_I64);
	base = nc_build_reshape(&b, NULL, base, 3, dims);
	base = with(&b, NC_OP_Mul, base, (double)(x->dims[2] * x->dims[3]));
	for (i = 0; i < 4; i++) {
		part = fetch(&b, rows, axes, 2, base, i, &w);
		part = nc_build2(&b, NC_OP_Mul, NULL, part, w);
		y = y ? nc_build2(&b, max ? NC_OP_Max : NC_OP_Add, NULL, y, part) : part;
	}
	/* [regions, rows, samples, columns, samples, channels] without the samples */
	dims[0] = rois->dims[0];
	dims[1] = rows_of.pooled;
	dims[2] = ratio;
	dims[3] = columns_of.pooled;
	dims[4] = ratio;
	dims[5] = x->dims[1];
	y = nc_build_reshape(&b, NULL, y, 6, dims);
	y = nc_build_reduce(&b, max ? NC_OP_ReduceMax : NC_OP_ReduceMean, NULL, y,
			    1u << 2 | 1u << 4);
	dims[2] = dims[3];
	dims[3] = dims[5];
	y = nc_build_reshape(&b, NULL, y, 4, dims);
	y = nc_build_transpose(&b, NULL, y, back);
	nc_become(node, 0, nc_build_cast(&b, NULL, y, x->dtype));
	return true;
}
