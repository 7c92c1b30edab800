// SPDX-License-Identifier: MIT
/*
 * MATMUL through the library, or without it where few.h says so.
 *
 * Each tile is one call, followed by the epilogue while its sums are in the cache.
 */
#include "matmul_plan.h"

/* fp32 products of so few rows with so much are twice as fast in the library's plain GEMM. */
#define SGEMM_ROWS	16
#define MUCH_ELEMENTS	65536

/* Integers whose sums stay below it are exact in fp32, in any order. */
#define EXACT_F32	(1 << 24)

struct run {
	const struct nk_call *call;
	struct matmul_plan *plan;
	struct nk_epilogue ep;
	char *a, *b;
	bool packed;		/* b, in the order of whoever multiplies */
	char *temp;
	size_t temp_step;
};

static void destroy_ops(struct matmul_plan *plan)
{
	for (unsigned int i = 0; i < 4; i++) {
		lib_op_destroy(&plan->op[i / 2][i % 2]);
		memset(&plan->op[i / 2][i % 2], 0, sizeof(plan->op[0][0]));
	}
}

static void destroy(struct nk_plan *head)
{
	struct matmul_plan *plan = (struct matmul_plan *)head;

	destroy_ops(plan);
	nk_packed_put(plan->packed);
	free(plan);
}

static bool make_op(struct matmul_plan *plan, struct lib_op *op, uint32_t rows,
		    uint32_t columns, unsigned int threads)
{
	const struct neuron_tensor *out = &plan->out;
	dnnl_dims_t a_dims = { rows, plan->k }, b_dims = { plan->k, columns };
	dnnl_dims_t out_dims = { rows, columns }, bias_dims = { 1, columns };
	dnnl_dims_t a_strides = { plan->a_layout.row, plan->a_layout.column };
	dnnl_dims_t b_strides = { plan->b_layout.row, plan->b_layout.column };
	dnnl_dims_t out_strides = { columns, 1 }, bias_strides = { columns, 1 };
	dnnl_data_type_t out_type = plan->integer && !plan->as_f32 ? dnnl_s32 : dnnl_f32;
	int32_t a_zero = plan->a.zero_point;
	int32_t b_zero = plan->b.zero_point - (plan->b.dtype == NEURON_U8 ? 128 : 0);
	bool has_bias = plan->direct && plan->has_bias;
	dnnl_memory_desc_t a, b, bias, dst;
	dnnl_primitive_attr_t attr;
	dnnl_matmul_desc_t desc;
	bool ok;

	if (plan->direct) {
		out_type = lib_type(out->dtype);
		if (plan->m > 1)
			out_strides[0] = out->strides[out->rank - 2];
	}
	if (dnnl_memory_desc_init_by_strides(&a, 2, a_dims, lib_type(plan->a_type), a_strides) ||
	    (plan->packs ? dnnl_memory_desc_init_by_tag(&b, 2, b_dims, lib_type(plan->b_type),
							dnnl_format_tag_any) :
			   dnnl_memory_desc_init_by_strides(&b, 2, b_dims, lib_type(plan->b_type),
							    b_strides)) ||
	    dnnl_memory_desc_init_by_strides(&bias, 2, bias_dims, dnnl_f32, bias_strides) ||
	    dnnl_memory_desc_init_by_strides(&dst, 2, out_dims, out_type, out_strides))
		return false;
	/* All of them share one copy of the second operand. */
	if (plan->packs && plan->packed_bytes)
		b = matmul_tile_desc(plan, columns);
	if (dnnl_matmul_desc_init(&desc, &a, &b, has_bias ? &bias : NULL, &dst))
		return false;
	if (dnnl_primitive_attr_create(&attr))
		return false;
	ok = true;
	if (plan->integer && !plan->as_f32) {
		if (a_zero)
			ok &= !dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0,
								   &a_zero);
		if (b_zero)
			ok &= !dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_WEIGHTS, 1, 0,
								   &b_zero);
	}
	ok = ok && lib_op_init(op, &desc, attr) && lib_op_threads(op, threads);
	dnnl_primitive_attr_destroy(attr);
	if (ok && plan->packs && !plan->packed_bytes)
		ok = matmul_find_order(plan, &op->desc[LIB_WEIGHTS]);
	if (ok && op->temp_bytes > plan->temp_bytes)
		plan->temp_bytes = op->temp_bytes;
	return ok;
}

static bool make_ops(struct matmul_plan *plan, unsigned int threads)
{
	uint32_t last_rows = plan->m - (plan->row_tiles - 1) * plan->rows;
	uint32_t last_columns = plan->n - (plan->column_tiles - 1) * plan->columns;

	for (unsigned int r = 0; r < 2; r++) {
		for (unsigned int c = 0; c < 2; c++) {
			/* Unless there is more than one tile, all are the last. */
			if ((!r && plan->row_tiles == 1) || (!c && plan->column_tiles == 1))
				continue;
			if (!make_op(plan, &plan->op[r][c], r ? last_rows : plan->rows,
				     c ? last_columns : plan->columns, threads))
				return false;
		}
	}
	return true;
}

static struct nk_plan *make(const struct nk_call *call)
{
	const struct lib_features *lib = lib_features();
	struct matmul_plan *plan = calloc(1, sizeof(*plan));
	int threads;

	if (!plan)
		return NULL;
	plan->head.destroy = destroy;
	plan->head.bytes = sizeof(*plan) + 131072;	/* about that for code */
	plan->out = *call->op[0].desc;
	plan->a = *call->op[1].desc;
	plan->b = *call->op[2].desc;
	plan->has_bias = call->op[3].desc;
	plan->refused = true;
	if (!lib)
		return &plan->head;

	matmul_find_shape(plan, lib);
	plan->direct = !plan->as_f32 &&
		       nk_epilogue_direct(call->inst, call->op, plan->integer,
					  plan->integer ? NEURON_I32 :
					  plan->a_type == NEURON_BF16 &&
					  plan->out.dtype == NEURON_BF16 ?
					  NEURON_BF16 : NEURON_F32) &&
		       (plan->n == 1 || plan->out.strides[plan->out.rank - 1] == 1) &&
		       (plan->m == 1 || plan->out.strides[plan->out.rank - 2] >= (int64_t)plan->n);

	if (matmul_choose_few(plan)) {
		/* It adds no bias. */
		plan->direct = plan->direct && plan->out.dtype == NEURON_F32 && !call->op[3].desc;
		plan->refused = false;
		return &plan->head;
	}
	plan->sgemm = plan->a_type == NEURON_F32 && plan->m <= SGEMM_ROWS &&
		      (uint64_t)plan->k * plan->n >= MUCH_ELEMENTS;
	if (plan->sgemm) {
		plan->direct = false;
		plan->refused = false;
		return &plan->head;
	}

	plan->panels = matmul_choose_panels(plan, lib);
	if (plan->panels) {
		plan->refused = false;
		return &plan->head;
	}

	threads = lib_enter();
	plan->packs = matmul_packs(plan);
	plan->refused = !make_ops(plan, nk_threads(call->ctx));
	if (plan->refused && plan->packs) {
		destroy_ops(plan);
		plan->packs = false;
		plan->refused = !make_ops(plan, nk_threads(call->ctx));
	}
	lib_leave(threads);
	return &plan->head;
}

static enum nk_status compute(const struct run *run, uint64_t entry, uint32_t row,
			      uint32_t column, unsigned int thread, struct nk_stats *stats)
{
	struct matmul_plan *plan = run->plan;
	const struct neuron_tensor *out = &plan->out;
	bool last_row = plan->m - row <= plan->rows, last_column = plan->n - column <= plan->columns;
	uint32_t rows = last_row ? plan->m - row : plan->rows;
	uint32_t columns = last_column ? plan->n - column : plan->columns;
	ptrdiff_t step = nk_stride(out, out->rank - 1), row_step = nk_stride(out, out->rank - 2);
	char *dst = (char *)run->call->op[0].data +
		    nk_batch_offset(out, out, entry, false) * (ptrdiff_t)nk_size(out->dtype) +
		    (ptrdiff_t)row * row_step + (ptrdiff_t)column * step;
	char *temp = run->temp + thread * run->temp_step;
	char *sums = temp + ((plan->temp_bytes + 63) & ~(size_t)63);
	ptrdiff_t a = nk_batch_offset(&plan->a, out, entry, plan->a_layout.packed) +
		      row * plan->a_layout.row;
	ptrdiff_t b = nk_batch_offset(&plan->b, out, entry, plan->b_layout.packed) +
		      column * plan->b_layout.column;
	void *data[LIB_OPERANDS] = {
		[LIB_SRC] = run->a + a * (ptrdiff_t)nk_size(plan->a_type),
		[LIB_WEIGHTS] = run->packed ? run->b + matmul_tile_offset(plan, entry, column) :
				run->b + b * (ptrdiff_t)nk_size(plan->b_type),
		[LIB_BIAS] = run->ep.bias_f32 ? (void *)(run->ep.bias_f32 + column) : NULL,
		[LIB_DST] = plan->direct ? dst : sums,
		[LIB_TEMP] = temp,
	};
	enum nk_status status = NK_OK;

	if (plan->few.kind) {
		struct few few = plan->few;

		few.n = columns;
		few.blocks = run->packed;
		few_run(&few, data[LIB_SRC], data[LIB_WEIGHTS], data[LIB_DST],
			plan->direct && plan->m > 1 ? out->strides[out->rank - 2] :
			(ptrdiff_t)columns, temp);
	} else if (plan->panels) {
		matmul_panels_tile(plan, rows, column, columns, data[LIB_SRC], data[LIB_WEIGHTS],
				   run->packed, data[LIB_DST], plan->m > 1 ?
				   out->strides[out->rank - 2] : (ptrdiff_t)columns, temp);
	} else if (plan->sgemm) {
		status = lib_sgemm(rows, columns, plan->k, data[LIB_SRC], plan->a_layout.row,
				   plan->a_layout.column, data[LIB_WEIGHTS], plan->b_layout.row,
				   plan->b_layout.column, data[LIB_DST]);
	} else {
		status = lib_op_run(&plan->op[last_row][last_column], thread, data);
	}
	if (status)
		return status;
	if (plan->direct) {
		size_t together = plan->m > 1 && out->strides[out->rank - 2] == (int64_t)columns ?
				  rows : 1;

		for (uint32_t i = 0; i < rows; i += together)
			nk_epilogue_finish(&run->ep, dst + (ptrdiff_t)i * row_step,
					   together * columns, stats);
		return NK_OK;
	}
	if (plan->as_f32) {
		struct nk_stats none = { 0 };

		nk_store_f32(NEURON_I32, sums, sizeof(int32_t), (size_t)rows * columns,
			     (float *)sums, &none);
	}
	nk_epilogue_rows(&run->ep, sums, plan->integer, column, columns, dst, step, row_step, rows,
			 stats);
	return NK_OK;
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct run *run = arg;
	const struct matmul_plan *plan = run->plan;
	uint32_t column = tile % plan->column_tiles * plan->columns;
	uint32_t row = tile / plan->column_tiles % plan->row_tiles * plan->rows;
	uint64_t entry = tile / plan->column_tiles / plan->row_tiles * plan->entries;
	uint64_t end = entry + plan->entries;

	for (; entry < end && entry < plan->batch; entry++) {
		enum nk_status status = compute(run, entry, row, column, thread, stats);

		if (status)
			return status;
	}
	return NK_OK;
}

/* Columns of @b may add up to 2^24 together with the greatest of @a. */
static bool exact_in_f32(const struct matmul_plan *plan, const float *b, uint64_t matrices,
			 float *column)
{
	int64_t zero = plan->a.zero_point;
	int64_t low = plan->a.dtype == NEURON_I8 ? INT8_MIN : 0, high = low + 255;
	int64_t most = llabs(low - zero) > llabs(high - zero) ? llabs(low - zero) :
		       llabs(high - zero);

	if (llabs((int64_t)plan->b.zero_point) > 255 || most > 511)
		return false;
	for (uint64_t i = 0; i < matrices; i++, b += (size_t)plan->k * plan->n) {
		memset(column, 0, plan->n * sizeof(*column));
		for (uint32_t row = 0; row < plan->k; row++)
			for (uint32_t j = 0; j < plan->n; j++)
				column[j] += b[(size_t)row * plan->n + j] < 0 ?
					     -b[(size_t)row * plan->n + j] :
					     b[(size_t)row * plan->n + j];
		for (uint32_t j = 0; j < plan->n; j++)
			if (!(column[j] * most < EXACT_F32))
				return false;
	}
	return true;
}

/* Bytes as signed ones: those of unsigned operands minus 128. */
static enum nk_status pack_signed(const struct nk_call *call, const struct nk_view *view,
				  int8_t *dst)
{
	size_t n = nk_elements(view->desc);
	enum nk_status status = nk_pack(call, view, dst, view->desc->dtype);

	if (view->desc->dtype == NEURON_U8)
		for (size_t i = 0; i < n; i++)
			dst[i] ^= 0x80;
	return status;
}

static enum nk_status prepare(const struct nk_call *call, const struct nk_view *view,
			      const struct matmul_layout *layout, unsigned int dtype,
			      enum nk_scratch where, char **data)
{
	enum nk_status status;

	*data = view->data;
	if (!layout->packed)
		return NK_OK;
	*data = nk_scratch(call->ctx, where, nk_elements(view->desc) * nk_size(dtype));
	if (!*data)
		return NK_NO_MEMORY;
	if (dtype == NEURON_F32)
		status = nk_pack_f32(call, view, (float *)*data);
	else if (dtype == NEURON_I8 && view->desc->dtype == NEURON_U8)
		status = pack_signed(call, view, (int8_t *)*data);
	else
		status = nk_pack(call, view, *data, dtype);
	return status;
}

/* The second operand, packed if it pays. */
static enum nk_status prepare_b(const struct nk_call *call, const struct nk_view *b, struct run *run)
{
	struct matmul_plan *plan = run->plan;
	enum nk_status status = prepare(call, b, &plan->b_layout, plan->b_type, NK_SCRATCH_WEIGHT,
					&run->b);
	char *packed = NULL;

	if (status || !(plan->packs || plan->panels))
		return status;
	if (plan->few.kind)
		status = matmul_few_pack(plan, call, run->b, &packed);
	else if (plan->panels)
		status = matmul_panels_pack(plan, call, run->b, &packed);
	else
		status = matmul_pack(plan, call, run->b, &packed);
	if (packed) {
		run->b = packed;
		run->packed = true;
	}
	return status;
}

enum nk_status nk_fast_matmul_prepare(const struct nk_call *call)
{
	struct matmul_plan *plan = (struct matmul_plan *)nk_plan_get(call, make);
	struct run run = { .call = call, .plan = plan };
	struct nk_view b;

	if (!plan)
		return NK_NO_MEMORY;
	plan->have_packed = false;
	if (plan->refused || !plan->packs || !call->op[2].constant)
		return NK_OK;
	b = (struct nk_view){ &plan->b, call->op[2].data };
	return prepare_b(call, &b, &run);
}

enum nk_status nk_fast_matmul(const struct nk_call *call)
{
	struct matmul_plan *plan = (struct matmul_plan *)nk_plan_get(call, make);
	struct run run = { .call = call };
	enum nk_status status;
	struct nk_view a, b;
	float *arrays;

	if (!plan)
		return NK_NO_MEMORY;
	if (plan->refused)
		return NK_UNSUPPORTED;

	run.plan = plan;
	a = (struct nk_view){ &plan->a, call->op[1].data };
	b = (struct nk_view){ &plan->b, call->op[2].data };
	status = prepare(call, &a, &plan->a_layout, plan->a_type, NK_SCRATCH_IN, &run.a);
	if (plan->packs && plan->have_packed && call->op[2].constant) {
		run.b = plan->packed;
		run.packed = true;
	} else if (!status) {
		status = prepare_b(call, &b, &run);
	}
	if (status)
		return status;

	run.temp_step = ((plan->temp_bytes + 63) & ~(size_t)63) +
			(plan->direct ? 0 : plan->panels ? panels_sums_bytes(plan->rows, plan->columns) :
			 (size_t)plan->rows * plan->columns * 4);
	run.temp_step = (run.temp_step + 63) & ~(size_t)63;
	run.temp = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) *
			      run.temp_step + plan->n * sizeof(float));
	arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS, nk_epilogue_bytes(plan->n));
	if (!run.temp || !arrays)
		return NK_NO_MEMORY;
	if (plan->as_f32 && !exact_in_f32(plan, (float *)run.b, nk_elements(&plan->b) / plan->k /
					  plan->n, (float *)run.temp))
		return NK_UNSUPPORTED;

	nk_epilogue_init(&run.ep, call->inst, call->op, plan->n, plan->integer, arrays);
	return nk_parallel(call, (plan->batch + plan->entries - 1) / plan->entries *
			   plan->row_tiles * plan->column_tiles, tile, &run);
}
