// SPDX-License-Identifier: MIT
/*
 * Steps that run a chip program on values whose length depends on data, a piece at a time:
 * see struct neuron_neff_chunk.
 */
#include <stdlib.h>
#include <string.h>
#include "log.h"
#include "runtime.h"
#include "steps_run.h"

/**
 * struct chunks - a CHUNKS step that is being run
 * @model: the model
 * @run: the execution
 * @number: of the step
 * @s: the step
 * @part: the chip program
 * @table: a row for each of its tensors
 * @frames: that there are
 * @first: frame with which the piece begins; negative where that is before all
 * @length: of a piece
 * @piece: room for one of any tensor
 */
struct chunks {
	const struct nrt_model *model;
	struct steps_run *run;
	uint32_t number;
	const struct neuron_neff_step *s;
	struct nrt_model *part;
	const struct neuron_neff_chunk *table;
	int64_t frames;
	int64_t first;
	int64_t length;
	char *piece;
};

static uint32_t value_of(const struct chunks *c, uint32_t k)
{
	return c->model->steps->operands[c->s->first_operand + neff_chunk_operand(c->s, k)];
}

static struct nrt_tensor *piece_of(const struct chunks *c, uint32_t k)
{
	return c->run->pieces[c->s->first_operand + neff_chunk_operand(c->s, k)];
}

/**
 * struct cut - a tensor as rows along its axis
 * @rows: of the tensor
 * @size: bytes of an element of a row
 * @length: elements of a row of the value
 * @piece: elements of a row of a piece
 * @at: element of the value with which the piece begins; negative: before it
 */
struct cut {
	uint64_t rows;
	uint64_t size;
	int64_t length;
	int64_t piece;
	int64_t at;
};

static struct cut cut(const struct chunks *c, uint32_t k)
{
	const struct neuron_neff_tensor *t = &c->part->tensors[k];
	const struct neuron_neff_chunk *chunk = &c->table[k];
	struct cut cut = {
		.rows = 1,
		.size = neff_dtype_size(t->dtype),
		.length = c->frames * chunk->rate,
		.piece = c->length * chunk->rate,
		.at = c->first * chunk->rate,
	};
	uint32_t d;

	for (d = 0; d < t->rank; d++) {
		if ((int64_t)d < chunk->axis)
			cut.rows *= t->dims[d];
		else if ((int64_t)d > chunk->axis)
			cut.size *= t->dims[d];
	}
	return cut;
}

/* Elements [*from, *to) of a piece are ones that the value has. */
static void inside(const struct cut *cut, int64_t *from, int64_t *to)
{
	*from = cut->at < 0 ? -cut->at : 0;
	*to = cut->length - cut->at;
	if (*to > cut->piece)
		*to = cut->piece;
	if (*from > *to)
		*from = *to = 0;
}

/* The next piece of an input. Without a value: one where there is an element. */
static NRT_STATUS put_piece(const struct chunks *c, uint32_t k)
{
	const struct cut cut_of = cut(c, k);
	const uint64_t size = cut_of.size, bytes = size * (uint64_t)cut_of.piece;
	uint32_t number = value_of(c, k);
	int64_t from, to, i;
	uint64_t row;

	inside(&cut_of, &from, &to);
	for (row = 0; row < cut_of.rows; row++) {
		char *line = c->piece + row * bytes;

		memset(line, 0, (uint64_t)from * size);
		memset(line + (uint64_t)to * size, 0, (uint64_t)(cut_of.piece - to) * size);
		for (i = from; i < to && number == NEURON_NEFF_NONE; i++)
			((float *)line)[i] = 1;
		if (number == NEURON_NEFF_NONE || from == to)
			continue;
		memcpy(line + (uint64_t)from * size,
		       (const char *)c->run->values[number].tensor.data +
		       (row * (uint64_t)cut_of.length + (uint64_t)(cut_of.at + from)) * size,
		       (uint64_t)(to - from) * size);
	}
	return tensor_write(piece_of(c, k), 0, c->piece, cut_of.rows * bytes);
}

/* What is kept of a piece of an output. */
static NRT_STATUS take_piece(const struct chunks *c, uint32_t k)
{
	const int64_t before = c->s->ints[NEURON_NEFF_CHUNK_BEFORE] * c->table[k].rate;
	const int64_t behind = c->s->ints[NEURON_NEFF_CHUNK_BEHIND] * c->table[k].rate;
	const struct cut cut_of = cut(c, k);
	const uint64_t size = cut_of.size, bytes = size * (uint64_t)cut_of.piece;
	struct value *value = &c->run->values[value_of(c, k)];
	NRT_STATUS status;
	int64_t from, to;
	uint64_t row;

	status = tensor_read(piece_of(c, k), 0, c->piece, cut_of.rows * bytes);
	inside(&cut_of, &from, &to);
	if (from < before)
		from = before;
	if (to > cut_of.piece - behind)
		to = cut_of.piece - behind;
	for (row = 0; row < cut_of.rows && from < to && !status; row++)
		memcpy((char *)value->tensor.data +
		       (row * (uint64_t)cut_of.length + (uint64_t)(cut_of.at + from)) * size,
		       c->piece + row * bytes + (uint64_t)from * size,
		       (uint64_t)(to - from) * size);
	return status;
}

/* How many frames there are: as many as each input says. */
static NRT_STATUS count_frames(struct chunks *c)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t k;

	for (k = 0; k < c->part->num_inputs && !status; k++) {
		const struct neuron_neff_chunk *chunk = &c->table[k];
		uint32_t number = value_of(c, k);
		const struct value *value;
		int64_t n;

		if (number == NEURON_NEFF_NONE)
			continue;
		value = &c->run->values[number];
		if (!value->made)
			return steps_not_made(c->model, c->number);
		if (chunk->axis < 0) {
			status = steps_push(c->model, c->run, number);
			continue;
		}
		status = steps_fetch(c->model, c->run, number);
		n = value->tensor.dims[chunk->axis];
		if (c->frames < 0)
			c->frames = n / chunk->rate;
		if (!status && n != c->frames * chunk->rate)
			return fail(NRT_EXEC_BAD_INPUT, "model %.64s: step %u has inputs of %lld and %lld elements, which do not go together",
				    c->model->name, c->number,
				    (long long)(c->frames * chunk->rate), (long long)n);
	}
	return status;
}

static NRT_STATUS shape_outputs(struct chunks *c)
{
	uint32_t k;

	for (k = c->part->num_inputs; k < c->part->num_tensors; k++) {
		const struct neuron_neff_value *v = &c->model->steps->values[value_of(c, k)];
		struct value *value = &c->run->values[value_of(c, k)];
		int64_t axis = c->table[k].axis, n = c->frames * c->table[k].rate;

		steps_drop(value);
		steps_shape(v, value);
		if (n > v->dims[axis])
			return fail(NRT_RESOURCE, "model %.64s: step %u makes %lld elements, the model was compiled for %u at most: give --max-dim when compiling",
				    c->model->name, c->number, (long long)n, v->dims[axis]);
		value->tensor.dims[axis] = (uint32_t)n;
		value->tensor.data = calloc(hostop_count(&value->tensor) + 1,
					    hostop_size(v->dtype));
		if (!value->tensor.data)
			return fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
		value->owned = true;
		value->in_tensor = false;
		value->made = true;
	}
	return NRT_SUCCESS;
}

/* The program's tensors by name, and room for a piece of any of them. */
static NRT_STATUS begin(struct chunks *c)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint64_t room = 0;
	uint32_t k;

	for (k = 0; k < c->part->num_tensors && !status; k++) {
		const struct neuron_neff_tensor *t = &c->part->tensors[k];
		struct nrt_tensor *tensor = c->table[k].axis < 0 ?
			steps_tensor(c->model->steps, c->run, value_of(c, k)) : piece_of(c, k);

		if (room < t->size)
			room = t->size;
		status = tensor_set_add(k < c->part->num_inputs ? c->run->inputs[c->s->op] :
								  c->run->outputs[c->s->op],
					t->name, tensor);
	}
	c->piece = status ? NULL : malloc(room + 1);
	return status ? status : c->piece ? NRT_SUCCESS :
	       fail(NRT_FAIL_HOST_MEM_ALLOC, NO_MEMORY);
}

static NRT_STATUS run_piece(const struct chunks *c)
{
	NRT_STATUS status = NRT_SUCCESS;
	uint32_t k;

	for (k = 0; k < c->part->num_inputs && !status; k++)
		if (c->table[k].axis >= 0)
			status = put_piece(c, k);
	if (!status)
		status = model_execute(c->part, c->run->inputs[c->s->op],
				       c->run->outputs[c->s->op]);
	/* What is not kept may be what it likes. */
	if (status == NRT_EXEC_COMPLETED_WITH_NUM_ERR)
		status = NRT_SUCCESS;
	for (; k < c->part->num_tensors && !status; k++)
		status = take_piece(c, k);
	return status;
}

NRT_STATUS steps_run_chunks(const struct nrt_model *model, struct steps_run *run, uint32_t i)
{
	const struct steps *steps = model->steps;
	const struct neuron_neff_step *s = &steps->steps[i];
	const int64_t length = s->ints[NEURON_NEFF_CHUNK_LENGTH];
	const int64_t before = s->ints[NEURON_NEFF_CHUNK_BEFORE];
	const int64_t kept = length - before - s->ints[NEURON_NEFF_CHUNK_BEHIND];
	struct chunks c = {
		.model = model, .run = run, .number = i, .s = s, .part = steps->parts[s->op],
		.table = neff_chunks(s, steps->operands, steps->values, steps->constants),
		.frames = -1, .length = length,
	};
	NRT_STATUS status;
	int64_t at;

	status = count_frames(&c);
	if (!status)
		status = shape_outputs(&c);
	if (!status)
		status = begin(&c);
	for (at = 0; at < c.frames && !status; at += kept) {
		c.first = at - before;
		status = run_piece(&c);
	}
	free(c.piece);
	return status;
}
