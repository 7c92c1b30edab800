/* SPDX-License-Identifier: MIT */
/* What chips this machine has, and which processes use them. */
#ifndef TOOLS_COMMON_SYSTEM_H
#define TOOLS_COMMON_SYSTEM_H

#include <sys/types.h>
#include <neuron.h>

/**
 * struct user - a process that has a chip's node open
 * @pid: the process, as this one sees it
 * @command: its command line, arguments separated by spaces; from malloc()
 * @runtime: version of libneuron that it uses, or "unknown"
 * @cores: by bit, those that it holds
 */
struct user {
	pid_t pid;
	char *command;
	char runtime[32];
	uint32_t cores;
};

/**
 * struct chip - a chip
 * @info: what the library says
 * @core: the same of its cores, info.cores of them
 * @memory: the same of its DRAM
 * @cpu_affinity: processors that are near, such as "0-3", or ""
 * @numa_node: node that it is near, or -1
 * @users: processes, by ascending number
 * @num_users: entries of @users
 */
struct chip {
	struct neuron_device_info info;
	struct neuron_core_info *core;
	struct neuron_memory_info memory;
	char cpu_affinity[64];
	int numa_node;
	struct user *users;
	unsigned int num_users;
};

/**
 * struct chips - all that NEURON_RT_DEVICE selects
 * @chip: in the order in which the runtime numbers them
 * @count: entries of @chip
 */
struct chips {
	struct chip *chip;
	unsigned int count;
};

/**
 * chips_read() - look at the machine
 * @chips: filled in; release with chips_free()
 *
 * Processes of other users are seen as far as /proc lets this one look.
 *
 * Return: false after a line on standard error.
 */
bool chips_read(struct chips *chips);
void chips_free(struct chips *chips);

/* Number of the chip's first core among those of the whole machine. */
unsigned int chips_first_core(const struct chips *chips, unsigned int index);

/**
 * instance_type() - the type of machine that has chips like these
 *
 * Scripts for the real chip choose by it what to compile for.
 *
 * Return: such as "inf1.xlarge"; "inf1" when none has so many chips.
 */
const char *instance_type(void);

#endif /* TOOLS_COMMON_SYSTEM_H */
