// SPDX-License-Identifier: MIT
/*
 * CONV and CONV_TRANSPOSE, one to three spatial dimensions.
 *
 * The reference. Operands are copied into dense arrays of fp32 or int32, minus
 * their zero points. An output's sum runs over input channels, then over the
 * kernel in row-major order, a rounded product added to a rounded sum;
 * positions outside the input add nothing.
 */
#include "nk.h"
#include "fast.h"

struct conv {
	const struct nk_call *call;
	struct nk_epilogue ep;
	bool integer;
	bool transpose;
	const char *in, *weight;	/* dense, fp32 or int32 */
	char *sums;			/* a row by thread */
	/* Dimensions are padded to three in front, with ones. */
	uint32_t channels, filters;	/* of one group */
	int64_t in_dims[3], out_dims[3], kernel[3], stride[3], dilation[3], pad[3];
	ptrdiff_t out_stride[3];
};

/*
 * Where kernel position @k meets the input for output position @out: an input
 * position, or -1.
 */
static int64_t meet(const struct conv *c, unsigned int d, int64_t out, int64_t k)
{
	int64_t in = out * c->stride[d] - c->pad[d] + k * c->dilation[d];

	if (c->transpose) {
		in = out + c->pad[d] - k * c->dilation[d];
		if (in % c->stride[d])
			return -1;
		in /= c->stride[d];
	}
	return in >= 0 && in < c->in_dims[d] ? in : -1;
}

static int64_t div_up(int64_t a, int64_t b)
{
	return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/*
 * A row of output gets one weight times a row of input: sums[i * sum_step] +=
 * weight * in[i * in_step].
 */
#define DEFINE_MULTIPLY_ADD(name, type)						\
NK_CLONES static void multiply_add_##name(type *restrict sums, size_t sum_step,	\
					  const type *restrict in,		\
					  size_t in_step, type weight, size_t n)	\
{										\
	if (sum_step == 1 && in_step == 1)					\
		for (size_t i = 0; i < n; i++)					\
			sums[i] += weight * in[i];				\
	else									\
		for (size_t i = 0; i < n; i++)					\
			sums[i * sum_step] += weight * in[i * in_step];		\
}

DEFINE_MULTIPLY_ADD(f32, float)
DEFINE_MULTIPLY_ADD(i32, uint32_t)

/* One position of the kernel's last dimension against one row of input. */
static void add_row(const struct conv *c, char *sums, const char *in, const char *weight,
		    int64_t k)
{
	int64_t shift = k * c->dilation[2] - c->pad[2];
	/* CONV: in = out * stride + shift. CONV_TRANSPOSE: out = in * stride + shift. */
	int64_t limit = c->transpose ? c->out_dims[2] : c->in_dims[2];
	int64_t count = c->transpose ? c->in_dims[2] : c->out_dims[2];
	int64_t first = div_up(-shift, c->stride[2]);
	int64_t end = div_up(limit - shift, c->stride[2]);
	int64_t in_at, out_at;
	size_t in_step, out_step;

	if (first < 0)
		first = 0;
	if (end > count)
		end = count;
	if (first >= end)
		return;

	in_at = c->transpose ? first : first * c->stride[2] + shift;
	out_at = c->transpose ? first * c->stride[2] + shift : first;
	in_step = c->transpose ? 1 : c->stride[2];
	out_step = c->transpose ? c->stride[2] : 1;

	if (c->integer)
		multiply_add_i32((uint32_t *)sums + out_at, out_step,
				 (const uint32_t *)in + in_at, in_step,
				 *(const uint32_t *)weight, end - first);
	else
		multiply_add_f32((float *)sums + out_at, out_step, (const float *)in + in_at,
				 in_step, *(const float *)weight, end - first);
}

/* A tile: all rows of one filter in one image. */
static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct conv *c = arg;
	const struct neuron_tensor *out = c->call->op[0].desc;
	uint32_t all = out->dims[1];
	uint64_t image = tile / all;
	uint32_t m = tile % all, group = m / c->filters;
	size_t in_plane = c->in_dims[0] * c->in_dims[1] * c->in_dims[2];
	size_t kernel = c->kernel[0] * c->kernel[1] * c->kernel[2];
	size_t room = NK_ROUND_UP((size_t)c->out_dims[2]);
	float *sums = (float *)c->sums + thread * room;
	uint32_t groups = all / c->filters;
	/* CONV has [filter][channel in group], CONV_TRANSPOSE [channel][filter in group]. */
	size_t weight_at = c->transpose ?
		((size_t)group * c->channels * c->filters + m % c->filters) * kernel :
		(size_t)m * c->channels * kernel;
	size_t weight_step = (c->transpose ? c->filters : 1) * kernel;
	const char *in = c->in + 4 * (image * groups + group) * c->channels * in_plane;
	const char *weight = c->weight + 4 * weight_at;
	char *dst = (char *)c->call->op[0].data + (ptrdiff_t)image * nk_stride(out, 0) +
		    (ptrdiff_t)m * nk_stride(out, 1);

	for (int64_t od = 0; od < c->out_dims[0]; od++)
	for (int64_t oh = 0; oh < c->out_dims[1]; oh++) {
		char *to = dst + od * c->out_stride[0] + oh * c->out_stride[1];

		if (nk_cancelled(c->call))
			return NK_CANCELLED;
		memset(sums, 0, room * 4);
		for (uint32_t ch = 0; ch < c->channels; ch++)
		for (int64_t kd = 0; kd < c->kernel[0]; kd++)
		for (int64_t kh = 0; kh < c->kernel[1]; kh++) {
			int64_t id = meet(c, 0, od, kd), ih = meet(c, 1, oh, kh);
			const char *in_row, *w;

			if (nk_cancelled(c->call))
				return NK_CANCELLED;
			if (id < 0 || ih < 0)
				continue;
			in_row = in + 4 * (ch * in_plane +
					   (id * c->in_dims[1] + ih) * c->in_dims[2]);
			w = weight + 4 * (ch * weight_step +
					  (kd * c->kernel[1] + kh) * c->kernel[2]);
			for (int64_t kw = 0; kw < c->kernel[2]; kw++)
				add_row(c, (char *)sums, in_row, w + 4 * kw, kw);
		}
		for (int64_t i = 0; i < c->out_dims[2]; i += NK_CHUNK) {
			int64_t n = c->out_dims[2] - i < NK_CHUNK ? c->out_dims[2] - i : NK_CHUNK;

			nk_epilogue_row(&c->ep, sums + i, c->integer, m, false,
					to + i * c->out_stride[2], c->out_stride[2], n, stats);
		}
	}
	return NK_OK;
}

static enum nk_status reference(const struct nk_call *call, struct conv *c)
{
	const struct nk_view *op = call->op;
	const struct neuron_tensor *out = op[0].desc, *in = op[1].desc, *w = op[2].desc;
	const struct neuron_params_CONV *p = NEURON_CPARAMS(CONV, call->inst);
	unsigned int spatial = out->rank - 2;
	float *arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS,
				   nk_epilogue_bytes(out->dims[1]));
	enum nk_status status;

	c->channels = in->dims[1] / p->groups;
	c->filters = out->dims[1] / p->groups;
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int d = i + spatial - 3;	/* of the parameters; wraps */
		bool used = i + spatial >= 3;

		c->in_dims[i] = used ? in->dims[2 + d] : 1;
		c->out_dims[i] = used ? out->dims[2 + d] : 1;
		c->kernel[i] = used ? w->dims[2 + d] : 1;
		c->stride[i] = used ? p->stride[d] : 1;
		c->dilation[i] = used ? p->dilation[d] : 1;
		c->pad[i] = used ? p->pad[d] : 0;
		c->out_stride[i] = used ? nk_stride(out, 2 + d) : 0;
	}

	c->in = nk_scratch(call->ctx, NK_SCRATCH_IN, nk_elements(in) * 4);
	c->weight = nk_scratch(call->ctx, NK_SCRATCH_WEIGHT, nk_elements(w) * 4);
	c->sums = nk_scratch(call->ctx, NK_SCRATCH_THREAD, nk_threads(call->ctx) *
			     NK_ROUND_UP((size_t)c->out_dims[2]) * 4);
	if (!arrays || !c->in || !c->weight || !c->sums)
		return NK_NO_MEMORY;

	if (c->integer) {
		status = nk_pack_i32(call, &op[1], (int32_t *)c->in);
		if (!status)
			status = nk_pack_i32(call, &op[2], (int32_t *)c->weight);
	} else {
		status = nk_pack_f32(call, &op[1], (float *)c->in);
		if (!status)
			status = nk_pack_f32(call, &op[2], (float *)c->weight);
	}
	if (status)
		return status;

	nk_epilogue_init(&c->ep, call->inst, op, out->dims[1], c->integer, arrays);
	return nk_parallel(call, (size_t)out->dims[0] * out->dims[1], tile, c);
}

/* Multiplications of a convolution, those with padding included. */
static uint64_t macs(const struct nk_call *call)
{
	bool transpose = call->inst->opcode == NEURON_OP_CONV_TRANSPOSE;
	const struct neuron_tensor *w = call->op[2].desc;
	const struct neuron_tensor *positions = call->op[transpose ? 1 : 0].desc;
	uint64_t n = nk_times(nk_elements(w), positions->dims[0]);

	for (unsigned int d = 2; d < positions->rank; d++)
		n = nk_times(n, positions->dims[d]);
	return n;
}

static bool is_fast(const struct nk_call *call)
{
	return !nk_reference_only(call->ctx) && macs(call) <= NK_FAST_MACS;
}

enum nk_status nk_conv_prepare(const struct nk_call *call)
{
	return is_fast(call) ? nk_fast_conv_prepare(call) : NK_OK;
}

enum nk_status nk_conv(const struct nk_call *call)
{
	const struct nk_view *op = call->op;
	struct conv c = {
		.call = call,
		.integer = nk_is_byte(op[1].desc->dtype) && nk_is_byte(op[2].desc->dtype),
		.transpose = call->inst->opcode == NEURON_OP_CONV_TRANSPOSE,
	};
	enum nk_status status = NK_UNSUPPORTED;

	call->stats->macs += macs(call);
	if (is_fast(call))
		status = nk_fast_conv(call);
	return status == NK_UNSUPPORTED ? reference(call, &c) : status;
}
