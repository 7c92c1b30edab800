// SPDX-License-Identifier: MIT
/*
 * What shapes are computed of while the model runs: between which numbers each element
 * is. Where both are the same, the element is known when compiling.
 *
 * A bound is computed by the host's own operators, of the inputs' bounds.
 */
#include <stdlib.h>
#include "host.h"

static int64_t least_of(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t most_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Beyond all bounds, also after something was added to it or taken from it. */
static bool is_no_bound(int64_t x)
{
	return x >= NC_NO_BOUND / 2 || x <= -(NC_NO_BOUND / 2);
}

static bool takes_bounds(const struct nc_value *value)
{
	return !value->open && value->rank >= 0 && nc_numel(value) <= NC_HOST_FEW &&
	       (value->dtype == NC_I64 || value->dtype == NC_I32 || value->dtype == NC_BOOL);
}

static struct nc_bounds *new_bounds(struct nc_ctx *ctx, int64_t n)
{
	struct nc_bounds *bounds = nc_alloc(ctx->arena, 1, sizeof(*bounds));
	int64_t i;

	bounds->least = nc_alloc(ctx->arena, (size_t)n + 1, sizeof(int64_t));
	bounds->most = nc_alloc(ctx->arena, (size_t)n + 1, sizeof(int64_t));
	for (i = 0; i < n; i++) {
		bounds->least[i] = -NC_NO_BOUND;
		bounds->most[i] = NC_NO_BOUND;
	}
	return bounds;
}

bool nc_host_is_bounded(const struct nc_value *value)
{
	return nc_is_const(value) || value->bounds;
}

const struct nc_bounds *nc_host_bounds(struct nc_ctx *ctx, const struct nc_value *value)
{
	struct nc_bounds *bounds;
	int64_t n, i;

	if (value->bounds)
		return value->bounds;
	if (!takes_bounds(value))
		return NULL;
	n = nc_numel(value);
	bounds = new_bounds(ctx, n);
	for (i = 0; i < n && nc_is_const(value); i++)
		bounds->least[i] = bounds->most[i] = nc_const_int(value, i);
	return bounds;
}

/* Bounds of which none is known are none. */
static void set_bounds(struct nc_value *value, struct nc_bounds *bounds)
{
	int64_t n = nc_numel(value), i;
	bool any = false;

	for (i = 0; i < n; i++) {
		if (is_no_bound(bounds->least[i]))
			bounds->least[i] = -NC_NO_BOUND;
		if (is_no_bound(bounds->most[i]))
			bounds->most[i] = NC_NO_BOUND;
		any |= bounds->least[i] != -NC_NO_BOUND || bounds->most[i] != NC_NO_BOUND;
	}
	if (any || !n)
		value->bounds = bounds;
}

void nc_host_bound_dims(struct nc_ctx *ctx, struct nc_value *value, const int64_t *most,
			unsigned int open)
{
	struct nc_bounds *bounds = new_bounds(ctx, nc_numel(value));
	int64_t i;

	for (i = 0; i < nc_numel(value); i++) {
		bounds->most[i] = most[i];
		bounds->least[i] = open >> i & 1 ? 0 : most[i];
	}
	set_bounds(value, bounds);
}

/*
 * By the operator
 */

/* A node, and what its inputs are taken for. */
struct bounding {
	struct nc_ctx *ctx;
	struct nc_node *node;
	const struct nc_host *host;
	const struct nc_bounds **in;
	struct nc_bounds **out;
};

/* The side of an input that a corner stands for. */
static const int64_t *side(const struct bounding *b, unsigned int input, unsigned int corner)
{
	return corner >> input & 1 ? b->in[input]->most : b->in[input]->least;
}

/*
 * Compute a corner: of each input the least (a 0 in @corner) or the most (a 1). What comes
 * out widens the bounds of the outputs, at both ends or at one.
 */
static bool compute(struct bounding *b, unsigned int corner, bool to_least, bool to_most)
{
	struct nc_ctx *ctx = b->ctx;
	unsigned int n = b->node->num_outputs, i;
	struct nc_value **inputs = nc_alloc(ctx->arena, b->node->num_inputs + 1, sizeof(*inputs));
	struct nc_value **outputs = nc_alloc(ctx->arena, n + 1, sizeof(*outputs));
	struct hostop_tensor *results = nc_alloc(ctx->arena, n + 1, sizeof(*results));
	int64_t k;
	bool ok;

	for (i = 0; i < b->node->num_inputs; i++) {
		const struct nc_value *x = b->node->inputs[i];

		if (!x)
			continue;
		inputs[i] = nc_const_new(ctx, "bound", NC_I64, x->rank, x->dims,
					 side(b, i, i < 2 ? corner : corner & 1 ? ~0U : 0));
	}
	for (i = 0; i < n; i++) {
		if (!b->node->outputs[i])
			continue;
		outputs[i] = nc_alloc(ctx->arena, 1, sizeof(**outputs));
		*outputs[i] = *b->node->outputs[i];
		outputs[i]->dtype = NC_I64;
	}
	ok = !nc_host_run(ctx, b->node, b->host, inputs, outputs, results);
	for (i = 0; i < n && ok; i++) {
		if (!outputs[i])
			continue;
		ok = (int64_t)hostop_count(&results[i]) == nc_numel(outputs[i]);
		for (k = 0; k < nc_numel(outputs[i]) && ok; k++) {
			int64_t x = hostop_int(NEURON_NEFF_I64, results[i].data, k);

			if (to_least)
				b->out[i]->least[k] = least_of(b->out[i]->least[k], x);
			if (to_most)
				b->out[i]->most[k] = most_of(b->out[i]->most[k], x);
		}
	}
	for (i = 0; i < n; i++)
		free(results[i].data);
	return ok;
}

/* Nothing is in between yet: what is computed widens it. */
static void begin(struct bounding *b)
{
	unsigned int i;
	int64_t k;

	for (i = 0; i < b->node->num_outputs; i++)
		for (k = 0; b->out[i] && k < nc_numel(b->node->outputs[i]); k++) {
			b->out[i]->least[k] = INT64_MAX;
			b->out[i]->most[k] = INT64_MIN;
		}
}

/* More in never gives less out. */
static bool monotonic(struct bounding *b)
{
	begin(b);
	return compute(b, 0, true, false) && compute(b, ~0U, false, true);
}

/* Elements are moved: where to says what is known. */
static bool moved(struct bounding *b)
{
	unsigned int i;

	for (i = 1; i < b->node->num_inputs; i++)
		if (b->node->inputs[i] && b->host->op != NEURON_HOST_CONCAT &&
		    !nc_is_const(b->node->inputs[i]))
			return false;
	return monotonic(b);
}

/*
 * Of what is the size of something, an unknown bound is that of a size: a run in which it
 * is negative fails.
 */
static void as_sizes(struct bounding *b)
{
	unsigned int i;
	int64_t k;

	for (i = 0; i < b->node->num_inputs; i++) {
		const struct nc_bounds *in = b->in[i];
		struct nc_bounds *size;

		if (!in)
			continue;
		size = new_bounds(b->ctx, nc_numel(b->node->inputs[i]));
		for (k = 0; k < nc_numel(b->node->inputs[i]); k++) {
			size->most[k] = in->most[k];
			size->least[k] = is_no_bound(in->least[k]) ? 0 : in->least[k];
		}
		b->in[i] = size;
	}
}

/* What is largest and smallest is so at some corner of what both can be. */
static bool corners(struct bounding *b)
{
	unsigned int corner;

	begin(b);
	for (corner = 0; corner < 4; corner++)
		if (!compute(b, corner, true, true))
			return false;
	return true;
}

static bool is_at_least(const struct bounding *b, unsigned int input, int64_t x)
{
	int64_t i;

	for (i = 0; i < nc_numel(b->node->inputs[input]); i++)
		if (b->in[input]->least[i] < x)
			return false;
	return true;
}

/* A product of many: of sizes alone, and none beyond all bounds. */
static bool product(struct bounding *b)
{
	int64_t i;

	as_sizes(b);
	for (i = 0; i < nc_numel(b->node->inputs[0]); i++)
		if (is_no_bound(b->in[0]->most[i]))
			return false;
	return is_at_least(b, 0, 0) && monotonic(b);
}

/* The element of an input that is spread over the output, or as large as it. */
static bool is_spread(const struct bounding *b, unsigned int input)
{
	int64_t n = nc_numel(b->node->inputs[input]);

	return n == 1 || n == nc_numel(b->node->outputs[0]);
}

static int64_t place(const struct bounding *b, unsigned int input, int64_t i)
{
	return nc_numel(b->node->inputs[input]) == 1 ? 0 : i;
}

static bool compare(struct bounding *b)
{
	const struct nc_bounds *x = b->in[0], *y = b->in[1];
	int64_t i;

	if (!is_spread(b, 0) || !is_spread(b, 1))
		return false;
	for (i = 0; i < nc_numel(b->node->outputs[0]); i++) {
		int64_t p = place(b, 0, i), q = place(b, 1, i);
		bool never = x->least[p] > y->most[q] || x->most[p] < y->least[q];
		bool always = x->least[p] == x->most[p] && y->least[q] == y->most[q] &&
			      x->least[p] == y->least[q];

		b->out[0]->least[i] = always;
		b->out[0]->most[i] = !never;
	}
	return true;
}

static bool opposite(struct bounding *b)
{
	int64_t i;

	for (i = 0; i < nc_numel(b->node->outputs[0]); i++) {
		b->out[0]->least[i] = !b->in[0]->most[i];
		b->out[0]->most[i] = !b->in[0]->least[i];
	}
	return true;
}

static bool where(struct bounding *b)
{
	struct nc_bounds *out = b->out[0];
	int64_t i;

	if (!is_spread(b, 0) || !is_spread(b, 1) || !is_spread(b, 2))
		return false;
	begin(b);
	for (i = 0; i < nc_numel(b->node->outputs[0]); i++) {
		int64_t c = place(b, 0, i), x = place(b, 1, i), y = place(b, 2, i);

		if (b->in[0]->most[c] > 0) {
			out->least[i] = least_of(out->least[i], b->in[1]->least[x]);
			out->most[i] = most_of(out->most[i], b->in[1]->most[x]);
		}
		if (b->in[0]->least[c] < 1) {
			out->least[i] = least_of(out->least[i], b->in[2]->least[y]);
			out->most[i] = most_of(out->most[i], b->in[2]->most[y]);
		}
	}
	return true;
}

static bool bound(struct bounding *b)
{
	switch (b->host->op) {
	case NEURON_HOST_IDENTITY:
	case NEURON_HOST_RESHAPE:
	case NEURON_HOST_SQUEEZE:
	case NEURON_HOST_UNSQUEEZE:
	case NEURON_HOST_FLATTEN:
	case NEURON_HOST_TRANSPOSE:
	case NEURON_HOST_SLICE:
	case NEURON_HOST_CONCAT:
	case NEURON_HOST_GATHER:
	case NEURON_HOST_EXPAND:
	case NEURON_HOST_TILE:
	case NEURON_HOST_SPLIT:
	case NEURON_HOST_CAST:
		return moved(b);
	case NEURON_HOST_MAX:
	case NEURON_HOST_MIN:
	case NEURON_HOST_CLIP:
	case NEURON_HOST_REDUCE_SUM:
	case NEURON_HOST_REDUCE_MAX:
	case NEURON_HOST_REDUCE_MIN:
		return monotonic(b);
	case NEURON_HOST_REDUCE_PROD:
		return product(b);
	case NEURON_HOST_MUL:
		as_sizes(b);
		return corners(b);
	case NEURON_HOST_ADD:
	case NEURON_HOST_SUB:
		return corners(b);
	case NEURON_HOST_DIV:
		return is_at_least(b, 1, 1) && corners(b);
	case NEURON_HOST_EQUAL:
		return compare(b);
	case NEURON_HOST_NOT:
		return opposite(b);
	case NEURON_HOST_WHERE:
		return where(b);
	default:
		return false;
	}
}

/* An integer that becomes another type is another number. */
static bool keeps_numbers(const struct nc_node *node, const struct nc_host *host)
{
	return host->op != NEURON_HOST_CAST || node->outputs[0]->dtype != NC_BOOL ||
	       node->inputs[0]->dtype == NC_BOOL;
}

void nc_host_bound(struct nc_ctx *ctx, struct nc_node *node, const struct nc_host *host)
{
	struct bounding b = { .ctx = ctx, .node = node, .host = host };
	unsigned int i;

	b.in = nc_alloc(ctx->arena, node->num_inputs + 1, sizeof(*b.in));
	b.out = nc_alloc(ctx->arena, node->num_outputs + 1, sizeof(*b.out));
	for (i = 0; i < node->num_outputs; i++) {
		if (!node->outputs[i])
			continue;
		if (node->outputs[i]->bounds || !takes_bounds(node->outputs[i]))
			return;
		b.out[i] = new_bounds(ctx, nc_numel(node->outputs[i]));
	}
	if (!b.out[0] || !keeps_numbers(node, host))
		return;
	for (i = 0; i < node->num_inputs; i++) {
		if (!node->inputs[i])
			continue;
		b.in[i] = nc_host_bounds(ctx, node->inputs[i]);
		if (!b.in[i])
			return;
	}
	if (!bound(&b))
		return;
	for (i = 0; i < node->num_outputs; i++)
		if (node->outputs[i])
			set_bounds(node->outputs[i], b.out[i]);
}

/* Everything is known after all: then it is a constant. */
bool nc_host_settle(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;
	int64_t k;

	for (i = 0; i < node->num_outputs; i++) {
		const struct nc_value *out = node->outputs[i];

		if (!out)
			continue;
		if (!out->bounds || !takes_bounds(out) || !nc_numel(out))
			return false;
		for (k = 0; k < nc_numel(out); k++)
			if (out->bounds->least[k] != out->bounds->most[k])
				return false;
	}
	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *out = node->outputs[i];
		void *data = out ? nc_fold_alloc(ctx, out) : NULL;

		if (out && !data)
			return false;
		for (k = 0; out && k < nc_numel(out); k++)
			nc_put_int(out->dtype, data, k, out->bounds->least[k]);
	}
	return true;
}
