// SPDX-License-Identifier: MIT
/*
 * The host's operators: what ONNX's own cases do not show, and shapes, indices and
 * parameters as a hostile file may have them.
 */
#include "hostops.h"

static void choosing(void)
{
	forget();
	IN(F32, 2, D(2, 2), 1, 0, NAN, -0.0);
	GIVES(NONZERO, I64, 2, D(2, 2), 0, 1, 0, 0);
	IN(I64, 0, D(0), 5);
	GIVES(NONZERO, I64, 2, D(1, 1), 0);
	IN(I64, 1, D(0), 0);
	GIVES(NONZERO, I64, 2, D(1, 0), 0);
	IN(F32, 1, D(1), 1);
	FAILS(NONZERO, I32, HOSTOP_INVALID);

	IN(F32, 2, D(3, 2), 1, 2, 3, 4, 5, 6);
	IN(BOOL, 1, D(2), 0, 1);
	ints[0] = 1;
	GIVES(COMPRESS, F32, 2, D(1, 2), 3, 4);
	IN(F32, 2, D(3, 2), 1, 2, 3, 4, 5, 6);
	IN(BOOL, 1, D(5), 1, 0, 0, 0, 1);
	GIVES(COMPRESS, F32, 1, D(2), 1, 5);
	IN(F32, 1, D(2), 1, 2);
	IN(BOOL, 1, D(3), 1, 1, 1);
	FAILS(COMPRESS, F32, HOSTOP_BAD_INPUT);

	/* NaN equals NaN here, and comes last. */
	IN(F32, 1, D(5), NAN, 2, 1, 2, NAN);
	ints[2] = 1;
	GIVES(UNIQUE, F32, 1, D(3), 1, 2, NAN);
	IN(I64, 1, D(4), 9, 2, 9, 1);
	GIVES(UNIQUE, I64, 1, D(3), 9, 2, 1);
	IN(I64, 2, D(2, 3), 1, 2, 1, 1, 2, 1);
	ints[0] = 1;
	ints[1] = -1;
	ints[2] = 1;
	GIVES(UNIQUE, I64, 2, D(2, 2), 1, 2, 1, 2);

	IN(F32, 2, D(2, 3), 1, 3, 2, 9, 7, 9);
	IN(I64, 1, D(1), 2);
	ints[0] = 1;
	ints[1] = 1;
	GIVES(TOPK, F32, 2, D(2, 2), 3, 2, 9, 9);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(1), 3);
	FAILS(TOPK, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(1), -1);
	FAILS(TOPK, F32, HOSTOP_BAD_INPUT);

	IN(I64, 0, D(0), 5);
	IN(I64, 0, D(0), 0);
	IN(I64, 0, D(0), -2);
	GIVES(RANGE, I64, 1, D(3), 5, 3, 1);
	IN(I64, 0, D(0), 5);
	IN(I64, 0, D(0), 0);
	IN(I64, 0, D(0), 0);
	FAILS(RANGE, I64, HOSTOP_BAD_INPUT);
	IN(I64, 1, D(2), 2, -1);
	IN(F32, 0, D(0), 1);
	FAILS(CONSTANT_OF_SHAPE, F32, HOSTOP_BAD_INPUT);
	IN(I64, 1, D(3), 1 << 30, 1 << 30, 1 << 30);
	IN(F32, 0, D(0), 1);
	FAILS(CONSTANT_OF_SHAPE, F32, HOSTOP_TOO_LARGE);
}

static void suppression(void)
{
	forget();
	/* The second lies on the first, the third far away; NaN is no score. */
	IN(F32, 3, D(1, 4, 4), 0, 0, 1, 1, 0, 0.1, 1, 1.1, 5, 5, 6, 6, 9, 9, 10, 10);
	IN(F32, 3, D(1, 1, 4), 0.9, 0.95, 0.5, NAN);
	IN(I64, 1, D(1), 4);
	IN(F32, 1, D(1), 0.5);
	GIVES(NON_MAX_SUPPRESSION, I64, 2, D(2, 3), 0, 0, 1, 0, 0, 2);
	/* Without a number of boxes there are none. */
	IN(F32, 3, D(1, 1, 4), 0, 0, 1, 1);
	IN(F32, 3, D(1, 1, 1), 0.9);
	GIVES(NON_MAX_SUPPRESSION, I64, 2, D(0, 3), 0);
	IN(F32, 3, D(1, 2, 4), 0, 0, 1, 1, 0, 0, 1, 1);
	IN(F32, 3, D(1, 1, 3), 0.9, 0.9, 0.9);
	FAILS(NON_MAX_SUPPRESSION, I64, HOSTOP_BAD_INPUT);
}

static void shapes(void)
{
	forget();
	IN(F32, 3, D(2, 0, 5), 0);
	ints[0] = -2;
	ints[1] = INT64_MAX;
	GIVES(SHAPE, I64, 1, D(2), 0, 5);
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	IN(I64, 1, D(3), 0, -1, 1);
	GIVES(RESHAPE, F32, 3, D(2, 3, 1), 1, 2, 3, 4, 5, 6);
	IN(F32, 1, D(6), 1, 2, 3, 4, 5, 6);
	IN(I64, 1, D(2), 4, -1);
	FAILS(RESHAPE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(6), 1, 2, 3, 4, 5, 6);
	IN(I64, 1, D(2), -1, -1);
	FAILS(RESHAPE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(0), 0);
	IN(I64, 1, D(2), 0, -1);
	ints[0] = 1;
	GIVES(RESHAPE, F32, 2, D(0, 0), 0);
	IN(F32, 2, D(2, 1), 1, 2);
	IN(I64, 1, D(1), 0);
	FAILS(SQUEEZE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(1), 1);
	IN(I64, 1, D(8), 0, 1, 2, 3, 4, 5, 6, 7);
	FAILS(UNSQUEEZE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), 0, -3);
	FAILS(UNSQUEEZE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(2), 2, 2);
	FAILS(EXPAND, F32, HOSTOP_BAD_INPUT);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(I64, 1, D(2), 2, 1);
	GIVES(EXPAND, F32, 2, D(2, 2), 1, 2, 1, 2);
	IN(F32, 2, D(1, 2), 1, 2);
	IN(I64, 1, D(2), 2, 2);
	GIVES(TILE, F32, 2, D(2, 4), 1, 2, 1, 2, 1, 2, 1, 2);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(1), -1);
	FAILS(TILE, F32, HOSTOP_BAD_INPUT);
}

static void moving(void)
{
	forget();
	IN(I64, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	ints[0] = 1;
	GIVES(TRANSPOSE, I64, 2, D(3, 2), 1, 4, 2, 5, 3, 6);
	IN(I64, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	FAILS(TRANSPOSE, I64, HOSTOP_INVALID);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(1), 9);
	IN(I64, 1, D(1), (double)INT64_MIN);
	add_none();
	IN(I64, 1, D(1), -2);
	GIVES(SLICE, F32, 1, D(3), 5, 3, 1);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(1), -3);
	IN(I64, 1, D(1), 5);
	add_none();
	IN(I64, 1, D(1), 0x1p62);
	GIVES(SLICE, F32, 1, D(1), 3);
	/* To the end, and from before the first element, as ONNX Runtime means it. */
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(1), -1);
	IN(I64, 1, D(1), 2147483647);
	add_none();
	IN(I64, 1, D(1), -1);
	GIVES(SLICE, F32, 1, D(3), 3, 2, 1);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(1), -9);
	IN(I64, 1, D(1), -9);
	add_none();
	IN(I64, 1, D(1), -1);
	GIVES(SLICE, F32, 1, D(1), 1);
	IN(F32, 1, D(0), 0);
	IN(I64, 1, D(1), -9);
	IN(I64, 1, D(1), -9);
	add_none();
	IN(I64, 1, D(1), -1);
	GIVES(SLICE, F32, 1, D(0), 0);
	/* An axis that is there twice would be cut twice. */
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(2), 3, 3);
	IN(I64, 1, D(2), 5, 5);
	IN(I64, 1, D(2), 0, 0);
	FAILS(SLICE, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(1), 3);
	IN(I64, 1, D(1), 5);
	add_none();
	IN(I64, 1, D(1), 0);
	FAILS(SLICE, F32, HOSTOP_BAD_INPUT);
	IN(U8, 2, D(2, 1), 1, 2);
	IN(U8, 2, D(2, 2), 3, 4, 5, 6);
	ints[0] = -1;
	GIVES(CONCAT, U8, 2, D(2, 3), 1, 3, 4, 2, 5, 6);
	IN(U8, 2, D(2, 1), 1, 2);
	IN(U8, 2, D(1, 1), 3);
	ints[0] = 1;
	FAILS(CONCAT, U8, HOSTOP_BAD_INPUT);
	IN(BOOL, 2, D(1, 2), 1, 0);
	IN(F64, 2, D(2, 1), 1, 2);
	IN(F64, 0, D(0), 9);
	GIVES(WHERE, F64, 2, D(2, 2), 1, 9, 2, 9);
}

static void indices(void)
{
	forget();
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 1, D(2), -1, 0);
	GIVES(GATHER, F32, 2, D(2, 2), 3, 4, 1, 2);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 1, D(1), 2);
	FAILS(GATHER, F32, HOSTOP_BAD_INDEX);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 1, D(1), -3);
	FAILS(GATHER, F32, HOSTOP_BAD_INDEX);
	IN(F32, 2, D(0, 2), 0);
	IN(I64, 1, D(1), 0);
	FAILS(GATHER, F32, HOSTOP_BAD_INDEX);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(F32, 1, D(1), 0);
	FAILS(GATHER, F32, HOSTOP_INVALID);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 2, D(2, 2), 0, 1, 1, -2);
	GIVES(GATHER_ND, F32, 1, D(2), 2, 3);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 2, D(1, 3), 0, 1, 1);
	FAILS(GATHER_ND, F32, HOSTOP_BAD_INPUT);
	/* Many indices without dimensions: each is all of it. */
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 2, D(2, 0), 0);
	GIVES(GATHER_ND, F32, 2, D(2, 2), 1, 2, 1, 2);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 2, D(1, 2), 1, 0);
	GIVES(GATHER_ELEMENTS, F32, 2, D(1, 2), 3, 2);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 2, D(1, 3), 1, 0, 0);
	FAILS(GATHER_ELEMENTS, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 2, D(2, 1), 2, 2);
	IN(F32, 1, D(2), 5, 7);
	ints[0] = 1;
	GIVES(SCATTER_ND, F32, 1, D(3), 1, 2, 15);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 2, D(2, 1), 2, 3);
	IN(F32, 1, D(2), 5, 7);
	FAILS(SCATTER_ND, F32, HOSTOP_BAD_INDEX);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 2, D(2, 1), 2, 1);
	IN(F32, 1, D(1), 5);
	FAILS(SCATTER_ND, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(2), 0, -1);
	IN(F32, 1, D(2), 5, 7);
	ints[1] = 4;
	GIVES(SCATTER_ELEMENTS, F32, 1, D(3), 1, 2, 3);
}

static void arithmetic(void)
{
	forget();
	/* Two roundings, to fp64 and to fp32, would give another last bit in neither. */
	IN(F32, 1, D(2), 0x1.000002p0, 16777216);
	IN(F32, 1, D(2), 0x1p-24, 1);
	GIVES(ADD, F32, 1, D(2), 0x1.000002p0f + 0x1p-24f, 16777216);
	IN(I64, 1, D(3), 7, -7, 7);
	IN(I64, 1, D(3), 0, 2, -2);
	GIVES(DIV, I64, 1, D(3), 0, -3, -3);
	IN(I64, 1, D(4), 7, -7, 7, -7);
	IN(I64, 1, D(4), 0, 3, -3, -3);
	GIVES(MOD, I64, 1, D(4), 0, 2, -2, -1);
	IN(I64, 1, D(2), -7, 7);
	IN(I64, 1, D(2), 3, -3);
	ints[0] = 1;
	GIVES(MOD, I64, 1, D(2), -1, 1);
	/* The least integer has no negative. */
	IN(I64, 1, D(1), (double)INT64_MIN);
	IN(I64, 1, D(1), -1);
	GIVES(DIV, I64, 1, D(1), (double)INT64_MIN);
	IN(I64, 1, D(1), (double)INT64_MIN);
	IN(I64, 1, D(1), -1);
	GIVES(MOD, I64, 1, D(1), 0);
	IN(I32, 1, D(1), 2147483647);
	IN(I32, 1, D(1), 1);
	GIVES(ADD, I32, 1, D(1), -2147483648.0);
	IN(U8, 1, D(1), 200);
	IN(U8, 1, D(1), 100);
	GIVES(ADD, U8, 1, D(1), 44);
	IN(F32, 2, D(2, 1), 1, 2);
	IN(F32, 1, D(3), 10, 20, 30);
	GIVES(MUL, F32, 2, D(2, 3), 10, 20, 30, 20, 40, 60);
	IN(F32, 1, D(2), 1, 2);
	IN(F32, 1, D(3), 1, 2, 3);
	FAILS(ADD, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(1), 1);
	IN(I64, 1, D(1), 1);
	FAILS(ADD, F32, HOSTOP_INVALID);
	IN(BOOL, 1, D(1), 1);
	IN(BOOL, 1, D(1), 1);
	FAILS(ADD, BOOL, HOSTOP_INVALID);
	IN(F32, 1, D(3), NAN, 1, 2);
	IN(F32, 1, D(3), NAN, 1, 1);
	GIVES(EQUAL, BOOL, 1, D(3), 0, 1, 0);
	IN(F32, 1, D(2), NAN, 2);
	IN(F32, 1, D(2), 1, NAN);
	GIVES(MAX, F32, 1, D(2), NAN, NAN);
	IN(F32, 1, D(4), 0.5, 1.5, -2.5, NAN);
	GIVES(ROUND, F32, 1, D(4), 0, 2, -2, NAN);
	IN(F32, 1, D(3), -1, NAN, 9);
	IN(F32, 0, D(0), 0);
	IN(F32, 0, D(0), 5);
	GIVES(CLIP, F32, 1, D(3), 0, NAN, 5);
	IN(F32, 1, D(4), NAN, 300, -1, 1e30);
	GIVES(CAST, U8, 1, D(4), 0, 255, 0, 255);
	IN(I64, 1, D(2), 257, -1);
	GIVES(CAST, U8, 1, D(2), 1, 255);
	IN(F32, 1, D(1), 65520);
	GIVES(CAST, F16, 1, D(1), INFINITY);
}

/* Every one at a place that shows whether its parameters arrive. */
static void functions(void)
{
	static const struct {
		uint32_t op;
		double alpha, beta;
		int64_t flag;
		double x, y;
	} at[] = {
		{ NEURON_HOST_EXP, 0, 0, 0, 1, M_E },
		{ NEURON_HOST_EXP, 0, 0, 0, 89, INFINITY },
		{ NEURON_HOST_LOG, 0, 0, 0, 10, M_LN10 },
		{ NEURON_HOST_LOG, 0, 0, 0, -1, NAN },
		{ NEURON_HOST_SIN, 0, 0, 0, 1, 0.84147098480789650 },
		{ NEURON_HOST_COS, 0, 0, 0, 1, 0.54030230586813972 },
		{ NEURON_HOST_TANH, 0, 0, 0, -1, -0.76159415595576489 },
		{ NEURON_HOST_SIGMOID, 0, 0, 0, 1, 0.73105857863000488 },
		{ NEURON_HOST_SIGMOID, 0, 0, 0, -1000, 0 },
		{ NEURON_HOST_ERF, 0, 0, 0, 0.5, 0.52049987781304654 },
		{ NEURON_HOST_SOFTPLUS, 0, 0, 0, 1, 1.3132616875182228 },
		{ NEURON_HOST_SOFTPLUS, 0, 0, 0, 1000, 1000 },
		{ NEURON_HOST_SOFTSIGN, 0, 0, 0, -3, -0.75 },
		{ NEURON_HOST_HARD_SWISH, 0, 0, 0, 1, 1 * (1 / 6.0 + 0.5) },
		{ NEURON_HOST_MISH, 0, 0, 0, 1, 0.86509838826731034 },
		{ NEURON_HOST_LEAKY_RELU, 0.25, 0, 0, -2, -0.5 },
		{ NEURON_HOST_LEAKY_RELU, 0.25, 0, 0, NAN, NAN },
		{ NEURON_HOST_ELU, 2, 0, 0, -1, -1.2642411176571153 },
		{ NEURON_HOST_SELU, 2, 3, 0, -1, -3.7927233529713459 },
		{ NEURON_HOST_HARD_SIGMOID, 0.25, 0.5, 0, 1, 0.75 },
		{ NEURON_HOST_HARD_SIGMOID, 0.25, 0.5, 0, 9, 1 },
		{ NEURON_HOST_GELU, 0, 0, 0, 1, 0.84134474606854293 },
		{ NEURON_HOST_GELU, 0, 0, 1, 1, 0.84119199060827676 },
	};
	static const uint32_t types[] = { F32, F64, F16 };
	unsigned int i, t;
	double y;

	for (i = 0; i < sizeof(at) / sizeof(at[0]); i++) {
		for (t = 0; t < 3; t++) {
			forget();
			IN(types[t], 1, D(1), at[i].x);
			floats[0] = at[i].alpha;
			floats[1] = at[i].beta;
			ints[0] = at[i].flag;
			if (types[t] == F64 && isinf(at[i].y))
				continue;
			CHECK_EQ(run(at[i].op, types[t]), HOSTOP_OK);
			y = hostop_double(types[t], out[0].data, 0);
			if (y == at[i].y || (isnan(y) && isnan(at[i].y)) ||
			    fabs(y - at[i].y) <= fabs(at[i].y) * (types[t] == F64 ? 1e-14 :
								  types[t] == F32 ? 6e-8 : 5e-4))
				continue;
			printf("# %s(%g), type %u: %.17g, not %.17g\n",
			       hostop_info(at[i].op)->name, at[i].x, types[t], y, at[i].y);
			ktap_failed = true;
		}
	}
	forget();
	IN(I64, 1, D(1), 1);
	FAILS(EXP, I64, HOSTOP_INVALID);
	IN(F32, 1, D(1), 1);
	FAILS(TANH, F64, HOSTOP_INVALID);
	IN(F32, 1, D(4), NAN, INFINITY, -INFINITY, 1);
	GIVES(IS_NAN, BOOL, 1, D(4), 1, 0, 0, 0);
	IN(F32, 1, D(4), NAN, INFINITY, -INFINITY, 1);
	ints[0] = 1;
	GIVES(IS_INF, BOOL, 1, D(4), 0, 0, 1, 0);
	IN(F32, 1, D(4), NAN, INFINITY, -INFINITY, 1);
	ints[1] = 1;
	GIVES(IS_INF, BOOL, 1, D(4), 0, 1, 0, 0);
	IN(F32, 2, D(2, 1), 2, 9);
	IN(I64, 1, D(2), 3, -1);
	GIVES(POW, F32, 2, D(2, 2), 8, 0.5, 729, (float)(1 / 9.0));
	/* Integers wrap; what is no integer is 0. */
	IN(I32, 1, D(5), 3, 65536, 2, -1, 0);
	IN(I64, 1, D(5), 4, 2, -1, -3, -1);
	GIVES(POW, I32, 1, D(5), 81, 0, 0, -1, 0);
	IN(I64, 1, D(2), 9, 2);
	IN(F32, 1, D(2), 0.5, -1);
	GIVES(POW, I64, 1, D(2), 3, 0);
	IN(BOOL, 1, D(1), 1);
	IN(I64, 1, D(1), 1);
	FAILS(POW, BOOL, HOSTOP_INVALID);
	IN(F32, 2, D(2, 2), -1, -2, 3, -4);
	IN(F32, 1, D(2), 0.5, 2);
	GIVES(PRELU, F32, 2, D(2, 2), -0.5, -4, 3, -8);
	IN(F32, 1, D(1), -1);
	IN(F64, 1, D(1), 0.5);
	FAILS(PRELU, F32, HOSTOP_INVALID);
}

static void reductions(void)
{
	forget();
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	IN(I64, 1, D(1), -1);
	GIVES(REDUCE_SUM, F32, 1, D(2), 6, 15);
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	ints[0] = 1;
	GIVES(REDUCE_MEAN, F32, 2, D(1, 1), 3.5);
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	ints[1] = 1;
	GIVES(REDUCE_PROD, F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	IN(F32, 2, D(2, 2), 1, NAN, 3, 4);
	IN(I64, 1, D(1), 0);
	GIVES(REDUCE_MAX, F32, 1, D(2), 3, NAN);
	IN(F32, 2, D(0, 2), 0);
	IN(I64, 1, D(1), 0);
	GIVES(REDUCE_SUM, F32, 1, D(2), 0, 0);
	IN(F32, 2, D(0, 2), 0);
	IN(I64, 1, D(1), 0);
	FAILS(REDUCE_MIN, F32, HOSTOP_BAD_INPUT);
	IN(I64, 2, D(1, 3), 4, 4, 1);
	ints[0] = 1;
	ints[2] = 1;
	GIVES(ARG_MAX, I64, 1, D(1), 1);
	IN(F32, 1, D(0), 0);
	FAILS(ARG_MIN, I64, HOSTOP_BAD_INPUT);
	IN(I64, 1, D(3), 1, 2, 3);
	IN(I64, 0, D(0), 0);
	ints[0] = 1;
	ints[1] = 1;
	GIVES(CUM_SUM, I64, 1, D(3), 5, 3, 0);
	IN(F32, 2, D(2, 2), 0, 2, 3, 4);
	GIVES(DET, F32, 0, D(0), -6);
	IN(F32, 2, D(2, 2), 1, 2, 2, 4);
	GIVES(DET, F32, 0, D(0), 0);
	IN(F32, 2, D(0, 0), 0);
	GIVES(DET, F32, 0, D(0), 1);
	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	FAILS(DET, F32, HOSTOP_BAD_INPUT);
	IN(F32, 2, D(2, 2), 3, -4, 6, 8);
	IN(I64, 1, D(1), 1);
	GIVES(REDUCE_L2, F32, 1, D(2), 5, 10);
	IN(F32, 1, D(2), 3, -4);
	GIVES(REDUCE_L1, F32, 0, D(0), 7);
	IN(I32, 1, D(2), 3, -4);
	GIVES(REDUCE_L1, I32, 0, D(0), 7);
	IN(I32, 1, D(2), 3, -4);
	GIVES(REDUCE_SUM_SQUARE, I32, 0, D(0), 25);
	IN(I32, 1, D(2), 3, -4);
	FAILS(REDUCE_L2, I32, HOSTOP_INVALID);
	/* No exponential overflows, and nothing is not a number. */
	IN(F32, 2, D(4, 2), 5000, 5000, -INFINITY, -INFINITY, INFINITY, 1, -5000, -INFINITY);
	IN(I64, 1, D(1), 1);
	GIVES(REDUCE_LOG_SUM_EXP, F32, 1, D(4), (float)(5000 + M_LN2), -INFINITY, INFINITY, -5000);
	IN(F32, 2, D(2, 0), 0);
	IN(I64, 1, D(1), 1);
	GIVES(REDUCE_LOG_SUM_EXP, F32, 1, D(2), -INFINITY, -INFINITY);
}

static void normalisation(void)
{
	forget();
	IN(F32, 2, D(2, 2), 0, (float)log(3), 1000, 1000);
	ints[0] = -1;
	GIVES(SOFTMAX, F32, 2, D(2, 2), 0.25, 0.75, 0.5, 0.5);
	IN(F64, 2, D(2, 2), 0, 7, 0, 7);
	GIVES(LOG_SOFTMAX, F64, 2, D(2, 2), -M_LN2, -M_LN2, -M_LN2, -M_LN2);
	IN(F32, 2, D(2, 0), 0);
	ints[0] = 1;
	GIVES(SOFTMAX, F32, 2, D(2, 0), 0);
	IN(F32, 0, D(0), 1);
	FAILS(SOFTMAX, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(1), 1);
	ints[0] = INT64_MIN;
	FAILS(SOFTMAX, F32, HOSTOP_BAD_INPUT);
	IN(F32, 2, D(2, 2), 1, 3, 10, 10);
	IN(F32, 1, D(2), 1, 10);
	IN(F32, 0, D(0), 5);
	ints[0] = 1;
	GIVES(LAYER_NORM, F32, 2, D(2, 2), 4, 15, NAN, NAN);
	IN(F32, 2, D(2, 2), 1, 3, 10, 10);
	IN(F32, 1, D(1), 2);
	ints[0] = 1;
	floats[0] = 3;
	GIVES(LAYER_NORM, F32, 2, D(2, 2), -1, 1, 0, 0);
	/* The scale is none that makes the result larger than the input. */
	IN(F32, 2, D(1, 2), 1, 3);
	IN(F32, 2, D(2, 2), 1, 1, 1, 1);
	FAILS(LAYER_NORM, F32, HOSTOP_BAD_INPUT);
	IN(F32, 2, D(1, 2), 1, 3);
	IN(F32, 1, D(3), 1, 1, 1);
	FAILS(LAYER_NORM, F32, HOSTOP_BAD_INPUT);
}

static void frames(void)
{
	forget();
	IN(I64, 2, D(1, 3), 1, 2, 3);
	IN(I64, 1, D(4), 1, -1, 0, 2);
	IN(I64, 0, D(0), 9);
	GIVES(PAD, I64, 2, D(2, 4), 9, 9, 9, 9, 2, 3, 9, 9);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(2), 2, 1);
	ints[0] = 1;
	GIVES(PAD, F32, 1, D(6), 3, 2, 1, 2, 3, 2);
	/* What is cut off is not reflected. */
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(2), -1, 1);
	ints[0] = 1;
	GIVES(PAD, F32, 1, D(3), 2, 3, 2);
	IN(F32, 1, D(3), 1, 2, 3);
	IN(I64, 1, D(2), 3, 0);
	ints[0] = 1;
	FAILS(PAD, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), 1, 2);
	ints[0] = 2;
	GIVES(PAD, F32, 1, D(5), 1, 1, 2, 2, 2);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), 3, 1);
	ints[0] = 3;
	GIVES(PAD, F32, 1, D(6), 2, 1, 2, 1, 2, 1);
	IN(F32, 1, D(0), 0);
	IN(I64, 1, D(2), 1, 1);
	ints[0] = 2;
	FAILS(PAD, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), -2, -1);
	FAILS(PAD, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), 0x1p31, 0);
	FAILS(PAD, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(2), 1, 2);
	IN(I64, 1, D(2), 0, 0);
	ints[0] = 4;
	FAILS(PAD, F32, HOSTOP_INVALID);
	/* One axis, a dimension without elements, and one that is to be very long. */
	IN(F32, 2, D(0, 1), 0);
	IN(I64, 1, D(2), 0x1p30, 0);
	add_none();
	IN(I64, 1, D(1), -1);
	GIVES(PAD, F32, 2, D(0, 1073741825), 0);

	IN(U8, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	IN(I64, 1, D(2), 2, 1);
	ints[0] = 1;
	ints[1] = 2;
	call.num_out = 2;
	mosts[1] = &most[1];
	most[1].dtype = U8;
	CHECK_EQ(run(NEURON_HOST_SPLIT, U8), HOSTOP_OK);
	CHECK_EQ(out[0].dims[1], 2);
	CHECK_EQ(((uint8_t *)out[0].data)[2], 4);
	CHECK_EQ(out[1].dims[1], 1);
	CHECK_EQ(((uint8_t *)out[1].data)[1], 6);
	forget();
	/* Equal parts of 5 in 3: the last is shorter. The first only is wanted. */
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	ints[1] = 3;
	GIVES(SPLIT, F32, 1, D(2), 1, 2);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(1), 4);
	ints[1] = 1;
	FAILS(SPLIT, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	IN(I64, 1, D(2), 6, -1);
	ints[1] = 2;
	FAILS(SPLIT, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	FAILS(SPLIT, F32, HOSTOP_INVALID);
	IN(F32, 1, D(5), 1, 2, 3, 4, 5);
	ints[1] = INT64_MAX;
	FAILS(SPLIT, F32, HOSTOP_INVALID);

	IN(F32, 2, D(2, 3), 1, 2, 3, 4, 5, 6);
	IN(I64, 0, D(0), 1);
	ints[0] = 1;
	GIVES(TRILU, F32, 2, D(2, 3), 0, 2, 3, 0, 0, 6);
	IN(F32, 2, D(2, 2), 1, 2, 3, 4);
	IN(I64, 0, D(0), (double)INT64_MIN);
	GIVES(TRILU, F32, 2, D(2, 2), 0, 0, 0, 0);
	IN(F32, 1, D(2), 1, 2);
	FAILS(TRILU, F32, HOSTOP_INVALID);
}

static void texts(void)
{
	char longest[NEURON_NEFF_STRING_SIZE];

	forget();
	add_strings("monday\0Tuesday\0MONDAY", 3);
	add_strings("monday", 1);
	ints[0] = 2;
	CHECK_EQ(run(NEURON_HOST_STRING_NORMALIZER, STR), HOSTOP_OK);
	CHECK_EQ(out[0].dims[0], 1);
	CHECK_STR(string(0), "TUESDAY");
	forget();
	add_strings("monday\0MONDAY", 2);
	add_strings("monday", 1);
	ints[1] = 1;
	CHECK_EQ(run(NEURON_HOST_STRING_NORMALIZER, STR), HOSTOP_OK);
	CHECK_STR(string(0), "MONDAY");
	forget();
	add_strings("ab\0", 2);
	add_strings("c", 1);
	CHECK_EQ(run(NEURON_HOST_STRING_CONCAT, STR), HOSTOP_OK);
	CHECK_STR(string(0), "abc");
	CHECK_STR(string(1), "c");
	forget();
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	add_strings(longest, 1);
	add_strings("c", 1);
	FAILS(STRING_CONCAT, STR, HOSTOP_TOO_LARGE);
	add_strings("1.5\0-INF\0nan\0 7 ", 4);
	GIVES(CAST, F32, 1, D(4), 1.5, -INFINITY, NAN, 7);
	add_strings("1.5x", 1);
	FAILS(CAST, F32, HOSTOP_BAD_INPUT);
	add_strings("", 1);
	FAILS(CAST, F32, HOSTOP_BAD_INPUT);
	IN(F32, 1, D(4), 0.1f, -INFINITY, NAN, 16777216);
	CHECK_EQ(run(NEURON_HOST_CAST, STR), HOSTOP_OK);
	CHECK_STR(string(0), "0.1");
	CHECK_STR(string(1), "-INF");
	CHECK_STR(string(2), "NaN");
	CHECK_STR(string(3), "16777216");
	forget();
	add_strings("b\0z", 2);
	add_strings("a\0b", 2);
	IN(I64, 1, D(2), 10, 11);
	IN(I64, 0, D(0), -1);
	GIVES(LABEL_ENCODER, I64, 1, D(2), 11, -1);
	add_strings("b", 1);
	add_strings("a", 1);
	GIVES(EQUAL, BOOL, 1, D(1), 0);
	add_strings("b", 1);
	add_strings("a", 1);
	FAILS(ADD, STR, HOSTOP_INVALID);
	add_strings("b", 1);
	FAILS(NONZERO, I64, HOSTOP_INVALID);
}

/* Pools and indices that do not fit each other are not followed. */
static void grams(void)
{
	static const double starts[][2] = { { 0, 2 }, { 0, 9 }, { 3, 2 }, { -1, 2 } };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		forget();
		IN(I64, 1, D(3), 1, 2, 1);
		IN(I64, 1, D(4), 1, 2, 1, 2);
		IN(I64, 1, D(2), starts[i][0], starts[i][1]);
		IN(I64, 1, D(3), 0, 1, 2);
		ints[1] = 1;
		ints[2] = 2;
		CHECK_EQ(run(NEURON_HOST_TFIDF_VECTORIZER, F32), HOSTOP_OK);
		CHECK_EQ(out[0].dims[0], 3);
		if (!i) {
			CHECK_EQ(((float *)out[0].data)[0], 2);
			CHECK_EQ(((float *)out[0].data)[1], 1);
			CHECK_EQ(((float *)out[0].data)[2], 1);
		}
	}
	forget();
	IN(I64, 1, D(3), 1, 2, 1);
	IN(I64, 1, D(1), 1);
	IN(I64, 1, D(1), 0);
	IN(I64, 1, D(1), -1);
	ints[1] = 1;
	ints[2] = 1;
	FAILS(TFIDF_VECTORIZER, F32, HOSTOP_BAD_INDEX);
	IN(I64, 1, D(3), 1, 2, 1);
	IN(I64, 1, D(1), 1);
	IN(I64, 1, D(1), 0);
	IN(I64, 1, D(1), 0);
	ints[1] = 1;
	ints[2] = INT64_MAX;
	FAILS(TFIDF_VECTORIZER, F32, HOSTOP_INVALID);
}

static double mean_of(uint32_t op, double a, double b, uint32_t n, double *spread)
{
	double sum = 0, squares = 0, x;
	uint32_t i;

	forget();
	floats[0] = a;
	floats[1] = b;
	most[0].rank = 1;
	most[0].dims[0] = n;
	CHECK_EQ(run(op, F32), HOSTOP_OK);
	for (i = 0; i < n && out[0].data; i++) {
		x = hostop_double(F32, out[0].data, i);
		sum += x;
		squares += x * x;
	}
	*spread = sqrt(squares / n - sum / n * (sum / n));
	return sum / n;
}

/* Means and spreads within five standard errors, of a fixed beginning. */
static void numbers_by_chance(void)
{
	uint32_t i, ones = 0;
	double spread;

	CHECK(fabs(mean_of(NEURON_HOST_RANDOM_NORMAL, 3, 2, 100000, &spread) - 3) < 0.04);
	CHECK(fabs(spread - 2) < 0.03);
	CHECK(fabs(mean_of(NEURON_HOST_RANDOM_UNIFORM, -1, 3, 100000, &spread) - 1) < 0.02);
	CHECK(fabs(spread - 4 / sqrt(12)) < 0.01);
	forget();
	/* In the shape of an input, whose type is another one; the same seed, the same numbers. */
	for (i = 0; i < 2; i++) {
		IN(I64, 2, D(2, 3), 0, 0, 0, 0, 0, 0);
		ints[0] = 1;
		ints[1] = 7;
		floats[0] = 5;
		floats[1] = 6;
		CHECK_EQ(run(NEURON_HOST_RANDOM_UNIFORM_LIKE, F64), HOSTOP_OK);
		CHECK_EQ(out[0].dims[0] * out[0].dims[1], 6);
		CHECK(((double *)out[0].data)[5] > 5 && ((double *)out[0].data)[5] < 6);
		spread = i ? spread - ((double *)out[0].data)[5] : ((double *)out[0].data)[5];
		forget();
	}
	CHECK(spread == 0);
	IN(F32, 1, D(1), 0);
	FAILS(RANDOM_NORMAL_LIKE, I64, HOSTOP_INVALID);
	IN(F32, 1, D(3), 0, 1, NAN);
	GIVES(BERNOULLI, F32, 1, D(3), 0, 1, 0);
	IN(F32, 2, D(1, 2), 0, log(3));
	ints[2] = 10000;
	CHECK_EQ(run(NEURON_HOST_MULTINOMIAL, I32), HOSTOP_OK);
	for (i = 0; i < 10000; i++)
		ones += ((int32_t *)out[0].data)[i];
	CHECK(fabs(ones - 7500.0) < 220);
	forget();
	IN(F32, 1, D(4), 1, 2, 3, 4);
	IN(F32, 0, D(0), 0.5);
	IN(BOOL, 0, D(0), 0);
	GIVES(DROPOUT, F32, 1, D(4), 1, 2, 3, 4);
	IN(F32, 1, D(4), 1, 2, 3, 4);
	IN(F32, 0, D(0), 1);
	FAILS(DROPOUT, F32, HOSTOP_BAD_INPUT);
}

/*
 * Every operator, with inputs of any type and shape: it ends well or not, and a
 * sanitizer has nothing to say. Results keep to their bounds.
 */
static void draw_tensor(struct hostop_tensor *t)
{
	static const int64_t odd[] = { 0, 1, -1, 2, -2, 3, INT64_MAX, INT64_MIN, 1 << 20 };
	uint64_t i;

	t->dtype = draw(4) ? (draw(2) ? F32 : I64) : draw(NEURON_NEFF_NUM_DTYPES);
	t->rank = draw(4);
	for (i = 0; i < t->rank; i++)
		t->dims[i] = draw(4);
	/* Of their own size, so that a sanitizer sees what is read behind it. */
	t->data = malloc(hostop_count(t) * hostop_size(t->dtype) + !hostop_count(t));
	memset(t->data, 0, hostop_count(t) * hostop_size(t->dtype));
	for (i = 0; i < hostop_count(t); i++) {
		if (t->dtype == STR)
			((char *)t->data)[i * NEURON_NEFF_STRING_SIZE] = 'a' + draw(3);
		else
			hostop_put_int(t->dtype, t->data, (int64_t)i,
				       t->dtype == BOOL ? draw(2) : odd[draw(9)]);
	}
}

static void anything(void)
{
	unsigned int turn, i, good = 0;

	for (turn = 0; turn < 300000; turn++) {
		const struct hostop_info *info;
		uint32_t d;

		forget();
		call.op = draw(NEURON_HOST_NUM_OPS);
		/* Else results may be as large as memory. */
		call.bounded = true;
		info = hostop_info(call.op);
		call.num_in = draw(info->max_in > MAX ? MAX : info->max_in + 1);
		for (i = 0; i < call.num_in; i++) {
			draw_tensor(&in[i]);
			ins[i] = draw(10) ? &in[i] : NULL;
		}
		call.num_out = 1 + draw(info->max_out > MAX_OUT ? MAX_OUT : info->max_out);
		for (i = 0; i < call.num_out; i++) {
			most[i].dtype = draw(3) ? in[0].dtype : draw(NEURON_NEFF_NUM_DTYPES);
			if (draw(3) == 1)
				most[i].dtype = I64;
			most[i].rank = draw(5);
			for (d = 0; d < most[i].rank; d++)
				most[i].dims[d] = draw(20);
			mosts[i] = draw(5) ? &most[i] : NULL;
		}
		for (i = 0; i < NEURON_NEFF_STEP_INTS; i++)
			ints[i] = draw(10) ? (int64_t)draw(4) - 1 : INT64_MIN;
		floats[0] = draw(3);
		floats[1] = draw(2) ? 1 : NAN;
		chance.state = turn;
		if (hostop_run(&call))
			continue;
		good++;
		for (i = 0; i < call.num_out; i++) {
			if (!mosts[i])
				continue;
			CHECK_EQ(out[i].dtype, most[i].dtype);
			for (d = 0; d < out[i].rank; d++)
				CHECK(out[i].dims[d] <= most[i].dims[d]);
		}
		if (ktap_failed)
			break;
	}
	forget();
	CHECK(good > 5000);
}

/* Shapes whose parts overflow are none, though they have no elements. */
static void overflow(void)
{
	forget();
	/* Of which nothing is wanted. */
	IN(F32, 1, D(1), 1);
	call.op = NEURON_HOST_CAST;
	CHECK_EQ(hostop_run(&call), HOSTOP_OK);
	CHECK(!out[0].data);
	forget();
	in[0] = (struct hostop_tensor) {
		.dtype = F32, .rank = 4, .dims = { UINT32_MAX, UINT32_MAX, UINT32_MAX, 0 },
		.data = malloc(1),
	};
	ins[0] = &in[0];
	call.num_in = 1;
	FAILS(IDENTITY, F32, HOSTOP_INVALID);
	CHECK(!hostop_info(NEURON_HOST_NUM_OPS));
	CHECK(!hostop_reason(0));
	CHECK(!hostop_reason(NEURON_HOST_NUM_REASONS));
}

int main(void)
{
	ktap_run("choosing elements", choosing);
	ktap_run("non-maximum suppression", suppression);
	ktap_run("shapes", shapes);
	ktap_run("moving elements", moving);
	ktap_run("indices", indices);
	ktap_run("arithmetic", arithmetic);
	ktap_run("functions of floats", functions);
	ktap_run("reductions", reductions);
	ktap_run("normalisation", normalisation);
	ktap_run("frames and parts", frames);
	ktap_run("strings", texts);
	ktap_run("n-grams", grams);
	ktap_run("random numbers", numbers_by_chance);
	ktap_run("anything at all", anything);
	ktap_run("shapes that overflow", overflow);
	return ktap_done();
}
