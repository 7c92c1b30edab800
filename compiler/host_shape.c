// SPDX-License-Identifier: MIT
/*
 * Shapes of what the host makes. Inference that the chip's operators have is used
 * where it is right for the largest shape, too; what remains is to say which
 * dimensions are open.
 */
#include <string.h>
#include "host.h"

/* What the operator's inference for the chip says, and which dimensions are open. */
static bool infer(struct nc_ctx *ctx, struct nc_node *node)
{
	return nc_ops[node->op].infer(ctx, node);
}

static void open_dims(struct nc_node *node, unsigned int open)
{
	if (nc_out(node, 0))
		node->outputs[0]->open = open;
}

bool nc_host_nonzero(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	int64_t dims[2];

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	dims[0] = x->rank ? x->rank : 1;
	dims[1] = nc_numel(x);
	return nc_host_set(ctx, node, 0, NC_I64, 2, dims, 2);
}

bool nc_host_compress(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "axis");
	const struct nc_value *x, *condition;
	int64_t dims[NC_MAX_RANK];
	int axis = 0;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	condition = node->inputs[1];
	if (attr && !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	if (condition->rank != 1 || condition->dtype != NC_BOOL)
		return nc_host_misfit(ctx, node);
	memcpy(dims, x->dims, sizeof(dims));
	if (!attr)
		dims[0] = nc_numel(x);
	if (condition->dims[0] < dims[axis])
		dims[axis] = condition->dims[0];
	return nc_host_set(ctx, node, 0, x->dtype, attr ? x->rank : 1, dims,
			   (attr ? x->open : 0) | 1u << axis);
}

bool nc_host_unique(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_attr *attr = nc_attr(node, "axis");
	int64_t dims[NC_MAX_RANK], count;
	const struct nc_value *x;
	unsigned int open = 0;
	int axis = 0;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (attr && !nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	memcpy(dims, x->dims, sizeof(dims));
	count = attr ? x->dims[axis] : nc_numel(x);
	dims[axis] = count;
	if (attr)
		open = x->open;
	return nc_host_set(ctx, node, 0, x->dtype, attr ? x->rank : 1, dims,
			   open | 1u << axis) &&
	       nc_host_set(ctx, node, 1, NC_I64, 1, &count, 1) &&
	       nc_host_set(ctx, node, 2, NC_I64, 1, &count,
			   attr ? nc_bit(x->open, axis) : x->open != 0) &&
	       nc_host_set(ctx, node, 3, NC_I64, 1, &count, 1);
}

bool nc_host_nms(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *boxes, *scores, *most;
	int64_t dims[2] = { 0, 3 }, count;

	if (!nc_need(ctx, node, 2, 5))
		return false;
	boxes = node->inputs[0];
	scores = node->inputs[1];
	most = nc_in(node, 2);
	if (boxes->rank != 3 || scores->rank != 3 || boxes->dims[2] != 4 ||
	    boxes->dims[0] != scores->dims[0] || boxes->dims[1] != scores->dims[2])
		return nc_host_misfit(ctx, node);
	/* Without a number nothing is selected. */
	count = most ? boxes->dims[1] : 0;
	if (most && nc_is_const(most) && nc_numel(most) == 1 &&
	    nc_const_int(most, 0) < count)
		count = nc_const_int(most, 0) < 0 ? 0 : nc_const_int(most, 0);
	dims[0] = scores->dims[0] * scores->dims[1];
	if (count && dims[0] > NC_MAX_ELEMENTS / count)
		return nc_host_misfit(ctx, node);
	dims[0] *= count;
	return nc_host_set(ctx, node, 0, NC_I64, 2, dims, 1);
}

bool nc_host_top_k(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *k;
	int64_t dims[NC_MAX_RANK];
	unsigned int open;
	int axis;

	if (!nc_need(ctx, node, 2, 2))
		return false;
	x = node->inputs[0];
	k = node->inputs[1];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return false;
	if (k->dtype != NC_I64 || nc_numel(k) != 1)
		return nc_host_misfit(ctx, node);
	memcpy(dims, x->dims, sizeof(dims));
	open = x->open & ~(1u << axis);
	if (!nc_is_const(k))
		open |= 1u << axis;
	else if (nc_const_int(k, 0) <= dims[axis])
		dims[axis] = nc_const_int(k, 0);
	else
		return nc_host_misfit(ctx, node);
	return nc_host_set(ctx, node, 0, x->dtype, x->rank, dims, open) &&
	       nc_host_set(ctx, node, 1, NC_I64, x->rank, dims, open);
}

/* A shape is known to be no more than what the value's is. */
static bool set_most(struct nc_ctx *ctx, struct nc_node *node, int rank, int64_t count,
		     const int64_t *most, unsigned int open)
{
	if (!nc_host_set(ctx, node, 0, NC_I64, rank, &count, 0))
		return false;
	if (nc_out(node, 0))
		nc_host_bound_dims(ctx, node->outputs[0], most, open);
	return true;
}

bool nc_host_shape_of(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t start, count;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	count = nc_shape_part(node, &start);
	return set_most(ctx, node, 1, count, node->inputs[0]->dims + start,
			node->inputs[0]->open >> start);
}

bool nc_host_size_of(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t n;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	n = nc_numel(node->inputs[0]);
	return set_most(ctx, node, 0, 1, &n, node->inputs[0]->open ? 1 : 0);
}

bool nc_host_squeeze(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	int64_t dims[NC_MAX_RANK];
	unsigned int mask, open = 0;
	int i, rank = 0;

	if (!nc_need(ctx, node, 1, 2) ||
	    !nc_axes(ctx, node, 1, node->inputs[0]->rank, &mask))
		return false;
	x = node->inputs[0];
	for (i = 0; i < x->rank; i++) {
		bool drop = nc_in(node, 1) ? nc_bit(mask, i) :
			    x->dims[i] == 1 && !nc_bit(x->open, i);

		/* One that is open can turn out to be 1. */
		if (drop && x->dims[i] != 1 && !nc_bit(x->open, i))
			return nc_host_misfit(ctx, node);
		if (drop)
			continue;
		open |= (unsigned int)nc_bit(x->open, i) << rank;
		dims[rank++] = x->dims[i];
	}
	return nc_host_set(ctx, node, 0, x->dtype, rank, dims, open);
}

bool nc_host_unsqueeze(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = nc_out(node, 0);
	const struct nc_value *x;
	unsigned int mask, open = 0;
	int i, k = 0;

	if (!infer(ctx, node))
		return false;
	x = node->inputs[0];
	if (!out || !nc_axes(ctx, node, 1, out->rank, &mask))
		return false;
	for (i = 0; i < out->rank; i++)
		if (!nc_bit(mask, i))
			open |= (unsigned int)nc_bit(x->open, k++) << i;
	open_dims(node, open);
	return true;
}

bool nc_host_flatten(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t axis;
	int rank;

	if (!infer(ctx, node))
		return false;
	rank = node->inputs[0]->rank;
	axis = nc_attr_int(node, "axis", 1);
	axis += axis < 0 ? rank : 0;
	open_dims(node, (node->inputs[0]->open & ((1u << axis) - 1) ? 1 : 0) |
		  (node->inputs[0]->open >> axis ? 2 : 0));
	return true;
}

bool nc_host_transpose(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	const int64_t *perm;
	unsigned int open = 0;
	size_t n;
	int i;

	if (!infer(ctx, node))
		return false;
	x = node->inputs[0];
	n = nc_attr_ints(node, "perm", &perm);
	for (i = 0; i < x->rank; i++)
		open |= (unsigned int)nc_bit(x->open, n ? (int)perm[i] : x->rank - 1 - i) << i;
	open_dims(node, open);
	return true;
}

bool nc_host_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i, open = 0;

	if (!infer(ctx, node))
		return false;
	for (i = 0; i < node->num_inputs; i++)
		open |= node->inputs[i]->open;
	open_dims(node, open);
	return true;
}

bool nc_host_gather(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index;
	unsigned int open = 0;
	int axis, i, k = 0;

	if (!infer(ctx, node))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	for (i = 0; i < axis; i++)
		open |= (unsigned int)nc_bit(x->open, i) << k++;
	for (i = 0; i < index->rank; i++)
		open |= (unsigned int)nc_bit(index->open, i) << k++;
	for (i = axis + 1; i < x->rank; i++)
		open |= (unsigned int)nc_bit(x->open, i) << k++;
	open_dims(node, open);
	return true;
}

bool nc_host_gather_elements(struct nc_ctx *ctx, struct nc_node *node)
{
	if (!infer(ctx, node))
		return false;
	open_dims(node, node->inputs[1]->open);
	return true;
}

bool nc_host_gather_nd(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x, *index;
	unsigned int open = 0;
	int i, k = 0;
	int64_t from;

	if (!infer(ctx, node))
		return false;
	x = node->inputs[0];
	index = node->inputs[1];
	/* How many dimensions an index has decides the rank. */
	if (nc_bit(index->open, index->rank - 1))
		return nc_host_misfit(ctx, node);
	for (i = 0; i < index->rank - 1; i++)
		open |= (unsigned int)nc_bit(index->open, i) << k++;
	from = nc_attr_int(node, "batch_dims", 0) + index->dims[index->rank - 1];
	for (i = (int)from; i < x->rank; i++)
		open |= (unsigned int)nc_bit(x->open, i) << k++;
	open_dims(node, open);
	return true;
}

/* What is reduced is open no more. */
bool nc_host_reduce(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = nc_out(node, 0);
	const struct nc_value *x;
	unsigned int mask, open = 0;
	int i, k = 0;

	if (!infer(ctx, node) || !out)
		return false;
	if (out->alias)
		return true;
	x = node->inputs[0];
	if (!nc_axes(ctx, node, 1, x->rank, &mask))
		return false;
	if (!mask && !nc_attr_int(node, "noop_with_empty_axes", 0))
		mask = (1u << x->rank) - 1;
	for (i = 0; i < x->rank; i++) {
		if (!nc_bit(mask, i))
			open |= (unsigned int)nc_bit(x->open, i) << k++;
		else if (nc_attr_int(node, "keepdims", 1))
			k++;
	}
	open_dims(node, open);
	return true;
}

bool nc_host_arg(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	unsigned int open = 0;
	int i, k = 0, axis;

	if (!infer(ctx, node))
		return false;
	x = node->inputs[0];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	for (i = 0; i < x->rank; i++) {
		if (i != axis)
			open |= (unsigned int)nc_bit(x->open, i) << k++;
		else if (nc_attr_int(node, "keepdims", 1))
			k++;
	}
	open_dims(node, open);
	return true;
}

/* The mean and the deviation of what is normalised are one each. */
bool nc_host_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int open, i;
	int axis;

	if (!infer(ctx, node) ||
	    !nc_axis(ctx, node, nc_attr_int(node, "axis", -1), node->inputs[0]->rank, &axis))
		return false;
	open = node->inputs[0]->open;
	for (i = 0; i < node->num_outputs; i++)
		if (nc_out(node, i))
			node->outputs[i]->open = i ? open & ((1u << axis) - 1) : open;
	return true;
}

/*
 * Equal parts of what is open are open, and the last one is not always the smallest. Parts
 * whose sizes are given are as large as that, and the model says that they are all.
 */
static bool split_open(struct nc_ctx *ctx, struct nc_node *node, int axis)
{
	const struct nc_value *x = node->inputs[0];
	int64_t sizes[HOSTOP_MAX_OUTPUTS], dims[NC_MAX_RANK], parts = node->num_outputs;
	unsigned int i, open = x->open;
	bool given = nc_in(node, 1);
	int64_t rest = x->dims[axis];

	if (given) {
		open &= ~(1u << axis);
		if (nc_ints(ctx, node, 1, "list of sizes", sizes, HOSTOP_MAX_OUTPUTS) < 0)
			return false;
		if (nc_numel(node->inputs[1]) != parts)
			return nc_host_misfit(ctx, node);
	}
	memcpy(dims, x->dims, sizeof(dims));
	for (i = 0; i < node->num_outputs; i++) {
		dims[axis] = given ? sizes[i] : (x->dims[axis] + parts - 1) / parts;
		if (given && (sizes[i] < 0 || sizes[i] > rest))
			return nc_host_misfit(ctx, node);
		rest -= given ? sizes[i] : 0;
		if (!nc_host_set(ctx, node, i, x->dtype, x->rank, dims, open))
			return false;
	}
	return true;
}

bool nc_host_split(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;
	unsigned int i;
	int axis;

	if (!nc_need(ctx, node, 1, 2))
		return false;
	x = node->inputs[0];
	if (!nc_axis(ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return false;
	if (node->num_outputs > HOSTOP_MAX_OUTPUTS) {
		nc_error(ctx, node, "it has %u outputs, on the host %d are the most",
			 node->num_outputs, HOSTOP_MAX_OUTPUTS);
		return false;
	}
	if (nc_bit(x->open, axis))
		return split_open(ctx, node, axis);
	if (!infer(ctx, node))
		return false;
	for (i = 0; i < node->num_outputs; i++)
		if (nc_out(node, i))
			node->outputs[i]->open = x->open;
	return true;
}

/*
 * Products
 */

static bool of_floats(struct nc_ctx *ctx, const struct nc_node *node)
{
	if (nc_dtype_is_float(node->inputs[0]->dtype))
		return true;
	nc_error(ctx, node, "on the host it is defined for floats, not for %s",
		 nc_dtype_name(node->inputs[0]->dtype));
	return false;
}

bool nc_host_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value *out = nc_out(node, 0);
	unsigned int open = 0, i;
	int k, batches;

	if (!infer(ctx, node) || !of_floats(ctx, node) || !out)
		return false;
	/* What is broadcast ends where the matrices begin, of which each gives one side. */
	batches = out->rank;
	for (i = 0; i < 2; i++) {
		const struct nc_value *x = node->inputs[i];

		batches -= x->rank > 1;
	}
	for (i = 0; i < 2; i++) {
		const struct nc_value *x = node->inputs[i];

		for (k = 0; k < x->rank - 2; k++)
			open |= (unsigned int)nc_bit(x->open, k) << (batches - (x->rank - 2) + k);
		if (x->rank > 1)
			open |= (unsigned int)nc_bit(x->open, x->rank - 2 + (int)i) <<
				(i ? out->rank - 1 : batches);
	}
	open_dims(node, open);
	return true;
}

bool nc_host_gemm(struct nc_ctx *ctx, struct nc_node *node)
{
	bool ta = nc_attr_int(node, "transA", 0), tb = nc_attr_int(node, "transB", 0);

	if (!infer(ctx, node) || !of_floats(ctx, node))
		return false;
	open_dims(node, (unsigned int)nc_bit(node->inputs[0]->open, ta) |
			(unsigned int)nc_bit(node->inputs[1]->open, !tb) << 1);
	return true;
}

/* Conv and ConvTranspose: larger inputs never give smaller outputs. */
bool nc_host_conv(struct nc_ctx *ctx, struct nc_node *node)
{
	const int64_t *shape;
	unsigned int open, i;

	if (!nc_need(ctx, node, 2, 3))
		return false;
	open = node->inputs[0]->open;
	for (i = 1; i < node->num_inputs; i++) {
		if (!node->inputs[i] || !node->inputs[i]->open)
			continue;
		nc_error(ctx, node, "the shape of its %s depends on data, which only its input's may",
			 i == 1 ? "weights" : "bias");
		return false;
	}
	if (nc_bit(open, 1)) {
		nc_error(ctx, node, "how many channels it has depends on data; only its batch and what follows the channels may");
		return false;
	}
	if (!infer(ctx, node))
		return false;
	if (node->op == NC_OP_ConvTranspose && nc_attr_ints(node, "output_shape", &shape))
		open &= 1;
	open_dims(node, open);
	return true;
}

/* RNN, GRU and LSTM: of the sequence alone it may depend on data how long it is. */
bool nc_host_recurrent(struct nc_ctx *ctx, struct nc_node *node)
{
	const bool layout = nc_attr_int(node, "layout", 0);
	unsigned int i, sequence = 1u << layout;

	if (!infer(ctx, node))
		return false;
	for (i = 0; i < node->num_inputs; i++) {
		unsigned int may = i ? 0 : sequence;

		if (!node->inputs[i] || !(node->inputs[i]->open & ~may))
			continue;
		nc_error(ctx, node, "the shape of its input %u depends on data; only how many steps there are may",
			 i);
		return false;
	}
	if (nc_out(node, 0))
		node->outputs[0]->open = node->inputs[0]->open;
	return true;
}

bool nc_host_det(struct nc_ctx *ctx, struct nc_node *node)
{
	const struct nc_value *x;

	if (!nc_need(ctx, node, 1, 1))
		return false;
	x = node->inputs[0];
	if (x->rank < 2 || x->dims[x->rank - 1] != x->dims[x->rank - 2] ||
	    !nc_dtype_is_float(x->dtype))
		return nc_host_misfit(ctx, node);
	return nc_host_set(ctx, node, 0, x->dtype, x->rank - 2, x->dims,
			   x->open & ((1u << (x->rank - 2)) - 1));
}

bool nc_host_cast(struct nc_ctx *ctx, struct nc_node *node)
{
	if (!infer(ctx, node))
		return false;
	open_dims(node, node->inputs[0]->open);
	return true;
}

/* Next to a dimension that is known, and not 1, an open one becomes the same. */
bool nc_host_broadcast(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_value all;
	unsigned int i;

	if (!infer(ctx, node))
		return false;
	all = *node->inputs[0];
	for (i = 1; i < node->num_inputs; i++) {
		unsigned int open = nc_broadcast_open(&all, node->inputs[i]);

		if (!nc_broadcast(ctx, node, &all, node->inputs[i], &all.rank, all.dims))
			return false;
		all.open = open;
	}
	open_dims(node, all.open);
	return true;
}

bool nc_host_compare(struct nc_ctx *ctx, struct nc_node *node)
{
	if (nc_in(node, 0) && node->inputs[0]->dtype == NC_STRING &&
	    node->op != NC_OP_Equal) {
		nc_error(ctx, node, "it is not defined for strings");
		return false;
	}
	return nc_host_broadcast(ctx, node);
}
