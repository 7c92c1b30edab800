// SPDX-License-Identifier: MIT
/*
 * A profile as a trace: a process for the host with a track for each thread, and one for
 * each core with a track for its jobs, and one for each engine. The format:
 * "Trace Event Format", which Chrome's tracing has brought about. Written as it comes:
 * traces are large, and each event is a line of its own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <hostops/hostop.h>
#include <qemu-device/timing/timing.h>
#include <tools/common/say.h>
#include "view.h"

/* Numbers of processes and tracks in the trace; no real ones. */
#define HOST		1
#define CORE(device, core)	(1000 + 100 * (device) + (core))
#define JOBS		1
#define ENGINE(e)	(2 + (e))

struct out {
	FILE *file;
	bool any;
};

/* Bytes of a well-formed UTF-8 sequence of several bytes, or 0. */
static unsigned int sequence(const unsigned char *p)
{
	unsigned int n = *p >= 0xf0 && *p < 0xf5 ? 4 : *p >= 0xe0 && *p < 0xf0 ? 3 :
			 *p >= 0xc2 && *p < 0xe0 ? 2 : 0, i;

	for (i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Overlong ones, surrogates, and what is beyond Unicode. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] >= 0xa0) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] >= 0x90))
		return 0;
	return n;
}

/* A string of the format. Names come from models: they may have anything in them. */
static void put_string(FILE *file, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	unsigned int n;

	fputc('"', file);
	for (; *p; p += n) {
		n = *p < 0x80 ? 1 : sequence(p);
		if (*p == '"' || *p == '\\')
			fprintf(file, "\\%c", *p);
		else if (n && *p >= 0x20 && *p != 0x7f)
			fwrite(p, 1, n, file);
		else
			fprintf(file, "\\u%04x", *p);
		if (!n)
			n = 1;
	}
	fputc('"', file);
}

/* Begin an event. The caller adds what comes behind, and the closing brace. */
static void begin(struct out *out, char phase, unsigned int pid, unsigned int tid,
		  const char *name)
{
	fprintf(out->file, "%s\n{\"ph\":\"%c\",\"pid\":%u,\"tid\":%u,\"name\":",
		out->any ? "," : "", phase, pid, tid);
	put_string(out->file, name);
	out->any = true;
}

static void put_time(struct out *out, const char *key, double ns)
{
	int64_t whole = (int64_t)(ns + 0.5);

	fprintf(out->file, ",\"%s\":%" PRId64 ".%03d", key, whole / 1000, (int)(whole % 1000));
}

/* A slice; both ends are rounded alike, so that neighbours never overlap. */
static void begin_slice(struct out *out, unsigned int pid, unsigned int tid, const char *name,
			const char *category, double start, double end)
{
	const int64_t a = (int64_t)(start + 0.5), b = (int64_t)(end + 0.5);

	begin(out, 'X', pid, tid, name);
	fprintf(out->file, ",\"cat\":\"%s\"", category);
	put_time(out, "ts", (double)a);
	put_time(out, "dur", (double)(b - a));
	fputs(",\"args\":{", out->file);
}

static void end_slice(struct out *out)
{
	fputs("}}", out->file);
}

static void put_name(struct out *out, const char *what, unsigned int pid, unsigned int tid,
		     const char *name, unsigned int order)
{
	const bool process = !strcmp(what, "process_name");

	begin(out, 'M', pid, tid, what);
	fputs(",\"args\":{\"name\":", out->file);
	put_string(out->file, name);
	fputs("}}", out->file);
	begin(out, 'M', pid, tid, process ? "process_sort_index" : "thread_sort_index");
	fprintf(out->file, ",\"args\":{\"sort_index\":%u}}", order);
}

static void put_counter(struct out *out, unsigned int pid, const char *name, double ns,
			double value)
{
	begin(out, 'C', pid, 0, name);
	put_time(out, "ts", ns);
	fprintf(out->file, ",\"args\":{\"value\":%.6g}}", value);
}

/*
 * The host
 */

static const char *const event_names[NEURON_PROFILE_NUM_EVENTS] = {
#define X(name, value, text) [value] = text,
	NEURON_PROFILE_EVENTS(X)
#undef X
};

/* What a host step is, if it is one of the model's. */
static void put_step(struct out *out, const struct view *view,
		     const struct neuron_profile_event *e)
{
	const struct neuron_neff_step *s;

	if (e->model != view->model || e->step >= view->neff.num_steps)
		return;
	s = &view->neff.steps[e->step];
	fprintf(out->file, ",\"step\":%" PRIu32, e->step);
	if (s->kind == NEURON_NEFF_STEP_HOST) {
		fputs(",\"operator\":", out->file);
		put_string(out->file, hostop_info(s->op)->name);
	}
	if (s->layer < view->neff.num_layers) {
		fputs(",\"layer\":", out->file);
		put_string(out->file, view->neff.layers[s->layer].name);
	}
}

static void put_event(struct out *out, const struct view *view,
		      const struct neuron_profile_event *e)
{
	begin_slice(out, HOST, e->thread, event_names[e->type], "host",
		    view_host_time(view, e->begin_ns), view_host_time(view, e->end_ns));
	fprintf(out->file, "\"host_ns\":%" PRIu64, e->end_ns - e->begin_ns);
	if (e->bytes)
		fprintf(out->file, ",\"bytes\":%" PRIu64, e->bytes);
	if (e->vnc != NEURON_PROFILE_NONE)
		fprintf(out->file, ",\"vnc\":%" PRIu32, e->vnc);
	if (e->status)
		fprintf(out->file, ",\"status\":%" PRIu32, e->status);
	if (e->model != NEURON_PROFILE_NONE) {
		fputs(",\"model\":", out->file);
		put_string(out->file, view->profile.models[e->model].name);
	}
	if (e->type == NEURON_PROFILE_HOST_STEP)
		put_step(out, view, e);
	end_slice(out);
}

/* Events that enclose others come before them: so they nest. */
static int by_time(const void *a, const void *b)
{
	const struct neuron_profile_event *x = *(const struct neuron_profile_event *const *)a;
	const struct neuron_profile_event *y = *(const struct neuron_profile_event *const *)b;

	if (x->begin_ns != y->begin_ns)
		return x->begin_ns < y->begin_ns ? -1 : 1;
	if (x->end_ns != y->end_ns)
		return x->end_ns > y->end_ns ? -1 : 1;
	return x->type < y->type ? -1 : x->type > y->type;
}

static int by_thread(const void *a, const void *b)
{
	const struct neuron_profile_event *x = *(const struct neuron_profile_event *const *)a;
	const struct neuron_profile_event *y = *(const struct neuron_profile_event *const *)b;

	return x->thread < y->thread ? -1 : x->thread > y->thread;
}

/* Name the threads, in the order of their numbers. */
static void put_threads(struct out *out, const struct neuron_profile_header *h,
			const struct neuron_profile_event **events)
{
	unsigned int order = 0;
	char name[32];
	uint64_t i;

	qsort(events, h->num_events, sizeof(*events), by_thread);
	for (i = 0; i < h->num_events; i++) {
		const uint32_t thread = events[i]->thread;

		if (i && events[i - 1]->thread == thread)
			continue;
		snprintf(name, sizeof(name), thread == h->pid ? "main thread" : "thread %" PRIu32,
			 thread);
		put_name(out, "thread_name", HOST, thread, name, order++);
	}
}

static void put_host(struct out *out, const struct view *view)
{
	const struct neuron_profile_header *h = view->profile.header;
	const struct neuron_profile_event **sorted = calloc(h->num_events + 1, sizeof(*sorted));
	char name[64];
	uint64_t i;

	if (!sorted)
		die_oom();
	snprintf(name, sizeof(name), "host (process %" PRIu32 ", %s)", h->pid, h->backend);
	put_name(out, "process_name", HOST, 0, name, 0);
	for (i = 0; i < h->num_events; i++)
		sorted[i] = &view->profile.events[i];
	put_threads(out, h, sorted);
	qsort(sorted, h->num_events, sizeof(*sorted), by_time);
	for (i = 0; i < h->num_events; i++)
		put_event(out, view, sorted[i]);
	free(sorted);
}

/*
 * The cores
 */

static unsigned int pid_of(const struct view_job *vj)
{
	return CORE(vj->job->device % 1000, vj->job->device_core % 100);
}

static void put_wait(struct out *out, const struct view *view, const struct view_job *vj,
		     uint32_t i)
{
	const struct neuron_inst *inst = &vj->insts[i];
	const struct neuron_inst_record *r = &vj->records[i];
	bool any = false;
	unsigned int k;

	begin_slice(out, pid_of(vj), ENGINE(inst->engine), "wait for semaphore", "wait",
		    vj->start + view_ns(view, r->start - r->stall_sem),
		    vj->start + view_ns(view, r->start));
	fprintf(out->file, "\"instruction\":%" PRIu32 ",\"cycles\":%" PRIu64
		",\"waits\":\"", i, (uint64_t)r->stall_sem);
	for (k = 0; k < NEURON_MAX_WAITS; k++) {
		if (!inst->wait[k].value)
			continue;
		fprintf(out->file, "%ss%u >= %" PRIu32, any ? ", " : "", inst->wait[k].sem,
			inst->wait[k].value);
		any = true;
	}
	fputc('"', out->file);
	end_slice(out);
}

static void put_text(struct out *out, const struct view_job *vj, uint32_t i)
{
	const int length = neuron_disasm_inst(vj->program, i, NULL, 0);
	char *line = malloc((size_t)length + 1);

	if (!line)
		die_oom();
	neuron_disasm_inst(vj->program, i, line, (size_t)length + 1);
	fputs(",\"text\":", out->file);
	put_string(out->file, line);
	free(line);
}

static void put_inst(struct out *out, const struct view *view, const struct view_job *vj,
		     uint32_t i)
{
	const struct neuron_inst *inst = &vj->insts[i];
	const struct neuron_inst_record *r = &vj->records[i];
	const struct neuron_neff_layer *layer =
		inst->layer < vj->neff->num_layers ? &vj->neff->layers[inst->layer] : NULL;
	const char *opcode = neuron_opcode_name(inst->opcode);
	uint64_t unused, macs = neuron_timing_work(vj->program, i, &unused);
	const uint64_t bytes = view_bytes(vj, i);

	begin_slice(out, pid_of(vj), ENGINE(inst->engine),
		    layer && layer->name[0] ? layer->name : opcode, opcode,
		    vj->start + view_ns(view, r->start), vj->start + view_ns(view, r->end));
	fprintf(out->file, "\"instruction\":%" PRIu32 ",\"opcode\":\"%s\",\"cycles\":%" PRIu64,
		i, opcode, (uint64_t)(r->end - r->start));
	if (layer) {
		fputs(",\"operator\":", out->file);
		put_string(out->file, layer->op);
	}
	if (macs)
		fprintf(out->file, ",\"macs\":%" PRIu64, macs);
	if (bytes)
		fprintf(out->file, ",\"bytes\":%" PRIu64, bytes);
	if (r->saturations)
		fprintf(out->file, ",\"saturations\":%" PRIu64, (uint64_t)r->saturations);
	if (r->nans)
		fprintf(out->file, ",\"nans\":%" PRIu64, (uint64_t)r->nans);
	if (r->infs)
		fprintf(out->file, ",\"infs\":%" PRIu64, (uint64_t)r->infs);
	put_text(out, vj, i);
	end_slice(out);
}

/* How much is moved and computed meanwhile. */
static void put_rate(struct out *out, const struct view *view, const struct view_job *vj,
		     uint32_t i)
{
	const struct neuron_inst_record *r = &vj->records[i];
	uint64_t unused, macs = neuron_timing_work(vj->program, i, &unused);
	const uint64_t bytes = view_bytes(vj, i);
	const double ns = view_ns(view, r->end - r->start);
	const char *name = NULL;
	double rate = 0;

	if (r->end == r->start)
		return;
	switch (vj->insts[i].engine) {
	case NEURON_ENGINE_DMA_IN:
	case NEURON_ENGINE_DMA_OUT:
		name = vj->insts[i].engine == NEURON_ENGINE_DMA_IN ? "dma-in GB/s" :
								      "dma-out GB/s";
		rate = (double)bytes / ns;
		break;
	case NEURON_ENGINE_PE:
		name = "pe MACs per cycle";
		rate = (double)macs / (double)(r->end - r->start);
		break;
	}
	if (!name)
		return;
	put_counter(out, pid_of(vj), name, vj->start + view_ns(view, r->start), rate);
	put_counter(out, pid_of(vj), name, vj->start + view_ns(view, r->end), 0);
}

/* In the order in which the engine executed them. */
static void put_engine(struct out *out, const struct view *view, const struct view_job *vj,
		       unsigned int engine)
{
	uint32_t i;

	for (i = 0; i < vj->job->num_records; i++) {
		if (vj->insts[i].engine != engine || !vj->records[i].end)
			continue;
		if (vj->records[i].stall_sem)
			put_wait(out, view, vj, i);
		put_inst(out, view, vj, i);
		put_rate(out, view, vj, i);
	}
}

/*
 * Flows: who made a wait end
 */

/* A signal that took effect: the semaphore has @value from then on. */
struct effect {
	uint16_t sem;
	uint64_t time;
	uint32_t inst;
	uint64_t value;
};

static int by_effect(const void *a, const void *b)
{
	const struct effect *x = a, *y = b;

	if (x->sem != y->sem)
		return x->sem < y->sem ? -1 : 1;
	if (x->time != y->time)
		return x->time < y->time ? -1 : 1;
	return x->inst < y->inst ? -1 : x->inst > y->inst;
}

static size_t find_effects(const struct view_job *vj, struct effect **list)
{
	const uint32_t n = vj->job->num_records;
	struct effect *effects = calloc((size_t)n * NEURON_MAX_SIGNALS + 1, sizeof(*effects));
	size_t count = 0, i;
	unsigned int k;

	if (!effects)
		die_oom();
	for (i = 0; i < n; i++)
		for (k = 0; k < NEURON_MAX_SIGNALS && vj->records[i].end; k++)
			if (vj->insts[i].signal[k].value)
				effects[count++] = (struct effect) {
					.sem = vj->insts[i].signal[k].sem,
					.time = vj->records[i].end, .inst = (uint32_t)i,
					.value = vj->insts[i].signal[k].value,
				};
	qsort(effects, count, sizeof(*effects), by_effect);
	for (i = 1; i < count; i++)
		if (effects[i].sem == effects[i - 1].sem)
			effects[i].value += effects[i - 1].value;
	*list = effects;
	return count;
}

/* The one with which the semaphore reached a value, or NULL. */
static const struct effect *find_effect(const struct effect *effects, size_t count,
					const struct neuron_sem_op *wait)
{
	size_t low = 0, high = count;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;
		const struct effect *e = &effects[middle];

		if (e->sem < wait->sem || (e->sem == wait->sem && e->value < wait->value))
			low = middle + 1;
		else
			high = middle;
	}
	return low < count && effects[low].sem == wait->sem ? &effects[low] : NULL;
}

/* An arrow is bound to the slices around its ends. */
static void put_flow(struct out *out, const struct view *view, const struct view_job *vj,
		     uint32_t from, uint32_t to, uint64_t id)
{
	const struct neuron_inst_record *a = &vj->records[from], *b = &vj->records[to];

	begin(out, 's', pid_of(vj), ENGINE(vj->insts[from].engine), "semaphore");
	fprintf(out->file, ",\"cat\":\"semaphore\",\"id\":%" PRIu64, id);
	put_time(out, "ts", vj->start + view_ns(view, a->start));
	fputc('}', out->file);
	begin(out, 'f', pid_of(vj), ENGINE(vj->insts[to].engine), "semaphore");
	fprintf(out->file, ",\"cat\":\"semaphore\",\"bp\":\"e\",\"id\":%" PRIu64, id);
	put_time(out, "ts", vj->start + view_ns(view, b->start));
	fputc('}', out->file);
}

static void put_flows(struct out *out, const struct view *view, const struct view_job *vj,
		      uint64_t *id)
{
	struct effect *effects;
	const size_t count = find_effects(vj, &effects);
	uint32_t i;
	unsigned int k;

	for (i = 0; i < vj->job->num_records; i++) {
		for (k = 0; k < NEURON_MAX_WAITS && vj->records[i].end; k++) {
			const struct effect *e = vj->insts[i].wait[k].value ?
				find_effect(effects, count, &vj->insts[i].wait[k]) : NULL;

			/* What waits for another engine: its own is no news. */
			if (e && vj->insts[e->inst].engine != vj->insts[i].engine)
				put_flow(out, view, vj, e->inst, i, ++*id);
		}
	}
	free(effects);
}

/*
 * All of it
 */

static void put_job(struct out *out, const struct view *view, const struct view_job *vj)
{
	unsigned int e;

	begin_slice(out, pid_of(vj), JOBS, vj->neff->header->name, "job", vj->start, vj->end);
	fprintf(out->file, "\"execution\":%" PRIu64 ",\"program\":%" PRIu32 ",\"core\":%" PRIu32
		",\"stage\":%" PRIu32 ",\"vnc\":%" PRIu32 ",\"cycles\":%" PRIu64
		",\"host_ns\":%" PRIu64 ",\"status\":%" PRIu32,
		vj->job->execution, vj->job->program, vj->job->core, vj->job->stage,
		vj->job->vnc, (uint64_t)vj->job->report.cycles,
		vj->job->done_ns - vj->job->submit_ns, vj->job->status);
	end_slice(out);
	for (e = 0; e < NEURON_NUM_ENGINES; e++)
		put_engine(out, view, vj, e);
}

static void put_core_names(struct out *out, const struct view_job *vj)
{
	const unsigned int pid = pid_of(vj);
	char name[64];
	unsigned int e;

	snprintf(name, sizeof(name), "device %" PRIu32 ", core %" PRIu32, vj->job->device,
		 vj->job->device_core);
	put_name(out, "process_name", pid, 0, name, pid);
	put_name(out, "thread_name", pid, JOBS, "jobs", JOBS);
	for (e = 0; e < NEURON_NUM_ENGINES; e++)
		put_name(out, "thread_name", pid, ENGINE(e), neuron_engine_name(e), ENGINE(e));
}

static bool is_first_of_core(const struct view *view, uint32_t i)
{
	uint32_t k;

	for (k = 0; k < i; k++)
		if (pid_of(&view->jobs[k]) == pid_of(&view->jobs[i]))
			return false;
	return true;
}

void view_print_trace(FILE *file, const struct view *view, bool flows)
{
	const struct neuron_profile_header *h = view->profile.header;
	struct out out = { .file = file };
	uint64_t id = 0;
	uint32_t i;

	fprintf(file, "{\"displayTimeUnit\":\"ns\",\"otherData\":{"
		"\"begin_unix_ns\":\"%" PRIu64 "\",\"clock_khz\":%" PRIu32
		",\"dropped_events\":%" PRIu64 ",\"dropped_jobs\":%" PRIu64
		",\"clock\":\"the host's, but chips take their modelled time\"},\n"
		"\"traceEvents\":[", h->begin_unix_ns, h->clock_khz,
		h->dropped_events, h->dropped_jobs);
	put_host(&out, view);
	for (i = 0; i < view->num_jobs; i++) {
		if (is_first_of_core(view, i))
			put_core_names(&out, &view->jobs[i]);
		put_job(&out, view, &view->jobs[i]);
		if (flows)
			put_flows(&out, view, &view->jobs[i], &id);
	}
	fputs("\n]}\n", file);
}
