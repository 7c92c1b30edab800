/* SPDX-License-Identifier: MIT */
/* Lowering's own state, shared by lower.c and lower_value.c. */
#ifndef COMPILER_LOWER_STATE_H
#define COMPILER_LOWER_STATE_H

#include "lower.h"

struct nc_const_entry;
struct nc_made_entry;

/* A graph output, or a part of it, in the list of those that a value is. */
struct nc_output {
	struct nc_view view;
	struct nc_output *next;
};

/**
 * struct nc_storage - where a value of the graph lies (nc_value.lir)
 * @view: its elements
 * @bound: @view is valid
 * @dtype: element type on the chip; -1 for one that the chip does not have
 * @as: by type: copies in other types; NULL: there are none
 * @packed: nc_packed_weights() of it, or NULL
 * @output: the graph outputs that it is
 * @user: the only node that uses it, or NULL
 * @target: where its operator shall write it, or NULL
 */
struct nc_storage {
	struct nc_view view;
	bool bound;
	int dtype;
	const struct nc_view **as;
	const struct nc_view *packed;
	struct nc_output *output;
	const struct nc_node *user;
	const struct nc_view *target;
};

/* lower_target.c: results that are made where a Concat wants them. */
void nc_choose_targets(struct nc_ctx *ctx);

/* A value that one part of the program makes and others read. */
struct nc_handed {
	const struct nc_value *value;
	struct nc_view view;
	struct nc_handed *next;
};

/**
 * struct nc_lower - lowering's own state
 * @consts: hash table of constants, a power of two entries
 * @num_consts: used entries
 * @consts_room: entries
 * @made: hash table of constants in another type or order than the model's, a
 *	  power of two entries
 * @num_made: used entries
 * @made_room: entries
 * @handed: what parts hand on
 * @before: an earlier lowering of the same model, for what it made, or NULL
 * @pool: buffer that small constants are being put into
 * @pool_data: its bytes
 * @defer: the node's function goes into an instruction of its own, so output 0
 *	   is made without it first
 * @deferred: output 0 without the function
 * @sink: receives instructions on results without elements
 */
struct nc_lower {
	struct nc_const_entry *consts;
	uint32_t num_consts;
	uint32_t consts_room;
	struct nc_made_entry *made;
	uint32_t num_made;
	uint32_t made_room;
	struct nc_handed *handed;
	const struct nc_lower *before;
	struct nc_buf *pool;
	uint8_t *pool_data;
	bool defer;
	struct nc_view deferred;
	struct nc_inst sink;
};

static inline struct nc_program *nc_program_of(struct nc_ctx *ctx)
{
	return ctx->program;
}

#endif /* COMPILER_LOWER_STATE_H */
