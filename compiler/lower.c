// SPDX-License-Identifier: MIT
/*
 * From nodes to instructions: the walk over the graph, and what the lowering
 * functions share.
 */
#include <inttypes.h>
#include <string.h>
#include <xxhash.h>

#include "lower.h"
#include "qemu-device/kernels/nk.h"

/* Constants up to this size share buffers of the other size, and their loads. */
#define SMALL_CONST	1024
#define POOL_SIZE	16384

/**
 * struct nc_storage - where a value of the graph lies (nc_value.lir)
 * @view: its elements
 * @bound: @view is valid
 * @dtype: element type on the chip; -1 for one that the chip does not have
 * @as: copies in other types
 * @output: the graph outputs that it is
 */
struct nc_storage {
	struct nc_view view;
	bool bound;
	int dtype;
	const struct nc_view *as[NEURON_NUM_DTYPES];
	struct output *output;
};

struct output {
	struct nc_buf *buf;
	struct output *next;
};

/* A constant's bytes, to find equal ones. */
struct const_entry {
	uint64_t hash;
	const void *data;
	uint64_t size;
	struct nc_buf *buf;
	uint64_t offset;
};

/**
 * struct nc_lower - lowering's own state
 * @consts: hash table of constants, a power of two entries
 * @num_consts: used entries
 * @consts_room: entries
 * @pool: buffer that small constants are being put into
 * @pool_data: its bytes
 * @defer: the node's function goes into an instruction of its own, so output 0
 *	   is made without it first
 * @deferred: output 0 without the function
 * @sink: receives instructions on results without elements
 */
struct nc_lower {
	struct const_entry *consts;
	uint32_t num_consts;
	uint32_t consts_room;
	struct nc_buf *pool;
	uint8_t *pool_data;
	bool defer;
	struct nc_view deferred;
	struct nc_inst sink;
};

static struct nc_program *program(struct nc_ctx *ctx)
{
	return ctx->program;
}

int nc_storage_dtype(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_F32:	return NEURON_F32;
	case NC_BF16:	return NEURON_BF16;
	case NC_F16:	return NEURON_F16;
	case NC_I8:	return NEURON_I8;
	case NC_U8:
	case NC_BOOL:	return NEURON_U8;
	case NC_I32:
	case NC_I64:	return NEURON_I32;
	default:	return -1;
	}
}

unsigned int nc_matrix_dtype(const struct nc_node *node)
{
	switch (node->compute) {
	case NC_BF16:	return NEURON_BF16;
	case NC_F16:	return NEURON_F16;
	default:	return NEURON_F32;
	}
}

uint32_t nc_bits(unsigned int dtype, double value)
{
	uint32_t bits = 0;
	float f = value;

	switch (dtype) {
	case NEURON_F32:
		memcpy(&bits, &f, sizeof(bits));
		return bits;
	case NEURON_BF16:
		return nk_f32_to_bf16(f);
	case NEURON_F16:
		return nk_f32_to_f16(f);
	case NEURON_I8:
		nc_put_double(NC_I8, &bits, 0, value);
		return bits;
	case NEURON_U8:
		nc_put_double(NC_U8, &bits, 0, value);
		return bits;
	default:
		nc_put_double(NC_I32, &bits, 0, value);
		return bits;
	}
}

/* Constants */

static void grow_consts(struct nc_ctx *ctx, struct nc_lower *lower)
{
	struct const_entry *old = lower->consts;
	uint32_t i, j, room = lower->consts_room ? 2 * lower->consts_room : 256;

	lower->consts = nc_alloc(ctx->arena, room, sizeof(*old));
	for (i = 0; i < lower->consts_room; i++) {
		if (!old[i].buf)
			continue;
		j = old[i].hash & (room - 1);
		while (lower->consts[j].buf)
			j = (j + 1) & (room - 1);
		lower->consts[j] = old[i];
	}
	lower->consts_room = room;
}

static void place_const(struct nc_ctx *ctx, struct const_entry *entry)
{
	struct nc_lower *lower = program(ctx)->lower;
	uint64_t start;

	if (entry->size > SMALL_CONST) {
		entry->buf = nc_buf_new(ctx, NC_BUF_CONST, entry->size);
		entry->buf->data = entry->data;
		return;
	}
	start = lower->pool ?
		(lower->pool->size + NC_BUF_ALIGN - 1) & -NC_BUF_ALIGN : 0;
	if (!lower->pool || start + entry->size > POOL_SIZE) {
		lower->pool = nc_buf_new(ctx, NC_BUF_CONST, 0);
		lower->pool_data = nc_alloc(ctx->arena, 1, POOL_SIZE);
		lower->pool->data = lower->pool_data;
		start = 0;
	}
	memcpy(lower->pool_data + start, entry->data, entry->size);
	lower->pool->size = start + entry->size;
	entry->data = lower->pool_data + start;
	entry->buf = lower->pool;
	entry->offset = start;
}

struct nc_view nc_const_bytes(struct nc_ctx *ctx, unsigned int dtype, int rank,
			      const int64_t *dims, const void *data)
{
	struct nc_lower *lower = program(ctx)->lower;
	struct nc_view view = nc_view_dense(NULL, dtype, rank, dims);
	struct const_entry entry = { .data = data };
	uint32_t i;

	entry.size = nc_view_numel(&view) * neuron_dtype_size(dtype);
	entry.hash = XXH3_64bits(data, entry.size);
	if (2 * lower->num_consts >= lower->consts_room)
		grow_consts(ctx, lower);
	i = entry.hash & (lower->consts_room - 1);
	while (lower->consts[i].buf) {
		const struct const_entry *old = &lower->consts[i];

		if (old->hash == entry.hash && old->size == entry.size &&
		    !memcmp(old->data, data, entry.size))
			break;
		i = (i + 1) & (lower->consts_room - 1);
	}
	if (!lower->consts[i].buf) {
		place_const(ctx, &entry);
		lower->consts[i] = entry;
		lower->num_consts++;
	}
	view.buf = lower->consts[i].buf;
	view.offset = lower->consts[i].offset;
	return view;
}

struct nc_view nc_const_float(struct nc_ctx *ctx, float x)
{
	return nc_const_bytes(ctx, NEURON_F32, 0, NULL,
			      nc_memdup(ctx->arena, &x, sizeof(x)));
}

/* The bytes of a constant as another type; the value's own when it is that. */
static const void *convert_const(struct nc_ctx *ctx,
				 const struct nc_value *value,
				 unsigned int dtype)
{
	static const enum nc_dtype onnx[] = {
		[NEURON_F32] = NC_F32, [NEURON_BF16] = NC_BF16,
		[NEURON_F16] = NC_F16, [NEURON_I8] = NC_I8,
		[NEURON_U8] = NC_U8, [NEURON_I32] = NC_I32,
	};
	int64_t i, n = nc_numel(value);
	void *data;

	if (nc_storage_dtype(value->dtype) == (int)dtype &&
	    value->dtype != NC_I64)
		return value->data;
	data = nc_alloc(ctx->arena, n, neuron_dtype_size(dtype));
	if (value->dtype == NC_F32 && dtype == NEURON_BF16) {
		const float *from = value->data;
		uint16_t *to = data;

		for (i = 0; i < n; i++)
			to[i] = nk_f32_to_bf16(from[i]);
	} else if (nc_dtype_is_float(value->dtype)) {
		for (i = 0; i < n; i++)
			nc_put_double(onnx[dtype], data, i,
				      nc_const_double(value, i));
	} else {
		for (i = 0; i < n; i++)
			nc_put_int(onnx[dtype], data, i,
				   nc_const_int(value, i));
	}
	return data;
}

/* Views of values */

const struct nc_view *nc_operand(struct nc_ctx *ctx, struct nc_value *value)
{
	struct nc_storage *storage = value->lir;

	if (!storage->bound) {
		/* A constant: all others are bound by their producers. */
		storage->view = nc_const_bytes(ctx, storage->dtype, value->rank,
					       value->dims,
					       convert_const(ctx, value,
							     storage->dtype));
		storage->bound = true;
	}
	return &storage->view;
}

const struct nc_view *nc_operand_as(struct nc_ctx *ctx, struct nc_node *node,
				    struct nc_value *value, unsigned int dtype)
{
	struct nc_storage *storage = value->lir;
	struct nc_view view;
	int order[NC_MAX_RANK];

	if (storage->dtype == (int)dtype)
		return nc_operand(ctx, value);
	if (storage->as[dtype])
		return storage->as[dtype];

	if (nc_is_const(value)) {
		view = nc_const_bytes(ctx, dtype, value->rank, value->dims,
				      convert_const(ctx, value, dtype));
	} else {
		nc_view_order(&storage->view, order);
		view = nc_temp(ctx, dtype, value->rank, value->dims, order);
		nc_add_act(ctx, node, &view, &storage->view,
			   NEURON_ACT_IDENTITY, 0, 0);
	}
	storage->as[dtype] = nc_memdup(ctx->arena, &view, sizeof(view));
	return storage->as[dtype];
}

struct nc_view nc_temp(struct nc_ctx *ctx, unsigned int dtype, int rank,
		       const int64_t *dims, const int *order)
{
	struct nc_view view = nc_view_dense(NULL, dtype, rank, dims);

	nc_pack(rank, dims, order, view.strides);
	view.buf = nc_buf_new(ctx, NC_BUF_TEMP,
			      nc_view_numel(&view) * neuron_dtype_size(dtype));
	return view;
}

struct nc_view nc_result(struct nc_ctx *ctx, struct nc_node *node,
			 unsigned int i, const int *order)
{
	struct nc_lower *lower = program(ctx)->lower;
	struct nc_value *value = node->outputs[i];
	struct nc_storage *storage = value->lir;

	if (i == 0 && lower->defer) {
		lower->deferred = nc_temp(ctx, storage->dtype, value->rank,
					  value->dims, order);
		return lower->deferred;
	}
	if (value->is_output && value->num_uses == 1)
		storage->view = nc_view_dense(storage->output->buf,
					      storage->dtype, value->rank,
					      value->dims);
	else
		storage->view = nc_temp(ctx, storage->dtype, value->rank,
					value->dims, order);
	storage->bound = true;
	return storage->view;
}

struct nc_view nc_result_like(struct nc_ctx *ctx, struct nc_node *node,
			      unsigned int i, const struct nc_view *like)
{
	int order[NC_MAX_RANK];

	nc_view_order(like, order);
	return nc_result(ctx, node, i, order);
}

void nc_bind(struct nc_ctx *ctx, struct nc_node *node, unsigned int i,
	     const struct nc_view *view)
{
	struct nc_lower *lower = program(ctx)->lower;
	struct nc_storage *storage = node->outputs[i]->lir;

	if (i == 0 && lower->defer) {
		lower->deferred = *view;
		return;
	}
	storage->bound = true;
	storage->view = *view;
	if (view->dtype != storage->dtype) {
		/* Its readers want it narrower than what it is a view of. */
		int order[NC_MAX_RANK];

		nc_view_order(view, order);
		storage->view = nc_temp(ctx, storage->dtype, view->rank,
					view->dims, order);
		nc_add_copy(ctx, node, &storage->view, view);
	}
}

struct nc_view nc_reshaped(struct nc_ctx *ctx, const struct nc_node *node,
			   const struct nc_view *view, int rank,
			   const int64_t *dims)
{
	struct nc_view out, copy;

	if (nc_view_reshape(view, rank, dims, &out))
		return out;
	out = nc_temp(ctx, view->dtype, rank, dims, NULL);
	copy = nc_view_dense(out.buf, view->dtype, view->rank, view->dims);
	nc_add_copy(ctx, node, &copy, view);
	return out;
}

/* Instructions */

static enum neuron_engine default_engine(unsigned int opcode)
{
	switch (opcode) {
	case NEURON_OP_LOAD:
		return NEURON_ENGINE_DMA_IN;
	case NEURON_OP_STORE:
		return NEURON_ENGINE_DMA_OUT;
	case NEURON_OP_MATMUL:
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		return NEURON_ENGINE_PE;
	case NEURON_OP_ACT:
	case NEURON_OP_QUANTIZE:
	case NEURON_OP_DEQUANTIZE:
	case NEURON_OP_SOFTMAX:
	case NEURON_OP_COPY:
	case NEURON_OP_FILL:
		return NEURON_ENGINE_ACT;
	default:
		return NEURON_ENGINE_POOL;
	}
}

struct nc_inst *nc_add(struct nc_ctx *ctx, const struct nc_node *node,
		       unsigned int opcode, const struct nc_view *out,
		       const struct nc_view *a, const struct nc_view *b)
{
	struct nc_lower *lower = program(ctx)->lower;
	struct nc_inst inst = {
		.opcode = opcode,
		.engine = default_engine(opcode),
		.layer = node->layer,
	};
	struct nc_inst *added;

	if (nc_view_numel(out) == 0) {
		lower->sink = inst;
		return &lower->sink;
	}
	added = nc_inst_add(ctx, &program(ctx)->list, &inst);
	nc_add_operand(ctx, added, 0, out);
	nc_add_operand(ctx, added, 1, a);
	nc_add_operand(ctx, added, 2, b);
	return added;
}

void nc_add_operand(struct nc_ctx *ctx, struct nc_inst *inst, unsigned int i,
		    const struct nc_view *view)
{
	if (view)
		inst->operands[i] = nc_memdup(ctx->arena, view, sizeof(*view));
}

void nc_add_act(struct nc_ctx *ctx, const struct nc_node *node,
		const struct nc_view *out, const struct nc_view *in,
		enum neuron_act func, float alpha, float beta)
{
	struct nc_inst *inst = nc_add(ctx, node, NEURON_OP_ACT, out, in, NULL);

	NC_PARAMS(ACT, inst)->func = func;
	NC_PARAMS(ACT, inst)->alpha = alpha;
	NC_PARAMS(ACT, inst)->beta = beta;
}

struct nc_inst *nc_add_binary(struct nc_ctx *ctx, const struct nc_node *node,
			      const struct nc_view *out,
			      const struct nc_view *a, const struct nc_view *b,
			      enum neuron_binary func)
{
	struct nc_view wide_a = nc_view_broadcast(a, out->rank, out->dims);
	struct nc_view wide_b = nc_view_broadcast(b, out->rank, out->dims);
	struct nc_inst *inst = nc_add(ctx, node, NEURON_OP_ELTWISE, out,
				      &wide_a, &wide_b);

	NC_PARAMS(ELTWISE, inst)->func = func;
	return inst;
}

void nc_add_copy(struct nc_ctx *ctx, const struct nc_node *node,
		 const struct nc_view *out, const struct nc_view *in)
{
	if (out->dtype == in->dtype)
		nc_add(ctx, node, NEURON_OP_COPY, out, in, NULL);
	else
		nc_add_act(ctx, node, out, in, NEURON_ACT_IDENTITY, 0, 0);
}

void nc_add_fill(struct nc_ctx *ctx, const struct nc_node *node,
		 const struct nc_view *out, double value)
{
	struct nc_inst *inst = nc_add(ctx, node, NEURON_OP_FILL, out, NULL,
				      NULL);

	NC_PARAMS(FILL, inst)->value = nc_bits(out->dtype, value);
}

void nc_add_reduce(struct nc_ctx *ctx, const struct nc_node *node,
		   const struct nc_view *out, const struct nc_view *in,
		   enum neuron_reduction func, uint32_t axes)
{
	struct nc_inst *inst = nc_add(ctx, node, NEURON_OP_REDUCE, out, in,
				      NULL);

	NC_PARAMS(REDUCE, inst)->func = func;
	NC_PARAMS(REDUCE, inst)->axes = axes;
}

/* The walk */

static nc_lower_fn *const lower_fns[NC_NUM_OPS] = {
#define X(name, infer, fold, lower) [NC_OP_##name] = nc_lower_##lower,
	NC_OPS(X)
#undef X
};

/* The instructions of these take the node's function along. */
static bool has_epilogue(const struct nc_node *node)
{
	nc_lower_fn *fn = lower_fns[node->op];

	return fn == nc_lower_conv || fn == nc_lower_conv_transpose ||
	       fn == nc_lower_matmul || fn == nc_lower_qlinear ||
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

static void make_io(struct nc_ctx *ctx)
{
	struct nc_program *prog = program(ctx);
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
		struct nc_storage *storage = value->lir;
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
		buf->wide = value->dtype == NC_I64;
		buf->slot = NC_SLOT_FIRST_IO + i;
		if (in) {
			prog->inputs[i] = buf;
			storage->view = nc_view_dense(buf, storage->dtype,
						      value->rank, value->dims);
			storage->bound = true;
		} else {
			struct output *output = nc_alloc(ctx->arena, 1,
							 sizeof(*output));

			prog->outputs[i - graph->num_inputs] = buf;
			output->buf = buf;
			output->next = storage->output;
			storage->output = output;
		}
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
		struct output *output;
		struct nc_view out;

		if (!value || !storage->bound ||
		    storage->view.buf->kind == NC_BUF_OUTPUT)
			continue;
		for (output = storage->output; output; output = output->next) {
			out = nc_view_dense(output->buf, storage->dtype,
					    value->rank, value->dims);
			nc_add_copy(ctx, node, &out, &storage->view);
		}
	}
}

static void lower_node(struct nc_ctx *ctx, struct nc_node *node)
{
	struct nc_lower *lower = program(ctx)->lower;
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

/* Give each constant that is used its place in the WEIGHTS section. */
static void place_weights(struct nc_ctx *ctx)
{
	struct nc_program *prog = program(ctx);
	uint32_t i;

	for (i = 0; i < prog->num_bufs; i++) {
		struct nc_buf *buf = prog->bufs[i];

		if (buf->kind != NC_BUF_CONST)
			continue;
		buf->slot = NC_SLOT_WEIGHTS;
		buf->slot_offset = prog->weights_size;
		prog->weights_size += (buf->size + NC_BUF_ALIGN - 1) &
				      -(uint64_t)NC_BUF_ALIGN;
	}
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

void nc_lower(struct nc_ctx *ctx)
{
	struct nc_graph *graph = ctx->graph;
	struct nc_program *prog = nc_alloc(ctx->arena, 1, sizeof(*prog));
	unsigned int i;

	ctx->program = prog;
	prog->sbuf_size = ctx->options->sbuf_size ? ctx->options->sbuf_size :
						    NC_SBUF_SIZE;
	prog->psum_size = ctx->options->psum_size ? ctx->options->psum_size :
						    NC_PSUM_SIZE;
	prog->lower = nc_alloc(ctx->arena, 1, sizeof(*prog->lower));
	choose_dtypes(ctx);
	make_io(ctx);
	for (i = 0; i < graph->num_nodes; i++) {
		struct nc_node *node = graph->nodes[i];

		if (check_node(ctx, node) && inputs_bound(node))
			lower_node(ctx, node);
	}
	place_weights(ctx);
}
