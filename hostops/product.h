/* SPDX-License-Identifier: MIT */
/* Products of matrices of fp32, for what is made of them. */
#ifndef HOSTOPS_PRODUCT_H
#define HOSTOPS_PRODUCT_H

#include "priv.h"

/**
 * product_floats() - a tensor's elements as fp32
 * @tensor: of floats
 * @own: receives NULL, or memory that the caller frees
 *
 * Return: NULL without memory.
 */
const float *product_floats(const struct hostop_tensor *tensor, float **own);

/**
 * product_result() - where a result is made in fp32
 * @out: the result
 * @own: receives NULL, or memory that the caller frees
 *
 * Zeroed. product_put() takes it to where it belongs. Return: NULL without memory.
 */
float *product_result(struct hostop_tensor *out, float **own);
void product_put(struct hostop_tensor *out, const float *own);

/**
 * typedef product_row_fn - a part of a row of the right matrix
 * @from: where it is
 * @row: its number
 * @column: of the first element
 * @count: elements
 * @to: receives them
 */
typedef void product_row_fn(const void *from, size_t row, size_t column, size_t count,
			    float *to);

/**
 * struct product - a left matrix that right ones are multiplied with
 * @rows: of the left matrix
 * @depth: its columns, and rows of the right one
 * @left: it, in the order that it is read in
 * @right: a part of the right one
 */
struct product {
	size_t rows;
	size_t depth;
	float *left;
	float *right;
};

/**
 * product_begin() - take a left matrix
 * @product: receives it; product_end() releases it, also after an error
 * @data: its element (0, 0)
 * @rows: rows
 * @depth: columns
 * @row_step: from a row to the next one, in elements
 * @column_step: from a column to the next one
 *
 * Return: false without memory.
 */
bool product_begin(struct product *product, const float *data, size_t rows, size_t depth,
		   size_t row_step, size_t column_step);
void product_end(struct product *product);

/**
 * product_run() - multiply it with columns of a right one
 * @product: the left matrix
 * @get: gives the right matrix's rows
 * @from: for @get
 * @first: the first column
 * @count: columns
 * @out: receives element (0, @first)
 * @row_step: of @out, from a row to the next one
 *
 * Each element is summed up in fp32, in the order of @depth: all processors give the same
 * bits.
 */
void product_run(struct product *product, product_row_fn *get, const void *from, size_t first,
		 size_t count, float *out, size_t row_step);

#endif /* HOSTOPS_PRODUCT_H */
