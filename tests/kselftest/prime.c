// SPDX-License-Identifier: GPL-2.0-only
/* Buffers across files and drivers: PRIME export and import. */

#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "harness.h"
#include "neuron_test.h"

#define SIZE	(64 * 1024)

FIXTURE(prime) {
	int fd;
	int other;
	struct bo bo;
};

FIXTURE_VARIANT(prime) {
	uint32_t flags;
};

FIXTURE_VARIANT_ADD(prime, host) {
	.flags = DRM_NEURON_BO_HOST,
};

FIXTURE_VARIANT_ADD(prime, dram) {
	.flags = DRM_NEURON_BO_DRAM,
};

FIXTURE_SETUP(prime)
{
	self->fd = dev_open();
	self->other = dev_open();
	ASSERT_LE(0, self->fd);
	ASSERT_LE(0, self->other);
	self->bo = bo_new(self->fd, variant->flags, SIZE);
	ASSERT_TRUE(self->bo.map);
	fill_pattern(self->bo.map, SIZE, 9);
}

FIXTURE_TEARDOWN(prime)
{
	close(self->fd);
	close(self->other);
}

TEST_F(prime, another_file)
{
	int dmabuf = prime_export(self->fd, self->bo.handle);
	struct drm_neuron_bo_info info = {};
	void *map;

	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, prime_import(self->other, dmabuf, &info.handle));
	map = bo_map(self->other, info.handle, SIZE);
	ASSERT_TRUE(map);
	EXPECT_TRUE(check_pattern(map, SIZE, 9));
	ASSERT_EQ(0, dev_ioctl(self->other, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(variant->flags, info.flags);
	EXPECT_EQ(SIZE, info.size);
	close(dmabuf);
}

TEST_F(prime, same_file_same_handle)
{
	int dmabuf = prime_export(self->fd, self->bo.handle);
	uint32_t handle;

	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, prime_import(self->fd, dmabuf, &handle));
	EXPECT_EQ(self->bo.handle, handle);
	close(dmabuf);
}

TEST_F(prime, jobs_of_both_files)
{
	int dmabuf = prime_export(self->fd, self->bo.handle);
	struct drm_neuron_copy_op fill = { .size = SIZE, .value = 0x42 };

	ASSERT_LE(0, dmabuf);
	ASSERT_EQ(0, prime_import(self->other, dmabuf, &fill.dst_handle));
	ASSERT_EQ(0, copy_sync(self->other, &fill));
	EXPECT_TRUE(is_filled(self->bo.map, SIZE, 0x42));
	fill.dst_handle = self->bo.handle;
	fill.value = 0x43;
	ASSERT_EQ(0, copy_sync(self->fd, &fill));
	EXPECT_TRUE(is_filled(self->bo.map, SIZE, 0x43));
}

/* The buffer lives as long as anything that names it. */
TEST_F(prime, outlives_its_file)
{
	int dmabuf = prime_export(self->fd, self->bo.handle);
	uint32_t handle;
	void *map;

	ASSERT_LE(0, dmabuf);
	munmap(self->bo.map, SIZE);
	close(self->fd);
	ASSERT_EQ(0, prime_import(self->other, dmabuf, &handle));
	close(dmabuf);
	map = bo_map(self->other, handle, SIZE);
	ASSERT_TRUE(map);
	EXPECT_TRUE(check_pattern(map, SIZE, 9));
}

TEST_F(prime, mapping_of_the_dmabuf)
{
	int dmabuf = prime_export(self->fd, self->bo.handle);
	void *map;

	ASSERT_LE(0, dmabuf);
	map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	if (variant->flags == DRM_NEURON_BO_DRAM) {
		EXPECT_EQ(MAP_FAILED, map);
		return;
	}
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_TRUE(check_pattern(map, SIZE, 9));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE + 4096, PROT_READ, MAP_SHARED, dmabuf, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 4096));
}

TEST_F(prime, errors)
{
	uint32_t handle;
	int pipes[2];

	EXPECT_EQ(-ENOENT, prime_export(self->fd, 4711));
	EXPECT_EQ(-ENOENT, prime_export(self->other, self->bo.handle));
	EXPECT_EQ(-EBADF, prime_import(self->fd, -1, &handle));
	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-EINVAL, prime_import(self->fd, pipes[0], &handle));
}

FIXTURE(udmabuf) {
	int fd;
	int dmabuf;
	uint8_t *map;
	uint32_t handle;
};

FIXTURE_SETUP(udmabuf)
{
	struct udmabuf_create create = { .flags = UDMABUF_FLAGS_CLOEXEC, .size = SIZE };
	int dev = open("/dev/udmabuf", O_RDWR);

	if (dev < 0)
		SKIP(return, "no /dev/udmabuf");
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
	create.memfd = memfd_create("test", MFD_ALLOW_SEALING);
	ASSERT_LE(0, (int)create.memfd);
	ASSERT_EQ(0, ftruncate(create.memfd, SIZE));
	ASSERT_EQ(0, fcntl(create.memfd, F_ADD_SEALS, F_SEAL_SHRINK));
	self->map = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, create.memfd, 0);
	ASSERT_NE(MAP_FAILED, self->map);
	fill_pattern(self->map, SIZE, 4);
	self->dmabuf = ioctl(dev, UDMABUF_CREATE, &create);
	ASSERT_LE(0, self->dmabuf);
	close(create.memfd);
	close(dev);
	ASSERT_EQ(0, prime_import(self->fd, self->dmabuf, &self->handle));
}

FIXTURE_TEARDOWN(udmabuf)
{
	close(self->dmabuf);
	close(self->fd);
}

TEST_F(udmabuf, info)
{
	struct drm_neuron_bo_info info = { .handle = self->handle };

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_BO_INFO, &info));
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(SIZE, info.size);
}

TEST_F(udmabuf, copies)
{
	struct bo dram = bo_new(self->fd, DRM_NEURON_BO_DRAM, SIZE);
	struct drm_neuron_copy_op in = {
		.src_handle = self->handle, .dst_handle = dram.handle, .size = SIZE,
	};
	struct drm_neuron_copy_op fill = { .dst_handle = self->handle, .size = SIZE, .value = 1 };
	struct drm_neuron_copy_op out = {
		.src_handle = dram.handle, .dst_handle = self->handle, .size = SIZE,
	};

	ASSERT_TRUE(dram.map);
	ASSERT_EQ(0, copy_sync(self->fd, &in));
	EXPECT_TRUE(check_pattern(dram.map, SIZE, 4));
	ASSERT_EQ(0, copy_sync(self->fd, &fill));
	EXPECT_TRUE(is_filled(self->map, SIZE, 1));
	ASSERT_EQ(0, copy_sync(self->fd, &out));
	EXPECT_TRUE(check_pattern(self->map, SIZE, 4));
}

TEST_F(udmabuf, program)
{
	struct program p = program_new(self->fd);
	struct bo dst = bo_new(self->fd, DRM_NEURON_BO_HOST, SIZE);
	struct submission s;
	int64_t job;

	program_copy(&p, 1, 0, 2, 0, SIZE);
	submission_init(&s, &p, 0);
	submission_slot(&s, self->handle, DRM_NEURON_SLOT_READ);
	submission_slot(&s, dst.handle, DRM_NEURON_SLOT_WRITE);
	job = submit(self->fd, &s);
	ASSERT_LT(0, job);
	ASSERT_EQ(DRM_NEURON_JOB_DONE, job_wait(self->fd, job, 10 * SECOND_NS));
	EXPECT_TRUE(check_pattern(dst.map, SIZE, 4));
}

TEST_F(udmabuf, mapping_through_the_device)
{
	uint8_t *map = bo_map(self->fd, self->handle, SIZE);

	ASSERT_TRUE(map);
	EXPECT_TRUE(check_pattern(map, SIZE, 4));
	memset(map, 0x77, SIZE);
	EXPECT_TRUE(is_filled(self->map, SIZE, 0x77));
}

/* It goes on to a third party as what it was. */
TEST_F(udmabuf, exported_again)
{
	int other = dev_open(), again = prime_export(self->fd, self->handle);
	struct drm_neuron_copy_op fill = { .size = SIZE, .value = 3 };

	ASSERT_LE(0, other);
	ASSERT_LE(0, again);
	ASSERT_EQ(0, prime_import(other, again, &fill.dst_handle));
	ASSERT_EQ(0, copy_sync(other, &fill));
	EXPECT_TRUE(is_filled(self->map, SIZE, 3));
}

TEST_F(udmabuf, outlives_the_importer)
{
	struct drm_neuron_copy_op fill = { .dst_handle = self->handle, .size = SIZE, .value = 8 };

	ASSERT_EQ(0, copy_sync(self->fd, &fill));
	close(self->fd);
	EXPECT_TRUE(is_filled(self->map, SIZE, 8));
	self->fd = dev_open();
	ASSERT_EQ(0, prime_import(self->fd, self->dmabuf, &self->handle));
}

TEST_HARNESS_MAIN
