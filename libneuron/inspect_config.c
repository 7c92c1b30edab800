// SPDX-License-Identifier: MIT
/*
 * nrt_inspect_config_*(): the options that nrt_inspect_begin_with_options() takes.
 */
#include <stdlib.h>
#include <string.h>
#include "export.h"
#include "inspect_config.h"
#include "log.h"
#include "runtime.h"

NRT_STATUS profile_set_dir(char **to, const char *text)
{
	char *copy;

	if (!text || !*text)
		return fail(NRT_INVALID, "output_dir is NULL or empty");
	copy = strdup(text);
	if (!copy)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	free(*to);
	*to = copy;
	return NRT_SUCCESS;
}

static const char *const activity_names[NUM_ACTIVITIES] = {
	[SYSTEM_PROFILE] = "system_profile",
	[DEVICE_PROFILE] = "device_profile",
	[HOST_MEMORY] = "host_memory",
	[CPU_UTIL] = "cpu_util",
};

#define ALL_ACTIVITIES	((1u << NUM_ACTIVITIES) - 1)

EXPORT NRT_STATUS nrt_inspect_config_set_defaults(nrt_inspect_config_t *options)
{
	NRT_STATUS status;

	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	status = profile_set_dir(&options->dir, PROFILE_DEFAULT_DIR);
	if (status)
		return status;
	options->session = 1;
	options->activities = ALL_ACTIVITIES;
	options->enable = false;
	options->on_fail = false;
	options->capture = (struct capture_config) {
		.events = CAPTURE_ALL_EVENTS, .max_events = CAPTURE_MAX_EVENTS,
	};
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_allocate(nrt_inspect_config_t **options)
{
	nrt_inspect_config_t *made;
	NRT_STATUS status;

	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	*options = NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	status = nrt_inspect_config_set_defaults(made);
	if (status)
		free(made);
	else
		*options = made;
	return status;
}

EXPORT NRT_STATUS nrt_inspect_config_free(nrt_inspect_config_t *options)
{
	if (options)
		free(options->dir);
	free(options);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_session_id(nrt_inspect_config_t *options,
						    int session_id)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	options->session = session_id;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_output_dir(nrt_inspect_config_t *options,
						    const char *output_dir)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	return profile_set_dir(&options->dir, output_dir);
}

EXPORT NRT_STATUS
nrt_inspect_config_set_sys_trace_max_events_per_nc(nrt_inspect_config_t *options,
						   uint64_t sys_trace_max_events_per_nc)
{
	if (!options || !sys_trace_max_events_per_nc)
		return fail(NRT_INVALID, "options is NULL, or the number of events is 0");
	options->capture.max_events = sys_trace_max_events_per_nc;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_capture_enabled_for_nc(nrt_inspect_config_t *options,
								uint32_t nc_idx, bool enabled)
{
	_Static_assert(sizeof(options->capture.skip) == MAX_CORES, "a flag for each");
	if (!options || nc_idx >= MAX_CORES)
		return fail(NRT_INVALID, "options is NULL, or there is no core %u", nc_idx);
	options->capture.skip[nc_idx] = !enabled;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS
nrt_inspect_config_set_capture_enabled_for_event_type_string(nrt_inspect_config_t *options,
							     const char *event_type,
							     bool enabled)
{
	static const char *const names[NEURON_PROFILE_NUM_EVENTS] = {
#define X(name, value, text) [value] = text,
		NEURON_PROFILE_EVENTS(X)
#undef X
	};
	unsigned int i;

	if (!options || !event_type)
		return fail(NRT_INVALID, "options or event_type is NULL");
	for (i = 0; i < NEURON_PROFILE_NUM_EVENTS && strcmp(names[i], event_type); i++)
		;
	if (i == NEURON_PROFILE_NUM_EVENTS)
		return fail(NRT_INVALID, "there are no events '%.64s': the manual page of the call has a list",
			    event_type);
	if (enabled)
		options->capture.events |= 1u << i;
	else
		options->capture.events &= ~(1u << i);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_enable_inspect(nrt_inspect_config_t *options,
							bool enable_inspect)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	options->enable = enable_inspect;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_enable_inspect_on_fail(nrt_inspect_config_t *options,
								bool enable_inspect_on_fail)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	options->on_fail = enable_inspect_on_fail;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_set_activity(nrt_inspect_config_t *options,
						  const char *activity_type, bool enabled)
{
	unsigned int mask = 0, i;

	if (!options || !activity_type)
		return fail(NRT_INVALID, "options or activity_type is NULL");
	if (!strcmp(activity_type, "all"))
		mask = ALL_ACTIVITIES;
	for (i = 0; i < NUM_ACTIVITIES; i++)
		if (!strcmp(activity_type, activity_names[i]))
			mask = 1u << i;
	if (!mask)
		return fail(NRT_INVALID, "there is no activity '%.64s': give system_profile, device_profile, host_memory, cpu_util or all",
			    activity_type);
	if (enabled && mask & (1u << HOST_MEMORY | 1u << CPU_UTIL))
		info("nothing is recorded for host_memory and cpu_util");
	options->activities = enabled ? options->activities | mask :
					options->activities & ~mask;
	return NRT_SUCCESS;
}

EXPORT void nrt_inspect_config_free_activity_types(const char **activity_types, size_t count)
{
	size_t i;

	for (i = 0; activity_types && i < count; i++)
		free((char *)activity_types[i]);
	free(activity_types);
}

static NRT_STATUS list_activities(unsigned int mask, const char ***list, size_t *count)
{
	const char **names;
	unsigned int i;

	if (!list || !count)
		return fail(NRT_INVALID, "activity_types or count is NULL");
	*list = NULL;
	*count = 0;
	names = calloc(NUM_ACTIVITIES, sizeof(*names));
	for (i = 0; i < NUM_ACTIVITIES && names; i++) {
		if (!(mask >> i & 1))
			continue;
		names[*count] = strdup(activity_names[i]);
		if (!names[(*count)++]) {
			nrt_inspect_config_free_activity_types(names, *count);
			names = NULL;
			*count = 0;
		}
	}
	if (!names)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	*list = names;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_inspect_config_get_all_activity_types(const char ***activity_types,
							    size_t *count)
{
	return list_activities(ALL_ACTIVITIES, activity_types, count);
}

EXPORT NRT_STATUS
nrt_inspect_config_get_enabled_activity_types(nrt_inspect_config_t *options,
					      const char ***activity_types, size_t *count)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	return list_activities(options->activities, activity_types, count);
}
