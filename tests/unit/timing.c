// SPDX-License-Identifier: MIT
/*
 * The timing model: formulas on shapes whose cost is known by hand, and the
 * schedule of small programs.
 */
#include <errno.h>
#include "tests/ktap.h"
#include "tests/unit/program_builder.h"
#include "qemu-device/timing/constants.h"
#include "qemu-device/timing/timing.h"

static const struct neuron_timing_config config = {
	.clock_khz = 1000000,
	.dram_mibps = 51200,
	.link_mibps = 12288,
};

static struct program p;
static const bool dram[4] = { true, true, false, false };

static void finish(void)
{
	struct neuron_fault fault;
	const char *why = "";

	pb_finish(&p);
	if (!neuron_program_check(p.bytes, p.size, &fault, &why)) {
		printf("# the program is refused: %s\n", why);
		ktap_failed = true;
	}
}

/* The cost of the last instruction. */
static uint64_t cost(void)
{
	finish();
	return neuron_timing_inst(&config, p.bytes, p.header.num_insts - 1, dram, 4);
}

static void begin(void)
{
	pb_free(&p);
	pb_init(&p);
	p.header.sbuf_size = 8 << 20;
	p.header.psum_size = 2 << 20;
}

static uint64_t matmul_cost(unsigned int dtype, uint32_t m, uint32_t k, uint32_t n)
{
	uint16_t a, b, out;

	begin();
	a = pb_sbuf(&p, dtype, 0, 2, m, k);
	b = pb_sbuf(&p, dtype, 4 << 20, 2, k, n);
	out = pb_psum(&p, dtype == NEURON_I8 ? NEURON_I32 : NEURON_F32, 0, 2, m, n);
	pb_inst(&p, NEURON_OP_MATMUL, NEURON_ENGINE_PE, out, a, b);
	return cost();
}

static void pe(void)
{
	/* Each of the 4 * 8 pieces of the weights sees all rows in one pass. */
	const uint64_t fixed = TIMING_ISSUE + TIMING_PE_FILL + 32 * TIMING_PE_PASS_OVERHEAD;

	/* 16 TFLOPS: 512^3 MACs at 8192 a cycle are 16384 cycles. */
	CHECK_EQ(matmul_cost(NEURON_BF16, 512, 512, 512), fixed + 16384);
	CHECK_EQ(matmul_cost(NEURON_F16, 512, 512, 512), fixed + 16384);
	CHECK_EQ(matmul_cost(NEURON_I8, 512, 512, 512), fixed + 8192);
	CHECK_EQ(matmul_cost(NEURON_F32, 512, 512, 512), fixed + 65536);
	/* What does not fill the array costs as much. */
	CHECK_EQ(matmul_cost(NEURON_BF16, 512, 385, 449), fixed + 16384);
	/* A few rows wait for the weights. */
	CHECK_EQ(matmul_cost(NEURON_BF16, 1, 512, 512), fixed + 32 * TIMING_PE_LOAD);
	/* One more row is one more pass of each piece. */
	CHECK_EQ(matmul_cost(NEURON_BF16, 513, 512, 512),
		 fixed + 32 * (513 + TIMING_PE_PASS_OVERHEAD));
}

/* A batch of products of 64 rows. */
static uint64_t batch_cost(int32_t weight_stride)
{
	uint16_t a, b, out;

	begin();
	a = pb_sbuf(&p, NEURON_BF16, 0, 3, 8, 64, 128);
	b = pb_sbuf(&p, NEURON_BF16, 4 << 20, 3, 8, 128, 64);
	p.tensor[b].strides[0] = weight_stride;
	out = pb_psum(&p, NEURON_F32, 0, 3, 8, 64, 64);
	pb_inst(&p, NEURON_OP_MATMUL, NEURON_ENGINE_PE, out, a, b);
	return cost();
}

static void batches(void)
{
	const uint64_t fixed = TIMING_ISSUE + TIMING_PE_FILL;

	CHECK_EQ(batch_cost(128 * 64),
		 fixed + 8 * (TIMING_PE_LOAD + TIMING_PE_PASS_OVERHEAD));
	CHECK_EQ(batch_cost(0), fixed + 8 * 64 + TIMING_PE_PASS_OVERHEAD);
}

static uint64_t conv_cost(uint32_t groups, uint32_t channels, uint32_t filters,
			  uint32_t size, uint32_t kernel)
{
	struct neuron_inst *inst;
	uint16_t in, weight, out;

	begin();
	in = pb_sbuf(&p, NEURON_BF16, 0, 4, 1, channels, size, size);
	weight = pb_sbuf(&p, NEURON_BF16, 3 << 20, 4, filters, channels / groups,
			 kernel, kernel);
	out = pb_sbuf(&p, NEURON_BF16, 5 << 20, 4, 1, filters, size, size);
	inst = pb_inst(&p, NEURON_OP_CONV, NEURON_ENGINE_PE, out, in, weight);
	NEURON_PARAMS(CONV, inst)->groups = groups;
	for (int i = 0; i < 2; i++) {
		NEURON_PARAMS(CONV, inst)->stride[i] = 1;
		NEURON_PARAMS(CONV, inst)->dilation[i] = 1;
		NEURON_PARAMS(CONV, inst)->pad[i] = kernel / 2;
	}
	return cost();
}

static void convolutions(void)
{
	const uint64_t fixed = TIMING_ISSUE + TIMING_PE_FILL;

	/* 128 * 9 rows of weights in 9 pieces, 64 columns, 56 * 56 positions. */
	CHECK_EQ(conv_cost(1, 128, 64, 56, 3),
		 fixed + 9 * (56 * 56 + 7 * TIMING_PE_PASS_OVERHEAD));
	/* Depthwise: 14 groups of 9 taps lie on the array's diagonal at once. */
	CHECK_EQ(conv_cost(64, 64, 64, 56, 3),
		 fixed + 5 * (56 * 56 + 7 * TIMING_PE_PASS_OVERHEAD));
}

static void vectors(void)
{
	struct neuron_inst *inst;
	uint16_t a, b;

	begin();
	a = pb_sbuf(&p, NEURON_F32, 0, 2, 512, 100);
	b = pb_sbuf(&p, NEURON_F32, 1 << 20, 2, 512, 100);
	inst = pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, b, a);
	CHECK_EQ(cost(), TIMING_ISSUE + TIMING_VECTOR_FILL + 100);
	NEURON_PARAMS(ACT, inst)->func = NEURON_ACT_TANH;
	CHECK_EQ(cost(), TIMING_ISSUE + TIMING_VECTOR_FILL + 400);
	inst->engine = NEURON_ENGINE_POOL;
	CHECK_EQ(cost(), TIMING_ISSUE + TIMING_VECTOR_FILL + 800);
	pb_signal(inst, 0, 1);
	CHECK_EQ(cost(), TIMING_ISSUE + TIMING_VECTOR_FILL + 800 + TIMING_SIGNAL);
	pb_nop(&p, NEURON_ENGINE_PE);
	CHECK_EQ(cost(), TIMING_ISSUE);
}

static uint64_t load_cost(unsigned int slot, int32_t stride)
{
	uint16_t a, b;

	begin();
	a = pb_sbuf(&p, NEURON_U8, 0, 1, 1 << 20);
	b = pb_slot(&p, slot, NEURON_U8, 0, 1, 1 << 20);
	p.tensor[b].strides[0] = stride;
	if (stride < 0)
		p.tensor[b].offset = (1 << 20) - 1;
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, b);
	return cost();
}

static void dma(void)
{
	/* 50 GiB/s at 1 GHz: 1 MiB in 19532 cycles; the link in 81381. */
	CHECK_EQ(load_cost(0, 1), TIMING_ISSUE + TIMING_DRAM_LATENCY + 19532);
	CHECK_EQ(load_cost(2, 1), TIMING_ISSUE + TIMING_LINK_LATENCY + 81381);
	CHECK_EQ(load_cost(2, -1), load_cost(2, 1));
	/* Scattered bytes cost a burst each. */
	CHECK_EQ(load_cost(0, 2), TIMING_ISSUE + TIMING_DRAM_LATENCY + 19532 * 64 - 48);

	CHECK_EQ(neuron_timing_copy(&config, 1 << 20, false, true),
		 TIMING_ISSUE + TIMING_DRAM_LATENCY + TIMING_LINK_LATENCY + 81381);
	CHECK_EQ(neuron_timing_copy(&config, 1 << 20, true, true),
		 TIMING_ISSUE + TIMING_DRAM_LATENCY + 39063);
	CHECK(neuron_timing_copy(&config, 0, true, true) > 0);
	CHECK(neuron_timing_copy(&config, ~0ull, false, false) > 0);
}

/* load; act on what was loaded; store. */
static void chain(void)
{
	struct neuron_inst_time times[3];
	struct neuron_report report;
	struct neuron_inst *inst;
	uint64_t load, act, store;
	uint16_t s, a, b;

	begin();
	s = pb_slot(&p, 0, NEURON_F32, 0, 1, 51200);
	a = pb_sbuf(&p, NEURON_F32, 0, 1, 51200);
	b = pb_sbuf(&p, NEURON_F32, 1 << 20, 1, 51200);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, s), 0, 1);
	inst = pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, b, a);
	pb_wait(inst, 0, 1);
	pb_signal(inst, 1, 1);
	pb_wait(pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, s, b), 1, 1);
	finish();
	load = neuron_timing_inst(&config, p.bytes, 0, dram, 4);
	act = neuron_timing_inst(&config, p.bytes, 1, dram, 4);
	store = neuron_timing_inst(&config, p.bytes, 2, dram, 4);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, times, &report), 0);
	CHECK_EQ(times[0].start, 0);
	CHECK_EQ(times[0].end, load);
	CHECK_EQ(times[1].start, load);
	CHECK_EQ(times[2].start, load + act);
	CHECK_EQ(report.cycles, load + act + store);
	CHECK_EQ(report.engine[NEURON_ENGINE_ACT].busy, act);
	CHECK_EQ(report.engine[NEURON_ENGINE_ACT].stall_sem, load);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_OUT].stall_sem, load + act);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_OUT].insts, 1);
	CHECK_EQ(report.bytes_dram_in, 204800);
	CHECK_EQ(report.bytes_dram_out, 204800);
	CHECK_EQ(report.sbuf_high, (1 << 20) + 204800);
	CHECK_EQ(times[0].stall_sem, 0);
	CHECK_EQ(times[2].stall_sem, load + act);

	/* On a warm core a resident load is but its signal. */
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, true, NULL, &report), 0);
	CHECK_EQ(report.cycles, load + act + store);
	p.inst[0].flags = NEURON_INST_RESIDENT;
	finish();
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.cycles, load + act + store);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, true, times, &report), 0);
	CHECK_EQ(report.cycles, TIMING_ISSUE + TIMING_SIGNAL + act + store);
	CHECK_EQ(times[0].end, TIMING_ISSUE + TIMING_SIGNAL);
	CHECK_EQ(report.bytes_dram_in, 0);
	CHECK_EQ(report.bytes_dram_out, 204800);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].insts, 1);
}

/* Load and store at once share the DRAM's bandwidth, but not the link's. */
static void contention(void)
{
	struct neuron_report report;
	uint64_t alone, latency = TIMING_ISSUE + TIMING_DRAM_LATENCY;
	uint16_t in, out, a, b;

	begin();
	in = pb_slot(&p, 0, NEURON_U8, 0, 1, 1 << 20);
	out = pb_slot(&p, 1, NEURON_U8, 0, 1, 1 << 20);
	a = pb_sbuf(&p, NEURON_U8, 0, 1, 1 << 20);
	b = pb_sbuf(&p, NEURON_U8, 1 << 20, 1, 1 << 20);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, in);
	pb_inst(&p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, out, b);
	finish();
	alone = neuron_timing_inst(&config, p.bytes, 0, dram, 4);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.cycles, 2 * alone - latency);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].busy, alone);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].stall_mem, alone - latency);
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_OUT].stall_mem, alone - latency);

	p.tensor[out].slot = 2;
	finish();
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.cycles, neuron_timing_inst(&config, p.bytes, 1, dram, 4));
	CHECK_EQ(report.engine[NEURON_ENGINE_DMA_IN].stall_mem, 0);
}

static uint64_t cycles_of(uint32_t cores, uint64_t *stall)
{
	struct neuron_timing_config crowd = config;
	struct neuron_report report;

	crowd.cores = cores;
	CHECK_EQ(neuron_timing_schedule(&crowd, p.bytes, dram, 4, false, NULL, &report), 0);
	*stall = report.engine[NEURON_ENGINE_DMA_IN].stall_mem;
	return report.cycles;
}

/* Cores share the DRAM: all that do nothing else, hardly any that compute. */
static void cores(void)
{
	uint64_t alone, stall;
	struct neuron_inst *inst;
	uint16_t in, a, b;

	begin();
	in = pb_slot(&p, 0, NEURON_U8, 0, 1, 4 << 20);
	a = pb_sbuf(&p, NEURON_U8, 0, 1, 4 << 20);
	pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, in);
	finish();
	alone = cycles_of(1, &stall);
	CHECK_EQ(stall, 0);
	CHECK_EQ(cycles_of(0, &stall), alone);
	CHECK(cycles_of(4, &stall) > alone * 396 / 100);
	CHECK(cycles_of(4, &stall) < alone * 4);
	CHECK_EQ(stall, cycles_of(4, &stall) - alone);
	CHECK(cycles_of(2, &stall) > alone * 198 / 100);

	begin();
	in = pb_slot(&p, 0, NEURON_F32, 0, 1, 1024);
	a = pb_sbuf(&p, NEURON_F32, 0, 1, 1024);
	b = pb_sbuf(&p, NEURON_F32, 1 << 20, 1, 1 << 20);
	pb_signal(pb_inst(&p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, a, in), 0, 1);
	inst = pb_inst(&p, NEURON_OP_FILL, NEURON_ENGINE_ACT, b);
	pb_wait(inst, 0, 1);
	pb_signal(inst, 1, 1);
	finish();
	alone = cycles_of(1, &stall);
	/* Replicas: 3.9 times the work of one. */
	CHECK(cycles_of(4, &stall) * 39 < alone * 40);
	CHECK(cycles_of(4, &stall) > alone);
}

/* Independent work overlaps; an engine's own does not. */
static void overlap(void)
{
	struct neuron_report report;
	uint64_t act, pool;
	uint16_t a, b, c, d;

	begin();
	a = pb_sbuf(&p, NEURON_F32, 0, 1, 51200);
	b = pb_sbuf(&p, NEURON_F32, 1 << 20, 1, 51200);
	c = pb_sbuf(&p, NEURON_F32, 2 << 20, 1, 51200);
	d = pb_sbuf(&p, NEURON_F32, 3 << 20, 1, 51200);
	pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, b, a);
	pb_inst(&p, NEURON_OP_ACT, NEURON_ENGINE_ACT, c, a);
	pb_inst(&p, NEURON_OP_COPY, NEURON_ENGINE_POOL, d, a);
	finish();
	act = neuron_timing_inst(&config, p.bytes, 0, dram, 4);
	pool = neuron_timing_inst(&config, p.bytes, 2, dram, 4);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.cycles, 2 * act);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].busy, pool);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].stall_sem, 0);
}

static void macs(void)
{
	struct neuron_report report;

	matmul_cost(NEURON_BF16, 100, 200, 300);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.macs, 100 * 200 * 300);
	conv_cost(4, 64, 32, 20, 3);
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.macs, 32 * 20 * 20 * 16 * 9);
}

static void deadlock(void)
{
	struct neuron_report report;

	begin();
	pb_nop(&p, NEURON_ENGINE_ACT);
	pb_wait(pb_nop(&p, NEURON_ENGINE_PE), 0, 1);
	finish();
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report),
		 -EDEADLK);
	CHECK_EQ(report.cycles, TIMING_ISSUE);
	begin();
	finish();
	CHECK_EQ(neuron_timing_schedule(&config, p.bytes, dram, 4, false, NULL, &report), 0);
	CHECK_EQ(report.cycles, 0);
}

int main(void)
{
	ktap_run("matrix products", pe);
	ktap_run("batches of products", batches);
	ktap_run("convolutions", convolutions);
	ktap_run("vector work", vectors);
	ktap_run("transfers", dma);
	ktap_run("a chain of engines", chain);
	ktap_run("contention for memory", contention);
	ktap_run("contention among cores", cores);
	ktap_run("engines overlap", overlap);
	ktap_run("multiply-accumulates", macs);
	ktap_run("deadlock", deadlock);
	pb_free(&p);
	return ktap_done();
}
