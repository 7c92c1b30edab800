/* SPDX-License-Identifier: MIT */
/*
 * A client of QEMU's qtest protocol: the machine's buses without a guest.
 *
 * The protocol is described in QEMU's docs/devel/testing/qtest.rst and
 * system/qtest.c: a line is a command, the answer a line that starts with OK.
 * Every function ends the test program when QEMU is gone.
 */
#ifndef TESTS_QTEST_H
#define TESTS_QTEST_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct qtest;

/**
 * qtest_start() - start QEMU on its qtest accelerator
 * @qemu: path of the emulator
 * @argv: further arguments, NULL-terminated
 *
 * Return: the connection; never NULL. Errors end the program with a message.
 */
struct qtest *qtest_start(const char *qemu, char *const argv[]);

/**
 * qtest_stop() - end QEMU and release the connection
 * @qt: the connection
 *
 * Return: QEMU's wait status.
 */
int qtest_stop(struct qtest *qt);

/**
 * qtest_pid() - process id of QEMU
 * @qt: the connection
 */
pid_t qtest_pid(struct qtest *qt);

uint32_t qtest_readl(struct qtest *qt, uint64_t addr);
void qtest_writel(struct qtest *qt, uint64_t addr, uint32_t value);
void qtest_outl(struct qtest *qt, uint16_t port, uint32_t value);
uint32_t qtest_inl(struct qtest *qt, uint16_t port);

/* Physical memory of the machine; any length. */
void qtest_read(struct qtest *qt, uint64_t addr, void *buf, size_t len);
void qtest_write(struct qtest *qt, uint64_t addr, const void *buf, size_t len);

/* A QMP command given as JSON; the answer (one line) is valid until the next. */
const char *qtest_qmp(struct qtest *qt, const char *json);

/* PCI configuration space of a function on bus 0. */
uint32_t qtest_config_readl(struct qtest *qt, unsigned int devfn,
			    unsigned int reg);
void qtest_config_writel(struct qtest *qt, unsigned int devfn,
			 unsigned int reg, uint32_t value);

#endif /* TESTS_QTEST_H */
