// SPDX-License-Identifier: GPL-2.0-only
/* Tracepoints: a job's life can be followed by its context and number. */

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness.h"
#include "neuron_test.h"

/* A trace buffer of our own: others may trace at the same time. */
#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/neuron-kselftest"

FIXTURE(trace) {
	int fd;
	char text[16384];
};

FIXTURE_SETUP(trace)
{
	struct stat st;

	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	if (stat(TRACEFS "/instances", &st))
		mount("nodev", TRACEFS, "tracefs", 0, NULL);
	if (stat(TRACEFS "/instances", &st)) {
		close(self->fd);
		SKIP(return, "the kernel has no tracefs");
	}
	rmdir(INSTANCE);
	ASSERT_EQ(0, mkdir(INSTANCE, 0700));
	/* One clock for all processors: the interrupt comes to another than the submission. */
	ASSERT_EQ(0, write_file(INSTANCE "/trace_clock", "mono"));
	ASSERT_EQ(0, write_file(INSTANCE "/events/neuron/enable", "1"));
}

FIXTURE_TEARDOWN(trace)
{
	inject("clear");
	write_file(INSTANCE "/events/neuron/enable", "0");
	rmdir(INSTANCE);
	close(self->fd);
}

/* The first line from @from on with an event of a job, or NULL. */
static const char *find(const char *from, const char *event, uint64_t job)
{
	char wanted[64], number[32];
	const char *line;

	snprintf(wanted, sizeof(wanted), " %s: ", event);
	snprintf(number, sizeof(number), " job=%llu ", (unsigned long long)job);
	for (line = strstr(from, wanted); line; line = strstr(line + 1, wanted)) {
		const char *end = strchr(line, '\n');
		const char *n = strstr(line, number);

		if (end && n && n < end && !strstr(line, "context=0 "))
			return line;
	}

	return NULL;
}

TEST_F(trace, life_of_a_job)
{
	struct program p = program_new(self->fd);
	struct submission s;
	const char *at;
	int64_t job;

	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 1);
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 5 * SECOND_NS));
	ASSERT_LT(0, read_file(INSTANCE "/trace", self->text, sizeof(self->text)));

	at = find(self->text, "neuron_job_submit", job);
	ASSERT_TRUE(at);
	EXPECT_TRUE(strstr(at, pci_address()));
	EXPECT_TRUE(strstr(at, "neuron-core1"));
	at = find(at, "neuron_job_push", job);
	ASSERT_TRUE(at);
	at = find(at, "neuron_job_start", job);
	ASSERT_TRUE(at);
	at = find(at, "neuron_job_done", job);
	ASSERT_TRUE(at);
	EXPECT_TRUE(strstr(at, "state=done"));
	EXPECT_TRUE(strstr(at, "cycles="));
}

TEST_F(trace, recovery)
{
	struct program p = program_new(self->fd);
	struct submission s;
	const char *at;
	int64_t job;

	if (!can_inject())
		SKIP(return, "the device does not offer fault injection");
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, 0);
	s.args.timeout_ms = 100;
	ASSERT_EQ(0, inject("hang-core 0 1"));
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_TIMEOUT, job_wait(self->fd, job, 5 * SECOND_NS));
	ASSERT_LT(0, read_file(INSTANCE "/trace", self->text, sizeof(self->text)));

	at = strstr(self->text, " neuron_queue_reset: ");
	ASSERT_TRUE(at);
	EXPECT_TRUE(strstr(at, "neuron-core0 because=timeout"));
	at = find(self->text, "neuron_job_done", job);
	ASSERT_TRUE(at);
	EXPECT_TRUE(strstr(at, "state=timeout"));
}

TEST_HARNESS_MAIN
