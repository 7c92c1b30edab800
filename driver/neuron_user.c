// SPDX-License-Identifier: GPL-2.0-only

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/math64.h>
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_user.h"

/**
 * DOC: Limits of a user
 *
 * Host memory of buffers and jobs is charged to the memory cgroup of whoever
 * asks for it. Device DRAM has no cgroup in the kernels that this driver is for;
 * the parameter dram_percent says how much of it one user may hold, in all of
 * its files together. CAP_SYS_RESOURCE lifts the limit. How long the queue of a
 * core is kept by one client is bounded by neuron_queue_wait_turn().
 */

static unsigned int dram_percent = 100;
module_param(dram_percent, uint, 0644);
MODULE_PARM_DESC(dram_percent, "Share of a device's DRAM that one user may hold (%)");

/**
 * neuron_user_get() - the user who opens a file
 * @ndev: device
 *
 * Return: a reference, or NULL without memory.
 */
struct neuron_user *neuron_user_get(struct neuron_device *ndev)
{
	kuid_t uid = current_euid();
	struct neuron_user *user;

	mutex_lock(&ndev->user_lock);
	list_for_each_entry(user, &ndev->users, link) {
		if (uid_eq(user->uid, uid)) {
			kref_get(&user->ref);
			goto unlock;
		}
	}

	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (user) {
		kref_init(&user->ref);
		user->ndev = ndev;
		user->uid = uid;
		list_add(&user->link, &ndev->users);
	}

unlock:
	mutex_unlock(&ndev->user_lock);

	return user;
}

static void neuron_user_free(struct kref *ref)
{
	struct neuron_user *user = container_of(ref, struct neuron_user, ref);
	struct neuron_device *ndev = user->ndev;

	list_del(&user->link);
	mutex_unlock(&ndev->user_lock);
	kfree(user);
}

/**
 * neuron_user_put() - drop a reference
 * @user: user; the caller holds the device by something else
 *
 * May sleep.
 */
void neuron_user_put(struct neuron_user *user)
{
	kref_put_mutex(&user->ref, neuron_user_free, &user->ndev->user_lock);
}

static int neuron_user_try_charge(struct neuron_user *user, u64 size)
{
	struct neuron_device *ndev = user->ndev;
	u64 limit = mul_u64_u64_div_u64(ndev->dram_size, min(READ_ONCE(dram_percent), 100u), 100);
	int ret = 0;

	mutex_lock(&ndev->user_lock);
	if (user->dram + size > limit && !capable(CAP_SYS_RESOURCE)) {
		ret = -EDQUOT;
	} else {
		user->dram += size;
		kref_get(&user->ref);
	}
	mutex_unlock(&ndev->user_lock);

	return ret;
}

/**
 * neuron_user_charge() - count device DRAM that is about to be taken
 * @user: user
 * @size: bytes
 *
 * Takes a reference that neuron_user_uncharge() drops.
 *
 * Return: 0, or -EDQUOT.
 */
int neuron_user_charge(struct neuron_user *user, u64 size)
{
	int ret = neuron_user_try_charge(user, size);

	if (ret) {
		/* Jobs that have ended may still hold some. */
		neuron_jobs_wait_freed(user->ndev);
		ret = neuron_user_try_charge(user, size);
	}

	return ret;
}

/**
 * neuron_user_uncharge() - device DRAM has been given back
 * @user: user
 * @size: bytes
 */
void neuron_user_uncharge(struct neuron_user *user, u64 size)
{
	mutex_lock(&user->ndev->user_lock);
	user->dram -= size;
	mutex_unlock(&user->ndev->user_lock);

	neuron_user_put(user);
}
