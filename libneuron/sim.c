// SPDX-License-Identifier: MIT
/* The backend that has the chip in this process: contexts and buffers. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "log.h"
#include "sim.h"
#include "status.h"

/* What the driver gives a job that names no time-out. */
#define DEFAULT_TIMEOUT_MS	30000u
#define MAX_BUFFER_SIZE		(4ull << 30)

/**
 * struct sim_device - a context
 * @base: what all backends know
 * @chip: its chip
 * @context: tells the chip whose jobs are whose; never reused
 * @next_dma: DMA queue for the next transfer
 * @dram: bytes of device DRAM that it holds
 * @host: bytes of host memory that it holds
 * @lock: guards @jobs
 * @jobs: ended ones, for the next; there are as many as ran at once
 */
struct sim_device {
	struct neuron_device base;
	struct sim_chip *chip;
	uint64_t context;
	atomic_uint next_dma;
	atomic_uint_fast64_t dram;
	atomic_uint_fast64_t host;
	pthread_mutex_t lock;
	struct sim_job *jobs;
};

/**
 * struct sim_buffer - a buffer
 * @base: what all backends know
 * @bytes: size in whole pages
 * @offset: in device DRAM
 * @pages: host memory: address of each page, as the chip wants to have it
 * @memory: host memory: the pages themselves
 */
struct sim_buffer {
	struct neuron_buffer base;
	uint64_t bytes;
	uint64_t offset;
	uint64_t *pages;
	char *memory;
};

static struct sim_device *to_sim(struct neuron_device *device)
{
	return (struct sim_device *)device;
}

unsigned int sim_chips(const char *where)
{
	unsigned long n;
	char *end;

	if (!strcmp(where, "sim"))
		return 1;
	if (strncmp(where, "sim:", 4) || where[4] < '0' || where[4] > '9')
		return 0;
	n = strtoul(where + 4, &end, 10);
	return *end || n > SIM_MAX_CHIPS ? 0 : n;
}

static int sim_count(const char *path, unsigned int *count)
{
	*count = sim_chips(path);
	return 0;
}

static void read_info(struct sim_chip *chip, struct neuron_device_info *info)
{
	uint32_t units = neuron_chip_read(chip->chip, NEURON_REG_UNITS);
	uint32_t limits = neuron_chip_read(chip->chip, NEURON_REG_LIMITS);

	snprintf(info->backend, sizeof(info->backend), "sim");
	snprintf(info->name, sizeof(info->name), "sim:%u", chip->index);
	info->cores = NEURON_UNITS_CORES(units);
	info->dma_queues = NEURON_UNITS_DMA_QUEUES(units);
	info->isa_version = neuron_chip_read(chip->chip, NEURON_REG_ISA_VERSION);
	info->hw_version = neuron_chip_read(chip->chip, NEURON_REG_VERSION);
	info->sbuf_size = neuron_chip_read(chip->chip, NEURON_REG_SBUF_SIZE);
	info->psum_size = neuron_chip_read(chip->chip, NEURON_REG_PSUM_SIZE);
	info->dram_size = NEURON_CHIP_DRAM_SIZE;
	info->max_buffer_size = MAX_BUFFER_SIZE;
	info->clock_khz = neuron_chip_read(chip->chip, NEURON_REG_CLOCK_KHZ);
	info->dram_mibps = neuron_chip_read(chip->chip, NEURON_REG_DRAM_MIBPS);
	info->max_bindings = NEURON_LIMITS_SLOTS(limits);
	info->host_threads = neuron_chip_read(chip->chip, NEURON_REG_POOL_THREADS);
	for (unsigned int i = 0; i < sizeof(info->host_kernels) / 4; i++) {
		uint32_t word = neuron_chip_read(chip->chip, NEURON_REG_POOL_NAME(i));

		memcpy(info->host_kernels + 4 * i, &word, sizeof(word));
	}
}

static int sim_open(const char *path, unsigned int index,
		    struct neuron_device **result)
{
	static _Atomic uint64_t last_context;
	struct sim_device *device;
	int ret;

	if (index >= sim_chips(path))
		return fail(-ENODEV, "there is no chip %u in NEURON_RT_DEVICE=%s: sim:N has N of them",
			    index, path);
	device = calloc(1, sizeof(*device));
	if (!device)
		return fail(-ENOMEM, NO_MEMORY);
	ret = sim_chip_get(index, &device->chip);
	if (ret) {
		free(device);
		return ret;
	}
	pthread_mutex_init(&device->lock, NULL);
	device->context = ++last_context;
	device->base.direct_limit = UINT64_MAX;
	read_info(device->chip, &device->base.info);
	*result = &device->base;
	return 0;
}

static void sim_close(struct neuron_device *base)
{
	struct sim_device *device = to_sim(base);
	unsigned int i;

	pthread_mutex_lock(&device->chip->lock);
	for (i = 0; i < NEURON_MAX_CORES; i++) {
		if (device->chip->owners[i] == device)
			device->chip->owners[i] = NULL;
	}
	pthread_mutex_unlock(&device->chip->lock);
	sim_chip_put(device->chip);
	while (device->jobs) {
		struct sim_job *job = device->jobs;

		device->jobs = job->next;
		free(job);
	}
	pthread_mutex_destroy(&device->lock);
	free(device);
}

/* sim_chip.c forgets the chips, which live in the parent's threads. */
static void sim_forked(struct neuron_device *base)
{
	(void)base;
}

/*
 * Cores
 */

static int sim_core_info(struct neuron_device *base, unsigned int core,
			 struct neuron_core_info *info)
{
	struct sim_device *device = to_sim(base);
	struct sim_queue *queue = &device->chip->queues[core];
	const void *owner;

	pthread_mutex_lock(&device->chip->lock);
	owner = device->chip->owners[core];
	pthread_mutex_unlock(&device->chip->lock);
	info->owned = !owner ? NEURON_CORE_FREE :
		      owner == device ? NEURON_CORE_MINE : NEURON_CORE_TAKEN;
	info->owner_pid = owner ? getpid() : 0;
	pthread_mutex_lock(&queue->lock);
	info->state = queue->dead ? NEURON_CORE_DEAD :
		      queue->first_id < queue->next_id ? NEURON_CORE_BUSY :
		      NEURON_CORE_IDLE;
	info->resets = queue->resets;
	info->jobs = queue->done;
	info->busy_ns = queue->busy_ns;
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

/* Change owners of all cores in @mask, if each one's is @from or @to. */
static int set_owners(struct sim_device *device, uint32_t mask, const void *from,
		      const void *to)
{
	struct sim_chip *chip = device->chip;
	unsigned int i;
	int ret = 0;

	pthread_mutex_lock(&chip->lock);
	for (i = 0; i < device->base.info.cores; i++) {
		if (mask >> i & 1 && chip->owners[i] != from &&
		    chip->owners[i] != device)
			ret = -EBUSY;
	}
	for (i = 0; !ret && i < device->base.info.cores; i++) {
		if (mask >> i & 1)
			chip->owners[i] = to;
	}
	pthread_mutex_unlock(&chip->lock);
	return ret;
}

static int sim_cores_acquire(struct neuron_device *base, uint32_t mask)
{
	return set_owners(to_sim(base), mask, NULL, base);
}

static int sim_cores_release(struct neuron_device *base, uint32_t mask)
{
	if (set_owners(to_sim(base), mask, base, NULL))
		return fail(-EINVAL, "%s: cores %#x: not all of them have been acquired: release those that were",
			    base->info.name, mask);
	return 0;
}

/*
 * Memory
 */

static int sim_memory_info(struct neuron_device *base,
			   struct neuron_memory_info *info)
{
	struct sim_device *device = to_sim(base);

	info->total = NEURON_CHIP_DRAM_SIZE;
	sim_dram_usage(device->chip, &info->free, &info->largest);
	info->own_dram = device->dram;
	info->own_host = device->host;
	return 0;
}

static int create_host(struct sim_device *device, struct sim_buffer *buffer)
{
	struct sim_chip *chip = device->chip;
	uint64_t n = buffer->bytes / SIM_PAGE_SIZE, i;

	buffer->pages = malloc(n * sizeof(*buffer->pages));
	if (!buffer->pages)
		return -ENOMEM;
	buffer->memory = mmap(NULL, buffer->bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (buffer->memory == MAP_FAILED)
		goto free_pages;
	for (i = 0; i < n; i++)
		buffer->pages[i] = (uintptr_t)buffer->memory + i * SIM_PAGE_SIZE;
	if (sim_bus_add(chip, buffer->memory, buffer->bytes, NULL))
		goto unmap;
	if (sim_bus_add(chip, buffer->pages, n * sizeof(*buffer->pages), NULL))
		goto remove;
	device->host += buffer->bytes;
	return 0;

remove:
	sim_bus_remove(chip, buffer->memory);
unmap:
	munmap(buffer->memory, buffer->bytes);
free_pages:
	free(buffer->pages);
	return -ENOMEM;
}

static int sim_buffer_create(struct neuron_device *base, enum neuron_memory memory,
			     uint64_t size, struct neuron_buffer **result)
{
	struct sim_device *device = to_sim(base);
	struct sim_buffer *buffer = calloc(1, sizeof(*buffer));
	int ret;

	if (!buffer)
		return fail(-ENOMEM, NO_MEMORY);
	buffer->bytes = (size + SIM_PAGE_SIZE - 1) / SIM_PAGE_SIZE * SIM_PAGE_SIZE;
	if (memory == NEURON_MEMORY_HOST) {
		ret = create_host(device, buffer);
	} else {
		ret = sim_dram_alloc(device->chip, size, &buffer->offset);
		if (!ret)
			device->dram += buffer->bytes;
	}
	if (ret) {
		free(buffer);
		return ret == -ENOSPC ?
		       fail(ret, "%s: no room for %llu bytes in device DRAM: free tensors or unload models",
			    base->info.name, (unsigned long long)size) :
		       fail(ret, "a buffer of %llu bytes: " NO_MEMORY,
			    (unsigned long long)size);
	}
	*result = &buffer->base;
	return 0;
}

static void sim_buffer_free(struct neuron_buffer *base)
{
	struct sim_buffer *buffer = (struct sim_buffer *)base;
	struct sim_device *device = to_sim(base->device);

	if (buffer->memory) {
		sim_bus_remove(device->chip, buffer->pages);
		sim_bus_remove(device->chip, buffer->memory);
		munmap(buffer->memory, buffer->bytes);
		free(buffer->pages);
		device->host -= buffer->bytes;
	} else {
		sim_dram_free(device->chip, buffer->offset);
		device->dram -= buffer->bytes;
	}
	free(buffer);
}

static int sim_buffer_map(struct neuron_buffer *base, void **address)
{
	struct sim_buffer *buffer = (struct sim_buffer *)base;

	*address = buffer->memory ? buffer->memory :
		   to_sim(base->device)->chip->dram + buffer->offset;
	return 0;
}

static int sim_buffer_export(struct neuron_buffer *base, int *fd)
{
	(void)fd;
	return fail(-EOPNOTSUPP, "%s: only buffers of the driver can be exported: unset NEURON_RT_DEVICE",
		    base->device->info.name);
}

/*
 * Jobs
 */

static struct neuron_slot grant(const struct neuron_buffer *base, uint64_t offset,
				uint64_t size, uint32_t flags)
{
	const struct sim_buffer *buffer = (const struct sim_buffer *)base;
	struct neuron_slot slot = { .length = size };

	if (flags & NEURON_BIND_READ)
		slot.flags |= NEURON_SLOT_READ;
	if (flags & NEURON_BIND_WRITE)
		slot.flags |= NEURON_SLOT_WRITE;
	if (buffer->memory) {
		slot.flags |= NEURON_SLOT_PAGES;
		slot.addr = (uintptr_t)(buffer->pages + offset / SIM_PAGE_SIZE);
		slot.offset = offset % SIM_PAGE_SIZE;
	} else {
		slot.flags |= NEURON_SLOT_DRAM;
		slot.addr = buffer->offset + offset;
	}
	return slot;
}

static struct sim_job *get_job(struct sim_device *device)
{
	struct sim_job *job;

	pthread_mutex_lock(&device->lock);
	job = device->jobs;
	if (job)
		device->jobs = job->next;
	pthread_mutex_unlock(&device->lock);
	if (!job)
		job = malloc(sizeof(*job));
	if (job)
		*job = (struct sim_job) { 0 };
	return job;
}

static void put_job(struct sim_device *device, struct sim_job *job)
{
	pthread_mutex_lock(&device->lock);
	job->next = device->jobs;
	device->jobs = job;
	pthread_mutex_unlock(&device->lock);
}

static void sim_lost(struct neuron_device *base, char *text, size_t size)
{
	snprintf(text, size, "%s is lost, no reset helped: call nrt_close() and nrt_init(), or close all its contexts: then it starts afresh",
		 base->info.name);
}

static int submit(struct sim_device *device, struct sim_queue *queue,
		  struct sim_job *job, const struct neuron_slot *slots,
		  unsigned int num_slots, uint32_t timeout_ms, bool now)
{
	char text[JOB_TEXT_SIZE];

	job->base.device = &device->base;
	job->timeout_ns = (timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS) * 1000000ll;
	job->sqe.context = device->context;
	if (!sim_queue_submit(queue, job, slots, num_slots, now))
		return 0;
	sim_lost(&device->base, text, sizeof(text));
	return fail(-EIO, "queue %u is dead: %s", queue->index, text);
}

static int sim_submit(struct neuron_device *base, const struct neuron_submission *s,
		      struct neuron_job **result)
{
	struct sim_device *device = to_sim(base);
	struct neuron_slot slots[NEURON_MAX_SLOTS];
	struct sim_job *job;
	struct neuron_job_result ended;
	const void *owner;
	unsigned int i;
	int ret;

	for (i = 0; i < s->num_after; i++)
		sim_job_wait((struct sim_job *)s->after[i], INT64_MAX, &ended);
	pthread_mutex_lock(&device->chip->lock);
	owner = device->chip->owners[s->core];
	pthread_mutex_unlock(&device->chip->lock);
	if (owner && owner != device)
		return fail(-EBUSY, "%s: core %u belongs to another context: use another core, or close that one",
			    base->info.name, s->core);
	job = get_job(device);
	if (!job)
		return fail(-ENOMEM, NO_MEMORY);
	for (i = 0; i < s->num_bindings; i++) {
		const struct neuron_binding *b = &s->bindings[i];

		slots[i] = (struct neuron_slot) { 0 };
		if (b->buffer)
			slots[i] = grant(b->buffer, b->offset, b->size, b->flags);
	}
	job->sqe.opcode = NEURON_SQE_EXEC;
	job->sqe.exec.program_slot = s->program_slot;
	job->sqe.exec.program_size = s->program_size;
	job->sqe.exec.program_offset = s->program_offset;
	job->sqe.exec.report_slot = s->report_slot;
	job->sqe.exec.resident = s->resident;
	if (s->flags & NEURON_SUBMIT_PROFILE)
		job->sqe.flags = NEURON_SQE_PROFILE;
	else if (s->flags & NEURON_SUBMIT_PREPARE)
		job->sqe.flags = NEURON_SQE_PREPARE;
	if (s->report_slot != NEURON_NO_BINDING)
		job->sqe.exec.report_offset = s->report_offset;
	ret = submit(device, &device->chip->queues[s->core], job, slots,
		     s->num_bindings, s->timeout_ms, s->flags & NEURON_SUBMIT_SHORT);
	if (ret) {
		put_job(device, job);
		return ret;
	}
	*result = &job->base;
	return 0;
}

static int sim_transfer(struct neuron_device *base, const struct transfer *t,
			struct neuron_job_result *result)
{
	struct sim_device *device = to_sim(base);
	struct sim_job job = { .sqe.opcode = NEURON_SQE_FILL };
	struct neuron_slot slots[2];
	unsigned int n = 0, queue;
	int ret;

	slots[n++] = grant(t->dst, t->dst_offset, t->size, NEURON_BIND_WRITE);
	if (t->src) {
		slots[n++] = grant(t->src, t->src_offset, t->size,
				   NEURON_BIND_READ);
		job.sqe.opcode = NEURON_SQE_COPY;
		job.sqe.copy.src_slot = 1;
		job.sqe.copy.length = t->size;
	} else {
		job.sqe.fill.value = t->value;
		job.sqe.fill.length = t->size;
	}
	queue = base->info.cores + device->next_dma++ % base->info.dma_queues;
	ret = submit(device, &device->chip->queues[queue], &job, slots, n, 0, false);
	if (ret)
		return ret;
	sim_job_wait(&job, INT64_MAX, result);
	return 0;
}

static int sim_wait(struct neuron_job *base, int64_t deadline_ns,
		    struct neuron_job_result *result)
{
	return sim_job_wait((struct sim_job *)base, deadline_ns, result);
}

static void sim_job_free(struct neuron_job *base)
{
	struct neuron_job_result result;

	sim_job_wait((struct sim_job *)base, INT64_MAX, &result);
	put_job(to_sim(base->device), (struct sim_job *)base);
}

static int sim_inject(struct neuron_device *base, unsigned int injection,
		      unsigned int queue, uint32_t count, uint64_t arg)
{
	if (!neuron_chip_inject(to_sim(base)->chip->chip, injection, queue, count, arg))
		return fail(-EINVAL, "%s: fault %u on queue %u cannot be injected: <neuron/regs.h> has the faults, and queues are the cores and the DMA queues behind them",
			    base->info.name, injection, queue);
	return 0;
}

const struct backend sim_backend = {
	.name = "sim",
	.count = sim_count,
	.open = sim_open,
	.close = sim_close,
	.forked = sim_forked,
	.core_info = sim_core_info,
	.memory_info = sim_memory_info,
	.cores_acquire = sim_cores_acquire,
	.cores_release = sim_cores_release,
	.buffer_create = sim_buffer_create,
	.buffer_free = sim_buffer_free,
	.buffer_map = sim_buffer_map,
	.buffer_export = sim_buffer_export,
	.transfer = sim_transfer,
	.lost = sim_lost,
	.submit = sim_submit,
	.wait = sim_wait,
	.job_free = sim_job_free,
	.inject = sim_inject,
};
