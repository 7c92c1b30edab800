// SPDX-License-Identifier: MIT
/*
 * A simulation in steps whose state stays on the device: processes of one parent, each
 * pinned to a core of its own before it initializes the runtime, with several models in
 * turn between two sets of tensors, inputs and outputs changing places.
 *
 *	nrt_ranks RANKS STEPS MODEL.neff
 *
 * The model adds a constant to x and gives y. It is loaded three times, each time wherever
 * the runtime likes, while tensors are all of core 0; sets have more tensors in them than a
 * model knows. Each rank prints the first element of its last state.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <unistd.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

#define MAX_RANKS	16
#define STAGES		3

struct shared {
	volatile int ready[MAX_RANKS];
	volatile int progress[MAX_RANKS];
};

static struct shared *shared;
static int rank;

static void check(NRT_STATUS status, const char *what)
{
	if (status == NRT_SUCCESS)
		return;
	fprintf(stderr, "rank %d: %s: %s\n", rank, what, nrt_get_status_as_str(status));
	_exit(1);
}

/* The file is gone from memory as soon as the model is loaded. */
static nrt_model_t *load(const char *path, int stage, int ranks)
{
	int fd = open(path, O_RDONLY);
	nrt_model_t *model;
	struct stat st;
	void *neff;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		_exit(1);
	}
	neff = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (neff == MAP_FAILED) {
		perror(path);
		_exit(1);
	}
	/* The last stage as programs load it that may have peers, here without. */
	if (stage == STAGES - 1 && ranks == 1)
		check(nrt_load_collectives(neff, st.st_size, 0, 1, 0, 1, &model),
		      "nrt_load_collectives");
	else
		check(nrt_load(neff, st.st_size, -1, -1, &model), "nrt_load");
	munmap(neff, st.st_size);
	return model;
}

static int run(int ranks, int steps, const char *path)
{
	nrt_tensor_set_t *in[2], *out[2];
	nrt_tensor_info_array_t *infos;
	nrt_model_t *model[STAGES];
	nrt_tensor_t *state[2];
	int now = 0, seen;
	float first, *data;
	char core[8];
	size_t size;

	if (ranks > 1) {
		snprintf(core, sizeof(core), "%d", rank);
		setenv("NEURON_RT_VISIBLE_CORES", core, 1);
	}
	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	for (int i = 0; i < STAGES; i++)
		model[i] = load(path, i, ranks);
	check(nrt_get_model_tensor_info(model[0], &infos), "nrt_get_model_tensor_info");
	size = infos->tensor_array[0].size;
	check(nrt_free_model_tensor_info(infos), "nrt_free_model_tensor_info");
	data = calloc(1, size);
	if (!data)
		_exit(1);
	data[0] = rank;
	for (int i = 0; i < 2; i++)
		check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, size, "state",
					  &state[i]), "nrt_tensor_allocate");
	check(nrt_tensor_write(state[0], data, 0, size), "nrt_tensor_write");
	for (int i = 0; i < 2; i++) {
		check(nrt_allocate_tensor_set(&in[i]), "nrt_allocate_tensor_set");
		check(nrt_allocate_tensor_set(&out[i]), "nrt_allocate_tensor_set");
		check(nrt_add_tensor_to_tensor_set(in[i], "x", state[i]), "in");
		check(nrt_add_tensor_to_tensor_set(in[i], "of another model", state[1 - i]), "in");
		check(nrt_add_tensor_to_tensor_set(out[i], "y", state[1 - i]), "out");
	}

	/* No rank begins before all of them are ready. */
	shared->ready[rank] = 1;
	do {
		usleep(200);
		seen = 0;
		for (int i = 0; i < ranks; i++)
			seen += shared->ready[i];
	} while (seen < ranks);

	for (int step = 0; step < steps; step++) {
		for (int i = 0; i < STAGES; i++) {
			check(nrt_execute(model[i], in[now], out[now]), "nrt_execute");
			now = 1 - now;
		}
		shared->progress[rank] = step + 1;
	}
	check(nrt_tensor_read(state[now], data, 0, size), "nrt_tensor_read");
	first = data[0];
	free(data);
	printf("rank %d: %g after %d steps\n", rank, first, shared->progress[rank]);
	fflush(stdout);
	/* Models are unloaded; tensors and their sets go with the runtime. */
	for (int i = 0; i < STAGES; i++)
		check(nrt_unload(model[i]), "nrt_unload");
	nrt_close();
	return 0;
}

int main(int argc, char **argv)
{
	int ranks = argc == 4 ? atoi(argv[1]) : 0, failed = 0, status;
	pid_t child[MAX_RANKS];

	if (ranks < 1 || ranks > MAX_RANKS) {
		fprintf(stderr, "usage: nrt_ranks RANKS STEPS MODEL.neff\n");
		return 2;
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	for (rank = 0; rank < ranks; rank++) {
		child[rank] = fork();
		if (child[rank] < 0)
			return 2;
		if (!child[rank])
			_exit(run(ranks, atoi(argv[2]), argv[3]));
	}
	for (int left = ranks; left > 0; left--) {
		if (wait(&status) >= 0 && !status)
			continue;
		/* The others would wait for the one that has failed. */
		for (int i = 0; i < ranks && !failed; i++)
			kill(child[i], SIGKILL);
		failed = 1;
	}
	return failed;
}
