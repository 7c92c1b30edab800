/* SPDX-License-Identifier: MIT */
/*
 * oneDNN, as the fast paths use it: one primitive, prepared for several threads.
 */
#ifndef NEURON_NK_LIB_H
#define NEURON_NK_LIB_H

#include <oneapi/dnnl/dnnl.h>

#include "fast.h"

/* Operands of a primitive. A primitive's own temporary memory is the last. */
enum { LIB_SRC, LIB_WEIGHTS, LIB_BIAS, LIB_DST, LIB_TEMP, LIB_OPERANDS };

struct lib_thread {
	dnnl_memory_t memory[LIB_OPERANDS];
	dnnl_exec_arg_t arg[LIB_OPERANDS];
	int args;
};

/**
 * struct lib_op - a primitive
 * @primitive: the library's
 * @desc: what each operand looks like; ndims 0: it has none
 * @temp_bytes: temporary memory that each thread needs
 * @thread: arguments of each thread
 */
struct lib_op {
	dnnl_primitive_t primitive;
	dnnl_memory_desc_t desc[LIB_OPERANDS];
	size_t temp_bytes;
	struct lib_thread *thread[NK_MAX_THREADS];
};

/* What the processor and the library can do well together. */
struct lib_features {
	bool bf16;	/* dot products of bf16 in hardware */
	bool int8;	/* exact dot products of 8-bit integers */
	bool amx;	/* tiles for both */
	bool avx512;
};

/* NULL when the library cannot be used. */
const struct lib_features *lib_features(void);

/*
 * The library must see one thread wherever it decides anything: around the
 * creation of primitives, and in each thread that runs them.
 */
int lib_enter(void);
void lib_leave(int threads);

dnnl_data_type_t lib_type(unsigned int dtype);

/**
 * lib_op_init() - prepare a primitive
 * @op: filled in
 * @desc: an operation descriptor of the library's
 * @attr: attributes, or NULL
 *
 * Return: false when the library refuses, or would use slow reference code.
 */
bool lib_op_init(struct lib_op *op, const_dnnl_op_desc_t desc, dnnl_primitive_attr_t attr);
void lib_op_destroy(struct lib_op *op);

/**
 * lib_op_threads() - make the arguments of some threads
 * @op: the primitive
 * @threads: how many; lib_op_run() makes those of others when it meets them
 *
 * Return: false without memory.
 */
bool lib_op_threads(struct lib_op *op, unsigned int threads);

/**
 * lib_op_run() - run a primitive
 * @op: the primitive
 * @thread: number of the calling thread; each has its own arguments
 * @data: the operands, LIB_TEMP included
 *
 * Return: NK_OK or NK_NO_MEMORY.
 */
enum nk_status lib_op_run(struct lib_op *op, unsigned int thread, void *const *data);

/**
 * lib_sgemm() - a product of fp32 matrices
 * @m, @n, @k: the sizes
 * @a: @m rows of @k; strides between rows and columns, one of which is 1
 * @b: @k rows of @n; the same
 * @c: dense result
 *
 * Return: NK_OK or NK_NO_MEMORY.
 */
enum nk_status lib_sgemm(uint32_t m, uint32_t n, uint32_t k, const float *a, ptrdiff_t a_row,
			 ptrdiff_t a_column, const float *b, ptrdiff_t b_row, ptrdiff_t b_column,
			 float *c);

/* A reorder of @from to @to, which are descriptors; primitive NULL when refused. */
dnnl_primitive_t lib_reorder(const dnnl_memory_desc_t *from, const dnnl_memory_desc_t *to);
void lib_reorder_destroy(dnnl_primitive_t reorder);
enum nk_status lib_reorder_run(dnnl_primitive_t reorder, const dnnl_memory_desc_t *from,
			       void *src, const dnnl_memory_desc_t *to, void *dst);

/**
 * lib_pack() - floats to blocks of the library, in parallel (pack.c)
 * @call: the instruction
 * @plain: what @src looks like: filters and channels (columns and rows of a matrix),
 *	   in any order, then up to three dimensions of a kernel
 * @src: the weights, filters innermost
 * @packed: what the library wants
 * @dst: where it wants it
 * @filters: which of the first two dimensions is the filters'
 *
 * Return: NK_OK; NK_UNSUPPORTED when the library's reorder has to do it.
 */
enum nk_status lib_pack(const struct nk_call *call, const dnnl_memory_desc_t *plain,
			const void *src, const dnnl_memory_desc_t *packed, void *dst, int filters);

#endif /* NEURON_NK_LIB_H */
