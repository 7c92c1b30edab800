// SPDX-License-Identifier: MIT
/*
 * Convolutions of bytes that mean real numbers: sums near the middle between two
 * steps are rounded as the fp32 sum is. The scales are chosen so that every odd sum
 * is one of these.
 */
#include "kernels.h"

struct shape {
	const char *name;
	uint32_t channels, filters, groups, kernel, size;
	enum neuron_act act;
	enum test_layout layout;
};

static const struct shape shapes[] = {
	{ "1x1, sums of 200 terms", 200, 24, 1, 1, 6, NEURON_ACT_IDENTITY, TEST_CHANNELS_LAST },
	{ "3x3 with relu", 10, 7, 1, 3, 9, NEURON_ACT_RELU, TEST_CHANNELS_LAST },
	{ "depthwise with clip", 24, 24, 24, 3, 9, NEURON_ACT_CLIP, TEST_CHANNELS_LAST },
	{ "groups, row-major", 12, 6, 3, 3, 7, NEURON_ACT_IDENTITY, TEST_DENSE },
};

static const struct shape *current;

/* The sum as the text of NUMERICS.md has it; @integer receives the exact one. */
static float real_sum(const struct test_tensor *x, const struct test_tensor *w, float sw,
		      uint32_t m, uint32_t oy, uint32_t ox, int32_t *integer)
{
	uint32_t per_group = current->channels / current->groups;
	uint32_t group = m / (current->filters / current->groups);
	uint32_t k = current->kernel, terms = per_group * k * k, at;
	bool fours = per_group == 1 && current->filters == current->groups;
	float total = 0, part = 0;

	*integer = 0;
	for (at = 0; at < terms; at++) {
		uint32_t c = at / (k * k), ky = at / k % k, kx = at % k;
		int64_t y = (int64_t)oy + ky - k / 2, z = (int64_t)ox + kx - k / 2;
		int32_t xi = 0, wi;
		float a, b;

		wi = test_get(w, m * terms + at);
		if (y >= 0 && z >= 0 && y < current->size && z < current->size)
			xi = test_get(x, ((group * per_group + c) * current->size + y) *
				      current->size + z) - x->desc.zero_point;
		*integer += xi * wi;
		a = (float)xi * x->desc.scale;
		b = (float)wi * sw;
		if (fours) {
			if (at % 4 == 0) {
				total += part;
				part = a * b;
			} else {
				part += a * b;
			}
		} else {
			if (at && at % 128 == 0) {
				total += part;
				part = 0;
			}
			part = fmaf(a, b, part);
		}
	}
	return total + part;
}

static void compare(void)
{
	uint32_t xd[4] = { 1, current->channels, current->size, current->size };
	uint32_t wd[4] = { current->filters, current->channels / current->groups,
			   current->kernel, current->kernel };
	uint32_t yd[4] = { 1, current->filters, current->size, current->size };
	struct test_tensor x, w, bias, scale, y[2];
	struct neuron_inst inst = { .opcode = NEURON_OP_CONV };
	struct neuron_params_CONV *p = NEURON_PARAMS(CONV, &inst);
	struct nk_stats stats = { 0 };
	unsigned int near = 0, decided = 0, pass;
	uint64_t i, info;

	test_alloc(&x, NEURON_U8, 4, xd, current->layout);
	test_alloc(&w, NEURON_I8, 4, wd, TEST_DENSE);
	test_alloc(&bias, NEURON_I32, 1, yd + 1, TEST_DENSE);
	test_alloc(&scale, NEURON_F32, 1, yd + 1, TEST_DENSE);
	x.desc.scale = 0.1f;
	x.desc.zero_point = 3;
	for (i = 0; i < test_elements(&x.desc); i++)
		test_put(&x, i, test_below(8));
	for (i = 0; i < test_elements(&w.desc); i++)
		test_put(&w, i, (int)test_below(15) - 7);
	for (i = 0; i < current->filters; i++) {
		test_put(&bias, i, (int)test_below(200) - 100);
		test_put(&scale, i, i % 2 ? 0.1f : 0.3f);
	}
	p->groups = current->groups;
	p->act = current->act;
	p->alpha = current->act == NEURON_ACT_CLIP ? -0.5f : 0;
	p->beta = current->act == NEURON_ACT_CLIP ? 1.5f : 0;
	for (i = 0; i < 2; i++) {
		p->stride[i] = p->dilation[i] = 1;
		p->pad[i] = current->kernel / 2;
	}
	for (pass = 0; pass < 2; pass++) {
		struct nk_ctx *ctx = nk_ctx_create(2, pass);
		struct nk_view op[NEURON_MAX_OPERANDS] = { 0 };

		test_alloc(&y[pass], NEURON_I8, 4, yd, current->layout);
		y[pass].desc.scale = 0.02f;
		y[pass].desc.zero_point = -5;
		op[0] = test_view(&y[pass]);
		op[1] = test_view(&x);
		op[2] = test_view(&w);
		op[3] = test_view(&bias);
		op[4] = test_view(&scale);
		CHECK_EQ(nk_execute(ctx, &inst, op, NULL, NULL, &stats, &info), NK_OK);
		nk_ctx_destroy(ctx);
	}
	for (i = 0; i < test_elements(&y[0].desc) && !ktap_failed; i++) {
		uint32_t plane = current->size * current->size, m = i / plane;
		float sw = test_get(&scale, m), mult = x.desc.scale * sw / 0.02f;
		int32_t b = test_get(&bias, m), sum;
		float v = real_sum(&x, &w, sw, m, i % plane / current->size,
				   i % current->size, &sum);
		float steps = (float)(sum + b) * mult, plain;

		plain = steps;
		if (p->act == NEURON_ACT_RELU)
			plain = plain < 0 ? 0 : plain;
		if (p->act == NEURON_ACT_CLIP)
			plain = fminf(fmaxf(plain, p->alpha / 0.02f), p->beta / 0.02f);
		if (fabsf(steps - rintf(steps)) > 0.5f - 0x1p-15f) {
			float before = plain;

			near++;
			v += (float)b * (x.desc.scale * sw);
			if (p->act == NEURON_ACT_RELU)
				v = v < 0 ? 0 : v;
			if (p->act == NEURON_ACT_CLIP)
				v = fminf(fmaxf(v, p->alpha), p->beta);
			plain = v / 0.02f;
			decided += rintf(plain) != rintf(before);
		}
		plain = fminf(fmaxf(rintf(plain) - 5, -128), 127);
		CHECK_EQ(test_get(&y[0], i), plain);
		CHECK_EQ(test_get(&y[1], i), plain);
	}
	/* Or the test would show nothing. */
	CHECK(near > test_elements(&y[0].desc) / 20);
	CHECK(decided > 0);
	test_free(&x);
	test_free(&w);
	test_free(&bias);
	test_free(&scale);
	test_free(&y[0]);
	test_free(&y[1]);
}

int main(void)
{
	unsigned int i;

	for (i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		current = &shapes[i];
		ktap_run(current->name, compare);
	}
	return ktap_done();
}
