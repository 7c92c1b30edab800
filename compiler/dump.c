// SPDX-License-Identifier: MIT
/* The graph as text, a node a line, for --dump. */
#include <string.h>
#include "front.h"

static const char *const act_names[NEURON_NUM_ACTS] = {
#define X(name, value, text, formula) [value] = text,
	NEURON_ACTS(X)
#undef X
};

static void dump_value(FILE *file, const struct nc_value *value)
{
	char shape[NC_SHAPE_TEXT];
	int64_t n, i;

	if (!value) {
		fputs("-", file);
		return;
	}
	fprintf(file, "%%%s:%s%s", value->name,
		value->dtype ? nc_dtype_name(value->dtype) : "?",
		nc_shape_text(value, shape));
	if (!value->data)
		return;
	n = nc_numel(value);
	if (n > 8) {
		fputs("=const", file);
		return;
	}
	fputs("={", file);
	for (i = 0; i < n; i++) {
		if (nc_dtype_is_float(value->dtype))
			fprintf(file, "%s%g", i ? " " : "",
				nc_const_double(value, i));
		else
			fprintf(file, "%s%lld", i ? " " : "",
				(long long)nc_const_int(value, i));
	}
	fputs("}", file);
}

static void dump_attr(FILE *file, const struct nc_attr *attr)
{
	size_t i;

	fprintf(file, " %s=", attr->name);
	switch (attr->kind) {
	case NC_ATTR_INT:
		fprintf(file, "%lld", (long long)attr->i);
		break;
	case NC_ATTR_FLOAT:
		fprintf(file, "%g", attr->f);
		break;
	case NC_ATTR_STRING:
		fprintf(file, "\"%s\"", attr->s);
		break;
	case NC_ATTR_INTS:
		for (i = 0; i < attr->count; i++)
			fprintf(file, "%s%lld", i ? "," : "",
				(long long)attr->ints[i]);
		break;
	case NC_ATTR_FLOATS:
		for (i = 0; i < attr->count; i++)
			fprintf(file, "%s%g", i ? "," : "", attr->floats[i]);
		break;
	case NC_ATTR_TENSOR:
		dump_value(file, attr->tensor);
		break;
	case NC_ATTR_STRINGS:
		for (i = 0; i < attr->count; i++)
			fprintf(file, "%s\"%s\"", i ? "," : "", attr->strings[i]);
		break;
	case NC_ATTR_GRAPH:
		fprintf(file, "graph(%u nodes)", attr->graph->num_nodes);
		break;
	}
}

static void dump_node(FILE *file, const struct nc_node *node)
{
	unsigned int i;

	fprintf(file, "%4u  ", node->layer);
	for (i = 0; i < node->num_outputs; i++) {
		fputs(i ? ", " : "", file);
		dump_value(file, node->outputs[i]);
	}
	fprintf(file, " = %s(", node->op_type);
	for (i = 0; i < node->num_inputs; i++) {
		fputs(i ? ", " : "", file);
		dump_value(file, node->inputs[i]);
	}
	fputs(")", file);
	for (i = 0; i < node->num_attrs; i++)
		dump_attr(file, &node->attrs[i]);
	if (node->act)
		fprintf(file, " act=%s(%g,%g)", act_names[node->act],
			node->act_alpha, node->act_beta);
	if (node->compute)
		fprintf(file, " compute=%s", nc_dtype_name(node->compute));
	fprintf(file, "  # %s\n", node->name);
}

bool nc_wants_dump(struct nc_ctx *ctx, const char *pass)
{
	const struct nc_options *options = ctx->options;

	if (!options->dump || !options->dump_to)
		return false;
	if (strcmp(options->dump, pass) && strcmp(options->dump, "all"))
		return false;
	ctx->dumped = true;
	return true;
}

void nc_dump(struct nc_ctx *ctx, const char *pass)
{
	const struct nc_options *options = ctx->options;
	const struct nc_graph *graph = ctx->graph;
	unsigned int i;

	if (!nc_wants_dump(ctx, pass))
		return;
	fprintf(options->dump_to, "== after %s: %u nodes\n", pass,
		graph->num_nodes);
	for (i = 0; i < graph->num_nodes; i++)
		dump_node(options->dump_to, graph->nodes[i]);
}
