# SPDX-License-Identifier: MIT
# Cases that the chip and the host compute together.
CFLAGS-tests/conformance/host/cases := -I$(BUILD)/gen
$(BUILD)/obj/tests/conformance/host/cases.o: | $(BUILD)/gen/onnx.pb-c.h
$(BUILD)/tests/conformance/host-cases: $(BUILD)/obj/tests/conformance/host/cases.o \
		$(BUILD)/obj/onnx.pb-c.o
	$(call say,LD,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lprotobuf-c -lm

all: $(BUILD)/tests/conformance/host-cases
HOST_TESTS += tests/conformance/host-steps tests/conformance/host-speech tests/conformance/pieces
