// SPDX-License-Identifier: MIT
/*
 * What each operator needs of its inputs for a part of its result.
 *
 * An operator without a rule here makes its whole result. That is never wrong: the
 * part is cut out of it afterwards.
 */
#include <string.h>
#include "cores.h"
#include "front.h"

static const struct nc_range whole = { .axis = NC_WHOLE };

static int64_t size_of(const struct nc_range *r)
{
	return r->hi - r->lo;
}

/*
 * An input that is broadcast to the output's shape. False where the shapes say
 * something else.
 */
static bool broadcast(const struct nc_value *in, const struct nc_value *out,
		      const struct nc_range *r, struct nc_range *need)
{
	int axis = r->axis - (out->rank - in->rank);

	*need = whole;
	if (axis < 0 || in->dims[axis] == 1)
		return true;
	if (in->dims[axis] != out->dims[r->axis])
		return false;
	*need = (struct nc_range) { axis, r->lo, r->hi };
	return true;
}

static bool need_broadcast(const struct nc_node *node, const struct nc_range *r,
			   struct nc_range *in)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		if (node->inputs[i] &&
		    !broadcast(node->inputs[i], node->outputs[0], r, &in[i]))
			return false;
	return true;
}

/* The same part of the first input, and of the others everything. */
static bool need_same(const struct nc_node *node, const struct nc_range *r,
		      struct nc_range *in)
{
	if (!nc_same_shape(node->inputs[0], node->outputs[0]))
		return false;
	in[0] = *r;
	return true;
}

/* Scales and zero points of one element; else they go along the node's axis. */
static bool need_quantized(const struct nc_node *node, const struct nc_range *r,
			   struct nc_range *in)
{
	const struct nc_value *x = node->inputs[0], *scale = nc_in(node, 1);
	int64_t axis = nc_attr_int(node, "axis", 1);

	if (axis < 0)
		axis += x->rank;
	return scale && (nc_numel(scale) == 1 || axis != r->axis) &&
	       need_same(node, r, in);
}

/* Rows of a, columns of b, or the dimensions before them. */
static bool need_matmul(const struct nc_node *node, unsigned int b_input,
			const struct nc_range *r, struct nc_range *in)
{
	const struct nc_value *a = node->inputs[0], *b = node->inputs[b_input];
	const struct nc_value *out = node->outputs[0];

	if (a->rank < 2 || b->rank < 2 || !nc_numel(a) || !nc_numel(b))
		return false;
	if (r->axis == out->rank - 1) {
		in[b_input] = (struct nc_range) { b->rank - 1, r->lo, r->hi };
		return true;
	}
	if (r->axis == out->rank - 2) {
		in[0] = (struct nc_range) { a->rank - 2, r->lo, r->hi };
		return true;
	}
	return broadcast(a, out, r, &in[0]) && broadcast(b, out, r, &in[b_input]);
}

static bool need_gemm(const struct nc_node *node, const struct nc_range *r,
		      struct nc_range *in)
{
	bool ta = nc_attr_int(node, "transA", 0), tb = nc_attr_int(node, "transB", 0);

	if (r->axis == 0)
		in[0] = (struct nc_range) { ta ? 1 : 0, r->lo, r->hi };
	else
		in[1] = (struct nc_range) { tb ? 0 : 1, r->lo, r->hi };
	return !nc_in(node, 2) ||
	       broadcast(node->inputs[2], node->outputs[0], r, &in[2]);
}

/* Elements of the input under the windows [lo, hi), without the padding. */
static bool window_need(const struct nc_window *w, int s, int64_t size,
			const struct nc_range *r, struct nc_range *need)
{
	int64_t extent = (w->kernel[s] - 1) * w->dilation[s] + 1;
	int64_t lo = r->lo * w->stride[s] - w->pad_lo[s];
	int64_t hi = (r->hi - 1) * w->stride[s] - w->pad_lo[s] + extent;

	need->axis = 2 + s;
	need->lo = lo < 0 ? 0 : lo;
	need->hi = hi > size ? size : hi;
	return need->lo < need->hi;
}

/* Elements of the input that reach [lo, hi) of a transposed convolution. */
static bool transpose_need(const struct nc_window *w, int s, int64_t size,
			   const struct nc_range *r, struct nc_range *need)
{
	int64_t extent = (w->kernel[s] - 1) * w->dilation[s] + 1;
	int64_t first = r->lo + w->pad_lo[s], last = r->hi - 1 + w->pad_lo[s];
	int64_t lo = first - extent + 1 <= 0 ? 0 :
		     (first - extent + w->stride[s]) / w->stride[s];

	/* At least the one whose window begins at or before the first. */
	if (lo > first / w->stride[s])
		lo = first / w->stride[s];
	need->axis = 2 + s;
	need->lo = lo;
	need->hi = last / w->stride[s] + 1;
	if (need->hi > size)
		need->hi = size;
	return need->lo < need->hi;
}

static bool is_pool(const struct nc_node *node)
{
	return node->op == NC_OP_MaxPool || node->op == NC_OP_AveragePool ||
	       node->op == NC_OP_LpPool;
}

static bool need_window(const struct nc_node *node, const struct nc_range *r,
			struct nc_range *in)
{
	const struct nc_value *x = node->inputs[0];
	bool transposed = node->op == NC_OP_ConvTranspose;
	unsigned int last = node->op == NC_OP_QLinearConv ? 8 :
			    node->op == NC_OP_ConvInteger ? 6 : 2;
	struct nc_window w;

	if (nc_out(node, 1) || node->num_inputs > last + 1 || nc_window(node, &w))
		return false;
	if (r->axis == 0) {
		in[0] = *r;
		return true;
	}
	if (r->axis == 1) {
		if (is_pool(node)) {
			in[0] = *r;
			return true;
		}
		/* Output channels. Scales by channel stay whole: not for these. */
		if (node->op != NC_OP_Conv || w.groups != 1)
			return false;
		in[1] = (struct nc_range) { 0, r->lo, r->hi };
		if (nc_in(node, 2))
			in[2] = (struct nc_range) { 0, r->lo, r->hi };
		return true;
	}
	/* What ceil_mode adds at the end counts differently from padding. */
	if (nc_attr_int(node, "ceil_mode", 0) && nc_attr_int(node, "count_include_pad", 0))
		return false;
	return transposed ?
	       transpose_need(&w, r->axis - 2, x->dims[r->axis], r, &in[0]) :
	       window_need(&w, r->axis - 2, x->dims[r->axis], r, &in[0]);
}

/* A bit for each axis of the input that the node looks at as a whole. */
static bool whole_axes(struct nc_ctx *ctx, const struct nc_node *node,
		       unsigned int *axes)
{
	int rank = node->inputs[0]->rank;
	int64_t axis = nc_attr_int(node, "axis",
				   node->op == NC_OP_ArgMax ||
				   node->op == NC_OP_ArgMin ? 0 : -1);

	if (axis < 0)
		axis += rank;
	switch (node->op) {
	case NC_OP_Softmax:
	case NC_OP_LogSoftmax:
	case NC_OP_ArgMax:
	case NC_OP_ArgMin:
		*axes = 1u << axis;
		return true;
	case NC_OP_LayerNormalization:
		*axes = ((1u << rank) - 1) & ~((1u << axis) - 1);
		return !nc_out(node, 1) && !nc_out(node, 2);
	case NC_OP_InstanceNormalization:
		*axes = ((1u << rank) - 1) & ~1u;
		return true;
	default:
		return nc_reduce_axes(ctx, node, axes);
	}
}

static bool need_reduced(struct nc_ctx *ctx, const struct nc_node *node,
			 const struct nc_range *r, struct nc_range *in)
{
	const struct nc_value *x = node->inputs[0], *y = node->outputs[0];
	int i, at = 0;
	unsigned int axes;

	if (!x->rank || !whole_axes(ctx, node, &axes))
		return false;
	for (i = 0; i < x->rank; i++) {
		bool cut = !(axes >> i & 1);

		if (cut && at == r->axis) {
			*in = (struct nc_range) { i, r->lo, r->hi };
			return true;
		}
		at += cut || y->rank == x->rank;
	}
	return false;
}

/* Elements from one step of the dimension to the next. */
static int64_t behind(const struct nc_value *value, int axis)
{
	int64_t n = 1;

	while (++axis < value->rank)
		n *= value->dims[axis];
	return n;
}

/* The greatest common divisor. */
static int64_t common(int64_t a, int64_t b)
{
	while (b) {
		int64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/*
 * The same elements in another shape: the axis of the input in front of which there
 * is as much. The part grows to whole steps of it.
 */
static bool need_reshaped(const struct nc_node *node, struct nc_range *r,
			  struct nc_range *in)
{
	const struct nc_value *x = node->inputs[0], *y = node->outputs[0];
	int64_t before = 1, front = 1, step_x, step_y, grain;
	int i;

	if (!nc_numel(x))
		return false;
	for (i = 0; i < r->axis; i++)
		before *= y->dims[i];
	for (i = 0; i < x->rank && (front < before || x->dims[i] == 1); i++)
		front *= x->dims[i];
	if (i == x->rank || front != before)
		return false;
	step_x = behind(x, i);
	step_y = behind(y, r->axis);
	/* The dimension must end at the same element in both. */
	if (x->dims[i] * step_x != y->dims[r->axis] * step_y)
		return false;
	grain = step_x / common(step_x, step_y);
	r->lo = r->lo / grain * grain;
	r->hi = (r->hi + grain - 1) / grain * grain;
	in[0] = (struct nc_range) { i, r->lo * step_y / step_x, r->hi * step_y / step_x };
	return true;
}

static bool need_transposed(struct nc_ctx *ctx, const struct nc_node *node,
			    const struct nc_range *r, struct nc_range *in)
{
	int perm[NC_MAX_RANK];

	if (!nc_transpose_perm(ctx, node, perm))
		return false;
	in[0] = (struct nc_range) { perm[r->axis], r->lo, r->hi };
	return true;
}

static int own_axis(const struct nc_node *node, int64_t def)
{
	int64_t axis = nc_attr_int(node, "axis", def);

	return axis < 0 ? axis + node->inputs[0]->rank : axis;
}

static bool need_concat(const struct nc_node *node, const struct nc_range *r,
			struct nc_range *in)
{
	int axis = own_axis(node, 0);
	int64_t at = 0;
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		int64_t n = node->inputs[i]->dims[axis];
		int64_t lo = r->lo - at, hi = r->hi - at;

		if (r->axis != axis) {
			in[i] = *r;
			continue;
		}
		at += n;
		lo = lo < 0 ? 0 : lo;
		hi = hi > n ? n : hi;
		in[i] = (struct nc_range) { axis, lo, hi };
		if (lo >= hi)
			in[i].axis = NC_NOTHING;
	}
	return true;
}

static bool need_sliced(struct nc_ctx *ctx, const struct nc_node *node,
			const struct nc_range *r, struct nc_range *in)
{
	int64_t starts[NC_MAX_RANK], steps[NC_MAX_RANK], counts[NC_MAX_RANK];
	int a = r->axis;

	if (!nc_slice_range(ctx, node, starts, steps, counts) || steps[a] < 1)
		return false;
	in[0] = (struct nc_range) {
		a, starts[a] + r->lo * steps[a], starts[a] + (r->hi - 1) * steps[a] + 1,
	};
	return true;
}

static bool need_padded(struct nc_ctx *ctx, const struct nc_node *node,
			const struct nc_range *r, struct nc_range *in)
{
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK];
	int a = r->axis;
	int64_t n = node->inputs[0]->dims[a];

	if (!nc_pad_amounts(ctx, node, before, after))
		return false;
	in[0] = *r;
	if (!before[a] && !after[a])
		return true;
	if (nc_attr_string(node, "mode", "constant")[0] != 'c')
		return false;
	in[0].lo = r->lo - before[a] < 0 ? 0 : r->lo - before[a];
	in[0].hi = r->hi - before[a] > n ? n : r->hi - before[a];
	return in[0].lo < in[0].hi;
}

static bool need_gathered(const struct nc_node *node, const struct nc_range *r,
			  struct nc_range *in)
{
	const struct nc_value *index = node->inputs[1];
	int axis = own_axis(node, 0);

	if (r->axis < axis) {
		in[0] = *r;
	} else if (r->axis < axis + index->rank) {
		in[1] = (struct nc_range) { r->axis - axis, r->lo, r->hi };
	} else {
		in[0] = *r;
		in[0].axis += 1 - index->rank;
	}
	return true;
}

static bool need_depth_to_space(const struct nc_node *node, struct nc_range *r,
				struct nc_range *in)
{
	int64_t b = nc_attr_int(node, "blocksize", 1);

	if (r->axis == 1)
		return false;
	in[0] = *r;
	if (r->axis == 0)
		return true;
	r->lo = r->lo / b * b;
	r->hi = (r->hi + b - 1) / b * b;
	in[0].lo = r->lo / b;
	in[0].hi = r->hi / b;
	return true;
}

static bool find_needs(struct nc_ctx *ctx, const struct nc_node *node,
		       struct nc_range *r, struct nc_range *in)
{
	switch (node->op) {
	case NC_OP_Add: case NC_OP_Sub: case NC_OP_Mul: case NC_OP_Div: case NC_OP_Mod:
	case NC_OP_Pow: case NC_OP_PRelu: case NC_OP_Max: case NC_OP_Min: case NC_OP_Sum:
	case NC_OP_Mean: case NC_OP_Equal: case NC_OP_Less: case NC_OP_LessOrEqual:
	case NC_OP_Greater: case NC_OP_GreaterOrEqual: case NC_OP_And: case NC_OP_Or:
	case NC_OP_Xor: case NC_OP_Where:
		return need_broadcast(node, r, in);
	case NC_OP_Relu: case NC_OP_Clip: case NC_OP_LeakyRelu: case NC_OP_Sigmoid:
	case NC_OP_Tanh: case NC_OP_Exp: case NC_OP_Log: case NC_OP_Sqrt:
	case NC_OP_Reciprocal: case NC_OP_Erf: case NC_OP_Gelu: case NC_OP_Elu:
	case NC_OP_Selu: case NC_OP_Softplus: case NC_OP_Softsign: case NC_OP_HardSigmoid:
	case NC_OP_HardSwish: case NC_OP_Mish: case NC_OP_ThresholdedRelu: case NC_OP_Abs:
	case NC_OP_Neg: case NC_OP_Sign: case NC_OP_Floor: case NC_OP_Ceil:
	case NC_OP_Round: case NC_OP_Sin: case NC_OP_Cos: case NC_OP_Not: case NC_OP_Cast:
		return need_same(node, r, in);
	case NC_OP_QuantizeLinear: case NC_OP_DequantizeLinear:
		return need_quantized(node, r, in);
	case NC_OP_MatMul:
		return node->num_inputs <= 3 && need_matmul(node, 1, r, in) &&
		       (!nc_in(node, 2) || broadcast(node->inputs[2], node->outputs[0],
						     r, &in[2]));
	case NC_OP_Gemm:
		return need_gemm(node, r, in);
	case NC_OP_MatMulInteger:
		return r->axis < node->outputs[0]->rank - 1 &&
		       need_matmul(node, 1, r, in);
	case NC_OP_QLinearMatMul:
		return r->axis < node->outputs[0]->rank - 1 &&
		       need_matmul(node, 3, r, in);
	case NC_OP_Conv: case NC_OP_ConvInteger: case NC_OP_QLinearConv:
	case NC_OP_ConvTranspose: case NC_OP_MaxPool: case NC_OP_AveragePool:
	case NC_OP_LpPool:
		return need_window(node, r, in);
	case NC_OP_GlobalAveragePool: case NC_OP_GlobalMaxPool:
		in[0] = *r;
		return r->axis < 2;
	case NC_OP_BatchNormalization:
		return r->axis != 1 && need_same(node, r, in);
	case NC_OP_Softmax: case NC_OP_LogSoftmax: case NC_OP_ArgMax: case NC_OP_ArgMin:
	case NC_OP_LayerNormalization: case NC_OP_InstanceNormalization:
	case NC_OP_ReduceSum: case NC_OP_ReduceMean: case NC_OP_ReduceMax:
	case NC_OP_ReduceMin: case NC_OP_ReduceProd: case NC_OP_ReduceSumSquare:
	case NC_OP_ReduceL1: case NC_OP_ReduceL2: case NC_OP_ReduceLogSum:
	case NC_OP_ReduceLogSumExp:
		return need_reduced(ctx, node, r, in);
	case NC_OP_Identity: case NC_OP_Reshape: case NC_OP_Flatten: case NC_OP_Squeeze:
	case NC_OP_Unsqueeze:
		return need_reshaped(node, r, in);
	case NC_OP_Transpose:
		return need_transposed(ctx, node, r, in);
	case NC_OP_Concat:
		return need_concat(node, r, in);
	case NC_OP_Split:
		in[0] = *r;
		return r->axis != own_axis(node, 0);
	case NC_OP_Slice:
		return need_sliced(ctx, node, r, in);
	case NC_OP_Pad:
		return need_padded(ctx, node, r, in);
	case NC_OP_Expand:
		return broadcast(node->inputs[0], node->outputs[0], r, &in[0]);
	case NC_OP_Gather:
		return need_gathered(node, r, in);
	case NC_OP_DepthToSpace:
		return need_depth_to_space(node, r, in);
	default:
		return false;
	}
}

bool nc_part_needs(struct nc_ctx *ctx, const struct nc_node *node,
		   struct nc_range *out, struct nc_range *in)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++)
		in[i] = whole;
	return size_of(out) > 0 && nc_numel(node->outputs[0]) > 0 &&
	       find_needs(ctx, node, out, in);
}

/* Padding that is left of a window over a part of its input. */
static void adjust_window(struct nc_ctx *ctx, const struct nc_node *from,
			  struct nc_node *node, const struct nc_range *r)
{
	int64_t pads[2 * NC_MAX_SPATIAL], extra[NC_MAX_SPATIAL] = { 0 };
	bool transposed = node->op == NC_OP_ConvTranspose;
	struct nc_range need = { 0 };
	struct nc_window w;
	int i;

	if (r->axis < 2)
		return;
	nc_window(from, &w);
	for (i = 0; i < w.num_spatial; i++) {
		int64_t size = from->inputs[0]->dims[2 + i];
		int64_t extent = (w.kernel[i] - 1) * w.dilation[i] + 1;
		int64_t lo = w.pad_lo[i], hi = w.pad_hi[i], n;

		if (r->axis == 2 + i && transposed) {
			transpose_need(&w, i, size, r, &need);
			n = need.hi - need.lo;
			lo = r->lo + w.pad_lo[i] - need.lo * w.stride[i];
			hi = (n - 1) * w.stride[i] + extent - lo - size_of(r);
		} else if (r->axis == 2 + i) {
			window_need(&w, i, size, r, &need);
			n = need.hi - need.lo;
			lo = need.lo - (r->lo * w.stride[i] - w.pad_lo[i]);
			hi = (size_of(r) - 1) * w.stride[i] + extent - n - lo;
		} else if (transposed) {
			n = size;
			hi = (n - 1) * w.stride[i] + extent - lo - w.out[i];
		}
		/* More than there is: zeros go behind. */
		if (transposed && hi < 0) {
			extra[i] = -hi;
			hi = 0;
		}
		pads[i] = lo;
		pads[w.num_spatial + i] = hi;
	}
	nc_set_attr_ints(ctx, node, "pads", pads, 2 * w.num_spatial);
	nc_set_attr_string(ctx, node, "auto_pad", "NOTSET");
	if (nc_attr(node, "ceil_mode"))
		nc_set_attr_int(ctx, node, "ceil_mode", 0);
	if (transposed) {
		nc_set_attr_ints(ctx, node, "output_padding", extra, w.num_spatial);
		if (nc_attr(node, "output_shape"))
			nc_set_attr_ints(ctx, node, "output_shape", extra, 0);
	}
}

/* Starts, ends, axes and steps for all axes of what is there of the input. */
static void adjust_slice(struct nc_ctx *ctx, const struct nc_node *from,
			 struct nc_node *node, const struct nc_range *r)
{
	int64_t starts[NC_MAX_RANK], steps[NC_MAX_RANK], counts[NC_MAX_RANK];
	int64_t ends[NC_MAX_RANK], axes[NC_MAX_RANK];
	struct nc_value **inputs = nc_alloc(ctx->arena, 5, sizeof(*inputs));
	int i, rank = from->inputs[0]->rank;

	if (!nc_slice_range(ctx, from, starts, steps, counts))
		return;
	starts[r->axis] = 0;
	counts[r->axis] = size_of(r);
	for (i = 0; i < rank; i++) {
		axes[i] = i;
		ends[i] = starts[i] + (counts[i] - 1) * steps[i] +
			  (steps[i] > 0 ? 1 : -1);
		if (ends[i] < 0)	/* -1 would be the last element */
			ends[i] = INT64_MIN;
	}
	inputs[0] = node->inputs[0];
	inputs[1] = nc_const_ints_new(ctx, "starts", starts, rank);
	inputs[2] = nc_const_ints_new(ctx, "ends", ends, rank);
	inputs[3] = nc_const_ints_new(ctx, "axes", axes, rank);
	inputs[4] = nc_const_ints_new(ctx, "steps", steps, rank);
	node->inputs = inputs;
	node->num_inputs = 5;
}

static void adjust_pad(struct nc_ctx *ctx, const struct nc_node *from,
		       struct nc_node *node, const struct nc_range *r)
{
	int64_t before[NC_MAX_RANK], after[NC_MAX_RANK], pads[2 * NC_MAX_RANK];
	struct nc_value **inputs = nc_alloc(ctx->arena, 3, sizeof(*inputs));
	int i, a = r->axis, rank = from->inputs[0]->rank;
	int64_t n = from->inputs[0]->dims[a], lo, hi;

	if (!nc_pad_amounts(ctx, from, before, after))
		return;
	if (before[a] || after[a]) {
		lo = r->lo - before[a];
		hi = r->hi - before[a];
		before[a] = lo < 0 ? -lo : 0;
		after[a] = hi > n ? hi - n : 0;
	}
	for (i = 0; i < rank; i++) {
		pads[i] = before[i];
		pads[rank + i] = after[i];
	}
	inputs[0] = node->inputs[0];
	inputs[1] = nc_const_ints_new(ctx, "pads", pads, 2 * rank);
	inputs[2] = nc_in(node, 2);
	node->inputs = inputs;
	node->num_inputs = 3;
}

void nc_part_adjust(struct nc_ctx *ctx, const struct nc_node *from, struct nc_node *node,
		    const struct nc_range *out)
{
	unsigned int i, n = 0;

	switch (node->op) {
	case NC_OP_Conv: case NC_OP_ConvInteger: case NC_OP_QLinearConv:
	case NC_OP_ConvTranspose: case NC_OP_MaxPool: case NC_OP_AveragePool:
	case NC_OP_LpPool:
		adjust_window(ctx, from, node, out);
		break;
	case NC_OP_Slice:
		adjust_slice(ctx, from, node, out);
		break;
	case NC_OP_Pad:
		adjust_pad(ctx, from, node, out);
		break;
	case NC_OP_Concat:	/* without those that have nothing to say */
		for (i = 0; i < node->num_inputs; i++)
			if (node->inputs[i])
				node->inputs[n++] = node->inputs[i];
		node->num_inputs = n;
		break;
	default:
		break;
	}
}
