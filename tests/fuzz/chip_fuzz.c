// SPDX-License-Identifier: MIT
/*
 * Fuzzer of the chip: register accesses, rings, slot tables and programs as a
 * hostile guest makes them.
 *
 * What must hold: no access beyond what the slots and rings name, no DMA and no
 * interrupt after a reset, none from within a register access, which a processor of
 * the guest waits for, and the chip can be destroyed at any time. The sanitizers
 * watch the rest.
 *
 * This is two programs. chip_fuzz does the queues' work in its own thread, on a chip
 * that lives on from input to input, and so thousands of times a second; an input that
 * takes long is cancelled, as by a reset. chip_fuzz_threads (FUZZ_THREADS defined) has
 * the queues' threads, and a new chip for each input.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include "qemu-device/chip/chip_priv.h"
#include "tests/fuzz/chip_fuzz.h"

#ifdef FUZZ_THREADS
#define THREADS		true
#else
#define THREADS		false
#endif

/* Of processor time: how often the clock ticks, and how often within one input. */
#define TICK_US		5000
#define MOST_TICKS	4

#define PAGE		4096u

struct world {
	struct neuron_chip *chip;
	uint8_t *ram;
	uint8_t *dram;
	uint32_t tail[FUZZ_QUEUES];
	bool quiet;		/* read and written atomically: no callback may come */
	bool touched[FUZZ_RAM / PAGE];
	bool dram_touched;
};

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct world worlds[2];	/* fast kernels, reference kernels */
static struct world *present;
static unsigned long inputs, submitted, completed, cancelled;
static volatile sig_atomic_t late;

/* Inside of a register access. */
static _Thread_local bool accessing;

static void on_callback(struct world *w)
{
	if (accessing || __atomic_load_n(&w->quiet, __ATOMIC_ACQUIRE))
		abort();
}

static void touch(struct world *w, uint64_t addr, size_t len)
{
	for (uint64_t page = addr / PAGE; len && page <= (addr + len - 1) / PAGE; page++)
		__atomic_store_n(&w->touched[page], true, __ATOMIC_RELAXED);
}

static uint32_t rd(struct world *w, uint32_t offset)
{
	uint32_t value;

	accessing = true;
	value = neuron_chip_read(w->chip, offset);
	accessing = false;
	return value;
}

static void wr(struct world *w, uint32_t offset, uint32_t value)
{
	accessing = true;
	neuron_chip_write(w->chip, offset, value);
	accessing = false;
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
	touch(w, addr, len);
	/* Of the completions; other writes of that size are few. */
	completed += !THREADS && len == sizeof(uint32_t);
	return 0;
}

static void raise_irq(void *opaque, unsigned int vector)
{
	on_callback(opaque);
	if (vector > FUZZ_QUEUES)
		abort();
}

static void on_discard(void *opaque, uint64_t offset, uint64_t length)
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
	.dram_discard = on_discard,
	.guest_error = guest_error,
};

static struct world *new_world(struct world *w, bool reference)
{
	const struct neuron_chip_config config = {
		.cores = FUZZ_CORES,
		.dma_queues = FUZZ_QUEUES - FUZZ_CORES,
		.sbuf_size = 64 << 10,
		.psum_size = 16 << 10,
		.dram = w->dram = aligned_alloc(PAGE, FUZZ_DRAM),
		.dram_size = FUZZ_DRAM,
		.clock_khz = 1000000,
		.dram_mibps = 51200,
		.link_mibps = 12288,
		.threads = 1,
		.reference = reference,
		.debug = true,
	};

	/* Of their exact size each, so that the sanitizer sees a step too far. */
	w->ram = calloc(1, FUZZ_RAM);
	if (!w->ram || !w->dram)
		abort();
	memset(w->dram, 0, FUZZ_DRAM);
	w->chip = neuron_chip_create(&config, &ops, w, NULL);
	if (!w->chip)
		abort();
	return w;
}

static void enable(struct world *w, unsigned int q)
{
	uint32_t base = NEURON_REG_QUEUE(q);

	wr(w, base + NEURON_QUEUE_SQ_BASE_LO, FUZZ_RINGS + q * 0x2000);
	wr(w, base + NEURON_QUEUE_CQ_BASE_LO, FUZZ_RINGS + q * 0x2000 + 0x1000);
	wr(w, base + NEURON_QUEUE_SHIFT, FUZZ_SHIFT);
	wr(w, base + NEURON_QUEUE_CONTROL, NEURON_QUEUE_ENABLE);
	w->tail[q] = 0;
}

static bool busy(struct world *w)
{
	for (unsigned int q = 0; q < FUZZ_QUEUES; q++) {
		uint32_t base = NEURON_REG_QUEUE(q);

		if (rd(w, base + NEURON_QUEUE_SQ_HEAD) != rd(w, base + NEURON_QUEUE_SQ_TAIL) ||
		    rd(w, base + NEURON_QUEUE_STATUS) & NEURON_QUEUE_ACTIVE)
			return true;
	}
	return false;
}

/* One turn of each queue that has something to do. */
static bool turn(struct world *w)
{
	bool something = false;

	for (unsigned int q = 0; q < FUZZ_QUEUES; q++)
		something |= queue_step(&w->chip->queue[q]);
	return something;
}

/* Until all is done, but not for long: hung cores and endless programs exist. */
static void wait_idle(struct world *w)
{
	const struct timespec nap = { .tv_nsec = 50000 };

	if (THREADS)
		for (int i = 0; i < 100 && busy(w); i++)
			nanosleep(&nap, NULL);
	else
		while (!late && turn(w))
			;
}

static void submit(struct world *w, unsigned int q, const uint8_t *sqe)
{
	uint32_t base = NEURON_REG_QUEUE(q), at = FUZZ_RINGS + q * 0x2000 + w->tail[q] * 64;

	memcpy(w->ram + at, sqe, 64);
	touch(w, at, 64);
	w->tail[q] = (w->tail[q] + 1) % (1 << FUZZ_SHIFT);
	/* Read all completions, so that the queue goes on. */
	wr(w, base + NEURON_QUEUE_CQ_HEAD, rd(w, base + NEURON_QUEUE_SQ_HEAD));
	wr(w, base + NEURON_QUEUE_SQ_TAIL, w->tail[q]);
	submitted++;
}

static void reset(struct world *w)
{
	neuron_chip_reset(w->chip);
	__atomic_store_n(&w->quiet, true, __ATOMIC_RELEASE);
	for (unsigned int i = 0; i < 100 &&
	     rd(w, NEURON_REG_STATUS) == NEURON_STATUS_RESETTING; i++)
		wait_idle(w);
	__atomic_store_n(&w->quiet, false, __ATOMIC_RELEASE);
}

/* Delays of interrupts would only cost time, and the only thread must not wait. */
static bool waits(uint32_t injection)
{
	return injection == NEURON_INJECT_DELAY_IRQ ||
	       (!THREADS && injection == NEURON_INJECT_HANG_CORE);
}

static void step(struct world *w, const struct fuzz_step_bytes *s)
{
	uint32_t offset = s->word[0] & 0x1ffff, addr = s->word[0] % (FUZZ_RAM - 56);

	switch (s->step % FUZZ_NUM_STEPS) {
	case FUZZ_WRITE:
		if (offset != NEURON_REG_DEBUG_INJECT || !waits(s->word[1]))
			wr(w, offset, s->word[1]);
		break;
	case FUZZ_READ:
		rd(w, offset);
		break;
	case FUZZ_SUBMIT:
		submit(w, s->byte % FUZZ_QUEUES, s->bytes);
		break;
	case FUZZ_POKE:
		memcpy(w->ram + addr, s->bytes + 8, 56);
		touch(w, addr, 56);
		break;
	case FUZZ_INJECT:
		if (!waits(s->byte))
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
		/* Waits for resets; there is no thread that would end them. */
		if (!THREADS)
			wait_idle(w);
		if (!late)
			neuron_chip_quiesce(w->chip, s->byte & 1);
		break;
	}
}

/* An input takes long: its work is abandoned, as by a reset, and it ends. */
static void on_tick(int signal)
{
	static unsigned long input;
	static unsigned int ticks;

	(void)signal;
	if (input != inputs) {
		input = inputs;
		ticks = 0;
	}
	if (++ticks < MOST_TICKS || !present)
		return;
	late = 1;
	for (unsigned int i = 0; i < FUZZ_QUEUES; i++) {
		struct queue *q = &present->chip->queue[i];

		__atomic_store_n(&q->generation, q->generation + 1, __ATOMIC_RELEASE);
		if (q->core)
			core_cancel(q->core, true);
	}
}

static void count(void)
{
	fprintf(stderr, "%lu inputs, %lu entries submitted, %lu completed, %lu inputs cancelled\n",
		inputs, submitted, completed, cancelled);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct timeval tick = { .tv_usec = TICK_US };

	(void)argc;
	(void)argv;
	if (THREADS)
		return 0;
	for (unsigned int i = 0; i < 2; i++) {
		struct world *w = new_world(&worlds[i], i);

		for (unsigned int k = 0; k < FUZZ_QUEUES; k++) {
			struct queue *q = &w->chip->queue[k];

			q->started = true;
			q->work = calloc(1, sizeof(*q->work));
			if (!q->work)
				abort();
		}
	}
	signal(SIGPROF, on_tick);
	setitimer(ITIMER_PROF, &(struct itimerval){ tick, tick }, NULL);
	atexit(count);
	return 0;
}

/* As it was in the beginning, for the next input. */
static void clean(struct world *w)
{
	present = NULL;
	cancelled += late;
	late = 0;
	neuron_chip_inject(w->chip, NEURON_INJECT_REFUSE_RESET, 0, 0, 0);
	neuron_chip_inject(w->chip, NEURON_INJECT_FATAL, 0, 0, 0);
	neuron_chip_inject(w->chip, NEURON_INJECT_VANISH, 0, 0, 0);
	reset(w);
	wait_idle(w);
	neuron_chip_quiesce(w->chip, false);
	for (unsigned int page = 0; page < FUZZ_RAM / PAGE; page++)
		if (w->touched[page])
			memset(w->ram + page * PAGE, 0, PAGE);
	memset(w->touched, 0, sizeof(w->touched));
	if (w->dram_touched)
		memset(w->dram, 0, FUZZ_DRAM);
	w->dram_touched = false;
}

static void destroy(struct world *w)
{
	neuron_chip_destroy(w->chip);
	free(w->ram);
	free(w->dram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* An unused byte of the first step chooses the kernels. */
	const bool reference = size > 2 && !(data[2] & 1);
	const uint8_t *at = data, *end = data + size;
	struct world new = { 0 }, *w = THREADS ? new_world(&new, reference) : &worlds[reference];

	inputs++;
	present = w;
	for (unsigned int q = 0; q < FUZZ_QUEUES; q++)
		enable(w, q);

	/* What follows the steps comes first: it is the memory that they find. */
	while (end - at >= FUZZ_STEP && *at % FUZZ_NUM_STEPS != FUZZ_END)
		at += FUZZ_STEP;
	if (end - at > FUZZ_STEP) {
		size_t rest = end - at - FUZZ_STEP;

		memcpy(w->dram, at + FUZZ_STEP, rest < FUZZ_DRAM ? rest : FUZZ_DRAM);
		w->dram_touched = true;
	}
	for (; data < at && !late; data += FUZZ_STEP) {
		struct fuzz_step_bytes s;

		memcpy(&s, data, sizeof(s));
		step(w, &s);
		w->dram_touched |= s.step % FUZZ_NUM_STEPS == FUZZ_SUBMIT ||
				   s.step % FUZZ_NUM_STEPS == FUZZ_WRITE;
		if (!THREADS && s.unused[1] & 1)
			turn(w);
	}
	wait_idle(w);
	if (THREADS)
		destroy(w);
	else
		clean(w);
	return 0;
}
