// SPDX-License-Identifier: MIT
/* The one clock; the rule is in view.h. */
#include <stdlib.h>
#include <qemu-device/timing/timing.h>
#include <tools/common/say.h>
#include "view.h"

static double ns_of(const struct view *view, const struct view_job *vj)
{
	return view_ns(view, vj->job->report.cycles);
}

static bool same_core(const struct view_job *a, const struct view_job *b)
{
	return a->job->device == b->job->device && a->job->device_core == b->job->device_core;
}

/* The job cannot start before this one of the same period has ended, for so long. */
static bool follows(const struct view *view, const struct view_job *later,
		    const struct view_job *earlier, double *gap)
{
	*gap = 0;
	if (same_core(later, earlier))
		return true;
	*gap = view_ns(view, neuron_timing_handover());
	return later->job->execution == earlier->job->execution &&
	       later->job->stage > earlier->job->stage;
}

/* No job of long ago matters: those of a core and of an execution lie close together. */
#define LOOK_BACK	512

/* Place the jobs [first, end) in a period of length @length. Whether all of them fit. */
static bool place(struct view *view, uint32_t first, uint32_t end,
		  const struct view_period *period, double length)
{
	const double host = (double)(period->host_end - period->host_begin);
	bool fit = true;
	uint32_t i, k;

	for (i = first; i < end; i++) {
		struct view_job *vj = &view->jobs[i];
		double gap, done;

		vj->start = (double)(vj->job->submit_ns - period->host_begin) / host * length;
		done = (double)(vj->job->done_ns - period->host_begin) / host * length;
		for (k = i; k-- > first && i - k < LOOK_BACK; )
			if (follows(view, vj, &view->jobs[k], &gap) &&
			    view->jobs[k].end + gap > vj->start)
				vj->start = view->jobs[k].end + gap;
		vj->end = vj->start + ns_of(view, vj);
		fit = fit && vj->end <= done * (1 + 1e-9);
	}
	return fit;
}

/* The least length, by bisection; it is at least that of the longest job. */
static void stretch(struct view *view, uint32_t first, uint32_t end,
		    struct view_period *period)
{
	double least = 0, most = 1;
	unsigned int i;

	for (i = 0; i < 60 && !place(view, first, end, period, most); i++) {
		least = most;
		most *= 2;
	}
	for (i = 0; i < 50 && most - least > 0.5; i++) {
		double middle = (least + most) / 2;

		if (place(view, first, end, period, middle))
			most = middle;
		else
			least = middle;
	}
	place(view, first, end, period, most);
	period->end = period->begin + most;
	for (; first < end; first++) {
		view->jobs[first].start += period->begin;
		view->jobs[first].end += period->begin;
	}
}

void view_find_clock(struct view *view)
{
	const uint64_t begin = view->profile.header->begin_ns;
	struct view_period *period, *last = NULL;
	uint32_t first, end;

	view->periods = calloc((size_t)view->num_jobs + 1, sizeof(*view->periods));
	if (!view->periods)
		die_oom();
	for (first = 0; first < view->num_jobs; first = end) {
		period = &view->periods[view->num_periods];
		period->host_begin = view->jobs[first].job->submit_ns;
		period->host_end = period->host_begin + 1;
		for (end = first; end < view->num_jobs; end++) {
			const struct neuron_profile_job *job = view->jobs[end].job;

			if (end > first && job->submit_ns >= period->host_end)
				break;
			if (job->done_ns > period->host_end)
				period->host_end = job->done_ns;
		}
		period->begin = last ? last->end + (double)(period->host_begin - last->host_end) :
				(double)period->host_begin - (double)begin;
		stretch(view, first, end, period);
		last = period;
		view->num_periods++;
	}
}

double view_host_time(const struct view *view, uint64_t ns)
{
	const struct view_period *p;
	uint32_t low = 0, high = view->num_periods;

	/* The last period that began before. */
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (view->periods[middle].host_begin <= ns)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return (double)ns - (double)view->profile.header->begin_ns;
	p = &view->periods[low - 1];
	if (ns >= p->host_end)
		return p->end + (double)(ns - p->host_end);
	return p->begin + (p->end - p->begin) * (double)(ns - p->host_begin) /
	       (double)(p->host_end - p->host_begin);
}
