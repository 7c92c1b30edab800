// SPDX-License-Identifier: MIT
/*
 * Quantisation by blocks, and to or from types that the chip's instructions for
 * it do not have, as arithmetic.
 */
#include <string.h>
#include "decompose.h"
#include "small_type.h"

static bool is_byte(enum nc_dtype dtype)
{
	return dtype == NC_I8 || dtype == NC_U8;
}

/* A scale or zero point in a shape that broadcasts with the node's input. */
static struct nc_value *spread(struct nc_builder *b, struct nc_value *param)
{
	struct nc_node *node = b->like;
	const struct nc_value *x = node->inputs[0];
	int64_t dims[2 * NC_MAX_RANK], size = nc_attr_int(node, "block_size", 0);
	int64_t outer = 1, inner = 1;
	int axis, i;

	if (nc_numel(param) == 1)
		return nc_build_reshape(b, NULL, param, 0, NULL);
	if (!nc_axis(b->ctx, node, nc_attr_int(node, "axis", 1), x->rank, &axis))
		return param;
	if (param->rank <= 1) {
		for (i = 0; i < x->rank; i++)
			dims[i] = i == axis ? x->dims[i] : 1;
		return nc_build_reshape(b, NULL, param, x->rank, dims);
	}
	/* Each one as often as its block is long. */
	for (i = 0; i < x->rank; i++)
		*(i < axis ? &outer : &inner) *= i == axis ? 1 : x->dims[i];
	dims[0] = outer * param->dims[axis];
	dims[1] = 1;
	dims[2] = inner;
	param = nc_build_reshape(b, NULL, param, 3, dims);
	dims[1] = size;
	param = nc_build2(b, NC_OP_Expand, NULL, param,
			  nc_const_ints_new(b->ctx, node->name, dims, 3));
	/* The last block may be cut off. */
	dims[1] = dims[0] / outer * size;
	dims[0] = outer;
	param = nc_build_reshape(b, NULL, param, 3, dims);
	if (dims[1] != x->dims[axis])
		param = nc_build_slice(b, NULL, param, 1, 0, x->dims[axis]);
	return nc_build_reshape(b, NULL, param, x->rank, x->dims);
}

void nc_decompose_dequantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *scale = node->inputs[1], *zero;
	struct nc_value *out = node->outputs[0];
	enum nc_dtype dtype = out->dtype;

	if (scale->rank <= 1 && (is_byte(x->dtype) || x->dtype == NC_I32)) {
		nc_keep(b);
		return;
	}
	x = nc_build_cast(b, NULL, x, NC_F32);
	zero = nc_in(node, 2);
	if (zero)
		x = nc_build2(b, NC_OP_Sub, NULL, x,
			      spread(b, nc_build_cast(b, NULL, zero, NC_F32)));
	scale = spread(b, nc_build_cast(b, NULL, scale, NC_F32));
	x = nc_build2(b, NC_OP_Mul, dtype == NC_F32 ? out : NULL, x, scale);
	if (dtype != NC_F32)
		nc_build_cast(b, out, x, dtype);
}

void nc_decompose_quantize(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *scale = node->inputs[1], *zero;
	struct nc_value *out = node->outputs[0];
	double lo = 0, hi = 255;

	if (scale->rank <= 1 && is_byte(out->dtype) && !out->small && x->dtype == NC_F32) {
		nc_keep(b);
		return;
	}
	if (x->dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	scale = spread(b, nc_build_cast(b, NULL, scale, NC_F32));
	x = nc_build2(b, NC_OP_Div, NULL, x, scale);
	if (out->dtype == NC_F32) {
		nc_build_small(b, out, x, out->small);
		return;
	}
	x = nc_build1(b, NC_OP_Round, NULL, x);
	zero = nc_in(node, 2);
	if (zero)
		x = nc_build2(b, NC_OP_Add, NULL, x,
			      spread(b, nc_build_cast(b, NULL, zero, NC_F32)));
	if (out->dtype == NC_U16 || out->dtype == NC_I16)
		hi = 65535;
	if (out->small)
		hi = (1 << out->small->bits) - 1;
	if (out->dtype == NC_I8 || out->dtype == NC_I16) {
		lo = -(hi + 1) / 2;
		hi = (hi - 1) / 2;
	}
	x = nc_build3(b, NC_OP_Clip, NULL, x, nc_build_scalar(b, NC_F32, lo),
		      nc_build_scalar(b, NC_F32, hi));
	nc_build_cast(b, out, x, out->dtype);
}

static bool all_const(const struct nc_node *node, unsigned int first, unsigned int last)
{
	unsigned int i;

	for (i = first; i <= last; i++)
		if (nc_in(node, i) && !nc_is_const(node->inputs[i]))
			return false;
	return true;
}

/*
 * Those of weights, without the copies in int32 that they would be folded from. @sign: by
 * what they are multiplied, 1 or -1.
 */
static struct nc_value *const_sums(struct nc_builder *b, const struct nc_value *x, int axis,
				   const struct nc_value *zero, int sign)
{
	int64_t dims[NC_MAX_RANK], outer = 1, inner = 1, o, i, k;
	int32_t q = zero ? (int32_t)nc_const_int(zero, 0) : 0, *data;
	const uint8_t *bytes = x->data;
	int d;

	memcpy(dims, x->dims, sizeof(dims));
	dims[axis] = 1;
	for (d = 0; d < x->rank; d++)
		*(d < axis ? &outer : &inner) *= d == axis ? 1 : x->dims[d];
	data = nc_alloc(b->ctx->arena, (size_t)(outer * inner) + 1, sizeof(*data));
	for (o = 0; o < outer; o++, data += inner)
		for (k = 0; k < x->dims[axis]; k++, bytes += inner)
			for (i = 0; i < inner; i++)
				data[i] += sign * ((x->dtype == NC_I8 ? (int8_t)bytes[i] : bytes[i]) - q);
	return nc_const_new(b->ctx, b->like->name, NC_I32, x->rank, dims, data - outer * inner);
}

/* Whether const_sums() can tell. */
static bool has_const_sums(const struct nc_value *x, const struct nc_value *zero)
{
	double one;

	return nc_is_const(x) && (x->dtype == NC_U8 || x->dtype == NC_I8) && nc_numel(x) &&
	       (!zero || (nc_is_const(zero) && nc_numel(zero) && nc_const_splat(zero, &one)));
}

/* Sums of what a zero point is taken from, along an axis, in int32. */
static struct nc_value *sums(struct nc_builder *b, struct nc_value *x, int axis,
			     struct nc_value *zero)
{
	if (has_const_sums(x, zero))
		return const_sums(b, x, axis, zero, 1);
	x = nc_build_cast(b, NULL, x, NC_I32);
	if (zero)
		x = nc_build2(b, NC_OP_Sub, NULL, x,
			      nc_build_cast(b, NULL, zero, NC_I32));
	return nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, 1u << axis);
}

/* One zero point for all, or one for each row: as a column. */
static struct nc_value *as_column(struct nc_builder *b, struct nc_value *zero)
{
	int64_t dims[2] = { nc_numel(zero), 1 };

	if (zero->rank > 1)
		return zero;
	return nc_build_reshape(b, NULL, zero, dims[0] == 1 ? 0 : 2, dims);
}

/* Whether a zero point is known, and one for the whole tensor. */
static bool is_one(const struct nc_value *zero)
{
	double x;

	return !zero || (nc_is_const(zero) && nc_const_splat(zero, &x));
}

/*
 * Zero points that are only known while the model runs, as after
 * DynamicQuantizeLinear: (x - p) * (y - q) is x * (y - q) less p times the
 * columns' sums of y - q. A q that is not known is treated alike, first; so are
 * zero points by row or column.
 */
void nc_decompose_matmul_integer(struct nc_builder *b)
{
	struct nc_node *node = b->like, *product;
	struct nc_value *x = node->inputs[0], *y = node->inputs[1];
	struct nc_value *p = nc_in(node, 2), *q = nc_in(node, 3), *sum;
	struct nc_value *out = node->outputs[0];

	if ((is_one(p) && is_one(q)) || x->rank < 2 || y->rank < 2) {
		nc_keep(b);
		return;
	}
	if (!is_one(q)) {
		/* Less q times the rows' sums of x - p. */
		product = nc_node_new(b->ctx, node, NC_OP_MatMulInteger, NULL, p ? 3 : 2,
				      x, y, p);
		sum = sums(b, x, x->rank - 1, p ? as_column(b, p) : NULL);
		q = nc_build_cast(b, NULL, q, NC_I32);
		sum = nc_build2(b, NC_OP_Mul, NULL, sum, q);
		nc_build2(b, NC_OP_Sub, out, nc_build(b, product), sum);
		return;
	}
	product = nc_node_new(b->ctx, node, NC_OP_MatMulInteger, NULL, q ? 4 : 2, x, y,
			      NULL, q);
	p = nc_build_cast(b, NULL, as_column(b, p), NC_I32);
	if (has_const_sums(y, q)) {
		/* What is added can be a part of the product's epilogue. */
		sum = nc_build2(b, NC_OP_Mul, NULL, const_sums(b, y, y->rank - 2, q, -1), p);
		nc_build2(b, NC_OP_Add, out, nc_build(b, product), sum);
		return;
	}
	sum = nc_build2(b, NC_OP_Mul, NULL, sums(b, y, y->rank - 2, q), p);
	nc_build2(b, NC_OP_Sub, out, nc_build(b, product), sum);
}

/* Differences of bytes are exact in every float that the matrix engine takes. */
static struct nc_value *difference(struct nc_builder *b, struct nc_value *x,
				   struct nc_value *zero)
{
	int64_t dims[NC_MAX_RANK] = { 0 };
	int i;

	x = nc_build_cast(b, NULL, x, NC_F32);
	if (!zero)
		return x;
	for (i = 0; i < x->rank; i++)
		dims[i] = 1;
	dims[0] = nc_numel(zero);
	zero = nc_build_cast(b, NULL, zero, NC_F32);
	zero = nc_build_reshape(b, NULL, zero, x->rank, dims);
	return nc_build2(b, NC_OP_Sub, NULL, x, zero);
}

/* What a convolution reads, with @zero, which is not known yet, where its padding is. */
static struct nc_value *padded(struct nc_builder *b, struct nc_value *x,
			       const struct nc_window *window, struct nc_value *zero)
{
	int64_t pads[2 * NC_MAX_RANK] = { 0 }, dims[NC_MAX_RANK], lo, hi, i;
	struct nc_value *inside, *fill;
	uint8_t *mask;
	int d, k;

	fill = nc_build_reshape(b, NULL, zero, 0, NULL);
	for (d = 0; d < window->num_spatial; d++) {
		lo = window->pad_lo[d];
		hi = window->pad_hi[d];
		if (!lo && !hi)
			continue;
		memset(pads, 0, sizeof(pads));
		pads[2 + d] = lo;
		pads[x->rank + 2 + d] = hi;
		x = nc_build2(b, NC_OP_Pad, NULL, x,
			      nc_const_ints_new(b->ctx, b->like->name, pads, 2 * x->rank));
		if (x->rank < 0)
			return x;
		for (k = 0; k < x->rank; k++)
			dims[k] = k == 2 + d ? x->dims[k] : 1;
		inside = nc_value_like(b->ctx, b->like->name, NC_BOOL, x->rank, dims);
		mask = nc_alloc(b->ctx->arena, (size_t)x->dims[2 + d], 1);
		for (i = 0; i < x->dims[2 + d]; i++)
			mask[i] = i >= lo && i < x->dims[2 + d] - hi;
		inside->data = mask;
		inside->size = (size_t)x->dims[2 + d];
		x = nc_build3(b, NC_OP_Where, NULL, inside, x, fill);
	}
	return x;
}

/* The convolution of bytes that are padded already; @zero: the weights' zero point. */
static struct nc_value *conv_bytes(struct nc_builder *b, const struct nc_window *window,
				   struct nc_value *x, struct nc_value *w, double zero)
{
	int64_t none[2 * NC_MAX_SPATIAL] = { 0 };
	struct nc_node *conv = nc_node_new(b->ctx, b->like, NC_OP_ConvInteger, NULL, 4, x, w,
					   NULL, nc_build_scalar(b, NC_I8, zero));
	size_t n = (size_t)window->num_spatial;

	nc_set_attr_int(b->ctx, conv, "group", window->groups);
	nc_set_attr_ints(b->ctx, conv, "strides", window->stride, n);
	nc_set_attr_ints(b->ctx, conv, "dilations", window->dilation, n);
	nc_set_attr_ints(b->ctx, conv, "pads", none, 2 * n);
	return nc_build(b, conv);
}

/*
 * Makes weights and their zero point signed. Return: for each filter the zero point less its
 * weights, added up, shaped to broadcast with the output.
 */
static struct nc_value *signed_weights(struct nc_builder *b, struct nc_value **w, double *zero)
{
	const struct nc_value *from = *w;
	int64_t dims[NC_MAX_RANK], n = nc_numel(from), each = n / from->dims[0], i;
	int64_t shift = from->dtype == NC_U8 ? 128 : 0, q = (int64_t)*zero;
	int8_t *data = nc_alloc_uninit(b->ctx->arena, (size_t)n);
	struct nc_value *sums;
	int32_t *sum;

	for (i = 0; i < from->rank; i++)
		dims[i] = i == 1 ? from->dims[0] : 1;
	sum = nc_alloc(b->ctx->arena, (size_t)from->dims[0], sizeof(*sum));
	for (i = 0; i < n; i++) {
		int64_t weight = nc_const_int(from, i);

		data[i] = (int8_t)(weight - shift);
		sum[i / each] += (int32_t)(q - weight);
	}
	*w = nc_value_like(b->ctx, from->name, NC_I8, from->rank, from->dims);
	(*w)->data = data;
	(*w)->size = (size_t)n;
	*zero -= (double)shift;
	sums = nc_value_like(b->ctx, from->name, NC_I32, from->rank, dims);
	sums->data = sum;
	sums->size = nc_bytes(sums);
	return sums;
}

/*
 * ConvInteger whose x has a zero point that is known at run time. With p and q for the
 * zero points the sum of (x - p) * (w - q) is that of x * (w - q), which is the engine's
 * work, less p times the sum of w - q. Weights are made signed, for which the engine is
 * fastest. Return: whether that was done.
 */
static bool split_conv_integer(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *w = node->inputs[1], *zero = nc_in(node, 2), *wz = nc_in(node, 3);
	struct nc_window window;
	struct nc_value *x, *y;
	double q = 0;
	int d;

	if (!nc_is_const(w) || !nc_numel(w) || !is_one(wz) || (wz && nc_numel(wz) != 1) ||
	    nc_numel(zero) != 1 || nc_window(node, &window))
		return false;
	for (d = 0; d < window.num_spatial; d++)
		if (window.pad_lo[d] < 0 || window.pad_hi[d] < 0)
			return false;
	if (wz && !nc_const_splat(wz, &q))
		return false;
	if (q != (w->dtype == NC_U8 ? 128 : 0) && window.groups != 1)
		return false;
	x = padded(b, node->inputs[0], &window, zero);
	y = signed_weights(b, &w, &q);
	zero = nc_build_cast(b, NULL, nc_build_reshape(b, NULL, zero, 0, NULL), NC_I32);
	y = nc_build2(b, NC_OP_Mul, NULL, y, zero);
	nc_build2(b, NC_OP_Add, node->outputs[0], conv_bytes(b, &window, x, w, q), y);
	return true;
}

/* The same for ConvInteger, whose padding is the zero point. */
void nc_decompose_conv_integer(struct nc_builder *b)
{
	struct nc_node *node = b->like, *conv;
	struct nc_value *y;

	if (all_const(node, 2, 3)) {
		nc_keep(b);
		return;
	}
	if (nc_in(node, 2) && split_conv_integer(b))
		return;
	/* In floats. */
	conv = nc_node_new(b->ctx, node, NC_OP_Conv, NULL, 2,
			   difference(b, node->inputs[0], nc_in(node, 2)),
			   difference(b, node->inputs[1], nc_in(node, 3)));
	conv->attrs = node->attrs;
	conv->num_attrs = node->num_attrs;
	y = nc_build1(b, NC_OP_Round, NULL, nc_build(b, conv));
	nc_build_cast(b, node->outputs[0], y, NC_I32);
}

static struct nc_value *dequantized(struct nc_builder *b, unsigned int x, int64_t axis)
{
	struct nc_node *node = b->like, *y;

	y = nc_node_new(b->ctx, node, NC_OP_DequantizeLinear, NULL, 3, node->inputs[x],
			node->inputs[x + 1], node->inputs[x + 2]);
	nc_set_attr_int(b->ctx, y, "axis", axis);
	return nc_build(b, y);
}

/*
 * QLinearConv and QLinearMatMul whose scales are not known, or which have zero
 * points by channel: in floats.
 */
void nc_decompose_qlinear(struct nc_builder *b)
{
	bool is_conv = b->like->op == NC_OP_QLinearConv;
	struct nc_node *node = b->like, *y;
	struct nc_value *x, *w, *bias = NULL, *scale;

	if (all_const(node, 1, 2) && all_const(node, 4, 7) &&
	    is_one(nc_in(node, 2)) && is_one(nc_in(node, 5))) {
		nc_keep(b);
		return;
	}
	x = dequantized(b, 0, is_conv ? 0 : node->inputs[0]->rank - 2);
	w = dequantized(b, 3, is_conv ? 0 : node->inputs[3]->rank - 1);
	if (is_conv && nc_in(node, 8)) {
		scale = nc_build2(b, NC_OP_Mul, NULL, node->inputs[1], node->inputs[4]);
		bias = nc_build_cast(b, NULL, node->inputs[8], NC_F32);
		bias = nc_build2(b, NC_OP_Mul, NULL, bias, scale);
	}
	y = nc_node_new(b->ctx, node, is_conv ? NC_OP_Conv : NC_OP_MatMul, NULL,
			bias ? 3 : 2, x, w, bias);
	y->attrs = node->attrs;
	y->num_attrs = node->num_attrs;
	nc_build3(b, NC_OP_QuantizeLinear, node->outputs[0], nc_build(b, y),
		  node->inputs[6], node->inputs[7]);
}
