/* SPDX-License-Identifier: MIT */
/*
 * A machine with a chip in it and the least of a driver, for tests.
 *
 * Host memory is one array that appears on the bus at BUS_BASE; accesses to
 * anything else are refused, as an IOMMU would. It is accessed under a lock, by
 * the chip through the callbacks and by the test through get() and put(), so
 * that what a test sees in a completion ring is ordered after the work.
 */
#ifndef TESTS_MINI_DRIVER_H
#define TESTS_MINI_DRIVER_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include "qemu-device/chip/chip.h"

#define BUS_BASE	0x40000000ull
#define RAM_SIZE	(16u << 20)
/* A test may want more. */
#ifndef DRAM_SIZE
#define DRAM_SIZE	(16u << 20)
#define SBUF_SIZE	(1u << 20)
#define PSUM_SIZE	(64u << 10)
#endif

struct machine {
	struct neuron_chip *chip;
	uint8_t *ram;
	uint8_t *dram;
	uint64_t next;			/* first free byte of ram */
	pthread_mutex_t lock;
	unsigned int irqs[1 + NEURON_MAX_QUEUES];
	unsigned int discards;
	unsigned int guest_errors;
	unsigned int accesses;		/* DMA callbacks so far */
	char last_error[200];
};

struct ring {
	struct machine *m;
	unsigned int queue;
	unsigned int shift;
	uint64_t sq;
	uint64_t cq;
	uint32_t tail;
	uint32_t head;
	uint32_t phase;
};

static inline bool on_bus(uint64_t addr, size_t len)
{
	return addr >= BUS_BASE && len <= RAM_SIZE &&
	       addr - BUS_BASE <= RAM_SIZE - len;
}

static inline int m_dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct machine *m = opaque;
	bool ok = on_bus(addr, len);

	pthread_mutex_lock(&m->lock);
	m->accesses++;
	if (ok)
		memcpy(buf, m->ram + (addr - BUS_BASE), len);
	pthread_mutex_unlock(&m->lock);
	return ok ? 0 : -1;
}

static inline int m_dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct machine *m = opaque;
	bool ok = on_bus(addr, len);

	pthread_mutex_lock(&m->lock);
	m->accesses++;
	if (ok)
		memcpy(m->ram + (addr - BUS_BASE), buf, len);
	pthread_mutex_unlock(&m->lock);
	return ok ? 0 : -1;
}

static inline void m_raise_irq(void *opaque, unsigned int vector)
{
	struct machine *m = opaque;

	pthread_mutex_lock(&m->lock);
	m->irqs[vector]++;
	pthread_mutex_unlock(&m->lock);
}

static inline void m_dram_discard(void *opaque, uint64_t offset, uint64_t length)
{
	struct machine *m = opaque;

	pthread_mutex_lock(&m->lock);
	m->discards++;
	pthread_mutex_unlock(&m->lock);
	madvise(m->dram + offset, length, MADV_DONTNEED);
}

static inline void m_guest_error(void *opaque, const char *message)
{
	struct machine *m = opaque;

	pthread_mutex_lock(&m->lock);
	m->guest_errors++;
	snprintf(m->last_error, sizeof(m->last_error), "%s", message);
	pthread_mutex_unlock(&m->lock);
}

static const struct neuron_chip_ops m_ops = {
	.dma_read = m_dma_read,
	.dma_write = m_dma_write,
	.raise_irq = m_raise_irq,
	.dram_discard = m_dram_discard,
	.guest_error = m_guest_error,
};

static inline void *m_map(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		abort();
	return p;
}

/* A chip for the machine; another one may have been there before. */
static inline void m_plug(struct machine *m)
{
	const struct neuron_chip_config config = {
		.cores = 4,
		.dma_queues = 2,
		.sbuf_size = SBUF_SIZE,
		.psum_size = PSUM_SIZE,
		.dram = m->dram,
		.dram_size = DRAM_SIZE,
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
		.threads = 2,
		.debug = true,
	};
	const char *error;

	m->chip = neuron_chip_create(&config, &m_ops, m, &error);
	if (!m->chip) {
		printf("Bail out! neuron_chip_create: %s\n", error);
		exit(1);
	}
}

static inline void m_create(struct machine *m)
{
	memset(m, 0, sizeof(*m));
	pthread_mutex_init(&m->lock, NULL);
	m->ram = m_map(RAM_SIZE);
	m->dram = m_map(DRAM_SIZE);
	m_plug(m);
}

static inline void m_destroy(struct machine *m)
{
	neuron_chip_destroy(m->chip);
	munmap(m->ram, RAM_SIZE);
	munmap(m->dram, DRAM_SIZE);
	pthread_mutex_destroy(&m->lock);
}

static inline uint32_t rd(struct machine *m, uint32_t reg)
{
	return neuron_chip_read(m->chip, reg);
}

static inline void wr(struct machine *m, uint32_t reg, uint32_t value)
{
	neuron_chip_write(m->chip, reg, value);
}

static inline void get(struct machine *m, uint64_t addr, void *buf, size_t len)
{
	pthread_mutex_lock(&m->lock);
	memcpy(buf, m->ram + (addr - BUS_BASE), len);
	pthread_mutex_unlock(&m->lock);
}

static inline void put(struct machine *m, uint64_t addr, const void *buf, size_t len)
{
	pthread_mutex_lock(&m->lock);
	memcpy(m->ram + (addr - BUS_BASE), buf, len);
	pthread_mutex_unlock(&m->lock);
}

static inline unsigned int m_irqs(struct machine *m, unsigned int vector)
{
	unsigned int n;

	pthread_mutex_lock(&m->lock);
	n = m->irqs[vector];
	pthread_mutex_unlock(&m->lock);
	return n;
}

static inline unsigned int m_accesses(struct machine *m)
{
	unsigned int n;

	pthread_mutex_lock(&m->lock);
	n = m->accesses;
	pthread_mutex_unlock(&m->lock);
	return n;
}

/* Pages of host memory, adjacent on the bus. */
static inline uint64_t m_alloc(struct machine *m, size_t size)
{
	uint64_t addr = BUS_BASE + m->next;

	m->next += (size + 4095) & ~4095ull;
	if (m->next > RAM_SIZE) {
		printf("Bail out! the test needs more memory\n");
		exit(1);
	}
	return addr;
}

static inline void m_nap(void)
{
	const struct timespec t = { .tv_nsec = 20000 };

	nanosleep(&t, NULL);
}

/* Wait up to ten seconds for a condition. */
#define m_until(cond)							\
	({								\
		time_t give_up = time(NULL) + 10;			\
		bool met;						\
									\
		while (!(met = (cond)) && time(NULL) < give_up)		\
			m_nap();					\
		met;							\
	})

static inline uint32_t q_reg(const struct ring *r, uint32_t reg)
{
	return NEURON_REG_QUEUE(r->queue) + reg;
}

static inline void q_enable(struct ring *r)
{
	struct machine *m = r->m;

	wr(m, q_reg(r, NEURON_QUEUE_SQ_BASE_LO), r->sq);
	wr(m, q_reg(r, NEURON_QUEUE_SQ_BASE_HI), r->sq >> 32);
	wr(m, q_reg(r, NEURON_QUEUE_CQ_BASE_LO), r->cq);
	wr(m, q_reg(r, NEURON_QUEUE_CQ_BASE_HI), r->cq >> 32);
	wr(m, q_reg(r, NEURON_QUEUE_SHIFT), r->shift);
	wr(m, q_reg(r, NEURON_QUEUE_CONTROL), NEURON_QUEUE_ENABLE);
	r->tail = 0;
	r->head = 0;
	r->phase = 1;
	pthread_mutex_lock(&m->lock);
	memset(m->ram + (r->cq - BUS_BASE), 0, sizeof(struct neuron_cqe) << r->shift);
	pthread_mutex_unlock(&m->lock);
}

static inline void q_init(struct machine *m, struct ring *r, unsigned int queue,
			  unsigned int shift)
{
	*r = (struct ring) {
		.m = m,
		.queue = queue,
		.shift = shift,
		.sq = m_alloc(m, sizeof(struct neuron_sqe) << shift),
		.cq = m_alloc(m, sizeof(struct neuron_cqe) << shift),
	};
	q_enable(r);
}

/*
 * Wait until nothing of the queue runs. A completion can be seen a moment before:
 * the queue's thread has it written while it is still at work.
 */
static inline bool q_rest(struct ring *r)
{
	return m_until(!(rd(r->m, q_reg(r, NEURON_QUEUE_STATUS)) &
			 NEURON_QUEUE_ACTIVE));
}

/* Stop the queue and wait until it is at rest. */
static inline bool q_stop(struct ring *r)
{
	wr(r->m, q_reg(r, NEURON_QUEUE_CONTROL), 0);
	return q_rest(r);
}

static inline void q_put(struct ring *r, const struct neuron_sqe *sqe)
{
	put(r->m, r->sq + r->tail * sizeof(*sqe), sqe, sizeof(*sqe));
	r->tail = (r->tail + 1) & ((1u << r->shift) - 1);
}

static inline void q_ring(struct ring *r)
{
	wr(r->m, q_reg(r, NEURON_QUEUE_SQ_TAIL), r->tail);
}

static inline bool q_peek(struct ring *r, struct neuron_cqe *cqe)
{
	get(r->m, r->cq + r->head * sizeof(*cqe), cqe, sizeof(*cqe));
	return cqe->phase == r->phase;
}

/* The next completion; false: none came within ten seconds. */
static inline bool q_wait(struct ring *r, struct neuron_cqe *cqe)
{
	if (!m_until(q_peek(r, cqe)))
		return false;
	r->head = (r->head + 1) & ((1u << r->shift) - 1);
	if (!r->head)
		r->phase ^= 1;
	wr(r->m, q_reg(r, NEURON_QUEUE_CQ_HEAD), r->head);
	return true;
}

/* Submit and wait; the status, or -1 without a completion. */
static inline int q_run(struct ring *r, const struct neuron_sqe *sqe,
			struct neuron_cqe *cqe)
{
	struct neuron_cqe unused;

	if (!cqe)
		cqe = &unused;
	q_put(r, sqe);
	q_ring(r);
	return q_wait(r, cqe) ? cqe->fault.kind : -1;
}

/* A slot table, with page lists, in host memory. */
struct slots {
	struct machine *m;
	uint64_t addr;
	uint32_t count;
};

static inline void s_init(struct machine *m, struct slots *s)
{
	s->m = m;
	s->count = 0;
	s->addr = m_alloc(m, NEURON_MAX_SLOTS * sizeof(struct neuron_slot));
}

static inline uint32_t s_add(struct slots *s, const struct neuron_slot *slot)
{
	put(s->m, s->addr + s->count * sizeof(*slot), slot, sizeof(*slot));
	return s->count++;
}

static inline uint32_t s_dram(struct slots *s, uint64_t offset, uint64_t length,
			      uint32_t rights)
{
	struct neuron_slot slot = {
		.addr = offset,
		.length = length,
		.flags = NEURON_SLOT_DRAM | rights,
	};

	return s_add(s, &slot);
}

/* Host memory from @addr on, adjacent on the bus, or scattered by @pages. */
static inline uint32_t s_pages(struct slots *s, const uint64_t *pages, uint32_t count,
			       uint32_t offset, uint64_t length, uint32_t rights)
{
	struct neuron_slot slot = {
		.addr = m_alloc(s->m, count * 8),
		.length = length,
		.offset = offset,
		.flags = NEURON_SLOT_PAGES | rights,
	};

	put(s->m, slot.addr, pages, count * 8);
	return s_add(s, &slot);
}

static inline uint32_t s_host(struct slots *s, uint64_t addr, uint64_t length,
			      uint32_t rights)
{
	uint32_t offset = addr % 4096;
	uint32_t count = (offset + length + 4095) / 4096;
	uint64_t *pages = malloc(count * sizeof(*pages));
	uint32_t slot;

	if (!pages)
		abort();
	for (uint32_t i = 0; i < count; i++)
		pages[i] = addr - offset + i * 4096ull;
	slot = s_pages(s, pages, count, offset, length, rights);
	free(pages);
	return slot;
}

#define READ	NEURON_SLOT_READ
#define WRITE	NEURON_SLOT_WRITE

static inline struct neuron_sqe sqe_nop(uint64_t id)
{
	return (struct neuron_sqe) { .opcode = NEURON_SQE_NOP, .id = id };
}

static inline struct neuron_sqe sqe_copy(const struct slots *s, uint32_t dst,
					 uint64_t dst_offset, uint32_t src,
					 uint64_t src_offset, uint64_t length)
{
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_COPY,
		.num_slots = s->count,
		.slots = s->addr,
		.copy = {
			.dst_slot = dst,
			.dst_offset = dst_offset,
			.src_slot = src,
			.src_offset = src_offset,
			.length = length,
		},
	};
}

static inline struct neuron_sqe sqe_fill(const struct slots *s, uint32_t dst,
					 uint64_t offset, uint64_t length, uint8_t value)
{
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_FILL,
		.num_slots = s->count,
		.slots = s->addr,
		.fill = {
			.dst_slot = dst,
			.dst_offset = offset,
			.length = length,
			.value = value,
		},
	};
}

static inline struct neuron_sqe sqe_exec(const struct slots *s, uint64_t context,
					 uint32_t program, uint32_t size,
					 uint32_t report)
{
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_EXEC,
		.context = context,
		.num_slots = s->count,
		.slots = s->addr,
		.exec = {
			.program_slot = program,
			.program_size = size,
			.report_slot = report,
		},
	};
}

#endif /* TESTS_MINI_DRIVER_H */
