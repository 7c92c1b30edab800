// SPDX-License-Identifier: GPL-2.0-only
/* DRM_IOCTL_NEURON_QUERY: answers, size negotiation, errors. */

#include "harness.h"
#include "neuron_test.h"

FIXTURE(query) {
	int fd;
};

FIXTURE_SETUP(query)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(query)
{
	close(self->fd);
}

TEST_F(query, device)
{
	struct drm_neuron_device_info info = {};

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	EXPECT_EQ(NEURON_VERSION_MAJOR(NEURON_VERSION), NEURON_VERSION_MAJOR(info.hw_version));
	EXPECT_EQ(NEURON_ISA_VERSION, info.isa_version);
	EXPECT_LE(1, info.num_cores);
	EXPECT_GE(NEURON_MAX_CORES, info.num_cores);
	EXPECT_LE(1, info.num_dma_queues);
	EXPECT_GE(NEURON_MAX_SLOTS, info.max_slots);
	EXPECT_LE(64, info.max_slots);
	EXPECT_NE(0, info.sbuf_size);
	EXPECT_NE(0, info.psum_size);
	EXPECT_NE(0, info.dram_size);
	EXPECT_NE(0, info.clock_khz);
	EXPECT_NE(0, info.default_timeout_ms);
	EXPECT_NE(0, info.max_bo_size);
	EXPECT_EQ(0, info.pad);
	EXPECT_NE('\0', info.pool_name[0]);
	EXPECT_GT(sizeof(info.pool_name), strnlen(info.pool_name, sizeof(info.pool_name)));
}

TEST_F(query, pci_address)
{
	struct drm_neuron_device_info info = {};
	char address[32];

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &info, sizeof(info)));
	snprintf(address, sizeof(address), "%04x:%02x:%02x.%x", info.pci_domain, info.pci_bus,
		 info.pci_device, info.pci_function);
	EXPECT_STREQ(pci_address(), address);
}

TEST_F(query, core)
{
	struct drm_neuron_device_info device = {};
	struct drm_neuron_core_info core;
	uint32_t i;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_DEVICE, 0, &device, sizeof(device)));
	for (i = 0; i < device.num_cores; i++) {
		ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_CORE, i, &core, sizeof(core)));
		EXPECT_EQ(DRM_NEURON_CORE_IDLE, core.state);
		EXPECT_EQ(0, core.owned);
		EXPECT_EQ(0, core.owner_pid);
	}
	EXPECT_EQ(-EINVAL, query(self->fd, DRM_NEURON_QUERY_CORE, i, &core, sizeof(core)));
	EXPECT_EQ(-EINVAL, query(self->fd, DRM_NEURON_QUERY_CORE, ~0u, &core, sizeof(core)));
}

TEST_F(query, core_counts_jobs)
{
	struct drm_neuron_core_info before, after;

	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_CORE, 0, &before, sizeof(before)));
	ASSERT_EQ(0, core_works(self->fd, 0));
	ASSERT_EQ(0, query(self->fd, DRM_NEURON_QUERY_CORE, 0, &after, sizeof(after)));
	EXPECT_EQ(before.jobs + 1, after.jobs);
	EXPECT_LT(before.busy_ns, after.busy_ns);
	EXPECT_EQ(before.resets, after.resets);
}

TEST_F(query, memory)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), after;
	uint32_t dram, host;

	EXPECT_NE(0, before.dram_total);
	EXPECT_GE(before.dram_total, before.dram_free);
	EXPECT_GE(before.dram_free, before.dram_largest);
	EXPECT_EQ(0, before.context_dram);
	EXPECT_EQ(0, before.context_host);

	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_DRAM, 1 << 20, &dram));
	ASSERT_EQ(0, bo_create(self->fd, DRM_NEURON_BO_HOST, 1 << 21, &host));
	after = memory_info(self->fd);
	EXPECT_EQ(1 << 20, after.context_dram);
	EXPECT_EQ(1 << 21, after.context_host);
	EXPECT_EQ(before.dram_free - (1 << 20), after.dram_free);

	ASSERT_EQ(0, bo_close(self->fd, dram));
	ASSERT_EQ(0, bo_close(self->fd, host));
	after = memory_info(self->fd);
	EXPECT_EQ(0, after.context_dram);
	EXPECT_EQ(0, after.context_host);
	EXPECT_EQ(before.dram_free, after.dram_free);
	EXPECT_EQ(before.dram_largest, after.dram_largest);
}

TEST_F(query, size_alone)
{
	struct drm_neuron_query args = { .type = DRM_NEURON_QUERY_DEVICE };

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	EXPECT_EQ(sizeof(struct drm_neuron_device_info), args.size);
}

TEST_F(query, smaller_buffer)
{
	uint32_t words[4] = { 0, 0, 0xdeadbeef, 0xdeadbeef };
	struct drm_neuron_query args = {
		.type = DRM_NEURON_QUERY_DEVICE, .size = 8, .data = (uintptr_t)words,
	};

	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	EXPECT_EQ(sizeof(struct drm_neuron_device_info), args.size);
	EXPECT_NE(0, words[0]);
	EXPECT_EQ(0xdeadbeef, words[2]);
}

TEST_F(query, larger_buffer)
{
	uint8_t buf[4096];
	struct drm_neuron_query args = {
		.type = DRM_NEURON_QUERY_MEMORY, .size = sizeof(buf), .data = (uintptr_t)buf,
	};

	memset(buf, 0xaa, sizeof(buf));
	ASSERT_EQ(0, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	EXPECT_EQ(sizeof(struct drm_neuron_memory_info), args.size);
	EXPECT_TRUE(is_filled(buf + args.size, sizeof(buf) - args.size, 0xaa));
}

TEST_F(query, bad_arguments)
{
	struct drm_neuron_device_info info;
	struct drm_neuron_query args;

	args = (struct drm_neuron_query) { .type = 77 };
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	args = (struct drm_neuron_query) { .type = DRM_NEURON_QUERY_DEVICE, .pad = 1 };
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	args = (struct drm_neuron_query) { .type = DRM_NEURON_QUERY_DEVICE, .index = 1 };
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	args = (struct drm_neuron_query) { .type = DRM_NEURON_QUERY_MEMORY, .index = 1 };
	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
	args = (struct drm_neuron_query) {
		.type = DRM_NEURON_QUERY_DEVICE, .size = sizeof(info), .data = 8,
	};
	EXPECT_EQ(-EFAULT, dev_ioctl(self->fd, DRM_IOCTL_NEURON_QUERY, &args));
}

TEST_F(query, unknown_ioctl)
{
	uint64_t arg = 0;

	EXPECT_EQ(-EINVAL, dev_ioctl(self->fd, DRM_IOWR(DRM_COMMAND_BASE + 0x20, uint64_t), &arg));
}

TEST_HARNESS_MAIN
