# SPDX-License-Identifier: MIT
# The modelled chip: kernels first, because the chip links them.
-include qemu-device/kernels/kernels.mk
-include qemu-device/chip/chip.mk
-include qemu-device/spec/spec.mk
