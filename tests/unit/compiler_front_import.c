// SPDX-License-Identifier: MIT
/* What the importer refuses, and how it says so. */
#include <stdio.h>
#include <time.h>
#include <sys/stat.h>
#include <unistd.h>
#include "compiler_front.h"

static struct builder relu(void)
{
	struct builder b = builder(13);

	add_input(&b, "x", FLOAT, DIMS(1, 3, 4, 4));
	add_node(&b, "Relu", "x", "y");
	add_output(&b, "y");
	return b;
}

static void good(void)
{
	struct builder b = relu();
	struct nc_result result = build(&b);

	ACCEPTED(result);
	CHECK_EQ(result.num_errors, 0);
	nc_result_free(&result);
}

static void no_model(void)
{
	static const char text[] = "this is no protobuf at all, but a line of text";
	struct nc_result result;

	CHECK(!nc_compile("", 0, "test", NULL, &result));
	CHECK_STR(result.errors, "the model cannot be read: it is empty\n");
	nc_result_free(&result);
	CHECK(!nc_compile(text, sizeof(text), "test", NULL, &result));
	CHECK_EQ(result.num_errors, 1);
	nc_result_free(&result);
}

/* Something of everything that a file can have. */
static struct builder rich(void)
{
	struct builder b = builder(13);
	Onnx__NodeProto *node;

	add_input(&b, "x", FLOAT, DIMS(1, 2, 6, 6));
	add_ramp(&b, "w", -1, 0.1f, DIMS(4, 2, 3, 3));
	add_ramp(&b, "bias", 0, 1, DIMS(4));
	node = add_node(&b, "Conv", "x w bias", "c");
	attr_ints(node, "pads", 4, (int64_t[]) { 1, 1, 1, 1 });
	attr_ints(node, "strides", 2, (int64_t[]) { 2, 2 });
	attr_string(add_node(&b, "MaxPool", "c", "p"), "auto_pad", "SAME_UPPER");
	attr_ints(b.graph->node[1], "kernel_shape", 2, (int64_t[]) { 2, 2 });
	add_node(&b, "Shape", "p", "s");
	add_ints(&b, "one", 1, (int64_t[]) { -1 });
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_node(&b, "Gather", "s zero", "n");
	attr_int(add_node(&b, "Concat", "n one", "shape"), "axis", 0);
	add_node(&b, "Reshape", "p shape", "flat");
	add_node(&b, "Softmax", "flat", "y");
	add_output(&b, "y");
	return b;
}

static void truncated(void)
{
	struct builder b = rich();
	struct nc_result result;
	size_t size, i;
	void *bytes = builder_bytes(&b, &size);

	CHECK(nc_compile(bytes, size, "test", NULL, &result));
	nc_result_free(&result);
	/* A copy of the exact size, so that ASan sees a read beyond it. */
	for (i = 0; i < size; i++) {
		void *part = keep(bytes, i);

		if (!nc_compile(part, i, "test", NULL, &result))
			CHECK(result.num_errors > 0);
		nc_result_free(&result);
		free(part);
	}
	free(bytes);
}

static void bits_flipped(void)
{
	struct builder b = rich();
	struct nc_result result;
	size_t size, i;
	uint8_t *bytes = builder_bytes(&b, &size);

	for (i = 0; i < size * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		if (!nc_compile(bytes, size, "test", NULL, &result))
			CHECK(result.num_errors > 0);
		nc_result_free(&result);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	free(bytes);
}

static void unknown_operators(void)
{
	struct builder b = relu();
	Onnx__NodeProto *node;
	struct nc_result result;

	add_node(&b, "Frobnicate", "y", "z");
	node = add_node(&b, "FusedConv", "z", "q");
	node->domain = strdup("com.example");
	add_output(&b, "q");
	result = build(&b);
	/* Both at once, and nothing about what follows from them. */
	CHECK_EQ(result.num_errors, 2);
	CHECK(result.errors && strstr(result.errors,
				      "Frobnicate node 'n1': this operator is not supported"));
	CHECK(result.errors && strstr(result.errors,
				      "FusedConv node 'n2': operators of domain 'com.example'"));
	nc_result_free(&result);
}

static void all_at_once(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(1, 3, 8, 8));
	add_ramp(&b, "w", 0, 1, DIMS(2, 4, 3, 3));
	add_node(&b, "Conv", "x w", "a");
	add_node(&b, "Unheard", "x", "b");
	add_node(&b, "Add", "x nowhere", "c");
	add_output(&b, "a");
	add_output(&b, "b");
	add_output(&b, "c");
	result = build(&b);
	CHECK_EQ(result.num_errors, 3);
	nc_result_free(&result);
	REFUSED(&b, "Conv node 'n0'", "input 'x' has 3 channels",
		"weights 'w' expect 4");
	REFUSED(&b, "Unheard node 'n1'");
	REFUSED(&b, "Add node 'n2'", "nothing in the model defines its input 'nowhere'");
}

static void cycle(void)
{
	struct builder b = relu();

	add_node(&b, "Add", "x q", "p");
	add_node(&b, "Relu", "p", "q");
	add_output(&b, "q");
	REFUSED(&b, "the graph has a cycle", "n1", "n2");
}

static void self_cycle(void)
{
	struct builder b = builder(13);

	add_node(&b, "Relu", "y", "y");
	add_output(&b, "y");
	REFUSED(&b, "the graph has a cycle", "'n0' needs 'n0'");
}

static void names(void)
{
	struct builder b = relu();

	add_node(&b, "Abs", "x", "y");
	REFUSED(&b, "Abs node 'n1': output 'y' is defined more than once");

	b = relu();
	add_ints(&b, "i", 1, (int64_t[]) { 1 });
	add_ints(&b, "i", 1, (int64_t[]) { 1 });
	REFUSED(&b, "initializer 'i' is defined twice");

	b = relu();
	add_output(&b, "z");
	REFUSED(&b, "nothing in the model defines the graph's output 'z'");

	b = relu();
	add_output(&b, "y");
	REFUSED(&b, "the graph lists output 'y' twice");

	b = relu();
	b.graph->n_output = 0;
	REFUSED(&b, "the graph has no outputs");

	b = relu();
	b.model.graph = NULL;
	REFUSED(&b, "it has no graph");

	b = relu();
	b.graph->node[0]->name = strdup("line\nbreak\033[2J");
	b.graph->node[0]->op_type = strdup("Odd");
	REFUSED(&b, "Odd node 'line?break?[2J'");
}

static void opsets(void)
{
	struct builder b = builder(26);

	add_input(&b, "x", FLOAT, DIMS(1));
	add_node(&b, "Relu", "x", "y");
	add_output(&b, "y");
	REFUSED(&b, "operator set 26 is not supported");
	b.model.opset_import[0]->version = -1;
	REFUSED(&b, "operator set -1 is not supported");
}

static void tensors(void)
{
	struct builder b = relu();
	Onnx__TensorProto *tensor;

	add_const(&b, "short", FLOAT, DIMS(2, 2), "abcd", 4);
	REFUSED(&b, "tensor 'short'", "needs 16 bytes of data, it has 4");

	b = relu();
	add_const(&b, "huge", FLOAT, DIMS(INT64_MAX, INT64_MAX, 4), "", 0);
	REFUSED(&b, "tensor 'huge'", "negative or too large");

	b = relu();
	add_const(&b, "negative", FLOAT, DIMS(-1), "", 0);
	REFUSED(&b, "tensor 'negative'", "negative or too large");

	b = relu();
	add_const(&b, "deep", FLOAT, DIMS(1, 1, 1, 1, 1, 1, 1, 1, 1), "abcd", 4);
	REFUSED(&b, "tensor 'deep'", "rank 9 is more than 8");

	b = relu();
	add_const(&b, "text", ONNX__TENSOR_PROTO__DATA_TYPE__STRING, DIMS(1), "ab", 2);
	REFUSED(&b, "tensor 'text'", "strings as raw data are not supported");

	b = relu();
	add_const(&b, "odd", 99, DIMS(1), "", 0);
	REFUSED(&b, "tensor 'odd'", "element type 99");

	b = relu();
	tensor = new_tensor("far", FLOAT, DIMS(1), "", 0);
	tensor->has_raw_data = 0;
	tensor->has_data_location = 1;
	tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	APPEND(b.graph->initializer, b.graph->n_initializer, tensor);
	REFUSED(&b, "tensor 'far'", "it does not say which file its data is in");
}

static void external_entry(Onnx__TensorProto *tensor, const char *key, const char *value)
{
	Onnx__StringStringEntryProto *entry = malloc(sizeof(*entry));

	onnx__string_string_entry_proto__init(entry);
	entry->key = strdup(key);
	entry->value = strdup(value);
	APPEND(tensor->external_data, tensor->n_external_data, entry);
}

/* y = x + w, where w, [2, 3], is in a file. */
static struct builder with_external(const char *location, const char *offset,
				    const char *length)
{
	struct builder b = builder(13);
	Onnx__TensorProto *tensor = new_tensor("w", FLOAT, DIMS(2, 3), "", 0);

	tensor->has_raw_data = 0;
	tensor->has_data_location = 1;
	tensor->data_location = ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL;
	external_entry(tensor, "location", location);
	if (offset)
		external_entry(tensor, "offset", offset);
	if (length)
		external_entry(tensor, "length", length);
	APPEND(b.graph->initializer, b.graph->n_initializer, tensor);
	add_input(&b, "x", FLOAT, DIMS(2, 3));
	add_node(&b, "Add", "x w", "y");
	add_output(&b, "y");
	return b;
}

static void external_case(const char *folder, const char *location, const char *offset,
			  const char *length, const char *error)
{
	struct nc_options options = { .auto_cast = NC_CAST_NONE, .folder = folder };
	struct builder b = with_external(location, offset, length);
	struct nc_result result = build_with(&b, &options);

	if (error)
		CHECK(!result.neff && result.errors && strstr(result.errors, error));
	else
		ACCEPTED(result);
	if (result.neff) {
		const struct nc_node *node = find_op(&result, NC_OP_Add);

		CHECK(node && nc_const_double(node->inputs[1], 5) == 5);
	}
	nc_result_free(&result);
}

static void external_data(void)
{
	static const float w[] = { 9, 0, 1, 2, 3, 4, 5 };
	char folder[] = "/tmp/onnx-external-XXXXXX", path[100], out[100];
	FILE *file;

	CHECK(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/sub", folder);
	CHECK_EQ(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/sub/w.bin", folder);
	file = fopen(path, "w");
	CHECK_EQ(fwrite(w, 4, 7, file), 7);
	fclose(file);
	snprintf(out, sizeof(out), "%s/sub/in", folder);
	CHECK_EQ(symlink("w.bin", out), 0);
	snprintf(out, sizeof(out), "%s/out", folder);
	CHECK_EQ(symlink("/etc/passwd", out), 0);
	snprintf(out, sizeof(out), "%s/up", folder);
	CHECK_EQ(symlink("..", out), 0);

	external_case(folder, "sub/w.bin", "4", "24", NULL);
	external_case(folder, "./sub/w.bin", "4", NULL, NULL);
	external_case(folder, "sub/in", "4", "24", NULL);
	external_case(NULL, "sub/w.bin", "4", "24", "the model's folder is not known");
	external_case(folder, "sub/w.bin", "8", "24", "the file with its data is too short");
	external_case(folder, "sub/w.bin", "18446744073709551615", NULL, "too short");
	external_case(folder, "sub/w.bin", "4", "20", "does not fit its shape");
	external_case(folder, "sub/w.bin", "-4", "24", "is no number");
	external_case(folder, "sub/none", "4", "24", "is not there");
	external_case(folder, "sub", "0", NULL, "no regular file");
	external_case(folder, path, "4", "24", "leads out of the model's folder");
	external_case(folder, "sub/../sub/w.bin", "4", "24", "leads out of the model's folder");
	external_case(folder, "out", "0", NULL, "cannot be opened");
	external_case(folder, "up/etc/passwd", "0", NULL, "cannot be opened");

	CHECK_EQ(unlink(path), 0);
	CHECK_EQ(unlink(out), 0);
	snprintf(out, sizeof(out), "%s/out", folder);
	CHECK_EQ(unlink(out), 0);
	snprintf(out, sizeof(out), "%s/sub/in", folder);
	CHECK_EQ(unlink(out), 0);
	snprintf(out, sizeof(out), "%s/sub", folder);
	CHECK_EQ(rmdir(out), 0);
	CHECK_EQ(rmdir(folder), 0);
}

/* Data in the typed fields instead of raw bytes. */
static void typed_fields(void)
{
	static float floats[] = { 1, 2, 3 };
	static int32_t ints[] = { -1, 2, 130 };
	struct builder b = builder(13);
	Onnx__TensorProto *tensor;
	struct nc_result result;
	const struct nc_value *value;

	tensor = new_tensor("f", FLOAT, DIMS(3), "", 0);
	tensor->has_raw_data = 0;
	tensor->float_data = floats;
	tensor->n_float_data = 3;
	APPEND(b.graph->initializer, b.graph->n_initializer, tensor);
	tensor = new_tensor("i", INT8, DIMS(3), "", 0);
	tensor->has_raw_data = 0;
	tensor->int32_data = ints;
	tensor->n_int32_data = 3;
	APPEND(b.graph->initializer, b.graph->n_initializer, tensor);
	add_output(&b, "f");
	add_output(&b, "i");
	result = build(&b);
	ACCEPTED(result);
	value = folded(&result, 0);
	CHECK(value && nc_const_double(value, 2) == 3);
	value = folded(&result, 1);
	CHECK(value && nc_const_int(value, 0) == -1 && nc_const_int(value, 2) == -126);
	nc_result_free(&result);
	tensor->n_int32_data = 2;
	REFUSED(&b, "tensor 'i'", "needs 3 elements, it has 2");
}

static void huge_shapes(void)
{
	struct builder b = builder(13);

	add_input(&b, "x", FLOAT, DIMS((int64_t)1 << 41));
	add_node(&b, "Relu", "x", "y");
	add_output(&b, "y");
	REFUSED(&b, "input 'x'", "too large");

	/* Each is allowed, their product is not. */
	b = builder(13);
	add_input(&b, "a", FLOAT, DIMS(1 << 30, 1));
	add_input(&b, "b", FLOAT, DIMS(1, 1 << 30));
	add_node(&b, "Add", "a b", "y");
	add_output(&b, "y");
	REFUSED(&b, "Add node 'n0'", "too large");

	/* A constant that would take all memory. */
	b = builder(13);
	add_ints(&b, "shape", 2, (int64_t[]) { 1 << 20, 1 << 18 });
	add_node(&b, "ConstantOfShape", "shape", "y");
	add_output(&b, "y");
	REFUSED(&b, "ConstantOfShape node 'n0'", "too large");
}

static void open_dimensions(void)
{
	const struct nc_shape_arg x = { "x", 2, { 5, 3 } };
	const struct nc_shape_arg wrong = { "x", 2, { 5, 4 } };
	const struct nc_shape_arg stranger = { "z", 1, { 1 } };
	struct nc_options options = no_cast;
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(-1, 3));
	/* The same name of a dimension: known with the first. */
	add_input(&b, "y", FLOAT, DIMS(-1, 3));
	add_node(&b, "Add", "x y", "z");
	add_output(&b, "z");
	REFUSED(&b, "input 'x' has open dimensions", "--input 'x:d1,3'");

	options.shapes = &x;
	options.num_shapes = 1;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 5);
	nc_result_free(&result);

	options.shapes = &wrong;
	result = build_with(&b, &options);
	CHECK(result.errors && strstr(result.errors,
				      "input 'x': the shape given, [5, 4], does not fit the model's [d1,3]"));
	nc_result_free(&result);

	options.shapes = &stranger;
	result = build_with(&b, &options);
	CHECK(result.errors && strstr(result.errors,
				      "the model has no input 'z'; its inputs are: 'x', 'y'"));
	nc_result_free(&result);
}

static void unsorted(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(4));
	add_node(&b, "Tanh", "b", "y");
	add_node(&b, "Exp", "a", "b");
	add_node(&b, "Sin", "x", "a");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 3);
	CHECK_EQ(result.graph->nodes[0]->op, NC_OP_Sin);
	CHECK_EQ(result.graph->nodes[2]->op, NC_OP_Tanh);
	nc_result_free(&result);
}

/* Files of IR version 3 and before list the weights among the inputs. */
static void weights_as_inputs(void)
{
	struct builder b = relu();
	struct nc_result result;

	add_ramp(&b, "w", 0, 1, DIMS(1, 3, 4, 4));
	add_input(&b, "w", FLOAT, DIMS(1, 3, 4, 4));
	add_node(&b, "Add", "y w", "z");
	add_output(&b, "z");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_inputs, 1);
	nc_result_free(&result);
}

static Onnx__GraphProto *branch(const char *op, const char *inputs)
{
	Onnx__GraphProto *graph = new_graph();

	add_node_to(graph, op, inputs, "inner");
	APPEND(graph->output, graph->n_output, new_value("inner", FLOAT, -1, NULL));
	return graph;
}

static void conditions(void)
{
	static const uint8_t yes = 1;
	struct builder b = builder(13);
	Onnx__NodeProto *node;
	struct nc_result result;

	/* The branches use "later" from around them, which comes behind them. */
	add_input(&b, "x", FLOAT, DIMS(4));
	add_const(&b, "cond", BOOL, 0, NULL, &yes, 1);
	node = add_node(&b, "If", "cond", "y");
	attr_graph(node, "then_branch", branch("Exp", "later"));
	attr_graph(node, "else_branch", branch("Log", "later"));
	add_node(&b, "Abs", "x", "later");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 2);
	CHECK_EQ(count_ops(&result, NC_OP_Exp), 1);
	CHECK_STR(result.graph->outputs[0]->name, "y");
	nc_result_free(&result);

	b = builder(13);
	add_input(&b, "x", FLOAT, DIMS(4));
	add_input(&b, "cond", BOOL, 0, NULL);
	node = add_node(&b, "If", "cond", "y");
	attr_graph(node, "then_branch", branch("Exp", "x"));
	attr_graph(node, "else_branch", branch("Log", "x"));
	add_output(&b, "y");
	/* Both are computed, and the condition chooses. */
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(count_ops(&result, NC_OP_Exp), 1);
	CHECK_EQ(count_ops(&result, NC_OP_Log), 1);
	CHECK_EQ(count_ops(&result, NC_OP_Where), 1);
	nc_result_free(&result);

	/* That takes branches of one type and shape. */
	b = builder(13);
	add_input(&b, "x", FLOAT, DIMS(4));
	add_input(&b, "cond", BOOL, 0, NULL);
	node = add_node(&b, "If", "cond", "y");
	attr_graph(node, "then_branch", branch("Exp", "x"));
	attr_graph(node, "else_branch", branch("Shape", "x"));
	add_output(&b, "y");
	REFUSED(&b, "If node 'n0'", "--const 'cond=VALUE'");

	/* What a branch uses can close a cycle. */
	b = builder(13);
	add_const(&b, "cond", BOOL, 0, NULL, &yes, 1);
	node = add_node(&b, "If", "cond", "y");
	attr_graph(node, "then_branch", branch("Exp", "z"));
	attr_graph(node, "else_branch", branch("Log", "z"));
	add_node(&b, "Abs", "y", "z");
	add_output(&b, "z");
	REFUSED(&b, "the graph has a cycle");
}

static void nested_too_deep(void)
{
	Onnx__GraphProto *graph = branch("Exp", "x");
	struct builder b = builder(13);
	int i;

	add_input(&b, "x", FLOAT, DIMS(4));
	for (i = 0; i < 500; i++) {
		Onnx__GraphProto *outer = new_graph();

		attr_graph(add_node_to(outer, "If", "x", "inner"), "then_branch",
			   graph);
		graph = outer;
	}
	attr_graph(add_node(&b, "If", "x", "y"), "then_branch", graph);
	add_output(&b, "y");
	REFUSED(&b, "the model cannot be read: its parts nest too deep");
}

/* The work grows with the model, not with its square. */
static void long_chain(void)
{
	struct builder b = builder(13);
	struct nc_result result;
	struct timespec before, after;
	int i, n = 100000;
	char from[16] = "x", to[16];

	add_input(&b, "x", FLOAT, DIMS(4));
	b.graph->node = malloc((size_t)n * sizeof(*b.graph->node));
	for (i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "v%d", i);
		add_node(&b, i == 5 ? "Relu" : "Identity", from, to);
		strcpy(from, to);
	}
	add_output(&b, from);
	clock_gettime(CLOCK_MONOTONIC, &before);
	result = build(&b);
	clock_gettime(CLOCK_MONOTONIC, &after);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	/* A quadratic step takes minutes. */
	CHECK(after.tv_sec - before.tv_sec < 20);
	nc_result_free(&result);
}

static void many_errors(void)
{
	struct builder b = relu();
	struct nc_result result;
	char name[16];
	int i;

	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "v%d", i);
		add_node(&b, "Odd", "x", name);
	}
	result = build(&b);
	CHECK_EQ(result.num_errors, 3000);
	CHECK(result.errors && strstr(result.errors, "the rest is not listed"));
	nc_result_free(&result);
}

static void probe(void)
{
	struct builder b = rich();
	struct nc_probe probe;
	size_t size;
	void *bytes;

	add_input(&b, "open", INT64, DIMS(-1, 3));
	add_input(&b, "w", FLOAT, DIMS(4, 2, 3, 3));
	bytes = builder_bytes(&b, &size);
	CHECK(!nc_probe(bytes, size, &probe));
	CHECK_EQ(probe.num_inputs, 2);
	CHECK_EQ(probe.num_outputs, 1);
	CHECK_STR(probe.inputs[1].name, "open");
	CHECK_EQ(probe.inputs[1].dtype, NC_I64);
	CHECK_EQ(probe.inputs[1].dims[0], -1);
	CHECK_EQ(probe.inputs[1].dims[1], 3);
	nc_probe_free(&probe);
	free(bytes);

	/* Somebody wants to see an intermediate, and only names it. */
	b.graph->output[0]->type = NULL;
	bytes = builder_bytes(&b, &size);
	CHECK(!nc_probe(bytes, size, &probe));
	CHECK(probe.outputs[0].is_tensor);
	CHECK_EQ(probe.outputs[0].dtype, NC_NONE);
	nc_probe_free(&probe);
	free(bytes);

	CHECK(nc_probe("garbage", 7, &probe));
	nc_probe_free(&probe);
}

static void dumps(void)
{
	struct nc_options options = no_cast;
	struct builder b = rich();
	struct nc_result result;
	char *text = NULL;
	size_t size;

	options.dump = "all";
	options.dump_to = open_memstream(&text, &size);
	result = build_with(&b, &options);
	ACCEPTED(result);
	fclose(options.dump_to);
	CHECK(strstr(text, "== after infer: "));
	CHECK(strstr(text, "%y:float32[1, 36] = Softmax("));
	CHECK(strstr(text, "== after lower"));
	free(text);
	nc_result_free(&result);

	options.dump = "nonsense";
	options.dump_to = stdout;
	result = build_with(&b, &options);
	CHECK(result.errors && strstr(result.errors, "there is no pass 'nonsense'"));
	nc_result_free(&result);
}

int main(void)
{
	ktap_run("a good model", good);
	ktap_run("no model at all", no_model);
	ktap_run("truncated at every byte", truncated);
	ktap_run("every bit flipped", bits_flipped);
	ktap_run("unknown operators", unknown_operators);
	ktap_run("all problems at once", all_at_once);
	ktap_run("a cycle", cycle);
	ktap_run("a node that needs itself", self_cycle);
	ktap_run("names", names);
	ktap_run("operator sets", opsets);
	ktap_run("tensors", tensors);
	ktap_run("data in files beside the model", external_data);
	ktap_run("tensors in typed fields", typed_fields);
	ktap_run("huge shapes", huge_shapes);
	ktap_run("open dimensions", open_dimensions);
	ktap_run("unsorted nodes", unsorted);
	ktap_run("weights among the inputs", weights_as_inputs);
	ktap_run("conditions", conditions);
	ktap_run("nested too deep", nested_too_deep);
	ktap_run("a long chain", long_chain);
	ktap_run("many errors", many_errors);
	ktap_run("probe", probe);
	ktap_run("dumps", dumps);
	return ktap_done();
}
