// SPDX-License-Identifier: MIT
/*
 * Functions that exporters write out of simple operators, found again: the chip
 * has an instruction for each, and the many intermediates disappear.
 *
 *	LayerNormalization	(x - mean) / sqrt(variance + epsilon) * gamma + beta
 *	Gelu			x / 2 * (1 + erf(x / sqrt(2))), and the one with tanh
 *	SiLU			x * sigmoid(x)
 *	HardSigmoid		clip(x + 3, 0, 6) / 6
 *	HardSwish		x * hardsigmoid(x), x * clip(x + 3, 0, 6) / 6
 *
 * A match starts at the last operator and looks backwards. What others need of
 * the intermediates is left alone.
 */
#include <math.h>
#include "front.h"

static struct nc_node *maker(const struct nc_value *value, enum nc_op op)
{
	struct nc_node *node = value ? value->producer : NULL;

	return node && node->op == op && node->act == NEURON_ACT_IDENTITY ?
	       node : NULL;
}

/* The other operand of a node that has @value as one. */
static struct nc_value *other(const struct nc_node *node,
			      const struct nc_value *value)
{
	if (!node || node->num_inputs < 2)
		return NULL;
	if (node->inputs[0] == value)
		return node->inputs[1];
	return node->inputs[1] == value ? node->inputs[0] : NULL;
}

static bool is_number(const struct nc_value *value, double *x)
{
	return nc_is_const(value) && nc_dtype_is_float(value->dtype) &&
	       nc_const_splat(value, x) && isfinite(*x);
}

/* @node is value op number, in either order; receives the two. */
static bool with_number(const struct nc_node *node, struct nc_value **value,
			double *x)
{
	int i;

	for (i = 0; node && i < 2; i++) {
		if (!is_number(node->inputs[i], x))
			continue;
		*value = node->inputs[!i];
		return nc_same_shape(*value, node->outputs[0]);
	}
	return false;
}

static bool about(double x, double y)
{
	return fabs(x - y) <= 1e-4 * fabs(y);
}

/* The mean over the last dimensions, from @axis on. */
static bool is_mean(struct nc_ctx *ctx, const struct nc_value *value,
		    const struct nc_value *x, int *axis)
{
	const struct nc_node *node = maker(value, NC_OP_ReduceMean);
	unsigned int mask;

	if (!node || node->inputs[0] != x || value->rank != x->rank ||
	    !nc_reduce_axes(ctx, node, &mask) || !mask)
		return false;
	*axis = __builtin_ctz(mask);
	return mask == (((1u << x->rank) - 1) & ~((1u << *axis) - 1));
}

/* x - mean(x) */
static bool is_centred(struct nc_ctx *ctx, const struct nc_value *value,
		       struct nc_value **x, struct nc_value **mean, int *axis)
{
	const struct nc_node *node = maker(value, NC_OP_Sub);

	if (!node)
		return false;
	*x = node->inputs[0];
	*mean = node->inputs[1];
	return is_mean(ctx, *mean, *x, axis);
}

/* What is squared: x * x or x ^ 2. */
static struct nc_value *squared(const struct nc_value *value)
{
	const struct nc_node *node = maker(value, NC_OP_Mul);
	double power;

	if (node && node->inputs[0] == node->inputs[1])
		return node->inputs[0];
	node = maker(value, NC_OP_Pow);
	if (node && is_number(node->inputs[1], &power) && power == 2)
		return node->inputs[0];
	return NULL;
}

/**
 * struct norm - a normalisation, as far as it is known
 * @x: what is normalised
 * @mean: its mean
 * @axis: first of the dimensions that it is taken over
 * @epsilon: added to the variance
 */
struct norm {
	struct nc_value *x;
	struct nc_value *mean;
	int axis;
	double epsilon;
};

/* sqrt(mean((x - mean)^2) + epsilon) */
static bool is_deviation(struct nc_ctx *ctx, const struct nc_value *value,
			 struct norm *norm)
{
	const struct nc_node *root = maker(value, NC_OP_Sqrt), *sum;
	struct nc_value *variance, *square, *centred;
	int axis;

	if (!root)
		return false;
	sum = maker(root->inputs[0], NC_OP_Add);
	if (!with_number(sum, &variance, &norm->epsilon) || norm->epsilon < 0 ||
	    !maker(variance, NC_OP_ReduceMean))
		return false;
	square = variance->producer->inputs[0];
	centred = squared(square);
	return centred && is_mean(ctx, variance, square, &axis) &&
	       is_centred(ctx, centred, &norm->x, &norm->mean, &norm->axis) &&
	       axis == norm->axis;
}

/* 1 / deviation, times gamma or not. */
static bool is_factor(struct nc_ctx *ctx, struct nc_value *value,
		      struct norm *norm, struct nc_value **gamma)
{
	const struct nc_node *node = maker(value, NC_OP_Mul);
	int i;

	*gamma = NULL;
	for (i = 0; node && i < 2; i++) {
		if (!nc_is_const(node->inputs[i]))
			continue;
		*gamma = node->inputs[i];
		value = node->inputs[!i];
		break;
	}
	node = maker(value, NC_OP_Reciprocal);
	return node && is_deviation(ctx, node->inputs[0], norm);
}

static struct nc_node *make(struct nc_ctx *ctx, const struct nc_node *last,
			    enum nc_op op, struct nc_value *x)
{
	ctx->graph->layer_ops[last->layer] =
		op == NC_OP_Identity ? "SiLU" : nc_op_name(op);
	return nc_node_new(ctx, last, op, last->outputs[0], 1, x);
}

static struct nc_node *make_norm(struct nc_ctx *ctx, const struct nc_node *last,
				 const struct norm *norm,
				 struct nc_value *gamma, struct nc_value *beta)
{
	struct nc_node *node;

	if (norm->x->dtype != NC_F32 ||
	    !nc_same_shape(norm->x, last->outputs[0]))
		return NULL;
	node = make(ctx, last, NC_OP_LayerNormalization, norm->x);
	node->inputs = nc_alloc(ctx->arena, 3, sizeof(*node->inputs));
	node->inputs[0] = norm->x;
	node->inputs[1] = gamma;
	node->inputs[2] = beta;
	node->num_inputs = 3;
	nc_set_attr_int(ctx, node, "axis", norm->axis);
	nc_set_attr_float(ctx, node, "epsilon", (float)norm->epsilon);
	return node;
}

/* (x - mean) / deviation, or times its reciprocal */
static struct nc_node *find_norm(struct nc_ctx *ctx, const struct nc_node *last)
{
	struct nc_value *x, *mean, *gamma;
	struct norm norm;
	int i, axis;

	for (i = 0; i < 2; i++) {
		if (!is_centred(ctx, last->inputs[i], &x, &mean, &axis))
			continue;
		if (last->op == NC_OP_Div) {
			if (i || !is_deviation(ctx, last->inputs[1], &norm))
				continue;
			gamma = NULL;
		} else if (!is_factor(ctx, last->inputs[!i], &norm, &gamma)) {
			continue;
		}
		if (norm.x == x && norm.axis == axis)
			return make_norm(ctx, last, &norm, gamma, NULL);
	}
	return NULL;
}

/* x * k + (beta - mean * k), with k = gamma / deviation */
static struct nc_node *find_scaled_norm(struct nc_ctx *ctx,
					const struct nc_node *last)
{
	int i;

	for (i = 0; i < 2; i++) {
		const struct nc_node *left = maker(last->inputs[i], NC_OP_Mul);
		const struct nc_node *right = maker(last->inputs[!i], NC_OP_Sub);
		const struct nc_node *shift;
		struct nc_value *gamma;
		struct norm norm;
		int j;

		if (!left || !right || !nc_is_const(right->inputs[0]))
			continue;
		shift = maker(right->inputs[1], NC_OP_Mul);
		for (j = 0; shift && j < 2; j++) {
			struct nc_value *k = left->inputs[!j];

			if (!is_factor(ctx, k, &norm, &gamma) ||
			    left->inputs[j] != norm.x ||
			    other(shift, k) != norm.mean)
				continue;
			return make_norm(ctx, last, &norm, gamma,
					 right->inputs[0]);
		}
	}
	return NULL;
}

/* A factor or a term of a normalisation that has none yet. */
static struct nc_node *find_param(struct nc_ctx *ctx, const struct nc_node *last)
{
	unsigned int which = last->op == NC_OP_Mul ? 1 : 2;
	int i;

	(void)ctx;
	for (i = 0; i < 2; i++) {
		struct nc_node *norm = maker(last->inputs[!i],
					     NC_OP_LayerNormalization);
		struct nc_value *param = last->inputs[i];

		/* Only ours have room for both; the sum comes last. */
		if (!norm || norm->num_inputs != 3 || norm->inputs[which] ||
		    norm->inputs[2] || norm->num_outputs != 1 ||
		    norm->outputs[0]->num_uses != 1 ||
		    norm->outputs[0]->is_output || !nc_is_const(param) ||
		    param->dtype != NC_F32 ||
		    !nc_same_shape(norm->outputs[0], last->outputs[0]))
			continue;
		norm->inputs[which] = param;
		norm->outputs[0] = last->outputs[0];
		norm->outputs[0]->producer = norm;
		norm->layer = last->layer;
		ctx->graph->layer_ops[last->layer] = "LayerNormalization";
		return norm;
	}
	return NULL;
}

/* x + 0.044715 x^3 */
static bool is_cubic(const struct nc_value *value, const struct nc_value *x)
{
	const struct nc_node *sum = maker(value, NC_OP_Add), *node;
	struct nc_value *cube = other(sum, x), *square;
	double number, power;

	if (!cube || !with_number(maker(cube, NC_OP_Mul), &cube, &number) ||
	    !about(number, 0.044715))
		return false;
	node = maker(cube, NC_OP_Pow);
	if (node)
		return node->inputs[0] == x &&
		       is_number(node->inputs[1], &power) && power == 3;
	square = other(maker(cube, NC_OP_Mul), x);
	return square && squared(square) == x;
}

/* 1 + erf(x / sqrt(2)) or 1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) */
static bool is_gelu_gate(const struct nc_value *value, const struct nc_value *x,
			 bool *tanh)
{
	struct nc_value *curve, *arg;
	const struct nc_node *node;
	double number;

	if (!with_number(maker(value, NC_OP_Add), &curve, &number) || number != 1)
		return false;
	node = maker(curve, NC_OP_Erf);
	if (node) {
		*tanh = false;
		arg = node->inputs[0];
		if (with_number(maker(arg, NC_OP_Mul), &arg, &number))
			return arg == x && about(number, sqrt(0.5));
		node = maker(arg, NC_OP_Div);
		return node && node->inputs[0] == x &&
		       is_number(node->inputs[1], &number) &&
		       about(number, sqrt(2));
	}
	node = maker(curve, NC_OP_Tanh);
	*tanh = true;
	return node &&
	       with_number(maker(node->inputs[0], NC_OP_Mul), &arg, &number) &&
	       about(number, sqrt(2 / M_PI)) && is_cubic(arg, x);
}

/*
 * The factors of a product, through other products of values of its shape.
 * Return: their number, at most @max.
 */
static int factors(struct nc_value *value, struct nc_value **list, int max)
{
	const struct nc_node *node = maker(value, NC_OP_Mul);
	int n = 0, i;

	if (!node || max < 2) {
		list[0] = value;
		return 1;
	}
	for (i = 0; i < 2; i++)
		n += factors(node->inputs[i], list + n, max - n - (1 - i));
	return n;
}

static struct nc_node *find_gelu(struct nc_ctx *ctx, const struct nc_node *last)
{
	struct nc_value *list[3];
	struct nc_node *node;
	bool tanh;
	double half;
	int i, j, n = factors(last->outputs[0], list, 3);

	for (i = 0; n == 3 && i < 3; i++) {
		if (!is_number(list[i], &half) || half != 0.5)
			continue;
		for (j = 1; j < 3; j++) {
			struct nc_value *x = list[(i + j) % 3];

			if (!is_gelu_gate(list[(i + 3 - j) % 3], x, &tanh) ||
			    !nc_same_shape(x, last->outputs[0]))
				continue;
			node = make(ctx, last, NC_OP_Gelu, x);
			nc_set_attr_string(ctx, node, "approximate",
					   tanh ? "tanh" : "none");
			return node;
		}
	}
	return NULL;
}

static struct nc_node *find_swish(struct nc_ctx *ctx, const struct nc_node *last)
{
	int i;

	for (i = 0; i < 2; i++) {
		struct nc_value *x = last->inputs[i];
		const struct nc_node *gate = maker(last->inputs[!i], NC_OP_Sigmoid);
		struct nc_node *node;

		if (gate && gate->inputs[0] == x) {
			node = make(ctx, last, NC_OP_Identity, x);
			node->act = NEURON_ACT_SILU;
			node->act_alpha = 1;
			return node;
		}
		gate = maker(last->inputs[!i], NC_OP_HardSigmoid);
		if (gate && gate->inputs[0] == x &&
		    about(nc_attr_float(gate, "alpha", 0.2f), 1.0 / 6) &&
		    about(nc_attr_float(gate, "beta", 0.5f), 0.5))
			return make(ctx, last, NC_OP_HardSwish, x);
	}
	return NULL;
}

/* clip(x + 3, 0, 6); @x: NULL or what it has to be of */
static struct nc_value *ramp_of(const struct nc_value *value, const struct nc_value *x)
{
	const struct nc_node *clip = maker(value, NC_OP_Clip);
	struct nc_value *of;
	float low, high;
	enum neuron_act act;
	double three;

	if (!clip || !nc_unary_act(clip, &act, &low, &high) || low != 0 || high != 6 ||
	    !with_number(maker(clip->inputs[0], NC_OP_Add), &of, &three) || three != 3)
		return NULL;
	return !x || x == of ? of : NULL;
}

/* The ramp, or x times it, divided by six. */
static struct nc_node *find_hard(struct nc_ctx *ctx, const struct nc_node *last)
{
	const struct nc_node *product;
	struct nc_value *value, *x;
	struct nc_node *node;
	double by;
	int i;

	if (!with_number(last, &value, &by) ||
	    (last->op == NC_OP_Div && value != last->inputs[0]) ||
	    !about(by, last->op == NC_OP_Div ? 6 : 1.0 / 6))
		return NULL;
	x = ramp_of(value, NULL);
	if (x) {
		node = make(ctx, last, NC_OP_HardSigmoid, x);
		nc_set_attr_float(ctx, node, "alpha", 1.0f / 6);
		nc_set_attr_float(ctx, node, "beta", 0.5f);
		return node;
	}
	product = maker(value, NC_OP_Mul);
	for (i = 0; product && i < 2; i++)
		if (ramp_of(product->inputs[!i], product->inputs[i]))
			return make(ctx, last, NC_OP_HardSwish, product->inputs[i]);
	return NULL;
}

/* What takes the node's place, or NULL. */
static struct nc_node *find(struct nc_ctx *ctx, const struct nc_node *node)
{
	struct nc_node *found = NULL;

	if (!node->outputs[0] || node->outputs[0]->dtype != NC_F32 ||
	    node->act != NEURON_ACT_IDENTITY)
		return NULL;
	switch (node->op) {
	case NC_OP_Div:
		found = find_norm(ctx, node);
		return found ? found : find_hard(ctx, node);
	case NC_OP_Add:
		found = find_scaled_norm(ctx, node);
		return found ? found : find_param(ctx, node);
	case NC_OP_Mul:
		found = find_norm(ctx, node);
		if (!found)
			found = find_param(ctx, node);
		if (!found)
			found = find_gelu(ctx, node);
		if (!found)
			found = find_hard(ctx, node);
		return found ? found : find_swish(ctx, node);
	default:
		return NULL;
	}
}

void nc_recognise(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i, n = 0;

	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *found = find(ctx, graph->nodes[i]);

		/* One that took the node in is in the list already. */
		if (!found)
			graph->nodes[n++] = graph->nodes[i];
		else if (!found->mark)
			graph->nodes[n++] = found;
		if (found)
			found->mark = 1;
	}
	graph->num_nodes = n;
	nc_graph_update(ctx);
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i]->mark = 0;
}
