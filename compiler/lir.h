/* SPDX-License-Identifier: MIT */
/*
 * The back end's program: instructions of the chip on buffers.
 *
 * Lowering turns each node into instructions on whole tensors, as if the
 * scratchpad had no end. The passes after it make that true:
 *
 *	lower		one function per family of operators (lower_*.c)
 *	place		which buffers live in the scratchpad, and which in DRAM
 *	tile		instructions on what lives in DRAM run piece by piece
 *	prefetch	loads move ahead of the work that they can overlap with
 *	plan		offsets in scratchpad, accumulators and scratch DRAM
 *	schedule	semaphores between the engines
 *	emit		tables, header, .neff
 *
 * Instructions stay in program order throughout: executing them one after the
 * other is always right, and the semaphores keep it right when engines overlap.
 *
 * A tensor is a view: a strided window onto a buffer. Operators that only
 * rename, permute or cut elements make views and no instructions.
 */
#ifndef COMPILER_LIR_H
#define COMPILER_LIR_H

#include <stdio.h>

#include "ir.h"

struct nc_ctx;

/* Slots that every program has; those of inputs and outputs follow. */
#define NC_SLOT_PROGRAM	0
#define NC_SLOT_WEIGHTS	1
#define NC_SLOT_SCRATCH	2
#define NC_SLOT_FIRST_IO	3

/* Every buffer starts on such a boundary, on the chip and in its slot. */
#define NC_BUF_ALIGN	64

#define NC_NO_POS	UINT32_MAX

enum nc_buf_kind {
	NC_BUF_TEMP,	/* made and used by instructions */
	NC_BUF_CONST,	/* in the WEIGHTS section */
	NC_BUF_INPUT,	/* a graph input's slot */
	NC_BUF_OUTPUT,	/* a graph output's slot: written, never read */
	NC_BUF_STAGE,	/* on the chip: a tile of a buffer that is not, or a copy */
	NC_BUF_PSUM,	/* accumulators */
};

/**
 * struct nc_buf - memory with one lifetime
 * @id: position in nc_program.bufs
 * @kind: what it is
 * @size: bytes on the chip
 * @slot_dtype: INPUT, OUTPUT: type of the elements in the slot, where it is
 *		another than on the chip, or 0
 * @resident: TEMP, CONST, INPUT: lives on the chip from first to last use
 * @slot: slot that holds it when it is not resident
 * @slot_offset: bytes from the start of @slot
 * @data: CONST: its bytes
 * @pinned: CONST: stays on the chip between executions; @resident, too. STAGE: the
 *	    part of the scratchpad where they are
 * @chunk: @pinned: entry of nc_program.chunks that it is in
 * @chip: CONST, INPUT: the resident copy, once tile has made it
 * @converted: lowering's own: the same elements in another type, or NULL
 * @converted_dtype: that type
 * @offset: plan's result: bytes from the start of the scratchpad or PSUM
 * @first: position of the first instruction that names it
 * @last: position of the last one
 * @uses: place's own: positions of the instructions that name it, ascending
 * @num_uses: entries of @uses
 * @next_use: place's own: cursor into @uses
 */
struct nc_buf {
	uint32_t id;
	enum nc_buf_kind kind;
	uint64_t size;
	uint8_t slot_dtype;
	bool resident;
	bool pinned;
	uint16_t slot;
	uint32_t chunk;
	uint64_t slot_offset;
	const void *data;
	struct nc_buf *chip;
	struct nc_buf *converted;
	unsigned int converted_dtype;
	uint64_t offset;
	uint32_t first;
	uint32_t last;
	uint32_t *uses;
	uint32_t num_uses;
	uint32_t next_use;
};

/**
 * struct nc_view - a strided window onto a buffer
 * @buf: the buffer; NULL for an absent operand
 * @dtype: enum neuron_dtype of the elements on the chip
 * @rank: number of dimensions
 * @offset: bytes from the buffer's start to element [0, ..., 0]
 * @dims: elements in each dimension
 * @strides: distance of neighbours, in elements
 * @scale: as in struct neuron_tensor
 * @zero_point: as in struct neuron_tensor
 */
struct nc_view {
	struct nc_buf *buf;
	uint8_t dtype;
	int rank;
	int64_t offset;
	int64_t dims[NC_MAX_RANK];
	int64_t strides[NC_MAX_RANK];
	float scale;
	int32_t zero_point;
};

#define NC_MAX_OPERANDS	6

/* A wait for another instruction's end: its position plus one; 0 for none. */
#define NC_MAX_DEPS	(NEURON_NUM_ENGINES - 1)

/**
 * struct nc_inst - an instruction
 * @opcode: enum neuron_opcode
 * @engine: enum neuron_engine
 * @flags: NEURON_INST_*
 * @layer: nc_node.layer
 * @operands: in the order of the opcode's operand list; NULL where absent
 * @params: struct neuron_params_NAME of the opcode, then zeros
 * @deps: schedule's result: instructions that must have ended
 * @num_deps: entries of @deps
 * @signals: schedule's result: others wait for this one
 */
struct nc_inst {
	uint8_t opcode;
	uint8_t engine;
	uint16_t flags;
	unsigned int layer;
	const struct nc_view *operands[NC_MAX_OPERANDS];
	uint8_t params[NEURON_PARAM_BYTES] __attribute__((aligned(8)));
	uint32_t deps[NC_MAX_DEPS];
	uint8_t num_deps;
	bool signals;
};

/* The parameters of an instruction, as in isa.h. */
#define NC_PARAMS(name, inst)	((struct neuron_params_##name *)(inst)->params)

/* Instructions in program order; grows. */
struct nc_inst_list {
	struct nc_inst *insts;
	uint32_t count;
	uint32_t room;
};

/**
 * struct nc_chunk - pinned constants that are loaded together
 * @first: the first of them
 * @size: bytes up to the end of the last one's room
 * @loaded: tile has made the load
 */
struct nc_chunk {
	struct nc_buf *first;
	uint64_t size;
	bool loaded;
};

/**
 * struct nc_program - the state of the back end
 * @list: the instructions
 * @whole_insts: how many there were before tiling
 * @bufs: all buffers
 * @num_bufs: entries of @bufs
 * @bufs_room: allocated entries of @bufs
 * @inputs: buffer of each graph input
 * @outputs: buffer of each graph output
 * @sbuf_size: scratchpad that there is
 * @psum_size: accumulators that there are
 * @sbuf_used: scratchpad that the program uses, after plan
 * @psum_used: the same for the accumulators
 * @weights_size: bytes of the WEIGHTS section
 * @pinned_size: bytes of it that stay in the scratchpad between executions; they
 *		 come first in both
 * @pinned: the scratchpad's part that holds them
 * @chunks: their loads
 * @scratch_size: bytes of scratch DRAM
 * @image: the program as the chip reads it, after emit
 * @image_size: bytes of @image
 * @lower: lowering's own
 */
struct nc_program {
	struct nc_inst_list list;
	uint32_t whole_insts;
	struct nc_buf **bufs;
	uint32_t num_bufs;
	uint32_t bufs_room;
	struct nc_buf **inputs;
	struct nc_buf **outputs;
	uint64_t sbuf_size;
	uint64_t psum_size;
	uint64_t sbuf_used;
	uint64_t psum_used;
	uint64_t weights_size;
	uint64_t pinned_size;
	struct nc_buf *pinned;
	struct nc_chunk *chunks;
	uint64_t scratch_size;
	void *image;
	size_t image_size;
	struct nc_lower *lower;
};

/* lir.c */
struct nc_buf *nc_buf_new(struct nc_ctx *ctx, enum nc_buf_kind kind,
			  uint64_t size);
/* The returned pointer is good until the next instruction is added. */
struct nc_inst *nc_inst_add(struct nc_ctx *ctx, struct nc_inst_list *list,
			    const struct nc_inst *inst);
/* How many operands the opcode has, and whether one of them is written. */
unsigned int nc_opcode_operands(unsigned int opcode);
bool nc_operand_is_out(unsigned int opcode, unsigned int operand);
/* Whether instructions name its memory on the chip, not in a slot. */
bool nc_buf_on_chip(const struct nc_buf *buf);
void nc_dump_program(struct nc_ctx *ctx, FILE *out);

/* layout.c: views */
struct nc_view nc_view_dense(struct nc_buf *buf, unsigned int dtype, int rank,
			     const int64_t *dims);
/* A dense view's elements in another shape. */
struct nc_view nc_view_as(const struct nc_view *dense, int rank,
			  const int64_t *dims);
int64_t nc_view_numel(const struct nc_view *view);
bool nc_view_is_dense(const struct nc_view *view);
/* Bytes from the buffer's start that elements touch: [*lo, *hi). */
void nc_view_extent(const struct nc_view *view, int64_t *lo, int64_t *hi);
struct nc_view nc_view_permute(const struct nc_view *view, const int *perm);
/* The elements [lo, lo + n) of each dimension. */
struct nc_view nc_view_box(const struct nc_view *view, const int64_t *lo,
			   const int64_t *n);
/* One dimension cut to n elements from lo on, step apart. */
struct nc_view nc_view_slice(const struct nc_view *view, int dim, int64_t lo,
			     int64_t n, int64_t step);
/* Another shape for the same elements in row-major order, if strides allow. */
bool nc_view_reshape(const struct nc_view *view, int rank, const int64_t *dims,
		     struct nc_view *out);
/* Repeat to the given shape, by ONNX's (multidirectional) broadcasting. */
struct nc_view nc_view_broadcast(const struct nc_view *view, int rank,
				 const int64_t *dims);
/* Dimensions of 1 in front until the rank is reached. */
struct nc_view nc_view_expand_rank(const struct nc_view *view, int rank);
/*
 * Strides that pack the dims densely, the one with order[rank - 1] innermost.
 */
void nc_pack(int rank, const int64_t *dims, const int *order, int64_t *strides);
/* The order in which a view's own strides nest, outermost first. */
void nc_view_order(const struct nc_view *view, int *order);
/* N, spatial dimensions, C: how convolutions are laid out. */
void nc_channels_last(int rank, int *order);
/* Same elements at the same distances. */
bool nc_view_equal(const struct nc_view *a, const struct nc_view *b);

#endif /* COMPILER_LIR_H */
