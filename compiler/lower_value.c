// SPDX-License-Identifier: MIT
/*
 * What the lowering functions build with: constants, the views of values, and
 * instructions.
 */
#include <string.h>
#include <xxhash.h>

#include "lower_state.h"
#include "qemu-device/kernels/nk.h"

/* Constants up to this size share buffers of the other size, and their loads. */
#define SMALL_CONST	1024
#define POOL_SIZE	16384

/* A constant's bytes, to find equal ones. */
struct nc_const_entry {
	uint64_t hash;
	const void *data;
	uint64_t size;
	struct nc_buf *buf;
	uint64_t offset;
};

int nc_storage_dtype(enum nc_dtype dtype)
{
	switch (dtype) {
	case NC_F32:
	case NC_F64:	return NEURON_F32;
	case NC_BF16:	return NEURON_BF16;
	case NC_F16:	return NEURON_F16;
	case NC_I8:	return NEURON_I8;
	case NC_U8:
	case NC_BOOL:	return NEURON_U8;
	case NC_I16:
	case NC_U16:
	case NC_U32:
	case NC_U64:
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
	struct nc_const_entry *old = lower->consts;
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

static void place_const(struct nc_ctx *ctx, struct nc_const_entry *entry)
{
	struct nc_lower *lower = nc_program_of(ctx)->lower;
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
	struct nc_lower *lower = nc_program_of(ctx)->lower;
	struct nc_view view = nc_view_dense(NULL, dtype, rank, dims);
	struct nc_const_entry entry = { .data = data };
	uint32_t i;

	entry.size = nc_view_numel(&view) * neuron_dtype_size(dtype);
	entry.hash = XXH3_64bits(data, entry.size);
	if (2 * lower->num_consts >= lower->consts_room)
		grow_consts(ctx, lower);
	i = entry.hash & (lower->consts_room - 1);
	while (lower->consts[i].buf) {
		const struct nc_const_entry *old = &lower->consts[i];

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

/* What the chip's LOAD makes of 64 bits. */
static int64_t narrow_int(int64_t x, enum nc_dtype from, enum nc_dtype to)
{
	if (to != NC_I32 || (from != NC_I64 && from != NC_U64))
		return x;
	if (from == NC_U64 && x < 0)
		return INT32_MAX;
	return x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : x;
}

/*
 * Large constants in another type or order, so that models that are lowered several
 * times, in parts, convert them once.
 */
#define LARGE_CONST	4096

struct nc_made_entry {
	const void *from;
	const void *bytes;
	unsigned int dtype;
	uint64_t form;
};

/* Views share bytes: the same ones in the same shape, packed or not. */
static uint64_t form_of(const struct nc_value *value, bool packed)
{
	return XXH3_64bits(value->dims, value->rank * sizeof(*value->dims)) * 2 +
	       packed;
}

static uint64_t hash_made(const void *from, unsigned int dtype, uint64_t form)
{
	uint64_t key[3] = { (uintptr_t)from, dtype, form };

	return XXH3_64bits(key, sizeof(key));
}

static struct nc_made_entry *find_made(const struct nc_lower *lower,
				       const void *from, unsigned int dtype,
				       uint64_t form)
{
	uint32_t i = hash_made(from, dtype, form) & (lower->made_room - 1);
	struct nc_made_entry *entry = &lower->made[i];

	while (entry->from && (entry->from != from || entry->dtype != dtype ||
			       entry->form != form)) {
		i = (i + 1) & (lower->made_room - 1);
		entry = &lower->made[i];
	}
	return entry;
}

static const void *get_made(struct nc_ctx *ctx, const void *from,
			    unsigned int dtype, uint64_t form)
{
	const struct nc_lower *lower = nc_program_of(ctx)->lower;
	const void *bytes = NULL;

	for (; lower && !bytes; lower = lower->before)
		if (lower->made_room)
			bytes = find_made(lower, from, dtype, form)->bytes;
	return bytes;
}

static void put_made(struct nc_ctx *ctx, const void *from, unsigned int dtype,
		     uint64_t form, const void *bytes)
{
	struct nc_lower *lower = nc_program_of(ctx)->lower;
	struct nc_made_entry *old = lower->made;
	uint32_t i, room = lower->made_room;

	if (2 * lower->num_made >= room) {
		lower->made_room = room ? 2 * room : 64;
		lower->made = nc_alloc(ctx->arena, lower->made_room,
				       sizeof(*lower->made));
		for (i = 0; i < room; i++)
			if (old[i].from)
				*find_made(lower, old[i].from, old[i].dtype,
					   old[i].form) = old[i];
	}
	*find_made(lower, from, dtype, form) =
		(struct nc_made_entry){ from, bytes, dtype, form };
	lower->num_made++;
}

static void convert(const struct nc_value *value, unsigned int dtype, void *data)
{
	static const enum nc_dtype onnx[] = {
		[NEURON_F32] = NC_F32, [NEURON_BF16] = NC_BF16,
		[NEURON_F16] = NC_F16, [NEURON_I8] = NC_I8,
		[NEURON_U8] = NC_U8, [NEURON_I32] = NC_I32,
	};
	int64_t i, n = nc_numel(value);

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
				   narrow_int(nc_const_int(value, i),
					      value->dtype, onnx[dtype]));
	}
}

/* The bytes of a constant as another type; the value's own when it is that. */
static const void *convert_const(struct nc_ctx *ctx,
				 const struct nc_value *value,
				 unsigned int dtype)
{
	size_t size = nc_numel(value) * neuron_dtype_size(dtype);
	uint64_t form = form_of(value, false);
	const void *made;
	void *data;

	if (nc_storage_dtype(value->dtype) == (int)dtype &&
	    nc_dtype_size(value->dtype) == neuron_dtype_size(dtype))
		return value->data;
	made = size >= LARGE_CONST ? get_made(ctx, value->data, dtype, form) :
				     NULL;
	if (made)
		return made;
	data = nc_alloc(ctx->arena, 1, size);
	convert(value, dtype, data);
	if (size >= LARGE_CONST)
		put_made(ctx, value->data, dtype, form, data);
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

/*
 * A copy in another type. One of a whole buffer serves all views of it, as they
 * come from Reshapes and Transposes.
 */
static struct nc_view converted(struct nc_ctx *ctx, const struct nc_node *node,
				const struct nc_view *view, unsigned int dtype)
{
	uint64_t size = neuron_dtype_size(view->dtype);
	struct nc_buf *buf = view->buf;
	struct nc_view out;
	int i, order[NC_MAX_RANK];
	bool whole = !view->offset &&
		     nc_view_numel(view) * size == buf->size;

	for (i = 0; i < view->rank; i++)
		if (view->strides[i] < 0 || (!view->strides[i] && view->dims[i] > 1))
			whole = false;
	nc_view_order(view, order);
	out = *view;
	if (whole && buf->converted && buf->converted_dtype == dtype) {
		out.buf = buf->converted;
		out.dtype = dtype;
		return out;
	}
	out = nc_temp(ctx, dtype, view->rank, view->dims, order);
	nc_add_act(ctx, node, &out, view, NEURON_ACT_IDENTITY, 0, 0);
	/* Packed in the same order, it has the view's strides but for ones. */
	if (whole) {
		buf->converted = out.buf;
		buf->converted_dtype = dtype;
	}
	return out;
}

const struct nc_view *nc_operand_as(struct nc_ctx *ctx, struct nc_node *node,
				    struct nc_value *value, unsigned int dtype)
{
	struct nc_storage *storage = value->lir;
	struct nc_view view;

	if (storage->dtype == (int)dtype)
		return nc_operand(ctx, value);
	if (!storage->as)
		storage->as = nc_alloc(ctx->arena, NEURON_NUM_DTYPES, sizeof(*storage->as));
	if (storage->as[dtype])
		return storage->as[dtype];

	if (nc_is_const(value)) {
		view = nc_const_bytes(ctx, dtype, value->rank, value->dims,
				      convert_const(ctx, value, dtype));
	} else {
		view = converted(ctx, node, &storage->view, dtype);
	}
	storage->as[dtype] = nc_memdup(ctx->arena, &view, sizeof(view));
	return storage->as[dtype];
}

/* [filters, channels, taps] to [taps, channels, filters] */
static void pack_weights(char *to, const char *from, int64_t filters,
			 int64_t channels, int64_t taps, size_t size)
{
	int64_t o, i, t;

	for (o = 0; o < filters; o++)
		for (i = 0; i < channels; i++)
			for (t = 0; t < taps; t++, from += size)
				memcpy(to + ((t * channels + i) * filters + o) *
				       size, from, size);
}

const struct nc_view *nc_packed_weights(struct nc_ctx *ctx,
					struct nc_value *value,
					unsigned int dtype)
{
	struct nc_storage *storage = value->lir;
	int64_t dims[NC_MAX_RANK], taps = 1;
	uint64_t form = form_of(value, true);
	struct nc_arena_mark mark;
	int perm[NC_MAX_RANK], d;
	const void *plain, *made;
	struct nc_view view;
	char *data;

	/* Nodes that share weights share their type. */
	if (storage->packed && storage->packed->dtype == dtype)
		return storage->packed;
	for (d = 2; d < value->rank; d++) {
		dims[d - 2] = value->dims[d];
		perm[d] = d - 2;
		taps *= value->dims[d];
	}
	dims[value->rank - 2] = value->dims[1];
	dims[value->rank - 1] = value->dims[0];
	perm[0] = value->rank - 1;
	perm[1] = value->rank - 2;
	made = get_made(ctx, value->data, dtype, form);
	if (!made) {
		data = nc_alloc(ctx->arena, nc_numel(value),
				neuron_dtype_size(dtype));
		mark = nc_arena_mark(ctx->arena);
		plain = value->data;
		if (nc_storage_dtype(value->dtype) != (int)dtype) {
			void *converted = nc_alloc(ctx->arena, nc_numel(value),
						   neuron_dtype_size(dtype));

			convert(value, dtype, converted);
			plain = converted;
		}
		pack_weights(data, plain, value->dims[0], value->dims[1], taps,
			     neuron_dtype_size(dtype));
		nc_arena_release(ctx->arena, mark);
		put_made(ctx, value->data, dtype, form, data);
		made = data;
	}
	view = nc_const_bytes(ctx, dtype, value->rank, dims, made);
	view = nc_view_permute(&view, perm);
	storage->packed = nc_memdup(ctx->arena, &view, sizeof(view));
	return storage->packed;
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

bool nc_user_order(struct nc_ctx *ctx, const struct nc_value *value, int *order)
{
	const struct nc_storage *storage = value->lir;

	return storage->user && storage->user->op == NC_OP_Transpose &&
	       nc_transpose_perm(ctx, storage->user, order);
}

struct nc_view nc_result(struct nc_ctx *ctx, struct nc_node *node,
			 unsigned int i, const int *order)
{
	struct nc_lower *lower = nc_program_of(ctx)->lower;
	struct nc_value *value = node->outputs[i];
	struct nc_storage *storage = value->lir;

	if (i == 0 && lower->defer) {
		lower->deferred = nc_temp(ctx, storage->dtype, value->rank,
					  value->dims, order);
		return lower->deferred;
	}
	/* A part of a graph output may have gaps: it is copied there. */
	if (value->is_output && value->num_uses == 1 &&
	    nc_view_is_dense(&storage->output->view))
		storage->view = storage->output->view;
	else if (storage->target)
		storage->view = *storage->target;
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
	struct nc_lower *lower = nc_program_of(ctx)->lower;
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
	struct nc_lower *lower = nc_program_of(ctx)->lower;
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
	added = nc_inst_add(ctx, &nc_program_of(ctx)->list, &inst);
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
