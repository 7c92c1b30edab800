// SPDX-License-Identifier: GPL-2.0-only

#include <glob.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "neuron_test.h"

/* The first that is there: the number changes when files outlive their device. */
static int first_match(const char *pattern, char *path, size_t size)
{
	glob_t found;
	int ret = glob(pattern, 0, NULL, &found);

	if (!ret)
		snprintf(path, size, "%s", found.gl_pathv[0]);
	globfree(&found);

	return ret ? -ENOENT : 0;
}

int dev_open(void)
{
	char path[64];

	if (first_match("/dev/accel/accel*", path, sizeof(path))) {
		errno = ENOENT;
		return -1;
	}

	return open(path, O_RDWR | O_CLOEXEC);
}

int dev_ioctl(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);

	return t.tv_sec * SECOND_NS + t.tv_nsec;
}

/* Shared with the process that watches. */
static struct stalls {
	int64_t ns;
	int64_t beats;
} *stalls;

#define BEAT_NS		(2 * MS_NS)
#define ON_TIME_NS	(10 * MS_NS)

/* The watcher ends with the test, whose process group the harness kills. */
void stalls_watch(void)
{
	struct timespec beat = { .tv_nsec = BEAT_NS };
	int64_t start, late;
	pid_t pid;

	stalls = mmap(NULL, sizeof(*stalls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	pid = stalls == MAP_FAILED ? -1 : fork();
	if (pid < 0) {
		stalls = NULL;
		return;
	}
	if (pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0u, 0);
	for (;;) {
		start = now_ns();
		nanosleep(&beat, NULL);
		late = now_ns() - start - BEAT_NS;
		if (late > ON_TIME_NS)
			__atomic_fetch_add(&stalls->ns, late, __ATOMIC_RELAXED);
		__atomic_fetch_add(&stalls->beats, 1, __ATOMIC_RELEASE);
	}
}

int64_t stalls_ns(void)
{
	int64_t beats;

	if (!stalls)
		return 0;
	/* A stall counts when it is over. */
	beats = __atomic_load_n(&stalls->beats, __ATOMIC_ACQUIRE);
	while (__atomic_load_n(&stalls->beats, __ATOMIC_ACQUIRE) < beats + 2)
		usleep(1000);

	return __atomic_load_n(&stalls->ns, __ATOMIC_RELAXED);
}

int bo_create(int fd, uint32_t flags, uint64_t size, uint32_t *handle)
{
	struct drm_neuron_bo_create args = { .size = size, .flags = flags };
	int ret = dev_ioctl(fd, DRM_IOCTL_NEURON_BO_CREATE, &args);

	*handle = args.handle;

	return ret;
}

void *bo_map(int fd, uint32_t handle, uint64_t size)
{
	struct drm_neuron_bo_info info = { .handle = handle };
	void *map;

	if (dev_ioctl(fd, DRM_IOCTL_NEURON_BO_INFO, &info))
		return NULL;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.mmap_offset);

	return map == MAP_FAILED ? NULL : map;
}

struct bo bo_new(int fd, uint32_t flags, uint64_t size)
{
	struct bo bo = { .size = size };

	if (bo_create(fd, flags, size, &bo.handle))
		return (struct bo){};
	bo.map = bo_map(fd, bo.handle, size);

	return bo;
}

int bo_close(int fd, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	return dev_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

int bo_wait(int fd, uint32_t handle, uint32_t flags, int64_t timeout_ns)
{
	struct drm_neuron_bo_wait args = {
		.handle = handle, .flags = flags, .timeout_ns = timeout_ns,
	};

	return dev_ioctl(fd, DRM_IOCTL_NEURON_BO_WAIT, &args);
}

int prime_export(int fd, uint32_t handle)
{
	struct drm_prime_handle args = { .handle = handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = dev_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);

	return ret ? ret : args.fd;
}

int prime_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle args = { .fd = dmabuf };
	int ret = dev_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);

	*handle = args.handle;

	return ret;
}

int query(int fd, uint32_t type, uint32_t index, void *data, uint32_t size)
{
	struct drm_neuron_query args = {
		.type = type, .index = index, .size = size, .data = (uintptr_t)data,
	};

	return dev_ioctl(fd, DRM_IOCTL_NEURON_QUERY, &args);
}

struct drm_neuron_memory_info memory_info(int fd)
{
	struct drm_neuron_memory_info info = {};

	query(fd, DRM_NEURON_QUERY_MEMORY, 0, &info, sizeof(info));

	return info;
}

int job_status(int fd, uint64_t job, struct drm_neuron_job_status *status)
{
	memset(status, 0, sizeof(*status));
	status->job = job;

	return dev_ioctl(fd, DRM_IOCTL_NEURON_JOB_STATUS, status);
}

int job_status_wait(int fd, uint64_t job, int64_t deadline, struct drm_neuron_job_status *status)
{
	memset(status, 0, sizeof(*status));
	status->job = job;
	status->timeout_ns = deadline;

	return dev_ioctl(fd, DRM_IOCTL_NEURON_JOB_STATUS, status);
}

uint32_t syncobj_new(int fd)
{
	struct drm_syncobj_create args = {};

	return dev_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &args) ? 0 : args.handle;
}

int syncobj_wait(int fd, uint32_t handle, uint64_t point, int64_t timeout_ns)
{
	struct drm_syncobj_timeline_wait args = {
		.handles = (uintptr_t)&handle,
		.points = (uintptr_t)&point,
		.timeout_nsec = now_ns() + timeout_ns,
		.count_handles = 1,
	};

	return dev_ioctl(fd, DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT, &args);
}

int syncobj_export(int fd, uint32_t handle, bool sync_file)
{
	struct drm_syncobj_handle args = {
		.handle = handle,
		.flags = sync_file ? DRM_SYNCOBJ_HANDLE_TO_FD_FLAGS_EXPORT_SYNC_FILE : 0,
	};
	int ret = dev_ioctl(fd, DRM_IOCTL_SYNCOBJ_HANDLE_TO_FD, &args);

	return ret ? ret : args.fd;
}

int64_t copy_async(int fd, const struct drm_neuron_copy_op *ops, uint32_t count,
		   uint32_t in_sync, uint32_t out_sync)
{
	struct drm_neuron_sync in = { .handle = in_sync }, out = { .handle = out_sync };
	struct drm_neuron_copy args = {
		.ops = { (uintptr_t)ops, count, sizeof(*ops) },
		.in_syncs = { (uintptr_t)&in, !!in_sync, sizeof(in) },
		.out_syncs = { (uintptr_t)&out, !!out_sync, sizeof(out) },
	};
	int ret = dev_ioctl(fd, DRM_IOCTL_NEURON_COPY, &args);

	return ret ? ret : (int64_t)args.job;
}

int copy_sync(int fd, const struct drm_neuron_copy_op *op)
{
	int64_t job = copy_async(fd, op, 1, 0, 0);
	int ret;

	if (job < 0)
		return job;
	ret = bo_wait(fd, op->dst_handle, 0, now_ns() + 10 * SECOND_NS);

	return ret ? ret : job_wait(fd, job, SECOND_NS) == DRM_NEURON_JOB_DONE ? 0 : -EIO;
}

struct program program_new(int fd)
{
	uint32_t tensors = sizeof(struct neuron_program_header);
	uint32_t insts = tensors + PROGRAM_MAX_TENSORS * sizeof(struct neuron_tensor);
	struct program p = {};

	p.bo = bo_new(fd, DRM_NEURON_BO_HOST,
		      insts + PROGRAM_MAX_INSTS * sizeof(struct neuron_inst));
	if (!p.bo.map)
		return p;

	*program_header(&p) = (struct neuron_program_header) {
		.magic = NEURON_PROGRAM_MAGIC,
		.version = NEURON_ISA_VERSION,
		.header_size = sizeof(struct neuron_program_header),
		.size = p.bo.size,
		.tensors = tensors,
		.insts = insts,
		.sbuf_size = 1 << 20,
	};

	return p;
}

struct neuron_program_header *program_header(struct program *p)
{
	return (void *)p->bo.map;
}

uint16_t program_tensor(struct program *p, unsigned int space, unsigned int slot, uint64_t offset,
			uint32_t bytes)
{
	struct neuron_program_header *h = program_header(p);
	struct neuron_tensor *t = (struct neuron_tensor *)(p->bo.map + h->tensors) + p->tensors;

	*t = (struct neuron_tensor) {
		.space = space, .dtype = NEURON_U8, .rank = 1, .slot = slot, .offset = offset,
		.dims = { bytes }, .strides = { 1 },
	};
	if (space == NEURON_SPACE_SLOT && slot >= h->num_slots)
		h->num_slots = slot + 1;
	h->num_tensors = ++p->tensors;

	return p->tensors - 1;
}

struct neuron_inst *program_inst(struct program *p, unsigned int opcode, unsigned int engine)
{
	struct neuron_program_header *h = program_header(p);
	struct neuron_inst *inst = (struct neuron_inst *)(p->bo.map + h->insts) + p->insts;
	unsigned int i;

	memset(inst, 0, sizeof(*inst));
	inst->opcode = opcode;
	inst->engine = engine;
	inst->version = NEURON_ISA_VERSION;
	for (i = 0; i < NEURON_MAX_OPERANDS; i++)
		inst->operand[i] = NEURON_NO_TENSOR;
	h->num_insts = ++p->insts;

	return inst;
}

void program_load(struct program *p, unsigned int slot, uint64_t offset, uint64_t sbuf,
		  uint32_t bytes)
{
	struct neuron_inst *inst = program_inst(p, NEURON_OP_LOAD, NEURON_ENGINE_DMA_IN);

	inst->operand[0] = program_tensor(p, NEURON_SPACE_SBUF, 0, sbuf, bytes);
	inst->operand[1] = program_tensor(p, NEURON_SPACE_SLOT, slot, offset, bytes);
}

void program_store(struct program *p, uint64_t sbuf, unsigned int slot, uint64_t offset,
		   uint32_t bytes)
{
	struct neuron_inst *inst = program_inst(p, NEURON_OP_STORE, NEURON_ENGINE_DMA_OUT);

	inst->operand[0] = program_tensor(p, NEURON_SPACE_SLOT, slot, offset, bytes);
	inst->operand[1] = program_tensor(p, NEURON_SPACE_SBUF, 0, sbuf, bytes);
}

void program_copy(struct program *p, unsigned int src, uint64_t src_offset, unsigned int dst,
		  uint64_t dst_offset, uint32_t bytes)
{
	struct neuron_inst *load, *store;

	program_load(p, src, src_offset, 0, bytes);
	program_store(p, 0, dst, dst_offset, bytes);
	store = (struct neuron_inst *)(p->bo.map + program_header(p)->insts) + p->insts - 1;
	load = store - 1;
	load->signal[0] = (struct neuron_sem_op) { .sem = 3, .value = 1 };
	store->wait[0] = (struct neuron_sem_op) { .sem = 3, .value = 1 };
}

void submission_init(struct submission *s, struct program *p, uint32_t core)
{
	memset(s, 0, sizeof(*s));
	s->args.core = core;
	s->args.program_size = p->bo.size;
	s->args.report_slot = DRM_NEURON_NO_SLOT;
	submission_slot(s, p->bo.handle, DRM_NEURON_SLOT_READ);
}

void submission_slot(struct submission *s, uint32_t handle, uint32_t flags)
{
	s->slots[s->args.slots.count++] = (struct drm_neuron_slot) {
		.handle = handle, .flags = flags,
	};
}

void submission_in(struct submission *s, uint32_t handle, uint64_t point)
{
	s->in[s->args.in_syncs.count++] = (struct drm_neuron_sync) {
		.handle = handle, .point = point,
	};
}

void submission_out(struct submission *s, uint32_t handle, uint64_t point)
{
	s->out[s->args.out_syncs.count++] = (struct drm_neuron_sync) {
		.handle = handle, .point = point,
	};
}

int64_t submit(int fd, struct submission *s)
{
	int ret;

	s->args.slots.ptr = (uintptr_t)s->slots;
	s->args.slots.stride = sizeof(s->slots[0]);
	s->args.in_syncs.ptr = (uintptr_t)s->in;
	s->args.in_syncs.stride = sizeof(s->in[0]);
	s->args.out_syncs.ptr = (uintptr_t)s->out;
	s->args.out_syncs.stride = sizeof(s->out[0]);
	s->args.job = 0;
	ret = dev_ioctl(fd, DRM_IOCTL_NEURON_SUBMIT, &s->args);

	return ret ? ret : (int64_t)s->args.job;
}

int job_wait(int fd, uint64_t job, int64_t timeout_ns)
{
	int64_t end = now_ns() + timeout_ns;
	struct drm_neuron_job_status status;
	int ret;

	for (;;) {
		ret = job_status(fd, job, &status);
		if (ret)
			return ret;
		if (status.state != DRM_NEURON_JOB_PENDING)
			return status.state;
		if (now_ns() > end)
			return -ETIME;
		usleep(500);
	}
}

int core_works(int fd, uint32_t core)
{
	struct program p = program_new(fd);
	struct submission s;
	int64_t job;
	int ret;

	if (!p.bo.map)
		return -errno;
	program_inst(&p, NEURON_OP_NOP, NEURON_ENGINE_PE);
	submission_init(&s, &p, core);
	job = submit(fd, &s);
	ret = job < 0 ? (int)job : job_wait(fd, job, 10 * SECOND_NS);
	munmap(p.bo.map, p.bo.size);
	bo_close(fd, p.bo.handle);

	return ret < 0 ? ret : ret == DRM_NEURON_JOB_DONE ? 0 : -EIO;
}

const char *pci_address(void)
{
	static char address[32];
	char path[64], link[PATH_MAX], *base;
	ssize_t n;

	if (first_match("/sys/class/accel/accel*/device", path, sizeof(path)))
		return address;
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0)
		return address;
	link[n] = '\0';
	base = strrchr(link, '/');
	snprintf(address, sizeof(address), "%.31s", base ? base + 1 : link);

	return address;
}

static const char *inject_path(void)
{
	static char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/accel/%s/inject", pci_address());

	return path;
}

int bind_driver(const char *address)
{
	int i, fd, ret = write_file("/sys/bus/pci/drivers/neuron/bind", address);

	for (i = 0; i < 250; i++) {
		fd = dev_open();
		if (fd >= 0) {
			close(fd);
			return ret;
		}
		usleep(20000);
	}

	return ret ? ret : -ETIME;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		ret = -errno;
	close(fd);

	return ret;
}

int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t done = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (done < size - 1) {
		n = read(fd, buf + done, size - 1 - done);
		if (n <= 0)
			break;
		done += n;
	}
	buf[done] = '\0';
	close(fd);

	return done;
}

bool can_inject(void)
{
	return inject("clear") == 0;
}

int inject(const char *fmt, ...)
{
	char command[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(command, sizeof(command), fmt, args);
	va_end(args);

	return write_file(inject_path(), command);
}

static uint8_t pattern(size_t i, uint32_t seed)
{
	uint32_t x = (uint32_t)i * 2654435761u + seed * 40503u;

	return x >> 24 ^ x >> 11;
}

void fill_pattern(void *p, size_t size, uint32_t seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		((uint8_t *)p)[i] = pattern(i, seed);
}

bool check_pattern(const void *p, size_t size, uint32_t seed)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (((const uint8_t *)p)[i] != pattern(i, seed))
			return false;

	return true;
}

bool is_filled(const void *p, size_t size, uint8_t value)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (((const uint8_t *)p)[i] != value)
			return false;

	return true;
}
