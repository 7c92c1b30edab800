/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_ENTITY_H_
#define _NEURON_ENTITY_H_

#include <linux/types.h>

#include <drm/gpu_scheduler.h>

struct neuron_context;
struct neuron_job;

/**
 * struct neuron_entity - what the scheduler knows of a context, on one core or on the DMA
 *			  queues
 * @base: the scheduler's part
 * @rcu: frees it
 * @place: index into &neuron_context.entity
 * @users: jobs that have it
 * @queued: the scheduler got a job of it
 * @gone: the scheduler has forgotten it; only its jobs still know it
 *
 * All but @base is protected by &neuron_context.submit_lock.
 */
struct neuron_entity {
	struct drm_sched_entity base;
	struct rcu_head rcu;
	unsigned int place;
	unsigned int users;
	bool queued;
	bool gone;
};

int neuron_entity_get_locked(struct neuron_job *job);
void neuron_entity_put_locked(struct neuron_job *job);
void neuron_entities_set_priority(struct neuron_context *ctx, enum drm_sched_priority priority);
void neuron_entities_close(struct neuron_context *ctx);

#endif /* _NEURON_ENTITY_H_ */
