// SPDX-License-Identifier: MIT
/*
 * neuron_disasm_inst(): instructions as text.
 *
 *	pe matmul out=psum:fp32[64,256]@0x0 a=sbuf:bf16[64,128]@0x400
 *	  b=sbuf:bf16[128,256]@0x4400 act=relu alpha=0 beta=0 wait=s3>=2
 *	  signal=s4+1 layer=7
 *
 * (in one line). Strides are printed where they are not those of a dense
 * tensor, flags and fields by name.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "qemu-device/isa/isa_tables.h"

struct text {
	char *buf;
	size_t size;
	size_t length;
};

static void __attribute__((format(printf, 2, 3)))
put(struct text *t, const char *format, ...)
{
	size_t room = t->length < t->size ? t->size - t->length : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? t->buf + t->length : NULL, room, format, args);
	va_end(args);
	if (n > 0)
		t->length += n;
}

static void put_lower(struct text *t, const char *name)
{
	for (; *name; name++)
		put(t, "%c", tolower((unsigned char)*name));
}

static const char *act_text(uint32_t value)
{
	switch (value) {
#define X(name, value, text, formula) case value: return text;
	NEURON_ACTS(X)
#undef X
	}
	return NULL;
}

static const char *binary_text(uint32_t value)
{
	switch (value) {
#define X(name, value, text, formula) case value: return text;
	NEURON_BINARIES(X)
#undef X
	}
	return NULL;
}

static const char *reduction_text(uint32_t value)
{
	switch (value) {
#define X(name, value, text, formula) case value: return text;
	NEURON_REDUCTIONS(X)
#undef X
	}
	return NULL;
}

static const char *pool_text(uint32_t value)
{
	switch (value) {
#define X(name, value, text) case value: return text;
	NEURON_POOLS(X)
#undef X
	}
	return NULL;
}

/* Names for the values of func and act, NULL for plain numbers. */
static const char *value_text(unsigned int opcode, const char *field, uint32_t value)
{
	if (!strcmp(field, "act"))
		return act_text(value);
	if (strcmp(field, "func"))
		return NULL;
	switch (opcode) {
	case NEURON_OP_ACT:
		return act_text(value);
	case NEURON_OP_ELTWISE:
		return binary_text(value);
	case NEURON_OP_REDUCE:
		return reduction_text(value);
	case NEURON_OP_POOL:
		return pool_text(value);
	default:
		return NULL;
	}
}

static const char *space_text(unsigned int space)
{
	switch (space) {
#define X(name, value, text) case value: return text;
	NEURON_SPACES(X)
#undef X
	}
	return "?";
}

static bool dense(const struct neuron_tensor *t)
{
	int64_t stride = 1;

	for (unsigned int i = t->rank; i-- > 0; ) {
		if (t->dims[i] > 1 && t->strides[i] != stride)
			return false;
		stride *= t->dims[i];
	}
	return true;
}

static void put_tensor(struct text *t, const struct neuron_tensor *tensor)
{
	put(t, "%s", space_text(tensor->space));
	if (tensor->space == NEURON_SPACE_SLOT)
		put(t, "%u", tensor->slot);
	put(t, ":%s[", neuron_dtype_name(tensor->dtype));
	for (unsigned int i = 0; i < tensor->rank; i++)
		put(t, "%s%u", i ? "," : "", tensor->dims[i]);
	put(t, "]");
	if (!dense(tensor)) {
		put(t, "/[");
		for (unsigned int i = 0; i < tensor->rank; i++)
			put(t, "%s%d", i ? "," : "", tensor->strides[i]);
		put(t, "]");
	}
	put(t, "@0x%llx", (unsigned long long)tensor->offset);
	if (tensor->scale != 0)
		put(t, "*%g", tensor->scale);
	if (tensor->zero_point)
		put(t, "%+d", -tensor->zero_point);
}

static void put_value(struct text *t, unsigned int opcode,
		      const struct isa_field *field, const uint8_t *at)
{
	const char *name;
	uint32_t u32;
	uint16_t u16;
	int16_t s16;
	float f;

	switch (field->type) {
	case ISA_FIELD_uint32_t:
		memcpy(&u32, at, sizeof(u32));
		name = value_text(opcode, field->name, u32);
		if (name)
			put(t, "%s", name);
		else
			put(t, "%u", u32);
		break;
	case ISA_FIELD_float:
		memcpy(&f, at, sizeof(f));
		put(t, "%.9g", f);
		break;
	case ISA_FIELD_uint16_t:
		memcpy(&u16, at, sizeof(u16));
		put(t, "%u", u16);
		break;
	case ISA_FIELD_int16_t:
		memcpy(&s16, at, sizeof(s16));
		put(t, "%d", s16);
		break;
	}
}

static void put_params(struct text *t, const struct neuron_inst *inst)
{
	const struct isa_opcode *opcode = &isa_opcodes[inst->opcode];
	const uint8_t *at = inst->params;

	for (unsigned int i = 0; i < opcode->num_fields; i++) {
		const struct isa_field *field = &opcode->fields[i];

		if (!strcmp(field->name, "reserved"))
			continue;	/* the last one, if any */
		put(t, " %s=", field->name);
		if (field->count)
			put(t, "[");
		for (unsigned int k = 0; k < (field->count ? field->count : 1); k++) {
			if (k)
				put(t, ",");
			put_value(t, inst->opcode, field, at);
			at += field->size;
		}
		if (field->count)
			put(t, "]");
	}
}

static void put_flags(struct text *t, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = {
		{ NEURON_INST_ACCUMULATE, "accumulate" },
		{ NEURON_INST_LAST, "last" },
		{ NEURON_INST_LOG, "log" },
		{ NEURON_INST_PAD_COUNTS, "pad-counts" },
		{ NEURON_INST_RESIDENT, "resident" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (flags & names[i].bit)
			put(t, " %s", names[i].name);
}

int neuron_disasm_inst(const void *program, uint32_t index, char *buf, size_t size)
{
	const struct neuron_inst *inst = &neuron_program_insts(program)[index];
	const struct neuron_tensor *tensors = neuron_program_tensors(program);
	const struct isa_opcode *opcode = &isa_opcodes[inst->opcode];
	struct text t = { .buf = buf, .size = size };

	if (size)
		buf[0] = '\0';
	put(&t, "%s ", neuron_engine_name(inst->engine));
	put_lower(&t, opcode->name);
	for (unsigned int k = 0; k < opcode->num_operands; k++) {
		if (inst->operand[k] == NEURON_NO_TENSOR)
			continue;
		put(&t, " %s=", opcode->operands[k].role);
		put_tensor(&t, &tensors[inst->operand[k]]);
	}
	put_params(&t, inst);
	put_flags(&t, inst->flags);
	for (unsigned int i = 0; i < NEURON_MAX_WAITS; i++)
		if (inst->wait[i].value)
			put(&t, " wait=s%u>=%u", inst->wait[i].sem,
			    inst->wait[i].value);
	for (unsigned int i = 0; i < NEURON_MAX_SIGNALS; i++)
		if (inst->signal[i].value)
			put(&t, " signal=s%u+%u", inst->signal[i].sem,
			    inst->signal[i].value);
	if (inst->layer)
		put(&t, " layer=%u", inst->layer);
	return t.length;
}
