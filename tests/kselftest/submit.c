// SPDX-License-Identifier: GPL-2.0-only
/* DRM_IOCTL_NEURON_SUBMIT: programs that work, and each argument that can't. */

#include "harness.h"
#include "neuron_test.h"

#define SIZE	65536

FIXTURE(submit) {
	int fd;
	struct program program;
	struct bo src;
	struct bo dst;
	struct submission s;
};

FIXTURE_SETUP(submit)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->program = program_new(self->fd);
	self->src = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	self->dst = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	ASSERT_TRUE(self->program.bo.map && self->src.map && self->dst.map);
	fill_pattern(self->src.map, SIZE, 3);
	memset(self->dst.map, 0xcc, SIZE);

	/* Slot 1 to slot 2, a good submission; the tests break one thing each. */
	program_copy(&self->program, 1, 0, 2, 0, SIZE);
	submission_init(&self->s, &self->program, 0);
	submission_slot(&self->s, self->src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&self->s, self->dst.handle, DRM_NEURON_SLOT_WRITE);
}

FIXTURE_TEARDOWN(submit)
{
	close(self->fd);
}

TEST_F(submit, copies)
{
	int64_t job = submit(self->fd, &self->s);

	ASSERT_EQ(1, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));
}

TEST_F(submit, every_core)
{
	struct drm_neuron_device_info info = {};
	int64_t job;
	uint32_t i;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	for (i = 0; i < info.num_cores; i++) {
		memset(self->dst.map, 0xcc, SIZE);
		self->s.args.core = i;
		job = submit(self->fd, &self->s);
		ASSERT_EQ(i + 1, job);
		ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
		EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));
	}
	self->s.args.core = info.num_cores;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.core = UINT32_MAX;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

TEST_F(submit, dram_buffers)
{
	struct bo dram = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	int64_t job;

	ASSERT_TRUE(dram.map);
	self->s.slots[2].handle = dram.handle;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(0, bo_wait(self->fd, dram.handle, 0, now_ns() + 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(dram.map, SIZE, 3));
}

/* What a job that has ended kept in DRAM can be had at once. */
TEST_F(submit, memory_after_a_job)
{
	struct drm_neuron_bo_create create = { 0 };
	struct drm_neuron_job_status status;
	int i, ret;

	/* Until there is room for one and no other. */
	do {
		self->s.slots[2].handle = create.handle;
		create = (struct drm_neuron_bo_create) {
			.size = 512 << 20, .flags = DRM_NEURON_BO_DRAM,
		};
		ret = dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create);
	} while (!ret);
	ASSERT_EQ(-ENOSPC, ret);

	for (i = 1; i <= 10; i++) {
		ASSERT_EQ(i, submit(self->fd, &self->s));
		ASSERT_EQ(0, job_status_wait(self->fd, i, INT64_MAX, &status));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, status.state);
		ASSERT_EQ(0, bo_close(self->fd, self->s.slots[2].handle));
		ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create));
		self->s.slots[2].handle = create.handle;
	}
}

/* A slot can be a part of a buffer: the program's offset 0 is the slot's. */
TEST_F(submit, slot_window)
{
	struct program p = program_new(self->fd);
	struct submission s;
	int64_t job;

	program_copy(&p, 1, 10, 2, 20, 1000);
	submission_init(&s, &p, 0);
	submission_slot(&s, self->src.handle, DRM_NEURON_SLOT_READ);
	submission_slot(&s, self->dst.handle, DRM_NEURON_SLOT_WRITE);
	s.slots[1].offset = 4096 + 64;
	s.slots[1].size = 1010;
	s.slots[2].offset = 8192 - 128;
	s.slots[2].size = 1020;
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_EQ(0, memcmp(self->dst.map + 8192 - 128 + 20, self->src.map + 4096 + 64 + 10, 1000));
	EXPECT_TRUE(is_filled(self->dst.map, 8192 - 128 + 20, 0xcc));
	EXPECT_TRUE(is_filled(self->dst.map + 8192 - 128 + 1020, 1000, 0xcc));
}

TEST_F(submit, report)
{
	struct bo report = bo_new(self->fd, DRM_NEURON_BO_HOST, 4096);
	struct drm_neuron_job_status status;
	struct neuron_report *r;
	int64_t job;

	ASSERT_TRUE(report.map);
	submission_slot(&self->s, report.handle, DRM_NEURON_SLOT_WRITE);
	self->s.args.report_slot = 3;
	self->s.args.report_offset = 1024;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	r = (void *)(report.map + 1024);
	EXPECT_EQ(NEURON_REPORT_VERSION, r->version);
	EXPECT_EQ(0, r->fault.kind);
	EXPECT_EQ(SIZE, r->bytes_host_in);
	EXPECT_EQ(SIZE, r->bytes_host_out);
	EXPECT_EQ(1, r->engine[NEURON_ENGINE_DMA_IN].insts);
	EXPECT_TRUE(is_filled(report.map, 1024, 0));

	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_NE(0, status.cycles);
	EXPECT_EQ(r->cycles, status.cycles);
}

TEST_F(submit, program_in_dram_at_offset)
{
	struct bo dram = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	int64_t job;

	ASSERT_TRUE(dram.map);
	memcpy(dram.map + 4096, self->program.bo.map, self->program.bo.size);
	self->s.slots[0].handle = dram.handle;
	self->s.args.program_offset = 4096;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));
}

/* Behind the report comes a record for each instruction, where there is room. */
TEST_F(submit, profile)
{
	struct bo report = bo_new(self->fd, DRM_NEURON_BO_HOST, 4096);
	const uint64_t need = sizeof(struct neuron_report) + 2 * sizeof(struct neuron_inst_record);
	struct drm_neuron_job_status status;
	struct neuron_inst_record *record;
	struct neuron_report *r;
	int64_t job;

	ASSERT_TRUE(report.map);
	submission_slot(&self->s, report.handle, DRM_NEURON_SLOT_WRITE);
	self->s.args.report_slot = 3;
	self->s.args.report_offset = 4096 - need;
	self->s.args.flags = DRM_NEURON_SUBMIT_PROFILE;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));
	r = (void *)(report.map + 4096 - need);
	record = (void *)(r + 1);
	EXPECT_EQ(NEURON_REPORT_VERSION, r->version);
	EXPECT_EQ(0, record[0].start);
	EXPECT_NE(0, record[0].end);
	EXPECT_EQ(record[0].end, record[1].start);
	EXPECT_EQ(r->cycles, record[1].end);
	EXPECT_EQ(record[1].start, record[1].stall_sem);
	EXPECT_TRUE(is_filled(report.map, 4096 - need, 0));

	/* The driver can't know how many there are; the chip refuses before it begins. */
	memset(self->dst.map, 0xcc, SIZE);
	self->s.slots[3].size = 4096 - 64;
	self->s.args.report_offset = 4096 - need - 63;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, job, 10 * SECOND_NS));
	ASSERT_EQ(0, job_status(self->fd, job, &status));
	EXPECT_EQ(NEURON_FAULT_OUT_OF_BOUNDS, status.fault_kind);
	EXPECT_TRUE(is_filled(self->dst.map, SIZE, 0xcc));
}

/* Only what comes before the work; the slots of the work may be empty. */
TEST_F(submit, prepare)
{
	int64_t job;

	memset(self->dst.map, 0xcc, SIZE);
	memset(&self->s.slots[1], 0, 2 * sizeof(self->s.slots[1]));
	self->s.args.flags = DRM_NEURON_SUBMIT_PREPARE;
	self->s.args.resident = 1;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(self->dst.map, SIZE, 0xcc));

	/* A program that is none, and a report that there can't be. */
	self->s.args.program_offset = 64;
	self->s.args.program_size -= 64;
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_FAULT, job_wait(self->fd, job, 10 * SECOND_NS));
	self->s.args.report_slot = 0;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

/* The same buffer in several slots, with different rights. */
TEST_F(submit, buffer_twice)
{
	int64_t job;

	submission_slot(&self->s, self->src.handle, DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE);
	submission_slot(&self->s, self->src.handle, DRM_NEURON_SLOT_READ);
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));
}

TEST_F(submit, empty_slots)
{
	int64_t job;

	submission_slot(&self->s, 0, 0);
	submission_slot(&self->s, 0, 0);
	job = submit(self->fd, &self->s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));

	self->s.slots[3].size = 64;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.slots[3].size = 0;
	self->s.slots[3].offset = 64;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.slots[3].offset = 0;
	self->s.slots[3].flags = DRM_NEURON_SLOT_READ;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

TEST_F(submit, most_slots)
{
	struct drm_neuron_device_info info = {};
	static struct drm_neuron_slot slots[NEURON_MAX_SLOTS + 1];
	struct drm_neuron_submit args;
	uint32_t i;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	ASSERT_GE(NEURON_MAX_SLOTS, info.max_slots);
	for (i = 0; i <= info.max_slots; i++)
		slots[i] = self->s.slots[i == 0 ? 0 : 1 + !(i & 1)];
	args = self->s.args;
	args.slots = (struct drm_neuron_array) ARRAY(slots, info.max_slots);
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, args.job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 3));

	args.job = 0;
	args.slots.count++;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args.slots.count = UINT32_MAX;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args.slots.count = 0;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
}

TEST_F(submit, bad_slots)
{
	static const uint64_t bad[][2] = {
		{ 0, SIZE + 1 }, { 64, SIZE }, { SIZE, 0 }, { SIZE, 64 }, { SIZE + 64, 0 },
		{ 1, 64 }, { 63, 0 }, { 0, UINT64_MAX }, { UINT64_MAX - 63, 64 },
		{ UINT64_MAX - 63, UINT64_MAX }, { 1ull << 63, 1ull << 63 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		self->s.slots[2].offset = bad[i][0];
		self->s.slots[2].size = bad[i][1];
		EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	}
	self->s.slots[2].offset = 0;
	self->s.slots[2].size = 0;

	self->s.slots[2].flags = 0;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.slots[2].flags = DRM_NEURON_SLOT_WRITE | 4;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.slots[2].flags = DRM_NEURON_SLOT_WRITE;
	self->s.slots[2].handle = 777;
	EXPECT_EQ(-ENOENT, submit(self->fd, &self->s));
}

TEST_F(submit, bad_program)
{
	struct drm_neuron_submit good = self->s.args;

	self->s.args.program_slot = 3;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.program_slot = UINT32_MAX;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.program_slot = 2;	/* no READ */
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args = good;
	self->s.args.program_size = 0;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.program_size = UINT32_MAX;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args = good;
	self->s.args.program_offset = 1 << 20;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.program_offset = UINT64_MAX;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.program_offset = UINT64_MAX - good.program_size + 1;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args = good;
	submission_slot(&self->s, 0, 0);
	self->s.args.program_slot = 3;	/* empty */
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

TEST_F(submit, bad_report)
{
	self->s.args.report_slot = 1;	/* no WRITE */
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.report_slot = 3;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.report_slot = 2;
	self->s.args.report_offset = SIZE - sizeof(struct neuron_report) + 1;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.report_offset = UINT64_MAX;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
	self->s.args.report_slot = DRM_NEURON_NO_SLOT;
	self->s.args.report_offset = 1;
	EXPECT_EQ(-EINVAL, submit(self->fd, &self->s));
}

TEST_F(submit, bad_arguments)
{
	struct drm_neuron_submit good, args;

	ASSERT_EQ(1, submit(self->fd, &self->s));
	good = self->s.args;
	good.job = 0;

	args = good;
	args.flags = DRM_NEURON_SUBMIT_PROFILE;	/* there is no report */
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.flags = DRM_NEURON_SUBMIT_PREPARE << 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.pad = 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.timeout_ms = UINT32_MAX;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.slots.stride = 0;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.slots.stride = 8192;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.slots.ptr = 0;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	args = good;
	args.slots.ptr = UINT64_MAX - 8;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));

	/* Failed submissions use no numbers up. */
	args = good;
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_SUBMIT, &args));
	EXPECT_EQ(2, args.job);
}

/*
 * Jobs of a core keep their order, whether they find it idle or busy. They write to the
 * same place and don't wait for each other's buffers.
 */
TEST_F(submit, order)
{
	struct drm_neuron_job_status status;
	struct program p = program_new(self->fd);
	struct submission s;
	struct bo src[3];
	int64_t job;
	int i, k, last = 0;

	for (i = 0; i < 3; i++) {
		src[i] = bo_new(self->fd, DRM_NEURON_BO_HOST, 4096);
		ASSERT_TRUE(src[i].map);
		memset(src[i].map, 0x10 + i, 4096);
	}
	program_copy(&p, 1, 0, 2, 0, 4096);
	submission_init(&s, &p, 1);
	submission_slot(&s, src[0].handle, DRM_NEURON_SLOT_READ);
	submission_slot(&s, self->dst.handle, DRM_NEURON_SLOT_WRITE);
	s.args.flags = DRM_NEURON_SUBMIT_UNORDERED;

	for (i = 0; i < 500; i++) {
		for (k = 0, job = 0; k <= i % 5; k++) {
			volatile int spins = i * 37 % 4096;

			last = (i + k) % 3;
			s.slots[1].handle = src[last].handle;
			job = submit(self->fd, &s);
			ASSERT_LT(0, job);
			while (spins)
				spins--;
		}
		ASSERT_EQ(0, job_status_wait(self->fd, job, now_ns() + 10 * SECOND_NS, &status));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, status.state);
		ASSERT_TRUE(is_filled(self->dst.map, 4096, 0x10 + last));
	}
}

/* Far more jobs than the ring has room for. */
TEST_F(submit, thousands)
{
	struct drm_neuron_job_status status;
	int64_t job = 0;
	int i;

	program_header(&self->program)->num_insts = 0;
	program_inst(&self->program, NEURON_OP_NOP, NEURON_ENGINE_ACT);
	program_header(&self->program)->num_insts = 1;
	*(struct neuron_inst *)(self->program.bo.map + program_header(&self->program)->insts) =
		*(struct neuron_inst *)(self->program.bo.map +
					program_header(&self->program)->insts +
					2 * sizeof(struct neuron_inst));
	for (i = 0; i < 2000; i++) {
		job = submit(self->fd, &self->s);
		ASSERT_EQ(i + 1, job);
	}
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 20 * SECOND_NS));
	for (i = 1; i <= job; i++) {
		ASSERT_EQ(0, job_status(self->fd, i, &status));
		ASSERT_EQ(DRM_NEURON_JOB_DONE, status.state);
	}
}

TEST_HARNESS_MAIN
