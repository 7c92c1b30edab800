# SPDX-License-Identifier: MIT
# Unit tests of the compiler's back end.

NC_BACK_TEST_OBJS := $(patsubst %,$(BUILD)/obj/tests/unit/%.o,compiler_back \
	compiler_back_model compiler_back_run)

$(BUILD)/tests/unit/compiler_back: $(NC_BACK_TEST_OBJS) $(BUILD)/lib/libneffc.a \
		$(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $(NC_BACK_TEST_OBJS) $(NEFFC_LIBS) -o $@

UNIT_TESTS += $(BUILD)/tests/unit/compiler_back
ASAN_TESTS += compiler_back
