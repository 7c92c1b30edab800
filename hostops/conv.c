// SPDX-License-Identifier: MIT
/* Conv and ConvTranspose of one to three dimensions, in fp32, as on the chip. */
#include "product.h"

#define SPATIAL		3

enum { AS_GIVEN, SAME_UPPER, SAME_LOWER, VALID };

/**
 * struct window - the geometry of a convolution
 * @groups: of channels
 * @in_channels: of each group
 * @out_channels: of each group
 * @kernel: elements of the window
 * @stride: its step, of the output for ConvTranspose
 * @dilation: distance of its elements
 * @lo: padding before the first element; ConvTranspose cuts as much off
 * @in: the input's size
 * @out: the output's size
 *
 * Dimensions that are not there come first and are 1.
 */
struct window {
	uint64_t groups;
	uint64_t in_channels;
	uint64_t out_channels;
	int64_t kernel[SPATIAL];
	int64_t stride[SPATIAL];
	int64_t dilation[SPATIAL];
	int64_t lo[SPATIAL];
	int64_t in[SPATIAL];
	int64_t out[SPATIAL];
};

static uint64_t volume(const int64_t *dims)
{
	return (uint64_t)dims[0] * (uint64_t)dims[1] * (uint64_t)dims[2];
}

/* Padding that makes up for what is missing, the odd one behind or before. */
static int64_t share(int64_t total, int64_t how)
{
	return how == SAME_UPPER ? total / 2 : total - total / 2;
}

/* The output's size for Conv, below 1 where the window does not fit. */
static void conv_size(struct window *w, int d, int64_t extent, int64_t hi, int64_t how)
{
	int64_t room, total;

	if (how == SAME_UPPER || how == SAME_LOWER) {
		w->out[d] = (w->in[d] + w->stride[d] - 1) / w->stride[d];
		total = (w->out[d] - 1) * w->stride[d] + extent - w->in[d];
		w->lo[d] = total > 0 ? share(total, how) : 0;
		return;
	}
	room = w->in[d] + w->lo[d] + hi - extent;
	w->out[d] = room < 0 ? 0 : room / w->stride[d] + 1;
}

/* The same for ConvTranspose. @asked: the size that it is to have, or 0. */
static void transpose_size(struct window *w, int d, int64_t extent, int64_t hi, int64_t more,
			   int64_t asked, int64_t how)
{
	int64_t full = (w->in[d] - 1) * w->stride[d] + more + extent, total;

	if (asked || how == SAME_UPPER || how == SAME_LOWER) {
		total = full - (asked ? asked : w->in[d] * w->stride[d]);
		/* Zeros that are asked for go behind; others are not added. */
		w->lo[d] = total > 0 ? share(total, how) : 0;
		hi = total < 0 && !asked ? 0 : total - w->lo[d];
	}
	w->out[d] = full - w->lo[d] - hi;
}

/* What input 2 says, and what follows from it: see <neuron/hostop.h>. */
static enum hostop_status find_window(struct hostop_call *call, struct window *w)
{
	const bool transpose = call->op == NEURON_HOST_CONV_TRANSPOSE;
	const struct hostop_tensor *x = in(call, 0), *weights = in(call, 1);
	const int n = (int)x->rank - 2;
	int64_t list[6 * SPATIAL], how = call->ints[1];
	int count, i, d;

	for (d = 0; d < SPATIAL; d++) {
		w->kernel[d] = w->stride[d] = w->dilation[d] = w->in[d] = w->out[d] = 1;
		w->lo[d] = 0;
	}
	count = hostop_ints(call, 2, list, 6 * SPATIAL);
	if (count < 0)
		return HOSTOP_BAD_INPUT;
	if (how < AS_GIVEN || how > VALID ||
	    (transpose ? count != 5 * n && count != 6 * n : count != 4 * n))
		return hostop_fail(call, HOSTOP_INVALID, "its window does not fit its rank");
	/* No sum of products of numbers this small overflows. */
	for (i = 0; i < count; i++)
		if (list[i] > INT32_MAX || list[i] < (i < 2 * n ? 1 : i < 4 * n ? -INT32_MAX : 0))
			return hostop_fail(call, HOSTOP_INVALID, "its window is out of range");
	for (i = 0; i < n; i++) {
		int64_t lo = how == VALID ? 0 : list[2 * n + i];
		int64_t hi = how == VALID ? 0 : list[3 * n + i], extent;

		d = SPATIAL - n + i;
		if (x->dims[2 + i] > INT32_MAX || weights->dims[2 + i] > INT32_MAX ||
		    !weights->dims[2 + i])
			return hostop_fail(call, HOSTOP_BAD_INPUT, "its input or window is empty or too large");
		w->kernel[d] = weights->dims[2 + i];
		w->in[d] = x->dims[2 + i];
		w->stride[d] = list[i];
		w->dilation[d] = list[n + i];
		w->lo[d] = lo;
		extent = (w->kernel[d] - 1) * w->dilation[d] + 1;
		if (transpose)
			transpose_size(w, d, extent, hi, list[4 * n + i],
				       count == 6 * n ? list[5 * n + i] : 0, how);
		else
			conv_size(w, d, extent, hi, how);
		if (w->out[d] < 1 || w->out[d] > UINT32_MAX)
			return hostop_fail(call, HOSTOP_BAD_INPUT, "%lld elements are too few for its window, or too many",
					   (long long)w->in[d]);
	}
	return HOSTOP_OK;
}

static enum hostop_status find_channels(struct hostop_call *call, struct window *w)
{
	const bool transpose = call->op == NEURON_HOST_CONV_TRANSPOSE;
	const struct hostop_tensor *x = in(call, 0), *weights = in(call, 1), *bias = in(call, 3);
	const int64_t groups = call->ints[0];

	if (groups < 1 || groups > UINT32_MAX || weights->dims[0] % groups)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its groups do not divide its channels");
	w->groups = groups;
	w->in_channels = transpose ? weights->dims[0] / groups : weights->dims[1];
	w->out_channels = transpose ? weights->dims[1] : weights->dims[0] / groups;
	if (w->in_channels * groups != x->dims[1])
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its input has %u channels, its weights are for %llu",
				   x->dims[1], (unsigned long long)(w->in_channels * groups));
	if (w->out_channels * groups > UINT32_MAX ||
	    (bias && (bias->rank != 1 || bias->dims[0] != w->out_channels * groups)))
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its bias does not fit its weights");
	return HOSTOP_OK;
}

/*
 * Positions in a row of the output or the input of ConvTranspose: [*from, *to) of those
 * from @first on, @count of them, are at @step * position + @offset in [0, @size).
 */
static void inside(int64_t first, int64_t count, int64_t step, int64_t offset, int64_t size,
		   int64_t *from, int64_t *to)
{
	int64_t lo = offset < 0 ? (-offset + step - 1) / step : 0;
	int64_t hi = offset < size ? (size - 1 - offset) / step + 1 : 0;

	*from = lo < first ? first : lo > first + count ? first + count : lo;
	*to = hi > first + count ? first + count : hi < *from ? *from : hi;
}

/* A row of what a convolution multiplies its weights with: see get_patch(). */
struct image {
	const struct window *w;
	const float *data;
};

/* Element @row of the window, of channel after channel, at positions of the output. */
static void get_patch(const void *from, size_t row, size_t column, size_t count, float *to)
{
	const struct image *image = from;
	const struct window *w = image->w;
	const int64_t *k = w->kernel;
	int64_t x = (int64_t)row % k[2], y = (int64_t)row / k[2] % k[1];
	int64_t z = (int64_t)row / (k[1] * k[2]) % k[0];
	const float *channel = image->data + row / volume(k) * volume(w->in);

	while (count) {
		int64_t ox = (int64_t)column % w->out[2], line = (int64_t)column / w->out[2];
		int64_t n = w->out[2] - ox, a, b, i, offset;
		int64_t iy = line % w->out[1] * w->stride[1] - w->lo[1] + y * w->dilation[1];
		int64_t iz = line / w->out[1] * w->stride[0] - w->lo[0] + z * w->dilation[0];

		if (n > (int64_t)count)
			n = (int64_t)count;
		offset = x * w->dilation[2] - w->lo[2];
		inside(ox, n, w->stride[2], offset, w->in[2], &a, &b);
		if (iy < 0 || iy >= w->in[1] || iz < 0 || iz >= w->in[0])
			a = b = ox + n;
		memset(to, 0, (size_t)(a - ox) * sizeof(*to));
		if (a < b) {
			const float *in = channel + (iz * w->in[1] + iy) * w->in[2];

			for (i = a; i < b; i++)
				to[i - ox] = in[i * w->stride[2] + offset];
		}
		memset(to + (b - ox), 0, (size_t)(ox + n - b) * sizeof(*to));
		to += n;
		column += (size_t)n;
		count -= (size_t)n;
	}
}

/* Each group of @weights with that of one image: [rows][volume] of the output. */
static bool conv_image(const struct window *w, const float *x, const float *weights, float *out)
{
	const size_t depth = w->in_channels * volume(w->kernel);
	const size_t size = volume(w->out);
	uint64_t g;

	for (g = 0; g < w->groups; g++) {
		struct image image = { w, x + g * w->in_channels * volume(w->in) };
		struct product product;
		bool ok;

		ok = product_begin(&product, weights + g * w->out_channels * depth,
				   w->out_channels, depth, depth, 1);
		if (ok)
			product_run(&product, get_patch, &image, 0, size,
				    out + g * w->out_channels * size, size);
		product_end(&product);
		if (!ok)
			return false;
	}
	return true;
}

/* Rows that lie behind one another. */
static void get_channel(const void *from, size_t row, size_t column, size_t count, float *to)
{
	const struct image *image = from;

	memcpy(to, image->data + row * volume(image->w->in) + column, count * sizeof(*to));
}

/*
 * What one element of the window makes of positions of the input from @column on, added to
 * an output channel.
 */
static void scatter(const struct window *w, size_t row, size_t column, size_t count,
		    const float *from, float *channel)
{
	const int64_t *k = w->kernel;
	int64_t x = (int64_t)row % k[2], y = (int64_t)row / k[2] % k[1];
	int64_t z = (int64_t)row / (k[1] * k[2]);

	while (count) {
		int64_t ix = (int64_t)column % w->in[2], line = (int64_t)column / w->in[2];
		int64_t n = w->in[2] - ix, a, b, i, offset;
		int64_t oy = line % w->in[1] * w->stride[1] - w->lo[1] + y * w->dilation[1];
		int64_t oz = line / w->in[1] * w->stride[0] - w->lo[0] + z * w->dilation[0];

		if (n > (int64_t)count)
			n = (int64_t)count;
		offset = x * w->dilation[2] - w->lo[2];
		inside(ix, n, w->stride[2], offset, w->out[2], &a, &b);
		if (oy >= 0 && oy < w->out[1] && oz >= 0 && oz < w->out[0] && a < b) {
			float *out = channel + (oz * w->out[1] + oy) * w->out[2];

			for (i = a; i < b; i++)
				out[i * w->stride[2] + offset] += from[i - ix];
		}
		from += n;
		column += (size_t)n;
		count -= (size_t)n;
	}
}

/* Elements that products of ConvTranspose have at once, if their columns are more. */
#define PART	((size_t)1 << 20)
#define COLUMNS	16

/* On top of what is in @out. */
static bool transpose_image(const struct window *w, const float *x, const float *weights,
			    float *out)
{
	const size_t taps = volume(w->kernel), rows = w->out_channels * taps;
	const size_t size = volume(w->in);
	size_t columns = rows < PART / COLUMNS ? PART / (rows + !rows) : COLUMNS, at, n, r;
	uint64_t g;
	float *part;

	if (columns > size)
		columns = size;
	part = malloc((rows * columns + 1) * sizeof(*part));
	for (g = 0; g < w->groups && part; g++) {
		struct image image = { w, x + g * w->in_channels * size };
		struct product product;
		bool ok;

		ok = product_begin(&product, weights + g * w->in_channels * rows, rows,
				   w->in_channels, 1, rows);
		for (at = 0; at < size && ok; at += n) {
			n = size - at < columns ? size - at : columns;
			product_run(&product, get_channel, &image, at, n, part, n);
			for (r = 0; r < rows; r++)
				scatter(w, r % taps, at, n, part + r * n,
					out + (g * w->out_channels + r / taps) * volume(w->out));
		}
		product_end(&product);
		if (!ok) {
			free(part);
			return false;
		}
	}
	free(part);
	return part;
}

/* All images of a batch. @bias: NULL, or an element for each channel. */
static bool run(const struct hostop_call *call, const struct window *w, const float *x,
		const float *weights, const float *bias, float *out)
{
	const bool transpose = call->op == NEURON_HOST_CONV_TRANSPOSE;
	const uint64_t channels = w->groups * w->out_channels, size = volume(w->out);
	const uint64_t in_size = w->groups * w->in_channels * volume(w->in);
	uint64_t image, c, i;
	bool ok = true;

	for (image = 0; image < in(call, 0)->dims[0] && ok; image++) {
		float *to = out + image * channels * size;

		ok = transpose ? transpose_image(w, x + image * in_size, weights, to) :
				 conv_image(w, x + image * in_size, weights, to);
		for (c = 0; c < channels && bias; c++)
			for (i = 0; i < size; i++)
				to[c * size + i] += bias[c];
	}
	return ok;
}

enum hostop_status hostop_conv(struct hostop_call *call)
{
	const struct hostop_tensor *x = in(call, 0), *weights = in(call, 1), *bias = in(call, 3);
	const float *from, *by, *plus = NULL;
	float *own[4] = { NULL }, *out;
	enum hostop_status status;
	uint32_t dims[RANK], d;
	struct window w;
	bool ok;

	if (!hostop_is_float(x->dtype) || weights->dtype != x->dtype ||
	    (bias && bias->dtype != x->dtype) || call->most[0]->dtype != x->dtype)
		return hostop_bad_type(call);
	if (x->rank < 3 || x->rank > 2 + SPATIAL || weights->rank != x->rank)
		return hostop_fail(call, HOSTOP_BAD_INPUT, "its input and weights have ranks %u and %u",
				   x->rank, weights->rank);
	status = find_channels(call, &w);
	if (!status)
		status = find_window(call, &w);
	if (status)
		return status;
	dims[0] = x->dims[0];
	dims[1] = w.groups * w.out_channels;
	for (d = 2; d < x->rank; d++)
		dims[d] = w.out[SPATIAL - x->rank + d];
	status = hostop_make(call, 0, x->rank, dims);
	if (status || !hostop_count(&call->out[0]))
		return status;
	from = product_floats(x, &own[0]);
	by = product_floats(weights, &own[1]);
	if (bias)
		plus = product_floats(bias, &own[2]);
	out = product_result(&call->out[0], &own[3]);
	ok = from && by && out && (plus || !bias) && run(call, &w, from, by, plus, out);
	if (ok)
		product_put(&call->out[0], own[3]);
	for (d = 0; d < 4; d++)
		free(own[d]);
	return ok ? HOSTOP_OK : HOSTOP_NO_MEMORY;
}
