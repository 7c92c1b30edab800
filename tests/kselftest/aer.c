// SPDX-License-Identifier: GPL-2.0-only
/* Errors of the PCI Express link, by the kernel's aer_inject. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE		(1 << 20)

/* Of the AER capability's status registers. */
#define COR_BAD_TLP	0x0040
#define UNC_DLP		0x0010	/* fatal */
#define UNC_COMP_TIME	0x4000	/* not fatal */

/* What /dev/aer_inject takes: drivers/pci/pcie/aer_inject.c */
struct error {
	uint8_t bus, dev, fn;
	uint32_t uncorrectable, correctable;
	uint32_t header[4];
	uint32_t domain;
};

/* Without extended configuration space the kernel sees no AER capability. */
static bool can_report(void)
{
	char path[64], config[4096];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", pci_address());
	if (read_file(path, config, sizeof(config)) <= 256)
		return false;

	return !access("/dev/aer_inject", W_OK) ||
	       (!system("modprobe -q aer_inject") && !access("/dev/aer_inject", W_OK));
}

FIXTURE(aer) {
	int fd;
};

FIXTURE_SETUP(aer)
{
	if (!can_report())
		SKIP(return, "the kernel has no aer_inject, or no extended configuration space");
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(aer)
{
	close(self->fd);
}

static int report(uint32_t uncorrectable, uint32_t correctable)
{
	struct error error = { .uncorrectable = uncorrectable, .correctable = correctable };
	unsigned int domain, bus, dev, fn;
	int fd, ret;

	if (sscanf(pci_address(), "%x:%x:%x.%x", &domain, &bus, &dev, &fn) != 4)
		return -EINVAL;
	error.domain = domain;
	error.bus = bus;
	error.dev = dev;
	error.fn = fn;
	fd = open("/dev/aer_inject", O_WRONLY);
	if (fd < 0)
		return -errno;
	ret = write(fd, &error, sizeof(error)) < 0 ? -errno : 0;
	close(fd);

	return ret;
}

static unsigned int chip_resets(void)
{
	char path[64], text[4096] = "";
	unsigned int n = 0;

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/queues", pci_address());
	if (read_file(path, text, sizeof(text)) > 0)
		sscanf(text, "chip resets %u", &n);

	return n;
}

/* Take the device off its bus and look for it again. */
static int find_anew(void)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", pci_address());
	ret = write_file(path, "1");

	return ret ?: write_file("/sys/bus/pci/rescan", "1");
}

/* Within five seconds of the error the chip has been restarted. */
static bool recovers(unsigned int before)
{
	int i;

	for (i = 0; i < 500 && chip_resets() == before; i++)
		usleep(10000);

	return chip_resets() != before;
}

/* Correctable errors that the kernel has counted. */
static int correctable_errors(void)
{
	char path[80], text[1024] = "", *total;
	int n = -1;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/aer_dev_correctable", pci_address());
	read_file(path, text, sizeof(text));
	total = strstr(text, "TOTAL_ERR_COR");
	if (total)
		sscanf(total, "TOTAL_ERR_COR %d", &n);

	return n;
}

/* Let the chip sleep when it is idle, or not. */
static int let_sleep(bool yes)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/power/control", pci_address());

	return write_file(path, yes ? "auto" : "on");
}

/*
 * One after the other: of an error that comes before the one before is dealt with, Linux 6.12
 * finds nothing in the register any more, and never gives back the device that it looked at.
 * And awake: waking up clears the register as well, and aer_inject, which makes up what is
 * in it, takes the second time that a bit is cleared for setting it. The register can't be
 * polled either: aer_inject is out of the way while anyone reads, and then misses a write.
 */
TEST_F(aer, correctable)
{
	int before = correctable_errors(), i, ms;

	ASSERT_LE(0, before);
	ASSERT_EQ(0, let_sleep(false));
	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, report(0, COR_BAD_TLP));
		EXPECT_EQ(0, core_works(self->fd, 0));
		for (ms = 0; ms < 5000 && correctable_errors() != before + i + 1; ms += 10)
			usleep(10000);
		EXPECT_EQ(before + i + 1, correctable_errors());
		/* Counted first, then cleared. */
		usleep(100000);
	}
	EXPECT_EQ(0, let_sleep(true));
}

FIXTURE(uncorrectable) {
	int fd;
	struct bo bo;
};

FIXTURE_SETUP(uncorrectable)
{
	if (!can_report())
		SKIP(return, "the kernel has no aer_inject, or no extended configuration space");
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	ASSERT_TRUE(self->bo.map);
	fill_pattern(self->bo.map, SIZE, 7);
}

FIXTURE_TEARDOWN(uncorrectable)
{
	inject("clear");
	munmap(self->bo.map, SIZE);
	close(self->fd);
}

/* Not fatal: what executed is lost; what waited is not, nor is what DRAM holds. */
TEST_F(uncorrectable, not_fatal)
{
	struct program p = program_new(self->fd);
	unsigned int before = chip_resets();
	int64_t hung = 0, job;
	struct submission s;

	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	if (can_inject()) {
		ASSERT_EQ(0, inject("hang-core 0 1"));
		hung = submit(self->fd, &s);
		ASSERT_LT(0, hung);
		usleep(300000);
	}
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(0, report(UNC_COMP_TIME, 0));
	ASSERT_TRUE(recovers(before));

	if (hung)
		EXPECT_EQ(DRM_NEURON_JOB_CANCELLED, job_wait(self->fd, hung, 5 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
	EXPECT_EQ(0, core_works(self->fd, 0));
	EXPECT_TRUE(check_pattern(self->bo.map, SIZE, 7));
}

/*
 * Fatal: the link is reset. The emulated root port does not say that it is up
 * again, so this is also about a link that does not come back: jobs end, calls
 * fail, and the device works once it has been found anew.
 */
TEST_F_TIMEOUT(uncorrectable, fatal, 60)
{
	struct program p = program_new(self->fd);
	struct submission s;
	int64_t job;
	int state;

	if (!can_inject())
		SKIP(return, "the device does not offer fault injection");
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	ASSERT_EQ(0, inject("hang-core 0 1"));
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(0, report(UNC_DLP, 0));
	state = job_wait(self->fd, job, 30 * SECOND_NS);
	EXPECT_TRUE(state == DRM_NEURON_JOB_CANCELLED || state == DRM_NEURON_JOB_LOST);
	if (state == DRM_NEURON_JOB_LOST)
		EXPECT_EQ(-EIO, core_works(self->fd, 0));

	munmap(self->bo.map, SIZE);
	close(self->fd);
	ASSERT_EQ(0, find_anew());
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->bo = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	ASSERT_TRUE(self->bo.map);
	EXPECT_EQ(0, core_works(self->fd, 0));
}

TEST_HARNESS_MAIN
