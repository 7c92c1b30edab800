// SPDX-License-Identifier: MIT
/* How often executions have completed a tensor, and waiting for that. */
#include <pthread.h>
#include <time.h>
#include "backend.h"
#include "export.h"
#include "log.h"
#include "runtime.h"
#include "tensor.h"

#define WARN_NS		30000000000ll

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static atomic_uint waiters;	/* who has none to wake need not take the lock */
static unsigned int closings;	/* guarded by @lock */

static void init_changed(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&changed, &attr);
	pthread_condattr_destroy(&attr);
}

static void wake(bool closing)
{
	pthread_once(&once, init_changed);
	pthread_mutex_lock(&lock);
	closings += closing;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void tensor_complete(struct nrt_tensor *tensor)
{
	atomic_fetch_add(&tensor->completions, 1);
	if (atomic_load(&waiters))
		wake(false);
}

void completion_close(void)
{
	wake(true);
}

void completion_forget(void)
{
	pthread_mutex_init(&lock, NULL);
	init_changed();
	atomic_store(&waiters, 0);
}

/* Wait for a change until @deadline, of CLOCK_MONOTONIC. With the lock held. */
static void wait_until(int64_t deadline)
{
	struct timespec until = {
		.tv_sec = deadline / 1000000000, .tv_nsec = deadline % 1000000000,
	};

	pthread_cond_timedwait(&changed, &lock, &until);
}

static NRT_STATUS await(const struct nrt_tensor *tensor, int64_t timeout_us,
			uint64_t expected, unsigned int closing)
{
	const int64_t start = now_ns();
	int64_t deadline = INT64_MAX, warning = start + WARN_NS, now;
	NRT_STATUS status = NRT_SUCCESS;

	if (timeout_us >= 0 && timeout_us < (INT64_MAX - start) / 1000)
		deadline = start + timeout_us * 1000;
	for (;;) {
		if (atomic_load(&tensor->completions) >= expected)
			break;
		now = now_ns();
		if (closings != closing)
			status = NRT_CLOSED;
		else if (now >= deadline)
			status = NRT_TIMEOUT;
		if (status)
			break;
		if (timeout_us < 0 && now >= warning) {
			warn("tensor %.64s has been completed %llu times in 30 seconds, %llu are waited for",
			     tensor->name,
			     (unsigned long long)atomic_load(&tensor->completions),
			     (unsigned long long)expected);
			warning = INT64_MAX;
		}
		wait_until(timeout_us < 0 && warning < deadline ? warning : deadline);
	}
	return status;
}

EXPORT NRT_STATUS nrt_tensor_check_output_completion(const nrt_tensor_t *output_tensor,
						     int64_t timeout,
						     uint64_t expected_completion_count)
{
	struct runtime *runtime;
	struct nrt_tensor *t;
	unsigned int closing;
	NRT_STATUS status;

	if (!output_tensor)
		return fail(NRT_INVALID, "the tensor is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	t = object_get(output_tensor, OBJECT_TENSOR);
	pthread_once(&once, init_changed);
	atomic_fetch_add(&waiters, 1);
	pthread_mutex_lock(&lock);
	closing = closings;
	/*
	 * A call in progress would keep nrt_close() waiting, and that the executions
	 * that this one waits for.
	 */
	runtime_leave();
	if (t)
		status = await(t, timeout, expected_completion_count, closing);
	pthread_mutex_unlock(&lock);
	atomic_fetch_sub(&waiters, 1);
	if (!t)
		return fail(NRT_INVALID_HANDLE, "this is no tensor, or it has been freed");
	if (status == NRT_TIMEOUT)
		info("tensor %.64s was not completed %llu times in time", t->name,
		     (unsigned long long)expected_completion_count);
	else if (status == NRT_CLOSED)
		complain("tensor %.64s: nrt_close() was called meanwhile", t->name);
	/* Keeps nrt_close() from closing the device of a tensor that goes with this. */
	runtime_enter_any();
	object_put(t);
	runtime_leave();
	return status;
}

EXPORT NRT_STATUS nrt_tensor_reset_output_completion(nrt_tensor_t *output_tensor)
{
	struct runtime *runtime;
	struct nrt_tensor *t;
	NRT_STATUS status;

	if (!output_tensor)
		return fail(NRT_INVALID, "the tensor is NULL");
	status = runtime_enter(__func__, &runtime);
	if (status)
		return status;
	t = object_get(output_tensor, OBJECT_TENSOR);
	if (t)
		atomic_store(&t->completions, 0);
	else
		status = fail(NRT_INVALID_HANDLE, "this is no tensor, or it has been freed");
	object_put(t);
	runtime_leave();
	return status;
}
