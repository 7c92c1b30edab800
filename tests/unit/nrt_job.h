/* SPDX-License-Identifier: MIT */
/* The model that tests of executions share: c = a + b, with tensors for it. */
#ifndef TESTS_NRT_JOB_H
#define TESTS_NRT_JOB_H

#include "tests/unit/nrt_test.h"

#define N	1000

static float input_a[N], input_b[N], output[N];

/* A model of two inputs and one output, and tensors for it. */
struct job {
	nrt_model_t *model;
	nrt_tensor_t *a;
	nrt_tensor_t *b;
	nrt_tensor_t *c;
	nrt_tensor_set_t *in;
	nrt_tensor_set_t *out;
};

/* Tensors for a model that is loaded. */
static inline struct job make_job(nrt_model_t *model, nrt_tensor_placement_t placement)
{
	struct job job = { .model = model };

	job.a = t_tensor(placement, sizeof(input_a));
	job.b = t_tensor(placement, sizeof(input_b));
	job.c = t_tensor(placement, sizeof(output));
	job.in = t_set("a", job.a, "b", job.b, NULL);
	job.out = t_set("c", job.c, NULL);
	CHECK_OK(nrt_tensor_write(job.a, input_a, 0, sizeof(input_a)));
	CHECK_OK(nrt_tensor_write(job.b, input_b, 0, sizeof(input_b)));
	return job;
}

static inline struct job add_job(nrt_tensor_placement_t placement)
{
	size_t size;
	void *file = nb_add(N, &size);

	return make_job(t_load(file, size), placement);
}

static inline void end_job(struct job *job)
{
	CHECK_OK(nrt_unload(job->model));
	nrt_destroy_tensor_set(&job->in);
	nrt_destroy_tensor_set(&job->out);
	nrt_tensor_free(&job->a);
	nrt_tensor_free(&job->b);
	nrt_tensor_free(&job->c);
}

/* c is the sum of a and b, and is cleared for the next time. */
static inline void check_sum(nrt_tensor_t *c)
{
	size_t i, wrong = 0;

	CHECK_OK(nrt_tensor_read(c, output, 0, sizeof(output)));
	for (i = 0; i < N; i++)
		wrong += output[i] != input_a[i] + input_b[i];
	CHECK_EQ(wrong, 0);
	CHECK_OK(nrt_tensor_memset(c, 0, 0xff, sizeof(output)));
}

#endif /* TESTS_NRT_JOB_H */
