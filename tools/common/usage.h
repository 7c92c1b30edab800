/* SPDX-License-Identifier: MIT */
/* What chips and processes do, at one moment; rates are differences of two. */
#ifndef TOOLS_COMMON_USAGE_H
#define TOOLS_COMMON_USAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <neuron/stats.h>

#define USAGE_MAX_CORES	32

/**
 * struct chip_usage - a chip of the kernel driver
 * @index: N of neuronN
 * @cores: how many it has
 * @first_core: number of its first among all cores of the machine
 * @busy_ns: by core: time that it executed jobs
 * @inferences: by core: programs that ended well
 * @resets: by core: resets
 * @device_mem: bytes of device DRAM in use
 * @host_mem: bytes of host memory that the chip reaches
 * @mem_corrected: errors in DRAM that were corrected
 * @mem_uncorrected: those that could not be
 * @sram_uncorrected: errors in scratchpads
 */
struct chip_usage {
	unsigned int index;
	unsigned int cores;
	unsigned int first_core;
	uint64_t busy_ns[USAGE_MAX_CORES];
	uint64_t inferences[USAGE_MAX_CORES];
	uint64_t resets[USAGE_MAX_CORES];
	uint64_t device_mem;
	uint64_t host_mem;
	uint64_t mem_corrected;
	uint64_t mem_uncorrected;
	uint64_t sram_uncorrected;
};

/**
 * struct process_usage - a process that uses libneuron's nrt.h
 * @pid: as this process sees it
 * @command: its name
 * @user_ns: time of processors in user code
 * @system_ns: the same in the kernel
 * @rss: bytes of host memory that are its own
 * @stats: what it tells of itself, checked
 */
struct process_usage {
	pid_t pid;
	char command[32];
	uint64_t user_ns;
	uint64_t system_ns;
	uint64_t rss;
	struct neuron_stats stats;
};

enum { CPU_USER, CPU_NICE, CPU_SYSTEM, CPU_IDLE, CPU_IO_WAIT, CPU_IRQ, CPU_SOFT_IRQ, CPU_STATES };

/* Ticks of a processor by state. */
struct cpu_usage {
	uint64_t ticks[CPU_STATES];
};

/**
 * struct usage - one look at the machine
 * @refs: holders
 * @time_ns: when, CLOCK_MONOTONIC
 * @chip: chips of the driver, by ascending number
 * @num_chips: how many
 * @process: processes, by ascending number
 * @num_processes: how many
 * @all_cpus: sum over the processors
 * @cpu: by processor
 * @num_cpus: how many
 * @context_switches: since the machine was started
 * @memory_total: bytes of the machine's memory
 * @memory_used: those in use
 * @swap_total: bytes of swap
 * @swap_used: those in use
 */
struct usage {
	unsigned int refs;
	int64_t time_ns;
	struct chip_usage *chip;
	unsigned int num_chips;
	struct process_usage *process;
	unsigned int num_processes;
	struct cpu_usage all_cpus;
	struct cpu_usage *cpu;
	unsigned int num_cpus;
	uint64_t context_switches;
	uint64_t memory_total;
	uint64_t memory_used;
	uint64_t swap_total;
	uint64_t swap_used;
};

/**
 * usage_read() - look
 *
 * Opens no device, so a chip that sleeps goes on to. Of other users' processes
 * only root sees what they tell.
 *
 * Return: to be given back with usage_put().
 */
struct usage *usage_read(void);
struct usage *usage_get(struct usage *usage);
void usage_put(struct usage *usage);

/* The same process at another moment, or NULL. */
const struct process_usage *usage_same_process(const struct usage *usage,
					       const struct process_usage *process);
const struct chip_usage *usage_same_chip(const struct usage *usage,
					 const struct chip_usage *chip);

/* A counter's growth; one that was set back began at zero. */
uint64_t usage_growth(uint64_t before, uint64_t now);

/* Percent of a time, 0 to 100. */
double usage_percent(uint64_t before_ns, uint64_t now_ns, int64_t elapsed_ns);

/**
 * usage_latencies() - latencies of executions that ended between two moments
 * @before: the process then, or NULL for all that are known
 * @now: the process later
 * @device: those on the device, not those of the whole call
 * @values: gets up to NEURON_STATS_LATENCIES of them, ascending
 *
 * Return: how many.
 */
unsigned int usage_latencies(const struct process_usage *before, const struct process_usage *now,
			     bool device, uint64_t *values);

#endif /* TOOLS_COMMON_USAGE_H */
