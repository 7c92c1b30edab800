// SPDX-License-Identifier: MIT
/* nrt_init(), nrt_close(), the environment, counts, messages. */
#include <nrt/nrt_version.h>
#include <sys/wait.h>
#include "tests/unit/nrt_test.h"

static nrt_model_t *const no_model = (nrt_model_t *)8;

/* Every call that needs nrt_init() gives a status. */
static void all_calls(NRT_STATUS status)
{
	nrt_tensor_info_array_t *infos;
	nrt_vnc_memory_stats_t stats;
	nrt_tensor_batch_op_t op = { 0 };
	nrt_tensor_batch_t batch = { .ops = &op, .num_ops = 1 };
	nrt_tensor_t *tensor = NULL;
	nrt_tensor_set_t *set = NULL;
	nrt_model_info_t info;
	nrt_model_t *model;
	uint64_t bytes[8] = { 0 };
	uint32_t count;

	CHECK_FAILS(nrt_load(bytes, sizeof(bytes), -1, -1, &model), status, "nrt_init()");
	CHECK_FAILS(nrt_unload(no_model), status, "nrt_init()");
	CHECK_FAILS(nrt_get_model_nc_count(no_model, &count), status, "nrt_init()");
	CHECK_FAILS(nrt_get_model_vnc_count(no_model, &count), status, "nrt_init()");
	CHECK_FAILS(nrt_get_model_instance_count(no_model, &count), status,
		    "nrt_init()");
	CHECK_FAILS(nrt_get_model_info(no_model, &info, sizeof(info), NULL), status,
		    "nrt_init()");
	CHECK_FAILS(nrt_get_model_tensor_info(no_model, &infos), status, "nrt_init()");
	CHECK_FAILS(nrt_allocate_tensor_set(&set), status, "nrt_init()");
	CHECK_FAILS(nrt_add_tensor_to_tensor_set(&set, "x", tensor), status,
		    "nrt_init()");
	CHECK_FAILS(nrt_get_tensor_from_tensor_set(&set, "x", &tensor), status,
		    "nrt_init()");
	CHECK_FAILS(nrt_execute(no_model, &set, &set), status, "nrt_init()");
	CHECK_FAILS(nrt_execute_repeat(no_model, &set, &set, 2), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 0, 4, "x", &tensor),
		    status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_allocate_empty("x", &tensor), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_allocate_slice(tensor, 0, 1, "x", &tensor), status,
		    "nrt_init()");
	CHECK_FAILS(nrt_tensor_attach_buffer(tensor, bytes, 8), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_read(tensor, bytes, 0, 1), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_write(tensor, bytes, 0, 1), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_read_batch(&batch, 1, false), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_write_batch(&batch, 1, false), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_copy(tensor, 0, tensor, 0, 1), status, "nrt_init()");
	CHECK_FAILS(nrt_tensor_memset(tensor, 0, 0, 1), status, "nrt_init()");
	CHECK_FAILS(nrt_get_vnc_memory_stats(0, &stats, sizeof(stats), NULL), status,
		    "nrt_init()");
	t_messages = 0;
	CHECK(!nrt_tensor_get_va(tensor));
	CHECK_EQ(t_messages, 1);
}

static void before_init(void)
{
	all_calls(NRT_UNINITIALIZED);
}

static void after_close(void)
{
	t_init();
	nrt_close();
	all_calls(NRT_CLOSED);
	nrt_close();
}

static void init_again(void)
{
	nrt_tensor_t *tensor;
	uint8_t byte;
	int i;

	for (i = 0; i < 5; i++) {
		t_init();
		CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4, "t", &tensor));
		CHECK_OK(nrt_tensor_memset(tensor, 0, i, 4));
		/* A framework has done it, a library of the same process does it, too. */
		CHECK_OK(nrt_init(NRT_FRAMEWORK_TYPE_PYTORCH, "", ""));
		byte = 99;
		CHECK_OK(nrt_tensor_read(tensor, &byte, 0, 1));
		CHECK_EQ(byte, i);
		nrt_tensor_free(&tensor);
		nrt_close();
		/* Who closes it closes it for all of them. */
		CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 4, "t", &tensor),
			    NRT_CLOSED, "nrt_init()");
	}
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_INVALID, "", ""), NRT_INVALID,
		    "NRT_FRAMEWORK_TYPE_NO_FW");
	CHECK_FAILS(nrt_init((nrt_framework_type_t)99, "", ""), NRT_INVALID, "99");
	CHECK_OK(nrt_init(NRT_FRAMEWORK_TYPE_PYTORCH, NULL, NULL));
	nrt_close();
}

/* A program may leave everything behind. */
static void close_with_everything_open(void)
{
	nrt_tensor_info_array_t *infos = NULL;
	nrt_tensor_t *tensor, *slice, *empty;
	nrt_tensor_set_t *set;
	nrt_model_t *model;
	char byte = 0;
	size_t size;
	void *file = nb_add(64, &size);

	t_init();
	model = t_load(file, size);
	tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 4096);
	CHECK_OK(nrt_tensor_allocate_slice(tensor, 64, 64, "slice", &slice));
	CHECK_OK(nrt_tensor_allocate_empty("empty", &empty));
	CHECK_OK(nrt_tensor_attach_buffer(empty, &byte, 1));
	set = t_set("a", tensor, "b", slice, NULL);
	CHECK_OK(nrt_get_model_tensor_info(model, &infos));
	nrt_close();

	CHECK_FAILS(nrt_unload(model), NRT_CLOSED, "nrt_init()");
	CHECK_EQ(nrt_tensor_get_size(tensor), 4096);
	CHECK_STR(infos->tensor_array[2].name, "c");

	/* The memory is gone, the handles are not. */
	t_init();
	CHECK_FAILS(nrt_unload(model), NRT_INVALID_HANDLE, "unloaded");
	CHECK_FAILS(nrt_tensor_read(tensor, &byte, 0, 1), NRT_INVALID, "nrt_close()");
	CHECK_FAILS(nrt_tensor_write(slice, &byte, 0, 1), NRT_INVALID, "nrt_close()");
	CHECK(!nrt_tensor_get_va(tensor));
	CHECK_OK(nrt_tensor_write(empty, "x", 0, 1));
	CHECK_EQ(byte, 'x');
	nrt_close();

	t_messages = 0;
	nrt_tensor_free(&tensor);
	nrt_tensor_free(&slice);
	nrt_tensor_free(&empty);
	nrt_destroy_tensor_set(&set);
	CHECK_EQ(nrt_free_model_tensor_info(infos), NRT_SUCCESS);
	CHECK(!tensor && !slice && !empty && !set);
	CHECK_EQ(t_messages, 0);
}

static void counts(void)
{
	uint32_t total = 0, count = 0;

	CHECK_OK(nrt_get_total_vnc_count(&total));
	CHECK(total && total % 4 == 0);
	CHECK_OK(nrt_get_total_nc_count(&count));
	CHECK_EQ(count, total);
	CHECK_OK(nrt_get_visible_vnc_count(&count));
	CHECK_EQ(count, total);
	setenv("NEURON_RT_NUM_CORES", "2", 1);
	CHECK_OK(nrt_get_visible_nc_count(&count));
	CHECK_EQ(count, 2);
	t_init();
	CHECK_OK(nrt_get_visible_vnc_count(&count));
	CHECK_EQ(count, 2);
	CHECK_OK(nrt_get_total_vnc_count(&count));
	CHECK_EQ(count, total);
	nrt_close();
	unsetenv("NEURON_RT_NUM_CORES");
	CHECK_FAILS(nrt_get_total_vnc_count(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_get_visible_vnc_count(NULL), NRT_INVALID, "NULL");
}

static uint32_t visible(const char *cores)
{
	uint32_t count = 0;

	setenv("NEURON_RT_VISIBLE_CORES", cores, 1);
	if (nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "") == NRT_SUCCESS) {
		CHECK_OK(nrt_get_visible_vnc_count(&count));
		nrt_close();
	}
	unsetenv("NEURON_RT_VISIBLE_CORES");
	return count;
}

static void visible_cores(void)
{
	static const char *const bad[] = {
		"x", "-", "1-", "-1", "2-1", "0,2", "1,0", "0,0", "0-1,1", "0 1", "0,",
		",0", "0x1", "99999999999999999999", "2147483647", "0-2147483646",
		"4000", "0--1",
	};
	size_t i;

	CHECK_EQ(visible("0"), 1);
	CHECK_EQ(visible("3"), 1);
	CHECK_EQ(visible("0-3"), 4);
	CHECK_EQ(visible("1,2,3"), 3);
	CHECK_EQ(visible("0-1,2-3"), 4);
	setenv("NEURON_RT_NUM_CORES", "4", 1);
	CHECK_EQ(visible("1-2"), 2);
	unsetenv("NEURON_RT_NUM_CORES");
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		setenv("NEURON_RT_VISIBLE_CORES", bad[i], 1);
		CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID,
			    "NEURON_RT_VISIBLE_CORES");
	}
	unsetenv("NEURON_RT_VISIBLE_CORES");
	setenv("NEURON_RT_NUM_CORES", "-1", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID,
		    "NEURON_RT_NUM_CORES");
	setenv("NEURON_RT_NUM_CORES", "1000", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID,
		    "NEURON_RT_NUM_CORES");
	setenv("NEURON_RT_NUM_CORES", "0", 1);
	t_init();
	nrt_close();
	unsetenv("NEURON_RT_NUM_CORES");
}

/* Cores that somebody else has cannot be had; others can. */
static void taken_cores(void)
{
	struct neuron_device *other;
	uint32_t total, count;

	CHECK_EQ(neuron_device_open(NULL, 0, &other), 0);
	CHECK_EQ(neuron_cores_acquire(other, 1 << 1), 0);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_RESOURCE, "1 by");
	setenv("NEURON_RT_VISIBLE_CORES", "0-1", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_RESOURCE, "taken");
	setenv("NEURON_RT_VISIBLE_CORES", "2-3", 1);
	t_init();
	nrt_close();
	unsetenv("NEURON_RT_VISIBLE_CORES");
	setenv("NEURON_RT_NUM_CORES", "2", 1);	/* 2 and 3 are found */
	t_init();
	CHECK_OK(nrt_get_visible_vnc_count(&count));
	CHECK_EQ(count, 2);
	CHECK_FAILS(neuron_cores_acquire(other, 1 << 2), -16, "another");
	nrt_close();
	CHECK_EQ(neuron_cores_acquire(other, 1 << 2), 0);
	CHECK_OK(nrt_get_total_vnc_count(&total));
	if (total == 4)
		CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_RESOURCE,
			    "2 by");
	unsetenv("NEURON_RT_NUM_CORES");
	neuron_device_close(other);
	t_init();
	nrt_close();
}

static void several_chips(void)
{
	const char *device = getenv("NEURON_RT_DEVICE");
	nrt_tensor_t *far, *near;
	nrt_model_t *model;
	uint32_t count;
	char keep[64];
	size_t size;
	void *file;

	if (!t_sim())
		return ktap_skip("the simulator can have several chips");
	snprintf(keep, sizeof(keep), "%s", device);
	setenv("NEURON_RT_DEVICE", "sim:3", 1);
	CHECK_OK(nrt_get_total_vnc_count(&count));
	CHECK_EQ(count, 12);
	setenv("NEURON_RT_VISIBLE_CORES", "3-9", 1);
	t_init();
	CHECK_OK(nrt_get_visible_vnc_count(&count));
	CHECK_EQ(count, 7);

	/* A model's cores are those of one chip: not vnc 0 and 1 here. */
	file = nb_two_cores(64, &size);
	CHECK_FAILS(nrt_load(file, size, 0, -1, &model), NRT_LOAD_NOT_ENOUGH_NC,
		    "one chip");
	CHECK_OK(nrt_load(file, size, -1, -1, &model));
	far = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 256);	/* on the other chip */
	CHECK_OK(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 1, 256, "near",
				     &near));
	CHECK_OK(nrt_tensor_memset(far, 0, 7, 256));
	{
		nrt_tensor_set_t *in = t_set("x", far, NULL);
		nrt_tensor_set_t *out = t_set("y", near, NULL);
		unsigned char back[256];

		CHECK_OK(nrt_execute(model, in, out));
		CHECK_OK(nrt_tensor_read(near, back, 0, 256));
		CHECK_EQ(back[0], 7);
		CHECK_EQ(back[255], 7);
		CHECK_OK(nrt_tensor_memset(near, 0, 9, 256));
		CHECK_OK(nrt_tensor_copy(near, 0, far, 128, 128));
		CHECK_OK(nrt_tensor_read(far, back, 0, 256));
		CHECK_EQ(back[127], 7);
		CHECK_EQ(back[128], 9);
		nrt_destroy_tensor_set(&in);
		nrt_destroy_tensor_set(&out);
	}
	nrt_tensor_free(&far);
	nrt_tensor_free(&near);
	nrt_close();
	free(file);
	unsetenv("NEURON_RT_VISIBLE_CORES");
	setenv("NEURON_RT_DEVICE", "sim:17", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID, "16");
	setenv("NEURON_RT_DEVICE", "sim:0", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID, "16");
	setenv("NEURON_RT_DEVICE", keep, 1);
}

static void versions(void)
{
	struct {
		nrt_version_t version;
		char canary;
	} v;

	memset(&v, 0x55, sizeof(v));
	CHECK_OK(nrt_get_version(&v.version, sizeof(v.version)));
	CHECK_EQ(v.version.rt_major, NRT_MAJOR_VERSION);
	CHECK_EQ(v.version.rt_minor, NRT_MINOR_VERSION);
	CHECK(strstr(v.version.rt_detail, "libneuron"));
	CHECK_EQ(v.canary, 0x55);
	memset(&v, 0x55, sizeof(v));
	CHECK_OK(nrt_get_version(&v.version, 8));
	CHECK_EQ(v.version.rt_major, NRT_MAJOR_VERSION);
	CHECK_EQ(v.version.rt_minor, 0x5555555555555555);
	CHECK_FAILS(nrt_get_version(NULL, 8), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_get_version(&v.version, 0), NRT_INVALID, "0");
}

static void status_names(void)
{
	static const struct {
		int value;
		const char *name;
	} all[] = {
		{ 0, "NRT_SUCCESS" }, { 1, "NRT_FAILURE" }, { 2, "NRT_INVALID" },
		{ 3, "NRT_INVALID_HANDLE" }, { 4, "NRT_RESOURCE" }, { 5, "NRT_TIMEOUT" },
		{ 6, "NRT_HW_ERROR" }, { 7, "NRT_QUEUE_FULL" },
		{ 9, "NRT_LOAD_NOT_ENOUGH_NC" }, { 10, "NRT_UNSUPPORTED_NEFF_VERSION" },
		{ 11, "NRT_FAIL_HOST_MEM_ALLOC" }, { 13, "NRT_UNINITIALIZED" },
		{ 14, "NRT_CLOSED" }, { 15, "NRT_QUEUE_EMPTY" },
		{ 101, "NRT_EXEC_UNIT_UNRECOVERABLE" }, { 1002, "NRT_EXEC_BAD_INPUT" },
		{ 1003, "NRT_EXEC_COMPLETED_WITH_NUM_ERR" },
		{ 1004, "NRT_EXEC_COMPLETED_WITH_ERR" }, { 1005, "NRT_EXEC_NC_BUSY" },
		{ 1006, "NRT_EXEC_OOB" }, { 1100, "NRT_COLL_PENDING" },
		{ 1200, "NRT_EXEC_HW_ERR_COLLECTIVES" },
		{ 1201, "NRT_EXEC_HW_ERR_HBM_UE" }, { 1202, "NRT_EXEC_HW_ERR_NC_UE" },
		{ 1203, "NRT_EXEC_HW_ERR_DMA_ABORT" },
		{ 1204, "NRT_EXEC_SW_NQ_OVERFLOW" },
		{ 1205, "NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE" },
		{ 1206, "NRT_NETWORK_PROXY_FAILURE" },
	};
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		CHECK_STR(nrt_get_status_as_str((NRT_STATUS)all[i].value), all[i].name);
	CHECK_STR(nrt_get_status_as_str((NRT_STATUS)-1), "NRT_UNKNOWN_STATUS");
	CHECK_STR(nrt_get_status_as_str((NRT_STATUS)8), "NRT_UNKNOWN_STATUS");
}

/* Run @test in a process of its own, with stderr in a file; its exit status. */
static int in_child(int (*test)(void), char *errors, size_t size)
{
	FILE *f = tmpfile();
	int status = -1;
	pid_t pid;
	size_t n;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		dup2(fileno(f), STDERR_FILENO);
		_exit(test());
	}
	waitpid(pid, &status, 0);
	rewind(f);
	n = fread(errors, 1, size - 1, f);
	errors[n] = '\0';
	fclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int log_in_child(void)
{
	nrt_model_t *model;

	neuron_set_log(NULL, NULL);
	return nrt_load("", 0, -1, -1, &model) != NRT_CLOSED;
}

static int log_level_in_child(void)
{
	neuron_set_log(NULL, NULL);
	return nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "") != NRT_INVALID;
}

static void messages(void)
{
	char errors[1024];
	nrt_model_t *model;

	setenv("NEURON_RT_LOG_LEVEL", "ERROR", 1);
	CHECK_EQ(in_child(log_in_child, errors, sizeof(errors)), 0);
	CHECK(strstr(errors, " ERROR  NRT:nrt_load  nrt_close() has been called"));
	CHECK(strchr(errors, '\n') == errors + strlen(errors) - 1);
	setenv("NEURON_RT_LOG_LEVEL", "LOUD", 1);
	CHECK_EQ(in_child(log_level_in_child, errors, sizeof(errors)), 0);
	CHECK(strstr(errors, "NEURON_RT_LOG_LEVEL"));
	unsetenv("NEURON_RT_LOG_LEVEL");
	setenv("NEURON_RT_LOG_LOCATION", "nowhere", 1);
	CHECK_EQ(in_child(log_level_in_child, errors, sizeof(errors)), 0);
	CHECK(strstr(errors, "NEURON_RT_LOG_LOCATION"));
	unsetenv("NEURON_RT_LOG_LOCATION");
	CHECK_EQ(nrt_load(NULL, 0, -1, -1, &model), NRT_INVALID);
	CHECK_STR(neuron_error(), "neff_bytes or model is NULL");
}

static nrt_tensor_t *parents_tensor;

/* A child that uses the parent's runtime, and one that makes its own. */
static int use_in_child(void)
{
	nrt_tensor_t *tensor = parents_tensor;
	char byte;

	t_messages = 0;
	if (nrt_tensor_read(tensor, &byte, 0, 1) != NRT_UNINITIALIZED ||
	    t_messages != 1 || !strstr(t_message, "forked"))
		return 1;
	nrt_tensor_free(&tensor);
	nrt_close();
	return 0;
}

static int init_in_child(void)
{
	NRT_STATUS status = nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
	nrt_tensor_t *tensor;

	/* Each process has simulated chips of its own, but they share the real ones. */
	if (!t_sim())
		return status != NRT_RESOURCE;
	if (status || nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 64, "x",
					  &tensor))
		return 1;
	nrt_tensor_free(&tensor);
	nrt_close();
	return 0;
}

static void forks(void)
{
	char errors[1024], byte = 1;

	t_init();
	parents_tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	CHECK_EQ(in_child(use_in_child, errors, sizeof(errors)), 0);
#ifndef __SANITIZE_THREAD__	/* it does not let the child have threads */
	CHECK_EQ(in_child(init_in_child, errors, sizeof(errors)), 0);
#else
	(void)init_in_child;
#endif
	CHECK_OK(nrt_tensor_write(parents_tensor, &byte, 0, 1));
	nrt_tensor_free(&parents_tensor);
	nrt_close();
}

int main(void)
{
	t_setup();
	ktap_run("nrt calls before nrt_init", before_init);
	ktap_run("nrt calls after nrt_close", after_close);
	ktap_run("nrt_init again", init_again);
	ktap_run("nrt_close with everything open", close_with_everything_open);
	ktap_run("nrt core counts", counts);
	ktap_run("NEURON_RT_VISIBLE_CORES and NUM_CORES", visible_cores);
	ktap_run("nrt_init while cores are taken", taken_cores);
	ktap_run("nrt on several chips", several_chips);
	ktap_run("nrt_get_version", versions);
	ktap_run("nrt_get_status_as_str", status_names);
	ktap_run("nrt messages", messages);
	ktap_run("nrt after fork", forks);
	return ktap_done();
}
