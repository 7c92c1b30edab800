// SPDX-License-Identifier: MIT
/* Scatter*, MaxUnpool and ReverseSequence: rows of a matrix that an index names. */
#include <string.h>
#include "decompose.h"

bool nc_infer_scatter_rows(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index, *updates;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	updates = node->inputs[2];
	if (x->rank != 2 || index->rank != 1 || updates->rank != 2 ||
	    updates->dims[0] != index->dims[0] || updates->dims[1] != x->dims[1] ||
	    updates->dtype != x->dtype ||
	    (index->dtype != NC_I64 && index->dtype != NC_I32)) {
		nc_error(ctx, node, "the shapes of its inputs do not fit together");
		return false;
	}
	return nc_set_like(ctx, node, 0, x);
}

/* One element more: a with b. */
static void combine(const char *how, enum nc_dtype dtype, void *a, int64_t i,
		    const struct nc_value *updates, int64_t k)
{
	struct nc_value old = { .dtype = dtype, .data = a };

	if (nc_dtype_is_float(dtype)) {
		double x = nc_const_double(&old, i), y = nc_const_double(updates, k);

		nc_put_double(dtype, a, i,
			      !strcmp(how, "add") ? x + y :
			      !strcmp(how, "mul") ? x * y :
			      !strcmp(how, "max") ? (x < y || y != y ? y : x) :
						    (x > y || y != y ? y : x));
	} else {
		int64_t x = nc_const_int(&old, i), y = nc_const_int(updates, k);

		nc_put_int(dtype, a, i,
			   !strcmp(how, "add") ? (int64_t)((uint64_t)x + (uint64_t)y) :
			   !strcmp(how, "mul") ? (int64_t)((uint64_t)x * (uint64_t)y) :
			   !strcmp(how, "max") ? (x < y ? y : x) : (x > y ? y : x));
	}
}

bool nc_fold_scatter_rows(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	const struct nc_value *updates = node->inputs[2];
	const char *how = nc_attr_string(node, "reduction", "none");
	int64_t rows = x->dims[0], width = x->dims[1], i, j;
	size_t size = nc_dtype_size(x->dtype);
	char *data;

	for (j = 0; j < index->dims[0]; j++) {
		i = nc_const_int(index, j);
		if (i < -rows || i >= rows) {
			nc_error(ctx, node, "an index is out of range");
			return false;
		}
	}
	data = nc_fold_alloc(ctx, node->outputs[0]);
	if (!data)
		return false;
	memcpy(data, x->data, x->size);
	for (j = 0; j < index->dims[0]; j++) {
		int64_t to = nc_const_int(index, j);

		to += to < 0 ? rows : 0;
		if (!strcmp(how, "none"))
			memcpy(data + (size_t)(to * width) * size,
			       (const char *)updates->data + (size_t)(j * width) * size,
			       (size_t)width * size);
		else
			for (i = 0; i < width; i++)
				combine(how, x->dtype, data, to * width + i,
					updates, j * width + i);
	}
	return true;
}

/* ScatterND and ScatterElements name their reduction alike. */
static bool known_reduction(struct nc_builder *b, const char *name)
{
	static const char *const names[] = { "none", "add", "mul", "max", "min" };
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i], name))
			return true;
	nc_error(b->ctx, b->like, "reduction '%.20s' is not supported", name);
	return false;
}

/* @data with @updates put to rows of @width elements. */
static void scatter_rows(struct nc_builder *b, struct nc_value *data,
			 struct nc_value *index, struct nc_value *updates,
			 int64_t width)
{
	const char *how = nc_attr_string(b->like, "reduction", "none");
	struct nc_value *out = b->like->outputs[0];
	int64_t count = nc_numel(index);
	int64_t from[2] = { nc_numel(data) / width, width };
	int64_t to[2] = { count, width };
	struct nc_node *node;
	enum nc_dtype narrow;
	bool is_small;

	if (!known_reduction(b, how))
		return;
	if (data->dtype == NC_BOOL && strcmp(how, "none"))
		how = !strcmp(how, "add") || !strcmp(how, "max") ? "max" : "min";
	/* Sums and products wrap around in their own type: see Cast. */
	narrow = data->dtype;
	is_small = nc_dtype_size(narrow) < 4 && !nc_dtype_is_float(narrow) &&
		   (!strcmp(how, "add") || !strcmp(how, "mul"));
	if (is_small) {
		data = nc_build_cast(b, NULL, data, NC_I32);
		updates = nc_build_cast(b, NULL, updates, NC_I32);
	}
	data = nc_build_reshape(b, NULL, data, 2, from);
	index = nc_build_reshape(b, NULL, index, 1, &count);
	updates = nc_build_reshape(b, NULL, updates, 2, to);
	node = nc_node_new(b->ctx, b->like, NC_OP_ScatterRows, NULL, 3, data, index,
			   updates);
	nc_set_attr_string(b->ctx, node, "reduction", how);
	data = nc_build(b, node);
	if (is_small)
		data = nc_build_cast(b, NULL, data, narrow);
	nc_build_reshape(b, out, data, out->rank, out->dims);
}

/* Nothing to put: the data as it is. */
static bool nothing_to_scatter(struct nc_builder *b)
{
	if (nc_numel(b->like->inputs[1]) && nc_numel(b->like->inputs[2]))
		return false;
	nc_build1(b, NC_OP_Identity, b->like->outputs[0], b->like->inputs[0]);
	return true;
}

void nc_decompose_scatter_elements(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	int axis;

	if (nothing_to_scatter(b) ||
	    !nc_axis(b->ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return;
	index = nc_build_element_index(b, x, index, axis);
	if (index)
		scatter_rows(b, x, index, node->inputs[2], 1);
}

void nc_decompose_scatter_nd(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *index = node->inputs[1];
	int k = (int)index->dims[index->rank - 1], i;
	int64_t width = 1;

	if (nothing_to_scatter(b))
		return;
	for (i = k; i < x->rank; i++)
		width *= x->dims[i];
	index = nc_build_row_index(b, x, index, 0);
	if (index)
		scatter_rows(b, x, index, node->inputs[2], width);
}

/* Values back to where MaxPool's indices say they were; zeros elsewhere. */
void nc_decompose_max_unpool(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *out = node->outputs[0], *zeros;

	zeros = nc_value_like(b->ctx, node->name, out->dtype, out->rank, out->dims);
	if (!nc_fold_alloc(b->ctx, zeros)) {
		nc_error(b->ctx, node, "it is too large");
		return;
	}
	scatter_rows(b, zeros, node->inputs[1], node->inputs[0], 1);
}

/*
 * ReverseSequence: element t of a sequence of length n comes from n - 1 - t;
 * what is behind the sequence stays.
 */
void nc_decompose_reverse_sequence(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *lens = node->inputs[1];
	struct nc_value *out = node->outputs[0], *t, *from, *late;
	int64_t time = nc_attr_int(node, "time_axis", 0);
	int64_t batch = nc_attr_int(node, "batch_axis", 1);
	int64_t perm[NC_MAX_RANK], back[NC_MAX_RANK], two[2], rows[2], count, n;
	int i, k = 2;

	/* [batch, time, ...], then rows of that. */
	perm[0] = batch;
	perm[1] = time;
	for (i = 0; i < x->rank; i++)
		if (i != batch && i != time)
			perm[k++] = i;
	for (i = 0; i < x->rank; i++)
		back[perm[i]] = i;
	n = x->dims[time];
	count = x->dims[batch];
	rows[0] = n * count;
	rows[1] = nc_numel(x) / rows[0];
	two[0] = count;
	two[1] = 1;

	lens = nc_build_cast(b, NULL, lens, NC_I64);
	lens = nc_build_reshape(b, NULL, lens, 2, two);
	t = nc_build_range(b, NC_I64, 2, 1, n);
	from = nc_build2(b, NC_OP_Sub, NULL, lens, t);
	from = nc_build_with(b, NC_OP_Sub, NULL, from, 1);
	late = nc_build2(b, NC_OP_GreaterOrEqual, NULL, t, lens);
	from = nc_build3(b, NC_OP_Where, NULL, late, t, from);
	t = nc_build_range(b, NC_I64, 2, 0, count);
	t = nc_build_with(b, NC_OP_Mul, NULL, t, (double)n);
	from = nc_build2(b, NC_OP_Add, NULL, from, t);
	from = nc_build_reshape(b, NULL, from, 1, rows);

	x = nc_build_transpose(b, NULL, x, perm);
	t = x;
	x = nc_build_reshape(b, NULL, x, 2, rows);
	x = nc_build_axis(b, NC_OP_Gather, NULL, x, from, 0);
	x = nc_build_reshape(b, NULL, x, t->rank, t->dims);
	nc_build_transpose(b, out, x, back);
}
