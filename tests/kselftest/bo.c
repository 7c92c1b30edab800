// SPDX-License-Identifier: GPL-2.0-only
/* Buffer objects: creation, mappings, waiting, errors. */

#include <sys/wait.h>

#include "harness.h"
#include "neuron_test.h"

FIXTURE(bo) {
	int fd;
};

FIXTURE_VARIANT(bo) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(bo, host) {
	.flags = DRM_NEURON_BO_HOST,
};

FIXTURE_VARIANT_ADD(bo, dram) {
	.flags = DRM_NEURON_BO_DRAM,
};

FIXTURE_SETUP(bo)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(bo)
{
	close(self->fd);
}

TEST_F(bo, create_rounds_up)
{
	struct drm_neuron_bo_create create = { .size = 5000, .flags = variant->flags };
	struct drm_neuron_bo_info info = {};

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create));
	EXPECT_EQ(8192, create.size);
	EXPECT_NE(0, create.handle);

	info.handle = create.handle;
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(variant->flags, info.flags);
	EXPECT_EQ(8192, info.size);
	EXPECT_NE(0, info.mmap_offset);
}

TEST_F(bo, create_bad_size)
{
	static const uint64_t sizes[] = { 0, 1ull << 32, 1ull << 48, UINT64_MAX - 4094, UINT64_MAX };
	uint32_t handle;
	size_t i;

	for (i = 0; i < ARRAY_LEN(sizes); i++)
		EXPECT_EQ(-EINVAL, bo_create(self->fd, variant->flags, sizes[i], &handle));
}

TEST_F(bo, create_bad_flags)
{
	uint32_t handle;

	EXPECT_EQ(-EINVAL, bo_create(self->fd, 0, 4096, &handle));
	EXPECT_EQ(-EINVAL, bo_create(self->fd, 3, 4096, &handle));
	EXPECT_EQ(-EINVAL, bo_create(self->fd, variant->flags | 4, 4096, &handle));
	EXPECT_EQ(-EINVAL, bo_create(self->fd, variant->flags | 1u << 31, 4096, &handle));
}

/* What is only output may hold anything, and is left alone on errors. */
TEST_F(bo, create_outputs)
{
	struct drm_neuron_bo_create create = { .size = 5000, .flags = variant->flags, .handle = 77 };

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create));
	EXPECT_NE(77, create.handle);
	create = (struct drm_neuron_bo_create) { .size = 0, .flags = variant->flags, .handle = 77 };
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_CREATE, &create));
	EXPECT_EQ(77, create.handle);
	EXPECT_EQ(0, create.size);
}

TEST_F(bo, info_errors)
{
	struct drm_neuron_bo_info info = { .handle = 12345 };

	EXPECT_EQ(-ENOENT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
	info = (struct drm_neuron_bo_info) {};
	EXPECT_EQ(-ENOENT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
}

TEST_F(bo, closed_handle)
{
	struct drm_neuron_bo_info info = {};

	ASSERT_EQ(0, bo_create(self->fd, variant->flags, 4096, &info.handle));
	ASSERT_EQ(0, bo_close(self->fd, info.handle));
	EXPECT_EQ(-ENOENT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(-EINVAL, bo_close(self->fd, info.handle));
}

TEST_F(bo, starts_as_zeros)
{
	struct bo bo = bo_new(self->fd, variant->flags, 1 << 20);

	ASSERT_TRUE(bo.map);
	EXPECT_TRUE(is_filled(bo.map, bo.size, 0));
}

TEST_F(bo, reused_memory_is_zero)
{
	struct bo bo;
	int i;

	for (i = 0; i < 8; i++) {
		bo = bo_new(self->fd, variant->flags, 1 << 20);
		ASSERT_TRUE(bo.map);
		EXPECT_TRUE(is_filled(bo.map, bo.size, 0));
		memset(bo.map, 0xa5, bo.size);
		munmap(bo.map, bo.size);
		ASSERT_EQ(0, bo_close(self->fd, bo.handle));
	}
}

TEST_F(bo, mmap_keeps_data)
{
	struct bo bo = bo_new(self->fd, variant->flags, 1 << 20);
	void *again;

	ASSERT_TRUE(bo.map);
	fill_pattern(bo.map, bo.size, 1);
	again = bo_map(self->fd, bo.handle, bo.size);
	ASSERT_TRUE(again);
	EXPECT_TRUE(check_pattern(again, bo.size, 1));
}

TEST_F(bo, mmap_outlives_handle)
{
	struct bo bo = bo_new(self->fd, variant->flags, 1 << 16);

	ASSERT_TRUE(bo.map);
	fill_pattern(bo.map, bo.size, 2);
	ASSERT_EQ(0, bo_close(self->fd, bo.handle));
	EXPECT_TRUE(check_pattern(bo.map, bo.size, 2));
}

TEST_F(bo, mmap_bad_ranges)
{
	struct drm_neuron_bo_info info = {};

	ASSERT_EQ(0, bo_create(self->fd, variant->flags, 8192, &info.handle));
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));

	/* Too long, starting inside, offset of nothing, private and writable. */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 12288, PROT_READ, MAP_SHARED, self->fd, info.mmap_offset));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ, MAP_SHARED, self->fd,
				   info.mmap_offset + 4096));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, self->fd, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, self->fd,
				   info.mmap_offset));
}

TEST_F(bo, mmap_cannot_grow)
{
	struct bo bo = bo_new(self->fd, variant->flags, 8192);

	ASSERT_TRUE(bo.map);
	EXPECT_EQ(MAP_FAILED, mremap(bo.map, 8192, 16384, MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(bo, mmap_split_keeps_offsets)
{
	struct bo bo = bo_new(self->fd, variant->flags, 1 << 20);
	uint8_t *map = bo.map;
	uint32_t i;

	ASSERT_TRUE(map);
	for (i = 0; i < 256; i++)
		map[i * 4096] = i;
	munmap(map, bo.size);

	/* The rest of a mapping still shows the rest of the buffer. */
	map = bo_map(self->fd, bo.handle, bo.size);
	ASSERT_TRUE(map);
	ASSERT_EQ(0, munmap(map, 100 * 4096));
	for (i = 100; i < 256; i++)
		EXPECT_EQ(i, map[i * 4096]);
}

TEST_F(bo, mmap_after_fork)
{
	struct bo bo = bo_new(self->fd, variant->flags, 1 << 16);
	int status;
	pid_t pid;

	ASSERT_TRUE(bo.map);
	fill_pattern(bo.map, bo.size, 3);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		bool good = check_pattern(bo.map, bo.size, 3);

		memset(bo.map, 0x11, bo.size);
		_exit(good ? 0 : 1);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(is_filled(bo.map, bo.size, 0x11));
}

TEST_F(bo, mmap_of_other_file)
{
	struct drm_neuron_bo_info info = {};
	int other = dev_open();

	ASSERT_LE(0, other);
	ASSERT_EQ(0, bo_create(self->fd, variant->flags, 4096, &info.handle));
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 4096, PROT_READ, MAP_SHARED, other, info.mmap_offset));
	EXPECT_EQ(EACCES, errno);
	close(other);
}

TEST_F(bo, wait_idle)
{
	uint32_t handle;

	ASSERT_EQ(0, bo_create(self->fd, variant->flags, 4096, &handle));
	EXPECT_EQ(0, bo_wait(self->fd, handle, 0, 0));
	EXPECT_EQ(0, bo_wait(self->fd, handle, DRM_NEURON_BO_WAIT_READ, 0));
	EXPECT_EQ(0, bo_wait(self->fd, handle, 0, now_ns() + SECOND_NS));
	EXPECT_EQ(0, bo_wait(self->fd, handle, 0, INT64_MAX));
	EXPECT_EQ(0, bo_wait(self->fd, handle, 0, INT64_MIN));
}

TEST_F(bo, wait_errors)
{
	uint32_t handle;

	ASSERT_EQ(0, bo_create(self->fd, variant->flags, 4096, &handle));
	EXPECT_EQ(-ENOENT, bo_wait(self->fd, handle + 1, 0, 0));
	EXPECT_EQ(-ENOENT, bo_wait(self->fd, 0, 0, 0));
	EXPECT_EQ(-EINVAL, bo_wait(self->fd, handle, 2, 0));
}

TEST_F(bo, many)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), after;
	uint32_t handles[500];
	size_t i;

	for (i = 0; i < ARRAY_LEN(handles); i++)
		ASSERT_EQ(0, bo_create(self->fd, variant->flags, 4096 * (1 + i % 5), &handles[i]));
	for (i = 0; i < ARRAY_LEN(handles); i++)
		ASSERT_EQ(0, bo_close(self->fd, handles[i]));
	after = memory_info(self->fd);
	EXPECT_EQ(before.dram_free, after.dram_free);
	EXPECT_EQ(before.dram_largest, after.dram_largest);
}

FIXTURE(dram) {
	int fd;
};

FIXTURE_SETUP(dram)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(dram)
{
	close(self->fd);
}

/* All of it can be had, more gives ENOSPC, and all of it comes back. */
TEST_F(dram, exhaustion)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), info = before;
	uint32_t handles[64], n = 0, other;

	while (info.dram_free && n < ARRAY_LEN(handles)) {
		ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, info.dram_largest, &handles[n]));
		n++;
		info = memory_info(self->fd);
	}
	EXPECT_EQ(0, info.dram_free);
	EXPECT_EQ(before.dram_free, info.context_dram);
	EXPECT_EQ(-ENOSPC, bo_create(self->fd, DRM_NEURON_BO_DRAM, 4096, &other));

	/* What has just been freed can be had at once. */
	ASSERT_EQ(0, bo_close(self->fd, handles[--n]));
	EXPECT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 4096, &other));
	ASSERT_EQ(0, bo_close(self->fd, other));

	while (n)
		ASSERT_EQ(0, bo_close(self->fd, handles[--n]));
	info = memory_info(self->fd);
	EXPECT_EQ(before.dram_free, info.dram_free);
	EXPECT_EQ(before.dram_largest, info.dram_largest);
}

/* A buffer in the last page of device DRAM works like any other. */
TEST_F(dram, last_byte)
{
	struct drm_neuron_memory_info info = memory_info(self->fd);
	uint32_t handles[64], n = 0;
	uint8_t *map;
	uint64_t size = 0;

	while (info.dram_free && n < ARRAY_LEN(handles)) {
		size = info.dram_largest;
		ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, size, &handles[n++]));
		info = memory_info(self->fd);
	}
	map = bo_map(self->fd, handles[n - 1], size);
	ASSERT_TRUE(map);
	map[size - 1] = 0x5a;
	munmap(map, size);
	map = bo_map(self->fd, handles[n - 1], size);
	ASSERT_TRUE(map);
	EXPECT_EQ(0x5a, map[size - 1]);
}

TEST_HARNESS_MAIN
