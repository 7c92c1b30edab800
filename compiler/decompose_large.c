// SPDX-License-Identifier: MIT
/*
 * Reductions, softmaxes and normalisations over more elements than the
 * scratchpad holds: part by part, and then over the parts.
 */
#include <math.h>
#include "decompose.h"
#include "lir.h"

/* Elements of fp32 that an instruction may see as a whole, @copies times. */
static int64_t most_elements(const struct nc_builder *b, int copies)
{
	int64_t size = b->ctx->options->sbuf_size ? b->ctx->options->sbuf_size :
						    NEURON_DEFAULT_SBUF_SIZE;

	/* The rest is for what is loaded ahead. */
	return size / 8 * 5 / 4 / copies;
}

static int64_t elements(const struct nc_value *x, unsigned int axes)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < x->rank; i++)
		n *= axes >> i & 1 ? x->dims[i] : 1;
	return n;
}

static int longest(const struct nc_value *x, unsigned int axes)
{
	int best = -1, i;

	for (i = 0; i < x->rank; i++)
		if (axes >> i & 1 && (best < 0 || x->dims[i] > x->dims[best]))
			best = i;
	return best;
}

/* The same reduction of parts along an axis; the parts' results, joined there. */
static struct nc_value *of_parts(struct nc_builder *b, enum nc_op op,
				 struct nc_value *x, unsigned int axes, int64_t most)
{
	int64_t rest = elements(x, axes), length, from, n = 0;
	int axis = longest(x, axes);
	struct nc_value **parts;

	length = most / (rest / x->dims[axis]);
	if (length < 1)
		length = 1;
	parts = nc_alloc(b->ctx->arena, (size_t)(x->dims[axis] / length + 1),
			 sizeof(*parts));
	for (from = 0; from < x->dims[axis]; from += length) {
		int64_t end = from + length < x->dims[axis] ? from + length :
							      x->dims[axis];

		parts[n] = nc_build_slice(b, NULL, x, axis, from, end);
		parts[n] = nc_build_reduce(b, op, NULL, parts[n], axes);
		n++;
	}
	return nc_build_concat(b, NULL, parts, (unsigned int)n, axis);
}

/* What reduces the parts, and what follows; the parts' own is in *part. */
static enum nc_op over_parts(enum nc_op op, enum nc_op *part)
{
	*part = op;
	switch (op) {
	case NC_OP_ReduceMax:
	case NC_OP_ReduceMin:
	case NC_OP_ReduceProd:
		return op;
	case NC_OP_ReduceMean:
	case NC_OP_ReduceLogSum:
		*part = NC_OP_ReduceSum;
		return NC_OP_ReduceSum;
	case NC_OP_ReduceL2:
		*part = NC_OP_ReduceSumSquare;
		return NC_OP_ReduceSum;
	case NC_OP_ReduceLogSumExp:
		/* Of logarithms of sums it is the same again. */
		return op;
	default:
		return NC_OP_ReduceSum;
	}
}

void nc_decompose_reduce(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0], *y;
	int64_t most = most_elements(b, 1), n;
	enum nc_op op, part;
	unsigned int axes;

	if (!nc_reduce_axes(b->ctx, node, &axes))
		return;
	if (node->op == NC_OP_ReduceL2 && !nc_dtype_is_float(x->dtype)) {
		/* A root of integers. */
		y = nc_build_cast(b, NULL, x, NC_F32);
		y = nc_build_reduce(b, NC_OP_ReduceL2, NULL, y, axes);
		y = nc_build_reshape(b, NULL, y, out->rank, out->dims);
		nc_build_cast(b, out, y, out->dtype);
		return;
	}
	n = elements(x, axes);
	if (n <= most || x->rank < 1) {
		nc_keep(b);
		return;
	}
	op = over_parts(node->op, &part);
	y = of_parts(b, part, x, axes, most / 2);
	y = nc_build_reduce(b, op, NULL, y, axes);
	if (node->op == NC_OP_ReduceMean)
		y = nc_build_with(b, NC_OP_Div, NULL, y, (double)n);
	else if (node->op == NC_OP_ReduceL2)
		y = nc_build1(b, NC_OP_Sqrt, NULL, y);
	else if (node->op == NC_OP_ReduceLogSum)
		y = nc_build1(b, NC_OP_Log, NULL, y);
	nc_build_reshape(b, out, y, out->rank, out->dims);
}

/* ArgMax, ArgMin: the best of each part, then the best part. */
void nc_decompose_arg_reduce(struct nc_builder *b)
{
	struct nc_node *node = b->like, *arg;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0];
	struct nc_value **places, *best, *part, *offsets;
	bool max = node->op == NC_OP_ArgMax;
	int64_t most = most_elements(b, 1), length, from, n = 0, *data, *starts;
	int64_t dims[NC_MAX_RANK], count;
	int axis, i;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", 0), x->rank, &axis))
		return;
	if (x->dims[axis] <= most) {
		nc_keep(b);
		return;
	}
	length = most / 2;
	count = (x->dims[axis] + length - 1) / length;
	places = nc_alloc(b->ctx->arena, (size_t)count, sizeof(*places));
	starts = nc_alloc(b->ctx->arena, (size_t)count, sizeof(*starts));
	for (from = 0; from < x->dims[axis]; from += length, n++) {
		int64_t end = from + length < x->dims[axis] ? from + length :
							      x->dims[axis];

		part = nc_build_slice(b, NULL, x, axis, from, end);
		arg = nc_node_new(b->ctx, node, node->op, NULL, 1, part);
		nc_set_attr_int(b->ctx, arg, "axis", axis);
		nc_set_attr_int(b->ctx, arg, "select_last_index",
				nc_attr_int(node, "select_last_index", 0));
		places[n] = nc_build(b, arg);
		starts[n] = from;
	}
	part = of_parts(b, max ? NC_OP_ReduceMax : NC_OP_ReduceMin, x, 1u << axis, length);
	best = nc_node_new(b->ctx, node, node->op, NULL, 1, part)->outputs[0];
	nc_set_attr_int(b->ctx, best->producer, "axis", axis);
	nc_set_attr_int(b->ctx, best->producer, "select_last_index",
			nc_attr_int(node, "select_last_index", 0));
	best = nc_build(b, best->producer);

	/* The place in the best part: the sum over parts of what counts alone. */
	for (i = 0; i < x->rank; i++)
		dims[i] = i == axis ? n : 1;
	offsets = nc_value_like(b->ctx, node->name, NC_I64, x->rank, dims);
	data = nc_fold_alloc(b->ctx, offsets);
	if (!data)
		return;
	for (i = 0; i < n; i++)
		data[i] = starts[i];
	part = nc_build_concat(b, NULL, places, (unsigned int)n, axis);
	part = nc_build2(b, NC_OP_Add, NULL, part, offsets);
	best = nc_build2(b, NC_OP_Equal, NULL, best,
			 nc_build_range(b, NC_I64, x->rank, axis, n));
	part = nc_build3(b, NC_OP_Where, NULL, best, part, nc_build_scalar(b, NC_I64, 0));
	part = nc_build_reduce(b, NC_OP_ReduceSum, NULL, part, 1u << axis);
	nc_build_reshape(b, out, part, out->rank, out->dims);
}

/* Softmax, LogSoftmax */
void nc_decompose_softmax(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0], *y, *sum;
	int axis;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", -1), x->rank ? x->rank : 1,
		     &axis))
		return;
	if (!x->rank || x->dims[axis] <= most_elements(b, 2)) {
		nc_keep(b);
		return;
	}
	if (nc_decompose_wide(b))
		return;
	y = nc_build_reduce(b, NC_OP_ReduceMax, NULL, x, 1u << axis);
	x = nc_build2(b, NC_OP_Sub, NULL, x, y);
	y = nc_build1(b, NC_OP_Exp, NULL, x);
	sum = nc_build_reduce(b, NC_OP_ReduceSum, NULL, y, 1u << axis);
	if (node->op == NC_OP_Softmax)
		nc_build2(b, NC_OP_Div, out, y, sum);
	else
		nc_build2(b, NC_OP_Sub, out, x, nc_build1(b, NC_OP_Log, NULL, sum));
}

/* (x - mean) / sqrt(variance + epsilon) over axes; *@mean and *@inverse receive both. */
static struct nc_value *normalised(struct nc_builder *b, struct nc_value *x,
				   unsigned int axes, double epsilon,
				   struct nc_value **mean, struct nc_value **inverse)
{
	struct nc_value *y;

	*mean = nc_build_reduce(b, NC_OP_ReduceMean, NULL, x, axes);
	x = nc_build2(b, NC_OP_Sub, NULL, x, *mean);
	y = nc_build2(b, NC_OP_Mul, NULL, x, x);
	y = nc_build_reduce(b, NC_OP_ReduceMean, NULL, y, axes);
	y = nc_build_with(b, NC_OP_Add, NULL, y, epsilon);
	y = nc_build1(b, NC_OP_Sqrt, NULL, y);
	*inverse = nc_build1(b, NC_OP_Reciprocal, NULL, y);
	return nc_build2(b, NC_OP_Mul, NULL, x, *inverse);
}

void nc_decompose_layer_norm(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *mean, *inverse, *y;
	unsigned int axes;
	int axis;

	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", -1), x->rank, &axis))
		return;
	axes = ((1u << x->rank) - 1) & ~((1u << axis) - 1);
	if (elements(x, axes) <= most_elements(b, 2) || x->dtype != NC_F32) {
		nc_keep(b);
		return;
	}
	y = normalised(b, x, axes, nc_attr_float(node, "epsilon", 1e-5f), &mean, &inverse);
	y = nc_build2(b, NC_OP_Mul, nc_in(node, 2) ? NULL : nc_out(node, 0), y,
		      node->inputs[1]);
	if (nc_in(node, 2))
		nc_build2(b, NC_OP_Add, nc_out(node, 0), y, node->inputs[2]);
	if (nc_out(node, 1))
		nc_build1(b, NC_OP_Identity, node->outputs[1], mean);
	if (nc_out(node, 2))
		nc_build1(b, NC_OP_Identity, node->outputs[2], inverse);
}

/* One element per channel, to broadcast. */
static struct nc_value *by_channel(struct nc_builder *b, struct nc_value *value,
				   const struct nc_value *x)
{
	int64_t dims[NC_MAX_RANK];
	int i;

	for (i = 0; i < x->rank; i++)
		dims[i] = i == 1 ? x->dims[1] : 1;
	return nc_build_reshape(b, NULL, value, x->rank, dims);
}

void nc_decompose_instance_norm(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *mean, *inverse;
	unsigned int axes = ((1u << x->rank) - 1) & ~3u;

	if (elements(x, axes) <= most_elements(b, 2) || x->dtype != NC_F32) {
		nc_keep(b);
		return;
	}
	x = normalised(b, x, axes, nc_attr_float(node, "epsilon", 1e-5f), &mean, &inverse);
	x = nc_build2(b, NC_OP_Mul, NULL, x, by_channel(b, node->inputs[1], x));
	nc_build2(b, NC_OP_Add, node->outputs[0], x, by_channel(b, node->inputs[2], x));
}
