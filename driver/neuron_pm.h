/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_PM_H_
#define _NEURON_PM_H_

#include <linux/pm.h>

struct neuron_device;

extern const struct dev_pm_ops neuron_pm_ops;

int neuron_pm_get(struct neuron_device *ndev);
void neuron_pm_get_noresume(struct neuron_device *ndev);
void neuron_pm_put(struct neuron_device *ndev);
void neuron_pm_start(struct neuron_device *ndev);
void neuron_pm_stop(struct neuron_device *ndev);

#endif /* _NEURON_PM_H_ */
