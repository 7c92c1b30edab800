// SPDX-License-Identifier: MIT
/*
 * The calls of nrt_profile.h, and nrt_trace_*(). From top to bottom: profiles of a model,
 * the trace, continuous profiles, inspection. Its options are in inspect_config.c.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "capture.h"
#include "config.h"
#include "export.h"
#include "include/nrt/nrt_experimental.h"
#include "include/nrt/nrt_profile.h"
#include "inspect_config.h"
#include "log.h"
#include "model.h"
#include "runtime.h"

/* A capture for a file. */
struct profile {
	struct profile *next;
	struct capture *capture;
	char *filename;
};

/* Guards what follows; taken after the runtime is entered. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct profile *profiles;
static struct capture *trace;
static struct capture *continuous;

/**
 * struct inspection - what nrt_inspect_begin() has begun
 * @active: there is one
 * @by_environment: nrt_init() has begun it
 * @capture: NULL: nothing is enabled
 * @writes: its end makes a file
 * @has_jobs: it records profiles of the device
 * @session: number in the names of files
 * @dir: folder of the files
 */
static struct inspection {
	bool active;
	bool by_environment;
	struct capture *capture;
	bool writes;
	bool has_jobs;
	int session;
	char dir[PATH_MAX];
} inspection;

/* Make a folder and those above it. */
static NRT_STATUS make_dir(const char *dir)
{
	char path[PATH_MAX];
	char *p;

	if ((size_t)snprintf(path, sizeof(path), "%s", dir) >= sizeof(path))
		return fail(NRT_INVALID, "the name of the folder for profiles is too long: give a shorter one");
	for (p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		mkdir(path, 0777);
		*p = '/';
	}
	if (mkdir(path, 0777) && errno != EEXIST)
		return fail(NRT_FAILURE, "the folder %s for profiles can't be made: %s: name another one", path,
			    strerror(errno));
	return NRT_SUCCESS;
}

static NRT_STATUS begin(const struct capture_config *config, struct capture **capture)
{
	*capture = capture_begin(config);
	return *capture ? NRT_SUCCESS : fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
}

/*
 * Profiles of a model
 */

static NRT_STATUS check_folder(const char *filename)
{
	const char *slash = strrchr(filename, '/');
	char dir[PATH_MAX];

	if (!slash)
		snprintf(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - filename + 1), filename);
	if (access(dir, W_OK | X_OK))
		return fail(NRT_INVALID, "the profile can't be written to %s: %s: name a file in a folder that you may write to", filename,
			    strerror(errno));
	return NRT_SUCCESS;
}

/* The link to it, or to the end of the list. */
static struct profile **find_profile(const char *filename)
{
	struct profile **link = &profiles;

	while (*link && strcmp((*link)->filename, filename))
		link = &(*link)->next;
	return link;
}

static void free_profile(struct profile *profile)
{
	capture_free(profile->capture);
	free(profile->filename);
	free(profile);
}

static NRT_STATUS add_profile(const struct capture_config *config, const char *filename)
{
	struct profile *profile;
	NRT_STATUS status;

	if (*find_profile(filename))
		return fail(NRT_INVALID, "a profile is being recorded for %s already: end it with nrt_profile_stop()",
			    filename);
	profile = calloc(1, sizeof(*profile));
	if (!profile)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	profile->filename = strdup(filename);
	status = profile->filename ? begin(config, &profile->capture) : fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	if (status) {
		free_profile(profile);
		return status;
	}
	profile->next = profiles;
	profiles = profile;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_profile_start(nrt_model_t *handle, const char *filename)
{
	struct capture_config config = {
		.jobs = CAPTURE_ALL_JOBS, .events = CAPTURE_ALL_EVENTS,
		.max_events = CAPTURE_MAX_EVENTS,
	};
	struct runtime *runtime;
	struct nrt_model *model;
	NRT_STATUS status;

	if (!filename || !*filename)
		return fail(NRT_INVALID, "filename is NULL or empty");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	model = object_get(handle, OBJECT_MODEL);
	if (!model) {
		status = fail(NRT_INVALID_HANDLE, "this is no model, or it has been unloaded");
		goto leave;
	}
	config.model = model->id;
	object_put(model);
	status = check_folder(filename);
	if (status)
		goto leave;
	pthread_mutex_lock(&lock);
	status = add_profile(&config, filename);
	pthread_mutex_unlock(&lock);
leave:
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_profile_stop(const char *filename)
{
	struct profile **link, *profile;
	struct runtime *runtime;
	NRT_STATUS status;

	if (!filename)
		return fail(NRT_INVALID, "filename is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	pthread_mutex_lock(&lock);
	link = find_profile(filename);
	profile = *link;
	if (!profile) {
		status = fail(NRT_INVALID, "no profile is being recorded for %s: begin one with nrt_profile_start()",
			      filename);
	} else {
		capture_end(profile->capture);
		status = capture_write(profile->capture, filename);
	}
	if (!status) {
		*link = profile->next;
		free_profile(profile);
	}
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

/*
 * The trace
 */

EXPORT NRT_STATUS nrt_trace_start(bool trace_mem)
{
	struct capture_config config = {
		.jobs = CAPTURE_ALL_JOBS, .events = CAPTURE_ALL_EVENTS,
		.max_events = CAPTURE_MAX_EVENTS,
	};
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(__func__, &runtime);

	if (status)
		return status;
	if (!trace_mem)
		config.events &= ~(1u << NEURON_PROFILE_TENSOR_ALLOCATE);
	pthread_mutex_lock(&lock);
	if (trace)
		status = fail(NRT_INVALID, "a trace is being recorded already: end it with nrt_trace_stop()");
	else
		status = begin(&config, &trace);
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_trace_stop(const char *filename)
{
	struct runtime *runtime;
	NRT_STATUS status;

	if (!filename || !*filename)
		return fail(NRT_INVALID, "filename is NULL or empty");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (!trace) {
		status = fail(NRT_INVALID, "no trace is being recorded: begin one with nrt_trace_start()");
	} else {
		capture_end(trace);
		status = capture_write(trace, filename);
	}
	if (!status) {
		capture_free(trace);
		trace = NULL;
	}
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

/*
 * Continuous profiles
 */

struct nrt_profile_continuous_options {
	char *dir;
};

EXPORT NRT_STATUS
nrt_profile_continuous_options_allocate(nrt_profile_continuous_options_t **options)
{
	nrt_profile_continuous_options_t *made;

	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	*options = NULL;
	made = calloc(1, sizeof(*made));
	if (made)
		made->dir = strdup(PROFILE_DEFAULT_DIR);
	if (!made || !made->dir) {
		free(made);
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	*options = made;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS
nrt_profile_continuous_options_free(nrt_profile_continuous_options_t *options)
{
	if (options)
		free(options->dir);
	free(options);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS
nrt_profile_continuous_options_set_output_dir(nrt_profile_continuous_options_t *options,
					      const char *output_dir)
{
	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	return profile_set_dir(&options->dir, output_dir);
}

EXPORT NRT_STATUS nrt_profile_continuous_start(nrt_profile_continuous_options_t *options)
{
	static const struct capture_config config = { .jobs = CAPTURE_LAST_JOBS };
	struct runtime *runtime;
	NRT_STATUS status;

	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (continuous)
		status = fail(NRT_INVALID, "continuous profiling has been started before: end it with nrt_profile_continuous_stop()");
	else if (inspection.has_jobs)
		status = fail(NRT_INVALID, "inspection profiles the device already: end it with nrt_inspect_stop(), or set NEURON_RT_INSPECT_DEVICE_PROFILE=0");
	else if (runtime->announce)
		status = fail(NRT_INVALID, "not together with asynchronous execution: unset NEURON_RT_ASYNC_EXEC_MAX_INFLIGHT_REQUESTS");
	else
		status = begin(&config, &continuous);
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_profile_continuous_save(uint32_t vnc,
					      nrt_profile_continuous_options_t *options)
{
	struct runtime *runtime;
	NRT_STATUS status;

	if (!options)
		return fail(NRT_INVALID, "options is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (!continuous)
		status = fail(NRT_INVALID, "continuous profiling has not been started: call nrt_profile_continuous_start() first");
	else if (vnc >= runtime->num_cores)
		status = fail(NRT_INVALID, "there is no core %u, only %u of them", vnc,
			      runtime->num_cores);
	else
		status = make_dir(options->dir);
	if (!status)
		status = capture_write_last(continuous, vnc, options->dir);
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_profile_continuous_stop(void)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(__func__, &runtime);

	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (!continuous)
		status = fail(NRT_INVALID, "continuous profiling has not been started: call nrt_profile_continuous_start() first");
	capture_free(continuous);
	continuous = NULL;
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

/*
 * Inspection
 */

/* With the lock held. The files of a process are in a folder of its own. */
static NRT_STATUS begin_inspection(const char *dir, int session,
				   struct capture_config *config, bool writes)
{
	char host[64] = "";
	NRT_STATUS status;

	gethostname(host, sizeof(host) - 1);
	if ((size_t)snprintf(inspection.dir, sizeof(inspection.dir), "%s/%s_pid_%d", dir, host,
			     getpid()) >= sizeof(inspection.dir))
		return fail(NRT_INVALID, "the name of the folder for profiles is too long: give a shorter one");
	if (writes || config->on_fail) {
		config->dir = inspection.dir;
		config->session = session;
		status = make_dir(inspection.dir);
		if (!status)
			status = begin(config, &inspection.capture);
		if (status)
			return status;
	}
	inspection.session = session;
	inspection.writes = writes;
	inspection.has_jobs = config->jobs != CAPTURE_NO_JOBS || config->on_fail;
	inspection.active = true;
	return NRT_SUCCESS;
}

/* With the lock held. Where there is a file, it is written. */
static NRT_STATUS end_inspection(void)
{
	char path[PATH_MAX + 32];
	NRT_STATUS status = NRT_SUCCESS;

	if (inspection.capture)
		capture_end(inspection.capture);
	if (inspection.writes) {
		snprintf(path, sizeof(path), "%s/session_%d.ntff", inspection.dir,
			 inspection.session);
		status = capture_write(inspection.capture, path);
	}
	if (status)
		return status;
	capture_free(inspection.capture);
	inspection = (struct inspection) { 0 };
	return NRT_SUCCESS;
}

/* With the lock held. What the environment says; as nrt_init() if that is the caller. */
static NRT_STATUS inspect_by_environment(bool by_init)
{
	struct capture_config config = { .max_events = CAPTURE_MAX_EVENTS };
	struct inspect_config env;
	NRT_STATUS status = config_inspect(&env);
	bool enable = env.enable || !(by_init || env.disable);

	if (status || (by_init && !enable && !env.on_fail))
		return status;
	if (enable && env.system)
		config.events = CAPTURE_ALL_EVENTS;
	if (enable && env.device)
		config.jobs = env.whole_session ? CAPTURE_ALL_JOBS : CAPTURE_FIRST_JOBS;
	config.on_fail = env.on_fail;
	status = begin_inspection(env.dir, 1, &config, enable);
	inspection.by_environment = !status && by_init;
	return status;
}

EXPORT NRT_STATUS nrt_inspect_begin(void)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(__func__, &runtime);

	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (!inspection.active)
		status = inspect_by_environment(false);
	else if (inspection.by_environment)
		info("nrt_init() has begun it, as NEURON_RT_INSPECT_ENABLE says");
	else
		status = fail(NRT_INVALID, "inspection has been begun before: end it with nrt_inspect_stop()");
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_inspect_begin_with_options(nrt_inspect_config_t *options)
{
	static char default_dir[] = PROFILE_DEFAULT_DIR;
	nrt_inspect_config_t none = { .dir = default_dir, .session = 1 };
	struct capture_config config;
	struct runtime *runtime;
	NRT_STATUS status;

	if (!options)
		options = &none;
	config = options->capture;
	config.on_fail = options->on_fail;
	if (!options->enable || !(options->activities >> SYSTEM_PROFILE & 1))
		config.events = 0;
	if (options->enable && options->activities >> DEVICE_PROFILE & 1)
		config.jobs = CAPTURE_FIRST_JOBS;
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (inspection.active)
		status = fail(NRT_INVALID, "inspection has been begun before: end it with nrt_inspect_stop()");
	else
		status = begin_inspection(options->dir, options->session, &config,
					  options->enable);
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_inspect_stop(void)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(__func__, &runtime);

	if (status)
		return status;
	pthread_mutex_lock(&lock);
	if (inspection.active)
		status = end_inspection();
	else
		status = fail(NRT_INVALID, "nothing is being inspected: call nrt_inspect_begin() first");
	pthread_mutex_unlock(&lock);
	runtime_leave();
	return status;
}

NRT_STATUS profile_init(void)
{
	NRT_STATUS status;

	pthread_mutex_lock(&lock);
	status = inspect_by_environment(true);
	pthread_mutex_unlock(&lock);
	return status;
}

void profile_close(void)
{
	struct profile *profile;

	pthread_mutex_lock(&lock);
	if (inspection.active && end_inspection()) {
		capture_free(inspection.capture);
		inspection = (struct inspection) { 0 };
	}
	while ((profile = profiles)) {
		complain("the profile for %s is lost: call nrt_profile_stop() before nrt_close()",
			 profile->filename);
		profiles = profile->next;
		free_profile(profile);
	}
	if (trace)
		complain("the trace is lost: call nrt_trace_stop() before nrt_close()");
	capture_free(trace);
	trace = NULL;
	capture_free(continuous);
	continuous = NULL;
	pthread_mutex_unlock(&lock);
}

/* What the parent records is the parent's to write. */
void profile_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	profiles = NULL;
	trace = NULL;
	continuous = NULL;
	inspection = (struct inspection) { 0 };
	capture_forget();
}
