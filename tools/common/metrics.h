/* SPDX-License-Identifier: MIT */
/* The groups of metrics of neuron-monitor, as JSON and for Prometheus. */
#ifndef TOOLS_COMMON_METRICS_H
#define TOOLS_COMMON_METRICS_H

#include <stdio.h>
#include <cjson/cJSON.h>
#include "usage.h"

/* Groups: X(NAME, name in configurations and reports) */
#define PROCESS_GROUPS(X)						\
	X(CORES,	"neuroncore_counters")				\
	X(EXECUTION,	"execution_stats")				\
	X(MEMORY,	"memory_used")					\
	X(VCPU,		"neuron_runtime_vcpu_usage")

#define SYSTEM_GROUPS(X)						\
	X(HARDWARE,	"neuron_hw_counters")				\
	X(CPUS,		"vcpu_usage")					\
	X(HOST_MEMORY,	"memory_info")

enum process_group {
#define X(id, name) GROUP_##id,
	PROCESS_GROUPS(X)
#undef X
	NUM_PROCESS_GROUPS
};

enum system_group {
#define X(id, name) SYSTEM_##id,
	SYSTEM_GROUPS(X)
#undef X
	NUM_SYSTEM_GROUPS
};

extern const char *const process_group_names[NUM_PROCESS_GROUPS];
extern const char *const system_group_names[NUM_SYSTEM_GROUPS];

/**
 * struct hardware - what does not change
 * @chips: how many
 * @cores: of each
 * @dram_size: bytes of each
 * @error: why it is not known, or ""
 */
struct hardware {
	unsigned int chips;
	unsigned int cores;
	uint64_t dram_size;
	char error[256];
};

/*
 * A group between two moments, or NULL when there is nothing to say of @pid any more.
 * The caller owns it.
 */
cJSON *metrics_of_process(enum process_group group, const struct usage *before,
			  const struct usage *now, pid_t pid, unsigned int cores_per_chip);
cJSON *metrics_of_system(enum system_group group, const struct usage *before,
			 const struct usage *now);
cJSON *metrics_instance(void);
cJSON *metrics_hardware(const struct hardware *hardware);

/* All of it in Prometheus's text format, rates over the time since @before. */
void metrics_prometheus(FILE *file, const struct usage *before, const struct usage *now,
			const struct hardware *hardware);

#endif /* TOOLS_COMMON_METRICS_H */
