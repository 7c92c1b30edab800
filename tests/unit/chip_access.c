// SPDX-License-Identifier: MIT
/*
 * Accesses to registers wait for no work: whatever a queue is busy with, a vCPU that reads
 * or writes a register, or resets the device, is not held up for more than a millisecond.
 *
 * What is counted is processor time: of the access itself, and what the queue's thread has
 * used meanwhile, since that is what the access would have waited for. An access that does
 * not wait has next to none of either, however busy the machine is. That a thread was
 * interrupted between two looks at the clock can happen; so it is the median of several
 * attempts, each at another moment of the work. The time by the wall's clock is printed.
 */
#define DRAM_SIZE	(128u << 20)
#define SBUF_SIZE	(24u << 20)
#define PSUM_SIZE	(2u << 20)

#include "qemu-device/chip/chip_priv.h"
#include "tests/ktap.h"
#include "tests/unit/mini_driver.h"
#include "tests/unit/program_builder.h"

#define LIMIT_US	1000
#define ATTEMPTS	11
#define PROGRAM_ROOM	(1u << 20)	/* at the beginning of DRAM */
#define BYTES		(16u << 20)
#define FLOATS		(BYTES / 4)
#define CHIP_COPY	(48u << 20)

static struct machine m;
static struct ring core, dma;
static struct slots slots;

/* What a queue is busy with. */
enum busy {
	BUSY_LOAD,		/* a large copy into the scratchpad */
	BUSY_CONVERTING,	/* the same, element by element */
	BUSY_STORE,
	BUSY_MATMUL,
	BUSY_ACT,
	BUSY_COPY,		/* in DRAM */
	BUSY_DISCARD,		/* pages of DRAM are given back */
	BUSY_TO_HOST,
	BUSY_COUNT
};

static const char *const busy_names[BUSY_COUNT] = {
	[BUSY_LOAD] = "a load of 16 MiB",
	[BUSY_CONVERTING] = "a converting load of 16 MiB",
	[BUSY_STORE] = "a store of 16 MiB",
	[BUSY_MATMUL] = "a matrix product of 1 GMAC",
	[BUSY_ACT] = "an activation of 16 MiB",
	[BUSY_COPY] = "a copy of 48 MiB in DRAM",
	[BUSY_DISCARD] = "a fill of 96 MiB with zeros",
	[BUSY_TO_HOST] = "a copy of 8 MiB to host memory",
};

static bool on_core(enum busy busy)
{
	return busy < BUSY_COPY;
}

static void inst_of(struct program *p, enum busy busy)
{
	uint16_t slot = pb_slot(p, 1, NEURON_F32, 0, 1, FLOATS);
	uint16_t sbuf = pb_sbuf(p, NEURON_F32, 0, 1, FLOATS);
	uint16_t wide = pb_slot(p, 1, NEURON_I64, 0, 1, FLOATS / 2);
	uint16_t narrow = pb_sbuf(p, NEURON_I32, 0, 1, FLOATS / 2);
	uint16_t a = pb_sbuf(p, NEURON_F32, 0, 2, 512, 2048);
	uint16_t b = pb_sbuf(p, NEURON_F32, 8 << 20, 2, 2048, 1024);
	uint16_t acc = pb_psum(p, NEURON_F32, 0, 2, 512, 1024);
	struct neuron_inst *act;

	switch (busy) {
	case BUSY_LOAD:
		pb_inst(p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, sbuf, slot);
		break;
	case BUSY_CONVERTING:
		pb_inst(p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN, narrow, wide);
		break;
	case BUSY_STORE:
		pb_inst(p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT, slot, sbuf);
		break;
	case BUSY_MATMUL:
		pb_inst(p, NEURON_OP_MATMUL, NEURON_ENGINE_PE, acc, a, b);
		break;
	default:
		act = pb_inst(p, NEURON_OP_ACT, NEURON_ENGINE_ACT, sbuf, sbuf);
		NEURON_PARAMS(ACT, act)->func = NEURON_ACT_TANH;
	}
}

/* A program that does it for a second, at the beginning of DRAM. */
static struct neuron_sqe core_work(enum busy busy)
{
	struct neuron_sqe sqe;
	struct program p;

	pb_init(&p);
	p.header.sbuf_size = SBUF_SIZE;
	p.header.psum_size = PSUM_SIZE;
	for (unsigned int i = 0; i < 6; i++)
		inst_of(&p, busy);
	pb_finish(&p);
	memcpy(m.dram, p.bytes, p.size);
	sqe = sqe_exec(&slots, 0, 0, p.size, NEURON_SQE_NO_SLOT);
	pb_free(&p);
	return sqe;
}

static struct neuron_sqe work_of(enum busy busy)
{
	switch (busy) {
	case BUSY_COPY:
		return sqe_copy(&slots, 2, CHIP_COPY, 2, 0, CHIP_COPY);
	case BUSY_TO_HOST:
		return sqe_copy(&slots, 3, 0, 2, 0, 8 << 20);
	case BUSY_DISCARD:
		return (struct neuron_sqe) {
			.opcode = NEURON_SQE_FILL, .num_slots = slots.count, .slots = slots.addr,
			.fill = { .dst_slot = 2, .length = 2 * CHIP_COPY },
		};
	default:
		return core_work(busy);
	}
}

/* Slots: the program, 16 MiB of DRAM, twice the size of copies, host memory. */
static void set_up(void)
{
	m_create(&m);
	q_init(&m, &core, 0, 3);
	q_init(&m, &dma, 4, 5);
	s_init(&m, &slots);
	s_dram(&slots, 0, PROGRAM_ROOM, READ);
	s_dram(&slots, PROGRAM_ROOM, BYTES, READ | WRITE);
	s_dram(&slots, PROGRAM_ROOM, 2 * CHIP_COPY, READ | WRITE);
	s_host(&slots, m_alloc(&m, 8 << 20), 8 << 20, READ | WRITE);
}

static double clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

/* What a vCPU does. Each leaves the queue to be set up again, or as it is. */
enum access {
	ACCESS_READ,		/* of each register, together */
	ACCESS_SQ_TAIL,
	ACCESS_CQ_HEAD,
	ACCESS_INJECT,
	ACCESS_DISABLE,
	ACCESS_CORE_RESET,
	ACCESS_CHIP_RESET,
	ACCESS_FUNCTION_RESET,
	ACCESS_COUNT
};

static const char *const access_names[ACCESS_COUNT] = {
	[ACCESS_READ] = "a read of each register",
	[ACCESS_SQ_TAIL] = "a doorbell",
	[ACCESS_CQ_HEAD] = "a write of CQ_HEAD",
	[ACCESS_INJECT] = "arming a fault",
	[ACCESS_DISABLE] = "disabling the queue",
	[ACCESS_CORE_RESET] = "a reset of all cores",
	[ACCESS_CHIP_RESET] = "a reset of the chip",
	[ACCESS_FUNCTION_RESET] = "a reset of the function",
};

/**
 * struct cost - of an access
 * @wall: microseconds by the clock on the wall
 * @work: processor time of it, and of the queue's thread meanwhile
 */
struct cost {
	double wall;
	double work;
};

static void access_once(enum access access, struct ring *r)
{
	switch (access) {
	case ACCESS_READ:
		for (uint32_t offset = 0; offset < NEURON_REG_QUEUE(6); offset += 4)
			rd(&m, offset);
		break;
	case ACCESS_SQ_TAIL:
		q_ring(r);
		break;
	case ACCESS_CQ_HEAD:
		wr(&m, q_reg(r, NEURON_QUEUE_CQ_HEAD), r->head);
		break;
	case ACCESS_INJECT:
		wr(&m, NEURON_REG_DEBUG_QUEUE, r->queue);
		wr(&m, NEURON_REG_DEBUG_INJECT, NEURON_INJECT_DROP_IRQ);
		break;
	case ACCESS_DISABLE:
		wr(&m, q_reg(r, NEURON_QUEUE_CONTROL), 0);
		break;
	case ACCESS_CORE_RESET:
		wr(&m, NEURON_REG_CORE_RESET, 15);
		break;
	case ACCESS_CHIP_RESET:
		wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
		break;
	default:
		neuron_chip_reset(m.chip);
	}
}

static struct cost measure(enum access access, struct ring *r)
{
	clockid_t worker;
	double wall, work;

	pthread_getcpuclockid(m.chip->queue[r->queue].thread, &worker);
	work = clock_us(worker) + clock_us(CLOCK_THREAD_CPUTIME_ID);
	wall = clock_us(CLOCK_MONOTONIC);
	access_once(access, r);
	wall = clock_us(CLOCK_MONOTONIC) - wall;
	work = clock_us(worker) + clock_us(CLOCK_THREAD_CPUTIME_ID) - work;
	return (struct cost){ .wall = wall, .work = work };
}

static bool at_rest(const struct ring *r)
{
	return !(rd(&m, q_reg(r, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE) &&
	       !rd(&m, NEURON_REG_CORE_RESET) &&
	       !(rd(&m, NEURON_REG_STATUS) & NEURON_STATUS_RESETTING);
}

static int by_work(const void *a, const void *b)
{
	const struct cost *x = a, *y = b;

	return (x->work > y->work) - (x->work < y->work);
}

/* Begin with the work, and wait for some of it. Return: whether the queue is still at it. */
static bool start(enum busy busy, struct ring *r, unsigned int naps)
{
	struct neuron_sqe sqe = work_of(busy);

	q_enable(r);
	/* All pages are there: their faults would be most of the time. */
	if (busy == BUSY_DISCARD)
		memset(m.dram + PROGRAM_ROOM, 1, 2 * CHIP_COPY);
	for (unsigned int k = 0; k < (on_core(busy) ? 5 : 25); k++)
		q_put(r, &sqe);
	q_ring(r);
	CHECK(m_until(rd(&m, q_reg(r, NEURON_QUEUE_SQ_HEAD))));
	while (naps--)
		m_nap();
	return rd(&m, q_reg(r, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ACTIVE;
}

static void busy_queue(enum busy busy, enum access access)
{
	struct ring *r = on_core(busy) ? &core : &dma;
	unsigned int worked = 0, naps = 0;
	struct cost cost[ATTEMPTS];

	/* On a fast machine the work may have ended before: then sooner the next time. */
	for (unsigned int i = 0; i < 5 * ATTEMPTS && worked < ATTEMPTS; i++) {
		if (start(busy, r, naps)) {
			cost[worked++] = measure(access, r);
			naps++;
		} else {
			naps /= 2;
		}
		wr(&m, NEURON_REG_DEBUG_CLEAR, 0);
		wr(&m, q_reg(r, NEURON_QUEUE_CONTROL), 0);
		CHECK(m_until(at_rest(r)));
	}
	/* It was a test at all. */
	CHECK_EQ(worked, ATTEMPTS);
	if (worked < ATTEMPTS)
		return;
	qsort(cost, ATTEMPTS, sizeof(*cost), by_work);
	printf("# %s, during %s: %.0f us, %.0f us of work\n", access_names[access],
	       busy_names[busy], cost[ATTEMPTS / 2].wall, cost[ATTEMPTS / 2].work);
	CHECK(cost[ATTEMPTS / 2].work < LIMIT_US);
}

static enum access accessed;

static void during_all(void)
{
	set_up();
	for (enum busy busy = 0; busy < BUSY_COUNT; busy++)
		busy_queue(busy, accessed);
	m_destroy(&m);
}

int main(void)
{
	char name[80];

	for (accessed = 0; accessed < ACCESS_COUNT; accessed++) {
		snprintf(name, sizeof(name), "%s waits for no work", access_names[accessed]);
		ktap_run(name, during_all);
	}
	return ktap_done();
}
