// SPDX-License-Identifier: MIT
/*
 * Topological order. A file that has it already keeps its order: nodes are
 * visited in the file's order, each after what it depends on.
 */
#include <stdio.h>
#include <string.h>
#include "import.h"

/* Nodes of other graphs are DONE: they are sorted with theirs. */
enum { DONE = 0, NEW, OPEN };

/* Where the search stands in a node. */
struct frame {
	struct nc_node *node;
	unsigned int next;	/* dependency to look at next */
};

static struct nc_node *dependency(const struct nc_node *node, unsigned int i)
{
	const struct nc_value *value;

	if (i < node->num_inputs)
		value = node->inputs[i];
	else
		value = node->captures[i - node->num_inputs];
	return value ? value->producer : NULL;
}

static void report_cycle(struct nc_ctx *ctx, const struct frame *stack,
			 unsigned int depth, const struct nc_node *node)
{
	char text[300];
	unsigned int i = depth;
	size_t len = 0;

	while (i > 1 && stack[i - 1].node != node)
		i--;
	for (i--; i < depth && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
					"'%.60s' needs ", stack[i].node->name);
	if (len < sizeof(text))
		snprintf(text + len, sizeof(text) - len, "'%.60s'", node->name);
	nc_error(ctx, node, "the graph has a cycle: %s", text);
}

void nc_sort(struct nc_ctx *ctx, struct nc_graph *graph)
{
	unsigned int n = graph->num_nodes, depth, count = 0, i;
	struct nc_node **sorted = nc_alloc(ctx->arena, n, sizeof(*sorted));
	struct frame *stack = nc_alloc(ctx->arena, n + 1, sizeof(*stack));

	for (i = 0; i < n; i++)
		graph->nodes[i]->mark = NEW;
	for (i = 0; i < n; i++) {
		if (graph->nodes[i]->mark != NEW)
			continue;
		graph->nodes[i]->mark = OPEN;
		stack[0] = (struct frame) { graph->nodes[i], 0 };
		depth = 1;
		while (depth) {
			struct frame *top = &stack[depth - 1];
			struct nc_node *node = top->node, *next;

			if (top->next == node->num_inputs + node->num_captures) {
				node->mark = DONE;
				sorted[count++] = node;
				depth--;
				continue;
			}
			next = dependency(node, top->next++);
			if (!next || next->mark == DONE)
				continue;
			if (next->mark == OPEN) {
				report_cycle(ctx, stack, depth, next);
				/* Go on as if it were not there. */
				continue;
			}
			next->mark = OPEN;
			stack[depth++] = (struct frame) { next, 0 };
		}
	}
	graph->nodes = sorted;
}
