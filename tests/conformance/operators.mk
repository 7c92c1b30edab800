# SPDX-License-Identifier: MIT
# Random operator cases; see operator-fuzz.

GENERATE_OBJS := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/conformance/operators/generate*.c))

$(BUILD)/tests/conformance/operators/generate: $(GENERATE_OBJS)
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm

CFLAGS-tests/conformance/operators/opened := -I$(BUILD)/gen
$(BUILD)/obj/tests/conformance/operators/opened.o: | $(BUILD)/gen/onnx.pb-c.h
$(BUILD)/tests/conformance/operators/opened: \
		$(BUILD)/obj/tests/conformance/operators/opened.o $(BUILD)/lib/libneffc.a \
		$(BUILD)/lib/libnchip.a $(BUILD)/lib/libnkernels.a
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(NEFFC_LIBS)

HOST_TESTS += tests/conformance/operator-fuzz
check: $(BUILD)/tests/conformance/operators/generate $(BUILD)/tests/conformance/operators/opened
