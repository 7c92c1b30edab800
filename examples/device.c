// SPDX-License-Identifier: MIT
/*
 * The device without the runtime of nrt.h: a program for the chip written by hand,
 * and submitted by <neuron.h>. For those who bring a runtime of their own.
 *
 *	device [WHERE]		sim, drm, /dev/accel/accelN; default: NEURON_RT_DEVICE
 *
 * One core multiplies two matrices: c = relu(a b). The chip's memory, engines and
 * instructions are described in qemu-device/SPEC.md; their layout is in <neuron/isa.h>.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <neuron.h>
#include <neuron/isa.h>
#include <neuron/report.h>

#define M	32
#define K	64
#define N	16

/* Buffers of the job. The program names them by these numbers. */
enum { SLOT_PROGRAM, SLOT_A, SLOT_B, SLOT_C, SLOT_REPORT, NUM_SLOTS };

/* Tensors of the program: each matrix in its buffer, and in the scratchpad. */
enum { A_BUFFER, B_BUFFER, C_BUFFER, A_CHIP, B_CHIP, C_CHIP, NUM_TENSORS };

enum { LOAD_A, LOAD_B, MULTIPLY, STORE_C, NUM_INSTS };

/* Semaphores: how engines wait for each other. */
enum { LOADED, MULTIPLIED };

struct program {
	struct neuron_program_header header;
	struct neuron_tensor tensor[NUM_TENSORS];
	struct neuron_inst inst[NUM_INSTS];
};

static void check(int ret, const char *what)
{
	if (ret)
		errx(1, "%s: %s", what, neuron_error());
}

static struct neuron_tensor matrix(unsigned int space, unsigned int slot, uint64_t offset,
				   uint32_t rows, uint32_t columns)
{
	return (struct neuron_tensor) {
		.space = space, .slot = slot, .offset = offset, .dtype = NEURON_F32,
		.rank = 2, .dims = { rows, columns }, .strides = { (int32_t)columns, 1 },
	};
}

static struct neuron_inst inst(unsigned int opcode, unsigned int engine, uint16_t out,
			       uint16_t in, uint16_t other)
{
	struct neuron_inst i = {
		.opcode = opcode, .engine = engine, .version = NEURON_ISA_VERSION,
	};

	for (int k = 0; k < NEURON_MAX_OPERANDS; k++)
		i.operand[k] = NEURON_NO_TENSOR;
	i.operand[0] = out;
	i.operand[1] = in;
	i.operand[2] = other;
	return i;
}

/* Engines run side by side, each through its own instructions in their order. */
static void write_program(struct program *p)
{
	const uint64_t b_at = M * K * sizeof(float), c_at = b_at + K * N * sizeof(float);

	memset(p, 0, sizeof(*p));
	p->header = (struct neuron_program_header) {
		.magic = NEURON_PROGRAM_MAGIC, .version = NEURON_ISA_VERSION,
		.header_size = sizeof(p->header), .size = sizeof(*p),
		.num_tensors = NUM_TENSORS, .tensors = offsetof(struct program, tensor),
		.num_insts = NUM_INSTS, .insts = offsetof(struct program, inst),
		.num_slots = NUM_SLOTS,
		.sbuf_size = c_at + M * N * sizeof(float),
	};
	p->tensor[A_BUFFER] = matrix(NEURON_SPACE_SLOT, SLOT_A, 0, M, K);
	p->tensor[B_BUFFER] = matrix(NEURON_SPACE_SLOT, SLOT_B, 0, K, N);
	p->tensor[C_BUFFER] = matrix(NEURON_SPACE_SLOT, SLOT_C, 0, M, N);
	p->tensor[A_CHIP] = matrix(NEURON_SPACE_SBUF, 0, 0, M, K);
	p->tensor[B_CHIP] = matrix(NEURON_SPACE_SBUF, 0, b_at, K, N);
	p->tensor[C_CHIP] = matrix(NEURON_SPACE_SBUF, 0, c_at, M, N);

	p->inst[LOAD_A] = inst(NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, A_CHIP, A_BUFFER,
			       NEURON_NO_TENSOR);
	p->inst[LOAD_A].signal[0] = (struct neuron_sem_op) { .sem = LOADED, .value = 1 };
	p->inst[LOAD_B] = inst(NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, B_CHIP, B_BUFFER,
			       NEURON_NO_TENSOR);
	p->inst[LOAD_B].signal[0] = (struct neuron_sem_op) { .sem = LOADED, .value = 1 };

	p->inst[MULTIPLY] = inst(NEURON_OP_MATMUL, NEURON_ENGINE_PE, C_CHIP, A_CHIP, B_CHIP);
	NEURON_PARAMS(MATMUL, &p->inst[MULTIPLY])->act = NEURON_ACT_RELU;
	p->inst[MULTIPLY].wait[0] = (struct neuron_sem_op) { .sem = LOADED, .value = 2 };
	p->inst[MULTIPLY].signal[0] = (struct neuron_sem_op) { .sem = MULTIPLIED, .value = 1 };

	p->inst[STORE_C] = inst(NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, C_BUFFER, C_CHIP,
				NEURON_NO_TENSOR);
	p->inst[STORE_C].wait[0] = (struct neuron_sem_op) { .sem = MULTIPLIED, .value = 1 };
}

/* Small whole numbers: fp32 has no rounding to differ in. */
static void fill(float *a, float *b)
{
	for (int i = 0; i < M * K; i++)
		a[i] = i % 7 - 3;
	for (int i = 0; i < K * N; i++)
		b[i] = i % 5 - 2;
}

static int compare(const float *a, const float *b, const float *c)
{
	int wrong = 0;

	for (int m = 0; m < M; m++)
		for (int n = 0; n < N; n++) {
			float sum = 0;

			for (int k = 0; k < K; k++)
				sum += a[m * K + k] * b[k * N + n];
			wrong += c[m * N + n] != (sum > 0 ? sum : 0);
		}
	return wrong;
}

int main(int argc, char **argv)
{
	static const size_t size[NUM_SLOTS] = {
		[SLOT_PROGRAM] = sizeof(struct program),
		[SLOT_A] = M * K * sizeof(float),
		[SLOT_B] = K * N * sizeof(float),
		[SLOT_C] = M * N * sizeof(float),
		[SLOT_REPORT] = sizeof(struct neuron_report),
	};
	struct neuron_binding binding[NUM_SLOTS] = { 0 };
	struct neuron_submission submission = {
		.core = 0, .bindings = binding, .num_bindings = NUM_SLOTS,
		.program_slot = SLOT_PROGRAM, .program_size = sizeof(struct program),
		.report_slot = SLOT_REPORT, .timeout_ms = 1000,
	};
	const char *where = argc > 1 ? argv[1] : NULL;
	static float a[M * K], b[K * N], c[M * N];
	struct neuron_job_result result;
	struct neuron_device_info info;
	struct neuron_device *device;
	struct neuron_report report;
	struct program program;
	struct neuron_job *job;
	int wrong;

	check(neuron_device_open(where, 0, &device), "open");
	check(neuron_device_get_info(device, &info, sizeof(info)), "info");
	if (info.isa_version != NEURON_ISA_VERSION)
		errx(1, "%s has instruction set %u, this program is for %u", info.name,
		     info.isa_version, NEURON_ISA_VERSION);
	printf("%s: %u cores, %u KiB scratchpad each\n", info.name, info.cores,
	       info.sbuf_size >> 10);
	check(neuron_cores_acquire(device, 1u << submission.core), "core 0");

	/* The program and b in device DRAM; what changes with each job in host memory. */
	for (int i = 0; i < NUM_SLOTS; i++) {
		bool dram = i == SLOT_PROGRAM || i == SLOT_B;

		check(neuron_buffer_create(device, dram ? NEURON_MEMORY_DRAM : NEURON_MEMORY_HOST,
					   size[i], &binding[i].buffer), "buffer");
		binding[i].size = size[i];
		binding[i].flags = i == SLOT_C || i == SLOT_REPORT ? NEURON_BIND_WRITE :
								     NEURON_BIND_READ;
	}
	write_program(&program);
	fill(a, b);
	check(neuron_buffer_write(binding[SLOT_PROGRAM].buffer, 0, &program, sizeof(program)),
	      "program");
	check(neuron_buffer_write(binding[SLOT_A].buffer, 0, a, sizeof(a)), "a");
	check(neuron_buffer_write(binding[SLOT_B].buffer, 0, b, sizeof(b)), "b");

	/* How a job ended is not whether the call succeeded. */
	check(neuron_submit(device, &submission, &job), "submit");
	check(neuron_job_wait(job, -1, &result), "wait");
	neuron_job_free(job);
	if (result.state != NEURON_JOB_DONE)
		errx(1, "the job failed: state %u, fault %u in instruction %u: %s", result.state,
		     result.fault_kind, result.fault_inst,
		     nrt_get_status_as_str(neuron_job_status(&result)));

	check(neuron_buffer_read(binding[SLOT_C].buffer, 0, c, sizeof(c)), "c");
	check(neuron_buffer_read(binding[SLOT_REPORT].buffer, 0, &report, sizeof(report)),
	      "report");
	wrong = compare(a, b, c);
	printf("relu(a b), %dx%d times %dx%d: %d of %d elements wrong\n", M, K, K, N, wrong, M * N);
	printf("%llu cycles, %llu multiply-adds, %llu bytes from the host, %llu from DRAM\n",
	       (unsigned long long)report.cycles, (unsigned long long)report.macs,
	       (unsigned long long)report.bytes_host_in,
	       (unsigned long long)report.bytes_dram_in);

	for (int i = 0; i < NUM_SLOTS; i++)
		neuron_buffer_free(binding[i].buffer);
	neuron_device_close(device);
	return wrong != 0;
}
