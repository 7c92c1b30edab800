// SPDX-License-Identifier: MIT
/*
 * Operators that become one instruction: how many are left, and that the numbers
 * are the same as those of the operators one by one.
 */
#include <math.h>
#include "tests/ktap.h"
#include "compiler_back_model.h"

static uint32_t count_insts(const struct model *m, unsigned int opcode)
{
	const struct nc_program *prog = m->ctx.program;
	uint32_t i, n = 0;

	for (i = 0; i < prog->list.count; i++)
		n += prog->list.insts[i].opcode == opcode;
	return n;
}

/* Those that compute: all but transfers. */
static uint32_t count_work(const struct model *m)
{
	const struct nc_program *prog = m->ctx.program;

	return prog->list.count - count_insts(m, NEURON_OP_LOAD) -
	       count_insts(m, NEURON_OP_STORE);
}

static struct nc_value *number(struct model *m, double x)
{
	float f = x;

	return nc_const_new(&m->ctx, "number", NC_F32, 0, NULL, &f);
}

static struct nc_value *binary(struct model *m, enum nc_op op,
			       struct nc_value *a, struct nc_value *b)
{
	const struct nc_value *wide = nc_numel(a) >= nc_numel(b) ? a : b;

	return model_node(m, op, wide->rank, wide->dims, a, b, NULL);
}

static struct nc_value *unary(struct model *m, enum nc_op op, struct nc_value *x)
{
	return model_node(m, op, x->rank, x->dims, x, NULL, NULL);
}

static struct nc_value *product(struct model *m, struct nc_value *a,
				struct nc_value *b)
{
	int64_t d[NC_MAX_RANK];

	memcpy(d, a->dims, sizeof(d));
	d[a->rank - 1] = b->dims[b->rank - 1];
	return model_node(m, NC_OP_MatMul, a->rank, d, a, b, NULL);
}

static struct nc_value *reshape(struct model *m, struct nc_value *x, int rank,
				const int64_t *d)
{
	return model_node(m, NC_OP_Reshape, rank, d, x,
			  nc_const_ints_new(&m->ctx, "shape", d, rank), NULL);
}

static struct nc_value *transpose(struct model *m, struct nc_value *x,
				  const int64_t *perm)
{
	struct nc_value *out;
	int64_t d[NC_MAX_RANK];
	int i;

	for (i = 0; i < x->rank; i++)
		d[i] = x->dims[perm[i]];
	out = model_node(m, NC_OP_Transpose, x->rank, d, x, NULL, NULL);
	nc_set_attr_ints(&m->ctx, out->producer, "perm", perm, x->rank);
	return out;
}

static struct nc_value *mean(struct model *m, struct nc_value *x)
{
	int64_t d[NC_MAX_RANK], axis = x->rank - 1;

	memcpy(d, x->dims, sizeof(d));
	d[axis] = 1;
	return model_node(m, NC_OP_ReduceMean, x->rank, d, x,
			  nc_const_ints_new(&m->ctx, "axes", &axis, 1), NULL);
}

static struct nc_value *input(struct model *m)
{
	return model_input(m, 3, (int64_t[]){ 1, 7, 24 });
}

static struct nc_value *row(struct model *m)
{
	return model_const(m, 1, (int64_t[]){ 24 });
}

/* As PyTorch's exporter writes it. */
static void layer_norm(struct model *m)
{
	struct nc_value *x = input(m);
	struct nc_value *d = binary(m, NC_OP_Sub, x, mean(m, x));
	struct nc_value *v = mean(m, binary(m, NC_OP_Pow, d, number(m, 2)));

	v = unary(m, NC_OP_Sqrt, binary(m, NC_OP_Add, v, number(m, 1e-5)));
	d = binary(m, NC_OP_Mul, binary(m, NC_OP_Div, d, v), row(m));
	model_output(m, binary(m, NC_OP_Add, d, row(m)));
}

/* As TensorFlow's does. */
static void batch_norm_form(struct model *m)
{
	struct nc_value *x = input(m), *mu = mean(m, x);
	struct nc_value *d = binary(m, NC_OP_Sub, x, mu);
	struct nc_value *v = mean(m, binary(m, NC_OP_Mul, d, d)), *k;

	v = binary(m, NC_OP_Add, v, number(m, 1e-6));
	v = unary(m, NC_OP_Reciprocal, unary(m, NC_OP_Sqrt, v));
	k = binary(m, NC_OP_Mul, v, row(m));
	k = model_node(m, NC_OP_Mul, 3, x->dims, v, k->producer->inputs[1], NULL);
	d = binary(m, NC_OP_Sub, row(m), binary(m, NC_OP_Mul, mu, k));
	d = model_node(m, NC_OP_Sub, 3, x->dims, d->producer->inputs[0],
		       d->producer->inputs[1], NULL);
	model_output(m, binary(m, NC_OP_Add, binary(m, NC_OP_Mul, x, k), d));
}

/* Behind a product and a Reshape, to whose function it belongs. */
static void gelu_erf(struct model *m)
{
	struct nc_value *x = product(m, input(m),
				     model_const(m, 2, (int64_t[]){ 24, 40 }));
	struct nc_value *e;

	x = reshape(m, x, 2, (int64_t[]){ 7, 40 });
	e = unary(m, NC_OP_Erf, binary(m, NC_OP_Div, x, number(m, sqrt(2))));
	e = binary(m, NC_OP_Mul, x, binary(m, NC_OP_Add, e, number(m, 1)));
	model_output(m, unary(m, NC_OP_Neg, binary(m, NC_OP_Mul, e, number(m, 0.5))));
}

static void gelu_tanh(struct model *m)
{
	struct nc_value *x = input(m);
	struct nc_value *t = binary(m, NC_OP_Pow, x, number(m, 3));

	t = binary(m, NC_OP_Add, x, binary(m, NC_OP_Mul, t, number(m, 0.044715)));
	t = binary(m, NC_OP_Mul, t, number(m, sqrt(2 / M_PI)));
	t = binary(m, NC_OP_Add, unary(m, NC_OP_Tanh, t), number(m, 1));
	model_output(m, binary(m, NC_OP_Mul,
			       binary(m, NC_OP_Mul, x, number(m, 0.5)), t));
}

static void silu(struct model *m)
{
	struct nc_value *x = product(m, input(m),
				     model_const(m, 2, (int64_t[]){ 24, 40 }));

	x = binary(m, NC_OP_Add, x, model_const(m, 1, (int64_t[]){ 40 }));
	model_output(m, binary(m, NC_OP_Mul, x, unary(m, NC_OP_Sigmoid, x)));
}

/* clip(x + 3, 0, @most) */
static struct nc_value *ramp(struct model *m, struct nc_value *x, double most)
{
	struct nc_value *three = number(m, 3);

	return model_node(m, NC_OP_Clip, x->rank, x->dims, binary(m, NC_OP_Add, x, three),
			  number(m, 0), number(m, most));
}

/* As MobileNetV3's exporters write it: in the epilogue of a product. */
static void hard_swish(struct model *m)
{
	struct nc_value *x = product(m, input(m),
				     model_const(m, 2, (int64_t[]){ 24, 40 }));

	x = binary(m, NC_OP_Mul, x, ramp(m, x, 6));
	model_output(m, binary(m, NC_OP_Div, x, number(m, 6)));
}

static void hard_sigmoid(struct model *m)
{
	struct nc_value *x = input(m);
	struct nc_value *gate = binary(m, NC_OP_Mul, ramp(m, x, 6), number(m, 1 / 6.0));

	/* With its factor it is another HardSwish; alone it is what it is. */
	model_output(m, gate);
	model_output(m, binary(m, NC_OP_Mul, gate, x));
}

static void no_hard_swish(struct model *m)
{
	struct nc_value *x = input(m);

	model_output(m, binary(m, NC_OP_Div, binary(m, NC_OP_Mul, x, ramp(m, x, 5)),
			       number(m, 6)));
	model_output(m, binary(m, NC_OP_Mul, ramp(m, x, 6), number(m, 0.2)));
}

/* Half of what makes a Gelu is none. */
static void no_gelu(struct model *m)
{
	struct nc_value *x = input(m);
	struct nc_value *e = unary(m, NC_OP_Erf,
				   binary(m, NC_OP_Mul, x, number(m, 0.9)));

	e = binary(m, NC_OP_Mul, x, binary(m, NC_OP_Add, e, number(m, 1)));
	model_output(m, binary(m, NC_OP_Mul, e, number(m, 0.5)));
}

/* Four heads of six: no copy, no transposition, one product for q, k and v. */
static void attention(struct model *m)
{
	static const int64_t heads[] = { 0, 2, 1, 3 }, turned[] = { 0, 2, 3, 1 };
	int64_t w[2] = { 24, 24 }, split[4] = { 1, 7, 4, 6 };
	int64_t back[3] = { 1, 7, 24 }, s[4] = { 1, 4, 7, 7 }, o[4] = { 1, 4, 7, 6 };
	struct nc_value *x = input(m), *part[3];
	int i;

	for (i = 0; i < 3; i++) {
		part[i] = product(m, x, model_const(m, 2, w));
		part[i] = binary(m, NC_OP_Add, part[i], row(m));
		part[i] = reshape(m, part[i], 4, split);
		part[i] = transpose(m, part[i], i == 1 ? turned : heads);
	}
	part[0] = binary(m, NC_OP_Mul, part[0], number(m, 0.5));
	x = model_node(m, NC_OP_MatMul, 4, s, part[0], part[1], NULL);
	x = unary(m, NC_OP_Softmax, x);
	x = model_node(m, NC_OP_MatMul, 4, o, x, part[2], NULL);
	x = reshape(m, transpose(m, x, heads), 3, back);
	model_output(m, product(m, x, model_const(m, 2, w)));
}

/* Twice the same, and once not quite. */
static void twice(struct model *m)
{
	struct nc_value *x = input(m), *y[3];
	int i;

	for (i = 0; i < 3; i++)
		y[i] = unary(m, NC_OP_Softmax, unary(m, i < 2 ? NC_OP_Exp :
						     NC_OP_Sin, x));
	x = binary(m, NC_OP_Mul, y[0], y[1]);
	model_output(m, binary(m, NC_OP_Add, x, y[2]));
}

/* Three rows computed one from the other, put below each other, and more beside. */
static void concat(struct model *m)
{
	int64_t d[2] = { 1, 24 }, rows[2] = { 3, 24 }, all[2] = { 3, 48 };
	struct nc_value *x = model_input(m, 2, d), *y[4], *z;
	int i;

	for (i = 0; i < 3; i++) {
		y[i] = unary(m, NC_OP_Tanh, product(m, x, model_const(m, 2, (int64_t[]){ 24, 24 })));
		x = y[i];
	}
	z = model_node(m, NC_OP_Concat, 2, rows, y[0], y[1], y[2]);
	nc_set_attr_int(&m->ctx, z->producer, "axis", 0);
	x = unary(m, NC_OP_Sigmoid, z);
	z = model_node(m, NC_OP_Concat, 2, all, z, x, NULL);
	nc_set_attr_int(&m->ctx, z->producer, "axis", 1);
	model_output(m, unary(m, NC_OP_Neg, z));
}

/* Padded with channels last, turned and convolved, as TensorFlow's models have it. */
static void padding(struct model *m)
{
	static const int64_t perm[] = { 0, 3, 1, 2 };
	int64_t d[4] = { 1, 9, 9, 3 }, p[8] = { 0, 1, 0, 0, 0, 1, 1, 0 };
	int64_t padded[4] = { 1, 11, 10, 3 }, w[4] = { 4, 3, 3, 3 };
	int64_t o[4] = { 1, 4, 9, 8 };
	struct nc_value *x = model_input(m, 4, d);

	x = model_node(m, NC_OP_Pad, 4, padded, x,
		       nc_const_ints_new(&m->ctx, "pads", p, 8), NULL);
	x = transpose(m, x, perm);
	model_output(m, model_node(m, NC_OP_Conv, 4, o, x,
				   model_const(m, 4, w), NULL));
}

static struct nc_value *typed(struct nc_value *value, enum nc_dtype dtype)
{
	value->dtype = dtype;
	return value;
}

/* A constant of small integers. */
static struct nc_value *integers(struct model *m, enum nc_dtype dtype, int rank,
				 const int64_t *dims)
{
	int32_t wide[4096];
	int8_t bytes[4096];
	int64_t n = 1;
	int i;

	for (i = 0; i < rank; i++)
		n *= dims[i];
	for (i = 0; i < n; i++) {
		bytes[i] = (int8_t)(model_random(m, 200) - 100);
		wide[i] = 50 * bytes[i];
	}
	return nc_const_new(&m->ctx, "integers", dtype, rank, dims,
			    dtype == NC_I32 ? (void *)wide : bytes);
}

static struct nc_value *cast(struct model *m, struct nc_value *x, enum nc_dtype dtype, int to)
{
	struct nc_value *y = typed(unary(m, NC_OP_Cast, x), dtype);

	nc_set_attr_int(&m->ctx, y->producer, "to", to);
	return y;
}

/*
 * A layer that is quantised as it runs: @row is added to the product @y, then it is scaled by
 * what is known at run time only.
 */
static struct nc_value *dequantized(struct model *m, struct nc_value *y, struct nc_value *row,
				    struct nc_value *bias)
{
	struct nc_value *number = model_input(m, 1, (int64_t[]){ 1 });

	/* The zero point's share, known at run time as well. */
	row = typed(binary(m, NC_OP_Mul, row, cast(m, unary(m, NC_OP_Neg, number), NC_I32, 6)),
		    NC_I32);
	y = typed(binary(m, NC_OP_Add, y, row), NC_I32);
	y = binary(m, NC_OP_Mul, cast(m, y, NC_F32, 1), number);
	return binary(m, NC_OP_Add, y, bias);
}

static struct nc_value *quantized(struct model *m, struct nc_value *x)
{
	int8_t zero = 3;

	return typed(model_node(m, NC_OP_QuantizeLinear, x->rank, x->dims, x, number(m, 0.01),
				nc_const_new(&m->ctx, "zero", NC_I8, 0, NULL, &zero)), NC_I8);
}

static void dynamic_product(struct model *m)
{
	int64_t w[2] = { 24, 40 }, o[3] = { 1, 7, 40 }, row[1] = { 40 };
	struct nc_value *x = quantized(m, input(m)), *y;

	y = typed(model_node(m, NC_OP_MatMulInteger, 3, o, x, integers(m, NC_I8, 2, w), NULL),
		  NC_I32);
	y = dequantized(m, y, integers(m, NC_I32, 1, row), model_const(m, 1, row));
	model_output(m, unary(m, NC_OP_Gelu, y));
}

static void dynamic_convolution(struct model *m)
{
	int64_t in[4] = { 1, 5, 9, 8 }, w[4] = { 6, 5, 3, 3 }, o[4] = { 1, 6, 7, 6 };
	int64_t row[4] = { 1, 6, 1, 1 };
	struct nc_value *x = quantized(m, model_input(m, 4, in)), *y;

	y = typed(model_node(m, NC_OP_ConvInteger, 4, o, x, integers(m, NC_I8, 4, w), NULL),
		  NC_I32);
	y = dequantized(m, y, integers(m, NC_I32, 4, row), model_const(m, 4, row));
	model_output(m, unary(m, NC_OP_Relu, y));
}

/* Others need the sum of integers as well, or what is added is not the same for all rows. */
static void no_epilogue(struct model *m)
{
	int64_t w[2] = { 24, 40 }, o[3] = { 1, 7, 40 };
	struct nc_value *x = quantized(m, input(m)), *y, *z;

	y = typed(model_node(m, NC_OP_MatMulInteger, 3, o, x, integers(m, NC_I8, 2, w), NULL),
		  NC_I32);
	z = typed(binary(m, NC_OP_Add, y, integers(m, NC_I32, 2, (int64_t[]){ 7, 40 })), NC_I32);
	model_output(m, cast(m, y, NC_F32, 1));
	model_output(m, cast(m, z, NC_F32, 1));
}

static const struct {
	const char *name;
	void (*build)(struct model *m);
	uint32_t before;
	uint32_t after;
} cases[] = {
	{ "LayerNormalization as PyTorch writes it", layer_norm, 9, 1 },
	{ "LayerNormalization as TensorFlow writes it", batch_norm_form, 12, 1 },
	{ "Gelu with erf, in the epilogue", gelu_erf, 7, 2 },
	{ "Gelu with tanh", gelu_tanh, 8, 1 },
	{ "SiLU, in the epilogue", silu, 4, 1 },
	{ "HardSwish, in the epilogue", hard_swish, 5, 1 },
	{ "HardSigmoid, and HardSwish of it", hard_sigmoid, 4, 2 },
	{ "what is no HardSwish stays", no_hard_swish, 7, 6 },
	{ "what is no Gelu stays", no_gelu, 5, 4 },
	{ "attention", attention, 9, 5 },
	{ "the same twice", twice, 8, 6 },
	{ "padding before a Transpose and a Conv", padding, 3, 1 },
	{ "a product that is quantised as it runs", dynamic_product, 9, 5 },
	{ "a convolution that is quantised as it runs", dynamic_convolution, 9, 5 },
	{ "what is no epilogue of a product of integers", no_epilogue, 5, 5 },
	{ "results are made where Concat wants them", concat, 8, 5 },
};

static unsigned int current;

static void compare(void)
{
	float *expected, *seen;
	struct model m, n;
	size_t i, count;

	model_begin(&m, 11);
	cases[current].build(&m);
	CHECK(model_compile(&m));
	model_begin(&n, 11);
	n.fuse = true;
	n.options.auto_cast = NC_CAST_NONE;
	cases[current].build(&n);
	CHECK(model_compile(&n));
	if (ktap_failed) {
		printf("# %s%s", m.ctx.diag.text ? m.ctx.diag.text : "",
		       n.ctx.diag.text ? n.ctx.diag.text : "\n");
	} else {
		CHECK(count_work(&m) >= cases[current].before);
		CHECK_EQ(count_work(&n), cases[current].after);
		expected = model_run(&m, 3, 0, &count);
		seen = model_run(&n, 3, 1, &count);
		CHECK(expected && seen);
		for (i = 0; expected && seen && i < count; i++)
			CHECK(fabsf(expected[i] - seen[i]) <=
			      2e-5f + 2e-5f * fabsf(expected[i]));
		free(expected);
		free(seen);
	}
	model_end(&m);
	model_end(&n);
}

/* Behind a convolution, and written out as what it is defined by. */
static void blocks(void)
{
	int64_t d[4] = { 2, 3, 7, 5 }, w[4] = { 12, 3, 1, 1 }, c[4] = { 2, 12, 7, 5 };
	int64_t o[4] = { 2, 3, 14, 10 }, wide[6] = { 2, 2, 2, 3, 7, 5 };
	int64_t moved[6] = { 2, 3, 7, 2, 5, 2 }, perm[6] = { 0, 3, 4, 1, 5, 2 };
	struct nc_value *x, *y;
	struct model m;
	size_t count, i;
	float *seen;

	model_begin(&m, 11);
	x = model_node(&m, NC_OP_Conv, 4, c, model_input(&m, 4, d), model_const(&m, 4, w), NULL);
	y = model_node(&m, NC_OP_DepthToSpace, 4, o, x, NULL, NULL);
	nc_set_attr_int(&m.ctx, y->producer, "blocksize", 2);
	model_output(&m, y);
	y = model_node(&m, NC_OP_SpaceToDepth, 4, c, y, NULL, NULL);
	nc_set_attr_int(&m.ctx, y->producer, "blocksize", 2);
	model_output(&m, y);
	y = model_node(&m, NC_OP_Reshape, 6, wide, x,
		       nc_const_ints_new(&m.ctx, "shape", wide, 6), NULL);
	y = model_node(&m, NC_OP_Transpose, 6, moved, y, NULL, NULL);
	nc_set_attr_ints(&m.ctx, y->producer, "perm", perm, 6);
	model_output(&m, model_node(&m, NC_OP_Reshape, 4, o, y,
				    nc_const_ints_new(&m.ctx, "shape", o, 4), NULL));
	model_output(&m, model_node(&m, NC_OP_Neg, 4, c, x, NULL, NULL));
	CHECK(model_compile(&m));
	seen = ktap_failed ? NULL : model_run(&m, 3, 0, &count);
	CHECK(seen && count == 4 * 840);
	for (i = 0; seen && i < 840; i++) {
		CHECK(seen[i] == seen[2 * 840 + i]);
		CHECK(seen[840 + i] == -seen[3 * 840 + i]);
	}
	free(seen);
	model_end(&m);
}

/* Only a product in bf16 reads what was selected: the same as when both are rounded. */
static void selected(void)
{
	int64_t d[2] = { 40, 64 }, w[2] = { 64, 64 };
	struct nc_value *x, *b, *y;
	struct model m;
	size_t count, i;
	float *seen;

	model_begin(&m, 11);
	m.fuse = true;
	x = model_input(&m, 2, d);
	b = model_const(&m, 2, w);
	y = typed(binary(&m, NC_OP_Less, x, number(&m, 0)), NC_BOOL);
	y = model_node(&m, NC_OP_Where, 2, d, y, unary(&m, NC_OP_Neg, x), x);
	model_output(&m, product(&m, y, b));
	model_output(&m, product(&m, unary(&m, NC_OP_Abs, x), b));
	CHECK(model_compile(&m));
	seen = ktap_failed ? NULL : model_run(&m, 3, 0, &count);
	CHECK(seen && count == 2 * 40 * 64);
	for (i = 0; seen && i < 40 * 64; i++)
		CHECK(seen[i] == seen[40 * 64 + i]);
	free(seen);
	model_end(&m);
}

int main(void)
{
	for (current = 0; current < sizeof(cases) / sizeof(cases[0]); current++)
		ktap_run(cases[current].name, compare);
	ktap_run("blocks of channels become squares and go back", blocks);
	ktap_run("what is selected for a product in bf16", selected);
	return ktap_done();
}
