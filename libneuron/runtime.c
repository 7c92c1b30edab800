// SPDX-License-Identifier: MIT
/* nrt_init(), nrt_close() and what can be asked about cores. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "async.h"
#include "capture.h"
#include "config.h"
#include "export.h"
#include "include/nrt/nrt_version.h"
#include "log.h"
#include "object.h"
#include "runtime.h"
#include "stats.h"

#define LIBRARY_PATCH		1
#define LIBRARY_MAINTENANCE	0
#define TEXT(x)			TEXT_(x)
#define TEXT_(x)		#x

static enum { NEVER, OPEN, CLOSED, FORKED } state;
static struct runtime *current;
/*
 * Calls hold it shared, nrt_init() and nrt_close() alone. These come before calls
 * that begin later, or threads that never pause would keep them out for ever; so
 * no call may take it twice.
 */
static pthread_rwlock_t state_lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

NRT_STATUS runtime_enter(const char *function, struct runtime **runtime)
{
	NRT_STATUS status = NRT_SUCCESS;

	pthread_rwlock_rdlock(&state_lock);
	switch (state) {
	case OPEN:
		*runtime = current;
		return NRT_SUCCESS;
	case NEVER:
		neuron_log(NEURON_LOG_ERROR, function, "call nrt_init() first");
		status = NRT_UNINITIALIZED;
		break;
	case FORKED:
		neuron_log(NEURON_LOG_ERROR, function,
			   "this process was forked from one that holds the cores and shares nothing with it: call nrt_init() in this one");
		status = NRT_UNINITIALIZED;
		break;
	case CLOSED:
		neuron_log(NEURON_LOG_ERROR, function,
			   "nrt_close() has been called: call nrt_init() again first");
		status = NRT_CLOSED;
		break;
	}
	pthread_rwlock_unlock(&state_lock);
	return status;
}

struct runtime *runtime_enter_any(void)
{
	pthread_rwlock_rdlock(&state_lock);
	return current;
}

void runtime_leave(void)
{
	pthread_rwlock_unlock(&state_lock);
}

NRT_STATUS runtime_status(int error)
{
	switch (error) {
	case 0:
		return NRT_SUCCESS;
	case -EINVAL:
	case -ERANGE:
		return NRT_INVALID;
	case -ENOMEM:
		return NRT_FAIL_HOST_MEM_ALLOC;
	case -ENOSPC:
	case -EMFILE:
	case -ENFILE:
		return NRT_RESOURCE;
	case -ETIMEDOUT:
		return NRT_TIMEOUT;
	case -EBUSY:
		return NRT_EXEC_NC_BUSY;
	case -EIO:
	case -ENODEV:
		return NRT_EXEC_UNIT_UNRECOVERABLE;
	/* What job_error() has made of a job. */
	case -EFAULT:
		return NRT_EXEC_HW_ERR_DMA_ABORT;
	case -EBADMSG:
		return NRT_EXEC_HW_ERR_HBM_UE;
	case -EREMOTEIO:
		return NRT_HW_ERROR;
	default:
		return NRT_FAILURE;
	}
}

/* The same where devices are looked for: that there is none is no failure of one. */
static NRT_STATUS opening_status(int error)
{
	return error == -ENODEV ? NRT_FAILURE : runtime_status(error);
}

/*
 * Cores
 */

/* Every device of the machine, opened. */
struct machine {
	unsigned int num_devices;
	struct neuron_device *devices[MAX_DEVICES];
	unsigned int num_cores;
};

static void close_machine(struct machine *machine)
{
	unsigned int i;

	for (i = 0; i < machine->num_devices; i++)
		neuron_device_close(machine->devices[i]);
}

static int open_machine(struct machine *machine)
{
	unsigned int count, i;
	int ret;

	memset(machine, 0, sizeof(*machine));
	ret = neuron_device_count(NULL, &count);
	if (ret)
		return ret;
	if (count > MAX_DEVICES)
		count = MAX_DEVICES;
	for (i = 0; i < count; i++) {
		ret = neuron_device_open(NULL, i, &machine->devices[i]);
		if (ret) {
			close_machine(machine);
			return ret;
		}
		machine->num_devices++;
		machine->num_cores += machine->devices[i]->info.cores;
	}
	if (machine->num_cores > MAX_CORES)
		machine->num_cores = MAX_CORES;
	return 0;
}

/* Bits of the cores [first, first + count) of the machine that are on a device. */
static uint32_t device_mask(const struct machine *machine, unsigned int device,
			    unsigned int first, unsigned int count)
{
	unsigned int base = 0, i;
	uint32_t mask = 0;

	for (i = 0; i < device; i++)
		base += machine->devices[i]->info.cores;
	for (i = 0; i < machine->devices[device]->info.cores; i++) {
		if (base + i >= first && base + i - first < count)
			mask |= 1u << i;
	}
	return mask;
}

/* All of the cores [first, first + count), or none and -EBUSY, not logged. */
static int acquire(const struct machine *machine, unsigned int first,
		   unsigned int count)
{
	unsigned int i;
	uint32_t mask;
	int ret = 0;

	for (i = 0; i < machine->num_devices; i++) {
		struct neuron_device *device = machine->devices[i];

		mask = device_mask(machine, i, first, count);
		if (mask)
			ret = device->backend->cores_acquire(device, mask);
		if (ret)
			break;
	}
	while (ret && i--) {
		mask = device_mask(machine, i, first, count);
		if (mask)
			neuron_cores_release(machine->devices[i], mask);
	}
	return ret;
}

/* Who has what: for the message to somebody who gets no cores. */
static void describe_owners(const struct machine *machine, char *text, size_t size)
{
	unsigned int number = 0, i, core;
	struct neuron_core_info info;
	size_t used = 0;

	text[0] = '\0';
	for (i = 0; i < machine->num_devices; i++) {
		for (core = 0; core < machine->devices[i]->info.cores; core++, number++) {
			if (neuron_core_get_info(machine->devices[i], core, &info,
						 sizeof(info)) ||
			    info.owned != NEURON_CORE_TAKEN || used >= size)
				continue;
			if (info.owner_pid)
				used += snprintf(text + used, size - used,
						 "%s%u by process %u",
						 used ? ", " : "", number,
						 info.owner_pid);
			else
				used += snprintf(text + used, size - used, "%s%u",
						 used ? ", " : "", number);
		}
	}
}

static NRT_STATUS acquire_cores(const struct machine *machine,
				struct core_request *request)
{
	char owners[256];
	unsigned int first;
	int ret = -EBUSY;

	if (!request->count)
		request->count = machine->num_cores;
	if (request->first >= machine->num_cores ||
	    request->count > machine->num_cores - request->first)
		return fail(NRT_INVALID, "cores %u-%u are asked for, this machine has %u: set NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES accordingly",
			    request->first, request->first + request->count - 1,
			    machine->num_cores);
	for (first = request->first;
	     ret == -EBUSY && first + request->count <= machine->num_cores; first++) {
		ret = acquire(machine, first, request->count);
		if (!ret)
			request->first = first;
		if (request->fixed)
			break;
	}
	if (ret == -EBUSY) {
		describe_owners(machine, owners, sizeof(owners));
		return fail(NRT_RESOURCE, "no %u cores%s are free next to each other (taken: %s): end the other process, or ask for fewer or others with NEURON_RT_NUM_CORES or NEURON_RT_VISIBLE_CORES",
			    request->count, request->fixed ? " of those named" : "",
			    owners);
	}
	return ret ? runtime_status(ret) : NRT_SUCCESS;
}

/* Keep the devices of which the process has a core. */
static void adopt(struct runtime *runtime, const struct machine *machine,
		  const struct core_request *request)
{
	unsigned int i, core;
	uint32_t mask;

	for (i = 0; i < machine->num_devices; i++) {
		mask = device_mask(machine, i, request->first, request->count);
		if (!mask) {
			neuron_device_close(machine->devices[i]);
			continue;
		}
		runtime->devices[runtime->num_devices++] = machine->devices[i];
		for (core = 0; mask >> core; core++) {
			if (mask >> core & 1)
				runtime->cores[runtime->num_cores++] =
					(struct runtime_core) {
						.device = machine->devices[i],
						.index = core,
					};
		}
	}
}

/*
 * A child of fork() has the parent's memory, but none of its threads and no right
 * to its cores. Nothing is freed: any lock may have been held.
 */
static void forked(void)
{
	unsigned int i;

	state_lock = (pthread_rwlock_t)PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
	neuron_log_forget();
	object_forget();
	tensor_forget();
	completion_forget();
	async_forget();
	stats_forget();
	profile_forget();
	if (state != OPEN)
		return;
	for (i = 0; i < current->num_devices; i++)
		current->devices[i]->backend->forked(current->devices[i]);
	current = NULL;
	state = FORKED;
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, forked);
}

static NRT_STATUS open_runtime(struct runtime **result)
{
	struct core_request request;
	unsigned int in_flight;
	struct machine machine;
	struct runtime *runtime;
	NRT_STATUS status;
	int ret;

	status = config_cores(&request);
	if (!status)
		status = config_in_flight(&in_flight);
	if (status)
		return status;
	ret = open_machine(&machine);
	if (ret)
		return opening_status(ret);
	status = acquire_cores(&machine, &request);
	if (status)
		goto close;
	runtime = calloc(1, sizeof(*runtime));
	if (!runtime) {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto close;
	}
	pthread_mutex_init(&runtime->lock, NULL);
	adopt(runtime, &machine, &request);
	runtime->announce = in_flight;
	stats_open(runtime, request.first);
	info("%u cores, from number %u on, on %u devices (%s)", runtime->num_cores,
	     request.first, runtime->num_devices,
	     runtime->devices[0]->backend->name);
	*result = runtime;
	return NRT_SUCCESS;

close:
	close_machine(&machine);
	return status;
}

/* Also where there is none, or only half of one. */
static void close_runtime(void)
{
	unsigned int i;

	if (!current)
		return;
	async_stop();
	profile_close();
	completion_close();
	model_unload_all();
	tensor_revoke_all();
	stats_close();
	for (i = 0; i < current->num_devices; i++)
		neuron_device_close(current->devices[i]);
	pthread_mutex_destroy(&current->lock);
	free(current);
	current = NULL;
}

EXPORT NRT_STATUS nrt_init(nrt_framework_type_t framework, const char *fw_version,
			   const char *fal_version)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	int64_t start = now_ns();
	const char *bad = neuron_log_configure();
	NRT_STATUS status = NRT_SUCCESS;

	if (bad)
		return fail(NRT_INVALID, "%s has an unknown value: give ERROR, WARN, INFO, DEBUG or TRACE as the level, console or syslog as the location",
			    bad);
	if (framework <= NRT_FRAMEWORK_TYPE_INVALID ||
	    framework > NRT_FRAMEWORK_TYPE_PRECHECK)
		return fail(NRT_INVALID, "framework %d is not known: use NRT_FRAMEWORK_TYPE_NO_FW",
			    (int)framework);
	debug("framework %d, version \"%s\", adapter \"%s\"", (int)framework,
	      fw_version ? fw_version : "", fal_version ? fal_version : "");
	pthread_once(&once, watch_forks);
	pthread_rwlock_wrlock(&state_lock);
	/* Libraries call it that do not know whether the program has done so. */
	if (state != OPEN) {
		status = open_runtime(&current);
		if (!status)
			status = profile_init();
		if (status)
			close_runtime();
		if (!status) {
			current->init_ns = now_ns() - start;
			state = OPEN;
		}
	}
	pthread_rwlock_unlock(&state_lock);
	return status;
}

EXPORT void nrt_close(void)
{
	pthread_rwlock_wrlock(&state_lock);
	if (state == OPEN) {
		close_runtime();
		state = CLOSED;
	}
	pthread_rwlock_unlock(&state_lock);
}

/*
 * Questions
 */

static NRT_STATUS total_cores(uint32_t *count)
{
	struct machine machine;
	int ret = open_machine(&machine);

	if (ret)
		return opening_status(ret);
	*count = machine.num_cores;
	close_machine(&machine);
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_get_total_vnc_count(uint32_t *vnc_count)
{
	if (!vnc_count)
		return fail(NRT_INVALID, "vnc_count is NULL");
	*vnc_count = 0;
	return total_cores(vnc_count);
}

EXPORT NRT_STATUS nrt_get_total_nc_count(uint32_t *vnc_count)
{
	return nrt_get_total_vnc_count(vnc_count);
}

static NRT_STATUS requested_cores(uint32_t *count)
{
	struct core_request request;
	uint32_t total;
	NRT_STATUS status;

	status = config_cores(&request);
	if (!status)
		status = total_cores(&total);
	if (status)
		return status;
	if (request.first >= total || request.count > total - request.first)
		return fail(NRT_INVALID, "cores %u-%u are asked for, this machine has %u: set NEURON_RT_VISIBLE_CORES or NEURON_RT_NUM_CORES accordingly",
			    request.first, request.first + request.count - 1, total);
	*count = request.count ? request.count : total;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_get_visible_vnc_count(uint32_t *vnc_count)
{
	NRT_STATUS status = NRT_SUCCESS;
	struct runtime *runtime;

	if (!vnc_count)
		return fail(NRT_INVALID, "vnc_count is NULL");
	*vnc_count = 0;
	runtime = runtime_enter_any();
	if (runtime)
		*vnc_count = runtime->num_cores;
	else
		status = requested_cores(vnc_count);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_get_visible_nc_count(uint32_t *vnc_count)
{
	return nrt_get_visible_vnc_count(vnc_count);
}

EXPORT NRT_STATUS nrt_get_vnc_memory_stats(uint32_t vnc,
					   nrt_vnc_memory_stats_t *stats,
					   size_t stats_size_in,
					   size_t *stats_size_out)
{
	struct neuron_memory_info memory;
	nrt_vnc_memory_stats_t found;
	struct runtime *runtime;
	NRT_STATUS status;

	if (!stats)
		return fail(NRT_INVALID, "stats is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	if (vnc >= runtime->num_cores)
		status = fail(NRT_INVALID, "there is no core %u, only %u of them", vnc,
			      runtime->num_cores);
	else
		status = runtime_status(neuron_memory_get_info(runtime->cores[vnc].device,
							       &memory, sizeof(memory)));
	runtime_leave();
	if (status)
		return status;
	found.bytes_used = memory.total - memory.free;
	found.bytes_limit = memory.total;
	if (stats_size_in > sizeof(found))
		stats_size_in = sizeof(found);
	memcpy(stats, &found, stats_size_in);
	if (stats_size_out)
		*stats_size_out = stats_size_in;
	return NRT_SUCCESS;
}

/* The size of the instance that has so many chips. */
static uint32_t instance_size(unsigned int chips)
{
	switch (chips) {
	case 1:
		return NRT_INSTANCE_SIZE_1XL;
	case 4:
		return NRT_INSTANCE_SIZE_6XL;
	case 16:
		return NRT_INSTANCE_SIZE_24XL;
	default:
		return NRT_INSTANCE_SIZE_UNKNOWN;
	}
}

EXPORT NRT_STATUS nrt_get_instance_info(nrt_instance_info_t *info,
					size_t instance_info_len)
{
	nrt_instance_info_t found = {
		.family = NRT_INSTANCE_INF1, .arch_name = "inf1",
	};
	struct machine machine;
	int ret;

	if (!info || !instance_info_len)
		return fail(NRT_INVALID, "info is NULL or its size is 0");
	ret = open_machine(&machine);
	if (ret)
		return opening_status(ret);
	found.size = instance_size(machine.num_devices);
	snprintf(found.device_revision, sizeof(found.device_revision), "%u",
		 machine.num_devices ? machine.devices[0]->info.hw_version % 1000000 : 0);
	close_machine(&machine);
	memcpy(info, &found,
	       instance_info_len < sizeof(found) ? instance_info_len : sizeof(found));
	return NRT_SUCCESS;
}

static NRT_STATUS device_count(const char *function, unsigned int *count)
{
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(function, &runtime);

	if (status)
		return status;
	status = opening_status(neuron_device_count(NULL, count));
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_host_device_id_get(int neuron_dev, uint32_t *host_device_id)
{
	unsigned int count;
	NRT_STATUS status;

	if (!host_device_id)
		return fail(NRT_INVALID, "host_device_id is NULL");
	status = device_count(__func__, &count);
	if (status)
		return status;
	if (neuron_dev < 0 || (unsigned int)neuron_dev >= count)
		return fail(NRT_INVALID, "there is no device %d, only %u of them",
			    neuron_dev, count);
	*host_device_id = neuron_dev;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_host_device_id_rid_map_get(uint32_t *count,
						 uint32_t *host_did_to_rid_map)
{
	unsigned int devices;
	NRT_STATUS status;
	uint32_t i;

	if (!count || (*count && !host_did_to_rid_map))
		return fail(NRT_INVALID, "count or host_did_to_rid_map is NULL");
	status = device_count(__func__, &devices);
	if (status)
		return status;
	if (*count > devices)
		*count = devices;
	for (i = 0; i < *count; i++)
		host_did_to_rid_map[i] = i;
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrt_get_hbm_mmap_va(int device_id, int hbm_idx, void **addr,
				      size_t *size)
{
	(void)addr;
	(void)size;
	return fail(NRT_INVALID, "device %d has no memory %d that is mapped as a whole: use nrt_tensor_get_va()",
		    device_id, hbm_idx);
}

EXPORT NRT_STATUS nrt_get_attached_efa_bdf(const void *va, char *efa_bdf, size_t *len)
{
	(void)efa_bdf;
	(void)len;
	return fail(NRT_FAILURE, "no network adapter is attached to the device of %p", va);
}

EXPORT NRT_STATUS nrt_get_version(nrt_version_t *ver, size_t size)
{
	static const nrt_version_t version = {
		.rt_major = NRT_MAJOR_VERSION,
		.rt_minor = NRT_MINOR_VERSION,
		.rt_patch = LIBRARY_PATCH,
		.rt_maintenance = LIBRARY_MAINTENANCE,
		.rt_detail = TEXT(NRT_MAJOR_VERSION) "." TEXT(NRT_MINOR_VERSION) "."
			     TEXT(LIBRARY_PATCH) "." TEXT(LIBRARY_MAINTENANCE)
			     " libneuron",
	};

	if (!ver || !size)
		return fail(NRT_INVALID, "ver is NULL or size is 0");
	memcpy(ver, &version, size < sizeof(version) ? size : sizeof(version));
	return NRT_SUCCESS;
}

EXPORT struct neuron_device *neuron_runtime_device(unsigned int index)
{
	struct runtime *runtime = runtime_enter_any();
	struct neuron_device *device = NULL;

	if (runtime && index < runtime->num_devices)
		device = runtime->devices[index];
	runtime_leave();
	return device;
}
