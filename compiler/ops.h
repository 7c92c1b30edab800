/* SPDX-License-Identifier: MIT */
/*
 * The operator table: X(ONNX name, infer, fold, lower)
 *
 * infer:  nc_infer_NAME() gives the outputs' types and shapes
 * fold:   nc_fold_NAME() computes the outputs when all inputs are constant
 * lower:  nc_lower_NAME() turns the node into chip instructions
 *
 * "none" in a column: constants are not folded by that operator, or it never
 * reaches the back end (front-end passes always resolve it). To add an operator
 * add its row here and the functions that it names; the rest of the compiler
 * does not change.
 */
#ifndef COMPILER_OPS_H
#define COMPILER_OPS_H

#define NC_OPS(X)                                                              \
	X(Add,                broadcast, binary, eltwise)

#endif /* COMPILER_OPS_H */
