// SPDX-License-Identifier: MIT
/*
 * Executing a model. From top to bottom: buffers that executions keep, tensors
 * into slots, the jobs, and nrt_execute(), which reads like the list of steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <neuron/isa.h>
#include "async.h"
#include "backend.h"
#include "capture.h"
#include "export.h"
#include "log.h"
#include "model.h"
#include "stats.h"
#include "runtime.h"
#include "status.h"
#include "steps.h"

#define BIND_ALIGN	64

/*
 * Runs
 */

static void destroy_run(const struct nrt_model *model, struct run *run)
{
	uint32_t i;

	for (i = 0; run->copies && i < model->num_tensors; i++)
		neuron_buffer_free(run->copies[i]);
	for (i = 0; run->handover && i < model->num_slots; i++)
		neuron_buffer_free(run->handover[i]);
	free(run->handover);
	neuron_buffer_free(run->reports);
	free(run->bindings);
	free(run->copies);
	free(run->tensors);
	free(run->copied);
	free(run->jobs);
	free(run->submitted);
	free(run->ended);
	free(run);
}

void instance_free_runs(struct instance *instance)
{
	struct run *run;

	while ((run = instance->idle)) {
		instance->idle = run->next;
		destroy_run(instance->model, run);
	}
}

static struct neuron_binding bind_to(struct neuron_buffer *buffer, uint64_t offset,
				     uint64_t size, uint32_t flags)
{
	return (struct neuron_binding) {
		.buffer = size ? buffer : NULL, .offset = offset, .size = size,
		.flags = flags,
	};
}

/* Bytes of a core's report and records; multiples of 64 keep all aligned. */
static uint64_t report_size(const struct nrt_model *model, uint32_t core, bool profiled)
{
	uint64_t size = sizeof(struct neuron_report);

	if (profiled)
		size += (uint64_t)model->programs[core].num_insts *
			sizeof(struct neuron_inst_record);
	return (size + BIND_ALIGN - 1) / BIND_ALIGN * BIND_ALIGN;
}

static uint64_t report_offset(const struct nrt_model *model, uint32_t core,
			      bool profiled)
{
	uint64_t offset = 0;
	uint32_t i;

	for (i = 0; i < core; i++)
		offset += report_size(model, i, profiled);
	return offset;
}

struct neuron_report *run_report(const struct nrt_model *model, const struct run *run,
				 uint32_t core)
{
	return (void *)(run->report + report_offset(model, core, run->profiled));
}

/* Make room for reports, and records if they are wanted. */
static int make_reports(const struct instance *instance, struct run *run, bool profiled)
{
	const struct nrt_model *model = instance->model;
	uint64_t size = report_offset(model, model->num_cores, profiled);
	struct neuron_buffer *buffer;
	void *report;
	int ret;

	ret = neuron_buffer_create(instance->device, NEURON_MEMORY_HOST, size, &buffer);
	if (ret)
		return ret;
	ret = neuron_buffer_map(buffer, &report);
	if (ret) {
		neuron_buffer_free(buffer);
		return ret;
	}
	stats_buffer(buffer, NEURON_USE_RUNTIME, instance->vnc);
	neuron_buffer_free(run->reports);
	run->reports = buffer;
	run->report = report;
	run->profiled = profiled;
	run->bindings[model->num_slots] = bind_to(buffer, 0, size, NEURON_BIND_WRITE);
	return 0;
}

/* The slots that are the same in each execution. */
static void bind_constant(const struct instance *instance, struct neuron_binding *bindings)
{
	const struct nrt_model *model = instance->model;
	uint32_t i;

	for (i = 0; i < model->num_slots; i++) {
		uint64_t size = model->slots[i].size;

		if (model->slots[i].kind == NEURON_NEFF_SLOT_WEIGHTS)
			bindings[i] = bind_to(instance->weights, 0, size,
					      NEURON_BIND_READ);
		else if (model->slots[i].kind == NEURON_NEFF_SLOT_SCRATCH)
			bindings[i] = bind_to(instance->scratch[i], 0, size,
					      NEURON_BIND_READ | NEURON_BIND_WRITE);
	}
}

/* Executions under way at the same time are in different stages: each has its own. */
static int make_handover(const struct instance *instance, struct run *run)
{
	const struct nrt_model *model = instance->model;
	uint32_t i;
	int ret = 0;

	for (i = 0; i < model->num_slots && !ret; i++) {
		const uint64_t size = model->slots[i].size;

		if (model->slots[i].kind != NEURON_NEFF_SLOT_HANDOVER || !size)
			continue;
		ret = neuron_buffer_create(instance->device, NEURON_MEMORY_DRAM, size,
					   &run->handover[i]);
		stats_buffer(run->handover[i], NEURON_USE_SCRATCHPAD, instance->vnc);
		run->bindings[i] = bind_to(run->handover[i], 0, size,
					   NEURON_BIND_READ | NEURON_BIND_WRITE);
	}
	return ret;
}

static struct neuron_binding bind_program(const struct instance *instance, uint32_t core)
{
	const struct program *program = &instance->model->programs[core];

	return bind_to(instance->programs, program->offset, program->size, NEURON_BIND_READ);
}

static NRT_STATUS create_run(const struct instance *instance, struct run **result)
{
	const struct nrt_model *model = instance->model;
	struct run *run = calloc(1, sizeof(*run));
	NRT_STATUS status = NRT_SUCCESS;

	if (!run)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	run->bindings = calloc(model->num_slots + 1, sizeof(*run->bindings));
	run->copies = calloc(model->num_tensors + 1, sizeof(*run->copies));
	run->tensors = calloc(model->num_tensors + 1, sizeof(*run->tensors));
	run->copied = calloc(model->num_tensors + 1, sizeof(*run->copied));
	run->handover = calloc(model->num_slots + 1, sizeof(*run->handover));
	run->instance = instance;
	run->jobs = calloc(model->num_cores, sizeof(*run->jobs));
	run->submitted = calloc(model->num_cores, sizeof(*run->submitted));
	run->ended = calloc(model->num_cores, sizeof(*run->ended));
	if (!run->bindings || !run->copies || !run->tensors || !run->copied ||
	    !run->handover || !run->jobs || !run->submitted || !run->ended)
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	if (!status)
		status = runtime_status(make_handover(instance, run));
	if (!status)
		status = runtime_status(make_reports(instance, run, false));
	if (status) {
		destroy_run(model, run);
		return status;
	}
	bind_constant(instance, run->bindings);
	*result = run;
	return NRT_SUCCESS;
}

static NRT_STATUS get_run(struct instance *instance, struct run **run)
{
	pthread_mutex_lock(&instance->lock);
	*run = instance->idle;
	if (*run)
		instance->idle = (*run)->next;
	pthread_mutex_unlock(&instance->lock);
	return *run ? NRT_SUCCESS : create_run(instance, run);
}

static void put_tensors(const struct instance *instance, struct run *run)
{
	uint32_t i;

	for (i = 0; i < instance->model->num_tensors; i++) {
		object_put(run->tensors[i]);
		run->tensors[i] = NULL;
	}
}

static void put_run(struct instance *instance, struct run *run)
{
	put_tensors(instance, run);
	pthread_mutex_lock(&instance->lock);
	run->next = instance->idle;
	instance->idle = run;
	pthread_mutex_unlock(&instance->lock);
}

/*
 * Tensors
 */

static const char *usage(const struct nrt_model *model, uint32_t i)
{
	return i < model->num_inputs ? "input" : "output";
}

NRT_STATUS model_find_tensor(const struct nrt_model *model, uint32_t i,
			     struct tensor_set *set, struct nrt_tensor **tensor)
{
	const struct neuron_neff_tensor *want = &model->tensors[i];

	switch (tensor_set_find(set, want->name, tensor)) {
	case FOUND:
		break;
	case FOUND_NOTHING:
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: the set has no tensor for %s %.64s: add one of %llu bytes with nrt_add_tensor_to_tensor_set()",
			    model->name, usage(model, i), want->name,
			    (unsigned long long)want->size);
	case FOUND_FREED:
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: the tensor for %s %.64s has been freed: add another one to the set",
			    model->name, usage(model, i), want->name);
	}
	if (!(*tensor)->storage && want->size)
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: the tensor for %s %.64s is empty: attach a buffer of %llu bytes",
			    model->name, usage(model, i), want->name,
			    (unsigned long long)want->size);
	if ((*tensor)->size != want->size)
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: %s %.64s has %llu bytes, the tensor for it %llu: allocate one of that size",
			    model->name, usage(model, i), want->name,
			    (unsigned long long)want->size,
			    (unsigned long long)(*tensor)->size);
	if (want->size && (*tensor)->storage->revoked)
		return fail(NRT_EXEC_BAD_INPUT, "model %.64s: the tensor for %s %.64s lost its memory in nrt_close(): allocate a new one",
			    model->name, usage(model, i), want->name);
	return NRT_SUCCESS;
}

/* The chip can use the tensor's memory where it is. */
static bool reachable(const struct instance *instance,
		      const struct nrt_tensor *tensor)
{
	return tensor->storage->buffer &&
	       tensor->storage->buffer->device == instance->device &&
	       !(tensor->offset % BIND_ALIGN);
}

static NRT_STATUS copy_tensor(struct instance *instance, struct run *run, uint32_t i)
{
	const struct nrt_tensor *tensor = run->tensors[i];
	struct neuron_buffer **copy = &run->copies[i];
	void *address;
	int ret = 0;

	if (!*copy) {
		ret = neuron_buffer_create(instance->device, NEURON_MEMORY_HOST,
					   tensor->size, copy);
		stats_buffer(*copy, NEURON_USE_RUNTIME, instance->vnc);
	}
	if (!ret)
		ret = neuron_buffer_map(*copy, &address);
	if (ret)
		return runtime_status(ret);
	run->copied[i] = true;
	if (i < instance->model->num_inputs)
		return tensor_read(tensor, 0, address, tensor->size);
	return NRT_SUCCESS;
}

static NRT_STATUS bind_tensor(struct instance *instance, struct run *run, uint32_t i,
			      struct tensor_set *set)
{
	const struct nrt_model *model = instance->model;
	const uint32_t slot = model->tensors[i].slot;
	const uint64_t size = model->slots[slot].size;
	struct neuron_binding *binding = &run->bindings[slot];
	const struct nrt_tensor *tensor;
	/* A program may read back what it has put into an output. */
	uint32_t flags = i < model->num_inputs ? NEURON_BIND_READ :
			 NEURON_BIND_READ | NEURON_BIND_WRITE;
	NRT_STATUS status;

	run->copied[i] = false;
	status = model_find_tensor(model, i, set, &run->tensors[i]);
	if (status)
		return status;
	tensor = run->tensors[i];
	/* Its shape is the model's again. */
	if (run->tensors[i]->has_shape && i >= model->num_inputs)
		run->tensors[i]->has_shape = false;
	if (!size) {
		*binding = (struct neuron_binding) { 0 };
		return NRT_SUCCESS;
	}
	if (reachable(instance, tensor)) {
		*binding = bind_to(tensor->storage->buffer, tensor->offset, size, flags);
		return NRT_SUCCESS;
	}
	status = copy_tensor(instance, run, i);
	if (!status)
		*binding = bind_to(run->copies[i], 0, size, flags);
	return status;
}

static NRT_STATUS bind_tensors(struct instance *instance, struct run *run,
			       struct tensor_set *inputs, struct tensor_set *outputs)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;

	for (i = 0; i < instance->model->num_tensors && !status; i++)
		status = bind_tensor(instance, run, i,
				     i < instance->model->num_inputs ? inputs : outputs);
	return status;
}

/* Copied outputs go back to where they belong. */
static NRT_STATUS finish_tensors(struct instance *instance, struct run *run)
{
	const struct nrt_model *model = instance->model;
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t i;
	void *address;

	for (i = model->num_inputs; i < model->num_tensors && !status; i++) {
		if (!run->copied[i])
			continue;
		neuron_buffer_map(run->copies[i], &address);
		status = tensor_write(run->tensors[i], 0, address,
				      run->tensors[i]->size);
	}
	return status;
}

static uint64_t copied_bytes(const struct nrt_model *model, const struct run *run)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < model->num_tensors; i++) {
		if (run->copied[i])
			sum += model->tensors[i].size;
	}
	return sum;
}

/*
 * What the last execution took less than, the next one is expected to: far below any
 * time-out, and above what a busy host lets a thread wait that has been woken.
 */
#define QUICK_NS	20000000

/*
 * Jobs
 */

/* One of the model's programs, on its core. */
static int submit_job(struct instance *instance, struct run *run, uint32_t core,
		      struct neuron_submission *s)
{
	const struct nrt_model *model = instance->model;

	s->core = instance->cores[core];
	s->program_size = model->programs[core].size;
	s->report_offset = report_offset(model, core, run->profiled);
	run->bindings[model->program_slot] = bind_program(instance, core);
	run->submitted[core] = now_ns();
	return neuron_submit(instance->device, s, &run->jobs[core]);
}

static NRT_STATUS submit_jobs(struct instance *instance, struct run *run)
{
	const struct nrt_model *model = instance->model;
	const bool at_once = model->num_cores > 1 && model->num_stages == 1;
	struct neuron_submission s = {
		.num_bindings = model->num_slots + 1,
		.bindings = run->bindings,
		.program_slot = model->program_slot,
		.report_slot = model->num_slots,
		.timeout_ms = model->config.timeout_ms,
		.resident = instance->resident,
		.flags = run->profiled ? NEURON_SUBMIT_PROFILE : 0,
	};
	uint32_t i, first = 0;
	int ret = 0;

	/* Its parts write to parts of the same buffers, and must not wait for each other. */
	if (model->num_cores > 1)
		s.flags |= NEURON_SUBMIT_UNORDERED;
	if (model->num_cores == model->num_stages && instance->quick)
		s.flags |= NEURON_SUBMIT_SHORT;

	for (i = 0; i < model->num_cores; i++) {
		memset(run_report(model, run, i), 0, sizeof(struct neuron_report));
		run->submitted[i] = 0;
		run->ended[i] = 0;
	}
	if (at_once)
		pthread_mutex_lock(&instance->order);
	for (i = 0; i < model->num_cores && !ret; i++) {
		if (i && model->stages[i] != model->stages[i - 1]) {
			s.after = &run->jobs[first];
			s.num_after = i - first;
			first = i;
		}
		ret = submit_job(instance, run, i, &s);
	}
	if (at_once)
		pthread_mutex_unlock(&instance->order);
	return runtime_status(ret);
}

/* Have one of the model's cores get ready for its program. */
static NRT_STATUS prepare_core(const struct instance *instance,
			       const struct neuron_submission *s, uint32_t core)
{
	const struct nrt_model *model = instance->model;
	const unsigned int vnc = instance->vnc + core;
	struct neuron_job_result result;
	char text[JOB_TEXT_SIZE];
	struct neuron_job *job;
	int ret;

	ret = neuron_submit(instance->device, s, &job);
	if (ret)
		return runtime_status(ret);
	ret = neuron_job_wait(job, -1, &result);
	neuron_job_free(job);
	if (ret || result.state == NEURON_JOB_DONE)
		return runtime_status(ret);
	job_explain(instance->device, &result, text);
	if (result.state == NEURON_JOB_LOST)
		return fail(neuron_job_status(&result), "model %.64s on core %u: %s",
			    model->name, vnc, text);
	warn("model %.64s on core %u could not be made ready, its first execution will take longer: %s",
	     model->name, vnc, text);
	return NRT_SUCCESS;
}

NRT_STATUS instance_prepare(struct instance *instance)
{
	const struct nrt_model *model = instance->model;
	struct neuron_binding *bindings = calloc(model->num_slots, sizeof(*bindings));
	struct neuron_submission s = {
		.num_bindings = model->num_slots,
		.bindings = bindings,
		.program_slot = model->program_slot,
		.report_slot = NEURON_NO_BINDING,
		.timeout_ms = model->config.timeout_ms,
		.resident = instance->resident,
		.flags = NEURON_SUBMIT_PREPARE,
	};
	NRT_STATUS status = NRT_SUCCESS;
	struct run *run;
	uint32_t i;

	if (!bindings)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	bind_constant(instance, bindings);
	for (i = 0; i < model->num_cores && !status; i++) {
		s.core = instance->cores[i];
		s.program_size = model->programs[i].size;
		bindings[model->program_slot] = bind_program(instance, i);
		status = prepare_core(instance, &s, i);
	}
	free(bindings);
	if (!status)
		status = create_run(instance, &run);
	if (!status)
		put_run(instance, run);
	return status;
}

/* The engine that waits first, and for what; false: the report does not say. */
static bool describe_deadlock(const struct neuron_job_result *r,
			      const struct neuron_report *report, char *text, size_t size)
{
	unsigned int i;

	for (i = 0; i < NEURON_NUM_ENGINES && !(r->fault_info >> i & 1); i++)
		;
	if (!report->version || i == NEURON_NUM_ENGINES)
		return false;
	snprintf(text, size, "%s stands at instruction %u and waits for semaphore %u to be %u, it is %u",
		 neuron_engine_name(i), report->engine[i].pc, report->engine[i].wait_sem,
		 report->engine[i].wait_value, report->engine[i].sem_value);
	return true;
}

static NRT_STATUS explain(const struct instance *instance, uint32_t core,
			  const struct neuron_job_result *r,
			  const struct neuron_report *report)
{
	const struct nrt_model *model = instance->model;
	const unsigned int vnc = instance->vnc + core;
	NRT_STATUS status = neuron_job_status(r);
	char text[JOB_TEXT_SIZE];

	if (r->state == NEURON_JOB_TIMEOUT)
		return fail(status, "model %.64s on core %u took longer than %u ms, and the core was reset: give it more time with NEURON_RT_EXEC_TIMEOUT (in seconds)",
			    model->name, vnc, model->config.timeout_ms);
	if (r->state == NEURON_JOB_FAULT && r->fault_kind == NEURON_FAULT_DEADLOCK &&
	    describe_deadlock(r, report, text, sizeof(text)))
		return fail(status, "model %.64s on core %u: %s (mask %#llx), %s: %s",
			    model->name, vnc, neuron_fault_text(r->fault_kind),
			    (unsigned long long)r->fault_info, text,
			    fault_remedy(r->fault_kind));
	job_explain(instance->device, r, text);
	return fail(status, "model %.64s on core %u: %s", model->name, vnc, text);
}

/* Wait for all jobs there are; the status is that of the first that failed. */
static NRT_STATUS wait_jobs(struct instance *instance, struct run *run, uint64_t *nans)
{
	const struct nrt_model *model = instance->model;
	struct neuron_job_result result;
	NRT_STATUS status = NRT_SUCCESS, ended;
	uint32_t i;
	int ret;

	*nans = 0;
	for (i = 0; i < model->num_cores; i++) {
		const struct neuron_report *report = run_report(model, run, i);

		if (!run->jobs[i])
			continue;
		ret = neuron_job_wait(run->jobs[i], -1, &result);
		run->ended[i] = now_ns();
		if (ret)
			ended = runtime_status(ret);
		else if (result.state != NEURON_JOB_DONE)
			ended = explain(instance, i, &result, report);
		else
			ended = NRT_SUCCESS;
		if (!status)
			status = ended;
		*nans += report->nans;
		neuron_job_free(run->jobs[i]);
		run->jobs[i] = NULL;
	}
	return status;
}

/*
 * Executions
 */

/* The instance with the least to do. */
static struct instance *choose(struct nrt_model *model)
{
	struct instance *best = &model->instances[0];
	unsigned int least = best->active;
	uint32_t i;

	for (i = 1; i < model->num_instances && least; i++) {
		unsigned int active = model->instances[i].active;

		if (active < least) {
			best = &model->instances[i];
			least = active;
		}
	}
	return best;
}

/* When the phases of an execution began and ended. */
struct phases {
	int64_t begin;
	int64_t prepared;
	int64_t submitted;
	int64_t ended;
};

/* What the chip has said of a core's program; with the model's lock held. */
static void keep_report(struct nrt_model *model, const struct run *run, uint32_t core)
{
	const struct neuron_report *report = run_report(model, run, core);
	size_t size = model->programs[core].num_insts * sizeof(struct neuron_inst_record);

	model->reports[core] = *report;
	if (!run->profiled)
		return;
	if (!report->version) {	/* reset before it could say anything */
		free(model->records[core]);
		model->records[core] = NULL;
		return;
	}
	if (!model->records[core])
		model->records[core] = malloc(size + 1);
	if (model->records[core])
		memcpy(model->records[core], report + 1, size);
}

/* For whoever records a profile. */
static void tell(const struct nrt_model *model, const struct run *run, NRT_STATUS status,
		 const struct phases *p)
{
	const unsigned int vnc = run->instance->vnc;

	if (!capturing())
		return;
	capture_event_until(NEURON_PROFILE_PREPARE, p->begin, p->prepared, model, vnc,
			    status);
	capture_event_until(NEURON_PROFILE_SUBMIT, p->prepared, p->submitted, model, vnc,
			    status);
	capture_event_until(NEURON_PROFILE_WAIT, p->submitted, p->ended, model, vnc, status);
	capture_event_until(NEURON_PROFILE_FINISH, p->ended, now_ns(), model, vnc, status);
	capture_run(model, run, status);
}

static void record(struct nrt_model *model, const struct run *run, NRT_STATUS status,
		   const struct phases *p)
{
	struct neuron_times *times = &model->times;
	uint32_t i;

	pthread_mutex_lock(&model->lock);
	times->executions += !status;
	times->prepare = p->prepared - p->begin;
	times->run = p->ended - p->prepared;
	times->finish = now_ns() - p->ended;
	times->copied_bytes = copied_bytes(model, run);
	for (i = 0; i < model->num_cores; i++)
		keep_report(model, run, i);
	pthread_mutex_unlock(&model->lock);
}

static NRT_STATUS run_once(struct instance *instance, struct run *run,
			   struct tensor_set *inputs, struct tensor_set *outputs)
{
	struct nrt_model *model = instance->model;
	const bool profiled = model->profile || capture_wants_jobs(model);
	struct phases p = { .begin = now_ns() };
	NRT_STATUS status, ran;
	uint64_t nans;
	uint32_t i;
	int ret = 0;

	if (run->profiled != profiled)
		ret = make_reports(instance, run, profiled);
	if (ret)
		return runtime_status(ret);
	status = bind_tensors(instance, run, inputs, outputs);
	if (status)
		return status;
	p.prepared = now_ns();
	status = submit_jobs(instance, run);
	p.submitted = now_ns();
	ran = wait_jobs(instance, run, &nans);
	if (!status)
		status = ran;
	p.ended = now_ns();
	instance->quick = !status && p.ended - p.prepared < QUICK_NS;
	if (!status)
		status = finish_tensors(instance, run);
	record(model, run, status, &p);
	if (!status && nans)
		status = check_nan(model, run);
	tell(model, run, status, &p);
	stats_device_time(p.ended - p.prepared);
	for (i = 0; i < model->num_cores; i++)
		stats_program(instance->vnc + i, p.ended - p.prepared,
			      run_report(model, run, i), !ran);
	return status;
}

/* The outputs are there. */
static void complete(const struct nrt_model *model, const struct run *run)
{
	uint32_t i;

	for (i = model->num_inputs; i < model->num_tensors; i++)
		tensor_complete(run->tensors[i]);
}

static NRT_STATUS execute(struct nrt_model *model, struct tensor_set *inputs,
			  struct tensor_set *outputs, int count, bool whole)
{
	struct instance *instance = choose(model);
	struct run *run;
	NRT_STATUS status = get_run(instance, &run);

	if (status)
		return status;
	instance->active++;
	while (count-- && !status) {
		status = run_once(instance, run, inputs, outputs);
		if (whole && (!status || status == NRT_EXEC_COMPLETED_WITH_NUM_ERR))
			complete(model, run);
		if (count && !status)
			put_tensors(instance, run);
	}
	instance->active--;
	put_run(instance, run);
	return status;
}

NRT_STATUS model_execute(struct nrt_model *model, struct tensor_set *inputs,
			 struct tensor_set *outputs)
{
	return execute(model, inputs, outputs, 1, false);
}

NRT_STATUS model_run(struct nrt_model *model, struct tensor_set *inputs,
		     struct tensor_set *outputs, int count)
{
	const int64_t begin = now_ns();
	NRT_STATUS status;

	status = model->steps ? steps_execute(model, inputs, outputs, count) :
				execute(model, inputs, outputs, count, true);
	stats_executions(status, count, now_ns() - begin);
	capture_event(NEURON_PROFILE_EXECUTE, begin, model, model->instances[0].vnc, 0, status);
	return status;
}

static NRT_STATUS enter_and_execute(const char *function, nrt_model_t *handle,
				    const nrt_tensor_set_t *input_set,
				    nrt_tensor_set_t *output_set, int count)
{
	struct tensor_set *inputs, *outputs;
	struct runtime *runtime;
	struct nrt_model *model;
	uint64_t serial = 0;
	bool announce = false;
	unsigned int vnc = 0;
	NRT_STATUS status;

	status = runtime_enter(function, &runtime);
	if (status)
		return status;
	model = object_get(handle, OBJECT_MODEL);
	inputs = object_get(input_set, OBJECT_TENSOR_SET);
	outputs = object_get(output_set, OBJECT_TENSOR_SET);
	if (model && inputs && outputs) {
		status = model_run(model, inputs, outputs, count);
		announce = runtime->announce;
		vnc = model->instances[0].vnc;
		serial = model->object.serial;
	} else {
		neuron_log(NEURON_LOG_ERROR, function, "%s",
			   !model ? NO_MODEL : !inputs ? NO_INPUT_SET : NO_OUTPUT_SET);
		status = NRT_INVALID_HANDLE;
	}
	object_put(outputs);
	object_put(inputs);
	object_put(model);
	runtime_leave();
	/* The callback may make calls of its own. */
	return announce ? async_announce(serial, vnc, status) : status;
}

EXPORT NRT_STATUS nrt_execute(nrt_model_t *model, const nrt_tensor_set_t *input_set,
			      nrt_tensor_set_t *output_set)
{
	return enter_and_execute(__func__, model, input_set, output_set, 1);
}

EXPORT NRT_STATUS nrt_execute_repeat(nrt_model_t *model,
				     const nrt_tensor_set_t *input_set,
				     nrt_tensor_set_t *output_set, int repeat_count)
{
	if (repeat_count < 1)
		return fail(NRT_INVALID, "repeat_count is %d: give 1 at least",
			    repeat_count);
	return enter_and_execute(__func__, model, input_set, output_set, repeat_count);
}
