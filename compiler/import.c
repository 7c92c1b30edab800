// SPDX-License-Identifier: MIT
/*
 * From an ONNX file to a graph.
 *
 * Names are resolved here once and for all: afterwards nodes point to values.
 * Each kind of problem is looked for in the whole model before the compilation
 * ends, so that the user sees all of them.
 */
#include <stdlib.h>
#include <string.h>
#include "import.h"

/*
 * Sets before 7 mostly differ in attributes that nobody set; where a node does
 * set them, upgrade refuses it.
 */
#define MIN_OPSET	1
#define MAX_OPSET	25

/* Functions that call functions. */
#define MAX_CALLS	32
#define MAX_NODES	1000000

struct nc_value *nc_import_tensor(struct nc_ctx *ctx, const struct nc_node *node,
				  const char *name,
				  const Onnx__TensorProto *proto)
{
	struct onnx_tensor tensor;
	struct nc_value *value;
	const char *error;
	char why[ONNX_WHY];

	if (!onnx_tensor_check(proto, &tensor, why)) {
		nc_error(ctx, node, "tensor '%.100s': %s", name, why);
		return NULL;
	}
	value = nc_value_like(ctx, name, tensor.dtype, tensor.rank, tensor.dims);
	value->small = tensor.small;
	if (tensor.external) {
		error = nc_external_data(ctx, proto, value);
		if (!error)
			return value;
		nc_error(ctx, node, "tensor '%.100s': %s", name, error);
		return NULL;
	}
	value->data = onnx_tensor_data(proto, &tensor, NULL);
	if (!value->data)
		value->data = onnx_tensor_data(proto, &tensor,
					       nc_alloc_uninit(ctx->arena, tensor.size));
	value->size = tensor.size;
	if (proto->has_raw_data && value->data == proto->raw_data.data)
		nc_blob_add(ctx, value->data, value->size,
			    (ProtobufCBinaryData *)&proto->raw_data);
	return value;
}

static void add_use(struct nc_ctx *ctx, struct nc_import *import,
		    struct nc_value *value)
{
	if (import->num_uses == import->uses_room) {
		unsigned int room = import->uses_room * 2 + 16;
		struct nc_value **uses;

		uses = nc_alloc(ctx->arena, room, sizeof(*uses));
		if (import->num_uses)
			memcpy(uses, import->uses,
			       import->num_uses * sizeof(*uses));
		import->uses = uses;
		import->uses_room = room;
	}
	import->uses[import->num_uses++] = value;
}

struct nc_value *nc_import_use(struct nc_ctx *ctx, struct nc_import *import,
			       const char *name)
{
	struct nc_scope *where;
	struct nc_value *value;

	value = nc_scope_find(&import->scope, name, &where);
	if (!value)
		return NULL;
	value->num_uses++;
	/* Every graph on the way to where it is defined depends on it. */
	for (; &import->scope != where; import = import->outer)
		add_use(ctx, import, value);
	return value;
}

void nc_add_captures(struct nc_ctx *ctx, struct nc_node *node,
		     struct nc_value **uses, unsigned int num_uses)
{
	struct nc_value **all;

	all = nc_alloc(ctx->arena, (size_t)node->num_captures + num_uses,
		       sizeof(*all));
	if (node->num_captures)
		memcpy(all, node->captures, node->num_captures * sizeof(*all));
	if (num_uses)
		memcpy(all + node->num_captures, uses, num_uses * sizeof(*all));
	node->captures = all;
	node->num_captures += num_uses;
}

static void import_initializers(struct nc_ctx *ctx,
				const Onnx__GraphProto *proto,
				struct nc_import *import)
{
	size_t i;

	for (i = 0; i < proto->n_initializer; i++) {
		const char *name = nc_text(proto->initializer[i]->name);
		struct nc_value *value;

		value = nc_import_tensor(ctx, NULL, name, proto->initializer[i]);
		if (!value)
			/* One problem is enough: uses find a value. */
			value = nc_value_new(ctx, name);
		if (!nc_scope_add(ctx, &import->scope, name, value))
			nc_error(ctx, NULL, "initializer '%.100s' is defined twice",
				 name);
	}
	if (proto->n_sparse_initializer)
		nc_error(ctx, NULL,
			 "sparse initializers are not supported; save the model with dense ones");
}

static bool is_default_domain(const char *domain)
{
	return !*domain || !strcmp(domain, "ai.onnx");
}

static const Onnx__FunctionProto *find_function(const struct nc_ctx *ctx,
						const char *domain, const char *name)
{
	const Onnx__ModelProto *model = (void *)ctx->model->message.base;
	size_t i;

	for (i = 0; i < model->n_functions; i++)
		if (!strcmp(nc_text(model->functions[i]->name), name) &&
		    !strcmp(nc_text(model->functions[i]->domain), domain))
			return model->functions[i];
	return NULL;
}

/* Operators that ONNX Runtime has beside ONNX's, and puts into what it optimises. */
static bool is_known_domain(const char *domain)
{
	return is_default_domain(domain) || !strcmp(domain, "com.microsoft") ||
	       !strcmp(domain, "ai.onnx.ml");
}

/* Why an operator cannot run on the chip, and what to do instead. */
static const char *reason(const char *op)
{
	static const char strings[] = "it works on strings; do that before the model";
	static const struct {
		const char *op;
		const char *why;
	} reasons[] = {
		{ "StringSplit", strings }, { "RegexFullMatch", strings },
	};
	unsigned int i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (!strcmp(reasons[i].op, op))
			return reasons[i].why;
	return NULL;
}

static void refuse_operator(struct nc_ctx *ctx, struct nc_node *node)
{
	const char *why = reason(node->op_type);

	nc_error(ctx, node, "this operator is not supported%s%s", why ? ": " : "",
		 why ? why : "");
}

static void check_operator(struct nc_ctx *ctx, struct nc_node *node)
{
	/* A function of the model's goes before an operator of that name. */
	if (find_function(ctx, node->domain, node->op_type)) {
		node->op = NC_OP_FunctionCall;
		return;
	}
	if (is_default_domain(node->domain))
		node->domain = "";
	if (is_known_domain(node->domain)) {
		node->op = nc_op_find(node->op_type);
		if (node->op == NC_OP_UNKNOWN)
			refuse_operator(ctx, node);
	} else {
		nc_error(ctx, node,
			 "operators of domain '%.60s' are not supported; export the model with operators of ONNX alone",
			 node->domain);
	}
}

/* A node with its outputs; other nodes' outputs may be defined later. */
static struct nc_node *import_node(struct nc_ctx *ctx,
				   const Onnx__NodeProto *proto,
				   struct nc_import *import)
{
	struct nc_node *node = nc_alloc(ctx->arena, 1, sizeof(*node));
	struct nc_graph *root = ctx->graph;
	unsigned int i;

	node->op_type = nc_text(proto->op_type);
	node->domain = nc_text(proto->domain);
	node->name = nc_text(proto->name);
	if (!*node->name && proto->n_output && *nc_text(proto->output[0]))
		node->name = proto->output[0];
	if (!*node->name)
		node->name = nc_sprintf(ctx->arena, "%s_%u", node->op_type,
					root->num_layers);
	node->layer = root->num_layers++;
	check_operator(ctx, node);

	node->num_outputs = (unsigned int)proto->n_output;
	node->outputs = nc_alloc(ctx->arena, node->num_outputs,
				 sizeof(*node->outputs));
	for (i = 0; i < node->num_outputs; i++) {
		const char *name = nc_text(proto->output[i]);
		struct nc_value *value;

		if (!*name)
			continue;
		value = nc_value_new(ctx, name);
		value->producer = node;
		node->outputs[i] = value;
		if (!nc_scope_add(ctx, &import->scope, name, value))
			nc_error(ctx, node,
				 "output '%.100s' is defined more than once",
				 name);
	}
	return node;
}

static void import_function(struct nc_ctx *ctx, struct nc_node *node,
			    struct nc_import *import);

static void import_uses(struct nc_ctx *ctx, const Onnx__NodeProto *proto,
			struct nc_node *node, struct nc_import *import)
{
	unsigned int i;

	node->num_inputs = (unsigned int)proto->n_input;
	while (node->num_inputs && !*nc_text(proto->input[node->num_inputs - 1]))
		node->num_inputs--;
	node->inputs = nc_alloc(ctx->arena, node->num_inputs,
				sizeof(*node->inputs));
	for (i = 0; i < node->num_inputs; i++) {
		const char *name = nc_text(proto->input[i]);

		if (!*name)
			continue;
		node->inputs[i] = nc_import_use(ctx, import, name);
		if (!node->inputs[i]) {
			nc_error(ctx, node,
				 "nothing in the model defines its input '%.100s'",
				 name);
			node->inputs[i] = nc_value_new(ctx, name);
		}
	}
	nc_import_attrs(ctx, proto, node, import);
	if (node->op == NC_OP_FunctionCall)
		import_function(ctx, node, import);
}

static void import_outputs(struct nc_ctx *ctx, const Onnx__GraphProto *proto,
			   struct nc_graph *graph, struct nc_import *import)
{
	struct nc_value *value;
	unsigned int i;

	graph->num_outputs = (unsigned int)proto->n_output;
	graph->outputs = nc_alloc(ctx->arena, graph->num_outputs,
				  sizeof(*graph->outputs));
	for (i = 0; i < graph->num_outputs; i++) {
		const char *name = nc_text(proto->output[i]->name);

		value = nc_import_use(ctx, import, name);
		if (!value) {
			nc_error(ctx, NULL,
				 "nothing in the model defines the graph's output '%.100s'",
				 name);
			value = nc_value_new(ctx, name);
		}
		graph->outputs[i] = value;
		if (import->outer)
			continue;
		if (value->is_output)
			nc_error(ctx, NULL,
				 "the graph lists output '%.100s' twice", name);
		value->is_output = true;
	}
	if (!graph->num_outputs && !import->outer)
		nc_error(ctx, NULL, "the graph has no outputs");
}

struct nc_graph *nc_import_graph(struct nc_ctx *ctx,
				 const Onnx__GraphProto *proto,
				 struct nc_import *outer,
				 struct nc_import *import)
{
	struct nc_graph *graph = nc_alloc(ctx->arena, 1, sizeof(*graph));
	unsigned int i;

	*import = (struct nc_import) { .outer = outer };
	if (outer) {
		import->caller = outer->caller;
		import->depth = outer->depth;
	}
	graph->arena = ctx->arena;
	graph->name = nc_text(proto->name);
	if (outer) {
		import->scope.parent = &outer->scope;
		graph->parent = ctx->graph;
	} else {
		ctx->graph = graph;
	}

	import_initializers(ctx, proto, import);
	nc_import_inputs(ctx, proto, graph, import);
	graph->num_nodes = (unsigned int)proto->n_node;
	graph->nodes = nc_alloc(ctx->arena, graph->num_nodes,
				sizeof(*graph->nodes));
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i] = import_node(ctx, proto->node[i], import);
	for (i = 0; i < graph->num_nodes; i++)
		import_uses(ctx, proto->node[i], graph->nodes[i], import);
	import_outputs(ctx, proto, graph, import);
	nc_sort(ctx, graph);
	return graph;
}

/* A model may do without ONNX's own operators. */
static bool uses_default_domain(const Onnx__GraphProto *graph)
{
	size_t i;

	for (i = 0; i < graph->n_node; i++)
		if (is_default_domain(nc_text(graph->node[i]->domain)))
			return true;
	return !graph->n_node;
}

static int find_opset(struct nc_ctx *ctx, Onnx__OperatorSetIdProto *const *sets,
		      size_t n, bool needed)
{
	int64_t opset = 0;
	size_t i;

	for (i = 0; i < n; i++)
		if (is_default_domain(nc_text(sets[i]->domain)))
			opset = sets[i]->version;
	if (!opset && !needed)
		return MAX_OPSET;
	if (opset < MIN_OPSET || opset > MAX_OPSET)
		nc_error(ctx, NULL,
			 "operator set %lld is not supported, only %d to %d; convert the model with onnx.version_converter",
			 (long long)opset, MIN_OPSET, MAX_OPSET);
	return (int)opset;
}

/*
 * A function as the body of the node that calls it: a graph whose scope has
 * nothing around it, imported for each call, for its attributes are the node's.
 */
static void import_function(struct nc_ctx *ctx, struct nc_node *node,
			    struct nc_import *outer)
{
	const Onnx__FunctionProto *proto = find_function(ctx, node->domain,
							 node->op_type);
	struct nc_import import = { .caller = node, .depth = outer->depth + 1 };
	struct nc_graph *graph = nc_alloc(ctx->arena, 1, sizeof(*graph));
	unsigned int i;

	if (ctx->graph->num_layers > MAX_NODES) {
		nc_error(ctx, node, "with its functions the model has more than %d nodes",
			 MAX_NODES);
		return;
	}
	if (import.depth > MAX_CALLS) {
		nc_error(ctx, node, "its functions call each other more than %d deep",
			 MAX_CALLS);
		return;
	}
	graph->arena = ctx->arena;
	graph->name = node->op_type;
	graph->opset = find_opset(ctx, proto->opset_import, proto->n_opset_import, false);
	graph->num_inputs = (unsigned int)proto->n_input;
	graph->inputs = nc_alloc(ctx->arena, graph->num_inputs, sizeof(*graph->inputs));
	for (i = 0; i < graph->num_inputs; i++) {
		graph->inputs[i] = nc_value_new(ctx, nc_text(proto->input[i]));
		if (!nc_scope_add(ctx, &import.scope, graph->inputs[i]->name,
				  graph->inputs[i]))
			nc_error(ctx, node, "its function names input '%.60s' twice",
				 graph->inputs[i]->name);
	}
	graph->num_nodes = (unsigned int)proto->n_node;
	graph->nodes = nc_alloc(ctx->arena, graph->num_nodes, sizeof(*graph->nodes));
	for (i = 0; i < graph->num_nodes; i++)
		graph->nodes[i] = import_node(ctx, proto->node[i], &import);
	for (i = 0; i < graph->num_nodes; i++)
		import_uses(ctx, proto->node[i], graph->nodes[i], &import);
	graph->num_outputs = (unsigned int)proto->n_output;
	graph->outputs = nc_alloc(ctx->arena, graph->num_outputs, sizeof(*graph->outputs));
	for (i = 0; i < graph->num_outputs; i++) {
		graph->outputs[i] = nc_import_use(ctx, &import, nc_text(proto->output[i]));
		if (graph->outputs[i])
			continue;
		nc_error(ctx, node, "nothing in its function defines output '%.60s'",
			 nc_text(proto->output[i]));
		graph->outputs[i] = nc_value_new(ctx, "");
	}
	nc_sort(ctx, graph);
	nc_set_attr_graph(ctx, node, "body", graph);
}

/* Names of the layers, in the order in which nodes came. */
static void name_layers(struct nc_ctx *ctx, struct nc_graph *graph)
{
	struct nc_graph *root = ctx->graph;
	unsigned int i, j;

	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];

		root->layers[node->layer] = node->name;
		root->layer_ops[node->layer] = node->op_type;
		for (j = 0; j < node->num_attrs; j++)
			if (node->attrs[j].kind == NC_ATTR_GRAPH)
				name_layers(ctx, node->attrs[j].graph);
	}
}

void nc_import(struct nc_ctx *ctx, const void *onnx, size_t size,
	       const char *name)
{
	const Onnx__ModelProto *model;
	struct nc_import import;
	struct nc_graph *graph;
	const char *error;
	unsigned int i;
	int opset;

	error = onnx_parse(&ctx->model->message, &onnx__model_proto__descriptor,
			   onnx, size);
	if (error) {
		nc_error(ctx, NULL, "the model cannot be read: %s", error);
		return;
	}
	model = (void *)ctx->model->message.base;
	if (!model->graph) {
		nc_error(ctx, NULL,
			 "the model cannot be read: it has no graph; is it an ONNX file?");
		return;
	}
	opset = find_opset(ctx, model->opset_import, model->n_opset_import,
			   uses_default_domain(model->graph));
	graph = nc_import_graph(ctx, model->graph, NULL, &import);
	graph->opset = opset;
	if (!*graph->name)
		graph->name = nc_strdup(ctx->arena, name);
	graph->layers = nc_alloc(ctx->arena, graph->num_layers,
				 sizeof(*graph->layers));
	graph->layer_ops = nc_alloc(ctx->arena, graph->num_layers,
				    sizeof(*graph->layer_ops));
	for (i = 0; i < graph->num_layers; i++) {
		graph->layers[i] = "";
		graph->layer_ops[i] = "";
	}
	name_layers(ctx, graph);
}
