# SPDX-License-Identifier: MIT
# Random operator cases; see operator-fuzz.

GENERATE_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/conformance/operators/generate*.c))

$(BUILD)/tests/conformance/operators/generate: $(GENERATE_OBJS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm

HOST_TESTS += tests/conformance/operator-fuzz
check: $(BUILD)/tests/conformance/operators/generate
