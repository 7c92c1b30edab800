// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE through the library.
 *
 * The library sees channels-last pictures, of one image's rows at a time: the
 * picture itself when it is stored so, else a copy. Tiles follow from the
 * shapes; each is one call on a few rows, with the padding that these rows see,
 * followed by the epilogue while the sums are in the cache.
 *
 * Weights are kept in the library's own order together with what they were made
 * from, and are made again only when that has changed: comparing is several
 * times faster than reordering.
 */
#include "lib.h"

/* Multiplications of a tile: some tens of microseconds. */
#define TILE_MACS	((uint64_t)4 << 20)
#define MAX_PIECES	64
#define MAX_KINDS	16

/* Integers whose sums stay below it are exact in fp32, in any order. */
#define EXACT_F32	(1 << 24)

/* A tile's shape: primitives are made for each that occurs. */
struct kind {
	uint32_t images;
	int64_t in_rows, out_rows;
	int64_t pad_lo, pad_hi;
	struct lib_op op;
};

struct conv_plan {
	struct nk_plan head;
	bool refused;
	bool transpose;
	bool integer;		/* sums are int32 */
	bool as_f32;		/* integers are computed in fp32 */
	bool exact;		/* and the weights allow it */
	bool direct;
	bool pack_in;
	unsigned int in_type, weight_type;	/* that the library sees */
	uint32_t groups, channels, filters;	/* channels and filters of all groups */
	/* Dimensions are padded to three in front, with ones. */
	int64_t in_dims[3], out_dims[3], kernel[3], stride[3], dilation[3], pad_lo[3], pad_hi[3];
	unsigned int split;	/* the dimension whose rows are shared out */
	uint32_t images;	/* of a tile */
	int64_t rows, row_tiles;
	unsigned int kinds;
	struct kind kind[MAX_KINDS];
	size_t temp_bytes;	/* of a thread, for the library */

	/* Weights: as they were given, dense; and in the library's order. */
	bool have_weights;
	size_t raw_bytes;
	void *raw;
	void *packed;
	dnnl_memory_desc_t plain_desc, packed_desc;
	dnnl_primitive_t reorder;
};

struct run {
	const struct nk_call *call;
	struct conv_plan *plan;
	struct nk_epilogue ep;
	char *in;
	char *temp;
	size_t temp_step;
};

static void destroy(struct nk_plan *head)
{
	struct conv_plan *plan = (struct conv_plan *)head;

	for (unsigned int i = 0; i < plan->kinds; i++)
		lib_op_destroy(&plan->kind[i].op);
	lib_reorder_destroy(plan->reorder);
	free(plan->raw);
	free(plan->packed);
	free(plan);
}

/* Channels last, without gaps, in the library's order of dimensions. */
static void channels_last(struct neuron_tensor *desc, const struct neuron_tensor *like,
			  unsigned int dtype)
{
	int64_t stride = like->dims[1];

	*desc = *like;
	desc->dtype = dtype;
	desc->strides[1] = 1;
	for (unsigned int d = desc->rank; d-- > 2;) {
		desc->strides[d] = stride;
		stride *= desc->dims[d];
	}
	desc->strides[0] = stride;
}

static bool is_channels_last(const struct neuron_tensor *t)
{
	struct neuron_tensor want;

	channels_last(&want, t, t->dtype);
	for (unsigned int d = 0; d < t->rank; d++)
		if (t->dims[d] > 1 && t->strides[d] != want.strides[d])
			return false;
	return true;
}

static bool is_dense(const struct neuron_tensor *t)
{
	int64_t stride = 1;

	for (unsigned int d = t->rank; d-- > 0;) {
		if (t->dims[d] > 1 && t->strides[d] != stride)
			return false;
		stride *= t->dims[d];
	}
	return true;
}

/*
 * Can the library do it in int8? Weights must be signed and without zero point;
 * the input's must fit its type. Its transposed convolutions and its zero points
 * in three dimensions are wrong in some cases (tests/unit/kernels_fast.c).
 */
static bool fits_int8(const struct conv_plan *plan, const struct neuron_tensor *in,
		      const struct neuron_tensor *weight)
{
	int32_t low = in->dtype == NEURON_I8 ? INT8_MIN : 0;

	if (plan->transpose || (in->rank == 5 && in->zero_point))
		return false;
	return in->zero_point >= low && in->zero_point <= low + 255 &&
	       weight->zero_point == (weight->dtype == NEURON_U8 ? 128 : 0);
}

static void choose_types(struct conv_plan *plan, const struct nk_call *call,
			 const struct lib_features *lib)
{
	const struct neuron_tensor *in = call->op[1].desc, *weight = call->op[2].desc;

	plan->in_type = plan->weight_type = NEURON_F32;
	plan->integer = nk_is_byte(in->dtype) && nk_is_byte(weight->dtype);
	if (plan->integer && lib->int8 && fits_int8(plan, in, weight)) {
		plan->in_type = in->dtype;
		plan->weight_type = NEURON_I8;
	} else if (plan->integer) {
		plan->as_f32 = true;
	} else if (in->dtype == NEURON_BF16 && weight->dtype == NEURON_BF16 && lib->bf16) {
		plan->in_type = plan->weight_type = NEURON_BF16;
	}
	plan->pack_in = in->dtype != plan->in_type || plan->as_f32 || !is_channels_last(in);
}

/* Padding after the last element, which follows from the sizes. */
static int64_t padding_after(const struct conv_plan *plan, unsigned int d, int64_t in,
			     int64_t out, int64_t pad_lo)
{
	int64_t extent = (plan->kernel[d] - 1) * plan->dilation[d] + 1;

	if (plan->transpose)
		return (in - 1) * plan->stride[d] + extent - pad_lo - out;
	return (out - 1) * plan->stride[d] + extent - pad_lo - in;
}

static bool find_geometry(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	const struct neuron_tensor *weight = call->op[2].desc;
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, call->inst);
	unsigned int spatial = out->rank - 2;

	plan->groups = p->groups;
	plan->channels = in->dims[1];
	plan->filters = out->dims[1];
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int d = i + spatial - 3;	/* of the parameters; wraps */
		bool used = i + spatial >= 3;
		int64_t surplus;

		plan->in_dims[i] = used ? in->dims[2 + d] : 1;
		plan->out_dims[i] = used ? out->dims[2 + d] : 1;
		plan->kernel[i] = used ? weight->dims[2 + d] : 1;
		plan->stride[i] = used ? p->stride[d] : 1;
		plan->dilation[i] = used ? p->dilation[d] : 1;
		plan->pad_lo[i] = used ? p->pad[d] : 0;
		plan->pad_hi[i] = padding_after(plan, i, plan->in_dims[i], plan->out_dims[i],
						plan->pad_lo[i]);
		if (plan->pad_lo[i] < 0)
			return false;
		/* A last bit of input that no window covers is no padding. */
		surplus = -plan->pad_hi[i];
		if (!plan->transpose && surplus > 0) {
			if (surplus >= plan->stride[i])
				return false;
			plan->pad_hi[i] = 0;
		}
	}
	return true;
}

static void choose_tiles(struct conv_plan *plan, uint32_t images)
{
	uint64_t macs = (uint64_t)plan->filters * (plan->channels / plan->groups);
	uint64_t pieces;

	for (unsigned int d = 0; d < 3; d++)
		macs *= plan->kernel[d] * (plan->transpose ? plan->in_dims[d] : plan->out_dims[d]);
	/* Rows of the first dimension that has any are contiguous. */
	for (plan->split = 0; plan->split < 2; plan->split++)
		if (plan->in_dims[plan->split] > 1 || plan->out_dims[plan->split] > 1)
			break;

	plan->images = 1;
	plan->rows = plan->out_dims[plan->split];
	pieces = (macs + TILE_MACS - 1) / TILE_MACS;
	if (pieces > MAX_PIECES)
		pieces = MAX_PIECES;
	if (pieces > 1) {
		int64_t unit = plan->transpose ? plan->stride[plan->split] : 1;

		plan->rows = (plan->rows + pieces - 1) / pieces;
		plan->rows = (plan->rows + unit - 1) / unit * unit;
	} else if (images > 1 && macs < TILE_MACS / 2) {
		plan->images = TILE_MACS / macs < images ? TILE_MACS / macs : images;
	}
	plan->row_tiles = (plan->out_dims[plan->split] + plan->rows - 1) / plan->rows;
}

/* Which input rows a tile of output rows needs, and what padding they see. */
static int64_t find_kind(const struct conv_plan *plan, uint32_t images, int64_t row,
			 struct kind *kind)
{
	unsigned int d = plan->split;
	int64_t s = plan->stride[d], reach = (plan->kernel[d] - 1) * plan->dilation[d];
	int64_t rows = plan->out_dims[d] - row < plan->rows ? plan->out_dims[d] - row : plan->rows;
	int64_t first = 0, end = plan->in_dims[d];

	memset(kind, 0, sizeof(*kind));
	kind->images = images;
	kind->out_rows = rows;
	kind->pad_lo = plan->pad_lo[d];
	if (plan->row_tiles > 1 && plan->transpose) {
		/* Input row i reaches output rows i * s - pad to that plus reach. */
		int64_t low = row + plan->pad_lo[d] - reach, high = row + rows - 1 + plan->pad_lo[d];

		first = low > 0 ? (low + s - 1) / s : 0;
		if (high / s + 1 < end)
			end = high / s + 1;
		kind->pad_lo = plan->pad_lo[d] + row - first * s;
	} else if (plan->row_tiles > 1) {
		int64_t low = row * s - plan->pad_lo[d], high = (row + rows - 1) * s -
			      plan->pad_lo[d] + reach + 1;

		first = low > 0 ? low : 0;
		if (high < end)
			end = high;
		kind->pad_lo = low < 0 ? -low : 0;
	}
	kind->in_rows = end - first;
	kind->pad_hi = padding_after(plan, d, kind->in_rows, rows, kind->pad_lo);
	if (!plan->transpose && kind->pad_hi < 0)
		kind->pad_hi = 0;
	return first;
}

static struct kind *lookup(struct conv_plan *plan, const struct kind *want)
{
	for (unsigned int i = 0; i < plan->kinds; i++) {
		struct kind *k = &plan->kind[i];

		if (k->images == want->images && k->in_rows == want->in_rows &&
		    k->out_rows == want->out_rows && k->pad_lo == want->pad_lo &&
		    k->pad_hi == want->pad_hi)
			return k;
	}
	return NULL;
}

/* The library's descriptor of a picture; two spatial dimensions, or three. */
static bool picture(dnnl_memory_desc_t *desc, uint32_t images, uint32_t channels,
		    const int64_t *dims, bool deep, dnnl_data_type_t type)
{
	dnnl_dims_t d = { images, channels };

	memcpy(d + 2, dims + !deep, (2 + deep) * sizeof(*dims));
	return !dnnl_memory_desc_init_by_tag(desc, 4 + deep, d, type,
					     deep ? dnnl_ndhwc : dnnl_nhwc);
}

/* Weights: [groups,] filters, channels, kernel; dense in the chip's order. */
static bool weights(const struct conv_plan *plan, dnnl_memory_desc_t *desc, bool deep,
		    dnnl_data_type_t type, bool plain)
{
	int64_t filters = plan->filters / plan->groups, channels = plan->channels / plan->groups;
	int64_t kernel = plan->kernel[0] * plan->kernel[1] * plan->kernel[2];
	bool grouped = plan->groups > 1;
	dnnl_dims_t dims, strides;
	int64_t stride = 1;
	int n = 0;

	if (grouped) {
		dims[n] = plan->groups;
		strides[n++] = filters * channels * kernel;
	}
	dims[n] = filters;
	strides[n++] = plan->transpose ? kernel : channels * kernel;
	dims[n] = channels;
	strides[n++] = plan->transpose ? filters * kernel : kernel;
	for (unsigned int i = 2 + deep; i-- > 0;) {
		dims[n + i] = plan->kernel[i + !deep];
		strides[n + i] = stride;
		stride *= dims[n + i];
	}
	n += 2 + deep;
	if (plain)
		return !dnnl_memory_desc_init_by_strides(desc, n, dims, type, strides);
	return !dnnl_memory_desc_init_by_tag(desc, n, dims, type, dnnl_format_tag_any);
}

static bool make_op(struct conv_plan *plan, struct kind *kind, const struct nk_call *call)
{
	dnnl_data_type_t out_type = plan->integer && !plan->as_f32 ? dnnl_s32 : dnnl_f32;
	int32_t zero = call->op[1].desc->zero_point;
	bool deep = plan->in_dims[0] > 1 || plan->out_dims[0] > 1 || plan->kernel[0] > 1 ||
		    plan->pad_lo[0] || plan->pad_hi[0];
	unsigned int from = !deep;
	int64_t in_dims[3], out_dims[3];
	dnnl_dims_t stride, dilation, pad_lo, pad_hi, bias_dims = { plan->filters };
	dnnl_memory_desc_t in, weight, bias, out;
	bool has_bias = plan->direct && call->op[3].desc;
	dnnl_primitive_attr_t attr;
	union {
		dnnl_convolution_desc_t conv;
		dnnl_deconvolution_desc_t deconv;
	} desc;
	bool ok;

	memcpy(in_dims, plan->in_dims, sizeof(in_dims));
	memcpy(out_dims, plan->out_dims, sizeof(out_dims));
	in_dims[plan->split] = kind->in_rows;
	out_dims[plan->split] = kind->out_rows;
	for (unsigned int i = from; i < 3; i++) {
		stride[i - from] = plan->stride[i];
		dilation[i - from] = plan->dilation[i] - 1;
		pad_lo[i - from] = i == plan->split ? kind->pad_lo : plan->pad_lo[i];
		pad_hi[i - from] = i == plan->split ? kind->pad_hi : plan->pad_hi[i];
	}
	if (plan->direct)
		out_type = lib_type(call->op[0].desc->dtype);
	if (!picture(&in, kind->images, plan->channels, in_dims, deep, lib_type(plan->in_type)) ||
	    !picture(&out, kind->images, plan->filters, out_dims, deep, out_type) ||
	    !weights(plan, &weight, deep, lib_type(plan->weight_type), false) ||
	    !weights(plan, &plan->plain_desc, deep, lib_type(plan->weight_type), true) ||
	    dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a))
		return false;
	/* All kinds share one copy of the weights. */
	if (plan->kinds)
		weight = plan->packed_desc;

	if (plan->transpose)
		ok = !dnnl_dilated_deconvolution_forward_desc_init(&desc.deconv,
				dnnl_forward_inference, dnnl_deconvolution_direct, &in, &weight,
				has_bias ? &bias : NULL, &out, stride, dilation, pad_lo, pad_hi);
	else
		ok = !dnnl_dilated_convolution_forward_desc_init(&desc.conv,
				dnnl_forward_inference, dnnl_convolution_direct, &in, &weight,
				has_bias ? &bias : NULL, &out, stride, dilation, pad_lo, pad_hi);
	if (!ok || dnnl_primitive_attr_create(&attr))
		return false;
	if (plan->integer && !plan->as_f32 && zero)
		ok = !dnnl_primitive_attr_set_zero_points(attr, DNNL_ARG_SRC, 1, 0, &zero);
	ok = ok && lib_op_init(&kind->op, &desc, attr) &&
	     lib_op_threads(&kind->op, nk_threads(call->ctx));
	dnnl_primitive_attr_destroy(attr);
	if (!ok)
		return false;
	if (!plan->kinds)
		plan->packed_desc = kind->op.desc[LIB_WEIGHTS];
	if (kind->op.temp_bytes > plan->temp_bytes)
		plan->temp_bytes = kind->op.temp_bytes;
	return true;
}

static bool make_kinds(struct conv_plan *plan, const struct nk_call *call)
{
	uint32_t all = call->op[0].desc->dims[0];
	uint32_t last = all % plan->images;

	for (unsigned int rest = 0; rest < 2; rest++) {
		uint32_t images = rest ? last : plan->images;

		if (!images)
			continue;
		for (int64_t tile = 0; tile < plan->row_tiles; tile++) {
			struct kind *kind = &plan->kind[plan->kinds];
			struct kind want;

			find_kind(plan, images, tile * plan->rows, &want);
			if (lookup(plan, &want))
				continue;
			if (plan->kinds == MAX_KINDS || want.in_rows < 1)
				return false;
			*kind = want;
			if (!make_op(plan, kind, call)) {
				lib_op_destroy(&kind->op);
				return false;
			}
			plan->kinds++;
		}
	}
	return true;
}

static bool make_weights(struct conv_plan *plan, const struct nk_call *call)
{
	size_t packed = dnnl_memory_desc_get_size(&plan->packed_desc);

	plan->raw_bytes = nk_elements(call->op[2].desc) * nk_size(call->op[2].desc->dtype);
	plan->raw = malloc(plan->raw_bytes);
	plan->packed = aligned_alloc(64, (packed + 63) & ~(size_t)63);
	plan->reorder = lib_reorder(&plan->plain_desc, &plan->packed_desc);
	plan->head.bytes += plan->raw_bytes + packed;
	return plan->raw && plan->packed && plan->reorder;
}

static struct conv_plan *make(const struct nk_call *call)
{
	const struct neuron_tensor *out = call->op[0].desc;
	const struct lib_features *lib = lib_features();
	struct conv_plan *plan = calloc(1, sizeof(*plan));
	struct nk_epilogue ep;
	float *arrays;
	int threads;

	if (!plan)
		return NULL;
	plan->head.destroy = destroy;
	plan->head.bytes = sizeof(*plan) + 131072;	/* about that for code */
	plan->transpose = call->inst->opcode == NEURON_OP_CONV_TRANSPOSE;
	plan->refused = true;
	arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS, nk_epilogue_bytes(out->dims[1]));
	if (!lib || !arrays || !find_geometry(plan, call))
		return plan;

	choose_types(plan, call, lib);
	choose_tiles(plan, out->dims[0]);
	nk_epilogue_init(&ep, call->inst, call->op, out->dims[1], plan->integer, arrays);
	plan->direct = !plan->as_f32 && is_channels_last(out) &&
		       nk_epilogue_direct(&ep, out, plan->integer ? NEURON_I32 :
					  plan->in_type == NEURON_BF16 &&
					  out->dtype == NEURON_BF16 ? NEURON_BF16 : NEURON_F32);

	threads = lib_enter();
	plan->refused = !make_kinds(plan, call) || !make_weights(plan, call);
	lib_leave(threads);
	return plan;
}

/* Sums of a filter's weights stay exact together with the greatest input. */
static bool exact_in_f32(const struct conv_plan *plan, const struct nk_call *call,
			 const float *weight)
{
	const struct neuron_tensor *in = call->op[1].desc, *w = call->op[2].desc;
	int64_t low = in->dtype == NEURON_I8 ? INT8_MIN : 0, high = low + 255;
	int64_t zero = in->zero_point;
	int64_t most = llabs(low - zero) > llabs(high - zero) ? llabs(low - zero) :
		       llabs(high - zero);
	size_t kernel = plan->kernel[0] * plan->kernel[1] * plan->kernel[2];
	size_t channels = plan->channels / plan->groups, filters = plan->filters / plan->groups;

	if (most > 511 || llabs((int64_t)w->zero_point) > 255)
		return false;
	for (size_t m = 0; m < plan->filters; m++) {
		double sum = 0;

		for (size_t c = 0; c < channels; c++) {
			size_t at = plan->transpose ?
				    (m / filters * channels + c) * filters + m % filters :
				    m * channels + c;

			for (size_t i = 0; i < kernel; i++)
				sum += weight[at * kernel + i] < 0 ? -weight[at * kernel + i] :
				       weight[at * kernel + i];
		}
		if (sum * most >= EXACT_F32)
			return false;
	}
	return true;
}

/* From the dense weights as given to the library's order. */
static enum nk_status pack_weights(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *w = call->op[2].desc;
	size_t n = nk_elements(w);
	struct neuron_tensor desc = *w;
	struct nk_view raw = { &desc, plan->raw };
	void *plain = plan->raw;
	enum nk_status status = NK_OK;
	int64_t stride = 1;
	int threads;

	for (unsigned int d = w->rank; d-- > 0;) {
		desc.strides[d] = stride;
		stride *= desc.dims[d];
	}
	if (plan->weight_type != w->dtype || plan->as_f32) {
		plain = nk_scratch(call->ctx, NK_SCRATCH_OUT, n * nk_size(plan->weight_type));
		if (!plain)
			return NK_NO_MEMORY;
		if (plan->weight_type == NEURON_F32) {
			status = nk_pack_f32(call, &raw, plain);
		} else {	/* unsigned bytes, with a zero point of 128 */
			for (size_t i = 0; i < n; i++)
				((uint8_t *)plain)[i] = ((uint8_t *)plan->raw)[i] ^ 0x80;
		}
	}
	if (status)
		return status;
	plan->exact = plan->as_f32 && exact_in_f32(plan, call, plain);
	threads = lib_enter();
	status = lib_reorder_run(plan->reorder, &plan->plain_desc, plain, &plan->packed_desc,
				 plan->packed);
	lib_leave(threads);
	return status;
}

/* Have the packed weights of what the operand holds now. */
static enum nk_status update_weights(struct conv_plan *plan, const struct nk_call *call)
{
	const struct neuron_tensor *w = call->op[2].desc;
	void *data = call->op[2].data;
	enum nk_status status = NK_OK;

	if (!is_dense(w)) {
		data = nk_scratch(call->ctx, NK_SCRATCH_WEIGHT, plan->raw_bytes);
		if (!data)
			return NK_NO_MEMORY;
		status = nk_pack(call, &call->op[2], data, w->dtype);
	}
	if (status || (plan->have_weights && !memcmp(plan->raw, data, plan->raw_bytes)))
		return status;
	memcpy(plan->raw, data, plan->raw_bytes);
	plan->have_weights = false;
	status = pack_weights(plan, call);
	plan->have_weights = !status;
	return status;
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
	struct kind want, *kind;
	size_t count;
	int64_t first;
	char *dst;

	for (unsigned int d = plan->split + 1; d < 3; d++) {
		in_row *= plan->in_dims[d];
		out_row *= plan->out_dims[d];
	}
	first = find_kind(plan, images, row, &want);
	kind = lookup(plan, &want);
	count = images * kind->out_rows * out_row;
	dst = (char *)run->call->op[0].data + (image * plan->out_dims[plan->split] + row) *
	      out_row * nk_size(out->dtype);

	data[LIB_SRC] = run->in + (image * plan->in_dims[plan->split] + first) * in_row *
			nk_size(plan->in_type);
	data[LIB_WEIGHTS] = plan->packed;
	data[LIB_BIAS] = (void *)run->ep.bias_f32;
	data[LIB_DST] = plan->direct ? dst : sums;
	data[LIB_TEMP] = temp;
	status = lib_op_run(&kind->op, thread, data);
	if (status)
		return status;

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

	run->in = call->op[1].data;
	if (!plan->pack_in)
		return NK_OK;
	run->in = nk_scratch(call->ctx, NK_SCRATCH_IN, nk_elements(in) * nk_size(plan->in_type));
	if (!run->in)
		return NK_NO_MEMORY;
	channels_last(&desc, in, plan->in_type);
	view.data = run->in;
	return plan->in_type == NEURON_F32 ? nk_convert_f32(call, &view, &call->op[1]) :
	       nk_move(call, &view, &call->op[1]);
}

enum nk_status nk_fast_conv(const struct nk_call *call)
{
	struct nk_plans *plans = nk_ctx_plans(call->ctx);
	const struct neuron_tensor *out = call->op[0].desc;
	struct run run = { .call = call };
	struct nk_signature sig;
	struct conv_plan *plan;
	enum nk_status status;
	size_t sums = 0;
	float *arrays;

	nk_signature_init(&sig, call);
	plan = (struct conv_plan *)nk_plan_find(plans, &sig);
	if (!plan) {
		plan = make(call);
		if (!plan)
			return NK_NO_MEMORY;
		nk_plan_add(plans, &plan->head, &sig);
	}
	if (plan->refused)
		return NK_UNSUPPORTED;

	run.plan = plan;
	status = update_weights(plan, call);
	if (status)
		return status;
	if (plan->as_f32 && !plan->exact)
		return NK_UNSUPPORTED;
	status = prepare_input(&run);
	if (status)
		return status;

	if (!plan->direct) {
		sums = plan->images * plan->rows * (size_t)plan->filters * sizeof(float);
		for (unsigned int d = plan->split + 1; d < 3; d++)
			sums *= plan->out_dims[d];
	}
	run.temp_step = (((plan->temp_bytes + 63) & ~(size_t)63) + sums + 63) & ~(size_t)63;
	run.temp = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) * run.temp_step);
	arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS, nk_epilogue_bytes(out->dims[1]));
	if (!run.temp || !arrays)
		return NK_NO_MEMORY;
	nk_epilogue_init(&run.ep, call->inst, call->op, out->dims[1], plan->integer, arrays);
	return nk_parallel(call, (out->dims[0] + plan->images - 1) / plan->images *
			   plan->row_tiles, tile, &run);
}
