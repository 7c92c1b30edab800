// SPDX-License-Identifier: MIT
/*
 * EXEC: programs on cores. LOAD and STORE, semaphores and deadlocks, each kind of
 * fault, contexts, reports, several cores at once, resets in the middle.
 */
#include "tests/ktap.h"
#include "tests/unit/mini_driver.h"
#include "tests/unit/program_builder.h"

#define DATA_OFFSET	(1u << 20)	/* of slot DATA in DRAM */
#define DATA_SIZE	(1u << 20)
#define HOST_SIZE	(256u << 10)
#define SBUF_SIZE	(1u << 20)
#define PSUM_SIZE	(64u << 10)

/* The slots that every test has. */
enum {
	PROGRAM,	/* in DRAM, at 0 */
	DATA,		/* in DRAM, read and write */
	HOST,		/* host memory, read and write */
	REPORT,		/* host memory */
};

static struct machine m;
static struct ring core;
static struct slots slots;
static struct program p;
static uint64_t host, report_addr;
static struct neuron_report report;
static struct neuron_cqe cqe;

static void set_up(void)
{
	m_create(&m);
	q_init(&m, &core, 0, 4);
	s_init(&m, &slots);
	host = m_alloc(&m, HOST_SIZE);
	report_addr = m_alloc(&m, 4096);
	s_dram(&slots, 0, DATA_OFFSET, READ);
	s_dram(&slots, DATA_OFFSET, DATA_SIZE, READ | WRITE);
	s_host(&slots, host, HOST_SIZE, READ | WRITE);
	s_host(&slots, report_addr, 4096, WRITE);
	pb_init(&p);
	p.header.sbuf_size = SBUF_SIZE;
	p.header.psum_size = PSUM_SIZE;
}

static void tear_down(void)
{
	pb_free(&p);
	m_destroy(&m);
}

static void restart(void)
{
	pb_free(&p);
	pb_init(&p);
	p.header.sbuf_size = SBUF_SIZE;
	p.header.psum_size = PSUM_SIZE;
}

static int exec_on(struct ring *r, uint64_t context)
{
	struct neuron_sqe sqe;
	int status;

	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, context, PROGRAM, p.size, REPORT);
	memset(&report, 0, sizeof(report));
	put(&m, report_addr, &report, sizeof(report));
	status = q_run(r, &sqe, &cqe);
	get(&m, report_addr, &report, sizeof(report));
	return status;
}

static int exec(void)
{
	return exec_on(&core, 1);
}

static uint8_t *data(uint64_t offset)
{
	return m.dram + DATA_OFFSET + offset;
}

static void random_bytes(void *p, size_t n, uint32_t seed)
{
	uint8_t *b = p;

	while (n--) {
		seed = seed * 1664525 + 1013904223;
		*b++ = seed >> 24;
	}
}

static void empty_program(void)
{
	set_up();
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	CHECK_EQ(report.version, NEURON_REPORT_VERSION);
	CHECK_EQ(report.size, sizeof(report));
	CHECK_EQ(report.cycles, 0);
	CHECK_EQ(cqe.cycles, 0);
	tear_down();
}

/* Host memory to SBUF to DRAM, and the other way, dense. */
static void load_store(void)
{
	static float want[64 * 100], seen[64 * 100];
	uint16_t in, sbuf, out;
	struct neuron_inst *inst;

	set_up();
	random_bytes(want, sizeof(want), 1);
	put(&m, host + 40, want, sizeof(want));
	in = pb_slot(&p, HOST, NEURON_I32, 40, 2, 64, 100);
	sbuf = pb_sbuf(&p, NEURON_I32, 4096, 2, 64, 100);
	out = pb_slot(&p, DATA, NEURON_I32, 12, 2, 64, 100);
	inst = pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, out, sbuf);
	pb_wait(inst, 3, 1);
	inst = pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, in);
	pb_signal(inst, 3, 1);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	CHECK(!memcmp(data(12), want, sizeof(want)));
	CHECK_EQ(report.bytes_host_in, sizeof(want));
	CHECK_EQ(report.bytes_dram_out, sizeof(want));
	CHECK_EQ(report.bytes_host_out, 0);
	CHECK_EQ(report.bytes_dram_in, 0);
	CHECK_EQ(report.sbuf_high, 4096 + sizeof(want));
	CHECK_EQ(report.psum_high, 0);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].insts, 1);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_OUT].insts, 1);
	CHECK(report.engine[NEURON_ENGINE_DMA_OUT].stall_sem > 0);
	CHECK(report.cycles > 0);
	CHECK_EQ(cqe.cycles, report.cycles);

	restart();
	in = pb_slot(&p, DATA, NEURON_I32, 12, 2, 64, 100);
	sbuf = pb_psum(&p, NEURON_I32, 4, 2, 64, 100);
	out = pb_slot(&p, HOST, NEURON_I32, 100000, 2, 64, 100);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, in), 0, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, out, sbuf), 0, 1);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	get(&m, host + 100000, seen, sizeof(seen));
	CHECK(!memcmp(seen, want, sizeof(want)));
	CHECK_EQ(report.psum_high, 4 + sizeof(want));
	tear_down();
}

/* The byte offset of element @index of a tensor. */
static int64_t element(const struct neuron_tensor *t, uint64_t index)
{
	int64_t at = 0;

	for (unsigned int i = t->rank; i-- > 0; ) {
		at += (int64_t)(index % t->dims[i]) * t->strides[i];
		index /= t->dims[i];
	}
	return (int64_t)t->offset + at * neuron_dtype_size(t->dtype);
}

static uint64_t elements(const struct neuron_tensor *t)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < t->rank; i++)
		n *= t->dims[i];
	return n;
}

struct view {
	uint8_t dtype;
	uint8_t rank;
	uint32_t dims[4];
	int32_t slot[4];	/* strides */
	int32_t chip[4];
	uint32_t slot_offset;	/* in elements */
	uint32_t chip_offset;
};

/* Load and store a view, in DRAM and in host memory; compare by element. */
static void try_view(const struct view *v, unsigned int slot, bool load)
{
	unsigned int size = neuron_dtype_size(v->dtype);
	static uint8_t chip[SBUF_SIZE / 2], outside[HOST_SIZE], seen[HOST_SIZE];
	struct neuron_tensor *in, *out, *s, *c;
	uint16_t a, b, whole, wide;
	uint64_t n;

	set_up();
	random_bytes(chip, HOST_SIZE, 7);
	random_bytes(outside, HOST_SIZE, 9);
	put(&m, host, slot == HOST ? outside : chip, HOST_SIZE);
	memcpy(data(0), slot == HOST ? chip : outside, HOST_SIZE);

	/* First the whole scratchpad, from the other memory. */
	whole = pb_sbuf(&p, NEURON_U8, 0, 1, HOST_SIZE);
	wide = pb_slot(&p, slot == HOST ? DATA : HOST, NEURON_U8, 0, 1, HOST_SIZE);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, whole, wide), 0, 1);

	a = pb_sbuf(&p, v->dtype, v->chip_offset * size, 0);
	b = pb_slot(&p, slot, v->dtype, v->slot_offset * size, 0);
	c = &p.tensor[a];
	s = &p.tensor[b];
	c->rank = v->rank;
	s->rank = v->rank;
	for (unsigned int i = 0; i < v->rank; i++) {
		c->dims[i] = v->dims[i];
		s->dims[i] = v->dims[i];
		c->strides[i] = v->chip[i];
		s->strides[i] = v->slot[i];
	}
	if (load)
		pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, b), 0, 1);
	else
		pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, b, a), 0, 1);
	if (load)
		pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, wide, whole),
			0, 2);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);

	/* What must have come out. */
	in = load ? s : c;
	out = load ? c : s;
	n = elements(in);
	for (uint64_t i = 0; i < n; i++)
		memcpy((load ? chip : outside) + element(out, i),
		       (load ? outside : chip) + element(in, i), size);
	if (load == (slot == HOST))
		memcpy(seen, data(0), HOST_SIZE);
	else
		get(&m, host, seen, HOST_SIZE);
	CHECK(!memcmp(seen, load ? chip : outside, HOST_SIZE));
	tear_down();
}

static void strided_moves(void)
{
	static const struct view views[] = {
		/* dense, transposed, a slice, every other, backwards */
		{ NEURON_U8, 3, { 20, 30, 7 }, { 210, 7, 1 }, { 210, 7, 1 } },
		{ NEURON_F32, 2, { 33, 70 }, { 70, 1 }, { 1, 33 } },
		{ NEURON_F32, 2, { 33, 70 }, { 1, 33 }, { 70, 1 } },
		{ NEURON_BF16, 3, { 5, 6, 11 }, { 600, 40, 1 }, { 66, 11, 1 }, 3 },
		{ NEURON_BF16, 3, { 5, 6, 11 }, { 66, 11, 1 }, { 600, 40, 1 }, 0, 5 },
		{ NEURON_U8, 2, { 100, 50 }, { 200, 2 }, { 50, 1 } },
		{ NEURON_F32, 2, { 100, 20 }, { 300, 3 }, { 20, 1 } },
		{ NEURON_F32, 2, { 9, 2 }, { 5000, 2000 }, { 2, 1 } },
		{ NEURON_I32, 1, { 1000 }, { -1 }, { 1 }, 999 },
		{ NEURON_I32, 1, { 1000 }, { 1 }, { -1 }, 0, 999 },
		{ NEURON_I32, 2, { 10, 20 }, { -20, 1 }, { 1, 10 }, 180 },
		{ NEURON_U8, 4, { 4, 3, 1, 2 }, { 6, 2, 77, 1 }, { 1, 4, 5, 12 } },
		{ NEURON_F16, 0, { 0 }, { 0 }, { 0 }, 4, 8 },
		/* larger than one piece, staged and straight */
		{ NEURON_U8, 2, { 2, 131072 }, { 131072, 1 }, { 131072, 1 } },
		{ NEURON_U8, 2, { 131072, 2 }, { 2, 1 }, { 1, 131072 } },
		{ NEURON_F32, 2, { 500, 130 }, { 1, 500 }, { 130, 1 } },
	};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		try_view(&views[i], DATA, true);
		try_view(&views[i], HOST, true);
		try_view(&views[i], DATA, false);
		try_view(&views[i], HOST, false);
	}
}

/* An input may repeat itself; an output may not. */
static void broadcast_loads(void)
{
	static const struct view views[] = {
		{ NEURON_F32, 2, { 40, 30 }, { 0, 1 }, { 30, 1 } },
		{ NEURON_F32, 2, { 40, 30 }, { 1, 0 }, { 30, 1 } },
		{ NEURON_U8, 2, { 40, 30 }, { 0, 0 }, { 30, 1 } },
		{ NEURON_BF16, 3, { 4, 5, 6 }, { 6, 0, 1 }, { 30, 6, 1 } },
	};

	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		try_view(&views[i], DATA, true);
		try_view(&views[i], HOST, true);
	}
	/* In a store the scratchpad's side repeats. */
	for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
		struct view v = views[i];

		memcpy(v.slot, views[i].chip, sizeof(v.slot));
		memcpy(v.chip, views[i].slot, sizeof(v.chip));
		try_view(&v, DATA, false);
		try_view(&v, HOST, false);
	}
}

static void int64(void)
{
	const int64_t in[] = { 0, -1, INT32_MAX, INT32_MIN, 1ll << 40, -(1ll << 33) };
	const int64_t want[] = { 0, -1, INT32_MAX, INT32_MIN, INT32_MAX, INT32_MIN };
	int64_t out[6];
	uint16_t a, b, c;

	set_up();
	put(&m, host, in, sizeof(in));
	a = pb_slot(&p, HOST, NEURON_I64, 0, 2, 2, 3);
	b = pb_sbuf(&p, NEURON_I32, 0, 2, 2, 3);
	c = pb_slot(&p, DATA, NEURON_I64, 0, 2, 2, 3);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, b, a), 0, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, c, b), 0, 1);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	memcpy(out, data(0), sizeof(out));
	for (int i = 0; i < 6; i++)
		CHECK_EQ(out[i], want[i]);
	CHECK_EQ(report.saturations, 2);
	tear_down();
}

/* PE, ACT and POOL behind each other: relu(a * b) + a. */
static void computes(void)
{
	const float a[4] = { 1, -2, 3, 4 }, b[4] = { 1, 0, 0, -1 };
	const float want[4] = { 2, 0, 6, 4 };
	uint16_t ha, hb, ho, sa, sb, acc, sum;
	float out[4];

	set_up();
	put(&m, host, a, sizeof(a));
	put(&m, host + 16, b, sizeof(b));
	ha = pb_slot(&p, HOST, NEURON_F32, 0, 2, 2, 2);
	hb = pb_slot(&p, HOST, NEURON_F32, 16, 2, 2, 2);
	ho = pb_slot(&p, HOST, NEURON_F32, 32, 2, 2, 2);
	sa = pb_sbuf(&p, NEURON_F32, 0, 2, 2, 2);
	sb = pb_sbuf(&p, NEURON_F32, 64, 2, 2, 2);
	acc = pb_psum(&p, NEURON_F32, 0, 2, 2, 2);
	sum = pb_sbuf(&p, NEURON_F32, 128, 2, 2, 2);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sa, ha), 0, 1);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sb, hb), 0, 1);
	{
		struct neuron_inst *i;

		i = pb_inst(&p, NEURON_OP_MATMUL, NEURON_ENGINE_PE, acc, sa, sb);
		pb_wait(i, 0, 2);
		pb_signal(i, 1, 1);
		i = pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, acc, acc);
		NEURON_PARAMS(ACT, i)->func = NEURON_ACT_RELU;
		pb_wait(i, 1, 1);
		pb_signal(i, 2, 1);
		i = pb_inst(&p, NEURON_OP_ELTWISE, NEURON_ENGINE_POOL, sum, acc, sa);
		NEURON_PARAMS(ELTWISE, i)->func = NEURON_BINARY_ADD;
		pb_wait(i, 2, 1);
		pb_signal(i, 3, 1);
		i = pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, ho, sum);
		pb_wait(i, 3, 1);
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(exec(), NEURON_FAULT_NONE);
		get(&m, host + 32, out, sizeof(out));
		CHECK(!memcmp(out, want, sizeof(want)));
		CHECK_EQ(report.macs, 8);
		CHECK_EQ(report.engine[NEURON_ENGINE_PE].insts, 1);
		CHECK(report.engine[NEURON_ENGINE_PE].busy > 0);
		CHECK(cqe.busy > 0);
	}
	tear_down();
}

static void odd_ones_are_counted(void)
{
	static const struct {
		unsigned int dtype;
		uint32_t bits[6];
	} types[] = {
		{ NEURON_F32, { 0x7fc00000, 0x3f800000, 0xff800001, 0x7f800000, 0xff800000,
				0xff800000 } },
		{ NEURON_BF16, { 0x7fc0, 0x3f80, 0xff81, 0x7f80, 0xff80, 0xff80 } },
		{ NEURON_F16, { 0x7e00, 0x7bff, 0xfc01, 0x7c00, 0xfc00, 0xfc00 } },
	};
	char in[24];
	uint16_t a, b;

	set_up();
	for (unsigned int t = 0; t < 3; t++) {
		unsigned int size = neuron_dtype_size(types[t].dtype);

		if (t)
			restart();
		for (unsigned int i = 0; i < 6; i++)
			memcpy(in + i * size, &types[t].bits[i], size);
		put(&m, host, in, 6 * size);
		a = pb_slot(&p, HOST, types[t].dtype, 0, 1, 6);
		b = pb_sbuf(&p, types[t].dtype, 0, 1, 6);
		pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, b, a), 0, 1);
		pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, a, b), 0, 1);
		CHECK_EQ(exec(), NEURON_FAULT_NONE);
		CHECK_EQ(report.nans, 2);
		CHECK_EQ(report.infs, 3);
	}
	tear_down();
}

/* Fault record of a job whose one instruction is refused. */
static void fault_is(enum neuron_fault_kind kind, unsigned int engine, uint32_t inst,
		     unsigned int operand, uint64_t info)
{
	CHECK_EQ(cqe.fault.kind, kind);
	CHECK_EQ(cqe.fault.engine, engine);
	CHECK_EQ(cqe.fault.inst, inst);
	CHECK_EQ(cqe.fault.operand, operand);
	CHECK_EQ(cqe.fault.info, info);
}

static void bad_programs(void)
{
	struct neuron_inst *inst;
	uint16_t a, b;

	set_up();
	p.header.magic = 1;
	exec();
	fault_is(NEURON_FAULT_BAD_PROGRAM, NEURON_NO_ENGINE, NEURON_NO_INST,
		 NEURON_NO_OPERAND, offsetof(struct neuron_program_header, magic));
	CHECK_EQ(report.version, 0);

	restart();
	inst = pb_nop(&p, NEURON_ENGINE_ACT);
	inst->version = 9;
	exec();
	fault_is(NEURON_FAULT_BAD_INST, NEURON_ENGINE_ACT, 0, NEURON_NO_OPERAND,
		 offsetof(struct neuron_inst, version));

	restart();
	a = pb_sbuf(&p, NEURON_F32, 0, 1, 4);
	b = pb_sbuf(&p, NEURON_F32, 64, 1, 4);
	pb_nop(&p, NEURON_ENGINE_PE);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, b);
	exec();
	fault_is(NEURON_FAULT_BAD_OPERAND, NEURON_ENGINE_DMA_IN, 1, 1,
		 offsetof(struct neuron_tensor, space));

	restart();
	p.header.sbuf_size = SBUF_SIZE + 1;
	exec();
	fault_is(NEURON_FAULT_LIMIT, NEURON_NO_ENGINE, NEURON_NO_INST,
		 NEURON_NO_OPERAND, SBUF_SIZE);
	restart();
	p.header.psum_size = PSUM_SIZE + 1;
	exec();
	fault_is(NEURON_FAULT_LIMIT, NEURON_NO_ENGINE, NEURON_NO_INST,
		 NEURON_NO_OPERAND, PSUM_SIZE);
	restart();
	p.header.num_slots = 5;
	exec();
	fault_is(NEURON_FAULT_BAD_PROGRAM, NEURON_NO_ENGINE, NEURON_NO_INST,
		 NEURON_NO_OPERAND, offsetof(struct neuron_program_header, num_slots));
	/* A program that was refused once is refused again. */
	exec();
	CHECK_EQ(cqe.fault.kind, NEURON_FAULT_BAD_PROGRAM);
	tear_down();
}

static void slot_faults(void)
{
	uint16_t sbuf, t;

	set_up();
	/* One byte too far, in DRAM and in host memory. */
	sbuf = pb_sbuf(&p, NEURON_U8, 0, 1, 100);
	t = pb_slot(&p, DATA, NEURON_U8, DATA_SIZE - 99, 1, 100);
	pb_nop(&p, NEURON_ENGINE_DMA_IN);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, t);
	exec();
	fault_is(NEURON_FAULT_OUT_OF_BOUNDS, NEURON_ENGINE_DMA_IN, 1, 1, DATA_SIZE);
	CHECK_EQ(report.fault.kind, NEURON_FAULT_OUT_OF_BOUNDS);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].insts, 1);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].pc, 1);
	CHECK_EQ(report.bytes_dram_in, 0);
	p.tensor[t].offset--;
	CHECK_EQ(exec(), NEURON_FAULT_NONE);

	restart();
	sbuf = pb_sbuf(&p, NEURON_U8, 0, 1, 100);
	t = pb_slot(&p, HOST, NEURON_U8, HOST_SIZE - 99, 1, 100);
	pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, t, sbuf);
	exec();
	fault_is(NEURON_FAULT_OUT_OF_BOUNDS, NEURON_ENGINE_DMA_OUT, 0, 0, HOST_SIZE);
	p.tensor[t].offset--;
	CHECK_EQ(exec(), NEURON_FAULT_NONE);

	/* Neither side grants what it should not. */
	restart();
	sbuf = pb_sbuf(&p, NEURON_U8, 0, 1, 100);
	t = pb_slot(&p, PROGRAM, NEURON_U8, 8, 1, 100);
	pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, t, sbuf);
	exec();
	fault_is(NEURON_FAULT_ACCESS_DENIED, NEURON_ENGINE_DMA_OUT, 0, 0, 8);
	restart();
	sbuf = pb_sbuf(&p, NEURON_U8, 0, 1, 100);
	t = pb_slot(&p, REPORT, NEURON_U8, 0, 1, 100);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, t);
	exec();
	fault_is(NEURON_FAULT_ACCESS_DENIED, NEURON_ENGINE_DMA_IN, 0, 1, 0);
	tear_down();
}

/* Pages that the bus refuses; a program and a report that can't be reached. */
static void bus_faults(void)
{
	uint64_t pages[2] = { BUS_BASE, 0xdead000 };
	struct neuron_sqe sqe;
	uint32_t bad;
	uint16_t sbuf, t;

	set_up();
	bad = s_pages(&slots, pages, 2, 0, 8192, READ | WRITE);
	p.header.num_slots = bad + 1;
	sbuf = pb_sbuf(&p, NEURON_U8, 0, 1, 5000);
	t = pb_slot(&p, bad, NEURON_U8, 0, 1, 5000);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, t);
	exec();
	fault_is(NEURON_FAULT_DMA_ABORT, NEURON_ENGINE_DMA_IN, 0, 1, 4096);

	sqe = sqe_exec(&slots, 1, bad, p.size, REPORT);
	sqe.exec.program_offset = 4096;
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_DMA_ABORT);
	sqe.exec.program_offset = 8192 - p.size + 1;
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_OUT_OF_BOUNDS);
	sqe = sqe_exec(&slots, 1, REPORT, p.size, REPORT);
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_ACCESS_DENIED);

	restart();
	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, 1, PROGRAM, p.size, REPORT);
	sqe.exec.report_offset = 4096 - sizeof(report) + 1;
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_OUT_OF_BOUNDS);
	sqe = sqe_exec(&slots, 1, PROGRAM, p.size, PROGRAM);
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_ACCESS_DENIED);
	sqe = sqe_exec(&slots, 1, PROGRAM, p.size, NEURON_SQE_NO_SLOT);
	CHECK_EQ(q_run(&core, &sqe, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

/* PE waits for ACT and ACT for PE; POOL has done its part. */
static void deadlock(void)
{
	set_up();
	pb_nop(&p, NEURON_ENGINE_POOL);
	pb_nop(&p, NEURON_ENGINE_PE);
	pb_wait(pb_nop(&p, NEURON_ENGINE_PE), 5, 2);
	pb_signal(pb_nop(&p, NEURON_ENGINE_PE), 6, 1);
	pb_wait(pb_nop(&p, NEURON_ENGINE_ACT), 6, 1);
	pb_signal(pb_nop(&p, NEURON_ENGINE_ACT), 5, 1);
	pb_signal(pb_nop(&p, NEURON_ENGINE_DMA_IN), 5, 1);
	exec();
	fault_is(NEURON_FAULT_DEADLOCK, NEURON_NO_ENGINE, NEURON_NO_INST,
		 NEURON_NO_OPERAND, 1 << NEURON_ENGINE_PE | 1 << NEURON_ENGINE_ACT);
	CHECK_EQ(report.engine[NEURON_ENGINE_PE].pc, 2);
	CHECK_EQ(report.engine[NEURON_ENGINE_PE].wait_sem, 5);
	CHECK_EQ(report.engine[NEURON_ENGINE_PE].wait_value, 2);
	CHECK_EQ(report.engine[NEURON_ENGINE_PE].sem_value, 1);
	CHECK_EQ(report.engine[NEURON_ENGINE_ACT].pc, 4);
	CHECK_EQ(report.engine[NEURON_ENGINE_ACT].wait_sem, 6);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].pc, 7);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].insts, 1);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].wait_value, 0);
	/* The core is fine. */
	restart();
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	tear_down();
}

static void gather_out_of_range(void)
{
	const int32_t index[2] = { 1, 7 };
	uint16_t in, out, idx, h;

	set_up();
	put(&m, host, index, sizeof(index));
	h = pb_slot(&p, HOST, NEURON_I32, 0, 1, 2);
	idx = pb_sbuf(&p, NEURON_I32, 0, 1, 2);
	in = pb_sbuf(&p, NEURON_F32, 64, 3, 1, 4, 2);
	out = pb_sbuf(&p, NEURON_F32, 128, 3, 1, 2, 2);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, idx, h), 0, 1);
	{
		struct neuron_inst *i;

		i = pb_inst(&p, NEURON_OP_GATHER, NEURON_ENGINE_POOL, out, in, idx);
		NEURON_PARAMS(GATHER, i)->axis = 1;
		pb_wait(i, 0, 1);
	}
	exec();
	fault_is(NEURON_FAULT_OUT_OF_BOUNDS, NEURON_ENGINE_POOL, 1, 2, 4);
	tear_down();
}

static void program_to_store(bool load)
{
	uint16_t slot, sbuf;

	restart();
	slot = pb_slot(&p, DATA, NEURON_U8, load ? 0 : 1000, 1, 1000);
	sbuf = pb_sbuf(&p, NEURON_U8, 500, 1, 1000);
	if (load)
		pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, slot);
	else
		pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, slot, sbuf);
}

/* The scratchpad stays with its context, and strangers find it zeroed. */
static void contexts(void)
{
	uint8_t zero[1000] = { 0 };

	set_up();
	random_bytes(data(0), 1000, 3);
	program_to_store(true);
	CHECK_EQ(exec_on(&core, 10), NEURON_FAULT_NONE);
	program_to_store(false);
	CHECK_EQ(exec_on(&core, 10), NEURON_FAULT_NONE);
	CHECK(!memcmp(data(1000), data(0), 1000));
	CHECK_EQ(exec_on(&core, 11), NEURON_FAULT_NONE);
	CHECK(!memcmp(data(1000), zero, 1000));

	/* The first one's data does not come back. */
	random_bytes(data(1000), 1000, 5);
	CHECK_EQ(exec_on(&core, 10), NEURON_FAULT_NONE);
	CHECK(!memcmp(data(1000), zero, 1000));

	/* A reset of the core clears it, too. */
	program_to_store(true);
	CHECK_EQ(exec_on(&core, 10), NEURON_FAULT_NONE);
	wr(&m, NEURON_REG_CORE_RESET, 1);
	CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
	CHECK_EQ(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)), 0);
	q_enable(&core);
	program_to_store(false);
	random_bytes(data(1000), 1000, 5);
	CHECK_EQ(exec_on(&core, 10), NEURON_FAULT_NONE);
	CHECK(!memcmp(data(1000), zero, 1000));
	tear_down();
}

/* The program is what it was when it was fetched, and checked each time anew. */
static void programs_change(void)
{
	set_up();
	for (int i = 0; i < 30; i++) {
		restart();
		for (int k = 0; k <= i % 12; k++)
			pb_nop(&p, NEURON_ENGINE_ACT);
		CHECK_EQ(exec(), NEURON_FAULT_NONE);
		CHECK_EQ(report.engine[NEURON_ENGINE_ACT].insts, i % 12 + 1);
		p.inst[0].version = 0;
		CHECK_EQ(exec(), NEURON_FAULT_BAD_INST);
	}
	/* At the end of a long one, after it has run. */
	restart();
	for (int k = 0; k < PB_MAX_INSTS; k++)
		pb_nop(&p, NEURON_ENGINE_ACT);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	CHECK_EQ(exec(), NEURON_FAULT_NONE);
	p.inst[PB_MAX_INSTS - 1].version = 0;
	CHECK_EQ(exec(), NEURON_FAULT_BAD_INST);
	CHECK_EQ(cqe.fault.inst, PB_MAX_INSTS - 1);
	tear_down();
}

/* Work that takes far too long to wait for. */
static void endless_program(void)
{
	uint16_t in, out;

	restart();
	in = pb_sbuf(&p, NEURON_F32, 0, 1, 1 << 22);
	p.tensor[in].strides[0] = 0;
	out = pb_sbuf(&p, NEURON_F32, 4096, 1, 1);
	for (int i = 0; i < PB_MAX_INSTS; i++) {
		struct neuron_inst *inst;

		inst = pb_inst(&p, NEURON_OP_REDUCE, NEURON_ENGINE_POOL, out, in);
		NEURON_PARAMS(REDUCE, inst)->func = NEURON_REDUCE_LOGSUMEXP;
		NEURON_PARAMS(REDUCE, inst)->axes = 1;
	}
	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
}

static void submit(struct ring *r)
{
	struct neuron_sqe sqe = sqe_exec(&slots, 1, PROGRAM, p.size, REPORT);

	q_put(r, &sqe);
	q_ring(r);
}

static void reset_while_running(void)
{
	struct neuron_sqe nop = sqe_nop(4);
	struct timespec nap = { .tv_nsec = 20000000 };

	set_up();
	for (int how = 0; how < 4; how++) {
		endless_program();
		submit(&core);
		CHECK(m_until(rd(&m, q_reg(&core, NEURON_QUEUE_SQ_HEAD)) == core.tail));
		nanosleep(&nap, NULL);
		CHECK(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE);
		switch (how) {
		case 0:
			CHECK(q_stop(&core));
			break;
		case 1:
			wr(&m, NEURON_REG_CORE_RESET, 1);
			CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
			break;
		case 2:
			wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
			CHECK(m_until(!rd(&m, NEURON_REG_CONTROL)));
			break;
		case 3:
			neuron_chip_reset(m.chip);
			CHECK(m_until(rd(&m, NEURON_REG_STATUS) ==
				      NEURON_STATUS_READY));
			break;
		}
		CHECK_EQ(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)), 0);
		CHECK(!q_peek(&core, &cqe));
		q_enable(&core);
		CHECK_EQ(q_run(&core, &nop, &cqe), NEURON_FAULT_NONE);
		CHECK_EQ(cqe.id, 4);
	}
	/* Destroyed in the middle of an instruction. */
	endless_program();
	submit(&core);
	nanosleep(&nap, NULL);
	tear_down();
}

/* One core's reset leaves the others alone. */
static void neighbours_work_on(void)
{
	struct neuron_sqe nop = sqe_nop(4);
	struct ring other;

	set_up();
	q_init(&m, &other, 1, 4);
	endless_program();
	submit(&core);
	CHECK_EQ(q_run(&other, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(q_rest(&other));
	wr(&m, NEURON_REG_CORE_RESET, 1);
	CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
	CHECK_EQ(rd(&m, q_reg(&other, NEURON_QUEUE_STATUS)), NEURON_QUEUE_ENABLED);
	CHECK_EQ(q_run(&other, &nop, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

/* Four cores and two DMA queues at once, each on its own data. */
static void all_at_once(void)
{
	enum { JOBS = 100, N = 4000 };
	static struct program each[4];
	struct ring rings[6];
	struct slots s[4];
	uint64_t out[4], cycles[6] = { 0 };
	uint32_t want[4];

	set_up();
	for (unsigned int q = 0; q < 6; q++)
		if (q)
			q_init(&m, &rings[q], q, 5);
	rings[0] = core;
	for (unsigned int c = 0; c < 4; c++) {
		struct program *e = &each[c];
		uint16_t in, sbuf, twice, to;
		struct neuron_inst *i;
		uint64_t addr;

		pb_init(e);
		in = pb_slot(e, 1, NEURON_I32, 0, 1, N);
		sbuf = pb_sbuf(e, NEURON_I32, 0, 1, N);
		twice = pb_sbuf(e, NEURON_I32, 4 * N, 1, N);
		to = pb_slot(e, 2, NEURON_I32, 0, 1, N);
		pb_signal(pb_inst(e, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, in),
			  0, 1);
		i = pb_inst(e, NEURON_OP_ELTWISE, NEURON_ENGINE_POOL, twice, sbuf, sbuf);
		pb_wait(i, 0, 1);
		pb_signal(i, 1, 1);
		pb_wait(pb_inst(e, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, to, twice),
			1, 1);
		/* Two of them say that four cores share the memory. */
		e->header.sharing = c % 2 ? 4 : 0;
		pb_finish(e);
		addr = m_alloc(&m, e->size);
		put(&m, addr, e->bytes, e->size);
		s_init(&m, &s[c]);
		s_host(&s[c], addr, e->size, READ);
		s_dram(&s[c], 65536 * c, 4 * N, READ);
		out[c] = m_alloc(&m, 4 * N);
		s_host(&s[c], out[c], 4 * N, WRITE);
		s_dram(&s[c], 65536 * c, 4 * N, READ);
		want[c] = 1000 * (c + 1);
		for (unsigned int k = 0; k < N; k++)
			memcpy(m.dram + 65536 * c + 4 * k, &(uint32_t){ want[c] + k }, 4);
	}
	for (int job = 0; job < JOBS; job++) {
		for (unsigned int q = 0; q < 6; q++) {
			struct neuron_sqe sqe;

			if (q < 4)
				sqe = sqe_exec(&s[q], q, 0, each[q].size,
					       NEURON_SQE_NO_SLOT);
			else
				sqe = sqe_copy(&slots, DATA, 300000 * (q - 3), HOST, 0,
					       HOST_SIZE);
			sqe.id = job;
			q_put(&rings[q], &sqe);
			q_ring(&rings[q]);
		}
		if (job % 4 != 3)
			continue;
		for (unsigned int q = 0; q < 6; q++) {
			for (int k = 3; k >= 0; k--) {
				CHECK(q_wait(&rings[q], &cqe));
				CHECK_EQ(cqe.id, job - k);
				CHECK_EQ(cqe.fault.kind, NEURON_FAULT_NONE);
				/* Whoever else runs: always the same. */
				if (cycles[q])
					CHECK_EQ(cqe.cycles, cycles[q]);
				cycles[q] = cqe.cycles;
			}
		}
	}
	CHECK_EQ(cycles[2], cycles[0]);
	CHECK_EQ(cycles[3], cycles[1]);
	CHECK(cycles[1] > cycles[0]);
	for (unsigned int c = 0; c < 4; c++) {
		static uint32_t seen[N];
		bool ok = true;

		get(&m, out[c], seen, sizeof(seen));
		for (unsigned int k = 0; k < N; k++)
			ok &= seen[k] == 2 * (want[c] + k);
		CHECK(ok);
		pb_free(&each[c]);
	}
	tear_down();
}

int main(void)
{
	ktap_run("an empty program", empty_program);
	ktap_run("load and store", load_store);
	ktap_run("strided loads and stores", strided_moves);
	ktap_run("loads and stores that repeat", broadcast_loads);
	ktap_run("int64 is narrowed and widened", int64);
	ktap_run("all engines in one program", computes);
	ktap_run("stored NaNs and infinities are counted", odd_ones_are_counted);
	ktap_run("malformed programs", bad_programs);
	ktap_run("faults of slots name operand and offset", slot_faults);
	ktap_run("faults of the bus", bus_faults);
	ktap_run("a deadlock is found at once", deadlock);
	ktap_run("a gather's index out of range", gather_out_of_range);
	ktap_run("contexts do not see each other", contexts);
	ktap_run("programs change between jobs", programs_change);
	ktap_run("stops and resets in the middle of an instruction", reset_while_running);
	ktap_run("a core's reset leaves its neighbours alone", neighbours_work_on);
	ktap_run("all queues at once", all_at_once);
	return ktap_done();
}
