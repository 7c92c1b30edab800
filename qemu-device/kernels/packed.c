// SPDX-License-Identifier: MIT
/*
 * Constant weights in a kernel's order, shared by the plans that have equal ones.
 *
 * A program that multiplies by the same weights in several instructions (a recurrent
 * network's steps, an image that is computed in parts) packs them for each, because an
 * instruction's plan knows only itself. What is packed is compared here, byte for byte,
 * with what others keep: one copy takes less memory and, above all, stays in the cache.
 *
 * Shared bytes are never written: a plan whose weights have changed leaves them to the
 * others and gets memory of its own.
 */
#include "fast.h"

#define BUCKETS		256

/* The head of packed weights, which follow it. */
struct packed {
	struct nk_packed_set *set;
	size_t bytes;
	uint64_t hash;
	unsigned int users;
	bool listed;		/* in the set: finished, and for others to find */
	struct packed *next;
};

#define HEAD_BYTES	64

_Static_assert(sizeof(struct packed) <= HEAD_BYTES, "weights are aligned behind it");

struct nk_packed_set {
	struct packed *bucket[BUCKETS];
	size_t bytes;
};

struct nk_packed_set *nk_packed_set_create(void)
{
	return calloc(1, sizeof(struct nk_packed_set));
}

void nk_packed_set_destroy(struct nk_packed_set *set)
{
	free(set);
}

size_t nk_packed_set_bytes(const struct nk_packed_set *set)
{
	return set->bytes;
}

static struct packed *head_of(void *data)
{
	return (struct packed *)((char *)data - HEAD_BYTES);
}

static void *data_of(struct packed *p)
{
	return (char *)p + HEAD_BYTES;
}

static void unlist(struct packed *p)
{
	struct packed **at = &p->set->bucket[p->hash % BUCKETS];

	if (!p->listed)
		return;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->listed = false;
}

void *nk_packed_alloc(struct nk_packed_set *set, size_t bytes)
{
	struct packed *p;

	/* Whole words, which is how they are hashed and compared; all of them defined. */
	bytes = (bytes + HEAD_BYTES - 1) / HEAD_BYTES * HEAD_BYTES;
	p = aligned_alloc(HEAD_BYTES, HEAD_BYTES + bytes);
	if (!p)
		return NULL;
	*p = (struct packed){ .set = set, .bytes = bytes, .users = 1 };
	memset(data_of(p), 0, bytes);
	set->bytes += bytes;
	return data_of(p);
}

void nk_packed_put(void *data)
{
	struct packed *p;

	if (!data)
		return;
	p = head_of(data);
	if (--p->users)
		return;
	unlist(p);
	p->set->bytes -= p->bytes;
	free(p);
}

bool nk_packed_own(void *data)
{
	struct packed *p = head_of(data);

	if (p->users > 1)
		return false;
	unlist(p);
	return true;
}

/* Eight sums at a time, so that no multiplication waits for the one before. */
static uint64_t hash_of(const struct packed *p)
{
	const uint64_t *words = (const uint64_t *)((const char *)p + HEAD_BYTES);
	uint64_t lane[8] = { 1, 2, 3, 4, 5, 6, 7, 8 }, hash = p->bytes;

	for (size_t i = 0; i < p->bytes / sizeof(*words); i += 8)
		for (unsigned int j = 0; j < 8; j++)
			lane[j] = (lane[j] ^ words[i + j]) * 0x9e3779b97f4a7c15ull;
	for (unsigned int j = 0; j < 8; j++)
		hash = (hash ^ lane[j] ^ lane[j] >> 32) * 0x9e3779b97f4a7c15ull;
	return hash ^ hash >> 32;
}

void *nk_packed_share(void *data)
{
	struct packed *p = head_of(data), *other;

	if (p->listed)
		return data;
	p->hash = hash_of(p);
	other = p->set->bucket[p->hash % BUCKETS];
	while (other && (other->hash != p->hash || other->bytes != p->bytes ||
			 memcmp(data_of(other), data, p->bytes)))
		other = other->next;
	if (other) {
		other->users++;
		nk_packed_put(data);
		return data_of(other);
	}
	p->next = p->set->bucket[p->hash % BUCKETS];
	p->set->bucket[p->hash % BUCKETS] = p;
	p->listed = true;
	return data;
}
