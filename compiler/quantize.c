// SPDX-License-Identifier: MIT
/*
 * Models quantised by QuantizeLinear and DequantizeLinear, back to integers.
 *
 * Exporters write int8 models as floats between pairs of these: a Conv of
 * dequantised factors whose result is quantised again. Its sums over integers
 * are exact, twice as fast, and what the model's author ran; so
 *
 *	QuantizeLinear(Conv(DequantizeLinear(x), DequantizeLinear(w), bias))
 *
 * becomes QLinearConv, MatMul the same. On the way, Transposes and Reshapes
 * between the operators work on the integers, and so do operators that only
 * select elements where both sides have one scale.
 *
 * A bias is a float in such models, but meant as so many steps of x_scale *
 * w_scale: it is rounded to them, as ONNX Runtime does.
 */
#include <math.h>
#include <string.h>
#include "front.h"

/* Operators between a DequantizeLinear and what uses it, at most. */
#define MAX_CHAIN	8

struct rewriter {
	struct nc_ctx *ctx;
	struct nc_node_list list;
};

static bool is_byte(enum nc_dtype dtype)
{
	return dtype == NC_I8 || dtype == NC_U8;
}

/* One scale and one zero point for the whole tensor, both known. */
static bool is_per_tensor(const struct nc_node *node)
{
	const struct nc_value *zero = nc_in(node, 2);

	return nc_is_const(node->inputs[1]) && nc_numel(node->inputs[1]) == 1 &&
	       (!zero || (nc_is_const(zero) && nc_numel(zero) == 1));
}

static bool only_moves(const struct nc_node *node)
{
	return (node->op == NC_OP_Transpose || node->op == NC_OP_Reshape) &&
	       node->act == NEURON_ACT_IDENTITY;
}

/* Nobody but its one reader needs the value. */
static bool is_private(const struct nc_value *value)
{
	return value->num_uses == 1 && !value->is_output;
}

/**
 * struct chain - Transposes and Reshapes in a row, the first one first
 * @nodes: the operators
 * @count: entries of @nodes
 * @end: what comes before the first of them
 */
struct chain {
	struct nc_node *nodes[MAX_CHAIN];
	int count;
	struct nc_node *end;
};

/* From a value back to the operator that did more than move elements. */
static void trace(const struct nc_value *value, bool private,
		  struct chain *chain)
{
	struct nc_node *nodes[MAX_CHAIN];
	int i, n = 0;

	while (value->producer && only_moves(value->producer) &&
	       n < MAX_CHAIN && (!private || is_private(value))) {
		nodes[n++] = value->producer;
		value = value->producer->inputs[0];
	}
	chain->count = n;
	for (i = 0; i < n; i++)
		chain->nodes[i] = nodes[n - 1 - i];
	chain->end = private && !is_private(value) ? NULL : value->producer;
}

/* The same operator, on another first input. */
static struct nc_value *redo(struct rewriter *rw, const struct nc_node *old,
			     struct nc_value *value)
{
	struct nc_value *out = nc_value_like(rw->ctx, old->outputs[0]->name,
					     value->dtype,
					     old->outputs[0]->rank,
					     old->outputs[0]->dims);
	struct nc_node *node = nc_node_new(rw->ctx, old, old->op, out, 1,
					   value);

	node->attrs = old->attrs;
	node->num_attrs = old->num_attrs;
	node->inputs = nc_alloc(rw->ctx->arena, old->num_inputs,
				sizeof(*node->inputs));
	memcpy(node->inputs, old->inputs,
	       old->num_inputs * sizeof(*node->inputs));
	node->inputs[0] = value;
	node->num_inputs = old->num_inputs;
	nc_node_list_add(rw->ctx, &rw->list, node);
	return out;
}

static struct nc_value *replay(struct rewriter *rw, const struct chain *chain,
			       struct nc_value *value)
{
	int i;

	for (i = 0; i < chain->count; i++)
		value = redo(rw, chain->nodes[i], value);
	return value;
}

/* The DequantizeLinear that computed a constant, if its bytes can be used. */
static const struct nc_node *weight_source(const struct nc_value *weight,
					   int channel_axis)
{
	const struct nc_node *node = weight->folded;
	double zero;

	if (!node || node->op != NC_OP_DequantizeLinear ||
	    !is_byte(node->inputs[0]->dtype) || !nc_is_const(node->inputs[0]))
		return NULL;
	if (nc_in(node, 2) && !nc_const_splat(node->inputs[2], &zero))
		return NULL;
	if (nc_numel(node->inputs[1]) == 1)
		return node;
	if (node->inputs[1]->rank != 1 ||
	    nc_attr_int(node, "axis", 1) !=
	    (node->inputs[1]->rank ? channel_axis : 0))
		return NULL;
	return node;
}

/* A constant that left the graph when what used it was folded, in it again. */
static struct nc_value *bring_back(struct nc_ctx *ctx,
				   const struct nc_value *value)
{
	struct nc_value *out = nc_value_like(ctx, value->name, value->dtype,
					     value->rank, value->dims);

	out->data = value->data;
	out->size = value->size;
	return out;
}

/* Zero where the node has none. */
static struct nc_value *zero_point(struct nc_ctx *ctx,
				   const struct nc_node *node,
				   enum nc_dtype dtype)
{
	static const uint8_t zero;

	if (nc_in(node, 2))
		return node->inputs[2];
	return nc_const_new(ctx, node->name, dtype, 0, NULL, &zero);
}

/* The bias in steps of the sums. False: it is none that integers can hold. */
static bool integer_bias(struct nc_ctx *ctx, const struct nc_value *bias,
			 const struct nc_value *x_scale,
			 const struct nc_value *w_scale, struct nc_value **out)
{
	float x = (float)nc_const_double(x_scale, 0);
	int64_t i, n = nc_numel(bias), scales = nc_numel(w_scale);
	int32_t *data;

	if (!nc_is_const(bias) || bias->rank != 1 ||
	    (scales != 1 && scales != n))
		return false;
	data = nc_alloc(ctx->arena, (size_t)n, sizeof(*data));
	for (i = 0; i < n; i++) {
		float w = (float)nc_const_double(w_scale, scales == 1 ? 0 : i);
		float steps = nearbyintf((float)nc_const_double(bias, i) /
					 (x * w));

		/* Not for NaN either. */
		if (!(fabsf(steps) < 1 << 30))
			return false;
		data[i] = (int32_t)steps;
	}
	*out = nc_const_new(ctx, bias->name, NC_I32, 1, &n, data);
	return true;
}

/* An operator whose result, quantised, integers can make. */
static bool can_quantize(const struct nc_node *node)
{
	if (node->op != NC_OP_Conv && node->op != NC_OP_MatMul)
		return false;
	return node->act == NEURON_ACT_IDENTITY ||
	       node->act == NEURON_ACT_RELU || node->act == NEURON_ACT_CLIP;
}

/* @quantize ends a float product of integers: put integers in its place. */
static bool rewrite_product(struct rewriter *rw, struct nc_node *quantize)
{
	struct nc_ctx *ctx = rw->ctx;
	struct chain behind, before;
	struct nc_node *product, *source, *node;
	const struct nc_node *weights;
	struct nc_value *x, *bias = NULL, *out;
	bool conv;

	trace(quantize->inputs[0], true, &behind);
	product = behind.end;
	if (!product || !can_quantize(product))
		return false;
	conv = product->op == NC_OP_Conv;
	trace(product->inputs[0], false, &before);
	source = before.end;
	weights = weight_source(product->inputs[1],
				conv ? 0 : product->inputs[1]->rank - 1);
	if (!source || source->op != NC_OP_DequantizeLinear || !weights ||
	    !is_per_tensor(source) || !is_byte(source->inputs[0]->dtype))
		return false;
	if (nc_in(product, 2) &&
	    !integer_bias(ctx, product->inputs[2], source->inputs[1],
			  weights->inputs[1], &bias))
		return false;

	x = replay(rw, &before, source->inputs[0]);
	out = nc_value_like(ctx, product->outputs[0]->name,
			    quantize->outputs[0]->dtype,
			    product->outputs[0]->rank,
			    product->outputs[0]->dims);
	node = nc_node_new(ctx, product, conv ? NC_OP_QLinearConv :
						NC_OP_QLinearMatMul, out,
			   bias ? 9 : 8, x, source->inputs[1],
			   zero_point(ctx, source, x->dtype),
			   bring_back(ctx, weights->inputs[0]),
			   bring_back(ctx, weights->inputs[1]),
			   bring_back(ctx, zero_point(ctx, weights,
						      weights->inputs[0]->dtype)),
			   quantize->inputs[1],
			   zero_point(ctx, quantize, out->dtype), bias);
	node->attrs = product->attrs;
	node->num_attrs = product->num_attrs;
	node->act = product->act;
	node->act_alpha = product->act_alpha;
	node->act_beta = product->act_beta;
	node->compute = NC_I8;
	/* It was a convolution of real numbers: ties are rounded as theirs. */
	if (conv)
		nc_set_attr_int(ctx, node, "real", 1);
	nc_node_list_add(ctx, &rw->list, node);
	nc_alias(quantize->outputs[0], replay(rw, &behind, out));
	return true;
}

static bool same_scale(const struct nc_node *a, const struct nc_node *b)
{
	double za = nc_in(a, 2) ? nc_const_double(a->inputs[2], 0) : 0;
	double zb = nc_in(b, 2) ? nc_const_double(b->inputs[2], 0) : 0;

	return nc_const_double(a->inputs[1], 0) ==
	       nc_const_double(b->inputs[1], 0) && za == zb;
}

/* Zeros around floats are zero points around integers. */
static bool rewrite_pad(struct rewriter *rw, struct nc_node *quantize,
			const struct nc_node *pad,
			const struct nc_node *source)
{
	struct nc_value *out = quantize->outputs[0], *value;
	struct nc_node *node;
	double number = 0;

	if (strcmp(nc_attr_string(pad, "mode", "constant"), "constant") ||
	    (nc_in(pad, 2) && (!nc_is_const(pad->inputs[2]) ||
			       !nc_const_splat(pad->inputs[2], &number))) ||
	    number != 0)
		return false;
	value = nc_value_like(rw->ctx, out->name, out->dtype, out->rank,
			      out->dims);
	node = nc_node_new(rw->ctx, pad, NC_OP_Pad, value,
			   nc_in(pad, 3) ? 4 : 3, source->inputs[0],
			   pad->inputs[1],
			   zero_point(rw->ctx, quantize, out->dtype),
			   nc_in(pad, 3));
	nc_node_list_add(rw->ctx, &rw->list, node);
	nc_alias(out, value);
	return true;
}

/* Between equal scales moving and padding need no floats. */
static bool rewrite_moves(struct rewriter *rw, struct nc_node *quantize)
{
	const struct nc_node *pad, *source;
	struct chain chain;

	trace(quantize->inputs[0], false, &chain);
	if (!chain.end)
		return false;
	pad = !chain.count && chain.end->op == NC_OP_Pad &&
	      chain.end->act == NEURON_ACT_IDENTITY ? chain.end : NULL;
	source = pad ? pad->inputs[0]->producer : chain.end;
	if (!source || source->op != NC_OP_DequantizeLinear ||
	    source->inputs[0]->dtype != quantize->outputs[0]->dtype ||
	    !is_per_tensor(source) || !same_scale(source, quantize))
		return false;
	if (pad)
		return rewrite_pad(rw, quantize, pad, source);
	nc_alias(quantize->outputs[0], replay(rw, &chain, source->inputs[0]));
	return true;
}

void nc_quantize(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct rewriter rw = { .ctx = ctx };
	unsigned int i, j;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		for (j = 0; j < node->num_inputs; j++)
			node->inputs[j] = nc_resolve(node->inputs[j]);
		if (node->op == NC_OP_QuantizeLinear && is_per_tensor(node) &&
		    is_byte(node->outputs[0]->dtype) &&
		    (rewrite_moves(&rw, node) || rewrite_product(&rw, node)))
			continue;
		nc_node_list_add(ctx, &rw.list, node);
	}
	graph->nodes = rw.list.nodes;
	graph->num_nodes = rw.list.count;
	nc_graph_update(ctx);
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];
		double zero = 0;

		if (node->op == NC_OP_QLinearConv &&
		    (!nc_in(node, 2) || (nc_is_const(node->inputs[2]) &&
					 nc_const_splat(node->inputs[2], &zero))))
			nc_fuse_pad(ctx, node, zero);
	}
	nc_graph_update(ctx);
}
