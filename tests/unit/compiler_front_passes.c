// SPDX-License-Identifier: MIT
/* Inference, simplification, fusion, casting. */
#include <math.h>
#include <stdio.h>
#include "compiler_front.h"

static void misfits(void)
{
	static const struct {
		const char *op;
		const char *inputs;
		const char *text;
	} cases[] = {
		{ "Add", "x v", "shapes [2, 3] and [4] cannot be broadcast together" },
		{ "Add", "x i", "different types, float32 and int64" },
		{ "MatMul", "x x", "matrices [2, 3] and [2, 3] cannot be multiplied" },
		{ "MatMul", "c c", "it is not defined for bool" },
		{ "Gemm", "x v", "cannot be multiplied" },
		{ "Gemm", "c c", "it is not defined for bool" },
		{ "Reshape", "x i", "[2, 3] cannot be reshaped to [4, 5]" },
		{ "Reshape", "x f", "its shape is float32, not int64" },
		{ "Concat", "x v", "cannot be joined" },
		{ "Squeeze", "x i", "axis 4 is out of range for rank 2" },
		{ "Gather", "x v", "its indices are float32" },
		{ "Gather", "x i", "index 4 is out of range for the 2 elements of axis 0" },
		{ "Sqrt", "i", "it is not defined for int64" },
		{ "Not", "x", "it is not defined for float32" },
		{ "Relu", "x x", "it has 2 inputs, at most 1 are allowed" },
		{ "Add", "x", "its input 1 is missing" },
		{ "Add", "- x", "its input 0 is missing" },
		{ "MaxPool", "x", "its input has rank 2, at least 3 is needed" },
		{ "Conv", "x x", "rank" },
		{ "Split", "x i", "it has 1 outputs, but 2 sizes" },
		{ "Expand", "x i", "cannot be broadcast" },
		{ "Tile", "v i", "it has 2 repeats for rank 1" },
		{ "Pad", "x i", "it has 2 pads, 4 are needed" },
		{ "Cast", "x", "element type 0 is not supported" },
		{ "TopK", "x i", "k has more than 1 elements" },
		{ "LayerNormalization", "x v", "cannot be broadcast" },
		{ "ScatterND", "x i x", "do not fit together" },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder b = builder(17);

		add_input(&b, "x", FLOAT, DIMS(2, 3));
		add_input(&b, "v", FLOAT, DIMS(4));
		add_input(&b, "c", BOOL, DIMS(2, 2));
		add_ints(&b, "i", 2, (int64_t[]) { 4, 5 });
		add_ramp(&b, "f", 1, 1, DIMS(1));
		add_node(&b, cases[i].op, cases[i].inputs, "y");
		add_output(&b, "y");
		REFUSED(&b, cases[i].op, " node 'n0': ", cases[i].text);
	}
}

static void windows(void)
{
	static const struct {
		const char *auto_pad;
		int64_t stride, dilation, out;
	} cases[] = {
		{ "NOTSET", 1, 1, 8 }, { "VALID", 1, 1, 8 },
		{ "SAME_UPPER", 1, 1, 10 }, { "SAME_LOWER", 3, 1, 4 },
		{ "VALID", 2, 1, 4 }, { "VALID", 1, 4, 2 },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder b = builder(13);
		struct nc_result result;
		Onnx__NodeProto *node;

		add_input(&b, "x", FLOAT, DIMS(1, 1, 10));
		add_ramp(&b, "w", 0, 1, DIMS(1, 1, 3));
		node = add_node(&b, "Conv", "x w", "y");
		attr_string(node, "auto_pad", cases[i].auto_pad);
		attr_ints(node, "strides", 1, &cases[i].stride);
		attr_ints(node, "dilations", 1, &cases[i].dilation);
		add_output(&b, "y");
		result = build(&b);
		ACCEPTED(result);
		CHECK_EQ(result.graph->outputs[0]->dims[2], cases[i].out);
		nc_result_free(&result);
	}
}

static void bad_windows(void)
{
	struct builder b = builder(13);
	Onnx__NodeProto *node;

	add_input(&b, "x", FLOAT, DIMS(1, 1, 4));
	add_ramp(&b, "w", 0, 1, DIMS(1, 1, 9));
	node = add_node(&b, "Conv", "x w", "y");
	add_output(&b, "y");
	REFUSED(&b, "its window is larger than its padded input");
	attr_ints(node, "strides", 1, (int64_t[]) { 0 });
	REFUSED(&b, "its strides do not fit its input");
	attr_ints(node, "pads", 1, (int64_t[]) { 1 });
	node->attribute++;
	node->n_attribute--;
	REFUSED(&b, "its pads do not fit its input");
}

static void transposes_cancel(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(1, 2, 3, 4));
	attr_ints(add_node(&b, "Transpose", "x", "a"), "perm", 4,
		  (int64_t[]) { 0, 2, 3, 1 });
	add_node(&b, "Identity", "a", "b");
	attr_ints(add_node(&b, "Transpose", "b", "c"), "perm", 4,
		  (int64_t[]) { 0, 3, 1, 2 });
	add_node(&b, "Exp", "c", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	nc_result_free(&result);
}

static void reshapes_merge(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(1, 6, 1));
	add_ints(&b, "s", 2, (int64_t[]) { 2, 3 });
	add_ints(&b, "t", 2, (int64_t[]) { 6, 1 });
	add_ints(&b, "axis", 1, (int64_t[]) { 0 });
	add_node(&b, "Reshape", "x s", "a");
	add_node(&b, "Reshape", "a t", "b");
	add_node(&b, "Unsqueeze", "b axis", "c");
	add_node(&b, "Exp", "c", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	/* [1, 6, 1] all the way. */
	CHECK_EQ(result.graph->num_nodes, 1);
	nc_result_free(&result);
}

/* An output keeps its name, whatever is removed before it. */
static void outputs_stay(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(2));
	add_node(&b, "Exp", "x", "a");
	add_node(&b, "Identity", "a", "y");
	add_node(&b, "Identity", "a", "z");
	add_node(&b, "Identity", "x", "w");
	add_output(&b, "y");
	add_output(&b, "z");
	add_output(&b, "w");
	add_output(&b, "a");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_outputs, 4);
	CHECK_STR(result.graph->outputs[0]->name, "y");
	CHECK_STR(result.graph->outputs[1]->name, "z");
	CHECK_STR(result.graph->outputs[2]->name, "w");
	CHECK_STR(result.graph->outputs[3]->name, "a");
	nc_result_free(&result);
}

static void dead_code(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(2));
	add_node(&b, "Exp", "x", "y");
	add_node(&b, "Log", "x", "unused");
	add_node(&b, "Sqrt", "unused", "unused2");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	nc_result_free(&result);
}

/* Conv + BatchNormalization + Relu is one Conv with other weights. */
static void batch_normalisation(void)
{
	struct builder b = builder(13);
	const struct nc_node *node;
	struct nc_result result;
	double factor, w, bias;

	add_input(&b, "x", FLOAT, DIMS(1, 1, 4, 4));
	add_ramp(&b, "w", 1, 1, DIMS(2, 1, 3, 3));
	add_ramp(&b, "b", 1, 1, DIMS(2));
	add_ramp(&b, "scale", 2, 1, DIMS(2));
	add_ramp(&b, "shift", 5, 1, DIMS(2));
	add_ramp(&b, "mean", 7, 1, DIMS(2));
	add_ramp(&b, "var", 4, 5, DIMS(2));
	add_node(&b, "Conv", "x w b", "c");
	add_node(&b, "BatchNormalization", "c scale shift mean var", "n");
	add_node(&b, "Relu", "n", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	node = find_op(&result, NC_OP_Conv);
	CHECK(node && node->act == NEURON_ACT_RELU && node->num_inputs == 3);
	/* Channel 1: w = 10 ..., b = 2, scale 3, shift 6, mean 8, variance 9 */
	factor = 3 / sqrt(9 + 1e-5);
	w = node ? nc_const_double(node->inputs[1], 9) : 0;
	bias = node ? nc_const_double(node->inputs[2], 1) : 0;
	CHECK(fabs(w - 10 * factor) < 1e-4);
	CHECK(fabs(bias - (2 * factor + 6 - 8 * factor)) < 1e-4);
	CHECK(node && !strcmp(result.graph->layer_ops[node->layer],
			      "Conv+BatchNormalization+Relu"));
	nc_result_free(&result);
}

static void matmul_bias(void)
{
	struct builder b = builder(13);
	const struct nc_node *node;
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(5, 3));
	add_ramp(&b, "w", 1, 1, DIMS(4, 3));
	add_ramp(&b, "b", 1, 1, DIMS(4));
	attr_int(add_node(&b, "Gemm", "x w b", "g"), "transB", 1);
	add_node(&b, "Sigmoid", "g", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	node = find_op(&result, NC_OP_MatMul);
	CHECK(node && node->num_inputs == 3 && node->act == NEURON_ACT_SIGMOID);
	CHECK(node && node->inputs[1]->dims[0] == 3 &&
	      nc_const_double(node->inputs[1], 1) == 4);
	nc_result_free(&result);
}

/* A value that others use, too, is not changed. */
static void shared_values_stay(void)
{
	struct builder b = builder(13);
	const struct nc_node *node;
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(5, 3));
	add_ramp(&b, "w", 1, 1, DIMS(3, 4));
	add_node(&b, "MatMul", "x w", "m");
	add_node(&b, "Relu", "m", "r");
	add_node(&b, "Add", "m r", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	node = find_op(&result, NC_OP_MatMul);
	CHECK(node && node->act == NEURON_ACT_IDENTITY);
	CHECK_EQ(count_ops(&result, NC_OP_Relu), 1);
	nc_result_free(&result);
}

/* A bias that is not one per channel is an Add. */
static void wide_bias_stays(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(5, 3));
	add_ramp(&b, "w", 1, 1, DIMS(3, 4));
	add_ramp(&b, "c", 1, 1, DIMS(5, 4));
	add_node(&b, "MatMul", "x w", "m");
	add_node(&b, "Add", "m c", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(count_ops(&result, NC_OP_Add), 1);
	nc_result_free(&result);
}

static void padding(void)
{
	struct builder b = builder(13);
	const struct nc_node *node;
	struct nc_result result;
	const int64_t *pads;

	add_input(&b, "x", FLOAT, DIMS(1, 1, 4, 4));
	add_ramp(&b, "w", 1, 1, DIMS(1, 1, 3, 3));
	add_ints(&b, "p", 8, (int64_t[]) { 0, 0, 1, 2, 0, 0, 3, 4 });
	add_node(&b, "Pad", "x p", "q");
	attr_ints(add_node(&b, "Conv", "q w", "y"), "pads", 4,
		  (int64_t[]) { 1, 1, 1, 1 });
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 1);
	node = find_op(&result, NC_OP_Conv);
	CHECK(node && nc_attr_ints(node, "pads", &pads) == 4 && pads[0] == 2 &&
	      pads[1] == 3 && pads[2] == 4 && pads[3] == 5);
	nc_result_free(&result);
}

static void auto_cast(void)
{
	struct nc_options options = { 0 };
	struct builder b = builder(13);
	const struct nc_node *node;
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(5, 64));
	add_ramp(&b, "w", 1, 1, DIMS(64, 64));
	add_node(&b, "MatMul", "x w", "m");
	add_node(&b, "Exp", "m", "y");
	add_output(&b, "y");
	result = build_with(&b, &options);
	ACCEPTED(result);
	node = find_op(&result, NC_OP_MatMul);
	CHECK_EQ(node->compute, NC_BF16);
	nc_result_free(&result);
	options.auto_cast = NC_CAST_F16;
	result = build_with(&b, &options);
	node = find_op(&result, NC_OP_MatMul);
	CHECK_EQ(node->compute, NC_F16);
	nc_result_free(&result);
	result = build(&b);
	node = find_op(&result, NC_OP_MatMul);
	CHECK_EQ(node->compute, NC_F32);
	nc_result_free(&result);
}

/* Axes were attributes before operator set 13. */
static void older_forms(void)
{
	struct builder b = builder(9);
	struct nc_result result;
	Onnx__NodeProto *node;

	add_input(&b, "x", FLOAT, DIMS(1, 2, 3, 4));
	attr_ints(add_node(&b, "Squeeze", "x", "a"), "axes", 1, (int64_t[]) { 0 });
	node = add_node(&b, "Slice", "a", "b");
	attr_ints(node, "starts", 1, (int64_t[]) { 1 });
	attr_ints(node, "ends", 1, (int64_t[]) { 3 });
	attr_ints(node, "axes", 1, (int64_t[]) { 1 });
	/* Flattened behind the axis: [2, 8]. */
	add_node(&b, "Softmax", "b", "c");
	attr_ints(add_node(&b, "ReduceSum", "c", "y"), "axes", 1, (int64_t[]) { -1 });
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->rank, 3);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 2);
	CHECK_EQ(result.graph->outputs[0]->dims[2], 1);
	CHECK(find_op(&result, NC_OP_Softmax) &&
	      find_op(&result, NC_OP_Softmax)->inputs[0]->rank == 2);
	nc_result_free(&result);
}

static void deterministic(void)
{
	struct builder b = builder(13);
	struct nc_result first, second;

	add_input(&b, "x", FLOAT, DIMS(1, 2, 9, 9));
	add_ramp(&b, "w", 1, 1, DIMS(3, 2, 3, 3));
	add_node(&b, "Conv", "x w", "c");
	add_node(&b, "GlobalAveragePool", "c", "g");
	add_node(&b, "Flatten", "g", "f");
	add_node(&b, "Softmax", "f", "y");
	add_output(&b, "y");
	first = build(&b);
	second = build(&b);
	ACCEPTED(first);
	CHECK_EQ(first.neff_size, second.neff_size);
	CHECK(first.neff && second.neff &&
	      !memcmp(first.neff, second.neff, first.neff_size));
	nc_result_free(&first);
	nc_result_free(&second);
}

int main(void)
{
	ktap_run("misfits are named", misfits);
	ktap_run("windows", windows);
	ktap_run("bad windows", bad_windows);
	ktap_run("transposes cancel", transposes_cancel);
	ktap_run("reshapes merge", reshapes_merge);
	ktap_run("outputs keep their names", outputs_stay);
	ktap_run("dead code goes", dead_code);
	ktap_run("batch normalisation is folded", batch_normalisation);
	ktap_run("matrix product with bias and activation", matmul_bias);
	ktap_run("shared values stay", shared_values_stay);
	ktap_run("a wide bias stays", wide_bias_stays);
	ktap_run("padding goes into the convolution", padding);
	ktap_run("auto-cast", auto_cast);
	ktap_run("older operator sets", older_forms);
	ktap_run("deterministic", deterministic);
	return ktap_done();
}
