// SPDX-License-Identifier: GPL-2.0-only
/*
 * drm_neuron_submit.resident: what a job keeps on its core is found by the next one
 * of the same file, program and number, and by nobody else.
 */

#include "harness.h"
#include "neuron_test.h"

#define SIZE	65536
#define REPORT	4096

/* All that a job of a file needs: slot 1 is loaded, stored to slot 2, with a report. */
struct client {
	int fd;
	struct program program;
	struct bo src;
	struct bo dst;
	struct bo report;
	struct submission s;
};

static bool client_open(struct client *c, bool flagged, uint32_t seed)
{
	struct neuron_inst *load;

	memset(c, 0, sizeof(*c));
	c->fd = dev_open();
	if (c->fd < 0)
		return false;
	c->program = program_new(c->fd);
	c->src = bo_new(c->fd, DRM_NEURON_BO_HOST, SIZE);
	c->dst = bo_new(c->fd, DRM_NEURON_BO_HOST, SIZE);
	c->report = bo_new(c->fd, DRM_NEURON_BO_HOST, REPORT);
	if (!c->program.bo.map || !c->src.map || !c->dst.map || !c->report.map)
		return false;
	program_copy(&c->program, 1, 0, 2, 0, SIZE);
	load = (void *)(c->program.bo.map + program_header(&c->program)->insts);
	if (flagged)
		load->flags = NEURON_INST_RESIDENT;
	submission_init(&c->s, &c->program, 0);
	submission_slot(&c->s, c->src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&c->s, c->dst.handle, DRM_NEURON_SLOT_WRITE);
	submission_slot(&c->s, c->report.handle, DRM_NEURON_SLOT_WRITE);
	c->s.args.report_slot = 3;
	fill_pattern(c->src.map, SIZE, seed);

	return true;
}

/* Run it with what it has in its source by now; bytes that were loaded, or an error. */
static int64_t client_run(struct client *c, uint32_t resident)
{
	struct neuron_report *report = (void *)c->report.map;
	int64_t job;
	int state;

	memset(c->dst.map, 0xcc, SIZE);
	memset(report, 0, sizeof(*report));
	c->s.args.resident = resident;
	job = submit(c->fd, &c->s);
	if (job < 0)
		return job;
	state = job_wait(c->fd, job, 10 * SECOND_NS);
	if (state != DRM_NEURON_JOB_DONE)
		return -EIO;

	return report->bytes_host_in;
}

FIXTURE(resident) {
	struct client a;
	struct client b;
};

FIXTURE_SETUP(resident)
{
	ASSERT_TRUE(client_open(&self->a, true, 1));
	ASSERT_TRUE(client_open(&self->b, true, 2));
}

FIXTURE_TEARDOWN(resident)
{
	close(self->a.fd);
	close(self->b.fd);
}

TEST_F(resident, skips_loads)
{
	struct neuron_report *report = (void *)self->a.report.map;
	uint64_t cycles;
	int i;

	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 1));
	cycles = report->cycles;
	/* What is in the source now is not looked at, */
	fill_pattern(self->a.src.map, SIZE, 3);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, client_run(&self->a, 7));
		EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 1));
		EXPECT_GT(cycles, report->cycles);
	}
	/* until there is a new number, or none. */
	ASSERT_EQ(SIZE, client_run(&self->a, 8));
	EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 3));
	ASSERT_EQ(0, client_run(&self->a, 8));
	ASSERT_EQ(SIZE, client_run(&self->a, 0));
	ASSERT_EQ(SIZE, client_run(&self->a, 0));
}

TEST_F(resident, ignored_without_flagged_loads)
{
	struct client c;
	int i;

	ASSERT_TRUE(client_open(&c, false, 5));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(SIZE, client_run(&c, 7));
		EXPECT_TRUE(check_pattern(c.dst.map, SIZE, 5));
		fill_pattern(c.src.map, SIZE, 5);
	}
	close(c.fd);
}

/* The same program and the same number, but of another file. */
TEST_F(resident, not_across_files)
{
	int i;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(SIZE, client_run(&self->a, 7));
		EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 1));
		ASSERT_EQ(SIZE, client_run(&self->b, 7));
		EXPECT_TRUE(check_pattern(self->b.dst.map, SIZE, 2));
	}
	ASSERT_EQ(0, client_run(&self->b, 7));
	EXPECT_TRUE(check_pattern(self->b.dst.map, SIZE, 2));
}

/* A file's number ends with the file. */
TEST_F(resident, not_across_reopening)
{
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	close(self->a.fd);
	ASSERT_TRUE(client_open(&self->a, true, 4));
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 4));
}

TEST_F(resident, per_core)
{
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	self->a.s.args.core = 1;
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	ASSERT_EQ(0, client_run(&self->a, 7));
	self->a.s.args.core = 0;
	ASSERT_EQ(0, client_run(&self->a, 7));
}

/* A job that fails, and a core that is reset, leave nothing. */
TEST_F(resident, not_after_failures)
{
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	self->a.s.slots[2].size = SIZE - 64;
	EXPECT_EQ(-EIO, client_run(&self->a, 7));
	self->a.s.slots[2].size = 0;
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	ASSERT_EQ(0, client_run(&self->a, 7));

	if (!can_inject())
		SKIP(return, "the device offers no fault injection");
	ASSERT_EQ(0, inject("hang-core 0 1 0"));
	self->a.s.args.timeout_ms = 200;
	EXPECT_EQ(-EIO, client_run(&self->a, 7));
	self->a.s.args.timeout_ms = 0;
	ASSERT_EQ(SIZE, client_run(&self->a, 7));
	EXPECT_TRUE(check_pattern(self->a.dst.map, SIZE, 1));
	/* What was armed keeps the device awake. */
	inject("clear");
}

TEST_HARNESS_MAIN
