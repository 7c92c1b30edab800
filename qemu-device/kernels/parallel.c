// SPDX-License-Identifier: MIT
/*
 * A team of threads that share the tiles of an instruction.
 *
 * The libraries are called with one thread each, and their own thread pools
 * are never started: libgomp's threads would spin between instructions and
 * take the processor from the other cores' workers, and the way that a library
 * splits a sum may depend on its number of threads. Here the tiles follow from
 * the shapes, and who computes a tile makes no difference to it.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "nk.h"

struct nk_team {
	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t done;
	bool stop;
	bool open;		/* a job is there that helpers may join */
	uint64_t job;		/* number of the latest one */
	unsigned int active;	/* helpers inside it */
	const struct nk_call *call;
	nk_tile_fn *fn;
	void *arg;
	size_t tiles;
	atomic_size_t next;
	atomic_int status;
	struct nk_stats stats;
	unsigned int helpers;
	struct nk_helper {
		struct nk_team *team;
		unsigned int number;
		pthread_t thread;
	} helper[];
};

static void run_tiles(struct nk_team *team, unsigned int thread, struct nk_stats *stats)
{
	size_t tile;

	while ((tile = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed)) <
	       team->tiles) {
		enum nk_status status = NK_CANCELLED;

		if (!nk_cancelled(team->call))
			status = team->fn(team->arg, tile, thread, stats);
		if (status) {
			atomic_store_explicit(&team->status, status, memory_order_relaxed);
			atomic_store_explicit(&team->next, team->tiles, memory_order_relaxed);
			break;
		}
	}
}

static void add_stats(struct nk_stats *to, const struct nk_stats *from)
{
	to->macs += from->macs;
	to->saturations += from->saturations;
	to->nans += from->nans;
}

static void *help(void *arg)
{
	struct nk_helper *helper = arg;
	struct nk_team *team = helper->team;
	uint64_t seen = 0;

	pthread_mutex_lock(&team->lock);
	for (;;) {
		struct nk_stats stats = { 0 };

		while (!team->stop && (!team->open || team->job == seen))
			pthread_cond_wait(&team->work, &team->lock);
		if (team->stop)
			break;
		seen = team->job;
		team->active++;
		pthread_mutex_unlock(&team->lock);

		run_tiles(team, helper->number, &stats);

		pthread_mutex_lock(&team->lock);
		add_stats(&team->stats, &stats);
		if (!--team->active)
			pthread_cond_signal(&team->done);
	}
	pthread_mutex_unlock(&team->lock);
	return NULL;
}

/**
 * nk_team_create() - start helper threads
 * @threads: size of the team, the caller included
 *
 * Return: the team, which is smaller when the host refuses threads, or NULL
 * without memory.
 */
struct nk_team *nk_team_create(unsigned int threads)
{
	unsigned int helpers = threads - 1;
	sigset_t all, old;
	struct nk_team *team = calloc(1, sizeof(*team) + helpers * sizeof(team->helper[0]));

	if (!team)
		return NULL;
	pthread_mutex_init(&team->lock, NULL);
	pthread_cond_init(&team->work, NULL);
	pthread_cond_init(&team->done, NULL);

	/* The process's signals are not for these threads. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	while (team->helpers < helpers) {
		struct nk_helper *helper = &team->helper[team->helpers];

		helper->team = team;
		helper->number = team->helpers + 1;
		if (pthread_create(&helper->thread, NULL, help, helper))
			break;
		team->helpers++;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return team;
}

void nk_team_destroy(struct nk_team *team)
{
	if (!team)
		return;
	pthread_mutex_lock(&team->lock);
	team->stop = true;
	pthread_cond_broadcast(&team->work);
	pthread_mutex_unlock(&team->lock);
	for (unsigned int i = 0; i < team->helpers; i++)
		pthread_join(team->helper[i].thread, NULL);
	pthread_cond_destroy(&team->work);
	pthread_cond_destroy(&team->done);
	pthread_mutex_destroy(&team->lock);
	free(team);
}

static enum nk_status run_alone(const struct nk_call *call, size_t tiles, nk_tile_fn *fn,
				void *arg)
{
	for (size_t tile = 0; tile < tiles; tile++) {
		enum nk_status status;

		if (nk_cancelled(call))
			return NK_CANCELLED;
		status = fn(arg, tile, 0, call->stats);
		if (status)
			return status;
	}
	return NK_OK;
}

enum nk_status nk_parallel(const struct nk_call *call, size_t tiles, nk_tile_fn *fn,
			   void *arg)
{
	struct nk_team *team = tiles > 1 ? nk_ctx_team(call->ctx) : NULL;
	struct nk_stats stats = { 0 };

	if (!team)
		return run_alone(call, tiles, fn, arg);

	pthread_mutex_lock(&team->lock);
	team->call = call;
	team->fn = fn;
	team->arg = arg;
	team->tiles = tiles;
	team->stats = (struct nk_stats){ 0 };
	atomic_store_explicit(&team->next, 0, memory_order_relaxed);
	atomic_store_explicit(&team->status, NK_OK, memory_order_relaxed);
	team->job++;
	team->open = true;
	/* Wake no more than there is work for. */
	if (tiles > team->helpers)
		pthread_cond_broadcast(&team->work);
	else
		for (size_t i = 1; i < tiles; i++)
			pthread_cond_signal(&team->work);
	pthread_mutex_unlock(&team->lock);

	run_tiles(team, 0, &stats);

	/* A helper that wakes only now finds the job closed. */
	pthread_mutex_lock(&team->lock);
	team->open = false;
	while (team->active)
		pthread_cond_wait(&team->done, &team->lock);
	add_stats(&stats, &team->stats);
	pthread_mutex_unlock(&team->lock);

	add_stats(call->stats, &stats);
	return atomic_load_explicit(&team->status, memory_order_relaxed);
}
