/* SPDX-License-Identifier: MIT */
/*
 * One model on several cores: in stages, which follow each other, and in parts, which
 * cores make side by side of what a stage puts out.
 *
 *	spread.c	what each core could do, and which way is best
 *	cores.c		the programs, and what they share
 *	stage.c		the graph of a stage
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

/* Which dimension of the outputs is cut. */
enum nc_way {
	NC_WAY_FIRST,	/* the first that is not 1, so that a part is in one piece */
	NC_WAY_SPATIAL,	/* the first behind the channels */
	NC_NUM_WAYS
};

/**
 * nc_part_share() - an equal share of an output
 * @output: of the graph
 * @part: which share
 * @count: how many there are
 * @way: along which dimension
 *
 * Return: NC_WHOLE or NC_NOTHING as axis where it is too small for that many: the
 * first part makes it then.
 */
struct nc_range nc_part_share(const struct nc_value *output, unsigned int part,
			      unsigned int count, enum nc_way way);

/*
 * Cycles of an execution that finds its constants on the core, while so many cores do
 * the like; 0: they can't be known.
 */
uint64_t nc_program_cycles(struct nc_ctx *ctx, const struct nc_program *prog,
			   unsigned int cores);

/* Note an attempt's errors, which are not the model's. Return: the first, or NULL. */
const char *nc_end_attempt(struct nc_ctx *ctx, struct nc_diag before);

/**
 * nc_stretch_front() - a program that makes the front of a model in parts
 * @ctx: the compilation; ctx->program is one of the model, and the new one afterwards
 * @cut: node that the rest begins with
 * @count: parts, along the first dimension behind the channels of what is handed on
 *
 * Return: cycles of an execution; 0: it can't be made so, and ctx->diag may say why.
 * ctx->program and ctx->graph may have changed then.
 */
uint64_t nc_stretch_front(struct nc_ctx *ctx, unsigned int cut, unsigned int count);

/* compile.c: the back end for one part of ctx->graph's outputs; see nc_lower_parts(). */
void nc_back_end_part(struct nc_ctx *ctx, const struct nc_lower_part *part);

/*
 * Stages
 */

/**
 * struct nc_stage - nodes of the model that follow each other
 * @first: the first of them
 * @end: behind the last
 * @cores: cores that make its outputs, each a part
 * @way: how they are cut, with several cores
 * @inputs: what it reads of the model's inputs and of earlier stages
 * @num_inputs: entries of @inputs
 * @outputs: what it makes for later stages, and of the model's outputs
 * @num_outputs: entries of @outputs
 */
struct nc_stage {
	unsigned int first;
	unsigned int end;
	unsigned int cores;
	enum nc_way way;
	struct nc_port *inputs;
	unsigned int num_inputs;
	struct nc_port *outputs;
	unsigned int num_outputs;
};

/**
 * nc_stages_connect() - find what stages read and write
 * @ctx: the compilation; ctx->graph is the model
 * @stages: all of its nodes, in order; inputs and outputs are filled in
 * @count: entries of @stages
 *
 * Return: bytes of the HANDOVER slot, which has what they hand on.
 */
uint64_t nc_stages_connect(struct nc_ctx *ctx, struct nc_stage *stages,
			   unsigned int count);

/**
 * nc_handed_bytes() - what would be handed on
 * @ctx: the compilation; its values get other numbers in nc_value.lir
 *
 * Return: by node, and behind the last: bytes of values that are made before it and read
 * from there on.
 */
uint64_t *nc_handed_bytes(struct nc_ctx *ctx);

/**
 * nc_stage_graph() - the graph of a stage
 * @ctx: the compilation; ctx->graph is the model, and the stage's graph afterwards
 * @stage: connected, and nothing has been done to the model since
 *
 * Its inputs and outputs are the stage's ports, in their order.
 */
struct nc_graph *nc_stage_graph(struct nc_ctx *ctx, const struct nc_stage *stage);

/*
 * Programs
 */

#define NC_MAX_CORES	16	/* of four chips: the largest that stages are made for */

/**
 * struct nc_spread - what cores do
 * @num_stages: entries of @stages
 * @stages: they follow each other
 */
struct nc_spread {
	unsigned int num_stages;
	struct nc_stage stages[NC_MAX_CORES];
};

/**
 * struct nc_part - what a core does
 * @stage: the stage that it has a part of
 * @image: its program; slots and offsets as in the .neff
 * @image_size: bytes of it
 * @constants: its weights; NULL when an earlier part has the same
 * @constants_size: bytes of them
 * @weights: where they begin in the WEIGHTS section
 * @sbuf_used: scratchpad that the program uses
 * @psum_used: accumulators that it uses
 * @cycles: of one execution when the weights that stay on the chip are there
 * @crowded: the same while all cores of the model work
 * @summary: of the part
 */
struct nc_part {
	unsigned int stage;
	const void *image;
	size_t image_size;
	const void *constants;
	uint64_t constants_size;
	uint64_t weights;
	uint64_t sbuf_used;
	uint64_t psum_used;
	uint64_t cycles;
	uint64_t crowded;
	struct nc_summary summary;
};

/**
 * struct nc_parts - a model on several cores
 * @count: cores
 * @part: by core, in the order of their stages
 * @num_stages: stages
 * @weights_size: bytes of the WEIGHTS section
 * @scratch_size: bytes of scratch DRAM of all of them
 * @handover_size: bytes that stages hand on
 * @image_size: of the largest program
 * @cycles: of one execution: each stage's slowest part, and handing over
 * @interval: cycles from one execution to the next when each stage works on another
 */
struct nc_parts {
	unsigned int count;
	struct nc_part *part;
	unsigned int num_stages;
	uint64_t weights_size;
	uint64_t scratch_size;
	uint64_t handover_size;
	size_t image_size;
	uint64_t cycles;
	uint64_t interval;
};

/**
 * nc_compile_spread() - compile a model for several cores
 * @ctx: the compilation; all passes of the front end are done
 * @spread: what they do; its stages need not be connected yet
 *
 * Return: the programs, whether they are worth it or not, or NULL: ctx->diag says why.
 */
struct nc_parts *nc_compile_spread(struct nc_ctx *ctx, struct nc_spread *spread);

/* One stage, in so many parts. */
struct nc_parts *nc_compile_parts(struct nc_ctx *ctx, unsigned int count);

/*
 * Cycles of one part alone, of a stage of a connected spread; 0: ctx->diag may say why
 * there are none.
 */
uint64_t nc_part_cycles(struct nc_ctx *ctx, const struct nc_spread *spread,
			unsigned int stage, unsigned int number);

/* neff_write.c: the program's constants as they lie in the WEIGHTS section. */
void nc_put_weights(const struct nc_program *prog, uint8_t *to);

#endif /* COMPILER_CORES_H */
