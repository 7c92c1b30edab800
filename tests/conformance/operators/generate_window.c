// SPDX-License-Identifier: MIT
/* Convolutions and pools of one to three dimensions. */
#include <string.h>
#include "generate.h"

/**
 * struct window - what the attributes of such a node say
 * @axes: spatial dimensions
 * @image: the input's
 * @kernel: of the window
 * @stride: its steps
 */
struct window {
	int axes;
	int64_t image[3];
	int64_t kernel[3];
	int64_t stride[3];
};

/*
 * @dilates: the operator may; @is_pool: it may round up. ONNX Runtime's pools leave elements
 * out where SAME goes with dilations or steps that are larger than the window.
 */
static struct window window(bool dilates, bool is_pool)
{
	struct window w = { .axes = (int)number(1, 3) };
	int64_t dilation[3], pads[6], extent;
	const char *pad = once_in(2) ? "" : ONE_OF("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET");
	bool same = !strncmp(pad, "SAME", 4), explicit = !*pad || !strcmp(pad, "NOTSET");
	bool dilated = dilates && once_in(3) && !(same && is_pool);
	int i;

	for (i = 0; i < w.axes; i++) {
		w.kernel[i] = number(1, 3);
		w.stride[i] = once_in(2) ? 1 : number(1, same && is_pool ? w.kernel[i] : 3);
		dilation[i] = dilated ? number(1, 2) : 1;
		extent = (w.kernel[i] - 1) * dilation[i] + 1;
		w.image[i] = number(extent, w.axes == 3 ? 5 : 8);
		pads[i] = number(0, extent > 1 ? extent / 2 : 0);
		pads[w.axes + i] = number(0, extent > 1 ? extent / 2 : 0);
	}
	if (*pad)
		attr_text("auto_pad", pad);
	if (explicit && once_in(2))
		attr_ints("pads", 2 * w.axes, pads);
	attr_ints("kernel_shape", w.axes, w.kernel);
	if (once_in(2))
		attr_ints("strides", w.axes, w.stride);
	else
		for (i = 0; i < w.axes; i++)
			w.stride[i] = 1;
	if (dilated)
		attr_ints("dilations", w.axes, dilation);
	if (is_pool && once_in(2))
		attr_int("ceil_mode", 1);
	return w;
}

static struct shape image(const struct window *w, int64_t batch, int64_t channels)
{
	struct shape shape = { 2 + w->axes, { batch, channels } };

	memcpy(shape.dims + 2, w->image, (size_t)w->axes * sizeof(*w->image));
	return shape;
}

static struct shape filters(const struct window *w, int64_t outer, int64_t inner)
{
	struct shape shape = { 2 + w->axes, { outer, inner } };

	memcpy(shape.dims + 2, w->kernel, (size_t)w->axes * sizeof(*w->kernel));
	return shape;
}

static void given(const char *type, struct shape shape, struct range range)
{
	if (once_in(3))
		input(type, shape, range);
	else
		constant(type, shape, range);
}

static void conv(const char *op)
{
	int64_t groups = once_in(2) ? 1 : number(1, 3), in = number(1, 3), out = number(1, 3);
	struct window w;
	const char *type = once_in(8) ? "f16" : "f32";

	node(op, opset_from(7));
	w = window(true, false);
	attr_int("group", groups);
	input(type, image(&w, number(1, 2), groups * in), USUAL);
	given(type, filters(&w, groups * out, in), USUAL);
	if (once_in(2))
		given(type, list_of(groups * out), USUAL);
	output();
}

static void conv_transpose(const char *op)
{
	int64_t groups = once_in(2) ? 1 : number(1, 3), in = number(1, 2), out = number(1, 2);
	int64_t more[3];
	struct window w;
	int i;

	node(op, opset_from(11));
	w = window(true, false);
	attr_int("group", groups);
	for (i = 0; i < w.axes; i++)
		more[i] = number(0, w.stride[i] - 1);
	if (once_in(3))
		attr_ints("output_padding", w.axes, more);
	input("f32", image(&w, number(1, 2), groups * in), USUAL);
	given("f32", filters(&w, groups * in, out), USUAL);
	if (once_in(2))
		given("f32", list_of(groups * out), USUAL);
	output();
}

static void conv_integer(const char *op)
{
	int64_t groups = once_in(2) ? 1 : number(1, 2), in = number(1, 3), out = number(1, 3);
	struct window w;

	node(op, opset_from(10));
	w = window(true, false);
	attr_int("group", groups);
	input("u8", image(&w, 1, groups * in), (struct range) { 0, 250 });
	constant("u8", filters(&w, groups * out, in), (struct range) { 0, 250 });
	/* As behind DynamicQuantizeLinear, or known; that of the weights is known. */
	if (!once_in(3)) {
		given("u8", (struct shape) { 0 }, (struct range) { 0, 200 });
		if (once_in(2))
			constant("u8", (struct shape) { 0 }, (struct range) { 0, 200 });
	}
	output();
}

static void qlinear_conv(const char *op)
{
	int64_t groups = once_in(2) ? 1 : number(1, 2), in = number(1, 3), out = number(1, 3);
	struct shape scalar = { 0 }, each = once_in(2) ? scalar : list_of(groups * out);
	const char *type = ONE_OF("u8", "i8");
	struct window w;

	node(op, opset_from(10));
	w = window(true, false);
	attr_int("group", groups);
	input(type, image(&w, 1, groups * in), (struct range) { -90, 120 });
	constant("f32", scalar, (struct range) { 0.02, 0.1 });
	constant(type, scalar, (struct range) { 0, 90 });
	constant("i8", filters(&w, groups * out, in), (struct range) { -90, 120 });
	constant("f32", each, (struct range) { 0.02, 0.1 });
	constant("i8", each, (struct range) { 0, 0 });
	constant("f32", scalar, (struct range) { 0.05, 0.3 });
	constant(type, scalar, (struct range) { 0, 90 });
	if (once_in(2))
		constant("i32", list_of(groups * out), (struct range) { -900, 900 });
	output();
}

static void max_pool(const char *op)
{
	bool indices = once_in(3);
	const char *type = once_in(4) ? ONE_OF("u8", "i8") : "f32";
	struct window w;

	node(op, opset_from(12));
	w = window(true, true);
	if (indices && once_in(2))
		attr_int("storage_order", 1);
	input(type, image(&w, number(1, 2), number(1, 3)), (struct range) { -50, 50 });
	output();
	if (indices)
		output();
}

static void average_pool(const char *op)
{
	struct window w;
	int set = opset_from(11);

	node(op, set);
	w = window(set >= 19, true);
	/* With more dimensions ONNX Runtime counts other padding from set 19 on. */
	if (once_in(2) && (set < 19 || w.axes < 2))
		attr_int("count_include_pad", 1);
	input("f32", image(&w, number(1, 2), number(1, 3)), USUAL);
	output();
}

static void lp_pool(const char *op)
{
	struct window w;
	int set = opset_from(11);

	node(op, set);
	w = window(set >= 18, true);
	attr_int("p", number(1, 3));
	input("f32", image(&w, number(1, 2), number(1, 3)), USUAL);
	output();
}

static void global_pool(const char *op)
{
	node(op, opset_from(7));
	if (!strcmp(op, "GlobalLpPool"))
		attr_int("p", number(1, 3));
	input("f32", shape_of((int)number(3, 5), 1, 4), USUAL);
	output();
}

const struct generator window_generators[] = {
	{ "Conv", conv }, { "ConvTranspose", conv_transpose }, { "ConvInteger", conv_integer },
	{ "QLinearConv", qlinear_conv }, { "MaxPool", max_pool }, { "AveragePool", average_pool },
	{ "LpPool", lp_pool }, { "GlobalAveragePool", global_pool },
	{ "GlobalMaxPool", global_pool }, { "GlobalLpPool", global_pool }, { 0 }
};
