/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the driver share: the device file, its calls, programs.
 *
 * The calls return 0 or a negative error number, so that a test can say which
 * error it expects. They don't retry when interrupted.
 */
#ifndef NEURON_TEST_H
#define NEURON_TEST_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

#include <uapi/drm/neuron_accel.h>
#include <neuron/isa.h>
#include <neuron/regs.h>

#define MS_NS		1000000ll
#define SECOND_NS	1000000000ll

#define ARRAY_LEN(a)	(sizeof(a) / sizeof((a)[0]))

/* An array argument of an ioctl. */
#define ARRAY(a, n)	{ (uintptr_t)(a), (n), sizeof((a)[0]) }

int dev_open(void);
int dev_ioctl(int fd, unsigned long request, void *arg);
int64_t now_ns(void);

/*
 * How long, in all, the machine has kept a process of this test from running that wanted
 * to, since stalls_watch(). What has to happen within a time gets that on top: a host with
 * other work is no fault of the driver.
 */
void stalls_watch(void);
int64_t stalls_ns(void);

#define EXPECT_WITHIN(ns, since) do {				\
	int64_t took = now_ns() - (since);			\
								\
	EXPECT_GT((ns) + stalls_ns(), took);			\
} while (0)

/**
 * struct bo - a buffer object
 * @handle: handle, 0 if it could not be created
 * @size: bytes
 * @map: mapping, or NULL
 */
struct bo {
	uint32_t handle;
	uint64_t size;
	uint8_t *map;
};

struct bo bo_new(int fd, uint32_t flags, uint64_t size);	/* created and mapped */
int bo_create(int fd, uint32_t flags, uint64_t size, uint32_t *handle);
void *bo_map(int fd, uint32_t handle, uint64_t size);
int bo_close(int fd, uint32_t handle);
int bo_wait(int fd, uint32_t handle, uint32_t flags, int64_t timeout_ns);
int prime_export(int fd, uint32_t handle);
int prime_import(int fd, int dmabuf, uint32_t *handle);

int query(int fd, uint32_t type, uint32_t index, void *data, uint32_t size);
struct drm_neuron_memory_info memory_info(int fd);
int job_status(int fd, uint64_t job, struct drm_neuron_job_status *status);
/* The same once it has ended, or -ETIME at @deadline. */
int job_status_wait(int fd, uint64_t job, int64_t deadline, struct drm_neuron_job_status *status);

uint32_t syncobj_new(int fd);
int syncobj_wait(int fd, uint32_t handle, uint64_t point, int64_t timeout_ns);
int syncobj_export(int fd, uint32_t handle, bool sync_file);

/* Copies of one operation; the result is the job's number, or an error. */
int64_t copy_async(int fd, const struct drm_neuron_copy_op *ops, uint32_t count,
		   uint32_t in_sync, uint32_t out_sync);
int copy_sync(int fd, const struct drm_neuron_copy_op *op);

/**
 * struct program - a program under construction, in a buffer of its own
 * @bo: holds it
 * @tensors: how many there are
 * @insts: how many there are
 */
struct program {
	struct bo bo;
	uint32_t tensors;
	uint32_t insts;
};

#define PROGRAM_MAX_TENSORS	32
#define PROGRAM_MAX_INSTS	32

struct program program_new(int fd);
struct neuron_program_header *program_header(struct program *p);
uint16_t program_tensor(struct program *p, unsigned int space, unsigned int slot, uint64_t offset,
			uint32_t bytes);
struct neuron_inst *program_inst(struct program *p, unsigned int opcode, unsigned int engine);
void program_load(struct program *p, unsigned int slot, uint64_t offset, uint64_t sbuf,
		  uint32_t bytes);
void program_store(struct program *p, uint64_t sbuf, unsigned int slot, uint64_t offset,
		   uint32_t bytes);
void program_copy(struct program *p, unsigned int src, uint64_t src_offset, unsigned int dst,
		  uint64_t dst_offset, uint32_t bytes);

/*
 * A submission of a program on a core: slot 0 is the program, further slots
 * follow in order. To be changed by the test before submit().
 */
struct submission {
	struct drm_neuron_submit args;
	struct drm_neuron_slot slots[8];
	struct drm_neuron_sync in[4];
	struct drm_neuron_sync out[4];
};

void submission_init(struct submission *s, struct program *p, uint32_t core);
void submission_slot(struct submission *s, uint32_t handle, uint32_t flags);
void submission_in(struct submission *s, uint32_t handle, uint64_t point);
void submission_out(struct submission *s, uint32_t handle, uint64_t point);
int64_t submit(int fd, struct submission *s);	/* the job's number, or an error */

/* Wait until a job has ended; its state, or an error. */
int job_wait(int fd, uint64_t job, int64_t timeout_ns);

/* A nop on a core, there and back; 0 or an error. */
int core_works(int fd, uint32_t core);

/* Fault injection; false where the device doesn't offer it. */
bool can_inject(void);
int inject(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The accelerator's PCI address, from sysfs. */
const char *pci_address(void);
/* Bind the driver to it; done when the device file is there again. */
int bind_driver(const char *address);
int write_file(const char *path, const char *text);
int read_file(const char *path, char *buf, size_t size);

void fill_pattern(void *p, size_t size, uint32_t seed);
bool check_pattern(const void *p, size_t size, uint32_t seed);
bool is_filled(const void *p, size_t size, uint8_t value);

#endif /* NEURON_TEST_H */
