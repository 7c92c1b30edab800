// SPDX-License-Identifier: MIT
/*
 * Fuzzer of the chip: register accesses, rings, slot tables and programs as a
 * hostile guest makes them.
 *
 * What must hold: no access beyond what the slots and rings name, no DMA and no
 * interrupt after a reset, and the chip can be destroyed at any time. The
 * sanitizers watch the rest.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "qemu-device/chip/chip.h"
#include "tests/fuzz/chip_fuzz.h"

struct world {
	struct neuron_chip *chip;
	uint8_t *ram;
	uint8_t *dram;
	uint32_t tail[FUZZ_QUEUES];
	bool quiet;		/* read and written atomically: no callback may come */
};

static void on_callback(struct world *w)
{
	if (__atomic_load_n(&w->quiet, __ATOMIC_ACQUIRE))
		abort();
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	struct world *w = opaque;

	on_callback(w);
	if (addr > FUZZ_RAM || len > FUZZ_RAM - addr)
		return -1;
	memcpy(buf, w->ram + addr, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	struct world *w = opaque;

	on_callback(w);
	if (addr > FUZZ_RAM || len > FUZZ_RAM - addr)
		return -1;
	memcpy(w->ram + addr, buf, len);
	return 0;
}

static void raise_irq(void *opaque, unsigned int vector)
{
	on_callback(opaque);
	if (vector > FUZZ_QUEUES)
		abort();
}

static void dram_discard(void *opaque, uint64_t offset, uint64_t length)
{
	struct world *w = opaque;

	on_callback(w);
	if (offset % 4096 || length % 4096 || offset + length > FUZZ_DRAM)
		abort();
	memset(w->dram + offset, 0, length);
}

static void guest_error(void *opaque, const char *message)
{
	(void)opaque;
	if (strlen(message) > 159)
		abort();
}

static const struct neuron_chip_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.raise_irq = raise_irq,
	.dram_discard = dram_discard,
	.guest_error = guest_error,
};

static void enable(struct world *w, unsigned int q)
{
	uint32_t base = NEURON_REG_QUEUE(q);

	neuron_chip_write(w->chip, base + NEURON_QUEUE_SQ_BASE_LO,
			  FUZZ_RINGS + q * 0x2000);
	neuron_chip_write(w->chip, base + NEURON_QUEUE_CQ_BASE_LO,
			  FUZZ_RINGS + q * 0x2000 + 0x1000);
	neuron_chip_write(w->chip, base + NEURON_QUEUE_SHIFT, FUZZ_SHIFT);
	neuron_chip_write(w->chip, base + NEURON_QUEUE_CONTROL, NEURON_QUEUE_ENABLE);
	w->tail[q] = 0;
}

/* Until all is done, but not for long: hung cores and endless programs exist. */
static void wait_idle(struct world *w)
{
	const struct timespec nap = { .tv_nsec = 50000 };

	for (int i = 0; i < 100; i++) {
		bool busy = false;

		for (unsigned int q = 0; q < FUZZ_QUEUES; q++) {
			uint32_t base = NEURON_REG_QUEUE(q);

			busy |= neuron_chip_read(w->chip, base + NEURON_QUEUE_SQ_HEAD) !=
				neuron_chip_read(w->chip, base + NEURON_QUEUE_SQ_TAIL);
			busy |= neuron_chip_read(w->chip, base + NEURON_QUEUE_STATUS) &
				NEURON_QUEUE_ACTIVE;
		}
		if (!busy)
			return;
		nanosleep(&nap, NULL);
	}
}

static void submit(struct world *w, unsigned int q, const uint8_t *sqe)
{
	uint32_t base = NEURON_REG_QUEUE(q), head;

	memcpy(w->ram + FUZZ_RINGS + q * 0x2000 + w->tail[q] * 64, sqe, 64);
	w->tail[q] = (w->tail[q] + 1) % (1 << FUZZ_SHIFT);
	/* Read all completions, so that the queue goes on. */
	head = neuron_chip_read(w->chip, base + NEURON_QUEUE_SQ_HEAD);
	neuron_chip_write(w->chip, base + NEURON_QUEUE_CQ_HEAD, head);
	neuron_chip_write(w->chip, base + NEURON_QUEUE_SQ_TAIL, w->tail[q]);
}

static void reset(struct world *w)
{
	neuron_chip_reset(w->chip);
	__atomic_store_n(&w->quiet, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 100 &&
	     neuron_chip_read(w->chip, NEURON_REG_STATUS) == NEURON_STATUS_RESETTING; i++)
		wait_idle(w);
	__atomic_store_n(&w->quiet, false, __ATOMIC_RELEASE);
}

static void step(struct world *w, const struct fuzz_step_bytes *s)
{
	switch (s->step % FUZZ_NUM_STEPS) {
	case FUZZ_WRITE:
		neuron_chip_write(w->chip, s->word[0] & 0x1ffff, s->word[1]);
		break;
	case FUZZ_READ:
		neuron_chip_read(w->chip, s->word[0] & 0x1ffff);
		break;
	case FUZZ_SUBMIT:
		submit(w, s->byte % FUZZ_QUEUES, s->bytes);
		break;
	case FUZZ_POKE:
		memcpy(w->ram + s->word[0] % (FUZZ_RAM - 56), s->bytes + 8, 56);
		break;
	case FUZZ_INJECT:
		/* Delays of interrupts would only cost time. */
		if (s->byte == NEURON_INJECT_DELAY_IRQ)
			break;
		neuron_chip_inject(w->chip, s->byte, s->word[0], s->word[1],
				   (uint64_t)s->word[3] << 32 | s->word[2]);
		break;
	case FUZZ_WAIT:
		wait_idle(w);
		break;
	case FUZZ_RESET:
		reset(w);
		break;
	case FUZZ_ENABLE:
		enable(w, s->byte % FUZZ_QUEUES);
		break;
	case FUZZ_QUIESCE:
		neuron_chip_quiesce(w->chip, s->byte & 1);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neuron_chip_config config = {
		.cores = FUZZ_CORES,
		.dma_queues = FUZZ_QUEUES - FUZZ_CORES,
		.sbuf_size = 64 << 10,
		.psum_size = 16 << 10,
		.dram_size = FUZZ_DRAM,
		.clock_khz = 1000000,
		.dram_mibps = 51200,
		.link_mibps = 12288,
		.threads = 1,
		/* An unused byte of the first step chooses the kernels. */
		.reference = size > 2 && !(data[2] & 1),
		.debug = true,
	};
	struct world w = { 0 };
	const uint8_t *at = data, *end = data + size;

	/* Of their exact size each, so that the sanitizer sees a step too far. */
	w.ram = calloc(1, FUZZ_RAM);
	w.dram = aligned_alloc(4096, FUZZ_DRAM);
	if (!w.ram || !w.dram)
		goto out;
	memset(w.dram, 0, FUZZ_DRAM);
	config.dram = w.dram;
	w.chip = neuron_chip_create(&config, &ops, &w, NULL);
	if (!w.chip)
		goto out;
	for (unsigned int q = 0; q < FUZZ_QUEUES; q++)
		enable(&w, q);

	/* What follows the steps comes first: it is the memory that they find. */
	while (end - at >= FUZZ_STEP && *at % FUZZ_NUM_STEPS != FUZZ_END)
		at += FUZZ_STEP;
	if (end - at > FUZZ_STEP) {
		size_t rest = end - at - FUZZ_STEP;

		memcpy(w.dram, at + FUZZ_STEP, rest < FUZZ_DRAM ? rest : FUZZ_DRAM);
	}
	for (; data < at; data += FUZZ_STEP) {
		struct fuzz_step_bytes s;

		memcpy(&s, data, sizeof(s));
		step(&w, &s);
	}
	wait_idle(&w);
	neuron_chip_destroy(w.chip);
out:
	free(w.ram);
	free(w.dram);
	return 0;
}
