// SPDX-License-Identifier: MIT
/*
 * One thread switches a PCI device's memory on and off, another reads a register
 * of another device all the while: every read must give the same value. QEMU 10.0
 * without stale-tlb.patch reads from a wrong device now and then, or aborts.
 *
 * usage: mmio-race TOGGLED READ TOGGLES, the devices as folders of sysfs
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define COMMAND		4	/* the command register in a device's configuration */
#define COMMAND_MEMORY	2

static atomic_bool done;

static int open_file(const char *device, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", device, name);
	fd = open(path, O_RDWR);
	if (fd < 0) {
		perror(path);
		exit(2);
	}
	return fd;
}

struct toggle {
	int config;
	long times;
};

static void *toggle(void *arg)
{
	struct toggle *t = arg;
	uint16_t on, off;

	if (pread(t->config, &on, sizeof(on), COMMAND) != sizeof(on))
		exit(2);
	on |= COMMAND_MEMORY;
	off = on & ~COMMAND_MEMORY;
	for (long i = 0; i < t->times; i++)
		if (pwrite(t->config, &off, sizeof(off), COMMAND) != sizeof(off) ||
		    pwrite(t->config, &on, sizeof(on), COMMAND) != sizeof(on))
			exit(2);
	atomic_store(&done, true);
	return NULL;
}

int main(int argc, char **argv)
{
	struct toggle t;
	volatile uint32_t *reg;
	uint32_t first;
	pthread_t thread;
	long wrong = 0;

	if (argc != 4) {
		fprintf(stderr, "usage: mmio-race TOGGLED READ TOGGLES\n");
		return 2;
	}
	t.config = open_file(argv[1], "config");
	t.times = atol(argv[3]);
	reg = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
		   open_file(argv[2], "resource0"), 0);
	if (reg == MAP_FAILED) {
		perror("mmap");
		return 2;
	}
	first = *reg;
	if (pthread_create(&thread, NULL, toggle, &t))
		return 2;
	while (!atomic_load(&done))
		wrong += *reg != first;
	pthread_join(thread, NULL);
	printf("%ld wrong reads\n", wrong);
	return wrong != 0;
}
