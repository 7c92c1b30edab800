// SPDX-License-Identifier: MIT
/*
 * The input of a convolution with its padding, for products that read the windows where
 * they are: the same element of neighbouring windows is that of neighbouring positions.
 *
 * The copy has a line of the padded input for each line of the output. It is wide: then
 * the windows behind the end of a line go over into the next one, and their sums are not
 * wanted. Or it is exact: as long as a line of the output, once for each column of the
 * kernel, shifted by it. That takes any stride. Lines that are the kernel's stride apart
 * follow each other, so that a line of the kernel is a distance, too.
 */
#include "conv_plan.h"

/* Multiplications in the time that it takes to copy a byte. */
#define COPY_MACS	16

/* Most bytes of the copy, which are read many times. */
#define MOST_BYTES	((uint64_t)64 << 20)

/* Bytes that are worth another thread. */
#define TILE_BYTES	((size_t)32 << 10)

static size_t position_bytes(const struct conv_plan *plan)
{
	return plan->channels * nk_size(plan->in_type);
}

/* How far a window reaches beyond its first element in a dimension. */
static int64_t reach(const struct conv_plan *plan, unsigned int dim)
{
	return (plan->kernel[dim] - 1) * plan->dilation[dim];
}

uint64_t conv_picture_positions(const struct conv_plan *plan, uint64_t images)
{
	const struct conv_picture *p = &plan->panels.picture;

	return ((images - 1) * p->lines + plan->out_dims[1]) * p->line;
}

bool conv_picture_is_output(const struct conv_plan *plan, uint64_t images)
{
	const struct conv_picture *p = &plan->panels.picture;

	return p->line == plan->out_dims[2] && (images == 1 || p->lines == plan->out_dims[1]);
}

/* Return: what it costs, in multiplications; 0 where it can't be. */
static double find(struct conv_plan *plan, uint64_t images, bool exact)
{
	struct conv_picture *p = &plan->panels.picture;
	size_t bytes = position_bytes(plan);
	uint64_t positions;

	if (!exact && (plan->stride[1] != 1 || plan->stride[2] != 1))
		return 0;
	p->exact = exact;
	p->phases = plan->kernel[1] == 1 ? 1 : plan->stride[1];
	p->copies = exact ? plan->kernel[2] : 1;
	p->line = plan->out_dims[2] + (exact ? 0 : reach(plan, 2));
	p->lines = plan->out_dims[1] + reach(plan, 1) / plan->stride[1];
	/* Sums that nobody wants cost as much as the others. */
	if (p->line > 2 * plan->out_dims[2] || (images > 1 && p->lines > 2 * plan->out_dims[1]))
		return 0;
	p->phase_bytes = images * p->lines * p->line * bytes;
	p->bytes = p->copies * p->phases * p->phase_bytes + (reach(plan, 2) + PANEL_ROWS) * bytes;
	positions = conv_picture_positions(plan, images);
	if (p->bytes > MOST_BYTES || positions > UINT32_MAX - PANEL_ROWS)
		return 0;
	if (plan->panels.weights.by == PANELS_AMX)
		positions = (positions + PANEL_ROWS - 1) / PANEL_ROWS * PANEL_ROWS;
	return (double)positions * plan->kernel[1] * plan->kernel[2] * plan->channels *
	       plan->filters + (double)p->bytes * COPY_MACS;
}

static bool find_shifts(struct conv_plan *plan)
{
	struct conv_picture *p = &plan->panels.picture;
	size_t bytes = position_bytes(plan), steps = bytes / PANEL_STEP;
	ptrdiff_t *shift = malloc(steps * plan->kernel[1] * plan->kernel[2] * sizeof(*shift));

	p->shift = shift;
	if (!shift)
		return false;
	for (int64_t y = 0; y < plan->kernel[1]; y++)
	for (int64_t x = 0; x < plan->kernel[2]; x++) {
		int64_t down = y * plan->dilation[1], across = x * plan->dilation[2];
		size_t at = down % plan->stride[1] * p->phase_bytes +
			    down / plan->stride[1] * p->line * bytes;

		at += p->exact ? x * p->phases * p->phase_bytes : across * bytes;
		for (size_t i = 0; i < steps; i++)
			*shift++ = (ptrdiff_t)(at + i * PANEL_STEP);
	}
	return true;
}

bool conv_find_picture(struct conv_plan *plan, uint64_t images)
{
	double wide, exact;

	if (plan->in_type == NEURON_F32 || position_bytes(plan) % PANEL_STEP ||
	    plan->in_dims[0] > 1 || plan->out_dims[0] > 1 || plan->kernel[0] > 1 ||
	    plan->pad_lo[0] || plan->panels.weights.zero_point)
		return false;
	wide = find(plan, images, false);
	/* On AMX tiles, whose rows come by 16, only the wide one has been measured. */
	exact = plan->panels.weights.by == PANELS_AMX ? 0 : find(plan, images, true);
	if (wide > 0 && (!(exact > 0) || wide <= exact))
		exact = find(plan, images, false);
	return exact > 0 && find_shifts(plan);
}

struct fill {
	const struct conv_plan *plan;
	const char *in;
	ptrdiff_t image;
	const ptrdiff_t *stride;
	char *to;
	int zero;
	size_t all, lines;	/* of the copy, and of a tile */
};

static int64_t divide_up(int64_t n, int64_t to)
{
	return (n + to - 1) / to;
}

/* A line of the copy: @y, @x: in the input, where it begins. */
static void fill_line(const struct fill *fill, const char *image, int64_t y, int64_t x, char *to)
{
	const struct conv_plan *plan = fill->plan;
	const struct conv_picture *p = &plan->panels.picture;
	int64_t step = plan->stride[2], first = x < 0 ? divide_up(-x, step) : 0;
	int64_t end = x < plan->in_dims[2] ? divide_up(plan->in_dims[2] - x, step) : 0;
	size_t bytes = position_bytes(plan);
	const char *from;

	if (end > p->line)
		end = p->line;
	if (y < 0 || y >= plan->in_dims[1] || first >= end)
		first = end = 0;
	memset(to, fill->zero, first * bytes);
	from = image + y * fill->stride[1] + (x + first * step) * fill->stride[2];
	if (step * fill->stride[2] == (ptrdiff_t)bytes) {
		memcpy(to + first * bytes, from, (end - first) * bytes);
	} else {
		for (int64_t i = first; i < end; i++, from += step * fill->stride[2])
			memcpy(to + i * bytes, from, bytes);
	}
	memset(to + end * bytes, fill->zero, (p->line - end) * bytes);
}

static enum nk_status fill_tile(void *arg, size_t tile, unsigned int thread,
				struct nk_stats *stats)
{
	const struct fill *fill = arg;
	const struct conv_plan *plan = fill->plan;
	const struct conv_picture *p = &plan->panels.picture;
	size_t row = p->line * position_bytes(plan), images = p->phase_bytes / row / p->lines;
	size_t first = tile * fill->lines, end = first + fill->lines;

	(void)thread;
	(void)stats;
	if (end > fill->all)
		end = fill->all;
	for (size_t i = first; i < end; i++) {
		int64_t y = i % p->lines;
		size_t image = i / p->lines % images, phase = i / p->lines / images % p->phases;
		size_t copy = i / p->lines / images / p->phases;

		fill_line(fill, fill->in + (ptrdiff_t)image * fill->image,
			  y * plan->stride[1] + (int64_t)phase - plan->pad_lo[1],
			  (int64_t)copy * plan->dilation[2] - plan->pad_lo[2], fill->to + i * row);
	}
	if (end == fill->all)
		memset(fill->to + end * row, fill->zero, p->bytes - end * row);
	return NK_OK;
}

enum nk_status conv_fill_picture(const struct conv_plan *plan, const struct nk_call *call,
				 const char *in, ptrdiff_t image, const ptrdiff_t *stride, char *to)
{
	const struct conv_picture *p = &plan->panels.picture;
	size_t row = p->line * position_bytes(plan);
	struct fill fill = {
		.plan = plan,
		.in = in,
		.image = image,
		.stride = stride,
		.to = to,
		.zero = nk_is_byte(plan->in_type) ? call->op[1].desc->zero_point : 0,
		.all = p->copies * p->phases * p->phase_bytes / row,
		.lines = TILE_BYTES / row + 1,
	};

	return nk_parallel(call, (fill.all + fill.lines - 1) / fill.lines, fill_tile, &fill);
}
