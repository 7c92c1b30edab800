// SPDX-License-Identifier: MIT
/* What the compiler made, in figures: per layer and as a whole. */
#include <errno.h>
#include <string.h>
#include <qemu-device/chip/chip.h>
#include <qemu-device/timing/timing.h>

#include "backend.h"

static uint64_t elements(const struct neuron_tensor *tensor)
{
	uint64_t n = 1;
	unsigned int i;

	for (i = 0; i < tensor->rank; i++)
		n *= tensor->dims[i];
	return n;
}

static uint64_t bytes_of(const struct neuron_tensor *tensor)
{
	return elements(tensor) * neuron_dtype_size(tensor->dtype);
}

static uint64_t macs_of(const struct neuron_inst *inst,
			const struct neuron_tensor *tensors)
{
	const struct neuron_tensor *out, *w;
	uint64_t macs;
	unsigned int i;

	switch (inst->opcode) {
	case NEURON_OP_MATMUL:
		out = &tensors[inst->operand[0]];
		w = &tensors[inst->operand[2]];
		return elements(out) * w->dims[w->rank - 2];
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		out = &tensors[inst->operand[inst->opcode ==
					     NEURON_OP_CONV ? 0 : 1]];
		w = &tensors[inst->operand[2]];
		macs = elements(out);
		for (i = 1; i < w->rank; i++)
			macs *= w->dims[i];
		return macs;
	default:
		return 0;
	}
}

/**
 * struct layer - what its instructions add up to
 * @busy: cycles by engine
 */
struct layer {
	uint64_t busy[NEURON_NUM_ENGINES];
	uint64_t macs;
	uint64_t in;
	uint64_t kept;
	uint64_t out;
	bool spills;
	const struct nc_value *input;
	const struct nc_value *value;
};

static void add_insts(const struct nc_program *prog, struct layer *layers,
		      unsigned int num_layers,
		      const struct neuron_inst_time *times)
{
	const struct neuron_program_header *header = prog->image;
	const struct neuron_tensor *tensors = neuron_program_tensors(header);
	const struct neuron_inst *insts = neuron_program_insts(header);
	uint32_t i;

	for (i = 0; i < header->num_insts; i++) {
		const struct neuron_inst *inst = &insts[i];
		struct layer *layer = &layers[inst->layer];
		const struct neuron_tensor *slot;

		if (inst->layer >= num_layers)
			continue;
		layer->busy[inst->engine] += times[i].end - times[i].start;
		layer->macs += macs_of(inst, tensors);
		if (inst->opcode == NEURON_OP_LOAD) {
			slot = &tensors[inst->operand[1]];
			if (inst->flags & NEURON_INST_RESIDENT)
				layer->kept += bytes_of(slot);
			else
				layer->in += bytes_of(slot);
		} else if (inst->opcode == NEURON_OP_STORE) {
			slot = &tensors[inst->operand[0]];
			layer->out += bytes_of(slot);
			layer->spills |= slot->slot == NC_SLOT_SCRATCH;
		}
	}
}

static void fill_layers(struct nc_ctx *ctx, const struct layer *layers)
{
	const struct nc_graph *graph = ctx->graph;
	struct nc_summary *summary = &ctx->result->summary;
	unsigned int i, j;

	summary->layers = nc_alloc(ctx->arena, graph->num_layers,
				   sizeof(*summary->layers));
	for (i = 0; i < graph->num_layers; i++) {
		struct nc_layer_summary *to =
			&summary->layers[summary->num_layers];

		for (j = 0; j < NEURON_NUM_ENGINES; j++) {
			if (layers[i].busy[j] <= to->cycles)
				continue;
			to->cycles = layers[i].busy[j];
			to->engine = j;
		}
		if (!to->cycles)
			continue;
		to->name = graph->layers[i];
		to->op = graph->layer_ops[i];
		to->macs = layers[i].macs;
		to->bytes_in = layers[i].in;
		to->bytes_kept = layers[i].kept;
		to->bytes_out = layers[i].out;
		to->spills = layers[i].spills;
		to->in_rank = -1;
		if (layers[i].input) {
			to->in_rank = layers[i].input->rank;
			memcpy(to->in_dims, layers[i].input->dims, sizeof(to->in_dims));
		}
		if (layers[i].value) {
			to->rank = layers[i].value->rank;
			memcpy(to->dims, layers[i].value->dims,
			       sizeof(to->dims));
		}
		summary->num_layers++;
	}
}

/* The layer's first input, and the last of what it makes. */
static void note_values(struct layer *layer, const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs && !layer->value && !layer->input; i++)
		if (node->inputs[i] && !nc_is_const(node->inputs[i]))
			layer->input = node->inputs[i];
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			layer->value = node->outputs[i];
}

void nc_summarize(struct nc_ctx *ctx)
{
	const struct neuron_timing_config chip = {
		.cores = ctx->sharing,
		.clock_khz = NEURON_CHIP_CLOCK_KHZ,
		.dram_mibps = NEURON_CHIP_DRAM_MIBPS,
		.link_mibps = NEURON_CHIP_LINK_MIBPS,
	};
	const struct nc_program *prog = ctx->program;
	const struct neuron_program_header *header = prog->image;
	const struct nc_graph *graph = ctx->graph;
	struct nc_summary *summary = &ctx->result->summary;
	struct neuron_inst_time *times;
	struct layer *layers;
	bool *slot_is_dram;
	unsigned int i;
	int ret;

	summary->cores = 1;
	summary->stages = 1;
	summary->num_nodes = graph->num_nodes;
	summary->num_insts = header->num_insts;
	summary->weight_bytes = prog->weights_size;
	summary->kept_bytes = prog->pinned_size;
	summary->scratch_bytes = prog->scratch_size;
	for (i = 0; i < graph->num_values; i++)
		if (nc_is_const(graph->values[i]) &&
		    graph->values[i]->num_uses &&
		    (nc_dtype_is_float(graph->values[i]->dtype) ||
		     nc_dtype_size(graph->values[i]->dtype) == 1))
			summary->num_params += nc_numel(graph->values[i]);

	/* Inputs and outputs are device tensors, as nrt programs make them. */
	slot_is_dram = nc_alloc(ctx->arena, header->num_slots,
				sizeof(*slot_is_dram));
	for (i = 0; i < header->num_slots; i++)
		slot_is_dram[i] = true;
	times = nc_alloc(ctx->arena, header->num_insts, sizeof(*times));
	ret = neuron_timing_schedule(&chip, header, slot_is_dram,
				     header->num_slots, false, times,
				     &summary->report);
	if (!ret)
		ret = neuron_timing_schedule(&chip, header, slot_is_dram,
					     header->num_slots, true, NULL,
					     &summary->warm);
	if (ret == -ENOMEM) {
		nc_error(ctx, NULL, "no memory for the timing model");
		return;
	}
	if (ret) {
		nc_error(ctx, NULL,
			 "the compiler made a program that blocks, please report it");
		return;
	}

	summary->interval = summary->warm.cycles;
	layers = nc_alloc(ctx->arena, graph->num_layers, sizeof(*layers));
	for (i = 0; i < graph->num_nodes; i++)
		if (graph->nodes[i]->layer < graph->num_layers)
			note_values(&layers[graph->nodes[i]->layer], graph->nodes[i]);
	add_insts(prog, layers, graph->num_layers, times);
	nc_give_back(ctx->arena, times, header->num_insts * sizeof(*times));
	fill_layers(ctx, layers);
	nc_give_back(ctx->arena, layers, graph->num_layers * sizeof(*layers));
}
