// SPDX-License-Identifier: MIT
/*
 * MATMUL: the second operand in the library's order.
 *
 * Given a plain matrix, the library copies it to blocks anew for each tile. Here
 * it is copied once, by all threads, and kept while the caller says that it is
 * constant. The blocks are columns of 64 or so, one after the other, so that the
 * columns of a tile are a part of the whole matrix's.
 */
#include "matmul_plan.h"

enum { K, N };

bool matmul_packs(const struct matmul_plan *plan)
{
	return !plan->integer && nk_elements(&plan->b) == (uint64_t)plan->k * plan->n &&
	       plan->b_layout.column == 1;
}

bool matmul_find_order(struct matmul_plan *plan, const dnnl_memory_desc_t *tile)
{
	const dnnl_blocking_desc_t *b = &tile->format_desc.blocking;
	dnnl_dims_t dims = { plan->k, plan->n }, strides = { plan->b_layout.row, 1 };
	int64_t block = 1;

	if (tile->format_kind != dnnl_blocked || tile->extra.flags)
		return false;
	for (int i = 0; i < b->inner_nblks; i++)
		if (b->inner_idxs[i] == N)
			block *= b->inner_blks[i];
	if (block == 1 || b->strides[N] != tile->padded_dims[K] * block ||
	    (plan->column_tiles > 1 && plan->columns % block) ||
	    dnnl_memory_desc_init_by_strides(&plan->plain_desc, 2, dims, tile->data_type, strides))
		return false;
	plan->packed_desc = *tile;
	plan->packed_desc.dims[N] = plan->n;
	plan->packed_desc.padded_dims[N] = (plan->n + block - 1) / block * block;
	plan->packed_bytes = dnnl_memory_desc_get_size(&plan->packed_desc);
	return true;
}

dnnl_memory_desc_t matmul_tile_desc(const struct matmul_plan *plan, uint32_t columns)
{
	dnnl_memory_desc_t desc = plan->packed_desc;
	int64_t block = desc.format_desc.blocking.strides[N] / desc.padded_dims[K];

	desc.dims[N] = columns;
	desc.padded_dims[N] = (columns + block - 1) / block * block;
	return desc;
}

size_t matmul_tile_offset(const struct matmul_plan *plan, uint64_t entry, uint32_t column)
{
	if (plan->panels)
		return 0;	/* it finds them itself */
	if (plan->few.kind)
		return (nk_batch_offset(&plan->b, &plan->out, entry, true) +
			(size_t)column * plan->k) * nk_size(plan->b_type);
	/* Whole blocks of columns of the padded height. */
	return (size_t)column * plan->packed_desc.padded_dims[K] * nk_size(plan->b_type);
}

enum nk_status matmul_few_pack(struct matmul_plan *plan, const struct nk_call *call,
			       const char *plain, char **packed)
{
	uint64_t matrix = (uint64_t)plan->k * plan->n;
	ptrdiff_t size = nk_size(plan->b_type);

	*packed = NULL;
	plan->have_packed = false;
	if (!call->op[2].constant)
		return NK_OK;
	*packed = matmul_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	for (uint64_t i = 0; i < nk_elements(&plan->b) / matrix; i++)
		few_pack(&plan->few, plan->n, plain + size *
			 nk_batch_offset(&plan->b, &plan->b, i, false),
			 *packed + i * matrix * size);
	return matmul_keep(plan, NK_OK, packed);
}

char *matmul_packed_place(struct matmul_plan *plan, const struct nk_call *call)
{
	plan->have_packed = false;
	return nk_plan_place(call, &plan->head, &plan->packed, plan->packed_bytes,
			     NK_SCRATCH_OUT);
}

enum nk_status matmul_keep(struct matmul_plan *plan, enum nk_status status, char **packed)
{
	if (status || *packed != plan->packed)
		return status;
	plan->packed = nk_packed_share(plan->packed);
	*packed = plan->packed;
	plan->have_packed = true;
	return NK_OK;
}

enum nk_status matmul_pack(struct matmul_plan *plan, const struct nk_call *call,
			   const void *plain, char **packed)
{
	enum nk_status status;

	*packed = matmul_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	status = lib_pack(call, &plan->plain_desc, plain, &plan->packed_desc, *packed, N);
	return matmul_keep(plan, status, packed);
}
