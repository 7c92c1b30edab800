// SPDX-License-Identifier: GPL-2.0-only
/*
 * Calls made up from a grammar of the interface, one after the other on the same
 * files. Where the kernel has KCOV, arguments that reached new code of the driver
 * are kept, and changed further.
 *
 * FUZZ_SEED and FUZZ_CALLS of the environment choose another run.
 */

#include <linux/kcov.h>
#include <sys/ioctl.h>
#include <sys/sysinfo.h>

#include "harness.h"
#include "neuron_test.h"

#define FILES		3
#define ELEMENTS	6
#define CORPUS		512
#define COVER_WORDS	(16 << 10)
#define SEEN_BITS	20
#define ARGS_MAX	sizeof(struct drm_neuron_submit)

/* What a field means, and so which values are worth trying. */
enum kind { ZERO, HANDLE, SYNC, CORE, MASK, FLAGS, TYPE, SMALL, BYTES, OFFSET, TIME, JOB, USER,
	    SLOTS, SYNCS, OPS };

struct field {
	unsigned short at;
	unsigned short size;
	enum kind kind;
};

#define F(type, member, kind)						\
	{ offsetof(struct type, member), sizeof(((struct type *)0)->member), kind }

static const struct field slot_fields[] = {
	F(drm_neuron_slot, handle, HANDLE), F(drm_neuron_slot, flags, FLAGS),
	F(drm_neuron_slot, offset, OFFSET), F(drm_neuron_slot, size, BYTES), {}
};

static const struct field sync_fields[] = {
	F(drm_neuron_sync, handle, SYNC), F(drm_neuron_sync, flags, ZERO),
	F(drm_neuron_sync, point, SMALL), {}
};

static const struct field op_fields[] = {
	F(drm_neuron_copy_op, src_handle, HANDLE), F(drm_neuron_copy_op, dst_handle, HANDLE),
	F(drm_neuron_copy_op, src_offset, OFFSET), F(drm_neuron_copy_op, dst_offset, OFFSET),
	F(drm_neuron_copy_op, size, BYTES), F(drm_neuron_copy_op, value, SMALL),
	F(drm_neuron_copy_op, pad, ZERO), {}
};

static const struct {
	const struct field *fields;
	unsigned int size;
} elements[] = {
	[SLOTS] = { slot_fields, sizeof(struct drm_neuron_slot) },
	[SYNCS] = { sync_fields, sizeof(struct drm_neuron_sync) },
	[OPS] = { op_fields, sizeof(struct drm_neuron_copy_op) },
};

static const struct call {
	unsigned long request;
	struct field fields[16];
} calls[] = {
	{ DRM_IOCTL_NEURON_QUERY, {
		F(drm_neuron_query, type, TYPE), F(drm_neuron_query, index, CORE),
		F(drm_neuron_query, size, SMALL), F(drm_neuron_query, pad, ZERO),
		F(drm_neuron_query, data, USER) } },
	{ DRM_IOCTL_NEURON_BO_CREATE, {
		F(drm_neuron_bo_create, size, BYTES), F(drm_neuron_bo_create, flags, FLAGS),
		F(drm_neuron_bo_create, handle, ZERO) } },
	{ DRM_IOCTL_NEURON_BO_INFO, {
		F(drm_neuron_bo_info, handle, HANDLE), F(drm_neuron_bo_info, flags, ZERO),
		F(drm_neuron_bo_info, size, ZERO), F(drm_neuron_bo_info, mmap_offset, ZERO) } },
	{ DRM_IOCTL_NEURON_BO_WAIT, {
		F(drm_neuron_bo_wait, handle, HANDLE), F(drm_neuron_bo_wait, flags, FLAGS),
		F(drm_neuron_bo_wait, timeout_ns, TIME) } },
	{ DRM_IOCTL_NEURON_CORE_ACQUIRE, {
		F(drm_neuron_cores, mask, MASK), F(drm_neuron_cores, count, SMALL) } },
	{ DRM_IOCTL_NEURON_CORE_RELEASE, {
		F(drm_neuron_cores, mask, MASK), F(drm_neuron_cores, count, ZERO) } },
	{ DRM_IOCTL_NEURON_SUBMIT, {
		F(drm_neuron_submit, core, CORE), F(drm_neuron_submit, flags, FLAGS),
		F(drm_neuron_submit, slots, SLOTS), F(drm_neuron_submit, in_syncs, SYNCS),
		F(drm_neuron_submit, out_syncs, SYNCS),
		F(drm_neuron_submit, program_slot, ZERO),
		F(drm_neuron_submit, program_size, BYTES),
		F(drm_neuron_submit, program_offset, OFFSET),
		F(drm_neuron_submit, report_slot, SMALL),
		F(drm_neuron_submit, timeout_ms, SMALL),
		F(drm_neuron_submit, report_offset, OFFSET),
		F(drm_neuron_submit, job, ZERO), F(drm_neuron_submit, resident, SMALL),
		F(drm_neuron_submit, pad, ZERO) } },
	{ DRM_IOCTL_NEURON_COPY, {
		F(drm_neuron_copy, ops, OPS), F(drm_neuron_copy, in_syncs, SYNCS),
		F(drm_neuron_copy, out_syncs, SYNCS), F(drm_neuron_copy, flags, ZERO),
		F(drm_neuron_copy, pad, ZERO), F(drm_neuron_copy, job, ZERO) } },
	{ DRM_IOCTL_NEURON_JOB_STATUS, {
		F(drm_neuron_job_status, job, JOB), F(drm_neuron_job_status, pad, ZERO),
		F(drm_neuron_job_status, timeout_ns, TIME) } },
	{ DRM_IOCTL_NEURON_PRIORITY, {
		F(drm_neuron_priority, priority, TYPE), F(drm_neuron_priority, pad, ZERO) } },
	{ DRM_IOCTL_GEM_CLOSE, {
		F(drm_gem_close, handle, HANDLE), F(drm_gem_close, pad, ZERO) } },
	{ DRM_IOCTL_SYNCOBJ_CREATE, {
		F(drm_syncobj_create, flags, FLAGS), F(drm_syncobj_create, handle, ZERO) } },
	{ DRM_IOCTL_SYNCOBJ_DESTROY, {
		F(drm_syncobj_destroy, handle, SYNC), F(drm_syncobj_destroy, pad, ZERO) } },
};

/* One call's arguments, with the elements of its arrays. */
struct input {
	unsigned int call;
	uint8_t args[ARGS_MAX];
	uint8_t arrays[3][ELEMENTS * 64];
};

static uint64_t state;
static struct input corpus[CORPUS];
static unsigned int corpus_size;
static uint8_t seen[1 << (SEEN_BITS - 3)];
static uint8_t user[4096];

static uint32_t any(uint32_t below)
{
	state = state * 6364136223846793005ull + 1442695040888963407ull;

	return (state >> 33) % below;
}

static uint64_t odd_value(void)
{
	static const uint64_t values[] = {
		1, 2, 63, 64, 65, 4095, 4096, 4097, INT32_MAX, 1ull << 31, UINT32_MAX, 1ull << 32,
		INT64_MAX, 1ull << 63, UINT64_MAX, UINT64_MAX - 4095,
	};

	return any(3) ? values[any(ARRAY_LEN(values))] : (uint64_t)any(1u << 31) << any(33);
}

static uint64_t value_of(enum kind kind)
{
	if (!any(24))
		return odd_value();

	switch (kind) {
	case HANDLE:
		return any(12);
	case SYNC:
		return any(5);
	case CORE:
		return any(5) % 4;
	case MASK:
		return 1 + any(15);
	case FLAGS:
		return any(8);
	case TYPE:
	case SMALL:
		return any(4);
	case BYTES:
		return any(4) ? 4096 * any(17) : any(1 << 16);
	case OFFSET:
		return any(3) ? 0 : 64 * any(1024);
	case TIME:
		return any(2) ? 0 : now_ns() + any(2 * MS_NS);
	case JOB:
		return any(200);
	case USER:
		return (uintptr_t)user;
	default:
		return 0;
	}
}

static void put(uint8_t *at, const struct field *f, uint64_t value)
{
	memcpy(at + f->at, &value, f->size);	/* little endian, as the device is */
}

static void fill_element(uint8_t *at, const struct field *f)
{
	for (; f->size; f++)
		put(at, f, value_of(f->kind));
}

static void fill_field(struct input *in, const struct field *f)
{
	unsigned int which = f->kind == SYNCS && f->at > offsetof(struct drm_neuron_copy, in_syncs) ?
			     2 : f->kind == SYNCS;
	struct drm_neuron_array array;
	unsigned int i;

	if (f->kind < SLOTS) {
		put(in->args, f, value_of(f->kind));
		return;
	}

	/* Where the array is stands in the arguments that are passed, not here. */
	array = (struct drm_neuron_array){
		.ptr = any(40) ? which : odd_value(),
		.count = any(30) ? any(ELEMENTS + 1) : odd_value(),
		.stride = any(30) ? elements[f->kind].size : odd_value(),
	};
	memcpy(in->args + f->at, &array, sizeof(array));
	for (i = 0; i < ELEMENTS; i++)
		fill_element(in->arrays[which] + i * elements[f->kind].size,
			     elements[f->kind].fields);
}

static void make(struct input *in)
{
	const struct field *f;
	unsigned int i, n;

	if (corpus_size && any(4)) {
		*in = corpus[any(corpus_size)];
		for (n = 0; calls[in->call].fields[n].size;)
			n++;
		for (i = any(3); i < 3; i++)
			fill_field(in, &calls[in->call].fields[any(n)]);
		return;
	}

	memset(in, 0, sizeof(*in));
	in->call = any(ARRAY_LEN(calls));
	for (f = calls[in->call].fields; f->size; f++)
		fill_field(in, f);
}

static int call(int fd, const struct input *in)
{
	const struct field *f;
	struct input copy = *in;

	for (f = calls[in->call].fields; f->size; f++) {
		struct drm_neuron_array *array = (void *)(copy.args + f->at);

		if (f->kind >= SLOTS && array->ptr < ARRAY_LEN(copy.arrays))
			array->ptr = (uintptr_t)copy.arrays[array->ptr];
	}

	return dev_ioctl(fd, calls[in->call].request, copy.args);
}

static uint64_t *cover_open(int *fd)
{
	uint64_t *cover;

	*fd = open("/sys/kernel/debug/kcov", O_RDWR);
	if (*fd < 0 || ioctl(*fd, KCOV_INIT_TRACE, COVER_WORDS))
		return NULL;
	cover = mmap(NULL, COVER_WORDS * sizeof(*cover), PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (cover == MAP_FAILED || ioctl(*fd, KCOV_ENABLE, KCOV_TRACE_PC))
		return NULL;

	return cover;
}

/* Addresses that no call has come by before. */
static unsigned int cover_new(const uint64_t *cover)
{
	uint64_t i, n = cover[0];
	unsigned int found = 0;

	for (i = 1; i <= n && i < COVER_WORDS; i++) {
		uint32_t bit = (cover[i] * 0x9e3779b97f4a7c15ull) >> (64 - SEEN_BITS);

		if (!(seen[bit / 8] & 1 << bit % 8)) {
			seen[bit / 8] |= 1 << bit % 8;
			found++;
		}
	}

	return found;
}

/* Errors that the interface knows; anything else is a finding. */
static bool documented(int ret)
{
	switch (-ret) {
	case 0:
	case EINVAL:
	case ENOENT:
	case EFAULT:
	case ENOMEM:
	case ENOSPC:
	case EDQUOT:
	case EBUSY:
	case ETIME:
	case EIO:
	case EACCES:
	case EOVERFLOW:
	case E2BIG:
		return true;
	default:
		return false;
	}
}

/*
 * What the calls have made the host's memory hold. Buffers may be as large as there is room,
 * and of the last of it the machine needs some itself.
 */
static bool memory_is_short(void)
{
	struct sysinfo info;

	return !sysinfo(&info) && info.freeram < info.totalram / 8;
}

FIXTURE(fuzz) {
	int fd;
};

FIXTURE_SETUP(fuzz)
{
	self->fd = dev_open();
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(fuzz)
{
	close(self->fd);
}

TEST_F_TIMEOUT(fuzz, calls, 250)
{
	struct drm_neuron_memory_info before = memory_info(self->fd), after;
	const char *seed = getenv("FUZZ_SEED"), *wanted = getenv("FUZZ_CALLS");
	unsigned long n, done = 0, limit = wanted ? strtoul(wanted, NULL, 0) : 20000;
	unsigned int covered = 0, found, ok = 0;
	int64_t end = now_ns() + 120 * SECOND_NS;
	int kcov, fds[FILES], again, ret, i;
	struct input in;
	uint64_t *cover;

	state = seed ? strtoull(seed, NULL, 0) : 1;
	for (i = 0; i < FILES; i++) {
		fds[i] = dev_open();
		ASSERT_LE(0, fds[i]);
	}
	cover = cover_open(&kcov);
	for (n = 0; n < limit && now_ns() < end; n++) {
		make(&in);
		/* A file's end, with all that it holds, is a call as well. */
		again = memory_is_short() ? FILES : !any(2000);
		for (i = any(FILES); again; again--, i = (i + 1) % FILES) {
			close(fds[i]);
			fds[i] = dev_open();
			ASSERT_LE(0, fds[i]);
		}
		if (cover)
			__atomic_store_n(cover, 0, __ATOMIC_RELAXED);
		ret = call(fds[any(FILES)], &in);
		done++;
		ok += !ret;
		if (!documented(ret)) {
			TH_LOG("call %lu, number %u: error %d", n, in.call, ret);
			EXPECT_EQ(0, ret);
		}
		found = cover ? cover_new(cover) : 0;
		covered += found;
		if (found || (!cover && !ret && !any(16)))
			corpus[corpus_size < CORPUS ? corpus_size++ : any(CORPUS)] = in;
	}
	if (cover)
		ioctl(kcov, KCOV_DISABLE, 0);
	TH_LOG("%lu calls, %u of them succeeded, %u places covered%s, %u inputs kept", done, ok,
	       covered, cover ? "" : " (no KCOV)", corpus_size);
	EXPECT_LT(done / 50, ok);

	for (i = 0; i < FILES; i++)
		close(fds[i]);
	for (i = 0; i < 1500; i++) {
		after = memory_info(self->fd);
		if (after.dram_free == before.dram_free)
			break;
		usleep(20000);
	}
	EXPECT_EQ(before.dram_free, after.dram_free);
	EXPECT_EQ(0, core_works(self->fd, 0));
	EXPECT_EQ(0, core_works(self->fd, 3));
}

TEST_HARNESS_MAIN
