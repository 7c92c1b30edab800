// SPDX-License-Identifier: MIT
/*
 * Fault injection: every kind, through the debug window or neuron_chip_inject().
 */
#include <math.h>
#include "tests/ktap.h"
#include "tests/unit/copying_machine.h"

/* As a driver's test does it. */
static void inject(unsigned int kind, unsigned int queue, uint32_t count, uint64_t arg)
{
	wr(&m, NEURON_REG_DEBUG_QUEUE, queue);
	wr(&m, NEURON_REG_DEBUG_COUNT, count);
	wr(&m, NEURON_REG_DEBUG_ARG_LO, arg);
	wr(&m, NEURON_REG_DEBUG_ARG_HI, arg >> 32);
	wr(&m, NEURON_REG_DEBUG_INJECT, kind);
}

static void pause_ms(unsigned int ms)
{
	struct timespec t = { .tv_nsec = ms * 1000000 };

	nanosleep(&t, NULL);
}

/* On a busy host the reset can come before the job that was to hang. */
static void disarm_hang(void)
{
	inject(NEURON_INJECT_HANG_CORE, 0, 0, 0);
}

static void nothing_armed(void)
{
	set_up();
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK(!neuron_chip_inject(m.chip, 0, 0, 1, 0));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_FATAL + 1, 0, 1, 0));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_SBUF_FLIP_UE, 4, 1, 0));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_SBUF_FLIP_UE, 0, 1,
				  rd(&m, NEURON_REG_SBUF_SIZE)));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_DROP_IRQ, 6, 1, 0));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_HANG_CORE, 4, 1, 0));
	CHECK(!neuron_chip_inject(m.chip, NEURON_INJECT_DRAM_FLIP_UE, 0, 1, DRAM_SIZE));
	inject(99, 0, 1, 0);
	CHECK_EQ(m.guest_errors, 1);
	tear_down();
}

static void hang_core(void)
{
	set_up();
	for (int how = 0; how < 3; how++) {
		inject(NEURON_INJECT_HANG_CORE, 0, 1, 0);
		q_put(&core, &job);
		q_ring(&core);
		CHECK(m_until(rd(&m, q_reg(&core, NEURON_QUEUE_SQ_HEAD)) == core.tail));
		pause_ms(20);
		CHECK(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE);
		CHECK(!q_peek(&core, &cqe));
		/* A hung core does not keep the machine from pausing. */
		neuron_chip_quiesce(m.chip, true);
		neuron_chip_quiesce(m.chip, false);
		if (how == 0) {
			CHECK(q_stop(&core));
		} else if (how == 1) {
			wr(&m, NEURON_REG_CORE_RESET, 1);
			CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
		} else {
			neuron_chip_reset(m.chip);
			CHECK(m_until(rd(&m, NEURON_REG_STATUS) ==
				      NEURON_STATUS_READY));
		}
		q_enable(&core);
		CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	}
	inject(NEURON_INJECT_HANG_CORE, 0, 1, 0);
	q_put(&core, &job);
	q_ring(&core);
	pause_ms(5);
	tear_down();
}

static void interrupts(void)
{
	struct timespec from, to;
	unsigned int vector = NEURON_VECTOR_QUEUE(4);

	set_up();
	inject(NEURON_INJECT_DROP_IRQ, 4, 2, 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(m_until(m_irqs(&m, vector) == 1));
	pause_ms(5);
	CHECK_EQ(m_irqs(&m, vector), 1);

	clock_gettime(CLOCK_MONOTONIC, &from);
	inject(NEURON_INJECT_DELAY_IRQ, 4, 1, 50000);
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(m_until(m_irqs(&m, vector) == 2));
	clock_gettime(CLOCK_MONOTONIC, &to);
	CHECK((to.tv_sec - from.tv_sec) * 1000000000ll + to.tv_nsec - from.tv_nsec >=
	      50000000);

	/* A delayed interrupt does not outlive a reset. */
	inject(NEURON_INJECT_DELAY_IRQ, 4, 1, ~0ull);
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(q_stop(&dma));
	CHECK_EQ(m_irqs(&m, vector), 2);
	tear_down();
}

static void fail_dma(void)
{
	set_up();
	inject(NEURON_INJECT_FAIL_DMA, 4, 1, 0);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_DMA_ABORT);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	inject(NEURON_INJECT_FAIL_DMA, 0, 1, 0);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_DMA_ABORT);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);

	/* A ring's access: the queue stops. */
	inject(NEURON_INJECT_FAIL_DMA, 4, 1, 1);
	q_put(&dma, &copy);
	q_ring(&dma);
	CHECK(m_until(rd(&m, NEURON_REG_ERROR) == NEURON_ERROR_RING_DMA));
	CHECK(rd(&m, q_reg(&dma, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ERROR);
	CHECK(q_stop(&dma));
	q_enable(&dma);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

static void ecc(void)
{
	set_up();
	inject(NEURON_INJECT_DRAM_FLIP_CE, 0, 2, (1 << 20) + 100);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(rd(&m, NEURON_REG_ECC_CORRECTED), 2);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_ECC_CORRECTED);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	wr(&m, NEURON_REG_ERROR, ~0u);

	/* It stays until its line is written as a whole. */
	inject(NEURON_INJECT_DRAM_FLIP_UE, 0, 1, (1 << 20) + 100);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_DRAM_ECC);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_DRAM_ECC);
	CHECK_EQ(rd(&m, NEURON_REG_ECC_UNCORRECTED), 2);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_ECC_UNCORRECTED);
	job.id = 1;
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);	/* elsewhere */
	inject(NEURON_INJECT_DRAM_FLIP_UE, 0, 1, (1 << 20) + 60);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_DRAM_ECC);
	CHECK_EQ(cqe.fault.engine, NEURON_ENGINE_DMA_IN);
	CHECK_EQ(cqe.fault.operand, 1);
	copy = sqe_fill(&slots, 1, 1, 126, 0);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	copy = sqe_copy(&slots, 2, 0, 1, 0, 8192);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_DRAM_ECC);
	copy = sqe_fill(&slots, 1, 0, 128, 0);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	copy = sqe_copy(&slots, 2, 0, 1, 0, 8192);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

static void sbuf_ecc(void)
{
	set_up();
	job.exec.resident = 9;
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);

	/* The job's STORE reads bytes 0 to 63; its LOAD only writes them. */
	inject(NEURON_INJECT_SBUF_FLIP_UE, 0, 2, 63);
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_SBUF_ECC);
		CHECK_EQ(cqe.fault.engine, NEURON_ENGINE_DMA_OUT);
		CHECK_EQ(cqe.fault.inst, 1);
		CHECK_EQ(cqe.fault.operand, 1);
		CHECK_EQ(cqe.fault.info, 63);
	}
	CHECK_EQ(rd(&m, NEURON_REG_ECC_UNCORRECTED), 2);
	CHECK_EQ(rd(&m, NEURON_REG_ECC_CORRECTED), 0);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_ECC_UNCORRECTED);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR_QUEUE), 0);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);

	/* Elsewhere in the scratchpad it waits, and other cores have their own. */
	inject(NEURON_INJECT_SBUF_FLIP_UE, 0, 1, 64);
	inject(NEURON_INJECT_SBUF_FLIP_UE, 1, 1, 0);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(rd(&m, NEURON_REG_ECC_UNCORRECTED), 2);
	tear_down();
}

static void fatal(void)
{
	unsigned int irqs;

	set_up();
	inject(NEURON_INJECT_HANG_CORE, 0, 1, 0);
	q_put(&core, &job);
	q_ring(&core);
	pause_ms(20);
	inject(NEURON_INJECT_FATAL, 0, 1, 0);
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_FATAL);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_FATAL);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	for (unsigned int i = 0; i < 5; i += 4) {
		const struct ring *q = i ? &dma : &core;

		CHECK(m_until(rd(&m, q_reg(q, NEURON_QUEUE_STATUS)) == NEURON_QUEUE_ERROR));
		wr(&m, q_reg(q, NEURON_QUEUE_CONTROL), NEURON_QUEUE_ENABLE);
		CHECK_EQ(rd(&m, q_reg(q, NEURON_QUEUE_CONTROL)), 0);
	}
	CHECK(strstr(m.last_error, "FATAL"));
	CHECK(!q_peek(&core, &cqe));

	/* Cores may be reset, which does not help; the reset of the chip does. */
	wr(&m, NEURON_REG_CORE_RESET, 1);
	CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_FATAL);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	disarm_hang();
	q_enable(&core);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);

	/* The second of two resets; or none but the function's, which ends it unless ~0. */
	inject(NEURON_INJECT_FATAL, 0, 2, 0);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_FATAL));
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	inject(NEURON_INJECT_FATAL, 0, 1000, 0);
	neuron_chip_reset(m.chip);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	/* STATUS goes on saying so; a reset is followed by no interrupt. */
	inject(NEURON_INJECT_FATAL, 0, ~0u, 0);
	neuron_chip_reset(m.chip);
	irqs = m_irqs(&m, NEURON_VECTOR_ERROR);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_FATAL));
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	pause_ms(20);
	CHECK_EQ(m_irqs(&m, NEURON_VECTOR_ERROR), irqs);
	wr(&m, NEURON_REG_DEBUG_CLEAR, 1);
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_READY);
	q_enable(&core);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

static void return_nan(void)
{
	float out[16];

	set_up();
	inject(NEURON_INJECT_RETURN_NAN, 0, 1, 0);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	get(&m, host, out, sizeof(out));
	for (int i = 0; i < 16; i++)
		CHECK(isnan(out[i]));
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	get(&m, host, out, sizeof(out));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(out[i], 0);
	tear_down();
}

static void completions(void)
{
	set_up();
	inject(NEURON_INJECT_CQE_BAD_ID, 4, 1, 0x123456789abcdefull);
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 0x123456789abcdefull);
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 7);

	inject(NEURON_INJECT_CQE_BAD_STATUS, 4, 1, 999);
	CHECK_EQ(q_run(&dma, &nop, &cqe), 999);

	inject(NEURON_INJECT_CQE_DUPLICATE, 4, 1, 0);
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK(q_wait(&dma, &cqe));
	CHECK_EQ(cqe.id, 7);
	nop.id = 8;
	CHECK_EQ(q_run(&dma, &nop, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 8);

	inject(NEURON_INJECT_CQE_BAD_PHASE, 4, 1, 0);
	q_put(&dma, &nop);
	q_ring(&dma);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_QUEUE(4)) == 6));
	CHECK(!q_peek(&dma, &cqe));
	CHECK_EQ(cqe.phase, dma.phase ^ 1);
	tear_down();
}

static void refuse_reset(void)
{
	set_up();
	/* Finite: the core does not come back, the chip's reset helps. */
	inject(NEURON_INJECT_REFUSE_RESET, 0, 1, 0);
	inject(NEURON_INJECT_HANG_CORE, 0, 1, 0);
	q_put(&core, &job);
	q_ring(&core);
	wr(&m, NEURON_REG_CORE_RESET, 1);
	pause_ms(5);
	CHECK_EQ(rd(&m, NEURON_REG_CORE_RESET), 1);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	CHECK_EQ(rd(&m, NEURON_REG_CORE_RESET), 0);
	disarm_hang();
	q_enable(&core);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);

	/* For ever: only a function-level reset gets through, and refusal stays. */
	inject(NEURON_INJECT_REFUSE_RESET, 0, ~0u, 0);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	pause_ms(5);
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_RESETTING);
	CHECK_EQ(rd(&m, NEURON_REG_CONTROL), NEURON_CONTROL_RESET);
	neuron_chip_reset(m.chip);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	wr(&m, NEURON_REG_CORE_RESET, 2);
	CHECK_EQ(rd(&m, NEURON_REG_CORE_RESET), 2);
	wr(&m, NEURON_REG_DEBUG_CLEAR, 1);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
	tear_down();
}

static void vanish(void)
{
	unsigned int accesses;

	set_up();
	q_put(&dma, &copy);
	q_ring(&dma);
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_VANISH, 0, 1, 0));
	CHECK_EQ(rd(&m, NEURON_REG_ID), 0xffffffff);
	CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_STATUS)), 0xffffffff);
	pause_ms(5);
	accesses = m_accesses(&m);
	q_ring(&dma);
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	pause_ms(5);
	CHECK_EQ(m_accesses(&m), accesses);
	neuron_chip_reset(m.chip);
	CHECK_EQ(rd(&m, NEURON_REG_ID), NEURON_ID);
	q_enable(&dma);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);

	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_VANISH, 0, ~0u, 0));
	neuron_chip_reset(m.chip);
	CHECK_EQ(rd(&m, NEURON_REG_ID), 0xffffffff);
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_VANISH, 0, 0, 0));
	CHECK_EQ(rd(&m, NEURON_REG_ID), NEURON_ID);
	tear_down();
}

static void disarm(void)
{
	set_up();
	inject(NEURON_INJECT_FAIL_DMA, 4, ~0u, 0);
	inject(NEURON_INJECT_DRAM_FLIP_UE, 0, 1, 1 << 20);
	inject(NEURON_INJECT_CQE_BAD_ID, 4, ~0u, 1);
	wr(&m, NEURON_REG_DEBUG_CLEAR, 1);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 6);
	inject(NEURON_INJECT_FAIL_DMA, 4, ~0u, 0);
	inject(NEURON_INJECT_FAIL_DMA, 4, 0, 0);
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

/* Without the debug property the window is not there. */
static void no_window(void)
{
	struct neuron_chip_config config = {
		.cores = 1, .dma_queues = 1, .sbuf_size = 4096, .psum_size = 4096,
		.clock_khz = 1, .dram_mibps = 1, .link_mibps = 1,
	};

	set_up();
	neuron_chip_destroy(m.chip);
	m.chip = neuron_chip_create(&config, &m_ops, &m, NULL);
	CHECK_EQ(rd(&m, NEURON_REG_DEBUG_ID), 0);
	inject(NEURON_INJECT_VANISH, 0, ~0u, 0);
	CHECK_EQ(rd(&m, NEURON_REG_ID), NEURON_ID);
	CHECK_EQ(rd(&m, NEURON_REG_DEBUG_COUNT), 0);
	CHECK_EQ(m.guest_errors, 0);
	tear_down();
}

int main(void)
{
	ktap_run("nothing happens unless armed", nothing_armed);
	ktap_run("hang-core", hang_core);
	ktap_run("drop-irq and delay-irq", interrupts);
	ktap_run("fail-dma", fail_dma);
	ktap_run("dram-flip", ecc);
	ktap_run("sbuf-flip-ue", sbuf_ecc);
	ktap_run("fatal", fatal);
	ktap_run("return-nan", return_nan);
	ktap_run("bad completions", completions);
	ktap_run("refuse-reset", refuse_reset);
	ktap_run("vanish", vanish);
	ktap_run("faults are disarmed", disarm);
	ktap_run("no window without the property", no_window);
	return ktap_done();
}
