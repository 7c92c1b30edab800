/* SPDX-License-Identifier: MIT */
/* Reader of .neff files; the format is in include/neuron/neff.h. */
#ifndef LIBNEURON_NEFF_H
#define LIBNEURON_NEFF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/hostop.h>
#include <neuron/neff.h>

enum neff_status {
	NEFF_OK,
	NEFF_DAMAGED,		/* no .neff file, or one that has been changed */
	NEFF_UNSUPPORTED,	/* another version, or a file of AWS's compiler */
};

/* A section's contents. */
struct neff_bytes {
	const void *data;
	uint64_t size;
};

/**
 * struct neff - a file that was found sound
 * @header: start of the file
 * @num_tensors: inputs and outputs
 * @tensors: the inputs, then the outputs
 * @num_slots: slots of the programs
 * @slots: what they are
 * @program_slot: the one that is of kind PROGRAM
 * @num_layers: layers that are named, may be 0
 * @layers: their names
 * @weights: contents of the WEIGHTS section, may be empty
 * @programs: one for each of header->num_cores; none of a model with steps
 * @stages: by core: its stage; NULL: all are of one
 * @num_steps: of a model with steps, which has no slots: how many
 * @steps: its steps
 * @num_operands: entries of @operands
 * @operands: the values that steps work on
 * @num_values: entries of @values
 * @values: the values
 * @num_models: entries of @models
 * @models: files that chip steps run; found sound themselves
 *
 * All of it points into the file's bytes.
 */
struct neff {
	const struct neuron_neff_header *header;
	uint32_t num_tensors;
	const struct neuron_neff_tensor *tensors;
	uint32_t num_slots;
	const struct neuron_neff_slot *slots;
	uint32_t program_slot;
	uint32_t num_layers;
	const struct neuron_neff_layer *layers;
	struct neff_bytes weights;
	struct neff_bytes programs[NEURON_NEFF_MAX_CORES];
	const uint32_t *stages;
	uint32_t num_steps;
	const struct neuron_neff_step *steps;
	uint32_t num_operands;
	const uint32_t *operands;
	uint32_t num_values;
	const struct neuron_neff_value *values;
	uint32_t num_models;
	struct neff_bytes models[NEURON_NEFF_MAX_MODELS];
};

/* The model has host steps. */
static inline bool neff_has_steps(const struct neff *neff)
{
	return neff->header->flags & NEURON_NEFF_HAS_STEPS;
}

#define NEFF_ERROR_SIZE	192

/**
 * neff_parse() - check a file and find its parts
 * @data: the file's bytes, aligned to 8; may be hostile, must not change
 * @size: number of them
 * @check_hash: compare the checksum, too
 * @neff: filled in when the file is sound
 * @error: receives one line that says what is wrong, when it is not
 *
 * Everything is checked but the programs themselves: neuron_program_check() does
 * that. Pure and thread-safe; time and memory are linear in @size.
 */
enum neff_status neff_parse(const void *data, size_t size, bool check_hash,
			    struct neff *neff, char error[NEFF_ERROR_SIZE]);

/**
 * neff_hash() - the checksum of a file
 * @data: the file's bytes, at least a header
 * @size: number of them
 * @hash: receives it; what @data has in the hash field counts as zero
 */
void neff_hash(const void *data, size_t size, uint8_t hash[16]);

/* Bytes of an element, 0 for a type that is none; and the type's name or NULL. */
unsigned int neff_dtype_size(uint32_t dtype);
/* Bytes of a value between steps; where its shape is open, the most. */
uint64_t neff_value_size(const struct neuron_neff_value *v);
/* The table of a CHUNKS step that has been found sound: a row for each tensor of its model. */
const struct neuron_neff_chunk *neff_chunks(const struct neuron_neff_step *s,
					    const uint32_t *operands,
					    const struct neuron_neff_value *values,
					    const void *constants);

/* Operand of a CHUNKS step that tensor @k of its model is: the table is between them. */
static inline uint32_t neff_chunk_operand(const struct neuron_neff_step *s, uint32_t k)
{
	return k < s->num_inputs - 1 ? k : k + 1;
}

/* The host's operator of a HOST or a PRODUCT step; of others NEURON_HOST_NUM_OPS. */
static inline uint32_t neff_step_operator(const struct neuron_neff_step *s)
{
	if (s->kind == NEURON_NEFF_STEP_PRODUCT)
		return NEURON_HOST_MATMUL;
	return s->kind == NEURON_NEFF_STEP_HOST ? s->op : NEURON_HOST_NUM_OPS;
}

const char *neff_dtype_name(uint32_t dtype);

#endif /* LIBNEURON_NEFF_H */
