// SPDX-License-Identifier: MIT
/*
 * Sizes and names of the encoding's values.
 */
#include "qemu-device/isa/isa_tables.h"

unsigned int neuron_dtype_size(unsigned int dtype)
{
	switch (dtype) {
#define X(name, value, bytes, text) case value: return bytes;
	NEURON_DTYPES(X)
#undef X
	default:
		return 0;
	}
}

const char *neuron_dtype_name(unsigned int dtype)
{
	switch (dtype) {
#define X(name, value, bytes, text) case value: return text;
	NEURON_DTYPES(X)
#undef X
	default:
		return NULL;
	}
}

unsigned int neuron_dtype_on_chip(unsigned int dtype)
{
	if (dtype >= NEURON_NUM_DTYPES || !(NEURON_D_SLOT >> dtype & 1))
		return dtype;
	return dtype == NEURON_F64 ? NEURON_F32 : NEURON_I32;
}

const char *neuron_opcode_name(unsigned int opcode)
{
	return opcode < NEURON_NUM_OPCODES ? isa_opcodes[opcode].name : NULL;
}

const char *neuron_engine_name(unsigned int engine)
{
	switch (engine) {
#define X(name, value, text) case value: return text;
	NEURON_ENGINES(X)
#undef X
	default:
		return NULL;
	}
}

const char *neuron_fault_text(unsigned int kind)
{
	switch (kind) {
#define X(name, value, text) case value: return text;
	NEURON_FAULTS(X)
#undef X
	default:
		return NULL;
	}
}
