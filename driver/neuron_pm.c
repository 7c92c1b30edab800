// SPDX-License-Identifier: GPL-2.0-only

#include <linux/delay.h>
#include <linux/pm_runtime.h>

#include "neuron_device.h"
#include "neuron_pm.h"
#include "neuron_queue.h"

/**
 * DOC: Power
 *
 * At run time the device is awake while there is an open file, a job or a
 * buffer in its DRAM, and a second longer. Asleep (D3hot) its DRAM may lose
 * what it holds, but then there is nothing in it; when it wakes up, free
 * memory is zeroed anew.
 *
 * When the system is put to sleep the schedulers are paused, what executes
 * comes to its end, and what buffers in DRAM hold is copied to host memory,
 * zero pages excepted. When it wakes up all goes the other way. A job that does
 * not end in time keeps the system awake: the call that puts it to sleep fails
 * with EBUSY, and nothing is lost.
 */

#define NEURON_AUTOSUSPEND_MS	1000
#define NEURON_IDLE_MS		10000

/**
 * neuron_pm_get() - keep the device awake, wake it up if it is asleep
 * @ndev: device
 *
 * May sleep.
 *
 * Return: 0, or a negative error code.
 */
int neuron_pm_get(struct neuron_device *ndev)
{
	return pm_runtime_resume_and_get(ndev->drm.dev);
}

/**
 * neuron_pm_get_noresume() - keep a device awake that is awake
 * @ndev: device that somebody keeps awake at the moment
 */
void neuron_pm_get_noresume(struct neuron_device *ndev)
{
	pm_runtime_get_noresume(ndev->drm.dev);
}

/**
 * neuron_pm_put() - end what neuron_pm_get() began
 * @ndev: device, may be unplugged
 *
 * Callable from any context.
 */
void neuron_pm_put(struct neuron_device *ndev)
{
	pm_runtime_mark_last_busy(ndev->drm.dev);
	pm_runtime_put_autosuspend(ndev->drm.dev);
}

/* Nothing of the device is used any more when this returns. */
static void neuron_pm_power_off(struct neuron_device *ndev)
{
	neuron_chip_freeze(ndev);
	neuron_chip_quiet(ndev);
}

static bool neuron_pm_is_idle(struct neuron_device *ndev)
{
	bool idle = true;
	unsigned int i;

	for (i = 0; i < ndev->num_queues && idle; i++) {
		struct neuron_queue *q = ndev->queue[i];

		spin_lock_irq(&q->lock);
		idle = list_empty(&q->jobs);
		spin_unlock_irq(&q->lock);
	}

	return idle;
}

/* Interrupts and watchdogs still work, so that each job comes to its end. */
static int neuron_pm_wait_idle(struct neuron_device *ndev)
{
	unsigned long limit = jiffies + msecs_to_jiffies(NEURON_IDLE_MS);

	while (!neuron_pm_is_idle(ndev)) {
		if (time_after(jiffies, limit))
			return -EBUSY;
		usleep_range(200, 1000);
	}

	return 0;
}

static int neuron_pm_suspend(struct device *dev)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);
	int ret;

	neuron_queues_pause(ndev);

	ret = neuron_pm_wait_idle(ndev);
	if (ret) {
		dev_err(dev, "a job does not end; the system can't be put to sleep now\n");
		goto start;
	}

	ret = neuron_dram_save(ndev);
	if (ret) {
		dev_err(dev, "no memory to save device DRAM: %d\n", ret);
		goto start;
	}

	neuron_pm_power_off(ndev);

	return 0;

start:
	neuron_queues_continue(ndev);

	return ret;
}

static int neuron_pm_resume(struct device *dev)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	/* Should it not come back, jobs are LOST and calls get EIO. */
	neuron_dram_restore(ndev);
	neuron_chip_thaw(ndev);
	neuron_queues_continue(ndev);
	neuron_dram_start(ndev);

	return 0;
}

static int neuron_pm_runtime_suspend(struct device *dev)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	if (!neuron_pm_is_idle(ndev))
		return -EBUSY;

	neuron_pm_power_off(ndev);

	return 0;
}

static int neuron_pm_runtime_resume(struct device *dev)
{
	struct neuron_device *ndev = dev_get_drvdata(dev);

	neuron_dram_restore(ndev);
	neuron_chip_thaw(ndev);
	neuron_dram_start(ndev);

	return 0;
}

const struct dev_pm_ops neuron_pm_ops = {
	SYSTEM_SLEEP_PM_OPS(neuron_pm_suspend, neuron_pm_resume)
	RUNTIME_PM_OPS(neuron_pm_runtime_suspend, neuron_pm_runtime_resume, NULL)
};

/**
 * neuron_pm_start() - let the device sleep from now on
 * @ndev: device that works
 *
 * Ends what the PCI core has held for the time of the probe.
 */
void neuron_pm_start(struct neuron_device *ndev)
{
	struct device *dev = ndev->drm.dev;

	pm_runtime_set_autosuspend_delay(dev, NEURON_AUTOSUSPEND_MS);
	pm_runtime_use_autosuspend(dev);
	pm_runtime_allow(dev);
	neuron_pm_put(ndev);
}

/**
 * neuron_pm_stop() - keep the device awake until it is unbound
 * @ndev: device
 */
void neuron_pm_stop(struct neuron_device *ndev)
{
	struct device *dev = ndev->drm.dev;

	pm_runtime_get_sync(dev);
	pm_runtime_forbid(dev);
	pm_runtime_dont_use_autosuspend(dev);
}
