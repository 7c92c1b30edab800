/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_USER_H_
#define _NEURON_USER_H_

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/uidgid.h>

struct neuron_device;

/**
 * struct neuron_user - what the files of one user hold together
 * @ref: held by contexts, and by buffers in device DRAM
 * @ndev: device; valid as long as any of them is
 * @link: in &neuron_device.users
 * @uid: who
 * @dram: bytes of device DRAM; under &neuron_device.user_lock
 */
struct neuron_user {
	struct kref ref;
	struct neuron_device *ndev;
	struct list_head link;
	kuid_t uid;
	u64 dram;
};

struct neuron_user *neuron_user_get(struct neuron_device *ndev);
void neuron_user_put(struct neuron_user *user);
int neuron_user_charge(struct neuron_user *user, u64 size);
void neuron_user_uncharge(struct neuron_user *user, u64 size);

#endif /* _NEURON_USER_H_ */
