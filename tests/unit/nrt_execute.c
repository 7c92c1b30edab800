// SPDX-License-Identifier: MIT
/* Models: loading, executing, what can go wrong, and what each error says. */
#include <errno.h>
#include <math.h>
#include <neuron/regs.h>
#include <neuron/report.h>
#include "tests/unit/nrt_job.h"

static void adds(void)
{
	static const nrt_tensor_placement_t placements[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST,
		NRT_TENSOR_PLACEMENT_VIRTUAL,
	};
	struct neuron_times times;
	struct job job;
	size_t i;

	for (i = 0; i < 3; i++) {
		job = add_job(placements[i]);
		CHECK_OK(nrt_execute(job.model, job.in, job.out));
		check_sum(job.c);
		CHECK_OK(nrt_execute_repeat(job.model, job.in, job.out, 10));
		check_sum(job.c);
		CHECK_EQ(neuron_model_get_times(job.model, &times, sizeof(times)), 0);
		CHECK_EQ(times.executions, 11);
		CHECK_EQ(times.copied_bytes, 0);
		CHECK(times.run && times.load_check && times.load_upload && times.init);
		end_job(&job);
	}
}

/* What the chip cannot reach where it is gets copied. */
static void unreachable_tensors(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_HOST);
	nrt_tensor_t *mine, *big, *odd, *even;
	struct neuron_times times;

	CHECK_OK(nrt_tensor_allocate_empty("mine", &mine));
	CHECK_OK(nrt_tensor_attach_buffer(mine, input_a, sizeof(input_a)));
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "a", mine));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	CHECK_EQ(neuron_model_get_times(job.model, &times, sizeof(times)), 0);
	CHECK_EQ(times.copied_bytes, sizeof(input_a));
	input_a[0] += 1;	/* it is copied anew each time */
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	input_a[0] -= 1;

	big = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 10240);
	CHECK_OK(nrt_tensor_allocate_slice(big, 4, sizeof(output), "odd", &odd));
	CHECK_OK(nrt_tensor_allocate_slice(big, 64 * 80, sizeof(output), "even", &even));
	CHECK_OK(nrt_tensor_memset(big, 0, 0x5a, 10240));
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.out, "c", odd));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(odd);
	CHECK_OK(nrt_tensor_read(big, output, 0, 4));
	CHECK_EQ(*(unsigned char *)output, 0x5a);
	CHECK_OK(nrt_tensor_read(big, output, 4 + sizeof(output), 4));
	CHECK_EQ(*(unsigned char *)output, 0x5a);
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "a", job.a));
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.out, "c", even));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(even);
	CHECK_EQ(neuron_model_get_times(job.model, &times, sizeof(times)), 0);
	CHECK_EQ(times.copied_bytes, 0);
	nrt_tensor_free(&odd);
	nrt_tensor_free(&even);
	nrt_tensor_free(&big);
	nrt_tensor_free(&mine);
	end_job(&job);
}

/* One tensor as input twice, and as output, too. */
static void same_tensor(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	size_t i, wrong = 0;

	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "b", job.a));
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.out, "c", job.a));
	CHECK_OK(nrt_execute_repeat(job.model, job.in, job.out, 3));
	CHECK_OK(nrt_tensor_read(job.a, output, 0, sizeof(output)));
	for (i = 0; i < N; i++)
		wrong += output[i] != 8 * input_a[i];
	CHECK_EQ(wrong, 0);
	end_job(&job);
}

static void weights_and_scratch(void)
{
	float w[N], x[N], y[N];
	nrt_tensor_t *in, *out;
	nrt_tensor_set_t *ins, *outs;
	nrt_model_t *model;
	size_t size, i, wrong = 0;
	void *file;

	for (i = 0; i < N; i++) {
		w[i] = i * 0.5f;
		x[i] = 3.0f * i;
	}
	file = nb_weights(w, N, &size);
	memset(w, 0, sizeof(w));	/* the file has its own */
	model = t_load(file, size);
	in = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(x));
	out = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(y));
	ins = t_set("x", in, NULL);
	outs = t_set("y", out, NULL);
	CHECK_OK(nrt_tensor_write(in, x, 0, sizeof(x)));
	CHECK_OK(nrt_execute(model, ins, outs));
	CHECK_OK(nrt_tensor_read(out, y, 0, sizeof(y)));
	for (i = 0; i < N; i++)
		wrong += y[i] != 3.5f * i;
	CHECK_EQ(wrong, 0);
	CHECK_OK(nrt_unload(model));
	nrt_destroy_tensor_set(&ins);
	nrt_destroy_tensor_set(&outs);
	nrt_tensor_free(&in);
	nrt_tensor_free(&out);
}

static void types(void)
{
	static const struct {
		uint32_t file, slot, chip;
		nrt_dtype_t nrt;
	} types[] = {
		{ NEURON_NEFF_F32, NEURON_F32, NEURON_F32, NRT_DTYPE_FLOAT32 },
		{ NEURON_NEFF_BF16, NEURON_BF16, NEURON_BF16, NRT_DTYPE_BFLOAT16 },
		{ NEURON_NEFF_F16, NEURON_F16, NEURON_F16, NRT_DTYPE_FLOAT16 },
		{ NEURON_NEFF_I8, NEURON_I8, NEURON_I8, NRT_DTYPE_INT8 },
		{ NEURON_NEFF_U8, NEURON_U8, NEURON_U8, NRT_DTYPE_UINT8 },
		{ NEURON_NEFF_I32, NEURON_I32, NEURON_I32, NRT_DTYPE_INT32 },
		{ NEURON_NEFF_I64, NEURON_I64, NEURON_I32, NRT_DTYPE_INT64 },
		{ NEURON_NEFF_BOOL, NEURON_U8, NEURON_U8, NRT_DTYPE_UINT8 },
	};
	unsigned char data[64 * 8], back[64 * 8];
	nrt_tensor_info_array_t *infos;
	nrt_tensor_set_t *ins, *outs;
	nrt_tensor_t *in, *out;
	nrt_model_t *model;
	size_t i, k, size, bytes;
	void *file;

	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		file = nb_copy(types[i].file, types[i].slot, types[i].chip, 64, &size);
		model = t_load(file, size);
		CHECK_OK(nrt_get_model_tensor_info(model, &infos));
		CHECK_EQ(infos->tensor_count, 2);
		CHECK_EQ(infos->tensor_array[0].dtype, types[i].nrt);
		bytes = infos->tensor_array[0].size;
		CHECK_EQ(bytes, 64 * neff_dtype_size(types[i].file));
		for (k = 0; k < bytes; k++)
			data[k] = types[i].file == NEURON_NEFF_I64 && k % 8 > 1 ? 0 : k % 64;
		in = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, bytes);
		out = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, bytes);
		ins = t_set("x", in, NULL);
		outs = t_set("y", out, NULL);
		CHECK_OK(nrt_tensor_write(in, data, 0, bytes));
		CHECK_OK(nrt_execute(model, ins, outs));
		CHECK_OK(nrt_tensor_read(out, back, 0, bytes));
		CHECK(!memcmp(data, back, bytes));
		CHECK_OK(nrt_unload(model));
		nrt_destroy_tensor_set(&ins);
		nrt_destroy_tensor_set(&outs);
		nrt_tensor_free(&in);
		nrt_tensor_free(&out);
		nrt_free_model_tensor_info(infos);
	}
}

static void tensor_info(void)
{
	static const uint32_t dims[] = { 2, 1, 0, 7 };
	nrt_tensor_info_array_t *infos;
	struct nb *b = malloc(sizeof(*b));
	nrt_tensor_set_t *in, *out;
	nrt_tensor_t *s, *e, *y;
	nrt_model_t *model;
	size_t size;
	void *file;

	/* A scalar and an empty tensor come in; one comes out, which nobody writes. */
	nb_begin(b, "shapes");
	nb_io(b, false, "scalar", NEURON_NEFF_F32, 0, NULL);
	nb_io(b, false, "empty", NEURON_NEFF_I64, 4, dims);
	nb_io(b, true, "y", NEURON_NEFF_BOOL, 2, dims);
	nb_inst(b, NEURON_OP_NOP, NEURON_ENGINE_PE);
	file = nb_end(b, &size);
	model = t_load(file, size);
	free(b);
	CHECK_OK(nrt_get_model_tensor_info(model, &infos));
	s = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 4);
	e = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 0);
	y = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 2);
	in = t_set("scalar", s, "empty", e, NULL);
	out = t_set("y", y, NULL);
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_OK(nrt_unload(model));
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	nrt_tensor_free(&s);
	nrt_tensor_free(&e);
	nrt_tensor_free(&y);
	/* The description outlives the model. */
	CHECK_EQ(infos->tensor_count, 3);
	CHECK_STR(infos->tensor_array[0].name, "scalar");
	CHECK_EQ(infos->tensor_array[0].ndim, 0);
	CHECK(!infos->tensor_array[0].shape);
	CHECK_EQ(infos->tensor_array[0].size, 4);
	CHECK_EQ(infos->tensor_array[1].usage, NRT_TENSOR_USAGE_INPUT);
	CHECK_EQ(infos->tensor_array[1].size, 0);
	CHECK_EQ(infos->tensor_array[1].ndim, 4);
	CHECK_EQ(infos->tensor_array[1].shape[0], 2);
	CHECK_EQ(infos->tensor_array[1].shape[3], 7);
	CHECK_EQ(infos->tensor_array[2].usage, NRT_TENSOR_USAGE_OUTPUT);
	CHECK_EQ(infos->tensor_array[2].dtype, NRT_DTYPE_UINT8);
	CHECK_EQ(infos->tensor_array[2].shape[1], 1);
	CHECK_EQ(nrt_free_model_tensor_info(infos), NRT_SUCCESS);
	CHECK_EQ(nrt_free_model_tensor_info(NULL), NRT_SUCCESS);
}

static void bad_tensors(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	nrt_tensor_t *shorter = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 3996);
	nrt_tensor_t *longer = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 4004), *empty;
	nrt_tensor_set_t *none = t_set(NULL, NULL);

	CHECK_OK(nrt_tensor_allocate_empty("empty", &empty));
	CHECK_FAILS(nrt_execute(job.model, none, job.out), NRT_EXEC_BAD_INPUT,
		    "no tensor for input a: add one of 4000 bytes");
	CHECK_FAILS(nrt_execute(job.model, job.in, none), NRT_EXEC_BAD_INPUT,
		    "no tensor for output c: add one of 4000 bytes");
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "b", shorter));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_EXEC_BAD_INPUT,
		    "input b has 4000 bytes, the tensor for it 3996");
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "b", longer));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_EXEC_BAD_INPUT,
		    "input b has 4000 bytes, the tensor for it 4004");
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "b", empty));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_EXEC_BAD_INPUT,
		    "attach a buffer of 4000 bytes");
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "b", job.b));
	CHECK_OK(nrt_add_tensor_to_tensor_set(job.in, "unknown", shorter));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));	/* ignored */
	check_sum(job.c);
	nrt_tensor_free(&longer);
	nrt_tensor_free(&shorter);
	nrt_tensor_free(&empty);
	nrt_tensor_free(&job.b);
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_EXEC_BAD_INPUT,
		    "input b has been freed");
	nrt_destroy_tensor_set(&none);
	end_job(&job);
}

static void bad_handles(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	nrt_tensor_info_array_t *infos;
	nrt_model_t *model = job.model;
	nrt_model_info_t info;
	uint32_t count;

	CHECK_FAILS(nrt_execute(NULL, job.in, job.out), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_execute(model, NULL, job.out), NRT_INVALID_HANDLE, "input set");
	CHECK_FAILS(nrt_execute(model, job.in, NULL), NRT_INVALID_HANDLE, "output set");
	CHECK_FAILS(nrt_execute((nrt_model_t *)job.in, job.in, job.out),
		    NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_execute_repeat(model, job.in, job.out, 0), NRT_INVALID, "0");
	CHECK_FAILS(nrt_execute_repeat(model, job.in, job.out, -1), NRT_INVALID, "-1");
	CHECK_FAILS(nrt_get_model_vnc_count(model, NULL), NRT_INVALID, "count");
	CHECK_FAILS(nrt_get_model_tensor_info(model, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_get_model_info(model, NULL, 4, NULL), NRT_INVALID, "NULL");
	end_job(&job);
	CHECK_FAILS(nrt_execute(model, job.in, job.out), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_unload(model), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_unload(NULL), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_get_model_nc_count(model, &count), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_get_model_vnc_count(NULL, &count), NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_get_model_instance_count(model, &count), NRT_INVALID_HANDLE,
		    "model");
	CHECK_FAILS(nrt_get_model_info(model, &info, sizeof(info), NULL),
		    NRT_INVALID_HANDLE, "model");
	CHECK_FAILS(nrt_get_model_tensor_info(model, &infos), NRT_INVALID_HANDLE,
		    "model");
	CHECK_FAILS(neuron_model_get_times(model, NULL, 0), -EINVAL, "NULL");
}

static void bad_files(void)
{
	struct neuron_neff_header *h;
	nrt_model_t *model = (void *)8;
	size_t size;
	char *file = nb_add(N, &size), *copy;

	CHECK_FAILS(nrt_load(NULL, size, -1, -1, &model), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_load(file, size, -1, -1, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_load(file, 0, -1, -1, &model), NRT_INVALID, "not a .neff");
	CHECK(!model);
	CHECK_FAILS(nrt_load(file, size - 1, -1, -1, &model), NRT_INVALID, "truncated");
	CHECK_FAILS(nrt_load(file, size, -2, -1, &model), NRT_INVALID, "core -2");
	CHECK_FAILS(nrt_load(file, size, 1000, -1, &model), NRT_INVALID, "core 1000");
	/* An odd address is no reason to refuse it. */
	copy = malloc(size + 1);
	memcpy(copy + 1, file, size);
	CHECK_OK(nrt_load(copy + 1, size, -1, -1, &model));
	CHECK_OK(nrt_unload(model));
	free(copy);

	file[size - 1] ^= 1;
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID, "checksum");
	setenv("NEURON_RT_VALIDATE_HASH", "false", 1);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID, "behind");
	file[size - 1] ^= 1;
	h = (void *)file;
	h->hash[0] ^= 1;
	CHECK_OK(nrt_load(file, size, -1, -1, &model));
	CHECK_OK(nrt_unload(model));
	setenv("NEURON_RT_VALIDATE_HASH", "TRUE", 1);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID, "checksum");
	setenv("NEURON_RT_VALIDATE_HASH", "maybe", 1);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID,
		    "NEURON_RT_VALIDATE_HASH");
	unsetenv("NEURON_RT_VALIDATE_HASH");

	h->version = 9;
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_UNSUPPORTED_NEFF_VERSION,
		    "version 9");
	h->version = NEURON_NEFF_VERSION;
	h->isa_version = 9;
	nb_seal(file, size);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_UNSUPPORTED_NEFF_VERSION,
		    "version 9 of the instruction set");
	h->isa_version = NEURON_ISA_VERSION;
	h->sbuf_size = 1u << 31;
	nb_seal(file, size);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_RESOURCE, "scratchpad");
	free(file);
}

/* A program that the chip would refuse is refused when it is loaded. */
static void bad_program(void)
{
	struct nb *b = malloc(sizeof(*b));
	nrt_model_t *model;
	size_t size;
	void *file;

	nb_begin(b, "bad");
	nb_inst(b, NEURON_OP_NOP, NEURON_ENGINE_PE);
	nb_inst(b, NEURON_NUM_OPCODES, NEURON_ENGINE_PE);
	file = nb_end(b, &size);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID, "instruction 1");
	free(file);
	nb_begin(b, "big");
	nb_slot(b, NEURON_NEFF_SLOT_SCRATCH, 1ull << 40);
	nb_inst(b, NEURON_OP_NOP, NEURON_ENGINE_PE);
	file = nb_end(b, &size);
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_RESOURCE, "");
	free(file);
	free(b);
}

static unsigned int first_core(nrt_model_t *model)
{
	nrt_model_info_t info;
	size_t written;

	CHECK_OK(nrt_get_model_info(model, &info, sizeof(info), &written));
	CHECK_EQ(written, sizeof(info));
	return info.vnc;
}

static void placement(void)
{
	nrt_model_t *models[6], *two;
	size_t size, i;
	void *file = nb_add(N, &size);
	uint32_t count;

	/* The least loaded core gets the next one. */
	for (i = 0; i < 4; i++) {
		CHECK_OK(nrt_load(file, size, -1, -1, &models[i]));
		CHECK_EQ(first_core(models[i]), i);
	}
	CHECK_OK(nrt_unload(models[2]));
	CHECK_OK(nrt_load(file, size, -1, -1, &models[2]));
	CHECK_EQ(first_core(models[2]), 2);
	CHECK_OK(nrt_load(file, size, 3, 1, &models[4]));
	CHECK_EQ(first_core(models[4]), 3);
	CHECK_OK(nrt_get_model_vnc_count(models[4], &count));
	CHECK_EQ(count, 1);
	for (i = 0; i < 5; i++)
		CHECK_OK(nrt_unload(models[i]));
	free(file);

	file = nb_two_cores(N, &size);
	CHECK_OK(nrt_load(file, size, -1, -1, &two));
	CHECK_OK(nrt_get_model_nc_count(two, &count));
	CHECK_EQ(count, 2);
	CHECK_OK(nrt_unload(two));
	CHECK_FAILS(nrt_load(file, size, 3, -1, &two), NRT_LOAD_NOT_ENOUGH_NC, "needs 2");
	CHECK_FAILS(nrt_load(file, size, -1, 3, &two), NRT_INVALID, "multiple");
	CHECK_FAILS(nrt_load(file, size, -1, 400, &two), NRT_LOAD_NOT_ENOUGH_NC,
		    "needs 400");
	CHECK_FAILS(nrt_load(file, size, -1, -2, &two), NRT_INVALID, "vnc_count");
	free(file);
}

static void several_instances(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	struct neuron_report one, four;
	nrt_model_t *model;
	uint32_t count;
	size_t size;
	void *file = nb_add(N, &size);

	CHECK_OK(nrt_load(file, size, 0, 4, &model));
	CHECK_OK(nrt_get_model_instance_count(model, &count));
	CHECK_EQ(count, 4);
	CHECK_OK(nrt_get_model_vnc_count(model, &count));
	CHECK_EQ(count, 4);
	CHECK_OK(nrt_execute_repeat(model, job.in, job.out, 3));
	check_sum(job.c);
	CHECK_OK(neuron_model_get_report(model, 0, &four, sizeof(four)));
	CHECK_OK(nrt_unload(model));

	/* As modelled, instances share the memory, whether they work or not. */
	CHECK_OK(nrt_load(file, size, 0, 1, &model));
	CHECK_OK(nrt_execute_repeat(model, job.in, job.out, 3));
	CHECK_OK(neuron_model_get_report(model, 0, &one, sizeof(one)));
	CHECK(four.cycles > one.cycles);
	CHECK_EQ(four.bytes_dram_in, one.bytes_dram_in);
	CHECK_OK(nrt_unload(model));
	end_job(&job);
	free(file);
}

static void faults(void)
{
	static const struct {
		enum nb_fault fault;
		NRT_STATUS status;
		const char *word;
	} cases[] = {
		{ NB_OUT_OF_BOUNDS, NRT_EXEC_OOB, "engine dma-in, instruction 0, operand 1" },
		{ NB_ACCESS_DENIED, NRT_EXEC_COMPLETED_WITH_ERR,
		  "engine dma-out, instruction 1, operand 0" },
		{ NB_DEADLOCK, NRT_EXEC_COMPLETED_WITH_ERR,
		  "dma-out stands at instruction 1 and waits for semaphore 0 to be 2, it is 1" },
	};
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	nrt_tensor_set_t *in = t_set("x", job.a, NULL), *out = t_set("y", job.c, NULL);
	struct neuron_report report;
	nrt_model_t *model;
	size_t i, size;
	void *file;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		file = nb_faulty(cases[i].fault, N, &size);
		model = t_load(file, size);
		CHECK_FAILS(nrt_execute(model, in, out), cases[i].status, cases[i].word);
		CHECK_EQ(neuron_model_get_report(model, 0, &report, sizeof(report)), 0);
		CHECK(report.fault.kind);
		/* Errors do not stick, neither to the model nor to the core. */
		CHECK_FAILS(nrt_execute(model, in, out), cases[i].status, cases[i].word);
		CHECK_OK(nrt_execute(job.model, job.in, job.out));
		check_sum(job.c);
		CHECK_OK(nrt_unload(model));
	}
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	end_job(&job);
}

static void nans(void)
{
	static const char *const quiet[] = { "none", "NONE" };
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	float bad[N];
	size_t i, size;
	void *file = nb_binary(NEURON_BINARY_DIV, "div", N, &size);

	/* 0 / 0 in two places: NaN out of finite numbers. */
	CHECK_OK(nrt_unload(job.model));
	CHECK_OK(nrt_load(file, size, -1, -1, &job.model));
	for (i = 0; i < N; i++)
		bad[i] = i == 7 || i == 8 ? 0 : 2;
	CHECK_OK(nrt_tensor_write(job.b, bad, 0, sizeof(bad)));
	bad[6] = 12;
	CHECK_OK(nrt_tensor_write(job.a, bad, 0, sizeof(bad)));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out),
		    NRT_EXEC_COMPLETED_WITH_NUM_ERR, "2 NaN elements, the first in output c");
	/* The outputs are complete all the same. */
	CHECK_OK(nrt_tensor_read(job.c, output, 0, sizeof(output)));
	CHECK(isnan(output[7]) && isnan(output[8]));
	CHECK(output[6] == 6);
	CHECK(output[N - 1] == 1);
	/* Of an input's NaN or infinity the model makes what the model makes. */
	for (i = 0; i < 2; i++) {
		bad[20] = i ? INFINITY : NAN;
		CHECK_OK(nrt_tensor_write(job.a, bad, 0, sizeof(bad)));
		CHECK_OK(nrt_execute(job.model, job.in, job.out));
	}
	bad[20] = 2;
	CHECK_OK(nrt_tensor_write(job.a, bad, 0, sizeof(bad)));
	CHECK_EQ(nrt_execute(job.model, job.in, job.out),
		 NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	for (i = 0; i < 2; i++) {
		setenv("NEURON_RT_NUMERICAL_ERRORS_VERBOSITY", quiet[i], 1);
		CHECK_OK(nrt_unload(job.model));
		CHECK_OK(nrt_load(file, size, -1, -1, &job.model));
		CHECK_OK(nrt_execute(job.model, job.in, job.out));
	}
	setenv("NEURON_FAIL_ON_NAN", "1", 1);
	CHECK_OK(nrt_unload(job.model));
	CHECK_OK(nrt_load(file, size, -1, -1, &job.model));
	bad[20] = NAN;
	CHECK_OK(nrt_tensor_write(job.a, bad, 0, sizeof(bad)));
	CHECK_EQ(nrt_execute(job.model, job.in, job.out),
		 NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	unsetenv("NEURON_FAIL_ON_NAN");
	unsetenv("NEURON_RT_NUMERICAL_ERRORS_VERBOSITY");
	end_job(&job);
	free(file);
}

/* NaN in a scratch buffer that no output shows is nobody's business. */
static void hidden_nans(void)
{
	float w[N], x[N];
	nrt_tensor_t *in = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(x));
	nrt_tensor_t *out = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(x));
	nrt_tensor_set_t *ins = t_set("x", in, NULL), *outs = t_set("y", out, NULL);
	nrt_model_t *model;
	size_t size;
	void *file;

	for (int i = 0; i < N; i++) {
		w[i] = i ? 1 : NAN;
		x[i] = i;
	}
	CHECK_OK(nrt_tensor_write(in, x, 0, sizeof(x)));
	file = nb_weights(w, N, &size);
	model = t_load(file, size);
	CHECK_FAILS(nrt_execute(model, ins, outs), NRT_EXEC_COMPLETED_WITH_NUM_ERR,
		    "1 NaN");
	CHECK_OK(nrt_unload(model));

	/* The same, but for the element in question. */
	file = nb_weights_from(w, N, 1, &size);
	model = t_load(file, size);
	CHECK_OK(nrt_tensor_memset(out, 0, 0, sizeof(x)));
	CHECK_OK(nrt_execute(model, ins, outs));
	CHECK_OK(nrt_unload(model));
	nrt_destroy_tensor_set(&ins);
	nrt_destroy_tensor_set(&outs);
	nrt_tensor_free(&in);
	nrt_tensor_free(&out);
}

/* Weights are loaded by the first of several executions, whatever others do. */
static void resident_weights(void)
{
	float w[2][N], x[N], seen[N];
	nrt_tensor_t *in = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(x));
	nrt_tensor_t *out = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(x));
	nrt_tensor_set_t *ins = t_set("x", in, NULL), *outs = t_set("y", out, NULL);
	/* Each has been loaded when an entry of it is preceded by another one. */
	static const int order[] = { 0, 0, 0, 1, 1, 0, 1, 1, 1, 1 };
	struct neuron_report report;
	nrt_model_t *model[2];
	size_t i, k, size;
	int last = -1;

	for (i = 0; i < N; i++) {
		x[i] = i;
		w[0][i] = 2 * i;
		w[1][i] = -3.0f * i;
	}
	CHECK_OK(nrt_tensor_write(in, x, 0, sizeof(x)));
	/* One program, on one core; only what the weights are differs. */
	for (i = 0; i < 2; i++) {
		void *file = nb_weights(w[i], N, &size);

		CHECK_OK(nrt_load(file, size, 0, 1, &model[i]));
		free(file);
	}
	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		bool ok = true;

		CHECK_OK(nrt_execute(model[order[i]], ins, outs));
		CHECK_OK(nrt_tensor_read(out, seen, 0, sizeof(seen)));
		for (k = 0; k < N; k++)
			ok &= seen[k] == x[k] + w[order[i]][k];
		CHECK(ok);
		CHECK_EQ(neuron_model_get_report(model[order[i]], 0, &report,
						 sizeof(report)), 0);
		CHECK_EQ(report.bytes_dram_in,
			 (order[i] == last ? 2 : 3) * sizeof(x));
		last = order[i];
	}
	/* Loaded again, it is another model. */
	CHECK_OK(nrt_unload(model[1]));
	{
		void *file = nb_weights(w[0], N, &size);

		CHECK_OK(nrt_load(file, size, 0, 1, &model[1]));
		free(file);
	}
	CHECK_OK(nrt_execute(model[1], ins, outs));
	CHECK_OK(nrt_tensor_read(out, seen, 0, sizeof(seen)));
	CHECK(seen[1] == 3);
	CHECK_OK(nrt_unload(model[0]));
	CHECK_OK(nrt_unload(model[1]));
	nrt_destroy_tensor_set(&ins);
	nrt_destroy_tensor_set(&outs);
	nrt_tensor_free(&in);
	nrt_tensor_free(&out);
}

static void profiles(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	struct neuron_inst_record r[8];
	struct neuron_report report;
	size_t n = 0;

	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	CHECK_FAILS(neuron_model_get_records(job.model, 0, NULL, &n), -ENODATA,
		    "no execution has been profiled");
	CHECK_EQ(neuron_model_profile(job.model, true), 0);
	CHECK_OK(nrt_execute_repeat(job.model, job.in, job.out, 3));
	check_sum(job.c);
	CHECK_EQ(neuron_model_get_records(job.model, 0, NULL, &n), 0);
	CHECK_EQ(n, 4);
	n = 8;
	memset(r, 0x55, sizeof(r));
	CHECK_EQ(neuron_model_get_records(job.model, 0, r, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(neuron_model_get_report(job.model, 0, &report, sizeof(report)), 0);
	CHECK_EQ(r[0].start, 0);
	CHECK(r[0].end > 0 && r[1].end > r[0].end);
	CHECK_EQ(r[2].start, r[1].end);
	CHECK_EQ(r[3].start, r[2].end);
	CHECK_EQ(r[3].end, report.cycles);
	CHECK_EQ(r[3].stall_sem, r[3].start);
	CHECK_EQ(r[0].nans + r[1].nans + r[2].nans + r[3].nans, 0);
	CHECK_EQ(r[4].start, 0x5555555555555555);
	n = 1;
	memset(r, 0x55, sizeof(r));
	CHECK_EQ(neuron_model_get_records(job.model, 0, r, &n), 0);
	CHECK_EQ(n, 4);
	CHECK_EQ(r[1].start, 0x5555555555555555);
	CHECK_FAILS(neuron_model_get_records(job.model, 1, r, &n), -ENOENT, "core 1");
	CHECK_FAILS(neuron_model_get_records(job.model, 0, NULL, &n), -EINVAL, "NULL");

	CHECK_EQ(neuron_model_profile(job.model, false), 0);
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
}

/* Cores that the program has given away behind the runtime's back, and taken again. */
static void given_away(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	struct neuron_device *mine = neuron_runtime_device(0), *other;

	CHECK_OK(neuron_cores_release(mine, 0xf));
	CHECK_OK(neuron_device_open(NULL, 0, &other));
	CHECK_OK(neuron_cores_acquire(other, 0xf));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_EXEC_NC_BUSY,
		    "belongs to another");
	neuron_device_close(other);
	CHECK_OK(neuron_cores_acquire(mine, 0xf));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
}

#define NO_INJECTION	"faults cannot be injected: no debugfs, or debug=off"

/* Times that core 0 was reset. */
static unsigned int resets(void)
{
	struct neuron_core_info core = { 0 };

	CHECK_EQ(neuron_core_get_info(neuron_runtime_device(0), 0, &core, sizeof(core)),
		 0);
	return core.resets;
}

static void timeouts(void)
{
	unsigned int before = resets();
	struct neuron_report report;
	struct job job, second;

	if (!t_can_inject())
		return ktap_skip(NO_INJECTION);
	setenv("NEURON_RT_EXEC_TIMEOUT", "soon", 1);
	{
		nrt_model_t *model;
		size_t size;
		void *file = nb_add(N, &size);

		CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_INVALID,
			    "NEURON_RT_EXEC_TIMEOUT");
		free(file);
	}
	setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
	job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	second = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out), NRT_TIMEOUT,
		    "NEURON_RT_EXEC_TIMEOUT");
	CHECK_FAILS(neuron_model_get_report(job.model, 0, &report, sizeof(report)),
		    -ENODATA, "reset");
	CHECK_EQ(resets() - before, 1);
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	CHECK_OK(nrt_execute(second.model, second.in, second.out));
	check_sum(second.c);
	/* An interrupt that is lost costs time, not the job. */
	CHECK(t_inject(NEURON_INJECT_DROP_IRQ, 0, 1, 0));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	CHECK_EQ(resets() - before, 1);
	end_job(&job);
	end_job(&second);
}

/* A core whose reset fails is lost; with it, what is submitted to it. */
static void lost_core(void)
{
	struct neuron_core_info core;
	struct job job;

	if (!t_sim())
		return ktap_skip("the simulator comes back from this, a real device would not");
	setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
	job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	CHECK(t_inject(NEURON_INJECT_VANISH, 0, 1, 0));
	CHECK_EQ(nrt_execute(job.model, job.in, job.out), NRT_TIMEOUT);
	CHECK_EQ(neuron_core_get_info(neuron_runtime_device(0), 0, &core, sizeof(core)),
		 0);
	CHECK_EQ(core.state, NEURON_CORE_DEAD);
	CHECK_FAILS(nrt_execute(job.model, job.in, job.out),
		    NRT_EXEC_UNIT_UNRECOVERABLE, "nrt_close() and nrt_init()");
	end_job(&job);
	/* Closing everything powers the simulated chip off, and on again. */
	nrt_close();
	t_init();
	job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
}

static void hardware_faults(void)
{
	static const struct {
		unsigned int injection;
		uint64_t arg;
		NRT_STATUS status;
		const char *remedy;
	} cases[] = {
		{ NEURON_INJECT_FAIL_DMA, 0, NRT_EXEC_HW_ERR_DMA_ABORT, "IOMMU" },
		{ NEURON_INJECT_SBUF_FLIP_UE, 0, NRT_EXEC_HW_ERR_NC_UE, "neuron-reset" },
#define STATUS(kind)	NEURON_INJECT_CQE_BAD_STATUS, NEURON_FAULT_##kind
		{ STATUS(BAD_DESCRIPTOR), NRT_INVALID, "one release" },
		{ STATUS(BAD_PROGRAM), NRT_INVALID, "neuron-compile of this version" },
		{ STATUS(BAD_INST), NRT_INVALID, "neuron-compile of this version" },
		{ STATUS(BAD_OPERAND), NRT_INVALID, "neuron-compile of this version" },
		{ STATUS(OUT_OF_BOUNDS), NRT_EXEC_OOB, "larger buffers: compile it again" },
		{ STATUS(ACCESS_DENIED), NRT_EXEC_COMPLETED_WITH_ERR, "compile it again" },
		{ STATUS(DMA_ABORT), NRT_EXEC_HW_ERR_DMA_ABORT, "dmesg" },
		{ STATUS(DEADLOCK), NRT_EXEC_COMPLETED_WITH_ERR, "neuron-compile" },
		{ STATUS(LIMIT), NRT_RESOURCE, "--cores" },
		{ STATUS(DRAM_ECC), NRT_EXEC_HW_ERR_HBM_UE, "load the model again" },
		{ STATUS(SBUF_ECC), NRT_EXEC_HW_ERR_NC_UE, "neuron-reset" },
		{ STATUS(CANCELLED), NRT_FAILURE, "do it again" },
		{ STATUS(INTERNAL), NRT_HW_ERROR, "report it" },
		{ NEURON_INJECT_CQE_BAD_STATUS, NEURON_FAULT_COUNT, NRT_HW_ERROR, "report it" },
#undef STATUS
	};
	struct job job;
	size_t i;

	if (!t_can_inject())
		return ktap_skip(NO_INJECTION);
	job = add_job(NRT_TENSOR_PLACEMENT_HOST);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(t_inject(cases[i].injection, 0, 1, cases[i].arg));
		CHECK_FAILS(nrt_execute(job.model, job.in, job.out), cases[i].status,
			    "model add on core 0: ");
		if (!strstr(t_message, cases[i].remedy))
			CHECK_STR(t_message, cases[i].remedy);
		/* What is not known is not said. */
		CHECK(!strstr(t_message, "none") && !strstr(t_message, "-1"));
		CHECK_OK(nrt_execute(job.model, job.in, job.out));
		check_sum(job.c);
	}
	CHECK_FAILS(neuron_inject(neuron_runtime_device(0), 99, 0, 1, 0),
		    t_sim() ? -EINVAL : -EOPNOTSUPP, t_sim() ? "99" : "emulator");
	end_job(&job);
}

static void reports(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_HOST);
	struct neuron_report report;

	CHECK_FAILS(neuron_model_get_report(job.model, 0, &report, sizeof(report)),
		    -ENODATA, "nothing has been executed");
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	CHECK_EQ(neuron_model_get_report(job.model, 0, &report, sizeof(report)), 0);
	CHECK_EQ(report.version, NEURON_REPORT_VERSION);
	CHECK_EQ(report.fault.kind, 0);
	CHECK_EQ(report.bytes_host_in, 2 * sizeof(output));
	CHECK_EQ(report.bytes_host_out, sizeof(output));
	CHECK(report.cycles);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].insts, 2);
	CHECK_FAILS(neuron_model_get_report(job.model, 1, &report, sizeof(report)),
		    -ENOENT, "core 1");
	end_job(&job);
}

static long resident_pages(void)
{
	long pages = 0, total;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fscanf(f, "%ld %ld", &total, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED	true
#else
#define SANITIZED	false
#endif

/* Weights of which the caller has no need any more take memory once, not twice. */
static void load_once(void)
{
	enum { MIB = 1 << 20, WEIGHTS = 64 * MIB };
	const long page = sysconf(_SC_PAGESIZE);
	struct nb *b = malloc(sizeof(*b));
	float *weights = malloc(WEIGHTS), seen[N];
	nrt_tensor_t *out = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(seen));
	nrt_tensor_set_t *ins = t_set(NULL, NULL), *outs = t_set("y", out, NULL);
	unsigned int y, w, s;
	uint32_t n = N;
	nrt_model_t *model;
	long before;
	size_t size, i;
	bool ok = true;
	char *file;

	for (i = 0; i < WEIGHTS / sizeof(*weights); i++)
		weights[i] = i;
	nb_begin(b, "heavy");
	b->weights = weights;
	b->weights_size = WEIGHTS;
	y = nb_io(b, true, "y", NEURON_NEFF_F32, 1, &n);
	w = nb_slot(b, NEURON_NEFF_SLOT_WEIGHTS, WEIGHTS);
	s = nb_tensor(b, NEURON_SPACE_SBUF, 0, NEURON_F32, 0, N);
	nb_sync(nb_load(b, s, nb_tensor(b, NEURON_SPACE_SLOT, w, NEURON_F32,
					WEIGHTS - sizeof(seen), N)), 0, 0, 0);
	nb_sync(nb_store(b, nb_tensor(b, NEURON_SPACE_SLOT, y, NEURON_F32, 0, N), s),
		0, 1, -1);
	file = nb_end(b, &size);
	free(b);
	free(weights);

	before = resident_pages();
	CHECK_OK(neuron_load_once(file, size, -1, -1, &model));
	if (!SANITIZED && (resident_pages() - before) * page >= 2 * MIB)
		CHECK_EQ((resident_pages() - before) * page / MIB, 0);
	CHECK_OK(nrt_execute(model, ins, outs));
	CHECK_OK(nrt_tensor_read(out, seen, 0, sizeof(seen)));
	for (i = 0; i < N; i++)
		ok &= seen[i] == (float)(WEIGHTS / sizeof(*weights) - N + i);
	CHECK(ok);
	/* All but the weights is there still. */
	CHECK_EQ(((struct neuron_neff_header *)file)->file_size, size);
	CHECK_OK(nrt_unload(model));
	free(file);
	nrt_destroy_tensor_set(&ins);
	nrt_destroy_tensor_set(&outs);
	nrt_tensor_free(&out);
}

/* Many executions leave the process as large as some did. */
static void growth(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_DEVICE);
	int many = getenv("NRT_TEST_EXECUTIONS") ? atoi(getenv("NRT_TEST_EXECUTIONS")) :
						   5000;
	nrt_tensor_t *tensor;
	long before, after;
	int i;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	end_job(&job);
	return ktap_skip("sanitizers keep what was freed");
#endif
	CHECK_OK(nrt_execute_repeat(job.model, job.in, job.out, 1000));
	before = resident_pages();
	CHECK_OK(nrt_execute_repeat(job.model, job.in, job.out, many));
	for (i = 0; i < many / 10; i++) {
		tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 70000);
		CHECK_OK(nrt_tensor_memset(tensor, 0, 1, 70000));
		nrt_tensor_free(&tensor);
	}
	after = resident_pages();
	check_sum(job.c);
	if (after - before >= 64)
		CHECK_EQ(after - before, 0);
	end_job(&job);
}

int main(void)
{
	int i;

	for (i = 0; i < N; i++) {
		input_a[i] = i;
		input_b[i] = 1000 - 3 * i;
	}
	t_setup();
	t_init();
	ktap_run("execute with tensors anywhere", adds);
	ktap_run("execute with tensors out of reach", unreachable_tensors);
	ktap_run("execute with one tensor in all places", same_tensor);
	ktap_run("execute with weights and scratch memory", weights_and_scratch);
	ktap_run("execute with each element type", types);
	ktap_run("execute with scalars and empty tensors", tensor_info);
	ktap_run("execute with bad tensors", bad_tensors);
	ktap_run("execute with bad handles", bad_handles);
	ktap_run("load bad files", bad_files);
	ktap_run("load bad programs", bad_program);
	ktap_run("load places models", placement);
	ktap_run("load several instances", several_instances);
	ktap_run("execute faulty programs", faults);
	ktap_run("execute to NaN", nans);
	ktap_run("execute to NaN that no output shows", hidden_nans);
	ktap_run("execute with weights that stay", resident_weights);
	ktap_run("execute and profile", profiles);
	ktap_run("cores given away", given_away);
	ktap_run("execute on failing hardware", hardware_faults);
	ktap_run("execute past the time-out", timeouts);
	ktap_run("execute on a lost core", lost_core);
	ktap_run("execute and report", reports);
	ktap_run("load weights that are not needed any more", load_once);
	ktap_run("execute without growth", growth);
	nrt_close();
	return ktap_done();
}
