// SPDX-License-Identifier: MIT
/* Collecting what goes on. From top to bottom: captures, models, events, jobs, files. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "backend.h"
#include "capture.h"
#include "log.h"
#include "model.h"
#include "runtime.h"

/* Records of a capture take no more memory than that. */
#define MAX_RECORDS	(1u << 24)

/**
 * struct capture - what is being recorded
 * @next: in the list of those that are
 * @config: what to record
 * @header: of the file
 * @models: that events and jobs refer to
 * @ids: of the models in the process, by entry of @models
 * @room_models: entries that there is room for
 * @events: so far
 * @room_events: entries that there is room for
 * @by_core: events of each core so far, and of none
 * @jobs: so far
 * @records: by job: those of its instructions
 * @room_jobs: entries that there is room for
 */
struct capture {
	struct capture *next;
	struct capture_config config;
	struct neuron_profile_header header;
	struct neuron_profile_model *models;
	uint64_t *ids;
	size_t room_models;
	struct neuron_profile_event *events;
	size_t room_events;
	uint64_t by_core[MAX_CORES + 1];
	struct neuron_profile_job *jobs;
	struct neuron_inst_record **records;
	size_t room_jobs;
};

/* Guards the list and all that is in it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct capture *captures;
static uint64_t executions;
atomic_uint capture_count;

/*
 * Captures
 */

struct capture *capture_begin(const struct capture_config *config)
{
	struct capture *capture = calloc(1, sizeof(*capture));
	struct timespec now;

	if (!capture)
		return NULL;
	capture->config = *config;
	clock_gettime(CLOCK_REALTIME, &now);
	capture->header.begin_unix_ns = now.tv_sec * 1000000000ull + now.tv_nsec;
	capture->header.begin_ns = now_ns();
	capture->header.pid = getpid();
	pthread_mutex_lock(&lock);
	capture->next = captures;
	captures = capture;
	capture_count++;
	pthread_mutex_unlock(&lock);
	return capture;
}

void capture_end(struct capture *capture)
{
	struct capture **link;

	pthread_mutex_lock(&lock);
	for (link = &captures; *link && *link != capture; link = &(*link)->next)
		;
	if (*link) {
		*link = capture->next;
		capture_count--;
		capture->header.end_ns = now_ns();
	}
	pthread_mutex_unlock(&lock);
}

void capture_free(struct capture *capture)
{
	uint32_t i;

	if (!capture)
		return;
	capture_end(capture);
	for (i = 0; i < capture->header.num_jobs; i++)
		free(capture->records[i]);
	free(capture->records);
	free(capture->jobs);
	free(capture->events);
	free(capture->ids);
	free(capture->models);
	free(capture);
}

void capture_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	captures = NULL;
	capture_count = 0;
}

/* Room for one more of an array; false without memory. */
static bool grow(void *array, size_t size, size_t count, size_t *room)
{
	void **p = array, *more;
	size_t wanted = 2 * *room + 16;

	if (count < *room)
		return true;
	more = reallocarray(*p, wanted, size);
	if (!more)
		return false;
	*p = more;
	*room = wanted;
	return true;
}

/*
 * Models
 */

/* Its number in the capture, or NEURON_PROFILE_NONE. */
static uint32_t find_model(const struct capture *capture, const struct nrt_model *model)
{
	uint32_t i;

	for (i = 0; model && i < capture->header.num_models; i++)
		if (capture->ids[i] == model->id)
			return i;
	return NEURON_PROFILE_NONE;
}

static uint32_t add_model(struct capture *capture, const struct nrt_model *model)
{
	uint32_t i = find_model(capture, model);
	size_t room = capture->room_models;
	struct neuron_profile_model *entry;

	if (!model || i != NEURON_PROFILE_NONE)
		return i;
	i = capture->header.num_models;
	if (!grow(&capture->ids, sizeof(*capture->ids), i, &room) ||
	    !grow(&capture->models, sizeof(*capture->models), i, &capture->room_models))
		return NEURON_PROFILE_NONE;
	entry = &capture->models[i];
	memset(entry, 0, sizeof(*entry));
	memcpy(entry->uuid, model->uuid, sizeof(entry->uuid));
	snprintf(entry->name, sizeof(entry->name), "%s", model->name);
	capture->ids[i] = model->id;
	capture->header.num_models++;
	return i;
}

/*
 * Events
 */

static void add_event(struct capture *capture, const struct nrt_model *model,
		      const struct neuron_profile_event *event)
{
	const uint32_t core = event->vnc < MAX_CORES ? event->vnc : MAX_CORES;
	uint64_t *n = &capture->header.num_events;

	if (!(capture->config.events >> event->type & 1) ||
	    (core < MAX_CORES && capture->config.skip[core]))
		return;
	if (capture->by_core[core] >= capture->config.max_events ||
	    !grow(&capture->events, sizeof(*event), *n, &capture->room_events)) {
		capture->header.dropped_events++;
		return;
	}
	capture->by_core[core]++;
	capture->events[*n] = *event;
	capture->events[(*n)++].model = add_model(capture, model);
}

static void tell_all(const struct nrt_model *model, struct neuron_profile_event *event)
{
	struct capture *capture;

	event->thread = gettid();
	pthread_mutex_lock(&lock);
	for (capture = captures; capture; capture = capture->next)
		add_event(capture, model, event);
	pthread_mutex_unlock(&lock);
}

void capture_event_until(enum neuron_profile_event_type type, int64_t begin_ns,
			 int64_t end_ns, const struct nrt_model *model, uint32_t vnc,
			 NRT_STATUS status)
{
	struct neuron_profile_event event = {
		.begin_ns = begin_ns, .end_ns = end_ns, .type = type, .vnc = vnc,
		.status = status,
	};

	if (capturing())
		tell_all(model, &event);
}

void capture_event(enum neuron_profile_event_type type, int64_t begin_ns,
		   const struct nrt_model *model, uint32_t vnc, uint64_t bytes,
		   NRT_STATUS status)
{
	struct neuron_profile_event event = {
		.begin_ns = begin_ns, .bytes = bytes, .type = type, .vnc = vnc,
		.status = status,
	};

	if (!capturing())
		return;
	event.end_ns = now_ns();
	tell_all(model, &event);
}

void capture_host_step(int64_t begin_ns, const struct nrt_model *model, uint32_t step,
		       NRT_STATUS status)
{
	struct neuron_profile_event event = {
		.begin_ns = begin_ns, .type = NEURON_PROFILE_HOST_STEP,
		.vnc = model->instances[0].vnc, .status = status, .step = step,
	};

	if (!capturing())
		return;
	event.end_ns = now_ns();
	tell_all(model, &event);
}

/*
 * Jobs
 */

/* Parts of a model are executed one after the other, and each is to be seen. */
static bool seen(const struct capture *capture, const struct nrt_model *model)
{
	const uint32_t number = find_model(capture, model);
	uint32_t i;

	for (i = 0; i < capture->header.num_jobs && number != NEURON_PROFILE_NONE; i++)
		if (capture->jobs[i].model == number &&
		    capture->jobs[i].program == model->part)
			return true;
	return false;
}

/* It keeps what succeeds, too. */
static bool keeps(const struct capture *capture, const struct nrt_model *model)
{
	const struct capture_config *c = &capture->config;

	return c->jobs != CAPTURE_NO_JOBS && (!c->model || c->model == model->id) &&
	       (c->jobs != CAPTURE_FIRST_JOBS || !seen(capture, model));
}

bool capture_wants_jobs(const struct nrt_model *model)
{
	const struct capture *capture;
	bool wanted = false;

	if (!capturing())
		return false;
	pthread_mutex_lock(&lock);
	for (capture = captures; capture && !wanted; capture = capture->next)
		wanted = capture->config.on_fail || keeps(capture, model);
	pthread_mutex_unlock(&lock);
	return wanted;
}

static void drop_job(struct capture *capture, uint32_t i)
{
	const uint32_t last = --capture->header.num_jobs;

	capture->header.num_records -= capture->jobs[i].num_records;
	free(capture->records[i]);
	capture->jobs[i] = capture->jobs[last];
	capture->records[i] = capture->records[last];
}

/* What the cores of a new execution did before is not the last any more. */
static void drop_previous(struct capture *capture, uint32_t vnc, uint32_t num_cores)
{
	uint64_t execution;
	uint32_t i, k;

	for (i = 0; i < capture->header.num_jobs; ) {
		if (capture->jobs[i].vnc - vnc >= num_cores) {
			i++;
			continue;
		}
		execution = capture->jobs[i].execution;
		for (k = capture->header.num_jobs; k--; )
			if (capture->jobs[k].execution == execution)
				drop_job(capture, k);
		i = 0;
	}
}

/* False: there is no room for it. */
static bool add_job(struct capture *capture, const struct nrt_model *model,
		    const struct run *run, const struct neuron_profile_job *job)
{
	const struct neuron_report *report = run_report(model, run, job->core);
	const size_t size = job->num_records * sizeof(struct neuron_inst_record);
	const uint32_t n = capture->header.num_jobs, number = add_model(capture, model);
	struct neuron_inst_record *records;
	size_t room = capture->room_jobs;

	if (number == NEURON_PROFILE_NONE ||
	    capture->header.num_records + job->num_records > MAX_RECORDS ||
	    !grow(&capture->records, sizeof(*capture->records), n, &room) ||
	    !grow(&capture->jobs, sizeof(*job), n, &capture->room_jobs))
		return false;
	records = malloc(size + 1);
	if (!records)
		return false;
	memcpy(records, report + 1, size);
	capture->records[n] = records;
	capture->jobs[n] = *job;
	capture->jobs[n].model = number;
	capture->header.num_records += job->num_records;
	capture->header.num_jobs++;
	return true;
}

static void add_jobs(struct capture *capture, const struct nrt_model *model,
		     const struct run *run, const struct neuron_profile_job *jobs)
{
	uint32_t i;

	if (capture->config.jobs == CAPTURE_LAST_JOBS)
		drop_previous(capture, jobs[0].vnc, model->num_cores);
	for (i = 0; i < model->num_cores; i++)
		if (!add_job(capture, model, run, &jobs[i]))
			capture->header.dropped_jobs++;
}

static int write_execution(const struct capture *capture, uint64_t execution,
			   const char *dir, const char *prefix);

static void write_failed(struct capture *capture, uint64_t execution)
{
	char prefix[64];
	int ret;

	snprintf(prefix, sizeof(prefix), "session_%d_failed", capture->config.session);
	ret = write_execution(capture, execution, capture->config.dir, prefix);
	if (ret)
		complain("the profile of an execution that failed can't be written to folder %s: %s: make room in it, or make it writable",
			 capture->config.dir, strerror(-ret));
}

static void take_run(struct capture *capture, const struct nrt_model *model,
		     const struct run *run, const struct neuron_profile_job *jobs,
		     bool failed)
{
	const bool kept = keeps(capture, model);
	uint32_t i;

	if (!kept && !(failed && capture->config.on_fail))
		return;
	add_jobs(capture, model, run, jobs);
	if (!failed || !capture->config.on_fail)
		return;
	write_failed(capture, jobs[0].execution);
	for (i = capture->header.num_jobs; i-- && !kept; )
		if (capture->jobs[i].execution == jobs[0].execution)
			drop_job(capture, i);
}

void capture_run(const struct nrt_model *model, const struct run *run, NRT_STATUS status)
{
	const struct instance *instance = run->instance;
	struct neuron_profile_job *jobs;
	struct capture *capture;
	uint32_t i;

	if (!capturing() || !run->profiled)
		return;
	jobs = calloc(model->num_cores, sizeof(*jobs));
	if (!jobs) {
		complain("the profile of an execution is lost: " NO_MEMORY);
		return;
	}
	for (i = 0; i < model->num_cores; i++) {
		const struct neuron_report *report = run_report(model, run, i);
		struct neuron_profile_job *job = &jobs[i];

		/* Some may not have been submitted, after a failure. */
		job->submit_ns = run->submitted[i] ? run->submitted[i] : now_ns();
		job->done_ns = run->ended[i] ? run->ended[i] : now_ns();
		job->program = model->part;
		job->core = i;
		job->stage = model->stages[i];
		job->vnc = instance->vnc + i;
		job->status = status;
		/* A core that was reset has said nothing. */
		job->num_records = report->version ? model->programs[i].num_insts : 0;
		job->report = *report;
		job->device = instance->device_index;
		job->device_core = instance->cores[i];
	}
	pthread_mutex_lock(&lock);
	executions++;
	for (i = 0; i < model->num_cores; i++)
		jobs[i].execution = executions;
	for (capture = captures; capture; capture = capture->next) {
		capture->header.clock_khz = instance->device->info.clock_khz;
		memcpy(capture->header.backend, instance->device->info.backend,
		       sizeof(capture->header.backend));
		take_run(capture, model, run, jobs,
			 status && status != NRT_EXEC_COMPLETED_WITH_NUM_ERR);
	}
	pthread_mutex_unlock(&lock);
	free(jobs);
}

/*
 * Files
 */

/* With the lock held, or after capture_end(). */
static int write_execution(const struct capture *capture, uint64_t execution,
			   const char *dir, const char *prefix)
{
	struct capture_data data = {
		.header = capture->header, .models = capture->models,
		.events = capture->events,
	};
	const uint32_t n = capture->header.num_jobs;
	struct neuron_inst_record **records = calloc(n + 1, sizeof(*records));
	uint32_t i;
	int ret = -ENOMEM;

	data.jobs = calloc(n + 1, sizeof(*data.jobs));
	data.header.num_jobs = 0;
	data.header.end_ns = now_ns();
	for (i = 0; i < n && records && data.jobs; i++) {
		if (capture->jobs[i].execution != execution)
			continue;
		records[data.header.num_jobs] = capture->records[i];
		data.jobs[data.header.num_jobs++] = capture->jobs[i];
	}
	data.records = records;
	if (records && data.jobs)
		ret = capture_file_write_new(dir, prefix, &data);
	free(data.jobs);
	free(records);
	return ret;
}

static NRT_STATUS written_status(int error)
{
	return error == -ENOMEM ? NRT_FAIL_HOST_MEM_ALLOC : NRT_FAILURE;
}

NRT_STATUS capture_write(struct capture *capture, const char *path)
{
	struct capture_data data = {
		.header = capture->header, .models = capture->models,
		.events = capture->events, .jobs = capture->jobs,
		.records = capture->records,
	};
	int ret = capture_file_write(path, &data);

	if (ret)
		return fail(written_status(ret), "the profile can't be written to %s: %s: make room or the folder, and call this again: it is kept until nrt_close()", path,
			    strerror(-ret));
	return NRT_SUCCESS;
}

NRT_STATUS capture_write_last(struct capture *capture, uint32_t vnc, const char *dir)
{
	uint64_t execution = 0;
	char prefix[64];
	uint32_t i;
	int ret = 0;

	snprintf(prefix, sizeof(prefix), "vnc_%u", vnc);
	pthread_mutex_lock(&lock);
	for (i = 0; i < capture->header.num_jobs; i++)
		if (capture->jobs[i].vnc == vnc)
			execution = capture->jobs[i].execution;
	if (execution)
		ret = write_execution(capture, execution, dir, prefix);
	pthread_mutex_unlock(&lock);
	if (!execution)
		return fail(NRT_FAILURE, "nothing has been executed on core %u since profiling began: execute a model there first",
			    vnc);
	if (ret)
		return fail(written_status(ret), "the profile can't be written to folder %s: %s: make room in it and call this again", dir,
			    strerror(-ret));
	return NRT_SUCCESS;
}
