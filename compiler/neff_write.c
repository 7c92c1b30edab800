// SPDX-License-Identifier: MIT
/* The .neff around the program: see <neuron/neff.h>. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <neuron/neff.h>
#include <neuron/regs.h>

#include "cores.h"
#include "host.h"
#include "neff_file.h"

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

void nc_put_tensors(const struct nc_graph *graph, bool slots,
		    struct neuron_neff_tensor *to)
{
	unsigned int i, n = graph->num_inputs + graph->num_outputs;
	int j;

	for (i = 0; i < n; i++) {
		const struct nc_value *value = i < graph->num_inputs ?
			graph->inputs[i] : graph->outputs[i - graph->num_inputs];

		put_name(to[i].name, sizeof(to[i].name), value->name);
		to[i].dtype = nc_dtype_to_neff(value->dtype);
		to[i].rank = value->rank;
		for (j = 0; j < value->rank; j++)
			to[i].dims[j] = value->dims[j];
		to[i].size = nc_bytes(value);
		to[i].slot = slots ? NC_SLOT_FIRST_IO + i : 0;
		to[i].flags = value->open ? NEURON_NEFF_TENSOR_OPEN : 0;
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

void nc_put_layers(const struct nc_graph *graph, struct neuron_neff_layer *to)
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

uint8_t *nc_neff_new(struct nc_ctx *ctx, struct neuron_neff_section *sections,
		     unsigned int count)
{
	uint64_t size = sizeof(struct neuron_neff_header) + count * sizeof(*sections);
	struct neuron_neff_header *header;
	unsigned int i;
	uint8_t *file;

	for (i = 0; i < count; i++) {
		size = (size + NEURON_NEFF_ALIGN - 1) &
		       -(uint64_t)NEURON_NEFF_ALIGN;
		sections[i].offset = size;
		size += sections[i].size;
	}
	file = calloc(1, size);
	if (!file) {
		nc_error(ctx, NULL, "no memory for a file of %llu bytes",
			 (unsigned long long)size);
		return NULL;
	}
	ctx->result->neff = file;
	ctx->result->neff_size = size;
	header = (void *)file;
	memcpy(header->magic, NEURON_NEFF_MAGIC, sizeof(header->magic));
	header->version = NEURON_NEFF_VERSION;
	header->header_size = sizeof(*header);
	header->file_size = size;
	header->num_sections = count;
	header->num_inputs = ctx->graph->num_inputs;
	header->num_outputs = ctx->graph->num_outputs;
	header->isa_version = NEURON_ISA_VERSION;
	put_name(header->name, sizeof(header->name), ctx->graph->name);
	put_name(header->compiler, sizeof(header->compiler), COMPILER_NAME);
	memcpy(file + sizeof(*header), sections, count * sizeof(*sections));
	return file;
}

void nc_neff_seal(uint8_t *file)
{
	struct neuron_neff_header *header = (void *)file;
	const struct neuron_neff_section *first = (const void *)(header + 1);

	put_hash(file + first->offset, header->file_size - first->offset, header->uuid);
	put_hash(file, header->file_size, header->hash);
}

void nc_neff_write(struct nc_ctx *ctx)
{
	struct neuron_neff_section sections[5 + NC_MAX_CORES];
	const struct nc_parts *parts = all_parts(ctx);
	const struct nc_graph *graph = ctx->graph;
	unsigned int i, n = list_sections(graph, parts, sections);
	uint8_t *file = nc_neff_new(ctx, sections, n);
	struct neuron_neff_header *header = (void *)file;

	if (!file)
		return;
	header->num_cores = parts->count;
	nc_put_tensors(graph, true, (void *)(file + sections[0].offset));
	put_slots(parts, graph, (void *)(file + sections[1].offset));
	nc_put_layers(graph, (void *)(file + sections[3].offset));
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
	nc_neff_seal(file);
}
