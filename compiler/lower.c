// SPDX-License-Identifier: MIT
/*
 * From nodes to instructions: the walk over the graph. What its functions build
 * with is in lower_value.c.
 */
#include "backend.h"
#include "lower_state.h"

static nc_lower_fn *const lower_fns[NC_NUM_OPS] = {
#define X(name, infer, fold, decompose, lower) [NC_OP_##name] = nc_lower_##lower,
	NC_OPS(X)
#undef X
};

/* The instructions of these take the node's function along. */
static bool has_epilogue(const struct nc_node *node)
{
	nc_lower_fn *fn = lower_fns[node->op];

	return fn == nc_lower_conv || fn == nc_lower_conv_transpose ||
	       fn == nc_lower_matmul || fn == nc_lower_qlinear || fn == nc_lower_integer ||
	       (fn == nc_lower_eltwise &&
		nc_dtype_is_float(node->outputs[0]->dtype));
}

/* Operators that select or move elements: rounding before or after is the same. */
static bool commutes_with_rounding(const struct nc_node *node)
{
	switch (node->op) {
	case NC_OP_Reshape:
	case NC_OP_Transpose:
	case NC_OP_Slice:
	case NC_OP_Split:
	case NC_OP_Expand:
	case NC_OP_Relu:
		return true;
	case NC_OP_MaxPool:
		return !nc_out(node, 1);
	default:
		return false;
	}
}

/*
 * A value that only matrix instructions read, all in one narrow type, is kept
 * in that type: its producer rounds it instead of an instruction of its own.
 * @node reads @value as input @input.
 */
static int wanted_dtype(const struct nc_node *node, unsigned int input)
{
	unsigned int i;
	int dtype = -1;

	switch (node->op) {
	case NC_OP_Conv:
	case NC_OP_ConvTranspose:
	case NC_OP_MatMul:
	case NC_OP_Gemm:
		return input < 2 ? (int)nc_matrix_dtype(node) : NEURON_F32;
	default:
		break;
	}
	if (!commutes_with_rounding(node) || input > 0 ||
	    node->act != NEURON_ACT_IDENTITY)
		return NEURON_F32;
	for (i = 0; i < node->num_outputs; i++) {
		const struct nc_value *out = node->outputs[i];
		const struct nc_storage *storage = out ? out->lir : NULL;

		if (!out)
			continue;
		if (dtype >= 0 && storage->dtype != dtype)
			return NEURON_F32;
		dtype = storage->dtype;
	}
	return dtype;
}

static void choose_dtypes(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	unsigned int i, j;

	for (i = 0; i < graph->num_values; i++) {
		struct nc_value *value = graph->values[i];
		struct nc_storage *storage = nc_alloc(ctx->arena, 1,
						      sizeof(*storage));

		value->lir = storage;
		storage->dtype = nc_storage_dtype(value->dtype);
		/* Unknown until a reader has spoken: see below. */
		if (value->dtype == NC_F32 && value->producer &&
		    !value->is_output && !nc_is_const(value))
			storage->dtype = -1;
	}
	for (i = graph->num_nodes; i-- > 0; ) {
		struct nc_node *node = graph->nodes[i];

		for (j = 0; j < node->num_outputs; j++) {
			struct nc_value *value = node->outputs[j];
			struct nc_storage *storage = value ? value->lir : NULL;

			if (value && value->dtype == NC_F32 &&
			    storage->dtype < 0)
				storage->dtype = NEURON_F32;
		}
		for (j = 0; j < node->num_inputs; j++) {
			struct nc_value *value = node->inputs[j];
			struct nc_storage *storage = value ? value->lir : NULL;
			int want;

			if (!value || value->dtype != NC_F32 ||
			    !value->producer || value->is_output ||
			    nc_is_const(value))
				continue;
			want = wanted_dtype(node, j);
			if (storage->dtype >= 0 && storage->dtype != want)
				want = NEURON_F32;
			storage->dtype = want;
		}
	}
}

/* The type in the slot, where it is another than on the chip; else 0. */
static unsigned int slot_dtype(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_I64:	return NEURON_I64;
	case NC_F64:	return NEURON_F64;
	case NC_I16:	return NEURON_I16;
	case NC_U16:	return NEURON_U16;
	case NC_U32:	return NEURON_U32;
	case NC_U64:	return NEURON_U64;
	default:	return 0;
	}
}

static void note_users(struct nc_graph *graph)
{
	unsigned int i, j;

	for (i = 0; i < graph->num_nodes; i++) {
		const struct nc_node *node = graph->nodes[i];

		for (j = 0; j < node->num_inputs; j++) {
			struct nc_value *value = node->inputs[j];
			struct nc_storage *storage = value ? value->lir : NULL;

			if (value && value->num_uses == 1 && !value->is_output)
				storage->user = node;
		}
	}
}

/* Buffers for the inputs and outputs of the model. */
static void make_io(struct nc_ctx *ctx)
{
	struct nc_program *prog = nc_program_of(ctx);
	struct nc_graph *graph = ctx->graph;
	unsigned int i;

	prog->inputs = nc_alloc(ctx->arena, graph->num_inputs,
				sizeof(*prog->inputs));
	prog->outputs = nc_alloc(ctx->arena, graph->num_outputs,
				 sizeof(*prog->outputs));
	for (i = 0; i < graph->num_inputs + graph->num_outputs; i++) {
		bool in = i < graph->num_inputs;
		struct nc_value *value = in ? graph->inputs[i] :
					      graph->outputs[i - graph->num_inputs];
		struct nc_buf *buf;

		if (nc_storage_dtype(value->dtype) < 0) {
			nc_error(ctx, NULL,
				 "%s '%s': the chip has no %s; cast it in the model",
				 in ? "input" : "output", value->name,
				 nc_dtype_name(value->dtype));
			continue;
		}
		buf = nc_buf_new(ctx, in ? NC_BUF_INPUT : NC_BUF_OUTPUT,
				 nc_numel(value) *
				 neuron_dtype_size(nc_storage_dtype(value->dtype)));
		buf->slot_dtype = slot_dtype(value->dtype);
		buf->slot = NC_SLOT_FIRST_IO + i;
		if (in)
			prog->inputs[i] = buf;
		else
			prog->outputs[i - graph->num_inputs] = buf;
	}
}

/* Where a part finds a value, or leaves it, that is neither input nor output. */
static const struct nc_view *handed_view(struct nc_ctx *ctx, const struct nc_value *value,
					 unsigned int dtype)
{
	struct nc_lower *lower = nc_program_of(ctx)->lower;
	struct nc_handed *handed;
	int order[NC_MAX_RANK];

	for (handed = lower->handed; handed; handed = handed->next)
		if (handed->value == value)
			return &handed->view;
	handed = nc_alloc(ctx->arena, 1, sizeof(*handed));
	handed->value = value;
	handed->view = nc_view_dense(nc_buf_new(ctx, NC_BUF_TEMP, nc_numel(value) *
						neuron_dtype_size(dtype)),
				     dtype, value->rank, value->dims);
	/* Rows of an image are in one piece so. */
	if (value->rank > 2) {
		nc_channels_last(value->rank, order);
		nc_pack(value->rank, handed->view.dims, order, handed->view.strides);
	}
	handed->next = lower->handed;
	lower->handed = handed;
	return &handed->view;
}

static struct nc_view port_view(struct nc_ctx *ctx, const struct nc_graph *model,
				const struct nc_port *port, unsigned int dtype)
{
	struct nc_program *prog = nc_program_of(ctx);
	unsigned int i = port->slot - NC_SLOT_FIRST_IO;

	if (i >= model->num_inputs + model->num_outputs)
		return *handed_view(ctx, port->value, dtype);
	return nc_view_dense(i < model->num_inputs ? prog->inputs[i] :
			     prog->outputs[i - model->num_inputs], dtype,
			     port->value->rank, port->value->dims);
}

/* Values that are inputs or outputs, of the model or a part of it. */
static void bind_io(struct nc_ctx *ctx, const struct nc_graph *model,
		    const struct nc_lower_part *part)
{
	const struct nc_graph *graph = part->graph;
	unsigned int i;

	for (i = 0; i < graph->num_inputs; i++) {
		struct nc_storage *storage = graph->inputs[i]->lir;
		const struct nc_port port = {
			model->inputs[i], NC_SLOT_FIRST_IO + i, 0
		};

		storage->view = port_view(ctx, model, part->inputs ? &part->inputs[i] :
							     &port, storage->dtype);
		storage->bound = storage->view.buf;
	}
	for (i = 0; i < graph->num_outputs; i++) {
		struct nc_storage *storage = graph->outputs[i]->lir;
		const struct nc_range *range = part->ranges ? &part->ranges[i] :
							      NULL;
		const struct nc_port port = {
			model->outputs[i], NC_SLOT_FIRST_IO + model->num_inputs + i, 0
		};
		struct nc_output *output = nc_alloc(ctx->arena, 1, sizeof(*output));

		output->view = port_view(ctx, model, part->outputs ? &part->outputs[i] :
							       &port, storage->dtype);
		if (!output->view.buf)
			continue;
		if (range && range->axis >= 0)
			output->view = nc_view_slice(&output->view, range->axis,
						     range->lo,
						     range->hi - range->lo, 1);
		output->next = storage->output;
		storage->output = output;
	}
}

/* Whether the node can be lowered; its problems are noted. */
static bool check_node(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int errors = ctx->diag.count;
	unsigned int i;

	if (!lower_fns[node->op]) {
		nc_error(ctx, node, "the chip has no instructions for this operator");
		return false;
	}
	for (i = 0; i < node->num_inputs + node->num_outputs; i++) {
		bool in = i < node->num_inputs;
		struct nc_value *value = in ? node->inputs[i] :
					      node->outputs[i - node->num_inputs];

		if (!value || nc_storage_dtype(value->dtype) >= 0)
			continue;
		/* Types of constants and results may not matter on the chip. */
		if (in && nc_is_const(value))
			continue;
		nc_error(ctx, node, "the chip has no %s, the type of %s %u ('%s')",
			 nc_dtype_name(value->dtype), in ? "input" : "output",
			 in ? i : i - node->num_inputs, value->name);
	}
	return ctx->diag.count == errors;
}

/* Outputs that others use, too, or that are views, are copied to their slot. */
static void store_outputs(struct nc_ctx *ctx, struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_outputs; i++) {
		struct nc_value *value = node->outputs[i];
		struct nc_storage *storage = value ? value->lir : NULL;
		struct nc_output *output;

		if (!value || !storage->bound)
			continue;
		/* It may have been made there. */
		for (output = storage->output; output; output = output->next)
			if (output->view.buf != storage->view.buf)
				nc_add_copy(ctx, node, &output->view, &storage->view);
	}
}

static void lower_node(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_lower *lower = nc_program_of(ctx)->lower;
	struct nc_view pre, out;

	lower->defer = node->act != NEURON_ACT_IDENTITY && !has_epilogue(node);
	lower_fns[node->op](ctx, node);
	if (lower->defer) {
		lower->defer = false;
		pre = lower->deferred;
		out = nc_result_like(ctx, node, 0, &pre);
		nc_add_act(ctx, node, &out, &pre, node->act, node->act_alpha,
			   node->act_beta);
	}
	store_outputs(ctx, node);
}

/* What a producer that had to be given up left undefined. */
static bool inputs_bound(const struct nc_node *node)
{
	unsigned int i;

	for (i = 0; i < node->num_inputs; i++) {
		const struct nc_value *value = node->inputs[i];
		const struct nc_storage *storage = value ? value->lir : NULL;

		if (value && !storage->bound && !nc_is_const(value))
			return false;
	}
	return true;
}

static void lower_part(struct nc_ctx *ctx, const struct nc_graph *model,
		       const struct nc_lower_part *part)
{
	struct nc_graph *graph = part->graph;
	unsigned int i;

	choose_dtypes(ctx);
	note_users(graph);
	nc_choose_targets(ctx);
	bind_io(ctx, model, part);
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		if (check_node(ctx, node) && inputs_bound(node))
			lower_node(ctx, node);
	}
}

void nc_lower_parts(struct nc_ctx *ctx, const struct nc_lower_part *parts,
		    unsigned int count, const struct nc_program *before)
{
	struct nc_graph *model = ctx->graph;
	struct nc_program *prog = nc_alloc(ctx->arena, 1, sizeof(*prog));
	unsigned int i;

	ctx->program = prog;
	prog->sbuf_size = ctx->options->sbuf_size ? ctx->options->sbuf_size :
						    NEURON_DEFAULT_SBUF_SIZE;
	prog->psum_size = ctx->options->psum_size ? ctx->options->psum_size :
						    NEURON_DEFAULT_PSUM_SIZE;
	prog->lower = nc_alloc(ctx->arena, 1, sizeof(*prog->lower));
	prog->lower->before = before ? before->lower : NULL;
	make_io(ctx);
	for (i = 0; i < count; i++) {
		ctx->graph = parts[i].graph;
		lower_part(ctx, model, &parts[i]);
	}
	ctx->graph = model;
}

void nc_lower(struct nc_ctx *ctx)
{
	struct nc_lower_part whole = { .graph = ctx->graph };

	nc_lower_parts(ctx, &whole, 1, NULL);
}
