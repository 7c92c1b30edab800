// SPDX-License-Identifier: MIT
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>

#include "machine.h"
#include "tests/ktap.h"

const char *qemu;
struct qtest *qt;
static uint32_t head[NEURON_MAX_QUEUES];
static uint32_t tail[NEURON_MAX_QUEUES];
static uint32_t phase[NEURON_MAX_QUEUES];
static uint64_t next_id;

uint32_t reg_read(uint32_t reg)
{
	return qtest_readl(qt, BAR_REGS + reg);
}

void reg_write(uint32_t reg, uint32_t value)
{
	qtest_writel(qt, BAR_REGS + reg, value);
}

uint32_t queue_read(unsigned int q, uint32_t reg)
{
	return reg_read(NEURON_REG_QUEUE(q) + reg);
}

void queue_write(unsigned int q, uint32_t reg, uint32_t value)
{
	reg_write(NEURON_REG_QUEUE(q) + reg, value);
}

unsigned int find_capability(uint8_t id)
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

void place_bar(unsigned int bar, uint64_t addr)
{
	qtest_config_writel(qt, DEVFN, 0x10 + 4 * bar, addr);
	qtest_config_writel(qt, DEVFN, 0x14 + 4 * bar, addr >> 32);
}

void set_command(uint32_t command)
{
	qtest_config_writel(qt, DEVFN, 0x04, command);
}

void pci_setup(void)
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

void start_machine(const char *extra, char *option, char *argument)
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

void start(const char *extra)
{
	start_machine(extra, NULL, NULL);
	pci_setup();
}

void stop(void)
{
	int status = qtest_stop(qt);

	CHECK(WIFEXITED(status) && !WEXITSTATUS(status));
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l };

	nanosleep(&ts, NULL);
}

bool wait_reg(uint32_t reg, uint32_t mask, uint32_t value)
{
	for (int i = 0; i < 5000; i++) {
		if ((reg_read(reg) & mask) == value)
			return true;
		sleep_ms(1);
	}
	return false;
}

void queue_enable(unsigned int q)
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

uint64_t submit(unsigned int q, struct neuron_sqe *sqe)
{
	sqe->id = ++next_id;
	qtest_write(qt, SQ(q) + 64 * tail[q], sqe, sizeof(*sqe));
	tail[q] = (tail[q] + 1) % ENTRIES;
	queue_write(q, NEURON_QUEUE_SQ_TAIL, tail[q]);
	return sqe->id;
}

bool poll_cqe(unsigned int q, struct neuron_cqe *cqe, unsigned int ms)
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

void expect_done(unsigned int q, uint64_t id, uint16_t kind)
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

void host_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr, uint64_t length,
	       uint32_t rights)
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

void dram_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr, uint64_t length,
	       uint32_t rights)
{
	slots[n] = (struct neuron_slot) {
		.addr = addr,
		.length = length,
		.flags = NEURON_SLOT_DRAM | rights,
	};
}

struct neuron_sqe copy_sqe(const struct neuron_slot *slots, unsigned int n, uint64_t length)
{
	qtest_write(qt, TABLES, slots, n * sizeof(*slots));
	return (struct neuron_sqe) {
		.opcode = NEURON_SQE_COPY,
		.num_slots = n,
		.slots = TABLES,
		.copy = { .src_slot = 0, .dst_slot = 1, .length = length },
	};
}

void pattern(uint8_t *buf, size_t len, unsigned int seed)
{
	for (size_t i = 0; i < len; i++)
		buf[i] = (i * 7 + seed) ^ (i >> 8);
}
