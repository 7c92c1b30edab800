// SPDX-License-Identifier: MIT
/*
 * Einsum as transpositions, reductions and matrix products.
 *
 * A label is a letter, or a dimension of an ellipsis. Operands are combined two
 * by two from the left: labels that neither the result nor a later operand has
 * are summed up, in one operand before the product, in both by the product.
 */
#include <ctype.h>
#include <string.h>
#include "decompose.h"

#define MAX_OPERANDS	16
/* Letters; behind them the dimensions of ellipses, counted from the last. */
#define ELLIPSIS	52
#define MAX_LABELS	(ELLIPSIS + NC_MAX_RANK)

/* The labels of a value's dimensions. */
struct term {
	int rank;
	int labels[NC_MAX_RANK];
};

struct einsum {
	unsigned int num_terms;
	struct term terms[MAX_OPERANDS];
	struct term out;
	int64_t dims[MAX_LABELS];
};

static int label_of(char c)
{
	return c >= 'a' ? c - 'a' : 26 + c - 'A';
}

/*
 * Labels from text up to ',', '-' or the end. @rank: of the operand; the
 * ellipsis takes what the letters leave. Return: what follows, or NULL.
 */
static const char *parse_term(const char *p, int rank, struct term *term)
{
	const char *q;
	int letters = 0, i;

	for (q = p; *q && *q != ',' && *q != '-'; q++)
		letters += !!isalpha((unsigned char)*q);
	term->rank = 0;
	for (; p < q; p++) {
		if (isspace((unsigned char)*p))
			continue;
		if (isalpha((unsigned char)*p)) {
			if (term->rank == NC_MAX_RANK)
				return NULL;
			term->labels[term->rank++] = label_of(*p);
			continue;
		}
		if (strncmp(p, "...", 3) || rank < letters)
			return NULL;
		p += 2;
		for (i = rank - letters; i-- > 0;) {
			if (term->rank == NC_MAX_RANK)
				return NULL;
			term->labels[term->rank++] = ELLIPSIS + i;
		}
	}
	return q;
}

/* Without "->": labels that occur once, in order, behind the ellipsis. */
static void implicit_out(struct einsum *e, int widest)
{
	int count[MAX_LABELS] = { 0 }, i;
	/* ONNX sorts as C does: capitals first. */
	static const char order[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	unsigned int t;
	const char *c;

	for (t = 0; t < e->num_terms; t++)
		for (i = 0; i < e->terms[t].rank; i++)
			count[e->terms[t].labels[i]]++;
	e->out.rank = 0;
	for (i = widest; i-- > 0;)
		e->out.labels[e->out.rank++] = ELLIPSIS + i;
	for (c = order; *c; c++)
		if (count[label_of(*c)] == 1 && e->out.rank < NC_MAX_RANK)
			e->out.labels[e->out.rank++] = label_of(*c);
}

static bool parse(struct nc_ctx *ctx, const struct nc_node *node, struct einsum *e)
{
	const char *equation = nc_attr_string(node, "equation", ""), *p = equation;
	int widest = 0, i;
	unsigned int t;

	memset(e, 0, sizeof(*e));
	e->num_terms = node->num_inputs;
	if (!e->num_terms || e->num_terms > MAX_OPERANDS)
		goto bad;
	for (t = 0; t < e->num_terms; t++) {
		const struct nc_value *x = node->inputs[t];
		struct term *term = &e->terms[t];

		p = parse_term(p, x->rank, term);
		if (!p || term->rank != x->rank)
			goto bad;
		for (i = 0; i < term->rank; i++) {
			int label = term->labels[i];
			int64_t *dim = &e->dims[label];

			if (label >= ELLIPSIS && label - ELLIPSIS >= widest)
				widest = label - ELLIPSIS + 1;
			/* Sizes start at 0, which here means not seen. */
			if (!*dim || *dim == 1)
				*dim = x->dims[i];
			else if (x->dims[i] != 1 && x->dims[i] != *dim)
				goto bad;
		}
		if (*p != (t + 1 < e->num_terms ? ',' : *p == '-' ? '-' : 0))
			goto bad;
		p += *p == ',';
	}
	if (strncmp(p, "->", 2)) {
		if (*p)
			goto bad;
		implicit_out(e, widest);
		return true;
	}
	/* The result's ellipsis is as wide as the widest. */
	for (p += 2, i = 0, t = 0; p[t]; t++)
		i += !!isalpha((unsigned char)p[t]);
	p = parse_term(p, i + widest, &e->out);
	if (p && !*p)
		return true;
bad:
	nc_error(ctx, node, "its equation '%.60s' does not fit its inputs", equation);
	return false;
}

bool nc_infer_einsum(struct nc_ctx *ctx, struct nc_node *node)
{
	int64_t dims[NC_MAX_RANK];
	struct einsum e;
	unsigned int i;
	int d;

	if (!nc_need(ctx, node, node->num_inputs ? node->num_inputs : 1, UINT32_MAX) ||
	    !parse(ctx, node, &e))
		return false;
	for (i = 1; i < node->num_inputs; i++) {
		if (node->inputs[i]->dtype != node->inputs[0]->dtype) {
			nc_error(ctx, node, "its inputs are of different types");
			return false;
		}
	}
	for (d = 0; d < e.out.rank; d++)
		dims[d] = e.dims[e.out.labels[d]];
	return nc_set_shape(ctx, node, 0, node->inputs[0]->dtype, e.out.rank, dims);
}

/* Position of a label in a term, or -1. */
static int find(const struct term *term, int label)
{
	int i;

	for (i = 0; i < term->rank; i++)
		if (term->labels[i] == label)
			return i;
	return -1;
}

static void drop(struct term *term, int at)
{
	memmove(&term->labels[at], &term->labels[at + 1],
		(size_t)(term->rank - at - 1) * sizeof(term->labels[0]));
	term->rank--;
}

static struct nc_value *without_axis(struct nc_builder *b, struct nc_value *x, int at)
{
	int64_t dims[NC_MAX_RANK];
	int i, n = 0;

	for (i = 0; i < x->rank; i++)
		if (i != at)
			dims[n++] = x->dims[i];
	return nc_build_reshape(b, NULL, x, n, dims);
}

/* A label twice in one operand: its diagonal, by a mask and a sum. */
static struct nc_value *diagonals(struct nc_builder *b, struct nc_value *x,
				  struct term *term)
{
	int i, j;

	for (i = 0; i < term->rank; i++) {
		for (j = i + 1; j < term->rank; j++) {
			struct nc_value *rows, *columns;
			int64_t n = x->dims[i];

			if (term->labels[i] != term->labels[j])
				continue;
			rows = nc_build_range(b, NC_I64, x->rank, i, n);
			columns = nc_build_range(b, NC_I64, x->rank, j, n);
			rows = nc_build2(b, NC_OP_Equal, NULL, rows, columns);
			x = nc_build3(b, NC_OP_Where, NULL, rows, x,
				      nc_build_scalar(b, x->dtype, 0));
			x = nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, 1u << j);
			x = without_axis(b, x, j);
			drop(term, j--);
		}
	}
	return x;
}

/* Whether the result or an operand from @next on has the label. */
static bool needed(const struct einsum *e, unsigned int next, int label)
{
	for (; next < e->num_terms; next++)
		if (find(&e->terms[next], label) >= 0)
			return true;
	return find(&e->out, label) >= 0;
}

/* Sums up what nothing behind, and not @other, has. */
static struct nc_value *sum_up(struct nc_builder *b, const struct einsum *e,
			       unsigned int next, struct nc_value *x,
			       struct term *term, const struct term *other)
{
	int i;

	for (i = 0; i < term->rank; i++) {
		if (needed(e, next, term->labels[i]) ||
		    (other && find(other, term->labels[i]) >= 0))
			continue;
		x = nc_build_reduce(b, NC_OP_ReduceSum, NULL, x, 1u << i);
		x = without_axis(b, x, i);
		drop(term, i--);
	}
	return x;
}

/* Labels of one kind, in the order of the left operand, then of the right. */
struct groups {
	struct term batch, left, sum, right;
};

static void add_label(struct term *term, int label)
{
	term->labels[term->rank++] = label;
}

static void group(const struct einsum *e, unsigned int next, const struct term *x,
		  const struct term *y, struct groups *g)
{
	int i;

	memset(g, 0, sizeof(*g));
	for (i = 0; i < x->rank; i++) {
		if (find(y, x->labels[i]) < 0)
			add_label(&g->left, x->labels[i]);
		else if (needed(e, next, x->labels[i]))
			add_label(&g->batch, x->labels[i]);
		else
			add_label(&g->sum, x->labels[i]);
	}
	for (i = 0; i < y->rank; i++)
		if (find(x, y->labels[i]) < 0)
			add_label(&g->right, y->labels[i]);
}

static int64_t size_of(const struct einsum *e, const struct term *term)
{
	int64_t n = 1;
	int i;

	for (i = 0; i < term->rank; i++)
		n *= e->dims[term->labels[i]];
	return n;
}

/*
 * An operand's dimensions in the order of three groups, and then as one
 * dimension for each. A dimension of 1 that others have more of is repeated.
 */
static struct nc_value *arranged(struct nc_builder *b, const struct einsum *e,
				 struct nc_value *x, const struct term *term,
				 const struct term *first, const struct term *second,
				 const struct term *third)
{
	const struct term *const order[] = { first, second, third };
	int64_t perm[NC_MAX_RANK], dims[NC_MAX_RANK], cube[3];
	struct nc_value *shape;
	int i, k, n = 0;

	for (k = 0; k < 3; k++) {
		cube[k] = size_of(e, order[k]);
		for (i = 0; i < order[k]->rank; i++) {
			dims[n] = e->dims[order[k]->labels[i]];
			perm[n++] = find(term, order[k]->labels[i]);
		}
	}
	x = nc_build_transpose(b, NULL, x, perm);
	for (i = 0; i < n && x->dims[i] == dims[i]; i++)
		;
	if (i < n) {
		shape = nc_const_ints_new(b->ctx, b->like->name, dims, n);
		x = nc_build2(b, NC_OP_Expand, NULL, x, shape);
	}
	return nc_build_reshape(b, NULL, x, 3, cube);
}

/* Two operands become one: [batch, left, sum] * [batch, sum, right]. */
static struct nc_value *product(struct nc_builder *b, const struct einsum *e,
				unsigned int next, struct nc_value *x,
				struct term *xt, struct nc_value *y,
				struct term *yt)
{
	int64_t dims[NC_MAX_RANK];
	struct groups g;
	int i;

	x = sum_up(b, e, next, x, xt, yt);
	y = sum_up(b, e, next, y, yt, xt);
	group(e, next, xt, yt, &g);
	if (g.batch.rank + g.left.rank + g.right.rank > NC_MAX_RANK) {
		nc_error(b->ctx, b->like, "it needs a rank above %d", NC_MAX_RANK);
		return x;
	}
	x = arranged(b, e, x, xt, &g.batch, &g.left, &g.sum);
	y = arranged(b, e, y, yt, &g.batch, &g.sum, &g.right);
	/* Without a sum it is no work for the matrix engine. */
	x = nc_build2(b, g.sum.rank ? NC_OP_MatMul : NC_OP_Mul, NULL, x, y);

	*xt = g.batch;
	for (i = 0; i < g.left.rank; i++)
		add_label(xt, g.left.labels[i]);
	for (i = 0; i < g.right.rank; i++)
		add_label(xt, g.right.labels[i]);
	for (i = 0; i < xt->rank; i++)
		dims[i] = e->dims[xt->labels[i]];
	return nc_build_reshape(b, NULL, x, xt->rank, dims);
}

void nc_decompose_einsum(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *y, *out = node->outputs[0];
	int64_t perm[NC_MAX_RANK];
	struct einsum e;
	unsigned int t;
	int i;

	if (!parse(b->ctx, node, &e))
		return;
	x = diagonals(b, x, &e.terms[0]);
	for (t = 1; t < e.num_terms; t++) {
		y = diagonals(b, node->inputs[t], &e.terms[t]);
		x = product(b, &e, t + 1, x, &e.terms[0], y, &e.terms[t]);
		if (x->rank < 0)
			return;
	}
	x = sum_up(b, &e, e.num_terms, x, &e.terms[0], NULL);
	for (i = 0; i < e.out.rank; i++) {
		perm[i] = find(&e.terms[0], e.out.labels[i]);
		if (perm[i] < 0) {
			nc_error(b->ctx, node, "its result has a label that no input has");
			return;
		}
	}
	x = nc_build_transpose(b, NULL, x, perm);
	/* A dimension of 1 in the only operand that has it may be one of more. */
	nc_build_reshape(b, out, x, out->rank, out->dims);
}
