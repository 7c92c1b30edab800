// SPDX-License-Identifier: MIT
/* Loops, conditions, functions and sequences, and what they compute. */
#include <stdio.h>
#include "compiler_front.h"
#include "compiler_back_run.h"

/* Compiles and runs a model of one input, [2], and one output of two floats. */
static void check_run(const char *file, int line, const struct builder *b, float x0,
		      float x1, float y0, float y1)
{
	struct nc_result result = build(b);
	float x[2] = { x0, x1 }, y[2] = { -99, -99 };
	const void *inputs[] = { x };
	void *outputs[] = { y };
	const char *error = result.errors;

	if (result.neff)
		error = run_neff(result.neff, inputs, outputs, 0, false);
	if (error || y[0] != y0 || y[1] != y1) {
		printf("# %s:%d: [%g, %g], expected [%g, %g]: %s\n", file, line, y[0], y[1],
		       y0, y1, error ? error : "wrong");
		ktap_failed = true;
	}
	nc_result_free(&result);
}

#define RUN(b, x0, x1, y0, y1)	check_run(__FILE__, __LINE__, b, x0, x1, y0, y1)

static void graph_input(Onnx__GraphProto *graph, const char *name, int type)
{
	APPEND(graph->input, graph->n_input, new_value(name, type, -1, NULL));
}

static void graph_output(Onnx__GraphProto *graph, const char *name)
{
	APPEND(graph->output, graph->n_output, new_value(name, FLOAT, -1, NULL));
}

static void add_number(struct builder *b, const char *name, int64_t i)
{
	add_const(b, name, INT64, 0, NULL, &i, 8);
}

static struct builder with_x(int opset)
{
	struct builder b = builder(opset);

	add_input(&b, "x", FLOAT, DIMS(2));
	add_ramp(&b, "two", 2, 0, 0, NULL);
	return b;
}

/* c = c * 2 + x, from x; goes on while the condition holds. */
static Onnx__GraphProto *body(const char *cond_op, const char *cond_inputs)
{
	Onnx__GraphProto *graph = new_graph();

	graph_input(graph, "i", INT64);
	graph_input(graph, "cond", BOOL);
	graph_input(graph, "c", FLOAT);
	add_node_to(graph, "Mul", "c two", "d");
	add_node_to(graph, "Add", "d x", "e");
	add_node_to(graph, cond_op, cond_inputs, "go");
	graph_output(graph, "go");
	graph_output(graph, "e");
	return graph;
}

static void loops(void)
{
	struct builder b = with_x(13);
	Onnx__GraphProto *graph;

	/* 1 -> 3 -> 7 -> 15 */
	add_number(&b, "n", 3);
	attr_graph(add_node(&b, "Loop", "n - x", "y"), "body", body("Identity", "cond"));
	add_output(&b, "y");
	RUN(&b, 1, 10, 15, 150);

	/* No turns at all. */
	b = with_x(13);
	add_number(&b, "n", 0);
	attr_graph(add_node(&b, "Loop", "n - x", "y"), "body", body("Identity", "cond"));
	add_output(&b, "y");
	RUN(&b, 1, 10, 1, 10);

	/* Ends by a condition that is known: after the turn of i = 1. */
	b = with_x(13);
	add_number(&b, "one", 1);
	attr_graph(add_node(&b, "Loop", "- - x", "y"), "body", body("Less", "i one"));
	add_output(&b, "y");
	RUN(&b, 1, 10, 7, 70);

	/* Or by one that is not: while the sum is below 20. */
	b = with_x(13);
	add_number(&b, "n", 5);
	add_ramp(&b, "limit", 20, 0, 0, NULL);
	graph = body("Less", "sum limit");
	add_node_to(graph, "ReduceSum", "e", "sum");
	attr_int(graph->node[graph->n_node - 1], "keepdims", 0);
	attr_graph(add_node(&b, "Loop", "n - x", "y"), "body", graph);
	add_output(&b, "y");
	RUN(&b, 1, 2, 7, 14);
	RUN(&b, 10, 20, 30, 60);

	/* How often has to be known. */
	b = with_x(13);
	add_input(&b, "n", INT64, 0, NULL);
	attr_graph(add_node(&b, "Loop", "n - x", "y"), "body", body("Identity", "cond"));
	add_output(&b, "y");
	REFUSED(&b, "Loop node 'n0'", "number of turns", "--const 'n=VALUE'");

	/* One that never ends. */
	b = with_x(13);
	attr_graph(add_node(&b, "Loop", "- - x", "y"), "body", body("Identity", "cond"));
	add_output(&b, "y");
	REFUSED(&b, "Loop node 'n0'", "does not end within");
}

static void collecting(void)
{
	struct builder b = with_x(13);
	Onnx__GraphProto *graph = body("Identity", "cond");

	/* The second turn's value of what is collected: 7 * x. */
	graph_output(graph, "e");
	add_number(&b, "n", 3);
	add_number(&b, "one", 1);
	attr_graph(add_node(&b, "Loop", "n - x", "last all"), "body", graph);
	add_node(&b, "Gather", "all one", "y");
	add_output(&b, "y");
	RUN(&b, 1, 10, 7, 70);
}

static void scans(void)
{
	struct builder b = with_x(16);
	Onnx__GraphProto *graph = new_graph();
	Onnx__NodeProto *node;
	const float zero = 0;

	/* Running sums, backwards. */
	graph_input(graph, "sum", FLOAT);
	graph_input(graph, "element", FLOAT);
	add_node_to(graph, "Add", "sum element", "next");
	add_node_to(graph, "Identity", "next", "out");
	graph_output(graph, "next");
	graph_output(graph, "out");
	add_const(&b, "zero", FLOAT, 0, NULL, &zero, 4);
	node = add_node(&b, "Scan", "zero x", "all y");
	attr_graph(node, "body", graph);
	attr_int(node, "num_scan_inputs", 1);
	attr_ints(node, "scan_input_directions", 1, (int64_t []) { 1 });
	attr_ints(node, "scan_output_directions", 1, (int64_t []) { 1 });
	add_output(&b, "y");
	RUN(&b, 1, 10, 11, 10);
}

static void conditions(void)
{
	struct builder b = with_x(13);
	Onnx__GraphProto *yes = new_graph(), *no = new_graph();
	Onnx__NodeProto *node;

	add_node_to(yes, "Add", "x two", "a");
	graph_output(yes, "a");
	add_node_to(no, "Mul", "x two", "b");
	graph_output(no, "b");
	node = add_node(&b, "ReduceSum", "x", "sum");
	attr_int(node, "keepdims", 0);
	add_node(&b, "Greater", "sum two", "cond");
	node = add_node(&b, "If", "cond", "y");
	attr_graph(node, "then_branch", yes);
	attr_graph(node, "else_branch", no);
	add_output(&b, "y");
	RUN(&b, 1, 10, 3, 12);
	RUN(&b, 1, 0, 2, 0);
}

static void sequences(void)
{
	struct builder b = with_x(13);

	/* [x[0]], [x[1]] and two more, of which the first goes: x[1], x[0] */
	add_number(&b, "zero", 0);
	add_number(&b, "last", -1);
	attr_int(add_node(&b, "SplitToSequence", "x", "parts"), "axis", 0);
	add_node(&b, "SequenceAt", "parts zero", "first");
	add_node(&b, "SequenceInsert", "parts first", "more");
	add_node(&b, "SequenceErase", "more zero", "rest");
	attr_int(add_node(&b, "ConcatFromSequence", "rest", "y"), "axis", 0);
	add_output(&b, "y");
	RUN(&b, 1, 10, 10, 1);

	b = with_x(13);
	add_node(&b, "SequenceConstruct", "x x", "y");
	add_output(&b, "y");
	REFUSED(&b, "output 'y' is a sequence");

	b = with_x(13);
	add_node(&b, "SequenceConstruct", "x x", "s");
	add_node(&b, "Relu", "s", "y");
	add_output(&b, "y");
	REFUSED(&b, "Relu node 'n1'", "its input 0 is a sequence");
}

/* F(a, b) = LeakyRelu(a + b), with the caller's alpha. */
static Onnx__FunctionProto *add_function(struct builder *b, const char *name)
{
	Onnx__FunctionProto *function = own_memory(sizeof(*function));
	Onnx__OperatorSetIdProto *set = own_memory(sizeof(*set));
	Onnx__GraphProto *nodes = new_graph();
	Onnx__AttributeProto *attr;

	onnx__function_proto__init(function);
	onnx__operator_set_id_proto__init(set);
	set->domain = own_text("");
	set->has_version = 1;
	set->version = 13;
	function->name = own_text(name);
	function->domain = own_text("my");
	APPEND(function->input, function->n_input, own_text("a"));
	APPEND(function->input, function->n_input, own_text("b"));
	APPEND(function->output, function->n_output, own_text("c"));
	APPEND(function->attribute, function->n_attribute, own_text("slope"));
	APPEND(function->opset_import, function->n_opset_import, set);
	add_node_to(nodes, "Add", "a b", "sum");
	attr = add_attr(add_node_to(nodes, "LeakyRelu", "sum", "c"), "alpha",
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
	attr->ref_attr_name = own_text("slope");
	function->node = nodes->node;
	function->n_node = nodes->n_node;
	APPEND(b->model.functions, b->model.n_functions, function);
	return function;
}

static Onnx__NodeProto *call(struct builder *b, const char *name, const char *inputs,
			     const char *output)
{
	Onnx__NodeProto *node = add_node(b, name, inputs, output);

	node->domain = own_text("my");
	return node;
}

static void functions(void)
{
	struct builder b = with_x(13);
	Onnx__FunctionProto *function;
	Onnx__AttributeProto *attr;

	add_function(&b, "F");
	attr = add_attr(call(&b, "F", "x two", "h"), "slope",
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
	attr->has_f = 1;
	attr->f = 0.5f;
	call(&b, "F", "h h", "y");
	add_output(&b, "y");
	/* -6 + 2 = -4, half of it -2; twice that -4, a hundredth of it. */
	RUN(&b, 1, -6, 6, 0.01f * -4);

	/* One that calls itself. */
	b = with_x(13);
	function = add_function(&b, "F");
	function->node[0]->op_type = own_text("F");
	function->node[0]->domain = own_text("my");
	call(&b, "F", "x two", "y");
	add_output(&b, "y");
	REFUSED(&b, "call each other more than");

	b = with_x(13);
	add_function(&b, "F");
	call(&b, "F", "x two x", "y");
	add_output(&b, "y");
	REFUSED(&b, "F node 'n0'", "its function has 2 inputs");
}

int main(void)
{
	ktap_run("loops are unrolled", loops);
	ktap_run("loops collect", collecting);
	ktap_run("scans are unrolled", scans);
	ktap_run("conditions of the model's own", conditions);
	ktap_run("sequences", sequences);
	ktap_run("functions of the model's own", functions);
	return ktap_done();
}
