// SPDX-License-Identifier: MIT
/*
 * What a job says of its instructions when it is profiled, and what one that did
 * not come to its end says it has cost.
 */
#include <math.h>
#include "tests/ktap.h"
#include "tests/unit/mini_driver.h"
#include "tests/unit/program_builder.h"
#include "qemu-device/timing/timing.h"

#define DATA_OFFSET	(1u << 20)	/* of slot DATA in DRAM */
#define DATA_SIZE	(1u << 20)
#define REPORT_SIZE	8192u
#define MAX_RECORDS	((REPORT_SIZE - sizeof(struct neuron_report)) /		\
			 sizeof(struct neuron_inst_record))

/* The slots that every test has. */
enum {
	PROGRAM,	/* in DRAM, at 0 */
	DATA,		/* in DRAM, read and write */
	REPORT,		/* host memory */
};

static struct machine m;
static struct ring core;
static struct slots slots;
static struct program p;
static uint64_t report_addr;
static struct {
	struct neuron_report report;
	struct neuron_inst_record record[MAX_RECORDS];
} seen;
static struct neuron_cqe cqe;

static void restart(void)
{
	pb_free(&p);
	pb_init(&p);
	p.header.num_slots = 3;
}

static void set_up(void)
{
	m_create(&m);
	q_init(&m, &core, 0, 4);
	s_init(&m, &slots);
	report_addr = m_alloc(&m, REPORT_SIZE);
	s_dram(&slots, 0, DATA_OFFSET, READ);
	s_dram(&slots, DATA_OFFSET, DATA_SIZE, READ | WRITE);
	s_host(&slots, report_addr, REPORT_SIZE, WRITE);
	restart();
}

static void tear_down(void)
{
	pb_free(&p);
	m_destroy(&m);
}

static int run(const struct neuron_sqe *sqe)
{
	int status;

	memset(&seen, 0xee, sizeof(seen));
	put(&m, report_addr, &seen, sizeof(seen));
	status = q_run(&core, sqe, &cqe);
	get(&m, report_addr, &seen, sizeof(seen));
	return status;
}

static struct neuron_sqe entry(void)
{
	struct neuron_sqe sqe;

	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, 1, PROGRAM, p.size, REPORT);
	sqe.flags = NEURON_SQE_PROFILE;
	return sqe;
}

static int exec(void)
{
	struct neuron_sqe sqe = entry();

	return run(&sqe);
}

static void *data(uint32_t offset)
{
	return m.dram + DATA_OFFSET + offset;
}

/* A load, what @build adds behind semaphore 0, and a store behind semaphore 1. */
static void around(unsigned int dtype, uint16_t out)
{
	uint16_t in = pb_slot(&p, DATA, dtype, 0, 1, 8);
	uint16_t to = pb_slot(&p, DATA, p.tensor[out].dtype, 4096, 1, 8);

	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN,
			  pb_sbuf(&p, dtype, 0, 1, 8), in), 0, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, to, out), 1, 1);
}

/* 1 / x of numbers among which are zeros and a NaN, in two types. */
static void odd_values(void)
{
	const float in[8] = { 1, 0, -0.0f, NAN, 4, INFINITY, 0, -2 };
	const uint16_t half[8] = { 0x3c00, 0, 0x8000, 0x7e00, 0x4400, 0x7c00, 0, 0xc000 };
	struct neuron_inst_record *r = seen.record;

	for (int i = 0; i < 2; i++) {
		unsigned int dtype = i ? NEURON_F16 : NEURON_F32;
		struct neuron_inst *inst;
		uint16_t out;

		set_up();
		memcpy(data(0), i ? (const void *)half : in, i ? sizeof(half) : sizeof(in));
		out = pb_sbuf(&p, dtype, 256, 1, 8);
		around(dtype, out);
		inst = pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, out,
			       pb_sbuf(&p, dtype, 0, 1, 8));
		NEURON_PARAMS(ACT, inst)->func = NEURON_ACT_RECIPROCAL;
		pb_wait(inst, 0, 1);
		pb_signal(inst, 1, 1);
		CHECK_EQ(exec(), NEURON_FAULT_NONE);

		/* The order is that of the program: LOAD, STORE, ACT. */
		CHECK_EQ(r[0].nans, 1);
		CHECK_EQ(r[0].infs, 1);
		CHECK_EQ(r[2].nans, 1);
		CHECK_EQ(r[2].infs, 3);
		CHECK_EQ(r[1].nans, 1);
		CHECK_EQ(r[1].infs, 3);
		CHECK_EQ(seen.report.nans, 1);
		tear_down();
	}
}

/* Strides, also negative ones: what lies between is not looked at. */
static void strides(void)
{
	float *f;
	uint16_t a, b;

	set_up();
	f = data(0);
	for (int i = 0; i < 24; i++)
		f[i] = i % 2 ? NAN : INFINITY;
	a = pb_slot(&p, DATA, NEURON_F32, 0, 1, 24);
	b = pb_sbuf(&p, NEURON_F32, 0, 1, 24);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, b, a), 0, 1);
	a = pb_slot(&p, DATA, NEURON_F32, 4096, 3, 2, 3, 2);
	b = pb_sbuf(&p, NEURON_F32, 23 * 4, 3, 2, 3, 2);
	p.tensor[b].strides[0] = -12;
	p.tensor[b].strides[1] = -4;
	p.tensor[b].strides[2] = -2;
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, a, b), 0, 1);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	CHECK_EQ(seen.record[0].nans, 12);
	CHECK_EQ(seen.record[0].infs, 12);
	CHECK_EQ(seen.record[1].nans, 12);
	CHECK_EQ(seen.record[1].infs, 0);
	tear_down();
}

static void saturations(void)
{
	const float in[8] = { 1e9, 0, 5, -1e9, 127, 128, -128, 1000 };
	struct neuron_inst *inst;
	uint16_t out, scale, point;

	set_up();
	memcpy(data(0), in, sizeof(in));
	((float *)data(2048))[0] = 1;
	scale = pb_sbuf(&p, NEURON_F32, 1024, 1, 1);
	point = pb_slot(&p, DATA, NEURON_F32, 2048, 1, 1);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, scale, point), 0, 1);
	out = pb_sbuf(&p, NEURON_I8, 256, 1, 8);
	around(NEURON_F32, out);
	p.tensor[scale].dims[0] = 1;
	scale = pb_sbuf(&p, NEURON_F32, 1024, 1, 8);
	p.tensor[scale].strides[0] = 0;
	inst = pb_inst(&p, NEURON_OP_QUANTIZE, NEURON_ENGINE_ACT, out,
		       pb_sbuf(&p, NEURON_F32, 0, 1, 8), scale);
	pb_wait(inst, 0, 2);
	pb_signal(inst, 1, 1);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	CHECK_EQ(seen.record[3].saturations, 4);
	CHECK_EQ(seen.record[2].saturations, 0);
	CHECK_EQ(seen.report.saturations, 4);
	tear_down();
}

/* load; act on it; store: one after the other. */
static void chain(void)
{
	uint16_t out = pb_sbuf(&p, NEURON_F32, 256, 1, 8);
	struct neuron_inst *inst;

	around(NEURON_F32, out);
	inst = pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, out,
		       pb_sbuf(&p, NEURON_F32, 0, 1, 8));
	pb_wait(inst, 0, 1);
	pb_signal(inst, 1, 1);
}

static void times(void)
{
	const struct neuron_timing_config config = {
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
	};
	const bool dram[4] = { true, true, false };
	struct neuron_inst_record *r = seen.record;
	uint64_t load, act, store;

	set_up();
	chain();
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	load = neuron_timing_inst(&config, p.bytes, 0, dram, 3);
	store = neuron_timing_inst(&config, p.bytes, 1, dram, 3);
	act = neuron_timing_inst(&config, p.bytes, 2, dram, 3);
	CHECK_EQ(r[0].start, 0);
	CHECK_EQ(r[0].end, load);
	CHECK_EQ(r[0].stall_sem, 0);
	CHECK_EQ(r[2].start, load);
	CHECK_EQ(r[2].end, load + act);
	CHECK_EQ(r[2].stall_sem, load);
	CHECK_EQ(r[1].start, load + act);
	CHECK_EQ(r[1].end, load + act + store);
	CHECK_EQ(r[1].stall_sem, load + act);
	CHECK_EQ(seen.report.cycles, load + act + store);
	/* Nothing is written behind the last. */
	CHECK_EQ(r[3].start, 0xeeeeeeeeeeeeeeeeull);
	tear_down();
}

static void warm(void)
{
	struct neuron_inst_record *r = seen.record;
	struct neuron_sqe sqe;
	uint64_t cold;

	set_up();
	chain();
	p.inst[0].flags = NEURON_INST_RESIDENT;
	sqe = entry();
	sqe.exec.resident = 3;
	CHECK_EQ(run(&sqe), NEURON_FAULT_NONE);
	cold = r[0].end;
	CHECK_EQ(run(&sqe), NEURON_FAULT_NONE);
	CHECK(r[0].end < cold);
	CHECK_EQ(r[2].start, r[0].end);
	tear_down();
}

/* Whoever does not ask gets no records, and needs no room for them. */
static void not_profiled(void)
{
	struct neuron_sqe sqe;

	set_up();
	chain();
	sqe = entry();
	sqe.flags = 0;
	sqe.exec.report_offset = REPORT_SIZE - sizeof(struct neuron_report);
	CHECK_EQ(run(&sqe), NEURON_FAULT_NONE);
	sqe.exec.report_offset = 0;
	CHECK_EQ(run(&sqe), NEURON_FAULT_NONE);
	CHECK_EQ(seen.record[0].start, 0xeeeeeeeeeeeeeeeeull);
	tear_down();
}

static void no_room(void)
{
	const uint64_t need = sizeof(struct neuron_report) +
			      3 * sizeof(struct neuron_inst_record);
	struct neuron_sqe sqe;

	set_up();
	chain();
	memset(data(4096), 0x55, 32);
	sqe = entry();
	sqe.exec.report_offset = REPORT_SIZE - need + 1;
	CHECK_EQ(run(&sqe), NEURON_FAULT_OUT_OF_BOUNDS);
	CHECK_EQ(cqe.fault.inst, NEURON_NO_INST);
	CHECK_EQ(cqe.fault.info, REPORT_SIZE);
	/* It has not begun. */
	CHECK_EQ(((uint8_t *)data(4096))[0], 0x55);
	sqe.exec.report_offset--;
	CHECK_EQ(run(&sqe), NEURON_FAULT_NONE);
	CHECK(((uint8_t *)data(4096))[0] != 0x55);

	sqe.exec.report_offset = UINT64_MAX - 15;
	CHECK_EQ(run(&sqe), NEURON_FAULT_OUT_OF_BOUNDS);
	sqe.exec.report_slot = PROGRAM;
	CHECK_EQ(run(&sqe), NEURON_FAULT_ACCESS_DENIED);
	sqe.exec.report_slot = NEURON_SQE_NO_SLOT;
	CHECK_EQ(run(&sqe), NEURON_FAULT_BAD_DESCRIPTOR);
	CHECK_EQ(cqe.fault.info, offsetof(struct neuron_sqe, exec.report_slot));
	sqe = entry();
	sqe.flags |= 2;
	CHECK_EQ(run(&sqe), NEURON_FAULT_BAD_DESCRIPTOR);
	CHECK_EQ(cqe.fault.info, offsetof(struct neuron_sqe, flags));
	sqe = sqe_nop(1);
	sqe.flags = NEURON_SQE_PROFILE;
	CHECK_EQ(run(&sqe), NEURON_FAULT_BAD_DESCRIPTOR);
	tear_down();
}

/* The store lies outside of its slot: two have run, and cost what they cost. */
static void faults(void)
{
	struct neuron_inst_record *r = seen.record;
	uint64_t cycles;

	set_up();
	chain();
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	cycles = r[1].start;
	p.tensor[p.inst[1].operand[0]].offset = DATA_SIZE - 4;
	CHECK_EQ(exec(), NEURON_FAULT_OUT_OF_BOUNDS);
	CHECK_EQ(cqe.fault.inst, 1);
	CHECK_EQ(cqe.cycles, cycles);
	CHECK_EQ(seen.report.cycles, cycles);
	CHECK_EQ(r[2].end, cycles);
	CHECK_EQ(r[1].end, 0);
	CHECK_EQ(r[1].start, 0);
	CHECK_EQ(seen.report.engine[NEURON_ENGINE_DMA_IN].busy, r[0].end);
	CHECK_EQ(seen.report.engine[NEURON_ENGINE_ACT].busy, r[2].end - r[2].start);
	CHECK_EQ(seen.report.engine[NEURON_ENGINE_ACT].stall_sem, r[0].end);
	CHECK_EQ(seen.report.engine[NEURON_ENGINE_DMA_OUT].busy, 0);
	tear_down();

	/* A deadlock: all that could run has. */
	set_up();
	chain();
	p.inst[1].wait[0].value = 2;
	CHECK_EQ(exec(), NEURON_FAULT_DEADLOCK);
	CHECK_EQ(seen.report.cycles, cycles);
	CHECK_EQ(r[2].end, cycles);
	CHECK_EQ(r[1].end, 0);
	tear_down();
}

int main(void)
{
	ktap_run("NaNs and infinities by instruction", odd_values);
	ktap_run("elements apart from each other", strides);
	ktap_run("saturations by instruction", saturations);
	ktap_run("when each instruction ran", times);
	ktap_run("on a warm core", warm);
	ktap_run("jobs that are not profiled", not_profiled);
	ktap_run("records without room, and malformed entries", no_room);
	ktap_run("jobs that fail say what they have cost", faults);
	return ktap_done();
}
