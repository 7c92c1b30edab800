// SPDX-License-Identifier: MIT
/* Many threads on the runtime at once; meant to run under TSan as well. */
#include <pthread.h>
#include <unistd.h>
#include "tests/unit/nrt_test.h"

#define THREADS		16
#define ROUNDS		30
#define N		500

static nrt_model_t *shared;

static void *in_thread(void *(*body)(void *), unsigned int count)
{
	pthread_t threads[THREADS];
	void *failed = NULL, *one;
	unsigned int i;

	for (i = 0; i < count; i++)
		pthread_create(&threads[i], NULL, body, (void *)(uintptr_t)i);
	for (i = 0; i < count; i++) {
		pthread_join(threads[i], &one);
		if (one)
			failed = one;
	}
	return failed;
}

#define NEED(cond)							\
	do {								\
		if (!(cond))						\
			return (void *)(uintptr_t)__LINE__;		\
	} while (0)

/* Execute @model some times with tensors of one's own. */
static void *sums(nrt_model_t *model, unsigned int seed, int rounds)
{
	nrt_tensor_placement_t placement = seed % 2 ? NRT_TENSOR_PLACEMENT_HOST :
						      NRT_TENSOR_PLACEMENT_DEVICE;
	float a[N], b[N], c[N];
	nrt_tensor_t *ta, *tb, *tc;
	nrt_tensor_set_t *in, *out;
	int round, i;

	NEED(!nrt_allocate_tensor_set(&in) && !nrt_allocate_tensor_set(&out));
	NEED(!nrt_tensor_allocate(placement, seed % 4, sizeof(a), "a", &ta));
	NEED(!nrt_tensor_allocate(placement, 0, sizeof(b), "b", &tb));
	NEED(!nrt_tensor_allocate_empty("c", &tc));
	NEED(!nrt_tensor_attach_buffer(tc, c, sizeof(c)));
	NEED(!nrt_add_tensor_to_tensor_set(in, "a", ta));
	NEED(!nrt_add_tensor_to_tensor_set(in, "b", tb));
	NEED(!nrt_add_tensor_to_tensor_set(out, "c", tc));
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < N; i++) {
			a[i] = seed * 1000 + i;
			b[i] = round * 7;
		}
		NEED(!nrt_tensor_write(ta, a, 0, sizeof(a)));
		NEED(!nrt_tensor_write(tb, b, 0, sizeof(b)));
		NEED(!nrt_execute(model, in, out));
		for (i = 0; i < N; i++)
			NEED(c[i] == a[i] + b[i]);
	}
	nrt_tensor_free(&ta);
	nrt_tensor_free(&tb);
	nrt_tensor_free(&tc);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	return NULL;
}

static void *execute_shared(void *arg)
{
	return sums(shared, (uintptr_t)arg, ROUNDS);
}

static void one_model(void)
{
	size_t size;
	void *file = nb_add(N, &size);

	shared = t_load(file, size);
	CHECK_EQ((uintptr_t)in_thread(execute_shared, THREADS), 0);
	CHECK_OK(nrt_unload(shared));
}

static void four_instances(void)
{
	size_t size;
	void *file = nb_add(N, &size);

	CHECK_OK(nrt_load(file, size, -1, 4, &shared));
	CHECK_EQ((uintptr_t)in_thread(execute_shared, THREADS), 0);
	CHECK_OK(nrt_unload(shared));
	free(file);
}

/* Each thread loads, executes and unloads. */
static void *execute_own(void *arg)
{
	nrt_tensor_info_array_t *infos;
	nrt_model_t *model;
	size_t size;
	void *file = nb_add(N, &size), *failed = NULL;
	int i;

	for (i = 0; i < 4 && !failed; i++) {
		NEED(!nrt_load(file, size, -1, -1, &model));
		NEED(!nrt_get_model_tensor_info(model, &infos));
		failed = sums(model, (uintptr_t)arg, 3);
		NEED(!nrt_unload(model));
		NEED(!nrt_free_model_tensor_info(infos));
	}
	free(file);
	return failed;
}

static void many_models(void)
{
	CHECK_EQ((uintptr_t)in_thread(execute_own, THREADS), 0);
}

/* Several cores make y of x: so many times x. */
static int factor;

static void *execute_several_cores(void *arg)
{
	float x[N], y[N];
	nrt_tensor_t *tx, *ty;
	nrt_tensor_set_t *in, *out;
	int round, i;

	NEED(!nrt_allocate_tensor_set(&in) && !nrt_allocate_tensor_set(&out));
	NEED(!nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, sizeof(x), "x", &tx));
	NEED(!nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, sizeof(y), "y", &ty));
	NEED(!nrt_add_tensor_to_tensor_set(in, "x", tx));
	NEED(!nrt_add_tensor_to_tensor_set(out, "y", ty));
	for (round = 0; round < 10; round++) {
		for (i = 0; i < N; i++)
			x[i] = (uintptr_t)arg * 1000 + round;
		NEED(!nrt_tensor_write(tx, x, 0, sizeof(x)));
		NEED(!nrt_execute(shared, in, out));
		NEED(!nrt_tensor_read(ty, y, 0, sizeof(y)));
		for (i = 0; i < N; i++)
			NEED(y[i] == factor * x[i]);
	}
	nrt_tensor_free(&tx);
	nrt_tensor_free(&ty);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	return NULL;
}

static void model_of_two_cores(void)
{
	size_t size;
	void *file = nb_two_cores(N, &size);

	factor = 1;
	shared = t_load(file, size);
	CHECK_EQ((uintptr_t)in_thread(execute_several_cores, THREADS), 0);
	CHECK_OK(nrt_unload(shared));
}

/* Executions overlap, each in another stage. */
static void model_of_stages(void)
{
	size_t size;
	void *file = nb_stages(N, &size);

	factor = 8;
	shared = t_load(file, size);
	CHECK_EQ((uintptr_t)in_thread(execute_several_cores, THREADS), 0);
	CHECK_OK(nrt_unload(shared));
}

/* Statuses that calls may give while somebody else unloads or closes. */
static bool overtaken(NRT_STATUS status)
{
	return status == NRT_INVALID_HANDLE || status == NRT_CLOSED ||
	       status == NRT_INVALID || status == NRT_EXEC_BAD_INPUT;
}

static void *execute_until_gone(void *arg)
{
	float data[N] = { 0 };
	nrt_tensor_t *a, *c;
	nrt_tensor_set_t *in, *out;
	NRT_STATUS status;

	(void)arg;
	NEED(!nrt_allocate_tensor_set(&in) && !nrt_allocate_tensor_set(&out));
	NEED(!nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, sizeof(data), "a", &a));
	NEED(!nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 0, sizeof(data), "c", &c));
	NEED(!nrt_add_tensor_to_tensor_set(in, "a", a));
	NEED(!nrt_add_tensor_to_tensor_set(in, "b", a));
	NEED(!nrt_add_tensor_to_tensor_set(out, "c", c));
	do {
		status = nrt_execute(shared, in, out);
		if (!status)
			status = nrt_tensor_read(c, data, 0, sizeof(data));
	} while (!status);
	nrt_tensor_free(&a);
	nrt_tensor_free(&c);
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	NEED(overtaken(status));
	return NULL;
}

static void unload_or_close(bool whole)
{
	pthread_t threads[8];
	void *failed;
	size_t size;
	void *file = nb_add(N, &size);
	int i;

	shared = t_load(file, size);
	for (i = 0; i < 8; i++)
		pthread_create(&threads[i], NULL, execute_until_gone, NULL);
	usleep(50000);
	if (whole)
		nrt_close();
	else
		CHECK_EQ(nrt_unload(shared), NRT_SUCCESS);
	for (i = 0; i < 8; i++) {
		pthread_join(threads[i], &failed);
		CHECK_EQ((uintptr_t)failed, 0);
	}
	if (whole)
		t_init();
}

static void unload_while_executing(void)
{
	unload_or_close(false);
}

static void close_while_executing(void)
{
	unload_or_close(true);
}

/* Tensors come and go, while others ask for memory and cores. */
static void *tensors(void *arg)
{
	unsigned char data[5000], back[5000];
	nrt_vnc_memory_stats_t stats;
	nrt_tensor_t *tensor, *slice, *copy;
	uint32_t count;
	int i;

	memset(data, (uintptr_t)arg + 1, sizeof(data));
	for (i = 0; i < 40; i++) {
		NEED(!nrt_tensor_allocate((nrt_tensor_placement_t)(i % 3), i % 4,
					  sizeof(data), "x", &tensor));
		NEED(!nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, sizeof(data),
					  "y", &copy));
		NEED(!nrt_tensor_write(tensor, data, 0, sizeof(data)));
		NEED(!nrt_tensor_allocate_slice(tensor, 0, sizeof(data), "s", &slice));
		nrt_tensor_free(&tensor);
		NEED(!nrt_tensor_copy(slice, 0, copy, 0, sizeof(data)));
		NEED(!nrt_tensor_read(copy, back, 0, sizeof(data)));
		NEED(!memcmp(data, back, sizeof(data)));
		NEED(!nrt_get_vnc_memory_stats(0, &stats, sizeof(stats), NULL));
		NEED(stats.bytes_used);
		NEED(!nrt_get_visible_vnc_count(&count));
		nrt_tensor_free(&slice);
		nrt_tensor_free(&copy);
	}
	return NULL;
}

static void tensors_in_threads(void)
{
	CHECK_EQ((uintptr_t)in_thread(tensors, THREADS), 0);
}

/* The errors of one thread are not those of another. */
static void *errors(void *arg)
{
	char name[32], expected[64];
	nrt_tensor_set_t *set;
	nrt_tensor_t *tensor;
	int i;

	snprintf(name, sizeof(name), "name%u", (unsigned int)(uintptr_t)arg);
	snprintf(expected, sizeof(expected), "the set has no tensor %s", name);
	NEED(!nrt_allocate_tensor_set(&set));
	for (i = 0; i < 50; i++) {
		NEED(nrt_get_tensor_from_tensor_set(set, name, &tensor) == NRT_FAILURE);
		NEED(!strcmp(neuron_error(), expected));
	}
	nrt_destroy_tensor_set(&set);
	return NULL;
}

static void quiet(void *opaque, enum neuron_log_level level, const char *function,
		  const char *message)
{
	(void)opaque;
	(void)level;
	(void)function;
	(void)message;
}

static void errors_in_threads(void)
{
	CHECK_EQ((uintptr_t)in_thread(errors, THREADS), 0);
}

/* Threads that race to be the first, and the last. */
static void *init_and_close(void *arg)
{
	uint32_t count;
	int i;

	(void)arg;
	for (i = 0; i < 5; i++) {
		nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "");
		NEED(!nrt_get_visible_vnc_count(&count) && count);
		nrt_close();
	}
	return NULL;
}

static void init_in_threads(void)
{
	nrt_close();
	CHECK_EQ((uintptr_t)in_thread(init_and_close, 4), 0);
	nrt_close();
	t_init();
}

int main(void)
{
	t_setup();
	neuron_set_log(quiet, NULL);
	CHECK_EQ(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), NRT_SUCCESS);
	ktap_run("threads execute one model", one_model);
	ktap_run("threads execute four instances", four_instances);
	ktap_run("threads load and execute models", many_models);
	ktap_run("threads execute a model of two cores", model_of_two_cores);
	ktap_run("a model of three stages", model_of_stages);
	ktap_run("threads execute while it is unloaded", unload_while_executing);
	ktap_run("threads execute while all is closed", close_while_executing);
	ktap_run("threads make and use tensors", tensors_in_threads);
	ktap_run("threads and their errors", errors_in_threads);
	ktap_run("threads init and close", init_in_threads);
	nrt_close();
	return ktap_done();
}
