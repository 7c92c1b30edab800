// SPDX-License-Identifier: MIT
/*
 * NegativeLogLikelihoodLoss and SoftmaxCrossEntropyLoss: the scores of the right
 * classes, picked by comparing, weighted and put together.
 */
#include <string.h>
#include "decompose.h"

/* Scores [N, C, rest], targets [N, rest] or, in effect, [N, 1, rest]. */
static struct nc_value *likelihood_loss(struct nc_builder *b, struct nc_value *scores,
					struct nc_value *target,
					struct nc_value *weight)
{
	struct nc_node *node = b->like;
	const char *reduction = nc_attr_string(node, "reduction", "mean");
	int64_t cube[3], column[3] = { 1, 0, 1 }, rest = 1;
	struct nc_value *hit, *loss, *sum, *zero;
	int64_t dims[NC_MAX_RANK];
	int i, rank = scores->rank;

	if (rank < 2 || target->rank != rank - 1 || target->dims[0] != scores->dims[0] ||
	    (weight && nc_numel(weight) != scores->dims[1])) {
		nc_error(b->ctx, node, "the shapes of its inputs do not fit together");
		return NULL;
	}
	for (i = 2; i < rank; i++)
		rest *= scores->dims[i];
	if (nc_numel(target) != scores->dims[0] * rest) {
		nc_error(b->ctx, node, "the shapes of its inputs do not fit together");
		return NULL;
	}
	memcpy(dims, target->dims, sizeof(dims));
	rank = target->rank;
	cube[0] = scores->dims[0];
	cube[1] = scores->dims[1];
	cube[2] = rest;
	column[1] = cube[1];
	scores = nc_build_reshape(b, NULL, scores, 3, cube);
	cube[1] = 1;
	target = nc_build_reshape(b, NULL, target, 3, cube);

	hit = nc_build2(b, NC_OP_Equal, NULL, target,
			nc_build_range(b, target->dtype, 3, 1, column[1]));
	if (nc_attr(node, "ignore_index")) {
		loss = nc_build_with(b, NC_OP_Equal, NULL, target,
				     (double)nc_attr_int(node, "ignore_index", 0));
		hit = nc_build2(b, NC_OP_And, NULL, hit,
				nc_build1(b, NC_OP_Not, NULL, loss));
	}
	if (weight)
		weight = nc_build_reshape(b, NULL, weight, 3, column);
	else
		weight = nc_build_scalar(b, scores->dtype, 1);
	zero = nc_build_scalar(b, scores->dtype, 0);
	weight = nc_build3(b, NC_OP_Where, NULL, hit, weight, zero);
	/* What is not asked for may be infinite. */
	scores = nc_build3(b, NC_OP_Where, NULL, hit, scores, zero);
	loss = nc_build2(b, NC_OP_Mul, NULL, scores, weight);
	loss = nc_build1(b, NC_OP_Neg, NULL, loss);
	if (!strcmp(reduction, "none")) {
		loss = nc_build_reduce(b, NC_OP_ReduceSum, NULL, loss, 2);
		return nc_build_reshape(b, NULL, loss, rank, dims);
	}
	loss = nc_build_reduce(b, NC_OP_ReduceSum, NULL, loss, 7);
	if (!strcmp(reduction, "mean")) {
		sum = nc_build_reduce(b, NC_OP_ReduceSum, NULL, weight, 7);
		loss = nc_build2(b, NC_OP_Div, NULL, loss, sum);
	}
	return nc_build_reshape(b, NULL, loss, 0, NULL);
}

/* scores, targets, weights; the other one takes logits, and gives the scores, too */
bool nc_infer_loss(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *scores, *loss;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	scores = node->inputs[0];
	if (node->op == NC_OP_SoftmaxCrossEntropyLoss) {
		if (scores->rank < 2) {
			nc_error(ctx, node, "its input has rank %d, at least 2 is needed",
				 scores->rank);
			return false;
		}
		scores = nc_build_axis(&b, NC_OP_LogSoftmax, NULL, scores, NULL, 1);
		nc_become(node, 1, scores);
	}
	loss = likelihood_loss(&b, scores, node->inputs[1], nc_in(node, 2));
	if (!loss || loss->rank < 0)
		return false;
	nc_become(node, 0, loss);
	return true;
}
