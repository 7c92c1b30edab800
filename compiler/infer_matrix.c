// SPDX-License-Identifier: MIT
/* Det, Col2Im, CenterCropPad and TensorScatter, in terms of simpler operators. */
#include <string.h>
#include "decompose.h"
#include "window.h"

/* Sub-determinants of all sets of columns: their number is 2 to the power of this. */
#define MAX_DET		10

/* Sets of @k of @n columns, in order; @sets has room for all. Return: their number. */
static int64_t sets_of(int n, int k, unsigned int *sets)
{
	int64_t count = 0;
	unsigned int set;

	for (set = 0; set < 1u << n; set++)
		if (__builtin_popcount(set) == k)
			sets[count++] = set;
	return count;
}

static int64_t find_set(const unsigned int *sets, unsigned int set)
{
	int64_t i = 0;

	while (sets[i] != set)
		i++;
	return i;
}

/*
 * From the determinants of the first k rows in all sets of k columns to those of one
 * row more: Laplace's formula, along the new row.
 */
static struct nc_value *one_row_more(struct nc_builder *b, struct nc_value *minors,
				     struct nc_value *row, int n, int k)
{
	unsigned int *sets[2];
	int64_t count, dims[3], *columns, *from, size, i = 0, s;
	struct nc_value *x, *y, *signs;
	float *sign;
	int c;

	for (c = 0; c < 2; c++)
		sets[c] = nc_alloc(b->ctx->arena, (size_t)1 << n, sizeof(*sets[c]));
	sets_of(n, k, sets[0]);
	count = sets_of(n, k + 1, sets[1]);
	size = count * (k + 1);
	columns = nc_alloc(b->ctx->arena, (size_t)size, sizeof(*columns));
	from = nc_alloc(b->ctx->arena, (size_t)size, sizeof(*from));
	sign = nc_alloc(b->ctx->arena, (size_t)size, sizeof(*sign));
	for (s = 0; s < count; s++) {
		int place = 0;

		for (c = 0; c < n; c++) {
			if (!(sets[1][s] >> c & 1))
				continue;
			columns[i] = c;
			from[i] = find_set(sets[0], sets[1][s] & ~(1u << c));
			sign[i++] = (k - place++) % 2 ? -1 : 1;
		}
	}
	x = nc_build_axis(b, NC_OP_Gather, NULL, row,
			  nc_const_ints_new(b->ctx, b->like->name, columns, size), 1);
	y = nc_build_axis(b, NC_OP_Gather, NULL, minors,
			  nc_const_ints_new(b->ctx, b->like->name, from, size), 1);
	signs = nc_const_new(b->ctx, b->like->name, NC_F32, 1, &size, sign);
	x = nc_build2(b, NC_OP_Mul, NULL, nc_build2(b, NC_OP_Mul, NULL, x, y), signs);
	dims[0] = row->dims[0];
	dims[1] = count;
	dims[2] = k + 1;
	x = nc_build_reshape(b, NULL, x, 3, dims);
	x = nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, 1u << 2);
	return nc_build_reshape(b, NULL, x, 2, dims);
}

bool nc_infer_det(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *x, *row, *minors = NULL;
	int64_t n, cube[3], flat[2];
	int k;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	n = x->rank < 2 ? 0 : x->dims[x->rank - 1];
	if (n < 1 || n > MAX_DET || x->dims[x->rank - 2] != n || !nc_numel(x)) {
		nc_error(ctx, node, "its input must be square matrices of 1 to %d rows", MAX_DET);
		return false;
	}
	cube[0] = nc_numel(x) / (n * n);
	cube[1] = cube[2] = n;
	flat[0] = cube[0];
	flat[1] = n;
	row = nc_build_reshape(&b, NULL, nc_build_cast(&b, NULL, x, NC_F32), 3, cube);
	for (k = 0; k < n; k++) {
		struct nc_value *next = nc_build_slice(&b, NULL, row, 1, k, k + 1);

		next = nc_build_reshape(&b, NULL, next, 2, flat);
		minors = k ? one_row_more(&b, minors, next, (int)n, k) : next;
	}
	minors = nc_build_reshape(&b, NULL, minors, x->rank - 2, x->dims);
	nc_become(node, 0, nc_build_cast(&b, NULL, minors, x->dtype));
	return true;
}

/* Numbers along the axes of the image, from an attribute. */
static bool spatial(struct nc_ctx *ctx, struct nc_node *node, const char *name, size_t count,
		    int64_t def, int64_t *out)
{
	const int64_t *ints;
	size_t n = nc_attr_ints(node, name, &ints), i;

	for (i = 0; i < count; i++)
		out[i] = n ? ints[n == count ? i : 0] : def;
	if (!n || n == count)
		return true;
	nc_error(ctx, node, "its %s do not fit its image", name);
	return false;
}

/*
 * Blocks of an image added where they belong: a ConvTranspose whose weights put element
 * k of a block to place k.
 */
bool nc_infer_col2im(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t image[NC_MAX_SPATIAL], block[NC_MAX_SPATIAL], pads[2 * NC_MAX_SPATIAL];
	int64_t strides[NC_MAX_SPATIAL], dilations[NC_MAX_SPATIAL];
	int64_t more[NC_MAX_SPATIAL], dims[NC_MAX_RANK], size = 1, places = 1, channels, i;
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	struct nc_value *x, *w;
	struct nc_node *conv;
	int n, d;
	float *data;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	x = node->inputs[0];
	n = nc_ints(ctx, node, 1, "image_shape", image, NC_MAX_SPATIAL);
	if (n < 0 || nc_ints(ctx, node, 2, "block_shape", block, NC_MAX_SPATIAL) != n ||
	    !spatial(ctx, node, "strides", (size_t)n, 1, strides) ||
	    !spatial(ctx, node, "dilations", (size_t)n, 1, dilations) ||
	    !spatial(ctx, node, "pads", 2 * (size_t)n, 0, pads))
		return false;
	for (d = 0; d < n; d++) {
		int64_t extent = (block[d] - 1) * dilations[d] + 1;
		int64_t room = image[d] + pads[d] + pads[n + d] - extent;

		if (block[d] < 1 || block[d] > INT32_MAX || strides[d] < 1 ||
		    dilations[d] < 1 || room < 0 || image[d] > INT32_MAX)
			goto misfit;
		size *= block[d];
		dims[2 + d] = room / strides[d] + 1;
		more[d] = room % strides[d];
		places *= dims[2 + d];
	}
	if (x->rank != 3 || x->dims[1] % size || x->dims[2] != places || !nc_numel(x))
		goto misfit;
	channels = x->dims[1] / size;
	dims[0] = x->dims[0];
	dims[1] = x->dims[1];
	x = nc_build_reshape(&b, NULL, x, n + 2, dims);
	dims[0] = channels * size;
	dims[1] = 1;
	memcpy(dims + 2, block, (size_t)n * sizeof(*block));
	w = nc_value_like(ctx, node->name, NC_F32, n + 2, dims);
	data = nc_fold_alloc(ctx, w);
	if (!data)
		goto misfit;
	for (i = 0; i < channels * size; i++)
		data[i * size + i % size] = 1;
	w = nc_build_cast(&b, NULL, w, x->dtype);
	conv = nc_node_new(ctx, node, NC_OP_ConvTranspose, NULL, 2, x, w);
	nc_set_attr_int(ctx, conv, "group", channels);
	nc_set_attr_ints(ctx, conv, "strides", strides, (size_t)n);
	nc_set_attr_ints(ctx, conv, "dilations", dilations, (size_t)n);
	nc_set_attr_ints(ctx, conv, "pads", pads, 2 * (size_t)n);
	nc_set_attr_ints(ctx, conv, "output_padding", more, (size_t)n);
	/* It moves numbers: none is rounded to 16 bits. */
	conv->compute = NC_F32;
	nc_become(node, 0, nc_build(&b, conv));
	return true;

misfit:
	nc_error(ctx, node, "its image, blocks and input do not fit together");
	return false;
}

/* The middle of each axis, or zeros on both sides of it. */
bool nc_infer_center_crop_pad(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	int64_t sizes[NC_MAX_RANK], pads[2 * NC_MAX_RANK] = { 0 };
	const int64_t *axes;
	struct nc_value *x;
	size_t num_axes;
	int n, i, axis;
	bool padded = false;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	n = nc_ints(ctx, node, 1, "shape", sizes, NC_MAX_RANK);
	num_axes = nc_attr_ints(node, "axes", &axes);
	if (n < 0)
		return false;
	if (n != (num_axes ? (int)num_axes : x->rank)) {
		nc_error(ctx, node, "its shape does not fit its axes");
		return false;
	}
	for (i = 0; i < n; i++) {
		int64_t more;

		if (!nc_axis(ctx, node, num_axes ? axes[i] : i, x->rank, &axis))
			return false;
		more = sizes[i] - x->dims[axis];
		if (more < 0)
			x = nc_build_slice(&b, NULL, x, axis, -more / 2,
					   -more / 2 + sizes[i]);
		else
			pads[axis] = more / 2;
		if (x->rank < 0)
			return false;
		if (more > 0) {
			pads[x->rank + axis] = more - more / 2;
			padded = true;
		}
	}
	if (padded)
		x = nc_build2(&b, NC_OP_Pad, NULL, x,
			      nc_const_ints_new(ctx, node->name, pads, 2 * x->rank));
	nc_become(node, 0, x == node->inputs[0] ? nc_build1(&b, NC_OP_Identity, NULL, x) : x);
	return true;
}

/* cache, updates and, for each batch, where they go along an axis */
bool nc_infer_tensor_scatter(struct nc_ctx *ctx, struct nc_node *node)
{
	bool circular = !strcmp(nc_attr_string(node, "mode", "linear"), "circular");
	struct nc_builder b = { .ctx = ctx, .list = ctx->list, .like = node };
	int64_t length, steps, width = 1, middle = 1, dims[3], rows[2], count;
	struct nc_value *cache, *updates, *at = NULL, *place;
	int axis, d;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	cache = node->inputs[0];
	updates = node->inputs[1];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", -2), cache->rank, &axis))
		return false;
	for (d = 0; d < cache->rank && updates->rank == cache->rank; d++)
		if (d == axis ? updates->dims[d] > cache->dims[d] :
				updates->dims[d] != cache->dims[d])
			break;
	if (!axis || d < cache->rank || updates->dtype != cache->dtype ||
	    (nc_in(node, 2) && (node->inputs[2]->rank != 1 ||
				node->inputs[2]->dims[0] != cache->dims[0]))) {
		nc_error(ctx, node, "its cache, updates and indices do not fit together");
		return false;
	}
	length = cache->dims[axis];
	steps = updates->dims[axis];
	for (d = 1; d < cache->rank; d++)
		*(d < axis ? &middle : &width) *= d == axis ? 1 : cache->dims[d];
	if (!nc_numel(updates)) {
		nc_become(node, 0, nc_build1(&b, NC_OP_Identity, NULL, cache));
		return true;
	}
	/* Rows of the cache: [batch, middle, steps] */
	place = nc_build_range(&b, NC_I64, 3, 2, steps);
	if (nc_in(node, 2)) {
		dims[0] = cache->dims[0];
		dims[1] = dims[2] = 1;
		at = nc_build_cast(&b, NULL, node->inputs[2], NC_I64);
		at = nc_build_reshape(&b, NULL, at, 3, dims);
		place = nc_build2(&b, NC_OP_Add, NULL, place, at);
		if (circular)
			place = nc_build_with(&b, NC_OP_Mod, NULL, place, (double)length);
	}
	dims[0] = cache->dims[0];
	dims[1] = middle;
	dims[2] = 1;
	count = dims[0] * dims[1];
	at = nc_build_range(&b, NC_I64, 1, 0, count);
	at = nc_build_with(&b, NC_OP_Mul, NULL, at, (double)length);
	at = nc_build_reshape(&b, NULL, at, 3, dims);
	place = nc_build2(&b, NC_OP_Add, NULL, place, at);
	count *= steps;
	place = nc_build_reshape(&b, NULL, place, 1, &count);
	rows[0] = nc_numel(cache) / width;
	rows[1] = width;
	at = nc_build_reshape(&b, NULL, cache, 2, rows);
	rows[0] = count;
	updates = nc_build_reshape(&b, NULL, updates, 2, rows);
	at = nc_build3(&b, NC_OP_ScatterRows, NULL, at, place, updates);
	nc_become(node, 0, nc_build_reshape(&b, NULL, at, cache->rank, cache->dims));
	return true;
}
