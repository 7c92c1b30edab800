// SPDX-License-Identifier: MIT
/*
 * Shapes that an input of the node says: constant, or computed while the model runs. What is
 * known of such numbers is in host_bound.c.
 */
#include <string.h>
#include "host.h"

/**
 * struct ints - a shape in an input: constant, or bounded
 * @n: its length
 * @most: the most that each element can be; the element itself where it is known
 * @known: a bit for each element that is known
 * @assumed: a bit for each of which nothing is known: it is the most that a dimension
 *	     is taken to be
 */
struct ints {
	int n;
	int64_t most[NC_MAX_RANK];
	unsigned int known;
	unsigned int assumed;
};

static bool bounded_ints(struct nc_ctx *ctx, struct nc_node *node, unsigned int input,
			 struct ints *ints)
{
	struct nc_value *value = nc_in(node, input);
	const struct nc_bounds *bounds;
	int i;

	*ints = (struct ints) { 0 };
	if (!value || nc_is_const(value)) {
		ints->n = nc_ints(ctx, node, input, "shape", ints->most, NC_MAX_RANK);
		ints->known = (1u << NC_MAX_RANK) - 1;
		return ints->n >= 0;
	}
	bounds = value->rank <= 1 && nc_numel(value) <= NC_MAX_RANK ?
		 nc_host_bounds(ctx, value) : NULL;
	if (!bounds) {
		nc_need_const(ctx, node, value, "shape");
		return false;
	}
	ints->n = (int)nc_numel(value);
	for (i = 0; i < ints->n; i++) {
		ints->most[i] = bounds->most[i];
		if (bounds->least[i] == bounds->most[i])
			ints->known |= 1u << i;
		if (bounds->most[i] < NC_NO_BOUND)
			continue;
		ints->most[i] = nc_host_max_dim(ctx, value);
		ints->assumed |= 1u << i;
		if (ints->most[i])
			continue;
		nc_need_const(ctx, node, value, "shape");
		return false;
	}
	return true;
}

bool nc_host_reshape(struct nc_ctx *ctx, struct nc_node *node)
{
	bool allow_zero = nc_attr_int(node, "allowzero", 0), computed;
	int64_t dims[NC_MAX_RANK], known = 1, sure = 1;
	unsigned int open = 0, same = 0;
	const struct nc_value *x;
	struct ints shape;
	int i, rest = -1;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	if (!bounded_ints(ctx, node, 1, &shape))
		return false;
	computed = (shape.known & ((1u << shape.n) - 1)) != (1u << shape.n) - 1;
	for (i = 0; i < shape.n; i++) {
		dims[i] = shape.most[i];
		/* There are not more elements than x has. */
		if (nc_bit(shape.assumed, i) && dims[i] > nc_numel(x))
			dims[i] = nc_numel(x);
		if (dims[i] == -1 && rest < 0) {
			rest = i;
			continue;
		}
		if (!dims[i] && !allow_zero && i < x->rank) {
			dims[i] = x->dims[i];
			if (nc_bit(x->open, i)) {
				open |= 1u << i;
				same |= 1u << i;
			}
		} else if (!nc_bit(shape.known, i)) {
			open |= 1u << i;
		}
		if (dims[i] < 0 || (dims[i] && known > NC_MAX_ELEMENTS / dims[i]))
			return nc_host_misfit(ctx, node);
		known *= dims[i];
		if (!nc_bit(shape.assumed, i))
			sure *= dims[i];
	}
	if (rest >= 0) {
		/* What is open here may be what is open in x: at most, all of it. */
		dims[rest] = sure ? (nc_numel(x) + sure - 1) / sure : 0;
		if (x->open & ~same || computed)
			open |= 1u << rest;
	} else if (known != nc_numel(x) && !computed && !x->open) {
		return nc_host_misfit(ctx, node);
	}
	return nc_host_set(ctx, node, 0, x->dtype, shape.n, dims, open);
}

/* Where it begins and ends is computed: each axis keeps what it has, at most. */
static bool computed_slice(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *starts = node->inputs[1];
	int64_t axes[NC_MAX_RANK];
	const struct nc_value *x = node->inputs[0];
	unsigned int open = x->open;
	int i, n, axis;

	if (starts->open || starts->rank != 1 || nc_numel(starts) > x->rank)
		return nc_host_misfit(ctx, node);
	n = (int)nc_numel(starts);
	if (nc_in(node, 3) && nc_ints(ctx, node, 3, "axes", axes, NC_MAX_RANK) != n)
		return false;
	for (i = 0; i < n; i++) {
		if (!nc_axis(ctx, node, nc_in(node, 3) ? axes[i] : i, x->rank, &axis))
			return false;
		open |= 1u << axis;
	}
	return nc_host_set(ctx, node, 0, x->dtype, x->rank, x->dims, open);
}

/* All of an axis, however long it is. */
static bool takes_all(const struct nc_node *node, int i, int64_t start, int64_t end, int64_t dim)
{
	const struct nc_value *steps = nc_in(node, 4);

	return !start && end >= dim && (!steps || nc_const_int(steps, i) == 1);
}

/*
 * A dimension that is open keeps no more than what the largest would, unless one end
 * counts from the start and the other from the end, or both are before the first element.
 */
bool nc_host_slice(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t starts[NC_MAX_RANK], ends[NC_MAX_RANK], axes[NC_MAX_RANK];
	const struct nc_value *x;
	struct nc_value *out = nc_out(node, 0);
	int i, n, axis;
	bool all = true;

	if (!nc_need(ctx, node, 3, 5))
		return false;
	for (i = 1; i < (int)node->num_inputs; i++)
		if (nc_in(node, (unsigned int)i) && !nc_is_const(node->inputs[i]))
			return computed_slice(ctx, node);
	if (!nc_ops[node->op].infer(ctx, node) || !out)
		return false;
	x = node->inputs[0];
	n = nc_ints(ctx, node, 1, "starts", starts, NC_MAX_RANK);
	if (n < 0 || nc_ints(ctx, node, 2, "ends", ends, NC_MAX_RANK) != n ||
	    (nc_in(node, 3) && nc_ints(ctx, node, 3, "axes", axes, NC_MAX_RANK) != n))
		return false;
	for (i = 0; i < n; i++) {
		if (!nc_axis(ctx, node, nc_in(node, 3) ? axes[i] : i, x->rank, &axis))
			return false;
		if (nc_bit(x->open, axis) && (starts[i] < 0) != (ends[i] < 0))
			out->dims[axis] = x->dims[axis];
		/* Backwards, where both ends are cut off there is one that a longer one has not. */
		if (nc_bit(x->open, axis) && starts[i] < 0 && ends[i] < 0 && !out->dims[axis] &&
		    x->dims[axis])
			out->dims[axis] = 1;
		all &= takes_all(node, i, starts[i], ends[i], x->dims[axis]);
	}
	out->open = x->open;
	if (all)
		nc_become(node, 0, node->inputs[0]);
	return true;
}

bool nc_host_expand(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value shape = { 0 };
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	unsigned int open = 0;
	struct ints ints;
	int rank, i;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	if (!bounded_ints(ctx, node, 1, &ints))
		return false;
	shape.rank = ints.n;
	memcpy(shape.dims, ints.most, sizeof(ints.most));
	shape.open = ~ints.known & ((1u << ints.n) - 1);
	if (!nc_broadcast(ctx, node, x, &shape, &rank, dims))
		return false;
	for (i = 0; i < rank; i++) {
		int a = i - (rank - x->rank), b = i - (rank - shape.rank);

		if ((a >= 0 && nc_bit(x->open, a)) || (b >= 0 && nc_bit(shape.open, b)))
			open |= 1u << i;
	}
	return nc_host_set(ctx, node, 0, x->dtype, rank, dims, open);
}

bool nc_host_tile(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	const struct nc_value *x;
	struct ints repeats;
	unsigned int open;
	int i;

	if (!nc_need(ctx, node, 2, 2) || !bounded_ints(ctx, node, 1, &repeats))
		return false;
	x = node->inputs[0];
	if (repeats.n != x->rank)
		return nc_host_misfit(ctx, node);
	open = x->open | (~repeats.known & ((1u << x->rank) - 1));
	for (i = 0; i < x->rank; i++)
		if (repeats.most[i] < 0 ||
		    __builtin_mul_overflow(x->dims[i], repeats.most[i], &dims[i]))
			return nc_host_misfit(ctx, node);
	return nc_host_set(ctx, node, 0, x->dtype, x->rank, dims, open);
}

/* As many pads as there are axes, before and after; how many there are is computed. */
static bool computed_pads(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x = node->inputs[0], *pads = node->inputs[1];
	const struct nc_bounds *bounds = nc_host_bounds(ctx, pads);
	int64_t axes[NC_MAX_RANK], dims[NC_MAX_RANK], most;
	unsigned int open = x->open;
	int i, n, axis, side;

	if (!bounds || pads->rank != 1 || nc_numel(pads) % 2 || nc_numel(pads) > 2 * x->rank ||
	    (!nc_in(node, 3) && nc_numel(pads) != 2 * x->rank))
		return nc_host_misfit(ctx, node);
	n = (int)nc_numel(pads) / 2;
	if (nc_in(node, 3) && nc_ints(ctx, node, 3, "axes", axes, NC_MAX_RANK) != n)
		return false;
	memcpy(dims, x->dims, sizeof(dims));
	for (i = 0; i < n; i++) {
		if (!nc_axis(ctx, node, nc_in(node, 3) ? axes[i] : i, x->rank, &axis))
			return false;
		for (side = 0; side < 2; side++) {
			int64_t k = i + side * n;

			most = bounds->most[k];
			if (most >= NC_NO_BOUND)
				most = nc_host_max_dim(ctx, pads);
			if (!most && bounds->most[k]) {
				nc_need_const(ctx, node, node->inputs[1], "list of pads");
				return false;
			}
			dims[axis] += most > 0 ? most : 0;
			if (bounds->least[k] != bounds->most[k])
				open |= 1u << axis;
			else if (most < 0)
				dims[axis] += most;
		}
		if (dims[axis] < 0)
			return nc_host_misfit(ctx, node);
	}
	return nc_host_set(ctx, node, 0, x->dtype, x->rank, dims, open);
}

bool nc_host_pad(struct nc_ctx *ctx, struct nc_node *node)
{
	if (!nc_need(ctx, node, 2, 4))
		return false;
	if (!nc_is_const(node->inputs[1]))
		return computed_pads(ctx, node);
	if (!nc_ops[node->op].infer(ctx, node))
		return false;
	if (nc_out(node, 0))
		node->outputs[0]->open = node->inputs[0]->open;
	return true;
}

bool nc_host_constant_of_shape(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "value");
	struct ints shape;

	return nc_need(ctx, node, 1, 1) && bounded_ints(ctx, node, 0, &shape) &&
	       nc_host_set(ctx, node, 0, attr && attr->kind == NC_ATTR_TENSOR ?
			   attr->tensor->dtype : NC_F32, shape.n, shape.most,
			   ~shape.known & ((1u << shape.n) - 1));
}

/* How many a Range has at most, if its start and step are known, and its limit's bound. */
static bool range_bound(struct nc_ctx *ctx, const struct nc_value *start,
			const struct nc_value *limit, const struct nc_value *delta, int64_t *n)
{
	const struct nc_bounds *bounds = nc_host_bounds(ctx, limit);
	int64_t step;

	if (!nc_is_const(start) || !nc_is_const(delta) || !bounds)
		return false;
	step = nc_const_int(delta, 0);
	if (step < 1 || bounds->most[0] >= NC_NO_BOUND)
		return false;
	*n = bounds->most[0] - nc_const_int(start, 0);
	*n = *n > 0 ? (*n + step - 1) / step : 0;
	return true;
}

/* What is not known when compiling. */
static struct nc_value *range_decider(struct nc_value *const *x)
{
	return x[!nc_is_const(x[0]) ? 0 : !nc_is_const(x[2]) ? 2 : 1];
}

bool nc_host_range(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value **x = node->inputs;
	int64_t n;
	int i;

	if (!nc_need(ctx, node, 3, 3))
		return false;
	for (i = 0; i < 3; i++)
		if (x[i]->open || nc_numel(x[i]) != 1 || x[i]->dtype != x[0]->dtype)
			return nc_host_misfit(ctx, node);
	if (!range_bound(ctx, x[0], x[1], x[2], &n)) {
		n = nc_host_max_dim(ctx, range_decider(x));
		if (!n) {
			nc_need_const(ctx, node, range_decider(x), "range");
			return false;
		}
	}
	return nc_host_set(ctx, node, 0, x[1]->dtype, 1, &n, 1);
}
