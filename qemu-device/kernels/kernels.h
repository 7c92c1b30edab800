/* SPDX-License-Identifier: MIT */
/*
 * The numeric kernels: one instruction on host memory.
 *
 * Plain C without any knowledge of QEMU, Linux or the chip's queues. Every
 * opcode has a reference kernel, which is the meaning of the instruction
 * (qemu-device/SPEC.md, "Numerics"); matrix and convolution work also has a
 * fast path through a library, checked against the reference.
 */
#ifndef NEURON_KERNELS_H
#define NEURON_KERNELS_H

#include <neuron/isa.h>

/**
 * struct nk_view - an operand as a kernel sees it
 * @desc: shape, strides and type; NULL when the operand is absent
 * @data: address of element [0, ..., 0]. The caller has checked that all
 *	  elements reachable through dims and strides are valid memory
 * @constant: an input whose bytes are what they were when the instruction with
 *	      this key was last executed, so that what was made of them still holds
 */
struct nk_view {
	const struct neuron_tensor *desc;
	void *data;
	bool constant;
};

/* What instructions count, added up over a job. */
struct nk_stats {
	uint64_t macs;
	uint64_t saturations;
	uint64_t nans;
};

/* Why a kernel could not do its work. */
enum nk_status {
	NK_OK = 0,
	NK_NO_MEMORY,		/* the host has no memory for a temporary */
	NK_BAD_INDEX,		/* GATHER: an index lies outside; *info: its position */
	NK_CANCELLED,		/* the cancel flag was raised */
	NK_UNSUPPORTED,		/* the instruction is not one that these kernels know */
};

struct nk_ctx;

/**
 * nk_ctx_create() - a kernel context, for one thread at a time
 * @threads: most host threads that a kernel may use; 0: one per processor
 * @reference: use the reference kernels only
 *
 * Holds the plans and temporaries that instructions reuse, so that repeated
 * execution of the same program allocates nothing.
 *
 * Return: the context, or NULL without memory.
 */
struct nk_ctx *nk_ctx_create(unsigned int threads, bool reference);
void nk_ctx_destroy(struct nk_ctx *ctx);

/**
 * nk_ctx_threads() - change the number of host threads
 * @ctx: the context
 * @threads: as in nk_ctx_create()
 */
void nk_ctx_threads(struct nk_ctx *ctx, unsigned int threads);

/**
 * nk_execute() - execute one instruction
 * @ctx: the context; not shared between threads
 * @inst: an instruction that neuron_program_check() accepted, other than NOP
 * @operands: NEURON_MAX_OPERANDS views, in the order of the operand list. For
 *	      LOAD and STORE both sides are host memory here, too
 * @key: stable identity of the instruction between executions (its address in a
 *	 cached program, say), or NULL; lets the context keep a plan for it
 * @cancel: polled in long kernels; may be NULL
 * @stats: added to
 * @info: NK_BAD_INDEX: the position of the index
 *
 * Bit-identical for equal inputs on one machine, whatever the number of
 * threads.
 *
 * Return: NK_OK, or what went wrong; the output is then undefined.
 */
enum nk_status nk_execute(struct nk_ctx *ctx, const struct neuron_inst *inst,
			  const struct nk_view *operands, const void *key,
			  const bool *cancel, struct nk_stats *stats,
			  uint64_t *info);

/**
 * nk_prepare() - make the plan of an instruction before it is executed
 * @ctx: the context
 * @inst: as for nk_execute()
 * @operands: the same; of those that are not constant only the descriptors are
 *	      looked at, so @data may be NULL
 * @key: that nk_execute() will be called with
 *
 * nk_execute() does this itself when it meets an instruction first. Here it can be
 * done where time matters less, when a program is loaded. What was made of constant
 * operands (nk_view.constant) is made anew: they say that the next execution will find
 * the bytes that are there now.
 *
 * Return: NK_OK, for instructions without a plan, too, or NK_NO_MEMORY.
 */
enum nk_status nk_prepare(struct nk_ctx *ctx, const struct neuron_inst *inst,
			  const struct nk_view *operands, const void *key);

/**
 * nk_forget() - drop all plans, because keys will be used anew
 * @ctx: the context
 */
void nk_forget(struct nk_ctx *ctx);

/**
 * nk_backend() - name and version of the library and instruction set in use
 *
 * Return: a static string such as "oneDNN 2.6.3, avx512_core_bf16".
 */
const char *nk_backend(void);

#endif /* NEURON_KERNELS_H */
