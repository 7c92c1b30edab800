// SPDX-License-Identifier: MIT
/*
 * DFT and STFT as products with a constant matrix of cosines and sines: for the
 * lengths of speech front ends the matrix engine is faster than a fast
 * transform's many small steps. Angles are no weights: products are in fp32.
 */
#include <math.h>
#include <string.h>
#include "decompose.h"

/* cos (sin) of 2 pi k t / n, for exact multiples of the turn first. */
static double wave(int64_t k, int64_t t, int64_t n, bool sine)
{
	double angle = 2 * M_PI * (double)(k * t % n) / (double)n;

	return sine ? sin(angle) : cos(angle);
}

/*
 * [parts * length, 2 * bins]: row (t, part) and column (k, real or imaginary).
 * @sign: -1 forward, 1 inverse. @scale: factor of all.
 */
static struct nc_value *matrix(struct nc_builder *b, int64_t length, int64_t bins,
			       int64_t parts, double sign, double scale)
{
	int64_t dims[2] = { length * parts, 2 * bins }, t, k;
	struct nc_value *value = nc_value_like(b->ctx, b->like->name, NC_F32, 2, dims);
	float *row = nc_fold_alloc(b->ctx, value);

	if (!row) {
		nc_error(b->ctx, b->like, "its matrix of %lld by %lld is too large",
			 (long long)dims[0], (long long)dims[1]);
		return NULL;
	}
	for (t = 0; t < length; t++) {
		for (k = 0; k < bins; k++) {
			double c = scale * wave(k, t, length, false);
			double s = scale * sign * wave(k, t, length, true);

			/* (x + iy)(c + is) */
			row[2 * k] = (float)c;
			row[2 * k + 1] = (float)s;
			if (parts == 2) {
				row[2 * bins + 2 * k] = (float)-s;
				row[2 * bins + 2 * k + 1] = (float)c;
			}
		}
		row += parts * 2 * bins;
	}
	return value;
}

static struct nc_value *multiply(struct nc_builder *b, struct nc_value *x,
				 struct nc_value *y)
{
	struct nc_node *product = nc_node_new(b->ctx, b->like, NC_OP_MatMul, NULL, 2,
					      x, y);

	product->compute = NC_F32;
	return nc_build(b, product);
}

void nc_decompose_dft(struct nc_builder *b)
{
	struct nc_node *node = b->like;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0], *m;
	int64_t perm[NC_MAX_RANK], back[NC_MAX_RANK], dims[NC_MAX_RANK];
	int64_t flat[2], pads[2 * NC_MAX_RANK] = { 0 };
	enum nc_dtype dtype = x->dtype;
	struct nc_dft dft;
	int i, n = 0;

	if (!nc_dft_params(b->ctx, node, &dft))
		return;
	m = matrix(b, dft.length, dft.bins, x->dims[x->rank - 1],
		   dft.inverse ? 1 : -1, dft.inverse ? 1 / (double)dft.length : 1);
	if (!m)
		return;
	if (dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	/* A longer transform sees zeros behind, a shorter one less. */
	if (dft.length != x->dims[dft.axis]) {
		pads[x->rank + dft.axis] = dft.length - x->dims[dft.axis];
		x = nc_build2(b, NC_OP_Pad, NULL, x,
			      nc_const_ints_new(b->ctx, node->name, pads, 2 * x->rank));
	}
	for (i = 0; i < x->rank - 1; i++)
		if (i != dft.axis)
			perm[n++] = i;
	perm[n++] = dft.axis;
	perm[n] = n;
	for (i = 0; i < x->rank; i++)
		back[perm[i]] = i;
	x = nc_build_transpose(b, NULL, x, perm);
	memcpy(dims, x->dims, sizeof(dims));
	flat[1] = m->dims[0];
	flat[0] = nc_numel(x) / flat[1];
	x = nc_build_reshape(b, NULL, x, 2, flat);
	x = multiply(b, x, m);
	dims[n - 1] = dft.bins;
	dims[n] = 2;
	x = nc_build_reshape(b, NULL, x, out->rank, dims);
	x = nc_build_transpose(b, dtype == NC_F32 ? out : NULL, x, back);
	if (dtype != NC_F32)
		nc_build_cast(b, out, x, dtype);
}

/* A convolution whose channels are the bins; the window goes into its weights. */
void nc_decompose_stft(struct nc_builder *b)
{
	static const int64_t to_weights[] = { 2, 1, 0 }, channels_first[] = { 0, 2, 1 };
	struct nc_node *node = b->like, *conv;
	struct nc_value *x = node->inputs[0], *out = node->outputs[0], *m;
	struct nc_value *window = nc_in(node, 2);
	enum nc_dtype dtype = x->dtype;
	int64_t parts, dims[3];
	struct nc_stft stft;

	if (!nc_stft_params(b->ctx, node, &stft))
		return;
	parts = x->rank == 3 ? x->dims[2] : 1;
	m = matrix(b, stft.length, stft.bins, parts, -1, 1);
	if (!m)
		return;
	if (dtype != NC_F32)
		x = nc_build_cast(b, NULL, x, NC_F32);
	dims[0] = x->dims[0];
	dims[1] = x->dims[1];
	dims[2] = parts;
	x = nc_build_reshape(b, NULL, x, 3, dims);
	x = nc_build_transpose(b, NULL, x, channels_first);
	dims[0] = stft.length;
	dims[1] = parts;
	dims[2] = 2 * stft.bins;
	m = nc_build_reshape(b, NULL, m, 3, dims);
	if (window) {
		if (dtype != NC_F32)
			window = nc_build_cast(b, NULL, window, NC_F32);
		dims[1] = 1;
		dims[2] = 1;
		window = nc_build_reshape(b, NULL, window, 3, dims);
		m = nc_build2(b, NC_OP_Mul, NULL, m, window);
	}
	m = nc_build_transpose(b, NULL, m, to_weights);
	conv = nc_node_new(b->ctx, node, NC_OP_Conv, NULL, 2, x, m);
	nc_set_attr_ints(b->ctx, conv, "strides", &stft.step, 1);
	conv->compute = NC_F32;
	x = nc_build(b, conv);
	x = nc_build_transpose(b, NULL, x, channels_first);
	x = nc_build_reshape(b, dtype == NC_F32 ? out : NULL, x, 4, out->dims);
	if (dtype != NC_F32)
		nc_build_cast(b, out, x, dtype);
}
