/* SPDX-License-Identifier: MIT */
/*
 * The lists of <neuron/isa.h> as tables, for the validator and disassembler,
 * and the geometry of tensors. Private to qemu-device.
 */
#ifndef ISA_TABLES_H
#define ISA_TABLES_H

#include <neuron/isa.h>

enum isa_direction {
	ISA_OUT,
	ISA_IN,
	ISA_OPT,
};

struct isa_operand {
	const char *role;
	enum isa_direction direction;
	uint8_t spaces;
	uint16_t dtypes;
};

enum isa_field_type {
	ISA_FIELD_uint32_t,
	ISA_FIELD_float,
	ISA_FIELD_uint16_t,
	ISA_FIELD_int16_t,
};

/* Fields follow each other, each aligned to its own size. */
struct isa_field {
	const char *name;
	enum isa_field_type type;
	uint8_t size;		/* bytes of one element */
	uint8_t count;		/* 0: a scalar */
};

/**
 * struct isa_opcode - one row of NEURON_OPCODES with its lists
 * @name: as in the list
 * @engines: bit mask of the engines that execute it
 * @num_operands: entries of @operands
 * @num_fields: entries of @fields
 * @params_size: bytes of its parameters
 * @operands: in the order of neuron_inst.operand
 * @fields: in the order of the parameter structure
 */
struct isa_opcode {
	const char *name;
	uint32_t engines;
	uint8_t num_operands;
	uint8_t num_fields;
	uint8_t params_size;
	const struct isa_operand *operands;
	const struct isa_field *fields;
};

extern const struct isa_opcode isa_opcodes[NEURON_NUM_OPCODES];

/**
 * isa_elements() - number of elements of a tensor
 * @tensor: rank at most NEURON_MAX_RANK
 *
 * Return: the product of the dims, UINT64_MAX when it does not fit.
 */
uint64_t isa_elements(const struct neuron_tensor *tensor);

/**
 * isa_self_overlaps() - whether two elements of a view may share memory
 * @tensor: rank at most NEURON_MAX_RANK, dims at least 1
 *
 * Sorted by size, each stride must be greater than everything that the smaller
 * ones can reach together. That holds for every slice, transposition and reversal
 * of a dense tensor; a few exotic views without overlap are refused, too.
 *
 * Return: false only when no two elements overlap.
 */
bool isa_self_overlaps(const struct neuron_tensor *tensor);

/**
 * isa_overlap() - whether two views may share a byte
 * @a: a tensor whose extent is valid
 * @b: the same
 *
 * Knows views that interleave: two slices of one tensor do not overlap.
 *
 * Return: false only when the views share nothing.
 */
bool isa_overlap(const struct neuron_tensor *a, const struct neuron_tensor *b);

/**
 * isa_same_view() - whether two tensors name the same elements in the same order
 * @a: a tensor
 * @b: a tensor
 *
 * The element types may differ, their sizes may not.
 */
bool isa_same_view(const struct neuron_tensor *a, const struct neuron_tensor *b);

/**
 * isa_high_water() - how much of the scratchpad a program can touch
 * @program: a program that neuron_program_check() accepted
 * @sbuf: highest byte of SBUF in a tensor of its table, plus one
 * @psum: the same for PSUM
 */
void isa_high_water(const void *program, uint32_t *sbuf, uint32_t *psum);

#endif /* ISA_TABLES_H */
