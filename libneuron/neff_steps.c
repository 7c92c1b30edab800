// SPDX-License-Identifier: MIT
/*
 * The tables of a model with steps. What is found sound here can be executed without
 * another look: operands are values there are, those of steps that run a model are of
 * the types and sizes that it takes, and steps only lead forward.
 */
#include <string.h>
#include <hostops/hostop.h>
#include "neff_parser.h"

static bool same_shape(uint32_t rank, const uint32_t *a, const uint32_t *b)
{
	return !rank || !memcmp(a, b, rank * sizeof(*a));
}

uint64_t neff_value_size(const struct neuron_neff_value *v)
{
	uint64_t n = hostop_size(v->dtype);
	uint32_t d;

	for (d = 0; d < v->rank; d++)
		n *= v->dims[d];
	return n;
}

static bool is_like_tensor(const struct neuron_neff_value *v,
			   const struct neuron_neff_tensor *t)
{
	return v->dtype == t->dtype && v->rank == t->rank &&
	       same_shape(v->rank, v->dims, t->dims) && !v->flags == !t->flags;
}

/* A constant of strings: each has an end. */
static bool strings_end(const char *data, uint64_t size)
{
	uint64_t i;

	for (i = NEURON_NEFF_STRING_SIZE - 1; i < size; i += NEURON_NEFF_STRING_SIZE)
		if (data[i])
			return false;
	return true;
}

static enum neff_status parse_const(struct neff_parser *p, uint32_t i)
{
	const struct neff_bytes *weights = &p->neff->weights;
	const struct neuron_neff_value *v = &p->neff->values[i];

	if (v->offset % NEURON_NEFF_ALIGN || v->offset > weights->size ||
	    neff_value_size(v) > weights->size - v->offset || v->flags || v->index)
		return damaged(p, "value %u is a constant at %llu, outside of the weights", i,
			       (unsigned long long)v->offset);
	if (v->dtype == NEURON_NEFF_STRING &&
	    !strings_end((const char *)weights->data + v->offset, neff_value_size(v)))
		return damaged(p, "value %u is a string without end", i);
	return NEFF_OK;
}

static enum neff_status parse_value(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_value *v = &p->neff->values[i];
	struct hostop_tensor shape = { .dtype = v->dtype, .rank = v->rank };
	const struct neff *neff = p->neff;
	bool input = v->kind == NEURON_NEFF_VALUE_INPUT;
	uint32_t d;

	if (v->rank > NEURON_NEFF_MAX_RANK)
		return damaged(p, "value %u has rank %u", i, v->rank);
	memcpy(shape.dims, v->dims, sizeof(shape.dims));
	if (!hostop_shape_fits(&shape))
		return damaged(p, "value %u has an unknown type, or is too large", i);
	for (d = v->rank; d < NEURON_NEFF_MAX_RANK; d++)
		if (v->dims[d])
			return damaged(p, "value %u has dimensions beyond its rank", i);
	if (v->flags & ~NEURON_NEFF_VALUE_OPEN || v->reserved ||
	    (v->offset && v->kind != NEURON_NEFF_VALUE_CONST))
		return damaged(p, "value %u has unknown flags, %#x", i, v->flags);
	switch (v->kind) {
	case NEURON_NEFF_VALUE_TEMP:
		return v->index ? damaged(p, "value %u has index %u, not 0", i, v->index) :
				  NEFF_OK;
	case NEURON_NEFF_VALUE_INPUT:
	case NEURON_NEFF_VALUE_OUTPUT:
		if (v->index >= neff->num_tensors ||
		    input != (v->index < neff->header->num_inputs))
			return damaged(p, "value %u is %s %u, which there is not", i,
				       input ? "input" : "output", v->index);
		if (!is_like_tensor(v, &neff->tensors[v->index]))
			return damaged(p, "value %u does not fit tensor %.64s", i,
				       neff->tensors[v->index].name);
		return NEFF_OK;
	case NEURON_NEFF_VALUE_CONST:
		return parse_const(p, i);
	}
	return damaged(p, "value %u is of an unknown kind, %u", i, v->kind);
}

/* The value of an operand; NULL: it is not there. Its number has been checked. */
static const struct neuron_neff_value *operand(const struct neff *neff,
					       const struct neuron_neff_step *s, uint32_t i)
{
	uint32_t number = neff->operands[s->first_operand + i];

	return number == NEURON_NEFF_NONE ? NULL : &neff->values[number];
}

static enum neff_status parse_operands(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	const struct neff *neff = p->neff;
	uint64_t count = (uint64_t)s->num_inputs + s->num_outputs;
	uint32_t k;

	if (s->first_operand > neff->num_operands ||
	    count > neff->num_operands - s->first_operand)
		return damaged(p, "step %u has operands beyond the %u that there are", i,
			       neff->num_operands);
	for (k = 0; k < count; k++) {
		uint32_t number = neff->operands[s->first_operand + k];

		if (number == NEURON_NEFF_NONE)
			continue;
		if (number >= neff->num_values)
			return damaged(p, "step %u uses value %u of %u", i, number,
				       neff->num_values);
		if (k >= s->num_inputs &&
		    (neff->values[number].kind == NEURON_NEFF_VALUE_CONST ||
		     neff->values[number].kind == NEURON_NEFF_VALUE_INPUT))
			return damaged(p, "step %u writes value %u, which is no result", i,
				       number);
	}
	return NEFF_OK;
}

/* The model that a step runs. @more: inputs that the step has and the model has not. */
static enum neff_status parse_run(struct neff_parser *p, uint32_t i, uint32_t more,
				  struct neff *model)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	char error[NEFF_ERROR_SIZE];

	/* Each is looked at once, so that none is looked at for ever. */
	if (s->op >= p->neff->num_models || s->op != p->chip_steps++)
		return damaged(p, "step %u runs model %u of %u", i, s->op,
			       p->neff->num_models);
	/* It was found sound before: only its tables are wanted. */
	if (neff_parse(p->neff->models[s->op].data, p->neff->models[s->op].size, false,
		       model, error))
		return damaged(p, "model %u: %.100s", s->op, error);
	if (s->num_inputs < more || s->num_inputs - more != model->header->num_inputs ||
	    s->num_outputs != model->header->num_outputs)
		return damaged(p, "step %u has %u inputs and %u outputs, its model %u and %u",
			       i, s->num_inputs, s->num_outputs, model->header->num_inputs,
			       model->header->num_outputs);
	return NEFF_OK;
}

/* A chip step's operands are its model's tensors. */
static enum neff_status parse_chip_step(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	enum neff_status status;
	struct neff model;
	uint32_t k;

	status = parse_run(p, i, 0, &model);
	if (status)
		return status;
	for (k = 0; k < model.num_tensors; k++) {
		const struct neuron_neff_value *v = operand(p->neff, s, k);

		if (!v || v->flags || !is_like_tensor(v, &model.tensors[k]))
			return damaged(p, "operand %u of step %u is not what its model takes",
				       k, i);
	}
	return NEFF_OK;
}

const struct neuron_neff_chunk *neff_chunks(const struct neuron_neff_step *s,
					    const uint32_t *operands,
					    const struct neuron_neff_value *values,
					    const void *constants)
{
	uint32_t number = operands[s->first_operand + s->num_inputs - 1];

	return (const void *)((const char *)constants + values[number].offset);
}

/* What the tensor of a model has at a time fits what the value is: as a piece, or whole. */
static bool is_piece(const struct neuron_neff_value *v, const struct neuron_neff_tensor *t,
		     const struct neuron_neff_chunk *chunk, int64_t length, bool input)
{
	uint32_t d;

	if (chunk->axis == -1)
		return input && !chunk->rate && v && !v->flags && is_like_tensor(v, t);
	if (chunk->axis < 0 || chunk->axis >= t->rank || chunk->rate < 1 ||
	    chunk->rate > NEURON_NEFF_MAX_PIECE / length ||
	    t->dims[chunk->axis] != chunk->rate * length)
		return false;
	if (!v && (!input || t->dtype != NEURON_NEFF_F32))
		return false;
	if (v && (v->dtype != t->dtype || v->rank != t->rank || !v->flags))
		return false;
	for (d = 0; d < t->rank; d++)
		if (d != chunk->axis && t->dims[d] != (v ? v->dims[d] : 1))
			return false;
	return true;
}

/* A step that runs its model on pieces of what depends on data. */
static enum neff_status parse_chunks(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	const struct neuron_neff_chunk *chunks;
	const struct neuron_neff_value *table;
	int64_t length = s->ints[NEURON_NEFF_CHUNK_LENGTH];
	int64_t before = s->ints[NEURON_NEFF_CHUNK_BEFORE];
	int64_t behind = s->ints[NEURON_NEFF_CHUNK_BEHIND];
	struct neff model;
	enum neff_status status;
	bool any = false;
	uint32_t k;

	status = parse_run(p, i, 1, &model);
	if (status)
		return status;
	if (length < 1 || length > NEURON_NEFF_MAX_PIECE || before < 0 || behind < 0 ||
	    before >= length || behind >= length - before || s->reason)
		return damaged(p, "step %u takes %lld frames at a time and drops %lld and %lld",
			       i, (long long)length, (long long)before, (long long)behind);
	for (k = NEURON_NEFF_NUM_CHUNK_INTS; k < NEURON_NEFF_STEP_INTS; k++)
		if (s->ints[k])
			return damaged(p, "step %u has parameters beyond its own", i);
	for (k = 0; k < NEURON_NEFF_STEP_FLOATS; k++)
		if (s->floats[k] != 0)
			return damaged(p, "step %u has parameters beyond its own", i);
	table = operand(p->neff, s, s->num_inputs - 1);
	if (!table || table->kind != NEURON_NEFF_VALUE_CONST || table->dtype != NEURON_NEFF_I64 ||
	    neff_value_size(table) != model.num_tensors * sizeof(*chunks))
		return damaged(p, "step %u has no table of its pieces", i);
	chunks = neff_chunks(s, p->neff->operands, p->neff->values, p->neff->weights.data);
	for (k = 0; k < model.num_tensors; k++) {
		const struct neuron_neff_value *v = operand(p->neff, s, neff_chunk_operand(s, k));
		bool input = k < model.header->num_inputs;

		if (!is_piece(v, &model.tensors[k], &chunks[k], length, input))
			return damaged(p, "operand %u of step %u is not what its model takes",
				       k, i);
		any |= input && v && chunks[k].axis >= 0;
	}
	return any ? NEFF_OK : damaged(p, "nothing says how long step %u takes", i);
}

/* Matrices that are multiplied: [m, k], [k, n] and [m, n]. */
static bool multiplies(const struct neff *model)
{
	const struct neuron_neff_tensor *t = model->tensors;
	uint32_t i;

	for (i = 0; i < 3; i++)
		if (t[i].dtype != NEURON_NEFF_F32 || t[i].rank != 2 || !t[i].dims[0] ||
		    !t[i].dims[1])
			return false;
	return t[0].dims[0] == t[2].dims[0] && t[0].dims[1] == t[1].dims[0] &&
	       t[1].dims[1] == t[2].dims[1];
}

/* A step that multiplies with a model, which others may do, too. */
static enum neff_status parse_product(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	enum neff_status status;
	struct neff model;
	uint32_t k;

	if (s->num_inputs != 2 || s->num_outputs != 1)
		return damaged(p, "step %u has %u inputs and %u outputs", i, s->num_inputs,
			       s->num_outputs);
	for (k = 0; k < 3; k++)
		if (!operand(p->neff, s, k))
			return damaged(p, "step %u has no operand %u", i, k);
	if (s->op < p->chip_steps && p->products[s->op])
		return NEFF_OK;
	status = parse_run(p, i, 0, &model);
	if (status)
		return status;
	p->products[s->op] = true;
	return multiplies(&model) ? NEFF_OK :
	       damaged(p, "model %u multiplies no matrices, step %u does", s->op, i);
}

static enum neff_status parse_host_step(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	const struct hostop_info *info = hostop_info(s->op);
	uint32_t k;

	if (!info)
		return neff_refuse(p, NEFF_UNSUPPORTED,
				   "the .neff has a host step of number %u, which this library does not know: update libneuron",
				   s->op);
	if (s->num_inputs < info->min_in || s->num_inputs > info->max_in ||
	    !s->num_outputs || s->num_outputs > info->max_out)
		return damaged(p, "step %u, %s, has %u inputs and %u outputs", i, info->name,
			       s->num_inputs, s->num_outputs);
	for (k = 0; k < info->min_in; k++)
		if (!operand(p->neff, s, k))
			return damaged(p, "step %u, %s, has no input %u", i, info->name, k);
	for (k = info->ints; k < NEURON_NEFF_STEP_INTS; k++)
		if (s->ints[k])
			return damaged(p, "step %u, %s, has parameters beyond its own", i,
				       info->name);
	for (k = info->floats; k < NEURON_NEFF_STEP_FLOATS; k++)
		if (s->floats[k] != 0)
			return damaged(p, "step %u, %s, has parameters beyond its own", i,
				       info->name);
	return hostop_reason(s->reason) ? NEFF_OK :
	       damaged(p, "step %u has no reason, %u", i, s->reason);
}

static bool has_parameters(const struct neuron_neff_step *s)
{
	static const struct neuron_neff_step none;

	return memcmp(s->ints, none.ints, sizeof(none.ints)) ||
	       memcmp(s->floats, none.floats, sizeof(none.floats)) || s->reason;
}

static enum neff_status parse_jump(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	uint32_t inputs = s->kind == NEURON_NEFF_STEP_UNLESS ? 1 : 0;
	const struct neuron_neff_value *v;

	if (s->op <= i || s->op > p->neff->num_steps)
		return damaged(p, "step %u goes on with step %u of %u", i, s->op,
			       p->neff->num_steps);
	if (s->num_inputs != inputs || s->num_outputs)
		return damaged(p, "step %u has %u inputs and %u outputs", i, s->num_inputs,
			       s->num_outputs);
	v = inputs ? operand(p->neff, s, 0) : NULL;
	if (inputs && (!v || v->dtype != NEURON_NEFF_BOOL || v->flags || neff_value_size(v) != 1))
		return damaged(p, "the condition of step %u is no single boolean", i);
	return NEFF_OK;
}

static enum neff_status parse_step(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_step *s = &p->neff->steps[i];
	enum neff_status status;

	if (s->reserved || (s->layer != NEURON_NEFF_NONE && s->layer >= p->neff->num_layers))
		return damaged(p, "step %u belongs to layer %u of %u", i, s->layer,
			       p->neff->num_layers);
	status = parse_operands(p, i);
	if (status)
		return status;
	if (s->kind == NEURON_NEFF_STEP_HOST)
		return parse_host_step(p, i);
	if (s->kind == NEURON_NEFF_STEP_CHUNKS)
		return parse_chunks(p, i);
	if (has_parameters(s))
		return damaged(p, "step %u has parameters, and none of the host's operators", i);
	switch (s->kind) {
	case NEURON_NEFF_STEP_CHIP:
		return parse_chip_step(p, i);
	case NEURON_NEFF_STEP_PRODUCT:
		return parse_product(p, i);
	case NEURON_NEFF_STEP_UNLESS:
	case NEURON_NEFF_STEP_GO:
		return parse_jump(p, i);
	}
	return neff_refuse(p, NEFF_UNSUPPORTED,
			   "the .neff has a step of kind %u, which this library does not know: update libneuron",
			   s->kind);
}

static enum neff_status parse_model(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_header *h = p->neff->header;
	const struct neff_bytes *bytes = &p->neff->models[i];
	const struct neuron_neff_header *inner = bytes->data;
	char error[NEFF_ERROR_SIZE];
	enum neff_status status;
	struct neff model;

	/* Looked at before it is read: files do not nest any deeper. */
	if (bytes->size < sizeof(*inner) || inner->flags & NEURON_NEFF_HAS_STEPS)
		return damaged(p, "model %u of the file is none, or has steps itself", i);
	status = neff_parse(bytes->data, bytes->size, false, &model, error);
	if (status)
		return neff_refuse(p, status, "model %u of the file: %.150s", i, error);
	if (inner->num_cores > h->num_cores || inner->isa_version != h->isa_version ||
	    inner->sbuf_size > h->sbuf_size || inner->psum_size > h->psum_size)
		return damaged(p, "model %u of the file needs more than the file says", i);
	return NEFF_OK;
}

/* Each tensor is one value: of what makes an output there is no doubt. */
static enum neff_status parse_borders(struct neff_parser *p)
{
	const struct neff *neff = p->neff;
	uint32_t seen[8] = { 0 }, i;

	for (i = 0; i < neff->num_values; i++) {
		const struct neuron_neff_value *v = &neff->values[i];

		if (v->kind != NEURON_NEFF_VALUE_INPUT && v->kind != NEURON_NEFF_VALUE_OUTPUT)
			continue;
		if (seen[v->index / 32] >> v->index % 32 & 1)
			return damaged(p, "two values are tensor %.64s",
				       neff->tensors[v->index].name);
		seen[v->index / 32] |= 1u << v->index % 32;
	}
	for (i = neff->header->num_inputs; i < neff->num_tensors; i++)
		if (!(seen[i / 32] >> i % 32 & 1))
			return damaged(p, "no value is output %.64s", neff->tensors[i].name);
	return NEFF_OK;
}

enum neff_status neff_parse_steps(struct neff_parser *p)
{
	enum neff_status status = NEFF_OK;
	uint32_t i;

	for (i = 0; i < p->neff->num_models && !status; i++)
		status = parse_model(p, i);
	for (i = 0; i < p->neff->num_values && !status; i++)
		status = parse_value(p, i);
	if (!status)
		status = parse_borders(p);
	for (i = 0; i < p->neff->num_steps && !status; i++)
		status = parse_step(p, i);
	if (!status && p->chip_steps != p->neff->num_models)
		status = damaged(p, "steps run %u of the %u models of the file", p->chip_steps,
				 p->neff->num_models);
	return status;
}
