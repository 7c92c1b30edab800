// SPDX-License-Identifier: GPL-2.0-only

#include <linux/lockdep.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_entity.h"
#include "neuron_job.h"
#include "neuron_queue.h"

/**
 * DOC: Entities
 *
 * To the scheduler a context is an entity on each core that it uses and one on the
 * DMA queues. Once an entity has had a job the scheduler of Linux 6.12 looks at
 * it, and at all the others, whenever it takes a job, until
 * drm_sched_entity_fini(). A thousand open files that have nothing to do would
 * make each job of another one cost twice as much. So an entity that the scheduler
 * has seen lives only until the last of its jobs is freed, and the next job gets a
 * new one. One whose jobs never had to wait stays, since the scheduler does not
 * know of it.
 *
 * The scheduler may wake an entity for a dependency and then look at it once
 * more, with interrupts disabled, when its job has long been executed. Hence an
 * entity is freed after a grace period and never initialised anew in place.
 */

static struct neuron_entity *neuron_entity_new(struct neuron_context *ctx, unsigned int place)
{
	struct neuron_device *ndev = ctx->ndev;
	struct drm_gpu_scheduler *core;
	struct neuron_entity *entity;
	int ret;

	entity = kzalloc(sizeof(*entity), GFP_KERNEL_ACCOUNT);
	if (!entity)
		return ERR_PTR(-ENOMEM);

	entity->place = place;
	if (place) {
		core = &ndev->queue[place - 1]->sched;
		ret = drm_sched_entity_init(&entity->base, ctx->priority, &core, 1, NULL);
	} else {
		/* The array is used for as long as the entity lives. */
		ret = drm_sched_entity_init(&entity->base, ctx->priority, ndev->dma_sched,
					    ndev->num_dma_queues, NULL);
	}
	if (ret) {
		kfree(entity);
		return ERR_PTR(ret);
	}

	return entity;
}

/**
 * neuron_entity_get_locked() - give a job its entity
 * @job: job of a context, &neuron_context.submit_lock held
 *
 * Return: 0, or -ENOMEM.
 */
int neuron_entity_get_locked(struct neuron_job *job)
{
	struct neuron_context *ctx = job->ctx;
	struct neuron_entity *entity = ctx->entity[job->core];

	lockdep_assert_held(&ctx->submit_lock);

	if (!entity) {
		entity = neuron_entity_new(ctx, job->core);
		if (IS_ERR(entity))
			return PTR_ERR(entity);
		ctx->entity[job->core] = entity;
	}
	entity->users++;
	job->entity = entity;

	return 0;
}

static void neuron_entity_end_locked(struct neuron_context *ctx, struct neuron_entity *entity)
{
	ctx->entity[entity->place] = NULL;
	entity->gone = true;
	drm_sched_entity_fini(&entity->base);
	if (!entity->users)
		kfree_rcu(entity, rcu);
}

/**
 * neuron_entity_put_locked() - a job needs its entity no more
 * @job: job of a context, &neuron_context.submit_lock held
 *
 * Sleeps.
 */
void neuron_entity_put_locked(struct neuron_job *job)
{
	struct neuron_entity *entity = job->entity;

	lockdep_assert_held(&job->ctx->submit_lock);

	job->entity = NULL;
	if (--entity->users)
		return;

	if (entity->gone)
		kfree_rcu(entity, rcu);
	else if (entity->queued)
		neuron_entity_end_locked(job->ctx, entity);
}

/**
 * neuron_entities_set_priority() - set the priority of a context's jobs to come
 * @ctx: context
 * @priority: of the scheduler's
 */
void neuron_entities_set_priority(struct neuron_context *ctx, enum drm_sched_priority priority)
{
	unsigned int i;

	mutex_lock(&ctx->submit_lock);
	ctx->priority = priority;
	for (i = 0; i < ARRAY_SIZE(ctx->entity); i++)
		if (ctx->entity[i])
			drm_sched_entity_set_priority(&ctx->entity[i]->base, priority);
	mutex_unlock(&ctx->submit_lock);
}

/**
 * neuron_entities_close() - drop the jobs of a closed file that the scheduler has
 * @ctx: context that gets no more jobs
 */
void neuron_entities_close(struct neuron_context *ctx)
{
	unsigned int i;

	/*
	 * Not drm_sched_entity_destroy(), which waits until all is executed. A
	 * scheduler that takes a job of an entity just now would sort the entity in
	 * again after drm_sched_entity_fini() has taken it out (up to Linux 6.12 at
	 * least), so none must.
	 */
	neuron_queues_pause(ctx->ndev);
	mutex_lock(&ctx->submit_lock);
	for (i = 0; i < ARRAY_SIZE(ctx->entity); i++)
		if (ctx->entity[i])
			neuron_entity_end_locked(ctx, ctx->entity[i]);
	mutex_unlock(&ctx->submit_lock);
	neuron_queues_continue(ctx->ndev);
}
