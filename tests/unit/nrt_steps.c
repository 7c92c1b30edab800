// SPDX-License-Identifier: MIT
/* Executing models with steps: results, actual shapes, failures, threads. */
#include <errno.h>
#include <pthread.h>
#include "tests/unit/nrt_test.h"
#include "tests/unit/steps_builder.h"

#define N	64

/* A tensor of a set by its name. */
static nrt_tensor_t *get(nrt_tensor_set_t *set, const char *name)
{
	nrt_tensor_t *tensor = NULL;

	CHECK_OK(nrt_get_tensor_from_tensor_set(set, name, &tensor));
	return tensor;
}

struct loaded {
	nrt_model_t *model;
	nrt_tensor_set_t *in;
	nrt_tensor_set_t *out;
};

static struct loaded load(void *file, size_t size, nrt_tensor_placement_t placement)
{
	struct loaded l = { .model = t_load(file, size) };

	l.in = t_all(l.model, NRT_TENSOR_USAGE_INPUT, placement);
	l.out = t_all(l.model, NRT_TENSOR_USAGE_OUTPUT, placement);
	return l;
}

/* A set of t_all()'s, with its tensors. */
static void free_all(nrt_model_t *model, nrt_tensor_set_t **set, nrt_tensor_usage_t usage)
{
	nrt_tensor_info_array_t *info;
	nrt_tensor_t *tensor;

	CHECK_OK(nrt_get_model_tensor_info(model, &info));
	for (uint64_t i = 0; i < info->tensor_count; i++) {
		if (info->tensor_array[i].usage != usage)
			continue;
		tensor = get(*set, info->tensor_array[i].name);
		nrt_tensor_free(&tensor);
	}
	nrt_free_model_tensor_info(info);
	nrt_destroy_tensor_set(set);
}

static void unload(struct loaded *l)
{
	free_all(l->model, &l->in, NRT_TENSOR_USAGE_INPUT);
	free_all(l->model, &l->out, NRT_TENSOR_USAGE_OUTPUT);
	CHECK_OK(nrt_unload(l->model));
}

/* a + b is 0 but for every @step-th element, from 1 on. */
static void fill(const struct loaded *l, unsigned int step)
{
	float a[N], b[N];
	unsigned int i;

	for (i = 0; i < N; i++) {
		a[i] = (float)i;
		b[i] = i % step == 1 % step ? 100 : -(float)i;
	}
	CHECK_OK(nrt_tensor_write(get(l->in, "a"), a, 0, sizeof(a)));
	CHECK_OK(nrt_tensor_write(get(l->in, "b"), b, 0, sizeof(b)));
}

static void check(const struct loaded *l, unsigned int step)
{
	uint32_t shape[NEURON_MAX_DIMS], rank = 0, n = 0, i;
	int64_t where[N];
	float values[N];

	CHECK_EQ(neuron_tensor_get_shape(get(l->out, "where"), &rank, shape), 0);
	CHECK_EQ(rank, 2);
	CHECK_EQ(shape[0], 1);
	CHECK_OK(nrt_tensor_read(get(l->out, "where"), where, 0, sizeof(where)));
	CHECK_OK(nrt_tensor_read(get(l->out, "values"), values, 0, sizeof(values)));
	for (i = 1 % step; i < N; i += step, n++) {
		CHECK_EQ(where[n], i);
		CHECK_EQ(values[n], 100 + i);
	}
	CHECK_EQ(shape[1], n);
	CHECK_EQ(neuron_tensor_get_shape(get(l->out, "values"), &rank, shape), 0);
	CHECK_EQ(rank, 1);
	CHECK_EQ(shape[0], n);
	/* Behind it there is nothing of what was there before. */
	for (; n < N; n++) {
		CHECK_EQ(where[n], 0);
		CHECK_EQ(values[n], 0);
	}
}

static void shapes(void)
{
	static const nrt_tensor_placement_t placements[] = {
		NRT_TENSOR_PLACEMENT_DEVICE, NRT_TENSOR_PLACEMENT_HOST,
	};
	uint32_t shape[NEURON_MAX_DIMS], rank;
	struct loaded l;
	unsigned int i;
	size_t size;
	void *file;

	for (i = 0; i < 2; i++) {
		file = sb_found(N, &size);
		l = load(file, size, placements[i]);
		/* Nothing has been put there yet. */
		CHECK_EQ(neuron_tensor_get_shape(get(l.out, "where"), &rank, shape),
			 -ENODATA);
		fill(&l, 1);
		CHECK_OK(nrt_execute(l.model, l.in, l.out));
		check(&l, 1);
		fill(&l, 7);
		CHECK_OK(nrt_execute(l.model, l.in, l.out));
		check(&l, 7);
		fill(&l, N + 1);
		CHECK_OK(nrt_execute_repeat(l.model, l.in, l.out, 3));
		check(&l, N + 1);
		unload(&l);
	}
}

/* The info has the most that there can be, of strings with their bytes. */
static void info(void)
{
	nrt_tensor_info_array_t *array;
	nrt_model_t *model;
	size_t size;
	void *file;

	file = sb_found(N, &size);
	model = t_load(file, size);
	CHECK_OK(nrt_get_model_tensor_info(model, &array));
	CHECK_EQ(array->tensor_count, 4);
	CHECK_EQ(array->tensor_array[2].size, N * 8);
	CHECK_EQ(array->tensor_array[2].shape[1], N);
	nrt_free_model_tensor_info(array);
	CHECK_OK(nrt_unload(model));
	file = sb_strings(3, &size);
	model = t_load(file, size);
	CHECK_OK(nrt_get_model_tensor_info(model, &array));
	CHECK_EQ(array->tensor_array[0].dtype, NRT_DTYPE_UINT8);
	CHECK_EQ(array->tensor_array[0].ndim, 2);
	CHECK_EQ(array->tensor_array[0].shape[0], 3);
	CHECK_EQ(array->tensor_array[0].shape[1], NEURON_NEFF_STRING_SIZE);
	nrt_free_model_tensor_info(array);
	CHECK_OK(nrt_unload(model));
}

/* Which steps there are, how long they took, and what the chip says of its own. */
static void questions(void)
{
	struct neuron_step steps[8];
	struct neuron_report report;
	struct neuron_times times;
	struct loaded l;
	size_t size, count = 8;
	void *file = sb_found(N, &size);

	l = load(file, size, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_EQ(neuron_model_get_report(l.model, 0, &report, sizeof(report)), -ENODATA);
	fill(&l, 3);
	neuron_model_profile(l.model, true);
	CHECK_OK(nrt_execute(l.model, l.in, l.out));
	CHECK_EQ(neuron_model_get_steps(l.model, steps, &count), 0);
	CHECK_EQ(count, 4);
	CHECK(!steps[0].on_host);
	CHECK_EQ(steps[0].cores, 1);
	CHECK(steps[1].on_host);
	CHECK_STR(steps[1].op, "NonZero");
	CHECK_STR(steps[1].layer, "found_node");
	CHECK(strstr(steps[1].reason, "depends on data"));
	CHECK(steps[1].nanoseconds > 0);
	CHECK_EQ(neuron_model_get_report(l.model, 0, &report, sizeof(report)), 0);
	CHECK(report.cycles > 0);
	CHECK_EQ(neuron_model_get_report(l.model, 1, &report, sizeof(report)), -ENOENT);
	count = 0;
	CHECK_EQ(neuron_model_get_records(l.model, 0, NULL, &count), 0);
	CHECK_EQ(count, 4);
	CHECK_EQ(neuron_model_get_times(l.model, &times, sizeof(times)), 0);
	CHECK_EQ(times.executions, 1);
	unload(&l);
	/* One that the chip computes as a whole has none. */
	file = nb_add(N, &size);
	l = load(file, size, NRT_TENSOR_PLACEMENT_DEVICE);
	count = 8;
	CHECK_EQ(neuron_model_get_steps(l.model, steps, &count), 0);
	CHECK_EQ(count, 0);
	unload(&l);
}

static void ways(void)
{
	float a[N], y[N];
	struct loaded l;
	unsigned int i;
	size_t size;
	char c;
	void *file = sb_either(N, &size);

	for (i = 0; i < N; i++)
		a[i] = (float)i;
	l = load(file, size, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_OK(nrt_tensor_write(get(l.in, "a"), a, 0, sizeof(a)));
	for (c = 0; c < 2; c++) {
		CHECK_OK(nrt_tensor_write(get(l.in, "c"), &c, 0, 1));
		CHECK_OK(nrt_execute(l.model, l.in, l.out));
		CHECK_OK(nrt_tensor_read(get(l.out, "y"), y, 0, sizeof(y)));
		for (i = 0; i < N; i++)
			CHECK_EQ(y[i], c ? i : 2 * i);
	}
	unload(&l);
}

/* The first @count of x, each plus one, or plus what the piece that it is kept of has. */
static void check_pieces(struct loaded *l, bool whole, unsigned int count)
{
	const unsigned int kept = SB_PIECE - SB_BEFORE - SB_BEHIND;
	uint32_t shape[NEURON_MAX_DIMS], rank;
	bool keep[N] = { false };
	unsigned int i;
	float y[N];

	memset(keep, true, count);
	CHECK_OK(nrt_tensor_write(get(l->in, "keep"), keep, 0, sizeof(keep)));
	CHECK_OK(nrt_execute(l->model, l->in, l->out));
	CHECK_EQ(neuron_tensor_get_shape(get(l->out, "y"), &rank, shape), 0);
	CHECK_EQ(rank, 1);
	CHECK_EQ(shape[0], count);
	CHECK_OK(nrt_tensor_read(get(l->out, "y"), y, 0, sizeof(y)));
	for (i = 0; i < N; i++)
		CHECK_EQ(y[i], i >= count ? 0 : !whole ? i + 1 : i + 100 * (SB_BEFORE + i % kept));
}

static void pieces(void)
{
	float x[N], w[SB_PIECE];
	struct neuron_step steps[4];
	struct loaded l;
	unsigned int i;
	size_t size, n;

	for (i = 0; i < N; i++)
		x[i] = (float)i;
	for (i = 0; i < SB_PIECE; i++)
		w[i] = (float)(100 * i);
	for (int whole = 0; whole < 2; whole++) {
		void *file = sb_pieces(N, whole ? SB_WHOLE : SB_ONE, &size);

		l = load(file, size, whole ? NRT_TENSOR_PLACEMENT_HOST : NRT_TENSOR_PLACEMENT_DEVICE);
		CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, sizeof(x)));
		if (whole)
			CHECK_OK(nrt_tensor_write(get(l.in, "w"), w, 0, sizeof(w)));
		for (i = 0; i <= N; i += i < 20 ? 1 : 11)
			check_pieces(&l, whole, i);
		check_pieces(&l, whole, N);
		check_pieces(&l, whole, 3);
		n = 4;
		CHECK_EQ(neuron_model_get_steps(l.model, steps, &n), 0);
		CHECK_EQ(n, 2);
		CHECK(!steps[1].on_host);
		unload(&l);
	}
}

/* What goes together is as long; if it is not, nothing is made up. */
static void lengths(void)
{
	bool keep[N] = { false }, other[N] = { false };
	uint32_t shape[NEURON_MAX_DIMS], rank;
	struct loaded l;
	unsigned int i;
	float x[N], y[N];
	size_t size;
	void *file = sb_pieces(N, SB_OTHERS, &size);

	for (i = 0; i < N; i++)
		x[i] = (float)i;
	l = load(file, size, NRT_TENSOR_PLACEMENT_HOST);
	CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, sizeof(x)));
	/* The first twenty, and the last ones. */
	memset(keep, true, 20);
	memset(other + N - 20, true, 20);
	CHECK_OK(nrt_tensor_write(get(l.in, "keep"), keep, 0, sizeof(keep)));
	CHECK_OK(nrt_tensor_write(get(l.in, "other"), other, 0, sizeof(other)));
	CHECK_OK(nrt_execute(l.model, l.in, l.out));
	CHECK_OK(nrt_tensor_read(get(l.out, "y"), y, 0, sizeof(y)));
	for (i = 0; i < N; i++)
		CHECK_EQ(y[i], i < 20 ? 2 * i + N - 20 : 0);
	keep[20] = true;
	CHECK_OK(nrt_tensor_write(get(l.in, "keep"), keep, 0, sizeof(keep)));
	CHECK_FAILS(nrt_execute(l.model, l.in, l.out), NRT_EXEC_BAD_INPUT, "21 and 20 elements");
	keep[20] = false;
	CHECK_OK(nrt_tensor_write(get(l.in, "keep"), keep, 0, sizeof(keep)));
	CHECK_OK(nrt_execute(l.model, l.in, l.out));
	CHECK_EQ(neuron_tensor_get_shape(get(l.out, "y"), &rank, shape), 0);
	CHECK_EQ(shape[0], 20);
	unload(&l);
}

/* The first @count rows; sums of whole numbers, which no order of adding changes. */
static void check_products(struct loaded *l, const float *x, const float *u, const float *w,
			   unsigned int count)
{
	float y[N * SB_COLUMNS], z[SB_ROWS * SB_DEPTH], want;
	uint32_t shape[NEURON_MAX_DIMS], rank;
	bool keep[N] = { false };
	unsigned int r, c, k;

	memset(keep, true, count);
	CHECK_OK(nrt_tensor_write(get(l->in, "keep"), keep, 0, sizeof(keep)));
	CHECK_OK(nrt_execute(l->model, l->in, l->out));
	CHECK_EQ(neuron_tensor_get_shape(get(l->out, "y"), &rank, shape), 0);
	CHECK_EQ(rank, 2);
	CHECK_EQ(shape[0], count);
	CHECK_OK(nrt_tensor_read(get(l->out, "y"), y, 0, sizeof(y)));
	CHECK_OK(nrt_tensor_read(get(l->out, "z"), z, 0, sizeof(z)));
	for (r = 0; r < N; r++)
		for (c = 0; c < SB_COLUMNS; c++) {
			for (want = 0, k = 0; r < count && k < SB_DEPTH; k++)
				want += x[r * SB_DEPTH + k] * w[k * SB_COLUMNS + c];
			CHECK_EQ(y[r * SB_COLUMNS + c], want);
		}
	for (r = 0; r < SB_ROWS; r++)
		for (c = 0; c < SB_DEPTH; c++) {
			for (want = 0, k = 0; k < count; k++)
				want += u[r * N + k] * x[k * SB_DEPTH + c];
			CHECK_EQ(z[r * SB_DEPTH + c], want);
		}
}

static void products(void)
{
	float x[N * SB_DEPTH], u[SB_ROWS * N], w[SB_DEPTH * SB_COLUMNS];
	struct neuron_step steps[4];
	struct loaded l;
	unsigned int i;
	size_t size, n = 4;
	void *file;

	for (i = 0; i < N * SB_DEPTH; i++)
		x[i] = (float)(i * 7 % 13) - 6;
	for (i = 0; i < SB_ROWS * N; i++)
		u[i] = (float)(i * 5 % 11) - 5;
	for (i = 0; i < SB_DEPTH * SB_COLUMNS; i++)
		w[i] = (float)(i * 3 % 7) - 3;
	file = sb_products(N, w, &size);
	l = load(file, size, NRT_TENSOR_PLACEMENT_DEVICE);
	CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, sizeof(x)));
	CHECK_OK(nrt_tensor_write(get(l.in, "u"), u, 0, sizeof(u)));
	for (i = 0; i <= N; i += i < 10 ? 1 : 11)
		check_products(&l, x, u, w, i);
	CHECK_EQ(neuron_model_get_steps(l.model, steps, &n), 0);
	CHECK_EQ(n, 4);
	CHECK(!steps[2].on_host && steps[2].cores == 1 && !strcmp(steps[2].op, "MatMul"));
	CHECK(!steps[3].on_host && steps[3].nanoseconds && !*steps[3].reason);
	unload(&l);
}

static void strings(void)
{
	char x[2][NEURON_NEFF_STRING_SIZE] = { "abc", "Zug" }, y[2][NEURON_NEFF_STRING_SIZE];
	uint32_t shape[NEURON_MAX_DIMS], rank;
	struct loaded l;
	size_t size;
	void *file = sb_strings(2, &size);

	l = load(file, size, NRT_TENSOR_PLACEMENT_HOST);
	CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, sizeof(x)));
	CHECK_OK(nrt_execute(l.model, l.in, l.out));
	CHECK_OK(nrt_tensor_read(get(l.out, "y"), y, 0, sizeof(y)));
	CHECK_STR(y[0], "ABC");
	CHECK_STR(y[1], "ZUG");
	CHECK_EQ(neuron_tensor_get_shape(get(l.out, "y"), &rank, shape), 0);
	CHECK_EQ(rank, 2);
	CHECK_EQ(shape[0], 2);
	CHECK_EQ(shape[1], NEURON_NEFF_STRING_SIZE);
	/* One that has no end. */
	memset(x[1], 'x', sizeof(x[1]));
	CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, sizeof(x)));
	CHECK_FAILS(nrt_execute(l.model, l.in, l.out), NRT_EXEC_BAD_INPUT, "longer than 255");
	unload(&l);
}

/* A host step of one input: what happens to it becomes a status. */
static NRT_STATUS execute_one(struct sb *b, const void *x, size_t x_size)
{
	struct loaded l;
	NRT_STATUS status;
	size_t size;
	void *file = sb_end(b, &size);

	l = load(file, size, NRT_TENSOR_PLACEMENT_HOST);
	CHECK_OK(nrt_tensor_write(get(l.in, "x"), x, 0, x_size));
	t_messages = 0;
	status = nrt_execute(l.model, l.in, l.out);
	CHECK_EQ(t_messages, status != NRT_SUCCESS);
	unload(&l);
	return status;
}

static void failures(void)
{
	static const int64_t index[] = { 0, 9 }, many[] = { 1, 1, 1, 1 }, shape[] = { 3, 2 };
	static const float data[] = { 1, 2, 3, 4 };
	uint32_t x, c, y;
	struct sb b;

	sb_begin(&b, "index");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 2);
	y = sb_output(&b, "y", NEURON_NEFF_F32, false, 1, 2);
	c = sb_const(&b, NEURON_NEFF_F32, data, 1, 4);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_GATHER, 2, 1, c, x, y);
	CHECK_EQ(execute_one(&b, index, sizeof(index)), NRT_EXEC_OOB);
	CHECK(strstr(t_message, "Gather 'index_node': index 9 is out of range for 4"));

	/* Less room than NonZero wants. */
	sb_begin(&b, "bound");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 4);
	y = sb_output(&b, "y", NEURON_NEFF_I64, true, 2, 1, 3);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NONZERO, 1, 1, x, y);
	CHECK_EQ(execute_one(&b, many, sizeof(many)), NRT_RESOURCE);
	CHECK(strstr(t_message, "[1, 4]"));

	sb_begin(&b, "reshape");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 2);
	y = sb_output(&b, "y", NEURON_NEFF_F32, true, 2, 9, 9);
	c = sb_const(&b, NEURON_NEFF_F32, data, 1, 4);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_RESHAPE, 2, 1, c, x, y);
	CHECK_EQ(execute_one(&b, shape, sizeof(shape)), NRT_EXEC_BAD_INPUT);

	/* Types that the operator never takes: the file is wrong. */
	sb_begin(&b, "types");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 2);
	y = sb_output(&b, "y", NEURON_NEFF_F32, false, 1, 2);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NEG, 1, 1, x, y);
	CHECK_EQ(execute_one(&b, index, sizeof(index)), NRT_INVALID);

	/* A value that no step has made, and an output. */
	sb_begin(&b, "unmade");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 2);
	y = sb_output(&b, "y", NEURON_NEFF_I64, false, 1, 2);
	c = sb_temp(&b, NEURON_NEFF_I64, false, 1, 2);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NEG, 1, 1, c, y);
	CHECK_EQ(execute_one(&b, index, sizeof(index)), NRT_EXEC_COMPLETED_WITH_ERR);
	sb_begin(&b, "no_output");
	x = sb_input(&b, "x", NEURON_NEFF_I64, 1, 2);
	sb_output(&b, "y", NEURON_NEFF_I64, false, 1, 2);
	c = sb_temp(&b, NEURON_NEFF_I64, false, 1, 2);
	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NEG, 1, 1, x, c);
	CHECK_EQ(execute_one(&b, index, sizeof(index)), NRT_EXEC_COMPLETED_WITH_ERR);
}

/* Tensors that are missing or of another size: nothing runs. */
static void bad_sets(void)
{
	nrt_tensor_t *small;
	struct loaded l;
	size_t size;
	void *file = sb_found(N, &size);

	l = load(file, size, NRT_TENSOR_PLACEMENT_DEVICE);
	small = t_tensor(NRT_TENSOR_PLACEMENT_DEVICE, 16);
	CHECK_FAILS(nrt_execute(l.model, l.out, l.out), NRT_EXEC_BAD_INPUT, "input a");
	nrt_tensor_t *a = get(l.in, "a");

	CHECK_OK(nrt_add_tensor_to_tensor_set(l.in, "a", small));
	CHECK_FAILS(nrt_execute(l.model, l.in, l.out), NRT_EXEC_BAD_INPUT, "16");
	CHECK_OK(nrt_add_tensor_to_tensor_set(l.in, "a", a));
	CHECK_OK(nrt_execute(l.model, l.in, l.out));
	nrt_tensor_free(&small);
	unload(&l);
}

/* A seed gives the same numbers each time, none gives others. */
static void chance(void)
{
	float first[8], second[8];
	unsigned int seeded;
	struct loaded l;
	struct sb b;
	size_t size;
	uint32_t y;
	void *file;

	for (seeded = 0; seeded < 2; seeded++) {
		struct neuron_neff_step *s;

		sb_begin(&b, "chance");
		y = sb_output(&b, "y", NEURON_NEFF_F32, false, 1, 8);
		s = sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_RANDOM_UNIFORM, 0, 1, y);
		s->ints[0] = seeded;
		s->ints[1] = 7;
		s->floats[0] = 3;
		s->floats[1] = 4;
		if (!seeded)
			s->ints[1] = 0;
		file = sb_end(&b, &size);
		l = load(file, size, NRT_TENSOR_PLACEMENT_HOST);
		CHECK_OK(nrt_execute(l.model, l.in, l.out));
		CHECK_OK(nrt_tensor_read(get(l.out, "y"), first, 0, sizeof(first)));
		CHECK_OK(nrt_execute(l.model, l.in, l.out));
		CHECK_OK(nrt_tensor_read(get(l.out, "y"), second, 0, sizeof(second)));
		CHECK_EQ(!memcmp(first, second, sizeof(first)), seeded);
		CHECK(first[0] >= 3 && first[0] < 4);
		unload(&l);
	}
}

#define THREADS	4
#define RUNS	50

static nrt_model_t *shared;

static void *execute_many(void *arg)
{
	struct loaded l = { .model = shared };
	unsigned int i, step = (uintptr_t)arg;

	l.in = t_all(shared, NRT_TENSOR_USAGE_INPUT, NRT_TENSOR_PLACEMENT_HOST);
	l.out = t_all(shared, NRT_TENSOR_USAGE_OUTPUT, NRT_TENSOR_PLACEMENT_HOST);
	fill(&l, step);
	for (i = 0; i < RUNS; i++) {
		if (nrt_execute(l.model, l.in, l.out))
			CHECK_EQ(i, RUNS);
		check(&l, step);
	}
	free_all(shared, &l.in, NRT_TENSOR_USAGE_INPUT);
	free_all(shared, &l.out, NRT_TENSOR_USAGE_OUTPUT);
	return NULL;
}

static void threads(void)
{
	pthread_t thread[THREADS];
	unsigned int i;
	size_t size;
	void *file = sb_found(N, &size);

	shared = t_load(file, size);
	for (i = 0; i < THREADS; i++)
		pthread_create(&thread[i], NULL, execute_many, (void *)(uintptr_t)(i + 2));
	for (i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	CHECK_OK(nrt_unload(shared));
}

/* Several instances next to each other, and what they say about themselves. */
static void instances(void)
{
	uint32_t total, count;
	nrt_model_t *model = NULL;
	size_t size;
	void *file = sb_found(N, &size);

	CHECK_OK(nrt_get_visible_vnc_count(&total));
	if (total < 2) {
		free(file);
		ktap_skip("there is one core");
		return;
	}
	CHECK_OK(nrt_load(file, size, 0, 2, &model));
	free(file);
	CHECK_OK(nrt_get_model_instance_count(model, &count));
	CHECK_EQ(count, 2);
	CHECK_OK(nrt_unload(model));
}

int main(void)
{
	t_setup();
	t_init();
	ktap_run("actual shapes", shapes);
	ktap_run("tensor info", info);
	ktap_run("steps, reports, records", questions);
	ktap_run("one way or the other", ways);
	ktap_run("piece by piece", pieces);
	ktap_run("pieces of other lengths", lengths);
	ktap_run("products, a tile at a time", products);
	ktap_run("strings", strings);
	ktap_run("failures of host steps", failures);
	ktap_run("bad tensor sets", bad_sets);
	ktap_run("random numbers", chance);
	ktap_run("threads", threads);
	ktap_run("instances", instances);
	nrt_close();
	return ktap_done();
}
