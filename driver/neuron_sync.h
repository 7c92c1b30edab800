/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_SYNC_H_
#define _NEURON_SYNC_H_

#include <linux/types.h>

#include <drm/neuron_accel.h>

struct dma_fence;
struct dma_fence_chain;
struct drm_file;
struct drm_syncobj;
struct neuron_job;

/**
 * struct neuron_out_sync - a sync object that gets a job's fence
 * @syncobj: reference
 * @chain: memory for a point of a timeline; NULL for a binary one
 * @point: point
 */
struct neuron_out_sync {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;
	u64 point;
};

/**
 * struct neuron_syncs - what a job waits for, and what it signals
 * @in: fences to wait for
 * @num_in: how many
 * @out: sync objects to signal
 * @num_out: how many
 */
struct neuron_syncs {
	struct dma_fence **in;
	unsigned int num_in;
	struct neuron_out_sync *out;
	unsigned int num_out;
};

void *neuron_array_get(const struct drm_neuron_array *array, size_t size, size_t min_size,
		       u32 max_count);

int neuron_syncs_get(struct neuron_syncs *syncs, struct drm_file *file,
		     const struct drm_neuron_array *in, const struct drm_neuron_array *out);
int neuron_syncs_add_dependencies(struct neuron_syncs *syncs, struct neuron_job *job);
void neuron_syncs_signal(struct neuron_syncs *syncs, struct dma_fence *fence);
void neuron_syncs_put(struct neuron_syncs *syncs);

#endif /* _NEURON_SYNC_H_ */
