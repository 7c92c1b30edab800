// SPDX-License-Identifier: MIT
/* Operators that know or change shapes, and leave elements as they are. */
#include "priv.h"

enum hostop_status hostop_shape(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t start = call->ints[0], end = call->ints[1], rank = x->rank, i;
	enum hostop_status status;
	uint32_t count;

	start = start < -rank ? 0 : start < 0 ? start + rank : start > rank ? rank : start;
	end = end < -rank ? 0 : end < 0 ? end + rank : end > rank ? rank : end;
	if (end < start)
		end = start;
	count = end - start;
	status = hostop_make(call, 0, 1, &count);
	for (i = 0; i < count && !status; i++)
		hostop_put_int(call->out[0].dtype, call->out[0].data, i, x->dims[start + i]);
	return status;
}

enum hostop_status hostop_size_of(struct hostop_call *call)
{
	enum hostop_status status = hostop_make(call, 0, 0, NULL);

	if (!status)
		hostop_put_int(call->out[0].dtype, call->out[0].data, 0,
			       (int64_t)hostop_count(in(call, 0)));
	return status;
}

/* The same elements in another shape. */
static enum hostop_status reshaped(struct hostop_call *call, uint32_t rank,
				   const uint32_t *dims)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor shape = { .rank = rank };
	enum hostop_status status;

	if (call->most[0]->dtype != x->dtype)
		return hostop_fail(call, HOSTOP_INVALID, "it changes the type");
	memcpy(shape.dims, dims, rank * sizeof(*dims));
	if (hostop_count(&shape) != hostop_count(x))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "%llu elements cannot become %llu",
				   (unsigned long long)hostop_count(x),
				   (unsigned long long)hostop_count(&shape));
	status = hostop_make(call, 0, rank, dims);
	if (!status)
		memcpy(call->out[0].data, x->data, hostop_count(x) * hostop_size(x->dtype));
	return status;
}

enum hostop_status hostop_identity(struct hostop_call *call)
{
	return reshaped(call, in(call, 0)->rank, in(call, 0)->dims);
}

enum hostop_status hostop_reshape(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor rest = { 0 };
	uint64_t known, all = hostop_count(x);
	int64_t want[RANK];
	int rank, i, open = -1;

	rank = hostop_ints(call, 1, want, RANK);
	if (rank < 0)
		return HOSTOP_BAD_INPUT;
	rest.rank = rank;
	for (i = 0; i < rank; i++) {
		if (want[i] == -1 && open < 0) {
			open = i;
			rest.dims[i] = 1;
			continue;
		}
		if (!want[i] && !call->ints[0] && i < (int)x->rank)
			want[i] = x->dims[i];
		if (want[i] < 0 || want[i] > UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "a dimension is to be %lld",
					   (long long)want[i]);
		rest.dims[i] = want[i];
	}
	known = hostop_count(&rest);
	if (open >= 0) {
		if (known ? all % known || all / known > UINT32_MAX : all)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "%llu elements are no multiple of %llu",
					   (unsigned long long)all, (unsigned long long)known);
		rest.dims[open] = known ? all / known : 0;
	}
	return reshaped(call, rank, rest.dims);
}

enum hostop_status hostop_squeeze(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	uint32_t dims[RANK], rank = 0, d;
	enum hostop_status status;
	unsigned int mask;

	status = hostop_axes(call, 1, x->rank, &mask);
	if (status)
		return status;
	for (d = 0; d < x->rank; d++) {
		bool drop = in(call, 1) ? mask >> d & 1 : x->dims[d] == 1;

		if (drop && x->dims[d] != 1)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "dimension %u is %u, not 1",
					   d, x->dims[d]);
		if (!drop)
			dims[rank++] = x->dims[d];
	}
	return reshaped(call, rank, dims);
}

enum hostop_status hostop_unsqueeze(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	uint32_t dims[RANK], rank, d, k = 0;
	enum hostop_status status;
	unsigned int mask;

	if (hostop_count(in(call, 1)) + x->rank > RANK)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its result has more than %d dimensions",
				   RANK);
	rank = x->rank + hostop_count(in(call, 1));
	status = hostop_axes(call, 1, rank, &mask);
	if (status)
		return status;
	for (d = 0; d < rank; d++)
		dims[d] = mask >> d & 1 ? 1 : x->dims[k++];
	return reshaped(call, rank, dims);
}

enum hostop_status hostop_flatten(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t axis = call->ints[0];
	uint32_t dims[2];

	if (axis < 0)
		axis += x->rank;
	if (axis < 0 || axis > x->rank || span(x, 0, axis) > UINT32_MAX ||
	    span(x, axis, x->rank) > UINT32_MAX)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis is out of range");
	dims[0] = span(x, 0, axis);
	dims[1] = span(x, axis, x->rank);
	return reshaped(call, 2, dims);
}
