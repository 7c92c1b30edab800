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

#define HEAD	64

/* Of the model that is being made. */
static int width;

static const char *dense(const char *in, int from, int to)
{
	const char *x = node("MatMul", text("%s %s", in, weights(0.05f, DIMS(from, to))));

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

void *graph_bert(int layers, int wide, int batch, int length, size_t *size)
{
	const char *x = "embedded", *in;

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
