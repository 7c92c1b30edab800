/* SPDX-License-Identifier: MIT */
/* Compiling what onnx_builder.h makes, for tests of the front end. */
#ifndef TESTS_UNIT_COMPILER_FRONT_H
#define TESTS_UNIT_COMPILER_FRONT_H

#include <compiler/graph.h>
#include <compiler/neffc.h>
#include "onnx_builder.h"
#include "tests/ktap.h"

static const struct nc_options no_cast = { .auto_cast = NC_CAST_NONE };

static inline struct nc_result build_with(const struct builder *b,
					  const struct nc_options *options)
{
	struct nc_result result;
	size_t size;
	void *bytes = builder_bytes(b, &size);

	nc_compile(bytes, size, "test", options, &result);
	free(bytes);
	return result;
}

static inline struct nc_result build(const struct builder *b)
{
	return build_with(b, &no_cast);
}

/* The model is refused, and a line has all of the texts that follow, up to NULL. */
#define REFUSED(b, ...) \
	refused(__FILE__, __LINE__, b, (const char *[]) { __VA_ARGS__, NULL })

static inline bool has_line(const char *lines, const char *const *texts)
{
	char *copy = strdup(lines ? lines : ""), *save, *line;
	bool found = false;
	unsigned int i;

	for (line = strtok_r(copy, "\n", &save); line && !found;
	     line = strtok_r(NULL, "\n", &save)) {
		for (i = 0; texts[i]; i++)
			if (!strstr(line, texts[i]))
				break;
		found = !texts[i];
	}
	free(copy);
	return found;
}

static inline void refused(const char *file, int line, const struct builder *b,
			   const char *const *texts)
{
	struct nc_result result = build(b);

	if (result.neff || !has_line(result.errors, texts)) {
		printf("# %s:%d: expected a line with '%s', saw:\n# %s\n", file,
		       line, texts[0],
		       result.errors ? result.errors : "(no errors)");
		ktap_failed = true;
	}
	nc_result_free(&result);
}

/* The model compiles; otherwise its errors are shown. */
#define ACCEPTED(result)                                                       \
	do {                                                                   \
		if (!(result).neff) {                                          \
			printf("# %s:%d: expected no errors, saw:\n# %s\n",    \
			       __FILE__, __LINE__, (result).errors);           \
			ktap_failed = true;                                    \
		}                                                              \
	} while (0)

static inline unsigned int count_ops(const struct nc_result *result, enum nc_op op)
{
	unsigned int i, n = 0;

	for (i = 0; result->graph && i < result->graph->num_nodes; i++)
		n += result->graph->nodes[i]->op == op;
	return n;
}

static inline const struct nc_node *find_op(const struct nc_result *result,
					    enum nc_op op)
{
	unsigned int i;

	for (i = 0; result->graph && i < result->graph->num_nodes; i++)
		if (result->graph->nodes[i]->op == op)
			return result->graph->nodes[i];
	return NULL;
}

/* The constant that a folded output is a copy of. */
static inline const struct nc_value *folded(const struct nc_result *result,
					    unsigned int output)
{
	const struct nc_value *value;

	if (!result->graph || output >= result->graph->num_outputs)
		return NULL;
	value = result->graph->outputs[output];
	if (!value->producer || value->producer->op != NC_OP_Identity ||
	    !nc_is_const(value->producer->inputs[0]))
		return NULL;
	return value->producer->inputs[0];
}

#endif /* TESTS_UNIT_COMPILER_FRONT_H */
