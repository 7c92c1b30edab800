/* SPDX-License-Identifier: MIT */
/*
 * One model on several cores: each makes a part of the model's outputs, from the
 * inputs and without the others.
 *
 *	cores.c		what the parts are, and whether they are worth it
 *	part.c		the graph that makes a part
 *	part_rule.c	what each operator needs for a part of its result
 *	stretch.c	parts that one core makes, one after the other
 */
#ifndef COMPILER_CORES_H
#define COMPILER_CORES_H

#include "backend.h"

/**
 * nc_part_needs() - what a node needs for a part of its result
 * @ctx: the compilation
 * @node: all shapes are known; not cut yet
 * @out: part of all its outputs, with an axis; may be made larger
 * @in: receives the part of each input
 *
 * Return: false when the node can only make its whole result.
 */
bool nc_part_needs(struct nc_ctx *ctx, const struct nc_node *node,
		   struct nc_range *out, struct nc_range *in);

/**
 * nc_part_adjust() - give a node that makes a part the attributes for it
 * @ctx: the compilation
 * @whole: the node as it was
 * @node: its copy; its inputs and outputs are the parts
 * @out: the part, from nc_part_needs()
 */
void nc_part_adjust(struct nc_ctx *ctx, const struct nc_node *whole,
		    struct nc_node *node, const struct nc_range *out);

/**
 * nc_part_graph() - the graph of one part
 * @ctx: the compilation; ctx->graph is the model
 * @wanted: part of each graph output; NC_NOTHING for what others make
 *
 * The inputs are the model's, the outputs those wanted, in the model's order and in
 * the size of their parts.
 */
struct nc_graph *nc_part_graph(struct nc_ctx *ctx, const struct nc_range *wanted);

/**
 * nc_part_share() - an equal share of an output
 * @output: of the graph
 * @part: which share
 * @count: how many there are
 *
 * Along the first dimension that is not 1, so that it is in one piece.
 *
 * Return: NC_WHOLE or NC_NOTHING as axis where it is too small for that many: the
 * first part makes it then.
 */
struct nc_range nc_part_share(const struct nc_value *output, unsigned int part,
			      unsigned int count);

/*
 * Cycles of an execution that finds its constants on the core, while so many cores do
 * the like; 0: they can't be known.
 */
uint64_t nc_program_cycles(struct nc_ctx *ctx, const struct nc_program *prog,
			   unsigned int cores);

/* Note an attempt's errors, which are not the model's. Return: the first, or NULL. */
const char *nc_end_attempt(struct nc_ctx *ctx, struct nc_diag before);

/**
 * struct nc_part - what a core does
 * @image: its program; slots and offsets as in the .neff
 * @image_size: bytes of it
 * @constants: its weights; NULL when an earlier part has the same
 * @constants_size: bytes of them
 * @weights: where they begin in the WEIGHTS section
 * @sbuf_used: scratchpad that the program uses
 * @psum_used: accumulators that it uses
 * @cycles: of one execution when the weights that stay on the chip are there
 * @summary: of the part
 */
struct nc_part {
	const void *image;
	size_t image_size;
	const void *constants;
	uint64_t constants_size;
	uint64_t weights;
	uint64_t sbuf_used;
	uint64_t psum_used;
	uint64_t cycles;
	struct nc_summary summary;
};

/**
 * struct nc_parts - a model on several cores
 * @count: cores
 * @part: by core
 * @weights_size: bytes of the WEIGHTS section
 * @scratch_size: bytes of scratch DRAM of all of them
 * @image_size: of the largest program
 * @slowest: the part with the most cycles
 */
struct nc_parts {
	unsigned int count;
	struct nc_part *part;
	uint64_t weights_size;
	uint64_t scratch_size;
	size_t image_size;
	unsigned int slowest;
};

/**
 * nc_compile_parts() - compile a model for several cores
 * @ctx: the compilation; all passes of the front end are done
 * @count: cores, at most NEURON_MAX_CORES
 *
 * Return: the parts, whether they are worth it or not, or NULL: ctx->diag says why.
 */
struct nc_parts *nc_compile_parts(struct nc_ctx *ctx, unsigned int count);

/* neff_write.c: the program's constants as they lie in the WEIGHTS section. */
void nc_put_weights(const struct nc_program *prog, uint8_t *to);

#endif /* COMPILER_CORES_H */
