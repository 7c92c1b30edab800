// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include "tests/unit/onnx_builder.h"
#include "qemu-device/kernels/nk.h"
#include "graphs.h"

#define OPSET	17
#define FLOAT16	ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT16

static struct builder b;
static unsigned int made;
/* Of inputs and weights: FLOAT or FLOAT16. */
static int type;

static const char *text(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Names live for as long as the process: few are needed. */
static const char *text(const char *format, ...)
{
	va_list args;
	char *line;

	va_start(args, format);
	if (vasprintf(&line, format, args) < 0)
		abort();
	va_end(args);
	return line;
}

static const char *constant(const float *data, int64_t n, int rank, const int64_t *dims)
{
	const char *name = text("w%u", made++);
	uint16_t *halves;

	if (type == FLOAT) {
		add_const(&b, name, FLOAT, rank, dims, data, (size_t)n * sizeof(*data));
		return name;
	}
	halves = malloc((size_t)n * sizeof(*halves));
	if (!halves)
		abort();
	for (int64_t i = 0; i < n; i++)
		halves[i] = nk_f32_to_f16(data[i]);
	add_const(&b, name, FLOAT16, rank, dims, halves, (size_t)n * sizeof(*halves));
	free(halves);
	return name;
}

/* Numbers between @low and @low + @range, no two neighbours alike; @n: how many. */
static float *by_lot(float low, float range, int rank, const int64_t *dims, int64_t *n)
{
	static uint32_t x = 1;
	float *data;
	int i;

	*n = 1;
	for (i = 0; i < rank; i++)
		*n *= dims[i];
	data = malloc((size_t)*n * sizeof(*data));
	if (!data)
		abort();
	for (int64_t k = 0; k < *n; k++) {
		x = x * 1664525 + 1013904223;
		data[k] = low + (float)(x >> 8) / 0x1p24f * range;
	}
	return data;
}

/* A constant of numbers within @range of zero. */
static const char *weights(float range, int rank, const int64_t *dims)
{
	int64_t n;
	float *data = by_lot(-range, 2 * range, rank, dims, &n);
	const char *name = constant(data, n, rank, dims);

	free(data);
	return name;
}

static const char *scalar(float value)
{
	return constant(&value, 1, 0, NULL);
}

static const char *node(const char *op, const char *inputs)
{
	const char *out = text("v%u", made++);

	add_node(&b, op, inputs, out);
	return out;
}

static Onnx__NodeProto *last(void)
{
	return b.graph->node[b.graph->n_node - 1];
}

static void *finish(size_t *size)
{
	void *bytes = builder_bytes(&b, size);

	/* The weights are most of it, twice. */
	for (size_t i = 0; i < b.graph->n_initializer; i++) {
		free(b.graph->initializer[i]->raw_data.data);
		b.graph->initializer[i]->raw_data.data = NULL;
	}
	return bytes;
}

static const char *grouped_conv(const char *in, int from, int to, int kernel, int stride,
				int groups)
{
	const int pad = kernel / 2;
	const char *w = weights(0.05f, DIMS(to, from / groups, kernel, kernel));
	const char *bias = weights(0.5f, DIMS(to));
	const char *out = node("Conv", text("%s %s %s", in, w, bias));

	attr_ints(last(), "kernel_shape", DIMS(kernel, kernel));
	attr_ints(last(), "strides", DIMS(stride, stride));
	attr_ints(last(), "pads", DIMS(pad, pad, pad, pad));
	if (groups > 1)
		attr_int(last(), "group", groups);
	return out;
}

static const char *conv(const char *in, int from, int to, int kernel, int stride)
{
	return grouped_conv(in, from, to, kernel, stride, 1);
}

static const char *relu(const char *in)
{
	return node("Relu", in);
}

static const char *bottleneck(const char *in, int from, int width, int stride)
{
	const char *skip = in, *x;

	x = relu(conv(in, from, width, 1, 1));
	x = relu(conv(x, width, width, 3, stride));
	x = conv(x, width, 4 * width, 1, 1);
	if (from != 4 * width || stride != 1)
		skip = conv(in, from, 4 * width, 1, stride);
	return relu(node("Add", text("%s %s", x, skip)));
}

/* Scores for a thousand classes, from the last picture. */
static void *classify(const char *x, int features, size_t *size)
{
	x = node("Flatten", node("GlobalAveragePool", x));
	x = node("Gemm", text("%s %s %s", x, weights(0.05f, DIMS(features, 1000)),
			      weights(0.5f, DIMS(1000))));
	add_node(&b, "Identity", x, "scores");
	APPEND(b.graph->output, b.graph->n_output, new_value("scores", type, -1, NULL));
	return finish(size);
}

void *graph_resnet50(int batch, bool half, size_t *size)
{
	static const int blocks[] = { 3, 4, 6, 3 };
	const char *x = "image";
	int from = 64;

	b = builder(OPSET);
	type = half ? FLOAT16 : FLOAT;
	add_input(&b, x, type, DIMS(batch, 3, 224, 224));
	x = relu(conv(x, 3, 64, 7, 2));
	x = node("MaxPool", x);
	attr_ints(last(), "kernel_shape", DIMS(3, 3));
	attr_ints(last(), "strides", DIMS(2, 2));
	attr_ints(last(), "pads", DIMS(1, 1, 1, 1));
	for (int stage = 0; stage < 4; stage++) {
		int width = 64 << stage;

		for (int i = 0; i < blocks[stage]; i++) {
			x = bottleneck(x, from, width, stage && !i ? 2 : 1);
			from = 4 * width;
		}
	}
	return classify(x, 2048, size);
}

static const char *relu6(const char *in)
{
	return node("Clip", text("%s %s %s", in, scalar(0), scalar(6)));
}

static const char *inverted_bottleneck(const char *in, int from, int to, int expansion, int stride)
{
	int width = from * expansion;
	const char *x = in;

	if (expansion > 1)
		x = relu6(conv(x, from, width, 1, 1));
	x = relu6(grouped_conv(x, width, width, 3, stride, width));
	x = conv(x, width, to, 1, 1);
	return stride == 1 && from == to ? node("Add", text("%s %s", x, in)) : x;
}

void *graph_mobilenet_v2(size_t *size)
{
	static const struct {
		int expansion, channels, blocks, stride;
	} stages[] = {
		{ 1, 16, 1, 1 }, { 6, 24, 2, 2 }, { 6, 32, 3, 2 }, { 6, 64, 4, 2 },
		{ 6, 96, 3, 1 }, { 6, 160, 3, 2 }, { 6, 320, 1, 1 },
	};
	const char *x = "image";
	int from = 32;

	b = builder(OPSET);
	type = FLOAT;
	add_input(&b, x, type, DIMS(1, 3, 224, 224));
	x = relu6(conv(x, 3, from, 3, 2));
	for (size_t s = 0; s < sizeof(stages) / sizeof(stages[0]); s++) {
		for (int i = 0; i < stages[s].blocks; i++) {
			x = inverted_bottleneck(x, from, stages[s].channels, stages[s].expansion,
						i ? 1 : stages[s].stride);
			from = stages[s].channels;
		}
	}
	return classify(relu6(conv(x, from, 1280, 1, 1)), 1280, size);
}

/*
 * YOLO v4
 */

static const char *mish(const char *in)
{
	return node("Mul", text("%s %s", in, node("Tanh", node("Softplus", in))));
}

static const char *leaky(const char *in)
{
	const char *x = node("LeakyRelu", in);

	attr_float(last(), "alpha", 0.1f);
	return x;
}

static const char *join(const char *a, const char *b)
{
	const char *x = node("Concat", text("%s %s", a, b));

	attr_int(last(), "axis", 1);
	return x;
}

static const char *wide_pool(const char *in, int kernel)
{
	const int pad = kernel / 2;
	const char *x = node("MaxPool", in);

	attr_ints(last(), "kernel_shape", DIMS(kernel, kernel));
	attr_ints(last(), "pads", DIMS(pad, pad, pad, pad));
	return x;
}

/* Half the size; @inner channels on both ways through it, then @to. */
static const char *cross_stage(const char *in, int from, int inner, int to, int blocks)
{
	const char *x = mish(conv(in, from, 2 * from, 3, 2)), *skip, *h;

	skip = mish(conv(x, 2 * from, inner, 1, 1));
	x = mish(conv(x, 2 * from, inner, 1, 1));
	for (int i = 0; i < blocks; i++) {
		/* The first stage's block is narrower inside. */
		int middle = from == 32 ? 32 : inner;

		h = mish(conv(x, inner, middle, 1, 1));
		x = node("Add", text("%s %s", x, mish(conv(h, middle, inner, 3, 1))));
	}
	x = join(mish(conv(x, inner, inner, 1, 1)), skip);
	return mish(conv(x, 2 * inner, to, 1, 1));
}

/* 1 x 1 and 3 x 3 in turns, @count of them, ending with @narrow channels. */
static const char *turns(const char *x, int from, int narrow, int count)
{
	for (int i = 0; i < count; i++) {
		if (i % 2)
			x = leaky(conv(x, narrow, 2 * narrow, 3, 1));
		else
			x = leaky(conv(x, i ? 2 * narrow : from, narrow, 1, 1));
	}
	return x;
}

/* Twice as large, beside what was of that size. */
static const char *enlarge(const char *x, int from, const char *other, int channels)
{
	const char *up = leaky(conv(x, from, from / 2, 1, 1));

	up = node("Resize", text("%s - scales", up));
	attr_string(last(), "mode", "nearest");
	return join(leaky(conv(other, channels, from / 2, 1, 1)), up);
}

static void head(const char *x, int from, const char *name)
{
	x = conv(leaky(conv(x, from, 2 * from, 3, 1)), 2 * from, 255, 1, 1);
	add_node(&b, "Identity", x, name);
	add_output(&b, name);
}

void *graph_yolo4(int side, size_t *size)
{
	const char *x = "image", *small, *middle, *large, *pools;

	b = builder(OPSET);
	type = FLOAT;
	add_input(&b, x, FLOAT, DIMS(1, 3, side, side));
	add_const(&b, "scales", FLOAT, DIMS(4), (float[]) { 1, 1, 2, 2 }, 16);
	x = mish(conv(x, 3, 32, 3, 1));
	x = cross_stage(x, 32, 64, 64, 1);
	x = cross_stage(x, 64, 64, 128, 2);
	large = cross_stage(x, 128, 128, 256, 8);
	middle = cross_stage(large, 256, 256, 512, 8);
	x = cross_stage(middle, 512, 512, 1024, 4);

	x = turns(x, 1024, 512, 3);
	pools = join(join(wide_pool(x, 13), wide_pool(x, 9)), join(wide_pool(x, 5), x));
	small = turns(pools, 2048, 512, 3);
	middle = turns(enlarge(small, 512, middle, 512), 512, 256, 5);
	x = turns(enlarge(middle, 256, large, 256), 256, 128, 5);

	head(x, 128, "large");
	x = turns(join(leaky(conv(x, 128, 256, 3, 2)), middle), 512, 256, 5);
	head(x, 256, "middle");
	x = turns(join(leaky(conv(x, 256, 512, 3, 2)), small), 1024, 512, 5);
	head(x, 512, "small");
	return finish(size);
}

#define HEAD	64

/* Of the model that is being made. */
static int width;
static bool quantized;

static const char *byte_weights(int from, int to)
{
	const char *name = text("w%u", made++);
	int64_t n;
	float *data = by_lot(0, 256, DIMS(from, to), &n);
	uint8_t *bytes = (uint8_t *)data;

	for (int64_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)data[i];
	add_const(&b, name, UINT8, DIMS(from, to), bytes, (size_t)n);
	free(data);
	return name;
}

/* As ONNX Runtime's tools quantize a product of matrices whose first is known late. */
static const char *quantized_product(const char *in, int from, int to)
{
	static const char *previous, *x;
	const uint8_t middle = 127;
	const char *zero = text("zero%u", made++), *scale;

	/* Several products of one operand quantize it once. */
	if (!previous || strcmp(previous, in)) {
		previous = in;
		x = text("q%u", made++);
		add_node(&b, "DynamicQuantizeLinear", in, text("%s %s_scale %s_zero", x, x, x));
	}
	add_const(&b, zero, UINT8, 0, NULL, &middle, sizeof(middle));
	scale = node("Mul", text("%s_scale %s", x, scalar(0.0004f)));
	in = node("MatMulInteger", text("%s %s %s_zero %s", x, byte_weights(from, to), x, zero));
	in = node("Cast", in);
	attr_int(last(), "to", FLOAT);
	return node("Mul", text("%s %s", in, scale));
}

static const char *dense(const char *in, int from, int to)
{
	const char *x = quantized ? quantized_product(in, from, to) :
			node("MatMul", text("%s %s", in, weights(0.05f, DIMS(from, to))));

	return node("Add", text("%s %s", x, weights(0.05f, DIMS(to))));
}

static const char *norm(const char *in)
{
	const char *x = node("LayerNormalization",
			     text("%s %s %s", in, weights(1, DIMS(width)),
				  weights(0.1f, DIMS(width))));

	attr_int(last(), "axis", -1);
	return x;
}

/* [batch, length, width] to [batch, heads, length, HEAD], or with @last swapped. */
static const char *heads(const char *in, const char *shape, bool swapped)
{
	const char *x = node("Reshape", text("%s %s", in, shape));

	x = node("Transpose", x);
	if (swapped)
		attr_ints(last(), "perm", DIMS(0, 2, 3, 1));
	else
		attr_ints(last(), "perm", DIMS(0, 2, 1, 3));
	return x;
}

static const char *attention(const char *in, const char *apart, const char *together)
{
	const char *q = heads(dense(in, width, width), apart, false);
	const char *k = heads(dense(in, width, width), apart, true);
	const char *v = heads(dense(in, width, width), apart, false);
	const char *x = node("MatMul", text("%s %s", q, k));

	x = node("Div", text("%s %s", x, scalar(8)));
	x = node("Add", text("%s mask", x));
	x = node("Softmax", x);
	attr_int(last(), "axis", -1);
	x = node("Transpose", node("MatMul", text("%s %s", x, v)));
	attr_ints(last(), "perm", DIMS(0, 2, 1, 3));
	x = dense(node("Reshape", text("%s %s", x, together)), width, width);
	return norm(node("Add", text("%s %s", x, in)));
}

static const char *gelu(const char *in)
{
	const char *x = node("Erf", node("Div", text("%s %s", in, scalar(1.4142135f))));

	x = node("Add", text("%s %s", x, scalar(1)));
	x = node("Mul", text("%s %s", in, x));
	return node("Mul", text("%s %s", x, scalar(0.5f)));
}

void *graph_bert(int layers, int wide, int batch, int length, bool bytes, size_t *size)
{
	const char *x = "embedded", *in;

	quantized = bytes;
	b = builder(OPSET);
	type = FLOAT;
	width = wide;
	add_input(&b, x, FLOAT, DIMS(batch, length, width));
	add_input(&b, "mask", FLOAT, DIMS(batch, 1, 1, length));
	add_ints(&b, "apart", 4, (int64_t[]) { batch, length, width / HEAD, HEAD });
	add_ints(&b, "together", 3, (int64_t[]) { batch, length, width });
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	x = norm(x);
	for (int layer = 0; layer < layers; layer++) {
		in = attention(x, "apart", "together");
		x = dense(gelu(dense(in, width, 4 * width)), 4 * width, width);
		x = norm(node("Add", text("%s %s", x, in)));
	}
	x = node("Gather", text("%s zero", x));
	attr_int(last(), "axis", 1);
	x = node("Flatten", x);
	x = node("Tanh", dense(x, width, width));
	add_node(&b, "Identity", dense(x, width, 2), "classes");
	add_output(&b, "classes");
	return finish(size);
}

void *graph_input(float low, float range, int rank, const int64_t *dims, size_t *size)
{
	Onnx__TensorProto *tensor;
	float *data;
	void *bytes;
	int64_t n;

	data = by_lot(low, range, rank, dims, &n);
	tensor = new_tensor("input", FLOAT, rank, dims, data, (size_t)n * sizeof(*data));
	free(data);
	*size = onnx__tensor_proto__get_packed_size(tensor);
	bytes = malloc(*size);
	if (!bytes)
		abort();
	onnx__tensor_proto__pack(tensor, bytes);
	return bytes;
}
