// SPDX-License-Identifier: MIT
/*
 * pieces DIR SEED COUNT: models made up by chance of what the chip does piece by piece, with
 * a length that an input decides, as cases in the layout of ONNX's backend tests. What they
 * are to give is what ONNX Runtime gives.
 *
 * tests/conformance/pieces builds it against the headers that scripts/fetch-onnxruntime has
 * fetched, and runs it with that folder's loader.
 */
#include <math.h>
#include "case_folder.h"
#include "tests/onnxruntime.h"

/* Frames that there can be, and those that there are, by data set. */
#define FRAMES	600
static const unsigned int lengths[] = { 1, 23, 64, 301, FRAMES };
#define SETS	(sizeof(lengths) / sizeof(lengths[0]))

#define CHANNELS	64

static struct builder b;
static uint64_t state;
static unsigned int names;

/* What the next operator works on, how many channels it has, and elements to a frame. */
static char now[32];
static int64_t channels, rate;

static uint32_t chance(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(state >> 33) % n;
}

static float number(void)
{
	return (float)(int32_t)(chance(1u << 30) - (1u << 29)) * 0x1p-29f;
}

static const char *fresh(void)
{
	return text("v%u", names++);
}

/* A constant of numbers around @middle. */
static const char *constant(int rank, const int64_t *dims, float middle, float gain)
{
	const char *name = fresh();
	int64_t n = 1, i;
	float *data;

	for (i = 0; i < rank; i++)
		n *= dims[i];
	data = own_memory((size_t)n * sizeof(*data));
	for (i = 0; i < n; i++)
		data[i] = middle + number() * gain;
	add_const(&b, name, FLOAT, rank, dims, data, (size_t)n * sizeof(*data));
	free(data);
	return name;
}

static const char *weights(int64_t out, int64_t in, int64_t k, int64_t sum)
{
	return constant(3, (int64_t[]) { out, in, k }, 0, sqrtf(3.0f / (float)sum));
}

static void become(const char *name)
{
	snprintf(now, sizeof(now), "%s", name);
}

static void unary(const char *op)
{
	const char *y = fresh();

	add_node(&b, op, now, y);
	become(y);
}

static void with(const char *op, const char *other)
{
	const char *y = fresh();

	add_node(&b, op, text("%s %s", now, other), y);
	become(y);
}

/* As long as before; the past alone, or both sides. */
static const char *conv(const char *x, int64_t out, int64_t in, int64_t k, int64_t dilation,
			int64_t groups)
{
	const int64_t reach = (k - 1) * dilation, before = chance(3) ? reach / 2 : reach;
	const char *bias = chance(4) ? constant(1, &out, 0.2f, 0.5f) : "", *y = fresh();
	Onnx__NodeProto *node;

	node = add_node(&b, "Conv", text("%s %s %s", x, weights(out, in / groups, k, in / groups * k),
					 bias), y);
	attr_ints(node, "pads", 2, (int64_t[]) { before, reach - before });
	attr_ints(node, "dilations", 1, &dilation);
	attr_int(node, "group", groups);
	return y;
}

static void convolve(void)
{
	static const int64_t kernels[] = { 1, 2, 3, 5, 7, 11 };
	const int64_t out = 16 << chance(3), groups = chance(4) ? 1 : 8;

	become(conv(now, out, channels, kernels[chance(6)], 1 + chance(5), groups));
	channels = out;
}

/* Twice to four times as long, by a window that is as wide or wider. */
static void upsample(void)
{
	const int64_t stride = 2 + chance(3), k = stride + chance(5), out = 16 << chance(2);
	const int64_t cut = k - stride, lo = chance((uint32_t)cut + 1), more = chance(2) && lo < cut;
	const char *y = fresh();
	Onnx__NodeProto *node;

	if (rate * stride > 8)
		return;
	node = add_node(&b, "ConvTranspose",
			text("%s %s %s", now, weights(channels, out, k, channels * 2),
			     constant(1, &out, 0.2f, 0.5f)), y);
	attr_ints(node, "pads", 2, (int64_t[]) { lo, cut - lo + more });
	attr_ints(node, "output_padding", 1, (int64_t[]) { more });
	attr_ints(node, "strides", 1, &stride);
	become(y);
	channels = out;
	rate *= stride;
}

static void function(void)
{
	static const char *const ops[] = { "LeakyRelu", "Relu", "Tanh", "Sigmoid", "Softplus",
					   "Elu", "Sin", "Neg", "Abs", "HardSwish" };

	unary(ops[chance(sizeof(ops) / sizeof(ops[0]))]);
}

static void residual(void)
{
	char x[sizeof(now)];

	snprintf(x, sizeof(x), "%s", now);
	if (chance(2))
		unary("LeakyRelu");
	with(chance(4) ? "Add" : "Sub", conv(x, channels, channels, 1 + 2 * chance(4), 1 + chance(3), 1));
}

/* Halves of the channels multiply each other, as in WaveNet. */
static void gate(void)
{
	const char *wide = conv(now, 2 * channels, channels, 3, 1 + chance(4), 1);
	const char *a = fresh(), *c = fresh(), *tanh = fresh(), *sigmoid = fresh();

	attr_int(add_node(&b, "Split", wide, text("%s %s", a, c)), "axis", 1);
	add_node(&b, "Tanh", a, tanh);
	add_node(&b, "Sigmoid", c, sigmoid);
	become(tanh);
	with("Mul", sigmoid);
}

/* Channels last: [1, length, channels]. */
static void turn(void)
{
	const char *y = fresh();

	attr_ints(add_node(&b, "Transpose", now, y), "perm", 3, (int64_t[]) { 0, 2, 1 });
	become(y);
}

static void linear(void)
{
	const int64_t dims[] = { channels, channels };

	turn();
	with("MatMul", constant(2, dims, 0, sqrtf(3.0f / (float)channels)));
	turn();
}

/* As PyTorch once wrote it, or in one. */
static void normalize(void)
{
	const char *mean = fresh(), *square = fresh(), *variance = fresh(), *sum = fresh();
	const char *root = fresh();

	turn();
	if (chance(2)) {
		with("LayerNormalization", constant(1, &channels, 1, 0.5f));
	} else {
		attr_ints(add_node(&b, "ReduceMean", now, mean), "axes", 1, (int64_t[]) { -1 });
		with("Sub", mean);
		add_node(&b, "Pow", text("%s two", now), square);
		attr_ints(add_node(&b, "ReduceMean", square, variance), "axes", 1, (int64_t[]) { 2 });
		add_node(&b, "Add", text("%s little", variance), sum);
		add_node(&b, "Sqrt", sum, root);
		with("Div", root);
	}
	turn();
}

/* Infinite or NaN where there is no frame: there, ones is zero. */
static void wild(void)
{
	static const char *const ops[] = { "Reciprocal", "Log", "Exp" };

	if (rate != 1)
		return;
	unary("Tanh");
	unary("Abs");
	with("Add", "half");
	with("Mul", "ones");
	unary(ops[chance(3)]);
	with(chance(2) ? "Div" : "Mul", "ones");
}

/* Operators that the host does not have. */
static void only_chip(void)
{
	const int64_t *c = &channels;
	const char *y = fresh();
	Onnx__NodeProto *node;

	switch (chance(4)) {
	case 0:
		with("BatchNormalization", text("%s %s %s %s", constant(1, c, 1, 0.5f),
						constant(1, c, 0, 0.5f), constant(1, c, 0, 0.5f),
						constant(1, c, 1, 0.5f)));
		break;
	case 1:
		if (rate > 4)
			return;
		node = add_node(&b, "Resize", text("%s - twice", now), y);
		attr_string(node, "mode", "nearest");
		attr_string(node, "coordinate_transformation_mode", "asymmetric");
		attr_string(node, "nearest_mode", "floor");
		become(y);
		rate *= 2;
		break;
	case 2:
		with("InstanceNormalization", text("%s %s", constant(1, c, 1, 0.5f),
						   constant(1, c, 0, 0.5f)));
		break;
	default:
		unary("Celu");
		break;
	}
}

/* Both directions, as PyTorch writes them: the host's, between pieces. */
static void recurrent(void)
{
	static const char *const ops[] = { "RNN", "GRU", "LSTM" };
	const unsigned int which = chance(3);
	const int64_t gates = which == 2 ? 4 : which ? 3 : 1, half = channels / 2;
	const char *in = fresh(), *y = fresh(), *turned = fresh(), *rows = fresh(), *out = fresh();
	const float gain = 1.5f / sqrtf((float)channels);
	const char *w, *r, *bias;
	Onnx__NodeProto *node;

	if (!chance(3))
		return;
	w = constant(3, (int64_t[]) { 2, gates * half, channels }, 0, gain);
	r = constant(3, (int64_t[]) { 2, gates * half, half }, 0, gain);
	bias = constant(2, (int64_t[]) { 2, 2 * gates * half }, 0, 0.2f);
	attr_ints(add_node(&b, "Transpose", now, in), "perm", 3, (int64_t[]) { 2, 0, 1 });
	node = add_node(&b, ops[which], text("%s %s %s %s", in, w, r, bias), y);
	attr_int(node, "hidden_size", half);
	attr_string(node, "direction", "bidirectional");
	if (which == 1)
		attr_int(node, "linear_before_reset", 1);
	attr_ints(add_node(&b, "Transpose", y, turned), "perm", 4, (int64_t[]) { 0, 2, 1, 3 });
	add_node(&b, "Reshape", text("%s joined", turned), rows);
	attr_ints(add_node(&b, "Transpose", rows, out), "perm", 3, (int64_t[]) { 1, 2, 0 });
	become(out);
}

/* [1, channels, length] as two heads: [1, 2, channels / 2, length], or the last two turned. */
static const char *heads(const char *x, bool turned)
{
	const char *shape = fresh(), *y = fresh(), *turn = fresh();

	add_ints(&b, shape, 4, (int64_t[]) { 1, 2, channels / 2, -1 });
	add_node(&b, "Reshape", text("%s %s", x, shape), y);
	if (!turned)
		return y;
	attr_ints(add_node(&b, "Transpose", y, turn), "perm", 4, (int64_t[]) { 0, 1, 3, 2 });
	return turn;
}

/* Each frame looks at all of them: the host's, but for the products. */
static void attend(void)
{
	const char *scores = fresh(), *scaled = fresh(), *weight = fresh(), *y = fresh();
	const char *turn = fresh(), *back = fresh(), *query, *key, *value;

	if (rate > 2)
		return;
	query = conv(now, channels, channels, 1, 1, 1);
	key = conv(now, channels, channels, 1 + 2 * chance(2), 1, 1);
	value = conv(now, channels, channels, 1, 1, 1);
	add_node(&b, "MatMul", text("%s %s", heads(query, true), heads(key, false)), scores);
	add_node(&b, "Mul", text("%s half", scores), scaled);
	attr_int(add_node(&b, "Softmax", scaled, weight), "axis", -1);
	if (chance(2)) {
		add_node(&b, "MatMul", text("%s %s", weight, heads(value, true)), y);
		attr_ints(add_node(&b, "Transpose", y, turn), "perm", 4,
			  (int64_t[]) { 0, 1, 3, 2 });
	} else {
		/* The other way round, what it looks at from the right. */
		attr_ints(add_node(&b, "Transpose", weight, y), "perm", 4,
			  (int64_t[]) { 0, 1, 3, 2 });
		add_node(&b, "MatMul", text("%s %s", heads(value, false), y), turn);
	}
	add_ints(&b, back, 3, (int64_t[]) { 1, channels, -1 });
	become(fresh());
	add_node(&b, "Reshape", text("%s %s", turn, back), now);
}

/* Zero where there is no frame, which it is anyway. */
static void masked(void)
{
	if (rate == 1)
		with("Mul", "ones");
}

static void scale(void)
{
	const int64_t dims[] = { 1, channels, 1 };

	with(chance(2) ? "Mul" : "Add", constant(3, dims, 0.5f, 0.5f));
}

static void move(void)
{
	const char *half = fresh(), *y = fresh(), *again = fresh(), *in = fresh(), *out = fresh();

	switch (chance(3)) {
	case 0:
		/* Channels backwards. */
		add_node(&b, "Slice", text("%s last far one last", now), y);
		break;
	case 1:
		add_node(&b, "Slice", text("%s zero eight one one", now), half);
		attr_int(add_node(&b, "Concat", text("%s %s", now, half), y), "axis", 1);
		channels += 8;
		break;
	default:
		/* Channels take turns. */
		add_ints(&b, in, 4, (int64_t[]) { 1, 2, channels / 2, -1 });
		add_ints(&b, out, 3, (int64_t[]) { 1, channels, -1 });
		add_node(&b, "Reshape", text("%s %s", now, in), half);
		attr_ints(add_node(&b, "Transpose", half, again), "perm", 4,
			  (int64_t[]) { 0, 2, 1, 3 });
		add_node(&b, "Reshape", text("%s %s", again, out), y);
		break;
	}
	become(y);
}

/* As often as there are elements; and made longer by as many, and cut again. */
static void lengths_of(void)
{
	const int64_t dims[] = { 1, channels, 1 };
	const char *shape = fresh(), *length = fresh(), *times = fresh(), *tiled = fresh();
	const char *pads = fresh(), *longer = fresh(), *again = fresh();

	add_node(&b, "Shape", now, shape);
	add_node(&b, "Slice", text("%s second third", shape), length);
	if (chance(2)) {
		attr_int(add_node(&b, "Concat", text("one one %s", length), times), "axis", 0);
		add_node(&b, "Tile", text("%s %s", constant(3, dims, 0, 1), times), tiled);
		with("Add", tiled);
		return;
	}
	attr_int(add_node(&b, "Concat", text("zeros %s", length), pads), "axis", 0);
	add_node(&b, "Pad", text("%s %s", now, pads), longer);
	add_node(&b, "Slice", text("%s zero %s second", longer, length), again);
	with("Add", again);
}

/* zeros_like(), and what PyTorch adds it to. */
static void nothing(void)
{
	const char *shape = fresh(), *zeros = fresh();

	add_node(&b, "Shape", now, shape);
	add_node(&b, "ConstantOfShape", shape, zeros);
	with("Add", zeros);
}

static void build_model(void)
{
	static void (*const steps[])(void) = {
		convolve, convolve, function, function, residual, gate, linear, normalize, scale,
		move, upsample, nothing, wild, masked, only_chip,
		recurrent, lengths_of, attend, attend,
	};
	unsigned int count = 6 + chance(10), i, seen = 0;

	b = builder(17);
	add_input(&b, "x", FLOAT, DIMS(1, CHANNELS, FRAMES));
	add_input(&b, "keep", BOOL, DIMS(FRAMES));
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "eight", 1, (int64_t[]) { 8 });
	add_ints(&b, "last", 1, (int64_t[]) { -1 });
	add_ints(&b, "far", 1, (int64_t[]) { INT64_MIN + 1 });
	add_ints(&b, "zeros", 5, (int64_t[5]) { 0 });
	add_ints(&b, "second", 1, (int64_t[]) { 2 });
	add_ints(&b, "third", 1, (int64_t[]) { 3 });
	add_ints(&b, "joined", 3, (int64_t[]) { 0, 0, -1 });
	add_const(&b, "twice", FLOAT, 1, (int64_t[]) { 3 }, (float[]) { 1, 1, 2 }, 12);
	add_ramp(&b, "all", 1, 0, 3, (int64_t[]) { 1, 1, FRAMES });
	add_ramp(&b, "two", 2, 0, 0, NULL);
	add_ramp(&b, "half", 0.5f, 0, 0, NULL);
	add_ramp(&b, "little", 1e-3f, 0, 0, NULL);
	attr_int(add_node(&b, "Compress", "x keep", "frames"), "axis", 2);
	attr_int(add_node(&b, "Compress", "all keep", "ones"), "axis", 2);
	become("frames");
	channels = CHANNELS;
	rate = 1;
	become(conv(now, CHANNELS, CHANNELS, 5, 1, 1));
	for (i = 0; i < count; i++) {
		steps[chance(sizeof(steps) / sizeof(steps[0]))]();
		/* A second result, on the way. */
		if (!seen && !chance(8)) {
			attr_float(add_node(&b, "LeakyRelu", now, "early"), "alpha", 0.5f);
			seen = 1;
		}
	}
	become(conv(now, 16, channels, 7, 1, 1));
	add_node(&b, "Tanh", now, "y");
	add_output(&b, "y");
	b.graph->output[0] = new_value("y", FLOAT, -1, NULL);
	if (seen) {
		add_output(&b, "early");
		b.graph->output[1] = new_value("early", FLOAT, -1, NULL);
	}
}

static OrtValue *new_input(OrtMemoryInfo *memory, void *data, size_t size, int rank,
			   const int64_t *dims, ONNXTensorElementDataType type)
{
	OrtValue *value;

	must(ort->CreateTensorWithDataAsOrtValue(memory, data, size, dims, (size_t)rank, type,
						 &value));
	return value;
}

/* One data set: inputs, and what ONNX Runtime makes of them. */
static void put_set(OrtSession *session, const char *name, unsigned int set)
{
	const int64_t x_dims[] = { 1, CHANNELS, FRAMES }, keep_dims[] = { FRAMES };
	const char *in_names[] = { "x", "keep" }, *out_names[] = { "y", "early" };
	static float x[CHANNELS * FRAMES];
	static uint8_t keep_data[FRAMES];
	OrtValue *in[2], *out[2] = { NULL };
	size_t num_outputs = b.graph->n_output, i, rank;
	unsigned int left = lengths[set];
	OrtMemoryInfo *memory;

	for (i = 0; i < CHANNELS * FRAMES; i++)
		x[i] = number();
	/* As many as there are to be, anywhere. */
	for (i = 0; i < FRAMES; i++) {
		keep_data[i] = chance(FRAMES - (uint32_t)i) < left;
		left -= keep_data[i];
	}
	must(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
	in[0] = new_input(memory, x, sizeof(x), 3, x_dims, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT);
	in[1] = new_input(memory, keep_data, sizeof(keep_data), 1, keep_dims,
			  ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL);
	must(ort->Run(session, NULL, in_names, (const OrtValue *const *)in, 2, out_names,
		      num_outputs, out));
	enter_set(name, set);
	put_tensor("input_0.pb", FLOAT, 3, x_dims, x, sizeof(x));
	put_tensor("input_1.pb", BOOL, 1, keep_dims, keep_data, sizeof(keep_data));
	for (i = 0; i < num_outputs; i++) {
		OrtTensorTypeAndShapeInfo *info;
		int64_t dims[3] = { 0 };
		float *data;

		must(ort->GetTensorTypeAndShape(out[i], &info));
		must(ort->GetDimensionsCount(info, &rank));
		if (rank != 3)
			errx(1, "%s has %zu dimensions", out_names[i], rank);
		must(ort->GetDimensions(info, dims, rank));
		must(ort->GetTensorMutableData(out[i], (void **)&data));
		put_tensor(text("output_%zu.pb", i), FLOAT, 3, dims, data,
			   (size_t)(dims[0] * dims[1] * dims[2]) * sizeof(*data));
		ort->ReleaseTensorTypeAndShapeInfo(info);
		ort->ReleaseValue(out[i]);
	}
}

int main(int argc, char **argv)
{
	OrtSessionOptions *options;
	unsigned int seed, last, set;
	OrtEnv *env;

	if (argc != 4)
		errx(2, "usage: pieces DIR SEED COUNT");
	folder = argv[1];
	seed = (unsigned int)strtoul(argv[2], NULL, 0);
	last = seed + (unsigned int)strtoul(argv[3], NULL, 0);
	open_onnxruntime();
	must(ort->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "pieces", &env));
	must(ort->CreateSessionOptions(&options));
	must(ort->SetIntraOpNumThreads(options, 1));
	for (; seed < last; seed++) {
		OrtSession *session;
		char name[32];
		size_t size;
		void *bytes;

		snprintf(name, sizeof(name), "pieces_%u", seed);
		state = seed * 0x9e3779b97f4a7c15u + 1;
		names = 0;
		build_model();
		put_model(name, &b);
		bytes = builder_bytes(&b, &size);
		must(ort->CreateSessionFromArray(env, bytes, size, options, &session));
		for (set = 0; set < SETS; set++)
			put_set(session, name, set);
		ort->ReleaseSession(session);
		free(bytes);
	}
	return 0;
}
