// SPDX-License-Identifier: MIT
/*
 * Models on several cores: whatever a model consists of, the parts of its outputs
 * put together are what one core makes, number by number.
 */
#include <math.h>
#include "tests/ktap.h"
#include "compiler/cores.h"
#include "compiler_back_model.h"

#define MODELS	400

static struct nc_value *unary(struct model *m, enum nc_op op, struct nc_value *x)
{
	return model_node(m, op, x->rank, x->dims, x, NULL, NULL);
}

static struct nc_value *conv(struct model *m, struct nc_value *x)
{
	int64_t k = 1 + model_random(m, 4), stride = 1 + model_random(m, 2);
	int64_t dilation = 1 + model_random(m, 2), extent = (k - 1) * dilation + 1;
	int64_t lo = model_random(m, extent), hi = model_random(m, extent);
	int64_t pads[4] = { lo, lo, hi, hi }, strides[2] = { stride, stride };
	int64_t dilations[2] = { dilation, dilation };
	int64_t w[4] = { 1 + model_random(m, 6), x->dims[1], k, k }, d[4];
	struct nc_value *y;

	d[0] = x->dims[0];
	d[1] = w[0];
	d[2] = (x->dims[2] + lo + hi - extent) / stride + 1;
	d[3] = (x->dims[3] + lo + hi - extent) / stride + 1;
	if (x->dims[2] + lo + hi < extent || x->dims[3] + lo + hi < extent)
		return unary(m, NC_OP_Tanh, x);
	y = model_node(m, NC_OP_Conv, 4, d, x, model_const(m, 4, w),
		       model_const(m, 1, w));
	nc_set_attr_ints(&m->ctx, y->producer, "pads", pads, 4);
	nc_set_attr_ints(&m->ctx, y->producer, "strides", strides, 2);
	nc_set_attr_ints(&m->ctx, y->producer, "dilations", dilations, 2);
	return y;
}

static struct nc_value *conv_transpose(struct model *m, struct nc_value *x)
{
	int64_t k = 1 + model_random(m, 5), stride = 1 + model_random(m, 3);
	int64_t lo = model_random(m, k), hi = model_random(m, k);
	int64_t extra = model_random(m, stride);
	int64_t pads[4] = { lo, lo, hi, hi }, strides[2] = { stride, stride };
	int64_t extras[2] = { extra, extra };
	int64_t w[4] = { x->dims[1], 1 + model_random(m, 4), k, k }, d[4];
	struct nc_value *y;

	d[0] = x->dims[0];
	d[1] = w[1];
	d[2] = (x->dims[2] - 1) * stride + k + extra - lo - hi;
	d[3] = (x->dims[3] - 1) * stride + k + extra - lo - hi;
	if (d[2] < 1 || d[3] < 1 || d[2] > 60 || d[3] > 60)
		return unary(m, NC_OP_Relu, x);
	y = model_node(m, NC_OP_ConvTranspose, 4, d, x, model_const(m, 4, w), NULL);
	nc_set_attr_ints(&m->ctx, y->producer, "pads", pads, 4);
	nc_set_attr_ints(&m->ctx, y->producer, "strides", strides, 2);
	nc_set_attr_ints(&m->ctx, y->producer, "output_padding", extras, 2);
	return y;
}

static struct nc_value *pool(struct model *m, struct nc_value *x)
{
	enum nc_op op = model_random(m, 2) ? NC_OP_MaxPool : NC_OP_AveragePool;
	bool ceil = model_random(m, 2), counts = model_random(m, 2);
	int64_t k = 1 + model_random(m, 3), stride = 1 + model_random(m, 2);
	int64_t pad = model_random(m, (k + 1) / 2), in2 = x->dims[2] + 2 * pad;
	int64_t in3 = x->dims[3] + 2 * pad, round = ceil ? stride - 1 : 0;
	int64_t kernel[2] = { k, k }, strides[2] = { stride, stride };
	int64_t pads[4] = { pad, pad, pad, pad }, d[4];
	struct nc_value *y;

	memcpy(d, x->dims, sizeof(d));
	d[2] = (in2 - k + round) / stride + 1;
	d[3] = (in3 - k + round) / stride + 1;
	/* No window begins in what was rounded up. */
	if (in2 < k || in3 < k || (d[2] - 1) * stride >= x->dims[2] + pad ||
	    (d[3] - 1) * stride >= x->dims[3] + pad)
		return unary(m, NC_OP_Sigmoid, x);
	y = model_node(m, op, 4, d, x, NULL, NULL);
	nc_set_attr_ints(&m->ctx, y->producer, "kernel_shape", kernel, 2);
	nc_set_attr_ints(&m->ctx, y->producer, "strides", strides, 2);
	nc_set_attr_ints(&m->ctx, y->producer, "pads", pads, 4);
	nc_set_attr_int(&m->ctx, y->producer, "ceil_mode", ceil);
	if (op == NC_OP_AveragePool)
		nc_set_attr_int(&m->ctx, y->producer, "count_include_pad", counts);
	return y;
}

static struct nc_value *matmul(struct model *m, struct nc_value *x)
{
	int64_t w[2] = { x->dims[3], 1 + model_random(m, 20) }, d[4];

	memcpy(d, x->dims, sizeof(d));
	d[3] = w[1];
	return model_node(m, NC_OP_MatMul, 4, d, x, model_const(m, 2, w), NULL);
}

/* x times itself transposed: every row needs all of them. */
static struct nc_value *attention(struct model *m, struct nc_value *x)
{
	int64_t perm[4] = { 0, 1, 3, 2 }, d[4], s[4];
	struct nc_value *t, *y;

	memcpy(d, x->dims, sizeof(d));
	memcpy(s, d, sizeof(s));
	d[2] = x->dims[3];
	d[3] = x->dims[2];
	t = model_node(m, NC_OP_Transpose, 4, d, x, NULL, NULL);
	nc_set_attr_ints(&m->ctx, t->producer, "perm", perm, 4);
	s[3] = s[2];
	y = model_node(m, NC_OP_MatMul, 4, s, x, t, NULL);
	y = unary(m, NC_OP_Softmax, y);
	nc_set_attr_int(&m->ctx, y->producer, "axis", -1);
	return model_node(m, NC_OP_MatMul, 4, x->dims, y, x, NULL);
}

static struct nc_value *transpose(struct model *m, struct nc_value *x)
{
	static const int64_t perms[][4] = {
		{ 0, 1, 3, 2 }, { 0, 3, 1, 2 }, { 0, 2, 3, 1 }, { 1, 0, 2, 3 },
	};
	const int64_t *perm = perms[model_random(m, 4)];
	struct nc_value *y;
	int64_t d[4];

	for (int i = 0; i < 4; i++)
		d[i] = x->dims[perm[i]];
	y = model_node(m, NC_OP_Transpose, 4, d, x, NULL, NULL);
	nc_set_attr_ints(&m->ctx, y->producer, "perm", perm, 4);
	return y;
}

static struct nc_value *reshape(struct model *m, struct nc_value *x)
{
	int64_t d[4] = { x->dims[0], x->dims[1], x->dims[2], x->dims[3] };

	switch (model_random(m, 4)) {
	case 0:
		d[2] *= d[3];
		d[3] = 1;
		break;
	case 1:
		d[1] *= d[2];
		d[2] = 1;
		break;
	case 2:
		d[0] *= d[1];
		d[1] = 1;
		break;
	default:
		if (d[2] % 2)
			return x;
		d[2] /= 2;
		d[3] *= 2;
	}
	return model_node(m, NC_OP_Reshape, 4, d, x,
			  nc_const_ints_new(&m->ctx, "shape", d, 4), NULL);
}

static struct nc_value *slice(struct model *m, struct nc_value *x)
{
	int64_t axis = model_random(m, 4), n = x->dims[axis], d[4];
	int64_t start = model_random(m, n), step = 1 + model_random(m, 2);
	int64_t end = start + 1 + model_random(m, n - start);
	struct nc_value *y;
	struct nc_node *node;

	memcpy(d, x->dims, sizeof(d));
	if (model_random(m, 4) == 0) {	/* backwards */
		start = n - 1;
		end = INT64_MIN;
		step = -1;
	} else {
		d[axis] = (end - start + step - 1) / step;
	}
	y = model_node(m, NC_OP_Slice, 4, d, x,
		       nc_const_ints_new(&m->ctx, "starts", &start, 1),
		       nc_const_ints_new(&m->ctx, "ends", &end, 1));
	node = y->producer;
	node->inputs = nc_alloc(m->ctx.arena, 5, sizeof(*node->inputs));
	node->inputs[0] = x;
	node->inputs[1] = nc_const_ints_new(&m->ctx, "starts", &start, 1);
	node->inputs[2] = nc_const_ints_new(&m->ctx, "ends", &end, 1);
	node->inputs[3] = nc_const_ints_new(&m->ctx, "axes", &axis, 1);
	node->inputs[4] = nc_const_ints_new(&m->ctx, "steps", &step, 1);
	node->num_inputs = 5;
	return y;
}

static struct nc_value *pad(struct model *m, struct nc_value *x)
{
	static const char *const modes[] = { "constant", "reflect", "edge" };
	const char *mode = modes[model_random(m, 3)];
	int64_t pads[8] = { 0 }, d[4];
	struct nc_value *y;

	memcpy(d, x->dims, sizeof(d));
	for (int i = 2; i < 4; i++) {
		pads[i] = model_random(m, x->dims[i] < 4 ? x->dims[i] : 4);
		pads[4 + i] = model_random(m, x->dims[i] < 4 ? x->dims[i] : 4);
		d[i] += pads[i] + pads[4 + i];
	}
	y = model_node(m, NC_OP_Pad, 4, d, x, nc_const_ints_new(&m->ctx, "pads", pads, 8),
		       NULL);
	nc_set_attr_string(&m->ctx, y->producer, "mode", mode);
	return y;
}

static struct nc_value *depth_to_space(struct model *m, struct nc_value *x)
{
	int64_t d[4] = { x->dims[0], x->dims[1] / 4, x->dims[2] * 2, x->dims[3] * 2 };
	struct nc_value *y;

	if (x->dims[1] % 4)
		return unary(m, NC_OP_Neg, x);
	y = model_node(m, NC_OP_DepthToSpace, 4, d, x, NULL, NULL);
	nc_set_attr_int(&m->ctx, y->producer, "blocksize", 2);
	nc_set_attr_string(&m->ctx, y->producer, "mode", model_random(m, 2) ? "DCR" : "CRD");
	return y;
}

static struct nc_value *gather(struct model *m, struct nc_value *x)
{
	int64_t axis = model_random(m, 4), n = 1 + model_random(m, 9), index[10], d[4];
	struct nc_value *y;

	for (int i = 0; i < n; i++)
		index[i] = model_random(m, x->dims[axis]);
	memcpy(d, x->dims, sizeof(d));
	d[axis] = n;
	y = model_node(m, NC_OP_Gather, 4, d, x,
		       nc_const_ints_new(&m->ctx, "index", index, n), NULL);
	nc_set_attr_int(&m->ctx, y->producer, "axis", axis);
	return y;
}

static struct nc_value *concat(struct model *m, struct nc_value *x, struct nc_value *y)
{
	int axis = model_random(m, 4);
	struct nc_value *out;
	int64_t d[4];

	memcpy(d, x->dims, sizeof(d));
	for (int i = 0; i < 4; i++)
		if (i != axis && y->dims[i] != d[i])
			y = x;
	d[axis] += y->dims[axis];
	out = model_node(m, NC_OP_Concat, 4, d, x, y, NULL);
	nc_set_attr_int(&m->ctx, out->producer, "axis", axis);
	return out;
}

static struct nc_value *norm(struct model *m, struct nc_value *x)
{
	int64_t axis = model_random(m, 4);
	struct nc_value *y;

	switch (model_random(m, 3)) {
	case 0:
		y = model_node(m, NC_OP_LayerNormalization, 4, x->dims, x,
			       model_const(m, 1, &x->dims[3]), NULL);
		nc_set_attr_int(&m->ctx, y->producer, "axis", -1);
		return y;
	case 1:
		y = unary(m, NC_OP_Softmax, x);
		nc_set_attr_int(&m->ctx, y->producer, "axis", axis);
		return y;
	default: {
		int64_t d[4];

		memcpy(d, x->dims, sizeof(d));
		d[axis] = 1;
		y = model_node(m, NC_OP_ReduceMean, 4, d, x,
			       nc_const_ints_new(&m->ctx, "axes", &axis, 1), NULL);
		return model_node(m, NC_OP_Sub, 4, x->dims, x, y, NULL);
	}
	}
}

/* With a constant, broadcast in all ways. */
static struct nc_value *binary(struct model *m, struct nc_value *x)
{
	int64_t d[4];
	int rank = 1 + model_random(m, 4);

	for (int i = 0; i < rank; i++)
		d[i] = model_random(m, 2) ? x->dims[4 - rank + i] : 1;
	return model_node(m, model_random(m, 2) ? NC_OP_Add : NC_OP_Mul, 4, x->dims, x,
			  model_const(m, rank, d), NULL);
}

static struct nc_value *random_node(struct model *m, struct nc_value **values,
				    unsigned int n)
{
	struct nc_value *x = values[n - 1 - model_random(m, n < 3 ? n : 3)];

	switch (model_random(m, 20)) {
	case 0: case 1: case 2: case 3:
		return conv(m, x);
	case 4: case 5:
		return conv_transpose(m, x);
	case 6: case 7:
		return pool(m, x);
	case 8:
		return matmul(m, x);
	case 9:
		return x->dims[2] < 40 ? attention(m, x) : unary(m, NC_OP_Abs, x);
	case 10:
		return transpose(m, x);
	case 11:
		return reshape(m, x);
	case 12:
		return slice(m, x);
	case 13:
		return pad(m, x);
	case 14:
		return depth_to_space(m, x);
	case 15:
		return gather(m, x);
	case 16:
		return concat(m, x, values[model_random(m, n)]);
	case 17:
		return norm(m, x);
	default:
		return binary(m, x);
	}
}

static void random_model(struct model *m, uint64_t seed)
{
	struct nc_value *values[64];
	unsigned int i, n = 0, want;
	int64_t d[4];

	model_begin(m, seed);
	m->ctx.memory_limit = (size_t)1 << 30;
	d[0] = 1 + (model_random(m, 2) ? model_random(m, 6) : 0);
	d[1] = 1 + model_random(m, 8);
	d[2] = 1 + model_random(m, 24);
	d[3] = 1 + model_random(m, 24);
	values[n++] = model_input(m, 4, d);
	want = 2 + model_random(m, 12);
	while (n < want) {
		values[n] = random_node(m, values, n);
		if (nc_numel(values[n]) > 100000)
			values[n] = values[0];
		n++;
	}
	for (i = n; i-- > 0 && m->graph.num_outputs < 2; )
		if (values[i]->producer && !values[i]->is_output &&
		    (i == n - 1 || model_random(m, 3) == 0))
			model_output(m, values[i]);
	if (!m->graph.num_outputs)
		model_output(m, unary(m, NC_OP_Relu, values[0]));
}

/* Of the next models: scratchpad, or 0: as much as there is; the front in parts. */
static uint32_t scratchpad;
static bool front;
static unsigned int fronts;

static float *run(uint64_t seed, unsigned int cores, unsigned int stages, size_t *n,
		  unsigned int *cut)
{
	struct model m;
	float *out = NULL;

	random_model(&m, seed);
	m.options.sbuf_size = scratchpad;
	m.front = front;
	m.cores = cores;
	m.stages = stages;
	m.fuse = seed % 2;
	if (model_compile(&m))
		out = model_run(&m, seed, 0, n);
	else
		printf("# model %u on %u cores, in %u stages: %s\n", (unsigned int)seed,
		       cores, stages, m.ctx.diag.text ? m.ctx.diag.text : "no memory");
	fronts += m.fronts;
	for (unsigned int i = 0; m.ctx.parts && i < m.ctx.parts->count; i++)
		*cut += m.ctx.parts->part[i].image_size > sizeof(struct neuron_program_header);
	model_end(&m);
	return out;
}

/* Which zero of two comes first is up to the cut. */
static bool equal(float a, float b)
{
	return a == b || (isnan(a) && isnan(b));
}

static void compare(uint64_t seed, const float *one, size_t n, unsigned int cores,
		    unsigned int stages, unsigned int *programs)
{
	size_t k = 0, at = 0;
	float *several = run(seed, cores, stages, &k, programs);

	CHECK(several);
	CHECK_EQ(k, n);
	while (several && at < n && equal(several[at], one[at]))
		at++;
	if (several && at < n) {
		printf("# model %u on %u cores, in %u stages: element %zu of %zu is %.9g instead of %.9g\n",
		       (unsigned int)seed, cores, stages, at, n, several[at], one[at]);
		CHECK(!"the same");
	}
	free(several);
}

static void random_models(void)
{
	unsigned int programs = 0, wanted = 0;

	for (uint64_t seed = 1; seed <= MODELS; seed++) {
		size_t n = 0;
		unsigned int none = 0;
		float *one = run(seed, 1, 1, &n, &none);

		CHECK(one);
		for (unsigned int cores = 2; one && cores <= 4; cores++) {
			wanted += cores;
			compare(seed, one, n, cores, 1, &programs);
		}
		free(one);
	}
	/* Most models have outputs for all of them. */
	CHECK(programs > wanted / 2);
}

static void random_stages(void)
{
	unsigned int programs = 0;

	for (uint64_t seed = 1; seed <= MODELS; seed++) {
		size_t n = 0;
		unsigned int none = 0;
		float *one = run(seed, 1, 1, &n, &none);

		CHECK(one);
		for (unsigned int stages = 2; one && stages <= 5; stages++)
			compare(seed, one, n, 1, stages, &programs);
		free(one);
	}
	CHECK(programs > 4 * MODELS);
}

/* Part of a sum each: no sum is the same then. */
static bool near(float a, float b)
{
	return equal(a, b) || fabsf(a - b) <= 1e-3f * (1 + fabsf(a));
}

/* In little scratchpad all is made in pieces, and the front of every second in parts. */
static void little_scratchpad(void)
{
	unsigned int programs = 0;

	for (uint64_t seed = 1; seed <= MODELS; seed++) {
		size_t n = 0, k = 0, at = 0;
		float *all, *little;

		scratchpad = 0;
		all = run(seed, 1, 1, &n, &programs);
		scratchpad = 48 << 10;
		front = seed % 2;
		little = run(seed, 1, 1, &k, &programs);
		CHECK(all && little);
		while (all && little && at < n && near(all[at], little[at]))
			at++;
		if (all && little && at < n) {
			printf("# model %u: element %zu of %zu is %.9g instead of %.9g\n",
			       (unsigned int)seed, at, n, little[at], all[at]);
			CHECK(!"the same");
		}
		free(all);
		free(little);
	}
	scratchpad = 0;
	front = false;
	CHECK(fronts > MODELS / 8);
}

/* A batch of four on four cores: each does a quarter, with one set of weights. */
static void batch(void)
{
	int64_t d[4] = { 4, 8, 32, 32 }, w[4] = { 16, 8, 3, 3 }, y[4] = { 4, 16, 30, 30 };
	uint64_t macs = 4ull * 16 * 30 * 30 * 8 * 9;
	struct nc_value *x;
	struct model m;

	model_begin(&m, 1);
	m.ctx.memory_limit = (size_t)1 << 30;
	x = model_input(&m, 4, d);
	x = model_node(&m, NC_OP_Conv, 4, y, x, model_const(&m, 4, w), NULL);
	model_output(&m, unary(&m, NC_OP_Relu, x));
	m.cores = 4;
	CHECK(model_compile(&m));
	CHECK(m.ctx.parts);
	if (m.ctx.parts) {
		const struct nc_parts *parts = m.ctx.parts;

		CHECK_EQ(parts->count, 4);
		CHECK(parts->part[0].constants);
		CHECK_EQ(parts->weights_size, parts->part[0].constants_size);
		for (unsigned int i = 0; i < 4; i++) {
			CHECK_EQ(parts->part[i].summary.report.macs, macs / 4);
			CHECK_EQ(parts->part[i].cycles, parts->part[0].cycles);
		}
	}
	model_end(&m);
}

int main(void)
{
	ktap_run("parts of random models", random_models);
	ktap_run("stages of random models", random_stages);
	ktap_run("random models in little scratchpad", little_scratchpad);
	ktap_run("a batch", batch);
	return ktap_done();
}
