// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE: geometry, types and tiles.
 *
 * Tiles follow from the shapes. Each is a few rows of one image, or several small
 * images, with the padding that these rows see.
 */
#include "conv_plan.h"

/*
 * Multiplications of a tile: at least some microseconds. With AMX they take less, and the
 * library more for a tile than for the same rows of a larger one: of many tiles, each has more.
 * A channel by itself leaves most of the processor's multipliers idle.
 */
#define TILE_MACS	((uint64_t)1 << 20)
#define MANY_TILES	4
#define MANY_MACS	((uint64_t)4 << 20)
#define DEPTHWISE_MACS	((uint64_t)1 << 18)
#define START_MACS	((uint64_t)1 << 18)	/* in the time that it takes to start one */
#define MAX_PIECES	64

/*
 * Most positions of a line in a tile: the library makes a descriptor or two for each when
 * it makes a primitive, of half a kilobyte.
 */
#define MAX_LINE	512

/*
 * Padding behind the last dimension from which on the library's direct convolution
 * (2.6: brgconv) may read past the input for the first output that touches it, as
 * tests/unit/kernels_fast.c shows: such lines are copied, with their padding.
 */
#define MUCH_PADDING	4

/* Channels last, without gaps, in the library's order of dimensions. */
void conv_channels_last(struct neuron_tensor *desc, const struct neuron_tensor *like,
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

bool conv_is_channels_last(const struct neuron_tensor *t)
{
	struct neuron_tensor want;

	conv_channels_last(&want, t, t->dtype);
	for (unsigned int d = 0; d < t->rank; d++)
		if (t->dims[d] > 1 && t->strides[d] != want.strides[d])
			return false;
	return true;
}

bool conv_is_dense(const struct neuron_tensor *t)
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
 * Can the library do it in int8? Weights must be signed, and without zero point where
 * there are groups; the input's must fit its type. Its transposed convolutions and its zero points
 * in three dimensions are wrong in some cases (tests/unit/kernels_fast.c).
 */
static bool fits_int8(const struct conv_plan *plan, const struct neuron_tensor *in)
{
	int32_t low = in->dtype == NEURON_I8 ? INT8_MIN : 0;

	if (plan->transpose || (in->rank == 5 && in->zero_point))
		return false;
	if (plan->weight_zero && plan->groups > 1)
		return false;
	return in->zero_point >= low && in->zero_point <= low + 255 &&
	       plan->weight_zero >= INT8_MIN && plan->weight_zero <= INT8_MAX;
}

static void choose_types(struct conv_plan *plan, const struct nk_call *call,
			 const struct lib_features *lib)
{
	const struct neuron_tensor *in = call->op[1].desc, *weight = call->op[2].desc;

	plan->in_type = plan->weight_type = NEURON_F32;
	plan->integer = nk_is_byte(in->dtype) && nk_is_byte(weight->dtype);
	plan->weight_zero = weight->zero_point - (weight->dtype == NEURON_U8 ? 128 : 0);
	if (plan->integer && lib->int8 && fits_int8(plan, in)) {
		plan->in_type = in->dtype;
		plan->weight_type = NEURON_I8;
	} else if (plan->integer) {
		plan->as_f32 = true;
	} else if (in->dtype == NEURON_BF16 && weight->dtype == NEURON_BF16 && lib->bf16 &&
		   !(plan->transpose && plan->channels / plan->groups % 2)) {
		/* Its transposed convolutions of odd channels are wrong for a kernel of one. */
		plan->in_type = plan->weight_type = NEURON_BF16;
	}
	plan->copied = plan->weight_type != weight->dtype || plan->as_f32 || plan->integer;
	for (unsigned int d = 0; d < weight->rank; d++)
		plan->copied |= weight->dims[d] > 1 && weight->strides[d] < 1;
	plan->pack_in = in->dtype != plan->in_type || plan->as_f32 || !conv_is_channels_last(in);
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

/* Into how many tiles an image of @macs is cut. */
static uint64_t count_pieces(const struct conv_plan *plan, const struct lib_features *lib,
			     uint64_t macs)
{
	uint64_t tile = plan->groups > 1 && plan->channels == plan->groups ?
			DEPTHWISE_MACS : TILE_MACS;
	uint64_t pieces = (macs + tile - 1) / tile;

	if (lib->amx && plan->in_type != NEURON_F32 && tile == TILE_MACS && pieces > MANY_TILES) {
		pieces = (macs + MANY_MACS - 1) / MANY_MACS;
		if (pieces < MANY_TILES)
			pieces = MANY_TILES;
	}
	return pieces < MAX_PIECES ? pieces : MAX_PIECES;
}

/*
 * Lines of a tile where tiles are cheap: as matmul_choose_tiles() does, those with which the
 * last of one, two and four threads is done first. @rows: about so many; @macs: of a line.
 */
static int64_t best_rows(int64_t all, int64_t rows, int64_t unit, uint64_t macs)
{
	double least = 0;
	int64_t best = rows;

	for (int64_t n = (rows + 2 * unit - 1) / (2 * unit) * unit; n <= rows * 3 / 2; n += unit) {
		int64_t tiles = (all + n - 1) / n;
		double cost = (double)(tiles + (tiles + 1) / 2 + (tiles + 3) / 4) *
			      (n * macs + START_MACS);

		/* Each kind of tile is a primitive. */
		if (all % n)
			cost *= 1.05;
		if (least > 0 && cost >= least)
			continue;
		least = cost;
		best = n;
	}
	return best;
}

/* Equal ones if it takes little: each kind of tile is a primitive. */
static int64_t equal_rows(int64_t all, int64_t rows, int64_t unit)
{
	for (int64_t n = rows; n <= rows * 3 / 2; n += unit)
		if (!(all % n))
			return n;
	return rows;
}

static void choose_tiles(struct conv_plan *plan, const struct lib_features *lib, uint32_t images)
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
	pieces = count_pieces(plan, lib, macs);
	if (plan->split == 2 && (uint64_t)plan->rows > pieces * MAX_LINE)
		pieces = (plan->rows + MAX_LINE - 1) / MAX_LINE;
	if (pieces > 1) {
		int64_t unit = plan->transpose ? plan->stride[plan->split] : 1, all = plan->rows;
		int64_t rows = (all + pieces - 1) / pieces;

		rows = (rows + unit - 1) / unit * unit;
		plan->rows = lib->amx || macs < TILE_MACS ? equal_rows(all, rows, unit) :
			     best_rows(all, rows, unit, macs / all);
	} else if (images > 1 && macs < TILE_MACS / 2) {
		plan->images = TILE_MACS / macs < images ? TILE_MACS / macs : images;
	}
	plan->row_tiles = (plan->out_dims[plan->split] + plan->rows - 1) / plan->rows;
}

int64_t conv_find_kind(const struct conv_plan *plan, uint32_t images, int64_t row,
		       struct conv_kind *kind)
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
	if (!plan->transpose && (d == 2 ? kind->pad_hi : plan->pad_hi[2]) >= MUCH_PADDING)
		kind->extra = d == 2 ? kind->pad_hi : plan->pad_hi[2];
	return first;
}

struct conv_kind *conv_lookup(struct conv_plan *plan, const struct conv_kind *want)
{
	for (unsigned int i = 0; i < plan->kinds; i++) {
		struct conv_kind *k = &plan->kind[i];

		if (k->images == want->images && k->in_rows == want->in_rows &&
		    k->out_rows == want->out_rows && k->pad_lo == want->pad_lo &&
		    k->pad_hi == want->pad_hi)
			return k;
	}
	return NULL;
}

size_t conv_lines(const struct conv_plan *plan, const struct conv_kind *kind, int64_t *length)
{
	size_t lines = kind->images;

	*length = plan->split == 2 ? kind->in_rows : plan->in_dims[2];
	for (unsigned int d = plan->split; d < 2; d++)
		lines *= d == plan->split ? kind->in_rows : plan->in_dims[d];
	return lines;
}

bool conv_find_shape(struct conv_plan *plan, const struct nk_call *call,
		     const struct lib_features *lib)
{
	if (!find_geometry(plan, call))
		return false;
	choose_types(plan, call, lib);
	choose_tiles(plan, lib, call->op[0].desc->dims[0]);
	return true;
}

void conv_pad_lines(struct conv_plan *plan)
{
	if (plan->transpose || plan->split != 2 || plan->row_tiles == 1 ||
	    (!plan->pad_lo[2] && plan->pad_hi[2] <= 0))
		return;
	plan->line_lo = plan->pad_lo[2];
	plan->line_hi = plan->pad_hi[2] > 0 ? plan->pad_hi[2] : 0;
	plan->in_dims[2] += plan->line_lo + plan->line_hi;
	plan->pad_lo[2] = 0;
	plan->pad_hi[2] -= plan->line_hi;
	plan->pack_in = true;
}

void conv_larger_tiles(struct conv_plan *plan)
{
	int64_t all = plan->out_dims[plan->split];

	plan->rows = 2 * plan->rows < all ? 2 * plan->rows : all;
	plan->row_tiles = (all + plan->rows - 1) / plan->rows;
}
