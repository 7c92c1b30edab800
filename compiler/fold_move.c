// SPDX-License-Identifier: MIT
/* Constants moved, renamed, joined and cut. */
#include <string.h>
#include "front.h"

/* Dense @dst of @out's shape from @src through strides in elements. */
static void gather_strided(const struct nc_value *out, void *dst,
			   const void *src, int64_t offset,
			   const int64_t *strides)
{
	size_t size = nc_dtype_size(out->dtype);
	int64_t n = nc_numel(out), i;
	struct nc_nest nest;

	nc_nest_init(&nest, out);
	memcpy(nest.strides[0], strides, sizeof(nest.strides[0]));
	nest.offset[0] = offset;
	for (i = 0; i < n; i++, nc_nest_next(&nest))
		memcpy((char *)dst + (size_t)i * size,
		       (const char *)src + (size_t)nest.offset[0] * size, size);
}

/* The same elements under another shape: Reshape, Squeeze, Identity ... */
bool nc_fold_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	(void)ctx;
	node->outputs[0]->data = node->inputs[0]->data;
	node->outputs[0]->size = node->inputs[0]->size;
	return true;
}

bool nc_fold_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t from[NC_MAX_RANK] = { 0 }, strides[NC_MAX_RANK] = { 0 };
	const struct nc_value *x = node->inputs[0];
	int perm[NC_MAX_RANK], i;
	void *data;

	if (!nc_transpose_perm(ctx, node, perm))
		return false;
	data = nc_fold_alloc(ctx, node->outputs[0]);
	if (!data)
		return false;
	nc_strides(x, from);
	for (i = 0; i < x->rank; i++)
		strides[i] = from[perm[i]];
	gather_strided(node->outputs[0], data, x->data, 0, strides);
	return true;
}

bool nc_fold_slice(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t starts[NC_MAX_RANK], steps[NC_MAX_RANK], counts[NC_MAX_RANK];
	int64_t strides[NC_MAX_RANK] = { 0 }, offset = 0;
	const struct nc_value *x = node->inputs[0];
	void *data;
	int i;

	if (!nc_slice_range(ctx, node, starts, steps, counts))
		return false;
	data = nc_fold_alloc(ctx, node->outputs[0]);
	if (!data)
		return false;
	nc_strides(x, strides);
	for (i = 0; i < x->rank; i++) {
		offset += starts[i] * strides[i];
		/* The step may be beyond all that there is; it is not taken. */
		strides[i] = counts[i] > 1 ? strides[i] * steps[i] : 0;
	}
	gather_strided(node->outputs[0], data, x->data, offset, strides);
	return true;
}

bool nc_fold_expand(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	void *data = nc_fold_alloc(ctx, out);
	struct nc_nest nest;

	if (!data)
		return false;
	nc_nest_init(&nest, out);
	nc_nest_broadcast(&nest, 0, x);
	gather_strided(out, data, x->data, 0, nest.strides[0]);
	return true;
}

bool nc_fold_tile(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	size_t size = nc_dtype_size(x->dtype);
	int64_t n = nc_numel(out), i, strides[NC_MAX_RANK];
	char *data = nc_fold_alloc(ctx, out);
	struct nc_nest nest;
	int d;

	if (!data)
		return false;
	nc_strides(x, strides);
	nc_nest_init(&nest, out);
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		int64_t at = 0;

		for (d = 0; d < x->rank; d++)
			at += nest.index[d] % x->dims[d] * strides[d];
		memcpy(data + (size_t)i * size,
		       (const char *)x->data + (size_t)at * size, size);
	}
	return true;
}

/* Elements in one index of @axis and everything behind it. */
static int64_t inner_count(const struct nc_value *value, int axis)
{
	int64_t n = 1;
	int i;

	for (i = axis; i < value->rank; i++)
		n *= value->dims[i];
	return n;
}

bool nc_fold_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = node->outputs[0];
	size_t size = nc_dtype_size(out->dtype), whole, at = 0;
	int64_t outer = 1, o;
	unsigned int i;
	char *data;
	int axis;

	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 1), out->rank, &axis))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	for (o = 0; o < axis; o++)
		outer *= out->dims[o];
	whole = (size_t)inner_count(out, axis) * size;
	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_value *x = node->inputs[i];
		size_t part = (size_t)inner_count(x, axis) * size;

		for (o = 0; o < outer && part; o++)
			memcpy(data + (size_t)o * whole + at,
			       (const char *)x->data + (size_t)o * part, part);
		at += part;
	}
	return true;
}

bool nc_fold_split(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t strides[NC_MAX_RANK] = { 0 }, offset = 0;
	const struct nc_value *x = node->inputs[0];
	unsigned int i;
	int axis;

	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	nc_strides(x, strides);
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *out = node->outputs[i];
		void *data;

		if (!out)
			return false;
		if (nc_numel(out)) {
			data = nc_fold_alloc(ctx, out);
			if (!data)
				return false;
			gather_strided(out, data, x->data, offset, strides);
		}
		offset += out->dims[axis] * strides[axis];
	}
	return true;
}

/* Where in the source an index of the padded axis comes from; -1: padding. */
static int64_t pad_source(const char *mode, int64_t at, int64_t dim)
{
	int64_t period;

	if (at >= 0 && at < dim)
		return at;
	if (!strcmp(mode, "constant") || !dim)
		return -1;
	if (!strcmp(mode, "edge"))
		return at < 0 ? 0 : dim - 1;
	if (!strcmp(mode, "wrap"))
		return (at % dim + dim) % dim;
	period = dim > 1 ? 2 * (dim - 1) : 1;
	at = (at % period + period) % period;
	return at < dim ? at : period - at;
}

bool nc_fold_pad(struct nc_ctx *ctx, struct nc_node *node)
{
	const char *mode = nc_attr_string(node, "mode", "constant");
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK], strides[NC_MAX_RANK];
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	size_t size = nc_dtype_size(x->dtype);
	int64_t n = nc_numel(out), i;
	struct nc_nest nest;
	char *data;
	int d;

	if (!nc_pad_amounts(ctx, node, before, after))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	nc_strides(x, strides);
	nc_nest_init(&nest, out);
	for (i = 0; i < n; i++, nc_nest_next(&nest)) {
		const char *from = NULL;
		int64_t at = 0;

		for (d = 0; d < x->rank && at >= 0; d++) {
			/* What is cropped is gone before anything is repeated. */
			int64_t lo = before[d] < 0 ? -before[d] : 0;
			int64_t hi = x->dims[d] + (after[d] < 0 ? after[d] : 0);
			int64_t k = pad_source(mode, nest.index[d] - before[d] - lo, hi - lo);

			at = k < 0 ? -1 : at + (lo + k) * strides[d];
		}
		if (at >= 0)
			from = (const char *)x->data + (size_t)at * size;
		else if (nc_in(node, 2))
			from = node->inputs[2]->data;
		if (from)
			memcpy(data + (size_t)i * size, from, size);
	}
	return true;
}

bool nc_fold_gather(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	int64_t outer = 1, inner, count = nc_numel(index), o, k;
	struct nc_value *out = node->outputs[0];
	size_t part;
	char *data;
	int axis;

	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	for (o = 0; o < axis; o++)
		outer *= x->dims[o];
	inner = inner_count(x, axis + 1);
	part = (size_t)inner * nc_dtype_size(x->dtype);
	for (o = 0; o < outer; o++) {
		for (k = 0; k < count; k++) {
			int64_t at = nc_const_int(index, k);

			/* Inference has checked the range. */
			at += at < 0 ? x->dims[axis] : 0;
			memcpy(data + (size_t)(o * count + k) * part,
			       (const char *)x->data +
			       (size_t)(o * x->dims[axis] + at) * part, part);
		}
	}
	return true;
}

bool nc_fold_trilu(struct nc_ctx *ctx, struct nc_node *node)
{
	bool upper = nc_attr_int(node, "upper", 1);
	const struct nc_value *x = node->inputs[0];
	struct nc_value *out = node->outputs[0];
	size_t size = nc_dtype_size(x->dtype);
	int64_t n = nc_numel(x), i, k = 0;
	int64_t rows, cols;
	char *data;

	if (nc_in(node, 1) && nc_ints(ctx, node, 1, "diagonal", &k, 1) != 1)
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data)
		return false;
	rows = x->dims[x->rank - 2];
	cols = x->dims[x->rank - 1];
	for (i = 0; i < n; i++) {
		int64_t row = i / cols % rows, col = i % cols;

		/* k may be any 64-bit number: compare without adding to it. */
		if (upper ? col - row >= k : col - row <= k)
			memcpy(data + (size_t)i * size,
			       (const char *)x->data + (size_t)i * size, size);
	}
	return true;
}

bool nc_fold_range(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *start = node->inputs[0], *delta = node->inputs[2];
	struct nc_value *out = node->outputs[0];
	int64_t n = nc_numel(out), i;
	void *data = nc_fold_alloc(ctx, out);

	if (!data) {
		nc_error(ctx, node, "its output is too large for a constant");
		return false;
	}
	for (i = 0; i < n; i++) {
		if (nc_dtype_is_float(out->dtype))
			nc_put_double(out->dtype, data, i,
				      nc_const_double(start, 0) +
				      (double)i * nc_const_double(delta, 0));
		else
			nc_put_int(out->dtype, data, i,
				   (int64_t)((uint64_t)nc_const_int(start, 0) +
					     (uint64_t)i *
					     (uint64_t)nc_const_int(delta, 0)));
	}
	return true;
}
