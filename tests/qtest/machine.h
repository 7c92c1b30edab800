/* SPDX-License-Identifier: MIT */
/*
 * A machine with the device in it and nothing else, and a driver for that, written from
 * SPEC.md: it places the BARs, and builds rings in the machine's memory. One machine at
 * a time. What goes wrong is a failed check of the running test (tests/ktap.h).
 */
#ifndef TESTS_QTEST_MACHINE_H
#define TESTS_QTEST_MACHINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <neuron/isa.h>
#include <neuron/regs.h>

#include "qtest.h"

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

#define SHIFT		2		/* four entries: wraps soon */
#define ENTRIES		(1u << SHIFT)
#define DMA_QUEUE	4

extern const char *qemu;	/* path of the emulator */
extern struct qtest *qt;	/* the machine */

/**
 * start_machine() - start QEMU, and leave the device alone
 * @extra: further properties of the device, each after a comma
 * @option: one more option of QEMU's, or NULL
 * @argument: its argument
 */
void start_machine(const char *extra, char *option, char *argument);
/* The same, and set the device up. */
void start(const char *extra);
/* End QEMU; it has to exit with 0. */
void stop(void);

/* Memory decoding and bus mastering on, each vector a word in memory. */
void pci_setup(void);
unsigned int find_capability(uint8_t id);
void place_bar(unsigned int bar, uint64_t addr);
void set_command(uint32_t command);

uint32_t reg_read(uint32_t reg);
void reg_write(uint32_t reg, uint32_t value);
uint32_t queue_read(unsigned int q, uint32_t reg);
void queue_write(unsigned int q, uint32_t reg, uint32_t value);
/* Five seconds for a register to show what it should. */
bool wait_reg(uint32_t reg, uint32_t mask, uint32_t value);
void sleep_ms(unsigned int ms);

void queue_enable(unsigned int q);
/* Return: the job's id, which is written into @sqe. */
uint64_t submit(unsigned int q, struct neuron_sqe *sqe);
bool poll_cqe(unsigned int q, struct neuron_cqe *cqe, unsigned int ms);
/* Within five seconds that job completes, with a fault of that kind. */
void expect_done(unsigned int q, uint64_t id, uint16_t kind);

/* A slot of host memory: its page list goes behind the slot table. */
void host_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr, uint64_t length,
	       uint32_t rights);
void dram_slot(struct neuron_slot *slots, unsigned int n, uint64_t addr, uint64_t length,
	       uint32_t rights);
/* A copy from slot 0 to slot 1; the table of @n slots goes into memory. */
struct neuron_sqe copy_sqe(const struct neuron_slot *slots, unsigned int n, uint64_t length);

/* Bytes that differ from those of another @seed. */
void pattern(uint8_t *buf, size_t len, unsigned int seed);

#endif /* TESTS_QTEST_MACHINE_H */
