// SPDX-License-Identifier: MIT
/*
 * What of a model whose length depends on data the chip does piece by piece, how long the
 * pieces are, and what it multiplies for the host. Whether that gives what it is to give:
 * tests/conformance/pieces.
 */
#include <compiler/host.h>
#include <neuron/neff.h>
#include "compiler_front.h"

#define CHANNELS	64

/* Step number @n of a kind; NULL: there are fewer. */
static const struct neuron_neff_step *step_of(const struct nc_result *result, uint32_t kind,
					      unsigned int n)
{
	const struct neuron_neff_header *h = result->neff;
	const struct neuron_neff_section *sections = (const void *)(h + 1);
	unsigned int i, k;

	for (i = 0; i < h->num_sections; i++) {
		const struct neuron_neff_step *steps;

		if (sections[i].type != NEURON_NEFF_STEPS)
			continue;
		steps = (const void *)((const char *)result->neff + sections[i].offset);
		for (k = 0; k < sections[i].size / sizeof(*steps); k++)
			if (steps[k].kind == kind && !n--)
				return &steps[k];
	}
	return NULL;
}

static bool has_pieces(const struct nc_result *result, unsigned int n, int64_t length,
		       int64_t before, int64_t behind)
{
	const struct neuron_neff_step *s = step_of(result, NEURON_NEFF_STEP_CHUNKS, n);

	if (s && s->ints[NEURON_NEFF_CHUNK_LENGTH] == length &&
	    s->ints[NEURON_NEFF_CHUNK_BEFORE] == before &&
	    s->ints[NEURON_NEFF_CHUNK_BEHIND] == behind)
		return true;
	if (s)
		printf("# pieces of %lld frames without %lld and %lld\n", (long long)s->ints[0],
		       (long long)s->ints[1], (long long)s->ints[2]);
	return false;
}

/* Some of @frames columns: [1, CHANNELS, <= frames] */
static struct builder with_frames(int64_t frames)
{
	struct builder b = builder(17);

	add_input(&b, "x", FLOAT, DIMS(1, CHANNELS, frames));
	add_input(&b, "keep", BOOL, DIMS(frames));
	attr_int(add_node(&b, "Compress", "x keep", "some"), "axis", 2);
	return b;
}

static Onnx__NodeProto *conv(struct builder *b, const char *op, const char *x, const char *y,
			     int64_t kernel, int64_t before, int64_t behind)
{
	Onnx__NodeProto *node;
	char names[64];

	snprintf(names, sizeof(names), "w_%s", y);
	add_ramp(b, names, -0.1f, 1e-5f, 3, (int64_t[]) { CHANNELS, CHANNELS, kernel });
	snprintf(names, sizeof(names), "%s w_%s", x, y);
	node = add_node(b, op, names, y);
	attr_ints(node, "pads", 2, (int64_t[]) { before, behind });
	return node;
}

/* Pieces overlap by what the windows reach, together. */
static void reach(void)
{
	struct builder b = with_frames(4000);
	struct nc_result result;

	conv(&b, "Conv", "some", "a", 5, 2, 2);
	attr_ints(conv(&b, "Conv", "a", "c", 3, 6, 0), "dilations", 1, (int64_t[]) { 3 });
	add_node(&b, "Relu", "c", "d");
	conv(&b, "Conv", "d", "y", 1, 0, 0);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 64 + 10, 8, 2));
	CHECK(!step_of(&result, NEURON_NEFF_STEP_CHUNKS, 1));
	CHECK_EQ(result.summary.num_host_steps, 1);
	CHECK_EQ(result.summary.num_programs, 1);
	CHECK_EQ(result.graph->outputs[0]->open, 4);
	nc_result_free(&result);
	/* No piece is longer than the whole can be. */
	b = with_frames(50);
	conv(&b, "Conv", "some", "a", 41, 20, 20);
	add_output(&b, "a");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 50 + 40, 20, 20));
	nc_result_free(&result);
	/* The overlap is a fifth at most, as long as pieces do not become too long. */
	b = with_frames(4000);
	conv(&b, "Conv", "some", "a", 81, 40, 40);
	add_output(&b, "a");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 320 + 80, 40, 40));
	nc_result_free(&result);
}

/* What is behind that which makes it longer is a program of its own. */
static void longer(void)
{
	struct builder b = with_frames(4000);
	const struct neuron_neff_step *s;
	struct nc_result result;

	conv(&b, "Conv", "some", "a", 31, 15, 15);
	attr_ints(conv(&b, "ConvTranspose", "a", "c", 8, 2, 2), "strides", 1, (int64_t[]) { 4 });
	conv(&b, "Conv", "c", "y", 7, 3, 3);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 120 + 30, 15, 15));
	/* 7 - 2 and 2 elements, 3 more each, of which four are a frame. */
	CHECK(has_pieces(&result, 1, 64 + 4, 2, 2));
	s = step_of(&result, NEURON_NEFF_STEP_CHUNKS, 1);
	CHECK(s && s->num_inputs == 3 && s->num_outputs == 1);
	CHECK_EQ(result.graph->outputs[0]->dims[2], 16000);
	nc_result_free(&result);
}

/* What does not keep the number of frames is the host's, and so is what is little work. */
static void others(void)
{
	struct builder b = with_frames(4000);
	struct nc_result result;

	attr_ints(conv(&b, "Conv", "some", "y", 5, 2, 2), "strides", 1, (int64_t[]) { 2 });
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(!step_of(&result, NEURON_NEFF_STEP_CHUNKS, 0));
	nc_result_free(&result);
	b = with_frames(4000);
	conv(&b, "Conv", "some", "y", 5, 0, 0);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(!step_of(&result, NEURON_NEFF_STEP_CHUNKS, 0));
	nc_result_free(&result);
	b = with_frames(100);
	conv(&b, "Conv", "some", "y", 5, 2, 2);
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(!step_of(&result, NEURON_NEFF_STEP_CHUNKS, 0));
	CHECK_EQ(result.summary.num_host_steps, 2);
	nc_result_free(&result);
}

/* Lengths that have nothing to do with each other are not in one program. */
static void strangers(void)
{
	struct builder b = with_frames(4000);
	struct nc_result result;

	add_input(&b, "other", BOOL, DIMS(4000));
	attr_int(add_node(&b, "Compress", "x other", "rest"), "axis", 2);
	conv(&b, "Conv", "some", "a", 5, 2, 2);
	conv(&b, "Conv", "rest", "c", 3, 1, 1);
	add_output(&b, "a");
	add_output(&b, "c");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 68, 2, 2));
	CHECK(has_pieces(&result, 1, 66, 1, 1));
	nc_result_free(&result);
	/* A sum of both says that they are equal. */
	add_node(&b, "Add", "a c", "y");
	b.graph->n_output = 0;
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_pieces(&result, 0, 68, 2, 2));
	CHECK(!step_of(&result, NEURON_NEFF_STEP_CHUNKS, 1));
	nc_result_free(&result);
}

/*
 * Sums over all frames are the host's: what is between them would be a program each. Of too
 * many the host has all that it can.
 */
static void many(void)
{
	unsigned int count, i, n;
	char x[16], a[16], y[16];

	for (count = 20; count <= 40; count += 20) {
		struct builder b = with_frames(4000);
		struct nc_result result;

		add_const(&b, "axis", INT64, 0, NULL, (int64_t[]) { 2 }, 8);
		snprintf(x, sizeof(x), "some");
		for (i = 0; i < count; i++) {
			char sum[32];

			snprintf(a, sizeof(a), "a%u", i);
			snprintf(y, sizeof(y), "y%u", i);
			conv(&b, "Conv", x, a, 5, 2, 2);
			snprintf(sum, sizeof(sum), "%s axis", a);
			add_node(&b, "CumSum", sum, y);
			strcpy(x, y);
		}
		add_output(&b, x);
		result = build(&b);
		ACCEPTED(result);
		for (n = 0; step_of(&result, NEURON_NEFF_STEP_CHUNKS, n); n++)
			;
		CHECK_EQ(n, count == 20 ? 20 : 0);
		nc_result_free(&result);
		/* What the host does not have is the chip's all the same. */
		if (count == 20)
			continue;
		add_node(&b, "Celu", x, "y");
		b.graph->n_output = 0;
		add_output(&b, "y");
		result = build(&b);
		ACCEPTED(result);
		for (n = 0; step_of(&result, NEURON_NEFF_STEP_CHUNKS, n); n++)
			;
		CHECK_EQ(n, 1);
		nc_result_free(&result);
	}
}

static const struct nc_node *node_of(const struct nc_result *result, enum nc_op op)
{
	unsigned int i;

	for (i = 0; i < result->graph->num_nodes; i++)
		if (result->graph->nodes[i]->op == op)
			return result->graph->nodes[i];
	return NULL;
}

/* How long something is must not depend on how products are rounded. */
static void exact(void)
{
	struct nc_options options = { .auto_cast = NC_CAST_BF16 };
	const struct nc_node *decides, *follows;
	struct builder b = builder(17);
	struct nc_result result;

	add_input(&b, "x", FLOAT, DIMS(40, 16));
	add_ramp(&b, "w", 0.1f, 0.1f, 2, (int64_t[]) { 16, 1 });
	add_ramp(&b, "v", 0.1f, 0.1f, 2, (int64_t[]) { 16, 100 });
	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	add_node(&b, "MatMul", "x w", "durations");
	attr_int(add_node(&b, "ReduceSum", "durations", "sum"), "keepdims", 0);
	attr_int(add_node(&b, "Cast", "sum", "length"), "to", INT64);
	add_node(&b, "Range", "start length step", "y");
	add_node(&b, "MatMul", "x v", "z");
	add_output(&b, "y");
	add_output(&b, "z");
	result = build_with(&b, &options);
	ACCEPTED(result);
	decides = node_of(&result, NC_OP_MatMul);
	CHECK(decides && decides->exact);
	follows = result.graph->outputs[1]->producer;
	CHECK(follows && !follows->exact);
	nc_result_free(&result);
}

/* What of @frames columns there is, turned: [1, <= frames, CHANNELS] */
static struct builder with_turned(int64_t frames)
{
	struct builder b = with_frames(frames);

	attr_ints(add_node(&b, "Transpose", "some", "turned"), "perm", 3,
		  (int64_t[]) { 0, 2, 1 });
	return b;
}

/* @y = softmax(turned * some) * turned, every frame of all of them: [1, <= frames, CHANNELS] */
static void attend(struct builder *b, const char *y)
{
	char scores[16], weights[16], both[32];

	snprintf(scores, sizeof(scores), "%s_s", y);
	snprintf(weights, sizeof(weights), "%s_w", y);
	snprintf(both, sizeof(both), "%s turned", weights);
	add_node(b, "MatMul", "turned some", scores);
	attr_int(add_node(b, "Softmax", scores, weights), "axis", -1);
	add_node(b, "MatMul", both, y);
}

static unsigned int count_steps(const struct nc_result *result, uint32_t kind)
{
	unsigned int n = 0;

	while (step_of(result, kind, n))
		n++;
	return n;
}

/* Which programs multiply, in the order of the steps that do. */
static bool multiply(const struct nc_result *result, unsigned int count, const uint32_t *ops)
{
	unsigned int i;

	if (count_steps(result, NEURON_NEFF_STEP_PRODUCT) != count) {
		printf("# %u products\n", count_steps(result, NEURON_NEFF_STEP_PRODUCT));
		return false;
	}
	for (i = 0; i < count; i++) {
		uint32_t op = step_of(result, NEURON_NEFF_STEP_PRODUCT, i)->op;

		if (op == ops[i])
			continue;
		printf("# product %u is by program %u\n", i, op);
		return false;
	}
	return true;
}

/* What layer @name computes at a time is @rows by @columns. */
static bool has_tile(const struct nc_result *result, const char *name, int64_t rows,
		     int64_t columns)
{
	const struct nc_summary *sum = &result->summary;
	unsigned int i;

	for (i = 0; i < sum->num_layers; i++)
		if (!strcmp(sum->layers[i].name, name) && !sum->layers[i].host &&
		    sum->layers[i].rank == 2 && sum->layers[i].dims[0] == rows &&
		    sum->layers[i].dims[1] == columns)
			return true;
	return false;
}

/* Products of the same tiles are by the same program. */
static void products(void)
{
	struct builder b = with_turned(4000);
	struct nc_result result;

	attend(&b, "a");
	attend(&b, "c");
	add_node(&b, "Add", "a c", "y");
	add_output(&b, "y");
	result = build(&b);
	ACCEPTED(result);
	CHECK(multiply(&result, 4, (uint32_t[]) { 0, 1, 0, 1 }));
	CHECK_EQ(result.summary.num_programs, 2);
	CHECK_EQ(result.summary.num_piecewise, 2);
	/* Compress, Transpose, twice Softmax, Add. */
	CHECK_EQ(result.summary.num_host_steps, 5);
	CHECK_EQ(result.summary.num_nodes, 9);
	CHECK(has_tile(&result, "n2", 256, 256) && has_tile(&result, "n5", 256, 256));
	CHECK(has_tile(&result, "n4", 256, CHANNELS) && has_tile(&result, "n7", 256, CHANNELS));
	nc_result_free(&result);
	/* No tile is much longer than the whole can be. */
	b = with_turned(370);
	attend(&b, "a");
	add_output(&b, "a");
	result = build(&b);
	ACCEPTED(result);
	CHECK(has_tile(&result, "n2", 192, 192));
	CHECK(has_tile(&result, "n4", 192, CHANNELS));
	nc_result_free(&result);
	/* So few that they are the host's. */
	b = with_turned(50);
	attend(&b, "a");
	add_output(&b, "a");
	result = build(&b);
	ACCEPTED(result);
	CHECK(multiply(&result, 0, NULL));
	CHECK_EQ(result.summary.num_programs, 0);
	nc_result_free(&result);
}

/* Tiles of a size each: the first ones have a program. */
static void many_products(void)
{
	struct builder b = with_turned(4000);
	struct nc_result result;
	char from[32], a[16], c[16], y[16];
	unsigned int i;

	add_ints(&b, "zero", 1, (int64_t[]) { 0 });
	add_ints(&b, "one", 1, (int64_t[]) { 1 });
	add_ints(&b, "two", 1, (int64_t[]) { 2 });
	for (i = 0; i < 10; i++) {
		char end[16];

		snprintf(end, sizeof(end), "end%u", i);
		snprintf(a, sizeof(a), "a%u", i);
		snprintf(c, sizeof(c), "c%u", i);
		snprintf(y, sizeof(y), "y%u", i);
		add_ints(&b, end, 1, (int64_t[]) { 4 + i });
		snprintf(from, sizeof(from), "turned zero %s two", end);
		add_node(&b, "Slice", from, a);
		snprintf(from, sizeof(from), "some zero %s one", end);
		add_node(&b, "Slice", from, c);
		snprintf(from, sizeof(from), "%s %s", a, c);
		add_node(&b, "MatMul", from, y);
		add_output(&b, y);
	}
	result = build(&b);
	ACCEPTED(result);
	CHECK(multiply(&result, 8, (uint32_t[]) { 0, 1, 2, 3, 4, 5, 6, 7 }));
	nc_result_free(&result);
}

/* There is room for those programs that cannot do without. */
static void no_room(void)
{
	unsigned int count, i;

	for (count = NEURON_NEFF_MAX_MODELS - 2; count < NEURON_NEFF_MAX_MODELS; count++) {
		struct builder b = with_turned(4000);
		struct nc_result result;
		char x[16] = "p", y[32];

		attend(&b, "a");
		add_output(&b, "a");
		add_input(&b, "p", FLOAT, DIMS(10));
		for (i = 0; i < count; i++) {
			snprintf(y, sizeof(y), "r%u", i);
			add_node(&b, "Bernoulli", x, y);
			snprintf(x, sizeof(x), "p%u", i);
			add_node(&b, "Sigmoid", y, x);
		}
		add_output(&b, x);
		result = build(&b);
		ACCEPTED(result);
		CHECK_EQ(count_steps(&result, NEURON_NEFF_STEP_PRODUCT),
			 count == NEURON_NEFF_MAX_MODELS - 2 ? 2 : 0);
		CHECK_EQ(result.summary.num_programs,
			 count == NEURON_NEFF_MAX_MODELS - 2 ? count + 2 : count);
		nc_result_free(&result);
	}
}

/* What a length is computed of is multiplied in fp32, and by a program of its own. */
static void exact_products(void)
{
	struct nc_options options = { .auto_cast = NC_CAST_BF16 };
	struct builder b = with_turned(4000);
	struct nc_result result;

	add_const(&b, "start", INT64, 0, NULL, (int64_t[]) { 0 }, 8);
	add_const(&b, "step", INT64, 0, NULL, (int64_t[]) { 1 }, 8);
	add_node(&b, "MatMul", "turned some", "y");
	add_output(&b, "y");
	add_node(&b, "MatMul", "turned some", "durations");
	add_node(&b, "Tanh", "durations", "small");
	attr_int(add_node(&b, "ReduceSum", "small", "sum"), "keepdims", 0);
	attr_int(add_node(&b, "Cast", "sum", "length"), "to", INT64);
	add_node(&b, "Range", "start length step", "z");
	add_output(&b, "z");
	result = build_with(&b, &options);
	ACCEPTED(result);
	CHECK(multiply(&result, 2, (uint32_t[]) { 0, 1 }));
	nc_result_free(&result);
}

int main(void)
{
	ktap_run("as far as windows reach", reach);
	ktap_run("what makes it longer", longer);
	ktap_run("what the host keeps", others);
	ktap_run("lengths that are not the same", strangers);
	ktap_run("many programs", many);
	ktap_run("lengths are exact", exact);
	ktap_run("products of what is as long", products);
	ktap_run("many sizes of products", many_products);
	ktap_run("products without room for programs", no_room);
	ktap_run("products of lengths are exact", exact_products);
	return ktap_done();
}
