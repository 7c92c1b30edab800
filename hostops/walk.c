// SPDX-License-Identifier: MIT
/* Going through the elements of tensors that are broadcast together. */
#include "priv.h"

/* Dimensions are one where no tensor has anything between them; those of one element go. */
static void join(struct walk *walk, const struct hostop_tensor *shape,
		 uint64_t (*stride)[RANK])
{
	uint32_t d, i, rank = 0;

	for (d = 0; d < shape->rank; d++) {
		bool joins = rank > 0;

		if (shape->dims[d] == 1)
			continue;
		for (i = 0; i < walk->n && joins; i++)
			joins = walk->stride[i][rank - 1] == stride[i][d] * shape->dims[d];
		/* What is more than a dimension can be stays two. */
		joins = joins && (uint64_t)walk->dims[rank - 1] * shape->dims[d] <= UINT32_MAX;
		if (joins) {
			rank--;
			walk->dims[rank] *= shape->dims[d];
		} else {
			walk->dims[rank] = shape->dims[d];
		}
		for (i = 0; i < walk->n; i++)
			walk->stride[i][rank] = stride[i][d];
		rank++;
	}
	walk->rank = rank;
}

void walk_begin(struct walk *walk, const struct hostop_tensor *shape,
		const struct hostop_tensor *const *tensors, uint32_t n)
{
	uint64_t strides[WALK_MAX][RANK] = { 0 };
	uint32_t i, d;

	*walk = (struct walk) { .n = n };
	for (i = 0; i < n; i++) {
		const struct hostop_tensor *t = tensors[i];
		uint32_t shift = shape->rank - t->rank;
		uint64_t stride = 1;

		for (d = t->rank; d-- > 0; stride *= t->dims[d])
			strides[i][d + shift] = t->dims[d] == 1 ? 0 : stride;
	}
	join(walk, shape, strides);
}

void walk_begin_strided(struct walk *walk, const struct hostop_tensor *shape, uint64_t first,
			const int64_t *strides)
{
	uint64_t steps[1][RANK];
	uint32_t d;

	*walk = (struct walk) { .n = 1, .at[0] = first };
	for (d = 0; d < shape->rank; d++)
		steps[0][d] = strides[d];
	join(walk, shape, steps);
}

/* To the next one along the first @rank dimensions. */
static void next(struct walk *walk, uint32_t rank)
{
	uint32_t d, i;

	for (d = rank; d-- > 0;) {
		if (++walk->index[d] < walk->dims[d]) {
			for (i = 0; i < walk->n; i++)
				walk->at[i] += walk->stride[i][d];
			return;
		}
		walk->index[d] = 0;
		for (i = 0; i < walk->n; i++)
			walk->at[i] -= walk->stride[i][d] * (walk->dims[d] - 1);
	}
}

void walk_next(struct walk *walk)
{
	next(walk, walk->rank);
}

uint64_t walk_run(const struct walk *walk)
{
	return walk->rank ? walk->dims[walk->rank - 1] : 1;
}

uint64_t walk_step(const struct walk *walk, uint32_t i)
{
	return walk->rank ? walk->stride[i][walk->rank - 1] : 0;
}

void walk_next_run(struct walk *walk)
{
	next(walk, walk->rank ? walk->rank - 1 : 0);
}
