// SPDX-License-Identifier: MIT
/*
 * CONV: a zero point of the weights, which the library has not.
 *
 * With zx and zw for the zero points, the sum of (x - zx) * (w - zw) is that of
 * (x - zx) * w, which the library computes, less zw times the sum of x - zx: the same for
 * all filters of a position. It is the sum over a window of the pictures' pixels' sums.
 */
#include "conv_plan.h"
#include "sum.h"

NK_CLONES static void add(uint32_t *restrict to, const uint32_t *restrict from, ptrdiff_t step,
			  size_t n)
{
	if (step == 1)
		for (size_t i = 0; i < n; i++)
			to[i] += from[i];
	else
		for (size_t i = 0; i < n; i++)
			to[i] += from[(ptrdiff_t)i * step];
}

NK_CLONES static void subtract(uint32_t *sums, uint32_t what, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sums[i] -= what;
}

/* The dims of a tile's input and output. */
static void find_dims(const struct conv_plan *plan, const struct conv_kind *kind, int64_t in[3],
		      int64_t out[3])
{
	memcpy(in, plan->in_dims, sizeof(plan->in_dims));
	memcpy(out, plan->out_dims, sizeof(plan->out_dims));
	in[plan->split] = kind->in_rows;
	out[plan->split] = kind->out_rows;
}

size_t conv_zero_bytes(const struct conv_plan *plan, const struct conv_kind *kind)
{
	int64_t in[3], out[3];

	find_dims(plan, kind, in, out);
	return (size_t)(in[0] * in[1] * in[2] + out[2]) * sizeof(uint32_t);
}

/* Of each pixel of an image: its channels, less their zero points. */
static void sum_pixels(const struct conv_plan *plan, const char *image, size_t n, int32_t zero,
		       uint32_t *pixel)
{
	uint32_t zeros = plan->channels * (uint32_t)zero;

	for (size_t i = 0; i < n; i++, image += plan->channels)
		pixel[i] = nk_sum_bytes(plan->in_type, image, plan->channels) - zeros;
}

/* A line of windows: add the pixels under one tap of the kernel. */
static void add_tap(const struct conv_plan *plan, const uint32_t *line, int64_t width, int64_t tap,
		    int64_t pad_lo, int64_t n, uint32_t *windows)
{
	int64_t stride = plan->stride[2], at = tap * plan->dilation[2] - pad_lo;
	int64_t first = at < 0 ? (-at + stride - 1) / stride : 0;
	int64_t end = at < width ? (width - 1 - at) / stride + 1 : 0;

	if (end > n)
		end = n;
	if (first < end)
		add(windows + first, line + at + first * stride, stride, end - first);
}

void conv_zero_subtract(const struct conv_plan *plan, const struct conv_kind *kind,
			const char *in, int32_t in_zero, uint32_t *sums, void *temp)
{
	int64_t dims[3], out[3], pad[3], k[3], at[3];
	uint32_t *pixel = temp, *windows;
	size_t pixels;

	find_dims(plan, kind, dims, out);
	memcpy(pad, plan->pad_lo, sizeof(pad));
	pad[plan->split] = kind->pad_lo;
	pixels = dims[0] * dims[1] * dims[2];
	windows = pixel + pixels;
	for (uint32_t image = 0; image < kind->images; image++, in += pixels * plan->channels) {
		sum_pixels(plan, in, pixels, in_zero, pixel);
		for (int64_t d = 0; d < out[0]; d++)
		for (int64_t h = 0; h < out[1]; h++) {
			memset(windows, 0, out[2] * sizeof(*windows));
			for (k[0] = 0; k[0] < plan->kernel[0]; k[0]++)
			for (k[1] = 0; k[1] < plan->kernel[1]; k[1]++) {
				at[0] = d * plan->stride[0] + k[0] * plan->dilation[0] - pad[0];
				at[1] = h * plan->stride[1] + k[1] * plan->dilation[1] - pad[1];
				if (at[0] < 0 || at[0] >= dims[0] || at[1] < 0 || at[1] >= dims[1])
					continue;
				for (k[2] = 0; k[2] < plan->kernel[2]; k[2]++)
					add_tap(plan, pixel + (at[0] * dims[1] + at[1]) * dims[2],
						dims[2], k[2], pad[2], out[2], windows);
			}
			for (int64_t w = 0; w < out[2]; w++, sums += plan->filters)
				subtract(sums, plan->weight_zero * windows[w], plan->filters);
		}
	}
}
