// SPDX-License-Identifier: MIT
/*
 * Steps whose matrices a chip program multiplies, a tile at a time: see
 * NEURON_NEFF_STEP_PRODUCT.
 */
#include <stdlib.h>
#include <string.h>
#include "log.h"
#include "runtime.h"
#include "steps_run.h"

enum { LEFT, RIGHT, RESULT, NUM_TILES };

/**
 * struct steps_tiles - what a program that multiplies works on
 * @tensors: its tensors
 * @room: for any of them in host memory
 */
struct steps_tiles {
	struct nrt_tensor *tensors[NUM_TILES];
	float room[];
};

void steps_free_tiles(struct steps_tiles *tiles)
{
	unsigned int i;

	for (i = 0; tiles && i < NUM_TILES; i++)
		tensor_destroy(tiles->tensors[i]);
	free(tiles);
}

NRT_STATUS steps_prepare_tiles(const struct nrt_model *model, struct steps_run *run,
			       uint32_t part)
{
	const struct neuron_neff_tensor *tensors = model->steps->parts[part]->tensors;
	NRT_STATUS status = NRT_SUCCESS;
	struct steps_tiles *tiles;
	uint64_t room = 0;
	unsigned int i;

	for (i = 0; i < NUM_TILES; i++)
		if (room < tensors[i].size)
			room = tensors[i].size;
	tiles = calloc(1, sizeof(*tiles) + room);
	if (!tiles)
		return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
	run->tiles[part] = tiles;
	for (i = 0; i < NUM_TILES && !status; i++) {
		status = tensor_create(model->instances[0].device, tensors[i].size, "(a tile)",
				       &tiles->tensors[i]);
		if (!status)
			status = tensor_set_add(i == RESULT ? run->outputs[part] :
							      run->inputs[part],
						tensors[i].name, tiles->tensors[i]);
	}
	return status;
}

/**
 * struct block - a part of a matrix
 * @data: its first element
 * @rows: its rows
 * @columns: its columns
 * @step: from a row of the matrix to the next one
 */
struct block {
	const float *data;
	size_t rows;
	size_t columns;
	size_t step;
};

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* What a tile has beyond the block is zero. */
static NRT_STATUS put_tile(struct steps_tiles *tiles, unsigned int which,
			   const struct neuron_neff_tensor *t, const struct block *block)
{
	const size_t rows = t->dims[0], columns = t->dims[1];
	size_t r;

	if (block->rows == rows && block->columns == columns && block->step == columns)
		return tensor_write(tiles->tensors[which], 0, block->data, t->size);
	for (r = 0; r < block->rows; r++) {
		float *to = tiles->room + r * columns;

		memcpy(to, block->data + r * block->step, block->columns * sizeof(*to));
		memset(to + block->columns, 0, (columns - block->columns) * sizeof(*to));
	}
	memset(tiles->room + r * columns, 0, (rows - r) * columns * sizeof(*tiles->room));
	return tensor_write(tiles->tensors[which], 0, tiles->room, t->size);
}

/* Of the result's tile, @rows and @columns go to @out, or are added to what is there. */
static NRT_STATUS take_tile(struct steps_tiles *tiles, const struct neuron_neff_tensor *t,
			    float *out, size_t step, size_t rows, size_t columns, bool add)
{
	const size_t width = t->dims[1];
	NRT_STATUS status;
	size_t r, c;

	status = tensor_read(tiles->tensors[RESULT], 0, tiles->room,
			     rows * width * sizeof(*out));
	for (r = 0; r < rows && !status; r++) {
		const float *from = tiles->room + r * width;
		float *to = out + r * step;

		if (!add)
			memcpy(to, from, columns * sizeof(*to));
		for (c = 0; c < columns && add; c++)
			to[c] += from[c];
	}
	return status;
}

static NRT_STATUS run_tile(const struct steps_product *product)
{
	NRT_STATUS status;

	status = model_execute(product->model->steps->parts[product->part],
			       product->run->inputs[product->part],
			       product->run->outputs[product->part]);
	/* NaN in between is the model's own business. */
	return status == NRT_EXEC_COMPLETED_WITH_NUM_ERR ? NRT_SUCCESS : status;
}

bool steps_multiply(void *context, const float *a, const float *b, float *out, size_t rows,
		    size_t depth, size_t columns)
{
	struct steps_product *product = context;
	const struct nrt_model *part = product->model->steps->parts[product->part];
	struct steps_tiles *tiles = product->run->tiles[product->part];
	const struct neuron_neff_tensor *t = part->tensors;
	const size_t high = t[LEFT].dims[0], deep = t[LEFT].dims[1], wide = t[RIGHT].dims[1];
	const bool one = depth <= deep && columns <= wide;
	NRT_STATUS status = NRT_SUCCESS;
	size_t row, k, column;

	for (row = 0; row < rows && !status; row += high)
		for (k = 0; k < depth && !status; k += deep) {
			struct block left = {
				a + row * depth + k, least(high, rows - row),
				least(deep, depth - k), depth,
			};

			status = put_tile(tiles, LEFT, &t[LEFT], &left);
			for (column = 0; column < columns && !status; column += wide) {
				struct block right = {
					b + k * columns + column, left.columns,
					least(wide, columns - column), columns,
				};

				/* If it is all of the right matrix, it is there already. */
				if (!one || !row)
					status = put_tile(tiles, RIGHT, &t[RIGHT], &right);
				if (!status)
					status = run_tile(product);
				if (!status)
					status = take_tile(tiles, &t[RESULT],
							   out + row * columns + column,
							   columns, left.rows, right.columns,
							   k);
			}
		}
	product->status = status;
	return !status;
}
