// SPDX-License-Identifier: MIT
/*
 * Nothing more can be had from the system: each allocation that a call makes fails once.
 * The call says so, nothing leaks (under ASan) and, called again, it works.
 *
 * The linker sends the library's and the chip's calls of these functions here (--wrap);
 * what the C library and oneDNN allocate for themselves is theirs.
 */
#include <errno.h>
#include <nrt/nrt_async.h>
#include <nrt/nrt_profile.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include "tests/unit/nrt_test.h"
#include "tests/unit/steps_builder.h"

#define N	512

/*
 * Failing
 */

static unsigned int fail_at;		/* the allocation that fails, from 1 on */
static atomic_uint seen;		/* of those while armed */
static atomic_bool armed;
static atomic_int struck_with;		/* the errno value of the one that has failed */

static bool fails(int error)
{
	if (!armed || atomic_fetch_add(&seen, 1) + 1 != fail_at)
		return false;
	struck_with = error;
	errno = error;
	return true;
}

/* WRAP(what it returns, name, parameters, arguments, value of a failure, errno) */
#define WRAP(type, name, parameters, arguments, bad, error)		\
	type __real_##name parameters;					\
	type __wrap_##name parameters;					\
	type __wrap_##name parameters					\
	{								\
		return fails(error) ? (bad) : __real_##name arguments;	\
	}

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *p, size_t size), (p, size), NULL, ENOMEM)
WRAP(void *, reallocarray, (void *p, size_t n, size_t size), (p, n, size), NULL, ENOMEM)
WRAP(void *, aligned_alloc, (size_t align, size_t size), (align, size), NULL, ENOMEM)
WRAP(char *, strdup, (const char *s), (s), NULL, ENOMEM)
WRAP(void *, mmap, (void *at, size_t size, int prot, int flags,
		    int fd, off_t offset),
	(at, size, prot, flags, fd, offset), MAP_FAILED, ENOMEM)
WRAP(int, memfd_create, (const char *name, unsigned int flags), (name, flags), -1, EMFILE)
WRAP(int, eventfd, (unsigned int value, int flags), (value, flags), -1, EMFILE)
WRAP(FILE *, fdopen, (int fd, const char *mode), (fd, mode), NULL, ENOMEM)

/* It returns its error. */
WRAP(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attr,
			   void *(*start)(void *), void *arg),
	(thread, attr, start, arg), EAGAIN, EAGAIN)

int __wrap_asprintf(char **text, const char *format, ...);
int __wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int n;

	if (fails(ENOMEM))
		return -1;
	va_start(args, format);
	n = vasprintf(text, format, args);
	va_end(args);
	return n;
}

/*
 * Trying
 */

/* What a call may answer when it does not get something. */
static bool allowed(NRT_STATUS status)
{
	switch (struck_with) {
	case 0:
		return false;
	case ENOMEM:
		/* The last is what a chip without memory reports. */
		return status == NRT_FAIL_HOST_MEM_ALLOC || status == NRT_HW_ERROR;
	default:
		return status == NRT_RESOURCE || status == NRT_FAIL_HOST_MEM_ALLOC;
	}
}

/* Has the call failed? Then it is to be made again. */
static bool failed(const char *call, NRT_STATUS status)
{
	armed = false;
	if (!status)
		return false;
	if (!allowed(status)) {
		printf("# allocation %u: %s: %s, %s\n", fail_at, call,
		       nrt_get_status_as_str(status), t_message);
		ktap_failed = true;
	}
	if (t_messages != 1) {
		printf("# allocation %u: %s: %d messages, the last: %s\n", fail_at, call,
		       t_messages, t_message);
		ktap_failed = true;
	}
	return true;
}

static void arm(void)
{
	t_messages = 0;
	t_message[0] = '\0';
	armed = true;
}

#define TRY(call)							\
	do {								\
		arm();							\
		if (failed(#call, call))				\
			CHECK_OK(call);					\
	} while (0)

static void wait_for(nrta_seq_t seq)
{
	bool completed = false;

	while (!completed) {
		CHECK_EQ(nrta_is_completed(seq, &completed), NRT_SUCCESS);
		usleep(100);
	}
}

/* Until it has been done, which its tracker tells. */
#define TRY_REQUEST(call)						\
	do {								\
		NRT_STATUS status_;					\
									\
		arm();							\
		status_ = (call);					\
		if (!status_)						\
			wait_for(seq);					\
		armed = false;						\
		if (!status_)						\
			status_ = request_status(tracker);		\
		if (failed(#call, status_)) {				\
			CHECK_OK(call);					\
			wait_for(seq);					\
			CHECK_EQ(request_status(tracker), NRT_SUCCESS);	\
		}							\
	} while (0)

static NRT_STATUS request_status(nrta_error_tracker_t *tracker)
{
	const nrta_error_t *list;
	size_t count;

	CHECK_EQ(nrta_error_tracker_get_list(tracker, &list, &count), NRT_SUCCESS);
	return count ? list[0].error_code : NRT_SUCCESS;
}

/*
 * What is tried
 */

static char dir[64];
static void *files[6];
static size_t sizes[6];

/* A set with a tensor for each input or output, and the tensors in @tensors. */
static nrt_tensor_set_t *fill_set(nrt_model_t *model, nrt_tensor_usage_t usage,
				  nrt_tensor_placement_t placement, nrt_tensor_t **tensors)
{
	nrt_tensor_info_array_t *info;
	nrt_tensor_set_t *set;
	unsigned int n = 0;

	TRY(nrt_allocate_tensor_set(&set));
	TRY(nrt_get_model_tensor_info(model, &info));
	for (uint64_t i = 0; i < info->tensor_count; i++) {
		const nrt_tensor_info_t *t = &info->tensor_array[i];

		if (t->usage != usage)
			continue;
		TRY(nrt_tensor_allocate(placement, 0, t->size, t->name, &tensors[n]));
		TRY(nrt_add_tensor_to_tensor_set(set, t->name, tensors[n]));
		n++;
	}
	tensors[n] = NULL;
	nrt_free_model_tensor_info(info);
	return set;
}

static void free_set(nrt_tensor_set_t *set, nrt_tensor_t **tensors)
{
	while (*tensors)
		nrt_tensor_free(tensors++);
	nrt_destroy_tensor_set(&set);
}

/* Nothing of what was freed is held any more. */
static void check_memory(void)
{
	struct neuron_memory_info memory;

	CHECK_EQ(neuron_memory_get_info(neuron_runtime_device(0), &memory, sizeof(memory)), 0);
	CHECK_EQ(memory.own_dram, 0);
	if (t_sim())
		CHECK_EQ(memory.own_host, 0);
}

static void executions(void)
{
	static const nrt_tensor_placement_t placements[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_VIRTUAL,
	};
	nrt_tensor_t *a[8], *b[8];
	nrt_tensor_set_t *in, *out;
	nrt_model_t *model;

	TRY(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	for (int i = 0; i < 6; i++) {
		TRY(nrt_load(files[i], sizes[i], -1, -1, &model));
		in = fill_set(model, NRT_TENSOR_USAGE_INPUT, placements[i % 2], a);
		/* All elements are kept, by pieces, by tiles. */
		for (int k = 0; i >= 4 && k < i - 2; k++)
			TRY(nrt_tensor_memset(a[k], 0, 1, nrt_tensor_get_size(a[k])));
		out = fill_set(model, NRT_TENSOR_USAGE_OUTPUT, placements[i % 2], b);
		TRY(nrt_execute(model, in, out));
		free_set(in, a);
		free_set(out, b);
		CHECK_OK(nrt_unload(model));
	}
	check_memory();
	nrt_close();
}

/* A file at an odd address, memory of the caller's, and what copies go through. */
static void tensors(void)
{
	static char bytes[1 << 12];
	nrt_tensor_t *a[8], *b[8], *slice, *mine, *far = NULL;
	unsigned int cores;
	nrt_tensor_set_t *in, *out;
	nrt_model_t *model;
	char *odd;

	TRY(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	odd = malloc(sizes[0] + 4);
	memcpy(odd + 4, files[0], sizes[0]);
	TRY(nrt_load(odd + 4, sizes[0], 0, 1, &model));
	free(odd);
	in = fill_set(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE, a);
	out = fill_set(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE, b);
	TRY(nrt_tensor_allocate_slice(a[0], 0, 64, "slice", &slice));
	TRY(nrt_tensor_allocate_empty("mine", &mine));
	TRY(nrt_tensor_attach_buffer(mine, bytes, 4 * N));
	TRY(nrt_add_tensor_to_tensor_set(in, "a", mine));
	TRY(nrt_execute(model, in, out));
	for (int i = 0; i < 9; i++) {
		snprintf(bytes, sizeof(bytes), "more %d", i);
		TRY(nrt_add_tensor_to_tensor_set(in, bytes, mine));
	}
	TRY(nrt_tensor_write(a[0], bytes, 0, 64));
	TRY(nrt_tensor_read(a[0], bytes, 0, 64));
	TRY(nrt_tensor_copy(a[0], 0, b[0], 0, 64));
	CHECK_OK(nrt_get_visible_vnc_count(&cores));
	TRY(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, cores - 1, 64, "far", &far));
	TRY(nrt_tensor_copy(a[0], 0, far, 0, 64));
	nrt_tensor_free(&far);
	nrt_tensor_free(&slice);
	nrt_tensor_free(&mine);
	free_set(in, a);
	free_set(out, b);
	CHECK_OK(nrt_unload(model));
	check_memory();
	nrt_close();
}

static void requests(void)
{
	nrta_error_tracker_t *tracker;
	nrt_tensor_t *a[8], *b[8];
	nrt_tensor_set_t *in, *out;
	nrt_model_t *model;
	char bytes[64] = "";
	nrta_seq_t seq = 0;
	int fd;

	TRY(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	TRY(nrt_load(files[0], sizes[0], 0, 1, &model));
	in = fill_set(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE, a);
	out = fill_set(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE, b);
	TRY(nrta_error_tracker_create(0, &tracker));
	TRY_REQUEST(nrta_tensor_write(a[0], bytes, 0, sizeof(bytes), 0, tracker, &seq));
	TRY_REQUEST(nrta_tensor_copy(a[0], 0, b[0], 0, 64, 0, tracker, &seq));
	TRY_REQUEST(nrta_execute_schedule(model, in, out, 0, tracker, &seq));
	TRY(nrta_get_completion_handle(seq, &fd));
	close(fd);
	TRY_REQUEST(nrta_tensor_read(bytes, b[0], 0, sizeof(bytes), 0, tracker, &seq));
	nrta_error_tracker_destroy(tracker);
	free_set(in, a);
	free_set(out, b);
	CHECK_OK(nrt_unload(model));
	check_memory();
	nrt_close();
}

/* Names that are taken cost allocations, too. */
static void remove_files(void)
{
	char pattern[96];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/*.ntff", dir);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		unlink(found.gl_pathv[i]);
	globfree(&found);
}

/* What is recorded has gaps then, but no call fails that only is recorded. */
static void profiles(void)
{
	nrt_profile_continuous_options_t *often;
	nrt_tensor_t *a[8], *b[8];
	nrt_tensor_set_t *in, *out;
	nrt_inspect_config_t *o;
	const char **names;
	nrt_model_t *model;
	char path[96];
	size_t count;

	TRY(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""));
	TRY(nrt_load(files[0], sizes[0], 0, 1, &model));
	in = fill_set(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE, a);
	out = fill_set(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE, b);
	snprintf(path, sizeof(path), "%s/model.ntff", dir);
	TRY(nrt_profile_start(model, path));
	TRY(nrt_execute(model, in, out));
	TRY(nrt_profile_stop(path));
	TRY(nrt_trace_start(true));
	TRY(nrt_execute(model, in, out));
	TRY(nrt_trace_stop(path));
	TRY(nrt_profile_continuous_options_allocate(&often));
	TRY(nrt_profile_continuous_options_set_output_dir(often, dir));
	TRY(nrt_profile_continuous_start(often));
	CHECK_OK(nrt_execute(model, in, out));
	TRY(nrt_profile_continuous_save(0, often));
	CHECK_OK(nrt_profile_continuous_stop());
	nrt_profile_continuous_options_free(often);
	TRY(nrt_inspect_config_allocate(&o));
	TRY(nrt_inspect_config_set_defaults(o));
	TRY(nrt_inspect_config_set_output_dir(o, dir));
	TRY(nrt_inspect_config_get_all_activity_types(&names, &count));
	nrt_inspect_config_free_activity_types(names, count);
	TRY(nrt_inspect_config_set_enable_inspect(o, true));
	TRY(nrt_inspect_begin_with_options(o));
	TRY(nrt_inspect_stop());
	nrt_inspect_config_free(o);
	free_set(in, a);
	free_set(out, b);
	CHECK_OK(nrt_unload(model));
	check_memory();
	nrt_close();
	remove_files();
}

/* All the failures that there can be, until one is not reached any more. */
static void each(void (*scenario)(void))
{
	fail_at = 0;
	do {
		fail_at++;
		seen = 0;
		struck_with = 0;
		scenario();
	} while (struck_with && !ktap_failed);
	CHECK(fail_at > 10);
	printf("# %u allocations have failed\n", fail_at - 1);
}

static void each_execution(void)
{
	each(executions);
}

static void each_tensor(void)
{
	each(tensors);
}

static void each_request(void)
{
	each(requests);
}

static void each_profile(void)
{
	each(profiles);
}

int main(void)
{
	static float weights[N] = { 1 };
	char command[96];

	t_setup();
	/* Two chips: between them there is no DMA. */
	if (t_sim())
		setenv("NEURON_RT_DEVICE", "sim:2", 1);
	snprintf(dir, sizeof(dir), "%s/failing.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") :
		 "/tmp");
	if (!mkdtemp(dir))
		return 2;
	files[0] = nb_add(N, &sizes[0]);
	files[1] = nb_weights(weights, N, &sizes[1]);
	files[2] = nb_stages(N, &sizes[2]);
	files[3] = sb_found(N, &sizes[3]);
	files[4] = sb_pieces(20, SB_ONE, &sizes[4]);
	files[5] = sb_products(5, weights, &sizes[5]);
	ktap_run("executions without memory", each_execution);
	ktap_run("tensors without memory", each_tensor);
	ktap_run("requests without memory", each_request);
	ktap_run("profiles without memory", each_profile);
	for (int i = 0; i < 6; i++)
		free(files[i]);
	snprintf(command, sizeof(command), "rm -r '%s'", dir);
	if (system(command))
		return 2;
	return ktap_done();
}
