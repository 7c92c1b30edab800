// SPDX-License-Identifier: MIT
/*
 * speech DIR: a model like the second half of VITS, with weights made up, as a case in the
 * layout of ONNX's backend tests. What it is to give is what ONNX Runtime gives.
 *
 * How long each sound of a text lasts is computed of the input, and so is how long the
 * speech is: from there on all shapes depend on data.
 *
 * tests/conformance/host-speech builds it against the headers that
 * scripts/fetch-onnxruntime has fetched, and runs it with that folder's loader.
 */
#include <math.h>
#include "case_folder.h"
#include "tests/onnxruntime.h"

#define SOUNDS		12
#define CHANNELS	16
#define HIDDEN		24

static struct builder b;
static unsigned int names;

/* Evenly in (-1, 1), the same each time. */
static float number(void)
{
	static uint64_t state = 1;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (float)(int32_t)(state >> 32) * 0x1p-31f;
}

/* A weight whose products neither grow nor vanish. */
static const char *weight(int64_t a, int64_t c, int64_t k, float gain)
{
	const int64_t dims[] = { a, c, k }, n = a * c * k;
	const char *name = text("w%u", names++);
	float *data = own_memory((size_t)n * sizeof(*data));
	int64_t i;

	for (i = 0; i < n; i++)
		data[i] = number() * gain * sqrtf(3.0f / (float)(c * k));
	add_const(&b, name, FLOAT, 3, dims, data, (size_t)n * sizeof(*data));
	free(data);
	return name;
}

/* A convolution over time that keeps the length. */
static void conv(const char *x, const char *y, int64_t to, int64_t from, int64_t kernel,
		 int64_t dilation)
{
	const int64_t pad = (kernel - 1) / 2 * dilation, ends[] = { pad, pad };
	Onnx__NodeProto *node;

	node = add_node(&b, "Conv", text("%s %s", x, weight(to, from, kernel, 1)), y);
	attr_ints(node, "pads", 2, ends);
	attr_ints(node, "dilations", 1, &dilation);
}

/* One that makes it @stride times as long. */
static void upsample(const char *x, const char *y, int64_t from, int64_t to, int64_t stride)
{
	const int64_t ends[] = { stride / 2, stride / 2 };
	Onnx__NodeProto *node;

	node = add_node(&b, "ConvTranspose", text("%s %s", x, weight(from, to, 2 * stride, 1.5f)), y);
	attr_ints(node, "pads", 2, ends);
	attr_ints(node, "strides", 1, &stride);
}

static void leaky(const char *x, const char *y)
{
	attr_float(add_node(&b, "LeakyRelu", x, y), "alpha", 0.1f);
}

static void cast(const char *x, const char *y, int type)
{
	attr_int(add_node(&b, "Cast", x, y), "to", type);
}

/* From logarithms of durations to which frame belongs to which sound: [1, SOUNDS, frames]. */
static void alignment(void)
{
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "last", 1, (int64_t[]) { -1 });
	add_ints(&b, "flat", 1, (int64_t[]) { -1 });
	add_ints(&b, "both", 2, (int64_t[]) { 1, 2 });
	add_ints(&b, "sounds", 2, (int64_t[]) { 1, SOUNDS });
	add_ints(&b, "before", 6, (int64_t[]) { 0, 1, 0, 0, 0, 0 });
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	add_ramp(&b, "rate", 1.3f, 0, 0, NULL);
	add_ramp(&b, "least", 1, 0, 0, NULL);

	add_node(&b, "Exp", "logw", "w");
	add_node(&b, "Mul", "w rate", "slow");
	add_node(&b, "Ceil", "slow", "durations");
	attr_int(add_node(&b, "ReduceSum", "durations both", "sum"), "keepdims", 0);
	add_node(&b, "Clip", "sum least", "clipped");
	cast("clipped", "lengths", INT64);
	attr_int(add_node(&b, "ReduceMax", "lengths", "longest"), "keepdims", 0);
	add_node(&b, "Range", "start longest step", "frames");
	add_node(&b, "Unsqueeze", "frames zero", "row");
	add_node(&b, "Unsqueeze", "lengths one", "column");
	add_node(&b, "Less", "row column", "inside");
	cast("inside", "inside_f", FLOAT);
	add_node(&b, "Unsqueeze", "inside_f one", "mask");

	add_node(&b, "CumSum", "durations last_scalar", "ends");
	add_const(&b, "last_scalar", INT64, 0, NULL, (int64_t[]) { -1 }, 8);
	add_node(&b, "Reshape", "ends flat", "ends_flat");
	add_node(&b, "Unsqueeze", "ends_flat one", "ends_column");
	cast("row", "row_f", FLOAT);
	add_node(&b, "Less", "row_f ends_column", "until");
	cast("until", "until_f", FLOAT);
	add_node(&b, "Shape", "mask", "mask_shape");
	add_node(&b, "Gather", "mask_shape two", "count");
	add_ints(&b, "two", 1, (int64_t[]) { 2 });
	attr_int(add_node(&b, "Concat", "sounds count", "path_shape"), "axis", 0);
	add_node(&b, "Reshape", "until_f path_shape", "path");
	add_node(&b, "Pad", "path before", "shifted");
	add_node(&b, "Slice", "shifted zero last one", "earlier");
	add_node(&b, "Sub", "path earlier", "attention");
}

/* One coupling layer, backwards: half of z decides what the other half was. */
static void flow(const char *z, const char *y, unsigned int i)
{
	attr_int(add_node(&b, "Split", z, text("kept%u other%u", i, i)), "axis", 1);
	conv(text("kept%u", i), text("wide%u", i), HIDDEN, CHANNELS / 2, 1, 1);
	conv(text("wide%u", i), text("gates%u", i), 2 * HIDDEN, HIDDEN, 5, 1 + i);
	attr_int(add_node(&b, "Split", text("gates%u", i), text("value%u gate%u", i, i)), "axis", 1);
	add_node(&b, "Tanh", text("value%u", i), text("tanh%u", i));
	add_node(&b, "Sigmoid", text("gate%u", i), text("sigmoid%u", i));
	add_node(&b, "Mul", text("tanh%u sigmoid%u", i, i), text("gated%u", i));
	add_node(&b, "Mul", text("gated%u mask", i), text("masked%u", i));
	conv(text("masked%u", i), text("stats%u", i), CHANNELS, HIDDEN, 1, 1);
	attr_int(add_node(&b, "Split", text("stats%u", i), text("mean%u log%u", i, i)), "axis", 1);
	add_node(&b, "Sub", text("other%u mean%u", i, i), text("centred%u", i));
	add_node(&b, "Neg", text("log%u", i), text("negative%u", i));
	add_node(&b, "Exp", text("negative%u", i), text("scale%u", i));
	add_node(&b, "Mul", text("centred%u scale%u", i, i), text("was%u", i));
	attr_int(add_node(&b, "Concat", text("kept%u was%u", i, i), text("joined%u", i)), "axis", 1);
	/* Channels change places. */
	add_node(&b, "Slice", text("joined%u last beginning one last", i), y);
}

/* Frames attend to each other, in a window that is all there is. */
static void self_attention(const char *z, const char *y)
{
	attr_ints(add_node(&b, "Transpose", z, "rows"), "perm", 3, (int64_t[]) { 0, 2, 1 });
	add_node(&b, "MatMul", text("rows %s", z), "scores");
	attr_int(add_node(&b, "Softmax", "scores", "shares"), "axis", 2);
	add_node(&b, "MatMul", "shares rows", "mixed");
	add_ramp(&b, "norm", 0.5f, 0.1f, 1, (int64_t[]) { CHANNELS });
	add_node(&b, "LayerNormalization", "mixed norm", "normal");
	attr_ints(add_node(&b, "Transpose", "normal", y), "perm", 3, (int64_t[]) { 0, 2, 1 });
}

static void build_model(void)
{
	b = builder(17);
	add_input(&b, "logw", FLOAT, DIMS(1, 1, SOUNDS));
	add_input(&b, "means", FLOAT, DIMS(1, CHANNELS, SOUNDS));
	add_ints(&b, "beginning", 1, (int64_t[]) { INT64_MIN + 1 });
	alignment();
	add_node(&b, "MatMul", "means attention", "z0");
	self_attention("z0", "z1");
	add_node(&b, "Add", "z0 z1", "z2");
	flow("z2", "z3", 0);
	flow("z3", "z4", 1);
	add_node(&b, "Mul", "z4 mask", "z5");
	conv("z5", "d0", 32, CHANNELS, 7, 1);
	leaky("d0", "d1");
	upsample("d1", "d2", 32, 16, 4);
	leaky("d2", "d3");
	conv("d3", "d4", 16, 16, 3, 3);
	add_node(&b, "Add", "d2 d4", "d5");
	leaky("d5", "d6");
	upsample("d6", "d7", 16, 8, 2);
	leaky("d7", "d8");
	conv("d8", "d9", 1, 8, 7, 1);
	add_node(&b, "Tanh", "d9", "speech");
	add_output(&b, "speech");
	/* How long it is depends on data. */
	b.graph->output[0] = new_value("speech", FLOAT, -1, NULL);
}

/* How long sounds are, by data set: the last one is of many pieces. */
static const float longer[] = { 0.3f, 1.2f, 4.2f };

/* One data set: inputs, and what ONNX Runtime makes of them. */
static void put_set(OrtSession *session, unsigned int set)
{
	const int64_t dims[2][3] = { { 1, 1, SOUNDS }, { 1, CHANNELS, SOUNDS } };
	const char *in_names[] = { "logw", "means" }, *out_names[] = { "speech" };
	float logw[SOUNDS], means[CHANNELS * SOUNDS], *data;
	OrtTensorTypeAndShapeInfo *info;
	OrtValue *in[2], *out = NULL;
	OrtMemoryInfo *memory;
	int64_t shape[3] = { 0 };
	unsigned int i;
	size_t rank;

	for (i = 0; i < SOUNDS; i++)
		logw[i] = number() + longer[set];
	for (i = 0; i < CHANNELS * SOUNDS; i++)
		means[i] = number();
	must(ort->CreateCpuMemoryInfo(OrtArenaAllocator, OrtMemTypeDefault, &memory));
	must(ort->CreateTensorWithDataAsOrtValue(memory, logw, sizeof(logw), dims[0], 3,
						 ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in[0]));
	must(ort->CreateTensorWithDataAsOrtValue(memory, means, sizeof(means), dims[1], 3,
						 ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &in[1]));
	must(ort->Run(session, NULL, in_names, (const OrtValue *const *)in, 2, out_names, 1, &out));
	must(ort->GetTensorTypeAndShape(out, &info));
	must(ort->GetDimensionsCount(info, &rank));
	if (rank != 3)
		errx(1, "speech has %zu dimensions", rank);
	must(ort->GetDimensions(info, shape, rank));
	must(ort->GetTensorMutableData(out, (void **)&data));
	enter_set("speech", set);
	put_tensor("input_0.pb", FLOAT, 3, dims[0], logw, sizeof(logw));
	put_tensor("input_1.pb", FLOAT, 3, dims[1], means, sizeof(means));
	put_tensor("output_0.pb", FLOAT, 3, shape, data,
		   (size_t)(shape[0] * shape[1] * shape[2]) * sizeof(*data));
	printf("%lld\n", (long long)shape[2]);
}

int main(int argc, char **argv)
{
	OrtSessionOptions *options;
	OrtSession *session;
	unsigned int set;
	OrtEnv *env;
	size_t size;
	void *bytes;

	if (argc != 2)
		errx(2, "usage: speech DIR");
	folder = argv[1];
	build_model();
	put_model("speech", &b);
	bytes = builder_bytes(&b, &size);
	open_onnxruntime();
	must(ort->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "speech", &env));
	must(ort->CreateSessionOptions(&options));
	must(ort->SetIntraOpNumThreads(options, 1));
	must(ort->CreateSessionFromArray(env, bytes, size, options, &session));
	for (set = 0; set < 3; set++)
		put_set(session, set);
	return 0;
}
