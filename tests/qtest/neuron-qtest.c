// SPDX-License-Identifier: MIT
/*
 * The QEMU device without a guest: PCI, queues, DMA, interrupts, reset, migration.
 *
 *	neuron-qtest QEMU
 *
 * The test is a driver of its own, written from SPEC.md: it places the BARs,
 * builds rings in the machine's memory and looks at what the device does there.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include <fcntl.h>
#include <sys/wait.h>

#include <neuron/isa.h>
#include <neuron/regs.h>

#include "qtest.h"
#include "vtd.h"
#include "tests/ktap.h"

#define DEVFN		(4 << 3)
#define BAR_REGS	0xe0000000ull
#define BAR_MSIX	0xe0100000ull
#define BAR_DRAM	0x1000000000ull		/* 64 GiB: above all memory */
#define DRAM_SIZE	(64ull << 20)

/* Where things lie in the machine's 64 MiB of memory. */
#define MSI_TARGET	0x100000	/* a word for each vector */
#define TABLES		0x200000	/* slot tables and page lists */
#define PROGRAM		0x300000
#define BUFFER_A	0x400000
#define BUFFER_B	0x500000
#define REPORT		0x600000
#define SQ(q)		(0x700000 + 0x10000 * (q))
#define CQ(q)		(0x900000 + 0x10000 * (q))
#define IOMMU_TABLES	0x2000000

#define SHIFT		2		/* four entries: wraps soon */
#define ENTRIES		(1u << SHIFT)
#define DMA_QUEUE	4

static const char *qemu;
static struct qtest *qt;
static uint32_t tail[NEURON_MAX_QUEUES], head[NEURON_MAX_QUEUES];
static uint32_t phase[NEURON_MAX_QUEUES];
static uint64_t next_id;

static uint32_t reg_read(uint32_t reg)
{
	return qtest_readl(qt, BAR_REGS + reg);
}

static void reg_write(uint32_t reg, uint32_t value)
{
	qtest_writel(qt, BAR_REGS + reg, value);
}

static uint32_t queue_read(unsigned int q, uint32_t reg)
{
	return reg_read(NEURON_REG_QUEUE(q) + reg);
}

static void queue_write(unsigned int q, uint32_t reg, uint32_t value)
{
	reg_write(NEURON_REG_QUEUE(q) + reg, value);
}

static unsigned int find_capability(uint8_t id)
{
	unsigned int at = qtest_config_readl(qt, DEVFN, 0x34) & 0xff;

	while (at) {
		uint32_t cap = qtest_config_readl(qt, DEVFN, at);

		if ((cap & 0xff) == id)
			return at;
		at = cap >> 8 & 0xff;
	}
	return 0;
}

static void place_bar(unsigned int bar, uint64_t addr)
{
	qtest_config_writel(qt, DEVFN, 0x10 + 4 * bar, addr);
	qtest_config_writel(qt, DEVFN, 0x14 + 4 * bar, addr >> 32);
}

static void set_command(uint32_t command)
{
	qtest_config_writel(qt, DEVFN, 0x04, command);
}

/* Memory decoding and bus mastering on, each vector a word in memory. */
static void pci_setup(void)
{
	unsigned int msix = find_capability(0x11);
	uint32_t zero = 0;

	place_bar(NEURON_BAR_REGS, BAR_REGS);
	place_bar(NEURON_BAR_DRAM, BAR_DRAM);
	place_bar(NEURON_BAR_MSIX, BAR_MSIX);
	set_command(0x6);
	for (unsigned int v = 0; v <= NEURON_MAX_QUEUES; v++) {
		qtest_writel(qt, BAR_MSIX + 16 * v, MSI_TARGET + 4 * v);
		qtest_writel(qt, BAR_MSIX + 16 * v + 4, 0);
		qtest_writel(qt, BAR_MSIX + 16 * v + 8, 0x100 + v);
		qtest_writel(qt, BAR_MSIX + 16 * v + 12, 0);
		qtest_write(qt, MSI_TARGET + 4 * v, &zero, 4);
	}
	qtest_config_writel(qt, DEVFN, msix,
			    qtest_config_readl(qt, DEVFN, msix) | 0x80000000);
}

/*
 * @option: one more option and its argument, NULL: none: "-incoming" for a machine that waits
 * for the state of another, say
 */
static void start_machine(const char *extra, char *option, char *argument)
{
	char device[160];
	char *argv[] = {
		"-machine", "q35,usb=off", "-cpu", "max", "-m", "64", option ?: "-name",
		option ? argument : "neuron-qtest", "-device", device, NULL
	};

	snprintf(device, sizeof(device),
		 "neuron,id=npu,addr=04.0,dram-size=64M,debug=on%s", extra);
	qt = qtest_start(qemu, argv);
}

static void start(const char *extra)
{
	start_machine(extra, NULL, NULL);
	pci_setup();
}

static void stop(void)
{
	int status = qtest_stop(qt);

	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

static void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

/* Five seconds for a register to show what it should. */
static bool wait_reg(uint32_t reg, uint32_t mask, uint32_t value)
{
	for (int i = 0; i < 5000; i++) {
		if ((reg_read(reg) & mask) == value)
			return true;
		sleep_ms(1);
	}
	return false;
}

static void queue_enable(unsigned int q)
{
	static const uint8_t zeros[ENTRIES * sizeof(struct neuron_cqe)];

	qtest_write(qt, CQ(q), zeros, sizeof(zeros));
	queue_write(q, NEURON_QUEUE_SQ_BASE_LO, SQ(q));
	queue_write(q, NEURON_QUEUE_SQ_BASE_HI, 0);
	queue_write(q, NEURON_QUEUE_CQ_BASE_LO, CQ(q));
	queue_write(q, NEURON_QUEUE_CQ_BASE_HI, 0);
	queue_write(q, NEURON_QUEUE_SHIFT, SHIFT);
	queue_write(q, NEURON_QUEUE_CONTROL, NEURON_QUEUE_ENABLE);
	tail[q] = 0;
	head[q] = 0;
	phase[q] = 1;
}

static uint64_t submit(unsigned int q, struct neuron_sqe *sqe)
{
	sqe->id = ++next_id;
	qtest_write(qt, SQ(q) + 64 * tail[q], sqe, sizeof(*sqe));
	tail[q] = (tail[q] + 1) % ENTRIES;
	queue_write(q, NEURON_QUEUE_SQ_TAIL, tail[q]);
	return sqe->id;
}

static bool poll_cqe(unsigned int q, struct neuron_cqe *cqe, unsigned int ms)
{
	for (unsigned int i = 0; i <= ms; i++) {
		qtest_read(qt, CQ(q) + 64 * head[q], cqe, sizeof(*cqe));
		if ((cqe->phase & 1) == phase[q]) {
			head[q] = (head[q] + 1) % ENTRIES;
			if (!head[q])
				phase[q] ^= 1;
			queue_write(q, NEURON_QUEUE_CQ_HEAD, head[q]);
			return true;
		}
		sleep_ms(1);
	}
	return false;
}

static void expect_done(unsigned int q, uint64_t id, uint16_t kind)
{
	struct neuron_cqe cqe;

	if (!poll_cqe(q, &cqe, 5000)) {
		CHECK(!"a completion within 5 s");
		return;
	}
	CHECK_EQ(cqe.id, id);
	CHECK_EQ(cqe.queue, q);
	CHECK_EQ(cqe.fault.kind, kind);
}

/* A slot of host memory: its page list goes behind the slot table. */
static void host_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr,
		      uint64_t length, uint32_t rights)
{
	uint64_t list = TABLES + 0x1000 + 0x1000 * n;
	uint64_t pages = (addr % NEURON_PAGE_SIZE + length + NEURON_PAGE_SIZE - 1) /
			 NEURON_PAGE_SIZE;

	for (uint64_t i = 0; i < pages; i++) {
		uint64_t page = (addr & ~(NEURON_PAGE_SIZE - 1ull)) + i * NEURON_PAGE_SIZE;

		qtest_write(qt, list + 8 * i, &page, 8);
	}
	slots[n] = (struct neuron_slot) {
		.addr = list,
		.length = length,
		.offset = addr % NEURON_PAGE_SIZE,
		.flags = NEURON_SLOT_PAGES | rights,
	};
}

static void dram_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr,
		      uint64_t length, uint32_t rights)
{
	slots[n] = (struct neuron_slot) {
		.addr = addr,
		.length = length,
		.flags = NEURON_SLOT_DRAM | rights,
	};
}

static struct neuron_sqe copy_sqe(const struct neuron_slot *slots,
				  unsigned int n, uint64_t length)
{
	qtest_write(qt, TABLES, slots, n * sizeof(*slots));
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_COPY,
		.num_slots = n,
		.slots = TABLES,
		.copy = { .src_slot = 0, .dst_slot = 1, .length = length },
	};
}

static void pattern(uint8_t *buf, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (i * 7 + seed) ^ (i >> 8);
}

static void identity(void)
{
	start("");
	CHECK_EQ(qtest_config_readl(qt, DEVFN, 0), NEURON_PCI_DEVICE_ID << 16 | NEURON_PCI_VENDOR_ID);
	CHECK_EQ(qtest_config_readl(qt, DEVFN, 8) >> 16, NEURON_PCI_CLASS);
	CHECK(find_capability(0x10));
	CHECK(find_capability(0x11));
	CHECK_EQ(reg_read(NEURON_REG_ID), NEURON_ID);
	CHECK_EQ(reg_read(NEURON_REG_VERSION), NEURON_VERSION);
	CHECK_EQ(reg_read(NEURON_REG_ISA_VERSION), NEURON_ISA_VERSION);
	CHECK_EQ(NEURON_UNITS_CORES(reg_read(NEURON_REG_UNITS)), 4);
	CHECK_EQ(NEURON_UNITS_DMA_QUEUES(reg_read(NEURON_REG_UNITS)), 4);
	CHECK_EQ(reg_read(NEURON_REG_SBUF_SIZE), NEURON_DEFAULT_SBUF_SIZE);
	CHECK_EQ(reg_read(NEURON_REG_DRAM_SIZE_LO), DRAM_SIZE);
	CHECK_EQ(reg_read(NEURON_REG_DRAM_SIZE_HI), 0);
	CHECK_EQ(reg_read(NEURON_REG_STATUS), NEURON_STATUS_READY);
	CHECK_EQ(reg_read(NEURON_REG_DEBUG_ID), NEURON_DEBUG_ID);
	stop();
}

static void bar_size(unsigned int bar, uint64_t size)
{
	uint64_t mask;

	place_bar(bar, ~0ull);
	mask = qtest_config_readl(qt, DEVFN, 0x10 + 4 * bar) & ~0xfu;
	mask |= (uint64_t)qtest_config_readl(qt, DEVFN, 0x14 + 4 * bar) << 32;
	CHECK_EQ(~mask + 1, size);
}

static void bar_sizes(void)
{
	start(",cores=2,dma-queues=1");
	CHECK_EQ(NEURON_UNITS_CORES(reg_read(NEURON_REG_UNITS)), 2);
	set_command(0);
	bar_size(NEURON_BAR_REGS, NEURON_REGS_SIZE);
	bar_size(NEURON_BAR_DRAM, DRAM_SIZE);
	stop();
}

static void dram_aperture(void)
{
	uint8_t out[256], in[256];

	start("");
	pattern(out, sizeof(out), 3);
	qtest_read(qt, BAR_DRAM + DRAM_SIZE - sizeof(in), in, sizeof(in));
	for (size_t i = 0; i < sizeof(in); i++)
		CHECK_EQ(in[i], 0);
	qtest_write(qt, BAR_DRAM + DRAM_SIZE - sizeof(out), out, sizeof(out));
	qtest_read(qt, BAR_DRAM + DRAM_SIZE - sizeof(in), in, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	stop();
}

/* More jobs than entries, so that ring and phase wrap; one interrupt at least. */
static void nop_and_interrupt(void)
{
	uint32_t msi = 0;

	start("");
	queue_enable(1);
	for (int i = 0; i < 11; i++) {
		struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };

		expect_done(1, submit(1, &sqe), NEURON_FAULT_NONE);
	}
	for (int i = 0; i < 1000 && !msi; i++) {
		qtest_read(qt, MSI_TARGET + 4 * NEURON_VECTOR_QUEUE(1), &msi, 4);
		sleep_ms(1);
	}
	CHECK_EQ(msi, 0x100 + NEURON_VECTOR_QUEUE(1));
	CHECK_EQ(queue_read(1, NEURON_QUEUE_SQ_HEAD), 11 % ENTRIES);
	stop();
}

static void copies(void)
{
	uint8_t out[10000], in[10000];
	struct neuron_slot slots[2];
	struct neuron_sqe sqe;

	start("");
	queue_enable(DMA_QUEUE);
	pattern(out, sizeof(out), 9);

	/* Neither end on a page boundary. */
	qtest_write(qt, BUFFER_A + 123, out, sizeof(out));
	host_slot(slots, 0, BUFFER_A + 123, sizeof(out), NEURON_SLOT_READ);
	dram_slot(slots, 1, 4096, 16384, NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(out));
	sqe.copy.dst_offset = 77;
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BAR_DRAM + 4096 + 77, in, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));

	dram_slot(slots, 0, 4096, 16384, NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_B + 5, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	sqe.copy.src_offset = 77;
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_B + 5, in, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));

	/* One byte too far, and without the right. */
	sqe.copy.length = 16384;
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_OUT_OF_BOUNDS);
	sqe.copy.length = 16;
	sqe.copy.src_slot = 1;
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_ACCESS_DENIED);
	stop();
}

/* LOAD from slot 1, double on POOL, STORE to slot 2. */
static size_t doubling_program(uint8_t *buf, unsigned int n)
{
	struct neuron_program_header *hdr = (void *)buf;
	struct neuron_tensor *t = (void *)(hdr + 1);
	struct neuron_inst *inst = (void *)(t + 4);
	size_t size = (uint8_t *)(inst + 3) - buf;

	memset(buf, 0, size);
	*hdr = (struct neuron_program_header) {
		.magic = NEURON_PROGRAM_MAGIC,
		.version = NEURON_ISA_VERSION,
		.header_size = sizeof(*hdr),
		.size = size,
		.num_tensors = 4,
		.num_insts = 3,
		.tensors = (uint8_t *)t - buf,
		.insts = (uint8_t *)inst - buf,
		.num_slots = 4,
		.sbuf_size = 8 * n,
	};
	for (int i = 0; i < 4; i++)
		t[i] = (struct neuron_tensor) {
			.dtype = NEURON_F32, .rank = 1, .dims = { n }, .strides = { 1 },
		};
	t[0].slot = 1;
	t[1].space = NEURON_SPACE_SBUF;
	t[2].space = NEURON_SPACE_SBUF;
	t[2].offset = 4 * n;
	t[3].slot = 2;
	for (int i = 0; i < 3; i++) {
		inst[i].version = NEURON_ISA_VERSION;
		memset(inst[i].operand, 0xff, sizeof(inst[i].operand));
	}
	inst[0].opcode = NEURON_OP_LOAD;
	inst[0].engine = NEURON_ENGINE_DMA_IN;
	inst[0].operand[0] = 1;
	inst[0].operand[1] = 0;
	inst[0].signal[0] = (struct neuron_sem_op) { .sem = 0, .value = 1 };
	inst[1].opcode = NEURON_OP_ELTWISE;
	inst[1].engine = NEURON_ENGINE_POOL;
	inst[1].wait[0] = (struct neuron_sem_op) { .sem = 0, .value = 1 };
	inst[1].signal[0] = (struct neuron_sem_op) { .sem = 1, .value = 1 };
	inst[1].operand[0] = 2;
	inst[1].operand[1] = 1;
	inst[1].operand[2] = 1;
	NEURON_PARAMS(ELTWISE, &inst[1])->func = NEURON_BINARY_ADD;
	inst[2].opcode = NEURON_OP_STORE;
	inst[2].engine = NEURON_ENGINE_DMA_OUT;
	inst[2].wait[0] = (struct neuron_sem_op) { .sem = 1, .value = 1 };
	inst[2].operand[0] = 3;
	inst[2].operand[1] = 2;
	return size;
}

static struct neuron_sqe exec_sqe(unsigned int n)
{
	static uint8_t program[4096] __attribute__((aligned(8)));
	struct neuron_slot slots[4];
	size_t size = doubling_program(program, n);

	qtest_write(qt, PROGRAM, program, size);
	host_slot(slots, 0, PROGRAM, size, NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, 4 * n, NEURON_SLOT_READ);
	host_slot(slots, 2, BUFFER_B, 4 * n, NEURON_SLOT_WRITE);
	host_slot(slots, 3, REPORT, sizeof(struct neuron_report), NEURON_SLOT_WRITE);
	qtest_write(qt, TABLES, slots, sizeof(slots));
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_EXEC,
		.num_slots = 4,
		.context = 1,
		.slots = TABLES,
		.exec = {
			.program_slot = 0,
			.program_size = size,
			.report_slot = 3,
		},
	};
}

static void execute(void)
{
	struct neuron_report report;
	struct neuron_sqe sqe;
	float in[256], out[256];

	start("");
	queue_enable(0);
	for (int i = 0; i < 256; i++)
		in[i] = i - 100.5f;
	qtest_write(qt, BUFFER_A, in, sizeof(in));
	sqe = exec_sqe(256);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_B, out, sizeof(out));
	for (int i = 0; i < 256; i++)
		CHECK(out[i] == 2 * in[i]);
	qtest_read(qt, REPORT, &report, sizeof(report));
	CHECK_EQ(report.version, NEURON_REPORT_VERSION);
	CHECK_EQ(report.size, sizeof(report));
	CHECK_EQ(report.fault.kind, NEURON_FAULT_NONE);
	CHECK_EQ(report.bytes_host_in, sizeof(in));
	CHECK_EQ(report.bytes_host_out, sizeof(out));
	CHECK(report.cycles > 0);
	CHECK_EQ(report.engine[NEURON_ENGINE_POOL].insts, 1);
	stop();
}

static void bus_master_off(void)
{
	struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };
	struct neuron_cqe cqe;

	start("");
	queue_enable(0);
	set_command(0x2);
	submit(0, &sqe);
	CHECK(wait_reg(NEURON_REG_ERROR, NEURON_ERROR_RING_DMA, NEURON_ERROR_RING_DMA));
	CHECK(queue_read(0, NEURON_QUEUE_STATUS) & NEURON_QUEUE_ERROR);
	CHECK(!poll_cqe(0, &cqe, 20));

	/* The queue can be set up again once the bus is back. */
	set_command(0x6);
	reg_write(NEURON_REG_ERROR, NEURON_ERROR_RING_DMA);
	CHECK_EQ(reg_read(NEURON_REG_ERROR) & NEURON_ERROR_RING_DMA, 0);
	queue_write(0, NEURON_QUEUE_CONTROL, 0);
	CHECK(wait_reg(NEURON_REG_QUEUE(0) + NEURON_QUEUE_STATUS, NEURON_QUEUE_ACTIVE, 0));
	queue_enable(0);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	stop();
}

/* A page list that points at registers, its own or another's, or at nothing. */
static void dma_to_mmio(void)
{
	static const uint64_t targets[] = { BAR_REGS, BAR_MSIX, 0xfee00000, 0xfffffffffffff000 };
	struct neuron_slot slots[2];
	struct neuron_sqe sqe;

	start("");
	queue_enable(DMA_QUEUE);
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		dram_slot(slots, 0, 0, 4096, NEURON_SLOT_READ);
		host_slot(slots, 1, targets[i], 4096, NEURON_SLOT_WRITE);
		sqe = copy_sqe(slots, 2, 4096);
		expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	}
	CHECK_EQ(reg_read(NEURON_REG_ID), NEURON_ID);
	stop();
}

/* A machine whose IOMMU lets the device reach nothing. */
static void start_confined(struct vtd *vtd)
{
	struct vtd_fault fault;

	start_machine("", "-device", "intel-iommu,aw-bits=39");
	pci_setup();
	vtd_enable(vtd, qt, IOMMU_TABLES);
	CHECK(!vtd_take_fault(vtd, &fault));
}

static void expect_fault(struct vtd *vtd, uint64_t addr, bool read)
{
	struct vtd_fault fault = { 0 };

	CHECK(vtd_take_fault(vtd, &fault));
	CHECK_EQ(fault.addr, addr);
	CHECK_EQ(fault.source, DEVFN);
	CHECK_EQ(fault.read, read);
	CHECK(fault.reason);
	while (vtd_take_fault(vtd, &fault))
		CHECK_EQ(fault.source, DEVFN);
}

/* Whatever a ring or a page list says, the device reaches what is mapped for it, and no more. */
static void iommu_confines(void)
{
	static uint8_t in[2 * NEURON_PAGE_SIZE], out[sizeof(in)], kept[sizeof(in)];
	struct neuron_sqe nop = { .opcode = NEURON_SQE_NOP }, sqe;
	struct neuron_slot slots[2];
	struct vtd_fault fault;
	struct vtd vtd;

	/* Nothing is: the ring is out of reach. */
	start_confined(&vtd);
	queue_enable(0);
	submit(0, &nop);
	CHECK(wait_reg(NEURON_REG_ERROR, NEURON_ERROR_RING_DMA, NEURON_ERROR_RING_DMA));
	expect_fault(&vtd, SQ(0), true);
	stop();

	/* All below BUFFER_B is, and the rings. */
	start_confined(&vtd);
	vtd_map(&vtd, DEVFN, 0, 0, BUFFER_B, VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, SQ(0), SQ(0), IOMMU_TABLES - SQ(0), VTD_READ | VTD_WRITE);
	queue_enable(DMA_QUEUE);
	pattern(in, sizeof(in), 1);
	pattern(kept, sizeof(kept), 2);
	qtest_write(qt, BAR_DRAM, in, sizeof(in));
	qtest_write(qt, BUFFER_B, kept, sizeof(kept));

	dram_slot(slots, 0, 0, sizeof(in), NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_A, out, sizeof(out));
	CHECK(!memcmp(out, in, sizeof(in)));
	CHECK(!vtd_take_fault(&vtd, &fault));

	host_slot(slots, 1, BUFFER_B, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);

	/* The last page that is mapped, and the first that is not. */
	host_slot(slots, 1, BUFFER_B - NEURON_PAGE_SIZE, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);

	/* A page to read is none to write. */
	vtd_map(&vtd, DEVFN, BUFFER_B, BUFFER_B, sizeof(in), VTD_READ);
	host_slot(slots, 1, BUFFER_B, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, false);
	qtest_read(qt, BUFFER_B, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));
	host_slot(slots, 0, BUFFER_B, sizeof(in), NEURON_SLOT_READ);
	dram_slot(slots, 1, 0, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BAR_DRAM, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));

	/* What has been reached is out of reach once its mapping is gone. */
	vtd_map(&vtd, DEVFN, BUFFER_B, BUFFER_B, sizeof(in), 0);
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_DMA_ABORT);
	expect_fault(&vtd, BUFFER_B, true);
	stop();
}

/* Its addresses are the IOMMU's, not memory's. */
static void iommu_translates(void)
{
	static uint8_t in[NEURON_PAGE_SIZE], out[sizeof(in)], kept[sizeof(in)];
	struct neuron_slot slots[2];
	struct neuron_sqe sqe;
	struct vtd_fault fault;
	struct vtd vtd;

	start_confined(&vtd);
	vtd_map(&vtd, DEVFN, 0, 0, BUFFER_A, VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, SQ(0), SQ(0), IOMMU_TABLES - SQ(0), VTD_READ | VTD_WRITE);
	vtd_map(&vtd, DEVFN, BUFFER_A, BUFFER_B, sizeof(in), VTD_WRITE);
	queue_enable(DMA_QUEUE);
	pattern(in, sizeof(in), 3);
	pattern(kept, sizeof(kept), 4);
	qtest_write(qt, BAR_DRAM, in, sizeof(in));
	qtest_write(qt, BUFFER_A, kept, sizeof(kept));
	dram_slot(slots, 0, 0, sizeof(in), NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, sizeof(in), NEURON_SLOT_WRITE);
	sqe = copy_sqe(slots, 2, sizeof(in));
	expect_done(DMA_QUEUE, submit(DMA_QUEUE, &sqe), NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_B, out, sizeof(out));
	CHECK(!memcmp(out, in, sizeof(in)));
	qtest_read(qt, BUFFER_A, out, sizeof(out));
	CHECK(!memcmp(out, kept, sizeof(kept)));
	CHECK(!vtd_take_fault(&vtd, &fault));
	stop();
}

static void flr(void)
{
	struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };
	uint32_t word = 0x12345678, seen;
	unsigned int pcie;

	start("");
	pcie = find_capability(0x10);
	CHECK(qtest_config_readl(qt, DEVFN, pcie + 4) & 1 << 28);
	queue_enable(0);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	qtest_write(qt, BAR_DRAM + 4096, &word, 4);

	qtest_config_writel(qt, DEVFN, pcie + 8,
			    qtest_config_readl(qt, DEVFN, pcie + 8) | 1 << 15);
	CHECK_EQ(qtest_config_readl(qt, DEVFN, 4) & 0x6, 0);
	pci_setup();
	CHECK(wait_reg(NEURON_REG_STATUS, ~0u, NEURON_STATUS_READY));
	CHECK_EQ(queue_read(0, NEURON_QUEUE_STATUS), 0);
	CHECK_EQ(queue_read(0, NEURON_QUEUE_SQ_BASE_LO), 0);
	qtest_read(qt, BAR_DRAM + 4096, &seen, 4);
	CHECK_EQ(seen, word);
	queue_enable(0);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	stop();
}

static void chip_reset(void)
{
	struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };

	start("");
	queue_enable(2);
	reg_write(NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(wait_reg(NEURON_REG_CONTROL, NEURON_CONTROL_RESET, 0));
	CHECK(wait_reg(NEURON_REG_STATUS, ~0u, NEURON_STATUS_READY));
	CHECK_EQ(queue_read(2, NEURON_QUEUE_STATUS), 0);
	queue_enable(2);
	expect_done(2, submit(2, &sqe), NEURON_FAULT_NONE);
	stop();
}

/* A hung core, armed over QMP, does not complete; its reset brings it back. */
static void hang_and_core_reset(void)
{
	struct neuron_sqe sqe;
	struct neuron_sqe nop = { .opcode = NEURON_SQE_NOP };
	struct neuron_cqe cqe;
	const char *answer;

	start("");
	answer = qtest_qmp(qt, "{\"execute\": \"qom-set\", \"arguments\": {"
			   "\"path\": \"/machine/peripheral/npu\", \"property\": \"inject\","
			   "\"value\": \"hang-core,queue=0,count=1\"}}");
	CHECK(strstr(answer, "return"));
	answer = qtest_qmp(qt, "{\"execute\": \"qom-set\", \"arguments\": {"
			   "\"path\": \"/machine/peripheral/npu\", \"property\": \"inject\","
			   "\"value\": \"set-fire\"}}");
	CHECK(strstr(answer, "unknown fault 'set-fire'"));

	queue_enable(0);
	queue_enable(1);
	sqe = exec_sqe(16);
	submit(0, &sqe);
	CHECK(!poll_cqe(0, &cqe, 50));
	expect_done(1, submit(1, &nop), NEURON_FAULT_NONE);

	reg_write(NEURON_REG_CORE_RESET, 1);
	CHECK(wait_reg(NEURON_REG_CORE_RESET, 1, 0));
	CHECK_EQ(queue_read(0, NEURON_QUEUE_STATUS) & NEURON_QUEUE_ENABLED, 0);
	CHECK(!poll_cqe(0, &cqe, 10));
	queue_enable(0);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	expect_done(1, submit(1, &nop), NEURON_FAULT_NONE);
	stop();
}

/* Every register with every kind of nonsense; the device must stay alive. */
static void nonsense(void)
{
	static const uint32_t values[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0xdeadbeef };
	struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };

	start("");
	for (uint32_t reg = 0; reg < 0x1500; reg += 4) {
		/* Not the window that is there to break things. */
		if (reg >= NEURON_REG_DEBUG_ID && reg <= NEURON_REG_DEBUG_CLEAR)
			continue;
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			reg_write(reg, values[i]);
			reg_read(reg);
		}
	}
	reg_write(NEURON_REGS_SIZE - 4, 1);
	CHECK_EQ(reg_read(NEURON_REG_ID), NEURON_ID);
	reg_write(NEURON_REG_CONTROL, NEURON_CONTROL_RESET);
	CHECK(wait_reg(NEURON_REG_STATUS, ~0u, NEURON_STATUS_READY));
	queue_enable(3);
	expect_done(3, submit(3, &sqe), NEURON_FAULT_NONE);
	stop();
}

static void system_reset(void)
{
	struct neuron_sqe sqe = { .opcode = NEURON_SQE_NOP };

	start("");
	queue_enable(0);
	submit(0, &sqe);
	CHECK(strstr(qtest_qmp(qt, "{\"execute\": \"system_reset\"}"), "return"));
	sleep_ms(20);
	pci_setup();
	CHECK(wait_reg(NEURON_REG_STATUS, ~0u, NEURON_STATUS_READY));
	CHECK_EQ(queue_read(0, NEURON_QUEUE_STATUS), 0);
	queue_enable(0);
	expect_done(0, submit(0, &sqe), NEURON_FAULT_NONE);
	stop();
}

/* Properties that can't be: QEMU names the property and exits with an error. */
static void bad_properties(void)
{
	static const char *const bad[] = {
		"cores=0", "cores=5", "dma-queues=13", "sbuf-size=0", "sbuf-size=4097",
		"psum-size=1G", "dram-size=1000", "clock-khz=0",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char device[64], said[512] = "", name[32];
		int status, out[2];
		pid_t pid;

		snprintf(device, sizeof(device), "neuron,%s", bad[i]);
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(bad[i], "="), bad[i]);
		CHECK(!pipe(out));
		pid = fork();
		if (!pid) {
			dup2(out[1], 2);
			execl(qemu, qemu, "-nodefaults", "-display", "none", "-accel", "qtest",
			      "-L", "/usr/share/seabios", "-L", "/usr/share/qemu",
			      "-machine", "q35", "-device", device, NULL);
			_exit(126);
		}
		close(out[1]);
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1);
		CHECK(read(out[0], said, sizeof(said) - 1) > 0);
		CHECK(strstr(said, "neuron: ") && strstr(said, name));
		close(out[0]);
	}
}

/* 16 chips of 8 GiB cost nothing until they are touched. */
static void sixteen_chips(void)
{
	char *argv[2 * 16 + 8] = { "-machine", "q35,usb=off", "-cpu", "max", "-m", "64" };
	char path[64], line[128];
	unsigned long kib = 0;
	FILE *f;
	int n = 6;

	for (int i = 0; i < 16; i++) {
		argv[n++] = "-device";
		argv[n++] = "neuron";
	}
	qt = qtest_start(qemu, argv);
	snprintf(path, sizeof(path), "/proc/%d/status", qtest_pid(qt));
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "VmRSS: %lu", &kib);
	if (f)
		fclose(f);
	CHECK(kib > 0);
	CHECK(kib < 512 * 1024);
	stop();
}

/* Ten seconds for a migration, out or in, to end. Return: whether it succeeded. */
static bool migration_completes(void)
{
	for (int i = 0; i < 10000; i++) {
		const char *answer = qtest_qmp(qt, "{\"execute\": \"query-migrate\"}");

		if (strstr(answer, "\"completed\""))
			return true;
		if (strstr(answer, "\"failed\"") || strstr(answer, "\"error\""))
			return false;
		sleep_ms(1);
	}
	return false;
}

static bool migrate(const char *command, const char *path)
{
	char json[200];

	snprintf(json, sizeof(json), "{\"execute\": \"%s\", \"arguments\": "
		 "{\"uri\": \"file:%s\"%s}}", command, path,
		 strcmp(command, "migrate") ? ", \"exit-on-error\": false" : "");
	return strstr(qtest_qmp(qt, json), "\"return\"") && migration_completes();
}

/* A machine that is stopped with work in its queues. Writes its state to @path. */
static void save_machine(const char *path, const uint8_t *data, size_t len, uint64_t *ids)
{
	struct neuron_sqe nop = { .opcode = NEURON_SQE_NOP }, copy;
	struct neuron_slot slots[2];

	start("");
	queue_enable(1);
	queue_enable(DMA_QUEUE);
	qtest_write(qt, BAR_DRAM + 0x10000, data, len);
	for (int i = 0; i < 3; i++)
		expect_done(1, submit(1, &nop), NEURON_FAULT_NONE);
	qtest_qmp(qt, "{\"execute\": \"stop\"}");
	dram_slot(slots, 0, 0x10000, len, NEURON_SLOT_READ);
	host_slot(slots, 1, BUFFER_A, len, NEURON_SLOT_WRITE);
	copy = copy_sqe(slots, 2, len);
	ids[0] = submit(1, &nop);
	ids[1] = submit(1, &nop);
	ids[2] = submit(DMA_QUEUE, &copy);
	sleep_ms(20);
	CHECK_EQ(queue_read(1, NEURON_QUEUE_SQ_HEAD), 3);
	CHECK(migrate("migrate", path));
	stop();
}

static void migration(void)
{
	static uint8_t out[20000], in[20000];
	char path[64];
	uint64_t ids[3];
	uint32_t msi;

	snprintf(path, sizeof(path), "/tmp/neuron-qtest-%d", getpid());
	pattern(out, sizeof(out), 11);
	save_machine(path, out, sizeof(out), ids);

	start_machine("", "-incoming", "defer");
	CHECK(migrate("migrate-incoming", path));
	unlink(path);
	CHECK_EQ(queue_read(1, NEURON_QUEUE_SQ_HEAD), 3);
	CHECK_EQ(queue_read(DMA_QUEUE, NEURON_QUEUE_SQ_HEAD), 0);
	qtest_read(qt, MSI_TARGET + 4 * NEURON_VECTOR_QUEUE(DMA_QUEUE), &msi, 4);
	CHECK_EQ(msi, 0);
	qtest_qmp(qt, "{\"execute\": \"cont\"}");
	expect_done(1, ids[0], NEURON_FAULT_NONE);
	expect_done(1, ids[1], NEURON_FAULT_NONE);
	expect_done(DMA_QUEUE, ids[2], NEURON_FAULT_NONE);
	qtest_read(qt, BUFFER_A, in, sizeof(in));
	CHECK(!memcmp(in, out, sizeof(in)));
	for (int i = 0; i < 1000 && !msi; i++) {
		qtest_read(qt, MSI_TARGET + 4 * NEURON_VECTOR_QUEUE(DMA_QUEUE), &msi, 4);
		sleep_ms(1);
	}
	CHECK_EQ(msi, 0x100 + NEURON_VECTOR_QUEUE(DMA_QUEUE));
	stop();
}

/* Another chip than the state is of. */
static void migration_to_another(void)
{
	static const char *const others[] = { ",cores=2", ",dma-queues=2", ",sbuf-size=8M" };
	static const uint8_t data[16];
	char path[64];
	uint64_t ids[3];

	snprintf(path, sizeof(path), "/tmp/neuron-qtest-%d", getpid());
	save_machine(path, data, sizeof(data), ids);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		start_machine(others[i], "-incoming", "defer");
		CHECK(!migrate("migrate-incoming", path));
		stop();
	}
	unlink(path);
}

/* Bytes of the device's state are changed: it is refused, or it is a state like any. */
static void hostile_migration(void)
{
	static const char name[] = "0000:00:04.0/neuron";
	static uint8_t good[16 << 20], bad[16 << 20];
	static const uint8_t data[16];
	unsigned int refused = 0, seed = 1;
	size_t size, first = 0;
	char path[64];
	uint64_t ids[3];
	FILE *f;

	snprintf(path, sizeof(path), "/tmp/neuron-qtest-%d", getpid());
	save_machine(path, data, sizeof(data), ids);
	f = fopen(path, "rb");
	size = f ? fread(good, 1, sizeof(good), f) : 0;
	if (f)
		fclose(f);
	CHECK(size > 1000 && size < sizeof(good));
	/* A whole section (4), its number, and its name behind the name's length. */
	for (size_t i = 6; i + sizeof(name) < size; i++)
		if (!memcmp(good + i, name, sizeof(name) - 1) &&
		    good[i - 1] == sizeof(name) - 1 && good[i - 6] == 4)
			first = i + sizeof(name) - 1;
	CHECK(first);
	for (int round = 0; round < 25 && first; round++) {
		memcpy(bad, good, size);
		for (int k = 0; k < 1 + round; k++) {
			seed = seed * 1103515245 + 12345;
			/* Configuration space of 4 KiB, log of errors, MSI-X, registers. */
			bad[first + (seed >> 8) % 6000 % (size - first)] = seed >> 24;
		}
		f = fopen(path, "wb");
		CHECK(f && fwrite(bad, 1, size, f) == size);
		if (f)
			fclose(f);
		start_machine("", "-incoming", "defer");
		if (migrate("migrate-incoming", path)) {
			qtest_qmp(qt, "{\"execute\": \"cont\"}");
			for (unsigned int q = 0; q < 8; q++)
				queue_read(q, NEURON_QUEUE_STATUS);
			sleep_ms(5);
		} else {
			refused++;
		}
		stop();
	}
	unlink(path);
	printf("# %u of 25 states were refused\n", refused);
}

int main(int argc, char **argv)
{
	qemu = argc > 1 ? argv[1] : getenv("QEMU");
	if (!qemu || access(qemu, X_OK)) {
		fprintf(stderr, "usage: neuron-qtest QEMU (built by `make qemu`)\n");
		return 2;
	}
	ktap_run("identity", identity);
	ktap_run("bar_sizes", bar_sizes);
	ktap_run("dram_aperture", dram_aperture);
	ktap_run("nop_and_interrupt", nop_and_interrupt);
	ktap_run("copies", copies);
	ktap_run("execute", execute);
	ktap_run("bus_master_off", bus_master_off);
	ktap_run("dma_to_mmio", dma_to_mmio);
	ktap_run("IOMMU confines", iommu_confines);
	ktap_run("IOMMU translates", iommu_translates);
	ktap_run("flr", flr);
	ktap_run("chip_reset", chip_reset);
	ktap_run("hang_and_core_reset", hang_and_core_reset);
	ktap_run("nonsense", nonsense);
	ktap_run("system_reset", system_reset);
	ktap_run("bad_properties", bad_properties);
	ktap_run("sixteen_chips", sixteen_chips);
	ktap_run("migration", migration);
	ktap_run("migration to another chip", migration_to_another);
	ktap_run("hostile migration", hostile_migration);
	return ktap_done();
}
