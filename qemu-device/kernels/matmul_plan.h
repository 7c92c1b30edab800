/* SPDX-License-Identifier: MIT */
/*
 * The plan of a MATMUL: types, layouts and tiles (matmul_shape.c), the library's
 * primitives (fast_matmul.c), and the second operand in its order
 * (matmul_pack.c).
 */
#ifndef NEURON_NK_MATMUL_PLAN_H
#define NEURON_NK_MATMUL_PLAN_H

#include "panels.h"
#include "few.h"
#include "lib.h"

/* A matrix of the batch, in elements. */
struct matmul_layout {
	bool packed;			/* copied to a dense array first */
	ptrdiff_t row, column;		/* strides */
};

struct matmul_plan {
	struct nk_plan head;
	bool refused;
	bool integer;		/* sums are int32 */
	bool as_f32;		/* integers are computed in fp32 */
	bool direct;
	bool has_bias;
	bool sgemm;
	bool panels;
	struct panels b_panels;
	struct few few;		/* without the library; of a whole tile */
	unsigned int a_type, b_type;	/* that the library sees */
	struct neuron_tensor out, a, b;	/* with the batch folded into rows if possible */
	uint32_t m, n, k;
	uint64_t batch;
	uint32_t rows, columns;		/* of a tile */
	uint32_t row_tiles, column_tiles;
	uint64_t entries;		/* batch entries of a tile */
	size_t a_row_bytes;		/* where rows share elements: new ones of each; 0: all */
	struct matmul_layout a_layout, b_layout;
	size_t temp_bytes;		/* of a thread, for the library */
	struct lib_op op[2][2];		/* whole and last rows, whole and last columns */

	/* Floats of one matrix: the second operand in the library's order. */
	bool packs;
	dnnl_memory_desc_t plain_desc, packed_desc;	/* of the whole matrix */
	size_t packed_bytes;
	bool have_packed;
	void *packed;			/* kept while the caller says that it is constant */
};

/**
 * struct matmul_grain - what tiles are good for whoever computes them
 * @rows: they have multiples of it
 * @columns: the same
 * @operand_macs: multiplications in the time that it takes to read an element
 * @start_macs: the same, to start a tile
 * @shared_columns: a tile takes so many times as long if others have the same columns
 * @fits: whether a tile may be so large; or NULL
 */
struct matmul_grain {
	uint32_t rows, columns;
	double operand_macs;
	uint64_t start_macs;
	double shared_columns;
	bool (*fits)(const struct matmul_plan *plan, uint32_t rows, uint32_t columns);
};

/* matmul_shape.c: fill in what follows from the operands alone. */
void matmul_find_shape(struct matmul_plan *plan, const struct lib_features *lib);
/* Parts of that, once types and sizes are known. */
void matmul_choose_layouts(struct matmul_plan *plan);
void matmul_choose_tiles(struct matmul_plan *plan, const struct matmul_grain *grain);
/* Few rows or small matrices: read where they are, whatever their strides. */
bool matmul_choose_few(struct matmul_plan *plan);

/* matmul_pack.c */

/* May the second operand be packed? Then make primitives for any order of it. */
bool matmul_packs(const struct matmul_plan *plan);
/* The order of the whole matrix from that of a tile. False: pack nothing. */
bool matmul_find_order(struct matmul_plan *plan, const dnnl_memory_desc_t *tile);
/*
 * Where the packed operand goes: to memory of the plan's own when it is constant, else
 * to NK_SCRATCH_OUT. NULL: no memory.
 */
char *matmul_packed_place(struct matmul_plan *plan, const struct nk_call *call);
/* Once it is packed there, which ended with @status: keep it, if it is the plan's own. */
enum nk_status matmul_keep(struct matmul_plan *plan, enum nk_status status, char **packed);
/* The packed part for a tile: its descriptor, and where it lies. */
dnnl_memory_desc_t matmul_tile_desc(const struct matmul_plan *plan, uint32_t columns);
size_t matmul_tile_offset(const struct matmul_plan *plan, uint64_t entry, uint32_t column);
/* Few rows: each tile's columns one after the other, if they are constant; else *packed is NULL. */
enum nk_status matmul_few_pack(struct matmul_plan *plan, const struct nk_call *call,
			       const char *plain, char **packed);
/* What @plain holds now in the library's order; may lie in NK_SCRATCH_OUT. */
enum nk_status matmul_pack(struct matmul_plan *plan, const struct nk_call *call,
			   const void *plain, char **packed);

/* matmul_panels.c */

/* If there are products for the processor: types, layouts and tiles for them. */
bool matmul_choose_panels(struct matmul_plan *plan, const struct lib_features *lib);
/* Tiles for it, of the plan's sizes and first type. */
void matmul_panels_tiles(struct matmul_plan *plan);
/* The second operand in panels; *packed is NULL when each tile packs its own. */
enum nk_status matmul_panels_pack(struct matmul_plan *plan, const struct nk_call *call,
				  const void *b, char **packed);

/**
 * matmul_panels_tile() - the sums of a tile
 * @plan: the plan
 * @rows: of the tile
 * @first: column
 * @columns: of the tile
 * @a: its part of the first operand
 * @b: the second in panels, or else its part of it
 * @packed: which of them
 * @out: where the plan's output is direct, the tile's part of it, else
 *	 panels_sums_bytes() that receive dense rows
 * @out_row: distance of the output's rows, in elements
 * @temp: the plan's temp_bytes
 */
void matmul_panels_tile(const struct matmul_plan *plan, uint32_t rows, uint32_t first,
			uint32_t columns, const char *a, const char *b, bool packed, char *out,
		     ptrdiff_t out_row, char *temp);

#endif /* NEURON_NK_MATMUL_PLAN_H */
