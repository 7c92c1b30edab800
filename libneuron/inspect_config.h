/* SPDX-License-Identifier: MIT */
/*
 * What inspect_config.c sets and profile.c obeys.
 */
#ifndef LIBNEURON_INSPECT_CONFIG_H
#define LIBNEURON_INSPECT_CONFIG_H

#include <stdbool.h>
#include "capture.h"
#include "include/nrt/nrt_profile.h"

#define PROFILE_DEFAULT_DIR	"./output"

enum activity {
	SYSTEM_PROFILE,
	DEVICE_PROFILE,
	HOST_MEMORY,
	CPU_UTIL,
	NUM_ACTIVITIES
};

/**
 * struct nrt_inspect_config - options of inspection
 * @dir: folder of its files
 * @session: number in their names
 * @activities: mask of enum activity
 * @enable: record
 * @on_fail: keep a profile of an execution that fails
 * @capture: events, and how many of them
 */
struct nrt_inspect_config {
	char *dir;
	int session;
	unsigned int activities;
	bool enable;
	bool on_fail;
	struct capture_config capture;
};

/* Another name of a folder in *@to, which is the caller's to free; @text is copied. */
NRT_STATUS profile_set_dir(char **to, const char *text);

#endif /* LIBNEURON_INSPECT_CONFIG_H */
