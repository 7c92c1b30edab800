// SPDX-License-Identifier: MIT
/*
 * Quantised operators of domain com.microsoft, in terms of ONNX's own. Formulas: ONNX
 * Runtime's list of contrib operators.
 */
#include <string.h>
#include "decompose.h"

static struct nc_builder builder(struct nc_ctx *ctx, struct nc_node *node)
{
	return (struct nc_builder) { .ctx = ctx, .list = ctx->list, .like = node };
}

/* Quantised operators: what they are in floats between both ends. */
static struct nc_value *dequantized(struct nc_builder *b, unsigned int x,
				    unsigned int scale, unsigned int zero)
{
	struct nc_node *node = b->like;

	return nc_build(b, nc_node_new(b->ctx, node, NC_OP_DequantizeLinear, NULL,
				       nc_in(node, zero) ? 3 : 2, nc_in(node, x),
				       nc_in(node, scale), nc_in(node, zero)));
}

static bool quantized(struct nc_builder *b, struct nc_value *y, unsigned int scale,
		      unsigned int zero)
{
	struct nc_node *node = b->like;
	struct nc_value *point = nc_in(node, zero);

	if (!y || y->rank < 0)
		return false;
	return nc_become_built(node, 0, nc_build3(b, NC_OP_QuantizeLinear, NULL, y,
					 nc_in(node, scale),
					 point ? point : nc_build_scalar(b, NC_U8, 0)));
}

/* a, a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero */
bool nc_infer_qlinear_binary(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_value *x, *y;

	if (!nc_need(ctx, node, 2, 8) || !nc_in(node, 3) || !nc_in(node, 4) ||
	    !nc_in(node, 6))
		return false;
	x = dequantized(&b, 0, 1, 2);
	y = dequantized(&b, 3, 4, 5);
	y = nc_build2(&b, node->op == NC_OP_QLinearAdd ? NC_OP_Add : NC_OP_Mul, NULL,
		      x, y);
	return quantized(&b, y, 6, 7);
}

/* x, x_scale, x_zero, y_scale, y_zero */
bool nc_infer_qlinear_unary(struct nc_ctx *ctx, struct nc_node *node)
{
	static const struct {
		enum nc_op op, inner;
	} inner[] = {
		{ NC_OP_QLinearSigmoid, NC_OP_Sigmoid },
		{ NC_OP_QLinearLeakyRelu, NC_OP_LeakyRelu },
		{ NC_OP_QLinearSoftmax, NC_OP_Softmax },
		{ NC_OP_QLinearAveragePool, NC_OP_AveragePool },
		{ NC_OP_QLinearGlobalAveragePool, NC_OP_GlobalAveragePool },
	};
	struct nc_builder b = builder(ctx, node);
	int64_t to[NC_MAX_RANK], back[NC_MAX_RANK];
	struct nc_value *x;
	struct nc_node *y;
	unsigned int i;
	bool is_last;
	int d;

	if (!nc_need(ctx, node, 2, 5) || !nc_in(node, 3))
		return false;
	for (i = 0; inner[i].op != node->op; i++)
		;
	x = dequantized(&b, 0, 1, 2);
	is_last = nc_attr_int(node, "channels_last", 0);
	if (x->rank < (is_last ? 3 : 0))
		return false;
	for (d = 0; d < x->rank; d++) {
		to[d] = d == 1 ? x->rank - 1 : d ? d - 1 : 0;
		back[to[d]] = d;
	}
	if (is_last)
		x = nc_build_transpose(&b, NULL, x, to);
	y = nc_node_new(ctx, node, inner[i].inner, NULL, 1, x);
	y->attrs = node->attrs;
	y->num_attrs = node->num_attrs;
	x = nc_build(&b, y);
	if (is_last)
		x = nc_build_transpose(&b, NULL, x, back);
	return quantized(&b, x, 3, 4);
}

/* y_scale, y_zero, then x, x_scale, x_zero of each */
bool nc_infer_qlinear_concat(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_value **parts;
	unsigned int n, i;
	int axis;

	if (!nc_need(ctx, node, 4, UINT32_MAX) || (node->num_inputs - 2) % 3)
		return false;
	n = (node->num_inputs - 2) / 3;
	parts = nc_alloc(ctx->arena, n, sizeof(*parts));
	for (i = 0; i < n; i++) {
		if (!nc_in(node, 2 + 3 * i) || !nc_in(node, 3 + 3 * i))
			return false;
		parts[i] = dequantized(&b, 2 + 3 * i, 3 + 3 * i, 4 + 3 * i);
	}
	return nc_axis(ctx, node, nc_attr_int(node, "axis", 0), parts[0]->rank, &axis) &&
	       quantized(&b, nc_build_concat(&b, NULL, parts, n, axis), 0, 1);
}

struct nc_value *nc_build_integer_product(struct nc_builder *b, struct nc_value *x,
					  struct nc_value *x_scale,
					  struct nc_value *x_zero, struct nc_value *y,
					  struct nc_value *y_scale,
					  struct nc_value *y_zero, struct nc_value *bias)
{
	struct nc_node *node;

	node = nc_node_new(b->ctx, b->like, NC_OP_MatMulInteger, NULL,
			   y_zero ? 4 : x_zero ? 3 : 2, x, y, x_zero, y_zero);
	x = nc_build(b, node);
	x = nc_build_cast(b, NULL, x, NC_F32);
	x = nc_build2(b, NC_OP_Mul, NULL, x, nc_build2(b, NC_OP_Mul, NULL, x_scale, y_scale));
	return bias ? nc_build2(b, NC_OP_Add, NULL, x, bias) : x;
}

struct nc_value *nc_build_dynamic_product(struct nc_builder *b, struct nc_value *x,
					  struct nc_value *y, struct nc_value *y_scale,
					  struct nc_value *y_zero, struct nc_value *bias)
{
	struct nc_node *node;
	unsigned int i;

	node = nc_node_new(b->ctx, b->like, NC_OP_DynamicQuantizeLinear, NULL, 1, x);
	node->outputs = nc_alloc(b->ctx->arena, 3, sizeof(*node->outputs));
	node->num_outputs = 3;
	for (i = 0; i < 3; i++) {
		node->outputs[i] = nc_value_new(b->ctx, b->like->name);
		node->outputs[i]->producer = node;
	}
	nc_build(b, node);
	if (node->outputs[0]->rank < 0)
		return NULL;
	return nc_build_integer_product(b, node->outputs[0], node->outputs[1], node->outputs[2],
					y, y_scale, y_zero, bias);
}

/* a, b, b_scale, b_zero, bias */
bool nc_infer_dynamic_quantize_matmul(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_value *y;

	if (!nc_need(ctx, node, 3, 5))
		return false;
	y = nc_build_dynamic_product(&b, node->inputs[0], node->inputs[1], node->inputs[2],
				     nc_in(node, 3), nc_in(node, 4));
	return y && nc_become_built(node, 0, y);
}

/* a, b, a_scale, b_scale, a_zero, b_zero, bias */
bool nc_infer_matmul_integer_to_float(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);

	if (!nc_need(ctx, node, 4, 7))
		return false;
	return nc_become_built(node, 0, nc_build_integer_product(&b, node->inputs[0],
								 node->inputs[2], nc_in(node, 4),
								 node->inputs[1], node->inputs[3],
								 nc_in(node, 5), nc_in(node, 6)));
}

/* a, a_scale, a_zero, b, b_scale, b_zero, c, y_scale, y_zero: in floats */
bool nc_infer_qgemm(struct nc_ctx *ctx, struct nc_node *node)
{
	static const int64_t swap[] = { 1, 0 };
	float alpha = nc_attr_float(node, "alpha", 1);
	struct nc_builder b = builder(ctx, node);
	struct nc_value *x, *y, *scale;

	if (!nc_need(ctx, node, 6, 9))
		return false;
	x = dequantized(&b, 0, 1, 2);
	if (nc_attr_int(node, "transA", 0))
		x = nc_build_transpose(&b, NULL, x, swap);
	/* The scales of columns are along the last axis, or the first. */
	nc_set_attr_int(ctx, node, "axis", nc_attr_int(node, "transB", 0) ? 0 : 1);
	y = nc_node_new(ctx, node, NC_OP_DequantizeLinear, NULL, 3, node->inputs[3],
			node->inputs[4], node->inputs[5])->outputs[0];
	nc_set_attr_int(ctx, y->producer, "axis", nc_attr_int(node, "axis", 1));
	y = nc_build(&b, y->producer);
	if (nc_attr_int(node, "transB", 0))
		y = nc_build_transpose(&b, NULL, y, swap);
	x = nc_build2(&b, NC_OP_MatMul, NULL, x, y);
	if (alpha != 1)
		x = nc_build_with(&b, NC_OP_Mul, NULL, x, alpha);
	if (nc_in(node, 6)) {
		/* In steps of the product's scale. */
		scale = nc_build2(&b, NC_OP_Mul, NULL, node->inputs[1], node->inputs[4]);
		y = nc_build_cast(&b, NULL, node->inputs[6], NC_F32);
		y = nc_build2(&b, NC_OP_Mul, NULL, y, scale);
		x = nc_build2(&b, NC_OP_Add, NULL, x, y);
	}
	return nc_in(node, 7) ? quantized(&b, x, 7, 8) : nc_become_built(node, 0, x);
}

/* condition, x, x_scale, x_zero, y, y_scale, y_zero, z_scale, z_zero */
bool nc_infer_qlinear_where(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);

	return nc_need(ctx, node, 9, 9) &&
	       quantized(&b, nc_build3(&b, NC_OP_Where, NULL, node->inputs[0],
				       dequantized(&b, 1, 2, 3), dequantized(&b, 4, 5, 6)),
			 7, 8);
}

/* Several numbers of @bits to a byte, the first lowest: one along the last axis each. */
static struct nc_value *unpacked(struct nc_builder *b, struct nc_value *x, int64_t bits)
{
	int64_t dims[NC_MAX_RANK], i, each = 8 / bits;
	struct nc_value *parts[8];

	if (x->rank < 1 || x->rank >= NC_MAX_RANK)
		return x;
	x = nc_build_cast(b, NULL, x, NC_I32);
	memcpy(dims, x->dims, (size_t)x->rank * sizeof(*dims));
	dims[x->rank] = 1;
	for (i = 0; i < each; i++) {
		struct nc_node *shift;

		shift = nc_node_new(b->ctx, b->like, NC_OP_BitShift, NULL, 2, x,
				    nc_build_scalar(b, NC_I32, (double)(i * bits)));
		nc_set_attr_string(b->ctx, shift, "direction", "RIGHT");
		parts[i] = nc_build_with(b, NC_OP_BitwiseAnd, NULL, nc_build(b, shift),
					 (double)((1 << bits) - 1));
		parts[i] = nc_build_reshape(b, NULL, parts[i], x->rank + 1, dims);
	}
	dims[x->rank - 1] *= each;
	return nc_build_reshape(b, NULL, nc_build_concat(b, NULL, parts, (unsigned int)each,
							 x->rank), x->rank, dims);
}

/* [columns, blocks] of a list; what is packed may end in a byte that is half empty. */
static struct nc_value *by_block(struct nc_builder *b, struct nc_value *x, int64_t columns,
				 int64_t blocks)
{
	int64_t dims[3] = { columns, 0, 1 };

	if (x->rank < 0 || nc_numel(x) < columns * blocks || nc_numel(x) % columns) {
		nc_error(b->ctx, b->like, "its scales or zero points do not fit its weights");
		return NULL;
	}
	dims[1] = nc_numel(x) / columns;
	x = nc_build_reshape(b, NULL, x, 3, dims);
	return dims[1] == blocks ? x : nc_build_slice(b, NULL, x, 1, 0, blocks);
}

/* a, then columns of b in blocks of few bits, scales, zero points, order of rows, bias */
bool nc_infer_matmul_nbits(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t rows = nc_attr_int(node, "K", 0), columns = nc_attr_int(node, "N", 0);
	int64_t size = nc_attr_int(node, "block_size", 0), bits = nc_attr_int(node, "bits", 4);
	static const int64_t swap[] = { 1, 0 };
	struct nc_builder b = builder(ctx, node);
	struct nc_value *w, *scale, *zero, *y;
	int64_t blocks, dims[3];

	if (!nc_need(ctx, node, 3, 6))
		return false;
	if ((bits != 2 && bits != 4 && bits != 8) || rows < 1 || columns < 1 || size < 1) {
		nc_error(ctx, node, "weights of %lld bits in blocks of %lld are not supported",
			 (long long)bits, (long long)size);
		return false;
	}
	if (nc_in(node, 4)) {
		nc_error(ctx, node, "a g_idx is not supported; quantise without reordering rows");
		return false;
	}
	blocks = (rows + size - 1) / size;
	w = unpacked(&b, node->inputs[1], bits);
	dims[0] = columns;
	dims[1] = blocks;
	dims[2] = size;
	if (w->rank < 0 || nc_numel(w) != columns * blocks * size) {
		nc_error(ctx, node, "its weights are not N columns of K in blocks");
		return false;
	}
	w = nc_build_reshape(&b, NULL, nc_build_cast(&b, NULL, w, NC_F32), 3, dims);
	scale = by_block(&b, nc_build_cast(&b, NULL, node->inputs[2], NC_F32), columns, blocks);
	zero = nc_in(node, 3);
	if (zero && zero->dtype == NC_U8 && zero->rank == 1) {
		/* Each column's begin in a byte of their own. */
		dims[1] = nc_numel(zero) / columns;
		zero = nc_build_reshape(&b, NULL, zero, 2, dims);
	}
	if (zero && zero->dtype == NC_U8)
		zero = unpacked(&b, zero, bits);
	if (zero)
		zero = by_block(&b, nc_build_cast(&b, NULL, zero, NC_F32), columns, blocks);
	else
		zero = nc_build_scalar(&b, NC_F32, 1 << (bits - 1));
	if (!scale || !zero)
		return false;
	w = nc_build2(&b, NC_OP_Mul, NULL, nc_build2(&b, NC_OP_Sub, NULL, w, zero), scale);
	dims[0] = columns;
	dims[1] = blocks * size;
	w = nc_build_reshape(&b, NULL, w, 2, dims);
	if (dims[1] != rows)
		w = nc_build_slice(&b, NULL, w, 1, 0, rows);
	w = nc_build_transpose(&b, NULL, w, swap);
	y = nc_build2(&b, NC_OP_MatMul, NULL, node->inputs[0],
		      nc_build_cast(&b, NULL, w, node->inputs[0]->dtype));
	if (nc_in(node, 5))
		y = nc_build2(&b, NC_OP_Add, NULL, y, node->inputs[5]);
	return nc_become_built(node, 0, y);
}

/*
 * An LSTM's inputs, then scale and zero point of each of its weights, which are
 * eight-bit integers: an LSTM whose products are of bytes (rnn.h).
 */
bool nc_infer_dynamic_quantize_lstm(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	struct nc_node *lstm;
	unsigned int i;

	if (!nc_need(ctx, node, 3, 12) || !nc_in(node, 8) || !nc_in(node, 10))
		return false;
	lstm = nc_node_new(ctx, node, NC_OP_LSTM, NULL, 12, node->inputs[0], node->inputs[1],
			   node->inputs[2], nc_in(node, 3), nc_in(node, 4), nc_in(node, 5),
			   nc_in(node, 6), nc_in(node, 7), node->inputs[8], nc_in(node, 9),
			   node->inputs[10], nc_in(node, 11));
	lstm->attrs = node->attrs;
	lstm->num_attrs = node->num_attrs;
	lstm->outputs = nc_alloc(ctx->arena, 3, sizeof(*lstm->outputs));
	lstm->num_outputs = node->num_outputs < 3 ? node->num_outputs : 3;
	for (i = 0; i < lstm->num_outputs; i++) {
		lstm->outputs[i] = nc_value_new(ctx, node->name);
		lstm->outputs[i]->producer = lstm;
	}
	nc_build(&b, lstm);
	for (i = 0; i < lstm->num_outputs; i++)
		if (nc_out(node, i) && !nc_become_built(node, i, lstm->outputs[i]))
			return false;
	return true;
}

/*
 * EmbedLayerNormalization whose tables and factors are bytes: ids, segments, five of
 * those, mask, and then five scales and five zero points
 */
bool nc_infer_qembed_layer_norm(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_builder b = builder(ctx, node);
	unsigned int i;

	if (!nc_need(ctx, node, 1, 18))
		return false;
	for (i = 0; i < 5; i++) {
		if (!nc_in(node, 2 + i) || !nc_in(node, 8 + i))
			continue;
		node->inputs[2 + i] = dequantized(&b, 2 + i, 8 + i, 13 + i);
	}
	node->num_inputs = 8;
	return nc_infer_embed_layer_norm(ctx, node);
}
