// SPDX-License-Identifier: MIT
/* Operators that work element by element, reductions, and conversions. */
#include <string.h>
#include "generate.h"

#define FLOATS	"f32", "f32", "f32", "f16", "f64"
#define INTS	"i32", "i64", "i8", "u8"
#define SMALL	((struct range) { -20, 20 })

static bool is_float(const char *type)
{
	return *type == 'f';
}

static void arithmetic(const char *op)
{
	const char *type = once_in(3) ? ONE_OF("i32", "i64", "u8", "i8") : ONE_OF(FLOATS);
	int set = opset_from(is_float(type) || strlen(type) > 2 ? 7 : 14);
	struct shape shape = any_shape();
	/* No divisor is zero. */
	bool divides = !strcmp(op, "Div") || !strcmp(op, "Mod");
	struct range right = divides ? (struct range) { 1, 9 } : USUAL;

	if (!strcmp(op, "Mod")) {
		node(op, set < 10 ? 10 : set);
		if (is_float(type) || once_in(3))
			attr_int("fmod", 1);
	} else {
		node(op, set);
	}
	input(type, shape, SMALL);
	if (once_in(3))
		constant(type, broadcast_with(shape), right);
	else
		input(type, broadcast_with(shape), right);
	output();
}

static void power(const char *op)
{
	const char *type = ONE_OF("f32", "f32", "f16", "i32");
	struct shape shape = any_shape();

	node(op, opset_from(13));
	input(type, shape, (struct range) { 0.1, 3 });
	if (once_in(2))
		constant(once_in(4) ? "f32" : type, broadcast_with(shape), (struct range) { 0, 4 });
	else
		input(once_in(4) ? "i64" : type, broadcast_with(shape), (struct range) { 0, 4 });
	output();
}

static void any_number(const char *op)
{
	const char *type = ONE_OF(FLOATS, "i32", "i64");
	int64_t n = number(1, 4), i;
	struct shape shape = any_shape();

	if (!strcmp(op, "Sum") || !strcmp(op, "Mean"))
		type = "f32";
	node(op, opset_from(is_float(type) ? 8 : 12));
	input(type, shape, USUAL);
	for (i = 1; i < n; i++)
		input(type, broadcast_with(shape), USUAL);
	output();
}

static void compare(const char *op)
{
	const char *type = ONE_OF("f32", "f16", "i32", "i64", "f64", "u8", "i8");
	struct shape shape = any_shape();

	node(op, opset_from(16));
	input(type, shape, USUAL);
	input(type, broadcast_with(shape), USUAL);
	output();
}

static void logic(const char *op)
{
	const char *type = *op == 'B' ? ONE_OF("i32", "i64", "u8", "i8", "u16") : "bool";
	struct shape shape = any_shape();

	node(op, opset_from(*op == 'B' ? 18 : 7));
	input(type, shape, SMALL);
	input(type, broadcast_with(shape), SMALL);
	output();
}

static void shift(const char *op)
{
	const char *type = ONE_OF("u8", "u32", "u64");
	struct shape shape = any_shape();

	node(op, opset_from(11));
	attr_text("direction", ONE_OF("LEFT", "RIGHT"));
	input(type, shape, (struct range) { 0, 200 });
	input(type, broadcast_with(shape), (struct range) { 0, 7 });
	output();
}

static void where(const char *op)
{
	const char *type = ONE_OF("f32", "i64", "i32", "u8", "f16", "bool");
	struct shape shape = any_shape();

	node(op, opset_from(16));
	input("bool", broadcast_with(shape), USUAL);
	input(type, shape, USUAL);
	input(type, broadcast_with(shape), USUAL);
	output();
}

static void unary(const char *op)
{
	bool positive = !strcmp(op, "Sqrt") || !strcmp(op, "Log") || !strcmp(op, "Reciprocal");
	bool acosh = !strcmp(op, "Acosh");
	bool unit = !strcmp(op, "Asin") || !strcmp(op, "Acos") || !strcmp(op, "Atanh");

	node(op, opset_from(13));
	input(ONE_OF("f32", "f32", "f16"), any_shape(),
	      acosh ? (struct range) { 1.1, 9 } : positive ? (struct range) { 0.1, 9 } :
	      unit ? (struct range) { -0.9, 0.9 } : USUAL);
	output();
}

static void unary_newer(const char *op)
{
	node(op, opset_from(20));
	if (!strcmp(op, "Gelu") && once_in(2))
		attr_text("approximate", ONE_OF("none", "tanh"));
	input("f32", any_shape(), USUAL);
	output();
}

static void unary_any(const char *op)
{
	const char *type = ONE_OF(FLOATS, "i32", "i64", "i8");

	node(op, opset_from(14));
	input(type, any_shape(), SMALL);
	output();
}

static void logical_not(const char *op)
{
	node(op, opset_from(18));
	input(*op == 'B' ? ONE_OF("u8", "i32", "i8", "i64") : "bool", any_shape(), SMALL);
	output();
}

static void parametric(const char *op)
{
	node(op, opset_from(!strcmp(op, "Shrink") || !strcmp(op, "ThresholdedRelu") ? 10 : 9));
	if (once_in(2) && strcmp(op, "Shrink"))
		attr_float("alpha", (double)number(1, 12) / 8);
	if (once_in(2) && !strcmp(op, "HardSigmoid"))
		attr_float("beta", (double)number(0, 8) / 8);
	if (once_in(2) && !strcmp(op, "Selu"))
		attr_float("gamma", (double)number(4, 12) / 8);
	if (!strcmp(op, "Shrink")) {
		attr_float("lambd", (double)number(0, 12) / 8);
		attr_float("bias", (double)number(0, 12) / 8);
	}
	input("f32", any_shape(), USUAL);
	output();
}

static void clip(const char *op)
{
	const char *type = ONE_OF("f32", "f16", "i32", "i64", "u8", "i8");
	struct shape scalar = { 0 };

	node(op, opset_from(12));
	input(type, any_shape(), SMALL);
	if (once_in(4))
		absent();
	else if (once_in(2))
		input(type, scalar, (struct range) { -9, 3 });
	else
		constant(type, scalar, (struct range) { -9, 3 });
	if (once_in(2))
		constant(type, scalar, (struct range) { 3, 9 });
	output();
}

static void cast(const char *op)
{
	static const struct {
		const char *name;
		int onnx;
	} types[] = {
		{ "f32", 1 }, { "u8", 2 }, { "i8", 3 }, { "u16", 4 }, { "i16", 5 }, { "i32", 6 },
		{ "i64", 7 }, { "bool", 9 }, { "f16", 10 }, { "f64", 11 }, { "u32", 12 },
	};
	int from = (int)number(0, 10), to = (int)number(0, 10);

	node(op, opset_from(13));
	if (!strcmp(op, "Cast"))
		attr_int("to", types[to].onnx);
	/* What does not fit is not defined for floats, but it wraps around for integers. */
	input(types[from].name, any_shape(), is_float(types[from].name) ?
	      (struct range) { *types[to].name == 'u' ? 0 : -100, 100 } :
	      (struct range) { -900, 900 });
	if (strcmp(op, "Cast"))
		input(types[to].name, list_of(1), USUAL);
	output();
}

static void reduce(const char *op)
{
	const char *type = ONE_OF("f32", "f32", "f32", "i32", "i64");
	struct shape shape = shape_of((int)number(1, 4), 1, 4);
	bool is_sum = !strcmp(op, "ReduceSum");
	int set = opset_from(11), n = 0, i;
	int64_t axes[MAX_DIMS];

	if (strstr(op, "Log"))
		type = "f32";
	node(op, set);
	if (once_in(2))
		attr_int("keepdims", number(0, 1));
	for (i = 0; i < shape.rank; i++)
		if (once_in(2))
			axes[n++] = once_in(2) ? i : i - shape.rank;
	if (set < (is_sum ? 13 : 18)) {
		if (n)
			attr_ints("axes", n, axes);
	} else if (n && once_in(4)) {
		attr_int("noop_with_empty_axes", 1);
	}
	input(type, shape, strstr(op, "Log") ? (struct range) { 0.1, 3 } : USUAL);
	if (set >= (is_sum ? 13 : 18) && (n || once_in(2)))
		constant_ints("i64", n, axes);
	output();
}

static void arg_reduce(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4);

	node(op, opset_from(13));
	attr_int("axis", number(-shape.rank, shape.rank - 1));
	if (once_in(2))
		attr_int("keepdims", number(0, 1));
	if (once_in(2))
		attr_int("select_last_index", number(0, 1));
	input(ONE_OF("f32", "i32", "u8", "i8", "f64"), shape, USUAL);
	output();
}

static void softmax(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4);

	node(op, opset_from(7));
	if (once_in(4) == 0)
		attr_int("axis", number(-shape.rank, shape.rank - 1));
	input(once_in(4) ? "f16" : "f32", shape, USUAL);
	output();
}

static void cum_sum(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 5);
	int64_t axis = number(-shape.rank, shape.rank - 1);

	node(op, opset_from(11));
	attr_int("exclusive", number(0, 1));
	attr_int("reverse", number(0, 1));
	input(ONE_OF("f32", "i32", "i64", "f64"), shape, USUAL);
	constant_ints("i64", 1, &axis);
	output();
}

static void prelu(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4), slope = shape;
	int i;

	for (i = 0; i < slope.rank; i++)
		if (once_in(2))
			slope.dims[i] = 1;
	node(op, opset_from(9));
	input("f32", shape, USUAL);
	constant("f32", slope, USUAL);
	output();
}

/* Scale and zero point, for all or along an axis. */
static void quantization(struct shape shape, int64_t axis, bool each, const char *type,
			 bool has_zero)
{
	struct shape params = each ? list_of(shape.dims[axis]) : (struct shape) { 0 };

	constant("f32", params, (struct range) { 0.02, 0.2 });
	if (!strcmp(type, "i32"))
		constant(type, params, (struct range) { 0, 0 });
	else if (has_zero)
		constant(type, params, (struct range) { 0, 90 });
}

static void quantize(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4);
	const char *type = ONE_OF("u8", "i8");
	int64_t axis = number(0, shape.rank - 1);
	bool each = once_in(2);

	node(op, opset_from(13));
	if (each)
		attr_int("axis", once_in(2) ? axis : axis - shape.rank);
	if (*op == 'Q') {
		input("f32", shape, (struct range) { -30, 30 });
		quantization(shape, axis, each, type, true);
	} else {
		type = ONE_OF("u8", "i8", "i32");
		input(type, shape, (struct range) { -100, 100 });
		quantization(shape, axis, each, type, once_in(2));
	}
	output();
}

static void dynamic_quantize(const char *op)
{
	struct range range = once_in(3) ? (struct range) { 1, 3 } : USUAL;

	/* Silence has a scale, too. */
	if (once_in(5))
		range = (struct range) { 0, 0 };
	node(op, opset_from(11));
	input("f32", shape_of((int)number(1, 3), 1, 5), range);
	output();
	output();
	output();
}

static void is_special(const char *op)
{
	node(op, opset_from(20));
	input("f32", any_shape(), USUAL);
	output();
}

const struct generator elementwise_generators[] = {
	{ "Add", arithmetic }, { "Sub", arithmetic }, { "Mul", arithmetic }, { "Div", arithmetic },
	{ "Mod", arithmetic }, { "Pow", power }, { "Max", any_number }, { "Min", any_number },
	{ "Sum", any_number }, { "Mean", any_number }, { "Equal", compare }, { "Less", compare },
	{ "LessOrEqual", compare }, { "Greater", compare }, { "GreaterOrEqual", compare },
	{ "And", logic }, { "Or", logic }, { "Xor", logic }, { "BitwiseAnd", logic },
	{ "BitwiseOr", logic }, { "BitwiseXor", logic }, { "BitShift", shift },
	{ "Where", where }, { "Sigmoid", unary }, { "Tanh", unary }, { "Exp", unary },
	{ "Log", unary }, { "Sqrt", unary }, { "Reciprocal", unary }, { "Erf", unary },
	{ "Softplus", unary }, { "Softsign", unary }, { "HardSwish", unary }, { "Floor", unary },
	{ "Ceil", unary }, { "Round", unary }, { "Sin", unary }, { "Cos", unary },
	{ "Tan", unary }, { "Asin", unary }, { "Acos", unary }, { "Atan", unary },
	{ "Sinh", unary }, { "Cosh", unary }, { "Asinh", unary }, { "Acosh", unary },
	{ "Atanh", unary }, { "Mish", unary_newer }, { "Gelu", unary_newer },
	{ "Relu", unary_any }, { "Abs", unary_any }, { "Neg", unary_any }, { "Sign", unary_any },
	{ "Not", logical_not }, { "BitwiseNot", logical_not }, { "Elu", parametric },
	{ "Selu", parametric }, { "LeakyRelu", parametric }, { "HardSigmoid", parametric },
	{ "ThresholdedRelu", parametric }, { "Celu", parametric }, { "Shrink", parametric },
	{ "Clip", clip }, { "Cast", cast }, { "CastLike", cast }, { "ReduceSum", reduce },
	{ "ReduceMean", reduce }, { "ReduceMax", reduce }, { "ReduceMin", reduce },
	{ "ReduceProd", reduce }, { "ReduceSumSquare", reduce }, { "ReduceL1", reduce },
	{ "ReduceL2", reduce }, { "ReduceLogSum", reduce }, { "ReduceLogSumExp", reduce },
	{ "ArgMax", arg_reduce }, { "ArgMin", arg_reduce }, { "Softmax", softmax },
	{ "LogSoftmax", softmax }, { "Hardmax", softmax }, { "CumSum", cum_sum },
	{ "PRelu", prelu }, { "QuantizeLinear", quantize }, { "DequantizeLinear", quantize },
	{ "DynamicQuantizeLinear", dynamic_quantize }, { "IsNaN", is_special },
	{ "IsInf", is_special }, { 0 }
};
