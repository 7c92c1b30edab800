// SPDX-License-Identifier: MIT
/*
 * The operand and parameter lists of <neuron/isa.h> as tables.
 */
#include "qemu-device/isa/isa_tables.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

/* Each array ends with an empty row, because a list may be empty. */
#define OPERAND(role, direction, spaces, dtypes) \
	{ #role, ISA_##direction, spaces, dtypes },
#define X(name, value, engines, meaning)				\
	static const struct isa_operand operands_##name[] = {		\
		NEURON_OPERANDS_##name(OPERAND)				\
		{ NULL }						\
	};
NEURON_OPCODES(X)
#undef X

#define SCALAR(type, name, meaning) \
	{ #name, ISA_FIELD_##type, sizeof(type), 0 },
#define ARRAY(type, name, count, meaning) \
	{ #name, ISA_FIELD_##type, sizeof(type), count },
#define X(name, value, engines, meaning)				\
	static const struct isa_field fields_##name[] = {		\
		NEURON_FIELDS_##name(SCALAR, ARRAY)			\
		{ NULL }						\
	};
NEURON_OPCODES(X)
#undef X

const struct isa_opcode isa_opcodes[NEURON_NUM_OPCODES] = {
#define X(name_, value, engines_, meaning)				\
	[value] = {							\
		.name = #name_,						\
		.engines = engines_,					\
		.num_operands = ARRAY_SIZE(operands_##name_) - 1,	\
		.num_fields = ARRAY_SIZE(fields_##name_) - 1,		\
		.params_size = sizeof(struct neuron_params_##name_),	\
		.operands = operands_##name_,				\
		.fields = fields_##name_,				\
	},
NEURON_OPCODES(X)
#undef X
};

#define X(name, value, engines, meaning)				\
	_Static_assert(ARRAY_SIZE(operands_##name) - 1 <= NEURON_MAX_OPERANDS, \
		       "operands of " #name);
NEURON_OPCODES(X)
#undef X
