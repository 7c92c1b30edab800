// SPDX-License-Identifier: MIT
/*
 * Save and load: a chip goes on where another one stopped, and a state that no chip
 * can be in is refused.
 */
#include "qemu-device/chip/state.h"
#include "tests/ktap.h"
#include "tests/unit/copying_machine.h"

static struct neuron_chip_state state;

/* The machine gets a new chip, which goes on where the old one stopped. */
static void travel(void)
{
	struct neuron_chip_state again;
	unsigned int irqs = 0, after = 0;

	neuron_chip_quiesce(m.chip, true);
	neuron_chip_save(m.chip, &state);
	neuron_chip_destroy(m.chip);
	for (unsigned int v = 0; v <= NEURON_MAX_QUEUES; v++)
		irqs += m.irqs[v];

	m_plug(&m);
	CHECK(!neuron_chip_load(m.chip, &state));
	CHECK(neuron_chip_pause(m.chip));
	for (int k = 0; k < 20; k++)
		m_nap();
	for (unsigned int v = 0; v <= NEURON_MAX_QUEUES; v++)
		after += m_irqs(&m, v);
	CHECK_EQ(after, irqs);
	neuron_chip_save(m.chip, &again);
	CHECK(!memcmp(&again, &state, sizeof(state)));
	neuron_chip_quiesce(m.chip, false);
}

static void queued_work(void)
{
	uint8_t seen[COPY_SIZE];

	set_up();
	for (unsigned int i = 0; i < COPY_SIZE; i++)
		m.dram[COPY_FROM + i] = i * 7;
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	/* More than a ring holds, so that positions and phases are all in use. */
	for (unsigned int round = 0; round < 7; round++) {
		neuron_chip_quiesce(m.chip, true);
		for (unsigned int i = 0; i < 5; i++) {
			copy.id = 10 * round + i;
			q_put(&dma, &copy);
			job.id = 100 + copy.id;
			q_put(&core, &job);
		}
		q_ring(&dma);
		q_ring(&core);
		travel();
		for (unsigned int i = 0; i < 5; i++) {
			CHECK(q_wait(&dma, &cqe));
			CHECK_EQ(cqe.id, 10 * round + i);
			CHECK_EQ(cqe.fault.kind, NEURON_FAULT_NONE);
			CHECK(q_wait(&core, &cqe));
			CHECK_EQ(cqe.id, 100 + 10 * round + i);
			CHECK_EQ(cqe.fault.kind, NEURON_FAULT_NONE);
		}
	}
	get(&m, host, seen, sizeof(seen));
	CHECK(!memcmp(seen, m.dram + COPY_FROM, sizeof(seen)));
	tear_down();
}

static void registers(void)
{
	static const uint32_t regs[] = {
		NEURON_REG_STATUS, NEURON_REG_ERROR, NEURON_REG_ERROR_QUEUE,
		NEURON_REG_ECC_CORRECTED, NEURON_REG_DEBUG_QUEUE, NEURON_REG_DEBUG_COUNT,
		NEURON_REG_DEBUG_ARG_LO, NEURON_REG_DEBUG_ARG_HI,
	};
	enum { REGS = sizeof(regs) / sizeof(regs[0]) };
	uint32_t before[REGS], queue[NEURON_QUEUE_SQ_HEAD / 4 + 1];

	set_up();
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_DRAM_FLIP_CE, 0, 3, COPY_FROM));
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK(q_rest(&dma));
	wr(&m, q_reg(&core, NEURON_QUEUE_SQ_TAIL), 99);
	wr(&m, NEURON_REG_DEBUG_QUEUE, 3);
	wr(&m, NEURON_REG_DEBUG_COUNT, 4);
	wr(&m, NEURON_REG_DEBUG_ARG_LO, 5);
	wr(&m, NEURON_REG_DEBUG_ARG_HI, 6);
	/* A queue that is off keeps whatever it was told. */
	wr(&m, NEURON_REG_QUEUE(2) + NEURON_QUEUE_SQ_BASE_LO, 0x123);
	wr(&m, NEURON_REG_QUEUE(2) + NEURON_QUEUE_SHIFT, 77);
	for (unsigned int i = 0; i < REGS; i++)
		before[i] = rd(&m, regs[i]);
	for (uint32_t reg = 0; reg <= NEURON_QUEUE_SQ_HEAD; reg += 4)
		queue[reg / 4] = rd(&m, q_reg(&dma, reg));
	CHECK(before[1] && before[3]);
	travel();
	for (unsigned int i = 0; i < REGS; i++)
		CHECK_EQ(rd(&m, regs[i]), before[i]);
	for (uint32_t reg = 0; reg <= NEURON_QUEUE_SQ_HEAD; reg += 4)
		CHECK_EQ(rd(&m, q_reg(&dma, reg)), queue[reg / 4]);
	CHECK_EQ(rd(&m, NEURON_REG_QUEUE(2) + NEURON_QUEUE_SQ_BASE_LO), 0x123);
	CHECK_EQ(rd(&m, NEURON_REG_QUEUE(2) + NEURON_QUEUE_SHIFT), 77);

	/* The damaged line is damaged twice more. */
	for (unsigned int i = 0; i < 4; i++)
		CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(rd(&m, NEURON_REG_ECC_CORRECTED), 3);
	tear_down();
}

static void hung_core(void)
{
	set_up();
	for (int how = 0; how < 3; how++) {
		CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_HANG_CORE, 0, 1, 0));
		q_put(&core, &job);
		q_ring(&core);
		CHECK(m_until(rd(&m, q_reg(&core, NEURON_QUEUE_SQ_HEAD)) == core.tail));
		/* Also from a chip that was loaded itself. */
		for (int times = 0; times <= how; times++)
			travel();
		CHECK(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE);
		CHECK(!q_peek(&core, &cqe));
		if (how == 1) {
			CHECK(q_stop(&core));
		} else {
			wr(&m, NEURON_REG_CORE_RESET, 1);
			CHECK(m_until(!rd(&m, NEURON_REG_CORE_RESET)));
		}
		CHECK(q_rest(&core));
		q_enable(&core);
		CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	}
	tear_down();
}

/* Saved at any moment after it was loaded: also while its thread is about to wait. */
static void hung_core_at_once(void)
{
	struct neuron_chip_state again;

	set_up();
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_HANG_CORE, 0, 1, 0));
	q_put(&core, &job);
	q_ring(&core);
	CHECK(m_until(rd(&m, q_reg(&core, NEURON_QUEUE_SQ_HEAD)) == core.tail));
	neuron_chip_quiesce(m.chip, true);
	neuron_chip_save(m.chip, &state);
	CHECK_EQ(state.queue[0].waits, NEURON_WAITS_RESET);
	for (unsigned int i = 0; i < 20000 && !ktap_failed; i++) {
		CHECK(!neuron_chip_load(m.chip, &state));
		for (unsigned int spins = i % 512; spins; spins--)
			__asm__ volatile("" ::: "memory");
		CHECK(neuron_chip_pause(m.chip));
		neuron_chip_save(m.chip, &again);
		CHECK(!memcmp(&again, &state, sizeof(state)));
	}
	tear_down();
}

static void delayed_interrupt(void)
{
	unsigned int vector = NEURON_VECTOR_QUEUE(4), before;

	set_up();
	before = m_irqs(&m, vector);
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_DELAY_IRQ, 4, 1, 50000000));
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(m_irqs(&m, vector), before);
	travel();
	CHECK(m_until(m_irqs(&m, vector) == before + 1));
	CHECK_EQ(q_run(&dma, &copy, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

/* Before the move or after it, once. */
static void late_interrupt(void)
{
	unsigned int vector = NEURON_VECTOR_QUEUE(4), before, moved = 0;

	set_up();
	for (unsigned int i = 0; i < 50; i++) {
		before = m_irqs(&m, vector);
		copy.flags = NEURON_SQE_LATE_IRQ;
		q_put(&dma, &copy);
		copy.flags = 0;
		q_ring(&dma);
		CHECK(m_until(q_peek(&dma, &cqe)));
		neuron_chip_quiesce(m.chip, true);
		moved += m_irqs(&m, vector) == before;
		travel();
		CHECK(m_until(m_irqs(&m, vector) == before + 1));
		CHECK(q_wait(&dma, &cqe));
	}
	printf("# %u of 50 interrupts came after the move\n", moved);
	tear_down();
}

/* Loading abandons what the chip did itself. */
static void over_a_running_chip(void)
{
	struct neuron_chip_state rest;

	set_up();
	neuron_chip_quiesce(m.chip, true);
	neuron_chip_save(m.chip, &rest);
	neuron_chip_quiesce(m.chip, false);
	CHECK(neuron_chip_inject(m.chip, NEURON_INJECT_HANG_CORE, 0, 1, 0));
	q_put(&core, &job);
	q_ring(&core);
	for (unsigned int i = 0; i < 6; i++)
		q_put(&dma, &copy);
	q_ring(&dma);
	CHECK(!neuron_chip_load(m.chip, &rest));
	CHECK_EQ(rd(&m, q_reg(&core, NEURON_QUEUE_SQ_HEAD)), 0);
	CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_SQ_HEAD)), 0);
	CHECK(!(rd(&m, q_reg(&core, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE));
	neuron_chip_quiesce(m.chip, false);
	wr(&m, q_reg(&core, NEURON_QUEUE_CONTROL), 0);
	q_enable(&core);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

static void refused(const struct neuron_chip_state *bad)
{
	CHECK(neuron_chip_load(m.chip, bad));
	/* Nothing of it is there. */
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_READY);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	for (unsigned int i = 0; i < 6; i++)
		CHECK_EQ(rd(&m, NEURON_REG_QUEUE(i) + NEURON_QUEUE_CONTROL), 0);
}

#define REFUSED(change) do {						\
		struct neuron_chip_state bad = state;			\
									\
		change;							\
		refused(&bad);						\
	} while (0)

static void impossible_states(void)
{
	set_up();
	neuron_chip_quiesce(m.chip, true);
	neuron_chip_save(m.chip, &state);

	REFUSED(bad.error = 0x80000000);
	REFUSED(bad.error_queue = 6);
	REFUSED(bad.refused_cores = 0x10);
	REFUSED(bad.num_ecc = NEURON_STATE_ECC_LINES + 1);
	REFUSED(bad.num_ecc = 1; bad.ecc[0].count = 1; bad.ecc[0].line = DRAM_SIZE / 64);
	REFUSED(bad.num_ecc = 1; bad.ecc[0].count = 0);
	REFUSED(bad.queue[6].enabled = true);
	REFUSED(bad.queue[15].sq_base = 64);
	REFUSED(bad.queue[4].waits = 3);
	REFUSED(bad.queue[4].waits = NEURON_WAITS_RESET);
	REFUSED(bad.queue[1].waits = NEURON_WAITS_RESET);
	REFUSED(bad.queue[0].sq_base += 1);
	REFUSED(bad.queue[0].cq_base = -64ull);
	REFUSED(bad.queue[0].shift = NEURON_MAX_QUEUE_SHIFT + 1);
	REFUSED(bad.queue[0].shift = 0);
	REFUSED(bad.queue[0].sq_tail = 8);
	REFUSED(bad.queue[0].sq_head = ~0u);
	REFUSED(bad.queue[0].cq_head = 8);
	REFUSED(bad.queue[0].cq_tail = 8);
	REFUSED(bad.injection[4 * NEURON_STATE_INJECTIONS + NEURON_INJECT_HANG_CORE].count = 1);
	REFUSED(bad.injection[6 * NEURON_STATE_INJECTIONS + NEURON_INJECT_FAIL_DMA].count = 1);
	REFUSED(bad.injection[NEURON_INJECT_DRAM_FLIP_UE].count = 1);
	REFUSED(bad.injection[NEURON_INJECT_FATAL].count = 1);
	REFUSED(bad.injection[NEURON_STATE_INJECTIONS + NEURON_INJECT_FATAL].count = 1);
	REFUSED(bad.injection[4 * NEURON_STATE_INJECTIONS + NEURON_INJECT_SBUF_FLIP_UE].count = 1);
	REFUSED(bad.injection[0].count = 1);

	/* And the good one still works. */
	CHECK(!neuron_chip_load(m.chip, &state));
	neuron_chip_quiesce(m.chip, false);
	CHECK_EQ(q_run(&core, &job, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

/* xorshift64* */
static uint64_t random_bits(void)
{
	static uint64_t seed = 88172645463325252ull;

	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return seed * 0x2545f4914f6cdd1dull;
}

/* Mostly what could be right. */
static uint32_t number(void)
{
	uint64_t bits = random_bits();

	return bits & 7 ? bits >> 32 & 7 : bits >> 32;
}

/* Whatever is taken runs, and is contained; whatever runs can be saved again. */
static void random_states(void)
{
	unsigned int taken = 0;

	set_up();
	neuron_chip_quiesce(m.chip, true);
	neuron_chip_save(m.chip, &state);
	for (unsigned int i = 0; i < 3000; i++) {
		struct neuron_chip_state s = state;
		struct neuron_queue_state *q = &s.queue[random_bits() % NEURON_MAX_QUEUES];

		for (unsigned int k = random_bits() % 4 + 1; k--; q = &s.queue[random_bits() % 6]) {
			q->enabled = random_bits() & 1;
			q->sq_base = BUS_BASE + 64ull * number();
			q->cq_base = number() & 1 ? dma.cq : 64ull * random_bits();
			q->shift = number() & 15;
			q->sq_tail = number();
			q->sq_head = number();
			q->cq_head = number();
			q->cq_tail = number();
			q->phase = random_bits() & 1;
			q->raise_error = random_bits() & 1;
			q->waits = random_bits() % 64 ? 0 : number();
		}
		if (!(random_bits() & 7))
			s.injection[random_bits() % (6 * NEURON_STATE_INJECTIONS)].count = number();
		if (!neuron_chip_load(m.chip, &s)) {
			taken++;
			neuron_chip_quiesce(m.chip, false);
			neuron_chip_quiesce(m.chip, true);
			neuron_chip_save(m.chip, &s);
			CHECK(!neuron_chip_load(m.chip, &s));
		}
		if (ktap_failed)
			break;
	}
	printf("# %u of 3000 states could be loaded\n", taken);
	CHECK(taken > 300 && taken < 2700);
	tear_down();
}

int main(void)
{
	ktap_run("queued work goes on in another chip", queued_work);
	ktap_run("registers and damaged lines travel", registers);
	ktap_run("a hung core stays one until it is reset", hung_core);
	ktap_run("a hung core is saved as one right after it was loaded", hung_core_at_once);
	ktap_run("a delayed interrupt comes when the chip goes on", delayed_interrupt);
	ktap_run("a late interrupt comes before or after the move", late_interrupt);
	ktap_run("loading abandons what the chip did", over_a_running_chip);
	ktap_run("impossible states are refused", impossible_states);
	ktap_run("random states are refused or contained", random_states);
	return ktap_done();
}
