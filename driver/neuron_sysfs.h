/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef _NEURON_SYSFS_H_
#define _NEURON_SYSFS_H_

struct neuron_device;

int neuron_sysfs_init(void);
void neuron_sysfs_exit(void);
int neuron_sysfs_add(struct neuron_device *ndev);

#endif /* _NEURON_SYSFS_H_ */
