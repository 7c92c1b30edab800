/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The model file (.neff) that neuron-compile writes and libneuron loads.
 *
 * A header, a section table, and sections. Every offset is from the start of
 * the file, sections are 64-byte aligned, in ascending order, and do not
 * overlap; what lies between them is zero. Little-endian. Version 1.
 *
 * Programs of several cores run at the same time. With a STAGES section those of a
 * stage do, after all of the stage before have ended; different executions may be in
 * different stages.
 *
 * It shares only its suffix with the container of AWS's compiler, whose
 * instruction encoding is not public.
 */
#ifndef NEURON_NEFF_H
#define NEURON_NEFF_H

#include <stdint.h>

#define NEURON_NEFF_MAGIC	"N0CNEFF\n"
#define NEURON_NEFF_VERSION	1
#define NEURON_NEFF_ALIGN	64
#define NEURON_NEFF_NAME_SIZE	256
#define NEURON_NEFF_MAX_CORES	64
#define NEURON_NEFF_MAX_RANK	8

enum neuron_neff_section_type {
	NEURON_NEFF_TENSORS  = 1,	/* struct neuron_neff_tensor[]: inputs, then outputs, in graph order */
	NEURON_NEFF_SLOTS    = 2,	/* struct neuron_neff_slot[]: what each slot of the programs is */
	NEURON_NEFF_PROGRAM  = 3,	/* a program; index: the model's core that runs it */
	NEURON_NEFF_WEIGHTS  = 4,	/* constants, loaded once and never written */
	NEURON_NEFF_LAYERS   = 5,	/* struct neuron_neff_layer[]: names for neuron_inst.layer */
	NEURON_NEFF_STAGES   = 10,	/* uint32_t[]: by core: its stage, from 0 on, ascending */
};

/**
 * struct neuron_neff_section - where a section lies
 * @type: enum neuron_neff_section_type
 * @index: PROGRAM: core, from 0 on; else zero
 * @offset: from the start of the file
 * @size: bytes
 */
struct neuron_neff_section {
	uint32_t type;
	uint32_t index;
	uint64_t offset;
	uint64_t size;
};

/**
 * struct neuron_neff_header - start of the file, 448 bytes
 * @magic: NEURON_NEFF_MAGIC, not terminated
 * @version: NEURON_NEFF_VERSION
 * @header_size: bytes of this structure
 * @file_size: bytes of the whole file
 * @hash: XXH3-128 (canonical, big-endian) of the file with this field zero
 * @uuid: of the model; made from the hash of all sections, so that equal models
 *	  have equal ones
 * @num_sections: entries of the section table, which follows the header
 * @num_cores: cores that the model runs on, each with a program
 * @num_inputs: leading entries of the TENSORS section
 * @num_outputs: the entries after these
 * @isa_version: NEURON_ISA_VERSION
 * @sbuf_size: scratchpad that a core must have
 * @psum_size: accumulators that a core must have
 * @flags: zero
 * @name: of the model, NUL-terminated UTF-8
 * @compiler: name and version of the compiler, NUL-terminated
 */
struct neuron_neff_header {
	uint8_t magic[8];
	uint32_t version;
	uint32_t header_size;
	uint64_t file_size;
	uint8_t hash[16];
	uint8_t uuid[16];
	uint32_t num_sections;
	uint32_t num_cores;
	uint32_t num_inputs;
	uint32_t num_outputs;
	uint32_t isa_version;
	uint32_t sbuf_size;
	uint32_t psum_size;
	uint32_t flags;
	char name[NEURON_NEFF_NAME_SIZE];
	char compiler[64];
	uint8_t reserved[40];
};

/* Element types of a model's inputs and outputs, as the application sees them. */
enum neuron_neff_dtype {
	NEURON_NEFF_F32  = 0,
	NEURON_NEFF_BF16 = 1,
	NEURON_NEFF_F16  = 2,
	NEURON_NEFF_I8   = 3,
	NEURON_NEFF_U8   = 4,
	NEURON_NEFF_I32  = 5,
	NEURON_NEFF_I64  = 6,
	NEURON_NEFF_BOOL = 7,	/* a byte, 0 or 1 */
	NEURON_NEFF_F64  = 8,	/* these are fp32 or int32 on the chip */
	NEURON_NEFF_I16  = 9,
	NEURON_NEFF_U16  = 10,
	NEURON_NEFF_U32  = 11,
	NEURON_NEFF_U64  = 12,
	NEURON_NEFF_NUM_DTYPES
};

/**
 * struct neuron_neff_tensor - an input or output of the model
 * @name: NUL-terminated UTF-8
 * @dtype: enum neuron_neff_dtype
 * @rank: 0 to NEURON_NEFF_MAX_RANK
 * @dims: elements; a dimension may be 0
 * @size: bytes of the dense, row-major tensor
 * @slot: slot that its buffer must be bound to
 * @reserved: zero
 */
struct neuron_neff_tensor {
	char name[NEURON_NEFF_NAME_SIZE];
	uint32_t dtype;
	uint32_t rank;
	uint32_t dims[NEURON_NEFF_MAX_RANK];
	uint64_t size;
	uint32_t slot;
	uint32_t reserved;
};

enum neuron_neff_slot_kind {
	NEURON_NEFF_SLOT_PROGRAM = 0,	/* the core's program; read */
	NEURON_NEFF_SLOT_WEIGHTS = 1,	/* the WEIGHTS section; read */
	NEURON_NEFF_SLOT_SCRATCH = 2,	/* device DRAM of the model's own; read and write */
	NEURON_NEFF_SLOT_INPUT   = 3,	/* tensor number index; read */
	NEURON_NEFF_SLOT_OUTPUT  = 4,	/* tensor number index; write, and read where flagged */
	NEURON_NEFF_SLOT_HANDOVER = 5,	/* device DRAM of each execution: what stages hand on */
};

/**
 * struct neuron_neff_slot - what to bind to a slot
 * @kind: enum neuron_neff_slot_kind
 * @index: INPUT, OUTPUT: index into the TENSORS section
 * @size: bytes that the programs may access
 */
struct neuron_neff_slot {
	uint32_t kind;
	uint32_t index;
	uint64_t size;
};

/**
 * struct neuron_neff_layer - a layer of the source model
 * @name: of the ONNX node, NUL-terminated
 * @op: its operator, NUL-terminated
 */
struct neuron_neff_layer {
	char name[128];
	char op[32];
};

_Static_assert(sizeof(struct neuron_neff_header) == 448, "layout");
_Static_assert(sizeof(struct neuron_neff_section) == 24, "layout");
_Static_assert(sizeof(struct neuron_neff_tensor) == 312, "layout");
_Static_assert(sizeof(struct neuron_neff_slot) == 16, "layout");
_Static_assert(sizeof(struct neuron_neff_layer) == 160, "layout");

#endif /* NEURON_NEFF_H */
