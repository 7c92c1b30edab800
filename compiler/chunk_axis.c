// SPDX-License-Identifier: MIT
/*
 * Where the dimension goes in which a node's inputs are open, for nodes that do the same
 * everywhere along it, or look at neighbours as far as their window reaches: see chunk.h.
 */
#include <string.h>
#include "chunk.h"

int nc_chunk_open_axis(const struct nc_value *value)
{
	int i;

	for (i = 0; i < value->rank; i++)
		if (value->open == 1u << i)
			return i;
	return -1;
}

static int positive(int64_t axis, int rank)
{
	return (int)(axis < 0 ? axis + rank : axis);
}

/* A bit for each axis that a constant input names; 0: it is not constant, or not there. */
static unsigned int named_axes(const struct nc_node *node, unsigned int input, int rank)
{
	const struct nc_value *axes = nc_in(node, input);
	unsigned int mask = 0;
	int64_t i;

	for (i = 0; nc_is_const(axes) && i < nc_numel(axes); i++)
		mask |= 1u << positive(nc_const_int(axes, i), rank);
	return mask;
}

static int through_transpose(const struct nc_node *node, int axis)
{
	int rank = node->inputs[0]->rank, i;
	const int64_t *perm;

	if (!nc_attr_ints(node, "perm", &perm))
		return rank - 1 - axis;
	for (i = 0; i < rank && perm[i] != axis; i++)
		;
	return i;
}

/* Other axes are cut alone. */
static int through_slice(const struct nc_node *node, int axis)
{
	const struct nc_value *x = node->inputs[0], *starts = nc_in(node, 1);
	unsigned int i;

	for (i = 1; i < node->num_inputs; i++)
		if (node->inputs[i] && !nc_is_const(node->inputs[i]))
			return -1;
	if (nc_in(node, 3))
		return named_axes(node, 3, x->rank) >> axis & 1 ? -1 : axis;
	return starts && nc_numel(starts) <= axis ? axis : -1;
}

static int through_unsqueeze(const struct nc_node *node, int axis)
{
	unsigned int mask = named_axes(node, 1, node->outputs[0]->rank);
	int i;

	for (i = 0; mask && i < node->outputs[0]->rank; i++)
		if (!(mask >> i & 1) && !axis--)
			return i;
	return -1;
}

/* @keep: what is named stays, as 1. */
static int without(unsigned int mask, int axis, bool keep)
{
	if (!mask || mask >> axis & 1)
		return -1;
	return keep ? axis : axis - __builtin_popcount(mask & ((1u << axis) - 1));
}

static int through_gather(const struct nc_node *node, int axis)
{
	int at = positive(nc_attr_int(node, "axis", 0), node->inputs[0]->rank);

	if (!nc_is_const(node->inputs[1]) || at == axis)
		return -1;
	return axis < at ? axis : axis + node->inputs[1]->rank - 1;
}

/* What is before the dimension and behind it stays the product that it is. */
static int through_reshape(const struct nc_node *node, int axis)
{
	const struct nc_value *x = node->inputs[0], *shape = node->inputs[1];
	const struct nc_value *out = node->outputs[0];
	int64_t before = 1, so_far = 1, behind = 1, rest = 1;
	int i, at = nc_chunk_open_axis(out);

	if (!nc_is_const(shape) || at < 0)
		return -1;
	for (i = 0; i < axis; i++)
		before *= x->dims[i];
	for (i = axis + 1; i < x->rank; i++)
		behind *= x->dims[i];
	for (i = 0; i < at; i++)
		so_far *= out->dims[i];
	for (i = at + 1; i < out->rank; i++)
		rest *= out->dims[i];
	/* As -1, or as 0 that copies it. */
	if (before != so_far || behind != rest || nc_const_int(shape, at) > 0)
		return -1;
	return at;
}

static int through_reduce(const struct nc_node *node, int axis)
{
	return without(named_axes(node, 1, node->inputs[0]->rank), axis,
		       nc_attr_int(node, "keepdims", 1));
}

static int through_concat(const struct nc_node *node, int axis)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		if (!node->inputs[i]->open)
			return -1;
	return positive(nc_attr_int(node, "axis", 0), node->outputs[0]->rank) == axis ? -1 : axis;
}

static int through_matmul(const struct nc_node *node, int axis)
{
	const int rank = node->inputs[0]->rank;

	/* Rows of any matrix, or matrices that are multiplied by the same one. */
	return axis == rank - 2 || (axis < rank - 2 && node->inputs[1]->rank == 2) ?
	       axis + node->outputs[0]->rank - rank : -1;
}

static int unless(int other, int axis)
{
	return other == axis ? -1 : axis;
}

/* One scale for all, or one for each element of another axis. */
static int through_quantize(const struct nc_node *node, int axis)
{
	const struct nc_value *scale = nc_in(node, 1);

	if (!scale || nc_attr_int(node, "block_size", 0))
		return -1;
	return nc_numel(scale) == 1 ? axis :
	       unless(positive(nc_attr_int(node, "axis", 1), node->inputs[0]->rank), axis);
}

/* How often Resize and Upsample repeat each element along an axis; 0: they do more. */
static int64_t repeats(const struct nc_node *node, int axis)
{
	const struct nc_value *scales = nc_in(node, node->op == NC_OP_Resize ? 2 : 1);
	const char *where = nc_attr_string(node, "coordinate_transformation_mode", "half_pixel");
	const char *nearest = nc_attr_string(node, "nearest_mode", "round_prefer_floor");
	bool floor = !strcmp(where, "asymmetric") && !strcmp(nearest, "floor");
	double scale;

	if (!nc_is_const(scales) || nc_numel(scales) != node->inputs[0]->rank ||
	    strcmp(nc_attr_string(node, "mode", "nearest"), "nearest") || nc_attr(node, "axes"))
		return 0;
	if (node->op == NC_OP_Resize && !floor &&
	    (strcmp(where, "half_pixel") || strcmp(nearest, "round_prefer_floor")))
		return 0;
	scale = nc_const_double(scales, axis);
	return scale >= 1 && scale <= NC_CHUNK_MAX_RATE && scale == (double)(int64_t)scale ?
	       (int64_t)scale : 0;
}

/*
 * The dimension of the outputs that @axis of input @k becomes; -1: the node is none that
 * does the same everywhere along it.
 */
static int through(const struct nc_node *node, unsigned int k, int axis)
{
	const struct nc_value *x = node->inputs[k];
	int wider = node->outputs[0]->rank - x->rank;

	switch (node->op) {
	case NC_OP_Add:
	case NC_OP_Sub:
	case NC_OP_Mul:
	case NC_OP_Div:
	case NC_OP_Pow:
	case NC_OP_Max:
	case NC_OP_Min:
	case NC_OP_Sum:
	case NC_OP_Mean:
		/* The host's integers wrap around, the chip's saturate. */
		return x->dtype == NC_F32 ? axis + wider : -1;
	case NC_OP_SkipLayerNormalization:
	case NC_OP_SkipSimplifiedLayerNormalization:
		return k < 2 && axis != x->rank - 1 ? axis : -1;
	case NC_OP_Concat:
		return through_concat(node, axis);
	case NC_OP_Where:
		return axis + wider;
	default:
		break;
	}
	/* Only their first input may be open. */
	if (k)
		return -1;
	switch (node->op) {
	case NC_OP_PRelu:
		return axis + wider;
	case NC_OP_Relu:
	case NC_OP_LeakyRelu:
	case NC_OP_Elu:
	case NC_OP_Selu:
	case NC_OP_Tanh:
	case NC_OP_Sigmoid:
	case NC_OP_HardSigmoid:
	case NC_OP_HardSwish:
	case NC_OP_Softplus:
	case NC_OP_Softsign:
	case NC_OP_Mish:
	case NC_OP_Gelu:
	case NC_OP_Erf:
	case NC_OP_Neg:
	case NC_OP_Abs:
	case NC_OP_Exp:
	case NC_OP_Log:
	case NC_OP_Sqrt:
	case NC_OP_Reciprocal:
	case NC_OP_Sin:
	case NC_OP_Cos:
	case NC_OP_Clip:
	case NC_OP_Identity:
	case NC_OP_Cast:
	case NC_OP_Sign:
	case NC_OP_Floor:
	case NC_OP_Ceil:
	case NC_OP_Round:
	case NC_OP_ThresholdedRelu:
	case NC_OP_Celu:
	case NC_OP_Shrink:
	case NC_OP_Swish:
	case NC_OP_Tan:
	case NC_OP_Asin:
	case NC_OP_Acos:
	case NC_OP_Atan:
	case NC_OP_Sinh:
	case NC_OP_Cosh:
	case NC_OP_Asinh:
	case NC_OP_Acosh:
	case NC_OP_Atanh:
	case NC_OP_QuickGelu:
		return axis;
	case NC_OP_FastGelu:
	case NC_OP_BiasGelu:
		return unless(x->rank - 1, axis);
	case NC_OP_BatchNormalization:
		return nc_attr_int(node, "training_mode", 0) ? -1 : unless(1, axis);
	case NC_OP_LRN:
		return unless(1, axis);
	case NC_OP_QuantizeLinear:
	case NC_OP_DequantizeLinear:
		return through_quantize(node, axis);
	case NC_OP_Resize:
	case NC_OP_Upsample:
		return repeats(node, axis) ? axis : -1;
	case NC_OP_Conv:
	case NC_OP_ConvTranspose:
		return axis < 2 ? -1 : axis;
	case NC_OP_MatMul:
	case NC_OP_MatMulInteger:
		return through_matmul(node, axis);
	case NC_OP_MatMulNBits:
		return unless(x->rank - 1, axis);
	case NC_OP_Transpose:
		return through_transpose(node, axis);
	case NC_OP_Slice:
		return through_slice(node, axis);
	case NC_OP_Split:
		return unless(positive(nc_attr_int(node, "axis", 0), x->rank), axis);
	case NC_OP_Softmax:
	case NC_OP_LogSoftmax:
	case NC_OP_Hardmax:
	case NC_OP_LpNormalization:
		return unless(positive(nc_attr_int(node, "axis", -1), x->rank), axis);
	case NC_OP_LayerNormalization:
	case NC_OP_RMSNormalization:
	case NC_OP_SimplifiedLayerNormalization:
		return node->num_outputs == 1 &&
		       positive(nc_attr_int(node, "axis", -1), x->rank) > axis ? axis : -1;
	case NC_OP_Unsqueeze:
		return through_unsqueeze(node, axis);
	case NC_OP_Squeeze:
		return without(named_axes(node, 1, x->rank), axis, false);
	case NC_OP_Gather:
		return through_gather(node, axis);
	case NC_OP_Reshape:
		return through_reshape(node, axis);
	case NC_OP_ReduceSum:
	case NC_OP_ReduceMean:
	case NC_OP_ReduceMax:
	case NC_OP_ReduceMin:
		return through_reduce(node, axis);
	default:
		return -1;
	}
}

/* It gives as many elements as it gets. */
static bool conv_reach(const struct nc_window *w, int i, struct nc_reach *reach)
{
	int64_t extent = (w->kernel[i] - 1) * w->dilation[i];

	reach->moves = extent;
	reach->before = w->pad_lo[i];
	reach->behind = w->pad_hi[i];
	return w->stride[i] == 1 && w->pad_lo[i] + w->pad_hi[i] == extent &&
	       w->pad_lo[i] >= 0 && w->pad_hi[i] >= 0;
}

/* It gives @stride times as many. */
static bool transpose_reach(const struct nc_node *node, const struct nc_window *w, int i,
			    struct nc_reach *reach)
{
	int64_t extent = (w->kernel[i] - 1) * w->dilation[i] + 1, more = 0;
	const int64_t *ints;

	if (nc_attr_ints(node, "output_shape", &ints) ||
	    !strncmp(nc_attr_string(node, "auto_pad", "NOTSET"), "SAME", 4))
		return false;
	if (nc_attr_ints(node, "output_padding", &ints))
		more = ints[i];
	reach->moves = extent != w->stride[i] || w->pad_lo[i];
	reach->up = w->stride[i];
	/* Element j of the input goes to up * j - pad_lo and the extent behind it. */
	reach->before = extent - 1 - w->pad_lo[i];
	reach->behind = w->pad_lo[i];
	return extent + more - w->pad_lo[i] - w->pad_hi[i] == w->stride[i] &&
	       w->pad_lo[i] >= 0 && reach->before >= 0;
}

bool nc_chunk_reach(const struct nc_node *node, struct nc_reach *reach)
{
	struct nc_window w;

	*reach = (struct nc_reach) { .up = 1 };
	if (node->op == NC_OP_Resize || node->op == NC_OP_Upsample)
		reach->up = repeats(node, nc_chunk_open_axis(node->inputs[0]));
	if (node->op != NC_OP_Conv && node->op != NC_OP_ConvTranspose)
		return true;
	if (nc_window(node, &w))
		return false;
	return node->op == NC_OP_Conv ?
	       conv_reach(&w, nc_chunk_open_axis(node->inputs[0]) - 2, reach) :
	       transpose_reach(node, &w, nc_chunk_open_axis(node->inputs[0]) - 2, reach);
}

bool nc_chunk_takes(enum nc_dtype dtype)
{
	return dtype == NC_F32 || dtype == NC_I32 || dtype == NC_I8 || dtype == NC_U8;
}

int nc_chunk_axis(const struct nc_node *node)
{
	unsigned int i;
	int axis = -1;

	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_value *x = node->inputs[i];
		int in, out;

		if (!x || !x->open)
			continue;
		in = nc_chunk_open_axis(x);
		out = in < 0 || !nc_chunk_takes(x->dtype) ? -1 : through(node, i, in);
		if (out < 0 || (axis >= 0 && out != axis))
			return -1;
		axis = out;
	}
	return axis;
}
