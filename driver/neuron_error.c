// SPDX-License-Identifier: GPL-2.0-only

#include <linux/pci.h>

#include "neuron_device.h"
#include "neuron_queue.h"

/**
 * DOC: Resets and errors from outside
 *
 * Somebody else resets the function: the administrator, through sysfs, or the
 * PCI core, because the link reported an error. Meanwhile the device is frozen:
 * no queue is used, and jobs line up. Afterwards it goes on; what executed is
 * CANCELLED.
 */

/* Time that the PCI core gets to recover the link after an error. */
#define NEURON_ERROR_TIMEOUT	(10 * HZ)

/* The PCI core saves and restores the configuration around a reset. */
static void neuron_reset_prepare(struct pci_dev *pdev)
{
	neuron_chip_freeze(pci_get_drvdata(pdev));
}

static void neuron_reset_done(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	atomic_inc(&ndev->chip_resets);
	neuron_chip_thaw(ndev);
}

/* The PCI core gave up without a word: see ourselves what is left. */
static void neuron_error_timeout(struct work_struct *work)
{
	struct neuron_device *ndev = container_of(to_delayed_work(work), struct neuron_device,
						  error_timeout);
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	dev_err(ndev->drm.dev, "nobody recovered the link\n");
	atomic_inc(&ndev->chip_resets);
	neuron_chip_thaw(ndev);
	drm_dev_exit(idx);
}

/*
 * The link reported an error. What the function does is stopped; the PCI core
 * resets the link if need be, and neuron_error_resume() goes on. If it can't
 * reset the link it does not tell.
 */
static pci_ers_result_t neuron_error_detected(struct pci_dev *pdev, pci_channel_state_t state)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	neuron_chip_freeze(ndev);
	mod_delayed_work(system_wq, &ndev->error_timeout, NEURON_ERROR_TIMEOUT);
	switch (state) {
	case pci_channel_io_normal:
		return PCI_ERS_RESULT_CAN_RECOVER;
	case pci_channel_io_frozen:
		return PCI_ERS_RESULT_NEED_RESET;
	default:
		neuron_chip_lose(ndev);
		return PCI_ERS_RESULT_DISCONNECT;
	}
}

static pci_ers_result_t neuron_error_mmio_enabled(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	return neuron_read(ndev, NEURON_REG_ID) == NEURON_ID ? PCI_ERS_RESULT_RECOVERED :
							       PCI_ERS_RESULT_NEED_RESET;
}

static pci_ers_result_t neuron_error_slot_reset(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	pci_restore_state(pdev);
	pci_save_state(pdev);
	if (neuron_read(ndev, NEURON_REG_ID) == NEURON_ID)
		return PCI_ERS_RESULT_RECOVERED;

	neuron_chip_lose(ndev);

	return PCI_ERS_RESULT_DISCONNECT;
}

static void neuron_error_resume(struct pci_dev *pdev)
{
	struct neuron_device *ndev = pci_get_drvdata(pdev);

	if (cancel_delayed_work_sync(&ndev->error_timeout))
		neuron_reset_done(pdev);
}

const struct pci_error_handlers neuron_pci_error_handlers = {
	.error_detected = neuron_error_detected,
	.mmio_enabled = neuron_error_mmio_enabled,
	.slot_reset = neuron_error_slot_reset,
	.resume = neuron_error_resume,
	.reset_prepare = neuron_reset_prepare,
	.reset_done = neuron_reset_done,
};

/**
 * neuron_error_init() - prepare for errors
 * @ndev: device that is being probed
 */
void neuron_error_init(struct neuron_device *ndev)
{
	INIT_DELAYED_WORK(&ndev->error_timeout, neuron_error_timeout);
}
