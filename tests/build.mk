# SPDX-License-Identifier: MIT
#
# The suite. Folders add their programs to UNIT_TESTS, HOST_TESTS (scripts on
# this machine), VM_TESTS (run inside the virtual machine) and DEBUG_TESTS (in one
# with the debug kernel, behind an IOMMU).

.PHONY: check-unit check-vm check-debug check-style check-long

STYLE_TESTS += tests/style/style

# Programs of tests/unit that also run under sanitizers. They are built by
# recursion, below build/asan and build/tsan.
ASAN_PROGRAMS := $(addprefix $(BUILD)/asan/tests/unit/,$(ASAN_TESTS))
TSAN_PROGRAMS := $(addprefix $(BUILD)/tsan/tests/unit/,$(TSAN_TESTS))
UNIT_TESTS += $(ASAN_PROGRAMS) $(TSAN_PROGRAMS)

.PHONY: asan tsan
asan: ## build the unit tests with ASan and UBSan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan \
		EXTRA_CFLAGS='-fsanitize=address,undefined -fno-sanitize-recover=undefined -Wno-maybe-uninitialized' \
		EXTRA_LDFLAGS='-fsanitize=address,undefined' $(ASAN_PROGRAMS)
tsan: ## build the unit tests that have threads with TSan
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan \
		EXTRA_CFLAGS='-fsanitize=thread -Wno-tsan' \
		EXTRA_LDFLAGS='-fsanitize=thread' $(TSAN_PROGRAMS)
$(ASAN_PROGRAMS): asan
$(TSAN_PROGRAMS): tsan

check-style: ## formatting, SPDX lines, checkpatch, sparse, shellcheck
	$(Q)tests/run --logs $(BUILD)/check $(STYLE_TESTS)

# The PCI device without a guest.
QTEST_OBJS := $(addprefix $(BUILD)/obj/tests/qtest/,qtest.o vtd.o machine.o iommu.o migration.o neuron-qtest.o)

$(BUILD)/tests/qtest/neuron-qtest: $(QTEST_OBJS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/qtest/device: tests/qtest/device $(BUILD)/tests/qtest/neuron-qtest | qemu
	$(Q)install -m 755 $< $@

HOST_TESTS += $(BUILD)/tests/qtest/device

# Measurements. Figures are ratios within one run; nothing here passes or fails.
BENCH_PROGRAMS := $(addprefix $(BUILD)/tests/bench/,device jobs product-direct kernels memcpy model \
		  start replicas)

CFLAGS-tests/bench/device := -Ilibneuron/include
CFLAGS-tests/bench/jobs := -Ilibneuron/include

$(addprefix $(BUILD)/tests/bench/,device jobs): $(BUILD)/tests/bench/%: \
		$(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/tests/bench/product.o \
		$(BUILD)/lib/libneuron.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD)/lib -lneuron \
		-Wl,-rpath,'$$ORIGIN/../../lib'

CFLAGS-tests/bench/loaded := -Ilibneuron/include
CFLAGS-tests/bench/model := -Ilibneuron/include
CFLAGS-tests/bench/replicas := -Ilibneuron/include

CFLAGS-tests/bench/start := -Ilibneuron/include

$(addprefix $(BUILD)/tests/bench/,model replicas start): $(BUILD)/tests/bench/%: \
		$(BUILD)/obj/tests/bench/%.o $(BUILD)/obj/tests/bench/loaded.o \
		$(BUILD)/lib/libneuron.a $(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(LIBNEURON_LIBS)

$(BUILD)/tests/bench/product-direct: $(addprefix $(BUILD)/obj/tests/bench/,product-direct.o product.o)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -ldnnl

$(BUILD)/tests/bench/memcpy: $(BUILD)/obj/tests/bench/memcpy.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/tests/bench/networks: $(BUILD)/obj/tests/bench/networks.o \
		$(BUILD)/obj/tests/bench/calibrate/graphs.o \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) $(NEFFC_LIBS)

bench: all qemu module $(BENCH_PROGRAMS)
	$(Q)tests/bench/bench
	$(Q)tests/bench/onnxruntime

bench-networks: all $(BUILD)/tests/bench/networks ## large networks against ONNX Runtime, in sim
	$(Q)$(BUILD)/tests/bench/networks $(BUILD)/bench/networks
	$(Q)tests/bench/onnxruntime --no-vm --output networks.md \
		$(addprefix $(BUILD)/bench/networks/,mobilenet_v2 resnet50 bert_base bert_base_int8)

# Memory over many jobs.
CFLAGS-tests/vm/jobs := -Ilibneuron/include

$(BUILD)/tests/vm/jobs: $(addprefix $(BUILD)/obj/tests/,vm/jobs.o bench/product.o) \
			$(BUILD)/lib/libneuron.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o,$^) -L$(BUILD)/lib -lneuron \
		-Wl,-rpath,'$$ORIGIN/../../lib'

# A guest of its own, which is migrated.
CFLAGS-tests/vm/guest/loop := $(NRT_CPPFLAGS)

$(BUILD)/tests/vm/migrate-loop: $(BUILD)/obj/tests/vm/guest/loop.o $(BUILD)/lib/libnrt.so
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(NRT_LIBS)

$(BUILD)/tests/vm/migrate-init: tests/vm/guest/init.c
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -Os -static -s -Wall -Wextra -Werror -o $@ $<

MIGRATE_FILES := $(addprefix $(BUILD)/tests/vm/migrate-,loop init) $(BUILD)/keyword.neff

check: $(BUILD)/tests/vm/jobs $(BUILD)/tests/kselftest/sleep $(MIGRATE_FILES)
HOST_TESTS += tests/vm/steady-memory tests/vm/test-sleep tests/vm/migrate

# The documents: what their commands do, the dependency rule, and the options of the tools.
HOST_TESTS += tests/docs/commands tests/docs/dependencies tests/docs/options

# Last, when the lists are complete.
check: all setup module module-debug $(UNIT_TESTS) $(HOST_TESTS) $(VM_TESTS) $(DEBUG_TESTS)
	$(Q)tests/check --style "$(STYLE_TESTS)" --unit "$(UNIT_TESTS)" \
		--host "$(HOST_TESTS)" --vm "$(VM_TESTS)" --debug "$(DEBUG_TESTS) tests/vm/kmemleak"

check-unit: $(UNIT_TESTS) ## only the tests that need neither VM nor driver
	$(Q)tests/run --logs $(BUILD)/check $(UNIT_TESTS)

check-vm: all setup module $(VM_TESTS) ## only the tests inside the virtual machine
	$(Q)tests/check --vm "$(VM_TESTS)"

check-debug: setup module-debug $(DEBUG_TESTS) ## only those under the debug kernel, behind an IOMMU
	$(Q)tests/check --debug "$(DEBUG_TESTS) tests/vm/kmemleak"

# LONG='--seconds 60' and the like: see tests/check-long.
LONG_FILES := $(MIGRATE_FILES) $(BUILD)/tests/fuzz/chip
check-long: all setup module debug-kernel module-debug module-kcsan kselftest $(LONG_FILES) ## the promises at their full counts: hours
	$(Q)tests/check-long $(LONG)
