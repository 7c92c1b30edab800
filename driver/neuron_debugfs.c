// SPDX-License-Identifier: GPL-2.0-only

#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_debugfs.h>
#include <drm/drm_file.h>

#include "neuron_context.h"
#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_pm.h"
#include "neuron_queue.h"

/**
 * DOC: debugfs
 *
 * /sys/kernel/debug/accel/N has, besides what DRM puts there:
 *
 * - queues: state and counters of each queue
 * - dram: ranges of device DRAM
 * - inject: arms faults of the device if it offers that. Reading lists them;
 *   writing takes "NAME QUEUE COUNT [ARGUMENT]", after which the device does not
 *   sleep, or "clear"
 */

static const char *const neuron_state_names[] = {
	[NEURON_QUEUE_STOPPED] = "stopped",
	[NEURON_QUEUE_LIVE] = "live",
	[NEURON_QUEUE_DEAD] = "dead",
};

static struct neuron_device *neuron_debugfs_device(struct seq_file *m)
{
	struct drm_debugfs_entry *entry = m->private;

	return to_neuron_device(entry->dev);
}

static int neuron_debugfs_queues(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = neuron_debugfs_device(m);
	struct neuron_job *job;
	unsigned int i;

	seq_printf(m, "chip resets %d%s\n", atomic_read(&ndev->chip_resets),
		   READ_ONCE(ndev->dead) ? ", dead" : "");

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];

		spin_lock_irq(&q->lock);
		seq_printf(m, "%s: %s, %zu jobs in the ring, %llu done, busy %llu us, %llu resets, %llu bad completions, %llu times found by polling\n",
			   q->name, neuron_state_names[q->state], list_count_nodes(&q->jobs),
			   q->jobs_done, div_u64(q->busy_ns, 1000), q->resets, q->bad_completions,
			   q->polled);
		job = list_first_entry_or_null(&q->jobs, struct neuron_job, link);
		if (job)
			seq_printf(m, "  executing: context %llu job %llu, for %lld of %u ms\n",
				   job->ctx ? job->ctx->cookie : 0, job->result.job,
				   ktime_ms_delta(ktime_get(), q->started), job->timeout_ms);
		spin_unlock_irq(&q->lock);
	}

	return 0;
}

static int neuron_debugfs_dram(struct seq_file *m, void *data)
{
	struct neuron_device *ndev = neuron_debugfs_device(m);
	struct drm_printer p = drm_seq_file_printer(m);

	mutex_lock(&ndev->dram.lock);
	seq_printf(m, "used %llu of %llu%s\n", ndev->dram.used, ndev->dram_size,
		   list_empty(&ndev->dram.failed) ? "" : ", some could not be zeroed");
	drm_mm_print(&ndev->dram.mm, &p);
	mutex_unlock(&ndev->dram.lock);

	return 0;
}

static const struct {
	const char *id;
	u32 value;
	const char *name;
	const char *arg;
} neuron_injections[] = {
#define X(id, value, name, arg) { #id, value, name, arg },
	NEURON_INJECTIONS(X)
#undef X
};

static int neuron_inject_show(struct seq_file *m, void *data)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(neuron_injections); i++)
		seq_printf(m, "%s: NEURON_INJECT_%s, argument: %s\n", neuron_injections[i].name,
			   neuron_injections[i].id, neuron_injections[i].arg);

	return 0;
}

static int neuron_inject_open(struct inode *inode, struct file *file)
{
	return single_open(file, neuron_inject_show, inode->i_private);
}

/* The chip forgets what is armed when it sleeps, so it does not until "clear". */
static void neuron_inject_armed(struct neuron_device *ndev, bool armed)
{
	if (xchg(&ndev->fault_armed, armed) == armed)
		return;
	if (armed)
		neuron_pm_get_noresume(ndev);
	else
		neuron_pm_put(ndev);
}

static int neuron_inject(struct neuron_device *ndev, const char *command)
{
	u32 queue = 0, count = 1;
	char name[16];
	unsigned int i;
	u64 arg = 0;

	if (neuron_read(ndev, NEURON_REG_DEBUG_ID) != NEURON_DEBUG_ID)
		return -EOPNOTSUPP;

	if (sysfs_streq(command, "clear")) {
		neuron_write(ndev, NEURON_REG_DEBUG_CLEAR, 1);
		neuron_inject_armed(ndev, false);
		return 0;
	}

	if (sscanf(command, "%15s %u %u %llu", name, &queue, &count, &arg) < 3 ||
	    queue >= ndev->num_queues)
		return -EINVAL;

	for (i = 0; i < ARRAY_SIZE(neuron_injections); i++) {
		if (strcmp(neuron_injections[i].name, name))
			continue;
		neuron_write(ndev, NEURON_REG_DEBUG_QUEUE, queue);
		neuron_write(ndev, NEURON_REG_DEBUG_COUNT, count);
		neuron_write(ndev, NEURON_REG_DEBUG_ARG_LO, lower_32_bits(arg));
		neuron_write(ndev, NEURON_REG_DEBUG_ARG_HI, upper_32_bits(arg));
		neuron_write(ndev, NEURON_REG_DEBUG_INJECT, neuron_injections[i].value);
		neuron_inject_armed(ndev, true);
		return 0;
	}

	return -EINVAL;
}

static ssize_t neuron_inject_write(struct file *file, const char __user *from, size_t size,
				   loff_t *pos)
{
	struct neuron_device *ndev = file_inode(file)->i_private;
	char *command;
	int idx, ret;

	if (size > 64)
		return -EINVAL;

	command = memdup_user_nul(from, size);
	if (IS_ERR(command))
		return PTR_ERR(command);

	ret = -ENODEV;
	if (drm_dev_enter(&ndev->drm, &idx)) {
		ret = neuron_pm_get(ndev);
		if (!ret) {
			ret = neuron_inject(ndev, command);
			neuron_pm_put(ndev);
		}
		drm_dev_exit(idx);
	}
	kfree(command);

	return ret ?: size;
}

static const struct file_operations neuron_inject_fops = {
	.owner = THIS_MODULE,
	.open = neuron_inject_open,
	.read = seq_read,
	.write = neuron_inject_write,
	.llseek = seq_lseek,
	.release = single_release,
};

static const struct drm_debugfs_info neuron_debugfs_files[] = {
	{ "queues", neuron_debugfs_queues },
	{ "dram", neuron_debugfs_dram },
};

/**
 * neuron_debugfs_fini() - let go of the device
 * @ndev: device that is unplugged, so that nobody writes to its files any more
 */
void neuron_debugfs_fini(struct neuron_device *ndev)
{
	neuron_inject_armed(ndev, false);
}

/**
 * neuron_debugfs_init() - make the files
 * @ndev: device that is about to be registered
 */
void neuron_debugfs_init(struct neuron_device *ndev)
{
	struct drm_device *drm = &ndev->drm;

	drm_debugfs_add_files(drm, neuron_debugfs_files, ARRAY_SIZE(neuron_debugfs_files));
	debugfs_create_file("inject", 0600, drm->debugfs_root ?: drm->accel->debugfs_root, ndev,
			    &neuron_inject_fops);
}
