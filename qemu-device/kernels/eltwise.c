// SPDX-License-Identifier: MIT
/*
 * ELTWISE and SELECT: two operands, broadcast by stride.
 *
 * Two integers are computed with in int32, which wraps around; anything else in
 * fp32. Comparisons and logic give 0 or 1.
 */
#include <math.h>

#include "nk.h"

static inline float max_f32(float a, float b)
{
	float greater = a < b ? b : a;

	return b != b ? b : greater;
}

static inline float min_f32(float a, float b)
{
	float less = a > b ? b : a;

	return b != b ? b : less;
}

/* The sign of the divisor; fmodf() has no rounding error. */
static inline float mod_f32(float a, float b)
{
	float r = fmodf(a, b);

	return r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

#define FLOAT_BINARIES(X)							\
	X(ADD, a + b)								\
	X(SUB, a - b)								\
	X(MUL, a * b)								\
	X(DIV, a / b)								\
	X(MAX, max_f32(a, b))							\
	X(MIN, min_f32(a, b))							\
	X(MOD, mod_f32(a, b))							\
	X(FMOD, fmodf(a, b))							\
	X(PRELU, a < 0 ? a * b : a)						\
	X(EQ, a == b)								\
	X(LT, a < b)								\
	X(LE, a <= b)								\
	X(GT, a > b)								\
	X(GE, a >= b)								\
	X(AND, (a != 0) & (b != 0))						\
	X(OR, (a != 0) | (b != 0))						\
	X(XOR, (a != 0) ^ (b != 0))

static inline int32_t div_i32(int32_t a, int32_t b)
{
	if (!b)
		return 0;
	return b == -1 ? (int32_t)(0u - (uint32_t)a) : a / b;
}

static inline int32_t fmod_i32(int32_t a, int32_t b)
{
	return b == 0 || b == -1 ? 0 : a % b;
}

static inline int32_t mod_i32(int32_t a, int32_t b)
{
	int32_t r = fmod_i32(a, b);

	return r && (r < 0) != (b < 0) ? r + b : r;
}

/* Modulo 2^32 for exponents from zero on; the integer part for those below. */
static inline int32_t pow_i32(int32_t a, int32_t b)
{
	uint32_t result = 1, square = a;

	if (b < 0)
		return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
	for (uint32_t e = b; e; e >>= 1, square *= square)
		if (e & 1)
			result *= square;
	return result;
}

#define INTEGER_BINARIES(X)							\
	X(ADD, (uint32_t)a + (uint32_t)b)					\
	X(SUB, (uint32_t)a - (uint32_t)b)					\
	X(MUL, (uint32_t)a * (uint32_t)b)					\
	X(DIV, div_i32(a, b))							\
	X(MAX, a < b ? b : a)							\
	X(MIN, a > b ? b : a)							\
	X(POW, pow_i32(a, b))							\
	X(MOD, mod_i32(a, b))							\
	X(FMOD, fmod_i32(a, b))							\
	X(PRELU, a < 0 ? (uint32_t)a * (uint32_t)b : (uint32_t)a)		\
	X(EQ, a == b)								\
	X(LT, a < b)								\
	X(LE, a <= b)								\
	X(GT, a > b)								\
	X(GE, a >= b)								\
	X(AND, (a != 0) & (b != 0))						\
	X(OR, (a != 0) | (b != 0))						\
	X(XOR, (a != 0) ^ (b != 0))						\
	X(BIT_AND, a & b)							\
	X(BIT_OR, a | b)							\
	X(BIT_XOR, a ^ b)							\
	X(SHL, (uint32_t)b < 32 ? (uint32_t)a << (b & 31) : 0)			\
	X(SHR, (uint32_t)b < 32 ? (uint32_t)a >> (b & 31) : 0)

/* Comparisons keep bool's 0 and 1; everything else its type. In place is allowed. */
#define DEFINE_F32(name, expression)						\
NK_CLONES static void f32_##name(float *dst, const float *pa, const float *pb, size_t n) \
{										\
	NK_INDEPENDENT								\
	for (size_t i = 0; i < n; i++) {					\
		float a = pa[i], b = pb[i];					\
										\
		dst[i] = expression;						\
	}									\
}

#define DEFINE_I32(name, expression)						\
NK_CLONES static void i32_##name(int32_t *dst, const int32_t *pa, const int32_t *pb,	\
				 size_t n)					\
{										\
	NK_INDEPENDENT								\
	for (size_t i = 0; i < n; i++) {					\
		int32_t a = pa[i], b = pb[i];					\
										\
		dst[i] = expression;						\
	}									\
}

FLOAT_BINARIES(DEFINE_F32)
INTEGER_BINARIES(DEFINE_I32)

typedef void f32_fn(float *dst, const float *a, const float *b, size_t n);
typedef void i32_fn(int32_t *dst, const int32_t *a, const int32_t *b, size_t n);

static f32_fn *const f32_fns[NEURON_NUM_BINARIES] = {
#define X(name, expression) [NEURON_BINARY_##name] = f32_##name,
	FLOAT_BINARIES(X)
#undef X
	[NEURON_BINARY_POW] = nk_powf,
};

static i32_fn *const i32_fns[NEURON_NUM_BINARIES] = {
#define X(name, expression) [NEURON_BINARY_##name] = i32_##name,
	INTEGER_BINARIES(X)
#undef X
};

/*
 * The common functions of dense rows of fp32, in one loop with what limits the result: the
 * same operations in the same order as below. A short row is over before others have begun.
 * Return: how many are NaN.
 */
#define DIRECT_BINARIES(X)							\
	X(ADD, a + b)								\
	X(SUB, a - b)								\
	X(MUL, a * b)								\
	X(DIV, a / b)

#define DEFINE_DIRECT(name, expression)						\
NK_CLONES static uint32_t direct_##name(float *dst, const float *pa, const float *pb,	\
					float least, float greatest, size_t n)	\
{										\
	uint32_t nans = 0;							\
										\
	NK_INDEPENDENT								\
	for (size_t i = 0; i < n; i++) {					\
		float a = pa[i], b = pb[i], v = expression;			\
										\
		v = v < least ? least : v;					\
		v = v > greatest ? greatest : v;				\
		nans += v != v;							\
		dst[i] = v;							\
	}									\
	return nans;								\
}

DIRECT_BINARIES(DEFINE_DIRECT)

typedef uint32_t direct_fn(float *dst, const float *a, const float *b, float least,
			   float greatest, size_t n);

static direct_fn *const direct_fns[NEURON_NUM_BINARIES] = {
#define X(name, expression) [NEURON_BINARY_##name] = direct_##name,
	DIRECT_BINARIES(X)
#undef X
};

struct eltwise {
	unsigned int out, a, b;
	const struct neuron_params_ELTWISE *p;
	f32_fn *f32;
	direct_fn *direct;	/* if the types and the function are such */
	float least, greatest;
	i32_fn *i32;
	bool act_i32;
};

static void row_f32(const struct eltwise *e, char *out, const char *a, const char *b,
		    const ptrdiff_t *step, size_t n, struct nk_stats *stats)
{
	float buf[3][NK_CHUNK] NK_ALIGNED;
	bool whole = n % NK_LANES == 0;
	const float *x = buf[0], *y = buf[1];
	float *dst = buf[2];

	/* Whole groups of lanes need no detour through the buffers. */
	if (whole) {
		x = nk_load_f32(e->a, a, step[1], n, buf[0]);
		y = nk_load_f32(e->b, b, step[2], n, buf[1]);
		if (e->out == NEURON_F32 && step[0] == sizeof(float))
			dst = (float *)out;
	} else {
		nk_copy_f32(e->a, a, step[1], n, buf[0]);
		nk_copy_f32(e->b, b, step[2], n, buf[1]);
		for (size_t i = n; i % NK_LANES; i++)
			buf[0][i] = buf[1][i] = 1;
	}
	e->f32(dst, x, y, NK_ROUND_UP(n));
	if (e->p->act != NEURON_ACT_IDENTITY)
		nk_act_f32(e->p->act, e->p->alpha, e->p->beta, dst, dst, n);
	nk_store_f32(e->out, out, step[0], n, dst, stats);
}

static void row_i32(const struct eltwise *e, char *out, const char *a, const char *b,
		    const ptrdiff_t *step, size_t n, struct nk_stats *stats)
{
	int32_t buf[3][NK_CHUNK] NK_ALIGNED;
	float v[NK_CHUNK] NK_ALIGNED;

	e->i32(buf[2], nk_load_i32(e->a, a, step[1], n, buf[0]),
	       nk_load_i32(e->b, b, step[2], n, buf[1]), n);
	if (e->act_i32) {
		if (e->p->act != NEURON_ACT_IDENTITY)
			nk_act_i32(e->p->act, e->p->alpha, e->p->beta, buf[2], buf[2], n);
		nk_store_i32(e->out, out, step[0], n, buf[2], stats);
		return;
	}
	nk_copy_f32(NEURON_I32, buf[2], sizeof(int32_t), n, v);
	for (size_t i = n; i % NK_LANES; i++)
		v[i] = 0;
	nk_act_f32(e->p->act, e->p->alpha, e->p->beta, v, v, n);
	nk_store_f32(e->out, out, step[0], n, v, stats);
}

static void eltwise_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
			struct nk_stats *stats)
{
	const struct eltwise *e = arg;

	if (e->direct && step[0] == sizeof(float) && step[1] == sizeof(float) &&
	    step[2] == sizeof(float)) {
		stats->nans += e->direct((float *)ptr[0], (const float *)ptr[1],
					 (const float *)ptr[2], e->least, e->greatest, n);
		return;
	}
	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		const char *a = ptr[1] + (ptrdiff_t)i * step[1];
		const char *b = ptr[2] + (ptrdiff_t)i * step[2];

		if (e->i32)
			row_i32(e, out, a, b, step, count, stats);
		else
			row_f32(e, out, a, b, step, count, stats);
	}
}

/* Limits leave NaN as it is; where they are none, or NaN themselves, it is a function's work. */
static void find_direct(struct eltwise *e)
{
	if (e->out != NEURON_F32 || e->a != NEURON_F32 || e->b != NEURON_F32)
		return;
	e->least = -INFINITY;
	e->greatest = INFINITY;
	if (e->p->act == NEURON_ACT_RELU) {
		e->least = 0;
	} else if (e->p->act == NEURON_ACT_CLIP && e->p->alpha <= e->p->beta) {
		e->least = e->p->alpha;
		e->greatest = e->p->beta;
	} else if (e->p->act != NEURON_ACT_IDENTITY) {
		return;
	}
	e->direct = direct_fns[e->p->func];
}

enum nk_status nk_eltwise(const struct nk_call *call)
{
	const struct neuron_params_ELTWISE *p = NEURON_CPARAMS(ELTWISE, call->inst);
	struct eltwise e = {
		.out = call->op[0].desc->dtype,
		.a = call->op[1].desc->dtype,
		.b = call->op[2].desc->dtype,
		.p = p,
		.act_i32 = nk_act_is_integer(p->act),
	};

	if (p->func >= NEURON_NUM_BINARIES)
		return NK_UNSUPPORTED;
	if (nk_is_float(e.a) || nk_is_float(e.b))
		e.f32 = f32_fns[p->func];
	else
		e.i32 = i32_fns[p->func];
	if (!nk_reference_only(call->ctx))
		find_direct(&e);
	/* Powers take as long as any function. */
	return nk_run_arranged(call, 3, nk_act_weight(p->func == NEURON_BINARY_POW ?
						      NEURON_ACT_POWC : p->act), eltwise_row, &e);
}

struct select {
	unsigned int out, a, b;
	bool integer, bytes;
};

#define DEFINE_SELECT(type)							\
NK_CLONES static void select_##type(type *dst, const uint8_t *cond, const type *a, \
				    const type *b, size_t n)			\
{										\
	NK_INDEPENDENT								\
	for (size_t i = 0; i < n; i++)						\
		dst[i] = cond[i] ? a[i] : b[i];					\
}

DEFINE_SELECT(float)
DEFINE_SELECT(int32_t)
DEFINE_SELECT(uint8_t)

/* Bytes @step apart, side by side. */
static const uint8_t *load_bytes(const char *p, ptrdiff_t step, size_t n, uint8_t *buf)
{
	if (step == 1)
		return (const uint8_t *)p;
	if (!step)
		return memset(buf, *p, n);
	for (size_t i = 0; i < n; i++)
		buf[i] = (uint8_t)p[(ptrdiff_t)i * step];
	return buf;
}

/* Bytes of one type pass as they are. */
static void select_bytes(char *out, const char *a, const char *b, const uint8_t *cond,
			 const ptrdiff_t *step, size_t n)
{
	uint8_t buf[3][NK_CHUNK];
	uint8_t *dst = step[0] == 1 ? (uint8_t *)out : buf[2];

	select_uint8_t(dst, cond, load_bytes(a, step[2], n, buf[0]),
		       load_bytes(b, step[3], n, buf[1]), n);
	if (dst == buf[2])
		for (size_t i = 0; i < n; i++)
			out[(ptrdiff_t)i * step[0]] = (char)buf[2][i];
}

static void select_row(void *arg, char *const *ptr, const ptrdiff_t *step, size_t n,
		       struct nk_stats *stats)
{
	const struct select *s = arg;

	for (size_t i = 0; i < n; i += NK_CHUNK) {
		size_t count = n - i < NK_CHUNK ? n - i : NK_CHUNK;
		char *out = ptr[0] + (ptrdiff_t)i * step[0];
		const char *cond = ptr[1] + (ptrdiff_t)i * step[1];
		const char *a = ptr[2] + (ptrdiff_t)i * step[2];
		const char *b = ptr[3] + (ptrdiff_t)i * step[3];
		uint8_t buf[NK_CHUNK];
		const uint8_t *bools = load_bytes(cond, step[1], count, buf);

		if (s->bytes) {
			select_bytes(out, a, b, bools, step, count);
		} else if (s->integer) {
			int32_t buf[3][NK_CHUNK] NK_ALIGNED;

			select_int32_t(buf[2], bools,
				       nk_load_i32(s->a, a, step[2], count, buf[0]),
				       nk_load_i32(s->b, b, step[3], count, buf[1]), count);
			nk_store_i32(s->out, out, step[0], count, buf[2], stats);
		} else {
			float buf[3][NK_CHUNK] NK_ALIGNED;

			select_float(buf[2], bools,
				     nk_load_f32(s->a, a, step[2], count, buf[0]),
				     nk_load_f32(s->b, b, step[3], count, buf[1]), count);
			nk_store_f32(s->out, out, step[0], count, buf[2], stats);
		}
	}
}

enum nk_status nk_select(const struct nk_call *call)
{
	struct select s = {
		.out = call->op[0].desc->dtype,
		.a = call->op[2].desc->dtype,
		.b = call->op[3].desc->dtype,
	};

	/* Float branches of one type pass unchanged: widening and back is exact. */
	s.integer = !nk_is_float(s.a) && !nk_is_float(s.b);
	s.bytes = nk_is_byte(s.out) && s.a == s.out && s.b == s.out;
	return nk_run_arranged(call, 4, 1, select_row, &s);
}
