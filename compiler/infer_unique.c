// SPDX-License-Identifier: MIT
/* Unique, of what is known when compiling: its result's shape depends on it. */
#include <stdlib.h>
#include <string.h>
#include "front.h"

/*
 * A slice of the input, or an element of it.
 * @x: the input
 * @at: first element
 * @inner: elements that lie together
 * @outer: number of such runs
 * @step: distance of the runs
 * @number: which one it is
 */
struct slice {
	const struct nc_value *x;
	int64_t at, inner, outer, step, number;
};

static int64_t element(const struct slice *s, int64_t i)
{
	return s->at + i / s->inner * s->step + i % s->inner;
}

static int compare_slices(const struct slice *a, const struct slice *b)
{
	bool is_float = nc_dtype_is_float(a->x->dtype);
	int64_t i;

	for (i = 0; i < a->inner * a->outer; i++) {
		int64_t ia = element(a, i), ib = element(b, i);
		double da = nc_const_double(a->x, ia), db = nc_const_double(b->x, ib);
		int64_t na = nc_const_int(a->x, ia), nb = nc_const_int(b->x, ib);

		if (is_float ? da != db : na != nb)
			return (is_float ? da < db : na < nb) ? -1 : 1;
	}
	return 0;
}

/* By contents, then by position. */
static int by_contents(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = compare_slices(x, y);

	return order ? order : x->number < y->number ? -1 : 1;
}

/* Groups of equal slices: the first of each, and how many. */
struct group {
	struct slice first;
	int64_t count;
	int64_t number;		/* in the order of contents */
};

static int by_first(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->first.number < y->first.number ? -1 : 1;
}

static int64_t *put_ints(struct nc_ctx *ctx, struct nc_node *node, unsigned int out,
			 int64_t n)
{
	if (!nc_set_shape(ctx, node, out, NC_I64, 1, &n) || !nc_out(node, out))
		return NULL;
	return nc_fold_alloc(ctx, nc_out(node, out));
}

bool nc_infer_unique(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "axis");
	int64_t dims[NC_MAX_RANK], count, inner = 1, outer = 1, i, k, n = 0;
	int64_t *indices, *inverse, *counts;
	const struct nc_value *x;
	struct slice *slices;
	struct group *groups;
	int64_t *group_of, *place;
	size_t size;
	int axis = 0, d;
	char *data;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (!nc_is_const(x)) {
		nc_need_const(ctx, node, node->inputs[0],
			      "input, which decides the shape of the output,");
		return false;
	}
	if (attr && !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	count = nc_numel(x);
	if (attr) {
		count = x->dims[axis];
		for (d = 0; d < x->rank; d++)
			*(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
	}
	slices = nc_alloc(ctx->arena, (size_t)count, sizeof(*slices));
	groups = nc_alloc(ctx->arena, (size_t)count, sizeof(*groups));
	group_of = nc_alloc(ctx->arena, (size_t)count, sizeof(*group_of));
	place = nc_alloc(ctx->arena, (size_t)count, sizeof(*place));
	for (i = 0; i < count; i++)
		slices[i] = (struct slice) { x, i * inner, inner, outer,
					     inner * count, i };
	if (count)
		qsort(slices, (size_t)count, sizeof(*slices), by_contents);
	for (i = 0; i < count; i++) {
		if (!i || compare_slices(&slices[i - 1], &slices[i])) {
			groups[n].first = slices[i];
			groups[n].number = n;
			n++;
		}
		groups[n - 1].count++;
		group_of[slices[i].number] = n - 1;
	}
	if (n && !nc_attr_int(node, "sorted", 1))
		qsort(groups, (size_t)n, sizeof(*groups), by_first);
	for (i = 0; i < n; i++)
		place[groups[i].number] = i;

	if (attr) {
		memcpy(dims, x->dims, sizeof(dims));
		dims[axis] = n;
	} else {
		dims[0] = n;
	}
	if (!nc_set_shape(ctx, node, 0, x->dtype, attr ? x->rank : 1, dims))
		return false;
	indices = put_ints(ctx, node, 1, n);
	inverse = put_ints(ctx, node, 2, count);
	counts = put_ints(ctx, node, 3, n);
	for (i = 0; i < n; i++) {
		if (indices)
			indices[i] = groups[i].first.number;
		if (counts)
			counts[i] = groups[i].count;
	}
	for (i = 0; inverse && i < count; i++)
		inverse[i] = place[group_of[i]];
	if (!nc_out(node, 0))
		return true;
	data = nc_fold_alloc(ctx, nc_out(node, 0));
	if (!data) {
		nc_error(ctx, node, "its output is too large for a constant");
		return false;
	}
	size = nc_dtype_size(x->dtype);
	for (k = 0; k < outer; k++)
		for (i = 0; i < n; i++)
			memcpy(data + (size_t)((k * n + i) * inner) * size,
			       (const char *)x->data +
			       (size_t)(groups[i].first.at + k * inner * count) * size,
			       (size_t)inner * size);
	return true;
}
