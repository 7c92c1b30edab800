// SPDX-License-Identifier: MIT
/*
 * The host's RNN, GRU and LSTM: what can be worked out by hand, and any numbers at all. As
 * ONNX Runtime has them: tests/conformance/operator-fuzz.
 */
#include "hostops.h"

#define FUNCTIONS(f, g, h)	((f) | (g) << 4 | (h) << 8 | (int64_t)((f) | (g) << 4 | (h) << 8) << 12)

enum { SIGMOID, TANH, RELU };

/* y = x + what was before, of one number each. */
static void sums(void)
{
	static const double to[4][4] = { { 1, 3, 6, 10 }, { 10, 9, 7, 4 } };
	unsigned int dir;

	for (dir = 0; dir < 2; dir++) {
		IN(F32, 3, D(4, 1, 1), 1, 2, 3, 4);
		IN(F32, 3, D(1, 1, 1), 1);
		IN(F32, 3, D(1, 1, 1), 1);
		ints[0] = dir;
		ints[3] = FUNCTIONS(RELU, 0, 0);
		GIVES(RNN, F32, 4, D(4, 1, 1, 1), to[dir][0], to[dir][1], to[dir][2], to[dir][3]);
	}
	/* Both, two sequences that are 2 and 3 long, with a bias and a beginning. */
	IN(F16, 3, D(3, 2, 1), 1, 10, 2, 20, 4, 40);
	IN(F16, 3, D(2, 1, 1), 1, 2);
	IN(F16, 3, D(2, 1, 1), 1, 1);
	IN(F16, 2, D(2, 2), 1, 0, 0, 0);
	IN(I32, 1, D(2), 2, 3);
	IN(F16, 3, D(2, 2, 1), 100, 200, 300, 400);
	ints[0] = 2;
	ints[3] = FUNCTIONS(RELU, 0, 0);
	GIVES(RNN, F16, 4, D(3, 2, 2, 1), 102, 211, 306, 540, 105, 232, 304, 520, 0, 273, 0, 480);
	/* The batch comes first, and nothing is beyond the clip. */
	IN(F32, 3, D(1, 2, 1), 5, -7);
	IN(F32, 3, D(1, 1, 1), 1);
	IN(F32, 3, D(1, 1, 1), 0);
	ints[1] = 1;
	ints[3] = FUNCTIONS(RELU, 0, 0);
	floats[0] = 3;
	GIVES(RNN, F32, 4, D(1, 2, 1, 1), 3, 0);
	/* No step at all: the state is what it was. */
	IN(F32, 3, D(0, 1, 1), 0);
	IN(F32, 3, D(1, 1, 1), 1);
	IN(F32, 3, D(1, 1, 1), 1);
	add_none();
	add_none();
	IN(F32, 3, D(1, 1, 1), 7);
	call.num_out = 2;
	mosts[1] = &most[1];
	most[1].dtype = F32;
	CHECK_EQ(run(NEURON_HOST_RNN, F32), HOSTOP_OK);
	CHECK_EQ(hostop_count(&out[0]), 0);
	CHECK_EQ(hostop_double(F32, out[1].data, 0), 7);
	forget();
}

/* Weights of zero: gates are half open. */
static void gates(void)
{
	double h = 8, c = 4;

	IN(F32, 3, D(1, 1, 1), 9);
	IN(F32, 3, D(1, 3, 1), 0, 0, 0);
	IN(F32, 3, D(1, 3, 1), 0, 0, 0);
	add_none();
	add_none();
	IN(F32, 3, D(1, 1, 1), h);
	ints[3] = FUNCTIONS(SIGMOID, TANH, 0);
	GIVES(GRU, F32, 4, D(1, 1, 1, 1), h / 2);
	/* The last gate's own bias counts as much as the reset gate lets through, or all. */
	for (ints[2] = 0; ints[2] < 2; ints[2]++) {
		int64_t before = ints[2];

		IN(F32, 3, D(1, 1, 1), 0);
		IN(F32, 3, D(1, 3, 1), 0, 0, 0);
		IN(F32, 3, D(1, 3, 1), 0, 0, 0);
		IN(F32, 2, D(1, 6), 0, 0, 0, 0, 0, 10);
		ints[2] = before;
		ints[3] = FUNCTIONS(SIGMOID, RELU, 0);
		GIVES(GRU, F32, 4, D(1, 1, 1, 1), before ? 2.5 : 5);
		ints[2] = before;
	}
	IN(F32, 3, D(1, 1, 1), 9);
	IN(F32, 3, D(1, 4, 1), 0, 0, 0, 0);
	IN(F32, 3, D(1, 4, 1), 0, 0, 0, 0);
	add_none();
	add_none();
	IN(F32, 3, D(1, 1, 1), h);
	IN(F32, 3, D(1, 1, 1), c);
	ints[3] = FUNCTIONS(SIGMOID, TANH, RELU);
	GIVES(LSTM, F32, 4, D(1, 1, 1, 1), c / 4);
	/* Peepholes: large ones close and open gates. */
	IN(F32, 3, D(1, 1, 1), 3);
	IN(F32, 3, D(1, 4, 1), 0, 0, 0, 1);
	IN(F32, 3, D(1, 4, 1), 0, 0, 0, 0);
	add_none();
	add_none();
	add_none();
	IN(F32, 3, D(1, 1, 1), c);
	IN(F32, 2, D(1, 3), 1000, 1000, -1000);
	ints[3] = FUNCTIONS(SIGMOID, RELU, RELU);
	GIVES(LSTM, F32, 4, D(1, 1, 1, 1), 3);
}

static void refused(void)
{
	unsigned int i;

	for (i = 0; i < 7; i++) {
		IN(F32, i == 0 ? 2 : 3, D(2, 1, 3), 1, 2, 3, 4, 5, 6);
		IN(F32, 3, D(1, 2, 3), 1, 2, 3, 4, 5, 6);
		IN(F32, 3, D(1, 2, 2), 1, 2, 3, 4);
		in[1].dims[0] = i == 1 ? 2 : 1;
		in[2].dims[2] = i == 2 ? 1 : 2;
		ints[0] = i == 3 ? 3 : i == 4 ? -1 : i == 5 ? 2 : 0;
		if (i == 6)
			IN(F32, 2, D(1, 3), 1, 2, 3);
		FAILS(RNN, F32, HOSTOP_BAD_INPUT);
	}
	IN(F32, 3, D(1, 1, 1), 1);
	IN(F32, 3, D(1, 1, 1), 1);
	IN(F32, 3, D(1, 1, 1), 1);
	ints[3] = 15;
	FAILS(RNN, F32, HOSTOP_INVALID);
	IN(I64, 3, D(1, 1, 1), 1);
	IN(I64, 3, D(1, 1, 1), 1);
	IN(I64, 3, D(1, 1, 1), 1);
	FAILS(RNN, I64, HOSTOP_INVALID);
	/* Nothing in, and more gates than there is memory for. */
	IN(F32, 3, D(0, 0, 0), 0);
	in[0].dims[0] = 1u << 30;
	in[0].dims[1] = 1;
	IN(F32, 3, D(1, 256, 0), 0);
	IN(F32, 3, D(1, 256, 0), 0);
	in[2].dims[2] = 256;
	free(in[2].data);
	in[2].data = calloc(256 * 256, sizeof(float));
	FAILS(RNN, F32, HOSTOP_TOO_LARGE);
}

/* Shapes and parameters of any numbers: nothing is read or written beside what there is. */
static void anything(void)
{
	static const uint32_t ops[] = { NEURON_HOST_RNN, NEURON_HOST_GRU, NEURON_HOST_LSTM };
	static const double zeros[4096];
	unsigned int turn, i, good = 0;

	for (turn = 0; turn < 50000; turn++) {
		uint32_t which = draw(3), n = which == 2 ? 4 : which ? 3 : 1;
		uint32_t dirs = 1 + draw(2), steps = draw(4), batch = draw(3), width = draw(3);
		uint32_t hidden = draw(3), layout = draw(2);
		const uint32_t shapes[8][3] = {
			{ layout ? batch : steps, layout ? steps : batch, width },
			{ dirs, n * hidden, width }, { dirs, n * hidden, hidden },
			{ dirs, 2 * n * hidden, 0 }, { batch, 0, 0 },
			{ layout ? batch : dirs, layout ? dirs : batch, hidden },
			{ layout ? batch : dirs, layout ? dirs : batch, hidden },
			{ dirs, 3 * hidden, 0 },
		};
		static const uint32_t ranks[] = { 3, 3, 3, 2, 1, 3, 3, 2 };
		uint32_t wrong = draw(3) ? 8 : draw(8);

		forget();
		for (i = 0; i < (which == 2 ? 8 : 6); i++) {
			uint32_t dims[8] = { shapes[i][0], shapes[i][1], shapes[i][2] };

			if (i > 2 && draw(2)) {
				add_none();
				continue;
			}
			if (i == wrong)
				dims[draw(ranks[i])] += draw(2) ? 1 : -!!dims[0];
			if (dims[0] > 40 || dims[1] > 40 || dims[2] > 40)
				dims[0] = dims[1] = dims[2] = 1;
			add(i == 4 ? I32 : F32, ranks[i], dims, zeros);
			if (i == 4 && batch)
				((int32_t *)in[call.num_in - 1].data)[0] = (int32_t)draw(6) - 1;
		}
		ints[0] = dirs == 2 ? 2 : draw(2);
		ints[1] = layout;
		ints[2] = draw(2);
		ints[3] = FUNCTIONS(draw(5), draw(5), draw(5));
		floats[0] = draw(2);
		call.num_out = 1 + draw(which == 2 ? 3 : 2);
		for (i = 1; i < call.num_out; i++) {
			most[i].dtype = F32;
			mosts[i] = draw(2) ? &most[i] : NULL;
		}
		good += run(ops[which], F32) == HOSTOP_OK;
	}
	forget();
	CHECK(good > 1000);
}

int main(void)
{
	forget();
	ktap_run("sums", sums);
	ktap_run("gates", gates);
	ktap_run("refusals", refused);
	ktap_run("anything at all", anything);
	return ktap_done();
}
