// SPDX-License-Identifier: MIT
/*
 * Finds nodes of the host's that the chip can execute all the same: their values are open
 * in one dimension, over which a program can go piece by piece. It is of fixed shapes, and
 * run as often as the values are long. What is beyond the ends of the whole is zero.
 */
#include <stdlib.h>
#include "chunk.h"

/*
 * Spans
 */

/* The span that all others go by; what is found is kept, so that the way is not long. */
static struct nc_span *root_of(struct nc_chunked *chunked)
{
	for (; chunked->span->same; chunked->span = chunked->span->same)
		chunked->rate *= chunked->span->scale;
	return chunked->span;
}

int64_t nc_chunk_rate(struct nc_chunked *chunked)
{
	root_of(chunked);
	return chunked->rate;
}

/* One span is so many times as long as another. Return: false if it would be too long. */
static bool join(struct nc_span *span, struct nc_span *to, int64_t scale)
{
	if (scale > NC_CHUNK_MAX_RATE || span->most > NC_CHUNK_MAX_RATE / scale)
		return false;
	span->same = to;
	span->scale = scale;
	if (to->most < span->most * scale)
		to->most = span->most * scale;
	return true;
}

/* They are equally long. Return: false if they cannot be. */
static bool unify(struct nc_chunked *a, struct nc_chunked *b)
{
	struct nc_span *root_a = root_of(a), *root_b = root_of(b);

	if (root_a == root_b)
		return a->rate == b->rate;
	if (!(a->rate % b->rate))
		return join(root_b, root_a, a->rate / b->rate);
	return !(b->rate % a->rate) && join(root_a, root_b, b->rate / a->rate);
}

/*
 * Groups
 */

/* The same for a node that may be in a group. */
static int axis_of(const struct nc_node *node)
{
	unsigned int i;
	int axis;

	if (!node->host || node->host->reason != NEURON_HOST_REASON_OPEN || !nc_out(node, 0))
		return -1;
	axis = nc_chunk_axis(node);
	for (i = 0; axis >= 0 && i < node->num_outputs; i++)
		if (!node->outputs[i] || !nc_chunk_takes(node->outputs[i]->dtype) ||
		    nc_chunk_open_axis(node->outputs[i]) != axis)
			return -1;
	return axis;
}

/* Of what the host does not have, what nc_chunk_axis() knows: others are not even inferred. */
static bool is_for_pieces(enum nc_op op)
{
	switch (op) {
	case NC_OP_Sum:
	case NC_OP_Mean:
	case NC_OP_SkipLayerNormalization:
	case NC_OP_SkipSimplifiedLayerNormalization:
	case NC_OP_ThresholdedRelu:
	case NC_OP_Celu:
	case NC_OP_Shrink:
	case NC_OP_Swish:
	case NC_OP_Tan:
	case NC_OP_Asin:
	case NC_OP_Acos:
	case NC_OP_Atan:
	case NC_OP_Sinh:
	case NC_OP_Cosh:
	case NC_OP_Asinh:
	case NC_OP_Acosh:
	case NC_OP_Atanh:
	case NC_OP_QuickGelu:
	case NC_OP_FastGelu:
	case NC_OP_BiasGelu:
	case NC_OP_BatchNormalization:
	case NC_OP_LRN:
	case NC_OP_QuantizeLinear:
	case NC_OP_DequantizeLinear:
	case NC_OP_Resize:
	case NC_OP_Upsample:
	case NC_OP_MatMulInteger:
	case NC_OP_MatMulNBits:
	case NC_OP_Hardmax:
	case NC_OP_LpNormalization:
	case NC_OP_RMSNormalization:
	case NC_OP_SimplifiedLayerNormalization:
		return true;
	default:
		return false;
	}
}

bool nc_chunk_infer(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_host *host;
	unsigned int i;
	int axis;

	if (!is_for_pieces(node->op) || !nc_out(node, 0) || !nc_ops[node->op].infer(ctx, node))
		return false;
	/* It has become others, which are the host's. */
	if (node->outputs[0]->alias)
		return true;
	while (node->num_outputs && !node->outputs[node->num_outputs - 1])
		node->num_outputs--;
	axis = node->outputs[0]->rank < 0 ? -1 : nc_chunk_axis(node);
	for (i = 0; axis >= 0 && i < node->num_outputs; i++) {
		if (!node->outputs[i] || axis >= node->outputs[i]->rank ||
		    !nc_chunk_takes(node->outputs[i]->dtype))
			return false;
		node->outputs[i]->open = 1u << axis;
	}
	if (axis < 0)
		return false;
	host = nc_alloc(ctx->arena, 1, sizeof(*host));
	host->op = NC_HOST_PIECES;
	host->reason = NEURON_HOST_REASON_OPEN;
	node->host = host;
	return true;
}

static struct nc_chunked *chunked_of(struct nc_ctx *ctx, struct nc_value *value)
{
	if (!value->chunked) {
		value->chunked = nc_alloc(ctx->arena, 1, sizeof(*value->chunked));
		value->chunked->axis = nc_chunk_open_axis(value);
		value->chunked->rate = 1;
		value->chunked->span = nc_alloc(ctx->arena, 1, sizeof(*value->chunked->span));
		value->chunked->span->most = 1;
	}
	return value->chunked;
}

/* Multiplications of a node; more than are worth it count as these. */
static int64_t work(const struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *w = nc_in(node, 1);
	int64_t elements = nc_numel(x), each = 0, product;

	if (node->op == NC_OP_Conv)
		elements = nc_numel(node->outputs[0]);
	if (node->op == NC_OP_Conv || node->op == NC_OP_ConvTranspose)
		each = w->dims[0] ? nc_numel(w) / w->dims[0] : 0;
	else if (node->op == NC_OP_MatMul)
		each = w->dims[w->rank - 1];
	if (__builtin_mul_overflow(elements, each, &product) || product > NC_HOST_WORTH)
		return NC_HOST_WORTH;
	return product;
}

/* Put a node with what it has in common with others. */
static void take(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_chunked *first = NULL, *one;
	int axis = axis_of(node);
	struct nc_reach reach;
	bool longer = false;
	unsigned int i;

	node->chunk = 0;
	if (axis < 0 || !nc_chunk_reach(node, &reach))
		return;
	for (i = 0; i < node->num_inputs; i++) {
		if (!node->inputs[i] || !node->inputs[i]->open)
			continue;
		one = chunked_of(ctx, node->inputs[i]);
		longer |= one->longer;
		if (!first)
			first = one;
		else if (!unify(first, one))
			return;
	}
	if (nc_chunk_rate(first) > NC_CHUNK_MAX_RATE / reach.up)
		return;
	for (i = 0; i < node->num_outputs; i++) {
		one = chunked_of(ctx, node->outputs[i]);
		one->span = root_of(first);
		one->rate = first->rate * reach.up;
		if (one->span->most < one->rate)
			one->span->most = one->rate;
		one->longer = longer || reach.up > 1;
	}
	node->chunk = 1;
}

/*
 * A span's nodes are two groups: those after which it is longer, and the others. The longer
 * ones have most of the work, and their pieces should not overlap by more than their own
 * windows reach.
 */
unsigned int nc_chunk_groups(struct nc_ctx *ctx, const struct nc_graph *graph)
{
	unsigned int count = 0, spans = 0, i, *numbers;
	int64_t *works;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		take(ctx, node);
		spans += node->chunk;
	}
	/* Groups as there are, by span; then those that are worth it are numbered. */
	works = nc_alloc(ctx->arena, 2 * spans + 2, sizeof(*works));
	numbers = nc_alloc(ctx->arena, 2 * spans + 2, sizeof(*numbers));
	spans = 0;
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];
		struct nc_span *span;

		if (!node->chunk)
			continue;
		span = root_of(node->outputs[0]->chunked);
		if (!span->group) {
			span->group = 2 * spans + 1;
			spans++;
		}
		node->chunk = span->group + node->outputs[0]->chunked->longer;
		/* What the host does not have has to be for the chip. */
		works[node->chunk] += node->host->op == NC_HOST_PIECES ? NC_HOST_WORTH : work(node);
	}
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		if (node->chunk && works[node->chunk] >= NC_HOST_WORTH && !numbers[node->chunk])
			numbers[node->chunk] = ++count;
		node->chunk = numbers[node->chunk];
	}
	return count;
}

void nc_chunk_needed(const struct nc_graph *graph, unsigned int groups)
{
	bool *needed = calloc(groups + 1, sizeof(*needed));
	unsigned int i;

	for (i = 0; needed && i < graph->num_nodes; i++)
		if (graph->nodes[i]->host && graph->nodes[i]->host->op == NC_HOST_PIECES)
			needed[graph->nodes[i]->chunk] = true;
	for (i = 0; i < graph->num_nodes; i++)
		if (!needed || !needed[graph->nodes[i]->chunk])
			graph->nodes[i]->chunk = 0;
	free(needed);
}
