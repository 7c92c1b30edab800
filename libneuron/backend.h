/* SPDX-License-Identifier: MIT */
/*
 * What a backend does for neuron.h. There are two: drm.c, the kernel driver, and
 * sim.c, the chip in this process. device.c checks arguments, does what is the
 * same for both, and is the only caller.
 */
#ifndef LIBNEURON_BACKEND_H
#define LIBNEURON_BACKEND_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include "include/neuron.h"

struct backend;

/**
 * struct neuron_device - what all backends know of an open device
 * @backend: its backend
 * @info: what it is; filled in by the backend's open()
 * @direct_limit: the most bytes of device DRAM that are better moved by the
 *		  processor through a mapping than by DMA through @staging
 * @lock: guards @staging
 * @staging: a host buffer for transfers, made when first needed
 */
struct neuron_device {
	const struct backend *backend;
	struct neuron_device_info info;
	uint64_t direct_limit;
	pthread_mutex_t lock;
	struct neuron_buffer *staging;
};

/**
 * struct neuron_buffer - what all backends know of a buffer
 * @device: its device
 * @memory: where it is
 * @size: bytes asked for
 * @lock: guards @address while it is being made
 * @address: mapping into this process, 0 until first needed
 */
struct neuron_buffer {
	struct neuron_device *device;
	enum neuron_memory memory;
	uint64_t size;
	pthread_mutex_t lock;
	atomic_uintptr_t address;
	bool counted;		/* the rest is for stats.c */
	unsigned char use;
	unsigned int vnc;
};

struct neuron_job {
	struct neuron_device *device;
};

/**
 * struct transfer - a copy or fill by the DMA queues
 * @dst: destination
 * @dst_offset: first byte in @dst
 * @src: source, or NULL to fill with @value
 * @src_offset: first byte in @src
 * @size: bytes
 * @value: byte to repeat
 */
struct transfer {
	struct neuron_buffer *dst;
	uint64_t dst_offset;
	struct neuron_buffer *src;
	uint64_t src_offset;
	uint64_t size;
	uint8_t value;
};

/**
 * struct backend - operations; see the calls of neuron.h with these names
 * @count: devices; @path: NULL or a single node to look at
 * @open: allocates its device around a zeroed struct neuron_device and fills in
 *	  info and direct_limit
 * @close: frees it
 * @forked: this is a child that inherited it: let go of what keeps it alive
 * @cores_acquire: -EBUSY is not logged: who wants any free cores tries others
 * @buffer_create: the same for a buffer; device, memory and size are set after
 * @buffer_map: make the mapping, called once a buffer
 * @transfer: do it and wait; 0: it has ended, how is in @result
 * @submit: allocates its job
 * @lost: what has become of a device or core that is lost, and what to do
 * @wait: @deadline_ns is absolute on CLOCK_MONOTONIC, INT64_MAX for ever
 */
struct backend {
	const char *name;
	int (*count)(const char *path, unsigned int *count);
	int (*open)(const char *path, unsigned int index, struct neuron_device **device);
	void (*close)(struct neuron_device *device);
	void (*forked)(struct neuron_device *device);
	int (*core_info)(struct neuron_device *device, unsigned int core,
			 struct neuron_core_info *info);
	int (*memory_info)(struct neuron_device *device,
			   struct neuron_memory_info *info);
	int (*cores_acquire)(struct neuron_device *device, uint32_t mask);
	int (*cores_release)(struct neuron_device *device, uint32_t mask);
	int (*buffer_create)(struct neuron_device *device, enum neuron_memory memory,
			     uint64_t size, struct neuron_buffer **buffer);
	void (*buffer_free)(struct neuron_buffer *buffer);
	int (*buffer_map)(struct neuron_buffer *buffer, void **address);
	int (*buffer_export)(struct neuron_buffer *buffer, int *fd);
	int (*transfer)(struct neuron_device *device, const struct transfer *transfer,
			struct neuron_job_result *result);
	void (*lost)(struct neuron_device *device, char *text, size_t size);
	int (*submit)(struct neuron_device *device,
		      const struct neuron_submission *submission,
		      struct neuron_job **job);
	int (*wait)(struct neuron_job *job, int64_t deadline_ns,
		    struct neuron_job_result *result);
	void (*job_free)(struct neuron_job *job);
	int (*inject)(struct neuron_device *device, unsigned int injection,
		      unsigned int queue, uint32_t count, uint64_t arg);
};

extern const struct backend drm_backend;
extern const struct backend sim_backend;

/* The number behind "sim:", checked; 1 for "sim"; 0 for anything else. */
unsigned int sim_chips(const char *where);

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t now_ns(void);

#endif /* LIBNEURON_BACKEND_H */
