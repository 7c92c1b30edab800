// SPDX-License-Identifier: MIT
/*
 * Both ways in which bf16 are multiplied without AMX, whichever of them this processor is
 * better at: kernels_fast.c sees that one alone. Bytes of more rows than one part has.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <qemu-device/kernels/nk.h>
#include <qemu-device/kernels/panels.h>
#include "tests/ktap.h"

#define MOST_K		1100
#define COLUMNS		PANEL_COLUMNS
#define GAP		5	/* behind a row */

static uint16_t a[PANEL_TOGETHER * (MOST_K + GAP)], b[MOST_K * COLUMNS];
static float c[PANEL_TOGETHER * COLUMNS];
static uint32_t state = 1;

static float chance(void)
{
	state = state * 1664525 + 1013904223;
	return (float)(int32_t)state * 0x1p-31f;
}

static uint8_t any_byte(void)
{
	return (int)(chance() * 127.9f);
}

static void fill(uint16_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = nk_f32_to_bf16(chance());
}

/* Sums of rows and columns; every other one of the columns' parts in a call of its own. */
static void multiply(bool wide, unsigned int rows, uint32_t k, uint32_t part_steps,
		     const char *packed, const ptrdiff_t *shift, const char *ahead)
{
	size_t all = k * sizeof(*a), most = (size_t)part_steps * PANEL_STEP, done = 0;

	while (done < all) {
		struct panel_part part = {
			.a = (const char *)a + (shift ? 0 : done),
			.a_row = (ptrdiff_t)((k + GAP) * sizeof(*a)),
			.shift = shift ? shift + done / PANEL_STEP : NULL,
			.b = packed + done * PANEL_COLUMNS,
			.bytes = all - done < most ? all - done : most,
			.c = c,
			.c_row = COLUMNS,
			.adds = done,
			.ahead = ahead,
			.ahead_row = COLUMNS * sizeof(*b),
		};

		dot_multiply(NEURON_BF16, wide, &part, rows);
		done += part.bytes;
	}
}

static bool is_right(unsigned int rows, uint32_t k)
{
	for (unsigned int r = 0; r < rows; r++)
		for (unsigned int j = 0; j < COLUMNS; j++) {
			double sum = 0;

			for (uint32_t i = 0; i < k; i++)
				sum += (double)nk_bf16_to_f32(a[r * (k + GAP) + i]) *
				       nk_bf16_to_f32(b[i * COLUMNS + j]);
			if (fabs(c[r * COLUMNS + j] - sum) < 2e-7 * k + 2e-6)
				continue;
			printf("# %u rows, sums of %u: (%u, %u) is %g, not %g\n", rows, k, r, j,
			       c[r * COLUMNS + j], sum);
			return false;
		}
	return true;
}

static void check(bool wide)
{
	static const uint32_t sums[] = {
		1, 2, 3, 4, 30, 31, 32, 33, 34, 63, 64, 65, 96, 257, 1023, MOST_K,
	};
	float whole[PANEL_TOGETHER * COLUMNS];
	ptrdiff_t shift[MOST_K * 2 / PANEL_STEP + 1];
	char *packed;

	if (!dot_available(NEURON_BF16)) {
		ktap_skip("this processor has no dot products of bf16");
		return;
	}
	for (size_t s = 0; s < sizeof(shift) / sizeof(shift[0]); s++)
		shift[s] = (ptrdiff_t)s * PANEL_STEP;
	for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]) && !ktap_failed; i++) {
		const uint32_t k = sums[i];

		packed = aligned_alloc(64, panels_bytes(NEURON_BF16, k, COLUMNS));
		fill(b, (size_t)k * COLUMNS);
		steps_pack(NEURON_BF16, k, COLUMNS, b, COLUMNS, 1, false, packed);
		for (unsigned int rows = 1; rows <= PANEL_TOGETHER && !ktap_failed; rows++) {
			fill(a, rows * (k + GAP));
			/* What is in memory before is nothing to it. */
			memset(c, 0xff, sizeof(c));
			multiply(wide, rows, k, 1000, packed, NULL, NULL);
			CHECK(is_right(rows, k));
			memcpy(whole, c, sizeof(c));
			/* By parts, through the list of steps, while something is fetched. */
			multiply(wide, rows, k, 1 + rows % 3, packed, NULL, NULL);
			CHECK(!memcmp(whole, c, sizeof(c)));
			multiply(wide, rows, k, 1000, packed, k % 2 ? NULL : shift, NULL);
			CHECK(!memcmp(whole, c, sizeof(c)));
			multiply(wide, rows, k, 1000, packed, NULL, (const char *)b);
			CHECK(!memcmp(whole, c, sizeof(c)));
		}
		free(packed);
	}
}

static void dots(void)
{
	check(false);
}

static void wide(void)
{
	check(true);
}

/* As fp32, and nothing is too small for that. */
static void subnormal(void)
{
	char *packed = aligned_alloc(64, panels_bytes(NEURON_BF16, 1, COLUMNS));

	if (!dot_available(NEURON_BF16)) {
		free(packed);
		ktap_skip("this processor has no dot products of bf16");
		return;
	}
	for (unsigned int j = 0; j < COLUMNS; j++)
		b[j] = nk_f32_to_bf16(0x1p-130f);
	a[0] = nk_f32_to_bf16(2);
	steps_pack(NEURON_BF16, 1, COLUMNS, b, COLUMNS, 1, false, packed);
	multiply(true, 1, 1, 1, packed, NULL, NULL);
	for (unsigned int j = 0; j < COLUMNS; j++)
		CHECK(c[j] == 0x1p-129f);
	free(packed);
}

static uint32_t naive(const struct panels *w, const uint8_t *row, const uint8_t *column)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < w->k; i++) {
		const uint8_t *y = column + (ptrdiff_t)i * w->row;

		sum += ((w->a_dtype == NEURON_I8 ? (int8_t)row[i] : row[i]) - w->a_zero_point) *
		       ((w->dtype == NEURON_I8 ? (int8_t)*y : *y) - w->zero_point);
	}
	return sum;
}

/* Whoever multiplies bytes here, with zero points and without, signed ones and others. */
static void bytes(void)
{
	static const uint32_t sums[] = { 1, 3, 4, 63, 64, 66, 1023, 1024, 1025, 1091, 2100 };
	enum { ROWS = 27, MOST = 2100, WIDE = 70, OUT = 3 * PANEL_COLUMNS };
	static uint8_t x[ROWS * (MOST + GAP)], y[MOST * WIDE];
	static uint32_t out[2 * PANEL_ROWS * OUT];

	for (unsigned int round = 0; round < 16 * sizeof(sums) / sizeof(sums[0]); round++) {
		const uint32_t k = sums[round / 16], rows = round % 2 ? ROWS : 1 + round % 13;
		const uint32_t columns = round % 3 ? WIDE : 33;
		struct panels w = {
			.dtype = round & 2 ? NEURON_U8 : NEURON_I8,
			.a_dtype = round & 4 ? NEURON_U8 : NEURON_I8,
			.k = k, .n = columns, .row = columns, .column = 1,
			.zero_point = round & 8 ? 5 : 0,
			.a_zero_point = round & 1 ? -3 : 0,
		};
		void *temp;

		w.by = panels_by(lib_features(), w.a_dtype, w.dtype);
		if (w.by == PANELS_NONE) {
			ktap_skip("this processor has no dot products of bytes");
			return;
		}
		for (size_t i = 0; i < sizeof(x); i++)
			x[i] = any_byte();
		for (size_t i = 0; i < k * columns; i++)
			y[i] = any_byte();
		temp = aligned_alloc(64, (panels_temp_bytes(&w, columns) + 63) / 64 * 64);
		memset(out, 0xff, sizeof(out));
		panels_tile_plain(&w, rows, x, k + GAP, NULL, columns, y, temp, out, OUT);
		for (uint32_t r = 0; r < rows; r++)
			for (uint32_t j = 0; j < columns; j++)
				CHECK_EQ(out[r * OUT + j], naive(&w, x + r * (k + GAP), y + j));
		free(temp);
	}
}

int main(void)
{
	ktap_run("bf16 as dot products", dots);
	ktap_run("bf16 as fp32", wide);
	ktap_run("subnormal bf16 as fp32", subnormal);
	ktap_run("bytes", bytes);
	return ktap_done();
}
