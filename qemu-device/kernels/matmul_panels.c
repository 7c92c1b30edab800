// SPDX-License-Identifier: MIT
/*
 * MATMUL with the second operand in panels.
 *
 * The second operand is brought into panels by the tile that needs it, while they
 * stay in the cache; once for all tiles where several need the same columns; and
 * once for all executions while the caller says that it is constant.
 */
#include "matmul_plan.h"

/*
 * A tile's operands and sums stay in L2: rows are read again for each pair of panels. Of
 * AMX processors, and of those with AVX-512 alone.
 */
#define L2_AMX_BYTES	((size_t)5 << 18)
#define L2_BYTES	((size_t)3 << 18)

/*
 * Multiplications that take as long as to read an element of an operand, and as to
 * start a tile.
 */
#define OPERAND_MACS	32
#define START_MACS	((uint64_t)1 << 20)

static uint32_t round_up(uint32_t n, uint32_t to)
{
	return (n + to - 1) / to * to;
}

static bool stays_near(const struct matmul_plan *plan, uint32_t rows, uint32_t columns)
{
	bool amx = plan->b_panels.by == PANELS_AMX;
	size_t column = plan->k * nk_size(plan->a_type);
	size_t row = plan->a_row_bytes ? plan->a_row_bytes : column;

	if (!amx) {	/* only a part at a time */
		column = column < PANEL_PART ? column : PANEL_PART;
		row = row < PANEL_PART ? row : PANEL_PART;
	}
	return rows * row + columns * column + (size_t)rows * columns * sizeof(float) <=
	       (amx ? L2_AMX_BYTES : L2_BYTES);
}

void matmul_panels_tiles(struct matmul_plan *plan)
{
	static const struct matmul_grain grain = {
		.rows = PANEL_ROWS,
		.columns = PANEL_COLUMNS,
		.operand_macs = OPERAND_MACS,
		.start_macs = START_MACS,
		.shared_columns = 1.25,
		.fits = stays_near,
	};

	matmul_choose_tiles(plan, &grain);
}

bool matmul_choose_panels(struct matmul_plan *plan, const struct lib_features *lib)
{
	enum panels_by by = panels_by(lib, plan->a.dtype, plan->b.dtype);

	if (by == PANELS_NONE)
		return false;
	plan->as_f32 = false;
	plan->a_type = plan->a.dtype;
	plan->b_type = plan->b.dtype;
	matmul_choose_layouts(plan);
	if (!plan->a_layout.packed && plan->a_layout.column != 1)
		plan->a_layout = (struct matmul_layout){ .packed = true, .row = plan->k, .column = 1 };
	plan->b_panels.by = by;
	matmul_panels_tiles(plan);
	plan->direct = plan->direct && !plan->has_bias && plan->m % PANEL_ROWS == 0 &&
		       plan->n % PANEL_COLUMNS == 0 &&
		       plan->out.dtype == (plan->integer ? NEURON_I32 : NEURON_F32);
	/* One matrix for all entries of the batch may be kept. */
	plan->packs = nk_elements(&plan->b) == (uint64_t)plan->k * plan->n;
	plan->b_panels = (struct panels){
		.by = by,
		.dtype = plan->b_type,
		.a_dtype = plan->a_type,
		.k = plan->k,
		.n = plan->n,
		.row = plan->b_layout.row,
		.column = plan->b_layout.column,
		.zero_point = plan->integer ? plan->b.zero_point : 0,
		.a_zero_point = plan->integer ? plan->a.zero_point : 0,
	};
	plan->packed_bytes = panels_size(&plan->b_panels);
	plan->temp_bytes = panels_temp_bytes(&plan->b_panels, plan->columns);
	return true;
}

enum nk_status matmul_panels_pack(struct matmul_plan *plan, const struct nk_call *call,
				  const void *b, char **packed)
{
	enum nk_status status;

	*packed = NULL;
	plan->have_packed = false;	/* what is kept may be of other weights */
	/* A single row of tiles does that itself. */
	if (!plan->packs || (!call->op[2].constant && plan->row_tiles * plan->batch == 1))
		return NK_OK;
	*packed = matmul_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	status = panels_fill(call, &plan->b_panels, b, plan->columns, *packed);
	return matmul_keep(plan, status, packed);
}

void matmul_panels_tile(const struct matmul_plan *plan, uint32_t rows, uint32_t first,
			uint32_t columns, const char *a, const char *b, bool packed, char *out,
		     ptrdiff_t out_row, char *temp)
{
	ptrdiff_t sums_row = plan->direct ? out_row : round_up(columns, PANEL_COLUMNS);

	if (packed)
		panels_tile(&plan->b_panels, rows, a, plan->a_layout.row, NULL, first, columns, b,
			    out, sums_row);
	else
		panels_tile_plain(&plan->b_panels, rows, a, plan->a_layout.row, NULL, columns, b,
				  temp, out, sums_row);
	if (!plan->direct)
		panels_close_gaps(out, rows, columns);
}
