// SPDX-License-Identifier: MIT
/*
 * Repeated execution allocates nothing, of real models.
 *
 *	allocations FILE.neff...
 *
 * Executes each model from one thread and from two at once. The library, the chip and its
 * kernels must not allocate any more after the first executions. oneDNN wraps the arguments
 * of each call in a map of its own, which is gone when the call returns: what is allocated
 * there has to be freed there.
 */
#include <err.h>
#include <limits.h>
#include <pthread.h>
#include "tests/count_alloc.h"
#include "tests/unit/nrt_test.h"

#define WARM	8
#define TIMES	20
#define THREADS	2
/*
 * With two threads it depends on luck when each core has run alone and beside another. Then
 * there is nothing left to make, and a turn without a single call.
 */
#define TURNS	8

static nrt_model_t *model;
static pthread_barrier_t barrier;

/* The main thread counts between the second barrier and the third. */
static void *executes(void *unused)
{
	nrt_tensor_placement_t placement = NRT_TENSOR_PLACEMENT_DEVICE;
	nrt_tensor_set_t *in = t_all(model, NRT_TENSOR_USAGE_INPUT, placement);
	nrt_tensor_set_t *out = t_all(model, NRT_TENSOR_USAGE_OUTPUT, placement);

	(void)unused;
	for (int i = 0; i < WARM; i++)
		CHECK_EQ(nrt_execute(model, in, out), NRT_SUCCESS);
	for (int turn = 0; turn < TURNS; turn++) {
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		for (int i = 0; i < TIMES; i++)
			CHECK_EQ(nrt_execute(model, in, out), NRT_SUCCESS);
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
	}
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	return NULL;
}

/* The best turn has no calls of ours, and leaves nothing of what libraries allocated. */
static void with_threads(unsigned int threads)
{
	unsigned int least = UINT_MAX, ours;
	pthread_t thread[THREADS];

	pthread_barrier_init(&barrier, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, executes, NULL))
			err(1, "thread");
	for (int turn = 0; turn < TURNS; turn++) {
		pthread_barrier_wait(&barrier);
		count_begin();
		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		count_end();
		pthread_barrier_wait(&barrier);
		ours = count_ours + (count_live != 0);
		least = ours < least ? ours : least;
	}
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&barrier);
	printf("# %u threads: %u calls, %u of libraries in the last turn\n", threads, least,
	       count_others);
	CHECK_EQ(least, 0);
}

static const char *path;

static void allocates_nothing(void)
{
	FILE *f = fopen(path, "rb");
	size_t size;
	void *file;

	if (!f || fseek(f, 0, SEEK_END))
		err(1, "%s", path);
	size = ftell(f);
	rewind(f);
	file = malloc(size);
	if (!file || fread(file, 1, size, f) != size)
		err(1, "%s", path);
	fclose(f);
	model = t_load(file, size);
	for (unsigned int threads = 1; threads <= THREADS; threads++)
		with_threads(threads);
	CHECK_OK(nrt_unload(model));
}

int main(int argc, char **argv)
{
	t_setup();
	t_init();
	for (int i = 1; i < argc; i++) {
		path = argv[i];
		ktap_run(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, allocates_nothing);
	}
	nrt_close();
	return ktap_done();
}
