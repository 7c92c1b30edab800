// SPDX-License-Identifier: MIT
/* The calls around tensors, instances and workers that few programs make. */
#include <fcntl.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <drm/neuron_accel.h>
#include <xf86drm.h>
#include "tests/unit/nrt_test.h"

#define N	500

static nrt_model_t *model;
static nrt_tensor_set_t *in, *out;
static nrt_tensor_t *c;

static void open_model(void)
{
	size_t size;
	void *file = nb_add(N, &size);

	model = t_load(file, size);
	in = t_all(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	c = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, N * sizeof(float));
	out = t_set("c", c, NULL);
}

static void close_model(void)
{
	nrt_tensor_t *tensor;

	CHECK_OK(nrt_unload(model));
	for (int i = 0; i < 2; i++) {
		CHECK_OK(nrt_get_tensor_from_tensor_set(in, i ? "a" : "b", &tensor));
		nrt_tensor_free(&tensor);
	}
	nrt_tensor_free(&c);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
}

static void instance_info(void)
{
	struct {
		nrt_instance_info_t info;
		char behind;
	} s = { .behind = 7 };
	uint32_t cores, map[64] = { 0 }, count = 64, id;
	uint32_t few = 9;

	CHECK_OK(nrt_get_instance_info(&s.info, sizeof(s.info)));
	CHECK_EQ(s.info.family, NRT_INSTANCE_INF1);
	CHECK_STR(s.info.arch_name, "inf1");
	CHECK_OK(nrt_get_total_vnc_count(&cores));
	CHECK_EQ(s.info.size, cores == 4 ? NRT_INSTANCE_SIZE_1XL :
			      cores == 16 ? NRT_INSTANCE_SIZE_6XL :
			      cores == 64 ? NRT_INSTANCE_SIZE_24XL :
					    NRT_INSTANCE_SIZE_UNKNOWN);
	CHECK(s.info.device_revision[0]);
	CHECK_EQ(s.behind, 7);
	/* A caller of an older version has less room. */
	s.info.family = 0;
	s.info.size = 99;
	CHECK_OK(nrt_get_instance_info(&s.info, sizeof(s.info.family)));
	CHECK_EQ(s.info.family, NRT_INSTANCE_INF1);
	CHECK_EQ(s.info.size, 99);
	CHECK_FAILS(nrt_get_instance_info(NULL, 8), NRT_INVALID, "info");

	CHECK_OK(nrt_host_device_id_rid_map_get(&count, map));
	CHECK_EQ(count, cores / 4);
	for (uint32_t i = 0; i < count; i++)
		CHECK_EQ(map[i], i);
	CHECK_OK(nrt_host_device_id_get(count - 1, &id));
	CHECK_EQ(id, count - 1);
	CHECK_FAILS(nrt_host_device_id_get(count, &id), NRT_INVALID, "no device");
	CHECK_FAILS(nrt_host_device_id_get(-1, &id), NRT_INVALID, "no device -1");
	CHECK_FAILS(nrt_host_device_id_get(0, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_host_device_id_rid_map_get(&few, NULL), NRT_INVALID, "NULL");
	few = 0;
	CHECK_OK(nrt_host_device_id_rid_map_get(&few, NULL));
	CHECK_EQ(few, 0);
}

/* Executes some times, a little later than whoever waits for it. */
static void *execute_later(void *arg)
{
	(void)arg;
	usleep(20000);
	return (void *)(uintptr_t)nrt_execute_repeat(model, in, out, 3);
}

static void *close_later(void *arg)
{
	(void)arg;
	usleep(20000);
	nrt_close();
	return NULL;
}

static void completions(void)
{
	nrt_tensor_t *none = NULL;
	pthread_t thread;
	void *status;

	open_model();
	CHECK_OK(nrt_tensor_check_output_completion(c, 0, 0));
	CHECK_EQ(nrt_tensor_check_output_completion(c, 0, 1), NRT_TIMEOUT);
	CHECK_EQ(nrt_tensor_check_output_completion(c, 1000, 1), NRT_TIMEOUT);
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_OK(nrt_tensor_check_output_completion(c, 0, 2));
	CHECK_EQ(nrt_tensor_check_output_completion(c, 0, 3), NRT_TIMEOUT);
	CHECK_OK(nrt_tensor_reset_output_completion(c));
	CHECK_EQ(nrt_tensor_check_output_completion(c, 0, 1), NRT_TIMEOUT);
	/* Each round of a repeated execution counts; and is waited for. */
	CHECK_EQ(pthread_create(&thread, NULL, execute_later, NULL), 0);
	CHECK_OK(nrt_tensor_check_output_completion(c, -1, 3));
	pthread_join(thread, &status);
	CHECK_EQ((uintptr_t)status, NRT_SUCCESS);
	CHECK_OK(nrt_tensor_reset_output_completion(c));
	CHECK_EQ(pthread_create(&thread, NULL, execute_later, NULL), 0);
	CHECK_OK(nrt_tensor_check_output_completion(c, 60000000, 3));
	pthread_join(thread, NULL);
	/* An input is not completed. */
	CHECK_OK(nrt_get_tensor_from_tensor_set(in, "a", &none));
	CHECK_EQ(nrt_tensor_check_output_completion(none, 0, 1), NRT_TIMEOUT);
	/* Nor does an execution that fails complete anything. */
	CHECK_FAILS(nrt_execute(model, in, in), NRT_EXEC_BAD_INPUT, "c");
	CHECK_EQ(nrt_tensor_check_output_completion(c, 0, 4), NRT_TIMEOUT);
	CHECK_FAILS(nrt_tensor_check_output_completion(NULL, 0, 0), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_tensor_reset_output_completion(NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_tensor_check_output_completion((void *)model, 0, 0),
		    NRT_INVALID_HANDLE, "no tensor");
	CHECK_FAILS(nrt_tensor_reset_output_completion((void *)model),
		    NRT_INVALID_HANDLE, "no tensor");
	close_model();
}

static void wait_while_closing(void)
{
	nrt_tensor_t *t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	pthread_t thread;

	CHECK_EQ(pthread_create(&thread, NULL, close_later, NULL), 0);
	CHECK_FAILS(nrt_tensor_check_output_completion(t, -1, 1), NRT_CLOSED, "nrt_close");
	pthread_join(thread, NULL);
	nrt_tensor_free(&t);
	t_init();
}

/* Device memory is no processor's: another client of the driver imports and maps it. */
static void *map_import(int dmabuf, size_t size)
{
	struct drm_neuron_bo_info info = { 0 };
	int fd = open("/dev/accel/accel0", O_RDWR | O_CLOEXEC);
	void *map = MAP_FAILED;

	CHECK(fd >= 0);
	CHECK_EQ(drmPrimeFDToHandle(fd, dmabuf, &info.handle), 0);
	if (!ioctl(fd, DRM_IOCTL_NEURON_BO_INFO, &info))
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, info.mmap_offset);
	close(fd);
	return map;
}

static void addresses(void)
{
	nrt_tensor_device_allocation_info_t info;
	nrt_tensor_t *t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 8192), *slice;
	char text[] = "to the device", back[sizeof(text)], *va;
	size_t size = sizeof(back);
	void *mapped;
	int fd;

	va = nrt_tensor_get_va(t);
	CHECK(va);
	CHECK_OK(nrt_memcpy_to_device(va + 8192 - sizeof(text), text, sizeof(text)));
	CHECK_OK(nrt_tensor_read(t, back, 8192 - sizeof(text), sizeof(text)));
	CHECK_STR(back, text);
	CHECK_FAILS(nrt_memcpy_to_device(va + 8192 - 1, text, 2), NRT_INVALID, "not inside");
	CHECK_FAILS(nrt_memcpy_to_device(back, text, 2), NRT_INVALID, "not inside");
	CHECK_FAILS(nrt_memcpy_to_device(NULL, text, 2), NRT_INVALID, "NULL");

	CHECK_OK(nrt_tensor_allocate_slice(t, 64, 64, "s", &slice));
	CHECK_FAILS(nrt_get_dmabuf_fd((uintptr_t)nrt_tensor_get_va(slice), 64, &fd),
		    NRT_INVALID, "begins");
	CHECK_FAILS(nrt_get_dmabuf_fd((uintptr_t)va, 8193, &fd), NRT_INVALID, "begins");
	CHECK_FAILS(nrt_get_dmabuf_fd((uintptr_t)back, 8, &fd), NRT_INVALID, "begins");
	CHECK_FAILS(nrt_get_dmabuf_fd((uintptr_t)va, 8192, NULL), NRT_INVALID, "NULL");
	if (t_sim()) {
		CHECK_FAILS(nrt_get_dmabuf_fd((uintptr_t)va, 8192, &fd), NRT_FAILURE,
			    "only buffers of the driver");
		CHECK_EQ(fd, -1);
	} else {
		CHECK_OK(nrt_get_dmabuf_fd((uintptr_t)va, 8192, &fd));
		CHECK(fd >= 0);
		/* It is the tensor's memory, and outlives the tensor. */
		nrt_tensor_free(&slice);
		nrt_tensor_free(&t);
		mapped = map_import(fd, 8192);
		CHECK(mapped != MAP_FAILED);
		if (mapped != MAP_FAILED)
			CHECK_STR((char *)mapped + 8192 - sizeof(text), text);
		munmap(mapped, 8192);
		close(fd);
	}
	nrt_tensor_free(&slice);
	nrt_tensor_free(&t);
	t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 8192);
	CHECK_FAILS(nrt_tensor_get_device_allocation_info(t, &info), NRT_INVALID,
		    "nrt_get_dmabuf_fd");
	CHECK_FAILS(nrt_tensor_get_device_allocation_info(t, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrt_tensor_get_device_allocation_info(NULL, &info), NRT_INVALID_HANDLE,
		    "NULL");
	CHECK_FAILS(nrt_get_hbm_mmap_va(0, 0, &mapped, &size), NRT_INVALID,
		    "nrt_tensor_get_va");
	CHECK_FAILS(nrt_get_attached_efa_bdf(va, back, &size), NRT_FAILURE, "adapter");
	nrt_tensor_free(&t);
}

/* A world of one worker works; a larger one is refused. */
static void workers(void)
{
	char one[8] = "worker0", all[16] = "";
	nrt_model_t *loaded;
	size_t size;
	void *file = nb_add(N, &size);

	CHECK_OK(nrt_load_collectives(file, size, 0, -1, 0, 1, &loaded));
	CHECK_OK(nrt_unload(loaded));
	CHECK_FAILS(nrt_load_collectives(file, size, 0, -1, 1, 2, &loaded), NRT_FAILURE,
		    "collectives");
	CHECK_FAILS(nrt_load_collectives(file, size, 0, -1, 1, 1, &loaded), NRT_INVALID,
		    "no worker 1 of 1");
	free(file);
	CHECK_OK(nrt_build_global_comm(0, 0, 1));
	CHECK_OK(nrt_cc_global_comm_init(0, 0, 1));
	CHECK_OK(nrt_barrier(0, 0, 1));
	CHECK_OK(nrt_all_gather(0, 0, 1, sizeof(one), one, all));
	CHECK_STR(all, "worker0");
	CHECK_FAILS(nrt_build_global_comm(0, 0, 2), NRT_FAILURE, "collectives");
	CHECK_FAILS(nrt_cc_global_comm_init(0, 0, 2), NRT_FAILURE, "collectives");
	CHECK_FAILS(nrt_barrier(0, 1, 2), NRT_FAILURE, "collectives");
	CHECK_FAILS(nrt_barrier(-1, 0, 1), NRT_INVALID, "no core -1");
	CHECK_FAILS(nrt_all_gather(0, 0, 2, 8, one, all), NRT_FAILURE, "collectives");
	CHECK_FAILS(nrt_all_gather(0, 0, 1, 8, NULL, all), NRT_INVALID, "NULL");
}

static void *told_params;
static uint32_t told_vnc;
static uint64_t told_job;
static NRT_STATUS told_status;
static int told;

static void tell(void *params, uint32_t model_id, uint32_t vnc, uint64_t job_id,
		 NRT_STATUS status)
{
	uint32_t count;

	(void)model_id;
	told++;
	told_params = params;
	told_vnc = vnc;
	told_job = job_id;
	told_status = status;
	/* It may make calls. */
	nrt_get_model_vnc_count(model, &count);
}

/* NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS: a callback is told of executions. */
static void implicit(void)
{
	uint64_t first;

	CHECK_OK(nrt_register_async_exec_callback(tell, &told));
	open_model();
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_EQ(told, 0);
	close_model();
	nrt_close();

	setenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS", "many", 1);
	CHECK_FAILS(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_INVALID, "=many");
	setenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS", "4", 1);
	t_init();
	unsetenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	open_model();
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_EQ(told, 1);
	CHECK(told_params == &told);
	CHECK_EQ(told_status, NRT_SUCCESS);
	CHECK(told_vnc < 4);
	first = told_job;
	CHECK_EQ(nrt_execute(model, in, in), NRT_SUCCESS);
	CHECK_EQ(told, 2);
	CHECK_EQ(told_status, NRT_EXEC_BAD_INPUT);
	CHECK_EQ(told_job, first + 1);
	CHECK_OK(nrt_async_drain_queued_execs(told_vnc));
	CHECK_FAILS(nrt_async_drain_queued_execs(-1), NRT_INVALID, "no core -1");
	/* What cannot begin is no execution. */
	CHECK_FAILS(nrt_execute(NULL, in, out), NRT_INVALID_HANDLE, "model");
	CHECK_EQ(told, 2);
	CHECK_OK(nrt_register_async_exec_callback(NULL, NULL));
	CHECK_OK(nrt_execute(model, in, out));
	CHECK_EQ(told, 2);
	close_model();
	nrt_close();
	t_init();
}

static void not_open(void)
{
	uint32_t count = 0;
	char byte = 0;
	int fd;

	nrt_close();
	CHECK_FAILS(nrt_get_dmabuf_fd(4096, 1, &fd), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrt_memcpy_to_device(&byte, &byte, 1), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrt_barrier(0, 0, 1), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrt_host_device_id_rid_map_get(&count, NULL), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrt_async_drain_queued_execs(0), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrt_tensor_check_output_completion((void *)&byte, 0, 0), NRT_CLOSED,
		    "nrt_init");
}

int main(void)
{
	t_setup();
	unsetenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	t_init();
	ktap_run("instance information", instance_info);
	ktap_run("completions of a tensor", completions);
	ktap_run("waiting for a tensor while all is closed", wait_while_closing);
	ktap_run("addresses and dma-bufs", addresses);
	ktap_run("workers", workers);
	ktap_run("implicit asynchronous mode", implicit);
	ktap_run("calls after nrt_close()", not_open);
	return ktap_done();
}
