// SPDX-License-Identifier: MIT
/*
 * Chooses the type that the matrix engine works in. Sums are fp32 in any case;
 * what the user asks for is the type of the operands.
 */
#include "front.h"

static enum nc_dtype wanted(enum nc_auto_cast auto_cast)
{
	switch (auto_cast) {
	case NC_CAST_BF16:
		return NC_BF16;
	case NC_CAST_F16:
		return NC_F16;
	default:
		return NC_F32;
	}
}

static bool is_matrix_op(enum nc_op op)
{
	return op == NC_OP_Conv || op == NC_OP_ConvTranspose ||
	       op == NC_OP_MatMul || op == NC_OP_ConvInteger ||
	       op == NC_OP_MatMulInteger || op == NC_OP_QLinearConv ||
	       op == NC_OP_QLinearMatMul;
}

/* Weights of this many elements or fewer cost nothing in fp32. */
#define SMALL_WEIGHTS	2048

/*
 * A product of few rows with small weights is over before the array is full, in
 * fp32, too; converting what it reads would take longer. The steps of small
 * recurrences are such.
 */
static bool is_small(const struct nc_node *node)
{
	const struct nc_value *a = node->inputs[0], *b = node->inputs[1];

	return node->op == NC_OP_MatMul && a->rank >= 2 && b->rank == 2 &&
	       nc_is_const(b) && nc_numel(b) <= SMALL_WEIGHTS &&
	       nc_numel(a) <= 8 * a->dims[a->rank - 1];
}

void nc_cast(struct nc_ctx *ctx)
{
	enum nc_dtype dtype = wanted(ctx->options->auto_cast);
	unsigned int i;

	for (i = 0; i < ctx->graph->num_nodes; i++) {
		struct nc_node *node = ctx->graph->nodes[i];
		enum nc_dtype own;

		/* Some products have to be exact: decompose says so. */
		if (!is_matrix_op(node->op) || node->compute != NC_NONE)
			continue;
		own = node->inputs[0]->dtype;
		/* A model that is 16 bits wide stays so; only fp32 is cast. */
		if (own == NC_F32)
			node->compute = node->exact || is_small(node) ? NC_F32 : dtype;
		else if (own == NC_I8 || own == NC_U8)
			node->compute = NC_I8;
		else
			node->compute = own;
	}
}
