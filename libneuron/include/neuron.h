/* SPDX-License-Identifier: MIT */
/*
 * The device below the runtime: for people who write a runtime of their own,
 * and for tools that want to know more than nrt.h tells.
 *
 * open a device, acquire cores, make buffers, submit programs, wait.
 *
 * - Calls return 0, or a negative errno value; each failure also logs one line,
 *   which neuron_error() repeats. Common to all: -EINVAL, -ENOMEM, -ENODEV once
 *   the device is gone. Of those that move data, when the DMA that does it fails:
 *   -ETIMEDOUT, -EFAULT (the bus refused it), -EBADMSG (an uncorrectable error in device
 *   DRAM), -ECANCELED (a reset that something else caused), -EREMOTEIO (the chip failed).
 * - All may be called from any thread, but objects are freed by one thread after
 *   all others are done with them, buffers and jobs before their device.
 * - Where there are two backends they behave alike: "drm" is the kernel driver,
 *   "sim" the same chip inside this process.
 */
#ifndef NEURON_H
#define NEURON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nrt/nrt.h"

#ifdef __cplusplus
extern "C" {
#endif

struct neuron_device;
struct neuron_buffer;
struct neuron_job;
struct neuron_report;	/* <neuron/report.h> */
struct neuron_inst_record;

/*
 * Devices
 */

/**
 * neuron_device_count() - devices that can be opened
 * @where: "drm": those of the kernel driver; "sim" or "sim:N": 1 or N (up to
 *	   16) chips of four cores in this process; a path like
 *	   "/dev/accel/accel0": that one; NULL: what NEURON_RT_DEVICE says, or
 *	   "drm" without it
 * @count: receives the number
 *
 * Return: 0; -ENODEV: there is none; -EACCES: there are, but not for this user.
 */
int neuron_device_count(const char *where, unsigned int *count);

/**
 * neuron_device_open() - open a device
 * @where: see neuron_device_count()
 * @index: below the count
 * @device: receives the device, to be closed with neuron_device_close()
 *
 * Each open device is a context: nothing of others can be reached through it.
 */
int neuron_device_open(const char *where, unsigned int index,
		       struct neuron_device **device);

/**
 * neuron_device_close() - close a device and release its cores
 * @device: may be NULL; its buffers and jobs have been freed before
 */
void neuron_device_close(struct neuron_device *device);

/**
 * struct neuron_device_info - what a device is
 * @backend: "drm" or "sim"
 * @name: path of the node, or "sim:N"
 * @address: PCI address as domain:bus:device.function; empty for sim
 * @cores: NeuronCores
 * @dma_queues: DMA queues
 * @isa_version: NEURON_ISA_VERSION of the chip
 * @hw_version: NEURON_REG_VERSION
 * @sbuf_size: scratchpad bytes a core
 * @psum_size: accumulator bytes a core
 * @dram_size: bytes of device DRAM
 * @max_buffer_size: largest buffer
 * @clock_khz: of the cores; scales cycles to time
 * @dram_mibps: bandwidth of device DRAM
 * @max_bindings: buffers in one submission
 * @host_threads: host threads that the device computes with, 0 if unknown
 * @host_kernels: library and instruction set that it computes with, such as
 *		  "oneDNN 2.6.3, avx512_core_bf16"; empty if unknown
 */
struct neuron_device_info {
	char backend[8];
	char name[64];
	char address[16];
	uint32_t cores;
	uint32_t dma_queues;
	uint32_t isa_version;
	uint32_t hw_version;
	uint32_t sbuf_size;
	uint32_t psum_size;
	uint64_t dram_size;
	uint64_t max_buffer_size;
	uint32_t clock_khz;
	uint32_t dram_mibps;
	uint32_t max_bindings;
	uint32_t host_threads;
	char host_kernels[64];
};

/**
 * neuron_device_get_info() - what a device is
 * @device: the device
 * @info: filled in
 * @size: sizeof(*info) of the caller; no more bytes than that are written
 */
int neuron_device_get_info(struct neuron_device *device,
			   struct neuron_device_info *info, size_t size);

/* &neuron_core_info.owned */
#define NEURON_CORE_FREE	0
#define NEURON_CORE_MINE	1
#define NEURON_CORE_TAKEN	2

/* &neuron_core_info.state */
#define NEURON_CORE_IDLE	0
#define NEURON_CORE_BUSY	1
#define NEURON_CORE_DEAD	2

/**
 * struct neuron_core_info - what a core does
 * @state: NEURON_CORE_IDLE, _BUSY or _DEAD
 * @owned: NEURON_CORE_FREE, _MINE or _TAKEN
 * @owner_pid: process that acquired it, 0 if none or not visible
 * @resets: times that it was reset
 * @jobs: jobs completed
 * @busy_ns: time that it spent on jobs
 */
struct neuron_core_info {
	uint32_t state;
	uint32_t owned;
	uint32_t owner_pid;
	uint32_t resets;
	uint64_t jobs;
	uint64_t busy_ns;
};

/**
 * neuron_core_get_info() - what a core does
 * @device: the device
 * @core: index
 * @info: filled in
 * @size: sizeof(*info) of the caller; no more bytes than that are written
 */
int neuron_core_get_info(struct neuron_device *device, unsigned int core,
			 struct neuron_core_info *info, size_t size);

/**
 * struct neuron_memory_info - device DRAM
 * @total: bytes
 * @free: bytes not allocated; what was freed counts once it has been cleared
 * @largest: largest buffer that could be made now
 * @own_dram: bytes of device DRAM that this context holds
 * @own_host: bytes of host memory that this context holds
 */
struct neuron_memory_info {
	uint64_t total;
	uint64_t free;
	uint64_t largest;
	uint64_t own_dram;
	uint64_t own_host;
};

/**
 * neuron_memory_get_info() - how full device DRAM is
 * @device: the device
 * @info: filled in
 * @size: sizeof(*info) of the caller; no more bytes than that are written
 */
int neuron_memory_get_info(struct neuron_device *device,
			   struct neuron_memory_info *info, size_t size);

/**
 * neuron_cores_acquire() - take cores for this context alone
 * @device: the device
 * @mask: cores, by bit
 *
 * All or none. They are given back by neuron_cores_release(), by closing the
 * device, and by the end of the process.
 *
 * Return: 0; -EBUSY: another context holds one of them.
 */
int neuron_cores_acquire(struct neuron_device *device, uint32_t mask);

/**
 * neuron_cores_release() - give cores back
 * @device: the device
 * @mask: cores, by bit, all of them acquired before
 */
int neuron_cores_release(struct neuron_device *device, uint32_t mask);

/*
 * Buffers
 */

enum neuron_memory {
	NEURON_MEMORY_HOST,	/* pages of host memory that the chip reaches by DMA */
	NEURON_MEMORY_DRAM	/* device DRAM */
};

/**
 * neuron_buffer_create() - make a buffer, filled with zeros
 * @device: the device
 * @memory: where
 * @size: bytes, at least 1
 * @buffer: receives the buffer, to be freed with neuron_buffer_free()
 *
 * Return: 0; -ENOSPC: device DRAM has no room.
 */
int neuron_buffer_create(struct neuron_device *device, enum neuron_memory memory,
			 uint64_t size, struct neuron_buffer **buffer);

/**
 * neuron_buffer_free() - free a buffer
 * @buffer: may be NULL; no job uses it any more
 */
void neuron_buffer_free(struct neuron_buffer *buffer);

/* neuron_buffer_size() - the bytes asked for when @buffer was made */
uint64_t neuron_buffer_size(const struct neuron_buffer *buffer);

/**
 * neuron_buffer_map() - map a buffer into the process
 * @buffer: the buffer
 * @address: receives the address, which stays until the buffer is freed
 *
 * Contents may be accessed while no job uses them.
 */
int neuron_buffer_map(struct neuron_buffer *buffer, void **address);

/**
 * neuron_buffer_export() - a dma-buf file descriptor for a buffer
 * @buffer: the buffer
 * @fd: receives the descriptor, which the caller closes
 *
 * Return: 0; -EOPNOTSUPP: sim.
 */
int neuron_buffer_export(struct neuron_buffer *buffer, int *fd);

/**
 * neuron_buffer_write() - copy into a buffer, by processor or DMA
 * @buffer: the buffer
 * @offset: first byte
 * @data: @size bytes
 * @size: bytes
 *
 * Return: 0; -ERANGE: outside of the buffer.
 */
int neuron_buffer_write(struct neuron_buffer *buffer, uint64_t offset,
			const void *data, size_t size);

/* neuron_buffer_read() - the other direction of neuron_buffer_write() */
int neuron_buffer_read(struct neuron_buffer *buffer, uint64_t offset, void *data,
		       size_t size);

/**
 * neuron_buffer_fill() - fill a range with a byte
 * @buffer: the buffer
 * @offset: first byte
 * @value: the byte
 * @size: bytes
 */
int neuron_buffer_fill(struct neuron_buffer *buffer, uint64_t offset,
		       uint8_t value, uint64_t size);

/**
 * neuron_buffer_copy() - copy between buffers of one device by its DMA queues
 * @dst: destination
 * @dst_offset: first byte in @dst
 * @src: source; when it is @dst, ranges must not overlap
 * @src_offset: first byte in @src
 * @size: bytes
 */
int neuron_buffer_copy(struct neuron_buffer *dst, uint64_t dst_offset,
		       struct neuron_buffer *src, uint64_t src_offset,
		       uint64_t size);

/*
 * Jobs
 */

/* &neuron_binding.flags */
#define NEURON_BIND_READ	(1u << 0)
#define NEURON_BIND_WRITE	(1u << 1)

/**
 * struct neuron_binding - a buffer that a job may use, and how
 * @buffer: the buffer; NULL leaves the slot empty
 * @offset: first byte that the job may access, a multiple of 64
 * @size: bytes from there
 * @flags: NEURON_BIND_*
 * @reserved: zero
 */
struct neuron_binding {
	struct neuron_buffer *buffer;
	uint64_t offset;
	uint64_t size;
	uint32_t flags;
	uint32_t reserved;
};

#define NEURON_NO_BINDING	0xffffffffu

/* &neuron_submission.flags */
#define NEURON_SUBMIT_PROFILE	(1u << 0)
#define NEURON_SUBMIT_UNORDERED	(1u << 1)
#define NEURON_SUBMIT_SHORT	(1u << 2)
#define NEURON_SUBMIT_PREPARE	(1u << 3)

/**
 * struct neuron_submission - a program to execute
 * @core: index of the core
 * @num_bindings: number of @bindings
 * @bindings: slot n of the program is the n-th of them
 * @program_slot: slot that holds the program; needs READ
 * @program_size: bytes of the program
 * @program_offset: of the program in the slot
 * @report_slot: slot for a struct neuron_report, needs WRITE, or
 *		 NEURON_NO_BINDING
 * @timeout_ms: time on the core after which the core is reset; 0: the device's
 *		default
 * @report_offset: of the report in the slot
 * @resident: not 0: names what the job leaves on the core. A following job of this
 *	      device with the same program and number, if no other job ran on the
 *	      core in between, skips the program's resident loads. To be chosen anew
 *	      when the buffers that these loads read have changed
 * @flags: NEURON_SUBMIT_PROFILE: behind the report, in the same slot, the chip
 *	   writes a struct neuron_inst_record for each instruction of the program.
 *	   NEURON_SUBMIT_UNORDERED: the job does not wait for others that use its
 *	   buffers, as jobs of the driver otherwise do; those of its core it follows
 *	   in any case.
 *	   NEURON_SUBMIT_SHORT: the caller waits for the job at once, and it is known
 *	   to take far less than its timeout: the chip in this process may execute it
 *	   within neuron_submit().
 *	   NEURON_SUBMIT_PREPARE: the program is not executed; what its first job
 *	   would have to do in addition is done, its resident loads among it. Slots
 *	   that these don't use may be empty; @report_slot is NEURON_NO_BINDING
 * @num_after: number of @after
 * @after: jobs of this device, not freed yet, that have to end before this one starts,
 *	   however they end. neuron_submit() does not wait for them, but with the chip
 *	   in this process it does
 */
struct neuron_submission {
	uint32_t core;
	uint32_t num_bindings;
	const struct neuron_binding *bindings;
	uint32_t program_slot;
	uint32_t program_size;
	uint64_t program_offset;
	uint32_t report_slot;
	uint32_t timeout_ms;
	uint64_t report_offset;
	uint32_t resident;
	uint32_t flags;
	uint32_t num_after;
	struct neuron_job *const *after;
};

/**
 * neuron_submit() - queue a program
 * @device: the device
 * @submission: what to execute; not needed any more afterwards
 * @job: receives the job, to be freed with neuron_job_free()
 *
 * Jobs of a core run in the order of submission. Waits while the queue is full.
 *
 * Return: 0; -EBUSY: another context holds the core; -EIO: the core is dead.
 */
int neuron_submit(struct neuron_device *device,
		  const struct neuron_submission *submission,
		  struct neuron_job **job);

/* &neuron_job_result.state */
#define NEURON_JOB_PENDING	0
#define NEURON_JOB_DONE		1
#define NEURON_JOB_FAULT	2	/* the chip stopped it; see fault_* */
#define NEURON_JOB_TIMEOUT	3	/* it ran too long and its core was reset */
#define NEURON_JOB_CANCELLED	4	/* lost in a reset that another job caused */
#define NEURON_JOB_LOST		5	/* the device is gone or dead */

/**
 * struct neuron_job_result - how a job ended
 * @state: NEURON_JOB_*
 * @fault_kind: enum neuron_fault_kind; the fields up to @fault_info are those
 *		of struct neuron_fault in <neuron/report.h>
 * @fault_engine: see there
 * @fault_operand: see there
 * @fault_inst: see there
 * @reserved: zero
 * @fault_info: see there
 * @cycles: modelled time in core clock cycles
 */
struct neuron_job_result {
	uint32_t state;
	uint16_t fault_kind;
	uint8_t fault_engine;
	uint8_t fault_operand;
	uint32_t fault_inst;
	uint32_t reserved;
	uint64_t fault_info;
	uint64_t cycles;
};

/**
 * neuron_job_wait() - wait for the end of a job
 * @job: the job
 * @timeout_ns: at most this long; 0: only look; negative: for ever
 * @result: filled in
 *
 * How the job ended is no error of this call. May be called again.
 *
 * Return: 0; -ETIME: it has not ended yet (@result->state is NEURON_JOB_PENDING).
 */
int neuron_job_wait(struct neuron_job *job, int64_t timeout_ns,
		    struct neuron_job_result *result);

/**
 * neuron_job_free() - forget a job
 * @job: may be NULL; waited for if it has not ended
 */
void neuron_job_free(struct neuron_job *job);

/**
 * neuron_job_status() - the runtime's status for the end of a job
 * @result: from neuron_job_wait()
 *
 * The mapping of the chip's fault kinds to NRT_STATUS.
 */
NRT_STATUS neuron_job_status(const struct neuron_job_result *result);

/**
 * neuron_inject() - arm a fault, for tests of error handling
 * @device: the device
 * @injection: enum neuron_injection in <neuron/regs.h>
 * @queue: queue or core concerned
 * @count: how many times; ~0u for ever
 * @arg: see there
 *
 * Return: 0; -EOPNOTSUPP: drm, where the emulator and its debug window do that.
 */
int neuron_inject(struct neuron_device *device, unsigned int injection,
		  unsigned int queue, uint32_t count, uint64_t arg);

/*
 * About the runtime of nrt.h
 */

/**
 * struct neuron_times - where the time went, in nanoseconds
 * @init: nrt_init()
 * @load_check: nrt_load(): reading and checking the file and its programs
 * @load_upload: nrt_load(): making buffers, copying programs and weights, and making
 *		 the cores ready
 * @executions: successful executions so far
 * @prepare: last execution: tensors looked up, copied where needed, submitted
 * @run: last execution: from submission to completion
 * @finish: last execution: outputs copied where needed
 * @copied_bytes: last execution: bytes that had to be copied
 */
struct neuron_times {
	uint64_t init;
	uint64_t load_check;
	uint64_t load_upload;
	uint64_t executions;
	uint64_t prepare;
	uint64_t run;
	uint64_t finish;
	uint64_t copied_bytes;
};

/**
 * neuron_model_get_times() - where the time went
 * @model: from nrt_load()
 * @times: filled in; "last execution" is the one that ended last, by whichever
 *	   thread
 * @size: sizeof(*times) of the caller; no more bytes than that are written
 */
int neuron_model_get_times(nrt_model_t *model, struct neuron_times *times,
			   size_t size);

/**
 * neuron_model_get_report() - what the chip said about the last execution
 * @model: from nrt_load()
 * @index: which of the cores of one instance, from 0 on. Of a model with steps (see
 *	   libneuron(7)): the cores of its first chip program, then those of the second
 * @report: a struct neuron_report, see <neuron/report.h>; filled in for the
 *	    execution that ended last, by whichever thread, also when it failed
 * @size: sizeof(*report) of the caller; no more bytes than that are written
 *
 * Return: 0; -ENODATA: nothing has been executed yet, or the chip was reset
 * before it could write the report; -ENOENT: no such core.
 */
int neuron_model_get_report(nrt_model_t *model, unsigned int index,
			    struct neuron_report *report, size_t size);

/**
 * struct neuron_step - a step of a model that needs the host
 * @on_host: an operator on the host; else a program on the chip, or an operator whose
 *	     products are the chip's
 * @cores: of a program: how many cores it runs on; several steps may share it
 * @nanoseconds: that it took in the execution that ended last; 0: it was passed over
 * @op: ONNX's name of the operator, NUL-terminated; empty: a program for several
 * @layer: of an operator: the node's name, NUL-terminated
 * @reason: on the host: why, NUL-terminated
 */
struct neuron_step {
	bool on_host;
	uint32_t cores;
	uint64_t nanoseconds;
	char op[32];
	char layer[128];
	char reason[64];
};

/**
 * neuron_model_get_steps() - what a model does on the host, and what on the chip
 * @model: from nrt_load()
 * @steps: *@count of them; filled in, in the order of their execution. May be NULL
 *	   when *@count is 0
 * @count: room in @steps; receives the number of the model's steps: 0 for one that the
 *	   chip computes as a whole
 *
 * Return: 0.
 */
int neuron_model_get_steps(nrt_model_t *model, struct neuron_step *steps, size_t *count);

#define NEURON_MAX_DIMS	8	/* that a tensor has at most */

/**
 * neuron_tensor_get_shape() - the shape of what a model with steps has put into a tensor
 * @tensor: one that was an output in an execution that has ended
 * @ndim: receives the number of dimensions
 * @shape: room for NEURON_MAX_DIMS; receives the dimensions
 *
 * Where the shape of an output depends on data, nrt_get_model_tensor_info() has the
 * most that its dimensions can be, and the tensor has room for that. Its elements lie
 * densely from its beginning on, as the shape that this call returns says; what is
 * behind them is zero. Of strings the last dimension is the bytes of one.
 *
 * Return: 0; -ENODATA: no model with steps has put anything there: then the shape is
 * the one that the tensor info has.
 */
int neuron_tensor_get_shape(const nrt_tensor_t *tensor, uint32_t *ndim,
			    uint32_t *shape);

/**
 * neuron_load_once() - nrt_load() of bytes that are not needed any more
 * @neff_bytes: see nrt_load(); memory of the caller's own. The weights in it are lost:
 *		their pages are given back to the system as they are copied to the
 *		device, so that they take memory only once. The rest stays
 * @size: see nrt_load()
 * @vnc: see nrt_load()
 * @vnc_count: see nrt_load()
 * @model: see nrt_load()
 *
 * Return: see nrt_load().
 */
NRT_STATUS neuron_load_once(void *neff_bytes, size_t size, int32_t vnc,
			    int32_t vnc_count, nrt_model_t **model);

/**
 * neuron_model_profile() - have executions profiled, or no more
 * @model: from nrt_load()
 * @on: whether executions that begin from now on are; they take longer, as the chip
 *	looks at all that each instruction writes
 *
 * Return: 0.
 */
int neuron_model_profile(nrt_model_t *model, bool on);

/**
 * neuron_model_get_records() - what the chip said about each instruction
 * @model: from nrt_load()
 * @index: as for neuron_model_get_report()
 * @records: *@count of struct neuron_inst_record, see <neuron/report.h>; filled in
 *	     for the profiled execution that ended last, by whichever thread, also
 *	     when it failed. May be NULL when *@count is 0
 * @count: room in @records; receives the number of instructions of the program
 *
 * Return: 0; -ENODATA: no execution has been profiled, or the chip was reset before
 * it could write the records; -ENOENT: no such core.
 */
int neuron_model_get_records(nrt_model_t *model, unsigned int index,
			     struct neuron_inst_record *records, size_t *count);

/**
 * neuron_runtime_device() - a device that nrt_init() opened
 * @index: from 0 on
 *
 * Return: the device, which belongs to the runtime and lives until nrt_close();
 * NULL when there is none of that index.
 */
struct neuron_device *neuron_runtime_device(unsigned int index);

/*
 * Messages
 */

/* The levels of NEURON_RT_LOG_LEVEL. */
enum neuron_log_level {
	NEURON_LOG_QUIET,
	NEURON_LOG_ERROR,
	NEURON_LOG_WARN,
	NEURON_LOG_INFO,
	NEURON_LOG_DEBUG,
	NEURON_LOG_TRACE
};

/**
 * neuron_set_log() - receive the library's messages
 * @log: called with each message of the levels asked for, from any thread, one
 *	 line without a newline; it must not call the library. NULL: back to
 *	 NEURON_RT_LOG_LOCATION
 * @opaque: passed to @log
 */
void neuron_set_log(void (*log)(void *opaque, enum neuron_log_level level,
				const char *function, const char *message),
		    void *opaque);

/**
 * neuron_error() - the last failure's message
 *
 * Return: the line that this thread's last failed call logged, or ""; valid
 * until the thread's next failed call.
 */
const char *neuron_error(void);

#ifdef __cplusplus
}
#endif

#endif /* NEURON_H */
