# SPDX-License-Identifier: MIT
#
# The module itself is built by kbuild (Kbuild, scripts/build-module). Here: its
# tests, which run as root in the virtual machine. HARNESS= builds them with the
# kernel's kselftest_harness.h of that path instead of our own.

KSELFTESTS := query bo prime copy submit resident fault sync isolation core recovery fdinfo sysfs trace fair power aer stress lifetime failing fuzz

KSELFTEST_OBJ := $(BUILD)/obj/tests/kselftest
KSELFTEST_CPPFLAGS := -Iinclude/uapi $(shell pkg-config --cflags libdrm 2>/dev/null)
ifneq ($(HARNESS),)
# It is not written for our warnings.
KSELFTEST_CPPFLAGS += -DNEURON_KSELFTEST_HARNESS='"$(HARNESS)"' -I$(dir $(HARNESS)) -Wno-error
endif

$(foreach t,$(KSELFTESTS) neuron_test,\
	$(eval CFLAGS-tests/kselftest/$(t) := $(KSELFTEST_CPPFLAGS)))

$(addprefix $(BUILD)/tests/kselftest/,$(KSELFTESTS) sleep): $(BUILD)/tests/kselftest/%: \
		$(KSELFTEST_OBJ)/%.o $(KSELFTEST_OBJ)/neuron_test.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^

# Runs where there is no file system any more: tests/vm/test-sleep.
CFLAGS-tests/kselftest/sleep := $(KSELFTEST_CPPFLAGS)
$(BUILD)/tests/kselftest/sleep: LDFLAGS += -static

.PHONY: kselftest
kselftest: $(addprefix $(BUILD)/tests/kselftest/,$(KSELFTESTS) sleep) ## build the tests of the driver

VM_TESTS += tests/vm/clock $(addprefix $(BUILD)/tests/kselftest/,$(KSELFTESTS)) tests/kselftest/kunit
DEBUG_TESTS += tests/vm/clock tests/kselftest/kunit $(addprefix $(BUILD)/tests/kselftest/,$(KSELFTESTS))
