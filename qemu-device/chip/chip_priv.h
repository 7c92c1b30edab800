/* SPDX-License-Identifier: MIT */
/*
 * What the chip's files share.
 *
 * Threads: each queue has one, which does everything that the queue does: fetch
 * entries, run jobs, move memory, complete, interrupt. Register accesses come
 * from outside and only change state and wake threads.
 *
 * Locks: neuron_chip.lock protects all state that both sides see. It is held for
 * short pieces of bookkeeping, never around a callback, a memory copy or a
 * kernel. queue.gate is held around each callback and each bounded memory copy
 * made for a queue, after the queue's generation was found unchanged; so whoever
 * changes the generation, and then takes and releases the gate, knows that
 * nothing of the abandoned work will touch memory or interrupt any more. Order:
 * gate before lock; nobody waits for a gate with the lock held.
 */
#ifndef CHIP_PRIV_H
#define CHIP_PRIV_H

#include <pthread.h>
#include "qemu-device/chip/chip.h"
#include "qemu-device/chip/state.h"
#include "qemu-device/timing/timing.h"

/* Most bytes that are moved in one go: what a reset may have to wait for. */
#define CHIP_CHUNK		(256u << 10)
/* More for giving memory back, which moves nothing: 50 us, and 450 us on a busy host. */
#define CHIP_DISCARD_CHUNK	(1u << 20)
#define CHIP_DISCARD_MIN	(64u << 10)
/* A slot's bytes: beyond any memory, so that sums of offsets can't overflow. */
#define CHIP_MAX_SLOT_LENGTH	(1ull << 40)
/* Page addresses that are fetched at a time. */
#define CHIP_PAGE_WINDOW	512
#define CHIP_MAX_ECC		16
#define CHIP_ECC_LINE		64u
/* Longest injected delay of an interrupt, in microseconds. */
#define CHIP_MAX_DELAY		60000000u
#define CHIP_NUM_INJECTIONS	(NEURON_INJECT_FATAL + 1)

struct core;

/**
 * struct ring_position - what a thread needs of its queue for one entry
 * @sq_base: bus address of the submission ring
 * @cq_base: bus address of the completion ring
 * @mask: entries of each, minus one
 * @sq_index: the entry to fetch
 */
struct ring_position {
	uint64_t sq_base;
	uint64_t cq_base;
	uint32_t mask;
	uint32_t sq_index;
};

/* Bus addresses of some pages of a slot, from number @first on. */
struct page_window {
	uint64_t first;
	uint32_t count;
	uint64_t addr[CHIP_PAGE_WINDOW];
};

/* What only a queue's thread touches. Allocated when the thread is started. */
struct queue_work {
	uint32_t num_slots;
	struct neuron_slot slot[NEURON_MAX_SLOTS];
	struct page_window window[NEURON_MAX_SLOTS];
	uint8_t staging[CHIP_CHUNK];
};

/**
 * struct queue - a submission ring, a completion ring and their thread
 * @chip: owner
 * @index: of the queue
 * @core: that it executes on; NULL for a DMA queue
 * @sq_base: register
 * @cq_base: register
 * @shift: register
 * @enabled: register
 * @error: stopped by a ring error
 * @sq_tail: doorbell
 * @sq_head: next entry to fetch
 * @cq_head: doorbell
 * @cq_tail: next completion to write
 * @phase: of the next completion
 * @full: a full completion ring was reported already
 * @busy: the thread works on an entry or a reset
 * @waits: what the thread waits for inside an entry, from outside
 * @stuck: the thread shall wait as for an entry that hangs: it did so when it was saved
 * @resetting: a reset waits for the thread
 * @raise_error: the thread shall raise the error vector
 * @raise_late: the thread shall raise the queue's vector: it was delayed when it was saved
 * @late_at: CLOCK_MONOTONIC ns at which the thread shall raise it, for a completion whose
 *	     interrupt may come late; 0: for none
 * @raising: it does so right now
 * @started: @thread exists
 * @wake: something changed for the thread
 * @thread: see above
 * @generation: changes whenever the queue's work is abandoned; written with the
 *		chip's lock held, read atomically
 * @gate: see the top of this file
 * @current: thread only: generation of the work at hand
 * @work: thread only
 */
struct queue {
	struct neuron_chip *chip;
	unsigned int index;
	struct core *core;

	uint64_t sq_base;
	uint64_t cq_base;
	uint32_t shift;
	bool enabled;
	bool error;
	uint32_t sq_tail;
	uint32_t sq_head;
	uint32_t cq_head;
	uint32_t cq_tail;
	bool phase;
	bool full;

	bool busy;
	enum neuron_queue_waits waits;
	bool stuck;
	bool resetting;
	bool raise_error;
	bool raise_late;
	uint64_t late_at;
	bool raising;
	bool started;
	pthread_cond_t wake;
	pthread_t thread;

	uint64_t generation;
	pthread_mutex_t gate;

	uint64_t current;
	struct queue_work *work;
};

/* A fault that waits to be met: see inject.c. */
struct injection {
	uint32_t count;
	uint64_t arg;
};

/* A damaged line of DRAM. */
struct ecc_line {
	uint64_t line;
	bool uncorrectable;
	uint32_t count;
};

struct neuron_chip {
	struct neuron_chip_config config;
	struct neuron_timing_config timing;
	const struct neuron_chip_ops *ops;
	void *opaque;
	unsigned int num_queues;

	pthread_mutex_t lock;
	pthread_cond_t idle;		/* a queue's busy or waits changed */
	bool exit;
	bool paused;
	bool resetting;
	bool vanished;			/* written under lock, read atomically */
	bool refused_reset;
	uint32_t refused_cores;
	unsigned int running_cores;

	uint32_t error;
	uint32_t error_queue;
	uint32_t ecc_corrected;
	uint32_t ecc_uncorrected;

	uint32_t debug_queue;
	uint32_t debug_count;
	uint64_t debug_arg;
	struct injection injection[NEURON_MAX_QUEUES][CHIP_NUM_INJECTIONS];
	unsigned int armed;		/* injections with a count; read atomically */
	struct ecc_line ecc[CHIP_MAX_ECC];
	unsigned int num_ecc;		/* read atomically */

	struct queue queue[NEURON_MAX_QUEUES];
};

/* chip.c */

/* Begin a reset of the whole chip. Call with the lock held. */
void chip_reset_locked(struct neuron_chip *chip, bool power_on);
/* Begin a reset of a queue and its core. Call with the lock held. */
void chip_reset_queue(struct queue *q);
/* Wait until nothing runs, of a chip that is paused. Gives the lock up meanwhile. */
void chip_wait_idle_locked(struct neuron_chip *chip);

/* Note an error: sticky bits, and the error vector for new ones. Lock held. */
void chip_error_locked(struct queue *q, uint32_t bits);
void chip_error(struct queue *q, uint32_t bits);

/* The driver did something that it should not; no lock held. */
void __attribute__((format(printf, 2, 3)))
chip_guest_error(struct neuron_chip *chip, const char *format, ...);

/* queue.c */

/* Start the queue's thread if it does not run. Lock held. False: no thread. */
bool queue_start_thread(struct queue *q);

/*
 * What the queue's thread does in one turn; false: it would wait. For a fuzzer that
 * wants all of the chip in one thread and has set @started and @work itself.
 */
bool queue_step(struct queue *q);

/* Why a queue with such rings can't be enabled, or NULL. */
const char *queue_check_setup(uint64_t sq_base, uint64_t cq_base, uint32_t shift);

/*
 * Abandon the queue's work: nothing of it completes, interrupts or touches
 * memory once the gate was passed. Lock held.
 */
void queue_abandon(struct queue *q);

/* Whether the work at hand was abandoned. */
static inline bool queue_stale(const struct queue *q)
{
	return __atomic_load_n(&q->generation, __ATOMIC_ACQUIRE) != q->current;
}

/*
 * Wait until the work at hand is abandoned, or for @microseconds if that is not
 * zero. The time counts as idle for neuron_chip_quiesce().
 */
void queue_park(struct queue *q, uint32_t microseconds);

/*
 * bus.c: all memory outside the core. Each returns NEURON_FAULT_NONE, DMA_ABORT,
 * DRAM_ECC, or CANCELLED when the work was abandoned. Lengths are at most
 * CHIP_CHUNK; DRAM ranges have been checked.
 */
enum neuron_fault_kind bus_read(struct queue *q, uint64_t addr, void *buf, size_t len);
enum neuron_fault_kind bus_write(struct queue *q, uint64_t addr, const void *buf,
				 size_t len);
/* The same for the rings and completions: a different injection hits them. */
enum neuron_fault_kind bus_read_ring(struct queue *q, uint64_t addr, void *buf,
				     size_t len);
enum neuron_fault_kind bus_write_ring(struct queue *q, uint64_t addr, const void *buf,
				      size_t len);
enum neuron_fault_kind dram_read(struct queue *q, uint64_t offset, void *buf, size_t len);
/**
 * dram_borrow() - DRAM for somebody who reads it at once
 * @q: whose access it is
 * @offset: which has been checked
 *
 * Until dram_return() the queue cannot be stopped.
 *
 * Return: NULL when the work was abandoned, or an injected fault may strike: then
 * dram_read() knows.
 */
void *dram_borrow(struct queue *q, uint64_t offset);
void dram_return(struct queue *q);
enum neuron_fault_kind dram_write(struct queue *q, uint64_t offset, const void *buf,
				  size_t len);
/* @n elements of 1, 2, 4 or 8 bytes, with memory between them that stays as it is. */
enum neuron_fault_kind dram_write_apart(struct queue *q, uint64_t offset, uint64_t step,
					const void *buf, size_t size, size_t n);
enum neuron_fault_kind dram_copy(struct queue *q, uint64_t dst, uint64_t src, size_t len);
enum neuron_fault_kind dram_fill(struct queue *q, uint64_t offset, int value, size_t len);
/* Zero whole pages by giving them back; up to CHIP_DISCARD_CHUNK. */
enum neuron_fault_kind dram_discard(struct queue *q, uint64_t offset, size_t len);
/* Between the bus and DRAM without a stop in between. */
enum neuron_fault_kind bus_to_dram(struct queue *q, uint64_t dst, uint64_t addr,
				   size_t len);
enum neuron_fault_kind dram_to_bus(struct queue *q, uint64_t addr, uint64_t src,
				   size_t len);
/* False when the work was abandoned. */
bool bus_raise(struct queue *q, unsigned int vector);

/* slot.c */

/**
 * struct slot_piece - a contiguous piece of a slot
 * @dram: whether @addr is an offset in DRAM, else a bus address
 * @addr: where it begins
 * @length: bytes, at most CHIP_CHUNK unless it is in DRAM
 */
struct slot_piece {
	bool dram;
	uint64_t addr;
	uint64_t length;
};

/* Fetch and check the slot table of an entry; *info: the offending byte. */
enum neuron_fault_kind slots_fetch(struct queue *q, uint64_t addr, uint32_t count,
				   __le64 *info);

/* May @length bytes at @offset be accessed? *info: the offending byte. */
enum neuron_fault_kind slot_check(struct queue *q, uint32_t slot, uint64_t offset,
				  uint64_t length, uint32_t rights, __le64 *info);

/* The contiguous piece at @offset, at most @length bytes; slot_check() passed. */
enum neuron_fault_kind slot_piece(struct queue *q, uint32_t slot, uint64_t offset,
				  uint64_t length, struct slot_piece *piece);

/* Checked access to any number of bytes. */
enum neuron_fault_kind slot_read(struct queue *q, uint32_t slot, uint64_t offset,
				 void *buf, uint64_t length, __le64 *info);
enum neuron_fault_kind slot_write(struct queue *q, uint32_t slot, uint64_t offset,
				  const void *buf, uint64_t length, __le64 *info);
/* The same for @n elements of @size bytes, @step apart in the slot, dense in @buf. */
enum neuron_fault_kind slot_write_apart(struct queue *q, uint32_t slot, uint64_t offset,
					uint64_t step, const void *buf, uint64_t size,
					uint64_t n, __le64 *info);

static inline bool slot_is_dram(const struct queue *q, uint32_t slot)
{
	return slot < q->work->num_slots &&
	       q->work->slot[slot].flags & NEURON_SLOT_DRAM;
}

/* dma.c: COPY and FILL entries. The fault record and bytes moved are filled in. */
enum neuron_fault_kind dma_copy(struct queue *q, const struct neuron_sqe *sqe,
				struct neuron_cqe *cqe);
enum neuron_fault_kind dma_fill(struct queue *q, const struct neuron_sqe *sqe,
				struct neuron_cqe *cqe);

/* move.c: LOAD and STORE. */

/**
 * struct move_result - what a move counted, and where it failed
 * @operand: position of the operand concerned
 * @info: as struct neuron_fault has it
 * @saturations: int64 values that did not fit
 * @nans: NaN elements stored
 * @infs: infinite elements stored
 */
struct move_result {
	unsigned int operand;
	__le64 info;
	uint64_t saturations;
	uint64_t nans;
	uint64_t infs;
};

enum neuron_fault_kind move_load(struct queue *q, const struct neuron_tensor *out,
				 void *chip, const struct neuron_tensor *in,
				 struct move_result *result);
/* @poison: store NaN instead of what is there (an injected fault). */
enum neuron_fault_kind move_store(struct queue *q, const struct neuron_tensor *out,
				  const struct neuron_tensor *in, const void *chip,
				  bool poison, struct move_result *result);

/* core.c */
struct core *core_create(struct neuron_chip *chip, struct queue *q);
void core_destroy(struct core *core);
/* Tell running kernels to stop, or that they may run. */
void core_cancel(struct core *core, bool cancel);
/* Zero what the scratchpad was used for, and forget its owner. Thread only. */
void core_clear(struct core *core);
/* Whether core_clear() has anything to do. */
bool core_dirty(const struct core *core);
/* An EXEC entry. Returns CANCELLED when it was abandoned. */
enum neuron_fault_kind core_exec(struct core *core, const struct neuron_sqe *sqe,
				 struct neuron_cqe *cqe);

/* inject.c */

/* Whether fault @kind strikes queue @index now; counts it down. */
bool inject_strikes(struct neuron_chip *chip, unsigned int index,
		    enum neuron_injection kind, uint64_t *arg);
/* The same with the lock held. */
bool inject_strikes_locked(struct neuron_chip *chip, unsigned int index,
			   enum neuron_injection kind, uint64_t *arg);
bool inject_locked(struct neuron_chip *chip, unsigned int injection,
		   unsigned int index, uint32_t count, uint64_t arg);
void inject_clear_locked(struct neuron_chip *chip);
/* Whether a fault other than a damaged line can wait at queue @index. */
bool inject_possible(const struct neuron_chip *chip, unsigned int injection,
		     unsigned int index);
/* Whether the chip has failed: nothing works until it is reset. Lock held. */
bool inject_failed_locked(const struct neuron_chip *chip);
/* Have it wait there, and nothing else; inject_possible() holds. Lock held. */
void inject_arm_locked(struct neuron_chip *chip, unsigned int index, unsigned int injection,
		       uint32_t count, uint64_t arg);
/* A read of DRAM: correct, or fail with DRAM_ECC. */
enum neuron_fault_kind ecc_read(struct queue *q, uint64_t offset, uint64_t len);
/* Whether a read of @length bytes at @offset of the core's scratchpad fails, and where. */
bool ecc_strikes_sbuf(struct queue *q, uint64_t offset, uint64_t length, uint64_t *damaged);
/* A write to DRAM: heals lines that it covers. */
void ecc_write(struct neuron_chip *chip, uint64_t offset, uint64_t len);

#endif /* CHIP_PRIV_H */
