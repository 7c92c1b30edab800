// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <neuron/report.h>
#include "backend.h"
#include "log.h"
#include "model.h"
#include "runtime.h"
#include "stats.h"

/*
 * Read without a lock, by threads that hold the runtime: it changes only while none
 * does, in nrt_init(), nrt_close() and fork().
 */
static struct neuron_stats *page;
static int page_fd = -1;
static pthread_mutex_t model_lock = PTHREAD_MUTEX_INITIALIZER;

/* Of the execution that this thread is at: time until its programs had ended. */
static _Thread_local uint64_t device_ns;

static void add(__u64 *counter, uint64_t value)
{
	__atomic_fetch_add(counter, value, __ATOMIC_RELAXED);
}

static struct neuron_stats *make_page(void)
{
	void *address;
	int fd;

	fd = memfd_create(NEURON_STATS_FILE, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return NULL;
	if (ftruncate(fd, sizeof(*page)) ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		goto close_fd;
	address = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (address == MAP_FAILED)
		goto close_fd;
	page_fd = fd;
	return address;

close_fd:
	close(fd);
	return NULL;
}

void stats_open(const struct runtime *runtime, unsigned int first_core)
{
	const char *tag = getenv("NEURON_PROCESS_TAG");
	struct neuron_stats *stats = make_page();
	unsigned int i;

	if (!stats) {
		debug("no page for statistics: neuron-monitor will not see all of this process");
		return;
	}
	stats->version = NEURON_STATS_VERSION;
	stats->pid = getpid();
	stats->num_cores = runtime->num_cores < NEURON_STATS_CORES ? runtime->num_cores :
								      NEURON_STATS_CORES;
	for (i = 0; i < stats->num_cores; i++)
		stats->core[i].number = first_core + i;
	if (tag && *tag)
		snprintf(stats->tag, sizeof(stats->tag), "%s", tag);
	else
		snprintf(stats->tag, sizeof(stats->tag), "%d", getpid());
	snprintf(stats->device, sizeof(stats->device), "%s", runtime->devices[0]->info.name);
	__atomic_store_n(&stats->magic, NEURON_STATS_MAGIC, __ATOMIC_RELEASE);
	page = stats;
}

void stats_close(void)
{
	if (!page)
		return;
	munmap(page, sizeof(*page));
	close(page_fd);
	page = NULL;
	page_fd = -1;
}

void stats_forget(void)
{
	model_lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	stats_close();
}

static uint64_t sizes(const struct nrt_model *model, bool weights)
{
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < model->num_instances; i++)
		sum += neuron_buffer_size(weights ? model->instances[i].weights :
						    model->instances[i].programs);
	return sum;
}

void stats_model_add(const struct nrt_model *model)
{
	static uint32_t last = 10000;	/* the first number that the real runtime gives */
	struct neuron_stats_model *entry;

	if (!page)
		return;
	pthread_mutex_lock(&model_lock);
	add(&page->model_loads, 1);
	for (entry = page->model; entry < page->model + NEURON_STATS_MODELS; entry++) {
		if (entry->id)
			continue;
		snprintf(entry->name, sizeof(entry->name), "%.63s", model->name);
		entry->core = model->instances[0].vnc;
		entry->num_cores = model->num_instances * model->num_cores;
		entry->constants = sizes(model, true);
		entry->code = sizes(model, false);
		((struct nrt_model *)model)->stats_id = ++last;
		__atomic_store_n(&entry->id, last, __ATOMIC_RELEASE);
		break;
	}
	pthread_mutex_unlock(&model_lock);
}

void stats_model_remove(const struct nrt_model *model)
{
	unsigned int i;

	if (!page || !model->stats_id)
		return;
	pthread_mutex_lock(&model_lock);
	for (i = 0; i < NEURON_STATS_MODELS; i++)
		if (page->model[i].id == model->stats_id)
			__atomic_store_n(&page->model[i].id, 0, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&model_lock);
}

/* The counter that a buffer counts in; NULL: none. */
static __u64 *counter_of(const struct neuron_buffer *buffer)
{
	if (!page || !buffer || !buffer->counted || buffer->vnc >= page->num_cores)
		return NULL;
	if (buffer->memory == NEURON_MEMORY_HOST)
		return buffer->use == NEURON_USE_TENSORS ? &page->host_tensors :
							   &page->host_buffers;
	return &page->core[buffer->vnc].memory[buffer->use];
}

void stats_buffer(struct neuron_buffer *buffer, enum neuron_stats_use use, unsigned int vnc)
{
	__u64 *counter;

	if (!buffer)
		return;
	buffer->counted = true;
	buffer->use = use;
	buffer->vnc = vnc;
	counter = counter_of(buffer);
	if (counter)
		add(counter, buffer->size);
}

void stats_buffer_free(const struct neuron_buffer *buffer)
{
	__u64 *counter = counter_of(buffer);

	if (counter)
		add(counter, -buffer->size);
}

void stats_program(unsigned int vnc, uint64_t ns, const struct neuron_report *report,
		   bool success)
{
	struct neuron_stats_core *core;

	if (!page || vnc >= page->num_cores)
		return;
	core = &page->core[vnc];
	add(&core->busy_ns, ns);
	add(&core->executions, success);
	if (report->version)
		add(&core->flops, 2 * report->macs);
}

void stats_device_time(uint64_t ns)
{
	device_ns += ns;
}

static void count_failure(NRT_STATUS status)
{
	enum neuron_stats_outcome outcome = NEURON_OUTCOME_WITH_ERR;
	enum neuron_stats_error error = NEURON_ERROR_IS_GENERIC;

	switch (status) {
	case NRT_EXEC_COMPLETED_WITH_NUM_ERR:
		outcome = NEURON_OUTCOME_WITH_NUM_ERR;
		error = NEURON_ERROR_IS_NUMERICAL;
		break;
	case NRT_TIMEOUT:
		outcome = NEURON_OUTCOME_TIMED_OUT;
		break;
	case NRT_EXEC_BAD_INPUT:
		outcome = NEURON_OUTCOME_INCORRECT_INPUT;
		break;
	case NRT_RESOURCE:
	case NRT_QUEUE_FULL:
	case NRT_FAIL_HOST_MEM_ALLOC:
	case NRT_EXEC_NC_BUSY:
		outcome = NEURON_OUTCOME_FAILED_TO_QUEUE;
		error = NEURON_ERROR_IS_RUNTIME;
		break;
	case NRT_FAILURE:	/* lost in a reset that another execution caused */
		error = NEURON_ERROR_IS_TRANSIENT;
		break;
	case NRT_INVALID:
	case NRT_EXEC_OOB:
	case NRT_EXEC_COMPLETED_WITH_ERR:
		error = NEURON_ERROR_IS_MODEL;
		break;
	default:
		if (status == NRT_HW_ERROR || status == NRT_EXEC_UNIT_UNRECOVERABLE ||
		    (status >= NRT_EXEC_HW_ERR_COLLECTIVES &&
		     status <= NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE))
			error = NEURON_ERROR_IS_HARDWARE;
	}
	add(&page->outcome[outcome], 1);
	add(&page->error[error], 1);
}

void stats_executions(NRT_STATUS status, unsigned int count, uint64_t total_ns)
{
	struct neuron_stats_latency *entry;
	uint64_t device = device_ns, n;

	device_ns = 0;
	if (!page)
		return;
	if (status) {
		count_failure(status);
		return;
	}
	add(&page->outcome[NEURON_OUTCOME_COMPLETED], count);
	n = __atomic_fetch_add(&page->num_latencies, 1, __ATOMIC_RELAXED);
	entry = &page->latency[n % NEURON_STATS_LATENCIES];
	__atomic_store_n(&entry->total, total_ns / count, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->device, device / count, __ATOMIC_RELAXED);
}
