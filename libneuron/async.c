// SPDX-License-Identifier: MIT
/*
 * Asynchronous requests. From top to bottom: error trackers, queues, each with a thread
 * of its own, what requests do, and the calls that queue them and ask about them.
 *
 * Threads hold no lock of the runtime: nrt_close() waits for them before it takes
 * anything away. Queues outlive it, so that numbers of requests are never used twice.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "async.h"
#include "export.h"
#include "include/nrt/nrt_async.h"
#include "include/nrt/nrt_experimental.h"
#include "log.h"
#include "model.h"
#include "runtime.h"

#define MAX_QUEUED	64
#define NUM_QUEUES	4	/* of each unit, except for one */

/* Of nrt_register_async_exec_callback(). */
static pthread_mutex_t callback_lock = PTHREAD_MUTEX_INITIALIZER;
static NRT_ASYNC_EXEC_STATUS_CALLBACK callback;
static void *callback_params;
static atomic_ullong last_job;

_Static_assert(sizeof(nrta_error_t) == 16, "part of the ABI");
_Static_assert(MAX_CORES <= 1 << 8 && NRTA_XU_TYPE_NUM <= 1 << 3 && NUM_QUEUES <= 1 << 5,
	       "a queue's place fits nrta_xu_id_t");

/*
 * Error trackers
 */

/**
 * struct nrta_error_tracker - requests that have failed
 * @object: what has a handle
 * @lock: guards the rest
 * @errors: those that nobody has taken yet
 * @count: number of them
 * @room: entries that @errors has room for: @count and @expected at least
 * @expected: requests that may still fail
 * @taken: what nrta_error_tracker_get_list() has given out last
 */
struct nrta_error_tracker {
	struct object object;
	pthread_mutex_t lock;
	nrta_error_t *errors;
	size_t count;
	size_t room;
	size_t expected;
	nrta_error_t *taken;
};

static void destroy_tracker(struct object *object)
{
	struct nrta_error_tracker *tracker = (struct nrta_error_tracker *)object;

	free(tracker->errors);
	free(tracker->taken);
	pthread_mutex_destroy(&tracker->lock);
	free(tracker);
}

/* Room for so many errors. With the lock held. */
static bool make_room(struct nrta_error_tracker *tracker, size_t wanted)
{
	size_t room = 2 * tracker->room + 4;
	nrta_error_t *more;

	if (wanted <= tracker->room)
		return true;
	if (room < wanted)
		room = wanted;
	more = reallocarray(tracker->errors, room, sizeof(*more));
	if (!more)
		return false;
	tracker->errors = more;
	tracker->room = room;
	return true;
}

/* A request is to be queued: when it fails, there will be room for that. */
static bool expect(struct nrta_error_tracker *tracker)
{
	bool room;

	pthread_mutex_lock(&tracker->lock);
	room = make_room(tracker, tracker->count + tracker->expected + 1);
	tracker->expected += room;
	pthread_mutex_unlock(&tracker->lock);
	return room;
}

/* It has ended, or has not been queued. */
static void track(struct nrta_error_tracker *tracker, nrta_seq_t seq, NRT_STATUS status)
{
	pthread_mutex_lock(&tracker->lock);
	tracker->expected--;
	if (status)
		tracker->errors[tracker->count++] = (nrta_error_t) {
			.seq_id = seq, .error_code = status,
		};
	pthread_mutex_unlock(&tracker->lock);
}

EXPORT NRT_STATUS nrta_error_tracker_create(uint32_t lnc_idx,
					    nrta_error_tracker_t **error_tracker)
{
	struct nrta_error_tracker *tracker;
	struct runtime *runtime;
	NRT_STATUS status;

	if (!error_tracker)
		return fail(NRT_INVALID, "error_tracker is NULL");
	*error_tracker = NULL;
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	if (lnc_idx >= runtime->num_cores)
		status = fail(NRT_INVALID, "there is no core %u, only %u of them", lnc_idx,
			      runtime->num_cores);
	runtime_leave();
	if (status)
		return status;
	tracker = calloc(1, sizeof(*tracker));
	if (!tracker)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	pthread_mutex_init(&tracker->lock, NULL);
	if (!object_add(&tracker->object, OBJECT_ERROR_TRACKER, destroy_tracker)) {
		destroy_tracker(&tracker->object);
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	*error_tracker = tracker;
	return NRT_SUCCESS;
}

EXPORT void nrta_error_tracker_destroy(nrta_error_tracker_t *error_tracker)
{
	if (error_tracker && !object_remove(error_tracker, OBJECT_ERROR_TRACKER))
		complain("this is no error tracker, or it has been destroyed before");
}

EXPORT NRT_STATUS nrta_error_tracker_get_list(nrta_error_tracker_t *error_tracker,
					      const nrta_error_t **list,
					      size_t *error_count)
{
	struct nrta_error_tracker *tracker;
	NRT_STATUS status = NRT_SUCCESS;
	nrta_error_t *next = NULL;

	if (!list || !error_count)
		return fail(NRT_INVALID, "list or error_count is NULL");
	*list = NULL;
	*error_count = 0;
	tracker = object_get(error_tracker, OBJECT_ERROR_TRACKER);
	if (!tracker)
		return fail(NRT_INVALID_HANDLE, "this is no error tracker, or it has been destroyed");
	pthread_mutex_lock(&tracker->lock);
	/* Those that may still fail need another place. */
	if (tracker->count && tracker->expected)
		next = reallocarray(NULL, tracker->expected, sizeof(*next));
	if (!tracker->count || !tracker->expected || next) {
		free(tracker->taken);
		tracker->taken = NULL;
		if (tracker->count) {
			tracker->taken = tracker->errors;
			tracker->errors = next;
			tracker->room = next ? tracker->expected : 0;
		}
		*list = tracker->taken;
		*error_count = tracker->count;
		tracker->count = 0;
	} else {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	pthread_mutex_unlock(&tracker->lock);
	object_put(tracker);
	return status;
}

/*
 * Queues
 */

/**
 * struct request - what a queue holds; with references to all that is not NULL
 * @tracker: is told when it fails
 * @model: to execute
 * @inputs: its inputs, the request's own set
 * @outputs: its outputs, the same
 * @src: tensor to read
 * @dst: tensor to write
 * @buf: memory instead of one of these
 * @src_offset: first byte in @src
 * @dst_offset: first byte in @dst
 * @size: bytes
 */
struct request {
	struct nrta_error_tracker *tracker;
	struct nrt_model *model;
	struct tensor_set *inputs;
	struct tensor_set *outputs;
	struct nrt_tensor *src;
	struct nrt_tensor *dst;
	void *buf;
	uint64_t src_offset;
	uint64_t dst_offset;
	uint64_t size;
};

/* A descriptor that becomes readable with a request. */
struct watch {
	struct watch *next;
	uint64_t number;
	int fd;
};

/**
 * struct queue - a queue of a core's execution unit
 * @id: what it has in nrta_seq_t
 * @lock: guards the rest; @issued and @completed are read without it
 * @more: there is a request, or @stop is set
 * @less: a request has been completed
 * @thread: executes the requests
 * @started: there is a thread
 * @stop: it ends when the queue is empty
 * @issued: number of the last request
 * @completed: number of the last one completed
 * @ring: the requests between, by number
 * @watches: who waits for requests
 */
struct queue {
	nrta_xu_id_t id;
	pthread_mutex_t lock;
	pthread_cond_t more;
	pthread_cond_t less;
	pthread_t thread;
	bool started;
	bool stop;
	atomic_ullong issued;
	atomic_ullong completed;
	struct request ring[MAX_QUEUED];
	struct watch *watches;
};

static struct queue *_Atomic queues[MAX_CORES][NRTA_XU_TYPE_NUM][NUM_QUEUES];

static nrta_xu_id_t make_id(unsigned int core, unsigned int xu, unsigned int number)
{
	return core << 8 | xu << 5 | number;
}

static struct queue *_Atomic *place_of(nrta_xu_id_t id)
{
	unsigned int core = id >> 8, xu = id >> 5 & 7, number = id & 31;

	return core < MAX_CORES && xu < NRTA_XU_TYPE_NUM && number < NUM_QUEUES ?
	       &queues[core][xu][number] : NULL;
}

static nrta_seq_t make_seq(nrta_xu_id_t id, uint64_t number)
{
	return (nrta_seq_t)id << 48 | (number & NRTA_SEQ_NUM_MASK);
}

/* The queue, made when it is first wanted; NULL without memory. */
static struct queue *get_queue(nrta_xu_id_t id)
{
	struct queue *_Atomic *place = place_of(id);
	struct queue *queue = atomic_load(place), *made;

	if (queue)
		return queue;
	made = calloc(1, sizeof(*made));
	if (!made)
		return NULL;
	made->id = id;
	pthread_mutex_init(&made->lock, NULL);
	pthread_cond_init(&made->more, NULL);
	pthread_cond_init(&made->less, NULL);
	if (atomic_compare_exchange_strong(place, &queue, made))
		return made;
	free(made);	/* another thread was faster */
	return queue;
}

/* Everything that the request refers to but its tracker. */
static void put_request(struct request *request)
{
	tensor_set_free(request->inputs);
	tensor_set_free(request->outputs);
	object_put(request->model);
	object_put(request->src);
	object_put(request->dst);
}

/* The request has ended, or has not been queued. */
static void end_request(struct request *request, nrta_seq_t seq, NRT_STATUS status)
{
	put_request(request);
	if (request->tracker)
		track(request->tracker, seq, status);
	object_put(request->tracker);
}

static NRT_STATUS run_request(const struct request *r)
{
	if (r->model)
		return model_run(r->model, r->inputs, r->outputs, 1);
	if (r->src && r->dst)
		return tensor_copy(r->src, r->src_offset, r->dst, r->dst_offset, r->size);
	if (r->dst)
		return tensor_write(r->dst, r->dst_offset, r->buf, r->size);
	return tensor_read(r->src, r->src_offset, r->buf, r->size);
}

static void wake_watch(struct watch *watch)
{
	const uint64_t one = 1;

	/* It cannot fail: the counter was 0. */
	if (write(watch->fd, &one, sizeof(one)) < 0)
		complain("completion handle: %s", strerror(errno));
	close(watch->fd);
	free(watch);
}

/* With the lock held. */
static void wake_watches(struct queue *queue)
{
	struct watch **link = &queue->watches, *watch;

	while ((watch = *link)) {
		if (watch->number > queue->completed) {
			link = &watch->next;
			continue;
		}
		*link = watch->next;
		wake_watch(watch);
	}
}

static void *work(void *arg)
{
	struct queue *queue = arg;
	struct request request;
	uint64_t number;
	NRT_STATUS status;

	pthread_mutex_lock(&queue->lock);
	for (;;) {
		while (queue->completed == queue->issued && !queue->stop)
			pthread_cond_wait(&queue->more, &queue->lock);
		number = queue->completed + 1;
		if (number > queue->issued)
			break;
		request = queue->ring[number % MAX_QUEUED];
		pthread_mutex_unlock(&queue->lock);
		status = run_request(&request);
		end_request(&request, make_seq(queue->id, number), status);
		pthread_mutex_lock(&queue->lock);
		queue->completed = number;
		pthread_cond_broadcast(&queue->less);
		wake_watches(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return NULL;
}

/* With the lock held. Signals are for the application's own threads. */
static int start(struct queue *queue)
{
	sigset_t all, old;
	int ret;

	queue->stop = false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&queue->thread, NULL, work, queue);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	queue->started = !ret;
	return ret;
}

/* Takes over all references of @request, also when it fails. */
static NRT_STATUS push(const char *function, nrta_xu_id_t id, struct request *request,
		       nrta_seq_t *seq)
{
	struct queue *queue = get_queue(id);
	NRT_STATUS status = NRT_SUCCESS;
	uint64_t number;
	int ret = 0;

	if (!queue) {
		end_request(request, 0, NRT_SUCCESS);
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	}
	pthread_mutex_lock(&queue->lock);
	if (queue->issued - queue->completed >= MAX_QUEUED) {
		status = NRT_QUEUE_FULL;
		if (neuron_log_enabled(NEURON_LOG_INFO))
			neuron_log(NEURON_LOG_INFO, function,
				   "%u requests are queued: wait for one of them", MAX_QUEUED);
	} else if (!queue->started) {
		ret = start(queue);
	}
	if (ret) {
		neuron_log(NEURON_LOG_ERROR, function, "a thread for the queue: %s: raise the limit of threads (ulimit -u, the cgroup's pids.max)",
			   strerror(ret));
		status = NRT_RESOURCE;
	}
	if (!status) {
		number = queue->issued + 1;
		queue->ring[number % MAX_QUEUED] = *request;
		*seq = make_seq(queue->id, number);
		queue->issued = number;
		pthread_cond_signal(&queue->more);
	}
	pthread_mutex_unlock(&queue->lock);
	if (status)
		end_request(request, 0, NRT_SUCCESS);
	return status;
}

/* All queues there are. */
static void for_all(void (*act)(struct queue *queue))
{
	unsigned int core, xu, number;
	struct queue *queue;

	for (core = 0; core < MAX_CORES; core++) {
		for (xu = 0; xu < NRTA_XU_TYPE_NUM; xu++) {
			for (number = 0; number < NUM_QUEUES; number++) {
				queue = atomic_load(&queues[core][xu][number]);
				if (queue)
					act(queue);
			}
		}
	}
}

static void stop(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->stop = true;
	pthread_cond_signal(&queue->more);
	pthread_mutex_unlock(&queue->lock);
	if (queue->started)
		pthread_join(queue->thread, NULL);
	queue->started = false;
}

void async_stop(void)
{
	for_all(stop);
}

static void forget(struct queue *queue)
{
	atomic_store(place_of(queue->id), NULL);
}

void async_forget(void)
{
	for_all(forget);
	pthread_mutex_init(&callback_lock, NULL);
}

/*
 * Queueing
 */

/* What all such calls begin with; runtime_leave() only after NRT_SUCCESS. */
static NRT_STATUS enter(const char *function, int queue, int num_queues,
			nrta_error_tracker_t *err, nrta_seq_t *req_sequence,
			struct request *request)
{
	struct runtime *runtime;
	NRT_STATUS status;

	memset(request, 0, sizeof(*request));
	if (!req_sequence) {
		neuron_log(NEURON_LOG_ERROR, function, "req_sequence is NULL");
		return NRT_INVALID;
	}
	if (queue < 0 || queue >= num_queues) {
		neuron_log(NEURON_LOG_ERROR, function, "there is no queue %d, only %d of them",
			   queue, num_queues);
		return NRT_INVALID;
	}
	status = runtime_enter(function, &runtime);
	if (status || !err)
		return status;
	request->tracker = object_get(err, OBJECT_ERROR_TRACKER);
	if (request->tracker && expect(request->tracker))
		return NRT_SUCCESS;
	if (request->tracker) {
		neuron_log(NEURON_LOG_ERROR, function, NO_MEMORY);
		status = NRT_FAIL_HOST_MEM_ALLOC;
	} else {
		neuron_log(NEURON_LOG_ERROR, function,
			   "err is no error tracker, or it has been destroyed");
		status = NRT_INVALID_HANDLE;
	}
	object_put(request->tracker);
	runtime_leave();
	return status;
}

/* What they end with. */
static NRT_STATUS submit(const char *function, NRT_STATUS status, unsigned int core,
			 nrta_xu_t xu, int queue, struct request *request,
			 nrta_seq_t *req_sequence)
{
	if (status)
		end_request(request, 0, NRT_SUCCESS);
	else
		status = push(function, make_id(core, xu, queue), request, req_sequence);
	runtime_leave();
	return status;
}

static NRT_STATUS get_tensor(const char *function, nrt_tensor_t *handle,
			     struct nrt_tensor **tensor)
{
	*tensor = object_get(handle, OBJECT_TENSOR);
	if (*tensor)
		return NRT_SUCCESS;
	neuron_log(NEURON_LOG_ERROR, function, "this is no tensor, or it has been freed");
	return NRT_INVALID_HANDLE;
}

/* One tensor, and memory of the application's. */
static NRT_STATUS check_memory(const char *function, const struct nrt_tensor *tensor,
			       uint64_t offset, uint64_t size, const void *buf)
{
	NRT_STATUS status = tensor_check_range(function, tensor, offset, size);

	if (!status && size && !buf) {
		neuron_log(NEURON_LOG_ERROR, function, "buf is NULL");
		status = NRT_INVALID;
	}
	return status;
}

/* Queue a copy between a tensor and memory, in the direction that @xu stands for. */
static NRT_STATUS transfer(const char *function, nrta_xu_t xu, nrt_tensor_t *handle,
			   void *buf, uint64_t offset, uint64_t size, int queue,
			   nrta_error_tracker_t *err, nrta_seq_t *req_sequence)
{
	struct nrt_tensor *tensor;
	struct request r;
	NRT_STATUS status = enter(function, queue, NUM_QUEUES, err, req_sequence, &r);
	unsigned int core = 0;

	if (status)
		return status;
	r.buf = buf;
	r.size = size;
	status = get_tensor(function, handle, &tensor);
	if (!status) {
		core = tensor->vnc;
		status = check_memory(function, tensor, offset, size, buf);
	}
	if (xu == NRTA_XU_TENSOR_WRITE) {
		r.dst = tensor;
		r.dst_offset = offset;
	} else {
		r.src = tensor;
		r.src_offset = offset;
	}
	return submit(function, status, core, xu, queue, &r, req_sequence);
}

EXPORT NRT_STATUS nrta_tensor_write(nrt_tensor_t *tensor, const void *buf,
				    uint64_t offset, uint64_t size, int queue,
				    nrta_error_tracker_t *err, nrta_seq_t *req_sequence)
{
	return transfer(__func__, NRTA_XU_TENSOR_WRITE, tensor, (void *)buf, offset, size,
			queue, err, req_sequence);
}

EXPORT NRT_STATUS nrta_tensor_read(void *buf, nrt_tensor_t *tensor, uint64_t offset,
				   uint64_t size, int queue, nrta_error_tracker_t *err,
				   nrta_seq_t *req_sequence)
{
	return transfer(__func__, NRTA_XU_TENSOR_READ, tensor, buf, offset, size, queue,
			err, req_sequence);
}

EXPORT NRT_STATUS nrta_tensor_copy(nrt_tensor_t *src, uint64_t src_offset,
				   nrt_tensor_t *dst, uint64_t dst_offset, uint64_t size,
				   int queue, nrta_error_tracker_t *err,
				   nrta_seq_t *req_sequence)
{
	struct request r;
	NRT_STATUS status = enter(__func__, queue, NUM_QUEUES, err, req_sequence, &r);
	unsigned int core = 0;

	if (status)
		return status;
	r.src_offset = src_offset;
	r.dst_offset = dst_offset;
	r.size = size;
	status = get_tensor(__func__, src, &r.src);
	if (!status)
		status = get_tensor(__func__, dst, &r.dst);
	if (!status) {
		core = r.dst->vnc;
		status = tensor_check_copy(__func__, r.src, src_offset, r.dst, dst_offset,
					   size);
	}
	return submit(__func__, status, core, NRTA_XU_TENSOR_OP, queue, &r, req_sequence);
}

/* A set of the request's own, with the tensors [first, end) of the model. */
static NRT_STATUS pick(const struct nrt_model *model, uint32_t first, uint32_t end,
		       struct tensor_set *from, struct tensor_set **result)
{
	NRT_STATUS status = NRT_SUCCESS;
	struct nrt_tensor *tensor;
	uint32_t i;

	*result = tensor_set_new();
	if (!*result)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	for (i = first; i < end && !status; i++) {
		tensor = NULL;
		status = model_find_tensor(model, i, from, &tensor);
		if (!status)
			status = tensor_set_add(*result, model->tensors[i].name, tensor);
		object_put(tensor);
	}
	return status;
}

EXPORT NRT_STATUS nrta_execute_schedule(nrt_model_t *model,
					const nrt_tensor_set_t *input,
					nrt_tensor_set_t *output, int queue,
					nrta_error_tracker_t *err,
					nrta_seq_t *req_sequence)
{
	struct tensor_set *in, *out;
	unsigned int core = 0;
	struct request r;
	NRT_STATUS status = enter(__func__, queue, 1, err, req_sequence, &r);

	if (status)
		return status;
	r.model = object_get(model, OBJECT_MODEL);
	in = object_get(input, OBJECT_TENSOR_SET);
	out = object_get(output, OBJECT_TENSOR_SET);
	if (!r.model || !in || !out)
		status = fail(NRT_INVALID_HANDLE, "%s", !r.model ? NO_MODEL : !in ? NO_INPUT_SET : NO_OUTPUT_SET);
	if (!status) {
		core = r.model->instances[0].vnc;
		status = pick(r.model, 0, r.model->num_inputs, in, &r.inputs);
	}
	if (!status)
		status = pick(r.model, r.model->num_inputs, r.model->num_tensors, out,
			      &r.outputs);
	object_put(in);
	object_put(out);
	return submit(__func__, status, core, NRTA_XU_COMPUTE, queue, &r, req_sequence);
}

/*
 * Questions
 */

/* The queue of a request that there is or was; with the runtime entered. */
static NRT_STATUS find_request(const char *function, nrta_seq_t seq, struct queue **queue)
{
	struct queue *_Atomic *place = place_of(NRTA_SEQ_GET_XU_ID(seq));
	uint64_t number = NRTA_SEQ_GET_SEQ_NUM(seq);
	struct runtime *runtime;
	NRT_STATUS status = runtime_enter(function, &runtime);

	if (status)
		return status;
	*queue = place ? atomic_load(place) : NULL;
	if (*queue && number && number <= atomic_load(&(*queue)->issued))
		return NRT_SUCCESS;
	neuron_log(NEURON_LOG_ERROR, function, "there is no request %#llx",
		   (unsigned long long)seq);
	runtime_leave();
	return NRT_INVALID;
}

EXPORT NRT_STATUS nrta_is_completed(nrta_seq_t seq, bool *is_completed)
{
	struct queue *queue;
	NRT_STATUS status;

	if (!is_completed)
		return fail(NRT_INVALID, "is_completed is NULL");
	*is_completed = false;
	status = find_request(__func__, seq, &queue);
	if (status)
		return status;
	*is_completed = NRTA_SEQ_GET_SEQ_NUM(seq) <= atomic_load(&queue->completed);
	runtime_leave();
	return NRT_SUCCESS;
}

EXPORT NRT_STATUS nrta_get_sequence(uint32_t lnc, nrta_xu_t xu, int queue,
				    nrta_seq_t *seq)
{
	const int num_queues = xu == NRTA_XU_COMPUTE ? 1 : NUM_QUEUES;
	struct runtime *runtime;
	struct queue *found;
	nrta_xu_id_t id;
	NRT_STATUS status;

	if (!seq)
		return fail(NRT_INVALID, "seq is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	if (lnc >= runtime->num_cores || (unsigned int)xu >= NRTA_XU_TYPE_NUM ||
	    queue < 0 || queue >= num_queues) {
		status = fail(NRT_INVALID, "there is no queue %d of unit %d of core %u",
			      queue, (int)xu, lnc);
	} else {
		id = make_id(lnc, xu, queue);
		found = atomic_load(place_of(id));
		*seq = make_seq(id, found ? atomic_load(&found->completed) : 0);
	}
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrta_get_completion_handle(nrta_seq_t seq, int *fd)
{
	struct watch *watch;
	struct queue *queue;
	NRT_STATUS status;

	if (!fd)
		return fail(NRT_INVALID, "fd is NULL");
	*fd = -1;
	status = find_request(__func__, seq, &queue);
	if (status)
		return status;
	watch = malloc(sizeof(*watch));
	if (!watch) {
		status = fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		goto leave;
	}
	/* One for the caller, who may close it at any time, and one for us. */
	*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	watch->fd = *fd < 0 ? -1 : fcntl(*fd, F_DUPFD_CLOEXEC, 0);
	watch->number = NRTA_SEQ_GET_SEQ_NUM(seq);
	if (watch->fd < 0) {
		status = fail(NRT_RESOURCE, "a completion handle: %s: close those that are not needed any more, or raise the limit of open files (ulimit -n)",
			      strerror(errno));
		if (*fd >= 0)
			close(*fd);
		*fd = -1;
		free(watch);
		goto leave;
	}
	pthread_mutex_lock(&queue->lock);
	watch->next = queue->watches;
	queue->watches = watch;
	wake_watches(queue);
	pthread_mutex_unlock(&queue->lock);
leave:
	runtime_leave();
	return status;
}

/* Wait until all that is queued now is completed. */
static void drain(struct queue *queue)
{
	uint64_t last;

	pthread_mutex_lock(&queue->lock);
	last = queue->issued;
	while (queue->completed < last)
		pthread_cond_wait(&queue->less, &queue->lock);
	pthread_mutex_unlock(&queue->lock);
}

EXPORT NRT_STATUS nrt_async_drain_queued_execs(int32_t vnc)
{
	struct runtime *runtime;
	struct queue *queue;
	NRT_STATUS status = runtime_enter(__func__, &runtime);

	if (status)
		return status;
	if (vnc < 0 || (uint32_t)vnc >= runtime->num_cores) {
		status = fail(NRT_INVALID, "there is no core %d: give one from 0 to %u", vnc,
			      runtime->num_cores - 1);
	} else {
		queue = atomic_load(&queues[vnc][NRTA_XU_COMPUTE][0]);
		if (queue)
			drain(queue);
	}
	runtime_leave();
	return status;
}

/*
 * Implicit asynchronous mode
 */

EXPORT NRT_STATUS nrt_register_async_exec_callback(NRT_ASYNC_EXEC_STATUS_CALLBACK function,
						   void *params)
{
	pthread_mutex_lock(&callback_lock);
	callback = function;
	callback_params = params;
	pthread_mutex_unlock(&callback_lock);
	return NRT_SUCCESS;
}

NRT_STATUS async_announce(uint64_t model, unsigned int vnc, NRT_STATUS status)
{
	NRT_ASYNC_EXEC_STATUS_CALLBACK function;
	void *params;

	pthread_mutex_lock(&callback_lock);
	function = callback;
	params = callback_params;
	pthread_mutex_unlock(&callback_lock);
	if (!function)
		return status;
	function(params, model, vnc, atomic_fetch_add(&last_job, 1) + 1, status);
	return NRT_SUCCESS;
}
