// SPDX-License-Identifier: MIT
/*
 * CONV as a product: rows are positions of the output, columns filters, and the sums run
 * over the elements of a window.
 *
 * The library shares out an image's rows among threads, and each of them reads all
 * weights: that is slow where these are more than the image. Here filters are shared
 * out. A kernel of one without strides reads the picture where it is. With channels that
 * fill steps of a panel, it is copied with its padding (conv_picture.c). For all others the
 * elements of the windows are copied side by side first; larger images are better off in the
 * library, which does without that copy.
 */
#include "conv_plan.h"
#include "matmul_plan.h"

/* Most positions for which this is faster than the library, and least multiplications. */
#define FEW_POSITIONS	256
#define LEAST_MACS	((uint64_t)8 << 20)
/* The same for pictures that are only padded. */
#define LEAST_SHIFTED	((uint64_t)4 << 20)
/* Most positions for which dot products are faster than the library, which has the same. */
#define DOT_POSITIONS	100
/* Most elements of windows. */
#define MOST_ELEMENTS	((uint64_t)16 << 20)

/* Elements of a window. */
static uint32_t window(const struct conv_plan *plan)
{
	return plan->channels * plan->kernel[0] * plan->kernel[1] * plan->kernel[2];
}

/* Whether images and positions, one after the other, are equally far from each other. */
static bool is_one_sequence(const struct neuron_tensor *t, ptrdiff_t *step)
{
	int64_t expected = 0;

	*step = 0;
	for (unsigned int d = t->rank; d-- > 0;) {
		if (d == 1 || t->dims[d] == 1)
			continue;
		if (!expected) {
			*step = t->strides[d];
			expected = *step;
		} else if (t->strides[d] != expected) {
			return false;
		}
		expected *= t->dims[d];
	}
	return true;
}

/* The weights as rows of one distance: taps in row-major order, channels innermost. */
static bool find_weights(struct conv_plan *plan, const struct neuron_tensor *w)
{
	struct panels *to = &plan->panels.weights;
	int64_t expected = 0;

	to->row = 0;
	for (unsigned int i = 0; i < w->rank - 1u; i++) {
		unsigned int d = i ? w->rank - i : 1;	/* channels, then the last of the kernel */

		if (w->dims[d] == 1)
			continue;
		if (!expected) {
			to->row = w->strides[d];
			expected = to->row;
		} else if (w->strides[d] != expected) {
			return false;
		}
		expected *= w->dims[d];
	}
	to->column = w->dims[0] == 1 ? 1 : w->strides[0];
	if (!expected)
		to->row = plan->filters;
	if (plan->filters == 1 && to->row != 1)
		to->column = 1;
	return (to->column == 1 && to->row > 0) || (to->row == 1 && to->column > 0);
}

static void find_tiles(struct conv_plan *plan)
{
	struct matmul_plan product = {
		.m = plan->panels.m,
		.n = plan->filters,
		.k = window(plan),
		.batch = 1,
		.a_type = plan->in_type,
		.b_panels.by = plan->panels.weights.by,
	};

	/* On AMX tiles the sizes are those that were measured, for rows that share nothing. */
	if (plan->panels.picture.shift && plan->panels.weights.by != PANELS_AMX)
		product.a_row_bytes = plan->panels.picture.copies * plan->channels *
				      nk_size(plan->in_type);
	matmul_panels_tiles(&product);
	plan->panels.rows = product.rows;
	plan->panels.columns = product.columns;
	plan->panels.row_tiles = (plan->panels.m + plan->panels.rows - 1) / plan->panels.rows;
	plan->panels.column_tiles = (plan->filters + plan->panels.columns - 1) / plan->panels.columns;
}

bool conv_choose_panels(struct conv_plan *plan, const struct nk_call *call,
			const struct lib_features *lib)
{
	const struct neuron_tensor *out = call->op[0].desc, *in = call->op[1].desc;
	const struct neuron_tensor *w = call->op[2].desc;
	uint64_t m = nk_elements(out) / plan->filters;
	uint64_t taps = (uint64_t)plan->kernel[0] * plan->kernel[1] * plan->kernel[2];
	enum panels_by by = panels_by(lib, in->dtype, w->dtype);
	bool plain = true, same;

	if (by == PANELS_NONE || plan->transpose || plan->groups > 1 ||
	    !is_one_sequence(out, &plan->panels.out_row) || m > UINT32_MAX ||
	    m * taps * plan->channels > MOST_ELEMENTS ||
	    m * taps * plan->channels * plan->filters < LEAST_SHIFTED)
		return false;
	if (by == PANELS_DOT && !(in->dtype == NEURON_BF16 && dot_widens()) &&
	    (m > DOT_POSITIONS || m * taps * plan->channels * plan->filters < LEAST_MACS))
		return false;
	/* Zero points that fit, as choose_types() has found, and weights without any. */
	if (plan->integer && (plan->as_f32 || w->dtype != NEURON_I8))
		return false;
	plan->panels.weights.by = by;
	plan->panels.weights.dtype = w->dtype;
	plan->panels.weights.a_dtype = in->dtype;
	plan->panels.weights.k = window(plan);
	plan->panels.weights.n = plan->filters;
	plan->panels.weights.zero_point = plan->integer ? w->zero_point : 0;
	plan->panels.weights.a_zero_point = plan->integer ? in->zero_point : 0;
	plan->panels.m = m;
	for (unsigned int i = 0; i < 3; i++)
		plain &= plan->kernel[i] == 1 && plan->stride[i] == 1 && !plan->pad_lo[i] &&
			 plan->pad_hi[i] <= 0 && plan->in_dims[i] == plan->out_dims[i];
	if (!plain && conv_find_picture(plan, in->dims[0])) {
		plan->panels.m = conv_picture_positions(plan, in->dims[0]);
	} else if (!plain || by != PANELS_DOT) {
		if (plan->integer || m > FEW_POSITIONS ||
		    m * taps * plan->channels * plan->filters < LEAST_MACS)
			return false;
	}
	plan->copied = !find_weights(plan, w);
	if (plan->copied) {
		plan->panels.weights.row = plan->filters;
		plan->panels.weights.column = 1;
	}
	plan->pack_in = in->dims[1] > 1 && in->strides[1] != 1;
	for (unsigned int d = 2; d < in->rank; d++)
		plan->pack_in |= in->strides[d] < 0;
	same = is_one_sequence(in, &plan->panels.in_row);
	if (plan->pack_in)
		plan->panels.in_row = plan->channels;
	plan->panels.gathers = !plan->panels.picture.shift && (!plain || (!plan->pack_in && !same));
	plan->panels.out_row *= (ptrdiff_t)nk_size(out->dtype);
	find_tiles(plan);
	plan->packed_bytes = panels_size(&plan->panels.weights);
	return true;
}

/* The weights as they are, or as rows. */
static enum nk_status plain_weights(const struct conv_plan *plan, const struct nk_call *call,
				    void **plain)
{
	const struct nk_view *w = &call->op[2];
	struct neuron_tensor desc = *w->desc;
	struct nk_view rows = { .desc = &desc };
	int64_t stride = plan->filters;

	*plain = w->data;
	if (!plan->copied)
		return NK_OK;
	desc.strides[0] = 1;
	desc.strides[1] = stride;
	stride *= desc.dims[1];
	for (unsigned int d = desc.rank; d-- > 2;) {
		desc.strides[d] = stride;
		stride *= desc.dims[d];
	}
	*plain = nk_scratch(call->ctx, NK_SCRATCH_OUT, nk_elements(&desc) * nk_size(desc.dtype));
	if (!*plain)
		return NK_NO_MEMORY;
	rows.data = *plain;
	return nk_move(call, &rows, w);
}

enum nk_status conv_panels_update(struct conv_plan *plan, const struct nk_call *call, void **packed)
{
	enum nk_status status;
	void *plain;

	*packed = plan->packed;
	plan->panels.plain = false;
	if (call->op[2].constant && plan->have_weights)
		return NK_OK;
	plan->panels.plain = !call->op[2].constant && !plan->copied && plan->panels.row_tiles == 1 &&
			     panels_plain(&plan->panels.weights);
	if (plan->panels.plain) {
		*packed = call->op[2].data;
		return NK_OK;
	}
	*packed = conv_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	status = plain_weights(plan, call, &plain);
	if (!status)
		status = panels_fill(call, &plan->panels.weights, plain,
				     4 * PANEL_COLUMNS, *packed);
	return conv_keep(plan, status, packed);
}

/**
 * struct run - a convolution under way
 * @in: its input, where channels are contiguous
 * @stride: of the input's images, and of its three dimensions, in bytes
 * @windows: of all positions, or the padded picture; NULL where they are the input itself
 * @packed: weights
 * @temp: @step bytes for each thread, of which @sums_bytes are for sums
 */
struct run {
	const struct nk_call *call;
	const struct conv_plan *plan;
	const struct nk_epilogue *ep;
	const char *in;
	ptrdiff_t image, stride[3];
	char *windows;
	const void *packed;
	char *temp;
	size_t step, sums_bytes, window_bytes;
};

/* The elements of a line of a window: @x: where it begins. */
static char *gather_line(const struct run *run, const char *line, int64_t x, char *to)
{
	const struct conv_plan *plan = run->plan;
	size_t bytes = plan->channels * nk_size(plan->in_type);

	for (int64_t i = 0; i < plan->kernel[2]; i++, x += plan->dilation[2], to += bytes) {
		int64_t n = 1;

		if (x < 0 || x >= plan->in_dims[2]) {
			memset(to, 0, bytes);
			continue;
		}
		/* As many as follow each other in memory. */
		if (plan->dilation[2] == 1 && run->stride[2] == (ptrdiff_t)bytes) {
			n = plan->kernel[2] - i;
			if (n > plan->in_dims[2] - x)
				n = plan->in_dims[2] - x;
		}
		memcpy(to, line + x * run->stride[2], n * bytes);
		i += n - 1;
		x += n - 1;
		to += (n - 1) * bytes;
	}
	return to;
}

/* The windows of some positions, side by side. */
static void gather(const struct run *run, uint32_t first, uint32_t count, char *to)
{
	const struct conv_plan *plan = run->plan;
	size_t line_bytes = plan->channels * plan->kernel[2] * nk_size(plan->in_type);

	for (uint32_t p = first; p < first + count; p++) {
		int64_t x = p % plan->out_dims[2], rest = p / plan->out_dims[2];
		int64_t y = rest % plan->out_dims[1], z = rest / plan->out_dims[1];
		const char *image = run->in + z / plan->out_dims[0] * run->image;

		z = z % plan->out_dims[0] * plan->stride[0] - plan->pad_lo[0];
		y = y * plan->stride[1] - plan->pad_lo[1];
		x = x * plan->stride[2] - plan->pad_lo[2];
		for (int64_t kz = 0; kz < plan->kernel[0]; kz++)
		for (int64_t ky = 0; ky < plan->kernel[1]; ky++) {
			int64_t iz = z + kz * plan->dilation[0], iy = y + ky * plan->dilation[1];

			if (iz < 0 || iz >= plan->in_dims[0] || iy < 0 || iy >= plan->in_dims[1]) {
				memset(to, 0, line_bytes);
				to += line_bytes;
				continue;
			}
			to = gather_line(run, image + iz * run->stride[0] + iy * run->stride[1],
					 x, to);
		}
	}
}

static enum nk_status gather_tile(void *arg, size_t tile, unsigned int thread,
				  struct nk_stats *stats)
{
	const struct run *run = arg;
	uint32_t m = run->plan->panels.m, first = tile * PANEL_ROWS;

	(void)thread;
	(void)stats;
	gather(run, first, m - first < PANEL_ROWS ? m - first : PANEL_ROWS,
	       run->windows + first * run->window_bytes);
	return NK_OK;
}

/* The sums of the copy's positions from @first on, without those that the output has not. */
static void store_padded(const struct run *run, const char *sums, uint32_t first, uint32_t rows,
			 uint32_t column, uint32_t columns, struct nk_stats *stats)
{
	const struct conv_plan *plan = run->plan;
	const struct conv_picture *picture = &plan->panels.picture;
	const struct nk_view *out = &run->call->op[0];
	ptrdiff_t step = nk_stride(out->desc, 1);
	int64_t width = plan->out_dims[2], height = plan->out_dims[1];

	for (uint32_t p = first; p < first + rows;) {
		int64_t x = p % picture->line, line = p / picture->line;
		int64_t y = line % picture->lines, image = line / picture->lines;
		int64_t n = picture->line - x;	/* to the next line */

		if (n > first + rows - p)
			n = first + rows - p;
		if (y < height && x < width)
			nk_epilogue_rows(run->ep, sums + (size_t)(p - first) * columns *
					 sizeof(float), plan->integer, column, columns,
					 (char *)out->data + ((image * height + y) * width + x) *
					 plan->panels.out_row + (ptrdiff_t)column * step, step,
					 plan->panels.out_row, n < width - x ? n : width - x, stats);
		p += n;
	}
}

static enum nk_status multiply_tile(void *arg, size_t tile, unsigned int thread,
				    struct nk_stats *stats)
{
	const struct run *run = arg;
	const struct conv_plan *plan = run->plan;
	const struct nk_view *out = &run->call->op[0];
	uint32_t column = tile % plan->panels.column_tiles * plan->panels.columns;
	uint32_t row = tile / plan->panels.column_tiles * plan->panels.rows;
	uint32_t columns = plan->filters - column < plan->panels.columns ? plan->filters - column :
			   plan->panels.columns;
	uint32_t rows = plan->panels.m - row < plan->panels.rows ? plan->panels.m - row :
			plan->panels.rows;
	uint32_t sums_row = (columns + PANEL_COLUMNS - 1) / PANEL_COLUMNS * PANEL_COLUMNS;
	char *sums = run->temp + thread * run->step;
	ptrdiff_t a_row = plan->panels.gathers ? (ptrdiff_t)window(plan) : plan->panels.in_row;
	ptrdiff_t step = nk_stride(out->desc, 1);
	const char *a = run->in + (ptrdiff_t)row * a_row * (ptrdiff_t)nk_size(plan->in_type);

	if (plan->panels.picture.shift) {
		a_row = plan->channels;
		a = run->windows + row * plan->channels * nk_size(plan->in_type);
	} else if (run->windows) {
		a = run->windows + row * run->window_bytes;
	}
	if (plan->panels.plain)
		panels_tile_plain(&plan->panels.weights, rows, a, a_row, plan->panels.picture.shift,
				  columns, (const char *)run->packed +
				  column * nk_size(plan->panels.weights.dtype),
				  sums + run->sums_bytes, sums, sums_row);
	else
		panels_tile(&plan->panels.weights, rows, a, a_row, plan->panels.picture.shift,
			    column, columns, run->packed, sums, sums_row);
	panels_close_gaps(sums, rows, columns);
	if (plan->panels.picture.shift &&
	    !conv_picture_is_output(plan, run->call->op[1].desc->dims[0])) {
		store_padded(run, sums, row, rows, column, columns, stats);
		return NK_OK;
	}
	nk_epilogue_rows(run->ep, sums, plan->integer, column, columns, (char *)out->data +
			 (ptrdiff_t)row * plan->panels.out_row + (ptrdiff_t)column * step, step,
			 plan->panels.out_row, rows, stats);
	return NK_OK;
}

enum nk_status conv_panels_run(struct conv_plan *plan, const struct nk_call *call,
			       const struct nk_epilogue *ep, const void *in, const void *packed)
{
	const struct conv_picture *picture = &plan->panels.picture;
	const struct neuron_tensor *desc = call->op[1].desc;
	struct neuron_tensor last;
	struct run run = {
		.call = call,
		.plan = plan,
		.ep = ep,
		.in = in,
		.packed = packed,
		.window_bytes = window(plan) * nk_size(plan->in_type),
	};
	enum nk_status status = NK_OK;

	if (plan->pack_in) {
		conv_channels_last(&last, desc, plan->in_type);
		desc = &last;
	}
	run.image = nk_stride(desc, 0);
	for (unsigned int i = 0; i < 3; i++)
		run.stride[i] = i + desc->rank >= 5 ? nk_stride(desc, i + desc->rank - 3) : 0;
	run.sums_bytes = panels_sums_bytes(plan->panels.rows, plan->panels.columns);
	run.step = run.sums_bytes + (plan->panels.plain ?
		   panels_temp_bytes(&plan->panels.weights, plan->panels.columns) : 0);
	run.temp = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) * run.step);
	if (plan->panels.gathers || picture->shift) {
		run.windows = nk_scratch(call->ctx, NK_SCRATCH_OUT, picture->shift ?
					 picture->bytes : plan->panels.m * run.window_bytes);
		if (!run.windows)
			return NK_NO_MEMORY;
	}
	if (!run.temp)
		return NK_NO_MEMORY;
	if (picture->shift)
		status = conv_fill_picture(plan, call, in, run.image, run.stride, run.windows);
	else if (plan->panels.gathers)
		status = nk_parallel(call, (plan->panels.m + PANEL_ROWS - 1) / PANEL_ROWS, gather_tile,
				     &run);
	return status ? status : nk_parallel(call, (size_t)plan->panels.row_tiles *
					     plan->panels.column_tiles, multiply_tile, &run);
}
