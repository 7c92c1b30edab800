// SPDX-License-Identifier: MIT
#include <stdio.h>

#include "compiler/cores.h"
#include "compiler_back_model.h"
#include "compiler_back_run.h"

void model_begin(struct model *m, uint64_t seed)
{
	memset(m, 0, sizeof(*m));
	m->seed = seed * 2654435761u + 88172645463325252ull;
	m->layer = "layer";
	m->ctx.arena = nc_arena_new((size_t)1 << 30, &m->oom);
	m->ctx.options = &m->options;
	m->ctx.result = &m->result;
	m->ctx.fold_budget = 1 << 20;
	m->ctx.graph = &m->graph;
	m->graph.arena = m->ctx.arena;
	m->graph.name = "model";
	m->graph.opset = 18;
	m->graph.inputs = m->inputs;
	m->graph.outputs = m->outputs;
	m->graph.layers = &m->layer;
	m->graph.layer_ops = &m->layer;
	m->graph.num_layers = 1;
}

void model_end(struct model *m)
{
	nc_arena_free(m->ctx.arena);
	free(m->ctx.diag.text);
	free(m->result.neff);
}

uint32_t model_random(struct model *m, uint32_t n)
{
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 7;
	m->seed ^= m->seed << 17;
	return (m->seed >> 20) % n;
}

struct nc_value *model_input(struct model *m, int rank, const int64_t *dims)
{
	struct nc_value *value = nc_value_like(&m->ctx, "input", NC_F32, rank,
					       dims);

	value->is_input = true;
	m->inputs[m->graph.num_inputs++] = value;
	return value;
}

struct nc_value *model_const(struct model *m, int rank, const int64_t *dims)
{
	struct nc_value *value;
	int64_t i, n = 1;
	float *data;

	for (i = 0; i < rank; i++)
		n *= dims[i];
	data = malloc(n * sizeof(*data));
	for (i = 0; i < n; i++)
		data[i] = (float)model_random(m, 2001) / 1000 - 1;
	value = nc_const_new(&m->ctx, "const", NC_F32, rank, dims, data);
	free(data);
	return value;
}

struct nc_value *model_node(struct model *m, enum nc_op op, int rank,
			    const int64_t *dims, struct nc_value *a,
			    struct nc_value *b, struct nc_value *c)
{
	static const struct nc_node like = { .name = "node" };
	struct nc_value *out = nc_value_like(&m->ctx, "value", NC_F32, rank,
					     dims);
	struct nc_node *node = nc_node_new(&m->ctx, &like, op, out,
					   c ? 3 : b ? 2 : 1, a, b, c);

	node->compute = NC_F32;
	nc_node_list_add(&m->ctx, &m->nodes, node);
	return out;
}

void model_output(struct model *m, struct nc_value *value)
{
	value->is_output = true;
	m->outputs[m->graph.num_outputs++] = value;
}

/* Stages that end anywhere, on one to three cores each. */
static struct nc_parts *compile_stages(struct model *m)
{
	struct nc_spread spread = { 0 };
	unsigned int n = m->graph.num_nodes, at = 0, k;
	struct nc_stage *stage;

	while (at < n) {
		stage = &spread.stages[spread.num_stages++];
		stage->first = at;
		at += 1 + model_random(m, n - at);
		if (spread.num_stages == m->stages)
			at = n;
		stage->end = at;
		stage->cores = 1 + model_random(m, 3);
		stage->way = model_random(m, NC_NUM_WAYS);
	}
	nc_stages_connect(&m->ctx, spread.stages, spread.num_stages);
	for (k = 0; k < spread.num_stages; k++) {
		stage = &spread.stages[k];
		for (at = 0; at < stage->num_outputs; at++)
			if (nc_part_share(stage->outputs[at].value, 0, stage->cores,
					  NC_WAY_SPATIAL).axis < 0)
				stage->way = NC_WAY_FIRST;
	}
	return nc_compile_spread(&m->ctx, &spread);
}

static void cut_front(struct model *m)
{
	void *program = m->ctx.program;
	unsigned int n = m->graph.num_nodes;

	if (n < 2)
		return;
	if (nc_stretch_front(&m->ctx, 1 + model_random(m, n - 1), 2 + model_random(m, 3))) {
		m->fronts++;
		return;
	}
	/* It can't be cut there. */
	nc_end_attempt(&m->ctx, (struct nc_diag){ 0 });
	m->ctx.program = program;
	m->ctx.graph = &m->graph;
}

bool model_compile(struct model *m)
{
	static void (*const passes[])(struct nc_ctx *ctx) = {
		nc_graph_update, nc_share, nc_recognise, nc_fuse,
		nc_merge_products, nc_cast, nc_lower, nc_plan, nc_stretch,
		nc_schedule, nc_emit, nc_check_races, nc_neff_write,
	};
	enum { FIRST_FUSING = 1, LAST_FUSING = 5 };
	unsigned int i;

	m->graph.nodes = m->nodes.nodes;
	m->graph.num_nodes = m->nodes.count;
	/* The cast pass decides then. */
	for (i = 0; m->fuse && i < m->graph.num_nodes; i++)
		m->graph.nodes[i]->compute = NC_NONE;
	if (setjmp(m->oom)) {
		puts("# the arena is used up");
		return false;
	}
	for (i = 0; i < sizeof(passes) / sizeof(passes[0]); i++) {
		if (i >= FIRST_FUSING && i <= LAST_FUSING && !m->fuse)
			continue;
		if (i == LAST_FUSING + 1 && m->cores > 1) {
			m->ctx.parts = nc_compile_parts(&m->ctx, m->cores);
			if (!m->ctx.parts)
				return false;
		}
		if (i == LAST_FUSING + 1 && m->stages > 1) {
			m->ctx.parts = compile_stages(m);
			if (!m->ctx.parts)
				return false;
		}
		passes[i](&m->ctx);
		if (passes[i] == nc_stretch && m->front)
			cut_front(m);
		if (i <= LAST_FUSING)
			nc_verify(&m->ctx, "test");
		if (m->ctx.diag.count)
			return false;
	}
	return true;
}

float *model_run(struct model *m, uint64_t data_seed, uint64_t order_seed,
		 size_t *count)
{
	const void *inputs[MODEL_MAX_IO];
	void *outputs[MODEL_MAX_IO];
	uint64_t seed = data_seed;
	const char *why;
	float *all;
	size_t at = 0;
	unsigned int i;
	int64_t j;

	for (i = 0; i < m->graph.num_inputs; i++) {
		int64_t n = nc_numel(m->inputs[i]);
		float *data = malloc(n * sizeof(*data));

		for (j = 0; j < n; j++) {
			seed = seed * 6364136223846793005ull + 1442695040888963407ull;
			data[j] = (float)(seed >> 40) / (1 << 23) - 1;
		}
		inputs[i] = data;
	}
	*count = 0;
	for (i = 0; i < m->graph.num_outputs; i++)
		*count += nc_numel(m->outputs[i]);
	all = calloc(*count, sizeof(*all));
	for (i = 0; i < m->graph.num_outputs; i++) {
		outputs[i] = all + at;
		at += nc_numel(m->outputs[i]);
	}
	why = run_neff(m->result.neff, inputs, outputs, order_seed, true);
	for (i = 0; i < m->graph.num_inputs; i++)
		free((void *)inputs[i]);
	if (why) {
		printf("# %s\n", why);
		free(all);
		return NULL;
	}
	return all;
}
