// SPDX-License-Identifier: MIT
/*
 * opened DIR <CASES: operator cases with shapes that depend on data, as cases in the layout
 * of ONNX's backend tests.
 *
 * Each input of floats gets up to two more elements in one dimension, which a Compress
 * removes again; nobody knows that when compiling: the operator is the host's, or the
 * chip's, piece by piece. One that the host has must compile; of the others the first input
 * is opened, and those that do not compile then are left out. In DIR/full and, where numbers
 * have 16 bits, DIR/half.
 */
#include <compiler/host.h>
#include <compiler/neffc.h>
#include "tests/conformance/host/case_folder.h"
#include "tests/unit/operator_case.h"

static bool is_recurrent(const struct test_case *c)
{
	return !strcmp(c->op, "LSTM") || !strcmp(c->op, "GRU") || !strcmp(c->op, "RNN");
}

/* Dimensions that an operator needs to know: of some it says so, others decide the rank. */
static bool is_needed(const struct test_case *c, const struct tensor *t, int axis)
{
	/* Sequences come first, but in a layout that ONNX Runtime does not have. */
	if (is_recurrent(c))
		return axis;
	return (!strncmp(c->op, "Conv", 4) && (axis == 1 || t != c->in)) ||
	       (t->dims[axis] == 1 && !strcmp(c->op, "Squeeze"));
}

static const char *type_name(const struct test_case *c)
{
	unsigned int i;

	for (i = 0; i < c->num_in; i++)
		if (c->in[i].present && nc_dtype_is_float(c->in[i].dtype))
			return nc_dtype_size(c->in[i].dtype) == 2 ? "half" : "full";
	return "full";
}

/* The same with @more elements of no meaning in a dimension. */
static const void *widen(const struct tensor *t, int axis, int64_t more, int64_t *dims)
{
	size_t run = nc_dtype_size(t->dtype), size, i, parts = 1;
	char *data;
	int d;

	memcpy(dims, t->dims, sizeof(t->dims));
	dims[axis] += more;
	for (d = 0; d < t->rank; d++)
		*(d < axis ? &parts : &run) *= (size_t)t->dims[d];
	size = run / (size_t)t->dims[axis] * (size_t)dims[axis];
	data = own_memory(parts * size + 1);
	memset(data, 0x55, parts * size);
	for (i = 0; i < parts; i++)
		memcpy(data + i * size, t->data + i * run, run);
	return data;
}

/* What a case's input becomes. */
struct opened {
	int axis;
	int64_t dims[NC_MAX_RANK];
	const void *data;
	const uint8_t *taken;
};

/* Put a Compress before input @i of the case's node, where that can be. */
static void open_input(struct builder *b, const struct test_case *c, unsigned int i,
		       struct opened *o)
{
	const struct tensor *t = &c->in[i];
	char inputs[32], *name;
	int axis, tries;
	uint8_t *taken;
	size_t k;

	if (!nc_dtype_is_float(t->dtype) || !t->rank || !t->count)
		return;
	axis = (int)((c->line + i) % (unsigned int)t->rank);
	for (tries = 0; is_needed(c, t, axis); axis = (axis + 1) % t->rank)
		if (++tries == t->rank)
			return;
	o->axis = axis;
	o->data = widen(t, axis, (c->line + i) % 3, o->dims);
	taken = own_memory((size_t)o->dims[axis]);
	memset(taken, 0, (size_t)o->dims[axis]);
	memset(taken, 1, (size_t)t->dims[axis]);
	o->taken = taken;
	snprintf(inputs, sizeof(inputs), "x%u", i);
	for (k = 0; strcmp(b->graph->input[k]->name, inputs); k++)
		;
	b->graph->input[k] = new_value(inputs, nc_dtype_to_onnx(t->dtype), t->rank, o->dims);
	/* In the order of inputs that they are written in. */
	snprintf(inputs, sizeof(inputs), "c%u", i);
	add_input(b, inputs, BOOL, DIMS(o->dims[axis]));
	snprintf(inputs, sizeof(inputs), "x%u c%u", i, i);
	name = b->graph->node[0]->input[i];
	snprintf(name, strlen(name) + 1, "o%u", i);
	attr_int(add_node(b, "Compress", inputs, name), "axis", axis);
}

/* Nodes come before what uses them: the case's own is the last. */
static void last_comes_first(Onnx__GraphProto *graph)
{
	Onnx__NodeProto *node = graph->node[0];

	memmove(graph->node, graph->node + 1, (graph->n_node - 1) * sizeof(*graph->node));
	graph->node[graph->n_node - 1] = node;
}

static void put_values(const char *what, unsigned int number, enum nc_dtype dtype, int rank,
		       const int64_t *dims, const void *data)
{
	int64_t count = 1;
	char file[32];
	int i;

	for (i = 0; i < rank; i++)
		count *= dims[i];
	snprintf(file, sizeof(file), "%s_%u.pb", what, number);
	put_tensor(file, nc_dtype_to_onnx(dtype), rank, dims, data,
		   (size_t)count * nc_dtype_size(dtype));
}

/* The host has it, however it is opened. Not all functions of gates are there. */
static bool is_of_host(const struct test_case *c)
{
	return !*c->domain && !is_recurrent(c) && nc_host_rule(nc_op_find(c->op));
}

/* Return: false when it does not compile, and should. */
static bool put_case(const struct test_case *c)
{
	struct nc_options options = { .auto_cast = NC_CAST_NONE };
	const void *inputs[MAX_TENSORS];
	struct opened opened[MAX_TENSORS];
	struct nc_result result;
	unsigned int i, n = 0;
	struct builder b;
	char name[128];
	size_t size;
	bool ok;

	b = case_model(c, false, inputs);
	for (i = 0; i < c->num_in; i++) {
		struct opened *o = &opened[i];

		*o = (struct opened) { .data = c->in[i].data };
		memcpy(o->dims, c->in[i].dims, sizeof(o->dims));
		if (c->in[i].present && !c->in[i].constant && (!i || is_of_host(c)))
			open_input(&b, c, i, o);
	}
	if (b.graph->node[0]->input[0][0] != 'o')
		return true;
	last_comes_first(b.graph);
	/* The model says their types. */
	for (i = 0, n = 0; i < c->num_out; i++) {
		if (!c->out[i].present)
			continue;
		snprintf(name, sizeof(name), "y%u", i);
		b.graph->output[n++] = new_value(name, nc_dtype_to_onnx(c->out[i].dtype), -1, NULL);
	}
	inputs[0] = builder_bytes(&b, &size);
	ok = nc_compile(inputs[0], size, c->op, &options, &result);
	if (!ok && is_of_host(c))
		printf("line %u: %s: %s", c->line, c->op, result.errors);
	nc_result_free(&result);
	if (!ok)
		return !is_of_host(c);
	snprintf(name, sizeof(name), "%s/%s-%u", type_name(c), c->op, c->line);
	put_model(name, &b);
	for (i = 0, n = 0; i < c->num_in; i++)
		if (c->in[i].present && !c->in[i].constant)
			put_values("input", n++, c->in[i].dtype, c->in[i].rank,
				   opened[i].dims, opened[i].data);
	for (i = 0; i < c->num_in; i++)
		if (opened[i].taken)
			put_values("input", n++, NC_BOOL, 1, &opened[i].dims[opened[i].axis],
				   opened[i].taken);
	for (i = 0, n = 0; i < c->num_out; i++)
		if (c->out[i].present)
			put_values("output", n++, c->out[i].dtype, c->out[i].rank, c->out[i].dims,
				   c->out[i].data);
	return true;
}

int main(int argc, char **argv)
{
	char *line = NULL;
	static struct test_case c;
	unsigned int number = 0;
	bool ok = true, has = false;
	size_t room = 0;

	if (argc != 2) {
		fprintf(stderr, "usage: opened DIR <CASES\n");
		return 2;
	}
	folder = argv[1];
	enter("full");
	enter("half");
	while (getline(&line, &room, stdin) > 0) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#')
			continue;
		if (!*line) {
			ok &= !has || put_case(&c);
			has = false;
			continue;
		}
		if (strncmp(line, "node ", 5)) {
			if (has && !parse_tensor_line(line, &c))
				return 1;
			continue;
		}
		if (!parse_node(line + 5, &c, number))
			return 1;
		has = true;
	}
	ok &= !has || put_case(&c);
	free(line);
	return !ok;
}
