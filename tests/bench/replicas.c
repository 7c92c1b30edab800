// SPDX-License-Identifier: MIT
/*
 * Throughput of four copies of a model on four cores against one copy on one: as
 * modelled, contention for device DRAM included, and on this machine's clock, whose
 * processors the cores share. Of a model that runs on several cores itself: of four
 * threads that execute it against one, which in a pipeline are in different stages.
 *
 * Usage: replicas MODEL.neff... A line of JSON for each.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "libneuron/neff.h"
#include "qemu-device/chip/chip.h"
#include "qemu-device/timing/timing.h"
#include "tests/bench/loaded.h"

#define COPIES		4
#define SECONDS		0.5	/* for each measurement */
#define WARM		3	/* executions before */

/* A model on a core of its own, and its tensors. */
struct copy {
	struct loaded loaded;
	pthread_barrier_t *start;
	double until;		/* of @now() */
	uint64_t executions;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Cycles of a program on a warm core while so many cores do the like. */
static double program_cycles(const struct neff *neff, unsigned int program, unsigned int cores)
{
	const struct neuron_timing_config chip = {
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
		.cores = cores,
	};
	struct neuron_report report;
	bool dram[NEURON_MAX_SLOTS];

	for (unsigned int i = 0; i < NEURON_MAX_SLOTS; i++)
		dram[i] = true;
	if (neuron_timing_schedule(&chip, neff->programs[program].data, dram, neff->num_slots,
				   true, NULL, &report)) {
		fprintf(stderr, "replicas: a program can't be timed\n");
		exit(1);
	}
	return (double)report.cycles;
}

/* Cycles of an execution, and how many more there are in the same time, as modelled. */
static void modelled(const struct neff *neff, double *cycles, double *ratio)
{
	const unsigned int cores = neff->header->num_cores;
	double slowest = 0, interval = 0, c;

	if (cores == 1) {
		*cycles = program_cycles(neff, 0, 1);
		*ratio = COPIES * *cycles / program_cycles(neff, 0, COPIES);
		return;
	}
	*cycles = 0;
	for (unsigned int i = 0; i < cores; i++) {
		c = program_cycles(neff, i, cores);
		interval = c > interval ? c : interval;
		c = program_cycles(neff, i,
				   neuron_program_header(neff->programs[i].data)->sharing);
		slowest = c > slowest ? c : slowest;
		if (i + 1 < cores && neff->stages && neff->stages[i + 1] == neff->stages[i])
			continue;
		*cycles += slowest + (i ? (double)neuron_timing_handover() : 0);
		slowest = 0;
	}
	*ratio = neff->stages ? *cycles / interval : 1;
}

static void *work(void *arg)
{
	struct copy *copy = arg;

	copy->executions = 0;
	pthread_barrier_wait(copy->start);
	while (now() < copy->until) {
		loaded_execute(&copy->loaded);
		copy->executions++;
	}
	return NULL;
}

/* Executions per second of so many copies. */
static double measure(struct copy *copies, unsigned int count)
{
	pthread_t threads[COPIES];
	pthread_barrier_t start;
	double begin, sum = 0;

	pthread_barrier_init(&start, NULL, count);
	begin = now();
	for (unsigned int i = 0; i < count; i++) {
		copies[i].start = &start;
		copies[i].until = begin + SECONDS;
		if (pthread_create(&threads[i], NULL, work, &copies[i]))
			exit(1);
	}
	for (unsigned int i = 0; i < count; i++) {
		pthread_join(threads[i], NULL);
		sum += (double)copies[i].executions;
	}
	begin = now() - begin;
	pthread_barrier_destroy(&start);
	return sum / begin;
}

int main(int argc, char **argv)
{
	loaded_init();
	for (int i = 1; i < argc; i++) {
		struct copy copies[COPIES] = { 0 };
		double one, four, cycles, ratio;
		char error[NEFF_ERROR_SIZE];
		struct neff neff;
		bool shared;
		size_t size;
		void *file = bench_read_file(argv[i], &size);

		if (neff_parse(file, size, true, &neff, error)) {
			fprintf(stderr, "replicas: %s: %s\n", argv[i], error);
			return 1;
		}
		shared = neff.header->num_cores > 1;
		modelled(&neff, &cycles, &ratio);
		for (int k = 0; k < COPIES; k++) {
			loaded_open(&copies[k].loaded, shared ? 0 : k,
				    shared ? copies[0].loaded.model : NULL, file, size);
			for (int n = 0; n < WARM; n++)
				loaded_execute(&copies[k].loaded);
		}
		one = measure(copies, 1);
		four = measure(copies, COPIES);
		printf("{\"name\": \"%s\", \"cores\": %u, \"stages\": %u, \"one\": %.1f, \"four\": %.1f, \"cycles\": %.0f, \"modelled\": %.3f}\n",
		       argv[i], neff.header->num_cores,
		       neff.stages ? neff.stages[neff.header->num_cores - 1] + 1 : 1, one, four,
		       cycles, ratio);
		fflush(stdout);
		for (int k = 0; k < (shared ? 1 : COPIES); k++)
			nrt_unload(copies[k].loaded.model);
		free(file);
	}
	nrt_close();
	return 0;
}
