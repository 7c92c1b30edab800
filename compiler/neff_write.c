// SPDX-License-Identifier: MIT
/* The .neff around the program: see <neuron/neff.h>. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <neuron/neff.h>
#include <neuron/regs.h>

#include "cores.h"

#define COMPILER_NAME	"neuron-compile 0.1"

/* The longest name that fits, cut between characters and terminated. */
static void put_name(char *to, size_t size, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	if (n >= size) {
		n = size - 1;
		while (n && ((unsigned char)name[n] & 0xc0) == 0x80)
			n--;
	}
	memcpy(to, name, n);
	memset(to + n, 0, size - n);
}

static uint32_t neff_dtype(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_BF16:	return NEURON_NEFF_BF16;
	case NC_F16:	return NEURON_NEFF_F16;
	case NC_I8:	return NEURON_NEFF_I8;
	case NC_U8:	return NEURON_NEFF_U8;
	case NC_I32:	return NEURON_NEFF_I32;
	case NC_I64:	return NEURON_NEFF_I64;
	case NC_BOOL:	return NEURON_NEFF_BOOL;
	case NC_F64:	return NEURON_NEFF_F64;
	case NC_I16:	return NEURON_NEFF_I16;
	case NC_U16:	return NEURON_NEFF_U16;
	case NC_U32:	return NEURON_NEFF_U32;
	case NC_U64:	return NEURON_NEFF_U64;
	default:	return NEURON_NEFF_F32;
	}
}

static void put_tensors(const struct nc_graph *graph,
			struct neuron_neff_tensor *to)
{
	unsigned int i, n = graph->num_inputs + graph->num_outputs;
	int j;

	for (i = 0; i < n; i++) {
		const struct nc_value *value = i < graph->num_inputs ?
			graph->inputs[i] : graph->outputs[i - graph->num_inputs];

		put_name(to[i].name, sizeof(to[i].name), value->name);
		to[i].dtype = neff_dtype(value->dtype);
		to[i].rank = value->rank;
		for (j = 0; j < value->rank; j++)
			to[i].dims[j] = value->dims[j];
		to[i].size = nc_bytes(value);
		to[i].slot = NC_SLOT_FIRST_IO + i;
	}
}

static void put_slots(const struct nc_parts *parts,
		      const struct nc_graph *graph, struct neuron_neff_slot *to)
{
	unsigned int i, n = graph->num_inputs + graph->num_outputs;

	to[NC_SLOT_PROGRAM].kind = NEURON_NEFF_SLOT_PROGRAM;
	to[NC_SLOT_PROGRAM].size = parts->image_size;
	to[NC_SLOT_WEIGHTS].kind = NEURON_NEFF_SLOT_WEIGHTS;
	to[NC_SLOT_WEIGHTS].size = parts->weights_size;
	to[NC_SLOT_SCRATCH].kind = NEURON_NEFF_SLOT_SCRATCH;
	to[NC_SLOT_SCRATCH].size = parts->scratch_size;
	for (i = 0; i < n; i++) {
		bool in = i < graph->num_inputs;

		to[NC_SLOT_FIRST_IO + i].kind = in ? NEURON_NEFF_SLOT_INPUT :
						     NEURON_NEFF_SLOT_OUTPUT;
		to[NC_SLOT_FIRST_IO + i].index = i;
		to[NC_SLOT_FIRST_IO + i].size =
			nc_bytes(in ? graph->inputs[i] :
				 graph->outputs[i - graph->num_inputs]);
	}
	if (parts->num_stages > 1) {
		to[NC_SLOT_FIRST_IO + n].kind = NEURON_NEFF_SLOT_HANDOVER;
		to[NC_SLOT_FIRST_IO + n].size = parts->handover_size;
	}
}

void nc_put_weights(const struct nc_program *prog, uint8_t *to)
{
	uint32_t i;

	for (i = 0; i < prog->num_bufs; i++) {
		const struct nc_buf *buf = prog->bufs[i];

		if (buf->kind == NC_BUF_CONST)
			memcpy(to + buf->slot_offset, buf->data, buf->size);
	}
}

static void put_layers(const struct nc_graph *graph,
		       struct neuron_neff_layer *to)
{
	unsigned int i;

	for (i = 0; i < graph->num_layers; i++) {
		put_name(to[i].name, sizeof(to[i].name), graph->layers[i]);
		put_name(to[i].op, sizeof(to[i].op), graph->layer_ops[i]);
	}
}

static void put_hash(const void *data, size_t size, uint8_t to[16])
{
	XXH128_canonical_t canonical;

	XXH128_canonicalFromHash(&canonical, XXH3_128bits(data, size));
	memcpy(to, canonical.digest, sizeof(canonical.digest));
}

/* A model on one core is one part, all of it. */
static const struct nc_parts *all_parts(struct nc_ctx *ctx)
{
	struct nc_program *prog = ctx->program;
	struct nc_parts *parts;

	if (ctx->parts)
		return ctx->parts;
	parts = nc_alloc(ctx->arena, 1, sizeof(*parts));
	parts->count = 1;
	parts->num_stages = 1;
	parts->part = nc_alloc(ctx->arena, 1, sizeof(*parts->part));
	parts->part->image = prog->image;
	parts->part->image_size = prog->image_size;
	parts->part->sbuf_used = prog->sbuf_used;
	parts->part->psum_used = prog->psum_used;
	parts->weights_size = prog->weights_size;
	parts->scratch_size = prog->scratch_size;
	parts->image_size = prog->image_size;
	return parts;
}

/* The sections, the programs last; their number is returned. */
static unsigned int list_sections(const struct nc_graph *graph,
				  const struct nc_parts *parts,
				  struct neuron_neff_section *sections)
{
	unsigned int io = graph->num_inputs + graph->num_outputs, i, n = 0;

	sections[n++] = (struct neuron_neff_section) {
		.type = NEURON_NEFF_TENSORS, .size = io * sizeof(struct neuron_neff_tensor),
	};
	sections[n++] = (struct neuron_neff_section) {
		.type = NEURON_NEFF_SLOTS,
		.size = (NC_SLOT_FIRST_IO + io + (parts->num_stages > 1)) *
			sizeof(struct neuron_neff_slot),
	};
	sections[n++] = (struct neuron_neff_section) {
		.type = NEURON_NEFF_WEIGHTS, .size = parts->weights_size,
	};
	sections[n++] = (struct neuron_neff_section) {
		.type = NEURON_NEFF_LAYERS,
		.size = graph->num_layers * sizeof(struct neuron_neff_layer),
	};
	for (i = 0; i < parts->count; i++)
		sections[n++] = (struct neuron_neff_section) {
			.type = NEURON_NEFF_PROGRAM, .index = i,
			.size = parts->part[i].image_size,
		};
	if (parts->num_stages > 1)
		sections[n++] = (struct neuron_neff_section) {
			.type = NEURON_NEFF_STAGES, .size = parts->count * sizeof(uint32_t),
		};
	return n;
}

void nc_neff_write(struct nc_ctx *ctx)
{
	struct neuron_neff_section sections[5 + NC_MAX_CORES];
	const struct nc_parts *parts = all_parts(ctx);
	const struct nc_graph *graph = ctx->graph;
	unsigned int i, n = list_sections(graph, parts, sections);
	struct neuron_neff_header *header;
	uint64_t size = sizeof(*header) + n * sizeof(*sections), body;
	uint8_t *file;

	for (i = 0; i < n; i++) {
		size = (size + NEURON_NEFF_ALIGN - 1) &
		       -(uint64_t)NEURON_NEFF_ALIGN;
		sections[i].offset = size;
		size += sections[i].size;
	}
	body = sections[0].offset;
	file = calloc(1, size);
	if (!file) {
		nc_error(ctx, NULL, "no memory for a file of %llu bytes",
			 (unsigned long long)size);
		return;
	}
	ctx->result->neff = file;
	ctx->result->neff_size = size;

	header = (void *)file;
	memcpy(file + sizeof(*header), sections, n * sizeof(*sections));
	put_tensors(graph, (void *)(file + sections[0].offset));
	put_slots(parts, graph, (void *)(file + sections[1].offset));
	put_layers(graph, (void *)(file + sections[3].offset));
	for (i = 0; i < parts->count; i++) {
		const struct nc_part *part = &parts->part[i];

		if (part->constants)
			memcpy(file + sections[2].offset + part->weights,
			       part->constants, part->constants_size);
		memcpy(file + sections[4 + i].offset, part->image, part->image_size);
		if (header->sbuf_size < part->sbuf_used)
			header->sbuf_size = part->sbuf_used;
		if (header->psum_size < part->psum_used)
			header->psum_size = part->psum_used;
	}
	if (parts->num_stages > 1) {
		uint32_t *stages = (void *)(file + sections[4 + parts->count].offset);

		for (i = 0; i < parts->count; i++)
			stages[i] = parts->part[i].stage;
	}
	if (!ctx->parts)
		nc_put_weights(ctx->program, file + sections[2].offset);

	memcpy(header->magic, NEURON_NEFF_MAGIC, sizeof(header->magic));
	header->version = NEURON_NEFF_VERSION;
	header->header_size = sizeof(*header);
	header->file_size = size;
	header->num_sections = n;
	header->num_cores = parts->count;
	header->num_inputs = graph->num_inputs;
	header->num_outputs = graph->num_outputs;
	header->isa_version = NEURON_ISA_VERSION;
	put_name(header->name, sizeof(header->name), graph->name);
	put_name(header->compiler, sizeof(header->compiler), COMPILER_NAME);
	put_hash(file + body, size - body, header->uuid);
	put_hash(file, size, header->hash);
}
