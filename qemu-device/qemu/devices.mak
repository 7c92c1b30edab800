# SPDX-License-Identifier: GPL-2.0-or-later
#
# The devices of the QEMU that scripts/build-qemu makes: what neuron-vm and the
# tests use. With QEMU's own list the device is there as well.
CONFIG_Q35=y
CONFIG_PCIE_PORT=y
CONFIG_XIO3130=y
CONFIG_VTD=y
CONFIG_AMD_IOMMU=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_SERIAL=y
CONFIG_VIRTIO_9P=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_RNG=y
CONFIG_NVME_PCI=y
CONFIG_PCI_TESTDEV=y
CONFIG_EDU=y
CONFIG_NEURON=y
