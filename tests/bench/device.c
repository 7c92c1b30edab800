// SPDX-License-Identifier: MIT
/*
 * What the device costs: round trip of an empty job, copies, matrix products
 * and convolutions.
 *
 *	device [--disk FILE]
 *
 * Runs on whatever NEURON_RT_DEVICE says. Prints a JSON object a line: name,
 * unit, median, and the fastest and slowest of the repetitions. With --disk it
 * also times reads of 4 KiB from that block device, past the page cache.
 */
#include <fcntl.h>
#include <unistd.h>

#include <neuron.h>
#include <neuron/isa.h>
#include <neuron/report.h>

#include "tests/bench/figure.h"
#include "tests/bench/product.h"

#define ROUNDS		2000	/* empty jobs, and disk reads */
#define COPY_SIZE	(64u << 20)
#define COPY_ROUNDS	9

/* A buffer in host memory that holds @size bytes of @data. */
static struct neuron_buffer *host_buffer(struct neuron_device *dev, const void *data,
					 size_t size)
{
	struct neuron_buffer *buf;

	must(neuron_buffer_create(dev, NEURON_MEMORY_HOST, size, &buf), "buffer");
	if (data)
		must(neuron_buffer_write(buf, 0, data, size), "write");
	return buf;
}

static double run_job(struct neuron_device *dev, const struct neuron_submission *sub)
{
	struct neuron_job_result result;
	double start = now_us();
	struct neuron_job *job;

	must(neuron_submit(dev, sub, &job), "submit");
	must(neuron_job_wait(job, -1, &result), "wait");
	if (result.state != NEURON_JOB_DONE)
		errx(1, "a job ended with state %u, fault %u at instruction %u", result.state,
		     result.fault_kind, result.fault_inst);
	neuron_job_free(job);
	return now_us() - start;
}

static void bench_empty_job(struct neuron_device *dev)
{
	static uint8_t bytes[4096] __attribute__((aligned(8)));
	static double us[ROUNDS];
	size_t size = bench_program_nop(bytes);
	struct neuron_buffer *program = host_buffer(dev, bytes, size);
	struct neuron_binding bind = {
		.buffer = program, .size = size, .flags = NEURON_BIND_READ,
	};
	struct neuron_submission sub = {
		.num_bindings = 1, .bindings = &bind, .program_size = size,
		.report_slot = NEURON_NO_BINDING,
	};

	for (int i = 0; i < ROUNDS; i++)
		us[i] = run_job(dev, &sub);
	print_figure("empty job, submit to completion", "us", us, ROUNDS);
	neuron_buffer_free(program);
}

static void bench_copy(struct neuron_device *dev, enum neuron_memory from,
		       enum neuron_memory to, const char *name)
{
	struct neuron_buffer *src, *dst;
	double rate[COPY_ROUNDS];

	must(neuron_buffer_create(dev, from, COPY_SIZE, &src), "buffer");
	must(neuron_buffer_create(dev, to, COPY_SIZE, &dst), "buffer");
	/* Touch both once, so that no page is new while the clock runs. */
	must(neuron_buffer_fill(src, 0, 1, COPY_SIZE), "fill");
	must(neuron_buffer_fill(dst, 0, 2, COPY_SIZE), "fill");
	for (int i = 0; i < COPY_ROUNDS; i++) {
		double start = now_us();

		must(neuron_buffer_copy(dst, 0, src, 0, COPY_SIZE), "copy");
		rate[i] = COPY_SIZE / (now_us() - start) / 1e3;
	}
	print_figure(name, "GB/s", rate, COPY_ROUNDS);
	neuron_buffer_free(src);
	neuron_buffer_free(dst);
}

/*
 * A product of operands that stay in the scratchpad, as a model's weights do. Two
 * programs differ only in how often they multiply, so that the round trip cancels out.
 */
static void bench_product(void *arg, const struct bench_product *p)
{
	enum { TIMES = 7 };
	struct neuron_device *dev = arg;
	const unsigned int times = bench_product_times(p);
	const size_t room = bench_program_size(1 + times), in_size = bench_product_bytes(p);
	struct neuron_buffer *program = host_buffer(dev, NULL, room);
	struct neuron_buffer *in = host_buffer(dev, NULL, in_size);
	struct neuron_binding bind[] = {
		{ .buffer = program, .size = room, .flags = NEURON_BIND_READ },
		{ .buffer = in, .size = in_size, .flags = NEURON_BIND_READ },
	};
	struct neuron_submission sub = {
		.num_bindings = 2, .bindings = bind, .report_slot = NEURON_NO_BINDING,
	};
	void *bytes = malloc(room), *map;
	double rate[TIMES];

	if (!bytes)
		errx(1, "out of memory");
	must(neuron_buffer_map(in, &map), "map");
	bench_product_fill(p, map);
	for (int i = -1; i < TIMES; i++) {
		double us[2];

		for (int many = 0; many < 2; many++) {
			size_t size = bench_program_product(bytes, p, many ? 1 + times : 1);

			must(neuron_buffer_write(program, 0, bytes, size), "write");
			sub.program_size = size;
			sub.resident++;
			/* Makes the plans; finds the weights where they were; packs them. */
			for (int warm = 0; warm < 3; warm++)
				run_job(dev, &sub);
			us[many] = run_job(dev, &sub);
		}
		if (i >= 0)
			rate[i] = bench_product_macs(p) * times / (us[1] - us[0]) / 1e3;
	}
	print_figure(p->name, "GMAC/s", rate, TIMES);
	neuron_buffer_free(in);
	neuron_buffer_free(program);
	free(bytes);
}

static void bench_disk(const char *path)
{
	static double us[ROUNDS];
	off_t size;
	void *page;
	int fd = open(path, O_RDONLY | O_DIRECT);

	if (fd < 0)
		err(1, "%s", path);
	size = lseek(fd, 0, SEEK_END);
	if (size < 4096 || posix_memalign(&page, 4096, 4096))
		errx(1, "%s: too small", path);
	for (int i = 0; i < ROUNDS; i++) {
		off_t at = (off_t)(i * 7919ll % (size / 4096)) * 4096;
		double start = now_us();

		if (pread(fd, page, 4096, at) != 4096)
			err(1, "%s", path);
		us[i] = now_us() - start;
	}
	print_figure("4 KiB read from emulated NVMe", "us", us, ROUNDS);
	free(page);
	close(fd);
}

int main(int argc, char **argv)
{
	const char *disk = argc == 3 && !strcmp(argv[1], "--disk") ? argv[2] : NULL;
	bool products = argc == 2 && !strcmp(argv[1], "--products");
	struct neuron_device *dev;
	int status = 0;

	if (argc != 1 && !disk && !products) {
		fprintf(stderr, "usage: device [--disk FILE | --products]\n");
		return 2;
	}
	must(neuron_device_open(NULL, 0, &dev), "no device");
	if (products) {
		status = bench_products_asked(bench_product, dev);
		neuron_device_close(dev);
		return status;
	}
	/* In turns, so that a machine that slows down slows both sides of the ratio. */
	bench_empty_job(dev);
	if (disk)
		bench_disk(disk);
	bench_empty_job(dev);
	if (disk)
		bench_disk(disk);
	bench_copy(dev, NEURON_MEMORY_HOST, NEURON_MEMORY_DRAM, "copy, host memory to device DRAM");
	bench_copy(dev, NEURON_MEMORY_DRAM, NEURON_MEMORY_HOST, "copy, device DRAM to host memory");
	bench_copy(dev, NEURON_MEMORY_DRAM, NEURON_MEMORY_DRAM, "copy, device DRAM to device DRAM");
	neuron_device_close(dev);
	return 0;
}
