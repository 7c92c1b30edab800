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
 * A model that the chip computes as a whole has SLOTS, WEIGHTS and one PROGRAM
 * for each core. One that needs the host in between has NEURON_NEFF_HAS_STEPS in
 * its flags, which libraries that know of no steps refuse, and instead:
 *
 *	STEPS	 what to do, one after the other: run a chip program, or one
 *		 operator on the host
 *	OPERANDS numbers of the values that steps read and write
 *	VALUES	 the model's inputs and outputs, constants, and what steps hand on
 *	WEIGHTS	 the constants among the values
 *	MODEL	 by number: a whole .neff without steps, for the chip
 *
 * The dimensions of a value, or of a model's output, that is "open" depend on data:
 * the file has the most that they can be, and memory for that is enough.
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
	NEURON_NEFF_STEPS    = 6,	/* struct neuron_neff_step[] */
	NEURON_NEFF_OPERANDS = 7,	/* uint32_t[]: values, for the steps */
	NEURON_NEFF_VALUES   = 8,	/* struct neuron_neff_value[] */
	NEURON_NEFF_MODEL    = 9,	/* a .neff for the chip; index: its number */
	NEURON_NEFF_STAGES   = 10,	/* uint32_t[]: by core: its stage, from 0 on, ascending */
};

/* neuron_neff_header.flags */
#define NEURON_NEFF_HAS_STEPS	(1u << 0)

#define NEURON_NEFF_MAX_MODELS	64

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
 * @num_cores: cores that the model runs on, each with a program; with steps: the
 *	       most that one of its models has
 * @num_inputs: leading entries of the TENSORS section
 * @num_outputs: the entries after these
 * @isa_version: NEURON_ISA_VERSION
 * @sbuf_size: scratchpad that a core must have
 * @psum_size: accumulators that a core must have
 * @flags: NEURON_NEFF_HAS_STEPS or zero
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
	NEURON_NEFF_STRING = 13, /* NEURON_NEFF_STRING_SIZE bytes, filled up with NUL; on the host */
	NEURON_NEFF_NUM_DTYPES
};

/* A string takes so many bytes, the last of which is NUL. */
#define NEURON_NEFF_STRING_SIZE	256

/* neuron_neff_tensor.flags: the dimensions depend on data, these are the largest. */
#define NEURON_NEFF_TENSOR_OPEN	(1u << 0)

/**
 * struct neuron_neff_tensor - an input or output of the model
 * @name: NUL-terminated UTF-8
 * @dtype: enum neuron_neff_dtype
 * @rank: 0 to NEURON_NEFF_MAX_RANK
 * @dims: elements; a dimension may be 0
 * @size: bytes of the dense, row-major tensor
 * @slot: slot that its buffer must be bound to; with steps zero
 * @flags: NEURON_NEFF_TENSOR_OPEN, of an output of a model with steps, or zero
 */
struct neuron_neff_tensor {
	char name[NEURON_NEFF_NAME_SIZE];
	uint32_t dtype;
	uint32_t rank;
	uint32_t dims[NEURON_NEFF_MAX_RANK];
	uint64_t size;
	uint32_t slot;
	uint32_t flags;
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

enum neuron_neff_value_kind {
	NEURON_NEFF_VALUE_TEMP	 = 0,	/* steps write and read it */
	NEURON_NEFF_VALUE_INPUT	 = 1,	/* tensor number index, an input */
	NEURON_NEFF_VALUE_OUTPUT = 2,	/* tensor number index, an output */
	NEURON_NEFF_VALUE_CONST	 = 3,	/* in the WEIGHTS section, from offset on */
};

/* neuron_neff_value.flags: as NEURON_NEFF_TENSOR_OPEN */
#define NEURON_NEFF_VALUE_OPEN	(1u << 0)

/**
 * struct neuron_neff_value - what steps work on
 * @kind: enum neuron_neff_value_kind
 * @index: INPUT, OUTPUT: index into the TENSORS section, whose type and shape it has
 * @dtype: enum neuron_neff_dtype
 * @rank: 0 to NEURON_NEFF_MAX_RANK
 * @dims: elements; the most there can be where it is open
 * @flags: NEURON_NEFF_VALUE_OPEN or zero
 * @reserved: zero
 * @offset: CONST: from the start of the WEIGHTS section, a multiple of
 *	    NEURON_NEFF_ALIGN; else zero
 */
struct neuron_neff_value {
	uint32_t kind;
	uint32_t index;
	uint32_t dtype;
	uint32_t rank;
	uint32_t dims[NEURON_NEFF_MAX_RANK];
	uint32_t flags;
	uint32_t reserved;
	uint64_t offset;
};

enum neuron_neff_step_kind {
	NEURON_NEFF_STEP_CHIP	= 0,	/* op: number of a MODEL; operands: its tensors */
	NEURON_NEFF_STEP_HOST	= 1,	/* op: enum neuron_host_op, see hostop.h */
	NEURON_NEFF_STEP_UNLESS	= 2,	/* op: step to go on with unless the input is true */
	NEURON_NEFF_STEP_GO	= 3,	/* op: step to go on with */
	NEURON_NEFF_STEP_CHUNKS	= 4,	/* op: number of a MODEL, run on a piece at a time */
	NEURON_NEFF_STEP_PRODUCT = 5,	/* op: number of a MODEL, which multiplies matrices */
};

/*
 * A PRODUCT step is ONNX's MatMul of two values, of any shapes, on the host, but for the
 * multiplications. Its model has two inputs and one output, of fp32: [m, k], [k, n] and
 * [m, n]. Larger matrices are cut into such tiles, smaller ones are filled up with zeros,
 * and what tiles of the same place make is added up in fp32, in the order of k. Several
 * PRODUCT steps may have the same model.
 */

/* An operand that is not there, a layer that has no name. */
#define NEURON_NEFF_NONE	0xffffffffu

#define NEURON_NEFF_STEP_INTS	8
#define NEURON_NEFF_STEP_FLOATS	2

/**
 * struct neuron_neff_chunk - what a CHUNKS step does with a tensor of its model
 * @axis: the dimension along which it is cut into pieces; -1: the model gets all of it
 * @rate: its elements along @axis for each frame; else zero
 *
 * Values that depend on data in one dimension each are as long as some number of frames,
 * which is the same for all of them. The model takes ints[0] frames of each at a time. Of
 * what it makes the first ints[1] and the last ints[2] frames are dropped, as what lies
 * beyond the piece would count for them: pieces overlap by so much. What is before the
 * first frame and behind the last one is zero.
 *
 * The operands are the model's inputs, a constant of one such row for each tensor of the
 * model, and its outputs. An input that is not there (NEURON_NEFF_NONE) is one where there
 * is a frame and zero elsewhere, for models that make something else of zero.
 */
struct neuron_neff_chunk {
	int64_t axis;
	int64_t rate;
};

/* The ints of a CHUNKS step; the others are zero. */
enum neuron_neff_chunk_int {
	NEURON_NEFF_CHUNK_LENGTH	= 0,
	NEURON_NEFF_CHUNK_BEFORE	= 1,
	NEURON_NEFF_CHUNK_BEHIND	= 2,
	NEURON_NEFF_NUM_CHUNK_INTS	= 3,
};

/* No dimension of a piece is longer. */
#define NEURON_NEFF_MAX_PIECE	(1 << 28)

/**
 * struct neuron_neff_step - one step of a model
 * @kind: enum neuron_neff_step_kind
 * @op: what to do, by kind. Steps only go on with later ones, or with the end,
 *	which is the number of steps
 * @layer: index into the LAYERS section, or NEURON_NEFF_NONE
 * @reason: HOST: enum neuron_host_reason; else zero
 * @first_operand: index into the OPERANDS section: its inputs, then its outputs;
 *		   NEURON_NEFF_NONE in there for one that is not there
 * @num_inputs: of its operands
 * @num_outputs: of its operands
 * @reserved: zero
 * @ints: HOST: the operator's parameters, see hostop.h; CHUNKS: see struct
 *	  neuron_neff_chunk; what is not used is zero
 * @floats: HOST: the same
 */
struct neuron_neff_step {
	uint32_t kind;
	uint32_t op;
	uint32_t layer;
	uint32_t reason;
	uint32_t first_operand;
	uint32_t num_inputs;
	uint32_t num_outputs;
	uint32_t reserved;
	int64_t ints[NEURON_NEFF_STEP_INTS];
	double floats[NEURON_NEFF_STEP_FLOATS];
};

_Static_assert(sizeof(struct neuron_neff_value) == 64, "layout");
_Static_assert(sizeof(struct neuron_neff_step) == 112, "layout");
_Static_assert(sizeof(struct neuron_neff_header) == 448, "layout");
_Static_assert(sizeof(struct neuron_neff_section) == 24, "layout");
_Static_assert(sizeof(struct neuron_neff_tensor) == 312, "layout");
_Static_assert(sizeof(struct neuron_neff_slot) == 16, "layout");
_Static_assert(sizeof(struct neuron_neff_layer) == 160, "layout");

#endif /* NEURON_NEFF_H */
