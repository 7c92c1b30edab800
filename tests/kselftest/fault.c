// SPDX-License-Identifier: GPL-2.0-only
/* Jobs that the chip stops, and what DRM_IOCTL_NEURON_JOB_STATUS says of them. */

#include <glob.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	16384

FIXTURE(fault) {
	int fd;
	struct program program;
	struct bo src;
	struct bo dst;
	struct submission s;
	struct drm_neuron_job_status status;
};

FIXTURE_SETUP(fault)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->program = program_new(self->fd);
	self->src = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	self->dst = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	ASSERT_TRUE(self->program.bo.map && self->src.map && self->dst.map);
	memset(self->dst.map, 0xcc, SIZE);
	submission_init(&self->s, &self->program, 0);
	submission_slot(&self->s, self->src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&self->s, self->dst.handle, DRM_NEURON_SLOT_WRITE);
}

FIXTURE_TEARDOWN(fault)
{
	/* Whatever happened to the job, the core goes on. */
	EXPECT_EQ(0, core_works(self->fd, 0));
	close(self->fd);
}

/* Submit, and expect a fault of that kind. */
static int fault_kind(int fd, struct submission *s, struct drm_neuron_job_status *status)
{
	int64_t job = submit(fd, s);
	int state;

	if (job < 0)
		return job;
	state = job_wait(fd, job, 10 * SECOND_NS);
	if (state != DRM_NEURON_JOB_FAULT)
		return state < 0 ? state : -1000 - state;
	if (job_status(fd, job, status))
		return -1;

	return status->fault_kind;
}

TEST_F(fault, no_program)
{
	memset(self->program.bo.map, 0, self->program.bo.size);
	EXPECT_EQ(NEURON_FAULT_BAD_PROGRAM, fault_kind(self->fd, &self->s, &self->status));
}

TEST_F(fault, bad_opcode)
{
	program_inst(&self->program, NEURON_OP_NOP, NEURON_ENGINE_PE);
	program_inst(&self->program, 999, NEURON_ENGINE_PE);
	EXPECT_EQ(NEURON_FAULT_BAD_INST, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_EQ(1, self->status.fault_inst);
}

TEST_F(fault, read_beyond_slot)
{
	program_load(&self->program, 1, 0, 0, SIZE + 1);
	EXPECT_EQ(NEURON_FAULT_OUT_OF_BOUNDS, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_EQ(NEURON_ENGINE_DMA_IN, self->status.fault_engine);
	EXPECT_EQ(0, self->status.fault_inst);
	EXPECT_EQ(1, self->status.fault_operand);
}

TEST_F(fault, write_beyond_slot)
{
	self->s.slots[2].size = 4096;
	program_store(&self->program, 0, 2, 4095, 2);
	EXPECT_EQ(NEURON_FAULT_OUT_OF_BOUNDS, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_EQ(NEURON_ENGINE_DMA_OUT, self->status.fault_engine);
	EXPECT_TRUE(is_filled(self->dst.map, SIZE, 0xcc));
}

TEST_F(fault, far_beyond_slot)
{
	program_load(&self->program, 1, 1ull << 62, 0, 64);
	EXPECT_EQ(NEURON_FAULT_OUT_OF_BOUNDS, fault_kind(self->fd, &self->s, &self->status));
}

TEST_F(fault, write_to_read_only)
{
	program_store(&self->program, 0, 1, 0, 64);
	EXPECT_EQ(NEURON_FAULT_ACCESS_DENIED, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_TRUE(is_filled(self->src.map, SIZE, 0));
}

TEST_F(fault, read_of_write_only)
{
	program_load(&self->program, 2, 0, 0, 64);
	EXPECT_EQ(NEURON_FAULT_ACCESS_DENIED, fault_kind(self->fd, &self->s, &self->status));
}

TEST_F(fault, write_to_program)
{
	program_store(&self->program, 0, 0, 0, 64);
	EXPECT_EQ(NEURON_FAULT_ACCESS_DENIED, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_EQ(NEURON_PROGRAM_MAGIC, program_header(&self->program)->magic);
}

TEST_F(fault, slot_that_is_not_there)
{
	/* The program may name it, the submission doesn't have it. */
	program_load(&self->program, 5, 0, 0, 64);
	EXPECT_LT(0, fault_kind(self->fd, &self->s, &self->status));
	submission_slot(&self->s, 0, 0);
	submission_slot(&self->s, 0, 0);
	submission_slot(&self->s, 0, 0);
	EXPECT_LT(0, fault_kind(self->fd, &self->s, &self->status));
}

TEST_F(fault, deadlock)
{
	struct neuron_inst *inst = program_inst(&self->program, NEURON_OP_NOP, NEURON_ENGINE_POOL);

	inst->wait[0] = (struct neuron_sem_op) { .sem = 4, .value = 1 };
	EXPECT_EQ(NEURON_FAULT_DEADLOCK, fault_kind(self->fd, &self->s, &self->status));
	EXPECT_EQ(1u << NEURON_ENGINE_POOL, self->status.fault_info & 1u << NEURON_ENGINE_POOL);
}

TEST_F(fault, next_job_works)
{
	int64_t bad, good;
	int i;

	program_load(&self->program, 1, 0, 0, SIZE + 1);
	for (i = 0; i < 20; i++) {
		bad = submit(self->fd, &self->s);
		ASSERT_LT(0, bad);
		good = copy_async(self->fd, &(struct drm_neuron_copy_op) {
			.dst_handle = self->dst.handle, .size = SIZE, .value = i }, 1, 0, 0);
		ASSERT_LT(0, good);
		EXPECT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, bad, 10 * SECOND_NS));
		EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, good, 10 * SECOND_NS));
		EXPECT_TRUE(is_filled(self->dst.map, SIZE, i));
	}
}

/* The fence of a job that failed signals all the same. */
TEST_F(fault, syncobj_signals)
{
	uint32_t sync = syncobj_new(self->fd);

	program_load(&self->program, 1, 0, 0, SIZE + 1);
	submission_out(&self->s, sync, 0);
	ASSERT_LT(0, submit(self->fd, &self->s));
	EXPECT_EQ(0, syncobj_wait(self->fd, sync, 0, 10 * SECOND_NS));
}

TEST_F(fault, status_errors)
{
	struct drm_neuron_job_status status;
	int64_t job;

	EXPECT_EQ(-ENOENT, job_status(self->fd, 0, &status));
	EXPECT_EQ(-ENOENT, job_status(self->fd, 1, &status));
	EXPECT_EQ(-ENOENT, job_status(self->fd, UINT64_MAX, &status));

	program_inst(&self->program, NEURON_OP_NOP, NEURON_ENGINE_PE);
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	EXPECT_EQ(-ENOENT, job_status(self->fd, job + 1, &status));
	memset(&status, 0, sizeof(status));
	status.job = job;
	status.pad = 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_JOB_STATUS, &status));
}

/* 64 failures are remembered, however many jobs did not fail since. */
TEST_F(fault, memory_of_failures)
{
	struct drm_neuron_job_status status;
	struct program good = program_new(self->fd);
	struct submission s;
	int64_t job = 0;
	int i;

	program_inst(&good, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &good, 0);
	program_load(&self->program, 1, 0, 0, SIZE + 1);

	for (i = 0; i < 70; i++)
		ASSERT_EQ(i + 1, submit(self->fd, &self->s));
	for (i = 0; i < 200; i++)
		job = submit(self->fd, &s);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));

	for (i = 1; i <= 70; i++) {
		ASSERT_EQ(0, job_status(self->fd, i, &status));
		EXPECT_EQ(i <= 6 ? DRM_NEURON_JOB_DONE : DRM_NEURON_JOB_FAULT, status.state);
	}
}

/* A dump appears that tells the kind of fault, and it can be removed. */
TEST_F(fault, devcoredump)
{
	static char text[8192];
	char path[512];
	glob_t found;
	size_t i;
	int n;

	if (!glob("/sys/class/devcoredump/devcd*/data", 0, NULL, &found))
		for (i = 0; i < found.gl_pathc; i++)
			write_file(found.gl_pathv[i], "0");
	globfree(&found);
	usleep(100000);

	program_load(&self->program, 1, 0, 0, SIZE + 1);
	ASSERT_EQ(NEURON_FAULT_OUT_OF_BOUNDS, fault_kind(self->fd, &self->s, &self->status));
	for (i = 0; i < 100 && glob("/sys/class/devcoredump/devcd*/data", 0, NULL, &found); i++)
		usleep(20000);
	ASSERT_LT(i, 100);
	snprintf(path, sizeof(path), "%s", found.gl_pathv[0]);
	globfree(&found);

	n = read_file(path, text, sizeof(text));
	ASSERT_LT(0, n);
	EXPECT_TRUE(strstr(text, "neuron-core0"));
	EXPECT_TRUE(strstr(text, "OUT_OF_BOUNDS engine dma-in operand 1 instruction 0"));
	EXPECT_TRUE(strstr(text, "slot 2:"));
	EXPECT_EQ(0, write_file(path, "0"));
}

TEST_HARNESS_MAIN
