// SPDX-License-Identifier: GPL-2.0-only

#include <kunit/visibility.h>
#include <linux/dma-fence-chain.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>

#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_sync.h"

/**
 * neuron_array_get() - copy an array of structures from user space
 * @array: where it is
 * @size: bytes of an element, as the kernel knows it
 * @min_size: bytes of an element in the first version of the interface
 * @max_count: most elements
 *
 * Elements may be shorter than @size, then the rest is zero, or longer, then
 * what is beyond must be zero.
 *
 * Return: the elements, to be freed with kvfree(), NULL when there are none, or
 * an error pointer: -EINVAL, -E2BIG for a longer element with unknown fields,
 * -EFAULT, -ENOMEM.
 */
void *neuron_array_get(const struct drm_neuron_array *array, size_t size, size_t min_size,
		       u32 max_count)
{
	const char __user *from = u64_to_user_ptr(array->ptr);
	char *to;
	u32 i;
	int ret;

	if (!array->count)
		return NULL;
	if (array->count > max_count || array->stride < min_size ||
	    array->stride > NEURON_MAX_STRIDE)
		return ERR_PTR(-EINVAL);

	if (array->stride == size)
		return vmemdup_array_user(from, array->count, size);

	to = kvcalloc(array->count, size, GFP_KERNEL);
	if (!to)
		return ERR_PTR(-ENOMEM);

	for (i = 0; i < array->count; i++) {
		ret = copy_struct_from_user(to + i * size, size, from + (size_t)i * array->stride,
					    array->stride);
		if (ret) {
			kvfree(to);
			return ERR_PTR(ret);
		}
	}

	return to;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_array_get);

static int neuron_syncs_get_in(struct neuron_syncs *syncs, struct drm_file *file,
			       const struct drm_neuron_sync *in, u32 count)
{
	u32 i;
	int ret;

	syncs->in = kcalloc(count, sizeof(*syncs->in), GFP_KERNEL);
	if (!syncs->in)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		if (in[i].flags)
			return -EINVAL;
		ret = drm_syncobj_find_fence(file, in[i].handle, in[i].point, 0, &syncs->in[i]);
		if (ret)
			return ret;
		syncs->num_in++;
	}

	return 0;
}

static int neuron_syncs_get_out(struct neuron_syncs *syncs, struct drm_file *file,
				const struct drm_neuron_sync *out, u32 count)
{
	u32 i;

	syncs->out = kcalloc(count, sizeof(*syncs->out), GFP_KERNEL);
	if (!syncs->out)
		return -ENOMEM;

	for (i = 0; i < count; i++) {
		struct neuron_out_sync *sync = &syncs->out[i];

		if (out[i].flags)
			return -EINVAL;
		sync->syncobj = drm_syncobj_find(file, out[i].handle);
		if (!sync->syncobj)
			return -ENOENT;
		syncs->num_out++;

		if (!out[i].point)
			continue;
		sync->point = out[i].point;
		sync->chain = dma_fence_chain_alloc();
		if (!sync->chain)
			return -ENOMEM;
	}

	return 0;
}

/**
 * neuron_syncs_get() - look sync objects up
 * @syncs: result; neuron_syncs_put() in any case
 * @file: whose handles
 * @in: array of &struct drm_neuron_sync to wait for
 * @out: array of &struct drm_neuron_sync to signal
 *
 * Return: 0, -ENOENT for an unknown handle, -EINVAL for a point that has no
 * fence yet and for bad arguments, -EFAULT, -ENOMEM.
 */
int neuron_syncs_get(struct neuron_syncs *syncs, struct drm_file *file,
		     const struct drm_neuron_array *in, const struct drm_neuron_array *out)
{
	struct drm_neuron_sync *array;
	int ret = 0;

	memset(syncs, 0, sizeof(*syncs));

	array = neuron_array_get(in, sizeof(*array), sizeof(*array), NEURON_MAX_SYNCS);
	if (IS_ERR(array))
		return PTR_ERR(array);
	if (array)
		ret = neuron_syncs_get_in(syncs, file, array, in->count);
	kvfree(array);
	if (ret)
		return ret;

	array = neuron_array_get(out, sizeof(*array), sizeof(*array), NEURON_MAX_SYNCS);
	if (IS_ERR(array))
		return PTR_ERR(array);
	if (array)
		ret = neuron_syncs_get_out(syncs, file, array, out->count);
	kvfree(array);

	return ret;
}

/**
 * neuron_syncs_add_dependencies() - let a job wait for what it has to
 * @syncs: sync objects
 * @job: job
 *
 * Return: 0, or -ENOMEM.
 */
int neuron_syncs_add_dependencies(struct neuron_syncs *syncs, struct neuron_job *job)
{
	unsigned int i;
	int ret;

	for (i = 0; i < syncs->num_in; i++) {
		ret = neuron_job_depend(job, syncs->in[i]);
		if (ret)
			return ret;
	}

	return 0;
}

/**
 * neuron_syncs_signal() - give the fence of a job to its sync objects
 * @syncs: sync objects
 * @fence: fence
 *
 * Doesn't fail. Once only.
 */
void neuron_syncs_signal(struct neuron_syncs *syncs, struct dma_fence *fence)
{
	unsigned int i;

	for (i = 0; i < syncs->num_out; i++) {
		struct neuron_out_sync *sync = &syncs->out[i];

		if (sync->chain) {
			drm_syncobj_add_point(sync->syncobj, sync->chain, fence, sync->point);
			sync->chain = NULL;
		} else {
			drm_syncobj_replace_fence(sync->syncobj, fence);
		}
	}
}

/**
 * neuron_syncs_put() - free everything
 * @syncs: sync objects
 */
void neuron_syncs_put(struct neuron_syncs *syncs)
{
	unsigned int i;

	for (i = 0; i < syncs->num_in; i++)
		dma_fence_put(syncs->in[i]);
	for (i = 0; i < syncs->num_out; i++) {
		dma_fence_chain_free(syncs->out[i].chain);
		drm_syncobj_put(syncs->out[i].syncobj);
	}
	kfree(syncs->in);
	kfree(syncs->out);
}
