// SPDX-License-Identifier: MIT
/*
 * A team of threads that share the tiles of an instruction.
 *
 * The libraries are called with one thread each, and their own thread pools
 * are never started: libgomp's threads would spin between instructions and
 * take the processor from the other cores' workers, and the way that a library
 * splits a sum may depend on its number of threads. Here the tiles follow from
 * the shapes, and who computes a tile makes no difference to it.
 *
 * Each member begins with a share of its own, so that a processor meets the same weights
 * and writes to the same place whenever an instruction is repeated: both are in its
 * cache then, and not in another's. Whoever is done takes over what others have left.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

#include "nk.h"

/*
 * How often an idle thread looks for work before it sleeps: some 50 us. The
 * instructions of a model follow each other within a few, and waking a thread
 * costs as much as a small convolution.
 */
#define SPINS		1500

/* A job is open: helpers may join. Above it the number of those inside. */
#define OPEN		1u
#define INSIDE		2u

struct nk_team {
	/* Read by all, written by the caller between jobs. */
	const struct nk_call *call;
	nk_tile_fn *fn;
	void *arg;
	size_t tiles;
	unsigned int members;		/* threads that may take part, the caller included */
	unsigned int shares;		/* of tiles: one each, as far as there are tiles */

	/* On lines of their own: everybody writes them. The next tile of each share. */
	struct {
		_Alignas(64) atomic_size_t next;
	} share[NK_MAX_THREADS];
	_Alignas(64) atomic_uint gate;	/* OPEN and INSIDE */
	atomic_uint job;		/* number of the latest one */
	atomic_uint sleepers;
	atomic_bool waiting;		/* the caller sleeps until INSIDE is zero */
	atomic_int status;
	bool stop;

	pthread_mutex_t lock;
	pthread_cond_t work;
	pthread_cond_t done;
	unsigned int helpers;
	struct nk_helper {
		struct nk_team *team;
		unsigned int number;
		pthread_t thread;
		bool asleep;		/* with the lock held */
		int without;		/* the processor that it leaves to the caller, or -1 */
		struct nk_stats stats;
	} NK_ALIGNED helper[];
};

static void relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

/* The first tile of a share; that of the share behind the last is the number of tiles. */
static size_t share_start(const struct nk_team *team, unsigned int share)
{
	size_t each = team->tiles / team->shares, more = team->tiles % team->shares;

	return share * each + (share < more ? share : more);
}

static void run_share(struct nk_team *team, unsigned int share, unsigned int thread,
		      struct nk_stats *stats)
{
	size_t end = share_start(team, share + 1), tile;

	while ((tile = atomic_fetch_add_explicit(&team->share[share].next, 1,
						 memory_order_relaxed)) < end) {
		enum nk_status status = NK_CANCELLED;

		if (!nk_cancelled(team->call))
			status = team->fn(team->arg, tile, thread, stats);
		if (status) {
			atomic_store_explicit(&team->status, status, memory_order_relaxed);
			break;
		}
	}
}

static void run_tiles(struct nk_team *team, unsigned int thread, struct nk_stats *stats)
{
	for (unsigned int i = 0; i < team->shares; i++) {
		if (atomic_load_explicit(&team->status, memory_order_relaxed))
			break;
		run_share(team, (thread + i) % team->shares, thread, stats);
	}
}

static void add_stats(struct nk_stats *to, const struct nk_stats *from)
{
	to->macs += from->macs;
	to->saturations += from->saturations;
	to->nans += from->nans;
}

/*
 * A helper is not to be woken on the processor where the caller runs, as some kernels do in
 * virtual machines although another one is idle: there it would wait until the caller, who
 * has given it work, does not run. Lock held.
 */
static void keep_apart(struct nk_helper *helper)
{
	int here = sched_getcpu();
	cpu_set_t allowed;

	if (here < 0 || here >= CPU_SETSIZE || helper->without == here ||
	    pthread_getaffinity_np(helper->thread, sizeof(allowed), &allowed))
		return;
	if (helper->without >= 0)
		CPU_SET(helper->without, &allowed);
	CPU_CLR(here, &allowed);
	if (CPU_COUNT(&allowed) && !pthread_setaffinity_np(helper->thread, sizeof(allowed), &allowed))
		helper->without = here;
}

/* Wait until there is a job of another number. Return: false when the team ends. */
static bool await_job(struct nk_helper *helper, unsigned int seen)
{
	struct nk_team *team = helper->team;
	bool stop;

	for (unsigned int i = 0; i < SPINS; i++) {
		if (atomic_load_explicit(&team->job, memory_order_relaxed) != seen)
			return true;
		relax();
	}
	pthread_mutex_lock(&team->lock);
	/* The caller looks for sleepers after it has changed the number. */
	atomic_fetch_add(&team->sleepers, 1);
	helper->asleep = true;
	while (!team->stop && atomic_load(&team->job) == seen)
		pthread_cond_wait(&team->work, &team->lock);
	atomic_fetch_sub(&team->sleepers, 1);
	helper->asleep = false;
	stop = team->stop;
	pthread_mutex_unlock(&team->lock);
	return !stop;
}

static bool join(struct nk_team *team)
{
	unsigned int gate = atomic_load_explicit(&team->gate, memory_order_relaxed);

	while (gate & OPEN)
		if (atomic_compare_exchange_weak_explicit(&team->gate, &gate, gate + INSIDE,
							  memory_order_acquire,
							  memory_order_relaxed))
			return true;
	return false;
}

static void leave(struct nk_team *team)
{
	if (atomic_fetch_sub(&team->gate, INSIDE) != INSIDE || !atomic_load(&team->waiting))
		return;
	pthread_mutex_lock(&team->lock);
	pthread_cond_signal(&team->done);
	pthread_mutex_unlock(&team->lock);
}

static void *help(void *arg)
{
	struct nk_helper *helper = arg;
	struct nk_team *team = helper->team;
	unsigned int seen = 0;

	while (await_job(helper, seen)) {
		seen = atomic_load_explicit(&team->job, memory_order_relaxed);
		if (!join(team))
			continue;
		if (helper->number < team->members)
			run_tiles(team, helper->number, &helper->stats);
		leave(team);
	}
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
	size_t bytes = sizeof(struct nk_team) + helpers * sizeof(struct nk_helper);
	struct nk_team *team = aligned_alloc(64, (bytes + 63) & ~(size_t)63);

	if (!team)
		return NULL;
	memset(team, 0, bytes);
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
		helper->without = -1;
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

/* No helper may join any more; wait for those inside. */
static void close_job(struct nk_team *team)
{
	atomic_fetch_and(&team->gate, ~OPEN);
	for (unsigned int i = 0; i < SPINS; i++) {
		if (!atomic_load_explicit(&team->gate, memory_order_acquire))
			return;
		relax();
	}
	pthread_mutex_lock(&team->lock);
	atomic_store(&team->waiting, true);
	while (atomic_load(&team->gate))
		pthread_cond_wait(&team->done, &team->lock);
	atomic_store(&team->waiting, false);
	pthread_mutex_unlock(&team->lock);
}

enum nk_status nk_parallel(const struct nk_call *call, size_t tiles, nk_tile_fn *fn,
			   void *arg)
{
	struct nk_team *team = tiles > 1 ? nk_ctx_team(call->ctx) : NULL;
	unsigned int members = nk_threads(call->ctx);

	if (!team)
		return run_alone(call, tiles, fn, arg);

	team->call = call;
	team->fn = fn;
	team->arg = arg;
	team->tiles = tiles;
	team->members = members;
	team->shares = tiles < members ? tiles : members;
	for (unsigned int i = 0; i < team->shares; i++)
		atomic_store_explicit(&team->share[i].next, share_start(team, i),
				      memory_order_relaxed);
	atomic_store_explicit(&team->status, NK_OK, memory_order_relaxed);
	atomic_store_explicit(&team->gate, OPEN, memory_order_release);
	atomic_fetch_add(&team->job, 1);
	if (atomic_load(&team->sleepers)) {
		pthread_mutex_lock(&team->lock);
		for (unsigned int i = 0; i < team->helpers; i++)
			if (team->helper[i].asleep)
				keep_apart(&team->helper[i]);
		/* Wake no more than there is work for; who wakes cannot be chosen. */
		if (tiles > team->helpers || members <= team->helpers)
			pthread_cond_broadcast(&team->work);
		else
			for (size_t i = 1; i < tiles; i++)
				pthread_cond_signal(&team->work);
		pthread_mutex_unlock(&team->lock);
	}

	run_tiles(team, 0, call->stats);

	/* A helper that wakes only now finds the job closed. */
	close_job(team);
	for (unsigned int i = 0; i < team->helpers; i++) {
		add_stats(call->stats, &team->helper[i].stats);
		team->helper[i].stats = (struct nk_stats){ 0 };
	}
	return atomic_load_explicit(&team->status, memory_order_relaxed);
}
