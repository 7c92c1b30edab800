// SPDX-License-Identifier: MIT
/*
 * The same products by the library, called directly: the other side of the ratio.
 *
 * oneDNN's matmul and convolution primitives, with the weights in the order that it likes best, made
 * beforehand, and the threads that the library chooses. Output as of tests/bench/device.c.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <oneapi/dnnl/dnnl.h>

#include "tests/bench/product.h"

#define TIMES	15

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1e6 + ts.tv_nsec / 1e3;
}

static void must(dnnl_status_t status)
{
	if (status != dnnl_success)
		errx(1, "oneDNN: status %d", status);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static dnnl_data_type_t type_of(enum neuron_dtype dtype)
{
	return dtype == NEURON_F32 ? dnnl_f32 : dtype == NEURON_BF16 ? dnnl_bf16 :
	       dtype == NEURON_U8 ? dnnl_u8 : dtype == NEURON_I8 ? dnnl_s8 : dnnl_s32;
}

/* What the operands look like where they are, and the primitive that the library chooses. */
static dnnl_primitive_desc_t describe(dnnl_engine_t engine, const struct bench_product *p,
				      dnnl_memory_desc_t *in, dnnl_memory_desc_t *weight,
				      dnnl_memory_desc_t *out)
{
	const int64_t side = p->m, pad = p->kernel / 2;
	dnnl_dims_t strides = { 1, 1 }, pads = { pad, pad };
	const int rank = p->kernel ? 4 : 2;
	dnnl_dims_t in_dims = { p->m, p->k }, w_dims = { p->k, p->n }, out_dims = { p->m, p->n };
	dnnl_format_tag_t tag = dnnl_ab, w_tag = dnnl_ab;
	dnnl_convolution_desc_t conv;
	dnnl_primitive_desc_t pd;
	dnnl_memory_desc_t any;
	dnnl_matmul_desc_t matmul;

	if (p->kernel) {
		memcpy(in_dims, (dnnl_dims_t){ 1, p->k, side, side }, sizeof(in_dims));
		memcpy(out_dims, (dnnl_dims_t){ 1, p->n, side, side }, sizeof(out_dims));
		memcpy(w_dims, (dnnl_dims_t){ p->n, p->k, p->kernel, p->kernel }, sizeof(w_dims));
		tag = dnnl_nhwc;
		w_tag = dnnl_oihw;
	}
	must(dnnl_memory_desc_init_by_tag(in, rank, in_dims, type_of(p->in), tag));
	must(dnnl_memory_desc_init_by_tag(weight, rank, w_dims, type_of(p->weight), w_tag));
	must(dnnl_memory_desc_init_by_tag(out, rank, out_dims, type_of(p->out), tag));
	must(dnnl_memory_desc_init_by_tag(&any, rank, w_dims, type_of(p->weight),
					  dnnl_format_tag_any));
	if (p->kernel)
		must(dnnl_convolution_forward_desc_init(&conv, dnnl_forward_inference,
							dnnl_convolution_direct, in, &any, NULL,
							out, strides, pads, pads));
	else
		must(dnnl_matmul_desc_init(&matmul, in, &any, NULL, out));
	must(dnnl_primitive_desc_create(&pd, p->kernel ? (void *)&conv : (void *)&matmul, NULL,
					engine, NULL));
	return pd;
}

static void bench(dnnl_engine_t engine, dnnl_stream_t stream, const struct bench_product *p)
{
	const unsigned int times = bench_product_times(p);
	size_t weights_at = bench_product_in_bytes(p), bytes = bench_product_bytes(p);
	char *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
	/* Some convolutions of the library write behind their output. */
	void *out = aligned_alloc(64, (2 * bench_product_out_bytes(p) + 63) / 64 * 64);
	dnnl_memory_desc_t in_md, weight_md, out_md;
	dnnl_primitive_desc_t pd, reorder_pd;
	dnnl_primitive_t prim, reorder;
	const dnnl_memory_desc_t *best;
	dnnl_exec_arg_t args[3], order[2];
	double rate[TIMES];

	if (!data || !out)
		errx(1, "out of memory");
	bench_product_fill(p, data);
	pd = describe(engine, p, &in_md, &weight_md, &out_md);
	must(dnnl_primitive_create(&prim, pd));
	args[0].arg = DNNL_ARG_SRC;
	must(dnnl_memory_create(&args[0].memory, &in_md, engine, data));
	args[2].arg = DNNL_ARG_DST;
	must(dnnl_memory_create(&args[2].memory, &out_md, engine, out));
	order[0].arg = DNNL_ARG_FROM;
	must(dnnl_memory_create(&order[0].memory, &weight_md, engine, data + weights_at));

	best = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	args[1].arg = DNNL_ARG_WEIGHTS;
	must(dnnl_memory_create(&args[1].memory, best, engine, DNNL_MEMORY_ALLOCATE));
	order[1].arg = DNNL_ARG_TO;
	order[1].memory = args[1].memory;
	must(dnnl_reorder_primitive_desc_create(&reorder_pd, &weight_md, engine, best, engine,
						NULL));
	must(dnnl_primitive_create(&reorder, reorder_pd));
	must(dnnl_primitive_execute(reorder, stream, 2, order));
	must(dnnl_stream_wait(stream));
	for (int i = -2; i < TIMES; i++) {
		double start = now_us();

		for (unsigned int j = 0; j < times; j++)
			must(dnnl_primitive_execute(prim, stream, 3, args));
		must(dnnl_stream_wait(stream));
		if (i >= 0)
			rate[i] = bench_product_macs(p) * times / (now_us() - start) / 1e3;
	}
	qsort(rate, TIMES, sizeof(*rate), by_value);
	printf("{\"name\": \"%s\", \"unit\": \"GMAC/s\", \"median\": %.4g, \"min\": %.4g, \"max\": %.4g}\n",
	       p->name, rate[TIMES / 2], rate[0], rate[TIMES - 1]);
	for (int i = 0; i < 3; i++)
		dnnl_memory_destroy(args[i].memory);
	dnnl_memory_destroy(order[0].memory);
	dnnl_primitive_destroy(prim);
	dnnl_primitive_destroy(reorder);
	dnnl_primitive_desc_destroy(reorder_pd);
	dnnl_primitive_desc_destroy(pd);
	free(data);
	free(out);
}

struct library {
	dnnl_engine_t engine;
	dnnl_stream_t stream;
};

static void measure(void *arg, const struct bench_product *p)
{
	struct library *lib = arg;

	bench(lib->engine, lib->stream, p);
}

int main(void)
{
	struct library lib;
	int status;

	must(dnnl_engine_create(&lib.engine, dnnl_cpu, 0));
	must(dnnl_stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags));
	status = bench_products_asked(measure, &lib);
	dnnl_stream_destroy(lib.stream);
	dnnl_engine_destroy(lib.engine);
	return status;
}
