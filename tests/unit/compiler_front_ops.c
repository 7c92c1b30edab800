// SPDX-License-Identifier: MIT
/*
 * The cases of tests/conformance/operators.txt: each is compiled and its program
 * executed; then again with all inputs as constants, which has to fold to the
 * same.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include "compiler_front.h"
#include "compiler_back_run.h"

#define MAX_TENSORS	20
#define MAX_BYTES	65536

/* An input or output as the file has it. */
struct tensor {
	bool present;
	bool constant;
	enum nc_dtype dtype;
	int rank;
	int64_t dims[NC_MAX_RANK];
	int64_t count;
	char data[4096];
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

static const char *path;

static enum nc_dtype dtype_of(const char *name)
{
	static const struct {
		const char *name;
		enum nc_dtype dtype;
	} names[] = {
		{ "f32", NC_F32 }, { "f64", NC_F64 }, { "f16", NC_F16 },
		{ "i8", NC_I8 }, { "i16", NC_I16 }, { "i32", NC_I32 },
		{ "i64", NC_I64 }, { "u8", NC_U8 }, { "u16", NC_U16 },
		{ "u32", NC_U32 }, { "u64", NC_U64 }, { "bool", NC_BOOL },
	};
	unsigned int i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(names[i].name, name))
			return names[i].dtype;
	return NC_NONE;
}

/* TYPE[DIMS] ELEMENTS */
static bool parse_tensor(char *text, struct tensor *t)
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
static size_t split_list(char *text, char **items, size_t max)
{
	size_t n = 0;
	char *save, *p;

	text[strcspn(text, "]")] = '\0';
	for (p = strtok_r(text + 1, ",", &save); p && n < max;
	     p = strtok_r(NULL, ",", &save))
		items[n++] = p;
	return n;
}

static bool is_number_list(char *const *items, size_t n)
{
	return n && strpbrk(items[0], ".en") && items[0][0] != '"';
}

static void unquote(char *s)
{
	memmove(s, s + 1, strlen(s));
	s[strcspn(s, "\"")] = '\0';
}

static void add_list(Onnx__NodeProto *node, const char *name, char *text)
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
static void add_attrs(Onnx__NodeProto *node, const char *attrs)
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

static bool equal(enum nc_dtype dtype, double seen, double expected)
{
	double rtol = dtype == NC_F16 ? 4e-3 : 1e-3, atol = dtype == NC_F16 ? 2e-3 : 1e-4;

	if (isnan(expected) || isinf(expected))
		return isnan(expected) ? isnan(seen) : seen == expected;
	if (!nc_dtype_is_float(dtype))
		return seen == expected;
	return fabs(seen - expected) <= atol + rtol * fabs(expected);
}

static bool check_output(const struct test_case *c, unsigned int i, const char *how,
			 const struct nc_value *value, const void *data)
{
	const struct tensor *t = &c->out[i];
	struct nc_value seen = { .dtype = t->dtype, .data = data };
	struct nc_value expected = { .dtype = t->dtype, .data = t->data };
	int64_t k;

	if (value->dtype != t->dtype || value->rank != t->rank ||
	    memcmp(value->dims, t->dims, (size_t)t->rank * sizeof(t->dims[0]))) {
		printf("# %s:%u: %s (%s): output %u has another type or shape\n", path,
		       c->line, c->op, how, i);
		return false;
	}
	for (k = 0; k < t->count; k++) {
		double a = nc_const_double(&seen, k), b = nc_const_double(&expected, k);

		if (equal(t->dtype, a, b))
			continue;
		printf("# %s:%u: %s (%s): output %u, element %lld: %g, expected %g\n",
		       path, c->line, c->op, how, i, (long long)k, a, b);
		return false;
	}
	return true;
}

static bool run_form(const struct test_case *c, bool all_const)
{
	static char buffers[MAX_TENSORS][MAX_BYTES];
	struct builder b = builder(c->opset);
	const char *how = all_const ? "constant" : "run";
	const void *inputs[MAX_TENSORS];
	void *outputs[MAX_TENSORS];
	char in_names[256] = "", out_names[256] = "", name[16];
	unsigned int i, n = 0;
	struct nc_result result;
	Onnx__NodeProto *node;
	const char *error;
	bool ok = true;

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
	add_attrs(node, c->attrs);
	for (i = 0, n = 0; i < c->num_out; i++) {
		if (!c->out[i].present)
			continue;
		snprintf(name, sizeof(name), "y%u", i);
		add_output(&b, name);
		outputs[n] = buffers[n];
		n++;
	}
	result = build(&b);
	if (!result.neff) {
		printf("# %s:%u: %s (%s): %s\n", path, c->line, c->op, how,
		       result.errors);
		nc_result_free(&result);
		return false;
	}
	error = run_neff(result.neff, inputs, outputs, 0, false);
	if (error) {
		printf("# %s:%u: %s (%s): %s\n", path, c->line, c->op, how, error);
		ok = false;
	}
	for (i = 0, n = 0; ok && i < c->num_out; i++) {
		if (!c->out[i].present)
			continue;
		ok = check_output(c, i, how, result.graph->outputs[n], outputs[n]);
		n++;
	}
	nc_result_free(&result);
	return ok;
}

static void run_case(const struct test_case *c)
{
	if (!run_form(c, false) || !run_form(c, true))
		ktap_failed = true;
}

static bool parse_node(char *text, struct test_case *c, unsigned int line)
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

/* All cases of one operator are one test. */
static struct test_case cases[32];
static unsigned int num_cases;

static void run_cases(void)
{
	unsigned int i;

	for (i = 0; i < num_cases; i++)
		run_case(&cases[i]);
}

static bool parse_line(char *line, unsigned int number)
{
	struct test_case *c = num_cases ? &cases[num_cases - 1] : NULL;
	struct tensor *t;

	line[strcspn(line, "\n")] = '\0';
	if (*line == '#' || !*line)
		return true;
	if (!strncmp(line, "node ", 5))
		return num_cases < sizeof(cases) / sizeof(cases[0]) &&
		       parse_node(line + 5, &cases[num_cases++], number);
	if (!c || c->num_in == MAX_TENSORS || c->num_out == MAX_TENSORS)
		return false;
	if (!strcmp(line, "none")) {
		c->num_in++;
		return true;
	}
	if (!strcmp(line, "skip")) {
		c->num_out++;
		return true;
	}
	if (!strncmp(line, "out ", 4))
		return parse_tensor(line + 4, &c->out[c->num_out++]);
	t = &c->in[c->num_in++];
	t->constant = !strncmp(line, "const ", 6);
	return parse_tensor(strchr(line, ' ') + 1, t);
}

int main(int argc, char **argv)
{
	char *line = NULL, op[64] = "", next[64];
	unsigned int number = 0;
	size_t room = 0;
	FILE *file;

	path = argc > 1 ? argv[1] : "tests/conformance/operators.txt";
	file = fopen(path, "r");
	if (!file) {
		printf("KTAP version 1\n1..0 # SKIP %s cannot be opened\n", path);
		return 1;
	}
	while (getline(&line, &room, file) > 0) {
		number++;
		if (sscanf(line, "node %63s", next) == 1 && strcmp(next, op)) {
			if (num_cases)
				ktap_run(op, run_cases);
			num_cases = 0;
			strcpy(op, next);
		}
		if (!parse_line(line, number)) {
			printf("# %s:%u: this line makes no sense\n", path, number);
			return 1;
		}
	}
	if (num_cases)
		ktap_run(op, run_cases);
	free(line);
	fclose(file);
	return ktap_done();
}
