// SPDX-License-Identifier: MIT
/* Loading and unloading models, and what can be asked about them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <neuron/isa.h>
#include "backend.h"
#include "capture.h"
#include "export.h"
#include "include/nrt/nrt_experimental.h"
#include "log.h"
#include "model.h"
#include "neff.h"
#include "runtime.h"
#include "stats.h"
#include "steps.h"

/* Weights are copied in pieces of this many bytes. */
#define UPLOAD_CHUNK	(4u << 20)

#define ALIGN_UP(x)	(((x) + NEURON_NEFF_ALIGN - 1) / NEURON_NEFF_ALIGN * NEURON_NEFF_ALIGN)

static const nrt_dtype_t dtypes[NEURON_NEFF_NUM_DTYPES] = {
	[NEURON_NEFF_F32] = NRT_DTYPE_FLOAT32,
	[NEURON_NEFF_BF16] = NRT_DTYPE_BFLOAT16,
	[NEURON_NEFF_F16] = NRT_DTYPE_FLOAT16,
	[NEURON_NEFF_I8] = NRT_DTYPE_INT8,
	[NEURON_NEFF_U8] = NRT_DTYPE_UINT8,
	[NEURON_NEFF_I32] = NRT_DTYPE_INT32,
	[NEURON_NEFF_I64] = NRT_DTYPE_INT64,
	[NEURON_NEFF_BOOL] = NRT_DTYPE_UINT8,
	/* The API has no name for a float of 64 bits. */
	[NEURON_NEFF_F64] = NRT_DTYPE_UNKNOWN,
	[NEURON_NEFF_I16] = NRT_DTYPE_INT16,
	[NEURON_NEFF_U16] = NRT_DTYPE_UINT16,
	[NEURON_NEFF_U32] = NRT_DTYPE_UINT32,
	[NEURON_NEFF_U64] = NRT_DTYPE_UINT64,
	/* One more dimension has its bytes: see create_info(). */
	[NEURON_NEFF_STRING] = NRT_DTYPE_UINT8,
};

/*
 * Unloading
 */

static void destroy_instance(struct instance *instance)
{
	uint32_t i;

	instance_free_runs(instance);
	for (i = 0; instance->scratch && i < instance->model->num_slots; i++)
		neuron_buffer_free(instance->scratch[i]);
	free(instance->scratch);
	neuron_buffer_free(instance->weights);
	neuron_buffer_free(instance->programs);
	pthread_mutex_destroy(&instance->order);
	pthread_mutex_destroy(&instance->lock);
}

static void destroy_model(struct object *object)
{
	struct nrt_model *model = (struct nrt_model *)object;
	uint32_t i;

	stats_model_remove(model);
	steps_free(model->steps);
	for (i = 0; i < model->num_instances; i++)
		destroy_instance(&model->instances[i]);
	free(model->instances);
	free(model->tensors);
	free(model->slots);
	free(model->reports);
	for (i = 0; model->records && i < model->num_cores; i++)
		free(model->records[i]);
	free(model->records);
	pthread_mutex_destroy(&model->lock);
	free(model);
}

/* The cores that a model has are a little less loaded now, or more. */
static void count_cores(struct runtime *runtime, unsigned int vnc,
			unsigned int count, int change)
{
	unsigned int i;

	pthread_mutex_lock(&runtime->lock);
	for (i = 0; i < count; i++)
		runtime->cores[vnc + i].models += change;
	pthread_mutex_unlock(&runtime->lock);
}

EXPORT NRT_STATUS nrt_unload(nrt_model_t *handle)
{
	struct runtime *runtime;
	struct nrt_model *model;
	unsigned int vnc, count;
	int64_t start = now_ns();
	NRT_STATUS status;

	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	model = object_get(handle, OBJECT_MODEL);
	if (!model) {
		status = fail(NRT_INVALID_HANDLE, "this is no model, or it has been unloaded");
		goto leave;
	}
	vnc = model->instances[0].vnc;
	count = model->num_instances * model->num_cores;
	object_put(model);
	/* Of two threads that unload it, one gets here first. */
	if (object_remove_sync(handle, OBJECT_MODEL))
		count_cores(runtime, vnc, count, -1);
	else
		status = fail(NRT_INVALID_HANDLE, "the model has been unloaded by another thread");
	capture_event(NEURON_PROFILE_UNLOAD, start, NULL, vnc, 0, status);
leave:
	runtime_leave();
	return status;
}

void model_unload_all(void)
{
	struct nrt_model *model;

	while ((model = object_any(OBJECT_MODEL))) {
		object_remove(model, OBJECT_MODEL);
		object_put(model);
	}
}

/*
 * Checking
 */

/* Everything about the programs that can be known before they run. */
static NRT_STATUS check_programs(const struct neff *neff)
{
	struct neuron_fault fault;
	const char *why = NULL;
	uint32_t i;

	for (i = 0; i < neff->header->num_cores; i++) {
		const struct neff_bytes *program = &neff->programs[i];

		if (!neuron_program_check(program->data, program->size, &fault, &why))
			return fail(NRT_INVALID, "model %.64s: program %u is malformed at instruction %d, operand %d: %s: compile the model again",
				    neff->header->name, i,
				    fault.inst == NEURON_NO_INST ? -1 : (int)fault.inst,
				    fault.operand == NEURON_NO_OPERAND ? -1 : fault.operand,
				    why ? why : "not valid");
		if (neuron_program_header(program->data)->num_slots > neff->num_slots)
			return fail(NRT_INVALID, "model %.64s: program %u uses %u slots, the file describes %u: compile the model again",
				    neff->header->name, i,
				    neuron_program_header(program->data)->num_slots,
				    neff->num_slots);
	}
	return NRT_SUCCESS;
}

/* The device can run it. */
static NRT_STATUS check_device(const struct neff *neff,
			       const struct neuron_device_info *device)
{
	const struct neuron_neff_header *h = neff->header;

	if (h->isa_version != device->isa_version)
		return fail(NRT_UNSUPPORTED_NEFF_VERSION, "model %.64s was compiled for version %u of the instruction set, %s has %u: compile it again",
			    h->name, h->isa_version, device->name,
			    device->isa_version);
	if (h->sbuf_size > device->sbuf_size || h->psum_size > device->psum_size)
		return fail(NRT_RESOURCE, "model %.64s needs cores with %u bytes of scratchpad and %u of accumulators, %s has %u and %u: compile it for those",
			    h->name, h->sbuf_size, h->psum_size, device->name,
			    device->sbuf_size, device->psum_size);
	if (neff->num_slots >= device->max_bindings)
		return fail(NRT_RESOURCE, "model %.64s uses %u buffers, %s allows %u: compile it again for this chip",
			    h->name, neff->num_slots, device->name,
			    device->max_bindings - 1);
	return NRT_SUCCESS;
}

/*
 * Placing
 */

/* No instance of @cores cores spans two devices. */
static bool fits(const struct runtime *runtime, unsigned int vnc,
		 unsigned int instances, unsigned int cores)
{
	unsigned int i;

	for (i = 0; i < instances; i++, vnc += cores) {
		if (runtime->cores[vnc].device !=
		    runtime->cores[vnc + cores - 1].device)
			return false;
	}
	return true;
}

/* Choose the cores, and count the model on them. */
static NRT_STATUS place(struct runtime *runtime, const char *name, int32_t vnc,
			unsigned int instances, unsigned int cores,
			unsigned int *result)
{
	unsigned int count = instances * cores, first, last, i, load;
	unsigned int best = 0, best_load = UINT32_MAX;

	if (vnc >= 0 && (unsigned int)vnc >= runtime->num_cores)
		return fail(NRT_INVALID, "there is no core %d: give one from 0 to %u, or -1",
			    vnc, runtime->num_cores - 1);
	first = vnc < 0 ? 0 : vnc;
	if (count > runtime->num_cores - first)
		return fail(NRT_LOAD_NOT_ENOUGH_NC, "model %.64s needs %u cores from %u on, this process has %u: ask for more with NEURON_RT_NUM_CORES or NEURON_RT_VISIBLE_CORES",
			    name, count, first, runtime->num_cores);
	last = vnc < 0 ? runtime->num_cores - count : first;
	pthread_mutex_lock(&runtime->lock);
	for (; first <= last; first++) {
		if (!fits(runtime, first, instances, cores))
			continue;
		for (i = 0, load = 0; i < count; i++)
			load += runtime->cores[first + i].models;
		if (load < best_load) {
			best = first;
			best_load = load;
		}
	}
	pthread_mutex_unlock(&runtime->lock);
	if (best_load == UINT32_MAX)
		return fail(NRT_LOAD_NOT_ENOUGH_NC, "model %.64s needs %u cores of one chip next to each other: start at another core, or ask for more of them",
			    name, cores);
	count_cores(runtime, best, count, 1);
	*result = best;
	return NRT_SUCCESS;
}

/*
 * Loading
 */

/* What the file says about tensors and slots outlives the file's bytes. */
static struct nrt_model *create_model(const struct neff *neff)
{
	static atomic_ullong last_id;
	struct nrt_model *model = calloc(1, sizeof(*model));
	uint64_t offset = 0;
	uint32_t i;

	if (!model)
		return NULL;
	pthread_mutex_init(&model->lock, NULL);
	model->id = ++last_id;
	memcpy(model->uuid, neff->header->uuid, sizeof(model->uuid));
	memcpy(model->name, neff->header->name, sizeof(model->name));
	model->num_inputs = neff->header->num_inputs;
	model->num_tensors = neff->num_tensors;
	model->num_slots = neff->num_slots;
	model->program_slot = neff->program_slot;
	model->num_cores = neff->header->num_cores;
	for (i = 0; i < model->num_cores && !neff_has_steps(neff); i++) {
		model->programs[i].offset = offset;
		model->programs[i].size = neff->programs[i].size;
		model->programs[i].num_insts =
			neuron_program_header(neff->programs[i].data)->num_insts;
		offset += ALIGN_UP(neff->programs[i].size);
		model->stages[i] = neff->stages ? neff->stages[i] : 0;
	}
	model->num_stages = model->stages[model->num_cores - 1] + 1;
	/* One more of each, as there may be no tensors. */
	model->tensors = calloc(neff->num_tensors + 1, sizeof(*model->tensors));
	model->slots = calloc(neff->num_slots + 1, sizeof(*model->slots));
	model->reports = calloc(model->num_cores, sizeof(*model->reports));
	model->records = calloc(model->num_cores, sizeof(*model->records));
	if (!model->tensors || !model->slots || !model->reports || !model->records) {
		destroy_model(&model->object);
		return NULL;
	}
	if (neff->num_tensors)
		memcpy(model->tensors, neff->tensors,
		       neff->num_tensors * sizeof(*model->tensors));
	if (neff->num_slots)
		memcpy(model->slots, neff->slots,
		       neff->num_slots * sizeof(*model->slots));
	return model;
}

/* A number that no other model of the process has or had, nor zero. */
static uint32_t new_resident(void)
{
	static _Atomic uint32_t last;
	uint32_t number;

	do {
		number = ++last;
	} while (!number);
	return number;
}

/*
 * Put the weights into the device. Where the caller has no more use for his, their
 * memory goes back page by page: then there is hardly ever more of it than once.
 */
static int upload_weights(struct instance *instance, const struct neff_bytes *weights,
			  bool consume)
{
	const uintptr_t page = sysconf(_SC_PAGESIZE);
	const char *data = weights->data;
	uint64_t at, size;
	int ret;

	ret = neuron_buffer_create(instance->device, NEURON_MEMORY_DRAM, weights->size,
				   &instance->weights);
	stats_buffer(instance->weights, NEURON_USE_CONSTANTS, instance->vnc);
	for (at = 0; at < weights->size && !ret; at += size) {
		uintptr_t first = ((uintptr_t)data + at + page - 1) & -page, end;

		size = weights->size - at < UPLOAD_CHUNK ? weights->size - at :
							   UPLOAD_CHUNK;
		ret = neuron_buffer_write(instance->weights, at, data + at, size);
		end = ((uintptr_t)data + at + size) & -page;
		if (consume && end > first)
			madvise((void *)first, end - first, MADV_DONTNEED);
	}
	return ret;
}

/*
 * Instances are there to work at the same time: for the timing model their programs
 * share the memories of a device.
 */
static int upload_program(struct instance *instance, const struct neff_bytes *program,
			  uint64_t offset, unsigned int neighbours)
{
	struct neuron_program_header header = *neuron_program_header(program->data);
	int ret;

	ret = neuron_buffer_write(instance->programs, offset, program->data, program->size);
	if (ret || neighbours == 1)
		return ret;
	header.sharing = (header.sharing ? header.sharing : 1) * neighbours;
	if (header.sharing > instance->device->info.cores)
		header.sharing = instance->device->info.cores;
	return neuron_buffer_write(instance->programs, offset, &header, sizeof(header));
}

/* Put programs and weights into the device, and make room for intermediates. */
static int upload(struct instance *instance, const struct neff *neff,
		  unsigned int neighbours, bool consume)
{
	const struct nrt_model *model = instance->model;
	const struct program *last = &model->programs[model->num_cores - 1];
	uint32_t i;
	int ret;

	ret = neuron_buffer_create(instance->device, NEURON_MEMORY_DRAM,
				   last->offset + last->size, &instance->programs);
	stats_buffer(instance->programs, NEURON_USE_CODE, instance->vnc);
	for (i = 0; i < model->num_cores && !ret; i++)
		ret = upload_program(instance, &neff->programs[i],
				     model->programs[i].offset, neighbours);
	if (!ret && neff->weights.size)
		ret = upload_weights(instance, &neff->weights, consume);
	for (i = 0; i < model->num_slots && !ret; i++) {
		if (model->slots[i].kind == NEURON_NEFF_SLOT_SCRATCH &&
		    model->slots[i].size)
			ret = neuron_buffer_create(instance->device, NEURON_MEMORY_DRAM,
						   model->slots[i].size,
						   &instance->scratch[i]);
		stats_buffer(instance->scratch[i], NEURON_USE_SCRATCHPAD, instance->vnc);
	}
	return ret;
}

/* Of @count instances from core @vnc on, @cores apart, those on the device of number @n. */
static unsigned int neighbours(const struct runtime *runtime, unsigned int cores,
			       unsigned int vnc, unsigned int count, unsigned int n)
{
	unsigned int i, found = 0;

	for (i = 0; i < count; i++)
		found += runtime->cores[vnc + i * cores].device ==
			 runtime->cores[vnc + n * cores].device;
	return found;
}

/* @stride: cores from one instance to the next. */
static NRT_STATUS create_instances(struct runtime *runtime, struct nrt_model *model,
				   const struct neff *neff, unsigned int vnc,
				   unsigned int stride, unsigned int count, bool consume)
{
	NRT_STATUS status;
	unsigned int i, n;
	int ret;

	model->instances = calloc(count, sizeof(*model->instances));
	if (!model->instances)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	for (n = 0; n < count; n++) {
		struct instance *instance = &model->instances[n];

		instance->model = model;
		instance->vnc = vnc + n * stride;
		instance->device = runtime->cores[instance->vnc].device;
		while (runtime->devices[instance->device_index] != instance->device)
			instance->device_index++;
		instance->resident = new_resident();
		for (i = 0; i < model->num_cores; i++)
			instance->cores[i] = runtime->cores[instance->vnc + i].index;
		pthread_mutex_init(&instance->order, NULL);
		pthread_mutex_init(&instance->lock, NULL);
		model->num_instances++;
		status = check_device(neff, &instance->device->info);
		if (status)
			return status;
		/* All of it is its steps'. */
		if (neff_has_steps(neff))
			continue;
		instance->scratch = calloc(model->num_slots, sizeof(*instance->scratch));
		if (!instance->scratch)
			return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		ret = upload(instance, neff, neighbours(runtime, stride, vnc, count, n),
			     consume && n == count - 1);
		if (ret)
			return runtime_status(ret);
	}
	return NRT_SUCCESS;
}

/* -1 and 0: one instance; else as many as fit the cores that are named. */
static NRT_STATUS count_instances(const struct neff *neff, int32_t vnc_count,
				  unsigned int *instances)
{
	uint32_t cores = neff->header->num_cores;

	*instances = 1;
	if (vnc_count == -1 || !vnc_count)
		return NRT_SUCCESS;
	if (vnc_count < 0 || vnc_count % cores)
		return fail(NRT_INVALID, "vnc_count is %d: give -1, or a multiple of the %u cores that model %.64s runs on",
			    vnc_count, cores, neff->header->name);
	*instances = vnc_count / cores;
	return NRT_SUCCESS;
}

NRT_STATUS model_load_part(struct runtime *runtime, const struct nrt_model *whole,
			   uint32_t number, const struct neff *neff, const struct model_config *config,
			   bool consume, struct nrt_model **result)
{
	NRT_STATUS status = check_programs(neff);
	struct nrt_model *model;
	uint32_t i;

	if (status)
		return status;
	model = create_model(neff);
	if (!model)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	model->config = *config;
	model->id = whole->id;
	model->part = number;
	memcpy(model->uuid, whole->uuid, sizeof(model->uuid));
	status = create_instances(runtime, model, neff, whole->instances[0].vnc,
				  whole->num_cores, whole->num_instances, consume);
	for (i = 0; i < model->num_instances && !status; i++)
		status = instance_prepare(&model->instances[i]);
	if (status) {
		destroy_model(&model->object);
		return status;
	}
	*result = model;
	return NRT_SUCCESS;
}

void model_free_part(struct nrt_model *part)
{
	if (part)
		destroy_model(&part->object);
}

static NRT_STATUS load(struct runtime *runtime, const struct neff *neff,
		       const struct model_config *config, int32_t vnc,
		       int32_t vnc_count, bool consume, int64_t start,
		       struct nrt_model **result)
{
	unsigned int instances, count, first, i;
	struct nrt_model *model;
	int64_t checked;
	NRT_STATUS status;

	status = neff_has_steps(neff) ? NRT_SUCCESS : check_programs(neff);
	if (!status)
		status = count_instances(neff, vnc_count, &instances);
	if (!status)
		status = place(runtime, neff->header->name, vnc, instances,
			       neff->header->num_cores, &first);
	if (status)
		return status;
	checked = now_ns();
	count = instances * neff->header->num_cores;
	model = create_model(neff);
	if (!model) {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto uncount;
	}
	model->config = *config;
	status = create_instances(runtime, model, neff, first, model->num_cores, instances,
				  consume);
	if (!status && neff_has_steps(neff))
		status = steps_load(runtime, model, neff, consume);
	for (i = 0; i < instances && !model->steps && !status; i++)
		status = instance_prepare(&model->instances[i]);
	if (status)
		goto destroy;
	model->times.init = runtime->init_ns;
	model->times.load_check = checked - start;
	model->times.load_upload = now_ns() - checked;
	if (!object_add(&model->object, OBJECT_MODEL, destroy_model)) {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto destroy;
	}
	stats_model_add(model);
	info("model %.64s: %u x %u cores from core %u on", model->name, instances,
	     model->num_cores, first);
	*result = model;
	return NRT_SUCCESS;

destroy:
	destroy_model(&model->object);
uncount:
	count_cores(runtime, first, count, -1);
	return status;
}

/* Whoever passes an odd address pays with a copy: the structures are aligned. */
static NRT_STATUS align(const void **bytes, size_t size, void **copy)
{
	if (!((uintptr_t)*bytes % 8))
		return NRT_SUCCESS;
	*copy = malloc(size);
	if (!*copy)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	*bytes = memcpy(*copy, *bytes, size);
	return NRT_SUCCESS;
}

static NRT_STATUS load_bytes(const char *function, const void *neff_bytes, size_t size,
			     int32_t vnc, int32_t vnc_count, bool consume,
			     nrt_model_t **model)
{
	int64_t start = now_ns();
	char error[NEFF_ERROR_SIZE];
	struct model_config config;
	struct runtime *runtime;
	void *copy = NULL;
	struct neff neff;
	NRT_STATUS status;

	if (!neff_bytes || !model)
		return fail(NRT_INVALID, "neff_bytes or model is NULL");
	*model = NULL;
	if (vnc < -1)
		return fail(NRT_INVALID, "there is no core %d: give -1 to have one chosen",
			    vnc);
	status = runtime_enter(function, &runtime);
	if (status)
		return status;
	status = config_model(&config);
	if (!status)
		status = align(&neff_bytes, size, &copy);
	if (status)
		goto leave;
	switch (neff_parse(neff_bytes, size, config.validate_hash, &neff, error)) {
	case NEFF_OK:
		/* Of a copy that was made here the caller has none. */
		status = load(runtime, &neff, &config, vnc, vnc_count, consume || copy,
			      start, model);
		break;
	case NEFF_DAMAGED:
		status = fail(NRT_INVALID, "%s", error);
		break;
	case NEFF_UNSUPPORTED:
		status = fail(NRT_UNSUPPORTED_NEFF_VERSION, "%s", error);
		break;
	}
leave:
	free(copy);
	capture_event(NEURON_PROFILE_LOAD, start, status ? NULL : *model,
		      status ? NEURON_PROFILE_NONE : (*model)->instances[0].vnc, size, status);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_load(const void *neff_bytes, size_t size, int32_t vnc,
			   int32_t vnc_count, nrt_model_t **model)
{
	return load_bytes(__func__, neff_bytes, size, vnc, vnc_count, false, model);
}

EXPORT NRT_STATUS neuron_load_once(void *neff_bytes, size_t size, int32_t vnc,
				   int32_t vnc_count, nrt_model_t **model)
{
	return load_bytes(__func__, neff_bytes, size, vnc, vnc_count, true, model);
}

/*
 * Questions
 */

static NRT_STATUS enter(const char *function, const nrt_model_t *handle,
			struct nrt_model **model)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(function, &runtime);

	if (status)
		return status;
	*model = object_get(handle, OBJECT_MODEL);
	if (*model)
		return NRT_SUCCESS;
	neuron_log(NEURON_LOG_ERROR, function,
		   "this is no model, or it has been unloaded");
	runtime_leave();
	return NRT_INVALID_HANDLE;
}

static void leave(struct nrt_model *model)
{
	object_put(model);
	runtime_leave();
}

/*
 * enter() for a call about one of the model's cores: which of @part's, which is the
 * model itself or a chip program of its steps. Return: 0 or an errno value.
 */
static int enter_core(const char *function, const nrt_model_t *handle,
		      unsigned int *index, struct nrt_model **model, struct nrt_model **part)
{
	uint32_t cores;

	if (enter(function, handle, model))
		return -EINVAL;
	*part = *model;
	if ((*model)->steps)
		cores = steps_find_core((*model)->steps, index, part);
	else
		cores = (*model)->num_cores;
	if (*part && *index < (*part)->num_cores)
		return 0;
	leave(*model);
	neuron_log(NEURON_LOG_ERROR, function,
		   "the model has no core %u, only %u of them", *index, cores);
	return -ENOENT;
}

static NRT_STATUS ask_count(const char *function, const nrt_model_t *handle,
			    uint32_t *count, bool instances)
{
	struct nrt_model *model;
	NRT_STATUS status;

	if (!count) {
		neuron_log(NEURON_LOG_ERROR, function, "there is no place for the count");
		return NRT_INVALID;
	}
	status = enter(function, handle, &model);
	if (status)
		return status;
	*count = model->num_instances * (instances ? 1 : model->num_cores);
	leave(model);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_get_model_vnc_count(const nrt_model_t *model,
					  uint32_t *vnc_count)
{
	return ask_count(__func__, model, vnc_count, false);
}

EXPORT NRT_STATUS nrt_get_model_nc_count(const nrt_model_t *model,
					 uint32_t *vnc_count)
{
	return ask_count(__func__, model, vnc_count, false);
}

EXPORT NRT_STATUS nrt_get_model_instance_count(nrt_model_t *model,
					       uint32_t *instance_count)
{
	return ask_count(__func__, model, instance_count, true);
}

EXPORT NRT_STATUS nrt_get_model_info(const nrt_model_t *handle,
				     nrt_model_info_t *info, size_t info_size_in,
				     size_t *info_size_out)
{
	nrt_model_info_t found;
	struct nrt_model *model;
	NRT_STATUS status;

	if (!info)
		return fail(NRT_INVALID, "info is NULL");
	status = enter(__func__, handle, &model);
	if (status)
		return status;
	found.vnc = model->instances[0].vnc;
	leave(model);
	if (info_size_in > sizeof(found))
		info_size_in = sizeof(found);
	memcpy(info, &found, info_size_in);
	if (info_size_out)
		*info_size_out = info_size_in;
	return NRT_SUCCESS;
}

/* The array and all shapes are one allocation. */
static nrt_tensor_info_array_t *create_info(const struct nrt_model *model)
{
	nrt_tensor_info_array_t *array;
	size_t shapes = 0;
	uint32_t *shape, i;

	for (i = 0; i < model->num_tensors; i++)
		shapes += model->tensors[i].rank + 1;
	array = calloc(1, sizeof(*array) +
		       model->num_tensors * sizeof(array->tensor_array[0]) +
		       shapes * sizeof(*shape));
	if (!array)
		return NULL;
	array->tensor_count = model->num_tensors;
	shape = (uint32_t *)&array->tensor_array[model->num_tensors];
	for (i = 0; i < model->num_tensors; i++) {
		const struct neuron_neff_tensor *t = &model->tensors[i];
		nrt_tensor_info_t *info = &array->tensor_array[i];

		memcpy(info->name, t->name, sizeof(info->name));
		info->usage = i < model->num_inputs ? NRT_TENSOR_USAGE_INPUT :
						      NRT_TENSOR_USAGE_OUTPUT;
		info->size = t->size;
		info->dtype = dtypes[t->dtype];
		info->ndim = t->rank;
		memcpy(shape, t->dims, t->rank * sizeof(*shape));
		if (t->dtype == NEURON_NEFF_STRING)
			shape[info->ndim++] = NEURON_NEFF_STRING_SIZE;
		if (info->ndim)
			info->shape = shape;
		shape += info->ndim;
	}
	return array;
}

EXPORT NRT_STATUS nrt_get_model_tensor_info(nrt_model_t *handle,
					    nrt_tensor_info_array_t **tensor_info)
{
	struct nrt_model *model;
	NRT_STATUS status;

	if (!tensor_info)
		return fail(NRT_INVALID, "tensor_info is NULL");
	*tensor_info = NULL;
	status = enter(__func__, handle, &model);
	if (status)
		return status;
	*tensor_info = create_info(model);
	leave(model);
	if (!*tensor_info)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_free_model_tensor_info(nrt_tensor_info_array_t *tensor_info)
{
	free(tensor_info);
	return NRT_SUCCESS;
}

EXPORT int neuron_model_get_times(nrt_model_t *handle, struct neuron_times *times,
				  size_t size)
{
	struct nrt_model *model;

	if (!times)
		return fail(-EINVAL, "times is NULL");
	if (enter(__func__, handle, &model))
		return -EINVAL;
	pthread_mutex_lock(&model->lock);
	memcpy(times, &model->times,
	       size < sizeof(model->times) ? size : sizeof(model->times));
	pthread_mutex_unlock(&model->lock);
	leave(model);
	return 0;
}

EXPORT int neuron_model_get_steps(nrt_model_t *handle, struct neuron_step *steps,
				  size_t *count)
{
	struct nrt_model *model;

	if (!count || (*count && !steps))
		return fail(-EINVAL, "count or steps is NULL");
	if (enter(__func__, handle, &model))
		return -EINVAL;
	if (model->steps)
		steps_list(model, steps, count);
	else
		*count = 0;
	leave(model);
	return 0;
}

EXPORT int neuron_model_get_report(nrt_model_t *handle, unsigned int index,
				   struct neuron_report *report, size_t size)
{
	struct neuron_report last = { 0 };
	struct nrt_model *model, *part;
	int ret;

	if (!report)
		return fail(-EINVAL, "report is NULL");
	ret = enter_core(__func__, handle, &index, &model, &part);
	if (ret)
		return ret;
	pthread_mutex_lock(&part->lock);
	last = part->reports[index];
	pthread_mutex_unlock(&part->lock);
	leave(model);
	if (!last.version)
		return fail(-ENODATA, "there is no report: nothing has been executed, or the core was reset before it was written: execute the model first");
	memcpy(report, &last, size < sizeof(last) ? size : sizeof(last));
	return 0;
}

EXPORT int neuron_model_profile(nrt_model_t *handle, bool on)
{
	struct nrt_model *model;

	if (enter(__func__, handle, &model))
		return -EINVAL;
	model->profile = on;
	if (model->steps)
		steps_profile(model->steps, on);
	leave(model);
	return 0;
}

EXPORT int neuron_model_get_records(nrt_model_t *handle, unsigned int index,
				    struct neuron_inst_record *records, size_t *count)
{
	size_t room, n = 0;
	struct nrt_model *model, *part;
	bool found = false;
	int ret;

	if (!count || (*count && !records))
		return fail(-EINVAL, "count or records is NULL");
	room = *count;
	ret = enter_core(__func__, handle, &index, &model, &part);
	if (ret)
		return ret;
	pthread_mutex_lock(&part->lock);
	found = part->records[index];
	if (found)
		n = part->programs[index].num_insts;
	if (found && room)
		memcpy(records, part->records[index],
		       (n < room ? n : room) * sizeof(*records));
	pthread_mutex_unlock(&part->lock);
	leave(model);
	if (!found)
		return fail(-ENODATA, "there are no records: no execution has been profiled, or its core was reset: call neuron_model_profile() and execute the model");
	*count = n;
	return 0;
}
