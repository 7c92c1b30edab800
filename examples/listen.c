// SPDX-License-Identifier: MIT
/*
 * Hear a spoken word: a sound file in, the keyword spotter's answer out.
 *
 *	listen MODEL.neff LABELS.txt SOUND.wav
 *
 * The whole life of a libnrt program on one page: start the runtime, load a
 * model, ask what it takes and gives, make tensors, execute, read, clean up.
 * The model takes one second of 16 kHz sound; the front end (spectrum, mel
 * bands, logarithm) is part of the model and runs on the chip.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <neuron.h>
#include <neuron/report.h>
#include <nrt/nrt.h>
#include <nrt/nrt_experimental.h>

#include "sound.h"

#define MAX_LABELS	64

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e3 + ts.tv_nsec / 1e6;
}

/* The library has logged what is wrong and what to do; here only where. */
static void check(NRT_STATUS status, const char *what)
{
	if (status != NRT_SUCCESS)
		errx(1, "%s: %s", what, nrt_get_status_as_str(status));
}

/* The loudest second, or the whole of a shorter sound with silence around it. */
static void cut_window(const float *sound, long count, float *window, long size)
{
	double energy = 0, best = -1;
	long start = 0;

	memset(window, 0, size * sizeof(*window));
	if (count <= size) {
		memcpy(window + (size - count) / 2, sound, count * sizeof(*sound));
		return;
	}
	for (long i = 0; i < count; i++) {
		energy += (double)sound[i] * sound[i];
		if (i >= size)
			energy -= (double)sound[i - size] * sound[i - size];
		if (i >= size - 1 && energy > best) {
			best = energy;
			start = i - size + 1;
		}
	}
	memcpy(window, sound + start, size * sizeof(*window));
}

static unsigned int read_labels(const char *path, char labels[][32])
{
	FILE *f = fopen(path, "r");
	unsigned int n = 0;

	if (!f)
		err(1, "%s", path);
	while (n < MAX_LABELS && fscanf(f, "%31s", labels[n]) == 1)
		n++;
	fclose(f);
	return n;
}

static void print_scores(char labels[][32], const float *scores, unsigned int n)
{
	bool done[MAX_LABELS] = { false };

	for (int rank = 0; rank < 5; rank++) {
		int best = -1;

		for (unsigned int i = 0; i < n; i++)
			if (!done[i] && (best < 0 || scores[i] > scores[best]))
				best = i;
		if (best < 0)
			return;
		done[best] = true;
		printf("  %-12s %5.1f %%  ", labels[best], 100 * scores[best]);
		for (int bar = 0; bar < (int)lroundf(40 * scores[best]); bar++)
			putchar('#');
		putchar('\n');
	}
}

static void print_chip(const struct neuron_report *report,
		       const struct neuron_device_info *device)
{
	static const char *const engines[] = {
#define X(name, value, text) [value] = text,
		NEURON_ENGINES(X)
#undef X
	};

	printf("\nchip: %s, %u cores at %.1f GHz\n", device->name, device->cores,
	       device->clock_khz / 1e6);
	printf("  modelled time    %10llu cycles = %.3f ms\n",
	       (unsigned long long)report->cycles,
	       (double)report->cycles / device->clock_khz);
	printf("  multiply-adds    %10llu\n", (unsigned long long)report->macs);
	printf("  from host, DRAM  %10llu %10llu bytes\n",
	       (unsigned long long)report->bytes_host_in,
	       (unsigned long long)report->bytes_dram_in);
	printf("  to host, DRAM    %10llu %10llu bytes\n",
	       (unsigned long long)report->bytes_host_out,
	       (unsigned long long)report->bytes_dram_out);
	printf("  scratchpad       %10u of %u bytes\n", report->sbuf_high,
	       device->sbuf_size);
	for (int e = 0; e < NEURON_NUM_ENGINES; e++)
		printf("  %-8s %5llu instructions, busy %5.1f %%\n", engines[e],
		       (unsigned long long)report->engine[e].insts,
		       report->cycles ? 100.0 * report->engine[e].busy / report->cycles : 0);
}

int main(int argc, char **argv)
{
	static char labels[MAX_LABELS][32];
	nrt_tensor_info_array_t *infos;
	struct neuron_device_info device;
	nrt_tensor_set_t *in_set, *out_set;
	nrt_tensor_t *in, *out;
	struct neuron_report report;
	float scores[MAX_LABELS], *sound, *window;
	double start, t_sound, t_init, t_load, t_write, t_exec, t_again, t_read;
	unsigned int num_labels, best = 0;
	nrt_model_t *model;
	long count, size;
	struct stat st;
	void *neff;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: listen MODEL.neff LABELS.txt SOUND.wav\n");
		return 2;
	}
	start = now_ms();
	num_labels = read_labels(argv[2], labels);
	sound = read_sound(argv[3], &count);
	t_sound = now_ms();

	check(nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", ""), "nrt_init");
	t_init = now_ms();

	fd = open(argv[1], O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		err(1, "%s", argv[1]);
	neff = mmap(NULL, st.st_size ? st.st_size : 1, PROT_READ, MAP_PRIVATE, fd, 0);
	if (neff == MAP_FAILED)
		err(1, "%s", argv[1]);
	check(nrt_load(neff, st.st_size, -1, -1, &model), argv[1]);
	munmap(neff, st.st_size);
	close(fd);
	t_load = now_ms();

	check(nrt_get_model_tensor_info(model, &infos), "tensor information");
	if (infos->tensor_count != 2 ||
	    infos->tensor_array[0].dtype != NRT_DTYPE_FLOAT32 ||
	    infos->tensor_array[1].dtype != NRT_DTYPE_FLOAT32 ||
	    infos->tensor_array[1].size != num_labels * sizeof(float))
		errx(1, "%s: is not a model with one sound in and %u scores out",
		     argv[1], num_labels);
	size = infos->tensor_array[0].size / sizeof(float);
	window = calloc(size, sizeof(*window));
	if (!window)
		errx(1, "out of memory");
	cut_window(sound, count, window, size);

	check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, infos->tensor_array[0].size,
				  "in", &in), "input tensor");
	check(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, infos->tensor_array[1].size,
				  "out", &out), "output tensor");
	check(nrt_allocate_tensor_set(&in_set), "input set");
	check(nrt_allocate_tensor_set(&out_set), "output set");
	check(nrt_add_tensor_to_tensor_set(in_set, infos->tensor_array[0].name, in), "input set");
	check(nrt_add_tensor_to_tensor_set(out_set, infos->tensor_array[1].name, out),
	      "output set");

	check(nrt_tensor_write(in, window, 0, infos->tensor_array[0].size), "write");
	t_write = now_ms();
	check(nrt_execute(model, in_set, out_set), "nrt_execute");
	t_exec = now_ms();
	/* Once more: the first time, the host's kernels are generated. */
	check(nrt_execute(model, in_set, out_set), "nrt_execute");
	t_again = now_ms();
	check(nrt_tensor_read(out, scores, 0, infos->tensor_array[1].size), "read");
	t_read = now_ms();

	for (unsigned int i = 1; i < num_labels; i++)
		if (scores[i] > scores[best])
			best = i;
	printf("heard: %s\n\n", labels[best]);
	print_scores(labels, scores, num_labels);

	printf("\ntime of each stage, in this process\n");
	printf("  read, resample   %8.2f ms\n", t_sound - start);
	printf("  start runtime    %8.2f ms\n", t_init - t_sound);
	printf("  load model       %8.2f ms\n", t_load - t_init);
	printf("  make, write      %8.2f ms\n", t_write - t_load);
	printf("  first execution  %8.2f ms\n", t_exec - t_write);
	printf("  second           %8.2f ms\n", t_again - t_exec);
	printf("  read scores      %8.2f ms\n", t_read - t_again);

	memset(&device, 0, sizeof(device));
	if (!neuron_model_get_report(model, 0, &report, sizeof(report)) &&
	    !neuron_device_get_info(neuron_runtime_device(0), &device, sizeof(device)))
		print_chip(&report, &device);

	nrt_destroy_tensor_set(&in_set);
	nrt_destroy_tensor_set(&out_set);
	check(nrt_unload(model), "nrt_unload");
	nrt_tensor_free(&in);
	nrt_tensor_free(&out);
	nrt_free_model_tensor_info(infos);
	nrt_close();
	free(window);
	free(sound);
	return 0;
}
