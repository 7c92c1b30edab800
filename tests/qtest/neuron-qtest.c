// SPDX-License-Identifier: MIT
/*
 * The QEMU device without a guest: PCI, queues, DMA, interrupts, reset, migration.
 *
 *	neuron-qtest QEMU
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "machine.h"
#include "tests.h"
#include "tests/ktap.h"

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
	ktap_run("migration from another version", migration_of_versions);
	ktap_run("hostile migration", hostile_migration);
	return ktap_done();
}
