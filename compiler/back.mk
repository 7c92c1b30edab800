# SPDX-License-Identifier: MIT
# Unit tests of the compiler's back end.

NC_BACK_TESTS := compiler_back compiler_back_plan compiler_back_fuse compiler_cores
NC_BACK_SHARED := $(patsubst %,$(BUILD)/obj/tests/unit/%.o,\
	compiler_back_model compiler_back_run)

$(NC_BACK_TESTS:%=$(BUILD)/tests/unit/%): $(BUILD)/tests/unit/%: \
		$(BUILD)/obj/tests/unit/%.o $(NC_BACK_SHARED) \
		$(BUILD)/lib/libneffc.a $(BUILD)/lib/libnchip.a \
		$(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) $< $(NC_BACK_SHARED) $(NEFFC_LIBS) -o $@

UNIT_TESTS += $(NC_BACK_TESTS:%=$(BUILD)/tests/unit/%)
ASAN_TESTS += $(NC_BACK_TESTS)
