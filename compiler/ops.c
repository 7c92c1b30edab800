// SPDX-License-Identifier: MIT
/* The operator table of ops.h as the front end uses it. */
#include <string.h>
#include "decompose.h"

/* Operators that a column says "none" to. */
#define nc_infer_none	NULL
#define nc_fold_none	NULL
#define nc_decompose_none	NULL

const struct nc_op_info nc_ops[NC_NUM_OPS] = {
#define X(name, infer, fold, decompose, lower) \
	[NC_OP_##name] = { #name, nc_infer_##infer, nc_fold_##fold, \
			     nc_decompose_##decompose },
	NC_OPS(X)
#undef X
};

const char *nc_op_name(enum nc_op op)
{
	return op > NC_OP_UNKNOWN && op < NC_NUM_OPS ? nc_ops[op].name : "?";
}

enum nc_op nc_op_find(const char *name)
{
	enum nc_op op;

	for (op = NC_OP_UNKNOWN + 1; op < NC_NUM_OPS; op++)
		if (!strcmp(nc_ops[op].name, name))
			return op;
	return NC_OP_UNKNOWN;
}
