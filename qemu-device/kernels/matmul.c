// SPDX-License-Identifier: MIT
/*
 * MATMUL: out[..., m, n] = act(scale[n] * sum over k of a[..., m, k] * b[..., k, n] + bias[n])
 *
 * The reference. Operands are copied into dense arrays of fp32 or int32; the
 * sum runs over ascending k, a rounded product added to a rounded sum.
 */
#include "nk.h"
#include "fast.h"

/* A matrix product of one entry of the batch, for a few rows of it. */
#define ROWS	8

struct matmul {
	const struct nk_call *call;
	struct nk_epilogue ep;
	bool integer;
	const char *a, *b;	/* dense, fp32 or int32 */
	char *sums;		/* by thread */
	uint32_t m, n, k;
	uint64_t row_tiles;
};

ptrdiff_t nk_batch_offset(const struct neuron_tensor *t, const struct neuron_tensor *out,
			  uint64_t entry, bool dense)
{
	ptrdiff_t offset = 0, stride = 1;
	unsigned int lead = out->rank - t->rank;

	if (dense && t->rank >= 2)
		stride = (ptrdiff_t)t->dims[t->rank - 1] * t->dims[t->rank - 2];
	for (unsigned int d = out->rank - 2; d-- > 0;) {
		ptrdiff_t i = entry % out->dims[d];

		entry /= out->dims[d];
		if (d < lead)
			continue;
		if (t->dims[d - lead] > 1)
			offset += i * (dense ? stride : t->strides[d - lead]);
		stride *= t->dims[d - lead];
	}
	return offset;
}

NK_CLONES static void row_f32(float *restrict sums, const float *restrict a,
			      const float *restrict b, uint32_t k, uint32_t n)
{
	for (uint32_t j = 0; j < n; j++)
		sums[j] = 0;
	for (uint32_t i = 0; i < k; i++, b += n)
		for (uint32_t j = 0; j < n; j++)
			sums[j] += a[i] * b[j];
}

NK_CLONES static void row_i32(uint32_t *restrict sums, const uint32_t *restrict a,
			      const uint32_t *restrict b, uint32_t k, uint32_t n)
{
	for (uint32_t j = 0; j < n; j++)
		sums[j] = 0;
	for (uint32_t i = 0; i < k; i++, b += n)
		for (uint32_t j = 0; j < n; j++)
			sums[j] += a[i] * b[j];
}

static enum nk_status tile(void *arg, size_t tile, unsigned int thread, struct nk_stats *stats)
{
	const struct matmul *mm = arg;
	const struct nk_view *op = mm->call->op;
	const struct neuron_tensor *out = op[0].desc;
	uint64_t entry = tile / mm->row_tiles;
	uint32_t row = tile % mm->row_tiles * ROWS;
	uint32_t end = mm->m - row < ROWS ? mm->m : row + ROWS;
	const char *a = mm->a + 4 * nk_batch_offset(op[1].desc, out, entry, true);
	const char *b = mm->b + 4 * nk_batch_offset(op[2].desc, out, entry, true);
	char *dst = (char *)op[0].data +
		    nk_batch_offset(out, out, entry, false) * (ptrdiff_t)nk_size(out->dtype);
	float *sums = (float *)mm->sums + thread * NK_ROUND_UP((size_t)mm->n);
	ptrdiff_t step = nk_stride(out, out->rank - 1);

	for (; row < end; row++) {
		const char *a_row = a + 4 * (size_t)row * mm->k;
		char *to = dst + (ptrdiff_t)row * nk_stride(out, out->rank - 2);

		if (nk_cancelled(mm->call))
			return NK_CANCELLED;
		if (mm->integer)
			row_i32((uint32_t *)sums, (const uint32_t *)a_row, (const uint32_t *)b,
				mm->k, mm->n);
		else
			row_f32(sums, (const float *)a_row, (const float *)b, mm->k, mm->n);
		nk_epilogue_rows(&mm->ep, sums, mm->integer, 0, mm->n, to, step, 0, 1, stats);
	}
	return NK_OK;
}

static enum nk_status reference(const struct nk_call *call, struct matmul *mm)
{
	const struct nk_view *op = call->op;
	uint64_t batch = nk_elements(op[0].desc) / mm->m / mm->n;
	float *arrays = nk_scratch(call->ctx, NK_SCRATCH_SUMS,
				   nk_epilogue_bytes(mm->n));
	enum nk_status status;

	mm->a = nk_scratch(call->ctx, NK_SCRATCH_IN, nk_elements(op[1].desc) * 4);
	mm->b = nk_scratch(call->ctx, NK_SCRATCH_WEIGHT, nk_elements(op[2].desc) * 4);
	mm->sums = nk_scratch(call->ctx, NK_SCRATCH_THREAD,
			      nk_threads(call->ctx) * NK_ROUND_UP((size_t)mm->n) * 4);
	if (!arrays || !mm->a || !mm->b || !mm->sums)
		return NK_NO_MEMORY;

	if (mm->integer) {
		status = nk_pack_i32(call, &op[1], (int32_t *)mm->a);
		if (!status)
			status = nk_pack_i32(call, &op[2], (int32_t *)mm->b);
	} else {
		status = nk_pack_f32(call, &op[1], (float *)mm->a);
		if (!status)
			status = nk_pack_f32(call, &op[2], (float *)mm->b);
	}
	if (status)
		return status;

	nk_epilogue_init(&mm->ep, call->inst, op, mm->n, mm->integer, arrays);
	mm->row_tiles = (mm->m + ROWS - 1) / ROWS;
	return nk_parallel(call, batch * mm->row_tiles, tile, mm);
}

/* Multiplications and additions of the instruction. */
static uint64_t work_of(const struct nk_call *call)
{
	const struct neuron_tensor *a = call->op[1].desc;

	return nk_times(nk_elements(call->op[0].desc), a->dims[a->rank - 1]);
}

static bool is_fast(const struct nk_call *call)
{
	return !nk_reference_only(call->ctx) && work_of(call) <= NK_FAST_MACS;
}

enum nk_status nk_matmul_prepare(const struct nk_call *call)
{
	return is_fast(call) ? nk_fast_matmul_prepare(call) : NK_OK;
}

enum nk_status nk_matmul(const struct nk_call *call)
{
	const struct nk_view *op = call->op;
	const struct neuron_tensor *out = op[0].desc, *a = op[1].desc;
	struct matmul mm = {
		.call = call,
		.integer = nk_is_byte(a->dtype) && nk_is_byte(op[2].desc->dtype),
		.m = out->dims[out->rank - 2],
		.n = out->dims[out->rank - 1],
		.k = a->dims[a->rank - 1],
	};
	enum nk_status status = NK_UNSUPPORTED;

	call->stats->macs += work_of(call);
	if (is_fast(call))
		status = nk_fast_matmul(call);
	return status == NK_UNSUPPORTED ? reference(call, &mm) : status;
}
