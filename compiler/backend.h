/* SPDX-License-Identifier: MIT */
/*
 * The steps of nc_plan() and what the back end's passes share. The passes that
 * compile.c calls are in pass.h.
 */
#ifndef COMPILER_BACKEND_H
#define COMPILER_BACKEND_H

#include "lir.h"
#include "pass.h"

/* lower.c */

/**
 * struct nc_range - a part of a value
 * @axis: the dimension that is cut; NC_WHOLE, NC_NOTHING
 * @lo: first element of it
 * @hi: behind the last
 */
struct nc_range {
	int axis;
	int64_t lo;
	int64_t hi;
};

#define NC_WHOLE	(-1)
#define NC_NOTHING	(-2)

/**
 * struct nc_port - where a stage reads or writes a value
 * @value: of the model
 * @slot: slot of the model's programs
 * @offset: of the value in the slot
 */
struct nc_port {
	const struct nc_value *value;
	uint16_t slot;
	uint64_t offset;
};

/**
 * struct nc_lower_part - a graph that makes a part of the model's outputs, or of what a
 *			  later one reads
 * @graph: its inputs are the model's, or what @inputs says
 * @ranges: what it makes of each output, none of them nothing; NULL: all
 * @inputs: what its inputs are; NULL: the model's
 * @outputs: what its outputs are; NULL: the model's
 */
struct nc_lower_part {
	struct nc_graph *graph;
	const struct nc_range *ranges;
	const struct nc_port *inputs;
	const struct nc_port *outputs;
};

/**
 * nc_lower_parts() - the program that makes all parts, one after the other
 * @ctx: the compilation; ctx->graph is the model
 * @parts: them
 * @count: how many
 * @before: a program of the same model, for what was made of its constants, or NULL
 */
void nc_lower_parts(struct nc_ctx *ctx, const struct nc_lower_part *parts,
		    unsigned int count, const struct nc_program *before);

/* plan_pin.c */

/* Scratchpad that all constants take. */
uint64_t nc_pin_total(const struct nc_program *prog);

/**
 * nc_pin() - choose the constants that stay on the chip between executions
 * @ctx: the compilation; the program is as lowering left it
 * @traffic: by buffer: bytes moved for it when nothing is pinned, from
 *	     nc_traffic(); NULL: its size
 * @limit: bytes of scratchpad for them
 *
 * Takes those that save the most traffic for their size, and gives all constants
 * their places in the WEIGHTS section.
 */
void nc_pin(struct nc_ctx *ctx, const uint64_t *traffic, uint64_t limit);

/**
 * nc_traffic() - what a tiled program's transfers cost
 * @prog: the program
 * @by_const: NULL, or by buffer: is added to for constants
 *
 * Return: bytes, each transfer's overhead included; those that stay on the chip
 * count a little, since the first execution loads them.
 */
double nc_traffic(const struct nc_program *prog, uint64_t *by_const);

/* plan_place.c */

/**
 * nc_place() - choose the buffers that live on the chip
 * @ctx: the compilation; the program is as lowering left it
 * @limit: bytes of scratchpad to count on
 * @need: for each instruction, bytes that its pieces need at least; 0: unknown
 * @live: receives, for each instruction, the bytes of resident buffers that are
 *	  alive there
 *
 * Walks through the program; wherever the buffers alive, and room for pieces of
 * the instruction's other operands, exceed the limit, the buffer whose next use
 * is farthest (weighed by its size) goes to DRAM. Time O(n log n).
 */
void nc_place(struct nc_ctx *ctx, uint64_t limit, const uint64_t *need,
	      uint64_t *live);

/* Fill in first, last and uses of all buffers. */
void nc_liveness(struct nc_ctx *ctx, const struct nc_inst_list *list);

/* tile.c */

/**
 * nc_tile() - make instructions that the chip can execute
 * @ctx: the compilation
 * @whole: the program as lowering left it
 * @limit: bytes of scratchpad to count on
 * @live: from nc_place()
 * @need: receives, for each instruction of which not even the smallest piece
 *	  fits, how large it is
 *
 * Operands that are not on the chip are loaded before, results stored after;
 * where they do not fit, the instruction runs over pieces of its result.
 *
 * Return: NULL, and ctx->program->list is the new program; else the first
 * instruction that does not fit, or with which the program gets longer than the
 * chip takes.
 */
const struct nc_inst *nc_tile(struct nc_ctx *ctx,
			      const struct nc_inst_list *whole, uint64_t limit,
			      const uint64_t *live, uint64_t *need);

/* tile_rule.c */

/* Dimensions that a tiling can cut: those of the result, and MATMUL's sum. */
#define NC_TILE_DIMS	(NC_MAX_RANK + 1)

/**
 * struct nc_tile_space - how an instruction can be cut
 * @rank: number of dimensions; the last one is a sum where @sum says so
 * @sum: the last dimension is MATMUL's k
 * @dims: elements in each dimension
 * @grain: pieces are multiples of it; that of a dimension that can't be cut is
 *	   the dimension
 */
struct nc_tile_space {
	int rank;
	bool sum;
	int64_t dims[NC_TILE_DIMS];
	int64_t grain[NC_TILE_DIMS];
};

void nc_tile_space(const struct nc_inst *inst, struct nc_tile_space *space);

/**
 * nc_tile_piece() - the instruction that makes one piece of the result
 * @inst: the whole
 * @lo: first element of the piece, in each dimension of its nc_tile_space
 * @n: elements of the piece
 * @piece: receives the instruction, parameters adjusted; its operands are
 *	   @views
 * @views: receives what it reads and writes of the whole operands
 */
void nc_tile_piece(const struct nc_inst *inst, const int64_t *lo,
		   const int64_t *n, struct nc_inst *piece,
		   struct nc_view views[NC_MAX_OPERANDS]);

/* tile_choose.c */

/**
 * struct nc_tiling - how an instruction is cut
 * @n: elements of a piece, in each dimension
 * @order: dimensions by loop, outermost first
 * @cuts: loops that run more than once
 * @bytes: scratchpad that the pieces need, with double buffering
 */
struct nc_tiling {
	int64_t n[NC_TILE_DIMS];
	int order[NC_TILE_DIMS];
	int cuts;
	uint64_t bytes;
};

/**
 * nc_tiling_choose() - cut an instruction so that its pieces fit
 * @inst: the instruction
 * @space: from nc_tile_space()
 * @budget: bytes of scratchpad for the operands that are not on the chip
 * @psum: bytes of accumulators
 * @tiling: receives the best that was found
 *
 * Starts with the whole and cuts, until it fits, the dimension that costs the
 * least traffic.
 *
 * Return: false when not even the smallest piece fits; @tiling->bytes then says
 * how large it is.
 */
bool nc_tiling_choose(const struct nc_inst *inst,
		      const struct nc_tile_space *space, uint64_t budget,
		      uint64_t psum, struct nc_tiling *tiling);

/* The operand in the form in which a piece of it lies on the chip. */
struct nc_view nc_stage_view(const struct nc_inst *inst, unsigned int operand,
			     const struct nc_view *view);

/* Operands that instructions reach where they are. */
bool nc_operand_in_place(const struct nc_view *view);

/* plan_prefetch.c */

/**
 * nc_prefetch() - move loads ahead of work that does not need them
 * @ctx: the compilation; the program is tiled
 * @limit: bytes of scratchpad to count on
 *
 * A load moves up past other engines' instructions as long as the buffers alive
 * there leave room, and never past a write to what it reads or past another
 * load.
 */
void nc_prefetch(struct nc_ctx *ctx, uint64_t limit);

/* plan_space.c */

/**
 * struct nc_space - free and used parts of a memory
 *
 * A tree over equal grains. Finding room and marking it take O(log n).
 */
struct nc_space;

/* The size is rounded down to grains, and the grain chosen, so that all fits. */
struct nc_space *nc_space_new(struct nc_arena *arena, uint64_t size);
/* The lowest (or highest) free place. False: there is none of that size. */
bool nc_space_take(struct nc_space *space, uint64_t size, bool high,
		   uint64_t *offset);
void nc_space_give(struct nc_space *space, uint64_t offset, uint64_t size);

/* schedule_map.c */

/**
 * struct nc_access - what is known about a range of memory
 * @writer: position of the last instruction that wrote it, plus one; 0: none
 * @readers: for each engine the last that read it since, in the same way
 */
struct nc_access {
	uint32_t writer;
	uint32_t readers[NEURON_NUM_ENGINES];
};

/**
 * struct nc_access_map - who touched which bytes last
 *
 * Ranges with equal history are kept as one. Ranges are rounded outwards to
 * grains of the map.
 */
struct nc_access_map;

struct nc_access_map *nc_access_map_new(struct nc_arena *arena, uint64_t size);
/* Call @fn with each history in the range. */
void nc_access_each(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		    void (*fn)(void *arg, const struct nc_access *access),
		    void *arg);
void nc_access_read(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		    unsigned int engine, uint32_t pos);
void nc_access_write(struct nc_access_map *map, uint64_t lo, uint64_t hi,
		     uint32_t pos);

/* emit.c */

/* Memory that instructions can share: SBUF, PSUM and the slots, numbered. */
unsigned int nc_memory_of(const struct nc_buf *buf);
#define NC_MEMORY_SBUF	0
#define NC_MEMORY_PSUM	1
#define NC_MEMORY_SLOT	2	/* plus the slot */

/* The bytes that a view touches in its memory. */
void nc_memory_range(const struct nc_view *view, uint64_t *lo, uint64_t *hi);

/* schedule_check.c */

/**
 * nc_find_race() - prove that a program's result does not depend on timing
 * @arena: for temporary memory
 * @program: a program that neuron_program_check() accepted
 * @inst: receives the instruction that is wrong
 *
 * Works from the program's semaphores alone: an instruction has ended when its
 * engine has gone on, or when a semaphore that only it and those before it
 * signal has a value that needs it. Any two accesses to a byte, one of them a
 * write, must be ordered that way, and instructions may only wait for earlier
 * ones, so that nothing can block for ever.
 *
 * Return: NULL, or what is wrong, as a static text.
 */
const char *nc_find_race(struct nc_arena *arena, const void *program,
			 uint32_t *inst);

/**
 * nc_find_overwrite() - prove that resident loads can be skipped
 * @arena: for temporary memory
 * @program: a program that neuron_program_check() accepted
 * @inst: receives the instruction that is wrong
 *
 * What a resident load leaves in the scratchpad must be a constant, and nothing
 * else in the program may write there.
 *
 * Return: NULL, or what is wrong, as a static text.
 */
const char *nc_find_overwrite(struct nc_arena *arena, const void *program,
			      uint32_t *inst);

#endif /* COMPILER_BACKEND_H */
