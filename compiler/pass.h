/* SPDX-License-Identifier: MIT */
/*
 * What every pass gets, and the passes themselves in the order of compile.c.
 */
#ifndef COMPILER_PASS_H
#define COMPILER_PASS_H

#include "arena.h"
#include "diag.h"
#include "graph.h"
#include "neffc.h"

struct nc_parts;
struct onnx_model;
struct nc_blob;

/**
 * struct nc_ctx - one compilation
 * @arena: for everything that lives as long as the compilation
 * @options: what the user wants; never NULL
 * @diag: problems found so far; a pass list stops after a pass that adds some
 * @graph: the model, from import on
 * @result: what the back end fills in: .neff and summary
 * @model: the parsed protobuf; weights point into it
 * @list: during inference: where nodes go that stay
 * @num_copies: copies of graphs made so far
 * @fold_budget: bytes that folded constants may still take
 * @blobs: large constants that can be freed; see blob.c
 * @num_blobs: entries of @blobs
 * @blobs_room: allocated entries of @blobs
 * @dumped: the user's --dump has found its pass
 * @program: the back end's own state
 * @parts: what each core does, of a model on several; else NULL
 * @part_arena: memory for the one that is being compiled, or NULL
 * @memory_limit: of an arena
 * @sharing: cores that share the memories while the program runs; 0: one
 */
struct nc_ctx {
	struct nc_arena *arena;
	const struct nc_options *options;
	struct nc_diag diag;
	struct nc_graph *graph;
	struct nc_result *result;
	struct onnx_model *model;
	struct nc_node_list *list;
	unsigned int num_copies;
	size_t fold_budget;
	struct nc_blob *blobs;
	unsigned int num_blobs;
	unsigned int blobs_room;
	bool dumped;
	void *program;
	const struct nc_parts *parts;
	struct nc_arena *part_arena;
	size_t memory_limit;
	unsigned int sharing;
};

/* Front end: each leaves a graph that nc_verify() accepts. */
void nc_import(struct nc_ctx *ctx, const void *onnx, size_t size,
	       const char *name);
void nc_upgrade(struct nc_ctx *ctx);
void nc_infer(struct nc_ctx *ctx);
void nc_decompose(struct nc_ctx *ctx);
void nc_narrow(struct nc_ctx *ctx);
void nc_simplify(struct nc_ctx *ctx);
void nc_share(struct nc_ctx *ctx);
void nc_recognise(struct nc_ctx *ctx);
void nc_fuse(struct nc_ctx *ctx);
void nc_quantize(struct nc_ctx *ctx);
void nc_merge_products(struct nc_ctx *ctx);
void nc_cast(struct nc_ctx *ctx);
void nc_expose(struct nc_ctx *ctx);

/* compile.c: all of the back end up to a program that was checked. */
void nc_back_end(struct nc_ctx *ctx);
/*
 * spread.c: share the model between options->cores cores, for what options->spread
 * says; result->note says why it has fewer.
 */
void nc_cores(struct nc_ctx *ctx);
/* cores.c: the figures of all cores. */
void nc_summarize_parts(struct nc_ctx *ctx);

/* Back end: the state is ctx->program, see lir.h. */
void nc_lower(struct nc_ctx *ctx);
void nc_plan(struct nc_ctx *ctx);
void nc_stretch(struct nc_ctx *ctx);
void nc_schedule(struct nc_ctx *ctx);
void nc_emit(struct nc_ctx *ctx);
void nc_check_races(struct nc_ctx *ctx);
void nc_neff_write(struct nc_ctx *ctx);
void nc_summarize(struct nc_ctx *ctx);

/**
 * nc_blob_sweep() - free large constants that no value has any more
 * @ctx: the compilation
 * @keep_origins: keep what folded constants were made from
 */
void nc_blob_sweep(struct nc_ctx *ctx, bool keep_origins);

/* Between passes. */
void nc_verify(struct nc_ctx *ctx, const char *pass);
void nc_dump(struct nc_ctx *ctx, const char *pass);
/* Whether the user wants a dump after this pass. */
bool nc_wants_dump(struct nc_ctx *ctx, const char *pass);

#endif /* COMPILER_PASS_H */
