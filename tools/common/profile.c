// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "profile.h"

/* Times are far below: then sums and differences of them cannot overflow. */
#define MAX_TIME	(1ull << 62)

static bool bad(char error[PROFILE_ERROR_SIZE], const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool bad(char error[PROFILE_ERROR_SIZE], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(error, PROFILE_ERROR_SIZE, format, args);
	va_end(args);
	return false;
}

static bool check_header(const struct neuron_profile_header *h, size_t size, char *error)
{
	unsigned __int128 sum = sizeof(*h);

	if (size < sizeof(*h) || memcmp(h->magic, NEURON_PROFILE_MAGIC, sizeof(h->magic)))
		return bad(error, "this is no profile: make one with neuron-profile capture");
	if (h->version != NEURON_PROFILE_VERSION || h->header_size != sizeof(*h))
		return bad(error, "the profile has version %u, and this program reads version %d: make it anew",
			   h->version, NEURON_PROFILE_VERSION);
	sum += (unsigned __int128)h->num_models * sizeof(struct neuron_profile_model) +
	       (unsigned __int128)h->num_events * sizeof(struct neuron_profile_event) +
	       (unsigned __int128)h->num_jobs * sizeof(struct neuron_profile_job) +
	       (unsigned __int128)h->num_records * sizeof(struct neuron_inst_record);
	if (h->file_size != size || sum != size)
		return bad(error, "the profile is damaged: it has %zu bytes, and its header speaks of others",
			   size);
	if (!h->clock_khz && h->num_jobs)
		return bad(error, "the profile is damaged: its clock stands still");
	if (h->begin_ns > h->end_ns || h->end_ns >= MAX_TIME || h->begin_unix_ns >= MAX_TIME)
		return bad(error, "the profile is damaged: it ends before it begins");
	if (!memchr(h->backend, 0, sizeof(h->backend)))
		return bad(error, "the profile is damaged: the backend's name does not end");
	return true;
}

static bool check_event(const struct profile *p, uint64_t i, char *error)
{
	const struct neuron_profile_event *e = &p->events[i];

	if (e->type >= NEURON_PROFILE_NUM_EVENTS || e->begin_ns > e->end_ns ||
	    e->end_ns >= MAX_TIME || (e->model != NEURON_PROFILE_NONE &&
				      e->model >= p->header->num_models))
		return bad(error, "the profile is damaged: event %llu is none",
			   (unsigned long long)i);
	return true;
}

static bool check_job(const struct profile *p, uint32_t i, char *error)
{
	const struct neuron_profile_job *job = &p->jobs[i];
	uint64_t n;

	if (job->model >= p->header->num_models || job->submit_ns > job->done_ns ||
	    job->done_ns >= MAX_TIME || job->first_record > p->header->num_records ||
	    job->num_records > p->header->num_records - job->first_record ||
	    job->report.cycles >= MAX_TIME)
		return bad(error, "the profile is damaged: job %u is none", i);
	for (n = 0; n < job->num_records; n++) {
		const struct neuron_inst_record *r = &p->records[job->first_record + n];

		/* One that did not run may have begun. */
		if (r->end && (r->start > r->end || r->end > job->report.cycles ||
			       r->stall_sem > r->start))
			return bad(error, "the profile is damaged: instruction %llu of job %u ends before it begins, or after the job",
				   (unsigned long long)n, i);
	}
	return true;
}

bool profile_parse(const void *data, size_t size, struct profile *profile,
		   char error[PROFILE_ERROR_SIZE])
{
	const struct neuron_profile_header *h = data;
	uint64_t i;

	if (!check_header(h, size, error))
		return false;
	profile->header = h;
	profile->models = (const void *)(h + 1);
	profile->events = (const void *)(profile->models + h->num_models);
	profile->jobs = (const void *)(profile->events + h->num_events);
	profile->records = (const void *)(profile->jobs + h->num_jobs);
	for (i = 0; i < h->num_models; i++)
		if (!memchr(profile->models[i].name, 0, sizeof(profile->models[i].name)))
			return bad(error, "the profile is damaged: a model's name does not end");
	for (i = 0; i < h->num_events; i++)
		if (!check_event(profile, i, error))
			return false;
	for (i = 0; i < h->num_jobs; i++)
		if (!check_job(profile, (uint32_t)i, error))
			return false;
	return true;
}
