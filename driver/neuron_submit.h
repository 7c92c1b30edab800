/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_SUBMIT_H_
#define _NEURON_SUBMIT_H_

#include <linux/types.h>

/**
 * struct neuron_submit_slot - a slot of a job
 * @bo: which of the job's buffers, or -1 for an empty slot
 * @flags: DRM_NEURON_SLOT_*
 * @offset: of its first byte in the buffer
 * @size: bytes
 */
struct neuron_submit_slot {
	int bo;
	u32 flags;
	u64 offset;
	u64 size;
};

#if IS_ENABLED(CONFIG_KUNIT)
bool neuron_submit_in_slot(const struct neuron_submit_slot *slots, u32 num_slots, u32 index,
			   u32 flag, u64 offset, u64 size);
#endif

#endif /* _NEURON_SUBMIT_H_ */
