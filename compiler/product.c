// SPDX-License-Identifier: MIT
/*
 * Programs for products of matrices that are the host's because their shapes depend on
 * data: they multiply a tile, as often as it takes. See NEURON_NEFF_STEP_PRODUCT.
 */
#include "host.h"

/* What a tile has at most: more of it would be zeros, less would be more executions. */
#define MOST_ROWS	256
#define MOST_DEPTH	512

/* What is cut is cut into multiples of that. */
#define STEP		16

static int64_t ceil_div(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

/* A length of @n, or less if it is open, in tiles of the same size. */
static int64_t tile_of(int64_t n, bool open, int64_t most)
{
	if (!open && n <= most)
		return n;
	return ceil_div(ceil_div(n, ceil_div(n, most)), STEP) * STEP;
}

static bool is_float(const struct nc_value *value)
{
	return value->dtype == NC_F32 || value->dtype == NC_F16 || value->dtype == NC_BF16;
}

bool nc_product_tile(const struct nc_node *node, int64_t tile[3])
{
	const struct nc_value *a = nc_in(node, 0), *b = nc_in(node, 1), *out = nc_out(node, 0);
	bool open_rows, open_depth;
	int64_t rows, depth;

	if (node->host->op != NEURON_HOST_MATMUL || !out || a->rank < 2 || b->rank < 2 ||
	    !is_float(out) || !nc_numel(out))
		return false;
	rows = a->dims[a->rank - 2];
	depth = a->dims[a->rank - 1];
	if (!depth || nc_numel(out) < ceil_div(NC_HOST_WORTH, depth))
		return false;
	open_rows = nc_bit(a->open, a->rank - 2);
	open_depth = nc_bit(a->open, a->rank - 1) || nc_bit(b->open, b->rank - 2);
	/* One right matrix for all of them: what is before the rows is rows as well. */
	if (b->rank == 2) {
		rows = nc_numel(a) / depth;
		open_rows = a->open;
	}
	tile[0] = tile_of(rows, open_rows, MOST_ROWS);
	tile[1] = tile_of(depth, open_depth, open_depth ? MOST_ROWS : MOST_DEPTH);
	tile[2] = tile_of(b->dims[b->rank - 1], nc_bit(b->open, b->rank - 1), MOST_ROWS);
	return true;
}

static struct nc_value *matrix(struct nc_ctx *ctx, const char *name, int64_t rows,
			       int64_t columns)
{
	const int64_t dims[NC_MAX_RANK] = { rows, columns };

	return nc_value_like(ctx, name, NC_F32, 2, dims);
}

struct nc_graph *nc_product_graph(struct nc_ctx *sub, const struct nc_node *node,
				  const int64_t tile[3])
{
	struct nc_arena *arena = sub->arena;
	struct nc_graph *graph = nc_memdup(arena, sub->graph, sizeof(*graph));
	struct nc_value *a, *b, *out;

	sub->graph = graph;
	graph->values = NULL;
	graph->num_values = 0;
	graph->values_room = 0;
	a = matrix(sub, "left", tile[0], tile[1]);
	b = matrix(sub, "right", tile[1], tile[2]);
	out = matrix(sub, "product", tile[0], tile[2]);
	a->is_input = true;
	b->is_input = true;
	out->is_output = true;
	graph->inputs = nc_alloc(arena, 2, sizeof(*graph->inputs));
	graph->inputs[0] = a;
	graph->inputs[1] = b;
	graph->num_inputs = 2;
	graph->outputs = nc_memdup(arena, &out, sizeof(out));
	graph->num_outputs = 1;
	graph->nodes = nc_alloc(arena, 1, sizeof(*graph->nodes));
	graph->nodes[0] = nc_node_new(sub, node, NC_OP_MatMul, out, 2, a, b);
	graph->num_nodes = 1;
	nc_graph_update(sub);
	return graph;
}
