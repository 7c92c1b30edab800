// SPDX-License-Identifier: MIT
/*
 * The cases of tests/conformance/operators.txt: each is compiled and its program
 * executed; then again with all inputs as constants, which has to fold to the
 * same.
 */
#include <math.h>
#include <stdio.h>
#include "compiler_front.h"
#include "compiler_back_run.h"
#include "operator_case.h"

#define MAX_BYTES	65536

static const char *path;

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
	const char *how = all_const ? "constant" : "run";
	const void *inputs[MAX_TENSORS];
	void *outputs[MAX_TENSORS];
	struct nc_result result;
	struct builder b;
	const char *error;
	unsigned int i, n;
	bool ok = true;

	b = case_model(c, all_const, inputs);
	for (i = 0, n = 0; i < c->num_out; i++) {
		if (c->out[i].present) {
			outputs[n] = buffers[n];
			n++;
		}
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
	line[strcspn(line, "\n")] = '\0';
	if (*line == '#' || !*line)
		return true;
	if (!strncmp(line, "node ", 5))
		return num_cases < sizeof(cases) / sizeof(cases[0]) &&
		       parse_node(line + 5, &cases[num_cases++], number);
	return num_cases && parse_tensor_line(line, &cases[num_cases - 1]);
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
