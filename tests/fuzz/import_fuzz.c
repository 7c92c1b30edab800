// SPDX-License-Identifier: MIT
/*
 * Any bytes, as far as the importer and shape inference: there most damaged
 * models end, and inputs take a hundredth of the time of a whole compilation.
 * onnx_fuzz.c does the rest.
 */
#include <setjmp.h>
#include <stdlib.h>
#include <compiler/import.h>
#include <compiler/neffc.h>
#include "tests/fuzz/asan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* As nc_compile() does, up to its first check. */
static void import(struct nc_ctx *ctx, const uint8_t *data, size_t size)
{
	jmp_buf oom;

	ctx->arena = nc_arena_new((size_t)256 << 20, &oom);
	if (!ctx->arena)
		abort();
	if (!setjmp(oom)) {
		nc_import(ctx, data, size, "fuzz");
		if (ctx->graph) {
			nc_upgrade(ctx);
			nc_infer(ctx);
			if (!ctx->diag.count)
				nc_verify(ctx, "infer");
		} else if (!ctx->diag.count) {
			abort();
		}
	}
	nc_arena_free(ctx->arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct nc_options options = { .auto_cast = NC_CAST_BF16 };
	struct onnx_model model = { 0 };
	struct nc_result result = { 0 };
	struct nc_ctx ctx = {
		.options = &options, .model = &model, .result = &result,
	};
	struct nc_probe probe;

	nc_probe(data, size, &probe);
	nc_probe_free(&probe);
	import(&ctx, data, size);
	/* The compiler finding a fault of its own is one. */
	if (result.num_faults)
		abort();
	onnx_free(&model.message);
	free(ctx.diag.text);
	return 0;
}
