// SPDX-License-Identifier: GPL-2.0-only

#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_ioctl.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_sync.h"

#define NEURON_COPY_SRC	0
#define NEURON_COPY_DST	1

/* An operation of the job: which buffers, and which parts of them. */
struct neuron_copy_range {
	int src;
	int dst;
	u64 src_offset;
	u64 dst_offset;
	u64 size;
};

static int neuron_copy_add_bo(struct neuron_job *job, struct drm_file *file, u32 handle,
			      u64 offset, u64 size, bool write)
{
	u64 end;
	int bo;

	bo = neuron_job_add_bo(job, file, handle, write);
	if (bo < 0)
		return bo;
	if (check_add_overflow(offset, size, &end) || end > job->bos[bo].obj->size)
		return -EINVAL;

	return bo;
}

static int neuron_copy_add_op(struct neuron_job *job, struct drm_file *file, struct neuron_op *op,
			      struct neuron_copy_range *range,
			      const struct drm_neuron_copy_op *user)
{
	struct neuron_sqe *sqe = &op->sqe;

	if (user->pad || !user->size || !user->dst_handle)
		return -EINVAL;

	range->size = user->size;
	range->src_offset = user->src_offset;
	range->dst_offset = user->dst_offset;
	range->src = -1;

	/*
	 * The slots are cut to what is copied, so all offsets are zero; and as
	 * the slot table always has both slots, a fill has an empty source.
	 */
	if (user->src_handle) {
		if (user->value)
			return -EINVAL;
		range->src = neuron_copy_add_bo(job, file, user->src_handle, user->src_offset,
						user->size, false);
		if (range->src < 0)
			return range->src;
		sqe->opcode = NEURON_SQE_COPY;
		sqe->copy.src_slot = cpu_to_le32(NEURON_COPY_SRC);
		sqe->copy.dst_slot = cpu_to_le32(NEURON_COPY_DST);
		sqe->copy.length = cpu_to_le64(user->size);
	} else {
		if (user->src_offset || user->value > U8_MAX)
			return -EINVAL;
		sqe->opcode = NEURON_SQE_FILL;
		sqe->fill.value = cpu_to_le32(user->value);
		sqe->fill.dst_slot = cpu_to_le32(NEURON_COPY_DST);
		sqe->fill.length = cpu_to_le64(user->size);
	}

	range->dst = neuron_copy_add_bo(job, file, user->dst_handle, user->dst_offset, user->size,
					true);

	return range->dst < 0 ? range->dst : 0;
}

/**
 * neuron_op_fill() - make an operation that zeroes device DRAM
 * @op: operation with one slot
 * @dram_offset: first byte
 * @length: bytes
 */
void neuron_op_fill(struct neuron_op *op, u64 dram_offset, u64 length)
{
	op->slots[0].addr = cpu_to_le64(dram_offset);
	op->slots[0].length = cpu_to_le64(length);
	op->slots[0].flags = cpu_to_le32(NEURON_SLOT_WRITE | NEURON_SLOT_DRAM);
	op->sqe.opcode = NEURON_SQE_FILL;
	op->sqe.fill.length = cpu_to_le64(length);
}

static int neuron_copy_fill_slots(struct neuron_job *job, void *data)
{
	const struct neuron_copy_range *ranges = data;
	unsigned int i;

	for (i = 0; i < job->num_ops; i++) {
		const struct neuron_copy_range *range = &ranges[i];
		struct neuron_slot *slots = job->ops[i].slots;

		if (range->src >= 0)
			neuron_bo_slot(to_neuron_bo(job->bos[range->src].obj),
				       &slots[NEURON_COPY_SRC], range->src_offset, range->size,
				       NEURON_SLOT_READ);
		neuron_bo_slot(to_neuron_bo(job->bos[range->dst].obj), &slots[NEURON_COPY_DST],
			       range->dst_offset, range->size, NEURON_SLOT_WRITE);
	}

	return 0;
}

/**
 * neuron_ioctl_copy() - DRM_IOCTL_NEURON_COPY
 * @drm: device
 * @data: &struct drm_neuron_copy
 * @file: who submits
 *
 * Return: 0, -EINVAL, -ENOENT, -EIO, -EDQUOT, -EFAULT, -ENOMEM, -ENODEV,
 * -ERESTARTSYS.
 */
int neuron_ioctl_copy(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx = file->driver_priv;
	struct neuron_copy_range *ranges = NULL;
	struct drm_neuron_copy *args = data;
	struct drm_neuron_copy_op *ops;
	u32 i, count = args->ops.count;
	struct neuron_syncs syncs;
	struct neuron_job *job;
	int ret = 0;

	if (args->flags || args->pad || !count)
		return -EINVAL;
	if (READ_ONCE(ndev->dead))
		return -EIO;

	ops = neuron_array_get(&args->ops, sizeof(*ops), sizeof(*ops), NEURON_MAX_COPY_OPS);
	if (IS_ERR(ops))
		return PTR_ERR(ops);

	job = neuron_job_alloc(ndev, ctx, count, 2, 2 * count);
	if (IS_ERR(job)) {
		ret = PTR_ERR(job);
		goto free_ops;
	}

	ranges = kvcalloc(count, sizeof(*ranges), GFP_KERNEL);
	if (!ranges) {
		ret = -ENOMEM;
		goto put_job;
	}

	for (i = 0; i < count && !ret; i++)
		ret = neuron_copy_add_op(job, file, &job->ops[i], &ranges[i], &ops[i]);
	if (ret)
		goto put_job;

	ret = neuron_syncs_get(&syncs, file, &args->in_syncs, &args->out_syncs);
	if (!ret)
		ret = neuron_job_submit(job, file, &syncs, neuron_copy_fill_slots, ranges);
	neuron_syncs_put(&syncs);
	if (!ret)
		args->job = job->result.job;

put_job:
	neuron_job_put(job);
	kvfree(ranges);
free_ops:
	kvfree(ops);

	return ret;
}
