// SPDX-License-Identifier: MIT
/*
 * Reader of .neff files. A file comes from anywhere, so nothing of it is used
 * before it has been checked.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#define XXH_INLINE_ALL	/* so that its state can be on the stack */
#include <xxhash.h>
#include <hostops/hostop.h>
#include "neff_parser.h"

/* What a slot table of the chip holds, less one for the report. */
#define MAX_SLOTS	255

/* Header of AWS's files: pkg_version, header_size, ... as u64, 1024 bytes. */
#define AWS_HEADER_SIZE	1024

static const char *const dtype_names[NEURON_NEFF_NUM_DTYPES] = {
	[NEURON_NEFF_F32] = "fp32",
	[NEURON_NEFF_BF16] = "bf16",
	[NEURON_NEFF_F16] = "fp16",
	[NEURON_NEFF_I8] = "int8",
	[NEURON_NEFF_U8] = "uint8",
	[NEURON_NEFF_I32] = "int32",
	[NEURON_NEFF_I64] = "int64",
	[NEURON_NEFF_BOOL] = "bool",
	[NEURON_NEFF_F64] = "fp64",
	[NEURON_NEFF_I16] = "int16",
	[NEURON_NEFF_U16] = "uint16",
	[NEURON_NEFF_U32] = "uint32",
	[NEURON_NEFF_U64] = "uint64",
	[NEURON_NEFF_STRING] = "string",
};

unsigned int neff_dtype_size(uint32_t dtype)
{
	return hostop_size(dtype);
}

const char *neff_dtype_name(uint32_t dtype)
{
	return dtype < NEURON_NEFF_NUM_DTYPES ? dtype_names[dtype] : NULL;
}

enum neff_status neff_refuse(struct neff_parser *p, enum neff_status status,
			     const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->error, NEFF_ERROR_SIZE, format, args);
	va_end(args);
	return status;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

static bool all_zero(const void *data, size_t size)
{
	const uint8_t *bytes = data;

	while (size--) {
		if (*bytes++)
			return false;
	}
	return true;
}

void neff_hash(const void *data, size_t size, uint8_t hash[16])
{
	const size_t at = offsetof(struct neuron_neff_header, hash);
	static const uint8_t zero[16];
	XXH128_canonical_t canonical;
	XXH3_state_t state;

	/* XXH3_128bits_reset() reads what this sets. */
	XXH3_INITSTATE(&state);
	XXH3_128bits_reset(&state);
	XXH3_128bits_update(&state, data, at);
	XXH3_128bits_update(&state, zero, sizeof(zero));
	XXH3_128bits_update(&state, (const uint8_t *)data + at + sizeof(zero),
			    size - at - sizeof(zero));
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(&state));
	memcpy(hash, canonical.digest, sizeof(canonical.digest));
}

/* AWS's compiler writes the same suffix; say so instead of "damaged". */
static bool is_aws(const struct neff_parser *p)
{
	uint64_t field[5];

	if (p->size < AWS_HEADER_SIZE)
		return false;
	memcpy(field, p->data, sizeof(field));
	return field[0] >= 1 && field[0] < 256 && field[1] == AWS_HEADER_SIZE &&
	       field[3] < 256 && field[4] < 65536;
}

static enum neff_status parse_header(struct neff_parser *p, bool check_hash)
{
	const struct neuron_neff_header *h = (const void *)p->data;
	uint8_t hash[16];

	if (is_aws(p))
		return neff_refuse(p, NEFF_UNSUPPORTED,
			      "this .neff was made by AWS's compiler, whose instructions are not public: compile the ONNX model with neuron-compile");
	if (p->size < sizeof(h->magic) ||
	    memcmp(h->magic, NEURON_NEFF_MAGIC, sizeof(h->magic)))
		return damaged(p, "not a .neff file");
	if (p->size < sizeof(*h))
		return damaged(p, "truncated: %llu bytes do not hold a header of %zu",
			       (unsigned long long)p->size, sizeof(*h));
	if (h->version != NEURON_NEFF_VERSION)
		return neff_refuse(p, NEFF_UNSUPPORTED,
			      "the .neff has version %u, this library reads version %u: compile the model again",
			      h->version, NEURON_NEFF_VERSION);
	if (h->header_size != sizeof(*h))
		return damaged(p, "the header says that it has %u bytes, not %zu",
			       h->header_size, sizeof(*h));
	if (h->file_size > p->size)
		return damaged(p, "truncated: %llu of %llu bytes",
			       (unsigned long long)p->size,
			       (unsigned long long)h->file_size);
	if (h->file_size < p->size)
		return damaged(p, "%llu bytes follow the end of the file",
			       (unsigned long long)(p->size - h->file_size));
	if (check_hash) {
		neff_hash(p->data, p->size, hash);
		if (memcmp(hash, h->hash, sizeof(hash)))
			return damaged(p, "the checksum does not match: the file has been damaged, compile the model again");
	}
	if (!h->num_cores || h->num_cores > NEURON_NEFF_MAX_CORES)
		return damaged(p, "%u cores, at most %u are possible",
			       h->num_cores, NEURON_NEFF_MAX_CORES);
	if (h->flags & ~NEURON_NEFF_HAS_STEPS || !all_zero(h->reserved, sizeof(h->reserved)))
		return neff_refuse(p, NEFF_UNSUPPORTED,
			      "the .neff uses a feature that this library does not know: update libneuron");
	if (!terminated(h->name, sizeof(h->name)) ||
	    !terminated(h->compiler, sizeof(h->compiler)))
		return damaged(p, "a name in the header has no end");
	return NEFF_OK;
}

/* An array section: a whole number of elements. */
static enum neff_status take_array(struct neff_parser *p,
				   const struct neuron_neff_section *s,
				   const char *what, size_t element,
				   const void **array, uint32_t *count)
{
	if (*array)
		return damaged(p, "there are two %s sections", what);
	if (s->index)
		return damaged(p, "the %s section has index %u, not 0", what, s->index);
	if (s->size % element || s->size / element >= UINT32_MAX)
		return damaged(p, "the %s section has %llu bytes, which is no multiple of %zu",
			       what, (unsigned long long)s->size, element);
	*array = p->data + s->offset;
	*count = s->size / element;
	return NEFF_OK;
}

/* Every core has a stage, and no stage is left out. */
static enum neff_status take_stages(struct neff_parser *p, const struct neuron_neff_section *s)
{
	struct neff *neff = p->neff;
	enum neff_status status;
	uint32_t count, last = 0, i;

	status = take_array(p, s, "STAGES", sizeof(*neff->stages),
			    (const void **)&neff->stages, &count);
	if (status)
		return status;
	if (count != neff->header->num_cores)
		return damaged(p, "the STAGES section has %u entries for %u cores", count,
			       neff->header->num_cores);
	for (i = 0; i < count; i++) {
		if (neff->stages[i] > last + !!i || neff->stages[i] < last)
			return damaged(p, "core %u has stage %u after stage %u", i,
				       neff->stages[i], last);
		last = neff->stages[i];
	}
	return NEFF_OK;
}

/* A model has either slots and programs, or steps. */
static bool belongs(const struct neff *neff, uint32_t type)
{
	switch (type) {
	case NEURON_NEFF_SLOTS:
	case NEURON_NEFF_PROGRAM:
	case NEURON_NEFF_STAGES:
		return !neff_has_steps(neff);
	case NEURON_NEFF_STEPS:
	case NEURON_NEFF_OPERANDS:
	case NEURON_NEFF_VALUES:
	case NEURON_NEFF_MODEL:
		return neff_has_steps(neff);
	default:
		return true;
	}
}

static enum neff_status take_section(struct neff_parser *p,
				     const struct neuron_neff_section *s)
{
	struct neff *neff = p->neff;

	if (!belongs(neff, s->type))
		return damaged(p, "the file has a section of type %u, and %s host steps",
			       s->type, neff_has_steps(neff) ? "has" : "no");
	switch (s->type) {
	case NEURON_NEFF_TENSORS:
		return take_array(p, s, "TENSORS", sizeof(*neff->tensors),
				  (const void **)&neff->tensors, &neff->num_tensors);
	case NEURON_NEFF_SLOTS:
		return take_array(p, s, "SLOTS", sizeof(*neff->slots),
				  (const void **)&neff->slots, &neff->num_slots);
	case NEURON_NEFF_LAYERS:
		return take_array(p, s, "LAYERS", sizeof(*neff->layers),
				  (const void **)&neff->layers, &neff->num_layers);
	case NEURON_NEFF_STAGES:
		return take_stages(p, s);
	case NEURON_NEFF_WEIGHTS:
		if (neff->weights.data)
			return damaged(p, "there are two WEIGHTS sections");
		if (s->index)
			return damaged(p, "the WEIGHTS section has index %u, not 0",
				       s->index);
		neff->weights.data = p->data + s->offset;
		neff->weights.size = s->size;
		return NEFF_OK;
	case NEURON_NEFF_STEPS:
		return take_array(p, s, "STEPS", sizeof(*neff->steps),
				  (const void **)&neff->steps, &neff->num_steps);
	case NEURON_NEFF_OPERANDS:
		return take_array(p, s, "OPERANDS", sizeof(*neff->operands),
				  (const void **)&neff->operands, &neff->num_operands);
	case NEURON_NEFF_VALUES:
		return take_array(p, s, "VALUES", sizeof(*neff->values),
				  (const void **)&neff->values, &neff->num_values);
	case NEURON_NEFF_MODEL:
		if (s->index >= NEURON_NEFF_MAX_MODELS || s->index != neff->num_models)
			return damaged(p, "model %u of the file does not follow %u others",
				       s->index, neff->num_models);
		neff->models[neff->num_models].data = p->data + s->offset;
		neff->models[neff->num_models++].size = s->size;
		return NEFF_OK;
	case NEURON_NEFF_PROGRAM:
		if (s->index >= neff->header->num_cores)
			return damaged(p, "a program for core %u of %u", s->index,
				       neff->header->num_cores);
		if (neff->programs[s->index].data)
			return damaged(p, "there are two programs for core %u",
				       s->index);
		if (!s->size || s->size > UINT32_MAX)
			return damaged(p, "the program of core %u has %llu bytes",
				       s->index, (unsigned long long)s->size);
		neff->programs[s->index].data = p->data + s->offset;
		neff->programs[s->index].size = s->size;
		return NEFF_OK;
	}
	return neff_refuse(p, NEFF_UNSUPPORTED,
		      "the .neff has a section of type %u, which this library does not know: update libneuron",
		      s->type);
}

static enum neff_status parse_sections(struct neff_parser *p)
{
	const struct neuron_neff_header *h = p->neff->header;
	const struct neuron_neff_section *s = (const void *)(h + 1);
	uint64_t end = sizeof(*h);
	enum neff_status status;
	uint32_t i;

	if (h->num_sections > (p->size - end) / sizeof(*s))
		return damaged(p, "truncated: no room for %u sections", h->num_sections);
	end += h->num_sections * sizeof(*s);
	for (i = 0; i < h->num_sections; i++, s++) {
		if (s->offset % NEURON_NEFF_ALIGN || s->offset < end ||
		    s->offset > p->size || s->size > p->size - s->offset)
			return damaged(p, "section %u lies at %llu, %llu bytes: outside of the file, or on top of another",
				       i, (unsigned long long)s->offset,
				       (unsigned long long)s->size);
		if (!all_zero(p->data + end, s->offset - end))
			return damaged(p, "there is something between the sections at %llu",
				       (unsigned long long)end);
		status = take_section(p, s);
		if (status)
			return status;
		end = s->offset + s->size;
	}
	if (!all_zero(p->data + end, p->size - end))
		return damaged(p, "there is something behind the last section");
	if (neff_has_steps(p->neff))
		return NEFF_OK;
	for (i = 0; i < h->num_cores; i++) {
		if (!p->neff->programs[i].data)
			return damaged(p, "there is no program for core %u", i);
	}
	return NEFF_OK;
}

static enum neff_status parse_tensor(struct neff_parser *p, uint32_t i)
{
	const struct neuron_neff_tensor *t = &p->neff->tensors[i];
	const bool steps = neff_has_steps(p->neff);
	uint64_t size = neff_dtype_size(t->dtype);
	uint32_t n;

	if (!terminated(t->name, sizeof(t->name)) || !t->name[0])
		return damaged(p, "tensor %u has no name", i);
	if (!size)
		return damaged(p, "tensor %.64s has an unknown type, %u", t->name,
			       t->dtype);
	if (t->rank > NEURON_NEFF_MAX_RANK)
		return damaged(p, "tensor %.64s has rank %u, at most %u is possible",
			       t->name, t->rank, NEURON_NEFF_MAX_RANK);
	if (t->flags & ~NEURON_NEFF_TENSOR_OPEN ||
	    (t->flags && (!steps || i < p->neff->header->num_inputs)))
		return damaged(p, "tensor %.64s has unknown flags, %#x", t->name, t->flags);
	if (t->dtype == NEURON_NEFF_STRING && !steps)
		return damaged(p, "tensor %.64s holds strings, which the chip does not know",
			       t->name);
	for (n = 0; n < t->rank; n++) {
		if (__builtin_mul_overflow(size, t->dims[n], &size))
			return damaged(p, "tensor %.64s is too large", t->name);
	}
	for (; n < NEURON_NEFF_MAX_RANK; n++) {
		if (t->dims[n])
			return damaged(p, "tensor %.64s has dimensions beyond its rank",
				       t->name);
	}
	if (t->size != size || size > SIZE_MAX)
		return damaged(p, "tensor %.64s has %llu bytes, its shape %llu",
			       t->name, (unsigned long long)t->size,
			       (unsigned long long)size);
	/* Quadratic, of a number that MAX_SLOTS bounds. */
	for (n = i < p->neff->header->num_inputs ? 0 : p->neff->header->num_inputs;
	     n < i; n++) {
		if (!strcmp(t->name, p->neff->tensors[n].name))
			return damaged(p, "two tensors are called %.64s", t->name);
	}
	if (steps ? t->slot : t->slot >= p->neff->num_slots)
		return damaged(p, "tensor %.64s uses slot %u of %u", t->name, t->slot,
			       p->neff->num_slots);
	return NEFF_OK;
}

static enum neff_status parse_slot(struct neff_parser *p, uint32_t i, bool *program)
{
	const struct neuron_neff_slot *s = &p->neff->slots[i];
	const struct neff *neff = p->neff;
	bool input = s->kind == NEURON_NEFF_SLOT_INPUT;
	bool is_input = s->index < neff->header->num_inputs;
	uint32_t n;

	switch (s->kind) {
	case NEURON_NEFF_SLOT_PROGRAM:
		if (*program)
			return damaged(p, "two slots are for the program");
		*program = true;
		p->neff->program_slot = i;
		for (n = 0; n < neff->header->num_cores; n++) {
			if (neff->programs[n].size > s->size)
				return damaged(p, "slot %u is too small for the program of core %u",
					       i, n);
		}
		break;
	case NEURON_NEFF_SLOT_WEIGHTS:
		if (s->size > neff->weights.size)
			return damaged(p, "slot %u holds %llu bytes of weights, there are %llu",
				       i, (unsigned long long)s->size,
				       (unsigned long long)neff->weights.size);
		break;
	case NEURON_NEFF_SLOT_SCRATCH:
	case NEURON_NEFF_SLOT_HANDOVER:
		if (s->size > SIZE_MAX - NEURON_NEFF_ALIGN)
			return damaged(p, "slot %u is too large", i);
		break;
	case NEURON_NEFF_SLOT_INPUT:
	case NEURON_NEFF_SLOT_OUTPUT:
		if (s->index >= neff->num_tensors || is_input != input)
			return damaged(p, "slot %u is %s %u, which there is not", i,
				       input ? "input" : "output", s->index);
		if (neff->tensors[s->index].slot != i ||
		    s->size > neff->tensors[s->index].size)
			return damaged(p, "slot %u does not fit tensor %.64s", i,
				       neff->tensors[s->index].name);
		return NEFF_OK;
	default:
		return damaged(p, "slot %u is of an unknown kind, %u", i, s->kind);
	}
	if (s->index)
		return damaged(p, "slot %u has index %u, not 0", i, s->index);
	return NEFF_OK;
}

static enum neff_status parse_slots(struct neff_parser *p)
{
	struct neff *neff = p->neff;
	enum neff_status status;
	bool program = false;
	uint32_t i;

	for (i = 0; i < neff->num_slots; i++) {
		status = parse_slot(p, i, &program);
		if (status)
			return status;
	}
	if (!program)
		return damaged(p, "no slot is for the program");
	/* The other way round: each tensor's slot is the tensor's. */
	for (i = 0; i < neff->num_tensors; i++) {
		const struct neuron_neff_slot *s = &neff->slots[neff->tensors[i].slot];

		if (s->index != i || (s->kind != NEURON_NEFF_SLOT_INPUT &&
				      s->kind != NEURON_NEFF_SLOT_OUTPUT))
			return damaged(p, "tensor %.64s uses slot %u, which is not its",
				       neff->tensors[i].name, neff->tensors[i].slot);
	}
	return NEFF_OK;
}

static enum neff_status parse_tables(struct neff_parser *p)
{
	struct neff *neff = p->neff;
	const uint32_t most = neff_has_steps(neff) ? MAX_SLOTS : neff->num_slots;
	enum neff_status status;
	uint32_t i;

	if (neff->num_slots > MAX_SLOTS)
		return damaged(p, "%u slots, at most %u are possible", neff->num_slots,
			       MAX_SLOTS);
	if (neff->num_tensors > most || neff->header->num_inputs > neff->num_tensors ||
	    neff->header->num_outputs != neff->num_tensors - neff->header->num_inputs)
		return damaged(p, "%u tensors are not %u inputs and %u outputs in %u slots",
			       neff->num_tensors, neff->header->num_inputs,
			       neff->header->num_outputs, most);
	for (i = 0; i < neff->num_tensors; i++) {
		status = parse_tensor(p, i);
		if (status)
			return status;
	}
	for (i = 0; i < neff->num_layers; i++) {
		if (!terminated(neff->layers[i].name, sizeof(neff->layers[i].name)) ||
		    !terminated(neff->layers[i].op, sizeof(neff->layers[i].op)))
			return damaged(p, "the name of layer %u has no end", i);
	}
	return neff_has_steps(neff) ? neff_parse_steps(p) : parse_slots(p);
}

enum neff_status neff_parse(const void *data, size_t size, bool check_hash,
			    struct neff *neff, char error[NEFF_ERROR_SIZE])
{
	struct neff_parser p = {
		.data = data, .size = size, .neff = neff, .error = error,
	};
	enum neff_status status;

	memset(neff, 0, sizeof(*neff));
	error[0] = '\0';
	status = parse_header(&p, check_hash);
	if (status)
		return status;
	neff->header = data;
	status = parse_sections(&p);
	if (status)
		return status;
	return parse_tables(&p);
}
