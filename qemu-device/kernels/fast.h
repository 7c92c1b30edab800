/* SPDX-License-Identifier: MIT */
/*
 * The fast paths of matrix work, through a library, and the plans they keep.
 */
#ifndef NEURON_NK_FAST_H
#define NEURON_NK_FAST_H

#include "nk.h"

/*
 * Multiplications up to which a library may do the work: it cannot be cancelled
 * within a tile. Real instructions are far below; what broadcast operands can ask
 * for has no bound, and goes through the reference, which can.
 */
#define NK_FAST_MACS	((uint64_t)1 << 38)

/*
 * These return NK_UNSUPPORTED, before they have written anything, where the
 * reference has to do it.
 */
enum nk_status nk_fast_matmul(const struct nk_call *call);
enum nk_status nk_fast_conv(const struct nk_call *call);

/* Make their plans, which follow from the instruction and its operands' descriptors. */
enum nk_status nk_fast_matmul_prepare(const struct nk_call *call);
enum nk_status nk_fast_conv_prepare(const struct nk_call *call);

#define NK_SIGNATURE_OPERANDS	6

/* What a plan may depend on, besides the data. */
struct nk_signature {
	const void *key;
	uint16_t opcode;
	uint16_t flags;
	uint32_t reserved;
	uint8_t params[NEURON_PARAM_BYTES];
	struct {
		uint8_t present;
		uint8_t dtype;
		uint8_t rank;
		uint8_t reserved;
		uint32_t dims[NEURON_MAX_RANK];
		int32_t strides[NEURON_MAX_RANK];
		int32_t zero_point;
	} op[NK_SIGNATURE_OPERANDS];
	uint32_t padding;
};

_Static_assert(sizeof(struct nk_signature) % 8 == 0, "hashed in words");

/**
 * struct nk_plan - the head of every plan
 * @bytes: memory that it holds, itself included, without packed weights
 * @destroy: frees it
 *
 * The rest belongs to plan.c.
 */
struct nk_plan {
	size_t bytes;
	void (*destroy)(struct nk_plan *plan);
	uint64_t hash;
	struct nk_plan *next;
	struct nk_plan *newer, *older;
	struct nk_signature sig;
};

struct nk_plans;
struct nk_packed_set;
struct nk_plans *nk_plans_create(void);
void nk_plans_clear(struct nk_plans *plans);
void nk_plans_destroy(struct nk_plans *plans);
struct nk_packed_set *nk_plans_packed(const struct nk_plans *plans);
struct nk_plans *nk_ctx_plans(const struct nk_ctx *ctx);

/**
 * nk_plan_get() - the plan of an instruction, made if there is none
 * @call: the instruction
 * @make: makes it, with @bytes and @destroy set. It may push out others
 *
 * Return: the plan, or NULL without memory.
 */
struct nk_plan *nk_plan_get(const struct nk_call *call,
			    struct nk_plan *(*make)(const struct nk_call *call));
/**
 * nk_plan_place() - memory for what is made of an instruction's weights
 * @call: the instruction; operand 2 are the weights
 * @plan: its plan
 * @own: the plan's memory, which is made when the weights are constant, to be given back
 *	 with nk_packed_put(). It may push out others
 * @bytes: how much
 * @scratch: used when they are not, or there is no memory for the plan's own
 *
 * Return: the memory, or NULL when there is none.
 */
void *nk_plan_place(const struct nk_call *call, struct nk_plan *plan, void **own, size_t bytes,
		    enum nk_scratch scratch);

/* packed.c: weights in a kernel's order, of all plans of a context. */
struct nk_packed_set *nk_packed_set_create(void);
void nk_packed_set_destroy(struct nk_packed_set *set);
/* Bytes of all of them. */
size_t nk_packed_set_bytes(const struct nk_packed_set *set);

/* Zeros that one plan may write until it shares them; NULL without memory. */
void *nk_packed_alloc(struct nk_packed_set *set, size_t bytes);
/* A plan uses them no more; NULL is none. */
void nk_packed_put(void *data);
/* Whether one plan alone has them; then it may write them anew. */
bool nk_packed_own(void *data);

/**
 * nk_packed_share() - keep one copy of equal weights
 * @data: finished ones, which are not written any more
 *
 * Return: those to use instead of @data, which may be the same.
 */
void *nk_packed_share(void *data);

#endif /* NEURON_NK_FAST_H */
