// SPDX-License-Identifier: MIT
/*
 * Arguments and surroundings with which a call can't work, each of which it has to say
 * something about; those that belong to one subject are in that subject's tests.
 */
#include <errno.h>
#include <limits.h>
#include <nrt/nrt_async.h>
#include <nrt/nrt_profile.h>
#include "tests/unit/nrt_job.h"

static void device_calls(void)
{
	struct neuron_device *device = neuron_runtime_device(0);
	struct neuron_job_result result;
	struct neuron_core_info info;
	struct neuron_buffer *buffer;
	char bytes[16];
	void *address;
	int fd;

	CHECK_FAILS(neuron_core_get_info(NULL, 0, &info, sizeof(info)), -EINVAL, "device or info is NULL");
	CHECK_FAILS(neuron_memory_get_info(device, NULL, 0), -EINVAL, "device or info is NULL");
	CHECK_FAILS(neuron_cores_acquire(NULL, 1), -EINVAL, "device is NULL");
	CHECK_FAILS(neuron_cores_release(NULL, 1), -EINVAL, "device is NULL");
	CHECK_FAILS(neuron_buffer_create(NULL, NEURON_MEMORY_DRAM, 64, &buffer), -EINVAL,
		    "device or buffer is NULL");
	CHECK_FAILS(neuron_buffer_map(NULL, &address), -EINVAL, "buffer or address is NULL");
	CHECK_FAILS(neuron_buffer_export(NULL, &fd), -EINVAL, "buffer or fd is NULL");
	CHECK_FAILS(neuron_buffer_fill(NULL, 0, 0, 64), -EINVAL, "buffer is NULL");
	CHECK_FAILS(neuron_job_wait(NULL, 0, &result), -EINVAL, "job or result is NULL");
	CHECK_FAILS(neuron_inject(NULL, 1, 0, 1, 0), -EINVAL, "device is NULL");
	CHECK_EQ(neuron_buffer_create(device, NEURON_MEMORY_DRAM, 64, &buffer), 0);
	CHECK_FAILS(neuron_buffer_write(buffer, 0, NULL, 64), -EINVAL, "data is NULL");
	CHECK_FAILS(neuron_buffer_read(buffer, 0, NULL, 64), -EINVAL, "data is NULL");
	CHECK_EQ(neuron_buffer_read(buffer, 0, bytes, sizeof(bytes)), 0);
	neuron_buffer_free(buffer);
}

static void two_devices(void)
{
	struct neuron_buffer *buffer[2];
	struct neuron_device *device[2];

	for (int i = 0; i < 2; i++) {
		CHECK_EQ(neuron_device_open("sim:2", i, &device[i]), 0);
		CHECK_EQ(neuron_buffer_create(device[i], NEURON_MEMORY_DRAM, 64, &buffer[i]), 0);
	}
	CHECK_FAILS(neuron_buffer_copy(buffer[0], 0, buffer[1], 0, 64), -EINVAL,
		    "read and write instead");
	for (int i = 0; i < 2; i++) {
		neuron_buffer_free(buffer[i]);
		neuron_device_close(device[i]);
	}
}

static void arguments(void)
{
	struct job job = add_job(NRT_TENSOR_PLACEMENT_HOST);
	nrta_error_tracker_t *tracker;
	nrt_tensor_set_t *set, *twice;
	nrt_inspect_config_t *o;
	uint32_t dims[NEURON_MAX_DIMS], rank;
	size_t count = 0;

	CHECK_FAILS(nrt_tensor_allocate_empty("t", NULL), NRT_INVALID, "tensor is NULL");
	CHECK_FAILS(nrt_tensor_allocate_slice(job.a, 0, 1, "t", NULL), NRT_INVALID,
		    "tensor_slice is NULL");
	CHECK_FAILS(neuron_tensor_get_shape(job.a, NULL, dims), -EINVAL, "ndim or shape is NULL");
	CHECK_FAILS(neuron_tensor_get_shape(NULL, &rank, dims), -EINVAL, "the tensor is NULL");
	CHECK_EQ(neuron_model_get_steps(job.model, NULL, &count), 0);
	CHECK_FAILS(neuron_model_get_steps(job.model, NULL, NULL), -EINVAL, "steps is NULL");
	CHECK_FAILS(neuron_model_get_report(job.model, 0, NULL, 0), -EINVAL, "report is NULL");
	CHECK_FAILS(nrt_get_vnc_memory_stats(0, NULL, 0, NULL), NRT_INVALID, "stats is NULL");
	CHECK_FAILS(nrta_get_sequence(0, NRTA_XU_COMPUTE, 0, NULL), NRT_INVALID, "seq is NULL");
	CHECK_FAILS(nrt_inspect_config_set_output_dir(NULL, "x"), NRT_INVALID, "options is NULL");
	CHECK_OK(nrt_inspect_config_allocate(&o));
	CHECK_FAILS(nrt_inspect_config_set_capture_enabled_for_event_type_string(o, NULL, true),
		    NRT_INVALID, "event_type is NULL");
	nrt_inspect_config_free(o);
	CHECK_FAILS(nrt_profile_continuous_options_set_output_dir(NULL, "x"), NRT_INVALID,
		    "options is NULL");

	/* What has been given back already. */
	CHECK_OK(nrta_error_tracker_create(0, &tracker));
	nrta_error_tracker_destroy(tracker);
	t_messages = 0;
	nrta_error_tracker_destroy(tracker);
	CHECK_EQ(t_messages, 1);
	CHECK(strstr(t_message, "destroyed before"));
	CHECK_OK(nrt_allocate_tensor_set(&set));
	twice = set;
	nrt_destroy_tensor_set(&set);
	t_messages = 0;
	nrt_destroy_tensor_set(&twice);
	CHECK_EQ(t_messages, 1);
	CHECK(strstr(t_message, "destroyed before") && !twice);
	end_job(&job);
}

/* An execution that is under way has its tensors for itself. */
static void in_use(void)
{
	struct job job;
	bool completed = false;
	nrta_seq_t seq;

	if (!t_can_inject())
		return ktap_skip("faults cannot be injected: no debugfs, or debug=off");
	setenv("NEURON_RT_EXEC_TIMEOUT", "2", 1);
	job = add_job(NRT_TENSOR_PLACEMENT_HOST);
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	CHECK_OK(nrta_execute_schedule(job.model, job.in, job.out, 0, NULL, &seq));
	usleep(500000);
	CHECK_FAILS(nrt_tensor_attach_buffer(job.a, input_a, sizeof(input_a)), NRT_FAILURE,
		    "in use by another thread or a request");
	while (!completed) {
		usleep(10000);
		CHECK_EQ(nrta_is_completed(seq, &completed), NRT_SUCCESS);
	}
	CHECK_OK(nrt_tensor_attach_buffer(job.a, input_a, sizeof(input_a)));
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
	t_can_inject();
}

/* Names of folders, and what is being recorded when all is closed. */
static void profiles(void)
{
	nrt_profile_continuous_options_t *often;
	nrt_inspect_config_t *o;
	char dir[PATH_MAX + 16];
	nrt_tensor_t *tensor;

	memset(dir, 'x', sizeof(dir) - 1);
	dir[sizeof(dir) - 1] = '\0';
	CHECK_OK(nrt_inspect_config_allocate(&o));
	CHECK_OK(nrt_inspect_config_set_output_dir(o, dir));
	CHECK_OK(nrt_inspect_config_set_enable_inspect(o, true));
	CHECK_FAILS(nrt_inspect_begin_with_options(o), NRT_INVALID, "give a shorter one");
	CHECK_FAILS(nrt_inspect_stop(), NRT_INVALID, "nrt_inspect_begin()");
	nrt_inspect_config_free(o);
	CHECK_OK(nrt_profile_continuous_options_allocate(&often));
	CHECK_OK(nrt_profile_continuous_options_set_output_dir(often, dir));
	CHECK_OK(nrt_profile_continuous_start(often));
	CHECK_FAILS(nrt_profile_continuous_save(0, often), NRT_INVALID, "give a shorter one");
	CHECK_OK(nrt_profile_continuous_stop());

	CHECK_OK(nrt_trace_start(true));
	t_messages = 0;
	nrt_close();
	CHECK_EQ(t_messages, 1);
	CHECK(strstr(t_message, "nrt_trace_stop() before nrt_close()"));
	setenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS", "1", 1);
	t_init();
	unsetenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	CHECK_FAILS(nrt_profile_continuous_start(often), NRT_INVALID,
		    "unset NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	nrt_profile_continuous_options_free(often);
	nrt_close();
	t_init();
	tensor = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64);
	nrt_tensor_free(&tensor);
}

static void surroundings(void)
{
	uint32_t count;

	nrt_close();
	setenv("NEURON_RT_LOG_LEVEL", "LOUD", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID,
		    "NEURON_RT_LOG_LEVEL has an unknown value: give ERROR");
	unsetenv("NEURON_RT_LOG_LEVEL");
	setenv("NEURON_RT_VISIBLE_CORES", "90", 1);
	CHECK_FAILS(nrt_get_visible_vnc_count(&count), NRT_INVALID,
		    "set NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES");
	unsetenv("NEURON_RT_VISIBLE_CORES");
	CHECK_OK(nrt_get_visible_vnc_count(&count));
	t_init();
}

int main(void)
{
	for (size_t i = 0; i < N; i++) {
		input_a[i] = 2.f * i;
		input_b[i] = i;
	}
	t_setup();
	t_init();
	ktap_run("calls of the device", device_calls);
	ktap_run("buffers of two devices", two_devices);
	ktap_run("arguments", arguments);
	ktap_run("tensors in use", in_use);
	ktap_run("profiles", profiles);
	ktap_run("the environment", surroundings);
	nrt_close();
	return ktap_done();
}
