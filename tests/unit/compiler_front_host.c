// SPDX-License-Identifier: MIT
/* What becomes a step on the host, what does not, and the shapes that depend on data. */
#include <compiler/host.h>
#include <neuron/neff.h>
#include "compiler_front.h"

static const struct neuron_neff_header *header(const struct nc_result *result)
{
	return result->neff;
}

/* A line of the summary for an operator; its host is NULL for one of the chip's. */
static const struct nc_layer_summary *line(const struct nc_result *result, const char *op)
{
	static const struct nc_layer_summary none;
	unsigned int i;

	for (i = 0; i < result->summary.num_layers; i++)
		if (!strcmp(result->summary.layers[i].op, op))
			return &result->summary.layers[i];
	printf("# there is no line for %s\n", op);
	ktap_failed = true;
	return &none;
}

static bool has_reason(const struct nc_result *result, const char *op, const char *text)
{
	const char *host = line(result, op)->host;

	return host && strstr(host, text);
}

static struct builder with_x(int64_t opset)
{
	struct builder b = builder(opset);

	add_input(&b, "x", FLOAT, DIMS(4, 6));
	return b;
}

/* A model without host steps has the same file as ever: no flag, no note. */
static void none(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_node(&b, "Relu", "x", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(header(&result)->flags, 0);
	CHECK_EQ(result.summary.num_host_steps, 0);
	CHECK_EQ(result.summary.num_programs, 0);
	CHECK(!result.note);
	nc_result_free(&result);
}

static void between(void)
{
	struct builder b = with_x(13);
	struct nc_result result, again;

	add_node(&b, "Sigmoid", "x", "s");
	add_node(&b, "NonZero", "s", "nz");
	add_node(&b, "Transpose", "nz", "t");
	add_node(&b, "GatherND", "s t", "found");
	add_node(&b, "ReduceSum", "found", "sum");
	add_node(&b, "Add", "x sum", "y");
	add_output(&b, "y");
	add_output(&b, "found");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(header(&result)->flags, NEURON_NEFF_HAS_STEPS);
	CHECK_EQ(result.summary.num_host_steps, 4);
	CHECK_EQ(result.summary.num_programs, 2);
	CHECK(result.note && strstr(result.note, "4 steps run on the host, beside 2 chip"));
	CHECK(has_reason(&result, "NonZero", "depends on data"));
	CHECK_EQ(line(&result, "NonZero")->dims[1], 24);
	CHECK_EQ(line(&result, "NonZero")->open, 2);
	CHECK_EQ(line(&result, "Transpose")->open, 1);
	CHECK_EQ(line(&result, "GatherND")->open, 1);
	/* All of it is summed up: the shape is known again, and the rest is the chip's. */
	CHECK_EQ(line(&result, "ReduceSum")->open, 0);
	CHECK(!line(&result, "Add")->host);
	/* Equal input gives equal bytes. */
	again = build(&b);
	CHECK_EQ(again.neff_size, result.neff_size);
	CHECK(!memcmp(again.neff, result.neff, result.neff_size));
	nc_result_free(&again);
	nc_result_free(&result);
}

/* What follows an open shape is the host's, with parameters of its own. */
static void functions(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_node(&b, "NonZero", "x", "nz");
	attr_int(add_node(&b, "Cast", "nz", "f"), "to", FLOAT);
	add_node(&b, "Exp", "f", "e");
	attr_float(add_node(&b, "LeakyRelu", "e", "l"), "alpha", 0.5f);
	add_node(&b, "Pow", "l e", "y");
	attr_float(add_node(&b, "RandomNormalLike", "y", "noise"), "scale", 0.5f);
	add_output(&b, "y");
	add_output(&b, "noise");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[1]->open, 2);
	CHECK_EQ(result.graph->outputs[1]->producer->num_inputs, 1);
	CHECK(has_reason(&result, "RandomNormalLike", "random numbers"));
	CHECK(has_reason(&result, "Exp", "shape depends on data"));
	CHECK_EQ(line(&result, "Pow")->open, 2);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 24);
	nc_result_free(&result);
}

/* [1, 4, at most 6]: columns of x. */
static struct builder with_columns(void)
{
	struct builder b = with_x(13);

	add_input(&b, "some", BOOL, DIMS(6));
	attr_int(add_node(&b, "Compress", "x some", "columns"), "axis", 1);
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_node(&b, "Unsqueeze", "columns zero", "signal");
	return b;
}

/* What of a product and of a convolution is open, and how large it can be. */
static void products(void)
{
	struct builder b = with_columns();
	struct nc_result result;
	Onnx__NodeProto *node;

	add_ramp(&b, "a", 0, 1, 3, (int64_t[]) { 2, 3, 4 });
	add_node(&b, "MatMul", "a columns", "product");
	add_ramp(&b, "w", 0, 1, 3, (int64_t[]) { 5, 4, 2 });
	attr_ints(add_node(&b, "Conv", "signal w", "conv"), "pads", 2, (int64_t[]) { 1, 1 });
	add_ramp(&b, "v", 0, 1, 3, (int64_t[]) { 5, 3, 4 });
	attr_ints(add_node(&b, "ConvTranspose", "conv v", "up"), "strides", 1,
		  (int64_t[]) { 4 });
	node = add_node(&b, "ConvTranspose", "conv v", "size");
	attr_ints(node, "output_shape", 1, (int64_t[]) { 9 });
	attr_int(add_node(&b, "Split", "up", "left right"), "axis", 2);
	add_output(&b, "product");
	add_output(&b, "up");
	add_output(&b, "size");
	add_output(&b, "right");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->open, 4);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 3);
	CHECK_EQ(result.graph->outputs[0]->dims[2], 6);
	/* 6 columns, 7 windows, 7 * 4. */
	CHECK_EQ(result.graph->outputs[1]->open, 4);
	CHECK_EQ(result.graph->outputs[1]->dims[1], 3);
	CHECK_EQ(result.graph->outputs[1]->dims[2], 28);
	CHECK_EQ(result.graph->outputs[2]->open, 0);
	CHECK_EQ(result.graph->outputs[2]->dims[2], 9);
	CHECK_EQ(result.graph->outputs[3]->open, 4);
	CHECK_EQ(result.graph->outputs[3]->dims[2], 14);
	nc_result_free(&result);

	b = with_columns();
	attr_ints(add_node(&b, "Transpose", "signal", "t"), "perm", 3, (int64_t[]) { 0, 2, 1 });
	add_ramp(&b, "w", 0, 1, 3, (int64_t[]) { 5, 6, 2 });
	add_node(&b, "Conv", "t w", "y");
	add_output(&b, "y");
	REFUSED(&b, "Conv", "how many channels it has depends on data");
	b = with_columns();
	add_input(&b, "image", FLOAT, DIMS(1, 4, 9));
	add_node(&b, "Conv", "image signal", "y");
	add_output(&b, "y");
	REFUSED(&b, "Conv", "the shape of its weights depends on data");
}

/* Known when compiling: computed then, as ever. */
static void known(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_ints(&b, "c", 4, (int64_t[]) { 0, 3, 0, 5 });
	add_node(&b, "NonZero", "c", "nz");
	add_node(&b, "Unique", "c", "u");
	add_output(&b, "nz");
	add_output(&b, "u");
	add_node(&b, "Relu", "x", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.summary.num_host_steps, 0);
	CHECK(folded(&result, 0) && folded(&result, 0)->dims[1] == 2);
	CHECK(folded(&result, 0) && nc_const_int(folded(&result, 0), 1) == 3);
	CHECK(folded(&result, 1) && folded(&result, 1)->dims[0] == 3);
	nc_result_free(&result);
}

/* What the host has not either is refused, and says how there is a way nevertheless. */
static void refusals(void)
{
	struct builder b = with_x(13);

	add_node(&b, "NonZero", "x", "nz");
	attr_int(add_node(&b, "Cast", "nz", "f"), "to", FLOAT);
	add_node(&b, "Hardmax", "f", "y");
	add_output(&b, "y");
	REFUSED(&b, "Hardmax", "input's shape depends on input 'x'", "--const");
	b = with_x(13);
	attr_int(add_node(&b, "Cast", "x", "s"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__STRING);
	add_node(&b, "Hardmax", "s", "y");
	add_output(&b, "y");
	REFUSED(&b, "Hardmax", "not supported for strings");
}

/* Inputs that a way out needs are named for the tools. */
static void needed(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_node(&b, "NonZero", "x", "nz");
	attr_int(add_node(&b, "Cast", "nz", "f"), "to", FLOAT);
	add_node(&b, "Hardmax", "f", "y");
	add_output(&b, "y");
	result = build(&b);
	CHECK_EQ(result.num_needed, 1);
	CHECK(result.num_needed && !strcmp(result.needed[0], "x"));
	nc_result_free(&result);
}

/* The condition is known or not: the chip's or the host's. */
static void conditions(void)
{
	static const uint8_t bits[] = { 1, 0, 1, 0 };
	const int64_t four = 4;
	struct builder b = with_x(13);
	struct nc_result result;

	add_const(&b, "c", BOOL, 1, &four, bits, 4);
	attr_int(add_node(&b, "Compress", "x c", "y"), "axis", 0);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.summary.num_host_steps, 0);
	nc_result_free(&result);
	b = with_x(13);
	add_input(&b, "c", BOOL, DIMS(4));
	attr_int(add_node(&b, "Compress", "x c", "y"), "axis", 0);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.summary.num_host_steps, 1);
	CHECK_EQ(result.graph->outputs[0]->open, 1);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 4);
	nc_result_free(&result);
}

/* One output twice, an output that is an input of a later step, and nothing else. */
static void borders(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_node(&b, "NonZero", "x", "nz");
	add_node(&b, "Identity", "nz", "same");
	add_node(&b, "Transpose", "nz", "t");
	add_output(&b, "nz");
	add_output(&b, "same");
	add_output(&b, "t");
	add_output(&b, "x");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(header(&result)->num_outputs, 4);
	nc_result_free(&result);
}

/* Bounds of what is computed from shapes. */
static void computed(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_ints(&b, "minus", 1, (int64_t[]) { -1 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_node(&b, "NonZero", "x", "nz");
	add_node(&b, "Shape", "nz", "shape");
	add_node(&b, "Gather", "shape one", "n");
	attr_int(add_node(&b, "Concat", "n one", "dims"), "axis", 0);
	add_node(&b, "ConstantOfShape", "dims", "zeros");
	attr_int(add_node(&b, "Concat", "n minus", "rows"), "axis", 0);
	add_node(&b, "Reshape", "nz rows", "r");
	add_output(&b, "zeros");
	add_output(&b, "r");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 24);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 1);
	CHECK_EQ(result.graph->outputs[1]->dims[0], 24);
	CHECK(has_reason(&result, "ConstantOfShape", "depends on data"));
	CHECK(has_reason(&result, "Concat", "few elements"));
	nc_result_free(&result);
	/* A shape that an input gives has no bound. */
	b = with_x(13);
	add_input(&b, "dims", INT64, DIMS(2));
	add_node(&b, "Reshape", "x dims", "y");
	add_output(&b, "y");
	REFUSED(&b, "Reshape", "depends on input 'dims'");
}

/* A Range of a limit that is computed of floats, and what is made of it. */
static struct builder with_limit(void)
{
	struct builder b = with_x(13);

	attr_int(add_node(&b, "ReduceSum", "x", "sum"), "keepdims", 0);
	add_node(&b, "Ceil", "sum", "ceil");
	attr_int(add_node(&b, "Cast", "ceil", "limit"), "to", INT64);
	return b;
}

/* Where nothing is known the bound that is given is taken, and no more than there can be. */
static void assumed(void)
{
	struct nc_options options = no_cast;
	struct builder b = with_limit();
	struct nc_result result;

	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "two", 1, (int64_t[]) { 2 });
	add_node(&b, "Range", "start limit step", "range");
	add_node(&b, "Unsqueeze", "limit zero", "length");
	attr_int(add_node(&b, "Concat", "two length", "shape"), "axis", 0);
	attr_int(add_node(&b, "Cast", "range", "numbers"), "to", FLOAT);
	add_node(&b, "Expand", "numbers shape", "wide");
	/* What is known of another shape stays: 24 of NonZero's, however many are assumed. */
	add_node(&b, "NonZero", "x", "nz");
	add_node(&b, "Shape", "nz", "found");
	add_node(&b, "ConstantOfShape", "found", "zeros");
	add_node(&b, "Slice", "x zero length", "rows");
	add_output(&b, "range");
	add_output(&b, "wide");
	add_output(&b, "zeros");
	add_output(&b, "rows");
	options.max_dim = 100;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 100);
	CHECK_EQ(result.graph->outputs[0]->open, 1);
	CHECK_EQ(result.graph->outputs[1]->dims[0], 2);
	CHECK_EQ(result.graph->outputs[1]->dims[1], 100);
	CHECK_EQ(result.graph->outputs[2]->dims[1], 24);
	CHECK_EQ(result.graph->outputs[3]->dims[0], 4);
	CHECK_EQ(result.graph->outputs[3]->open, 1);
	CHECK(has_reason(&result, "Cast", "a shape is computed of it"));
	CHECK(has_reason(&result, "Range", "the shape of its result"));
	/* Floats are the chip's. */
	CHECK(!line(&result, "ReduceSum")->host);
	nc_result_free(&result);

	/* A bound that is known is no assumption. */
	b = with_limit();
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 3 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 2 }, 8);
	add_node(&b, "Min", "limit seven", "least");
	add_const(&b, "seven", INT64, 0, NULL, (int64_t[]) { 7 }, 8);
	add_node(&b, "Range", "start least step", "range");
	add_output(&b, "range");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 2);
	nc_result_free(&result);

	/* The rest of a Reshape can be all that there is. */
	b = with_limit();
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "rest", 1, (int64_t[]) { -1 });
	add_node(&b, "Unsqueeze", "limit zero", "length");
	attr_int(add_node(&b, "Concat", "length rest", "shape"), "axis", 0);
	add_node(&b, "Reshape", "x shape", "y");
	add_output(&b, "y");
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->open, 3);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 24);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 24);
	nc_result_free(&result);
}

/* Dimensions that depend on data are equal when the model runs, or it is an error then. */
static void fitting(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_input(&b, "some", BOOL, DIMS(6));
	add_input(&b, "c", FLOAT, DIMS(4, 3));
	add_ramp(&b, "w", 0, 1, 2, (int64_t[]) { 5, 2 });
	attr_int(add_node(&b, "Compress", "x some", "columns"), "axis", 1);
	add_node(&b, "Add", "columns c", "sum");
	add_node(&b, "MatMul", "columns w", "product");
	attr_int(add_node(&b, "Concat", "columns c", "both"), "axis", 0);
	add_output(&b, "sum");
	add_output(&b, "product");
	add_output(&b, "both");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 3);
	CHECK_EQ(result.graph->outputs[1]->dims[1], 2);
	CHECK_EQ(result.graph->outputs[2]->dims[0], 8);
	CHECK_EQ(result.graph->outputs[2]->dims[1], 3);
	nc_result_free(&result);
}

static Onnx__GraphProto *branch(const char *op, const char *inputs)
{
	Onnx__GraphProto *graph = new_graph();

	add_node_to(graph, op, inputs, "out");
	APPEND(graph->output, graph->n_output, new_value("out", FLOAT, -1, NULL));
	return graph;
}

/* A setting chooses between two programs; as a constant it leaves one. */
static void settings(void)
{
	static const int64_t rate = 8;
	struct nc_const_arg arg = { .name = "rate", .dtype = NC_I64, .data = &rate };
	struct nc_options options = no_cast;
	struct builder b = with_x(13);
	Onnx__NodeProto *node;
	struct nc_result result;

	add_input(&b, "rate", INT64, 0, NULL);
	add_const(&b, "eight", INT64, 0, NULL, &rate, 8);
	add_node(&b, "Equal", "rate eight", "c");
	node = add_node(&b, "If", "c", "y");
	attr_graph(node, "then_branch", branch("Relu", "x"));
	attr_graph(node, "else_branch", branch("Sigmoid", "x"));
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.summary.num_programs, 2);
	CHECK_EQ(result.summary.num_host_steps, 2);
	CHECK(has_reason(&result, "If", "while the model runs"));
	CHECK(has_reason(&result, "Equal", "while the model runs"));
	CHECK_EQ(result.graph->outputs[0]->open, 0);
	CHECK_EQ(result.num_needed, 1);
	CHECK(result.note && strstr(result.note, "--const 'rate=VALUE'"));
	nc_result_free(&result);
	options.consts = &arg;
	options.num_consts = 1;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.summary.num_host_steps, 0);
	CHECK_EQ(result.num_needed, 0);
	nc_result_free(&result);
}

/* Data chooses: both are computed where they are alike, else one; that is no need. */
static void choices(void)
{
	struct builder b = with_x(13);
	Onnx__NodeProto *node;
	struct nc_result result;
	int alike;

	for (alike = 0; alike < 2; alike++) {
		b = with_x(13);
		add_ramp(&b, "zero", 0, 0, 0, NULL);
		attr_int(add_node(&b, "ReduceSum", "x", "sum"), "keepdims", 0);
		add_node(&b, "Greater", "sum zero", "c");
		node = add_node(&b, "If", "c", "y");
		attr_graph(node, "then_branch", branch("Relu", "x"));
		attr_graph(node, "else_branch", branch(alike ? "Neg" : "ReduceMax", "x"));
		add_output(&b, "y");
		result = build(&b);
		ACCEPTED(result);
		CHECK_EQ(result.num_needed, 0);
		CHECK_EQ(result.summary.num_host_steps != 0, !alike);
		CHECK_EQ(result.graph->outputs[0]->open, alike ? 0 : 3);
		nc_result_free(&result);
	}
}

/*
 * Numbers that are known among others that are not are constants; the way in which PyTorch
 * writes an expand() is seen through.
 */
static void known_in_part(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "minus", 2, (int64_t[]) { -1, -1 });
	add_ints(&b, "ones", 2, (int64_t[]) { 1, 1 });
	add_node(&b, "NonZero", "x", "nz");
	add_node(&b, "Shape", "nz", "shape");
	add_node(&b, "Gather", "shape zero", "rank");
	add_node(&b, "ConstantOfShape", "rank", "two");
	add_node(&b, "Gather", "shape one", "count");
	attr_int(add_node(&b, "Concat", "count one", "column"), "axis", 0);
	add_node(&b, "Equal", "column minus", "is");
	add_node(&b, "Where", "is ones column", "size");
	add_node(&b, "Expand", "zero size", "wide");
	/* What is known of a sum, a difference, a choice. */
	add_node(&b, "Sub", "one count", "less");
	add_node(&b, "Max", "less one", "again");
	add_node(&b, "ConstantOfShape", "again", "single");
	add_node(&b, "GatherND", "x wide", "rows");
	add_output(&b, "two");
	add_output(&b, "wide");
	add_output(&b, "single");
	add_output(&b, "rows");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->open, 0);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 2);
	CHECK_EQ(result.graph->outputs[1]->dims[0], 24);
	CHECK_EQ(result.graph->outputs[1]->dims[1], 1);
	CHECK_EQ(result.graph->outputs[1]->open, 1);
	CHECK_EQ(result.graph->outputs[2]->dims[0], 1);
	CHECK_EQ(result.graph->outputs[2]->open, 0);
	CHECK_EQ(result.graph->outputs[3]->dims[1], 6);
	CHECK_EQ(result.graph->outputs[3]->open, 1);
	nc_result_free(&result);
}

/* Next to a dimension that is known an open one is the same: then the chip goes on. */
static void closed_again(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_input(&b, "m", BOOL, 1, (int64_t[]) { 6 });
	attr_int(add_node(&b, "Compress", "x m", "some"), "axis", 1);
	add_node(&b, "Add", "some x", "sum");
	add_node(&b, "Sigmoid", "sum", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->open, 0);
	CHECK(!line(&result, "Sigmoid")->host);
	nc_result_free(&result);
	/* Of many it is the one that is known, wherever it stands. */
	b = with_x(13);
	add_input(&b, "m", BOOL, 1, (int64_t[]) { 6 });
	add_input(&b, "z", FLOAT, DIMS(4, 4));
	attr_int(add_node(&b, "Compress", "x m", "some"), "axis", 1);
	add_node(&b, "Max", "some z some", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 4);
	CHECK_EQ(result.graph->outputs[0]->open, 0);
	nc_result_free(&result);
}

/* As often, and as much longer, as data says. */
static void tiles_and_pads(void)
{
	struct nc_options options = no_cast;
	struct builder b = with_limit();
	struct nc_result result;

	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "minus", 1, (int64_t[]) { -1 });
	add_node(&b, "Unsqueeze", "limit zero", "length");
	attr_int(add_node(&b, "Concat", "one length", "repeats"), "axis", 0);
	add_node(&b, "Tile", "x repeats", "t");
	attr_int(add_node(&b, "Concat", "zero minus zero length", "pads"), "axis", 0);
	add_node(&b, "Pad", "x pads", "p");
	add_output(&b, "t");
	add_output(&b, "p");
	options.max_dim = 50;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 4);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 300);
	CHECK_EQ(result.graph->outputs[0]->open, 2);
	CHECK_EQ(result.graph->outputs[1]->dims[0], 4);
	CHECK_EQ(result.graph->outputs[1]->dims[1], 55);
	CHECK_EQ(result.graph->outputs[1]->open, 2);
	nc_result_free(&result);
}

/* A sequence may be as long as data says, and nothing else of a recurrence. */
static void recurrences(void)
{
	Onnx__AttributeProto *attr;
	struct builder b = with_x(14);
	struct nc_result result;

	add_input(&b, "m", BOOL, 1, (int64_t[]) { 4 });
	add_ramp(&b, "w", 0, 0.1f, 3, (int64_t[]) { 1, 8, 6 });
	add_ramp(&b, "r", 0, 0.1f, 3, (int64_t[]) { 1, 8, 2 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	attr_int(add_node(&b, "Compress", "x m", "some"), "axis", 0);
	add_node(&b, "Unsqueeze", "some one", "steps");
	attr_int(add_node(&b, "LSTM", "steps w r", "y h c"), "hidden_size", 2);
	add_output(&b, "y");
	add_output(&b, "h");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_reason(&result, "LSTM", "depends on data"));
	CHECK_EQ(result.graph->outputs[0]->dims[0], 4);
	CHECK_EQ(result.graph->outputs[0]->open, 1);
	CHECK_EQ(result.graph->outputs[1]->open, 0);
	nc_result_free(&result);
	attr = add_attr(b.graph->node[2], "activations",
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS);
	attr->n_strings = 1;
	attr->strings = keep(&(ProtobufCBinaryData) { 6, (uint8_t *)own_text("Affine") },
			     sizeof(*attr->strings));
	REFUSED(&b, "LSTM", "function 'Affine' is not on the host");
	b = with_x(14);
	add_input(&b, "m", BOOL, 1, (int64_t[]) { 6 });
	add_ramp(&b, "w", 0, 0.1f, 3, (int64_t[]) { 1, 8, 6 });
	add_ramp(&b, "r", 0, 0.1f, 3, (int64_t[]) { 1, 8, 2 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	attr_int(add_node(&b, "Compress", "x m", "some"), "axis", 1);
	add_node(&b, "Unsqueeze", "some one", "steps");
	attr_int(add_node(&b, "LSTM", "steps w r", "y"), "hidden_size", 2);
	add_output(&b, "y");
	REFUSED(&b, "LSTM", "only how many steps there are may");
}

/* Cut off at both ends, a short one has an element that a long one has not. */
static void backwards(void)
{
	struct builder b = with_x(13);
	struct nc_result result;

	add_input(&b, "m", BOOL, 1, (int64_t[]) { 6 });
	add_ints(&b, "start", 1, (int64_t[]) { -5 });
	add_ints(&b, "end", 1, (int64_t[]) { -4 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "back", 1, (int64_t[]) { -1 });
	attr_int(add_node(&b, "Compress", "x m", "some"), "axis", 1);
	add_node(&b, "Slice", "some start end one back", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 1);
	CHECK_EQ(result.graph->outputs[0]->open, 2);
	nc_result_free(&result);
}

/*
 * A length that a tensor decides has a bound without being asked for. One that a number
 * decides had better be a constant: that is refused, and the ways out are named.
 */
static void by_default(void)
{
	struct nc_options options = no_cast;
	struct builder b = with_x(13);
	struct nc_result result;

	add_input(&b, "few", FLOAT, 0, NULL);
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	attr_int(add_node(&b, "Cast", "few", "limit"), "to", INT64);
	add_node(&b, "Range", "start limit step", "y");
	add_output(&b, "y");
	REFUSED(&b, "Range", "depends on input 'few'", "--const", "--max-dim N");
	b = with_x(13);
	add_input(&b, "few", FLOAT, 0, NULL);
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	attr_int(add_node(&b, "ReduceSum", "x", "sum"), "keepdims", 0);
	add_node(&b, "Mul", "sum few", "length");
	attr_int(add_node(&b, "Cast", "length", "limit"), "to", INT64);
	add_node(&b, "Range", "start limit step", "y");
	add_output(&b, "y");
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], NC_MAX_DIM);
	CHECK_EQ(result.graph->outputs[0]->open, 1);
	nc_result_free(&result);
	options.max_dim = 50;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 50);
	nc_result_free(&result);
}

/* Branches that make things of different kinds are refused. */
static void misfits(void)
{
	struct builder b = with_x(13);
	Onnx__NodeProto *node;

	add_input(&b, "c", BOOL, 0, NULL);
	node = add_node(&b, "If", "c", "y");
	attr_graph(node, "then_branch", branch("Relu", "x"));
	attr_graph(node, "else_branch", branch("Shape", "x"));
	add_output(&b, "y");
	REFUSED(&b, "If", "decides the shape");
}

int main(void)
{
	ktap_run("no host steps", none);
	ktap_run("host steps between chip programs", between);
	ktap_run("functions of what is open", functions);
	ktap_run("products of what is open", products);
	ktap_run("known when compiling", known);
	ktap_run("refusals", refusals);
	ktap_run("needed inputs", needed);
	ktap_run("conditions", conditions);
	ktap_run("inputs and outputs", borders);
	ktap_run("computed shapes", computed);
	ktap_run("bounds that are assumed", assumed);
	ktap_run("numbers of a shape that are known", known_in_part);
	ktap_run("closed again", closed_again);
	ktap_run("computed repeats and pads", tiles_and_pads);
	ktap_run("recurrences", recurrences);
	ktap_run("slices that are cut off", backwards);
	ktap_run("bounds that nobody gave", by_default);
	ktap_run("what has to fit when it runs", fitting);
	ktap_run("settings that choose", settings);
	ktap_run("data that chooses", choices);
	ktap_run("branches that do not fit", misfits);
	return ktap_done();
}
