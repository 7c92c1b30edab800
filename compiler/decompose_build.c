// SPDX-License-Identifier: MIT
#include <stdarg.h>
#include <string.h>
#include "decompose.h"
#include "host.h"

/* What values without elements point to. */
static const uint64_t nothing;

/*
 * What a node would have made that was refused: everything built on it is
 * refused, too, without another message.
 */
static bool is_bad(const struct nc_value *x)
{
	return x->rank < 0;
}

struct nc_value *nc_build(struct nc_builder *b, struct nc_node *node)
{
	const struct nc_op_info *info = &nc_ops[node->op];
	struct nc_value *out = node->outputs[0];
	unsigned int i;

	/* After a problem that was named already. */
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && node->inputs[i]->rank < 0)
			return out;
	if (nc_host_must(b->ctx, node)) {
		if (!nc_infer_on_host(b->ctx, node))
			return out;
		if (nc_is_const(out))
			out->producer = NULL;
		else
			nc_node_list_add(b->ctx, b->list, node);
		return out;
	}
	if (!info->infer(b->ctx, node))
		return out;
	/* Without elements there is nothing to compute. */
	if (node->num_outputs == 1 && out->rank > 0 && !nc_numel(out)) {
		out->data = &nothing;
		out->producer = NULL;
		return out;
	}
	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] && !nc_is_const(node->inputs[i]))
			break;
	if (i == node->num_inputs && info->fold && info->fold(b->ctx, node)) {
		out->producer = NULL;
		return out;
	}
	if (b->deep && info->decompose) {
		struct nc_node *like = b->like;

		b->like = node;
		info->decompose(b);
		b->like = like;
	} else {
		nc_node_list_add(b->ctx, b->list, node);
	}
	return out;
}

struct nc_value *nc_build1(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x)
{
	return nc_build(b, nc_node_new(b->ctx, b->like, op, out, 1, x));
}

struct nc_value *nc_build2(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x,
			  struct nc_value *y)
{
	return nc_build(b, nc_node_new(b->ctx, b->like, op, out, 2, x, y));
}

struct nc_value *nc_build3(struct nc_builder *b, enum nc_op op,
			   struct nc_value *out, struct nc_value *x,
			  struct nc_value *y, struct nc_value *z)
{
	return nc_build(b, nc_node_new(b->ctx, b->like, op, out, 3, x, y, z));
}

struct nc_value *nc_build_reshape(struct nc_builder *b, struct nc_value *out,
				  struct nc_value *x, int rank,
				 const int64_t *dims)
{
	struct nc_value *shape;
	struct nc_node *node;

	if (is_bad(x) || rank < 0)
		return x;
	shape = nc_const_ints_new(b->ctx, b->like->name, dims, rank);
	node = nc_node_new(b->ctx, b->like, NC_OP_Reshape, out, 2, x, shape);
	/* The shape is meant as it is. */
	nc_set_attr_int(b->ctx, node, "allowzero", 1);
	return nc_build(b, node);
}

struct nc_value *nc_build_transpose(struct nc_builder *b, struct nc_value *out,
				    struct nc_value *x, const int64_t *perm)
{
	struct nc_node *node;

	if (is_bad(x))
		return x;
	node = nc_node_new(b->ctx, b->like, NC_OP_Transpose, out, 1, x);
	nc_set_attr_ints(b->ctx, node, "perm", perm, (size_t)x->rank);
	return nc_build(b, node);
}

struct nc_value *nc_build_cast(struct nc_builder *b, struct nc_value *out,
			       struct nc_value *x, enum nc_dtype dtype)
{
	struct nc_node *node;

	node = nc_node_new(b->ctx, b->like, NC_OP_Cast, out, 1, x);
	nc_set_attr_int(b->ctx, node, "to", nc_dtype_to_onnx(dtype));
	return nc_build(b, node);
}

struct nc_value *nc_build_reduce(struct nc_builder *b, enum nc_op op,
				 struct nc_value *out, struct nc_value *x,
				unsigned int mask)
{
	int64_t axes[NC_MAX_RANK];
	int i, n = 0;

	if (is_bad(x))
		return x;
	for (i = 0; i < x->rank; i++)
		if (mask >> i & 1)
			axes[n++] = i;
	return nc_build2(b, op, out, x,
			nc_const_ints_new(b->ctx, b->like->name, axes, n));
}

struct nc_value *nc_build_axis(struct nc_builder *b, enum nc_op op,
			       struct nc_value *out, struct nc_value *x,
			      struct nc_value *y, int axis)
{
	struct nc_node *node;

	node = nc_node_new(b->ctx, b->like, op, out, y ? 2 : 1, x, y);
	nc_set_attr_int(b->ctx, node, "axis", axis);
	return nc_build(b, node);
}

struct nc_value *nc_build_slice(struct nc_builder *b, struct nc_value *out,
				struct nc_value *x, int axis, int64_t start,
			       int64_t end)
{
	const char *name = b->like->name;
	int64_t at = axis;

	if (is_bad(x))
		return x;
	return nc_build(b, nc_node_new(b->ctx, b->like, NC_OP_Slice, out, 4, x,
				      nc_const_ints_new(b->ctx, name, &start, 1),
				      nc_const_ints_new(b->ctx, name, &end, 1),
				      nc_const_ints_new(b->ctx, name, &at, 1)));
}

struct nc_value *nc_build_concat(struct nc_builder *b, struct nc_value *out,
				 struct nc_value **values, unsigned int count,
				int axis)
{
	struct nc_node *node;

	node = nc_node_new(b->ctx, b->like, NC_OP_Concat, out, 0);
	node->inputs = nc_memdup(b->ctx->arena, values,
				 count * sizeof(*values));
	node->num_inputs = count;
	nc_set_attr_int(b->ctx, node, "axis", axis);
	return nc_build(b, node);
}

struct nc_value *nc_build_scalar(struct nc_builder *b, enum nc_dtype dtype,
				 double x)
{
	uint64_t data = 0;

	/* Of the type of a value that was refused. */
	if (dtype == NC_NONE)
		dtype = NC_F32;
	nc_put_double(dtype, &data, 0, x);
	return nc_const_new(b->ctx, b->like->name, dtype, 0, NULL, &data);
}

struct nc_value *nc_build_range(struct nc_builder *b, enum nc_dtype dtype,
				int rank, int axis, int64_t count)
{
	int64_t dims[NC_MAX_RANK], i;
	struct nc_value *value;
	void *data;

	if (dtype == NC_NONE || rank < 0 || count < 0)
		return nc_value_new(b->ctx, b->like->name);
	for (i = 0; i < rank; i++)
		dims[i] = i == axis ? count : 1;
	value = nc_value_like(b->ctx, b->like->name, dtype, rank, dims);
	data = nc_alloc(b->ctx->arena, (size_t)count, nc_dtype_size(dtype));
	for (i = 0; i < count; i++)
		nc_put_int(dtype, data, i, i);
	value->data = data;
	value->size = nc_bytes(value);
	return value;
}

struct nc_value *nc_build_with(struct nc_builder *b, enum nc_op op,
			       struct nc_value *out, struct nc_value *x, double y)
{
	if (is_bad(x))
		return x;
	return nc_build2(b, op, out, x, nc_build_scalar(b, x->dtype, y));
}

bool nc_become_built(struct nc_node *node, unsigned int output, struct nc_value *value)
{
	if (!value || value->rank < 0)
		return false;
	nc_become(node, output, value);
	return true;
}

void nc_keep(struct nc_builder *b)
{
	nc_node_list_add(b->ctx, b->list, b->like);
}

bool nc_decompose_wide(struct nc_builder *b)
{
	struct nc_node *like = b->like, *node;
	enum nc_dtype dtype = like->inputs[0]->dtype;
	struct nc_value *y;
	unsigned int i;

	if (dtype != NC_F16 && dtype != NC_BF16)
		return false;
	node = nc_node_new(b->ctx, like, like->op, NULL, 0);
	node->attrs = like->attrs;
	node->num_attrs = like->num_attrs;
	node->inputs = nc_alloc(b->ctx->arena, like->num_inputs,
				sizeof(*node->inputs));
	node->num_inputs = like->num_inputs;
	for (i = 0; i < like->num_inputs; i++) {
		node->inputs[i] = like->inputs[i];
		if (like->inputs[i] && like->inputs[i]->dtype == dtype)
			node->inputs[i] = nc_build_cast(b, NULL, like->inputs[i], NC_F32);
	}
	y = nc_build(b, node);
	nc_build_cast(b, like->outputs[0], y, like->outputs[0]->dtype);
	return true;
}
