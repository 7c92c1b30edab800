// SPDX-License-Identifier: GPL-2.0-only

#include <kunit/visibility.h>
#include <linux/overflow.h>
#include <linux/slab.h>

#include <drm/drm_ioctl.h>
#include <drm/drm_print.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_gem.h"
#include "neuron_job.h"
#include "neuron_submit.h"
#include "neuron_sync.h"

/**
 * DOC: Submission of programs
 *
 * User space names buffers by handle, the kernel translates them into slots,
 * and a program names slots. The device checks each access of a program against
 * its slots, so the kernel need not look at programs at all.
 */

static int neuron_submit_add_slot(struct neuron_job *job, struct drm_file *file,
				  struct neuron_submit_slot *slot,
				  const struct drm_neuron_slot *user)
{
	u64 size, end;
	int bo;

	if (!user->handle) {
		slot->bo = -1;
		return user->flags || user->offset || user->size ? -EINVAL : 0;
	}

	if (!user->flags || user->flags & ~(DRM_NEURON_SLOT_READ | DRM_NEURON_SLOT_WRITE) ||
	    !IS_ALIGNED(user->offset, 64))
		return -EINVAL;

	bo = neuron_job_add_bo(job, file, user->handle, user->flags & DRM_NEURON_SLOT_WRITE);
	if (bo < 0)
		return bo;

	size = job->bos[bo].obj->size;
	if (user->offset >= size || check_add_overflow(user->offset, user->size, &end) ||
	    end > size)
		return -EINVAL;

	slot->bo = bo;
	slot->flags = user->flags;
	slot->offset = user->offset;
	slot->size = user->size ?: size - user->offset;

	return 0;
}

VISIBLE_IF_KUNIT bool neuron_submit_in_slot(const struct neuron_submit_slot *slots, u32 num_slots,
					    u32 index, u32 flag, u64 offset, u64 size)
{
	u64 end;

	return index < num_slots && slots[index].bo >= 0 && slots[index].flags & flag &&
	       !check_add_overflow(offset, size, &end) && end <= slots[index].size;
}
EXPORT_SYMBOL_IF_KUNIT(neuron_submit_in_slot);

static int neuron_submit_add_slots(struct neuron_job *job, struct drm_file *file,
				   const struct drm_neuron_submit *args,
				   struct neuron_submit_slot *slots)
{
	struct neuron_sqe *sqe = &job->ops[0].sqe;
	u32 i, num_slots = args->slots.count;
	struct drm_neuron_slot *user;
	int ret = 0;

	user = neuron_array_get(&args->slots, sizeof(*user), sizeof(*user), job->ndev->max_slots);
	if (IS_ERR(user))
		return PTR_ERR(user);

	for (i = 0; i < num_slots && !ret; i++)
		ret = neuron_submit_add_slot(job, file, &slots[i], &user[i]);
	kvfree(user);
	if (ret)
		return ret;

	if (!args->program_size ||
	    !neuron_submit_in_slot(slots, num_slots, args->program_slot, DRM_NEURON_SLOT_READ,
				   args->program_offset, args->program_size))
		return -EINVAL;

	if (args->flags & DRM_NEURON_SUBMIT_PREPARE && args->report_slot != DRM_NEURON_NO_SLOT)
		return -EINVAL;
	if (args->report_slot == DRM_NEURON_NO_SLOT) {
		if (args->report_offset || args->flags & DRM_NEURON_SUBMIT_PROFILE)
			return -EINVAL;
	} else if (!neuron_submit_in_slot(slots, num_slots, args->report_slot,
					  DRM_NEURON_SLOT_WRITE, args->report_offset,
					  sizeof(struct neuron_report))) {
		return -EINVAL;
	}

	sqe->opcode = NEURON_SQE_EXEC;
	/* Only the chip knows how many records there are, and checks their slot. */
	if (args->flags & DRM_NEURON_SUBMIT_PROFILE)
		sqe->flags = NEURON_SQE_PROFILE;
	else if (args->flags & DRM_NEURON_SUBMIT_PREPARE)
		sqe->flags = NEURON_SQE_PREPARE;
	sqe->exec.program_slot = cpu_to_le32(args->program_slot);
	sqe->exec.program_size = cpu_to_le32(args->program_size);
	sqe->exec.program_offset = cpu_to_le64(args->program_offset);
	sqe->exec.report_slot = cpu_to_le32(args->report_slot);
	sqe->exec.report_offset = cpu_to_le64(args->report_offset);
	sqe->exec.resident = cpu_to_le32(args->resident);

	return 0;
}

static int neuron_submit_fill(struct neuron_job *job, void *data)
{
	const struct neuron_submit_slot *slots = data;
	struct neuron_op *op = &job->ops[0];
	u32 i;

	static_assert(DRM_NEURON_SLOT_READ == NEURON_SLOT_READ);
	static_assert(DRM_NEURON_SLOT_WRITE == NEURON_SLOT_WRITE);

	for (i = 0; i < le32_to_cpu(op->sqe.num_slots); i++)
		if (slots[i].bo >= 0)
			neuron_bo_slot(to_neuron_bo(job->bos[slots[i].bo].obj), &op->slots[i],
				       slots[i].offset, slots[i].size, slots[i].flags);

	return 0;
}

/**
 * neuron_ioctl_submit() - DRM_IOCTL_NEURON_SUBMIT
 * @drm: device
 * @data: &struct drm_neuron_submit
 * @file: who submits
 *
 * Return: 0, -EINVAL, -ENOENT, -EBUSY, -EIO, -EDQUOT, -EFAULT, -ENOMEM,
 * -ENODEV, -ERESTARTSYS.
 */
int neuron_ioctl_submit(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct neuron_device *ndev = to_neuron_device(drm);
	struct neuron_context *ctx = file->driver_priv;
	struct drm_neuron_submit *args = data;
	struct neuron_submit_slot *slots;
	struct neuron_syncs syncs;
	struct neuron_job *job;
	u32 timeout;
	int ret;

	timeout = neuron_job_timeout(args->timeout_ms);
	if (args->flags & ~(DRM_NEURON_SUBMIT_PROFILE | DRM_NEURON_SUBMIT_UNORDERED |
			    DRM_NEURON_SUBMIT_PREPARE) ||
	    args->pad || !timeout || !args->slots.count || args->slots.count > ndev->max_slots)
		return -EINVAL;

	ret = neuron_context_may_use(ctx, args->core);
	if (ret)
		return ret;

	slots = kvcalloc(args->slots.count, sizeof(*slots), GFP_KERNEL);
	if (!slots)
		return -ENOMEM;

	job = neuron_job_alloc(ndev, ctx, 1, args->slots.count, args->slots.count);
	if (IS_ERR(job)) {
		ret = PTR_ERR(job);
		goto free_slots;
	}
	job->core = args->core + 1;
	job->timeout_ms = timeout;
	job->unordered = args->flags & DRM_NEURON_SUBMIT_UNORDERED;

	ret = neuron_submit_add_slots(job, file, args, slots);
	if (ret)
		goto put_job;

	ret = neuron_syncs_get(&syncs, file, &args->in_syncs, &args->out_syncs);
	if (!ret)
		ret = neuron_job_submit(job, file, &syncs, neuron_submit_fill, slots);
	neuron_syncs_put(&syncs);
	if (ret == -EDQUOT)
		neuron_counter_event(&ndev->stats.core[args->core].status
				     [NEURON_STATUS_FAILED_TO_QUEUE]);
	if (!ret)
		args->job = job->result.job;

put_job:
	neuron_job_put(job);
free_slots:
	kvfree(slots);

	return ret;
}
