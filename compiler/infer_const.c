// SPDX-License-Identifier: MIT
/* Operators whose results are known at compile time. */
#include <math.h>
#include <string.h>
#include "host.h"

static bool set_const(struct nc_ctx *ctx, struct nc_node *node,
		      enum nc_dtype dtype, int rank, const int64_t *dims,
		      const void *data)
{
	struct nc_value *out = nc_out(node, 0);

	if (!nc_set_shape(ctx, node, 0, dtype, rank, dims) || !out)
		return false;
	out->size = nc_bytes(out);
	out->data = nc_memdup(ctx->arena, data, out->size);
	return true;
}

static bool set_strings(struct nc_ctx *ctx, struct nc_node *node, int rank,
			const char *const *strings, size_t count)
{
	const struct nc_value *list = nc_const_strings_new(ctx, node->name, strings, count);

	return set_const(ctx, node, NC_STRING, rank, list->dims, list->data);
}

bool nc_infer_constant(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr;
	int64_t n;

	if (!nc_need(ctx, node, 0, 0))
		return false;
	attr = nc_attr(node, "value");
	if (attr && attr->kind == NC_ATTR_TENSOR) {
		struct nc_value *out = nc_out(node, 0);

		if (!nc_set_like(ctx, node, 0, attr->tensor) || !out)
			return false;
		out->data = attr->tensor->data;
		out->size = attr->tensor->size;
		return true;
	}
	attr = nc_attr(node, "value_float");
	if (attr && attr->kind == NC_ATTR_FLOAT)
		return set_const(ctx, node, NC_F32, 0, NULL, &attr->f);
	attr = nc_attr(node, "value_int");
	if (attr && attr->kind == NC_ATTR_INT)
		return set_const(ctx, node, NC_I64, 0, NULL, &attr->i);
	attr = nc_attr(node, "value_floats");
	if (attr && attr->kind == NC_ATTR_FLOATS) {
		n = (int64_t)attr->count;
		return set_const(ctx, node, NC_F32, 1, &n, attr->floats);
	}
	attr = nc_attr(node, "value_ints");
	if (attr && attr->kind == NC_ATTR_INTS) {
		n = (int64_t)attr->count;
		return set_const(ctx, node, NC_I64, 1, &n, attr->ints);
	}
	attr = nc_attr(node, "value_string");
	if (attr && attr->kind == NC_ATTR_STRING)
		return set_strings(ctx, node, 0, &attr->s, 1);
	attr = nc_attr(node, "value_strings");
	if (attr && attr->kind == NC_ATTR_STRINGS)
		return set_strings(ctx, node, 1, attr->strings, attr->count);
	nc_error(ctx, node,
		 "it has no value that is supported: a tensor, numbers or strings; sparse tensors are not");
	return false;
}

bool nc_infer_constant_of_shape(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "value");
	int64_t dims[NC_MAX_RANK], i, n;
	const void *element = "\0\0\0\0\0\0\0";
	enum nc_dtype dtype = NC_F32;
	struct nc_value *out = nc_out(node, 0);
	size_t size;
	char *data;
	int rank;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	if (attr && attr->kind == NC_ATTR_TENSOR) {
		if (nc_numel(attr->tensor) != 1) {
			nc_error(ctx, node, "its value must be a single number");
			return false;
		}
		dtype = attr->tensor->dtype;
		element = attr->tensor->data;
	}
	rank = nc_ints(ctx, node, 0, "shape", dims, NC_MAX_RANK);
	if (rank < 0 || !nc_set_shape(ctx, node, 0, dtype, rank, dims) || !out)
		return false;
	if ((uint64_t)nc_numel(out) > NEURON_MAX_ELEMENTS) {
		nc_error(ctx, node, "its output is too large");
		return false;
	}
	data = nc_fold_alloc(ctx, out);
	if (!data) {
		/* Too large for a constant: the chip repeats the element. */
		node->op = NC_OP_Expand;
		node->inputs = nc_alloc(ctx->arena, 2, sizeof(*node->inputs));
		node->inputs[0] = nc_const_new(ctx, node->name, dtype, 0, NULL, element);
		node->inputs[1] = nc_const_ints_new(ctx, node->name, dims, rank);
		node->num_inputs = 2;
		return true;
	}
	size = nc_dtype_size(dtype);
	n = nc_numel(out);
	for (i = 0; i < n; i++)
		memcpy(data + (size_t)i * size, element, size);
	return true;
}

int64_t nc_shape_part(const struct nc_node *node, int64_t *start)
{
	int64_t rank = node->inputs[0]->rank;
	int64_t from = nc_attr_int(node, "start", 0);
	int64_t end = nc_attr_int(node, "end", rank);

	from += from < 0 ? rank : 0;
	end += end < 0 ? rank : 0;
	from = from < 0 ? 0 : from > rank ? rank : from;
	end = end < from ? from : end > rank ? rank : end;
	*start = from;
	return end - from;
}

bool nc_infer_shape(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t start, count;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	count = nc_shape_part(node, &start);
	return set_const(ctx, node, NC_I64, 1, &count, node->inputs[0]->dims + start);
}

bool nc_infer_size(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t n;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	n = nc_numel(node->inputs[0]);
	return set_const(ctx, node, NC_I64, 0, NULL, &n);
}

bool nc_infer_range(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *v;
	double start, limit, delta, count;
	int64_t n;
	int i;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	for (i = 0; i < 3; i++) {
		v = node->inputs[i];
		if (!nc_is_const(v)) {
			nc_need_const(ctx, node, node->inputs[i], "range");
			return false;
		}
		if (nc_numel(v) != 1 || v->dtype != node->inputs[0]->dtype) {
			nc_error(ctx, node,
				 "its start, limit and delta must be single numbers of one type");
			return false;
		}
	}
	v = node->inputs[0];
	start = nc_const_double(v, 0);
	limit = nc_const_double(node->inputs[1], 0);
	delta = nc_const_double(node->inputs[2], 0);
	count = ceil((limit - start) / delta);
	if (!(fabs(count) < 0x1p40)) {
		nc_error(ctx, node, "it never ends, or its output is too large");
		return false;
	}
	n = count > 0 ? (int64_t)count : 0;
	return nc_set_shape(ctx, node, 0, v->dtype, 1, &n);
}

bool nc_infer_eye_like(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = nc_out(node, 0);
	int64_t k = nc_attr_int(node, "k", 0), i;
	const struct nc_value *x;
	enum nc_dtype dtype;
	void *data;

	if (!nc_need(ctx, node, 1, 1) || !out)
		return false;
	x = node->inputs[0];
	dtype = nc_attr(node, "dtype") ?
		nc_dtype_from_onnx((int)nc_attr_int(node, "dtype", 0)) : x->dtype;
	if (x->rank != 2 || dtype == NC_NONE) {
		nc_error(ctx, node, "its input is no matrix, or its type is not supported");
		return false;
	}
	if (!nc_set_shape(ctx, node, 0, dtype, 2, x->dims))
		return false;
	data = nc_fold_alloc(ctx, out);
	if (!data) {
		nc_error(ctx, node, "its output is too large for a constant");
		return false;
	}
	for (i = 0; i < x->dims[0]; i++)
		if (k > -x->dims[0] && k < x->dims[1] && i + k >= 0 &&
		    i + k < x->dims[1])
			nc_put_int(dtype, data, i * x->dims[1] + i + k, 1);
	return true;
}
