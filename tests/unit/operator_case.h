/* SPDX-License-Identifier: MIT */
/*
 * Operator cases as text: one node, its inputs and what it puts out. Lines:
 *
 *	node [DOMAIN.]OPERATOR SET [ATTRIBUTE=VALUE]...
 *	in TYPE[DIMS] ELEMENTS		an input of the model
 *	const TYPE[DIMS] ELEMENTS	one that the model holds
 *	none				an input that is not there
 *	out TYPE[DIMS] ELEMENTS		an output
 *	out				one that is to be found out
 *	skip				an output that is not asked for
 */
#ifndef TESTS_UNIT_OPERATOR_CASE_H
#define TESTS_UNIT_OPERATOR_CASE_H

#include <ctype.h>
#include <stdio.h>
#include <compiler/graph.h>
#include "onnx_builder.h"

#define MAX_TENSORS	20
#define MAX_CASE_DATA	16384

/* An input or output as the file has it. */
struct tensor {
	bool present;
	bool constant;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	int64_t count;
	char data[MAX_CASE_DATA];
};

struct test_case {
	unsigned int line;
	char op[64];
	char domain[64];
	int opset;
	char attrs[512];
	struct tensor in[MAX_TENSORS];
	unsigned int num_in;
	struct tensor out[MAX_TENSORS];
	unsigned int num_out;
};

static const struct {
	const char *name;
	enum nc_dtype dtype;
} case_types[] = {
	{ "f32", NC_F32 }, { "f64", NC_F64 }, { "f16", NC_F16 }, { "bf16", NC_BF16 },
	{ "i8", NC_I8 }, { "i16", NC_I16 }, { "i32", NC_I32 }, { "i64", NC_I64 },
	{ "u8", NC_U8 }, { "u16", NC_U16 }, { "u32", NC_U32 }, { "u64", NC_U64 },
	{ "bool", NC_BOOL },
};

static inline enum nc_dtype dtype_of(const char *name)
{
	unsigned int i;

	for (i = 0; i < sizeof(case_types) / sizeof(case_types[0]); i++)
		if (!strcmp(case_types[i].name, name))
			return case_types[i].dtype;
	return NC_NONE;
}

/* TYPE[DIMS] ELEMENTS */
static inline bool parse_tensor(char *text, struct tensor *t)
{
	char *open = strchr(text, '['), *close = strchr(text, ']'), *p;
	int64_t i;

	if (!open || !close)
		return false;
	*open = '\0';
	*close = '\0';
	t->present = true;
	t->dtype = dtype_of(text);
	t->count = 1;
	for (p = open + 1; *p;) {
		t->dims[t->rank] = strtoll(p, &p, 10);
		t->count *= t->dims[t->rank++];
		p += *p == ',';
	}
	if (!t->dtype || (size_t)t->count * 8 > sizeof(t->data))
		return false;
	p = close + 1;
	for (i = 0; i < t->count; i++) {
		char *start = p;

		if (nc_dtype_is_float(t->dtype))
			nc_put_double(t->dtype, t->data, i, strtod(p, &p));
		else
			nc_put_int(t->dtype, t->data, i,
				   *p == '-' || strchr(p, '-') ?
				   strtoll(p, &p, 10) : (int64_t)strtoull(p, &p, 10));
		if (p == start)
			return false;
	}
	return true;
}

/* A list in brackets: what is between its commas. */
static inline size_t split_list(char *text, char **items, size_t max)
{
	size_t n = 0;
	char *save, *p;

	text[strcspn(text, "]")] = '\0';
	for (p = strtok_r(text + 1, ",", &save); p && n < max;
	     p = strtok_r(NULL, ",", &save))
		items[n++] = p;
	return n;
}

static inline bool is_number_list(char *const *items, size_t n)
{
	return n && strpbrk(items[0], ".en") && items[0][0] != '"';
}

static inline void unquote(char *s)
{
	memmove(s, s + 1, strlen(s));
	s[strcspn(s, "\"")] = '\0';
}

static inline void add_list(Onnx__NodeProto *node, const char *name, char *text)
{
	Onnx__AttributeProto *attr;
	char *items[64];
	size_t n = split_list(text, items, 64), i;

	attr = add_attr(node, name, n && items[0][0] == '"' ?
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS :
			is_number_list(items, n) ?
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS :
			ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
	for (i = 0; i < n; i++) {
		if (items[0][0] == '"') {
			ProtobufCBinaryData s;

			unquote(items[i]);
			s.len = strlen(items[i]);
			s.data = (uint8_t *)strdup(items[i]);
			APPEND(attr->strings, attr->n_strings, s);
		} else if (is_number_list(items, n)) {
			APPEND(attr->floats, attr->n_floats, strtof(items[i], NULL));
		} else {
			APPEND(attr->ints, attr->n_ints, strtoll(items[i], NULL, 10));
		}
	}
}

/* NAME=VALUE, separated by blanks */
static inline void add_attrs(Onnx__NodeProto *node, const char *attrs)
{
	char *copy = strdup(attrs), *save, *p;

	for (p = strtok_r(copy, " ", &save); p; p = strtok_r(NULL, " ", &save)) {
		char *value = strchr(p, '=');
		Onnx__AttributeProto *attr;

		*value++ = '\0';
		if (*value == '[') {
			add_list(node, p, value);
		} else if (*value == '"') {
			unquote(value);
			attr_string(node, p, value);
		} else if (strpbrk(value, ".en")) {
			attr = add_attr(node, p,
					ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
			attr->has_f = 1;
			attr->f = strtof(value, NULL);
		} else {
			attr_int(node, p, strtoll(value, NULL, 10));
		}
	}
	free(copy);
}

static inline bool parse_node(char *text, struct test_case *c, unsigned int line)
{
	char *dot;

	memset(c, 0, sizeof(*c));
	c->line = line;
	if (sscanf(text, "%63s %d %511[^\n]", c->op, &c->opset, c->attrs) < 2)
		return false;
	dot = strrchr(c->op, '.');
	if (dot) {
		*dot = '\0';
		strcpy(c->domain, c->op);
		memmove(c->op, dot + 1, strlen(dot + 1) + 1);
	}
	return true;
}

/* Reads a line that is no "node" line into @c. */
static inline bool parse_tensor_line(char *line, struct test_case *c)
{
	struct tensor *t;

	if (c->num_in == MAX_TENSORS || c->num_out == MAX_TENSORS)
		return false;
	if (!strcmp(line, "none")) {
		c->num_in++;
		return true;
	}
	if (!strcmp(line, "skip")) {
		c->num_out++;
		return true;
	}
	if (!strcmp(line, "out")) {
		c->out[c->num_out++].present = true;
		return true;
	}
	if (!strncmp(line, "out ", 4))
		return parse_tensor(line + 4, &c->out[c->num_out++]);
	if (strncmp(line, "in ", 3) && strncmp(line, "const ", 6))
		return false;
	t = &c->in[c->num_in++];
	t->constant = !strncmp(line, "const ", 6);
	return parse_tensor(strchr(line, ' ') + 1, t);
}

static inline void import_domain(struct builder *b, const char *domain)
{
	Onnx__OperatorSetIdProto *import = malloc(sizeof(*import));

	onnx__operator_set_id_proto__init(import);
	import->domain = strdup(domain);
	import->has_version = 1;
	import->version = 1;
	APPEND(b->model.opset_import, b->model.n_opset_import, import);
}

/*
 * The model of a case. @all_const: it holds all inputs; else @inputs receives the data of
 * those that are given to it, in order.
 */
static inline struct builder case_model(const struct test_case *c, bool all_const,
					const void **inputs)
{
	char in_names[256] = "", out_names[256] = "", name[16];
	struct builder b = builder(c->opset);
	Onnx__NodeProto *node;
	unsigned int i, n = 0;

	for (i = 0; i < c->num_in; i++) {
		const struct tensor *t = &c->in[i];
		int onnx = nc_dtype_to_onnx(t->dtype);

		snprintf(name, sizeof(name), t->present ? "x%u " : "- ", i);
		strcat(in_names, name);
		name[strcspn(name, " ")] = '\0';
		if (!t->present)
			continue;
		if (t->constant || all_const) {
			add_const(&b, name, onnx, t->rank, t->dims, t->data,
				  (size_t)t->count * nc_dtype_size(t->dtype));
		} else {
			add_input(&b, name, onnx, t->rank, t->dims);
			inputs[n++] = t->data;
		}
	}
	for (i = 0; i < c->num_out; i++) {
		snprintf(name, sizeof(name), c->out[i].present ? "y%u " : "- ", i);
		strcat(out_names, name);
	}
	node = add_node(&b, c->op, in_names, out_names);
	node->domain = strdup(c->domain);
	if (*c->domain)
		import_domain(&b, c->domain);
	add_attrs(node, c->attrs);
	for (i = 0; i < c->num_out; i++) {
		if (!c->out[i].present)
			continue;
		snprintf(name, sizeof(name), "y%u", i);
		add_output(&b, name);
		/* Of the type that it turns out to have. */
		b.graph->output[b.graph->n_output - 1]->type = NULL;
	}
	return b;
}

#endif /* TESTS_UNIT_OPERATOR_CASE_H */
