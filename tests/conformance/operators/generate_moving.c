// SPDX-License-Identifier: MIT
/* Operators that move elements, choose them, or make them up. */
#include <string.h>
#include "generate.h"

static const char *any_type(void)
{
	return ONE_OF("f32", "f32", "f16", "i32", "i64", "u8", "i8", "bool");
}

static int64_t any_axis(struct shape shape)
{
	return number(-shape.rank, shape.rank - 1);
}

static struct shape some_shape(void)
{
	return shape_of((int)number(1, 4), once_in(40) ? 0 : 1, 4);
}

static void transpose(const char *op)
{
	int64_t perm[MAX_DIMS];
	struct shape shape = any_shape();
	int i, k;

	node(op, opset_from(7));
	for (i = 0; i < shape.rank; i++) {
		k = (int)number(0, i);
		perm[i] = perm[k];
		perm[k] = i;
	}
	if (shape.rank && !once_in(4))
		attr_ints("perm", shape.rank, perm);
	input(any_type(), shape, USUAL);
	output();
}

static void reshape(const char *op)
{
	struct shape shape = some_shape();
	int64_t dims[MAX_DIMS], left = elements(shape);
	int n = 0, set = opset_from(7);

	while (n < 3 && left > 1) {
		int64_t d = number(1, 4);

		if (left % d)
			d = 1;
		dims[n++] = d;
		left /= d;
	}
	dims[n++] = left;
	if (once_in(2))
		dims[number(0, n - 1)] = -1;
	if (once_in(3) && n <= shape.rank)
		dims[0] = 0;
	node(op, set);
	if (set >= 14 && once_in(4))
		attr_int("allowzero", 1);
	input(any_type(), shape, USUAL);
	constant_ints("i64", n, dims);
	output();
}

static void flatten(const char *op)
{
	struct shape shape = any_shape();

	node(op, opset_from(11));
	attr_int("axis", number(-shape.rank, shape.rank));
	input("f32", shape, USUAL);
	output();
}

static void squeeze(const char *op)
{
	struct shape shape = some_shape();
	int64_t axes[MAX_DIMS];
	int n = 0, i, rank = shape.rank;
	bool un = *op == 'U';

	if (un)
		rank += (int)number(1, 2);
	for (i = 0; i < rank && (!un || n < rank - shape.rank); i++) {
		if (un ? once_in(2) || rank - i == rank - shape.rank - n : once_in(2)) {
			if (!un)
				shape.dims[i] = 1;
			axes[n++] = once_in(2) ? i : i - rank;
		}
	}
	node(op, opset_from(13));
	input(any_type(), shape, USUAL);
	if (n || un)
		constant_ints("i64", n, axes);
	output();
}

static void concat(const char *op)
{
	struct shape shape = some_shape();
	int64_t axis = any_axis(shape), n = number(1, 4), i;
	const char *type = any_type();

	node(op, opset_from(13));
	attr_int("axis", axis);
	for (i = 0; i < n; i++) {
		shape.dims[axis < 0 ? axis + shape.rank : axis] = number(once_in(9) ? 0 : 1, 3);
		input(type, shape, USUAL);
	}
	output();
}

static void split(const char *op)
{
	struct shape shape = shape_of((int)number(1, 3), 1, 6);
	int64_t axis = any_axis(shape), at = axis < 0 ? axis + shape.rank : axis;
	int64_t parts[8], left = shape.dims[at], i;
	bool even = once_in(2);
	int n = 0, set = opset_from(13);

	if (even)
		n = (int)number(1, left);
	for (; !even && (left || !n) && n < 6; n++) {
		parts[n] = n == 5 ? left : number(0, left);
		left -= parts[n];
	}
	if (even && set < 18)
		while (shape.dims[at] % n)
			n--;
	node(op, set);
	attr_int("axis", axis);
	if (even && set >= 18)
		attr_int("num_outputs", n);
	input(any_type(), shape, USUAL);
	if (!even)
		constant_ints("i64", n, parts);
	for (i = 0; i < n; i++)
		output();
}

static void slice(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 6);
	int64_t starts[MAX_DIMS], ends[MAX_DIMS], axes[MAX_DIMS], steps[MAX_DIMS];
	int n = 0, i;
	bool all = once_in(4);

	for (i = 0; i < shape.rank; i++) {
		if (!all && once_in(2))
			continue;
		starts[n] = number(-8, 8);
		ends[n] = once_in(8) ? INT64_MAX : once_in(8) ? INT64_MIN + 1 : number(-8, 8);
		steps[n] = once_in(2) ? 1 : number(1, 3) * (once_in(2) ? 1 : -1);
		axes[n++] = once_in(2) ? i : i - shape.rank;
	}
	node(op, opset_from(10));
	input(any_type(), shape, USUAL);
	constant_ints("i64", n, starts);
	constant_ints("i64", n, ends);
	if (!all || once_in(2)) {
		constant_ints("i64", n, axes);
		constant_ints("i64", n, steps);
	}
	output();
}

static void pad(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 2, 5);
	const char *mode = ONE_OF("constant", "constant", "reflect", "edge", "wrap");
	const char *type = strcmp(mode, "constant") ? "f32" : ONE_OF("f32", "i32", "u8", "f16");
	bool has_axes = once_in(3);
	int64_t pads[2 * MAX_DIMS], axes[MAX_DIMS];
	int n = has_axes ? 1 : shape.rank, i, set = opset_from(has_axes ? 18 : 11);

	if (!strcmp(mode, "wrap") && set < 19)
		mode = "edge";
	for (i = 0; i < 2 * n; i++)
		pads[i] = number(*mode != 'r' && once_in(4) ? -1 : 0,
				 strcmp(mode, "constant") ? 1 : 3);
	axes[0] = any_axis(shape);
	node(op, set);
	if (strcmp(mode, "constant") || once_in(2))
		attr_text("mode", mode);
	input(type, shape, USUAL);
	constant_ints("i64", 2 * n, pads);
	if (once_in(2))
		constant(type, (struct shape) { 0 }, USUAL);
	else if (has_axes)
		absent();
	if (has_axes)
		constant_ints("i64", 1, axes);
	output();
}

static void expand(const char *op)
{
	struct shape shape = some_shape(), to = shape;
	int i;

	for (i = 0; i < shape.rank; i++)
		if (once_in(2))
			shape.dims[i] = 1;
		else if (once_in(2))
			to.dims[i] = 1;
	node(op, opset_from(8));
	input(any_type(), shape, USUAL);
	constant_ints("i64", to.rank, to.dims);
	output();
}

static void tile(const char *op)
{
	struct shape shape = some_shape(), repeats = shape_of(shape.rank, once_in(9) ? 0 : 1, 3);

	node(op, opset_from(7));
	input(ONE_OF("f32", "i32", "i64", "u8"), shape, USUAL);
	constant_ints("i64", shape.rank, repeats.dims);
	output();
}

static void indices(struct shape shape, int64_t bound, bool is_constant)
{
	const char *type = ONE_OF("i64", "i64", "i32");
	struct range range = { once_in(2) ? -bound : 0, (double)bound };

	if (is_constant)
		constant(type, shape, range);
	else
		input(type, shape, range);
}

static void gather(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4);
	int64_t axis = any_axis(shape), at = axis < 0 ? axis + shape.rank : axis;
	struct shape index = shape_of((int)number(0, 3), once_in(20) ? 0 : 1, 3);

	if (strcmp(op, "Gather")) {
		index = shape;
		for (int i = 0; i < index.rank; i++)
			index.dims[i] = number(1, shape.dims[i]);
		index.dims[at] = number(1, 4);
	}
	node(op, opset_from(13));
	attr_int("axis", axis);
	input(any_type(), shape, USUAL);
	indices(index, shape.dims[at], once_in(2));
	output();
}

static void gather_nd(const char *op)
{
	int batch = (int)number(0, 1), k, i;
	struct shape shape = shape_of(2 + (int)number(0, 2), 2, 3), index = { 0 };

	k = (int)number(1, shape.rank - batch);
	for (i = 0; i < batch; i++)
		index.dims[index.rank++] = shape.dims[i];
	if (once_in(2))
		index.dims[index.rank++] = number(1, 3);
	index.dims[index.rank++] = k;
	node(op, opset_from(12));
	attr_int("batch_dims", batch);
	input(ONE_OF("f32", "i32", "i64"), shape, USUAL);
	/* All dimensions have two elements at least. */
	if (once_in(2))
		constant("i64", index, (struct range) { -2, 2 });
	else
		input("i64", index, (struct range) { 0, 2 });
	output();
}

static void scatter_elements(const char *op)
{
	struct shape shape = shape_of((int)number(1, 3), 2, 4), index = shape;
	int64_t axis = any_axis(shape), at = axis < 0 ? axis + shape.rank : axis;
	const char *type = ONE_OF("f32", "i32", "i64");
	int set = opset_from(13), i;

	for (i = 0; i < index.rank; i++)
		index.dims[i] = number(1, shape.dims[i]);
	/* Without a reduction no element may be named twice: one at a time. */
	if (set < 18 || once_in(4)) {
		index.dims[at] = 1;
		node(op, set);
	} else {
		node(op, set);
		attr_text("reduction", ONE_OF("add", "mul", "max", "min"));
	}
	attr_int("axis", axis);
	input(type, shape, USUAL);
	indices(index, shape.dims[at], once_in(2));
	input(type, index, USUAL);
	output();
}

static void scatter_nd(const char *op)
{
	struct shape shape = shape_of((int)number(1, 3), 2, 3), index = { 0 }, updates = { 0 };
	const char *type = ONE_OF("f32", "i32", "i64");
	int k = (int)number(1, shape.rank), i;
	int64_t count = number(1, 3);

	index = (struct shape) { 2, { count, k } };
	updates.dims[updates.rank++] = count;
	for (i = k; i < shape.rank; i++)
		updates.dims[updates.rank++] = shape.dims[i];
	node(op, opset_from(18));
	attr_text("reduction", ONE_OF("add", "mul", "max", "min"));
	input(type, shape, USUAL);
	constant("i64", index, (struct range) { once_in(2) ? -2 : 0, 2 });
	input(type, updates, USUAL);
	output();
}

static void one_hot(const char *op)
{
	struct shape shape = shape_of((int)number(0, 3), 1, 3);
	int64_t depth = number(1, 5);
	const char *type = ONE_OF("f32", "i64", "i32");

	node(op, opset_from(11));
	attr_int("axis", number(-shape.rank - 1, shape.rank));
	input(ONE_OF("i64", "i32"), shape, (struct range) { -6, 6 });
	constant_ints("i64", 1, &depth);
	input(type, list_of(2), USUAL);
	output();
}

static void top_k(const char *op)
{
	struct shape shape = shape_of((int)number(1, 3), 1, 6);
	int64_t axis = any_axis(shape);
	int64_t k = number(once_in(9) ? 0 : 1, shape.dims[axis < 0 ? axis + shape.rank : axis]);

	node(op, opset_from(11));
	attr_int("axis", axis);
	attr_int("largest", number(0, 1));
	input(ONE_OF("f32", "i32", "i64"), shape, USUAL);
	constant_ints("i64", 1, &k);
	output();
	output();
}

static void trilu(const char *op)
{
	struct shape shape = shape_of((int)number(2, 4), 1, 4);
	int64_t k = number(-4, 4);

	node(op, opset_from(14));
	attr_int("upper", number(0, 1));
	input(ONE_OF("f32", "i64", "i32", "f64"), shape, USUAL);
	if (once_in(2))
		constant_ints("i64", 1, &k);
	output();
}

static void depth_space(const char *op)
{
	int64_t size = number(1, 3), c = number(1, 2), h = number(1, 2), w = number(1, 3);
	bool to_space = *op == 'D';
	struct shape shape = { 4, { number(1, 2), to_space ? c * size * size : c,
				    to_space ? h : h * size, to_space ? w : w * size } };

	node(op, opset_from(to_space ? 11 : 1));
	attr_int("blocksize", size);
	if (to_space && once_in(2))
		attr_text("mode", ONE_OF("DCR", "CRD"));
	input("f32", shape, USUAL);
	output();
}

static void reverse_sequence(const char *op)
{
	struct shape shape = shape_of((int)number(2, 4), 1, 4);
	int64_t time = number(0, 1);

	node(op, opset_from(10));
	attr_int("time_axis", time);
	attr_int("batch_axis", 1 - time);
	input("f32", shape, USUAL);
	input("i64", list_of(shape.dims[1 - time]),
	      (struct range) { 1, (double)shape.dims[time] + 1 });
	output();
}

static void range(const char *op)
{
	const char *type = ONE_OF("f32", "i32", "i64");
	struct shape scalar = { 0 };

	node(op, opset_from(11));
	constant(type, scalar, (struct range) { -5, 5 });
	constant(type, scalar, (struct range) { -9, 9 });
	constant(type, scalar, once_in(2) ? (struct range) { 1, 3 } : (struct range) { -3, -1 });
	output();
}

static void shape_op(const char *op)
{
	struct shape shape = any_shape();

	node(op, opset_from(15));
	if (!strcmp(op, "Shape") && once_in(2)) {
		attr_int("start", number(-5, 5));
		attr_int("end", number(-5, 5));
	}
	input(any_type(), shape, USUAL);
	output();
}

static void eye_like(const char *op)
{
	node(op, opset_from(9));
	attr_int("k", number(-3, 3));
	attr_int("dtype", once_in(2) ? 1 : 7);
	input(ONE_OF("f32", "i32"), shape_of(2, 1, 4), USUAL);
	output();
}

static void compress(const char *op)
{
	struct shape shape = shape_of((int)number(1, 3), 1, 4);
	int64_t axis = any_axis(shape), at = axis < 0 ? axis + shape.rank : axis;
	bool flat = once_in(2);

	node(op, opset_from(11));
	if (!flat)
		attr_int("axis", axis);
	input("f32", shape, USUAL);
	constant("bool", list_of(number(1, flat ? elements(shape) : shape.dims[at])), USUAL);
	output();
}

/* Inputs: x, region, scales, sizes. */
static void resize(const char *op)
{
	struct shape shape = shape_of((int)number(3, 4), 1, 6);
	const char *mode = ONE_OF("nearest", "linear", "linear", "cubic");
	const char *how = ONE_OF("half_pixel", "asymmetric", "align_corners",
				 "pytorch_half_pixel", "tf_crop_and_resize");
	bool by_sizes = once_in(2);
	double scales[MAX_DIMS], roi[2 * MAX_DIMS];
	int64_t sizes[MAX_DIMS];
	int i, set = opset_from(13);

	if (!strcmp(mode, "cubic") && shape.rank != 4)
		mode = "linear";
	for (i = 0; i < shape.rank; i++) {
		bool space = i >= 2;

		sizes[i] = space ? number(1, 9) : shape.dims[i];
		scales[i] = space ? (double)number(2, 12) / 4 : 1;
		/* ONNX Runtime leaves an axis alone whose length stays. */
		if ((int64_t)((double)shape.dims[i] * scales[i]) == shape.dims[i])
			scales[i] = 1;
		space &= by_sizes ? sizes[i] != shape.dims[i] : scales[i] != 1;
		roi[i] = space ? (double)number(0, 4) / 16 : 0;
		roi[shape.rank + i] = space ? (double)number(10, 18) / 16 : 1;
	}
	if (set >= 19 && once_in(3))
		how = "half_pixel_symmetric";
	node(op, set);
	attr_text("mode", mode);
	attr_text("coordinate_transformation_mode", how);
	if (!strcmp(mode, "nearest"))
		attr_text("nearest_mode", ONE_OF("round_prefer_floor", "round_prefer_ceil",
						 "floor", "ceil"));
	if (!strcmp(mode, "cubic")) {
		attr_int("exclude_outside", number(0, 1));
		attr_float("cubic_coeff_a", once_in(2) ? -0.5 : -0.75);
	}
	if (set >= 18 && strcmp(mode, "nearest") && strcmp(how, "tf_crop_and_resize") && once_in(3))
		attr_int("antialias", 1);
	input("f32", shape, USUAL);
	if (!strcmp(how, "tf_crop_and_resize"))
		constant_floats(list_of(2 * shape.rank), roi);
	else
		absent();
	if (by_sizes) {
		absent();
		constant_ints("i64", shape.rank, sizes);
	} else {
		constant_floats(list_of(shape.rank), scales);
	}
	output();
}

const struct generator moving_generators[] = {
	{ "Transpose", transpose }, { "Reshape", reshape }, { "Flatten", flatten },
	{ "Squeeze", squeeze }, { "Unsqueeze", squeeze }, { "Concat", concat }, { "Split", split },
	{ "Slice", slice }, { "Pad", pad }, { "Expand", expand }, { "Tile", tile },
	{ "Gather", gather }, { "GatherElements", gather }, { "GatherND", gather_nd },
	{ "ScatterElements", scatter_elements }, { "ScatterND", scatter_nd },
	{ "OneHot", one_hot }, { "TopK", top_k }, { "Trilu", trilu },
	{ "DepthToSpace", depth_space }, { "SpaceToDepth", depth_space },
	{ "ReverseSequence", reverse_sequence }, { "Range", range }, { "Shape", shape_op },
	{ "Size", shape_op }, { "Identity", shape_op }, { "EyeLike", eye_like },
	{ "Compress", compress }, { "Resize", resize }, { 0 }
};
