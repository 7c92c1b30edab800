// SPDX-License-Identifier: MIT
/* Models that fuzzing found, reduced to what was wrong with them. */
#include <compiler/neffc.h>
#include "tests/unit/compiler_front.h"

static bool compiles(struct builder *b)
{
	static const struct nc_options options = { .auto_cast = NC_CAST_BF16 };
	struct nc_result result;
	size_t size;
	void *bytes = builder_bytes(b, &size);
	bool ok = nc_compile(bytes, size, "found", &options, &result);

	if (result.errors)
		printf("# %s", result.errors);
	CHECK_EQ(result.num_faults, 0);
	nc_result_free(&result);
	free(bytes);
	return ok;
}

/* A normalisation of which nothing but the mean is used. */
static void mean_alone(void)
{
	struct builder b = builder(17);

	add_input(&b, "x", FLOAT, DIMS(2, 3, 4, 5));
	add_input(&b, "w", FLOAT, DIMS(5));
	add_node(&b, "LayerNormalization", "x w", "y mean inv");
	add_output(&b, "mean");
	CHECK(compiles(&b));
}

/* States of another type than the rest, in which no sum has a type. */
static void mixed_states(void)
{
	struct builder b = builder(14);

	add_input(&b, "x", FLOAT, DIMS(1, 2, 4));
	add_input(&b, "w", FLOAT, DIMS(1, 12, 4));
	add_input(&b, "r", FLOAT, DIMS(1, 12, 3));
	add_input(&b, "h", FLOAT, DIMS(1, 2, 3));
	add_input(&b, "c", INT32, DIMS(1, 2, 3));
	attr_int(add_node(&b, "LSTM", "x w r - - h c", "y last"), "hidden_size", 3);
	add_output(&b, "last");
	CHECK(!compiles(&b));
}

int main(void)
{
	ktap_run("only the mean of a normalisation", mean_alone);
	ktap_run("states of a type of their own", mixed_states);
	return ktap_done();
}
