// SPDX-License-Identifier: MIT
/*
 * oneDNN behind a few calls.
 *
 * Chosen by measurement (tests/bench/kernels.c; one thread of an AVX-512 CPU
 * with bf16 and VNNI, GFLOPS, plain row-major operands):
 *
 *	m x n x k	fp32: oneDNN	LIBXSMM	OpenBLAS	bf16: oneDNN	int8: oneDNN
 *	1 x 256 x 256		  90	    111	       9		  54		 119
 *	98 x 64 x 256		 242	    249	     108		 447		 893
 *	128 x 768 x 768		 236	    176	     112		 443		 908
 *	128 x 3072 x 768	 189	    212	     108		 424		 889
 *	1024 x 1024 x 1024	 149	    135	      76		 338		 912
 *	3136 x 24 x 144		 160	    178	     101		 310		 627
 *
 * LIBXSMM's fp32 kernels are as fast, better at the smallest shapes, but its
 * bf16 and int8 ones want repacked operands, and it has no convolution of
 * channels-last tensors; OpenBLAS has fp32 only. oneDNN alone covers everything
 * at close to the best rate, so it is the only library here. With AVX-512 products of
 * fp32, and with its dot products or AMX those of bf16 and bytes, are our own (panels.h):
 * without the library's dependence on the shape, and from weights that are packed as they
 * are needed.
 *
 * It is called with one thread at a time (parallel.c says why), with memory of
 * our own for its temporaries, because its own are tied to the thread that
 * created a primitive.
 */
#include <omp.h>
#include <pthread.h>
#include <stdio.h>

#include "lib.h"

static struct {
	bool usable;
	dnnl_engine_t engine;
	dnnl_stream_t stream;
	struct lib_features features;
	char name[64];
} lib;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/*
 * Primitives are made and freed one at a time. The library would allow more, but
 * shares them between threads in a cache of its own, whose locking a thread
 * sanitizer cannot see.
 */
static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;

static void start(void)
{
	static const struct {
		dnnl_cpu_isa_t isa;
		const char *name;
		struct lib_features features;
	} known[] = {
		{ dnnl_cpu_isa_avx512_core_amx, "avx512_core_amx", { true, true, true, true } },
		{ dnnl_cpu_isa_avx512_core_bf16, "avx512_core_bf16", { true, true, false, true } },
		{ dnnl_cpu_isa_avx512_core_vnni, "avx512_core_vnni", { false, true, false, true } },
		{ dnnl_cpu_isa_avx512_core, "avx512_core", { false, false, false, true } },
		/* Not exact everywhere: its transposed convolutions saturate inside. */
		{ dnnl_cpu_isa_avx2_vnni, "avx2_vnni", { false, false, false, false } },
		{ dnnl_cpu_isa_avx2, "avx2", { false, false, false, false } },
		{ dnnl_cpu_isa_avx, "avx", { false, false, false, false } },
		{ dnnl_cpu_isa_sse41, "sse41", { false, false, false, false } },
	};
	const dnnl_version_t *version = dnnl_version();
	dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
	const char *name = "generic code";

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (((unsigned int)isa & known[i].isa) != known[i].isa)
			continue;
		name = known[i].name;
		lib.features = known[i].features;
		break;
	}
	if (dnnl_engine_create(&lib.engine, dnnl_cpu, 0) ||
	    dnnl_stream_create(&lib.stream, lib.engine, dnnl_stream_default_flags)) {
		snprintf(lib.name, sizeof(lib.name), "reference kernels");
		return;
	}
	snprintf(lib.name, sizeof(lib.name), "oneDNN %d.%d.%d, %s", version->major,
		 version->minor, version->patch, name);
	lib.usable = true;
}

const struct lib_features *lib_features(void)
{
	pthread_once(&once, start);
	return lib.usable ? &lib.features : NULL;
}

const char *nk_backend(void)
{
	pthread_once(&once, start);
	return lib.name;
}

int lib_enter(void)
{
	int threads = omp_get_max_threads();

	if (threads != 1)
		omp_set_num_threads(1);
	return threads;
}

void lib_leave(int threads)
{
	if (threads != 1)
		omp_set_num_threads(threads);
}

dnnl_data_type_t lib_type(unsigned int dtype)
{
	switch (dtype) {
	case NEURON_F32:
		return dnnl_f32;
	case NEURON_BF16:
		return dnnl_bf16;
	case NEURON_I8:
		return dnnl_s8;
	case NEURON_U8:
		return dnnl_u8;
	case NEURON_I32:
		return dnnl_s32;
	}
	return dnnl_data_type_undef;
}

static void query(dnnl_memory_desc_t *to, const_dnnl_primitive_desc_t pd, dnnl_query_t what)
{
	const dnnl_memory_desc_t *desc = dnnl_primitive_desc_query_md(pd, what, 0);

	if (desc)
		*to = *desc;
	else
		to->ndims = 0;
}

/*
 * Code of the library that isn't used: its plain loops, which are slower than ours, and
 * what is wrong. The convolution named here (of 2.6.3) writes rows behind its output.
 */
static bool is_sound(const_dnnl_primitive_desc_t pd)
{
	const char *info = "ref";

	return !dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &info) &&
	       !strstr(info, "ref") && strcmp(info, "jit_1x1:avx512_core_amx_int8");
}

/* The library's first choice that is sound, or NULL. */
static dnnl_primitive_desc_t find_sound(const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr)
{
	dnnl_primitive_desc_iterator_t choice;
	dnnl_primitive_desc_t pd = NULL;

	if (dnnl_primitive_desc_iterator_create(&choice, desc, attr, lib.engine, NULL))
		return NULL;
	do {
		pd = dnnl_primitive_desc_iterator_fetch(choice);
		if (!pd || is_sound(pd))
			break;
		dnnl_primitive_desc_destroy(pd);
		pd = NULL;
	} while (!dnnl_primitive_desc_iterator_next(choice));
	dnnl_primitive_desc_iterator_destroy(choice);
	return pd;
}

bool lib_op_init(struct lib_op *op, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr)
{
	dnnl_primitive_attr_t own = attr;
	dnnl_primitive_desc_t pd = NULL;
	bool ok = false;

	memset(op, 0, sizeof(*op));
	if (!own && dnnl_primitive_attr_create(&own))
		return false;
	pthread_mutex_lock(&making);
	if (!dnnl_primitive_attr_set_scratchpad_mode(own, dnnl_scratchpad_mode_user))
		pd = find_sound(desc, own);
	if (pd) {
		query(&op->desc[LIB_SRC], pd, dnnl_query_src_md);
		query(&op->desc[LIB_WEIGHTS], pd, dnnl_query_weights_md);
		query(&op->desc[LIB_DST], pd, dnnl_query_dst_md);
		query(&op->desc[LIB_TEMP], pd, dnnl_query_scratchpad_md);

		const dnnl_memory_desc_t *bias =
			dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1);

		if (bias)
			op->desc[LIB_BIAS] = *bias;
		op->temp_bytes = dnnl_memory_desc_get_size(&op->desc[LIB_TEMP]);
		ok = !dnnl_primitive_create(&op->primitive, pd);
	}
	if (pd)
		dnnl_primitive_desc_destroy(pd);
	pthread_mutex_unlock(&making);
	if (!attr)
		dnnl_primitive_attr_destroy(own);
	return ok;
}

static void destroy_thread(struct lib_thread *thread)
{
	if (!thread)
		return;
	for (unsigned int i = 0; i < LIB_OPERANDS; i++)
		if (thread->memory[i])
			dnnl_memory_destroy(thread->memory[i]);
	free(thread);
}

void lib_op_destroy(struct lib_op *op)
{
	for (unsigned int i = 0; i < NK_MAX_THREADS; i++)
		destroy_thread(op->thread[i]);
	pthread_mutex_lock(&making);
	if (op->primitive)
		dnnl_primitive_destroy(op->primitive);
	pthread_mutex_unlock(&making);
}

static struct lib_thread *make_thread(const struct lib_op *op)
{
	static const int arg[LIB_OPERANDS] = {
		DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST, DNNL_ARG_SCRATCHPAD,
	};
	struct lib_thread *thread = calloc(1, sizeof(*thread));

	if (!thread)
		return NULL;
	for (unsigned int i = 0; i < LIB_OPERANDS; i++) {
		if (!op->desc[i].ndims)
			continue;
		if (dnnl_memory_create(&thread->memory[i], &op->desc[i], lib.engine,
				       DNNL_MEMORY_NONE)) {
			destroy_thread(thread);
			return NULL;
		}
		thread->arg[thread->args].arg = arg[i];
		thread->arg[thread->args++].memory = thread->memory[i];
	}
	return thread;
}

bool lib_op_threads(struct lib_op *op, unsigned int threads)
{
	for (unsigned int i = 0; i < threads; i++) {
		if (!op->thread[i])
			op->thread[i] = make_thread(op);
		if (!op->thread[i])
			return false;
	}
	return true;
}

enum nk_status lib_op_run(struct lib_op *op, unsigned int number, void *const *data)
{
	struct lib_thread *thread = op->thread[number];
	int threads;
	dnnl_status_t status;

	if (!thread) {
		thread = make_thread(op);
		op->thread[number] = thread;
		if (!thread)
			return NK_NO_MEMORY;
	}
	for (unsigned int i = 0; i < LIB_OPERANDS; i++)
		if (thread->memory[i])
			dnnl_memory_set_data_handle(thread->memory[i], data[i]);
	threads = lib_enter();
	status = dnnl_primitive_execute(op->primitive, lib.stream, thread->args, thread->arg);
	lib_leave(threads);
	return status ? NK_NO_MEMORY : NK_OK;
}

enum nk_status lib_sgemm(uint32_t m, uint32_t n, uint32_t k, const float *a, ptrdiff_t a_row,
			 ptrdiff_t a_column, const float *b, ptrdiff_t b_row, ptrdiff_t b_column,
			 float *c)
{
	bool a_turned = a_column != 1, b_turned = b_column != 1;
	int threads = lib_enter();
	dnnl_status_t status = dnnl_sgemm(a_turned ? 'T' : 'N', b_turned ? 'T' : 'N', m, n, k, 1, a,
					  a_turned ? a_column : a_row, b,
					  b_turned ? b_column : b_row, 0, c, n);

	lib_leave(threads);
	return status ? NK_NO_MEMORY : NK_OK;
}

dnnl_primitive_t lib_reorder(const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to)
{
	dnnl_primitive_desc_t pd;
	dnnl_primitive_t reorder = NULL;

	pthread_mutex_lock(&making);
	if (!dnnl_reorder_primitive_desc_create(&pd, from, lib.engine, to, lib.engine, NULL)) {
		if (dnnl_primitive_create(&reorder, pd))
			reorder = NULL;
		dnnl_primitive_desc_destroy(pd);
	}
	pthread_mutex_unlock(&making);
	return reorder;
}

void lib_reorder_destroy(dnnl_primitive_t reorder)
{
	if (!reorder)
		return;
	pthread_mutex_lock(&making);
	dnnl_primitive_destroy(reorder);
	pthread_mutex_unlock(&making);
}

enum nk_status lib_reorder_run(dnnl_primitive_t reorder, const dnnl_memory_desc_t *from,
			       void *src, const dnnl_memory_desc_t *to, void *dst)
{
	dnnl_memory_t memory[2] = { NULL, NULL };
	enum nk_status status = NK_NO_MEMORY;

	if (!dnnl_memory_create(&memory[0], from, lib.engine, src) &&
	    !dnnl_memory_create(&memory[1], to, lib.engine, dst)) {
		const dnnl_exec_arg_t arg[2] = {
			{ DNNL_ARG_FROM, memory[0] },
			{ DNNL_ARG_TO, memory[1] },
		};

		if (!dnnl_primitive_execute(reorder, lib.stream, 2, arg))
			status = NK_OK;
	}
	for (unsigned int i = 0; i < 2; i++)
		if (memory[i])
			dnnl_memory_destroy(memory[i]);
	return status;
}
