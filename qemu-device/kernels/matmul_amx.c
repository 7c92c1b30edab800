// SPDX-License-Identifier: MIT
/*
 * MATMUL of bf16 and of bytes on AMX tiles.
 *
 * The second operand is brought into panels by the tile that needs it, while they
 * stay in the cache; once for all tiles where several need the same columns; and
 * once for all executions while the caller says that it is constant.
 */
#include "amx.h"
#include "matmul_plan.h"

/* A tile's operands and sums stay in L2: rows are read again for each pair of panels. */
#define L2_BYTES	((size_t)5 << 18)

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
	return ((size_t)rows + columns) * plan->k * nk_size(plan->a_type) +
	       (size_t)rows * columns * sizeof(float) <= L2_BYTES;
}

bool matmul_choose_amx(struct matmul_plan *plan, const struct lib_features *lib)
{
	static const struct matmul_grain grain = {
		.rows = AMX_ROWS,
		.columns = AMX_PANEL,
		.operand_macs = OPERAND_MACS,
		.start_macs = START_MACS,
		.shared_columns = 1.25,
		.fits = stays_near,
	};

	if (!lib->amx || !amx_has(plan->a.dtype, plan->b.dtype))
		return false;
	plan->as_f32 = false;
	plan->a_type = plan->a.dtype;
	plan->b_type = plan->b.dtype;
	matmul_choose_layouts(plan);
	if (!plan->a_layout.packed && plan->a_layout.column != 1)
		plan->a_layout = (struct matmul_layout){ .packed = true, .row = plan->k, .column = 1 };
	matmul_choose_tiles(plan, &grain);
	plan->direct = plan->direct && !plan->has_bias && plan->m % AMX_ROWS == 0 &&
		       plan->n % AMX_PANEL == 0 &&
		       plan->out.dtype == (plan->integer ? NEURON_I32 : NEURON_F32);
	/* One matrix for all entries of the batch may be kept. */
	plan->packs = nk_elements(&plan->b) == (uint64_t)plan->k * plan->n;
	plan->packed_bytes = amx_packed_bytes(plan->b_type, plan->k, plan->n) +
			     round_up(plan->n, AMX_PANEL) * sizeof(int32_t);
	plan->temp_bytes = amx_packed_bytes(plan->b_type, plan->k, plan->columns) +
			   (round_up(plan->columns, AMX_PANEL) * AMX_ROWS + plan->rows) *
			   sizeof(int32_t);
	return true;
}

size_t matmul_amx_sums_bytes(const struct matmul_plan *plan)
{
	return (size_t)round_up(plan->rows, AMX_ROWS) * round_up(plan->columns, AMX_PANEL) *
	       sizeof(float);
}

static void pack(const struct matmul_plan *plan, const char *b, uint32_t columns, char *packed)
{
	amx_pack(plan->b_type, plan->k, columns, b, plan->b_layout.row, plan->b_layout.column,
		 packed);
}

struct pack {
	const struct matmul_plan *plan;
	const char *b;
	char *packed;
};

static enum nk_status pack_tile(void *arg, size_t tile, unsigned int thread,
				struct nk_stats *stats)
{
	const struct pack *p = arg;
	const struct matmul_plan *plan = p->plan;
	uint32_t first = tile * plan->columns;
	uint32_t columns = plan->n - first < plan->columns ? plan->n - first : plan->columns;

	(void)thread;
	(void)stats;
	pack(plan, p->b + (ptrdiff_t)first * plan->b_layout.column *
	     (ptrdiff_t)nk_size(plan->b_type), columns,
	     p->packed + amx_packed_bytes(plan->b_type, plan->k, first));
	return NK_OK;
}

enum nk_status matmul_amx_pack(struct matmul_plan *plan, const struct nk_call *call,
			       const void *b, char **packed)
{
	struct pack p = { .plan = plan, .b = b };
	enum nk_status status;

	*packed = NULL;
	/* A single row of tiles does that itself. */
	if (!plan->packs || (!call->op[2].constant && plan->row_tiles * plan->batch == 1))
		return NK_OK;
	*packed = matmul_packed_place(plan, call);
	if (!*packed)
		return NK_NO_MEMORY;
	p.packed = *packed;
	status = nk_parallel(call, plan->column_tiles, pack_tile, &p);
	plan->have_packed = !status && *packed == plan->packed;
	return status;
}

/* sum (a - az) * (b - bz) = sum a * b - az * sum b - bz * sum a + k * az * bz */
static void subtract_zero_points(const struct matmul_plan *plan, uint32_t rows, uint32_t columns,
				 const char *a, const char *packed, uint32_t *sums,
				 ptrdiff_t sums_row, uint32_t *temp)
{
	uint32_t az = plan->a.zero_point, bz = plan->b.zero_point;
	uint32_t width = round_up(columns, AMX_PANEL);
	uint32_t *of_columns = temp, *of_rows = temp + (size_t)width * AMX_ROWS;

	memset(of_rows, 0, rows * sizeof(*of_rows));
	if (bz)
		amx_row_sums(plan->a_type, rows, plan->k, a, plan->a_layout.row, of_rows);
	if (az)
		amx_column_sums(plan->b_type, columns, plan->k, packed, of_columns, width);
	else
		memset(of_columns, 0, width * sizeof(*of_columns));
	for (uint32_t j = 0; j < columns; j++)
		of_columns[j] = az * of_columns[j] - plan->k * az * bz;
	for (uint32_t i = 0; i < rows; i++) {
		uint32_t row = bz * of_rows[i], *to = sums + (ptrdiff_t)i * sums_row;

		for (uint32_t j = 0; j < columns; j++)
			to[j] -= row + of_columns[j];
	}
}

void matmul_amx_tile(const struct matmul_plan *plan, uint32_t rows, uint32_t columns,
		     const char *a, const char *b, bool packed, char *out, ptrdiff_t out_row,
		     char *temp)
{
	ptrdiff_t sums_row = plan->direct ? out_row : round_up(columns, AMX_PANEL);
	size_t panels = amx_packed_bytes(plan->b_type, plan->k, columns);

	if (!packed) {
		pack(plan, b, columns, temp);
		b = temp;
	}
	amx_multiply(plan->a_type, plan->b_type, rows, columns, plan->k, a, plan->a_layout.row, b,
		     out, sums_row);
	if (plan->integer && (plan->a.zero_point || plan->b.zero_point))
		subtract_zero_points(plan, rows, columns, a, b, (uint32_t *)out, sums_row,
				     (uint32_t *)(temp + panels));
	/* Without gaps, as the epilogue expects them. */
	for (uint32_t i = 1; !plan->direct && sums_row > columns && i < rows; i++)
		memmove((float *)out + (size_t)i * columns, (float *)out + i * sums_row,
			columns * sizeof(float));
}
