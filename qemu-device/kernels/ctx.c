// SPDX-License-Identifier: MIT
/*
 * A kernel context: dispatch by opcode, temporaries, threads.
 */
#include <unistd.h>

#include "nk.h"
#include "fast.h"

/* A scratchpad of broadcast inputs, expanded, with room to spare. */
#define MAX_SCRATCH	((size_t)1 << 30)

struct nk_ctx {
	unsigned int threads;
	bool reference;
	unsigned int asked;	/* threads of the team, if the host gave them */
	struct nk_team *team;
	struct {
		void *data;
		size_t bytes;
	} scratch[NK_NUM_SCRATCH];
	struct nk_plans *plans;
};

static unsigned int real_threads(unsigned int threads)
{
	if (!threads) {
		/* The C library reads a file to know. */
		long online = sysconf(_SC_NPROCESSORS_ONLN);

		threads = online > 0 ? online : 1;
	}
	return threads > NK_MAX_THREADS ? NK_MAX_THREADS : threads;
}

struct nk_ctx *nk_ctx_create(unsigned int threads, bool reference)
{
	struct nk_ctx *ctx = calloc(1, sizeof(*ctx));

	if (!ctx)
		return NULL;
	ctx->threads = real_threads(threads);
	ctx->reference = reference;
	ctx->plans = nk_plans_create();
	if (!ctx->plans) {
		free(ctx);
		return NULL;
	}
	return ctx;
}

void nk_ctx_destroy(struct nk_ctx *ctx)
{
	if (!ctx)
		return;
	nk_team_destroy(ctx->team);
	nk_plans_destroy(ctx->plans);
	for (unsigned int i = 0; i < NK_NUM_SCRATCH; i++)
		free(ctx->scratch[i].data);
	free(ctx);
}

void nk_ctx_threads(struct nk_ctx *ctx, unsigned int threads)
{
	/* A team that is larger stays: the number goes up and down as cores come and go. */
	ctx->threads = real_threads(threads);
}

unsigned int nk_threads(const struct nk_ctx *ctx)
{
	return ctx->threads;
}

bool nk_reference_only(const struct nk_ctx *ctx)
{
	return ctx->reference;
}

struct nk_plans *nk_ctx_plans(const struct nk_ctx *ctx)
{
	return ctx->plans;
}

struct nk_team *nk_ctx_team(struct nk_ctx *ctx)
{
	if (ctx->threads <= 1)
		return NULL;
	if (ctx->threads > ctx->asked) {
		nk_team_destroy(ctx->team);
		ctx->team = nk_team_create(ctx->threads);
		ctx->asked = ctx->threads;
	}
	return ctx->team;
}

/**
 * nk_scratch() - memory for a temporary, until the next call with the same @which
 * @ctx: the context
 * @which: purposes that are in use at once have different ones
 * @bytes: how much
 *
 * Return: memory aligned for vectors, or NULL without memory. What is asked for
 * may come from a hostile program, so that "too much" must not depend on how
 * much memory the host would promise.
 */
void *nk_scratch(struct nk_ctx *ctx, enum nk_scratch which, size_t bytes)
{
	if (bytes > MAX_SCRATCH)
		return NULL;
	/* NULL says that there is no memory: nothing is memory, too. */
	if (!ctx->scratch[which].data || ctx->scratch[which].bytes < bytes) {
		/* Grow by half again, so that growing shapes do not allocate each time. */
		size_t room = (bytes + bytes / 2 + 4095) & ~(size_t)4095;

		free(ctx->scratch[which].data);
		ctx->scratch[which].data = aligned_alloc(4096, room);
		ctx->scratch[which].bytes = ctx->scratch[which].data ? room : 0;
	}
	return ctx->scratch[which].data;
}

enum nk_status nk_execute(struct nk_ctx *ctx, const struct neuron_inst *inst,
			  const struct nk_view *operands, const void *key,
			  const bool *cancel, struct nk_stats *stats, uint64_t *info)
{
	typedef enum nk_status kernel(const struct nk_call *call);
	static kernel *const kernels[NEURON_NUM_OPCODES] = {
		[NEURON_OP_LOAD] = nk_move_op,
		[NEURON_OP_STORE] = nk_move_op,
		[NEURON_OP_MATMUL] = nk_matmul,
		[NEURON_OP_CONV] = nk_conv,
		[NEURON_OP_CONV_TRANSPOSE] = nk_conv,
		[NEURON_OP_ACT] = nk_act,
		[NEURON_OP_QUANTIZE] = nk_quantize,
		[NEURON_OP_DEQUANTIZE] = nk_dequantize,
		[NEURON_OP_ELTWISE] = nk_eltwise,
		[NEURON_OP_SELECT] = nk_select,
		[NEURON_OP_COPY] = nk_move_op,
		[NEURON_OP_FILL] = nk_fill,
		[NEURON_OP_REDUCE] = nk_reduce,
		[NEURON_OP_POOL] = nk_pool,
		[NEURON_OP_SOFTMAX] = nk_softmax,
		[NEURON_OP_NORM] = nk_norm,
		[NEURON_OP_GATHER] = nk_gather,
		[NEURON_OP_SCATTER] = nk_scatter,
	};
	struct nk_call call = {
		.ctx = ctx,
		.inst = inst,
		.op = operands,
		.key = key,
		.cancel = cancel,
		.stats = stats,
		.info = info,
	};

	if (inst->opcode >= NEURON_NUM_OPCODES || !kernels[inst->opcode])
		return NK_UNSUPPORTED;
	return kernels[inst->opcode](&call);
}

enum nk_status nk_prepare(struct nk_ctx *ctx, const struct neuron_inst *inst,
			  const struct nk_view *operands, const void *key)
{
	struct nk_stats unused = { 0 };
	const struct nk_call call = {
		.ctx = ctx,
		.inst = inst,
		.op = operands,
		.key = key,
		.stats = &unused,
	};

	nk_ctx_team(ctx);
	switch (inst->opcode) {
	case NEURON_OP_MATMUL:
		return nk_matmul_prepare(&call);
	case NEURON_OP_CONV:
	case NEURON_OP_CONV_TRANSPOSE:
		return nk_conv_prepare(&call);
	}
	return NK_OK;
}

void nk_forget(struct nk_ctx *ctx)
{
	nk_plans_clear(ctx->plans);
}
