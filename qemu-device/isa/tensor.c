// SPDX-License-Identifier: MIT
/*
 * Geometry of tensors: extents and overlaps of strided views.
 *
 * Dims have 32 bits and strides 31, so a span needs 63 and the sum over all
 * dimensions 66: the arithmetic is done in 128 bits.
 */
#include <stdlib.h>
#include "qemu-device/isa/isa_tables.h"

uint64_t isa_elements(const struct neuron_tensor *tensor)
{
	uint64_t n = 1;

	for (unsigned int i = 0; i < tensor->rank; i++)
		if (__builtin_mul_overflow(n, tensor->dims[i], &n))
			return UINT64_MAX;
	return n;
}

bool neuron_tensor_extent(const struct neuron_tensor *tensor, uint64_t *start,
			  uint64_t *end)
{
	unsigned int size = neuron_dtype_size(tensor->dtype);
	__int128 low = 0, high = 0;

	if (!size || tensor->rank > NEURON_MAX_RANK)
		return false;

	for (unsigned int i = 0; i < tensor->rank; i++) {
		__int128 span;

		if (!tensor->dims[i])
			return false;
		span = (__int128)(tensor->dims[i] - 1) * tensor->strides[i];
		if (span < 0)
			low += span;
		else
			high += span;
	}

	low = tensor->offset + low * size;
	high = tensor->offset + (high + 1) * size;
	if (low < 0 || high > UINT64_MAX)
		return false;

	*start = low;
	*end = high;
	return true;
}

static uint64_t magnitude(int32_t stride)
{
	return llabs((long long)stride);
}

bool isa_self_overlaps(const struct neuron_tensor *tensor)
{
	struct {
		uint64_t stride;
		uint64_t last;
	} dim[NEURON_MAX_RANK];
	unsigned __int128 reach = 0;
	unsigned int n = 0;

	for (unsigned int i = 0; i < tensor->rank; i++) {
		uint64_t stride = magnitude(tensor->strides[i]);
		unsigned int j = n;

		if (tensor->dims[i] == 1)
			continue;
		for (; j > 0 && dim[j - 1].stride > stride; j--)
			dim[j] = dim[j - 1];
		dim[j].stride = stride;
		dim[j].last = tensor->dims[i] - 1;
		n++;
	}

	for (unsigned int i = 0; i < n; i++) {
		if (dim[i].stride <= reach)
			return true;
		reach += (unsigned __int128)dim[i].stride * dim[i].last;
	}
	return false;
}

/*
 * The bytes that a view reaches when all its dimensions whose stride is a
 * multiple of @period stay at zero: a window that the others repeat.
 */
static void window(const struct neuron_tensor *tensor, uint64_t period,
		   __int128 *start, __int128 *length)
{
	unsigned int size = neuron_dtype_size(tensor->dtype);

	*start = tensor->offset;
	*length = size;
	for (unsigned int i = 0; i < tensor->rank; i++) {
		__int128 span = (__int128)(tensor->dims[i] - 1) *
				tensor->strides[i] * size;

		if (tensor->dims[i] == 1 ||
		    magnitude(tensor->strides[i]) * size % period == 0)
			continue;
		if (span < 0) {
			*start += span;
			*length -= span;
		} else {
			*length += span;
		}
	}
}

/* Whether the windows, repeated at all multiples of @period, stay apart. */
static bool apart(const struct neuron_tensor *a, const struct neuron_tensor *b,
		  uint64_t period)
{
	__int128 start_a, length_a, start_b, length_b, gap;

	window(a, period, &start_a, &length_a);
	window(b, period, &start_b, &length_b);

	/* b begins this far after the latest beginning of a before it */
	gap = (start_b - start_a) % period;
	if (gap < 0)
		gap += period;
	return gap >= length_a && period - gap >= length_b;
}

bool isa_overlap(const struct neuron_tensor *a, const struct neuron_tensor *b)
{
	const struct neuron_tensor *both[2] = { a, b };
	uint64_t start_a, end_a, start_b, end_b;

	if (a->space != b->space ||
	    (a->space == NEURON_SPACE_SLOT && a->slot != b->slot))
		return false;
	if (!neuron_tensor_extent(a, &start_a, &end_a) ||
	    !neuron_tensor_extent(b, &start_b, &end_b))
		return true;
	if (end_a <= start_b || end_b <= start_a)
		return false;

	for (unsigned int k = 0; k < 2; k++) {
		const struct neuron_tensor *t = both[k];

		for (unsigned int i = 0; i < t->rank; i++) {
			uint64_t period = magnitude(t->strides[i]) *
					  neuron_dtype_size(t->dtype);

			if (t->dims[i] > 1 && period && apart(a, b, period))
				return false;
		}
	}
	return true;
}

bool isa_same_view(const struct neuron_tensor *a, const struct neuron_tensor *b)
{
	if (a->space != b->space || a->slot != b->slot ||
	    a->offset != b->offset || a->rank != b->rank ||
	    neuron_dtype_size(a->dtype) != neuron_dtype_size(b->dtype))
		return false;
	for (unsigned int i = 0; i < a->rank; i++)
		if (a->dims[i] != b->dims[i] ||
		    (a->dims[i] > 1 && a->strides[i] != b->strides[i]))
			return false;
	return true;
}

void isa_high_water(const void *program, uint32_t *sbuf, uint32_t *psum)
{
	const struct neuron_program_header *h = neuron_program_header(program);
	const struct neuron_tensor *tensors = neuron_program_tensors(program);
	uint64_t high[NEURON_NUM_SPACES] = { 0 };

	for (uint32_t i = 0; i < h->num_tensors; i++) {
		const struct neuron_tensor *t = &tensors[i];
		uint64_t start, end;

		if (neuron_tensor_extent(t, &start, &end) && end > high[t->space])
			high[t->space] = end;
	}
	*sbuf = high[NEURON_SPACE_SBUF];
	*psum = high[NEURON_SPACE_PSUM];
}
