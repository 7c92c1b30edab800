/* SPDX-License-Identifier: MIT */
/* Whether a model's output is what it should be. */
#ifndef TOOLS_COMMON_COMPARE_H
#define TOOLS_COMMON_COMPARE_H

#include "tensor.h"

/**
 * struct tolerance - what counts as equal
 * @rtol: relative to the expected value
 * @atol: absolute
 * @scaled: raise @atol to 1e-5 of the largest expected value where that is
 *	    SCALED_FROM or more
 * @approximate: matrix operands were cast to 16 bits: floats have to have the
 *		 same largest element (tensors of rank 2 or less), and a signal
 *		 to noise ratio of at least MIN_SNR
 */
struct tolerance {
	double rtol;
	double atol;
	bool scaled;
	bool approximate;
};

#define SCALED_FROM	1000.0
#define MIN_SNR		20.0	/* dB */

/* An element that is not as it should be. */
struct mismatch {
	int64_t index;
	double expected;
	double seen;
};

/**
 * struct comparison - outcome
 * @ok: the tensor is as it should be
 * @why: a few words when it is not
 * @count: elements
 * @bad: elements beyond the tolerance
 * @first: the first of them
 * @worst: the one that is furthest beyond
 * @max_abs: largest absolute difference
 * @max_rel: largest relative difference, where the expected value is not 0
 * @snr: signal to noise ratio in dB; infinite for equal tensors, NaN where it
 *	 does not apply
 */
struct comparison {
	bool ok;
	char why[200];
	int64_t count;
	int64_t bad;
	struct mismatch first;
	struct mismatch worst;
	double max_abs;
	double max_rel;
	double snr;
};

/**
 * compare() - compare tensors
 * @seen: what came out
 * @expected: what should have
 * @tolerance: for floats. Integers have to be equal, 8-bit ones may be one step
 *	       off, and further in one of a hundred elements
 * @result: filled in
 *
 * NaN equals NaN; infinities equal themselves.
 */
void compare(const struct tensor *seen, const struct tensor *expected,
	     const struct tolerance *tolerance, struct comparison *result);

#endif /* TOOLS_COMMON_COMPARE_H */
