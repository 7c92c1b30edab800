// SPDX-License-Identifier: MIT
#include <stdlib.h>
#include <string.h>
#include <qemu-device/timing/timing.h>
#include <tools/common/say.h>
#include "view.h"

double view_ns(const struct view *view, uint64_t cycles)
{
	return (double)cycles * 1e6 / view->profile.header->clock_khz;
}

uint64_t view_bytes(const struct view_job *vj, uint32_t inst)
{
	uint64_t bytes;

	if (vj->warm && vj->insts[inst].flags & NEURON_INST_RESIDENT)
		return 0;
	neuron_timing_work(vj->program, inst, &bytes);
	return bytes;
}

/* The chip has counted fewer bytes than its instructions move. */
static bool is_warm(const struct view_job *vj)
{
	const struct neuron_report *r = &vj->job->report;
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < vj->job->num_records; i++)
		if (vj->records[i].end)
			sum += view_bytes(vj, i);
	return sum != r->bytes_host_in + r->bytes_host_out + r->bytes_dram_in +
		      r->bytes_dram_out;
}

static bool parse_neff(struct view *view, const void *neff, size_t size, const char *path)
{
	char error[NEFF_ERROR_SIZE];
	uint32_t i;

	if (neff_parse(neff, size, true, &view->neff, error) != NEFF_OK) {
		say_error("%s: %s", path, error);
		return false;
	}
	/* They are sound: the whole was. */
	for (i = 0; i < view->neff.num_models; i++)
		neff_parse(view->neff.models[i].data, view->neff.models[i].size, false,
			   &view->parts[i], error);
	return true;
}

/* The model's number in the profile, or NEURON_PROFILE_NONE. */
static uint32_t find_model(const struct view *view)
{
	const struct neuron_profile_header *h = view->profile.header;
	uint32_t i;

	for (i = 0; i < h->num_models; i++)
		if (!memcmp(view->profile.models[i].uuid, view->neff.header->uuid,
			    sizeof(view->neff.header->uuid)))
			return i;
	return NEURON_PROFILE_NONE;
}

/* The program that a job executed; false: the model has none that it can be. */
static bool find_program(const struct view *view, struct view_job *vj)
{
	const struct neuron_profile_job *job = vj->job;
	struct neuron_fault fault;
	const char *why;

	vj->neff = &view->neff;
	if (neff_has_steps(&view->neff)) {
		if (job->program >= view->neff.num_models)
			return false;
		vj->neff = &view->parts[job->program];
	}
	if (job->core >= vj->neff->header->num_cores ||
	    !neuron_program_check(vj->neff->programs[job->core].data,
				  vj->neff->programs[job->core].size, &fault, &why))
		return false;
	vj->program = vj->neff->programs[job->core].data;
	vj->insts = neuron_program_insts(vj->program);
	return neuron_program_header(vj->program)->num_insts == job->num_records;
}

static int by_submission(const void *a, const void *b)
{
	const struct neuron_profile_job *x = ((const struct view_job *)a)->job;
	const struct neuron_profile_job *y = ((const struct view_job *)b)->job;

	if (x->submit_ns != y->submit_ns)
		return x->submit_ns < y->submit_ns ? -1 : 1;
	return x < y ? -1 : x > y;
}

static bool find_jobs(struct view *view, const char *session_path)
{
	const struct profile *p = &view->profile;
	uint32_t i;

	view->jobs = calloc((size_t)p->header->num_jobs + 1, sizeof(*view->jobs));
	if (!view->jobs)
		die_oom();
	for (i = 0; i < p->header->num_jobs; i++) {
		struct view_job *vj = &view->jobs[view->num_jobs];

		vj->job = &p->jobs[i];
		if (vj->job->model != view->model || !vj->job->num_records) {
			view->others++;
			continue;
		}
		vj->records = p->records + vj->job->first_record;
		if (!find_program(view, vj)) {
			say_error("%s: the profile is damaged: job %u is of a program that the model does not have",
				  session_path, i);
			return false;
		}
		vj->warm = is_warm(vj);
		view->num_jobs++;
	}
	qsort(view->jobs, view->num_jobs, sizeof(*view->jobs), by_submission);
	return true;
}

bool view_open(struct view *view, const void *session, size_t session_size, const void *neff,
	       size_t neff_size, const char *session_path, const char *neff_path)
{
	char error[PROFILE_ERROR_SIZE];
	const struct profile *p = &view->profile;

	memset(view, 0, sizeof(*view));
	if (!profile_parse(session, session_size, &view->profile, error)) {
		say_error("%s: %s", session_path, error);
		return false;
	}
	if (!parse_neff(view, neff, neff_size, neff_path))
		return false;
	view->model = find_model(view);
	if (view->model == NEURON_PROFILE_NONE) {
		say_error("%s is of %s%.64s%s: give the .neff that was executed, not %s",
			  session_path, p->header->num_models ? "model '" : "no model",
			  p->header->num_models ? p->models[0].name : "",
			  p->header->num_models ? "'" : "", neff_path);
		return false;
	}
	if (!find_jobs(view, session_path)) {
		view_close(view);
		return false;
	}
	view_find_clock(view);
	return true;
}

void view_close(struct view *view)
{
	free(view->jobs);
	free(view->periods);
}
