// SPDX-License-Identifier: MIT
/*
 * How the cost of a job grows with what else there is: jobs that are queued, files that
 * are open.
 *
 *	jobs
 *
 * The job is an empty program. Prints a JSON object a line: name, unit, and the median,
 * least and greatest over rounds in which all sizes are measured by turns, so that a
 * machine that slows down slows all of them. A row is the time of a batch, from the first
 * submission to the last result, by the number of its jobs.
 */
#include <sys/resource.h>

#include <neuron.h>
#include <neuron/isa.h>

#include "tests/bench/figure.h"
#include "tests/bench/product.h"

#define ROUNDS		7
#define MOST_JOBS	10000
#define MOST_FILES	1000
#define LEAST_SAMPLE	1000	/* jobs that a figure of a round is made of, at least */

#define LENGTH(a)	(sizeof(a) / sizeof((a)[0]))

/**
 * struct client - an open file with a program
 * @device: the file
 * @program: an empty one
 * @bind: it, as the only slot
 * @sub: executes it
 */
struct client {
	struct neuron_device *device;
	struct neuron_buffer *program;
	struct neuron_binding bind;
	struct neuron_submission sub;
};

/* A figure for each size, and how many times the first the last one is, round by round. */
static void print(const char *what, const unsigned int *sizes, unsigned int num_sizes,
		  double us[][ROUNDS])
{
	double growth[ROUNDS];
	char name[64];

	for (unsigned int round = 0; round < ROUNDS; round++)
		growth[round] = us[num_sizes - 1][round] / us[0][round];
	for (unsigned int i = 0; i < num_sizes; i++) {
		snprintf(name, sizeof(name), "%s: %u", what, sizes[i]);
		print_figure(name, "us", us[i], ROUNDS);
	}
	snprintf(name, sizeof(name), "%s: growth", what);
	print_figure(name, "ratio", growth, ROUNDS);
}

static void client_open(struct client *c)
{
	static uint8_t bytes[4096] __attribute__((aligned(8)));
	size_t size = bench_program_nop(bytes);

	must(neuron_device_open(NULL, 0, &c->device), "no device");
	must(neuron_buffer_create(c->device, NEURON_MEMORY_HOST, size, &c->program), "buffer");
	must(neuron_buffer_write(c->program, 0, bytes, size), "write");
	c->bind = (struct neuron_binding) {
		.buffer = c->program, .size = size, .flags = NEURON_BIND_READ,
	};
	c->sub = (struct neuron_submission) {
		.num_bindings = 1, .bindings = &c->bind, .program_size = size,
		.report_slot = NEURON_NO_BINDING,
	};
}

static void client_close(struct client *c)
{
	neuron_buffer_free(c->program);
	neuron_device_close(c->device);
}

/* @n jobs of @clients by turns, all submitted before the first is waited for. */
static void batch(struct client *clients, unsigned int num_clients, unsigned int n)
{
	static struct neuron_job *jobs[MOST_JOBS];
	struct neuron_job_result result;

	for (unsigned int i = 0; i < n; i++) {
		struct client *c = &clients[i % num_clients];

		must(neuron_submit(c->device, &c->sub, &jobs[i]), "submit");
	}
	for (unsigned int i = 0; i < n; i++) {
		must(neuron_job_wait(jobs[i], -1, &result), "wait");
		if (result.state != NEURON_JOB_DONE)
			errx(1, "a job ended with state %u", result.state);
		neuron_job_free(jobs[i]);
	}
}

/* Batches of @n jobs, one after the other: microseconds a job. */
static double cost(struct client *clients, unsigned int num_clients, unsigned int n)
{
	unsigned int jobs = 0;
	double start = now_us();

	do {
		batch(&clients[jobs % num_clients], num_clients - jobs % num_clients, n);
		jobs += n;
	} while (jobs < LEAST_SAMPLE);
	return (now_us() - start) / jobs;
}

static void bench_queued(struct client *client)
{
	static const unsigned int sizes[] = { 1, 10, 100, 1000, MOST_JOBS };
	double us[LENGTH(sizes)][ROUNDS];

	batch(client, 1, 100);
	for (unsigned int round = 0; round < ROUNDS; round++)
		for (unsigned int i = 0; i < LENGTH(sizes); i++)
			us[i][round] = cost(client, 1, sizes[i]);
	print("jobs queued", sizes, LENGTH(sizes), us);
}

/*
 * All that are open have executed jobs, and thus are known to all that a job passes
 * through. One that has been there from the start works; then all do by turns.
 */
static void bench_files(struct client *clients)
{
	static const unsigned int sizes[] = { 1, 10, 100, MOST_FILES };
	double one[LENGTH(sizes)][ROUNDS], many[LENGTH(sizes)][ROUNDS];
	double all[LENGTH(sizes)][ROUNDS];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int open = 1;

		for (unsigned int i = 0; i < LENGTH(sizes); i++) {
			for (; open < sizes[i]; open++) {
				client_open(&clients[open]);
				batch(&clients[open], 1, 8);
			}
			one[i][round] = cost(clients, 1, 1);
			many[i][round] = cost(clients, 1, 100);
			all[i][round] = cost(clients, open, 1);
		}
		while (--open)
			client_close(&clients[open]);
	}
	print("files open, one works", sizes, LENGTH(sizes), one);
	print("files open, one works, 100 jobs queued", sizes, LENGTH(sizes), many);
	print("files open, all work", sizes, LENGTH(sizes), all);
}

int main(int argc, char **argv)
{
	static struct client clients[MOST_FILES];
	struct rlimit files = { 2 * MOST_FILES, 2 * MOST_FILES };

	(void)argv;
	if (argc != 1) {
		fprintf(stderr, "usage: jobs\n");
		return 2;
	}
	if (setrlimit(RLIMIT_NOFILE, &files))
		err(1, "%d open files", 2 * MOST_FILES);
	client_open(&clients[0]);
	bench_queued(&clients[0]);
	bench_files(clients);
	client_close(&clients[0]);
	return 0;
}
