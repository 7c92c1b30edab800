// SPDX-License-Identifier: MIT
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "config.h"
#include "log.h"

#define DEFAULT_TIMEOUT_S	30u

/* A decimal number and nothing else at *text, which is moved behind it. */
static bool number(const char **text, unsigned int max, unsigned int *value)
{
	unsigned long long n = 0;
	const char *c = *text;

	if (*c < '0' || *c > '9')
		return false;
	for (; *c >= '0' && *c <= '9'; c++) {
		n = n * 10 + (*c - '0');
		if (n > max)
			return false;
	}
	*text = c;
	*value = n;
	return true;
}

/* "3", "0-3" or "0-2,3": ascending, without gaps. */
static bool core_list(const char *text, struct core_request *request)
{
	unsigned int first, last, next = 0;
	bool any = false;

	for (;;) {
		if (!number(&text, INT_MAX - 1, &first))
			return false;
		last = first;
		if (*text == '-') {
			text++;
			if (!number(&text, INT_MAX - 1, &last) || last < first)
				return false;
		}
		if (!any)
			request->first = first;
		else if (first != next)
			return false;
		any = true;
		next = last + 1;
		if (!*text)
			break;
		if (*text++ != ',')
			return false;
	}
	request->fixed = true;
	request->count = next - request->first;
	return true;
}

NRT_STATUS config_cores(struct core_request *request)
{
	const char *visible = getenv("NEURON_RT_VISIBLE_CORES");
	const char *count = getenv("NEURON_RT_NUM_CORES");
	const char *c = count;

	memset(request, 0, sizeof(*request));
	if (visible && *visible) {
		if (!core_list(visible, request))
			return fail(NRT_INVALID, "NEURON_RT_VISIBLE_CORES=%.64s: give a core, a range or a list of both, ascending and without gaps, like 0-3",
				    visible);
		return NRT_SUCCESS;
	}
	if (count && *count && (!number(&c, INT_MAX, &request->count) || *c))
		return fail(NRT_INVALID, "NEURON_RT_NUM_CORES=%.64s: give a number of cores; 0 asks for all",
			    count);
	return NRT_SUCCESS;
}

NRT_STATUS config_in_flight(unsigned int *requests)
{
	const char *text = getenv("NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	const char *c = text;

	*requests = 0;
	if (text && *text && (!number(&c, INT_MAX, requests) || *c))
		return fail(NRT_INVALID, "NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS=%.64s: give a number of executions; 0 turns it off",
			    text);
	return NRT_SUCCESS;
}

static NRT_STATUS boolean(const char *name, bool *value)
{
	const char *text = getenv(name);

	if (!text || !*text)
		return NRT_SUCCESS;
	if (!strcasecmp(text, "true") || !strcmp(text, "1"))
		*value = true;
	else if (!strcasecmp(text, "false") || !strcmp(text, "0"))
		*value = false;
	else
		return fail(NRT_INVALID, "%s=%.64s: give true or false", name, text);
	return NRT_SUCCESS;
}

NRT_STATUS config_model(struct model_config *config)
{
	const char *verbosity = getenv("NEURON_RT_NUMERICAL_ERRORS_VERBOSITY");
	const char *timeout = getenv("NEURON_RT_EXEC_TIMEOUT");
	const char *c = timeout;
	unsigned int seconds = DEFAULT_TIMEOUT_S;
	bool force = false;
	NRT_STATUS status;

	if (timeout && *timeout && (!number(&c, INT_MAX, &seconds) || *c))
		return fail(NRT_INVALID, "NEURON_RT_EXEC_TIMEOUT=%.64s: give a number of seconds",
			    timeout);
	config->timeout_ms = seconds > UINT32_MAX / 1000 ? UINT32_MAX : seconds * 1000;
	config->validate_hash = true;
	status = boolean("NEURON_RT_VALIDATE_HASH", &config->validate_hash);
	if (!status)
		status = boolean("NEURON_FAIL_ON_NAN", &force);
	config->nan = force ? NAN_ANY :
		      verbosity && !strcasecmp(verbosity, "none") ? NAN_IGNORED : NAN_MADE;
	return status;
}

NRT_STATUS config_inspect(struct inspect_config *config)
{
	const char *device = getenv("NEURON_RT_INSPECT_DEVICE_PROFILE");
	const char *enable = getenv("NEURON_RT_INSPECT_ENABLE");
	const char *dir = getenv("NEURON_RT_INSPECT_OUTPUT_DIR");
	NRT_STATUS status;

	*config = (struct inspect_config) {
		.dir = dir && *dir ? dir : "./output", .system = true, .device = true,
	};
	status = boolean("NEURON_RT_INSPECT_ENABLE", &config->enable);
	config->disable = enable && *enable && !config->enable;
	if (!status)
		status = boolean("NEURON_RT_INSPECT_SYSTEM_PROFILE", &config->system);
	if (!status)
		status = boolean("NEURON_RT_INSPECT_ON_FAIL", &config->on_fail);
	if (status || !device || !*device || !strcmp(device, "model"))
		return status;
	config->whole_session = !strcmp(device, "session");
	return config->whole_session ? NRT_SUCCESS :
	       boolean("NEURON_RT_INSPECT_DEVICE_PROFILE", &config->device);
}
