/* SPDX-License-Identifier: MIT */
/* What the operators share. */
#ifndef HOSTOPS_PRIV_H
#define HOSTOPS_PRIV_H

#include <stdlib.h>
#include <string.h>
#include "hostop.h"

#define RANK	NEURON_NEFF_MAX_RANK
#define STRING	NEURON_NEFF_STRING_SIZE

/* Note what is wrong, and return @status. */
enum hostop_status hostop_fail(struct hostop_call *call, enum hostop_status status,
			       const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The operator takes other types. */
enum hostop_status hostop_bad_type(struct hostop_call *call);

/**
 * hostop_make() - memory for a result
 * @call: the call
 * @out: which output
 * @rank: of the result
 * @dims: of the result
 *
 * Zeroed. An output that is not wanted gets none, and its data stays NULL.
 */
enum hostop_status hostop_make(struct hostop_call *call, uint32_t out, uint32_t rank,
			       const uint32_t *dims);
/* The same shape as a tensor's. */
enum hostop_status hostop_make_like(struct hostop_call *call, uint32_t out,
				    const struct hostop_tensor *like);

static inline const struct hostop_tensor *in(const struct hostop_call *call, uint32_t i)
{
	return i < call->num_in ? call->in[i] : NULL;
}

static inline bool wanted(const struct hostop_call *call, uint32_t out)
{
	return out < call->num_out && call->most[out];
}

/* A negative axis counts from the end. False: it is out of range. */
static inline bool fix_axis(int64_t *axis, uint32_t rank)
{
	if (*axis < 0)
		*axis += rank;
	return *axis >= 0 && *axis < (int64_t)rank;
}

/* Elements of the dimensions [from, to). */
static inline uint64_t span(const struct hostop_tensor *t, uint32_t from, uint32_t to)
{
	struct hostop_tensor part = { .rank = to - from };

	memcpy(part.dims, t->dims + from, (to - from) * sizeof(part.dims[0]));
	return hostop_count(&part);
}

static inline const char *at(const struct hostop_tensor *t, uint64_t i)
{
	return (const char *)t->data + i * hostop_size(t->dtype);
}

static inline char *put_at(struct hostop_tensor *t, uint64_t i)
{
	return (char *)t->data + i * hostop_size(t->dtype);
}

static inline double num(const struct hostop_tensor *t, uint64_t i)
{
	return hostop_double(t->dtype, t->data, (int64_t)i);
}

static inline int64_t integer(const struct hostop_tensor *t, uint64_t i)
{
	return hostop_int(t->dtype, t->data, (int64_t)i);
}

static inline bool is_number(uint32_t dtype)
{
	return dtype != NEURON_NEFF_STRING && dtype != NEURON_NEFF_BOOL;
}

/* fp64 has its own precision, what is narrower that of fp32. */
static inline double rounded(uint32_t dtype, double x)
{
	return dtype == NEURON_NEFF_F64 ? x : (float)x;
}

/* The integers of an input of rank 0 or 1; -1 after hostop_fail(). */
int hostop_ints(struct hostop_call *call, uint32_t input, int64_t *ints, int max);

/* The axes in an input, as a mask; none without it. */
enum hostop_status hostop_axes(struct hostop_call *call, uint32_t input, uint32_t rank,
			       unsigned int *mask);

/* The shape that inputs are broadcast to. */
enum hostop_status hostop_broadcast(struct hostop_call *call, struct hostop_tensor *shape);

/* walk.c */

/**
 * struct walk - the elements of tensors that are broadcast together, one by one
 * @n: tensors
 * @rank: dimensions of what they are broadcast to, as few as are enough
 * @dims: them
 * @stride: by tensor and dimension, in elements
 * @index: where it is
 * @at: by tensor: the element
 */
#define WALK_MAX	3
struct walk {
	uint32_t n;
	uint32_t rank;
	uint32_t dims[RANK];
	uint64_t stride[WALK_MAX][RANK];
	uint32_t index[RANK];
	uint64_t at[WALK_MAX];
};

void walk_begin(struct walk *walk, const struct hostop_tensor *shape,
		const struct hostop_tensor *const *tensors, uint32_t n);
/* Elements of one tensor: the @first, then by steps along each dimension of @shape. */
void walk_begin_strided(struct walk *walk, const struct hostop_tensor *shape, uint64_t first,
			const int64_t *strides);
void walk_next(struct walk *walk);

/*
 * The same, a run at a time: so many elements, in tensor @i each walk_step() behind the one
 * before. A walk goes on by runs or by elements.
 */
uint64_t walk_run(const struct walk *walk);
uint64_t walk_step(const struct walk *walk, uint32_t i);
void walk_next_run(struct walk *walk);

/* x before y: -1, 0, 1. NaN comes last. Strings by their bytes. */
int hostop_order(const struct hostop_tensor *x, uint64_t i,
		 const struct hostop_tensor *y, uint64_t k);

/*
 * The only output, in the shape that all inputs are broadcast to; @walk begins at its
 * first element, of @count.
 */
enum hostop_status hostop_make_broadcast(struct hostop_call *call, struct walk *walk,
					 uint64_t *count);

typedef enum hostop_status hostop_fn(struct hostop_call *call);

hostop_fn hostop_nonzero, hostop_compress, hostop_unique, hostop_nms, hostop_topk;
hostop_fn hostop_range, hostop_constant_of_shape;
hostop_fn hostop_shape, hostop_size_of, hostop_reshape, hostop_squeeze, hostop_unsqueeze,
	  hostop_flatten, hostop_identity;
hostop_fn hostop_transpose, hostop_slice, hostop_concat, hostop_expand, hostop_tile,
	  hostop_where;
hostop_fn hostop_gather, hostop_gather_elements, hostop_gather_nd, hostop_scatter_nd,
	  hostop_scatter_elements;
hostop_fn hostop_cast, hostop_binary, hostop_compare, hostop_logic, hostop_nary,
	  hostop_unary, hostop_clip;
hostop_fn hostop_function, hostop_classify, hostop_pow, hostop_prelu;
hostop_fn hostop_softmax, hostop_layer_norm;
hostop_fn hostop_pad, hostop_split, hostop_trilu;
hostop_fn hostop_matmul, hostop_gemm, hostop_conv, hostop_recurrent;
hostop_fn hostop_reduce, hostop_arg, hostop_cum_sum, hostop_det;
hostop_fn hostop_normalize_strings, hostop_tfidf, hostop_string_concat,
	  hostop_label_encoder;
hostop_fn hostop_random_fill, hostop_bernoulli, hostop_multinomial, hostop_dropout;

/* strings.c: a string as a number and back. */
enum hostop_status hostop_parse(struct hostop_call *call, const char *text, double *x);
void hostop_format_element(const struct hostop_tensor *x, uint64_t i, char *text);

#endif /* HOSTOPS_PRIV_H */
