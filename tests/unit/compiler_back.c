// SPDX-License-Identifier: MIT
/*
 * The compiler's back end on random models: every way to compile one gives the
 * same numbers, places never overlap while they are needed, and a schedule
 * lacks nothing and has nothing to spare.
 */
#include "tests/ktap.h"
#include "compiler_back_model.h"

#define MODELS	60

/* The room that a tree finds, against a row of flags. */
static void space(void)
{
	enum { GRAINS = 300, TURNS = 20000 };
	struct model m;
	struct nc_space *s;
	bool used[GRAINS] = { false };
	struct { uint64_t offset, size; } held[GRAINS];
	unsigned int turn, i, num_held = 0;

	model_begin(&m, 1);
	s = nc_space_new(m.ctx.arena, GRAINS * NC_BUF_ALIGN + 17);
	for (turn = 0; turn < TURNS && !ktap_failed; turn++) {
		uint64_t size = 1 + model_random(&m, 20 * NC_BUF_ALIGN);
		unsigned int n = (size + NC_BUF_ALIGN - 1) / NC_BUF_ALIGN, run = 0;
		bool high = model_random(&m, 2), found;
		int first = -1, last = -1;
		uint64_t offset = 0;

		if (num_held && model_random(&m, 100) < 48) {
			i = model_random(&m, num_held);
			nc_space_give(s, held[i].offset, held[i].size);
			memset(&used[held[i].offset / NC_BUF_ALIGN], 0,
			       (held[i].size + NC_BUF_ALIGN - 1) / NC_BUF_ALIGN);
			held[i] = held[--num_held];
			continue;
		}
		for (i = 0; i < GRAINS; i++) {
			run = used[i] ? 0 : run + 1;
			if (run >= n) {
				last = i + 1 - n;
				if (first < 0)
					first = last;
			}
		}
		found = nc_space_take(s, size, high, &offset);
		CHECK_EQ(found, first >= 0);
		if (!found)
			continue;
		CHECK_EQ(offset / NC_BUF_ALIGN, high ? last : first);
		memset(&used[offset / NC_BUF_ALIGN], 1, n);
		held[num_held].offset = offset;
		held[num_held++].size = size;
	}
	model_end(&m);
}

struct seen {
	uint32_t writer;
	uint32_t readers[NEURON_NUM_ENGINES];
};

static void collect(void *arg, const struct nc_access *access)
{
	struct seen *seen = arg;
	unsigned int i;

	if (access->writer > seen->writer)
		seen->writer = access->writer;
	for (i = 0; i < NEURON_NUM_ENGINES; i++)
		if (access->readers[i] > seen->readers[i])
			seen->readers[i] = access->readers[i];
}

/* The history of ranges, against one record for each grain. */
static void access_map(void)
{
	enum { GRAINS = 400, TURNS = 20000 };
	static struct seen plain[GRAINS];
	struct nc_access_map *map;
	struct model m;
	uint32_t turn, i, e;

	model_begin(&m, 2);
	map = nc_access_map_new(m.ctx.arena, GRAINS * NC_BUF_ALIGN);
	for (turn = 0; turn < TURNS && !ktap_failed; turn++) {
		uint32_t from = model_random(&m, GRAINS);
		uint32_t to = from + 1 + model_random(&m, GRAINS - from);
		uint64_t lo = from * NC_BUF_ALIGN + model_random(&m, 64);
		uint64_t hi = to * NC_BUF_ALIGN - model_random(&m, 64);
		struct seen expected = { 0 }, seen = { 0 };

		if (lo >= hi)
			continue;
		for (i = from; i < to; i++) {
			struct nc_access a = { .writer = plain[i].writer };

			memcpy(a.readers, plain[i].readers, sizeof(a.readers));
			collect(&expected, &a);
		}
		nc_access_each(map, lo, hi, collect, &seen);
		CHECK(!memcmp(&expected, &seen, sizeof(seen)));
		if (model_random(&m, 3)) {
			e = model_random(&m, NEURON_NUM_ENGINES);
			nc_access_read(map, lo, hi, e, turn);
			for (i = from; i < to; i++)
				plain[i].readers[e] = turn + 1;
		} else {
			nc_access_write(map, lo, hi, turn);
			for (i = from; i < to; i++)
				plain[i] = (struct seen){ .writer = turn + 1 };
		}
	}
	model_end(&m);
}

/* One more node on top of values [N, C, H, W]. */
static struct nc_value *random_node(struct model *m, struct nc_value **pool,
				    unsigned int count)
{
	struct nc_value *x = pool[model_random(m, count)], *y = NULL;
	int64_t d[4], w[4];
	unsigned int i;

	memcpy(d, x->dims, sizeof(d));
	for (i = 0; i < count; i++) {
		struct nc_value *other = pool[model_random(m, count)];

		if (other->rank == 4 && !memcmp(other->dims, d, sizeof(d)))
			y = other;
	}
	switch (model_random(m, 13)) {
	case 0:
		return model_node(m, NC_OP_Relu, 4, d, x, NULL, NULL);
	case 1:
		return model_node(m, NC_OP_Add, 4, d, x, y ? y : x, NULL);
	case 2:
		return model_node(m, NC_OP_Mul, 4, d, x, y ? y : x, NULL);
	case 3: {	/* Conv: another number of channels, rows kept */
		int64_t k = 1 + 2 * model_random(m, 2), pads[4];
		struct nc_value *out;

		w[0] = 1 + model_random(m, 12);
		w[1] = d[1];
		w[2] = w[3] = k;
		pads[0] = pads[1] = pads[2] = pads[3] = k / 2;
		d[1] = w[0];
		out = model_node(m, NC_OP_Conv, 4, d, x, model_const(m, 4, w),
				 model_const(m, 1, w));
		nc_set_attr_ints(&m->ctx, out->producer, "pads", pads, 4);
		return out;
	}
	case 4: {	/* depthwise, every other row and column */
		int64_t strides[2] = { 2, 2 }, pads[4] = { 1, 1, 1, 1 };
		struct nc_value *out;

		w[0] = d[1];
		w[1] = 1;
		w[2] = w[3] = 3;
		d[2] = (d[2] + 1) / 2;
		d[3] = (d[3] + 1) / 2;
		out = model_node(m, NC_OP_Conv, 4, d, x, model_const(m, 4, w),
				 NULL);
		nc_set_attr_ints(&m->ctx, out->producer, "pads", pads, 4);
		nc_set_attr_ints(&m->ctx, out->producer, "strides", strides, 2);
		nc_set_attr_int(&m->ctx, out->producer, "group", d[1]);
		return out;
	}
	case 5: {	/* MaxPool and AveragePool */
		int64_t kernel[2] = { 3, 3 }, pads[4] = { 1, 1, 1, 1 };
		struct nc_value *out = model_node(m, model_random(m, 2) ?
						  NC_OP_MaxPool :
						  NC_OP_AveragePool, 4, d, x,
						  NULL, NULL);

		nc_set_attr_ints(&m->ctx, out->producer, "kernel_shape", kernel,
				 2);
		nc_set_attr_ints(&m->ctx, out->producer, "pads", pads, 4);
		return out;
	}
	case 6: {	/* MatMul over the last dimension */
		w[0] = d[3];
		w[1] = 1 + model_random(m, 20);
		d[3] = w[1];
		return model_node(m, NC_OP_MatMul, 4, d, x, model_const(m, 2, w),
				  NULL);
	}
	case 7: {	/* Transpose */
		int64_t perm[4] = { 0, 3, 1, 2 };
		struct nc_value *out;

		for (i = 0; i < 4; i++)
			d[i] = x->dims[perm[i]];
		out = model_node(m, NC_OP_Transpose, 4, d, x, NULL, NULL);
		nc_set_attr_ints(&m->ctx, out->producer, "perm", perm, 4);
		return out;
	}
	case 8:		/* Reshape: columns to rows */
		d[2] = x->dims[2] * x->dims[3];
		d[3] = 1;
		w[0] = d[0], w[1] = d[1], w[2] = d[2], w[3] = d[3];
		return model_node(m, NC_OP_Reshape, 4, d, x,
				  nc_const_ints_new(&m->ctx, "shape", w, 4),
				  NULL);
	case 9: {	/* Softmax */
		struct nc_value *out = model_node(m, NC_OP_Softmax, 4, d, x,
						  NULL, NULL);

		nc_set_attr_int(&m->ctx, out->producer, "axis",
				model_random(m, 4));
		return out;
	}
	case 10: {	/* ReduceMean over rows, and back by broadcasting */
		int64_t axis = 2;
		struct nc_value *mean;

		d[2] = 1;
		mean = model_node(m, NC_OP_ReduceMean, 4, d, x,
				  nc_const_ints_new(&m->ctx, "axes", &axis, 1),
				  NULL);
		return model_node(m, NC_OP_Sub, 4, x->dims, x, mean, NULL);
	}
	case 11: {	/* Concat of channels */
		struct nc_value *out;

		if (d[1] > 16)
			return x;
		d[1] *= 2;
		out = model_node(m, NC_OP_Concat, 4, d, x, y ? y : x, NULL);
		nc_set_attr_int(&m->ctx, out->producer, "axis", 1);
		return out;
	}
	default:
		return model_node(m, NC_OP_Tanh, 4, d, x, NULL, NULL);
	}
}

static void random_model(struct model *m, uint64_t seed)
{
	int64_t d[4] = { 1 };
	struct nc_value *pool[64];
	unsigned int i, n = 0, want;

	model_begin(m, seed);
	d[0] = 1 + model_random(m, 2);
	d[1] = 1 + model_random(m, 8);
	d[2] = 1 + model_random(m, 24);
	d[3] = 1 + model_random(m, 24);
	pool[n++] = model_input(m, 4, d);
	pool[n++] = model_input(m, 4, d);
	want = 4 + model_random(m, 28);
	while (n < want)
		pool[n] = random_node(m, pool, n), n++;
	/* All that nobody uses, and a value that others do. */
	for (i = n; i-- > 2 && m->graph.num_outputs < 3; )
		if (!pool[i]->is_output && pool[i]->producer &&
		    (i == n - 1 || model_random(m, 2)))
			model_output(m, pool[i]);
	if (!m->graph.num_outputs)
		model_output(m, model_node(m, NC_OP_Relu, 4, d, pool[0], NULL,
					   NULL));
}

/* @rounded: a sum was split, so it may be rounded otherwise. */
static bool same(const float *a, const float *b, size_t n, bool rounded)
{
	size_t i;

	for (i = 0; a && b && i < n; i++) {
		float off = a[i] > b[i] ? a[i] - b[i] : b[i] - a[i];
		float size = a[i] > 0 ? a[i] : -a[i];

		if (memcmp(&a[i], &b[i], sizeof(*a)) &&
		    !(rounded && off <= 1e-4f + 1e-4f * size))
			return false;
	}
	return a && b;
}

static void show_difference(unsigned int seed, const char *way, const float *a,
			    const float *b, size_t n)
{
	size_t i;

	for (i = 0; a && b && i < n; i++) {
		if (!memcmp(&a[i], &b[i], sizeof(*a)))
			continue;
		printf("# model %u %s: element %zu is %.9g instead of %.9g\n",
		       seed, way, i, b[i], a[i]);
		return;
	}
}

/* No two buffers whose lives overlap share a byte. */
static bool places_overlap(const struct nc_program *prog)
{
	uint32_t i, j;

	for (i = 0; i < prog->num_bufs; i++) {
		const struct nc_buf *a = prog->bufs[i];

		for (j = 0; j < i; j++) {
			const struct nc_buf *b = prog->bufs[j];
			bool chip = nc_buf_on_chip(a);
			uint64_t at, bt;

			if (!a->num_uses || !b->num_uses ||
			    nc_memory_of(a) != nc_memory_of(b) ||
			    a->first > b->last || b->first > a->last)
				continue;
			at = chip ? a->offset : a->slot_offset;
			bt = chip ? b->offset : b->slot_offset;
			if (at < bt + b->size && bt < at + a->size)
				return true;
		}
	}
	return false;
}

/* Every wait, taken away, must leave a race. */
static bool waits_are_needed(struct model *m)
{
	const struct nc_program *prog = m->ctx.program;
	uint8_t *copy = nc_alloc(m->ctx.arena, 1, prog->image_size);
	struct neuron_inst *insts;
	uint32_t i, j, at;

	memcpy(copy, prog->image, prog->image_size);
	insts = (void *)(copy + neuron_program_header(copy)->insts);
	for (i = 0; i < neuron_program_header(copy)->num_insts; i++) {
		for (j = 0; j < NEURON_MAX_WAITS; j++) {
			struct neuron_sem_op wait = insts[i].wait[j];

			if (!wait.value)
				continue;
			memset(&insts[i].wait[j], 0, sizeof(wait));
			if (!nc_find_race(m->ctx.arena, copy, &at)) {
				printf("# instruction %u waits for nothing\n", i);
				return false;
			}
			insts[i].wait[j] = wait;
		}
	}
	return true;
}

static const struct way {
	const char *name;
	uint32_t sbuf_size;
	bool no_scratchpad;
} ways[] = {
	{ "in a small scratchpad", 24 << 10, false },
	{ "in a tiny scratchpad", 6 << 10, false },
	{ "without the scratchpad", 0, true },
	{ "without a tiny scratchpad", 6 << 10, true },
};

static void models_agree(void)
{
	unsigned int seed, i, order, tiled = 0;

	for (seed = 0; seed < MODELS && !ktap_failed; seed++) {
		struct model m, n;
		float *expected, *seen;
		uint32_t insts;
		size_t count;

		random_model(&m, seed);
		if (!model_compile(&m)) {
			printf("# model %u: %s", seed, m.ctx.diag.text);
			CHECK(!"compiled");
			model_end(&m);
			break;
		}
		insts = ((struct nc_program *)m.ctx.program)->list.count;
		CHECK(!places_overlap(m.ctx.program));
		CHECK(waits_are_needed(&m));
		expected = model_run(&m, seed, 0, &count);
		for (order = 1; order < 4; order++) {
			seen = model_run(&m, seed, order, &count);
			CHECK(same(expected, seen, count, false));
			free(seen);
		}
		for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
			random_model(&n, seed);
			n.options.sbuf_size = ways[i].sbuf_size;
			n.options.no_scratchpad = ways[i].no_scratchpad;
			if (!model_compile(&n)) {
				printf("# model %u %s: %s", seed, ways[i].name,
				       n.ctx.diag.text ? n.ctx.diag.text : "\n");
				CHECK(!"compiled");
			} else {
				struct nc_program *prog = n.ctx.program;

				tiled += prog->list.count > 2 * insts;
				CHECK(!places_overlap(prog));
				seen = model_run(&n, seed, i, &count);
				if (!same(expected, seen, count,
					  prog->psum_used))
					show_difference(seed, ways[i].name,
							expected, seen, count);
				CHECK(same(expected, seen, count,
					   prog->psum_used));
				free(seen);
			}
			model_end(&n);
		}
		if (ktap_failed)
			printf("# model %u\n", seed);
		free(expected);
		model_end(&m);
	}
	/* Or the test would show nothing. */
	CHECK(ktap_failed || tiled > MODELS / 2);
}

/* Equal models give equal bytes. */
static void deterministic(void)
{
	unsigned int seed;

	for (seed = 0; seed < 8; seed++) {
		struct model a, b;

		random_model(&a, seed);
		random_model(&b, seed);
		a.options.sbuf_size = b.options.sbuf_size = 24 << 10;
		CHECK(model_compile(&a) && model_compile(&b));
		CHECK_EQ(a.result.neff_size, b.result.neff_size);
		CHECK(!memcmp(a.result.neff, b.result.neff, a.result.neff_size));
		model_end(&a);
		model_end(&b);
	}
}

/* A sum that does not fit is split, and passes through the accumulators. */
static void split_sum(void)
{
	int64_t a[2] = { 8, 30000 }, b[2] = { 30000, 8 }, c[2] = { 8, 8 };
	float *expected = NULL, *seen = NULL;
	struct model m, n;
	size_t i, count = 0;

	model_begin(&m, 5);
	model_output(&m, model_node(&m, NC_OP_MatMul, 2, c, model_input(&m, 2, a),
				    model_const(&m, 2, b), model_const(&m, 1, c)));
	CHECK(model_compile(&m));
	expected = model_run(&m, 5, 0, &count);
	model_begin(&n, 5);
	model_output(&n, model_node(&n, NC_OP_MatMul, 2, c, model_input(&n, 2, a),
				    model_const(&n, 2, b), model_const(&n, 1, c)));
	n.outputs[0]->producer->act = NEURON_ACT_RELU;
	n.options.sbuf_size = 16 << 10;
	CHECK(model_compile(&n));
	CHECK(((struct nc_program *)n.ctx.program)->psum_used > 0);
	seen = model_run(&n, 5, 3, &count);
	for (i = 0; expected && seen && i < count; i++) {
		float x = expected[i] > 0 ? expected[i] : 0;

		CHECK(seen[i] - x < 0.01f && x - seen[i] < 0.01f);
	}
	CHECK(expected && seen);
	free(expected);
	free(seen);
	model_end(&m);
	model_end(&n);
}

int main(void)
{
	ktap_run("free room is found as in a row of flags", space);
	ktap_run("ranges remember who touched them", access_map);
	ktap_run("random models agree however they are compiled", models_agree);
	ktap_run("equal models give equal files", deterministic);
	ktap_run("a sum that does not fit is split", split_sum);
	return ktap_done();
}
