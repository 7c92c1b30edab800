// SPDX-License-Identifier: MIT
/* Constants computed by the compiler. */
#include <math.h>
#include <stdio.h>
#include "compiler_front.h"

/* Compiles, and compares output 0 with what it should be folded to. */
static void folds_to(const char *file, int line, const struct builder *b,
		     int rank, const int64_t *dims, const double *expected)
{
	struct nc_result result = build(b);
	const struct nc_value *value = folded(&result, 0);
	char shape[NC_SHAPE_TEXT];
	bool same = value && value->rank == rank;
	int64_t i;

	for (i = 0; same && i < rank; i++)
		same = value->dims[i] == dims[i];
	for (i = 0; same && i < nc_numel(value); i++) {
		double x = nc_const_double(value, i);

		same = x == expected[i] || fabs(x - expected[i]) < 1e-6;
	}
	if (!same) {
		printf("# %s:%d: not folded to what was expected: %s\n", file, line,
		       value ? nc_shape_text(value, shape) :
		       result.errors ? result.errors : "not constant");
		for (i = 0; value && i < nc_numel(value) && i < 16; i++)
			printf("#   %g\n", nc_const_double(value, i));
		ktap_failed = true;
	}
	nc_result_free(&result);
}

#define EXPECT(b, shape, ...)                                                  \
	folds_to(__FILE__, __LINE__, b, shape, (const double[]) { __VA_ARGS__ })
#define SHAPE(...)	DIMS(__VA_ARGS__)
#define SCALAR		0, NULL

/* Constants a: 1 2 3 4 5 6 as [2, 3] of float; i: -3 7 as [2] of int64. */
static struct builder consts(void)
{
	struct builder b = builder(13);

	add_ramp(&b, "a", 1, 1, DIMS(2, 3));
	add_ints(&b, "i", 2, (int64_t[]) { -3, 7 });
	add_output(&b, "y");
	return b;
}

static void integers(void)
{
	static const struct {
		const char *op;
		double y[2];
	} cases[] = {
		{ "Add", { -1, 9 } }, { "Sub", { -5, 5 } },
		{ "Mul", { -6, 14 } }, { "Div", { -1, 3 } },
		{ "Mod", { 1, 1 } }, { "Pow", { 9, 49 } },
		{ "Max", { 2, 7 } }, { "Min", { -3, 2 } },
		{ "Equal", { 0, 0 } }, { "Less", { 1, 0 } },
		{ "LessOrEqual", { 1, 0 } }, { "Greater", { 0, 1 } },
		{ "GreaterOrEqual", { 0, 1 } },
	};
	unsigned int i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct builder b = consts();

		add_ints(&b, "two", 1, (int64_t[]) { 2 });
		add_node(&b, cases[i].op, "i two", "y");
		folds_to(__FILE__, __LINE__, &b, 1, (int64_t[]) { 2 }, cases[i].y);
	}
}

/* What C leaves undefined has an outcome. */
static void extremes(void)
{
	struct builder b = consts();
	struct nc_result result;
	const struct nc_value *value;

	add_ints(&b, "min", 1, (int64_t[]) { INT64_MIN });
	add_ints(&b, "minus", 1, (int64_t[]) { -1 });
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_node(&b, "Div", "min minus", "y");
	add_node(&b, "Div", "min zero", "z");
	add_node(&b, "Mod", "min minus", "m");
	add_node(&b, "Neg", "min", "n");
	add_node(&b, "Abs", "min", "p");
	add_output(&b, "z");
	add_output(&b, "m");
	add_output(&b, "n");
	add_output(&b, "p");
	result = build(&b);
	ACCEPTED(result);
	value = folded(&result, 0);
	CHECK(value && nc_const_int(value, 0) == INT64_MIN);
	value = folded(&result, 1);
	CHECK(value && nc_const_int(value, 0) == 0);
	value = folded(&result, 2);
	CHECK(value && nc_const_int(value, 0) == 0);
	nc_result_free(&result);
}

static void floats(void)
{
	struct builder b = consts();

	add_ints(&b, "two", 1, (int64_t[]) { 2 });
	attr_int(add_node(&b, "Cast", "two", "f"), "to", FLOAT);
	add_node(&b, "Div", "a f", "y");
	EXPECT(&b, SHAPE(2, 3), 0.5, 1, 1.5, 2, 2.5, 3);

	b = consts();
	add_node(&b, "Sqrt", "a", "s");
	add_node(&b, "Mul", "s s", "m");
	add_node(&b, "Round", "m", "y");
	EXPECT(&b, SHAPE(2, 3), 1, 2, 3, 4, 5, 6);

	b = consts();
	add_ramp(&b, "row", 10, 10, DIMS(3));
	add_node(&b, "Add", "a row", "y");
	EXPECT(&b, SHAPE(2, 3), 11, 22, 33, 14, 25, 36);
}

static void casts(void)
{
	static const float x[] = { 1.7f, -1.7f, 300, NAN };
	struct builder b = consts();

	add_const(&b, "x", FLOAT, DIMS(4), x, sizeof(x));
	attr_int(add_node(&b, "Cast", "x", "y"), "to", INT64);
	EXPECT(&b, SHAPE(4), 1, -1, 300, 0);

	b = consts();
	attr_int(add_node(&b, "Cast", "a", "y"), "to", BOOL);
	EXPECT(&b, SHAPE(2, 3), 1, 1, 1, 1, 1, 1);
}

static void moving(void)
{
	struct builder b = consts();

	add_node(&b, "Transpose", "a", "y");
	EXPECT(&b, SHAPE(3, 2), 1, 4, 2, 5, 3, 6);

	b = consts();
	add_ints(&b, "start", 2, (int64_t[]) { 0, -1 });
	add_ints(&b, "end", 2, (int64_t[]) { 1, INT64_MIN });
	add_ints(&b, "axes", 2, (int64_t[]) { 0, 1 });
	add_ints(&b, "steps", 2, (int64_t[]) { 1, -2 });
	add_node(&b, "Slice", "a start end axes steps", "y");
	EXPECT(&b, SHAPE(1, 2), 3, 1);

	b = consts();
	attr_int(add_node(&b, "Concat", "a a", "y"), "axis", -1);
	EXPECT(&b, SHAPE(2, 6), 1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6);

	b = consts();
	add_ints(&b, "sizes", 2, (int64_t[]) { 1, 2 });
	attr_int(add_node(&b, "Split", "a sizes", "z y"), "axis", 1);
	EXPECT(&b, SHAPE(2, 2), 2, 3, 5, 6);

	b = consts();
	add_ints(&b, "at", 2, (int64_t[]) { -1, 0 });
	attr_int(add_node(&b, "Gather", "a at", "y"), "axis", 1);
	EXPECT(&b, SHAPE(2, 2), 3, 1, 6, 4);

	b = consts();
	add_ints(&b, "shape", 3, (int64_t[]) { 2, 1, 2 });
	add_node(&b, "Expand", "i shape", "y");
	EXPECT(&b, SHAPE(2, 1, 2), -3, 7, -3, 7);

	b = consts();
	add_ints(&b, "repeats", 1, (int64_t[]) { 2 });
	add_node(&b, "Tile", "i repeats", "y");
	EXPECT(&b, SHAPE(4), -3, 7, -3, 7);

	b = consts();
	add_ints(&b, "pads", 4, (int64_t[]) { 0, 1, 0, 2 });
	attr_string(add_node(&b, "Pad", "a pads", "y"), "mode", "reflect");
	EXPECT(&b, SHAPE(2, 6), 2, 1, 2, 3, 2, 1, 5, 4, 5, 6, 5, 4);

	b = consts();
	add_node(&b, "Trilu", "a", "y");
	EXPECT(&b, SHAPE(2, 3), 1, 2, 3, 0, 5, 6);
}

static void reducing(void)
{
	struct builder b = consts();

	add_ints(&b, "axes", 1, (int64_t[]) { -1 });
	add_node(&b, "ReduceSum", "a axes", "y");
	EXPECT(&b, SHAPE(2, 1), 6, 15);

	b = consts();
	attr_int(add_node(&b, "ReduceMean", "a", "y"), "keepdims", 0);
	EXPECT(&b, SCALAR, 3.5);

	b = consts();
	attr_int(add_node(&b, "ArgMax", "a", "y"), "keepdims", 0);
	EXPECT(&b, SHAPE(3), 1, 1, 1);

	b = consts();
	add_node(&b, "Transpose", "a", "t");
	add_node(&b, "MatMul", "a t", "y");
	EXPECT(&b, SHAPE(2, 2), 14, 32, 32, 77);
}

static void making(void)
{
	struct builder b = consts();

	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 10 }, 8);
	add_const(&b, "limit", INT64, 0, NULL, (int64_t[]) { 3 }, 8);
	add_const(&b, "delta", INT64, 0, NULL, (int64_t[]) { -3 }, 8);
	add_node(&b, "Range", "start limit delta", "y");
	EXPECT(&b, SHAPE(3), 10, 7, 4);

	b = consts();
	add_ints(&b, "shape", 2, (int64_t[]) { 1, 2 });
	add_node(&b, "ConstantOfShape", "shape", "y");
	EXPECT(&b, SHAPE(1, 2), 0, 0);

	b = consts();
	attr_ints(add_node(&b, "Constant", "", "y"), "value_ints", 2,
		  (int64_t[]) { 5, 6 });
	EXPECT(&b, SHAPE(2), 5, 6);

	b = consts();
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_node(&b, "Less", "i zero", "c");
	add_node(&b, "Where", "c zero i", "y");
	EXPECT(&b, SHAPE(2), 0, 7);

	b = consts();
	add_node(&b, "NonZero", "i", "y");
	EXPECT(&b, SHAPE(1, 2), 0, 1);
}

static void quantised_weights(void)
{
	static const int8_t w[] = { -10, 20, 30, 40 };
	static const float scales[] = { 0.5f, 2 };
	static const int8_t zeros[] = { 2, 0 };
	struct builder b = consts();

	add_const(&b, "w", INT8, DIMS(2, 2), w, sizeof(w));
	add_const(&b, "s", FLOAT, DIMS(2), scales, sizeof(scales));
	add_const(&b, "z", INT8, DIMS(2), zeros, sizeof(zeros));
	attr_int(add_node(&b, "DequantizeLinear", "w s z", "y"), "axis", 0);
	EXPECT(&b, SHAPE(2, 2), -6, 9, 60, 80);
}

/* What exporters write for x.view(x.size(0), -1). */
static void shape_arithmetic(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(2, 3, 4));
	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_const(&b, "first", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_ints(&b, "rest", 1, (int64_t[]) { -1 });
	add_node(&b, "Shape", "x", "s");
	add_node(&b, "Gather", "s first", "n");
	add_node(&b, "Unsqueeze", "n zero", "n1");
	attr_int(add_node(&b, "Concat", "n1 rest", "shape"), "axis", 0);
	add_node(&b, "Reshape", "x shape", "flat");
	add_node(&b, "Exp", "flat", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_nodes, 2);
	CHECK_EQ(result.graph->outputs[0]->rank, 2);
	CHECK_EQ(result.graph->outputs[0]->dims[1], 12);
	nc_result_free(&result);
}

static void shape_from_an_input(void)
{
	static const int64_t shape[] = { 3, 2 };
	const struct nc_const_arg arg = {
		"shape", NC_I64, 1, { 2 }, shape,
	};
	struct nc_options options = no_cast;
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(2, 3));
	add_input(&b, "shape", INT64, DIMS(2));
	add_node(&b, "Identity", "shape", "same");
	add_node(&b, "Reshape", "x same", "y");
	add_output(&b, "y");
	result = build(&b);
	CHECK(!result.neff);
	CHECK_EQ(result.num_needed, 1);
	CHECK(result.num_needed && !strcmp(result.needed[0], "shape"));
	CHECK(result.errors && strstr(result.errors, "--const 'shape=VALUE'"));
	nc_result_free(&result);

	options.consts = &arg;
	options.num_consts = 1;
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK_EQ(result.graph->num_inputs, 1);
	CHECK_EQ(result.graph->outputs[0]->dims[0], 3);
	nc_result_free(&result);
}

static void without_elements(void)
{
	struct builder b = builder(13);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(0, 3));
	add_input(&b, "z", FLOAT, DIMS(2, 3));
	attr_int(add_node(&b, "Concat", "x z x", "c"), "axis", 0);
	add_node(&b, "Exp", "c", "y");
	add_node(&b, "Exp", "x", "e");
	add_output(&b, "y");
	add_output(&b, "e");
	result = build(&b);
	ACCEPTED(result);
	CHECK_EQ(count_ops(&result, NC_OP_Concat), 0);
	CHECK_EQ(result.graph->outputs[1]->dims[0], 0);
	nc_result_free(&result);
}

/* Constants must not grow beyond all bounds, and big products are the chip's. */
static void limits(void)
{
	struct builder b = consts();
	struct nc_result result;
	char from[8] = "a", to[8];
	int i;

	add_ints(&b, "repeats", 2, (int64_t[]) { 16, 16 });
	for (i = 0; i < 8; i++) {
		snprintf(to, sizeof(to), i == 7 ? "y" : "t%d", i);
		add_node(&b, "Tile", strcat(strcpy((char[32]) { 0 }, from), " repeats"), to);
		strcpy(from, to);
	}
	result = build(&b);
	CHECK(!folded(&result, 0));
	nc_result_free(&result);
}

int main(void)
{
	ktap_run("integers", integers);
	ktap_run("extremes", extremes);
	ktap_run("floats", floats);
	ktap_run("casts", casts);
	ktap_run("moving", moving);
	ktap_run("reducing", reducing);
	ktap_run("making", making);
	ktap_run("quantised weights", quantised_weights);
	ktap_run("shape arithmetic", shape_arithmetic);
	ktap_run("a shape from an input", shape_from_an_input);
	ktap_run("without elements", without_elements);
	ktap_run("limits", limits);
	return ktap_done();
}
