// SPDX-License-Identifier: MIT
/* Any bytes: the compiler ends with a model file or with errors. */
#include <assert.h>
#include <compiler/neffc.h>
#include <neuron/neff.h>
#include "tests/fuzz/asan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* With and without a bound for what has none. */
	const struct nc_options options = { .auto_cast = NC_CAST_BF16, .max_dim = size & 1 ? 64 : 0 };
	struct nc_result result;
	struct nc_probe probe;

	nc_probe(data, size, &probe);
	nc_probe_free(&probe);
	if (nc_compile(data, size, "fuzz", &options, &result))
		assert(result.neff_size > sizeof(struct neuron_neff_header));
	else
		assert(result.errors && result.num_errors);
	/* The compiler finding a fault of its own is one. */
	assert(!result.num_faults);
	nc_result_free(&result);
	return 0;
}
