/* SPDX-License-Identifier: MIT */
/*
 * The chip: registers, queues, cores and faults, as one object.
 *
 * Plain C on POSIX threads. It knows nothing of QEMU, Linux or libneuron: the
 * world around it is struct neuron_chip_ops. The same object therefore runs
 * under QEMU, inside an application (the sim backend) and under a fuzzer.
 */
#ifndef NEURON_CHIP_H
#define NEURON_CHIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/isa.h>
#include <neuron/regs.h>

/**
 * struct neuron_chip_ops - the world around the chip
 * @dma_read: copy @len bytes from bus address @addr. 0, or -1 when the bus
 *	      refuses (bus mastering off, unmapped, not memory)
 * @dma_write: the same towards the bus
 * @raise_irq: MSI-X vector @vector fires
 * @dram_discard: the bytes are zero from now on and need no backing; offset and
 *		  length are multiples of 4096. NULL: the chip uses memset()
 * @dram_written: the chip has written to device DRAM; for whoever copies it while the
 *		  chip runs. Not called for what dram_discard did. May be NULL
 * @guest_error: the driver did something that no driver should; one line
 *
 * All are called from the chip's own threads, several at a time, never with a
 * lock of the chip held that neuron_chip_read() or _write() need; guest_error
 * also from within neuron_chip_write(), in the caller's thread. dma_*,
 * dram_discard, dram_written and raise_irq must not block for longer than a memory copy takes,
 * and above all not wait for a thread that is inside neuron_chip_reset(), which
 * waits for them.
 */
struct neuron_chip_ops {
	int (*dma_read)(void *opaque, uint64_t addr, void *buf, size_t len);
	int (*dma_write)(void *opaque, uint64_t addr, const void *buf, size_t len);
	void (*raise_irq)(void *opaque, unsigned int vector);
	void (*dram_discard)(void *opaque, uint64_t offset, uint64_t length);
	void (*dram_written)(void *opaque, uint64_t offset, uint64_t length);
	void (*guest_error)(void *opaque, const char *message);
};

/**
 * struct neuron_chip_config - what to build
 * @cores: 1 to NEURON_MAX_CORES
 * @dma_queues: 1 to NEURON_MAX_DMA_QUEUES
 * @sbuf_size: scratchpad bytes a core, a multiple of 4096, at most 256 MiB
 * @psum_size: accumulator bytes a core, the same
 * @dram: device DRAM, dram_size bytes of zeroed (lazily backed) memory that
 *	  outlives the chip; others may access it at any time
 * @dram_size: a multiple of 4096
 * @clock_khz: core clock
 * @dram_mibps: bandwidth of device DRAM
 * @link_mibps: bandwidth of the host link
 * @threads: host threads for the fast kernels of all cores; 0: one a processor
 * @reference: use the reference kernels only
 * @debug: offer the fault injection window
 */
struct neuron_chip_config {
	unsigned int cores;
	unsigned int dma_queues;
	uint32_t sbuf_size;
	uint32_t psum_size;
	void *dram;
	uint64_t dram_size;
	uint32_t clock_khz;
	uint32_t dram_mibps;
	uint32_t link_mibps;
	unsigned int threads;
	bool reference;
	bool debug;
};

/* Defaults of the modelled chip. */
#define NEURON_CHIP_CORES		4
#define NEURON_CHIP_DMA_QUEUES		4
#define NEURON_CHIP_SBUF_SIZE		NEURON_DEFAULT_SBUF_SIZE
#define NEURON_CHIP_PSUM_SIZE		NEURON_DEFAULT_PSUM_SIZE
#define NEURON_CHIP_DRAM_SIZE		(8ull << 30)
#define NEURON_CHIP_CLOCK_KHZ		1000000u
#define NEURON_CHIP_DRAM_MIBPS		51200u
#define NEURON_CHIP_LINK_MIBPS		12288u	/* host link; see SPEC.md, "Timing" */

struct neuron_chip;

/**
 * neuron_chip_create() - power a chip on
 * @config: copied
 * @ops: must outlive the chip
 * @opaque: passed to @ops
 * @error: NULL, or receives a static text when NULL is returned
 *
 * Threads are started when queues are first enabled.
 */
struct neuron_chip *neuron_chip_create(const struct neuron_chip_config *config,
				       const struct neuron_chip_ops *ops,
				       void *opaque, const char **error);

/**
 * neuron_chip_destroy() - cancel everything, join the threads, free the chip
 * @chip: may be NULL. No callback runs any more when this returns. It waits for
 *	  at most one instruction per core, so not for a place that must not wait
 */
void neuron_chip_destroy(struct neuron_chip *chip);

/**
 * neuron_chip_read() - read a register
 * @chip: the chip
 * @offset: into BAR 0; a multiple of 4, else 0xffffffff is returned
 *
 * Never blocks on compute. Callable from any thread.
 */
uint32_t neuron_chip_read(struct neuron_chip *chip, uint32_t offset);

/**
 * neuron_chip_write() - write a register
 * @chip: the chip
 * @offset: into BAR 0; unaligned and unknown ones are reported and ignored
 * @value: new value
 *
 * Never blocks on compute; resets and stops are finished by the chip's threads,
 * and the registers tell when. Callable from any thread.
 */
void neuron_chip_write(struct neuron_chip *chip, uint32_t offset,
		       uint32_t value);

/**
 * neuron_chip_post() - a write to a queue's SQ_TAIL that wakes nobody
 * @chip: the chip
 * @queue: index of the queue
 * @tail: new value
 *
 * For those who call neuron_chip_work() next: waking the queue's thread, and being
 * woken by it, takes longer than many a small model.
 */
void neuron_chip_post(struct neuron_chip *chip, unsigned int queue, uint32_t tail);

/**
 * neuron_chip_work() - execute a queue's next entry in the calling thread
 * @chip: the chip
 * @queue: index of the queue
 *
 * Where that cannot be, because the queue's thread is at work, a reset waits or a
 * fault is armed, the thread does it as ever, and so it does with what follows.
 * Blocks for as long as the entry takes, and calls the chip's ops; the caller holds
 * no lock that these need. A reset ends it early as it does in the queue's thread.
 */
void neuron_chip_work(struct neuron_chip *chip, unsigned int queue);

/**
 * neuron_chip_reset() - the power-on state, as FLR and a bus reset ask for it
 * @chip: the chip
 *
 * When this returns no DMA and no interrupt of earlier work happens any more
 * (it waits for a memory copy at the most); STATUS reads RESETTING until
 * abandoned instructions have ended. Contents of DRAM survive.
 */
void neuron_chip_reset(struct neuron_chip *chip);

/**
 * neuron_chip_pause() - finish running jobs, start none
 * @chip: the chip
 *
 * Registers can be accessed as ever; doorbells take effect when the chip goes on.
 * Callable from any thread, also again and again.
 *
 * Return: whether nothing runs any more.
 */
bool neuron_chip_pause(struct neuron_chip *chip);

/**
 * neuron_chip_quiesce() - pause and wait, or go on
 * @chip: the chip
 * @pause: true: returns when nothing runs; false: go on
 *
 * The jobs that it waits for may need any of the chip's ops.
 */
void neuron_chip_quiesce(struct neuron_chip *chip, bool pause);

/**
 * neuron_chip_inject() - arm a fault, as the debug window does
 * @chip: the chip
 * @injection: enum neuron_injection
 * @queue: queue or core concerned
 * @count: how many times; ~0u for ever
 * @arg: see NEURON_INJECTIONS
 *
 * Return: false when an argument is out of range.
 */
bool neuron_chip_inject(struct neuron_chip *chip, unsigned int injection,
			unsigned int queue, uint32_t count, uint64_t arg);

#endif /* NEURON_CHIP_H */
