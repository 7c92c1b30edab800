// SPDX-License-Identifier: MIT
/*
 * Repeated execution allocates nothing: what the library, the chip and its kernels
 * need for a model they keep. Counted below malloc(), for all threads.
 */
#include "tests/count_alloc.h"
#include "tests/unit/nrt_test.h"

#define N	256

/* y = x * w, [1, k] by [k, n], with w kept on the core; the PE's fast kernels. */
static void *product(uint32_t k, uint32_t n, const float *w, size_t *size)
{
	struct nb *b = malloc(sizeof(*b));
	unsigned int x, y, slot, sx, sw, sy;
	struct neuron_inst *inst;
	struct nb_program *p;
	void *file;

	nb_begin(b, "product");
	b->weights = w;
	b->weights_size = 4ull * k * n;
	x = nb_io(b, false, "x", NEURON_NEFF_F32, 1, &k);
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	slot = nb_slot(b, NEURON_NEFF_SLOT_WEIGHTS, b->weights_size);
	sx = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, k);
	sw = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, nb_align(4 * k), k * n);
	sy = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32,
		       nb_align(4 * k) + nb_align(4ull * k * n), n);
	inst = nb_load(b, sw, nb_tensor(b, NEURON_SPACE_SLOT, slot, NEURON_F32, 0, k * n));
	inst->flags = NEURON_INST_RESIDENT;
	nb_sync(inst, 0, 0, 0);
	nb_sync(nb_load(b, sx, nb_tensor(b, NEURON_SPACE_SLOT, x, NEURON_F32, 0, k)),
		0, 0, 0);
	inst = nb_inst(b, NEURON_OP_MATMUL, NEURON_ENGINE_PE);
	p = b->program;
	inst->operand[0] = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32,
				     p->tensors[sy].offset, n);
	inst->operand[1] = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, k);
	inst->operand[2] = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32,
				     p->tensors[sw].offset, n);
	for (int i = 0; i < 3; i++) {
		struct neuron_tensor *t = &p->tensors[inst->operand[i]];

		t->rank = 2;
		t->dims[1] = i == 1 ? k : n;
		t->dims[0] = i == 2 ? k : 1;
		t->strides[0] = t->dims[1];
		t->strides[1] = 1;
	}
	nb_sync(inst, 0, 2, 1);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, y, NEURON_F32, 0, n), sy),
		1, 1, -1);
	file = nb_end(b, size);
	free(b);
	return file;
}

static void executes(void *file, size_t size)
{
	static const nrt_tensor_placement_t placements[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST,
	};
	nrt_model_t *model = t_load(file, size);

	for (int i = 0; i < 2; i++) {
		nrt_tensor_set_t *in = t_all(model, NRT_TENSOR_USAGE_INPUT, placements[i]);
		nrt_tensor_set_t *out = t_all(model, NRT_TENSOR_USAGE_OUTPUT, placements[i]);

		/*
		 * Plans are made at first, and for what is constant once more; what
		 * it costs is computed when so many cores work for the first time.
		 */
		for (int k = 0; k < 5; k++)
			CHECK_OK(nrt_execute(model, in, out));
		for (int turn = 0; turn < 2 + NEURON_MAX_CORES; turn++) {
			count_begin();
			for (int k = 0; k < 100; k++)
				nrt_execute(model, in, out);
			count_end();
			if (!count_ours && !count_others)
				break;
		}
		CHECK_EQ(count_ours, 0);
		CHECK_EQ(count_others, 0);
		nrt_destroy_tensor_set(&in);
		nrt_destroy_tensor_set(&out);
	}
	CHECK_OK(nrt_unload(model));
}

static void vectors(void)
{
	float w[N] = { 1 };
	size_t size;
	void *file = nb_add(N, &size);

	executes(file, size);
	file = nb_weights(w, N, &size);
	executes(file, size);
	file = nb_two_cores(N, &size);
	executes(file, size);
}

static void matrices(void)
{
	enum { K = 512, M = 256 };
	float *w = malloc(4 * K * M);
	size_t size;
	void *file;

	for (int i = 0; i < K * M; i++)
		w[i] = i % 7 - 3;
	file = product(K, M, w, &size);
	executes(file, size);
	free(w);
}

int main(void)
{
	t_setup();
	if (!count_works()) {
		printf("1..0 # SKIP sanitizers have a malloc() of their own\n");
		return 0;
	}
	t_init();
	ktap_run("executions of vector work allocate nothing", vectors);
	ktap_run("executions of matrix work allocate nothing", matrices);
	nrt_close();
	return ktap_done();
}
