// SPDX-License-Identifier: MIT
/* What is around elements, and where they are cut: Pad, Split, Trilu. Of any type. */
#include "priv.h"

enum { CONSTANT, REFLECT, EDGE, WRAP };

/* The pads of each dimension, from a list for all of them or for some axes. */
static enum hostop_status read_pads(struct hostop_call *call, int64_t *before, int64_t *after)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t pads[2 * RANK], axes[RANK];
	unsigned int seen = 0;
	int n = (int)x->rank, i;

	for (i = 0; i < n; i++) {
		axes[i] = i;
		before[i] = 0;
		after[i] = 0;
	}
	if (in(call, 3)) {
		n = hostop_ints(call, 3, axes, RANK);
		if (n < 0)
			return HOSTOP_BAD_INPUT;
	}
	if (hostop_ints(call, 1, pads, 2 * RANK) != 2 * n)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its pads are not two for each axis");
	for (i = 0; i < n; i++) {
		if (!fix_axis(&axes[i], x->rank) || seen >> axes[i] & 1)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "an axis is out of range, or there twice");
		seen |= 1u << axes[i];
		if (pads[i] < -(int64_t)x->dims[axes[i]] || pads[i] > INT32_MAX ||
		    pads[n + i] < -(int64_t)x->dims[axes[i]] || pads[n + i] > INT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its pads are out of range");
		before[axes[i]] = pads[i];
		after[axes[i]] = pads[n + i];
	}
	return HOSTOP_OK;
}

/* Where element @i of what is left, @n of them, comes from; -1: from nowhere. */
static int64_t source(int64_t i, int64_t n, int64_t mode)
{
	if (i >= 0 && i < n)
		return i;
	switch (mode) {
	case REFLECT:
		return i < 0 ? -i : 2 * (n - 1) - i;
	case EDGE:
		return i < 0 ? 0 : n - 1;
	case WRAP:
		i %= n;
		return i < 0 ? i + n : i;
	default:
		return -1;
	}
}

/* One dimension: the elements that it takes of x, as many as @count. */
static enum hostop_status map_dim(struct hostop_call *call, int64_t n, int64_t before,
				  int64_t after, int64_t *map, uint32_t count)
{
	/* What negative pads cut off is gone before anything is put there. */
	int64_t from = before < 0 ? -before : 0, left = n - from + (after < 0 ? after : 0);
	int64_t mode = call->ints[0], i;

	if (mode != CONSTANT && left < 1 && count)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "there are no elements to pad with");
	if (mode == REFLECT && (before >= left || after >= left) && (before > 0 || after > 0))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "it reflects more than the %lld elements that there are",
				   (long long)left);
	for (i = 0; i < count; i++) {
		int64_t k = source(i - (before > 0 ? before : 0), left < 0 ? 0 : left, mode);

		map[i] = k < 0 ? -1 : k + from;
	}
	return HOSTOP_OK;
}

/* @maps: of one dimension behind the other. */
static void fill(struct hostop_call *call, const int64_t *const *maps, const void *value)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor *out = &call->out[0];
	uint64_t n = hostop_count(out), i, from;
	size_t size = hostop_size(x->dtype);
	uint32_t index[RANK] = { 0 }, d;
	bool is_there;

	for (i = 0; i < n; i++) {
		for (d = 0, from = 0, is_there = true; d < x->rank; d++) {
			is_there &= maps[d][index[d]] >= 0;
			from = from * x->dims[d] + (uint64_t)maps[d][index[d]];
		}
		if (is_there)
			memcpy(put_at(out, i), at(x, from), size);
		else if (value)
			memcpy(put_at(out, i), value, size);
		for (d = x->rank; d-- > 0 && ++index[d] == out->dims[d];)
			index[d] = 0;
	}
}

enum hostop_status hostop_pad(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *value = in(call, 2);
	int64_t before[RANK], after[RANK], *maps[RANK] = { NULL }, size;
	struct hostop_tensor shape = *x;
	enum hostop_status status;
	uint32_t d;

	if (call->most[0]->dtype != x->dtype || call->ints[0] < CONSTANT || call->ints[0] > WRAP ||
	    (value && (value->dtype != x->dtype || hostop_count(value) != 1)))
		return hostop_bad_type(call);
	status = read_pads(call, before, after);
	for (d = 0; d < x->rank && !status; d++) {
		size = x->dims[d] + before[d] + after[d];
		if (size < 0 || size > UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "dimension %u is to have %lld elements",
					   d, (long long)size);
		shape.dims[d] = size;
	}
	if (!status)
		status = hostop_make_like(call, 0, &shape);
	/* A dimension without elements can make another one as long as it likes. */
	if (status || !hostop_count(&shape))
		return status;
	for (d = 0; d < x->rank && !status; d++) {
		maps[d] = malloc(shape.dims[d] * sizeof(*maps[d]));
		status = maps[d] ? map_dim(call, x->dims[d], before[d], after[d], maps[d],
					   shape.dims[d]) : HOSTOP_NO_MEMORY;
	}
	if (!status)
		fill(call, (const int64_t *const *)maps, value ? value->data : NULL);
	for (d = 0; d < x->rank; d++)
		free(maps[d]);
	return status;
}

/* The parts' sizes: given, or equal but for the last one. */
static enum hostop_status part_sizes(struct hostop_call *call, int64_t n, int64_t *sizes)
{
	int64_t parts = call->ints[1], rest = n, part, i;

	if (parts < call->num_out || parts > HOSTOP_MAX_OUTPUTS)
		return hostop_fail(call, HOSTOP_INVALID, "it has %lld parts", (long long)parts);
	if (in(call, 1)) {
		if (hostop_ints(call, 1, sizes, HOSTOP_MAX_OUTPUTS) != parts)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its sizes are not as many as its parts");
	} else {
		part = (n + parts - 1) / parts;
		for (i = 0; i < parts; i++) {
			sizes[i] = part < rest ? part : rest;
			rest -= sizes[i];
		}
		rest = n;
	}
	for (i = 0; i < parts; i++) {
		if (sizes[i] < 0 || sizes[i] > rest)
			break;
		rest -= sizes[i];
	}
	return i == parts && !rest ? HOSTOP_OK :
	       hostop_fail(call, HOSTOP_BAD_INPUT, "its sizes do not add up to the %lld elements of its axis",
			   (long long)n);
}

enum hostop_status hostop_split(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t sizes[HOSTOP_MAX_OUTPUTS], axis = call->ints[0];
	uint64_t outer, inner, o, from = 0;
	size_t size = hostop_size(x->dtype);
	struct hostop_tensor shape = *x;
	enum hostop_status status;
	uint32_t i;

	if (!fix_axis(&axis, x->rank))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its axis is out of range");
	status = part_sizes(call, x->dims[axis], sizes);
	if (status)
		return status;
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	for (i = 0; i < call->num_out; from += sizes[i++]) {
		if (!wanted(call, i))
			continue;
		if (call->most[i]->dtype != x->dtype)
			return hostop_bad_type(call);
		shape.dims[axis] = sizes[i];
		status = hostop_make_like(call, i, &shape);
		if (status)
			return status;
		for (o = 0; o < outer && hostop_count(&shape); o++)
			memcpy(put_at(&call->out[i], o * sizes[i] * inner),
			       at(x, (o * x->dims[axis] + from) * inner), sizes[i] * inner * size);
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_trilu(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	uint64_t n = hostop_count(x), i;
	enum hostop_status status;
	int64_t k = 0, row, col;

	if (x->rank < 2 || call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	if (in(call, 1) && hostop_ints(call, 1, &k, 1) != 1)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its diagonal is no integer");
	/* Beyond what there is, all diagonals are alike. */
	k = k > UINT32_MAX ? UINT32_MAX : k < -(int64_t)UINT32_MAX ? -(int64_t)UINT32_MAX : k;
	status = hostop_make_like(call, 0, x);
	for (i = 0; i < n && !status; i++) {
		col = i % x->dims[x->rank - 1];
		row = i / x->dims[x->rank - 1] % x->dims[x->rank - 2];
		if (call->ints[0] ? col - row >= k : col - row <= k)
			memcpy(put_at(&call->out[0], i), at(x, i), hostop_size(x->dtype));
	}
	return status;
}
