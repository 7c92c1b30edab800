// SPDX-License-Identifier: MIT
/*
 * The same matrix products by the library, called directly: the other side of the ratio.
 *
 * oneDNN's matmul primitive, with the weights in the order that it likes best, made
 * beforehand, and the threads that the library chooses. Output as of tests/bench/device.c.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <oneapi/dnnl/dnnl.h>

#include "tests/bench/gemm.h"

#define TIMES	15
#define INNER	8

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

static dnnl_memory_t matrix(dnnl_engine_t engine, dnnl_memory_desc_t *md, uint32_t rows,
			    uint32_t columns, dnnl_data_type_t type, void *data)
{
	dnnl_dims_t dims = { rows, columns };
	dnnl_memory_t mem;

	must(dnnl_memory_desc_init_by_tag(md, 2, dims, type, dnnl_ab));
	must(dnnl_memory_create(&mem, md, engine, data));
	return mem;
}

static void bench(dnnl_engine_t engine, dnnl_stream_t stream, const struct bench_gemm *gemm)
{
	dnnl_data_type_t type = gemm->dtype == NEURON_F32 ? dnnl_f32 :
				gemm->dtype == NEURON_BF16 ? dnnl_bf16 : dnnl_s8;
	size_t bytes = bench_gemm_bytes(gemm);
	char *data = aligned_alloc(64, (bytes + 63) / 64 * 64);
	char *weights = data + bytes / (gemm->m + gemm->n) * gemm->m;
	void *out = aligned_alloc(64, (4ull * gemm->m * gemm->n + 63) / 64 * 64);
	dnnl_dims_t b_dims = { gemm->k, gemm->n };
	dnnl_memory_desc_t a_md, b_md, any_md, out_md;
	dnnl_primitive_desc_t pd, reorder_pd;
	dnnl_primitive_t prim, reorder;
	const dnnl_memory_desc_t *best;
	dnnl_matmul_desc_t desc;
	dnnl_exec_arg_t args[3], order[2];
	double rate[TIMES];

	if (!data || !out)
		errx(1, "out of memory");
	bench_gemm_fill(gemm, data);
	args[0].arg = DNNL_ARG_SRC;
	args[0].memory = matrix(engine, &a_md, gemm->m, gemm->k, type, data);
	order[0].arg = DNNL_ARG_FROM;
	order[0].memory = matrix(engine, &b_md, gemm->k, gemm->n, type, weights);
	args[2].arg = DNNL_ARG_DST;
	args[2].memory = matrix(engine, &out_md, gemm->m, gemm->n,
				type == dnnl_s8 ? dnnl_s32 : dnnl_f32, out);
	must(dnnl_memory_desc_init_by_tag(&any_md, 2, b_dims, type, dnnl_format_tag_any));
	must(dnnl_matmul_desc_init(&desc, &a_md, &any_md, NULL, &out_md));
	must(dnnl_primitive_desc_create(&pd, &desc, NULL, engine, NULL));
	must(dnnl_primitive_create(&prim, pd));

	best = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
	args[1].arg = DNNL_ARG_WEIGHTS;
	must(dnnl_memory_create(&args[1].memory, best, engine, DNNL_MEMORY_ALLOCATE));
	order[1].arg = DNNL_ARG_TO;
	order[1].memory = args[1].memory;
	must(dnnl_reorder_primitive_desc_create(&reorder_pd, &b_md, engine, best, engine, NULL));
	must(dnnl_primitive_create(&reorder, reorder_pd));
	must(dnnl_primitive_execute(reorder, stream, 2, order));
	must(dnnl_stream_wait(stream));
	for (int i = -2; i < TIMES; i++) {
		double start = now_us();

		for (int j = 0; j < INNER; j++)
			must(dnnl_primitive_execute(prim, stream, 3, args));
		must(dnnl_stream_wait(stream));
		if (i >= 0)
			rate[i] = (double)gemm->m * gemm->n * gemm->k * INNER /
				  (now_us() - start) / 1e3;
	}
	qsort(rate, TIMES, sizeof(*rate), by_value);
	printf("{\"name\": \"%s\", \"unit\": \"GMAC/s\", \"median\": %.4g, \"min\": %.4g, \"max\": %.4g}\n",
	       gemm->name, rate[TIMES / 2], rate[0], rate[TIMES - 1]);
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

int main(void)
{
	dnnl_engine_t engine;
	dnnl_stream_t stream;

	must(dnnl_engine_create(&engine, dnnl_cpu, 0));
	must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags));
	for (unsigned int i = 0; i < BENCH_GEMMS; i++)
		bench(engine, stream, &bench_gemms[i]);
	dnnl_stream_destroy(stream);
	dnnl_engine_destroy(engine);
	return 0;
}
