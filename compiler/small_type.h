/* SPDX-License-Identifier: MIT */
/*
 * Element types of ONNX that are smaller than the chip's: integers of 2 and 4
 * bits, floats of 4 and 8. Their values are kept in a wider type, which has each
 * of them exactly; only what makes such a value rounds to it.
 */
#ifndef COMPILER_SMALL_TYPE_H
#define COMPILER_SMALL_TYPE_H

#include "ir.h"

/**
 * struct nc_small - a small type
 * @onnx: ONNX's number of it
 * @name: its name there
 * @dtype: what its values are kept in: NC_I8, NC_U8 or NC_F32
 * @bits: of an element; where there are less than 8, bytes hold several, the first lowest
 * @mantissa: floats: bits of the mantissa
 * @bias: floats: what is taken from the stored exponent
 * @max: greatest value
 * @overflow: floats: what a greater one becomes where it does not saturate
 */
struct nc_small {
	int onnx;
	const char *name;
	enum nc_dtype dtype;
	unsigned int bits;
	int mantissa;
	int bias;
	double max;
	double overflow;
};

/* Return: NULL when ONNX's type @onnx is no small one. */
const struct nc_small *nc_small_find(int onnx);
/* The value that @code stands for. */
double nc_small_decode(const struct nc_small *small, unsigned int code);
/* Exponent of the least number whose mantissa has all its bits. */
int nc_small_least_exponent(const struct nc_small *small);

#endif /* COMPILER_SMALL_TYPE_H */
