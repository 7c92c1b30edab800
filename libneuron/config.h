/* SPDX-License-Identifier: MIT */
/* What the environment asks of the runtime. Bad values are logged. */
#ifndef LIBNEURON_CONFIG_H
#define LIBNEURON_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include "include/nrt/nrt_status.h"

/**
 * struct core_request - NEURON_RT_VISIBLE_CORES and NEURON_RT_NUM_CORES
 * @fixed: @first was named
 * @first: first core, by its number on this machine
 * @count: number of cores; 0: all
 */
struct core_request {
	bool fixed;
	unsigned int first;
	unsigned int count;
};

NRT_STATUS config_cores(struct core_request *request);

/* NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS; 0: implicit asynchronous mode is off. */
NRT_STATUS config_in_flight(unsigned int *requests);

/* When NaN in an output makes an execution fail. */
enum nan_policy {
	NAN_IGNORED,
	NAN_MADE,	/* unless an input has NaN or an infinity */
	NAN_ANY,
};

/**
 * struct model_config - read when a model is loaded
 * @timeout_ms: NEURON_RT_EXEC_TIMEOUT; 0: the device's default
 * @validate_hash: NEURON_RT_VALIDATE_HASH
 * @nan: NEURON_RT_NUMERICAL_ERRORS_VERBOSITY and NEURON_FAIL_ON_NAN
 */
struct model_config {
	uint32_t timeout_ms;
	bool validate_hash;
	enum nan_policy nan;
};

NRT_STATUS config_model(struct model_config *config);

/**
 * struct inspect_config - NEURON_RT_INSPECT_*
 * @enable: _ENABLE is 1
 * @disable: _ENABLE is 0
 * @dir: _OUTPUT_DIR
 * @system: _SYSTEM_PROFILE
 * @device: _DEVICE_PROFILE: first executions, or all
 * @whole_session: it is all
 * @on_fail: _ON_FAIL
 */
struct inspect_config {
	bool enable;
	bool disable;
	const char *dir;
	bool system;
	bool device;
	bool whole_session;
	bool on_fail;
};

NRT_STATUS config_inspect(struct inspect_config *config);

#endif /* LIBNEURON_CONFIG_H */
