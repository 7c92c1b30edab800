// SPDX-License-Identifier: MIT
/* What a model takes and gives, for tools that have to find the data for it. */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "import.h"

struct memory {
	struct nc_arena *arena;
	struct onnx_message message;
	jmp_buf oom;
};

static void fill(struct nc_io *io, const Onnx__ValueInfoProto *proto)
{
	const Onnx__TypeProto__Tensor *tensor;
	size_t i;

	io->name = nc_text(proto->name);
	io->rank = -1;
	/* A value that somebody made an output to look at it often has no type. */
	io->is_tensor = !proto->type ||
			proto->type->value_case == ONNX__TYPE_PROTO__VALUE__NOT_SET ||
			proto->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
	if (!proto->type ||
	    proto->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
		return;
	tensor = proto->type->tensor_type;
	io->dtype = nc_dtype_from_onnx(tensor->elem_type);
	if (!tensor->shape || tensor->shape->n_dim > NC_MAX_RANK)
		return;
	io->rank = (int)tensor->shape->n_dim;
	for (i = 0; i < tensor->shape->n_dim; i++) {
		const Onnx__TensorShapeProto__Dimension *dim = tensor->shape->dim[i];

		io->dims[i] = -1;
		if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
		    dim->dim_value >= 0)
			io->dims[i] = dim->dim_value;
	}
}

static void probe_graph(struct nc_ctx *ctx, const Onnx__GraphProto *graph,
			struct nc_probe *probe)
{
	struct nc_scope initializers = { 0 };
	struct nc_value known;
	size_t i;

	for (i = 0; i < graph->n_initializer; i++)
		nc_scope_add(ctx, &initializers,
			     nc_text(graph->initializer[i]->name), &known);
	probe->inputs = nc_alloc(ctx->arena, graph->n_input,
				 sizeof(*probe->inputs));
	for (i = 0; i < graph->n_input; i++)
		if (!nc_scope_get(&initializers, nc_text(graph->input[i]->name)))
			fill(&probe->inputs[probe->num_inputs++],
			     graph->input[i]);
	probe->outputs = nc_alloc(ctx->arena, graph->n_output,
				  sizeof(*probe->outputs));
	for (i = 0; i < graph->n_output; i++)
		fill(&probe->outputs[probe->num_outputs++], graph->output[i]);
}

const char *nc_probe(const void *onnx, size_t size, struct nc_probe *probe)
{
	struct memory *memory = calloc(1, sizeof(*memory));
	const Onnx__ModelProto *model;
	struct nc_ctx ctx = { 0 };
	const char *error;

	memset(probe, 0, sizeof(*probe));
	probe->memory = memory;
	if (memory)
		memory->arena = nc_arena_new(SIZE_MAX / 2, &memory->oom);
	if (!memory || !memory->arena)
		return "out of memory";
	if (setjmp(memory->oom))
		return "out of memory";
	error = onnx_parse(&memory->message, &onnx__model_proto__descriptor,
			   onnx, size);
	if (error)
		return error;
	model = (const void *)memory->message.base;
	if (!model->graph)
		return "it has no graph; is it an ONNX file?";
	ctx.arena = memory->arena;
	probe_graph(&ctx, model->graph, probe);
	return NULL;
}

void nc_probe_free(struct nc_probe *probe)
{
	struct memory *memory = probe->memory;

	if (memory) {
		nc_arena_free(memory->arena);
		onnx_free(&memory->message);
	}
	free(memory);
	memset(probe, 0, sizeof(*probe));
}
