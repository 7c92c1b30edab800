// SPDX-License-Identifier: MIT
/* Operators that move elements, of any type. */
#include "priv.h"

static bool same_type(const struct hostop_call *call, const struct hostop_tensor *x)
{
	return call->most[0]->dtype == x->dtype;
}

static enum hostop_status bad_type(struct hostop_call *call)
{
	return hostop_fail(call, HOSTOP_INVALID, "its types or parameters do not fit each other");
}

#define GATHER(type)								\
	static void gather_##type(type *to, const type *from, int64_t step, int64_t n)	\
	{									\
		int64_t i;							\
										\
		for (i = 0; i < n; i++)						\
			to[i] = from[i * step];					\
	}

GATHER(uint8_t)
GATHER(uint16_t)
GATHER(uint32_t)
GATHER(uint64_t)

/* @n elements of @size bytes, each @step behind the one before; that can be negative. */
static void gather_run(void *to, const void *from, int64_t step, int64_t n, int64_t size)
{
	int64_t i;

	if (step == 1) {
		memcpy(to, from, n * size);
		return;
	}
	switch (size) {
	case 1:
		gather_uint8_t(to, from, step, n);
		break;
	case 2:
		gather_uint16_t(to, from, step, n);
		break;
	case 4:
		gather_uint32_t(to, from, step, n);
		break;
	case 8:
		gather_uint64_t(to, from, step, n);
		break;
	default:
		for (i = 0; i < n; i++)
			memcpy((char *)to + i * size, (const char *)from + i * step * size, size);
		break;
	}
}

/* out[i...] = x[sum of index * stride], for all elements of the result. */
static void gather_strided(struct hostop_tensor *out, const struct hostop_tensor *x,
			   int64_t first, const int64_t *strides)
{
	uint64_t n = hostop_count(out), i, run;
	struct walk walk;

	if (!n)
		return;
	walk_begin_strided(&walk, out, (uint64_t)first, strides);
	run = walk_run(&walk);
	for (i = 0; i < n; i += run, walk_next_run(&walk))
		gather_run(put_at(out, i), at(x, walk.at[0]), (int64_t)walk_step(&walk, 0),
			   (int64_t)run, hostop_size(x->dtype));
}

static void dense(const struct hostop_tensor *t, int64_t *strides)
{
	int64_t step = 1;
	uint32_t d;

	for (d = t->rank; d-- > 0; step *= t->dims[d])
		strides[d] = step;
}

enum hostop_status hostop_transpose(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t from[RANK], strides[RANK];
	enum hostop_status status;
	unsigned int seen = 0;
	uint32_t dims[RANK], d;

	if (!same_type(call, x))
		return bad_type(call);
	dense(x, from);
	for (d = 0; d < x->rank; d++) {
		int64_t k = call->ints[d];

		if (k < 0 || k >= x->rank || seen >> k & 1)
			return hostop_fail(call, HOSTOP_INVALID, "its permutation is none of rank %u",
					   x->rank);
		seen |= 1u << k;
		dims[d] = x->dims[k];
		strides[d] = from[k];
	}
	status = hostop_make(call, 0, x->rank, dims);
	if (!status)
		gather_strided(&call->out[0], x, 0, strides);
	return status;
}

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
	return x < lo ? lo : x > hi ? hi : x;
}

/*
 * One dimension of a Slice, as ONNX Runtime has it: a start before the first element means
 * it, and "to the end" is meant in both directions.
 */
static uint32_t slice_dim(int64_t n, int64_t start, int64_t end, int64_t step,
			  int64_t *first)
{
	if (start < 0)
		start = start < -n ? 0 : start + n;
	if (step < 0 && (end == INT64_MAX || end == INT32_MAX))
		end = -1;
	else if (end < 0)
		end = end < -n ? -1 : end + n;
	*first = clamp(start, step < 0 && !n ? -1 : 0, step > 0 ? n : n - 1);
	end = step > 0 ? clamp(end, 0, n) : clamp(end, -1, n - 1);
	/* No step is longer than what it crosses. */
	step = clamp(step, -n - 1, n + 1);
	if (step > 0)
		return *first < end ? (end - *first + step - 1) / step : 0;
	return *first > end ? (*first - end - step - 1) / -step : 0;
}

enum hostop_status hostop_slice(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t starts[RANK], ends[RANK], axes[RANK], steps[RANK], strides[RANK];
	struct hostop_tensor shape = *x;
	enum hostop_status status;
	int64_t origin = 0, first;
	unsigned int seen = 0;
	int n, i;

	n = hostop_ints(call, 1, starts, RANK);
	if (n < 0 || hostop_ints(call, 2, ends, RANK) != n ||
	    (in(call, 3) && hostop_ints(call, 3, axes, RANK) != n) ||
	    (in(call, 4) && hostop_ints(call, 4, steps, RANK) != n) || !same_type(call, x))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its starts, ends, axes and steps do not fit each other");
	dense(x, strides);
	for (i = 0; i < n; i++) {
		int64_t axis = in(call, 3) ? axes[i] : i, step = in(call, 4) ? steps[i] : 1;

		if (!fix_axis(&axis, x->rank) || !step || seen >> axis & 1)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "an axis is out of range or there twice, or a step is 0");
		seen |= 1u << axis;
		shape.dims[axis] = slice_dim(x->dims[axis], starts[i], ends[i], step, &first);
		origin += first * strides[axis];
		strides[axis] *= clamp(step, -(int64_t)x->dims[axis] - 1,
				       (int64_t)x->dims[axis] + 1);
	}
	status = hostop_make_like(call, 0, &shape);
	if (!status)
		gather_strided(&call->out[0], x, origin, strides);
	return status;
}

enum hostop_status hostop_concat(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor shape = *x;
	enum hostop_status status;
	int64_t axis = call->ints[0];
	uint64_t outer, o, sum = 0;
	uint32_t i, d;
	char *to;

	if (!fix_axis(&axis, x->rank) || !same_type(call, x))
		return bad_type(call);
	for (i = 0; i < call->num_in; i++) {
		const struct hostop_tensor *t = in(call, i);

		if (!t || t->dtype != x->dtype || t->rank != x->rank)
			return bad_type(call);
		for (d = 0; d < x->rank; d++)
			if (d != axis && t->dims[d] != x->dims[d])
				return hostop_fail(call, HOSTOP_BAD_INPUT, "dimension %u is %u and %u",
						   d, x->dims[d], t->dims[d]);
		sum += t->dims[axis];
	}
	if (sum > UINT32_MAX)
		return hostop_fail(call, HOSTOP_TOO_LARGE, "its result is too large");
	shape.dims[axis] = sum;
	status = hostop_make_like(call, 0, &shape);
	if (status || !hostop_count(&shape))
		return status;
	outer = span(x, 0, axis);
	to = call->out[0].data;
	for (o = 0; o < outer; o++) {
		for (i = 0; i < call->num_in; i++) {
			uint64_t run = span(in(call, i), axis, x->rank);

			memcpy(to, at(in(call, i), o * run), run * hostop_size(x->dtype));
			to += run * hostop_size(x->dtype);
		}
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_expand(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	int64_t want[RANK], strides[RANK], from[RANK];
	enum hostop_status status;
	uint32_t dims[RANK], rank, d;
	int n;

	n = hostop_ints(call, 1, want, RANK);
	if (n < 0 || !same_type(call, x))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its shape is none");
	rank = (uint32_t)n > x->rank ? (uint32_t)n : x->rank;
	dense(x, from);
	for (d = 0; d < rank; d++) {
		uint32_t own = d + x->rank < rank ? 1 : x->dims[d + x->rank - rank];
		int64_t to = d + n < rank ? 1 : want[d + n - rank];

		if (to < 0 || to > UINT32_MAX || (to != own && to != 1 && own != 1))
			return hostop_fail(call, HOSTOP_BAD_INPUT, "%u elements cannot become %lld",
					   own, (long long)to);
		dims[d] = own == 1 ? to : own;
		strides[d] = own == 1 ? 0 : from[d + x->rank - rank];
	}
	status = hostop_make(call, 0, rank, dims);
	if (!status)
		gather_strided(&call->out[0], x, 0, strides);
	return status;
}

enum hostop_status hostop_tile(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	struct hostop_tensor shape = *x;
	enum hostop_status status;
	uint32_t index[RANK] = { 0 }, d;
	int64_t repeats[RANK], from[RANK];
	uint64_t i, n;

	if (hostop_ints(call, 1, repeats, RANK) != (int)x->rank || !same_type(call, x))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its repeats are not as many as its dimensions");
	for (d = 0; d < x->rank; d++) {
		if (repeats[d] < 0 || repeats[d] > UINT32_MAX ||
		    repeats[d] * x->dims[d] > UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its result is too large");
		shape.dims[d] = repeats[d] * x->dims[d];
	}
	status = hostop_make_like(call, 0, &shape);
	if (status)
		return status;
	dense(x, from);
	n = hostop_count(&shape);
	for (i = 0; i < n; i++) {
		uint64_t source = 0;

		for (d = 0; d < x->rank; d++)
			source += index[d] % x->dims[d] * from[d];
		memcpy(put_at(&call->out[0], i), at(x, source), hostop_size(x->dtype));
		for (d = x->rank; d-- > 0 && ++index[d] == shape.dims[d];)
			index[d] = 0;
	}
	return HOSTOP_OK;
}

/* A run of what has four bytes, as nearly all has. */
static void choose_run(uint32_t *to, const struct hostop_call *call, const struct walk *walk,
		       uint64_t n)
{
	const uint8_t *condition = in(call, 0)->data;
	const uint32_t *a = in(call, 1)->data, *b = in(call, 2)->data;
	const uint64_t steps[3] = { walk_step(walk, 0), walk_step(walk, 1), walk_step(walk, 2) };
	uint64_t i;

	condition += walk->at[0];
	a += walk->at[1];
	b += walk->at[2];
	for (i = 0; i < n; i++)
		to[i] = condition[i * steps[0]] ? a[i * steps[1]] : b[i * steps[2]];
}

enum hostop_status hostop_where(struct hostop_call *call)
{
	const struct hostop_tensor *condition = in(call, 0);
	const size_t size = hostop_size(in(call, 1)->dtype);
	enum hostop_status status;
	struct walk walk;
	uint64_t i, n, run;

	if (condition->dtype != NEURON_NEFF_BOOL || in(call, 1)->dtype != in(call, 2)->dtype ||
	    !same_type(call, in(call, 1)))
		return bad_type(call);
	status = hostop_make_broadcast(call, &walk, &n);
	if (status)
		return status;
	run = walk_run(&walk);
	for (i = 0; i < n && size == 4; i += run, walk_next_run(&walk))
		choose_run((uint32_t *)put_at(&call->out[0], i), call, &walk, run);
	for (i = 0; i < n && size != 4; i++, walk_next(&walk)) {
		uint32_t from = integer(condition, walk.at[0]) ? 1 : 2;

		memcpy(put_at(&call->out[0], i), at(in(call, from), walk.at[from]), size);
	}
	return HOSTOP_OK;
}

/*
 * By index
 */

static enum hostop_status bad_index(struct hostop_call *call, int64_t index, uint32_t n)
{
	return hostop_fail(call, HOSTOP_BAD_INDEX, "index %lld is out of range for %u elements",
			   (long long)index, n);
}

/* A type that indices can have. */
static bool is_index(const struct hostop_tensor *t)
{
	return t->dtype == NEURON_NEFF_I64 || t->dtype == NEURON_NEFF_I32;
}

enum hostop_status hostop_gather(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *index = in(call, 1);
	struct hostop_tensor shape = { 0 };
	enum hostop_status status;
	int64_t axis = call->ints[0], k;
	uint64_t outer, inner, n, o, i;
	size_t size;
	char *to;

	if (!fix_axis(&axis, x->rank) || !same_type(call, x) || !is_index(index) ||
	    x->rank - 1 + index->rank > RANK)
		return bad_type(call);
	shape.rank = x->rank - 1 + index->rank;
	memcpy(shape.dims, x->dims, axis * sizeof(shape.dims[0]));
	memcpy(shape.dims + axis, index->dims, index->rank * sizeof(shape.dims[0]));
	memcpy(shape.dims + axis + index->rank, x->dims + axis + 1,
	       (x->rank - axis - 1) * sizeof(shape.dims[0]));
	status = hostop_make_like(call, 0, &shape);
	if (status || !hostop_count(&shape))
		return status;
	outer = span(x, 0, axis);
	inner = span(x, axis + 1, x->rank);
	n = hostop_count(index);
	size = inner * hostop_size(x->dtype);
	to = call->out[0].data;
	for (o = 0; o < outer; o++) {
		for (i = 0; i < n; i++, to += size) {
			k = integer(index, i);
			if (!fix_axis(&k, x->dims[axis]))
				return bad_index(call, k, x->dims[axis]);
			memcpy(to, at(x, (o * x->dims[axis] + k) * inner), size);
		}
	}
	return HOSTOP_OK;
}

/*
 * The element of @x that @index's element number @i stands for, along an axis:
 * @coords are those of element @i.
 */
static bool element_of(const struct hostop_tensor *x, const struct hostop_tensor *index,
		       const uint32_t *coords, uint64_t i, int64_t axis, uint64_t *element,
		       int64_t *k)
{
	int64_t strides[RANK];
	uint32_t d;

	dense(x, strides);
	*element = 0;
	*k = integer(index, i);
	if (!fix_axis(k, x->dims[axis]))
		return false;
	for (d = 0; d < x->rank; d++)
		*element += strides[d] * (d == axis ? *k : (int64_t)coords[d]);
	return true;
}

static void step_coords(const struct hostop_tensor *t, uint32_t *coords)
{
	uint32_t d;

	for (d = t->rank; d-- > 0 && ++coords[d] == t->dims[d];)
		coords[d] = 0;
}

/* Index has no more elements than x in every dimension but the axis. */
static bool within(const struct hostop_tensor *index, const struct hostop_tensor *x,
		   int64_t axis)
{
	uint32_t d;

	for (d = 0; d < x->rank; d++)
		if (d != axis && index->dims[d] > x->dims[d])
			return false;
	return true;
}

enum hostop_status hostop_gather_elements(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *index = in(call, 1);
	uint32_t coords[RANK] = { 0 };
	enum hostop_status status;
	int64_t axis = call->ints[0], k;
	uint64_t n, i, element;

	if (!fix_axis(&axis, x->rank) || !same_type(call, x) || !is_index(index) ||
	    x->rank != index->rank)
		return bad_type(call);
	if (!within(index, x, axis))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its indices are more than its elements");
	status = hostop_make_like(call, 0, index);
	if (status)
		return status;
	n = hostop_count(index);
	for (i = 0; i < n; i++, step_coords(index, coords)) {
		if (!element_of(x, index, coords, i, axis, &element, &k))
			return bad_index(call, k, x->dims[axis]);
		memcpy(put_at(&call->out[0], i), at(x, element), hostop_size(x->dtype));
	}
	return HOSTOP_OK;
}

/* The place in @x, in runs of what follows, that row @i of @index stands for. */
static enum hostop_status row_of(struct hostop_call *call, const struct hostop_tensor *x,
				 uint32_t skip, const struct hostop_tensor *index,
				 uint64_t i, uint64_t *row)
{
	uint32_t depth = index->dims[index->rank - 1], d;
	int64_t k;

	for (d = 0; d < depth; d++) {
		k = integer(index, i * depth + d);
		if (!fix_axis(&k, x->dims[skip + d]))
			return bad_index(call, k, x->dims[skip + d]);
		*row = *row * x->dims[skip + d] + (uint64_t)k;
	}
	return HOSTOP_OK;
}

enum hostop_status hostop_gather_nd(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *index = in(call, 1);
	int64_t batch = call->ints[0];
	struct hostop_tensor shape = { 0 };
	enum hostop_status status;
	uint32_t depth, d;
	uint64_t n, inner, per_batch, i, row;

	if (!same_type(call, x) || !is_index(index) || !index->rank || batch < 0 ||
	    batch >= index->rank || batch > x->rank)
		return bad_type(call);
	depth = index->dims[index->rank - 1];
	if (depth > x->rank - batch || index->rank - 1 + x->rank - batch - depth > RANK)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its indices name %u dimensions of %u",
				   depth, x->rank);
	for (d = 0; d < batch; d++)
		if (x->dims[d] != index->dims[d])
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its batches do not fit each other");
	shape.rank = index->rank - 1 + x->rank - batch - depth;
	memcpy(shape.dims, index->dims, (index->rank - 1) * sizeof(shape.dims[0]));
	memcpy(shape.dims + index->rank - 1, x->dims + batch + depth,
	       (x->rank - batch - depth) * sizeof(shape.dims[0]));
	status = hostop_make_like(call, 0, &shape);
	if (status || !hostop_count(&shape))
		return status;
	n = span(index, 0, index->rank - 1);
	per_batch = span(index, batch, index->rank - 1);
	inner = span(x, batch + depth, x->rank);
	for (i = 0; i < n && !status; i++) {
		row = i / per_batch;
		status = row_of(call, x, batch, index, i, &row);
		if (!status)
			memcpy(put_at(&call->out[0], i * inner), at(x, row * inner),
			       inner * hostop_size(x->dtype));
	}
	return status;
}

/* *to = reduced with *from; reductions as in hostop.h */
static void reduce_into(struct hostop_tensor *to, uint64_t i,
			const struct hostop_tensor *from, uint64_t k, int64_t how)
{
	int order;

	if (!how) {
		memcpy(put_at(to, i), at(from, k), hostop_size(to->dtype));
		return;
	}
	if (how >= 3) {
		order = hostop_order(from, k, to, i);
		if (how == 3 ? order > 0 : order < 0)
			memcpy(put_at(to, i), at(from, k), hostop_size(to->dtype));
		return;
	}
	if (hostop_is_float(to->dtype)) {
		double a = num(to, i), b = num(from, k);

		hostop_put_double(to->dtype, to->data, i, how == 1 ? a + b : a * b);
	} else {
		uint64_t a = integer(to, i), b = integer(from, k);

		hostop_put_int(to->dtype, to->data, i, (int64_t)(how == 1 ? a + b : a * b));
	}
}

static bool is_reduction(const struct hostop_tensor *x, int64_t how)
{
	return how >= 0 && how <= 4 && (!how || x->dtype != NEURON_NEFF_STRING);
}

static enum hostop_status copy_input(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0);
	enum hostop_status status = hostop_make_like(call, 0, x);

	if (!status)
		memcpy(call->out[0].data, x->data, hostop_count(x) * hostop_size(x->dtype));
	return status;
}

enum hostop_status hostop_scatter_nd(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *index = in(call, 1), *from = in(call, 2);
	enum hostop_status status;
	uint64_t n, inner, i, k, row;
	uint32_t depth;

	if (!same_type(call, x) || from->dtype != x->dtype || !is_index(index) ||
	    !index->rank || !is_reduction(x, call->ints[0]))
		return bad_type(call);
	depth = index->dims[index->rank - 1];
	n = span(index, 0, index->rank - 1);
	if (depth > x->rank)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its indices name %u dimensions of %u",
				   depth, x->rank);
	inner = span(x, depth, x->rank);
	if (hostop_count(from) != n * inner)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its updates are not as many as its indices name");
	status = copy_input(call);
	for (i = 0; i < n && inner && !status; i++) {
		row = 0;
		status = row_of(call, x, 0, index, i, &row);
		for (k = 0; k < inner && !status; k++)
			reduce_into(&call->out[0], row * inner + k, from, i * inner + k,
				    call->ints[0]);
	}
	return status;
}

enum hostop_status hostop_scatter_elements(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *index = in(call, 1), *from = in(call, 2);
	uint32_t coords[RANK] = { 0 };
	enum hostop_status status;
	int64_t axis = call->ints[0], k;
	uint64_t n, i, element;

	if (!fix_axis(&axis, x->rank) || !same_type(call, x) || from->dtype != x->dtype ||
	    !is_index(index) || x->rank != index->rank || !is_reduction(x, call->ints[1]))
		return bad_type(call);
	if (!within(index, x, axis) || from->rank != index->rank ||
	    memcmp(from->dims, index->dims, sizeof(from->dims)))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its indices and updates do not fit its elements");
	status = copy_input(call);
	if (status)
		return status;
	n = hostop_count(index);
	for (i = 0; i < n; i++, step_coords(index, coords)) {
		if (!element_of(x, index, coords, i, axis, &element, &k))
			return bad_index(call, k, x->dims[axis]);
		reduce_into(&call->out[0], element, from, i, call->ints[1]);
	}
	return HOSTOP_OK;
}
