// SPDX-License-Identifier: MIT
/*
 * ACT: unary functions, also used by every epilogue.
 *
 * Floats of all sizes are computed in fp32. Transcendental functions go through
 * the vector functions of the C library (libmvec), which glibc bounds at 4
 * units in the last place.
 */
#include <math.h>

#include "nk.h"

/*
 * Say that vector versions exist. glibc's own header does so only under
 * -ffast-math, which would take NaN and infinities from us; where there are
 * none, the same loops call the scalar functions.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define VECTOR	__attribute__((simd("notinbranch")))
VECTOR float expf(float);
VECTOR float expm1f(float);
VECTOR float logf(float);
VECTOR float log1pf(float);
VECTOR float tanhf(float);
VECTOR float erff(float);
VECTOR float sinf(float);
VECTOR float cosf(float);
VECTOR float atanf(float);
#endif

#define SQRT_HALF	0.707106781186547524f
#define SQRT_2_OVER_PI	0.797884560802865356f

/* max and min that pass NaN in x through */
static inline float max_with(float x, float limit)
{
	return x < limit ? limit : x;
}

static inline float min_with(float x, float limit)
{
	return x > limit ? limit : x;
}

/* Neither branch overflows. */
static inline float softplus(float x)
{
	return max_with(x, 0) + log1pf(expf(-fabsf(x)));
}

/* (1 + tanh(u)) / 2 is 1 / (1 + exp(-2 * u)), which takes half the time. */
static inline float gelu_tanh(float x)
{
	return x / (1 + expf(-2 * SQRT_2_OVER_PI * (x + 0.044715f * x * x * x)));
}

/*
 * X(NAME, expression of x, alpha and beta): one loop each. Both sides of a
 * condition are computed for every lane.
 */
#define FLOAT_ACTS(X)								\
	X(RELU, max_with(x, 0))							\
	X(CLIP, min_with(max_with(x, alpha), beta))				\
	X(LEAKY_RELU, x < 0 ? alpha * x : x)					\
	X(SIGMOID, 1 / (1 + expf(-x)))						\
	X(TANH, tanhf(x))							\
	X(EXP, expf(x))								\
	X(LOG, logf(x))								\
	X(SQRT, sqrtf(x))							\
	X(RSQRT, 1 / sqrtf(x))							\
	X(RECIPROCAL, 1 / x)							\
	X(ERF, erff(x))								\
	X(GELU, x * (1 + erff(x * SQRT_HALF)) * 0.5f)				\
	X(GELU_TANH, gelu_tanh(x))						\
	X(SILU, x / (1 + expf(-alpha * x)))					\
	X(ELU, x < 0 ? alpha * expm1f(x) : x)					\
	X(SELU, beta * (x <= 0 ? alpha * expm1f(x) : x))			\
	X(SOFTPLUS, softplus(x))						\
	X(SOFTSIGN, x / (1 + fabsf(x)))						\
	X(HARDSIGMOID, min_with(max_with(alpha * x + beta, 0), 1))		\
	X(HARDSWISH, x * min_with(max_with(x * (1 / 6.0f) + 0.5f, 0), 1))	\
	X(MISH, x * tanhf(softplus(x)))						\
	X(ABS, fabsf(x))							\
	X(NEG, -x)								\
	X(SIGN, x != x ? x : (float)((x > 0) - (x < 0)))			\
	X(FLOOR, floorf(x))							\
	X(CEIL, ceilf(x))							\
	X(ROUND, rintf(x))							\
	X(SIN, sinf(x))								\
	X(COS, cosf(x))								\
	X(NOT, x == 0)								\
	X(SQUARE, x * x)							\
	X(AFFINE, alpha * x + beta)						\
	X(THRESHOLD, x > alpha ? x : 0)						\
	X(ATAN, atanf(x))

typedef void act_fn(float *dst, const float *src, size_t n, float alpha, float beta);

/* In place is allowed, so there is no restrict here but a promise of none. */
#define DEFINE(name, expression)						\
NK_CLONES static void act_##name(float *dst, const float *src, size_t n,	\
				 float alpha, float beta)			\
{										\
	(void)alpha;								\
	(void)beta;								\
	NK_INDEPENDENT								\
	for (size_t i = 0; i < n; i++) {					\
		float x = src[i];						\
										\
		dst[i] = expression;						\
	}									\
}

FLOAT_ACTS(DEFINE)
#undef DEFINE

static void act_POWC(float *dst, const float *src, size_t n, float alpha, float beta)
{
	(void)beta;
	nk_powf_to(dst, src, alpha, n);
}

void nk_act_f32(uint32_t func, float alpha, float beta, float *dst, const float *src,
		size_t n)
{
	static act_fn *const act[NEURON_NUM_ACTS] = {
#define X(name, expression) [NEURON_ACT_##name] = act_##name,
		FLOAT_ACTS(X)
#undef X
		[NEURON_ACT_POWC] = act_POWC,
	};

	if (func < NEURON_NUM_ACTS && act[func])
		act[func](dst, src, NK_ROUND_UP(n), alpha, beta);
	else if (dst != src)
		memcpy(dst, src, n * sizeof(*dst));
}

NK_CLONES void nk_expf(float *dst, const float *src, size_t n)
{
	n = NK_ROUND_UP(n);
	NK_INDEPENDENT
	for (size_t i = 0; i < n; i++)
		dst[i] = expf(src[i]);
}

unsigned int nk_act_weight(uint32_t func)
{
	switch (func) {
	case NEURON_ACT_SIGMOID:
	case NEURON_ACT_TANH:
	case NEURON_ACT_EXP:
	case NEURON_ACT_LOG:
	case NEURON_ACT_ERF:
	case NEURON_ACT_GELU:
	case NEURON_ACT_GELU_TANH:
	case NEURON_ACT_SILU:
	case NEURON_ACT_ELU:
	case NEURON_ACT_SELU:
	case NEURON_ACT_SOFTPLUS:
	case NEURON_ACT_MISH:
	case NEURON_ACT_SIN:
	case NEURON_ACT_COS:
	case NEURON_ACT_POWC:
	case NEURON_ACT_ATAN:
		return 8;
	default:
		return 1;
	}
}

bool nk_act_is_integer(uint32_t func)
{
	switch (func) {
	case NEURON_ACT_IDENTITY:
	case NEURON_ACT_RELU:
	case NEURON_ACT_CLIP:
	case NEURON_ACT_ABS:
	case NEURON_ACT_NEG:
	case NEURON_ACT_SIGN:
	case NEURON_ACT_FLOOR:
	case NEURON_ACT_CEIL:
	case NEURON_ACT_ROUND:
	case NEURON_ACT_NOT:
	case NEURON_ACT_SQUARE:
		return true;
	}
	return false;
}

/* A limit of CLIP among the integers: the least int32 not below @f. */
static int32_t limit(float f)
{
	if (f != f)
		return INT32_MIN;
	if (f >= 0x1p31f)
		return INT32_MAX;
	return f < -0x1p31f ? INT32_MIN : (int32_t)f;
}

/* Wraps around, as the arithmetic of integers does everywhere in the chip. */
NK_CLONES void nk_act_i32(uint32_t func, float alpha, float beta, int32_t *dst,
			  const int32_t *src, size_t n)
{
	int32_t low = limit(ceilf(alpha)), high = beta != beta ? INT32_MAX : limit(floorf(beta));

	switch (func) {
	case NEURON_ACT_RELU:
		for (size_t i = 0; i < n; i++)
			dst[i] = src[i] < 0 ? 0 : src[i];
		break;
	case NEURON_ACT_CLIP:
		for (size_t i = 0; i < n; i++) {
			int32_t x = src[i] < low ? low : src[i];

			dst[i] = x > high ? high : x;
		}
		break;
	case NEURON_ACT_ABS:
		for (size_t i = 0; i < n; i++)
			dst[i] = src[i] < 0 ? 0u - (uint32_t)src[i] : (uint32_t)src[i];
		break;
	case NEURON_ACT_NEG:
		for (size_t i = 0; i < n; i++)
			dst[i] = 0u - (uint32_t)src[i];
		break;
	case NEURON_ACT_SIGN:
		for (size_t i = 0; i < n; i++)
			dst[i] = (src[i] > 0) - (src[i] < 0);
		break;
	case NEURON_ACT_NOT:
		for (size_t i = 0; i < n; i++)
			dst[i] = !src[i];
		break;
	case NEURON_ACT_SQUARE:
		for (size_t i = 0; i < n; i++)
			dst[i] = (uint32_t)src[i] * (uint32_t)src[i];
		break;
	default:
		if (dst != src)
			memcpy(dst, src, n * sizeof(*dst));
		break;
	}
}

struct act_row {
	unsigned int out, in;
	uint32_t func;
	float alpha, beta;
	bool integer;
};

static void act_integers(const struct act_row *act, char *out, ptrdiff_t out_step,
			 const char *in, ptrdiff_t in_step, size_t n, struct nk_stats *stats)
{
	int32_t buf[NK_CHUNK] NK_ALIGNED;
	const int32_t *x = nk_load_i32(act->in, in, in_step, n, buf);

	if (act->func != NEURON_ACT_IDENTITY) {
		nk_act_i32(act->func, act->alpha, act->beta, buf, x, n);
		x = buf;
	}
	nk_store_i32(act->out, out, out_step, n, x, stats);
}

static void act_floats(const struct act_row *act, char *out, ptrdiff_t out_step,
		       const char *in, ptrdiff_t in_step, size_t n, struct nk_stats *stats)
{
	float buf[NK_CHUNK] NK_ALIGNED;
	const float *x = buf;
	float *y = buf;

	/* Whole groups of lanes need no detour through the buffer. */
	if (n % NK_LANES)
		nk_copy_f32(act->in, in, in_step, n, buf);
	else
		x = nk_load_f32(act->in, in, in_step, n, buf);
	if (n % NK_LANES == 0 && act->out == NEURON_F32 && out_step == sizeof(float))
		y = (float *)out;
	for (size_t i = n; i % NK_LANES; i++)
		buf[i] = 0;

	nk_act_f32(act->func, act->alpha, act->beta, y, x, n);
	nk_store_f32(act->out, out, out_step, n, y, stats);
}

static void act_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		    struct nk_stats *stats)
{
	const struct act_row *act = arg;

	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		const char *in = ptr[1] + (ptrdiff_t)i * step[1];

		if (act->integer)
			act_integers(act, out, step[0], in, step[1], count, stats);
		else
			act_floats(act, out, step[0], in, step[1], count, stats);
	}
}

enum nk_status nk_act(const struct nk_call *call)
{
	const struct neuron_params_ACT *p = NEURON_CPARAMS(ACT, call->inst);
	unsigned int in = call->op[1].desc->dtype;
	struct act_row act = {
		.out = call->op[0].desc->dtype,
		.in = in,
		.func = p->func,
		.alpha = p->alpha,
		.beta = p->beta,
		.integer = !nk_is_float(in) && nk_act_is_integer(p->func),
	};
	struct nk_nest nest;

	nk_nest_init(&nest, 2, call->op, ~0u);
	nest.weight *= nk_act_weight(act.func);
	return nk_nest_run(call, &nest, act_row, &act);
}
