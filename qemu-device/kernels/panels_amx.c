// SPDX-License-Identifier: MIT
/*
 * Products of bf16 and of bytes on AMX tiles.
 *
 * Two tiles of rows times two of columns are computed together: the four tiles of
 * sums stay in registers over a part of k whose panel of the second operand fits the
 * L1 cache, next to the sums. Rows and columns that are left over are filled up with
 * zeros, so that one configuration of the tiles does for all.
 */
#include "panels.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET	__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq," \
				      "amx-tile,amx-bf16,amx-int8")))

/* <asm/prctl.h> of kernels from 5.16 on. */
#define REQUEST_PERMISSION	0x1023
#define TILE_DATA		18

#define TILE_ROWS	16
#define TILE_BYTES	1024

/* Steps of k for which sums stay in registers. */
#define STEPS		32

static bool available;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The system must agree, because a thread's registers become larger. */
static void look(void)
{
	const unsigned int wanted = 1u << 22 | 1u << 24 | 1u << 25;	/* bf16, tiles, int8 */
	unsigned int a, b, c, d;

	if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & wanted) != wanted ||
	    !__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
	    !__builtin_cpu_supports("avx512dq"))
		return;
	available = !syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA);
}

bool amx_available(void)
{
	pthread_once(&once, look);
	return available;
}

/* Tiles 0 to 3: sums; 4, 5: rows; 6, 7: columns. */
#define STEP_OF(name, instruction)							\
TARGET static void multiply_##name(const char *a, ptrdiff_t a_row, const ptrdiff_t *shift,	\
				   const char *b, uint32_t steps, char *c,		\
				   ptrdiff_t c_row, bool first)				\
{											\
	/* The compiler does not know that tiles are loaded from memory. */		\
	__asm__ volatile("" ::: "memory");						\
	if (first) {									\
		_tile_zero(0);								\
		_tile_zero(1);								\
		_tile_zero(2);								\
		_tile_zero(3);								\
	} else {									\
		_tile_loadd(0, c, c_row);						\
		_tile_loadd(1, c + 64, c_row);						\
		_tile_loadd(2, c + TILE_ROWS * c_row, c_row);				\
		_tile_loadd(3, c + TILE_ROWS * c_row + 64, c_row);			\
	}										\
	for (uint32_t i = 0; i < steps; i++, b += 2 * TILE_BYTES) {			\
		const char *from = a + shift[i];					\
											\
		_tile_loadd(4, from, a_row);						\
		_tile_loadd(6, b, PANEL_STEP);						\
		_tile_loadd(5, from + TILE_ROWS * a_row, a_row);			\
		_tile_loadd(7, b + TILE_BYTES, PANEL_STEP);				\
		instruction(0, 4, 6);							\
		instruction(1, 4, 7);							\
		instruction(2, 5, 6);							\
		instruction(3, 5, 7);							\
	}										\
	_tile_stored(0, c, c_row);							\
	_tile_stored(1, c + 64, c_row);							\
	_tile_stored(2, c + TILE_ROWS * c_row, c_row);					\
	_tile_stored(3, c + TILE_ROWS * c_row + 64, c_row);				\
}

STEP_OF(bf16, _tile_dpbf16ps)
STEP_OF(ss, _tile_dpbssd)
STEP_OF(su, _tile_dpbsud)
STEP_OF(us, _tile_dpbusd)
STEP_OF(uu, _tile_dpbuud)

typedef void multiply_fn(const char *a, ptrdiff_t a_row, const ptrdiff_t *shift, const char *b,
			 uint32_t steps, char *c, ptrdiff_t c_row, bool first);

/* Rows that are contiguous. */
#define EIGHT(i)	(i) * PANEL_STEP, ((i) + 1) * PANEL_STEP, ((i) + 2) * PANEL_STEP,	\
			((i) + 3) * PANEL_STEP, ((i) + 4) * PANEL_STEP, ((i) + 5) * PANEL_STEP,	\
			((i) + 6) * PANEL_STEP, ((i) + 7) * PANEL_STEP
static const ptrdiff_t in_order[STEPS] = { EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24) };

static multiply_fn *kernel_of(unsigned int a_dtype, unsigned int b_dtype)
{
	if (a_dtype == NEURON_BF16)
		return multiply_bf16;
	if (a_dtype == NEURON_I8)
		return b_dtype == NEURON_I8 ? multiply_ss : multiply_su;
	return b_dtype == NEURON_I8 ? multiply_us : multiply_uu;
}

/* All tiles are full ones. */
static const struct {
	uint8_t palette, start_row, reserved[14];
	uint16_t bytes[16];
	uint8_t rows[16];
} config NK_ALIGNED = {
	.palette = 1,
	.bytes = { 64, 64, 64, 64, 64, 64, 64, 64 },
	.rows = { 16, 16, 16, 16, 16, 16, 16, 16 },
};

TARGET static void configure(void)
{
	_tile_loadconfig(&config);
}

TARGET static void release(void)
{
	_tile_release();
}

/* Rows or bytes that do not fill their tiles: with zeros behind them. */
static void fill_up(const char *a, ptrdiff_t a_row, uint32_t rows, size_t bytes, uint32_t steps,
		    char *to)
{
	size_t width = (size_t)steps * PANEL_STEP;

	for (uint32_t i = 0; i < PANEL_ROWS; i++, a += a_row, to += width) {
		size_t n = i < rows ? bytes : 0;

		if (n)
			memcpy(to, a, n);
		memset(to + n, 0, width - n);
	}
}

void amx_multiply(unsigned int a_dtype, unsigned int b_dtype, uint32_t m, uint32_t n, uint32_t k,
		  const void *a, ptrdiff_t a_row, const ptrdiff_t *shift, const void *packed,
		  void *sums, ptrdiff_t sums_row)
{
	char filled[PANEL_ROWS * STEPS * PANEL_STEP] NK_ALIGNED;
	multiply_fn *multiply = kernel_of(a_dtype, b_dtype);
	size_t size = nk_size(a_dtype), bytes = k * size, panel = panel_bytes(a_dtype, k);
	uint32_t all = (bytes + PANEL_STEP - 1) / PANEL_STEP;
	uint32_t panels = (n + PANEL_COLUMNS - 1) / PANEL_COLUMNS;
	ptrdiff_t c_row = sums_row * (ptrdiff_t)sizeof(float);

	a_row *= (ptrdiff_t)size;
	configure();
	/* Two panels at a time, so that rows are used twice while they are near. */
	for (uint32_t p = 0; p < panels; p += 2)
	for (uint32_t s = 0; s < all; s += STEPS)
	for (uint32_t r = 0; r < m; r += PANEL_ROWS) {
		uint32_t steps = all - s < STEPS ? all - s : STEPS;
		uint32_t rows = m - r < PANEL_ROWS ? m - r : PANEL_ROWS;
		size_t left = bytes - (size_t)s * PANEL_STEP, width = (size_t)steps * PANEL_STEP;
		const char *from = (const char *)a + (ptrdiff_t)r * a_row +
				   (shift ? 0 : (ptrdiff_t)s * PANEL_STEP);
		ptrdiff_t from_row = a_row;

		if (!shift && (rows < PANEL_ROWS || left < width)) {
			fill_up(from, a_row, rows, left < width ? left : width, steps, filled);
			from = filled;
			from_row = (ptrdiff_t)width;
		}
		for (uint32_t q = p; q < p + 2 && q < panels; q++)
			multiply(from, from_row, shift ? shift + s : in_order,
				 (const char *)packed + q * panel +
				 (size_t)s * 2 * TILE_BYTES, steps, (char *)sums +
				 (ptrdiff_t)r * c_row + q * PANEL_COLUMNS * sizeof(float), c_row, !s);
	}
	release();
}

void amx_column_sums(unsigned int dtype, uint32_t n, uint32_t k, const void *packed,
		     uint32_t *sums)
{
	static const uint8_t ones[STEPS * PANEL_STEP] NK_ALIGNED = {
		[0 ... STEPS * PANEL_STEP - 1] = 1,
	};
	uint32_t rows[PANEL_ROWS * PANEL_COLUMNS] NK_ALIGNED;	/* all of them the same */
	multiply_fn *multiply = kernel_of(NEURON_U8, dtype);
	size_t panel = panel_bytes(dtype, k);
	uint32_t all = (k + PANEL_STEP - 1) / PANEL_STEP;
	const char *from = packed;

	configure();
	for (uint32_t first = 0; first < n; first += PANEL_COLUMNS, from += panel) {
		uint32_t columns = n - first < PANEL_COLUMNS ? n - first : PANEL_COLUMNS;

		for (uint32_t s = 0; s < all; s += STEPS)
			multiply((const char *)ones, 0, in_order, from + (size_t)s * 2 * TILE_BYTES,
				 all - s < STEPS ? all - s : STEPS, (char *)rows,
				 PANEL_COLUMNS * sizeof(*rows), !s);
		memcpy(sums + first, rows, columns * sizeof(*rows));
	}
	release();
}

#else

bool amx_available(void)
{
	return false;
}

void amx_multiply(unsigned int a_dtype, unsigned int b_dtype, uint32_t m, uint32_t n, uint32_t k,
		  const void *a, ptrdiff_t a_row, const ptrdiff_t *shift, const void *packed,
		  void *sums, ptrdiff_t sums_row)
{
	(void)shift;
	(void)a_dtype, (void)b_dtype, (void)m, (void)n, (void)k, (void)a, (void)a_row;
	(void)packed, (void)sums, (void)sums_row;
}

void amx_column_sums(unsigned int dtype, uint32_t n, uint32_t k, const void *packed,
		     uint32_t *sums)
{
	(void)dtype, (void)n, (void)k, (void)packed, (void)sums;
}
#endif
