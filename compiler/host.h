/* SPDX-License-Identifier: MIT */
/*
 * What the host does: operators that do not fit the chip become steps of their own,
 * which libneuron executes. See <neuron/neff.h> for the file, <neuron/hostop.h> for
 * the operators.
 *
 *	host.c		which nodes are the host's, and what they make
 *	host_rule.c	what they are called there
 *	host_shape.c	shapes that depend on data
 *	host_shape_computed.c	shapes that an input says
 *	host_bound.c	numbers that shapes are computed of
 *	host_compose.c	what the host has for operators that it has not
 *	host_exact.c	what lengths are computed of
 *	chunk.c		finds what the chip can do of what is open, piece by piece
 *	chunk_axis.c	where the open dimension goes
 *	chunk_graph.c	makes the graph that does it
 *	host_only.c	shapes of strings and random numbers
 *	host_if.c	conditions that are known only while the model runs
 *	product.c	programs that multiply what the host has
 *	steps.c		parts a graph into chip programs and host steps
 *	steps_write.c	the .neff of those
 *
 * A value whose shape depends on data is open: its dims are the most that they can
 * be, and nc_value.open says which of them can be less. Inference keeps to that rule:
 * whatever an open value takes part in is the host's, until a shape is closed again.
 */
#ifndef COMPILER_HOST_H
#define COMPILER_HOST_H

#include "front.h"
#include <hostops/hostop.h>

/**
 * struct nc_host - how the host executes a node
 * @op: enum neuron_host_op; or NC_HOST_IF: no operator, but a choice; or NC_HOST_PIECES:
 *	the host has none, the chip has, piece by piece
 * @reason: enum neuron_host_reason
 * @branches: IF: what is done when its first input is false, and when it is true; the
 *	      other inputs are what they use from around them
 * @ints: parameters of the step
 * @floats: the same
 *
 * The node's inputs are the step's: what ONNX has as lists in attributes has become
 * constants.
 */
struct nc_host {
	unsigned int op;
	unsigned int reason;
	struct nc_graph *branches[2];
	int64_t ints[NEURON_NEFF_STEP_INTS];
	double floats[NEURON_NEFF_STEP_FLOATS];
};

#define NC_HOST_IF	NEURON_HOST_NUM_OPS
#define NC_HOST_PIECES	(NEURON_HOST_NUM_OPS + 1)

/**
 * nc_infer_host_if() - an If that chooses while the model runs
 * @ctx: the compilation
 * @node: the node; its condition is its only input
 * @branches: else, then; inferred, their nodes their own
 *
 * Return: false after nc_error(): the branches make different things.
 */
bool nc_infer_host_if(struct nc_ctx *ctx, struct nc_node *node,
		      struct nc_graph *const branches[2]);

/*
 * The node can only be the host's: the chip has nothing for it, or for its inputs. What a
 * shape is computed of becomes the host's, too.
 */
bool nc_host_must(struct nc_ctx *ctx, const struct nc_node *node);

/* What is better said otherwise of values that are open. */
void nc_host_rewrite(struct nc_ctx *ctx, struct nc_node *node);

/* The shape of its result may be computed while the model runs, if that has a bound. */
bool nc_host_takes_bound(enum nc_op op);

/*
 * The most that a dimension is taken to be which @value says, and of which nothing is
 * known; 0: it follows from a few numbers in an input, which had better be constants.
 */
int64_t nc_host_max_dim(struct nc_ctx *ctx, const struct nc_value *value);

/* Some half a minute of speech, in the frames that its loudness is computed for. */
#define NC_MAX_DIM	4096

/**
 * nc_host_take() - let the host compute a few numbers
 * @ctx: the compilation
 * @value: the numbers; what they are computed of is taken, too, as far as it is few
 * @reason: why, enum neuron_host_reason. SIZE: integers alone
 *
 * A chip program would be a waste.
 */
void nc_host_take(struct nc_ctx *ctx, struct nc_value *value, unsigned int reason);

/**
 * nc_infer_on_host() - types and shapes of a node that the host executes
 * @ctx: the compilation
 * @node: its inputs have known types, and known or open shapes
 *
 * Sets nc_node.host. What is known already is computed at once.
 *
 * Return: false after nc_error(): the host has nothing for it either.
 */
bool nc_infer_on_host(struct nc_ctx *ctx, struct nc_node *node);

/* How the host copies a value that the chip cannot; NULL: the chip can. */
const struct nc_host *nc_host_copy(struct nc_ctx *ctx, const struct nc_value *value);

/* How ONNX's operators map to the host's. */
enum nc_host_shape {
	NC_SHAPE_FIRST,		/* as the first input */
	NC_SHAPE_CUSTOM,	/* nc_host_rule.shape sets dims and open */
};

/* A node whose parameters are being made of its attributes. */
struct nc_prepare {
	struct nc_ctx *ctx;
	struct nc_node *node;
	struct nc_host *host;
};

/**
 * struct nc_host_rule - an operator of ONNX on the host
 * @op: ONNX's
 * @host: the host's
 * @how: what the result's shape is
 * @shape: CUSTOM: sets the outputs' types, dims and open. Else NULL
 * @prepare: fills in parameters and rewrites inputs, or NULL
 */
struct nc_host_rule {
	enum nc_op op;
	enum neuron_host_op host;
	enum nc_host_shape how;
	bool (*shape)(struct nc_ctx *ctx, struct nc_node *node);
	bool (*prepare)(struct nc_prepare *p);
};

/* host_rule.c: NULL for an operator that the host has not. */
const struct nc_host_rule *nc_host_rule(enum nc_op op);

/* host_shape.c, host_shape_computed.c, host_only.c: for CUSTOM rows, called before prepare. */
typedef bool nc_host_shape_fn(struct nc_ctx *ctx, struct nc_node *node);
nc_host_shape_fn nc_host_nonzero, nc_host_compress, nc_host_unique, nc_host_nms,
	nc_host_top_k, nc_host_shape_of, nc_host_size_of, nc_host_reshape,
	nc_host_squeeze, nc_host_unsqueeze, nc_host_flatten, nc_host_transpose,
	nc_host_slice, nc_host_concat, nc_host_expand, nc_host_tile, nc_host_pad, nc_host_gather,
	nc_host_gather_nd, nc_host_gather_elements, nc_host_reduce, nc_host_arg,
	nc_host_layer_norm, nc_host_split, nc_host_matmul, nc_host_gemm, nc_host_conv,
	nc_host_recurrent,
	nc_host_det, nc_host_cast, nc_host_compare, nc_host_broadcast,
	nc_host_constant_of_shape, nc_host_range,
	nc_host_normalizer, nc_host_tfidf, nc_host_string_concat, nc_host_label_encoder,
	nc_host_random, nc_host_random_like, nc_host_bernoulli, nc_host_multinomial,
	nc_host_dropout;

static inline bool nc_bit(unsigned int mask, int i)
{
	return mask >> i & 1;
}

/* Set type, dims and open of an output. */
bool nc_host_set(struct nc_ctx *ctx, struct nc_node *node, unsigned int output,
		 enum nc_dtype dtype, int rank, const int64_t *dims, unsigned int open);

/* Report that a node's inputs do not fit each other. Return: false. */
bool nc_host_misfit(struct nc_ctx *ctx, const struct nc_node *node);

/* A constant of strings. */
struct nc_value *nc_const_strings_new(struct nc_ctx *ctx, const char *name,
				      const char *const *strings, size_t count);

/* A shape, an index, a condition: as many elements as such a thing has at most. */
#define NC_HOST_FEW	64

/* Run an operator when compiling. Return: what is wrong, or NULL. See hostop_run(). */
const char *nc_host_run(struct nc_ctx *ctx, const struct nc_node *node,
			const struct nc_host *host, struct nc_value *const *inputs,
			struct nc_value *const *outputs, struct hostop_tensor *results);

/**
 * struct nc_bounds - between which numbers the elements of a value are
 * @least: as many as the value has elements; -NC_NO_BOUND: not known
 * @most: the same; NC_NO_BOUND: not known
 */
struct nc_bounds {
	int64_t *least;
	int64_t *most;
};

/* More than any dimension. */
#define NC_NO_BOUND	((int64_t)INT32_MAX)

/* host_bound.c */

/* It is known of some element how large it can be. */
bool nc_host_is_bounded(const struct nc_value *value);
/* Bounds of a few integers; NULL: it is something else. */
const struct nc_bounds *nc_host_bounds(struct nc_ctx *ctx, const struct nc_value *value);
/* @value is what the dimensions @most are; those whose bit is in @open can be less. */
void nc_host_bound_dims(struct nc_ctx *ctx, struct nc_value *value, const int64_t *most,
			unsigned int open);
/* Find the bounds of what a node makes. */
void nc_host_bound(struct nc_ctx *ctx, struct nc_node *node, const struct nc_host *host);
/* Make constants of a node's outputs if that leaves nothing open. Return: it does. */
bool nc_host_settle(struct nc_ctx *ctx, struct nc_node *node);

/* An enum neuron_neff_dtype. */
unsigned int nc_dtype_to_neff(enum nc_dtype dtype);

/* Fewer multiplications than that, for the longest values, are not worth a program. */
#define NC_HOST_WORTH	((int64_t)1 << 23)

/* steps.c */

/* Some node of the graph is the host's. */
bool nc_has_host_nodes(const struct nc_graph *graph);

/**
 * nc_steps() - the rest of the compilation of a graph with host nodes
 * @ctx: the compilation; inference is done
 */
void nc_steps(struct nc_ctx *ctx);

/* compile.c: from an inferred graph without host nodes to a .neff in ctx->result. */
void nc_compile_graph(struct nc_ctx *ctx);

/**
 * struct nc_step - a chip program, a host step, or a choice of the way
 * @kind: enum neuron_neff_step_kind
 * @target: UNLESS, GO: step to go on with. PRODUCT: the first one that has its program
 * @graph: CHIP, CHUNKS: its graph; its inputs and outputs stand for @values, in their order.
 *	   PRODUCT: the first one's: it multiplies a tile
 * @node: HOST, PRODUCT: its node. UNLESS: the If
 * @values: CHIP, CHUNKS: the values of the model
 * @table: CHUNKS: a struct neuron_neff_chunk for each of @values; else NULL
 * @frames: CHUNKS: its ints
 * @tile: PRODUCT: rows, depth and columns
 * @result: CHIP, CHUNKS, and PRODUCT that has @graph: what it was compiled to
 */
struct nc_step {
	unsigned int kind;
	unsigned int target;
	struct nc_graph *graph;
	struct nc_node *node;
	struct nc_value **values;
	struct nc_value *table;
	int64_t frames[NEURON_NEFF_NUM_CHUNK_INTS];
	int64_t tile[3];
	struct nc_result *result;
};

/* host_exact.c: what lengths are computed of is marked nc_node.exact. */
void nc_exact_lengths(struct nc_ctx *ctx, const struct nc_graph *graph);

/**
 * nc_chunk_groups() - find nodes of the host's that the chip can execute piece by piece
 * @ctx: the compilation
 * @graph: the nodes; each gets the number of its group in nc_node.chunk, from 1 on, or 0
 *
 * Nodes of one group work on values that are as long as the same number of frames, which
 * depends on data, at different rates. Those between which nothing else is become a
 * program.
 *
 * Return: the number of groups.
 */
unsigned int nc_chunk_groups(struct nc_ctx *ctx, const struct nc_graph *graph);
/* Leave only those of @groups in which there is something that the host does not have. */
void nc_chunk_needed(const struct nc_graph *graph, unsigned int groups);

/**
 * nc_host_compose() - put what the host has in a node's place
 * @ctx: the compilation
 * @node: an input of it is open
 *
 * Return: false, with or without an error: there is nothing for it.
 */
bool nc_host_compose(struct nc_ctx *ctx, struct nc_node *node);

/**
 * nc_chunk_infer() - types and shapes of a node that the chip alone has
 * @ctx: the compilation
 * @node: an input of it is open
 *
 * Sets nc_node.host if it can be executed piece by piece.
 *
 * Return: false, with or without an error: it cannot.
 */
bool nc_chunk_infer(struct nc_ctx *ctx, struct nc_node *node);

/**
 * nc_chunk_graph() - a graph of nodes of a group, for pieces
 * @sub: the compilation of it; its graph becomes that
 * @graph: where the nodes are
 * @mark: those that have this nc_node.mark
 * @step: receives graph, values, table and frames
 *
 * Return: false, with or without an error in @sub: there is no such graph.
 */
bool nc_chunk_graph(struct nc_ctx *sub, const struct nc_graph *graph, int mark,
		    struct nc_step *step);

/**
 * nc_product_tile() - see whether the chip had better multiply what the host has
 * @node: the host's
 * @tile: receives rows, depth and columns of what it would multiply at a time
 *
 * Return: false: it had not.
 */
bool nc_product_tile(const struct nc_node *node, int64_t tile[3]);

/**
 * nc_product_graph() - a graph that multiplies two matrices of a tile's size
 * @sub: the compilation of it; its graph becomes that
 * @node: what it is for: gives it its name, and says whether it is to be exact
 * @tile: rows, depth and columns
 */
struct nc_graph *nc_product_graph(struct nc_ctx *sub, const struct nc_node *node,
				  const int64_t tile[3]);

/* steps_write.c */
void nc_steps_write(struct nc_ctx *ctx, const struct nc_step *steps, unsigned int count);

#endif /* COMPILER_HOST_H */
