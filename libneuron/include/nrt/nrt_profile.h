/* SPDX-License-Identifier: MIT */
/*
 * Profiles of executions: what the cores and the host did, and when.
 *
 * Names, types and values are those of AWS's libnrt; the rules at the top of
 * nrt.h hold here, too. The files are neuron-profile(1)'s.
 */
#ifndef NRT_NRT_PROFILE_H
#define NRT_NRT_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "nrt.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * nrt_profile_start() - profile a model's executions
 * @model: from nrt_load()
 * @filename: file for the profile; names it in nrt_profile_stop(), too
 *
 * What the host does meanwhile, for whichever model, is recorded as well. Several
 * profiles may be recorded at once, each with a file of its own.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: @filename is being recorded already, or it can't be
 * written to its folder.
 */
NRT_STATUS nrt_profile_start(nrt_model_t *model, const char *filename);

/**
 * nrt_profile_stop() - end a profile, and write its file
 * @filename: as for nrt_profile_start()
 *
 * The model may have been unloaded since. A file that can't be written is no reason to
 * lose the profile: the call can be repeated.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: nothing is being recorded for @filename; NRT_FAILURE:
 * the file can't be written.
 */
NRT_STATUS nrt_profile_stop(const char *filename);

/* What continuous profiling is to do; see the calls below. */
typedef struct nrt_profile_continuous_options nrt_profile_continuous_options_t;

/**
 * nrt_profile_continuous_options_allocate() - make options, with defaults
 * @options: receives them: the folder is "./output"
 */
NRT_STATUS
nrt_profile_continuous_options_allocate(nrt_profile_continuous_options_t **options);

/**
 * nrt_profile_continuous_options_free() - free options
 * @options: may be NULL
 *
 * Return: NRT_SUCCESS.
 */
NRT_STATUS nrt_profile_continuous_options_free(nrt_profile_continuous_options_t *options);

/**
 * nrt_profile_continuous_options_set_output_dir() - where the files go
 * @options: the options
 * @output_dir: the folder, made when needed
 */
NRT_STATUS
nrt_profile_continuous_options_set_output_dir(nrt_profile_continuous_options_t *options,
					      const char *output_dir);

/**
 * nrt_profile_continuous_start() - profile all executions, and keep each core's last
 * @options: from nrt_profile_continuous_options_allocate()
 *
 * Return: NRT_SUCCESS; NRT_INVALID: it has been started before, or nrt_inspect_begin()
 * records profiles of the device, or NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS is set.
 */
NRT_STATUS nrt_profile_continuous_start(nrt_profile_continuous_options_t *options);

/**
 * nrt_profile_continuous_save() - write the profile of a core's last execution
 * @vnc: the core, or one of those of the model
 * @options: says in which folder; the file's name is new there
 *
 * Return: NRT_SUCCESS; NRT_INVALID: it has not been started, or there is no such core;
 * NRT_FAILURE: nothing has been executed there since, or the file can't be written.
 */
NRT_STATUS nrt_profile_continuous_save(uint32_t vnc,
				       nrt_profile_continuous_options_t *options);

/**
 * nrt_profile_continuous_stop() - end it, without a file
 *
 * Return: NRT_SUCCESS; NRT_INVALID: it has not been started.
 */
NRT_STATUS nrt_profile_continuous_stop(void);

/**
 * nrt_inspect_begin() - record what the process does
 *
 * As the environment says: see NEURON_RT_INSPECT_ENABLE in libneuron(7). Where that is
 * 1, nrt_init() has begun it already, and the call does nothing.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: nrt_inspect_begin_with_options() has begun it, or a
 * variable has a bad value; NRT_FAILURE: the folder can't be made.
 */
NRT_STATUS nrt_inspect_begin(void);

/**
 * nrt_inspect_stop() - end recording, and write the file
 *
 * Return: NRT_SUCCESS; NRT_INVALID: nothing is being recorded; NRT_FAILURE: the file can't
 * be written.
 */
NRT_STATUS nrt_inspect_stop(void);

/* What to record; see the calls below. */
typedef struct nrt_inspect_config nrt_inspect_config_t;

/**
 * nrt_inspect_config_allocate() - make options, with defaults
 * @options: receives them; free them with nrt_inspect_config_free()
 */
NRT_STATUS nrt_inspect_config_allocate(nrt_inspect_config_t **options);

/**
 * nrt_inspect_config_set_defaults() - give all options their defaults
 * @options: changed: session 1, folder "./output", all activities, cores and kinds of
 *	     events, but neither of what nrt_inspect_config_set_enable_inspect() and
 *	     nrt_inspect_config_set_enable_inspect_on_fail() enable
 */
NRT_STATUS nrt_inspect_config_set_defaults(nrt_inspect_config_t *options);

/**
 * nrt_inspect_config_free() - free options
 * @options: may be NULL
 *
 * Return: NRT_SUCCESS.
 */
NRT_STATUS nrt_inspect_config_free(nrt_inspect_config_t *options);

/**
 * nrt_inspect_config_set_session_id() - the number in the names of files
 * @options: changed
 * @session_id: the number
 */
NRT_STATUS nrt_inspect_config_set_session_id(nrt_inspect_config_t *options, int session_id);

/**
 * nrt_inspect_config_set_output_dir() - where the files go
 * @options: changed
 * @output_dir: the folder, made when recording begins
 */
NRT_STATUS nrt_inspect_config_set_output_dir(nrt_inspect_config_t *options,
					     const char *output_dir);

/**
 * nrt_inspect_config_set_sys_trace_max_events_per_nc() - how many events are kept
 * @options: changed
 * @sys_trace_max_events_per_nc: at most so many of each core; what comes later is counted
 *				 and dropped
 */
NRT_STATUS
nrt_inspect_config_set_sys_trace_max_events_per_nc(nrt_inspect_config_t *options,
						   uint64_t sys_trace_max_events_per_nc);

/**
 * nrt_inspect_config_set_capture_enabled_for_nc() - record events of a core, or don't
 * @options: changed
 * @nc_idx: the process's core
 * @enabled: whether to
 */
NRT_STATUS nrt_inspect_config_set_capture_enabled_for_nc(nrt_inspect_config_t *options,
							 uint32_t nc_idx, bool enabled);

/**
 * nrt_inspect_config_set_capture_enabled_for_event_type_string() - record a kind of events,
 * or don't
 * @options: changed
 * @event_type: "nrt_load", "nrt_unload", "nrt_execute", "nrt_tensor_read",
 *		"nrt_tensor_write", "nrt_tensor_copy", "nrt_tensor_memset",
 *		"nrt_tensor_allocate", "prepare", "submit", "wait_for_chip", "finish" or
 *		"host_step"
 * @enabled: whether to
 */
NRT_STATUS
nrt_inspect_config_set_capture_enabled_for_event_type_string(nrt_inspect_config_t *options,
							     const char *event_type,
							     bool enabled);

/**
 * nrt_inspect_config_set_enable_inspect() - record all that succeeds
 * @options: changed
 * @enable_inspect: whether to
 */
NRT_STATUS nrt_inspect_config_set_enable_inspect(nrt_inspect_config_t *options,
						 bool enable_inspect);

/**
 * nrt_inspect_config_set_enable_inspect_on_fail() - write executions that fail
 * @options: changed
 * @enable_inspect_on_fail: whether to write a file for each, at once
 */
NRT_STATUS nrt_inspect_config_set_enable_inspect_on_fail(nrt_inspect_config_t *options,
							 bool enable_inspect_on_fail);

/**
 * nrt_inspect_begin_with_options() - record what the process does
 * @options: what and where to; NULL: the defaults, which record nothing
 *
 * The environment has no say in it.
 *
 * Return: NRT_SUCCESS; NRT_INVALID: it has been begun before; NRT_FAILURE: the folder can't
 * be made.
 */
NRT_STATUS nrt_inspect_begin_with_options(nrt_inspect_config_t *options);

/**
 * nrt_inspect_config_get_all_activity_types() - the activities that there are
 * @activity_types: receives an array to be freed with
 *		    nrt_inspect_config_free_activity_types()
 * @count: receives its length
 */
NRT_STATUS nrt_inspect_config_get_all_activity_types(const char ***activity_types,
						     size_t *count);

/**
 * nrt_inspect_config_get_enabled_activity_types() - those that will be recorded
 * @options: the options
 * @activity_types: as nrt_inspect_config_get_all_activity_types()
 * @count: the same
 */
NRT_STATUS nrt_inspect_config_get_enabled_activity_types(nrt_inspect_config_t *options,
							 const char ***activity_types,
							 size_t *count);

/**
 * nrt_inspect_config_free_activity_types() - free an array of activities
 * @activity_types: may be NULL
 * @count: its length
 */
void nrt_inspect_config_free_activity_types(const char **activity_types, size_t count);

/**
 * nrt_inspect_config_set_activity() - record an activity, or don't
 * @options: changed
 * @activity_type: "system_profile": what the host does; "device_profile": what the cores
 *		   do, in the first execution of each model; "host_memory" and "cpu_util",
 *		   of which nothing is recorded; "all"
 * @enabled: whether to
 */
NRT_STATUS nrt_inspect_config_set_activity(nrt_inspect_config_t *options,
					   const char *activity_type, bool enabled);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_PROFILE_H */
