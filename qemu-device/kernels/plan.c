// SPDX-License-Identifier: MIT
/*
 * Plans: what a fast path prepares for an instruction and keeps.
 *
 * A plan is found by the instruction's key and its signature, which is all that
 * the preparation depended on: a key that is used anew for another instruction
 * only misses. The number of plans and their memory are bounded; the plan that
 * was not used for longest goes first.
 */
#include "fast.h"

#define BUCKETS		1024
#define MAX_PLANS	4096
#define MAX_BYTES	((size_t)512 << 20)

struct nk_plans {
	struct nk_plan *bucket[BUCKETS];
	struct nk_plan *newest, *oldest;
	unsigned int count;
	size_t bytes;
	struct nk_packed_set *packed;
};

struct nk_plans *nk_plans_create(void)
{
	struct nk_plans *plans = calloc(1, sizeof(*plans));

	if (!plans)
		return NULL;
	plans->packed = nk_packed_set_create();
	if (!plans->packed) {
		free(plans);
		return NULL;
	}
	return plans;
}

struct nk_packed_set *nk_plans_packed(const struct nk_plans *plans)
{
	return plans->packed;
}

static void unlink_age(struct nk_plans *plans, struct nk_plan *plan)
{
	*(plan->newer ? &plan->newer->older : &plans->newest) = plan->older;
	*(plan->older ? &plan->older->newer : &plans->oldest) = plan->newer;
}

static void link_newest(struct nk_plans *plans, struct nk_plan *plan)
{
	plan->newer = NULL;
	plan->older = plans->newest;
	*(plans->newest ? &plans->newest->newer : &plans->oldest) = plan;
	plans->newest = plan;
}

static void drop(struct nk_plans *plans, struct nk_plan *plan)
{
	struct nk_plan **at = &plans->bucket[plan->hash % BUCKETS];

	while (*at != plan)
		at = &(*at)->next;
	*at = plan->next;
	unlink_age(plans, plan);
	plans->count--;
	plans->bytes -= plan->bytes;
	plan->destroy(plan);
}

void nk_plans_clear(struct nk_plans *plans)
{
	while (plans->newest)
		drop(plans, plans->newest);
}

void nk_plans_destroy(struct nk_plans *plans)
{
	nk_plans_clear(plans);
	nk_packed_set_destroy(plans->packed);
	free(plans);
}

/* All that a plan may depend on, in a form that can be compared. */
static void signature_init(struct nk_signature *sig, const struct nk_call *call)
{
	memset(sig, 0, sizeof(*sig));
	sig->key = call->key;
	sig->opcode = call->inst->opcode;
	sig->flags = call->inst->flags;
	memcpy(sig->params, call->inst->params, sizeof(sig->params));
	for (unsigned int i = 0; i < NK_SIGNATURE_OPERANDS; i++) {
		const struct neuron_tensor *t = call->op[i].desc;

		if (!t)
			continue;
		sig->op[i].present = 1;
		sig->op[i].dtype = t->dtype;
		sig->op[i].rank = t->rank;
		memcpy(sig->op[i].dims, t->dims, sizeof(t->dims));
		memcpy(sig->op[i].strides, t->strides, sizeof(t->strides));
		sig->op[i].zero_point = t->zero_point;
	}
}

static uint64_t hash_of(const struct nk_signature *sig)
{
	const unsigned char *p = (const unsigned char *)sig;
	uint64_t hash = 0;

	/* With a key, the key is nearly always enough. */
	for (size_t i = 0; i < (sig->key ? sizeof(sig->key) : sizeof(*sig)); i += 8) {
		uint64_t word;

		memcpy(&word, p + i, 8);
		hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
		hash ^= hash >> 32;
	}
	return hash;
}

static struct nk_plan *find(struct nk_plans *plans, const struct nk_signature *sig)
{
	uint64_t hash = hash_of(sig);
	struct nk_plan *plan = plans->bucket[hash % BUCKETS];

	while (plan && (plan->hash != hash || memcmp(&plan->sig, sig, sizeof(*sig))))
		plan = plan->next;
	if (plan && plan != plans->newest) {
		unlink_age(plans, plan);
		link_newest(plans, plan);
	}
	return plan;
}

/* The plan that was not used for longest goes, until there is room, but not @keep. */
static void make_room(struct nk_plans *plans, size_t bytes, const struct nk_plan *keep)
{
	while (plans->oldest && plans->oldest != keep &&
	       plans->bytes + nk_packed_set_bytes(plans->packed) + bytes > MAX_BYTES)
		drop(plans, plans->oldest);
}

static void add(struct nk_plans *plans, struct nk_plan *plan, const struct nk_signature *sig)
{
	plan->sig = *sig;
	plan->hash = hash_of(sig);
	if (plans->count >= MAX_PLANS)
		drop(plans, plans->oldest);
	make_room(plans, plan->bytes, NULL);
	plan->next = plans->bucket[plan->hash % BUCKETS];
	plans->bucket[plan->hash % BUCKETS] = plan;
	link_newest(plans, plan);
	plans->count++;
	plans->bytes += plan->bytes;
}

struct nk_plan *nk_plan_get(const struct nk_call *call,
			    struct nk_plan *(*make)(const struct nk_call *call))
{
	struct nk_plans *plans = nk_ctx_plans(call->ctx);
	struct nk_signature sig;
	struct nk_plan *plan;

	signature_init(&sig, call);
	plan = find(plans, &sig);
	if (plan)
		return plan;
	plan = make(call);
	if (plan)
		add(plans, plan, &sig);
	return plan;
}

void *nk_plan_place(const struct nk_call *call, struct nk_plan *plan, void **own, size_t bytes,
		    enum nk_scratch scratch)
{
	struct nk_plans *plans = nk_ctx_plans(call->ctx);

	if (!call->op[2].constant)
		return nk_scratch(call->ctx, scratch, bytes);
	if (*own && !nk_packed_own(*own)) {	/* others still need what is there */
		nk_packed_put(*own);
		*own = NULL;
	}
	if (!*own) {
		make_room(plans, bytes, plan);
		*own = nk_packed_alloc(plans->packed, bytes);
	}
	return *own ? *own : nk_scratch(call->ctx, scratch, bytes);
}
