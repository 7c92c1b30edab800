// SPDX-License-Identifier: MIT
/* Asynchronous requests; meant to run under TSan as well. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <nrt/nrt_async.h>
#include "tests/unit/nrt_test.h"

#define THREADS	16
#define ROUNDS	20
#define N	500
#define LARGE	(1u << 20)

static nrt_model_t *load(void)
{
	size_t size;
	void *file = nb_add(N, &size);

	return t_load(file, size);
}

/* A model that executes so long that requests pile up behind it: a core's scratchpad. */
static nrt_model_t *load_slow(uint32_t *n)
{
	size_t size;
	void *file;

	*n = LARGE / 4;
	file = nb_add(*n, &size);
	return t_load(file, size);
}

static bool await(nrta_seq_t seq)
{
	bool completed = false;
	int i;

	for (i = 0; i < 600000 && !completed; i++) {
		if (nrta_is_completed(seq, &completed))
			return false;
		if (!completed)
			usleep(100);
	}
	return completed;
}

/* Write, execute, read, each after the one before it has been completed. */
static bool round_trip(nrt_model_t *model, nrt_tensor_set_t *in, nrt_tensor_set_t *out,
		       nrt_tensor_t *t[3], int queue, float value)
{
	float a[N], b[N], c[N];
	nrta_seq_t s1, s2;
	int i;

	for (i = 0; i < N; i++) {
		a[i] = i;
		b[i] = value;
	}
	if (nrta_tensor_write(t[0], a, 0, sizeof(a), queue, NULL, &s1) ||
	    nrta_tensor_write(t[1], b, 0, sizeof(b), queue, NULL, &s2) ||
	    !await(s1) || !await(s2))
		return false;
	while ((i = nrta_execute_schedule(model, in, out, 0, NULL, &s1)) == NRT_QUEUE_FULL)
		usleep(100);
	if (i || !await(s1) ||
	    nrta_tensor_read(c, t[2], 0, sizeof(c), queue, NULL, &s1) || !await(s1))
		return false;
	for (i = 0; i < N; i++) {
		if (c[i] != a[i] + b[i])
			return false;
	}
	return true;
}

static void set_up(nrt_tensor_t *t[3], nrt_tensor_set_t **in, nrt_tensor_set_t **out)
{
	for (int i = 0; i < 3; i++)
		t[i] = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, N * sizeof(float));
	*in = t_set("a", t[0], "b", t[1], NULL);
	*out = t_set("c", t[2], NULL);
}

static void tear_down(nrt_tensor_t *t[3], nrt_tensor_set_t **in, nrt_tensor_set_t **out)
{
	for (int i = 0; i < 3; i++)
		nrt_tensor_free(&t[i]);
	nrt_destroy_tensor_set(in);
	nrt_destroy_tensor_set(out);
}

static void requests(void)
{
	nrt_model_t *model = load();
	nrt_tensor_set_t *in, *out;
	char text[16] = "copied", back[16];
	nrta_seq_t first, second, last;
	nrt_tensor_t *t[3], *host;
	bool completed = true;

	set_up(t, &in, &out);
	CHECK(round_trip(model, in, out, t, 0, 3));
	CHECK(round_trip(model, in, out, t, 3, 4));

	/* Numbers of a queue go up by one, and lead back to it. */
	CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &first));
	CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &second));
	CHECK_EQ(second, first + 1);
	CHECK_EQ(NRTA_SEQ_GET_XU_ID(first), NRTA_SEQ_GET_XU_ID(second));
	CHECK(await(second));
	CHECK_OK(nrta_is_completed(first, &completed));
	CHECK(completed);
	CHECK_OK(nrta_get_sequence(0, NRTA_XU_COMPUTE, 0, &last));
	CHECK_EQ(last, second);
	CHECK_OK(nrta_get_sequence(1, NRTA_XU_TENSOR_READ, 2, &last));
	CHECK_EQ(NRTA_SEQ_GET_SEQ_NUM(last), 0);

	host = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64);
	CHECK_OK(nrt_tensor_write(host, text, 0, sizeof(text)));
	CHECK_OK(nrta_tensor_copy(host, 0, t[0], 64, sizeof(text), 1, NULL, &first));
	CHECK(await(first));
	CHECK_OK(nrt_tensor_read(t[0], back, 64, sizeof(back)));
	CHECK_STR(back, "copied");
	nrt_tensor_free(&host);
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(model));
}

/* The set is changed right after scheduling: the request has what was there then. */
static void sets_change(void)
{
	nrt_model_t *model = load();
	nrt_tensor_t *t[3], *other[8];
	nrt_tensor_set_t *in, *out;
	float one[N], zero[N], c[N];
	nrta_seq_t seq = 0;

	set_up(t, &in, &out);
	for (int i = 0; i < N; i++) {
		one[i] = 1;
		zero[i] = 0;
	}
	CHECK_OK(nrt_tensor_write(t[0], one, 0, sizeof(one)));
	CHECK_OK(nrt_tensor_write(t[1], one, 0, sizeof(one)));
	for (int i = 0; i < 8; i++) {
		other[i] = t_tensor(NRT_TENSOR_PLACEMENT_HOST, sizeof(zero));
		CHECK_OK(nrt_add_tensor_to_tensor_set(out, "c", other[i]));
		CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &seq));
	}
	nrt_destroy_tensor_set(&out);
	CHECK(await(seq));
	for (int i = 0; i < 8; i++) {
		CHECK_OK(nrt_tensor_read(other[i], c, 0, sizeof(c)));
		CHECK(c[0] == 2 && c[N - 1] == 2);
		CHECK_OK(nrt_tensor_check_output_completion(other[i], 0, 1));
		nrt_tensor_free(&other[i]);
	}
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(model));
}

/* Is it readable within so many milliseconds? */
static bool readable(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, ms) == 1 && p.revents == POLLIN;
}

static void handles(void)
{
	struct rlimit old, few;
	nrt_model_t *model = load();
	nrt_tensor_set_t *in, *out;
	nrt_tensor_t *t[3];
	int fd[8], fds, i;
	nrta_seq_t seq[8];

	set_up(t, &in, &out);
	for (i = 0; i < 8; i++) {
		CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &seq[i]));
		CHECK_OK(nrta_get_completion_handle(seq[i], &fd[i]));
	}
	/* One that is closed early disturbs nobody. */
	close(fd[3]);
	for (i = 7; i >= 0; i--) {
		bool completed = false;

		if (i == 3)
			continue;
		CHECK(readable(fd[i], 60000));
		CHECK_OK(nrta_is_completed(seq[i], &completed));
		CHECK(completed);
		close(fd[i]);
	}
	/* Of one completed long ago. */
	CHECK_OK(nrta_get_completion_handle(seq[0], &fd[0]));
	CHECK(readable(fd[0], 0));
	close(fd[0]);
	CHECK_FAILS(nrta_get_completion_handle(seq[7] + 1, &fd[0]), NRT_INVALID,
		    "no request");
	CHECK_FAILS(nrta_get_completion_handle(seq[7], NULL), NRT_INVALID, "NULL");

	fds = dup(0);
	if (fds < 0)
		fds = open("/dev/null", O_RDONLY);
	close(fds);
	getrlimit(RLIMIT_NOFILE, &old);
	few = old;
	few.rlim_cur = fds + 1;	/* room for one, two are needed */
	setrlimit(RLIMIT_NOFILE, &few);
	CHECK_FAILS(nrta_get_completion_handle(seq[7], &fd[0]), NRT_RESOURCE, "open files");
	setrlimit(RLIMIT_NOFILE, &old);
	CHECK_EQ(fd[0], -1);
	CHECK_OK(nrta_get_completion_handle(seq[7], &fd[0]));
	close(fd[0]);
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(model));
}

/* Of a request that is not completed: the core hangs until its time-out. */
static void handle_of_pending(void)
{
	nrta_error_tracker_t *tracker;
	const nrta_error_t *errors;
	nrt_tensor_set_t *in, *out;
	nrt_model_t *model;
	nrta_seq_t seq, next;
	nrt_tensor_t *t[3];
	bool completed = true;
	size_t count;
	int fd;

	if (!t_can_inject())
		return;
	setenv("NEURON_RT_EXEC_TIMEOUT", "1", 1);
	model = load();
	unsetenv("NEURON_RT_EXEC_TIMEOUT");
	set_up(t, &in, &out);
	CHECK_OK(nrta_error_tracker_create(0, &tracker));
	CHECK(t_inject(NEURON_INJECT_HANG_CORE, 0, 1, 0));
	CHECK_OK(nrta_execute_schedule(model, in, out, 0, tracker, &seq));
	CHECK_OK(nrta_get_completion_handle(seq, &fd));
	CHECK(!readable(fd, 100));
	CHECK_OK(nrta_is_completed(seq, &completed));
	CHECK(!completed);
	CHECK(readable(fd, 60000));
	close(fd);
	CHECK_OK(nrta_error_tracker_get_list(tracker, &errors, &count));
	CHECK_EQ(count, 1);
	CHECK_EQ(errors[0].seq_id, seq);
	CHECK_EQ(errors[0].error_code, NRT_TIMEOUT);
	/* The next one is none the worse for it. */
	CHECK_OK(nrta_execute_schedule(model, in, out, 0, tracker, &next));
	CHECK(await(next));
	CHECK_OK(nrta_error_tracker_get_list(tracker, &errors, &count));
	CHECK_EQ(count, 0);
	nrta_error_tracker_destroy(tracker);
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(model));
}

/* Errors are in the list of their tracker, once, and do not stick. */
static void errors(void)
{
	nrta_error_tracker_t *tracker, *other;
	nrta_seq_t seq, last_good, bad[3];
	nrt_model_t *model, *good = load();
	nrt_tensor_set_t *in, *out, *fin, *fout;
	const nrta_error_t *list;
	nrt_tensor_t *t[3];
	size_t size, count;
	void *file = nb_faulty(NB_OUT_OF_BOUNDS, N, &size);

	model = t_load(file, size);
	fin = t_all(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	fout = t_all(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	set_up(t, &in, &out);
	CHECK_OK(nrta_error_tracker_create(0, &tracker));
	CHECK_OK(nrta_error_tracker_create(0, &other));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(nrta_execute_schedule(model, fin, fout, 0, tracker, &bad[i]), 0);
		CHECK_EQ(nrta_execute_schedule(good, in, out, 0, other, &last_good), 0);
	}
	CHECK_EQ(nrta_execute_schedule(model, fin, fout, 0, NULL, &seq), 0);
	/* The good ones may be another core's. */
	CHECK(await(seq) && await(bad[2]) && await(last_good));
	CHECK_OK(nrta_error_tracker_get_list(tracker, &list, &count));
	CHECK_EQ(count, 3);
	for (size_t i = 0; i < count; i++) {
		CHECK_EQ(list[i].seq_id, bad[i]);
		CHECK_EQ(list[i].error_code, NRT_EXEC_OOB);
	}
	CHECK_OK(nrta_error_tracker_get_list(tracker, &list, &count));
	CHECK_EQ(count, 0);
	CHECK(!list);
	CHECK_OK(nrta_error_tracker_get_list(other, &list, &count));
	CHECK_EQ(count, 0);

	/* A tracker that is destroyed before its request ends. */
	CHECK_EQ(nrta_execute_schedule(model, fin, fout, 0, tracker, &seq), 0);
	nrta_error_tracker_destroy(tracker);
	CHECK(await(seq));
	CHECK_FAILS(nrta_error_tracker_get_list(tracker, &list, &count), NRT_INVALID_HANDLE,
		    "error tracker");
	CHECK_FAILS(nrta_execute_schedule(good, in, out, 0, tracker, &seq),
		    NRT_INVALID_HANDLE, "error tracker");
	CHECK_FAILS(nrta_error_tracker_get_list(other, NULL, &count), NRT_INVALID, "NULL");
	CHECK_FAILS(nrta_error_tracker_create(99, &tracker), NRT_INVALID, "no core 99");
	CHECK_FAILS(nrta_error_tracker_create(0, NULL), NRT_INVALID, "NULL");
	nrta_error_tracker_destroy(other);
	nrta_error_tracker_destroy(NULL);
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(good));
	CHECK_OK(nrt_unload(model));
}

static void bad_requests(void)
{
	nrt_model_t *model = load();
	nrt_tensor_set_t *in, *out;
	nrt_cc_context_t *context;
	nrt_cc_comm_t comm = { 0 };
	nrt_tensor_t *t[3], *freed;
	bool completed;
	char buf[64];
	nrta_seq_t seq;

	set_up(t, &in, &out);
	CHECK_FAILS(nrta_tensor_write(t[0], buf, N * 4 - 63, 64, 0, NULL, &seq), NRT_INVALID,
		    "not inside");
	CHECK_FAILS(nrta_tensor_read(buf, t[0], N * 4 - 63, 64, 0, NULL, &seq), NRT_INVALID,
		    "not inside");
	CHECK_FAILS(nrta_tensor_read(NULL, t[0], 0, 64, 0, NULL, &seq), NRT_INVALID, "NULL");
	CHECK_FAILS(nrta_tensor_write(t[0], buf, 0, 64, 4, NULL, &seq), NRT_INVALID,
		    "no queue 4");
	CHECK_FAILS(nrta_tensor_write(t[0], buf, 0, 64, -1, NULL, &seq), NRT_INVALID,
		    "no queue -1");
	CHECK_FAILS(nrta_tensor_write(t[0], buf, 0, 64, 0, NULL, NULL), NRT_INVALID,
		    "req_sequence");
	CHECK_FAILS(nrta_tensor_copy(t[0], 0, t[0], 32, 64, 0, NULL, &seq), NRT_INVALID,
		    "overlap");
	freed = t_tensor(NRT_TENSOR_PLACEMENT_HOST, 64);
	nrt_tensor_free(&freed);
	CHECK_FAILS(nrta_tensor_write(NULL, buf, 0, 64, 0, NULL, &seq), NRT_INVALID_HANDLE,
		    "no tensor");
	CHECK_FAILS(nrta_tensor_copy(t[0], 0, NULL, 0, 64, 0, NULL, &seq),
		    NRT_INVALID_HANDLE, "no tensor");
	CHECK_FAILS(nrta_execute_schedule(model, in, out, 1, NULL, &seq), NRT_INVALID,
		    "no queue 1");
	CHECK_FAILS(nrta_execute_schedule(NULL, in, out, 0, NULL, &seq), NRT_INVALID_HANDLE,
		    "model");
	CHECK_FAILS(nrta_execute_schedule(model, in, in, 0, NULL, &seq), NRT_EXEC_BAD_INPUT,
		    "output c");
	CHECK_FAILS(nrta_is_completed(0, &completed), NRT_INVALID, "no request");
	CHECK_FAILS(nrta_is_completed(~0ull, &completed), NRT_INVALID, "no request");
	CHECK_FAILS(nrta_is_completed(1, NULL), NRT_INVALID, "NULL");
	CHECK_FAILS(nrta_get_sequence(99, NRTA_XU_COMPUTE, 0, &seq), NRT_INVALID, "core 99");
	CHECK_FAILS(nrta_get_sequence(0, NRTA_XU_TYPE_NUM, 0, &seq), NRT_INVALID, "unit 5");
	CHECK_FAILS(nrta_get_sequence(0, NRTA_XU_COMPUTE, 1, &seq), NRT_INVALID, "queue 1");
	CHECK_FAILS(nrta_cc_prepare(&comm, NULL, NULL, NRT_DTYPE_FLOAT32, NRT_OP_ADD,
				    NRT_CC_ALLREDUCE, &context), NRT_FAILURE, "collectives");
	CHECK_FAILS(nrta_cc_prepare(NULL, NULL, NULL, NRT_DTYPE_FLOAT32, NRT_OP_ADD,
				    NRT_CC_ALLREDUCE, &context), NRT_INVALID, "NULL");
	CHECK_FAILS(nrta_cc_schedule(&context, 0, NULL, &seq), NRT_FAILURE, "collectives");
	tear_down(t, &in, &out);
	CHECK_OK(nrt_unload(model));
}

/* A queue takes so many requests, refuses more, and takes them again later. */
static void full(void)
{
	nrt_tensor_set_t *in, *out;
	nrta_seq_t seq = 0, last = 0;
	NRT_STATUS status = NRT_SUCCESS;
	nrt_model_t *model;
	uint32_t n;
	int i;

	model = load_slow(&n);
	in = t_all(model, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	out = t_all(model, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_DEVICE);
	for (i = 0; i < 100000 && !status; i++) {
		status = nrta_execute_schedule(model, in, out, 0, NULL, &seq);
		if (!status)
			last = seq;
	}
	CHECK_EQ(status, NRT_QUEUE_FULL);
	CHECK(i > 64);
	CHECK(await(last - 63));
	CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &seq));
	CHECK_EQ(seq, last + 1);
	CHECK_OK(nrt_async_drain_queued_execs(0));
	CHECK_OK(nrta_get_sequence(0, NRTA_XU_COMPUTE, 0, &last));
	CHECK_EQ(last, seq);
	/* Unloading waits for what is queued. */
	for (i = 0; i < 10; i++)
		CHECK_OK(nrta_execute_schedule(model, in, out, 0, NULL, &last));
	CHECK_OK(nrt_unload(model));
	CHECK(await(last));
	nrt_destroy_tensor_set(&in);
	nrt_destroy_tensor_set(&out);
}

static nrt_model_t *shared;

static void *in_thread(void *arg)
{
	unsigned int number = (uintptr_t)arg;
	nrt_tensor_t *t[3] = { NULL };
	nrt_tensor_set_t *in, *out;
	void *failed = NULL;
	int i;

	if (nrt_allocate_tensor_set(&in) || nrt_allocate_tensor_set(&out))
		return (void *)1;
	for (i = 0; i < 3; i++) {
		if (nrt_tensor_allocate(number % 2 ? NRT_TENSOR_PLACEMENT_DEVICE :
						     NRT_TENSOR_PLACEMENT_HOST,
					number % 4, N * sizeof(float), "t", &t[i]) ||
		    nrt_add_tensor_to_tensor_set(i < 2 ? in : out,
						 i == 0 ? "a" : i == 1 ? "b" : "c", t[i]))
			return (void *)2;
	}
	for (i = 0; i < ROUNDS && !failed; i++) {
		if (!round_trip(shared, in, out, t, number % 4, number * 100 + i))
			failed = (void *)3;
	}
	tear_down(t, &in, &out);
	return failed;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	void *failed;
	int i;

	shared = load();
	for (i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&thread[i], NULL, in_thread,
					(void *)(uintptr_t)i), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(thread[i], &failed);
		CHECK_EQ((uintptr_t)failed, 0);
	}
	CHECK_OK(nrt_unload(shared));
}

/* nrt_close() completes what is queued; a request's number stays its own. */
static void closing(void)
{
	nrt_tensor_t *t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, LARGE);
	static char data[LARGE], back[LARGE];
	nrta_seq_t seq, old;
	bool completed = false;
	int fd;

	memset(data, 7, sizeof(data));
	CHECK_OK(nrt_tensor_write(t, data, 0, sizeof(data)));
	CHECK_OK(nrta_tensor_read(back, t, 0, sizeof(back), 0, NULL, &old));
	CHECK_OK(nrta_get_completion_handle(old, &fd));
	nrt_close();
	CHECK(readable(fd, 0));
	close(fd);
	CHECK(!memcmp(data, back, sizeof(data)));
	CHECK_FAILS(nrta_is_completed(old, &completed), NRT_CLOSED, "nrt_init");
	CHECK_FAILS(nrta_tensor_read(back, t, 0, 1, 0, NULL, &seq), NRT_CLOSED, "nrt_init");
	nrt_tensor_free(&t);
	t_init();
	CHECK_OK(nrta_is_completed(old, &completed));
	CHECK(completed);
	t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	CHECK_OK(nrta_tensor_read(back, t, 0, 64, 0, NULL, &seq));
	CHECK_EQ(seq, old + 1);
	CHECK(await(seq));
	nrt_tensor_free(&t);
}

/* What a child of fork() finds: nothing, a clear message, and a way on. */
static int child(nrta_seq_t seq)
{
	nrt_tensor_t *t = NULL;
	bool completed;
	char buf[64];

	t_messages = 0;
	if (nrta_is_completed(seq, &completed) != NRT_UNINITIALIZED || t_messages != 1 ||
	    !strstr(t_message, "forked"))
		return 1;
#ifdef __SANITIZE_THREAD__	/* it does not let the child have threads */
	return 0;
#endif
	/* Each process has simulated chips of its own; the driver's cores are taken. */
	if (!t_sim())
		return 0;
	if (nrt_init(NRT_FRAMEWORK_TYPE_NO_FW, "", "") ||
	    nrt_tensor_allocate(NRT_TENSOR_PLACEMENT_DEVICE, 0, 64, "t", &t))
		return 2;
	if (nrta_is_completed(seq, &completed) != NRT_INVALID)
		return 3;
	if (nrta_tensor_read(buf, t, 0, 64, 0, NULL, &seq) || !await(seq))
		return 4;
	nrt_close();
	return 0;
}

static void forks(void)
{
	nrt_tensor_t *t = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 64);
	nrta_seq_t seq;
	int status = -1;
	char buf[64];
	pid_t pid;

	for (int i = 0; i < 10; i++)
		CHECK_OK(nrta_tensor_read(buf, t, 0, sizeof(buf), 0, NULL, &seq));
	pid = fork();
	if (!pid)
		_exit(child(seq));
	CHECK(pid > 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 0);
	/* The parent goes on. */
	CHECK(await(seq));
	CHECK_OK(nrta_tensor_read(buf, t, 0, sizeof(buf), 0, NULL, &seq));
	CHECK(await(seq));
	nrt_tensor_free(&t);
}

int main(void)
{
	t_setup();
	t_init();
	ktap_run("asynchronous requests", requests);
	ktap_run("sets that change after scheduling", sets_change);
	ktap_run("completion handles", handles);
	ktap_run("a completion handle of a hung execution", handle_of_pending);
	ktap_run("error trackers", errors);
	ktap_run("requests that are refused", bad_requests);
	ktap_run("a full queue", full);
	ktap_run("threads make requests", threads);
	ktap_run("requests while all is closed", closing);
	ktap_run("requests and fork", forks);
	nrt_close();
	return ktap_done();
}
