// SPDX-License-Identifier: GPL-2.0-only
/* DRM_IOCTL_NEURON_COPY: all directions, alignments, fills, errors. */

#include "harness.h"
#include "neuron_test.h"

#define SIZE	(256 * 1024)

FIXTURE(copy) {
	int fd;
	struct bo src;
	struct bo dst;
};

FIXTURE_VARIANT(copy) {
	uint32_t src;
	uint32_t dst;
};

FIXTURE_VARIANT_ADD(copy, host_to_dram) {
	DRM_NEURON_BO_HOST, DRM_NEURON_BO_DRAM,
};

FIXTURE_VARIANT_ADD(copy, dram_to_host) {
	DRM_NEURON_BO_DRAM, DRM_NEURON_BO_HOST,
};

FIXTURE_VARIANT_ADD(copy, dram_to_dram) {
	DRM_NEURON_BO_DRAM, DRM_NEURON_BO_DRAM,
};

FIXTURE_VARIANT_ADD(copy, host_to_host) {
	DRM_NEURON_BO_HOST, DRM_NEURON_BO_HOST,
};

FIXTURE_SETUP(copy)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	self->src = bo_new(self->fd, variant->src, SIZE);
	self->dst = bo_new(self->fd, variant->dst, SIZE);
	ASSERT_TRUE(self->src.map && self->dst.map);
	fill_pattern(self->src.map, SIZE, 7);
	memset(self->dst.map, 0xcc, SIZE);
}

FIXTURE_TEARDOWN(copy)
{
	close(self->fd);
}

TEST_F(copy, whole)
{
	struct drm_neuron_copy_op op = {
		.src_handle = self->src.handle, .dst_handle = self->dst.handle, .size = SIZE,
	};

	ASSERT_EQ(0, copy_sync(self->fd, &op));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 7));
	EXPECT_TRUE(check_pattern(self->src.map, SIZE, 7));
}

/* Any byte offset and length, and not a byte more. */
TEST_F(copy, unaligned)
{
	static const struct { uint32_t src, dst, size; } cases[] = {
		{ 0, 0, 1 }, { 1, 0, 1 }, { 0, 4095, 2 }, { 4095, 1, 4097 }, { 17, 33, 12345 },
		{ SIZE - 1, SIZE - 1, 1 }, { 3, 5, SIZE - 5 }, { 4096, 8191, 8193 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct drm_neuron_copy_op op = {
			.src_handle = self->src.handle, .dst_handle = self->dst.handle,
			.src_offset = cases[i].src, .dst_offset = cases[i].dst,
			.size = cases[i].size,
		};

		memset(self->dst.map, 0xcc, SIZE);
		ASSERT_EQ(0, copy_sync(self->fd, &op));
		EXPECT_EQ(0, memcmp(self->dst.map + op.dst_offset, self->src.map + op.src_offset,
				    op.size));
		EXPECT_TRUE(is_filled(self->dst.map, op.dst_offset, 0xcc));
		EXPECT_TRUE(is_filled(self->dst.map + op.dst_offset + op.size,
				      SIZE - op.dst_offset - op.size, 0xcc));
	}
}

TEST_F(copy, many_ops)
{
	struct drm_neuron_copy_op ops[64];
	uint32_t i, part = SIZE / 64;
	int64_t job;

	/* Backwards, so that the order of the parts is seen to be right. */
	for (i = 0; i < 64; i++)
		ops[i] = (struct drm_neuron_copy_op) {
			.src_handle = self->src.handle, .dst_handle = self->dst.handle,
			.src_offset = (63 - i) * part, .dst_offset = i * part, .size = part,
		};
	job = copy_async(self->fd, ops, 64, 0, 0);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	for (i = 0; i < 64; i++)
		EXPECT_EQ(0, memcmp(self->dst.map + i * part, self->src.map + (63 - i) * part,
				    part));
}

/* Copies that follow each other without waiting are ordered by their buffers. */
TEST_F(copy, implicit_order)
{
	struct drm_neuron_copy_op op = {
		.src_handle = self->src.handle, .dst_handle = self->dst.handle, .size = SIZE,
	};
	struct drm_neuron_copy_op fill = { .dst_handle = self->dst.handle, .size = SIZE };
	int64_t job = 0;
	int i;

	for (i = 0; i < 50; i++) {
		fill.value = i;
		ASSERT_LT(0, copy_async(self->fd, &fill, 1, 0, 0));
		job = copy_async(self->fd, &op, 1, 0, 0);
		ASSERT_LT(0, job);
	}
	ASSERT_EQ(0, bo_wait(self->fd, self->dst.handle, 0, now_ns() + 10 * SECOND_NS));
	EXPECT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, SECOND_NS));
	EXPECT_TRUE(check_pattern(self->dst.map, SIZE, 7));
}

TEST_F(copy, fill)
{
	struct drm_neuron_copy_op op = {
		.dst_handle = self->dst.handle, .dst_offset = 1001, .size = 100003, .value = 0x5a,
	};

	ASSERT_EQ(0, copy_sync(self->fd, &op));
	EXPECT_TRUE(is_filled(self->dst.map, 1001, 0xcc));
	EXPECT_TRUE(is_filled(self->dst.map + 1001, 100003, 0x5a));
	EXPECT_TRUE(is_filled(self->dst.map + 101004, SIZE - 101004, 0xcc));
}

TEST_F(copy, fill_with_zeros)
{
	struct drm_neuron_copy_op op = {
		.dst_handle = self->dst.handle, .dst_offset = 100, .size = SIZE - 200,
	};

	ASSERT_EQ(0, copy_sync(self->fd, &op));
	EXPECT_TRUE(is_filled(self->dst.map, 100, 0xcc));
	EXPECT_TRUE(is_filled(self->dst.map + 100, SIZE - 200, 0));
	EXPECT_TRUE(is_filled(self->dst.map + SIZE - 100, 100, 0xcc));
}

static int try_op(int fd, struct drm_neuron_copy_op op)
{
	return copy_async(fd, &op, 1, 0, 0);
}

TEST_F(copy, out_of_bounds)
{
	uint32_t src = self->src.handle, dst = self->dst.handle;
	static const uint64_t bad[][2] = {
		{ 0, SIZE + 1 }, { 1, SIZE }, { SIZE, 1 }, { SIZE + 4096, 1 },
		{ 0, UINT64_MAX }, { UINT64_MAX, 1 }, { UINT64_MAX, UINT64_MAX },
		{ 1ull << 63, 1ull << 63 }, { UINT64_MAX - 4095, 4096 },
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(bad); i++) {
		uint64_t offset = bad[i][0], size = bad[i][1];

		EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
			.src_handle = src, .dst_handle = dst, .src_offset = offset, .size = size }));
		EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
			.src_handle = src, .dst_handle = dst, .dst_offset = offset, .size = size }));
		EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
			.dst_handle = dst, .dst_offset = offset, .size = size }));
	}
	EXPECT_TRUE(is_filled(self->dst.map, SIZE, 0xcc));
}

TEST_F(copy, bad_ops)
{
	uint32_t src = self->src.handle, dst = self->dst.handle;

	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = src, .dst_handle = dst, .size = 0 }));
	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = src, .dst_handle = dst, .size = 1, .value = 1 }));
	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = src, .dst_handle = dst, .size = 1, .pad = 1 }));
	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = src, .size = 1 }));
	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.dst_handle = dst, .size = 1, .value = 256 }));
	EXPECT_EQ(-EINVAL, try_op(self->fd, (struct drm_neuron_copy_op) {
		.dst_handle = dst, .size = 1, .src_offset = 1 }));
	EXPECT_EQ(-ENOENT, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = 999, .dst_handle = dst, .size = 1 }));
	EXPECT_EQ(-ENOENT, try_op(self->fd, (struct drm_neuron_copy_op) {
		.src_handle = src, .dst_handle = 999, .size = 1 }));
}

TEST_F(copy, bad_arguments)
{
	struct drm_neuron_copy_op ops[65] = { { .dst_handle = self->dst.handle, .size = 1 } };
	struct drm_neuron_copy good = { .ops = { (uintptr_t)ops, 1, sizeof(ops[0]) } }, args;
	uint32_t i;

	for (i = 1; i < ARRAY_LEN(ops); i++)
		ops[i] = ops[0];

	args = good;
	args.ops.count = 0;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.count = 65;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.count = UINT32_MAX;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.stride = 0;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.stride = sizeof(ops[0]) - 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.stride = UINT32_MAX;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.ops.ptr = 8;
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.flags = 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	args = good;
	args.pad = 1;
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));

	args = good;
	EXPECT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	EXPECT_EQ(1, args.job);
	EXPECT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	EXPECT_EQ(2, args.job);
}

/* Elements of a future, longer form: fine as long as the new part is zero. */
TEST_F(copy, longer_elements)
{
	struct { struct drm_neuron_copy_op op; uint64_t more; } ops[2] = {
		{ .op = { .dst_handle = self->dst.handle, .size = 10, .value = 1 } },
		{ .op = { .dst_handle = self->dst.handle, .dst_offset = 10, .size = 10, .value = 2 } },
	};
	struct drm_neuron_copy args = { .ops = ARRAY(ops, 2) };

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, args.job, 10 * SECOND_NS));
	EXPECT_TRUE(is_filled(self->dst.map, 10, 1));
	EXPECT_TRUE(is_filled(self->dst.map + 10, 10, 2));

	args.job = 0;
	ops[1].more = 1;
	EXPECT_EQ(-E2BIG, dev_ioctl(self->fd, DRM_IOCTL_NEURON_COPY, &args));
}

/* 64 MiB at once: a page list of many pages, and a long transfer. */
TEST_F(copy, large)
{
	uint64_t size = 64 << 20;
	struct bo src = bo_new(self->fd, variant->src, size);
	struct bo dst = bo_new(self->fd, variant->dst, size);
	struct drm_neuron_copy_op op = {
		.src_handle = src.handle, .dst_handle = dst.handle, .size = size,
	};
	uint64_t i;

	ASSERT_TRUE(src.map && dst.map);
	for (i = 0; i < size; i += 4096)
		*(uint64_t *)(src.map + i) = i * 0x9e3779b97f4a7c15ull;
	ASSERT_EQ(0, copy_sync(self->fd, &op));
	for (i = 0; i < size; i += 4096)
		if (*(uint64_t *)(dst.map + i) != i * 0x9e3779b97f4a7c15ull)
			break;
	EXPECT_EQ(size, i);
}

TEST_HARNESS_MAIN
