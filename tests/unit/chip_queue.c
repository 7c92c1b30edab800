// SPDX-License-Identifier: MIT
/*
 * Registers, rings, doorbells, COPY and FILL, stops and resets of the chip.
 */
#include "tests/ktap.h"
#include "tests/unit/mini_driver.h"

static struct machine m;
static struct ring dma;

static void set_up(void)
{
	m_create(&m);
	q_init(&m, &dma, 4, 4);
}

static void tear_down(void)
{
	m_destroy(&m);
}

static void identity(void)
{
	set_up();
	CHECK_EQ(rd(&m, NEURON_REG_ID), NEURON_ID);
	CHECK_EQ(rd(&m, NEURON_REG_VERSION), NEURON_VERSION);
	CHECK_EQ(NEURON_UNITS_CORES(rd(&m, NEURON_REG_UNITS)), 4);
	CHECK_EQ(NEURON_UNITS_DMA_QUEUES(rd(&m, NEURON_REG_UNITS)), 2);
	CHECK_EQ(NEURON_UNITS_SEMAPHORES(rd(&m, NEURON_REG_UNITS)), 32);
	CHECK_EQ(NEURON_UNITS_ENGINES(rd(&m, NEURON_REG_UNITS)), 5);
	CHECK_EQ(NEURON_LIMITS_SLOTS(rd(&m, NEURON_REG_LIMITS)), NEURON_MAX_SLOTS);
	CHECK_EQ(rd(&m, NEURON_REG_SBUF_SIZE), 1 << 20);
	CHECK_EQ(rd(&m, NEURON_REG_DRAM_SIZE_LO), DRAM_SIZE);
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_READY);
	CHECK_EQ(rd(&m, NEURON_REG_DEBUG_ID), NEURON_DEBUG_ID);
	CHECK_EQ(rd(&m, 2), 0xffffffff);
	CHECK_EQ(rd(&m, NEURON_REGS_SIZE), 0xffffffff);
	CHECK_EQ(rd(&m, NEURON_REG_QUEUE(6)), 0);
	tear_down();
}

static void wrong_writes(void)
{
	set_up();
	wr(&m, NEURON_REG_ID, 1);
	CHECK_EQ(m.guest_errors, 1);
	wr(&m, NEURON_REG_ID + 2, 1);
	CHECK_EQ(m.guest_errors, 2);
	wr(&m, NEURON_REGS_SIZE, 1);
	CHECK_EQ(m.guest_errors, 3);
	wr(&m, q_reg(&dma, NEURON_QUEUE_SQ_HEAD), 1);
	CHECK_EQ(m.guest_errors, 4);
	wr(&m, q_reg(&dma, NEURON_QUEUE_SHIFT), 5);
	CHECK_EQ(m.guest_errors, 5);
	CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_SHIFT)), 4);
	wr(&m, NEURON_REG_CORE_RESET, 1 << 4);
	CHECK_EQ(m.guest_errors, 6);
	CHECK(strstr(m.last_error, "no such core"));
	tear_down();
}

static void bad_configs(void)
{
	struct neuron_chip_config good = {
		.cores = 1, .dma_queues = 1, .sbuf_size = 4096, .psum_size = 4096,
		.clock_khz = 1, .dram_mibps = 1, .link_mibps = 1,
	}, bad;
	struct neuron_chip *chip;
	const char *error = NULL;

	chip = neuron_chip_create(&good, &m_ops, &m, NULL);
	CHECK(chip);
	neuron_chip_destroy(chip);
	neuron_chip_destroy(NULL);
#define BAD(field, value)						\
	do {								\
		bad = good;						\
		bad.field = value;					\
		error = NULL;						\
		CHECK(!neuron_chip_create(&bad, &m_ops, &m, &error));	\
		CHECK(error);						\
	} while (0)
	BAD(cores, 0);
	BAD(cores, 5);
	BAD(dma_queues, 0);
	BAD(dma_queues, 13);
	BAD(sbuf_size, 0);
	BAD(sbuf_size, 4097);
	BAD(sbuf_size, (256u << 20) + 4096);
	BAD(psum_size, 100);
	BAD(dram_size, 100);
	BAD(dram_size, 4096);
	BAD(clock_khz, 0);
#undef BAD
}

/* 100 times around a ring of four entries, three at a time. */
static void ring_wraps(void)
{
	struct neuron_cqe cqe;
	struct ring r;
	uint64_t id = 0, seen = 0;

	set_up();
	q_init(&m, &r, 0, 2);
	for (int i = 0; i < 134; i++) {
		for (int k = 0; k < 3; k++) {
			struct neuron_sqe sqe = sqe_nop(++id);

			q_put(&r, &sqe);
		}
		q_ring(&r);
		for (int k = 0; k < 3; k++) {
			CHECK(q_wait(&r, &cqe));
			CHECK_EQ(cqe.id, ++seen);
			CHECK_EQ(cqe.queue, 0);
			CHECK_EQ(cqe.fault.kind, NEURON_FAULT_NONE);
			CHECK_EQ(cqe.fault.inst, NEURON_NO_INST);
		}
		CHECK_EQ(cqe.sq_head, r.tail);
	}
	CHECK_EQ(rd(&m, q_reg(&r, NEURON_QUEUE_SQ_HEAD)), r.tail);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_QUEUE(0)) == id));
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	tear_down();
}

/* Nothing is lost when the driver does not read its completions. */
static void completion_ring_full(void)
{
	struct neuron_cqe cqe;
	struct ring r;

	set_up();
	q_init(&m, &r, 1, 2);
	for (uint64_t id = 1; id <= 3; id++) {
		struct neuron_sqe sqe = sqe_nop(id);

		q_put(&r, &sqe);
	}
	q_ring(&r);
	CHECK(m_until(rd(&m, q_reg(&r, NEURON_QUEUE_SQ_HEAD)) == 3));
	for (uint64_t id = 4; id <= 5; id++) {
		struct neuron_sqe sqe = sqe_nop(id);

		q_put(&r, &sqe);
	}
	q_ring(&r);
	CHECK(m_until(rd(&m, NEURON_REG_ERROR) == NEURON_ERROR_CQ_OVERFLOW));
	CHECK_EQ(rd(&m, NEURON_REG_ERROR_QUEUE), 1);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	CHECK_EQ(rd(&m, q_reg(&r, NEURON_QUEUE_SQ_HEAD)), 3);
	for (uint64_t id = 1; id <= 5; id++) {
		CHECK(q_wait(&r, &cqe));
		CHECK_EQ(cqe.id, id);
	}
	wr(&m, NEURON_REG_ERROR, NEURON_ERROR_CQ_OVERFLOW);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	tear_down();
}

static void bad_doorbells(void)
{
	struct neuron_sqe sqe = sqe_nop(1);
	struct neuron_cqe cqe;
	struct ring off = { .m = &m, .queue = 2 };

	set_up();
	wr(&m, q_reg(&dma, NEURON_QUEUE_SQ_TAIL), 16);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_DOORBELL);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR_QUEUE), 4);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	wr(&m, NEURON_REG_ERROR, ~0u);

	wr(&m, q_reg(&dma, NEURON_QUEUE_SQ_TAIL), ~0u);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_DOORBELL);
	wr(&m, NEURON_REG_ERROR, ~0u);

	/* Reading a completion that is not there. */
	wr(&m, q_reg(&dma, NEURON_QUEUE_CQ_HEAD), 1);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_DOORBELL);
	wr(&m, NEURON_REG_ERROR, ~0u);

	/* A disabled queue; its error is reported all the same. */
	wr(&m, q_reg(&off, NEURON_QUEUE_SQ_TAIL), 1);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_DOORBELL);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR_QUEUE), 2);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) >= 3));
	wr(&m, NEURON_REG_ERROR, ~0u);

	/* The queue works on, as if nothing had happened. */
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 1);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	tear_down();
}

static void bad_set_up(void)
{
	struct ring r = { .m = &m, .queue = 0, .shift = 4 };

	set_up();
#define REFUSED()							\
	do {								\
		q_enable(&r);						\
		CHECK_EQ(rd(&m, NEURON_REG_ERROR), NEURON_ERROR_CONFIG); \
		CHECK_EQ(rd(&m, q_reg(&r, NEURON_QUEUE_STATUS)), 0);	\
		wr(&m, NEURON_REG_ERROR, ~0u);				\
	} while (0)
	r.sq = m_alloc(&m, 4096);
	r.cq = m_alloc(&m, 4096);
	r.shift = 0;
	REFUSED();
	r.shift = NEURON_MAX_QUEUE_SHIFT + 1;
	REFUSED();
	r.shift = 4;
	r.sq += 32;
	REFUSED();
	r.sq -= 32;
	r.cq += 8;
	REFUSED();
	r.cq -= 8;
#undef REFUSED
	q_enable(&r);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	CHECK_EQ(rd(&m, q_reg(&r, NEURON_QUEUE_STATUS)), NEURON_QUEUE_ENABLED);
	tear_down();
}

static void ring_off_the_bus(void)
{
	struct ring r = { .m = &m, .queue = 0, .shift = 4 };
	struct neuron_sqe sqe = sqe_nop(7);
	struct neuron_cqe cqe;

	set_up();
	r.sq = m_alloc(&m, 4096);
	r.cq = m_alloc(&m, 4096);
	wr(&m, q_reg(&r, NEURON_QUEUE_CQ_BASE_LO), r.cq);
	wr(&m, q_reg(&r, NEURON_QUEUE_SQ_BASE_LO), 0x1000);
	wr(&m, q_reg(&r, NEURON_QUEUE_SHIFT), r.shift);
	wr(&m, q_reg(&r, NEURON_QUEUE_CONTROL), NEURON_QUEUE_ENABLE);
	wr(&m, q_reg(&r, NEURON_QUEUE_SQ_TAIL), 1);
	CHECK(m_until(rd(&m, NEURON_REG_ERROR) == NEURON_ERROR_RING_DMA));
	CHECK(rd(&m, q_reg(&r, NEURON_QUEUE_STATUS)) & NEURON_QUEUE_ERROR);
	CHECK(m_until(m_irqs(&m, NEURON_VECTOR_ERROR) == 1));
	CHECK(q_stop(&r));

	/* Set up well it works again. */
	q_enable(&r);
	CHECK_EQ(q_run(&r, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.id, 7);
	tear_down();
}

static void bad_entries(void)
{
	struct neuron_sqe sqe;
	struct neuron_cqe cqe;
	struct slots s;
	struct ring core;

	set_up();
	q_init(&m, &core, 0, 4);
	s_init(&m, &s);
	s_dram(&s, 0, 4096, READ | WRITE);
#define REFUSED(ring, sqe, field)					\
	do {								\
		CHECK_EQ(q_run(ring, sqe, &cqe), NEURON_FAULT_BAD_DESCRIPTOR); \
		CHECK_EQ(cqe.fault.info, offsetof(struct neuron_sqe, field)); \
	} while (0)
	sqe = sqe_nop(1);
	sqe.flags = 1;
	REFUSED(&core, &sqe, flags);
	sqe.flags = NEURON_SQE_LATE_IRQ | NEURON_SQE_PROFILE;
	REFUSED(&core, &sqe, flags);
	sqe.flags = NEURON_SQE_LATE_IRQ << 1;
	REFUSED(&dma, &sqe, flags);
	sqe = sqe_nop(1);
	sqe.reserved = 1;
	REFUSED(&core, &sqe, reserved);
	sqe = sqe_nop(1);
	sqe.opcode = 9;
	REFUSED(&core, &sqe, opcode);
	sqe = sqe_copy(&s, 0, 0, 0, 0, 1);
	REFUSED(&core, &sqe, opcode);
	sqe = sqe_exec(&s, 1, 0, 64, NEURON_SQE_NO_SLOT);
	REFUSED(&dma, &sqe, opcode);
	sqe = sqe_copy(&s, 0, 0, 0, 0, 1);
	sqe.num_slots = NEURON_MAX_SLOTS + 1;
	REFUSED(&dma, &sqe, num_slots);
	sqe = sqe_fill(&s, 0, 0, 1, 0);
	sqe.fill.value = 256;
	REFUSED(&dma, &sqe, fill.value);
	sqe = sqe_fill(&s, 0, 0, 1, 0);
	sqe.fill.reserved = 1;
	REFUSED(&dma, &sqe, fill.reserved);
	sqe = sqe_exec(&s, 1, 1, 64, NEURON_SQE_NO_SLOT);
	REFUSED(&core, &sqe, exec.program_slot);
	sqe = sqe_exec(&s, 1, 0, 63, NEURON_SQE_NO_SLOT);
	REFUSED(&core, &sqe, exec.program_size);
	sqe = sqe_exec(&s, 1, 0, (64 << 20) + 1, NEURON_SQE_NO_SLOT);
	REFUSED(&core, &sqe, exec.program_size);
	sqe = sqe_exec(&s, 1, 0, 64, 1);
	REFUSED(&core, &sqe, exec.report_slot);
#undef REFUSED
	sqe = sqe_copy(&s, 0, 0, 0, 0, 1);
	sqe.slots = 0x100;
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_DMA_ABORT);
	tear_down();
}

static void bad_slots(void)
{
	static const struct {
		struct neuron_slot slot;
		size_t field;
	} bad[] = {
#define SLOT(field, ...) { { __VA_ARGS__ }, offsetof(struct neuron_slot, field) }
		SLOT(flags, .flags = 0x40),
		SLOT(flags, .flags = NEURON_SLOT_PAGES | NEURON_SLOT_DRAM),
		SLOT(flags, .flags = NEURON_SLOT_READ),
		SLOT(length, .length = 1),
		SLOT(addr, .addr = 1),
		SLOT(offset, .offset = 1),
		SLOT(reserved, .reserved = 1),
		SLOT(offset, .flags = NEURON_SLOT_DRAM, .offset = 1),
		SLOT(addr, .flags = NEURON_SLOT_DRAM, .addr = DRAM_SIZE + 1),
		SLOT(length, .flags = NEURON_SLOT_DRAM, .length = DRAM_SIZE + 1),
		SLOT(length, .flags = NEURON_SLOT_DRAM, .addr = 4096,
		     .length = DRAM_SIZE),
		SLOT(length, .flags = NEURON_SLOT_DRAM, .addr = 4096,
		     .length = ~0ull),
		SLOT(offset, .flags = NEURON_SLOT_PAGES, .offset = 4096),
		SLOT(length, .flags = NEURON_SLOT_PAGES, .length = ~0ull),
		SLOT(addr, .flags = NEURON_SLOT_PAGES, .addr = 4, .length = 1),
		SLOT(addr, .flags = NEURON_SLOT_PAGES, .addr = ~7ull, .length = 4097),
#undef SLOT
	};

	set_up();
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct neuron_cqe cqe;
		struct neuron_sqe sqe;
		struct slots s;

		s_init(&m, &s);
		s_dram(&s, 0, 4096, READ | WRITE);
		s_add(&s, &bad[i].slot);
		sqe = sqe_copy(&s, 0, 0, 0, 64, 1);
		CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_BAD_DESCRIPTOR);
		CHECK_EQ(cqe.fault.info, sizeof(struct neuron_slot) + bad[i].field);
	}
	tear_down();
}

static void pattern(uint8_t *p, size_t n, unsigned int seed)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (i * 2654435761u + seed) >> 13;
}

/* All four ways between host memory and DRAM, at odd offsets, over many pages. */
static void copies(void)
{
	const size_t size = 700001, page = 4096;
	uint8_t *want = malloc(size), *seen = malloc(size);
	uint64_t pages[180], a, b;
	struct neuron_cqe cqe;
	struct neuron_sqe sqe;
	struct slots s;
	uint32_t host, back, dram, scattered;

	set_up();
	s_init(&m, &s);
	a = m_alloc(&m, size + page);
	b = m_alloc(&m, size + page);
	pattern(want, size, 1);
	put(&m, a + 123, want, size);
	host = s_host(&s, a + 123, size, READ);
	back = s_host(&s, b + 77, size, READ | WRITE);
	dram = s_dram(&s, 8192, 4 << 20, READ | WRITE);
	/* Every other page, backwards. */
	a = m_alloc(&m, 360 * page);
	for (int i = 0; i < 180; i++)
		pages[i] = a + (358 - 2 * i) * page;
	scattered = s_pages(&s, pages, 180, 4001, size, READ | WRITE);

	sqe = sqe_copy(&s, dram, 13, host, 0, size);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.busy, size);
	CHECK(cqe.cycles > 0);
	CHECK(!memcmp(m.dram + 8192 + 13, want, size));
	sqe = sqe_copy(&s, dram, 2 << 20, dram, 13, size);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK(!memcmp(m.dram + 8192 + (2 << 20), want, size));
	sqe = sqe_copy(&s, scattered, 0, dram, 2 << 20, size);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	sqe = sqe_copy(&s, back, 0, scattered, 0, size);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	get(&m, b + 77, seen, size);
	CHECK(!memcmp(seen, want, size));
	/* The bytes around the destination were left alone. */
	get(&m, b, seen, 77);
	for (int i = 0; i < 77; i++)
		CHECK_EQ(seen[i], 0);
	get(&m, b + 77 + size, seen, 100);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(seen[i], 0);
	sqe = sqe_copy(&s, back, 0, scattered, 0, 0);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.busy, 0);
	tear_down();
	free(want);
	free(seen);
}

static void rights_and_bounds(void)
{
	struct neuron_cqe cqe;
	struct neuron_sqe sqe;
	struct slots s;
	uint32_t ro, wo, rw, none, odd;
	uint64_t page = 0x123;
	struct neuron_slot empty = { 0 };

	set_up();
	s_init(&m, &s);
	ro = s_dram(&s, 0, 1000, READ);
	wo = s_dram(&s, 4096, 1000, WRITE);
	rw = s_host(&s, m_alloc(&m, 4096), 1000, READ | WRITE);
	none = s_add(&s, &empty);
	odd = s_pages(&s, &page, 1, 0, 100, READ);

#define FAULT(kind_, operand_, info_, dst, dst_offset, src, src_offset, length) \
	do {								\
		sqe = sqe_copy(&s, dst, dst_offset, src, src_offset, length); \
		CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_##kind_); \
		CHECK_EQ(cqe.fault.operand, operand_);			\
		CHECK_EQ(cqe.fault.info, info_);			\
	} while (0)
	FAULT(NONE, NEURON_NO_OPERAND, 0, wo, 0, ro, 0, 1000);
	FAULT(NONE, NEURON_NO_OPERAND, 0, rw, 999, ro, 999, 1);
	FAULT(ACCESS_DENIED, 1, 0, rw, 0, wo, 0, 1);
	FAULT(ACCESS_DENIED, 0, 5, ro, 5, rw, 0, 1);
	FAULT(ACCESS_DENIED, 1, 0, rw, 0, none, 0, 1);
	FAULT(ACCESS_DENIED, 1, 0, rw, 0, 5, 0, 1);
	FAULT(ACCESS_DENIED, 1, 0, rw, 0, ~0u, 0, 1);
	FAULT(OUT_OF_BOUNDS, 1, 1000, wo, 0, ro, 0, 1001);
	FAULT(OUT_OF_BOUNDS, 1, 1000, wo, 0, ro, 1, 1000);
	FAULT(OUT_OF_BOUNDS, 0, 1000, wo, 1, ro, 0, 1000);
	FAULT(OUT_OF_BOUNDS, 0, 1000, rw, 1000, ro, 0, 1);
	FAULT(OUT_OF_BOUNDS, 1, 1000, rw, 0, ro, 1, ~0ull);
	FAULT(OUT_OF_BOUNDS, 1, ~0ull, rw, 0, ro, ~0ull, 2);
	/* A page address that is none. */
	FAULT(DMA_ABORT, NEURON_NO_OPERAND, 0, wo, 0, odd, 0, 1);
#undef FAULT
	tear_down();
}

static void fills(void)
{
	uint64_t addr;
	struct neuron_cqe cqe;
	struct neuron_sqe sqe;
	uint8_t seen[300];
	struct slots s;
	uint32_t dram, host;

	set_up();
	s_init(&m, &s);
	addr = m_alloc(&m, 400000);
	dram = s_dram(&s, 4096, 8 << 20, READ | WRITE);
	host = s_host(&s, addr + 10, 300000, WRITE);

	sqe = sqe_fill(&s, dram, 0, 8 << 20, 0x5a);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK_EQ(cqe.busy, 8 << 20);
	CHECK_EQ(m.dram[4095], 0);
	CHECK_EQ(m.dram[4096], 0x5a);
	CHECK_EQ(m.dram[4096 + (8 << 20) - 1], 0x5a);
	CHECK_EQ(m.dram[4096 + (8 << 20)], 0);
	CHECK_EQ(m.discards, 0);

	/* Zeroes give memory back where whole pages are concerned. */
	sqe = sqe_fill(&s, dram, 100, (8 << 20) - 200, 0);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	CHECK(m.discards > 0);
	CHECK_EQ(m.dram[4096 + 99], 0x5a);
	for (size_t i = 100; i < (8 << 20) - 100; i++) {
		if (m.dram[4096 + i]) {
			CHECK_EQ(i, -1);
			break;
		}
	}
	CHECK_EQ(m.dram[4096 + (8 << 20) - 100], 0x5a);

	sqe = sqe_fill(&s, host, 1, 299998, 0xee);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	get(&m, addr, seen, 300);
	CHECK_EQ(seen[10], 0);
	CHECK_EQ(seen[11], 0xee);
	CHECK_EQ(seen[299], 0xee);
	get(&m, addr + 299800, seen, 300);
	CHECK_EQ(seen[10 + 198], 0xee);
	CHECK_EQ(seen[10 + 199], 0);
	tear_down();
}

/* A stopped queue forgets what it was given. */
static void stop_and_start(void)
{
	struct neuron_sqe sqe = sqe_nop(1);
	struct neuron_cqe cqe;

	set_up();
	for (int i = 0; i < 50; i++) {
		for (int k = 0; k < 10; k++)
			q_put(&dma, &sqe);
		q_ring(&dma);
		CHECK(q_stop(&dma));
		CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_STATUS)), 0);
		q_enable(&dma);
		CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_SQ_HEAD)), 0);
		CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	}
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	tear_down();
}

/* After neuron_chip_reset() memory is not touched any more. */
static void reset_while_copying(void)
{
	struct neuron_sqe sqe;
	struct slots s;
	uint32_t src, dst;

	set_up();
	s_init(&m, &s);
	src = s_dram(&s, 0, 2 << 20, READ);
	dst = s_host(&s, m_alloc(&m, 2 << 20), 2 << 20, WRITE);
	sqe = sqe_copy(&s, dst, 0, src, 0, 2 << 20);
	for (int i = 0; i < 100; i++) {
		unsigned int before = m_accesses(&m), irqs;

		for (int k = 0; k < 15; k++)
			q_put(&dma, &sqe);
		q_ring(&dma);
		CHECK(m_until(m_accesses(&m) >= before + i % 20));
		neuron_chip_reset(m.chip);
		before = m_accesses(&m);
		irqs = m_irqs(&m, NEURON_VECTOR_QUEUE(4));
		for (int k = 0; k < 10; k++)
			m_nap();
		CHECK_EQ(m_accesses(&m), before);
		CHECK_EQ(m_irqs(&m, NEURON_VECTOR_QUEUE(4)), irqs);
		CHECK(m_until(rd(&m, NEURON_REG_STATUS) == NEURON_STATUS_READY));
		CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_SHIFT)), 0);
		q_enable(&dma);
	}
	tear_down();
}

static void control_reset(void)
{
	struct neuron_sqe sqe = sqe_nop(3);
	struct neuron_cqe cqe;

	set_up();
	wr(&m, q_reg(&dma, NEURON_QUEUE_SQ_TAIL), 100);
	CHECK(rd(&m, NEURON_REG_ERROR));
	wr(&m, NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(m_until(!(rd(&m, NEURON_REG_CONTROL) & NEURON_CONTROL_RESET)));
	CHECK_EQ(rd(&m, NEURON_REG_STATUS), NEURON_STATUS_READY);
	CHECK_EQ(rd(&m, NEURON_REG_ERROR), 0);
	CHECK_EQ(rd(&m, q_reg(&dma, NEURON_QUEUE_CONTROL)), 0);
	q_enable(&dma);
	CHECK_EQ(q_run(&dma, &sqe, &cqe), NEURON_FAULT_NONE);
	tear_down();
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000ll + now.tv_nsec / 1000;
}

static void late_nop(unsigned int entries)
{
	struct neuron_sqe sqe = sqe_nop(1);

	sqe.flags = NEURON_SQE_LATE_IRQ;
	while (entries--)
		q_put(&dma, &sqe);
	q_ring(&dma);
}

static void settle(void)
{
	int64_t until = now_us() + 5 * NEURON_LATE_IRQ_US;

	while (now_us() < until)
		m_nap();
}

static void late_interrupt(void)
{
	unsigned int vector = NEURON_VECTOR_QUEUE(4);
	struct neuron_cqe cqe;
	int64_t start;

	set_up();
	/* Nobody has seen the completion: once, and not before its time. */
	for (unsigned int i = 1; i <= 20; i++) {
		start = now_us();
		late_nop(1);
		CHECK(m_until(m_irqs(&m, vector) == i));
		CHECK(now_us() - start >= NEURON_LATE_IRQ_US);
		CHECK(q_wait(&dma, &cqe));
	}
	settle();
	CHECK_EQ(m_irqs(&m, vector), 20);

	/* It does not wait for the next entry, the last one's for its time. */
	late_nop(2);
	CHECK(m_until(rd(&m, q_reg(&dma, NEURON_QUEUE_SQ_HEAD)) == dma.tail));
	CHECK(m_until(m_irqs(&m, vector) == 22));
	CHECK(q_wait(&dma, &cqe));
	CHECK(q_wait(&dma, &cqe));

	/* One that may not be late tells of both. */
	late_nop(1);
	CHECK_EQ(q_run(&dma, &(struct neuron_sqe) { .id = 2 }, &cqe), NEURON_FAULT_NONE);
	CHECK(q_wait(&dma, &cqe));
	CHECK(m_until(m_irqs(&m, vector) >= 23));
	tear_down();
}

/* Seen and said so in time: no interrupt. What took longer does not count. */
static void late_interrupt_spared(void)
{
	unsigned int vector = NEURON_VECTOR_QUEUE(4), before, quick = 0;
	struct neuron_cqe cqe;
	int64_t start;

	set_up();
	for (unsigned int i = 0; i < 20000 && quick < 20; i++) {
		before = m_irqs(&m, vector);
		start = now_us();
		late_nop(1);
		while (!q_peek(&dma, &cqe) && now_us() - start < 10000000)
			;
		CHECK(q_wait(&dma, &cqe));
		if (now_us() - start >= NEURON_LATE_IRQ_US)
			continue;
		quick++;
		settle();
		CHECK_EQ(m_irqs(&m, vector), before);
	}
	CHECK(quick);

	/* A queue that is stopped owes none. */
	for (unsigned int i = 0; i < 20; i++) {
		late_nop(1);
		CHECK(q_stop(&dma));
		before = m_irqs(&m, vector);
		settle();
		CHECK_EQ(m_irqs(&m, vector), before);
		q_enable(&dma);
	}
	tear_down();
}

static void quiesce(void)
{
	struct neuron_sqe sqe = sqe_nop(3);
	struct neuron_cqe cqe;
	unsigned int before;

	set_up();
	neuron_chip_quiesce(m.chip, true);
	before = m_accesses(&m);
	q_put(&dma, &sqe);
	q_ring(&dma);
	for (int k = 0; k < 50; k++)
		m_nap();
	CHECK_EQ(m_accesses(&m), before);
	neuron_chip_quiesce(m.chip, false);
	CHECK(q_wait(&dma, &cqe));
	CHECK_EQ(cqe.id, 3);
	tear_down();
}

int main(void)
{
	ktap_run("identity registers", identity);
	ktap_run("writes that no driver should do are reported", wrong_writes);
	ktap_run("bad configurations are refused", bad_configs);
	ktap_run("rings wrap around", ring_wraps);
	ktap_run("a full completion ring loses nothing", completion_ring_full);
	ktap_run("bad doorbells are errors and change nothing", bad_doorbells);
	ktap_run("bad set-up keeps a queue off", bad_set_up);
	ktap_run("a ring off the bus stops its queue", ring_off_the_bus);
	ktap_run("malformed entries", bad_entries);
	ktap_run("malformed slots", bad_slots);
	ktap_run("copies in all directions", copies);
	ktap_run("slots' rights and bounds", rights_and_bounds);
	ktap_run("fills", fills);
	ktap_run("stop and start", stop_and_start);
	ktap_run("no access after a reset returned", reset_while_copying);
	ktap_run("reset through CONTROL", control_reset);
	ktap_run("an interrupt that may be late comes late", late_interrupt);
	ktap_run("or not at all if the completion was seen", late_interrupt_spared);
	ktap_run("quiesce", quiesce);
	return ktap_done();
}
