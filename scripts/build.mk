# SPDX-License-Identifier: MIT
# From a fresh machine to a VM: packages, the guest's kernel, QEMU, the module.
#
# QEMU= (a binary) and KERNEL= (an image, with KDIR=, where its modules are built) use
# what you have; without them everything is fetched and built, in the cache.

export QEMU KERNEL KDIR JOBS

QEMU_BIN	:= $(if $(QEMU),$(QEMU),$(BUILD)/qemu/qemu-system-x86_64)
MODULE_STAMP	:= $(BUILD)/module/stock
DEBUG_STAMP	:= $(BUILD)/module/debug

qemu_sources	:= $(wildcard qemu-device/*.[ch] $(foreach d,chip isa kernels timing qemu, \
			qemu-device/$(d)/*) include/neuron/*.h) scripts/build-qemu
module_sources	:= $(wildcard Kbuild driver/* driver/tests/* include/neuron/*.h include/uapi/drm/*.h) \
			scripts/build-module

.PHONY: setup qemu qemu-asan kernel module module-debug module-kcsan debug-kernel clean-cache

setup: $(BUILD)/.packages kernel qemu ## install and fetch what is missing, build QEMU
	@:
qemu: $(QEMU_BIN) ## build QEMU with the device in it
	@:
qemu-asan: $(BUILD)/qemu-asan/qemu-system-x86_64 ## the same with ASan and UBSan
	@:
kernel: kernel-stock ## fetch the guest's kernel (Debian's 6.12)
	@:
debug-kernel: kernel-debug ## build a kernel with KASAN, lockdep and the like
	@:
module: $(MODULE_STAMP) ## build neuron.ko for the guest's kernel
	@:
module-debug: $(DEBUG_STAMP) ## build neuron.ko for the debug kernel
	@:
module-kcsan: $(BUILD)/module/kcsan ## build a kernel that finds data races, and neuron.ko for it
	@:

$(BUILD)/.packages: scripts/packages.txt
	$(Q)mkdir -p $(@D)
	$(Q)scripts/setup-packages
	$(Q)touch $@

# Tests skip without these, so a network that is down fails none.
$(BUILD)/.packages-check: scripts/packages-check.txt | $(BUILD)/.packages
	$(Q)if scripts/setup-packages $< && scripts/fetch-trace-viewer >/dev/null; then \
		touch $@; \
	else \
		echo "  SETUP    tests that want what is missing will skip"; \
	fi

ifeq ($(QEMU),)
$(QEMU_BIN): $(qemu_sources) | $(BUILD)/.packages
	$(Q)scripts/build-qemu
endif

$(BUILD)/qemu-asan/qemu-system-x86_64: $(qemu_sources) | $(BUILD)/.packages
	$(Q)scripts/build-qemu --asan

# Always run, since a look costs nothing; they touch NAME.release when it is
# another kernel than before.
.PHONY: kernel-stock kernel-debug kernel-kcsan
kernel-stock: | $(BUILD)/.packages
	$(Q)scripts/fetch-kernel
kernel-debug: | $(BUILD)/.packages
	$(Q)scripts/build-debug-kernel
kernel-kcsan: | $(BUILD)/.packages
	$(Q)scripts/build-debug-kernel kcsan
$(BUILD)/kernel/stock.release: | kernel-stock ;
$(BUILD)/kernel/debug.release: | kernel-debug ;
$(BUILD)/kernel/kcsan.release: | kernel-kcsan ;

$(MODULE_STAMP): $(module_sources) $(BUILD)/kernel/stock.release
	$(Q)scripts/build-module stock
	$(Q)touch $@

$(DEBUG_STAMP): $(module_sources) $(BUILD)/kernel/debug.release
	$(Q)scripts/build-module debug
	$(Q)touch $@

$(BUILD)/module/kcsan: $(module_sources) $(BUILD)/kernel/kcsan.release
	$(Q)scripts/build-module kcsan
	$(Q)touch $@

HOST_TESTS += tests/vm/test-neuron-vm

clean-cache: ## remove what setup fetched and built in the user's cache
	$(Q)rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}/neuron-accel"
