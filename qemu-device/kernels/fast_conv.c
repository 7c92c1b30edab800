// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE through the library.
 *
 * The library sees channels-last pictures, of one image's rows at a time: the
 * picture itself when it is stored so, else a copy. Each tile is one call,
 * followed by the epilogue while the sums are in the cache.
 */
#include "conv_plan.h"

struct run {
	const struct nk_call *call;
	struct conv_plan *plan;
	struct nk_epilogue ep;
	char *in;
	void *weights;
	char *temp;
	size_t temp_step;
	size_t sums_bytes;	/* of a thread, between the library's memory and the copy */
};

static void destroy(struct nk_plan *head)
{
	struct conv_plan *plan = (struct conv_plan *)head;

	conv_destroy_ops(plan);
	conv_destroy_weights(plan);
	free(plan->panels.picture.shift);
	free(plan);
}

/* Few pixels under a kernel of one: a product with the weights where they are. */
static bool choose_few(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	const struct neuron_tensor *w = call->op[2].desc;
	unsigned int along = 0;		/* the dimension whose elements are rows */
	struct few *few = &plan->few;

	if (plan->transpose || plan->groups > 1 || !nk_is_float(in->dtype) ||
	    !nk_is_float(w->dtype))
		return false;
	for (unsigned int i = 0; i < 3; i++)
		if (plan->kernel[i] > 1 || plan->pad_lo[i] || plan->pad_hi[i] > 0)
			return false;
	for (unsigned int d = 0; d < out->rank; d++) {
		if (d == 1 || out->dims[d] == 1)
			continue;
		if (out->dims[along] > 1 && along != 1)
			return false;
		along = d;
	}
	*few = (struct few){
		.m = along == 1 ? 1 : out->dims[along],
		.n = plan->filters,
		.k = plan->channels,
		.a_dtype = in->dtype,
		.a_row = in->strides[along],
		.a_column = in->strides[1],
		.b_dtype = w->dtype,
		.b_row = w->dims[1] == 1 ? 1 : w->strides[1],
		.b_column = w->dims[0] == 1 ? 1 : w->strides[0],
	};
	if (along >= 2)
		few->a_row *= NEURON_CPARAMS(CONV, call->inst)->stride[along - 2];
	few->kind = few_kind_of(few);
	plan->few_step = nk_stride(out, along);
	few->n = few_tile_columns(few);
	plan->temp_bytes = few_bytes(few);
	plan->packed_bytes = (size_t)few->k * plan->filters * nk_size(few->b_dtype);
	return few->kind != FEW_NONE;
}

/* Constant weights in the order in which they are read. Else *packed is NULL. */
static enum nk_status few_weights(struct conv_plan *plan, const struct nk_call *call, void **packed)
{
	*packed = NULL;
	if (!call->op[2].constant || !few_packs(&plan->few, plan->filters))
		return NK_OK;
	if (plan->have_weights) {
		*packed = plan->packed;
		return NK_OK;
	}
	*packed = conv_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	few_pack(&plan->few, plan->filters, call->op[2].data, *packed);
	return conv_keep(plan, NK_OK, packed);
}

static enum nk_status few_tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct run *run = arg;
	const struct neuron_tensor *out = run->call->op[0].desc;
	struct few few = run->plan->few;
	char *temp = run->temp + thread * run->temp_step;
	float *sums = (float *)(temp + ((run->plan->temp_bytes + 63) & ~(size_t)63));
	uint32_t first = tile * few.n;

	if (few.n > run->plan->filters - first)
		few.n = run->plan->filters - first;
	few.blocks = run->weights;
	few_run(&few, run->call->op[1].data, (const char *)(few.blocks ? run->weights :
		run->call->op[2].data) + few_offset(&few, first), sums, few.n, temp);
	nk_epilogue_rows(&run->ep, sums, false, first, few.n, (char *)run->call->op[0].data +
			 (ptrdiff_t)first * nk_stride(out, 1), nk_stride(out, 1),
			 run->plan->few_step, few.m, stats);
	return NK_OK;
}

/* Memory for the weights' zero point, if the library computes without it. */
static size_t zero_bytes(const struct conv_plan *plan)
{
	size_t most = 0;

	if (!plan->integer || plan->as_f32 || !plan->weight_zero)
		return 0;
	for (unsigned int i = 0; i < plan->kinds; i++) {
		size_t bytes = conv_zero_bytes(plan, &plan->kind[i]);

		most = bytes > most ? bytes : most;
	}
	return (most + 63) & ~(size_t)63;
}

/* For the library in fp32, which is faster there, too, where dot products of bf16 are slow. */
static bool find_wide_shape(struct conv_plan *plan, const struct nk_call *call,
			    const struct lib_features *lib)
{
	struct lib_features wide = *lib;

	wide.bf16 = false;
	memset(&plan->panels, 0, sizeof(plan->panels));
	return conv_find_shape(plan, call, &wide);
}

static struct nk_plan *make(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc;
	const struct lib_features *lib = lib_features();
	struct conv_plan *plan = calloc(1, sizeof(*plan));
	int threads;

	if (!plan)
		return NULL;
	plan->head.destroy = destroy;
	plan->head.bytes = sizeof(*plan) + 131072;	/* about that for code */
	plan->transpose = call->inst->opcode == NEURON_OP_CONV_TRANSPOSE;
	plan->refused = true;
	if (!lib || !conv_find_shape(plan, call, lib))
		return &plan->head;
	if (choose_few(plan, call)) {
		plan->refused = false;
		return &plan->head;
	}
	plan->panels.used = conv_choose_panels(plan, call, lib);
	if (plan->panels.used) {
		plan->refused = false;
		return &plan->head;
	}
	if (plan->in_type == NEURON_BF16 && !lib->amx && dot_widens() &&
	    !find_wide_shape(plan, call, lib))
		return &plan->head;
	plan->direct = !plan->as_f32 && !(plan->integer && plan->weight_zero) &&
		       conv_is_channels_last(out) &&
		       nk_epilogue_direct(call->inst, call->op, plan->integer,
					  plan->integer ? NEURON_I32 :
					  plan->in_type == NEURON_BF16 &&
					  out->dtype == NEURON_BF16 ? NEURON_BF16 : NEURON_F32);

	conv_pad_lines(plan);
	threads = lib_enter();
	plan->refused = !conv_make_ops(plan, call);
	while (plan->refused && plan->row_tiles > 1) {
		/* It may have no fast code for such parts of an image with the same weights. */
		conv_destroy_ops(plan);
		conv_larger_tiles(plan);
		plan->refused = !conv_make_ops(plan, call);
	}
	plan->zero_bytes = zero_bytes(plan);
	plan->refused = plan->refused || !conv_make_weights(plan, call);
	lib_leave(threads);
	return &plan->head;
}

/* The finished sums of some rows to the output: dense [images][positions][filters]. */
static void store_sums(const struct run *run, const void *sums, uint64_t image, uint32_t images,
		       int64_t row, int64_t rows, struct nk_stats *stats)
{
	const struct conv_plan *plan = run->plan;
	const struct neuron_tensor *out = run->call->op[0].desc;
	unsigned int spatial = out->rank - 2;
	int64_t dims[3], start[3] = { 0 };
	ptrdiff_t strides[3];
	ptrdiff_t step = nk_stride(out, 1);
	const float *from = sums;

	memcpy(dims, plan->out_dims, sizeof(dims));
	dims[plan->split] = rows;
	start[plan->split] = row;
	for (unsigned int i = 0; i < 3; i++)
		strides[i] = i + spatial >= 3 ? nk_stride(out, 2 + i + spatial - 3) : 0;

	for (uint64_t n = image; n < image + images; n++)
	for (int64_t d = 0; d < dims[0]; d++)
	for (int64_t h = 0; h < dims[1]; h++) {
		char *dst = (char *)run->call->op[0].data + (ptrdiff_t)n * nk_stride(out, 0) +
			    (start[0] + d) * strides[0] + (start[1] + h) * strides[1] +
			    start[2] * strides[2];

		nk_epilogue_rows(&run->ep, from, plan->integer, 0, plan->filters, dst, step,
				 strides[2], dims[2], stats);
		from += dims[2] * plan->filters;
	}
}

/* A tile's input with the padding behind its lines. */
static char *pad_lines(const struct run *run, const struct conv_kind *kind, const char *in, char *to)
{
	const struct conv_plan *plan = run->plan;
	size_t size = plan->channels * nk_size(plan->in_type), lines;
	int64_t length;
	char *start = to;

	lines = conv_lines(plan, kind, &length);
	for (size_t i = 0; i < lines; i++, in += length * size) {
		memcpy(to, in, length * size);
		to += length * size;
		/* An input equal to the zero point adds nothing. */
		memset(to, nk_is_byte(plan->in_type) ? run->call->op[1].desc->zero_point : 0,
		       kind->extra * size);
		to += kind->extra * size;
	}
	return start;
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct run *run = arg;
	struct conv_plan *plan = run->plan;
	const struct neuron_tensor *out = run->call->op[0].desc;
	int64_t row = tile % plan->row_tiles * plan->rows;
	uint64_t image = tile / plan->row_tiles * plan->images;
	uint32_t images = out->dims[0] - image < plan->images ? out->dims[0] - image : plan->images;
	size_t in_row = plan->channels, out_row = plan->filters;
	char *temp = run->temp + thread * run->temp_step;
	char *sums = temp + ((plan->temp_bytes + 63) & ~(size_t)63);
	void *data[LIB_OPERANDS];
	enum nk_status status;
	struct conv_kind want, *kind;
	size_t count;
	int64_t first;
	char *dst;

	for (unsigned int d = plan->split + 1; d < 3; d++) {
		in_row *= plan->in_dims[d];
		out_row *= plan->out_dims[d];
	}
	first = conv_find_kind(plan, images, row, &want);
	kind = conv_lookup(plan, &want);
	count = images * kind->out_rows * out_row;
	dst = (char *)run->call->op[0].data + (image * plan->out_dims[plan->split] + row) *
	      out_row * nk_size(out->dtype);

	data[LIB_SRC] = run->in + (image * plan->in_dims[plan->split] + first) * in_row *
			nk_size(plan->in_type);
	if (kind->extra)
		data[LIB_SRC] = pad_lines(run, kind, data[LIB_SRC], sums + run->sums_bytes);
	data[LIB_WEIGHTS] = run->weights;
	data[LIB_BIAS] = (void *)run->ep.bias_f32;
	data[LIB_DST] = plan->direct ? dst : sums;
	data[LIB_TEMP] = temp;
	status = lib_op_run(&kind->op, thread, data);
	if (status)
		return status;

	if (plan->zero_bytes)
		conv_zero_subtract(plan, kind, run->in + (image * plan->in_dims[plan->split] + first) *
				   in_row, run->call->op[1].desc->zero_point, (uint32_t *)sums,
				   temp + run->temp_step - plan->zero_bytes);
	if (plan->direct) {
		nk_epilogue_finish(&run->ep, dst, count, stats);
		return NK_OK;
	}
	if (plan->as_f32) {
		struct nk_stats none = { 0 };

		nk_store_f32(NEURON_I32, sums, sizeof(int32_t), count, (float *)sums, &none);
	}
	store_sums(run, sums, image, images, row, kind->out_rows, stats);
	return NK_OK;
}

/* The input as the library wants it. */
static enum nk_status prepare_input(struct run *run)
{
	const struct nk_call *call = run->call;
	const struct neuron_tensor *in = call->op[1].desc;
	struct conv_plan *plan = run->plan;
	struct neuron_tensor desc;
	struct nk_view view = { &desc, NULL };
	size_t length, row;

	run->in = call->op[1].data;
	if (!plan->pack_in)
		return NK_OK;
	length = nk_elements(in) / in->dims[0] / plan->channels + plan->line_lo + plan->line_hi;
	row = plan->channels * nk_size(plan->in_type);
	run->in = nk_scratch(call->ctx, NK_SCRATCH_IN, in->dims[0] * length * row);
	if (!run->in)
		return NK_NO_MEMORY;
	conv_channels_last(&desc, in, plan->in_type);
	view.data = run->in;
	if (plan->line_lo + plan->line_hi) {
		/* An input equal to the zero point adds nothing. */
		int zero = nk_is_byte(plan->in_type) ? in->zero_point : 0;

		desc.strides[0] = length * plan->channels;
		view.data = run->in + plan->line_lo * row;
		for (char *line = run->in; line < run->in + in->dims[0] * length * row;
		     line += length * row) {
			memset(line, zero, plan->line_lo * row);
			memset(line + (length - plan->line_hi) * row, zero, plan->line_hi * row);
		}
	}
	return plan->in_type == NEURON_F32 ? nk_convert_f32(call, &view, &call->op[1]) :
	       nk_move(call, &view, &call->op[1]);
}

enum nk_status nk_fast_conv_prepare(const struct nk_call *call)
{
	struct conv_plan *plan = (struct conv_plan *)nk_plan_get(call, make);
	void *weights;

	if (!plan)
		return NK_NO_MEMORY;
	plan->have_weights = false;
	if (plan->refused || !call->op[2].constant)
		return NK_OK;
	if (plan->few.kind)
		return few_weights(plan, call, &weights);
	return conv_update_weights(plan, call, &weights);
}

enum nk_status nk_fast_conv(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc;
	struct conv_plan *plan = (struct conv_plan *)nk_plan_get(call, make);
	struct run run = { .call = call };
	enum nk_status status;
	size_t sums = 0;
	float *arrays;

	if (!plan)
		return NK_NO_MEMORY;
	if (plan->refused)
		return NK_UNSUPPORTED;

	run.plan = plan;
	if (plan->few.kind) {
		status = few_weights(plan, call, &run.weights);
		if (status)
			return status;
	} else {
		status = conv_update_weights(plan, call, &run.weights);
		if (status)
			return status;
		if (plan->as_f32 && !plan->exact)
			return NK_UNSUPPORTED;
		status = prepare_input(&run);
		if (status)
			return status;
	}

	if (plan->panels.used) {
		arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS, nk_epilogue_bytes(out->dims[1]));
		if (!arrays)
			return NK_NO_MEMORY;
		nk_epilogue_init(&run.ep, call->inst, call->op, out->dims[1], plan->integer, arrays);
		return conv_panels_run(plan, call, &run.ep, run.in, run.weights);
	}
	if (plan->few.kind) {
		sums = (size_t)plan->few.m * plan->few.n * sizeof(float);
	} else if (!plan->direct) {
		sums = plan->images * plan->rows * (size_t)plan->filters * sizeof(float);
		for (unsigned int d = plan->split + 1; d < 3; d++)
			sums *= plan->out_dims[d];
	}
	run.sums_bytes = (sums + 63) & ~(size_t)63;
	run.temp_step = ((plan->temp_bytes + 63) & ~(size_t)63) + run.sums_bytes +
			((plan->copy_bytes + 63) & ~(size_t)63) + plan->zero_bytes;
	run.temp = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) * run.temp_step);
	arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS, nk_epilogue_bytes(out->dims[1]));
	if (!run.temp || !arrays)
		return NK_NO_MEMORY;
	nk_epilogue_init(&run.ep, call->inst, call->op, out->dims[1], plan->integer, arrays);
	if (plan->few.kind)
		return nk_parallel(call, (plan->filters + plan->few.n - 1) / plan->few.n, few_tile,
				   &run);
	return nk_parallel(call, (out->dims[0] + plan->images - 1) / plan->images *
			   plan->row_tiles, tile, &run);
}
