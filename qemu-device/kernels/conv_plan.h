/* SPDX-License-Identifier: MIT */
/*
 * The plan of a CONV or CONV_TRANSPOSE through the library: its shape and tiles
 * (conv_shape.c), the library's primitives (conv_op.c) and the weights in the
 * order that these like (conv_weights.c), whose zero point is taken off behind them
 * (conv_zero.c); or as a product (conv_panels.c), of what may be a copy of the input
 * (conv_picture.c).
 */
#ifndef NEURON_NK_CONV_PLAN_H
#define NEURON_NK_CONV_PLAN_H

#include "panels.h"
#include "few.h"
#include "lib.h"

#define CONV_MAX_KINDS	16

/**
 * struct conv_picture - a copy of the input with its padding, in which all elements of a
 *			 window lie at the same distances from its position
 * @shift: where each PANEL_STEP of a window lies from its position, in bytes; NULL: there
 *	   is no copy
 * @exact: the lines have no positions but the output's
 * @line: positions of a line
 * @lines: of an image
 * @copies: of each line: exact ones have one for each column of the kernel
 * @phases: lines that are a stride of the kernel apart follow each other
 * @phase_bytes: of such lines of all images
 * @bytes: of everything, with what is read behind it
 */
struct conv_picture {
	ptrdiff_t *shift;
	bool exact;
	int64_t line, lines, copies, phases;
	size_t phase_bytes, bytes;
};

/* A tile's shape: primitives are made for each that occurs. */
struct conv_kind {
	uint32_t images;
	int64_t in_rows, out_rows;
	int64_t pad_lo, pad_hi;
	int64_t extra;		/* elements that its lines are padded by in a copy */
	struct lib_op op;
};

struct conv_plan {
	struct nk_plan head;
	bool refused;
	bool transpose;
	bool integer;		/* sums are int32 */
	bool as_f32;		/* integers are computed in fp32 */
	bool exact;		/* and the weights allow it */
	int32_t weight_zero;	/* of the weights that the library sees */
	bool direct;
	bool pack_in;
	unsigned int in_type, weight_type;	/* that the library sees */
	uint32_t groups, channels, filters;	/* channels and filters of all groups */
	/* Dimensions are padded to three in front, with ones. */
	int64_t in_dims[3], out_dims[3], kernel[3], stride[3], dilation[3], pad_lo[3], pad_hi[3];
	unsigned int split;	/* the dimension whose rows are shared out */
	uint32_t images;	/* of a tile */
	int64_t rows, row_tiles;
	struct few few;		/* without the library; of a tile */
	ptrdiff_t few_step;	/* of its rows in the output, in bytes */

	/* With the weights in panels: a product of positions and filters. */
	struct {
		bool used;
		bool plain;		/* tiles take the weights as they are this time */
		bool gathers;		/* the windows' elements are copied side by side */
		uint32_t m;		/* positions of all images, of the copy if there is one */
		uint32_t rows, columns, row_tiles, column_tiles;
		ptrdiff_t in_row;	/* distance of positions where they are, in elements */
		ptrdiff_t out_row;	/* the same of the output, in bytes */
		struct panels weights;
		struct conv_picture picture;
	} panels;

	unsigned int kinds;
	struct conv_kind kind[CONV_MAX_KINDS];
	size_t temp_bytes;	/* of a thread, for the library */
	size_t copy_bytes;	/* of a thread, for inputs with extra */
	size_t zero_bytes;	/* of a thread, for conv_zero_subtract() */
	int64_t line_lo, line_hi;	/* padding that the copy of the input has, in in_dims */

	/*
	 * Weights in the library's order. Integers are compared with what they were
	 * made from; floats are kept as long as the caller says that they are constant.
	 */
	bool copied;		/* to a dense array first */
	bool have_weights;
	size_t raw_bytes;
	void *raw;
	size_t packed_bytes;
	void *packed;
	dnnl_memory_desc_t plain_desc, packed_desc;
	dnnl_primitive_t reorder;
};

/* conv_shape.c */

/* Channels last, without gaps: how the library sees pictures. */
void conv_channels_last(struct neuron_tensor *desc, const struct neuron_tensor *like,
			unsigned int dtype);
bool conv_is_channels_last(const struct neuron_tensor *t);
bool conv_is_dense(const struct neuron_tensor *t);

/**
 * conv_find_shape() - geometry, types and tiles of an instruction
 * @plan: filled in
 * @call: the instruction
 * @lib: what the library is good at
 *
 * Return: false when the library has no such convolution.
 */
bool conv_find_shape(struct conv_plan *plan, const struct nk_call *call,
		     const struct lib_features *lib);

/*
 * Where lines are cut into tiles, padding becomes part of a copy of the input: else the
 * first, the last and all other tiles each need code of their own.
 */
void conv_pad_lines(struct conv_plan *plan);

/* Tiles twice as large or whole images, where the library cannot do with parts of one. */
void conv_larger_tiles(struct conv_plan *plan);

/**
 * conv_find_kind() - which input rows a tile of output rows needs, and what padding they see
 * @plan: the plan
 * @images: of the tile
 * @row: its first output row
 * @kind: filled in, but for the primitive
 *
 * Return: the first input row.
 */
int64_t conv_find_kind(const struct conv_plan *plan, uint32_t images, int64_t row,
		       struct conv_kind *kind);
/* Lines (elements of the last dimension) in a tile's input, and how long they are. */
size_t conv_lines(const struct conv_plan *plan, const struct conv_kind *kind, int64_t *length);
/* The plan's kind that is like @want, or NULL. */
struct conv_kind *conv_lookup(struct conv_plan *plan, const struct conv_kind *want);

/* conv_op.c: primitives for all kinds of tiles. False: the library refuses. */
bool conv_make_ops(struct conv_plan *plan, const struct nk_call *call);
void conv_destroy_ops(struct conv_plan *plan);

/* conv_zero.c */

/* Temporary memory for a tile. */
size_t conv_zero_bytes(const struct conv_plan *plan, const struct conv_kind *kind);

/**
 * conv_zero_subtract() - take the share of the weights' zero point off a tile's sums
 * @plan: of a convolution of bytes with one group
 * @kind: of the tile
 * @in: its input, channels last and without gaps
 * @in_zero: the input's zero point
 * @sums: dense [images][positions][filters]
 * @temp: conv_zero_bytes()
 */
void conv_zero_subtract(const struct conv_plan *plan, const struct conv_kind *kind,
			const char *in, int32_t in_zero, uint32_t *sums, void *temp);

/* conv_weights.c */
bool conv_make_weights(struct conv_plan *plan, const struct nk_call *call);
void conv_destroy_weights(struct conv_plan *plan);
/*
 * Where packed weights go: to memory of the plan's own when they are constant, else to
 * NK_SCRATCH_WEIGHT. NULL: no memory.
 */
void *conv_packed_place(struct conv_plan *plan, const struct nk_call *call);
/* Once they are there, which ended with @status: keep them, if they are the plan's own. */
enum nk_status conv_keep(struct conv_plan *plan, enum nk_status status, void **packed);
/* The packed weights of what the operand holds now; they may lie in NK_SCRATCH_WEIGHT. */
enum nk_status conv_update_weights(struct conv_plan *plan, const struct nk_call *call,
				   void **packed);

/* conv_picture.c */

/* Find the copy that is best, if there is one. */
bool conv_find_picture(struct conv_plan *plan, uint64_t images);
/* Positions of it, and whether those are the output's, one after the other. */
uint64_t conv_picture_positions(const struct conv_plan *plan, uint64_t images);
bool conv_picture_is_output(const struct conv_plan *plan, uint64_t images);

/**
 * conv_fill_picture() - make the copy
 * @plan: the plan, which has one
 * @call: the instruction
 * @in: input, where channels are contiguous
 * @image: distance of its images, in bytes
 * @stride: the same of its three dimensions
 * @to: @plan->panels.picture.bytes of memory
 *
 * Return: as nk_parallel().
 */
enum nk_status conv_fill_picture(const struct conv_plan *plan, const struct nk_call *call,
				 const char *in, ptrdiff_t image, const ptrdiff_t *stride, char *to);

/* conv_panels.c */

/* As a product, if there is one for the processor and the operands lie well. */
bool conv_choose_panels(struct conv_plan *plan, const struct nk_call *call,
			const struct lib_features *lib);
/* Bring the weights into panels, and keep them if they are constant. */
enum nk_status conv_panels_update(struct conv_plan *plan, const struct nk_call *call,
				  void **packed);
enum nk_status conv_panels_run(struct conv_plan *plan, const struct nk_call *call,
			       const struct nk_epilogue *ep, const void *in, const void *packed);

#endif /* NEURON_NK_CONV_PLAN_H */
