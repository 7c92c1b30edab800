// SPDX-License-Identifier: GPL-2.0-only

#include <linux/device.h>
#include <linux/kobject.h>
#include <linux/slab.h>
#include <linux/sysfs.h>

#include <drm/drm_file.h>

#include "neuron_device.h"
#include "neuron_job.h"
#include "neuron_pm.h"
#include "neuron_queue.h"
#include "neuron_stats.h"
#include "neuron_sysfs.h"

/**
 * DOC: sysfs
 *
 * /sys/class/neuron_device/neuronN describes the chip whose node is
 * /dev/accel/accelN, in the layout that schedulers and monitors of the real
 * chip look for; driver/sysfs-class-neuron_device has each file. They look
 * below /sys/devices/virtual, so that is where the class device is; its link
 * "device" leads to the PCI device.
 *
 * Directories and files live as long as the driver is bound: their removal
 * waits for readers, so whoever reads may use the device's structure. All of them
 * go with the class device, before the memory of any file is freed.
 */

static const struct class neuron_class = {
	.name = "neuron_device",
};

/**
 * struct neuron_leaf - a file
 * @attr: what sysfs has of it
 * @ndev: device
 * @counter: what it shows, or NULL
 * @text: what it shows, or NULL
 * @core: of which core
 */
struct neuron_leaf {
	struct kobj_attribute attr;
	struct neuron_device *ndev;
	struct neuron_counter *counter;
	const char *text;
	unsigned int core;
};

static struct neuron_leaf *to_neuron_leaf(struct kobj_attribute *attr)
{
	return container_of(attr, struct neuron_leaf, attr);
}

static ssize_t neuron_total_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&to_neuron_leaf(attr)->counter->total));
}

static ssize_t neuron_present_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&to_neuron_leaf(attr)->counter->present));
}

static ssize_t neuron_peak_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lld\n", atomic64_read(&to_neuron_leaf(attr)->counter->peak));
}

/* Events start over from zero, whatever is written. */
static ssize_t neuron_events_store(struct kobject *kobj, struct kobj_attribute *attr,
				   const char *buf, size_t size)
{
	struct neuron_counter *counter = to_neuron_leaf(attr)->counter;

	atomic64_set(&counter->total, 0);
	atomic64_set(&counter->present, 0);

	return size;
}

/* The peak starts over from what is in use. */
static ssize_t neuron_peak_store(struct kobject *kobj, struct kobj_attribute *attr,
				 const char *buf, size_t size)
{
	struct neuron_counter *counter = to_neuron_leaf(attr)->counter;

	atomic64_set(&counter->peak, 0);
	neuron_counter_use(counter, 0);

	return size;
}

static ssize_t neuron_text_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%s\n", to_neuron_leaf(attr)->text);
}

/* Jobs that have ended, and the one that executes. */
static ssize_t neuron_time_show(struct kobject *kobj, struct kobj_attribute *attr, char *buf)
{
	struct neuron_leaf *leaf = to_neuron_leaf(attr);
	struct neuron_queue *q = leaf->ndev->queue[leaf->core];
	u64 ns;

	spin_lock_irq(&q->lock);
	ns = q->busy_ns;
	if (!list_empty(&q->jobs))
		ns += ktime_to_ns(ktime_sub(ktime_get(), q->started));
	spin_unlock_irq(&q->lock);

	return sysfs_emit(buf, "%llu\n", ns);
}

static ssize_t neuron_reset(struct neuron_device *ndev, int core, const char *buf, size_t size)
{
	int idx, ret;
	bool yes;

	ret = kstrtobool(buf, &yes);
	if (ret)
		return ret;
	if (!yes)
		return -EINVAL;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	ret = neuron_pm_get(ndev);
	if (!ret) {
		ret = neuron_reset_request(ndev, core);
		neuron_pm_put(ndev);
	}
	drm_dev_exit(idx);

	return ret ?: size;
}

static ssize_t neuron_core_reset_store(struct kobject *kobj, struct kobj_attribute *attr,
				       const char *buf, size_t size)
{
	struct neuron_leaf *leaf = to_neuron_leaf(attr);

	return neuron_reset(leaf->ndev, leaf->core, buf, size);
}

static ssize_t reset_store(struct device *dev, struct device_attribute *attr, const char *buf,
			   size_t size)
{
	return neuron_reset(dev_get_drvdata(dev), -1, buf, size);
}
static DEVICE_ATTR_WO(reset);

static ssize_t core_count_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	return sysfs_emit(buf, "%u\n", ndev->num_cores);
}
static DEVICE_ATTR_RO(core_count);

/* There are no links between chips, so the list is empty. */
static ssize_t connected_devices_show(struct device *dev, struct device_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "\n");
}
static DEVICE_ATTR_RO(connected_devices);

static struct attribute *neuron_device_attrs[] = {
	&dev_attr_reset.attr,
	&dev_attr_core_count.attr,
	&dev_attr_connected_devices.attr,
	NULL
};
ATTRIBUTE_GROUPS(neuron_device);

static void neuron_dir_remove(void *kobj)
{
	kobject_put(kobj);
}

static struct kobject *neuron_dir_add(struct neuron_device *ndev, struct kobject *parent,
				      const char *name)
{
	struct kobject *dir = kobject_create_and_add(name, parent);
	int ret;

	if (!dir)
		return ERR_PTR(-ENOMEM);

	ret = devm_add_action_or_reset(&ndev->pdev->dev, neuron_dir_remove, dir);

	return ret ? ERR_PTR(ret) : dir;
}

/* A directory in a directory; returns the inner one. */
static struct kobject *neuron_dirs_add(struct neuron_device *ndev, struct kobject *parent,
				       const char *first, const char *second)
{
	struct kobject *dir = neuron_dir_add(ndev, parent, first);

	return IS_ERR(dir) ? dir : neuron_dir_add(ndev, dir, second);
}

/* The file goes with the class device, its memory later. */
static int neuron_leaf_add(struct kobject *dir, const char *name, umode_t mode,
			   const struct neuron_leaf *leaf)
{
	struct neuron_leaf *copy;

	copy = devm_kmemdup(&leaf->ndev->pdev->dev, leaf, sizeof(*leaf), GFP_KERNEL);
	if (!copy)
		return -ENOMEM;
	sysfs_attr_init(&copy->attr.attr);
	copy->attr.attr.name = name;
	copy->attr.attr.mode = mode;

	return sysfs_create_file(dir, &copy->attr.attr);
}

static int neuron_text_add(struct neuron_device *ndev, struct kobject *dir, const char *name,
			   const char *text)
{
	const struct neuron_leaf leaf = {
		.attr.show = neuron_text_show, .ndev = ndev, .text = text,
	};

	return neuron_leaf_add(dir, name, 0444, &leaf);
}

/* A directory with total and present. */
static int neuron_events_add(struct neuron_device *ndev, struct kobject *parent, const char *name,
			     struct neuron_counter *counter)
{
	struct neuron_leaf leaf = {
		.attr.show = neuron_total_show, .attr.store = neuron_events_store,
		.ndev = ndev, .counter = counter,
	};
	struct kobject *dir = neuron_dir_add(ndev, parent, name);
	int ret;

	if (IS_ERR(dir))
		return PTR_ERR(dir);

	ret = neuron_leaf_add(dir, "total", 0644, &leaf);
	leaf.attr.show = neuron_present_show;

	return ret ?: neuron_leaf_add(dir, "present", 0644, &leaf);
}

/* A directory with total, present and peak. */
static int neuron_memory_add(struct neuron_device *ndev, struct kobject *parent, const char *name,
			     struct neuron_counter *counter)
{
	struct neuron_leaf leaf = {
		.attr.show = neuron_total_show, .ndev = ndev, .counter = counter,
	};
	struct kobject *dir = neuron_dir_add(ndev, parent, name);
	int ret;

	if (IS_ERR(dir))
		return PTR_ERR(dir);

	ret = neuron_leaf_add(dir, "total", 0444, &leaf) ?:
	      neuron_leaf_add(dir, "present", 0444, &leaf);
	leaf.attr.show = neuron_peak_show;
	leaf.attr.store = neuron_peak_store;

	return ret ?: neuron_leaf_add(dir, "peak", 0644, &leaf);
}

static int neuron_core_status_add(struct neuron_device *ndev, struct kobject *stats,
				  struct neuron_core_stats *core)
{
	static const char *const names[NEURON_NUM_STATUSES] = {
		[NEURON_STATUS_SUCCESS] = "success",
		[NEURON_STATUS_FAILURE] = "failure",
		[NEURON_STATUS_TIMEOUT] = "timeout",
		[NEURON_STATUS_INVALID] = "invalid_error",
		[NEURON_STATUS_RESOURCE] = "resource_error",
		[NEURON_STATUS_HW_ERROR] = "hw_error",
		[NEURON_STATUS_COMPLETED_WITH_ERROR] = "execute_completed_with_error",
		[NEURON_STATUS_FAILED_TO_QUEUE] = "execute_failed_to_queue",
		[NEURON_STATUS_OOB] = "oob_error",
		[NEURON_STATUS_HBM_UE] = "hw_hbm_ue_error",
		[NEURON_STATUS_NC_UE] = "hw_nc_ue_error",
		[NEURON_STATUS_DMA_ABORT] = "hw_dma_abort_error",
	};
	struct kobject *dir = neuron_dir_add(ndev, stats, "status");
	unsigned int i;
	int ret;

	if (IS_ERR(dir))
		return PTR_ERR(dir);

	for (i = 0; i < NEURON_NUM_STATUSES; i++) {
		ret = neuron_events_add(ndev, dir, names[i], &core->status[i]);
		if (ret)
			return ret;
	}

	return 0;
}

static int neuron_core_info_add(struct neuron_device *ndev, struct kobject *stats,
				unsigned int index)
{
	struct neuron_core_stats *core = &ndev->stats.core[index];
	const struct neuron_leaf time = {
		.attr.show = neuron_time_show, .ndev = ndev, .core = index,
	};
	struct kobject *dir = neuron_dir_add(ndev, stats, "other_info"), *time_dir;
	int ret;

	if (IS_ERR(dir))
		return PTR_ERR(dir);

	time_dir = neuron_dir_add(ndev, dir, "nc_time_in_use");
	if (IS_ERR(time_dir))
		return PTR_ERR(time_dir);

	ret = neuron_leaf_add(time_dir, "total", 0444, &time);
	if (ret)
		return ret;

	return neuron_events_add(ndev, dir, "inference_count", &core->inferences) ?:
	       neuron_events_add(ndev, dir, "reset_req_count", &core->reset_requests) ?:
	       neuron_events_add(ndev, dir, "reset_fail_count", &core->reset_failures);
}

static int neuron_core_add(struct neuron_device *ndev, struct device *dev, unsigned int index)
{
	const struct neuron_leaf reset = {
		.attr.store = neuron_core_reset_store, .ndev = ndev, .core = index,
	};
	struct kobject *core, *dir;
	char name[24];
	int ret;

	snprintf(name, sizeof(name), "neuron_core%u", index);
	core = neuron_dir_add(ndev, &dev->kobj, name);
	if (IS_ERR(core))
		return PTR_ERR(core);

	dir = neuron_dirs_add(ndev, core, "info", "architecture");
	if (IS_ERR(dir))
		return PTR_ERR(dir);

	ret = neuron_text_add(ndev, dir, "arch_type", "NCv1") ?:
	      neuron_leaf_add(core, "reset", 0200, &reset);
	if (ret)
		return ret;

	dir = neuron_dir_add(ndev, core, "stats");
	if (IS_ERR(dir))
		return PTR_ERR(dir);

	return neuron_core_status_add(ndev, dir, &ndev->stats.core[index]) ?:
	       neuron_core_info_add(ndev, dir, index);
}

static int neuron_chip_stats_add(struct neuron_device *ndev, struct device *dev)
{
	struct neuron_stats *s = &ndev->stats;
	struct neuron_leaf leaf = {
		.attr.show = neuron_total_show, .attr.store = neuron_events_store, .ndev = ndev,
	};
	struct kobject *stats, *dir;
	int ret;

	stats = neuron_dir_add(ndev, &dev->kobj, "stats");
	if (IS_ERR(stats))
		return PTR_ERR(stats);

	dir = neuron_dir_add(ndev, stats, "memory_usage");
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	ret = neuron_memory_add(ndev, dir, "host_mem", &s->host_mem) ?:
	      neuron_memory_add(ndev, dir, "device_mem", &s->device_mem);
	if (ret)
		return ret;

	/* Plain files in the real tree, too. */
	dir = neuron_dir_add(ndev, stats, "hardware");
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	leaf.counter = &s->mem_ecc_corrected;
	ret = neuron_leaf_add(dir, "mem_ecc_corrected", 0644, &leaf);
	leaf.counter = &s->mem_ecc_uncorrected;
	ret = ret ?: neuron_leaf_add(dir, "mem_ecc_uncorrected", 0644, &leaf);
	leaf.counter = &s->sram_ecc_uncorrected;

	return ret ?: neuron_leaf_add(dir, "sram_ecc_uncorrected", 0644, &leaf);
}

static int neuron_tree_add(struct neuron_device *ndev, struct device *dev)
{
	struct kobject *dir;
	unsigned int i;
	int ret;

	ret = sysfs_create_link(&dev->kobj, &ndev->pdev->dev.kobj, "device");
	if (ret)
		return ret;

	dir = neuron_dirs_add(ndev, &dev->kobj, "info", "architecture");
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	ret = neuron_text_add(ndev, dir, "arch_type", "v1") ?:
	      neuron_text_add(ndev, dir, "instance_type", "Inf1") ?:
	      neuron_text_add(ndev, dir, "device_name", "Inferentia") ?:
	      neuron_chip_stats_add(ndev, dev);

	for (i = 0; i < ndev->num_cores && !ret; i++)
		ret = neuron_core_add(ndev, dev, i);

	return ret;
}

static void neuron_sysfs_release(struct device *dev)
{
	kfree(dev);
}

static void neuron_sysfs_remove(void *dev)
{
	device_unregister(dev);
}

/**
 * neuron_sysfs_add() - make the chip's tree
 * @ndev: device that works, and is about to be registered
 *
 * It is removed when the driver is unbound.
 *
 * Return: 0, or a negative error code.
 */
int neuron_sysfs_add(struct neuron_device *ndev)
{
	struct device *dev;
	int ret;

	dev = kzalloc(sizeof(*dev), GFP_KERNEL);
	if (!dev)
		return -ENOMEM;

	device_initialize(dev);
	dev->class = &neuron_class;
	dev->groups = neuron_device_groups;
	dev->release = neuron_sysfs_release;
	dev_set_drvdata(dev, ndev);
	/* The tree is to be there when programs are told of it. */
	dev_set_uevent_suppress(dev, true);
	ret = dev_set_name(dev, "neuron%d", ndev->drm.accel->index) ?: device_add(dev);
	if (ret) {
		put_device(dev);
		return ret;
	}

	ret = neuron_tree_add(ndev, dev);
	if (ret) {
		neuron_sysfs_remove(dev);
		return ret;
	}

	/* Last, and so the first to be done when the driver is unbound. */
	ret = devm_add_action_or_reset(&ndev->pdev->dev, neuron_sysfs_remove, dev);
	if (ret)
		return ret;

	dev_set_uevent_suppress(dev, false);
	kobject_uevent(&dev->kobj, KOBJ_ADD);

	return 0;
}

/**
 * neuron_sysfs_init() - register the class
 *
 * Return: 0, or a negative error code.
 */
int neuron_sysfs_init(void)
{
	return class_register(&neuron_class);
}

/**
 * neuron_sysfs_exit() - take the class away
 */
void neuron_sysfs_exit(void)
{
	class_unregister(&neuron_class);
}
