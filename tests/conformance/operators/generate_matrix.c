// SPDX-License-Identifier: MIT
/* Matrix products, normalisations and recurrent layers. */
#include <string.h>
#include "generate.h"

static void matmul(const char *op)
{
	int64_t m = number(1, 4), k = number(once_in(40) ? 0 : 1, 5), n = number(1, 4);
	struct shape a = shape_of((int)number(0, 2), 1, 3), b = broadcast_with(a);
	const char *type = ONE_OF("f32", "f32", "f32", "f16", "i32", "i64", "f64");

	a.dims[a.rank++] = m;
	a.dims[a.rank++] = k;
	b.dims[b.rank++] = k;
	b.dims[b.rank++] = n;
	if (once_in(6))
		a = list_of(k);
	if (once_in(6))
		b = list_of(k);
	node(op, opset_from(9));
	input(type, a, USUAL);
	if (once_in(2))
		constant(type, b, USUAL);
	else
		input(type, b, USUAL);
	output();
}

static void gemm(const char *op)
{
	int64_t m = number(1, 5), k = number(1, 5), n = number(1, 5);
	bool ta = once_in(2), tb = once_in(2);
	const char *type = once_in(5) ? "f16" : "f32";

	node(op, opset_from(11));
	attr_int("transA", ta);
	attr_int("transB", tb);
	if (once_in(2))
		attr_float("alpha", (double)number(-4, 8) / 4);
	if (once_in(2))
		attr_float("beta", (double)number(-4, 8) / 4);
	input(type, (struct shape) { 2, { ta ? k : m, ta ? m : k } }, USUAL);
	if (once_in(2))
		constant(type, (struct shape) { 2, { tb ? n : k, tb ? k : n } }, USUAL);
	else
		input(type, (struct shape) { 2, { tb ? n : k, tb ? k : n } }, USUAL);
	if (!once_in(4))
		input(type, once_in(3) ? list_of(n) : once_in(3) ? (struct shape) { 0 } :
		      (struct shape) { 2, { once_in(2) ? 1 : m, once_in(2) ? 1 : n } }, USUAL);
	output();
}

static void einsum(const char *op)
{
	static const struct {
		const char *equation;
		const char *terms[3];
	} known[] = {
		{ "ij,jk->ik", { "ij", "jk" } }, { "ij->ji", { "ij" } }, { "ii->i", { "ii" } },
		{ "ij->i", { "ij" } }, { "bij,bjk->bik", { "bij", "bjk" } },
		{ "bhid,bhjd->bhij", { "bhid", "bhjd" } }, { "i,j->ij", { "i", "j" } },
		{ "ij,ij->", { "ij", "ij" } }, { "abc,cd,de->abe", { "abc", "cd", "de" } },
		{ "ijk,ik->kj", { "ijk", "ik" } }, { "...ij,...jk->...ik", { "bij", "bjk" } },
		{ "ij,jk", { "ij", "jk" } }, { "bn,anm,bm->ba", { "bn", "anm", "bm" } },
		{ "ijk->kij", { "ijk" } }, { "bi,bi->b", { "bi", "bi" } },
	};
	int which = (int)number(0, sizeof(known) / sizeof(known[0]) - 1), i, k;
	int64_t sizes[26];

	for (i = 0; i < 26; i++)
		sizes[i] = number(1, 4);
	node(op, opset_from(12));
	attr_text("equation", known[which].equation);
	for (i = 0; i < 3 && known[which].terms[i]; i++) {
		const char *term = known[which].terms[i];
		struct shape shape = { .rank = (int)strlen(term) };

		for (k = 0; k < shape.rank; k++)
			shape.dims[k] = sizes[term[k] - 'a'];
		input("f32", shape, USUAL);
	}
	output();
}

static void matmul_integer(const char *op)
{
	int64_t m = number(1, 4), k = number(1, 5), n = number(1, 4);
	const char *a = ONE_OF("u8", "i8"), *b = ONE_OF("u8", "i8");

	node(op, opset_from(10));
	input(a, (struct shape) { 2, { m, k } }, (struct range) { -100, 120 });
	if (once_in(2))
		constant(b, (struct shape) { 2, { k, n } }, (struct range) { -100, 120 });
	else
		input(b, (struct shape) { 2, { k, n } }, (struct range) { -100, 120 });
	if (!once_in(4)) {
		constant(a, once_in(2) ? (struct shape) { 0 } : list_of(1),
			 (struct range) { 0, 99 });
		if (once_in(2))
			constant(b, once_in(2) ? (struct shape) { 0 } : list_of(n),
				 (struct range) { 0, 99 });
	}
	output();
}

static void scale_and_zero(const char *type, struct shape shape, bool is_zero)
{
	constant("f32", shape, (struct range) { 0.02, 0.1 });
	constant(type, shape, is_zero ? (struct range) { 0, 0 } : (struct range) { 0, 90 });
}

static void qlinear_matmul(const char *op)
{
	int64_t m = number(1, 4), k = number(1, 5), n = number(1, 4);
	const char *type = ONE_OF("u8", "i8");
	struct shape scalar = { 0 };

	node(op, opset_from(10));
	input(type, (struct shape) { 2, { m, k } }, (struct range) { -90, 120 });
	scale_and_zero(type, scalar, false);
	constant(once_in(2) ? type : "i8", (struct shape) { 2, { k, n } },
		 (struct range) { -90, 120 });
	scale_and_zero("i8", once_in(2) ? scalar : list_of(n), true);
	scale_and_zero(type, scalar, false);
	output();
}

static void batch_norm(const char *op)
{
	struct shape shape = shape_of((int)number(2, 5), 1, 3), list = list_of(shape.dims[1]);

	node(op, opset_from(9));
	if (once_in(2))
		attr_float("epsilon", 0.01);
	input("f32", shape, USUAL);
	constant("f32", list, USUAL);
	constant("f32", list, USUAL);
	constant("f32", list, USUAL);
	constant("f32", list, (struct range) { 0.2, 2 });
	output();
}

static void instance_norm(const char *op)
{
	struct shape shape = shape_of((int)number(3, 5), 3, 4);

	node(op, opset_from(7));
	if (once_in(2))
		attr_float("epsilon", 0.01);
	input("f32", shape, USUAL);
	constant("f32", list_of(shape.dims[1]), USUAL);
	constant("f32", list_of(shape.dims[1]), USUAL);
	output();
}

static void layer_norm(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 3, 5), inner = { 0 };
	int64_t axis = number(-shape.rank, shape.rank - 1), i;

	for (i = axis < 0 ? axis + shape.rank : axis; i < shape.rank; i++)
		inner.dims[inner.rank++] = shape.dims[i];
	node(op, opset_from(17));
	attr_int("axis", axis);
	if (once_in(2))
		attr_float("epsilon", 0.01);
	input("f32", shape, USUAL);
	input("f32", inner, USUAL);
	if (once_in(2))
		input("f32", inner, USUAL);
	output();
}

static void group_norm(const char *op)
{
	int64_t groups = number(1, 3), each = number(1, 3);
	struct shape shape = shape_of((int)number(3, 4), 3, 4);

	shape.dims[1] = groups * each;
	node(op, 21);
	attr_int("num_groups", groups);
	input("f32", shape, USUAL);
	constant("f32", list_of(groups * each), USUAL);
	constant("f32", list_of(groups * each), USUAL);
	output();
}

static void lp_norm(const char *op)
{
	struct shape shape = shape_of((int)number(1, 4), 1, 4);

	node(op, opset_from(7));
	attr_int("axis", number(-shape.rank, shape.rank - 1));
	attr_int("p", number(1, 2));
	input("f32", shape, USUAL);
	output();
}

static void lrn(const char *op)
{
	struct shape shape = shape_of(4, 1, 5);

	node(op, opset_from(7));
	attr_int("size", number(1, 3) * 2 - 1);
	attr_float("alpha", 0.1);
	attr_float("bias", 1.5);
	input("f32", shape, USUAL);
	output();
}

static void mean_variance(const char *op)
{
	static const int64_t axes[] = { 0, 2, 3 };

	node(op, opset_from(9));
	if (once_in(2))
		attr_ints("axes", 3, axes);
	input("f32", shape_of(4, 2, 4), USUAL);
	output();
}

static void weights(struct shape shape)
{
	struct range range = { -0.8, 0.8 };

	if (once_in(4))
		input("f32", shape, range);
	else
		constant("f32", shape, range);
}

/* RNN, GRU and LSTM: x, w, r, bias, lengths, states, peepholes */
static void recurrent(const char *op)
{
	/* Without those whose parameters have other defaults in ONNX Runtime. */
	static const char *const names[] = { "Sigmoid", "Tanh", "Relu", "Softsign",
					     "Softplus" };
	int gates = *op == 'R' ? 1 : *op == 'G' ? 3 : 4, acts = gates == 4 ? 3 : gates == 3 ? 2 : 1;
	const char *direction = ONE_OF("forward", "reverse", "bidirectional"), *chosen[6];
	int64_t dirs = *direction == 'b' ? 2 : 1, seq = number(1, 4), batch = number(1, 3);
	int64_t in = number(1, 3), hidden = number(1, 3), state[3] = { dirs, batch, hidden };
	bool lengths = once_in(3), states = once_in(2), peep = gates == 4 && once_in(3);
	struct shape h = { 3, { state[0], state[1], state[2] } };
	int i;

	node(op, opset_from(14));
	attr_int("hidden_size", hidden);
	attr_text("direction", direction);
	if (once_in(2)) {
		for (i = 0; i < acts * dirs; i++)
			chosen[i] = names[number(0, once_in(3) ? 4 : 2)];
		attr_texts("activations", (int)(acts * dirs), chosen);
	}
	if (once_in(4))
		attr_float("clip", 0.5);
	if (gates == 3 && once_in(2))
		attr_int("linear_before_reset", 1);
	if (gates == 4 && once_in(6))
		attr_int("input_forget", 1);
	input("f32", (struct shape) { 3, { seq, batch, in } }, USUAL);
	weights((struct shape) { 3, { dirs, gates * hidden, in } });
	weights((struct shape) { 3, { dirs, gates * hidden, hidden } });
	if (once_in(3))
		absent();
	else
		weights((struct shape) { 2, { dirs, 2 * gates * hidden } });
	if (lengths)
		input("i32", list_of(batch), (struct range) { 1, (double)seq + 1 });
	else
		absent();
	if (states)
		input("f32", h, USUAL);
	else
		absent();
	if (gates == 4) {
		if (states && !once_in(4))
			input("f32", h, USUAL);
		else
			absent();
		if (peep)
			weights((struct shape) { 2, { dirs, 3 * hidden } });
	}
	for (i = 0; i < (gates == 4 ? 3 : 2); i++) {
		if (i && once_in(4))
			skipped();
		else
			output();
	}
}

/* An LSTM of bytes: their scales and zero points come last. */
static void dynamic_lstm(const char *op)
{
	const char *direction = ONE_OF("forward", "reverse", "bidirectional");
	const char *type = ONE_OF("u8", "i8");
	int64_t dirs = *direction == 'b' ? 2 : 1, seq = number(1, 5), in = number(1, 6);
	int64_t hidden = number(1, 5), columns = 4 * hidden;
	struct shape h = { 3, { dirs, 1, hidden } };
	struct range range = *type == 'u' ? (struct range) { 0, 255 } :
			     (struct range) { -127, 127 };
	struct range zero = *type == 'u' ? (struct range) { 100, 150 } : (struct range) { 0, 0 };
	bool states = once_in(2), peep = once_in(4);

	node(op, opset_from(14));
	attr_int("hidden_size", hidden);
	attr_text("direction", direction);
	input("f32", (struct shape) { 3, { seq, 1, in } }, USUAL);
	constant(type, (struct shape) { 3, { dirs, in, columns } }, range);
	constant(type, (struct shape) { 3, { dirs, hidden, columns } }, range);
	if (once_in(3))
		absent();
	else
		constant("f32", (struct shape) { 2, { dirs, 2 * columns } },
			 (struct range) { -0.8, 0.8 });
	absent();
	for (int i = 0; i < 2; i++) {
		if (states)
			input("f32", h, (struct range) { -1, 1 });
		else
			absent();
	}
	if (peep)
		constant("f32", (struct shape) { 2, { dirs, 3 * hidden } },
			 (struct range) { -0.8, 0.8 });
	else
		absent();
	for (int i = 0; i < 2; i++) {
		constant("f32", list_of(dirs), (struct range) { 0.002, 0.008 });
		constant(type, list_of(dirs), zero);
	}
	output();
	output();
	output();
}

const struct generator matrix_generators[] = {
	{ "MatMul", matmul }, { "Gemm", gemm }, { "Einsum", einsum },
	{ "MatMulInteger", matmul_integer }, { "QLinearMatMul", qlinear_matmul },
	{ "BatchNormalization", batch_norm }, { "InstanceNormalization", instance_norm },
	{ "LayerNormalization", layer_norm }, { "GroupNormalization", group_norm },
	{ "LpNormalization", lp_norm }, { "LRN", lrn },
	{ "MeanVarianceNormalization", mean_variance }, { "RNN", recurrent },
	{ "GRU", recurrent }, { "LSTM", recurrent },
	{ "com.microsoft.DynamicQuantizeLSTM", dynamic_lstm }, { 0 }
};
