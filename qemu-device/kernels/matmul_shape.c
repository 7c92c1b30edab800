// SPDX-License-Identifier: MIT
/*
 * MATMUL: types, layouts and tiles.
 *
 * Matrices are given to the library where they are when their rows or columns are
 * contiguous, and copied otherwise. The work is cut into tiles by shape.
 */
#include "matmul_plan.h"

/* Tiles: most parts of a dimension, and least rows. */
#define MAX_PARTS	16
#define MIN_ROWS	32

/* Multiplications of products of few rows that are worth a tile. */
#define FEW_MACS	((uint64_t)256 << 10)

/* One row of a desc's leading dimensions after another: can they be one dimension? */
static bool folds(const struct neuron_tensor *t)
{
	for (unsigned int d = 0; d + 2 < t->rank; d++) {
		if (t->dims[d] == 1)
			continue;
		for (unsigned int e = d + 1; e + 1 < t->rank; e++) {
			if (t->dims[e] == 1 && e + 2 < t->rank)
				continue;
			if (t->strides[d] != (int64_t)t->strides[e] * t->dims[e])
				return false;
			break;
		}
	}
	return true;
}

/* Make [..., m, c] a matrix of all rows. */
static void fold(struct neuron_tensor *t)
{
	uint64_t rows = nk_elements(t) / t->dims[t->rank - 1];
	int32_t row_stride = t->strides[t->rank - 2];

	/* With one row at the end, the distance is that of the next real dimension. */
	for (unsigned int d = t->rank - 1; d-- > 0;) {
		if (t->dims[d] > 1) {
			row_stride = t->strides[d];
			break;
		}
	}
	t->dims[0] = rows;
	t->dims[1] = t->dims[t->rank - 1];
	t->strides[0] = row_stride;
	t->strides[1] = t->strides[t->rank - 1];
	t->rank = 2;
}

static void fold_batch(struct matmul_plan *plan)
{
	struct neuron_tensor *b = &plan->b;
	bool shared = true;

	for (unsigned int d = 0; d + 2 < b->rank; d++)
		shared &= b->dims[d] == 1 || !b->strides[d];
	if (!shared || plan->a.rank != plan->out.rank || !folds(&plan->a) || !folds(&plan->out))
		return;
	for (unsigned int d = 0; d + 1 < plan->out.rank; d++)
		if (plan->a.dims[d] != plan->out.dims[d])
			return;
	if (nk_elements(&plan->out) / plan->out.dims[plan->out.rank - 1] > UINT32_MAX)
		return;
	fold(&plan->a);
	fold(&plan->out);
	b->dims[0] = b->dims[b->rank - 2];
	b->dims[1] = b->dims[b->rank - 1];
	b->strides[0] = b->strides[b->rank - 2];
	b->strides[1] = b->strides[b->rank - 1];
	b->rank = 2;
}

/* How the library can walk the last two dimensions; copied when it cannot. */
static struct matmul_layout find_layout(const struct neuron_tensor *t, bool convert)
{
	int64_t rows = t->dims[t->rank - 2], columns = t->dims[t->rank - 1];
	struct matmul_layout l = {
		.row = rows == 1 ? columns : t->strides[t->rank - 2],
		.column = columns == 1 ? 1 : t->strides[t->rank - 1],
	};

	if (!convert && l.column == 1 && l.row >= columns)
		return l;
	if (!convert && rows > 1 && l.row == 1 && l.column >= rows)
		return l;
	/* One column of a wider matrix, seen as rows. */
	if (!convert && columns == 1 && l.row >= 1)
		return l;
	return (struct matmul_layout){ .packed = true, .row = columns, .column = 1 };
}

/* The library keeps zero points in the type of their operand. */
static bool zero_point_fits(const struct neuron_tensor *t)
{
	return t->dtype == NEURON_I8 ? t->zero_point >= INT8_MIN && t->zero_point <= INT8_MAX :
	       t->zero_point >= 0 && t->zero_point <= UINT8_MAX;
}

static void choose_types(struct matmul_plan *plan, const struct lib_features *lib)
{
	unsigned int a = plan->a.dtype, b = plan->b.dtype;

	plan->a_type = plan->b_type = NEURON_F32;
	plan->integer = nk_is_byte(a) && nk_is_byte(b);
	if (plan->integer && lib->int8 && zero_point_fits(&plan->a) && zero_point_fits(&plan->b)) {
		plan->a_type = a;
		plan->b_type = NEURON_I8;
	} else if (plan->integer) {
		plan->as_f32 = true;
	} else if (a == NEURON_BF16 && b == NEURON_BF16 && lib->bf16) {
		plan->a_type = plan->b_type = NEURON_BF16;
	}
}

/* Into how many parts of at least @least, each a multiple of @unit, and how large. */
static uint32_t part(uint32_t n, unsigned int parts, uint32_t unit, uint32_t least)
{
	uint32_t size = (n + parts - 1) / parts;

	size = (size + unit - 1) / unit * unit;
	if (size < least)
		size = least;
	return size < n ? size : n;
}

/*
 * What a way to cut costs, in multiplications: what the last of one, two, four and
 * eight threads is done with when no other thread is slower. Few rows leave the processor's
 * registers half used, and each tile reads its operands.
 */
static double tiles_cost(const struct matmul_plan *plan, const struct matmul_grain *grain,
			 uint32_t rows, uint32_t columns)
{
	uint64_t tiles = (uint64_t)((plan->m + rows - 1) / rows) *
			 ((plan->n + columns - 1) / columns) * plan->batch;
	double one = (double)(rows < MIN_ROWS ? MIN_ROWS : rows) * columns * plan->k +
		     grain->operand_macs * ((double)rows + columns) * plan->k + grain->start_macs;

	if (rows < plan->m)
		one *= grain->shared_columns;
	return one * (tiles + (tiles + 1) / 2 + (tiles + 3) / 4 + (tiles + 7) / 8);
}

void matmul_choose_tiles(struct matmul_plan *plan, const struct matmul_grain *grain)
{
	uint64_t macs = (uint64_t)plan->m * plan->n * plan->k;
	double least = 0;

	/* The smallest first, which have to do where none fits. */
	for (unsigned int r = MAX_PARTS; r > 0; r--) {
		uint32_t rows = part(plan->m, r, grain->rows, MIN_ROWS);

		for (unsigned int c = MAX_PARTS; c > 0; c--) {
			uint32_t columns = part(plan->n, c, grain->columns, grain->columns);
			double cost = tiles_cost(plan, grain, rows, columns);
			bool fits = !grain->fits || grain->fits(plan, rows, columns);

			if (least > 0 && (cost >= least || !fits))
				continue;
			least = cost;
			plan->rows = rows;
			plan->columns = columns;
		}
	}
	plan->row_tiles = (plan->m + plan->rows - 1) / plan->rows;
	plan->column_tiles = (plan->n + plan->columns - 1) / plan->columns;

	/* Several small products are a tile. */
	plan->entries = macs >= grain->start_macs ? 1 : grain->start_macs / macs;
	if (plan->entries > plan->batch)
		plan->entries = plan->batch;
}

/* One matrix for several entries of the batch. */
static bool repeats(const struct neuron_tensor *t)
{
	for (unsigned int d = 0; d + 2 < t->rank; d++)
		if (t->dims[d] > 1 && !t->strides[d])
			return true;
	return false;
}

bool matmul_choose_few(struct matmul_plan *plan)
{
	const struct neuron_tensor *a = &plan->a, *b = &plan->b;
	uint64_t macs = (uint64_t)plan->m * plan->n * plan->k;
	struct few *few = &plan->few;

	if (plan->integer)
		return false;
	*few = (struct few){
		.m = plan->m,
		.n = plan->n,
		.k = plan->k,
		.a_dtype = a->dtype,
		.a_row = a->strides[a->rank - 2],
		.a_column = plan->k == 1 ? 1 : a->strides[a->rank - 1],
		.b_dtype = b->dtype,
		.b_row = plan->k == 1 ? 1 : b->strides[b->rank - 2],
		.b_column = plan->n == 1 ? 1 : b->strides[b->rank - 1],
	};
	if (!nk_is_float(a->dtype) || !nk_is_float(b->dtype))
		return false;
	few->kind = few_kind_of(few);
	if (few->kind == FEW_NONE)
		return false;

	plan->a_layout = (struct matmul_layout){ .row = few->a_row, .column = few->a_column };
	plan->b_layout = (struct matmul_layout){ .row = few->b_row, .column = few->b_column };
	plan->a_type = a->dtype;
	plan->b_type = b->dtype;
	plan->rows = plan->m;
	plan->row_tiles = 1;
	few->n = few_tile_columns(few);
	plan->columns = few->n;
	plan->column_tiles = (plan->n + plan->columns - 1) / plan->columns;
	plan->entries = macs >= FEW_MACS ? 1 : FEW_MACS / macs;
	if (plan->entries > plan->batch)
		plan->entries = plan->batch;
	plan->temp_bytes = few_bytes(few);
	plan->packs = few_packs(few, plan->n) && !repeats(b);
	plan->packed_bytes = nk_elements(b) * nk_size(plan->b_type);
	return true;
}

void matmul_choose_layouts(struct matmul_plan *plan)
{
	plan->a_layout = find_layout(&plan->a, plan->a.dtype != plan->a_type || plan->as_f32);
	plan->b_layout = find_layout(&plan->b, plan->b.dtype != plan->b_type || plan->as_f32);
}

void matmul_find_shape(struct matmul_plan *plan, const struct lib_features *lib)
{
	static const struct matmul_grain grain = {
		.rows = 16,
		.columns = 64,
		.operand_macs = 16,
		.start_macs = (uint64_t)1 << 20,
		.shared_columns = 1,
	};

	choose_types(plan, lib);
	fold_batch(plan);
	plan->m = plan->out.dims[plan->out.rank - 2];
	plan->n = plan->out.dims[plan->out.rank - 1];
	plan->k = plan->a.dims[plan->a.rank - 1];
	plan->batch = nk_elements(&plan->out) / plan->m / plan->n;
	matmul_choose_layouts(plan);
	matmul_choose_tiles(plan, &grain);
}
