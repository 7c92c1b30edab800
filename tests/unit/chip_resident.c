// SPDX-License-Identifier: MIT
/*
 * Resident loads: what a job finds on its core, what makes the core forget it, and
 * which operands the kernels are told to be what they were.
 */
#include "tests/ktap.h"
#include "tests/unit/mini_driver.h"
#include "tests/unit/program_builder.h"
#include "qemu-device/kernels/kernels.h"

#define DATA_OFFSET	(1u << 20)	/* of slot DATA in DRAM */
#define DATA_SIZE	(1u << 20)
#define N		256		/* elements of each tensor here */
#define BYTES		(4 * N)

/* The slots that every test has. */
enum {
	PROGRAM,	/* in DRAM, at 0 */
	DATA,		/* in DRAM, read and write */
	REPORT,		/* host memory */
};

/* Where tensors are: in DATA and in the scratchpad. */
enum {
	WEIGHTS = 0x0,
	INPUT = 0x1000,
	OUTPUT = 0x2000,
};

static struct machine m;
static struct ring core;
static struct slots slots;
static struct program p;
static uint64_t report_addr;
static struct neuron_report report;
static struct neuron_cqe cqe;

/* What kernels were told of the operands of the last instruction of its kind. */
static uint8_t constant[NEURON_NUM_OPCODES];

enum nk_status __real_nk_execute(struct nk_ctx *ctx, const struct neuron_inst *inst,
				 const struct nk_view *operands, const void *key,
				 const bool *cancel, struct nk_stats *stats,
				 uint64_t *info);
enum nk_status __wrap_nk_execute(struct nk_ctx *ctx, const struct neuron_inst *inst,
				 const struct nk_view *operands, const void *key,
				 const bool *cancel, struct nk_stats *stats,
				 uint64_t *info);

enum nk_status __wrap_nk_execute(struct nk_ctx *ctx, const struct neuron_inst *inst,
				 const struct nk_view *operands, const void *key,
				 const bool *cancel, struct nk_stats *stats,
				 uint64_t *info)
{
	uint8_t bits = 0;

	for (unsigned int k = 0; k < NEURON_MAX_OPERANDS; k++)
		bits |= operands[k].constant << k;
	__atomic_store_n(&constant[inst->opcode], bits, __ATOMIC_RELAXED);
	return __real_nk_execute(ctx, inst, operands, key, cancel, stats, info);
}

static uint8_t told(unsigned int opcode)
{
	return __atomic_load_n(&constant[opcode], __ATOMIC_RELAXED);
}

static float *data(uint32_t offset)
{
	return (float *)(m.dram + DATA_OFFSET + offset);
}

static void fill(uint32_t offset, float value)
{
	for (unsigned int i = 0; i < N; i++)
		data(offset)[i] = value;
}

static bool is(uint32_t offset, float value)
{
	for (unsigned int i = 0; i < N; i++)
		if (data(offset)[i] != value)
			return false;
	return true;
}

static struct neuron_inst *load(uint32_t where, uint32_t from, uint16_t flags)
{
	uint16_t slot = pb_slot(&p, DATA, NEURON_F32, from, 1, N);
	uint16_t sbuf = pb_sbuf(&p, NEURON_F32, where, 1, N);
	struct neuron_inst *inst = pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN,
					   sbuf, slot);

	inst->flags = flags;
	return inst;
}

/* out = a + b, in the scratchpad, and out to where it is in DATA. */
static struct neuron_inst *add(uint32_t out, uint32_t a, uint32_t b)
{
	uint16_t o = pb_sbuf(&p, NEURON_F32, out, 1, N);
	struct neuron_inst *inst;

	inst = pb_inst(&p, NEURON_OP_ELTWISE, NEURON_ENGINE_POOL, o,
		       pb_sbuf(&p, NEURON_F32, a, 1, N), pb_sbuf(&p, NEURON_F32, b, 1, N));
	NEURON_PARAMS(ELTWISE, inst)->func = NEURON_BINARY_ADD;
	pb_signal(inst, 1, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT,
			pb_slot(&p, DATA, NEURON_F32, out, 1, N), o), 1, 1);
	return inst;
}

static void restart(void)
{
	pb_free(&p);
	pb_init(&p);
	p.header.num_slots = 3;
}

/* OUTPUT = WEIGHTS + INPUT, with WEIGHTS loaded once. */
static void build(void)
{
	restart();
	pb_signal(load(WEIGHTS, WEIGHTS, NEURON_INST_RESIDENT), 0, 1);
	pb_signal(load(INPUT, INPUT, 0), 0, 1);
	pb_wait(add(OUTPUT, WEIGHTS, INPUT), 0, 2);
	pb_finish(&p);
}

static void set_up(void)
{
	m_create(&m);
	q_init(&m, &core, 0, 4);
	s_init(&m, &slots);
	report_addr = m_alloc(&m, 4096);
	s_dram(&slots, 0, DATA_OFFSET, READ);
	s_dram(&slots, DATA_OFFSET, DATA_SIZE, READ | WRITE);
	s_host(&slots, report_addr, 4096, WRITE);
	build();
	fill(WEIGHTS, 1);
	fill(INPUT, 10);
}

static void tear_down(void)
{
	pb_free(&p);
	m_destroy(&m);
}

static int exec_as(uint64_t context, uint32_t resident)
{
	struct neuron_sqe sqe;
	int status;

	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, context, PROGRAM, p.size, REPORT);
	sqe.exec.resident = resident;
	memset(&report, 0, sizeof(report));
	put(&m, report_addr, &report, sizeof(report));
	status = q_run(&core, &sqe, &cqe);
	get(&m, report_addr, &report, sizeof(report));
	return status;
}

static int exec(uint32_t resident)
{
	return exec_as(1, resident);
}

/* Whether a job has loaded its weights: @seen of them are in the result. */
static bool loads(uint32_t resident, float seen)
{
	CHECK_EQ(exec(resident), NEURON_FAULT_NONE);
	CHECK(is(OUTPUT, 10 + seen));
	return report.bytes_dram_in == 2 * BYTES;
}

static void skipped(void)
{
	uint64_t cold;

	set_up();
	CHECK(loads(5, 1));
	cold = report.cycles;
	CHECK(cold == cqe.cycles);

	/* What is in DRAM now does not matter. */
	fill(WEIGHTS, 2);
	for (int i = 0; i < 3; i++) {
		CHECK(!loads(5, 1));
		CHECK_EQ(report.bytes_dram_in, BYTES);
		CHECK_EQ(report.bytes_dram_out, BYTES);
		CHECK(report.cycles < cold);
		CHECK_EQ(report.cycles, cqe.cycles);
		CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].insts, 2);
	}
	/* A new number, and none at all: everything is loaded. */
	CHECK(loads(6, 2));
	CHECK_EQ(report.cycles, cold);
	CHECK(!loads(6, 2));
	CHECK(loads(0, 2));
	CHECK(loads(0, 2));
	CHECK(loads(6, 2));
	CHECK(!loads(6, 2));
	tear_down();
}

static void other_program(void)
{
	restart();
	pb_nop(&p, NEURON_ENGINE_ACT);
	pb_finish(&p);
	CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	build();
}

static void faults(void)
{
	restart();
	pb_wait(pb_nop(&p, NEURON_ENGINE_ACT), 0, 1);
	pb_finish(&p);
	CHECK_EQ(exec(5), NEURON_FAULT_DEADLOCK);
	build();
}

static void malformed(void)
{
	struct neuron_sqe sqe = sqe_exec(&slots, 1, PROGRAM, 8, REPORT);

	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_BAD_DESCRIPTOR);
}

static void faults_itself(void)
{
	struct neuron_sqe sqe = sqe_exec(&slots, 1, PROGRAM, p.size, REPORT);

	/* All of it has run, but it has nowhere to say so. */
	sqe.exec.resident = 5;
	sqe.exec.report_offset = 4096;
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_OUT_OF_BOUNDS);
}

static void stopped(void)
{
	CHECK(q_stop(&core));
	q_enable(&core);
}

static void core_reset(void)
{
	wr(&m, NEURON_REG_CORE_RESET, 1);
	CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
	q_enable(&core);
}

static void chip_reset(void)
{
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(!rd(&m, NEURON_REG_CONTROL)));
	q_enable(&core);
}

static void function_reset(void)
{
	neuron_chip_reset(m.chip);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	q_enable(&core);
}

static void other_context(void)
{
	CHECK_EQ(exec_as(2, 5), NEURON_FAULT_NONE);
	CHECK_EQ(report.bytes_dram_in, 2 * BYTES);
}

static void without_number(void)
{
	CHECK_EQ(exec(0), NEURON_FAULT_NONE);
}

static void many_programs(void)
{
	/* So many that the cache forgets the first, and its place has another. */
	for (unsigned int i = 1; i < 20; i++) {
		restart();
		for (unsigned int k = 0; k < i; k++)
			pb_nop(&p, NEURON_ENGINE_ACT);
		pb_finish(&p);
		CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	}
	build();
}

static void forgotten(void)
{
	void (*const events[])(void) = {
		other_program, faults, malformed, faults_itself, stopped, core_reset,
		chip_reset, function_reset, other_context, without_number, many_programs,
	};

	for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		set_up();
		CHECK(loads(5, 1));
		CHECK(!loads(5, 1));
		fill(WEIGHTS, 3);
		events[i]();
		CHECK(loads(5, 3));
		CHECK(!loads(5, 3));
		tear_down();
	}
}

/* An entry that does nothing changes nothing, and cores know nothing of each other. */
static void kept(void)
{
	struct neuron_sqe nop = sqe_nop(7);
	struct ring other;

	set_up();
	CHECK(loads(5, 1));
	CHECK_EQ(q_run(&core, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(!loads(5, 1));

	q_init(&m, &other, 1, 4);
	{
		struct neuron_sqe sqe = sqe_exec(&slots, 1, PROGRAM, p.size, REPORT);

		sqe.exec.resident = 5;
		CHECK_EQ(q_run(&other, &sqe, &cqe), NEURON_FAULT_NONE);
		get(&m, report_addr, &report, sizeof(report));
		CHECK_EQ(report.bytes_dram_in, 2 * BYTES);
	}
	CHECK(!loads(5, 1));
	tear_down();
}

/* A program without such loads runs all it has, whatever its job is called. */
static void nothing_flagged(void)
{
	set_up();
	p.inst[0].flags = 0;
	pb_finish(&p);
	CHECK(loads(5, 1));
	CHECK(loads(5, 1));
	CHECK(loads(5, 1));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	tear_down();
}

/* Operand 1 of the sum is what it was, from the third job on. */
static void constants(void)
{
	set_up();
	CHECK(loads(5, 1));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	CHECK(!loads(5, 1));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	for (int i = 0; i < 3; i++) {
		CHECK(!loads(5, 1));
		CHECK_EQ(told(NEURON_OP_ELTWISE), 1 << 1);
	}
	/* With other weights everything begins anew. */
	fill(WEIGHTS, 2);
	CHECK(loads(6, 2));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	CHECK(!loads(6, 2));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	CHECK(!loads(6, 2));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 1 << 1);
	other_program();
	CHECK(loads(6, 2));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	tear_down();
}

static int prepare_as(uint32_t resident, uint32_t report_slot, uint8_t flags)
{
	struct neuron_sqe sqe;

	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, 1, PROGRAM, p.size, report_slot);
	sqe.exec.resident = resident;
	sqe.flags = flags;
	return q_run(&core, &sqe, &cqe);
}

static int prepare(uint32_t resident)
{
	return prepare_as(resident, NEURON_SQE_NO_SLOT, NEURON_SQE_PREPARE);
}

/* Resident loads and nothing else; the first job finds the core as others do later. */
static void prepared(void)
{
	set_up();
	fill(OUTPUT, 7);
	CHECK_EQ(prepare(5), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.cycles, 0);
	CHECK(is(OUTPUT, 7));
	fill(WEIGHTS, 2);
	CHECK(!loads(5, 1));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 1 << 1);
	/* Once more, with other weights. */
	CHECK_EQ(prepare(6), NEURON_FAULT_NONE);
	fill(WEIGHTS, 3);
	CHECK(!loads(6, 2));
	CHECK_EQ(prepare(6), NEURON_FAULT_NONE);
	CHECK(!loads(6, 3));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 1 << 1);
	/* Without a number nothing is left. */
	CHECK_EQ(prepare(0), NEURON_FAULT_NONE);
	CHECK(loads(6, 3));
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	tear_down();

	set_up();
	CHECK_EQ(prepare(5), NEURON_FAULT_NONE);
	fill(WEIGHTS, 2);
	core_reset();
	CHECK(loads(5, 2));
	tear_down();
}

static void badly_prepared(void)
{
	set_up();
	CHECK_EQ(prepare_as(5, REPORT, NEURON_SQE_PREPARE), NEURON_FAULT_BAD_DESCRIPTOR);
	CHECK_EQ(cqe.fault.info, offsetof(struct neuron_sqe, exec.report_slot));
	CHECK_EQ(prepare_as(5, NEURON_SQE_NO_SLOT, NEURON_SQE_PREPARE | NEURON_SQE_PROFILE),
		 NEURON_FAULT_BAD_DESCRIPTOR);
	CHECK_EQ(cqe.fault.info, offsetof(struct neuron_sqe, flags));

	/* A load from beyond its slot, behind one that is none of the resident ones. */
	restart();
	pb_signal(load(INPUT, DATA_SIZE, 0), 0, 1);
	pb_signal(load(WEIGHTS, DATA_SIZE - BYTES / 2, NEURON_INST_RESIDENT), 0, 1);
	pb_wait(add(OUTPUT, WEIGHTS, INPUT), 0, 2);
	pb_finish(&p);
	CHECK_EQ(prepare(5), NEURON_FAULT_OUT_OF_BOUNDS);
	CHECK_EQ(cqe.fault.engine, NEURON_ENGINE_DMA_IN);
	CHECK_EQ(cqe.fault.inst, 1);
	build();
	CHECK(loads(5, 1));

	*(char *)p.bytes ^= 1;
	CHECK_EQ(prepare(5), NEURON_FAULT_BAD_PROGRAM);
	*(char *)p.bytes ^= 1;
	CHECK(loads(5, 1));
	tear_down();
}

/* One byte that something else writes, and the operand is none. */
static void nearly_constant(void)
{
	uint16_t byte;

	for (uint32_t at = 0; at < 3; at++) {
		static const uint32_t where[] = { WEIGHTS, WEIGHTS + BYTES - 1, WEIGHTS + BYTES };

		set_up();
		byte = pb_sbuf(&p, NEURON_U8, where[at], 1, 1);
		pb_inst(&p, NEURON_OP_FILL, NEURON_ENGINE_ACT, byte);
		pb_finish(&p);
		for (int i = 0; i < 4; i++)
			CHECK_EQ(exec(5), NEURON_FAULT_NONE);
		CHECK_EQ(told(NEURON_OP_ELTWISE), at == 2 ? 1 << 1 : 0);
		tear_down();
	}
}

/*
 * A program that breaks the rule and reads what was there before its load, and one
 * that loads two things to one place: a warm job's operand differs from the cold
 * one's, and no kernel is told otherwise.
 */
static void rule_breakers(void)
{
	set_up();
	restart();
	pb_signal(add(OUTPUT, WEIGHTS, WEIGHTS), 2, 1);
	pb_wait(load(WEIGHTS, WEIGHTS, NEURON_INST_RESIDENT), 2, 1);
	pb_finish(&p);
	CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	CHECK(is(OUTPUT, 0));
	CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	CHECK_EQ(told(NEURON_OP_ELTWISE), 0);
	CHECK(is(OUTPUT, 2));
	CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	CHECK_EQ(told(NEURON_OP_ELTWISE), 1 << 1 | 1 << 2);
	CHECK(is(OUTPUT, 2));
	tear_down();

	set_up();
	restart();
	pb_signal(load(WEIGHTS, WEIGHTS, NEURON_INST_RESIDENT), 0, 1);
	{
		struct neuron_inst *sum = add(OUTPUT, WEIGHTS, WEIGHTS);

		pb_wait(sum, 0, 1);
		pb_signal(sum, 2, 1);
	}
	pb_wait(load(WEIGHTS, INPUT, NEURON_INST_RESIDENT), 2, 1);
	pb_finish(&p);
	CHECK_EQ(exec(5), NEURON_FAULT_NONE);
	CHECK(is(OUTPUT, 2));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(exec(5), NEURON_FAULT_NONE);
		CHECK(is(OUTPUT, 20));
	}
	tear_down();
}

/* Strangers see zeros where others have left something, flag or no flag. */
static void no_leak(void)
{
	set_up();
	CHECK(loads(5, 1));
	CHECK(!loads(5, 1));
	restart();
	load(WEIGHTS, WEIGHTS, NEURON_INST_RESIDENT)->flags = 0;
	p.header.num_insts = 0;
	add(OUTPUT, WEIGHTS, WEIGHTS);
	pb_finish(&p);
	CHECK_EQ(exec_as(2, 5), NEURON_FAULT_NONE);
	CHECK(is(OUTPUT, 0));
	build();
	CHECK(loads(5, 1));
	tear_down();
}

int main(void)
{
	ktap_run("resident loads are skipped", skipped);
	ktap_run("what makes the core forget", forgotten);
	ktap_run("what does not", kept);
	ktap_run("a number without resident loads", nothing_flagged);
	ktap_run("operands that are what they were", constants);
	ktap_run("a core that was made ready", prepared);
	ktap_run("a core that could not be made ready", badly_prepared);
	ktap_run("operands that something else writes a byte of", nearly_constant);
	ktap_run("programs that overwrite what is resident", rule_breakers);
	ktap_run("other contexts find nothing", no_leak);
	return ktap_done();
}
