// SPDX-License-Identifier: MIT
/*
 * Large constants are freed when nothing needs them any more: each time that
 * weights are transposed, scaled or joined there would be one copy more.
 */
#include <stdlib.h>
#include <string.h>
#include "import.h"

/* Smaller ones are not worth it, and share memory with others. */
#define LARGE	NC_ARENA_LARGE

void nc_blob_add(struct nc_ctx *ctx, const void *data, size_t size,
		 ProtobufCBinaryData *raw)
{
	struct nc_blob *blobs;

	if (size < LARGE)
		return;
	if (ctx->num_blobs == ctx->blobs_room) {
		ctx->blobs_room = ctx->blobs_room * 2 + 16;
		blobs = nc_alloc(ctx->arena, ctx->blobs_room, sizeof(*blobs));
		if (ctx->num_blobs)
			memcpy(blobs, ctx->blobs, ctx->num_blobs * sizeof(*blobs));
		ctx->blobs = blobs;
	}
	ctx->blobs[ctx->num_blobs++] = (struct nc_blob) { data, size, raw, false };
}

static int by_address(const void *a, const void *b)
{
	const struct nc_blob *x = a, *y = b;

	return x->data < y->data ? -1 : x->data > y->data;
}

static void keep(struct nc_ctx *ctx, const struct nc_value *value)
{
	const char *data = value->data;
	unsigned int lo = 0, hi = ctx->num_blobs, mid;

	if (!data)
		return;
	/* The last one that does not begin behind it; it may be a part of that. */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if ((const char *)ctx->blobs[mid].data <= data)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo && data < (const char *)ctx->blobs[lo - 1].data + ctx->blobs[lo - 1].size)
		ctx->blobs[lo - 1].used = true;
}

/* What a constant was made from, which the quantize pass looks at. */
static void keep_origin(struct nc_ctx *ctx, const struct nc_value *value)
{
	const struct nc_node *node;
	unsigned int i, depth;

	for (depth = 0; value->folded && depth < 8; depth++) {
		node = value->folded;
		for (i = 0; i < node->num_inputs; i++)
			if (node->inputs[i])
				keep(ctx, nc_resolve(node->inputs[i]));
		if (!nc_in(node, 0))
			return;
		value = nc_resolve(node->inputs[0]);
	}
}

void nc_blob_sweep(struct nc_ctx *ctx, bool keep_origins)
{
	const struct nc_graph *graph = ctx->graph;
	ProtobufCAllocator *allocator = &ctx->model->message.allocator;
	unsigned int i, n = 0;

	if (!ctx->num_blobs)
		return;
	qsort(ctx->blobs, ctx->num_blobs, sizeof(*ctx->blobs), by_address);
	for (i = 0; i < graph->num_values; i++) {
		keep(ctx, graph->values[i]);
		if (keep_origins)
			keep_origin(ctx, graph->values[i]);
	}
	for (i = 0; i < ctx->num_blobs; i++) {
		struct nc_blob *blob = &ctx->blobs[i];

		if (blob->used) {
			blob->used = false;
			ctx->blobs[n++] = *blob;
		} else if (blob->raw) {
			allocator->free(allocator->allocator_data, blob->raw->data);
			*blob->raw = (ProtobufCBinaryData) { 0 };
		} else {
			nc_arena_drop(ctx->arena, (void *)blob->data);
		}
	}
	ctx->num_blobs = n;
}
