/* SPDX-License-Identifier: MIT */
/*
 * Between the validator's walk over a program (check.c) and the rules of each
 * opcode (rules.c). Private to qemu-device/isa.
 */
#ifndef ISA_CHECK_H
#define ISA_CHECK_H

#include "qemu-device/isa/isa_tables.h"

/**
 * struct isa_check - the instruction being checked
 * @header: of the program
 * @tensors: its tensor table
 * @inst: the instruction
 * @index: of the instruction
 * @op: its operands, NULL where absent
 * @fault: receives the reason of a refusal
 * @why: the same as text
 */
struct isa_check {
	const struct neuron_program_header *header;
	const struct neuron_tensor *tensors;
	const struct neuron_inst *inst;
	uint32_t index;
	const struct neuron_tensor *op[NEURON_MAX_OPERANDS];
	struct neuron_fault *fault;
	const char *why;
};

/* Refuse the instruction for a field of struct neuron_inst. Always false. */
bool isa_bad_inst(struct isa_check *c, size_t field, const char *why);

/* Refuse it for a field of an operand's struct neuron_tensor. Always false. */
bool isa_bad_operand(struct isa_check *c, unsigned int operand, size_t field,
		     const char *why);

/* Refuse it for exceeding @limit. Always false. */
bool isa_over_limit(struct isa_check *c, uint64_t limit, const char *why);

/* The rules of one opcode: types, shapes and parameters that go together. */
bool isa_check_rules(struct isa_check *c);

#endif /* ISA_CHECK_H */
