// SPDX-License-Identifier: MIT
/*
 * Each status that this chip can have a call return: provoked, with one line in the log,
 * and over afterwards. The same handles work again, and others never stopped.
 */
#include <errno.h>
#include <poll.h>
#include <nrt/nrt_async.h>
#include <sys/wait.h>
#include "libneuron/log.h"
#include "libneuron/runtime.h"
#include "libneuron/status.h"
#include "tests/unit/nrt_job.h"

#define NO_INJECTION	"faults cannot be injected: no debugfs, or debug=off"

/*
 * Provoking. Each has the job of core 0, and leaves things such that it could work.
 */

static void failure(struct job *job)
{
	nrt_tensor_t *tensor;

	CHECK_FAILS(nrt_get_tensor_from_tensor_set(job->in, "z", &tensor), NRT_FAILURE, "no tensor z");
	CHECK_OK(nrt_get_tensor_from_tensor_set(job->in, "a", &tensor));
}

static void invalid(struct job *job)
{
	char byte;

	CHECK_FAILS(nrt_execute_repeat(job->model, job->in, job->out, 0), NRT_INVALID,
		    "give 1 at least");
	CHECK_FAILS(nrt_tensor_read(job->a, &byte, sizeof(input_a), 1), NRT_INVALID,
		    "not inside tensor");
}

static void invalid_handle(struct job *job)
{
	CHECK_FAILS(nrt_execute((nrt_model_t *)job->in, job->in, job->out),
		    NRT_INVALID_HANDLE, "the model is none");
	CHECK_FAILS(nrt_execute(job->model, (nrt_tensor_set_t *)job->a, job->out),
		    NRT_INVALID_HANDLE, "the input set is no tensor set");
	CHECK_FAILS(nrt_execute(job->model, job->in, (nrt_tensor_set_t *)job->model),
		    NRT_INVALID_HANDLE, "the output set is no tensor set");
}

static void resource(struct job *job)
{
	struct neuron_memory_info memory;
	nrt_tensor_t *tensor;

	CHECK_EQ(neuron_memory_get_info(neuron_runtime_device(0), &memory, sizeof(memory)), 0);
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, memory.total + 1, "x",
					&tensor), NRT_RESOURCE, "largest possible");
	tensor = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(input_a));
	nrt_tensor_free(&tensor);
	(void)job;
}

static void time_out(struct job *job)
{
	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_TIMEOUT,
		    "NEURON_RT_EXEC_TIMEOUT");
}

/* The queue is full while the first request hangs, and empty afterwards. */
static void queue_full(struct job *job)
{
	struct pollfd p = { .events = POLLIN };
	NRT_STATUS status = NRT_SUCCESS;
	nrta_seq_t seq = 0, refused = 0;
	unsigned int queued;

	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	for (queued = 0; queued < 1000 && !status; queued++)
		status = nrta_execute_schedule(job->model, job->in, job->out, 0, NULL,
					       status ? &refused : &seq);
	CHECK_EQ(status, NRT_QUEUE_FULL);
	CHECK_OK(nrta_get_completion_handle(seq, &p.fd));
	CHECK_EQ(poll(&p, 1, 60000), 1);
	close(p.fd);
	CHECK_OK(nrta_execute_schedule(job->model, job->in, job->out, 0, NULL, &seq));
	CHECK_OK(nrta_get_completion_handle(seq, &p.fd));
	CHECK_EQ(poll(&p, 1, 60000), 1);
	close(p.fd);
}

static void not_enough_cores(struct job *job)
{
	size_t size;
	void *file = nb_add(N, &size);
	nrt_model_t *model;

	CHECK_FAILS(nrt_load(file, size, -1, 100, &model), NRT_LOAD_NOT_ENOUGH_NC,
		    "NEURON_RT_NUM_CORES");
	CHECK_OK(nrt_load(file, size, -1, 1, &model));
	CHECK_OK(nrt_unload(model));
	free(file);
	(void)job;
}

static void unsupported_version(struct job *job)
{
	size_t size;
	struct neuron_neff_header *file = nb_add(N, &size);
	nrt_model_t *model;

	file->version++;
	CHECK_FAILS(nrt_load(file, size, -1, -1, &model), NRT_UNSUPPORTED_NEFF_VERSION,
		    "version");
	file->version--;
	CHECK_OK(nrt_load(file, size, -1, -1, &model));
	CHECK_OK(nrt_unload(model));
	free(file);
	(void)job;
}

static void no_host_memory(struct job *job)
{
	struct neuron_device_info info;
	nrt_tensor_t *tensor;

	neuron_device_get_info(neuron_runtime_device(0), &info, sizeof(info));
	CHECK_FAILS(nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_HOST, 0, info.max_buffer_size + 1,
					"x", &tensor), NRT_FAIL_HOST_MEM_ALLOC,
		    "largest possible");
	(void)job;
}

/* In a child, which has nothing of its parent's. */
static void uninitialized(struct job *job)
{
	int status = -1;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child)
		_exit(nrt_execute(job->model, job->in, job->out) != NRT_UNINITIALIZED ||
		      !strstr(t_message, "call nrt_init() in this one"));
	waitpid(child, &status, 0);
	CHECK_EQ(status, 0);
}

static void bad_input(struct job *job)
{
	nrt_tensor_t *small = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(input_a) / 2);

	CHECK_OK(nrt_add_tensor_to_tensor_set(job->in, "a", small));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_EXEC_BAD_INPUT,
		    "allocate one of that size");
	nrt_tensor_free(&small);
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_EXEC_BAD_INPUT,
		    "has been freed: add another one");
	CHECK_OK(nrt_add_tensor_to_tensor_set(job->in, "a", job->a));
}

static void made_nan(struct job *job)
{
	CHECK(t_inject(NEURON_INJECT_RETURN_NAN, 0, 1, 0));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out),
		    NRT_EXEC_COMPLETED_WITH_NUM_ERR, "--compare-reference");
}

static void busy(struct job *job)
{
	struct neuron_device *mine = neuron_runtime_device(0), *other;

	CHECK_OK(neuron_cores_release(mine, 1));
	CHECK_OK(neuron_device_open(NULL, 0, &other));
	CHECK_OK(neuron_cores_acquire(other, 1));
	CHECK_FAILS(neuron_cores_acquire(mine, 1), -EBUSY, "neuron-ls");
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_EXEC_NC_BUSY,
		    "use another core");
	neuron_device_close(other);
	CHECK_OK(neuron_cores_acquire(mine, 1));
}

/* A model of which each execution fails, beside one that does nothing wrong. */
static void faulty(enum nb_fault fault, NRT_STATUS status)
{
	nrt_tensor_set_t *in, *out;
	nrt_model_t *model;
	size_t size;
	void *file = nb_faulty(fault, N, &size);

	CHECK_OK(nrt_load(file, size, 0, 1, &model));
	free(file);
	in = t_all(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	out = t_all(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_FAILS(nrt_execute(model, in, out), status, "compile");
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
	CHECK_OK(nrt_unload(model));
}

static void out_of_bounds(struct job *job)
{
	(void)job;
	faulty(NB_OUT_OF_BOUNDS, NRT_EXEC_OOB);
}

static void deadlock(struct job *job)
{
	(void)job;
	faulty(NB_DEADLOCK, NRT_EXEC_COMPLETED_WITH_ERR);
}

static void damaged(struct job *job, unsigned int fault, NRT_STATUS status)
{
	CHECK(t_inject(NEURON_INJECT_CQE_BAD_STATUS, 0, 1, fault));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), status, "again");
}

static void inside(struct job *job)
{
	damaged(job, NEURON_FAULT_INTERNAL, NRT_HW_ERROR);
}

static void dram(struct job *job)
{
	damaged(job, NEURON_FAULT_DRAM_ECC, NRT_EXEC_HW_ERR_HBM_UE);
}

static void scratchpad(struct job *job)
{
	CHECK(t_inject(NEURON_INJECT_SBUF_FLIP_UE, 0, 1, 0));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_EXEC_HW_ERR_NC_UE,
		    "neuron-reset");
}

static void bus(struct job *job)
{
	CHECK(t_inject(NEURON_INJECT_FAIL_DMA, 0, 1, 0));
	CHECK_FAILS(nrt_execute(job->model, job->in, job->out), NRT_EXEC_HW_ERR_DMA_ABORT,
		    "IOMMU");
}

/*
 * The table
 */

static const struct row {
	NRT_STATUS status;
	void (*provoke)(struct job *job);
	bool by_injection;
} rows[] = {
	{ NRT_FAILURE, failure },
	{ NRT_INVALID, invalid },
	{ NRT_INVALID_HANDLE, invalid_handle },
	{ NRT_RESOURCE, resource },
	{ NRT_TIMEOUT, time_out, true },
	{ NRT_HW_ERROR, inside, true },
	{ NRT_QUEUE_FULL, queue_full, true },
	{ NRT_LOAD_NOT_ENOUGH_NC, not_enough_cores },
	{ NRT_UNSUPPORTED_NEFF_VERSION, unsupported_version },
	{ NRT_FAIL_HOST_MEM_ALLOC, no_host_memory },
	{ NRT_UNINITIALIZED, uninitialized },
	{ NRT_EXEC_BAD_INPUT, bad_input },
	{ NRT_EXEC_COMPLETED_WITH_NUM_ERR, made_nan, true },
	{ NRT_EXEC_COMPLETED_WITH_ERR, deadlock },
	{ NRT_EXEC_NC_BUSY, busy },
	{ NRT_EXEC_OOB, out_of_bounds },
	{ NRT_EXEC_HW_ERR_HBM_UE, dram, true },
	{ NRT_EXEC_HW_ERR_NC_UE, scratchpad, true },
	{ NRT_EXEC_HW_ERR_DMA_ABORT, bus, true },
	/* They end everything, see closed() and lost(). */
	{ NRT_CLOSED, NULL },
	{ NRT_EXEC_UNIT_UNRECOVERABLE, NULL },
};

#define NUM_ROWS	(sizeof(rows) / sizeof(rows[0]))

/* That no call returns here; libneuron(7) names them. */
static const NRT_STATUS never[] = {
	NRT_QUEUE_EMPTY, NRT_COLL_PENDING, NRT_EXEC_HW_ERR_COLLECTIVES,
	NRT_EXEC_SW_NQ_OVERFLOW, NRT_EXEC_HW_ERR_REPAIRABLE_HBM_UE, NRT_NETWORK_PROXY_FAILURE,
};

static const struct row *current;
/* On core 0, on which things go wrong, and on another one. */
static struct job victim, bystander;

static struct job load_on(int core)
{
	nrt_model_t *model = NULL;
	size_t size;
	void *file = nb_add(N, &size);

	CHECK_OK(nrt_load(file, size, core, 1, &model));
	free(file);
	return make_job(model, NRT_TENSOR_PLACEMENT_DEVICE);
}

static void works(struct job *job)
{
	CHECK_OK(nrt_execute(job->model, job->in, job->out));
	check_sum(job->c);
}

static void provoke(void)
{
	if (current->by_injection && !t_can_inject())
		return ktap_skip(NO_INJECTION);
	works(&victim);
	for (int i = 0; i < 2; i++) {
		current->provoke(&victim);
		works(&victim);
		works(&bystander);
	}
}

static void set_up(void)
{
	unsigned int cores;

	t_init();
	CHECK_OK(nrt_get_visible_vnc_count(&cores));
	setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
	victim = load_on(0);
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	bystander = load_on(cores - 1);
}

/* All are in one list or the other. */
static void complete(void)
{
	unsigned int status, i, found;

	for (status = 1; status < 10000; status++) {
		if (!strcmp(nrt_get_status_as_str(status), "NRT_UNKNOWN_STATUS"))
			continue;
		for (i = 0, found = 0; i < NUM_ROWS; i++)
			found += rows[i].status == status;
		for (i = 0; i < sizeof(never) / sizeof(never[0]); i++)
			found += never[i] == status;
		if (found != 1)
			CHECK_STR(nrt_get_status_as_str(status), "in one of the lists");
	}
}

static void closed(void)
{
	nrt_close();
	CHECK_FAILS(nrt_execute(victim.model, victim.in, victim.out), NRT_CLOSED,
		    "call nrt_init() again");
	nrt_tensor_free(&victim.a);
	nrt_tensor_free(&victim.b);
	nrt_tensor_free(&victim.c);
	nrt_destroy_tensor_set(&victim.in);
	nrt_destroy_tensor_set(&victim.out);
	t_init();
	/* Tensors outlive it, without their memory. */
	CHECK_FAILS(nrt_tensor_write(bystander.a, input_a, 0, sizeof(input_a)), NRT_INVALID,
		    "allocate a new one");
	victim = load_on(0);
	CHECK_FAILS(nrt_execute(victim.model, bystander.in, victim.out), NRT_EXEC_BAD_INPUT,
		    "allocate a new one");
	works(&victim);
	nrt_tensor_free(&bystander.a);
	nrt_tensor_free(&bystander.b);
	nrt_tensor_free(&bystander.c);
	nrt_destroy_tensor_set(&bystander.in);
	nrt_destroy_tensor_set(&bystander.out);
	end_job(&victim);
}

/* A chip that is lost takes no other one with it, and starts afresh when all is closed. */
static void lost(void)
{
	nrt_model_t *model = NULL;
	size_t size;
	void *file;

	if (!t_sim())
		return ktap_skip("the simulator comes back from this, a real device would not");
	nrt_close();
	setenv("NEURON_RT_DEVICE", "sim:2", 1);
	set_up();
	CHECK(t_inject(NEURON_INJECT_VANISH, 0, 1, 0));
	CHECK_EQ(nrt_execute(victim.model, victim.in, victim.out), NRT_TIMEOUT);
	for (int i = 0; i < 2; i++) {
		CHECK_FAILS(nrt_execute(victim.model, victim.in, victim.out),
			    NRT_EXEC_UNIT_UNRECOVERABLE, "nrt_close() and nrt_init()");
		works(&bystander);
	}
	file = nb_add(N, &size);
	CHECK_FAILS(nrt_load(file, size, 0, 1, &model), NRT_EXEC_UNIT_UNRECOVERABLE,
		    "nrt_close() and nrt_init()");
	CHECK(!model);
	free(file);
	end_job(&victim);
	end_job(&bystander);
	nrt_close();
	setenv("NEURON_RT_DEVICE", "sim", 1);
	set_up();
	works(&victim);
	end_job(&victim);
	end_job(&bystander);
}

/* What the chip does wrong while a model is loaded: only what cannot be mended fails. */
static void unprepared(void)
{
	struct job job;
	size_t size;
	void *file;

	if (!t_can_inject())
		return ktap_skip(NO_INJECTION);
	setenv("NEURON_RT_LOG_LEVEL", "WARN", 1);
	neuron_log_configure();
	file = nb_add(N, &size);
	memset(&job, 0, sizeof(job));
	CHECK(t_inject(NEURON_INJECT_CQE_BAD_STATUS, 0, 1, NEURON_FAULT_INTERNAL));
	CHECK_FAILS(nrt_load(file, size, 0, 1, &job.model), NRT_SUCCESS,
		    "its first execution will take longer: the chip failed inside");
	job = make_job(job.model, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
	setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	CHECK_FAILS(nrt_load(file, size, 0, 1, &job.model), NRT_SUCCESS, "took too long");
	job = make_job(job.model, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_OK(nrt_execute(job.model, job.in, job.out));
	check_sum(job.c);
	end_job(&job);
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	unsetenv("NEURON_RT_LOG_LEVEL");
	neuron_log_configure();
	free(file);
}

/* Copies on the device fail like executions, and the next one works. */
static void failing_copies(void)
{
	static const struct {
		unsigned int fault;
		NRT_STATUS status;
		const char *remedy;
	} cases[] = {
		{ NEURON_FAULT_DMA_ABORT, NRT_EXEC_HW_ERR_DMA_ABORT, "IOMMU" },
		{ NEURON_FAULT_DRAM_ECC, NRT_EXEC_HW_ERR_HBM_UE, "write the tensors again" },
		{ NEURON_FAULT_CANCELLED, NRT_FAILURE, "do it again" },
		{ NEURON_FAULT_INTERNAL, NRT_HW_ERROR, "neuron-reset" },
	};
	nrt_tensor_t *a = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(output));
	nrt_tensor_t *b = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, sizeof(output));
	struct neuron_device_info info = { 0 };
	struct neuron_job_result lost = { .state = NEURON_JOB_LOST };
	struct neuron_job_result late = { .state = NEURON_JOB_TIMEOUT };
	unsigned int i, q;

	CHECK_EQ(runtime_status(job_error(&lost)), NRT_EXEC_UNIT_UNRECOVERABLE);
	CHECK_EQ(runtime_status(job_error(&late)), NRT_TIMEOUT);
	if (!t_can_inject())
		return ktap_skip(NO_INJECTION);
	neuron_device_get_info(neuron_runtime_device(0), &info, sizeof(info));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* Any of the queues may be next. */
		for (q = 0; q < info.dma_queues; q++)
			CHECK(t_inject(NEURON_INJECT_CQE_BAD_STATUS, info.cores + q, 1,
				       cases[i].fault));
		CHECK_FAILS(nrt_tensor_copy(a, 0, b, 0, sizeof(output)), cases[i].status,
			    "a copy of 4000 bytes failed: ");
		if (!strstr(t_message, cases[i].remedy))
			CHECK_STR(t_message, cases[i].remedy);
		for (q = 0; q < info.dma_queues; q++)
			CHECK(t_inject(NEURON_INJECT_CQE_BAD_STATUS, info.cores + q, 0, 0));
		CHECK_OK(nrt_tensor_copy(a, 0, b, 0, sizeof(output)));
	}
	nrt_tensor_free(&a);
	nrt_tensor_free(&b);
}

int main(void)
{
	char name[96];
	size_t i;

	for (i = 0; i < N; i++) {
		input_a[i] = i;
		input_b[i] = 1000 - 3.f * i;
	}
	t_setup();
	set_up();
	ktap_run("statuses are all looked at", complete);
	for (i = 0; i < NUM_ROWS; i++) {
		current = &rows[i];
		if (!current->provoke)
			continue;
		snprintf(name, sizeof(name), "after %s all goes on",
			 nrt_get_status_as_str(current->status));
		ktap_run(name, provoke);
	}
	ktap_run("copies on failing hardware", failing_copies);
	ktap_run("loading on failing hardware", unprepared);
	ktap_run("closed and opened again", closed);
	ktap_run("a chip is lost", lost);
	t_can_inject();	/* disarms, and lets the chip sleep */
	nrt_close();
	return ktap_done();
}
