// SPDX-License-Identifier: MIT
/*
 * The compiler, pass by pass: read nc_run() first.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include "cores.h"
#include "host.h"
#include "import.h"
#include "lir.h"
#include "pass.h"

/* What a compilation may take: this much, and a multiple of the model. */
#define MEMORY_LIMIT	((size_t)1 << 30)

/* What nc_result_free() releases. */
struct nc_memory {
	struct nc_arena *arena;
	struct onnx_model model;
	jmp_buf oom;
};

/* After a front-end pass: check it and show it. Return: whether to go on. */
static bool checked(struct nc_ctx *ctx, const char *pass)
{
	if (ctx->diag.count)
		return false;
	nc_verify(ctx, pass);
	nc_dump(ctx, pass);
	nc_blob_sweep(ctx, true);
	return !ctx->diag.count;
}

/* After a back-end pass. */
static bool done(struct nc_ctx *ctx, const char *pass)
{
	const struct nc_options *options = ctx->options;

	if (ctx->diag.count)
		return false;
	if (nc_wants_dump(ctx, pass)) {
		fprintf(options->dump_to, "== after %s\n", pass);
		nc_dump_program(ctx, options->dump_to);
	}
	return true;
}

static void list_needed(struct nc_ctx *ctx);

/* From instructions on whole tensors to a program that was checked. */
static void finish_program(struct nc_ctx *ctx)
{
	if (!done(ctx, "plan"))
		return;
	nc_schedule(ctx);
	if (!done(ctx, "schedule"))
		return;
	nc_emit(ctx);
	if (ctx->diag.count)
		return;
	nc_check_races(ctx);
}

/* From the graph to a program. */
void nc_back_end(struct nc_ctx *ctx)
{
	nc_lower(ctx);
	if (!done(ctx, "lower"))
		return;
	nc_plan(ctx);
	if (ctx->diag.count)
		return;
	nc_stretch(ctx);
	finish_program(ctx);
}

void nc_back_end_part(struct nc_ctx *ctx, const struct nc_lower_part *part)
{
	nc_lower_parts(ctx, part, 1, NULL);
	if (!done(ctx, "lower"))
		return;
	nc_plan(ctx);
	finish_program(ctx);
}

void nc_compile_graph(struct nc_ctx *ctx)
{
	nc_decompose(ctx);
	if (!checked(ctx, "decompose"))
		return;
	nc_narrow(ctx);
	if (!checked(ctx, "narrow"))
		return;
	nc_simplify(ctx);
	if (!checked(ctx, "simplify"))
		return;
	nc_share(ctx);
	if (!checked(ctx, "share"))
		return;
	nc_recognise(ctx);
	if (!checked(ctx, "recognise"))
		return;
	nc_fuse(ctx);
	if (!checked(ctx, "fuse"))
		return;
	nc_quantize(ctx);
	if (!checked(ctx, "quantize"))
		return;
	nc_merge_products(ctx);
	if (!checked(ctx, "merge"))
		return;
	nc_cast(ctx);
	if (!checked(ctx, "cast"))
		return;
	nc_blob_sweep(ctx, false);
	if (ctx->options->expose_layers)
		nc_expose(ctx);

	nc_back_end(ctx);
	if (ctx->diag.count)
		return;
	if (ctx->options->cores > 1)
		nc_cores(ctx);
	if (ctx->diag.count)
		return;
	nc_neff_write(ctx);
	if (ctx->parts)
		nc_summarize_parts(ctx);
	else
		nc_summarize(ctx);
}

static void nc_run(struct nc_ctx *ctx, const void *onnx, size_t size,
		   const char *name)
{
	/* Front end: from the file to a graph of known shapes. */
	nc_import(ctx, onnx, size, name);
	if (!ctx->graph)
		return;
	nc_upgrade(ctx);
	nc_infer(ctx);		/* also after errors: to name them all */
	list_needed(ctx);
	/* What branches of the host's have, the graph does not show. */
	if (nc_has_host_nodes(ctx->graph))
		ctx->num_blobs = 0;
	if (!checked(ctx, "infer"))
		return;
	if (nc_has_host_nodes(ctx->graph))
		nc_steps(ctx);
	else
		nc_compile_graph(ctx);
}

/* Inputs that have to be constants, for the caller to try again with. */
static void list_needed(struct nc_ctx *ctx)
{
	const struct nc_graph *graph = ctx->graph;
	struct nc_result *result = ctx->result;
	unsigned int i;

	result->needed = nc_alloc(ctx->arena, graph->num_inputs,
				  sizeof(*result->needed));
	for (i = 0; i < graph->num_inputs; i++)
		if (graph->inputs[i]->needed)
			result->needed[result->num_needed++] =
				graph->inputs[i]->name;
}

bool nc_compile(const void *onnx, size_t size, const char *name,
		const struct nc_options *options, struct nc_result *result)
{
	static const struct nc_options defaults;
	struct nc_memory *memory = calloc(1, sizeof(*memory));
	struct nc_ctx *ctx = calloc(1, sizeof(*ctx));
	size_t limit = MEMORY_LIMIT;

	memset(result, 0, sizeof(*result));
	result->memory = memory;
	if (!memory || !ctx)
		goto out;
	if (size < (SIZE_MAX - limit) / 8)
		limit += size * 8;
	memory->arena = nc_arena_new(limit, &memory->oom);
	if (!memory->arena)
		goto out;

	ctx->arena = memory->arena;
	ctx->memory_limit = limit;
	ctx->options = options ? options : &defaults;
	ctx->result = result;
	ctx->model = &memory->model;
	if (setjmp(memory->oom))
		nc_error(ctx, NULL,
			 "the model needs more memory than there is, or than a model of its size should");
	else
		nc_run(ctx, onnx, size, name);
	nc_external_close(&memory->model);
	if (!ctx->diag.count && ctx->options->dump && !ctx->dumped)
		nc_error(ctx, NULL,
			 "there is no pass '%.40s' to dump after; \"all\" shows every one",
			 ctx->options->dump);

	if (ctx->diag.count) {
		free(result->neff);
		result->neff = NULL;
		result->neff_size = 0;
	}
	result->graph = ctx->graph;
	result->errors = ctx->diag.text;
	result->num_errors = ctx->diag.count;
	nc_arena_free(ctx->part_arena);
out:
	free(ctx);
	if (!result->neff && !result->errors) {
		result->errors = strdup("out of memory\n");
		result->num_errors = 1;
	}
	return result->neff;
}

void nc_result_free(struct nc_result *result)
{
	struct nc_memory *memory = result->memory;

	if (memory) {
		nc_arena_free(memory->arena);
		onnx_free(&memory->model.message);
	}
	free(memory);
	free(result->neff);
	free(result->errors);
	memset(result, 0, sizeof(*result));
}
