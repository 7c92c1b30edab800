/* SPDX-License-Identifier: MIT */
/*
 * Small models with steps made by hand:
 *
 *	struct sb b;
 *
 *	sb_begin(&b, "found");
 *	x = sb_input(&b, "x", NEURON_NEFF_F32, 1, 8);
 *	y = sb_output(&b, "y", NEURON_NEFF_I64, true, 2, 1, 8);
 *	sb_step(&b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NONZERO, 1, 1, x, y);
 *	file = sb_end(&b, &size);
 */
#ifndef TESTS_STEPS_BUILDER_H
#define TESTS_STEPS_BUILDER_H

#include <neuron/hostop.h>
#include "tests/unit/neff_builder.h"

#define SB_MAX	32

struct sb {
	struct neuron_neff_header header;
	struct neuron_neff_tensor io[SB_MAX];
	struct neuron_neff_value values[SB_MAX];
	unsigned int num_values;
	struct neuron_neff_step steps[SB_MAX];
	unsigned int num_steps;
	uint32_t operands[4 * SB_MAX];
	unsigned int num_operands;
	char weights[4096];
	size_t weights_size;
	void *models[SB_MAX];
	size_t model_sizes[SB_MAX];
	unsigned int num_models;
	struct neuron_neff_layer layer;
};

static inline void sb_begin(struct sb *b, const char *name)
{
	memset(b, 0, sizeof(*b));
	memcpy(b->header.magic, NEURON_NEFF_MAGIC, sizeof(b->header.magic));
	b->header.version = NEURON_NEFF_VERSION;
	b->header.header_size = sizeof(b->header);
	b->header.isa_version = NEURON_ISA_VERSION;
	b->header.flags = NEURON_NEFF_HAS_STEPS;
	b->header.num_cores = 1;
	snprintf(b->header.name, sizeof(b->header.name), "%s", name);
	snprintf(b->layer.name, sizeof(b->layer.name), "%s_node", name);
	snprintf(b->layer.op, sizeof(b->layer.op), "Test");
}

static inline uint32_t sb_value(struct sb *b, uint32_t kind, uint32_t dtype, bool open,
				uint32_t rank, va_list dims)
{
	struct neuron_neff_value *v = &b->values[b->num_values];
	uint32_t i;

	assert(b->num_values < SB_MAX);
	v->kind = kind;
	v->dtype = dtype;
	v->rank = rank;
	v->flags = open ? NEURON_NEFF_VALUE_OPEN : 0;
	for (i = 0; i < rank; i++)
		v->dims[i] = va_arg(dims, uint32_t);
	return b->num_values++;
}

static inline void sb_border(struct sb *b, const char *name, bool output)
{
	struct neuron_neff_value *v = &b->values[b->num_values - 1];
	struct neuron_neff_tensor *t = &b->io[b->header.num_inputs + b->header.num_outputs];
	uint32_t i;

	v->index = b->header.num_inputs + b->header.num_outputs;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->dtype = v->dtype;
	t->rank = v->rank;
	t->flags = v->flags;
	t->size = neff_dtype_size(v->dtype);
	for (i = 0; i < v->rank; i++) {
		t->dims[i] = v->dims[i];
		t->size *= v->dims[i];
	}
	if (output)
		b->header.num_outputs++;
	else
		b->header.num_inputs++;
}

/* Inputs come before outputs. All return the value's number. */
static inline uint32_t sb_input(struct sb *b, const char *name, uint32_t dtype,
				uint32_t rank, ...)
{
	va_list dims;
	uint32_t n;

	assert(!b->header.num_outputs);
	va_start(dims, rank);
	n = sb_value(b, NEURON_NEFF_VALUE_INPUT, dtype, false, rank, dims);
	va_end(dims);
	sb_border(b, name, false);
	return n;
}

static inline uint32_t sb_output(struct sb *b, const char *name, uint32_t dtype, bool open,
				 uint32_t rank, ...)
{
	va_list dims;
	uint32_t n;

	va_start(dims, rank);
	n = sb_value(b, NEURON_NEFF_VALUE_OUTPUT, dtype, open, rank, dims);
	va_end(dims);
	sb_border(b, name, true);
	return n;
}

static inline uint32_t sb_temp(struct sb *b, uint32_t dtype, bool open, uint32_t rank, ...)
{
	va_list dims;
	uint32_t n;

	va_start(dims, rank);
	n = sb_value(b, NEURON_NEFF_VALUE_TEMP, dtype, open, rank, dims);
	va_end(dims);
	return n;
}

static inline uint32_t sb_const(struct sb *b, uint32_t dtype, const void *data, uint32_t rank,
				...)
{
	size_t size = neff_dtype_size(dtype);
	va_list dims;
	uint32_t n, i;

	va_start(dims, rank);
	n = sb_value(b, NEURON_NEFF_VALUE_CONST, dtype, false, rank, dims);
	va_end(dims);
	for (i = 0; i < rank; i++)
		size *= b->values[n].dims[i];
	b->values[n].offset = b->weights_size;
	assert(b->weights_size + size <= sizeof(b->weights));
	memcpy(b->weights + b->weights_size, data, size);
	b->weights_size = nb_align(b->weights_size + size);
	return n;
}

/* Operands follow, inputs first. */
static inline struct neuron_neff_step *sb_step(struct sb *b, uint32_t kind, uint32_t op,
					       uint32_t inputs, uint32_t outputs, ...)
{
	struct neuron_neff_step *s = &b->steps[b->num_steps++];
	va_list operands;
	uint32_t i;

	s->kind = kind;
	s->op = op;
	s->layer = kind == NEURON_NEFF_STEP_HOST ? 0 : NEURON_NEFF_NONE;
	s->reason = kind == NEURON_NEFF_STEP_HOST ? NEURON_HOST_REASON_SHAPE : 0;
	s->first_operand = b->num_operands;
	s->num_inputs = inputs;
	s->num_outputs = outputs;
	va_start(operands, outputs);
	for (i = 0; i < inputs + outputs; i++)
		b->operands[b->num_operands++] = va_arg(operands, uint32_t);
	va_end(operands);
	return s;
}

/* A file for the chip, which is taken over; its number. */
static inline uint32_t sb_model(struct sb *b, void *file, size_t size)
{
	const struct neuron_neff_header *h = file;

	b->models[b->num_models] = file;
	b->model_sizes[b->num_models] = size;
	if (b->header.num_cores < h->num_cores)
		b->header.num_cores = h->num_cores;
	if (b->header.sbuf_size < h->sbuf_size)
		b->header.sbuf_size = h->sbuf_size;
	return b->num_models++;
}

/* The file, to be freed with free(). */
static inline void *sb_end(struct sb *b, size_t *size)
{
	unsigned int io = b->header.num_inputs + b->header.num_outputs, i, n = 0;
	unsigned int sections = 6 + b->num_models;
	size_t at = nb_align(sizeof(b->header) + sections * sizeof(struct neuron_neff_section));
	size_t total = at;
	char *file;

	total += nb_align(io * sizeof(b->io[0])) + nb_align(sizeof(b->layer)) +
		 nb_align(b->num_steps * sizeof(b->steps[0])) +
		 nb_align(b->num_operands * sizeof(b->operands[0])) +
		 nb_align(b->num_values * sizeof(b->values[0])) + nb_align(b->weights_size);
	for (i = 0; i < b->num_models; i++)
		total += nb_align(b->model_sizes[i]);
	file = calloc(1, total);
	assert(file);
	nb_section(file, &n, NEURON_NEFF_TENSORS, 0, &at, b->io, io * sizeof(b->io[0]));
	nb_section(file, &n, NEURON_NEFF_STEPS, 0, &at, b->steps,
		   b->num_steps * sizeof(b->steps[0]));
	nb_section(file, &n, NEURON_NEFF_OPERANDS, 0, &at, b->operands,
		   b->num_operands * sizeof(b->operands[0]));
	nb_section(file, &n, NEURON_NEFF_VALUES, 0, &at, b->values,
		   b->num_values * sizeof(b->values[0]));
	nb_section(file, &n, NEURON_NEFF_WEIGHTS, 0, &at, b->weights, b->weights_size);
	nb_section(file, &n, NEURON_NEFF_LAYERS, 0, &at, &b->layer, sizeof(b->layer));
	for (i = 0; i < b->num_models; i++) {
		nb_section(file, &n, NEURON_NEFF_MODEL, i, &at, b->models[i],
			   b->model_sizes[i]);
		free(b->models[i]);
	}
	assert(at == total);
	b->header.num_sections = n;
	b->header.file_size = total;
	memcpy(file, &b->header, sizeof(b->header));
	nb_seal(file, total);
	*size = total;
	return file;
}

/*
 * Ready made: c = a + b on the chip, which are c's elements that are not 0, and which
 * values those have, on the host: [1, <= n] and [<= n]
 */
static inline void *sb_found(uint32_t n, size_t *size)
{
	static const int64_t zero;
	struct sb *b = malloc(sizeof(*b));
	uint32_t a, x, sum, where, values, flat, axis;
	size_t chip_size;
	void *file, *chip = nb_add(n, &chip_size);

	sb_begin(b, "found");
	a = sb_input(b, "a", NEURON_NEFF_F32, 1, n);
	x = sb_input(b, "b", NEURON_NEFF_F32, 1, n);
	where = sb_output(b, "where", NEURON_NEFF_I64, true, 2, 1, n);
	values = sb_output(b, "values", NEURON_NEFF_F32, true, 1, n);
	sum = sb_temp(b, NEURON_NEFF_F32, false, 1, n);
	flat = sb_temp(b, NEURON_NEFF_I64, true, 1, n);
	axis = sb_const(b, NEURON_NEFF_I64, &zero, 1, 1);
	sb_step(b, NEURON_NEFF_STEP_CHIP, sb_model(b, chip, chip_size), 2, 1, a, x, sum);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_NONZERO, 1, 1, sum, where);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_SQUEEZE, 2, 1, where, axis, flat);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_GATHER, 2, 1, sum, flat, values);
	file = sb_end(b, size);
	free(b);
	return file;
}

/* y = c ? a : a + a, of a bool c: the sum is another way, on the chip */
static inline void *sb_either(uint32_t n, size_t *size)
{
	struct sb *b = malloc(sizeof(*b));
	uint32_t c, a, y, sum;
	size_t chip_size;
	void *file, *chip = nb_add(n, &chip_size);

	sb_begin(b, "either");
	c = sb_input(b, "c", NEURON_NEFF_BOOL, 0);
	a = sb_input(b, "a", NEURON_NEFF_F32, 1, n);
	y = sb_output(b, "y", NEURON_NEFF_F32, false, 1, n);
	sum = sb_temp(b, NEURON_NEFF_F32, false, 1, n);
	sb_step(b, NEURON_NEFF_STEP_UNLESS, 3, 1, 0, c);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_IDENTITY, 1, 1, a, y);
	sb_step(b, NEURON_NEFF_STEP_GO, 5, 0, 0);
	sb_step(b, NEURON_NEFF_STEP_CHIP, sb_model(b, chip, chip_size), 2, 1, a, a, sum);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_IDENTITY, 1, 1, sum, y);
	file = sb_end(b, size);
	free(b);
	return file;
}

/*
 * Those x whose @keep is true, which the host picks, plus one, piece by piece on the chip:
 * SB_PIECE elements at a time, of which SB_BEFORE and SB_BEHIND are dropped.
 */
#define SB_PIECE	8
#define SB_BEFORE	2
#define SB_BEHIND	1

enum sb_plus {
	SB_ONE,		/* one where there is an element */
	SB_WHOLE,	/* w, all of which each piece gets */
	SB_OTHERS,	/* those x whose @other is true, if they are as many */
};

static inline void *sb_pieces(uint32_t n, enum sb_plus plus, size_t *size)
{
	struct neuron_neff_chunk table[3] = { { 0, 1 }, { 0, 1 }, { 0, 1 } };
	struct sb *b = malloc(sizeof(*b));
	uint32_t x, keep, other = 0, w = NEURON_NEFF_NONE, y, some, pieces;
	struct neuron_neff_step *s;
	size_t chip_size;
	void *file, *chip = nb_add(SB_PIECE, &chip_size);

	sb_begin(b, "pieces");
	x = sb_input(b, "x", NEURON_NEFF_F32, 1, n);
	keep = sb_input(b, "keep", NEURON_NEFF_BOOL, 1, n);
	if (plus == SB_WHOLE) {
		w = sb_input(b, "w", NEURON_NEFF_F32, 1, SB_PIECE);
		table[1] = (struct neuron_neff_chunk) { -1, 0 };
	}
	if (plus == SB_OTHERS)
		other = sb_input(b, "other", NEURON_NEFF_BOOL, 1, n);
	y = sb_output(b, "y", NEURON_NEFF_F32, true, 1, n);
	some = sb_temp(b, NEURON_NEFF_F32, true, 1, n);
	pieces = sb_const(b, NEURON_NEFF_I64, table, 2, 3, 2);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_COMPRESS, 2, 1, x, keep, some);
	if (plus == SB_OTHERS) {
		w = sb_temp(b, NEURON_NEFF_F32, true, 1, n);
		sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_COMPRESS, 2, 1, x, other, w);
	}
	s = sb_step(b, NEURON_NEFF_STEP_CHUNKS, sb_model(b, chip, chip_size), 3, 1, some, w,
		    pieces, y);
	s->ints[NEURON_NEFF_CHUNK_LENGTH] = SB_PIECE;
	s->ints[NEURON_NEFF_CHUNK_BEFORE] = SB_BEFORE;
	s->ints[NEURON_NEFF_CHUNK_BEHIND] = SB_BEHIND;
	file = sb_end(b, size);
	free(b);
	return file;
}

/*
 * Of x [n, 5] the rows whose @keep is true: y [rows, 7] is these times w, and z [3, 5] those
 * columns of u [3, n] times them. Both by one program, whose tiles are 4 by 3 by 4.
 */
#define SB_DEPTH	5
#define SB_COLUMNS	7
#define SB_ROWS		3

static inline void *sb_products(uint32_t n, const float *w, size_t *size)
{
	const uint32_t tile[] = { 4, 3, 4 };
	struct sb *b = malloc(sizeof(*b));
	uint32_t x, u, keep, y, z, rows, columns, by, model;
	struct neuron_neff_step *s;
	size_t chip_size;
	void *file, *chip = nb_product(tile, &chip_size);

	sb_begin(b, "products");
	x = sb_input(b, "x", NEURON_NEFF_F32, 2, n, SB_DEPTH);
	u = sb_input(b, "u", NEURON_NEFF_F32, 2, SB_ROWS, n);
	keep = sb_input(b, "keep", NEURON_NEFF_BOOL, 1, n);
	y = sb_output(b, "y", NEURON_NEFF_F32, true, 2, n, SB_COLUMNS);
	z = sb_output(b, "z", NEURON_NEFF_F32, false, 2, SB_ROWS, SB_DEPTH);
	rows = sb_temp(b, NEURON_NEFF_F32, true, 2, n, SB_DEPTH);
	columns = sb_temp(b, NEURON_NEFF_F32, true, 2, SB_ROWS, n);
	by = sb_const(b, NEURON_NEFF_F32, w, 2, SB_DEPTH, SB_COLUMNS);
	model = sb_model(b, chip, chip_size);
	s = sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_COMPRESS, 2, 1, x, keep, rows);
	s->ints[0] = 1;
	s = sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_COMPRESS, 2, 1, u, keep, columns);
	s->ints[0] = 1;
	s->ints[1] = 1;
	sb_step(b, NEURON_NEFF_STEP_PRODUCT, model, 2, 1, rows, by, y);
	sb_step(b, NEURON_NEFF_STEP_PRODUCT, model, 2, 1, columns, rows, z);
	file = sb_end(b, size);
	free(b);
	return file;
}

/* y = x, one string of each */
static inline void *sb_strings(uint32_t n, size_t *size)
{
	struct sb *b = malloc(sizeof(*b));
	uint32_t x, y;
	void *file;

	sb_begin(b, "strings");
	x = sb_input(b, "x", NEURON_NEFF_STRING, 1, n);
	y = sb_output(b, "y", NEURON_NEFF_STRING, true, 1, n);
	sb_step(b, NEURON_NEFF_STEP_HOST, NEURON_HOST_STRING_NORMALIZER, 1, 1, x, y)->ints[0] = 2;
	file = sb_end(b, size);
	free(b);
	return file;
}

#endif /* TESTS_STEPS_BUILDER_H */
