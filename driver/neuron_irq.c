// SPDX-License-Identifier: GPL-2.0-only

#include <linux/interrupt.h>

#include "neuron_device.h"
#include "neuron_queue.h"

static irqreturn_t neuron_queue_irq(int irq, void *data)
{
	neuron_queue_interrupt(data);

	return IRQ_HANDLED;
}

/*
 * Errors that no completion tells of. They are rare, and what follows from them
 * is the watchdog's business.
 */
static irqreturn_t neuron_error_irq(int irq, void *data)
{
	struct neuron_device *ndev = data;
	struct device *dev = &ndev->pdev->dev;
	u32 error, index;

	error = neuron_read(ndev, NEURON_REG_ERROR);
	if (error == NEURON_GONE)
		return IRQ_HANDLED;
	index = neuron_read(ndev, NEURON_REG_ERROR_QUEUE);
	neuron_write(ndev, NEURON_REG_ERROR, error);

	if (error & NEURON_ERROR_ECC_CORRECTED) {
		neuron_counter_event(&ndev->stats.mem_ecc_corrected);
		dev_info_ratelimited(dev, "a memory error was corrected\n");
	}
	if (error & NEURON_ERROR_ECC_UNCORRECTED)
		dev_err_ratelimited(dev, "a memory error could not be corrected\n");

	if (error & NEURON_ERROR_FATAL) {
		/* Where it is noticed does not matter: all queues need the reset. */
		neuron_queue_kick(ndev->queue[0]);
		return IRQ_HANDLED;
	}

	error &= NEURON_ERROR_DOORBELL | NEURON_ERROR_RING_DMA | NEURON_ERROR_CONFIG |
		 NEURON_ERROR_CQ_OVERFLOW;
	if (error) {
		dev_err_ratelimited(dev, "error %#x on queue %u\n", error, index);
		if (index < ndev->num_queues)
			neuron_queue_kick(ndev->queue[index]);
	}

	return IRQ_HANDLED;
}

static void neuron_free_vectors(void *data)
{
	pci_free_irq_vectors(data);
}

/**
 * neuron_irq_init() - ask for the interrupts
 * @ndev: device with its queues set up in software
 *
 * One vector for errors and one for each queue. Hard interrupt handlers: what
 * they do is bounded by the size of a ring.
 *
 * Return: 0, or a negative error code.
 */
int neuron_irq_init(struct neuron_device *ndev)
{
	unsigned int i, vectors = NEURON_VECTOR_QUEUE(ndev->num_queues);
	struct pci_dev *pdev = ndev->pdev;
	struct device *dev = &pdev->dev;
	int ret;

	ret = pci_alloc_irq_vectors(pdev, vectors, vectors, PCI_IRQ_MSIX);
	if (ret < 0)
		return dev_err_probe(dev, ret, "%u MSI-X vectors are needed\n", vectors);

	ret = devm_add_action_or_reset(dev, neuron_free_vectors, pdev);
	if (ret)
		return ret;

	ret = devm_request_irq(dev, pci_irq_vector(pdev, NEURON_VECTOR_ERROR), neuron_error_irq, 0,
			       "neuron-error", ndev);
	if (ret)
		return ret;

	for (i = 0; i < ndev->num_queues; i++) {
		struct neuron_queue *q = ndev->queue[i];

		ret = devm_request_irq(dev, pci_irq_vector(pdev, NEURON_VECTOR_QUEUE(i)),
				       neuron_queue_irq, 0, q->name, q);
		if (ret)
			return ret;
	}

	return 0;
}
