// SPDX-License-Identifier: MIT
/*
 * Many jobs, and what they leave behind in the process and in the kernel.
 *
 *	jobs DIR FEW MANY
 *
 * Executes FEW jobs, writes "PROCESS KERNEL" (KiB) to DIR/few, waits for DIR/go, executes MANY
 * more and writes DIR/many. steady-memory watches the emulator meanwhile.
 */
#include <err.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <neuron.h>

#include "tests/bench/product.h"

static unsigned long field(const char *path, const char *name)
{
	unsigned long value = 0;
	char line[256];
	FILE *f = fopen(path, "r");

	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, strlen(name)))
			value = strtoul(line + strlen(name) + 1, NULL, 10);
	fclose(f);
	return value;
}

static void sample(const char *dir, const char *name)
{
	char path[512], final[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.new", dir, name);
	snprintf(final, sizeof(final), "%s/%s", dir, name);
	f = fopen(path, "w");
	if (!f)
		err(1, "%s", path);
	fprintf(f, "%lu %lu\n", field("/proc/self/status", "VmRSS:"),
		field("/proc/meminfo", "SUnreclaim:") + field("/proc/meminfo", "VmallocUsed:"));
	fclose(f);
	if (rename(path, final))
		err(1, "%s", final);
}

static void run(struct neuron_device *dev, const struct neuron_submission *sub,
		unsigned long count)
{
	struct neuron_submission mine = *sub;
	struct neuron_job_result result;
	struct neuron_job *job;

	for (unsigned long i = 0; i < count; i++) {
		mine.core = i % 4;
		if (neuron_submit(dev, &mine, &job) || neuron_job_wait(job, -1, &result) ||
		    result.state != NEURON_JOB_DONE)
			errx(1, "job %lu failed", i);
		neuron_job_free(job);
	}
}

int main(int argc, char **argv)
{
	static uint8_t bytes[4096] __attribute__((aligned(8)));
	size_t size = bench_program_nop(bytes);
	struct neuron_binding bind = { .size = size, .flags = NEURON_BIND_READ };
	struct neuron_submission sub = {
		.num_bindings = 1, .bindings = &bind, .program_size = size,
		.report_slot = NEURON_NO_BINDING,
	};
	struct timespec nap = { .tv_nsec = 20000000 };
	struct neuron_device *dev;
	char path[512];

	if (argc != 4) {
		fprintf(stderr, "usage: jobs DIR FEW MANY\n");
		return 2;
	}
	if (neuron_device_open(NULL, 0, &dev) ||
	    neuron_buffer_create(dev, NEURON_MEMORY_HOST, size, &bind.buffer) ||
	    neuron_buffer_write(bind.buffer, 0, bytes, size))
		return 1;
	run(dev, &sub, strtoul(argv[2], NULL, 0));
	sample(argv[1], "few");
	snprintf(path, sizeof(path), "%s/go", argv[1]);
	while (access(path, F_OK))
		nanosleep(&nap, NULL);
	run(dev, &sub, strtoul(argv[3], NULL, 0));
	sample(argv[1], "many");
	snprintf(path, sizeof(path), "%s/end", argv[1]);
	while (access(path, F_OK))
		nanosleep(&nap, NULL);
	neuron_buffer_free(bind.buffer);
	neuron_device_close(dev);
	return 0;
}
