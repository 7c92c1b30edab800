// SPDX-License-Identifier: MIT
/*
 * Fuzzer of the instruction executor: what the validator accepts is run on one
 * core, without queues, threads and registers (chip_fuzz.c has those), and so
 * thousands of times a second.
 *
 * The input is a program. Its header's size is made right, because hardly any
 * mutation would get past it, and mutations know where tensors and instructions
 * have their fields. What must hold: a job ends with a fault that exists, its
 * report says what its completion says, memory outside of its slots and the rest
 * of the scratchpad stay as they were. The sanitizers watch the rest.
 *
 * FUZZ_ALL_FAST in the environment: no input uses the reference kernels.
 *
 * Of programs that would take long every eighth is run, and cancelled after a few
 * milliseconds, as a reset does: then it has to end within LONGEST.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include "qemu-device/chip/core.h"
#include "tests/fuzz/asan.h"

#define SLOT_BYTES	(64u << 10)
#define PROGRAM_OFFSET	(4 * SLOT_BYTES)
#define MOST_PROGRAM	16384u
#define DRAM_SIZE	(PROGRAM_OFFSET + (32u << 10))
#define PAGES		16u
#define RAM_SIZE	(PAGES * NEURON_PAGE_SIZE)
#define PAGE_LIST	RAM_SIZE	/* bus address, behind the pages */
/* What a job may cost: MACs, and cycles of an instruction of another engine. */
#define MOST_MACS	(1u << 17)
#define MOST_CYCLES	4096u

/* When a long program is cancelled, in microseconds of its processor time, and how
 * many seconds of that it may take in all. Sanitizers make it ten times slower.
 */
#define CANCEL_AFTER	4000
#define LONGEST		2.0

/* Slots as tests/fuzz/seeds.c has them; the program has one of its own. */
enum { READ_ONLY, DRAM, HOST, PROGRAM, NUM_SLOTS };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/**
 * struct entry - how a program is run
 * @program: the program
 * @size: bytes of it
 * @records: room for records of a profile behind the report, in bytes
 * @profile: whether one is wanted
 * @resident: what the job leaves on the core, and may find there
 * @cancel: it may take for ever
 */
struct entry {
	const void *program;
	uint32_t size;
	uint32_t records;
	bool profile;
	uint32_t resident;
	bool cancel;
};

static uint8_t program[MOST_PROGRAM] __attribute__((aligned(8)));
static uint8_t *dram, *ram, *pattern;
static struct neuron_chip *chips[2];	/* fast kernels, reference kernels */
static uint64_t context;
static unsigned long accepted, executed, completed, cancelled;
static struct queue *cancel_queue;
static bool all_fast;

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static int dma_read(void *opaque, uint64_t addr, void *buf, size_t len)
{
	(void)opaque;
	if (addr >= PAGE_LIST && addr - PAGE_LIST + len <= PAGES * sizeof(uint64_t)) {
		uint64_t list[PAGES];

		for (unsigned int i = 0; i < PAGES; i++)
			list[i] = (uint64_t)(i ^ 1) * NEURON_PAGE_SIZE;
		memcpy(buf, (char *)list + (addr - PAGE_LIST), len);
		return 0;
	}
	if (addr > RAM_SIZE || len > RAM_SIZE - addr)
		return -1;
	memcpy(buf, ram + addr, len);
	return 0;
}

static int dma_write(void *opaque, uint64_t addr, const void *buf, size_t len)
{
	(void)opaque;
	if (addr > RAM_SIZE || len > RAM_SIZE - addr)
		return -1;
	memcpy(ram + addr, buf, len);
	return 0;
}

static void raise_irq(void *opaque, unsigned int vector)
{
	(void)opaque;
	(void)vector;
	abort();
}

static const struct neuron_chip_ops ops = {
	.dma_read = dma_read,
	.dma_write = dma_write,
	.raise_irq = raise_irq,
};

static void count(void)
{
	fprintf(stderr, "%lu programs accepted, %lu executed, %lu ran to their end, %lu were cancelled\n",
		accepted, executed, completed, cancelled);
}

static struct neuron_chip *make_chip(bool reference)
{
	struct neuron_chip_config config = {
		.cores = 1,
		.dma_queues = 1,
		.sbuf_size = 64 << 10,
		.psum_size = 16 << 10,
		.dram = dram,
		.dram_size = DRAM_SIZE,
		.clock_khz = 1000000,
		.dram_mibps = 51200,
		.link_mibps = 12288,
		.threads = 1,
		.reference = reference,
	};
	struct neuron_chip *chip = neuron_chip_create(&config, &ops, NULL, NULL);
	struct queue *q = chip ? &chip->queue[0] : NULL;

	if (q)
		q->work = calloc(1, sizeof(*q->work));
	if (!q || !q->work)
		abort();
	return chip;
}

static void on_timer(int signal)
{
	struct queue *q = cancel_queue;

	(void)signal;
	__atomic_store_n(&q->generation, q->current + 1, __ATOMIC_RELEASE);
	core_cancel(q->core, true);
}

static void arm(struct queue *q, long microseconds)
{
	const struct itimerval timer = { .it_value.tv_usec = microseconds };

	cancel_queue = q;
	setitimer(ITIMER_PROF, &timer, NULL);
}

/* The work was abandoned; the next is of the same generation. */
static void resume(struct queue *q)
{
	arm(q, 0);
	__atomic_store_n(&q->generation, q->current, __ATOMIC_RELEASE);
	core_cancel(q->core, false);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	uint32_t x = 1;

	(void)argc;
	(void)argv;
	/* Of their exact size each, so that the sanitizer sees a step too far. */
	dram = aligned_alloc(4096, DRAM_SIZE);
	ram = malloc(RAM_SIZE);
	pattern = malloc(SLOT_BYTES);
	if (!dram || !ram || !pattern)
		abort();
	/* Small integers and NaN among floats of all sizes. */
	for (uint32_t i = 0; i < SLOT_BYTES; i += 4) {
		uint32_t word;

		x = x * 1664525 + 1013904223;
		word = i % 64 < 32 ? x >> 8 : i % 64 < 56 ? x >> 29 : x | 0x7f800000;
		memcpy(pattern + i, &word, 4);
	}
	memset(dram, 0x5a, DRAM_SIZE);
	signal(SIGPROF, on_timer);
	all_fast = getenv("FUZZ_ALL_FAST");
	chips[0] = make_chip(false);
	chips[1] = make_chip(true);
	atexit(count);
	return 0;
}

/* Whether it is cheap enough. Only then is it known not to take minutes here. */
static bool is_quick(struct neuron_chip *chip, const void *p)
{
	const struct neuron_program_header *h = neuron_program_header(p);
	const bool in_dram[NUM_SLOTS] = { true, true, false, true };
	struct neuron_report report;

	for (uint32_t i = 0; i < h->num_insts; i++) {
		const struct neuron_inst *inst = &neuron_program_insts(p)[i];

		if (inst->opcode != NEURON_OP_LOAD && inst->opcode != NEURON_OP_STORE &&
		    inst->engine != NEURON_ENGINE_PE &&
		    neuron_timing_inst(&chip->timing, p, i, in_dram,
				       NUM_SLOTS) > MOST_CYCLES)
			return false;
	}
	if (neuron_timing_schedule(&chip->timing, p, in_dram, NUM_SLOTS, false, NULL,
				   &report))
		return true;	/* that the chip finds this, too, is checked */
	return report.macs <= MOST_MACS;
}

static void set_slots(struct queue_work *work)
{
	const uint32_t rights = NEURON_SLOT_READ | NEURON_SLOT_WRITE;

	work->num_slots = NUM_SLOTS;
	work->slot[READ_ONLY] = (struct neuron_slot) {
		.length = SLOT_BYTES, .flags = NEURON_SLOT_DRAM | NEURON_SLOT_READ,
	};
	work->slot[DRAM] = (struct neuron_slot) {
		.addr = 2 * SLOT_BYTES, .length = SLOT_BYTES,
		.flags = NEURON_SLOT_DRAM | rights,
	};
	work->slot[HOST] = (struct neuron_slot) {
		.addr = PAGE_LIST, .length = 49152, .offset = 4,
		.flags = NEURON_SLOT_PAGES | rights,
	};
	work->slot[PROGRAM] = (struct neuron_slot) {
		.addr = PROGRAM_OFFSET, .length = DRAM_SIZE - PROGRAM_OFFSET,
		.flags = NEURON_SLOT_DRAM | rights,
	};
	work->window[HOST].count = 0;
}

/* What the slots don't grant is as it was. */
static void check_memory(void)
{
	promise(!memcmp(dram, pattern, SLOT_BYTES));
	for (uint32_t i = SLOT_BYTES; i < 2 * SLOT_BYTES; i += SLOT_BYTES / 64)
		promise(dram[i] == 0x5a && dram[i + 2 * SLOT_BYTES] == 0x5a);
	promise(dram[2 * SLOT_BYTES - 1] == 0x5a && dram[3 * SLOT_BYTES] == 0x5a);
	/* The host slot's pages are swapped by pairs, 4 bytes of the last are granted. */
	promise(!memcmp(ram + NEURON_PAGE_SIZE, pattern + NEURON_PAGE_SIZE, 4));
	promise(!memcmp(ram + 12 * NEURON_PAGE_SIZE, pattern + 12 * NEURON_PAGE_SIZE,
			NEURON_PAGE_SIZE));
	promise(!memcmp(ram + 13 * NEURON_PAGE_SIZE + 4,
			pattern + 13 * NEURON_PAGE_SIZE + 4,
			RAM_SIZE - 13 * NEURON_PAGE_SIZE - 4));
}

/* The core is made ready; nothing but the scratchpad changes. */
static void prepare(struct neuron_chip *chip, const struct entry *entry)
{
	struct queue *q = &chip->queue[0];
	struct neuron_sqe sqe = {
		.opcode = NEURON_SQE_EXEC,
		.flags = NEURON_SQE_PREPARE,
		.num_slots = NUM_SLOTS,
		.context = context,
		.exec = {
			.program_slot = PROGRAM, .program_size = entry->size,
			.report_slot = NEURON_SQE_NO_SLOT, .resident = entry->resident,
		},
	};
	struct neuron_cqe cqe = { 0 };
	enum neuron_fault_kind kind;

	memcpy(dram + PROGRAM_OFFSET, entry->program, entry->size);
	set_slots(q->work);
	kind = core_exec(q->core, &sqe, &cqe);
	promise(kind < NEURON_FAULT_COUNT && kind != NEURON_FAULT_CANCELLED &&
		kind != NEURON_FAULT_INTERNAL && kind != NEURON_FAULT_DEADLOCK);
	promise(!memcmp(dram + PROGRAM_OFFSET, entry->program, entry->size));
	check_memory();
}

static void execute(struct neuron_chip *chip, const struct entry *entry)
{
	/* Room for the records of a profile, or not. */
	const uint64_t room = sizeof(struct neuron_report) + entry->records;
	const uint64_t report_offset = DRAM_SIZE - PROGRAM_OFFSET - room;
	struct queue *q = &chip->queue[0];
	struct neuron_sqe sqe = {
		.opcode = NEURON_SQE_EXEC,
		.flags = entry->profile ? NEURON_SQE_PROFILE : 0,
		.num_slots = NUM_SLOTS,
		.context = context,
		.exec = {
			.program_slot = PROGRAM, .program_size = entry->size,
			.report_slot = PROGRAM, .report_offset = report_offset,
			.resident = entry->resident,
		},
	};
	struct neuron_cqe cqe = { 0 };
	struct neuron_report report;
	enum neuron_fault_kind kind;

	if (entry->resident && !entry->profile)
		prepare(chip, entry);
	/* The program may have written into its own slot. */
	memcpy(dram + PROGRAM_OFFSET, entry->program, entry->size);
	memset(dram + PROGRAM_OFFSET + report_offset, 0, sizeof(report));
	set_slots(q->work);
	if (entry->cancel) {
		clock_t start = clock();

		arm(q, CANCEL_AFTER);
		kind = core_exec(q->core, &sqe, &cqe);
		resume(q);
		promise((double)(clock() - start) / CLOCKS_PER_SEC < LONGEST);
		cancelled += kind == NEURON_FAULT_CANCELLED;
		executed++;
		check_memory();
		return;
	}
	kind = core_exec(q->core, &sqe, &cqe);
	memcpy(&report, dram + PROGRAM_OFFSET + report_offset, sizeof(report));
	promise(kind < NEURON_FAULT_COUNT && kind != NEURON_FAULT_CANCELLED &&
		kind != NEURON_FAULT_INTERNAL);
	executed++;
	if (report.version == NEURON_REPORT_VERSION)
		promise(report.fault.kind == kind && report.cycles == cqe.cycles);
	else
		promise(kind != NEURON_FAULT_NONE);
	if (kind == NEURON_FAULT_NONE)
		completed++;
	promise(kind != NEURON_FAULT_DEADLOCK || cqe.fault.info);
	check_memory();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct neuron_program_header *h = (void *)program;
	struct entry entry = { .program = program, .size = size };
	struct neuron_fault fault;
	static unsigned int slow;
	struct neuron_chip *chip;
	unsigned int times;
	uint8_t choice;

	if (size < sizeof(*h) || size > MOST_PROGRAM)
		return 0;
	memcpy(program, data, size);
	h->size = size;
	if (!neuron_program_check(program, size, &fault, NULL))
		return 0;
	accepted++;
	choice = data[size - 1] ^ data[size / 2] ^ size;
	/* Plans of the fast kernels take long to make: every eighth input, or all. */
	chip = chips[choice % 8 != 0 && !all_fast];
	entry.cancel = !is_quick(chip, program);
	if (entry.cancel && slow++ % 8)
		return 0;
	memcpy(dram, pattern, SLOT_BYTES);
	memcpy(dram + 2 * SLOT_BYTES, pattern, SLOT_BYTES);
	memcpy(ram, pattern, RAM_SIZE);
	/* Another context has the scratchpad cleared, so that inputs are repeatable. */
	context++;
	entry.profile = choice & 8;
	entry.records = choice & 16 ? 32 : h->num_insts * sizeof(struct neuron_inst_record);
	entry.resident = choice & 32 ? 9 : 0;
	/* Cold, with what stayed, with what stayed and is known to be the same. */
	for (times = entry.resident ? 3 : 1; times; times--)
		execute(chip, &entry);
	return 0;
}

/* A number that matters somewhere: small, a size, at an edge. */
static uint32_t number(uint32_t x)
{
	static const uint32_t edges[] = {
		0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256,
		1023, 4096, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff,
	};

	switch (x >> 28) {
	case 0 ... 8:
		return x % 9;
	case 9 ... 11:
		return x % 70;
	default:
		return edges[x % (sizeof(edges) / sizeof(edges[0]))];
	}
}

static void mutate_tensor(struct neuron_tensor *t, uint32_t x, uint32_t y)
{
	unsigned int d = x % NEURON_MAX_RANK;

	switch (x >> 8 & 7) {
	case 0:
		t->space = y % 3;
		break;
	case 1:
		t->dtype = y % 7;
		break;
	case 2:
		t->rank = y % (NEURON_MAX_RANK + 1);
		break;
	case 3:
	case 4:
		t->dims[d] = number(y);
		break;
	case 5:
	case 6:
		t->strides[d] = y & 1 ? (int32_t)number(y) : -(int32_t)number(y);
		break;
	default:
		t->offset = y & 1 ? number(y) : y % 65536;
		break;
	}
}

static void mutate_inst(struct neuron_inst *inst, uint32_t x, uint32_t y,
			uint32_t num_tensors)
{
	unsigned int at = x % sizeof(inst->params);

	switch (x >> 8 & 7) {
	case 0:
		inst->opcode = y % NEURON_NUM_OPCODES;
		break;
	case 1:
		inst->engine = y % NEURON_NUM_ENGINES;
		break;
	case 2:
		inst->flags = y % 32;
		break;
	case 3:
		inst->operand[x % NEURON_MAX_OPERANDS] =
			y % 5 && num_tensors ? y % num_tensors : NEURON_NO_TENSOR;
		break;
	case 4:
		if (x & 1)
			inst->wait[x / 2 % NEURON_MAX_WAITS].value = number(y) % 4;
		else
			inst->signal[x / 2 % NEURON_MAX_SIGNALS].value = number(y) % 4;
		break;
	default:
		at &= ~(x & 4 ? 3u : 1u);
		y = number(y);
		memcpy(inst->params + at, &y, x & 4 ? 4 : 2);
		break;
	}
}

static uint32_t next(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state ^ *state >> 15;
}

/* Strides as of an array in memory. */
static void pack(struct neuron_tensor *t)
{
	uint64_t stride = 1;	/* may wrap */

	for (unsigned int d = t->rank; d-- > 0; stride *= t->dims[d])
		t->strides[d] = (int32_t)stride;
}

static bool is_packed(const struct neuron_tensor *t)
{
	struct neuron_tensor copy = *t;

	if (t->rank > NEURON_MAX_RANK)
		return false;
	pack(&copy);
	return !memcmp(copy.strides, t->strides, sizeof(t->strides));
}

/* One size becomes another one in all tensors: most shapes go on fitting. */
static void mutate_shapes(uint8_t *tensors, uint32_t num, uint32_t x, uint32_t y)
{
	struct neuron_tensor t;
	uint32_t from, to = y >> 28 ? 1 + y % 40 : number(y);

	memcpy(&t, tensors + (size_t)(x % num) * sizeof(t), sizeof(t));
	if (!t.rank || t.rank > NEURON_MAX_RANK)
		return;
	from = t.dims[(x >> 16) % t.rank];
	for (uint32_t i = 0; i < num; i++) {
		uint8_t *at = tensors + (size_t)i * sizeof(t);
		bool packed;

		memcpy(&t, at, sizeof(t));
		packed = is_packed(&t);
		for (unsigned int d = 0; d < t.rank && d < NEURON_MAX_RANK; d++)
			if (t.dims[d] == from)
				t.dims[d] = to;
		if (packed)
			pack(&t);
		memcpy(at, &t, sizeof(t));
	}
}

/* One to three fields of tensors and instructions. */
static void mutate_fields(uint8_t *data, size_t size, uint32_t *state)
{
	struct neuron_program_header h;
	uint32_t n;

	memcpy(&h, data, sizeof(h));
	if (h.tensors > size || h.num_tensors > (size - h.tensors) / sizeof(struct neuron_tensor) ||
	    h.insts > size || h.num_insts > (size - h.insts) / sizeof(struct neuron_inst))
		return;
	for (n = 1 + next(state) % 3; n; n--) {
		uint32_t x = next(state), y = next(state);

		if (x >> 30 == 3 && h.num_tensors) {
			mutate_shapes(data + h.tensors, h.num_tensors, x, y);
		} else if (x >> 30 == 2 && h.num_tensors) {
			struct neuron_tensor t;
			uint8_t *at = data + h.tensors +
				      (size_t)(next(state) % h.num_tensors) * sizeof(t);

			memcpy(&t, at, sizeof(t));
			mutate_tensor(&t, x, y);
			memcpy(at, &t, sizeof(t));
		} else if (h.num_insts) {
			struct neuron_inst inst;
			uint8_t *at = data + h.insts +
				      (size_t)(next(state) % h.num_insts) * sizeof(inst);

			memcpy(&inst, at, sizeof(inst));
			mutate_inst(&inst, x, y, h.num_tensors);
			memcpy(at, &inst, sizeof(inst));
		}
	}
}

/* Most of what comes out is legal: isa_fuzz.c is there for the rest. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	static uint8_t copy[MOST_PROGRAM] __attribute__((aligned(8)));
	struct neuron_fault fault;
	uint32_t state = seed;

	if (size < sizeof(struct neuron_program_header) || size > MOST_PROGRAM ||
	    seed % 16 == 0)
		return LLVMFuzzerMutate(data, size, room);
	for (unsigned int attempt = 0; attempt < 8; attempt++) {
		memcpy(copy, data, size);
		mutate_fields(copy, size, &state);
		((struct neuron_program_header *)copy)->size = size;
		if (neuron_program_check(copy, size, &fault, NULL))
			break;
	}
	memcpy(data, copy, size);
	return size;
}
