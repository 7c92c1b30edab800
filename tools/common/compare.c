// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <compiler/graph.h>
#include "compare.h"

/* The step of 16-bit floats is coarser than the tolerance for fp32. */
static double type_rtol(enum nc_dtype dtype, double rtol)
{
	if (dtype == NC_F16)
		return fmax(rtol, 0x1p-9);
	if (dtype == NC_BF16)
		return fmax(rtol, 0x1p-6);
	return rtol;
}

static const char *text_of(const struct tensor *tensor, char buf[NC_SHAPE_TEXT])
{
	struct nc_value value = { .rank = tensor->rank };

	memcpy(value.dims, tensor->dims, sizeof(value.dims));
	return nc_shape_text(&value, buf);
}

static bool same_kind(const struct tensor *seen, const struct tensor *expected,
		      struct comparison *result)
{
	char a[NC_SHAPE_TEXT], b[NC_SHAPE_TEXT];

	if (seen->dtype == expected->dtype && seen->rank == expected->rank &&
	    !memcmp(seen->dims, expected->dims,
		    (size_t)seen->rank * sizeof(seen->dims[0])))
		return true;
	snprintf(result->why, sizeof(result->why),
		 "expected %s %.70s, saw %s %.70s",
		 nc_dtype_name(expected->dtype), text_of(expected, a),
		 nc_dtype_name(seen->dtype), text_of(seen, b));
	return false;
}

/* Whether the largest element of each row is the same, or one that equals it. */
static bool same_top(const struct tensor *seen, const struct tensor *expected,
		     struct comparison *result)
{
	int64_t width, row, i;

	if (expected->rank < 1 || expected->rank > 2)
		return true;
	width = expected->dims[expected->rank - 1];
	for (row = 0; row * width < result->count; row++) {
		int64_t at = row * width, best = at, top = at;

		for (i = at; i < at + width; i++) {
			if (tensor_get(seen, i) > tensor_get(seen, best))
				best = i;
			if (tensor_get(expected, i) > tensor_get(expected, top))
				top = i;
		}
		if (tensor_get(expected, top) > tensor_get(expected, best)) {
			snprintf(result->why, sizeof(result->why),
				 "the largest of row %lld is element %lld, expected %lld",
				 (long long)row, (long long)(best - at),
				 (long long)(top - at));
			return false;
		}
	}
	return true;
}

/* How far beyond the tolerance; 0 within it. */
static double excess(double seen, double expected, double rtol, double atol)
{
	if (isnan(seen) && isnan(expected))
		return 0;
	if (seen == expected)
		return 0;
	if (!isfinite(seen) || !isfinite(expected))
		return INFINITY;
	return fmax(fabs(seen - expected) - atol - rtol * fabs(expected), 0);
}

static void note(struct comparison *result, int64_t index, double expected,
		 double seen, double by, double *worst)
{
	const struct mismatch mismatch = { index, expected, seen };

	if (!result->bad++)
		result->first = mismatch;
	if (result->bad == 1 || by > *worst) {
		result->worst = mismatch;
		*worst = by;
	}
}

static void compare_elements(const struct tensor *seen,
			     const struct tensor *expected, double rtol,
			     double atol, struct comparison *result)
{
	double worst = 0, signal = 0, noise = 0;
	int64_t i;

	for (i = 0; i < result->count; i++) {
		double s = tensor_get(seen, i), e = tensor_get(expected, i);
		double diff = s == e ? 0 : fabs(s - e);
		double by = excess(s, e, rtol, atol);

		if (by > 0)
			note(result, i, e, s, by, &worst);
		if (isinf(by))
			noise = INFINITY;
		if (!isfinite(diff))
			continue;
		signal += isfinite(e) ? e * e : 0;
		noise += diff * diff;
		result->max_abs = fmax(result->max_abs, diff);
		if (e != 0 && isfinite(e))
			result->max_rel = fmax(result->max_rel, diff / fabs(e));
	}
	result->snr = noise > 0 ? 10 * log10(signal / noise) : INFINITY;
}

static double largest(const struct tensor *tensor)
{
	double max = 0;
	int64_t i, n = tensor_count(tensor);

	for (i = 0; i < n; i++) {
		double x = fabs(tensor_get(tensor, i));

		if (isfinite(x))
			max = fmax(max, x);
	}
	return max;
}

static void judge_approximate(const struct tensor *seen,
			      const struct tensor *expected,
			      struct comparison *result)
{
	result->ok = same_top(seen, expected, result);
	if (result->ok && result->snr < MIN_SNR) {
		snprintf(result->why, sizeof(result->why),
			 "signal to noise ratio %.1f dB, at least %.0f dB expected",
			 result->snr, MIN_SNR);
		result->ok = false;
	}
}

/* Strings have no tolerance, nor a distance. */
static void compare_strings(const struct tensor *seen, const struct tensor *expected,
			    struct comparison *result)
{
	const size_t size = nc_dtype_size(NC_STRING);
	int64_t i;

	for (i = 0; i < result->count; i++) {
		const char *s = (const char *)seen->data + (size_t)i * size;
		const char *e = (const char *)expected->data + (size_t)i * size;

		if (!strncmp(s, e, size))
			continue;
		if (!result->why[0])
			snprintf(result->why, sizeof(result->why),
				 "string %lld: expected '%.60s', saw '%.60s'",
				 (long long)i, e, s);
		result->ok = false;
		return;
	}
	result->ok = true;
}

void compare(const struct tensor *seen, const struct tensor *expected,
	     const struct tolerance *tolerance, struct comparison *result)
{
	bool is_byte = expected->dtype == NC_I8 || expected->dtype == NC_U8;
	double rtol = 0, atol = is_byte ? 1 : 0;

	*result = (struct comparison) { .snr = NAN };
	if (!same_kind(seen, expected, result))
		return;
	result->count = tensor_count(expected);
	if (expected->dtype == NC_STRING) {
		compare_strings(seen, expected, result);
		return;
	}
	if (nc_dtype_is_float(expected->dtype)) {
		rtol = type_rtol(expected->dtype, tolerance->rtol);
		atol = tolerance->atol;
		if (tolerance->scaled && largest(expected) >= SCALED_FROM)
			atol = fmax(atol, 1e-5 * largest(expected));
	} else if (!is_byte && nc_dtype_size(expected->dtype) == 8 &&
		   !memcmp(seen->data, expected->data, expected->size)) {
		/* 64-bit integers do not fit doubles: equal ones are equal. */
		result->ok = true;
		return;
	}
	compare_elements(seen, expected, rtol, atol, result);
	if (is_byte) {
		result->ok = result->bad * 100 <= result->count &&
			     same_top(seen, expected, result);
		if (!nc_dtype_is_float(expected->dtype))
			result->snr = NAN;
		return;
	}
	if (!nc_dtype_is_float(expected->dtype)) {
		result->snr = NAN;
		result->ok = !result->bad &&
			     (nc_dtype_size(expected->dtype) < 8 ||
			      !memcmp(seen->data, expected->data, expected->size));
		if (!result->ok && !result->bad)
			snprintf(result->why, sizeof(result->why),
				 "64-bit integers differ");
		return;
	}
	result->ok = !result->bad;
	if (!result->ok && tolerance->approximate)
		judge_approximate(seen, expected, result);
}
