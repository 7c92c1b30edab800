/* SPDX-License-Identifier: MIT */
/*
 * The operators that run on the host: host steps of a .neff at run time, and what
 * the compiler can compute of them when it compiles.
 *
 * Plain C that knows neither libneuron nor the compiler. Which operators there are,
 * and what their ints, floats and inputs mean, is in <neuron/hostop.h>.
 */
#ifndef HOSTOPS_HOSTOP_H
#define HOSTOPS_HOSTOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <neuron/hostop.h>
#include <neuron/neff.h>

/**
 * struct hostop_tensor - a tensor in host memory, dense and row-major
 * @dtype: enum neuron_neff_dtype
 * @rank: number of dimensions
 * @dims: elements in each; zero behind @rank
 * @data: the elements, aligned for their type; results: from malloc(), never NULL
 */
struct hostop_tensor {
	uint32_t dtype;
	uint32_t rank;
	uint32_t dims[NEURON_NEFF_MAX_RANK];
	void *data;
};

enum hostop_status {
	HOSTOP_OK,
	HOSTOP_BAD_INDEX,	/* an index is out of range */
	HOSTOP_BAD_INPUT,	/* shapes or contents that the operator does not take */
	HOSTOP_TOO_LARGE,	/* the result is larger than was said that it can be */
	HOSTOP_NO_MEMORY,
	HOSTOP_INVALID,		/* types or parameters that it never takes */
	HOSTOP_PRODUCT,		/* hostop_call.product failed */
};

#define HOSTOP_WHY	160

/* Of the operators in <neuron/hostop.h>: the most that any of them has. */
#define HOSTOP_MAX_INPUTS	255
#define HOSTOP_MAX_OUTPUTS	255

/* The state of a step's random numbers; any number is a good one to begin with. */
struct hostop_random {
	uint64_t state;
};

/**
 * typedef hostop_product_fn - multiply matrices of fp32 elsewhere
 * @context: hostop_call.context
 * @a: [@rows, @depth], dense
 * @b: [@depth, @columns], dense
 * @out: receives [@rows, @columns], dense
 * @rows: not 0, as the others
 * @depth: columns of @a, rows of @b
 * @columns: of @b
 *
 * Return: false: there is no result, and @context knows why.
 */
typedef bool hostop_product_fn(void *context, const float *a, const float *b, float *out,
			       size_t rows, size_t depth, size_t columns);

/**
 * struct hostop_call - one operator to run
 * @op: enum neuron_host_op
 * @ints: NEURON_NEFF_STEP_INTS parameters
 * @floats: NEURON_NEFF_STEP_FLOATS parameters
 * @in: inputs; NULL where one is not there
 * @num_in: entries of @in
 * @most: types of the outputs, and the most that their dimensions can be; NULL
 *	  where one is not wanted
 * @num_out: entries of @most and @out
 * @bounded: @most limits the results; false: it has types alone
 * @out: receives results, whose data the caller frees, also after an error
 * @random: where random numbers come from; operators that make none need it not
 * @product: MatMul: what multiplies; NULL: hostop_run() itself
 * @context: for @product
 * @why: receives what is wrong, as part of a line
 */
struct hostop_call {
	uint32_t op;
	const int64_t *ints;
	const double *floats;
	const struct hostop_tensor *const *in;
	uint32_t num_in;
	const struct hostop_tensor *const *most;
	uint32_t num_out;
	bool bounded;
	struct hostop_tensor *out;
	struct hostop_random *random;
	hostop_product_fn *product;
	void *context;
	char why[HOSTOP_WHY];
};

/**
 * hostop_run() - run an operator
 * @call: what to run
 *
 * Any contents, shapes and parameters are safe. The result depends on nothing but
 * @call. Thread-safe.
 */
enum hostop_status hostop_run(struct hostop_call *call);

/**
 * struct hostop_info - what a call must look like
 * @name: ONNX's
 * @min_in: fewest inputs
 * @max_in: most inputs
 * @max_out: most outputs; each has one at least
 * @ints: parameters that it uses
 * @floats: the same
 */
struct hostop_info {
	const char *name;
	uint32_t min_in;
	uint32_t max_in;
	uint32_t max_out;
	uint32_t ints;
	uint32_t floats;
};

/* NULL for a number that no operator has. */
const struct hostop_info *hostop_info(uint32_t op);
/* Why a step is the host's; NULL for a number that says nothing. */
const char *hostop_reason(uint32_t reason);
/* The operator makes random numbers. */
bool hostop_is_random(uint32_t op);

/*
 * Elements as numbers. Reading a float as an integer and writing saturate, NaN is 0;
 * writing a float rounds to even. Not for strings.
 */
unsigned int hostop_size(uint32_t dtype);
bool hostop_is_float(uint32_t dtype);
double hostop_double(uint32_t dtype, const void *data, int64_t index);
int64_t hostop_int(uint32_t dtype, const void *data, int64_t index);
void hostop_put_double(uint32_t dtype, void *data, int64_t index, double x);
void hostop_put_int(uint32_t dtype, void *data, int64_t index, int64_t x);

/* Elements of a shape that fits. */
uint64_t hostop_count(const struct hostop_tensor *tensor);
/* A tensor of that type and shape is one that operators take. */
bool hostop_shape_fits(const struct hostop_tensor *tensor);

#endif /* HOSTOPS_HOSTOP_H */
